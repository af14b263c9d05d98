/* Rules as a whole: traits from actions, exactness, one sentence each; and
 * conservation's sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "judge.h"

#include "core/stats.h"

static struct judge bench;

static struct rule *add(const char *action)
{
	struct rule *rule = judge_rule(&bench, "r");
	struct err err;

	if (judge_action(&bench, rule, action, &err) < 0) {
		fail_msg("%s: %s", action, err.text);
	}
	return rule;
}

static int setup(void **state)
{
	(void)state;
	judge_init(&bench, "p/a#1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_done(&bench);
	return 0;
}

static void traits_are_those_of_any_action(void **state)
{
	struct err err;
	struct rule *rule = add("delay time=1ms");

	(void)state;
	assert_false(rule->terminal || rule->needs_whole);
	assert_int_equal(judge_action(&bench, rule, "reorder", &err), 0);
	assert_true(!rule->terminal && rule->needs_whole);
	assert_int_equal(judge_action(&bench, rule, "drop", &err), 0);
	assert_true(rule->terminal && rule->needs_whole);
}

static void reading_the_clock_makes_a_rule_log_exact(void **state)
{
	struct rule *rule = add("drop");

	(void)state;
	rule->schedule.until = 3;
	assert_string_equal(exactness_name(rule_exactness(rule)), "seed-exact");
	rule->schedule.until_ns = 1;
	assert_string_equal(exactness_name(rule_exactness(rule)), "log-exact");
}

static void no_chance_makes_a_rule_inert(void **state)
{
	struct rule *rule = add("drop");

	(void)state;
	assert_false(rule_inert(rule));
	rule->chance = (struct chance){1, 1000000};
	assert_false(rule_inert(rule));
	rule->chance = (struct chance){0, 1000000};
	assert_true(rule_inert(rule));
}

static void expect_sentence(const struct rule *rule, const char *wanted)
{
	struct text text = {0};

	rule_describe(rule, &text);
	assert_string_equal(text_cstr(&text), wanted);
	text_done(&text);
}

static void a_rule_is_one_sentence(void **state)
{
	static const char *on[] = {"cache", "queue", NULL};
	struct err err;
	struct rule *rule = add("delay time=50ms");

	(void)state;
	expect_sentence(rule, "each unit is delayed by 50ms");
	rule->match.sides[SIDE_REQUEST] = false;
	rule->on = on;
	rule->chance = (struct chance){50000, 1000000};
	assert_int_equal(match_parse_classes(&rule->match, "GET|P*", &bench.set.arena,
					     &err),
			 0);
	assert_int_equal(match_parse_length(&rule->match, "10-200", &err), 0);
	rule->match_text = "!/x/i";
	rule->match.regex_negated = true;
	rule->filter_text = "src host ::1";
	rule->schedule.skip = 1;
	rule->schedule.every = 2;
	rule->schedule.burst = 3;
	rule->schedule.count = 4;
	rule->schedule.until = 5;
	rule->schedule.until_ns = 6000000;
	assert_int_equal(judge_action(&bench, rule, "drop", &err), 0);
	expect_sentence(
		rule,
		"with a chance of 5% each reply of class GET|P* of 10 to 200 bytes "
		"not matching /x/i on cache, queue in flows from \"src host ::1\", "
		"not the first 1 of a lane, only each 2., in bursts of 3, at most 4 "
		"a lane, none behind the first 5, none later than 6ms into the run "
		"is delayed by 50ms and is dropped");
	rule->chance.num = 0;
	rule->schedule = (struct schedule){0};
	schedule_init(&rule->schedule);
	assert_int_equal(match_parse_length(&rule->match, "64", &err), 0);
	rule->match_text = NULL;
	rule->on = NULL;
	rule->filter_text = NULL;
	expect_sentence(
		rule,
		"no reply of class GET|P* of 64 bytes is delayed by 50ms and is dropped");
}

static void stats_are_conserved_or_not(void **state)
{
	struct side_stats stats = {
		.units_in = 5,
		.units_injected = 1,
		.units_copies = 2,
		.units_out = 4,
		.units_dropped = 3,
		.units_held = 1,
		.bytes_in = 50,
		.bytes_injected = 10,
		.bytes_copies = 20,
		.bytes_grown = 7,
		.bytes_shrunk = 2,
		.bytes_out = 60,
		.bytes_dropped = 15,
		.bytes_held = 10,
	};
	struct side_stats sum = {0};

	(void)state;
	assert_true(side_stats_conserved(&stats));
	side_stats_add(&sum, &stats);
	side_stats_add(&sum, &stats);
	assert_true(side_stats_conserved(&sum));
	assert_int_equal(sum.units_in, 10);
	assert_int_equal(sum.bytes_shrunk, 4);
	stats.units_held++;
	assert_false(side_stats_conserved(&stats));
	stats.units_held--;
	stats.bytes_grown++;
	assert_false(side_stats_conserved(&stats));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(traits_are_those_of_any_action, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reading_the_clock_makes_a_rule_log_exact,
						setup, teardown),
		cmocka_unit_test_setup_teardown(no_chance_makes_a_rule_inert, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_rule_is_one_sentence, setup, teardown),
		cmocka_unit_test(stats_are_conserved_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
