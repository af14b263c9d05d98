#include "plane/player_compare.h"

#include "base/arena.h"
#include "codec/digest.h"
#include "codec/unitcut.h"
#include "core/lane.h"

#include <stdlib.h>

enum { SHOWN_BEFORE = 12 }; /* bytes in front of the first that differs */

/* A unit that the trace has. */
struct recorded {
	uint64_t at, len; /* in the side's stream */
	uint64_t digest;
	uint64_t k;
	const char *class;
	bool cut; /* the trace ends within it: only its beginning is known */
};

/* What the trace has of the side before a turn. */
struct need {
	uint64_t units; /* complete ones */
	uint64_t bytes; /* 0 while the stream is framed */
	int64_t at_ns;
};

struct compare {
	const struct script_dialog *dialog;
	enum side side;
	struct lane expected_lane, seen_lane; /* count the ordinals of each class */
	struct recorded *recorded;
	size_t num_recorded, cap_recorded;
	struct need *needs; /* by turn, and one for the end */
	uint64_t recorded_bytes;
	struct unitcut cut;
	uint64_t units_waived, bytes_waived;
	uint64_t bytes_seen;
	struct compare_counts counts;
	struct compare_finding first, grave;
};

/* --- the recorded side --- */

static bool is_datagram(const struct script_dialog *dialog)
{
	return dialog->addrs.transport == TRANSPORT_UDP;
}

static void record_unit(void *ctx, struct span unit, struct span class)
{
	struct compare *c = ctx;
	struct lane_class *named = lane_class(&c->expected_lane, c->side, class);

	if (c->num_recorded == c->cap_recorded) {
		c->cap_recorded = 2 * c->cap_recorded + 8;
		c->recorded =
			xrealloc(c->recorded, c->cap_recorded * sizeof(*c->recorded));
	}
	c->recorded[c->num_recorded++] = (struct recorded){
		.at = c->recorded_bytes,
		.len = unit.len,
		.digest = digest_of(unit),
		.class = named->name,
		.k = named->next_k++,
	};
	c->recorded_bytes += unit.len;
}

static void record_all(struct compare *c)
{
	const struct script_dialog *dialog = c->dialog;
	struct need need = {.at_ns = dialog->opened_ns};
	struct unitcut cut;
	uint64_t bytes = 0;
	size_t whole;
	bool ended = false;

	unitcut_init(&cut, &dialog->proxy->framer, is_datagram(dialog));
	for (size_t i = 0; i < dialog->num_turns; i++) {
		const struct turn *turn = &dialog->turns[i];

		c->needs[i] = need;
		if (turn->side != c->side) {
			continue;
		}
		if (turn->kind != TURN_BYTES) {
			ended |= turn->kind == TURN_END;
			continue;
		}
		unitcut_feed(&cut, span_of(dialog->bytes + turn->from, turn->len),
			     record_unit, c);
		bytes += turn->len;
		if (cut.raw) {
			need.bytes = bytes;
			need.at_ns = turn->at_ns;
		} else if (need.units < c->num_recorded) {
			need.units = c->num_recorded;
			need.at_ns = turn->at_ns;
		}
	}
	whole = c->num_recorded;
	unitcut_end(&cut, record_unit, c);
	if (c->num_recorded > whole) {
		c->recorded[whole].cut = !ended;
		need.bytes = bytes;
	}
	c->needs[dialog->num_turns] = need;
	unitcut_done(&cut);
}

/* Walks along the bytes that the trace has of the side. */
struct walk {
	const struct compare *compare;
	size_t turn, within;
};

/* What is next of it, at most max bytes in one piece; empty at the end. */
static struct span walk_on(struct walk *walk, uint64_t max)
{
	const struct script_dialog *dialog = walk->compare->dialog;

	for (; walk->turn < dialog->num_turns; walk->turn++, walk->within = 0) {
		const struct turn *turn = &dialog->turns[walk->turn];

		if (turn->kind == TURN_BYTES && turn->side == walk->compare->side &&
		    walk->within < turn->len) {
			struct span rest =
				span_from(span_of(dialog->bytes + turn->from, turn->len),
					  walk->within);
			struct span piece =
				max < rest.len ? span_sub(rest, 0, (size_t)max) : rest;

			walk->within += piece.len;
			return piece;
		}
	}
	return (struct span){0};
}

static struct walk walk_to(const struct compare *c, uint64_t at)
{
	struct walk walk = {.compare = c};

	while (at > 0) {
		at -= walk_on(&walk, at).len;
	}
	return walk;
}

/* --- findings --- */

/* Where the seen unit first differs from the recorded one. */
static uint64_t first_difference(const struct compare *c, const struct recorded *unit,
				 struct span seen)
{
	struct walk walk = walk_to(c, unit->at);
	uint64_t at = 0;

	while (at < unit->len && at < seen.len) {
		struct span piece = walk_on(&walk, unit->len - at);

		for (size_t i = 0; i < piece.len; i++, at++) {
			if (at == seen.len || piece.data[i] != seen.data[at]) {
				return at;
			}
		}
	}
	return at;
}

static void show_expected(const struct compare *c, const struct recorded *unit,
			  uint64_t from, struct compare_unit *out)
{
	struct walk walk;

	*out = (struct compare_unit){.there = true, .len = unit->len};
	strcpy(out->class, unit->class);
	out->from = from < unit->len ? from : unit->len;
	walk = walk_to(c, unit->at + out->from);
	while (out->num_bytes < COMPARE_SHOWN_MAX &&
	       out->from + out->num_bytes < unit->len) {
		uint64_t left = unit->len - out->from - out->num_bytes;
		uint64_t room = COMPARE_SHOWN_MAX - out->num_bytes;
		struct span piece = walk_on(&walk, left < room ? left : room);

		memcpy(out->bytes + out->num_bytes, piece.data, piece.len);
		out->num_bytes += piece.len;
	}
}

static void show_seen(struct span unit, const char *class, uint64_t from,
		      struct compare_unit *out)
{
	struct span shown;

	*out = (struct compare_unit){.there = true, .len = unit.len};
	strcpy(out->class, class);
	out->from = from < unit.len ? from : unit.len;
	shown = span_sub(unit, (size_t)out->from, COMPARE_SHOWN_MAX);
	if (shown.len) {
		memcpy(out->bytes, shown.data, shown.len);
	}
	out->num_bytes = shown.len;
}

/* A unit that is there twice, or only on one side: recorded or class is NULL then. */
static void note_finding(struct compare *c, enum player_difference kind,
			 const struct recorded *recorded, struct span seen,
			 const char *class, uint64_t k)
{
	struct compare_finding finding = {.kind = kind, .side = c->side};
	bool is_first = c->first.kind == PLAYER_EQUAL;
	bool is_grave = kind > PLAYER_CONTENT && c->grave.kind == PLAYER_EQUAL;
	uint64_t from = 0;

	c->counts.by_difference[kind]++;
	if (kind == PLAYER_EQUAL || (!is_first && !is_grave)) {
		return;
	}
	if (recorded && class) {
		from = first_difference(c, recorded, seen);
		from = from < COMPARE_SHOWN_MAX ? 0 : from - SHOWN_BEFORE;
	}
	if (recorded) {
		show_expected(c, recorded, from, &finding.expected);
	}
	if (class) {
		show_seen(seen, class, from, &finding.seen);
	}
	finding.k = recorded ? recorded->k : k;
	strcpy(finding.class, recorded ? recorded->class : class);
	if (is_first) {
		c->first = finding;
	}
	if (is_grave) {
		c->grave = finding;
	}
}

static enum player_difference difference(const struct recorded *recorded,
					 struct span seen, const char *class)
{
	if (recorded->cut) {
		return seen.len < recorded->len ? PLAYER_LENGTH
		       : digest_of(span_sub(seen, 0, (size_t)recorded->len)) ==
				       recorded->digest
			       ? PLAYER_EQUAL
			       : PLAYER_CONTENT;
	}
	if (strcmp(recorded->class, class) != 0) {
		return PLAYER_CLASS;
	}
	if (recorded->len != seen.len) {
		return PLAYER_LENGTH;
	}
	return digest_of(seen) == recorded->digest ? PLAYER_EQUAL : PLAYER_CONTENT;
}

static void see_unit(void *ctx, struct span unit, struct span class)
{
	struct compare *c = ctx;
	struct lane_class *named = lane_class(&c->seen_lane, c->side, class);
	uint64_t k = named->next_k++;
	const struct recorded *recorded = NULL;
	enum player_difference kind = PLAYER_EXTRA;

	if (c->counts.seen < c->num_recorded) {
		recorded = &c->recorded[c->counts.seen];
		kind = difference(recorded, unit, named->name);
	}
	c->counts.seen++;
	if (!recorded && c->num_recorded && c->recorded[c->num_recorded - 1].cut) {
		return; /* the trace does not tell what came there */
	}
	note_finding(c, kind, recorded, unit, named->name, k);
}

/* --- a comparison's life --- */

struct compare *compare_new(const struct script_dialog *dialog, enum side side)
{
	struct compare *c = xcalloc(1, sizeof(*c));

	c->dialog = dialog;
	c->side = side;
	lane_init(&c->expected_lane, dialog->proxy->name);
	lane_init(&c->seen_lane, dialog->proxy->name);
	unitcut_init(&c->cut, &dialog->proxy->framer, is_datagram(dialog));
	c->needs = xcalloc(dialog->num_turns + 1, sizeof(*c->needs));
	record_all(c);
	c->counts.recorded = c->num_recorded;
	return c;
}

void compare_free(struct compare *c)
{
	if (c) {
		lane_done(&c->expected_lane);
		lane_done(&c->seen_lane);
		unitcut_done(&c->cut);
		free(c->recorded);
		free(c->needs);
		free(c);
	}
}

bool compare_feed(struct compare *c, struct span bytes)
{
	uint64_t before = c->counts.seen;

	c->bytes_seen += bytes.len;
	unitcut_feed(&c->cut, bytes, see_unit, c);
	return c->counts.seen > before || c->cut.raw;
}

void compare_end(struct compare *c)
{
	unitcut_end(&c->cut, see_unit, c);
	for (uint64_t i = c->counts.seen; i < c->num_recorded; i++) {
		note_finding(c, PLAYER_MISSING, &c->recorded[i], (struct span){0}, NULL,
			     0);
	}
}

bool compare_reached(const struct compare *c, size_t turn)
{
	const struct need *need = &c->needs[turn];

	return c->counts.seen + c->units_waived >= need->units &&
	       c->bytes_seen + c->bytes_waived >= need->bytes;
}

void compare_waive(struct compare *c, size_t turn)
{
	const struct need *need = &c->needs[turn];

	if (c->counts.seen + c->units_waived < need->units) {
		c->units_waived = need->units - c->counts.seen;
	}
	if (c->bytes_seen + c->bytes_waived < need->bytes) {
		c->bytes_waived = need->bytes - c->bytes_seen;
	}
}

int64_t compare_recorded_ns(const struct compare *c, size_t turn)
{
	return c->needs[turn].at_ns;
}

struct compare_counts compare_counts(const struct compare *c)
{
	return c->counts;
}

const struct compare_finding *compare_first(const struct compare *c)
{
	return &c->first;
}

const struct compare_finding *compare_grave(const struct compare *c)
{
	return &c->grave;
}

/* --- for people --- */

static void put_unit(struct text *out, const char *what, const struct compare_unit *unit)
{
	text_format(out, "    %-9s", what);
	if (!unit->there) {
		text_str(out, "nothing\n");
		return;
	}
	text_format(out, "%s, %llu byte%s", unit->class, (unsigned long long)unit->len,
		    unit->len == 1 ? "" : "s");
	if (unit->from) {
		text_format(out, ", from byte %llu on", (unsigned long long)unit->from);
	}
	text_str(out, ": \"");
	for (size_t i = 0; i < unit->num_bytes; i++) {
		uint8_t byte = unit->bytes[i];

		if (byte == '"' || byte == '\\') {
			text_byte(out, '\\');
		}
		if (byte >= ' ' && byte <= '~') {
			text_byte(out, (char)byte);
		} else {
			text_format(out, "\\x%02x", byte);
		}
	}
	text_str(out, unit->from + unit->num_bytes < unit->len ? "\"...\n" : "\"\n");
}

static const char *const DIFFERENCES[] = {
	[PLAYER_EQUAL] = "equal",	    [PLAYER_CONTENT] = "other content",
	[PLAYER_LENGTH] = "another length", [PLAYER_CLASS] = "another class",
	[PLAYER_MISSING] = "missing",	    [PLAYER_EXTRA] = "extra",
};

void compare_describe(const struct compare_finding *finding, const char *lane,
		      struct text *out)
{
	text_format(out, "  %s:%s:%s:%llu: %s\n", lane, side_name(finding->side),
		    finding->class, (unsigned long long)finding->k,
		    DIFFERENCES[finding->kind]);
	put_unit(out, "expected", &finding->expected);
	put_unit(out, "seen", &finding->seen);
}

/* --- whose dialog it is --- */

void compare_key_unit(void *ctx, struct span unit, struct span class)
{
	struct compare_key *key = ctx;
	size_t len = class.len < CLASS_NAME_MAX ? class.len : CLASS_NAME_MAX;

	if (!key->class[0]) {
		memcpy(key->class, class.data, len);
		key->class[len] = '\0';
		key->len = unit.len;
		key->digest = digest_of(unit);
	}
}

void compare_key_of(const struct script_dialog *dialog, enum side side,
		    struct compare_key *out)
{
	struct compare_key key = {0};
	struct unitcut cut;

	unitcut_init(&cut, &dialog->proxy->framer, is_datagram(dialog));
	for (size_t i = 0; i < dialog->num_turns && !key.class[0]; i++) {
		const struct turn *turn = &dialog->turns[i];
		struct span bytes = span_of(dialog->bytes + turn->from, turn->len);

		if (turn->kind != TURN_BYTES || turn->side != side) {
			continue;
		}
		if (!key.first.data) {
			key.first = bytes;
		}
		if (!cut.raw) {
			unitcut_feed(&cut, bytes, compare_key_unit, &key);
		}
		if (cut.raw && !key.class[0]) {
			compare_key_unit(&key, bytes, span_str("raw"));
			key.raw = true;
		}
	}
	if (!key.class[0]) {
		unitcut_end(&cut, compare_key_unit, &key);
	}
	unitcut_done(&cut);
	*out = key;
}

int compare_key_fit(const struct compare_key *key, const struct compare_key *seen)
{
	size_t len = key->first.len < seen->first.len ? key->first.len : seen->first.len;
	bool all = len > 0 && memcmp(key->first.data, seen->first.data, len) == 0;

	if (strcmp(seen->class, key->class) != 0) {
		return 0;
	}
	if (key->raw && seen->raw
		    ? all
		    : seen->len == key->len && seen->digest == key->digest) {
		return all ? COMPARE_FIT_MAX : COMPARE_FIT_MAX - 1;
	}
	return seen->len == key->len ? 2 : 1;
}
