/* A trace through the engine: what the log says, and what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packets.h"
#include "plane/offline.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORT = 80, TRACE_MAX = 1 << 20 };

/* One replay: its world, and the packets that were written. */
struct play {
	struct world world;
	int fd;
	char path[64];
	struct offline *offline;
	struct trace *out;
	struct text written; /* the file's bytes */
	struct text seen;    /* a line a packet */
};

static struct proxy *play_proxy(struct play *play, const char *frame, bool datagrams)
{
	struct proxy *proxy = world_proxy(&play->world, "web", frame);

	proxy->listen.transport = datagrams ? TRANSPORT_UDP : TRANSPORT_TCP;
	proxy->upstream.transport = proxy->listen.transport;
	proxy->idle_ns = datagrams ? MS(1000) : 0;
	strcpy(proxy->upstream.host, PACKETS_SERVER);
	proxy->upstream.port = PORT;
	return proxy;
}

static void play_init(struct play *play, const char *rules)
{
	*play = (struct play){.fd = memfd_create("out", MFD_CLOEXEC)};
	assert_true(play->fd >= 0);
	snprintf(play->path, sizeof(play->path), "/proc/self/fd/%d", play->fd);
	world_init(&play->world, rules, 1);
}

static void describe(struct text *out, const struct trace_packet *packet)
{
	struct packet_view view;

	packet_view_read(LINK_ETHERNET, packet->bytes, &view);
	text_format(out, "%lld %c",
		    (long long)((packet->at_ns - PACKETS_START_NS) / MS(1)),
		    view.from_port == PORT ? '<' : '>');
	for (int i = 0; view.kind == PACKET_TCP && i < 5; i++) {
		if (view.tcp.flags >> i & 1 && i != 3) {
			text_byte(out, "FSRPA"[i]);
		}
	}
	text_byte(out, ' ');
	for (size_t i = 0; i < view.payload.len; i++) {
		char byte = (char)view.payload.data[i];

		text_byte(out, byte == '\n' ? '/' : byte ? byte : '0');
	}
	text_byte(out, '\n');
}

static void read_back(struct play *play)
{
	struct traceread *trace;
	struct trace_packet packet;
	struct err err = {0};
	struct stat st;

	assert_int_equal(fstat(play->fd, &st), 0);
	assert_true(st.st_size < TRACE_MAX);
	text_reserve(&play->written, TRACE_MAX);
	play->written.len = (size_t)pread(play->fd, play->written.data, TRACE_MAX, 0);
	assert_int_equal(play->written.len, st.st_size);
	assert_int_equal(traceread_open(play->path, &trace, &err), 0);
	while (traceread_next(trace, &packet, &err) > 0) {
		describe(&play->seen, &packet);
	}
	assert_null(traceread_broken(trace));
	traceread_close(trace);
}

static void play_run(struct play *play, const struct packets *packets)
{
	struct world *world = &play->world;
	struct side_stats totals;
	struct err err = {0};

	play->out = trace_create(play->path, TRACE_ETHERNET, &err);
	assert_non_null(play->out);
	play->offline = offline_new(world->engine, LINK_ETHERNET, world->proxies,
				    world->num_proxies, play->out);
	for (size_t i = 0; i < packets->num; i++) {
		struct trace_packet packet = packets_get(packets, i);

		offline_packet(play->offline, &packet);
	}
	offline_finish(play->offline);
	assert_int_equal(offline_status(play->offline, &err), 0);
	offline_free(play->offline);
	assert_int_equal(trace_close(play->out, &err), 0);
	read_back(play);
	totals = engine_totals(world->engine);
	assert_true(side_stats_conserved(&totals));
}

static void play_done(struct play *play)
{
	world_done(&play->world);
	text_done(&play->written);
	text_done(&play->seen);
	close(play->fd);
}

/* --- what is written, packet by packet --- */

struct row {
	const char *name, *frame, *rules;
	bool datagrams;
	uint64_t replies;
	const char *label;
	struct step steps[16];
	const char *seen;
	const char *end; /* of the lane */
};

#define SHAKE(at)                                                   \
	{.at_ms = (at), .flags = "S", .seq = 99},                   \
		{.at_ms = (at),                                     \
		 .by_server = true,                                 \
		 .flags = "SA",                                     \
		 .seq = 499,                                        \
		 .ack = 100},                                       \
	{                                                           \
		.at_ms = (at), .flags = "A", .seq = 100, .ack = 500 \
	}
#define SHAKEN "0 >S \n0 <SA \n0 >A \n"

static const struct row ROWS[] = {
	{
		.name = "without faults it is the trace again",
		.frame = "line",
		.rules = "",
		.steps = {SHAKE(0),
			  CLIENT(1, .flags = "A", .seq = 100, .ack = 500,
				 .bytes = "a\nb\n"),
			  SERVER(2, .flags = "A", .seq = 500, .ack = 104),
			  SERVER(3, .flags = "A", .seq = 500, .ack = 104, .bytes = "c\n"),
			  CLIENT(4, .flags = "AF", .seq = 104, .ack = 502),
			  SERVER(5, .flags = "AF", .seq = 502, .ack = 105),
			  CLIENT(6, .flags = "A", .seq = 105, .ack = 503)},
		.seen = SHAKEN "1 >A a/b/\n2 <A \n3 <A c/\n4 >FA \n5 <FA \n5 >A \n",
		.end = "eof",
	},
	{
		.name = "judged units of one segment leave in one",
		.frame = "line",
		.rules = "[r]\nside = request\nmatch = /b/\ndo = drop\n",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 100, .ack = 500,
					   .bytes = "a\nb\nc\n")},
		.seen = SHAKEN "1 >A a/c/\n",
		.end = "trace-end",
	},
	{
		.name = "a delayed reply leaves at its time, behind the peers' ends",
		.frame = "line",
		.rules = "[r]\nside = reply\ndo = delay time=1s\n",
		.steps = {SHAKE(0), SERVER(3, .flags = "AF", .seq = 500, .bytes = "c\n"),
			  CLIENT(4, .flags = "AF", .seq = 100, .ack = 503)},
		.seen = SHAKEN "4 >FA \n1003 <A c/\n1003 <FA \n1003 >A \n",
		.end = "eof",
	},
	{
		.name = "what is delayed by more than an hour past the trace is held",
		.frame = "line",
		.rules = "[r]\nside = reply\ndo = delay time=1h\n"
			 "[s]\nside = reply\ndo = delay time=1h\n",
		.steps = {SHAKE(0), SERVER(3, .flags = "A", .seq = 500, .bytes = "c\n")},
		.seen = SHAKEN,
		.end = "trace-end",
	},
	{
		.name = "a reset by rule ends both ways, and the rest is swallowed",
		.frame = "line",
		.rules = "[r]\nside = request\nmatch = /b/\ndo = reset\n",
		.steps = {SHAKE(0),
			  CLIENT(1, .flags = "A", .seq = 100, .ack = 500, .bytes = "a\n"),
			  CLIENT(2, .flags = "A", .seq = 102, .ack = 500, .bytes = "b\n"),
			  SERVER(3, .flags = "A", .seq = 500, .ack = 104,
				 .bytes = "c\n")},
		.seen = SHAKEN "1 >A a/\n2 >RA \n2 <RA \n",
		.end = "rule-reset",
	},
	{
		.name = "a close by rule is an end from both",
		.frame = "line",
		.rules = "[r]\nside = request\ndo = close\n",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 100, .ack = 500,
					   .bytes = "a\n")},
		.seen = SHAKEN "1 >FA \n1 <FA \n",
		.end = "rule-close",
	},
	{
		.name = "the client's own reset",
		.frame = "line",
		.rules = "",
		.steps = {SHAKE(0), CLIENT(1, .flags = "RA", .seq = 100, .ack = 500)},
		.seen = SHAKEN "1 >RA \n",
		.end = "client-reset",
	},
	{
		.name = "a gap is zeros",
		.frame = "raw",
		.rules = "[r]\nside = request\nchance = 0%\ndo = drop\n",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 103, .bytes = "d"),
			  SERVER(2, .flags = "A", .seq = 500, .ack = 104)},
		.seen = SHAKEN "2 >A 000\n2 >A d\n2 <A \n",
		.end = "trace-end",
	},
	{
		.name = "begun in the middle there is no handshake",
		.frame = "line",
		.rules = "",
		.steps = {CLIENT(0, .flags = "A", .seq = 7, .ack = 9, .bytes = "a\n"),
			  SERVER(1, .flags = "A", .seq = 9, .ack = 9, .bytes = "b\n")},
		.seen = "0 >A a/\n1 <A b/\n",
		.end = "trace-end",
	},
	{
		.name = "replies wait until the lane has its name",
		.frame = "line",
		.label = "/id=([a-z])/",
		.rules = "",
		.steps = {SHAKE(0),
			  SERVER(1, .flags = "A", .seq = 500, .bytes = "hello\n"),
			  CLIENT(5, .flags = "A", .seq = 100, .ack = 506,
				 .bytes = "id=x\n")},
		.seen = SHAKEN "5 >A id=x/\n5 <A hello/\n",
		.end = "trace-end",
	},
	{
		.name = "datagrams",
		.frame = "raw",
		.datagrams = true,
		.rules = "[r]\nside = reply\ncount = 1\ndo = drop\n",
		.steps = {CLIENT(0, .bytes = "a"), SERVER(1, .bytes = "A"),
			  SERVER(2, .bytes = "B")},
		.seen = "0 > a\n2 < B\n",
		.end = "trace-end",
	},
	{
		.name = "a session ends by the replies that left, not by those that came",
		.frame = "raw",
		.datagrams = true,
		.replies = 1,
		.rules = "[r]\nside = reply\ncount = 1\ndo = drop\n",
		.steps = {CLIENT(0, .bytes = "a"), SERVER(1, .bytes = "A"),
			  SERVER(2, .bytes = "B")},
		.seen = "0 > a\n2 < B\n",
		.end = "replies",
	},
	{
		.name = "an idle session waits for what is yet to leave",
		.frame = "raw",
		.datagrams = true,
		.rules = "[r]\nside = request\ndo = delay time=1500ms\n",
		.steps = {CLIENT(0, .bytes = "a"), CLIENT(5000, .conn = 1, .bytes = "b")},
		.seen = "1500 > a\n6500 > b\n",
		.end = "idle",
	},
};

static size_t num_steps(const struct step *steps)
{
	size_t num = 0;

	while (num < 16 && (steps[num].flags || steps[num].bytes)) {
		num++;
	}
	return num;
}

static void a_trace_is_written_as_the_wire_would_have_been(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct packets packets = {0};
		struct play play;
		struct proxy *proxy;
		char end[64];

		play_init(&play, row->rules);
		proxy = play_proxy(&play, row->frame, row->datagrams);
		proxy->replies = row->replies;
		if (row->label) {
			world_label(proxy, "id=([a-z])");
		}
		packets_steps(&packets, row->steps, num_steps(row->steps), PORT);
		play_run(&play, &packets);
		if (strcmp(text_cstr(&play.seen), row->seen) != 0) {
			fail_msg("%s:\n%s", row->name, text_cstr(&play.seen));
		}
		snprintf(end, sizeof(end), "{\"end\":\"%s\"", row->end);
		if (!strstr(text_cstr(&play.world.log), end)) {
			fail_msg("%s:\n%s", row->name, text_cstr(&play.world.log));
		}
		packets_done(&packets);
		play_done(&play);
	}
}

/* --- gaps --- */

static void add_segment(struct packets *packets, int at_ms, uint32_t seq,
			struct span bytes, uint8_t flags)
{
	struct packet_path path = packets_path(0, PACKETS_CLIENT, PACKETS_SERVER, PORT);
	struct packet_tcp tcp = {
		.seq = seq, .ack = 500, .flags = flags, .window = 65535, .mss = 1460};

	packets_tcp(packets, at_ms, &path, &tcp, bytes);
}

static void gap_of(uint32_t len, bool ends)
{
	struct packets packets = {0};
	struct play play;
	char note[80];

	play_init(&play, "[r]\nside = request\nchance = 0%\ndo = drop\n");
	(void)play_proxy(&play, "raw", false);
	add_segment(&packets, 0, 99, (struct span){0}, PACKET_SYN);
	add_segment(&packets, 1, 100 + len, span_str("end"), PACKET_ACK);
	play_run(&play, &packets);
	snprintf(note, sizeof(note), "%u bytes are not in the trace", len);
	assert_int_equal(LOG_COUNT(&play.world, "\"note\":\"gap\"", note), 1);
	assert_int_equal(LOG_COUNT(&play.world, "{\"end\":\"gap\""), ends);
	assert_int_equal(engine_totals(play.world.engine).bytes_in, ends ? 0 : len + 3);
	packets_done(&packets);
	play_done(&play);
}

static void a_gap_is_judged_as_zeros_up_to_its_bound(void **state)
{
	(void)state;
	gap_of(1, false);
	gap_of(5000, false);
	gap_of(OFFLINE_GAP_MAX - 200000, false);
	gap_of(OFFLINE_GAP_MAX + 1, true);
}

/* --- what is nobody's --- */

static void frames_of_no_dialog_are_copied(void **state)
{
	static const struct step step = {3, .flags = "S", .seq = 7};
	struct packets packets = {0};
	struct play play;

	(void)state;
	play_init(&play, "");
	(void)play_proxy(&play, "line", false);
	packets_step(&packets, &step, PORT + 1);
	packets_add(&packets, 2, span_str("no packet at all"));
	play_run(&play, &packets);
	assert_string_equal(text_cstr(&play.seen), "3 >S \n2 > \n");
	assert_non_null(
		memmem(play.written.data, play.written.len, "no packet at all", 16));
	packets_done(&packets);
	play_done(&play);
}

/* --- one lane at a time under strict --- */

static void strict_swallows_a_weak_lane(void **state)
{
	static const struct step steps[] = {
		CLIENT(0, .flags = "A", .seq = 7, .ack = 9, .bytes = "a\n"),
		CLIENT(1, .conn = 1, .flags = "A", .seq = 7, .ack = 9, .bytes = "b\n"),
	};
	struct packets packets = {0};
	struct play play;

	(void)state;
	play_init(&play, "");
	world_done(&play.world);
	world_init_strict(&play.world, "", 1);
	(void)play_proxy(&play, "line", false);
	packets_steps(&packets, steps, 2, PORT);
	play_run(&play, &packets);
	assert_string_equal(text_cstr(&play.seen), "0 >A a/\n");
	assert_int_equal(LOG_COUNT(&play.world, "weak-lane-refused"), 1);
	packets_done(&packets);
	play_done(&play);
}

/* --- promises --- */

static const char *const FAULTS =
	"[cut]\nside = request\nmatch = /^x/\nchance = 2%\ndo = reset\n"
	"[lose]\nside = request\nchance = 10%\ndo = drop\n"
	"[swap]\nside = reply\nmatch = /[aeiou]/\nchance = 30%\ndo = mutate flip bits=3\n"
	"[twice]\nside = reply\nchance = 10%\ndo = duplicate copies=1\n"
	"[slow]\nside = reply\nchance = 10%\ndo = delay time=5ms jitter=2ms\n";

struct stream {
	char bytes[4096];
	size_t len, sent;
};

static void stream_make(struct rng *rng, struct stream *stream)
{
	stream->sent = 0;
	stream->len = (size_t)rng_between(rng, 1, sizeof(stream->bytes));
	for (size_t i = 0; i < stream->len; i++) {
		stream->bytes[i] =
			rng_odds(rng, 1, 12) ? '\n' : (char)('a' + rng_below(rng, 26));
	}
}

/* A connection with the same bytes each time, but another way of sending them. */
static void add_connection(struct packets *packets, struct rng *bytes, struct rng *way,
			   int conn, bool plain)
{
	struct packet_path path =
		packets_path(conn, PACKETS_CLIENT, PACKETS_SERVER, PORT);
	struct packet_path back = {path.to, path.from, path.to_port, path.from_port};
	struct packet_tcp tcp = {.flags = PACKET_SYN, .window = 65535, .mss = 1460};
	struct stream streams[NUM_SIDE];
	int at_ms = conn * 100;

	for (int side = 0; side < NUM_SIDE; side++) {
		stream_make(bytes, &streams[side]);
		tcp.seq = 0xfffffc00U; /* runs over */
		packets_tcp(packets, at_ms, side ? &back : &path, &tcp, (struct span){0});
		tcp.flags = PACKET_SYN | PACKET_ACK;
		tcp.ack = 0xfffffc01U; /* the SYN; the rest of it is never acknowledged */
	}
	tcp.flags = PACKET_ACK;
	for (int side = 0; side < NUM_SIDE; side++) {
		struct stream *s = &streams[side];

		while (s->sent < s->len) {
			struct span rest = span_of(s->bytes + s->sent, s->len - s->sent);
			struct span one =
				span_sub(rest, 0,
					 plain ? 1000 : rng_between(way, 1, 900));
			struct span two =
				span_sub(rest, one.len, plain ? 0 : rng_below(way, 900));

			if (two.len) { /* in front of what it follows */
				tcp.seq = 0xfffffc01U + (uint32_t)(s->sent + one.len);
				packets_tcp(packets, at_ms, side ? &back : &path, &tcp,
					    two);
			}
			tcp.seq = 0xfffffc01U + (uint32_t)s->sent;
			packets_tcp(packets, at_ms, side ? &back : &path, &tcp, one);
			if (!plain && rng_odds(way, 1, 3)) {
				packets_tcp(packets, at_ms, side ? &back : &path, &tcp,
					    one);
			}
			s->sent += one.len + two.len;
		}
	}
	for (int side = 0; side < NUM_SIDE; side++) {
		tcp.seq = 0xfffffc01U + (uint32_t)streams[side].len;
		tcp.flags = PACKET_FIN | PACKET_ACK;
		packets_tcp(packets, at_ms + 50, side ? &back : &path, &tcp,
			    (struct span){0});
	}
}

static void play_random(struct play *play, uint64_t seed, uint64_t way_seed, bool plain)
{
	struct rng bytes = rng_new(seed), way = rng_new(way_seed);
	struct packets packets = {0};

	play_init(play, FAULTS);
	(void)play_proxy(play, "line", false);
	for (int conn = 0; conn < 5; conn++) {
		add_connection(&packets, &bytes, &way, conn, plain);
	}
	play_run(play, &packets);
	packets_done(&packets);
}

static void the_same_trace_gives_the_same_log_and_packets(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct play one, two;

		play_random(&one, seed, seed, false);
		play_random(&two, seed, seed, false);
		assert_string_equal(text_cstr(&one.world.log), text_cstr(&two.world.log));
		assert_int_equal(one.written.len, two.written.len);
		assert_memory_equal(one.written.data, two.written.data, one.written.len);
		play_done(&one);
		play_done(&two);
	}
}

static void segments_change_nothing_in_the_canonical_log(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct play one, two;
		struct text left = {0}, right = {0};

		play_random(&one, seed, 1, true);
		play_random(&two, seed, seed, false);
		log_canonical(text_cstr(&one.world.log), &left);
		log_canonical(text_cstr(&two.world.log), &right);
		if (strcmp(text_cstr(&left), text_cstr(&right)) != 0) {
			log_show_difference(text_cstr(&left), text_cstr(&right));
			fail_msg("seed %llu", (unsigned long long)seed);
		}
		assert_true(LOG_COUNT(&one.world, "\"type\":\"unit\"") > 50);
		text_done(&left);
		text_done(&right);
		play_done(&one);
		play_done(&two);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_is_written_as_the_wire_would_have_been),
		cmocka_unit_test(a_gap_is_judged_as_zeros_up_to_its_bound),
		cmocka_unit_test(frames_of_no_dialog_are_copied),
		cmocka_unit_test(strict_swallows_a_weak_lane),
		cmocka_unit_test(the_same_trace_gives_the_same_log_and_packets),
		cmocka_unit_test(segments_change_nothing_in_the_canonical_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
