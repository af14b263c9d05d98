/* A sweep: one run a seed, each a child process `turncoat run FILE.ini... --seed S`, so
 * that the command that repeats a run is that very line.
 *
 * sweep_open() checks everything that can be checked before the first run, sweep_run()
 * runs them, and the reports (app/sweep_report.h) read the struct. Only runs that failed
 * keep their findings in memory; what they printed is in their folder.
 */
#ifndef APP_SWEEP_H
#define APP_SWEEP_H

#include "app/config.h"
#include "app/sweep_result.h"
#include "app/sweep_seeds.h"
#include "app/sweep_tally.h"

struct sweep_options {
	const char *const *paths; /* the rule files */
	size_t num_paths;
	char **command;	   /* ends with NULL */
	const char *seeds; /* as written */
	struct sweep_shard shard;
	unsigned jobs;	       /* at once */
	const char *timeout;   /* of each command, as written; NULL: none */
	uint64_t failures_max; /* then it stops; 0: never */
	const char *out;       /* the folder of the runs' folders */
	bool capture, allow_vacuous, canary, quiet;
	/* What children must not take from the environment; ends with NULL. */
	const char *const *hidden;
};

enum sweep_state {
	SWEEP_WAITING,
	SWEEP_RUNNING,
	SWEEP_DONE,
	SWEEP_STOPPED, /* ended before its time: it says nothing */
};

struct sweep_run {
	uint64_t seed;
	enum sweep_state state;
	struct sweep_result result; /* once done */
};

/* Is the test able to fail at all? */
enum sweep_canary {
	CANARY_NONE,	/* not asked for, or stopped */
	CANARY_ALIVE,	/* it failed when everything was reset */
	CANARY_DEAD,	/* it passed all the same */
	CANARY_UNHEARD, /* it passed, and nothing went through the proxies */
};

/* Why there are seeds that were not run. */
enum sweep_stop {
	STOP_NOT, /* there are none */
	STOP_FAILURES,
	STOP_SIGNAL,
	STOP_CANARY,
};

struct sweep {
	struct sweep_options options;
	struct config *config;
	struct sweep_run *runs; /* in the order of the list */
	size_t num_runs;
	struct sweep_tally tally;
	uint64_t verdicts[NUM_VERDICTS]; /* of those done */
	uint64_t done, failed;
	enum sweep_canary canary;
	struct sweep_result canary_result;
	enum sweep_stop stop;
	int signal;	    /* that stopped it; 0: none */
	int64_t elapsed_ns; /* of the seeds' runs */
	/* Lines of what shrinking said, a failing seed each. */
	struct text shrunk;
};

enum { SWEEP_JOBS_MAX = 256, SWEEP_SHRUNK_MAX = 3 };

int sweep_open(const struct sweep_options *options, struct sweep *out, struct err *err);
void sweep_close(struct sweep *sweep);

/* Told of each run that is done, and now and then; any may be NULL. */
struct sweep_watcher {
	void (*done)(void *ctx, const struct sweep *sweep, const struct sweep_run *run);
	void (*tick)(void *ctx, const struct sweep *sweep, int64_t elapsed_ns);
	void *ctx;
};

/* All runs, then, with `shrink`, the failing ones' logs are shrunk. An error is one of
 * set-up, past which nothing runs; sweep->stop says when it ended early. */
int sweep_run_all(struct sweep *sweep, const struct sweep_watcher *watcher, bool shrink,
		  struct err *err);

bool sweep_run_failed(const struct sweep_run *run);
/* The first that failed, in the order of the list; NULL: none did. */
const struct sweep_run *sweep_first_failed(const struct sweep *sweep);
/* "never matched: a; never fired: b" over all seeds; nothing when some were not run. */
void sweep_vacuous(const struct sweep *sweep, struct text *out);
/* The program's exit code, or 128 + the signal. */
int sweep_exit_code(const struct sweep *sweep);

#endif
