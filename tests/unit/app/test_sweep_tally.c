#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/sweep_tally.h"

#include <math.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))
#define PROXY "[proxy p]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"

static struct config *config_of(const char *ini)
{
	struct arena arena = {0};
	struct inifile file;
	struct config *config = NULL;
	struct err err = {0};

	inifile_parse("rules.ini", span_str(ini), &arena, &file, &err);
	assert_string_equal(err.text, "");
	config_parse(&file, 1, &config, &err);
	assert_string_equal(err.text, "");
	arena_done(&arena);
	return config;
}

static void sigma_of_what_is_known(void **state)
{
	static const struct {
		uint64_t fired, matched;
		struct chance chance;
		double least, most;
	} ROWS[] = {
		/* nothing matched; as expected */
		{0, 0, {1, 20}, 0, 0},
		{5, 100, {1, 20}, -1e-6, 1e-6},
		/* z = (k - np) / sqrt(np(1-p)): 2, -2, 10 of a fair coin */
		{5100, 10000, {1, 2}, 1.99, 2.01},
		{4900, 10000, {1, 2}, -2.01, -1.99},
		{5500, 10000, {1, 2}, 9.9, 10.1},
		/* one lucky draw of a rare chance is no alarm: z would be 14 */
		{1, 5, {1, 1000}, 2.9, 3.1},
		{1, 1, {1, 20}, 2.4, 2.5},
		/* certainty that was kept, and that was not */
		{7, 7, {1, 1}, 0, 0},
		{0, 7, {0, 1}, 0, 0},
		{6, 7, {1, 1}, -INFINITY, -INFINITY},
		{1, 7, {0, 1}, INFINITY, INFINITY},
		/* none of many */
		{0, 1000, {5, 100}, -10.2, -10.1},
		/* large numbers keep their precision */
		{500000000, 1000000000, {1, 2}, -1e-3, 1e-3},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		double sigma =
			sweep_sigma(ROWS[i].fired, ROWS[i].matched, ROWS[i].chance);

		assert_true(sigma >= ROWS[i].least && sigma <= ROWS[i].most);
	}
}

static void add(struct sweep_tally *tally, const char *name, uint64_t matched,
		uint64_t fired)
{
	struct sweep_rule rule = {name, "rules.ini", 1, matched, matched, fired};
	struct sweep_result result = {.rules = &rule, .num_rules = 1};

	sweep_tally_add(tally, &result);
}

static void counts_add_up_by_name(void **state)
{
	struct config *config = config_of(PROXY "[rule a]\nchance = 5%\ndo = drop\n"
						"[rule b]\nchance = 50%\ndo = drop\n");
	struct sweep_tally tally;

	(void)state;
	sweep_tally_init(&tally, config);
	add(&tally, "b", 10, 5);
	add(&tally, "b", 10, 0);
	add(&tally, "a", 3, 1);
	add(&tally, "gone", 3, 1); /* no rule of this config */
	assert_int_equal(tally.runs, 4);
	assert_int_equal(tally.rules[0].matched, 3);
	assert_int_equal(tally.rules[0].seeds, 1);
	assert_int_equal(tally.rules[1].matched, 20);
	assert_int_equal(tally.rules[1].considered, 20);
	assert_int_equal(tally.rules[1].fired, 5);
	assert_int_equal(tally.rules[1].seeds, 1);
	sweep_tally_done(&tally);
	config_free(config);
}

static void only_rates_that_can_be_compared_are_off(void **state)
{
	static const struct {
		const char *rules;
		bool off; /* of a rule r that always fired */
	} ROWS[] = {
		{"[rule r]\nchance = 5%\ndo = drop\n", true},
		{"[rule r]\nchance = 100%\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\nskip = 1\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\nevery = 2\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\ncount = 2\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\nburst = 2\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\nuntil = 9\ndo = drop\n", false},
		{"[rule r]\nchance = 5%\nuntil = 1s\ndo = drop\n", false},
		{"[rule e]\nchance = 1%\ndo = drop\n[rule r]\nchance = 5%\ndo = drop\n",
		 false},
		{"[rule e]\nchance = 0%\ndo = drop\n[rule r]\nchance = 5%\ndo = drop\n",
		 true},
		{"[rule e]\nchance = 1%\ndo = delay time=1ms\n[rule r]\nchance = 5%\n"
		 "do = drop\n",
		 true},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text ini = {0};
		struct sweep_tally tally;
		struct config *config;

		text_format(&ini, "%s%s", PROXY, ROWS[i].rules);
		config = config_of(text_cstr(&ini));
		sweep_tally_init(&tally, config);
		add(&tally, "r", 1000, 1000);
		assert_int_equal(sweep_tally_off(&tally.rules[tally.num_rules - 1]),
				 ROWS[i].off);
		sweep_tally_done(&tally);
		config_free(config);
		text_done(&ini);
	}
}

static void vacuous_rules_are_named(void **state)
{
	struct config *config = config_of(PROXY "[rule inert]\nchance = 0%\ndo = drop\n"
						"[rule a]\nchance = 5%\ndo = drop\n"
						"[rule b]\nchance = 5%\ndo = drop\n"
						"[rule c]\nchance = 5%\ndo = drop\n");
	struct sweep_tally tally;
	struct text text = {0};

	(void)state;
	sweep_tally_init(&tally, config);
	sweep_tally_vacuous(&tally, &text);
	assert_string_equal(text_cstr(&text), "never matched: a, b, c");
	text_clear(&text);
	add(&tally, "b", 5, 0);
	sweep_tally_vacuous(&tally, &text);
	assert_string_equal(text_cstr(&text), "never matched: a, c; never fired: b");
	text_clear(&text);
	add(&tally, "a", 1, 1);
	add(&tally, "b", 5, 2);
	add(&tally, "c", 1, 1);
	sweep_tally_vacuous(&tally, &text);
	assert_string_equal(text_cstr(&text), "");
	text_done(&text);
	sweep_tally_done(&tally);
	config_free(config);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(sigma_of_what_is_known),
		cmocka_unit_test(counts_add_up_by_name),
		cmocka_unit_test(only_rates_that_can_be_compared_are_off),
		cmocka_unit_test(vacuous_rules_are_named),
	};

	return cmocka_run_group_tests_name("sweep_tally", TESTS, NULL, NULL);
}
