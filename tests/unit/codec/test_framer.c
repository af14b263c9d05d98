/* Framers by name: options, defaults, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/framer.h"

static void every_row_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; FRAMER_ROWS[i]; i++) {
		const struct framer_row *row = FRAMER_ROWS[i];
		struct arena arena = {0};
		struct framer framer;
		char scratch[64];

		assert_true(strlen(row->help) > 10);
		assert_true(optrow_num(row->options) <= FRAMER_OPTIONS_MAX);
		assert_true((row->cut == NULL) == (row == &FRAMER_RAW));
		assert_int_equal(framer_parse(&framer, row->name, &arena, NULL), 0);
		assert_ptr_equal(framer.row, row);
		assert_true(framer.max_bytes > 0);
		assert_true(row->class_of(&framer, span_str("\n"), scratch).len > 0);
		framer_release(&framer);
		framer_release(&framer); /* done already: nothing happens */
		arena_done(&arena);
	}
}

struct accepted {
	const char *text;
	const struct framer_row *row;
	size_t max_bytes, cell_bytes;
};

static void accepted(void **state)
{
	static const struct accepted ROWS[] = {
		{"raw", &FRAMER_RAW, 4096, 4096},
		{"  raw   cell=64KiB ", &FRAMER_RAW, 65536, 65536},
		{"raw cell=1", &FRAMER_RAW, 1, 1},
		{"raw cell=16MiB", &FRAMER_RAW, 16 << 20, 16 << 20},
		{"line", &FRAMER_LINE, 65536, 4096},
		{"line max=100B", &FRAMER_LINE, 100, 4096},
		{"length", &FRAMER_LENGTH, 16 << 20, 4096},
		{"length at=0 size=4 max=1MiB", &FRAMER_LENGTH, 1 << 20, 4096},
		{"length at=4 size=2 max=6", &FRAMER_LENGTH, 6, 4096},
		{"length size=1 class-at=3 class-size=2 max=5", &FRAMER_LENGTH, 5, 4096},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct framer framer;
		struct err err = {0};

		if (framer_parse(&framer, ROWS[i].text, &arena, &err) != 0) {
			fail_msg("%s: %s", ROWS[i].text, err.text);
		}
		assert_ptr_equal(framer.row, ROWS[i].row);
		assert_int_equal(framer.max_bytes, ROWS[i].max_bytes);
		assert_int_equal(framer_cell_bytes(&framer), ROWS[i].cell_bytes);
		assert_int_equal(framer_is_raw(&framer), ROWS[i].row == &FRAMER_RAW);
		framer_release(&framer);
		arena_done(&arena);
	}
}

static void refused(void **state)
{
	static const char *const ROWS[][2] = {
		/* text, what the message must hold */
		{"", "missing"},
		{"lime", "did you mean 'line'?"},
		{"lenght at=0", "did you mean 'length'?"},
		{"quic", "raw, line, length"},
		{"raw cell=0", "cell"},
		{"raw cell=17MiB", "cell"},
		{"raw max=5", "framer raw"},
		{"line maxx=5", "did you mean 'max'?"},
		{"line max=0", "max"},
		{"line max=1 max=2", "max"},
		{"length size=5", "1, 2, 3, 4, 8"},
		{"length at=-1", "at"},
		{"length at=65536", "at"},
		{"length endian=middle", "endian"},
		{"length adjust=2000000000", "adjust"},
		{"length class-size=2", "needs class-at"},
		{"length at=4 size=2 max=5", "less than the 6 bytes"},
		{"length size=1 class-at=4 class-size=2 max=5", "less than the 6 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct framer framer = {0};
		struct err err = {0};

		assert_int_equal(framer_parse(&framer, ROWS[i][0], &arena, &err),
				 ERR_INPUT);
		assert_null(framer.row);
		if (!strstr(err.text, ROWS[i][1])) {
			fail_msg("%s: \"%s\" does not say \"%s\"", ROWS[i][0], err.text,
				 ROWS[i][1]);
		}
		assert_int_equal(framer_parse(&framer, ROWS[i][0], &arena, NULL),
				 ERR_INPUT);
		arena_done(&arena);
	}
}

static void options_by_name(void **state)
{
	struct arena arena = {0};
	struct framer framer;

	(void)state;
	assert_int_equal(framer_parse(&framer, "length at=7", &arena, NULL), 0);
	assert_true(framer_opt(&framer, "at")->given);
	assert_int_equal(framer_opt(&framer, "at")->num, 7);
	assert_false(framer_opt(&framer, "max")->given);
	assert_int_equal(framer_opt(&framer, "max")->num, 16 << 20);
	assert_false(framer_opt(&framer, "class-at")->present);
	assert_null(framer_opt(&framer, "cell"));
	framer_release(&framer);
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(options_by_name),
	};

	return cmocka_run_group_tests_name("framer", tests, NULL, NULL);
}
