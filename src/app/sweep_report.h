/* What is told of a sweep: to people, and to the programs that read test results. Each
 * report is one function from the struct to text, in a file of its own; nothing here runs
 * anything. Also the words that the reports share.
 */
#ifndef APP_SWEEP_REPORT_H
#define APP_SWEEP_REPORT_H

#include "app/sweep.h"

struct sweep_report {
	const char *option; /* of turncoat test: --junit */
	void (*make)(const struct sweep *sweep, struct text *out);
};

/* Those that are files; ends with a NULL option. */
extern const struct sweep_report SWEEP_REPORTS[];

void sweep_junit(const struct sweep *sweep, struct text *out);
void sweep_tap(const struct sweep *sweep, struct text *out);
void sweep_json(const struct sweep *sweep, struct text *out);
void sweep_markdown(const struct sweep *sweep, struct text *out);
/* Commands for GitHub's runner, to be printed; and GitLab's code quality report. */
void sweep_github(const struct sweep *sweep, struct text *out);
void sweep_gitlab(const struct sweep *sweep, struct text *out);
/* For people, at the end. */
void sweep_terminal(const struct sweep *sweep, struct text *out);
/* For people, of one run that failed: a line. */
void sweep_terminal_run(const struct sweep *sweep, const struct sweep_run *run,
			struct text *out);

/* --- words --- */

enum { SWEEP_TAIL_BYTES = 4096, SWEEP_TAILS_MAX = 200 };

/* The end of a file, from the beginning of a line, at most max_bytes of it; nothing when
 * it can't be read. Any bytes may be in it. */
void sweep_tail(const char *path, size_t max_bytes, struct text *out);
/* The last line of it that is not empty. */
const char *sweep_last_line(struct text *text);
/* What an output says at its end; nothing for runs past the first SWEEP_TAILS_MAX that
 * failed, which *num counts. */
void sweep_run_tail(const struct sweep *sweep, const struct sweep_run *run, size_t *num,
		    struct text *out);

/* The finding that made the verdict; NULL: there is none. */
const struct sweep_finding *sweep_run_finding(const struct sweep_run *run);
/* "no-double-charge: the command's exit status was 1", control characters shown. */
void sweep_run_why(const struct sweep_run *run, struct text *out);
/* All findings, a line each: "safety: no-double-charge: …, 1.2s into the run". */
void sweep_run_findings(const struct sweep_run *run, struct text *out);
/* The rule that an annotation points at: the one that fired the least often, but did;
 * NULL: none fired. */
const struct sweep_rule *sweep_run_culprit(const struct sweep_run *run);

/* The canary's verdict; NULL when it says nothing. */
const char *sweep_canary_why(const struct sweep *sweep);
/* Why seeds were not run: "stopped by --fail-fast"; NULL when all were. */
const char *sweep_stop_why(const struct sweep *sweep);
uint64_t sweep_not_run(const struct sweep *sweep);
double sweep_runs_a_minute(const struct sweep *sweep);
/* "5.13%" */
void sweep_put_rate(struct text *out, uint64_t part, uint64_t whole);

/* A word as a shell reads it, quoted if it has to be. */
void text_shell(struct text *out, const char *word);
/* " -- CMD ARG..." */
void sweep_put_command(const struct sweep *sweep, struct text *out);
/* The command lines, without the end of the line. */
void sweep_put_run_again(const struct sweep *sweep, uint64_t seed, struct text *out);
void sweep_put_replay(const struct sweep *sweep, uint64_t seed, struct text *out);
void sweep_put_shrink(const struct sweep *sweep, uint64_t seed, struct text *out);

#endif
