/* Frames in a capture of ours that are no traffic: what the run was, and which packets
 * belong to which flow.
 *
 * With them a capture alone replays its run: the log's header (seed, rule files), and for
 * each flow its proxy and the addresses of both faces. On Ethernet with ethertype 0x88b5
 * (IEEE Std 802, local experimental 1), so that readers pass over them; the payload is
 * text, one line that ends with a newline, and for the header a piece of it behind that:
 *
 *   turncoat/1 header PIECE PIECES<newline><bytes>
 *   turncoat/1 open FLOW TRANSPORT PROXY CLIENT PORT LISTEN PORT
 *   turncoat/1 connected FLOW LOCAL PORT UPSTREAM PORT
 *   turncoat/1 gone FLOW       the client had closed, though its end was not read yet,
 *                              when the frame in front of this one came: a packet, or
 *                              what opens another flow (gone ones do not count)
 *   turncoat/1 close FLOW END  END: the log's word (eof, idle, rule-reset, …)
 *
 * Addresses are those of the packets; TRANSPORT is tcp, udp or unix (whose packets are
 * TCP, with made-up addresses).
 */
#ifndef CODEC_RUNFRAME_H
#define CODEC_RUNFRAME_H

#include "base/ipaddr.h"
#include "base/span.h"
#include "base/text.h"

enum { RUNFRAME_ETHERTYPE = 0x88b5, RUNFRAME_PIECE_MAX = 60000, RUNFRAME_WORD_MAX = 64 };

enum runframe_kind {
	RUNFRAME_HEADER,
	RUNFRAME_OPEN,
	RUNFRAME_CONNECTED,
	RUNFRAME_GONE,
	RUNFRAME_CLOSE,
	NUM_RUNFRAME_KIND,
};

struct runframe {
	enum runframe_kind kind;
	uint64_t flow;			  /* all but HEADER */
	uint32_t piece, pieces;		  /* HEADER: piece 0 .. pieces - 1 */
	struct span bytes;		  /* HEADER: at most RUNFRAME_PIECE_MAX */
	enum transport transport;	  /* OPEN */
	char word[RUNFRAME_WORD_MAX + 1]; /* OPEN: the proxy; CLOSE: the end */
	/* OPEN: the client's face; CONNECTED: the server's. From opener to acceptor. */
	struct ipaddr from, to;
	uint16_t from_port, to_port;
};

/* Appends the frame's payload, without its Ethernet header. Words: 1..RUNFRAME_WORD_MAX
 * printable ASCII characters without spaces; both addresses of one family. */
void runframe_write(struct text *out, const struct runframe *frame);
/* Reads an Ethernet payload. False: not one of ours, or not of this version. `bytes`
 * points into the payload. */
bool runframe_read(struct span payload, struct runframe *out);

#endif
