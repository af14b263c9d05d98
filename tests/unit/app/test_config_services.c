#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/config.h"

#include <signal.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* What every config needs; the sections of a test begin in line 4. */
#define PROXY "[proxy p]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"
#define SERVICE PROXY "[service s]\ncommand = run it\n"

static struct config *must_parse(const char *text)
{
	struct inifile file;
	struct arena arena = {0};
	struct config *config = NULL;
	struct err err = {0};

	if (inifile_parse("a.ini", span_str(text), &arena, &file, &err) == 0) {
		config_parse(&file, 1, &config, &err);
	}
	assert_string_equal(err.text, "");
	/* The config must not need what it was read from. */
	arena_done(&arena);
	return config;
}

static void defaults_of_a_service(void **state)
{
	struct config *config = must_parse(SERVICE);
	const struct service_spec *service = config->services;

	(void)state;
	assert_int_equal(config->num_services, 1);
	assert_string_equal(service->name, "s");
	assert_string_equal(service->file, "a.ini");
	assert_int_equal(service->line, 4);
	assert_string_equal(service->command, "run it");
	assert_int_equal(service->num_ports, 1);
	assert_int_equal(service->ready, READY_TCP);
	assert_int_equal(service->ready_wait_ns, INT64_C(30000000000));
	assert_int_equal(service->stop_signal, SIGTERM);
	assert_int_equal(service->stop_wait_ns, INT64_C(5000000000));
	assert_false(service->may_exit);
	config_free(config);
}

static void kinds_of_readiness(void **state)
{
	static const struct {
		const char *keys;
		enum ready_kind kind;
	} ROWS[] = {
		{"ports = 0\n", READY_NONE},
		{"ready = none\n", READY_NONE},
		{"ready = tcp\n", READY_TCP},
		{"ready = line /up/i\n", READY_LINE},
		{"ready = http /health?x=1\n", READY_HTTP},
		{"ports = 16\nready = http\t/\n", READY_HTTP},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		struct config *config;
		const struct service_spec *service;

		text_format(&text, SERVICE "%s", ROWS[i].keys);
		config = must_parse(text_cstr(&text));
		service = config->services;
		assert_int_equal(service->ready, ROWS[i].kind);
		assert_int_equal(!!service->ready_line, ROWS[i].kind == READY_LINE);
		assert_int_equal(!!service->ready_path, ROWS[i].kind == READY_HTTP);
		if (service->ready_path) {
			assert_int_equal(service->ready_path[0], '/');
		}
		config_free(config);
		text_done(&text);
	}
}

static void signals_that_stop(void **state)
{
	static const struct {
		const char *name;
		int signal;
	} ROWS[] = {{"INT", SIGINT},
		    {"SIGQUIT", SIGQUIT},
		    {"term", SIGTERM},
		    {"9", SIGKILL}};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		struct config *config;

		text_format(&text, SERVICE "stop = %s\n", ROWS[i].name);
		config = must_parse(text_cstr(&text));
		assert_int_equal(config->services->stop_signal, ROWS[i].signal);
		config_free(config);
		text_done(&text);
	}
}

static void services_are_kept_in_file_order(void **state)
{
	struct config *config =
		must_parse("[service z]\ncommand = a\n[service a]\ncommand = b\n" PROXY
			   "[service m]\ncommand = c\n");

	(void)state;
	assert_int_equal(config->num_services, 3);
	assert_string_equal(config->services[0].name, "z");
	assert_string_equal(config->services[1].name, "a");
	assert_string_equal(config->services[2].name, "m");
	config_free(config);
}

static void an_upstream_may_be_a_service(void **state)
{
	static const struct {
		const char *upstream, *shown;
		enum transport listen;
		unsigned port;
	} ROWS[] = {
		{"service://s", "service://s", TRANSPORT_TCP, 1},
		{"service://s/1", "service://s", TRANSPORT_TCP, 1},
		{"service://s/2", "service://s/2", TRANSPORT_UDP, 2},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		bool udp = ROWS[i].listen == TRANSPORT_UDP;
		char shown[ENDPOINT_TEXT_MAX];
		struct text text = {0};
		struct config *config;
		const struct proxy *proxy;

		text_format(&text,
			    "[proxy p]\nlisten = %s://127.0.0.1:0\nupstream = %s\n"
			    "[service s]\ncommand = a\nports = 2\n",
			    udp ? "udp" : "tcp", ROWS[i].upstream);
		config = must_parse(text_cstr(&text));
		proxy = config->proxies;
		assert_string_equal(proxy->service, "s");
		assert_int_equal(proxy->service_port, ROWS[i].port);
		assert_int_equal(proxy->upstream.transport, ROWS[i].listen);
		config_proxy_upstream(proxy, shown);
		assert_string_equal(shown, ROWS[i].shown);
		config_free(config);
		text_done(&text);
	}
}

static void when_an_invariant_is_looked_at(void **state)
{
	static const struct {
		const char *keys;
		bool during, after;
	} ROWS[] = {
		{"command = a\n", false, true},
		{"never = /a/\n", true, false},
		{"command = a\nwhen = during\n", true, false},
		{"command = a\nwhen = both\nevery = 1s\n", true, true},
		{"never = /a/\nwhen = after\n", false, true},
		{"never = /a/\nwhen = both\n", true, true},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		struct config *config;
		const struct oracle_spec *oracle;

		text_format(&text, PROXY "[invariant i]\n%s", ROWS[i].keys);
		config = must_parse(text_cstr(&text));
		oracle = config->oracles;
		assert_int_equal(config->num_oracles, 1);
		assert_false(oracle->goal);
		assert_int_equal(oracle->during, ROWS[i].during);
		assert_int_equal(oracle->after, ROWS[i].after);
		config_free(config);
		text_done(&text);
	}
}

static void whose_outputs_an_oracle_hears(void **state)
{
	static const struct {
		const char *keys;
		bool s, t, cmd;
	} ROWS[] = {
		{"expect = /a/\n", true, true, true},
		{"expect = /a/\non = *\n", true, true, true},
		{"expect = /a/\non = s, cmd\n", true, false, true},
		{"expect = /a/\non = t\n", false, true, false},
		{"command = a\n", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct text text = {0};
		struct config *config;

		text_format(&text, SERVICE "[service t]\ncommand = a\n[goal g]\n%s",
			    ROWS[i].keys);
		config = must_parse(text_cstr(&text));
		assert_true(config->oracles->goal);
		assert_int_equal(oracle_hears(config->oracles, "s"), ROWS[i].s);
		assert_int_equal(oracle_hears(config->oracles, "t"), ROWS[i].t);
		assert_int_equal(oracle_hears(config->oracles, ORACLE_COMMAND_NAME),
				 ROWS[i].cmd);
		config_free(config);
		text_done(&text);
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(defaults_of_a_service),
		cmocka_unit_test(kinds_of_readiness),
		cmocka_unit_test(signals_that_stop),
		cmocka_unit_test(services_are_kept_in_file_order),
		cmocka_unit_test(an_upstream_may_be_a_service),
		cmocka_unit_test(when_an_invariant_is_looked_at),
		cmocka_unit_test(whose_outputs_an_oracle_hears),
	};

	return cmocka_run_group_tests_name("config_services", TESTS, NULL, NULL);
}
