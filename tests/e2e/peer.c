/* peer: the other ends of a proxy, for tests: servers that echo, and a client that plays
 * a script on several lanes at once.
 *
 *   peer port                      prints a port that is free for TCP and UDP right now
 *   peer echo tcp|udp FILE         echoes until killed; its port is written to FILE
 *   peer play tcp|udp PORT SCRIPT DIR LANES source|label
 *
 * A script has a line a request: "N TEXT" sends TEXT, then waits until N more answers
 * have come; "{}" in TEXT is the lane's number. A request or answer is a line on TCP, a
 * datagram on UDP. When the script is over, a TCP lane half-closes and reads to the end;
 * a UDP lane sends "end", which no rule may touch, and reads until that comes back. What
 * a lane received is left in DIR/<lane>: as it came on TCP, a datagram a line on UDP;
 * "<reset>" and "<early end>" tell that it ended before its script.
 *
 * With `source` lane N comes from 127.0.0.(10 + N), with `label` all come from 127.0.0.1.
 *
 * What must not matter is drawn anew in every run, on purpose without a seed: the order
 * in which lanes connect, whose turn it is, and how many bytes one write has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	LANES_MAX = 64,
	CONNS_MAX = 256,
	REQUESTS_MAX = 10000,
	BUFFER_BYTES = 65536,
	WRITE_BYTES_MAX = 300,
	PLAY_MS = 40000, /* then it has failed */
	POLL_MS = 200,
	PORT_FIRST = 20000, /* below the ports that the kernel gives to clients */
	PORT_NUM = 10000,
};

static _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void die(const char *format, ...)
{
	va_list args;

	fputs("peer: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static unsigned chance(unsigned below)
{
	unsigned value;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value)) {
		die("getrandom: %s", strerror(errno));
	}
	return value % below;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sockaddr_in loopback(unsigned last, unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(0x7f000000 | last),
	};
}

/* A socket bound to 127.0.0.LAST:PORT, or -1 with errno. */
static int bound_socket(int type, unsigned last, unsigned port)
{
	struct sockaddr_in addr = loopback(last, port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		die("socket: %s", strerror(errno));
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static void set_nonblocking(int fd)
{
	int one = 1;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		die("fcntl: %s", strerror(errno));
	}
	/* Fails on datagrams, which wait for nobody anyway. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* --- port --- */

static int print_port(void)
{
	for (int try = 0; try < 1000; try++) {
		unsigned port = PORT_FIRST + chance(PORT_NUM);
		int tcp = bound_socket(SOCK_STREAM, 1, port);
		int udp = bound_socket(SOCK_DGRAM, 1, port);
		bool is_free = tcp >= 0 && udp >= 0;

		close(tcp);
		close(udp);
		if (is_free) {
			printf("%u\n", port);
			return 0;
		}
	}
	die("no free port");
}

/* --- echo --- */

struct conn {
	int fd; /* 0: a free place */
	bool ended;
	size_t from, len; /* of buffer: to be sent */
	char *buffer;
};

static void write_port(int fd, const char *path)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	char part[4096];
	FILE *file;

	snprintf(part, sizeof(part), "%s.part", path);
	file = fopen(part, "w");
	if (!file || getsockname(fd, (struct sockaddr *)&addr, &len) < 0 ||
	    fprintf(file, "%u\n", ntohs(addr.sin_port)) < 0 || fclose(file) != 0 ||
	    rename(part, path) < 0) {
		die("%s: %s", path, strerror(errno));
	}
}

static void echo_accept(int listener, struct conn *conns)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int at = 0;

	if (fd < 0) {
		return;
	}
	while (at < CONNS_MAX && conns[at].fd) {
		at++;
	}
	if (at == CONNS_MAX) {
		die("more than %d connections", CONNS_MAX);
	}
	set_nonblocking(fd);
	conns[at] = (struct conn){.fd = fd, .buffer = malloc(BUFFER_BYTES)};
	if (!conns[at].buffer) {
		die("out of memory");
	}
}

static void echo_close(struct conn *conn)
{
	close(conn->fd);
	free(conn->buffer);
	*conn = (struct conn){0};
}

/* Reads only when all that was read is sent. */
static void echo_move(struct conn *conn)
{
	ssize_t n;

	if (conn->len == 0) {
		n = read(conn->fd, conn->buffer, BUFFER_BYTES);
		if (n < 0 && would_block()) {
			return;
		}
		if (n <= 0) {
			echo_close(conn);
			return;
		}
		conn->from = 0;
		conn->len = (size_t)n;
	}
	n = send(conn->fd, conn->buffer + conn->from, conn->len, MSG_NOSIGNAL);
	if (n < 0 && !would_block()) {
		echo_close(conn);
	} else if (n > 0) {
		conn->from += (size_t)n;
		conn->len -= (size_t)n;
	}
}

static _Noreturn void echo_stream(const char *path)
{
	static struct conn conns[CONNS_MAX];
	struct pollfd polls[CONNS_MAX + 1];
	int listener = bound_socket(SOCK_STREAM, 1, 0);

	if (listener < 0 || listen(listener, CONNS_MAX) < 0) {
		die("listen: %s", strerror(errno));
	}
	set_nonblocking(listener);
	write_port(listener, path);
	polls[CONNS_MAX] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (;;) {
		for (int i = 0; i < CONNS_MAX; i++) {
			polls[i].fd = conns[i].fd ? conns[i].fd : -1;
			polls[i].events = conns[i].len ? POLLOUT : POLLIN;
		}
		if (poll(polls, CONNS_MAX + 1, -1) < 0 && errno != EINTR) {
			die("poll: %s", strerror(errno));
		}
		for (int i = 0; i < CONNS_MAX; i++) {
			if (conns[i].fd && polls[i].revents) {
				echo_move(&conns[i]);
			}
		}
		if (polls[CONNS_MAX].revents) {
			echo_accept(listener, conns);
		}
	}
}

static _Noreturn void echo_datagrams(const char *path)
{
	static char buffer[BUFFER_BYTES];
	int fd = bound_socket(SOCK_DGRAM, 1, 0);

	if (fd < 0) {
		die("bind: %s", strerror(errno));
	}
	write_port(fd, path);
	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0,
				     (struct sockaddr *)&from, &from_len);

		if (n >= 0) {
			(void)sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from,
				     from_len);
		}
	}
}

/* --- play --- */

struct request {
	char *text;
	unsigned answers; /* to wait for */
};

struct lane {
	unsigned number;
	int fd;
	FILE *out;
	bool over;
	size_t at;		/* the request under way */
	unsigned long answered; /* answers that came */
	unsigned long awaited;	/* answers that must have come before the next request */
	bool shut;		/* half-closed; UDP: "end" was sent */
	size_t from, len;	/* of buffer: to be sent */
	char buffer[BUFFER_BYTES];
};

struct play {
	bool udp;
	struct request requests[REQUESTS_MAX];
	size_t num_requests;
	struct lane *lanes;
	unsigned num_lanes;
};

static void read_script(struct play *play, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	if (!file) {
		die("%s: %s", path, strerror(errno));
	}
	while (fgets(line, sizeof(line), file)) {
		struct request *request = &play->requests[play->num_requests++];
		char *rest;

		line[strcspn(line, "\n")] = '\0';
		request->answers = (unsigned)strtoul(line, &rest, 10);
		if (play->num_requests == REQUESTS_MAX || rest == line || *rest != ' ') {
			die("%s:%zu: bad line: %s", path, play->num_requests, line);
		}
		request->text = strdup(rest + 1);
	}
	fclose(file);
}

static void lane_open(struct play *play, struct lane *lane, unsigned port, bool by_source,
		      const char *dir)
{
	struct sockaddr_in to = loopback(1, port);
	char path[4096];

	lane->fd = bound_socket(play->udp ? SOCK_DGRAM : SOCK_STREAM,
				by_source ? 10 + lane->number : 1, 0);
	if (lane->fd < 0 || connect(lane->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		die("lane %u: connect: %s", lane->number, strerror(errno));
	}
	set_nonblocking(lane->fd);
	snprintf(path, sizeof(path), "%s/%u", dir, lane->number);
	lane->out = fopen(path, "w");
	if (!lane->out) {
		die("%s: %s", path, strerror(errno));
	}
}

static void lane_over(struct lane *lane, const char *why)
{
	if (why) {
		fprintf(lane->out, "<%s>\n", why);
	}
	fclose(lane->out);
	close(lane->fd);
	lane->over = true;
}

/* The request as this lane says it, its newline included on TCP. */
static void lane_put_request(struct lane *lane, const char *text, bool udp)
{
	char *to = lane->buffer + lane->len;
	size_t room = sizeof(lane->buffer) - lane->len;
	const char *mark = strstr(text, "{}");
	const char *newline = udp ? "" : "\n";
	int n = mark ? snprintf(to, room, "%.*s%u%s%s", (int)(mark - text), text,
				lane->number, mark + 2, newline)
		     : snprintf(to, room, "%s%s", text, newline);

	if (n < 0 || (size_t)n >= room) {
		die("lane %u: too much to send at once", lane->number);
	}
	lane->len += (size_t)n;
}

/* Fills the buffer with the next request; on TCP with all up to the next that waits. */
static void lane_next(struct play *play, struct lane *lane)
{
	lane->from = lane->len = 0;
	while (lane->at < play->num_requests && lane->answered >= lane->awaited) {
		const struct request *request = &play->requests[lane->at];

		if (lane->len > sizeof(lane->buffer) / 2) {
			return;
		}
		lane_put_request(lane, request->text, play->udp);
		lane->at++;
		lane->awaited += request->answers;
		if (play->udp) {
			return;
		}
	}
}

static void lane_send(struct play *play, struct lane *lane)
{
	size_t left = lane->len - lane->from, some = left;
	ssize_t n;

	if (!play->udp && some > WRITE_BYTES_MAX) {
		some = WRITE_BYTES_MAX;
	}
	if (!play->udp) {
		some = 1 + chance((unsigned)some);
	}
	n = send(lane->fd, lane->buffer + lane->from, some, MSG_NOSIGNAL);
	if (n >= 0) {
		lane->from += (size_t)n;
	} else if (!play->udp && !would_block()) {
		lane_over(lane, "reset");
	}
}

static void lane_receive(struct play *play, struct lane *lane)
{
	static char buffer[BUFFER_BYTES];
	ssize_t n = recv(lane->fd, buffer, sizeof(buffer), 0);

	if (n < 0) {
		if (!would_block() && !play->udp) {
			lane_over(lane, "reset");
		}
		return;
	}
	if (play->udp) {
		if (n == 3 && memcmp(buffer, "end", 3) == 0) {
			lane_over(lane, NULL);
			return;
		}
		fwrite(buffer, 1, (size_t)n, lane->out);
		fputc('\n', lane->out);
		lane->answered++;
		return;
	}
	if (n == 0) {
		lane_over(lane, lane->shut ? NULL : "early end");
		return;
	}
	fwrite(buffer, 1, (size_t)n, lane->out);
	for (ssize_t i = 0; i < n; i++) {
		lane->answered += buffer[i] == '\n';
	}
}

/* The script is over and all of it sent. */
static void lane_end(struct play *play, struct lane *lane)
{
	if (lane->shut) {
		return;
	}
	lane->shut = true;
	if (play->udp) {
		(void)send(lane->fd, "end", 3, MSG_NOSIGNAL);
	} else if (shutdown(lane->fd, SHUT_WR) < 0 && errno != ENOTCONN) {
		die("lane %u: shutdown: %s", lane->number, strerror(errno));
	}
}

static bool lane_sending(const struct lane *lane)
{
	return lane->from < lane->len;
}

static void lane_turn(struct play *play, struct lane *lane, short happened)
{
	if (happened & (POLLIN | POLLERR | POLLHUP)) {
		lane_receive(play, lane);
	}
	if (!lane->over && !lane_sending(lane)) {
		lane_next(play, lane);
	}
	if (!lane->over && lane_sending(lane)) {
		lane_send(play, lane);
	}
	if (!lane->over && !lane_sending(lane) && lane->at == play->num_requests &&
	    lane->answered >= lane->awaited) {
		lane_end(play, lane);
	}
}

static void shuffle(unsigned *order, unsigned num)
{
	for (unsigned i = 0; i < num; i++) {
		unsigned other = i + chance(num - i), was = order[i];

		order[i] = order[other];
		order[other] = was;
	}
}

static _Noreturn void tell_stuck(const struct play *play)
{
	for (unsigned i = 0; i < play->num_lanes; i++) {
		const struct lane *lane = &play->lanes[i];

		if (!lane->over) {
			fprintf(stderr,
				"peer: lane %u: request %zu of %zu, %lu answers of "
				"%lu%s\n",
				lane->number, lane->at, play->num_requests,
				lane->answered, lane->awaited,
				lane->shut ? ", waits for the end" : "");
		}
	}
	die("not done after %d ms", PLAY_MS);
}

static unsigned wait_for_lanes(struct play *play, struct pollfd *polls)
{
	unsigned open = 0;

	for (unsigned i = 0; i < play->num_lanes; i++) {
		const struct lane *lane = &play->lanes[i];

		polls[i].fd = lane->over ? -1 : lane->fd;
		polls[i].events = lane_sending(lane) ? POLLIN | POLLOUT : POLLIN;
		polls[i].revents = 0;
		open += !lane->over;
	}
	if (open && poll(polls, play->num_lanes, POLL_MS) < 0 && errno != EINTR) {
		die("poll: %s", strerror(errno));
	}
	return open;
}

static int play_script(int argc, char **argv)
{
	static struct play play;
	struct pollfd polls[LANES_MAX];
	unsigned order[LANES_MAX];
	long deadline = now_ms() + PLAY_MS;
	unsigned port;

	if (argc != 6) {
		die("play: six words, not %d", argc);
	}
	play.udp = strcmp(argv[0], "udp") == 0;
	port = (unsigned)strtoul(argv[1], NULL, 10);
	read_script(&play, argv[2]);
	play.num_lanes = (unsigned)strtoul(argv[4], NULL, 10);
	if (play.num_lanes == 0 || play.num_lanes > LANES_MAX) {
		die("play: 1 to %d lanes", LANES_MAX);
	}
	play.lanes = calloc(play.num_lanes, sizeof(*play.lanes));
	if (!play.lanes) {
		die("out of memory");
	}
	for (unsigned i = 0; i < play.num_lanes; i++) {
		play.lanes[i].number = i + 1;
		order[i] = i;
	}
	shuffle(order, play.num_lanes);
	for (unsigned i = 0; i < play.num_lanes; i++) {
		lane_open(&play, &play.lanes[order[i]], port,
			  strcmp(argv[5], "source") == 0, argv[3]);
		lane_next(&play, &play.lanes[order[i]]);
	}
	while (wait_for_lanes(&play, polls)) {
		shuffle(order, play.num_lanes);
		for (unsigned i = 0; i < play.num_lanes; i++) {
			if (!play.lanes[order[i]].over) {
				lane_turn(&play, &play.lanes[order[i]],
					  polls[order[i]].revents);
			}
		}
		if (now_ms() > deadline) {
			tell_stuck(&play);
		}
	}
	for (size_t i = 0; i < play.num_requests; i++) {
		free(play.requests[i].text);
	}
	free(play.lanes);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "port") == 0) {
		return print_port();
	}
	if (argc == 4 && strcmp(argv[1], "echo") == 0) {
		if (strcmp(argv[2], "udp") == 0) {
			echo_datagrams(argv[3]);
		}
		echo_stream(argv[3]);
	}
	if (argc > 2 && strcmp(argv[1], "play") == 0) {
		return play_script(argc - 2, argv + 2);
	}
	fputs("usage: peer port | echo ... | play ...; see the top of peer.c\n", stderr);
	return 2;
}
