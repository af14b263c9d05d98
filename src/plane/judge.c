/* One whole unit: judged, recorded, and handed on as decided. The line comes before the
 * effect. */
#include "plane/flow.h"

#include <assert.h>
#include <stdlib.h>

/* The edited length goes into the framer's length field, or the log says that it did not.
 * */
static void fix_length(struct flow_side *fs, const struct unit *unit, struct decision *d)
{
	const struct framer *framer = &fs->flow->proxy->framer;
	uint8_t *fixed;
	size_t len;

	if (!d->rewritten || d->bytes.len == unit->bytes.len || fs->raw ||
	    !framer->row->fix_length || d->fixup) {
		return; /* a replay's edits have the mending in them */
	}
	d->fixup = "none";
	len = d->bytes.len;
	if (!d->fix_length || len == 0) {
		return;
	}
	fixed = xmalloc(len);
	memcpy(fixed, d->bytes.data, len);
	if (framer->row->fix_length(framer, fixed, len)) {
		size_t first = 0, last = len;

		while (first < len && fixed[first] == (uint8_t)d->bytes.data[first]) {
			first++;
		}
		while (last > first &&
		       fixed[last - 1] == (uint8_t)d->bytes.data[last - 1]) {
			last--;
		}
		d->fixup = "length";
		if (first < last) {
			decision_edit(d, unit->bytes, first, last - first,
				      span_of(fixed + first, last - first));
		}
	}
	free(fixed);
}

void judge_record(struct flow_side *fs, const struct decision *d)
{
	if (d->faulty) {
		fs->flow->fault_commit = fs->flow->engine->commits + 1;
	}
	engine_write(fs->flow->engine, d->faulty);
}

/* One of a decision's parked emissions, the n-th by how many successors it waits for. In
 * a replay those that were late then are the last of them: all have one `hold`. */
static void park(struct flow_side *fs, const struct emit_unit *what,
		 const struct decision *d, uint64_t gap, uint64_t n)
{
	const struct replay_said *said = what->logged ? what->logged->said : NULL;
	uint64_t num = (d->reorder_gap > 0) + (d->copies_gap ? d->copies : 0);
	uint64_t from = said && said->num_late < num ? num - said->num_late : 0;

	bool late = said && n >= from && n - from < said->num_late;

	emit_park(fs, what, gap, late ? &said->late[n - from] : NULL, d->delay_ns,
		  d->hold_ns);
}

/* The copies and, unless it was parked, the unit itself. */
static void emit_passing(struct flow_side *fs, const struct emit_unit *what,
			 const struct decision *d)
{
	bool copies_first = d->copies_gap && d->copies_gap < d->reorder_gap;

	if (d->reorder_gap) {
		park(fs, what, d, d->reorder_gap, copies_first ? d->copies : 0);
	} else {
		emit_bytes(fs, what, d->delay_ns);
	}
	for (uint64_t i = 0; i < d->copies; i++) {
		fs->stats.units_copies++;
		fs->stats.bytes_copies += what->bytes.len;
		if (d->copies_gap) {
			park(fs, what, d, d->copies_gap,
			     i + (d->reorder_gap && !copies_first));
		} else {
			emit_copy(fs, what, d->delay_ns);
		}
	}
}

/* The flow ends at this unit. */
void judge_cut(struct flow_side *fs, const struct decision *d)
{
	fs->dead = true;
	emit_mark(fs, d->verdict == VERDICT_RESET ? EMIT_RESET : EMIT_CLOSE, d->delay_ns);
}

static void emit_whole(struct flow_side *fs, const struct emit_unit *what,
		       const struct decision *d)
{
	struct emit_unit front = *what;

	emit_late_first(fs);
	if (d->verdict != VERDICT_PASS) {
		turn_give_up(fs->flow->engine, what->logged);
	}
	switch (d->verdict) {
	case VERDICT_PASS:
		emit_passing(fs, what, d);
		break;
	case VERDICT_DROP:
		fs->stats.units_dropped++;
		fs->stats.bytes_dropped += what->bytes.len;
		break;
	case VERDICT_RESET:
	case VERDICT_CLOSE:
		front.units = 0;
		front.bytes = span_sub(what->bytes, 0, (size_t)d->cut_at);
		fs->stats.units_dropped++;
		fs->stats.bytes_dropped += what->bytes.len - front.bytes.len;
		if (front.bytes.len) {
			emit_bytes(fs, &front, d->delay_ns);
		}
		judge_cut(fs, d);
		break;
	case NUM_VERDICT:
		assert(false);
	}
	emit_unit_passed(fs);
}

struct replay_unit *judge_fire(struct flow_side *fs, const struct unit *unit,
			       struct decision *d)
{
	const struct replay *replay = fs->flow->engine->options.replay;
	struct replay_unit *logged = NULL;

	if (replay) {
		reenact_fire(replay, fs->script, fs->flow->lane, fs->side, unit, d,
			     &logged);
		if (logged && logged->masked) {
			/* Its places were those of the fault. */
			turn_give_up(fs->flow->engine, logged);
		}
	} else {
		decide_fire(fs->flow->lane, fs->side, unit, d);
	}
	return logged;
}

void judge_apply(struct flow_side *fs, const struct unit *unit,
		 const struct replay_unit *logged, struct decision *d)
{
	if (fs->script) {
		reenact_apply(fs->flow->lane, fs->side, unit, logged, d);
	} else {
		decide_apply(unit, d);
	}
}

void judge_compare(struct flow_side *fs, const struct unit *unit, uint64_t len_bytes,
		   uint64_t digest)
{
	if (fs->script) {
		replay_note(fs->script,
			    &(struct replay_seen){
				    .class = unit->class,
				    .k = unit->k,
				    .len_bytes = len_bytes,
				    .digest = digest,
			    },
			    true);
	}
}

/* Whoever looks on sees the unit as it came in. */
static void show(struct flow_side *fs, const struct unit *unit)
{
	struct flow *flow = fs->flow;
	const struct engine_options *options = &flow->engine->options;
	const char *note;

	if (!options->watch || !flow->proxy->watched) {
		return;
	}
	note = options->watch(options->watch_ctx, &(struct watched_unit){
							  .proxy = flow->proxy->name,
							  .lane = flow->lane->name,
							  .addrs = &flow->addrs,
							  .side = fs->side,
							  .unit = unit,
							  .at_ns = flow->engine->now_ns,
						  });
	if (note) {
		flow_note(flow, fs, "watch", note);
	}
}

/* A whole unit whose decision is made: record, then effect. */
void judge_finish(struct flow_side *fs, const struct unit *unit,
		  const struct lane_class *class, struct decision *d,
		  struct replay_unit *logged, enum record_late late)
{
	struct engine *engine = fs->flow->engine;
	uint64_t digest = digest_of(unit->bytes);
	struct emit_unit what;
	bool at_once;

	fix_length(fs, unit, d);
	what = (struct emit_unit){
		.bytes = decision_bytes(d, unit->bytes),
		.units = 1,
		.class = class,
		.k = unit->k,
		.logged = logged,
	};
	at_once = d->verdict == VERDICT_PASS && d->reorder_gap == 0 &&
		  emit_is_immediate(fs, d->delay_ns, logged);
	judge_compare(fs, unit, unit->bytes.len, digest);
	record_unit(&engine->line,
		    &(struct record_unit){
			    .lane = fs->flow->lane->name,
			    .side = fs->side,
			    .unit = unit,
			    .len_bytes = unit->bytes.len,
			    .digest = digest,
			    .digest_known = true,
			    .late = late,
			    .decision = d,
			    .at_ns = engine->now_ns,
			    .due_ns = at_once || d->verdict != VERDICT_PASS
					      ? engine->now_ns
					      : emit_due(fs, d->delay_ns),
			    .number = at_once ? engine->next_number++ : UINT64_MAX,
		    });
	judge_record(fs, d);
	show(fs, unit);
	fs->stats.units_in++;
	fs->stats.bytes_in += unit->bytes.len;
	if (what.bytes.len > unit->bytes.len) {
		fs->stats.bytes_grown += what.bytes.len - unit->bytes.len;
	} else {
		fs->stats.bytes_shrunk += unit->bytes.len - what.bytes.len;
	}
	emit_whole(fs, &what, d);
}

void judge_whole(struct flow_side *fs, struct span bytes, struct span class)
{
	struct flow *flow = fs->flow;
	struct decision *d = &flow->engine->decision;
	struct unit unit = {
		.bytes = bytes,
		.whole = true,
		.extent_bytes = bytes.len,
		.run_ns = fs->flow->engine->now_ns,
	};
	const struct lane_class *entry;
	struct replay_unit *logged;

	flow_side_update(fs);
	entry = decide_identify(flow->lane, fs->side, class, &unit);
	logged = judge_fire(fs, &unit, d);
	judge_apply(fs, &unit, logged, d);
	judge_finish(fs, &unit, entry, d, logged, RECORD_ON_TIME);
}

/* What is there of a unit goes on unjudged, under a class of its own. */
void judge_late(struct flow_side *fs, struct span bytes)
{
	struct engine *engine = fs->flow->engine;
	struct lane *lane = fs->flow->lane;
	struct unit unit = {.bytes = bytes, .whole = true};
	struct emit_unit what = {.bytes = bytes, .units = 1};
	uint64_t digest = digest_of(bytes);
	bool at_once;

	what.class = decide_identify(lane, fs->side, span_str("late"), &unit);
	what.k = unit.k;
	if (fs->script) {
		what.logged = replay_unit_find(fs->script, unit.class, unit.k);
	}
	emit_late_first(fs);
	at_once = emit_is_immediate(fs, 0, what.logged);
	judge_compare(fs, &unit, bytes.len, digest);
	record_unit(&engine->line,
		    &(struct record_unit){
			    .lane = lane->name,
			    .side = fs->side,
			    .unit = &unit,
			    .len_bytes = bytes.len,
			    .digest = digest,
			    .digest_known = true,
			    .late = RECORD_LATE,
			    .at_ns = engine->now_ns,
			    .due_ns = emit_due(fs, 0),
			    .number = at_once ? engine->next_number++ : UINT64_MAX,
		    });
	engine_write(engine, false);
	fs->stats.units_in++;
	fs->stats.bytes_in += bytes.len;
	emit_bytes(fs, &what, 0);
	emit_unit_passed(fs);
}

/* Bytes that nobody judges. */
void judge_pass(struct flow_side *fs, struct span bytes, uint64_t units)
{
	struct emit_unit what = {.bytes = bytes, .units = units};

	fs->stats.units_in += units;
	fs->stats.bytes_in += bytes.len;
	emit_part(fs, &what, 0);
}
