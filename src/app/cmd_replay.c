/* turncoat replay: a logged run again, live; or a trace, offline or played to a live
 * peer. Which one, the file's first bytes and the options tell. */
#include "app/config.h"
#include "app/replay_play.h"
#include "app/replay_run.h"
#include "app/replay_trace.h"
#include "app/sweep_bundle.h"
#include "app/verbs.h"
#include "base/quantity.h"
#include "io/bundle.h"
#include "io/traceread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode {
	MODE_LOG = 1,	  /* a log, live */
	MODE_OFFLINE = 2, /* a trace through the engine */
	MODE_PLAY = 4,	  /* a trace to a live peer */
};

static const char *const POLICIES[] = {
	[REPLAY_FAIL] = "fail",
	[REPLAY_WARN] = "warn",
	[REPLAY_FOLLOW] = "follow",
	[NUM_REPLAY_POLICY] = NULL,
};

const struct optrow REPLAY_OPTIONS[] = {
	{
		.name = "only",
		.type = OPT_TEXT,
		.metavar = "IDS",
		.help = "log: apply only these faults (LANE:SIDE:CLASS:K, between "
			"commas; "
			"@FILE; none)",
	},
	{
		.name = "on-diverge",
		.type = OPT_CHOICE,
		.choices = POLICIES,
		.fallback = "fail",
		.help = "log: exit 4, only say so, or judge what the log does not know",
	},
	{
		.name = "order",
		.type = OPT_BOOL,
		.help = "log: hold each unit until its predecessor in the log left",
	},
	{
		.name = "order-wait",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(3600) * 1000000000,
		.fallback = "1s",
		.help = "log: at most so long, then a stall is logged",
	},
	{
		.name = "rules",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "trace: the rule files, between commas; default: those of the "
			"capture's run",
	},
	{
		.name = "seed",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "N",
		.help = "trace: what faults are drawn from; default: the capture's "
			"run's, "
			"or the rules'",
	},
	{
		.name = "output",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "trace: write the packets as they would have been, as pcap",
	},
	{
		.name = "to",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "HOST:PORT",
		.help = "trace: play the clients to this live server (upstream: each "
			"proxy's own), compare its replies",
	},
	{
		.name = "as-server",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "HOST:PORT",
		.help = "trace: listen there (listen: where each proxy does), play the "
			"server, compare requests",
	},
	{
		.name = "speed",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "X",
		.help = "playing: 1 as recorded, 10x ten times as fast, max without "
			"pauses; default: 1",
	},
	{
		.name = "wait",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(3600) * 1000000000,
		.fallback = "5s",
		.help = "playing: how long the live peer's next word is waited for, "
			"or that it reads",
	},
	{
		.name = "log",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "keep this replay's decision log here",
	},
	{
		.name = "capture",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "log: write what came in and what went out as pcap",
	},
	{
		.name = "ready",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "write the bound addresses here once all is listening",
	},
	{
		.name = "result",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "FILE",
		.help = "log: write how it went here at the end (JSON; - is standard "
			"output)",
	},
	{
		.name = "timeout",
		.type = OPT_TIME,
		.min = 1000000,
		.max = INT64_C(86400) * 1000000000,
		.help = "log: how long the command may take; then it is ended, which is "
			"a "
			"finding",
	},
	{
		.name = "dir",
		.type = OPT_TEXT,
		.min = 1,
		.metavar = "DIR",
		.help = "log: keep the outputs of services, oracles and command there",
	},
	{
		.name = "own-ports",
		.type = OPT_BOOL,
		.help = "log: every proxy listens on a free port instead of its own",
	},
	{
		.name = "strict",
		.type = OPT_BOOL,
		.help = "refuse lanes whose identity would depend on timing",
	},
	{
		.name = "allow-vacuous",
		.type = OPT_BOOL,
		.help = "trace: a rule that never matched or fired is no failure",
	},
	{
		.name = "quiet",
		.type = OPT_BOOL,
		.help = "nothing on standard error but errors and divergence",
	},
	{0},
};

/* Options that are not for every mode; a command is one as well. */
static const struct {
	const char *name;
	unsigned modes;
} MODES_OF[] = {
	{"only", MODE_LOG},
	{"on-diverge", MODE_LOG},
	{"order", MODE_LOG},
	{"order-wait", MODE_LOG},
	{"capture", MODE_LOG},
	{"result", MODE_LOG},
	{"timeout", MODE_LOG},
	{"dir", MODE_LOG},
	{"own-ports", MODE_LOG},
	{"rules", MODE_OFFLINE | MODE_PLAY},
	{"output", MODE_OFFLINE},
	{"allow-vacuous", MODE_OFFLINE},
	{"speed", MODE_PLAY},
	{"wait", MODE_PLAY},
	{"ready", MODE_LOG | MODE_PLAY},
};

static int replay_log(const struct verb *verb, struct cli *cli, bool seed_given,
		      uint64_t seed)
{
	struct replay_run_options options = {
		.path = cli->args[0],
		.only = cli_text(verb, cli, "only"),
		.policy = (enum replay_policy)cli_opt(verb, cli, "on-diverge")->num,
		.order = cli_flag(verb, cli, "order"),
		.order_wait_ns = cli_opt(verb, cli, "order-wait")->num,
		.run =
			{
				.log_path = cli_text(verb, cli, "log"),
				.capture_path = cli_text(verb, cli, "capture"),
				.ready_path = cli_text(verb, cli, "ready"),
				.result_path = cli_text(verb, cli, "result"),
				.timeout_ns = cli_opt(verb, cli, "timeout")->num,
				.dir = cli_text(verb, cli, "dir"),
				.own_ports = cli_flag(verb, cli, "own-ports"),
				.seed_given = seed_given,
				.seed = seed,
				.strict = cli_flag(verb, cli, "strict"),
				.quiet = cli_flag(verb, cli, "quiet"),
				.command = cli->command,
				.argv = cli->argv,
				.argc = cli->argc,
			},
	};

	return replay_run(&options);
}

/* A bundle holds a log, which is replayed from a temporary file. */
static int replay_bundle(const struct verb *verb, struct cli *cli, bool seed_given,
			 uint64_t seed)
{
	struct err err = {0};
	char *log;
	int code;

	if (sweep_bundle_unpack_log(cli->args[0], &log, &err) < 0) {
		return cli_complain("replay", "%s", err.text);
	}
	cli->args[0] = log;
	code = replay_log(verb, cli, seed_given, seed);
	unlink(log);
	free(log);
	return code;
}

/* "a.ini,b.ini" to a list; *out_num is 0 when nothing was given. */
static const char *const *rule_files(const struct verb *verb, struct cli *cli,
				     size_t *out_num)
{
	const char *given = cli_text(verb, cli, "rules");
	char *copy, *word, *rest;
	const char **paths;

	*out_num = 0;
	if (!given) {
		return NULL;
	}
	copy = arena_copy_text(&cli->arena, given);
	paths = arena_take_array(&cli->arena, strlen(given) / 2 + 1, sizeof(*paths));
	for (word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		paths[(*out_num)++] = word;
	}
	return paths;
}

static int replay_offline(const struct verb *verb, struct cli *cli, bool seed_given,
			  uint64_t seed)
{
	struct replay_trace_options options = {
		.trace_path = cli->args[0],
		.seed_given = seed_given,
		.seed = seed,
		.log_path = cli_text(verb, cli, "log"),
		.out_path = cli_text(verb, cli, "output"),
		.strict = cli_flag(verb, cli, "strict"),
		.allow_vacuous = cli_flag(verb, cli, "allow-vacuous"),
		.quiet = cli_flag(verb, cli, "quiet"),
	};

	options.rules = rule_files(verb, cli, &options.num_rules);
	if (cli->command) {
		return cli_complain("replay", "a trace replayed offline runs no command: "
					      "--to or --as-server play it to one");
	}
	return replay_trace(&options);
}

static int replay_played(const struct verb *verb, struct cli *cli, bool seed_given,
			 uint64_t seed)
{
	const char *to = cli_text(verb, cli, "to");
	const char *as_server = cli_text(verb, cli, "as-server");
	struct replay_play_options options = {
		.trace_path = cli->args[0],
		.seed_given = seed_given,
		.seed = seed,
		.role = to ? PLAY_CLIENT : PLAY_SERVER,
		.speed = cli_text(verb, cli, "speed"),
		.wait_ns = cli_opt(verb, cli, "wait")->num,
		.log_path = cli_text(verb, cli, "log"),
		.ready_path = cli_text(verb, cli, "ready"),
		.strict = cli_flag(verb, cli, "strict"),
		.quiet = cli_flag(verb, cli, "quiet"),
		.command = cli->command,
		.argv = cli->argv,
		.argc = cli->argc,
	};

	if (to ? strcmp(to, "upstream") != 0 : strcmp(as_server, "listen") != 0) {
		options.address = to ? to : as_server;
	}
	options.paths = rule_files(verb, cli, &options.num_paths);
	if (to && as_server) {
		return cli_complain("replay", "give either --to or --as-server");
	}
	return replay_play(&options);
}

/* The environment may be that of other replays: it does not make a log a trace. */
static enum mode mode_of(const struct verb *verb, const struct cli *cli)
{
	bool trace = traceread_is_trace(cli->args[0]);

	if (cli_opt_here(verb, cli, "to") || cli_opt_here(verb, cli, "as-server") ||
	    (trace && (cli_text(verb, cli, "to") || cli_text(verb, cli, "as-server")))) {
		return MODE_PLAY;
	}
	/* What can't be looked into, a pipe, is what the options say. */
	return trace || cli_opt_here(verb, cli, "rules") ||
			       cli_opt_here(verb, cli, "output")
		       ? MODE_OFFLINE
		       : MODE_LOG;
}

/* Options of another mode are a mistake, unless they came from the environment. */
static int check_mode(const struct verb *verb, const struct cli *cli, enum mode mode)
{
	static const char *const WORDS[] = {
		[MODE_LOG] = "a log that is replayed",
		[MODE_OFFLINE] = "a trace that is replayed offline",
		[MODE_PLAY] = "a trace that is played to a live peer",
	};

	for (size_t i = 0; i < sizeof(MODES_OF) / sizeof(MODES_OF[0]); i++) {
		if (!(MODES_OF[i].modes & mode) &&
		    cli_opt_here(verb, cli, MODES_OF[i].name)) {
			return cli_complain("replay", "--%s is not for %s: %s",
					    MODES_OF[i].name, WORDS[mode], cli->args[0]);
		}
	}
	return EXIT_PASSED;
}

static int replay_with(const struct verb *verb, struct cli *cli)
{
	const char *seed_text = cli_text(verb, cli, "seed");
	uint64_t seed = 0;
	struct err err = {0};
	enum mode mode;

	if (cli->num_args != 1) {
		return cli_complain("replay", "name one log or trace: turncoat replay "
					      "RUN.jsonl -- CMD");
	}
	if (cli->command && !cli->command[0]) {
		return cli_complain("replay", "no command stands behind --");
	}
	if (seed_text && config_parse_seed(seed_text, &seed, &err) < 0) {
		return cli_complain("replay", "--seed: %s", err.text);
	}
	mode = mode_of(verb, cli);
	if (check_mode(verb, cli, mode) != EXIT_PASSED) {
		return EXIT_USAGE;
	}
	switch (mode) {
	case MODE_LOG:
		/* Its log has one: another is a mistake where it was meant for this. */
		return (bundle_is_bundle(cli->args[0]) ? replay_bundle : replay_log)(
			verb, cli, cli_opt_here(verb, cli, "seed"), seed);
	case MODE_OFFLINE:
		return replay_offline(verb, cli, seed_text != NULL, seed);
	case MODE_PLAY:
		return replay_played(verb, cli, seed_text != NULL, seed);
	}
	return EXIT_USAGE;
}

int cmd_replay(const struct verb *verb, int argc, char **argv)
{
	return cli_do(verb, argc, argv, replay_with);
}
