/* The decision itself: rules tried in file order against one unit.
 *
 * Each rule's matching, schedule and chance depend on the unit and on the lane side
 * alone, never on another rule (P3): a rule behind a terminal one still counts and draws,
 * and is logged as shadowed. decide_fire() advances the lane side by one unit;
 * decide_apply() turns what fired into effects. Between the two a caller may wait for the
 * rest of a cell (needs_whole).
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include "core/decision.h"
#include "core/lane.h"

/* Counts the unit in its class, which is returned: fills unit->class, class_hash and k.
 * Once a unit. */
const struct lane_class *decide_identify(struct lane *lane, enum side side,
					 struct span class, struct unit *unit);

/* Must a cell be whole before decide_fire()? */
bool decide_needs_whole(const struct lane *lane, enum side side);
/* May it have to be, behind decide_fire()? */
bool decide_may_need_whole(const struct lane *lane, enum side side);

void decide_fire(struct lane *lane, enum side side, const struct unit *unit,
		 struct decision *out);
void decide_apply(const struct unit *unit, struct decision *out);

#endif
