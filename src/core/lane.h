/* A lane: the finest sequence whose order the peers themselves fix, and all that
 * decisions remember of it. Everything is per lane side, so requests and replies that
 * cross on the wire can't move each other's decisions.
 *
 * A lane owns its memory; lane_done() frees it. It holds a reference-free pointer to the
 * rule set it is bound to, which its owner keeps alive.
 */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include "core/rule.h"
#include "core/schedule.h"
#include "core/stats.h"
#include "core/unit.h"

enum {
	LANE_NAME_MAX = 255,
	LANE_CLASSES_MAX = 256, /* a lane side; what comes later is class "other" */
};

struct lane_class {
	struct lane_class *next; /* most recently used first; entries never move */
	char name[CLASS_NAME_MAX + 1];
	uint64_t hash;
	uint64_t next_k;
};

/* A rule that can touch a lane side, and where the lane side stands in it. */
struct lane_rule {
	const struct rule *rule;
	struct prf_key key;
	struct schedule_state state;
	struct rule_stats
		*stats; /* counted up by decide_fire(); the run's, may be NULL */
};

struct lane_side {
	struct lane_rule *rules; /* in file order */
	size_t num_rules;
	bool needs_whole;    /* one of them reads bytes or length */
	bool may_need_whole; /* or does once it has fired */
	struct lane_class *classes;
	size_t num_classes;
	uint64_t units; /* judged so far */
};

struct lane {
	char *name; /* <proxy>/<label>#<nth>, at most LANE_NAME_MAX bytes */
	struct lane_side sides[NUM_SIDE];
};

void lane_init(struct lane *lane, const char *name);
void lane_done(struct lane *lane);

/* Binds the rules that can touch a lane side: applies[i] says whether rule i's `on` and
 * filter do (NULL: all do). Inert rules, those for other lanes and those for the other
 * side touch nothing. When it was bound before, rules that keep their name keep their
 * place in the schedule; ordinals always go on. stats[i], if stats is given, is where
 * rule i counts. Decisions made under the old binding must have been applied. */
void lane_bind(struct lane *lane, enum side side, const struct ruleset *set,
	       const bool *applies, struct rule_stats *const *stats);
bool lane_side_touched(const struct lane *lane, enum side side);

/* The class's entry, made on first sight; it lives as long as the lane. `class` is cut to
 * CLASS_NAME_MAX bytes; bytes outside [A-Za-z0-9_.-] become '_'; an empty name becomes
 * "raw". */
struct lane_class *lane_class(struct lane *lane, enum side side, struct span class);

#endif
