/* A captured frame, read without trust: link layer, IP, TCP or UDP, as far as they are
 * there.
 *
 * A view points into the frame and lives as long as it. Nothing here allocates, and no
 * byte outside the frame is read, however it lies about its lengths. Checksums are not
 * looked at: captures made with offloads have none. Link types as on
 * tcpdump.org/linktypes.html; Ethernet II and 802.3 with any number of VLAN tags (802.1Q,
 * 802.1ad); RFC 791, 8200 (extension headers), 9293, 768.
 */
#ifndef CODEC_PACKETVIEW_H
#define CODEC_PACKETVIEW_H

#include "base/ipaddr.h"
#include "base/span.h"

enum link_type {
	LINK_ETHERNET, /* DLT_EN10MB */
	LINK_LOOPBACK, /* DLT_NULL, DLT_LOOP: an address family in either byte order */
	LINK_RAW,      /* DLT_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6: no link layer */
	LINK_SLL,      /* Linux cooked v1 */
	LINK_SLL2,     /* Linux cooked v2 */
	NUM_LINK_TYPE,
};

/* The link type of a DLT_ or LINKTYPE_ number. False: not one that is read here. */
bool link_type_find(int dlt, enum link_type *out);

enum packet_kind {
	PACKET_OTHER, /* not IP, or neither TCP nor UDP */
	PACKET_TCP,
	PACKET_UDP,
	PACKET_FRAGMENT, /* a part of an IP packet: see codec/fragments.h */
	PACKET_DAMAGED,	 /* cut or malformed in its headers */
};

enum { PACKET_LINK_MAX = 64 }; /* bytes of link header, tags included, that are read */

struct packet_view {
	enum packet_kind kind;
	struct span link;    /* everything in front of the IP header */
	uint16_t ethertype;  /* behind all tags; 0 where the link layer has none */
	struct span network; /* the frame from the IP header on, link trailer cut off */
	struct ipaddr from, to; /* from TCP, UDP and FRAGMENT on */
	uint16_t from_port, to_port;
	struct {
		uint32_t seq, ack;
		uint8_t flags; /* of enum packet_tcp_flag in codec/packet.h */
		uint16_t window;
		uint16_t mss; /* the option's; 0: none */
	} tcp;
	/* TCP, UDP: what follows the transport header. A frame cut by the snapshot length
	 * has less of it than was sent: payload.len <= payload_len. Behind an Ethernet
	 * frame's padding nothing is counted. */
	struct span payload;
	size_t payload_len;
	/* FRAGMENT: `payload` is its part of the IP packet's payload. */
	struct {
		uint32_t id;
		uint8_t protocol;
		uint32_t offset; /* bytes */
		bool more;
	} fragment;
};

/* Always fills all of *out. */
void packet_view_read(enum link_type link, struct span frame, struct packet_view *out);
/* A fragment's view becomes that of the packet it belonged to: `segment` is the whole
 * payload of the IP packet, from the transport header on. */
void packet_view_reassembled(struct packet_view *view, struct span segment);

#endif
