#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/order.h"

static void a_place_passes_when_those_in_front_have(void **state)
{
	struct order order;

	(void)state;
	order_init(&order, 3);
	assert_true(order_may_pass(&order, 0));
	assert_false(order_may_pass(&order, 1));
	order_pass(&order, 0);
	assert_true(order_may_pass(&order, 1));
	assert_false(order_may_pass(&order, 2));
	order_pass(&order, 1);
	order_pass(&order, 2);
	assert_int_equal(order.stats.kept, 3);
	assert_int_equal(order.stats.late, 0);
	order_done(&order);
}

static void what_has_no_place_always_passes(void **state)
{
	struct order order;

	(void)state;
	order_init(&order, 2);
	assert_true(order_may_pass(&order, ORDER_NO_PLACE));
	assert_true(order_may_pass(&order, 2)); /* behind all */
	order_pass(&order, ORDER_NO_PLACE);
	order_pass(&order, 2);
	order_give_up(&order, 2);
	assert_int_equal(order.stats.kept + order.stats.late, 0);
	assert_int_equal(order.next, 0);
	order_done(&order);
}

static void those_that_wait_are_handed_out_by_place(void **state)
{
	struct sched_node one, two, three;
	struct order order;

	(void)state;
	order_init(&order, 4);
	order_wait(&order, &three, 3);
	order_wait(&order, &one, 1);
	order_wait(&order, &two, 2);
	assert_null(order_ready(&order));
	order_pass(&order, 0);
	assert_ptr_equal(order_ready(&order), &one);
	assert_null(order_ready(&order)); /* not before it has passed */
	order_leave(&order, &one, 5);
	order_pass(&order, 1);
	assert_ptr_equal(order_ready(&order), &two);
	order_leave(&order, &two, 7);
	assert_int_equal(order.stats.waited, 2);
	assert_int_equal(order.stats.wait_ns, 12);
	assert_int_equal(order.stats.wait_max_ns, 7);
	order_leave(&order, &three, 0);
	order_done(&order);
}

static void a_place_given_up_holds_nobody(void **state)
{
	struct order order;

	(void)state;
	order_init(&order, 4);
	order_give_up(&order, 1);
	order_give_up(&order, 2);
	assert_int_equal(order.next, 0);
	order_pass(&order, 0);
	assert_int_equal(order.next, 3);
	assert_true(order_may_pass(&order, 3));
	order_done(&order);
}

static void a_stall_passes_over_the_missing_ones(void **state)
{
	struct order order;

	(void)state;
	order_init(&order, 5);
	order_give_up(&order, 4);
	order_stall(&order, 3);
	assert_int_equal(order.stats.stalls, 1);
	assert_true(order_may_pass(&order, 3));
	order_pass(&order, 3);
	assert_int_equal(order.next, 5);
	order_pass(&order, 1); /* it comes after all */
	assert_int_equal(order.stats.kept, 1);
	assert_int_equal(order.stats.late, 1);
	order_pass(&order, 1); /* and counts once */
	assert_int_equal(order.stats.late, 1);
	order_stall(&order, 2); /* behind: nothing to pass over */
	order_stall(&order, 9);
	assert_int_equal(order.stats.stalls, 1);
	order_done(&order);
}

static void an_order_of_nothing_holds_nothing(void **state)
{
	struct order order;

	(void)state;
	order_init(&order, 0);
	assert_true(order_may_pass(&order, 0));
	order_pass(&order, 0);
	assert_null(order_ready(&order));
	order_done(&order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_passes_when_those_in_front_have),
		cmocka_unit_test(what_has_no_place_always_passes),
		cmocka_unit_test(those_that_wait_are_handed_out_by_place),
		cmocka_unit_test(a_place_given_up_holds_nobody),
		cmocka_unit_test(a_stall_passes_over_the_missing_ones),
		cmocka_unit_test(an_order_of_nothing_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
