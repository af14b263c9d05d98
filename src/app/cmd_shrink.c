/* turncoat shrink: the fewest faults of a logged run that still fail. */
#include "app/shrink.h"
#include "app/verbs.h"
#include "base/quantity.h"

const struct optrow SHRINK_OPTIONS[] = {
	{
		.name = "out",
		.type = OPT_TEXT,
		.min = 1,
		.max = 400,
		.metavar = "DIR",
		.help = "where results go; default: the log's name with .shrunk behind",
	},
	{
		.name = "confidence",
		.type = OPT_CHANCE,
		.fallback = "95%",
		.help = "how sure a try that does not fail is one: tells how often it is "
			"repeated",
	},
	{
		.name = "budget",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "N|TIME",
		.help = "at most so many runs, or so long; the best until then is kept",
	},
	{
		.name = "jobs",
		.type = OPT_COUNT,
		.min = 1,
		.max = POOL_JOBS_MAX,
		.fallback = "1",
		.help = "how many run at a time; above 1 proxies listen on free ports",
	},
	{
		.name = "timeout",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(86400) * 1000000000,
		.help = "how long the command may take in each run",
	},
	{
		.name = "quiet",
		.type = OPT_BOOL,
		.help = "nothing on standard error but errors",
	},
	{0},
};

static int parse_budget(const char *text, struct shrink_options *out, struct err *err)
{
	if (!text[strspn(text, "0123456789")]) {
		return parse_u64(text, 1, INT64_MAX, &out->max_runs, err);
	}
	return parse_duration(text, &out->max_ns, err);
}

static const char *default_out(struct cli *cli, const char *log_path)
{
	size_t len = strlen(log_path);

	if (len > 6 && strcmp(log_path + len - 6, ".jsonl") == 0) {
		len -= 6;
	}
	return arena_format(&cli->arena, "%.*s.shrunk", (int)len, log_path);
}

static int shrink_with(const struct verb *verb, struct cli *cli)
{
	const struct optval *out = cli_opt(verb, cli, "out");
	const struct optval *budget = cli_opt(verb, cli, "budget");
	const struct optval *timeout = cli_opt(verb, cli, "timeout");
	struct chance confidence = cli_opt(verb, cli, "confidence")->chance;
	struct shrink_options options = {
		.command = cli->command,
		.jobs = (unsigned)cli_opt(verb, cli, "jobs")->num,
		.confidence = (double)confidence.num / (double)confidence.den,
		.max_runs = UINT64_MAX,
		.max_ns = INT64_MAX,
		.timeout = timeout->given ? timeout->text : NULL,
		.quiet = cli_opt(verb, cli, "quiet")->num != 0,
	};
	struct err err = {0};

	if (cli->num_args != 1 || !cli->command || !cli->command[0]) {
		return cli_complain("shrink",
				    "name one log and a command: turncoat shrink "
				    "RUN.jsonl -- CMD");
	}
	if (strcmp(cli->args[0], "-") == 0) {
		return cli_complain("shrink", "the log is read again and again: name a "
					      "file");
	}
	if (options.confidence < 0.5 || options.confidence > 0.999999) {
		return cli_complain("shrink", "--confidence: from 50%% to 99.9999%%");
	}
	if (budget->given && parse_budget(budget->text, &options, &err) < 0) {
		return cli_complain("shrink", "--budget: %s", err.text);
	}
	options.log_path = cli->args[0];
	options.out_dir = out->given ? out->text : default_out(cli, cli->args[0]);
	return shrink(&options);
}

int cmd_shrink(const struct verb *verb, int argc, char **argv)
{
	return cli_do(verb, argc, argv, shrink_with);
}
