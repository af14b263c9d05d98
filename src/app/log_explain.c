/* turncoat log explain: why one unit was treated as it was, with its draws again.
 *
 * app/log_case.h gathers what the log says, app/log_reason.h finds the reasons; here they
 * are told. A log whose rule files can't be read is explained without them.
 */
#include "app/log_case.h"
#include "app/log_reason.h"
#include "app/verbs.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EDIT_BYTES_SHOWN = 64 };

static enum outcome outcome_by_name(const char *word)
{
	int outcome = 0;

	while (outcome < NUM_OUTCOME &&
	       strcmp(outcome_name((enum outcome)outcome), word) != 0) {
		outcome++;
	}
	return (enum outcome)outcome;
}

static void put_rule(struct text *out, const struct log_case *c,
		     const struct config *config, const struct rule *rule,
		     const char *proxy)
{
	const char *word = json_text(json_object_get(c->unit, "rules"), rule->name, NULL);
	enum outcome outcome = word ? outcome_by_name(word) : NUM_OUTCOME;

	text_str(out, "  ");
	text_safe(out, rule->name);
	text_str(out, ": ");
	if (!word) {
		text_str(out, "did not match, ");
		text_no_match(out, c, rule, proxy);
	} else {
		text_safe(out, word);
		text_str(out, outcome == NUM_OUTCOME ? "" : ", ");
		if (!text_reason(out, c, config, rule, outcome)) {
			text_str(out,
				 "; THE LOG DOES NOT AGREE with its seed and rule files");
		}
	}
	text_byte(out, '\n');
}

/* Without the rule files: what the log alone says. */
static void put_bare_rules(struct text *out, const struct log_case *c)
{
	const char *rule;
	json_t *word;

	json_object_foreach(json_object_get(c->unit, "rules"), rule, word)
	{
		text_str(out, "  ");
		text_safe(out, rule);
		text_str(out, ": ");
		text_safe(out, json_is_string(word) ? json_string_value(word) : "?");
		text_byte(out, '\n');
	}
}

static void put_rules(struct text *out, const struct log_case *c, uint64_t seed,
		      const char *proxy)
{
	struct err err = {0};
	struct config *config = log_case_config(c, &err);

	text_str(out, "rules, in their order");
	if (c->in_force > 1) {
		text_format(out, ", generation %lld", (long long)c->in_force);
	}
	text_str(out, ":\n");
	if (!config) {
		text_str(out, "  (the log's rule files can't be read, so draws can't be "
			      "told: ");
		text_safe(out, err.text);
		text_str(out, ")\n");
		put_bare_rules(out, c);
		return;
	}
	config_bind_seed(config, seed);
	for (size_t i = 0; i < config->rules->num_rules; i++) {
		put_rule(out, c, config, &config->rules->rules[i], proxy);
	}
	if (config->rules->num_rules == 0) {
		text_str(out, "  none\n");
	}
	config_free(config);
}

static void put_effects(struct text *out, const struct log_case *c)
{
	const json_t *effects = json_object_get(c->unit, "effects");
	size_t i;
	json_t *effect, *value;
	const char *key;

	if (json_array_size(effects) > 0) {
		text_str(out, "effects:\n");
	}
	json_array_foreach((json_t *)effects, i, effect)
	{
		text_str(out, "  ");
		text_effect(out, effect);
		json_object_foreach(effect, key, value)
		{
			if (json_is_integer(value)) {
				text_str(out, ", ");
				text_safe(out, key);
				text_format(out, " = %lld",
					    (long long)json_integer_value(value));
			}
		}
		text_byte(out, '\n');
	}
}

static void put_edits(struct text *out, const json_t *line)
{
	const json_t *edits = json_object_get(line, "edits");
	const char *fixup = json_text(line, "fixup", NULL);
	size_t i;
	json_t *edit;

	if (json_array_size(edits) > 0) {
		text_str(out, "edits, in their order:\n");
	}
	json_array_foreach((json_t *)edits, i, edit)
	{
		text_str(out, "  ");
		text_edit(out, edit, EDIT_BYTES_SHOWN);
		text_byte(out, '\n');
	}
	if (fixup) {
		text_str(out, strcmp(fixup, "length") == 0
				      ? "  the length field was mended\n"
				      : "  the length field was left as it was\n");
	}
}

static void put_head(struct text *out, const struct log_case *c, const char *path,
		     uint64_t seed, const char *proxy)
{
	const char *digest =
		json_text(c->unit, "digest", json_text(c->cell_end, "digest", NULL));
	int64_t len = log_case_len(c);

	text_identity(out, c->id.lane, c->id.side, c->id.class, c->id.k);
	text_format(out, "\n  seed %ju, line %ju of ", (uintmax_t)seed,
		    (uintmax_t)c->line);
	text_safe(out, path);
	text_str(out, "\n  proxy ");
	text_safe(out, proxy);
	if (c->weak) {
		text_str(out, ", weak lane: another one of its label was open, so it may "
			      "be that other one in the next run");
	}
	text_str(out, "\n  ");
	text_str(out, side_name(c->id.side));
	text_str(out, ", class ");
	text_safe(out, c->id.class);
	text_str(out, ", the ");
	text_ordinal(out, c->id.k + 1);
	text_str(out, " of its class");
	if (len >= 0) {
		text_format(out, ", %lld bytes", (long long)len);
	}
	if (digest) {
		text_str(out, ", digest ");
		text_safe(out, digest);
	}
	text_byte(out, '\n');
}

static void put_times(struct text *out, const struct log_case *c)
{
	const json_t *wall = json_object_get(c->unit, "wall");
	int64_t at = json_i64(wall, "at", -1), due = json_i64(wall, "due", -1);
	int64_t sent = json_i64(json_object_get(c->sent, "wall"), "sent", -1);

	if (at >= 0) {
		text_format(out, "  judged %.6f s into the run", (double)at / 1e9);
		if (due >= 0) {
			text_format(out, ", due %.6f s", (double)due / 1e9);
		}
		if (sent >= 0) {
			text_format(out, ", sent %.6f s", (double)sent / 1e9);
		}
		text_byte(out, '\n');
	}
	if (json_is_true(json_object_get(c->unit, "late"))) {
		text_str(out, "  judged late, on what was there when `hold` ran out\n");
	}
	if (c->late) {
		text_str(out, "  sent late: too few successors came within `hold`\n");
	}
}

static void put_verdict(struct text *out, const struct log_case *c)
{
	const char *verdict = json_text(c->unit, "verdict", "pass");

	text_str(out, "verdict: ");
	text_safe(out, verdict);
	if (json_i64(c->unit, "cut_at", -1) >= 0) {
		text_format(out, " behind byte %lld of it",
			    (long long)json_i64(c->unit, "cut_at", 0));
	}
	text_byte(out, '\n');
}

static void tell(const struct log_case *c, const struct logread *log)
{
	struct text out = {0};
	char *proxy = xstrdup(json_text(c->open, "proxy", c->id.lane));

	if (!json_object_get(c->open, "proxy")) { /* <proxy>/<label>#<nth> */
		proxy[strcspn(proxy, "/")] = '\0';
	}
	put_head(&out, c, logread_name(log), logread_seed(log), proxy);
	put_times(&out, c);
	put_rules(&out, c, logread_seed(log), proxy);
	put_effects(&out, c);
	put_edits(&out, c->unit);
	put_edits(&out, c->cell_end);
	put_verdict(&out, c);
	fputs(text_cstr(&out), stdout);
	text_done(&out);
	free(proxy);
}

static int complain_nearest(const struct log_case *c, const char *path)
{
	struct text text = {0};

	text_str(&text, "no unit ");
	text_identity(&text, c->id.lane, c->id.side, c->id.class, c->id.k);
	text_str(&text, " in ");
	text_safe(&text, path);
	for (size_t i = 0; i < LOG_NEAREST_MAX && c->nearest[i].used; i++) {
		const struct log_near *near = &c->nearest[i];

		text_str(&text, i ? ", " : "; the nearest: ");
		text_identity(&text, near->lane, near->side, near->class, near->k);
	}
	if (!c->nearest[0].used) {
		text_str(&text, ", which has no units at all");
	}
	cli_complain("log", "%s", text_cstr(&text));
	text_done(&text);
	return EXIT_USAGE;
}

static int run(const struct identity *id, const char *path)
{
	struct log_case c = {0};
	struct logread *log = NULL;
	struct err err = {0};
	int code = logread_open(path, false, &log, &err);

	code = code ? code : log_case_gather(&c, id, log, &err);
	if (code != 0) {
		code = cli_complain("log", "%s", err.text);
	} else {
		log_warn_torn(log);
		if (c.unit) {
			tell(&c, log);
			code = log_finish(0);
		} else {
			code = complain_nearest(&c, logread_name(log));
		}
	}
	log_case_done(&c);
	logread_close(log);
	return code;
}

static int explain_unit(const struct verb *verb, const struct cli *cli)
{
	const char *const *args = cli->args;
	struct identity first, second;
	struct err err = {0};
	bool first_is, second_is;

	/* When neither is one, complain of the one that is no file. */
	first_is = identity_parse(args[0], &first, &err) == 0;
	second_is = identity_parse(args[1], &second,
				   access(args[0], F_OK) == 0 ? &err : NULL) == 0;
	if (first_is && second_is) { /* a file may be called like an identity */
		first_is = access(args[0], F_OK) != 0;
	}
	if (!first_is && !second_is) {
		return cli_complain(verb->name, "%s", err.text);
	}
	return first_is ? run(&first, args[1]) : run(&second, args[0]);
}

int cmd_log_explain(const struct verb *verb, int argc, char **argv)
{
	return log_main(verb, argc, argv, 2, 2, "name one identity and one log",
			explain_unit);
}
