/* The sweep as one JSON object with sorted keys, for scripts. */
#include "app/sweep_report.h"
#include "base/json.h"

#include <math.h>

static void put_key(struct text *out, const char *key)
{
	char last = out->data[out->len - 1];

	if (last != '{' && last != '[') {
		text_byte(out, ',');
	}
	if (key) {
		json_str(out, span_str(key));
		text_byte(out, ':');
	}
}

static void put_str(struct text *out, const char *key, const char *value)
{
	put_key(out, key);
	json_str(out, span_str(value));
}

static void put_u64(struct text *out, const char *key, uint64_t value)
{
	put_key(out, key);
	text_u64(out, value);
}

static void put_double(struct text *out, const char *key, double value, int decimals)
{
	put_key(out, key);
	if (isfinite(value)) {
		text_format(out, "%.*f", decimals, value);
	} else {
		text_str(out, "null"); /* JSON knows no infinity */
	}
}

static void put_list(struct text *out, const char *key, const char *const *list)
{
	put_key(out, key);
	text_byte(out, '[');
	for (; *list; list++) {
		put_str(out, NULL, *list);
	}
	text_byte(out, ']');
}

static void put_findings(const struct sweep_run *run, struct text *out)
{
	put_key(out, "findings");
	text_byte(out, '[');
	for (size_t i = 0; i < run->result.num_findings; i++) {
		const struct sweep_finding *finding = &run->result.findings[i];

		put_key(out, NULL);
		text_byte(out, '{');
		put_key(out, "at");
		text_i64(out, finding->at_ns);
		put_str(out, "kind", finding->kind);
		put_str(out, "name", finding->name);
		put_str(out, "text", finding->text);
		text_byte(out, '}');
	}
	text_byte(out, ']');
}

static void put_run(const struct sweep *sweep, const struct sweep_run *run,
		    struct text *out)
{
	struct text text = {0};

	put_key(out, NULL);
	text_byte(out, '{');
	text_format(&text, "%s/%llu", sweep->options.out, (unsigned long long)run->seed);
	put_str(out, "dir", text_cstr(&text));
	put_key(out, "exit");
	text_i64(out, run->result.exit_code);
	put_findings(run, out);
	put_double(out, "seconds", run->result.seconds, 3);
	put_u64(out, "seed", run->seed);
	put_str(out, "verdict", finding_kind_name(run->result.verdict));
	text_byte(out, '}');
	text_done(&text);
}

static void put_runs(const struct sweep *sweep, struct text *out)
{
	put_key(out, "runs");
	text_byte(out, '[');
	for (size_t i = 0; i < sweep->num_runs; i++) {
		if (sweep->runs[i].state == SWEEP_DONE) {
			put_run(sweep, &sweep->runs[i], out);
		}
	}
	text_byte(out, ']');
}

static void put_rules(const struct sweep *sweep, struct text *out)
{
	struct text text = {0};

	put_key(out, "rules");
	text_byte(out, '[');
	for (size_t i = 0; i < sweep->tally.num_rules; i++) {
		const struct sweep_tally_rule *rule = &sweep->tally.rules[i];

		put_key(out, NULL);
		text_byte(out, '{');
		text_chance(&text, rule->rule->chance);
		put_str(out, "chance", text_cstr(&text));
		text_clear(&text);
		put_u64(out, "considered", rule->considered);
		put_str(out, "file", rule->rule->file);
		put_u64(out, "fired", rule->fired);
		put_u64(out, "line", rule->rule->line);
		put_u64(out, "matched", rule->matched);
		put_str(out, "name", rule->rule->name);
		put_key(out, "off");
		text_str(out, sweep_tally_off(rule) ? "true" : "false");
		put_u64(out, "seeds", rule->seeds);
		if (rule->comparable) {
			put_double(out, "sigma",
				   sweep_sigma(rule->fired, rule->matched,
					       rule->rule->chance),
				   2);
		} else {
			put_key(out, "sigma");
			text_str(out, "null");
		}
		text_byte(out, '}');
	}
	text_byte(out, ']');
	text_done(&text);
}

static void put_verdicts(const struct sweep *sweep, struct text *out)
{
	/* In the order of the alphabet. */
	static const enum finding_kind ORDER[] = {
		FINDING_CRASH,	  FINDING_DIVERGED, FINDING_FAILED,
		FINDING_LIVENESS, NUM_FINDING,	    FINDING_SAFETY,
		FINDING_SETUP,	  FINDING_TIMEOUT,  FINDING_VACUOUS,
	};

	put_key(out, "verdicts");
	text_byte(out, '{');
	for (size_t i = 0; i < sizeof(ORDER) / sizeof(ORDER[0]); i++) {
		put_u64(out, finding_kind_name(ORDER[i]), sweep->verdicts[ORDER[i]]);
	}
	text_byte(out, '}');
}

static void put_list_of_files(const struct sweep *sweep, struct text *out)
{
	put_key(out, "files");
	text_byte(out, '[');
	for (size_t i = 0; i < sweep->options.num_paths; i++) {
		put_str(out, NULL, sweep->options.paths[i]);
	}
	text_byte(out, ']');
}

void sweep_json(const struct sweep *sweep, struct text *out)
{
	static const char *const CANARIES[] = {
		[CANARY_NONE] = "none",
		[CANARY_ALIVE] = "failed",
		[CANARY_DEAD] = "passed",
		[CANARY_UNHEARD] = "unheard",
	};
	struct text text = {0};

	text_byte(out, '{');
	put_str(out, "canary", CANARIES[sweep->canary]);
	put_list(out, "command", (const char *const *)sweep->options.command);
	put_u64(out, "done", sweep->done);
	put_u64(out, "exit", (uint64_t)sweep_exit_code(sweep));
	put_u64(out, "failed", sweep->failed);
	put_list_of_files(sweep, out);
	put_u64(out, "jobs", sweep->options.jobs);
	put_u64(out, "not_run", sweep_not_run(sweep));
	put_str(out, "out", sweep->options.out);
	put_rules(sweep, out);
	put_runs(sweep, out);
	put_double(out, "runs_a_minute", sweep_runs_a_minute(sweep), 1);
	put_double(out, "seconds", (double)sweep->elapsed_ns / 1e9, 3);
	put_str(out, "seeds", sweep->options.seeds);
	text_format(&text, "%llu/%llu", (unsigned long long)sweep->options.shard.index,
		    (unsigned long long)sweep->options.shard.num);
	put_str(out, "shard", text_cstr(&text));
	text_clear(&text);
	put_str(out, "stopped", sweep_stop_why(sweep) ? sweep_stop_why(sweep) : "");
	sweep_vacuous(sweep, &text);
	put_str(out, "vacuous", text_cstr(&text));
	put_verdicts(sweep, out);
	put_str(out, "version", PACKAGE_VERSION);
	text_str(out, "}\n");
	text_done(&text);
}
