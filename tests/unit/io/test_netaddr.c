#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/netaddr.h"

#include <string.h>
#include <sys/un.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static void endpoints_to_addresses_and_text(void **state)
{
	static const struct {
		const char *endpoint;
		int family;
		uint16_t port;
		const char *text;
	} ROWS[] = {
		{"tcp://127.0.0.1:6379", AF_INET, 6379, "127.0.0.1:6379"},
		{"udp://0.0.0.0:0", AF_INET, 0, "0.0.0.0:0"},
		{"tcp://[::1]:65535", AF_INET6, 65535, "[::1]:65535"},
		{"udp://[2001:db8:0:0::1]:53", AF_INET6, 53, "[2001:db8::1]:53"},
		{"unix:///run/x.sock", AF_UNIX, 0, "/run/x.sock"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct endpoint endpoint;
		struct netaddr addr;
		char text[NETADDR_TEXT_MAX];

		assert_int_equal(endpoint_parse(ROWS[i].endpoint, &endpoint, NULL), 0);
		assert_int_equal(netaddr_resolve(&endpoint, &addr, NULL), 0);
		assert_int_equal(netaddr_family(&addr), ROWS[i].family);
		assert_int_equal(netaddr_port(&addr), ROWS[i].port);
		netaddr_format(&addr, text);
		assert_string_equal(text, ROWS[i].text);
	}
}

static void a_name_that_nobody_has(void **state)
{
	struct endpoint endpoint = {.transport = TRANSPORT_TCP, .port = 1};
	struct netaddr addr;
	struct err err;

	(void)state;
	/* Longer than a label may be (RFC 1035, 2.3.4), so no resolver is asked. */
	memset(endpoint.host, 'x', 100);
	assert_int_not_equal(netaddr_resolve(&endpoint, &addr, &err), 0);
	assert_non_null(strstr(err.text, "can't look up the host xxx"));
}

static void mapped_ipv4_is_ipv4(void **state)
{
	struct endpoint endpoint;
	struct netaddr addr;
	struct ipaddr ip;
	char text[NETADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(endpoint_parse("tcp://[::ffff:192.0.2.1]:80", &endpoint, NULL),
			 0);
	assert_int_equal(netaddr_resolve(&endpoint, &addr, NULL), 0);
	ip = netaddr_ip(&addr);
	assert_int_equal(ip.len_bytes, 4);
	assert_memory_equal(ip.bytes, "\xc0\x00\x02\x01", 4);
	netaddr_format(&addr, text);
	assert_string_equal(text, "192.0.2.1:80");
}

static void unix_sockets_without_a_path(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct netaddr addr = {.len = offsetof(struct sockaddr_un, sun_path)};
	char text[NETADDR_TEXT_MAX];

	(void)state;
	memcpy(&addr.addr, &un, sizeof(un));
	netaddr_format(&addr, text);
	assert_string_equal(text, "unix");
	assert_int_equal(netaddr_ip(&addr).len_bytes, 0);
	memcpy(un.sun_path, "\0name", 5);
	memcpy(&addr.addr, &un, sizeof(un));
	addr.len += 5;
	netaddr_format(&addr, text);
	assert_string_equal(text, "@name");
	addr.len = 0;
	netaddr_format(&addr, text);
	assert_string_equal(text, "");
}

/* A path that fills sun_path has no NUL when the kernel reports it. */
static void a_path_of_all_108_bytes(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct netaddr addr = {.len = sizeof(un)};
	char text[NETADDR_TEXT_MAX];

	(void)state;
	memset(un.sun_path, 'p', sizeof(un.sun_path));
	memcpy(&addr.addr, &un, sizeof(un));
	netaddr_format(&addr, text);
	assert_int_equal(strlen(text), sizeof(un.sun_path));
}

static void socket_types(void **state)
{
	(void)state;
	assert_int_equal(transport_socktype(TRANSPORT_TCP), SOCK_STREAM);
	assert_int_equal(transport_socktype(TRANSPORT_UDP), SOCK_DGRAM);
	assert_int_equal(transport_socktype(TRANSPORT_UNIX), SOCK_STREAM);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(endpoints_to_addresses_and_text),
		cmocka_unit_test(a_name_that_nobody_has),
		cmocka_unit_test(mapped_ipv4_is_ipv4),
		cmocka_unit_test(unix_sockets_without_a_path),
		cmocka_unit_test(a_path_of_all_108_bytes),
		cmocka_unit_test(socket_types),
	};

	return cmocka_run_group_tests_name("netaddr", TESTS, NULL, NULL);
}
