/* A connection's bytes: read, judge, write; or splice what nobody judges. See
 * stream_conn.h. */
#include "plane/stream_conn.h"

#include "plane/capture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The half that a side is read from, and the one it is written to. */
static struct half *source_of(struct conn *conn, enum side side)
{
	return &conn->halves[side];
}

static struct half *sink_of(struct conn *conn, enum side side)
{
	return &conn->halves[side_other(side)];
}

/* The side whose bytes are written to this half. */
static enum side side_into(const struct half *half)
{
	return half == &half->conn->halves[SIDE_REQUEST] ? SIDE_REPLY : SIDE_REQUEST;
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

bool half_has_unsent(const struct half *half)
{
	return half->pending.len > half->pending_from ||
	       (half->pipe && half->pipe->len) ||
	       (half->conn->stream->out_half == half && half->conn->stream->num_out > 0);
}

/* --- unsent bytes --- */

static void half_return_pipe(struct half *half)
{
	if (half->pipe) {
		stream_pipe_give(half->conn->stream, half->pipe);
		half->pipe = NULL;
	}
}

void half_drop_unsent(struct half *half)
{
	text_done(&half->pending);
	half->pending_from = 0;
	half_return_pipe(half);
	if (half->conn->stream->out_half == half) {
		half->conn->stream->num_out = 0;
	}
}

/* --- writing --- */

void half_write_failed(struct half *half)
{
	half->write_failed = true;
	half->writable = false;
	/* Its own bytes, sent before it closed, may still wait to be read. */
	half->readable = true;
	half_drop_unsent(half);
}

static void half_keep(struct half *half, struct span bytes)
{
	text_bytes(&half->pending, bytes.data, bytes.len);
}

/* Keeps what is in `out`: it points into memory that will be used again. */
static void stream_keep_out(struct stream *stream)
{
	for (int i = 0; i < stream->num_out; i++) {
		half_keep(stream->out_half,
			  span_of(stream->out[i].iov_base, stream->out[i].iov_len));
	}
	stream->num_out = 0;
}

/* Writes pending bytes. False: some are left. */
static bool half_write_pending(struct half *half)
{
	while (half->pending.len > half->pending_from) {
		ssize_t n = send(half->fd, half->pending.data + half->pending_from,
				 half->pending.len - half->pending_from, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			if (would_block(errno)) {
				half->writable = false;
			} else {
				half_write_failed(half);
			}
			return half->pending.len == 0;
		}
		half->pending_from += (size_t)n;
	}
	text_done(&half->pending);
	half->pending_from = 0;
	return true;
}

/* Writes `out` in one call where it can and keeps the rest. */
static void stream_write_out(struct stream *stream)
{
	struct half *half = stream->out_half;
	struct msghdr message = {.msg_iov = stream->out};
	ssize_t n = 0;

	if (stream->num_out == 0) {
		return;
	}
	if (half->write_failed) {
		stream->num_out = 0;
		return;
	}
	if (half->pending.len > half->pending_from || !half->writable) {
		stream_keep_out(stream);
		return;
	}
	message.msg_iovlen = (size_t)stream->num_out;
	do {
		n = stream->num_out == 1 ? send(half->fd, stream->out[0].iov_base,
						stream->out[0].iov_len, MSG_NOSIGNAL)
					 : sendmsg(half->fd, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (!would_block(errno)) {
			half_write_failed(half);
			return;
		}
		half->writable = false;
		n = 0;
	}
	for (int i = 0; i < stream->num_out; i++) {
		struct iovec *iov = &stream->out[i];
		size_t sent = (size_t)n < iov->iov_len ? (size_t)n : iov->iov_len;

		n -= (ssize_t)sent;
		if (sent < iov->iov_len) {
			half->writable = false;
			half_keep(half, span_of((uint8_t *)iov->iov_base + sent,
						iov->iov_len - sent));
		}
	}
	stream->num_out = 0;
}

/* Empties the pipe into the socket. False: bytes are left. */
static bool half_write_pipe(struct half *half)
{
	struct splice_pipe *pipe = half->pipe;

	while (pipe && pipe->len > 0 && half->writable) {
		ssize_t n = splice(pipe->out, NULL, half->fd, NULL, pipe->len,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n > 0) {
			pipe->len -= (size_t)n;
		} else if (n < 0 && would_block(errno)) {
			half->writable = false;
		} else if (n == 0 || errno != EINTR) {
			half_write_failed(half);
			return true;
		}
	}
	return !pipe || pipe->len == 0;
}

static void half_shut(struct half *half)
{
	bool last = half->ended && half->conn->halves[side_into(half)].shut;

	half->shut = true;
	/* close() is at hand and will send the FIN as well. */
	if (!half->write_failed && !(last && half->conn->state == CONN_OPEN)) {
		shutdown(half->fd, SHUT_WR);
	}
	if (half->conn->capture) {
		capture_flow_fin(half->conn->capture, side_into(half), CAPTURE_OUT,
				 live_now_ns(half->conn->stream->live));
	}
}

/* Writes what this half has, then its end. True when nothing is left. */
static bool half_flush(struct half *half)
{
	if (half->conn->stream->out_half == half) {
		stream_write_out(half->conn->stream);
	}
	if (half->write_failed) {
		half_drop_unsent(half);
	} else if (!half->writable || !half_write_pending(half) ||
		   !half_write_pipe(half)) {
		if (half_has_unsent(half)) {
			return false;
		}
	}
	/* An end that came from a peer that is gone is passed on as RST: see peer_gone().
	 * */
	if (half->want_end && !half->shut &&
	    !source_of(half->conn, side_into(half))->write_failed) {
		half_shut(half);
	}
	return true;
}

/* --- what the flow asks for --- */

static void mark_dirty(struct conn *conn)
{
	if (!conn->dirty) {
		conn->dirty = true;
		conn->next_dirty = conn->stream->dirty;
		conn->stream->dirty = conn;
	}
}

static bool within_scratch(const struct stream *stream, struct span bytes)
{
	return bytes.data >= stream->scratch &&
	       bytes.data + bytes.len <= stream->scratch + STREAM_READ_BYTES;
}

static void on_send(void *ctx, enum side side, struct span bytes)
{
	struct conn *conn = ctx;
	struct stream *stream = conn->stream;
	struct half *half = sink_of(conn, side);
	struct iovec *last;

	if (conn->capture) {
		capture_flow_out(conn->capture, side, bytes, live_now_ns(stream->live));
	}
	mark_dirty(conn);
	if (half->write_failed) {
		return;
	}
	if (stream->num_out > 0 && stream->out_half != half) {
		stream_keep_out(stream);
	}
	stream->out_half = half;
	if (!within_scratch(stream, bytes) || half->pending.len > half->pending_from) {
		stream_keep_out(stream);
		half_keep(half, bytes);
		return;
	}
	last = stream->num_out > 0 ? &stream->out[stream->num_out - 1] : NULL;
	if (last && (const uint8_t *)last->iov_base + last->iov_len == bytes.data) {
		last->iov_len += bytes.len;
		return;
	}
	if (stream->num_out == STREAM_OUT_MAX) {
		stream_keep_out(stream);
		half_keep(half, bytes);
		return;
	}
	stream->out[stream->num_out++] =
		(struct iovec){(void *)(uintptr_t)bytes.data, bytes.len};
}

static void on_end(void *ctx, enum side side)
{
	struct conn *conn = ctx;

	sink_of(conn, side)->want_end = true;
	mark_dirty(conn);
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct conn *conn = ctx;

	switch (how) {
	case FLOW_CUT_RESET:
		conn->state = CONN_RESETTING;
		conn->end = "rule-reset";
		break;
	case FLOW_CUT_CLOSE:
		conn->state = CONN_CLOSING;
		conn->end = "rule-close";
		break;
	case FLOW_CUT_REFUSE:
		conn->state = CONN_RESETTING;
		conn->end = "refused";
		break;
	}
	mark_dirty(conn);
}

static void on_resume(void *ctx, enum side side)
{
	struct conn *conn = ctx;

	(void)side;
	conn_mark_ready(conn);
}

static bool client_gone(void *ctx)
{
	struct conn *conn = ctx;
	struct half *client = source_of(conn, SIDE_REQUEST);
	struct pollfd poll_client = {.fd = client->fd, .events = POLLRDHUP};
	bool gone = client->ended || client->fd < 0 ||
		    (poll(&poll_client, 1, 0) == 1 &&
		     (poll_client.revents & (POLLRDHUP | POLLHUP | POLLERR)));

	if (gone && conn->capture) {
		capture_flow_gone(conn->capture, live_now_ns(conn->stream->live));
	}
	return gone;
}

const struct flow_ops STREAM_FLOW_OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_resume,
	.client_gone = client_gone,
};

/* --- reading --- */

static void read_failed(struct conn *conn, enum side side)
{
	source_of(conn, side)->ended = true;
	if (conn->capture) {
		capture_flow_reset(conn->capture, side, CAPTURE_IN,
				   live_now_ns(conn->stream->live));
	}
	/* What it sent before goes on first; what can't be sent at once is lost, as with
	 * RST. */
	conn_flush(conn);
	conn_abort(conn, side == SIDE_REQUEST ? "client-reset" : "server-reset");
}

static void source_ended(struct conn *conn, enum side side)
{
	source_of(conn, side)->ended = true;
	if (conn->capture) {
		capture_flow_fin(conn->capture, side, CAPTURE_IN,
				 live_now_ns(conn->stream->live));
	}
	flow_end(conn->flow, side, live_now_ns(conn->stream->live));
}

/* After a read of n bytes. */
static void note_read(struct half *half, size_t n)
{
	if (n < STREAM_READ_BYTES && !half->hup) {
		half->readable = false;
		conn_look_again(half);
	}
	if (n < STREAM_BULKY_BYTES) {
		half->bulky_reads = 0;
	} else if (half->bulky_reads < STREAM_BULKY_READS) {
		half->bulky_reads++;
	}
}

/* One read into the scratch buffer. > 0: bytes; 0: nothing now or ever (flags say which).
 * */
static size_t half_read(struct conn *conn, enum side side)
{
	struct half *source = source_of(conn, side);
	ssize_t n;

	do {
		n = recv(source->fd, conn->stream->scratch, STREAM_READ_BYTES, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		note_read(source, (size_t)n);
		return (size_t)n;
	}
	source->readable = false;
	if (n == 0) {
		source_ended(conn, side);
	} else if (!would_block(errno)) {
		read_failed(conn, side);
	}
	return 0;
}

static size_t move_judged(struct conn *conn, enum side side)
{
	struct stream *stream = conn->stream;
	size_t n = half_read(conn, side);

	if (n > 0) {
		struct span bytes = span_of(stream->scratch, n);
		int64_t now_ns = live_now_ns(stream->live);

		if (conn->capture) {
			capture_flow_in(conn->capture, side, bytes, now_ns);
		}
		flow_feed(conn->flow, side, bytes, now_ns);
	}
	return n;
}

/* Bytes that no rule touches: straight from the read buffer to the other socket. */
static size_t move_passing(struct conn *conn, enum side side)
{
	struct stream *stream = conn->stream;
	struct half *sink = sink_of(conn, side);
	size_t n = half_read(conn, side);

	half_return_pipe(sink); /* of a time when it was bulky; empty now */
	if (n == 0) {
		return 0;
	}
	flow_passed(conn->flow, side, 0, n);
	if (!sink->write_failed) {
		stream->out_half = sink;
		stream->out[0] = (struct iovec){stream->scratch, n};
		stream->num_out = 1;
		stream_write_out(stream);
	}
	return n;
}

/* The same without the bytes leaving the kernel. */
static size_t move_spliced(struct conn *conn, enum side side)
{
	struct half *source = source_of(conn, side);
	struct half *sink = sink_of(conn, side);
	ssize_t n;

	if (!sink->pipe) {
		sink->pipe = stream_pipe_take(conn->stream);
		if (!sink->pipe) {
			source->bulky_reads = 0; /* no descriptors: go on by reading */
			return move_passing(conn, side);
		}
	}
	do {
		n = splice(source->fd, NULL, sink->pipe->in, NULL, STREAM_PIPE_BYTES,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		sink->pipe->len += (size_t)n;
		flow_passed(conn->flow, side, 0, (uint64_t)n);
		if (n < STREAM_BULKY_BYTES) {
			source->bulky_reads =
				0; /* small messages again: reading is cheaper */
		}
		(void)half_write_pipe(sink);
		return (size_t)n;
	}
	source->readable = false;
	if (n == 0) {
		source_ended(conn, side);
	} else if (!would_block(errno)) {
		if (errno == EINVAL) {
			source->bulky_reads = 0;
			source->readable = true;
			half_return_pipe(sink);
			return move_passing(conn, side);
		}
		read_failed(conn, side);
	} else if (sink->pipe->len == 0) {
		half_return_pipe(sink);
	}
	return 0;
}

/* One step of one side; 0 when it can't go on now. */
static size_t move_some(struct conn *conn, enum side side)
{
	struct half *source = source_of(conn, side);
	struct half *sink = sink_of(conn, side);

	if (conn->state != CONN_OPEN || !source->readable || source->ended) {
		return 0;
	}
	if (half_has_unsent(sink) && !half_flush(sink)) {
		return 0;
	}
	if (conn->capture || !flow_passthrough(conn->flow, side)) {
		return flow_wants(conn->flow, side) ? move_judged(conn, side) : 0;
	}
	if (source->bulky_reads >= STREAM_BULKY_READS && !sink->write_failed) {
		return move_spliced(conn, side);
	}
	return move_passing(conn, side);
}

void conn_flush(struct conn *conn)
{
	for (int side = 0; side < NUM_SIDE; side++) {
		struct half *half = &conn->halves[side];

		if (half->fd >= 0) {
			(void)half_flush(half);
		}
	}
}

/* CLOSING: reads and throws away until the peer ends too. */
static void drain_half(struct half *half)
{
	size_t drained = 0;

	while (half->readable && !half->ended) {
		ssize_t n =
			recv(half->fd, half->conn->stream->scratch, STREAM_READ_BYTES, 0);

		if (n == 0 || (n < 0 && !would_block(errno) && errno != EINTR)) {
			half->ended = true;
		} else if (n < 0 && would_block(errno)) {
			half->readable = false;
		}
		drained += n > 0 ? (size_t)n : 0;
		if (drained >= STREAM_TURN_BYTES) {
			conn_mark_ready(half->conn);
			break;
		}
	}
}

static void pump_closing(struct conn *conn)
{
	struct half *client = &conn->halves[SIDE_REQUEST];
	struct half *server = &conn->halves[SIDE_REPLY];

	client->want_end = true;
	server->want_end = true;
	conn_flush(conn);
	drain_half(client);
	drain_half(server);
	if (client->ended && server->ended && client->shut && server->shut) {
		conn_finish(conn, conn->end);
	} else {
		conn_linger(conn);
	}
}

/* Has the kernel sent all that it was given? What it has not is lost with RST. */
static bool half_has_left(const struct half *half)
{
	int unsent = 0;

	if (half->write_failed) {
		return true;
	}
	/* Unix sockets don't know the call, and deliver at once. */
	return !half_has_unsent(half) &&
	       (ioctl(half->fd, SIOCOUTQNSD, &unsent) < 0 || unsent == 0);
}

static void pump_resetting(struct conn *conn)
{
	conn_flush(conn);
	if (!half_has_left(&conn->halves[SIDE_REQUEST]) ||
	    !half_has_left(&conn->halves[SIDE_REPLY])) {
		conn_linger(conn);
		return;
	}
	conn_abort(conn, conn->end);
}

/* A peer that takes no more and has been read to its end is gone: the other one is told
 * with RST, as it would have been without us, behind all that the peer sent. */
static bool peer_gone(struct conn *conn)
{
	for (int side = 0; side < NUM_SIDE; side++) {
		const struct half *half = &conn->halves[side];

		if (conn->state == CONN_OPEN && half->write_failed && half->ended &&
		    !flow_pending(conn->flow, (enum side)side) &&
		    !half_has_unsent(sink_of(conn, (enum side)side))) {
			conn_abort(conn, side == SIDE_REQUEST ? "client-reset"
							      : "server-reset");
			return true;
		}
	}
	return false;
}

static void pump_open(struct conn *conn)
{
	size_t budget = STREAM_TURN_BYTES;
	bool moved = true;

	while (moved && budget > 0) {
		moved = false;
		for (int side = 0; side < NUM_SIDE; side++) {
			size_t n = move_some(conn, (enum side)side);

			if (conn->state == CONN_DONE ||
			    !live_commit(conn->stream->live)) {
				return;
			}
			if (conn->stream->num_out > 0 || conn->dirty) {
				conn_flush(conn);
			}
			if (peer_gone(conn)) {
				return;
			}
			moved |= n > 0;
			budget -= n < budget ? n : budget;
		}
	}
	if (conn->state == CONN_OPEN && budget == 0) {
		conn_mark_ready(conn);
	}
	if (conn->state == CONN_OPEN && conn->halves[SIDE_REQUEST].shut &&
	    conn->halves[SIDE_REPLY].shut) {
		conn_finish(conn, "eof");
	}
}

void conn_pump(struct conn *conn)
{
	if (conn->pumping) {
		return;
	}
	conn->pumping = true;
	if (conn->state == CONN_OPEN) {
		conn_flush(conn);
		pump_open(conn);
	}
	if (conn->state == CONN_RESETTING) {
		pump_resetting(conn);
	} else if (conn->state == CONN_CLOSING) {
		pump_closing(conn);
	}
	conn->pumping = false;
}
