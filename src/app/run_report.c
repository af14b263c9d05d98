#include "app/run_report.h"

#include "base/json.h"
#include "base/quantity.h"
#include "core/record.h"
#include "io/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the log's own lines --- */

static void put_key(struct text *out, const char *key)
{
	char last = out->data[out->len - 1];

	if (last != '{' && last != '[') {
		text_byte(out, ',');
	}
	json_str(out, span_str(key));
	text_byte(out, ':');
}

static void put_str(struct text *out, const char *key, const char *value)
{
	put_key(out, key);
	json_str(out, span_str(value));
}

static void put_files(const struct config *config, struct text *out)
{
	put_key(out, "files");
	text_byte(out, '[');
	for (size_t i = 0; i < config->num_files; i++) {
		text_str(out, i ? ",{" : "{");
		put_str(out, "name", config->files[i].path);
		put_key(out, "text");
		json_str(out, config->files[i].text);
		text_byte(out, '}');
	}
	text_byte(out, ']');
}

static int compare_proxies(const void *left, const void *right)
{
	const struct proxy *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

/* Keys are sorted, so proxies come by name. */
static const struct proxy **proxies_by_name(const struct config *config)
{
	const struct proxy **sorted = xcalloc(config->num_proxies, sizeof(*sorted));

	for (size_t i = 0; i < config->num_proxies; i++) {
		sorted[i] = &config->proxies[i];
	}
	qsort(sorted, config->num_proxies, sizeof(*sorted), compare_proxies);
	return sorted;
}

static void put_proxies(const struct config *config, struct text *out)
{
	const struct proxy **sorted = proxies_by_name(config);
	char listen[ENDPOINT_TEXT_MAX], upstream[ENDPOINT_TEXT_MAX];

	put_key(out, "proxies");
	text_byte(out, '{');
	for (size_t i = 0; i < config->num_proxies; i++) {
		endpoint_format(&sorted[i]->listen, listen);
		config_proxy_upstream(sorted[i], upstream);
		put_key(out, sorted[i]->name);
		text_byte(out, '{');
		put_str(out, "frame", sorted[i]->framer.row->name);
		put_str(out, "listen", listen);
		put_str(out, "upstream", upstream);
		text_byte(out, '}');
	}
	text_byte(out, '}');
	free(sorted);
}

static void put_bound(const struct run_facts *facts, struct text *out)
{
	const struct proxy **sorted = proxies_by_name(facts->config);
	char address[NETADDR_TEXT_MAX];

	put_key(out, "bound");
	text_byte(out, '{');
	for (size_t i = 0; i < facts->config->num_proxies; i++) {
		netaddr_format(&facts->bound[sorted[i]->index], address);
		put_str(out, sorted[i]->name, address);
	}
	text_byte(out, '}');
	free(sorted);
}

/* What differs between two runs of the same; a replay has nothing of it. */
static void put_process(const struct run_facts *facts, struct text *out)
{
	put_key(out, "argv");
	text_byte(out, '[');
	for (int i = 0; i < facts->options->argc; i++) {
		if (i) {
			text_byte(out, ',');
		}
		json_str(out, span_str(facts->options->argv[i]));
	}
	text_byte(out, ']');
	put_bound(facts, out);
	put_key(out, "pid");
	text_u64(out, (uint64_t)getpid());
}

void report_header_line(const struct run_facts *facts, struct text *out)
{
	char start[CLOCK_TEXT_MAX];

	text_byte(out, '{');
	put_key(out, "abi");
	text_u64(out, TURNCOAT_ABI);
	put_files(facts->config, out);
	put_proxies(facts->config, out);
	put_key(out, "seed");
	text_u64(out, facts->seed);
	put_str(out, "type", "header");
	put_str(out, "version", PACKAGE_VERSION);
	put_key(out, "wall");
	text_byte(out, '{');
	if (facts->options) {
		put_process(facts, out);
	}
	clock_format(facts->start_realtime_ns, start);
	put_str(out, "start", start);
	text_str(out, "}}\n");
}

static void put_wall_at(int64_t at_ns, struct text *out)
{
	put_key(out, "wall");
	text_str(out, "{\"at\":");
	text_i64(out, at_ns);
	text_str(out, "}}\n");
}

void report_reload_line(const struct config *config, int64_t at_ns, struct text *out)
{
	text_byte(out, '{');
	put_files(config, out);
	put_key(out, "generation");
	text_u64(out, config->rules->generation);
	put_str(out, "type", "reload");
	put_wall_at(at_ns, out);
}

void report_refused_line(const char *why, int64_t at_ns, struct text *out)
{
	text_byte(out, '{');
	put_str(out, "error", why);
	put_str(out, "type", "reload-refused");
	put_wall_at(at_ns, out);
}

static int compare_rules(const void *left, const void *right)
{
	const struct rule *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

void report_summary_line(const struct config *config, const struct engine *engine,
			 int64_t at_ns, struct text *out)
{
	size_t num = config->rules->num_rules;
	const struct rule **sorted = xcalloc(num, sizeof(*sorted));
	struct side_stats totals = engine_totals(engine);

	for (size_t i = 0; i < num; i++) {
		sorted[i] = &config->rules->rules[i];
	}
	qsort(sorted, num, sizeof(*sorted), compare_rules);
	text_byte(out, '{');
	put_key(out, "rules");
	text_byte(out, '{');
	for (size_t i = 0; i < num; i++) {
		struct rule_stats stats = engine_rule_stats(engine, sorted[i]->name);

		put_key(out, sorted[i]->name);
		text_str(out, "{\"considered\":");
		text_u64(out, stats.considered);
		text_str(out, ",\"fired\":");
		text_u64(out, stats.fired);
		text_str(out, ",\"matched\":");
		text_u64(out, stats.matched);
		text_byte(out, '}');
	}
	text_byte(out, '}');
	put_key(out, "totals");
	record_stats(out, &totals, false);
	put_str(out, "type", "summary");
	put_wall_at(at_ns, out);
	free(sorted);
}

/* --- the ready file and the command's environment --- */

static void put_variable(const char *proxy, const char *tail, struct text *out)
{
	text_str(out, "TURNCOAT_");
	for (const char *c = proxy; *c; c++) {
		int up = toupper((unsigned char)*c);

		text_byte(out, (up >= 'A' && up <= 'Z') || (up >= '0' && up <= '9')
				       ? (char)up
				       : '_');
	}
	text_str(out, tail);
	text_byte(out, '=');
}

static void put_services(const struct run_facts *facts, struct text *out)
{
	for (size_t i = 0; facts->trial && i < facts->config->num_services; i++) {
		const struct service_spec *service = &facts->config->services[i];

		for (unsigned n = 0; n < service->num_ports; n++) {
			uint16_t port = trial_port(facts->trial, i, n);

			if (n == 0) {
				put_variable(service->name, "", out);
				text_format(out, "127.0.0.1:%u\n", port);
			}
			put_variable(service->name, "_PORT", out);
			if (n > 0) {
				out->len--; /* the '=' */
				text_format(out, "%u=", n + 1);
			}
			text_format(out, "%u\n", port);
		}
	}
}

void report_ready_lines(const struct run_facts *facts, struct text *out)
{
	char address[NETADDR_TEXT_MAX];

	for (size_t i = 0; i < facts->config->num_proxies; i++) {
		const struct proxy *proxy = &facts->config->proxies[i];

		if (facts->bound[i].len == 0) {
			continue; /* a replay's trace has nothing of it */
		}
		netaddr_format(&facts->bound[i], address);
		put_variable(proxy->name, "", out);
		text_format(out, "%s\n", address);
		if (proxy->listen.transport != TRANSPORT_UNIX) {
			put_variable(proxy->name, "_PORT", out);
			text_format(out, "%u\n", netaddr_port(&facts->bound[i]));
		}
	}
	put_services(facts, out);
}

/* --- for people --- */

void report_started(const struct run_facts *facts, struct text *out)
{
	char address[NETADDR_TEXT_MAX], upstream[ENDPOINT_TEXT_MAX];

	text_format(out, "turncoat: seed %llu, %zu rule%s, log %s\n",
		    (unsigned long long)facts->seed, facts->config->rules->num_rules,
		    facts->config->rules->num_rules == 1 ? "" : "s",
		    facts->log_path ? facts->log_path : "none (--log FILE keeps one)");
	if (facts->options->replay) {
		const struct replay_log *log = facts->options->replay;

		text_format(out, "turncoat: replaying %s: %llu units, %llu faults\n",
			    log->path, (unsigned long long)log->replay->num_units,
			    (unsigned long long)log->replay->num_faults);
	}
	for (size_t i = 0; i < facts->config->num_proxies && !facts->options->stand_in;
	     i++) {
		const struct proxy *proxy = &facts->config->proxies[i];

		netaddr_format(&facts->bound[i], address);
		config_proxy_upstream(proxy, upstream);
		text_format(out, "turncoat: %s listens on %s%s -> %s\n", proxy->name,
			    proxy->listen.transport == TRANSPORT_UDP ? "udp " : "",
			    address, upstream);
	}
}

/* "5.13%" of a part in a whole, in integers; "-" of nothing. */
static void put_rate(struct text *out, uint64_t part, uint64_t whole)
{
	if (whole == 0) {
		text_byte(out, '-');
		return;
	}
	text_format(out, "%.2f%%", 100.0 * (double)part / (double)whole);
}

static void put_rule_row(const struct rule *rule, const struct engine *engine,
			 struct text *out)
{
	struct rule_stats stats = engine_rule_stats(engine, rule->name);
	struct text rate = {0}, chance = {0};

	put_rate(&rate, stats.fired, stats.matched);
	text_chance(&chance, rule->chance);
	text_format(out, "  %-24s %12llu %12llu %12llu %9s  %s\n", rule->name,
		    (unsigned long long)stats.considered,
		    (unsigned long long)stats.matched, (unsigned long long)stats.fired,
		    text_cstr(&rate), text_cstr(&chance));
	text_done(&rate);
	text_done(&chance);
}

void report_finished(const struct run_facts *facts, const struct engine *engine,
		     struct text *out)
{
	const struct ruleset *rules = facts->config->rules;
	struct engine_counts counts = engine_counts(engine);
	struct side_stats totals = engine_totals(engine);

	text_format(out,
		    "turncoat: %llu lane%s, %llu units in, %llu out, %llu dropped, %llu "
		    "held; "
		    "%llu bytes in, %llu out\n",
		    (unsigned long long)counts.lanes, counts.lanes == 1 ? "" : "s",
		    (unsigned long long)totals.units_in,
		    (unsigned long long)totals.units_out,
		    (unsigned long long)totals.units_dropped,
		    (unsigned long long)totals.units_held,
		    (unsigned long long)totals.bytes_in,
		    (unsigned long long)totals.bytes_out);
	if (rules->num_rules) {
		text_format(out, "  %-24s %12s %12s %12s %9s  %s\n", "rule", "considered",
			    "matched", "fired", "rate", "chance");
	}
	for (size_t i = 0; i < rules->num_rules; i++) {
		put_rule_row(&rules->rules[i], engine, out);
	}
	if (counts.weak_lanes) {
		text_format(out,
			    "turncoat: %llu lanes are weak: others of the same label "
			    "were open "
			    "at the same time,\n"
			    "  so which is which depends on timing; `label = /…/` names "
			    "them by "
			    "content, --strict refuses them\n",
			    (unsigned long long)counts.weak_lanes);
	}
	if (counts.late_units) {
		text_format(out,
			    "turncoat: %llu units went on late (`hold` ran out): such "
			    "runs repeat "
			    "by their log, not by their seed alone\n",
			    (unsigned long long)counts.late_units);
	}
}

static bool has_control(const char *word)
{
	while (*word && (uint8_t)*word >= ' ' && *word != '\x7f') {
		word++;
	}
	return *word;
}

/* Between quotes, on one line: $'...' where that takes escapes (bash, zsh, POSIX.1-2024).
 */
static void put_quoted(const char *word, struct text *out)
{
	bool escape = has_control(word);

	text_str(out, escape ? "$'" : "'");
	for (; *word; word++) {
		if (escape && (*word == '\'' || *word == '\\')) {
			text_format(out, "\\%c", *word);
		} else if (*word == '\'') {
			text_str(out, "'\\''");
		} else if ((uint8_t)*word < ' ' || *word == '\x7f') {
			text_format(out, "\\%03o", (unsigned)(uint8_t)*word);
		} else {
			text_byte(out, *word);
		}
	}
	text_byte(out, '\'');
}

/* As a shell reads it. */
static void put_word(const char *word, struct text *out)
{
	static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=@%+,";

	if (*word && !word[strspn(word, PLAIN)]) {
		text_str(out, word);
	} else {
		put_quoted(word, out);
	}
}

/* What bears on the result; where outputs go does not. */
static void put_options(const struct run_options *options, struct text *out)
{
	if (options->own_ports) {
		text_str(out, " --own-ports");
	}
	if (options->timeout_ns) {
		text_str(out, " --timeout ");
		text_duration(out, options->timeout_ns);
	}
	if (options->allow_vacuous) {
		text_str(out, " --allow-vacuous");
	}
}

static void put_command(const struct run_facts *facts, struct text *out)
{
	if (facts->options) {
		put_options(facts->options, out);
	}
	if (facts->options && facts->options->command) {
		text_str(out, " --");
		for (char **word = facts->options->command; *word; word++) {
			text_byte(out, ' ');
			put_word(*word, out);
		}
	}
}

void report_again(const struct run_facts *facts, struct text *out)
{
	const char *before = " ";

	if (facts->options && facts->options->replay) {
		return; /* says itself how it went */
	}
	if (facts->options && facts->options->again) {
		text_format(out, "turncoat: the same faults again: %s --seed %llu",
			    facts->options->again, (unsigned long long)facts->seed);
		put_command(facts, out);
		text_byte(out, '\n');
		return;
	}
	text_str(out, "turncoat: the same faults again: turncoat ");
	if (facts->trace_path) {
		text_format(out, "replay %s", facts->trace_path);
		before = " --rules ";
	} else {
		text_str(out, "run");
	}
	for (size_t i = 0; i < facts->config->num_files && !facts->own_rules; i++) {
		text_format(out, "%s%s", before, facts->config->files[i].path);
		before = facts->trace_path ? "," : " ";
	}
	text_format(out, " --seed %llu", (unsigned long long)facts->seed);
	put_command(facts, out);
	text_byte(out, '\n');
}

static void put_names(const struct config *config, const struct engine *engine,
		      bool matched, const char *what, struct text *out)
{
	const char *before = what;

	for (size_t i = 0; i < config->rules->num_rules; i++) {
		const struct rule *rule = &config->rules->rules[i];
		struct rule_stats stats = engine_rule_stats(engine, rule->name);

		if (rule_inert(rule) || stats.fired || (stats.matched > 0) != matched) {
			continue;
		}
		if (before == what && out->len) {
			text_str(out, "; ");
		}
		text_format(out, "%s%s", before, rule->name);
		before = ", ";
	}
}

void report_vacuous(const struct config *config, const struct engine *engine,
		    struct text *out)
{
	put_names(config, engine, false, "never matched: ", out);
	put_names(config, engine, true, "never fired: ", out);
}
