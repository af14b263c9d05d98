/* Deciding: rules in file order, what ends a unit, what a cell must be whole for, and
 * counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "judge.h"

static struct rule *add(struct judge *j, const char *name, const char *action)
{
	struct rule *rule = judge_rule(j, name);
	struct err err;

	if (judge_action(j, rule, action, &err) < 0) {
		fail_msg("%s: %s", action, err.text);
	}
	return rule;
}

static void rules_add_their_effects_in_file_order(void **state)
{
	struct judge j;
	const struct decision *d;

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "z", "delay time=5ms");
	add(&j, "a", "delay time=7ms");
	add(&j, "m", "duplicate");
	judge_bind(&j);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_true(d->faulty);
	assert_int_equal(d->verdict, VERDICT_PASS);
	assert_int_equal(d->delay_ns, 12000000);
	assert_int_equal(d->copies, 1);
	assert_int_equal(d->num_effects, 3);
	assert_string_equal(d->effects[0].rule->name, "z");
	assert_string_equal(d->effects[1].rule->name, "a");
	judge_done(&j);
}

static void a_terminal_rule_shadows_those_behind_it(void **state)
{
	struct judge j;
	const struct decision *d;

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "first", "delay time=5ms");
	add(&j, "lose", "drop");
	add(&j, "kill", "reset");
	judge_bind(&j);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_int_equal(d->verdict, VERDICT_DROP);
	assert_int_equal(d->delay_ns, 5000000);
	assert_int_equal(d->num_effects, 2);
	assert_int_equal(d->outcomes[1].outcome, OUTCOME_FIRED);
	assert_int_equal(d->outcomes[2].outcome, OUTCOME_SHADOWED);
	assert_int_equal(j.stats[2].matched, 1);
	assert_int_equal(j.stats[2].fired, 0);
	judge_done(&j);
}

static void all_actions_of_a_rule_apply(void **state)
{
	struct judge j;
	struct err err;
	const struct decision *d;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_action(&j, add(&j, "both", "drop"), "delay time=3ms", &err);
	judge_bind(&j);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_int_equal(d->verdict, VERDICT_DROP);
	assert_int_equal(d->delay_ns, 3000000);
	judge_done(&j);
}

static void a_decision_forgets_the_one_before(void **state)
{
	struct judge j;
	const struct decision *d;
	struct err err;

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "lots", "mutate extend by=9")->schedule.count = 1;
	judge_action(&j, &j.rules[0], "duplicate gap=2", &err);
	judge_action(&j, &j.rules[0], "reorder gap=2", &err);
	judge_action(&j, &j.rules[0], "reset at=5", &err);
	judge_bind(&j);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_true(d->rewritten && d->num_edits && d->copies && d->reorder_gap &&
		    d->cut_at);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_false(d->faulty || d->rewritten || d->num_edits || d->copies ||
		     d->copies_gap || d->reorder_gap || d->cut_at || d->hold_ns ||
		     d->num_effects || d->needs_whole || d->fix_length);
	assert_int_equal(d->verdict, VERDICT_PASS);
	assert_int_equal(d->num_outcomes, 1);
	assert_int_equal(d->outcomes[0].outcome, OUTCOME_COUNT);
	judge_done(&j);
}

static void rules_that_do_not_match_leave_no_outcome(void **state)
{
	struct judge j;
	struct err err;
	const struct decision *d;

	(void)state;
	judge_init(&j, "p/a#1");
	assert_int_equal(match_parse_classes(&add(&j, "no", "drop")->match, "B",
					     &j.set.arena, &err),
			 0);
	judge_bind(&j);
	d = judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_int_equal(d->num_outcomes, 0);
	assert_int_equal(j.stats[0].considered, 1);
	assert_int_equal(j.stats[0].matched, 0);
	judge_done(&j);
}

static void chance_draws_by_identity_not_by_count(void **state)
{
	struct judge j, later;
	uint64_t fired = 0;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_init(&later, "p/a#1");
	add(&j, "half", "drop")->chance = (struct chance){500000, 1000000};
	add(&later, "first", "drop")->schedule.count = 3;
	add(&later, "half", "drop")->chance = (struct chance){500000, 1000000};
	judge_bind(&j);
	judge_bind(&later);
	for (int i = 0; i < 200; i++) {
		enum outcome one = judge_whole(&j, SIDE_REPLY, "A", span_str("x"))
					   ->outcomes[0]
					   .outcome;
		enum outcome other;

		/* Units of another class in between move nothing. */
		judge_whole(&later, SIDE_REPLY, "B", span_str("x"));
		other = judge_whole(&later, SIDE_REPLY, "A", span_str("x"))
				->outcomes[1]
				.outcome;
		assert_int_equal(one == OUTCOME_FIRED,
				 other == OUTCOME_FIRED || other == OUTCOME_SHADOWED);
		fired += one == OUTCOME_FIRED;
	}
	assert_in_range(fired, 70, 130);
	judge_done(&j);
	judge_done(&later);
}

static void a_cell_must_be_whole_for_rules_that_read_it(void **state)
{
	struct judge j;
	struct err err;

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "plain", "drop");
	judge_bind(&j);
	assert_false(decide_needs_whole(&j.lane, SIDE_REQUEST));
	add(&j, "reads", "drop")->match.sides[SIDE_REPLY] = false;
	assert_int_equal(match_parse_length(&j.rules[1].match, "5", &err), 0);
	judge_bind(&j);
	assert_true(decide_needs_whole(&j.lane, SIDE_REQUEST));
	assert_false(decide_needs_whole(&j.lane, SIDE_REPLY));
	judge_done(&j);
}

static void a_cell_must_be_whole_for_actions_that_need_it(void **state)
{
	static const struct {
		const char *action;
		bool whole;
	} ROWS[] = {
		{"drop", false},
		{"delay time=1ms", false},
		{"mutate flip", false},
		{"mutate set at=0 bytes=00", false},
		{"reset", false},
		{"close at=3", false},
		{"reorder", true},
		{"duplicate", true},
		{"mutate replace pattern=/a/ with=b", true},
		{"mutate truncate to=1", true},
		{"mutate extend by=1", true},
		{"mutate splice at=0 remove=1", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct judge j;

		judge_init(&j, "p/a#1");
		add(&j, "r", ROWS[i].action);
		judge_bind(&j);
		decide_fire(&j.lane, SIDE_REQUEST,
			    &(struct unit){.extent_bytes = 8, .class = "raw"},
			    &j.decision);
		assert_int_equal(j.decision.needs_whole, ROWS[i].whole);
		judge_done(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_add_their_effects_in_file_order),
		cmocka_unit_test(a_terminal_rule_shadows_those_behind_it),
		cmocka_unit_test(all_actions_of_a_rule_apply),
		cmocka_unit_test(a_decision_forgets_the_one_before),
		cmocka_unit_test(rules_that_do_not_match_leave_no_outcome),
		cmocka_unit_test(chance_draws_by_identity_not_by_count),
		cmocka_unit_test(a_cell_must_be_whole_for_rules_that_read_it),
		cmocka_unit_test(a_cell_must_be_whole_for_actions_that_need_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
