/* Whose packets they are: the proxies by the addresses that their rule file names. */
#include "base/arena.h"
#include "plane/dialogs_table.h"

#include <stdlib.h>

/* How well a server fits a proxy; the greater, the better. */
enum fit {
	FIT_NONE,
	FIT_LISTEN_PORT,
	FIT_UPSTREAM_PORT,
	FIT_LISTEN,
	FIT_UPSTREAM,
};

struct ipaddr ipaddr_unmapped(const struct ipaddr *addr)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	struct ipaddr out = *addr;

	if (addr->len_bytes == 16 && memcmp(addr->bytes, prefix, sizeof(prefix)) == 0) {
		out = (struct ipaddr){.len_bytes = 4};
		memcpy(out.bytes, addr->bytes + sizeof(prefix), 4);
	}
	return out;
}

static bool is_zero(const struct ipaddr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, addr->len_bytes) == 0;
}

static bool is_loopback(const struct ipaddr *addr)
{
	static const uint8_t ipv4[4] = {127, 0, 0, 1};
	static const uint8_t ipv6[16] = {[15] = 1};

	return memcmp(addr->bytes, addr->len_bytes == 4 ? ipv4 : ipv6, addr->len_bytes) ==
	       0;
}

static struct host host_of(const struct endpoint *endpoint)
{
	struct host host = {.port = endpoint->port};

	if (endpoint->transport == TRANSPORT_UNIX || endpoint->port == 0) {
		host.kind = HOST_NEVER;
	} else if (strcmp(endpoint->host, "localhost") == 0) {
		host.kind = HOST_LOOPBACK;
	} else if (ipaddr_parse(endpoint->host, &host.addr, NULL) < 0) {
		host.kind = HOST_ANY;
	} else {
		host.addr = ipaddr_unmapped(&host.addr);
		host.kind = is_zero(&host.addr) ? HOST_ANY : HOST_ADDRESS;
	}
	return host;
}

static void port_add(struct dialogs *dialogs, const struct host *host)
{
	if (host->kind != HOST_NEVER) {
		dialogs->ports[host->port / 8] |= (uint8_t)(1U << host->port % 8);
	}
}

static bool port_known(const struct dialogs *dialogs, uint16_t port)
{
	return dialogs->ports[port / 8] >> port % 8 & 1;
}

void proxy_hosts_init(struct dialogs *dialogs)
{
	dialogs->hosts = xcalloc(dialogs->num_proxies, sizeof(*dialogs->hosts));
	for (size_t i = 0; i < dialogs->num_proxies; i++) {
		struct proxy_hosts *hosts = &dialogs->hosts[i];

		hosts->listen = host_of(&dialogs->proxies[i].listen);
		hosts->upstream = host_of(&dialogs->proxies[i].upstream);
		port_add(dialogs, &hosts->listen);
		port_add(dialogs, &hosts->upstream);
	}
}

static bool host_is(const struct host *host, const struct ipaddr *addr)
{
	switch (host->kind) {
	case HOST_ANY:
		return true;
	case HOST_LOOPBACK:
		return is_loopback(addr);
	case HOST_ADDRESS:
		return host->addr.len_bytes == addr->len_bytes &&
		       memcmp(host->addr.bytes, addr->bytes, addr->len_bytes) == 0;
	case HOST_NEVER:
		break;
	}
	return false;
}

static enum fit fit_of(const struct proxy_hosts *hosts, const struct ipaddr *server,
		       uint16_t port)
{
	bool upstream = hosts->upstream.kind != HOST_NEVER &&
			hosts->upstream.port == port;
	bool listen = hosts->listen.kind != HOST_NEVER && hosts->listen.port == port;

	if (upstream && host_is(&hosts->upstream, server)) {
		return FIT_UPSTREAM;
	}
	if (listen && host_is(&hosts->listen, server)) {
		return FIT_LISTEN;
	}
	return upstream ? FIT_UPSTREAM_PORT : listen ? FIT_LISTEN_PORT : FIT_NONE;
}

/* The first proxy that fits the server best. */
static const struct proxy *best_fit(const struct dialogs *dialogs, bool datagrams,
				    const struct ipaddr *server, uint16_t port,
				    enum fit *out)
{
	const struct proxy *best = NULL;
	struct ipaddr addr;

	*out = FIT_NONE;
	if (!port_known(dialogs, port)) {
		return NULL;
	}
	addr = ipaddr_unmapped(server);
	for (size_t i = 0; i < dialogs->num_proxies; i++) {
		const struct proxy *proxy = &dialogs->proxies[i];
		enum fit fit = FIT_NONE;

		if ((proxy->listen.transport == TRANSPORT_UDP) == datagrams) {
			fit = fit_of(&dialogs->hosts[i], &addr, port);
		}
		if (fit > *out) {
			*out = fit;
			best = proxy;
		}
	}
	return best;
}

const struct proxy *proxy_find(const struct dialogs *dialogs,
			       const struct packet_view *view, bool *out_to_server)
{
	bool datagrams = view->kind == PACKET_UDP;
	bool syn = !datagrams && (view->tcp.flags & PACKET_SYN);
	bool syn_ack = syn && (view->tcp.flags & PACKET_ACK);
	enum fit to_fit = FIT_NONE, from_fit = FIT_NONE;
	const struct proxy *to = NULL, *from = NULL;

	/* A handshake says who is the server. */
	if (!syn_ack) {
		to = best_fit(dialogs, datagrams, &view->to, view->to_port, &to_fit);
	}
	if (!syn || syn_ack) {
		from = best_fit(dialogs, datagrams, &view->from, view->from_port,
				&from_fit);
	}
	*out_to_server = to_fit >= from_fit;
	return *out_to_server ? to : from;
}

void stranger_note(struct dialogs *dialogs, const struct packet_view *view)
{
	struct dialogs_stranger stranger = {
		.transport = view->kind == PACKET_UDP ? TRANSPORT_UDP : TRANSPORT_TCP,
		.addr = view->to,
		.port = view->to_port,
	};

	for (size_t i = 0; i < dialogs->num_strangers; i++) {
		const struct dialogs_stranger *known = &dialogs->strangers[i];

		if (known->transport == stranger.transport &&
		    known->port == stranger.port &&
		    memcmp(&known->addr, &stranger.addr, sizeof(known->addr)) == 0) {
			return;
		}
	}
	if (dialogs->num_strangers < DIALOGS_STRANGERS_MAX) {
		dialogs->strangers[dialogs->num_strangers++] = stranger;
	}
}

size_t dialogs_strangers(const struct dialogs *dialogs,
			 struct dialogs_stranger out[DIALOGS_STRANGERS_MAX])
{
	memcpy(out, dialogs->strangers, sizeof(dialogs->strangers));
	return dialogs->num_strangers;
}
