/* Delta debugging against brute force: every way in which few items can fail, and random
 * ways for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ddmin.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS_MAX = 12 };

/* How subsets, as bit sets, answer. */
struct oracle {
	size_t num;
	unsigned char answers[1 << ITEMS_MAX]; /* enum ddmin_answer */
	size_t tests;
};

static struct oracle oracle;

static unsigned bits_of(const size_t *items, size_t num)
{
	unsigned bits = 0;

	for (size_t i = 0; i < num; i++) {
		assert_true(i == 0 || items[i - 1] < items[i]);
		bits |= 1U << items[i];
	}
	return bits;
}

static unsigned minimise(void)
{
	const size_t *items;
	struct ddmin dd;
	unsigned result;
	size_t num;

	oracle.tests = 0;
	ddmin_init(&dd, oracle.num);
	while (ddmin_next(&dd, &items, &num)) {
		assert_in_range(num, 1, dd.num - 1);
		oracle.tests++;
		ddmin_tell(&dd, (enum ddmin_answer)oracle.answers[bits_of(items, num)]);
	}
	result = bits_of(dd.set, dd.num);
	ddmin_done(&dd);
	return result;
}

static void assert_one_minimal(unsigned result)
{
	size_t num = oracle.num;

	if (oracle.answers[result] != DDMIN_FAIL) {
		fail_msg("%x of %zu items does not fail", result, num);
	}
	for (size_t i = 0; i < num; i++) {
		unsigned without = result & ~(1U << i);

		if (without != result && oracle.answers[without] == DDMIN_FAIL) {
			fail_msg("%x of %zu items fails without %zu as well", result, num,
				 i);
		}
	}
	assert_in_range(oracle.tests, 0, num * num + 4 * num);
}

/* The answers of all subsets but the empty and the whole one, as digits of `code`. */
static void set_answers(size_t num, uint64_t code, unsigned kinds)
{
	oracle.num = num;
	oracle.answers[0] = DDMIN_PASS;
	for (unsigned set = 1; set + 1 < 1U << num; set++) {
		oracle.answers[set] = (unsigned char)(code % kinds);
		code /= kinds;
	}
	oracle.answers[(1U << num) - 1] = DDMIN_FAIL;
}

static uint64_t power(uint64_t base, unsigned exponent)
{
	return exponent ? base * power(base, exponent - 1) : 1;
}

static void every_way_to_fail_of_few_items_is_minimised(void **state)
{
	static const struct {
		size_t num;
		unsigned kinds; /* 3: unresolved ones as well */
	} ROWS[] = {{1, 3}, {2, 3}, {3, 3}, {4, 2}};

	(void)state;
	for (size_t row = 0; row < sizeof(ROWS) / sizeof(ROWS[0]); row++) {
		uint64_t ways = power(ROWS[row].kinds, (1U << ROWS[row].num) - 2);

		for (uint64_t code = 0; code < ways; code++) {
			set_answers(ROWS[row].num, code, ROWS[row].kinds);
			assert_one_minimal(minimise());
		}
	}
}

/* An LCG (Knuth's MMIX) is enough to mix answers. */
static uint64_t mixed(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void random_ways_to_fail_are_minimised(void **state)
{
	uint64_t random = 42;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint64_t odds = 1 + mixed(&random) % 20;

		oracle.num = 2 + mixed(&random) % (ITEMS_MAX - 3);
		for (unsigned set = 1; set < 1U << oracle.num; set++) {
			uint64_t drawn = mixed(&random) % (odds + 2);

			oracle.answers[set] = drawn == 0   ? DDMIN_FAIL
					      : drawn == 1 ? DDMIN_UNRESOLVED
							   : DDMIN_PASS;
		}
		oracle.answers[(1U << oracle.num) - 1] = DDMIN_FAIL;
		assert_one_minimal(minimise());
	}
}

static void items_that_only_fail_together_are_all_that_is_left(void **state)
{
	(void)state;
	oracle.num = 8;
	for (unsigned cause = 1; cause < 1U << oracle.num; cause++) {
		for (unsigned set = 0; set < 1U << oracle.num; set++) {
			oracle.answers[set] = (set & cause) == cause ? DDMIN_FAIL
					      : set % 3 == 1	     ? DDMIN_UNRESOLVED
								     : DDMIN_PASS;
		}
		assert_int_equal(minimise(), cause);
	}
}

/* More items never mend it: then no subset of the result fails. */
static void a_monotone_failure_gives_a_true_minimum(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int i = 0; i < 500; i++) {
		unsigned result;

		oracle.num = 2 + mixed(&random) % (ITEMS_MAX - 3);
		memset(oracle.answers, DDMIN_PASS, sizeof(oracle.answers));
		for (int cause = 0; cause < 4; cause++) {
			unsigned all = (1U << oracle.num) - 1;
			unsigned bits = (unsigned)(mixed(&random) & mixed(&random)) & all;

			for (unsigned set = 1; bits && set <= all; set++) {
				if ((set & bits) == bits) {
					oracle.answers[set] = DDMIN_FAIL;
				}
			}
		}
		oracle.answers[(1U << oracle.num) - 1] = DDMIN_FAIL;
		result = minimise();
		assert_one_minimal(result);
		for (unsigned set = 1; set < result; set++) {
			assert_false((set & result) == set &&
				     oracle.answers[set] == DDMIN_FAIL);
		}
	}
}

static void one_of_many_is_found_in_few_tests(void **state)
{
	enum { MANY = 1000 };

	(void)state;
	for (size_t wanted = 0; wanted < MANY; wanted += 37) {
		const size_t *items;
		struct ddmin dd;
		size_t num, tests = 0;

		ddmin_init(&dd, MANY);
		while (ddmin_next(&dd, &items, &num)) {
			bool has = false;

			for (size_t i = 0; i < num; i++) {
				has |= items[i] == wanted;
			}
			tests++;
			ddmin_tell(&dd, has ? DDMIN_FAIL : DDMIN_PASS);
		}
		assert_int_equal(dd.num, 1);
		assert_int_equal(dd.set[0], wanted);
		assert_in_range(tests, 9, 20); /* log2(1000), at most twice */
		ddmin_done(&dd);
	}
}

/* What passed is not tested again in part: a few tests for each halving of each. */
static void three_of_many_are_found_in_few_tests(void **state)
{
	enum { MANY = 1000 };
	static const size_t WANTED[] = {3, 400, 777};
	const size_t *items;
	struct ddmin dd;
	size_t num, tests = 0;

	(void)state;
	ddmin_init(&dd, MANY);
	while (ddmin_next(&dd, &items, &num)) {
		size_t found = 0;

		for (size_t i = 0; i < num; i++) {
			for (size_t w = 0; w < 3; w++) {
				found += items[i] == WANTED[w];
			}
		}
		tests++;
		ddmin_tell(&dd, found == 3 ? DDMIN_FAIL : DDMIN_PASS);
	}
	assert_int_equal(dd.num, 3);
	assert_memory_equal(dd.set, WANTED, sizeof(WANTED));
	assert_in_range(tests, 10, 100);
	ddmin_done(&dd);
}

/* What is said to come comes, as long as nothing fails; and looking changes nothing. */
static void looking_ahead_tells_what_comes(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 10; n++) {
		unsigned ahead[64];
		size_t num_ahead = 0, at = 0, num;
		const size_t *items;
		struct ddmin dd;

		ddmin_init(&dd, n);
		while (ddmin_next(&dd, &items, &num)) {
			unsigned now = bits_of(items, num);

			if (at < num_ahead) {
				assert_int_equal(now, ahead[at]);
			} else {
				for (num_ahead = at = 0;
				     ddmin_ahead(&dd, num_ahead, &items, &num);
				     num_ahead++) {
					ahead[num_ahead] = bits_of(items, num);
				}
				assert_in_range(num_ahead, 1, 2 * n);
				assert_int_equal(ahead[0], now);
			}
			at++;
			ddmin_tell(&dd, n % 2 ? DDMIN_PASS : DDMIN_UNRESOLVED);
		}
		assert_int_equal(at, num_ahead);
		assert_int_equal(dd.num, n);
		ddmin_done(&dd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_fail_of_few_items_is_minimised),
		cmocka_unit_test(random_ways_to_fail_are_minimised),
		cmocka_unit_test(items_that_only_fail_together_are_all_that_is_left),
		cmocka_unit_test(a_monotone_failure_gives_a_true_minimum),
		cmocka_unit_test(one_of_many_is_found_in_few_tests),
		cmocka_unit_test(three_of_many_are_found_in_few_tests),
		cmocka_unit_test(looking_ahead_tells_what_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
