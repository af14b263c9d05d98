#include "app/log_reason.h"

#include "base/quantity.h"

#include <string.h>

static uint64_t chance_draw(const struct log_case *c, const struct rule *rule)
{
	struct prf_key key = prf_key_derive(&rule->key, c->id.side, span_str(c->id.lane));

	return prf_draw(&key, prf_hash_name(span_str(c->id.class)), c->id.k, 0);
}

/* A draw as the fraction of 2^64 that it is, cut, never rounded. */
static void put_draw(struct text *out, uint64_t draw, struct chance chance)
{
	uint64_t millionths = prf_below(draw, 1000000);
	long double threshold = (long double)chance.num / (long double)chance.den;
	long double value = (long double)draw / 18446744073709551616.0L;
	bool close = value - threshold < 2e-6L && threshold - value < 2e-6L;

	if (close) { /* six digits might read as equal, or rounded the wrong way */
		text_format(out, "0.%018ju",
			    (uintmax_t)prf_below(draw, 1000000000000000000ULL));
	} else {
		text_format(out, "0.%06ju", (uintmax_t)millionths);
	}
}

static void put_threshold(struct text *out, struct chance chance)
{
	text_format(out, "%.9g (", (double)chance.num / (double)chance.den);
	text_chance(out, chance);
	text_byte(out, ')');
}

/* Why a rule that came as far as its draw fired or not; false: the log says otherwise. */
static bool put_drawn(struct text *out, const struct log_case *c, const struct rule *rule,
		      bool fired)
{
	uint64_t draw = chance_draw(c, rule);
	bool wins = prf_chance(draw, rule->chance);

	if (rule->chance.num == rule->chance.den) {
		text_str(out, "chance is 100%, so always");
		return fired;
	}
	if (fired && !wins && rule->schedule.burst > 1) {
		text_format(out, "in a burst of %ju that an earlier unit began",
			    (uintmax_t)rule->schedule.burst);
		return true;
	}
	text_str(out, fired ? "won because the draw " : "lost because the draw ");
	put_draw(out, draw, rule->chance);
	text_str(out, wins ? " was below " : " was not below ");
	put_threshold(out, rule->chance);
	return fired == wins;
}

void text_ordinal(struct text *out, uint64_t n)
{
	static const char *const ends[] = {"th", "st", "nd", "rd"};
	uint64_t last = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10;

	text_u64(out, n);
	text_str(out, ends[last <= 3 ? last : 0]);
}

/* "it was the 3rd unit of the lane side that the rule matched" */
static void put_matching(struct text *out, const struct log_case *c,
			 const struct rule *rule)
{
	text_str(out, "it was the ");
	text_ordinal(out, (uint64_t)json_i64(c->matched, rule->name, 0) + 1);
	text_str(out, " unit of its lane side that the rule matched");
}

static void put_until(struct text *out, const struct log_case *c, const struct rule *rule)
{
	const struct schedule *s = &rule->schedule;
	uint64_t nth = (uint64_t)json_i64(c->matched, rule->name, 0);

	if (nth >= s->until) {
		text_format(out, "until = %ju: ", (uintmax_t)s->until);
		put_matching(out, c, rule);
		return;
	}
	text_str(out, "until = ");
	text_duration(out, s->until_ns);
	text_str(out, ": it came ");
	text_ns(out, json_i64(json_object_get(c->unit, "wall"), "at", 0));
	text_str(out, " into the run");
}

static const char *ending_rule(const struct log_case *c, const struct config *config)
{
	const json_t *outcomes = json_object_get(c->unit, "rules");

	for (size_t i = 0; i < config->rules->num_rules; i++) {
		const struct rule *rule = &config->rules->rules[i];

		if (rule->terminal &&
		    strcmp(json_text(outcomes, rule->name, ""), "fired") == 0) {
			return rule->name;
		}
	}
	return NULL;
}

bool text_reason(struct text *out, const struct log_case *c, const struct config *config,
		 const struct rule *rule, enum outcome outcome)
{
	const struct schedule *s = &rule->schedule;
	const char *ending;
	bool agrees = true;

	switch (outcome) {
	case OUTCOME_FIRED:
		agrees = put_drawn(out, c, rule, true);
		break;
	case OUTCOME_SHADOWED:
		agrees = put_drawn(out, c, rule, true);
		ending = ending_rule(c, config);
		text_format(out, "; but %s had ended the unit",
			    ending ? ending : "an earlier rule");
		break;
	case OUTCOME_SKIP:
		text_format(out, "skip = %ju: ", (uintmax_t)s->skip);
		put_matching(out, c, rule);
		break;
	case OUTCOME_EVERY:
		text_format(out, "every = %ju takes each ", (uintmax_t)s->every);
		text_ordinal(out, s->every);
		if (s->skip) {
			text_format(out, ", counted behind the %ju skipped",
				    (uintmax_t)s->skip);
		}
		text_str(out, ": ");
		put_matching(out, c, rule);
		break;
	case OUTCOME_COUNT:
		text_format(out, "count = %ju: it had fired %lld times in this lane side",
			    (uintmax_t)s->count,
			    (long long)json_i64(c->fired, rule->name, 0));
		break;
	case OUTCOME_UNTIL:
		put_until(out, c, rule);
		break;
	case OUTCOME_CHANCE:
		agrees = put_drawn(out, c, rule, false);
		break;
	case OUTCOME_MASKED:
		text_str(out, "it fired in the run that this one replays, and was left "
			      "out (--only)");
		break;
	case NUM_OUTCOME:
		break;
	}
	return agrees;
}

static bool on_proxy(const struct rule *rule, const char *proxy)
{
	if (!rule->on) {
		return true;
	}
	for (const char *const *on = rule->on; *on; on++) {
		if (strcmp(*on, proxy) == 0) {
			return true;
		}
	}
	return false;
}

void text_no_match(struct text *out, const struct log_case *c, const struct rule *rule,
		   const char *proxy)
{
	struct match match = rule->match;
	struct unit unit = {.class = c->id.class, .whole = true, .k = c->id.k};
	bool right_k = c->id.k >= match.k_min && c->id.k <= match.k_max;
	int64_t len = log_case_len(c);

	match.regex = NULL;
	match.len_min = 0;
	match.len_max = UINT64_MAX;
	if (rule_inert(rule)) {
		text_str(out, "its chance is 0%");
	} else if (!on_proxy(rule, proxy)) {
		text_str(out, "it is not on this proxy");
	} else if (!match.sides[c->id.side]) {
		text_format(out, "it is about the %s side",
			    side_name(side_other(c->id.side)));
	} else if (rule->lane && !glob_match(rule->lane, c->id.lane)) {
		text_str(out, "the lane is another: lane = ");
		text_safe(out, rule->lane);
	} else if (!right_k) {
		text_format(out, "k is another: k = %ju", (uintmax_t)match.k_min);
		if (match.k_max != match.k_min) {
			text_format(out, "-%ju", (uintmax_t)match.k_max);
		}
	} else if (!match_unit(&match, c->id.side, &unit)) {
		text_str(out, "the class is another");
	} else if (len >= 0 && ((uint64_t)len < rule->match.len_min ||
				(uint64_t)len > rule->match.len_max)) {
		text_format(out, "the length %lld is outside ", (long long)len);
		text_format(out, "%ju to ", (uintmax_t)rule->match.len_min);
		if (rule->match.len_max == UINT64_MAX) {
			text_str(out, "any");
		} else {
			text_u64(out, rule->match.len_max);
		}
	} else if (rule->filter_text && rule->match_text) {
		text_str(out, "the flow's addresses or the unit's bytes are others");
	} else if (rule->filter_text) {
		text_str(out, "the flow's addresses are others: filter = ");
		text_safe(out, rule->filter_text);
	} else if (rule->match_text) {
		text_str(out, "its bytes are others: match = ");
		text_safe(out, rule->match_text);
	} else {
		text_str(out, "the log does not tell why");
	}
}
