#include "app/log_case.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

static void keep(json_t **slot, json_t *json)
{
	if (!*slot) {
		*slot = json_incref(json);
	}
}

static void count_one(json_t *counts, const char *rule)
{
	json_object_set_new(counts, rule, json_integer(json_i64(counts, rule, 0) + 1));
}

static void count_rules(struct log_case *c, const json_t *unit)
{
	const char *rule;
	json_t *outcome;

	json_object_foreach(json_object_get(unit, "rules"), rule, outcome)
	{
		const char *word = json_is_string(outcome) ? json_string_value(outcome)
							   : "";

		count_one(c->matched, rule);
		if (strcmp(word, outcome_name(OUTCOME_FIRED)) == 0 ||
		    strcmp(word, outcome_name(OUTCOME_SHADOWED)) == 0) {
			count_one(c->fired, rule);
		}
	}
}

static bool nearer(const struct log_near *a, const struct log_near *b)
{
	for (size_t i = 0; i < 3; i++) {
		if (a->distance[i] != b->distance[i]) {
			return a->distance[i] < b->distance[i];
		}
	}
	return false;
}

static void note_nearest(struct log_case *c, const struct log_line *line)
{
	struct log_near near = {.used = true, .side = line->side, .k = line->k};
	size_t at = LOG_NEAREST_MAX;

	if (!c->distance_lane || strcmp(c->distance_lane, line->lane) != 0) {
		free(c->distance_lane);
		c->distance_lane = xstrdup(line->lane);
		c->distance = name_distance(c->id.lane, line->lane, LOG_LANE_MAX);
	}
	near.distance[0] = c->distance;
	near.distance[1] = (line->side != c->id.side);
	if (strcmp(line->class, c->id.class) != 0) {
		near.distance[1] +=
			2 * name_distance(line->class, c->id.class, CLASS_NAME_MAX);
	}
	near.distance[2] = line->k > c->id.k ? line->k - c->id.k : c->id.k - line->k;
	while (at > 0 &&
	       (!c->nearest[at - 1].used || nearer(&near, &c->nearest[at - 1]))) {
		at--;
	}
	if (at == LOG_NEAREST_MAX) {
		return;
	}
	near.lane = xstrdup(line->lane);
	snprintf(near.class, sizeof(near.class), "%s", line->class);
	free(c->nearest[LOG_NEAREST_MAX - 1].lane);
	memmove(&c->nearest[at + 1], &c->nearest[at],
		(LOG_NEAREST_MAX - 1 - at) * sizeof(c->nearest[0]));
	c->nearest[at] = near;
}

static void gather_unit(struct log_case *c, const struct log_line *line)
{
	if (c->unit) {
		return;
	}
	if (identity_is(&c->id, line)) {
		keep(&c->unit, line->json);
		c->line = line->number;
		return;
	}
	if (strcmp(line->lane, c->id.lane) == 0 && line->side == c->id.side) {
		count_rules(c, line->json);
	}
	note_nearest(c, line);
}

static void gather_line(struct log_case *c, const struct log_line *line)
{
	bool ours = line->lane && strcmp(line->lane, c->id.lane) == 0;

	switch (line->type) {
	case LOG_OPEN:
		c->weak |= ours && log_line_weak(line->json);
		if (ours && !c->open) {
			keep(&c->open, line->json);
			c->in_force = c->newest;
		}
		break;
	case LOG_RULES:
		if (ours && line->side == c->id.side && !c->unit) {
			c->in_force = json_i64(line->json, "generation", c->in_force);
		}
		break;
	case LOG_UNIT:
		gather_unit(c, line);
		break;
	case LOG_CELL_END:
	case LOG_LATE:
	case LOG_SENT:
		if (identity_is(&c->id, line)) {
			keep(line->type == LOG_CELL_END ? &c->cell_end
			     : line->type == LOG_LATE	? &c->late
							: &c->sent,
			     line->json);
		}
		break;
	case LOG_STALL:
		break;
	case LOG_RELOAD: {
		char key[24];

		c->newest = json_i64(line->json, "generation", c->newest + 1);
		snprintf(key, sizeof(key), "%lld", (long long)c->newest);
		json_object_set(c->generations, key,
				json_object_get(line->json, "files"));
		break;
	}
	case LOG_CLOSE: /* another lane of its label may have opened since */
		c->weak |= ours && log_line_weak(line->json);
		break;
	case LOG_NOTE:
	case LOG_RELOAD_REFUSED:
	case LOG_SUMMARY:
	case LOG_OTHER:
	case NUM_LOG_TYPE:
		break;
	}
}

int log_case_gather(struct log_case *c, const struct identity *id, struct logread *log,
		    struct err *err)
{
	struct log_line line;
	int code;

	*c = (struct log_case){.id = *id, .newest = 1, .in_force = 1};
	c->generations = json_object();
	c->matched = json_object();
	c->fired = json_object();
	json_object_set(c->generations, "1",
			json_object_get(logread_header(log), "files"));
	while ((code = logread_next(log, &line, err)) > 0) {
		gather_line(c, &line);
	}
	return code;
}

void log_case_done(struct log_case *c)
{
	json_decref(c->unit);
	json_decref(c->cell_end);
	json_decref(c->late);
	json_decref(c->sent);
	json_decref(c->open);
	json_decref(c->generations);
	json_decref(c->matched);
	json_decref(c->fired);
	for (size_t i = 0; i < LOG_NEAREST_MAX; i++) {
		free(c->nearest[i].lane);
	}
	free(c->distance_lane);
}

int64_t log_case_len(const struct log_case *c)
{
	return json_i64(c->unit, "len", json_i64(c->cell_end, "len", -1));
}

struct config *log_case_config(const struct log_case *c, struct err *err)
{
	char key[24];

	snprintf(key, sizeof(key), "%lld", (long long)c->in_force);
	return log_config(json_object_get(c->generations, key), err);
}
