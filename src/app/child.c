#include "app/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int child_start(struct child *child, char *const *argv, struct err *err)
{
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int error;

	/* The loop's handlers and the signals that we ignore must not be the child's. */
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGHUP);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(&child->pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (error) {
		child->pid = 0;
		errno = error;
		return err_set_errno(err, "can't start %s", argv[0]);
	}
	return 0;
}

bool child_reap(struct child *child)
{
	if (child->pid == 0 ||
	    waitpid(child->pid, &child->status, WNOHANG) != child->pid) {
		return false;
	}
	child->pid = 0;
	return true;
}

int child_exit_code(const struct child *child)
{
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status)
					  : WEXITSTATUS(child->status);
}

void child_signal(const struct child *child, int signal)
{
	if (child->pid > 0) {
		kill(child->pid, signal);
	}
}
