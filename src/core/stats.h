/* What each rule did, and what became of each unit: for summaries, vacuity and
 * conservation. Plain counters; whoever holds a struct owns it.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "core/decision.h"
#include "core/rule.h"

struct rule_stats {
	uint64_t considered; /* units of lane sides that the rule could touch */
	uint64_t matched;
	uint64_t fired; /* with effect: what an earlier rule shadowed does not count */
};

/* P9, in units and in bytes: in + injected + copies = out + dropped + held; for bytes the
 * left side also gains grown (edits that lengthen) and loses shrunk. */
struct side_stats {
	uint64_t units_in, units_injected, units_copies;
	uint64_t units_out, units_dropped, units_held;
	uint64_t bytes_in, bytes_injected, bytes_copies, bytes_grown, bytes_shrunk;
	uint64_t bytes_out, bytes_dropped, bytes_held;
};

bool side_stats_conserved(const struct side_stats *stats);
void side_stats_add(struct side_stats *sum, const struct side_stats *more);

#endif
