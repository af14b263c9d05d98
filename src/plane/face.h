/* One conversation as packets in a trace: TCP with handshake, sequence numbers,
 * acknowledgements and end as two peers on a perfect network would send them; UDP one
 * packet a datagram.
 *
 * A proxied flow has two faces (capture.h); a flow of a trace that is replayed has one
 * (offline.h). Calls that can't be, such as bytes behind an end, write nothing. Errors
 * are kept in the writer. The writer and its trace outlive their faces. Nothing here
 * allocates.
 */
#ifndef PLANE_FACE_H
#define PLANE_FACE_H

#include "codec/packet.h"
#include "io/trace.h"

enum {
	FACE_LINK_MAX = 64,
	FACE_SEGMENT_MAX = 65000, /* fits IP's length fields with all headers */
	FACE_UNACKED_MAX = 64,	  /* segments: half of the announced window of 8 MiB */
};

enum face_peer {
	FACE_OPENER, /* the client, or the proxy towards the server */
	FACE_ACCEPTOR,
	NUM_FACE_PEER,
};

/* What faces write to. */
struct face_writer {
	struct trace *trace;
	int64_t start_ns; /* since the epoch; all other times count from it */
	struct err why;	  /* the first error: nothing is written from there on */
	uint8_t frame[FACE_LINK_MAX + PACKET_HEADERS_MAX + PACKET_UDP6_MAX];
};

/* A frame that belongs to no face, at most TRACE_PACKET_MAX bytes. */
void face_writer_put(struct face_writer *writer, struct span frame, int64_t now_ns);

struct face {
	struct face_writer *writer;
	struct packet_path path; /* from opener to acceptor */
	bool datagrams;
	/* The handshake is not wanted: both ends are taken as having done it, and
	 * next_seq is that of their next byte. */
	bool midstream;
	/* A bare acknowledgement answers every so many segments and every FIN. 0: only
	 * face_ack() makes them, and FACE_UNACKED_MAX segments without any. */
	unsigned ack_every;
	bool open;
	bool established; /* the opener has acknowledged the acceptor's SYN */
	struct face_end {
		uint8_t link
			[FACE_LINK_MAX]; /* in front of IP in packets from this peer */
		size_t link_len;
		uint32_t next_seq;
		/* Longest payload of a segment from this peer, 0: FACE_SEGMENT_MAX. May
		 * change at any time. */
		uint32_t segment_max;
		/* What took sequence numbers and the other has yet to acknowledge:
		 * segments, SYN, FIN. */
		unsigned num_unacked;
		bool sent_syn, sent_fin;
	} ends[NUM_FACE_PEER];
};

enum face_peer face_peer_other(enum face_peer peer);

/* Fill in writer, path (of one family), datagrams, midstream, ack_every, link headers,
 * next_seq (the SYN's, if that is to come) and segment_max first. The face is open then.
 */
void face_open(struct face *face);
/* SYN, SYN+ACK, ACK: all at one time, or step by step as a trace has them: the ACK is the
 * opener's first face_ack(). Bytes sent before the handshake is done do it first. Streams
 * only, as are all below but face_send(). */
void face_handshake(struct face *face, int64_t now_ns);
void face_syn(struct face *face, enum face_peer from, int64_t now_ns);
/* Bytes of a stream, or one datagram: one longer than IP can carry is not written. */
void face_send(struct face *face, enum face_peer from, struct span bytes, int64_t now_ns);
/* A bare acknowledgement, if it acknowledges something new. */
void face_ack(struct face *face, enum face_peer from, int64_t now_ns);
void face_fin(struct face *face, enum face_peer from, int64_t now_ns);
/* Closes the face. from_both: RST from each peer to the other, as a device between them
 * forges it. Before the first SYN there is nothing to reset. */
void face_reset(struct face *face, enum face_peer from, bool from_both, int64_t now_ns);

#endif
