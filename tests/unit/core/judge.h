/* A bench for core's tests: one lane, a few rules, and units judged one by one. A test
 * adds rules, then judges; judge_done() frees all. */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "base/arena.h"
#include "core/decide.h"

enum { JUDGE_RULES_MAX = 8, JUDGE_ACTIONS_MAX = 4 };

struct judge {
	struct ruleset set;
	struct rule rules[JUDGE_RULES_MAX];
	struct action actions[JUDGE_RULES_MAX][JUDGE_ACTIONS_MAX];
	struct rule_stats stats[JUDGE_RULES_MAX];
	struct lane lane;
	struct decision decision;
	struct unit unit; /* the last one */
};

static inline void judge_init(struct judge *j, const char *lane)
{
	*j = (struct judge){.set.seed = 42};
	j->set.rules = j->rules;
	lane_init(&j->lane, lane);
}

static inline void judge_done(struct judge *j)
{
	lane_done(&j->lane);
	decision_done(&j->decision);
	ruleset_done(&j->set);
}

/* A rule that matches everything and always fires; the test may narrow what is
 * returned. `action` may be NULL: none yet. */
static inline struct rule *judge_rule(struct judge *j, const char *name)
{
	struct rule *rule = &j->rules[j->set.num_rules];

	*rule = (struct rule){
		.name = name,
		.index = (unsigned)j->set.num_rules,
		.chance = {1, 1},
		.actions = j->actions[j->set.num_rules],
	};
	j->set.num_rules++;
	match_init(&rule->match);
	schedule_init(&rule->schedule);
	rule_bind_seed(rule, j->set.seed);
	return rule;
}

static inline int judge_action(struct judge *j, struct rule *rule, const char *text,
			       struct err *err)
{
	int code = action_parse(&rule->actions[rule->num_actions], text,
				rule->num_actions, &j->set.arena, err);

	rule->num_actions += code == 0;
	rule_finish(rule);
	return code;
}

static inline void judge_bind(struct judge *j)
{
	struct rule_stats *stats[JUDGE_RULES_MAX];

	for (int i = 0; i < JUDGE_RULES_MAX; i++) {
		stats[i] = &j->stats[i];
	}
	lane_bind(&j->lane, SIDE_REQUEST, &j->set, NULL, stats);
	lane_bind(&j->lane, SIDE_REPLY, &j->set, NULL, stats);
}

static inline const struct decision *judge_whole(struct judge *j, enum side side,
						 const char *class, struct span bytes)
{
	j->unit = (struct unit){.bytes = bytes, .whole = true, .extent_bytes = bytes.len};
	decide_identify(&j->lane, side, span_str(class), &j->unit);
	decide_fire(&j->lane, side, &j->unit, &j->decision);
	decide_apply(&j->unit, &j->decision);
	return &j->decision;
}

/* A cell judged at its first byte. */
static inline const struct decision *judge_cell(struct judge *j, enum side side,
						uint64_t cell_bytes)
{
	j->unit = (struct unit){.extent_bytes = cell_bytes};
	decide_identify(&j->lane, side, span_str("raw"), &j->unit);
	decide_fire(&j->lane, side, &j->unit, &j->decision);
	decide_apply(&j->unit, &j->decision);
	return &j->decision;
}

#endif
