/* A log's faults, each as what was done to its unit: edits, delay, copies, loss, cut.
 * That is what shrinking leaves out, weakens, and writes as rules.
 *
 * A list owns its faults; what stands in them lives in its arena, or in the log's.
 */
#ifndef APP_SHRINK_FAULT_H
#define APP_SHRINK_FAULT_H

#include "app/replay_load.h"
#include "core/decision.h"

/* Bytes of the unit as it came in, at this offset of it, and what stands there instead.
 * Changes are in ascending order and do not touch, except that of two that do both keep
 * the length. */
struct change {
	uint64_t at;
	struct span old, new;
};

struct deed {
	struct change *changes;
	size_t num_changes;
	bool mend; /* the framer mends its length field afterwards */
	int64_t delay_ns;
	uint64_t reorder_gap, copies, copies_gap;
	int64_t hold_ns;
	enum verdict verdict;
	uint64_t cut_at;
};

struct fault {
	const char *id; /* LANE:SIDE:CLASS:K */
	const char *lane, *class;
	enum side side;
	uint64_t k;
	uint64_t line; /* of the log */
	bool known; /* the deed is; false: its edits were not logged, or are too many */
	struct deed deed;
};

struct fault_list {
	struct arena arena;
	struct fault *faults; /* in the log's order */
	size_t num;
};

void fault_list_read(const struct replay *replay, struct fault_list *out);
void fault_list_done(struct fault_list *list);

/* The edits, made one after the other as struct decision has them, as changes of the unit
 * as it came in: split where they can be, equal bytes left out. False: they don't fit
 * each other, or are more than CHANGES_MAX. */
enum { CHANGES_MAX = 16384 };
bool changes_of_edits(const struct edit *edits, size_t num, const uint8_t *bytes,
		      uint64_t unit_bytes, struct arena *arena, struct deed *out);

/* "reset at byte 0, delayed by 5ms". */
void deed_describe(const struct deed *deed, struct text *out);

#endif
