/* Captured frames: what is read, and that nothing is believed. Every frame lies flush
 * against the end of a heap block of its size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/quantity.h"
#include "base/text.h"
#include "codec/packet.h"
#include "codec/packetview.h"

#include <stdlib.h>

/* Pieces of frames, as hex digits. */
#define MACS "020000000002 020000000001 "
#define ETHER4 MACS "0800 "
#define ETHER6 MACS "86dd "
#define ADDRS4 "0a000001 0a000002 "
#define ADDRS6 "20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define IP4(total, flags, protocol) \
	"4500" total " abcd" flags " 40" protocol "0000 " ADDRS4
#define IP6(length, next) "60000000 " length next "40 " ADDRS6
#define PORTS "1388 0050 " /* 5000, 80 */
#define TCP PORTS "01020304 05060708 5018 1234 0000 0000 "
#define UDP(len) PORTS len " 0000 "
#define TCP4 IP4("002b", "0000", "06") TCP "616263 " /* "abc" */
#define UDP4 IP4("001f", "0000", "11") UDP("000b") "616263 "
#define TCP6 IP6("0017", "06") TCP "616263 "
#define TAG "8100 0005 "
#define LLC_SNAP "aaaa03 000000 "

struct row {
	const char *name;
	enum link_type link;
	const char *frame;
	enum packet_kind kind;
	size_t link_len;
	uint16_t ethertype;
	const char *payload; /* as captured */
	size_t payload_len;  /* as sent */
};

static const struct row ROWS[] = {
	/* Link layers. */
	{"Ethernet II", LINK_ETHERNET, ETHER4 TCP4, PACKET_TCP, 14, 0x800, "abc", 3},
	{"Ethernet II, IPv6", LINK_ETHERNET, ETHER6 TCP6, PACKET_TCP, 14, 0x86dd, "abc",
	 3},
	{"a VLAN tag", LINK_ETHERNET, MACS TAG "0800 " UDP4, PACKET_UDP, 18, 0x800, "abc",
	 3},
	{"stacked VLAN tags", LINK_ETHERNET, MACS "88a8 0001 9100 0002 " TAG "86dd " TCP6,
	 PACKET_TCP, 26, 0x86dd, "abc", 3},
	{"as many tags as there is room for", LINK_ETHERNET,
	 MACS TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG "0800 " TCP4, PACKET_TCP,
	 62, 0x800, "abc", 3},
	{"a tag too many", LINK_ETHERNET,
	 MACS TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG "0800 " TCP4,
	 PACKET_OTHER, 62, 0x8100, "", 0},
	{"ARP", LINK_ETHERNET, MACS "0806 0001 0800 0604 0001", PACKET_OTHER, 14, 0x806,
	 "", 0},
	{"802.3 with SNAP", LINK_ETHERNET, MACS "0033 " LLC_SNAP "0800 " TCP4, PACKET_TCP,
	 22, 0x800, "abc", 3},
	{"802.3 with SNAP behind a tag", LINK_ETHERNET,
	 MACS TAG "0033 " LLC_SNAP "0800 " TCP4, PACKET_TCP, 26, 0x800, "abc", 3},
	{"SNAP that there is no room for", LINK_ETHERNET,
	 MACS TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG TAG "0033 " LLC_SNAP "0800 " TCP4,
	 PACKET_OTHER, 58, 0, "", 0},
	{"802.3 with SNAP of another organization", LINK_ETHERNET,
	 MACS "0033 aaaa03 00000c 0800 " TCP4, PACKET_OTHER, 14, 0, "", 0},
	{"802.3 with another LLC", LINK_ETHERNET, MACS "0003 424203", PACKET_OTHER, 14, 0,
	 "", 0},
	{"802.3 cut within SNAP", LINK_ETHERNET, MACS "0033 aaaa03", PACKET_DAMAGED, 17,
	 0, "", 0},
	{"neither a length nor a type", LINK_ETHERNET, MACS "05ff " TCP4, PACKET_OTHER,
	 14, 0, "", 0},
	{"an empty frame", LINK_ETHERNET, "", PACKET_DAMAGED, 0, 0, "", 0},
	{"an empty raw frame", LINK_RAW, "", PACKET_DAMAGED, 0, 0, "", 0},
	{"raw IPv4", LINK_RAW, TCP4, PACKET_TCP, 0, 0, "abc", 3},
	{"raw IPv6", LINK_RAW, TCP6, PACKET_TCP, 0, 0, "abc", 3},
	{"raw, another version", LINK_RAW, "51000000", PACKET_OTHER, 0, 0, "", 0},
	{"loopback IPv4, little-endian", LINK_LOOPBACK, "02000000 " TCP4, PACKET_TCP, 4,
	 0, "abc", 3},
	{"loopback IPv4, big-endian", LINK_LOOPBACK, "00000002 " TCP4, PACKET_TCP, 4, 0,
	 "abc", 3},
	{"loopback IPv6 of Linux", LINK_LOOPBACK, "0a000000 " TCP6, PACKET_TCP, 4, 0,
	 "abc", 3},
	{"loopback IPv6 of OpenBSD", LINK_LOOPBACK, "00000018 " TCP6, PACKET_TCP, 4, 0,
	 "abc", 3},
	{"loopback IPv6 of FreeBSD", LINK_LOOPBACK, "1c000000 " TCP6, PACKET_TCP, 4, 0,
	 "abc", 3},
	{"loopback IPv6 of Darwin", LINK_LOOPBACK, "1e000000 " TCP6, PACKET_TCP, 4, 0,
	 "abc", 3},
	{"loopback, another family", LINK_LOOPBACK, "07000000 " TCP4, PACKET_OTHER, 4, 0,
	 "", 0},
	{"loopback, family and version differ", LINK_LOOPBACK, "02000000 " TCP6,
	 PACKET_DAMAGED, 4, 0, "", 0},
	{"Linux cooked", LINK_SLL, "0000 0001 0006 0200000000010000 0800 " TCP4,
	 PACKET_TCP, 16, 0x800, "abc", 3},
	{"Linux cooked, a tag", LINK_SLL,
	 "0000 0001 0006 0200000000010000 " TAG "86dd " TCP6, PACKET_TCP, 20, 0x86dd,
	 "abc", 3},
	{"Linux cooked, no ethertype", LINK_SLL,
	 "0000 0001 0006 0200000000010000 0004 424203", PACKET_OTHER, 16, 0, "", 0},
	{"Linux cooked v2", LINK_SLL2,
	 "86dd 0000 00000002 0001 00 06 0200000000010000 " TCP6, PACKET_TCP, 20, 0x86dd,
	 "abc", 3},
	{"Linux cooked v2, a tag", LINK_SLL2,
	 "8100 0000 00000002 0001 00 06 0200000000010000 0005 0800 " TCP4, PACKET_TCP, 24,
	 0x800, "abc", 3},

	/* IPv4. */
	{"padding is no payload", LINK_ETHERNET, ETHER4 TCP4 "000000", PACKET_TCP, 14,
	 0x800, "abc", 3},
	{"IPv4 options", LINK_RAW,
	 "4700 0033 00000000 4006 0000 " ADDRS4 "94040000 01010100 " TCP "616263",
	 PACKET_TCP, 0, 0, "abc", 3},
	{"a header length below 5 words", LINK_RAW,
	 "4400 002b 00000000 4006 0000 " ADDRS4 TCP, PACKET_DAMAGED, 0, 0, "", 0},
	{"options past the end", LINK_RAW, "4600 002b 00000000 4006 0000 " ADDRS4,
	 PACKET_DAMAGED, 0, 0, "", 0},
	{"total length 0: to the end of the frame", LINK_RAW,
	 IP4("0000", "0000", "06") TCP "616263", PACKET_TCP, 0, 0, "abc", 3},
	{"a total length within the header", LINK_RAW,
	 IP4("0013", "0000", "06") TCP "616263", PACKET_DAMAGED, 0, 0, "", 0},
	{"a total length within TCP's header", LINK_RAW,
	 IP4("0027", "0000", "06") TCP "616263", PACKET_DAMAGED, 0, 0, "", 0},
	{"cut by the snapshot length", LINK_RAW, IP4("0528", "4000", "06") TCP "616263",
	 PACKET_TCP, 0, 0, "abc", 1280},
	{"Ethernet that says IPv4, IP that says 6", LINK_ETHERNET, ETHER4 TCP6,
	 PACKET_DAMAGED, 14, 0x800, "", 0},
	{"ICMP", LINK_RAW, IP4("001c", "0000", "01") "0800 0000 0001 0001", PACKET_OTHER,
	 0, 0, "", 0},
	{"a first fragment", LINK_RAW, IP4("001c", "2000", "06") "1388005001020304",
	 PACKET_FRAGMENT, 0, 0, "\x13\x88\0\x50\1\2\3\4", 8},
	{"a last fragment", LINK_ETHERNET, ETHER4 IP4("0017", "0001", "11") "61626300",
	 PACKET_FRAGMENT, 14, 0x800, "abc", 3},
	{"a fragment cut by the snapshot length", LINK_RAW,
	 IP4("0028", "2001", "11") "616263", PACKET_FRAGMENT, 0, 0, "abc", 20},

	/* IPv6. */
	{"Ethernet that says IPv6, IP that says 4", LINK_ETHERNET, ETHER6 TCP4,
	 PACKET_DAMAGED, 14, 0x86dd, "", 0},
	{"IPv6 padding", LINK_ETHERNET, ETHER6 TCP6 "0000", PACKET_TCP, 14, 0x86dd, "abc",
	 3},
	{"IPv6 payload length 0: to the end of the frame", LINK_RAW,
	 IP6("0000", "06") TCP "616263", PACKET_TCP, 0, 0, "abc", 3},
	{"IPv6 cut by the snapshot length", LINK_RAW, IP6("0028", "06") TCP "616263",
	 PACKET_TCP, 0, 0, "abc", 20},
	{"all extension headers", LINK_RAW,
	 IP6("0047", "00") "2b00 000000000000 "			   /* hop by hop */
			   "3c00 000000000000 "			   /* routing */
			   "3300 000000000000 "			   /* destination */
			   "2c02 0000 00000001 00000001 00000000 " /* authentication */
			   "0600 0000 0000002a " /* an atomic fragment */
	 TCP "616263",
	 PACKET_TCP, 0, 0, "abc", 3},
	{"a long extension header", LINK_RAW,
	 IP6("0027", "3c") "0601 000000000000 0000000000000000 " TCP "616263", PACKET_TCP,
	 0, 0, "abc", 3},
	{"an extension header past the end", LINK_RAW,
	 IP6("001f", "3c") "0604 000000000000 " TCP "616263", PACKET_DAMAGED, 0, 0, "",
	 0},
	{"an extension header past the payload length", LINK_RAW,
	 IP6("0007", "3c") "0600 000000000000 " TCP "616263", PACKET_DAMAGED, 0, 0, "",
	 0},
	{"no next header", LINK_RAW, IP6("0000", "3b"), PACKET_OTHER, 0, 0, "", 0},
	{"ICMPv6", LINK_RAW, IP6("0004", "3a") "80000000", PACKET_OTHER, 0, 0, "", 0},
	{"an IPv6 first fragment", LINK_RAW,
	 IP6("0010", "2c") "11000001 0000002a " PORTS "00200000", PACKET_FRAGMENT, 0, 0,
	 "\x13\x88\0\x50\0\x20\0\0", 8},
	{"an IPv6 last fragment", LINK_RAW, IP6("000b", "2c") "1100 0010 0000002a 616263",
	 PACKET_FRAGMENT, 0, 0, "abc", 3},
	{"a fragment behind another extension header", LINK_RAW,
	 IP6("0013", "3c") "2c00 000000000000 1100 0010 0000002a 616263", PACKET_FRAGMENT,
	 0, 0, "abc", 3},

	/* TCP and UDP. */
	{"a data offset below 5 words", LINK_RAW,
	 IP4("0028", "0000", "06") PORTS "01020304 05060708 4018 1234 0000 0000",
	 PACKET_DAMAGED, 0, 0, "", 0},
	{"a data offset past the end", LINK_RAW,
	 IP4("0028", "0000", "06") PORTS "01020304 05060708 6018 1234 0000 0000",
	 PACKET_DAMAGED, 0, 0, "", 0},
	{"TCP without payload", LINK_RAW, IP4("0028", "0000", "06") TCP, PACKET_TCP, 0, 0,
	 "", 0},
	{"UDP", LINK_RAW, UDP4, PACKET_UDP, 0, 0, "abc", 3},
	{"UDP over IPv6", LINK_RAW, IP6("000b", "11") UDP("000b") "616263", PACKET_UDP, 0,
	 0, "abc", 3},
	{"an empty datagram", LINK_RAW, IP4("001c", "0000", "11") UDP("0008"), PACKET_UDP,
	 0, 0, "", 0},
	{"UDP ends before IP does", LINK_RAW,
	 IP4("001f", "0000", "11") UDP("000a") "616263", PACKET_UDP, 0, 0, "ab", 2},
	{"UDP goes on past IP", LINK_RAW, IP4("001f", "0000", "11") UDP("000c") "616263",
	 PACKET_DAMAGED, 0, 0, "", 0},
	{"UDP shorter than its header", LINK_RAW,
	 IP4("001f", "0000", "11") UDP("0007") "616263", PACKET_DAMAGED, 0, 0, "", 0},
	{"UDP over IPv4 of length 0", LINK_RAW,
	 IP4("001f", "0000", "11") UDP("0000") "616263", PACKET_DAMAGED, 0, 0, "", 0},
	{"UDP over IPv6 of length 0: to the end", LINK_RAW,
	 IP6("000b", "11") UDP("0000") "616263", PACKET_UDP, 0, 0, "abc", 3},
	{"a jumbogram", LINK_RAW,
	 IP6("0000", "00") "1100 c204 00000013 " UDP("0000") "616263", PACKET_UDP, 0, 0,
	 "abc", 3},
	{"UDP cut by the snapshot length", LINK_RAW,
	 IP4("0050", "0000", "11") UDP("003c") "616263", PACKET_UDP, 0, 0, "abc", 52},
	{"UDP cut, and IP without a length", LINK_RAW,
	 IP4("0000", "0000", "11") UDP("003c") "616263", PACKET_UDP, 0, 0, "abc", 52},
};

/* The frame in a block of exactly its size; malloc'd. */
static struct span frame_of(const char *hex)
{
	struct text digits = {0};
	size_t len = 0;
	uint8_t *block;

	for (; *hex; hex++) {
		if (*hex != ' ') {
			text_byte(&digits, *hex);
		}
	}
	block = malloc(digits.len / 2);
	if (digits.len > 0) {
		assert_int_equal(parse_hex(text_cstr(&digits), block, digits.len / 2,
					   &len, NULL),
				 0);
	}
	text_done(&digits);
	return span_of(block, len);
}

static void span_free(struct span span)
{
	free((void *)(uintptr_t)span.data);
}

static bool lies_within(struct span part, struct span whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.len <= whole.len &&
		(size_t)(part.data - whole.data) <= whole.len - part.len);
}

/* What holds of every view of a frame. */
static void assert_consistent(const struct packet_view *view, struct span frame)
{
	assert_true(view->link.len <= PACKET_LINK_MAX);
	assert_true(view->link.len + view->network.len <= frame.len);
	assert_true(lies_within(view->link, frame));
	assert_true(lies_within(view->network, frame));
	assert_true(lies_within(view->payload, view->network));
	assert_true(view->payload.len <= view->payload_len);
	if (view->kind == PACKET_OTHER || view->kind == PACKET_DAMAGED) {
		assert_int_equal(view->payload_len, 0);
	} else {
		assert_true(view->from.len_bytes == 4 || view->from.len_bytes == 16);
		assert_int_equal(view->from.len_bytes, view->to.len_bytes);
	}
}

static void frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct span frame = frame_of(row->frame);
		struct packet_view view;

		memset(&view, 0xee, sizeof(view));
		packet_view_read(row->link, frame, &view);
		if (view.kind != row->kind) {
			fail_msg("%s: kind %d, not %d", row->name, view.kind, row->kind);
		}
		assert_consistent(&view, frame);
		if (view.link.len != row->link_len || view.ethertype != row->ethertype) {
			fail_msg("%s: link of %zu, type %#x", row->name, view.link.len,
				 view.ethertype);
		}
		if (view.payload_len != row->payload_len ||
		    view.payload.len > view.payload_len ||
		    (view.payload.len > 0 &&
		     memcmp(view.payload.data, row->payload, view.payload.len) != 0)) {
			fail_msg("%s: payload of %zu, %zu sent", row->name,
				 view.payload.len, view.payload_len);
		}
		if (view.kind == PACKET_TCP || view.kind == PACKET_UDP) {
			assert_int_equal(view.payload.len, strlen(row->payload));
			assert_int_equal(view.from_port, 5000);
			assert_int_equal(view.to_port, 80);
			assert_int_equal(view.from.bytes[view.from.len_bytes - 1], 1);
			assert_int_equal(view.to.bytes[view.to.len_bytes - 1], 2);
		}
		if (view.kind == PACKET_TCP) {
			assert_int_equal(view.tcp.seq, 0x01020304);
			assert_int_equal(view.tcp.ack, 0x05060708);
			assert_int_equal(view.tcp.flags, PACKET_ACK | PACKET_PSH);
			assert_int_equal(view.tcp.window, 0x1234);
			assert_int_equal(view.tcp.mss, 0);
		}
		span_free(frame);
	}
}

/* Cut at any length, a frame is damaged, of no interest, or the same packet with less of
 * its payload. */
static void every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct span whole = frame_of(row->frame);
		struct packet_view full;

		packet_view_read(row->link, whole, &full);
		for (size_t len = 0; len < whole.len; len++) {
			uint8_t *block = malloc(len);
			struct packet_view view;

			memcpy(block, whole.data, len);
			packet_view_read(row->link, span_of(block, len), &view);
			assert_consistent(&view, span_of(block, len));
			if (view.kind != PACKET_DAMAGED && view.kind != PACKET_OTHER) {
				assert_int_equal(view.kind, full.kind);
				assert_int_equal(view.from_port, full.from_port);
				assert_memory_equal(&view.to, &full.to, sizeof(full.to));
				assert_true(view.payload.len <= full.payload.len);
				assert_true(view.payload_len <= full.payload_len);
			}
			free(block);
		}
		span_free(whole);
	}
}

/* With IP's length field right, what was sent is known however much of it is cut. */
static void a_cut_payload_keeps_its_length(void **state)
{
	struct span whole = frame_of(ETHER4 TCP4);

	(void)state;
	for (size_t len = 0; len <= whole.len; len++) {
		struct packet_view view;

		packet_view_read(LINK_ETHERNET, span_sub(whole, 0, len), &view);
		assert_int_equal(view.kind, len < 54 ? PACKET_DAMAGED : PACKET_TCP);
		if (len >= 54) {
			assert_int_equal(view.payload_len, 3);
			assert_int_equal(view.payload.len, len - 54);
		}
	}
	span_free(whole);
}

static void tcp_options(void **state)
{
	static const struct {
		const char *name, *options;
		uint16_t mss;
	} rows[] = {
		{"only MSS", "020405b4", 1460},
		{"behind no-operations", "01010101 020405b4", 1460},
		{"behind another option", "0303 07 01 020405b4", 1460},
		{"behind the end", "00000000 020405b4", 0},
		{"of a wrong length", "020305b4 00000000", 0},
		{"past the header", "01010204", 0},
		{"its length past the header", "01010102", 0},
		{"behind an option of length 0", "0800 0000 020405b4", 0},
		{"behind an option of length 1", "0801 0000 020405b4", 0},
		{"behind an option past the header", "080b 0000 020405b4", 0},
		{"none", "0402 0101", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span options = frame_of(rows[i].options);
		uint8_t *packet = malloc(40 + options.len);
		struct span head = frame_of(IP4("0000", "0000", "06") TCP);
		struct packet_view view;

		memcpy(packet, head.data, head.len);
		memcpy(packet + 40, options.data, options.len);
		packet[32] = (uint8_t)((20 + options.len) / 4 << 4);
		packet_view_read(LINK_RAW, span_of(packet, 40 + options.len), &view);
		assert_int_equal(view.kind, PACKET_TCP);
		if (view.tcp.mss != rows[i].mss) {
			fail_msg("%s: %u", rows[i].name, view.tcp.mss);
		}
		assert_int_equal(view.payload_len, 0);
		span_free(head);
		span_free(options);
		free(packet);
	}
}

static void fragment_fields(void **state)
{
	static const struct {
		const char *frame;
		uint32_t id, offset;
		uint8_t protocol;
		bool more;
	} rows[] = {
		{IP4("001c", "2000", "06") "0000000000000000", 0xabcd, 0, 6, true},
		{IP4("001c", "3fff", "11") "0000000000000000", 0xabcd, 65528, 17, true},
		{IP4("001c", "0001", "01") "0000000000000000", 0xabcd, 8, 1, false},
		{IP6("000b", "2c") "3c00 0001 89abcdef 616263", 0x89abcdef, 0, 60, true},
		{IP6("000b", "2c") "1100 fff8 89abcdef 616263", 0x89abcdef, 65528, 17,
		 false},
		{IP6("000b", "2c") "11ff 000f 00000000 616263", 0, 8, 17, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span frame = frame_of(rows[i].frame);
		struct packet_view view;

		packet_view_read(LINK_RAW, frame, &view);
		assert_int_equal(view.kind, PACKET_FRAGMENT);
		assert_int_equal(view.fragment.id, rows[i].id);
		assert_int_equal(view.fragment.offset, rows[i].offset);
		assert_int_equal(view.fragment.protocol, rows[i].protocol);
		assert_int_equal(view.fragment.more, rows[i].more);
		assert_int_equal(view.from.bytes[view.from.len_bytes - 1], 1);
		assert_int_equal(view.to.bytes[view.to.len_bytes - 1], 2);
		span_free(frame);
	}
}

static void reassembled(void **state)
{
	static const struct {
		const char *name, *fragment, *segment;
		enum packet_kind kind;
	} rows[] = {
		{"TCP", IP4("0014", "0001", "06"), TCP "616263", PACKET_TCP},
		{"UDP", IP4("0014", "0001", "11"), UDP("000b") "616263", PACKET_UDP},
		{"UDP too long", IP4("0014", "0001", "11"), UDP("000c") "616263",
		 PACKET_DAMAGED},
		{"ICMP", IP4("0014", "0001", "01"), UDP("000b") "616263", PACKET_OTHER},
		{"TCP over IPv6", IP6("0008", "2c") "06000010 00000001", TCP "616263",
		 PACKET_TCP},
		{"behind an extension header", IP6("0008", "2c") "3c000010 00000001",
		 "1100 000000000000" UDP("000b") "616263", PACKET_UDP},
		{"cut within the header", IP4("0014", "0001", "06"), PORTS,
		 PACKET_DAMAGED},
		{"a fragment of a fragment", IP6("0008", "2c") "2c000010 00000001",
		 "11000010 00000001" UDP("000b") "616263", PACKET_DAMAGED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span frame = frame_of(rows[i].fragment);
		struct span segment = frame_of(rows[i].segment);
		struct packet_view view;

		packet_view_read(LINK_RAW, frame, &view);
		assert_int_equal(view.kind, PACKET_FRAGMENT);
		packet_view_reassembled(&view, segment);
		if (view.kind != rows[i].kind) {
			fail_msg("%s: kind %d", rows[i].name, view.kind);
		}
		if (view.kind == PACKET_TCP || view.kind == PACKET_UDP) {
			assert_true(lies_within(view.payload, segment));
			assert_int_equal(view.payload.len, 3);
			assert_int_equal(view.payload_len, 3);
			assert_memory_equal(view.payload.data, "abc", 3);
			assert_int_equal(view.from_port, 5000);
		} else {
			assert_int_equal(view.payload_len, 0);
		}
		span_free(segment);
		span_free(frame);
	}
}

/* What codec/packet.c makes is read back. */
static void own_packets(void **state)
{
	static const char *const ADDRS[][2] = {{"10.0.0.1", "10.0.0.2"}, {"::1", "::2"}};
	static const struct packet_tcp SYN = {.seq = 0xffffffff,
					      .ack = 7,
					      .flags = PACKET_SYN,
					      .window = 65535,
					      .mss = 1460,
					      .window_scale = 7};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct packet_path path = {.from_port = 1, .to_port = 65535};
		uint8_t out[PACKET_ETHER_BYTES + PACKET_HEADERS_MAX + 2];
		struct packet_view view;
		size_t len;

		assert_int_equal(ipaddr_parse(ADDRS[i][0], &path.from, NULL), 0);
		assert_int_equal(ipaddr_parse(ADDRS[i][1], &path.to, NULL), 0);
		len = packet_ether(out, (const uint8_t *)"\2\0\0\0\0\1",
				   (const uint8_t *)"\2\0\0\0\0\2", &path.from);
		len += packet_tcp(out + len, &path, &SYN, span_str("hi"));
		packet_view_read(LINK_ETHERNET, span_of(out, len), &view);
		assert_int_equal(view.kind, PACKET_TCP);
		assert_int_equal(view.tcp.mss, 1460);
		assert_int_equal(view.tcp.seq, SYN.seq);
		assert_int_equal(view.tcp.flags, PACKET_SYN);
		assert_true(span_is(view.payload, "hi"));
		assert_memory_equal(&view.from, &path.from, sizeof(path.from));
		assert_int_equal(view.to_port, 65535);
		len = packet_udp(out, &path, span_str("hi"));
		packet_view_read(LINK_RAW, span_of(out, len), &view);
		assert_int_equal(view.kind, PACKET_UDP);
		assert_true(span_is(view.payload, "hi"));
	}
}

static void link_types(void **state)
{
	static const struct {
		int dlt;
		enum link_type link;
	} rows[] = {
		{0, LINK_LOOPBACK}, {1, LINK_ETHERNET},	  {12, LINK_RAW},
		{101, LINK_RAW},    {108, LINK_LOOPBACK}, {113, LINK_SLL},
		{228, LINK_RAW},    {229, LINK_RAW},	  {276, LINK_SLL2},
	};
	static const int UNKNOWN[] = {-1, 2, 9, 105, 127, 147, 65535};
	enum link_type link;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(link_type_find(rows[i].dlt, &link));
		assert_int_equal(link, rows[i].link);
	}
	for (size_t i = 0; i < sizeof(UNKNOWN) / sizeof(UNKNOWN[0]); i++) {
		assert_false(link_type_find(UNKNOWN[i], &link));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(every_length),
		cmocka_unit_test(a_cut_payload_keeps_its_length),
		cmocka_unit_test(tcp_options),
		cmocka_unit_test(fragment_fields),
		cmocka_unit_test(reassembled),
		cmocka_unit_test(own_packets),
		cmocka_unit_test(link_types),
	};

	return cmocka_run_group_tests_name("packetview", tests, NULL, NULL);
}
