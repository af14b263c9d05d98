/* One conversation as packets in a trace: TCP with handshake, sequence numbers,
 * acknowledgements and end as two peers on a perfect network would send them; UDP one
 * packet a datagram.
 *
 * A proxied flow has two faces (capture.h); a flow of a trace that is replayed has one
 * (offline.h). Calls that can't be, such as bytes behind an end, write nothing. Errors
 * are kept in the writer. The writer and its trace outlive their faces.
 */
#ifndef PLANE_FACE_H
#define PLANE_FACE_H

#include "codec/packet.h"
#include "io/trace.h"

enum { FACE_LINK_MAX = 64, FACE_SEGMENT_MAX = 65000 };

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

struct face {
	struct face_writer *writer;
	struct packet_path path; /* from opener to acceptor */
	bool datagrams;
	bool open;
	struct face_end {
		uint8_t link
			[FACE_LINK_MAX]; /* in front of IP in packets from this peer */
		size_t link_len;
		uint32_t next_seq;
		uint32_t segment_max; /* longest payload of a segment from this peer */
		unsigned num_unacked; /* segments that the other has yet to acknowledge */
		bool sent_syn, sent_fin;
	} ends[NUM_FACE_PEER];
};

/* Fill in writer, path (of one family), datagrams, the link headers and next_seq first;
 * segment_max 0 becomes FACE_SEGMENT_MAX. The face is open then. */
void face_open(struct face *face);
/* SYN, SYN+ACK, ACK: all at one time, or step by step as a trace has them. Bytes sent
 * before the handshake is done do it first. Streams only, as are all below but
 * face_send(). */
void face_handshake(struct face *face, int64_t now_ns);
void face_syn(struct face *face, enum face_peer from, int64_t now_ns);
/* Bytes of a stream, or one datagram: one longer than IP can carry is not written. */
void face_send(struct face *face, enum face_peer from, struct span bytes, int64_t now_ns);
/* A bare acknowledgement, if it acknowledges something new. */
void face_ack(struct face *face, enum face_peer from, int64_t now_ns);
void face_fin(struct face *face, enum face_peer from, int64_t now_ns);
/* From both: RST from each peer to the other, as a device between them forges it. */
void face_reset(struct face *face, enum face_peer from, bool from_both, int64_t now_ns);

#endif
