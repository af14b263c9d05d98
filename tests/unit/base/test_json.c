#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

#include <stdlib.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static void strings_are_always_valid_json(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *json;
	} ROWS[] = {
		{"", 0, "\"\""},
		{"plain", 5, "\"plain\""},
		{"a longer one, of several words", 30,
		 "\"a longer one, of several words\""},
		{"say \"hi\" \\ bye", 14, "\"say \\\"hi\\\" \\\\ bye\""},
		{"\n\r\t\b\x1f\x7f", 6, "\"\\n\\r\\t\\u0008\\u001f\x7f\""},
		{"a\0b", 3, "\"a\\u0000b\""},
		{"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\""},
		{"\xf0\x9f\x98\x80!", 5, "\"\xf0\x9f\x98\x80!\""},
		{"\xff", 1, "\"\xef\xbf\xbd\""},
		{"x\xc3", 2, "\"x\xef\xbf\xbd\""},
		{"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		/* Flush against the end of the heap block: a sanitizer sees one byte
		 * more. */
		uint8_t *bytes = malloc(ROWS[i].len);
		struct text text = {0};

		assert_true(bytes || ROWS[i].len == 0);
		if (ROWS[i].len) {
			memcpy(bytes, ROWS[i].bytes, ROWS[i].len);
		}
		json_str(&text, span_of(bytes, ROWS[i].len));
		assert_string_equal(text_cstr(&text), ROWS[i].json);
		text_done(&text);
		free(bytes);
	}
}

/* The eight-bytes-at-once scan against the rule, for each byte at each place. */
static void each_byte_at_each_place(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t at = 0; at < 17; at++) {
			char bytes[17];
			struct text text = {0};
			bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' &&
				     byte != '\\';

			memset(bytes, 'z', sizeof(bytes));
			bytes[at] = (char)byte;
			json_str(&text, span_of(bytes, sizeof(bytes)));
			if (plain) {
				assert_int_equal(text.len, sizeof(bytes) + 2);
				assert_memory_equal(text.data + 1, bytes, sizeof(bytes));
			} else {
				assert_true(text.len > sizeof(bytes) + 2);
				assert_memory_equal(text.data + 1, bytes, at);
				assert_int_equal(text.data[1 + at],
						 byte < 0x80 ? '\\' : (char)0xef);
				assert_memory_equal(text.data + text.len - 1 - (16 - at),
						    bytes + at + 1, 16 - at);
			}
			text_done(&text);
		}
	}
}

static void hex_is_exact(void **state)
{
	struct text text = {0};

	(void)state;
	json_hex(&text, span_of(NULL, 0));
	json_hex(&text, span_of("\x00\xff\x0a", 3));
	assert_string_equal(text_cstr(&text), "\"\"\"00ff0a\"");
	text_done(&text);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(strings_are_always_valid_json),
		cmocka_unit_test(each_byte_at_each_place),
		cmocka_unit_test(hex_is_exact),
	};

	return cmocka_run_group_tests_name("json", TESTS, NULL, NULL);
}
