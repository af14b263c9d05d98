/* TAP, version 14 (testanything.org): one test point a seed, YAML below those that
 * failed. Strings are in double quotes, JSON's form of them, which YAML 1.2 takes.
 */
#include "app/sweep_report.h"
#include "base/json.h"

/* '#' would begin a directive, '\' an escape. */
static void put_description(struct text *out, const char *str)
{
	for (; *str; str++) {
		if (*str == '#' || *str == '\\') {
			text_byte(out, '\\');
		}
		text_byte(out, *str);
	}
}

static void put_value(struct text *out, const char *key, const struct text *value)
{
	text_format(out, "  %s: ", key);
	json_str(out, span_of(value->data, value->len));
	text_byte(out, '\n');
}

static void put_yaml(const struct sweep *sweep, const struct sweep_run *run,
		     size_t *tails, struct text *out)
{
	struct text text = {0};

	text_str(out, "  ---\n");
	sweep_run_why(run, &text);
	put_value(out, "message", &text);
	text_format(out, "  severity: fail\n  verdict: %s\n  exit: %d\n",
		    finding_kind_name(run->result.verdict), run->result.exit_code);
	text_clear(&text);
	sweep_run_findings(run, &text);
	put_value(out, "findings", &text);
	text_clear(&text);
	sweep_put_run_again(sweep, run->seed, &text);
	put_value(out, "again", &text);
	text_clear(&text);
	sweep_put_replay(sweep, run->seed, &text);
	put_value(out, "replay", &text);
	text_clear(&text);
	sweep_run_tail(sweep, run, tails, &text);
	put_value(out, "output", &text);
	text_str(out, "  ...\n");
	text_done(&text);
}

static void put_run(const struct sweep *sweep, const struct sweep_run *run,
		    uint64_t number, size_t *tails, struct text *out)
{
	bool failed = sweep_run_failed(run);
	struct text text = {0};

	text_format(out, "%sok %llu - seed %llu", failed ? "not " : "",
		    (unsigned long long)number, (unsigned long long)run->seed);
	if (failed) {
		sweep_run_why(run, &text);
		text_format(out, ": %s: ", finding_kind_name(run->result.verdict));
		put_description(out, text_cstr(&text));
	}
	text_byte(out, '\n');
	if (failed) {
		put_yaml(sweep, run, tails, out);
	}
	text_done(&text);
}

void sweep_tap(const struct sweep *sweep, struct text *out)
{
	bool canary = sweep->canary != CANARY_NONE;
	uint64_t number = 0;
	size_t tails = 0;

	text_format(out, "TAP version 14\n1..%llu%s\n",
		    (unsigned long long)(sweep->done + canary),
		    sweep->done || canary ? "" : " # SKIP no seed was run");
	if (canary) {
		text_format(out, "%sok %llu - canary: ",
			    sweep->stop == STOP_CANARY ? "not " : "",
			    (unsigned long long)++number);
		put_description(out, sweep_canary_why(sweep));
		text_byte(out, '\n');
	}
	for (size_t i = 0; i < sweep->num_runs; i++) {
		if (sweep->runs[i].state == SWEEP_DONE) {
			put_run(sweep, &sweep->runs[i], ++number, &tails, out);
		}
	}
	if (sweep_stop_why(sweep)) {
		/* A harness must not take the part that ran for the whole. */
		text_format(out, "%s%llu of %zu seeds were not run: %s\n",
			    sweep->stop == STOP_SIGNAL ? "Bail out! " : "# ",
			    (unsigned long long)sweep_not_run(sweep), sweep->num_runs,
			    sweep_stop_why(sweep));
	}
}
