/*
 * trace FILE MBYTES: writes a packet trace (pcap, nanoseconds, Ethernet) of that size.
 *
 *   1,000 TCP connections at a time from 200 clients to 10.9.0.1:7379, each 40 rounds of
 *   request and reply, then another takes its place; 64 UDP sessions to 10.9.0.1:5300
 *   have a tenth of the rounds. A message opens with the length of what follows these
 *   four bytes, big-endian. Most replies fit one segment, one in 16 takes up to 12; every
 *   second segment and every message's last is acknowledged; one segment in 1,000 is sent
 *   twice, one in 1,000 arrives behind its successor. Segments carry timestamps,
 *   checksums are right.
 *
 * The same size gives the same bytes. At the end it says how many packets and messages.
 */
#include "net.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CONNS 1000
#define SESSIONS 64
#define CLIENTS 200
#define ROUNDS 40
#define SEGMENT 1448 /* behind a header with timestamps, in 1,500 bytes */
#define MESSAGE_MAX (12 * SEGMENT)
#define TCP_PORT 7379
#define UDP_PORT 5300
#define SERVER_ADDR 0x0a090001
#define CLIENT_ADDR 0x0a080000
#define START_S 1700000000LL
#define BUFFER_BYTES (1 << 20)

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };
enum { ETHER_AT = 0, IP_AT = 14, L4_AT = 34 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { CLIENT, SERVER };

struct peers {
	uint32_t client;
	uint16_t client_port, server_port;
	uint32_t seq[2];
	int rounds; /* left */
};

static struct {
	FILE *file;
	uint64_t bytes, packets, messages;
	int64_t now_ns;
	uint64_t random;
	uint32_t next_conn;
	uint8_t message[MESSAGE_MAX];
} out = {.now_ns = START_S * NS_PER_S, .random = 88172645463325252ULL};

/* xorshift64; 0 to below n */
static uint32_t draw(uint32_t n)
{
	out.random ^= out.random << 13;
	out.random ^= out.random >> 7;
	out.random ^= out.random << 17;
	return (uint32_t)(out.random >> 32) % n;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* RFC 1071 */
static uint64_t sum_add(uint64_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	}
	return len % 2 ? sum + ((uint32_t)bytes[len - 1] << 8) : sum;
}

static uint16_t sum_finish(uint64_t sum)
{
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void record_write(const uint8_t *frame, size_t len)
{
	uint32_t head[4] = {(uint32_t)(out.now_ns / NS_PER_S),
			    (uint32_t)(out.now_ns % NS_PER_S), (uint32_t)len,
			    (uint32_t)len};

	if (fwrite(head, sizeof(head), 1, out.file) != 1 ||
	    fwrite(frame, len, 1, out.file) != 1) {
		die("can't write the trace");
	}
	out.bytes += sizeof(head) + len;
	out.packets++;
	out.now_ns += 1000 + draw(9000);
}

/* Ethernet and IP in front of the l4_len bytes at frame + L4_AT, and their checksum. */
static void frame_write(uint8_t *frame, const struct peers *peers, int from,
			uint8_t protocol, size_t sum_at, size_t l4_len)
{
	uint8_t *ip = frame + IP_AT;
	uint64_t sum;

	memcpy(frame, "\2\0\0\0\0\1\2\0\0\0\0\2\10\0", IP_AT);
	frame[5] = (uint8_t)(1 + (from == CLIENT));
	frame[11] = (uint8_t)(1 + (from == SERVER));
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(20 + l4_len));
	put16(ip + 4, (uint32_t)out.packets);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, from == CLIENT ? peers->client : SERVER_ADDR);
	put32(ip + 16, from == CLIENT ? SERVER_ADDR : peers->client);
	put16(ip + 10, sum_finish(sum_add(0, ip, 20)));
	put16(frame + L4_AT, from == CLIENT ? peers->client_port : peers->server_port);
	put16(frame + L4_AT + 2,
	      from == CLIENT ? peers->server_port : peers->client_port);
	sum = sum_add(protocol + l4_len, ip + 12, 8);
	put16(frame + L4_AT + sum_at, sum_finish(sum_add(sum, frame + L4_AT, l4_len)));
	record_write(frame, L4_AT + l4_len);
}

static void segment_write(const struct peers *peers, int from, uint32_t seq, int flags,
			  const uint8_t *bytes, size_t len)
{
	uint8_t frame[L4_AT + 32 + SEGMENT];
	uint8_t *tcp = frame + L4_AT;

	memset(tcp, 0, 32);
	put32(tcp + 4, seq);
	put32(tcp + 8, flags & ACK ? peers->seq[!from] : 0);
	tcp[12] = 8 << 4;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 64240);
	memcpy(tcp + 20, "\1\1\10\12", 4); /* two NOPs, timestamps */
	put32(tcp + 24, (uint32_t)(out.now_ns / NS_PER_MS));
	put32(tcp + 28, flags & ACK ? (uint32_t)(out.now_ns / NS_PER_MS) - 1 : 0);
	if (len > 0) {
		memcpy(tcp + 32, bytes, len);
	}
	frame_write(frame, peers, from, PROTOCOL_TCP, 16, 32 + len);
}

static void ack_write(const struct peers *peers, int from)
{
	segment_write(peers, from, peers->seq[from], ACK, NULL, 0);
}

static void message_make(size_t len)
{
	put32(out.message, (uint32_t)(len - 4));
	put32(out.message + 4, draw(UINT32_MAX));
	out.messages++;
}

static void stream_write(struct peers *peers, int from, size_t len)
{
	size_t at = 0, num = 0;

	message_make(len);
	while (at < len) {
		size_t some = len - at < SEGMENT ? len - at : SEGMENT;
		size_t next = at + some;
		size_t behind = len - next < SEGMENT ? len - next : SEGMENT;
		uint32_t seq = peers->seq[from];
		int flags = next == len ? ACK | PSH : ACK;
		bool late = behind > 0 && draw(1000) == 0;

		if (late) {
			segment_write(peers, from, seq + (uint32_t)some, ACK,
				      out.message + next, behind);
		}
		segment_write(peers, from, seq, flags, out.message + at, some);
		if (!late && draw(1000) == 0) {
			segment_write(peers, from, seq, flags, out.message + at, some);
		}
		at = late ? next + behind : next;
		peers->seq[from] += (uint32_t)(late ? some + behind : some);
		if (++num % 2 == 0 || at == len) {
			ack_write(peers, !from);
		}
	}
}

static size_t reply_len(void)
{
	return draw(16) == 0 ? 1000 + draw(MESSAGE_MAX - 1000) : 16 + draw(1100);
}

static void tcp_open(struct peers *peers)
{
	uint32_t n = out.next_conn++;

	*peers = (struct peers){
		.client = CLIENT_ADDR + 1 + n % CLIENTS,
		.client_port = (uint16_t)(1024 + n / CLIENTS % 60000),
		.server_port = TCP_PORT,
		.seq = {draw(UINT32_MAX), draw(UINT32_MAX)},
		.rounds = ROUNDS,
	};
	for (int from = CLIENT; from <= SERVER; from++) {
		segment_write(peers, from, peers->seq[from],
			      from == CLIENT ? SYN : SYN | ACK, NULL, 0);
		peers->seq[from]++;
	}
	ack_write(peers, CLIENT);
}

static void tcp_close(struct peers *peers)
{
	for (int from = CLIENT; from <= SERVER; from++) {
		segment_write(peers, from, peers->seq[from], FIN | ACK, NULL, 0);
		peers->seq[from]++;
	}
	ack_write(peers, CLIENT);
}

static void tcp_round(struct peers *peers)
{
	stream_write(peers, CLIENT, 20 + draw(200));
	stream_write(peers, SERVER, reply_len());
	if (--peers->rounds == 0) {
		tcp_close(peers);
		tcp_open(peers);
	}
}

static void datagram_write(const struct peers *peers, int from, size_t len)
{
	uint8_t frame[L4_AT + 8 + 512];

	message_make(len);
	put16(frame + L4_AT + 4, (uint32_t)(8 + len));
	put16(frame + L4_AT + 6, 0);
	memcpy(frame + L4_AT + 8, out.message, len);
	frame_write(frame, peers, from, PROTOCOL_UDP, 6, 8 + len);
}

static void udp_round(uint32_t session)
{
	const struct peers peers = {
		.client = CLIENT_ADDR + 1 + session % CLIENTS,
		.client_port = (uint16_t)(40000 + session),
		.server_port = UDP_PORT,
	};

	datagram_write(&peers, CLIENT, 24 + draw(40));
	datagram_write(&peers, SERVER, 40 + draw(460));
}

int main(int argc, char **argv)
{
	static struct peers conns[CONNS];
	static char buffer[BUFFER_BYTES];
	static const uint32_t head[6] = {0xa1b23c4d, 4U << 16 | 2, 0, 0, 262144, 1};
	uint64_t bytes;

	if (argc != 3) {
		die("usage: trace FILE MBYTES");
	}
	bytes = (uint64_t)number_parse(argv[2], "MBYTES", 1, 100000) * 1000000;
	out.file = fopen(argv[1], "we");
	if (!out.file || setvbuf(out.file, buffer, _IOFBF, sizeof(buffer)) != 0 ||
	    fwrite(head, sizeof(head), 1, out.file) != 1) {
		die("can't write %s", argv[1]);
	}
	out.bytes = sizeof(head);
	memset(out.message, 'x', sizeof(out.message));
	for (int i = 0; i < CONNS; i++) {
		tcp_open(&conns[i]);
	}
	while (out.bytes < bytes) {
		if (draw(10) == 0) {
			udp_round(draw(SESSIONS));
		} else {
			tcp_round(&conns[draw(CONNS)]);
		}
	}
	if (fclose(out.file) != 0) {
		die("can't write %s", argv[1]);
	}
	printf("bytes=%llu packets=%llu messages=%llu\n", (unsigned long long)out.bytes,
	       (unsigned long long)out.packets, (unsigned long long)out.messages);
	return 0;
}
