/* Inside the stream plane: one proxied connection, shared by stream_conn.c (its life),
 * stream_pump.c (its bytes), stream_pipe.c, and stream.c (what connections share).
 *
 * Theory of operation. A connection has two halves, the client's socket and the server's.
 * The request side reads from the client's half and writes to the server's, the reply
 * side the other way; one code path serves both, with side and other side exchanged.
 * Sockets are watched edge-triggered for reading and writing at once, so a busy
 * connection costs no epoll_ctl: each half remembers whether it is readable and writable,
 * and conn_pump() moves bytes until one says EAGAIN or the turn's budget is used up.
 *
 *   state        meaning                                     who leaves it
 *   CONNECTING   upstream connect() under way; nothing read  connect event, timeout
 *   OPEN         bytes move both ways                        both ends seen, error, cut
 *   RESETTING    a decision cut the flow: unsent, then RST   conn_abort()
 *   CLOSING      likewise, then FIN, then the peers' ends    both ends seen, timeout
 *   DONE         to be freed when the callback ends          flush_dirty()
 *
 * Where bytes are, in the order they were handed over: `out` points into the plane's read
 * buffer and must be written or kept before that is used again; `pending` are the kept
 * ones; a pipe holds what was spliced in and not yet out. At most one of pipe and pending
 * has bytes. While a half has bytes pending, the side that fills it is not read: the
 * sender feels it.
 */
#ifndef PLANE_STREAM_CONN_H
#define PLANE_STREAM_CONN_H

#include "plane/stream.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/uio.h>

enum {
	STREAM_READ_BYTES = 256 * 1024, /* one read, at most */
	STREAM_TURN_BYTES = 2 << 20,	/* a connection's turn, then others have theirs */
	STREAM_OUT_MAX = 64,		/* spans of one write */
	STREAM_PIPE_BYTES = 1 << 20,	/* capacity asked for a splice pipe */
	STREAM_PIPES_MAX = 64,		/* kept for reuse */
	STREAM_BULKY_BYTES = 64 * 1024, /* a read of that much is bulky */
	STREAM_BULKY_READS = 2,		/* in a row: then splice pays */
};

enum conn_state {
	CONN_CONNECTING,
	CONN_OPEN,
	CONN_RESETTING,
	CONN_CLOSING,
	CONN_DONE,
};

struct splice_pipe {
	struct splice_pipe *next_free;
	int in, out; /* write end, read end */
	size_t len;  /* bytes in it */
};

/* One socket of a connection. What is written here travels on the side that ends here. */
struct half {
	struct conn *conn;
	int fd;
	bool readable, writable;
	bool hup;	     /* the peer's end was signalled: read up to it */
	bool unconfirmed;    /* a short read was its last: see conn_look_again() */
	bool ended;	     /* read returned 0 or an error */
	bool want_end;	     /* shut down for writing once nothing is pending */
	bool shut;	     /* that was done */
	bool write_failed;   /* the peer takes no more: what would go there is lost */
	uint8_t bulky_reads; /* in a row */
	struct text pending;
	size_t pending_from; /* of pending: sent already */
	struct splice_pipe *pipe;
	struct event event;
};

struct conn {
	struct conn *next, **back;		 /* in stream->conns */
	struct conn *next_dirty;		 /* in stream->dirty */
	struct conn *next_ready;		 /* in stream->ready */
	struct conn *next_unsure, **unsure_back; /* in stream->unsure */
	struct stream *stream;
	struct flow *flow;
	struct capture_flow *capture;
	enum conn_state state;
	bool dirty, ready, unsure, pumping;
	const char *end;	      /* why it ended, for the log */
	struct half halves[NUM_SIDE]; /* [SIDE_REQUEST]: where requests come from */
	struct event *linger;	      /* RESETTING, CLOSING: looks again, or gives up */
	int64_t linger_until_ns;
};

struct stream {
	struct live_plane plane; /* first */
	struct live *live;
	const struct proxy *proxy;
	struct netaddr listen, upstream;
	struct flow_addrs addrs; /* the server's part: what clients connect to */
	int fd;
	int spare_fd; /* kept so that who was accepted also gets a socket upstream */
	bool accepting, paused;
	int64_t exhausted_note_ns; /* when it was last noted that descriptors ran out */
	struct event event;	   /* accept */
	struct event kick;	   /* connections whose turn was over */
	struct event retry;	   /* accepting again after descriptors ran out */
	struct conn *conns;
	uint64_t num_conns;
	struct conn *dirty, *ready, *done;
	struct conn *unsure; /* with an unconfirmed half */
	struct loop_timer *look_again;
	/* The bytes being fed, and what of them leaves unchanged. */
	uint8_t *scratch;
	struct half *out_half;
	struct iovec out[STREAM_OUT_MAX];
	int num_out;
	struct splice_pipe *pipes;
	int num_pipes;
};

extern const struct flow_ops STREAM_FLOW_OPS;

/* stream_pump.c */
/* Moves what can be moved, both ways. May leave the connection DONE. */
void conn_pump(struct conn *conn);
/* Writes what was handed over; the log must be committed. */
void conn_flush(struct conn *conn);
bool half_has_unsent(const struct half *half);
/* Its peer takes no more. */
void half_write_failed(struct half *half);
void half_drop_unsent(struct half *half);

/* stream_pipe.c */
struct splice_pipe *stream_pipe_take(struct stream *stream); /* NULL: no descriptors */
void stream_pipe_give(struct stream *stream, struct splice_pipe *pipe);
void stream_pipes_free(struct stream *stream);

/* stream_conn.c */
/* A client was accepted: begins to connect upstream. */
void conn_new(struct stream *stream, int fd, const struct netaddr *client);
void conn_finish(struct conn *conn, const char *end); /* close both: FIN */
void conn_abort(struct conn *conn, const char *end);  /* reset both: RST */
/* The connection is to end soon: pumps it now and then, and ends it when time is up. */
void conn_linger(struct conn *conn);
void conn_mark_ready(struct conn *conn);
/* The half's last read was short. That is no proof of an empty socket: bytes and RST seen
 * at once are told of as one readable edge. A second read each time would cost a system
 * call a message, so it is done only if nothing else has happened there after a while. */
void conn_look_again(struct half *half);
void stream_look_again(void *stream); /* for stream->look_again */

/* stream.c */
/* The end of a callback: commits, lets connections act on what they were handed, frees
 * those that are done. */
void stream_settle(struct stream *stream);
void stream_accept_more(struct stream *stream); /* a place may have become free */
bool stream_out_of_descriptors(int error);
void stream_spare_close(struct stream *stream);
void stream_pause_exhausted(struct stream *stream, int error);

#endif
