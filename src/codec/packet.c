#include "codec/packet.h"

#include "codec/checksum.h"

#include <assert.h>

enum {
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	IP_LEN_MAX = 65535,
	HOP_LIMIT = 64,
};

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd };
enum { TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2, TCP_OPTION_WINDOW_SCALE = 3 };

/* RFC 4291 §2.5.5.2 */
static const uint8_t MAPPED_PREFIX[12] = {[10] = 0xff, [11] = 0xff};

static void put_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_be32(uint8_t *at, uint32_t value)
{
	put_be16(at, (uint16_t)(value >> 16));
	put_be16(at + 2, (uint16_t)value);
}

static bool is_ipv4(const struct ipaddr *addr)
{
	return addr->len_bytes == 4;
}

static size_t ip_bytes(const struct packet_path *path)
{
	return is_ipv4(&path->from) ? IPV4_BYTES : IPV6_BYTES;
}

size_t packet_ether(uint8_t *out, const uint8_t from[6], const uint8_t to[6],
		    const struct ipaddr *ip)
{
	memcpy(out, to, 6);
	memcpy(out + 6, from, 6);
	put_be16(out + 12, is_ipv4(ip) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	return PACKET_ETHER_BYTES;
}

static void put_ipv4(uint8_t *out, const struct packet_path *path, uint8_t protocol,
		     size_t payload_len)
{
	assert(IPV4_BYTES + payload_len <= IP_LEN_MAX);
	memset(out, 0, IPV4_BYTES);
	out[0] = 0x45; /* version 4, 5 words */
	put_be16(out + 2, (uint16_t)(IPV4_BYTES + payload_len));
	put_be16(out + 6,
		 0x4000); /* don't fragment; so the identification may be 0, RFC 6864 */
	out[8] = HOP_LIMIT;
	out[9] = protocol;
	memcpy(out + 12, path->from.bytes, 4);
	memcpy(out + 16, path->to.bytes, 4);
	put_be16(out + 10, checksum_finish(checksum_add(0, span_of(out, IPV4_BYTES))));
}

static void put_ipv6(uint8_t *out, const struct packet_path *path, uint8_t protocol,
		     size_t payload_len)
{
	assert(payload_len <= IP_LEN_MAX);
	memset(out, 0, IPV6_BYTES);
	out[0] = 0x60;
	put_be16(out + 4, (uint16_t)payload_len);
	out[6] = protocol;
	out[7] = HOP_LIMIT;
	memcpy(out + 8, path->from.bytes, 16);
	memcpy(out + 24, path->to.bytes, 16);
}

/* The IP header in front of transport header and payload, len bytes at `segment`, whose
 * checksum field is still 0. Returns that field's value (RFC 9293 §3.1, 8200 §8.1). */
static uint16_t put_ip(uint8_t *out, const struct packet_path *path, uint8_t protocol,
		       const uint8_t *segment, size_t len)
{
	uint8_t pseudo[8] = {
		0}; /* behind the addresses; both families' sum to the same */
	uint64_t sum = 0;

	assert(path->from.len_bytes == path->to.len_bytes);
	assert(path->from.len_bytes == 4 || path->from.len_bytes == 16);
	if (is_ipv4(&path->from)) {
		put_ipv4(out, path, protocol, len);
	} else {
		put_ipv6(out, path, protocol, len);
	}
	put_be32(pseudo, (uint32_t)len);
	pseudo[7] = protocol;
	sum = checksum_add(sum, span_of(path->from.bytes, path->from.len_bytes));
	sum = checksum_add(sum, span_of(path->to.bytes, path->to.len_bytes));
	sum = checksum_add(sum, span_of(pseudo, sizeof(pseudo)));
	return checksum_finish(checksum_add(sum, span_of(segment, len)));
}

static size_t put_tcp_options(uint8_t *out, const struct packet_tcp *tcp)
{
	if (!(tcp->flags & PACKET_SYN)) {
		return 0;
	}
	out[0] = TCP_OPTION_MSS;
	out[1] = 4;
	put_be16(out + 2, tcp->mss);
	out[4] = TCP_OPTION_NOP;
	out[5] = TCP_OPTION_WINDOW_SCALE;
	out[6] = 3;
	out[7] = tcp->window_scale;
	return PACKET_TCP_OPTIONS_BYTES;
}

size_t packet_tcp(uint8_t *out, const struct packet_path *path,
		  const struct packet_tcp *tcp, struct span payload)
{
	uint8_t *segment = out + ip_bytes(path);
	size_t head;

	memset(segment, 0, TCP_BYTES);
	head = TCP_BYTES + put_tcp_options(segment + TCP_BYTES, tcp);
	put_be16(segment, path->from_port);
	put_be16(segment + 2, path->to_port);
	put_be32(segment + 4, tcp->seq);
	put_be32(segment + 8, tcp->ack);
	segment[12] = (uint8_t)(head / 4 << 4);
	segment[13] = tcp->flags;
	put_be16(segment + 14, tcp->window);
	if (payload.len > 0) {
		memcpy(segment + head, payload.data, payload.len);
	}
	put_be16(segment + 16,
		 put_ip(out, path, PROTOCOL_TCP, segment, head + payload.len));
	return ip_bytes(path) + head + payload.len;
}

size_t packet_udp(uint8_t *out, const struct packet_path *path, struct span payload)
{
	uint8_t *segment = out + ip_bytes(path);
	uint16_t checksum;

	assert(UDP_BYTES + payload.len <= IP_LEN_MAX);
	memset(segment, 0, UDP_BYTES);
	put_be16(segment, path->from_port);
	put_be16(segment + 2, path->to_port);
	put_be16(segment + 4, (uint16_t)(UDP_BYTES + payload.len));
	if (payload.len > 0) {
		memcpy(segment + UDP_BYTES, payload.data, payload.len);
	}
	checksum = put_ip(out, path, PROTOCOL_UDP, segment, UDP_BYTES + payload.len);
	/* On the wire 0 says that there is no checksum, RFC 768. */
	put_be16(segment + 6, checksum ? checksum : 0xffff);
	return ip_bytes(path) + UDP_BYTES + payload.len;
}

static bool is_mapped(const struct ipaddr *addr)
{
	return addr->len_bytes == 16 &&
	       memcmp(addr->bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
}

static void to_ipv4(struct ipaddr *addr)
{
	if (is_mapped(addr)) {
		memmove(addr->bytes, addr->bytes + sizeof(MAPPED_PREFIX), 4);
		memset(addr->bytes + 4, 0, sizeof(addr->bytes) - 4);
		addr->len_bytes = 4;
	}
}

static void to_ipv6(struct ipaddr *addr)
{
	if (is_ipv4(addr)) {
		memmove(addr->bytes + sizeof(MAPPED_PREFIX), addr->bytes, 4);
		memcpy(addr->bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
		addr->len_bytes = 16;
	}
}

void packet_same_family(struct ipaddr *a, struct ipaddr *b)
{
	assert(a->len_bytes != 0 && b->len_bytes != 0);
	if ((is_ipv4(a) || is_mapped(a)) && (is_ipv4(b) || is_mapped(b))) {
		to_ipv4(a);
		to_ipv4(b);
	} else {
		to_ipv6(a);
		to_ipv6(b);
	}
}
