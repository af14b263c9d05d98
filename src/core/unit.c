#include "core/unit.h"

static const char *const SIDE_NAMES[] = {
	[SIDE_REQUEST] = "request",
	[SIDE_REPLY] = "reply",
};
_Static_assert(sizeof(SIDE_NAMES) / sizeof(SIDE_NAMES[0]) == NUM_SIDE, "a name a side");

const char *side_name(enum side side)
{
	return SIDE_NAMES[side];
}
