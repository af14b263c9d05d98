#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/sweep_result.h"
#include "base/text.h"
#include "io/file.h"

#include <stdlib.h>
#include <unistd.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/test_sweep_result.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int read_text(const char *json, size_t len, struct sweep_result *out,
		     struct err *err)
{
	struct err write_err;

	assert_int_equal(file_write(path, span_of(json, len), &write_err), 0);
	return sweep_result_read(path, 7, out, err);
}

static void a_result_is_read_whole(void **state)
{
	static const char JSON[] =
		"{\"command\":[\"./t\"],\"exit\":1,\"files\":[\"a.ini\"],\"findings\":["
		"{\"at\":5,\"kind\":\"safety\",\"name\":\"no-double\",\"text\":\"why\"},"
		"{\"at\":9,\"kind\":\"failed\",\"name\":\"cmd\",\"text\":\"1\"}],"
		"\"lanes\":3,\"rules\":[{\"considered\":100,\"file\":\"a.ini\","
		"\"fired\":4,\"line\":9,\"matched\":80,\"name\":\"lie\"}],"
		"\"seconds\":1.25,\"seed\":7,\"units\":{\"in\":100},\"verdict\":"
		"\"safety\"}";
	struct sweep_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(read_text(JSON, strlen(JSON), &result, &err), 0);
	assert_int_equal(result.verdict, FINDING_SAFETY);
	assert_int_equal(result.exit_code, 1);
	assert_int_equal(result.num_findings, 2);
	assert_string_equal(result.findings[0].kind, "safety");
	assert_string_equal(result.findings[0].name, "no-double");
	assert_string_equal(result.findings[0].text, "why");
	assert_int_equal(result.findings[1].at_ns, 9);
	assert_int_equal(result.num_rules, 1);
	assert_string_equal(result.rules[0].name, "lie");
	assert_string_equal(result.rules[0].file, "a.ini");
	assert_int_equal(result.rules[0].line, 9);
	assert_int_equal(result.rules[0].considered, 100);
	assert_int_equal(result.rules[0].matched, 80);
	assert_int_equal(result.rules[0].fired, 4);
	assert_int_equal(result.lanes, 3);
	assert_int_equal(result.units_in, 100);
	assert_true(result.seconds > 1.24 && result.seconds < 1.26);
	sweep_result_done(&result);
}

static void each_verdict_is_known(void **state)
{
	(void)state;
	for (int verdict = 0; verdict < NUM_VERDICTS; verdict++) {
		enum finding_kind kind = (enum finding_kind)verdict;
		struct sweep_result result;
		struct text json = {0};
		struct err err;

		text_format(&json, "{\"seed\":7,\"verdict\":\"%s\"}",
			    finding_kind_name(kind));
		assert_int_equal(read_text(json.data, json.len, &result, &err), 0);
		assert_int_equal(result.verdict, kind);
		assert_int_equal(sweep_verdict_fails(kind),
				 kind != NUM_FINDING && kind != FINDING_VACUOUS);
		sweep_result_done(&result);
		text_done(&json);
	}
}

static void what_is_no_result_is_refused(void **state)
{
	static const char *const ROWS[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"seed\":7}",
		"{\"seed\":7,\"verdict\":null}",
		"{\"seed\":7,\"verdict\":\"dreamt\"}",
		"{\"seed\":8,\"verdict\":\"passed\"}",
		"{\"seed\":\"7\",\"verdict\":\"passed\"}",
		"{\"seed\":7.0,\"verdict\":\"passed\"}",
		"{\"seed\":7,\"verdict\":\"passed\"} {}",
		"{\"seed\":7,\"verdict\":\"pas",
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct sweep_result result = {.lanes = 99};
		struct err err = {0};

		assert_true(read_text(ROWS[i], strlen(ROWS[i]), &result, &err) < 0);
		assert_string_not_equal(err.text, "");
		assert_int_equal(result.lanes, 99); /* untouched */
	}
}

/* Of another type, negative, or far too many: nothing of it is believed. */
static void odd_values_count_as_none(void **state)
{
	static const char JSON[] =
		"{\"exit\":\"1\",\"findings\":{\"kind\":1},\"lanes\":-3,\"rules\":[5,"
		"{\"fired\":-1,\"line\":\"x\",\"matched\":1.5,\"name\":null}],"
		"\"seconds\":-1e300,\"seed\":7,\"units\":[],\"verdict\":\"failed\"}";
	struct sweep_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(read_text(JSON, strlen(JSON), &result, &err), 0);
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(result.num_findings, 0);
	assert_int_equal(result.lanes, 0);
	assert_int_equal(result.units_in, 0);
	assert_true(result.seconds >= 0 && result.seconds <= 0);
	assert_int_equal(result.num_rules, 2);
	for (size_t i = 0; i < result.num_rules; i++) {
		assert_string_equal(result.rules[i].name, "");
		assert_int_equal(result.rules[i].fired, 0);
		assert_int_equal(result.rules[i].matched, 0);
		assert_int_equal(result.rules[i].line, 0);
	}
	sweep_result_done(&result);
}

static void there_are_bounds(void **state)
{
	struct sweep_result result;
	struct text json = {0};
	struct err err = {0};

	(void)state;
	text_str(&json, "{\"findings\":[{}");
	for (size_t i = 0; i < SWEEP_FINDINGS_MAX + 10; i++) {
		text_str(&json, ",{\"kind\":\"safety\"}");
	}
	text_str(&json, "],\"seed\":7,\"verdict\":\"safety\"}");
	assert_int_equal(read_text(json.data, json.len, &result, &err), 0);
	assert_int_equal(result.num_findings, SWEEP_FINDINGS_MAX);
	sweep_result_done(&result);
	while (json.len <= SWEEP_RESULT_BYTES_MAX) {
		text_byte(&json, ' ');
	}
	assert_int_equal(read_text(json.data, json.len - 1, &result, &err), 0);
	sweep_result_done(&result);
	assert_int_equal(read_text(json.data, json.len, &result, &err), ERR_LIMIT);
	text_done(&json);
}

static void a_file_that_is_missing_is_said(void **state)
{
	struct sweep_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(sweep_result_read("/nowhere/result.json", 7, &result, &err),
			 ERR_SYSTEM);
	assert_non_null(strstr(err.text, "/nowhere/result.json"));
}

static void what_stands_for_a_result_is_valid_text(void **state)
{
	struct sweep_result result;

	(void)state;
	sweep_result_none(&result, 139, "ended \xff so \xc3\xbc");
	assert_int_equal(result.verdict, FINDING_SETUP);
	assert_int_equal(result.exit_code, 139);
	assert_int_equal(result.num_findings, 1);
	assert_string_equal(result.findings[0].kind, "setup");
	assert_string_equal(result.findings[0].text, "ended \xef\xbf\xbd so \xc3\xbc");
	sweep_result_done(&result);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(a_result_is_read_whole),
		cmocka_unit_test(each_verdict_is_known),
		cmocka_unit_test(what_is_no_result_is_refused),
		cmocka_unit_test(odd_values_count_as_none),
		cmocka_unit_test(there_are_bounds),
		cmocka_unit_test(a_file_that_is_missing_is_said),
		cmocka_unit_test(what_stands_for_a_result_is_valid_text),
	};

	return cmocka_run_group_tests_name("sweep_result", TESTS, make_file, remove_file);
}
