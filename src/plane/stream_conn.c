/* A connection from connect to close. See stream_conn.h. */
#include "plane/stream_conn.h"
#include "io/socket.h"
#include "plane/capture.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS (INT64_C(2000) * 1000000) /* RESETTING and CLOSING, at most */
#define LOOK_AGAIN_NS (INT64_C(20) * 1000000)
static const struct timeval CLOSE_LOOK_TIME = {.tv_usec = 250 * 1000};
static const struct timeval RESET_LOOK_TIME = {.tv_usec = 1000}; /* is all sent now? */

static struct timeval timeval_of(int64_t duration_ns)
{
	return (struct timeval){
		.tv_sec = duration_ns / 1000000000,
		.tv_usec = duration_ns % 1000000000 / 1000,
	};
}

/* --- short reads --- */

static void forget_unsure(struct conn *conn)
{
	if (conn->unsure) {
		conn->unsure = false;
		*conn->unsure_back = conn->next_unsure;
		if (conn->next_unsure) {
			conn->next_unsure->unsure_back = conn->unsure_back;
		}
	}
}

void conn_look_again(struct half *half)
{
	struct conn *conn = half->conn;
	struct stream *stream = conn->stream;

	half->unconfirmed = true;
	if (conn->unsure) {
		return;
	}
	conn->unsure = true;
	conn->next_unsure = stream->unsure;
	conn->unsure_back = &stream->unsure;
	if (conn->next_unsure) {
		conn->next_unsure->unsure_back = &conn->next_unsure;
	} else {
		loop_timer_set(stream->look_again,
			       live_now_ns(stream->live) + LOOK_AGAIN_NS);
	}
	stream->unsure = conn;
}

void stream_look_again(void *ctx)
{
	struct stream *stream = ctx;

	while (stream->unsure) {
		struct conn *conn = stream->unsure;

		forget_unsure(conn);
		for (int side = 0; side < NUM_SIDE; side++) {
			struct half *half = &conn->halves[side];

			if (half->unconfirmed) {
				half->unconfirmed = false;
				half->readable = true;
				conn_mark_ready(conn);
			}
		}
	}
}

/* --- the end --- */

static void half_close(struct half *half, bool reset)
{
	if (half->fd < 0) {
		return;
	}
	event_del(&half->event);
	if (reset) {
		socket_set_reset(half->fd);
	}
	half_drop_unsent(half);
	close(half->fd);
	half->fd = -1;
}

/* What closing the sockets tells the peers, unless they know already. */
static void capture_end(const struct conn *conn, bool reset)
{
	int64_t now_ns = live_now_ns(conn->stream->live);

	for (int side = 0; conn->capture && side < NUM_SIDE; side++) {
		if (reset) {
			capture_flow_reset(conn->capture, (enum side)side, CAPTURE_OUT,
					   now_ns);
		} else {
			capture_flow_fin(conn->capture, (enum side)side, CAPTURE_OUT,
					 now_ns);
		}
	}
}

/* Sockets and flow go now; the struct itself once no caller can hold it any more. */
static void conn_end(struct conn *conn, const char *end, bool reset)
{
	struct stream *stream = conn->stream;

	if (conn->state == CONN_DONE) {
		return;
	}
	conn->state = CONN_DONE;
	capture_end(conn, reset);
	for (int side = 0; side < NUM_SIDE; side++) {
		half_close(&conn->halves[side], reset);
	}
	if (conn->linger) {
		event_free(conn->linger);
		conn->linger = NULL;
	}
	flow_free(conn->flow, end, live_now_ns(stream->live));
	conn->flow = NULL;
	capture_flow_free(conn->capture, end, live_now_ns(stream->live));
	conn->capture = NULL;
	*conn->back = conn->next;
	if (conn->next) {
		conn->next->back = conn->back;
	}
	forget_unsure(conn);
	conn->next = stream->done;
	stream->done = conn;
	stream->num_conns--;
	stream_accept_more(stream);
}

void conn_finish(struct conn *conn, const char *end)
{
	conn_end(conn, end, false);
}

void conn_abort(struct conn *conn, const char *end)
{
	conn_end(conn, end, true);
}

static void linger_again(struct conn *conn)
{
	const struct timeval *wait = conn->state == CONN_RESETTING ? &RESET_LOOK_TIME
								   : &CLOSE_LOOK_TIME;

	evtimer_add(conn->linger, wait);
}

static void on_linger(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *conn = ctx;
	struct stream *stream = conn->stream;

	(void)fd;
	(void)what;
	if (live_now_ns(stream->live) < conn->linger_until_ns) {
		conn_pump(conn);
		if (conn->state != CONN_DONE) {
			linger_again(conn);
		}
	} else if (conn->state == CONN_RESETTING) {
		conn_abort(conn, conn->end);
	} else {
		conn_finish(conn, conn->end);
	}
	stream_settle(stream);
}

void conn_linger(struct conn *conn)
{
	struct live *live = conn->stream->live;

	if (!conn->linger) {
		conn->linger = evtimer_new(loop_base(live->loop), on_linger, conn);
		conn->linger_until_ns = live_now_ns(live) + LINGER_NS;
		if (conn->linger) {
			linger_again(conn);
		}
	}
}

/* --- events --- */

void conn_mark_ready(struct conn *conn)
{
	struct stream *stream = conn->stream;

	if (!conn->ready) {
		conn->ready = true;
		conn->next_ready = stream->ready;
		stream->ready = conn;
		event_active(&stream->kick, EV_TIMEOUT, 0);
	}
}

static void connect_failed(struct conn *conn, int error)
{
	struct stream *stream = conn->stream;
	char upstream[NETADDR_TEXT_MAX], text[256];

	netaddr_format(&stream->upstream, upstream);
	snprintf(text, sizeof(text), "upstream %s: %s", upstream, strerror(error));
	live_note(stream->live, stream->proxy->name, "connect-failed", text);
	conn_abort(conn, "connect-failed");
}

static void capture_connected(struct conn *conn)
{
	struct netaddr local = {.len = sizeof(local.addr)};
	struct stream *stream = conn->stream;
	struct flow_addrs addrs = {.transport = stream->upstream.addr.ss_family == AF_UNIX
							? TRANSPORT_UNIX
							: TRANSPORT_TCP};

	if (getsockname(conn->halves[SIDE_REPLY].fd, (struct sockaddr *)&local.addr,
			&local.len) == 0) {
		addrs.client = netaddr_ip(&local);
		addrs.client_port = netaddr_port(&local);
	}
	addrs.server = netaddr_ip(&stream->upstream);
	addrs.server_port = netaddr_port(&stream->upstream);
	capture_flow_connected(conn->capture, &addrs, live_now_ns(stream->live));
}

/* connect() has come to its end. */
static void connected(struct conn *conn, short what)
{
	struct half *server = &conn->halves[SIDE_REPLY];
	int error = 0;
	socklen_t len = sizeof(error);

	if ((what & EV_TIMEOUT) && !(what & EV_WRITE)) {
		connect_failed(conn, ETIMEDOUT);
		return;
	}
	if (getsockopt(server->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		error = errno;
	}
	if (error) {
		connect_failed(conn, error);
		return;
	}
	event_remove_timer(&server->event);
	conn->state = CONN_OPEN;
	server->writable = true;
	if (conn->capture) {
		capture_connected(conn);
	}
}

/* A peer that ended in order and was sent more answers with RST, which reading would no
 * longer tell: the end is all it ever says. */
static bool reset_behind_end(const struct half *half)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return half->ended && half->fd >= 0 &&
	       getsockopt(half->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error;
}

static void on_half(evutil_socket_t fd, short what, void *ctx)
{
	struct half *half = ctx;
	struct conn *conn = half->conn;
	struct stream *stream = conn->stream;

	(void)fd;
	if (conn->state == CONN_CONNECTING && half == &conn->halves[SIDE_REPLY] &&
	    (what & (EV_WRITE | EV_TIMEOUT | EV_CLOSED))) {
		connected(conn, what);
	}
	if (what & EV_READ) {
		half->unconfirmed = false;
		half->readable = true;
	}
	if (what & EV_CLOSED) {
		half->hup = true;
		half->readable = true;
	}
	if ((what & EV_READ) && reset_behind_end(half)) {
		half_write_failed(half);
	}
	if ((what & EV_WRITE) && !half->write_failed) {
		half->writable = true;
	}
	if (conn->state != CONN_DONE) {
		conn_pump(conn);
	}
	stream_settle(stream);
}

/* --- the beginning --- */

static bool half_watch(struct half *half, const struct timeval *timeout)
{
	struct event_base *base = loop_base(half->conn->stream->live->loop);

	return event_assign(&half->event, base, half->fd,
			    EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_half,
			    half) == 0 &&
	       event_add(&half->event, timeout) == 0;
}

static void conn_link(struct conn *conn)
{
	struct stream *stream = conn->stream;

	conn->next = stream->conns;
	conn->back = &stream->conns;
	if (conn->next) {
		conn->next->back = &conn->next;
	}
	stream->conns = conn;
	stream->num_conns++;
}

void conn_new(struct stream *stream, int fd, const struct netaddr *client)
{
	struct timeval connect_time = timeval_of(stream->proxy->connect_ns);
	struct conn *conn = xcalloc(1, sizeof(*conn));
	struct flow_addrs addrs = stream->addrs;
	int64_t now_ns = live_now_ns(stream->live);
	int upstream, error;

	addrs.client = netaddr_ip(client);
	addrs.client_port = netaddr_port(client);
	conn->stream = stream;
	for (int side = 0; side < NUM_SIDE; side++) {
		conn->halves[side].conn = conn;
		conn->halves[side].fd = -1;
	}
	conn->halves[SIDE_REQUEST].fd = fd;
	conn_link(conn);
	if (stream->live->capture) {
		conn->capture = capture_flow_open(stream->live->capture,
						  stream->proxy->name, &addrs, now_ns);
	}
	conn->flow = flow_new(stream->live->engine, stream->proxy, &addrs,
			      &STREAM_FLOW_OPS, conn, now_ns);
	if (conn->capture) {
		capture_flow_accepted(conn->capture, now_ns);
	}
	upstream = conn->flow ? socket_connect_stream(&stream->upstream) : -1;
	if (conn->flow && upstream < 0 && stream_out_of_descriptors(errno)) {
		stream_spare_close(stream);
		upstream = socket_connect_stream(&stream->upstream);
	}
	error = errno;
	conn->halves[SIDE_REPLY].fd = upstream;
	if (!half_watch(&conn->halves[SIDE_REQUEST], NULL)) {
		conn_abort(conn, "no-memory");
	} else if (!conn->flow) {
		conn_abort(conn, "refused");
	} else if (upstream < 0) {
		connect_failed(conn, error);
	} else if (!half_watch(&conn->halves[SIDE_REPLY], &connect_time)) {
		conn_abort(conn, "no-memory");
	}
}
