#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { DGRAM_SOCKET_BYTES = 4 << 20 }; /* kernel buffers asked for */

static int open_socket(const struct netaddr *addr, int type)
{
	return socket(netaddr_family(addr), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void set_nodelay(int fd, const struct netaddr *addr)
{
	int on = 1;

	if (addr->addr.ss_family != AF_UNIX) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
}

/* Beyond the system's limit where we may, else up to it. */
static void set_buffers(int fd)
{
	int bytes = DGRAM_SOCKET_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
}

/* A socket file that nobody answers on is a leftover and may go. */
static void remove_stale_socket(const struct netaddr *addr)
{
	const struct sockaddr_un *sun = (const struct sockaddr_un *)&addr->addr;
	struct stat st;
	int fd;

	if (addr->addr.ss_family != AF_UNIX || lstat(sun->sun_path, &st) < 0 ||
	    !S_ISSOCK(st.st_mode)) {
		return;
	}
	/* One that lives but has a full backlog says EAGAIN. */
	fd = open_socket(addr, SOCK_STREAM);
	if (fd >= 0) {
		if (connect(fd, (const struct sockaddr *)&addr->addr, addr->len) < 0 &&
		    errno == ECONNREFUSED) {
			unlink(sun->sun_path);
		}
		close(fd);
	}
}

static int bind_socket(int fd, const struct netaddr *addr, struct netaddr *out_bound)
{
	out_bound->len = sizeof(out_bound->addr);
	if (bind(fd, (const struct sockaddr *)&addr->addr, addr->len) < 0) {
		return -1;
	}
	return getsockname(fd, (struct sockaddr *)&out_bound->addr, &out_bound->len);
}

int socket_listen_stream(const struct netaddr *addr, struct netaddr *out_bound,
			 struct err *err)
{
	char text[NETADDR_TEXT_MAX];
	int on = 1, fd;

	netaddr_format(addr, text);
	fd = open_socket(addr, SOCK_STREAM);
	if (fd < 0) {
		return err_set_errno(err, "can't listen on %s", text);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->addr.ss_family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	set_nodelay(fd, addr); /* accepted sockets inherit it */
	remove_stale_socket(addr);
	if (bind_socket(fd, addr, out_bound) < 0 || listen(fd, SOCKET_BACKLOG) < 0) {
		err_set_errno(err, "can't listen on %s", text);
		close(fd);
		return ERR_SYSTEM;
	}
	return fd;
}

int socket_listen_dgram(const struct netaddr *addr, struct netaddr *out_bound,
			struct err *err)
{
	char text[NETADDR_TEXT_MAX];
	int fd;

	netaddr_format(addr, text);
	fd = open_socket(addr, SOCK_DGRAM);
	if (fd < 0) {
		return err_set_errno(err, "can't listen on udp %s", text);
	}
	set_buffers(fd);
	if (bind_socket(fd, addr, out_bound) < 0) {
		err_set_errno(err, "can't listen on udp %s", text);
		close(fd);
		return ERR_SYSTEM;
	}
	return fd;
}

static int connect_socket(int fd, const struct netaddr *addr)
{
	if (connect(fd, (const struct sockaddr *)&addr->addr, addr->len) < 0 &&
	    errno != EINPROGRESS && errno != EINTR) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int socket_connect_stream(const struct netaddr *addr)
{
	int fd = open_socket(addr, SOCK_STREAM);

	if (fd < 0) {
		return -1;
	}
	set_nodelay(fd, addr);
	return connect_socket(fd, addr);
}

int socket_connect_dgram(const struct netaddr *addr)
{
	int fd = open_socket(addr, SOCK_DGRAM);

	if (fd < 0) {
		return -1;
	}
	set_buffers(fd);
	return connect_socket(fd, addr);
}

void socket_set_reset(int fd)
{
	/* With a linger time of 0 the kernel sends RST and forgets unsent bytes. */
	struct linger linger = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
