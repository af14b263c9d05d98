#include "core/lane.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

void lane_init(struct lane *lane, const char *name)
{
	*lane = (struct lane){.name = xstrdup(name)};
}

void lane_done(struct lane *lane)
{
	for (int side = 0; side < NUM_SIDE; side++) {
		struct lane_class *class = lane->sides[side].classes;

		while (class) {
			struct lane_class *next = class->next;

			free(class);
			class = next;
		}
		free(lane->sides[side].rules);
	}
	free(lane->name);
	*lane = (struct lane){0};
}

static bool rule_touches(const struct rule *rule, const struct lane *lane, enum side side,
			 const bool *applies)
{
	return rule->match.sides[side] && !rule_inert(rule) &&
	       (!rule->lane || glob_match(rule->lane, lane->name)) &&
	       (!applies || applies[rule->index]);
}

/* Where the side stood in a rule of that name, or the beginning. */
static struct schedule_state carried_state(const struct lane_side *side, const char *name)
{
	for (size_t i = 0; i < side->num_rules; i++) {
		if (strcmp(side->rules[i].rule->name, name) == 0) {
			return side->rules[i].state;
		}
	}
	return (struct schedule_state){0};
}

void lane_bind(struct lane *lane, enum side side, const struct ruleset *set,
	       const bool *applies, struct rule_stats *const *stats)
{
	struct lane_side *ls = &lane->sides[side];
	struct lane_rule *rules = NULL;
	size_t num = 0;

	for (size_t i = 0; i < set->num_rules; i++) {
		num += rule_touches(&set->rules[i], lane, side, applies);
	}
	if (num > 0) {
		rules = xcalloc(num, sizeof(*rules));
	}
	ls->needs_whole = false;
	ls->may_need_whole = false;
	num = 0;
	for (size_t i = 0; i < set->num_rules; i++) {
		const struct rule *rule = &set->rules[i];

		if (rule_touches(rule, lane, side, applies)) {
			rules[num++] = (struct lane_rule){
				.rule = rule,
				.key = prf_key_derive(&rule->key, (uint64_t)side,
						      span_str(lane->name)),
				.state = carried_state(ls, rule->name),
				.stats = stats ? stats[i] : NULL,
			};
			ls->needs_whole |= match_needs_whole(&rule->match);
			ls->may_need_whole |= ls->needs_whole || rule->needs_whole;
		}
	}
	free(ls->rules);
	ls->rules = rules;
	ls->num_rules = num;
}

bool lane_side_touched(const struct lane *lane, enum side side)
{
	return lane->sides[side].num_rules > 0;
}

/* The class's name as identities write it. */
static void class_clean(struct span class, char *out)
{
	size_t len = class.len < CLASS_NAME_MAX ? class.len : CLASS_NAME_MAX;

	for (size_t i = 0; i < len; i++) {
		char c = (char)class.data[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';

		out[i] = fine ? c : '_';
	}
	if (len == 0) {
		memcpy(out, "raw", 3);
		len = 3;
	}
	out[len] = '\0';
}

/* Moves what it finds to the front: traffic repeats its classes. */
static struct lane_class *find_class(struct lane_side *ls, const char *name)
{
	for (struct lane_class **at = &ls->classes; *at; at = &(*at)->next) {
		struct lane_class *class = *at;

		if (strcmp(class->name, name) == 0) {
			*at = class->next;
			class->next = ls->classes;
			ls->classes = class;
			return class;
		}
	}
	return NULL;
}

struct lane_class *lane_class(struct lane *lane, enum side side, struct span class)
{
	struct lane_side *ls = &lane->sides[side];
	char name[CLASS_NAME_MAX + 1] = {0};
	struct lane_class *found;

	class_clean(class, name);
	found = find_class(ls, name);
	if (found) {
		return found;
	}
	if (ls->num_classes + 1 >= LANE_CLASSES_MAX && strcmp(name, "other") != 0) {
		/* The last place is kept for all that come after it. */
		return lane_class(lane, side, span_str("other"));
	}
	assert(ls->num_classes < LANE_CLASSES_MAX);
	found = xcalloc(1, sizeof(*found));
	found->hash = prf_hash_name(span_str(name));
	memcpy(found->name, name, sizeof(name));
	found->next = ls->classes;
	ls->classes = found;
	ls->num_classes++;
	return found;
}
