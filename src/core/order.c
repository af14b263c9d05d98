#include "core/order.h"

#include "base/arena.h"

#include <stdlib.h>

void order_init(struct order *order, uint64_t num_places)
{
	*order = (struct order){.num = num_places};
	order->done = xcalloc((size_t)(num_places / 8) + 1, 1);
	order->stats.places = num_places;
}

void order_done(struct order *order)
{
	free(order->done);
	sched_done(&order->waiting);
	*order = (struct order){0};
}

static bool is_done(const struct order *order, uint64_t place)
{
	return order->done[place / 8] >> (place % 8) & 1;
}

static void set_done(struct order *order, uint64_t place)
{
	if (place < order->num) {
		order->done[place / 8] |= (uint8_t)(1U << (place % 8));
	}
	while (order->next < order->num && is_done(order, order->next)) {
		order->next++;
	}
}

bool order_may_pass(const struct order *order, uint64_t place)
{
	return place == ORDER_NO_PLACE || place >= order->num || place <= order->next;
}

void order_wait(struct order *order, struct sched_node *node, uint64_t place)
{
	sched_node_init(node);
	sched_add(&order->waiting, node, (int64_t)place);
}

void order_leave(struct order *order, struct sched_node *node, int64_t wait_ns)
{
	sched_remove(&order->waiting, node);
	order->stats.waited++;
	order->stats.wait_ns += wait_ns;
	if (wait_ns > order->stats.wait_max_ns) {
		order->stats.wait_max_ns = wait_ns;
	}
}

void order_pass(struct order *order, uint64_t place)
{
	if (place >= order->num || is_done(order, place)) {
		return;
	}
	if (place == order->next) {
		order->stats.kept++;
	} else if (place < order->next) {
		order->stats.late++;
	}
	set_done(order, place);
}

void order_give_up(struct order *order, uint64_t place)
{
	if (place < order->num) {
		set_done(order, place);
	}
}

void order_stall(struct order *order, uint64_t place)
{
	if (place >= order->num || place <= order->next) {
		return;
	}
	order->stats.stalls++;
	order->next = place;
	set_done(order, ORDER_NO_PLACE); /* places given up behind it */
}

struct sched_node *order_ready(struct order *order)
{
	return sched_take(&order->waiting, (int64_t)order->next);
}
