/* reset and close: the connection ends at this unit, with RST or with FIN. */
#include "core/action.h"

enum { OPT_CUT_AT };

static const struct optrow OPTIONS[] = {
	{
		.name = "at",
		.type = OPT_SIZE,
		.min = 0,
		.max = INT64_C(1) << 30,
		.fallback = "0B",
		.help = "how many bytes of the unit still pass",
	},
	{0},
};

static void cut(const struct judgement *j, enum verdict verdict)
{
	int64_t at = j->action->vals[OPT_CUT_AT].num;

	effect_value(decision_effect(j->decision, j->rule, j->action), "at", at);
	j->decision->verdict = verdict;
	j->decision->cut_at = (uint64_t)at;
}

static void describe_cut(const struct action *action, struct text *out, const char *what)
{
	int64_t at = action->vals[OPT_CUT_AT].num;

	text_str(out, what);
	if (at) {
		text_str(out, " behind byte ");
		text_i64(out, at);
		text_str(out, " of it");
	}
}

static void apply_reset(const struct judgement *j)
{
	cut(j, VERDICT_RESET);
}

static void describe_reset(const struct action *action, struct text *out)
{
	describe_cut(action, out, "resets the connection (RST to both peers)");
}

static void apply_close(const struct judgement *j)
{
	cut(j, VERDICT_CLOSE);
}

static void describe_close(const struct action *action, struct text *out)
{
	describe_cut(action, out, "closes the connection (FIN to both peers)");
}

const struct action_row ACTION_RESET = {
	.name = "reset",
	.help = "reset the connection at the unit",
	.traits = ACTION_TERMINAL,
	.options = OPTIONS,
	.apply = apply_reset,
	.describe = describe_reset,
};

const struct action_row ACTION_CLOSE = {
	.name = "close",
	.help = "close the connection in order at the unit",
	.traits = ACTION_TERMINAL,
	.options = OPTIONS,
	.apply = apply_close,
	.describe = describe_close,
};
