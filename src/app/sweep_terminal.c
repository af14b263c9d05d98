/* What people read when a sweep is done. */
#include "app/log_common.h"
#include "app/sweep_report.h"

#include <math.h>

enum { SHOWN_MAX = 20, WHY_SHOWN = 600 };

static void put_why(const struct sweep_run *run, struct text *out)
{
	struct text why = {0};

	sweep_run_why(run, &why);
	if (why.len > WHY_SHOWN) {
		why.len = WHY_SHOWN;
		while (why.len && (why.data[why.len] & 0xc0) == 0x80) {
			why.len--; /* not within a character */
		}
		why.data[why.len] = '\0';
		text_str(&why, "…");
	}
	text_str(out, text_cstr(&why));
	text_done(&why);
}

void sweep_terminal_run(const struct sweep *sweep, const struct sweep_run *run,
			struct text *out)
{
	text_format(out, "seed %llu: %s: ", (unsigned long long)run->seed,
		    finding_kind_name(run->result.verdict));
	put_why(run, out);
	text_format(out, " (%.1f s, %s/%llu)\n", run->result.seconds, sweep->options.out,
		    (unsigned long long)run->seed);
}

static void put_totals(const struct sweep *sweep, struct text *out)
{
	const char *before = ": ";

	text_format(out, "turncoat: %llu seed%s", (unsigned long long)sweep->done,
		    sweep->done == 1 ? "" : "s");
	for (int i = NUM_VERDICTS - 1; i >= 0; i--) {
		if (sweep->verdicts[i]) {
			text_format(out, "%s%llu %s", before,
				    (unsigned long long)sweep->verdicts[i],
				    finding_kind_name((enum finding_kind)i));
			before = ", ";
		}
	}
	text_format(out, "; %.1f s, %.0f runs a minute, %u at once\n",
		    (double)sweep->elapsed_ns / 1e9, sweep_runs_a_minute(sweep),
		    sweep->options.jobs);
	if (sweep_stop_why(sweep)) {
		text_format(out, "turncoat: %llu of %zu seeds were not run: %s\n",
			    (unsigned long long)sweep_not_run(sweep), sweep->num_runs,
			    sweep_stop_why(sweep));
	} else if (sweep->num_runs == 0) {
		text_str(out, "turncoat: this share has no seeds\n");
	}
}

static void put_failures(const struct sweep *sweep, struct text *out)
{
	uint64_t shown = 0;

	text_str(out, "seeds that failed:\n");
	for (size_t i = 0; i < sweep->num_runs && shown < SHOWN_MAX; i++) {
		if (sweep_run_failed(&sweep->runs[i])) {
			text_str(out, "  ");
			sweep_terminal_run(sweep, &sweep->runs[i], out);
			shown++;
		}
	}
	if (sweep->failed > shown) {
		text_format(out, "  and %llu more\n",
			    (unsigned long long)(sweep->failed - shown));
	}
}

static void put_rule(const struct sweep_tally_rule *rule, struct text *out)
{
	double sigma = sweep_sigma(rule->fired, rule->matched, rule->rule->chance);
	struct text name = {0}, rate = {0}, chance = {0};

	text_safe(&name, rule->rule->name);
	sweep_put_rate(&rate, rule->fired, rule->matched);
	text_chance(&chance, rule->rule->chance);
	text_format(out, "  %-24s %7llu %12llu %12llu %12llu %9s  %s", text_cstr(&name),
		    (unsigned long long)rule->seeds, (unsigned long long)rule->considered,
		    (unsigned long long)rule->matched, (unsigned long long)rule->fired,
		    text_cstr(&rate), text_cstr(&chance));
	if (sweep_tally_off(rule)) {
		text_format(out, "  OFF by %.1f sigma", sigma);
	} else if (rule->comparable && rule->matched) {
		text_format(out, "  %+.1f sigma", sigma);
	}
	text_byte(out, '\n');
	text_done(&name);
	text_done(&rate);
	text_done(&chance);
}

static void put_rules(const struct sweep *sweep, struct text *out)
{
	struct text vacuous = {0};

	if (sweep->done == 0) {
		return;
	}
	if (sweep->tally.num_rules) {
		text_format(out, "  %-24s %7s %12s %12s %12s %9s  %s\n",
			    "rule, over all seeds", "seeds", "considered", "matched",
			    "fired", "rate", "chance");
	}
	for (size_t i = 0; i < sweep->tally.num_rules; i++) {
		put_rule(&sweep->tally.rules[i], out);
	}
	sweep_vacuous(sweep, &vacuous);
	if (vacuous.len) {
		text_format(out, "turncoat: vacuous over all seeds%s: rules %s\n",
			    sweep->options.allow_vacuous ? "" : " (--allow-vacuous)",
			    text_cstr(&vacuous));
	}
	text_done(&vacuous);
}

static void put_again(const struct sweep *sweep, uint64_t seed, struct text *out)
{
	text_format(out,
		    "seed %llu again; its log replayed; the fewest faults that do:\n"
		    "  ",
		    (unsigned long long)seed);
	sweep_put_run_again(sweep, seed, out);
	text_str(out, "\n  ");
	sweep_put_replay(sweep, seed, out);
	text_str(out, "\n  ");
	sweep_put_shrink(sweep, seed, out);
	text_byte(out, '\n');
}

void sweep_terminal(const struct sweep *sweep, struct text *out)
{
	const struct sweep_run *first = sweep_first_failed(sweep);

	if (sweep_canary_why(sweep)) {
		text_format(out, "turncoat: canary: %s\n", sweep_canary_why(sweep));
	}
	put_totals(sweep, out);
	put_rules(sweep, out);
	if (first) {
		put_failures(sweep, out);
		put_again(sweep, first->seed, out);
	}
	text_str(out, text_cstr(&sweep->shrunk));
}
