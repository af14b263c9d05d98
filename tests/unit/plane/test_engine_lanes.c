/* How the engine names lanes, and what is different about datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "world.h"

/* --- weak lanes --- */

static void each_weak_lane_counts_once(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *first;

	(void)state;
	world_init(&w, "", 1);
	proxy = world_proxy(&w, "p", "line");
	first = wire_open(&w, proxy, "10.0.0.1", 1);
	assert_int_equal(engine_counts(w.engine).weak_lanes, 0);
	(void)wire_open(&w, proxy, "10.0.0.1", 2);
	assert_int_equal(engine_counts(w.engine).weak_lanes, 2);
	wire_free(first, "eof");
	(void)wire_open(&w, proxy, "10.0.0.1", 3);
	assert_int_equal(engine_counts(w.engine).weak_lanes, 3);
	(void)wire_open(&w, proxy, "10.0.0.2", 3);
	assert_int_equal(engine_counts(w.engine).weak_lanes, 3);
	world_done(&w);
}

/* --- datagrams --- */

static struct wire *open_udp(struct world *w, const char *frame, uint64_t max_held)
{
	struct proxy *proxy = world_proxy(w, "u", frame);

	proxy->listen.transport = TRANSPORT_UDP;
	proxy->max_held_bytes = max_held;
	return wire_open(w, proxy, "10.0.0.1", 1);
}

static void parked_datagrams_count_against_max_held(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[late]\nmatch = /x/\ndo = reorder gap=5 hold=1h\n", 1);
	wire = open_udp(&w, "raw", 4);
	wire_say(wire, SIDE_REQUEST, "xxxx");
	wire_say(wire, SIDE_REQUEST, "x2");
	wire_say(wire, SIDE_REQUEST, "a");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "0001a");
	assert_int_equal(engine_counts(w.engine).overflow_units, 1);
	assert_int_equal(LOG_COUNT(&w, "\"note\":\"overflow\""), 1);
	wire_say(wire, SIDE_REQUEST, "x3");
	assert_int_equal(engine_counts(w.engine).overflow_units, 2);
	assert_int_equal(LOG_COUNT(&w, "\"note\":\"overflow\""), 1);
	world_drain(&w);
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "0004xxxx");
	wire_free(wire, "idle");
	assert_int_equal(engine_totals(w.engine).bytes_dropped, 4);
	world_done(&w);
}

static void an_empty_datagram_is_a_unit(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w,
		   "[twice]\nlength = 0\ndo = duplicate\n[grow]\nlength = 0\n"
		   "do = mutate replace pattern=/$/ with=\"!\"\n",
		   1);
	wire = open_udp(&w, "raw", 100);
	wire_feed(wire, SIDE_REQUEST, span_of(NULL, 0));
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "0001!0001!");
	world_done(&w);
}

static void a_session_without_datagrams_is_given_none(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *silent, *empty;

	(void)state;
	world_init(&w, "[twice]\ndo = duplicate\n", 1);
	proxy = world_proxy(&w, "u", "raw");
	proxy->listen.transport = TRANSPORT_UDP;
	world_label(proxy, "(\\w)");
	silent = wire_open(&w, proxy, "10.0.0.1", 1);
	empty = wire_open(&w, proxy, "10.0.0.2", 1);
	wire_feed(empty, SIDE_REQUEST, span_of(NULL, 0));
	assert_string_equal(flow_lane_name(empty->flow), "u/10.0.0.2#1");
	assert_int_equal(empty->sends[SIDE_REQUEST], 2);
	world_advance(&w, MS(1000));
	assert_string_equal(flow_lane_name(silent->flow), "u/10.0.0.1#1");
	assert_int_equal(silent->sends[SIDE_REQUEST], 0);
	world_done(&w);
}

static void a_datagram_may_name_its_lane(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "", 1);
	proxy = world_proxy(&w, "u", "raw");
	proxy->listen.transport = TRANSPORT_UDP;
	world_label(proxy, "id=(.*)");
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "id=a b/c");
	assert_string_equal(flow_lane_name(wire->flow), "u/a_b_c#1");
	world_done(&w);
}

/* --- labels --- */

static const char *label_of(struct world *w, struct wire *wire)
{
	(void)w;
	return flow_lane_name(wire->flow) ? flow_lane_name(wire->flow) : "(none)";
}

static void a_label_may_stand_anywhere_in_the_streams_front(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *pieces, *whole;

	(void)state;
	world_init(&w, "", 1);
	proxy = world_proxy(&w, "p", "raw");
	world_label(proxy, "user=(\\w+);");
	pieces = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(pieces, SIDE_REQUEST, "x");
	assert_string_equal(label_of(&w, pieces), "(none)");
	wire_say(pieces, SIDE_REQUEST, "xx user=a");
	assert_string_equal(label_of(&w, pieces), "(none)");
	wire_say(pieces, SIDE_REQUEST, "nn;");
	assert_string_equal(label_of(&w, pieces), "p/ann#1");
	assert_string_equal(wire_out(pieces, SIDE_REQUEST), "xxx user=ann;");
	whole = wire_open(&w, proxy, "10.0.0.2", 1);
	wire_say(whole, SIDE_REQUEST, "xxx user=bob;");
	assert_string_equal(label_of(&w, whole), "p/bob#1");
	world_done(&w);
}

static void an_anchored_label_is_given_up_at_once(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "", 1);
	proxy = world_proxy(&w, "p", "raw");
	world_label(proxy, "^user=(\\w+);");
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "u");
	assert_string_equal(label_of(&w, wire), "(none)");
	wire_say(wire, SIDE_REQUEST, "x");
	assert_string_equal(label_of(&w, wire), "p/10.0.0.1#1");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "ux");
	world_done(&w);
}

/* A label whose last byte is the last that is searched, or one behind it, in one read
 * or two. */
static void check_search_bound(size_t junk_len, bool in_two, const char *wanted)
{
	static const char label[] = "user=ann;";
	struct text bytes = {0};
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	world_init(&w, "", 1);
	proxy = world_proxy(&w, "p", "raw");
	world_label(proxy, "user=(\\w+);");
	for (size_t i = 0; i < junk_len; i++) {
		text_byte(&bytes, '.');
	}
	text_str(&bytes, label);
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	if (in_two) {
		wire_feed(wire, SIDE_REQUEST, span_of(bytes.data, bytes.len - 1));
		wire_feed(wire, SIDE_REQUEST, span_of(bytes.data + bytes.len - 1, 1));
	} else {
		wire_feed(wire, SIDE_REQUEST, span_of(bytes.data, bytes.len));
	}
	assert_string_equal(label_of(&w, wire), wanted);
	assert_int_equal(wire->bytes[SIDE_REQUEST], bytes.len);
	text_done(&bytes);
	world_done(&w);
}

static void a_label_is_searched_so_far_and_no_farther(void **state)
{
	enum { LABEL_LEN = 9, SEARCHED = 16384 };

	(void)state;
	check_search_bound(SEARCHED - LABEL_LEN, false, "p/ann#1");
	check_search_bound(SEARCHED - LABEL_LEN, true, "p/ann#1");
	check_search_bound(SEARCHED - LABEL_LEN + 1, false, "p/10.0.0.1#1");
	check_search_bound(SEARCHED - LABEL_LEN + 1, true, "p/10.0.0.1#1");
}

static void a_flow_that_ends_unnamed_is_named_by_what_came(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *ended, *gone;

	(void)state;
	world_init(&w, "", 1);
	proxy = world_proxy(&w, "p", "raw");
	world_label(proxy, "user=(\\w+)");
	ended = wire_open(&w, proxy, "10.0.0.1", 1);
	gone = wire_open(&w, proxy, "10.0.0.2", 1);
	wire_say(ended, SIDE_REQUEST, "user=ann");
	assert_string_equal(label_of(&w, ended), "(none)");
	wire_end(ended, SIDE_REQUEST);
	assert_string_equal(label_of(&w, ended), "p/ann#1");
	assert_string_equal(wire_out(ended, SIDE_REQUEST), "user=ann");
	assert_int_equal(ended->ends[SIDE_REQUEST], 1);
	wire_say(gone, SIDE_REQUEST, "user=bob");
	wire_free(gone, "reset");
	assert_int_equal(LOG_COUNT(&w, "\"lane\":\"p/10.0.0.2#1\"", "\"bytes_held\":8"),
			 1);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_weak_lane_counts_once),
		cmocka_unit_test(parked_datagrams_count_against_max_held),
		cmocka_unit_test(an_empty_datagram_is_a_unit),
		cmocka_unit_test(a_session_without_datagrams_is_given_none),
		cmocka_unit_test(a_datagram_may_name_its_lane),
		cmocka_unit_test(a_label_may_stand_anywhere_in_the_streams_front),
		cmocka_unit_test(an_anchored_label_is_given_up_at_once),
		cmocka_unit_test(a_label_is_searched_so_far_and_no_farther),
		cmocka_unit_test(a_flow_that_ends_unnamed_is_named_by_what_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
