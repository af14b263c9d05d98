/* Bytes become units. See flow.h for the theory of operation.
 *
 * Everything here must give the same units, decisions and log lines however the bytes
 * were cut into reads (P2): a unit's line is written when its last byte is in, a
 * streaming cell's effects depend on offsets in the cell, and bytes count as "in" only
 * when a unit has taken them.
 */
#include "plane/flow.h"

#include <assert.h>

void intake_datagram(struct flow_side *fs, struct span bytes)
{
	char scratch[64];
	const struct framer *framer = &fs->flow->proxy->framer;

	if (!fs->touched || fs->flow->engine->faults_stopped) {
		judge_pass(fs, bytes, 1);
		return;
	}
	judge_whole(fs, bytes, framer->row->class_of(framer, bytes, scratch));
}

/* What is left of the inbuf after its first `used` bytes. */
static void inbuf_drop(struct flow_side *fs, size_t used)
{
	struct text *inbuf = &fs->inbuf;

	if (used >= inbuf->len) {
		text_done(inbuf);
		return;
	}
	if (used) {
		memmove(inbuf->data, inbuf->data + used, inbuf->len - used);
		inbuf->len -= used;
	}
}

static void fall_back(struct flow_side *fs, struct span bytes)
{
	struct text rest = {0};

	fs->raw = true;
	flow_note(fs->flow, fs, "framer-fallback",
		  "not this protocol, or a unit above the framer's max: raw cells from "
		  "here");
	/* The bytes may lie in the inbuf, which cells use for themselves. */
	text_bytes(&rest, bytes.data, bytes.len);
	text_done(&fs->inbuf);
	if (fs->forwarded) {
		size_t gone = fs->forwarded;

		fs->forwarded = 0;
		cells_take(fs, span_from(span_of(rest.data, rest.len), gone));
	} else {
		cells_take(fs, span_of(rest.data, rest.len));
	}
	text_done(&rest);
}

/* One unit that the framer cut; or the rest of one that went on late. */
static void intake_unit(struct flow_side *fs, struct span unit)
{
	const struct framer *framer = &fs->flow->proxy->framer;
	char scratch[64];

	fs->frame.scanned = 0;
	if (fs->forwarded) {
		struct span rest = span_from(unit, fs->forwarded);

		fs->forwarded = 0;
		judge_pass(fs, rest, 0);
	} else {
		judge_whole(fs, unit, framer->row->class_of(framer, unit, scratch));
	}
}

/* In the log that is replayed the unit at hand went on incomplete. So it does now, unless
 * so many bytes are a whole one, or none, this time: when `hold` has run out on them, or
 * more are there already. False: neither yet. */
static bool intake_late_again(struct flow_side *fs, struct span front)
{
	const struct framer *framer = &fs->flow->proxy->framer;
	size_t late = flow_late_bytes(fs), len;

	if (late == 0 || fs->forwarded ||
	    framer->row->cut(framer, &fs->frame, span_sub(front, 0, late), &len) !=
		    FRAME_MORE) {
		return true;
	}
	if (front.len <= late) {
		return false;
	}
	fs->flow->engine->counts.late_units++;
	judge_late(fs, span_sub(front, 0, late));
	fs->forwarded = late;
	return true;
}

static void intake_frames(struct flow_side *fs, struct span bytes)
{
	const struct framer *framer = &fs->flow->proxy->framer;
	bool buffered = fs->inbuf.len > 0;
	struct span front = bytes;
	size_t at = 0;

	if (buffered) {
		text_bytes(&fs->inbuf, bytes.data, bytes.len);
		front = span_of(fs->inbuf.data, fs->inbuf.len);
	}
	while (at < front.len && !fs->dead && !fs->flow->cut) {
		size_t len = 0;
		enum frame_result result;

		if (!intake_late_again(fs, span_from(front, at))) {
			break;
		}
		result = framer->row->cut(framer, &fs->frame, span_from(front, at), &len);
		if (result == FRAME_BAD) {
			fall_back(fs, span_from(front, at));
			return;
		}
		if (result == FRAME_MORE) {
			break;
		}
		assert(len >= 1 && len <= front.len - at);
		intake_unit(fs, span_sub(front, at, len));
		at += len;
	}
	if (fs->dead || fs->flow->cut) {
		text_done(&fs->inbuf);
	} else if (buffered) {
		inbuf_drop(fs, at);
	} else if (at < front.len) {
		text_bytes(&fs->inbuf, front.data + at, front.len - at);
	}
}

static bool gathering(const struct flow_side *fs)
{
	return fs->inbuf.len > fs->forwarded;
}

static int64_t hold_ns(const struct flow_side *fs)
{
	int64_t hold = fs->flow->proxy->hold_ns;
	bool waits = fs->script && replay_expects(fs->script) && fs->forwarded == 0 &&
		     flow_late_bytes(fs) != fs->inbuf.len;

	return waits ? replay_patience_ns(hold) : hold;
}

void intake_bytes(struct flow_side *fs, struct span bytes)
{
	struct engine *engine = fs->flow->engine;

	sched_remove(&engine->sched, &fs->hold.node);
	if (!fs->touched || engine->faults_stopped) {
		judge_pass(fs, bytes, 0);
		return;
	}
	if (fs->raw) {
		cells_take(fs, bytes);
	} else {
		intake_frames(fs, bytes);
	}
	if (gathering(fs) && !fs->dead && !fs->flow->cut) {
		sched_add(&engine->sched, &fs->hold.node, engine->now_ns + hold_ns(fs));
	}
}

void intake_hold_timeout(struct flow_side *fs)
{
	struct engine *engine = fs->flow->engine;
	struct span waiting;

	if (!gathering(fs)) {
		return;
	}
	waiting = span_from(span_of(fs->inbuf.data, fs->inbuf.len), fs->forwarded);
	engine->counts.late_units++;
	if (fs->raw) {
		cells_late(fs, waiting);
		text_done(&fs->inbuf);
		return;
	}
	if (fs->forwarded == 0) {
		judge_late(fs, waiting);
	} else {
		judge_pass(fs, waiting, 0);
	}
	fs->forwarded = fs->inbuf.len;
}

/* What waits in the side when no more will come. */
static void end_open_unit(struct flow_side *fs)
{
	struct span waiting = span_of(fs->inbuf.data, fs->inbuf.len);

	if (fs->cell && waiting.len && flow_late_bytes(fs) == waiting.len) {
		cells_late(fs, waiting);
		if (fs->cell) { /* else the flow ends there */
			cells_end(fs, waiting);
		}
	} else if (fs->cell) {
		cells_end(fs, waiting);
	} else if (fs->forwarded) {
		judge_pass(fs, span_from(waiting, fs->forwarded), 0);
	} else if (waiting.len && flow_late_bytes(fs) == waiting.len) {
		judge_late(fs, waiting);
	} else if (waiting.len) {
		judge_whole(fs, waiting, span_str("partial"));
	}
	fs->forwarded = 0;
	text_done(&fs->inbuf);
}

void intake_end(struct flow_side *fs)
{
	sched_remove(&fs->flow->engine->sched, &fs->hold.node);
	if (fs->dead || fs->flow->cut) {
		return;
	}
	end_open_unit(fs);
	if (!fs->dead) {
		emit_release_parked(fs);
		emit_mark(fs, EMIT_END, 0);
	}
}

void intake_abandon(struct flow_side *fs)
{
	sched_remove(&fs->flow->engine->sched, &fs->hold.node);
	if (!cells_abandon(fs, true) && gathering(fs)) {
		fs->stats.units_in += fs->forwarded == 0;
		fs->stats.units_held += fs->forwarded == 0;
		fs->stats.bytes_in += fs->inbuf.len - fs->forwarded;
		fs->stats.bytes_held += fs->inbuf.len - fs->forwarded;
	}
	text_done(&fs->inbuf);
}

void intake_release(struct flow_side *fs)
{
	sched_remove(&fs->flow->engine->sched, &fs->hold.node);
	if (!fs->flow->lane || fs->flow->cut) {
		return;
	}
	(void)cells_abandon(fs, false);
	if (gathering(fs)) {
		judge_pass(fs,
			   span_from(span_of(fs->inbuf.data, fs->inbuf.len),
				     fs->forwarded),
			   0);
	}
	fs->forwarded = 0;
	text_done(&fs->inbuf);
}
