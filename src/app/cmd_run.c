/* turncoat run: the proxy, until a signal or the end of the command behind "--". */
#include "app/run.h"
#include "app/verbs.h"

const struct optrow RUN_OPTIONS[] = {
	{
		.name = "seed",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "N",
		.help = "what every fault is drawn from; default: the file's, else drawn "
			"and printed",
	},
	{
		.name = "log",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "keep the decision log here (JSON lines; - is standard output)",
	},
	{
		.name = "capture",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write what came in and what went out as pcap",
	},
	{
		.name = "ready",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write the bound addresses here once every proxy listens",
	},
	{
		.name = "result",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write how it went here at the end (JSON; - is standard output)",
	},
	{
		.name = "timeout",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(86400) * 1000000000,
		.help = "how long the command may take; then it is ended, which is a "
			"finding",
	},
	{
		.name = "dir",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "DIR",
		.help = "keep the outputs of services, oracles and command there",
	},
	{
		.name = "own-ports",
		.type = OPT_BOOL,
		.help = "every proxy listens on a free port instead of its own",
	},
	{
		.name = "strict",
		.type = OPT_BOOL,
		.help = "refuse lanes whose identity would depend on timing",
	},
	{
		.name = "allow-vacuous",
		.type = OPT_BOOL,
		.help = "a rule that never matched or fired is no failure",
	},
	{
		.name = "quiet",
		.type = OPT_BOOL,
		.help = "nothing on standard error but errors",
	},
	{0},
};

/* Writes the result and frees it; returns the exit code. */
static int end_with(struct run_result *result, const char *path, int code)
{
	struct err err = {0};

	if (run_result_write(result, code, path, &err) < 0) {
		code = cli_complain("run", "%s", err.text);
	}
	run_result_done(result);
	return code;
}

/* The run did not even begin. */
static int fail_setup(const struct run_options *options, const char *why)
{
	struct run_result result = {.seed = options->seed};

	run_result_files(&result, options->paths, options->num_paths);
	if (options->command) {
		run_result_command(&result, options->command);
	}
	findings_add(&result.findings, FINDING_SETUP, "run", why, 0);
	return end_with(&result, options->result_path, cli_complain(NULL, "%s", why));
}

static int finish(struct run *run, const struct run_options *options)
{
	struct run_result result = {0};
	struct err err = {0};
	int code = run_finish(run, &result, &err) < 0
			   ? cli_complain("run", "%s", err.text)
			   : run_result_exit_code(&result);

	return end_with(&result, options->result_path, code);
}

static int run_with(const struct verb *verb, struct cli *cli)
{
	struct run_options options = {
		.paths = cli->args,
		.num_paths = cli->num_args,
		.log_path = cli_text(verb, cli, "log"),
		.capture_path = cli_text(verb, cli, "capture"),
		.ready_path = cli_text(verb, cli, "ready"),
		.result_path = cli_text(verb, cli, "result"),
		.timeout_ns = cli_opt(verb, cli, "timeout")->num,
		.dir = cli_text(verb, cli, "dir"),
		.own_ports = cli_flag(verb, cli, "own-ports"),
		.strict = cli_flag(verb, cli, "strict"),
		.allow_vacuous = cli_flag(verb, cli, "allow-vacuous"),
		.quiet = cli_flag(verb, cli, "quiet"),
		.command = cli->command,
		.argv = cli->argv,
		.argc = cli->argc,
	};
	const char *seed = cli_text(verb, cli, "seed");
	struct config *config;
	struct err err = {0};
	struct run *run;

	if (cli->num_args == 0) {
		return cli_complain("run", "name a rule file: turncoat run FILE.ini");
	}
	if (cli->command && !cli->command[0]) {
		return cli_complain("run", "no command stands behind --");
	}
	if (seed && config_parse_seed(seed, &options.seed, &err) < 0) {
		return cli_complain("run", "--seed: %s", err.text);
	}
	options.seed_given = seed != NULL;
	if (config_load(cli->args, cli->num_args, &config, &err) < 0 ||
	    run_start(config, &options, &run, &err) < 0) {
		return fail_setup(&options, err.text);
	}
	run_loop(run);
	return finish(run, &options);
}

int cmd_run(const struct verb *verb, int argc, char **argv)
{
	return cli_do(verb, argc, argv, run_with);
}
