#include "base/ipaddr.h"

#include "base/quantity.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char EXAMPLE[] =
	"write tcp://127.0.0.1:6379, udp://[::1]:53 or unix:///run/x.sock";

static const struct {
	const char *prefix;
	enum transport transport;
} SCHEMES[] = {
	{"tcp://", TRANSPORT_TCP},
	{"udp://", TRANSPORT_UDP},
	{"unix://", TRANSPORT_UNIX},
};

static int parse_path(const char *text, const char *path, struct endpoint *out,
		      struct err *err)
{
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (*path != '/') {
		return err_set(err, ERR_INPUT,
			       "'%s' has no absolute path: write unix:///run/x.sock",
			       text);
	}
	if (strlen(path) > max) {
		return err_set(
			err, ERR_INPUT,
			"'%s': a socket's path has at most %zu bytes, this one %zu", text,
			max, strlen(path));
	}
	memcpy(out->host, path, strlen(path) + 1);
	return 0;
}

/* *host to the host's first byte, *len its length, *port behind the colon. */
static int split_host(const char *text, const char *rest, const char **host, size_t *len,
		      const char **port, struct err *err)
{
	const char *colon;

	if (*rest == '[') {
		const char *close = strchr(rest, ']');

		if (!close) {
			return err_set(err, ERR_INPUT, "'%s' has no closing ]: %s", text,
				       EXAMPLE);
		}
		*host = rest + 1;
		*len = (size_t)(close - rest - 1);
		colon = close + 1;
	} else {
		colon = strrchr(rest, ':');
		*host = rest;
		*len = colon ? (size_t)(colon - rest) : 0;
		if (colon && memchr(rest, ':', *len)) {
			return err_set(err, ERR_INPUT,
				       "'%s': an IPv6 address stands in brackets, as in "
				       "tcp://[::1]:6379",
				       text);
		}
	}
	if (!colon || *colon != ':' || !colon[1]) {
		return err_set(err, ERR_INPUT, "'%s' has no port: %s", text, EXAMPLE);
	}
	if (*len == 0) {
		return err_set(
			err, ERR_INPUT,
			"'%s' has no host: write 0.0.0.0 or [::] for all addresses",
			text);
	}
	*port = colon + 1;
	return 0;
}

static bool host_byte_valid(char c, bool bracketed)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '.' || c == '-' || c == '_') {
		return true;
	}
	return bracketed && (c == ':' || c == '%');
}

static int parse_host_port(const char *text, const char *rest, struct endpoint *out,
			   struct err *err)
{
	const char *host = NULL, *port = NULL;
	size_t len = 0;
	uint64_t number;
	int rc = split_host(text, rest, &host, &len, &port, err);

	if (rc) {
		return rc;
	}
	if (len >= ENDPOINT_HOST_MAX) {
		return err_set(err, ERR_INPUT, "'%s': a host has at most %d bytes", text,
			       ENDPOINT_HOST_MAX - 1);
	}
	for (size_t i = 0; i < len; i++) {
		if (!host_byte_valid(host[i], *rest == '[')) {
			return err_set(err, ERR_INPUT, "'%s' has a '%c' in its host: %s",
				       text, host[i], EXAMPLE);
		}
	}
	if (parse_u64(port, 0, 65535, &number, NULL)) {
		return err_set(err, ERR_INPUT,
			       "'%s': the port '%s' is not within 0..65535", text, port);
	}
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	out->port = (uint16_t)number;
	if (*rest == '[' && !strchr(out->host, '%')) {
		struct ipaddr addr = {.len_bytes = 0};

		rc = ipaddr_parse(out->host, &addr, err);
		if (rc == 0 && addr.len_bytes != 16) {
			rc = err_set(err, ERR_INPUT,
				     "only IPv6 addresses stand in brackets");
		}
		if (rc) {
			err_context(err, "'%s'", text);
		}
	}
	return rc;
}

int endpoint_parse(const char *text, struct endpoint *out, struct err *err)
{
	struct endpoint endpoint = {0};
	size_t i = 0;
	size_t num = sizeof(SCHEMES) / sizeof(SCHEMES[0]);
	const char *rest;
	int rc;

	while (i < num &&
	       strncmp(text, SCHEMES[i].prefix, strlen(SCHEMES[i].prefix)) != 0) {
		i++;
	}
	if (i == num) {
		return err_set(err, ERR_INPUT,
			       "'%s' does not begin with tcp://, udp:// or unix://: %s",
			       text, EXAMPLE);
	}
	rest = text + strlen(SCHEMES[i].prefix);
	endpoint.transport = SCHEMES[i].transport;
	if (endpoint.transport == TRANSPORT_UNIX) {
		rc = parse_path(text, rest, &endpoint, err);
	} else {
		rc = parse_host_port(text, rest, &endpoint, err);
	}
	if (rc == 0) {
		*out = endpoint;
	}
	return rc;
}

void endpoint_format(const struct endpoint *endpoint, char *out)
{
	const char *prefix = SCHEMES[endpoint->transport].prefix;
	bool brackets = strchr(endpoint->host, ':');

	assert(SCHEMES[endpoint->transport].transport == endpoint->transport);
	if (endpoint->transport == TRANSPORT_UNIX) {
		snprintf(out, ENDPOINT_TEXT_MAX, "%s%s", prefix, endpoint->host);
	} else {
		snprintf(out, ENDPOINT_TEXT_MAX, "%s%s%s%s:%u", prefix,
			 brackets ? "[" : "", endpoint->host, brackets ? "]" : "",
			 (unsigned)endpoint->port);
	}
}

void ipaddr_format(const struct ipaddr *addr, char *out)
{
	out[0] = '\0';
	if (addr->len_bytes) {
		/* inet_ntop() of the C library writes RFC 5952's form. */
		const char *done = inet_ntop(addr->len_bytes == 4 ? AF_INET : AF_INET6,
					     addr->bytes, out, IPADDR_TEXT_MAX);

		assert(addr->len_bytes == 4 || addr->len_bytes == 16);
		assert(done);
		(void)done;
	}
}

int ipaddr_parse(const char *text, struct ipaddr *out, struct err *err)
{
	struct ipaddr addr = {0};

	if (inet_pton(AF_INET, text, addr.bytes) == 1) {
		addr.len_bytes = 4;
	} else if (inet_pton(AF_INET6, text, addr.bytes) == 1) {
		addr.len_bytes = 16;
	} else {
		return err_set(err, ERR_INPUT, "'%s' is not an IP address", text);
	}
	*out = addr;
	return 0;
}
