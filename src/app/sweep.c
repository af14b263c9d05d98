/* Theory of operation
 *
 * A pool (app/sweep_pool.h) runs children in up to three phases: the canary alone, the
 * seeds, and the shrinking of what failed, one after the other. Each phase is a struct
 * sweep_pool_ops on the same struct runner. A child's words on how it went are its
 * result.json; when there is none, its exit status and the end of its output stand for
 * it.
 */
#include "app/sweep.h"

#include "app/cli.h"
#include "app/log_common.h"
#include "app/sweep_folder.h"
#include "app/sweep_pool.h"
#include "app/sweep_report.h"
#include "io/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#define CANARY "canary"
/* Of the canary when none was given: a test that hangs is a test that fails. */
#define CANARY_TIMEOUT "60s"

enum { ARGUMENTS_MAX = 24, LAST_WORDS_MAX = 400, SHRINK_TAIL_BYTES = 2000 };

struct runner {
	struct sweep *sweep;
	const struct sweep_watcher *watcher;
	struct sweep_pool *pool;
	struct arena arena; /* of the child that next() describes */
	size_t at;	    /* the next one of the phase */
	size_t taken;	    /* in this phase */
	int64_t begun_ns;
};

/* --- set-up --- */

int sweep_open(const struct sweep_options *options, struct sweep *out, struct err *err)
{
	struct sweep sweep = {.options = *options};
	uint64_t *seeds = NULL;
	int code = config_load(options->paths, options->num_paths, &sweep.config, err);

	if (code == 0) {
		code = sweep_seeds_parse(options->seeds, options->shard, &seeds,
					 &sweep.num_runs, err);
		if (code < 0) {
			err_context(err, "--seeds");
		}
	}
	if (code == 0) {
		code = sweep_folder_above(options->out, err);
	}
	if (code < 0) {
		config_free(sweep.config);
		free(seeds);
		return code;
	}
	sweep.runs = xcalloc(sweep.num_runs, sizeof(*sweep.runs));
	for (size_t i = 0; i < sweep.num_runs; i++) {
		sweep.runs[i].seed = seeds[i];
	}
	free(seeds);
	sweep_tally_init(&sweep.tally, sweep.config);
	*out = sweep;
	return 0;
}

void sweep_close(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->num_runs; i++) {
		sweep_result_done(&sweep->runs[i].result);
	}
	sweep_result_done(&sweep->canary_result);
	free(sweep->runs);
	sweep_tally_done(&sweep->tally);
	config_free(sweep->config);
	text_done(&sweep->shrunk);
}

/* --- what a child is --- */

static char *path_in(struct runner *runner, const char *name, const char *file)
{
	return arena_format(&runner->arena, "%s/%s/%s", runner->sweep->options.out, name,
			    file);
}

/* The folder and the arguments of the run `name`; `before`: a rule file to be put in
 * front of the others, or NULL. */
static int describe_run(struct runner *runner, const char *name, uint64_t seed,
			const char *before, struct sweep_pool_child *out, struct err *err)
{
	const struct sweep_options *options = &runner->sweep->options;
	const char *timeout = options->timeout;
	size_t num_command = 0, num = 0;
	char **argv;

	while (options->command[num_command]) {
		num_command++;
	}
	argv = arena_take_array(&runner->arena,
				options->num_paths + num_command + ARGUMENTS_MAX,
				sizeof(*argv));
	argv[num++] = (char *)"turncoat";
	argv[num++] = (char *)"run";
	if (before) {
		argv[num++] = (char *)before;
		timeout = timeout ? timeout : CANARY_TIMEOUT;
	}
	for (size_t i = 0; i < options->num_paths; i++) {
		argv[num++] = (char *)options->paths[i];
	}
	argv[num++] =
		arena_format(&runner->arena, "--seed=%llu", (unsigned long long)seed);
	argv[num++] = arena_format(&runner->arena, "--dir=%s/%s", options->out, name);
	argv[num++] = arena_format(&runner->arena, "--log=%s",
				   path_in(runner, name, "run.jsonl"));
	argv[num++] = arena_format(&runner->arena, "--result=%s",
				   path_in(runner, name, "result.json"));
	/* Vacuity is judged over all seeds. */
	argv[num++] = (char *)"--allow-vacuous";
	if (timeout) {
		argv[num++] = arena_format(&runner->arena, "--timeout=%s", timeout);
	}
	if (options->capture) {
		argv[num++] = arena_format(&runner->arena, "--capture=%s",
					   path_in(runner, name, "run.pcap"));
	}
	if (options->jobs > 1) {
		argv[num++] =
			(char *)"--own-ports"; /* or they would be in each other's way */
	}
	argv[num++] = (char *)"--";
	memcpy(argv + num, options->command, num_command * sizeof(*argv));
	out->argv = argv;
	out->output_path = path_in(runner, name, "output.txt");
	return sweep_folder_make(arena_format(&runner->arena, "%s/%s", options->out,
					      name),
				 err);
}

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Line ends become slashes: it is to be read in a line. */
static void put_last_words(struct text *out, struct text *tail)
{
	sweep_last_line(tail); /* cuts the empty ones off */
	for (size_t i = 0; i < tail->len; i++) {
		if (tail->data[i] == '\n') {
			text_str(out, " / ");
		} else if (tail->data[i]) {
			text_byte(out, tail->data[i]);
		}
	}
}

static void read_result(struct runner *runner, const char *name, uint64_t seed,
			int status, struct sweep_result *out)
{
	struct text why = {0}, tail = {0};
	struct err err;

	if (sweep_result_read(path_in(runner, name, "result.json"), seed, out, &err) ==
	    0) {
		return;
	}
	if (WIFSIGNALED(status)) {
		text_format(&why, "turncoat itself was ended by signal %d, ",
			    WTERMSIG(status));
	} else {
		text_format(&why, "turncoat itself left with exit status %d, ",
			    WEXITSTATUS(status));
	}
	text_format(&why, "and no result (%s)", err.text);
	sweep_tail(path_in(runner, name, "output.txt"), LAST_WORDS_MAX, &tail);
	if (tail.len) {
		text_str(&why, "; its output ends: ");
		put_last_words(&why, &tail);
	}
	sweep_result_none(out, code_of(status), text_cstr(&why));
	text_done(&why);
	text_done(&tail);
}

/* --- the canary --- */

static void put_canary_rule(const struct proxy *proxy, struct text *out)
{
	/* Where there is no connection to be reset, every unit is lost. */
	text_format(out, "[rule canary-of-%s]\non = %s\nchance = 100%%\ndo = %s\n",
		    proxy->name, proxy->name,
		    config_proxy_is_stream(proxy) ? "reset" : "drop");
}

static int canary_next(void *ctx, struct sweep_pool_child *out, struct err *err)
{
	struct runner *runner = ctx;
	const struct sweep *sweep = runner->sweep;
	struct text rules = {0};
	const char *path;
	int code;

	if (runner->at > 0) {
		return 0;
	}
	runner->at++;
	path = path_in(runner, CANARY, "canary.ini");
	code = describe_run(runner, CANARY, 0, path, out, err);
	for (size_t i = 0; i < sweep->config->num_proxies; i++) {
		put_canary_rule(&sweep->config->proxies[i], &rules);
	}
	if (code == 0) {
		code = file_write(path, span_of(rules.data, rules.len), err);
	}
	text_done(&rules);
	out->id = 0;
	return code < 0 ? code : 1;
}

static void canary_ended(void *ctx, size_t id, const struct sweep_pool_end *end)
{
	struct runner *runner = ctx;
	struct sweep *sweep = runner->sweep;
	struct sweep_result *result = &sweep->canary_result;

	(void)id;
	if (end->stopped) {
		return;
	}
	read_result(runner, CANARY, 0, end->status, result);
	if (sweep_verdict_fails(result->verdict)) {
		sweep->canary = CANARY_ALIVE;
	} else {
		sweep->canary = result->units_in ? CANARY_DEAD : CANARY_UNHEARD;
	}
}

static const struct sweep_pool_ops CANARY_OPS = {.next = canary_next,
						 .ended = canary_ended};

/* --- the seeds --- */

static const char *seed_name(struct runner *runner, uint64_t seed)
{
	return arena_format(&runner->arena, "%llu", (unsigned long long)seed);
}

static int seed_next(void *ctx, struct sweep_pool_child *out, struct err *err)
{
	struct runner *runner = ctx;
	struct sweep *sweep = runner->sweep;
	struct sweep_run *run;
	int code;

	arena_done(&runner->arena);
	if (runner->at == sweep->num_runs) {
		return 0;
	}
	run = &sweep->runs[runner->at];
	out->id = runner->at++;
	code = describe_run(runner, seed_name(runner, run->seed), run->seed, NULL, out,
			    err);
	if (code < 0) {
		return code;
	}
	run->state = SWEEP_RUNNING;
	return 1;
}

static void seed_ended(void *ctx, size_t id, const struct sweep_pool_end *end)
{
	struct runner *runner = ctx;
	struct sweep *sweep = runner->sweep;
	struct sweep_run *run = &sweep->runs[id];

	if (end->stopped) {
		run->state = SWEEP_STOPPED;
		return;
	}
	run->state = SWEEP_DONE;
	read_result(runner, seed_name(runner, run->seed), run->seed, end->status,
		    &run->result);
	sweep->done++;
	sweep->verdicts[run->result.verdict]++;
	sweep_tally_add(&sweep->tally, &run->result);
	sweep->failed += sweep_run_failed(run);
	sweep->elapsed_ns = sweep_pool_now_ns(runner->pool) - runner->begun_ns;
	if (runner->watcher->done) {
		runner->watcher->done(runner->watcher->ctx, sweep, run);
	}
	if (!sweep_run_failed(run)) {
		/* A million that passed must fit in memory. */
		arena_done(&run->result.arena);
		run->result.findings = NULL;
		run->result.rules = NULL;
		run->result.num_findings = run->result.num_rules = 0;
	}
	if (sweep->options.failures_max && sweep->failed >= sweep->options.failures_max &&
	    sweep->done < sweep->num_runs) {
		sweep->stop = STOP_FAILURES;
		sweep_pool_stop(runner->pool);
	}
}

static void seed_tick(void *ctx)
{
	struct runner *runner = ctx;

	if (runner->watcher->tick) {
		runner->watcher->tick(runner->watcher->ctx, runner->sweep,
				      sweep_pool_now_ns(runner->pool) - runner->begun_ns);
	}
}

static const struct sweep_pool_ops SEED_OPS = {
	.next = seed_next,
	.ended = seed_ended,
	.tick = seed_tick,
};

/* --- shrinking --- */

static int shrink_next(void *ctx, struct sweep_pool_child *out, struct err *err)
{
	struct runner *runner = ctx;
	const struct sweep *sweep = runner->sweep;
	const char *name;
	size_t num_command = 0, num = 0;
	char **argv;

	(void)err;
	arena_done(&runner->arena);
	while (runner->at < sweep->num_runs &&
	       !sweep_run_failed(&sweep->runs[runner->at])) {
		runner->at++;
	}
	if (runner->at == sweep->num_runs || runner->taken == SWEEP_SHRUNK_MAX) {
		return 0;
	}
	while (sweep->options.command[num_command]) {
		num_command++;
	}
	name = seed_name(runner, sweep->runs[runner->at].seed);
	argv = arena_take_array(&runner->arena, num_command + ARGUMENTS_MAX,
				sizeof(*argv));
	argv[num++] = (char *)"turncoat";
	argv[num++] = (char *)"shrink";
	argv[num++] = path_in(runner, name, "run.jsonl");
	argv[num++] =
		arena_format(&runner->arena, "--out=%s/%s", sweep->options.out, name);
	argv[num++] = arena_format(&runner->arena, "--jobs=%u", sweep->options.jobs);
	if (sweep->options.timeout) {
		argv[num++] = arena_format(&runner->arena, "--timeout=%s",
					   sweep->options.timeout);
	}
	argv[num++] = (char *)"--";
	memcpy(argv + num, sweep->options.command, num_command * sizeof(*argv));
	out->argv = argv;
	out->output_path = path_in(runner, name, "shrink.txt");
	out->id = runner->at++;
	runner->taken++;
	return 1;
}

static void shrink_ended(void *ctx, size_t id, const struct sweep_pool_end *end)
{
	struct runner *runner = ctx;
	struct sweep *sweep = runner->sweep;
	const char *name = seed_name(runner, sweep->runs[id].seed);
	const char *path = path_in(runner, name, "shrink.txt");
	struct text tail = {0};

	sweep_tail(path, SHRINK_TAIL_BYTES, &tail);
	if (end->stopped) {
		text_format(&sweep->shrunk, "seed %s: shrinking was stopped, see %s\n",
			    name, path);
	} else {
		text_format(&sweep->shrunk, "seed %s: exit status %d, see %s\n", name,
			    code_of(end->status), path);
		text_safe(&sweep->shrunk, sweep_last_line(&tail));
		text_byte(&sweep->shrunk, '\n');
	}
	text_done(&tail);
}

static const struct sweep_pool_ops SHRINK_OPS = {.next = shrink_next,
						 .ended = shrink_ended};

static int shrink_all(struct runner *runner, struct err *err)
{
	char *words[] = {(char *)"shrink", NULL};
	int num;

	if (!cli_find_verb(1, words, &num)) {
		text_str(&runner->sweep->shrunk,
			 "shrink: not available in this version\n");
		return 0;
	}
	runner->at = runner->taken = 0;
	return sweep_pool_run(runner->pool, &SHRINK_OPS, runner, 1, err);
}

/* --- all of it --- */

static int run_phases(struct runner *runner, bool shrink, struct err *err)
{
	struct sweep *sweep = runner->sweep;
	int code = 0;

	if (sweep->options.canary) {
		code = sweep_pool_run(runner->pool, &CANARY_OPS, runner, 1, err);
		if (sweep->canary == CANARY_DEAD || sweep->canary == CANARY_UNHEARD) {
			sweep->stop = STOP_CANARY;
			return code;
		}
	}
	if (code == 0 && !sweep_pool_signal(runner->pool)) {
		runner->at = 0;
		runner->begun_ns = sweep_pool_now_ns(runner->pool);
		code = sweep_pool_run(runner->pool, &SEED_OPS, runner,
				      sweep->options.jobs, err);
	}
	if (code == 0 && shrink && sweep->failed && !sweep_pool_signal(runner->pool)) {
		code = shrink_all(runner, err);
	}
	return code;
}

int sweep_run_all(struct sweep *sweep, const struct sweep_watcher *watcher, bool shrink,
		  struct err *err)
{
	struct runner runner = {.sweep = sweep, .watcher = watcher};
	int code = sweep_pool_new(sweep->options.hidden, &runner.pool, err);

	if (code < 0) {
		return code;
	}
	code = run_phases(&runner, shrink, err);
	sweep->signal = sweep_pool_signal(runner.pool);
	if (sweep->signal) {
		sweep->stop = STOP_SIGNAL;
	}
	sweep_pool_free(runner.pool);
	arena_done(&runner.arena);
	return code;
}

bool sweep_run_failed(const struct sweep_run *run)
{
	return run->state == SWEEP_DONE && sweep_verdict_fails(run->result.verdict);
}

const struct sweep_run *sweep_first_failed(const struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->num_runs; i++) {
		if (sweep_run_failed(&sweep->runs[i])) {
			return &sweep->runs[i];
		}
	}
	return NULL;
}

void sweep_vacuous(const struct sweep *sweep, struct text *out)
{
	/* Seeds that were not run might have been those. */
	if (sweep->done > 0 && sweep->done == sweep->num_runs) {
		sweep_tally_vacuous(&sweep->tally, out);
	}
}

static bool is_vacuous(const struct sweep *sweep)
{
	struct text text = {0};
	bool any;

	sweep_vacuous(sweep, &text);
	any = text.len > 0;
	text_done(&text);
	return any;
}

int sweep_exit_code(const struct sweep *sweep)
{
	if (sweep->signal) {
		return 128 + sweep->signal;
	}
	if (sweep->stop == STOP_CANARY) {
		return EXIT_CMD_FAILED;
	}
	if (sweep->failed > sweep->verdicts[FINDING_SETUP]) {
		return EXIT_CMD_FAILED;
	}
	if (sweep->failed) {
		return EXIT_USAGE;
	}
	return is_vacuous(sweep) && !sweep->options.allow_vacuous ? EXIT_VACUOUS
								  : EXIT_PASSED;
}
