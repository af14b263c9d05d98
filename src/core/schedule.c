#include "core/schedule.h"

static const char *const OUTCOME_NAMES[] = {
	[OUTCOME_FIRED] = "fired",   [OUTCOME_SHADOWED] = "shadowed",
	[OUTCOME_SKIP] = "skip",     [OUTCOME_EVERY] = "every",
	[OUTCOME_COUNT] = "count",   [OUTCOME_UNTIL] = "until",
	[OUTCOME_CHANCE] = "chance", [OUTCOME_MASKED] = "masked",
};
_Static_assert(sizeof(OUTCOME_NAMES) / sizeof(OUTCOME_NAMES[0]) == NUM_OUTCOME,
	       "a name an outcome");

const char *outcome_name(enum outcome outcome)
{
	return OUTCOME_NAMES[outcome];
}

void schedule_init(struct schedule *schedule)
{
	*schedule = (struct schedule){
		.every = 1,
		.burst = 1,
		.count = UINT64_MAX,
		.until = UINT64_MAX,
		.until_ns = INT64_MAX,
	};
}

enum outcome schedule_next(const struct schedule *schedule, struct schedule_state *state,
			   bool wins, int64_t run_ns)
{
	uint64_t nth = state->matched++;

	if (nth < schedule->skip) {
		return OUTCOME_SKIP;
	}
	if (nth >= schedule->until || run_ns >= schedule->until_ns) {
		return OUTCOME_UNTIL;
	}
	if (state->fired >= schedule->count) {
		return OUTCOME_COUNT;
	}
	if (state->burst_left) {
		state->burst_left--;
		state->fired++;
		return OUTCOME_FIRED;
	}
	if ((nth - schedule->skip + 1) % schedule->every != 0) {
		return OUTCOME_EVERY;
	}
	if (!wins) {
		return OUTCOME_CHANCE;
	}
	state->burst_left = schedule->burst - 1;
	state->fired++;
	return OUTCOME_FIRED;
}
