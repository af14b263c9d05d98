#include "plane/flow.h"

#include <assert.h>
#include <stdlib.h>

void emit_init(struct flow_side *fs)
{
	fs->queued = NULL;
	fs->queued_end = &fs->queued;
	fs->parked = NULL;
	fs->last_due_ns = INT64_MIN;
}

static struct emission *emission_new(struct flow_side *fs, enum emission_kind kind,
				     enum timer_kind timer, const struct emit_unit *what)
{
	size_t len = what ? what->bytes.len : 0;
	struct emission *e = xmalloc(sizeof(*e) + len);

	*e = (struct emission){.fs = fs, .kind = kind, .len = len};
	engine_timer_init(&e->timer, timer);
	sched_node_init(&e->turn);
	if (what) {
		e->logged = what->logged;
		e->units = what->units;
		e->class = what->class;
		e->k = what->k;
		if (len) {
			memcpy(e->bytes, what->bytes.data, len);
		}
	}
	fs->waiting_bytes += len;
	return e;
}

static void emission_unlink(struct emission *e)
{
	struct flow_side *fs = e->fs;

	if (fs->queued_end == &e->next) {
		fs->queued_end = e->back;
	}
	*e->back = e->next;
	if (e->next) {
		e->next->back = e->back;
	}
	fs->waiting_bytes -= e->len;
	sched_remove(&fs->flow->engine->sched, &e->timer.node);
}

static void queue_append(struct flow_side *fs, struct emission *e)
{
	e->next = NULL;
	e->back = fs->queued_end;
	*fs->queued_end = e;
	fs->queued_end = &e->next;
}

bool emit_is_immediate(const struct flow_side *fs, int64_t delay_ns,
		       const struct replay_unit *logged)
{
	return delay_ns == 0 && (fs->flow->datagram || !fs->queued) &&
	       turn_has_come(fs->flow->engine, logged);
}

int64_t emit_due(const struct flow_side *fs, int64_t delay_ns)
{
	int64_t due_ns = fs->flow->engine->now_ns + delay_ns;

	return !fs->flow->datagram && fs->last_due_ns > due_ns ? fs->last_due_ns : due_ns;
}

/* A stream's sender waits under back-pressure; a datagram's can't. */
static bool overflows(struct flow_side *fs, const struct emit_unit *what)
{
	if (!fs->flow->datagram || fs->waiting_bytes < fs->flow->proxy->max_held_bytes) {
		return false;
	}
	fs->stats.units_dropped += what->units;
	fs->stats.bytes_dropped += what->bytes.len;
	if (fs->flow->engine->counts.overflow_units++ == 0) {
		flow_note(fs->flow, fs, "overflow",
			  "more waiting bytes than max-held: datagrams are lost");
	}
	return true;
}

static void queue_at(struct flow_side *fs, struct emission *e, int64_t delay_ns)
{
	int64_t due_ns = emit_due(fs, delay_ns);

	e->timer.kind = TIMER_EMISSION;
	fs->last_due_ns = due_ns;
	queue_append(fs, e);
	sched_add(&fs->flow->engine->sched, &e->timer.node, due_ns);
}

static void send_now(struct flow_side *fs, struct span bytes, uint64_t units,
		     struct replay_unit *logged)
{
	fs->stats.units_out += units;
	fs->stats.bytes_out += bytes.len;
	if (bytes.len || (fs->flow->datagram && units)) {
		fs->flow->ops->send(fs->flow->ctx, fs->side, bytes);
	}
	if (units) {
		turn_passed(fs->flow->engine, logged);
	}
}

/* A unit leaves that its own line did not tell of leaving, or a copy of one: the log
 * learns the delivery order from it. */
static void record_leaving(struct flow_side *fs, const struct lane_class *class,
			   uint64_t k)
{
	struct engine *engine = fs->flow->engine;

	if (!engine->faults_stopped) {
		record_sent(&engine->line, fs->flow->lane->name, fs->side, class->name, k,
			    engine->now_ns, engine->next_number++);
		engine_write(engine, false);
	}
}

void emit_copy(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns)
{
	if (emit_is_immediate(fs, delay_ns, what->logged)) {
		record_leaving(fs, what->class, what->k);
	}
	emit_bytes(fs, what, delay_ns);
}

void emit_bytes(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns)
{
	if (emit_is_immediate(fs, delay_ns, what->logged)) {
		send_now(fs, what->bytes, what->units, what->logged);
		return;
	}
	if (!overflows(fs, what)) {
		queue_at(fs, emission_new(fs, EMIT_BYTES, TIMER_EMISSION, what),
			 delay_ns);
	}
}

/* Nothing leaves behind a cut: what waits on either side is held for good. */
static void cut_flow(struct flow *flow, enum flow_cut how)
{
	flow->cut = true;
	for (int side = 0; side < NUM_SIDE; side++) {
		sched_remove(&flow->engine->sched, &flow->sides[side].hold.node);
		emit_discard(&flow->sides[side]);
	}
	flow->ops->cut(flow->ctx, how);
}

static void do_mark(struct flow_side *fs, enum emission_kind kind)
{
	struct flow *flow = fs->flow;

	switch (kind) {
	case EMIT_BYTES:
		break;
	case EMIT_END:
		flow->ops->end(flow->ctx, fs->side);
		break;
	case EMIT_RESET:
		cut_flow(flow, FLOW_CUT_RESET);
		break;
	case EMIT_CLOSE:
		cut_flow(flow, FLOW_CUT_CLOSE);
		break;
	}
}

void emit_mark(struct flow_side *fs, enum emission_kind kind, int64_t delay_ns)
{
	if (delay_ns == 0 && !fs->queued) {
		do_mark(fs, kind);
	} else {
		queue_at(fs, emission_new(fs, kind, TIMER_EMISSION, NULL), delay_ns);
	}
}

void emit_park(struct flow_side *fs, const struct emit_unit *what, uint64_t gap,
	       const struct replay_late *late, int64_t delay_ns, int64_t hold_ns)
{
	struct emission **at = &fs->parked;
	struct emission *e;

	if (overflows(fs, what)) {
		return;
	}
	e = emission_new(fs, EMIT_BYTES, TIMER_PARKED, what);
	/* Its own passing counts once: see emit_unit_passed(). */
	e->remaining = (late ? late->after : gap) + 1;
	e->leaves_late = late != NULL;
	e->inside_bytes = late ? late->inside_bytes : 0;
	e->patience_ns = replay_patience_ns(hold_ns);
	e->delay_ns = delay_ns;
	while (*at) {
		at = &(*at)->next;
	}
	e->back = at;
	*at = e;
	if (what->logged && !late) {
		hold_ns = e->patience_ns;
	}
	sched_add(&fs->flow->engine->sched, &e->timer.node,
		  fs->flow->engine->now_ns + hold_ns);
}

static void wake_sender(struct flow_side *fs)
{
	if (fs->throttled && !fs->flow->cut && flow_wants(fs->flow, fs->side)) {
		fs->throttled = false;
		fs->flow->ops->resume(fs->flow->ctx, fs->side);
	}
}

static void leave(struct emission *e)
{
	struct flow_side *fs = e->fs;

	turn_end(e);
	if (e->kind == EMIT_BYTES) {
		if (e->units) {
			record_leaving(fs, e->class, e->k);
		}
		send_now(fs, span_of(e->bytes, e->len), e->units, e->logged);
	} else {
		do_mark(fs, e->kind);
	}
	free(e);
	if (fs->queued && fs->queued->overdue) {
		fs->queued->overdue = false;
		sched_add(&fs->flow->engine->sched, &fs->queued->timer.node,
			  fs->flow->engine->now_ns);
	}
	wake_sender(fs);
}

void emit_due_now(struct emission *e)
{
	if (turn_take(e)) {
		emission_unlink(e);
		leave(e);
	}
}

static void unpark(struct emission *e)
{
	struct flow_side *fs = e->fs;

	emission_unlink(e);
	if (emit_is_immediate(fs, e->delay_ns, e->logged)) {
		leave(e);
	} else {
		fs->waiting_bytes += e->len;
		queue_at(fs, e, e->delay_ns);
	}
}

static void unpark_late(struct emission *e)
{
	struct flow_side *fs = e->fs;
	struct engine *engine = fs->flow->engine;

	engine->counts.late_units++;
	if (!engine->faults_stopped) {
		record_late(&engine->line, fs->flow->lane->name, fs->side, e->class->name,
			    e->k, fs->since_unit, engine->now_ns);
		engine_write(engine, false);
	}
	unpark(e);
}

/* Is the place come at which it left late in the log? */
static bool late_is_ripe(const struct emission *e)
{
	return e->leaves_late && e->remaining == 0 &&
	       e->inside_bytes <= e->fs->since_unit;
}

/* What leaves late here: all that may, or those whose hold is over as well. */
static void leave_late(struct flow_side *fs, bool only_held)
{
	struct emission *e = fs->parked;

	while (e) {
		struct emission *next = e->next;

		if (late_is_ripe(e) && (e->hold_over || !only_held)) {
			unpark_late(e);
		}
		e = next;
	}
}

/* After how many of the next bytes something leaves late; SIZE_MAX: not among them. */
static size_t next_late(const struct flow_side *fs)
{
	size_t least = SIZE_MAX;

	for (const struct emission *e = fs->parked; e; e = e->next) {
		if (e->leaves_late && e->remaining == 0 &&
		    e->inside_bytes > fs->since_unit &&
		    e->inside_bytes - fs->since_unit < least) {
			least = (size_t)(e->inside_bytes - fs->since_unit);
		}
	}
	return least;
}

void emit_part(struct flow_side *fs, const struct emit_unit *what, int64_t delay_ns)
{
	struct emit_unit rest = *what;

	while (fs->parked && rest.bytes.len) {
		struct emit_unit front = {.bytes = rest.bytes};
		size_t late;

		leave_late(fs, false);
		late = next_late(fs);
		if (late >= rest.bytes.len) {
			break;
		}
		front.bytes.len = late;
		emit_bytes(fs, &front, delay_ns);
		fs->since_unit += late;
		rest.bytes = span_from(rest.bytes, late);
	}
	emit_bytes(fs, &rest, delay_ns);
	fs->since_unit += rest.bytes.len;
	if (fs->parked) {
		leave_late(fs, true);
	}
}

void emit_hold_timeout(struct emission *e)
{
	struct engine *engine = e->fs->flow->engine;

	if (e->leaves_late && !e->hold_over && !late_is_ripe(e)) {
		/* Its successors are slower this time. */
		e->hold_over = true;
		sched_add(&engine->sched, &e->timer.node,
			  engine->now_ns + e->patience_ns);
	} else {
		unpark_late(e);
	}
}

void emit_unit_passed(struct flow_side *fs)
{
	struct emission *e;

	if (fs->parked && fs->since_unit) {
		leave_late(fs, false); /* inside of what is through now */
	}
	fs->since_unit = 0;
	e = fs->parked;
	while (e) {
		struct emission *next = e->next;

		if (e->remaining > 0) {
			e->remaining--;
		}
		if (e->remaining == 0 && !e->leaves_late) {
			unpark(e);
		}
		e = next;
	}
	if (fs->parked) {
		leave_late(fs, true);
	}
}

void emit_late_first(struct flow_side *fs)
{
	if (fs->parked) {
		leave_late(fs, false);
	}
}

void emit_release_parked(struct flow_side *fs)
{
	while (fs->parked) {
		if (fs->parked->leaves_late) {
			unpark_late(fs->parked);
		} else {
			unpark(fs->parked);
		}
	}
}

static void discard_list(struct flow_side *fs, struct emission *list)
{
	while (list) {
		struct emission *next = list->next;

		fs->stats.units_held += list->units;
		fs->stats.bytes_held += list->len;
		fs->waiting_bytes -= list->len;
		sched_remove(&fs->flow->engine->sched, &list->timer.node);
		turn_end(list);
		turn_give_up(fs->flow->engine, list->logged);
		free(list);
		list = next;
	}
}

void emit_discard(struct flow_side *fs)
{
	discard_list(fs, fs->queued);
	discard_list(fs, fs->parked);
	fs->queued = NULL;
	fs->queued_end = &fs->queued;
	fs->parked = NULL;
	assert(fs->waiting_bytes == 0);
}
