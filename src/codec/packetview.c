#include "codec/packetview.h"

/* Link headers. tcpdump.org/linktypes.html; IEEE 802.3 §3.2.6, 802.1Q §9.6; RFC 1042. */
enum {
	ETHER_BYTES = 14,
	ETHER_TYPE_AT = 12,
	ETHER_TYPE_MIN = 0x600, /* less is the length of an 802.3 frame */
	VLAN_BYTES = 4,		/* its control information, then the type behind it */
	SNAP_BYTES = 8,
	SNAP_TYPE_AT = 6,
	LOOPBACK_BYTES = 4,
	SLL_BYTES = 16,
	SLL_TYPE_AT = 14,
	SLL2_BYTES = 20,
	SLL2_TYPE_AT = 0,
};

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_SERVICE_VLAN = 0x88a8,
	ETHERTYPE_OLD_SERVICE_VLAN = 0x9100, /* before 802.1ad */
};

/* LLC for SNAP, then the organization code that says an ethertype follows. */
static const uint8_t SNAP_PREFIX[SNAP_TYPE_AT] = {0xaa, 0xaa, 0x03};

enum {
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	EXTENSION_BYTES = 8, /* the least that an IPv6 extension header has */
	TCP_BYTES = 20,
	UDP_BYTES = 8,
};

/* IANA's protocol numbers; RFC 8200 §4. */
enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AUTHENTICATION = 51, /* RFC 4302 §2.2 */
	PROTOCOL_DESTINATION = 60,
};

enum { TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2 };

/* What stands behind an IP header and its extensions. */
struct ip_payload {
	struct span bytes; /* as far as it was captured */
	size_t len;	   /* as sent; at least bytes.len */
	bool open;	   /* IP's length field was 0, so that len is only bytes.len */
};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)be16(at) << 16 | be16(at + 2);
}

bool link_type_find(int dlt, enum link_type *out)
{
	/* A file's numbers and, where they differ, those that libpcap has on Linux. */
	static const struct {
		int dlt;
		enum link_type link;
	} rows[] = {
		{0, LINK_LOOPBACK}, {1, LINK_ETHERNET},	  {12, LINK_RAW},
		{101, LINK_RAW},    {108, LINK_LOOPBACK}, {113, LINK_SLL},
		{228, LINK_RAW},    {229, LINK_RAW},	  {276, LINK_SLL2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].dlt == dlt) {
			*out = rows[i].link;
			return true;
		}
	}
	return false;
}

static struct ip_payload ip_payload_behind(const struct ip_payload *ip, size_t head)
{
	return (struct ip_payload){span_from(ip->bytes, head), ip->len - head, ip->open};
}

/* The option's value, 0 for none. Options that make no sense end the search. */
static uint16_t find_mss(struct span options)
{
	size_t at = 0;

	while (at < options.len && options.data[at] != TCP_OPTION_END) {
		size_t len;

		if (options.data[at] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (options.len - at < 2) {
			break;
		}
		len = options.data[at + 1];
		if (len < 2 || len > options.len - at) {
			break;
		}
		if (options.data[at] == TCP_OPTION_MSS && len == 4) {
			return be16(options.data + at + 2);
		}
		at += len;
	}
	return 0;
}

static enum packet_kind read_tcp(struct packet_view *out, const struct ip_payload *ip)
{
	const uint8_t *data = ip->bytes.data;
	size_t head;

	if (ip->bytes.len < TCP_BYTES) {
		return PACKET_DAMAGED;
	}
	head = (size_t)(data[12] >> 4) * 4;
	if (head < TCP_BYTES || head > ip->bytes.len) {
		return PACKET_DAMAGED;
	}
	out->from_port = be16(data);
	out->to_port = be16(data + 2);
	out->tcp.seq = be32(data + 4);
	out->tcp.ack = be32(data + 8);
	out->tcp.flags = data[13];
	out->tcp.window = be16(data + 14);
	out->tcp.mss = find_mss(span_sub(ip->bytes, TCP_BYTES, head - TCP_BYTES));
	out->payload = span_from(ip->bytes, head);
	out->payload_len = ip->len - head;
	return PACKET_TCP;
}

static enum packet_kind read_udp(struct packet_view *out, const struct ip_payload *ip)
{
	const uint8_t *data = ip->bytes.data;
	size_t len;

	if (ip->bytes.len < UDP_BYTES) {
		return PACKET_DAMAGED;
	}
	len = be16(data + 4);
	if (len == 0 && out->from.len_bytes == 16) {
		len = ip->len; /* a jumbogram, RFC 2675 §4, or left to the interface */
	}
	if (len < UDP_BYTES || (len > ip->len && !ip->open)) {
		return PACKET_DAMAGED;
	}
	out->from_port = be16(data);
	out->to_port = be16(data + 2);
	out->payload = span_sub(ip->bytes, UDP_BYTES, len - UDP_BYTES);
	out->payload_len = len - UDP_BYTES;
	return PACKET_UDP;
}

static enum packet_kind read_transport(struct packet_view *out, uint8_t protocol,
				       const struct ip_payload *ip)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return read_tcp(out, ip);
	case PROTOCOL_UDP:
		return read_udp(out, ip);
	default:
		return PACKET_OTHER;
	}
}

static enum packet_kind read_fragment(struct packet_view *out,
				      const struct ip_payload *part)
{
	out->payload = part->bytes;
	out->payload_len = part->len;
	return PACKET_FRAGMENT;
}

static struct ipaddr ipaddr_of(const uint8_t *bytes, uint8_t len)
{
	struct ipaddr addr = {.len_bytes = len};

	memcpy(addr.bytes, bytes, len);
	return addr;
}

static enum packet_kind read_ipv4(struct packet_view *out)
{
	const uint8_t *data = out->network.data;
	struct ip_payload ip;
	size_t head, total;
	uint16_t bits;

	if (out->network.len < IPV4_BYTES || data[0] >> 4 != 4) {
		return PACKET_DAMAGED;
	}
	head = (size_t)(data[0] & 0xf) * 4;
	total = be16(data + 2);
	if (head < IPV4_BYTES || head > out->network.len || (total > 0 && total < head)) {
		return PACKET_DAMAGED;
	}
	ip.open = total == 0;
	if (ip.open) {
		total = out->network.len;
	}
	out->network = span_sub(out->network, 0, total);
	ip.bytes = span_from(out->network, head);
	ip.len = total - head;
	out->from = ipaddr_of(data + 12, 4);
	out->to = ipaddr_of(data + 16, 4);
	bits = be16(data + 6);
	if ((bits & 0x3fff) != 0) {
		out->fragment.id = be16(data + 4);
		out->fragment.protocol = data[9];
		out->fragment.offset = (uint32_t)(bits & 0x1fff) * 8;
		out->fragment.more = (bits & 0x2000) != 0;
		return read_fragment(out, &ip);
	}
	return read_transport(out, data[9], &ip);
}

/* From the header that `protocol` names on. A fragment within what fragments were put
 * together to is malformed. */
static enum packet_kind read_extensions(struct packet_view *out, uint8_t protocol,
					struct ip_payload ip, bool reassembled)
{
	for (;;) {
		const uint8_t *data = ip.bytes.data;
		size_t head;

		switch (protocol) {
		case PROTOCOL_HOP_BY_HOP:
		case PROTOCOL_ROUTING:
		case PROTOCOL_DESTINATION:
		case PROTOCOL_AUTHENTICATION:
		case PROTOCOL_FRAGMENT:
			break;
		default:
			return read_transport(out, protocol, &ip);
		}
		if (ip.bytes.len < EXTENSION_BYTES) {
			return PACKET_DAMAGED;
		}
		head = ((size_t)data[1] + 1) * 8;
		if (protocol == PROTOCOL_AUTHENTICATION) {
			head = ((size_t)data[1] + 2) * 4;
		} else if (protocol == PROTOCOL_FRAGMENT) {
			head = EXTENSION_BYTES;
		}
		if (head > ip.bytes.len) {
			return PACKET_DAMAGED;
		}
		ip = ip_payload_behind(&ip, head);
		/* Offset 0 and no more: the packet is whole, RFC 6946. */
		if (protocol == PROTOCOL_FRAGMENT && (be16(data + 2) & 0xfff9) != 0) {
			if (reassembled) {
				return PACKET_DAMAGED;
			}
			out->fragment.id = be32(data + 4);
			out->fragment.protocol = data[0];
			out->fragment.offset = be16(data + 2) & 0xfff8;
			out->fragment.more = (data[3] & 1) != 0;
			return read_fragment(out, &ip);
		}
		protocol = data[0];
	}
}

static enum packet_kind read_ipv6(struct packet_view *out)
{
	const uint8_t *data = out->network.data;
	struct ip_payload ip;

	if (out->network.len < IPV6_BYTES || data[0] >> 4 != 6) {
		return PACKET_DAMAGED;
	}
	ip.len = be16(data + 4);
	ip.open = ip.len == 0;
	if (ip.open) {
		ip.len = out->network.len - IPV6_BYTES;
	}
	out->network = span_sub(out->network, 0, IPV6_BYTES + ip.len);
	ip.bytes = span_from(out->network, IPV6_BYTES);
	out->from = ipaddr_of(data + 8, 16);
	out->to = ipaddr_of(data + 24, 16);
	return read_extensions(out, data[6], ip, false);
}

/* A link header's end and the ethertype of what follows, ETHERTYPE_IPV4 and _IPV6 also
 * where the header says it in other words. */
struct link_end {
	size_t head; /* <= PACKET_LINK_MAX */
	uint16_t type;
};

/* A header with an ethertype, then tags; more of them than PACKET_LINK_MAX has room for
 * leave a tag's type. False: cut. */
static bool read_tags(struct span frame, size_t type_at, size_t head,
		      struct link_end *out)
{
	uint16_t type;

	if (frame.len < head) {
		return false;
	}
	type = be16(frame.data + type_at);
	while ((type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN ||
		type == ETHERTYPE_OLD_SERVICE_VLAN) &&
	       head + VLAN_BYTES <= PACKET_LINK_MAX) {
		if (frame.len < head + VLAN_BYTES) {
			return false;
		}
		type = be16(frame.data + head + 2);
		head += VLAN_BYTES;
	}
	*out = (struct link_end){head, type >= ETHER_TYPE_MIN ? type : 0};
	return true;
}

static bool read_ethernet(struct span frame, struct link_end *out)
{
	struct span llc;

	if (!read_tags(frame, ETHER_TYPE_AT, ETHER_BYTES, out)) {
		return false;
	}
	if (out->type != 0 || out->head + SNAP_BYTES > PACKET_LINK_MAX) {
		return true;
	}
	llc = span_sub(frame, out->head, SNAP_BYTES);
	if (!span_eq(span_sub(llc, 0, SNAP_TYPE_AT),
		     span_sub(span_of(SNAP_PREFIX, SNAP_TYPE_AT), 0, llc.len))) {
		return true; /* another LLC: spanning tree and the like */
	}
	if (llc.len < SNAP_BYTES) {
		return false;
	}
	*out = (struct link_end){out->head + SNAP_BYTES, be16(llc.data + SNAP_TYPE_AT)};
	return true;
}

/* The family is in the byte order of the machine that captured (DLT_NULL) or big-endian
 * (DLT_LOOP); no family's number is another's in the other order. */
static bool read_loopback(struct span frame, struct link_end *out)
{
	uint16_t type = 0;
	uint32_t family;

	if (frame.len < LOOPBACK_BYTES) {
		return false;
	}
	family = be32(frame.data);
	if (family > 0xffff) {
		family = (uint32_t)frame.data[3] << 24 | (uint32_t)frame.data[2] << 16 |
			 (uint32_t)frame.data[1] << 8 | frame.data[0];
	}
	switch (family) {
	case 2:
		type = ETHERTYPE_IPV4;
		break;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		type = ETHERTYPE_IPV6;
		break;
	default:
		break;
	}
	*out = (struct link_end){LOOPBACK_BYTES, type};
	return true;
}

static bool read_raw(struct span frame, struct link_end *out)
{
	uint16_t type = 0;

	if (frame.len == 0) {
		return false;
	}
	if (frame.data[0] >> 4 == 4) {
		type = ETHERTYPE_IPV4;
	} else if (frame.data[0] >> 4 == 6) {
		type = ETHERTYPE_IPV6;
	}
	*out = (struct link_end){0, type};
	return true;
}

static bool read_link(enum link_type link, struct span frame, struct link_end *out)
{
	switch (link) {
	case LINK_ETHERNET:
		return read_ethernet(frame, out);
	case LINK_LOOPBACK:
		return read_loopback(frame, out);
	case LINK_RAW:
		return read_raw(frame, out);
	case LINK_SLL:
		return read_tags(frame, SLL_TYPE_AT, SLL_BYTES, out);
	case LINK_SLL2:
		return read_tags(frame, SLL2_TYPE_AT, SLL2_BYTES, out);
	case NUM_LINK_TYPE:
		break;
	}
	return false;
}

void packet_view_read(enum link_type link, struct span frame, struct packet_view *out)
{
	struct link_end end;

	memset(out, 0, sizeof(*out));
	if (!read_link(link, frame, &end)) {
		out->kind = PACKET_DAMAGED;
		out->link = span_sub(frame, 0, PACKET_LINK_MAX);
		out->network = span_from(frame, out->link.len);
		return;
	}
	out->link = span_sub(frame, 0, end.head);
	out->network = span_from(frame, end.head);
	if (link != LINK_LOOPBACK && link != LINK_RAW) {
		out->ethertype = end.type;
	}
	if (end.type == ETHERTYPE_IPV4) {
		out->kind = read_ipv4(out);
	} else if (end.type == ETHERTYPE_IPV6) {
		out->kind = read_ipv6(out);
	} else {
		out->kind = PACKET_OTHER;
	}
}

void packet_view_reassembled(struct packet_view *view, struct span segment)
{
	struct ip_payload ip = {.bytes = segment, .len = segment.len};

	view->payload = (struct span){0};
	view->payload_len = 0;
	if (view->from.len_bytes == 16) {
		view->kind = read_extensions(view, view->fragment.protocol, ip, true);
	} else {
		view->kind = read_transport(view, view->fragment.protocol, &ip);
	}
}
