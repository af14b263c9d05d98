/* The engine towards its planes: counters, references, faults, back-pressure, ends.
 * What a text can show is in tests/scenario/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "world.h"

#include <stdlib.h>

/* --- counters --- */

static void rules_count_what_they_considered_matched_and_fired(void **state)
{
	struct world w;
	struct wire *wire;
	struct rule_stats stats;

	(void)state;
	world_init(&w, "[lose]\nside = request\nclass = A\nskip = 1\ndo = drop\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "A\nB\nA\nA\n");
	wire_say(wire, SIDE_REPLY, "A\n");
	stats = engine_rule_stats(w.engine, "lose");
	assert_int_equal(stats.considered, 4);
	assert_int_equal(stats.matched, 3);
	assert_int_equal(stats.fired, 2);
	assert_int_equal(engine_rule_stats(w.engine, "nobody").considered, 0);
	world_done(&w);
}

static void a_rules_counts_go_on_when_it_is_loaded_again(void **state)
{
	static const char rules[] = "[lose]\ndo = drop\n";
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, rules, 1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "A\n");
	world_reload(&w, rules, 1);
	wire_say(wire, SIDE_REQUEST, "A\n");
	assert_int_equal(engine_rule_stats(w.engine, "lose").fired, 2);
	world_done(&w);
}

static void totals_are_of_all_flows_that_are_gone(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *one, *other;

	(void)state;
	world_init(&w, "[slow]\ndo = delay time=1s\n", 1);
	proxy = world_proxy(&w, "p", "line");
	one = wire_open(&w, proxy, "10.0.0.1", 1);
	other = wire_open(&w, proxy, "10.0.0.2", 1);
	wire_say(one, SIDE_REQUEST, "A\n");
	wire_say(other, SIDE_REPLY, "BC\n");
	assert_int_equal(engine_totals(w.engine).bytes_in, 0);
	wire_free(one, "eof");
	assert_int_equal(engine_totals(w.engine).bytes_held, 2);
	world_drain(&w);
	wire_free(other, "eof");
	assert_int_equal(engine_totals(w.engine).bytes_in, 5);
	assert_int_equal(engine_totals(w.engine).bytes_out, 3);
	assert_int_equal(engine_totals(w.engine).units_held, 1);
	assert_int_equal(engine_counts(w.engine).lanes, 2);
	world_done(&w);
}

/* --- faults and the sink --- */

static void a_fault_is_told_to_the_sink_and_once_to_the_flow(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[lose]\nclass = A\ndo = drop\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "B\n");
	assert_false(w.fault_seen);
	assert_false(flow_take_fault(wire->flow));
	wire_say(wire, SIDE_REQUEST, "A\n");
	assert_true(w.fault_seen);
	assert_true(flow_take_fault(wire->flow));
	assert_false(flow_take_fault(wire->flow));
	wire_say(wire, SIDE_REQUEST, "A\n");
	engine_committed(w.engine);
	assert_false(flow_take_fault(wire->flow)); /* it is safe by now */
	wire_say(wire, SIDE_REQUEST, "A\n");
	assert_true(flow_take_fault(wire->flow));
	world_done(&w);
}

static void a_streaming_cells_fault_is_told_before_its_bytes_leave(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[flip]\ndo = mutate flip bits=3\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "raw cell=64"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "a");
	assert_true(w.fault_seen);
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"unit\"", "\"do\":\"mutate flip\""), 1);
	assert_int_equal(wire->bytes[SIDE_REQUEST], 1);
	world_done(&w);
}

static void stopped_faults_leave_a_lane_without_a_name_its_bytes(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "[lose]\ndo = drop\n", 1);
	proxy = world_proxy(&w, "p", "line");
	world_label(proxy, "id=(\\w+)");
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "id=an");
	engine_stop_faults(w.engine);
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "");
	wire_say(wire, SIDE_REQUEST, "n\nmore");
	assert_string_equal(flow_lane_name(wire->flow), "p/ann#1");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "id=ann\nmore");
	world_done(&w);
}

static void stopped_faults_let_a_half_dropped_cell_go_on(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[lose]\ndo = drop\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "raw cell=4"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "aaaabb");
	engine_stop_faults(w.engine);
	engine_stop_faults(w.engine);
	wire_say(wire, SIDE_REQUEST, "bbcccc");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "bbcccc");
	wire_free(wire, "eof");
	assert_int_equal(engine_totals(w.engine).bytes_dropped, 6);
	assert_int_equal(engine_totals(w.engine).bytes_out, 6);
	world_done(&w);
}

/* --- passing through --- */

static void a_side_that_no_rule_touches_may_travel_any_way(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;
	struct side_stats stats;

	(void)state;
	world_init(&w, "[slow]\nside = reply\ndo = delay time=1s\n", 1);
	proxy = world_proxy(&w, "p", "line");
	proxy->passthrough = true;
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	assert_true(flow_passthrough(wire->flow, SIDE_REQUEST));
	assert_false(flow_passthrough(wire->flow, SIDE_REPLY));
	flow_passed(wire->flow, SIDE_REQUEST, 0, 1000);
	wire_say(wire, SIDE_REQUEST, "ab");
	wire_free(wire, "eof");
	assert_true(
		log_side_stats(text_cstr(&w.log), "p/10.0.0.1#1", SIDE_REQUEST, &stats));
	assert_int_equal(stats.bytes_in, 1002);
	assert_int_equal(stats.bytes_out, 1002);
	assert_true(side_stats_conserved(&stats));
	world_done(&w);
}

static void a_reload_tells_how_many_sides_it_can_not_reach(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct ruleset *none;

	(void)state;
	world_init(&w, "[slow]\nside = reply\ndo = delay time=1s\n", 1);
	proxy = world_proxy(&w, "p", "line");
	proxy->passthrough = true;
	(void)wire_open(&w, proxy, "10.0.0.1", 1);
	(void)wire_open(&w, proxy, "10.0.0.2", 1);
	none = rules_new("", 1);
	assert_int_equal(engine_set_rules(w.engine, none), 2);
	assert_int_equal(none->refs, 1);
	w.more[w.num_more++] = none;
	world_done(&w);
}

/* --- rule sets --- */

static void a_rule_set_is_let_go_of_with_its_last_user(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *busy, *idle;

	(void)state;
	world_init(&w, "[lose]\nclass = A\ndo = drop\n", 1);
	proxy = world_proxy(&w, "p", "line");
	busy = wire_open(&w, proxy, "10.0.0.1", 1);
	idle = wire_open(&w, proxy, "10.0.0.2", 1);
	world_reload(&w, "", 1);
	assert_int_equal(w.set->refs, 1);
	wire_say(busy, SIDE_REQUEST, "A\n");
	wire_say(busy, SIDE_REPLY, "A\n");
	assert_string_equal(wire_out(busy, SIDE_REQUEST), "A\n");
	assert_int_equal(w.set->refs, 1);
	wire_free(idle, "eof");
	assert_int_equal(w.set->refs, 0);
	world_done(&w);
}

static void a_decided_cell_keeps_its_rules_when_its_link_is_bound_anew(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *one, *other;

	(void)state;
	world_init(&w, "[cut]\nskip = 1\ndo = mutate truncate to=1\n", 1);
	proxy = world_proxy(&w, "p", "raw cell=4");
	proxy->lane_mode = LANE_LINK;
	one = wire_open(&w, proxy, "10.0.0.1", 1);
	other = wire_open(&w, proxy, "10.0.0.1", 2);
	wire_say(one, SIDE_REQUEST, "aaaabb");
	world_reload(&w, "[cut]\nskip = 9\ndo = drop\n", 1);
	wire_say(other, SIDE_REQUEST, "cccc");
	wire_say(one, SIDE_REQUEST, "bb");
	assert_string_equal(wire_out(one, SIDE_REQUEST), "aaaab");
	assert_string_equal(wire_out(other, SIDE_REQUEST), "cccc");
	/* The lane changed over once, though two flows use it. */
	wire_say(one, SIDE_REQUEST, "dddd");
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"rules\"", "request"), 1);
	world_done(&w);
}

/* --- time --- */

static void an_incomplete_line_that_is_late_waits_behind_a_delayed_one(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "[slow]\nclass = A\ndo = delay time=50ms\n", 1);
	proxy = world_proxy(&w, "p", "line");
	proxy->hold_ns = MS(10);
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "A\nhal");
	world_advance(&w, MS(49));
	assert_int_equal(engine_counts(w.engine).late_units, 1);
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "");
	world_advance(&w, MS(1));
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "A\nhal");
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"sent\"", "\"class\":\"late\""), 1);
	wire_say(wire, SIDE_REQUEST, "f\nB\n");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "f\nB\n");
	wire_free(wire, "eof");
	assert_int_equal(engine_totals(w.engine).units_in, 3);
	world_done(&w);
}

static void what_a_timer_starts_is_reckoned_from_when_it_was_due(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w,
		   "[late]\nclass = A\ndo = reorder hold=10ms\ndo = delay time=20ms\n",
		   1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "A\n");
	world_advance(&w, MS(100));
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "A\n");
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"late\"", "\"at\":10000000"), 1);
	assert_int_equal(engine_counts(w.engine).late_units, 1);
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"sent\"", "\"sent\":30000000"), 1);
	world_done(&w);
}

static void each_unit_that_leaves_has_one_delivery_number(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[slow]\nclass = A\ndo = delay time=5ms\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "B\nA\n");
	wire_say(wire, SIDE_REPLY, "B\n");
	world_drain(&w);
	wire_say(wire, SIDE_REQUEST, "B\n");
	assert_int_equal(LOG_COUNT(&w, "\"n\":"), 4);
	assert_int_equal(LOG_COUNT(&w, "\"n\":0", "\"class\":\"B\"", "request"), 1);
	assert_int_equal(LOG_COUNT(&w, "\"n\":1", "\"class\":\"B\"", "reply"), 1);
	assert_int_equal(LOG_COUNT(&w, "\"n\":2", "\"class\":\"A\"", "sent"), 1);
	assert_int_equal(LOG_COUNT(&w, "\"n\":3", "\"class\":\"B\"", "request"), 1);
	world_done(&w);
}

static void a_delayed_cell_has_one_delivery_number(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[slow]\ndo = delay time=5ms\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "raw cell=4"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "ab");
	wire_say(wire, SIDE_REQUEST, "cd");
	world_drain(&w);
	assert_int_equal(LOG_COUNT(&w, "\"n\":"), 1);
	assert_int_equal(LOG_COUNT(&w, "\"n\":0", "\"type\":\"sent\""), 1);
	world_done(&w);
}

static void stopped_faults_log_no_more_units(void **state)
{
	struct world w;
	struct wire *wire;
	size_t before;

	(void)state;
	world_init(&w, "[slow]\ndo = delay time=5ms\n[late]\ndo = reorder hold=1h\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "A\nB\nC\n");
	before = w.log.len;
	engine_stop_faults(w.engine);
	wire_say(wire, SIDE_REQUEST, "D\n");
	world_drain(&w);
	assert_int_equal(w.log.len, before);
	assert_int_equal(wire->bytes[SIDE_REQUEST], 8);
	world_done(&w);
}

/* --- cells --- */

static void a_flip_may_fall_on_all_of_a_cell(void **state)
{
	static char cell[64];
	bool seen[64] = {false};
	struct world w;
	struct wire *wire;
	int num = 0;

	(void)state;
	world_init(&w, "[flip]\ndo = mutate flip bits=40\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "raw cell=64"), "10.0.0.1", 1);
	memset(cell, 'a', sizeof(cell));
	for (int i = 0; i < 20; i++) {
		wire_feed(wire, SIDE_REQUEST, span_of(cell, sizeof(cell)));
	}
	for (size_t i = 0; i < wire->out[SIDE_REQUEST].len; i++) {
		seen[i % 64] |= wire->out[SIDE_REQUEST].data[i] != 'a';
	}
	for (int i = 0; i < 64; i++) {
		num += seen[i];
	}
	assert_int_equal(num, 64);
	world_done(&w);
}

/* A rule that reads bytes makes cells wait until they are whole; that must not move
 * where another one's bits fall, in a last cell that stays short neither. */
static void a_rule_that_reads_bytes_moves_no_flips(void **state)
{
	static const char flip[] = "[flip]\ndo = mutate flip bits=9\n";
	static const char both[] = "[flip]\ndo = mutate flip bits=9\n"
				   "[reads]\nmatch = /nothing like it/\ndo = drop\n";
	struct world one, other;
	struct wire *left, *right;

	(void)state;
	world_init(&one, flip, 1);
	world_init(&other, both, 1);
	left = wire_open(&one, world_proxy(&one, "p", "raw cell=16"), "10.0.0.1", 1);
	right = wire_open(&other, world_proxy(&other, "p", "raw cell=16"), "10.0.0.1", 1);
	wire_say(left, SIDE_REQUEST, "0123456789abcdef012345678");
	wire_say(right, SIDE_REQUEST, "0123456789abcdef012345678");
	assert_int_equal(left->bytes[SIDE_REQUEST], 25);
	assert_int_equal(right->bytes[SIDE_REQUEST], 16);
	wire_end(left, SIDE_REQUEST);
	wire_end(right, SIDE_REQUEST);
	assert_int_equal(right->bytes[SIDE_REQUEST], 25);
	assert_memory_equal(left->out[SIDE_REQUEST].data, right->out[SIDE_REQUEST].data,
			    25);
	assert_memory_not_equal(left->out[SIDE_REQUEST].data + 16, "012345678", 9);
	world_done(&one);
	world_done(&other);
}

static void a_dropped_cell_that_is_left_counts_as_dropped(void **state)
{
	struct world w;
	struct wire *wire;

	(void)state;
	world_init(&w, "[lose]\ndo = drop\n", 1);
	wire = wire_open(&w, world_proxy(&w, "p", "raw cell=8"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "abc");
	wire_free(wire, "reset");
	assert_int_equal(engine_totals(w.engine).units_dropped, 1);
	assert_int_equal(engine_totals(w.engine).units_out, 0);
	assert_int_equal(engine_totals(w.engine).bytes_dropped, 3);
	assert_int_equal(LOG_COUNT(&w, "\"type\":\"cell-end\"", "\"len\":3"), 1);
	world_done(&w);
}

static void a_late_unit_that_is_no_protocol_goes_on_behind_what_left(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "[lose]\nclass = GET\ndo = drop\n", 1);
	proxy = world_proxy(&w, "p", "line max=8");
	proxy->hold_ns = MS(10);
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "GET ");
	world_advance(&w, MS(10));
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "GET ");
	wire_say(wire, SIDE_REQUEST, "0123456");
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "0123456");
	assert_int_equal(LOG_COUNT(&w, "\"note\":\"framer-fallback\""), 1);
	wire_free(wire, "eof");
	assert_int_equal(engine_totals(w.engine).bytes_in, 11);
	world_done(&w);
}

static void replies_are_not_asked_for_when_the_first_unit_cuts(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w, "[kill]\nclass = K\ndo = reset\n", 1);
	proxy = world_proxy(&w, "p", "line");
	world_label(proxy, "K (\\w+)");
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	assert_false(flow_wants(wire->flow, SIDE_REPLY));
	wire_say(wire, SIDE_REQUEST, "K ann\n");
	assert_string_equal(flow_lane_name(wire->flow), "p/ann#1");
	assert_int_equal(wire->cuts, 1);
	assert_int_equal(wire->resumes[SIDE_REPLY], 0);
	world_done(&w);
}

/* --- cuts --- */

static void a_cut_holds_what_waits_on_both_sides(void **state)
{
	struct world w;
	struct wire *wire;
	struct side_stats stats;

	(void)state;
	world_init(&w,
		   "[slow]\nside = reply\ndo = delay time=5ms\n"
		   "[late]\nside = request\nclass = A\ndo = reorder gap=9\n"
		   "[kill]\nside = request\nclass = K\ndo = reset\n",
		   1);
	wire = wire_open(&w, world_proxy(&w, "p", "line"), "10.0.0.1", 1);
	wire_say(wire, SIDE_REPLY, "B\nhalf");
	wire_say(wire, SIDE_REQUEST, "A\nK\n");
	assert_int_equal(wire->cuts, 1);
	world_drain(&w);
	assert_int_equal(wire->bytes[SIDE_REQUEST] + wire->bytes[SIDE_REPLY], 0);
	assert_false(flow_passthrough(wire->flow, SIDE_REPLY));
	wire_end(wire, SIDE_REPLY);
	engine_stop_faults(w.engine);
	wire_free(wire, "reset");
	assert_true(
		log_side_stats(text_cstr(&w.log), "p/10.0.0.1#1", SIDE_REPLY, &stats));
	assert_int_equal(stats.bytes_held, 6);
	assert_true(side_stats_conserved(&stats));
	assert_true(
		log_side_stats(text_cstr(&w.log), "p/10.0.0.1#1", SIDE_REQUEST, &stats));
	assert_int_equal(stats.bytes_held, 2);
	assert_int_equal(stats.bytes_dropped, 2);
	assert_true(side_stats_conserved(&stats));
	world_done(&w);
}

static void nobody_is_asked_to_send_again_behind_a_cut(void **state)
{
	struct world w;
	struct proxy *proxy;
	struct wire *wire;

	(void)state;
	world_init(&w,
		   "[slow]\nside = request\nclass = A\ndo = delay time=5ms\n"
		   "[late]\nside = request\nclass = P\ndo = reorder gap=9 hold=1h\n"
		   "[kill]\nside = request\nclass = K\ndo = reset\n",
		   1);
	proxy = world_proxy(&w, "p", "line");
	proxy->max_held_bytes = 2;
	wire = wire_open(&w, proxy, "10.0.0.1", 1);
	wire_say(wire, SIDE_REQUEST, "P\nA\nK\n");
	assert_false(flow_wants(wire->flow, SIDE_REQUEST));
	world_advance(&w, MS(5));
	assert_int_equal(wire->cuts, 1);
	assert_int_equal(wire->resumes[SIDE_REQUEST], 0);
	assert_string_equal(wire_out(wire, SIDE_REQUEST), "A\n");
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_count_what_they_considered_matched_and_fired),
		cmocka_unit_test(a_rules_counts_go_on_when_it_is_loaded_again),
		cmocka_unit_test(totals_are_of_all_flows_that_are_gone),
		cmocka_unit_test(a_fault_is_told_to_the_sink_and_once_to_the_flow),
		cmocka_unit_test(a_streaming_cells_fault_is_told_before_its_bytes_leave),
		cmocka_unit_test(stopped_faults_leave_a_lane_without_a_name_its_bytes),
		cmocka_unit_test(stopped_faults_let_a_half_dropped_cell_go_on),
		cmocka_unit_test(a_side_that_no_rule_touches_may_travel_any_way),
		cmocka_unit_test(a_reload_tells_how_many_sides_it_can_not_reach),
		cmocka_unit_test(a_rule_set_is_let_go_of_with_its_last_user),
		cmocka_unit_test(
			a_decided_cell_keeps_its_rules_when_its_link_is_bound_anew),
		cmocka_unit_test(
			an_incomplete_line_that_is_late_waits_behind_a_delayed_one),
		cmocka_unit_test(what_a_timer_starts_is_reckoned_from_when_it_was_due),
		cmocka_unit_test(each_unit_that_leaves_has_one_delivery_number),
		cmocka_unit_test(a_delayed_cell_has_one_delivery_number),
		cmocka_unit_test(stopped_faults_log_no_more_units),
		cmocka_unit_test(a_flip_may_fall_on_all_of_a_cell),
		cmocka_unit_test(a_rule_that_reads_bytes_moves_no_flips),
		cmocka_unit_test(a_dropped_cell_that_is_left_counts_as_dropped),
		cmocka_unit_test(
			a_late_unit_that_is_no_protocol_goes_on_behind_what_left),
		cmocka_unit_test(replies_are_not_asked_for_when_the_first_unit_cuts),
		cmocka_unit_test(a_cut_holds_what_waits_on_both_sides),
		cmocka_unit_test(nobody_is_asked_to_send_again_behind_a_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
