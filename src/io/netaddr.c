#include "io/netaddr.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const int SOCKTYPES[] = {
	[TRANSPORT_TCP] = SOCK_STREAM,
	[TRANSPORT_UDP] = SOCK_DGRAM,
	[TRANSPORT_UNIX] = SOCK_STREAM,
};
_Static_assert(sizeof(SOCKTYPES) / sizeof(SOCKTYPES[0]) == NUM_TRANSPORT,
	       "one a transport");

int transport_socktype(enum transport transport)
{
	return SOCKTYPES[transport];
}

int netaddr_family(const struct netaddr *addr)
{
	return addr->addr.ss_family;
}

static int resolve_path(const struct endpoint *endpoint, struct netaddr *out,
			struct err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(endpoint->host);

	if (len >= sizeof(un.sun_path)) {
		return err_set(err, ERR_INPUT, "the path %s is too long for a socket",
			       endpoint->host);
	}
	memcpy(un.sun_path, endpoint->host, len + 1);
	*out = (struct netaddr){
		.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1)};
	memcpy(&out->addr, &un, out->len);
	return 0;
}

int netaddr_resolve(const struct endpoint *endpoint, struct netaddr *out, struct err *err)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICSERV,
		.ai_socktype = transport_socktype(endpoint->transport),
	};
	struct addrinfo *first;
	char port[8];
	int rc;

	if (endpoint->transport == TRANSPORT_UNIX) {
		return resolve_path(endpoint, out, err);
	}
	snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
	rc = getaddrinfo(endpoint->host, port, &hints, &first);
	if (rc == EAI_SYSTEM) {
		return err_set_errno(err, "can't look up the host %s", endpoint->host);
	}
	if (rc != 0) {
		return err_set(err, ERR_INPUT, "can't look up the host %s: %s",
			       endpoint->host, gai_strerror(rc));
	}
	assert(first->ai_addrlen <= sizeof(out->addr));
	*out = (struct netaddr){.len = first->ai_addrlen};
	memcpy(&out->addr, first->ai_addr, first->ai_addrlen);
	freeaddrinfo(first);
	return 0;
}

struct ipaddr netaddr_ip(const struct netaddr *addr)
{
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	struct ipaddr ip = {0};

	if (netaddr_family(addr) == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, &addr->addr, sizeof(in));
		memcpy(ip.bytes, &in.sin_addr, 4);
		ip.len_bytes = 4;
	} else if (netaddr_family(addr) == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, &addr->addr, sizeof(in6));
		memcpy(ip.bytes, &in6.sin6_addr, 16);
		ip.len_bytes = 16;
		if (memcmp(ip.bytes, MAPPED, sizeof(MAPPED)) == 0) {
			memmove(ip.bytes, ip.bytes + 12, 4);
			memset(ip.bytes + 4, 0, 12);
			ip.len_bytes = 4;
		}
	}
	return ip;
}

uint16_t netaddr_port(const struct netaddr *addr)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (netaddr_family(addr)) {
	case AF_INET:
		memcpy(&in, &addr->addr, sizeof(in));
		return ntohs(in.sin_port);
	case AF_INET6:
		memcpy(&in6, &addr->addr, sizeof(in6));
		return ntohs(in6.sin6_port);
	default:
		return 0;
	}
}

/* Abstract names (Linux) begin with a NUL, shown as '@'. */
static void format_path(const struct netaddr *addr, char *out)
{
	struct sockaddr_un un = {0};
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t len = addr->len > head ? addr->len - head : 0;

	if (len > sizeof(un.sun_path)) {
		len = sizeof(un.sun_path);
	}
	memcpy(&un, &addr->addr, head + len);
	if (len == 0) {
		snprintf(out, NETADDR_TEXT_MAX, "unix");
	} else if (!un.sun_path[0]) {
		snprintf(out, NETADDR_TEXT_MAX, "@%.*s", (int)len - 1, un.sun_path + 1);
	} else {
		snprintf(out, NETADDR_TEXT_MAX, "%.*s", (int)len, un.sun_path);
	}
}

void netaddr_format(const struct netaddr *addr, char *out)
{
	struct ipaddr ip = netaddr_ip(addr);
	char text[IPADDR_TEXT_MAX];

	out[0] = '\0';
	if (addr->len == 0) {
		return;
	}
	if (netaddr_family(addr) == AF_UNIX) {
		format_path(addr, out);
		return;
	}
	ipaddr_format(&ip, text);
	snprintf(out, NETADDR_TEXT_MAX, ip.len_bytes == 16 ? "[%s]:%u" : "%s:%u", text,
		 (unsigned)netaddr_port(addr));
}
