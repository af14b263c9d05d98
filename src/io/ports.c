#include "io/ports.h"

#include "base/arena.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LOWEST = 10000,
	HIGHEST = 65535,
	ENOUGH = 1000, /* candidates */
};

struct ports {
	unsigned low, high; /* where to look, inclusive */
	int *locks;
	size_t num_locks;
};

/* Below the kernel's own range, else above it, else anywhere. */
static void find_range(struct ports *ports)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned from = 32768, to = 60999;

	if (file) {
		if (fscanf(file, "%u %u", &from, &to) != 2 || from > HIGHEST ||
		    to > HIGHEST) {
			from = 32768;
			to = 60999;
		}
		fclose(file);
	}
	ports->low = LOWEST;
	ports->high = HIGHEST;
	if (from >= LOWEST + ENOUGH) {
		ports->high = from - 1;
	} else if (to + ENOUGH <= HIGHEST) {
		ports->low = to + 1;
	}
}

struct ports *ports_new(void)
{
	struct ports *ports = xcalloc(1, sizeof(*ports));

	find_range(ports);
	return ports;
}

/* The lock's descriptor; -1: another run has it. */
static int lock(unsigned port)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "turncoat-port-%u",
			   port);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&sun,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					(size_t)len)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* On every address of this machine; without SO_REUSEADDR, as the service may not set it.
 */
static bool is_free(int family, int type, unsigned port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port)};
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	bool bound;

	if (fd < 0) {
		return family == AF_INET6; /* there may be no IPv6 */
	}
	if (family == AF_INET6) {
		int on = 1;

		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		bound = bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
	} else {
		bound = bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	}
	close(fd);
	return bound;
}

static bool take(struct ports *ports, unsigned port)
{
	int fd = lock(port);

	if (fd < 0) {
		return false;
	}
	if (!is_free(AF_INET, SOCK_STREAM, port) || !is_free(AF_INET, SOCK_DGRAM, port) ||
	    !is_free(AF_INET6, SOCK_STREAM, port)) {
		close(fd);
		return false;
	}
	ports->locks =
		xrealloc(ports->locks, (ports->num_locks + 1) * sizeof(*ports->locks));
	ports->locks[ports->num_locks++] = fd;
	return true;
}

int ports_take(struct ports *ports, uint64_t hint, uint16_t *out, struct err *err)
{
	unsigned num = ports->high - ports->low + 1;

	for (unsigned i = 0; i < num; i++) {
		unsigned port = ports->low + (unsigned)((hint + i) % num);

		if (take(ports, port)) {
			*out = (uint16_t)port;
			return 0;
		}
	}
	return err_set(err, ERR_LIMIT, "no port from %u to %u is free", ports->low,
		       ports->high);
}

void ports_free(struct ports *ports)
{
	if (ports) {
		for (size_t i = 0; i < ports->num_locks; i++) {
			close(ports->locks[i]);
		}
		free(ports->locks);
		free(ports);
	}
}
