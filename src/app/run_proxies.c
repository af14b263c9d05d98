#include "app/run_parts.h"

#include <stdio.h>
#include <stdlib.h>

static uint16_t service_port(const struct run *run, const struct proxy *proxy)
{
	const struct config *config = run->first;
	size_t i = 0;

	while (i + 1 < config->num_services &&
	       strcmp(config->services[i].name, proxy->service) != 0) {
		i++;
	}
	return trial_port(run->trial, i, proxy->service_port - 1);
}

/* In place of the file's, so that several runs fit on one machine. */
static void own_address(const struct run *run, const struct proxy *proxy,
			struct endpoint *listen)
{
	listen->port = 0;
	if (listen->transport == TRANSPORT_UNIX && trial_dir(run->trial)) {
		snprintf(listen->host, sizeof(listen->host), "%s/%s.sock",
			 trial_dir(run->trial), proxy->name);
	}
}

/* Where the proxy listens, and what it connects to, in this run. */
static int find_addresses(const struct run *run, const struct proxy *proxy,
			  struct netaddr *out_listen, struct netaddr *out_upstream,
			  struct err *err)
{
	size_t behind = config_proxy_behind(run->first, proxy);
	struct endpoint listen = proxy->listen, upstream = proxy->upstream;

	if (run->options.own_ports) {
		own_address(run, proxy, &listen);
	}
	if (proxy->service) {
		upstream.port = service_port(run, proxy);
	}
	if (netaddr_resolve(&listen, out_listen, err) < 0) {
		return ERR_SYSTEM;
	}
	/* One that is in front of another has to follow it to its own port. */
	if (run->options.own_ports && behind < run->first->num_proxies) {
		*out_upstream = run->bound[behind];
		return 0;
	}
	return netaddr_resolve(&upstream, out_upstream, err);
}

static int open_proxy(struct run *run, const struct proxy *proxy, struct err *err)
{
	size_t i = proxy->index;
	struct netaddr listen, upstream;
	int code = find_addresses(run, proxy, &listen, &upstream, err);

	if (code == 0) {
		code = proxy->listen.transport == TRANSPORT_UDP
			       ? dgram_open(&run->live, proxy, &listen, &upstream,
					    &run->dgrams[i], &run->bound[i], err)
			       : stream_open(&run->live, proxy, &listen, &upstream,
					     &run->streams[i], &run->bound[i], err);
	}
	return code < 0 ? err_context(err, "%s:%u: [proxy %s]", proxy->file, proxy->line,
				      proxy->name)
			: 0;
}

/* Is it open already, or can it not be yet, as the proxy behind it is not? */
static bool must_wait(const struct run *run, const struct proxy *proxy)
{
	size_t behind = config_proxy_behind(run->first, proxy);

	return run->bound[proxy->index].len ||
	       (behind < run->first->num_proxies && !run->bound[behind].len);
}

int run_proxies_open(struct run *run, struct err *err)
{
	struct config *config = run->first;
	size_t num_open = 0;

	run->streams = xcalloc(config->num_proxies, sizeof(struct stream *));
	run->dgrams = xcalloc(config->num_proxies, sizeof(struct dgram *));
	run->bound = xcalloc(config->num_proxies, sizeof(*run->bound));
	if (run->stand_in) {
		return run->stand_in->open(run->stand_in->ctx, run, &run->live,
					   run->bound, err);
	}
	/* There are no cycles, so each turn opens at least one. */
	while (num_open < config->num_proxies) {
		for (size_t i = 0; i < config->num_proxies; i++) {
			if (must_wait(run, &config->proxies[i])) {
				continue;
			}
			if (open_proxy(run, &config->proxies[i], err) < 0) {
				return ERR_SYSTEM;
			}
			num_open++;
		}
	}
	return 0;
}

void run_proxies_stop(struct run *run)
{
	for (size_t i = 0; i < run->first->num_proxies; i++) {
		if (run->streams[i]) {
			stream_stop_accepting(run->streams[i]);
		}
		if (run->dgrams[i]) {
			dgram_stop_accepting(run->dgrams[i]);
		}
	}
	if (run->stand_in) {
		run->stand_in->stop(run->stand_in->ctx);
	}
}

bool run_proxies_pending(const struct run *run)
{
	for (size_t i = 0; i < run->first->num_proxies; i++) {
		if ((run->streams[i] && stream_pending(run->streams[i])) ||
		    (run->dgrams[i] && dgram_pending(run->dgrams[i]))) {
			return true;
		}
	}
	return run->stand_in && run->stand_in->pending(run->stand_in->ctx);
}

void run_proxies_free(struct run *run)
{
	for (size_t i = 0; run->streams && i < run->first->num_proxies; i++) {
		stream_free(run->streams[i], "shutdown");
		dgram_free(run->dgrams[i], "shutdown");
		run->streams[i] = NULL;
		run->dgrams[i] = NULL;
	}
	if (run->stand_in && run->streams) {
		run->stand_in->free(run->stand_in->ctx, "shutdown");
		run->stand_in = NULL;
	}
}
