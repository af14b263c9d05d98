#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "io/bundle.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static char dir[] = "/tmp/test_bundle.XXXXXX";
static char path[64], other[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/b.tar.gz", dir);
	snprintf(other, sizeof(other), "%s/file", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(dir); /* fails when anything else is left */
}

/* "name=bytes;" of each entry, or the error. */
static void list(struct text *out, bool read)
{
	struct bundle *bundle;
	struct bundle_entry entry;
	struct err err = {0};
	int code = bundle_open(path, &bundle, &err);

	if (code < 0) {
		text_str(out, err.text);
		return;
	}
	while ((code = bundle_next(bundle, &entry, &err)) > 0) {
		struct span bytes;
		int part = 1;

		text_format(out, "%s=", entry.name);
		while (read && (part = bundle_read(bundle, &bytes, &err)) > 0) {
			text_bytes(out, bytes.data, bytes.len);
		}
		assert_true(part >= 0);
		text_byte(out, ';');
	}
	if (code < 0) {
		text_str(out, err.text);
	}
	bundle_close(bundle);
}

static void what_is_written_is_read_again(void **state)
{
	struct bundle_writer *writer;
	struct text text = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(file_write(other, span_str("from a file"), &err), 0);
	assert_int_equal(bundle_create(path, &writer, &err), 0);
	assert_int_equal(bundle_add(writer, "a.txt", span_str("hello"), &err), 0);
	assert_int_equal(bundle_add(writer, "dir/empty", span_str(""), &err), 0);
	assert_int_equal(bundle_add_file(writer, "dir/file", other, &err), 0);
	assert_false(bundle_is_bundle(path)); /* not there before it is whole */
	assert_int_equal(bundle_writer_close(writer, true, &err), 0);
	assert_true(bundle_is_bundle(path));
	list(&text, true);
	assert_string_equal(text_cstr(&text),
			    "a.txt=hello;dir/empty=;dir/file=from a file;");
	text_clear(&text);
	list(&text, false); /* entries may be passed over */
	assert_string_equal(text_cstr(&text), "a.txt=;dir/empty=;dir/file=;");
	text_done(&text);
}

static void equal_contents_make_equal_bytes(void **state)
{
	struct arena arena = {0};
	struct span bytes[2];
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bundle_writer *writer;

		assert_int_equal(bundle_create(path, &writer, &err), 0);
		assert_int_equal(bundle_add(writer, "a", span_str("hello"), &err), 0);
		assert_int_equal(bundle_writer_close(writer, true, &err), 0);
		assert_int_equal(file_read(path, 1 << 20, &arena, &bytes[i], &err), 0);
	}
	assert_int_equal(bytes[0].len, bytes[1].len);
	assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].len);
	arena_done(&arena);
}

static void a_bundle_that_is_given_up_leaves_nothing(void **state)
{
	struct bundle_writer *writer;
	struct err err = {0};

	(void)state;
	unlink(path);
	assert_int_equal(bundle_create(path, &writer, &err), 0);
	assert_int_equal(bundle_add(writer, "a", span_str("hello"), &err), 0);
	assert_true(bundle_add(writer, "../a", span_str("hello"), &err) < 0);
	assert_true(bundle_add_file(writer, "b", "/nowhere/b", &err) < 0);
	assert_true(bundle_add_file(writer, "b", dir, &err) < 0);
	assert_int_equal(bundle_writer_close(writer, false, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(bundle_create("/nowhere/b.tar.gz", &writer, &err) < 0);
}

static void names_are_plain_or_refused(void **state)
{
	static const struct {
		const char *name;
		bool plain;
	} ROWS[] = {
		{"a", true},	     {"run.jsonl", true},    {"rules/1-a b.ini", true},
		{"a/b/c", true},     {"a..b", true},	     {"", false},
		{"/", false},	     {"/etc/passwd", false}, {"..", false},
		{"../a", false},     {"a/../b", false},	     {"a/..", false},
		{".", false},	     {"./a", false},	     {".hidden", false},
		{"a/.git/x", false}, {"a//b", false},	     {"a/", false},
		{"a\nb", false},     {"a\x7f", false},	     {"a\\b", false},
	};
	char name[BUNDLE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		assert_int_equal(bundle_name_plain(ROWS[i].name), ROWS[i].plain);
	}
	memset(name, 'a', sizeof(name));
	name[BUNDLE_NAME_MAX] = '\0';
	assert_true(bundle_name_plain(name));
	name[BUNDLE_NAME_MAX] = 'a';
	name[BUNDLE_NAME_MAX + 1] = '\0';
	assert_false(bundle_name_plain(name));
}

/* What tar makes of the words, in a folder with a file `a`, links to it and a folder. */
static void made_by_tar(const char *words)
{
	struct text line = {0};

	text_format(
		&line,
		"cd %s && mkdir t && cd t && echo hello >a && ln -s a l && mkdir d && "
		"ln a h && tar -czPf ../b.tar.gz %s; cd .. && rm -r t",
		dir, words);
	assert_int_equal(system(text_cstr(&line)), 0);
	text_done(&line);
}

static void foreign_entries_are_refused(void **state)
{
	static const struct {
		const char *words, *said;
	} ROWS[] = {
		{"a", "a=hello\n;"},
		{"a l", "a=hello\n;%s is no bundle: its entry 2 is no plain file with a "
			"plain name"},
		{"a h", "a=hello\n;%s is no bundle: its entry 2 is no plain file with a "
			"plain name"},
		{"d", "%s is no bundle: its entry 1 is no plain file with a plain name"},
		{"../t/a", "%s is no bundle: its entry 1 is no plain file with a plain "
			   "name"},
		{"$PWD/a", "%s is no bundle: its entry 1 is no plain file with a plain "
			   "name"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		const char *at = strstr(ROWS[i].said, "%s");
		struct text got = {0}, wanted = {0};

		made_by_tar(ROWS[i].words);
		list(&got, true);
		text_bytes(&wanted, ROWS[i].said,
			   at ? (size_t)(at - ROWS[i].said) : strlen(ROWS[i].said));
		text_format(&wanted, "%s%s", at ? path : "", at ? at + 2 : "");
		assert_string_equal(text_cstr(&got), text_cstr(&wanted));
		text_done(&got);
		text_done(&wanted);
	}
}

static int write_entries(size_t num)
{
	struct bundle_writer *writer;
	struct text text = {0};
	struct err err = {0};
	int code = 0;

	assert_int_equal(bundle_create(path, &writer, &err), 0);
	for (size_t i = 0; i < num; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%zu", i);
		assert_int_equal(bundle_add(writer, name, span_str(""), &err), 0);
	}
	assert_int_equal(bundle_writer_close(writer, true, &err), 0);
	list(&text, true);
	code = strstr(text_cstr(&text), "more than 1000 files") ? ERR_LIMIT : 0;
	text_done(&text);
	return code;
}

static void there_are_not_more_entries_than_the_bound(void **state)
{
	(void)state;
	assert_int_equal(write_entries(BUNDLE_ENTRIES_MAX), 0);
	assert_int_equal(write_entries(BUNDLE_ENTRIES_MAX + 1), ERR_LIMIT);
}

static void broken_and_foreign_files_are_errors(void **state)
{
	struct arena arena = {0};
	struct span whole;
	struct err err = {0};

	(void)state;
	assert_int_equal(write_entries(3), 0);
	assert_int_equal(file_read(path, 1 << 20, &arena, &whole, &err), 0);
	for (size_t len = 0; len < whole.len; len++) {
		struct text text = {0};

		assert_int_equal(file_write(path, span_sub(whole, 0, len), &err), 0);
		assert_int_equal(bundle_is_bundle(path), len >= 2);
		list(&text, true);
		/* Only the trailer may be missing without harm. */
		assert_true(strstr(text_cstr(&text), "can't read") ||
			    strcmp(text_cstr(&text), "n0=;n1=;n2=;") == 0);
		text_done(&text);
	}
	assert_int_equal(file_write(path, span_str("[proxy p]\n"), &err), 0);
	assert_false(bundle_is_bundle(path));
	assert_false(bundle_is_bundle(dir));
	assert_false(bundle_is_bundle("/nowhere"));
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(equal_contents_make_equal_bytes),
		cmocka_unit_test(a_bundle_that_is_given_up_leaves_nothing),
		cmocka_unit_test(names_are_plain_or_refused),
		cmocka_unit_test(foreign_entries_are_refused),
		cmocka_unit_test(there_are_not_more_entries_than_the_bound),
		cmocka_unit_test(broken_and_foreign_files_are_errors),
	};

	return cmocka_run_group_tests_name("bundle", TESTS, make_dir, remove_dir);
}
