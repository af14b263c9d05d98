/* How tries went, kept in a file, so that shrinking goes on where it was interrupted.
 *
 * A line of JSON a run: {"faults":3,"key":"<16 hex digits>","outcome":"passed"}. The
 * first says of which log and command; a file of others is begun anew. What is tried has
 * a key, a digest of it. An outcome is one of app/shrink_outcome.h's.
 */
#ifndef APP_SHRINK_CACHE_H
#define APP_SHRINK_CACHE_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>

struct shrink_cache;

/* `about` tells logs and commands apart: one line. *out_known: runs that are known from
 * before. */
int shrink_cache_open(const char *path, const char *about, struct shrink_cache **out,
		      size_t *out_known, struct err *err);
void shrink_cache_close(struct shrink_cache *cache); /* NULL is fine */

/* Each is written at once: what ends the program may come any time. */
void shrink_cache_add(struct shrink_cache *cache, uint64_t key, size_t num_faults,
		      const char *outcome);
/* The outcome of the n-th run of this key; NULL: it was not run so often. Lives as long
 * as the cache. */
const char *shrink_cache_get(const struct shrink_cache *cache, uint64_t key, size_t n);
/* The first error of writing; false: none. */
bool shrink_cache_failed(const struct shrink_cache *cache, struct err *err);

#endif
