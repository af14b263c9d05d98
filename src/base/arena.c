#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BLOCK_BYTES = 8192 };

struct arena_block {
	struct arena_block *next;
	size_t used, size; /* bytes of `data` */
	alignas(max_align_t) uint8_t data[];
};

static void die_no_memory(void)
{
	static const char message[] = "turncoat: out of memory\n";

	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0) {
		abort();
	}
	abort();
}

void *xmalloc(size_t len_bytes)
{
	void *p = malloc(len_bytes ? len_bytes : 1);

	if (!p) {
		die_no_memory();
	}
	return p;
}

void *xcalloc(size_t num, size_t each_bytes)
{
	void *p = calloc(num ? num : 1, each_bytes ? each_bytes : 1);

	if (!p) {
		die_no_memory();
	}
	return p;
}

void *xrealloc(void *old, size_t len_bytes)
{
	void *p = realloc(old, len_bytes ? len_bytes : 1);

	if (!p) {
		die_no_memory();
	}
	return p;
}

char *xstrdup(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(xmalloc(len), text, len);
}

void arena_done(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

void *arena_take(struct arena *arena, size_t len_bytes)
{
	size_t align = alignof(max_align_t);
	size_t len = (len_bytes + align - 1) / align * align;
	struct arena_block *block = arena->blocks;
	void *p;

	if (len < len_bytes || len > SIZE_MAX / 2) {
		die_no_memory();
	}
	if (!block || block->size - block->used < len) {
		size_t size = len > ARENA_BLOCK_BYTES ? len : ARENA_BLOCK_BYTES;

		block = xcalloc(1, sizeof(*block) + size);
		block->size = size;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	p = block->data + block->used;
	block->used += len;
	return p;
}

void *arena_take_array(struct arena *arena, size_t num, size_t each_bytes)
{
	if (each_bytes && num > SIZE_MAX / each_bytes) {
		die_no_memory();
	}
	return arena_take(arena, num * each_bytes);
}

char *arena_copy_span(struct arena *arena, struct span span)
{
	char *copy = arena_take(arena, span.len + 1);

	if (span.len) {
		memcpy(copy, span.data, span.len);
	}
	return copy;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
	return arena_copy_span(arena, span_str(text));
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		die_no_memory();
	}
	text = arena_take(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
