#include "net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void die(const char *fmt, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, saved ? ": %s\n" : "\n", strerror(saved));
	exit(1);
}

long number_parse(const char *arg, const char *what, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < min || n > max) {
		errno = 0;
		die("%s must be %ld to %ld, not '%s'", what, min, max, arg);
	}
	return n;
}

int64_t seconds_parse(const char *arg)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end || !(s > 0 && s <= 3600)) {
		errno = 0;
		die("seconds must be more than 0, at most 3600, not '%s'", arg);
	}
	return (int64_t)(s * NS_PER_S);
}

int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct sockaddr_in loopback_addr(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int sock_open(int type_and_flags)
{
	int fd = socket(AF_INET, type_and_flags | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		die("socket");
	}
	return fd;
}

static void sock_bind(int fd, int port)
{
	struct sockaddr_in addr = loopback_addr(port);

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		die("bind 127.0.0.1:%d", port);
	}
}

static void sock_nodelay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

int tcp_listen(int port)
{
	int fd = sock_open(SOCK_STREAM | SOCK_NONBLOCK);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	sock_bind(fd, port);
	if (listen(fd, 4096) < 0) {
		die("listen 127.0.0.1:%d", port);
	}
	return fd;
}

int tcp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		sock_nodelay(fd);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		die("accept");
	}
	return fd;
}

static int tcp_connect_with(int port, int sock_flags)
{
	struct sockaddr_in addr = loopback_addr(port);
	int fd = sock_open(SOCK_STREAM | sock_flags);

	sock_nodelay(fd);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 &&
	    errno != EINPROGRESS) {
		die("connect 127.0.0.1:%d", port);
	}
	return fd;
}

int tcp_connect(int port)
{
	return tcp_connect_with(port, 0);
}

int tcp_connect_start(int port)
{
	return tcp_connect_with(port, SOCK_NONBLOCK);
}

int udp_bind(int port)
{
	int fd = sock_open(SOCK_DGRAM | SOCK_NONBLOCK);

	sock_bind(fd, port);
	return fd;
}

int udp_connect(int port, int sock_flags)
{
	struct sockaddr_in addr = loopback_addr(port);
	int fd = sock_open(SOCK_DGRAM | sock_flags);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		die("connect udp 127.0.0.1:%d", port);
	}
	return fd;
}

int epoll_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		die("epoll_create1");
	}
	return fd;
}

static void epoll_set(int epoll_fd, int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = {.events = events, .data.ptr = ptr};

	if (epoll_ctl(epoll_fd, op, fd, &ev) < 0) {
		die("epoll_ctl");
	}
}

void epoll_add(int epoll_fd, int fd, uint32_t events, void *ptr)
{
	epoll_set(epoll_fd, EPOLL_CTL_ADD, fd, events, ptr);
}

void epoll_change(int epoll_fd, int fd, uint32_t events, void *ptr)
{
	epoll_set(epoll_fd, EPOLL_CTL_MOD, fd, events, ptr);
}
