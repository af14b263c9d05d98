/* A trace read into turns: who said what, when, and how each dialog ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/packet.h"
#include "io/trace.h"
#include "plane/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A packet: who sends it, to whose port, when. Sequence numbers are counted from what was
 * sent; `skip` bytes are sent but not captured first. */
struct row {
	enum transport transport;
	uint16_t client_port;
	enum side from;
	int64_t at_ns;
	uint8_t flags;
	const char *bytes;
	uint32_t skip;
};

enum { SERVER_PORT = 6379, OTHER_PORT = 99, MS = 1000000, PORTS_MAX = 8 };
static const int64_t START_NS = INT64_C(1700000000) * 1000000000;

struct trace_of {
	char path[64];
	struct trace *trace;
	struct {
		uint16_t port;
		uint32_t next[NUM_SIDE];
	} streams[PORTS_MAX];
};

static uint32_t *next_of(struct trace_of *t, uint16_t port)
{
	size_t i = 0;

	while (t->streams[i].port && t->streams[i].port != port) {
		i++;
		assert_true(i < PORTS_MAX);
	}
	t->streams[i].port = port;
	return t->streams[i].next;
}

static void write_row(struct trace_of *t, const struct row *row)
{
	static const uint8_t MAC[6] = {2, 0, 0, 0, 0, 1};
	struct ipaddr client = {{10, 0, 0, 1}, 4}, server = {{10, 0, 0, 2}, 4};
	bool request = row->from == SIDE_REQUEST;
	uint16_t server_port = row->transport == TRANSPORT_UDP ? 53 : SERVER_PORT;
	struct packet_path path = {
		.from = request ? client : server,
		.to = request ? server : client,
		.from_port = request ? row->client_port : server_port,
		.to_port = request ? server_port : row->client_port,
	};
	struct span payload = span_str(row->bytes ? row->bytes : "");
	uint8_t frame[2000];
	size_t len = packet_ether(frame, MAC, MAC, &client);
	struct err err;

	if (row->transport == TRANSPORT_UDP) {
		len += packet_udp(frame + len, &path, payload);
	} else {
		uint32_t *next = next_of(t, row->client_port);
		struct packet_tcp tcp = {.flags = row->flags, .window = 1000};

		next[row->from] += row->skip;
		tcp.seq = next[row->from];
		tcp.ack = next[side_other(row->from)];
		next[row->from] += (uint32_t)payload.len +
				   ((row->flags & (PACKET_SYN | PACKET_FIN)) != 0);
		len += packet_tcp(frame + len, &path, &tcp, payload);
	}
	assert_int_equal(trace_write(t->trace, START_NS + row->at_ns, span_of(frame, len),
				     (uint32_t)len, &err),
			 0);
}

static struct proxy proxies[2];

static int read_rows(const struct row *rows, size_t num, struct script **out,
		     struct err *err)
{
	struct trace_of t = {.path = "/tmp/turncoat-script.XXXXXX"};
	int fd = mkstemp(t.path), code;

	assert_true(fd >= 0);
	close(fd);
	t.trace = trace_create(t.path, TRACE_ETHERNET, err);
	assert_non_null(t.trace);
	for (size_t i = 0; i < num; i++) {
		write_row(&t, &rows[i]);
	}
	assert_int_equal(trace_close(t.trace, err), 0);
	code = script_read(t.path, proxies, 2, out, err);
	unlink(t.path);
	return code;
}

/* "proxy client-port@opened: side@at "bytes" …" a dialog, one a line; times in ms. */
static void describe(const struct script *script, struct text *out)
{
	for (size_t i = 0; i < script->num_dialogs; i++) {
		const struct script_dialog *d = &script->dialogs[i];

		text_format(out, "%s %u@%lld:", d->proxy->name, d->addrs.client_port,
			    (long long)(d->opened_ns / MS));
		for (size_t j = 0; j < d->num_turns; j++) {
			const struct turn *turn = &d->turns[j];

			text_format(out, " %c%lld",
				    turn->side == SIDE_REQUEST ? 'C' : 'S',
				    (long long)(turn->at_ns / MS));
			switch (turn->kind) {
			case TURN_BYTES:
				text_byte(out, '=');
				text_bytes(out, d->bytes + turn->from, turn->len);
				break;
			case TURN_END:
				text_str(out, ".");
				break;
			case TURN_RESET:
				text_str(out, "!");
				break;
			}
		}
		text_str(out, d->midstream ? " midstream\n" : "\n");
	}
}

static void check(const struct row *rows, size_t num, const char *wanted)
{
	struct script *script;
	struct text got = {0};
	struct err err;

	if (read_rows(rows, num, &script, &err) < 0) {
		fail_msg("%s", err.text);
	}
	describe(script, &got);
	assert_string_equal(text_cstr(&got), wanted);
	assert_null(script->broken);
	text_done(&got);
	script_free(script);
}
#define CHECK(rows, wanted) check(rows, sizeof(rows) / sizeof((rows)[0]), wanted)

enum { ACK = PACKET_ACK, FIN = PACKET_FIN | PACKET_ACK, RST = PACKET_RST };

static void a_connection_becomes_turns(void **state)
{
	static const struct row ROWS[] = {
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 0, PACKET_SYN, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 0, PACKET_SYN | ACK, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 1 * MS, ACK, "ping", 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 2 * MS, ACK, "po", 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 2 * MS, ACK, "ng", 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 3 * MS, ACK, "!", 0},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 4 * MS, FIN, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 5 * MS, FIN, NULL, 0},
	};

	(void)state;
	CHECK(ROWS, "cache 1000@0: C1=ping S2=pong S3=! C4. S5.\n");
}

static void dialogs_come_in_the_order_of_opening(void **state)
{
	static const struct row ROWS[] = {
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 0, PACKET_SYN, NULL, 0},
		{TRANSPORT_TCP, 1001, SIDE_REQUEST, 1 * MS, PACKET_SYN, NULL, 0},
		{TRANSPORT_TCP, 1001, SIDE_REQUEST, 2 * MS, ACK, "b", 0},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 3 * MS, ACK, "a", 0},
		{TRANSPORT_TCP, 1001, SIDE_REPLY, 4 * MS, RST | ACK, NULL, 0},
	};

	(void)state;
	CHECK(ROWS, "cache 1000@0: C3=a\ncache 1001@1: C2=b S4!\n");
}

static void every_datagram_is_a_turn(void **state)
{
	static const struct row ROWS[] = {
		{TRANSPORT_UDP, 1000, SIDE_REQUEST, 0, 0, "q1", 0},
		{TRANSPORT_UDP, 1000, SIDE_REQUEST, 0, 0, "q2", 0},
		{TRANSPORT_UDP, 1000, SIDE_REQUEST, 1 * MS, 0, "", 0},
		{TRANSPORT_UDP, 1000, SIDE_REPLY, 2 * MS, 0, "r", 0},
	};

	(void)state;
	CHECK(ROWS, "dns 1000@0: C0=q1 C0=q2 C1= S2=r\n");
}

static void lost_bytes_are_zeros(void **state)
{
	static const struct row ROWS[] = {
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 0, PACKET_SYN, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 0, PACKET_SYN | ACK, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 1 * MS, ACK, "a", 0},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 2 * MS, ACK, "b", 3},
		{TRANSPORT_TCP, 1000, SIDE_REQUEST, 3 * MS, FIN, NULL, 0},
		{TRANSPORT_TCP, 1000, SIDE_REPLY, 4 * MS, FIN, NULL, 0},
	};
	struct script *script;
	struct text said = {0};
	struct err err;

	(void)state;
	assert_int_equal(read_rows(ROWS, sizeof(ROWS) / sizeof(ROWS[0]), &script, &err),
			 0);
	assert_int_equal(script->num_dialogs, 1);
	assert_int_equal(script->dialogs[0].gap_bytes, 3);
	for (size_t i = 0; i < script->dialogs[0].num_turns; i++) {
		const struct turn *turn = &script->dialogs[0].turns[i];

		if (turn->kind == TURN_BYTES) {
			text_bytes(&said, script->dialogs[0].bytes + turn->from,
				   turn->len);
		}
	}
	assert_true(span_eq(span_of(said.data, said.len), span_of("a\0\0\0b", 5)));
	text_done(&said);
	script_free(script);
}

static void a_gap_above_the_limit_ends_the_dialog(void **state)
{
	static const uint32_t GAPS[] = {1 << 20, (1 << 20) + 1};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct row rows[] = {
			{TRANSPORT_TCP, 1000, SIDE_REQUEST, 0, PACKET_SYN, NULL, 0},
			{TRANSPORT_TCP, 1000, SIDE_REPLY, 0, PACKET_SYN | ACK, NULL, 0},
			{TRANSPORT_TCP, 1000, SIDE_REQUEST, 1 * MS, ACK, "a", 0},
			{TRANSPORT_TCP, 1000, SIDE_REQUEST, 2 * MS, ACK, "b", GAPS[i]},
			{TRANSPORT_TCP, 1000, SIDE_REQUEST, 3 * MS, FIN, NULL, 0},
			{TRANSPORT_TCP, 1000, SIDE_REPLY, 4 * MS, FIN, NULL, 0},
		};
		size_t bytes = 0;
		struct script *script;
		struct err err;

		assert_int_equal(read_rows(rows, sizeof(rows) / sizeof(rows[0]), &script,
					   &err),
				 0);
		assert_int_equal(script->num_dialogs, 1);
		for (size_t j = 0; j < script->dialogs[0].num_turns; j++) {
			bytes += script->dialogs[0].turns[j].len;
		}
		assert_int_equal(bytes, i == 0 ? GAPS[0] + 2 : 1);
		assert_int_equal(script->dialogs[0].gap_bytes, GAPS[i]);
		script_free(script);
	}
}

static void what_is_no_trace_is_an_error(void **state)
{
	struct script *script = NULL;
	struct err err = {0};

	(void)state;
	assert_true(script_read("/nonexistent/trace.pcap", proxies, 2, &script, &err) <
		    0);
	assert_non_null(strstr(err.text, "/nonexistent/trace.pcap"));
	assert_null(script);
}

static int set_up(void **state)
{
	static const char *const NAMES[] = {"cache", "dns"};
	static const char *const UPSTREAMS[] = {"tcp://10.0.0.2:6379",
						"udp://10.0.0.2:53"};
	static struct arena arena;
	struct err err;

	for (unsigned i = 0; i < 2; i++) {
		proxies[i].name = NAMES[i];
		proxies[i].index = i;
		proxies[i].idle_ns = INT64_C(30000) * MS;
		if (endpoint_parse(UPSTREAMS[i], &proxies[i].upstream, &err) < 0 ||
		    framer_parse(&proxies[i].framer, "raw", &arena, &err) < 0) {
			return -1;
		}
		proxies[i].listen = proxies[i].upstream;
		proxies[i].listen.port = OTHER_PORT;
	}
	*state = &arena;
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		framer_release(&proxies[i].framer);
	}
	arena_done(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_becomes_turns),
		cmocka_unit_test(dialogs_come_in_the_order_of_opening),
		cmocka_unit_test(every_datagram_is_a_turn),
		cmocka_unit_test(lost_bytes_are_zeros),
		cmocka_unit_test(a_gap_above_the_limit_ends_the_dialog),
		cmocka_unit_test(what_is_no_trace_is_an_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
