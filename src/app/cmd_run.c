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

static const char *text_of(const struct verb *verb, const struct cli *cli,
			   const char *name)
{
	const struct optval *val = cli_opt(verb, cli, name);

	return val->given ? val->text : NULL;
}

static bool is_set(const struct verb *verb, const struct cli *cli, const char *name)
{
	return cli_opt(verb, cli, name)->num != 0;
}

static int verdict(struct run *run, const struct verb *verb, const struct cli *cli)
{
	struct run_outcome outcome = run_outcome(run);
	struct text vacuous = {0};
	struct err err = {0};
	int code = EXIT_PASSED;

	if (run_finish(run, &vacuous, &err) < 0) {
		code = cli_complain("run", "%s", err.text);
	} else if (outcome.log_failed) {
		code = EXIT_USAGE;
	} else if (outcome.has_command && outcome.command_code != 0) {
		code = outcome.command_code;
	} else if (vacuous.len && !is_set(verb, cli, "allow-vacuous")) {
		cli_complain("run", "vacuous (exit %d; --allow-vacuous): rules %s",
			     EXIT_VACUOUS, text_cstr(&vacuous));
		code = EXIT_VACUOUS;
	}
	text_done(&vacuous);
	return code;
}

static int run_with(const struct verb *verb, struct cli *cli, int argc, char **argv)
{
	struct run_options options = {
		.paths = cli->args,
		.num_paths = cli->num_args,
		.log_path = text_of(verb, cli, "log"),
		.capture_path = text_of(verb, cli, "capture"),
		.ready_path = text_of(verb, cli, "ready"),
		.strict = is_set(verb, cli, "strict"),
		.quiet = is_set(verb, cli, "quiet"),
		.command = cli->command,
		.argv = argv,
		.argc = argc,
	};
	const char *seed = text_of(verb, cli, "seed");
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
		return cli_complain(NULL, "%s", err.text);
	}
	run_loop(run);
	return verdict(run, verb, cli);
}

int cmd_run(const struct verb *verb, int argc, char **argv)
{
	struct cli cli;
	int code = EXIT_PASSED;

	switch (cli_parse(verb, argc, argv, &cli)) {
	case CLI_GO:
		code = run_with(verb, &cli, argc, argv);
		break;
	case CLI_DONE:
		break;
	case CLI_BAD:
		code = EXIT_USAGE;
		break;
	}
	cli_done(&cli);
	return code;
}
