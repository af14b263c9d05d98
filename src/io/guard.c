#include "io/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS_MAX = 4096 };

/* What goes through the pipe: small enough to arrive whole. */
struct message {
	pid_t group;
	bool add;
};

static int guard_pipe = -1;
static pid_t guard_pid;

/* --- the guard's side --- */

static size_t take(pid_t *groups, size_t num, const struct message *message)
{
	if (message->add) {
		if (num < GROUPS_MAX) {
			groups[num++] = message->group;
		}
		return num;
	}
	for (size_t i = 0; i < num; i++) {
		if (groups[i] == message->group) {
			groups[i] = groups[--num];
			break;
		}
	}
	return num;
}

static void watch(int fd)
{
	static pid_t groups[GROUPS_MAX];
	struct message message;
	size_t num = 0;
	ssize_t got;

	for (;;) {
		got = read(fd, &message, sizeof(message));
		if (got == (ssize_t)sizeof(message)) {
			num = take(groups, num, &message);
		} else if (got >= 0 || errno != EINTR) {
			break;
		}
	}
	for (size_t i = 0; i < num; i++) {
		kill(-groups[i], SIGKILL);
	}
	_exit(0);
}

/* Out of reach of the terminal and of whoever ends our group; holding on to nothing that
 * somebody might wait for. */
static void settle(int fd)
{
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "turncoat-guard");
	if (dup2(fd, 0) != 0) {
		_exit(1);
	}
	close_range(1, ~0U, 0);
	watch(0);
}

/* --- the program's side --- */

void guard_start(void)
{
	int fds[2];

	if (guard_pipe >= 0 || pipe2(fds, O_CLOEXEC) < 0) {
		return;
	}
	guard_pid = fork();
	if (guard_pid == 0) {
		close(fds[1]);
		settle(fds[0]);
	}
	close(fds[0]);
	if (guard_pid < 0) {
		close(fds[1]);
		return;
	}
	guard_pipe = fds[1];
}

static void tell(pid_t group, bool add)
{
	struct message message = {.group = group, .add = add};

	if (guard_pipe >= 0) {
		(void)!write(guard_pipe, &message, sizeof(message));
	}
}

void guard_add(pid_t group)
{
	tell(group, true);
}

void guard_remove(pid_t group)
{
	tell(group, false);
}

void guard_stop(void)
{
	if (guard_pipe < 0) {
		return;
	}
	close(guard_pipe);
	guard_pipe = -1;
	while (waitpid(guard_pid, NULL, 0) < 0 && errno == EINTR) {
	}
}
