/* The lanes' names: who is the nth of its label, who overlaps whom, and the lanes that
 * outlive their connections (lane = link). Owned by the engine.
 */
#ifndef PLANE_LANES_H
#define PLANE_LANES_H

#include "core/lane.h"

enum {
	LABEL_MAX = 96, /* bytes of a label */
	LANE_LABELS_MAX =
		1 << 20 /* known at one time; later ones share the label "other" */
};

struct flow;
struct ruleset_use;
struct replay_lane;

/* A lane with the rule sets that its sides are bound to. */
struct bound_lane {
	struct lane lane;
	struct ruleset_use *use[NUM_SIDE];
	struct replay_lane *script; /* of the log that is replayed; NULL: none there */
};

/* All lanes of one proxy and label. */
struct lane_label {
	struct lane_label *next; /* in its bucket */
	uint64_t opened;    /* so far: the next lane's nth - 1, or the link's epoch */
	struct flow *flows; /* whose lanes are open, the latest first */
	unsigned active;    /* whose clients may still send: others overlap them */
	/* When the last of those ended that no longer do; on engine's moments. */
	uint64_t client_ended_at;
	struct bound_lane *link; /* lane = link: the lane that stays */
	char name[];		 /* "<proxy>/<label>" */
};

struct lanes {
	struct lane_label **buckets;
	size_t num_buckets; /* a power of two */
	size_t num;
};

/* The links' rule sets must have been let go of (their `use` is NULL). */
void lanes_done(struct lanes *lanes);
/* The entry of that proxy and label, made on first sight. The label's bytes other than
 * [A-Za-z0-9_.:@-] become '_'. */
struct lane_label *lanes_label(struct lanes *lanes, const char *proxy, struct span label);

#endif
