/* Socket addresses: looked up once from an endpoint, and to and from text.
 *
 * netaddr_resolve() may ask the system's resolver and so may block: call it while
 * loading, never while a run's loop turns. A struct netaddr is plain data; there is
 * nothing to free.
 */
#ifndef IO_NETADDR_H
#define IO_NETADDR_H

#include "base/err.h"
#include "base/ipaddr.h"

#include <sys/socket.h>

struct netaddr {
	struct sockaddr_storage addr;
	socklen_t len; /* bytes of addr that count; 0: none */
};

/* host:port, [IPv6]:port or a path; bytes with the NUL. */
enum { NETADDR_TEXT_MAX = 128 };

/* The first address that the endpoint's host has; for a Unix socket its path. */
int netaddr_resolve(const struct endpoint *endpoint, struct netaddr *out,
		    struct err *err);
/* What to hand to socket(2): AF_INET, AF_INET6, AF_UNIX; SOCK_STREAM, SOCK_DGRAM. */
int netaddr_family(const struct netaddr *addr);
int transport_socktype(enum transport transport);

/* "127.0.0.1:80", "[::1]:80", "/run/x.sock"; "unix" for a Unix socket without a name, ""
 * for none. out holds NETADDR_TEXT_MAX bytes. */
void netaddr_format(const struct netaddr *addr, char *out);
/* The address without its port; none for Unix sockets. An IPv4 address mapped into IPv6
 * (RFC 4291, 2.5.5.2) comes out as IPv4, so that a client's name does not depend on the
 * listener. */
struct ipaddr netaddr_ip(const struct netaddr *addr);
uint16_t netaddr_port(const struct netaddr *addr); /* 0 for Unix sockets */

#endif
