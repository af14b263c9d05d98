#include "app/config_build.h"

#include "base/nearest.h"

#include <string.h>

/* The same keys of both tables. */
struct oracle_keys {
	const struct optrow *rows;
	int command, pattern, on, every;
};

static const struct oracle_keys INVARIANT = {INVARIANT_KEYS, INVARIANT_COMMAND,
					     INVARIANT_NEVER, INVARIANT_ON,
					     INVARIANT_EVERY};
static const struct oracle_keys GOAL = {GOAL_KEYS, GOAL_COMMAND, GOAL_EXPECT, GOAL_ON,
					GOAL_EVERY};

static int fail_nobody(const struct section_vals *read, unsigned line, const char *name,
		       const char *const *names, struct err *err)
{
	const char *near = nearest_name(name, names);

	return config_fail(err, read->section->file, line,
			   "on: there is no [service %s]%s%s%s", name,
			   near ? "; did you mean '" : "", near ? near : "",
			   near ? "'?" : "");
}

static bool is_listed(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0) {
		names++;
	}
	return *names;
}

/* "redis, cmd" to oracle->on; a "*" among them is all. */
static int build_on(const struct section_vals *read, const struct oracle_keys *keys,
		    const char *const *service_names, struct arena *arena,
		    struct oracle_spec *out, struct err *err)
{
	static const char SEPARATORS[] = ", \t";
	const char *p = read->vals[keys->on].text;
	const char **names = arena_take_array(arena, strlen(p) / 2 + 2, sizeof(*names));
	bool all = false;
	size_t num = 0;

	for (p += strspn(p, SEPARATORS); *p; p += strspn(p, SEPARATORS)) {
		size_t len = strcspn(p, SEPARATORS);
		const char *name = arena_copy_span(arena, span_of(p, len));

		p += len;
		if (strcmp(name, "*") == 0) {
			all = true;
		} else if (strcmp(name, ORACLE_COMMAND_NAME) != 0 &&
			   !is_listed(service_names, name)) {
			return fail_nobody(read, read->lines[keys->on], name,
					   service_names, err);
		} else if (!is_listed(names, name)) {
			names[num++] = name;
		}
	}
	if (num == 0 && !all) {
		return config_fail(err, read->section->file, read->lines[keys->on],
				   "on: it names nobody; write * for all");
	}
	out->on = all ? NULL : names;
	return 0;
}

/* Either a command or a pattern, and no key that then means nothing. */
static int check_keys(const struct section_vals *read, const struct oracle_keys *keys,
		      struct err *err)
{
	const struct ini_section *section = read->section;
	const struct optval *vals = read->vals;
	const char *pattern = keys->rows[keys->pattern].name;

	if (vals[keys->command].given == vals[keys->pattern].given) {
		return config_fail(err, section->file, section->line,
				   "[%s %s] needs either command or %s%s", section->kind,
				   section->name, pattern,
				   vals[keys->command].given ? ", not both" : "");
	}
	if (vals[keys->command].given && vals[keys->on].given) {
		return config_fail(err, section->file, read->lines[keys->on],
				   "on: it is about outputs, so only for %s", pattern);
	}
	if (vals[keys->pattern].given && vals[keys->every].given) {
		return config_fail(err, section->file, read->lines[keys->every],
				   "every: it is about commands, not for %s", pattern);
	}
	return 0;
}

static int build_pattern(const struct section_vals *read, const struct oracle_keys *keys,
			 struct oracle_spec *out, struct err *err)
{
	const struct optval *val = &read->vals[keys->pattern];

	if (!val->given) {
		return 0;
	}
	out->pattern = regex_new(val->text, val->flags, err);
	for (size_t i = 0; i < read->section->num_entries; i++) {
		if (strcmp(read->section->entries[i].key,
			   keys->rows[keys->pattern].name) == 0) {
			out->pattern_text = read->section->entries[i].value;
		}
	}
	return out->pattern ? 0
			    : section_context(read, keys->pattern,
					      keys->rows[keys->pattern].name, err);
}

static int build_when(const struct section_vals *read, struct oracle_spec *out,
		      struct err *err)
{
	const struct optval *val = &read->vals[INVARIANT_WHEN];
	int64_t when = out->command ? WHEN_AFTER : WHEN_DURING;

	if (val->given) {
		when = val->num;
	}
	out->during = when != WHEN_AFTER;
	out->after = when != WHEN_DURING;
	if (!out->during && read->vals[INVARIANT_EVERY].given) {
		return config_fail(err, read->section->file, read->lines[INVARIANT_EVERY],
				   "every: with when = after the command runs once");
	}
	return 0;
}

int config_oracle_build(const struct ini_section *section, bool goal,
			const char *const *service_names, struct arena *arena,
			struct oracle_spec *out, struct err *err)
{
	const struct oracle_keys *keys = goal ? &GOAL : &INVARIANT;
	struct oracle_spec oracle = {
		.name = arena_copy_text(arena, section->name),
		.file = arena_copy_text(arena, section->file),
		.line = section->line,
		.goal = goal,
	};
	struct section_vals read;
	int rc = section_read(section, keys->rows, arena, &read, err);

	if (rc == 0) {
		rc = check_keys(&read, keys, err);
	}
	if (rc == 0) {
		rc = build_on(&read, keys, service_names, arena, &oracle, err);
	}
	if (rc) {
		return rc;
	}
	oracle.command = read.vals[keys->command].text;
	oracle.every_ns = read.vals[keys->every].num;
	if (goal) {
		oracle.within_ns = read.vals[GOAL_WITHIN].num;
	} else {
		rc = build_when(&read, &oracle, err);
	}
	if (rc == 0) {
		rc = build_pattern(&read, keys, &oracle, err);
	}
	if (rc == 0) {
		if (oracle.pattern_text) {
			oracle.pattern_text = arena_copy_text(arena, oracle.pattern_text);
		}
		*out = oracle;
	}
	return rc;
}

void config_oracle_done(struct oracle_spec *oracle)
{
	regex_free(oracle->pattern);
	oracle->pattern = NULL;
}
