/* Child processes, so many at once: each a `turncoat` of its own, in a process group of
 * its own, with its output in a file.
 *
 * The pool watches SIGCHLD and the signals that end a program. Whoever stops it gets
 * every child back: asked with SIGTERM first (a run then ends its command and services
 * itself), killed with its group after POOL_GRACE_NS. Children end with the pool's
 * process, and what they leave behind comes to it and is ended by pool_free().
 */
#ifndef APP_POOL_H
#define APP_POOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run asks its command for 5 s, then its services for 5 s more. */
#define POOL_GRACE_NS (INT64_C(20) * 1000000000)
#define POOL_TICK_NS (INT64_C(200) * 1000000)

struct pool;

struct pool_child {
	size_t id;		 /* the owner's */
	char *const *argv;	 /* behind the program's name; ends with NULL */
	const char *output_path; /* standard output and error; overwritten */
};

struct pool_end {
	int status;   /* as waitpid() gives it */
	bool stopped; /* it was ended by pool_stop() or a signal */
};

struct pool_ops {
	/* Fills *out with the next child: 1; 0: there is none; negative: an error. What
	 * it points to must stay until the next call. */
	int (*next)(void *ctx, struct pool_child *out, struct err *err);
	void (*ended)(void *ctx, size_t id, const struct pool_end *end);
	void (*tick)(void *ctx); /* every POOL_TICK_NS; NULL: none */
};

/* `without`: names of environment variables that children do not get; ends with NULL. */
int pool_new(const char *const *without, struct pool **out, struct err *err);
/* Until all have ended. An error of next() stops the pool and is returned. */
int pool_run(struct pool *pool, const struct pool_ops *ops, void *ctx, unsigned at_once,
	     struct err *err);
/* From within a callback: no more children, and those that run are to end. */
void pool_stop(struct pool *pool);
unsigned pool_running(const struct pool *pool);
/* The signal that stopped the pool; 0: none did. */
int pool_signal(const struct pool *pool);
/* Nanoseconds since pool_new(). */
int64_t pool_now_ns(const struct pool *pool);
void pool_free(struct pool *pool); /* NULL is fine */

#endif
