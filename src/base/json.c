#include "base/json.h"

#include <stdbool.h>

#define REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Bytes that stand for themselves in a JSON string: ASCII without controls, '"' and '\'.
 */
static bool byte_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* The same of eight bytes at once. A byte is below n exactly when (byte - n) borrows into
 * its top bit and the byte itself has none; bytes with a top bit are not plain anyhow. A
 * borrow from a lower byte can only come from one that is not plain, so the answer stays
 * right. */
static bool eight_plain(const uint8_t *data)
{
	uint64_t word, quote, backslash;

	memcpy(&word, data, sizeof(word));
	quote = word ^ REPEAT('"');
	backslash = word ^ REPEAT('\\');
	return ((word | (word - REPEAT(0x20)) | (quote - REPEAT(1)) |
		 (backslash - REPEAT(1))) &
		REPEAT(0x80)) == 0;
}

/* How many bytes at the front stand for themselves. */
static size_t plain_run(struct span str)
{
	size_t i = 0;

	while (i + 8 <= str.len && eight_plain(str.data + i)) {
		i += 8;
	}
	while (i < str.len && byte_plain(str.data[i])) {
		i++;
	}
	return i;
}

static void json_escape(struct text *text, uint8_t byte)
{
	switch (byte) {
	case '"':
		text_bytes(text, "\\\"", 2);
		return;
	case '\\':
		text_bytes(text, "\\\\", 2);
		return;
	case '\n':
		text_bytes(text, "\\n", 2);
		return;
	case '\r':
		text_bytes(text, "\\r", 2);
		return;
	case '\t':
		text_bytes(text, "\\t", 2);
		return;
	default:
		text_bytes(text, "\\u00", 4);
		text_hex(text, span_of(&byte, 1));
	}
}

void json_str(struct text *text, struct span str)
{
	text_reserve(text, str.len + 2);
	text_byte(text, '"');
	for (;;) {
		size_t len = plain_run(str);

		text_bytes(text, str.data, len);
		str = span_from(str, len);
		if (!str.len) {
			break;
		}
		len = 1;
		if (str.data[0] < 0x80) {
			json_escape(text, str.data[0]);
		} else if (utf8_len(str)) {
			len = utf8_len(str);
			text_bytes(text, str.data, len);
		} else {
			text_bytes(text, "\xef\xbf\xbd", 3); /* U+FFFD */
		}
		str = span_from(str, len);
	}
	text_byte(text, '"');
}

void json_hex(struct text *text, struct span bytes)
{
	text_reserve(text, bytes.len * 2 + 2);
	text_byte(text, '"');
	text_hex(text, bytes);
	text_byte(text, '"');
}
