/* Which units a rule is about: side, class, ordinal, length, and a PCRE2 pattern on the
 * bytes.
 *
 * Lane, proxy and flow filter are decided once a lane, the latter two by the plane (core
 * knows no addresses). All matching reads the unit as it came in, never as another rule
 * changed it (P3). A struct match lives in its rule set's arena; the compiled pattern is
 * freed by match_done().
 */
#ifndef CORE_MATCH_H
#define CORE_MATCH_H

#include "base/arena.h"
#include "base/err.h"
#include "core/unit.h"

#include <stdbool.h>

struct regex; /* a compiled PCRE2 pattern with its match data */

/* flags: letters of i, s, m, x. Errors say at which offset of the pattern. Matching has a
 * bound on its steps (a pattern that would run away does not match). Bytes, not UTF-8. */
struct regex *regex_new(const char *pattern, const char *flags, struct err *err);
void regex_free(struct regex *regex);
/* Finds the first match at or after `from`; true sets *at, *len. Captures stay readable
 * by regex_group() until the next call. */
bool regex_find(struct regex *regex, struct span bytes, size_t from, size_t *at,
		size_t *len);
/* The same on the beginning of a stream: MORE as long as further bytes could change the
 * answer (PCRE2's hard partial matching; where a match may begin anywhere, it may still
 * begin in bytes to come), so it does not depend on how the bytes arrive. The caller
 * bounds the search. */
enum regex_stream { REGEX_NONE, REGEX_MORE, REGEX_FOUND };
enum regex_stream regex_find_stream(struct regex *regex, struct span bytes);
/* The bytes of group n (0 = all) of the last match; empty when it took no part. */
struct span regex_group(const struct regex *regex, struct span bytes, unsigned n);
unsigned regex_num_groups(const struct regex *regex); /* without group 0 */
/* The number of the group called `name`, or -1. */
int regex_group_number(const struct regex *regex, const char *name);

struct match {
	bool sides[NUM_SIDE];
	const char *const
		*classes; /* globs with * and ?, NULL-terminated; NULL: any class */
	uint64_t len_min, len_max; /* bytes, inclusive; 0 and UINT64_MAX: any */
	uint64_t k_min, k_max;	   /* ordinals, inclusive; 0 and UINT64_MAX: any */
	struct regex *regex;	   /* NULL: any bytes */
	bool regex_negated;	   /* match = !/…/ */
};

void match_init(struct match *match); /* matches everything */
void match_done(struct match *match);
/* Reads length or bytes, so that a cell must be whole before it can be judged. */
bool match_needs_whole(const struct match *match);
bool match_unit(const struct match *match, enum side side, const struct unit *unit);

/* Does the name match the glob with * and ?; in time of at most glob times name. */
bool glob_match(const char *glob, const char *name);

/* "GET|POST", "GET,P*": to match->classes. "10-200", "64", ">=100B": to len_min, len_max.
 * "7", "7-9": to k_min, k_max. */
int match_parse_classes(struct match *match, const char *text, struct arena *arena,
			struct err *err);
int match_parse_length(struct match *match, const char *text, struct err *err);
int match_parse_k(struct match *match, const char *text, struct err *err);

#endif
