/* Filters in tcpdump's language, asked of flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/flowfilter.h"

#include <stdio.h>

static struct flow_addrs flow_of(enum transport transport, const char *client,
				 uint16_t from, const char *server, uint16_t to)
{
	struct flow_addrs addrs = {.transport = transport,
				   .client_port = from,
				   .server_port = to};

	assert_int_equal(ipaddr_parse(client, &addrs.client, NULL), 0);
	assert_int_equal(ipaddr_parse(server, &addrs.server, NULL), 0);
	return addrs;
}

static bool matches(const char *expression, const struct flow_addrs *addrs)
{
	struct err err = {0};
	struct flowfilter *filter = flowfilter_new(expression, &err);
	bool matched;

	if (!filter) {
		fail_msg("%s", err.text);
	}
	matched = flowfilter_match(filter, addrs);
	flowfilter_free(filter);
	return matched;
}

struct row {
	const char *expression;
	bool tcp4, udp4, tcp6, mapped, mixed;
};

static void expressions(void **state)
{
	static const struct row ROWS[] = {
		{"", true, true, true, true, true},
		{"tcp", true, false, true, true, true},
		{"udp", false, true, false, false, false},
		{"ip", true, true, false, true, false},
		{"ip6", false, false, true, false, true},
		{"src net 10.0.0.0/8", true, true, false, true, false},
		{"dst net 10.0.0.0/8", false, false, false, false, false},
		{"src host 10.1.2.3", true, true, false, true, false},
		{"dst host 192.0.2.1 and dst port 6380", true, false, false, true, false},
		{"src port 50001", true, false, false, false, false},
		{"dst port 53", false, true, false, false, false},
		{"src net 2001:db8::/32", false, false, true, false, true},
		{"not src host 10.1.2.3", false, false, true, false, true},
		{"tcp[tcpflags] & tcp-syn != 0", true, false, false, true, false},
		{"len > 65535", false, false, false, false, false},
	};
	struct flow_addrs tcp4 =
		flow_of(TRANSPORT_TCP, "10.1.2.3", 50001, "192.0.2.1", 6380);
	struct flow_addrs udp4 =
		flow_of(TRANSPORT_UDP, "10.1.2.3", 50002, "192.0.2.1", 53);
	struct flow_addrs tcp6 =
		flow_of(TRANSPORT_TCP, "2001:db8::7", 50003, "2001:db8::1", 6380);
	struct flow_addrs mapped = flow_of(TRANSPORT_TCP, "::ffff:10.1.2.3", 50004,
					   "::ffff:192.0.2.1", 6380);
	struct flow_addrs mixed =
		flow_of(TRANSPORT_TCP, "2001:db8::7", 50005, "192.0.2.1", 6380);

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];

		print_message("# \"%s\"\n", row->expression);
		assert_int_equal(matches(row->expression, &tcp4), row->tcp4);
		assert_int_equal(matches(row->expression, &udp4), row->udp4);
		assert_int_equal(matches(row->expression, &tcp6), row->tcp6);
		assert_int_equal(matches(row->expression, &mapped), row->mapped);
		assert_int_equal(matches(row->expression, &mixed), row->mixed);
	}
}

static void unix_sockets_match_only_the_empty_filter(void **state)
{
	static const struct flow_addrs unix_flow = {.transport = TRANSPORT_UNIX};

	(void)state;
	assert_true(matches("", &unix_flow));
	assert_true(matches(" \t", &unix_flow));
	assert_false(matches("tcp", &unix_flow));
	assert_false(matches("not udp", &unix_flow));
}

static void errors_hold_the_expression(void **state)
{
	static const char *const ROWS[] = {"src nett 10.0.0.0/8", "port 70000", "(tcp",
					   "vlan 3"};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct err err = {0};

		assert_null(flowfilter_new(ROWS[i], &err));
		assert_int_equal(err.code, ERR_INPUT);
		assert_non_null(strstr(err.text, ROWS[i]));
		assert_true(strlen(err.text) > strlen(ROWS[i]) + 10);
		assert_null(flowfilter_new(ROWS[i], NULL));
	}
	flowfilter_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions),
		cmocka_unit_test(unix_sockets_match_only_the_empty_filter),
		cmocka_unit_test(errors_hold_the_expression),
	};

	return cmocka_run_group_tests_name("flowfilter", tests, NULL, NULL);
}
