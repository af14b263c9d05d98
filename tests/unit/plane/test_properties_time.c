/* P8: no decision of a seed-exact rule reads a clock; and delays keep streams whole.
 * Over random cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

enum { NUM_CASES = 1000 };

static bool time_holds(const struct random_case *c)
{
	const struct way ways[] = {
		{.step_ns = 0}, /* the clock stands */
		{.step_ns = MS(30), .seed = c->seed},
		{.step_ns = MS(4000), .seed = c->seed},
	};

	/* Datagrams that are delayed overtake each other by when they came. */
	return ways_alike(c, ways, 3, !c->datagram);
}

static void the_clock_decides_nothing(void **state)
{
	(void)state;
	assert_true(cases_hold("P8", 400000, NUM_CASES,
			       &(struct case_wish){.always_eof = true,
						   .cuts_or_delays = true},
			       time_holds));
}

static bool streams_arrive_whole(const struct random_case *c)
{
	struct result result;
	bool same = true;

	case_play(c,
		  &(struct way){.segments = SEGMENTS_RANDOM,
				.seed = c->seed,
				.step_ns = MS(9)},
		  &result);
	for (size_t lane = 0; same && lane < c->num_lanes; lane++) {
		struct text fed[NUM_SIDE] = {{0}, {0}};

		for (size_t i = 0; i < c->lanes[lane].num_ops; i++) {
			const struct case_op *op = &c->lanes[lane].ops[i];

			text_bytes(&fed[op->side], op->bytes.data, op->bytes.len);
		}
		for (int side = 0; side < NUM_SIDE; side++) {
			text_str(&fed[side], "|ends 1, cuts 0 0");
			same = same && text_same(&fed[side], &result.out[lane][side]);
			text_done(&fed[side]);
		}
	}
	result_done(&result);
	return same;
}

static void delays_neither_lose_nor_mix_a_streams_bytes(void **state)
{
	(void)state;
	assert_true(cases_hold("delay", 600000, NUM_CASES,
			       &(struct case_wish){.streams_only = true,
						   .no_actions_but_delay = true,
						   .always_eof = true},
			       streams_arrive_whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_decides_nothing),
		cmocka_unit_test(delays_neither_lose_nor_mix_a_streams_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
