#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	struct arena arena;
	char folder[64];
	char path[96];
	struct err err;
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	strcpy(w->folder, "/tmp/turncoat-file.XXXXXX");
	if (!mkdtemp(w->folder)) {
		return -1;
	}
	snprintf(w->path, sizeof(w->path), "%s/f", w->folder);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	unlink(w->path);
	rmdir(w->folder);
	arena_done(&w->arena);
	free(w);
	return 0;
}

static unsigned files_in(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned num = 0;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		num += entry->d_name[0] != '.';
	}
	closedir(dir);
	return num;
}

static void what_is_written_is_read(void **state)
{
	struct world *w = *state;
	struct span got;

	assert_int_equal(file_write(w->path, span_of("a\0b", 3), &w->err), 0);
	assert_int_equal(file_read(w->path, 3, &w->arena, &got, &w->err), 0);
	assert_true(span_eq(got, span_of("a\0b", 3)));
	assert_int_equal(file_write(w->path, span_str("second"), &w->err), 0);
	assert_int_equal(file_read(w->path, 100, &w->arena, &got, &w->err), 0);
	assert_true(span_is(got, "second"));
	assert_int_equal(files_in(w->folder), 1);
}

static void empty_files(void **state)
{
	struct world *w = *state;
	struct span got = {NULL, 9};

	assert_int_equal(file_write(w->path, span_of(NULL, 0), &w->err), 0);
	assert_int_equal(file_read(w->path, 0, &w->arena, &got, &w->err), 0);
	assert_int_equal(got.len, 0);
}

static void files_longer_than_allowed(void **state)
{
	struct world *w = *state;
	size_t len = 100000;
	char *bytes = xcalloc(1, len);
	struct span got;

	assert_int_equal(file_write(w->path, span_of(bytes, len), &w->err), 0);
	assert_int_equal(file_read(w->path, len, &w->arena, &got, &w->err), 0);
	assert_int_equal(got.len, len);
	assert_int_equal(file_read(w->path, len - 1, &w->arena, &got, &w->err),
			 ERR_LIMIT);
	assert_non_null(strstr(w->err.text, "is larger than 99999 bytes"));
	free(bytes);
}

static void the_umask_decides_the_mode(void **state)
{
	struct world *w = *state;
	mode_t before = umask(027);
	struct stat st;

	assert_int_equal(file_write(w->path, span_str("x"), &w->err), 0);
	umask(before);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

/* rename() over a folder fails: nothing is left behind. */
static void a_failed_write_leaves_nothing(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdir(w->path, 0700), 0);
	assert_int_equal(file_write(w->path, span_str("x"), &w->err), ERR_SYSTEM);
	assert_non_null(strstr(w->err.text, w->path));
	assert_int_equal(files_in(w->folder), 1);
	assert_int_equal(rmdir(w->path), 0);
}

static void what_cannot_be_opened_or_read(void **state)
{
	struct world *w = *state;
	struct span got;

	assert_int_equal(file_read(w->path, 10, &w->arena, &got, &w->err), ERR_SYSTEM);
	assert_non_null(strstr(w->err.text, "can't open"));
	assert_int_equal(file_read(w->folder, 10, &w->arena, &got, &w->err), ERR_SYSTEM);
	assert_non_null(strstr(w->err.text, "can't read"));
	strcat(w->path, "/no/such/folder");
	assert_int_equal(file_write(w->path, span_str("x"), &w->err), ERR_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_files, setup, teardown),
		cmocka_unit_test_setup_teardown(files_longer_than_allowed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_umask_decides_the_mode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_failed_write_leaves_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_or_read, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("file", TESTS, NULL, NULL);
}
