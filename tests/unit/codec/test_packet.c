/* Packets made from nothing, byte by byte, and their checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/checksum.h"
#include "codec/packet.h"

#include "base/quantity.h"
#include "base/text.h"

#include <stdlib.h>

static struct packet_path path_of(const char *from, uint16_t from_port, const char *to,
				  uint16_t to_port)
{
	struct packet_path path = {.from_port = from_port, .to_port = to_port};

	assert_int_equal(ipaddr_parse(from, &path.from, NULL), 0);
	assert_int_equal(ipaddr_parse(to, &path.to, NULL), 0);
	return path;
}

static void assert_bytes(const uint8_t *got, size_t got_len, const char *wanted_hex)
{
	uint8_t wanted[256];
	size_t len;

	assert_int_equal(parse_hex(wanted_hex, wanted, sizeof(wanted), &len, NULL), 0);
	assert_int_equal(got_len, len);
	assert_memory_equal(got, wanted, len);
}

/* RFC 9293 §3.1 and 8200 §8.1: the checksum over pseudo header and segment is right. */
static bool checksums_right(const uint8_t *packet, size_t len)
{
	bool ipv4 = packet[0] >> 4 == 4;
	size_t head = ipv4 ? 20 : 40;
	uint8_t protocol = ipv4 ? packet[9] : packet[6];
	uint8_t pseudo[40] = {0};
	size_t addrs = ipv4 ? 8 : 32;
	size_t segment_len = len - head;
	uint64_t sum;

	if (ipv4 && checksum_finish(checksum_add(0, span_of(packet, 20))) != 0) {
		return false;
	}
	memcpy(pseudo, packet + (ipv4 ? 12 : 8), addrs);
	pseudo[addrs + 2] = (uint8_t)(segment_len >> 8);
	pseudo[addrs + 3] = (uint8_t)segment_len;
	pseudo[addrs + 7] = protocol;
	sum = checksum_add(0, span_of(pseudo, addrs + 8));
	return checksum_finish(checksum_add(sum, span_of(packet + head, segment_len))) ==
	       0;
}

static void ethernet(void **state)
{
	static const uint8_t from[6] = {2, 0, 0, 0, 0, 1}, to[6] = {2, 0, 0, 0, 0, 2};
	struct packet_path path4 = path_of("10.0.0.1", 1, "10.0.0.2", 2);
	struct packet_path path6 = path_of("::1", 1, "::2", 2);
	uint8_t out[PACKET_ETHER_BYTES];

	(void)state;
	assert_bytes(out, packet_ether(out, from, to, &path4.from),
		     "0200000000020200000000010800");
	assert_bytes(out, packet_ether(out, from, to, &path6.from),
		     "02000000000202000000000186dd");
}

static void tcp_syn_over_ipv4(void **state)
{
	struct packet_path path = path_of("10.0.0.1", 0x1234, "192.0.2.9", 80);
	struct packet_tcp tcp = {.seq = 0xfffffffe,
				 .ack = 0,
				 .flags = PACKET_SYN,
				 .window = 0xfedc,
				 .mss = 1460,
				 .window_scale = 7};
	uint8_t out[PACKET_HEADERS_MAX];
	size_t len = packet_tcp(out, &path, &tcp, span_of(NULL, 0));

	(void)state;
	assert_true(checksums_right(out, len));
	out[10] = out[11] = out[36] = out[37] = 0;
	assert_bytes(out, len,
		     "45000030 00004000 40060000 0a000001 c0000209"
		     "12340050 fffffffe 00000000 7002fedc 00000000"
		     "020405b4 01030307");
}

static void tcp_data_over_ipv6(void **state)
{
	struct packet_path path = path_of("2001:db8::1", 5, "2001:db8::2", 6);
	struct packet_tcp tcp = {.seq = 1,
				 .ack = 0x89abcdef,
				 .flags = PACKET_ACK | PACKET_PSH | PACKET_FIN,
				 .window = 1};
	uint8_t out[PACKET_HEADERS_MAX + 3];
	size_t len = packet_tcp(out, &path, &tcp, span_str("abc"));

	(void)state;
	assert_true(checksums_right(out, len));
	out[56] = out[57] = 0;
	assert_bytes(out, len,
		     "60000000 00170640 20010db8000000000000000000000001"
		     "20010db8000000000000000000000002"
		     "00050006 00000001 89abcdef 50190001 00000000 616263");
}

static void udp_over_ipv4(void **state)
{
	struct packet_path path = path_of("10.0.0.1", 53, "10.0.0.2", 0xffff);
	uint8_t out[PACKET_HEADERS_MAX + 2];
	size_t len = packet_udp(out, &path, span_str("hi"));

	(void)state;
	assert_true(checksums_right(out, len));
	out[10] = out[11] = out[26] = out[27] = 0;
	assert_bytes(
		out, len,
		"4500001e 00004000 40110000 0a000001 0a000002 0035ffff 000a0000 6869");
}

/* A checksum of 0 would say that there is none: all ones go out for it. */
static void udp_checksum_is_never_zero(void **state)
{
	struct packet_path path = path_of("10.0.0.1", 1, "10.0.0.2", 2);
	unsigned num_ones = 0;

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t out[PACKET_HEADERS_MAX + 2];
		uint8_t payload[2] = {(uint8_t)(i >> 8), (uint8_t)i};
		size_t len = packet_udp(out, &path, span_of(payload, 2));

		assert_true(checksums_right(out, len));
		assert_true(out[26] != 0 || out[27] != 0);
		num_ones += out[26] == 0xff && out[27] == 0xff;
	}
	assert_int_equal(num_ones, 1);
}

static void longest_datagrams(void **state)
{
	struct packet_path path4 = path_of("10.0.0.1", 1, "10.0.0.2", 2);
	struct packet_path path6 = path_of("::1", 1, "::2", 2);
	uint8_t *payload = malloc(PACKET_UDP6_MAX);
	uint8_t *out = malloc(PACKET_HEADERS_MAX + PACKET_UDP6_MAX);
	size_t len;

	(void)state;
	memset(payload, 0xff, PACKET_UDP6_MAX);
	len = packet_udp(out, &path4, span_of(payload, PACKET_UDP4_MAX));
	assert_int_equal(len, 65535);
	assert_bytes(out + 2, 2, "ffff");
	assert_true(checksums_right(out, len));
	len = packet_udp(out, &path6, span_of(payload, PACKET_UDP6_MAX));
	assert_int_equal(len, 40 + 65535);
	assert_bytes(out + 4, 2, "ffff");
	assert_true(checksums_right(out, len));
	free(out);
	free(payload);
}

static void same_family(void **state)
{
	static const char *const ROWS[][4] = {
		/* a, b, what they become */
		{"10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"},
		{"::1", "::2", "::1", "::2"},
		{"::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"},
		{"10.0.0.1", "::ffff:10.0.0.2", "10.0.0.1", "10.0.0.2"},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.2", "10.0.0.1", "10.0.0.2"},
		{"10.0.0.1", "2001:db8::2", "::ffff:10.0.0.1", "2001:db8::2"},
		{"2001:db8::1", "10.0.0.2", "2001:db8::1", "::ffff:10.0.0.2"},
		{"::ffff:10.0.0.1", "2001:db8::2", "::ffff:10.0.0.1", "2001:db8::2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct packet_path path = path_of(ROWS[i][0], 0, ROWS[i][1], 0);
		struct packet_path wanted = path_of(ROWS[i][2], 0, ROWS[i][3], 0);

		packet_same_family(&path.from, &path.to);
		assert_int_equal(path.from.len_bytes, wanted.from.len_bytes);
		assert_int_equal(path.to.len_bytes, wanted.to.len_bytes);
		assert_memory_equal(path.from.bytes, wanted.from.bytes, 16);
		assert_memory_equal(path.to.bytes, wanted.to.bytes, 16);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet),
		cmocka_unit_test(tcp_syn_over_ipv4),
		cmocka_unit_test(tcp_data_over_ipv6),
		cmocka_unit_test(udp_over_ipv4),
		cmocka_unit_test(udp_checksum_is_never_zero),
		cmocka_unit_test(longest_datagrams),
		cmocka_unit_test(same_family),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
