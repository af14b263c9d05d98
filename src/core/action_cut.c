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

static void apply(const struct judgement *j)
{
	effect_value(decision_effect(j->decision, j->rule, j->action), "at",
		     j->action->vals[OPT_CUT_AT].num);
}

static void cut(const struct effect *effect, enum verdict verdict, struct decision *d)
{
	int64_t at = effect_get(effect, "at", 0);

	d->verdict = verdict;
	d->cut_at = at > 0 ? (uint64_t)at : 0;
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

static void enact_reset(const struct action *action, const struct effect *effect,
			struct decision *d)
{
	(void)action;
	cut(effect, VERDICT_RESET, d);
}

static void describe_reset(const struct action *action, struct text *out)
{
	describe_cut(action, out, "resets the connection (RST to both peers)");
}

static void enact_close(const struct action *action, const struct effect *effect,
			struct decision *d)
{
	(void)action;
	cut(effect, VERDICT_CLOSE, d);
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
	.apply = apply,
	.enact = enact_reset,
	.describe = describe_reset,
};

const struct action_row ACTION_CLOSE = {
	.name = "close",
	.help = "close the connection in order at the unit",
	.traits = ACTION_TERMINAL,
	.options = OPTIONS,
	.apply = apply,
	.enact = enact_close,
	.describe = describe_close,
};
