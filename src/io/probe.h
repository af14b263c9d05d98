/* Does a service answer yet? Asked by connecting to it, and with a path by an HTTP
 * request that has to get a status from 200 to 399. Never waits: probe_look() is called
 * again and again, and connects anew when an attempt failed or took longer than 5 s.
 */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "io/netaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct probe {
	struct netaddr addr;
	const char *path; /* the caller's; NULL: connecting is enough */
	int fd;		  /* -1: no attempt is under way */
	bool asked;
	char head[16]; /* of the answer */
	size_t len;
	int64_t give_up_ns; /* this attempt */
};

/* TCP to 127.0.0.1. */
void probe_init(struct probe *probe, uint16_t port, const char *path);
bool probe_look(struct probe *probe, int64_t now_ns);
void probe_done(struct probe *probe);

#endif
