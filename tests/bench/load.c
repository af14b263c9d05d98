/*
 * load VERB PORT ...: one load on 127.0.0.1:PORT, then one line of key=value figures.
 *
 *   wait  tcp|udp PORT            until it answers (UDP: until it echoes)
 *   bulk  PORT STREAMS SECONDS    receive; value in Gbit/s, n in bytes
 *   rr    PORT CONNS SIZE SECONDS one request in flight on each connection; value in /s
 *   conns PORT SLOTS SECONDS      connect, request, reply, close, SLOTS at a time; /s
 *   idle  PORT CONNS              one request on each, say so, and hold them until killed
 *   udp   PORT SIZE WINDOW SECONDS  datagrams to serve.c's sink, WINDOW unacked; /s
 *   udprr PORT SESSIONS SIZE SECONDS  one datagram in flight on each session; /s
 *
 * A request opens with its length after these four bytes, big-endian, so a proxy may
 * frame it. Keys: value, n (units in all, for CPU per unit), and where they mean
 * something lost, errors, p50_us and p99_us. All loads are closed loops: a slow proxy
 * lowers the rate, it doesn't build a queue.
 */
#include "net.h"
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define CONNS_MAX 20000
#define SIZE_MAX_BYTES 1472
#define WINDOW_MAX 4096
#define BULK_READ_BYTES (1 << 20)
#define UDP_RETRY_MS 200 /* a reply that takes longer counts as lost */
#define WAIT_S 5

/*
 * Latencies: 16 steps an octave, so a percentile is right to about 5%.
 */
#define STEPS_LOG2 4
static struct {
	uint64_t count[64 << STEPS_LOG2];
	uint64_t total;
} latency;

static void latency_add(int64_t ns)
{
	uint64_t v = ns > 16 ? (uint64_t)ns : 16;
	int octave = 63 - __builtin_clzll(v);
	uint64_t step = (v >> (octave - STEPS_LOG2)) & ((1 << STEPS_LOG2) - 1);

	latency.count[((uint64_t)octave << STEPS_LOG2) + step]++;
	latency.total++;
}

static double latency_us(double quantile)
{
	uint64_t seen = 0;
	int i = 0;

	while (i < (64 << STEPS_LOG2) - 1 &&
	       (double)(seen += latency.count[i]) < quantile * (double)latency.total) {
		i++;
	}
	i = latency.total ? i : 0;
	return (double)(1ULL << (i >> STEPS_LOG2)) *
	       (1 + (i % (1 << STEPS_LOG2) + 0.5) / (1 << STEPS_LOG2)) / 1e3;
}

static char request[SIZE_MAX_BYTES];

static void request_make(size_t size)
{
	uint32_t len = htonl((uint32_t)(size - sizeof(len)));

	memset(request, 'x', sizeof(request));
	memcpy(request, &len, sizeof(len));
}

static void report(double value, uint64_t n)
{
	printf("value=%.6g n=%llu", value, (unsigned long long)n);
}

static double per_second(uint64_t n, int64_t ns)
{
	return (double)n * (double)NS_PER_S / (double)ns;
}

static void wait_tcp(int port)
{
	struct sockaddr_in addr = loopback_addr(port);
	int64_t end = clock_now_ns() + WAIT_S * NS_PER_S;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
			close(fd);
			return;
		}
		if (clock_now_ns() > end) {
			die("nothing listens on 127.0.0.1:%d", port);
		}
		close(fd);
		poll(NULL, 0, 5);
	}
}

static void wait_udp(int port)
{
	int64_t end = clock_now_ns() + WAIT_S * NS_PER_S;
	int fd = udp_connect(port, SOCK_NONBLOCK);
	uint32_t hello = SINK_HELLO;
	char reply[16];

	do {
		if (clock_now_ns() > end) {
			errno = 0;
			die("nothing answers on UDP 127.0.0.1:%d", port);
		}
		send(fd, &hello, sizeof(hello), 0);
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20);
	} while (recv(fd, reply, sizeof(reply), 0) < 0);
	close(fd);
}

static void verb_wait(char **arg)
{
	int port = (int)number_parse(arg[1], "PORT", 1, 65535);

	if (strcmp(arg[0], "udp") == 0) {
		wait_udp(port);
	} else {
		wait_tcp(port);
	}
}

static void verb_bulk(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	int streams = (int)number_parse(arg[1], "STREAMS", 1, 100);
	int64_t end, now, start, len_ns = seconds_parse(arg[2]);
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	uint64_t bytes = 0;
	static char buf[BULK_READ_BYTES];

	for (int i = 0; i < streams; i++) {
		int *fd = malloc(sizeof(*fd));

		if (!fd) {
			die("malloc");
		}
		*fd = tcp_connect(port);
		epoll_add(epoll_fd, *fd, EPOLLIN, fd);
	}
	start = now = clock_now_ns();
	for (end = start + len_ns; now < end; now = clock_now_ns()) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);

		for (int i = 0; i < n; i++) {
			ssize_t got = recv(*(int *)events[i].data.ptr, buf, sizeof(buf),
					   MSG_DONTWAIT);

			if (got == 0 || (got < 0 && errno != EAGAIN)) {
				die("bulk: the stream ended");
			}
			bytes += got > 0 ? (uint64_t)got : 0;
		}
	}
	report(per_second(bytes, now - start) * 8 / 1e9, bytes);
}

/* One connection or session of a closed loop, with at most one request in flight. */
struct client {
	int fd;
	bool connecting;
	uint32_t seq; /* of the datagram in flight */
	size_t got_bytes;
	int64_t sent_ns;
};

static struct client clients[CONNS_MAX];

static void client_send(struct client *client, size_t size, int64_t now)
{
	if (send(client->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
		die("send");
	}
	client->got_bytes = 0;
	client->sent_ns = now;
}

/* True when the reply is whole. */
static bool client_receive(struct client *client, size_t size)
{
	char buf[SIZE_MAX_BYTES];
	ssize_t n = recv(client->fd, buf, size - client->got_bytes, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		die("the connection ended before its reply");
	}
	client->got_bytes += n > 0 ? (size_t)n : 0;
	return client->got_bytes == size;
}

static void report_latency(void)
{
	printf(" p50_us=%.4g p99_us=%.4g", latency_us(0.5), latency_us(0.99));
}

static void verb_rr(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	int conns = (int)number_parse(arg[1], "CONNS", 1, CONNS_MAX);
	size_t size = (size_t)number_parse(arg[2], "SIZE", 8, SIZE_MAX_BYTES);
	int64_t end, now, start, len_ns = seconds_parse(arg[3]);
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	uint64_t done = 0;

	request_make(size);
	for (int i = 0; i < conns; i++) {
		clients[i].fd = tcp_connect(port);
		epoll_add(epoll_fd, clients[i].fd, EPOLLIN, &clients[i]);
	}
	start = now = clock_now_ns();
	for (int i = 0; i < conns; i++) {
		client_send(&clients[i], size, start);
	}
	for (end = start + len_ns; now < end; now = clock_now_ns()) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);

		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;

			if (client_receive(client, size)) {
				now = clock_now_ns();
				latency_add(now - client->sent_ns);
				client_send(client, size, now);
				done++;
			}
		}
	}
	report(per_second(done, now - start), done);
	report_latency();
}

static void slot_connect(struct client *slot, int epoll_fd, int port, int64_t now)
{
	slot->fd = tcp_connect_start(port);
	slot->connecting = true;
	slot->sent_ns = now;
	epoll_add(epoll_fd, slot->fd, EPOLLOUT, slot);
}

/* Advances one connection; true when it has had its reply and was closed. */
static bool slot_event(struct client *slot, int epoll_fd, size_t size)
{
	if (slot->connecting) {
		client_send(slot, size, slot->sent_ns);
		slot->connecting = false;
		epoll_change(epoll_fd, slot->fd, EPOLLIN, slot);
		return false;
	}
	if (!client_receive(slot, size)) {
		return false;
	}
	close(slot->fd);
	return true;
}

static void verb_conns(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	int slots = (int)number_parse(arg[1], "SLOTS", 1, 1000);
	int64_t end, now, start, len_ns = seconds_parse(arg[2]);
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	const size_t size = 64;
	uint64_t done = 0;

	request_make(size);
	start = now = clock_now_ns();
	for (int i = 0; i < slots; i++) {
		slot_connect(&clients[i], epoll_fd, port, now);
	}
	for (end = start + len_ns; now < end; now = clock_now_ns()) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);

		for (int i = 0; i < n; i++) {
			struct client *slot = events[i].data.ptr;

			if (slot_event(slot, epoll_fd, size)) {
				now = clock_now_ns();
				latency_add(now - slot->sent_ns);
				slot_connect(slot, epoll_fd, port, now);
				done++;
			}
		}
	}
	report(per_second(done, now - start), done);
	report_latency();
}

static void verb_idle(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	int conns = (int)number_parse(arg[1], "CONNS", 1, CONNS_MAX);
	const size_t size = 64;

	request_make(size);
	for (int i = 0; i < conns; i++) {
		clients[i].fd = tcp_connect(port);
		client_send(&clients[i], size, 0);
		do {
			poll(&(struct pollfd){.fd = clients[i].fd, .events = POLLIN}, 1,
			     -1);
		} while (!client_receive(&clients[i], size));
	}
	report(conns, (uint64_t)conns);
	putchar('\n');
	fflush(stdout);
	pause();
}

/* The sender's end of serve.c's sink. */
struct flood {
	int fd;
	size_t size;
	uint64_t sent;	/* numbered datagrams */
	uint64_t acked; /* of those, what the sink has counted or the sender has given up
			 */
	uint64_t lost;
};

/*
 * Takes the acknowledgements that are there, after waiting for one at most `wait_ms`.
 * True if there was one. A late one that counts less than is known changes nothing.
 */
static bool flood_acks(struct flood *flood, int wait_ms)
{
	bool any = false;
	uint64_t count;

	if (wait_ms &&
	    poll(&(struct pollfd){.fd = flood->fd, .events = POLLIN}, 1, wait_ms) == 0) {
		return false;
	}
	while (recv(flood->fd, &count, sizeof(count), MSG_DONTWAIT) == sizeof(count)) {
		any = true;
		if (count > flood->sent) {
			continue; /* older than the HELLO */
		}
		if (count + flood->lost > flood->sent) {
			flood->lost = flood->sent - count; /* some were only late */
		}
		if (count + flood->lost > flood->acked) {
			flood->acked = count + flood->lost;
		}
	}
	return any;
}

/* Sends a word that the sink answers at once until it does; ends the program if it won't.
 */
static void flood_ask(struct flood *flood, uint32_t word)
{
	for (int tries = 0; tries < 20; tries++) {
		send(flood->fd, &word, sizeof(word), 0);
		if (flood_acks(flood, UDP_RETRY_MS)) {
			return;
		}
	}
	errno = 0;
	die("udp: no answer");
}

/* The window is full and nothing came: what the sink hasn't counted by now is lost. */
static void flood_settle(struct flood *flood)
{
	flood_ask(flood, SINK_QUERY);
	while (flood_acks(flood, 1)) {
	}
	flood->lost += flood->sent - flood->acked;
	flood->acked = flood->sent;
}

static void flood_burst(struct flood *flood)
{
	static char bytes[SINK_ACK_EVERY][SIZE_MAX_BYTES];
	struct iovec iov[SINK_ACK_EVERY];
	struct mmsghdr msg[SINK_ACK_EVERY] = {0};
	int done = 0;

	for (uint32_t i = 0; i < SINK_ACK_EVERY; i++) {
		uint32_t word = (uint32_t)(flood->sent + i) & INT32_MAX;

		memcpy(bytes[i], &word, sizeof(word));
		iov[i] = (struct iovec){bytes[i], flood->size};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (done < SINK_ACK_EVERY) {
		int n = sendmmsg(flood->fd, &msg[done], (unsigned)(SINK_ACK_EVERY - done),
				 0);

		if (n < 0) {
			die("sendmmsg");
		}
		done += n;
	}
	flood->sent += SINK_ACK_EVERY;
}

static void verb_udp(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	struct flood flood = {
		.fd = udp_connect(port, 0),
		.size = (size_t)number_parse(arg[1], "SIZE", 8, SIZE_MAX_BYTES),
	};
	uint64_t window =
		(uint64_t)number_parse(arg[2], "WINDOW", SINK_ACK_EVERY, WINDOW_MAX);
	int64_t end, now, start, len_ns = seconds_parse(arg[3]);
	uint64_t arrived;

	/* Some proxies lose datagrams while they set a session up: three answers, then
	 * go. */
	for (int i = 0; i < 3; i++) {
		flood_ask(&flood, SINK_HELLO);
	}
	start = now = clock_now_ns();
	for (end = start + len_ns; now < end; now = clock_now_ns()) {
		while (flood.sent - flood.acked + SINK_ACK_EVERY <= window) {
			flood_burst(&flood);
		}
		if (!flood_acks(&flood, UDP_RETRY_MS)) {
			flood_settle(&flood);
		}
	}
	arrived = flood.acked - flood.lost;
	flood_settle(&flood);
	report(per_second(arrived, now - start), flood.sent);
	printf(" lost=%llu", (unsigned long long)flood.lost);
}

/*
 * A datagram of a session is numbered after its length, so that a reply which was given
 * up is not taken for the answer to the next request.
 */
static void session_send(struct client *session, size_t size, int64_t now)
{
	session->seq++;
	memcpy(request + sizeof(uint32_t), &session->seq, sizeof(session->seq));
	client_send(session, size, now);
}

/* Takes one datagram, if there is one; true when it answers the latest request. */
static bool session_receive(struct client *session)
{
	char buf[SIZE_MAX_BYTES];
	uint32_t seq;

	if (recv(session->fd, buf, sizeof(buf), MSG_DONTWAIT) <
	    (ssize_t)(2 * sizeof(seq))) {
		return false;
	}
	memcpy(&seq, buf + sizeof(seq), sizeof(seq));
	return seq == session->seq;
}

/* Some proxies lose datagrams while they set a session up: wait until it has answered. */
static void session_open(struct client *session, int port, size_t size)
{
	session->fd = udp_connect(port, 0);
	for (int tries = 0; tries < 20; tries++) {
		send(session->fd, request, size,
		     0); /* may meet an ICMP error; number 0 */
		poll(&(struct pollfd){.fd = session->fd, .events = POLLIN}, 1,
		     UDP_RETRY_MS);
		if (session_receive(session)) {
			return;
		}
	}
	errno = 0;
	die("udprr: no answer");
}

/* Sends again for sessions whose reply is overdue; returns how many. */
static uint64_t resend_overdue(int num_sessions, size_t size, int64_t now)
{
	uint64_t overdue = 0;

	for (int i = 0; i < num_sessions; i++) {
		if (now - clients[i].sent_ns > UDP_RETRY_MS * NS_PER_MS) {
			session_send(&clients[i], size, now);
			overdue++;
		}
	}
	return overdue;
}

static void verb_udprr(char **arg)
{
	int port = (int)number_parse(arg[0], "PORT", 1, 65535);
	int num_sessions = (int)number_parse(arg[1], "SESSIONS", 1, 1000);
	size_t size = (size_t)number_parse(arg[2], "SIZE", 8, SIZE_MAX_BYTES);
	int64_t end, now, start, check_ns, len_ns = seconds_parse(arg[3]);
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	uint64_t done = 0, lost = 0;

	request_make(size);
	memset(request + sizeof(uint32_t), 0, sizeof(uint32_t));
	for (int i = 0; i < num_sessions; i++) {
		session_open(&clients[i], port, size);
		epoll_add(epoll_fd, clients[i].fd, EPOLLIN, &clients[i]);
	}
	start = now = clock_now_ns();
	check_ns = start + UDP_RETRY_MS * NS_PER_MS;
	for (int i = 0; i < num_sessions; i++) {
		session_send(&clients[i], size, start);
	}
	for (end = start + len_ns; now < end; now = clock_now_ns()) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, UDP_RETRY_MS);

		for (int i = 0; i < n; i++) {
			struct client *session = events[i].data.ptr;

			if (session_receive(session)) {
				now = clock_now_ns();
				latency_add(now - session->sent_ns);
				session_send(session, size, now);
				done++;
			}
		}
		if (now >= check_ns) {
			lost += resend_overdue(num_sessions, size, now);
			check_ns = now + UDP_RETRY_MS * NS_PER_MS;
		}
	}
	report(per_second(done, now - start), done);
	report_latency();
	printf(" lost=%llu", (unsigned long long)lost);
}

static const struct {
	const char *name;
	void (*run)(char **arg);
	int args;
} verbs[] = {
	{"wait", verb_wait, 2},	  /* tcp|udp PORT */
	{"bulk", verb_bulk, 3},	  /* PORT STREAMS SECONDS */
	{"rr", verb_rr, 4},	  /* PORT CONNS SIZE SECONDS */
	{"conns", verb_conns, 3}, /* PORT SLOTS SECONDS */
	{"idle", verb_idle, 2},	  /* PORT CONNS */
	{"udp", verb_udp, 4},	  /* PORT SIZE WINDOW SECONDS */
	{"udprr", verb_udprr, 4}, /* PORT SESSIONS SIZE SECONDS */
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0 && argc == 2 + verbs[i].args) {
			verbs[i].run(argv + 2);
			putchar('\n');
			return 0;
		}
	}
	errno = 0;
	die("usage: load wait|bulk|rr|conns|idle|udp|udprr PORT ... (see load.c)");
}
