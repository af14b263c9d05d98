/* Units cut outside the engine: the same ones however the bytes came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/unitcut.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
	const char *name, *framer, *stream;
	/* "length:class …" of each unit, the remainder behind a '|'. */
	const char *wanted;
};

static const struct row ROWS[] = {
	{"nothing", "line", "", "|"},
	{"lines", "line", "GET a\nSET b\n", "6:GET 6:SET |"},
	{"half a line at the end", "line", "GET a\nSE", "6:GET |2:partial "},
	{"a whole cell", "raw cell=4", "abcd", "4:raw |"},
	{"cells and a rest", "raw cell=4", "abcdefghij", "4:raw 4:raw |2:raw "},
	{"a cell of one byte", "raw cell=1", "abc", "1:raw 1:raw 1:raw |"},
	{"exactly the framer's max", "line max=4", "abc\nxyz\n", "4:abc 4:xyz |"},
	{"above max: cells from there on", "line max=4", "abc\nabcd\nx\n",
	 "4:abc |7:raw "},
	{"lengths", "length at=0 size=1", "\2ab\1c\5de",
	 "3:message 2:message |3:partial "},
};

static void note_unit(void *ctx, struct span unit, struct span class)
{
	text_format(ctx, "%zu:%.*s ", unit.len, (int)class.len, (const char *)class.data);
}

enum segments { WHOLE, BYTES, RANDOM, NUM_SEGMENTS };

/* Deterministic: a failure names row and seed. */
static size_t next_segment(enum segments how, uint32_t *seed, size_t left)
{
	switch (how) {
	case WHOLE:
	case NUM_SEGMENTS:
		return left;
	case BYTES:
		return 1;
	case RANDOM:
		*seed = *seed * 1103515245 + 12345;
		break;
	}
	return 1 + (*seed >> 16) % (left < 7 ? left : 7);
}

static void cut_stream(struct unitcut *cut, struct span stream, enum segments how,
		       uint32_t seed, struct text *out)
{
	for (size_t at = 0, n; at < stream.len; at += n) {
		n = next_segment(how, &seed, stream.len - at);
		unitcut_feed(cut, span_sub(stream, at, n), note_unit, out);
	}
	text_byte(out, '|');
	unitcut_end(cut, note_unit, out);
}

static void units_are_the_same_in_any_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct framer framer;
		struct err err;

		if (framer_parse(&framer, ROWS[i].framer, &arena, &err) < 0) {
			fail_msg("%s: %s", ROWS[i].name, err.text);
		}
		for (uint32_t seed = 0; seed < 20; seed++) {
			enum segments how = seed == 0	? WHOLE
					    : seed == 1 ? BYTES
							: RANDOM;
			struct text got = {0};
			struct unitcut cut;

			unitcut_init(&cut, &framer, false);
			cut_stream(&cut, span_str(ROWS[i].stream), how, seed, &got);
			if (strcmp(text_cstr(&got), ROWS[i].wanted) != 0) {
				fail_msg("%s, seed %u: %s", ROWS[i].name, (unsigned)seed,
					 text_cstr(&got));
			}
			unitcut_done(&cut);
			text_done(&got);
		}
		framer_release(&framer);
		arena_done(&arena);
	}
}

static void a_stream_that_is_no_protocol_is_cut_into_default_cells(void **state)
{
	static uint8_t stream[10000];

	(void)state;
	for (uint32_t seed = 0; seed < 3; seed++) {
		struct arena arena = {0};
		struct framer framer;
		struct unitcut cut;
		struct text got = {0};
		struct err err;

		memset(stream, 'x', sizeof(stream));
		memcpy(stream, "a b\n", 4);
		assert_int_equal(framer_parse(&framer, "line max=100", &arena, &err), 0);
		unitcut_init(&cut, &framer, false);
		cut_stream(&cut, span_of(stream, sizeof(stream)), (enum segments)seed,
			   seed, &got);
		assert_string_equal(text_cstr(&got), "4:a 4096:raw 4096:raw |1804:raw ");
		assert_true(cut.raw);
		unitcut_done(&cut);
		text_done(&got);
		framer_release(&framer);
		arena_done(&arena);
	}
}

static void every_datagram_is_a_unit(void **state)
{
	static const char *const FRAMERS[] = {"raw cell=4", "line"};
	static const char *const WANTED[] = {"0:raw 10:raw 1:raw |",
					     "0:line 10:line 1:line |"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct arena arena = {0};
		struct framer framer;
		struct unitcut cut;
		struct text got = {0};
		struct err err;

		assert_int_equal(framer_parse(&framer, FRAMERS[i], &arena, &err), 0);
		unitcut_init(&cut, &framer, true);
		unitcut_feed(&cut, span_str(""), note_unit, &got);
		unitcut_feed(&cut, span_str("1:3\n567890"), note_unit, &got);
		unitcut_feed(&cut, span_str("+"), note_unit, &got);
		text_byte(&got, '|');
		unitcut_end(&cut, note_unit, &got);
		assert_string_equal(text_cstr(&got), WANTED[i]);
		unitcut_done(&cut);
		text_done(&got);
		framer_release(&framer);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_are_the_same_in_any_segments),
		cmocka_unit_test(a_stream_that_is_no_protocol_is_cut_into_default_cells),
		cmocka_unit_test(every_datagram_is_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
