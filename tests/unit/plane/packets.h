/* Packets of a trace for tests: a list that grows, on Ethernet, between a client and a
 * server whose addresses are fixed.
 */
#ifndef PLANE_PACKETS_H
#define PLANE_PACKETS_H

#include "base/text.h"
#include "codec/packet.h"
#include "codec/runframe.h"
#include "io/traceread.h"

#define PACKETS_START_NS INT64_C(1700000000000000000)
#define PACKETS_CLIENT "10.0.0.1"
#define PACKETS_SERVER "10.0.0.2"

struct packets {
	struct made_packet {
		size_t from, len; /* in bytes */
		uint32_t wire_len;
		int64_t at_ns; /* since the first */
	} * list;
	size_t num;
	struct text bytes;
};

/* One packet of a conversation. */
struct step {
	int at_ms;
	bool by_server;
	int conn;	   /* its client's port is 1000 more */
	const char *flags; /* of S A F R; NULL: a datagram */
	uint32_t seq, ack;
	const char *bytes; /* NULL: none */
	size_t missing;	   /* bytes at the end that the snapshot length has cut */
};

#define CLIENT(...)          \
	{                    \
		__VA_ARGS__, \
	}
#define SERVER(...)                            \
	{                                      \
		__VA_ARGS__, .by_server = true \
	}

struct packet_path packets_path(int conn, const char *client, const char *server,
				uint16_t port);
void packets_add(struct packets *packets, int at_ms, struct span frame);
/* The step's packet between PACKETS_CLIENT and PACKETS_SERVER, at that port. */
void packets_step(struct packets *packets, const struct step *step, uint16_t port);
void packets_steps(struct packets *packets, const struct step *steps, size_t num,
		   uint16_t port);
/* Any bytes of a stream, from the opener of the path or back. */
void packets_tcp(struct packets *packets, int at_ms, const struct packet_path *path,
		 const struct packet_tcp *tcp, struct span bytes);
void packets_run(struct packets *packets, int at_ms, const struct runframe *frame);
struct trace_packet packets_get(const struct packets *packets, size_t i);
void packets_done(struct packets *packets);

#endif
