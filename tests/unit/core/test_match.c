/* Matching: classes by globs, lengths, patterns with their flags and bounds, and
 * patterns on the beginning of a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/match.h"

static struct unit unit_of(const char *class, const char *bytes)
{
	return (struct unit){.bytes = span_str(bytes), .whole = true, .class = class};
}

/* --- classes --- */

static void classes_match_by_globs(void **state)
{
	static const struct {
		const char *globs, *class;
		bool wanted;
	} ROWS[] = {
		{"GET", "GET", true},
		{"GET", "GETX", false},
		{"GET", "GE", false},
		{"GET", "get", false},
		{"GET|POST", "POST", true},
		{"GET, POST", "POST", true},
		{"GET | POST", "GET", true},
		{"P*", "POST", true},
		{"P*", "P", true},
		{"P*", "GET", false},
		{"*", "anything", true},
		{"*T", "GET", true},
		{"*T", "GETS", false},
		{"G?T", "GET", true},
		{"G?T", "GT", false},
		{"?", "", false},
		{"*E*", "GET", true},
		{"*E*", "PUT", false},
		{"**", "x", true},
		{"*a*b*c", "xxaxxbxxc", true},
		{"*a*b*c", "xxaxxcxxb", false},
		{"0x5?", "0x51", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct match match;
		struct unit unit = unit_of(ROWS[i].class, "x");
		struct err err;

		match_init(&match);
		assert_int_equal(match_parse_classes(&match, ROWS[i].globs, &arena, &err),
				 0);
		assert_false(match_needs_whole(&match));
		if (match_unit(&match, SIDE_REQUEST, &unit) != ROWS[i].wanted) {
			fail_msg("%s on %s", ROWS[i].globs, ROWS[i].class);
		}
		arena_done(&arena);
	}
}

static void bad_classes_are_refused(void **state)
{
	static const char *const ROWS[] = {
		"", "|", " , ", "GET POST", "*****", "a12345678901234567890123456789012",
	};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct match match;
		struct err err = {0};

		match_init(&match);
		assert_int_equal(match_parse_classes(&match, ROWS[i], &arena, &err),
				 ERR_INPUT);
		assert_true(err.text[0] != '\0');
		assert_null(match.classes);
	}
	arena_done(&arena);
}

/* --- lengths --- */

static void lengths_are_inclusive(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
	} ROWS[] = {
		{"64", 64, 64},
		{"10-200", 10, 200},
		{">=100", 100, UINT64_MAX},
		{"<=20", 0, 20},
		{"1KiB-1MiB", 1024, 1 << 20},
		{" 1 - 2 ", 1, 2},
		{">= 4KiB", 4096, UINT64_MAX},
		{"0", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct match match;
		struct err err;

		match_init(&match);
		assert_int_equal(match_parse_length(&match, ROWS[i].text, &err), 0);
		assert_int_equal(match.len_min, ROWS[i].min);
		assert_int_equal(match.len_max, ROWS[i].max);
		assert_true(match_needs_whole(&match));
	}
}

static void units_outside_the_lengths_do_not_match(void **state)
{
	struct match match;
	struct err err;
	struct unit units[] = {unit_of("a", "1"), unit_of("a", "12"),
			       unit_of("a", "1234"), unit_of("a", "12345")};
	static const bool WANTED[] = {false, true, true, false};

	(void)state;
	match_init(&match);
	assert_int_equal(match_parse_length(&match, "2-4", &err), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(match_unit(&match, SIDE_REPLY, &units[i]), WANTED[i]);
	}
}

static void bad_lengths_are_refused(void **state)
{
	static const char *const ROWS[] = {"",	"-",  "5-", "-5",   "9-3",
					   "x", ">5", ">=", "1-2-3"};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct match match;
		struct err err = {0};

		match_init(&match);
		if (match_parse_length(&match, ROWS[i], &err) == 0) {
			fail_msg("\"%s\" was taken", ROWS[i]);
		}
		assert_int_equal(match.len_max, UINT64_MAX);
	}
}

/* --- ordinals --- */

static void ordinals_are_inclusive_and_need_no_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t k;
		bool wanted;
	} ROWS[] = {
		{"0", 0, true},	   {"0", 1, false},
		{"7", 6, false},   {"7", 7, true},
		{"7-9", 6, false}, {"7-9", 7, true},
		{"7-9", 9, true},  {"7-9", 10, false},
		{"3-3", 3, true},  {"0-9223372036854775807", INT64_MAX, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct match match;
		struct unit unit = {.class = "a", .k = ROWS[i].k};
		struct err err;

		match_init(&match);
		assert_int_equal(match_parse_k(&match, ROWS[i].text, &err), 0);
		assert_false(match_needs_whole(&match));
		if (match_unit(&match, SIDE_REQUEST, &unit) != ROWS[i].wanted) {
			fail_msg("%s on %ju", ROWS[i].text, (uintmax_t)ROWS[i].k);
		}
	}
}

static void bad_ordinals_are_refused(void **state)
{
	static const char *const ROWS[] = {"",
					   "-",
					   "5-",
					   "-5",
					   "9-3",
					   "x",
					   "1B",
					   "1-2-3",
					   "9223372036854775808",
					   "99999999999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct match match;
		struct err err = {0};

		match_init(&match);
		if (match_parse_k(&match, ROWS[i], &err) == 0) {
			fail_msg("\"%s\" was taken", ROWS[i]);
		}
		assert_int_equal(match.k_max, UINT64_MAX);
	}
}

/* --- globs --- */

static void a_glob_of_many_stars_ends(void **state)
{
	char name[256] = {0};

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
	assert_true(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", name));
	assert_true(glob_match("*", ""));
	assert_true(glob_match("", ""));
	assert_false(glob_match("?", ""));
	assert_true(glob_match("c*/127.0.0.?#1", "cache/127.0.0.1#1"));
	assert_false(glob_match("cache/127.0.0.1#1", "cache/127.0.0.1#11"));
}

static void sides_are_told_apart(void **state)
{
	struct match match;
	struct unit unit = unit_of("a", "x");

	(void)state;
	match_init(&match);
	match.sides[SIDE_REQUEST] = false;
	assert_false(match_unit(&match, SIDE_REQUEST, &unit));
	assert_true(match_unit(&match, SIDE_REPLY, &unit));
}

/* --- patterns --- */

static void flags_change_what_patterns_find(void **state)
{
	static const struct {
		const char *pattern, *flags, *bytes;
		bool wanted;
	} ROWS[] = {
		{"err", "", "an err", true},
		{"err", "", "an ERR", false},
		{"err", "i", "an ERR", true},
		{"a.b", "", "a\nb", false},
		{"a.b", "s", "a\nb", true},
		{"^b", "", "a\nb", false},
		{"^b", "m", "a\nb", true},
		{"a b", "", "a b", true},
		{"a b # both", "x", "ab", true},
		{"A . B", "isx", "a\nb", true},
		{"\\xff", "", "\xff", true},
		{"^.$", "", "\xc3\xa4", false},
		{"^$", "", "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct err err;
		struct regex *regex = regex_new(ROWS[i].pattern, ROWS[i].flags, &err);
		size_t at, len;

		assert_non_null(regex);
		if (regex_find(regex, span_str(ROWS[i].bytes), 0, &at, &len) !=
		    ROWS[i].wanted) {
			fail_msg("/%s/%s", ROWS[i].pattern, ROWS[i].flags);
		}
		regex_free(regex);
	}
}

static void bad_patterns_say_where(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(regex_new("ab(c", "", &err));
	assert_non_null(strstr(err.text, "/ab(c/"));
	assert_non_null(strstr(err.text, "at character 5"));
	assert_null(regex_new("a", "ig", &err));
	assert_non_null(strstr(err.text, "'g'"));
	/* A unit is bytes: nothing may turn it into UTF-8. */
	assert_null(regex_new("(*UTF)a", "", &err));
}

static void groups_are_what_the_last_find_took(void **state)
{
	struct err err;
	struct regex *regex = regex_new("(?<key>\\w+)=(\\d)?", "", &err);
	struct span bytes = span_str("..a=1 bc=");
	size_t at, len;

	(void)state;
	assert_int_equal(regex_num_groups(regex), 2);
	assert_int_equal(regex_group_number(regex, "key"), 1);
	assert_int_equal(regex_group_number(regex, "value"), -1);
	assert_true(regex_find(regex, bytes, 0, &at, &len));
	assert_int_equal(at, 2);
	assert_int_equal(len, 3);
	assert_true(span_is(regex_group(regex, bytes, 0), "a=1"));
	assert_true(span_is(regex_group(regex, bytes, 2), "1"));
	assert_true(regex_find(regex, bytes, 5, &at, &len));
	assert_true(span_is(regex_group(regex, bytes, 1), "bc"));
	assert_int_equal(regex_group(regex, bytes, 2).len, 0);
	assert_int_equal(regex_group(regex, bytes, 3).len, 0);
	assert_false(regex_find(regex, bytes, 9, &at, &len));
	assert_false(regex_find(regex, bytes, 10, &at, &len));
	regex_free(regex);
}

static void a_pattern_may_be_turned_round(void **state)
{
	struct match match;
	struct err err;
	struct unit yes = unit_of("a", "PING"), no = unit_of("a", "GET");

	(void)state;
	match_init(&match);
	match.regex = regex_new("^P", "", &err);
	assert_true(match_needs_whole(&match));
	assert_true(match_unit(&match, SIDE_REQUEST, &yes));
	assert_false(match_unit(&match, SIDE_REQUEST, &no));
	match.regex_negated = true;
	assert_false(match_unit(&match, SIDE_REQUEST, &yes));
	assert_true(match_unit(&match, SIDE_REQUEST, &no));
	match_done(&match);
}

static void a_runaway_pattern_ends_and_does_not_match(void **state)
{
	static char bytes[4000];
	struct err err;
	struct regex *regex = regex_new("(a+)+$", "", &err);
	size_t at, len;

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	bytes[sizeof(bytes) - 1] = 'b';
	assert_false(regex_find(regex, span_of(bytes, sizeof(bytes)), 0, &at, &len));
	/* The next match begins with new steps. */
	assert_true(regex_find(regex, span_of(bytes, 100), 0, &at, &len));
	regex_free(regex);
}

static void a_sane_pattern_matches_a_long_unit(void **state)
{
	enum { LONG = 20000 };
	static char bytes[LONG];
	struct err err;
	struct regex *regex = regex_new("^(a|b)*c", "", &err);
	size_t at, len;

	(void)state;
	memset(bytes, 'a', LONG);
	bytes[LONG - 1] = 'c';
	assert_true(regex_find(regex, span_of(bytes, LONG), 0, &at, &len));
	assert_int_equal(len, LONG);
	regex_free(regex);
}

/* --- streams --- */

static void a_streams_answer_is_given_when_it_is_certain(void **state)
{
	static const struct {
		const char *pattern, *stream;
		/* n none, m more, f found: one letter a byte */
		const char *wanted;
	} ROWS[] = {
		{"^ab", "abc", "mff"},
		{"^ab", "xab", "nnn"},
		{"^ab", "ax", "mn"},
		{"id=(\\d+)", "id=12 ", "mmmmmf"},
		{"ab", "xxab", "mmmf"},
		{"ab$", "ab", "mm"},
		{"a?", "b", "f"},
		{"\\Aa|b", "xb", "mf"},
		{"^(GET|PUT) (\\S+) ", "PUT /x y", "mmmmmmff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct err err;
		struct regex *regex = regex_new(ROWS[i].pattern, "", &err);

		assert_int_equal(regex_find_stream(regex, span_of(NULL, 0)), REGEX_MORE);
		for (size_t len = 1; len <= strlen(ROWS[i].stream); len++) {
			enum regex_stream got =
				regex_find_stream(regex, span_of(ROWS[i].stream, len));

			if ("nmf"[got] != ROWS[i].wanted[len - 1]) {
				fail_msg("/%s/ on \"%.*s\": %c", ROWS[i].pattern,
					 (int)len, ROWS[i].stream, "nmf"[got]);
			}
		}
		regex_free(regex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_match_by_globs),
		cmocka_unit_test(bad_classes_are_refused),
		cmocka_unit_test(lengths_are_inclusive),
		cmocka_unit_test(units_outside_the_lengths_do_not_match),
		cmocka_unit_test(bad_lengths_are_refused),
		cmocka_unit_test(ordinals_are_inclusive_and_need_no_bytes),
		cmocka_unit_test(bad_ordinals_are_refused),
		cmocka_unit_test(a_glob_of_many_stars_ends),
		cmocka_unit_test(sides_are_told_apart),
		cmocka_unit_test(flags_change_what_patterns_find),
		cmocka_unit_test(bad_patterns_say_where),
		cmocka_unit_test(groups_are_what_the_last_find_took),
		cmocka_unit_test(a_pattern_may_be_turned_round),
		cmocka_unit_test(a_runaway_pattern_ends_and_does_not_match),
		cmocka_unit_test(a_sane_pattern_matches_a_long_unit),
		cmocka_unit_test(a_streams_answer_is_given_when_it_is_certain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
