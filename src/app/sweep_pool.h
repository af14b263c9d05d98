/* Child processes, so many at once: each a `turncoat` of its own, in a process group of
 * its own, with its output in a file.
 *
 * The pool watches SIGCHLD and the signals that end a program. Whoever stops it gets
 * every child back: asked with SIGTERM first (a run then ends its command and services
 * itself), killed with its group after SWEEP_POOL_GRACE_NS. Children end with the pool's
 * process, and what they leave behind comes to it and is ended by sweep_pool_free().
 */
#ifndef APP_SWEEP_POOL_H
#define APP_SWEEP_POOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run asks its command for 5 s, then its services for 5 s more. */
#define SWEEP_POOL_GRACE_NS (INT64_C(20) * 1000000000)
#define SWEEP_POOL_TICK_NS (INT64_C(200) * 1000000)

struct sweep_pool;

struct sweep_pool_child {
	size_t id;		 /* the owner's */
	char *const *argv;	 /* behind the program's name; ends with NULL */
	const char *output_path; /* standard output and error; overwritten */
};

struct sweep_pool_end {
	int status;   /* as waitpid() gives it */
	bool stopped; /* it was ended by sweep_pool_stop() or a signal */
};

struct sweep_pool_ops {
	/* Fills *out with the next child: 1; 0: there is none; negative: an error. What
	 * it points to must stay until the next call. */
	int (*next)(void *ctx, struct sweep_pool_child *out, struct err *err);
	void (*ended)(void *ctx, size_t id, const struct sweep_pool_end *end);
	void (*tick)(void *ctx); /* every SWEEP_POOL_TICK_NS; NULL: none */
};

/* `without`: names of environment variables that children do not get; ends with NULL. */
int sweep_pool_new(const char *const *without, struct sweep_pool **out, struct err *err);
/* Until all have ended. An error of next() stops the pool and is returned. */
int sweep_pool_run(struct sweep_pool *pool, const struct sweep_pool_ops *ops, void *ctx,
		   unsigned at_once, struct err *err);
/* From within a callback: no more children, and those that run are to end. */
void sweep_pool_stop(struct sweep_pool *pool);
unsigned sweep_pool_running(const struct sweep_pool *pool);
/* The signal that stopped the pool; 0: none did. */
int sweep_pool_signal(const struct sweep_pool *pool);
/* Nanoseconds since sweep_pool_new(). */
int64_t sweep_pool_now_ns(const struct sweep_pool *pool);
void sweep_pool_free(struct sweep_pool *pool); /* NULL is fine */

#endif
