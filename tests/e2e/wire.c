/* wire: the sockets at both ends of a proxy, moved by hand. Reads a step a line from
 * standard input and answers each with a line: "ok", "ok RESULT", or "no WHY".
 *
 *   bind NAME ADDR           a socket that nobody listens on; its address
 *   listen NAME ADDR [N]     a listener with a backlog of N; its address
 *   fill LISTENER            connects until one more gets no answer; how many did
 *   connect NAME ADDR        (tcp, unix, udp); its own address
 *   accept NAME LISTENER
 *   send NAME TEXT           all of it; \n, \\ and \xHH are known; "-" is nothing
 *   expect NAME TEXT         exactly these bytes come next; of udp, one datagram
 *   bytes NAME N [SEED]      sends N bytes of a pattern; of udp, one datagram
 *   expect-bytes NAME N [SEED]
 *   silent NAME MS           nothing comes for so long
 *   shut NAME                half-closes
 *   eof NAME, reset NAME     what the peer did is FIN, or RST; no bytes may come first
 *   broken NAME              the peer takes no more: RST behind its FIN
 *   close NAME, abort NAME   FIN, or RST
 *   pour NAME N              sends N bytes of a pattern in the background
 *   poured NAME              "done N", or "blocked N": no byte went for half a second
 *   drink NAME N             reads N more bytes of the pattern
 *   echo LISTENER            accepts all and sends back what comes, in the background
 *   crowd N ADDR             connects N times
 *   crowd-ask                each sends a line of its own
 *   crowd-answers            how many had theirs echoed in all; waits till no more come
 *   crowd-leave              those that were answered close; how many are left
 *
 * ADDR is HOST:PORT, [IPv6]:PORT or /PATH; "udp:" may stand in front of the first two. A
 * step that waits gives up after 20 s.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP_MS = 20000,
	BLOCKED_MS = 500,
	SYN_MS = 300,
	ENDS_MAX = 4096,
	NAME_BYTES = 24,
	BUFFER_BYTES = 1 << 16,
	LINE_BYTES = 1 << 16,
	BLOCK_BYTES = 4093, /* a prime: no loss of a round number of bytes goes unseen */
};

enum job { JOB_NONE, JOB_POUR, JOB_ECHO_LISTENER, JOB_ECHO };

struct end {
	char name[NAME_BYTES]; /* "": nobody's, the crowd's or an echo's */
	int fd;
	bool udp, crowd, answered;
	bool reset; /* right behind the handshake, which connect noticed */
	enum job job;
	struct sockaddr_storage from; /* udp: who spoke last */
	socklen_t from_len;
	uint64_t poured, pour_until, drunk;
	int64_t poured_ms;	/* when a byte went last */
	size_t kept, kept_from; /* echo: bytes not yet sent back */
	uint8_t *buffer;
};

static struct end *ends[ENDS_MAX];
static int num_ends;
static uint8_t scratch[BUFFER_BYTES], wanted[BUFFER_BYTES];
static uint8_t pattern_block[BLOCK_BYTES];

/* --- answers --- */

__attribute__((format(printf, 2, 0))) static void answer(const char *what,
							 const char *format, va_list args)
{
	fputs(what, stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static void yes(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	answer("ok ", format, args);
	va_end(args);
}

static void done(void)
{
	puts("ok");
	fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static void no(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	answer("no ", format, args);
	va_end(args);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- ends --- */

static struct end *end_find(const char *name)
{
	for (int i = 0; i < num_ends; i++) {
		if (*name && strcmp(ends[i]->name, name) == 0) {
			return ends[i];
		}
	}
	return NULL;
}

static void end_free(struct end *end)
{
	for (int i = 0; i < num_ends; i++) {
		if (ends[i] == end) {
			ends[i] = ends[--num_ends];
			break;
		}
	}
	close(end->fd);
	free(end->buffer);
	free(end);
}

/* Who had the name before is closed. */
static struct end *end_new(const char *name, int fd)
{
	struct end *end = calloc(1, sizeof(*end));

	if (end_find(name)) {
		end_free(end_find(name));
	}
	if (!end || num_ends == ENDS_MAX) {
		fprintf(stderr, "wire: too many sockets\n");
		exit(1);
	}
	snprintf(end->name, sizeof(end->name), "%s", name);
	end->fd = fd;
	ends[num_ends++] = end;
	return end;
}

/* --- the pattern: blocks that begin with their own number --- */

static void pattern_fill(uint8_t *out, uint64_t from, size_t len)
{
	while (len > 0) {
		uint64_t block = from / BLOCK_BYTES;
		size_t at = from % BLOCK_BYTES;
		size_t n = BLOCK_BYTES - at < len ? BLOCK_BYTES - at : len;

		memcpy(out, pattern_block + at, n);
		for (size_t i = at; i < 8 && i < at + n; i++) {
			out[i - at] = (uint8_t)(block >> 8 * i);
		}
		out += n;
		from += n;
		len -= n;
	}
}

static void pattern_init(void)
{
	uint64_t state = 1;

	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		pattern_block[i] = (uint8_t)(state >> 56);
	}
}

/* --- what goes on in the background --- */

static void pour_some(struct end *end)
{
	uint64_t left = end->pour_until - end->poured;
	size_t n = left < sizeof(scratch) ? (size_t)left : sizeof(scratch);
	ssize_t sent;

	pattern_fill(scratch, end->poured, n);
	sent = send(end->fd, scratch, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0) {
		end->poured += (uint64_t)sent;
		end->poured_ms = now_ms();
	}
	if (end->poured == end->pour_until ||
	    (sent < 0 && errno != EAGAIN && errno != EINTR)) {
		end->job = JOB_NONE;
	}
}

static void echo_accept(struct end *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		struct end *end = end_new("", fd);

		end->job = JOB_ECHO;
		end->buffer = malloc(BUFFER_BYTES);
	}
}

static void echo_datagram(struct end *end)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(end->fd, scratch, sizeof(scratch), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);

	if (n >= 0) {
		(void)sendto(end->fd, scratch, (size_t)n, MSG_DONTWAIT,
			     (const struct sockaddr *)&from, len);
	}
}

static void echo_some(struct end *end)
{
	ssize_t n;

	if (end->kept == end->kept_from) {
		n = recv(end->fd, end->buffer, BUFFER_BYTES, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			end_free(end);
			return;
		}
		end->kept_from = 0;
		end->kept = n > 0 ? (size_t)n : 0;
	}
	n = send(end->fd, end->buffer + end->kept_from, end->kept - end->kept_from,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	end->kept_from += n > 0 ? (size_t)n : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end_free(end);
	}
}

static short job_events(const struct end *end)
{
	switch (end->job) {
	case JOB_NONE:
		return 0;
	case JOB_POUR:
		return POLLOUT;
	case JOB_ECHO_LISTENER:
		return POLLIN;
	case JOB_ECHO:
		return end->kept > end->kept_from ? POLLOUT : POLLIN;
	}
	return 0;
}

static void job_do(struct end *end)
{
	switch (end->job) {
	case JOB_NONE:
		break;
	case JOB_POUR:
		pour_some(end);
		break;
	case JOB_ECHO_LISTENER:
		if (end->udp) {
			echo_datagram(end);
		} else {
			echo_accept(end);
		}
		break;
	case JOB_ECHO:
		echo_some(end);
		break;
	}
}

/* Waits for a descriptor while the background goes on; what poll() says of it, 0 when the
 * time is over. With fd -1 it waits for the background's next turn, or that end. */
static short wait_fd(int fd, short events, int64_t until_ms)
{
	static struct pollfd polls[ENDS_MAX + 1];
	static struct end *who[ENDS_MAX + 1];

	for (;;) {
		int num = 1, left = (int)(until_ms - now_ms());

		polls[0] = (struct pollfd){.fd = fd, .events = events};
		for (int i = 0; i < num_ends; i++) {
			if (ends[i]->job != JOB_NONE) {
				who[num] = ends[i];
				polls[num++] =
					(struct pollfd){.fd = ends[i]->fd,
							.events = job_events(ends[i])};
			}
		}
		if (poll(polls, (nfds_t)num, left > 0 ? left : 0) < 0 && errno != EINTR) {
			return 0;
		}
		for (int i = 1; i < num; i++) {
			if (polls[i].revents) {
				job_do(who[i]);
			}
		}
		if (polls[0].revents || left <= 0 || fd < 0) {
			return polls[0].revents;
		}
	}
}

/* --- addresses --- */

static bool address_parse(const char *text, struct sockaddr_storage *out,
			  socklen_t *out_len, bool *out_udp)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *first;
	char host[128];
	const char *port;

	memset(out, 0, sizeof(*out));
	*out_udp = strncmp(text, "udp:", 4) == 0;
	text += *out_udp ? 4 : 0;
	if (*text == '/') {
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		int len = snprintf(un.sun_path, sizeof(un.sun_path), "%s", text);

		memcpy(out, &un, sizeof(un));
		*out_len = (socklen_t)offsetof(struct sockaddr_un, sun_path) +
			   (socklen_t)len + 1;
		return true;
	}
	port = strrchr(text, ':');
	if (!port) {
		return false;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(port - text), text);
	if (*host == '[') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, port + 1, &hints, &first) != 0) {
		return false;
	}
	memcpy(out, first->ai_addr, first->ai_addrlen);
	*out_len = first->ai_addrlen;
	freeaddrinfo(first);
	return true;
}

/* Answers with the socket's own address. */
static void yes_address(const struct end *end)
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	char host[64], port[8];

	(void)getsockname(end->fd, (struct sockaddr *)&addr, &len);
	if (addr.ss_family == AF_UNIX) {
		struct sockaddr_un un;

		memcpy(&un, &addr, sizeof(un));
		yes("%s", un.sun_path);
		return;
	}
	(void)getnameinfo((const struct sockaddr *)&addr, len, host, sizeof(host), port,
			  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	yes(addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int socket_for(const struct sockaddr_storage *addr, bool udp)
{
	return socket(addr->ss_family,
		      (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* --- steps. args: the words behind the verb, the last has the rest of the line --- */

static void open_bound(char **args, bool listens)
{
	struct sockaddr_storage addr;
	socklen_t len;
	bool udp;
	int fd, bytes = 4 << 20;

	if (!address_parse(args[1], &addr, &len, &udp)) {
		no("no address: %s", args[1]);
		return;
	}
	fd = socket_for(&addr, udp);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, len) < 0 ||
	    (listens && !udp && listen(fd, args[2] ? atoi(args[2]) : 4096) < 0)) {
		no("%s", strerror(errno));
		close(fd);
		return;
	}
	if (udp && listens) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	} else if (udp) {
		/* It talks to itself only: all others learn that nobody is there. */
		(void)getsockname(fd, (struct sockaddr *)&addr, &len);
		(void)connect(fd, (const struct sockaddr *)&addr, len);
	}
	end_new(args[0], fd)->udp = udp;
	yes_address(end_find(args[0]));
}

static void do_bind(struct end *end, char **args)
{
	(void)end;
	open_bound(args, false);
}

static void do_listen(struct end *end, char **args)
{
	(void)end;
	open_bound(args, true);
}

/* A connected socket, -1 with errno; ETIMEDOUT when no answer came in time. *out_reset:
 * its peer accepted, then reset it. */
static int connect_to(const char *text, int64_t wait_ms, bool *out_udp, bool *out_reset)
{
	struct sockaddr_storage addr;
	socklen_t len, error_len = sizeof(int);
	int fd, error = 0;

	if (!address_parse(text, &addr, &len, out_udp)) {
		errno = EINVAL;
		return -1;
	}
	fd = socket_for(&addr, *out_udp);
	if (connect(fd, (const struct sockaddr *)&addr, len) < 0) {
		error = errno;
		if (error == EINPROGRESS) {
			error = wait_fd(fd, POLLOUT, now_ms() + wait_ms) ? 0 : ETIMEDOUT;
		}
		if (error == 0) {
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
		}
	}
	/* Who does not accept says ECONNREFUSED. */
	*out_reset = error == ECONNRESET;
	if (error && !*out_reset) {
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static void do_connect(struct end *unused, char **args)
{
	struct end *end;
	bool udp, reset;
	int on = 1, fd = connect_to(args[1], STEP_MS, &udp, &reset);

	(void)unused;
	if (fd < 0) {
		no("%s", strerror(errno));
		return;
	}
	if (!udp && args[1][0] != '/') {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	end = end_new(args[0], fd);
	end->udp = udp;
	end->reset = reset;
	yes_address(end);
}

static void do_fill(struct end *end, char **args)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int num = 0;

	(void)args;
	(void)getsockname(end->fd, (struct sockaddr *)&addr, &len);
	for (;; num++) {
		int fd = socket_for(&addr, false);

		(void)connect(fd, (const struct sockaddr *)&addr, len);
		end_new("", fd); /* stays open, answered or not */
		if (!wait_fd(fd, POLLOUT, now_ms() + SYN_MS)) {
			yes("%d", num);
			return;
		}
		if (num > 100) {
			no("%d connections and no end", num);
			return;
		}
	}
}

static void do_accept(struct end *unused, char **args)
{
	struct end *listener = end_find(args[1]);
	int fd;

	(void)unused;
	if (!listener) {
		no("no listener %s", args[1]);
		return;
	}
	if (!wait_fd(listener->fd, POLLIN, now_ms() + STEP_MS)) {
		no("nobody connected");
		return;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		no("%s", strerror(errno));
		return;
	}
	end_new(args[0], fd);
	done();
}

static size_t unescape(char *text)
{
	size_t len = 0;

	if (strcmp(text, "-") == 0) {
		return 0;
	}
	for (const char *in = text; *in; in++) {
		char byte = *in;

		if (byte == '\\' && in[1] == 'n') {
			byte = '\n';
			in++;
		} else if (byte == '\\' && in[1] == 'x' && in[2] && in[3]) {
			char hex[3] = {in[2], in[3], '\0'};

			byte = (char)strtol(hex, NULL, 16);
			in += 3;
		} else if (byte == '\\' && in[1] == '\\') {
			in++;
		}
		text[len++] = byte;
	}
	return len;
}

static void send_all(struct end *end, const uint8_t *data, size_t len)
{
	int64_t until_ms = now_ms() + STEP_MS;

	do {
		const struct sockaddr *to =
			end->from_len ? (const struct sockaddr *)&end->from : NULL;
		ssize_t n = sendto(end->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT, to,
				   end->from_len);

		if (n < 0 && errno == EAGAIN && wait_fd(end->fd, POLLOUT, until_ms)) {
			continue;
		}
		if (n < 0) {
			no("%s", strerror(errno));
			return;
		}
		data += n;
		len -= (size_t)n;
	} while (len > 0);
	done();
}

static void do_send(struct end *end, char **args)
{
	size_t len = unescape(args[1]);

	send_all(end, (const uint8_t *)args[1], len);
}

/* The next bytes, or a datagram; 0 at the end, -1 with errno (EAGAIN: none in time). */
static ssize_t receive(struct end *end, uint8_t *out, size_t len, int64_t until_ms)
{
	if (!wait_fd(end->fd, POLLIN, until_ms)) {
		errno = EAGAIN;
		return -1;
	}
	if (end->udp) {
		socklen_t from_len = sizeof(end->from);
		ssize_t n = recvfrom(end->fd, out, BUFFER_BYTES, 0,
				     (struct sockaddr *)&end->from, &from_len);
		struct sockaddr_storage peer;
		socklen_t peer_len = sizeof(peer);

		/* A connected one needs no address to send to. */
		if (n >= 0 &&
		    getpeername(end->fd, (struct sockaddr *)&peer, &peer_len) < 0) {
			end->from_len = from_len;
		}
		return n;
	}
	return recv(end->fd, out, len, 0);
}

static const char *escape(const uint8_t *data, size_t len)
{
	static char text[512];
	size_t at = 0;

	for (size_t i = 0; i < len && at < sizeof(text) - 16; i++) {
		if (data[i] >= ' ' && data[i] < 127) {
			text[at++] = (char)data[i];
		} else {
			at += (size_t)sprintf(text + at, "\\x%02x", data[i]);
		}
	}
	text[at] = '\0';
	return text;
}

static void expect(struct end *end, const uint8_t *bytes, size_t len)
{
	int64_t until_ms = now_ms() + STEP_MS;
	size_t got = 0;

	do {
		ssize_t n = receive(end, scratch + got, len - got, until_ms);

		if (n < 0 || (n == 0 && !end->udp)) {
			no("%s after %zu of %zu bytes: %s",
			   n < 0 ? strerror(errno) : "end", got, len,
			   escape(scratch, got));
			return;
		}
		got += (size_t)n;
	} while (got < len && !end->udp);
	if (got != len || memcmp(scratch, bytes, len) != 0) {
		no("%zu bytes came: %s", got, escape(scratch, got));
		return;
	}
	done();
}

static void do_expect(struct end *end, char **args)
{
	size_t len = unescape(args[1]);

	expect(end, (const uint8_t *)args[1], len);
}

static size_t pattern_arg(char **args)
{
	size_t len = strtoul(args[1], NULL, 10);

	len = len < sizeof(wanted) ? len : sizeof(wanted);
	pattern_fill(wanted, args[2] ? strtoul(args[2], NULL, 10) * 1000003 : 0, len);
	return len;
}

static void do_bytes(struct end *end, char **args)
{
	size_t len = pattern_arg(args);

	send_all(end, wanted, len);
}

static void do_expect_bytes(struct end *end, char **args)
{
	size_t len = pattern_arg(args);

	expect(end, wanted, len);
}

static void do_silent(struct end *end, char **args)
{
	ssize_t n = receive(end, scratch, sizeof(scratch), now_ms() + atoi(args[1]));

	if (n < 0 && errno == EAGAIN) {
		done();
	} else {
		no("%zd bytes: %s", n, escape(scratch, n > 0 ? (size_t)n : 0));
	}
}

static void do_shut(struct end *end, char **args)
{
	(void)args;
	if (shutdown(end->fd, SHUT_WR) < 0) {
		no("%s", strerror(errno));
	} else {
		done();
	}
}

static void expect_end(struct end *end, bool wants_reset)
{
	ssize_t n = receive(end, scratch, sizeof(scratch), now_ms() + STEP_MS);
	bool reset = end->reset || (n < 0 && errno == ECONNRESET);

	if (wants_reset ? reset : n == 0) {
		done();
	} else if (n > 0) {
		no("%zd bytes: %s", n, escape(scratch, (size_t)n));
	} else {
		no("%s", n == 0 ? "end" : strerror(errno));
	}
}

static void do_eof(struct end *end, char **args)
{
	(void)args;
	expect_end(end, false);
}

static void do_reset(struct end *end, char **args)
{
	(void)args;
	expect_end(end, true);
}

static void do_broken(struct end *end, char **args)
{
	(void)args;
	if (wait_fd(end->fd, 0, now_ms() + STEP_MS) & (POLLERR | POLLHUP)) {
		done();
	} else {
		no("it still takes bytes");
	}
}

static void do_close(struct end *end, char **args)
{
	(void)args;
	end_free(end);
	done();
}

static void do_abort(struct end *end, char **args)
{
	struct linger linger = {.l_onoff = 1};

	(void)setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	do_close(end, args);
}

static void do_pour(struct end *end, char **args)
{
	end->pour_until = end->poured + strtoull(args[1], NULL, 10);
	end->poured_ms = now_ms();
	end->job = JOB_POUR;
	done();
}

static void do_poured(struct end *end, char **args)
{
	(void)args;
	while (end->job == JOB_POUR && now_ms() < end->poured_ms + BLOCKED_MS) {
		wait_fd(-1, 0, end->poured_ms + BLOCKED_MS);
	}
	yes("%s %llu", end->job == JOB_POUR ? "blocked" : "done",
	    (unsigned long long)end->poured);
}

static void do_drink(struct end *end, char **args)
{
	uint64_t until = end->drunk + strtoull(args[1], NULL, 10);
	static uint8_t got[BUFFER_BYTES]; /* the background uses the other buffer */

	while (end->drunk < until) {
		uint64_t left = until - end->drunk;
		ssize_t n = receive(end, got,
				    left < sizeof(got) ? (size_t)left : sizeof(got),
				    now_ms() + STEP_MS);

		if (n <= 0) {
			no("%s after %llu bytes", n < 0 ? strerror(errno) : "end",
			   (unsigned long long)end->drunk);
			return;
		}
		pattern_fill(wanted, end->drunk, (size_t)n);
		if (memcmp(wanted, got, (size_t)n) != 0) {
			no("other bytes somewhere behind byte %llu",
			   (unsigned long long)end->drunk);
			return;
		}
		end->drunk += (uint64_t)n;
	}
	done();
}

static void do_echo(struct end *end, char **args)
{
	(void)args;
	end->job = JOB_ECHO_LISTENER;
	done();
}

/* --- the crowd --- */

static void do_crowd(struct end *unused, char **args)
{
	int num = atoi(args[0]);
	bool udp, reset;

	(void)unused;
	for (int i = 0; i < num; i++) {
		int fd = connect_to(args[1], STEP_MS, &udp, &reset);
		struct end *end;

		if (fd < 0) {
			no("connection %d: %s", i, strerror(errno));
			return;
		}
		end = end_new("", fd);
		end->crowd = true;
	}
	done();
}

static int crowd_line(const struct end *end, char *out, size_t out_bytes)
{
	return snprintf(out, out_bytes, "I am number %d\n", end->fd);
}

static void do_crowd_ask(struct end *unused, char **args)
{
	char line[64];

	(void)unused;
	(void)args;
	for (int i = 0; i < num_ends; i++) {
		if (ends[i]->crowd) {
			int len = crowd_line(ends[i], line, sizeof(line));

			ends[i]->answered = false;
			if (send(ends[i]->fd, line, (size_t)len, MSG_NOSIGNAL) != len) {
				no("%s", strerror(errno));
				return;
			}
		}
	}
	done();
}

/* Takes the answers that are there; false: somebody got another one, or none for ever. */
static bool crowd_look(int *out_answered, int *out_left)
{
	char line[64], got[64];

	*out_answered = 0;
	*out_left = 0;
	for (int i = 0; i < num_ends; i++) {
		int len = ends[i]->crowd ? crowd_line(ends[i], line, sizeof(line)) : 0;

		if (ends[i]->crowd && !ends[i]->answered) {
			ssize_t n = recv(ends[i]->fd, got, sizeof(got), MSG_DONTWAIT);

			if (n >= 0 || errno != EAGAIN) {
				if (n != len || memcmp(got, line, (size_t)len) != 0) {
					no("number %d: %s", ends[i]->fd,
					   n < 0 ? strerror(errno)
						 : escape((const uint8_t *)got,
							  (size_t)n));
					return false;
				}
				ends[i]->answered = true;
			}
		}
		*out_answered += ends[i]->crowd && ends[i]->answered;
		*out_left += ends[i]->crowd && !ends[i]->answered;
	}
	return true;
}

static void do_crowd_answers(struct end *unused, char **args)
{
	int answered, left, before = -1;
	int64_t changed_ms = now_ms();

	(void)unused;
	(void)args;
	do {
		if (!crowd_look(&answered, &left)) {
			return;
		}
		if (answered != before) {
			before = answered;
			changed_ms = now_ms();
		}
		(void)wait_fd(-1, 0, now_ms() + 10);
	} while (left > 0 && now_ms() < changed_ms + 2 * BLOCKED_MS);
	yes("%d", answered);
}

static void do_crowd_leave(struct end *unused, char **args)
{
	int left = 0;

	(void)unused;
	(void)args;
	for (int i = num_ends; i-- > 0;) {
		if (ends[i]->crowd && ends[i]->answered) {
			end_free(ends[i]);
		}
	}
	for (int i = 0; i < num_ends; i++) {
		left += ends[i]->crowd;
	}
	yes("%d", left);
}

/* --- the script --- */

static const struct step {
	const char *verb;
	int words_min, words_max;
	bool named; /* the first word is an end that exists */
	void (*run)(struct end *end, char **args);
} STEPS[] = {
	{"bind", 2, 2, false, do_bind},
	{"listen", 2, 3, false, do_listen},
	{"fill", 1, 1, true, do_fill},
	{"connect", 2, 2, false, do_connect},
	{"accept", 2, 2, false, do_accept},
	{"send", 2, 2, true, do_send},
	{"expect", 2, 2, true, do_expect},
	{"bytes", 2, 3, true, do_bytes},
	{"expect-bytes", 2, 3, true, do_expect_bytes},
	{"silent", 2, 2, true, do_silent},
	{"shut", 1, 1, true, do_shut},
	{"eof", 1, 1, true, do_eof},
	{"reset", 1, 1, true, do_reset},
	{"broken", 1, 1, true, do_broken},
	{"close", 1, 1, true, do_close},
	{"abort", 1, 1, true, do_abort},
	{"pour", 2, 2, true, do_pour},
	{"poured", 1, 1, true, do_poured},
	{"drink", 2, 2, true, do_drink},
	{"echo", 1, 1, true, do_echo},
	{"crowd", 2, 2, false, do_crowd},
	{"crowd-ask", 0, 0, false, do_crowd_ask},
	{"crowd-answers", 0, 0, false, do_crowd_answers},
	{"crowd-leave", 0, 0, false, do_crowd_leave},
};

/* Cuts a line into up to `max` words; the last of so many has the rest of the line. */
static int cut_words(char *line, char **words, int max)
{
	int num = 0;

	while (*line == ' ') {
		line++;
	}
	while (*line && num < max) {
		words[num++] = line;
		if (num == max) {
			break;
		}
		line = strchr(line, ' ');
		if (!line) {
			break;
		}
		*line++ = '\0';
	}
	return num;
}

static void step_run(char *line)
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		const struct step *step = &STEPS[i];
		char *words[4] = {NULL};
		struct end *end;
		int num;

		if (strlen(step->verb) != len || strncmp(step->verb, line, len) != 0) {
			continue;
		}
		num = cut_words(line, words, step->words_max + 1) - 1;
		end = num > 0 ? end_find(words[1]) : NULL;
		if (num < step->words_min) {
			no("words are missing");
		} else if (step->named && !end) {
			no("there is no %s", words[1]);
		} else {
			step->run(end, words + 1);
		}
		return;
	}
	no("what is that?");
}

int main(void)
{
	static char line[LINE_BYTES];
	size_t len = 0;

	signal(SIGPIPE, SIG_IGN);
	pattern_init();
	for (;;) {
		char *newline;
		ssize_t n;

		if (!wait_fd(STDIN_FILENO, POLLIN, now_ms() + STEP_MS)) {
			continue;
		}
		n = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
		if (n <= 0) {
			return 0;
		}
		len += (size_t)n;
		line[len] = '\0';
		while ((newline = strchr(line, '\n')) != NULL) {
			*newline = '\0';
			step_run(line);
			len -= (size_t)(newline + 1 - line);
			memmove(line, newline + 1, len + 1);
		}
	}
}
