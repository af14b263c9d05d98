/*
 * relay epoll|splice|udp LISTEN_PORT UPSTREAM_PORT: relays that do nothing but relay.
 *
 * They are the benchmark's floor: what a proxy of this shape costs before it has
 * features. No timeouts, no log, no limits but those of the machine; the relay ends by
 * signal.
 *
 * TCP, theory of operation. A connection is a pair of ends, and two ways between them. An
 * end's descriptor is registered once, edge-triggered, for input and output, so nothing
 * is ever re-armed. An event on an end pumps the way that reads from it and the way that
 * writes to it. A pump moves bytes until its input is dry or its output is full; what
 * could not be written waits in a `hold` (a buffer, or a pipe with `splice`), which only
 * such a way keeps: the others take one from a pool and give it back, so an idle
 * connection has none. Edge-triggered reads must run until EAGAIN, so a pump that stops
 * early for fairness is not possible here without a queue, and a bare relay has none.
 *
 * UDP: one connected upstream socket per client address, found by a hash table, kept for
 * ever. Datagrams are received in batches, and each run of one session's is sent in one
 * call.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define HOLD_BYTES (64 << 10)
#define PIPE_BYTES (256 << 10)
#define BATCH 64
#define DGRAM_MAX_BYTES 2048
#define SESSIONS_MAX 4096 /* a power of two */

/* Bytes between a read and their write. Owned by a way, or by the pool. */
struct hold {
	struct hold *next; /* in the pool */
	size_t len_bytes;
	size_t start;	 /* of the bytes in buf; unused by a pipe */
	int pipe_out_fd; /* unused by a buffer */
	int pipe_in_fd;
	char buf[]; /* HOLD_BYTES, or none with a pipe */
};

struct end {
	struct pair *pair;
	int fd;
};

struct way {
	struct hold *hold; /* NULL unless the output is full */
	bool ended;	   /* end of input seen, and passed on */
};

struct pair {
	struct end end[2];
	struct way way[2]; /* way[i] reads from end[i] */
	struct pair *next; /* among the dead, until their events are done */
	bool dead;
};

static bool use_splice;
static struct hold *pool;
static struct pair *dead_pairs;

static struct hold *hold_new(void)
{
	struct hold *hold = malloc(sizeof(*hold) + (use_splice ? 0 : HOLD_BYTES));
	int fds[2];

	if (!hold) {
		die("malloc");
	}
	*hold = (struct hold){.pipe_out_fd = -1, .pipe_in_fd = -1};
	if (use_splice) {
		if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
			die("pipe2");
		}
		fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one will do */
		hold->pipe_out_fd = fds[0];
		hold->pipe_in_fd = fds[1];
	}
	return hold;
}

static struct hold *hold_take(void)
{
	struct hold *hold = pool;

	if (!hold) {
		return hold_new();
	}
	pool = hold->next;
	return hold;
}

/* A pipe that still has bytes in it can't be used again. */
static void hold_give(struct hold *hold)
{
	if (!hold) {
		return;
	}
	if (hold->len_bytes && use_splice) {
		close(hold->pipe_out_fd);
		close(hold->pipe_in_fd);
		free(hold);
		return;
	}
	hold->len_bytes = 0;
	hold->next = pool;
	pool = hold;
}

static ssize_t hold_fill(struct hold *hold, int from_fd)
{
	ssize_t n;

	if (use_splice) {
		n = splice(from_fd, NULL, hold->pipe_in_fd, NULL, PIPE_BYTES,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} else {
		n = read(from_fd, hold->buf, HOLD_BYTES);
		hold->start = 0;
	}
	if (n > 0) {
		hold->len_bytes = (size_t)n;
	}
	return n;
}

/* 0 if all was written, 1 if the output is full, -1 if it is gone. */
static int hold_drain(struct hold *hold, int to_fd)
{
	while (hold->len_bytes) {
		ssize_t n;

		if (use_splice) {
			n = splice(hold->pipe_out_fd, NULL, to_fd, NULL, hold->len_bytes,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		} else {
			n = send(to_fd, hold->buf + hold->start, hold->len_bytes,
				 MSG_NOSIGNAL);
		}
		if (n < 0) {
			return errno == EAGAIN ? 1 : -1;
		}
		hold->start += (size_t)n;
		hold->len_bytes -= (size_t)n;
	}
	return 0;
}

/* Moves what can be moved. -1 if the connection is gone. */
static int way_pump(struct way *way, int from_fd, int to_fd)
{
	struct hold *hold = way->hold ? way->hold : hold_take();
	int result = 0;
	ssize_t n;

	if (way->ended) {
		hold_give(hold);
		return 0;
	}
	way->hold = NULL;
	while ((result = hold_drain(hold, to_fd)) == 0) {
		n = hold_fill(hold, from_fd);
		if (n < 0 && errno == EAGAIN) {
			break;
		}
		if (n < 0) {
			result = -1;
			break;
		}
		if (n == 0) {
			way->ended = true;
			shutdown(to_fd, SHUT_WR);
			break;
		}
	}
	if (result == 1) {
		way->hold = hold;
		return 0;
	}
	hold_give(hold);
	return result;
}

static void pair_open(int epoll_fd, int client_fd, int upstream_port)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair) {
		die("calloc");
	}
	pair->end[0] = (struct end){pair, client_fd};
	pair->end[1] = (struct end){pair, tcp_connect_start(upstream_port)};
	for (int i = 0; i < 2; i++) {
		epoll_add(epoll_fd, pair->end[i].fd,
			  EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &pair->end[i]);
	}
}

/* Other events of this batch may still point to it, so it is freed after the batch. */
static void pair_close(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		hold_give(pair->way[i].hold);
		close(pair->end[i].fd);
	}
	pair->dead = true;
	pair->next = dead_pairs;
	dead_pairs = pair;
}

static void pair_event(struct pair *pair, int side)
{
	int fd = pair->end[side].fd, peer_fd = pair->end[!side].fd;

	if (way_pump(&pair->way[side], fd, peer_fd) < 0 ||
	    way_pump(&pair->way[!side], peer_fd, fd) < 0 ||
	    (pair->way[0].ended && pair->way[1].ended)) {
		pair_close(pair);
	}
}

static void bury_the_dead(void)
{
	while (dead_pairs) {
		struct pair *pair = dead_pairs;

		dead_pairs = pair->next;
		free(pair);
	}
}

static void tcp_relay(int listen_port, int upstream_port)
{
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	int listener = tcp_listen(listen_port);

	signal(SIGPIPE, SIG_IGN); /* splice() has no MSG_NOSIGNAL */
	epoll_add(epoll_fd, listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct end *end = events[i].data.ptr;
			int fd;

			if (!end) {
				while ((fd = tcp_accept(listener)) >= 0) {
					pair_open(epoll_fd, fd, upstream_port);
				}
			} else if (!end->pair->dead) {
				pair_event(end->pair, end == &end->pair->end[1]);
			}
		}
		bury_the_dead();
	}
}

struct session {
	struct sockaddr_in client;
	int fd; /* connected upstream; 0 in an empty slot */
};

static struct session sessions[SESSIONS_MAX];

static struct {
	char bytes[BATCH][DGRAM_MAX_BYTES];
	struct sockaddr_in from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
} batch;

static struct session *session_find(int epoll_fd, const struct sockaddr_in *client,
				    int upstream_port)
{
	uint32_t slot = client->sin_port * 2654435761U + client->sin_addr.s_addr;

	for (int tries = 0; tries < SESSIONS_MAX; tries++, slot++) {
		struct session *session = &sessions[slot % SESSIONS_MAX];

		if (!session->fd) {
			session->client = *client;
			session->fd = udp_connect(upstream_port, SOCK_NONBLOCK);
			epoll_add(epoll_fd, session->fd, EPOLLIN, session);
			return session;
		}
		if (session->client.sin_port == client->sin_port &&
		    session->client.sin_addr.s_addr == client->sin_addr.s_addr) {
			return session;
		}
	}
	errno = 0;
	die("more than %d sessions", SESSIONS_MAX);
}

static int batch_receive(int fd)
{
	int n;

	for (int i = 0; i < BATCH; i++) {
		batch.iov[i] = (struct iovec){batch.bytes[i], DGRAM_MAX_BYTES};
		batch.msg[i].msg_hdr = (struct msghdr){
			.msg_name = &batch.from[i],
			.msg_namelen = sizeof(batch.from[i]),
			.msg_iov = &batch.iov[i],
			.msg_iovlen = 1,
		};
	}
	n = recvmmsg(fd, batch.msg, BATCH, 0, NULL);
	for (int i = 0; i < n; i++) {
		batch.iov[i].iov_len = batch.msg[i].msg_len;
	}
	return n;
}

/* Sends messages [from, to) of the batch to `addr`, or where `fd` is connected if NULL.
 */
static void batch_send(int fd, int from, int to, struct sockaddr_in *addr)
{
	for (int i = from; i < to; i++) {
		batch.msg[i].msg_hdr.msg_name = addr;
		batch.msg[i].msg_hdr.msg_namelen = addr ? sizeof(*addr) : 0;
	}
	while (from < to) {
		int n = sendmmsg(fd, &batch.msg[from], (unsigned)(to - from), 0);

		from += n > 0 ? n : 1; /* UDP loses what can't be sent */
	}
}

static void to_upstream(int epoll_fd, int listener, int upstream_port)
{
	int n = batch_receive(listener);
	int from = 0;
	struct session *session, *next;

	if (n <= 0) {
		return;
	}
	session = session_find(epoll_fd, &batch.from[0], upstream_port);
	for (int i = 1; i < n; i++) {
		next = session_find(epoll_fd, &batch.from[i], upstream_port);
		if (next != session) {
			batch_send(session->fd, from, i, NULL);
			session = next;
			from = i;
		}
	}
	batch_send(session->fd, from, n, NULL);
}

static void udp_relay(int listen_port, int upstream_port)
{
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd = epoll_open();
	int listener = udp_bind(listen_port);

	epoll_add(epoll_fd, listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct session *session = events[i].data.ptr;

			if (session) {
				batch_send(listener, 0, batch_receive(session->fd),
					   &session->client);
			} else {
				to_upstream(epoll_fd, listener, upstream_port);
			}
		}
	}
}

int main(int argc, char **argv)
{
	int listen_port, upstream_port;

	errno = 0;
	if (argc != 4) {
		die("usage: relay epoll|splice|udp LISTEN_PORT UPSTREAM_PORT");
	}
	listen_port = (int)number_parse(argv[2], "LISTEN_PORT", 1, 65535);
	upstream_port = (int)number_parse(argv[3], "UPSTREAM_PORT", 1, 65535);
	if (strcmp(argv[1], "udp") == 0) {
		udp_relay(listen_port, upstream_port);
	}
	use_splice = strcmp(argv[1], "splice") == 0;
	if (!use_splice && strcmp(argv[1], "epoll") != 0) {
		die("no relay '%s'", argv[1]);
	}
	tcp_relay(listen_port, upstream_port);
}
