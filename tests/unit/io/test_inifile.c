#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/inifile.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

struct world {
	struct arena arena;
	struct inifile file;
	struct err err;
};

static int setup(void **state)
{
	*state = xcalloc(1, sizeof(struct world));
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_done(&w->arena);
	free(w);
	return 0;
}

/* The text lies flush against the end of its heap block. */
static int parse_bytes(struct world *w, const void *data, size_t len)
{
	void *copy = xmalloc(len);
	int rc;

	memcpy(copy, data, len);
	rc = inifile_parse("f.ini", span_of(copy, len), &w->arena, &w->file, &w->err);
	free(copy);
	return rc;
}

static int parse(struct world *w, const char *text)
{
	return parse_bytes(w, text, strlen(text));
}

static void check_entry(const struct ini_section *section, size_t i, const char *key,
			const char *value, unsigned line)
{
	assert_true(i < section->num_entries);
	assert_string_equal(section->entries[i].key, key);
	assert_string_equal(section->entries[i].value, value);
	assert_int_equal(section->entries[i].line, line);
}

static void sections_and_entries_with_their_lines(void **state)
{
	struct world *w = *state;
	const struct ini_section *s;

	assert_int_equal(parse(w, "; a comment\n"
				  "\n"
				  "[turncoat]\n"
				  "seed = 1\n"
				  "   ; indented comment\n"
				  "[ proxy   cache ] ; behind\n"
				  "a=1\n"
				  "a = 2 # not a comment\n"
				  "b: 3\n"
				  "[rule x]\n"
				  "[rule x]"),
			 0);
	assert_int_equal(w->file.num_sections, 4);
	s = w->file.sections;
	assert_string_equal(s[0].kind, "turncoat");
	assert_string_equal(s[0].name, "");
	assert_int_equal(s[0].line, 3);
	check_entry(&s[0], 0, "seed", "1", 4);
	assert_string_equal(s[1].kind, "proxy");
	assert_string_equal(s[1].name, "cache");
	assert_string_equal(s[1].file, "f.ini");
	assert_int_equal(s[1].line, 6);
	assert_int_equal(s[1].num_entries, 3);
	check_entry(&s[1], 0, "a", "1", 7);
	check_entry(&s[1], 1, "a", "2 # not a comment", 8);
	check_entry(&s[1], 2, "b", "3", 9);
	/* Empty and repeated sections show. */
	assert_int_equal(s[2].line, 10);
	assert_int_equal(s[2].num_entries, 0);
	assert_int_equal(s[3].line, 11);
}

static void the_text_is_kept_as_read(void **state)
{
	static const char TEXT[] = "\xef\xbb\xbf[a]\r\nk = v\r\n";
	struct world *w = *state;

	assert_int_equal(parse(w, TEXT), 0);
	assert_true(span_is(w->file.text, TEXT));
	assert_string_equal(w->file.path, "f.ini");
	check_entry(&w->file.sections[0], 0, "k", "v", 2);
}

static void values_go_on_behind_a_backslash(void **state)
{
	struct world *w = *state;
	const struct ini_section *s;

	assert_int_equal(parse(w, "[a]\n"
				  "k = one \\\n"
				  "   two\\  \n"
				  "three ; comment\n"
				  "l = \\\n"
				  "\tfour = [5]\n"
				  "m = 6\n"),
			 0);
	s = w->file.sections;
	assert_int_equal(s->num_entries, 3);
	check_entry(s, 0, "k", "one two three", 2);
	check_entry(s, 1, "l", "four = [5]", 5);
	check_entry(s, 2, "m", "6", 7);
}

/* A value longer than any line, of pieces as long as a line may be. */
static void long_values_in_pieces(void **state)
{
	struct world *w = *state;
	char piece[INIFILE_LINE_MAX + 1];
	struct text text = {0}, want = {0};

	memset(piece, 'x', sizeof(piece));
	text_str(&text, "[a]\nk = \\\n");
	for (int i = 0; i < 20; i++) {
		text_bytes(&text, piece, INIFILE_LINE_MAX - 1);
		text_str(&text, "\\\n");
		text_bytes(&want, piece, INIFILE_LINE_MAX - 1);
		text_byte(&want, ' ');
	}
	text_bytes(&text, piece, INIFILE_LINE_MAX);
	text_bytes(&want, piece, INIFILE_LINE_MAX);
	assert_int_equal(parse(w, text_cstr(&text)), 0);
	check_entry(w->file.sections, 0, "k", text_cstr(&want), 2);
	text_done(&text);
	text_done(&want);
}

static void line_of_length(struct text *text, size_t len)
{
	text_clear(text);
	text_str(text, "[a]\nk = ");
	while (text->len < len + 4) {
		text_byte(text, 'v');
	}
}

static void lines_up_to_their_limit(void **state)
{
	struct world *w = *state;
	struct text text = {0};

	line_of_length(&text, INIFILE_LINE_MAX);
	assert_int_equal(parse(w, text_cstr(&text)), 0);
	assert_int_equal(strlen(w->file.sections->entries->value), INIFILE_LINE_MAX - 4);
	text_str(&text, "\r\n");
	assert_int_equal(parse(w, text_cstr(&text)), 0);
	line_of_length(&text, INIFILE_LINE_MAX + 1);
	assert_int_equal(parse(w, text_cstr(&text)), ERR_INPUT);
	line_of_length(&text, 10000);
	text_byte(&text, '\n');
	assert_int_equal(parse(w, text_cstr(&text)), ERR_INPUT);
	assert_string_equal(
		w->err.text,
		"f.ini:2: the line has 10000 characters, but at most 198 can be "
		"read: end it with a backslash and go on in the next line");
	text_done(&text);
}

static void files_up_to_their_limit(void **state)
{
	struct world *w = *state;
	struct text text = {0};

	text_str(&text, "[a]\n");
	while (text.len < INIFILE_BYTES_MAX) {
		text_byte(&text, '\n');
	}
	assert_int_equal(parse(w, text_cstr(&text)), 0);
	text_byte(&text, '\n');
	assert_int_equal(parse(w, text_cstr(&text)), ERR_LIMIT);
	text_done(&text);
}

static void section_names_up_to_their_limit(void **state)
{
	/* libinih keeps 49 characters between the brackets. */
	static const char NAME[] = "rule a234567890123456789012345678901234567890abcd";
	struct world *w = *state;
	struct text text = {0};

	assert_int_equal(strlen(NAME), 49);
	text_format(&text, "[%s]\nk = v\n", NAME);
	assert_int_equal(parse(w, text_cstr(&text)), 0);
	assert_string_equal(w->file.sections->name, NAME + 5);
	text_clear(&text);
	text_format(&text, "[%sx]\nk = v\n", NAME);
	assert_int_equal(parse(w, text_cstr(&text)), ERR_INPUT);
	assert_non_null(strstr(w->err.text, "f.ini:1: "));
	assert_non_null(strstr(w->err.text, "50 characters, but at most 49"));
	text_done(&text);
}

static void errors_say_the_line(void **state)
{
	static const struct {
		const char *text, *error;
	} ROWS[] = {
		{"", "f.ini: the file is empty"},
		{"\n", "f.ini: there is no [section] in it"},
		{"; only a comment", "f.ini: there is no [section] in it"},
		{"a = 1\n[s]\n", "f.ini:1: 'a' stands before the first [section]"},
		{"[s]\n\nnokey\n",
		 "f.ini:3: 'nokey' is neither a [section] nor KEY = VALUE"},
		{"[s]\nk ;= v\n",
		 "f.ini:2: 'k ;= v' is neither a [section] nor KEY = VALUE"},
		{"[s]\nbad\nb = \x01\n", "f.ini:2: 'bad' is neither"},
		{"[s]\n= v\n", "f.ini:2: there is no key before the '='"},
		{"[s]\nk =\n", "f.ini:2: 'k' has no value"},
		{"[s]\nk = ; v\n", "f.ini:2: 'k' has no value"},
		{"[]\n", "f.ini:1: the section has no name"},
		{"[ ]\n", "f.ini:1: the section has no name"},
		{"\n[s\n", "f.ini:2: the section has no closing ]"},
		{"[s] x\n", "f.ini:1: there is text behind the section: x"},
		{"[s]]\n", "f.ini:1: there is text behind the section: ]"},
		{"[a b c]\n", "f.ini:1: a section's name has no spaces: [a b c]"},
		{"[a;b]\n", "f.ini:1: a section's name is made of letters"},
		{"[s]\nk = v\n  more\n", "f.ini:3: the line is indented"},
		{"[s]\n k = v\n", "f.ini:2: the line is indented"},
		{"[s]\nk = v\\\n", "f.ini:2: the file ends in a backslash"},
		{"[s]\nk = v\\\n\nl = w\n",
		 "f.ini:3: the line above ends in a backslash"},
		{"[s]\nk = v\\\n ; c\n", "f.ini:3: the line above ends in a backslash"},
		{"[s]\nk = v \\ ; c\nw\n",
		 "f.ini:2: a backslash must be the last character"},
		{"[s]\nk \\\n= v\n", "f.ini:2: 'k \\' is neither"},
		{"[s]\nk = a\rb\n", "f.ini:2: byte 0x0d in column 6"},
		{"[s]\nk = \x1b[0m\n", "f.ini:2: byte 0x1b in column 5"},
		{"[s]\nk = \x7f\n", "f.ini:2: byte 0x7f in column 5"},
		{"[s]\n\n\xff\xfe\n", "f.ini:3: byte 0xff in column 1"},
		{"[s]\nm = /a ;b/\n",
		 "f.ini:2: m: ' ;' begins a comment, also within slashes, and so cuts "
		 "the value "
		 "to /a: write \\x3b for the semicolon, or \\s for the space"},
		{"[s]\nm = !/a ;b/\n", "f.ini:2: m: ' ;' begins a comment"},
		{"[s]\ndo = set text=\"a ;b\" at=1\n",
		 "f.ini:2: do: ' ;' begins a comment, also within quotes, and so cuts "
		 "the value "
		 "to set text=\"a: write \\x3b for the semicolon"},
		{"[s]\ndo = x p=/a \\\nb ;c/\n", "f.ini:3: do: ' ;' begins a comment"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < NUM(ROWS); i++) {
		assert_int_equal(parse(w, ROWS[i].text), ERR_INPUT);
		if (strncmp(w->err.text, ROWS[i].error, strlen(ROWS[i].error)) != 0) {
			assert_string_equal(w->err.text, ROWS[i].error);
		}
	}
}

static void a_nul_is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(parse_bytes(w, "[s]\nk = a\0b\n", 12), ERR_INPUT);
	assert_non_null(strstr(w->err.text, "f.ini:2: byte 0x00 in column 6"));
}

static void comments_that_cut_nothing(void **state)
{
	static const struct {
		const char *text, *value;
	} ROWS[] = {
		{"[s]\nk = /a b/ ; c\n", "/a b/"},
		{"[s]\nk = /a;b/\n", "/a;b/"},
		{"[s]\nk = /run/x.log ; see /tmp\n", "/run/x.log"},
		{"[s]\nk = /x.log ; c\n", "/x.log"},
		{"[s]\nk = src net 10.0.0.0/8 ; tcpdump's / language\n",
		 "src net 10.0.0.0/8"},
		{"[s]\nk = t=\"a b\" ; \"c\"\n", "t=\"a b\""},
		{"[s]\nk = a # b\n", "a # b"},
		{"[s]\nk = ;a\n", NULL},
	};
	struct world *w = *state;

	for (size_t i = 0; i < NUM(ROWS); i++) {
		assert_int_equal(parse(w, ROWS[i].text), ROWS[i].value ? 0 : ERR_INPUT);
		if (ROWS[i].value) {
			check_entry(w->file.sections, 0, "k", ROWS[i].value, 2);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(sections_and_entries_with_their_lines,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_text_is_kept_as_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(values_go_on_behind_a_backslash, setup,
						teardown),
		cmocka_unit_test_setup_teardown(long_values_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_up_to_their_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(files_up_to_their_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(section_names_up_to_their_limit, setup,
						teardown),
		cmocka_unit_test_setup_teardown(errors_say_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nul_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(comments_that_cut_nothing, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("inifile", TESTS, NULL, NULL);
}
