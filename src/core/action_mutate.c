/* mutate flip, set, truncate, extend: bytes of the unit change.
 *
 * Flip and set name bytes by offset, so they stream: on a cell judged at its first byte
 * they become patches that wait for their byte. Truncate and extend need the whole unit.
 */
#include "base/quantity.h"
#include "core/action.h"

#include <stdlib.h>

static const char *const FIXUPS[] = {"length", "none", NULL};
enum { FIXUP_LENGTH, FIXUP_NONE };

#define FIXUP_ROW                                                                       \
	{                                                                               \
		.name = "fixup", .type = OPT_CHOICE, .choices = FIXUPS,                 \
		.fallback = "length",                                                   \
		.help = "mend the framer's length field, or leave it wrong on purpose", \
	}

enum { MUTATE_BYTES_MAX = 1 << 20, FLIP_BITS_MAX = 4096 };

/* --- flip --- */

enum { OPT_FLIP_BITS, OPT_FLIP_AT, OPT_FLIP_LEN };
enum { PARAM_FLIP };

static const struct optrow FLIP_OPTIONS[] = {
	{
		.name = "bits",
		.type = OPT_COUNT,
		.min = 1,
		.max = FLIP_BITS_MAX,
		.fallback = "1",
		.help = "how many bits, each drawn on its own",
	},
	{
		.name = "at",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.fallback = "0B",
		.help = "first byte they may fall on",
	},
	{
		.name = "len",
		.type = OPT_SIZE,
		.min = 1,
		.max = INT64_C(1) << 30,
		.help = "how many bytes from there; default: to the unit's end",
	},
	{0},
};

static void flip_apply(const struct judgement *j)
{
	const struct optval *vals = j->action->vals;
	uint64_t from = (uint64_t)vals[OPT_FLIP_AT].num;
	uint64_t extent = j->unit->extent_bytes;
	uint64_t len = extent > from ? extent - from : 0;

	decision_effect(j->decision, j->rule, j->action);
	if (vals[OPT_FLIP_LEN].present && (uint64_t)vals[OPT_FLIP_LEN].num < len) {
		len = (uint64_t)vals[OPT_FLIP_LEN].num;
	}
	for (uint64_t n = 0; len && n < (uint64_t)vals[OPT_FLIP_BITS].num; n++) {
		uint64_t bit = prf_below(judgement_draw(j, PARAM_FLIP, n), len * 8);

		decision_patch(j->decision, j->unit,
			       (struct patch){.at = from + bit / 8,
					      .keep = 0xff,
					      .flip = (uint8_t)(1U << (bit % 8))});
	}
}

static void flip_describe(const struct action *action, struct text *out)
{
	const struct optval *vals = action->vals;

	text_str(out, "has ");
	text_i64(out, vals[OPT_FLIP_BITS].num);
	text_str(out, vals[OPT_FLIP_BITS].num == 1 ? " bit flipped" : " bits flipped");
	if (vals[OPT_FLIP_LEN].present) {
		text_format(out, " in its bytes %lld to %lld",
			    (long long)vals[OPT_FLIP_AT].num,
			    (long long)(vals[OPT_FLIP_AT].num + vals[OPT_FLIP_LEN].num -
					1));
	} else if (vals[OPT_FLIP_AT].num) {
		text_format(out, " from its byte %lld on",
			    (long long)vals[OPT_FLIP_AT].num);
	}
}

const struct action_row ACTION_FLIP = {
	.name = "mutate flip",
	.help = "flip drawn bits of the unit",
	.options = FLIP_OPTIONS,
	.apply = flip_apply,
	.describe = flip_describe,
};

/* --- set --- */

enum { OPT_SET_AT, OPT_SET_BYTES, OPT_SET_TEXT };

static const struct optrow SET_OPTIONS[] = {
	{
		.name = "at",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.required = true,
		.help = "offset of the first byte; what lies past the unit's end is not "
			"set",
	},
	{
		.name = "bytes",
		.type = OPT_HEX,
		.max = 4096,
		.help = "what to write, as hex digits",
	},
	{
		.name = "text",
		.type = OPT_TEXT,
		.max = 4096,
		.help = "what to write, as text",
	},
	{0},
};

static int set_prepare(struct action *action, struct arena *arena, struct err *err)
{
	const struct optval *vals = action->vals;

	(void)arena;
	if (vals[OPT_SET_BYTES].present == vals[OPT_SET_TEXT].present) {
		return err_set(err, ERR_INPUT, "give either bytes= or text=");
	}
	return 0;
}

static struct span set_bytes(const struct action *action)
{
	return action->vals[OPT_SET_BYTES].present ? action->vals[OPT_SET_BYTES].bytes
						   : action->vals[OPT_SET_TEXT].bytes;
}

static void set_apply(const struct judgement *j)
{
	struct span bytes = set_bytes(j->action);
	uint64_t at = (uint64_t)j->action->vals[OPT_SET_AT].num;

	decision_effect(j->decision, j->rule, j->action);
	for (size_t i = 0; i < bytes.len; i++) {
		decision_patch(j->decision, j->unit,
			       (struct patch){.at = at + i,
					      .keep = 0,
					      .flip = bytes.data[i]});
	}
}

static void set_describe(const struct action *action, struct text *out)
{
	struct span bytes = set_bytes(action);

	text_format(out, "has %zu byte%s set at offset %lld", bytes.len,
		    bytes.len == 1 ? "" : "s", (long long)action->vals[OPT_SET_AT].num);
}

const struct action_row ACTION_SET = {
	.name = "mutate set",
	.help = "write fixed bytes at an offset",
	.options = SET_OPTIONS,
	.prepare = set_prepare,
	.apply = set_apply,
	.describe = set_describe,
};

/* --- truncate --- */

enum { OPT_TRUNCATE_TO, OPT_TRUNCATE_BY, OPT_TRUNCATE_FIXUP };

static const struct optrow TRUNCATE_OPTIONS[] = {
	{
		.name = "to",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.help = "the length that is left",
	},
	{
		.name = "by",
		.type = OPT_SIZE,
		.min = 1,
		.max = INT64_C(1) << 30,
		.help = "how many bytes at the end go",
	},
	FIXUP_ROW,
	{0},
};

static int truncate_prepare(struct action *action, struct arena *arena, struct err *err)
{
	(void)arena;
	if (action->vals[OPT_TRUNCATE_TO].present ==
	    action->vals[OPT_TRUNCATE_BY].present) {
		return err_set(err, ERR_INPUT, "give either to= or by=");
	}
	return 0;
}

static void truncate_apply(const struct judgement *j)
{
	const struct optval *vals = j->action->vals;
	struct decision *d = j->decision;
	uint64_t len = decision_bytes(d, j->unit->bytes).len;
	uint64_t left;

	if (vals[OPT_TRUNCATE_TO].present) {
		left = (uint64_t)vals[OPT_TRUNCATE_TO].num;
	} else {
		uint64_t by = (uint64_t)vals[OPT_TRUNCATE_BY].num;

		left = len > by ? len - by : 0;
	}
	decision_effect(d, j->rule, j->action);
	if (left < len) {
		decision_edit(d, j->unit->bytes, left, (size_t)(len - left),
			      span_of(NULL, 0));
	}
	d->fix_length = vals[OPT_TRUNCATE_FIXUP].num == FIXUP_LENGTH;
}

static void truncate_describe(const struct action *action, struct text *out)
{
	const struct optval *vals = action->vals;

	if (vals[OPT_TRUNCATE_TO].present) {
		text_format(out, "is cut to %lld bytes",
			    (long long)vals[OPT_TRUNCATE_TO].num);
	} else {
		text_format(out, "loses its last %lld bytes",
			    (long long)vals[OPT_TRUNCATE_BY].num);
	}
}

const struct action_row ACTION_TRUNCATE = {
	.name = "mutate truncate",
	.help = "cut the unit's end off",
	.traits = ACTION_WHOLE | ACTION_LENGTH,
	.options = TRUNCATE_OPTIONS,
	.prepare = truncate_prepare,
	.apply = truncate_apply,
	.describe = truncate_describe,
};

/* --- extend --- */

enum { OPT_EXTEND_BY, OPT_EXTEND_FILL, OPT_EXTEND_FIXUP };
enum { PARAM_EXTEND };

static const struct optrow EXTEND_OPTIONS[] = {
	{
		.name = "by",
		.type = OPT_SIZE,
		.min = 1,
		.max = MUTATE_BYTES_MAX,
		.required = true,
		.help = "how many bytes are added at the end",
	},
	{
		.name = "fill",
		.type = OPT_TEXT,
		.min = 1,
		.max = 4096,
		.fallback = "zero",
		.help = "zero, random, or hex digits to repeat",
	},
	FIXUP_ROW,
	{0},
};

/* What `fill` says: prepared as a span to repeat, or none of it for random. */
static int extend_prepare(struct action *action, struct arena *arena, struct err *err)
{
	const char *fill = action->vals[OPT_EXTEND_FILL].text;
	struct span *pattern = arena_take(arena, sizeof(*pattern));
	uint8_t *bytes = arena_take(arena, strlen(fill) + 1);
	size_t len = 1;

	action->prepared = pattern;
	if (strcmp(fill, "random") == 0) {
		return 0;
	}
	if (strcmp(fill, "zero") != 0 &&
	    (parse_hex(fill, bytes, strlen(fill), &len, err) < 0 || len == 0)) {
		return err_set(err, ERR_INPUT,
			       "fill=%s: write zero, random or hex digits", fill);
	}
	*pattern = span_of(bytes, len);
	return 0;
}

static void extend_apply(const struct judgement *j)
{
	size_t by = (size_t)j->action->vals[OPT_EXTEND_BY].num;
	const struct span *pattern = j->action->prepared;
	struct decision *d = j->decision;
	uint8_t *tail = xmalloc(by);

	for (size_t i = 0; i < by; i++) {
		tail[i] = pattern->len ? pattern->data[i % pattern->len]
				       : (uint8_t)judgement_draw(j, PARAM_EXTEND, i);
	}
	decision_effect(d, j->rule, j->action);
	decision_edit(d, j->unit->bytes, decision_bytes(d, j->unit->bytes).len, 0,
		      span_of(tail, by));
	d->fix_length = j->action->vals[OPT_EXTEND_FIXUP].num == FIXUP_LENGTH;
	free(tail);
}

static void extend_describe(const struct action *action, struct text *out)
{
	text_format(out, "grows by %lld bytes (%s)",
		    (long long)action->vals[OPT_EXTEND_BY].num,
		    action->vals[OPT_EXTEND_FILL].text);
}

const struct action_row ACTION_EXTEND = {
	.name = "mutate extend",
	.help = "add bytes at the unit's end",
	.traits = ACTION_WHOLE | ACTION_LENGTH,
	.options = EXTEND_OPTIONS,
	.prepare = extend_prepare,
	.apply = extend_apply,
	.describe = extend_describe,
};
