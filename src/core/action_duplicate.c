/* duplicate: copies of the unit follow it, at once or behind `gap` successors. */
#include "core/action.h"

enum { OPT_DUPLICATE_COPIES, OPT_DUPLICATE_GAP, OPT_DUPLICATE_HOLD };

static const struct optrow OPTIONS[] = {
	{
		.name = "copies",
		.type = OPT_COUNT,
		.min = 1,
		.max = 100,
		.fallback = "1",
		.help = "how many besides the unit itself",
	},
	{
		.name = "gap",
		.type = OPT_COUNT,
		.min = 0,
		.max = 10000,
		.fallback = "0",
		.help = "how many successors go before the copies",
	},
	{
		.name = "hold",
		.type = OPT_TIME,
		.min = 1,
		.max = INT64_C(3600) * 1000000000,
		.fallback = "100ms",
		.help = "send after this time even if fewer came (log-exact, logged as "
			"late)",
	},
	{0},
};

static void apply(const struct judgement *j)
{
	const struct optval *vals = j->action->vals;
	struct decision *d = j->decision;
	struct effect *effect = decision_effect(d, j->rule, j->action);

	effect_value(effect, "copies", vals[OPT_DUPLICATE_COPIES].num);
	effect_value(effect, "gap", vals[OPT_DUPLICATE_GAP].num);
	d->copies += (uint64_t)vals[OPT_DUPLICATE_COPIES].num;
	if ((uint64_t)vals[OPT_DUPLICATE_GAP].num > d->copies_gap) {
		d->copies_gap = (uint64_t)vals[OPT_DUPLICATE_GAP].num;
	}
	if (vals[OPT_DUPLICATE_HOLD].num > d->hold_ns) {
		d->hold_ns = vals[OPT_DUPLICATE_HOLD].num;
	}
}

static void describe(const struct action *action, struct text *out)
{
	int64_t copies = action->vals[OPT_DUPLICATE_COPIES].num;
	int64_t gap = action->vals[OPT_DUPLICATE_GAP].num;

	text_str(out, "is sent again ");
	if (copies == 1) {
		text_str(out, "once");
	} else {
		text_i64(out, copies);
		text_str(out, " times");
	}
	if (gap) {
		text_str(out, " behind the next ");
		text_i64(out, gap);
		text_str(out, gap == 1 ? " unit" : " units");
	}
}

const struct action_row ACTION_DUPLICATE = {
	.name = "duplicate",
	.help = "send the unit again",
	.traits = ACTION_WHOLE,
	.options = OPTIONS,
	.apply = apply,
	.describe = describe,
};
