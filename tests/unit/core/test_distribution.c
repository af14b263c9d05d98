/* The tables of quantiles, made again from their formulas, and what sampling makes of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/distribution.h"

#include <math.h>

static const double SCALE = DISTRIBUTION_SCALE;

static double quantile_at(int i)
{
	return (i + 0.5) / DISTRIBUTION_QUANTILES;
}

/* The inverse of the normal distribution function, by bisection on erfc(). */
static double inverse_normal(double u)
{
	double low = -10, high = 10;

	for (int i = 0; i < 200; i++) {
		double middle = (low + high) / 2;

		if (0.5 * erfc(-middle / sqrt(2)) < u) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return (low + high) / 2;
}

static double pareto(double u)
{
	return (pow(1 - u, -1.0 / 3) - 1.5) / (sqrt(3) / 2);
}

static double bounded(double value)
{
	return value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
}

static double formula(enum distribution distribution, double u)
{
	switch (distribution) {
	case DISTRIBUTION_NORMAL:
		return inverse_normal(u) * SCALE;
	case DISTRIBUTION_PARETO:
		return pareto(u) * SCALE;
	case DISTRIBUTION_PARETONORMAL:
		return (inverse_normal(u) / 4 + pareto(u) * 3 / 4) * SCALE;
	case DISTRIBUTION_UNIFORM:
	case NUM_DISTRIBUTION:
		break;
	}
	fail();
	return 0;
}

static void check_table(enum distribution distribution)
{
	const int16_t *table = distribution_quantiles(distribution);

	for (int i = 0; i < DISTRIBUTION_QUANTILES; i++) {
		double wanted = bounded(formula(distribution, quantile_at(i)));

		/* Rounded once: half a step, and libm's last digits. */
		if (fabs(table[i] - wanted) > 0.5001) {
			fail_msg("distribution %d at %d: %d instead of %f",
				 (int)distribution, i, table[i], wanted);
		}
	}
}

static void tables_follow_their_formulas(void **state)
{
	(void)state;
	assert_null(distribution_quantiles(DISTRIBUTION_UNIFORM));
	check_table(DISTRIBUTION_NORMAL);
	check_table(DISTRIBUTION_PARETO);
	check_table(DISTRIBUTION_PARETONORMAL);
}

static void normal_is_symmetric(void **state)
{
	const int16_t *table = distribution_quantiles(DISTRIBUTION_NORMAL);

	(void)state;
	for (int i = 0; i < DISTRIBUTION_QUANTILES; i++) {
		assert_int_equal(table[i], -table[DISTRIBUTION_QUANTILES - 1 - i]);
	}
}

static uint64_t draw_at(int quantile)
{
	return (uint64_t)quantile << 54;
}

static void samples_reach_from_end_to_end(void **state)
{
	static const struct {
		enum distribution distribution;
		uint64_t draw;
		int64_t mean, spread, wanted;
	} ROWS[] = {
		{DISTRIBUTION_UNIFORM, 0, 50, 10, 40},
		{DISTRIBUTION_UNIFORM, UINT64_MAX, 50, 10, 60},
		{DISTRIBUTION_UNIFORM, 1ULL << 63, 50, 10, 50},
		{DISTRIBUTION_UNIFORM, 0, 5, 10, 0}, /* never below 0 */
		{DISTRIBUTION_UNIFORM, UINT64_MAX, 5, 0, 5},
		{DISTRIBUTION_NORMAL, 0, 1000000, 8192, 1000000 - 27011},
		{DISTRIBUTION_NORMAL, UINT64_MAX, 1000000, 8192, 1000000 + 27011},
		{DISTRIBUTION_NORMAL, UINT64_MAX, 1000000, 81920, 1000000 + 270110},
		{DISTRIBUTION_NORMAL, UINT64_MAX, 0, 4096, 13505},
		{DISTRIBUTION_NORMAL, 0, 5, 8192, 0},
		{DISTRIBUTION_PARETO, 0, 1000000, 8192, 1000000 - 4728},
		{DISTRIBUTION_PARETO, UINT64_MAX, 1000000, 8192, 1000000 + 32767},
		{DISTRIBUTION_PARETONORMAL, UINT64_MAX, 7, 0, 7},
		{DISTRIBUTION_NORMAL, UINT64_MAX, (1LL << 61), (1LL << 57),
		 (1LL << 61) + (1LL << 57) / 8192 * 27011},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(distribution_sample(ROWS[i].distribution, ROWS[i].draw,
						     ROWS[i].mean, ROWS[i].spread),
				 ROWS[i].wanted);
	}
}

static void each_quantile_has_its_share_of_the_draws(void **state)
{
	const int16_t *table = distribution_quantiles(DISTRIBUTION_PARETO);

	(void)state;
	for (int i = 0; i < DISTRIBUTION_QUANTILES; i++) {
		assert_int_equal(distribution_sample(DISTRIBUTION_PARETO, draw_at(i),
						     100000, DISTRIBUTION_SCALE),
				 100000 + table[i]);
		assert_int_equal(distribution_sample(DISTRIBUTION_PARETO,
						     draw_at(i + 1) - 1, 100000,
						     DISTRIBUTION_SCALE),
				 100000 + table[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_follow_their_formulas),
		cmocka_unit_test(normal_is_symmetric),
		cmocka_unit_test(samples_reach_from_end_to_end),
		cmocka_unit_test(each_quantile_has_its_share_of_the_draws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
