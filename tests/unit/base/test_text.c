#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"
#include "base/quantity.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* The struct text tests append to one that starts empty. */

static void grows_and_keeps_a_nul(void **state)
{
	struct text text = {0};

	(void)state;
	assert_string_equal(text_cstr(&text), "");
	for (int i = 0; i < 5000; i++) {
		text_byte(&text, (char)('a' + i % 26));
		assert_int_equal(text.data[text.len], '\0');
		assert_true(text.len < text.cap);
	}
	assert_int_equal(text.len, 5000);
	assert_int_equal(text.data[4999], 'a' + 4999 % 26);
	text_clear(&text);
	assert_string_equal(text_cstr(&text), "");
	text_done(&text);
	assert_null(text.data);
}

static void appends_exactly_up_to_its_room(void **state)
{
	char bytes[600];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t len = 0; len < sizeof(bytes); len++) {
		struct text text = {0};

		text_bytes(&text, bytes, len);
		assert_int_equal(strlen(text_cstr(&text)), len);
		text_done(&text);
	}
}

static void u64_is_printf(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int digits = 0; digits < 20; digits++, power *= 10) {
		for (int off = -1; off <= 1; off++) {
			uint64_t value = power + (uint64_t)off;
			struct text text = {0};
			char want[32];

			snprintf(want, sizeof(want), "%llu", (unsigned long long)value);
			text_u64(&text, value);
			assert_string_equal(text_cstr(&text), want);
			text_done(&text);
		}
	}
}

static void numbers_at_their_limits(void **state)
{
	struct text text = {0};

	(void)state;
	text_u64(&text, UINT64_MAX);
	text_byte(&text, ' ');
	text_i64(&text, INT64_MIN);
	text_byte(&text, ' ');
	text_i64(&text, INT64_MAX);
	text_byte(&text, ' ');
	text_i64(&text, 0);
	text_byte(&text, ' ');
	text_hex64(&text, UINT64_C(0x0123456789abcdef));
	text_byte(&text, ' ');
	text_hex64(&text, 0);
	text_byte(&text, ' ');
	text_hex(&text, span_of("\x00\xff\x1a", 3));
	assert_string_equal(
		text_cstr(&text),
		"18446744073709551615 -9223372036854775808 9223372036854775807 0 "
		"0123456789abcdef 0000000000000000 00ff1a");
	text_done(&text);
}

static void formats_longer_than_its_room(void **state)
{
	struct text text = {0};
	char wide[900];

	(void)state;
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	text_format(&text, "%d-%s-%d", 1, wide, 2);
	assert_int_equal(text.len, sizeof(wide) - 1 + 4);
	assert_string_equal(text.data + text.len - 3, "w-2");
	text_done(&text);
}

static void durations_in_the_largest_exact_unit(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} ROWS[] = {
		{0, "0ms"},
		{1, "1ns"},
		{1500000, "1500us"},
		{50000000, "50ms"},
		{2000000000, "2s"},
		{90000000000, "90s"},
		{INT64_C(300000000000), "5min"},
		{INT64_C(7200000000000), "2h"},
		{-50000000, "-50ms"},
		{INT64_MAX, "9223372036854775807ns"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		int64_t ns;

		text_duration(&text, ROWS[i].ns);
		assert_string_equal(text_cstr(&text), ROWS[i].text);
		if (ROWS[i].ns >= 0) {
			assert_int_equal(parse_duration(text.data, &ns, NULL), 0);
			assert_int_equal(ns, ROWS[i].ns);
		}
		text_done(&text);
	}
}

static void sizes_in_the_largest_exact_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} ROWS[] = {
		{0, "0B"},
		{1, "1B"},
		{1460, "1460B"},
		{4096, "4KiB"},
		{16 << 20, "16MiB"},
		{UINT64_C(3) << 30, "3GiB"},
		{1 << 20 | 1, "1048577B"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		uint64_t bytes;

		text_size(&text, ROWS[i].bytes);
		assert_string_equal(text_cstr(&text), ROWS[i].text);
		assert_int_equal(parse_size(text.data, &bytes, NULL), 0);
		assert_int_equal(bytes, ROWS[i].bytes);
		text_done(&text);
	}
}

static void u64_within_bounds_only(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} ROWS[] = {
		{"5", 0},	    {"10", 0},
		{"007", 0},	    {"4", ERR_INPUT},
		{"11", ERR_INPUT},  {"", ERR_INPUT},
		{"-5", ERR_INPUT},  {"5x", ERR_INPUT},
		{" 5", ERR_INPUT},  {"5 ", ERR_INPUT},
		{"+5", ERR_INPUT},  {"0x5", ERR_INPUT},
		{"5.0", ERR_INPUT}, {"18446744073709551621" /* 2^64 + 5 */, ERR_INPUT},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct err err = {0};

		value = 99;
		assert_int_equal(parse_u64(ROWS[i].text, 5, 10, &value, &err),
				 ROWS[i].rc);
		assert_int_equal(err.code, ROWS[i].rc);
		if (ROWS[i].rc) {
			assert_int_equal(value, 99);
		}
	}
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value, NULL),
			 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &value, NULL),
			 ERR_INPUT);
}

static void durations_need_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ns; /* -1: an error */
	} ROWS[] = {
		{"50ms", 50000000},
		{"1.5s", 1500000000},
		{"0.000000001s", 1},
		{"0.5ns", -1},
		{"0s", 0},
		{"0", -1},
		{"50", -1},
		{"", -1},
		{"ms", -1},
		{"-1s", -1},
		{"1.s", -1},
		{".5s", -1},
		{"1s ", -1},
		{"1 s", -1},
		{"1S", -1},
		{"1m", -1},
		{"2min", INT64_C(120000000000)},
		{"1h", INT64_C(3600000000000)},
		{"9223372036854775807ns", INT64_MAX},
		{"9223372036854775808ns", -1},
		{"2562047h", INT64_C(2562047) * 3600 * 1000000000},
		{"2562048h", -1},
		{"99999999999999999999999s", -1},
		{"1.0000000000s", -1},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		int64_t ns = -7;
		int rc = parse_duration(ROWS[i].text, &ns, NULL);

		assert_int_equal(rc, ROWS[i].ns < 0 ? ERR_INPUT : 0);
		assert_int_equal(ns, ROWS[i].ns < 0 ? -7 : ROWS[i].ns);
	}
}

static void a_missing_unit_is_explained(void **state)
{
	struct err err;
	struct chance chance;
	int64_t ns;

	(void)state;
	parse_duration("50", &ns, &err);
	assert_string_equal(
		err.text, "'50' has no unit: write 50ms or 50s (ns, us, ms, s, min, h)");
	parse_chance("5", &chance, &err);
	assert_non_null(strstr(err.text, "bare number"));
}

static void sizes_with_and_without_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: an error */
	} ROWS[] = {
		{"100", 100},
		{"100B", 100},
		{"1kB", 1000},
		{"1KB", 1000},
		{"64KiB", 65536},
		{"1.5KiB", 1536},
		{"1.5B", -1},
		{"1MB", 1000000},
		{"1GiB", 1 << 30},
		{"1K", -1},
		{"1kib", -1},
		{"-1", -1},
		{"", -1},
		{"8589934592GiB", -1}, /* 2^63 */
		{"9223372036854775807", INT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		uint64_t bytes = 7;
		int rc = parse_size(ROWS[i].text, &bytes, NULL);

		assert_int_equal(rc, ROWS[i].bytes < 0 ? ERR_INPUT : 0);
		assert_int_equal(bytes, ROWS[i].bytes < 0 ? 7 : ROWS[i].bytes);
	}
}

static void chances_are_exact_fractions(void **state)
{
	static const struct {
		const char *text;
		uint64_t num, den; /* den 0: an error */
		const char *again;
	} ROWS[] = {
		{"5%", 50000, 1000000, "5%"},
		{"5.0%", 50000, 1000000, "5%"},
		{"0.25%", 2500, 1000000, "0.25%"},
		{"0.0001%", 1, 1000000, "0.0001%"},
		{"0.00001%", 0, 0, NULL},
		{"0%", 0, 1000000, "0%"},
		{"100%", 1000000, 1000000, "100%"},
		{"100.0001%", 0, 0, NULL},
		{"101%", 0, 0, NULL},
		{"500ppm", 500, 1000000, "0.05%"},
		{"1000000ppm", 1000000, 1000000, "100%"},
		{"1000001ppm", 0, 0, NULL},
		{"0.5ppm", 0, 0, NULL},
		{"1 in 20", 1, 20, "1 in 20"},
		{"20 in 20", 20, 20, "20 in 20"},
		{"21 in 20", 0, 0, NULL},
		{"1 in 0", 0, 0, NULL},
		{"1 in 9223372036854775807", 1, INT64_MAX, "1 in 9223372036854775807"},
		{"1 in 9223372036854775808", 0, 0, NULL},
		{"1 in", 0, 0, NULL},
		{"1in20", 0, 0, NULL},
		{"1 in 20 ", 0, 0, NULL},
		{"5", 0, 0, NULL},
		{"0.05", 0, 0, NULL},
		{"", 0, 0, NULL},
		{"-5%", 0, 0, NULL},
		{"5 %", 0, 0, NULL},
		{"5%%", 0, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct chance chance = {7, 7};
		int rc = parse_chance(ROWS[i].text, &chance, NULL);

		if (ROWS[i].den == 0) {
			assert_int_equal(rc, ERR_INPUT);
			assert_int_equal(chance.den, 7);
		} else {
			struct text text = {0};

			assert_int_equal(rc, 0);
			assert_int_equal(chance.num, ROWS[i].num);
			assert_int_equal(chance.den, ROWS[i].den);
			text_chance(&text, chance);
			assert_string_equal(text_cstr(&text), ROWS[i].again);
			text_done(&text);
		}
	}
}

static void hex_in_whole_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: an error */
	} ROWS[] = {
		{"1f2e", 2},	 {"0x1f2e", 2}, {"1f 2e", 2},  {"1F:2E", 2},
		{"1f2e3d4c", 4}, {"", 0},	{"0x", 0},     {"1", 0},
		{"1f2", 0},	 {"1f 2", 0},	{"1f  2e", 0}, {"1f:", 0},
		{" 1f", 0},	 {"1g", 0},	{"1f0x2e", 0}, {"1f2e3d4c5b", 0},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		uint8_t bytes[4] = {0};
		size_t len = 0;
		int rc = parse_hex(ROWS[i].text, bytes, sizeof(bytes), &len, NULL);

		assert_int_equal(rc, ROWS[i].len ? 0 : ERR_INPUT);
		assert_int_equal(len, ROWS[i].len);
		if (rc == 0) {
			assert_memory_equal(bytes, "\x1f\x2e", 2);
		}
	}
}

static void utf8_as_rfc_3629(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} ROWS[] = {
		{"a", 1},
		{"\x7f", 1},
		{"\x80", 0},
		{"\xc0\x80", 0},
		{"\xc1\xbf", 0},
		{"\xc2\x80", 2},
		{"\xc2", 0},
		{"\xdf\xbf", 2},
		{"\xe0\x9f\xbf", 0},
		{"\xe0\xa0\x80", 3},
		{"\xed\x9f\xbf", 3},
		{"\xed\xa0\x80", 0},
		{"\xef\xbf\xbf", 3},
		{"\xef\xbf", 0},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\xf0\x90\x80z", 0},
		{"\xff", 0},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		assert_int_equal(utf8_len(span_str(ROWS[i].bytes)), ROWS[i].len);
	}
}

static void the_nearest_name(void **state)
{
	static const char *const NAMES[] = {"chance", "count",	  "do",
					    "listen", "upstream", NULL};
	static const struct {
		const char *wrong, *near;
	} ROWS[] = {
		{"chanse", "chance"},
		{"cahnce", "chance"},
		{"CHANCE", "chance"},
		{"chnc", "chance"},
		{"cont", "count"},
		{"od", "do"},
		{"x", NULL},
		{"xy", NULL},
		{"zzzzzz", NULL},
		{"", NULL},
		{"upstraem", "upstream"},
		{"listen tcp", "listen"},
		{"a-name-of-more-than-sixty-four-characters-is-not-near-to-any-other-one",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		const char *near = nearest_name(ROWS[i].wrong, NAMES);

		if (ROWS[i].near) {
			assert_non_null(near);
			assert_string_equal(near, ROWS[i].near);
		} else {
			assert_null(near);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(grows_and_keeps_a_nul),
		cmocka_unit_test(appends_exactly_up_to_its_room),
		cmocka_unit_test(u64_is_printf),
		cmocka_unit_test(numbers_at_their_limits),
		cmocka_unit_test(formats_longer_than_its_room),
		cmocka_unit_test(durations_in_the_largest_exact_unit),
		cmocka_unit_test(sizes_in_the_largest_exact_unit),
		cmocka_unit_test(u64_within_bounds_only),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(a_missing_unit_is_explained),
		cmocka_unit_test(sizes_with_and_without_unit),
		cmocka_unit_test(chances_are_exact_fractions),
		cmocka_unit_test(hex_in_whole_bytes),
		cmocka_unit_test(utf8_as_rfc_3629),
		cmocka_unit_test(the_nearest_name),
	};

	return cmocka_run_group_tests_name("text", TESTS, NULL, NULL);
}
