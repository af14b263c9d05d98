/* The engine: unit -> decide -> record -> schedule -> emit.
 *
 * It knows neither sockets nor libevent nor the time: it is fed bytes with `now`, and
 * answers through an ops struct. The same engine runs live, offline over a trace with a
 * virtual clock, and in tests. All times are nanoseconds since the run's start.
 *
 * An engine owns its flows' buffers and queues, the lanes, and a reference to the rule
 * set. Proxies are the caller's and outlive it. Nothing here is thread-safe.
 */
#ifndef PLANE_ENGINE_H
#define PLANE_ENGINE_H

#include "base/span.h"
#include "codec/flowfilter.h"
#include "core/order.h"
#include "core/replay.h"
#include "core/rule.h"
#include "core/sched.h"
#include "core/stats.h"
#include "plane/proxy.h"

struct engine;
struct flow;

/* Where log lines go. Lines of one call belong together; `fault` says that one of them
 * tells of a fault whose effect must not leave before the line is safe (the plane's
 * commit sees to it). */
struct engine_sink {
	void (*write)(void *ctx, struct span lines, bool fault);
	void *ctx;
};

/* A whole unit as it came in, for whoever looks on. */
struct watched_unit {
	const char *proxy, *lane;
	const struct flow_addrs *addrs;
	enum side side;
	const struct unit *unit;
	int64_t at_ns;
};

struct engine_options {
	/* Told of each whole unit of proxies that are `watched`; its answer, if any, is
	 * noted in the log. NULL: nobody looks on. */
	const char *(*watch)(void *ctx, const struct watched_unit *unit);
	void *watch_ctx;
	bool strict; /* refuse weak lanes */
	/* Decide as this log did; NULL: by rules and seed. The engine marks in it what
	 * came; it outlives the engine. */
	struct replay *replay;
	/* With a replay: hold each unit until its predecessor in the log left, at most
	 * that long. */
	bool order;
	int64_t order_wait_ns;
};

/* The engine counts its references in set->refs; it never frees a set. */
struct engine *engine_new(struct ruleset *set, const struct engine_sink *sink,
			  const struct engine_options *options);
/* All flows must have been freed. Releases the rule sets. */
void engine_free(struct engine *engine);

/* A later rule set of the log that is replayed: lane sides change over where theirs did.
 * Before the first flow. */
void engine_add_generation(struct engine *engine, struct ruleset *set);
/* Swaps the rule set: judged lane sides change over at their next unit and log it; lane
 * sides already passed through stay so until they reconnect, and their number is
 * returned. The old set may be freed once its refs are back to what they were. */
size_t engine_set_rules(struct engine *engine, struct ruleset *set);

/* Emits everything due. Call when engine_next_due() has come, and at the end of input. */
void engine_advance(struct engine *engine, int64_t now_ns);
int64_t engine_next_due(const struct engine *engine); /* INT64_MAX: nothing waits */

/* All lines written so far are safe: see flow_take_fault(). */
void engine_committed(struct engine *engine);
/* From now on nothing is judged and no rule applies: units pass and are logged no more.
 * For a log that can't be written under on-log-error = pass. */
void engine_stop_faults(struct engine *engine);

/* What the rule called `name` did so far, under all sets that had it. */
struct rule_stats engine_rule_stats(const struct engine *engine, const char *name);
/* The sum over all flows that have been freed. */
struct side_stats engine_totals(const struct engine *engine);
struct engine_counts {
	uint64_t lanes, weak_lanes, refused_lanes;
	uint64_t late_units, overflow_units;
};
/* How well the recorded order was kept; zeros without one. */
struct order_stats engine_order_stats(const struct engine *engine);
struct engine_counts engine_counts(const struct engine *engine);

/* --- flows: a TCP connection or UDP session through a proxy --- */

enum flow_cut {
	FLOW_CUT_RESET,	 /* reset both connections */
	FLOW_CUT_CLOSE,	 /* close both connections in order */
	FLOW_CUT_REFUSE, /* the flow was not allowed: weak under strict */
};

/* What a flow asks of its plane. None may free the flow or feed it from within. */
struct flow_ops {
	/* Bytes travelling on `side` leave: for requests to the server, for replies to
	 * the client. Datagram planes: one datagram a call. The span lives for the call,
	 * except that within flow_feed() bytes inside the fed span live until it returns.
	 * */
	void (*send)(void *ctx, enum side side, struct span bytes);
	/* No more bytes will leave on `side` (after all sends): half-close. */
	void (*end)(void *ctx, enum side side);
	void (*cut)(void *ctx, enum flow_cut how);
	/* flow_wants(side) has become true again. */
	void (*resume)(void *ctx, enum side side);
	/* Has the client closed its half, even if flow_end() has not been called yet?
	 * Asked when another flow wants a lane of the same label. NULL: never. */
	bool (*client_gone)(void *ctx);
};

/* Opens a flow and, unless its label has to be read from the first unit, its lane. NULL:
 * its lane is weak and the engine strict (it is logged). */
struct flow *flow_new(struct engine *engine, const struct proxy *proxy,
		      const struct flow_addrs *addrs, const struct flow_ops *ops,
		      void *ctx, int64_t now_ns);
/* Logs the lane's end and frees the flow; what it still holds counts as held. `why` is a
 * word for the log: eof, reset, idle, shutdown, refused… */
void flow_free(struct flow *flow, const char *why, int64_t now_ns);

/* May bytes of this side be fed now? False under back-pressure, and for replies until the
 * lane has its name. */
bool flow_wants(struct flow *flow, enum side side);
/* Can no rule touch this side? Then its bytes may travel by any way (splice); tell how
 * many by flow_passed(). True only when nothing of the side waits in the flow. */
bool flow_passthrough(const struct flow *flow, enum side side);
void flow_passed(struct flow *flow, enum side side, uint64_t units, uint64_t bytes);

/* Bytes (streams) or exactly one datagram arrived on `side`. */
void flow_feed(struct flow *flow, enum side side, struct span bytes, int64_t now_ns);
/* The sender of `side` has closed its half. */
void flow_end(struct flow *flow, enum side side, int64_t now_ns);
/* Notes in the log that so many bytes of the side are unknown, and that what stands in
 * for them is fed next. */
void flow_note_gap(struct flow *flow, enum side side, uint64_t len, int64_t now_ns);
/* Has the flow bytes of this side that wait to leave? */
bool flow_pending(const struct flow *flow, enum side side);
/* A fault was logged for this flow after the last engine_committed(); cleared by the
 * call. */
bool flow_take_fault(struct flow *flow);
const char *flow_lane_name(const struct flow *flow); /* NULL before it has one */

#endif
