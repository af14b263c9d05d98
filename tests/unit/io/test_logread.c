/* The log reader: what it accepts, what it refuses and how it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/logread.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADER "{\"abi\":1,\"files\":[],\"seed\":42,\"type\":\"header\"}\n"
#define UNIT                                       \
	"{\"class\":\"raw\",\"k\":7,\"lane\":\"a/" \
	"b#1\",\"side\":\"reply\",\"type\":\"unit\"}"

static char path[] = "/tmp/test_logread.XXXXXX";

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

static void put(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct logread *open_text(const char *text)
{
	struct logread *log = NULL;
	struct err err = {0};

	put(text, strlen(text));
	if (logread_open(path, false, &log, &err) != 0) {
		fail_msg("%s", err.text);
	}
	return log;
}

/* Reads to the end; the code of the last call. */
static int read_all(struct logread *log, unsigned *num, struct err *err)
{
	struct log_line line;
	int code;

	*num = 0;
	while ((code = logread_next(log, &line, err)) > 0) {
		(*num)++;
	}
	return code;
}

static void headers_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", ":1: empty"},
		{"\n", ":1: an empty line"},
		{"{", "no whole header line"},
		{"nonsense\n", ":1: not JSON"},
		{"[]\n", ":1: not a JSON object"},
		{"7\n", ":1: not a JSON object"},
		{"{}\n", ":1: a log begins with a header line"},
		{UNIT "\n", "this is a line of type unit"},
		{"{\"abi\":2,\"files\":[],\"seed\":1,\"type\":\"header\",\"version\":\"0."
		 "9\"}\n",
		 "abi 2 (written by version 0.9), this turncoat reads abi 1 only"},
		{"{\"files\":[],\"seed\":1,\"type\":\"header\"}\n", "no \"abi\""},
		{"{\"abi\":1,\"files\":[],\"type\":\"header\"}\n", "no \"seed\""},
		{"{\"abi\":1,\"files\":[],\"seed\":-1,\"type\":\"header\"}\n",
		 "no \"seed\""},
		{"{\"abi\":1,\"seed\":1,\"type\":\"header\"}\n", "no \"files\""},
		{"{\"abi\":1,\"files\":[{}],\"seed\":1,\"type\":\"header\"}\n",
		 "without \"name\" or \"text\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct logread *log = NULL;
		struct err err = {0};

		put(rows[i].text, strlen(rows[i].text));
		assert_int_equal(logread_open(path, false, &log, &err), ERR_INPUT);
		assert_null(log);
		if (!strstr(err.text, rows[i].says) || !strstr(err.text, path)) {
			fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
		}
	}
}

static void lines_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"garbage\n" UNIT "\n", ":2: not JSON"},
		{UNIT "\n{\"a\":\n" UNIT "\n", ":3: not JSON"},
		{"\n" UNIT "\n", ":2: an empty line"},
		{"[1]\n", ":2: not a JSON object"},
		{"{}\n", ":2: a line without a \"type\""},
		{HEADER, ":2: a second header"},
		{"{\"type\":\"open\"}\n", ":2: a line of type open without a \"lane\""},
		{"{\"k\":1,\"lane\":\"l\",\"side\":\"reply\",\"type\":\"unit\"}\n",
		 "without a \"class\""},
		{"{\"class\":\"c\",\"k\":1,\"lane\":\"l\",\"type\":\"unit\"}\n",
		 "without a \"side\""},
		{"{\"class\":\"c\",\"k\":1,\"lane\":\"l\",\"side\":\"up\",\"type\":"
		 "\"unit\"}\n",
		 "\"side\" is neither"},
		{"{\"class\":\"c\",\"k\":-1,\"lane\":\"l\",\"side\":\"reply\",\"type\":"
		 "\"unit\"}\n",
		 "without a \"k\""},
		{"{\"class\":\"c\",\"k\":\"1\",\"lane\":\"l\",\"side\":\"reply\","
		 "\"type\":\"late\"}"
		 "\n",
		 "without a \"k\""},
		{"{\"type\":\"note\",\"type\":\"note\"}\n", "duplicate object key"},
		{"{\"type\":\"note\",\"x\":\"\xff\"}\n", ":2: not JSON"},
		{"{\"type\":\"note\"} trailing\n", ":2: not JSON"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};
		struct logread *log;
		char text[1024];
		unsigned num;

		snprintf(text, sizeof(text), "%s%s", HEADER, rows[i].text);
		log = open_text(text);
		assert_true(read_all(log, &num, &err) < 0);
		if (!strstr(err.text, rows[i].says) || !strstr(err.text, path)) {
			fail_msg("'%s' does not say '%s'", err.text, rows[i].says);
		}
		assert_int_equal(logread_torn_line(log), 0);
		logread_close(log);
	}
}

static void a_line_comes_with_its_identity_and_place(void **state)
{
	struct logread *log = open_text(HEADER "{\"type\":\"summary\"}\n" UNIT "\n");
	struct log_line line;

	(void)state;
	assert_int_equal(logread_seed(log), 42);
	assert_int_equal(logread_next(log, &line, NULL), 1);
	assert_int_equal(line.type, LOG_SUMMARY);
	assert_null(line.lane);
	assert_null(line.class);
	assert_false(line.has_side);
	assert_int_equal(logread_next(log, &line, NULL), 1);
	assert_int_equal(line.type, LOG_UNIT);
	assert_int_equal(line.number, 3);
	assert_int_equal(line.offset, strlen(HEADER) + 19);
	assert_true(span_is(line.raw, UNIT));
	assert_string_equal(line.lane, "a/b#1");
	assert_string_equal(line.class, "raw");
	assert_int_equal(line.side, SIDE_REPLY);
	assert_int_equal(line.k, 7);
	assert_int_equal(logread_next(log, &line, NULL), 0);
	assert_int_equal(logread_next(log, &line, NULL), 0);
	logread_close(log);
}

static void a_torn_last_line_is_skipped_and_told(void **state)
{
	static const char *const torn[] = {"{", "{\"class\":\"raw\",\"k\":7",
					   "{\"type\":\"no", "\xc3"};

	(void)state;
	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		struct err err = {0};
		struct logread *log;
		char text[512];
		unsigned num;

		snprintf(text, sizeof(text), "%s%s\n%s", HEADER, UNIT, torn[i]);
		log = open_text(text);
		assert_int_equal(read_all(log, &num, &err), 0);
		assert_int_equal(num, 1);
		assert_int_equal(logread_torn_line(log), 3);
		logread_close(log);
	}
}

static void a_last_line_that_only_lacks_its_newline_counts(void **state)
{
	struct logread *log = open_text(HEADER UNIT);
	unsigned num;

	(void)state;
	assert_int_equal(read_all(log, &num, NULL), 0);
	assert_int_equal(num, 1);
	assert_int_equal(logread_torn_line(log), 0);
	logread_close(log);
}

static void nul_bytes_are_named(void **state)
{
	static const char text[] = HEADER "{\"a\":\0}\n";
	struct logread *log = NULL;
	struct err err = {0};
	unsigned num;

	(void)state;
	put(text, sizeof(text) - 1);
	assert_int_equal(logread_open(path, false, &log, &err), 0);
	assert_true(read_all(log, &num, &err) < 0);
	assert_non_null(strstr(err.text, ":2: a NUL byte in column 6"));
	logread_close(log);
}

static void too_deep_is_refused(void **state)
{
	size_t depth = 100000, at = strlen(HEADER);
	char *text = calloc(1, at + depth + 2);
	struct logread *log;
	struct err err = {0};
	unsigned num;

	(void)state;
	memcpy(text, HEADER, at);
	memset(text + at, '[', depth);
	text[at + depth] = '\n';
	log = open_text(text);
	assert_true(read_all(log, &num, &err) < 0);
	assert_non_null(strstr(err.text, "depth"));
	logread_close(log);
	free(text);
}

/* A line of `len` bytes: a note with a long text. */
static void put_long_line(size_t len)
{
	static const char front[] = "{\"text\":\"", back[] = "\",\"type\":\"note\"}\n";
	size_t filler = len - (sizeof(front) - 1) - (sizeof(back) - 2);
	char *text = malloc(filler);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	memset(text, 'x', filler);
	fputs(HEADER, f);
	fputs(front, f);
	fwrite(text, 1, filler, f);
	fputs(back, f);
	assert_int_equal(fclose(f), 0);
	free(text);
}

static void a_line_may_have_the_most_bytes_and_no_more(void **state)
{
	struct logread *log = NULL;
	struct err err = {0};
	unsigned num;

	(void)state;
	put_long_line(LOGREAD_LINE_MAX);
	assert_int_equal(logread_open(path, false, &log, &err), 0);
	assert_int_equal(read_all(log, &num, &err), 0);
	assert_int_equal(num, 1);
	logread_close(log);
	put_long_line((size_t)LOGREAD_LINE_MAX + 1);
	assert_int_equal(logread_open(path, false, &log, &err), 0);
	assert_true(read_all(log, &num, &err) < 0);
	assert_non_null(strstr(err.text, ":2: a line longer than"));
	logread_close(log);
}

static void an_unknown_type_is_let_through(void **state)
{
	struct logread *log = open_text(HEADER "{\"type\":\"partition\"}\n");
	struct log_line line;

	(void)state;
	assert_int_equal(logread_next(log, &line, NULL), 1);
	assert_int_equal(line.type, LOG_OTHER);
	logread_close(log);
}

/* The log comes byte by byte through a FIFO, which can't seek; it is read again all the
 * same. */
static void a_pipe_is_spooled_to_be_read_again(void **state)
{
	static const char text[] = HEADER UNIT "\n{\"type\":\"summary\"}\n";
	struct logread *log = NULL;
	struct log_line line;
	struct err err = {0};
	json_t *json = NULL;
	char *buffer = NULL;
	size_t cap = 0;
	int status;
	pid_t child;

	(void)state;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = open(path, O_WRONLY);

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			if (write(fd, text + i, 1) != 1) {
				_exit(1);
			}
		}
		_exit(0);
	}
	assert_int_equal(logread_open(path, true, &log, &err), 0);
	assert_int_equal(logread_next(log, &line, &err), 1);
	assert_int_equal(logread_again(log, line.offset, line.raw.len, &buffer, &cap,
				       &json, &err),
			 0);
	assert_true(json_equal(json, line.json));
	assert_int_equal(logread_next(log, &line, &err), 1);
	assert_int_equal(line.type, LOG_SUMMARY);
	assert_int_equal(logread_next(log, &line, &err), 0);
	json_decref(json);
	free(buffer);
	logread_close(log);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_missing_file_is_named(void **state)
{
	struct logread *log = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(logread_open("/nonexistent/log", false, &log, &err), ERR_SYSTEM);
	assert_string_equal(err.text, "/nonexistent/log: No such file or directory");
	assert_int_equal(logread_open("/tmp", false, &log, &err), ERR_SYSTEM);
	assert_string_equal(err.text, "/tmp: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_are_none_are_refused),
		cmocka_unit_test(lines_that_are_none_are_refused),
		cmocka_unit_test(a_line_comes_with_its_identity_and_place),
		cmocka_unit_test(a_torn_last_line_is_skipped_and_told),
		cmocka_unit_test(a_last_line_that_only_lacks_its_newline_counts),
		cmocka_unit_test(nul_bytes_are_named),
		cmocka_unit_test(too_deep_is_refused),
		cmocka_unit_test(a_line_may_have_the_most_bytes_and_no_more),
		cmocka_unit_test(an_unknown_type_is_let_through),
		cmocka_unit_test(a_pipe_is_spooled_to_be_read_again),
		cmocka_unit_test(a_missing_file_is_named),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
