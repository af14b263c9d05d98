/* A logged run again, live: the proxies of its log, its decisions by identity, and how
 * what came this time compares. */
#ifndef APP_REPLAY_RUN_H
#define APP_REPLAY_RUN_H

#include "app/run.h"
#include "core/replay.h"

struct replay_run_options {
	const char *path; /* the log */
	const char *only; /* identities; NULL: all faults */
	enum replay_policy policy;
	bool order;
	int64_t order_wait_ns;
	struct run_options run; /* log, capture, ready, command … */
};

/* Says how it went on standard error; returns the exit code. */
int replay_run(const struct replay_run_options *options);

#endif
