/* Inside the engine: what engine.c, flow.c, intake.c and emit.c share. Planes and tests
 * use engine.h only.
 *
 * Theory of operation. Bytes of a side run through four stages:
 *
 *   intake.c  cuts them into units: a framer's, datagrams, or cells (cells.c)
 *   judge.c   has each judged and recorded, and handed on as decided
 *   flow.c    the flow's life: naming its lane, binding rules, the end
 *   emit.c    orders what leaves: at once, later (due), behind successors (parked), or
 *             in the order of the log that is replayed (turn.c)
 *
 * A side of a stream keeps its order: an emission is never due before the one in front of
 * it. Datagrams are each due on their own. All waiting things are struct timer nodes in
 * one queue ordered by (due, seq), so equal times keep their order.
 */
#ifndef PLANE_FLOW_H
#define PLANE_FLOW_H

#include "codec/digest.h"
#include "core/decide.h"
#include "core/record.h"
#include "core/reenact.h"
#include "plane/engine.h"
#include "plane/lanes.h"

enum timer_kind {
	TIMER_EMISSION,	  /* a queued emission is due */
	TIMER_PARKED,	  /* a parked emission's `hold` ran out */
	TIMER_SIDE_HOLD,  /* an incomplete unit waited long enough */
	TIMER_FLOW_LABEL, /* a lane stayed without a name long enough */
};

struct timer {
	struct sched_node node; /* first: sched hands this back */
	enum timer_kind kind;
};

enum emission_kind {
	EMIT_BYTES,
	EMIT_END,   /* half-close */
	EMIT_RESET, /* cut both connections */
	EMIT_CLOSE,
};

/* One thing that waits to leave a side. */
struct emission {
	struct timer timer; /* first */
	struct flow_side *fs;
	struct emission *next, **back; /* in fs->queued or fs->parked */
	enum emission_kind kind;
	uint64_t units;	    /* 1: a unit (or a copy) leaves with it; 0: a part of one */
	uint64_t remaining; /* parked: successors still to go first */
	int64_t delay_ns;   /* parked: the delay that begins when it is released */
	/* Replayed: `hold` ran out behind exactly `remaining` successors and so many
	 * bytes of the next. It leaves late when both they and the hold are through, or
	 * in front of the next byte; or when they did not come in patience_ns more. */
	bool leaves_late, hold_over;
	int64_t patience_ns;
	uint64_t inside_bytes;
	struct replay_unit *logged;
	/* Replayed in order: queued behind one that waits for its turn; waits itself. */
	bool overdue, waiting;
	struct sched_node turn;
	int64_t waiting_since_ns;
	const struct lane_class *class;
	uint64_t k;
	size_t len;
	uint8_t bytes[];
};

/* A rule set in use, with the counters of its rules. */
struct ruleset_use {
	struct ruleset *set;
	struct rule_stats **stats; /* by rule index */
	unsigned
		refs; /* lane and flow sides that hold it, plus one while it is current */
	bool kept;    /* a generation of the log that is replayed: one more */
	struct ruleset_use *next;
};

struct named_stats {
	struct named_stats *next;
	struct rule_stats stats;
	char name[];
};

enum cell_mode {
	CELL_JUDGE,  /* gathered until it is whole, then judged: a rule reads bytes */
	CELL_APPLY,  /* judged, but an effect needs it whole */
	CELL_STREAM, /* decided: bytes go on as they come */
	CELL_REST,   /* late: it went on incomplete, the rest follows unjudged */
};

/* The cell that is under way; only mid-cell sides have one. */
struct cell {
	struct cell *next_free;
	enum cell_mode mode;
	struct unit unit;
	const struct lane_class *class;
	struct decision decision;
	struct replay_unit *logged;
	struct digest *digest;
	uint64_t done; /* bytes of the cell taken so far */
};

struct flow_side {
	struct flow *flow;
	enum side side;
	bool touched;	/* units are judged; false: bytes pass */
	bool raw;	/* cells: by configuration, or fallen back */
	bool ended;	/* its sender closed */
	bool dead;	/* a decision ended the flow here; input no longer counts */
	bool throttled; /* flow_wants() said no: tell when it changes */
	struct ruleset_use *use;    /* keeps the rules of a decision under way */
	struct replay_side *script; /* NULL: nothing to replay */
	struct frame_state frame;
	struct text inbuf; /* of an incomplete unit, or of one whose cell must be whole */
	size_t forwarded;  /* of inbuf: already sent on, late */
	struct cell *cell;
	struct timer hold;
	struct emission *queued, **queued_end;
	struct emission *parked;
	int64_t last_due_ns;  /* streams: nothing leaves before */
	uint64_t since_unit;  /* bytes sent on since the last whole unit was through */
	size_t waiting_bytes; /* queued and parked */
	struct side_stats stats;
};

struct flow {
	struct flow *next, **back; /* in engine->flows */
	struct engine *engine;
	const struct proxy *proxy;
	const struct flow_ops *ops;
	void *ctx;
	struct flow_addrs addrs;
	bool datagram;
	bool cut;	       /* both connections were ended by a decision */
	uint64_t fault_commit; /* the commit that makes its last fault safe; 0: none */
	bool weak;
	bool active; /* counted in label->active: its client has not closed */
	/* On engine->moments: when it was opened, and when its client closed (0: has
	 * not). */
	uint64_t born_at, client_ended_at;
	struct lane *lane;	  /* &bound->lane; NULL until it has a name */
	struct bound_lane *bound; /* own, or the link's */
	struct lane_label *label;
	struct flow *next_of_label,
		**back_of_label; /* in label->flows, once it has a lane */
	uint64_t epoch;
	struct timer label_timer;
	struct flow_side sides[NUM_SIDE];
};

struct engine {
	struct ruleset_use *use;  /* the current one */
	struct ruleset_use *uses; /* all */
	struct named_stats *stats;
	struct engine_sink sink;
	struct engine_options options;
	struct engine_counts counts;
	struct side_stats totals;
	struct sched sched;
	struct order order; /* with options.order */
	struct lanes lanes;
	struct flow *flows;
	struct cell *free_cells;
	struct decision decision; /* for units judged in one go */
	struct text line;	  /* log lines under way */
	uint64_t next_number;	  /* global delivery number */
	uint64_t commits;	  /* so far */
	uint64_t
		moments; /* counts flows' births and clients' ends: who overlapped whom */
	bool faults_stopped;
	int64_t now_ns; /* as last handed in: for what happens within a call */
};

/* engine.c */
void engine_write(struct engine *engine,
		  bool fault); /* engine->line to the sink; clears it */
void engine_timer_init(struct timer *timer, enum timer_kind kind);
struct cell *engine_cell_take(struct engine *engine);
void engine_cell_give(struct engine *engine, struct cell *cell);
/* Makes *slot hold `use` (may be NULL) and lets go of what it held. */
void ruleset_use_hold(struct engine *engine, struct ruleset_use **slot,
		      struct ruleset_use *use);

/* How long a replay waits for what the log says is coming, where a run waits for hold_ns:
 * not for ever, but machines differ in speed. */
static inline int64_t replay_patience_ns(int64_t hold_ns)
{
	return 10 * hold_ns + INT64_C(1000) * 1000000;
}

/* In the log that is replayed the unit at hand went on incomplete: its length then; else
 * 0. */
static inline size_t flow_late_bytes(const struct flow_side *fs)
{
	return fs->script
		       ? (size_t)replay_late_bytes(fs->script, fs->raw ? "raw" : "late")
		       : 0;
}

/* The rule set for the side's next unit. */
struct ruleset_use *engine_use_for(const struct engine *engine,
				   const struct replay_side *script);

/* How far a label is searched for at the front of an unframed stream. */
enum { LABEL_SEARCH_MAX = 16384 };

/* flow.c */
/* Rebinds the side's rules when the engine has a newer set. At unit boundaries only. */
void flow_side_update(struct flow_side *fs);
void flow_label_timeout(struct flow *flow);
void flow_note(struct flow *flow, const struct flow_side *fs, const char *note,
	       const char *text);

/* judge.c */
void judge_whole(struct flow_side *fs, struct span bytes, struct span class);
/* What is there of a unit goes on unjudged, under a class of its own. */
void judge_late(struct flow_side *fs, struct span bytes);
/* Bytes that nobody judges. */
void judge_pass(struct flow_side *fs, struct span bytes, uint64_t units);
/* core/decide.h's two steps, or core/reenact.h's. */
struct replay_unit *judge_fire(struct flow_side *fs, const struct unit *unit,
			       struct decision *d);
void judge_apply(struct flow_side *fs, const struct unit *unit,
		 const struct replay_unit *logged, struct decision *d);
/* A unit's end is known: what is replayed is held against it. */
void judge_compare(struct flow_side *fs, const struct unit *unit, uint64_t len_bytes,
		   uint64_t digest);
/* A whole unit whose decision is made: record, then effect. */
void judge_finish(struct flow_side *fs, const struct unit *unit,
		  const struct lane_class *class, struct decision *d,
		  struct replay_unit *logged, enum record_late late);
/* engine->line tells of this decision: writes it, and remembers a fault until the commit.
 * */
void judge_record(struct flow_side *fs, const struct decision *d);
/* The flow ends at this unit. */
void judge_cut(struct flow_side *fs, const struct decision *d);

/* cells.c */
void cells_take(struct flow_side *fs, struct span bytes);
/* The open cell goes on with what is there: `hold` ran out. */
void cells_late(struct flow_side *fs, struct span waiting);
/* The open cell ends with the stream. */
void cells_end(struct flow_side *fs, struct span waiting);
/* Forgets the open cell, if any. True: it was streaming, so none of its bytes wait. */
bool cells_abandon(struct flow_side *fs, bool record);

/* intake.c */
void intake_bytes(struct flow_side *fs, struct span bytes);
void intake_datagram(struct flow_side *fs, struct span bytes);
void intake_end(
	struct flow_side *fs); /* end of stream: what waits for its rest is whole */
void intake_abandon(struct flow_side *fs); /* the flow goes: what waits is held */
void intake_hold_timeout(struct flow_side *fs);
void intake_release(
	struct flow_side *fs); /* faults stopped: what waits goes on as it is */

/* emit.c */
struct emit_unit {
	struct span bytes;
	uint64_t units;
	const struct lane_class *class;
	uint64_t k;
	struct replay_unit *logged; /* NULL: none */
};
void emit_init(struct flow_side *fs);
/* Would bytes with that delay leave at once? */
bool emit_is_immediate(const struct flow_side *fs, int64_t delay_ns,
		       const struct replay_unit *logged);
/* When they leave otherwise. */
int64_t emit_due(const struct flow_side *fs, int64_t delay_ns);
/* Sends now or queues. */
void emit_bytes(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns);
void emit_mark(struct flow_side *fs, enum emission_kind kind, int64_t delay_ns);
/* The same for a copy of a unit, whose leaving no other line tells of. */
void emit_copy(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns);
/* The same for bytes of a unit that goes on in parts. */
void emit_part(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns);
/* late: when it leaves in the log that is replayed; NULL: behind `gap` successors. */
void emit_park(struct flow_side *fs, const struct emit_unit *what, uint64_t gap,
	       const struct replay_late *late, int64_t delay_ns, int64_t hold_ns);
/* In front of the side's next whole unit: what the log has as late leaves now. */
void emit_late_first(struct flow_side *fs);
/* One more unit of the side is through: releases what waited for it. */
void emit_unit_passed(struct flow_side *fs);
void emit_release_parked(struct flow_side *fs); /* all, in order: end of stream */
void emit_due_now(struct emission *emission);
void emit_hold_timeout(struct emission *emission);
void emit_discard(struct flow_side *fs); /* counts what waits as held and frees it */

/* turn.c */
/* May a unit leave now, by the recorded order? Always without one. */
bool turn_has_come(const struct engine *engine, const struct replay_unit *logged);
/* A due emission: false when it has to wait, which it then does. */
bool turn_take(struct emission *e);
/* It leaves, or is thrown away: it waits no longer. */
void turn_end(struct emission *e);
/* A unit has left. */
void turn_passed(struct engine *engine, struct replay_unit *logged);
/* The unit does not leave this time. */
void turn_give_up(struct engine *engine, struct replay_unit *logged);
/* The lane has ended: what has not come will not. */
void turn_give_up_lane(struct engine *engine, struct replay_lane *script);

#endif
