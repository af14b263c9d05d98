#include "core/replay.h"

#include "core/lane.h"
#include "core/prf.h"

#include <assert.h>
#include <stdlib.h>

static const char *const DIFFERENCE_NAMES[] = {
	[REPLAY_SAME] = "same",	      [REPLAY_CONTENT] = "content",
	[REPLAY_LENGTH] = "length",   [REPLAY_CLASS] = "class",
	[REPLAY_MISSING] = "missing", [REPLAY_EXTRA] = "extra",
};
_Static_assert(sizeof(DIFFERENCE_NAMES) / sizeof(DIFFERENCE_NAMES[0]) ==
		       NUM_REPLAY_DIFFERENCE,
	       "a name a difference");

static const char *const VERDICT_NAMES[] = {
	[REPLAY_EXACT] = "exact",
	[REPLAY_EQUIVALENT] = "equivalent",
	[REPLAY_DIVERGED] = "diverged",
};
_Static_assert(sizeof(VERDICT_NAMES) / sizeof(VERDICT_NAMES[0]) == NUM_REPLAY_VERDICT,
	       "a name a verdict");

const char *replay_difference_name(enum replay_difference difference)
{
	return DIFFERENCE_NAMES[difference];
}

const char *replay_verdict_name(enum replay_verdict verdict)
{
	return VERDICT_NAMES[verdict];
}

struct replay *replay_new(enum replay_policy policy)
{
	struct replay *replay = xcalloc(1, sizeof(*replay));

	replay->policy = policy;
	replay->lanes_end = &replay->lanes;
	return replay;
}

static void side_done(struct replay_side *side)
{
	for (struct replay_class *class = side->classes; class; class = class->next) {
		free(class->by_k);
	}
	for (size_t i = 0; i < side->num_units; i++) {
		free(side->units[i]->numbers);
	}
	free(side->units);
	free(side->switches);
}

void replay_free(struct replay *replay)
{
	if (!replay) {
		return;
	}
	for (struct replay_lane *lane = replay->lanes; lane; lane = lane->next_added) {
		for (int side = 0; side < NUM_SIDE; side++) {
			side_done(&lane->sides[side]);
		}
	}
	free(replay->extra_lane);
	free(replay->buckets);
	arena_done(&replay->arena);
	free(replay);
}

/* --- building --- */

static struct replay_lane **bucket_of(const struct replay *replay, const char *name)
{
	uint64_t hash = prf_hash_name(span_str(name));

	return &replay->buckets[(size_t)hash & (replay->num_buckets - 1)];
}

static void rehash(struct replay *replay)
{
	replay->num_buckets = replay->num_buckets ? 2 * replay->num_buckets : 64;
	free(replay->buckets);
	replay->buckets = xcalloc(replay->num_buckets, sizeof(struct replay_lane *));
	for (struct replay_lane *lane = replay->lanes; lane; lane = lane->next_added) {
		struct replay_lane **at = bucket_of(replay, lane->name);

		lane->next = *at;
		*at = lane;
	}
}

struct replay_lane *replay_lane_find(const struct replay *replay, const char *name)
{
	struct replay_lane *lane = replay->num_lanes ? *bucket_of(replay, name) : NULL;

	while (lane && strcmp(lane->name, name) != 0) {
		lane = lane->next;
	}
	return lane;
}

struct replay_lane *replay_lane_add(struct replay *replay, const char *name,
				    uint64_t line)
{
	struct replay_lane *lane = replay_lane_find(replay, name);
	struct replay_lane **at;

	if (lane) {
		return lane;
	}
	if (replay->num_lanes == replay->num_buckets) {
		rehash(replay);
	}
	lane = arena_take(&replay->arena, sizeof(*lane));
	lane->name = arena_copy_text(&replay->arena, name);
	lane->line = line;
	lane->generation = 1;
	for (int side = 0; side < NUM_SIDE; side++) {
		lane->sides[side].lane = lane;
		lane->sides[side].side = (enum side)side;
	}
	at = bucket_of(replay, name);
	lane->next = *at;
	*at = lane;
	*replay->lanes_end = lane;
	replay->lanes_end = &lane->next_added;
	replay->num_lanes++;
	return lane;
}

static void *grow(void *array, size_t num, size_t *cap, size_t each_bytes)
{
	if (num < *cap) {
		return array;
	}
	*cap = *cap ? 2 * *cap : 8;
	return xrealloc(array, *cap * each_bytes);
}

static struct replay_class *class_find(const struct replay_side *side, const char *name)
{
	struct replay_class *class = side->classes;

	while (class && strcmp(class->name, name) != 0) {
		class = class->next;
	}
	return class;
}

static struct replay_class *class_add(struct replay *replay, struct replay_side *side,
				      const char *name)
{
	struct replay_class *class = class_find(side, name);

	if (!class && side->num_classes < LANE_CLASSES_MAX) {
		class = arena_take(&replay->arena, sizeof(*class));
		class->name = arena_copy_text(&replay->arena, name);
		class->next = side->classes;
		side->classes = class;
		side->num_classes++;
	}
	return class;
}

struct replay_unit *replay_unit_add(struct replay *replay, struct replay_side *side,
				    const char *name, uint64_t k, uint64_t line)
{
	struct replay_class *class = class_add(replay, side, name);
	struct replay_unit *unit;

	if (!class || k > side->num_units || (k < class->cap && class->by_k[k])) {
		return NULL;
	}
	while (k >= class->cap) {
		size_t old = class->cap;

		class->by_k = grow(class->by_k, old, &class->cap, sizeof(unit));
		memset(class->by_k + old, 0, (class->cap - old) * sizeof(unit));
	}
	unit = arena_take(&replay->arena, sizeof(*unit));
	unit->class = class->name;
	unit->k = k;
	unit->place = side->num_units;
	unit->line = line;
	class->by_k[k] = unit;
	side->units = grow(side->units, side->num_units, &side->cap_units, sizeof(unit));
	side->units[side->num_units++] = unit;
	replay->num_units++;
	return unit;
}

struct replay_said *replay_said_add(struct replay *replay, struct replay_unit *unit)
{
	if (!unit->said) {
		unit->said = arena_take(&replay->arena, sizeof(*unit->said));
	}
	return unit->said;
}

void replay_number_add(struct replay *replay, struct replay_unit *unit, uint64_t number)
{
	/* Nearly all units have one: no room is kept. */
	unit->numbers =
		xrealloc(unit->numbers, (unit->num_numbers + 1) * sizeof(*unit->numbers));
	unit->numbers[unit->num_numbers++] = number;
	if (number >= replay->num_numbers) {
		replay->num_numbers = number + 1;
	}
}

void replay_late_add(struct replay *replay, struct replay_unit *unit,
		     struct replay_late late)
{
	struct replay_said *said = replay_said_add(replay, unit);

	if (said->num_late == said->cap_late) {
		struct replay_late *old = said->late;

		said->cap_late = 2 * said->cap_late + 1;
		said->late = arena_take_array(&replay->arena, said->cap_late,
					      sizeof(*said->late));
		if (old) {
			memcpy(said->late, old, said->num_late * sizeof(*old));
		}
	}
	said->late[said->num_late++] = late;
}

bool replay_switch_add(struct replay_side *side, uint64_t unit, uint64_t generation)
{
	if (side->num_switches && unit < side->switches[side->num_switches - 1].unit) {
		return false;
	}
	side->switches = grow(side->switches, side->num_switches, &side->cap_switches,
			      sizeof(*side->switches));
	side->switches[side->num_switches++] = (struct replay_switch){unit, generation};
	return true;
}

void replay_mask_all(struct replay *replay)
{
	replay->selected = true;
	for (struct replay_lane *lane = replay->lanes; lane; lane = lane->next_added) {
		for (int s = 0; s < NUM_SIDE; s++) {
			for (size_t i = 0; i < lane->sides[s].num_units; i++) {
				struct replay_unit *unit = lane->sides[s].units[i];

				unit->masked = unit->faulty;
			}
		}
	}
}

struct replay_unit *replay_unit_find(const struct replay_side *side, const char *class,
				     uint64_t k)
{
	const struct replay_class *found = class_find(side, class);

	return found && k < found->cap ? found->by_k[k] : NULL;
}

/* --- playing --- */

struct replay_lane *replay_open(struct replay *replay, const char *name)
{
	struct replay_lane *lane = replay_lane_find(replay, name);

	if (lane) {
		lane->opened = true;
	} else if (replay->extra_lanes++ == 0) {
		replay->extra_lane = xstrdup(name);
	}
	return lane;
}

uint64_t replay_generation(const struct replay_side *side)
{
	size_t from = 0, to = side->num_switches; /* the last one so far is before `to` */

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (side->switches[middle].unit <= side->cursor) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return to ? side->switches[to - 1].generation : side->lane->generation;
}

bool replay_expects(const struct replay_side *side)
{
	return side->cursor < side->num_units;
}

uint64_t replay_late_bytes(const struct replay_side *side, const char *class)
{
	const struct replay_unit *next = replay_expects(side) ? side->units[side->cursor]
							      : NULL;

	return next && next->late && next->digest_known && strcmp(next->class, class) == 0
		       ? next->len_bytes
		       : 0;
}

static enum replay_difference compare(const struct replay_unit *expected,
				      const struct replay_seen *seen, bool digest_known)
{
	if (!expected) {
		return REPLAY_EXTRA;
	}
	if (strcmp(expected->class, seen->class) != 0 || expected->k != seen->k) {
		return REPLAY_CLASS;
	}
	if (!digest_known || !expected->digest_known) {
		return REPLAY_SAME;
	}
	if (expected->len_bytes != seen->len_bytes) {
		return REPLAY_LENGTH;
	}
	return expected->digest != seen->digest ? REPLAY_CONTENT : REPLAY_SAME;
}

static void name_first(struct replay_side *side, enum replay_difference difference,
		       const struct replay_unit *expected, const struct replay_seen *seen)
{
	struct replay_divergence *first = &side->first;

	if (first->difference > REPLAY_CONTENT ||
	    (first->difference == REPLAY_CONTENT && difference == REPLAY_CONTENT)) {
		return;
	}
	*first = (struct replay_divergence){.difference = difference,
					    .expected = expected};
	first->line = expected		? expected->line
		      : side->num_units ? side->units[side->num_units - 1]->line
					: side->lane->line;
	if (seen) {
		strncpy(first->class, seen->class, CLASS_NAME_MAX);
		first->k = seen->k;
		first->len_bytes = seen->len_bytes;
		first->digest = seen->digest;
	}
}

void replay_note(struct replay_side *side, const struct replay_seen *seen,
		 bool digest_known)
{
	const struct replay_unit *next = replay_expects(side) ? side->units[side->cursor]
							      : NULL;
	struct replay_unit *same = replay_unit_find(side, seen->class, seen->k);
	enum replay_difference in_order = compare(next, seen, digest_known);

	side->cursor++;
	/* What it is called by its place, and counted by its identity: one unit that is
	 * missing moves the places of all behind it. */
	if (in_order != REPLAY_SAME) {
		name_first(side, in_order, next, seen);
	}
	side->counts[compare(same, seen, digest_known)]++;
	if (same) {
		same->seen = true;
	}
}

/* --- how it went --- */

static void count_side(struct replay_side *side, struct replay_result *result)
{
	const struct replay_lane *lane = side->lane;
	bool loose_extra = side->first.difference == REPLAY_EXTRA &&
			   (lane->ragged || !lane->closed);
	bool loose_missing = false;
	const struct replay_unit *missing = NULL;

	result->expected += side->num_units;
	for (size_t i = 0; i < side->num_units; i++) {
		const struct replay_unit *unit = side->units[i];

		if (unit->faulty && !unit->masked) {
			result->faults++;
			result->faults_seen += unit->seen;
		}
		if (!unit->seen) {
			side->counts[REPLAY_MISSING]++;
			missing = missing ? missing : unit;
		}
	}
	if (missing) {
		/* At a ragged end the rest may be missing, if all else was the same. */
		loose_missing = lane->ragged && lane->opened &&
				side->first.difference <= REPLAY_CONTENT;
		if (!loose_missing) {
			name_first(side, REPLAY_MISSING, missing, NULL);
		}
	}
	if (loose_extra) {
		*(lane->ragged ? &result->raced : &result->unrecorded) +=
			side->counts[REPLAY_EXTRA];
		side->counts[REPLAY_EXTRA] = 0;
		side->first = (struct replay_divergence){0};
	}
	if (loose_missing) {
		result->raced += side->counts[REPLAY_MISSING];
		side->counts[REPLAY_MISSING] = 0;
	}
	for (int i = 0; i < NUM_REPLAY_DIFFERENCE; i++) {
		result->counts[i] += side->counts[i];
	}
	if (side->first.difference > REPLAY_CONTENT) {
		result->verdict = REPLAY_DIVERGED;
		result->diverged_sides++;
	}
}

struct replay_result replay_finish(struct replay *replay)
{
	struct replay_result result = {.verdict = REPLAY_EXACT};

	for (struct replay_lane *lane = replay->lanes; lane; lane = lane->next_added) {
		for (int side = 0; side < NUM_SIDE; side++) {
			count_side(&lane->sides[side], &result);
		}
	}
	result.same = result.counts[REPLAY_SAME] + result.counts[REPLAY_CONTENT];
	if (replay->extra_lanes && !replay->cut_off) {
		result.verdict = REPLAY_DIVERGED;
	}
	if (result.verdict == REPLAY_EXACT &&
	    (result.counts[REPLAY_CONTENT] || result.raced || result.unrecorded ||
	     replay->extra_lanes)) {
		result.verdict = REPLAY_EQUIVALENT;
	}
	return result;
}

const struct replay_side *replay_next_diverged(const struct replay *replay,
					       const struct replay_side *last)
{
	const struct replay_side *found = NULL;
	bool behind = false; /* of those with the same line, only what is behind it */

	for (const struct replay_lane *lane = replay->lanes; lane;
	     lane = lane->next_added) {
		for (int s = 0; s < NUM_SIDE; s++) {
			const struct replay_side *side = &lane->sides[s];
			uint64_t line = side->first.line;

			if (side->first.difference > REPLAY_CONTENT &&
			    (!last || line > last->first.line ||
			     (line == last->first.line && behind)) &&
			    (!found || line < found->first.line)) {
				found = side;
			}
			behind |= side == last;
		}
	}
	return found;
}
