/* A command that a run starts and waits for: the test, or later a service.
 *
 * The caller owns the struct; it must see SIGCHLD (child_reap() then) until the child is
 * gone.
 */
#ifndef APP_CHILD_H
#define APP_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;  /* 0: none, or gone */
	int status; /* as waitpid() gave it, once gone */
};

/* Starts argv[0] (looked up in PATH) with the environment as it is. */
int child_start(struct child *child, char *const *argv, struct err *err);
/* True once the child has ended; sets status. Never waits. */
bool child_reap(struct child *child);
/* What a shell would say: its exit status, or 128 + the signal's number. */
int child_exit_code(const struct child *child);
void child_signal(const struct child *child, int signal);

#endif
