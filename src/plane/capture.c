#include "plane/capture.h"

#include "base/arena.h"
#include "codec/runframe.h"
#include "plane/face.h"

#include <assert.h>
#include <stdlib.h>

enum { ACK_EVERY = 2 }; /* segments, as hosts do */

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

static const uint8_t ETHER[NUM_FACE][NUM_FACE_PEER][6] = {
	[FACE_CLIENT] = {[FACE_OPENER] = {2, 0, 0, 0, 0, 1},
			 [FACE_ACCEPTOR] = {2, 0, 0, 0, 0, 2}},
	[FACE_SERVER] = {[FACE_OPENER] = {2, 0, 0, 0, 0, 3},
			 [FACE_ACCEPTOR] = {2, 0, 0, 0, 0, 4}},
};

struct capture_flow {
	struct capture *capture;
	uint64_t serial;
	bool datagrams;
	bool connected; /* the server's face was opened */
	bool gone;	/* that the client is has been written */
	struct face faces[NUM_FACE];
};

struct capture {
	struct face_writer writer;
	uint32_t first_seq;
	uint64_t num_flows;
	struct text frame; /* a run frame under way */
};

struct capture *capture_new(struct trace *trace, const struct capture_options *options)
{
	struct capture *capture = xcalloc(1, sizeof(*capture));

	capture->writer.trace = trace;
	capture->writer.start_ns = options->start_ns;
	capture->first_seq = options->first_seq;
	return capture;
}

void capture_free(struct capture *capture)
{
	if (capture) {
		text_done(&capture->frame);
		free(capture);
	}
}

int capture_status(const struct capture *capture, struct err *err)
{
	const struct err *why = &capture->writer.why;

	return why->code == ERR_OK ? 0 : err_set(err, why->code, "%s", why->text);
}

static void put_run_frame(struct capture *capture, const struct runframe *frame,
			  int64_t now_ns)
{
	struct text *text = &capture->frame;

	text_clear(text);
	text_bytes(text, ETHER[FACE_CLIENT][FACE_ACCEPTOR], 6);
	text_bytes(text, ETHER[FACE_CLIENT][FACE_OPENER], 6);
	text_byte(text, (char)(RUNFRAME_ETHERTYPE >> 8));
	text_byte(text, (char)(RUNFRAME_ETHERTYPE & 0xff));
	runframe_write(text, frame);
	face_writer_put(&capture->writer, span_of(text->data, text->len), now_ns);
}

void capture_header(struct capture *capture, struct span header_line, int64_t now_ns)
{
	struct runframe frame = {.kind = RUNFRAME_HEADER};

	frame.pieces =
		header_line.len == 0
			? 1
			: (uint32_t)((header_line.len - 1) / RUNFRAME_PIECE_MAX + 1);
	for (; frame.piece < frame.pieces; frame.piece++) {
		frame.bytes = span_sub(header_line, 0, RUNFRAME_PIECE_MAX);
		header_line = span_from(header_line, frame.bytes.len);
		put_run_frame(capture, &frame, now_ns);
	}
}

static void set_word(struct runframe *frame, const char *word)
{
	assert(strlen(word) <= RUNFRAME_WORD_MAX);
	memcpy(frame->word, word, strlen(word) + 1);
}

static void set_path(struct runframe *frame, const struct packet_path *path)
{
	frame->from = path->from;
	frame->from_port = path->from_port;
	frame->to = path->to;
	frame->to_port = path->to_port;
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

static void open_face(struct capture_flow *flow, enum face_name name,
		      const struct flow_addrs *addrs)
{
	struct face *face = &flow->faces[name];
	struct packet_path *path = &face->path;
	uint64_t serial = flow->serial;
	uint32_t seq = flow->capture->first_seq + (uint32_t)serial * SEQ_STEP;

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
	face->writer = &flow->capture->writer;
	face->datagrams = flow->datagrams;
	face->ack_every = ACK_EVERY;
	for (int peer = 0; peer < NUM_FACE_PEER; peer++) {
		struct face_end *end = &face->ends[peer];

		end->link_len = packet_ether(end->link, ETHER[name][peer],
					     ETHER[name][face_peer_other(peer)],
					     &path->from);
		end->next_seq = peer == FACE_OPENER ? seq : seq + SEQ_STEP / 2;
	}
	face_open(face);
}

struct capture_flow *capture_flow_open(struct capture *capture, const char *proxy,
				       const struct flow_addrs *addrs, int64_t now_ns)
{
	struct capture_flow *flow = xcalloc(1, sizeof(*flow));
	struct runframe frame = {
		.kind = RUNFRAME_OPEN,
		.flow = capture->num_flows,
		.transport = addrs->transport,
	};

	flow->capture = capture;
	flow->datagrams = addrs->transport == TRANSPORT_UDP;
	flow->serial = capture->num_flows++;
	open_face(flow, FACE_CLIENT, addrs);
	set_word(&frame, proxy);
	set_path(&frame, &flow->faces[FACE_CLIENT].path);
	put_run_frame(capture, &frame, now_ns);
	return flow;
}

void capture_flow_accepted(struct capture_flow *flow, int64_t now_ns)
{
	face_handshake(&flow->faces[FACE_CLIENT], now_ns);
}

void capture_flow_connected(struct capture_flow *flow, const struct flow_addrs *addrs,
			    int64_t now_ns)
{
	struct runframe frame = {.kind = RUNFRAME_CONNECTED, .flow = flow->serial};

	if (!flow->connected) {
		flow->connected = true;
		open_face(flow, FACE_SERVER, addrs);
		set_path(&frame, &flow->faces[FACE_SERVER].path);
		put_run_frame(flow->capture, &frame, now_ns);
		face_handshake(&flow->faces[FACE_SERVER], now_ns);
	}
}

void capture_flow_gone(struct capture_flow *flow, int64_t now_ns)
{
	struct runframe frame = {.kind = RUNFRAME_GONE, .flow = flow->serial};

	if (!flow->gone) {
		flow->gone = true;
		put_run_frame(flow->capture, &frame, now_ns);
	}
}

void capture_flow_free(struct capture_flow *flow, const char *end, int64_t now_ns)
{
	struct runframe frame = {.kind = RUNFRAME_CLOSE};

	if (flow) {
		frame.flow = flow->serial;
		set_word(&frame, end);
		put_run_frame(flow->capture, &frame, now_ns);
		free(flow);
	}
}

/* Requests come in, and replies go out, on the client's face. */
static struct face *face_of(struct capture_flow *flow, enum side side,
			    enum capture_point point)
{
	return &flow->faces[(side == SIDE_REQUEST) == (point == CAPTURE_IN)
				    ? FACE_CLIENT
				    : FACE_SERVER];
}

static enum face_peer sender_of(enum side side)
{
	return side == SIDE_REQUEST ? FACE_OPENER : FACE_ACCEPTOR;
}

void capture_flow_in(struct capture_flow *flow, enum side side, struct span bytes,
		     int64_t now_ns)
{
	face_send(face_of(flow, side, CAPTURE_IN), sender_of(side), bytes, now_ns);
}

void capture_flow_out(struct capture_flow *flow, enum side side, struct span bytes,
		      int64_t now_ns)
{
	face_send(face_of(flow, side, CAPTURE_OUT), sender_of(side), bytes, now_ns);
}

void capture_flow_fin(struct capture_flow *flow, enum side side, enum capture_point point,
		      int64_t now_ns)
{
	face_fin(face_of(flow, side, point), sender_of(side), now_ns);
}

void capture_flow_reset(struct capture_flow *flow, enum side side,
			enum capture_point point, int64_t now_ns)
{
	face_reset(face_of(flow, side, point), sender_of(side), false, now_ns);
}
