#include "core/sched.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

static bool earlier(const struct sched_node *a, const struct sched_node *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->seq < b->seq;
}

static void place(struct sched *sched, size_t at, struct sched_node *node)
{
	sched->heap[at] = node;
	node->index = at;
}

static void sift_up(struct sched *sched, size_t at, struct sched_node *node)
{
	while (at > 0 && earlier(node, sched->heap[(at - 1) / 2])) {
		place(sched, at, sched->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(sched, at, node);
}

static void sift_down(struct sched *sched, size_t at, struct sched_node *node)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= sched->num) {
			break;
		}
		if (child + 1 < sched->num &&
		    earlier(sched->heap[child + 1], sched->heap[child])) {
			child++;
		}
		if (!earlier(sched->heap[child], node)) {
			break;
		}
		place(sched, at, sched->heap[child]);
		at = child;
	}
	place(sched, at, node);
}

void sched_done(struct sched *sched)
{
	free(sched->heap);
	*sched = (struct sched){0};
}

void sched_node_init(struct sched_node *node)
{
	*node = (struct sched_node){.index = SCHED_IDLE};
}

bool sched_queued(const struct sched_node *node)
{
	return node->index != SCHED_IDLE;
}

void sched_add(struct sched *sched, struct sched_node *node, int64_t due_ns)
{
	assert(!sched_queued(node));
	if (sched->num == sched->cap) {
		sched->cap = sched->cap ? 2 * sched->cap : 64;
		sched->heap =
			xrealloc(sched->heap, sched->cap * sizeof(struct sched_node *));
	}
	node->due_ns = due_ns;
	node->seq = sched->next_seq++;
	sched->num++;
	sift_up(sched, sched->num - 1, node);
}

void sched_remove(struct sched *sched, struct sched_node *node)
{
	size_t at = node->index;
	struct sched_node *last;

	if (at == SCHED_IDLE) {
		return;
	}
	assert(at < sched->num && sched->heap[at] == node);
	node->index = SCHED_IDLE;
	last = sched->heap[--sched->num];
	if (last == node) {
		return;
	}
	if (at > 0 && earlier(last, sched->heap[(at - 1) / 2])) {
		sift_up(sched, at, last);
	} else {
		sift_down(sched, at, last);
	}
}

struct sched_node *sched_take(struct sched *sched, int64_t now_ns)
{
	struct sched_node *first;

	if (sched->num == 0 || sched->heap[0]->due_ns > now_ns) {
		return NULL;
	}
	first = sched->heap[0];
	sched_remove(sched, first);
	return first;
}

int64_t sched_next_due(const struct sched *sched)
{
	return sched->num ? sched->heap[0]->due_ns : INT64_MAX;
}
