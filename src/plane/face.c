/* Theory of operation
 *
 * A face has two peers: the opener (client, or the proxy as the server's client) and the
 * acceptor. A peer's next sequence number is all the state that TCP's packets need: every
 * packet carries the other peer's next number as its acknowledgement, so each is
 * acknowledged by whatever travels back first. When nothing does, the receiver sends a
 * bare acknowledgement for every second segment, as hosts do (RFC 9293 §3.8.6.3), or when
 * the face's caller says so, which keeps what is in flight below the announced window.
 *
 * A face lives through: closed -> open -> handshake -> closed (by a reset). Whatever
 * needs the handshake does the steps of it that were not done. A peer that sent its FIN
 * sends nothing more but acknowledgements; when both have, only a reset is still written.
 */
#include "plane/face.h"

#include <assert.h>
#include <string.h>

enum {
	WINDOW = 65535,
	WINDOW_SCALE = 7, /* 8 MiB in flight */
};

static_assert(FACE_UNACKED_MAX * FACE_SEGMENT_MAX < (WINDOW << WINDOW_SCALE) / 2,
	      "what is in flight must not come near the window");

static const struct span NOTHING = {0};

enum face_peer face_peer_other(enum face_peer peer)
{
	return peer == FACE_OPENER ? FACE_ACCEPTOR : FACE_OPENER;
}

void face_writer_put(struct face_writer *writer, struct span frame, int64_t now_ns)
{
	/* Delays in a replayed trace may add up to anything. */
	int64_t at_ns = now_ns < INT64_MAX - writer->start_ns ? writer->start_ns + now_ns
							      : INT64_MAX;

	if (writer->why.code == ERR_OK) {
		trace_write(writer->trace, at_ns, frame, (uint32_t)frame.len,
			    &writer->why);
	}
}

void face_open(struct face *face)
{
	for (int peer = 0; peer < NUM_FACE_PEER; peer++) {
		struct face_end *end = &face->ends[peer];

		assert(end->link_len <= FACE_LINK_MAX);
		end->num_unacked = 0;
		end->sent_syn = face->midstream;
		end->sent_fin = false;
	}
	face->established = face->midstream;
	face->open = true;
}

static struct packet_path path_from(const struct face *face, enum face_peer from)
{
	const struct packet_path *path = &face->path;

	if (from == FACE_OPENER) {
		return *path;
	}
	return (struct packet_path){path->to, path->from, path->to_port, path->from_port};
}

/* Where the IP packet from this peer goes: behind its link header. */
static uint8_t *begin_frame(struct face *face, enum face_peer from)
{
	const struct face_end *end = &face->ends[from];

	memcpy(face->writer->frame, end->link, end->link_len);
	return face->writer->frame + end->link_len;
}

static void write_frame(struct face *face, enum face_peer from, size_t ip_bytes,
			int64_t now_ns)
{
	face_writer_put(face->writer,
			span_of(face->writer->frame,
				face->ends[from].link_len + ip_bytes),
			now_ns);
}

static size_t segment_max(const struct face *face, enum face_peer from)
{
	size_t max = face->ends[from].segment_max;

	return max > 0 && max < FACE_SEGMENT_MAX ? max : FACE_SEGMENT_MAX;
}

static void send_tcp(struct face *face, enum face_peer from, uint8_t flags,
		     struct span payload, int64_t now_ns)
{
	struct face_end *sender = &face->ends[from];
	struct face_end *receiver = &face->ends[face_peer_other(from)];
	struct packet_path path = path_from(face, from);
	struct packet_tcp tcp = {
		.seq = sender->next_seq,
		.flags = flags,
		.window = WINDOW,
		.mss = (uint16_t)segment_max(face, face_peer_other(from)),
		.window_scale = WINDOW_SCALE,
	};
	/* SYN and FIN take a number each, RFC 9293 §3.4. */
	uint32_t taken =
		(uint32_t)payload.len + ((flags & (PACKET_SYN | PACKET_FIN)) != 0);
	size_t len;

	if (flags & PACKET_ACK) {
		tcp.ack = receiver->next_seq;
		receiver->num_unacked = 0;
		face->established |= from == FACE_OPENER;
	}
	len = packet_tcp(begin_frame(face, from), &path, &tcp, payload);
	write_frame(face, from, len, now_ns);
	sender->next_seq += taken;
	sender->num_unacked += taken != 0;
}

void face_syn(struct face *face, enum face_peer from, int64_t now_ns)
{
	struct face_end *end = &face->ends[from];

	if (!face->open || face->datagrams || end->sent_syn) {
		return;
	}
	if (from == FACE_ACCEPTOR) {
		face_syn(face, FACE_OPENER, now_ns);
	}
	end->sent_syn = true;
	send_tcp(face, from, from == FACE_OPENER ? PACKET_SYN : PACKET_SYN | PACKET_ACK,
		 NOTHING, now_ns);
}

void face_handshake(struct face *face, int64_t now_ns)
{
	face_syn(face, FACE_ACCEPTOR, now_ns);
	if (face->open && !face->datagrams && !face->established) {
		send_tcp(face, FACE_OPENER, PACKET_ACK, NOTHING, now_ns);
	}
}

static void send_stream(struct face *face, enum face_peer from, struct span bytes,
			int64_t now_ns)
{
	struct face_end *sender = &face->ends[from];
	unsigned ack_every = face->ack_every ? face->ack_every : FACE_UNACKED_MAX;

	while (bytes.len > 0) {
		struct span segment = span_sub(bytes, 0, segment_max(face, from));
		uint8_t flags = PACKET_ACK;

		bytes = span_from(bytes, segment.len);
		if (bytes.len == 0) {
			flags |= PACKET_PSH;
		}
		send_tcp(face, from, flags, segment, now_ns);
		if (sender->num_unacked >= ack_every) {
			send_tcp(face, face_peer_other(from), PACKET_ACK, NOTHING,
				 now_ns);
		}
	}
}

static void send_datagram(struct face *face, enum face_peer from, struct span bytes,
			  int64_t now_ns)
{
	struct packet_path path = path_from(face, from);
	size_t max = path.from.len_bytes == 4 ? PACKET_UDP4_MAX : PACKET_UDP6_MAX;

	if (bytes.len <= max) {
		size_t len = packet_udp(begin_frame(face, from), &path, bytes);

		write_frame(face, from, len, now_ns);
	}
}

void face_send(struct face *face, enum face_peer from, struct span bytes, int64_t now_ns)
{
	if (!face->open || face->ends[from].sent_fin) {
		return;
	}
	if (face->datagrams) {
		send_datagram(face, from, bytes, now_ns);
	} else if (bytes.len > 0) {
		face_handshake(face, now_ns);
		send_stream(face, from, bytes, now_ns);
	}
}

void face_ack(struct face *face, enum face_peer from, int64_t now_ns)
{
	/* Before its SYN a peer has no connection to acknowledge anything on; the
	 * opener's SYN is answered by the acceptor's, not by an ACK. */
	if (face->open && !face->datagrams && face->ends[from].sent_syn &&
	    face->ends[face_peer_other(from)].num_unacked > 0) {
		send_tcp(face, from, PACKET_ACK, NOTHING, now_ns);
	}
}

void face_fin(struct face *face, enum face_peer from, int64_t now_ns)
{
	if (!face->open || face->datagrams || face->ends[from].sent_fin) {
		return;
	}
	face_handshake(face, now_ns);
	send_tcp(face, from, PACKET_FIN | PACKET_ACK, NOTHING, now_ns);
	face->ends[from].sent_fin = true;
	if (face->ack_every) {
		send_tcp(face, face_peer_other(from), PACKET_ACK, NOTHING, now_ns);
	}
}

/* RFC 9293 §3.10.7: a peer that has seen no SYN acknowledges nothing, and one that has
 * sent none has no sequence number but 0. */
static void send_reset(struct face *face, enum face_peer from, int64_t now_ns)
{
	struct face_end *end = &face->ends[from];

	if (!end->sent_syn) {
		end->next_seq = 0;
	}
	send_tcp(face, from,
		 face->ends[face_peer_other(from)].sent_syn ? PACKET_RST | PACKET_ACK
							    : PACKET_RST,
		 NOTHING, now_ns);
}

void face_reset(struct face *face, enum face_peer from, bool from_both, int64_t now_ns)
{
	if (!face->open || face->datagrams) {
		return;
	}
	if (face->ends[FACE_OPENER].sent_syn) {
		send_reset(face, from, now_ns);
		if (from_both) {
			send_reset(face, face_peer_other(from), now_ns);
		}
	}
	face->open = false;
}
