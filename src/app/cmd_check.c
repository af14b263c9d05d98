/* turncoat check: parses rule files, says in words what they do, and warns of what is
 * surely not meant, or what the README does not promise.
 */
#include "app/config.h"
#include "app/verbs.h"

#include <stdio.h>
#include <string.h>

/* What is told */

static void tell_framer(const struct framer *framer, struct text *out)
{
	text_str(out, framer->row->name);
	for (size_t i = 0; framer->row->options[i].name; i++) {
		if (framer->vals[i].present) {
			text_format(out, " %s=%s", framer->row->options[i].name,
				    framer->vals[i].text);
		}
	}
}

static void tell_proxy(const struct proxy *proxy, struct text *out)
{
	char listen[ENDPOINT_TEXT_MAX], upstream[ENDPOINT_TEXT_MAX];

	endpoint_format(&proxy->listen, listen);
	config_proxy_upstream(proxy, upstream);
	text_format(out, "proxy %s (%s:%u): %s -> %s, frame ", proxy->name, proxy->file,
		    proxy->line, listen, upstream);
	tell_framer(&proxy->framer, out);
	if (proxy->lane_mode == LANE_LINK) {
		text_str(out, ", lane link\n");
	} else {
		text_format(out, ", lane connection, label %s\n",
			    proxy->label ? proxy->label_text : "source");
	}
}

static void tell_rule(const struct rule *rule, struct text *out)
{
	text_format(out, "rule %s (%s:%u, %s): ", rule->name, rule->file, rule->line,
		    exactness_name(rule_exactness(rule)));
	rule_describe(rule, out);
	text_byte(out, '\n');
}

static void tell_service(const struct service_spec *service, struct text *out)
{
	text_format(out, "service %s (%s:%u): %s, %u port%s, ready by %s", service->name,
		    service->file, service->line, service->command, service->num_ports,
		    service->num_ports == 1 ? "" : "s", service->ready_text);
	if (service->ready != READY_NONE) {
		text_str(out, " within ");
		text_duration(out, service->ready_wait_ns);
	}
	text_format(out, ", stopped by SIG%s%s\n", signal_name(service->stop_signal),
		    service->may_exit ? ", may exit" : "");
}

static void tell_on(const struct oracle_spec *oracle, struct text *out)
{
	text_str(out, " on ");
	if (!oracle->on) {
		text_byte(out, '*');
	}
	for (const char *const *name = oracle->on; name && *name; name++) {
		text_format(out, "%s%s", name == oracle->on ? "" : ", ", *name);
	}
}

static void tell_oracle(const struct oracle_spec *oracle, struct text *out)
{
	static const char *const WHENS[] = {"after", "during", "during and after"};

	text_format(out, "%s %s (%s:%u): ", oracle->goal ? "goal" : "invariant",
		    oracle->name, oracle->file, oracle->line);
	if (oracle->pattern) {
		text_format(out, "%s line has %s", oracle->goal ? "a" : "no",
			    oracle->pattern_text);
		tell_on(oracle, out);
	} else {
		text_format(out, "%s succeeds", oracle->command);
	}
	if (oracle->goal) {
		text_str(out, " within ");
		text_duration(out, oracle->within_ns);
		text_format(out, " of the command's %s\n",
			    oracle->pattern ? "start" : "end");
	} else {
		text_format(out, ", looked at %s the command\n",
			    WHENS[oracle->during ? 1 + oracle->after : 0]);
	}
}

static void tell_number(struct text *out, size_t num, const char *one, const char *many)
{
	text_format(out, "%zu %s", num, num == 1 ? one : many);
}

static void tell_sum(const struct config *config, struct text *out)
{
	const struct ruleset *set = config->rules;
	size_t seed_exact = 0;

	for (size_t i = 0; i < set->num_rules; i++) {
		seed_exact += rule_exactness(&set->rules[i]) == SEED_EXACT;
	}
	text_str(out, "ok: ");
	tell_number(out, config->num_proxies, "proxy", "proxies");
	text_str(out, ", ");
	tell_number(out, set->num_rules, "rule", "rules");
	text_format(out, " (%zu seed-exact, %zu log-exact)", seed_exact,
		    set->num_rules - seed_exact);
	if (config->num_services) {
		text_str(out, ", ");
		tell_number(out, config->num_services, "service", "services");
	}
	if (config->num_oracles) {
		text_str(out, ", ");
		tell_number(out, config->num_oracles, "oracle", "oracles");
	}
	if (config->num_watches) {
		text_str(out, ", ");
		tell_number(out, config->num_watches, "watch", "watches");
	}
	text_byte(out, '\n');
}

/* Warnings */

static void warn(struct text *out, const char *file, unsigned line, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

static void warn(struct text *out, const char *file, unsigned line, const char *format,
		 ...)
{
	char message[ERR_TEXT_MAX / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	text_format(out, "warning: %s:%u: %s\n", file, line, message);
}

static bool rule_on_proxy(const struct rule *rule, const struct proxy *proxy)
{
	if (!rule->on) {
		return true;
	}
	for (const char *const *name = rule->on; *name; name++) {
		if (strcmp(*name, proxy->name) == 0) {
			return true;
		}
	}
	return false;
}

/* The first proxy of the rule's that is a stream; NULL when there is none. */
static const struct proxy *rule_stream(const struct config *config,
				       const struct rule *rule)
{
	for (size_t i = 0; i < config->num_proxies; i++) {
		if (rule_on_proxy(rule, &config->proxies[i]) &&
		    config_proxy_is_stream(&config->proxies[i])) {
			return &config->proxies[i];
		}
	}
	return NULL;
}

/* Streams promise every byte, once and in order. */
static void warn_unreliable(const struct config *config, const struct rule *rule,
			    struct text *out)
{
	static const struct {
		const struct action_row *row;
		const char *what;
	} ROWS[] = {
		{&ACTION_DROP, "loses bytes of the stream"},
		{&ACTION_REORDER, "swaps bytes of the stream"},
		{&ACTION_DUPLICATE, "repeats bytes of the stream"},
	};
	const struct proxy *proxy = rule_stream(config, rule);

	for (unsigned i = 0; proxy && i < rule->num_actions; i++) {
		for (size_t r = 0; r < sizeof(ROWS) / sizeof(ROWS[0]); r++) {
			if (rule->actions[i].row == ROWS[r].row) {
				warn(out, rule->file, rule->line,
				     "%s %s that proxy %s carries: this is outside the "
				     "reliable-channel model",
				     ROWS[r].row->name, ROWS[r].what, proxy->name);
			}
		}
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_classes(const char *const *a, const char *const *b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool rule_on_all_of(const struct config *config, const struct rule *a,
			   const struct rule *b)
{
	for (size_t i = 0; i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];

		if (rule_on_proxy(b, proxy) && !rule_on_proxy(a, proxy)) {
			return false;
		}
	}
	return true;
}

/* Does `a` match whatever `b` does, as far as the texts tell? */
static bool rule_covers(const struct config *config, const struct rule *a,
			const struct rule *b)
{
	for (int side = 0; side < NUM_SIDE; side++) {
		if (b->match.sides[side] && !a->match.sides[side]) {
			return false;
		}
	}
	return rule_on_all_of(config, a, b) &&
	       (!a->lane || same_text(a->lane, b->lane)) &&
	       a->match.k_min <= b->match.k_min && a->match.k_max >= b->match.k_max &&
	       (!a->filter_text || same_text(a->filter_text, b->filter_text)) &&
	       (!a->match_text || same_text(a->match_text, b->match_text)) &&
	       (!a->match.classes ||
		(b->match.classes && same_classes(a->match.classes, b->match.classes))) &&
	       a->match.len_min <= b->match.len_min &&
	       a->match.len_max >= b->match.len_max;
}

static bool rule_always_ends(const struct rule *rule)
{
	const struct schedule *schedule = &rule->schedule;

	return rule->terminal && rule->chance.num == rule->chance.den &&
	       schedule->skip == 0 && schedule->every == 1 &&
	       schedule->count == UINT64_MAX && schedule->until == UINT64_MAX &&
	       schedule->until_ns == INT64_MAX;
}

static void warn_shadowed(const struct config *config, const struct rule *rule,
			  struct text *out)
{
	for (const struct rule *before = config->rules->rules; before < rule; before++) {
		if (rule_always_ends(before) && rule_covers(config, before, rule)) {
			warn(out, rule->file, rule->line,
			     "rule %s has no effect: rule %s of %s:%u ends each unit "
			     "that it "
			     "matches",
			     rule->name, before->name, before->file, before->line);
			return;
		}
	}
}

/* "src port 40000", also with tcp or udp before it and or-ed with dst. */
static bool names_source_port(const char *filter)
{
	const char *p = filter;

	while ((p = strstr(p, "src "))) {
		const char *word = p + strlen("src ");

		word += strspn(word, " ");
		if ((p == filter || !strchr("abcdefghijklmnopqrstuvwxyz", p[-1])) &&
		    strncmp(word, "port", strlen("port")) == 0) {
			return true;
		}
		p = word;
	}
	return strstr(filter, "src or dst port") || strstr(filter, "dst or src port");
}

static void warn_filter(const struct config *config, const struct rule *rule,
			struct text *out)
{
	if (!rule->filter_text) {
		return;
	}
	if (names_source_port(rule->filter_text)) {
		warn(out, rule->file, rule->line,
		     "the filter of rule %s reads the client's port, which the system "
		     "draws "
		     "anew for each connection",
		     rule->name);
	}
	for (size_t i = 0; *rule->filter_text && i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];

		if (rule_on_proxy(rule, proxy) &&
		    proxy->listen.transport == TRANSPORT_UNIX) {
			warn(out, rule->file, rule->line,
			     "the filter of rule %s matches nothing on proxy %s: Unix "
			     "sockets "
			     "have no addresses",
			     rule->name, proxy->name);
		}
	}
}

/* All that the framers of the rule's proxies name is "raw". */
static bool only_raw(const struct config *config, const struct rule *rule)
{
	for (size_t i = 0; i < config->num_proxies; i++) {
		if (rule_on_proxy(rule, &config->proxies[i]) &&
		    !framer_is_raw(&config->proxies[i].framer)) {
			return false;
		}
	}
	return true;
}

static void warn_never(const struct config *config, const struct rule *rule,
		       struct text *out)
{
	struct match classes = {.sides = {true, true},
				.classes = rule->match.classes,
				.len_max = UINT64_MAX,
				.k_max = UINT64_MAX};
	struct unit raw = {.class = "raw"};

	if (rule_inert(rule)) {
		warn(out, rule->file, rule->line, "rule %s is inert: its chance is 0",
		     rule->name);
	}
	if (rule->schedule.until <= rule->schedule.skip) {
		warn(out, rule->file, rule->line,
		     "rule %s never fires: until = %llu leaves nothing behind skip = "
		     "%llu",
		     rule->name, (unsigned long long)rule->schedule.until,
		     (unsigned long long)rule->schedule.skip);
	}
	if (rule->match.classes && only_raw(config, rule) &&
	    !match_unit(&classes, SIDE_REQUEST, &raw)) {
		warn(out, rule->file, rule->line,
		     "rule %s never matches: frame = raw knows no class but 'raw'",
		     rule->name);
	}
}

/* Without a label of its own, a connection's lane is told by its client's address;
 * connections that overlap and share it are numbered in the order of their coming, which
 * is no identity. */
static void warn_labels(const struct config *config, struct text *out)
{
	for (size_t i = 0; i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];

		if (proxy->lane_mode == LANE_CONNECTION && !proxy->label &&
		    proxy->listen.transport == TRANSPORT_UNIX) {
			warn(out, proxy->file, proxy->line,
			     "all clients of proxy %s share one label, as a Unix socket "
			     "has no "
			     "source: connections that overlap are weak; set label or "
			     "lane = link",
			     proxy->name);
		}
	}
}

static void tell_config(const struct config *config, struct text *out)
{
	const struct ruleset *set = config->rules;

	for (size_t i = 0; i < config->num_services; i++) {
		tell_service(&config->services[i], out);
	}
	for (size_t i = 0; i < config->num_proxies; i++) {
		tell_proxy(&config->proxies[i], out);
	}
	for (size_t i = 0; i < set->num_rules; i++) {
		tell_rule(&set->rules[i], out);
	}
	for (size_t i = 0; i < config->num_oracles; i++) {
		tell_oracle(&config->oracles[i], out);
	}
	for (size_t i = 0; i < config->num_watches; i++) {
		watch_describe(&config->watches[i], out);
	}
	warn_labels(config, out);
	for (size_t i = 0; i < set->num_rules; i++) {
		warn_never(config, &set->rules[i], out);
		warn_filter(config, &set->rules[i], out);
		warn_unreliable(config, &set->rules[i], out);
		warn_shadowed(config, &set->rules[i], out);
	}
	tell_sum(config, out);
}

static int check_files(const char *const *paths, size_t num)
{
	struct text out = {0}, problems = {0};
	struct config *config;
	int status = EXIT_PASSED;

	if (config_check(paths, num, &config, &problems) == 0) {
		tell_config(config, &out);
		config_free(config);
		if (fputs(text_cstr(&out), stdout) < 0 || fflush(stdout) != 0) {
			status = cli_complain("check", "can't write to standard output");
		}
	} else {
		fputs(text_cstr(&problems), stderr);
		status = EXIT_USAGE;
	}
	text_done(&out);
	text_done(&problems);
	return status;
}

int cmd_check(const struct verb *verb, int argc, char **argv)
{
	struct cli cli;
	int status = EXIT_PASSED;

	switch (cli_parse(verb, argc, argv, &cli)) {
	case CLI_DONE:
		break;
	case CLI_BAD:
		status = EXIT_USAGE;
		break;
	case CLI_GO:
		if (cli.num_args == 0 || cli.command) {
			status = cli_complain(
				"check", "it takes rule files, at least one: turncoat "
					 "check FILE.ini...");
		} else {
			status = check_files(cli.args, cli.num_args);
		}
		break;
	}
	cli_done(&cli);
	return status;
}
