/* When a rule that matches may fire, counted in the matching units of one lane side.
 *
 *   skip = N    the first N matching units pass
 *   every = N   only each N-th of the others is a candidate: the N-th, the 2N-th, …
 *   burst = N   a firing covers N matching units in a row
 *   count = N   at most N firings in a lane side
 *   until = N   nothing after the N-th matching unit; 30s: nothing after that time
 *               since the run's start, which reads the clock: log-exact
 *
 * All counts are of units that the rule matched, whether or not another rule ended them,
 * so rules stay independent of each other (P3).
 */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	uint64_t skip;
	uint64_t every;	  /* >= 1 */
	uint64_t burst;	  /* >= 1 */
	uint64_t count;	  /* UINT64_MAX: no bound */
	uint64_t until;	  /* in units; UINT64_MAX: no bound */
	int64_t until_ns; /* since the start of the run; INT64_MAX: no bound */
};

/* Where a lane side stands in a rule's schedule. Zero it to start. */
struct schedule_state {
	uint64_t matched, fired;
	uint64_t burst_left;
};

/* Why a rule did or did not fire on a unit that it matched; also the word in the log. */
enum outcome {
	OUTCOME_FIRED,
	OUTCOME_SHADOWED, /* fired, but an earlier rule had ended the unit */
	OUTCOME_SKIP,
	OUTCOME_EVERY,
	OUTCOME_COUNT,
	OUTCOME_UNTIL,
	OUTCOME_CHANCE, /* the draw lost */
	OUTCOME_MASKED, /* fired in the log that is replayed, but left out this time */
	NUM_OUTCOME,
};

const char *outcome_name(enum outcome outcome);

void schedule_init(struct schedule *schedule); /* always */
/* Counts one matching unit. wins is the draw's verdict. */
enum outcome schedule_next(const struct schedule *schedule, struct schedule_state *state,
			   bool wins, int64_t run_ns);

#endif
