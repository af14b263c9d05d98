/* IP fragments in any order come out as the packet that was sent, or as they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/fragments.h"

#include <stdlib.h>

enum { UDP = 17 };

/* What tells packets apart. */
struct packet {
	bool ipv6;
	uint8_t from, to; /* last bytes of the addresses */
	uint8_t protocol;
	uint32_t id;
};

static const struct packet PACKET = {.from = 1, .to = 2, .protocol = UDP, .id = 7};

static void put_be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A raw frame; malloc'd to its size. The length fields may be wrong as the parts need. */
static struct span frame_of(const struct packet *packet, size_t offset, bool more,
			    struct span part)
{
	size_t head = packet->ipv6 ? 48 : 20;
	uint8_t *frame = calloc(1, head + part.len);

	if (packet->ipv6) {
		frame[0] = 0x60;
		put_be16(frame + 4, 8 + part.len);
		frame[6] = 44;
		frame[23] = packet->from;
		frame[39] = packet->to;
		frame[40] = packet->protocol;
		put_be16(frame + 42, offset | more);
		put_be16(frame + 44, packet->id >> 16);
		put_be16(frame + 46, packet->id);
	} else {
		frame[0] = 0x45;
		put_be16(frame + 2, 20 + part.len);
		put_be16(frame + 4, packet->id);
		put_be16(frame + 6, offset / 8 | (more ? 0x2000 : 0));
		frame[9] = packet->protocol;
		frame[15] = packet->from;
		frame[19] = packet->to;
	}
	if (part.len > 0) {
		memcpy(frame + head, part.data, part.len);
	}
	return span_of(frame, head + part.len);
}

static enum fragment_result add(struct fragments *fragments, const struct packet *packet,
				size_t offset, bool more, struct span part, int64_t at_ns,
				struct fragment_packet *out)
{
	struct span frame = frame_of(packet, offset, more, part);
	struct packet_view view;
	enum fragment_result result;

	packet_view_read(LINK_RAW, frame, &view);
	assert_int_equal(view.kind, PACKET_FRAGMENT);
	result = fragments_add(fragments, &view, frame, (uint32_t)frame.len + 4, at_ns,
			       out);
	free((void *)(uintptr_t)frame.data);
	return result;
}

static void sequences(void **state)
{
	static const struct {
		const char *name;
		const char *steps;   /* OFFSET:PART, + for more */
		const char *results; /* of each: Kept, Whole, Bad */
		const char *segment;
	} rows[] = {
		{"in order", "0:abcdefgh+ 8:ijklmnop+ 16:q", "KKW", "abcdefghijklmnopq"},
		{"backwards", "16:q 8:ijklmnop+ 0:abcdefgh+", "KKW", "abcdefghijklmnopq"},
		{"the middle last", "16:q 0:abcdefgh+ 8:ijklmnop+", "KKW",
		 "abcdefghijklmnopq"},
		{"one again", "0:abcdefgh+ 0:abcdefgh+ 8:i", "KKW", "abcdefghi"},
		{"the last again", "8:i 8:i 0:abcdefgh+", "KKW", "abcdefghi"},
		{"the first bytes stay", "8:ABCDEFGH+ 0:abcdefghijklmnop+ 16:q", "KKW",
		 "abcdefghABCDEFGHq"},
		{"the first bytes stay, behind", "0:abcdefghijklmnop+ 8:ABCDEFGHI", "KW",
		 "abcdefghijklmnopI"},
		{"the first bytes stay, within",
		 "8:ABCDEFGH+ 0:abcdefghijklmnopqrstuvwx+ 24:y", "KKW",
		 "abcdefghABCDEFGHqrstuvwxy"},
		{"parts that are no multiple of 8", "0:abcdefghi+ 8:i", "BK", ""},
		{"an empty part", "0:+ 8: 0:abcdefgh+ 8:i", "BBKW", "abcdefghi"},
		{"a second end", "8:i 8:ij 0:abcdefgh+", "KBW", "abcdefghi"},
		{"an end before what has come", "16:abcdefgh+ 8:i", "KB", ""},
		{"a part past the end", "8:i 16:abcdefgh+ 0:abcdefgh+", "KBW",
		 "abcdefghi"},
		{"more at the end", "8:abcdefgh 8:abcdefgh+ 0:ABCDEFGH+", "KBW",
		 "ABCDEFGHabcdefgh"},
		{"as long as may be: past it", "65528:abcdefg 65528:abcdefgh", "KB", ""},
		{"farther past it", "65528:abcdefgh+ 65528:abcdefghi", "BB", ""},
	};

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof(rows) / sizeof(rows[0])); i++) {
		struct fragments *fragments = fragments_new();
		struct packet packet = PACKET;
		const char *p = rows[i / 2].steps;
		struct fragment_packet out = {0};
		struct span segment = {0};

		packet.ipv6 = i % 2;
		for (const char *wanted = rows[i / 2].results; *wanted; wanted++) {
			char *end;
			size_t offset = strtoul(p, &end, 10), len;
			enum fragment_result result;

			p = end + 1;
			len = strcspn(p, " +");
			result = add(fragments, &packet, offset, p[len] == '+',
				     span_of(p, len), 0, &out);
			if ("KWB"[result] != *wanted) {
				fail_msg("%s: %c", rows[i / 2].name, "KWB"[result]);
			}
			segment = result == FRAGMENT_WHOLE ? out.segment : segment;
			p += len;
			p += strspn(p, "+ ");
		}
		assert_int_equal(*p, '\0');
		if (!span_is(segment, rows[i / 2].segment)) {
			fail_msg("%s: %.*s", rows[i / 2].name, (int)segment.len,
				 segment.data);
		}
		fragments_free(fragments);
	}
}

static void the_longest_packet(void **state)
{
	struct fragments *fragments = fragments_new();
	uint8_t *bytes = malloc(65535);
	struct fragment_packet out;

	(void)state;
	for (size_t i = 0; i < 65535; i++) {
		bytes[i] = (uint8_t)(i * 31 >> 3);
	}
	assert_int_equal(add(fragments, &PACKET, 65504, false, span_of(bytes + 65504, 31),
			     0, &out),
			 FRAGMENT_KEPT);
	assert_int_equal(add(fragments, &PACKET, 0, true, span_of(bytes, 65504), 0, &out),
			 FRAGMENT_WHOLE);
	assert_true(span_eq(out.segment, span_of(bytes, 65535)));
	fragments_free(fragments);
	free(bytes);
}

/* The frames of a packet are those that were handed in. */
static void frames_come_back(void **state)
{
	struct fragments *fragments = fragments_new();
	struct span second = frame_of(&PACKET, 8, false, span_str("xy"));
	struct fragment_packet out;

	(void)state;
	add(fragments, &PACKET, 0, true, span_str("abcdefgh"), 5, &out);
	add(fragments, &PACKET, 0, true, span_str("ABCDEFGH"), 4, &out);
	assert_int_equal(add(fragments, &PACKET, 8, false, span_str("xy"), 6, &out),
			 FRAGMENT_WHOLE);
	assert_true(span_is(out.segment, "abcdefghxy"));
	assert_int_equal(out.num_frames, 3);
	assert_true(span_is(span_from(out.frames[0].bytes, 20), "abcdefgh"));
	assert_true(span_is(span_from(out.frames[1].bytes, 20), "ABCDEFGH"));
	assert_true(span_eq(out.frames[2].bytes, second));
	assert_int_equal(out.frames[0].at_ns, 5);
	assert_int_equal(out.frames[1].at_ns, 4);
	assert_int_equal(out.frames[2].at_ns, 6);
	assert_int_equal(out.frames[2].wire_len, 26);
	assert_false(fragments_expire(fragments, INT64_MAX, &out));
	free((void *)(uintptr_t)second.data);
	fragments_free(fragments);
}

/* Each of these differs from PACKET in one thing. */
static void packets_are_told_apart(void **state)
{
	static const struct packet OTHERS[] = {
		{false, 3, 2, UDP, 7}, {false, 1, 3, UDP, 7},	  {false, 1, 2, 6, 7},
		{false, 1, 2, UDP, 8}, {true, 1, 2, UDP, 7},	  {false, 2, 1, UDP, 7},
		{true, 1, 2, 6, 7},    {true, 1, 2, UDP, 0x10007}};
	struct fragments *fragments = fragments_new();
	struct fragment_packet out;

	(void)state;
	add(fragments, &PACKET, 0, true, span_str("abcdefgh"), 0, &out);
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		assert_int_equal(add(fragments, &OTHERS[i], 8, false, span_str("x"), 0,
				     &out),
				 FRAGMENT_KEPT);
	}
	assert_int_equal(add(fragments, &PACKET, 8, false, span_str("x"), 0, &out),
			 FRAGMENT_WHOLE);
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		assert_int_equal(add(fragments, &OTHERS[i], 0, true, span_str("abcdefgh"),
				     0, &out),
				 FRAGMENT_WHOLE);
	}
	fragments_free(fragments);
}

static void a_cut_fragment_is_not_kept(void **state)
{
	struct fragments *fragments = fragments_new();
	struct span frame = frame_of(&PACKET, 0, true, span_str("abcdefgh"));
	struct fragment_packet out;
	struct packet_view view;

	(void)state;
	for (size_t len = 20; len <= frame.len; len++) {
		uint8_t *cut = malloc(len);

		memcpy(cut, frame.data, len);
		packet_view_read(LINK_RAW, span_of(cut, len), &view);
		assert_int_equal(view.kind, PACKET_FRAGMENT);
		assert_int_equal(fragments_add(fragments, &view, span_of(cut, len), 28, 0,
					       &out),
				 len < frame.len ? FRAGMENT_BAD : FRAGMENT_KEPT);
		free(cut);
	}
	free((void *)(uintptr_t)frame.data);
	fragments_free(fragments);
}

static void the_oldest_packet_gives_way(void **state)
{
	struct fragments *fragments = fragments_new();
	struct packet packet = PACKET;
	struct fragment_packet out;

	(void)state;
	for (packet.id = 0; packet.id < FRAGMENTS_PACKETS_MAX; packet.id++) {
		add(fragments, &packet, 0, true, span_str("abcdefgh"), 0, &out);
	}
	assert_false(fragments_expire(fragments, 0, &out));
	add(fragments, &packet, 0, true, span_str("abcdefgh"), 0, &out);
	assert_true(fragments_expire(fragments, 0, &out));
	assert_int_equal(out.segment.len, 0);
	assert_int_equal(out.num_frames, 1);
	assert_int_equal(out.frames[0].bytes.data[5], 0);
	assert_false(fragments_expire(fragments, 0, &out));
	/* The second oldest is still there. */
	packet.id = 1;
	assert_int_equal(add(fragments, &packet, 8, false, span_str("x"), 0, &out),
			 FRAGMENT_WHOLE);
	fragments_free(fragments);
}

/* Nobody asks for what gave way: it is bounded all the same. */
static void given_up_and_never_taken(void **state)
{
	struct fragments *fragments = fragments_new();
	struct packet packet = PACKET;
	struct fragment_packet out;
	size_t num = 0;

	(void)state;
	for (packet.id = 0; packet.id < 1000; packet.id++) {
		add(fragments, &packet, 0, true, span_str("abcdefgh"), 0, &out);
	}
	for (; fragments_expire(fragments, INT64_MAX, &out); num++) {
		size_t id = 1000 - 2 * FRAGMENTS_PACKETS_MAX + num;

		assert_int_equal(out.frames[0].bytes.data[4], id >> 8);
		assert_int_equal(out.frames[0].bytes.data[5], id & 0xff);
	}
	assert_int_equal(num, 2 * FRAGMENTS_PACKETS_MAX);
	fragments_free(fragments);
}

static void too_many_frames(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment_packet out;

	(void)state;
	for (size_t i = 0; i < FRAGMENTS_FRAMES_MAX; i++) {
		assert_int_equal(add(fragments, &PACKET, 16 * i, true,
				     span_str("abcdefgh"), 0, &out),
				 FRAGMENT_KEPT);
		assert_false(fragments_expire(fragments, 0, &out));
	}
	assert_int_equal(add(fragments, &PACKET, 8, true, span_str("abcdefgh"), 0, &out),
			 FRAGMENT_KEPT);
	assert_true(fragments_expire(fragments, 0, &out));
	assert_int_equal(out.num_frames, FRAGMENTS_FRAMES_MAX);
	/* The last one has begun another. */
	assert_true(fragments_expire(fragments, INT64_MAX, &out));
	assert_int_equal(out.num_frames, 1);
	assert_false(fragments_expire(fragments, INT64_MAX, &out));
	fragments_free(fragments);
}

static void as_many_frames_as_may_be(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment_packet out;

	(void)state;
	for (size_t i = FRAGMENTS_FRAMES_MAX - 1; i > 0; i--) {
		add(fragments, &PACKET, 8 * i, i != FRAGMENTS_FRAMES_MAX - 1,
		    span_str("abcdefgh"), 0, &out);
	}
	assert_int_equal(add(fragments, &PACKET, 0, true, span_str("abcdefgh"), 0, &out),
			 FRAGMENT_WHOLE);
	assert_int_equal(out.num_frames, FRAGMENTS_FRAMES_MAX);
	assert_int_equal(out.segment.len, 8 * FRAGMENTS_FRAMES_MAX);
	fragments_free(fragments);
}

static void too_many_bytes(void **state)
{
	enum { PART = FRAGMENTS_BYTES_MAX / 8 - 48 }; /* eight of them are just enough */
	struct packet packet = {true, 1, 2, UDP, 7};
	struct fragments *fragments = fragments_new();
	uint8_t *zeros = calloc(1, PART);
	struct fragment_packet out;

	(void)state;
	_Static_assert(PART % 8 == 0, "a fragment's length");
	for (size_t i = 0; i < 8; i++) {
		add(fragments, &packet, 0, true, span_of(zeros, PART), 0, &out);
		assert_false(fragments_expire(fragments, 0, &out));
	}
	add(fragments, &packet, 0, true, span_str("abcdefgh"), 0, &out);
	assert_true(fragments_expire(fragments, 0, &out));
	assert_int_equal(out.num_frames, 8);
	fragments_free(fragments);
	free(zeros);
}

static void a_giant_frame_is_not_kept(void **state)
{
	struct fragments *fragments = fragments_new();
	size_t len = (size_t)FRAGMENTS_BYTES_MAX + 1;
	struct span frame = frame_of(&PACKET, 0, true, span_str("abcdefgh"));
	uint8_t *padded = calloc(1, len);
	struct fragment_packet out;
	struct packet_view view;

	(void)state;
	memcpy(padded, frame.data, frame.len);
	packet_view_read(LINK_RAW, span_of(padded, len), &view);
	assert_int_equal(fragments_add(fragments, &view, span_of(padded, len), 0, 0,
				       &out),
			 FRAGMENT_BAD);
	assert_int_equal(fragments_add(fragments, &view, span_of(padded, len - 1), 0, 0,
				       &out),
			 FRAGMENT_KEPT);
	free((void *)(uintptr_t)frame.data);
	free(padded);
	fragments_free(fragments);
}

static void packets_wait_for_a_time(void **state)
{
	static const int64_t STARTS[] = {0, 1700000000 * INT64_C(1000000000), INT64_MIN,
					 INT64_MAX - FRAGMENTS_WAIT_NS - 1};

	(void)state;
	for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
		struct fragments *fragments = fragments_new();
		struct packet second = PACKET;
		struct fragment_packet out;
		int64_t end = STARTS[i] + FRAGMENTS_WAIT_NS;

		second.id++;
		add(fragments, &PACKET, 0, true, span_str("abcdefgh"), STARTS[i], &out);
		add(fragments, &second, 0, true, span_str("abcdefgh"), STARTS[i] + 1,
		    &out);
		/* Time that runs backwards ends nobody's wait. */
		assert_false(fragments_expire(fragments, INT64_MIN, &out));
		assert_false(fragments_expire(fragments, end, &out));
		/* The second's time has not come; the first's began with its first. */
		add(fragments, &PACKET, 8, true, span_str("abcdefgh"), end, &out);
		if (end + 1 != INT64_MAX) {
			assert_true(fragments_expire(fragments, end + 1, &out));
			assert_int_equal(out.num_frames, 2);
			assert_int_equal(out.frames[0].at_ns, STARTS[i]);
			assert_false(fragments_expire(fragments, end + 1, &out));
		} else {
			assert_true(fragments_expire(fragments, INT64_MAX, &out));
		}
		/* The end of all waiting, however young. */
		assert_true(fragments_expire(fragments, INT64_MAX, &out));
		assert_int_equal(out.frames[0].at_ns, STARTS[i] + 1);
		assert_false(fragments_expire(fragments, INT64_MAX, &out));
		fragments_free(fragments);
	}
}

/* An id that comes again is another packet's. */
static void an_old_packet_takes_no_more(void **state)
{
	struct fragments *fragments = fragments_new();
	struct fragment_packet out;

	(void)state;
	add(fragments, &PACKET, 0, true, span_str("abcdefgh"), 0, &out);
	assert_int_equal(add(fragments, &PACKET, 8, false, span_str("x"),
			     FRAGMENTS_WAIT_NS + 1, &out),
			 FRAGMENT_KEPT);
	assert_true(fragments_expire(fragments, 0, &out));
	assert_int_equal(out.num_frames, 1);
	assert_int_equal(out.frames[0].at_ns, 0);
	assert_int_equal(add(fragments, &PACKET, 0, true, span_str("ABCDEFGH"),
			     2 * FRAGMENTS_WAIT_NS, &out),
			 FRAGMENT_WHOLE);
	assert_true(span_is(out.segment, "ABCDEFGHx"));
	fragments_free(fragments);
}

static size_t below(uint64_t *random, size_t bound)
{
	*random ^= *random << 13; /* xorshift64 */
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (size_t)(*random % bound);
}

/* Several packets at a time, their parts shuffled, some overlapping: each comes out as it
 * was sent, with its last missing part. */
static void random_packets(void **state)
{
	enum { PACKETS = 5, LEN_MAX = 1500 };
	uint8_t bytes[PACKETS][LEN_MAX];

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed * 0x9e3779b97f4a7c15;
		struct fragments *fragments = fragments_new();
		bool come[PACKETS][LEN_MAX] = {{false}};
		size_t len[PACKETS], left[PACKETS], num_whole = 0;

		for (size_t i = 0; i < PACKETS; i++) {
			len[i] = left[i] = 9 + below(&random, LEN_MAX - 9);
			for (size_t j = 0; j < len[i]; j++) {
				bytes[i][j] = (uint8_t)below(&random, 256);
			}
		}
		while (num_whole < PACKETS) {
			size_t i = below(&random, PACKETS);
			struct packet packet = {seed % 2, 1, 2, UDP, (uint32_t)i};
			size_t at = below(&random, len[i]);
			size_t part = (1 + below(&random, 40)) * 8;
			struct fragment_packet out;
			enum fragment_result result;

			if (left[i] == 0) {
				continue;
			}
			/* From a missing byte on, so it takes no more than 188 frames. */
			while (come[i][at]) {
				at = (at + 1) % len[i];
			}
			at -= at % 8;
			part = part > len[i] - at ? len[i] - at : part;
			if (at == 0 && part == len[i]) {
				part = 8; /* all of it would be no fragment */
			}
			for (size_t j = at; j < at + part; j++) {
				left[i] -= !come[i][j];
				come[i][j] = true;
			}
			result = add(fragments, &packet, at, at + part < len[i],
				     span_of(bytes[i] + at, part), 0, &out);
			assert_int_equal(result,
					 left[i] ? FRAGMENT_KEPT : FRAGMENT_WHOLE);
			if (result == FRAGMENT_WHOLE) {
				num_whole++;
				assert_true(
					span_eq(out.segment, span_of(bytes[i], len[i])));
			}
		}
		fragments_free(fragments);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(the_longest_packet),
		cmocka_unit_test(frames_come_back),
		cmocka_unit_test(packets_are_told_apart),
		cmocka_unit_test(a_cut_fragment_is_not_kept),
		cmocka_unit_test(the_oldest_packet_gives_way),
		cmocka_unit_test(given_up_and_never_taken),
		cmocka_unit_test(too_many_frames),
		cmocka_unit_test(as_many_frames_as_may_be),
		cmocka_unit_test(too_many_bytes),
		cmocka_unit_test(a_giant_frame_is_not_kept),
		cmocka_unit_test(packets_wait_for_a_time),
		cmocka_unit_test(an_old_packet_takes_no_more),
		cmocka_unit_test(random_packets),
	};

	return cmocka_run_group_tests_name("fragments", tests, NULL, NULL);
}
