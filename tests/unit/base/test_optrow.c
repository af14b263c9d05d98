#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/optrow.h"

#include <stdlib.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const char *const SHAPES[] = {"uniform", "normal", "pareto", NULL};

enum { TIME, BITS, SHAPE, ALL, TEXT, PATTERN, BYTES, SIZE, SHIFT, ODDS, NUM_ROWS };

static const struct optrow ROWS[] = {
	[TIME] = {.name = "time",
		  .type = OPT_TIME,
		  .min = 1000000,
		  .max = INT64_C(3600000000000),
		  .required = true,
		  .help = "how long"},
	[BITS] = {.name = "bits",
		  .type = OPT_COUNT,
		  .min = 1,
		  .max = 8,
		  .fallback = "1",
		  .help = "how many"},
	[SHAPE] = {.name = "shape",
		   .type = OPT_CHOICE,
		   .choices = SHAPES,
		   .fallback = "uniform",
		   .help = "which"},
	[ALL] = {.name = "all", .type = OPT_BOOL, .fallback = "no", .help = "whether"},
	[TEXT] = {.name = "text", .type = OPT_TEXT, .max = 4, .help = "what"},
	[PATTERN] = {.name = "pattern", .type = OPT_REGEX, .help = "where"},
	[BYTES] = {.name = "bytes", .type = OPT_HEX, .min = 1, .max = 3, .help = "what"},
	[SIZE] = {.name = "size",
		  .type = OPT_SIZE,
		  .min = 1,
		  .max = INT64_MAX,
		  .help = "size"},
	[SHIFT] = {.name = "shift",
		   .type = OPT_SIGNED,
		   .min = -4,
		   .max = 4,
		   .help = "shift"},
	[ODDS] = {.name = "odds", .type = OPT_CHANCE, .metavar = "P", .help = "odds"},
	{0},
};

struct world {
	struct arena arena;
	struct optval vals[NUM_ROWS];
	struct err err;
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	optrow_defaults(ROWS, &w->arena, w->vals);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_done(&w->arena);
	free(w);
	return 0;
}

static int parse_list(struct world *w, const char *list)
{
	optrow_defaults(ROWS, &w->arena, w->vals);
	return optrow_parse_list(ROWS, list, &w->arena, w->vals, &w->err);
}

static void defaults_are_present_not_given(void **state)
{
	struct world *w = *state;

	assert_int_equal(optrow_num(ROWS), NUM_ROWS);
	assert_true(w->vals[BITS].present);
	assert_false(w->vals[BITS].given);
	assert_int_equal(w->vals[BITS].num, 1);
	assert_string_equal(w->vals[BITS].text, "1");
	assert_false(w->vals[TIME].present);
	assert_string_equal(w->vals[PATTERN].flags, "");
}

static void a_list_of_all_types(void **state)
{
	struct world *w = *state;

	assert_int_equal(parse_list(w,
				    "time=50ms  bits=8 shape=pareto all text=\"a \\\"b\" "
				    "pattern=/a b\\/ c/is bytes=1f:2e size=4KiB shift=-4 "
				    "odds=\"1 in 20\""),
			 0);
	assert_int_equal(w->vals[TIME].num, 50000000);
	assert_true(w->vals[TIME].given);
	assert_int_equal(w->vals[BITS].num, 8);
	assert_int_equal(w->vals[SHAPE].num, 2);
	assert_string_equal(w->vals[SHAPE].text, "pareto");
	assert_int_equal(w->vals[ALL].num, 1);
	assert_string_equal(w->vals[TEXT].text, "a \"b");
	assert_string_equal(w->vals[PATTERN].text, "a b\\/ c");
	assert_string_equal(w->vals[PATTERN].flags, "is");
	assert_true(span_eq(w->vals[BYTES].bytes, span_of("\x1f\x2e", 2)));
	assert_int_equal(w->vals[SIZE].num, 4096);
	assert_int_equal(w->vals[SHIFT].num, -4);
	assert_int_equal(w->vals[ODDS].chance.num, 1);
	assert_int_equal(w->vals[ODDS].chance.den, 20);
}

static void quoted_bytes_with_escapes(void **state)
{
	static const char want[] = "\n\0\xff\\";
	struct world *w = *state;

	assert_int_equal(parse_list(w, "time=1s text=\"\\n\\0\\xfF\\\\\""), 0);
	assert_true(span_eq(w->vals[TEXT].bytes, span_of(want, 4)));
	assert_int_equal(parse_list(w, "time=1s text=\"\""), 0);
	assert_int_equal(w->vals[TEXT].bytes.len, 0);
	assert_true(w->vals[TEXT].given);
}

static void errors_name_what_is_wrong(void **state)
{
	static const struct {
		const char *list, *error;
	} BAD[] = {
		{"", "time is missing: write time=TIME"},
		{"time", "time has no value: write time=TIME"},
		{"time=", "time: the value is empty (\"\" is the empty text)"},
		{"time=5",
		 "time: '5' has no unit: write 5ms or 5s (ns, us, ms, s, min, h)"},
		{"time=999us", "time: 999us is out of range: 1ms..1h"},
		{"time=3601s", "time: 3601s is out of range: 1ms..1h"},
		{"time=1s time=2s", "time is given twice"},
		{"tiem=1s", "unknown option 'tiem'; did you mean 'time'?"},
		{"time=1s bits=0", "bits: 0 is out of range: 1..8"},
		{"time=1s bits=9", "bits: 9 is out of range: 1..8"},
		{"time=1s bits=1.5", "bits: '1.5' is not a whole number"},
		{"time=1s shape=norml", "shape: unknown choice 'norml'; did you mean "
					"'normal'? (choices: uniform, "
					"normal, pareto)"},
		{"time=1s all=maybe", "all: 'maybe' is neither yes nor no"},
		{"time=1s text=\"abc", "text: \"abc has no closing quote"},
		{"time=1s text=\"a\"b",
		 "text: there is text behind the closing quote: b"},
		{"time=1s text=\"\\q\"",
		 "text: '\\q' is no escape: use \\\" \\\\ \\n \\r \\t \\0 or \\xHH"},
		{"time=1s text=abcde", "text: 5 bytes long, but it must be 0B..4B"},
		{"time=1s pattern=/ab",
		 "pattern: '/ab' is not a pattern between slashes, such as /^GET/i"},
		{"time=1s pattern=ab",
		 "pattern: 'ab' is not a pattern between slashes, such as /^GET/i"},
		{"time=1s pattern=//", "pattern: the pattern // is empty"},
		{"time=1s pattern=/a/g", "pattern: 'g' behind the pattern: only the "
					 "flags i, s, m, x may stand there (a "
					 "slash within is written \\/)"},
		{"time=1s bytes=1f2",
		 "bytes: '1f2' has half a byte: write two hex digits a byte"},
		{"time=1s bytes=01020304", "bytes: 4 bytes long, but it must be 1B..3B"},
		{"time=1s size=0", "size: 0 is out of range: at least 1B"},
		{"time=1s shift=-5", "shift: -5 is out of range: -4..4"},
		{"time=1s shift=--4", "shift: '--4' is not a whole number"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < NUM(BAD); i++) {
		assert_int_equal(parse_list(w, BAD[i].list), ERR_INPUT);
		assert_string_equal(w->err.text, BAD[i].error);
	}
}

static void words_outside_quotes_and_slashes(void **state)
{
	struct world *w = *state;
	static const char *const WANT[] = {"mutate",
					   "pattern=/a b/",
					   "with=\"x \\\" y\"",
					   "a/b",
					   "c\"d",
					   "=x",
					   "at=/one",
					   NULL};
	const char *list =
		"  mutate pattern=/a b/  with=\"x \\\" y\"\ta/b c\"d =x at=/one ";

	for (int i = 0; WANT[i]; i++) {
		const char *word = optrow_word(&list, &w->arena);

		assert_non_null(word);
		assert_string_equal(word, WANT[i]);
	}
	assert_null(optrow_word(&list, &w->arena));
}

static void what_nothing_closes(void **state)
{
	static const struct {
		const char *list;
		char open;
	} LISTS[] = {
		{"", 0},
		{"a \"b\"", 0},
		{"a \"b", '"'},
		{"p=/x y/ t=\"", '"'},
		{"p=/x \\/ y", '/'},
		{"10.0.0.0/8", 0},
		{"!/x", '/'},
		{"!/x/", 0},
		{"/a\" b/", 0},
		{"it's /a", '/'},
	};

	(void)state;
	for (size_t i = 0; i < NUM(LISTS); i++) {
		assert_int_equal(optrow_unclosed(LISTS[i].list), LISTS[i].open);
	}
}

static void help_from_the_row(void **state)
{
	static const struct {
		int row;
		const char *text;
	} LINES[] = {
		{TIME, "time=TIME (required, 1ms..1h)  how long"},
		{BITS, "bits=N (1..8, default 1)  how many"},
		{SHAPE, "shape=uniform|normal|pareto (default uniform)  which"},
		{PATTERN, "pattern=/REGEX/  where"},
		{SIZE, "size=BYTES (at least 1B)  size"},
		{ODDS, "odds=P  odds"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(LINES); i++) {
		struct text text = {0};

		optrow_describe(&ROWS[LINES[i].row], &text);
		assert_string_equal(text_cstr(&text), LINES[i].text);
		text_done(&text);
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(defaults_are_present_not_given, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_list_of_all_types, setup, teardown),
		cmocka_unit_test_setup_teardown(quoted_bytes_with_escapes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(errors_name_what_is_wrong, setup,
						teardown),
		cmocka_unit_test_setup_teardown(words_outside_quotes_and_slashes, setup,
						teardown),
		cmocka_unit_test(what_nothing_closes),
		cmocka_unit_test(help_from_the_row),
	};

	return cmocka_run_group_tests_name("optrow", TESTS, NULL, NULL);
}
