/* Shrinking: the fewest and weakest faults of a logged run that still make it fail.
 *
 * Theory of operation. Each try is a child: a replay of the log with some of its faults
 * (`turncoat replay --only`), later a run of a rule file in which the faults stand as
 * rules (app/shrink_rules.h). A try fails when it does so as the original did: the same
 * verdict and the same findings (app/shrink_outcome.h). What neither passes nor fails so
 * is unresolved and never taken.
 *
 *   1. all faults, several times: the failure and how often it comes (its rate)
 *   2. none: it must not come by itself
 *   3. ddmin over the faults (core/ddmin.h)
 *   4. as rules: then the log is no longer needed
 *   5. each fault weaker: fewer bytes, shorter delays, fewer copies (shrink_weaken.c)
 *   6. what is left, several times more: does it come as often?
 *
 * A target that fails only now and then is tried as often as it takes, at its rate, to
 * see it fail with the confidence that was asked for. Whatever was taken has failed at
 * least once, and is written at once; so an interrupt leaves the best so far.
 */
#ifndef APP_SHRINK_H
#define APP_SHRINK_H

#include "app/shrink_cache.h"
#include "app/shrink_fault.h"
#include "app/shrink_pool.h"
#include "app/shrink_rules.h"
#include "app/wilson.h"

struct shrink_options {
	const char *log_path;
	const char *out_dir;
	char **command;
	unsigned jobs;
	double confidence;   /* 0.5..0.999999 */
	uint64_t max_runs;   /* UINT64_MAX: any */
	int64_t max_ns;	     /* INT64_MAX: any */
	const char *timeout; /* of the command; NULL: none */
	bool quiet;
};

/* Says how it went on standard error; returns the exit code. */
int shrink(const struct shrink_options *options);

/* --- between the files of shrinking --- */

/* What is tried, or the best so far: faults by index, and what each does. */
struct shrink_set {
	size_t *which;
	struct deed *deeds;
	size_t num;
};

struct shrink {
	const struct shrink_options *options;
	struct replay_log *log;
	struct fault_list list;
	struct shrink_pool *pool;
	struct shrink_cache *cache;
	char *wanted;	     /* the failure's outcome; NULL: not known yet */
	bool as_rules;	     /* tries are of rule files */
	bool all_known;	     /* so that they can be written as rules */
	uint64_t hits, runs; /* of what surely fails: its rate */
	unsigned needed;     /* runs without the failure that settle a try */
	struct shrink_set best;
	int64_t begin_ns;
	bool stopped;	/* budget, signal or error: nothing more is tried */
	struct err err; /* code 0: none */
};

enum shrink_answer {
	SHRINK_PASS,
	SHRINK_FAIL,
	SHRINK_UNRESOLVED,
	SHRINK_UNKNOWN, /* stopped before */
};

/* shrink_try.c: tries the sets in their order, several at a time, until one fails. The
 * answers of those in front of it are known as well. Returns its index, or num. The one
 * that failed becomes the best. */
size_t shrink_try(struct shrink *s, const struct shrink_set *sets, size_t num,
		  enum shrink_answer *out_answers);
/* Runs a set so often, known or not (fresh: not), and counts. */
struct shrink_counts {
	uint64_t runs, hits, unresolved;
};
struct shrink_counts shrink_repeat(struct shrink *s, const struct shrink_set *set,
				   unsigned num, bool fresh);
/* Runs the set once, unless it is known how it goes: when that leaves it open because
 * units of faults did not come, *out are those that did. False: it does not, or none
 * came. */
bool shrink_came(struct shrink *s, const struct shrink_set *set, struct shrink_set *out);
/* The most frequent failure of the full set's runs so far; NULL: none. The caller frees.
 */
char *shrink_frequent_failure(const struct shrink *s, const struct shrink_set *set);
/* The best so far to its files. */
void shrink_write_best(struct shrink *s);
/* A line that says how far it is. */
void shrink_progress(struct shrink *s, const char *doing);

/* shrink_weaken.c */
void shrink_weaken(struct shrink *s);

void shrink_set_copy(const struct shrink_set *from, struct shrink_set *to);
void shrink_set_done(struct shrink_set *set);

#endif
