/* Lanes: ordinals a class, limits on classes and names, and what binding anew keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "judge.h"

#include <stdio.h>

static void ordinals_count_by_side_and_class(void **state)
{
	struct judge j;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_bind(&j);
	judge_whole(&j, SIDE_REQUEST, "GET", span_str("x"));
	assert_int_equal(j.unit.k, 0);
	judge_whole(&j, SIDE_REQUEST, "SET", span_str("x"));
	assert_int_equal(j.unit.k, 0);
	judge_whole(&j, SIDE_REQUEST, "GET", span_str("x"));
	assert_int_equal(j.unit.k, 1);
	judge_whole(&j, SIDE_REPLY, "GET", span_str("x"));
	assert_int_equal(j.unit.k, 0);
	assert_int_equal(j.lane.sides[SIDE_REQUEST].units, 3);
	assert_int_equal(j.lane.sides[SIDE_REPLY].units, 1);
	judge_done(&j);
}

static void class_names_are_made_fit_for_identities(void **state)
{
	static const struct {
		const char *given, *wanted;
	} ROWS[] = {
		{"GET", "GET"},
		{"", "raw"},
		{"a:b c\n", "a_b_c_"},
		{"aZ09_.-", "aZ09_.-"},
		{"\xc3\xa4", "__"},
		{"12345678901234567890123456789012", "12345678901234567890123456789012"},
		{"12345678901234567890123456789012X", "12345678901234567890123456789012"},
	};
	struct lane lane;

	(void)state;
	lane_init(&lane, "p/a#1");
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct lane_class *entry =
			lane_class(&lane, SIDE_REPLY, span_str(ROWS[i].given));

		assert_string_equal(entry->name, ROWS[i].wanted);
		assert_int_equal(entry->hash, prf_hash_name(span_str(ROWS[i].wanted)));
	}
	lane_done(&lane);
}

static void entries_of_classes_never_move(void **state)
{
	struct lane lane;
	struct lane_class *first, *second;

	(void)state;
	lane_init(&lane, "p/a#1");
	first = lane_class(&lane, SIDE_REPLY, span_str("a"));
	second = lane_class(&lane, SIDE_REPLY, span_str("b"));
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(lane_class(&lane, SIDE_REPLY, span_str("a")), first);
	assert_ptr_equal(lane_class(&lane, SIDE_REPLY, span_str("b")), second);
	assert_ptr_not_equal(lane_class(&lane, SIDE_REQUEST, span_str("a")), first);
	lane_done(&lane);
}

static void classes_past_the_maximum_share_one(void **state)
{
	struct lane lane;
	char name[16];

	(void)state;
	lane_init(&lane, "p/a#1");
	for (int i = 0; i < LANE_CLASSES_MAX - 1; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		assert_string_equal(lane_class(&lane, SIDE_REPLY, span_str(name))->name,
				    name);
	}
	assert_string_equal(lane_class(&lane, SIDE_REPLY, span_str("late"))->name,
			    "other");
	assert_string_equal(lane_class(&lane, SIDE_REPLY, span_str("later"))->name,
			    "other");
	assert_string_equal(lane_class(&lane, SIDE_REPLY, span_str("other"))->name,
			    "other");
	assert_string_equal(lane_class(&lane, SIDE_REPLY, span_str("c0"))->name, "c0");
	assert_int_equal(lane.sides[SIDE_REPLY].num_classes, LANE_CLASSES_MAX);
	lane_done(&lane);
}

static void only_rules_that_can_touch_a_side_are_bound(void **state)
{
	static const bool applies[] = {true, true, true, false};
	struct judge j;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_rule(&j, "request")->match.sides[SIDE_REPLY] = false;
	judge_rule(&j, "inert")->chance = (struct chance){0, 1000000};
	judge_rule(&j, "both");
	judge_rule(&j, "elsewhere");
	lane_bind(&j.lane, SIDE_REQUEST, &j.set, applies, NULL);
	lane_bind(&j.lane, SIDE_REPLY, &j.set, applies, NULL);
	assert_int_equal(j.lane.sides[SIDE_REQUEST].num_rules, 2);
	assert_string_equal(j.lane.sides[SIDE_REQUEST].rules[1].rule->name, "both");
	assert_int_equal(j.lane.sides[SIDE_REPLY].num_rules, 1);
	assert_true(lane_side_touched(&j.lane, SIDE_REPLY));
	j.rules[2].match.sides[SIDE_REPLY] = false;
	lane_bind(&j.lane, SIDE_REPLY, &j.set, applies, NULL);
	assert_false(lane_side_touched(&j.lane, SIDE_REPLY));
	judge_done(&j);
}

static void keys_differ_by_rule_side_and_lane_only(void **state)
{
	struct judge j, same, other;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_init(&same, "p/a#1");
	judge_init(&other, "p/a#2");
	judge_rule(&j, "one");
	judge_rule(&j, "two");
	judge_rule(&same, "two");
	judge_rule(&other, "two");
	judge_bind(&j);
	judge_bind(&same);
	judge_bind(&other);
#define KEY(judge, side, n) ((judge).lane.sides[side].rules[n].key.k0)
	assert_int_not_equal(KEY(j, SIDE_REPLY, 0), KEY(j, SIDE_REPLY, 1));
	assert_int_not_equal(KEY(j, SIDE_REPLY, 0), KEY(j, SIDE_REQUEST, 0));
	assert_int_equal(KEY(j, SIDE_REPLY, 1), KEY(same, SIDE_REPLY, 0));
	assert_int_not_equal(KEY(same, SIDE_REPLY, 0), KEY(other, SIDE_REPLY, 0));
#undef KEY
	judge_done(&j);
	judge_done(&same);
	judge_done(&other);
}

static void binding_anew_keeps_schedules_by_name_and_ordinals(void **state)
{
	struct judge j, next;
	struct err err;

	(void)state;
	judge_init(&j, "p/a#1");
	judge_rule(&j, "gone");
	judge_rule(&j, "kept")->schedule.skip = 2;
	judge_action(&j, &j.rules[1], "drop", &err);
	judge_bind(&j);
	judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	judge_init(&next, "unused");
	judge_rule(&next, "kept")->schedule.skip = 2;
	judge_action(&next, &next.rules[0], "drop", &err);
	judge_rule(&next, "new")->schedule.skip = 1;
	lane_bind(&j.lane, SIDE_REQUEST, &next.set, NULL, NULL);
	judge_whole(&j, SIDE_REQUEST, "A", span_str("x"));
	assert_int_equal(j.unit.k, 2);
	assert_int_equal(j.decision.num_outcomes, 2);
	assert_int_equal(j.decision.outcomes[0].outcome, OUTCOME_FIRED);
	assert_int_equal(j.decision.outcomes[1].outcome, OUTCOME_SKIP);
	judge_done(&j);
	judge_done(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinals_count_by_side_and_class),
		cmocka_unit_test(class_names_are_made_fit_for_identities),
		cmocka_unit_test(entries_of_classes_never_move),
		cmocka_unit_test(classes_past_the_maximum_share_one),
		cmocka_unit_test(only_rules_that_can_touch_a_side_are_bound),
		cmocka_unit_test(keys_differ_by_rule_side_and_lane_only),
		cmocka_unit_test(binding_anew_keeps_schedules_by_name_and_ordinals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
