/* delay: the unit leaves later. On a stream those behind it wait as well; datagrams
 * overtake. */
#include "base/quantity.h"
#include "core/action.h"
#include "core/distribution.h"

enum { OPT_DELAY_TIME, OPT_DELAY_JITTER, OPT_DELAY_DISTRIBUTION };
enum { PARAM_JITTER };

static const char *const DISTRIBUTIONS[] = {
	[DISTRIBUTION_UNIFORM] = "uniform", [DISTRIBUTION_NORMAL] = "normal",
	[DISTRIBUTION_PARETO] = "pareto",   [DISTRIBUTION_PARETONORMAL] = "paretonormal",
	[NUM_DISTRIBUTION] = NULL,
};

#define HOUR_NS (INT64_C(3600) * 1000000000)
/* All of a unit's delays; a tail of the distribution may go beyond an hour. */
#define DELAY_MAX_NS (INT64_C(1) << 60)

static const struct optrow OPTIONS[] = {
	{
		.name = "time",
		.type = OPT_TIME,
		.min = 0,
		.max = HOUR_NS,
		.required = true,
		.help = "how long, or the middle of how long",
	},
	{
		.name = "jitter",
		.type = OPT_TIME,
		.min = 0,
		.max = HOUR_NS,
		.fallback = "0ms",
		.help = "spread around it: half the width, or one standard deviation",
	},
	{
		.name = "distribution",
		.type = OPT_CHOICE,
		.choices = DISTRIBUTIONS,
		.fallback = "uniform",
		.help = "how the spread is drawn",
	},
	{0},
};

static void apply(const struct judgement *j)
{
	const struct optval *vals = j->action->vals;
	int64_t delay_ns =
		distribution_sample((enum distribution)vals[OPT_DELAY_DISTRIBUTION].num,
				    judgement_draw(j, PARAM_JITTER, 0),
				    vals[OPT_DELAY_TIME].num, vals[OPT_DELAY_JITTER].num);

	effect_value(decision_effect(j->decision, j->rule, j->action), "ns", delay_ns);
}

static void enact(const struct action *action, const struct effect *effect,
		  struct decision *d)
{
	int64_t delay_ns = effect_get(effect, "ns", 0);

	(void)action;
	if (delay_ns > 0 && delay_ns <= DELAY_MAX_NS - d->delay_ns) {
		d->delay_ns += delay_ns;
	}
}

static void describe(const struct action *action, struct text *out)
{
	const struct optval *vals = action->vals;

	text_str(out, "is delayed by ");
	text_duration(out, vals[OPT_DELAY_TIME].num);
	if (vals[OPT_DELAY_JITTER].num) {
		text_str(out, " +- ");
		text_duration(out, vals[OPT_DELAY_JITTER].num);
		text_format(out, " (%s)",
			    DISTRIBUTIONS[vals[OPT_DELAY_DISTRIBUTION].num]);
	}
}

const struct action_row ACTION_DELAY = {
	.name = "delay",
	.help = "send the unit later",
	.options = OPTIONS,
	.apply = apply,
	.enact = enact,
	.describe = describe,
};
