#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/ipaddr.h"

#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static void endpoints_there_and_back(void **state)
{
	static const struct {
		const char *text;
		enum transport transport;
		const char *host;
		uint16_t port;
	} ROWS[] = {
		{"tcp://127.0.0.1:6379", TRANSPORT_TCP, "127.0.0.1", 6379},
		{"tcp://[::1]:0", TRANSPORT_TCP, "::1", 0},
		{"tcp://[fe80::1%eth0]:7", TRANSPORT_TCP, "fe80::1%eth0", 7},
		{"udp://db-1.example:65535", TRANSPORT_UDP, "db-1.example", 65535},
		{"unix:///run/x.sock", TRANSPORT_UNIX, "/run/x.sock", 0},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct endpoint endpoint;
		char text[ENDPOINT_TEXT_MAX];

		assert_int_equal(endpoint_parse(ROWS[i].text, &endpoint, NULL), 0);
		assert_int_equal(endpoint.transport, ROWS[i].transport);
		assert_string_equal(endpoint.host, ROWS[i].host);
		assert_int_equal(endpoint.port, ROWS[i].port);
		endpoint_format(&endpoint, text);
		assert_string_equal(text, ROWS[i].text);
	}
}

static void endpoints_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} ROWS[] = {
		{"", "does not begin with"},
		{"127.0.0.1:80", "does not begin with"},
		{"http://127.0.0.1:80", "does not begin with"},
		{"tcp://127.0.0.1", "has no port"},
		{"tcp://127.0.0.1:", "has no port"},
		{"tcp://[::1]", "has no port"},
		{"tcp://[::1]80", "has no port"},
		{"tcp://:80", "has no host"},
		{"tcp://[]:80", "has no host"},
		{"tcp://[::1:80", "has no closing ]"},
		{"tcp://::1:80", "stands in brackets"},
		{"tcp://[127.0.0.1]:80", "only IPv6"},
		{"tcp://[::g]:80", "not an IP address"},
		{"tcp://a b:80", "has a ' ' in its host"},
		{"tcp://h:65536", "not within 0..65535"},
		{"tcp://h:-1", "not within 0..65535"},
		{"tcp://h:80/path", "not within 0..65535"},
		{"unix://", "no absolute path"},
		{"unix://x.sock", "no absolute path"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct endpoint endpoint;
		struct err err = {0};

		assert_int_equal(endpoint_parse(ROWS[i].text, &endpoint, &err),
				 ERR_INPUT);
		assert_non_null(strstr(err.text, ROWS[i].why));
	}
}

/* sockaddr_un has 108 bytes for the path and its NUL. */
static void socket_paths_have_a_limit(void **state)
{
	char text[256] = "unix:///";
	struct endpoint endpoint;

	(void)state;
	memset(text + 8, 'x', 106);
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	assert_int_equal(strlen(endpoint.host), 107);
	text[8 + 106] = 'x';
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), ERR_INPUT);
}

static void hosts_have_a_limit(void **state)
{
	char text[512] = "tcp://";
	struct endpoint endpoint;

	(void)state;
	memset(text + 6, 'h', ENDPOINT_HOST_MAX - 1);
	strcpy(text + 6 + ENDPOINT_HOST_MAX - 1, ":1");
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	strcpy(text + 6 + ENDPOINT_HOST_MAX - 1, "h:1");
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), ERR_INPUT);
}

/* RFC 5952, sections 4.1 to 4.3 and 5. */
static void addresses_are_canonical(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: refused */
	} ROWS[] = {
		{"127.0.0.1", "127.0.0.1"},
		{"2001:0db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:DB8::AB", "2001:db8::ab"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"::", "::"},
		{"1.2.3", NULL},
		{"1.2.3.256", NULL},
		{"1.2.3.4 ", NULL},
		{"", NULL},
		{"localhost", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct ipaddr addr;
		char text[IPADDR_TEXT_MAX];
		int rc = ipaddr_parse(ROWS[i].text, &addr, NULL);

		assert_int_equal(rc, ROWS[i].canonical ? 0 : ERR_INPUT);
		if (rc == 0) {
			ipaddr_format(&addr, text);
			assert_string_equal(text, ROWS[i].canonical);
		}
	}
}

static void no_address_is_empty_text(void **state)
{
	struct ipaddr none = {.len_bytes = 0};
	char text[IPADDR_TEXT_MAX] = "x";

	(void)state;
	ipaddr_format(&none, text);
	assert_string_equal(text, "");
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(endpoints_there_and_back),
		cmocka_unit_test(endpoints_refused),
		cmocka_unit_test(socket_paths_have_a_limit),
		cmocka_unit_test(hosts_have_a_limit),
		cmocka_unit_test(addresses_are_canonical),
		cmocka_unit_test(no_address_is_empty_text),
	};

	return cmocka_run_group_tests_name("ipaddr", TESTS, NULL, NULL);
}
