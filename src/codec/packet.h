/* Packets made from nothing: Ethernet, IPv4 or IPv6, TCP or UDP, with right checksums.
 *
 * For flow filters and captures. This is not a parser, and no IP options, extension
 * headers or fragments are made. Callers own every buffer; nothing here allocates. RFC
 * 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 7323 (window scale).
 */
#ifndef CODEC_PACKET_H
#define CODEC_PACKET_H

#include "base/ipaddr.h"
#include "base/span.h"

enum {
	PACKET_ETHER_BYTES = 14,
	PACKET_TCP_OPTIONS_BYTES = 8, /* on SYN: maximum segment size, window scale */
	/* The longest headers in front of a payload, Ethernet's left out. */
	PACKET_HEADERS_MAX = 40 + 20 + PACKET_TCP_OPTIONS_BYTES,
	PACKET_UDP4_MAX = 65535 - 20 - 8, /* the longest datagrams: IPv4 */
	PACKET_UDP6_MAX = 65535 - 8,	  /* and IPv6 without jumbograms */
};

struct packet_path {
	struct ipaddr from, to; /* of one family, see packet_same_family() */
	uint16_t from_port, to_port;
};

enum packet_tcp_flag {
	PACKET_FIN = 0x01,
	PACKET_SYN = 0x02,
	PACKET_RST = 0x04,
	PACKET_PSH = 0x08,
	PACKET_ACK = 0x10,
};

struct packet_tcp {
	uint32_t seq, ack;
	uint8_t flags; /* of enum packet_tcp_flag */
	uint16_t window;
	uint16_t mss;	      /* with SYN only */
	uint8_t window_scale; /* with SYN only, 0..14 */
};

/* An Ethernet header for an IP packet between addresses like `ip`. Returns
 * PACKET_ETHER_BYTES. */
size_t packet_ether(uint8_t *out, const uint8_t from[6], const uint8_t to[6],
		    const struct ipaddr *ip);
/* One IP packet at `out`, which has room for PACKET_HEADERS_MAX and the payload; its
 * length. The payload fits: IP's length field holds at most 65,535 (asserted). */
size_t packet_tcp(uint8_t *out, const struct packet_path *path,
		  const struct packet_tcp *tcp, struct span payload);
size_t packet_udp(uint8_t *out, const struct packet_path *path, struct span payload);

/* Makes both addresses IPv4 if each is IPv4 or IPv4-mapped (::ffff:10.0.0.1, what a
 * dual-stack socket reports), else both IPv6. Neither may be empty. */
void packet_same_family(struct ipaddr *a, struct ipaddr *b);

#endif
