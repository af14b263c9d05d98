/* What a replay makes of what comes: the verdict, and where it went another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/lane.h"
#include "core/replay.h"

#include <stdio.h>

/* A lane side as "class/k/len/digest" words, in order. */
struct unit_row {
	const char *class;
	uint64_t k, len, digest;
};

enum { UNITS_MAX = 6 };

enum lane_end { ENDS_CLOSED, ENDS_RAGGED, ENDS_OPEN };

static const struct {
	const char *name;
	struct unit_row logged[UNITS_MAX], seen[UNITS_MAX];
	enum lane_end end;
	enum replay_verdict verdict;
	enum replay_difference difference; /* the first that is graver than content */
	const char *class;		   /* of what was expected, else of what came */
	uint64_t k, line;
	uint64_t raced, unrecorded;
} ROWS[] = {
	{
		.name = "the same is exact",
		.logged = {{"a", 0, 3, 1}, {"b", 0, 3, 2}},
		.seen = {{"a", 0, 3, 1}, {"b", 0, 3, 2}},
		.verdict = REPLAY_EXACT,
	},
	{
		.name = "other content is equivalent",
		.logged = {{"a", 0, 3, 1}, {"b", 0, 3, 2}},
		.seen = {{"a", 0, 3, 1}, {"b", 0, 3, 7}},
		.verdict = REPLAY_EQUIVALENT,
	},
	{
		.name = "another length",
		.logged = {{"a", 0, 3, 1}, {"a", 1, 3, 2}},
		.seen = {{"a", 0, 3, 1}, {"a", 1, 4, 2}},
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_LENGTH,
		.class = "a",
		.k = 1,
		.line = 3,
	},
	{
		.name = "another class is named by what was expected there",
		.logged = {{"a", 0, 3, 1}, {"b", 0, 3, 2}, {"c", 0, 3, 3}},
		.seen = {{"a", 0, 3, 1}, {"c", 0, 3, 3}},
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_CLASS,
		.class = "b",
		.line = 3,
	},
	{
		.name = "a missing end",
		.logged = {{"a", 0, 3, 1}, {"a", 1, 3, 2}, {"a", 2, 3, 2}},
		.seen = {{"a", 0, 3, 1}},
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_MISSING,
		.class = "a",
		.k = 1,
		.line = 3,
	},
	{
		.name = "one more",
		.logged = {{"a", 0, 3, 1}},
		.seen = {{"a", 0, 3, 1}, {"b", 0, 3, 2}},
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_EXTRA,
		.class = "b",
		.line = 2,
	},
	{
		.name = "a missing end where a lane was cut",
		.logged = {{"a", 0, 3, 1}, {"a", 1, 3, 2}},
		.seen = {{"a", 0, 3, 1}},
		.end = ENDS_RAGGED,
		.verdict = REPLAY_EQUIVALENT,
		.raced = 1,
	},
	{
		.name = "one more where a lane was cut",
		.logged = {{"a", 0, 3, 1}},
		.seen = {{"a", 0, 3, 1}, {"a", 1, 3, 2}, {"a", 2, 3, 2}},
		.end = ENDS_RAGGED,
		.verdict = REPLAY_EQUIVALENT,
		.raced = 2,
	},
	{
		.name = "a length in front of a cut is no race",
		.logged = {{"a", 0, 3, 1}, {"a", 1, 3, 2}},
		.seen = {{"a", 0, 4, 1}},
		.end = ENDS_RAGGED,
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_LENGTH,
		.class = "a",
		.line = 2,
	},
	{
		.name = "more than a log that was cut off knows",
		.logged = {{"a", 0, 3, 1}},
		.seen = {{"a", 0, 3, 1}, {"a", 1, 3, 2}},
		.end = ENDS_OPEN,
		.verdict = REPLAY_EQUIVALENT,
		.unrecorded = 1,
	},
	{
		.name = "less than a log that was cut off knows",
		.logged = {{"a", 0, 3, 1}, {"a", 1, 3, 2}},
		.seen = {{"a", 0, 3, 1}},
		.end = ENDS_OPEN,
		.verdict = REPLAY_DIVERGED,
		.difference = REPLAY_MISSING,
		.class = "a",
		.k = 1,
		.line = 3,
	},
};

static struct replay_lane *add_lane(struct replay *replay, const struct unit_row *units,
				    enum lane_end end)
{
	struct replay_lane *lane = replay_lane_add(replay, "p/x#1", 1);

	lane->closed = end != ENDS_OPEN;
	lane->ragged = end == ENDS_RAGGED;
	for (size_t i = 0; i < UNITS_MAX && units[i].class; i++) {
		struct replay_unit *unit =
			replay_unit_add(replay, &lane->sides[SIDE_REPLY], units[i].class,
					units[i].k, i + 2);

		assert_non_null(unit);
		unit->len_bytes = units[i].len;
		unit->digest = units[i].digest;
		unit->digest_known = true;
	}
	return lane;
}

static void check_first(const struct replay *replay, size_t row)
{
	const struct replay_side *side = replay_next_diverged(replay, NULL);

	if (ROWS[row].difference == REPLAY_SAME) {
		assert_null(side);
		return;
	}
	assert_non_null(side);
	assert_int_equal(side->first.difference, ROWS[row].difference);
	assert_int_equal(side->first.line, ROWS[row].line);
	assert_string_equal(
		side->first.expected ? side->first.expected->class : side->first.class,
		ROWS[row].class);
	assert_int_equal(side->first.expected ? side->first.expected->k : side->first.k,
			 ROWS[row].k);
	assert_null(replay_next_diverged(replay, side));
}

static void verdicts_are_as_the_rows_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct replay *replay = replay_new(REPLAY_FAIL);
		struct replay_lane *lane = add_lane(replay, ROWS[i].logged, ROWS[i].end);
		struct replay_result result;

		print_message("%s\n", ROWS[i].name);
		assert_ptr_equal(replay_open(replay, "p/x#1"), lane);
		for (size_t k = 0; k < UNITS_MAX && ROWS[i].seen[k].class; k++) {
			const struct unit_row *row = &ROWS[i].seen[k];

			replay_note(&lane->sides[SIDE_REPLY],
				    &(struct replay_seen){row->class, row->k, row->len,
							  row->digest},
				    true);
		}
		result = replay_finish(replay);
		assert_int_equal(result.verdict, ROWS[i].verdict);
		assert_int_equal(result.raced, ROWS[i].raced);
		assert_int_equal(result.unrecorded, ROWS[i].unrecorded);
		check_first(replay, i);
		replay_free(replay);
	}
}

static void the_earliest_is_by_the_log_not_by_time(void **state)
{
	struct replay_result result;
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_lane *late = replay_lane_add(replay, "p/late#1", 10);
	struct replay_lane *early = replay_lane_add(replay, "p/early#1", 1);
	const struct replay_side *side;

	(void)state;
	late->closed = early->closed = true;
	assert_non_null(replay_unit_add(replay, &late->sides[0], "a", 0, 11));
	assert_non_null(replay_unit_add(replay, &early->sides[1], "a", 0, 2));
	replay_open(replay, "p/late#1");
	result = replay_finish(replay);
	assert_int_equal(result.verdict, REPLAY_DIVERGED);
	assert_int_equal(result.diverged_sides, 2);
	side = replay_next_diverged(replay, NULL);
	assert_ptr_equal(side, &early->sides[1]);
	side = replay_next_diverged(replay, side);
	assert_ptr_equal(side, &late->sides[0]);
	assert_int_equal(side->first.line, 11);
	assert_null(replay_next_diverged(replay, side));
	replay_free(replay);
}

/* Sides with nothing logged diverge at their lane's line, which they share. */
static void no_side_that_diverged_is_left_out(void **state)
{
	static const char *const NAMES[] = {"p/x#2", "p/x#1"};
	static const uint64_t LINES[] = {7, 3};
	struct replay *replay = replay_new(REPLAY_FAIL);
	const struct replay_side *side = NULL;
	struct replay_lane *lanes[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		lanes[i] = replay_lane_add(replay, NAMES[i], LINES[i]);
		lanes[i]->closed = true;
		replay_open(replay, NAMES[i]);
		for (int s = 0; s < NUM_SIDE; s++) {
			replay_note(&lanes[i]->sides[s],
				    &(struct replay_seen){"a", 0, 1, 1}, true);
		}
	}
	assert_int_equal(replay_finish(replay).diverged_sides, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct replay_lane *lane = lanes[i < 2];

		side = replay_next_diverged(replay, side);
		assert_ptr_equal(side, &lane->sides[i % 2]);
		assert_int_equal(side->first.difference, REPLAY_EXTRA);
	}
	assert_null(replay_next_diverged(replay, side));
	replay_free(replay);
}

static void a_lane_that_the_log_has_not_diverges(void **state)
{
	struct replay *replay = replay_new(REPLAY_FAIL);

	(void)state;
	assert_null(replay_open(replay, "p/new#1"));
	assert_null(replay_open(replay, "p/new#2"));
	assert_int_equal(replay_finish(replay).verdict, REPLAY_DIVERGED);
	assert_int_equal(replay->extra_lanes, 2);
	assert_string_equal(replay->extra_lane, "p/new#1");
	replay_free(replay);
}

static void identities_are_unique_and_without_holes(void **state)
{
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_side *side = &replay_lane_add(replay, "p/x#1", 1)->sides[0];

	(void)state;
	assert_null(replay_unit_add(replay, side, "a", 1, 2)); /* 0 is missing */
	assert_non_null(replay_unit_add(replay, side, "a", 0, 2));
	assert_null(replay_unit_add(replay, side, "a", 0, 3));
	assert_null(replay_unit_add(replay, side, "a", UINT64_MAX, 3));
	assert_non_null(replay_unit_add(replay, side, "b", 0, 3));
	assert_non_null(replay_unit_find(side, "b", 0));
	assert_null(replay_unit_find(side, "b", 1));
	assert_null(replay_unit_find(side, "c", 0));
	replay_free(replay);
}

static void a_side_has_no_more_classes_than_a_run_gives_it(void **state)
{
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_side *side = &replay_lane_add(replay, "p/x#1", 1)->sides[0];
	char name[8];

	(void)state;
	for (unsigned i = 0; i < LANE_CLASSES_MAX; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		assert_non_null(replay_unit_add(replay, side, name, 0, 2 + i));
	}
	assert_null(replay_unit_add(replay, side, "c", 0, 300));
	assert_non_null(replay_unit_add(replay, side, name, 1, 300));
	replay_free(replay);
}

/* Memory for so many, not for their square. */
static void a_unit_may_be_late_often(void **state)
{
	enum { TIMES = 200000 };
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_side *side = &replay_lane_add(replay, "p/x#1", 1)->sides[0];
	struct replay_unit *unit = replay_unit_add(replay, side, "a", 0, 2);

	(void)state;
	for (uint64_t i = 0; i < TIMES; i++) {
		replay_late_add(replay, unit, (struct replay_late){.after = i});
	}
	assert_int_equal(unit->said->num_late, TIMES);
	for (uint64_t i = 0; i < TIMES; i++) {
		assert_int_equal(unit->said->late[i].after, i);
	}
	replay_free(replay);
}

static void generations_change_where_the_log_says(void **state)
{
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_side *side = &replay_lane_add(replay, "p/x#1", 1)->sides[0];

	(void)state;
	assert_true(replay_switch_add(side, 1, 2));
	assert_false(replay_switch_add(side, 0, 3));
	assert_true(replay_switch_add(side, 3, 3));
	assert_true(replay_switch_add(side, 3, 4));
	for (uint64_t i = 0; i < 4; i++) {
		static const uint64_t EXPECTED[] = {1, 2, 2, 4};

		assert_int_equal(replay_generation(side), EXPECTED[i]);
		replay_note(side, &(struct replay_seen){"a", i, 1, 1}, true);
	}
	replay_free(replay);
}

static void masking_leaves_only_what_is_selected(void **state)
{
	struct replay *replay = replay_new(REPLAY_FAIL);
	struct replay_side *side = &replay_lane_add(replay, "p/x#1", 1)->sides[0];
	struct replay_unit *fault = replay_unit_add(replay, side, "a", 0, 2);
	struct replay_unit *pass = replay_unit_add(replay, side, "a", 1, 3);

	(void)state;
	fault->faulty = true;
	replay_mask_all(replay);
	assert_true(replay->selected && fault->masked && !pass->masked);
	assert_int_equal(replay_finish(replay).faults, 0);
	replay_free(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_as_the_rows_say),
		cmocka_unit_test(the_earliest_is_by_the_log_not_by_time),
		cmocka_unit_test(no_side_that_diverged_is_left_out),
		cmocka_unit_test(a_lane_that_the_log_has_not_diverges),
		cmocka_unit_test(identities_are_unique_and_without_holes),
		cmocka_unit_test(a_side_has_no_more_classes_than_a_run_gives_it),
		cmocka_unit_test(a_unit_may_be_late_often),
		cmocka_unit_test(generations_change_where_the_log_says),
		cmocka_unit_test(masking_leaves_only_what_is_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
