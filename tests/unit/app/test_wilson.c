/* Intervals and repetitions, against values from the literature and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/wilson.h"

#include <math.h>

static void intervals_are_wilsons(void **state)
{
	static const struct {
		uint64_t hits, runs;
		double confidence, low, high;
	} ROWS[] = {
		/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3 */
		{81, 263, 0.95, 0.2553, 0.3662},
		{15, 148, 0.95, 0.0624, 0.1605},
		{0, 20, 0.95, 0, 0.1611},
		{1, 29, 0.95, 0.0061, 0.1718},
		{5, 5, 0.95, 0.5655, 1},
		{1, 2, 0.90, 0.1209, 0.8791},
		{0, 0, 0.95, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct interval got =
			wilson_interval(ROWS[i].hits, ROWS[i].runs, ROWS[i].confidence);

		if (fabs(got.low - ROWS[i].low) > 0.0001 ||
		    fabs(got.high - ROWS[i].high) > 0.0001) {
			fail_msg("%ju of %ju: %.4f to %.4f", (uintmax_t)ROWS[i].hits,
				 (uintmax_t)ROWS[i].runs, got.low, got.high);
		}
	}
}

static void repetitions_make_sure(void **state)
{
	static const struct {
		double rate, confidence;
		unsigned wanted;
	} ROWS[] = {
		{1, 0.95, 1},	 {0.95, 0.95, 1}, {0.94, 0.95, 2},
		{0.7, 0.95, 3},	 {0.7, 0.99, 4},  {0.5, 0.95, 5},
		{0.1, 0.95, 29}, {0.5, 0.5, 1},	  {0, 0.95, WILSON_REPEATS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(wilson_repeats(ROWS[i].rate, ROWS[i].confidence),
				 ROWS[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_are_wilsons),
		cmocka_unit_test(repetitions_make_sure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
