#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/cli.h"
#include "app/findings.h"
#include "app/run_result.h"

#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static void a_run_without_findings_passed(void **state)
{
	struct findings findings = {0};

	(void)state;
	assert_int_equal(findings_gravest(&findings), NUM_FINDING);
	assert_string_equal(finding_kind_name(NUM_FINDING), "passed");
	findings_done(&findings);
}

static void the_gravest_kind_is_the_verdict_whatever_the_order(void **state)
{
	static const char *const GRAVEST_FIRST[] = {
		"setup",   "crash",  "safety",	 "liveness",
		"timeout", "failed", "diverged", "vacuous",
	};

	(void)state;
	assert_int_equal(NUM(GRAVEST_FIRST), NUM_FINDING);
	for (int a = 0; a < NUM_FINDING; a++) {
		assert_string_equal(finding_kind_name((enum finding_kind)a),
				    GRAVEST_FIRST[a]);
		for (int b = 0; b < NUM_FINDING; b++) {
			struct findings findings = {0};

			findings_add(&findings, (enum finding_kind)a, "x", "y", 0);
			findings_add(&findings, (enum finding_kind)b, "x", "y", 0);
			assert_int_equal(findings_gravest(&findings), a < b ? a : b);
			assert_true(findings_have(&findings, (enum finding_kind)a));
			assert_true(findings_have(&findings, (enum finding_kind)b));
			findings_done(&findings);
		}
	}
}

static void findings_keep_their_texts_and_order(void **state)
{
	struct findings findings = {0};
	char text[] = "a";

	(void)state;
	for (int i = 0; i < 20; i++) {
		text[0] = (char)('a' + i);
		findings_add(&findings, FINDING_SAFETY, text, text, i);
	}
	assert_int_equal(findings.num, 20);
	for (int i = 0; i < 20; i++) {
		text[0] = (char)('a' + i);
		assert_string_equal(findings.list[i].name, text);
		assert_string_equal(findings.list[i].text, text);
		assert_int_equal(findings.list[i].at_ns, i);
	}
	findings_done(&findings);
}

static void a_finding_is_told_in_one_line(void **state)
{
	static const struct {
		enum finding_kind kind;
		const char *name, *line;
	} ROWS[] = {
		{FINDING_SAFETY, "x",
		 "turncoat: safety: invariant x: why, 1.2 s into the run\n"},
		{FINDING_LIVENESS, "x",
		 "turncoat: liveness: goal x: why, 1.2 s into the run\n"},
		{FINDING_CRASH, "redis",
		 "turncoat: crash: redis: why, 1.2 s into the run\n"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct findings findings = {0};
		struct text text = {0};

		finding_describe(findings_add(&findings, ROWS[i].kind, ROWS[i].name,
					      "why", INT64_C(1234567890)),
				 &text);
		assert_string_equal(text_cstr(&text), ROWS[i].line);
		text_done(&text);
		findings_done(&findings);
	}
}

static void the_exit_code_is_the_commands_or_the_findings(void **state)
{
	static const struct {
		enum finding_kind kind; /* NUM_FINDING: none */
		bool has_command;
		int command_code;
		bool log_failed;
		int wanted;
	} ROWS[] = {
		{NUM_FINDING, true, 0, false, EXIT_PASSED},
		{NUM_FINDING, false, 0, false, EXIT_PASSED},
		{FINDING_FAILED, true, 7, false, 7},
		{FINDING_SAFETY, true, 7, false, 7},
		{FINDING_SAFETY, true, 0, false, EXIT_CMD_FAILED},
		{FINDING_SAFETY, false, 0, false, EXIT_CMD_FAILED},
		{FINDING_LIVENESS, true, 0, false, EXIT_CMD_FAILED},
		{FINDING_TIMEOUT, true, 143, false, 143},
		{FINDING_TIMEOUT, true, 0, false, EXIT_CMD_FAILED},
		{FINDING_CRASH, true, 139, false, 139},
		{FINDING_CRASH, true, 0, false, EXIT_CMD_FAILED},
		{FINDING_SETUP, false, 0, false, EXIT_USAGE},
		{FINDING_VACUOUS, true, 0, false, EXIT_VACUOUS},
		{FINDING_DIVERGED, true, 0, false, EXIT_DIVERGED},
		{FINDING_SAFETY, true, 7, true, EXIT_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct run_result result = {
			.has_command = ROWS[i].has_command,
			.command_code = ROWS[i].command_code,
			.log_failed = ROWS[i].log_failed,
		};

		if (ROWS[i].kind != NUM_FINDING) {
			findings_add(&result.findings, ROWS[i].kind, "x", "y", 0);
		}
		assert_int_equal(run_result_exit_code(&result), ROWS[i].wanted);
		run_result_done(&result);
	}
}

static void a_result_is_one_object_with_sorted_keys(void **state)
{
	static const char *const COMMAND[] = {"./my-test", "a \"b\"", NULL};
	static const char *const FILES[] = {"lies.ini"};
	static const char WANTED[] =
		"{\"command\":[\"./my-test\",\"a \\\"b\\\"\"],\"exit\":1,"
		"\"files\":[\"lies.ini\"],\"findings\":[{\"at\":123456789,"
		"\"kind\":\"safety\",\"name\":\"n\",\"text\":\"t\"}],\"lanes\":3,"
		"\"late\":1,\"log\":\"DIR/run.jsonl\",\"rules\":[{\"chance\":\"5%\","
		"\"considered\":100,\"den\":1000000,\"file\":\"lies.ini\",\"fired\":4,"
		"\"line\":9,\"matched\":80,\"name\":\"lie\",\"num\":50000}],"
		"\"seconds\":1.234,\"seed\":7,\"units\":{\"dropped\":1,\"held\":0,"
		"\"in\":100,\"out\":99},\"vacuous\":\"never matched: a\","
		"\"verdict\":\"safety\",\"version\":\"" PACKAGE_VERSION
		"\",\"weak\":2}\n";
	struct rule_result rule = {
		.name = "lie",
		.file = "lies.ini",
		.line = 9,
		.chance = {50000, 1000000},
		.stats = {.considered = 100, .matched = 80, .fired = 4},
	};
	struct run_result result = {
		.log_path = "DIR/run.jsonl",
		.rules = &rule,
		.num_rules = 1,
		.counts = {.lanes = 3, .weak_lanes = 2, .late_units = 1},
		.totals = {.units_in = 100, .units_out = 99, .units_dropped = 1},
		.seed = 7,
		.duration_ns = INT64_C(1234000000),
		.vacuous = "never matched: a",
	};
	struct text text = {0};

	(void)state;
	run_result_files(&result, FILES, NUM(FILES));
	run_result_command(&result, (char *const *)COMMAND);
	findings_add(&result.findings, FINDING_SAFETY, "n", "t", 123456789);
	run_result_format(&result, 1, &text);
	assert_string_equal(text_cstr(&text), WANTED);
	text_done(&text);
	run_result_done(&result);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(a_run_without_findings_passed),
		cmocka_unit_test(the_gravest_kind_is_the_verdict_whatever_the_order),
		cmocka_unit_test(findings_keep_their_texts_and_order),
		cmocka_unit_test(a_finding_is_told_in_one_line),
		cmocka_unit_test(the_exit_code_is_the_commands_or_the_findings),
		cmocka_unit_test(a_result_is_one_object_with_sorted_keys),
	};

	return cmocka_run_group_tests_name("findings", TESTS, NULL, NULL);
}
