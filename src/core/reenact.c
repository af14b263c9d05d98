#include "core/reenact.h"

#include "core/action.h"

/* Every rule of the side considers each unit, whatever the log says of it. */
static void count(struct lane *lane, enum side side, const struct rule *rule,
		  bool considered, bool fired)
{
	struct lane_side *ls = &lane->sides[side];

	for (size_t i = 0; i < ls->num_rules; i++) {
		struct rule_stats *stats = ls->rules[i].stats;

		if (stats && considered) {
			stats->considered++;
		} else if (stats && ls->rules[i].rule == rule) {
			stats->matched++;
			stats->fired += fired;
		}
	}
}

/* The lane side's key; a log that was edited may name a rule that is not bound there. */
static struct prf_key key_of(const struct lane *lane, enum side side,
			     const struct rule *rule)
{
	const struct lane_side *ls = &lane->sides[side];

	for (size_t i = 0; i < ls->num_rules; i++) {
		if (ls->rules[i].rule == rule) {
			return ls->rules[i].key;
		}
	}
	return prf_key_derive(&rule->key, (uint64_t)side, span_str(lane->name));
}

void reenact_fire(const struct replay *replay, struct replay_side *script,
		  struct lane *lane, enum side side, const struct unit *unit,
		  struct decision *out, struct replay_unit **out_logged)
{
	struct replay_unit *logged =
		script ? replay_unit_find(script, unit->class, unit->k) : NULL;

	*out_logged = logged;
	if (replay->policy == REPLAY_FOLLOW) {
		/* Also to move the schedules along, for what the log does not know. */
		decide_fire(lane, side, unit, out);
		if (!logged) {
			return;
		}
	} else {
		count(lane, side, NULL, true, false);
	}
	decision_clear(out);
	for (size_t i = 0; logged && logged->said && i < logged->said->num_outcomes;
	     i++) {
		struct rule_outcome outcome = logged->said->outcomes[i];

		outcome.key = key_of(lane, side, outcome.rule);
		if (outcome.outcome == OUTCOME_FIRED && logged->masked) {
			outcome.outcome = OUTCOME_MASKED;
		}
		if (outcome.outcome == OUTCOME_FIRED) {
			out->faulty = true;
			out->needs_whole |= outcome.rule->needs_whole;
		}
		if (replay->policy != REPLAY_FOLLOW) {
			count(lane, side, outcome.rule, false,
			      outcome.outcome == OUTCOME_FIRED);
		}
		decision_outcome(out, &outcome);
	}
}

/* --- edits --- */

static struct span old_bytes(const struct replay_said *said, const struct edit *edit)
{
	return span_of(said->edit_bytes + edit->old_from, edit->old_len);
}

static struct span new_bytes(const struct replay_said *said, const struct edit *edit)
{
	return span_of(said->edit_bytes + edit->new_from, edit->new_len);
}

/* Edits that go from front to back, as `replace` makes them: one pass. */
static bool edit_in_one_pass(const struct replay_said *said, struct span bytes,
			     struct text *built)
{
	size_t copied = 0; /* of bytes */

	for (size_t i = 0; i < said->num_edits; i++) {
		const struct edit *edit = &said->edits[i];
		size_t between;

		if (edit->at < built->len) {
			return false;
		}
		between = (size_t)edit->at - built->len;
		if (between > bytes.len - copied ||
		    !span_eq(span_sub(bytes, copied + between, edit->old_len),
			     old_bytes(said, edit))) {
			return false;
		}
		text_bytes(built, bytes.data + copied, between);
		text_bytes(built, new_bytes(said, edit).data, edit->new_len);
		copied += between + edit->old_len;
	}
	text_bytes(built, bytes.data + copied, bytes.len - copied);
	return true;
}

/* Edits in any order, each on what the ones before left. */
static bool edit_one_by_one(const struct replay_said *said, struct span bytes,
			    struct decision *d)
{
	for (size_t i = 0; i < said->num_edits; i++) {
		const struct edit *edit = &said->edits[i];
		struct span now = decision_bytes(d, bytes);

		if (edit->at > now.len ||
		    !span_eq(span_sub(now, (size_t)edit->at, edit->old_len),
			     old_bytes(said, edit))) {
			return false;
		}
		decision_edit(d, bytes, edit->at, edit->old_len, new_bytes(said, edit));
	}
	return true;
}

/* False: the bytes are not those that were edited then; nothing was changed. */
static bool edit_as_logged(const struct replay_said *said, struct span bytes,
			   struct decision *d)
{
	struct text built = {0};
	bool done = edit_in_one_pass(said, bytes, &built);

	if (done) {
		for (size_t i = 0; i < said->num_edits; i++) {
			const struct edit *edit = &said->edits[i];

			decision_record_edit(d, edit->at, old_bytes(said, edit),
					     new_bytes(said, edit));
		}
		decision_rewrite(d, &built);
	} else {
		done = edit_one_by_one(said, bytes, d);
		if (!done) {
			d->rewritten = false;
			d->num_edits = 0;
			text_clear(&d->edit_bytes);
		}
	}
	text_done(&built);
	return done;
}

/* A cell whose bytes are still to come: the same bits change, whatever they are then. */
static void patch_as_logged(const struct replay_said *said, const struct unit *unit,
			    struct decision *d)
{
	for (size_t i = 0; i < said->num_edits; i++) {
		const struct edit *edit = &said->edits[i];
		struct span old = old_bytes(said, edit), new = new_bytes(said, edit);

		for (size_t at = 0; at < old.len && at < new.len; at++) {
			decision_patch(d, unit,
				       (struct patch){.at = edit->at + at,
						      .keep = 0xff,
						      .flip = old.data[at] ^
							      new.data[at]});
		}
	}
}

/* The actions that edit, once more. */
static void edit_anew(struct lane *lane, enum side side, const struct unit *unit,
		      const struct replay_said *said, struct decision *d)
{
	for (size_t i = 0; i < said->num_effects; i++) {
		const struct effect *effect = &said->effects[i];
		struct prf_key key;

		if (effect->action->row->enact) {
			continue;
		}
		key = key_of(lane, side, effect->rule);
		effect->action->row->apply(&(struct judgement){
			.rule = effect->rule,
			.action = effect->action,
			.unit = unit,
			.key = &key,
			.decision = d,
		});
	}
}

void reenact_apply(struct lane *lane, enum side side, const struct unit *unit,
		   const struct replay_unit *logged, struct decision *out)
{
	const struct replay_said *said = logged ? logged->said : NULL;
	size_t num;

	if (!logged) {
		decide_apply(unit, out); /* nothing, or what follows */
		return;
	}
	if (!said || !out->faulty) {
		return;
	}
	if (!unit->whole && said->edits_known) {
		patch_as_logged(said, unit, out);
	} else if (!unit->whole ||
		   (said->num_edits && !edit_as_logged(said, unit->bytes, out))) {
		edit_anew(lane, side, unit, said, out);
		out->num_effects = 0; /* all are added below, in their order */
	} else {
		out->fixup = said->fixup;
	}
	for (num = 0; num < said->num_effects; num++) {
		const struct effect *effect = &said->effects[num];
		struct effect *again = decision_effect(out, effect->rule, effect->action);

		*again = *effect;
		if (effect->action->row->enact) {
			effect->action->row->enact(effect->action, again, out);
		}
	}
	decision_sort_patches(out);
}
