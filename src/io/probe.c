#include "io/probe.h"

#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPT_NS (INT64_C(5000) * 1000000)

enum { REQUEST_MAX = 1024 };

void probe_init(struct probe *probe, uint16_t port, const char *path)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	*probe = (struct probe){.path = path, .fd = -1};
	memcpy(&probe->addr.addr, &in, sizeof(in));
	probe->addr.len = sizeof(in);
}

void probe_done(struct probe *probe)
{
	if (probe->fd >= 0) {
		close(probe->fd);
		probe->fd = -1;
	}
}

/* A connection to a port that nobody listens on can meet itself. */
static bool met_itself(int fd)
{
	struct netaddr here = {.len = sizeof(here.addr)};
	struct netaddr there = {.len = sizeof(there.addr)};

	return getsockname(fd, (struct sockaddr *)&here.addr, &here.len) < 0 ||
	       getpeername(fd, (struct sockaddr *)&there.addr, &there.len) < 0 ||
	       netaddr_port(&here) == netaddr_port(&there);
}

static bool ask(struct probe *probe)
{
	char request[REQUEST_MAX];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n"
			   "User-Agent: turncoat\r\nConnection: close\r\n\r\n",
			   probe->path, netaddr_port(&probe->addr));

	probe->asked = true;
	return len < (int)sizeof(request) &&
	       send(probe->fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* "HTTP/1.1 204": the status; 0: not there yet; -1: it is none. */
static int read_status(struct probe *probe)
{
	enum { STATUS_END = sizeof("HTTP/1.1 200") - 1 };
	ssize_t got = recv(probe->fd, probe->head + probe->len,
			   sizeof(probe->head) - 1 - probe->len, 0);
	int status;

	if (got <= 0) {
		return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	probe->len += (size_t)got;
	probe->head[probe->len] = '\0';
	if (probe->len < STATUS_END) {
		return 0;
	}
	return sscanf(probe->head, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : -1;
}

enum attempt { ATTEMPT_WAITS, ATTEMPT_FAILED, ATTEMPT_DONE };

static enum attempt look_at(struct probe *probe)
{
	struct pollfd poll_fd = {.fd = probe->fd, .events = POLLOUT};
	int error = 0, status;
	socklen_t len = sizeof(error);

	if (!probe->asked) {
		if (poll(&poll_fd, 1, 0) <= 0) {
			return ATTEMPT_WAITS;
		}
		if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ||
		    error || met_itself(probe->fd)) {
			return ATTEMPT_FAILED;
		}
		if (!probe->path) {
			return ATTEMPT_DONE;
		}
		if (!ask(probe)) {
			return ATTEMPT_FAILED;
		}
	}
	status = read_status(probe);
	if (status == 0) {
		return ATTEMPT_WAITS;
	}
	return status >= 200 && status < 400 ? ATTEMPT_DONE : ATTEMPT_FAILED;
}

bool probe_look(struct probe *probe, int64_t now_ns)
{
	enum attempt attempt;

	if (probe->fd < 0) {
		probe->fd = socket_connect_stream(&probe->addr);
		probe->asked = false;
		probe->len = 0;
		probe->give_up_ns = now_ns + ATTEMPT_NS;
		if (probe->fd < 0) {
			return false;
		}
	}
	attempt = look_at(probe);
	if (attempt != ATTEMPT_WAITS || now_ns >= probe->give_up_ns) {
		probe_done(probe);
	}
	return attempt == ATTEMPT_DONE;
}
