/* Sockets as the live planes use them: non-blocking, closed on exec, TCP without Nagle's
 * delay. A descriptor is the caller's to close.
 */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include "io/netaddr.h"

enum { SOCKET_BACKLOG = 4096 };

/* Listens on TCP or a Unix socket, whose file is replaced when nobody answers on it.
 * *out_bound has the real port when 0 was asked for. The descriptor, or an error. */
int socket_listen_stream(const struct netaddr *addr, struct netaddr *out_bound,
			 struct err *err);
int socket_listen_dgram(const struct netaddr *addr, struct netaddr *out_bound,
			struct err *err);
/* Begins to connect: writable once that has come to its end. -1 with errno. */
int socket_connect_stream(const struct netaddr *addr);
int socket_connect_dgram(const struct netaddr *addr); /* -1 with errno */
/* Closing it then sends RST, and forgets what is unsent. */
void socket_set_reset(int fd);

#endif
