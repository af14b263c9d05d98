/* Notes at the lines of rule files, where reviewers see them.
 *
 * GitHub's runner reads commands from a step's output: ::error file=…,line=…::message
 * (docs.github.com, "Workflow commands"). It shows ten errors of a step. GitLab reads a
 * code quality report: a JSON list (docs.gitlab.com, "Code Quality", "Code Quality report
 * format").
 */
#include "app/sweep_report.h"
#include "base/json.h"

#include <stdlib.h>

enum { GITHUB_MAX = 10, GITLAB_MAX = 1000 };

/* % and line ends always; within properties what ends one as well. */
static void put_escaped(struct text *out, const char *str, bool property)
{
	for (; *str; str++) {
		if (*str == '%' || *str == '\r' || *str == '\n' ||
		    (property && (*str == ':' || *str == ','))) {
			text_format(out, "%%%02X", (unsigned char)*str);
		} else {
			text_byte(out, *str);
		}
	}
}

/* As the checkout has it: without its path in front, which the variable `root` names. */
static const char *path_within(const char *path, const char *root)
{
	const char *above = getenv(root);
	size_t len = above ? strlen(above) : 0;

	if (len && strncmp(path, above, len) == 0 && path[len] == '/') {
		path += len + 1;
	}
	while (strncmp(path, "./", 2) == 0) {
		path += 2;
	}
	return path;
}

/* The rule that the run's failure is pinned to, else the top of the first rule file. */
static void place_of(const struct sweep *sweep, const struct sweep_run *run,
		     const char **out_path, unsigned *out_line)
{
	const struct sweep_rule *rule = sweep_run_culprit(run);

	*out_path = rule ? rule->file : sweep->options.paths[0];
	*out_line = rule && rule->line ? rule->line : 1;
}

/* "no-double-charge: …; rules that fired: lie 3, slow 7" */
static void put_message(const struct sweep_run *run, struct text *out)
{
	const char *before = "; rules that fired: ";

	sweep_run_why(run, out);
	for (size_t i = 0; i < run->result.num_rules; i++) {
		const struct sweep_rule *rule = &run->result.rules[i];

		if (rule->fired) {
			text_format(out, "%s%s %llu", before, rule->name,
				    (unsigned long long)rule->fired);
			before = ", ";
		}
	}
}

static void put_command(const struct sweep *sweep, const struct sweep_run *run,
			struct text *out)
{
	struct text text = {0};
	const char *path;
	unsigned line;

	place_of(sweep, run, &path, &line);
	text_str(out, "::error file=");
	put_escaped(out, path_within(path, "GITHUB_WORKSPACE"), true);
	text_format(&text, "seed %llu: %s", (unsigned long long)run->seed,
		    finding_kind_name(run->result.verdict));
	text_format(out, ",line=%u,title=", line);
	put_escaped(out, text_cstr(&text), true);
	text_clear(&text);
	put_message(run, &text);
	text_str(&text, "\n");
	sweep_put_run_again(sweep, run->seed, &text);
	text_str(out, "::");
	put_escaped(out, text_cstr(&text), false);
	text_byte(out, '\n');
	text_done(&text);
}

void sweep_github(const struct sweep *sweep, struct text *out)
{
	struct text text = {0};
	uint64_t shown = 0;

	if (sweep->stop == STOP_CANARY) {
		text_str(out, "::error title=canary::");
		put_escaped(out, sweep_canary_why(sweep), false);
		text_byte(out, '\n');
	}
	for (size_t i = 0; i < sweep->num_runs && shown < GITHUB_MAX; i++) {
		if (sweep_run_failed(&sweep->runs[i])) {
			put_command(sweep, &sweep->runs[i], out);
			shown++;
		}
	}
	if (sweep->failed > shown) {
		text_format(out, "::notice title=turncoat::%llu more seeds failed\n",
			    (unsigned long long)(sweep->failed - shown));
	}
	sweep_vacuous(sweep, &text);
	if (text.len && !sweep->options.allow_vacuous) {
		text_str(out, "::warning title=vacuous over all seeds::rules ");
		put_escaped(out, text_cstr(&text), false);
		text_byte(out, '\n');
	}
	text_done(&text);
}

static const char *severity_of(enum finding_kind verdict)
{
	switch (verdict) {
	case FINDING_CRASH:
	case FINDING_SAFETY:
		return "critical";
	case FINDING_SETUP:
	case FINDING_LIVENESS:
	case FINDING_TIMEOUT:
	case FINDING_FAILED:
	case FINDING_DIVERGED:
		return "major";
	case FINDING_VACUOUS:
	case NUM_FINDING:
		break;
	}
	return "info";
}

static void put_string(struct text *out, const char *key, const char *value)
{
	json_str(out, span_str(key));
	text_byte(out, ':');
	json_str(out, span_str(value));
}

static void put_issue(const struct sweep *sweep, const struct sweep_run *run,
		      struct text *out)
{
	const char *verdict = finding_kind_name(run->result.verdict);
	struct text text = {0};
	const char *path;
	unsigned line;

	place_of(sweep, run, &path, &line);
	path = path_within(path, "CI_PROJECT_DIR");
	text_format(&text, "turncoat/%s", verdict);
	text_byte(out, '{');
	put_string(out, "check_name", text_cstr(&text));
	text_clear(&text);
	text_format(&text, "seed %llu: %s: ", (unsigned long long)run->seed, verdict);
	put_message(run, &text);
	text_byte(out, ',');
	put_string(out, "description", text_cstr(&text));
	text_clear(&text);
	/* Equal for the same failure of a later pipeline, so that it is not new there. */
	text_format(&text, "turncoat:%s:%llu:%s", path, (unsigned long long)run->seed,
		    verdict);
	text_byte(out, ',');
	put_string(out, "fingerprint", text_cstr(&text));
	text_format(out, ",\"location\":{\"lines\":{\"begin\":%u},", line);
	put_string(out, "path", path);
	text_str(out, "},");
	put_string(out, "severity", severity_of(run->result.verdict));
	text_byte(out, '}');
	text_done(&text);
}

void sweep_gitlab(const struct sweep *sweep, struct text *out)
{
	size_t shown = 0;

	text_byte(out, '[');
	for (size_t i = 0; i < sweep->num_runs && shown < GITLAB_MAX; i++) {
		if (sweep_run_failed(&sweep->runs[i])) {
			text_str(out, shown++ ? ",\n" : "");
			put_issue(sweep, &sweep->runs[i], out);
		}
	}
	text_str(out, "]\n");
}
