/* P2: however a stream's bytes fall into reads, decisions, log and output are the same.
 * Over random cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

enum { NUM_CASES = 1000 };

static bool segmentation_holds(const struct random_case *c)
{
	const struct way ways[] = {
		{.segments = SEGMENTS_AS_WRITTEN},
		{.segments = SEGMENTS_BYTES},
		{.segments = SEGMENTS_RANDOM, .seed = c->seed},
		{.segments = SEGMENTS_COALESCED},
	};

	return ways_alike(c, ways, 4, true);
}

static void any_segmentation_gives_the_same_decisions_and_bytes(void **state)
{
	(void)state;
	assert_true(cases_hold("P2", 200000, NUM_CASES,
			       &(struct case_wish){.streams_only = true},
			       segmentation_holds));
}

static void any_segmentation_finds_the_same_label(void **state)
{
	(void)state;
	assert_true(cases_hold("P2", 250000, NUM_CASES / 2,
			       &(struct case_wish){.streams_only = true,
						   .labels_by_pattern = true},
			       segmentation_holds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_segmentation_gives_the_same_decisions_and_bytes),
		cmocka_unit_test(any_segmentation_finds_the_same_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
