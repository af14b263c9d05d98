/* A run: one start of the proxy, with a seed, a rule set and a log.
 *
 * run_start() sets everything up or says what is wrong; run_loop() serves until a signal,
 * the command's end, or a log that can't be written; run_finish() drains, logs the
 * summary and frees. The config is the caller's until run_start() succeeds, then the
 * run's.
 */
#ifndef APP_RUN_H
#define APP_RUN_H

#include "app/config.h"
#include "app/replay_load.h"
#include "app/run_result.h"

#include <stdbool.h>

struct run;
struct live;
struct netaddr;

/* What serves flows in place of the proxies' listeners: a replay's player. */
struct run_stand_in {
	/* out_bound: by proxy, for the ready file and the command's environment. */
	int (*open)(void *ctx, struct run *run, struct live *live,
		    struct netaddr *out_bound, struct err *err);
	void (*started)(void *ctx, struct text *out); /* what it does, for people */
	void (*stop)(void *ctx);		      /* no new flows */
	bool (*pending)(void *ctx); /* do decided bytes still wait to leave? */
	/* Ends all flows, in the log as `end`. Also when open() failed. */
	void (*free)(void *ctx, const char *end);
	void *ctx;
};

struct run_options {
	const char *const *paths; /* the rule files, for SIGHUP */
	size_t num_paths;
	bool seed_given;
	uint64_t seed;
	const char *log_path;	  /* NULL: as the config says, else none */
	const char *capture_path; /* NULL: none */
	const char *ready_path;	  /* NULL: none */
	bool strict;
	bool quiet; /* only errors on stderr */
	/* Decide as this log did, whose config run_start() is given; NULL: by rules. */
	struct replay_log *replay;
	bool order;
	int64_t order_wait_ns;
	char **command;		 /* NULL: none; ends with NULL */
	int64_t timeout_ns;	 /* of the command; 0: none */
	const char *result_path; /* NULL: none */
	const char *dir; /* for outputs; NULL: a temporary one, if any is needed */
	bool own_ports;	 /* every proxy listens on a free port instead of its own */
	bool allow_vacuous;
	char *const *argv; /* for the log's header; ends with NULL */
	int argc;
	const struct run_stand_in *stand_in; /* NULL: the proxies listen */
	/* The command line that repeats the run, without its seed; NULL: turncoat run and
	 * the rule files. */
	const char *again;
};

int run_start(struct config *config, const struct run_options *options, struct run **out,
	      struct err *err);
void run_loop(struct run *run);
/* From within the loop: all is done. The command, if any, still ends by itself. */
void run_stop(struct run *run);

/* Stops in order and prints the summary unless quiet. *out, zeroed by the caller, is how
 * it went; the caller's also when the end of the log could not be written (an error). */
int run_finish(struct run *run, struct run_result *out, struct err *err);

#endif
