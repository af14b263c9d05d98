#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *program = "planted";

void net_die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

struct net_args net_args(int argc, char **argv, int num_rest)
{
	const char *slash = strrchr(argv[0], '/');
	bool buggy;

	program = slash ? slash + 1 : argv[0];
	if (argc < 3 + num_rest) {
		net_die("call as: %s --buggy|--correct ROLE ARG...", program);
	}
	buggy = strcmp(argv[1], "--buggy") == 0;
	if (!buggy && strcmp(argv[1], "--correct") != 0) {
		net_die("neither --buggy nor --correct: %s", argv[1]);
	}
	/* What a program says is there at once, for whoever reads along. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	return (struct net_args){buggy, argv[2], argv + 3};
}

int net_number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0 || value > INT32_MAX) {
		net_die("not a number: %s", text);
	}
	return (int)value;
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)net_number(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int new_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		net_die("socket: %s", strerror(errno));
	}
	return fd;
}

static int bound_socket(int type, const char *port)
{
	struct sockaddr_in addr = loopback(port);
	int fd = new_socket(type);
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		net_die("bind to port %s: %s", port, strerror(errno));
	}
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a wait that begins now is over; INT64_MAX for NET_FOREVER. */
static int64_t deadline_after(int wait_ms)
{
	return wait_ms < 0 ? INT64_MAX : now_ms() + wait_ms;
}

static bool readable_until(int fd, int64_t deadline_ms)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	int64_t left_ms = -1;

	if (deadline_ms != INT64_MAX) {
		left_ms = deadline_ms - now_ms();
		if (left_ms < 0) {
			left_ms = 0;
		}
	}
	return poll(&poller, 1, (int)left_ms) > 0;
}

/* Returns the length without '\0'. */
static size_t format_text(char text[NET_TEXT_MAX], const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static size_t format_text(char text[NET_TEXT_MAX], const char *format, va_list args)
{
	int len = vsnprintf(text, NET_TEXT_MAX, format, args);

	if (len < 0 || len >= NET_TEXT_MAX) {
		net_die("a message longer than %d bytes", NET_TEXT_MAX);
	}
	return (size_t)len;
}

static bool begins_with(const char *text, const char *wanted)
{
	return strncmp(text, wanted, strlen(wanted)) == 0;
}

/* --- datagrams --- */

int udp_serve(const char *port)
{
	int fd = bound_socket(SOCK_DGRAM, port);

	puts("ready");
	return fd;
}

int udp_connect(const char *port)
{
	struct sockaddr_in addr = loopback(port);
	int fd = new_socket(SOCK_DGRAM);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		net_die("connect to port %s: %s", port, strerror(errno));
	}
	return fd;
}

static bool receive_until(int fd, int64_t deadline_ms, char text[NET_TEXT_MAX],
			  struct sockaddr_in *out_from)
{
	socklen_t from_len = sizeof(*out_from);
	ssize_t len;

	while (readable_until(fd, deadline_ms)) {
		len = recvfrom(fd, text, NET_TEXT_MAX - 1, MSG_DONTWAIT,
			       (struct sockaddr *)out_from, out_from ? &from_len : NULL);
		if (len >= 0) {
			text[len] = '\0';
			return true;
		}
		/* Otherwise what an earlier datagram met, such as ECONNREFUSED. */
	}
	return false;
}

bool udp_receive(int fd, int wait_ms, char text[NET_TEXT_MAX],
		 struct sockaddr_in *out_from)
{
	return receive_until(fd, deadline_after(wait_ms), text, out_from);
}

void udp_reply(int fd, const struct sockaddr_in *to, const char *format, ...)
{
	char text[NET_TEXT_MAX];
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_text(text, format, args);
	va_end(args);
	(void)sendto(fd, text, len, 0, (const struct sockaddr *)to, sizeof(*to));
}

void udp_say(int fd, const char *format, ...)
{
	char text[NET_TEXT_MAX];
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_text(text, format, args);
	va_end(args);
	(void)send(fd, text, len, 0);
}

bool udp_ask(int fd, const char *wanted, char *out_answer, const char *format, ...)
{
	int64_t deadline_ms = deadline_after(NET_WAIT_MS);
	char text[NET_TEXT_MAX];
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_text(text, format, args);
	va_end(args);
	(void)send(fd, text, len, 0);
	while (receive_until(fd, deadline_ms, text, NULL)) {
		if (begins_with(text, wanted)) {
			if (out_answer) {
				memcpy(out_answer, text, sizeof(text));
			}
			return true;
		}
	}
	return false;
}

/* --- streams --- */

int tcp_serve(const char *port)
{
	int fd = bound_socket(SOCK_STREAM, port);

	if (listen(fd, SOMAXCONN) < 0) {
		net_die("listen: %s", strerror(errno));
	}
	return fd;
}

static void send_at_once(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

struct conn tcp_accept(int listener)
{
	int fd;

	do {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0) {
		net_die("accept: %s", strerror(errno));
	}
	send_at_once(fd);
	return (struct conn){.fd = fd};
}

struct conn tcp_connect(const char *port)
{
	struct sockaddr_in addr = loopback(port);
	int fd = new_socket(SOCK_STREAM);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		net_die("connect to port %s: %s", port, strerror(errno));
	}
	send_at_once(fd);
	return (struct conn){.fd = fd};
}

void conn_close(struct conn *conn)
{
	close(conn->fd);
	*conn = (struct conn){.fd = -1};
}

/* Reads more; CONN_LINE when there is some. */
static enum conn_result read_ahead(struct conn *conn, int64_t deadline_ms)
{
	ssize_t len;

	if (conn->len == sizeof(conn->ahead)) {
		net_die("a line longer than %d bytes", NET_TEXT_MAX);
	}
	do {
		if (!readable_until(conn->fd, deadline_ms)) {
			return CONN_NONE;
		}
		len = recv(conn->fd, conn->ahead + conn->len,
			   sizeof(conn->ahead) - conn->len, MSG_DONTWAIT);
	} while (len < 0 && (errno == EAGAIN || errno == EINTR));
	if (len <= 0) {
		return len == 0 ? CONN_END : CONN_RESET;
	}
	conn->len += (size_t)len;
	return CONN_LINE;
}

static void take_ahead(struct conn *conn, void *out, size_t len)
{
	memcpy(out, conn->ahead, len);
	conn->len -= len;
	memmove(conn->ahead, conn->ahead + len, conn->len);
}

static enum conn_result line_until(struct conn *conn, int64_t deadline_ms,
				   char line[NET_TEXT_MAX])
{
	enum conn_result result;
	char *end;
	size_t len;

	while (!(end = memchr(conn->ahead, '\n', conn->len))) {
		result = read_ahead(conn, deadline_ms);
		if (result != CONN_LINE) {
			return result;
		}
	}
	len = (size_t)(end - conn->ahead) + 1;
	take_ahead(conn, line, len);
	line[len - 1] = '\0';
	return CONN_LINE;
}

enum conn_result conn_line(struct conn *conn, int wait_ms, char line[NET_TEXT_MAX])
{
	return line_until(conn, deadline_after(wait_ms), line);
}

enum conn_result conn_bytes(struct conn *conn, int wait_ms, void *out, size_t len)
{
	int64_t deadline_ms = deadline_after(wait_ms);
	enum conn_result result;

	while (conn->len < len) {
		result = read_ahead(conn, deadline_ms);
		if (result != CONN_LINE) {
			return result;
		}
	}
	take_ahead(conn, out, len);
	return CONN_LINE;
}

bool conn_send(struct conn *conn, const void *data, size_t len)
{
	return send(conn->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool say(struct conn *conn, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static bool say(struct conn *conn, const char *format, va_list args)
{
	char text[NET_TEXT_MAX];
	size_t len = format_text(text, format, args);

	text[len] = '\n'; /* in place of '\0' */
	return conn_send(conn, text, len + 1);
}

bool conn_say(struct conn *conn, const char *format, ...)
{
	va_list args;
	bool sent;

	va_start(args, format);
	sent = say(conn, format, args);
	va_end(args);
	return sent;
}

enum conn_result conn_ask(struct conn *conn, const char *wanted, char *out_answer,
			  const char *format, ...)
{
	int64_t deadline_ms = deadline_after(NET_WAIT_MS);
	enum conn_result result;
	char line[NET_TEXT_MAX];
	va_list args;
	bool sent;

	va_start(args, format);
	sent = say(conn, format, args);
	va_end(args);
	if (!sent) {
		return CONN_RESET;
	}
	do {
		result = line_until(conn, deadline_ms, line);
	} while (result == CONN_LINE && !begins_with(line, wanted));
	if (result == CONN_LINE && out_answer) {
		memcpy(out_answer, line, sizeof(line));
	}
	return result;
}
