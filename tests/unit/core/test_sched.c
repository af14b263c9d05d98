/* The queue of what is due: by time, equal times in the order given, nodes taken out at
 * will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/sched.h"

#include <stdlib.h>

enum { NODES = 300 };

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void nothing_is_due_in_an_empty_queue(void **state)
{
	struct sched sched = {0};

	(void)state;
	assert_null(sched_take(&sched, INT64_MAX));
	assert_true(sched_next_due(&sched) == INT64_MAX);
	sched_done(&sched);
}

static void nodes_come_when_due_and_not_before(void **state)
{
	struct sched sched = {0};
	struct sched_node early, late;

	(void)state;
	sched_node_init(&early);
	sched_node_init(&late);
	sched_add(&sched, &late, 20);
	sched_add(&sched, &early, 10);
	assert_int_equal(sched_next_due(&sched), 10);
	assert_null(sched_take(&sched, 9));
	assert_ptr_equal(sched_take(&sched, 10), &early);
	assert_false(sched_queued(&early));
	assert_true(sched_queued(&late));
	assert_null(sched_take(&sched, 19));
	assert_ptr_equal(sched_take(&sched, 100), &late);
	sched_done(&sched);
}

static void equal_times_keep_their_order(void **state)
{
	struct sched sched = {0};
	struct sched_node nodes[NODES];

	(void)state;
	for (int i = 0; i < NODES; i++) {
		sched_node_init(&nodes[i]);
		sched_add(&sched, &nodes[i], 5);
	}
	for (int i = 0; i < NODES; i++) {
		assert_ptr_equal(sched_take(&sched, 5), &nodes[i]);
	}
	sched_done(&sched);
}

static void an_idle_node_is_removed_without_harm(void **state)
{
	struct sched sched = {0};
	struct sched_node node;

	(void)state;
	sched_node_init(&node);
	sched_remove(&sched, &node);
	sched_add(&sched, &node, 1);
	sched_remove(&sched, &node);
	sched_remove(&sched, &node);
	assert_null(sched_take(&sched, 1));
	sched_add(&sched, &node, 2);
	assert_ptr_equal(sched_take(&sched, 2), &node);
	sched_done(&sched);
}

/* Against a search through all nodes: least due time, then least seq. */
static struct sched_node *first_of(struct sched_node *nodes)
{
	struct sched_node *first = NULL;

	for (int i = 0; i < NODES; i++) {
		struct sched_node *node = &nodes[i];

		if (sched_queued(node) &&
		    (!first || node->due_ns < first->due_ns ||
		     (node->due_ns == first->due_ns && node->seq < first->seq))) {
			first = node;
		}
	}
	return first;
}

static void random_adds_removes_and_takes_keep_the_order(void **state)
{
	struct sched sched = {0};
	struct sched_node nodes[NODES];
	uint64_t random = 88172645463325252ULL;
	unsigned long taken = 0;

	(void)state;
	for (int i = 0; i < NODES; i++) {
		sched_node_init(&nodes[i]);
	}
	for (int i = 0; i < 30000; i++) {
		struct sched_node *node = &nodes[next_random(&random) % NODES];

		if (next_random(&random) % 3 == 0) {
			struct sched_node *wanted = first_of(nodes);

			assert_true(sched_next_due(&sched) ==
				    (wanted ? wanted->due_ns : INT64_MAX));
			assert_ptr_equal(sched_take(&sched, INT64_MAX - 1), wanted);
			taken += wanted != NULL;
		} else if (sched_queued(node)) {
			sched_remove(&sched, node);
			assert_false(sched_queued(node));
		} else {
			sched_add(&sched, node, (int64_t)(next_random(&random) % 40));
		}
	}
	assert_true(taken > 1000);
	sched_done(&sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_in_an_empty_queue),
		cmocka_unit_test(nodes_come_when_due_and_not_before),
		cmocka_unit_test(equal_times_keep_their_order),
		cmocka_unit_test(an_idle_node_is_removed_without_harm),
		cmocka_unit_test(random_adds_removes_and_takes_keep_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
