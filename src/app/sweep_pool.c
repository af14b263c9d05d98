#include "app/sweep_pool.h"

#include "base/arena.h"
#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAP_NS (INT64_C(2000) * 1000000)

struct slot {
	pid_t pid; /* 0: free */
	size_t id;
};

struct watch {
	struct sweep_pool *pool;
	int number;
	struct loop_signal *signal;
};

struct sweep_pool {
	struct loop *loop;
	char **environment;
	struct watch watches[4];
	struct loop_timer *tick, *kill;
	struct slot *slots;
	unsigned num_slots, running;
	const struct sweep_pool_ops *ops;
	void *ctx;
	struct err *err;
	int code;
	bool stopping;
	int signal;
};

/* --- starting --- */

static bool named(const char *variable, const char *const *names)
{
	size_t len = strcspn(variable, "=");

	for (; *names; names++) {
		if (strlen(*names) == len && strncmp(*names, variable, len) == 0) {
			return true;
		}
	}
	return false;
}

static char **environment_without(const char *const *names)
{
	size_t num = 0, kept = 0;
	char **out;

	while (environ[num]) {
		num++;
	}
	out = xcalloc(num + 1, sizeof(*out));
	for (size_t i = 0; i < num; i++) {
		if (!named(environ[i], names)) {
			out[kept++] = environ[i];
		}
	}
	return out;
}

/* In the child, between fork and exec: only what is safe there. */
static void become(const struct sweep_pool *pool, char *const *argv, int output,
		   pid_t parent)
{
	static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGCHLD};
	int input = open("/dev/null", O_RDONLY);
	sigset_t none;

	/* Should this process be killed, a run ends as if it had been asked to. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) {
		_exit(127);
	}
	setpgid(0, 0);
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
		signal(SIGNALS[i], SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 ||
	    dup2(output, 2) < 0) {
		_exit(127);
	}
	if (input > 2) {
		close(input);
	}
	/* The file that runs now, even if its path has another one since. */
	execve("/proc/self/exe", argv, pool->environment);
	_exit(127);
}

static int start(struct sweep_pool *pool, struct slot *slot,
		 const struct sweep_pool_child *child, struct err *err)
{
	pid_t parent = getpid();
	int output = open(child->output_path,
			  O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);

	if (output < 0) {
		return err_set_errno(err, "can't create %s", child->output_path);
	}
	slot->pid = fork();
	if (slot->pid == 0) {
		become(pool, child->argv, output, parent);
	}
	close(output);
	if (slot->pid < 0) {
		slot->pid = 0;
		return err_set_errno(err, "can't start a process");
	}
	setpgid(slot->pid, slot->pid); /* whoever is first */
	slot->id = child->id;
	pool->running++;
	return 0;
}

static struct slot *free_slot(struct sweep_pool *pool)
{
	for (unsigned i = 0; i < pool->num_slots; i++) {
		if (pool->slots[i].pid == 0) {
			return &pool->slots[i];
		}
	}
	return NULL;
}

static void fill(struct sweep_pool *pool)
{
	struct slot *slot;

	while (!pool->stopping && (slot = free_slot(pool))) {
		struct sweep_pool_child child;
		int code = pool->ops->next(pool->ctx, &child, pool->err);

		if (code > 0) {
			code = start(pool, slot, &child, pool->err);
		} else if (code == 0) {
			break;
		}
		if (code < 0) {
			pool->code = code;
			sweep_pool_stop(pool);
		}
	}
	if (pool->running == 0) {
		loop_stop(pool->loop);
	}
}

/* --- ending --- */

static void signal_all(struct sweep_pool *pool, int signal, bool groups)
{
	for (unsigned i = 0; i < pool->num_slots; i++) {
		pid_t pid = pool->slots[i].pid;

		if (pid > 0) {
			kill(groups ? -pid : pid, signal);
		}
	}
}

void sweep_pool_stop(struct sweep_pool *pool)
{
	if (!pool->stopping) {
		pool->stopping = true;
		signal_all(pool, SIGTERM, false);
		loop_timer_set(pool->kill, loop_now_ns(pool->loop) + SWEEP_POOL_GRACE_NS);
	}
}

static void on_kill(void *ctx)
{
	signal_all(ctx, SIGKILL, true);
}

static void on_end_signal(void *ctx)
{
	struct watch *watch = ctx;
	struct sweep_pool *pool = watch->pool;

	if (pool->signal) {
		on_kill(pool); /* asked twice: at once */
		return;
	}
	pool->signal = watch->number;
	sweep_pool_stop(pool);
}

static void take_back(struct sweep_pool *pool, pid_t pid, int status)
{
	for (unsigned i = 0; i < pool->num_slots; i++) {
		struct slot *slot = &pool->slots[i];

		if (slot->pid == pid) {
			struct sweep_pool_end end = {status, pool->stopping};

			slot->pid = 0;
			pool->running--;
			pool->ops->ended(pool->ctx, slot->id, &end);
			return;
		}
	}
	/* Some other process that a child left to us. */
}

static void on_child(void *ctx)
{
	struct watch *watch = ctx;
	struct sweep_pool *pool = watch->pool;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		take_back(pool, pid, status);
	}
	if (pool->ops) {
		fill(pool);
	}
}

static void on_tick(void *ctx)
{
	struct sweep_pool *pool = ctx;

	pool->ops->tick(pool->ctx);
	loop_timer_set(pool->tick, loop_now_ns(pool->loop) + SWEEP_POOL_TICK_NS);
}

/* --- the pool --- */

int sweep_pool_new(const char *const *without, struct sweep_pool **out, struct err *err)
{
	static const int ENDS[] = {SIGINT, SIGTERM, SIGHUP};
	struct sweep_pool *pool = xcalloc(1, sizeof(*pool));
	int code = loop_new(&pool->loop, err);

	if (code < 0) {
		free(pool);
		return code;
	}
	pool->environment = environment_without(without);
	/* What children leave behind becomes ours, so that nothing is left running. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < 3; i++) {
		pool->watches[i] = (struct watch){.pool = pool, .number = ENDS[i]};
		pool->watches[i].signal = loop_signal_new(pool->loop, ENDS[i],
							  on_end_signal,
							  &pool->watches[i]);
	}
	pool->watches[3] = (struct watch){.pool = pool, .number = SIGCHLD};
	pool->watches[3].signal =
		loop_signal_new(pool->loop, SIGCHLD, on_child, &pool->watches[3]);
	pool->tick = loop_timer_new(pool->loop, on_tick, pool);
	pool->kill = loop_timer_new(pool->loop, on_kill, pool);
	*out = pool;
	return 0;
}

int sweep_pool_run(struct sweep_pool *pool, const struct sweep_pool_ops *ops, void *ctx,
		   unsigned at_once, struct err *err)
{
	pool->ops = ops;
	pool->ctx = ctx;
	pool->err = err;
	pool->code = 0;
	pool->stopping = pool->signal != 0;
	pool->num_slots = at_once;
	pool->slots = xcalloc(at_once, sizeof(*pool->slots));
	fill(pool);
	if (pool->running) {
		if (ops->tick) {
			loop_timer_set(pool->tick,
				       loop_now_ns(pool->loop) + SWEEP_POOL_TICK_NS);
		}
		loop_run(pool->loop);
		loop_timer_set(pool->tick, INT64_MAX);
		loop_timer_set(pool->kill, INT64_MAX);
	}
	free(pool->slots);
	pool->slots = NULL;
	pool->num_slots = 0;
	pool->ops = NULL;
	return pool->code;
}

unsigned sweep_pool_running(const struct sweep_pool *pool)
{
	return pool->running;
}

int sweep_pool_signal(const struct sweep_pool *pool)
{
	return pool->signal;
}

int64_t sweep_pool_now_ns(const struct sweep_pool *pool)
{
	return loop_now_ns(pool->loop);
}

/* The process's children, as the kernel lists them. */
static void signal_leftovers(int signal)
{
	char path[64];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1) {
		if (pid > 1) {
			kill(pid, signal);
		}
	}
	if (file) {
		fclose(file);
	}
}

/* Ends what came to us, and what that leaves behind in turn. */
static void end_leftovers(const struct sweep_pool *pool)
{
	int64_t kill_ns = loop_now_ns(pool->loop) + REAP_NS;
	int status;

	signal_leftovers(SIGTERM);
	for (;;) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid < 0 && errno != EINTR) {
			return; /* ECHILD: none is left */
		}
		if (pid == 0) {
			struct timespec pause = {.tv_nsec = 5000000};

			if (loop_now_ns(pool->loop) >= kill_ns) {
				signal_leftovers(SIGKILL);
			}
			nanosleep(&pause, NULL);
		}
	}
}

void sweep_pool_free(struct sweep_pool *pool)
{
	if (!pool) {
		return;
	}
	end_leftovers(pool);
	for (size_t i = 0; i < sizeof(pool->watches) / sizeof(pool->watches[0]); i++) {
		loop_signal_free(pool->watches[i].signal);
	}
	loop_timer_free(pool->tick);
	loop_timer_free(pool->kill);
	loop_free(pool->loop);
	free(pool->environment);
	free(pool);
}
