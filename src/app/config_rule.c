#include "app/config_build.h"
#include "base/nearest.h"
#include "base/quantity.h"

#include "codec/flowfilter.h"

#include <ctype.h>
#include <string.h>

/* The rule's parts live as long as the rule set; the names of keys come from the table.
 */

static int rule_context(const struct section_vals *read, int key, struct err *err)
{
	return section_context(read, key, RULE_KEYS[key].name, err);
}

static int fail_nobody(const struct section_vals *read, const char *name,
		       const char *const *proxy_names, struct err *err)
{
	const char *near = nearest_name(name, proxy_names);

	if (near) {
		return config_fail(err, read->section->file, read->lines[RULE_ON],
				   "on: there is no [proxy %s]; did you mean '%s'?", name,
				   near);
	}
	return config_fail(err, read->section->file, read->lines[RULE_ON],
			   "on: there is no [proxy %s]", name);
}

static bool name_listed(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0) {
		names++;
	}
	return *names;
}

/* "a, b" to rule->on; a "*" among them is all. */
static int build_on(const struct section_vals *read, const char *const *proxy_names,
		    struct arena *arena, struct rule *rule, struct err *err)
{
	static const char SEPARATORS[] = ", \t";
	const char *p = read->vals[RULE_ON].text;
	const char **names = arena_take_array(arena, strlen(p) / 2 + 2, sizeof(*names));
	bool all = false;
	size_t num = 0;

	for (p += strspn(p, SEPARATORS); *p; p += strspn(p, SEPARATORS)) {
		size_t len = strcspn(p, SEPARATORS);
		const char *name = arena_copy_span(arena, span_of(p, len));

		p += len;
		if (strcmp(name, "*") == 0) {
			all = true;
		} else if (!name_listed(proxy_names, name)) {
			return fail_nobody(read, name, proxy_names, err);
		} else if (!name_listed(names, name)) {
			names[num++] = name;
		}
	}
	if (num == 0 && !all) {
		return config_fail(err, read->section->file, read->lines[RULE_ON],
				   "on: it names no proxy; write * for all");
	}
	rule->on = all ? NULL : names;
	return 0;
}

static int build_pattern(const struct section_vals *read, struct arena *arena,
			 struct rule *rule, struct err *err)
{
	static const struct optrow PATTERN = {.name = "match", .type = OPT_REGEX};
	const char *text = read->vals[RULE_MATCH].text;
	bool negated = *text == '!';
	struct optval val;

	if (optrow_parse(&PATTERN, text + negated, arena, &val, err)) {
		return err_context(err, "%s:%u", read->section->file,
				   read->lines[RULE_MATCH]);
	}
	rule->match.regex = regex_new(val.text, val.flags, err);
	if (!rule->match.regex) {
		return rule_context(read, RULE_MATCH, err);
	}
	rule->match.regex_negated = negated;
	rule->match_text = text;
	return 0;
}

static int build_match(const struct section_vals *read, struct arena *arena,
		       struct rule *rule, struct err *err)
{
	const struct optval *vals = read->vals;
	struct match *match = &rule->match;

	match->sides[SIDE_REQUEST] = vals[RULE_SIDE].num != SIDES_REPLY;
	match->sides[SIDE_REPLY] = vals[RULE_SIDE].num != SIDES_REQUEST;
	if (vals[RULE_CLASS].present &&
	    match_parse_classes(match, vals[RULE_CLASS].text, arena, err)) {
		return rule_context(read, RULE_CLASS, err);
	}
	if (vals[RULE_LENGTH].present &&
	    match_parse_length(match, vals[RULE_LENGTH].text, err)) {
		return rule_context(read, RULE_LENGTH, err);
	}
	if (vals[RULE_K].present && match_parse_k(match, vals[RULE_K].text, err)) {
		return rule_context(read, RULE_K, err);
	}
	if (vals[RULE_LANE].present) {
		rule->lane = vals[RULE_LANE].text;
	}
	if (vals[RULE_FILTER].present) {
		rule->filter_text = vals[RULE_FILTER].text;
		rule->filter = flowfilter_new(rule->filter_text, err);
		if (!rule->filter) {
			return rule_context(read, RULE_FILTER, err);
		}
	}
	return vals[RULE_MATCH].present ? build_pattern(read, arena, rule, err) : 0;
}

int config_target_build(const struct section_vals *read, const char *const *proxy_names,
			struct arena *arena, struct rule *rule, struct err *err)
{
	int rc = build_on(read, proxy_names, arena, rule, err);

	return rc == 0 ? build_match(read, arena, rule, err) : rc;
}

/* "100" counts units, "30s" is a time. */
static int build_until(const struct section_vals *read, struct schedule *schedule,
		       struct err *err)
{
	const char *text = read->vals[RULE_UNTIL].text;

	if (!text[strspn(text, "0123456789")]) {
		if (parse_u64(text, 1, INT64_MAX, &schedule->until, err)) {
			return rule_context(read, RULE_UNTIL, err);
		}
		return 0;
	}
	if (parse_duration(text, &schedule->until_ns, err)) {
		return rule_context(read, RULE_UNTIL, err);
	}
	return 0;
}

static int build_schedule(const struct section_vals *read, struct rule *rule,
			  struct err *err)
{
	const struct optval *vals = read->vals;
	struct schedule *schedule = &rule->schedule;

	rule->chance = vals[RULE_CHANCE].chance;
	schedule->skip = (uint64_t)vals[RULE_SKIP].num;
	schedule->every = (uint64_t)vals[RULE_EVERY].num;
	schedule->burst = (uint64_t)vals[RULE_BURST].num;
	if (vals[RULE_COUNT].present) {
		schedule->count = (uint64_t)vals[RULE_COUNT].num;
	}
	return vals[RULE_UNTIL].present ? build_until(read, schedule, err) : 0;
}

static int build_actions(const struct ini_section *section, struct arena *arena,
			 struct rule *rule, struct err *err)
{
	rule->actions =
		arena_take_array(arena, section->num_entries, sizeof(*rule->actions));
	for (size_t i = 0; i < section->num_entries; i++) {
		const struct ini_entry *entry = &section->entries[i];
		int rc;

		if (strcmp(entry->key, RULE_KEYS[RULE_DO].name) != 0) {
			continue;
		}
		if (rule->num_actions == RULE_ACTIONS_MAX) {
			return config_fail(err, section->file, entry->line,
					   "do: a rule has at most %d actions",
					   RULE_ACTIONS_MAX);
		}
		rc = action_parse(&rule->actions[rule->num_actions], entry->value,
				  rule->num_actions, arena, err);
		if (rc) {
			return err_context(err, "%s:%u: do", section->file, entry->line);
		}
		rule->num_actions++;
	}
	return 0;
}

int config_rule_build(const struct ini_section *section, const char *const *proxy_names,
		      struct arena *arena, struct rule *out, bool *out_enabled,
		      struct err *err)
{
	struct rule rule = {
		.name = arena_copy_text(arena, section->name),
		.file = arena_copy_text(arena, section->file),
		.line = section->line,
	};
	struct section_vals read;
	int rc = section_read(section, RULE_KEYS, arena, &read, err);

	if (rc) {
		return rc;
	}
	match_init(&rule.match);
	schedule_init(&rule.schedule);
	rc = config_target_build(&read, proxy_names, arena, &rule, err);
	if (rc == 0) {
		rc = build_schedule(&read, &rule, err);
	}
	if (rc == 0) {
		rc = build_actions(section, arena, &rule, err);
	}
	if (rc) {
		config_rule_done(&rule);
		return rc;
	}
	rule_finish(&rule);
	*out = rule;
	*out_enabled = read.vals[RULE_ENABLED].num;
	return 0;
}

void config_rule_done(struct rule *rule)
{
	for (unsigned i = 0; i < rule->num_actions; i++) {
		action_release(&rule->actions[i]);
	}
	rule->num_actions = 0;
	match_done(&rule->match);
	flowfilter_free(rule->filter);
	rule->filter = NULL;
}
