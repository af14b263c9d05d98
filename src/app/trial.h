/* What a run is for, besides its proxies: the command under test, the services that it
 * needs, and the oracles that judge it.
 *
 * A trial goes through its states in this order and never back:
 *
 *	STARTING  services start in file order, each once the one before it is ready
 *	RUNNING   the command runs; invariants are watched
 *	JUDGING   the command has ended; goals get their time, then the invariants of
 *		  the end are looked at
 *	STOPPING  services are asked to end, the last one first
 *	OVER      no process is left
 *
 * A signal leads from any state to STOPPING, past JUDGING; so does a set-up that fails.
 * All looking is in trial_step(), which may be called at any time: at SIGCHLD, by a
 * timer, at an output line.
 */
#ifndef APP_TRIAL_H
#define APP_TRIAL_H

#include "app/config.h"
#include "app/findings.h"
#include "io/loop.h"

struct trial;

struct trial_options {
	char **command;	    /* NULL: none; ends with NULL */
	int64_t timeout_ns; /* of the command; 0: none */
	const char *dir;    /* for outputs; NULL: a temporary one */
	bool wants_dir;	    /* one in any case */
	bool bare;	    /* no services and no oracles, whatever the config has */
	bool quiet;
	/* Everything is ready, the command not yet started. Not 0: it can't be. */
	int (*on_ready)(void *ctx, struct err *err);
	void (*on_over)(void *ctx);
	void *ctx;
};

/* Makes the directory and finds ports; starts nothing. The config and the findings must
 * live as long. */
int trial_new(struct loop *loop, const struct config *config, struct findings *findings,
	      const struct trial_options *options, struct trial **out, struct err *err);
/* The service's n-th port, from 0. */
uint16_t trial_port(const struct trial *trial, size_t service, unsigned n);
/* Absolute; NULL: the run needs none. */
const char *trial_dir(const struct trial *trial);
/* A temporary directory of a run that passed goes, as does an empty one. True: it is
 * still there, for somebody to look into. */
bool trial_keep_dir(struct trial *trial, bool passed);
void trial_start(struct trial *trial);
/* A child has ended, perhaps. */
void trial_step(struct trial *trial);
/* The command is told to end, and then the services are. A second time: at once. */
void trial_terminate(struct trial *trial);
/* Not by a signal: there is nothing more to do. No-op while the command runs. */
void trial_end(struct trial *trial);
bool trial_over(const struct trial *trial);
/* Was the command ever started; its exit status, 128 + signal. */
bool trial_has_command(const struct trial *trial);
int trial_command_code(const struct trial *trial);
/* Ends at once what is still there; its results stay. */
void trial_finish(struct trial *trial);
void trial_free(struct trial *trial);

#endif
