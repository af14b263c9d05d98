/* TCP segments in any order come out as the stream that was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "codec/reassembly.h"

#include <stdlib.h>

/* What was told: bytes as they are, a gap as [LEN], the end as $. */
static void record_bytes(void *ctx, struct span bytes)
{
	assert_true(bytes.len > 0);
	text_bytes(ctx, bytes.data, bytes.len);
}

static void record_gap(void *ctx, uint64_t len)
{
	assert_true(len > 0);
	text_format(ctx, "[%ju]", (uintmax_t)len);
}

static void ignore_bytes(void *ctx, struct span bytes)
{
	(void)ctx;
	(void)bytes;
}

static void record_fin(void *ctx)
{
	text_byte(ctx, '$');
}

static const struct reassembly_ops RECORD = {record_bytes, record_gap, record_fin};

/* The payload lies flush against the end of its block. */
static void give(struct reassembly *r, uint32_t seq, struct span payload, size_t wire_len,
		 bool fin)
{
	uint8_t *block = malloc(payload.len);

	if (payload.len > 0) {
		memcpy(block, payload.data, payload.len);
	}
	reassembly_segment(r, seq, span_of(block, payload.len), wire_len, fin);
	free(block);
}

struct row {
	const char *name;
	/* Steps: sN SYN; aN acknowledged; f flush; N:TEXT a segment, behind whose text
	 * may stand +N, bytes cut off, and $, FIN. */
	const char *steps;
	const char *told;
	struct reassembly_stats stats;
};

static const struct row ROWS[] = {
	{"nothing", "f", "", {0}},
	{"in order", "s99 100:abc 103:def$ f", "abcdef$", {.segments = 2}},
	{"begun in the middle", "100:abc 103:def", "abcdef", {.segments = 2}},
	{"begun by a FIN alone", "100:$", "$", {.segments = 1}},
	{"what came before the middle is no part",
	 "100:abc 97:xyz",
	 "abc",
	 {.segments = 2, .retransmitted_bytes = 3}},
	{"no bytes, no beginning", "99: a100 100:abc", "abc", {.segments = 1}},
	{"a SYN again", "s99 s99 100:a s99 101:b", "ab", {.segments = 2}},
	{"a SYN of another stream",
	 "s99 100:a s500 101:b",
	 "ab",
	 {.segments = 2, .ignored = 1}},
	{"out of order",
	 "s99 106:ghi 103:def 100:abc",
	 "abcdefghi",
	 {.segments = 3, .out_of_order = 2}},
	{"FIN before the bytes",
	 "s99 103:$ 100:abc",
	 "abc$",
	 {.segments = 2, .out_of_order = 1}},
	{"FIN again",
	 "s99 100:abc$ 103:$ 100:abc$",
	 "abc$",
	 {.segments = 3, .retransmitted_bytes = 3}},
	{"FIN with bytes that came before",
	 "s99 100:abc 100:abc$",
	 "abc$",
	 {.segments = 2, .retransmitted_bytes = 3}},
	{"retransmitted in part, the rest is new",
	 "s99 100:abc 101:bcde",
	 "abcde",
	 {.segments = 2, .retransmitted_bytes = 2}},
	{"a keep-alive's byte",
	 "s99 100:abc 102:x 103:def",
	 "abcdef",
	 {.segments = 3, .retransmitted_bytes = 1}},
	{"a waiting segment again",
	 "s99 103:def 103:def 100:abc",
	 "abcdef",
	 {.segments = 3, .out_of_order = 2, .retransmitted_bytes = 3}},
	{"waiting bytes stay as they came first",
	 "s99 103:def 103:dXX 100:abc",
	 "abcdef",
	 {.segments = 3,
	  .out_of_order = 2,
	  .retransmitted_bytes = 3,
	  .conflicting_bytes = 2}},
	{"a segment that goes on behind a waiting one",
	 "s99 102:c 102:Xdef 100:ab",
	 "abcdef",
	 {.segments = 3,
	  .out_of_order = 2,
	  .retransmitted_bytes = 1,
	  .conflicting_bytes = 1}},
	{"a segment that begins in front of a waiting one",
	 "s99 104:ef 102:cdX 100:ab",
	 "abcdef",
	 {.segments = 3,
	  .out_of_order = 2,
	  .retransmitted_bytes = 1,
	  .conflicting_bytes = 1}},
	{"a segment around waiting ones",
	 "s99 103:d 105:f 102:cXeYg 100:ab",
	 "abcdefg",
	 {.segments = 4,
	  .out_of_order = 3,
	  .retransmitted_bytes = 2,
	  .conflicting_bytes = 2}},
	{"a segment between waiting ones, into both",
	 "s99 101:bcd 105:fgh 103:defg 100:a",
	 "abcdefgh",
	 {.segments = 4, .out_of_order = 3, .retransmitted_bytes = 3}},
	{"a segment within a waiting one",
	 "s99 101:bcdef 102:cd 100:a",
	 "abcdef",
	 {.segments = 3, .out_of_order = 2, .retransmitted_bytes = 2}},
	{"in order over waiting ones",
	 "s99 101:b 103:d 100:aXcYe",
	 "abcde",
	 {.segments = 3,
	  .out_of_order = 2,
	  .retransmitted_bytes = 2,
	  .conflicting_bytes = 2}},
	{"in order into a waiting one",
	 "s99 102:cdef 100:abcX",
	 "abcdef",
	 {.segments = 2,
	  .out_of_order = 1,
	  .retransmitted_bytes = 2,
	  .conflicting_bytes = 1}},
	{"told bytes are not known any more",
	 "s99 100:abc 100:XYZ",
	 "abc",
	 {.segments = 2, .retransmitted_bytes = 3}},
	{"a hole stays while it may be filled",
	 "s99 103:def",
	 "",
	 {.segments = 1, .out_of_order = 1}},
	{"a hole that was acknowledged",
	 "s99 103:def a106 106:g",
	 "[3]defg",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"acknowledged up to a hole",
	 "s99 100:abc 106:ghi a103",
	 "abc",
	 {.segments = 2, .out_of_order = 1}},
	{"acknowledged within a hole",
	 "s99 106:ghi a103 103:def",
	 "[3]defghi",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"acknowledged within a waiting segment",
	 "s99 103:def 109:j a104",
	 "[3]def",
	 {.segments = 2, .out_of_order = 2, .gaps = 1, .gap_bytes = 3}},
	{"several holes acknowledged",
	 "s99 102:c 104:e a106",
	 "[2]c[1]e",
	 {.segments = 2, .out_of_order = 2, .gaps = 2, .gap_bytes = 3}},
	{"all of it lost but acknowledged",
	 "s99 a110 f",
	 "[10]",
	 {.gaps = 1, .gap_bytes = 10}},
	{"acknowledged before it came",
	 "s99 a106 100:abc 103:def",
	 "abcdef",
	 {.segments = 2}},
	{"acknowledged before it came, with its FIN",
	 "s99 a104 100:abc$",
	 "abc$",
	 {.segments = 1}},
	{"each acknowledged before it came",
	 "s99 100:a a103 101:bc a106 103:def a109 106:ghi",
	 "abcdefghi",
	 {.segments = 4}},
	{"acknowledged, then bytes behind the hole",
	 "s99 a103 103:def",
	 "[3]def",
	 {.segments = 1, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"acknowledged, then bytes behind the hole, which comes too late",
	 "s99 a106 103:def 100:abc",
	 "[3]def",
	 {.segments = 2,
	  .out_of_order = 1,
	  .retransmitted_bytes = 3,
	  .gaps = 1,
	  .gap_bytes = 3}},
	{"acknowledged in part, then bytes behind the hole",
	 "s99 a102 105:f 102:cde",
	 "[2]cdef",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 2}},
	{"acknowledged, then the FIN behind the hole",
	 "s99 a104 103:$",
	 "[3]$",
	 {.segments = 1, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"acknowledged past what waits: the rest may come",
	 "s99 103:d a107 104:ef",
	 "[3]def",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"an old acknowledgement", "s99 100:abc a101 103:d", "abcd", {.segments = 2}},
	{"a byte more than was sent may be a FIN",
	 "s99 100:abc a104 f",
	 "abc",
	 {.segments = 1}},
	{"the FIN's acknowledgement before it",
	 "s99 100:abc a104 103:$",
	 "abc$",
	 {.segments = 2}},
	{"it was a byte: more bytes show",
	 "s99 100:abc a104 104:e a105",
	 "abc[1]e",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 1}},
	{"it was a byte: an acknowledgement shows",
	 "s99 100:abc a104 a106 f",
	 "abc[3]",
	 {.segments = 1, .gaps = 1, .gap_bytes = 3}},
	{"a FIN acknowledged, the bytes in front lost",
	 "s99 103:$ a104",
	 "[3]$",
	 {.segments = 1, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"acknowledged past the FIN",
	 "s99 103:$ a105 100:abc",
	 "abc$",
	 {.segments = 2, .out_of_order = 1}},
	{"holes at the end",
	 "s99 103:d 105:$ f",
	 "[3]d[1]$",
	 {.segments = 2, .out_of_order = 2, .gaps = 2, .gap_bytes = 4}},
	{"flushed twice",
	 "s99 103:d f f",
	 "[3]d",
	 {.segments = 1, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut by the snapshot length",
	 "s99 100:ab+3 105:f a106",
	 "ab[3]f",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut at the end",
	 "s99 100:ab+3$ f",
	 "ab[3]$",
	 {.segments = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut at the end, no FIN",
	 "s99 100:ab+3 f",
	 "ab[3]",
	 {.segments = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut at the end and acknowledged: it has come",
	 "s99 100:ab+3 a105",
	 "ab[3]",
	 {.segments = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut to nothing",
	 "100:+3 103:d a104",
	 "[3]d",
	 {.segments = 2, .out_of_order = 1, .gaps = 1, .gap_bytes = 3}},
	{"cut, but retransmitted in whole",
	 "s99 100:ab+3 100:abcde 105:f",
	 "abcdef",
	 {.segments = 3, .retransmitted_bytes = 2}},
	{"bytes behind the FIN",
	 "s99 100:abc$ 103:xyz",
	 "abc$",
	 {.segments = 2, .ignored = 1}},
	{"bytes across the FIN",
	 "s99 103:$ 100:abcXY",
	 "abc$",
	 {.segments = 2, .out_of_order = 1}},
	{"waiting bytes behind the FIN",
	 "s99 105:xyz 101:bcd+9 103:$ 100:abc f",
	 "abc$",
	 {.segments = 4, .out_of_order = 3, .retransmitted_bytes = 2}},
	{"a second FIN elsewhere",
	 "s99 103:$ 105:$ 100:abc",
	 "abc$",
	 {.segments = 3, .out_of_order = 1, .ignored = 2}},
	{"a FIN within what was told",
	 "s99 100:abc 100:a$ 103:d",
	 "abcd",
	 {.segments = 3, .retransmitted_bytes = 1, .ignored = 1}},
};

/* Runs the row's steps; `base` is added to every sequence number. */
static void play(const struct row *row, uint32_t base, struct reassembly *r)
{
	const char *p = row->steps;

	while (*p) {
		char what = *p;
		uint32_t seq;
		size_t len, cut = 0;
		const char *payload;
		char *end;

		p += what == 's' || what == 'a' || what == 'f';
		seq = base + (uint32_t)strtoul(p, &end, 10);
		p = end;
		if (what == 's') {
			reassembly_syn(r, seq);
		} else if (what == 'a') {
			reassembly_acked(r, seq);
		} else if (what == 'f') {
			reassembly_flush(r);
		} else {
			assert_int_equal(*p, ':');
			payload = ++p;
			p += len = strcspn(p, " +$");
			if (*p == '+') {
				cut = strtoul(p + 1, &end, 10);
				p = end;
			}
			give(r, seq, span_of(payload, len), len + cut, *p == '$');
			p += *p == '$';
		}
		assert_true(*p == ' ' || *p == '\0');
		p += *p == ' ';
	}
}

static void assert_stats(const char *name, const struct reassembly_stats *got,
			 const struct reassembly_stats *wanted)
{
	if (memcmp(got, wanted, sizeof(*got)) != 0) {
		fail_msg("%s: segments %ju, out of order %ju, retransmitted %ju, "
			 "conflicting %ju, gaps %ju, of bytes %ju, ignored %ju",
			 name, (uintmax_t)got->segments, (uintmax_t)got->out_of_order,
			 (uintmax_t)got->retransmitted_bytes,
			 (uintmax_t)got->conflicting_bytes, (uintmax_t)got->gaps,
			 (uintmax_t)got->gap_bytes, (uintmax_t)got->ignored);
	}
}

/* Every row also where the sequence numbers wrap, at each of its bytes. */
static void sequences(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		for (uint32_t base = UINT32_MAX - 112; base != 1; base++) {
			struct reassembly_stats stats = {0};
			struct text told = {0};
			struct reassembly r;

			reassembly_init(&r, &RECORD, &told, &stats);
			play(&ROWS[i], base, &r);
			if (strcmp(text_cstr(&told), ROWS[i].told) != 0) {
				fail_msg("%s: told %s", ROWS[i].name, text_cstr(&told));
			}
			assert_stats(ROWS[i].name, &stats, &ROWS[i].stats);
			reassembly_done(&r);
			assert_int_equal(r.num_waiting, 0);
			assert_int_equal(r.held_bytes, 0);
			text_done(&told);
		}
	}
}

static void how_far_ahead(void **state)
{
	static const struct {
		const char *name;
		int64_t at; /* from next_seq */
		bool ignored;
	} rows[] = {
		{"as far ahead as may be", REASSEMBLY_AHEAD_MAX, false},
		{"farther", (int64_t)REASSEMBLY_AHEAD_MAX + 1, true},
		{"as far back as may be", -(int64_t)REASSEMBLY_AHEAD_MAX, false},
		{"farther back", -(int64_t)REASSEMBLY_AHEAD_MAX - 1, true},
		{"half the numbers away", INT64_C(1) << 31, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reassembly_stats stats = {0};
		struct text told = {0};
		struct reassembly r;

		reassembly_init(&r, &RECORD, &told, &stats);
		reassembly_syn(&r, 6);
		give(&r, 7 + (uint32_t)rows[i].at, span_str("x"), 1, false);
		if (stats.ignored != rows[i].ignored) {
			fail_msg("%s", rows[i].name);
		}
		assert_int_equal(r.num_waiting, !rows[i].ignored && rows[i].at > 0);
		reassembly_done(&r);

		/* The same of an acknowledgement, which counts nowhere. */
		reassembly_init(&r, &RECORD, &told, &stats);
		reassembly_syn(&r, 6);
		reassembly_acked(&r, 7 + (uint32_t)rows[i].at);
		assert_int_equal(stats.gap_bytes, !rows[i].ignored && rows[i].at > 0
							  ? REASSEMBLY_AHEAD_MAX
							  : 0);
		reassembly_done(&r);
		text_done(&told);
	}
}

/* With nothing behind it: bytes that are yet to come, or lost. */
static void how_far_an_acknowledgement_is_early(void **state)
{
	static const struct {
		const char *name;
		uint32_t ahead;
		bool lost;
	} rows[] = {
		{"as early as may be", REASSEMBLY_EARLY_MAX, false},
		{"earlier", REASSEMBLY_EARLY_MAX + 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reassembly_stats stats = {0};
		struct text told = {0};
		struct reassembly r;

		reassembly_init(&r, &RECORD, &told, &stats);
		reassembly_syn(&r, 6);
		reassembly_acked(&r, 7 + rows[i].ahead);
		give(&r, 7, span_str("abc"), 3, false);
		if (stats.gap_bytes != (rows[i].lost ? rows[i].ahead : 0)) {
			fail_msg("%s", rows[i].name);
		}
		assert_int_equal(stats.retransmitted_bytes, rows[i].lost ? 3 : 0);
		reassembly_done(&r);
		text_done(&told);
	}
}

/* Half of all sequence numbers later an old acknowledgement would seem to be ahead. */
static void an_acknowledgement_gets_no_younger(void **state)
{
	enum { EACH = 16 << 20 };
	uint8_t *zeros = calloc(1, EACH);
	static const struct reassembly_ops OPS = {ignore_bytes, record_gap, record_fin};
	struct reassembly_stats stats = {0};
	struct text told = {0};
	struct reassembly r;
	uint32_t seq = 1;

	(void)state;
	reassembly_init(&r, &OPS, &told, &stats);
	reassembly_syn(&r, 0);
	reassembly_acked(&r, 1);
	for (uint64_t sent = 0; sent < (UINT64_C(5) << 29); sent += EACH, seq += EACH) {
		reassembly_segment(&r, seq, span_of(zeros, EACH), EACH, false);
		assert_int_equal(r.next_seq, seq + EACH);
	}
	/* Nor is what follows it acknowledged. */
	give(&r, seq + 1, span_str("b"), 1, false);
	assert_int_equal(stats.gaps, 0);
	reassembly_done(&r);
	text_done(&told);
	free(zeros);
}

static void an_absurd_length_is_ignored(void **state)
{
	struct reassembly_stats stats = {0};
	struct text told = {0};
	struct reassembly r;

	(void)state;
	reassembly_init(&r, &RECORD, &told, &stats);
	reassembly_syn(&r, 0);
	give(&r, 1, span_str("a"), (size_t)REASSEMBLY_AHEAD_MAX + 1, true);
	assert_int_equal(stats.ignored, 1);
	give(&r, 1, span_str("a"), REASSEMBLY_AHEAD_MAX, true);
	assert_int_equal(stats.ignored, 1);
	reassembly_flush(&r);
	assert_string_equal(text_cstr(&told), "a[67108863]$");
	reassembly_done(&r);
	text_done(&told);
}

static void too_many_segments_wait(void **state)
{
	struct reassembly_stats stats = {0};
	struct text told = {0};
	struct reassembly r;
	uint32_t seq = 2;

	(void)state;
	reassembly_init(&r, &RECORD, &told, &stats);
	reassembly_syn(&r, 0);
	for (size_t i = 0; i < REASSEMBLY_SEGMENTS_MAX; i++, seq += 2) {
		give(&r, seq, span_str("a"), 1, false);
	}
	assert_int_equal(r.num_waiting, REASSEMBLY_SEGMENTS_MAX);
	assert_int_equal(told.len, 0);
	/* What waits already takes no more room. */
	give(&r, 4, span_str("a"), 1, false);
	assert_int_equal(told.len, 0);
	give(&r, seq, span_str("b"), 1, false);
	assert_string_equal(text_cstr(&told), "[1]a");
	assert_int_equal(r.num_waiting, REASSEMBLY_SEGMENTS_MAX);
	/* One in the first hole goes before all. */
	give(&r, 3, span_str("c"), 1, false);
	assert_string_equal(text_cstr(&told), "[1]aca");
	reassembly_done(&r);
	text_done(&told);
}

static void too_many_bytes_wait(void **state)
{
	enum { EACH = 65536 };
	uint8_t *zeros = calloc(1, EACH);
	struct reassembly_stats stats = {0};
	struct text told = {0};
	struct reassembly r;
	uint32_t seq = 0xffff0000;

	(void)state;
	reassembly_init(&r, &RECORD, &told, &stats);
	reassembly_syn(&r, seq - 3);
	for (size_t i = 0; i < REASSEMBLY_HELD_MAX / EACH; i++, seq += EACH) {
		give(&r, seq, span_of(zeros, EACH), EACH, false);
	}
	assert_int_equal(r.held_bytes, REASSEMBLY_HELD_MAX);
	assert_int_equal(stats.gaps, 0);
	give(&r, seq, span_str("a"), 1, false);
	assert_int_equal(stats.gap_bytes, 2);
	assert_int_equal(told.len, 3 + REASSEMBLY_HELD_MAX + 1);
	assert_int_equal(r.held_bytes, 0);
	reassembly_done(&r);
	text_done(&told);
	free(zeros);
}

/* A segment longer than may wait at all. */
static void a_giant_segment_goes_on_at_once(void **state)
{
	size_t len = (size_t)REASSEMBLY_HELD_MAX + 1;
	uint8_t *zeros = calloc(1, len);
	struct reassembly_stats stats = {0};
	struct text told = {0};
	struct reassembly r;

	(void)state;
	reassembly_init(&r, &RECORD, &told, &stats);
	reassembly_syn(&r, 0);
	give(&r, 11, span_str("a"), 1, false);
	give(&r, 5, span_of(zeros, len), len, false);
	assert_int_equal(stats.gaps, 1);
	assert_int_equal(stats.gap_bytes, 4);
	assert_int_equal(told.len, 3 + len);
	assert_int_equal(told.data[3 + 6], 'a');
	assert_int_equal(r.num_waiting, 0);
	reassembly_done(&r);
	text_done(&told);
	free(zeros);
}

/* A stream that its consumer ends while it is told. */
struct ending {
	struct reassembly r;
	struct text told;
	bool at_gap;
};

static void end_at_bytes(void *ctx, struct span bytes)
{
	struct ending *ending = ctx;

	record_bytes(&ending->told, bytes);
	if (!ending->at_gap) {
		reassembly_done(&ending->r);
	}
}

static void end_at_gap(void *ctx, uint64_t len)
{
	struct ending *ending = ctx;

	record_gap(&ending->told, len);
	if (ending->at_gap) {
		reassembly_done(&ending->r);
	}
}

static void end_at_fin(void *ctx)
{
	struct ending *ending = ctx;

	record_fin(&ending->told);
}

static void done_within_an_op(void **state)
{
	static const struct reassembly_ops OPS = {end_at_bytes, end_at_gap, end_at_fin};
	static const struct {
		const char *steps, *told;
		bool at_gap;
	} rows[] = {
		{"s99 101:b 103:d 105:$ 100:a 102:ce 105:f f a110", "a", false},
		{"s99 101:b 103:d 100:abcde$", "a", false},
		{"s99 101:b 103:d a107 f", "[1]", true},
		{"s99 101:b 103:d a107 f", "[1]b", false},
		{"s99 101:b 103:d 105:$ f", "[1]b", false},
		{"s99 a104 101:b 103:d f", "[1]", true},
		{"s99 a104 101:b 103:d f", "[1]b", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = {.steps = rows[i].steps};
		struct ending ending = {.at_gap = rows[i].at_gap};
		struct reassembly_stats stats = {0};

		reassembly_init(&ending.r, &OPS, &ending, &stats);
		play(&row, 0, &ending.r);
		assert_string_equal(text_cstr(&ending.told), rows[i].told);
		reassembly_done(&ending.r);
		text_done(&ending.told);
	}
}

/* Random streams: what was sent, what of it the capture lost, what was told so far. */
enum { STREAM_MAX = 20000, PIECES_MAX = 2000 };

struct stream {
	uint64_t random;
	size_t len;
	uint8_t bytes[STREAM_MAX];
	bool lost[STREAM_MAX];
	bool given[STREAM_MAX]; /* by the capture, or lost */
	size_t told;
	bool fin;
	struct {
		size_t at, len;
	} pieces[PIECES_MAX];
	size_t num_pieces;
};

/* xorshift64 */
static size_t below(struct stream *s, size_t bound)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (size_t)(s->random % bound);
}

static void check_bytes(void *ctx, struct span bytes)
{
	struct stream *s = ctx;

	assert_true(bytes.len <= s->len - s->told);
	assert_memory_equal(bytes.data, s->bytes + s->told, bytes.len);
	for (size_t i = 0; i < bytes.len; i++) {
		assert_false(s->lost[s->told++]);
	}
}

static void check_gap(void *ctx, uint64_t len)
{
	struct stream *s = ctx;

	assert_true(len <= s->len - s->told);
	for (size_t i = 0; i < len; i++) {
		assert_true(s->lost[s->told++]);
	}
}

static void check_fin(void *ctx)
{
	struct stream *s = ctx;

	assert_int_equal(s->told, s->len);
	assert_false(s->fin);
	s->fin = true;
}

static void stream_make(struct stream *s, uint64_t seed)
{
	size_t loss = 2 + seed % 60, longest = 1 + seed * 7 % 400;

	memset(s, 0, sizeof(*s));
	s->random = seed * 0x9e3779b97f4a7c15 + 1;
	while (s->num_pieces < PIECES_MAX && s->len + longest <= STREAM_MAX) {
		size_t len = 1 + below(s, longest);
		bool lost = below(s, loss) == 0;
		/* Sometimes the snapshot length cuts the end. */
		size_t cut = below(s, loss) == 1 ? below(s, len + 1) : 0;

		for (size_t i = 0; i < len; i++, s->len++) {
			s->bytes[s->len] = (uint8_t)below(s, 256);
			s->lost[s->len] = lost || i >= len - cut;
		}
		s->pieces[s->num_pieces].at = s->len - len;
		s->pieces[s->num_pieces++].len = len;
	}
	for (size_t i = 0, window = 1 + seed % 40; i < s->num_pieces; i++) {
		size_t j = i + below(s, window);

		if (j < s->num_pieces) {
			size_t at = s->pieces[i].at, len = s->pieces[i].len;

			s->pieces[i] = s->pieces[j];
			s->pieces[j].at = at;
			s->pieces[j].len = len;
		}
	}
}

/* Bytes of the stream as a segment that the first lost one cuts. */
static void stream_give(struct stream *s, struct reassembly *r, uint32_t first_seq,
			size_t at, size_t len)
{
	size_t there = 0;

	while (there < len && !s->lost[at + there]) {
		there++;
	}
	memset(s->given + at, true, len);
	/* Of a lost one there is nothing in the trace, not even its length. */
	if (there > 0) {
		give(r, first_seq + (uint32_t)at, span_of(s->bytes + at, there), len,
		     at + len == s->len && below(s, 2) == 0);
	}
}

/* Returns how many acknowledgements came before their data. */
static size_t stream_run(struct stream *s, struct reassembly *r, uint32_t first_seq)
{
	size_t acked = 0, early = 0;

	for (size_t i = 0; i < s->num_pieces; i++) {
		stream_give(s, r, first_seq, s->pieces[i].at, s->pieces[i].len);
		if (below(s, 4) == 0) {
			/* Around it, again, up to the first lost byte. */
			size_t back = below(s, 500), len = 1 + below(s, 700);
			size_t at = s->pieces[i].at;

			at -= back < at ? back : at;
			for (size_t j = 0; j < len; j++) {
				if (at + j == s->len || s->lost[at + j]) {
					len = j;
				}
			}
			stream_give(s, r, first_seq, at, len);
		}
		while (acked < s->len && s->given[acked]) {
			acked++;
		}
		/* Some are there before what they acknowledge: the next piece. */
		if (below(s, 3) == 0) {
			reassembly_acked(r, first_seq + (uint32_t)acked);
		} else if (r->seen_seq == first_seq + (uint32_t)acked &&
			   i + 1 < s->num_pieces && s->pieces[i + 1].at == acked) {
			early++;
			reassembly_acked(r, first_seq + (uint32_t)(acked +
								   s->pieces[i + 1].len));
		}
		assert_true(r->held_bytes <= s->len);
		assert_true((r->held_bytes == 0) == (r->num_waiting == 0));
	}
	give(r, first_seq + (uint32_t)s->len, (struct span){0}, 0, true);
	return early;
}

static void random_streams(void **state)
{
	static const struct reassembly_ops OPS = {check_bytes, check_gap, check_fin};
	struct stream *s = malloc(sizeof(*s));
	uint64_t gaps = 0, out_of_order = 0, early = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct reassembly_stats stats = {0};
		struct reassembly r;
		uint32_t first_seq;

		stream_make(s, seed);
		/* Half of them wrap. */
		first_seq = (uint32_t)s->random;
		if (seed % 2) {
			first_seq = 0 - (uint32_t)below(s, s->len);
		}
		reassembly_init(&r, &OPS, s, &stats);
		reassembly_syn(&r, first_seq - 1);
		early += stream_run(s, &r, first_seq);
		reassembly_flush(&r);
		assert_true(s->fin);
		assert_int_equal(stats.ignored, 0);
		assert_int_equal(stats.conflicting_bytes, 0);
		assert_int_equal(r.num_waiting, 0);
		gaps += stats.gaps;
		out_of_order += stats.out_of_order;
		reassembly_done(&r);
	}
	assert_true(gaps > 1000);
	assert_true(out_of_order > 1000);
	assert_true(early > 1000);
	free(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(how_far_ahead),
		cmocka_unit_test(how_far_an_acknowledgement_is_early),
		cmocka_unit_test(an_acknowledgement_gets_no_younger),
		cmocka_unit_test(an_absurd_length_is_ignored),
		cmocka_unit_test(too_many_segments_wait),
		cmocka_unit_test(too_many_bytes_wait),
		cmocka_unit_test(a_giant_segment_goes_on_at_once),
		cmocka_unit_test(done_within_an_op),
		cmocka_unit_test(random_streams),
	};

	return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
