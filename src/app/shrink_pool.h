/* The children of `turncoat shrink`: replays and runs of this program, several at a time,
 * each with a directory of its own, and how they went.
 *
 * It knows nothing of faults: it is given what stands in the file that the child reads.
 * SIGINT and SIGTERM are taken while it lives, and end the waiting.
 */
#ifndef APP_SHRINK_POOL_H
#define APP_SHRINK_POOL_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum attempt_kind {
	ATTEMPT_ONLY,  /* a replay of the log with some faults only */
	ATTEMPT_RULES, /* a run of a rule file */
};

struct attempt {
	enum attempt_kind kind;
	struct text text; /* the identities, or the rule file */
	size_t num_faults;
	uint64_t key; /* by which it is known again */
};

enum { POOL_JOBS_MAX = 64 };

struct shrink_pool_options {
	const char *log_path;
	char **command;	 /* ends with NULL */
	const char *dir; /* of which each child gets a folder */
	unsigned jobs;
	const char *timeout; /* of the command, as written; NULL: none */
};

struct shrink_pool_result {
	size_t which;	     /* as shrink_pool_start() was told */
	const char *outcome; /* app/shrink_outcome.h; until the next call */
	char dir[512];	     /* until shrink_pool_remove() or shrink_pool_keep() */
};

struct shrink_pool;

int shrink_pool_new(const struct shrink_pool_options *options, struct shrink_pool **out,
		    struct err *err);
void shrink_pool_free(struct shrink_pool *pool); /* NULL is fine; ends the children */

bool shrink_pool_full(const struct shrink_pool *pool);
unsigned shrink_pool_running(const struct shrink_pool *pool, size_t which);
int shrink_pool_start(struct shrink_pool *pool, const struct attempt *attempt,
		      size_t which, struct err *err);
/* True: a child has ended. False: none runs, or a signal asked to stop. */
bool shrink_pool_wait(struct shrink_pool *pool, struct shrink_pool_result *out);
/* Ends the children; how they went no longer counts. */
void shrink_pool_cancel(struct shrink_pool *pool);
bool shrink_pool_interrupted(const struct shrink_pool *pool);
uint64_t shrink_pool_runs(const struct shrink_pool *pool); /* begun so far */

/* Its log and its output become these files; the rest goes. */
void shrink_pool_keep(const struct shrink_pool_result *result, const char *log_path,
		      const char *output_path);
void shrink_pool_remove(const struct shrink_pool_result *result);

#endif
