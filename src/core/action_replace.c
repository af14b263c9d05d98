/* mutate replace: what a PCRE2 pattern finds becomes a template with its captures.
 *
 * The template takes $1 … $99, ${name}, $0 for all that was found, and $$ for a dollar
 * sign. It is cut into parts when the rule file is read, so a unit costs only the
 * copying.
 */
#include "core/action.h"
#include "core/match.h"

#include <stdlib.h>

enum { OPT_REPLACE_PATTERN, OPT_REPLACE_WITH, OPT_REPLACE_ALL, OPT_REPLACE_FIXUP };

/* Of one unit; the rest of it stays as it is. */
enum { REPLACED_BYTES_MAX = 64 << 20, REPLACED_PLACES_MAX = 65536 };

static const char *const FIXUPS[] = {"length", "none", NULL};

static const struct optrow OPTIONS[] = {
	{
		.name = "pattern",
		.type = OPT_REGEX,
		.required = true,
		.help = "what to find (PCRE2, bytes)",
	},
	{
		.name = "with",
		.type = OPT_TEXT,
		.max = 4096,
		.required = true,
		.help = "what to put there; $1, ${name}, $0, $$",
	},
	{
		.name = "all",
		.type = OPT_BOOL,
		.fallback = "no",
		.help = "every place in the unit, not only the first",
	},
	{
		.name = "fixup",
		.type = OPT_CHOICE,
		.choices = FIXUPS,
		.fallback = "length",
		.help = "mend the framer's length field, or leave it wrong on purpose",
	},
	{0},
};

struct part {
	struct span literal;
	int group; /* -1: the literal */
};

struct replacement {
	struct regex *regex;
	struct part *parts;
	size_t num_parts;
};

/* The group that a '$' at text[at] names; *at moves behind it. -1: a literal '$'; below:
 * none. */
enum { GROUP_DOLLAR = -1, GROUP_BAD = -2 };

static int parse_group(const struct regex *regex, struct span text, size_t *at,
		       struct arena *arena, struct err *err)
{
	size_t p = *at + 1;
	int group = 0;

	if (p < text.len && text.data[p] == '$') {
		*at = p + 1;
		return GROUP_DOLLAR;
	}
	if (p < text.len && text.data[p] == '{') {
		size_t end = p + 1;
		const char *name;

		while (end < text.len && text.data[end] != '}') {
			end++;
		}
		name = arena_copy_span(arena, span_sub(text, p + 1, end - p - 1));
		group = regex_group_number(regex, name);
		if (end == text.len || group < 0) {
			err_set(err, ERR_INPUT,
				"with: the pattern has no group called '%s'", name);
			return GROUP_BAD;
		}
		*at = end + 1;
		return group;
	}
	if (p == text.len || text.data[p] < '0' || text.data[p] > '9') {
		err_set(err, ERR_INPUT, "with: a lone '$'; write $$ for a dollar sign");
		return GROUP_BAD;
	}
	for (size_t end = p + 2;
	     p < end && p < text.len && text.data[p] >= '0' && text.data[p] <= '9'; p++) {
		group = group * 10 + (text.data[p] - '0');
	}
	if ((unsigned)group > regex_num_groups(regex)) {
		err_set(err, ERR_INPUT, "with: $%d, but the pattern has only %u groups",
			group, regex_num_groups(regex));
		return GROUP_BAD;
	}
	*at = p;
	return group;
}

static int prepare(struct action *action, struct arena *arena, struct err *err)
{
	struct replacement *r = arena_take(arena, sizeof(*r));
	struct span text = action->vals[OPT_REPLACE_WITH].bytes;
	size_t at = 0;

	r->regex = regex_new(action->vals[OPT_REPLACE_PATTERN].text,
			     action->vals[OPT_REPLACE_PATTERN].flags, err);
	if (!r->regex) {
		return ERR_INPUT;
	}
	r->parts = arena_take_array(arena, text.len + 1, sizeof(*r->parts));
	while (at < text.len) {
		size_t from = at;
		int group;

		while (at < text.len && text.data[at] != '$') {
			at++;
		}
		if (at > from) {
			r->parts[r->num_parts++] =
				(struct part){span_sub(text, from, at - from), -1};
			continue;
		}
		group = parse_group(r->regex, text, &at, arena, err);
		if (group == GROUP_BAD) {
			regex_free(r->regex);
			return ERR_INPUT;
		}
		r->parts[r->num_parts++] = group == GROUP_DOLLAR
						   ? (struct part){span_str("$"), -1}
						   : (struct part){.group = group};
	}
	action->prepared = r;
	return 0;
}

static void release(struct action *action)
{
	struct replacement *r = action->prepared;

	if (r) {
		regex_free(r->regex);
		r->regex = NULL;
	}
}

static void expand(const struct replacement *r, struct span bytes, struct text *out)
{
	for (size_t i = 0; i < r->num_parts; i++) {
		const struct part *part = &r->parts[i];
		struct span piece = part->group < 0 ? part->literal
						    : regex_group(r->regex, bytes,
								  (unsigned)part->group);

		text_bytes(out, piece.data, piece.len);
	}
}

static void apply(const struct judgement *j)
{
	const struct replacement *r = j->action->prepared;
	struct decision *d = j->decision;
	struct span now = decision_bytes(d, j->unit->bytes);
	size_t num_max = j->action->vals[OPT_REPLACE_ALL].num ? REPLACED_PLACES_MAX : 1;
	size_t from = 0, copied = 0, num = 0, at, len;
	struct text built = {0};

	decision_effect(d, j->rule, j->action);
	while (num < num_max && regex_find(r->regex, now, from, &at, &len)) {
		size_t begin;

		if (at < copied) {
			break; /* \K in a lookbehind found what is replaced already */
		}
		text_bytes(&built, now.data + copied, at - copied);
		begin = built.len;
		expand(r, now, &built);
		decision_record_edit(d, begin, span_sub(now, at, len),
				     span_of(built.data + begin, built.len - begin));
		copied = at + len;
		from = copied + (len == 0); /* an empty find must move on */
		num++;
		if (built.len > REPLACED_BYTES_MAX) {
			break;
		}
	}
	if (num > 0) {
		size_t before = now.len;

		text_bytes(&built, now.data + copied, now.len - copied);
		if (built.len != before) {
			d->fix_length = j->action->vals[OPT_REPLACE_FIXUP].num == 0;
		}
		decision_rewrite(d, &built);
	}
	text_done(&built);
}

static void describe(const struct action *action, struct text *out)
{
	text_format(out, "has %s /%s/ replaced by \"%s\"",
		    action->vals[OPT_REPLACE_ALL].num ? "every" : "the first",
		    action->vals[OPT_REPLACE_PATTERN].text,
		    action->vals[OPT_REPLACE_WITH].text);
}

const struct action_row ACTION_REPLACE = {
	.name = "mutate replace",
	.help = "replace what a pattern finds",
	.traits = ACTION_WHOLE | ACTION_LENGTH,
	.options = OPTIONS,
	.prepare = prepare,
	.release = release,
	.apply = apply,
	.describe = describe,
};
