/* A rule's `filter`: tcpdump's language on a flow, compiled by libpcap.
 *
 * It is asked once a lane, of one packet made up for it: from the client's address to the
 * address it connected to, TCP or UDP, both for requests and for replies; so "src" is
 * always the client. Unix sockets have no addresses: only the filter "" matches them.
 * IPv4 addresses that a dual-stack socket reports as IPv6 (::ffff:10.0.0.1) are asked
 * about as IPv4. Host names in an expression are looked up by libpcap, once, when it is
 * compiled.
 */
#ifndef CODEC_FLOWFILTER_H
#define CODEC_FLOWFILTER_H

#include "base/err.h"
#include "base/ipaddr.h"

#include <stdbool.h>

struct flowfilter;

struct flow_addrs {
	enum transport transport;
	struct ipaddr client,
		server; /* server: the address that the client connected to */
	uint16_t client_port, server_port;
};

/* Errors are libpcap's sentence with the expression. */
struct flowfilter *flowfilter_new(const char *expression, struct err *err);
void flowfilter_free(struct flowfilter *filter);
bool flowfilter_match(const struct flowfilter *filter, const struct flow_addrs *addrs);

#endif
