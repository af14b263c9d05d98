/* A stream proxy: its listener, and what its connections share. See stream_conn.h. */
#include "io/socket.h"
#include "plane/stream_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXHAUSTED_NOTE_NS (INT64_C(1000) * 1000000)
static const struct timeval RETRY_TIME = {.tv_usec = 100 * 1000}; /* out of descriptors */

void stream_accept_more(struct stream *stream)
{
	if (stream->accepting && stream->paused &&
	    stream->num_conns < stream->proxy->max_flows) {
		stream->paused = false;
		event_add(&stream->event, NULL);
	}
}

/* --- the end of a callback --- */

static void unlink_from_lists(struct stream *stream)
{
	struct conn **at;

	for (at = &stream->ready; *at;) {
		if ((*at)->state == CONN_DONE) {
			*at = (*at)->next_ready;
		} else {
			at = &(*at)->next_ready;
		}
	}
	for (at = &stream->dirty; *at;) {
		if ((*at)->state == CONN_DONE) {
			*at = (*at)->next_dirty;
		} else {
			at = &(*at)->next_dirty;
		}
	}
}

/* Lets connections that were handed bytes, ends or cuts act on them; frees those that are
 * done. */
static void flush_dirty(struct stream *stream)
{
	while (stream->dirty) {
		struct conn *conn = stream->dirty;

		stream->dirty = conn->next_dirty;
		conn->dirty = false;
		if (conn->state != CONN_DONE) {
			conn_pump(conn);
		}
	}
	if (stream->done) {
		unlink_from_lists(stream);
	}
	while (stream->done) {
		struct conn *next = stream->done->next;

		free(stream->done);
		stream->done = next;
	}
}

void stream_settle(struct stream *stream)
{
	if (live_commit(stream->live)) {
		flush_dirty(stream);
	}
	live_settle(stream->live);
}

static void plane_flush(struct live_plane *plane)
{
	flush_dirty((struct stream *)plane);
}

static void plane_cut_uncommitted(struct live_plane *plane)
{
	struct stream *stream = (struct stream *)plane;

	for (struct conn *conn = stream->conns; conn;) {
		struct conn *next = conn->next;

		if (conn->flow && flow_take_fault(conn->flow)) {
			conn_abort(conn, "log-failed");
		}
		conn = next;
	}
}

static void on_kick(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;
	struct conn *ready = stream->ready;

	(void)fd;
	(void)what;
	stream->ready = NULL;
	while (ready) {
		struct conn *conn = ready;

		ready = conn->next_ready;
		conn->ready = false;
		if (conn->state != CONN_DONE) {
			conn_pump(conn);
		}
	}
	stream_settle(stream);
}

/* --- new connections --- */

bool stream_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void stream_spare_close(struct stream *stream)
{
	if (stream->spare_fd >= 0) {
		close(stream->spare_fd);
		stream->spare_fd = -1;
	}
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	stream_accept_more(ctx);
}

static void pause_accepting(struct stream *stream)
{
	stream->paused = true;
	event_del(&stream->event);
}

/* Others wait in the backlog until a connection ends or the next look. */
void stream_pause_exhausted(struct stream *stream, int error)
{
	int64_t now_ns = live_now_ns(stream->live);

	if (now_ns >= stream->exhausted_note_ns + EXHAUSTED_NOTE_NS) {
		stream->exhausted_note_ns = now_ns;
		live_note(stream->live, stream->proxy->name, "accept-paused",
			  strerror(error));
	}
	pause_accepting(stream);
	evtimer_add(&stream->retry, &RETRY_TIME);
}

static bool spare_open(struct stream *stream)
{
	if (stream->spare_fd < 0) {
		stream->spare_fd = fcntl(stream->fd, F_DUPFD_CLOEXEC, 0);
	}
	return stream->spare_fd >= 0;
}

enum { ACCEPTS_A_TURN = 64 };

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN && !stream->paused; i++) {
		struct netaddr client = {.len = sizeof(client.addr)};
		int accepted;

		if (stream->num_conns >= stream->proxy->max_flows) {
			pause_accepting(stream); /* others wait in the backlog */
			break;
		}
		if (!spare_open(stream)) {
			stream_pause_exhausted(stream, errno);
			break;
		}
		accepted = accept4(fd, (struct sockaddr *)&client.addr, &client.len,
				   SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted >= 0) {
			conn_new(stream, accepted, &client);
		} else if (stream_out_of_descriptors(errno)) {
			stream_pause_exhausted(stream, errno);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			break;
		}
	}
	stream_settle(stream);
}

/* --- the listener --- */

int stream_open(struct live *live, const struct proxy *proxy,
		const struct netaddr *listen_on, const struct netaddr *upstream,
		struct stream **out, struct netaddr *out_bound, struct err *err)
{
	struct event_base *base = loop_base(live->loop);
	struct stream *stream;
	int fd = socket_listen_stream(listen_on, out_bound, err);

	if (fd < 0) {
		return fd;
	}
	stream = xcalloc(1, sizeof(*stream));
	stream->plane.flush = plane_flush;
	stream->plane.cut_uncommitted = plane_cut_uncommitted;
	stream->live = live;
	stream->proxy = proxy;
	stream->listen = *out_bound;
	stream->upstream = *upstream;
	stream->addrs.transport = proxy->listen.transport;
	stream->addrs.server = netaddr_ip(out_bound);
	stream->addrs.server_port = netaddr_port(out_bound);
	stream->fd = fd;
	stream->spare_fd = -1;
	stream->exhausted_note_ns = -EXHAUSTED_NOTE_NS;
	stream->accepting = true;
	stream->scratch = xmalloc(STREAM_READ_BYTES);
	event_assign(&stream->event, base, fd, EV_READ | EV_PERSIST, on_accept, stream);
	event_assign(&stream->kick, base, -1, 0, on_kick, stream);
	event_assign(&stream->retry, base, -1, 0, on_retry, stream);
	stream->look_again = loop_timer_new(live->loop, stream_look_again, stream);
	event_add(&stream->event, NULL);
	live_add(live, &stream->plane);
	*out = stream;
	return 0;
}

void stream_stop_accepting(struct stream *stream)
{
	if (stream->accepting) {
		stream->accepting = false;
		event_del(&stream->event);
		evtimer_del(&stream->retry);
		close(stream->fd);
		stream->fd = -1;
		stream_spare_close(stream);
		if (stream->listen.addr.ss_family == AF_UNIX) {
			unlink(((const struct sockaddr_un *)&stream->listen.addr)
				       ->sun_path);
		}
	}
}

bool stream_pending(const struct stream *stream)
{
	for (const struct conn *conn = stream->conns; conn; conn = conn->next) {
		if (conn->halves[SIDE_REQUEST].ended || conn->halves[SIDE_REPLY].ended) {
			return true; /* the other peer's end is on its way */
		}
		for (int side = 0; side < NUM_SIDE; side++) {
			if (flow_pending(conn->flow, (enum side)side) ||
			    half_has_unsent(&conn->halves[side])) {
				return true;
			}
		}
	}
	return false;
}

void stream_free(struct stream *stream, const char *end)
{
	if (!stream) {
		return;
	}
	stream_stop_accepting(stream);
	while (stream->conns) {
		conn_finish(stream->conns, end);
	}
	unlink_from_lists(stream);
	flush_dirty(stream);
	stream_pipes_free(stream);
	event_del(&stream->kick);
	loop_timer_free(stream->look_again);
	live_remove(stream->live, &stream->plane);
	free(stream->scratch);
	free(stream);
}
