/* A page for people in GitHub's Markdown: a job's summary, a merge request's note. */
#include "app/sweep_report.h"

enum { SHOWN_MAX = 50, WHY_SHOWN = 300 };

/* Text within a table: what Markdown or HTML would read otherwise is escaped. */
static void put_cell(struct text *out, const char *str, size_t max)
{
	size_t done = 0;

	/* Never cut within a character. */
	for (; *str && (done < max || (*str & 0xc0) == 0x80); str++, done++) {
		if (*str == '\n' || *str == '\r') {
			text_byte(out, ' ');
		} else if (*str == '<' || *str == '&') {
			text_str(out, *str == '<' ? "&lt;" : "&amp;");
		} else {
			if (strchr("\\`*_{}[]()#+!|~@", *str)) {
				text_byte(out, '\\');
			}
			text_byte(out, *str);
		}
	}
	text_str(out, *str ? "…" : "");
}

/* A block that no line within can end: its fence is longer than any run of backticks. */
static void put_block(struct text *out, const char *kind, const char *str)
{
	size_t run = 0, longest = 2;

	for (const char *at = str; *at; at++) {
		run = *at == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	for (size_t i = 0; i <= longest; i++) {
		text_byte(out, '`');
	}
	text_format(out, "%s\n%s\n", kind, str);
	for (size_t i = 0; i <= longest; i++) {
		text_byte(out, '`');
	}
	text_byte(out, '\n');
}

static void put_verdicts(const struct sweep *sweep, struct text *out)
{
	text_str(out, "| verdict | seeds |\n|---|---:|\n");
	for (int i = NUM_VERDICTS - 1; i >= 0; i--) {
		if (sweep->verdicts[i]) {
			text_format(out, "| %s | %llu |\n",
				    finding_kind_name((enum finding_kind)i),
				    (unsigned long long)sweep->verdicts[i]);
		}
	}
}

static void put_failures(const struct sweep *sweep, struct text *out)
{
	struct text why = {0};
	uint64_t shown = 0;

	text_str(out, "\n### Seeds that failed\n\n| seed | verdict | why | seconds |\n"
		      "|---:|---|---|---:|\n");
	for (size_t i = 0; i < sweep->num_runs && shown < SHOWN_MAX; i++) {
		const struct sweep_run *run = &sweep->runs[i];

		if (sweep_run_failed(run)) {
			text_clear(&why);
			sweep_run_why(run, &why);
			text_format(out, "| %llu | %s | ", (unsigned long long)run->seed,
				    finding_kind_name(run->result.verdict));
			put_cell(out, text_cstr(&why), WHY_SHOWN);
			text_format(out, " | %.1f |\n", run->result.seconds);
			shown++;
		}
	}
	if (sweep->failed > shown) {
		text_format(out, "\nand %llu more\n",
			    (unsigned long long)(sweep->failed - shown));
	}
	text_done(&why);
}

static void put_first(const struct sweep *sweep, const struct sweep_run *run,
		      struct text *out)
{
	struct text text = {0};

	text_format(out, "\n### Seed %llu again\n\n", (unsigned long long)run->seed);
	sweep_put_run_again(sweep, run->seed, &text);
	text_byte(&text, '\n');
	sweep_put_replay(sweep, run->seed, &text);
	text_byte(&text, '\n');
	sweep_put_shrink(sweep, run->seed, &text);
	put_block(out, "sh", text_cstr(&text));
	text_done(&text);
}

static void put_rules(const struct sweep *sweep, struct text *out)
{
	struct text cell = {0};

	if (sweep->tally.num_rules == 0) {
		return;
	}
	text_str(out, "\n### Rules, over all seeds\n\n| rule | seeds | matched | fired | "
		      "rate | chance | |\n|---|---:|---:|---:|---:|---:|---|\n");
	for (size_t i = 0; i < sweep->tally.num_rules; i++) {
		const struct sweep_tally_rule *rule = &sweep->tally.rules[i];

		text_str(out, "| ");
		put_cell(out, rule->rule->name, SIZE_MAX);
		text_format(out, " | %llu | %llu | %llu | ",
			    (unsigned long long)rule->seeds,
			    (unsigned long long)rule->matched,
			    (unsigned long long)rule->fired);
		sweep_put_rate(out, rule->fired, rule->matched);
		text_clear(&cell);
		text_chance(&cell, rule->rule->chance);
		text_format(out, " | %s | %s |\n", text_cstr(&cell),
			    sweep_tally_off(rule) ? "**off**" : "");
	}
	text_done(&cell);
}

void sweep_markdown(const struct sweep *sweep, struct text *out)
{
	const struct sweep_run *first = sweep_first_failed(sweep);
	struct text text = {0};

	text_format(out, "## turncoat: %llu of %llu seeds failed\n\n",
		    (unsigned long long)sweep->failed, (unsigned long long)sweep->done);
	if (sweep->done) {
		put_verdicts(sweep, out);
		text_format(out, "\n%.1f s, %.0f runs a minute, %u at once\n",
			    (double)sweep->elapsed_ns / 1e9, sweep_runs_a_minute(sweep),
			    sweep->options.jobs);
	}
	if (sweep_canary_why(sweep)) {
		text_format(out, "\nCanary: %s.\n", sweep_canary_why(sweep));
	}
	if (sweep_stop_why(sweep)) {
		text_format(out, "\n**%llu of %zu seeds were not run**: %s.\n",
			    (unsigned long long)sweep_not_run(sweep), sweep->num_runs,
			    sweep_stop_why(sweep));
	}
	if (first) {
		put_failures(sweep, out);
		put_first(sweep, first, out);
	}
	put_rules(sweep, out);
	sweep_vacuous(sweep, &text);
	if (text.len) {
		text_str(out, "\n**Vacuous over all seeds**, rules ");
		put_cell(out, text_cstr(&text), SIZE_MAX);
		text_str(out, "\n");
	}
	text_done(&text);
}
