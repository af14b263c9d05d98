/* reorder: the unit lets `gap` successors of its lane side go first. */
#include "core/action.h"

enum { OPT_REORDER_GAP, OPT_REORDER_HOLD };
enum { REORDER_GAP_MAX = 10000 };

static const struct optrow OPTIONS[] = {
	{
		.name = "gap",
		.type = OPT_COUNT,
		.min = 1,
		.max = REORDER_GAP_MAX,
		.fallback = "1",
		.help = "how many units go first",
	},
	{
		.name = "hold",
		.type = OPT_TIME,
		.min = 1,
		.max = INT64_C(3600) * 1000000000,
		.fallback = "100ms",
		.help = "go on after this time even if fewer came (log-exact, logged as "
			"late)",
	},
	{0},
};

static void apply(const struct judgement *j)
{
	effect_value(decision_effect(j->decision, j->rule, j->action), "gap",
		     j->action->vals[OPT_REORDER_GAP].num);
}

static void enact(const struct action *action, const struct effect *effect,
		  struct decision *d)
{
	const struct optval *vals = action->vals;
	int64_t gap = effect_get(effect, "gap", 0);

	d->reorder_gap += gap > 0 && gap <= REORDER_GAP_MAX ? (uint64_t)gap : 0;
	if (vals[OPT_REORDER_HOLD].num > d->hold_ns) {
		d->hold_ns = vals[OPT_REORDER_HOLD].num;
	}
}

static void describe(const struct action *action, struct text *out)
{
	text_str(out, "lets the next ");
	if (action->vals[OPT_REORDER_GAP].num != 1) {
		text_i64(out, action->vals[OPT_REORDER_GAP].num);
		text_byte(out, ' ');
	}
	text_str(out, action->vals[OPT_REORDER_GAP].num == 1 ? "unit" : "units");
	text_str(out, " go first");
}

const struct action_row ACTION_REORDER = {
	.name = "reorder",
	.help = "let later units go first",
	.traits = ACTION_WHOLE,
	.options = OPTIONS,
	.apply = apply,
	.enact = enact,
	.describe = describe,
};
