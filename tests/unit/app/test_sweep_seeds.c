#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/sweep_seeds.h"
#include "base/text.h"

#include <stdlib.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_SEED "9223372036854775807"

/* "1,2,3", or the error. */
static char *parsed(const char *list, struct sweep_shard shard)
{
	struct text text = {0};
	struct err err = {0};
	uint64_t *seeds = NULL;
	size_t num = 0;

	if (sweep_seeds_parse(list, shard, &seeds, &num, &err) < 0) {
		assert_null(seeds);
		text_str(&text, err.text);
	}
	for (size_t i = 0; i < num; i++) {
		text_format(&text, i ? ",%llu" : "%llu", (unsigned long long)seeds[i]);
	}
	free(seeds);
	return text.data ? text.data : calloc(1, 1);
}

static void check(const char *list, struct sweep_shard shard, const char *wanted)
{
	char *got = parsed(list, shard);

	assert_string_equal(got, wanted);
	free(got);
}

static void lists_keep_their_order(void **state)
{
	static const struct {
		const char *list, *seeds;
	} ROWS[] = {
		{"7", "7"},
		{"0", "0"},
		{"1-3,200", "1,2,3,200"},
		{"9,1-2,5", "9,1,2,5"},
		{"4-4", "4"},
		{MAX_SEED, MAX_SEED},
		{"9223372036854775806-" MAX_SEED, "9223372036854775806," MAX_SEED},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		check(ROWS[i].list, (struct sweep_shard){1, 1}, ROWS[i].seeds);
	}
}

static void what_is_no_list_is_refused(void **state)
{
	static const struct {
		const char *list, *complaint;
	} ROWS[] = {
		{"", NULL},
		{",", NULL},
		{"1,", NULL},
		{"-1", NULL},
		{"1-", NULL},
		{"1-2-3", NULL},
		{"1 2", NULL},
		{"0x10", NULL},
		{"9223372036854775808", NULL},
		{"3-1", "'3-1' ends before it begins"},
		{"1-5,3", "seed 3 is there twice"},
		{"3,1-5", "seed 3 is there twice"},
		{"5-9,1-5", "seed 5 is there twice"},
		{"0-1000000", "1000001 seeds; at most 1000000 fit in one sweep"},
		{"0-" MAX_SEED, "9223372036854775808 seeds; at most 1000000 fit in one "
				"sweep"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct err err = {0};
		uint64_t *seeds = NULL;
		size_t num;

		assert_true(sweep_seeds_parse(ROWS[i].list, (struct sweep_shard){1, 1},
					      &seeds, &num, &err) < 0);
		assert_null(seeds);
		assert_string_not_equal(err.text, "");
		if (ROWS[i].complaint) {
			assert_string_equal(err.text, ROWS[i].complaint);
		}
	}
}

static void a_million_seeds_are_the_most(void **state)
{
	struct err err = {0};
	uint64_t *seeds = NULL;
	size_t num = 0;

	(void)state;
	assert_int_equal(sweep_seeds_parse("1-1000000", (struct sweep_shard){1, 1},
					   &seeds, &num, &err),
			 0);
	assert_int_equal(num, 1000000);
	assert_int_equal(seeds[999999], 1000000);
	free(seeds);
	/* The bound is on the share. */
	seeds = NULL;
	assert_int_equal(sweep_seeds_parse("1-4000000", (struct sweep_shard){3, 4},
					   &seeds, &num, &err),
			 0);
	assert_int_equal(num, 1000000);
	assert_int_equal(seeds[0], 3);
	free(seeds);
}

static void shards_take_turns(void **state)
{
	(void)state;
	check("1-10", (struct sweep_shard){1, 3}, "1,4,7,10");
	check("1-10", (struct sweep_shard){2, 3}, "2,5,8");
	check("1-10", (struct sweep_shard){3, 3}, "3,6,9");
	/* Positions go on across ranges. */
	check("1-2,50,10-12", (struct sweep_shard){1, 2}, "1,50,11");
	check("1-2,50,10-12", (struct sweep_shard){2, 2}, "2,10,12");
	check("1-2", (struct sweep_shard){3, 3}, "");
}

/* Each seed is in exactly one share, and shares differ by one seed at most. */
static void shards_together_are_the_list(void **state)
{
	enum { SEEDS = 60 };

	(void)state;
	for (uint64_t num_shards = 1; num_shards <= SEEDS + 5; num_shards++) {
		unsigned seen[SEEDS] = {0};

		for (uint64_t index = 1; index <= num_shards; index++) {
			uint64_t *seeds = NULL;
			size_t num = 0;
			struct err err;

			assert_int_equal(
				sweep_seeds_parse("20-59,0-9,10-19",
						  (struct sweep_shard){index, num_shards},
						  &seeds, &num, &err),
				0);
			assert_in_range(num, SEEDS / num_shards,
					(SEEDS + num_shards - 1) / num_shards);
			for (size_t i = 0; i < num; i++) {
				assert_in_range(seeds[i], 0, SEEDS - 1);
				seen[seeds[i]]++;
			}
			free(seeds);
		}
		for (size_t i = 0; i < SEEDS; i++) {
			assert_int_equal(seen[i], 1);
		}
	}
}

static void shares_are_written_as_i_of_n(void **state)
{
	static const char *const WRONG[] = {"",	   "1",	    "/",    "1/",
					    "/2",  "0/2",   "3/2",  "1/0",
					    "a/b", "1/2/3", "-1/2", "1/100001"};
	struct sweep_shard shard = {0};
	struct err err;

	(void)state;
	assert_int_equal(sweep_shard_parse("2/8", &shard, &err), 0);
	assert_int_equal(shard.index, 2);
	assert_int_equal(shard.num, 8);
	assert_int_equal(sweep_shard_parse("8/8", &shard, &err), 0);
	for (size_t i = 0; i < NUM(WRONG); i++) {
		assert_true(sweep_shard_parse(WRONG[i], &shard, &err) < 0);
		assert_int_equal(shard.index, 8);
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_million_seeds_are_the_most),
		cmocka_unit_test(shards_take_turns),
		cmocka_unit_test(shards_together_are_the_list),
		cmocka_unit_test(shares_are_written_as_i_of_n),
	};

	return cmocka_run_group_tests_name("sweep_seeds", TESTS, NULL, NULL);
}
