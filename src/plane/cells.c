/* Units of an unframed stream: cells, the bytes [k*cell, (k+1)*cell).
 *
 * A cell is judged at its first byte. Effects that stream apply as its bytes arrive;
 * those that need it whole, and rules that read its bytes, make it wait for its end, the
 * end of the stream, or `hold` (see enum cell_mode).
 */
#include "plane/flow.h"

#include <assert.h>

static int64_t now_of(const struct flow_side *fs)
{
	return fs->flow->engine->now_ns;
}

static size_t cell_size(const struct flow_side *fs)
{
	return framer_cell_bytes(&fs->flow->proxy->framer);
}

static void cell_free(struct flow_side *fs)
{
	engine_cell_give(fs->flow->engine, fs->cell);
	fs->cell = NULL;
}

/* The first byte of a cell is there: judged now unless a rule has to read it. */
static void cell_begin(struct flow_side *fs)
{
	struct flow *flow = fs->flow;
	struct cell *cell = engine_cell_take(flow->engine);

	flow_side_update(fs);
	fs->cell = cell;
	cell->unit = (struct unit){.extent_bytes = cell_size(fs), .run_ns = now_of(fs)};
	cell->class = decide_identify(flow->lane, fs->side, span_str("raw"), &cell->unit);
	if (decide_needs_whole(flow->lane, fs->side) || flow->proxy->watched) {
		cell->mode = CELL_JUDGE;
		return;
	}
	cell->logged = judge_fire(fs, &cell->unit, &cell->decision);
	/* A cell that the log of its lane does not know had not become whole, where that
	 * was needed, or else it would be there: no byte of it had left. */
	if (cell->decision.needs_whole || (fs->script && !cell->logged &&
					   decide_may_need_whole(flow->lane, fs->side))) {
		cell->mode = CELL_APPLY;
		return;
	}
	cell->mode = CELL_STREAM;
	fs->stats.units_in++;
	judge_apply(fs, &cell->unit, cell->logged, &cell->decision);
	if (cell->decision.verdict != VERDICT_PASS) {
		turn_give_up(flow->engine, cell->logged);
	}
	if (cell->decision.faulty) {
		record_unit(&flow->engine->line,
			    &(struct record_unit){
				    .lane = flow->lane->name,
				    .side = fs->side,
				    .unit = &cell->unit,
				    .decision = &cell->decision,
				    .at_ns = now_of(fs),
				    .due_ns = emit_due(fs, cell->decision.delay_ns),
				    .number = UINT64_MAX,
			    });
		judge_record(fs, &cell->decision);
	}
}

/* A gathered cell is whole, or as whole as it will be. */
static void cell_whole(struct flow_side *fs, struct span bytes, enum record_late late)
{
	struct cell *cell = fs->cell;

	cell->unit.bytes = bytes;
	cell->unit.whole = true;
	if (cell->mode == CELL_JUDGE) {
		cell->logged = judge_fire(fs, &cell->unit, &cell->decision);
	}
	judge_apply(fs, &cell->unit, cell->logged, &cell->decision);
	judge_finish(fs, &cell->unit, cell->class, &cell->decision, cell->logged, late);
	if (late == RECORD_LATE && !fs->dead) {
		cell->mode = CELL_REST;
	} else {
		cell_free(fs);
	}
}

/* The line of a streaming cell whose last byte is known. */
static void cell_record_end(struct flow_side *fs, bool leaves_at_once)
{
	struct engine *engine = fs->flow->engine;
	struct cell *cell = fs->cell;
	struct record_unit record = {
		.lane = fs->flow->lane->name,
		.side = fs->side,
		.unit = &cell->unit,
		.len_bytes = cell->done,
		.digest = digest_value(cell->digest),
		.digest_known = true,
		.decision = &cell->decision,
		.at_ns = engine->now_ns,
		.due_ns = engine->now_ns,
		.number = leaves_at_once ? engine->next_number++ : UINT64_MAX,
	};

	judge_compare(fs, &cell->unit, record.len_bytes, record.digest);
	if (cell->decision.faulty) {
		record_cell_end(&engine->line, &record);
	} else {
		record_unit(&engine->line, &record);
	}
	judge_record(fs, &cell->decision);
}

static bool cell_cuts(const struct cell *cell)
{
	return cell->decision.verdict == VERDICT_RESET ||
	       cell->decision.verdict == VERDICT_CLOSE;
}

/* Sends one part of a streaming cell on, `last` with it when the cell ends here. */
static void cell_pass(struct flow_side *fs, struct span part, bool last)
{
	struct cell *cell = fs->cell;
	struct decision *d = &cell->decision;
	struct text patched = {0};
	struct emit_unit what = {
		.bytes = part,
		.units = last,
		.class = cell->class,
		.k = cell->unit.k,
		.logged = last ? cell->logged : NULL,
	};

	if (decision_patches_any(d, cell->done, part.len)) {
		text_bytes(&patched, part.data, part.len);
		decision_patch_bytes(d, cell->done, (uint8_t *)patched.data, patched.len);
		what.bytes = span_of(patched.data, patched.len);
	}
	digest_add(cell->digest, part);
	cell->done += part.len;
	if (last) {
		cell_record_end(fs, emit_is_immediate(fs, d->delay_ns, what.logged));
	}
	emit_part(fs, &what, d->delay_ns);
	text_done(&patched);
}

/* A streaming cell takes bytes; returns how many. */
static size_t cell_stream(struct flow_side *fs, struct span bytes)
{
	struct cell *cell = fs->cell;
	struct decision *d = &cell->decision;
	uint64_t end = cell_size(fs);
	bool cuts = cell_cuts(cell) && d->cut_at <= end;
	struct span part;

	if (cuts) {
		end = d->cut_at;
	}
	part = span_sub(bytes, 0, (size_t)(end - cell->done));
	fs->stats.bytes_in += part.len;
	if (d->verdict == VERDICT_DROP) {
		fs->stats.bytes_dropped += part.len;
		digest_add(cell->digest, part);
		cell->done += part.len;
		if (cell->done == end) {
			cell_record_end(fs, false);
			fs->stats.units_dropped++;
		}
	} else if (part.len) {
		cell_pass(fs, part, !cell_cuts(cell) && cell->done + part.len == end);
	}
	if (cell->done < end) {
		return part.len;
	}
	if (cell_cuts(cell)) {
		cell_record_end(fs, false);
		fs->stats.units_dropped++;
		judge_cut(fs, d);
	}
	cell_free(fs);
	emit_unit_passed(fs);
	return part.len;
}

/* A whole cell is at hand and nothing about it waits: no state, no copy. False when it is
 * not that simple; then nothing has happened. */
static bool cell_at_once(struct flow_side *fs, struct span bytes)
{
	size_t size = cell_size(fs);
	struct flow *flow = fs->flow;
	struct cell *cell;

	if (bytes.len < size || flow_late_bytes(fs)) {
		return false;
	}
	cell_begin(fs);
	cell = fs->cell;
	if (cell->mode != CELL_STREAM) {
		cell_whole(fs, span_sub(bytes, 0, size), RECORD_ON_TIME);
	} else if (cell->decision.faulty) {
		return false;
	} else {
		struct emit_unit what = {
			.bytes = span_sub(bytes, 0, size),
			.units = 1,
			.class = cell->class,
			.k = cell->unit.k,
			.logged = cell->logged,
		};
		bool at_once = emit_is_immediate(fs, 0, what.logged);
		uint64_t digest = digest_of(what.bytes);

		judge_compare(fs, &cell->unit, size, digest);
		record_unit(&flow->engine->line,
			    &(struct record_unit){
				    .lane = flow->lane->name,
				    .side = fs->side,
				    .unit = &cell->unit,
				    .len_bytes = size,
				    .digest = digest,
				    .digest_known = true,
				    .decision = &cell->decision,
				    .at_ns = now_of(fs),
				    .due_ns = emit_due(fs, 0),
				    .number = at_once ? flow->engine->next_number++
						      : UINT64_MAX,
			    });
		judge_record(fs, &cell->decision);
		fs->stats.bytes_in += size;
		cell_free(fs);
		emit_part(fs, &what, 0);
		emit_unit_passed(fs);
	}
	return true;
}

static size_t cell_gather(struct flow_side *fs, struct span bytes)
{
	size_t late = flow_late_bytes(fs);
	bool goes_late = late > 0 && late < cell_size(fs) && late >= fs->cell->done &&
			 fs->cell->done + bytes.len > late;
	size_t end = goes_late ? late : cell_size(fs);
	struct span part = span_sub(bytes, 0, end - (size_t)fs->cell->done);

	text_bytes(&fs->inbuf, part.data, part.len);
	fs->cell->done += part.len;
	if (fs->cell->done == end) {
		fs->flow->engine->counts.late_units += goes_late;
		cell_whole(fs, span_of(fs->inbuf.data, fs->inbuf.len),
			   goes_late ? RECORD_LATE : RECORD_ON_TIME);
		text_done(&fs->inbuf);
	}
	return part.len;
}

static size_t cell_rest(struct flow_side *fs, struct span bytes)
{
	struct span part = span_sub(bytes, 0, cell_size(fs) - (size_t)fs->cell->done);

	judge_pass(fs, part, 0);
	fs->cell->done += part.len;
	if (fs->cell->done == cell_size(fs)) {
		cell_free(fs);
	}
	return part.len;
}

static size_t intake_cell(struct flow_side *fs, struct span bytes)
{
	if (!fs->cell) {
		if (cell_at_once(fs, bytes)) {
			return cell_size(fs);
		}
		if (!fs->cell) {
			cell_begin(fs);
		}
	}
	switch (fs->cell->mode) {
	case CELL_JUDGE:
	case CELL_APPLY:
		return cell_gather(fs, bytes);
	case CELL_STREAM:
		return cell_stream(fs, bytes);
	case CELL_REST:
		return cell_rest(fs, bytes);
	}
	return bytes.len;
}

void cells_take(struct flow_side *fs, struct span bytes)
{
	while (bytes.len && !fs->dead && !fs->flow->cut) {
		bytes = span_from(bytes, intake_cell(fs, bytes));
	}
}

/* A streaming cell ends before its nominal size. */
static void cell_end_short(struct flow_side *fs)
{
	struct cell *cell = fs->cell;
	struct decision *d = &cell->decision;

	switch (d->verdict) {
	case VERDICT_PASS:
		cell_pass(fs, span_of(NULL, 0), true);
		break;
	case VERDICT_DROP:
		cell_record_end(fs, false);
		fs->stats.units_dropped++;
		break;
	case VERDICT_RESET:
	case VERDICT_CLOSE:
		cell_record_end(fs, false);
		fs->stats.units_dropped++;
		judge_cut(fs, d);
		break;
	case NUM_VERDICT:
		assert(false);
	}
	cell_free(fs);
	emit_unit_passed(fs);
}

void cells_late(struct flow_side *fs, struct span waiting)
{
	cell_whole(fs, waiting, RECORD_LATE);
}

void cells_end(struct flow_side *fs, struct span waiting)
{
	switch (fs->cell->mode) {
	case CELL_JUDGE:
	case CELL_APPLY:
		cell_whole(fs, waiting, RECORD_ON_TIME);
		break;
	case CELL_STREAM:
		cell_end_short(fs);
		break;
	case CELL_REST:
		cell_free(fs);
		break;
	}
}

bool cells_abandon(struct flow_side *fs, bool record)
{
	struct cell *cell = fs->cell;
	bool streaming = cell && cell->mode == CELL_STREAM;

	if (streaming) {
		/* Its bytes have left already: its line must not be missing. */
		if (record) {
			cell_record_end(fs, false);
		}
		if (cell->decision.verdict == VERDICT_PASS) {
			fs->stats.units_out++;
		} else {
			fs->stats.units_dropped++;
		}
	}
	if (cell) {
		cell_free(fs);
	}
	return streaming;
}
