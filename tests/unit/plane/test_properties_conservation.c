/* P9: per lane and side, in + injected + copies = out + dropped + held, however a flow
 * ends. Over random cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

enum { NUM_CASES = 1000 };

static bool side_conserved(const struct random_case *c, const struct result *result,
			   size_t lane, enum side side)
{
	bool cuts = strstr(text_cstr(&c->rules), "do = reset") ||
		    strstr(text_cstr(&c->rules), "do = close");
	struct side_stats stats;

	if (!log_side_stats(text_cstr(&result->log), result->lanes[lane], side, &stats)) {
		fprintf(stderr, "no close line for %s\n", result->lanes[lane]);
		return false;
	}
	if (!side_stats_conserved(&stats)) {
		fprintf(stderr, "lane %zu %s: %s", lane, side_name(side),
			strstr(text_cstr(&result->log), "\"reply\":{"));
		return false;
	}
	/* The front of a datagram that was cut leaves as a datagram, and counts as
	 * dropped. */
	if (stats.bytes_out != result->bytes_left[lane][side] ||
	    stats.bytes_in > result->bytes_fed[lane][side] ||
	    (c->datagram && !cuts && stats.units_out != result->sends[lane][side])) {
		fprintf(stderr, "lane %zu %s: the line says other than what went\n", lane,
			side_name(side));
		return false;
	}
	if (!cuts && stats.bytes_in != result->bytes_fed[lane][side]) {
		fprintf(stderr, "lane %zu %s: %llu bytes came, %llu are accounted for\n",
			lane, side_name(side),
			(unsigned long long)result->bytes_fed[lane][side],
			(unsigned long long)stats.bytes_in);
		return false;
	}
	return true;
}

static bool conservation_holds(const struct random_case *c)
{
	static const int64_t steps[] = {0, MS(20)};
	bool fine = true;

	for (size_t i = 0; fine && i < 2; i++) {
		struct result result;

		case_play(c,
			  &(struct way){.segments = SEGMENTS_RANDOM,
					.interleaved = true,
					.seed = c->seed,
					.step_ns = steps[i]},
			  &result);
		for (size_t lane = 0; fine && lane < c->num_lanes; lane++) {
			fine = side_conserved(c, &result, lane, SIDE_REQUEST) &&
			       side_conserved(c, &result, lane, SIDE_REPLY);
		}
		fine = fine && side_stats_conserved(&result.totals);
		result_done(&result);
	}
	return fine;
}

static void what_comes_in_is_accounted_for(void **state)
{
	(void)state;
	assert_true(cases_hold("P9", 500000, NUM_CASES, &(struct case_wish){0},
			       conservation_holds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
