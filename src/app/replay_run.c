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

static bool has_failed(const struct replay_run_options *options,
		       const struct replay_result *result)
{
	return options->policy == REPLAY_FAIL &&
	       (options->only ? result->faults_seen < result->faults
			      : result->verdict == REPLAY_DIVERGED);
}

/* What the replay found goes before what the command said: a command that was served
 * otherwise proves nothing. */
static int exit_code(const struct run_result *result)
{
	if (!result->log_failed && !findings_have(&result->findings, FINDING_SETUP) &&
	    findings_have(&result->findings, FINDING_DIVERGED)) {
		return EXIT_DIVERGED;
	}
	return run_result_exit_code(result);
}

static void tell(const struct replay_run_options *options, struct replay_log *log,
		 const struct replay_result *replayed, const struct run_result *result)
{
	struct text text = {0};

	replay_report(log, replayed, &text);
	if (options->order) {
		replay_report_order(&result->order, &text);
	}
	if (result->has_command) {
		text_format(&text, "turncoat: verdict: %s\n",
			    finding_kind_name(findings_gravest(&result->findings)));
	}
	if (!options->run.quiet || findings_have(&result->findings, FINDING_DIVERGED)) {
		fputs(text_cstr(&text), stderr);
	}
	text_done(&text);
}

static int finish(const struct replay_run_options *options, struct replay_log *log,
		  struct run *run)
{
	struct run_result result = {0};
	struct replay_result replayed;
	struct err err = {0};
	int code;

	if (run_finish(run, &result, &err) < 0) {
		run_result_done(&result);
		return cli_complain("replay", "%s", err.text);
	}
	replayed = replay_finish(log->replay);
	if (has_failed(options, &replayed)) {
		findings_add(&result.findings, FINDING_DIVERGED, "replay",
			     "it went another way than its log", result.duration_ns);
	}
	tell(options, log, &replayed, &result);
	code = exit_code(&result);
	if (run_result_write(&result, code, options->run.result_path, &err) < 0) {
		code = cli_complain("replay", "%s", err.text);
	}
	run_result_done(&result);
	return code;
}

static int start(const struct replay_run_options *options, struct replay_log *log,
		 struct run **out)
{
	struct run_options run_options = options->run;
	struct err err = {0};

	run_options.replay = log;
	run_options.seed_given = true;
	run_options.seed = log->seed;
	run_options.order = options->order;
	run_options.order_wait_ns = options->order_wait_ns;
	if (run_start(replay_log_take_config(log), &run_options, out, &err) < 0) {
		return cli_complain(NULL, "%s", err.text);
	}
	return EXIT_PASSED;
}

/* The replay did not even begin. */
static void tell_setup(const struct replay_run_options *options)
{
	struct run_result result = {0};
	struct err err = {0};

	run_result_files(&result, &options->path, 1);
	if (options->run.command) {
		run_result_command(&result, options->run.command);
	}
	findings_add(&result.findings, FINDING_SETUP, "run", "it did not begin", 0);
	if (run_result_write(&result, EXIT_USAGE, options->run.result_path, &err) < 0) {
		cli_complain("replay", "%s", err.text);
	}
	run_result_done(&result);
}

int replay_run(const struct replay_run_options *options)
{
	struct replay_log *log = NULL;
	struct run *run = NULL;
	int code = load(options, &log);

	if (code == EXIT_PASSED) {
		code = start(options, log, &run);
	}
	if (code == EXIT_PASSED) {
		run_loop(run);
		code = finish(options, log, run);
	} else {
		tell_setup(options);
	}
	replay_log_free(log);
	return code;
}
