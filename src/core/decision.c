#include "core/decision.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

static const char *const VERDICT_NAMES[] = {
	[VERDICT_PASS] = "pass",
	[VERDICT_DROP] = "drop",
	[VERDICT_RESET] = "reset",
	[VERDICT_CLOSE] = "close",
};
_Static_assert(sizeof(VERDICT_NAMES) / sizeof(VERDICT_NAMES[0]) == NUM_VERDICT,
	       "a name a verdict");

const char *verdict_name(enum verdict verdict)
{
	return VERDICT_NAMES[verdict];
}

void decision_clear(struct decision *d)
{
	d->num_outcomes = 0;
	d->needs_whole = false;
	d->faulty = false;
	d->verdict = VERDICT_PASS;
	d->cut_at = 0;
	d->delay_ns = 0;
	d->reorder_gap = 0;
	d->copies = 0;
	d->copies_gap = 0;
	d->hold_ns = 0;
	d->num_effects = 0;
	d->rewritten = false;
	text_clear(&d->bytes);
	d->num_edits = 0;
	text_clear(&d->edit_bytes);
	d->fix_length = false;
	d->fixup = NULL;
	d->num_patches = 0;
}

void decision_done(struct decision *d)
{
	free(d->outcomes);
	free(d->effects);
	free(d->edits);
	free(d->patches);
	text_done(&d->bytes);
	text_done(&d->edit_bytes);
	*d = (struct decision){0};
}

/* Room for one more element of an array that its owner never shrinks. */
static void *grow(void *array, size_t num, size_t *cap, size_t each_bytes)
{
	if (num < *cap) {
		return array;
	}
	*cap = *cap ? 2 * *cap : 8;
	return xrealloc(array, *cap * each_bytes);
}

void decision_outcome(struct decision *d, const struct rule_outcome *outcome)
{
	d->outcomes = grow(d->outcomes, d->num_outcomes, &d->cap_outcomes,
			   sizeof(*d->outcomes));
	d->outcomes[d->num_outcomes++] = *outcome;
}

struct effect *decision_effect(struct decision *d, const struct rule *rule,
			       const struct action *action)
{
	struct effect *effect;

	d->effects =
		grow(d->effects, d->num_effects, &d->cap_effects, sizeof(*d->effects));
	effect = &d->effects[d->num_effects++];
	*effect = (struct effect){.rule = rule, .action = action};
	return effect;
}

void effect_value(struct effect *effect, const char *name, int64_t value)
{
	assert(effect->num_values < EFFECT_VALUES_MAX);
	effect->values[effect->num_values].name = name;
	effect->values[effect->num_values++].value = value;
}

int64_t effect_get(const struct effect *effect, const char *name, int64_t fallback)
{
	for (unsigned i = 0; i < effect->num_values; i++) {
		if (strcmp(effect->values[i].name, name) == 0) {
			return effect->values[i].value;
		}
	}
	return fallback;
}

struct span decision_bytes(const struct decision *d, struct span bytes)
{
	return d->rewritten ? span_of(d->bytes.data, d->bytes.len) : bytes;
}

void decision_record_edit(struct decision *d, uint64_t at, struct span old,
			  struct span with)
{
	struct edit *edit;

	d->edits = grow(d->edits, d->num_edits, &d->cap_edits, sizeof(*d->edits));
	edit = &d->edits[d->num_edits++];
	edit->at = at;
	edit->old_from = d->edit_bytes.len;
	edit->old_len = old.len;
	text_bytes(&d->edit_bytes, old.data, old.len);
	edit->new_from = d->edit_bytes.len;
	edit->new_len = with.len;
	text_bytes(&d->edit_bytes, with.data, with.len);
}

void decision_edit(struct decision *d, struct span bytes, uint64_t at, size_t old_len,
		   struct span with)
{
	struct text *now = &d->bytes;
	size_t tail;

	if (!d->rewritten) {
		text_clear(now);
		text_bytes(now, bytes.data, bytes.len);
		d->rewritten = true;
	}
	assert(at <= now->len && old_len <= now->len - at);
	decision_record_edit(d, at, span_of(now->data + at, old_len), with);
	tail = now->len - at - old_len;
	if (with.len > old_len) {
		text_reserve(now, with.len - old_len);
	}
	if (with.len != old_len && tail) {
		memmove(now->data + at + with.len, now->data + at + old_len, tail);
	}
	if (with.len) {
		memcpy(now->data + at, with.data, with.len);
	}
	now->len = (size_t)at + with.len + tail;
	now->data[now->len] = '\0';
}

void decision_rewrite(struct decision *d, struct text *built)
{
	struct text old = d->bytes;

	d->bytes = *built;
	*built = old;
	d->rewritten = true;
}

void decision_patch(struct decision *d, const struct unit *unit, struct patch patch)
{
	uint8_t old, new;
	struct span now;

	if (!unit->whole) {
		d->patches = grow(d->patches, d->num_patches, &d->cap_patches,
				  sizeof(*d->patches));
		patch.order = (uint32_t)d->num_patches;
		d->patches[d->num_patches++] = patch;
		return;
	}
	now = decision_bytes(d, unit->bytes);
	if (patch.at >= now.len) {
		return;
	}
	old = now.data[patch.at];
	new = (old & patch.keep) ^ patch.flip;
	if (new != old) {
		decision_edit(d, unit->bytes, patch.at, 1, span_of(&new, 1));
	}
}

static int compare_patches(const void *left, const void *right)
{
	const struct patch *a = left, *b = right;

	if (a->at != b->at) {
		return a->at < b->at ? -1 : 1;
	}
	return a->order < b->order ? -1 : a->order > b->order;
}

void decision_sort_patches(struct decision *d)
{
	if (d->num_patches > 1) {
		qsort(d->patches, d->num_patches, sizeof(*d->patches), compare_patches);
	}
}

bool decision_patches_any(const struct decision *d, uint64_t from, size_t len)
{
	for (size_t i = 0; i < d->num_patches; i++) {
		if (d->patches[i].at >= from && d->patches[i].at - from < len) {
			return true;
		}
	}
	return false;
}

void decision_patch_bytes(struct decision *d, uint64_t from, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < d->num_patches; i++) {
		const struct patch *patch = &d->patches[i];
		uint8_t old, new;

		if (patch->at < from || patch->at - from >= len) {
			continue;
		}
		old = bytes[patch->at - from];
		new = (old & patch->keep) ^ patch->flip;
		if (new != old) {
			decision_record_edit(d, patch->at, span_of(&old, 1),
					     span_of(&new, 1));
			bytes[patch->at - from] = new;
		}
	}
}
