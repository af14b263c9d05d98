#include "base/text.h"

#include "base/arena.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TEXT_FIRST_BYTES = 256,
	U64_DIGITS = 20, /* of 2^64 - 1 */
};

static const char DIGIT_PAIRS[] = "00010203040506070809"
				  "10111213141516171819"
				  "20212223242526272829"
				  "30313233343536373839"
				  "40414243444546474849"
				  "50515253545556575859"
				  "60616263646566676869"
				  "70717273747576777879"
				  "80818283848586878889"
				  "90919293949596979899";

static const char HEX_DIGITS[] = "0123456789abcdef";

void text_done(struct text *text)
{
	free(text->data);
	*text = (struct text){NULL, 0, 0};
}

void text_clear(struct text *text)
{
	text->len = 0;
	if (text->data) {
		text->data[0] = '\0';
	}
}

void text_grow(struct text *text, size_t more_bytes)
{
	size_t cap = text->cap ? text->cap : TEXT_FIRST_BYTES;

	assert(more_bytes < SIZE_MAX / 4 && text->len < SIZE_MAX / 4);
	while (cap - text->len <= more_bytes) {
		cap *= 2;
	}
	text->data = xrealloc(text->data, cap);
	text->cap = cap;
	text->data[text->len] = '\0';
}

void text_str(struct text *text, const char *str)
{
	text_bytes(text, str, strlen(str));
}

void text_u64(struct text *text, uint64_t value)
{
	char digits[U64_DIGITS];
	char *p = digits + U64_DIGITS;

	while (value >= 100) {
		p -= 2;
		memcpy(p, DIGIT_PAIRS + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		p -= 2;
		memcpy(p, DIGIT_PAIRS + value * 2, 2);
	} else {
		*--p = (char)('0' + value);
	}
	text_bytes(text, p, (size_t)(digits + U64_DIGITS - p));
}

void text_i64(struct text *text, int64_t value)
{
	if (value < 0) {
		text_byte(text, '-');
		text_u64(text, -(uint64_t)value);
	} else {
		text_u64(text, (uint64_t)value);
	}
}

void text_hex64(struct text *text, uint64_t value)
{
	char digits[16];

	for (int i = 0; i < 16; i++) {
		digits[i] = HEX_DIGITS[value >> (60 - 4 * i) & 15];
	}
	text_bytes(text, digits, sizeof(digits));
}

void text_hex(struct text *text, struct span bytes)
{
	char *p;

	text_reserve(text, bytes.len * 2);
	p = text->data + text->len;
	for (size_t i = 0; i < bytes.len; i++) {
		*p++ = HEX_DIGITS[bytes.data[i] >> 4];
		*p++ = HEX_DIGITS[bytes.data[i] & 15];
	}
	text->len += bytes.len * 2;
	text->data[text->len] = '\0';
}

void text_format(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	text_reserve(text, 64);
	va_start(args, format);
	len = vsnprintf(text->data + text->len, text->cap - text->len, format, args);
	va_end(args);
	assert(len >= 0);
	if ((size_t)len >= text->cap - text->len) {
		text_reserve(text, (size_t)len);
		va_start(args, format);
		vsnprintf(text->data + text->len, text->cap - text->len, format, args);
		va_end(args);
	}
	text->len += (size_t)len;
}

const char *text_cstr(const struct text *text)
{
	return text->data ? text->data : "";
}

static bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t utf8_len(struct span str)
{
	const uint8_t *p = str.data;

	if (str.len == 0 || p[0] < 0x80) {
		return str.len ? 1 : 0;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		return str.len >= 2 && is_tail(p[1]) ? 2 : 0;
	}
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		uint8_t low = p[0] == 0xe0 ? 0xa0 : 0x80;
		uint8_t high = p[0] == 0xed ? 0x9f : 0xbf;

		return str.len >= 3 && p[1] >= low && p[1] <= high && is_tail(p[2]) ? 3
										    : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		uint8_t low = p[0] == 0xf0 ? 0x90 : 0x80;
		uint8_t high = p[0] == 0xf4 ? 0x8f : 0xbf;

		return str.len >= 4 && p[1] >= low && p[1] <= high && is_tail(p[2]) &&
				       is_tail(p[3])
			       ? 4
			       : 0;
	}
	return 0;
}
