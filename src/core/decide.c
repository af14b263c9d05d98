#include "core/decide.h"

#include "base/quantity.h"
#include "core/action.h"

const struct lane_class *decide_identify(struct lane *lane, enum side side,
					 struct span class, struct unit *unit)
{
	struct lane_class *entry = lane_class(lane, side, class);

	unit->class = entry->name;
	unit->class_hash = entry->hash;
	unit->k = entry->next_k++;
	lane->sides[side].units++;
	return entry;
}

bool decide_needs_whole(const struct lane *lane, enum side side)
{
	return lane->sides[side].needs_whole;
}

bool decide_may_need_whole(const struct lane *lane, enum side side)
{
	return lane->sides[side].may_need_whole;
}

/* j = 0 is the rule's chance; parameters of its actions begin at 2^48 (core/action.h). */
static bool chance_wins(const struct lane_rule *lr, const struct unit *unit)
{
	struct chance chance = lr->rule->chance;

	return chance.num == chance.den ||
	       prf_chance(prf_draw(&lr->key, unit->class_hash, unit->k, 0), chance);
}

static void count(const struct lane_rule *lr, const struct rule_stats *more)
{
	if (lr->stats) {
		lr->stats->considered += more->considered;
		lr->stats->matched += more->matched;
		lr->stats->fired += more->fired;
	}
}

void decide_fire(struct lane *lane, enum side side, const struct unit *unit,
		 struct decision *out)
{
	struct lane_side *ls = &lane->sides[side];
	bool ended = false;

	decision_clear(out);
	for (size_t i = 0; i < ls->num_rules; i++) {
		struct lane_rule *lr = &ls->rules[i];
		enum outcome outcome;

		count(lr, &(struct rule_stats){.considered = 1});
		if (!match_unit(&lr->rule->match, side, unit)) {
			continue;
		}
		outcome = schedule_next(&lr->rule->schedule, &lr->state,
					chance_wins(lr, unit), unit->run_ns);
		if (outcome == OUTCOME_FIRED) {
			if (ended) {
				outcome = OUTCOME_SHADOWED;
			} else {
				out->faulty = true;
				out->needs_whole |= lr->rule->needs_whole;
				ended = lr->rule->terminal;
			}
		}
		count(lr, &(struct rule_stats){.matched = 1,
					       .fired = outcome == OUTCOME_FIRED});
		decision_outcome(out, &(struct rule_outcome){lr->rule, outcome, lr->key});
	}
}

static void apply_action(const struct unit *unit, const struct rule_outcome *fired,
			 const struct action *action, struct decision *out)
{
	struct judgement judgement = {
		.rule = fired->rule,
		.action = action,
		.unit = unit,
		.key = &fired->key,
		.decision = out,
	};
	size_t first = out->num_effects;

	action->row->apply(&judgement);
	for (size_t i = first; action->row->enact && i < out->num_effects; i++) {
		action->row->enact(action, &out->effects[i], out);
	}
}

void decide_apply(const struct unit *unit, struct decision *out)
{
	for (size_t i = 0; out->faulty && i < out->num_outcomes; i++) {
		const struct rule_outcome *fired = &out->outcomes[i];

		if (fired->outcome != OUTCOME_FIRED) {
			continue;
		}
		for (unsigned a = 0; a < fired->rule->num_actions; a++) {
			apply_action(unit, fired, &fired->rule->actions[a], out);
		}
	}
	decision_sort_patches(out);
}
