#include "plane/engine.h"

#include "plane/flow.h"

#include <assert.h>
#include <stdlib.h>

static struct named_stats *stats_named(struct engine *engine, const char *name)
{
	struct named_stats *entry;
	size_t len = strlen(name) + 1;

	for (entry = engine->stats; entry; entry = entry->next) {
		if (strcmp(entry->name, name) == 0) {
			return entry;
		}
	}
	entry = xcalloc(1, sizeof(*entry) + len);
	memcpy(entry->name, name, len);
	entry->next = engine->stats;
	engine->stats = entry;
	return entry;
}

static struct ruleset_use *ruleset_use_new(struct engine *engine, struct ruleset *set)
{
	struct ruleset_use *use = xcalloc(1, sizeof(*use));

	set->refs++;
	use->set = set;
	use->stats = xcalloc(set->num_rules, sizeof(struct rule_stats *));
	for (size_t i = 0; i < set->num_rules; i++) {
		use->stats[i] = &stats_named(engine, set->rules[i].name)->stats;
	}
	use->next = engine->uses;
	engine->uses = use;
	return use;
}

static void ruleset_use_drop(struct engine *engine, struct ruleset_use *use)
{
	struct ruleset_use **at = &engine->uses;

	if (!use || --use->refs > 0) {
		return;
	}
	while (*at != use) {
		at = &(*at)->next;
	}
	*at = use->next;
	use->set->refs--;
	free(use->stats);
	free(use);
}

void ruleset_use_hold(struct engine *engine, struct ruleset_use **slot,
		      struct ruleset_use *use)
{
	struct ruleset_use *old = *slot;

	if (use) {
		use->refs++;
	}
	*slot = use;
	ruleset_use_drop(engine, old);
}

struct ruleset_use *engine_use_for(const struct engine *engine,
				   const struct replay_side *script)
{
	uint64_t generation = script ? replay_generation(script) : 0;

	for (struct ruleset_use *use = engine->uses; script && use; use = use->next) {
		if (use->set->generation == generation) {
			return use;
		}
	}
	return engine->use;
}

struct engine *engine_new(struct ruleset *set, const struct engine_sink *sink,
			  const struct engine_options *options)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));

	engine->sink = *sink;
	engine->options = *options;
	if (options->order) {
		assert(options->replay);
		order_init(&engine->order, options->replay->num_numbers);
	}
	ruleset_use_hold(engine, &engine->use, ruleset_use_new(engine, set));
	return engine;
}

static void release_links(struct engine *engine)
{
	for (size_t i = 0; i < engine->lanes.num_buckets; i++) {
		for (struct lane_label *label = engine->lanes.buckets[i]; label;
		     label = label->next) {
			for (int side = 0; label->link && side < NUM_SIDE; side++) {
				ruleset_use_hold(engine, &label->link->use[side], NULL);
			}
		}
	}
}

static void release_generations(struct engine *engine)
{
	for (struct ruleset_use *use = engine->uses, *next; use; use = next) {
		next = use->next;
		if (use->kept) {
			use->kept = false;
			ruleset_use_drop(engine, use);
		}
	}
}

void engine_free(struct engine *engine)
{
	if (!engine) {
		return;
	}
	assert(!engine->flows);
	release_links(engine);
	release_generations(engine);
	ruleset_use_hold(engine, &engine->use, NULL);
	assert(!engine->uses);
	while (engine->stats) {
		struct named_stats *next = engine->stats->next;

		free(engine->stats);
		engine->stats = next;
	}
	while (engine->free_cells) {
		struct cell *next = engine->free_cells->next_free;

		decision_done(&engine->free_cells->decision);
		digest_free(engine->free_cells->digest);
		free(engine->free_cells);
		engine->free_cells = next;
	}
	decision_done(&engine->decision);
	text_done(&engine->line);
	lanes_done(&engine->lanes);
	order_done(&engine->order);
	sched_done(&engine->sched);
	free(engine);
}

void engine_add_generation(struct engine *engine, struct ruleset *set)
{
	assert(engine->options.replay && !engine->flows);
	if (!engine->use->kept) { /* the first one */
		engine->use->kept = true;
		engine->use->refs++;
	}
	(void)engine_set_rules(engine, set);
	engine->use->kept = true;
	engine->use->refs++;
}

size_t engine_set_rules(struct engine *engine, struct ruleset *set)
{
	size_t passing = 0;

	ruleset_use_hold(engine, &engine->use, ruleset_use_new(engine, set));
	for (const struct flow *flow = engine->flows; flow; flow = flow->next) {
		for (int side = 0; side < NUM_SIDE; side++) {
			passing += flow->lane && !flow->sides[side].touched;
		}
	}
	return passing;
}

void engine_write(struct engine *engine, bool fault)
{
	engine->sink.write(engine->sink.ctx, span_of(engine->line.data, engine->line.len),
			   fault);
	text_clear(&engine->line);
}

void engine_timer_init(struct timer *timer, enum timer_kind kind)
{
	sched_node_init(&timer->node);
	timer->kind = kind;
}

static void timer_fire(struct timer *timer)
{
	char *base = (char *)timer;

	switch (timer->kind) {
	case TIMER_EMISSION:
		emit_due_now((struct emission *)timer);
		break;
	case TIMER_PARKED:
		emit_hold_timeout((struct emission *)timer);
		break;
	case TIMER_SIDE_HOLD:
		intake_hold_timeout(
			(struct flow_side *)(base - offsetof(struct flow_side, hold)));
		break;
	case TIMER_FLOW_LABEL:
		flow_label_timeout(
			(struct flow *)(base - offsetof(struct flow, label_timer)));
		break;
	}
}

void engine_advance(struct engine *engine, int64_t now_ns)
{
	struct sched_node *node;

	while ((node = sched_take(&engine->sched, now_ns)) != NULL) {
		/* Within one call the clock goes through the due times, so that what a
		 * timer starts is reckoned from when it was due, however late the call
		 * came. */
		if (node->due_ns > engine->now_ns) {
			engine->now_ns = node->due_ns;
		}
		timer_fire((struct timer *)node);
	}
	engine->now_ns = now_ns;
}

int64_t engine_next_due(const struct engine *engine)
{
	return sched_next_due(&engine->sched);
}

void engine_committed(struct engine *engine)
{
	engine->commits++;
}

void engine_stop_faults(struct engine *engine)
{
	if (engine->faults_stopped) {
		return;
	}
	engine->faults_stopped = true;
	for (struct flow *flow = engine->flows; flow; flow = flow->next) {
		for (int side = 0; side < NUM_SIDE; side++) {
			intake_release(&flow->sides[side]);
			emit_release_parked(&flow->sides[side]);
		}
	}
}

struct rule_stats engine_rule_stats(const struct engine *engine, const char *name)
{
	for (const struct named_stats *entry = engine->stats; entry;
	     entry = entry->next) {
		if (strcmp(entry->name, name) == 0) {
			return entry->stats;
		}
	}
	return (struct rule_stats){0};
}

struct side_stats engine_totals(const struct engine *engine)
{
	return engine->totals;
}

struct order_stats engine_order_stats(const struct engine *engine)
{
	return engine->order.stats;
}

struct engine_counts engine_counts(const struct engine *engine)
{
	return engine->counts;
}

struct cell *engine_cell_take(struct engine *engine)
{
	struct cell *cell = engine->free_cells;

	if (cell) {
		engine->free_cells = cell->next_free;
	} else {
		cell = xcalloc(1, sizeof(*cell));
		cell->digest = digest_new();
	}
	digest_restart(cell->digest);
	cell->next_free = NULL;
	cell->logged = NULL;
	cell->done = 0;
	return cell;
}

void engine_cell_give(struct engine *engine, struct cell *cell)
{
	cell->next_free = engine->free_cells;
	engine->free_cells = cell;
}
