#include "app/sweep_result.h"

#include "app/config.h"
#include "app/log_common.h"
#include "io/file.h"

#include <math.h>

bool sweep_verdict_fails(enum finding_kind verdict)
{
	return verdict != NUM_FINDING && verdict != FINDING_VACUOUS;
}

static int take_verdict(const json_t *json, enum finding_kind *out, struct err *err)
{
	const char *word = json_text(json, "verdict", NULL);

	for (int i = 0; word && i < NUM_VERDICTS; i++) {
		if (strcmp(finding_kind_name((enum finding_kind)i), word) == 0) {
			*out = (enum finding_kind)i;
			return 0;
		}
	}
	return err_set(err, ERR_INPUT, "no verdict '%s'", word ? word : "");
}

/* A count that can't be negative; what is of another type counts as none. */
static uint64_t count_of(const json_t *json, const char *key)
{
	int64_t value = json_i64(json, key, 0);

	return value > 0 ? (uint64_t)value : 0;
}

static void take_findings(const json_t *list, struct sweep_result *out)
{
	size_t num = json_array_size(list);

	num = num < SWEEP_FINDINGS_MAX ? num : SWEEP_FINDINGS_MAX;
	out->findings = arena_take_array(&out->arena, num, sizeof(*out->findings));
	for (size_t i = 0; i < num; i++) {
		const json_t *json = json_array_get(list, i);

		out->findings[out->num_findings++] = (struct sweep_finding){
			.kind = arena_copy_text(&out->arena, json_text(json, "kind", "")),
			.name = arena_copy_text(&out->arena, json_text(json, "name", "")),
			.text = arena_copy_text(&out->arena, json_text(json, "text", "")),
			.at_ns = json_i64(json, "at", 0),
		};
	}
}

static void take_rules(const json_t *list, struct sweep_result *out)
{
	size_t num = json_array_size(list);

	num = num < CONFIG_RULES_MAX ? num : CONFIG_RULES_MAX;
	out->rules = arena_take_array(&out->arena, num, sizeof(*out->rules));
	for (size_t i = 0; i < num; i++) {
		const json_t *json = json_array_get(list, i);

		out->rules[out->num_rules++] = (struct sweep_rule){
			.name = arena_copy_text(&out->arena, json_text(json, "name", "")),
			.file = arena_copy_text(&out->arena, json_text(json, "file", "")),
			.line = (unsigned)count_of(json, "line"),
			.considered = count_of(json, "considered"),
			.matched = count_of(json, "matched"),
			.fired = count_of(json, "fired"),
		};
	}
}

static double seconds_of(const json_t *json)
{
	double seconds = json_number_value(json_object_get(json, "seconds"));

	return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

static int take(const json_t *json, uint64_t seed, struct sweep_result *out,
		struct err *err)
{
	if (!json_is_object(json)) {
		return err_set(err, ERR_INPUT, "it is no JSON object");
	}
	if (!json_is_integer(json_object_get(json, "seed")) ||
	    (uint64_t)json_i64(json, "seed", 0) != seed) {
		return err_set(err, ERR_INPUT, "it is not of seed %llu",
			       (unsigned long long)seed);
	}
	if (take_verdict(json, &out->verdict, err) < 0) {
		return ERR_INPUT;
	}
	out->exit_code = (int)json_i64(json, "exit", 0);
	out->seconds = seconds_of(json);
	out->lanes = count_of(json, "lanes");
	out->units_in = count_of(json_object_get(json, "units"), "in");
	take_findings(json_object_get(json, "findings"), out);
	take_rules(json_object_get(json, "rules"), out);
	return 0;
}

int sweep_result_read(const char *path, uint64_t seed, struct sweep_result *out,
		      struct err *err)
{
	struct sweep_result result = {0};
	struct arena arena = {0};
	json_error_t error;
	struct span bytes;
	json_t *json;
	int code = file_read(path, SWEEP_RESULT_BYTES_MAX, &arena, &bytes, err);

	if (code == 0) {
		json = json_loadb((const char *)bytes.data, bytes.len, 0, &error);
		code = json ? take(json, seed, &result, err)
			    : err_set(err, ERR_INPUT, "%s", error.text);
		json_decref(json);
		if (code < 0) {
			err_context(err, "%s", path);
		}
	}
	arena_done(&arena);
	if (code < 0) {
		sweep_result_done(&result);
		return code;
	}
	*out = result;
	return 0;
}

/* A child's output may hold any bytes; reports are UTF-8. */
static const char *copy_valid(struct arena *arena, const char *str)
{
	struct span rest = span_str(str);
	struct text valid = {0};
	const char *copy;

	while (rest.len) {
		size_t len = utf8_len(rest);

		if (len) {
			text_bytes(&valid, rest.data, len);
		} else {
			text_str(&valid, "\xef\xbf\xbd"); /* U+FFFD */
		}
		rest = span_from(rest, len ? len : 1);
	}
	copy = arena_copy_text(arena, text_cstr(&valid));
	text_done(&valid);
	return copy;
}

void sweep_result_none(struct sweep_result *out, int exit_code, const char *why)
{
	*out = (struct sweep_result){.verdict = FINDING_SETUP, .exit_code = exit_code};
	out->findings = arena_take_array(&out->arena, 1, sizeof(*out->findings));
	out->num_findings = 1;
	out->findings[0] = (struct sweep_finding){
		.kind = "setup",
		.name = "",
		.text = copy_valid(&out->arena, why),
	};
}

void sweep_result_done(struct sweep_result *result)
{
	arena_done(&result->arena);
	*result = (struct sweep_result){0};
}
