/* One direction of a TCP connection, from segments as a capture has them to the bytes
 * that were sent: out of order, retransmitted, overlapping, lost, begun in the middle.
 *
 * Of overlapping bytes those that came first stay, as in Linux. A hole is known to be a
 * loss of the capture, not of the network, when the receiver has acknowledged it and a
 * segment has come that reaches behind it, when too much waits behind it, or at the end;
 * it is then told as a gap, and what waits goes on. Acknowledged bytes that no segment
 * reaches may still come: a capture from several queues can have an acknowledgement
 * before its data. Only past REASSEMBLY_EARLY_MAX of them they are taken for lost. All is
 * a function of the calls' order, never of time. What is handed out lives for the call.
 * Bounded: REASSEMBLY_HELD_MAX bytes and REASSEMBLY_SEGMENTS_MAX segments wait behind a
 * hole.
 */
#ifndef CODEC_REASSEMBLY_H
#define CODEC_REASSEMBLY_H

#include "base/span.h"

enum {
	REASSEMBLY_HELD_MAX = 4 << 20,
	REASSEMBLY_SEGMENTS_MAX = 4096,
	/* No acknowledgement comes farther before its data, which is a window at most. */
	REASSEMBLY_EARLY_MAX = 4 << 20,
	/* A sequence number farther ahead is no part of this stream. */
	REASSEMBLY_AHEAD_MAX = 64 << 20,
};

struct reassembly_ops {
	void (*bytes)(void *ctx, struct span bytes);
	void (*gap)(void *ctx, uint64_t len); /* so many bytes are missing here */
	void (*fin)(void *ctx);		      /* once, behind the last byte */
};

struct reassembly_stats { /* counted up; may be shared by many streams */
	uint64_t segments, out_of_order, retransmitted_bytes;
	uint64_t conflicting_bytes;	   /* retransmitted, with other content */
	uint64_t gaps, gap_bytes, ignored; /* ignored: segments that are no part of it */
};

struct reassembly_segment; /* private: kept behind a hole */

struct reassembly {
	const struct reassembly_ops *ops;
	void *ctx;
	struct reassembly_stats *stats;
	bool started;
	bool ended; /* fin was told */
	bool fin_known;
	uint32_t next_seq; /* of the byte that is told next */
	uint32_t fin_seq;
	uint32_t sent_seq; /* behind the last byte that is known to have been sent */
	/* Behind the last byte of all segments, and of what was acknowledged; neither in
	 * front of next_seq. */
	uint32_t seen_seq, acked_seq;
	struct reassembly_segment *waiting; /* by sequence number */
	size_t num_waiting, held_bytes;
};

void reassembly_init(struct reassembly *r, const struct reassembly_ops *ops, void *ctx,
		     struct reassembly_stats *stats);
/* What waits is forgotten. From within an op as well: nothing more is told, and *r must
 * last until the call that told has returned. */
void reassembly_done(struct reassembly *r);

/* A SYN with this initial sequence number: the stream begins one behind it. Again: a
 * retransmission, or ignored. */
void reassembly_syn(struct reassembly *r, uint32_t isn);
/* A segment, fin included. wire_len >= payload.len: the rest was cut by the snapshot
 * length. Without a SYN the first segment begins the stream. */
void reassembly_segment(struct reassembly *r, uint32_t seq, struct span payload,
			size_t wire_len, bool fin);
/* The receiver has acknowledged all in front of `ack`. A keep-alive's or an absurd one is
 * ignored. Holes that no segment reaches behind stay until one does, or the end. One byte
 * more than is known to have been sent may be a FIN's: that byte is no gap until
 * something behind it shows. */
void reassembly_acked(struct reassembly *r, uint32_t ack);
/* No more will come: what waits is told, with its gaps. */
void reassembly_flush(struct reassembly *r);

#endif
