#include "app/replay_run.h"

#include "app/cli.h"
#include "app/log_common.h"
#include "app/replay_report.h"

#include <fcntl.h>
#include <unistd.h>

/* The new log must not be the one that is replayed. */
static bool overwrites(const struct replay_log *log, const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool same = fd >= 0 && logread_is_file(log->log, fd);

	if (fd >= 0) {
		close(fd);
	}
	return same;
}

static int load(const struct replay_run_options *options, struct replay_log **out)
{
	struct err err = {0};

	if (replay_log_load(options->path, options->policy, out, &err) != 0) {
		return cli_complain("replay", "%s", err.text);
	}
	log_warn_torn((*out)->log);
	if (overwrites(*out, options->run.log_path) ||
	    overwrites(*out, options->run.capture_path)) {
		return cli_complain("replay", "%s is the log that is replayed",
				    overwrites(*out, options->run.log_path)
					    ? options->run.log_path
					    : options->run.capture_path);
	}
	if (options->run.seed_given && options->run.seed != (*out)->seed) {
		return cli_complain(
			"replay",
			"--seed: %s was run with seed %llu, and its decisions "
			"are replayed as they are",
			options->path, (unsigned long long)(*out)->seed);
	}
	if (options->only && replay_log_select(*out, options->only, &err) != 0) {
		return cli_complain("replay", "--only: %s", err.text);
	}
	return EXIT_PASSED;
}

/* What the replay found goes before what the command said: a command that was served
 * otherwise proves nothing. */
static int exit_code(const struct replay_run_options *options,
		     const struct run_outcome *outcome,
		     const struct replay_result *result)
{
	bool failed = options->only ? result->faults_seen < result->faults
				    : result->verdict == REPLAY_DIVERGED;

	if (outcome->log_failed) {
		return EXIT_USAGE;
	}
	if (failed && options->policy == REPLAY_FAIL) {
		return EXIT_DIVERGED;
	}
	return outcome->has_command ? outcome->command_code : EXIT_PASSED;
}

static int play(const struct replay_run_options *options, struct replay_log *log)
{
	struct run_options run_options = options->run;
	struct text text = {0};
	struct run_outcome outcome;
	struct replay_result result;
	struct err err = {0};
	struct run *run;
	int code;

	run_options.replay = log;
	run_options.seed_given = true;
	run_options.seed = log->seed;
	run_options.order = options->order;
	run_options.order_wait_ns = options->order_wait_ns;
	if (run_start(replay_log_take_config(log), &run_options, &run, &err) < 0) {
		return cli_complain(NULL, "%s", err.text);
	}
	run_loop(run);
	outcome = run_outcome(run);
	if (run_finish(run, &text, &err) < 0) {
		text_done(&text);
		return cli_complain("replay", "%s", err.text);
	}
	text_clear(&text); /* what never fired is not this run's doing */
	result = replay_finish(log->replay);
	code = exit_code(options, &outcome, &result);
	replay_report(log, &result, &text);
	if (options->order) {
		replay_report_order(&outcome.order, &text);
	}
	if (!options->run.quiet || code == EXIT_DIVERGED) {
		fputs(text_cstr(&text), stderr);
	}
	text_done(&text);
	return code;
}

int replay_run(const struct replay_run_options *options)
{
	struct replay_log *log = NULL;
	int code = load(options, &log);

	if (code == EXIT_PASSED) {
		code = play(options, log);
	}
	replay_log_free(log);
	return code;
}
