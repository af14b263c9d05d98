/* A replay that meets other input than its log had, or a log that was edited by hand:
 * bytes are conserved, units leave once, and nothing waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../plane/world.h"
#include "app/replay_load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SEED = 42 };

/* As a file, with the header that a world leaves out. */
static struct replay_log *load(const char *lines, struct ruleset *set)
{
	static const char HEADER[] = "{\"abi\":1,\"files\":[],\"seed\":42,\"type\":"
				     "\"header\",\"version\":\"0.1.0\"}\n";
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct replay_log *log = NULL;
	struct err err = {0};
	char path[64];

	if (fd < 0 || write(fd, HEADER, sizeof(HEADER) - 1) < 0 ||
	    write(fd, lines, strlen(lines)) < 0) {
		abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (replay_log_load_with(path, REPLAY_FAIL, set, &log, &err) != 0) {
		fail_msg("%s", err.text);
	}
	close(fd);
	return log;
}

/* A run by rules, then its log replayed, on a manual clock. */
struct again {
	struct ruleset *set;
	const char *frame;
	struct world world;
	struct proxy *proxy;
	struct wire *wire;
	struct replay_log *log;
};

static void again_world(struct again *a, const struct engine_options *options)
{
	world_init_as(&a->world, a->set, options);
	a->proxy = world_proxy(&a->world, "p", a->frame);
	a->proxy->hold_ns = MS(10);
	a->wire = wire_open(&a->world, a->proxy, "10.0.0.1", 1000);
}

static void again_run(struct again *a, const char *frame, const char *rules)
{
	*a = (struct again){.set = rules_new(rules, SEED), .frame = frame};
	again_world(a, &(struct engine_options){0});
}

/* The run ends; its log, changed by `edit` from one text to another, is played. */
static void again_replay(struct again *a, const char *from, const char *to,
			 const char *only, bool order)
{
	struct engine_options options = {.order = order, .order_wait_ns = MS(1000)};
	struct text lines = {0};
	const char *rest, *at;
	struct err err;

	wire_free(a->wire, "eof");
	for (rest = text_cstr(&a->world.log); from && (at = strstr(rest, from));
	     rest = at + strlen(from)) {
		text_bytes(&lines, rest, (size_t)(at - rest));
		text_str(&lines, to);
	}
	text_str(&lines, rest);
	world_done(&a->world);
	a->log = load(text_cstr(&lines), a->set);
	text_done(&lines);
	if (only && replay_log_select(a->log, only, &err) != 0) {
		fail_msg("%s", err.text);
	}
	options.replay = a->log->replay;
	again_world(a, &options);
}

static void again_done(struct again *a)
{
	wire_free(a->wire, "eof");
	world_done(&a->world);
	replay_log_free(a->log);
	rules_free(a->set);
}

static struct side_stats stats_of(struct again *a, enum side side)
{
	struct side_stats stats = {0};

	wire_free(a->wire, "eof");
	if (!log_side_stats(text_cstr(&a->world.log), "p/10.0.0.1#1", side, &stats)) {
		fail_msg("no close line");
	}
	return stats;
}

/* --- what went on late in the log --- */

static void a_cell_that_was_late_and_reset_ends_its_stream_once(void **state)
{
	struct again a;

	(void)state;
	again_run(&a, "raw cell=8", "[cut]\nside = request\nmatch = /ab/\ndo = reset\n");
	wire_say(a.wire, SIDE_REQUEST, "ab");
	world_advance(&a.world, MS(20));
	assert_int_equal(a.wire->cuts, 1);
	again_replay(&a, NULL, NULL, NULL, false);
	wire_say(a.wire, SIDE_REQUEST, "ab");
	wire_end(a.wire, SIDE_REQUEST); /* before `hold` runs out */
	assert_int_equal(a.wire->cuts, 1);
	assert_int_equal(stats_of(&a, SIDE_REQUEST).units_in, 1);
	assert_int_equal(replay_finish(a.log->replay).verdict, REPLAY_EXACT);
	again_done(&a);
}

static void a_unit_that_is_whole_this_time_is_not_late(void **state)
{
	struct again a;

	(void)state;
	again_run(&a, "line", "[slow]\nside = request\ncount = 1\nskip = 9\ndo = drop\n");
	wire_say(a.wire, SIDE_REQUEST, "twelve bytes");
	world_advance(&a.world, MS(20)); /* late */
	wire_say(a.wire, SIDE_REQUEST, ".\n");
	again_replay(&a, NULL, NULL, NULL, false);
	wire_say(a.wire, SIDE_REQUEST, "one\ntwo\nthree\nfour\nfive\n");
	wire_end(a.wire, SIDE_REQUEST);
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST),
			    "one\ntwo\nthree\nfour\nfive\n");
	assert_int_equal(stats_of(&a, SIDE_REQUEST).bytes_in, 24);
	again_done(&a);
}

/* `hold` ran out behind two successors then; this time none comes. */
static void what_was_late_waits_for_its_successors_but_not_for_ever(void **state)
{
	struct again a;

	(void)state;
	again_run(&a, "line",
		  "[swap]\nside = request\nmatch = /^a/\ndo = reorder gap=5 hold=10ms\n");
	wire_say(a.wire, SIDE_REQUEST, "a\nb\nc\n");
	world_advance(&a.world, MS(20));
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "b\nc\na\n");
	again_replay(&a, NULL, NULL, NULL, false);
	wire_say(a.wire, SIDE_REQUEST, "a\n");
	world_advance(&a.world, MS(20));
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "");
	world_advance(&a.world, MS(2000));
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "a\n");
	again_done(&a);
}

/* --- the recorded order --- */

/* Nobody waits for a copy that is left out, or for the unit behind the fault. */
static void copies_that_are_left_out_hold_nobody_up(void **state)
{
	struct again a;

	(void)state;
	again_run(&a, "line",
		  "[twice]\nside = request\nmatch = /^a/\ndo = duplicate copies=3\n");
	wire_say(a.wire, SIDE_REQUEST, "a\nb\n");
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "a\na\na\na\nb\n");
	again_replay(&a, NULL, NULL, "none", true);
	wire_say(a.wire, SIDE_REQUEST, "a\nb\n");
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "a\nb\n");
	assert_int_equal(engine_order_stats(a.world.engine).stalls, 0);
	again_done(&a);
}

/* Its place was behind one that can't leave before it. */
static void a_reordering_that_is_left_out_holds_nobody_up(void **state)
{
	struct again a;

	(void)state;
	again_run(&a, "line",
		  "[swap]\nside = request\nmatch = /^a/\ndo = reorder gap=2\n");
	wire_say(a.wire, SIDE_REQUEST, "a\nb\nc\nd\n");
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "b\nc\na\nd\n");
	again_replay(&a, NULL, NULL, "none", true);
	wire_say(a.wire, SIDE_REQUEST, "a\nb\nc\nd\n");
	assert_string_equal(wire_out(a.wire, SIDE_REQUEST), "a\nb\nc\nd\n");
	assert_int_equal(engine_order_stats(a.world.engine).stalls, 0);
	again_done(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cell_that_was_late_and_reset_ends_its_stream_once),
		cmocka_unit_test(a_unit_that_is_whole_this_time_is_not_late),
		cmocka_unit_test(what_was_late_waits_for_its_successors_but_not_for_ever),
		cmocka_unit_test(copies_that_are_left_out_hold_nobody_up),
		cmocka_unit_test(a_reordering_that_is_left_out_holds_nobody_up),
	};

	return cmocka_run_group_tests_name("replay_engine", tests, NULL, NULL);
}
