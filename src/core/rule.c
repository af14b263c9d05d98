#include "core/rule.h"

#include "base/quantity.h"

static const char *const EXACTNESS_NAMES[] = {
	[SEED_EXACT] = "seed-exact",
	[LOG_EXACT] = "log-exact",
};

enum { RULE_KEY_TAG = 0x454c5552 }; /* "RULE" */

void rule_bind_seed(struct rule *rule, uint64_t seed)
{
	struct prf_key key = prf_key_from_seed(seed);

	rule->key = prf_key_derive(&key, RULE_KEY_TAG, span_str(rule->name));
}

void rule_finish(struct rule *rule)
{
	for (unsigned i = 0; i < rule->num_actions; i++) {
		unsigned traits = rule->actions[i].row->traits;

		rule->terminal |= (traits & ACTION_TERMINAL) != 0;
		rule->needs_whole |= (traits & ACTION_WHOLE) != 0;
	}
}

enum exactness rule_exactness(const struct rule *rule)
{
	return rule->schedule.until_ns == INT64_MAX ? SEED_EXACT : LOG_EXACT;
}

const char *exactness_name(enum exactness exactness)
{
	return EXACTNESS_NAMES[exactness];
}

bool rule_inert(const struct rule *rule)
{
	return rule->chance.num == 0;
}

/* Ordinals are counted from 0, so k = 7 is the 8th; the key's own words are clearer. */
static void describe_k(const struct match *match, struct text *out)
{
	if (match->k_min == match->k_max) {
		text_format(out, " with k = %llu", (unsigned long long)match->k_min);
	} else if (match->k_max != UINT64_MAX) {
		text_format(out, " with k from %llu to %llu",
			    (unsigned long long)match->k_min,
			    (unsigned long long)match->k_max);
	}
}

void rule_describe_units(const struct rule *rule, struct text *out)
{
	const struct match *match = &rule->match;

	if (match->sides[SIDE_REQUEST] && match->sides[SIDE_REPLY]) {
		text_str(out, "unit");
	} else {
		text_str(out, side_name(match->sides[SIDE_REQUEST] ? SIDE_REQUEST
								   : SIDE_REPLY));
	}
	if (match->classes) {
		text_str(out, " of class ");
		for (const char *const *class = match->classes; *class; class ++) {
			text_str(out, class == match->classes ? "" : "|");
			text_str(out, *class);
		}
	}
	if (match->len_min == match->len_max) {
		text_format(out, " of %llu bytes", (unsigned long long)match->len_min);
	} else if (match->len_max != UINT64_MAX) {
		text_format(out, " of %llu to %llu bytes",
			    (unsigned long long)match->len_min,
			    (unsigned long long)match->len_max);
	} else if (match->len_min > 0) {
		text_format(out, " of at least %llu bytes",
			    (unsigned long long)match->len_min);
	}
	if (rule->match_text) {
		text_str(out, match->regex_negated ? " not matching " : " matching ");
		text_str(out, rule->match_text + (match->regex_negated ? 1 : 0));
	}
	describe_k(match, out);
	if (rule->lane) {
		text_str(out, " in lane ");
		text_str(out, rule->lane);
	}
	for (const char *const *on = rule->on; on && *on; on++) {
		text_str(out, on == rule->on ? " on " : ", ");
		text_str(out, *on);
	}
	if (rule->filter_text) {
		text_format(out, " in flows from \"%s\"", rule->filter_text);
	}
}

static void describe_schedule(const struct schedule *s, struct text *out)
{
	if (s->skip) {
		text_format(out, ", not the first %llu of a lane",
			    (unsigned long long)s->skip);
	}
	if (s->every > 1) {
		text_format(out, ", only each %llu.", (unsigned long long)s->every);
	}
	if (s->burst > 1) {
		text_format(out, ", in bursts of %llu", (unsigned long long)s->burst);
	}
	if (s->count != UINT64_MAX) {
		text_format(out, ", at most %llu a lane", (unsigned long long)s->count);
	}
	if (s->until != UINT64_MAX) {
		text_format(out, ", none behind the first %llu",
			    (unsigned long long)s->until);
	}
	if (s->until_ns != INT64_MAX) {
		text_str(out, ", none later than ");
		text_duration(out, s->until_ns);
		text_str(out, " into the run");
	}
}

void rule_describe(const struct rule *rule, struct text *out)
{
	if (rule->chance.num == 0) {
		text_str(out, "no ");
	} else if (rule->chance.num == rule->chance.den) {
		text_str(out, "each ");
	} else {
		text_str(out, "with a chance of ");
		text_chance(out, rule->chance);
		text_str(out, " each ");
	}
	rule_describe_units(rule, out);
	describe_schedule(&rule->schedule, out);
	for (unsigned i = 0; i < rule->num_actions; i++) {
		const struct action *action = &rule->actions[i];

		text_str(out, i == 0 ? " " : i + 1 < rule->num_actions ? ", " : " and ");
		action->row->describe(action, out);
	}
}

void ruleset_done(struct ruleset *set)
{
	for (size_t i = 0; i < set->num_rules; i++) {
		struct rule *rule = &set->rules[i];

		match_done(&rule->match);
		for (unsigned a = 0; a < rule->num_actions; a++) {
			action_release(&rule->actions[a]);
		}
	}
	arena_done(&set->arena);
}
