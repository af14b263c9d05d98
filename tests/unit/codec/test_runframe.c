/* Run frames: what is written reads the same, and nothing that is not exactly so reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/runframe.h"

#include <stdlib.h>

#define WORD_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct ipaddr V4_A = {.bytes = {10, 0, 0, 1}, .len_bytes = 4};
static const struct ipaddr V4_B = {.bytes = {10, 0, 0, 2}, .len_bytes = 4};
static const struct ipaddr V6_A = {.bytes = {[15] = 1}, .len_bytes = 16};
static const struct ipaddr V6_B = {
	.bytes = {0x20, 1, 0xd, 0xb8, [15] = 2},
	.len_bytes = 16,
};

static struct runframe path(enum runframe_kind kind, uint64_t flow, struct ipaddr from,
			    uint16_t from_port, struct ipaddr to, uint16_t to_port)
{
	return (struct runframe){
		.kind = kind,
		.flow = flow,
		.from = from,
		.from_port = from_port,
		.to = to,
		.to_port = to_port,
	};
}

static struct runframe word(enum runframe_kind kind, uint64_t flow, const char *text)
{
	struct runframe frame = {.kind = kind, .flow = flow};

	strcpy(frame.word, text);
	return frame;
}

static struct runframe opened(enum transport transport, const char *proxy)
{
	struct runframe frame = path(RUNFRAME_OPEN, 7, V4_A, 50001, V4_B, 6380);

	frame.transport = transport;
	strcpy(frame.word, proxy);
	return frame;
}

static struct runframe piece(uint32_t at, uint32_t of, const char *bytes)
{
	return (struct runframe){
		.kind = RUNFRAME_HEADER,
		.piece = at,
		.pieces = of,
		.bytes = span_str(bytes),
	};
}

static void assert_same(const struct runframe *a, const struct runframe *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->flow, b->flow);
	assert_int_equal(a->piece, b->piece);
	assert_int_equal(a->pieces, b->pieces);
	assert_true(span_eq(a->bytes, b->bytes));
	assert_int_equal(a->transport, b->transport);
	assert_string_equal(a->word, b->word);
	assert_memory_equal(&a->from, &b->from, sizeof(a->from));
	assert_memory_equal(&a->to, &b->to, sizeof(a->to));
	assert_int_equal(a->from_port, b->from_port);
	assert_int_equal(a->to_port, b->to_port);
}

static void what_is_written_reads_the_same(void **state)
{
	const struct {
		struct runframe frame;
		const char *wanted;
	} ROWS[] = {
		{piece(0, 1, "{\"abi\":1}\n"), "turncoat/1 header 0 1\n{\"abi\":1}\n"},
		{piece(4294967294, UINT32_MAX, ""),
		 "turncoat/1 header 4294967294 4294967295\n"},
		{opened(TRANSPORT_TCP, "cache"),
		 "turncoat/1 open 7 tcp cache 10.0.0.1 50001 10.0.0.2 6380\n"},
		{opened(TRANSPORT_UDP, "a"),
		 "turncoat/1 open 7 udp a 10.0.0.1 50001 10.0.0.2 6380\n"},
		{opened(TRANSPORT_UNIX, WORD_64),
		 "turncoat/1 open 7 unix " WORD_64 " 10.0.0.1 50001 10.0.0.2 6380\n"},
		{path(RUNFRAME_CONNECTED, 0, V6_A, 0, V6_B, UINT16_MAX),
		 "turncoat/1 connected 0 ::1 0 2001:db8::2 65535\n"},
		{{.kind = RUNFRAME_GONE, .flow = UINT64_MAX},
		 "turncoat/1 gone 18446744073709551615\n"},
		{word(RUNFRAME_CLOSE, 12, "rule-reset"),
		 "turncoat/1 close 12 rule-reset\n"},
		{word(RUNFRAME_CLOSE, 12, "!~"), "turncoat/1 close 12 !~\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct text text = {0};
		struct runframe again;

		runframe_write(&text, &ROWS[i].frame);
		assert_string_equal(text_cstr(&text), ROWS[i].wanted);
		assert_true(runframe_read(span_of(text.data, text.len), &again));
		assert_same(&again, &ROWS[i].frame);
		text_done(&text);
	}
}

static void padding_is_no_part_of_it(void **state)
{
	uint8_t payload[46] = "turncoat/1 gone 5\n";
	struct runframe frame;

	(void)state;
	assert_true(runframe_read(span_of(payload, sizeof(payload)), &frame));
	assert_int_equal(frame.flow, 5);
	payload[45] = 1;
	assert_false(runframe_read(span_of(payload, sizeof(payload)), &frame));
}

static void a_piece_has_its_limit(void **state)
{
	struct runframe frame = piece(1, 2, ""), again;
	uint8_t *bytes = malloc(RUNFRAME_PIECE_MAX);
	struct text text = {0};

	(void)state;
	memset(bytes, '\n', RUNFRAME_PIECE_MAX);
	frame.bytes = span_of(bytes, RUNFRAME_PIECE_MAX);
	runframe_write(&text, &frame);
	assert_true(runframe_read(span_of(text.data, text.len), &again));
	assert_same(&again, &frame);
	text_byte(&text, 'x');
	assert_false(runframe_read(span_of(text.data, text.len), &again));
	text_done(&text);
	free(bytes);
}

static void nothing_else_reads(void **state)
{
	static const char *const ROWS[] = {
		"",
		"\n",
		"turncoat/1 ",
		"turncoat/1 \n",
		"turncoat/2 gone 5\n",
		"turncoat/1  gone 5\n",
		"Turncoat/1 gone 5\n",
		" turncoat/1 gone 5\n",
		"turncoat/1 gone 5",
		"turncoat/1 gone\n",
		"turncoat/1 gone \n",
		"turncoat/1 gone 5 \n",
		"turncoat/1 gone 5 6\n",
		"turncoat/1 gone  5\n",
		"turncoat/1 gone 05\n",
		"turncoat/1 gone +5\n",
		"turncoat/1 gone -5\n",
		"turncoat/1 gone 5x\n",
		"turncoat/1 gone 18446744073709551616\n",
		"turncoat/1 gone 99999999999999999999999\n",
		"turncoat/1 gone 5\ngone 6\n",
		"turncoat/1 went 5\n",
		"turncoat/1 close 5\n",
		"turncoat/1 close 5 a b\n",
		"turncoat/1 close 5 a\tb\n",
		"turncoat/1 close 5 a\x7f\n",
		"turncoat/1 close 5 \xc3\xa4\n",
		"turncoat/1 close 5 " WORD_64 "x\n",
		"turncoat/1 header 0 0\n",
		"turncoat/1 header 1 1\n",
		"turncoat/1 header 0\n",
		"turncoat/1 header 0 4294967296\n",
		"turncoat/1 connected 0 10.0.0.1 1 10.0.0.2 65536\n",
		"turncoat/1 connected 0 10.0.0.1 1 10.0.0.256 2\n",
		"turncoat/1 connected 0 10.0.0.1 1 ::1 2\n",
		"turncoat/1 connected 0 10.0.0.1 1 10.0.0.2\n",
		"turncoat/1 connected 0 " WORD_64 " 1 10.0.0.2 2\n",
		"turncoat/1 open 7 sctp a 10.0.0.1 1 10.0.0.2 2\n",
		"turncoat/1 open 7 tcp 10.0.0.1 1 10.0.0.2 2\n",
		"turncoat/1 open 7 tcp a 10.0.0.1 1 10.0.0.2 2 3\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct runframe frame;

		if (runframe_read(span_str(ROWS[i]), &frame)) {
			fail_msg("'%s' reads", ROWS[i]);
		}
	}
}

/* Every byte of a line counts, and none beyond the end is looked at (sanitizers). */
static void a_frame_that_is_cut(void **state)
{
	static const char LINE[] =
		"turncoat/1 open 7 tcp cache 10.0.0.1 50001 10.0.0.2 6380\n";

	(void)state;
	for (size_t len = 0; len < sizeof(LINE) - 1; len++) {
		uint8_t *bytes = malloc(len);
		struct runframe frame;

		memcpy(bytes, LINE, len);
		assert_false(runframe_read(span_of(bytes, len), &frame));
		free(bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(padding_is_no_part_of_it),
		cmocka_unit_test(a_piece_has_its_limit),
		cmocka_unit_test(nothing_else_reads),
		cmocka_unit_test(a_frame_that_is_cut),
	};

	return cmocka_run_group_tests_name("runframe", tests, NULL, NULL);
}
