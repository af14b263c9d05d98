/* Where a proxy listens and connects, as rule files write it:
 *   tcp://127.0.0.1:6379   tcp://[::1]:0   udp://127.0.0.1:53   unix:///run/x.sock
 * and IP addresses as text. No look-ups here (see io/netaddr.h).
 */
#ifndef BASE_IPADDR_H
#define BASE_IPADDR_H

#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

enum transport {
	TRANSPORT_TCP,
	TRANSPORT_UDP,
	TRANSPORT_UNIX, /* a stream socket in the file system */
	NUM_TRANSPORT,
};

enum { ENDPOINT_HOST_MAX = 256 };

struct endpoint {
	enum transport transport;
	char host[ENDPOINT_HOST_MAX]; /* name, IPv4, IPv6 without brackets; the path for
					 unix */
	uint16_t port;		      /* 0..65535; 0 for unix */
};

/* Errors say what is missing and show a right example. */
int endpoint_parse(const char *text, struct endpoint *out, struct err *err);

/* As endpoint_parse() reads it; out holds ENDPOINT_TEXT_MAX bytes. */
enum { ENDPOINT_TEXT_MAX = ENDPOINT_HOST_MAX + 24 };
void endpoint_format(const struct endpoint *endpoint, char *out);

/* An IP address of 4 or 16 bytes, network order. */
struct ipaddr {
	uint8_t bytes[16];
	uint8_t len_bytes; /* 4, 16, or 0 for none (a Unix socket) */
};

enum { IPADDR_TEXT_MAX = 64 };
/* Canonical text (RFC 5952 for IPv6); "" for none. out holds IPADDR_TEXT_MAX bytes. */
void ipaddr_format(const struct ipaddr *addr, char *out);
int ipaddr_parse(const char *text, struct ipaddr *out, struct err *err);

#endif
