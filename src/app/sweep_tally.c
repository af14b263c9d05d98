#include "app/sweep_tally.h"

#include <math.h>
#include <stdlib.h>

static bool schedule_plain(const struct schedule *schedule)
{
	struct schedule plain;

	schedule_init(&plain);
	return schedule->skip == plain.skip && schedule->every == plain.every &&
	       schedule->burst == plain.burst && schedule->count == plain.count &&
	       schedule->until == plain.until && schedule->until_ns == plain.until_ns;
}

void sweep_tally_init(struct sweep_tally *tally, const struct config *config)
{
	bool ended = false; /* an earlier rule may end the unit */

	*tally = (struct sweep_tally){.num_rules = config->rules->num_rules};
	tally->rules = xcalloc(tally->num_rules, sizeof(*tally->rules));
	for (size_t i = 0; i < tally->num_rules; i++) {
		const struct rule *rule = &config->rules->rules[i];

		tally->rules[i].rule = rule;
		tally->rules[i].comparable = !ended && schedule_plain(&rule->schedule);
		ended |= rule->terminal && !rule_inert(rule);
	}
}

void sweep_tally_done(struct sweep_tally *tally)
{
	free(tally->rules);
	*tally = (struct sweep_tally){0};
}

void sweep_tally_add(struct sweep_tally *tally, const struct sweep_result *result)
{
	tally->runs++;
	for (size_t i = 0; i < result->num_rules; i++) {
		const struct sweep_rule *more = &result->rules[i];
		/* Results list rules in file order, so this is nearly always right. */
		size_t at = i;

		if (at >= tally->num_rules ||
		    strcmp(tally->rules[at].rule->name, more->name) != 0) {
			for (at = 0; at < tally->num_rules &&
				     strcmp(tally->rules[at].rule->name, more->name) != 0;
			     at++) {
			}
		}
		if (at < tally->num_rules) {
			tally->rules[at].considered += more->considered;
			tally->rules[at].matched += more->matched;
			tally->rules[at].fired += more->fired;
			tally->rules[at].seeds += more->fired > 0;
		}
	}
}

/* x ln(x/y), which is 0 for x = 0. */
static double entropy_term(double x, double y)
{
	return x > 0 ? x * log(x / y) : 0;
}

double sweep_sigma(uint64_t fired, uint64_t matched, struct chance chance)
{
	double n = (double)matched, k = (double)fired;
	double p = (double)chance.num / (double)chance.den;
	double deviance;

	if (matched == 0 || fired > matched) {
		return 0;
	}
	deviance = 2 * (entropy_term(k, n * p) + entropy_term(n - k, n * (1 - p)));
	/* Rounding may leave it a little below 0. */
	return copysign(sqrt(fmax(deviance, 0)), k - n * p);
}

bool sweep_tally_off(const struct sweep_tally_rule *rule)
{
	return rule->comparable &&
	       fabs(sweep_sigma(rule->fired, rule->matched, rule->rule->chance)) >
		       SWEEP_SIGMA_MAX;
}

static void put_names(const struct sweep_tally *tally, bool matched, const char *what,
		      struct text *out)
{
	const char *before = what;

	for (size_t i = 0; i < tally->num_rules; i++) {
		const struct sweep_tally_rule *rule = &tally->rules[i];

		if (rule_inert(rule->rule) || rule->fired ||
		    (rule->matched > 0) != matched) {
			continue;
		}
		if (before == what && out->len) {
			text_str(out, "; ");
		}
		text_format(out, "%s%s", before, rule->rule->name);
		before = ", ";
	}
}

void sweep_tally_vacuous(const struct sweep_tally *tally, struct text *out)
{
	put_names(tally, false, "never matched: ", out);
	put_names(tally, true, "never fired: ", out);
}
