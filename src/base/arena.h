/* A region: many small allocations with one lifetime (a rule set, a configuration, a
 * report).
 *
 * The arena owns everything taken from it; arena_done() frees all at once. Memory is
 * zeroed and aligned for any type. Running out of memory ends the program with a message,
 * as a configuration that does not fit in memory has no useful continuation; so results
 * are never NULL.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first; NULL when nothing was taken */
};

/* A zeroed `struct arena` is ready. */
void arena_done(struct arena *arena);

void *arena_take(struct arena *arena, size_t len_bytes);
void *arena_take_array(struct arena *arena, size_t num, size_t each_bytes);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_copy_span(struct arena *arena, struct span span); /* NUL added at the end */
char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3), nonnull));

/* malloc and friends that end the program with a message instead of returning NULL: for
 * what must not fail half-way. Peers' bytes are bounded before they reach these. */
void *xmalloc(size_t len_bytes);
void *xcalloc(size_t num, size_t each_bytes);
void *xrealloc(void *old, size_t len_bytes);
char *xstrdup(const char *text);

#endif
