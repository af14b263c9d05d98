#include "packets.h"

#include "base/arena.h"

#include <stdlib.h>

static const uint8_t CLIENT_MAC[6] = {2, 0, 0, 0, 0, 1},
		     SERVER_MAC[6] = {2, 0, 0, 0, 0, 2};

struct packet_path packets_path(int conn, const char *client, const char *server,
				uint16_t port)
{
	struct packet_path path = {.from_port = (uint16_t)(1000 + conn), .to_port = port};

	if (ipaddr_parse(client, &path.from, NULL) < 0 ||
	    ipaddr_parse(server, &path.to, NULL) < 0) {
		abort();
	}
	return path;
}

static struct packet_path path_back(const struct packet_path *path)
{
	return (struct packet_path){path->to, path->from, path->to_port, path->from_port};
}

void packets_add(struct packets *packets, int at_ms, struct span frame)
{
	struct made_packet *packet;

	packets->list =
		xrealloc(packets->list, (packets->num + 1) * sizeof(*packets->list));
	packet = &packets->list[packets->num++];
	*packet = (struct made_packet){
		.from = packets->bytes.len,
		.len = frame.len,
		.wire_len = (uint32_t)frame.len,
		.at_ns = (int64_t)at_ms * 1000000,
	};
	text_bytes(&packets->bytes, frame.data, frame.len);
}

static uint8_t *frame_new(const struct packet_path *path, bool back, size_t payload)
{
	uint8_t *frame = xcalloc(1, PACKET_ETHER_BYTES + PACKET_HEADERS_MAX + payload);

	(void)packet_ether(frame, back ? SERVER_MAC : CLIENT_MAC,
			   back ? CLIENT_MAC : SERVER_MAC, &path->from);
	return frame;
}

static bool is_back(const struct packet_path *path)
{
	return path->from_port < path->to_port;
}

void packets_tcp(struct packets *packets, int at_ms, const struct packet_path *path,
		 const struct packet_tcp *tcp, struct span bytes)
{
	uint8_t *frame = frame_new(path, is_back(path), bytes.len);
	size_t len = packet_tcp(frame + PACKET_ETHER_BYTES, path, tcp, bytes);

	packets_add(packets, at_ms, span_of(frame, PACKET_ETHER_BYTES + len));
	free(frame);
}

static void add_udp(struct packets *packets, int at_ms, const struct packet_path *path,
		    struct span bytes)
{
	uint8_t *frame = frame_new(path, is_back(path), bytes.len);
	size_t len = packet_udp(frame + PACKET_ETHER_BYTES, path, bytes);

	packets_add(packets, at_ms, span_of(frame, PACKET_ETHER_BYTES + len));
	free(frame);
}

static uint8_t flags_of(const char *text)
{
	static const char letters[] = "FSRPA"; /* from bit 0 on */
	uint8_t flags = 0;

	for (; *text; text++) {
		flags |= (uint8_t)(1U << (strchr(letters, *text) - letters));
	}
	return flags;
}

void packets_step(struct packets *packets, const struct step *step, uint16_t port)
{
	struct packet_path path =
		packets_path(step->conn, PACKETS_CLIENT, PACKETS_SERVER, port);
	struct span bytes = span_str(step->bytes ? step->bytes : "");

	if (step->by_server) {
		path = path_back(&path);
	}
	if (step->flags) {
		struct packet_tcp tcp = {
			.seq = step->seq,
			.ack = step->ack,
			.flags = flags_of(step->flags),
			.window = 65535,
			.mss = 1460,
		};

		packets_tcp(packets, step->at_ms, &path, &tcp, bytes);
	} else {
		add_udp(packets, step->at_ms, &path, bytes);
	}
	packets->list[packets->num - 1].len -= step->missing;
}

void packets_steps(struct packets *packets, const struct step *steps, size_t num,
		   uint16_t port)
{
	for (size_t i = 0; i < num; i++) {
		packets_step(packets, &steps[i], port);
	}
}

void packets_run(struct packets *packets, int at_ms, const struct runframe *frame)
{
	static const uint8_t ethernet[PACKET_ETHER_BYTES] = {[12] = RUNFRAME_ETHERTYPE >>
								    8,
							     RUNFRAME_ETHERTYPE & 0xff};
	struct text text = {0};

	text_bytes(&text, ethernet, sizeof(ethernet));
	runframe_write(&text, frame);
	packets_add(packets, at_ms, span_of(text.data, text.len));
	text_done(&text);
}

struct trace_packet packets_get(const struct packets *packets, size_t i)
{
	const struct made_packet *packet = &packets->list[i];

	return (struct trace_packet){
		.bytes = span_of(packets->bytes.data + packet->from, packet->len),
		.wire_len = packet->wire_len,
		.at_ns = PACKETS_START_NS + packet->at_ns,
	};
}

void packets_done(struct packets *packets)
{
	free(packets->list);
	text_done(&packets->bytes);
	*packets = (struct packets){0};
}
