/* Faces, call by call: what is asked of one, and the packets that make of it a
 * conversation without a flaw. (Checksums and addresses: test_capture.c.)
 *
 * Calls are words too: H handshake, S syn, D5 five bytes, A ack, F fin, R reset, X reset
 * from both; capital letters from the opener (1), small ones from the acceptor (2).
 * Packets read as their sender, letters for TCP flags, and the payload's length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "io/traceread.h"
#include "plane/face.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define S_NS INT64_C(1000000000)

enum { LINK_OPENER = 18, LINK_ACCEPTOR = FACE_LINK_MAX };

static char path[] = "/tmp/test_face.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct face face_of(struct face_writer *writer)
{
	struct face face = {.writer = writer};

	assert_int_equal(ipaddr_parse("10.0.0.1", &face.path.from, NULL), 0);
	assert_int_equal(ipaddr_parse("10.0.0.2", &face.path.to, NULL), 0);
	face.path.from_port = 1;
	face.path.to_port = 2;
	face.ends[FACE_OPENER].link_len = LINK_OPENER;
	face.ends[FACE_ACCEPTOR].link_len = LINK_ACCEPTOR;
	memset(face.ends[FACE_OPENER].link, 'o', LINK_OPENER);
	memset(face.ends[FACE_ACCEPTOR].link, 'a', LINK_ACCEPTOR);
	face.ends[FACE_OPENER].next_seq = UINT32_MAX - 2; /* wraps soon */
	face.ends[FACE_ACCEPTOR].next_seq = 7000;
	return face;
}

static void call(struct face *face, const char **at, int64_t now_ns)
{
	static const uint8_t zeros[1 << 20];
	char what = *(*at)++;
	enum face_peer from = isupper((unsigned char)what) ? FACE_OPENER : FACE_ACCEPTOR;

	switch (toupper((unsigned char)what)) {
	case 'H':
		face_handshake(face, now_ns);
		break;
	case 'S':
		face_syn(face, from, now_ns);
		break;
	case 'D':
		face_send(face, from,
			  span_of(zeros, strtoul(*at, (char **)(uintptr_t)at, 10)),
			  now_ns);
		break;
	case 'A':
		face_ack(face, from, now_ns);
		break;
	case 'F':
		face_fin(face, from, now_ns);
		break;
	case 'R':
	case 'X':
		face_reset(face, from, what == 'X' || what == 'x', now_ns);
		break;
	default:
		assert_int_equal(what, ' ');
	}
}

/* --- reading --- */

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

struct reading {
	struct text words;

	uint32_t next_seq[NUM_FACE_PEER];
};

static void read_packet(struct reading *reading, struct span frame)
{
	static const char LETTERS[] = "FSRPA";
	static const char ORDER[] = "FSRAP";
	enum face_peer from = frame.data[0] == 'o' ? FACE_OPENER : FACE_ACCEPTOR;
	enum face_peer to = face_peer_other(from);
	const uint8_t *ip =
		frame.data + (from == FACE_OPENER ? LINK_OPENER : LINK_ACCEPTOR);
	const uint8_t *tcp = ip + 20;
	const uint8_t *payload = tcp + (size_t)(tcp[12] >> 4) * 4;
	size_t len = (size_t)(frame.data + frame.len - payload);
	unsigned flags = tcp[13];

	for (const uint8_t *link = frame.data; link < ip; link++) {
		assert_int_equal(*link, from == FACE_OPENER ? 'o' : 'a');
	}
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(tcp[1], from == FACE_OPENER ? 1 : 2);
	assert_int_equal(be32(tcp + 4), reading->next_seq[from]);
	assert_int_equal(be32(tcp + 8), flags & PACKET_ACK ? reading->next_seq[to] : 0);
	reading->next_seq[from] +=
		(uint32_t)len + ((flags & (PACKET_SYN | PACKET_FIN)) != 0);
	text_u64(&reading->words, from == FACE_OPENER ? 1 : 2);
	for (const char *letter = ORDER; *letter; letter++) {
		if (flags & 1u << (strchr(LETTERS, *letter) - LETTERS)) {
			text_byte(&reading->words, *letter);
		}
	}
	if (len) {
		text_u64(&reading->words, len);
	}
	text_byte(&reading->words, ' ');
}

static void assert_words(const char *wanted, uint32_t opener_seq, uint32_t acceptor_seq)
{
	struct reading reading = {.next_seq = {opener_seq, acceptor_seq}};
	struct traceread *trace;
	struct trace_packet packet;

	assert_int_equal(traceread_open(path, &trace, NULL), 0);
	while (traceread_next(trace, &packet, NULL) == 1) {
		assert_int_equal(packet.wire_len, packet.bytes.len);
		assert_in_range(packet.at_ns, S_NS, S_NS + 99);
		read_packet(&reading, packet.bytes);
	}
	assert_null(traceread_broken(trace));
	traceread_close(trace);
	assert_string_equal(text_cstr(&reading.words), wanted);
	text_done(&reading.words);
}

/* --- tests --- */

#define OPENING "1S 2SA 1A "
#define SIXTEEN_OF_10                              \
	"1A10 1A10 1A10 1A10 1A10 1A10 1A10 1A10 " \
	"1A10 1A10 1A10 1A10 1A10 1A10 1A10 1A10 "

struct face_row {
	const char *name, *calls, *wanted;
	bool midstream;
	unsigned ack_every;
	uint32_t segment_max;	/* the opener's */
	bool acceptor_has_none; /* its reset has number 0 */
};

static const struct face_row ROWS[] = {
	{.name = "the handshake, all at once, and once",
	 .calls = "HHSsA",
	 .wanted = OPENING},
	{.name = "the handshake step by step", .calls = "SsA", .wanted = OPENING},
	{.name = "a step is done once", .calls = "SSssAA", .wanted = OPENING},
	{.name = "the acceptor's step needs the opener's",
	 .calls = "s",
	 .wanted = "1S 2SA "},
	{.name = "an acknowledgement needs a SYN", .calls = "AaSa", .wanted = "1S "},
	{.name = "bytes of the opener do the handshake first",
	 .calls = "D5",
	 .wanted = OPENING "1AP5 "},
	{.name = "bytes of the acceptor as well",
	 .calls = "d5",
	 .wanted = OPENING "2AP5 "},
	{.name = "bytes do the rest of it", .calls = "Sd5", .wanted = OPENING "2AP5 "},
	{.name = "the third step only", .calls = "SsD5", .wanted = OPENING "1AP5 "},
	{.name = "an end does the handshake first",
	 .calls = "f",
	 .wanted = OPENING "2FA "},
	{.name = "nothing is no packet", .calls = "HD0d0", .wanted = OPENING},

	{.name = "only what is new is acknowledged",
	 .calls = "HAaD5aaAd3Aa",
	 .wanted = OPENING "1AP5 2A 2AP3 1A "},
	{.name = "what travels back acknowledges",
	 .calls = "HD5d3aA",
	 .wanted = OPENING "1AP5 2AP3 1A "},
	{.name = "nothing is acknowledged without being told",
	 .calls = "HD1D1D1D1",
	 .wanted = OPENING "1AP1 1AP1 1AP1 1AP1 "},
	{.name = "every second one",
	 .calls = "HD1D1D1D1D1d1D1",
	 .wanted = OPENING "1AP1 1AP1 2A 1AP1 1AP1 2A 1AP1 2AP1 1AP1 ",
	 .ack_every = 2},
	{.name = "every one",
	 .calls = "HD1d1",
	 .wanted = OPENING "1AP1 2A 2AP1 1A ",
	 .ack_every = 1},
	{.name = "at least every 64th",
	 .calls = "HD650",
	 .wanted = OPENING SIXTEEN_OF_10 SIXTEEN_OF_10 SIXTEEN_OF_10 SIXTEEN_OF_10
	 "2A 1AP10 ",
	 .segment_max = 10},

	{.name = "segments are as long as the opener's were",
	 .calls = "HD25d25",
	 .wanted = OPENING "1A10 1A10 1AP5 2AP25 ",
	 .segment_max = 10},
	{.name = "segments fit IP",
	 .calls = "HD65001",
	 .wanted = OPENING "1A65000 1AP1 ",
	 .segment_max = 200000},

	{.name = "an end is acknowledged when told",
	 .calls = "HFaafAA",
	 .wanted = OPENING "1FA 2A 2FA 1A "},
	{.name = "an end answers an end",
	 .calls = "HFfA",
	 .wanted = OPENING "1FA 2FA 1A "},
	{.name = "an end is acknowledged at once",
	 .calls = "HFf",
	 .wanted = OPENING "1FA 2A 2FA 1A ",
	 .ack_every = 2},
	{.name = "the other half stays open",
	 .calls = "HFd5af",
	 .wanted = OPENING "1FA 2AP5 2FA "},
	{.name = "nothing is sent behind an end",
	 .calls = "HFFD5",
	 .wanted = OPENING "1FA "},

	{.name = "a reset by the opener",
	 .calls = "HD1RrD1d1F",
	 .wanted = OPENING "1AP1 1RA "},
	{.name = "a reset by the acceptor",
	 .calls = "HD1rR",
	 .wanted = OPENING "1AP1 2RA "},
	{.name = "a reset from both", .calls = "HD1X", .wanted = OPENING "1AP1 1RA 2RA "},
	{.name = "a reset from both, the acceptor first",
	 .calls = "Hx",
	 .wanted = OPENING "2RA 1RA "},
	{.name = "a reset behind both ends",
	 .calls = "HFfAR",
	 .wanted = OPENING "1FA 2FA 1A 1RA "},
	{.name = "a reset between SYN and SYN+ACK", .calls = "SR", .wanted = "1S 1R "},
	{.name = "a reset in place of the third step",
	 .calls = "SsR",
	 .wanted = "1S 2SA 1RA "},
	{.name = "a refused connection",
	 .calls = "Sr",
	 .wanted = "1S 2RA ",
	 .acceptor_has_none = true},
	{.name = "a refused connection, from both",
	 .calls = "Sx",
	 .wanted = "1S 2RA 1R ",
	 .acceptor_has_none = true},
	{.name = "nothing to reset", .calls = "RHD1", .wanted = ""},

	{.name = "midstream there is no handshake",
	 .calls = "HSsAaD5ad5A",
	 .wanted = "1AP5 2A 2AP5 1A ",
	 .midstream = true},
	{.name = "midstream, the acceptor first",
	 .calls = "d5A",
	 .wanted = "2AP5 1A ",
	 .midstream = true},
	{.name = "midstream, an end",
	 .calls = "FafA",
	 .wanted = "1FA 2A 2FA 1A ",
	 .midstream = true},
	{.name = "midstream, a reset", .calls = "r", .wanted = "2RA ", .midstream = true},
};

static void streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct face_row *row = &ROWS[i];
		struct face_writer writer = {
			.trace = trace_create(path, TRACE_ETHERNET, NULL),
			.start_ns = S_NS,
		};
		struct face face = face_of(&writer);
		int64_t now_ns = 0;

		print_message("# %s\n", row->name);
		face.midstream = row->midstream;
		face.ack_every = row->ack_every;
		face.ends[FACE_OPENER].segment_max = row->segment_max;
		face_send(&face, FACE_OPENER, span_str("x"), 0); /* not open yet */
		face_open(&face);
		for (const char *at = row->calls; *at;) {
			call(&face, &at, now_ns++);
		}
		assert_int_equal(trace_close(writer.trace, &writer.why), 0);
		assert_words(row->wanted, UINT32_MAX - 2,
			     row->acceptor_has_none ? 0 : 7000);
	}
}

static void datagrams_have_no_connection(void **state)
{
	struct face_writer writer = {.trace = trace_create(path, TRACE_ETHERNET, NULL)};
	struct face face = face_of(&writer);
	struct traceread *trace;
	struct trace_packet packet;
	size_t num = 0;

	(void)state;
	face.datagrams = true;
	face_open(&face);
	for (const char *at = "HSsD5AaD0d65507d65508Ff"; *at;) {
		call(&face, &at, 0);
	}
	face_reset(&face, FACE_OPENER, true, 0);
	face_send(&face, FACE_OPENER, span_str("last"), 0);
	assert_int_equal(trace_close(writer.trace, &writer.why), 0);
	assert_int_equal(traceread_open(path, &trace, NULL), 0);
	while (traceread_next(trace, &packet, NULL) == 1) {
		static const size_t lens[] = {
			LINK_OPENER + 28 + 5,
			LINK_OPENER + 28,
			LINK_ACCEPTOR + 28 + 65507,
			LINK_OPENER + 28 + 4,
		};

		assert_true(num < 4);
		assert_int_equal(packet.bytes.len, lens[num++]);
	}
	assert_int_equal(num, 4);
	traceread_close(trace);
}

/* Options of a SYN: what a peer takes is what the other sends. */
static void a_syn_announces_the_longest_segment(void **state)
{
	struct face_writer writer = {.trace = trace_create(path, TRACE_ETHERNET, NULL)};
	struct face face = face_of(&writer);
	struct traceread *trace;
	struct trace_packet packet;

	(void)state;
	face.ends[FACE_OPENER].segment_max = 1460;
	face.ends[FACE_ACCEPTOR].segment_max = 0x0203;
	face_open(&face);
	face_handshake(&face, 0);
	assert_int_equal(trace_close(writer.trace, &writer.why), 0);
	assert_int_equal(traceread_open(path, &trace, NULL), 0);
	assert_int_equal(traceread_next(trace, &packet, NULL), 1);
	assert_int_equal(be32(packet.bytes.data + LINK_OPENER + 40), 0x02040203);
	assert_int_equal(traceread_next(trace, &packet, NULL), 1);
	assert_int_equal(be32(packet.bytes.data + LINK_ACCEPTOR + 40), 0x020405b4);
	traceread_close(trace);
}

static void times_may_be_anything(void **state)
{
	struct face_writer writer = {
		.trace = trace_create(path, TRACE_ETHERNET, NULL),
		.start_ns = TRACEREAD_AT_MAX_NS,
	};
	struct traceread *trace;
	struct trace_packet packet;

	(void)state;
	face_writer_put(&writer, span_str("x"), INT64_MAX);
	assert_int_equal(trace_close(writer.trace, &writer.why), 0);
	assert_int_equal(traceread_open(path, &trace, NULL), 0);
	assert_int_equal(traceread_next(trace, &packet, NULL), 1);
	assert_int_equal(packet.at_ns, TRACE_AT_MAX_NS);
	traceread_close(trace);
}

static void the_first_error_is_kept(void **state)
{
	struct face_writer writer = {
		.trace = trace_create("/dev/full", TRACE_ETHERNET, NULL)};
	struct face face = face_of(&writer);
	struct span megabyte = span_of(calloc(1, 1 << 20), 1 << 20);

	(void)state;
	face_open(&face);
	for (int i = 0; i < 4; i++) {
		face_send(&face, FACE_OPENER, megabyte, i);
	}
	assert_int_equal(writer.why.code, ERR_SYSTEM);
	assert_non_null(strstr(writer.why.text, "/dev/full"));
	assert_int_equal(trace_close(writer.trace, NULL), ERR_SYSTEM);
	free((void *)(uintptr_t)megabyte.data);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(datagrams_have_no_connection),
		cmocka_unit_test(a_syn_announces_the_longest_segment),
		cmocka_unit_test(times_may_be_anything),
		cmocka_unit_test(the_first_error_is_kept),
	};

	return cmocka_run_group_tests_name("face", tests, make_file, remove_file);
}
