#include "app/shrink_pool.h"

#include "app/shrink_outcome.h"
#include "base/arena.h"
#include "io/file.h"
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_DIRS_MAX = 16, WORDS_BEFORE_COMMAND = 20 };

/* How long a child may take to stop before it is killed: longer than it gives its
 * command and services. */
#define STOP_MAX_S 20

struct job {
	struct process process;
	size_t which;
	enum attempt_kind kind;
	char dir[512];
	bool busy;
};

struct shrink_pool {
	struct shrink_pool_options options;
	char *self; /* this program */
	sigset_t signals, before;
	bool interrupted;
	uint64_t runs;
	struct text outcome;
	struct job jobs[POOL_JOBS_MAX];
};

static int remove_entry(const char *path, const struct stat *stat, int kind,
			struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void remove_dir(const char *path)
{
	(void)nftw(path, remove_entry, OPEN_DIRS_MAX, FTW_DEPTH | FTW_PHYS);
}

int shrink_pool_new(const struct shrink_pool_options *options, struct shrink_pool **out,
		    struct err *err)
{
	struct shrink_pool *pool = xcalloc(1, sizeof(*pool));

	pool->options = *options;
	pool->self = realpath("/proc/self/exe", NULL);
	if (!pool->self) {
		free(pool);
		return err_set_errno(err, "can't find this program itself");
	}
	/* They wait until shrink_pool_wait() asks for them. */
	sigemptyset(&pool->signals);
	sigaddset(&pool->signals, SIGINT);
	sigaddset(&pool->signals, SIGTERM);
	sigaddset(&pool->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &pool->signals, &pool->before);
	remove_dir(options->dir);
	if (mkdir(options->dir, 0777) < 0) {
		err_set_errno(err, "can't make %s", options->dir);
		shrink_pool_free(pool);
		return ERR_SYSTEM;
	}
	*out = pool;
	return 0;
}

void shrink_pool_free(struct shrink_pool *pool)
{
	if (!pool) {
		return;
	}
	shrink_pool_cancel(pool);
	remove_dir(pool->options.dir);
	sigprocmask(SIG_SETMASK, &pool->before, NULL);
	text_done(&pool->outcome);
	free(pool->self);
	free(pool);
}

bool shrink_pool_full(const struct shrink_pool *pool)
{
	for (unsigned i = 0; i < pool->options.jobs; i++) {
		if (!pool->jobs[i].busy) {
			return false;
		}
	}
	return true;
}

unsigned shrink_pool_running(const struct shrink_pool *pool, size_t which)
{
	unsigned num = 0;

	for (unsigned i = 0; i < pool->options.jobs; i++) {
		num += pool->jobs[i].busy && pool->jobs[i].which == which;
	}
	return num;
}

bool shrink_pool_interrupted(const struct shrink_pool *pool)
{
	return pool->interrupted;
}

uint64_t shrink_pool_runs(const struct shrink_pool *pool)
{
	return pool->runs;
}

/* --- one child --- */

static char *path_in(struct arena *arena, const struct job *job, const char *name)
{
	return arena_format(arena, "%s/%s", job->dir, name);
}

static char **child_words(const struct shrink_pool *pool, const struct job *job,
			  struct arena *arena)
{
	const struct shrink_pool_options *o = &pool->options;
	size_t num = 0, n = 0;
	char **words;

	while (o->command[num]) {
		num++;
	}
	words = arena_take_array(arena, num + WORDS_BEFORE_COMMAND, sizeof(*words));
	words[n++] = pool->self;
	switch (job->kind) {
	case ATTEMPT_ONLY:
		words[n++] = "replay";
		words[n++] = (char *)o->log_path;
		words[n++] = arena_format(arena, "--only=@%s/what", job->dir);
		break;
	case ATTEMPT_RULES:
		words[n++] = "run";
		words[n++] = path_in(arena, job, "what");
		break;
	}
	words[n++] = arena_format(arena, "--log=%s/run.jsonl", job->dir);
	words[n++] = arena_format(arena, "--result=%s/result.json", job->dir);
	words[n++] = arena_format(arena, "--dir=%s/dir", job->dir);
	if (o->jobs > 1) {
		words[n++] = "--own-ports";
	}
	if (o->timeout) {
		words[n++] = arena_format(arena, "--timeout=%s", o->timeout);
	}
	words[n++] = "--";
	for (size_t i = 0; i < num; i++) {
		words[n++] = o->command[i];
	}
	return words;
}

static int spawn(const struct shrink_pool *pool, struct job *job, struct arena *arena,
		 struct err *err)
{
	const char *output = path_in(arena, job, "output");
	struct process_options options = {
		.argv = child_words(pool, job, arena),
		.in = open("/dev/null", O_RDONLY | O_CLOEXEC),
		.out = open(output, O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC, 0666),
		.own_group = true,
	};
	int code;

	options.err = options.out;
	code = options.out < 0 ? err_set_errno(err, "can't write %s", output)
			       : process_start(&job->process, &options, err);
	if (options.in >= 0) {
		close(options.in);
	}
	if (options.out >= 0) {
		close(options.out);
	}
	return code;
}

int shrink_pool_start(struct shrink_pool *pool, const struct attempt *attempt,
		      size_t which, struct err *err)
{
	struct arena arena = {0};
	struct job *job = pool->jobs;
	int code;

	while (job->busy) {
		job++;
	}
	pool->runs++;
	*job = (struct job){.which = which, .kind = attempt->kind};
	snprintf(job->dir, sizeof(job->dir), "%s/%ju", pool->options.dir,
		 (uintmax_t)pool->runs);
	if (mkdir(job->dir, 0777) < 0) {
		return err_set_errno(err, "can't make %s", job->dir);
	}
	code = file_write(path_in(&arena, job, "what"),
			  span_of(attempt->text.data, attempt->text.len), err);
	if (code == 0) {
		code = spawn(pool, job, &arena, err);
	}
	job->busy = code == 0;
	arena_done(&arena);
	return code;
}

static struct job *find_ended(struct shrink_pool *pool)
{
	for (unsigned i = 0; i < pool->options.jobs; i++) {
		if (pool->jobs[i].busy && process_ended(&pool->jobs[i].process)) {
			return &pool->jobs[i];
		}
	}
	return NULL;
}

static bool any_busy(const struct shrink_pool *pool)
{
	for (unsigned i = 0; i < pool->options.jobs; i++) {
		if (pool->jobs[i].busy) {
			return true;
		}
	}
	return false;
}

static void take_result(struct shrink_pool *pool, struct job *job,
			struct shrink_pool_result *out)
{
	struct arena arena = {0};

	process_finish(&job->process);
	job->busy = false;
	text_clear(&pool->outcome);
	shrink_outcome_read(path_in(&arena, job, "result.json"),
			    job->kind == ATTEMPT_RULES, &pool->outcome);
	out->which = job->which;
	out->outcome = text_cstr(&pool->outcome);
	memcpy(out->dir, job->dir, sizeof(out->dir));
	arena_done(&arena);
}

bool shrink_pool_wait(struct shrink_pool *pool, struct shrink_pool_result *out)
{
	/* A signal that came in between is still there to be taken. */
	while (!pool->interrupted && any_busy(pool)) {
		struct job *job = find_ended(pool);
		int signal;

		if (job) {
			take_result(pool, job, out);
			return true;
		}
		signal = sigwaitinfo(&pool->signals, NULL);
		pool->interrupted = signal == SIGINT || signal == SIGTERM;
	}
	return false;
}

void shrink_pool_cancel(struct shrink_pool *pool)
{
	struct timespec wait = {.tv_sec = STOP_MAX_S};

	for (unsigned i = 0; i < pool->options.jobs; i++) {
		if (pool->jobs[i].busy && !process_ended(&pool->jobs[i].process)) {
			/* Not its group: the child ends what it has started in order. */
			kill(pool->jobs[i].process.pid, SIGTERM);
		}
	}
	while (any_busy(pool)) {
		struct job *job = find_ended(pool);

		if (!job) {
			sigset_t child;

			sigemptyset(&child);
			sigaddset(&child, SIGCHLD);
			if (sigtimedwait(&child, NULL, &wait) >= 0 || errno == EINTR) {
				continue;
			}
			for (job = pool->jobs; !job->busy; job++) {
			}
		}
		process_finish(&job->process);
		job->busy = false;
		remove_dir(job->dir);
	}
}

void shrink_pool_keep(const struct shrink_pool_result *result, const char *log_path,
		      const char *output_path)
{
	struct arena arena = {0};

	(void)rename(arena_format(&arena, "%s/run.jsonl", result->dir), log_path);
	(void)rename(arena_format(&arena, "%s/output", result->dir), output_path);
	arena_done(&arena);
	shrink_pool_remove(result);
}

void shrink_pool_remove(const struct shrink_pool_result *result)
{
	remove_dir(result->dir);
}
