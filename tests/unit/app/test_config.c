#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/config.h"

#include <stdlib.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Two lines that make a whole config of any [rule]; rules begin in line 4. */
#define PROXY "[proxy p]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"
#define UDP_PROXY "[proxy u]\nlisten = udp://127.0.0.1:0\nupstream = udp://127.0.0.1:1\n"
#define ADDRESSED(name, listen, upstream) \
	"[proxy " name "]\nlisten = " listen "\nupstream = " upstream "\n"

static int parse_files(const char *const *texts, size_t num, struct config **out,
		       struct err *err)
{
	static const char *const NAMES[] = {"a.ini", "b.ini"};
	struct inifile files[NUM(NAMES)];
	struct arena arena = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < num; i++) {
		rc = inifile_parse(NAMES[i], span_str(texts[i]), &arena, &files[i], err);
	}
	if (rc == 0) {
		rc = config_parse(files, num, out, err);
	}
	/* The config must not need what it was read from. */
	arena_done(&arena);
	return rc;
}

static struct config *must_parse(const char *text)
{
	struct config *config = NULL;
	struct err err = {0};

	parse_files(&text, 1, &config, &err);
	assert_string_equal(err.text, "");
	assert_non_null(config);
	return config;
}

static void check_error(const char *text, const char *error)
{
	struct config *config = NULL;
	struct err err = {0};

	assert_int_equal(parse_files(&text, 1, &config, &err), ERR_INPUT);
	assert_null(config);
	if (strncmp(err.text, error, strlen(error)) != 0) {
		assert_string_equal(err.text, error);
	}
}

static void defaults_of_a_stream_proxy(void **state)
{
	struct config *config = must_parse(PROXY);
	const struct proxy *proxy = config->proxies;

	(void)state;
	assert_int_equal(config->num_proxies, 1);
	assert_string_equal(proxy->name, "p");
	assert_string_equal(proxy->file, "a.ini");
	assert_int_equal(proxy->line, 1);
	assert_int_equal(proxy->listen.transport, TRANSPORT_TCP);
	assert_int_equal(proxy->upstream.port, 1);
	assert_true(framer_is_raw(&proxy->framer));
	assert_int_equal(proxy->lane_mode, LANE_CONNECTION);
	assert_null(proxy->label);
	assert_int_equal(proxy->label_wait_ns, 1000000000);
	assert_int_equal(proxy->hold_ns, 100000000);
	assert_int_equal(proxy->idle_ns, 0);
	assert_int_equal(proxy->connect_ns, 5000000000);
	assert_int_equal(proxy->max_flows, 65536);
	assert_int_equal(proxy->max_held_bytes, 16 << 20);
	assert_true(proxy->passthrough);
	assert_int_equal(config->rules->num_rules, 0);
	assert_false(config->seed_given);
	assert_null(config->log_path);
	assert_int_equal(config->on_log_error, LOG_ERROR_STOP);
	assert_int_equal(config->drain_ns, 2000000000);
	config_free(config);
}

static void defaults_of_a_datagram_proxy(void **state)
{
	struct config *config = must_parse(UDP_PROXY);

	(void)state;
	assert_int_equal(config->proxies->idle_ns, INT64_C(60000000000));
	assert_int_equal(config->proxies->max_flows, 4096);
	assert_int_equal(config->proxies->replies, 0);
	config_free(config);
}

static void a_framed_proxy_holds_longer(void **state)
{
	struct config *config = must_parse(PROXY "frame = line max=1KiB\n");

	(void)state;
	assert_int_equal(config->proxies->hold_ns, 2000000000);
	assert_string_equal(config->proxies->framer.row->name, "line");
	config_free(config);
	config = must_parse(PROXY "frame = line\nhold = 5ms\n");
	assert_int_equal(config->proxies->hold_ns, 5000000);
	config_free(config);
}

static void all_keys_of_a_proxy(void **state)
{
	struct config *config = must_parse(
		"[turncoat]\nseed = 9223372036854775807\nlog = run.jsonl\n"
		"on-log-error = pass\ndrain = 1ms\n"
		"[proxy a.b-c_1]\nlisten = udp://[::1]:53\nupstream = "
		"udp://localhost:54\n"
		"lane = link\nlabel = /id=(\\d+)/i\nlabel-wait = 0s\nhold = 0s\nidle = "
		"5s\n"
		"replies = 1\nmax-flows = 7\nmax-held = 4KiB\npassthrough = never\n");
	const struct proxy *proxy = config->proxies;

	(void)state;
	assert_true(config->seed_given);
	assert_true(config->seed == INT64_MAX);
	assert_string_equal(config->log_path, "run.jsonl");
	assert_int_equal(config->on_log_error, LOG_ERROR_PASS);
	assert_int_equal(config->drain_ns, 1000000);
	assert_string_equal(proxy->name, "a.b-c_1");
	assert_int_equal(proxy->lane_mode, LANE_LINK);
	assert_non_null(proxy->label);
	assert_string_equal(proxy->label_text, "/id=(\\d+)/i");
	assert_int_equal(proxy->label_wait_ns, 0);
	assert_int_equal(proxy->hold_ns, 0);
	assert_int_equal(proxy->idle_ns, 5000000000);
	assert_int_equal(proxy->replies, 1);
	assert_int_equal(proxy->max_flows, 7);
	assert_int_equal(proxy->max_held_bytes, 4096);
	assert_false(proxy->passthrough);
	config_free(config);
}

static void defaults_of_a_rule(void **state)
{
	struct config *config = must_parse(PROXY "[rule r]\ndo = drop\n");
	const struct rule *rule = config->rules->rules;

	(void)state;
	assert_int_equal(config->rules->num_rules, 1);
	assert_int_equal(config->rules->refs, 1);
	assert_string_equal(rule->name, "r");
	assert_string_equal(rule->file, "a.ini");
	assert_int_equal(rule->line, 4);
	assert_null(rule->on);
	assert_null(rule->filter);
	assert_null(rule->match.regex);
	assert_null(rule->match.classes);
	assert_true(rule->match.sides[SIDE_REQUEST] && rule->match.sides[SIDE_REPLY]);
	assert_int_equal(rule->chance.num, rule->chance.den);
	assert_int_equal(rule->schedule.skip, 0);
	assert_int_equal(rule->schedule.every, 1);
	assert_int_equal(rule->schedule.burst, 1);
	assert_true(rule->schedule.count == UINT64_MAX);
	assert_true(rule->schedule.until == UINT64_MAX);
	assert_true(rule->schedule.until_ns == INT64_MAX);
	assert_int_equal(rule->num_actions, 1);
	assert_ptr_equal(rule->actions[0].row, &ACTION_DROP);
	assert_true(rule->terminal);
	config_free(config);
}

static void all_keys_of_a_rule(void **state)
{
	struct config *config = must_parse(
		PROXY UDP_PROXY
		"[rule r]\non = p, p u\nside = reply\nclass = GET|P*\nlength = 10-200\n"
		"filter = src net 10.0.0.0/8 and tcp\nlane = p/a*#1\nk = 7-9\n"
		"match = !/^-ERR x/i\nchance = 1 in "
		"20\n"
		"skip = 2\ncount = 3\nevery = 4\nburst = 5\nuntil = 60\n"
		"do = mutate flip bits=2\ndo = delay time=50ms\n");
	const struct rule *rule = config->rules->rules;

	(void)state;
	assert_string_equal(rule->on[0], "p");
	assert_string_equal(rule->on[1], "u");
	assert_null(rule->on[2]);
	assert_false(rule->match.sides[SIDE_REQUEST]);
	assert_true(rule->match.sides[SIDE_REPLY]);
	assert_string_equal(rule->match.classes[1], "P*");
	assert_int_equal(rule->match.len_min, 10);
	assert_int_equal(rule->match.len_max, 200);
	assert_non_null(rule->filter);
	assert_string_equal(rule->filter_text, "src net 10.0.0.0/8 and tcp");
	assert_string_equal(rule->lane, "p/a*#1");
	assert_int_equal(rule->match.k_min, 7);
	assert_int_equal(rule->match.k_max, 9);
	assert_non_null(rule->match.regex);
	assert_true(rule->match.regex_negated);
	assert_string_equal(rule->match_text, "!/^-ERR x/i");
	assert_int_equal(rule->chance.num, 1);
	assert_int_equal(rule->chance.den, 20);
	assert_int_equal(rule->schedule.skip, 2);
	assert_int_equal(rule->schedule.count, 3);
	assert_int_equal(rule->schedule.every, 4);
	assert_int_equal(rule->schedule.burst, 5);
	assert_int_equal(rule->schedule.until, 60);
	assert_int_equal(rule->num_actions, 2);
	assert_ptr_equal(rule->actions[0].row, &ACTION_FLIP);
	assert_ptr_equal(rule->actions[1].row, &ACTION_DELAY);
	assert_int_equal(rule->actions[1].index, 1);
	config_free(config);
}

static void until_a_time_is_log_exact(void **state)
{
	struct config *config = must_parse(PROXY "[rule r]\nuntil = 30s\ndo = drop\n"
						 "[rule s]\nuntil = 30\ndo = drop\n");

	(void)state;
	assert_int_equal(config->rules->rules[0].schedule.until_ns, INT64_C(30000000000));
	assert_true(config->rules->rules[0].schedule.until == UINT64_MAX);
	assert_int_equal(rule_exactness(&config->rules->rules[0]), LOG_EXACT);
	assert_int_equal(config->rules->rules[1].schedule.until, 30);
	assert_int_equal(rule_exactness(&config->rules->rules[1]), SEED_EXACT);
	config_free(config);
}

static void rules_that_are_not_enabled(void **state)
{
	struct config *config =
		must_parse(PROXY "[rule a]\nenabled = no\nmatch = /x/\n"
				 "filter = tcp\ndo = mutate replace pattern=/x/ "
				 "with=\"y\"\n"
				 "[rule b]\ndo = drop\n");

	(void)state;
	assert_int_equal(config->rules->num_rules, 1);
	assert_string_equal(config->rules->rules[0].name, "b");
	assert_int_equal(config->rules->rules[0].index, 0);
	config_free(config);
	check_error(PROXY "[rule a]\nenabled = no\ndo = dorp\n", "a.ini:6: do: ");
}

static void files_are_one(void **state)
{
	static const char *const TEXTS[] = {"[rule r]\non = p\ndo = drop\n",
					    "\n" PROXY "[rule s]\ndo = drop\n"};
	static const char *const TWICE[] = {PROXY, "\n[proxy p]\nlisten = x\n"};
	struct config *config = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(parse_files(TEXTS, 2, &config, &err), 0);
	assert_int_equal(config->num_files, 2);
	assert_string_equal(config->files[1].path, "b.ini");
	assert_true(span_is(config->files[1].text, TEXTS[1]));
	assert_string_equal(config->rules->rules[0].file, "a.ini");
	assert_string_equal(config->rules->rules[1].file, "b.ini");
	assert_int_equal(config->rules->rules[1].index, 1);
	assert_int_equal(config->proxies->line, 2);
	config_free(config);
	assert_int_equal(parse_files(TWICE, 2, &config, &err), ERR_INPUT);
	assert_string_equal(err.text, "b.ini:2: [proxy p] is there already, in a.ini:1");
}

static void a_rule_set_may_outlive_its_config(void **state)
{
	struct config *config = must_parse(PROXY
					   "[rule r]\non = p\nfilter = tcp\nmatch = /x/\n"
					   "do = drop\n");
	struct ruleset *set = config->rules;

	(void)state;
	set->refs++;
	config_free(config);
	assert_int_equal(set->refs, 1);
	assert_string_equal(set->rules->file, "a.ini");
	assert_string_equal(set->rules->on[0], "p");
	assert_string_equal(set->rules->match_text, "/x/");
	config_ruleset_free(set);
}

static void the_seed_is_bound_to_each_rule(void **state)
{
	struct config *config =
		must_parse(PROXY "[rule r]\ndo = drop\n[rule s]\ndo = drop\n");
	struct rule *rules = config->rules->rules;
	struct prf_key first;

	(void)state;
	config_bind_seed(config, 42);
	assert_int_equal(config->rules->seed, 42);
	assert_memory_not_equal(&rules[0].key, &rules[1].key, sizeof(first));
	first = rules[0].key;
	config_bind_seed(config, 43);
	assert_memory_not_equal(&rules[0].key, &first, sizeof(first));
	config_bind_seed(config, 42);
	assert_memory_equal(&rules[0].key, &first, sizeof(first));
	config_free(config);
}

static void errors_say_file_line_and_name(void **state)
{
	static const struct {
		const char *text, *error;
	} ROWS[] = {
		{"[rule r]\ndo = drop\n", "a.ini: there is no [proxy NAME] section"},
		{"[turncoat x]\n", "a.ini:1: [turncoat] takes no name, but here is 'x'"},
		{"[proxy]\n", "a.ini:1: the section has no name: write [proxy NAME]"},
		{"[proxi p]\n",
		 "a.ini:1: unknown section [proxi]; did you mean [proxy NAME]?"},
		{"[zebra p]\n", "a.ini:1: unknown section [zebra]: there are"},
		{"[rule a2345678901234567890123456789012345678901]\n",
		 "a.ini:1: the name 'a2345678901234567890123456789012345678901' has 41 "
		 "characters, but at most 40 are allowed"},
		{PROXY "[rule r]\ndo = drop\nchanse = 5%\n",
		 "a.ini:6: unknown key 'chanse' in [rule r]; did you mean 'chance'?"},
		{PROXY "zebra = 5\n", "a.ini:4: unknown key 'zebra' in [proxy p]"},
		{PROXY "[rule r]\nlisten = 5\n", "a.ini:5: key 'listen' stands in [rule "
						 "r], but belongs in a [proxy] section"},
		{PROXY "[rule r]\nskip = 1\nskip = 1\n",
		 "a.ini:6: 'skip' is given twice in [rule r], first in line 5"},
		{PROXY "[rule r]\n", "a.ini:4: [rule r] has no 'do': write do = ACTION"},
		{"[proxy p]\nlisten = tcp://127.0.0.1:0\n",
		 "a.ini:1: [proxy p] has no 'upstream'"},
		{PROXY "[rule r]\ndo = drop\n[rule r]\ndo = drop\n",
		 "a.ini:6: [rule r] is there already, in a.ini:4"},
		{PROXY "[turncoat]\n[turncoat]\n",
		 "a.ini:5: [turncoat] is there already, in a.ini:4"},
		{PROXY "[rule r]\non = q2, p\ndo = drop\n",
		 "a.ini:5: on: there is no [proxy q2]"},
		{"[proxy cache]\nlisten = tcp://h:0\nupstream = tcp://h:1\n"
		 "[rule r]\non = cahce\ndo = drop\n",
		 "a.ini:5: on: there is no [proxy cahce]; did you mean 'cache'?"},
		{PROXY "[rule r]\non = ,\ndo = drop\n", "a.ini:5: on: it names no proxy"},
		{PROXY "[rule r]\nchance = 5\ndo = drop\n",
		 "a.ini:5: chance: '5' is a bare number"},
		{PROXY "[rule r]\nchance = 100.1%\ndo = drop\n",
		 "a.ini:5: chance: '100.1%' is more than 100%"},
		{PROXY "[rule r]\nside = replies\ndo = drop\n",
		 "a.ini:5: side: unknown choice 'replies'; did you mean 'reply'?"},
		{PROXY "[rule r]\nuntil = 30 s\ndo = drop\n", "a.ini:5: until: "},
		{PROXY "[rule r]\nuntil = 0\ndo = drop\n",
		 "a.ini:5: until: 0 is too small"},
		{PROXY "[rule r]\ncount = 0\ndo = drop\n",
		 "a.ini:5: count: 0 is out of range"},
		{PROXY "[rule r]\nevery = 0\ndo = drop\n",
		 "a.ini:5: every: 0 is out of range"},
		{PROXY "[rule r]\nlength = 9-8\ndo = drop\n", "a.ini:5: length: "},
		{PROXY "[rule r]\nk = 9-8\ndo = drop\n",
		 "a.ini:5: k: \"9-8\": the first is above the second"},
		{PROXY "[rule r]\nk = -1\ndo = drop\n", "a.ini:5: k: \"-1\" (write 7"},
		{PROXY "[rule r]\nk = 1-\ndo = drop\n", "a.ini:5: k: \"1-\" (write 7"},
		{PROXY "[rule r]\nk = 99999999999999999999999999\ndo = drop\n",
		 "a.ini:5: k: \"9999"},
		{PROXY "[rule r]\nlane =\ndo = drop\n", "a.ini:5: "},
		{PROXY "[rule r]\nmatch = x\ndo = drop\n",
		 "a.ini:5: match: 'x' is not a pattern between slashes"},
		{PROXY "[rule r]\nmatch = /(/\ndo = drop\n", "a.ini:5: match: "},
		{PROXY "[rule r]\nfilter = sauce net\ndo = drop\n", "a.ini:5: filter: "},
		{PROXY "[rule r]\ndo = drop\ndo = delay time=5\n",
		 "a.ini:6: do: delay: time: '5' has no unit"},
		{PROXY "[rule r]\ndo = delya time=5ms\n",
		 "a.ini:5: do: unknown action 'delya'"},
		{PROXY "frame = lien\n", "a.ini:4: frame: unknown framer 'lien'"},
		{PROXY "frame = line maxx=3\n", "a.ini:4: frame: "},
		{PROXY "label = sorce\n",
		 "a.ini:4: label: 'sorce' is neither source nor"},
		{PROXY "label = /(/\n", "a.ini:4: label: "},
		{PROXY "hold = 5\n", "a.ini:4: hold: '5' has no unit"},
		{PROXY "idle = 5s\n", "a.ini:4: idle is only for proxies of datagrams"},
		{PROXY "replies = 1\n",
		 "a.ini:4: replies is only for proxies of datagrams"},
		{UDP_PROXY "connect = 1s\n",
		 "a.ini:4: connect is only for proxies of streams"},
		{ADDRESSED("p", "127.0.0.1:5", "tcp://h:1"),
		 "a.ini:2: listen: '127.0.0.1:5' does not begin with"},
		{ADDRESSED("p", "udp://127.0.0.1:5", "tcp://h:1"),
		 "a.ini:3: [proxy p] listens for datagrams, but its upstream takes a "
		 "stream"},
		{ADDRESSED("p", "unix:///x", "udp://h:1"),
		 "a.ini:3: [proxy p] listens for a stream, but its upstream takes "
		 "datagrams"},
		{ADDRESSED("p", "tcp://127.0.0.1:5", "tcp://h:0"),
		 "a.ini:3: upstream: port 0 is nowhere"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		check_error(ROWS[i].text, ROWS[i].error);
	}
}

static void proxies_that_collide(void **state)
{
	static const struct {
		const char *text, *error; /* NULL: they do not */
	} ROWS[] = {
		{ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://h:1")
			 ADDRESSED("b", "tcp://127.0.0.1:5", "tcp://h:1"),
		 "a.ini:4: [proxy b] listens on tcp://127.0.0.1:5, where [proxy a] of "
		 "a.ini:1 "
		 "listens already"},
		{ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://h:1")
			 ADDRESSED("b", "tcp://0.0.0.0:5", "tcp://h:1"),
		 "a.ini:4: [proxy b] listens"},
		{ADDRESSED("a", "tcp://[0:0:0:0:0:0:0:1]:5", "tcp://h:1")
			 ADDRESSED("b", "tcp://[::1]:5", "tcp://h:1"),
		 "a.ini:4: [proxy b] listens"},
		{ADDRESSED("a", "unix:///x", "tcp://h:1")
			 ADDRESSED("b", "unix:///x", "tcp://h:1"),
		 "a.ini:4: [proxy b] listens"},
		{ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://h:1")
			 ADDRESSED("b", "udp://127.0.0.1:5", "udp://h:1"),
		 NULL},
		{ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://h:1")
			 ADDRESSED("b", "tcp://127.0.0.2:5", "tcp://h:1"),
		 NULL},
		{ADDRESSED("a", "tcp://127.0.0.1:0", "tcp://h:1")
			 ADDRESSED("b", "tcp://127.0.0.1:0", "tcp://h:1"),
		 NULL},
		{ADDRESSED("a-b", "tcp://h:2", "tcp://h:1")
			 ADDRESSED("A_B", "tcp://h:3", "tcp://h:1"),
		 "a.ini:1: [proxy A_B] and [proxy a-b] would both set the variable "
		 "TURNCOAT_A_B"},
		{ADDRESSED("a", "tcp://h:2", "tcp://h:1")
			 ADDRESSED("a-port", "tcp://h:3", "tcp://h:1"),
		 "a.ini:4: [proxy a] and [proxy a-port] would both set the variable "
		 "TURNCOAT_A_PORT"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		if (ROWS[i].error) {
			check_error(ROWS[i].text, ROWS[i].error);
		} else {
			config_free(must_parse(ROWS[i].text));
		}
	}
}

static void cycles_of_proxies(void **state)
{
	(void)state;
	check_error(ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://localhost:5"),
		    "a.ini:1: the proxies' upstreams form a cycle, which no byte would "
		    "leave: a "
		    "-> a");
	check_error(ADDRESSED("x", "tcp://127.0.0.1:4", "tcp://127.0.0.1:5")
			    ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://127.0.0.1:6")
				    ADDRESSED("b", "tcp://0.0.0.0:6", "unix:///c")
					    ADDRESSED("c", "unix:///c",
						      "tcp://127.0.0.1:5"),
		    "a.ini:4: the proxies' upstreams form a cycle, which no byte would "
		    "leave: a "
		    "-> b -> c -> a");
	/* A chain is none. */
	config_free(must_parse(ADDRESSED("a", "tcp://127.0.0.1:5", "tcp://127.0.0.1:6")
				       ADDRESSED("b", "tcp://127.0.0.1:6", "tcp://h:7")));
	/* Port 0 is another each time. */
	config_free(must_parse(ADDRESSED("a", "tcp://127.0.0.1:0", "tcp://127.0.0.1:6")
				       ADDRESSED("b", "tcp://127.0.0.1:6", "tcp://h:7")));
}

static void seeds_fit_a_json_integer(void **state)
{
	uint64_t seed = 7;
	struct err err;

	(void)state;
	assert_int_equal(config_parse_seed("0", &seed, &err), 0);
	assert_int_equal(seed, 0);
	assert_int_equal(config_parse_seed("9223372036854775807", &seed, &err), 0);
	assert_true(seed == INT64_MAX);
	assert_int_equal(config_parse_seed("9223372036854775808", &seed, &err),
			 ERR_INPUT);
	assert_int_equal(config_parse_seed("-1", &seed, &err), ERR_INPUT);
	assert_int_equal(config_parse_seed("", &seed, &err), ERR_INPUT);
	assert_true(seed == INT64_MAX);
}

static void add_rules(struct text *text, unsigned num)
{
	text_clear(text);
	text_str(text, PROXY);
	for (unsigned i = 0; i < num; i++) {
		text_format(text, "[rule r%u]\ndo = drop\n", i);
	}
}

static void as_many_rules_as_allowed(void **state)
{
	struct config *config = NULL;
	struct text text = {0};
	const char *only;
	struct err err;

	(void)state;
	add_rules(&text, CONFIG_RULES_MAX);
	config = must_parse(text_cstr(&text));
	assert_int_equal(config->rules->num_rules, CONFIG_RULES_MAX);
	config_free(config);
	add_rules(&text, CONFIG_RULES_MAX + 1);
	only = text_cstr(&text);
	assert_int_equal(parse_files(&only, 1, &config, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "1025 [rule NAME] sections, but at most 1024"));
	text_done(&text);
}

/* Every default parses, and every row has its help. */
static void key_tables_are_whole(void **state)
{
	static const struct optrow *const TABLES[] = {TURNCOAT_KEYS, PROXY_KEYS,
						      RULE_KEYS};

	(void)state;
	for (size_t t = 0; t < NUM(TABLES); t++) {
		struct optval vals[32];
		struct arena arena = {0};

		assert_in_range(optrow_num(TABLES[t]), 4, NUM(vals));
		optrow_defaults(TABLES[t], &arena, vals);
		for (const struct optrow *row = TABLES[t]; row->name; row++) {
			assert_non_null(row->help);
			assert_int_not_equal(row->help[strlen(row->help) - 1], '.');
			assert_int_equal(optrow_find(TABLES[t], row->name),
					 row - TABLES[t]);
		}
		arena_done(&arena);
	}
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(defaults_of_a_stream_proxy),
		cmocka_unit_test(defaults_of_a_datagram_proxy),
		cmocka_unit_test(a_framed_proxy_holds_longer),
		cmocka_unit_test(all_keys_of_a_proxy),
		cmocka_unit_test(defaults_of_a_rule),
		cmocka_unit_test(all_keys_of_a_rule),
		cmocka_unit_test(until_a_time_is_log_exact),
		cmocka_unit_test(rules_that_are_not_enabled),
		cmocka_unit_test(files_are_one),
		cmocka_unit_test(a_rule_set_may_outlive_its_config),
		cmocka_unit_test(the_seed_is_bound_to_each_rule),
		cmocka_unit_test(errors_say_file_line_and_name),
		cmocka_unit_test(proxies_that_collide),
		cmocka_unit_test(cycles_of_proxies),
		cmocka_unit_test(seeds_fit_a_json_integer),
		cmocka_unit_test(as_many_rules_as_allowed),
		cmocka_unit_test(key_tables_are_whole),
	};

	return cmocka_run_group_tests_name("config", TESTS, NULL, NULL);
}
