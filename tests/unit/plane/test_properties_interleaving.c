/* P1: any interleaving of lanes gives the same decisions, and each lane side the same
 * bytes. P7: permuting the order in which connections are accepted changes nothing for
 * lanes that are not weak. Over random cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include <stdlib.h>

enum { NUM_CASES = 1000 };

static bool interleaving_holds(const struct random_case *c)
{
	const struct way ways[] = {
		{.seed = 0}, /* lane after lane */
		{.interleaved = true, .seed = c->seed + 1},
		{.interleaved = true, .seed = c->seed + 2},
	};

	return ways_alike(c, ways, 3, true);
}

static void any_interleaving_gives_the_same_decisions_and_bytes(void **state)
{
	(void)state;
	/* A label read from the bytes may be two lanes' label: see P7 for those. */
	assert_true(cases_hold("P1", 100000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true},
			       interleaving_holds));
}

static void lines_of_lane(const struct result *result, size_t lane, struct text *out)
{
	const char *line = text_cstr(&result->canon);
	char key[96];

	snprintf(key, sizeof(key), "\"lane\":\"%s\"", result->lanes[lane]);
	while (*line) {
		size_t len = strcspn(line, "\n") + 1;

		if (memmem(line, len, key, strlen(key))) {
			text_bytes(out, line, len);
		}
		line += len;
	}
}

static unsigned strong_lanes, weak_lanes;

static bool strong_lane_alike(const struct result *a, const struct result *b, size_t lane)
{
	struct text left = {0}, right = {0};
	bool same;

	if (a->weak[lane] != b->weak[lane]) {
		fprintf(stderr, "lane %zu is weak only once\n", lane);
		return false;
	}
	if (a->weak[lane] || !a->lanes[lane][0]) {
		weak_lanes++;
		return true;
	}
	strong_lanes++;
	lines_of_lane(a, lane, &left);
	lines_of_lane(b, lane, &right);
	same = left.len > 0 && text_same(&left, &right) &&
	       text_same(&a->out[lane][0], &b->out[lane][0]) &&
	       text_same(&a->out[lane][1], &b->out[lane][1]);
	if (!same) {
		log_show_difference(text_cstr(&left), text_cstr(&right));
	}
	text_done(&left);
	text_done(&right);
	return same;
}

static bool racing_holds(const struct random_case *c)
{
	struct result a, b;
	bool same = true;

	case_play(c,
		  &(struct way){.accept_shuffled = true, .interleaved = true, .seed = 1},
		  &a);
	case_play(c,
		  &(struct way){.accept_shuffled = true,
				.interleaved = true,
				.seed = c->seed},
		  &b);
	for (size_t lane = 0; same && lane < c->num_lanes; lane++) {
		same = strong_lane_alike(&a, &b, lane);
	}
	result_done(&a);
	result_done(&b);
	return same;
}

static void accept_order_changes_nothing_for_labels_by_source(void **state)
{
	(void)state;
	strong_lanes = weak_lanes = 0;
	assert_true(cases_hold("P7", 300000, NUM_CASES,
			       &(struct case_wish){.always_eof = true,
						   .labels_by_source = true,
						   .shared_labels = true},
			       racing_holds));
	if (!getenv("TURNCOAT_CASE")) {
		assert_true(strong_lanes > NUM_CASES && weak_lanes > NUM_CASES / 10);
	}
}

static void accept_order_changes_nothing_for_labels_by_pattern(void **state)
{
	(void)state;
	strong_lanes = weak_lanes = 0;
	assert_true(cases_hold("P7", 350000, NUM_CASES,
			       &(struct case_wish){.always_eof = true,
						   .labels_by_pattern = true},
			       racing_holds));
	if (!getenv("TURNCOAT_CASE")) {
		assert_true(strong_lanes > NUM_CASES / 2 && weak_lanes > NUM_CASES / 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_interleaving_gives_the_same_decisions_and_bytes),
		cmocka_unit_test(accept_order_changes_nothing_for_labels_by_source),
		cmocka_unit_test(accept_order_changes_nothing_for_labels_by_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
