/* unchecked-checksum: records with a checksum, stored over a stream, and read back.
 *
 * The bug: the server stores a record whose checksum is wrong.
 * Known minimum: 1 fault, a flipped bit in a record's payload.
 *
 * A message is its length after these two bytes, big endian, then struct body.
 *
 *   unchecked-checksum --buggy|--correct server PORT
 *   unchecked-checksum --buggy|--correct client PORT
 *   unchecked-checksum --buggy|--correct check PORT   fails unless all are as sent
 */
#include "net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	RECORDS = 40,
	PAYLOAD_BYTES = 16,
};

struct body {
	char type; /* 'p'ut, 'o'k, 'b'ad, 'g'et, 'r'ecord */
	uint8_t n;
	char payload[PAYLOAD_BYTES];
	uint32_t checksum; /* of what stands in front; network byte order */
} __attribute__((packed));

struct message {
	uint16_t len;
	struct body body;
} __attribute__((packed));

/* FNV-1a */
static uint32_t checksum_of(const struct body *body)
{
	const uint8_t *bytes = (const uint8_t *)body;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < offsetof(struct body, checksum); i++) {
		sum = (sum ^ bytes[i]) * 16777619u;
	}
	return htonl(sum);
}

static void message_send(struct conn *conn, char type, uint8_t n,
			 const char payload[PAYLOAD_BYTES])
{
	struct message message = {
		.len = htons(sizeof(struct body)),
		.body = {.type = type, .n = n},
	};

	memcpy(message.body.payload, payload, PAYLOAD_BYTES);
	message.body.checksum = checksum_of(&message.body);
	conn_send(conn, &message, sizeof(message));
}

static enum conn_result message_receive(struct conn *conn, int wait_ms, struct body *out,
					bool *out_intact)
{
	struct message message;
	enum conn_result result = conn_bytes(conn, wait_ms, &message, sizeof(message));

	if (result == CONN_LINE) {
		*out = message.body;
		*out_intact = message.body.checksum == checksum_of(&message.body);
	}
	return result;
}

static _Noreturn void serve(const char *port, bool buggy)
{
	static char records[256][PAYLOAD_BYTES];
	int listener = tcp_serve(port);
	struct conn conn;
	struct body body;
	bool intact;

	for (;;) {
		conn = tcp_accept(listener);
		while (message_receive(&conn, NET_FOREVER, &body, &intact) == CONN_LINE) {
			if (!intact && !buggy) {
				message_send(&conn, 'b', body.n, body.payload);
			} else if (body.type == 'g') {
				message_send(&conn, 'r', body.n, records[body.n]);
			} else {
				memcpy(records[body.n], body.payload, PAYLOAD_BYTES);
				message_send(&conn, 'o', body.n, body.payload);
			}
		}
		conn_close(&conn);
	}
}

static void payload_of(int n, char out[PAYLOAD_BYTES])
{
	for (int i = 0; i < PAYLOAD_BYTES; i++) {
		out[i] = (char)('a' + (n + i) % 26);
	}
}

/* Asks until an intact answer of that type is there. */
static struct body ask(struct conn *conn, char type, char wanted, int n)
{
	char payload[PAYLOAD_BYTES];
	enum conn_result result;
	struct body body;
	bool intact;

	payload_of(n, payload);
	for (int try = 0; try < NET_TRIES_MAX; try++) {
		message_send(conn, type, (uint8_t)n, payload);
		result = message_receive(conn, NET_WAIT_MS, &body, &intact);
		if (result != CONN_LINE && result != CONN_NONE) {
			net_die("the server hung up");
		}
		if (result == CONN_LINE && intact && body.type == wanted && body.n == n) {
			return body;
		}
	}
	net_die("no answer about record %d", n);
}

static int check(struct conn *conn)
{
	char payload[PAYLOAD_BYTES];
	int num_wrong = 0;
	struct body body;

	for (int n = 0; n < RECORDS; n++) {
		body = ask(conn, 'g', 'r', n);
		payload_of(n, payload);
		if (memcmp(body.payload, payload, PAYLOAD_BYTES) != 0) {
			printf("record %d: %.*s, not %.*s\n", n, PAYLOAD_BYTES,
			       body.payload, PAYLOAD_BYTES, payload);
			num_wrong++;
		}
	}
	return num_wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	struct conn conn;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0], args.buggy);
	}
	conn = tcp_connect(args.rest[0]);
	if (strcmp(args.role, "check") == 0) {
		return check(&conn);
	}
	for (int n = 0; n < RECORDS; n++) {
		ask(&conn, 'p', 'o', n);
	}
	conn_close(&conn);
	return 0;
}
