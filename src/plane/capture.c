/* Theory of operation
 *
 * A flow has two faces, a face two peers: the opener (client, or the proxy as the
 * server's client) and the acceptor. A peer's next sequence number is all the state that
 * TCP's packets need: every packet carries the other peer's next number as its
 * acknowledgement, so each is acknowledged by whatever travels back first. When nothing
 * does, the receiver sends a bare acknowledgement for every second segment, as hosts do
 * (RFC 9293 §3.8.6.3), which keeps what is in flight far below the announced window.
 *
 * A face lives through: closed -> open (handshake) -> closed (by a reset). A peer that
 * sent its FIN sends nothing more but acknowledgements; when both have, only a reset is
 * still recorded.
 */
#include "plane/capture.h"

#include "base/arena.h"
#include "codec/packet.h"

#include <stdlib.h>

enum {
	SEGMENT_BYTES = 65000, /* fits IPv4's and IPv6's length fields with all headers */
	WINDOW = 65535,
	WINDOW_SCALE = 7, /* 8 MiB in flight; two segments are the most there is */
	ACK_EVERY = 2,	  /* segments */
};

/* Ports for flows without: the client's count up, the others stay. */
enum {
	MADE_UP_CLIENT_PORT = 49152,
	MADE_UP_CLIENT_PORTS = 16384,
	MADE_UP_LISTEN_PORT = 40001,
	MADE_UP_UPSTREAM_PORT = 40002,
};

/* Sequence numbers of one flow start this far from the last one's, so that a port that is
 * used again starts elsewhere. Odd and large: 2^32 times the golden ratio. */
static const uint32_t SEQ_STEP = 0x9e3779b1;

enum face_name { FACE_CLIENT, FACE_SERVER, NUM_FACE };
enum peer_name { PEER_OPENER, PEER_ACCEPTOR, NUM_PEER };

static const uint8_t ETHER[NUM_FACE][NUM_PEER][6] = {
	[FACE_CLIENT] = {[PEER_OPENER] = {2, 0, 0, 0, 0, 1},
			 [PEER_ACCEPTOR] = {2, 0, 0, 0, 0, 2}},
	[FACE_SERVER] = {[PEER_OPENER] = {2, 0, 0, 0, 0, 3},
			 [PEER_ACCEPTOR] = {2, 0, 0, 0, 0, 4}},
};

struct peer {
	uint32_t next_seq;
	unsigned num_unacked; /* segments that the other peer has yet to acknowledge */
	bool sent_fin;
};

struct face {
	bool open, was_open;
	struct packet_path path; /* from opener to acceptor */
	struct peer peers[NUM_PEER];
};

struct capture_flow {
	struct capture *capture;
	bool datagrams;
	uint64_t serial;
	struct face faces[NUM_FACE];
};

struct capture {
	struct trace *trace;
	struct capture_options options;
	uint64_t num_flows;
	struct err why; /* the first error */
	uint8_t frame[PACKET_ETHER_BYTES + PACKET_HEADERS_MAX + PACKET_UDP6_MAX];
};

struct capture *capture_new(struct trace *trace, const struct capture_options *options)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));

	capture->trace = trace;
	capture->options = *options;
	return capture;
}

void capture_free(struct capture *capture)
{
	free(capture);
}

int capture_status(const struct capture *capture, struct err *err)
{
	return capture->why.code == ERR_OK
		       ? 0
		       : err_set(err, capture->why.code, "%s", capture->why.text);
}

static struct packet_path path_from(const struct face *face, enum peer_name from)
{
	const struct packet_path *path = &face->path;

	if (from == PEER_OPENER) {
		return *path;
	}
	return (struct packet_path){path->to, path->from, path->to_port, path->from_port};
}

static enum peer_name peer_other(enum peer_name peer)
{
	return peer == PEER_OPENER ? PEER_ACCEPTOR : PEER_OPENER;
}

/* Writes capture->frame, whose IP packet of ip_bytes is already there. */
static void write_frame(struct capture_flow *flow, enum face_name name,
			enum peer_name from, size_t ip_bytes, int64_t now_ns)
{
	struct capture *capture = flow->capture;
	const uint8_t(*ether)[6] = ETHER[name];
	size_t len = ip_bytes + packet_ether(capture->frame, ether[from],
					     ether[peer_other(from)],
					     &flow->faces[name].path.from);

	if (capture->why.code == ERR_OK) {
		trace_write(capture->trace, capture->options.start_ns + now_ns,
			    span_of(capture->frame, len), (uint32_t)len, &capture->why);
	}
}

static void send_tcp(struct capture_flow *flow, enum face_name name, enum peer_name from,
		     uint8_t flags, struct span payload, int64_t now_ns)
{
	struct face *face = &flow->faces[name];
	struct peer *sender = &face->peers[from];
	struct peer *receiver = &face->peers[peer_other(from)];
	struct packet_path path = path_from(face, from);
	struct packet_tcp tcp = {
		.seq = sender->next_seq,
		.flags = flags,
		.window = WINDOW,
		.mss = SEGMENT_BYTES,
		.window_scale = WINDOW_SCALE,
	};
	size_t len;

	if (flags & PACKET_ACK) {
		tcp.ack = receiver->next_seq;
		receiver->num_unacked = 0;
	}
	len = packet_tcp(flow->capture->frame + PACKET_ETHER_BYTES, &path, &tcp, payload);
	write_frame(flow, name, from, len, now_ns);
	/* SYN and FIN take a number each, RFC 9293 §3.4. */
	sender->next_seq += (uint32_t)payload.len;
	sender->next_seq += (flags & (PACKET_SYN | PACKET_FIN)) != 0;
}

static void send_handshake(struct capture_flow *flow, enum face_name name, int64_t now_ns)
{
	struct span nothing = {0};

	send_tcp(flow, name, PEER_OPENER, PACKET_SYN, nothing, now_ns);
	send_tcp(flow, name, PEER_ACCEPTOR, PACKET_SYN | PACKET_ACK, nothing, now_ns);
	send_tcp(flow, name, PEER_OPENER, PACKET_ACK, nothing, now_ns);
}

static void send_stream(struct capture_flow *flow, enum face_name name,
			enum peer_name from, struct span bytes, int64_t now_ns)
{
	struct peer *sender = &flow->faces[name].peers[from];

	while (bytes.len > 0) {
		struct span segment = span_sub(bytes, 0, SEGMENT_BYTES);
		uint8_t flags = PACKET_ACK;

		bytes = span_from(bytes, segment.len);
		if (bytes.len == 0) {
			flags |= PACKET_PSH;
		}
		send_tcp(flow, name, from, flags, segment, now_ns);
		if (++sender->num_unacked == ACK_EVERY) {
			send_tcp(flow, name, peer_other(from), PACKET_ACK,
				 (struct span){0}, now_ns);
		}
	}
}

static void send_datagram(struct capture_flow *flow, enum face_name name,
			  enum peer_name from, struct span bytes, int64_t now_ns)
{
	struct packet_path path = path_from(&flow->faces[name], from);
	size_t max = path.from.len_bytes == 4 ? PACKET_UDP4_MAX : PACKET_UDP6_MAX;

	if (bytes.len <= max) {
		size_t len = packet_udp(flow->capture->frame + PACKET_ETHER_BYTES, &path,
					bytes);

		write_frame(flow, name, from, len, now_ns);
	}
}

/* An end without address gets loopback, of the other end's family if that has one. */
static void make_up_address(struct ipaddr *addr, const struct ipaddr *other)
{
	static const struct ipaddr ipv4 = {.bytes = {127, 0, 0, 1}, .len_bytes = 4};
	static const struct ipaddr ipv6 = {.bytes = {[15] = 1}, .len_bytes = 16};

	if (addr->len_bytes == 0) {
		*addr = other->len_bytes == 16 ? ipv6 : ipv4;
	}
}

static void face_open(struct capture_flow *flow, enum face_name name,
		      const struct flow_addrs *addrs, int64_t now_ns)
{
	struct face *face = &flow->faces[name];
	struct packet_path *path = &face->path;
	uint64_t serial = flow->serial;
	uint32_t seq = flow->capture->options.first_seq + (uint32_t)serial * SEQ_STEP;

	path->from = addrs->client;
	path->to = addrs->server;
	make_up_address(&path->from, &path->to);
	make_up_address(&path->to, &path->from);
	packet_same_family(&path->from, &path->to);
	path->from_port = addrs->client_port;
	if (path->from_port == 0) {
		path->from_port =
			(uint16_t)(MADE_UP_CLIENT_PORT + serial % MADE_UP_CLIENT_PORTS);
	}
	path->to_port = addrs->server_port;
	if (path->to_port == 0) {
		path->to_port = name == FACE_CLIENT ? MADE_UP_LISTEN_PORT
						    : MADE_UP_UPSTREAM_PORT;
	}
	face->peers[PEER_OPENER].next_seq = seq;
	face->peers[PEER_ACCEPTOR].next_seq = seq + SEQ_STEP / 2;
	face->open = face->was_open = true;
	if (!flow->datagrams) {
		send_handshake(flow, name, now_ns);
	}
}

struct capture_flow *capture_flow_open(struct capture *capture,
				       const struct flow_addrs *addrs, int64_t now_ns)
{
	struct capture_flow *flow = xcalloc(1, sizeof(*flow));

	flow->capture = capture;
	flow->datagrams = addrs->transport == TRANSPORT_UDP;
	flow->serial = capture->num_flows++;
	face_open(flow, FACE_CLIENT, addrs, now_ns);
	return flow;
}

void capture_flow_connected(struct capture_flow *flow, const struct flow_addrs *addrs,
			    int64_t now_ns)
{
	if (!flow->faces[FACE_SERVER].was_open) {
		face_open(flow, FACE_SERVER, addrs, now_ns);
	}
}

void capture_flow_free(struct capture_flow *flow)
{
	free(flow);
}

/* Requests come in, and replies go out, on the client's face. */
static enum face_name face_of(enum side side, enum capture_point point)
{
	return (side == SIDE_REQUEST) == (point == CAPTURE_IN) ? FACE_CLIENT
							       : FACE_SERVER;
}

static enum peer_name sender_of(enum side side)
{
	return side == SIDE_REQUEST ? PEER_OPENER : PEER_ACCEPTOR;
}

static void flow_bytes(struct capture_flow *flow, enum side side,
		       enum capture_point point, struct span bytes, int64_t now_ns)
{
	enum face_name name = face_of(side, point);
	enum peer_name from = sender_of(side);

	if (!flow->faces[name].open || flow->faces[name].peers[from].sent_fin) {
		return;
	}
	if (flow->datagrams) {
		send_datagram(flow, name, from, bytes, now_ns);
	} else {
		send_stream(flow, name, from, bytes, now_ns);
	}
}

void capture_flow_in(struct capture_flow *flow, enum side side, struct span bytes,
		     int64_t now_ns)
{
	flow_bytes(flow, side, CAPTURE_IN, bytes, now_ns);
}

void capture_flow_out(struct capture_flow *flow, enum side side, struct span bytes,
		      int64_t now_ns)
{
	flow_bytes(flow, side, CAPTURE_OUT, bytes, now_ns);
}

void capture_flow_fin(struct capture_flow *flow, enum side side, enum capture_point point,
		      int64_t now_ns)
{
	enum face_name name = face_of(side, point);
	enum peer_name from = sender_of(side);
	struct peer *sender = &flow->faces[name].peers[from];

	if (!flow->faces[name].open || flow->datagrams || sender->sent_fin) {
		return;
	}
	send_tcp(flow, name, from, PACKET_FIN | PACKET_ACK, (struct span){0}, now_ns);
	sender->sent_fin = true;
	send_tcp(flow, name, peer_other(from), PACKET_ACK, (struct span){0}, now_ns);
}

void capture_flow_reset(struct capture_flow *flow, enum side side,
			enum capture_point point, int64_t now_ns)
{
	enum face_name name = face_of(side, point);
	struct face *face = &flow->faces[name];

	if (!face->open || flow->datagrams) {
		return;
	}
	send_tcp(flow, name, sender_of(side), PACKET_RST | PACKET_ACK, (struct span){0},
		 now_ns);
	face->open = false;
}
