/* What is due when: a queue ordered by (due, seq), so equal times keep the order they
 * were given in. libevent's own heap gives equal deadlines no order; ours sits behind one
 * timer.
 *
 * Nodes are embedded in what is scheduled; the queue owns only its array of pointers.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched_node {
	int64_t due_ns; /* on the clock that the engine is handed */
	uint64_t seq;	/* set by sched_add() */
	size_t index;	/* place in the heap, SCHED_IDLE when not queued */
};

#define SCHED_IDLE SIZE_MAX

struct sched {
	struct sched_node **heap;
	size_t num, cap;
	uint64_t next_seq;
};

void sched_done(struct sched *sched);
void sched_node_init(struct sched_node *node);
bool sched_queued(const struct sched_node *node);
void sched_add(struct sched *sched, struct sched_node *node, int64_t due_ns);
void sched_remove(struct sched *sched, struct sched_node *node); /* idle nodes are fine */
/* The first node due at or before now, taken out; NULL when there is none. */
struct sched_node *sched_take(struct sched *sched, int64_t now_ns);
/* When the first is due; INT64_MAX when nothing is queued. */
int64_t sched_next_due(const struct sched *sched);

#endif
