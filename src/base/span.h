/* Bytes that somebody else owns: a pointer and a length, never NUL-terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data; /* may be NULL only when len is 0 */
	size_t len;
};

static inline struct span span_of(const void *data, size_t len)
{
	return (struct span){data, len};
}

static inline struct span span_str(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

/* The bytes [from, from + len), cut to what is there. */
static inline struct span span_sub(struct span span, size_t from, size_t len)
{
	if (from > span.len) {
		from = span.len;
	}
	if (len > span.len - from) {
		len = span.len - from;
	}
	return (struct span){span.data ? span.data + from : NULL, len};
}

static inline struct span span_from(struct span span, size_t from)
{
	return span_sub(span, from, SIZE_MAX);
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
	return span_eq(a, span_str(text));
}

#endif
