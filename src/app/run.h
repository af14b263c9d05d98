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
#include "core/stats.h"
#include "plane/engine.h"

#include <stdbool.h>

struct run;

struct run_options {
	const char *const *paths; /* the rule files, for SIGHUP */
	size_t num_paths;
	bool seed_given;
	uint64_t seed;
	const char *log_path;	  /* NULL: as the config says, else none */
	const char *capture_path; /* NULL: none */
	const char *ready_path;	  /* NULL: none */
	bool strict;
	bool quiet;	   /* only errors on stderr */
	char **command;	   /* NULL: none; ends with NULL */
	char *const *argv; /* for the log's header; ends with NULL */
	int argc;
};

int run_start(struct config *config, const struct run_options *options, struct run **out,
	      struct err *err);
void run_loop(struct run *run);

/* How it went; valid until run_finish(). */
struct run_outcome {
	bool log_failed;
	bool has_command;
	int command_code; /* its exit status, 128 + signal */
};
struct run_outcome run_outcome(const struct run *run);

/* Stops in order and prints the summary unless quiet. *out_vacuous names (in the arena of
 * the caller) the rules that never matched or fired; "" when there are none. */
int run_finish(struct run *run, struct text *out_vacuous, struct err *err);

#endif
