/* mutate splice: bytes taken out of the unit at an offset, and others put there.
 *
 * What an edit in the log says, as a rule says it; `turncoat shrink` writes these.
 * Offsets are those of the bytes as earlier actions have left them.
 */
#include "core/action.h"

enum { OPT_SPLICE_AT, OPT_SPLICE_REMOVE, OPT_SPLICE_BYTES, OPT_SPLICE_FIXUP };
enum { FIXUP_LENGTH, FIXUP_NONE };

static const char *const FIXUPS[] = {"length", "none", NULL};

static const struct optrow OPTIONS[] = {
	{
		.name = "at",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.required = true,
		.help = "offset of the first byte; past the unit's end nothing changes",
	},
	{
		.name = "remove",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.fallback = "0B",
		.help = "how many bytes from there go, as far as there are so many",
	},
	{
		.name = "bytes",
		.type = OPT_HEX,
		.max = 4096,
		.help = "what is put there, as hex digits",
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

static int prepare(struct action *action, struct arena *arena, struct err *err)
{
	const struct optval *vals = action->vals;

	(void)arena;
	if (vals[OPT_SPLICE_REMOVE].num == 0 && vals[OPT_SPLICE_BYTES].bytes.len == 0) {
		return err_set(err, ERR_INPUT,
			       "it changes nothing: give remove=, bytes= or both");
	}
	return 0;
}

static void apply(const struct judgement *j)
{
	const struct optval *vals = j->action->vals;
	struct decision *d = j->decision;
	uint64_t at = (uint64_t)vals[OPT_SPLICE_AT].num;
	uint64_t len = decision_bytes(d, j->unit->bytes).len;
	uint64_t remove = (uint64_t)vals[OPT_SPLICE_REMOVE].num;

	decision_effect(d, j->rule, j->action);
	if (at <= len) {
		struct span bytes = vals[OPT_SPLICE_BYTES].bytes;

		remove = remove < len - at ? remove : len - at;
		if (remove || bytes.len) {
			decision_edit(d, j->unit->bytes, at, (size_t)remove, bytes);
		}
	}
	d->fix_length = vals[OPT_SPLICE_FIXUP].num == FIXUP_LENGTH;
}

static void describe(const struct action *action, struct text *out)
{
	const struct optval *vals = action->vals;

	text_format(out, "has %lld of its bytes replaced by %zu others at offset %lld",
		    (long long)vals[OPT_SPLICE_REMOVE].num,
		    vals[OPT_SPLICE_BYTES].bytes.len, (long long)vals[OPT_SPLICE_AT].num);
}

const struct action_row ACTION_SPLICE = {
	.name = "mutate splice",
	.help = "take bytes out at an offset and put others there",
	.traits = ACTION_WHOLE | ACTION_LENGTH,
	.options = OPTIONS,
	.prepare = prepare,
	.apply = apply,
	.describe = describe,
};
