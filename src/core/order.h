/* The recorded order of delivery, enforced: each unit waits for its place.
 *
 * Places are the global delivery numbers of a log. `next` is the first that is still
 * open: a unit with that number may leave, one with a higher number waits, one with a
 * lower number is late and leaves at once. A place whose unit can't come any more (its
 * lane has ended, it is dropped this time) is given up; one that did not come in time is
 * passed over by order_stall(). How long that is, is the caller's matter: there is no
 * clock here.
 *
 * Waiting things embed a struct sched_node, whose due_ns holds the place.
 */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include "core/sched.h"

#define ORDER_NO_PLACE UINT64_MAX

struct order_stats {
	uint64_t places;
	uint64_t kept;	 /* units that left at their place */
	uint64_t late;	 /* that left behind it: the order went on without them */
	uint64_t stalls; /* that went on without those in front of them */
	uint64_t waited; /* that waited at all */
	int64_t wait_ns, wait_max_ns;
};

struct order {
	uint64_t next, num;
	uint8_t *done; /* a bit a place: passed, or given up */
	struct sched waiting;
	struct order_stats stats;
};

void order_init(struct order *order, uint64_t num_places);
void order_done(struct order *order);

/* May the unit of this place leave now? ORDER_NO_PLACE may. */
bool order_may_pass(const struct order *order, uint64_t place);
/* The node is idle. */
void order_wait(struct order *order, struct sched_node *node, uint64_t place);
/* It waits no longer; idle nodes are fine. wait_ns counts for those that did wait. */
void order_leave(struct order *order, struct sched_node *node, int64_t wait_ns);
/* The unit of this place leaves. Call order_ready() after it. */
void order_pass(struct order *order, uint64_t place);
/* Nobody will come for this place. */
void order_give_up(struct order *order, uint64_t place);
/* This unit has waited long enough: all places in front of its own are passed over. */
void order_stall(struct order *order, uint64_t place);
/* The next waiting thing that may leave now, taken out; NULL when there is none. */
struct sched_node *order_ready(struct order *order);

#endif
