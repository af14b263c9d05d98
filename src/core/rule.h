/* A rule: match + chance + schedule + actions; and the rule set, which owns all of them.
 *
 * Rule sets are immutable once built and counted by their holders (a run swaps one for
 * the next on SIGHUP while lanes may still use the old one).
 */
#ifndef CORE_RULE_H
#define CORE_RULE_H

#include "base/arena.h"
#include "base/quantity.h"
#include "core/action.h"
#include "core/match.h"
#include "core/prf.h"
#include "core/schedule.h"

#include <stdbool.h>

struct flowfilter; /* codec's: judged by the plane once a lane */

struct rule {
	const char *name;
	const char *file; /* where it stands, for messages */
	unsigned line;
	unsigned index;		   /* in file order */
	const char *const *on;	   /* names of proxies, NULL-terminated; NULL: all */
	const char *lane;	   /* a glob over lanes' names; NULL: all */
	struct flowfilter *filter; /* NULL: every flow */
	const char *filter_text;
	struct match match;
	const char *match_text; /* as written; NULL: none */
	struct chance chance;
	struct schedule schedule;
	struct action *actions;
	unsigned num_actions;
	bool terminal;	  /* one of its actions is */
	bool needs_whole; /* one of its actions does */
	struct prf_key key;
};

enum exactness {
	SEED_EXACT, /* reads identity, bytes and lane-local counts only */
	LOG_EXACT,  /* also reads the clock or counts across lanes; its log replays it */
};

struct ruleset {
	struct arena arena; /* owns the rules and all their text */
	struct rule *rules;
	size_t num_rules;
	uint64_t seed;
	uint64_t generation; /* 1 for the first of a run */
	unsigned refs;
};

/* A rule's key from the run's seed. Call when name and seed are known. */
void rule_bind_seed(struct rule *rule, uint64_t seed);
/* Sets terminal and needs_whole from the actions. */
void rule_finish(struct rule *rule);
enum exactness rule_exactness(const struct rule *rule);
const char *exactness_name(enum exactness exactness); /* "seed-exact", "log-exact" */
/* chance = 0%: can never fire, touches nothing, is never vacuous. */
bool rule_inert(const struct rule *rule);
/* One sentence: "5% of replies of class error on cache are delayed by …". */
void rule_describe(const struct rule *rule, struct text *out);

/* Which units it is about: "reply of class error on cache matching /x/". */
void rule_describe_units(const struct rule *rule, struct text *out);

/* Frees match patterns and actions, then the arena. Filters are their maker's to free
 * first. */
void ruleset_done(struct ruleset *set);

#endif
