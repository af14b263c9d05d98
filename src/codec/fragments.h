/* IP fragments put together again (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * Bounded: FRAGMENTS_PACKETS_MAX packets under way, the oldest of which gives way, each
 * for at most FRAGMENTS_WAIT_NS. Where fragments overlap the bytes that came first stay.
 * The caller's frames are kept as well, so that a packet that turns out to be none of
 * his can be written as it came.
 */
#ifndef CODEC_FRAGMENTS_H
#define CODEC_FRAGMENTS_H

#include "codec/packetview.h"

enum {
	FRAGMENTS_PACKETS_MAX = 64,
	FRAGMENTS_FRAMES_MAX = 256,    /* a packet's; more and it is given up */
	FRAGMENTS_BYTES_MAX = 1 << 18, /* of a packet's frames; more, the same */
};
#define FRAGMENTS_WAIT_NS (INT64_C(30) * 1000000000) /* RFC 791: 15 s; Linux: 30 s */

struct fragments;

/* A frame that a packet came in; owned by the table. */
struct fragment_frame {
	struct span bytes;
	int64_t at_ns; /* as handed in */
	uint32_t wire_len;
};

/* A packet that left the table, whole or given up. Valid until the next call. */
struct fragment_packet {
	struct span segment; /* the IP packet's payload; empty: it never became whole */
	const struct fragment_frame *frames; /* in the order they came */
	size_t num_frames;
};

struct fragments *fragments_new(void);
void fragments_free(struct fragments *fragments); /* NULL is fine */

enum fragment_result {
	FRAGMENT_KEPT,	/* more is needed */
	FRAGMENT_WHOLE, /* *out is whole; the table has let go of it */
	FRAGMENT_BAD,	/* cut, or makes no sense (past 65,535 bytes, …): not kept */
};
/* Adds one. The view is of kind PACKET_FRAGMENT. wire_len: the frame's length on the
 * wire, kept for the caller. */
enum fragment_result fragments_add(struct fragments *fragments,
				   const struct packet_view *view, struct span frame,
				   uint32_t wire_len, int64_t at_ns,
				   struct fragment_packet *out);
/* Takes out one packet that waited longer than FRAGMENTS_WAIT_NS or had to give way; call
 * until false. now_ns = INT64_MAX: all. */
bool fragments_expire(struct fragments *fragments, int64_t now_ns,
		      struct fragment_packet *out);

#endif
