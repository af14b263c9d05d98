/* turncoat test: a command under test against many seeds, each a run of its own. */
#include "app/log_common.h"
#include "app/sweep.h"
#include "app/sweep_bundle.h"
#include "app/sweep_report.h"
#include "app/verbs.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum annotations { ANNOTATIONS_GITHUB, ANNOTATIONS_GITLAB, ANNOTATIONS_NONE };

static const char *const ANNOTATIONS[] = {
	[ANNOTATIONS_GITHUB] = "github",
	[ANNOTATIONS_GITLAB] = "gitlab",
	[ANNOTATIONS_NONE] = "none",
	NULL,
};

/* GitLab takes it as an artifact: reports: codequality. */
#define GITLAB_REPORT "gl-code-quality-report.json"

const struct optrow TEST_OPTIONS[] = {
	{
		.name = "seeds",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "LIST",
		.help = "which seeds: 1-100,200",
	},
	{
		.name = "jobs",
		.type = OPT_COUNT,
		.min = 1,
		.max = SWEEP_JOBS_MAX,
		.fallback = "1",
		.help = "so many runs at once, each with ports of its own",
	},
	{
		.name = "shard",
		.type = OPT_TEXT,
		.min = 3,
		.metavar = "I/N",
		.help = "only the I-th of N shares of the seeds",
	},
	{
		.name = "timeout",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(24) * 3600 * 1000000000,
		.help = "of each CMD; then it is ended, and the seed has failed",
	},
	{
		.name = "fail-fast",
		.type = OPT_BOOL,
		.help = "stop at the first seed that fails",
	},
	{
		.name = "max-failures",
		.type = OPT_COUNT,
		.min = 1,
		.max = SWEEP_SEEDS_MAX,
		.help = "stop when so many seeds have failed",
	},
	{
		.name = "out",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "DIR",
		.fallback = "turncoat-out",
		.help = "logs, results and outputs, a folder a seed",
	},
	{
		.name = "capture",
		.type = OPT_BOOL,
		.help = "write each run's packets as well, run.pcap",
	},
	{
		.name = "allow-vacuous",
		.type = OPT_BOOL,
		.help = "a rule that never fired over all seeds is no failure",
	},
	{
		.name = "canary",
		.type = OPT_BOOL,
		.help = "first one run in which every connection is reset: CMD must fail",
	},
	{
		.name = "junit",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write a report there, as JUnit's XML",
	},
	{
		.name = "tap",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write a report there, as TAP version 14",
	},
	{
		.name = "json",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write a report there, as one JSON object",
	},
	{
		.name = "markdown",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write a report there, as Markdown; on GitHub also as the job's "
			"summary",
	},
	{
		.name = "annotations",
		.type = OPT_CHOICE,
		.choices = ANNOTATIONS,
		.help = "notes at the rules that fired; default: of the CI that this "
			"runs in",
	},
	{
		.name = "bundle",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write all of the first failing run there, as .tar.gz for replay",
	},
	{
		.name = "shrink",
		.type = OPT_BOOL,
		.help = "find the fewest faults that fail, of up to 3 failing seeds",
	},
	{
		.name = "quiet",
		.type = OPT_BOOL,
		.help = "nothing on standard output unless a seed fails",
	},
	{0},
};

/* What children must not read from the environment: it is meant for this verb, or the
 * children would all use the same file. */
static const char *const HIDDEN[] = {
	"TURNCOAT_SEEDS",   "TURNCOAT_JOBS",	  "TURNCOAT_SHARD",
	"TURNCOAT_TIMEOUT", "TURNCOAT_FAIL_FAST", "TURNCOAT_MAX_FAILURES",
	"TURNCOAT_OUT",	    "TURNCOAT_CAPTURE",	  "TURNCOAT_ALLOW_VACUOUS",
	"TURNCOAT_CANARY",  "TURNCOAT_JUNIT",	  "TURNCOAT_TAP",
	"TURNCOAT_JSON",    "TURNCOAT_MARKDOWN",  "TURNCOAT_ANNOTATIONS",
	"TURNCOAT_BUNDLE",  "TURNCOAT_SHRINK",	  "TURNCOAT_QUIET",
	"TURNCOAT_READY",   "TURNCOAT_LOG",	  "TURNCOAT_SEED",
	"TURNCOAT_RESULT",  "TURNCOAT_DIR",	  NULL,
};

static bool is_true(const char *variable)
{
	const char *value = getenv(variable);

	return value && strcmp(value, "true") == 0;
}

/* --- while it runs --- */

struct display {
	bool quiet, terminal; /* terminal: standard error is one */
	bool shown;	      /* a line is there that is to be written over */
};

static void erase(struct display *display)
{
	if (display->shown) {
		fputs("\r\033[K", stderr);
		display->shown = false;
	}
}

static void on_done(void *ctx, const struct sweep *sweep, const struct sweep_run *run)
{
	struct display *display = ctx;
	struct text line = {0};

	if (sweep_run_failed(run)) {
		erase(display);
		sweep_terminal_run(sweep, run, &line);
		fputs(text_cstr(&line), stderr);
		text_done(&line);
	}
}

static void on_tick(void *ctx, const struct sweep *sweep, int64_t elapsed_ns)
{
	struct display *display = ctx;
	double minutes = (double)elapsed_ns / 60e9;

	if (!display->terminal || display->quiet) {
		return;
	}
	fprintf(stderr, "\r%llu of %zu seeds, %llu failed, %.0f runs a minute\033[K",
		(unsigned long long)sweep->done, sweep->num_runs,
		(unsigned long long)sweep->failed,
		minutes > 0 ? (double)sweep->done / minutes : 0);
	fflush(stderr);
	display->shown = true;
}

/* --- when it is over --- */

static int write_report(const struct sweep *sweep, const char *path,
			void (*make)(const struct sweep *sweep, struct text *out),
			int code)
{
	struct text text = {0};
	struct err err;

	make(sweep, &text);
	if (file_write(path, span_of(text.data, text.len), &err) < 0) {
		cli_complain("test", "%s", err.text);
		code = code == EXIT_PASSED ? EXIT_USAGE : code;
	}
	text_done(&text);
	return code;
}

/* GitHub gathers what a job's steps append. */
static void append_summary(const struct sweep *sweep, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	struct text text = {0};

	sweep_markdown(sweep, &text);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len) {
		cli_complain("test", "can't append to %s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
	text_done(&text);
}

static enum annotations annotations_of(const struct verb *verb, const struct cli *cli)
{
	const struct optval *val = cli_opt(verb, cli, "annotations");

	if (val->given) {
		return (enum annotations)val->num;
	}
	if (is_true("GITHUB_ACTIONS")) {
		return ANNOTATIONS_GITHUB;
	}
	return is_true("GITLAB_CI") ? ANNOTATIONS_GITLAB : ANNOTATIONS_NONE;
}

static int annotate(const struct verb *verb, const struct cli *cli,
		    const struct sweep *sweep, int code)
{
	struct text text = {0};

	switch (annotations_of(verb, cli)) {
	case ANNOTATIONS_GITHUB:
		sweep_github(sweep, &text);
		fputs(text_cstr(&text), stdout);
		break;
	case ANNOTATIONS_GITLAB:
		text_format(&text, "%s/" GITLAB_REPORT, sweep->options.out);
		code = write_report(sweep, text_cstr(&text), sweep_gitlab, code);
		break;
	case ANNOTATIONS_NONE:
		break;
	}
	text_done(&text);
	return code;
}

static int bundle(const struct sweep *sweep, const char *path, int code)
{
	const struct sweep_run *run = sweep_first_failed(sweep);
	struct err err;

	if (path && run && sweep_bundle_write(sweep, run, path, &err) < 0) {
		cli_complain("test", "--bundle: %s", err.text);
		return code == EXIT_PASSED ? EXIT_USAGE : code;
	}
	if (path && run) {
		printf("turncoat: seed %llu is bundled in %s\n",
		       (unsigned long long)run->seed, path);
	}
	return code;
}

static int report(const struct verb *verb, const struct cli *cli,
		  const struct sweep *sweep)
{
	const char *summary = getenv("GITHUB_STEP_SUMMARY");
	int code = sweep_exit_code(sweep);
	struct text text = {0};

	if (!sweep->options.quiet || code != EXIT_PASSED) {
		sweep_terminal(sweep, &text);
		fputs(text_cstr(&text), stdout);
	}
	text_done(&text);
	code = bundle(sweep, cli_text(verb, cli, "bundle"), code);
	for (const struct sweep_report *row = SWEEP_REPORTS; row->option; row++) {
		const char *path = cli_text(verb, cli, row->option);

		if (path) {
			code = write_report(sweep, path, row->make, code);
		}
	}
	if (is_true("GITHUB_ACTIONS") && summary && *summary) {
		append_summary(sweep, summary);
	}
	return annotate(verb, cli, sweep, code);
}

/* --- before it begins --- */

/* An hour of runs must not end with a report that can't be written. */
static int check_place(const char *option, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	struct arena arena = {0};
	const char *dir = ".";
	int code = EXIT_PASSED;

	if (slash) {
		dir = arena_copy_span(&arena, span_of(path, (size_t)(slash - path) + 1));
	}
	if (path && access(dir, W_OK) < 0) {
		code = cli_complain("test", "--%s: can't write to %s: %s", option, dir,
				    strerror(errno));
	}
	arena_done(&arena);
	return code;
}

static int check_places(const struct verb *verb, const struct cli *cli)
{
	int code = check_place("bundle", cli_text(verb, cli, "bundle"));

	for (const struct sweep_report *row = SWEEP_REPORTS;
	     code == EXIT_PASSED && row->option; row++) {
		code = check_place(row->option, cli_text(verb, cli, row->option));
	}
	return code;
}

static int check_words(const struct verb *verb, const struct cli *cli)
{
	if (cli->num_args == 0) {
		return cli_complain("test", "name a rule file: turncoat test FILE.ini "
					    "--seeds 1-100 -- CMD");
	}
	if (!cli->command || !cli->command[0]) {
		return cli_complain("test", "give the command to be tested behind --");
	}
	if (!cli_text(verb, cli, "seeds")) {
		return cli_complain("test", "give the seeds: --seeds 1-100");
	}
	return check_places(verb, cli);
}

static int sweep_with(const struct sweep_options *options, const struct verb *verb,
		      const struct cli *cli)
{
	struct display display = {.quiet = options->quiet, .terminal = isatty(2)};
	struct sweep_watcher watcher = {on_done, on_tick, &display};
	struct sweep sweep;
	struct err err = {0};
	int code;

	if (sweep_open(options, &sweep, &err) < 0) {
		return cli_complain("test", "%s", err.text);
	}
	code = sweep_run_all(&sweep, &watcher, cli_flag(verb, cli, "shrink"), &err);
	erase(&display);
	if (code < 0) {
		code = cli_complain("test", "%s", err.text);
	} else {
		code = report(verb, cli, &sweep);
	}
	sweep_close(&sweep);
	return log_finish(code);
}

static int test_with(const struct verb *verb, struct cli *cli)
{
	const char *shard = cli_text(verb, cli, "shard");
	const struct optval *failures = cli_opt(verb, cli, "max-failures");
	struct sweep_options options = {
		.paths = cli->args,
		.num_paths = cli->num_args,
		.command = cli->command,
		.seeds = cli_text(verb, cli, "seeds"),
		.shard = {1, 1},
		.jobs = (unsigned)cli_opt(verb, cli, "jobs")->num,
		.timeout = cli_text(verb, cli, "timeout"),
		.failures_max = failures->given ? (uint64_t)failures->num : 0,
		.out = cli_opt(verb, cli, "out")->text,
		.capture = cli_flag(verb, cli, "capture"),
		.allow_vacuous = cli_flag(verb, cli, "allow-vacuous"),
		.canary = cli_flag(verb, cli, "canary"),
		.quiet = cli_flag(verb, cli, "quiet"),
		.hidden = HIDDEN,
	};
	struct err err = {0};
	int code = check_words(verb, cli);

	if (code != EXIT_PASSED) {
		return code;
	}
	if (shard && sweep_shard_parse(shard, &options.shard, &err) < 0) {
		return cli_complain("test", "--shard: %s", err.text);
	}
	if (cli_flag(verb, cli, "fail-fast")) {
		options.failures_max = 1;
	}
	return sweep_with(&options, verb, cli);
}

int cmd_test(const struct verb *verb, int argc, char **argv)
{
	return cli_do(verb, argc, argv, test_with);
}
