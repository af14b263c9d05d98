#include "app/run_parts.h"

#include <stdio.h>
#include <stdlib.h>

static void free_unused_configs(struct run *run)
{
	struct old_config **at = &run->old;

	while (*at) {
		struct old_config *old = *at;

		/* One reference is the config's own. */
		if (old->config->rules->refs > 1 || old->config == run->first) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		config_free(old->config);
		free(old);
	}
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->transport == b->transport && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

static bool same_upstream(const struct proxy *a, const struct proxy *b)
{
	char a_text[ENDPOINT_TEXT_MAX], b_text[ENDPOINT_TEXT_MAX];

	config_proxy_upstream(a, a_text);
	config_proxy_upstream(b, b_text);
	return strcmp(a_text, b_text) == 0;
}

static bool same_framer(const struct framer *a, const struct framer *b)
{
	if (a->row != b->row) {
		return false;
	}
	for (size_t i = 0; a->row->options[i].name; i++) {
		if (a->vals[i].present != b->vals[i].present ||
		    (a->vals[i].present &&
		     strcmp(a->vals[i].text, b->vals[i].text) != 0)) {
			return false;
		}
	}
	return true;
}

static bool same_proxies(const struct config *a, const struct config *b)
{
	if (a->num_proxies != b->num_proxies) {
		return false;
	}
	for (size_t i = 0; i < a->num_proxies; i++) {
		const struct proxy *p = &a->proxies[i], *q = &b->proxies[i];

		if (strcmp(p->name, q->name) != 0 ||
		    !same_endpoint(&p->listen, &q->listen) || !same_upstream(p, q) ||
		    !same_framer(&p->framer, &q->framer)) {
			return false;
		}
	}
	return true;
}

static void use_config(struct run *run, struct config *config)
{
	struct old_config *old = xcalloc(1, sizeof(*old));
	size_t passing;

	config->rules->generation = run->config->rules->generation + 1;
	config_bind_seed(config, run->facts.seed);
	passing = engine_set_rules(run->engine, config->rules);
	old->config = run->config;
	old->next = run->old;
	run->old = old;
	run->config = config;
	run->facts.config = config;
	fprintf(stderr, "turncoat: reloaded, generation %llu: %zu rule%s\n",
		(unsigned long long)config->rules->generation, config->rules->num_rules,
		config->rules->num_rules == 1 ? "" : "s");
	if (passing) {
		fprintf(stderr,
			"turncoat: %zu sides of open lanes had no rule and pass until "
			"they "
			"reconnect (passthrough = never judges from the start)\n",
			passing);
	}
	if (!same_proxies(run->first, config)) {
		fprintf(stderr,
			"turncoat: proxies can't change while running: only the rules "
			"were taken\n");
	}
}

void run_reload(void *ctx)
{
	struct run *run = ctx;
	struct text line = {0};
	struct config *config;
	struct err err = {0};
	int64_t now_ns = loop_now_ns(run->loop);

	if (run->options.replay) {
		fputs("turncoat: a replay takes its rules from its log: nothing was "
		      "reloaded\n",
		      stderr);
		return;
	}
	if (config_load(run->options.paths, run->options.num_paths, &config, &err) < 0) {
		fprintf(stderr, "turncoat: reload refused, the old rules stay: %s\n",
			err.text);
		report_refused_line(err.text, now_ns, &line);
	} else {
		use_config(run, config);
		report_reload_line(config, now_ns, &line);
		free_unused_configs(run);
	}
	declog_write(run->log, span_of(line.data, line.len), false);
	live_settle(&run->live);
	text_done(&line);
}
