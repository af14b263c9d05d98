/*
 * serve PORT: the server behind every contestant of the benchmark, one thread, one epoll.
 *
 *   PORT    TCP echo
 *   PORT+1  TCP source: writes for as long as the peer reads
 *   PORT+2  UDP echo
 *   PORT+3  UDP sink: counts, and acknowledges every SINK_ACK_EVERY-th datagram
 *
 * The sink's protocol (load.c's `udp` verb is the other end): a datagram opens with a
 * uint32_t in host order. SINK_HELLO sets the sender's count to 0, SINK_QUERY leaves it;
 * both are answered at once. Any other value counts. An answer is the count, uint64_t.
 * Senders are told apart by their port, so a proxy's sessions don't mix.
 */
#include "net.h"
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum role {
	ROLE_LISTEN_ECHO,
	ROLE_LISTEN_SOURCE,
	ROLE_ECHO,
	ROLE_SOURCE,
	ROLE_UDP_ECHO,
	ROLE_UDP_SINK,
	NUM_ROLE
};

#define FD_MAX 65536
#define EVENTS_MAX 256
#define BUF_BYTES (256 << 10)
#define BATCH 64
#define DGRAM_MAX_BYTES 2048

/* An epoll event carries a pointer to its descriptor's entry; the index is the
 * descriptor. */
static unsigned char fd_role[FD_MAX];
static char buf[BUF_BYTES];

static struct {
	char bytes[BATCH][DGRAM_MAX_BYTES];
	struct sockaddr_in from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH];
} batch;

static uint64_t sink_count[65536]; /* by the sender's port */

static void watch(int epoll_fd, int fd, enum role role)
{
	if (fd >= FD_MAX) {
		errno = 0;
		die("more than %d descriptors", FD_MAX);
	}
	fd_role[fd] = (unsigned char)role;
	epoll_add(epoll_fd, fd, role == ROLE_SOURCE ? EPOLLOUT : EPOLLIN, &fd_role[fd]);
}

static void accept_all(int epoll_fd, int listener, enum role role)
{
	int fd;

	while ((fd = tcp_accept(listener)) >= 0) {
		watch(epoll_fd, fd, role);
	}
}

/* Writes all; waits if the peer does not read. 0, or -1 when the connection is gone. */
static int write_all(int fd, const char *from, size_t len)
{
	while (len) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		} else if (n < 0) {
			return -1;
		} else {
			from += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void echo(int fd)
{
	ssize_t n = read(fd, buf, 65536);

	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n <= 0 || write_all(fd, buf, (size_t)n) < 0) {
		close(fd);
	}
}

static void source(int fd)
{
	if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
		close(fd);
	}
}

static int batch_receive(int fd)
{
	for (int i = 0; i < BATCH; i++) {
		batch.iov[i] = (struct iovec){batch.bytes[i], DGRAM_MAX_BYTES};
		batch.msg[i].msg_hdr = (struct msghdr){
			.msg_name = &batch.from[i],
			.msg_namelen = sizeof(batch.from[i]),
			.msg_iov = &batch.iov[i],
			.msg_iovlen = 1,
		};
	}
	return recvmmsg(fd, batch.msg, BATCH, 0, NULL);
}

static void udp_echo(int fd)
{
	int n = batch_receive(fd);

	for (int i = 0; i < n; i++) {
		batch.iov[i].iov_len = batch.msg[i].msg_len;
	}
	if (n > 0) {
		sendmmsg(fd, batch.msg, (unsigned)n, 0);
	}
}

static void udp_sink(int fd)
{
	int n = batch_receive(fd);

	for (int i = 0; i < n; i++) {
		uint64_t *count = &sink_count[ntohs(batch.from[i].sin_port)];
		uint32_t word;

		if (batch.msg[i].msg_len < sizeof(word)) {
			continue;
		}
		memcpy(&word, batch.bytes[i], sizeof(word));
		if (word == SINK_HELLO) {
			*count = 0;
		} else if (word != SINK_QUERY && ++*count % SINK_ACK_EVERY) {
			continue;
		}
		sendto(fd, count, sizeof(*count), 0, (struct sockaddr *)&batch.from[i],
		       sizeof(batch.from[i]));
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	int epoll_fd, port;

	errno = 0;
	if (argc != 2) {
		die("usage: serve PORT");
	}
	port = (int)number_parse(argv[1], "PORT", 1, 65532);
	epoll_fd = epoll_open();
	watch(epoll_fd, tcp_listen(port), ROLE_LISTEN_ECHO);
	watch(epoll_fd, tcp_listen(port + 1), ROLE_LISTEN_SOURCE);
	watch(epoll_fd, udp_bind(port + 2), ROLE_UDP_ECHO);
	watch(epoll_fd, udp_bind(port + 3), ROLE_UDP_SINK);

	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			unsigned char *role = events[i].data.ptr;
			int fd = (int)(role - fd_role);

			switch ((enum role) * role) {
			case ROLE_LISTEN_ECHO:
				accept_all(epoll_fd, fd, ROLE_ECHO);
				break;
			case ROLE_LISTEN_SOURCE:
				accept_all(epoll_fd, fd, ROLE_SOURCE);
				break;
			case ROLE_ECHO:
				echo(fd);
				break;
			case ROLE_SOURCE:
				source(fd);
				break;
			case ROLE_UDP_ECHO:
				udp_echo(fd);
				break;
			case ROLE_UDP_SINK:
				udp_sink(fd);
				break;
			case NUM_ROLE:
				abort();
			}
		}
	}
}
