/* The dialogs of a trace: from packets to what each peer said, in the order of time.
 *
 * A dialog is a TCP connection or UDP session that belongs to a proxy of the rule files:
 * the one whose upstream is the dialog's server, by address and port; else whose listen
 * is; else by port alone, upstream before listen (host names count as any address, but
 * localhost is loopback). Everything else is handed back as it came. In a capture of ours
 * (codec/runframe.h) the run's own frames say what belongs together: requests are then
 * read on the client's face, replies on the server's, and what the run sent is passed
 * over.
 *
 * TCP: a SYN opens; without one, the first segment does (the peer with the proxy's
 * address is the server). Both ends, a reset, or the table being full closes; late
 * packets of a closed dialog are swallowed. UDP: opened by the first datagram, closed
 * when idle for the proxy's `idle`, or after its `replies`, as the datagram plane does.
 *
 * Times are nanoseconds since the first packet and never run backwards. Constant memory
 * in the trace's size: DIALOGS_MAX dialogs at a time, the longest unused gives way.
 */
#ifndef PLANE_DIALOGS_H
#define PLANE_DIALOGS_H

#include "codec/flowfilter.h"
#include "codec/packet.h"
#include "codec/packetview.h"
#include "codec/reassembly.h"
#include "core/unit.h"
#include "io/traceread.h"
#include "plane/proxy.h"

enum { DIALOGS_MAX = 65536 };

struct dialogs;

/* What a consumer sees of one. */
struct dialog {
	const struct proxy *proxy;
	struct flow_addrs addrs; /* client, and what it connected to */
	/* As its packets have them, from the client to what it connected to: also those
	 * that were made up for a Unix socket. */
	struct packet_path path;
	uint64_t serial;  /* from 0, in the order of opening */
	bool from_run;	  /* of a capture of ours */
	bool midstream;	  /* its beginning is not in the trace */
	bool client_gone; /* known to have closed, though its end has not been told */
	/* The link header of the first packet from each peer; len 0: none came yet. */
	uint8_t link[NUM_SIDE][PACKET_LINK_MAX];
	size_t link_len[NUM_SIDE];
	/* TCP: the first sequence number of each peer's stream, and the longest segment
	 * (or the MSS option, if larger) that it sent so far. */
	uint32_t first_seq[NUM_SIDE];
	uint32_t segment_max[NUM_SIDE];
	void *user; /* the consumer's */
};

/* at_ns: now. The dialog lives until close has returned. */
struct dialogs_ops {
	void (*open)(void *ctx, struct dialog *dialog, int64_t at_ns);
	/* The peer's SYN (SYN+ACK) was seen: for writers of packets. May be NULL. */
	void (*syn)(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns);
	/* Bytes of a stream, or one datagram. */
	void (*bytes)(void *ctx, struct dialog *dialog, enum side side, struct span bytes,
		      int64_t at_ns);
	/* So many bytes of the stream are not in the trace. */
	void (*gap)(void *ctx, struct dialog *dialog, enum side side, uint64_t len,
		    int64_t at_ns);
	/* A packet without bytes that acknowledges: for writers of packets. May be
	 * NULL. */
	void (*ack)(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns);
	/* The sender of that side has closed its half. */
	void (*end)(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns);
	/* `end` is the log's word: eof, client-reset, server-reset, idle, replies,
	 * evicted, trace-end, or what a run's own frame says. */
	void (*close)(void *ctx, struct dialog *dialog, const char *end, int64_t at_ns);
	/* The client is known to have closed, though its end has not been told. May be
	 * NULL. */
	void (*gone)(void *ctx, struct dialog *dialog, int64_t at_ns);
	/* A UDP session is about to be closed as "idle" or "replies". True keeps it: for
	 * whoever has datagrams of it that are yet to leave, or counts replies where they
	 * leave, as the datagram plane does. An idle one is asked about again when it has
	 * been idle once more. May be NULL. */
	bool (*keep)(void *ctx, struct dialog *dialog, const char *end);
	/* A frame that belongs to no dialog, as it came. at_ns: since the epoch, as in
	 * the trace. May be NULL. */
	void (*other)(void *ctx, struct span frame, uint32_t wire_len, int64_t at_ns);
};

struct dialogs_stats {
	uint64_t packets, bytes; /* of all frames, as captured */
	uint64_t dialogs, midstream, evicted;
	uint64_t other;		   /* frames of no dialog */
	uint64_t other_flows_seen; /* TCP connections (by SYN) of no proxy */
	uint64_t damaged, cut;	 /* frames: malformed; shortened by the snapshot length */
	uint64_t fragments_lost; /* IP packets that never became whole */
	uint64_t backwards; /* frames whose time was before the one in front of them */
	struct reassembly_stats tcp;
};

/* The proxies outlive it. */
struct dialogs *dialogs_new(enum link_type link, const struct proxy *proxies,
			    size_t num_proxies, const struct dialogs_ops *ops, void *ctx);
void dialogs_free(struct dialogs *dialogs); /* NULL is fine; closes nothing */

/* One packet of the trace. Sessions that have become idle before it are closed first, at
 * the time they did. */
void dialogs_packet(struct dialogs *dialogs, const struct trace_packet *packet);
/* The time of what dialogs_packet() will tell when it is handed this packet, so that what
 * is due before can be done before. In a capture of ours that is the packet in front of
 * it, for a frame behind a packet may say what was known when it came. NULL: the time of
 * what dialogs_flush() will tell. */
int64_t dialogs_time(struct dialogs *dialogs, const struct trace_packet *packet);
/* The trace is over: what waits for packets to come is told. */
void dialogs_flush(struct dialogs *dialogs);
/* When the first session becomes idle, at the earliest; INT64_MAX: none will. */
int64_t dialogs_next_due(const struct dialogs *dialogs);
/* Closes what has become idle by now. */
void dialogs_advance(struct dialogs *dialogs, int64_t now_ns);
/* The trace is over: dialogs_flush(), and all are closed ("trace-end"). */
void dialogs_finish(struct dialogs *dialogs);
/* A dialog that the consumer has ended (a rule cut it): close is not called, and the rest
 * of the connection is swallowed, while the next datagram of a session opens a new one,
 * as in a run. Not from within close or keep. */
void dialogs_drop(struct dialogs *dialogs, struct dialog *dialog);

struct dialogs_stats dialogs_stats(const struct dialogs *dialogs);

/* Servers that are no proxy's, for a hint: the first few that packets were sent to. */
enum { DIALOGS_STRANGERS_MAX = 8 };
struct dialogs_stranger {
	enum transport transport;
	struct ipaddr addr;
	uint16_t port;
};
size_t dialogs_strangers(const struct dialogs *dialogs,
			 struct dialogs_stranger out[DIALOGS_STRANGERS_MAX]);
/* The time of the first packet, since the epoch; 0 before there was one. */
int64_t dialogs_start_ns(const struct dialogs *dialogs);

/* The log header that a capture of ours begins with, put together from its pieces: reads
 * the trace's beginning, on a reader of its own. *out empty: the trace is none of ours.
 * The caller ends *out with text_done(). */
int dialogs_run_header(const char *path, struct text *out, struct err *err);

#endif
