/* Decisions from a log instead of from draws: core/decide.h's two steps, for a replay.
 *
 * Firing takes the logged outcomes, applying the logged effects with the values that were
 * drawn then, and the logged edits, byte for byte. Where a unit's bytes are others than
 * the edits were made on, the actions that made them are applied anew: their draws hang
 * on identity alone, so they are the same.
 *
 * A log-exact decision (a clock read, a hold that ran out) is thereby repeated as well.
 */
#ifndef CORE_REENACT_H
#define CORE_REENACT_H

#include "core/decide.h"
#include "core/replay.h"

/* As decide_fire(). The unit's logged decision goes to *out_logged, NULL when the log
 * knows none: then nothing fires, or under REPLAY_FOLLOW what decide_fire() says. */
void reenact_fire(const struct replay *replay, struct replay_side *script,
		  struct lane *lane, enum side side, const struct unit *unit,
		  struct decision *out, struct replay_unit **out_logged);
/* As decide_apply(). logged may be NULL. */
void reenact_apply(struct lane *lane, enum side side, const struct unit *unit,
		   const struct replay_unit *logged, struct decision *out);

#endif
