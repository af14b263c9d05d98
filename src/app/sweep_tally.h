/* What each rule did over all seeds of a sweep, and whether that is what it was told to
 * do. Rules are the config's; a result counts by the rule's name.
 */
#ifndef APP_SWEEP_TALLY_H
#define APP_SWEEP_TALLY_H

#include "app/config.h"
#include "app/sweep_result.h"

/* Beyond so many standard deviations a rate is no chance any more: one rule in 1.7
 * million is that far off by luck. */
#define SWEEP_SIGMA_MAX 5.0

struct sweep_tally_rule {
	const struct rule *rule;
	uint64_t considered, matched, fired;
	uint64_t seeds; /* in which it fired */
	/* A rate can be held against the chance: no schedule thins it out and no earlier
	 * rule may end the unit first. */
	bool comparable;
};

struct sweep_tally {
	struct sweep_tally_rule *rules; /* in file order */
	size_t num_rules;
	uint64_t runs;
};

/* The config must live as long. */
void sweep_tally_init(struct sweep_tally *tally, const struct config *config);
void sweep_tally_done(struct sweep_tally *tally);
void sweep_tally_add(struct sweep_tally *tally, const struct sweep_result *result);

/* How many standard deviations `fired` of `matched` is away from the chance, with its
 * sign; 0 when nothing matched; infinite when a chance of 0% or 100% was not kept. It is
 * the root of the deviance: the usual z where much has matched, and no false alarm where
 * little has, as P(so far off on this side) <= exp(-z^2 / 2) always (Chernoff). */
double sweep_sigma(uint64_t fired, uint64_t matched, struct chance chance);
/* Is its rate beyond SWEEP_SIGMA_MAX? */
bool sweep_tally_off(const struct sweep_tally_rule *rule);
/* "never matched: a, b; never fired: c", or nothing. */
void sweep_tally_vacuous(const struct sweep_tally *tally, struct text *out);

#endif
