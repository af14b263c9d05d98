/* The datagram plane: UDP proxies on libevent.
 *
 * UDP knows no connections; a session is what one client address and port exchanges with
 * the upstream through a socket of the session's own, until it is idle long enough, has
 * had its `replies`, or a decision ends it. The plane owns sockets and sessions; the
 * engine owns what waits by decision.
 */
#ifndef PLANE_DGRAM_H
#define PLANE_DGRAM_H

#include "base/err.h"
#include "io/netaddr.h"
#include "plane/live.h"
#include "plane/proxy.h"

struct dgram;

/* As stream_open(). */
int dgram_open(struct live *live, const struct proxy *proxy, const struct netaddr *listen,
	       const struct netaddr *upstream, struct dgram **out,
	       struct netaddr *out_bound, struct err *err);
/* Clients' datagrams are no longer read. */
void dgram_stop_accepting(struct dgram *dgram);
bool dgram_pending(const struct dgram *dgram);
void dgram_free(struct dgram *dgram, const char *end);

#endif
