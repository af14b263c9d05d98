/* turncoat log show: a log as a table for people, one line a line. */
#include "app/log_common.h"
#include "app/verbs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const SIDE_NAMES[NUM_SIDE + 1] = {
	[SIDE_REQUEST] = "request",
	[SIDE_REPLY] = "reply",
};

const struct optrow LOG_SHOW_OPTIONS[] = {
	{
		.name = "faults",
		.type = OPT_BOOL,
		.help = "only what was changed, delayed, dropped or judged late",
	},
	{
		.name = "lane",
		.type = OPT_TEXT,
		.metavar = "LANE",
		.help = "only this lane; it may be a pattern with * and ?",
	},
	{
		.name = "side",
		.type = OPT_CHOICE,
		.choices = SIDE_NAMES,
		.help = "only this side",
	},
	{
		.name = "rule",
		.type = OPT_TEXT,
		.metavar = "NAME",
		.help = "only units that this rule matched",
	},
	{0},
};

enum { EDITS_SHOWN = 4, EDIT_BYTES_SHOWN = 16 };

struct show {
	bool faults, has_side, colour;
	enum side side;
	const char *lane, *rule;
};

static bool lane_matches(const char *pattern, const char *lane)
{
	return strcmp(pattern, lane) == 0 || fnmatch(pattern, lane, 0) == 0;
}

static bool rule_concerns(const char *rule, const json_t *line)
{
	return json_object_get(json_object_get(line, "rules"), rule) != NULL;
}

static bool wanted(const struct show *show, const struct log_line *line)
{
	if (show->lane && !(line->lane && lane_matches(show->lane, line->lane))) {
		return false;
	}
	if (show->has_side && !(line->has_side && line->side == show->side)) {
		return false;
	}
	if (show->rule &&
	    !(line->type == LOG_UNIT && rule_concerns(show->rule, line->json))) {
		return false;
	}
	return !show->faults || line->type == LOG_LATE || log_line_faulty(line->json);
}

static void put_edits(struct text *out, const json_t *line)
{
	const json_t *edits = json_object_get(line, "edits");
	size_t num = json_array_size(edits);

	for (size_t i = 0; i < num && i < EDITS_SHOWN; i++) {
		text_str(out, out->len ? "; " : "");
		text_edit(out, json_array_get(edits, i), EDIT_BYTES_SHOWN);
	}
	if (num > EDITS_SHOWN) {
		text_format(out, "; and %zu more edits", num - EDITS_SHOWN);
	}
}

static void put_unfired(struct text *out, const json_t *line)
{
	const char *rule;
	json_t *outcome;
	bool first = true;

	json_object_foreach(json_object_get(line, "rules"), rule, outcome)
	{
		const char *word = json_string_value(outcome);

		if (!word || strcmp(word, "fired") == 0) {
			continue;
		}
		text_str(out, first ? " [" : ", ");
		first = false;
		text_safe(out, rule);
		text_str(out, ": ");
		text_safe(out, word);
	}
	text_str(out, first ? "" : "]");
}

static void put_unit(struct text *out, const json_t *line)
{
	const json_t *effects = json_object_get(line, "effects");
	const char *verdict = json_text(line, "verdict", "pass");
	const char *fixup = json_text(line, "fixup", NULL);
	size_t i;
	json_t *effect;

	json_array_foreach((json_t *)effects, i, effect)
	{
		text_str(out, i ? "; " : "");
		text_effect(out, effect);
	}
	if (strcmp(verdict, "pass") != 0 && json_array_size(effects) == 0) {
		text_safe(out, verdict);
	}
	put_edits(out, line);
	if (fixup) {
		text_str(out, strcmp(fixup, "length") == 0 ? "; length mended"
							   : "; length left wrong");
	}
	if (json_is_true(json_object_get(line, "late"))) {
		text_str(out, out->len ? "; judged late" : "judged late");
	}
	if (out->len == 0) {
		text_str(out, "passed");
	}
	put_unfired(out, line);
}

static void put_note(struct text *out, const json_t *line)
{
	const char *more = json_text(line, "text", NULL);

	text_str(out, "note ");
	text_safe(out, json_text(line, "note", "?"));
	if (json_i64(line, "unit", -1) >= 0) {
		text_format(out, " at unit %lld", (long long)json_i64(line, "unit", 0));
	}
	if (more) {
		text_str(out, ": ");
		text_safe(out, more);
	}
}

static void put_open(struct text *out, const json_t *line)
{
	const char *client = json_text(json_object_get(line, "wall"), "client", NULL);

	text_str(out, "opened");
	if (client) {
		text_str(out, " by ");
		text_safe(out, client);
	}
	if (json_i64(line, "epoch", 0) > 0) {
		text_format(out, ", epoch %lld", (long long)json_i64(line, "epoch", 0));
	}
	if (log_line_weak(line)) {
		text_str(out, ", weak");
	}
}

static void put_close(struct text *out, const json_t *line)
{
	text_str(out, "closed: ");
	text_safe(out, json_text(line, "end", "?"));
	text_str(out, log_line_weak(line) ? ", weak" : "");
	for (int side = 0; side < NUM_SIDE; side++) {
		const json_t *stats = json_object_get(line, side_name((enum side)side));

		text_format(out, ", %s %lld bytes in, %lld out",
			    side_name((enum side)side),
			    (long long)json_i64(stats, "bytes_in", 0),
			    (long long)json_i64(stats, "bytes_out", 0));
		if (json_is_true(json_object_get(stats, "passthrough"))) {
			text_str(out, " (no rule can touch it)");
		}
	}
}

static void put_what(struct text *out, const struct log_line *line)
{
	switch (line->type) {
	case LOG_OPEN:
		put_open(out, line->json);
		break;
	case LOG_UNIT:
		put_unit(out, line->json);
		break;
	case LOG_CELL_END:
		put_edits(out, line->json);
		text_str(out, out->len ? " (cell's end)" : "cell's end");
		break;
	case LOG_LATE:
		text_str(out, "sent late: no successors came in time");
		break;
	case LOG_NOTE:
		put_note(out, line->json);
		break;
	case LOG_CLOSE:
		put_close(out, line->json);
		break;
	case LOG_SENT:
		text_str(out, "sent");
		break;
	case LOG_STALL:
		text_str(out, "left out of the recorded order, after ");
		text_ns(out, json_i64(json_object_get(line->json, "wall"), "waited", 0));
		break;
	case LOG_RULES:
		text_format(out, "rules of generation %lld from unit %lld on",
			    (long long)json_i64(line->json, "generation", 0),
			    (long long)json_i64(line->json, "unit", 0));
		break;
	case LOG_RELOAD:
		text_format(out, "rule files read again: generation %lld",
			    (long long)json_i64(line->json, "generation", 0));
		break;
	case LOG_RELOAD_REFUSED:
		text_str(out, "rule files refused: ");
		text_safe(out, json_text(line->json, "error", "?"));
		break;
	case LOG_SUMMARY:
		text_str(out, "end of the run");
		break;
	case LOG_OTHER:
	case NUM_LOG_TYPE:
		text_safe(out, json_text(line->json, "type", "?"));
		break;
	}
}

static void put_time(struct text *out, const json_t *line)
{
	const json_t *wall = json_object_get(line, "wall");
	int64_t ns = json_i64(wall, "at", json_i64(wall, "sent", -1));

	if (ns < 0) {
		text_format(out, "%12s", "-");
	} else {
		text_format(out, "%5lld.%06lld", (long long)(ns / 1000000000),
			    (long long)(ns / 1000 % 1000000));
	}
}

static const char *colour_of(const struct log_line *line)
{
	if (strcmp(json_text(line->json, "verdict", "pass"), "pass") != 0) {
		return "\033[31m";
	}
	if (log_line_faulty(line->json) || line->type == LOG_LATE) {
		return "\033[33m";
	}
	return line->type == LOG_UNIT ? "" : "\033[2m";
}

static void show_line(const struct show *show, const struct log_line *line,
		      struct text *row, struct text *part)
{
	int64_t len = json_i64(line->json, "len", -1);
	const char *colour = show->colour ? colour_of(line) : "";

	text_clear(row);
	put_time(row, line->json);
	text_clear(part);
	text_safe(part, line->lane ? line->lane : "-");
	text_format(row, "  %-24s %-7s", text_cstr(part),
		    line->has_side ? side_name(line->side) : "-");
	text_clear(part);
	text_safe(part, line->class ? line->class : "-");
	text_format(row, " %-8s", text_cstr(part));
	if (line->class) {
		text_format(row, " %6ju", (uintmax_t)line->k);
	} else {
		text_format(row, " %6s", "-");
	}
	if (len >= 0) {
		text_format(row, " %8lld", (long long)len);
	} else {
		text_format(row, " %8s", "-");
	}
	text_clear(part);
	put_what(part, line);
	printf("%s  %s%s%s\n", text_cstr(row), colour, text_cstr(part),
	       *colour ? "\033[0m" : "");
}

static int run(const struct show *show, const char *path)
{
	struct logread *log = NULL;
	struct log_line line;
	struct text row = {0}, part = {0};
	struct err err = {0};
	int code = 0;

	if (logread_open(path, false, &log, &err) != 0) {
		return cli_complain("log", "%s", err.text);
	}
	printf("%12s  %-24s %-7s %-8s %6s %8s  %s\n", "TIME", "LANE", "SIDE", "CLASS",
	       "K", "LEN", "WHAT");
	while (!ferror(stdout) && (code = logread_next(log, &line, &err)) > 0) {
		if (wanted(show, &line)) {
			show_line(show, &line, &row, &part);
		}
	}
	text_done(&row);
	text_done(&part);
	code = code < 0 ? cli_complain("log", "%s", err.text) : log_finish(0);
	log_warn_torn(log);
	logread_close(log);
	return code;
}

static bool colour_wanted(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int show_log(const struct verb *verb, const struct cli *cli)
{
	const struct optval *side = cli_opt(verb, cli, "side");
	struct show show = {
		.faults = cli_opt(verb, cli, "faults")->num != 0,
		.has_side = side->given,
		.side = (enum side)side->num,
		.lane = cli_opt(verb, cli, "lane")->text,
		.rule = cli_opt(verb, cli, "rule")->text,
		.colour = colour_wanted(),
	};

	return run(&show, cli->args[0]);
}

int cmd_log_show(const struct verb *verb, int argc, char **argv)
{
	return log_main(verb, argc, argv, 1, 1, "name one log", show_log);
}
