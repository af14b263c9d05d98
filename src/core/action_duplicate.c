/* duplicate: copies of the unit follow it, at once or behind `gap` successors. */
#include "core/action.h"

enum { OPT_DUPLICATE_COPIES, OPT_DUPLICATE_GAP, OPT_DUPLICATE_HOLD };
enum { COPIES_MAX = 100, GAP_MAX = 10000 };

static const struct optrow OPTIONS[] = {
	{
		.name = "copies",
		.type = OPT_COUNT,
		.min = 1,
		.max = COPIES_MAX,
		.fallback = "1",
		.help = "how many besides the unit itself",
	},
	{
		.name = "gap",
		.type = OPT_COUNT,
		.min = 0,
		.max = GAP_MAX,
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
	struct effect *effect = decision_effect(j->decision, j->rule, j->action);

	effect_value(effect, "copies", vals[OPT_DUPLICATE_COPIES].num);
	effect_value(effect, "gap", vals[OPT_DUPLICATE_GAP].num);
}

static void enact(const struct action *action, const struct effect *effect,
		  struct decision *d)
{
	const struct optval *vals = action->vals;
	int64_t copies = effect_get(effect, "copies", 0);
	int64_t gap = effect_get(effect, "gap", 0);

	d->copies += copies > 0 && copies <= COPIES_MAX ? (uint64_t)copies : 0;
	if (gap > 0 && gap <= GAP_MAX && (uint64_t)gap > d->copies_gap) {
		d->copies_gap = (uint64_t)gap;
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
	.enact = enact,
	.describe = describe,
};
