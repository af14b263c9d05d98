/* Each report of two sweeps, one that knows every verdict and odd bytes and one that a
 * signal stopped, byte for byte as in tests/golden/sweep; and the escaping in them.
 *
 * After a wanted change: TURNCOAT_GOLDEN_UPDATE=1, and read the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/sweep_report.h"
#include "app/sweep_xml.h"
#include "io/file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define INI                                                                     \
	"[proxy p]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n" \
	"[rule lie]\nside = reply\nchance = 5%\ndo = mutate flip\n"             \
	"[rule a_b-c]\nchance = 1 in 4\ndo = delay time=1ms\n"                  \
	"[rule never]\nchance = 1%\ndo = drop\n"

static const char *const PATHS[] = {"rules/my lies.ini", "more,%:.ini"};
static char *command[] = {(char *)"./my test", (char *)"it's", (char *)"--fast", NULL};

static struct sweep_rule fired[] = {
	{"lie", "rules/my lies.ini", 4, 50, 40, 4},
	{"a_b-c", "more,%:.ini", 8, 50, 50, 1},
	{"never", "rules/my lies.ini", 11, 50, 0, 0},
};

/* A finding for each verdict that fails. */
static struct sweep_finding findings[][2] = {
	{{"setup", "redis", "never became ready", 0}},
	{{"crash", "redis", "killed by SIGSEGV", 1500000000}},
	{{"safety", "no-double-charge", "<b>100% & \"more\"\n::error::\x1b[31m|`x`", 7},
	 {"failed", "cmd", "exit status 3", 8}},
	{{"liveness", "converges", "not within 10s", 12000000000}},
	{{"timeout", "cmd", "still running after 5s", 5000000000}},
	{{"failed", "cmd", "exit status 1 # \\ gr\xc3\xbc\xc3\x9f", 9}},
	{{"diverged", "", "", 0}},
};

static struct config *config_of(void)
{
	struct arena arena = {0};
	struct inifile file;
	struct config *config = NULL;
	struct err err = {0};

	inifile_parse(PATHS[0], span_str(INI), &arena, &file, &err);
	assert_string_equal(err.text, "");
	config_parse(&file, 1, &config, &err);
	assert_string_equal(err.text, "");
	arena_done(&arena);
	return config;
}

static void add_run(struct sweep *sweep, uint64_t seed, enum finding_kind verdict,
		    size_t num_findings)
{
	struct sweep_run *run = &sweep->runs[sweep->done++];

	*run = (struct sweep_run){.seed = seed, .state = SWEEP_DONE};
	run->result.verdict = verdict;
	run->result.seconds = 0.5 + (double)seed / 1000;
	run->result.rules = fired;
	run->result.num_rules = NUM(fired);
	if (sweep_verdict_fails(verdict)) {
		run->result.exit_code = (int)seed;
		run->result.findings = findings[verdict];
		run->result.num_findings = num_findings;
		sweep->failed++;
	}
	sweep->verdicts[verdict]++;
	sweep_tally_add(&sweep->tally, &run->result);
}

static void fill(struct sweep *sweep, size_t num_runs)
{
	*sweep = (struct sweep){
		.options =
			{
				.paths = PATHS,
				.num_paths = NUM(PATHS),
				.command = command,
				.seeds = "1-11",
				.shard = {1, 1},
				.jobs = 2,
				.timeout = "5s",
				.out = "out",
			},
		.config = config_of(),
		.runs = calloc(num_runs, sizeof(struct sweep_run)),
		.num_runs = num_runs,
		.elapsed_ns = 12345678901,
	};
	sweep_tally_init(&sweep->tally, sweep->config);
}

static void fill_whole(struct sweep *sweep)
{
	uint64_t seed = 4;

	fill(sweep, 11);
	sweep->canary = CANARY_ALIVE;
	sweep->canary_result.seconds = 0.25;
	add_run(sweep, 1, NUM_FINDING, 0);
	add_run(sweep, 2, FINDING_VACUOUS, 0);
	add_run(sweep, 3, FINDING_FAILED, 0); /* no finding of that kind */
	for (int kind = 0; kind <= FINDING_DIVERGED; kind++) {
		add_run(sweep, seed++, (enum finding_kind)kind,
			kind == FINDING_SAFETY ? 2 : 1);
	}
	add_run(sweep, 11, NUM_FINDING, 0);
	/* So often that it can't be luck. */
	sweep->tally.rules[1].fired += 400;
	sweep->tally.rules[1].matched += 400;
	text_str(&sweep->shrunk, "seed 3: exit status 0, see out/3/shrink.txt\n");
}

static void fill_stopped(struct sweep *sweep)
{
	fill(sweep, 11);
	add_run(sweep, 1, NUM_FINDING, 0);
	add_run(sweep, 6, FINDING_SAFETY, 2);
	sweep->stop = STOP_SIGNAL;
	sweep->signal = SIGINT;
}

static void fill_dead(struct sweep *sweep)
{
	fill(sweep, 11);
	sweep->canary = CANARY_DEAD;
	sweep->stop = STOP_CANARY;
	sweep->elapsed_ns = 0;
}

static void empty(struct sweep *sweep)
{
	sweep_tally_done(&sweep->tally);
	config_free(sweep->config);
	text_done(&sweep->shrunk);
	free(sweep->runs);
}

static const struct {
	const char *name;
	void (*make)(const struct sweep *sweep, struct text *out);
} REPORTS[] = {
	{"junit.xml", sweep_junit},   {"tap", sweep_tap},
	{"json", sweep_json},	      {"md", sweep_markdown},
	{"github", sweep_github},     {"gitlab.json", sweep_gitlab},
	{"terminal", sweep_terminal},
};

static void check(const char *name, const struct text *text)
{
	struct arena arena = {0};
	struct span wanted;
	struct err err = {0};

	if (getenv("TURNCOAT_GOLDEN_UPDATE")) {
		file_write(name, span_of(text->data, text->len), &err);
		assert_string_equal(err.text, "");
	}
	file_read(name, 1 << 20, &arena, &wanted, &err);
	assert_string_equal(err.text, "");
	if (wanted.len != text->len || memcmp(wanted.data, text->data, text->len) != 0) {
		fprintf(stderr, "%s differs:\n%s\n", name, text_cstr(text));
		assert_string_equal(text_cstr(text), (const char *)wanted.data);
	}
	arena_done(&arena);
}

static void check_all(const char *name, void (*fill_it)(struct sweep *sweep))
{
	struct sweep sweep;

	fill_it(&sweep);
	for (size_t i = 0; i < NUM(REPORTS); i++) {
		struct text text = {0}, file = {0};

		text_format(&file, "%s.%s", name, REPORTS[i].name);
		REPORTS[i].make(&sweep, &text);
		check(text_cstr(&file), &text);
		text_done(&text);
		text_done(&file);
	}
	empty(&sweep);
}

static void a_whole_sweep_is_told_as_recorded(void **state)
{
	(void)state;
	check_all("whole", fill_whole);
}

static void a_stopped_sweep_is_told_as_recorded(void **state)
{
	(void)state;
	check_all("stopped", fill_stopped);
}

static void a_dead_canary_is_told_as_recorded(void **state)
{
	(void)state;
	check_all("dead", fill_dead);
}

static void the_exit_code_is_of_the_gravest(void **state)
{
	struct sweep sweep;

	(void)state;
	fill_stopped(&sweep);
	assert_int_equal(sweep_exit_code(&sweep), 128 + SIGINT);
	empty(&sweep);
	fill_dead(&sweep);
	assert_int_equal(sweep_exit_code(&sweep), 1);
	empty(&sweep);
	fill_whole(&sweep);
	assert_int_equal(sweep_exit_code(&sweep), 1);
	empty(&sweep);
	fill(&sweep, 1);
	add_run(&sweep, 1, NUM_FINDING, 0); /* `never` never matched */
	assert_int_equal(sweep_exit_code(&sweep), 3);
	sweep.options.allow_vacuous = true;
	assert_int_equal(sweep_exit_code(&sweep), 0);
	empty(&sweep);
	fill(&sweep, 1);
	add_run(&sweep, 4, FINDING_SETUP, 1);
	assert_int_equal(sweep_exit_code(&sweep), 2);
	empty(&sweep);
	fill(&sweep, 2);
	add_run(&sweep, 4, FINDING_SETUP, 1);
	add_run(&sweep, 5, FINDING_FAILED, 1);
	assert_int_equal(sweep_exit_code(&sweep), 1);
	empty(&sweep);
}

static void xml_takes_any_bytes(void **state)
{
	static const struct {
		const char *bytes, *text, *attribute;
	} ROWS[] = {
		{"plain", "plain", "plain"},
		{"<a b=\"c\">&'", "&lt;a b=&quot;c&quot;&gt;&amp;'",
		 "&lt;a b=&quot;c&quot;&gt;&amp;'"},
		{"]]>", "]]&gt;", "]]&gt;"},
		{"a\nb\tc\rd", "a\nb\tc&#13;d", "a&#10;b&#9;c&#13;d"},
		{"\x1b[31m\x01", "\\x1b[31m\\x01", "\\x1b[31m\\x01"},
		{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
		 "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
		 "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"},
		{"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd",
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text out = {0};

		xml_text(&out, span_str(ROWS[i].bytes));
		assert_string_equal(text_cstr(&out), ROWS[i].text);
		text_clear(&out);
		xml_attribute(&out, span_str(ROWS[i].bytes));
		assert_string_equal(text_cstr(&out), ROWS[i].attribute);
		text_done(&out);
	}
}

static void words_are_quoted_for_a_shell(void **state)
{
	static const struct {
		const char *word, *quoted;
	} ROWS[] = {
		{"./my-test", "./my-test"},
		{"a=b:c,d@e%f+g_H/9.ini", "a=b:c,d@e%f+g_H/9.ini"},
		{"", "''"},
		{"two words", "'two words'"},
		{"it's", "'it'\\''s'"},
		{"$(rm)`x`", "'$(rm)`x`'"},
		{"~", "'~'"},
		{"a\nb", "'a\nb'"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text out = {0};

		text_shell(&out, ROWS[i].word);
		assert_string_equal(text_cstr(&out), ROWS[i].quoted);
		text_done(&out);
	}
}

static void a_tail_begins_with_a_line(void **state)
{
	static const struct {
		const char *file;
		size_t max;
		const char *tail;
	} ROWS[] = {
		{"one\ntwo\nthree\n", 100, "one\ntwo\nthree\n"},
		{"one\ntwo\nthree\n", 14, "one\ntwo\nthree\n"},
		{"one\ntwo\nthree\n", 13, "two\nthree\n"},
		{"one\ntwo\nthree\n", 8, "three\n"},
		{"one long line", 4, "line"},
		{"", 10, ""},
	};
	char path[] = "/tmp/test_sweep_reports.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text out = {0};
		struct err err;

		file_write(path, span_str(ROWS[i].file), &err);
		sweep_tail(path, ROWS[i].max, &out);
		assert_string_equal(text_cstr(&out), ROWS[i].tail);
		text_done(&out);
	}
	unlink(path);
}

static int go_to_the_golden_files(void **state)
{
	const char *top = getenv("top_srcdir");
	struct text path = {0};
	int code;

	(void)state;
	text_format(&path, "%s/tests/golden/sweep", top ? top : ".");
	code = chdir(text_cstr(&path));
	text_done(&path);
	unsetenv("GITHUB_WORKSPACE");
	unsetenv("CI_PROJECT_DIR");
	return code;
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(a_whole_sweep_is_told_as_recorded),
		cmocka_unit_test(a_stopped_sweep_is_told_as_recorded),
		cmocka_unit_test(a_dead_canary_is_told_as_recorded),
		cmocka_unit_test(the_exit_code_is_of_the_gravest),
		cmocka_unit_test(xml_takes_any_bytes),
		cmocka_unit_test(words_are_quoted_for_a_shell),
		cmocka_unit_test(a_tail_begins_with_a_line),
	};

	return cmocka_run_group_tests_name("sweep_reports", TESTS, go_to_the_golden_files,
					   NULL);
}
