/* Captures, read back by libpcap and followed as a receiver would: every frame has the
 * right addresses and checksums, every TCP packet continues its conversation exactly.
 *
 * What was sent reads as words, one a packet: the last digits of the two Ethernet
 * addresses, letters for TCP flags (or U), and the payload's length if there is any. "12S
 * 21SA 12A 12AP5". Run frames are lines, with the number of packets in front of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "codec/runframe.h"
#include "plane/capture.h"

#include <pcap.h>
#include <stdlib.h>
#include <unistd.h>

#define OPENING "12S 21SA 12A "
#define CONNECTING "34S 43SA 34A "

static const int64_t START_NS = 1700000000 * INT64_C(1000000000);

static char path[] = "/tmp/test_capture.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* --- writing --- */

struct fixture {
	struct trace *trace;
	struct capture *capture;
};

static struct fixture fixture_new(uint32_t first_seq)
{
	struct capture_options options = {.start_ns = START_NS, .first_seq = first_seq};
	struct fixture fixture = {.trace = trace_create(path, TRACE_ETHERNET, NULL)};

	assert_non_null(fixture.trace);
	fixture.capture = capture_new(fixture.trace, &options);
	return fixture;
}

static void fixture_done(struct fixture *fixture)
{
	assert_int_equal(capture_status(fixture->capture, NULL), 0);
	capture_free(fixture->capture);
	assert_int_equal(trace_close(fixture->trace, NULL), 0);
}

static struct flow_addrs addrs_of(enum transport transport, const char *client,
				  uint16_t from, const char *server, uint16_t to)
{
	struct flow_addrs addrs = {.transport = transport,
				   .client_port = from,
				   .server_port = to};

	if (client) {
		assert_int_equal(ipaddr_parse(client, &addrs.client, NULL), 0);
	}
	if (server) {
		assert_int_equal(ipaddr_parse(server, &addrs.server, NULL), 0);
	}
	return addrs;
}

static struct flow_addrs client_face(enum transport transport)
{
	return addrs_of(transport, "10.0.0.7", 50001, "10.0.0.1", 6380);
}

static struct flow_addrs server_face(enum transport transport)
{
	return addrs_of(transport, "10.1.0.1", 40001, "10.1.0.9", 6379);
}

static struct capture_flow *open_both(struct fixture *fixture, enum transport transport)
{
	struct flow_addrs client = client_face(transport),
			  server = server_face(transport);
	struct capture_flow *flow =
		capture_flow_open(fixture->capture, "cache", &client, 0);

	capture_flow_accepted(flow, 0);
	capture_flow_connected(flow, &server, 0);
	return flow;
}

/* --- reading --- */

struct half {
	bool known;
	uint32_t next_seq;
	struct text bytes;
};

/* One capture's packets, all of one flow. */
struct reading {
	struct text words, lines;
	struct half halves[5]; /* by the sender's last Ethernet digit */
	unsigned ports[5];     /* likewise */
	size_t num_packets, num_bare_acks;
	int64_t last_ns;
	uint32_t first_seq; /* of the very first packet */
};

static unsigned be16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)be16(at) << 16 | be16(at + 2);
}

static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void check_ip(const uint8_t *ip, size_t len, unsigned protocol, size_t ip_head)
{
	uint32_t sum = protocol + (uint32_t)(len - ip_head);

	if (ip_head == 20) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(be16(ip + 2), len);
		assert_int_equal(sum_of(ip, 20), 0xffff);
		sum += sum_of(ip + 12, 8);
	} else {
		assert_int_equal(ip[0], 0x60);
		assert_int_equal(be16(ip + 4), len - 40);
		sum += sum_of(ip + 8, 32);
	}
	sum += sum_of(ip + ip_head, len - ip_head);
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	assert_int_equal(sum, 0xffff);
}

static void read_tcp(struct reading *reading, unsigned from, unsigned to,
		     const uint8_t *tcp, size_t len)
{
	static const char LETTERS[] = "FSRPA";
	static const char ORDER[] = "FSRAP";
	size_t head = (size_t)(tcp[12] >> 4) * 4, payload = len - head;
	struct half *sender = &reading->halves[from], *receiver = &reading->halves[to];
	unsigned flags = tcp[13];

	for (const char *letter = ORDER; *letter; letter++) {
		if (flags & 1u << (strchr(LETTERS, *letter) - LETTERS)) {
			text_byte(&reading->words, *letter);
		}
	}
	if (!sender->known) {
		assert_true(flags & 2);
		assert_int_equal(head, 28);
		sender->known = true;
		sender->next_seq = be32(tcp + 4);
		if (reading->num_packets == 0) {
			reading->first_seq = sender->next_seq;
		}
	} else {
		assert_false(flags & 2);
		assert_int_equal(head, 20);
	}
	assert_int_equal(be32(tcp + 4), sender->next_seq);
	if (flags & 16) {
		assert_int_equal(be32(tcp + 8), receiver->next_seq);
	} else {
		assert_int_equal(flags, 2);
		assert_int_equal(be32(tcp + 8), 0);
	}
	assert_true(be16(tcp + 14) > 0);
	sender->next_seq += (uint32_t)payload + ((flags & 3) != 0);
	text_bytes(&sender->bytes, tcp + head, payload);
	reading->num_bare_acks += flags == 16 && payload == 0;
	if (payload) {
		text_u64(&reading->words, payload);
	}
}

static void read_packet(struct reading *reading, const uint8_t *frame, size_t len)
{
	static const uint8_t prefix[5] = {2};
	unsigned to = frame[5], from = frame[11];
	bool ipv4 = be16(frame + 12) == 0x0800;
	size_t ip_head = ipv4 ? 20 : 40;
	const uint8_t *ip = frame + 14, *segment = ip + ip_head;
	unsigned protocol = ipv4 ? ip[9] : ip[6];

	assert_true(ipv4 || be16(frame + 12) == 0x86dd);
	assert_memory_equal(frame, prefix, 5);
	assert_memory_equal(frame + 6, prefix, 5);
	assert_true(from >= 1 && from <= 4 && to >= 1 && to <= 4);
	check_ip(ip, len - 14, protocol, ip_head);
	text_format(&reading->words, "%u%u", from, to);
	reading->ports[from] = be16(segment);
	reading->ports[to] = be16(segment + 2);
	if (protocol == 6) {
		read_tcp(reading, from, to, segment, len - 14 - ip_head);
	} else {
		assert_int_equal(protocol, 17);
		assert_int_equal(be16(segment + 4), len - 14 - ip_head);
		text_byte(&reading->words, 'U');
		text_u64(&reading->words, be16(segment + 4) - 8);
		text_bytes(&reading->halves[from].bytes, segment + 8,
			   be16(segment + 4) - 8u);
	}
	text_byte(&reading->words, ' ');
	reading->num_packets++;
}

static bool is_run_frame(const uint8_t *frame)
{
	return be16(frame + 12) == RUNFRAME_ETHERTYPE;
}

static void read_run_frame(struct reading *reading, struct span frame)
{
	static const uint8_t LINK[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct span payload = span_from(frame, sizeof(LINK));
	struct runframe unused;

	assert_memory_equal(frame.data, LINK, sizeof(LINK));
	assert_true(runframe_read(payload, &unused));
	text_u64(&reading->lines, reading->num_packets);
	text_byte(&reading->lines, ':');
	payload = span_from(payload, strlen("turncoat/1"));
	text_bytes(&reading->lines, payload.data, payload.len);
}

static void reading_init(struct reading *reading)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path,
							       PCAP_TSTAMP_PRECISION_NANO,
							       why);
	struct pcap_pkthdr *head;
	const u_char *data;
	int rc;

	memset(reading, 0, sizeof(*reading));
	assert_non_null(pcap);
	while ((rc = pcap_next_ex(pcap, &head, &data)) == 1) {
		int64_t at_ns = head->ts.tv_sec * INT64_C(1000000000) + head->ts.tv_usec;

		assert_int_equal(head->caplen, head->len);
		assert_true(at_ns >= START_NS + reading->last_ns);
		if (is_run_frame(data)) {
			read_run_frame(reading, span_of(data, head->caplen));
			continue;
		}
		reading->last_ns = at_ns - START_NS;
		read_packet(reading, data, head->caplen);
	}
	assert_int_equal(rc, PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void reading_done(struct reading *reading)
{
	for (size_t i = 0; i < 5; i++) {
		text_done(&reading->halves[i].bytes);
	}
	text_done(&reading->words);
	text_done(&reading->lines);
}

static void assert_words(const char *wanted)
{
	struct reading reading;

	reading_init(&reading);
	assert_string_equal(text_cstr(&reading.words), wanted);
	reading_done(&reading);
}

static struct span half_bytes(const struct reading *reading, unsigned from)
{
	return span_of(reading->halves[from].bytes.data, reading->halves[from].bytes.len);
}

/* --- tests --- */

static void both_faces_of_a_stream(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct capture_flow *flow = open_both(&fixture, TRANSPORT_TCP);
	struct reading reading;

	(void)state;
	capture_flow_in(flow, SIDE_REQUEST, span_str("GET a"), 10);
	capture_flow_out(flow, SIDE_REQUEST, span_str("GET b"), 20);
	capture_flow_in(flow, SIDE_REPLY, span_str("one"), 30);
	capture_flow_out(flow, SIDE_REPLY, span_str("four"), 40);
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_IN, 50);
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_OUT, 60);
	capture_flow_in(flow, SIDE_REPLY, span_str("bye"),
			70); /* the other half is open yet */
	capture_flow_fin(flow, SIDE_REPLY, CAPTURE_IN, 80);
	capture_flow_fin(flow, SIDE_REPLY, CAPTURE_OUT, 90);
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);

	reading_init(&reading);
	assert_string_equal(text_cstr(&reading.words), OPENING CONNECTING
			    "12AP5 34AP5 43AP3 21AP4 "
			    "12FA 21A 34FA 43A 43AP3 43FA 34A 21FA 12A ");
	assert_true(span_is(half_bytes(&reading, 1), "GET a"));
	assert_true(span_is(half_bytes(&reading, 3), "GET b"));
	assert_true(span_is(half_bytes(&reading, 4), "onebye"));
	assert_true(span_is(half_bytes(&reading, 2), "four"));
	assert_int_equal(reading.ports[1], 50001);
	assert_int_equal(reading.ports[2], 6380);
	assert_int_equal(reading.ports[3], 40001);
	assert_int_equal(reading.ports[4], 6379);
	assert_int_equal(reading.last_ns, 90);
	reading_done(&reading);
}

/* Data that nothing travels back for is acknowledged at every second segment. */
static void one_way_data_is_acknowledged(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct capture_flow *flow = open_both(&fixture, TRANSPORT_TCP);

	(void)state;
	for (int i = 0; i < 5; i++) {
		capture_flow_in(flow, SIDE_REQUEST, span_str("x"), i);
	}
	capture_flow_out(flow, SIDE_REPLY, span_str("y"), 9); /* acknowledges the fifth */
	capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 10);
	capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 11);
	capture_flow_in(flow, SIDE_REQUEST, span_of(NULL, 0), 12); /* nothing */
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);
	assert_words(OPENING CONNECTING
		     "12AP1 12AP1 21A 12AP1 12AP1 21A 12AP1 21AP1 12AP1 12AP1 21A ");
}

static void long_data_goes_in_segments(void **state)
{
	enum { LEN = 4 * 65000 + 1 };
	struct fixture fixture = fixture_new(1);
	struct capture_flow *flow = open_both(&fixture, TRANSPORT_TCP);
	uint8_t *bytes = malloc(LEN);
	struct reading reading;

	(void)state;
	for (size_t i = 0; i < LEN; i++) {
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	}
	capture_flow_in(flow, SIDE_REPLY, span_of(bytes, LEN), 1);
	capture_flow_in(flow, SIDE_REPLY, span_of(bytes, 65000), 2);
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);

	reading_init(&reading);
	assert_string_equal(text_cstr(&reading.words), OPENING CONNECTING
			    "43A65000 43A65000 34A 43A65000 43A65000 34A "
			    "43AP1 43AP65000 34A ");
	assert_true(
		span_eq(span_sub(half_bytes(&reading, 4), 0, LEN), span_of(bytes, LEN)));
	reading_done(&reading);
	free(bytes);
}

/* The reader's own 32-bit arithmetic fails if a number didn't wrap. */
static void sequence_numbers_wrap(void **state)
{
	struct fixture fixture = fixture_new(UINT32_MAX - 4);
	struct capture_flow *flow = open_both(&fixture, TRANSPORT_TCP);
	struct reading reading;

	(void)state;
	capture_flow_in(flow, SIDE_REQUEST, span_str("abcdefgh"), 1);
	capture_flow_in(flow, SIDE_REQUEST, span_str("ijkl"), 2);
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_IN, 3);
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);

	reading_init(&reading);
	assert_int_equal(reading.first_seq, UINT32_MAX - 4);
	assert_int_equal(reading.halves[1].next_seq, 9); /* -5 + SYN + 12 + FIN */
	assert_true(span_is(half_bytes(&reading, 1), "abcdefghijkl"));
	reading_done(&reading);
}

static void resets(void **state)
{
	static const struct {
		enum side side;
		enum capture_point point;
		const char *wanted;
	} ROWS[] = {
		{SIDE_REQUEST, CAPTURE_IN, OPENING CONNECTING "12AP1 12RA 43AP1 "},
		{SIDE_REQUEST, CAPTURE_OUT, OPENING CONNECTING "12AP1 34RA 12AP1 21A "},
		{SIDE_REPLY, CAPTURE_IN, OPENING CONNECTING "12AP1 43RA 12AP1 21A "},
		{SIDE_REPLY, CAPTURE_OUT, OPENING CONNECTING "12AP1 21RA 43AP1 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct fixture fixture = fixture_new(1);
		struct capture_flow *flow = open_both(&fixture, TRANSPORT_TCP);

		capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 1);
		capture_flow_reset(flow, ROWS[i].side, ROWS[i].point, 2);
		/* The face is closed, so only the other one still records. */
		capture_flow_reset(flow, ROWS[i].side, ROWS[i].point, 3);
		capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 4);
		capture_flow_in(flow, SIDE_REPLY, span_str("x"), 5);
		capture_flow_free(flow, "eof", 100);
		fixture_done(&fixture);
		assert_words(ROWS[i].wanted);
	}
}

static void what_cannot_be_is_not_recorded(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct flow_addrs client = client_face(TRANSPORT_TCP);
	struct flow_addrs server = server_face(TRANSPORT_TCP);
	struct capture_flow *flow =
		capture_flow_open(fixture.capture, "cache", &client, 0);

	(void)state;
	capture_flow_accepted(flow, 0);
	capture_flow_out(flow, SIDE_REQUEST, span_str("x"), 1); /* not connected yet */
	capture_flow_fin(flow, SIDE_REPLY, CAPTURE_IN, 1);
	capture_flow_reset(flow, SIDE_REPLY, CAPTURE_IN, 1);
	capture_flow_connected(flow, &server, 2);
	capture_flow_connected(flow, &server, 3); /* is already */
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_IN, 4);
	capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 5); /* behind its end */
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_IN, 6);
	capture_flow_reset(flow, SIDE_REQUEST, CAPTURE_OUT, 7);
	capture_flow_connected(flow, &server, 8); /* was already */
	capture_flow_free(flow, "eof", 100);
	capture_flow_free(NULL, "eof", 100);
	fixture_done(&fixture);
	assert_words(OPENING CONNECTING "12FA 21A 34RA ");
}

static void datagrams(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct capture_flow *flow = open_both(&fixture, TRANSPORT_UDP);
	uint8_t *bytes = calloc(1, 65508);
	struct reading reading;

	(void)state;
	capture_flow_in(flow, SIDE_REQUEST, span_str("ask"), 1);
	capture_flow_out(flow, SIDE_REQUEST, span_str("ask"), 2);
	capture_flow_in(flow, SIDE_REPLY, span_of(NULL, 0), 3);
	capture_flow_out(flow, SIDE_REPLY, span_str("told"), 4);
	capture_flow_fin(flow, SIDE_REQUEST, CAPTURE_IN, 5);
	capture_flow_reset(flow, SIDE_REPLY, CAPTURE_OUT, 6);
	capture_flow_in(flow, SIDE_REQUEST, span_of(bytes, 65507), 7);
	capture_flow_in(flow, SIDE_REQUEST, span_of(bytes, 65508),
			8); /* IPv4 has no such */
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);

	reading_init(&reading);
	assert_string_equal(text_cstr(&reading.words), "12U3 34U3 43U0 21U4 12U65507 ");
	assert_true(span_is(half_bytes(&reading, 2), "told"));
	assert_int_equal(reading.last_ns, 7);
	reading_done(&reading);
	free(bytes);
}

static void datagrams_over_ipv6(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct flow_addrs addrs =
		addrs_of(TRANSPORT_UDP, "2001:db8::1", 5353, "2001:db8::2", 53);
	struct capture_flow *flow =
		capture_flow_open(fixture.capture, "cache", &addrs, 0);
	uint8_t *bytes = calloc(1, 65528);

	(void)state;
	capture_flow_in(flow, SIDE_REQUEST, span_of(bytes, 65527), 1);
	capture_flow_in(flow, SIDE_REQUEST, span_of(bytes, 65528), 2);
	capture_flow_free(flow, "eof", 100);
	fixture_done(&fixture);
	assert_words("12U65527 ");
	free(bytes);
}

/* The first bytes of each packet that opens a face. Returns how many there are. */
static size_t read_syns(uint8_t *out, size_t each_bytes, size_t max)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, why);
	struct pcap_pkthdr *head;
	const u_char *data;
	size_t num = 0;

	assert_non_null(pcap);
	memset(out, 0, max * each_bytes);
	while (pcap_next_ex(pcap, &head, &data) == 1) {
		size_t ip_head = be16(data + 12) == 0x0800 ? 20 : 40;

		if (is_run_frame(data) || data[14 + ip_head + 13] != 2 /* SYN */) {
			continue;
		}
		assert_true(num < max);
		memcpy(out + num++ * each_bytes, data,
		       head->caplen < each_bytes ? head->caplen : each_bytes);
	}
	pcap_close(pcap);
	return num;
}

struct face_row {
	const char *name;
	enum transport transport;
	const char *client;
	uint16_t client_port;
	const char *server;
	uint16_t server_port;
	unsigned ethertype;
	const char *wanted_client; /* as they stand in the packet */
	uint16_t wanted_client_port;
	const char *wanted_server;
	uint16_t wanted_server_port;
};

static void addresses(void **state)
{
	static const struct face_row ROWS[] = {
		{"IPv4", TRANSPORT_TCP, "10.0.0.1", 5, "10.0.0.2", 6, 0x0800, "10.0.0.1",
		 5, "10.0.0.2", 6},
		{"IPv6", TRANSPORT_TCP, "::1", 5, "2001:db8::2", 6, 0x86dd, "::1", 5,
		 "2001:db8::2", 6},
		{"a dual-stack socket's", TRANSPORT_TCP, "::ffff:10.0.0.1", 5,
		 "::ffff:10.0.0.2", 6, 0x0800, "10.0.0.1", 5, "10.0.0.2", 6},
		{"of two families", TRANSPORT_TCP, "10.0.0.1", 5, "2001:db8::2", 6,
		 0x86dd, "::ffff:10.0.0.1", 5, "2001:db8::2", 6},
		{"none", TRANSPORT_UNIX, NULL, 0, NULL, 0, 0x0800, "127.0.0.1", 49152,
		 "127.0.0.1", 40001},
		{"none, but ports", TRANSPORT_UNIX, NULL, 7, NULL, 8, 0x0800, "127.0.0.1",
		 7, "127.0.0.1", 8},
		{"one is missing", TRANSPORT_TCP, NULL, 7, "2001:db8::2", 8, 0x86dd,
		 "::1", 7, "2001:db8::2", 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct face_row *row = &ROWS[i];
		struct flow_addrs addrs = addrs_of(row->transport, row->client,
						   row->client_port, row->server,
						   row->server_port);
		struct flow_addrs wanted = addrs_of(row->transport, row->wanted_client, 0,
						    row->wanted_server, 0);
		struct fixture fixture = fixture_new(1);
		uint8_t frame[128];
		const uint8_t *ip = frame + 14;
		size_t at = row->ethertype == 0x0800 ? 12 : 8,
		       len = wanted.client.len_bytes;
		struct capture_flow *flow;
		struct text line = {0};
		struct reading reading;

		print_message("# %s\n", row->name);
		flow = capture_flow_open(fixture.capture, "cache", &addrs, 0);
		capture_flow_accepted(flow, 0);
		capture_flow_free(flow, "eof", 0);
		fixture_done(&fixture);
		assert_int_equal(read_syns(frame, sizeof(frame), 1), 1);
		assert_int_equal(be16(ip - 2), row->ethertype);
		assert_memory_equal(ip + at, wanted.client.bytes, len);
		assert_memory_equal(ip + at + len, wanted.server.bytes, len);
		reading_init(&reading);
		assert_int_equal(reading.ports[1], row->wanted_client_port);
		assert_int_equal(reading.ports[2], row->wanted_server_port);
		text_format(&line, "0: open 0 %s cache %s %u %s %u\n3: close 0 eof\n",
			    row->transport == TRANSPORT_UNIX ? "unix" : "tcp",
			    row->wanted_client, row->wanted_client_port,
			    row->wanted_server, row->wanted_server_port);
		assert_string_equal(text_cstr(&reading.lines), text_cstr(&line));
		text_done(&line);
		reading_done(&reading);
	}
}

/* Two Unix flows, and the two faces of one, are different conversations, and start at
 * different sequence numbers. */
static void made_up_ports_differ(void **state)
{
	static const struct flow_addrs none = {.transport = TRANSPORT_UNIX};
	struct fixture fixture = fixture_new(1);
	struct capture_flow *one = capture_flow_open(fixture.capture, "cache", &none, 0);
	struct capture_flow *two = capture_flow_open(fixture.capture, "cache", &none, 0);
	uint8_t frames[3][14 + 20 + 20];
	const uint8_t *tcp[3];

	(void)state;
	capture_flow_accepted(one, 0);
	capture_flow_accepted(two, 0);
	capture_flow_connected(one, &none, 0);
	capture_flow_free(one, "eof", 0);
	capture_flow_free(two, "eof", 0);
	fixture_done(&fixture);
	assert_int_equal(read_syns(frames[0], sizeof(frames[0]), 3), 3);
	for (size_t i = 0; i < 3; i++) {
		tcp[i] = frames[i] + 14 + 20;
		assert_int_equal(tcp[i][13], 2); /* SYN */
	}
	assert_true(be16(tcp[0]) != be16(tcp[1]));
	assert_true(be32(tcp[0] + 4) != be32(tcp[1] + 4));
	assert_int_equal(be16(tcp[0] + 2), be16(tcp[1] + 2));
	assert_true(be16(tcp[0] + 2) != be16(tcp[2] + 2));
}

/* Frames that tell of the run stand where what they tell of happened. */
static void the_run_is_told_between_packets(void **state)
{
	struct fixture fixture = fixture_new(1);
	struct flow_addrs client = client_face(TRANSPORT_TCP);
	struct flow_addrs server = server_face(TRANSPORT_TCP);
	struct flow_addrs udp = client_face(TRANSPORT_UDP);
	struct capture_flow *flow, *other;
	struct reading reading;

	(void)state;
	capture_header(fixture.capture, span_str("{\"seed\":42}\n"), 0);
	flow = capture_flow_open(fixture.capture, "cache", &client, 1);
	capture_flow_accepted(flow, 1);
	capture_flow_accepted(flow, 1);
	capture_flow_connected(flow, &server, 2);
	capture_flow_connected(flow, &server, 3);
	other = capture_flow_open(fixture.capture, "a.b_c-D", &udp, 4);
	capture_flow_gone(flow, 4);
	capture_flow_gone(flow, 5);
	capture_flow_accepted(other, 6);
	capture_flow_free(other, "refused", 6);
	capture_flow_in(flow, SIDE_REQUEST, span_str("x"), 7);
	capture_flow_reset(flow, SIDE_REQUEST, CAPTURE_OUT, 8);
	capture_flow_free(flow, "rule-reset", 9);
	fixture_done(&fixture);

	reading_init(&reading);
	assert_string_equal(text_cstr(&reading.words), OPENING CONNECTING "12AP1 34RA ");
	assert_string_equal(text_cstr(&reading.lines),
			    "0: header 0 1\n{\"seed\":42}\n"
			    "0: open 0 tcp cache 10.0.0.7 50001 10.0.0.1 6380\n"
			    "3: connected 0 10.1.0.1 40001 10.1.0.9 6379\n"
			    "6: open 1 udp a.b_c-D 10.0.0.7 50001 10.0.0.1 6380\n"
			    "6: gone 0\n"
			    "6: close 1 refused\n"
			    "8: close 0 rule-reset\n");
	reading_done(&reading);
}

/* Rule files may be larger than a frame. */
static void a_long_header_goes_in_pieces(void **state)
{
	static const struct {
		size_t len, pieces;
	} ROWS[] = {
		{0, 1},
		{1, 1},
		{RUNFRAME_PIECE_MAX, 1},
		{RUNFRAME_PIECE_MAX + 1, 2},
		{3 * RUNFRAME_PIECE_MAX, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct fixture fixture = fixture_new(1);
		struct text line = {0}, again = {0};
		struct pcap_pkthdr *head;
		struct runframe frame;
		char why[PCAP_ERRBUF_SIZE];
		const u_char *data;
		pcap_t *pcap;
		uint32_t num = 0;

		for (size_t j = 0; j < ROWS[i].len; j++) {
			text_byte(&line, (char)('a' + j % 23));
		}
		capture_header(fixture.capture, span_of(line.data, line.len), 0);
		fixture_done(&fixture);
		pcap = pcap_open_offline(path, why);
		assert_non_null(pcap);
		while (pcap_next_ex(pcap, &head, &data) == 1) {
			assert_true(runframe_read(span_of(data + 14, head->caplen - 14),
						  &frame));
			assert_int_equal(frame.kind, RUNFRAME_HEADER);
			assert_int_equal(frame.piece, num++);
			assert_int_equal(frame.pieces, ROWS[i].pieces);
			text_bytes(&again, frame.bytes.data, frame.bytes.len);
		}
		pcap_close(pcap);
		assert_int_equal(num, ROWS[i].pieces);
		assert_string_equal(text_cstr(&again), text_cstr(&line));
		text_done(&again);
		text_done(&line);
	}
}

static void a_full_disk_stops_the_capture_not_the_flow(void **state)
{
	struct capture_options options = {.start_ns = START_NS};
	struct trace *trace = trace_create("/dev/full", TRACE_ETHERNET, NULL);
	struct capture *capture = capture_new(trace, &options);
	struct flow_addrs client = client_face(TRANSPORT_TCP);
	struct capture_flow *flow = capture_flow_open(capture, "cache", &client, 0);
	uint8_t *bytes = calloc(1, 1 << 20);
	struct err err = {0};

	(void)state;
	assert_int_equal(capture_status(capture, &err), 0);
	for (int i = 0; i < 4; i++) {
		capture_flow_in(flow, SIDE_REQUEST, span_of(bytes, 1 << 20), i);
	}
	assert_int_equal(capture_status(capture, &err), ERR_SYSTEM);
	assert_non_null(strstr(err.text, "/dev/full"));
	capture_flow_free(flow, "eof", 100);
	capture_free(capture);
	assert_int_equal(trace_close(trace, NULL), ERR_SYSTEM);
	free(bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_faces_of_a_stream),
		cmocka_unit_test(one_way_data_is_acknowledged),
		cmocka_unit_test(long_data_goes_in_segments),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(resets),
		cmocka_unit_test(what_cannot_be_is_not_recorded),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(datagrams_over_ipv6),
		cmocka_unit_test(addresses),
		cmocka_unit_test(made_up_ports_differ),
		cmocka_unit_test(the_run_is_told_between_packets),
		cmocka_unit_test(a_long_header_goes_in_pieces),
		cmocka_unit_test(a_full_disk_stops_the_capture_not_the_flow),
	};

	return cmocka_run_group_tests_name("capture", tests, make_file, remove_file);
}
