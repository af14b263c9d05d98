#include "io/process.h"

#include "io/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, where nothing but the end or the new program may follow. */

/* The loop's handlers and the signals that we ignore must not be the child's. */
static void reset_signals(void)
{
	static const int SIGNALS[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM,
				      SIGHUP,  SIGCHLD, SIGTTOU};
	sigset_t none;

	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
		signal(SIGNALS[i], SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_descriptor(int fd, int as)
{
	if (fd >= 0 && dup2(fd, as) < 0) {
		_exit(127);
	}
}

static void become(const struct process_options *options, pid_t parent, int report)
{
	int error;

	if (options->own_group) {
		setpgid(0, 0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(127); /* it died before we asked */
	}
	reset_signals();
	take_descriptor(options->in, STDIN_FILENO);
	take_descriptor(options->out, STDOUT_FILENO);
	take_descriptor(options->err, STDERR_FILENO);
	for (size_t i = 0; options->env && options->env[i]; i++) {
		putenv((char *)options->env[i]);
	}
	execvp(options->argv[0], options->argv);
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

/* What became of the exec: 0, or its errno. */
static int read_report(int fd)
{
	int error = 0;
	ssize_t got;

	do {
		got = read(fd, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(error) ? error : 0;
}

int process_start(struct process *process, const struct process_options *options,
		  struct err *err)
{
	pid_t parent = getpid(), pid;
	int report[2], error;

	*process = (struct process){.own_group = options->own_group};
	if (pipe2(report, O_CLOEXEC) < 0) {
		return err_set_errno(err, "can't start %s", options->argv[0]);
	}
	pid = fork();
	if (pid == 0) {
		become(options, parent, report[1]);
	}
	error = pid < 0 ? errno : 0;
	close(report[1]);
	if (pid > 0) {
		if (options->own_group) {
			setpgid(pid, pid); /* whichever of both comes first */
			guard_add(pid);
		}
		process->pid = pid;
		error = read_report(report[0]);
	}
	close(report[0]);
	if (error) {
		process_finish(process);
		errno = error;
		return err_set_errno(err, "can't start %s", options->argv[0]);
	}
	return 0;
}

int process_start_shell(struct process *process, const char *command,
			const char *const *env, int out, struct err *err)
{
	char *argv[] = {"/bin/sh", "-c", (char *)command, NULL};
	struct process_options options = {
		.argv = argv,
		.env = env,
		.in = open("/dev/null", O_RDONLY | O_CLOEXEC),
		.out = out,
		.err = out,
		.own_group = true,
	};
	int code = process_start(process, &options, err);

	if (options.in >= 0) {
		close(options.in);
	}
	return code;
}

/* Its number stays its own, and its group's, until process_finish(). */
bool process_ended(struct process *process)
{
	siginfo_t info = {0};

	if (process->pid == 0 || process->ended) {
		return process->ended;
	}
	if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid != process->pid) {
		return false;
	}
	process->ended = true;
	process->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	process->code = info.si_code == CLD_EXITED ? info.si_status
						   : 128 + info.si_status;
	return true;
}

void process_signal(const struct process *process, int signal)
{
	if (process->pid > 0) {
		kill(process->own_group ? -process->pid : process->pid, signal);
	}
}

bool process_group_ended(struct process *process)
{
	if (process->pid == 0) {
		return true;
	}
	if (!process_ended(process)) {
		return false;
	}
	if (!process->own_group) {
		return true;
	}
	/* Those whose parents are gone are ours: see process_adopt(). */
	while (waitpid(-process->pid, NULL, WNOHANG) > 0) {
	}
	return kill(-process->pid, 0) < 0 && errno == ESRCH;
}

void process_finish(struct process *process)
{
	if (process->pid == 0) {
		return;
	}
	process_signal(process, SIGKILL);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	if (process->own_group) {
		guard_remove(process->pid);
	}
	process->pid = 0;
}

void process_describe(const struct process *process, char *out, size_t len_bytes)
{
	const char *name = process->signal ? sigabbrev_np(process->signal) : NULL;

	if (name) {
		snprintf(out, len_bytes, "killed by SIG%s", name);
	} else if (process->signal) {
		snprintf(out, len_bytes, "killed by signal %d", process->signal);
	} else {
		snprintf(out, len_bytes, "exit status %d", process->code);
	}
}

void process_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The children that we have now, killed; false: there are none. */
static bool kill_children(void)
{
	char path[64];
	FILE *file;
	bool any = false;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1) {
		kill(pid, SIGKILL);
		any = true;
	}
	if (file) {
		fclose(file);
	}
	return any;
}

void process_end_adopted(void)
{
	/* Each one killed may leave us its own children: a few turns, not for ever. */
	for (int turn = 0; turn < 100 && kill_children(); turn++) {
		if (waitpid(-1, NULL, 0) < 0) {
			break;
		}
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int signal_number(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0) {
		name += 3;
	}
	for (int signal = 1; signal < NSIG; signal++) {
		const char *abbreviation = sigabbrev_np(signal);
		char digits[8];

		snprintf(digits, sizeof(digits), "%d", signal);
		if ((abbreviation && strcasecmp(abbreviation, name) == 0) ||
		    strcmp(digits, name) == 0) {
			return signal;
		}
	}
	return 0;
}

const char *signal_name(int signal)
{
	const char *name = sigabbrev_np(signal);

	return name ? name : "?";
}
