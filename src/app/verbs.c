#include "app/verbs.h"

static const struct optrow NO_OPTIONS[] = {{0}};

const struct verb VERBS[] = {
	{
		.name = "run",
		.usage = "FILE.ini... [OPTION...] [-- CMD ARG...]",
		.help = "run the proxies of the rule files, with a command or until a "
			"signal",
		.options = RUN_OPTIONS,
		.main = cmd_run,
	},
	{
		.name = "test",
		.usage = "FILE.ini... --seeds LIST [OPTION...] -- CMD ARG...",
		.help = "a command against many seeds, each a run of its own, and "
			"reports",
		.more = "Each seed is a `turncoat run FILE.ini... --seed N -- CMD`, so "
			"that line "
			"repeats it.\n"
			"DIR/N/ has its run.jsonl, result.json, output.txt and services' "
			"logs.\n"
			"Exit code: 0 all passed; 1 some failed, or the canary passed; 3 "
			"a rule "
			"never fired\n"
			"over all seeds; 2 error, or every failure is one of set-up; 128 "
			"+ the "
			"signal that\n"
			"stopped it. What has run by then is reported.",
		.options = TEST_OPTIONS,
		.main = cmd_test,
	},
	{
		.name = "replay",
		.usage = "RUN.jsonl | BUNDLE | TRACE.pcap [OPTION...] [-- CMD ARG...]",
		.help = "a logged run again, or a captured trace with a recorded seed",
		.more = "A log alone is enough: rules, seed and upstreams are in it. "
			"Each "
			"unit gets the\n"
			"decision that the log has for its identity, edited bytes "
			"included. At the end the\n"
			"replay is exact, equivalent (other content, same decisions), or "
			"diverged at the\n"
			"earliest unit that is missing, extra, or of another class or "
			"length.\n\n"
			"A trace (pcap, pcapng; - is standard input) goes through the "
			"engine by its own clock:\n"
			"  turncoat replay TRACE.pcap --rules FILE.ini --seed N --log L "
			"-o "
			"OUT.pcap\n"
			"or one side of it is played to a live peer, whose words are "
			"compared:\n"
			"  turncoat replay TRACE.pcap --rules FILE.ini --to HOST:PORT\n"
			"  turncoat replay TRACE.pcap --rules FILE.ini --as-server "
			"HOST:PORT "
			"-- CMD\n"
			"A capture of `turncoat run --capture` brings rules and seed "
			"along.\n"
			"Exit code: CMD's own; 3 vacuous; 4 diverged (--on-diverge); 2 "
			"error.",
		.options = REPLAY_OPTIONS,
		.main = cmd_replay,
	},
	{
		.name = "shrink",
		.usage = "RUN.jsonl [OPTION...] -- CMD ARG...",
		.help = "the fewest and weakest faults of a logged run that still fail",
		.more = "Replays the log with fewer and fewer of its faults (delta "
			"debugging) as long as it\n"
			"fails as before: the same verdict and findings. Then each fault "
			"is made weaker. What\n"
			"is left is written to DIR: shrunk.ini, a rule file that needs "
			"no "
			"seed, shrunk.jsonl,\n"
			"the log of a run with it, and shrunk.faults for replay --only. "
			"A "
			"target that fails now\n"
			"and then is tried as often as --confidence asks. What was tried "
			"is "
			"kept in DIR, so the\n"
			"same command goes on where it was interrupted.\n"
			"Exit code: 0 shrunk; 1 it does not fail, or ended before the "
			"minimum; 2 error.",
		.options = SHRINK_OPTIONS,
		.main = cmd_shrink,
	},
	{
		.name = "check",
		.usage = "FILE.ini...",
		.help = "parse rule files and say in words what they do",
		.options = NO_OPTIONS,
		.main = cmd_check,
	},
	{
		.name = "log show",
		.usage = "LOG [OPTION...]",
		.help = "the log as a table",
		.more = "Seconds since the start, lane, side, class, ordinal, bytes, and "
			"what happened.\n"
			"Edits are shown as offset, old bytes, new bytes, in hex and as "
			"text. In [brackets]:\n"
			"rules that matched and did not fire, and why. LOG may be - for "
			"standard input.",
		.options = LOG_SHOW_OPTIONS,
		.main = cmd_log_show,
	},
	{
		.name = "log canon",
		.usage = "LOG [OPTION...]",
		.help = "what equal runs have in common, sorted by identity",
		.more = "Without wall-clock time and delivery numbers; sorted by lane, "
			"side, kind of line,\n"
			"class and ordinal. LOG may be - for standard input.",
		.options = LOG_CANON_OPTIONS,
		.main = cmd_log_canon,
	},
	{
		.name = "log diff",
		.usage = "A B [OPTION...]",
		.help = "where two runs part, lane by lane",
		.more = "Names the first difference of each lane side: a unit that is "
			"missing, extra, or of\n"
			"another class or length, another decision or effect, or only "
			"other content. Seeds and\n"
			"rule files that differ are said first. Wall-clock time is "
			"ignored.\n"
			"Exit code: 0 equal, 1 different, 2 error.",
		.options = LOG_DIFF_OPTIONS,
		.main = cmd_log_diff,
	},
	{
		.name = "log stats",
		.usage = "LOG...",
		.help = "totals of one or several runs",
		.more = "Per proxy and side, per rule with the observed rate against the "
			"configured chance,\n"
			"per action, delays, notes; and whether bytes and units that "
			"came "
			"in equal those that\n"
			"left, were dropped or are held (conservation). Works on the log "
			"of a killed run.\n"
			"Exit code: 0, 1 when conservation does not hold, 2 error.",
		.options = NO_OPTIONS,
		.main = cmd_log_stats,
	},
	{
		.name = "log explain",
		.usage = "ID LOG",
		.help = "why one unit was treated as it was",
		.more = "What it was, what each rule made of it and why (draws are "
			"computed again from the\n"
			"seed), and what was done to it. ID is LANE:SIDE:CLASS:K as "
			"`turncoat log show` has\n"
			"them, for example cache/127.0.0.1#1:request:raw:0. LOG may be - "
			"for standard input;\n"
			"LOG and ID may change places.",
		.options = NO_OPTIONS,
		.main = cmd_log_explain,
	},
	{
		.name = "help",
		.usage = "[VERB | actions | framers | keys | NAME]",
		.help = "explain a verb, an action, a framer or a key",
		.options = NO_OPTIONS,
		.main = cmd_help,
	},
	{
		.name = "version",
		.usage = "",
		.help = "print the version",
		.options = NO_OPTIONS,
		.main = cmd_version,
	},
	{0},
};
