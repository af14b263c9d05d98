/* drop: the unit's bytes go nowhere. On a stream that breaks what the peers were
 * promised. */
#include "core/action.h"

static const struct optrow OPTIONS[] = {{0}};

static void apply(const struct judgement *j)
{
	decision_effect(j->decision, j->rule, j->action);
}

static void enact(const struct action *action, const struct effect *effect,
		  struct decision *d)
{
	(void)action;
	(void)effect;
	d->verdict = VERDICT_DROP;
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
	.enact = enact,
	.describe = describe,
};
