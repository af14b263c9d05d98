/* The stream plane: TCP and Unix-socket proxies on libevent.
 *
 * A struct stream is one proxy's listener with its connections. The plane owns sockets
 * and unsent bytes; the engine owns everything that waits by decision.
 */
#ifndef PLANE_STREAM_H
#define PLANE_STREAM_H

#include "base/err.h"
#include "io/netaddr.h"
#include "plane/live.h"
#include "plane/proxy.h"

struct stream;

/* Listens; the proxy's upstream was resolved by the caller. *out_bound is the address
 * listened on, with the real port when 0 was asked for. */
int stream_open(struct live *live, const struct proxy *proxy,
		const struct netaddr *listen, const struct netaddr *upstream,
		struct stream **out, struct netaddr *out_bound, struct err *err);
/* No new connections from now on. */
void stream_stop_accepting(struct stream *stream);
/* Do decided bytes still wait to be sent, or connections for their second peer's end? */
bool stream_pending(const struct stream *stream);
/* Closes every connection, logs their lanes' ends as `end`, frees. */
void stream_free(struct stream *stream, const char *end);

#endif
