/* The keys that rule files know: one row each, for the parser, `check`, `help` and the
 * manual. */
#include "app/config_build.h"

static const char *const ON_LOG_ERROR[] = {
	[LOG_ERROR_STOP] = "stop", [LOG_ERROR_PASS] = "pass", NULL};
static const char *const LANES[] = {
	[LANE_CONNECTION] = "connection", [LANE_LINK] = "link", NULL};
static const char *const PASSTHROUGH[] = {
	[PASSTHROUGH_NEVER] = "never", [PASSTHROUGH_AUTO] = "auto", NULL};
static const char *const SIDES[] = {[SIDES_REQUEST] = "request",
				    [SIDES_REPLY] = "reply",
				    [SIDES_BOTH] = "both",
				    NULL};

static const char *const WHENS[] = {
	[WHEN_DURING] = "during", [WHEN_AFTER] = "after", [WHEN_BOTH] = "both", NULL};

#define SECONDS INT64_C(1000000000)
#define DAY (86400 * SECONDS)

const struct optrow TURNCOAT_KEYS[] = {
	[TURNCOAT_SEED] =
		{.name = "seed",
		 .type = OPT_COUNT,
		 .min = 0,
		 .max = INT64_MAX,
		 .help = "the run's seed; without one it is drawn, printed and logged"},
	[TURNCOAT_LOG] =
		{.name = "log",
		 .type = OPT_TEXT,
		 .metavar = "FILE",
		 .help = "where the decision log is written; - is standard output"},
	[TURNCOAT_ON_LOG_ERROR] =
		{.name = "on-log-error",
		 .type = OPT_CHOICE,
		 .choices = ON_LOG_ERROR,
		 .fallback = "stop",
		 .help = "when the log can't be written: stop the run, or judge "
			 "nothing more and pass all bytes"},
	[TURNCOAT_DRAIN] = {.name = "drain",
			    .type = OPT_TIME,
			    .min = 0,
			    .max = DAY,
			    .fallback = "2s",
			    .help = "how long a stop waits for bytes still on their way"},
	{0},
};

const struct optrow PROXY_KEYS[] = {
	[PROXY_LISTEN] =
		{.name = "listen",
		 .type = OPT_TEXT,
		 .required = true,
		 .metavar = "ADDRESS",
		 .help = "where clients connect: tcp://HOST:PORT, udp://HOST:PORT or "
			 "unix:///PATH; port 0 takes a free one"},
	[PROXY_UPSTREAM] = {.name = "upstream",
			    .type = OPT_TEXT,
			    .required = true,
			    .metavar = "ADDRESS",
			    .help = "where the service is, written as for listen; or "
				    "service://NAME, a [service] of the rule files, with "
				    "/2 behind for its second port"},
	[PROXY_FRAME] =
		{.name = "frame",
		 .type = OPT_TEXT,
		 .fallback = "raw",
		 .metavar = "FRAMER",
		 .help = "how a stream is cut into units: a framer's name and its "
			 "options (see: turncoat help framers)"},
	[PROXY_LANE] =
		{.name = "lane",
		 .type = OPT_CHOICE,
		 .choices = LANES,
		 .fallback = "connection",
		 .help = "what counts units: each connection, or the whole link across "
			 "reconnects"},
	[PROXY_LABEL] =
		{.name = "label",
		 .type = OPT_TEXT,
		 .fallback = "source",
		 .metavar = "source|/REGEX/",
		 .help = "what names a connection's lane: the client's address, or group "
			 "1 of a pattern on the first request"},
	[PROXY_LABEL_WAIT] =
		{.name = "label-wait",
		 .type = OPT_TIME,
		 .min = 0,
		 .max = DAY,
		 .fallback = "1s",
		 .help = "how long a lane may wait for the first request to name it; "
			 "then the source does"},
	[PROXY_HOLD] = {.name = "hold",
			.type = OPT_TIME,
			.min = 0,
			.max = DAY,
			.help = "how long a unit may wait for its rest before it is "
				"judged as it "
				"is (100ms for raw, else 2s)"},
	[PROXY_IDLE] =
		{.name = "idle",
		 .type = OPT_TIME,
		 .min = 1000000,
		 .max = 365 * DAY,
		 .help = "UDP: a session ends after this time without datagrams (60s)"},
	[PROXY_CONNECT] =
		{.name = "connect",
		 .type = OPT_TIME,
		 .min = 1000000,
		 .max = DAY,
		 .fallback = "5s",
		 .help = "streams: how long connecting to the upstream may take"},
	[PROXY_REPLIES] =
		{.name = "replies",
		 .type = OPT_COUNT,
		 .min = 0,
		 .max = INT64_MAX,
		 .fallback = "0",
		 .help = "UDP: a session ends after so many replies; 0 is never"},
	[PROXY_MAX_FLOWS] =
		{.name = "max-flows",
		 .type = OPT_COUNT,
		 .min = 1,
		 .max = 1 << 20,
		 .help = "how many connections or sessions there may be at one time "
			 "(65536; UDP 4096)"},
	[PROXY_MAX_HELD] =
		{.name = "max-held",
		 .type = OPT_SIZE,
		 .min = 4096,
		 .max = INT64_C(1) << 40,
		 .fallback = "16MiB",
		 .help = "how many delayed or parked bytes a side of a lane may have "
			 "before its sender must wait"},
	[PROXY_PASSTHROUGH] =
		{.name = "passthrough",
		 .type = OPT_CHOICE,
		 .choices = PASSTHROUGH,
		 .fallback = "auto",
		 .help = "whether sides that no rule can touch go through the kernel, "
			 "unjudged and uncounted in units"},
	{0},
};

/* Which units a section is about: the same keys at the same places. */
#define TARGET_ROWS                                                                    \
	[RULE_ON] =                                                                    \
		{.name = "on",                                                         \
		 .type = OPT_TEXT,                                                     \
		 .fallback = "*",                                                      \
		 .metavar = "NAMES",                                                   \
		 .help = "the proxies that the rule is for, such as: cache, db; * is " \
			 "all"},                                                       \
	[RULE_SIDE] = {.name = "side",                                                 \
		       .type = OPT_CHOICE,                                             \
		       .choices = SIDES,                                               \
		       .fallback = "both",                                             \
		       .help = "which way units go: requests to the service, replies " \
			       "from it"},                                             \
	[RULE_CLASS] =                                                                 \
		{.name = "class",                                                      \
		 .type = OPT_TEXT,                                                     \
		 .metavar = "NAMES",                                                   \
		 .help = "the units' classes as the framer names them, with * and "    \
			 "?, such "                                                    \
			 "as: GET|P*"},                                                \
	[RULE_LENGTH] = {.name = "length",                                             \
			 .type = OPT_TEXT,                                             \
			 .metavar = "RANGE",                                           \
			 .help = "the units' lengths: 64, 10-200, >=100 or <=1KiB"},   \
	[RULE_FILTER] = {.name = "filter",                                             \
			 .type = OPT_TEXT,                                             \
			 .metavar = "EXPRESSION",                                      \
			 .help = "tcpdump's language on the lane's addresses: src is " \
				 "the client, "                                        \
				 "dst where it connected to"},                         \
	[RULE_LANE] =                                                                  \
		{.name = "lane",                                                       \
		 .type = OPT_TEXT,                                                     \
		 .min = 1,                                                             \
		 .metavar = "NAME",                                                    \
		 .help = "the lane's name as logs have it, with * and ?, such as: "    \
			 "cache/127.0.0.1#3"},                                         \
	[RULE_K] =                                                                     \
		{.name = "k",                                                          \
		 .type = OPT_TEXT,                                                     \
		 .metavar = "N|N-M",                                                   \
		 .help = "the unit's ordinal in its lane, side and class, from 0: 7, " \
			 "or 7-9"},                                                    \
	[RULE_MATCH] = {                                                               \
		.name = "match",                                                       \
		.type = OPT_TEXT,                                                      \
		.metavar = "/REGEX/",                                                  \
		.help = "a PCRE2 pattern that the unit's bytes contain, flags i, "     \
			"s, m, x "                                                     \
			"behind; !/REGEX/: do not contain"},

const struct optrow RULE_KEYS[] = {
	TARGET_ROWS[RULE_CHANCE] =
		{.name = "chance",
		 .type = OPT_CHANCE,
		 .fallback = "100%",
		 .help = "how likely a matching unit is hit: 5%, 500ppm or 1 in 20"},
	[RULE_SKIP] = {.name = "skip",
		       .type = OPT_COUNT,
		       .min = 0,
		       .max = INT64_MAX,
		       .fallback = "0",
		       .help = "the first N matching units of a lane pass"},
	[RULE_COUNT] = {.name = "count",
			.type = OPT_COUNT,
			.min = 1,
			.max = INT64_MAX,
			.help = "at most N matching units of a lane are hit"},
	[RULE_EVERY] = {.name = "every",
			.type = OPT_COUNT,
			.min = 1,
			.max = INT64_MAX,
			.fallback = "1",
			.help = "only each N-th matching unit may be hit"},
	[RULE_BURST] = {.name = "burst",
			.type = OPT_COUNT,
			.min = 1,
			.max = INT64_MAX,
			.fallback = "1",
			.help = "a hit goes on for N matching units in a row"},
	[RULE_UNTIL] =
		{.name = "until",
		 .type = OPT_TEXT,
		 .metavar = "N|TIME",
		 .help = "nothing after the N-th matching unit of a lane; or, as in 30s, "
			 "after that time of the run (log-exact)"},
	[RULE_DO] = {.name = "do",
		     .type = OPT_TEXT,
		     .required = true,
		     .metavar = "ACTION",
		     .help = "what happens to a hit unit: an action and its options; "
			     "several do "
			     "lines apply in order (see: turncoat help actions)"},
	[RULE_ENABLED] = {.name = "enabled",
			  .type = OPT_BOOL,
			  .fallback = "yes",
			  .help = "no: the rule is read and checked, but left out"},
	{0},
};

const struct optrow SERVICE_KEYS[] = {
	[SERVICE_COMMAND] = {.name = "command",
			     .type = OPT_TEXT,
			     .required = true,
			     .metavar = "COMMAND",
			     .help = "what is started, by sh -c; it stays in the "
				     "foreground, and takes "
				     "$PORT, $PORT2 ... and $DIR"},
	[SERVICE_PORTS] = {.name = "ports",
			   .type = OPT_COUNT,
			   .min = 0,
			   .max = SERVICE_PORTS_MAX,
			   .fallback = "1",
			   .help = "how many free ports are found for it"},
	[SERVICE_READY_HOW] =
		{.name = "ready",
		 .type = OPT_TEXT,
		 .metavar = "tcp|line /REGEX/|http /PATH|none",
		 .help = "how it is known to be ready: its first port takes connections, "
			 "it prints a line, its first port answers with 200 to 399, or "
			 "at "
			 "once (tcp with ports, else none)"},
	[SERVICE_READY_WAIT] = {.name = "ready-wait",
				.type = OPT_TIME,
				.min = 1000000,
				.max = DAY,
				.fallback = "30s",
				.help = "how long it may take to be ready"},
	[SERVICE_STOP] = {.name = "stop",
			  .type = OPT_TEXT,
			  .fallback = "TERM",
			  .metavar = "SIGNAL",
			  .help = "the signal that ends it, sent to its process group"},
	[SERVICE_STOP_WAIT] = {.name = "stop-wait",
			       .type = OPT_TIME,
			       .min = 0,
			       .max = DAY,
			       .fallback = "5s",
			       .help = "how long it may take to end; then KILL is sent"},
	[SERVICE_MAY_EXIT] =
		{.name = "may-exit",
		 .type = OPT_BOOL,
		 .fallback = "no",
		 .help = "yes: it may end during the run, which else is a finding"},
	{0},
};

static const char *const EXPECTS[] = {"none", "some", NULL};

const struct optrow WATCH_KEYS[] = {
	TARGET_ROWS[WATCH_EXPECT] =
		{.name = "expect",
		 .type = OPT_CHOICE,
		 .choices = EXPECTS,
		 .fallback = "none",
		 .help = "none: such units are a finding (safety); some: that "
			 "none came is (liveness)"},
	[WATCH_MORE_THAN] = {.name = "more-than",
			     .type = OPT_COUNT,
			     .min = 0,
			     .max = INT64_MAX,
			     .fallback = "0",
			     .help = "so many units are none yet"},
	{0},
};

const struct optrow INVARIANT_KEYS[] = {
	[INVARIANT_COMMAND] = {.name = "command",
			       .type = OPT_TEXT,
			       .metavar = "COMMAND",
			       .help = "holds while this exits with 0, run by sh -c"},
	[INVARIANT_NEVER] = {.name = "never",
			     .type = OPT_REGEX,
			     .help = "holds while no line of the outputs has this"},
	[INVARIANT_ON] = {.name = "on",
			  .type = OPT_TEXT,
			  .fallback = "*",
			  .metavar = "NAMES",
			  .help = "whose outputs: services, and cmd, the command under "
				  "test; * is all"},
	[INVARIANT_WHEN] =
		{.name = "when",
		 .type = OPT_CHOICE,
		 .choices = WHENS,
		 .help = "while the command under test runs, behind its end, or both "
			 "(after for command, during for never)"},
	[INVARIANT_EVERY] = {.name = "every",
			     .type = OPT_TIME,
			     .min = 10000000,
			     .max = DAY,
			     .fallback = "500ms",
			     .help = "during: the pause between two commands"},
	{0},
};

const struct optrow GOAL_KEYS[] = {
	[GOAL_COMMAND] = {.name = "command",
			  .type = OPT_TEXT,
			  .metavar = "COMMAND",
			  .help = "reached once this exits with 0, run by sh -c when the "
				  "command under test has ended"},
	[GOAL_EXPECT] = {.name = "expect",
			 .type = OPT_REGEX,
			 .help = "reached once a line of the outputs has this"},
	[GOAL_ON] = {.name = "on",
		     .type = OPT_TEXT,
		     .fallback = "*",
		     .metavar = "NAMES",
		     .help = "whose outputs: services, and cmd, the command under test; "
			     "* is all"},
	[GOAL_WITHIN] = {.name = "within",
			 .type = OPT_TIME,
			 .min = 1000000,
			 .max = DAY,
			 .fallback = "10s",
			 .help = "how long it may take: command, from the end of the "
				 "command under test; expect, from its start"},
	[GOAL_EVERY] = {.name = "every",
			.type = OPT_TIME,
			.min = 10000000,
			.max = DAY,
			.fallback = "200ms",
			.help = "the pause between two commands"},
	{0},
};

_Static_assert(sizeof(TURNCOAT_KEYS) / sizeof(*TURNCOAT_KEYS) == NUM_TURNCOAT_KEYS + 1,
	       "a row a key");
_Static_assert(sizeof(PROXY_KEYS) / sizeof(*PROXY_KEYS) == NUM_PROXY_KEYS + 1,
	       "a row a key");
_Static_assert(sizeof(RULE_KEYS) / sizeof(*RULE_KEYS) == NUM_RULE_KEYS + 1,
	       "a row a key");
_Static_assert(sizeof(SERVICE_KEYS) / sizeof(*SERVICE_KEYS) == NUM_SERVICE_KEYS + 1,
	       "a row a key");
_Static_assert(sizeof(INVARIANT_KEYS) / sizeof(*INVARIANT_KEYS) == NUM_INVARIANT_KEYS + 1,
	       "a row a key");
_Static_assert(sizeof(GOAL_KEYS) / sizeof(*GOAL_KEYS) == NUM_GOAL_KEYS + 1,
	       "a row a key");
