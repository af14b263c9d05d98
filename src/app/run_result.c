#include "app/run_result.h"

#include "app/cli.h"
#include "base/json.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>

void run_result_done(struct run_result *result)
{
	findings_done(&result->findings);
	arena_done(&result->arena);
	*result = (struct run_result){0};
}

void run_result_command(struct run_result *result, char *const *command)
{
	size_t num = 0;

	while (command[num]) {
		num++;
	}
	result->command =
		arena_take_array(&result->arena, num + 1, sizeof(*result->command));
	for (size_t i = 0; i < num; i++) {
		result->command[i] = arena_copy_text(&result->arena, command[i]);
	}
}

void run_result_files(struct run_result *result, const char *const *paths, size_t num)
{
	result->files = arena_take_array(&result->arena, num, sizeof(*result->files));
	result->num_files = num;
	for (size_t i = 0; i < num; i++) {
		result->files[i] = arena_copy_text(&result->arena, paths[i]);
	}
}

/* --- as JSON --- */

static void put_key(struct text *out, const char *key)
{
	char last = out->data[out->len - 1];

	if (last != '{' && last != '[') {
		text_byte(out, ',');
	}
	json_str(out, span_str(key));
	text_byte(out, ':');
}

static void put_u64(struct text *out, const char *key, uint64_t value)
{
	put_key(out, key);
	text_u64(out, value);
}

static void put_str(struct text *out, const char *key, const char *value)
{
	put_key(out, key);
	json_str(out, span_str(value));
}

static void put_strings(struct text *out, const char *key, const char *const *list,
			size_t num)
{
	put_key(out, key);
	text_byte(out, '[');
	for (size_t i = 0; i < num; i++) {
		if (i) {
			text_byte(out, ',');
		}
		json_str(out, span_str(list[i]));
	}
	text_byte(out, ']');
}

static void put_command(const struct run_result *result, struct text *out)
{
	size_t num = 0;

	while (result->command && result->command[num]) {
		num++;
	}
	put_strings(out, "command", result->command, num);
}

static void put_findings(const struct run_result *result, struct text *out)
{
	put_key(out, "findings");
	text_byte(out, '[');
	for (size_t i = 0; i < result->findings.num; i++) {
		const struct finding *finding = &result->findings.list[i];

		text_str(out, i ? ",{" : "{");
		put_key(out, "at");
		text_i64(out, finding->at_ns);
		put_str(out, "kind", finding_kind_name(finding->kind));
		put_str(out, "name", finding->name);
		put_str(out, "text", finding->text);
		text_byte(out, '}');
	}
	text_byte(out, ']');
}

static void put_rules(const struct run_result *result, struct text *out)
{
	struct text chance = {0};

	put_key(out, "rules");
	text_byte(out, '[');
	for (size_t i = 0; i < result->num_rules; i++) {
		const struct rule_result *rule = &result->rules[i];

		text_clear(&chance);
		text_chance(&chance, rule->chance);
		text_str(out, i ? ",{" : "{");
		put_str(out, "chance", text_cstr(&chance));
		put_u64(out, "considered", rule->stats.considered);
		put_u64(out, "den", rule->chance.den);
		put_str(out, "file", rule->file);
		put_u64(out, "fired", rule->stats.fired);
		put_u64(out, "line", rule->line);
		put_u64(out, "matched", rule->stats.matched);
		put_str(out, "name", rule->name);
		put_u64(out, "num", rule->chance.num);
		text_byte(out, '}');
	}
	text_byte(out, ']');
	text_done(&chance);
}

static void put_units(const struct run_result *result, struct text *out)
{
	put_key(out, "units");
	text_byte(out, '{');
	put_u64(out, "dropped", result->totals.units_dropped);
	put_u64(out, "held", result->totals.units_held);
	put_u64(out, "in", result->totals.units_in);
	put_u64(out, "out", result->totals.units_out);
	text_byte(out, '}');
}

void run_result_format(const struct run_result *result, int exit_code, struct text *out)
{
	text_byte(out, '{');
	put_command(result, out);
	put_u64(out, "exit", (uint64_t)exit_code);
	put_strings(out, "files", result->files, result->num_files);
	put_findings(result, out);
	put_u64(out, "lanes", result->counts.lanes);
	put_u64(out, "late", result->counts.late_units);
	if (result->log_path) {
		put_str(out, "log", result->log_path);
	} else {
		put_key(out, "log");
		text_str(out, "null");
	}
	put_rules(result, out);
	put_key(out, "seconds");
	text_format(out, "%.3f", (double)result->duration_ns / 1e9);
	put_u64(out, "seed", result->seed);
	put_units(result, out);
	put_str(out, "vacuous", result->vacuous ? result->vacuous : "");
	put_str(out, "verdict", finding_kind_name(findings_gravest(&result->findings)));
	put_str(out, "version", PACKAGE_VERSION);
	put_u64(out, "weak", result->counts.weak_lanes);
	text_str(out, "}\n");
}

int run_result_exit_code(const struct run_result *result)
{
	enum finding_kind gravest = findings_gravest(&result->findings);

	if (result->log_failed || gravest == FINDING_SETUP) {
		return EXIT_USAGE;
	}
	if (result->has_command && result->command_code != 0) {
		return result->command_code;
	}
	switch (gravest) {
	case FINDING_DIVERGED:
		return EXIT_DIVERGED;
	case FINDING_VACUOUS:
		return EXIT_VACUOUS;
	case NUM_FINDING:
		return EXIT_PASSED;
	case FINDING_SETUP:
	case FINDING_CRASH:
	case FINDING_SAFETY:
	case FINDING_LIVENESS:
	case FINDING_TIMEOUT:
	case FINDING_FAILED:
		break;
	}
	return EXIT_CMD_FAILED;
}

int run_result_write(const struct run_result *result, int exit_code, const char *path,
		     struct err *err)
{
	struct text text = {0};
	int code = 0;

	if (!path) {
		return 0;
	}
	run_result_format(result, exit_code, &text);
	if (strcmp(path, "-") == 0) {
		fputs(text_cstr(&text), stdout);
		fflush(stdout);
	} else {
		code = file_write(path, span_of(text.data, text.len), err);
	}
	text_done(&text);
	return code < 0 ? err_context(err, "result") : 0;
}
