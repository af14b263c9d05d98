#include "app/shrink_fault.h"

#include "app/log_common.h"
#include "base/quantity.h"
#include "core/action.h"

#include <stdlib.h>

/* --- edits, one on top of the other, as changes of what came in --- */

enum piece_kind {
	PIECE_KEPT,  /* bytes of the unit as it came in */
	PIECE_GONE,  /* the same, that an edit took out */
	PIECE_ADDED, /* bytes that an edit put in */
};

/* The unit as edited, from front to back, with what is gone where it stood. */
struct piece {
	enum piece_kind kind;
	uint64_t at;  /* KEPT: offset in the unit as it came in */
	uint64_t len; /* KEPT */
	struct span bytes;
};

struct pieces {
	struct piece *list;
	size_t num, cap;
};

static struct piece *piece_insert(struct pieces *p, size_t at, struct piece piece)
{
	if (p->num == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->list = xrealloc(p->list, p->cap * sizeof(*p->list));
	}
	memmove(p->list + at + 1, p->list + at, (p->num - at) * sizeof(*p->list));
	p->num++;
	p->list[at] = piece;
	return &p->list[at];
}

static void piece_remove(struct pieces *p, size_t at)
{
	p->num--;
	memmove(p->list + at, p->list + at + 1, (p->num - at) * sizeof(*p->list));
}

/* As it is seen now. */
static uint64_t piece_len(const struct piece *piece)
{
	switch (piece->kind) {
	case PIECE_KEPT:
		return piece->len;
	case PIECE_GONE:
		return 0;
	case PIECE_ADDED:
		break;
	}
	return piece->bytes.len;
}

/* Leaves so many bytes to the piece; the rest is a piece behind it. */
static void piece_split(struct pieces *p, size_t i, uint64_t len)
{
	struct piece *piece = &p->list[i], rest = *piece;

	if (piece->kind == PIECE_KEPT) {
		rest.at += len;
		rest.len -= len;
		piece->len = len;
	} else {
		rest.bytes = span_from(rest.bytes, (size_t)len);
		piece->bytes = span_sub(piece->bytes, 0, (size_t)len);
	}
	piece_insert(p, i + 1, rest);
}

/* The place of the piece that begins at this offset; false: the unit is shorter. What is
 * gone there stays in front. */
static bool piece_find(struct pieces *p, uint64_t offset, size_t *out)
{
	size_t i = 0;

	for (; i < p->num; i++) {
		uint64_t len = piece_len(&p->list[i]);

		if (offset == 0 && len > 0) {
			break;
		}
		if (offset < len) {
			piece_split(p, i, offset);
			len = offset;
		}
		offset -= len;
	}
	*out = i;
	return offset == 0;
}

/* Takes these bytes out from the piece on; *out is the place behind them. False: the unit
 * is shorter. */
static bool take_out(struct pieces *p, size_t i, struct span old, size_t *out)
{
	while (old.len > 0) {
		uint64_t len;

		if (i == p->num) {
			return false;
		}
		len = piece_len(&p->list[i]);
		if (len > old.len) {
			piece_split(p, i, old.len);
			len = old.len;
		}
		if (p->list[i].kind == PIECE_ADDED && len > 0) {
			piece_remove(p, i);
		} else {
			if (p->list[i].kind == PIECE_KEPT) {
				p->list[i].kind = PIECE_GONE;
				p->list[i].bytes = span_sub(old, 0, (size_t)len);
			}
			i++;
		}
		old = span_from(old, (size_t)len);
	}
	*out = i;
	return true;
}

static bool apply_edit(struct pieces *p, const struct edit *edit, const uint8_t *bytes)
{
	struct span old = span_of(bytes + edit->old_from, edit->old_len);
	struct span new = span_of(bytes + edit->new_from, edit->new_len);
	size_t at;

	if (!piece_find(p, edit->at, &at) || !take_out(p, at, old, &at)) {
		return false;
	}
	if (new.len > 0) {
		piece_insert(p, at, (struct piece){.kind = PIECE_ADDED, .bytes = new});
	}
	return true;
}

/* --- changes, as small as they can be --- */

struct change_maker {
	struct arena *arena;
	struct deed *out;
	uint64_t at; /* where old began */
	struct text old, new;
};

static bool add_change(struct change_maker *m, uint64_t at, struct span old,
		       struct span new)
{
	if (m->out->num_changes == CHANGES_MAX) {
		return false;
	}
	m->out->changes[m->out->num_changes++] = (struct change){at, old, new};
	return true;
}

/* What was gathered since the last kept byte. */
static bool put_changes(struct change_maker *m)
{
	struct span old =
		span_of(arena_copy_span(m->arena, span_of(m->old.data, m->old.len)),
			m->old.len);
	struct span new =
		span_of(arena_copy_span(m->arena, span_of(m->new.data, m->new.len)),
			m->new.len);
	bool fits = true;
	size_t same = 0;

	text_clear(&m->old);
	text_clear(&m->new);
	if (old.len == new.len) {
		for (size_t i = 0; i < old.len && fits; i++) {
			if (old.data[i] != new.data[i]) {
				fits = add_change(m, m->at + i, span_sub(old, i, 1),
						  span_sub(new, i, 1));
			}
		}
		return fits;
	}
	while (same < old.len && same < new.len &&old.data[same] == new.data[same]) {
		same++;
	}
	old = span_from(old, same);
	new = span_from(new, same);
	while (old.len && new.len && old.data[old.len - 1] == new.data[new.len - 1]) {
		old.len--;
		new.len--;
	}
	return add_change(m, m->at + same, old, new);
}

static bool make_changes(const struct pieces *p, struct change_maker *m)
{
	uint64_t at = 0;

	for (size_t i = 0; i < p->num; i++) {
		const struct piece *piece = &p->list[i];

		switch (piece->kind) {
		case PIECE_KEPT:
			if (piece->len > 0 && !put_changes(m)) {
				return false;
			}
			at += piece->len;
			m->at = piece->len > 0 ? at : m->at;
			break;
		case PIECE_GONE:
			text_bytes(&m->old, piece->bytes.data, piece->bytes.len);
			at += piece->bytes.len;
			break;
		case PIECE_ADDED:
			text_bytes(&m->new, piece->bytes.data, piece->bytes.len);
			break;
		}
	}
	return put_changes(m);
}

bool changes_of_edits(const struct edit *edits, size_t num, const uint8_t *bytes,
		      uint64_t unit_bytes, struct arena *arena, struct deed *out)
{
	struct pieces p = {0};
	struct change_maker m = {.arena = arena, .out = out};
	struct change *room;
	bool fits = num <= CHANGES_MAX;

	out->num_changes = 0;
	if (num == 0) {
		return true;
	}
	room = xcalloc(CHANGES_MAX, sizeof(*room));
	out->changes = room;
	piece_insert(&p, 0, (struct piece){.kind = PIECE_KEPT, .len = unit_bytes});
	for (size_t i = 0; i < num && fits; i++) {
		fits = apply_edit(&p, &edits[i], bytes);
	}
	fits = fits && make_changes(&p, &m);
	out->changes = arena_take_array(arena, out->num_changes, sizeof(*room));
	if (out->num_changes > 0) {
		memcpy(out->changes, room, out->num_changes * sizeof(*room));
	}
	free(room);
	free(p.list);
	text_done(&m.old);
	text_done(&m.new);
	return fits;
}

/* --- faults --- */

static void read_deed(const struct replay_unit *unit, struct arena *arena,
		      struct fault *out)
{
	const struct replay_said *said = unit->said;
	struct decision d = {0};

	for (size_t i = 0; i < said->num_effects; i++) {
		const struct effect *effect = &said->effects[i];

		if (effect->action->row->enact) {
			effect->action->row->enact(effect->action, effect, &d);
		}
	}
	out->deed = (struct deed){
		.mend = said->fixup && strcmp(said->fixup, "length") == 0,
		.delay_ns = d.delay_ns,
		.reorder_gap = d.reorder_gap,
		.copies = d.copies,
		.copies_gap = d.copies_gap,
		.hold_ns = d.hold_ns,
		.verdict = d.verdict,
		.cut_at = d.cut_at,
	};
	out->known = said->edits_known &&
		     changes_of_edits(said->edits, said->num_edits, said->edit_bytes,
				      unit->len_bytes, arena, &out->deed);
}

static void add_side(const struct replay_side *side, struct fault_list *out)
{
	struct text id = {0};

	for (size_t i = 0; i < side->num_units; i++) {
		const struct replay_unit *unit = side->units[i];
		struct fault *fault = &out->faults[out->num];

		if (!unit->faulty) {
			continue;
		}
		text_clear(&id);
		text_identity(&id, side->lane->name, side->side, unit->class, unit->k);
		*fault = (struct fault){
			.id = arena_copy_text(&out->arena, text_cstr(&id)),
			.lane = side->lane->name,
			.class = unit->class,
			.side = side->side,
			.k = unit->k,
			.line = unit->line,
		};
		read_deed(unit, &out->arena, fault);
		out->num++;
	}
	text_done(&id);
}

static int compare_lines(const void *left, const void *right)
{
	const struct fault *a = left, *b = right;

	return a->line < b->line ? -1 : a->line > b->line;
}

void fault_list_read(const struct replay *replay, struct fault_list *out)
{
	*out = (struct fault_list){0};
	out->faults = xcalloc((size_t)replay->num_faults + 1, sizeof(*out->faults));
	for (const struct replay_lane *lane = replay->lanes; lane;
	     lane = lane->next_added) {
		for (int side = 0; side < NUM_SIDE; side++) {
			add_side(&lane->sides[side], out);
		}
	}
	qsort(out->faults, out->num, sizeof(*out->faults), compare_lines);
}

void fault_list_done(struct fault_list *list)
{
	free(list->faults);
	arena_done(&list->arena);
	*list = (struct fault_list){0};
}

/* --- words --- */

static void put_part(struct text *out, size_t from, const char *part)
{
	if (out->len > from) {
		text_str(out, ", ");
	}
	text_str(out, part);
}

static void put_changed(const struct deed *deed, struct text *out)
{
	size_t gone = 0, added = 0;

	for (size_t i = 0; i < deed->num_changes; i++) {
		gone += deed->changes[i].old.len;
		added += deed->changes[i].new.len;
	}
	if (gone == added) {
		text_format(out, "%zu byte%s changed", gone, gone == 1 ? "" : "s");
	} else if (gone == 0) {
		text_format(out, "%zu byte%s put in", added, added == 1 ? "" : "s");
	} else if (added == 0) {
		text_format(out, "%zu byte%s taken out", gone, gone == 1 ? "" : "s");
	} else {
		text_format(out, "%zu byte%s replaced by %zu", gone, gone == 1 ? "" : "s",
			    added);
	}
}

void deed_describe(const struct deed *deed, struct text *out)
{
	size_t from = out->len;

	if (deed->num_changes) {
		put_changed(deed, out);
	}
	if (deed->delay_ns) {
		put_part(out, from, "delayed by ");
		text_ns(out, deed->delay_ns);
	}
	if (deed->reorder_gap) {
		put_part(out, from, "sent behind ");
		text_format(out, "%ju more", (uintmax_t)deed->reorder_gap);
	}
	if (deed->copies) {
		put_part(out, from, "sent again ");
		text_format(out, "%ju times", (uintmax_t)deed->copies);
		if (deed->copies_gap) {
			text_format(out, " behind %ju more", (uintmax_t)deed->copies_gap);
		}
	}
	switch (deed->verdict) {
	case VERDICT_PASS:
	case NUM_VERDICT:
		break;
	case VERDICT_DROP:
		put_part(out, from, "dropped");
		break;
	case VERDICT_RESET:
	case VERDICT_CLOSE:
		put_part(out, from, verdict_name(deed->verdict));
		text_format(out, " at byte %ju", (uintmax_t)deed->cut_at);
		break;
	}
	if (out->len == from) {
		text_str(out, "nothing changed");
	}
}
