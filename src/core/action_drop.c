/* drop: the unit's bytes go nowhere. On a stream that breaks what the peers were
 * promised. */
#include "core/action.h"

static const struct optrow OPTIONS[] = {{0}};

static void apply(const struct judgement *j)
{
	decision_effect(j->decision, j->rule, j->action);
	j->decision->verdict = VERDICT_DROP;
}

static void describe(const struct action *action, struct text *out)
{
	(void)action;
	text_str(out, "is dropped");
}

const struct action_row ACTION_DROP = {
	.name = "drop",
	.help = "lose the unit",
	.traits = ACTION_TERMINAL,
	.options = OPTIONS,
	.apply = apply,
	.describe = describe,
};
