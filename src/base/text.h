/* A growing byte string that JSON lines, reports and help are built in.
 *
 * The owner calls text_done(); text_clear() keeps the memory. A zeroed struct is ready.
 * It never fails (memory: see arena.h) and always keeps a NUL after `len`.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/span.h"

#include <stdint.h>

struct text {
	char *data;	 /* NULL until something is added */
	size_t len, cap; /* once data is there: len < cap */
};

void text_done(struct text *text);
void text_clear(struct text *text);
void text_grow(struct text *text,
	       size_t more_bytes); /* the slow half of text_reserve() */
void text_str(struct text *text, const char *str);
void text_u64(struct text *text, uint64_t value);
void text_i64(struct text *text, int64_t value);
void text_hex64(struct text *text, uint64_t value);  /* 16 lower-case digits */
void text_hex(struct text *text, struct span bytes); /* two lower-case digits a byte */
void text_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The string so far; "" when nothing was added. Valid until the next call on it. */
const char *text_cstr(const struct text *text);

/* Room for more_bytes and the NUL. The three inline ones run several times a judged unit.
 */
static inline void text_reserve(struct text *text, size_t more_bytes)
{
	if (text->cap - text->len <= more_bytes) {
		text_grow(text, more_bytes);
	}
}

static inline void text_byte(struct text *text, char byte)
{
	text_reserve(text, 1);
	text->data[text->len++] = byte;
	text->data[text->len] = '\0';
}

static inline void text_bytes(struct text *text, const void *data, size_t len)
{
	text_reserve(text, len);
	if (len) {
		memcpy(text->data + text->len, data, len);
	}
	text->len += len;
	text->data[text->len] = '\0';
}

/* Length of the UTF-8 sequence at the front (RFC 3629, table of section 4), 1..4; 0 when
 * it is none: too long a form, a surrogate, above U+10FFFF, cut, or nothing there. */
size_t utf8_len(struct span str);

#endif
