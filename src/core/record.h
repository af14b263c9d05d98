/* A decision as one line of the log: JSON with sorted keys, the wall-clock part last.
 *
 * Pure formatting into a struct text; io/declog.h writes it. The format is fixed in the
 * manual (turncoat-log part of turncoat(1)); a change of any decision or key raises
 * TURNCOAT_ABI.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "core/decision.h"
#include "core/lane.h"
#include "core/stats.h"

enum { TURNCOAT_ABI = 1 };

enum record_late {
	RECORD_ON_TIME,
	RECORD_LATE, /* judged on what was there when `hold` ran out: log-exact */
};

struct record_unit {
	const char *lane;
	enum side side;
	const struct unit *unit;
	uint64_t len_bytes; /* as it came in; unused when digest_known is false */
	uint64_t digest;
	bool digest_known; /* false: judged at its first byte, see record_cell_end() */
	enum record_late late;
	const struct decision *decision; /* NULL: no rule was asked */
	int64_t at_ns;			 /* since the run's start */
	int64_t due_ns;			 /* when it is to leave; at_ns when at once */
	uint64_t number; /* global delivery number; UINT64_MAX: not yet delivered */
};

/* Each appends one line, newline included. */
void record_unit(struct text *out, const struct record_unit *record);
/* The end of a faulted cell that was judged at its first byte: length, digest, edits. */
void record_cell_end(struct text *out, const struct record_unit *record);
/* A delayed or parked unit leaves. Wall-clock only: `log canon` drops the line. */
void record_sent(struct text *out, const char *lane, enum side side, const char *class,
		 uint64_t k, int64_t sent_ns, uint64_t number);
/* Parked bytes left because `hold` ran out, not because successors came: log-exact. Of
 * the unit behind the last whole one `inside_bytes` had left already. */
void record_late(struct text *out, const char *lane, enum side side, const char *class,
		 uint64_t k, uint64_t inside_bytes, int64_t at_ns);

/* A unit left before its predecessor in the recorded order came. Wall-clock only. */
void record_stall(struct text *out, const char *lane, enum side side, const char *class,
		  uint64_t k, int64_t at_ns, int64_t waited_ns);

/* The counters' object in a close or summary line: keys sorted, zeros left out. */
void record_stats(struct text *out, const struct side_stats *stats, bool passthrough);

#endif
