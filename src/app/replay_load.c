#include "app/replay_load.h"

#include "app/log_common.h"
#include "core/action.h"
#include "core/lane.h"
#include "io/file.h"

#include <stdlib.h>

struct loader {
	struct replay_log *out;
	const struct log_line *line;
	/* Rule sets by generation - 1. */
	const struct ruleset **sets;
	size_t num_sets;
};

static int line_fail(const struct loader *l, struct err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int line_fail(const struct loader *l, struct err *err, const char *format, ...)
{
	struct text what = {0};
	char buffer[512];
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	text_safe(&what, buffer);
	err_set(err, ERR_INPUT, "%s:%ju: %s", l->out->path, (uintmax_t)l->line->number,
		text_cstr(&what));
	text_done(&what);
	return ERR_INPUT;
}

/* --- what was decided --- */

static const struct rule *find_rule(const struct ruleset *set, const char *name)
{
	for (size_t i = 0; i < set->num_rules; i++) {
		if (strcmp(set->rules[i].name, name) == 0) {
			return &set->rules[i];
		}
	}
	return NULL;
}

static const struct ruleset *set_in_force(const struct loader *l,
					  const struct replay_side *side)
{
	uint64_t generation = side->num_switches
				      ? side->switches[side->num_switches - 1].generation
				      : side->lane->generation;

	return generation >= 1 && generation <= l->num_sets ? l->sets[generation - 1]
							    : NULL;
}

static int unknown_rule(const struct loader *l, const char *name, struct err *err)
{
	return line_fail(l, err, "the rule '%s' is not in the log's rule files", name);
}

static int read_outcomes(struct loader *l, const struct ruleset *set,
			 struct replay_said *said, struct err *err)
{
	json_t *rules = json_object_get(l->line->json, "rules"), *word;
	const char *name;

	said->outcomes = arena_take_array(&l->out->replay->arena, json_object_size(rules),
					  sizeof(*said->outcomes));
	json_object_foreach(rules, name, word)
	{
		struct rule_outcome *o = &said->outcomes[said->num_outcomes];
		const char *text = json_is_string(word) ? json_string_value(word) : "?";
		int outcome = 0;

		while (outcome < NUM_OUTCOME &&
		       strcmp(outcome_name((enum outcome)outcome), text) != 0) {
			outcome++;
		}
		if (outcome == NUM_OUTCOME) {
			return line_fail(l, err,
					 "this version knows no outcome '%s' of a rule",
					 text);
		}
		o->outcome = (enum outcome)outcome;
		o->rule = find_rule(set, name);
		if (!o->rule) {
			return unknown_rule(l, name, err);
		}
		said->num_outcomes++;
	}
	return 0;
}

/* The rule's n-th action of that name, from 0. */
static const struct action *find_action(const struct rule *rule, const char *name,
					size_t n)
{
	for (unsigned i = 0; i < rule->num_actions; i++) {
		if (strcmp(rule->actions[i].row->name, name) == 0 && n-- == 0) {
			return &rule->actions[i];
		}
	}
	return NULL;
}

static int read_effect(struct loader *l, const struct ruleset *set,
		       struct replay_said *said, const json_t *json, struct err *err)
{
	struct effect *effect = &said->effects[said->num_effects];
	const char *action = json_text(json, "do", ""),
		   *rule = json_text(json, "rule", "");
	const char *key;
	json_t *value;
	size_t n = 0;

	effect->rule = find_rule(set, rule);
	if (!effect->rule) {
		return unknown_rule(l, rule, err);
	}
	for (size_t i = 0; i < said->num_effects; i++) {
		n += said->effects[i].rule == effect->rule &&
		     strcmp(said->effects[i].action->row->name, action) == 0;
	}
	effect->action = find_action(effect->rule, action, n);
	if (!effect->action) {
		return line_fail(l, err, "the rule '%s' does no '%s'%s", rule, action,
				 n ? " so often" : "");
	}
	json_object_foreach((json_t *)json, key, value)
	{
		if (!json_is_integer(value)) {
			continue;
		}
		if (effect->num_values == EFFECT_VALUES_MAX) {
			return line_fail(l, err, "an effect with more than %d values",
					 EFFECT_VALUES_MAX);
		}
		effect_value(effect, arena_copy_text(&l->out->replay->arena, key),
			     json_integer_value(value));
	}
	said->num_effects++;
	return 0;
}

static int read_effects(struct loader *l, const struct ruleset *set,
			struct replay_said *said, struct err *err)
{
	const json_t *effects = json_object_get(l->line->json, "effects");
	size_t i, num_actions = 0;
	json_t *effect;

	/* Each of a rule's actions has one at most. */
	for (i = 0; i < set->num_rules; i++) {
		num_actions += set->rules[i].num_actions;
	}
	if (json_array_size(effects) > num_actions) {
		return line_fail(l, err, "more effects than the rules have actions");
	}
	said->effects = arena_take_array(&l->out->replay->arena, json_array_size(effects),
					 sizeof(*said->effects));
	json_array_foreach((json_t *)effects, i, effect)
	{
		int code = read_effect(l, set, said, effect, err);

		if (code != 0) {
			return code;
		}
	}
	return 0;
}

/* Hex digits to the edits' bytes. */
static int read_bytes(struct loader *l, const json_t *edit, const char *key,
		      uint8_t *bytes, size_t *at, size_t *out_len, struct err *err)
{
	const char *hex = json_text(edit, key, "-");
	size_t max = strlen(hex) / 2 + 1;

	*out_len = 0;
	if (*hex && parse_hex(hex, bytes + *at, max, out_len, NULL) != 0) {
		return line_fail(l, err, "an edit's \"%s\" is not hex digits", key);
	}
	*at += *out_len;
	return 0;
}

static int read_edits(struct loader *l, struct replay_said *said, struct err *err)
{
	const json_t *edits = json_object_get(l->line->json, "edits");
	struct arena *arena = &l->out->replay->arena;
	size_t num = json_array_size(edits), room = l->line->raw.len / 2 + 2, at = 0, i;
	uint8_t *bytes;
	json_t *json;

	said->edits_known = true;
	if (num == 0) {
		return 0;
	}
	bytes = arena_take(arena, room);
	said->edits = arena_take_array(arena, num, sizeof(*said->edits));
	said->edit_bytes = bytes;
	json_array_foreach((json_t *)edits, i, json)
	{
		struct edit *edit = &said->edits[i];
		int64_t offset = json_i64(json, "at", -1);
		int code;

		if (offset < 0) {
			return line_fail(l, err, "an edit without an offset \"at\"");
		}
		edit->at = (uint64_t)offset;
		edit->old_from = at;
		code = read_bytes(l, json, "old", bytes, &at, &edit->old_len, err);
		edit->new_from = at;
		code = code ? code
			    : read_bytes(l, json, "new", bytes, &at, &edit->new_len, err);
		if (code != 0) {
			return code;
		}
	}
	said->num_edits = num;
	return 0;
}

static const char *fixup_word(const json_t *line)
{
	const char *word = json_text(line, "fixup", NULL);

	if (!word) {
		return NULL;
	}
	return strcmp(word, "none") == 0 ? "none" : "length";
}

static int read_said(struct loader *l, struct replay_side *side, struct replay_unit *unit,
		     struct err *err)
{
	const json_t *json = l->line->json;
	const char *verdict = json_text(json, "verdict", "pass");
	const struct ruleset *set = set_in_force(l, side);
	struct replay_said *said;
	int code;

	if (strcmp(verdict, "reset") == 0 || strcmp(verdict, "close") == 0) {
		side->lane->ragged = true;
	}
	if (!json_object_get(json, "rules") && !json_object_get(json, "effects")) {
		return 0;
	}
	if (!set) {
		return line_fail(l, err, "no rule files are known for this generation");
	}
	said = replay_said_add(l->out->replay, unit);
	code = read_outcomes(l, set, said, err);
	if (code == 0) {
		code = read_effects(l, set, said, err);
	}
	if (code == 0 && unit->digest_known) {
		code = read_edits(l, said, err);
	}
	said->fixup = fixup_word(json);
	unit->faulty = said->num_effects > 0;
	l->out->replay->num_faults += unit->faulty;
	return code;
}

/* --- the lines --- */

static int read_digest(struct loader *l, struct replay_unit *unit, struct err *err)
{
	const char *digest = json_text(l->line->json, "digest", NULL);
	int64_t len = json_i64(l->line->json, "len", -1);
	char *end;

	if (!digest) {
		return 0; /* a cell that was judged at its first byte */
	}
	unit->digest = strtoull(digest, &end, 16);
	if (strlen(digest) != 16 || *end || len < 0) {
		return line_fail(l, err, "\"digest\" or \"len\" is damaged");
	}
	unit->len_bytes = (uint64_t)len;
	unit->digest_known = true;
	return 0;
}

static int read_number(struct loader *l, struct replay_unit *unit, struct err *err)
{
	int64_t n = json_i64(json_object_get(l->line->json, "wall"), "n", -1);

	if (n < 0) {
		return 0;
	}
	/* Each number stands in a line of its own. */
	if ((uint64_t)n >= l->line->number) {
		return line_fail(l, err, "delivery number %lld: so many have not left",
				 (long long)n);
	}
	replay_number_add(l->out->replay, unit, (uint64_t)n);
	return 0;
}

static struct replay_side *side_of(struct loader *l)
{
	struct replay_lane *lane =
		replay_lane_add(l->out->replay, l->line->lane, l->line->number);

	return &lane->sides[l->line->side];
}

static int read_unit(struct loader *l, struct err *err)
{
	struct replay_side *side = side_of(l);
	struct replay_unit *unit = replay_unit_add(l->out->replay, side, l->line->class,
						   l->line->k, l->line->number);
	int code;

	if (!unit) {
		return line_fail(l, err,
				 "unit %s:%ju of this lane side is there already, or "
				 "those in front of it are missing, or there are more "
				 "than %d classes",
				 l->line->class, (uintmax_t)l->line->k, LANE_CLASSES_MAX);
	}
	unit->late = json_is_true(json_object_get(l->line->json, "late"));
	code = read_digest(l, unit, err);
	if (code == 0) {
		code = read_number(l, unit, err);
	}
	return code == 0 ? read_said(l, side, unit, err) : code;
}

/* A later line about a unit. */
static int read_more(struct loader *l, struct err *err)
{
	struct replay_side *side = side_of(l);
	struct replay_unit *unit = replay_unit_find(side, l->line->class, l->line->k);
	size_t finished = side->num_units;
	int64_t inside;
	int code;

	if (!unit) {
		return line_fail(l, err, "a line about a unit that did not come: %s:%ju",
				 l->line->class, (uintmax_t)l->line->k);
	}
	if (l->line->type != LOG_LATE) {
		code = read_number(l, unit, err);
		if (code == 0 && l->line->type == LOG_CELL_END) {
			code = read_digest(l, unit, err);
			code = code ? code
				    : read_edits(l, replay_said_add(l->out->replay, unit),
						 err);
		}
		return code;
	}
	/* Late: the unit under way, a cell without its end yet, has not gone first. */
	finished -= !side->units[finished - 1]->digest_known;
	inside = json_i64(l->line->json, "inside", 0);
	replay_late_add(l->out->replay, unit,
			(struct replay_late){
				.after = finished > unit->place + 1
						 ? finished - unit->place - 1
						 : 0,
				.inside_bytes = inside > 0 ? (uint64_t)inside : 0,
			});
	return 0;
}

static void read_close(struct loader *l, struct replay_lane *lane)
{
	static const char *const IN_ORDER[] = {"eof", "idle", "replies", NULL};
	const char *end = json_text(l->line->json, "end", "");
	bool in_order = false;

	for (const char *const *word = IN_ORDER; *word; word++) {
		in_order |= strcmp(*word, end) == 0;
	}
	lane->closed = true;
	lane->ragged |= !in_order;
}

static void read_open(struct loader *l, struct replay_lane *lane)
{
	int64_t generation = json_i64(l->line->json, "generation", 1);

	if (lane->line == l->line->number) { /* its first opening */
		lane->generation = (uint64_t)generation;
	}
	lane->closed = false;
}

static void add_set(struct loader *l, const struct ruleset *set)
{
	l->sets = xrealloc(l->sets, (l->num_sets + 1) * sizeof(*l->sets));
	l->sets[l->num_sets++] = set;
}

static struct replay_reload *add_reload(struct loader *l)
{
	struct replay_log *out = l->out;

	out->reloads =
		xrealloc(out->reloads, (out->num_reloads + 1) * sizeof(*out->reloads));
	out->reloads[out->num_reloads] = (struct replay_reload){0};
	return &out->reloads[out->num_reloads++];
}

static int read_reload(struct loader *l, struct err *err)
{
	struct err why = {0};
	struct config *config;

	if (l->out->num_reloads == REPLAY_RELOADS_MAX) {
		return line_fail(l, err, "more than %d reloads", REPLAY_RELOADS_MAX);
	}
	config = log_config(json_object_get(l->line->json, "files"), &why);
	if (!config) {
		return line_fail(l, err, "its rule files can't be read: %s", why.text);
	}
	add_reload(l)->config = config;
	config->rules->generation = l->num_sets + 1;
	config_bind_seed(config, l->out->seed);
	add_set(l, config->rules);
	return 0;
}

static int read_line(struct loader *l, struct err *err)
{
	const struct log_line *line = l->line;
	struct replay *replay = l->out->replay;
	int64_t unit;

	switch (line->type) {
	case LOG_OPEN:
		read_open(l, replay_lane_add(replay, line->lane, line->number));
		return 0;
	case LOG_CLOSE:
		read_close(l, replay_lane_add(replay, line->lane, line->number));
		return 0;
	case LOG_UNIT:
		return read_unit(l, err);
	case LOG_CELL_END:
	case LOG_LATE:
	case LOG_SENT:
		return read_more(l, err);
	case LOG_RULES:
		unit = json_i64(line->json, "unit", -1);
		if (unit < 0) {
			return line_fail(l, err, "a change of rules without \"unit\"");
		}
		if (!replay_switch_add(side_of(l), (uint64_t)unit,
				       (uint64_t)json_i64(line->json, "generation", 0))) {
			return line_fail(
				l, err,
				"a change of rules in front of the one before it");
		}
		return 0;
	case LOG_RELOAD:
		return read_reload(l, err);
	case LOG_RELOAD_REFUSED:
		add_reload(l)->why = xstrdup(json_text(line->json, "error", ""));
		return 0;
	case LOG_SUMMARY:
		replay->cut_off = false;
		return 0;
	case LOG_NOTE:
	case LOG_STALL:
	case LOG_OTHER:
	case NUM_LOG_TYPE:
		break;
	}
	return 0;
}

static int read_lines(struct replay_log *out, const struct ruleset *rules,
		      struct err *err)
{
	struct loader l = {.out = out};
	struct log_line line;
	int code;

	add_set(&l, rules);
	while ((code = logread_next(out->log, &line, err)) > 0) {
		l.line = &line;
		code = read_line(&l, err);
		if (code != 0) {
			break;
		}
	}
	free(l.sets);
	return code;
}

static int load_config(struct replay_log *log, struct err *err)
{
	struct err why = {0};

	log->config =
		log_config(json_object_get(logread_header(log->log), "files"), &why);
	if (!log->config) {
		struct text safe = {0};

		text_safe(&safe, why.text);
		err_set(err, ERR_INPUT, "%s:1: its rule files can't be read: %s",
			log->path, text_cstr(&safe));
		text_done(&safe);
		return ERR_INPUT;
	}
	config_bind_seed(log->config, log->seed);
	return 0;
}

int replay_log_load_with(const char *path, enum replay_policy policy,
			 const struct ruleset *rules, struct replay_log **out,
			 struct err *err)
{
	struct replay_log *log = xcalloc(1, sizeof(*log));
	int code = logread_open(path, false, &log->log, err);

	log->replay = replay_new(policy);
	log->replay->cut_off = true; /* until its summary comes */
	if (code == 0) {
		log->path = xstrdup(logread_name(log->log));
		log->seed = logread_seed(log->log);
		code = rules ? 0 : load_config(log, err);
	}
	if (code == 0) {
		code = read_lines(log, rules ? rules : log->config->rules, err);
	}
	if (code != 0) {
		replay_log_free(log);
		return code;
	}
	*out = log;
	return 0;
}

int replay_log_load(const char *path, enum replay_policy policy, struct replay_log **out,
		    struct err *err)
{
	return replay_log_load_with(path, policy, NULL, out, err);
}

void replay_log_free(struct replay_log *log)
{
	if (!log) {
		return;
	}
	replay_free(log->replay);
	for (size_t i = 0; i < log->num_reloads; i++) {
		config_free(log->reloads[i].config);
		free(log->reloads[i].why);
	}
	config_free(log->config);
	logread_close(log->log);
	free(log->reloads);
	free(log->path);
	free(log);
}

struct config *replay_log_take_config(struct replay_log *log)
{
	struct config *config = log->config;

	log->config = NULL;
	return config;
}

/* --- --only --- */

static const char *nearest_lane(const struct replay *replay, const char *name)
{
	enum { FARTHEST = 64 };
	const char *best = NULL;
	unsigned least = FARTHEST;

	for (const struct replay_lane *lane = replay->lanes; lane;
	     lane = lane->next_added) {
		unsigned distance = name_distance(lane->name, name, least);

		if (distance < least) {
			least = distance;
			best = lane->name;
		}
	}
	return best;
}

/* The fault nearest to that place of the side. */
static const struct replay_unit *nearest_fault(const struct replay_side *side,
					       const struct identity *id)
{
	const struct replay_unit *best = NULL;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < side->num_units; i++) {
		const struct replay_unit *unit = side->units[i];
		uint64_t distance = unit->k > id->k ? unit->k - id->k : id->k - unit->k;

		if (strcmp(unit->class, id->class) != 0) {
			distance += UINT64_C(1) << 32;
		}
		if (unit->faulty && distance < least) {
			least = distance;
			best = unit;
		}
	}
	return best;
}

static int no_fault(const struct replay_log *log, const char *text,
		    const struct identity *id, struct err *err)
{
	const struct replay_lane *lane = replay_lane_find(log->replay, id->lane);
	const struct replay_side *side = lane ? &lane->sides[id->side] : NULL;
	const struct replay_unit *near = side ? nearest_fault(side, id) : NULL;
	const char *name = lane ? NULL : nearest_lane(log->replay, id->lane);
	struct text where = {0};

	if (near) {
		text_str(&where, "; the nearest fault is ");
		text_identity(&where, lane->name, id->side, near->class, near->k);
	} else if (name) {
		text_str(&where, "; the nearest lane is ");
		text_safe(&where, name);
	}
	err_set(err, ERR_INPUT, "%s: the log has no fault at %s%s", log->path, text,
		text_cstr(&where));
	text_done(&where);
	return ERR_INPUT;
}

static int select_one(struct replay_log *log, const char *text, struct err *err)
{
	struct identity *id = xmalloc(sizeof(*id));
	const struct replay_lane *lane;
	struct replay_unit *unit = NULL;
	int code = identity_parse(text, id, err);

	if (code == 0) {
		lane = replay_lane_find(log->replay, id->lane);
		unit = lane ? replay_unit_find(&lane->sides[id->side], id->class, id->k)
			    : NULL;
		if (unit && unit->faulty) {
			unit->masked = false;
		} else {
			code = no_fault(log, text, id, err);
		}
	}
	free(id);
	return code;
}

enum { ONLY_FILE_MAX = 64 << 20 };

int replay_log_select(struct replay_log *log, const char *ids, struct err *err)
{
	static const char BETWEEN[] = ", \t\r\n";
	struct arena arena = {0};
	struct span bytes = span_str(ids);
	char *copy, *word, *rest;
	int code = 0;

	if (*ids == '@') {
		code = file_read(ids + 1, ONLY_FILE_MAX, &arena, &bytes, err);
	}
	if (code == 0) {
		copy = arena_copy_span(&arena, bytes);
		replay_mask_all(log->replay);
		if (strcmp(ids, "none") == 0) {
			*copy = '\0';
		}
		for (word = strtok_r(copy, BETWEEN, &rest); word && code == 0;
		     word = strtok_r(NULL, BETWEEN, &rest)) {
			code = select_one(log, word, err);
		}
	}
	arena_done(&arena);
	return code;
}
