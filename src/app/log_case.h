/* What a log says of one unit, and all that its decision depended on.
 *
 * Gathered in one pass: the unit's lines, its lane's opening, the rule files in force on
 * its lane side (a reload changes them, lane side by lane side), and how often each rule
 * had matched and fired there before. When the unit is not there, its nearest ones are.
 * It knows what was, not why.
 *
 * log_case_done() gives everything back; the log may be closed before.
 */
#ifndef APP_LOG_CASE_H
#define APP_LOG_CASE_H

#include "app/log_common.h"

enum { LOG_NEAREST_MAX = 3 };

/* A unit that is there, and how far its identity is from the one that was asked for. */
struct log_near {
	bool used;
	char *lane;
	char class[CLASS_NAME_MAX + 1];
	enum side side;
	uint64_t k;
	uint64_t distance[3]; /* lane's spelling; side and class; k */
};

struct log_case {
	struct identity id;
	/* What the log says of it; NULL: nothing. */
	json_t *unit, *cell_end, *late, *sent, *open;
	uint64_t line; /* the unit's */
	bool weak;     /* its lane */
	/* Rule files by generation, from 1: "files" arrays. */
	json_t *generations;
	int64_t newest, in_force;
	/* Of the unit's lane side, before the unit: rule name to how often. */
	json_t *matched, *fired;
	struct log_near nearest[LOG_NEAREST_MAX];
	char *distance_lane; /* the lane that was measured last */
	unsigned distance;
};

/* Reads the log to its end. To be done with in either case. */
int log_case_gather(struct log_case *c, const struct identity *id, struct logread *log,
		    struct err *err);
void log_case_done(struct log_case *c);

/* The unit's length; -1 when the log does not tell. */
int64_t log_case_len(const struct log_case *c);
/* The rule files in force; NULL when they can't be read. The caller frees them. */
struct config *log_case_config(const struct log_case *c, struct err *err);

#endif
