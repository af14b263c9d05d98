/* A logged run as a script: what came on each lane side, in its order, and what was
 * decided of it, to be decided again and held against what comes this time.
 *
 * Pure data. Whoever reads the log builds it (replay_*_add), the engine plays it
 * (core/reenact.h makes decisions from it), and replay_finish() tells how it went. All
 * that is compared is per lane side, so it does not depend on how lanes interleave.
 *
 * A replay owns its lanes, units and their text; rules and actions that it points to are
 * the caller's and outlive it.
 */
#ifndef CORE_REPLAY_H
#define CORE_REPLAY_H

#include "base/arena.h"
#include "core/decision.h"
#include "core/rule.h"
#include "core/unit.h"

enum replay_policy {
	REPLAY_FAIL,   /* units that the log does not know pass */
	REPLAY_WARN,   /* likewise; only the caller's exit code differs */
	REPLAY_FOLLOW, /* they are judged by rules and seed, as in a run */
	NUM_REPLAY_POLICY,
};

/* When a parked emission left because `hold` ran out. */
struct replay_late {
	uint64_t after;	       /* so many successors had gone first */
	uint64_t inside_bytes; /* and so much of the next */
};

/* What the log says was done to a unit that a rule matched. */
struct replay_said {
	struct rule_outcome *outcomes; /* without keys */
	size_t num_outcomes;
	struct effect *effects;
	size_t num_effects;
	/* Offsets as in struct decision; the bytes stand in edit_bytes. */
	struct edit *edits;
	size_t num_edits;
	const uint8_t *edit_bytes;
	bool edits_known;	  /* false: a cell whose end was not logged */
	const char *fixup;	  /* static; NULL: nothing to mend */
	struct replay_late *late; /* in their order */
	size_t num_late, cap_late;
};

struct replay_unit {
	const char *class;
	uint64_t k;
	size_t place;  /* in its side's units */
	uint64_t line; /* of the log: the recorded order */
	uint64_t len_bytes, digest;
	bool digest_known;	  /* false: len_bytes and digest are not */
	bool late;		  /* judged, or passed on, when `hold` ran out */
	bool faulty;		  /* an effect */
	bool masked;		  /* a fault that is left out this time */
	bool seen;		  /* this time */
	struct replay_said *said; /* NULL: no rule matched */
	/* Its global delivery numbers, in their order; see core/order.h. */
	uint64_t *numbers;
	size_t num_numbers, next_number;
};

enum replay_difference {
	REPLAY_SAME,
	REPLAY_CONTENT, /* other bytes: a note, no failure */
	REPLAY_LENGTH,
	REPLAY_CLASS,
	REPLAY_MISSING,
	REPLAY_EXTRA,
	NUM_REPLAY_DIFFERENCE,
};

const char *replay_difference_name(enum replay_difference difference);

/* A unit as it came this time. */
struct replay_seen {
	const char *class;
	uint64_t k, len_bytes, digest;
};

/* Where a lane side first went another way. */
struct replay_divergence {
	enum replay_difference difference;  /* REPLAY_SAME: it did not */
	const struct replay_unit *expected; /* NULL with EXTRA */
	char class[CLASS_NAME_MAX + 1];	    /* seen; none with MISSING */
	uint64_t k, len_bytes, digest;
	uint64_t line; /* in the recorded order; EXTRA: behind the last expected */
};

struct replay_class {
	struct replay_class *next;
	const char *name;
	struct replay_unit **by_k; /* NULL where there is none */
	size_t cap;
};

struct replay_switch {
	uint64_t unit; /* so many had been judged */
	uint64_t generation;
};

struct replay_side {
	struct replay_lane *lane;
	enum side side;
	struct replay_unit **units; /* in the order they came */
	size_t num_units, cap_units;
	struct replay_class *classes;
	size_t num_classes;
	struct replay_switch *switches; /* reloads, in order */
	size_t num_switches, cap_switches;
	size_t cursor; /* units seen this time */
	struct replay_divergence first;
	uint64_t counts[NUM_REPLAY_DIFFERENCE];
};

struct replay_lane {
	struct replay_lane *next; /* in its bucket */
	struct replay_lane *next_added;
	const char *name;
	uint64_t generation; /* of its opening */
	uint64_t line;
	bool closed; /* its end was logged: what comes behind it is extra */
	/* It ended by force, of a rule, a peer or the run: what was still on its way then
	 * is a matter of timing, and may be missing or extra at the end of its sides. */
	bool ragged;
	bool opened; /* this time */
	struct replay_side sides[NUM_SIDE];
};

struct replay {
	struct arena arena;
	enum replay_policy policy;
	bool selected; /* some faults were masked */
	bool cut_off;  /* the log ends before its run did: lanes may be missing in it */
	struct replay_lane **buckets;
	size_t num_buckets, num_lanes;
	struct replay_lane *lanes, **lanes_end; /* in the order added */
	uint64_t num_units, num_faults;
	uint64_t num_numbers; /* deliveries: 0 .. num_numbers - 1 */
	uint64_t extra_lanes; /* opened this time, not in the log */
	char *extra_lane;     /* the first of them */
};

struct replay *replay_new(enum replay_policy policy);
void replay_free(struct replay *replay); /* NULL is fine */

/* --- building --- */

struct replay_lane *replay_lane_add(struct replay *replay, const char *name,
				    uint64_t line); /* or the one that is there */
/* The next unit of the side; NULL when it has one of this class and k already. Ordinals
 * are at most the number of units so far, and classes at most LANE_CLASSES_MAX, as a run
 * counts them: else NULL as well. */
struct replay_unit *replay_unit_add(struct replay *replay, struct replay_side *side,
				    const char *class, uint64_t k, uint64_t line);
struct replay_said *replay_said_add(struct replay *replay, struct replay_unit *unit);
/* One more of an arena's array of `num`. */
void replay_number_add(struct replay *replay, struct replay_unit *unit, uint64_t number);
void replay_late_add(struct replay *replay, struct replay_unit *unit,
		     struct replay_late late);
/* False: in front of the last one, which is no log's order. */
bool replay_switch_add(struct replay_side *side, uint64_t unit, uint64_t generation);
/* Masks every fault; replay_select() brings one back. */
void replay_mask_all(struct replay *replay);

/* --- looking up --- */

struct replay_lane *replay_lane_find(const struct replay *replay, const char *name);
struct replay_unit *replay_unit_find(const struct replay_side *side, const char *class,
				     uint64_t k);

/* --- playing --- */

/* A lane opens this time; NULL: the log has none of this name. */
struct replay_lane *replay_open(struct replay *replay, const char *name);
/* The rule set in force when the side's next unit comes. */
uint64_t replay_generation(const struct replay_side *side);
/* The next unit, if it is of this class, went on late after so many bytes; 0: it did not.
 */
uint64_t replay_late_bytes(const struct replay_side *side, const char *class);
/* Does the log know what comes next? */
bool replay_expects(const struct replay_side *side);
/* A unit's end is known: compares. */
void replay_note(struct replay_side *side, const struct replay_seen *seen,
		 bool digest_known);

/* --- how it went --- */

enum replay_verdict {
	REPLAY_EXACT,	   /* every unit came again, with the same bytes */
	REPLAY_EQUIVALENT, /* other content, or ends that raced a cut: same decisions */
	REPLAY_DIVERGED,
	NUM_REPLAY_VERDICT,
};

const char *replay_verdict_name(enum replay_verdict verdict);

struct replay_result {
	enum replay_verdict verdict;
	uint64_t expected, same; /* units; `same` in class and length */
	uint64_t counts[NUM_REPLAY_DIFFERENCE];
	uint64_t raced;		      /* missing or extra at a ragged end */
	uint64_t unrecorded;	      /* came behind the end of a log that was cut off */
	uint64_t faults, faults_seen; /* to be applied; their units came */
	uint64_t diverged_sides;      /* see replay_next_diverged() */
};

/* Counts what is missing and finds the verdict. Once, when all lanes have ended. */
struct replay_result replay_finish(struct replay *replay);
/* The side that went another way next behind `last` (NULL: the first) in the recorded
 * order, a lane's request before its reply; NULL: none. Looks at all sides: for the first
 * few, not for each. */
const struct replay_side *replay_next_diverged(const struct replay *replay,
					       const struct replay_side *last);

#endif
