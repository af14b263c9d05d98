/* Replaying in the recorded order: who waits for whom. See core/order.h and flow.h. */
#include "plane/flow.h"

static uint64_t place_of(const struct replay_unit *logged)
{
	return logged && logged->next_number < logged->num_numbers
		       ? logged->numbers[logged->next_number]
		       : ORDER_NO_PLACE;
}

bool turn_has_come(const struct engine *engine, const struct replay_unit *logged)
{
	return !engine->options.order || order_may_pass(&engine->order, place_of(logged));
}

/* Those whose turn has come are due now: not within this call, for it may be another
 * flow's. */
static void wake_ready(struct engine *engine)
{
	struct sched_node *node;

	while ((node = order_ready(&engine->order)) != NULL) {
		struct emission *e = (struct emission *)((char *)node -
							 offsetof(struct emission, turn));

		sched_remove(&engine->sched, &e->timer.node);
		sched_add(&engine->sched, &e->timer.node, engine->now_ns);
	}
}

static void stall(struct emission *e)
{
	struct engine *engine = e->fs->flow->engine;

	record_stall(&engine->line, e->fs->flow->lane->name, e->fs->side, e->class->name,
		     e->k, engine->now_ns, engine->now_ns - e->waiting_since_ns);
	engine_write(engine, false);
	order_stall(&engine->order, place_of(e->logged));
	wake_ready(engine);
}

bool turn_take(struct emission *e)
{
	struct flow_side *fs = e->fs;
	struct engine *engine = fs->flow->engine;
	int64_t until_ns;

	if (!engine->options.order) {
		return true;
	}
	if (!fs->flow->datagram && fs->queued != e) {
		e->overdue = true; /* its predecessor's leaving makes it due */
		return false;
	}
	if (e->units == 0 || turn_has_come(engine, e->logged)) {
		return true;
	}
	if (!e->waiting) {
		e->waiting = true;
		e->waiting_since_ns = engine->now_ns;
	}
	until_ns = e->waiting_since_ns + engine->options.order_wait_ns;
	if (engine->now_ns >= until_ns) {
		stall(e);
		return true;
	}
	/* Perhaps once more: a copy of the unit may have taken the place. */
	if (!sched_queued(&e->turn)) {
		order_wait(&engine->order, &e->turn, place_of(e->logged));
	}
	sched_add(&engine->sched, &e->timer.node, until_ns);
	return false;
}

void turn_end(struct emission *e)
{
	struct engine *engine = e->fs->flow->engine;

	if (e->waiting) {
		order_leave(&engine->order, &e->turn,
			    engine->now_ns - e->waiting_since_ns);
		e->waiting = false;
	}
}

void turn_passed(struct engine *engine, struct replay_unit *logged)
{
	if (engine->options.order && logged &&
	    logged->next_number < logged->num_numbers) {
		order_pass(&engine->order, logged->numbers[logged->next_number++]);
		wake_ready(engine);
	}
}

static void give_up(struct engine *engine, struct replay_unit *logged)
{
	while (logged->next_number < logged->num_numbers) {
		order_give_up(&engine->order, logged->numbers[logged->next_number++]);
	}
}

void turn_give_up(struct engine *engine, struct replay_unit *logged)
{
	if (engine->options.order && logged) {
		give_up(engine, logged);
		wake_ready(engine);
	}
}

void turn_give_up_lane(struct engine *engine, struct replay_lane *script)
{
	for (int side = 0; engine->options.order && script && side < NUM_SIDE; side++) {
		for (size_t i = 0; i < script->sides[side].num_units; i++) {
			give_up(engine, script->sides[side].units[i]);
		}
	}
	if (engine->options.order) {
		wake_ready(engine);
	}
}
