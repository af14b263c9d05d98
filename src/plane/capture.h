/* What came into a proxy and what left it, as packets in a trace that tshark reads.
 *
 * A proxied flow is two conversations, one on each face of the proxy: client and proxy,
 * proxy and server. The proxy's sockets carry streams and datagrams, not packets, so the
 * packets are made up: TCP with handshake, sequence numbers, acknowledgements and end as
 * two peers on a perfect network would send them; UDP one packet a datagram. Ethernet
 * addresses tell who is who:
 *
 *	client 02:00:00:00:00:01, proxy 02:00:00:00:00:02 (its face to the client)
 *	server 02:00:00:00:00:04, proxy 02:00:00:00:00:03 (its face to the server)
 *
 * A fault is what differs between what came in on one face and left on the other.
 *
 * Frames between the packets tell of the run itself, so that a capture alone can replay
 * it: codec/runframe.h. They travel from client to proxy.
 *
 * Calls that can't be, such as bytes behind an end or on a face that is not open, record
 * nothing: a capture never stands in a flow's way. For the same reason errors are kept,
 * not returned; see capture_status(). The capture writes to a trace that its caller owns,
 * and outlives its flows. No memory is taken per packet.
 */
#ifndef PLANE_CAPTURE_H
#define PLANE_CAPTURE_H

#include "codec/flowfilter.h"
#include "core/unit.h"
#include "io/trace.h"

struct capture;
struct capture_flow;

struct capture_options {
	int64_t start_ns; /* the run's start, since the epoch; all other times count from
			     it */
	uint32_t first_seq; /* the first flow's first TCP sequence number; later ones
			       differ */
};

/* Where on its way through the proxy: a request comes in from the client and goes out to
 * the server, a reply comes in from the server and goes out to the client. */
enum capture_point {
	CAPTURE_IN,
	CAPTURE_OUT,
	NUM_CAPTURE_POINT,
};

struct capture *capture_new(struct trace *trace, const struct capture_options *options);
void capture_free(struct capture *capture);
/* 0, or the error that stopped the capture: nothing was recorded from there on. */
int capture_status(const struct capture *capture, struct err *err);

/* What the run is: the header line of its log, before the first flow. */
void capture_header(struct capture *capture, struct span header_line, int64_t now_ns);

/* A flow and its client's face, open: `addrs` are the client's and the address that it
 * connected to. A Unix socket has no addresses: 127.0.0.1 and ports that are made up
 * (those given as 0). Unix flows show as TCP. The proxy's name: a word of a run frame. */
struct capture_flow *capture_flow_open(struct capture *capture, const char *proxy,
				       const struct flow_addrs *addrs, int64_t now_ns);
/* The handshake on the client's face, if that was not done yet. Apart from opening the
 * flow, so that what is asked about other flows then (capture_flow_gone()) stands right
 * behind the frame that opened this one. */
void capture_flow_accepted(struct capture_flow *flow, int64_t now_ns);
/* Opens the server's face, once: `client` is the proxy's own address towards the server,
 * `server` is the upstream's. */
void capture_flow_connected(struct capture_flow *flow, const struct flow_addrs *addrs,
			    int64_t now_ns);
/* The engine was told that the client has closed, whose end has not been read yet. Once a
 * flow. */
void capture_flow_gone(struct capture_flow *flow, int64_t now_ns);
/* Forgets the flow. `end`: the word that its log line has, see flow_free(). NULL is fine.
 */
void capture_flow_free(struct capture_flow *flow, const char *end, int64_t now_ns);

/* Bytes of a stream, or exactly one datagram. A datagram longer than its IP version can
 * carry is not recorded: it can't have travelled. */
void capture_flow_in(struct capture_flow *flow, enum side side, struct span bytes,
		     int64_t now_ns);
void capture_flow_out(struct capture_flow *flow, enum side side, struct span bytes,
		      int64_t now_ns);
/* The sender of that side has closed its half (in), or the proxy did so towards the
 * receiver (out). Streams only, as is the next. */
void capture_flow_fin(struct capture_flow *flow, enum side side, enum capture_point point,
		      int64_t now_ns);
/* The sender of that side reset the connection (in), or the proxy reset that to the
 * receiver (out). The face is closed then. */
void capture_flow_reset(struct capture_flow *flow, enum side side,
			enum capture_point point, int64_t now_ns);

#endif
