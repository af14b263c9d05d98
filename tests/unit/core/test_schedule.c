/* Schedules: which of the matching units fire, as words of one letter a unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/schedule.h"

#include <string.h>

struct row {
	const char *name;
	struct schedule schedule; /* zeros mean: as schedule_init() has it */
	const char *wins;	  /* y or n a unit, the last one again and again */
	const char *wanted; /* F fired, s skip, e every, c count, u until, - chance */
};

static const struct row ROWS[] = {
	{"always", {0}, "y", "FFFF"},
	{"never", {0}, "n", "----"},
	{"as drawn", {0}, "ynny", "F--F"},
	{"skip", {.skip = 2}, "y", "ssFF"},
	{"count", {.count = 2}, "y", "FFcc"},
	{"count counts firings, not units", {.count = 2}, "nynyy", "-F-Fc"},
	{"every", {.every = 3}, "y", "eeFeeFe"},
	{"every begins behind skip", {.skip = 1, .every = 3}, "y", "seeFee"},
	{"every counts units, not firings", {.every = 2}, "yyynyy", "eFe-eF"},
	{"burst", {.burst = 3}, "ynnnynn", "FFF-FFF"},
	{"burst goes on over every", {.every = 5, .burst = 2}, "y", "eeeeFFee"},
	{"count ends a burst", {.burst = 3, .count = 2}, "y", "FFcc"},
	{"until ends it", {.until = 2}, "y", "FFuu"},
	{"until counts what skip skips", {.skip = 1, .until = 3}, "y", "sFFu"},
	{"until ends a burst", {.burst = 4, .until = 2}, "y", "FFuu"},
	{"skip comes first", {.skip = 3, .until = 1}, "y", "sssu"},
};

static char letter(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_FIRED:
		return 'F';
	case OUTCOME_SHADOWED:
		return '!';
	case OUTCOME_SKIP:
		return 's';
	case OUTCOME_EVERY:
		return 'e';
	case OUTCOME_COUNT:
		return 'c';
	case OUTCOME_UNTIL:
		return 'u';
	case OUTCOME_CHANCE:
		return '-';
	case OUTCOME_MASKED:
	case NUM_OUTCOME:
		break;
	}
	return '?';
}

static void check_row(const struct row *row)
{
	struct schedule schedule;
	struct schedule_state state = {0};
	char got[32] = {0};
	size_t last = strlen(row->wins) - 1;

	schedule_init(&schedule);
	schedule.skip = row->schedule.skip;
	schedule.every = row->schedule.every ? row->schedule.every : schedule.every;
	schedule.burst = row->schedule.burst ? row->schedule.burst : schedule.burst;
	schedule.count = row->schedule.count ? row->schedule.count : schedule.count;
	schedule.until = row->schedule.until ? row->schedule.until : schedule.until;
	for (size_t i = 0; i < strlen(row->wanted); i++) {
		bool wins = row->wins[i < last ? i : last] == 'y';

		got[i] = letter(schedule_next(&schedule, &state, wins, 0));
	}
	if (strcmp(got, row->wanted) != 0) {
		fail_msg("%s: wanted %s, got %s", row->name, row->wanted, got);
	}
}

static void units_fire_as_the_rows_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		check_row(&ROWS[i]);
	}
}

static void a_time_bound_holds_from_that_time_on(void **state)
{
	struct schedule schedule;
	struct schedule_state where = {0};

	(void)state;
	schedule_init(&schedule);
	schedule.until_ns = 100;
	assert_int_equal(schedule_next(&schedule, &where, true, 99), OUTCOME_FIRED);
	assert_int_equal(schedule_next(&schedule, &where, true, 100), OUTCOME_UNTIL);
}

static void every_outcome_has_its_word(void **state)
{
	static const char *const WORDS[] = {"fired", "shadowed", "skip",   "every",
					    "count", "until",	 "chance", "masked"};

	(void)state;
	for (int i = 0; i < NUM_OUTCOME; i++) {
		assert_string_equal(outcome_name((enum outcome)i), WORDS[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_fire_as_the_rows_say),
		cmocka_unit_test(a_time_bound_holds_from_that_time_on),
		cmocka_unit_test(every_outcome_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
