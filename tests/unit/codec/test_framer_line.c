/* The line framer: cuts, classes, limits, and how much it looks at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../fuzz/framer_segments.h"

struct row {
	const char *name, *framer, *stream;
	/* "end:class end:class … more|bad" */
	const char *wanted;
};

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row ROWS[] = {
	{"nothing", "line", "", "more"},
	{"an unfinished line", "line", "GET a", "more"},
	{"LF ends a unit", "line", "GET a\nSET b\n", "6:GET 12:SET more"},
	{"CR stays in the unit", "line", "GET a\r\nQUIT\r\n", "7:GET 13:QUIT more"},
	{"CR alone ends nothing", "line", "a\rb\n", "4:a more"},
	{"empty lines", "line", "\n\r\n", "1:line 3:line more"},
	{"a word to the line's end", "line", "QUIT\n", "5:QUIT more"},
	{"all letters of a word", "line", "aZ09_.- x\n", "10:aZ09_.- more"},
	{"a tab ends a word", "line", "a\tb\n", "4:a more"},
	{"other bytes make no word", "line", "a:b\n+OK\n$3\n\xc3\xa4\n",
	 "4:line 8:line 11:line 14:line more"},
	{"blanks in front", "line", " GET\n", "5:line more"},
	{"a word of 32", "line", A32 " x\n", "35:" A32 " more"},
	{"a word of 33", "line", A32 "a x\n", "36:line more"},
	{"a word of 32, then LF", "line", A32 "\n", "33:" A32 " more"},
	{"exactly max", "line max=4", "abc\nxyz\n", "4:abc 8:xyz more"},
	{"max without LF", "line max=4", "abc\nabcd", "4:abc bad"},
	{"one above max", "line max=4", "abc\nabcd\nx\n", "4:abc bad"},
	{"one below max, unfinished", "line max=4", "abc", "more"},
	{"the shortest max", "line max=1", "\n\nx", "1:line 2:line bad"},
};

static void describe(const struct cuts *cuts, char *out, size_t out_bytes)
{
	size_t len = 0;

	for (size_t i = 0; i < cuts->num; i++) {
		len += (size_t)snprintf(out + len, out_bytes - len, "%zu:%s ",
					cuts->cuts[i].end, cuts->cuts[i].class);
	}
	snprintf(out + len, out_bytes - len, "%s",
		 cuts->last == FRAME_BAD ? "bad" : "more");
}

static void cuts_and_classes_in_any_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct framer framer;
		struct cuts cuts;
		char got[512];

		assert_int_equal(framer_parse(&framer, ROWS[i].framer, &arena, NULL), 0);
		cuts = framer_check_segments(&framer, span_str(ROWS[i].stream), i);
		describe(&cuts, got, sizeof(got));
		print_message("# %s\n", ROWS[i].name);
		assert_string_equal(got, ROWS[i].wanted);
		framer_cuts_done(&cuts);
		framer_release(&framer);
		arena_done(&arena);
	}
}

static void a_nul_is_a_byte_like_others(void **state)
{
	struct arena arena = {0};
	struct framer framer;
	struct cuts cuts;

	(void)state;
	assert_int_equal(framer_parse(&framer, "line", &arena, NULL), 0);
	cuts = framer_check_segments(&framer, span_of("a\0b\nGET\0\n", 9), 1);
	assert_int_equal(cuts.num, 2);
	assert_int_equal(cuts.cuts[0].end, 4);
	assert_string_equal(cuts.cuts[0].class, "line");
	assert_string_equal(cuts.cuts[1].class, "line");
	framer_cuts_done(&cuts);
	framer_release(&framer);
	arena_done(&arena);
}

/* What was searched in vain is not looked at again: an LF put there afterwards goes
 * unseen. */
static void searched_bytes_are_not_searched_again(void **state)
{
	struct arena arena = {0};
	struct frame_state line = {0};
	struct framer framer;
	uint8_t bytes[8] = "abcdefg";
	size_t len = 9;

	(void)state;
	assert_int_equal(framer_parse(&framer, "line", &arena, NULL), 0);
	assert_int_equal(FRAMER_LINE.cut(&framer, &line, span_of(bytes, 4), &len),
			 FRAME_MORE);
	assert_int_equal(len, 0);
	assert_int_equal(line.scanned, 4);
	bytes[1] = '\n';
	assert_int_equal(FRAMER_LINE.cut(&framer, &line, span_of(bytes, 6), &len),
			 FRAME_MORE);
	assert_int_equal(line.scanned, 6);
	bytes[6] = '\n';
	assert_int_equal(FRAMER_LINE.cut(&framer, &line, span_of(bytes, 7), &len),
			 FRAME_UNIT);
	assert_int_equal(len, 7);
	assert_int_equal(line.scanned, 0);
	framer_release(&framer);
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_and_classes_in_any_segments),
		cmocka_unit_test(a_nul_is_a_byte_like_others),
		cmocka_unit_test(searched_bytes_are_not_searched_again),
	};

	return cmocka_run_group_tests_name("framer_line", tests, NULL, NULL);
}
