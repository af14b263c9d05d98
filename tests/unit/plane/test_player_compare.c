/* What a live peer says against what was recorded: every kind of difference, what is
 * waited for, and what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/unitcut.h"
#include "plane/player_compare.h"

#include <stdio.h>

enum { TURNS_MAX = 16, BYTES_MAX = 256 };

/* A dialog written as words: "C:bytes" and "S:bytes" said by client and server, "c" and
 * "s" their ends. Each word is one millisecond later than the one before. */
struct tale {
	struct arena arena;
	struct proxy proxy;
	struct script_dialog dialog;
	struct turn turns[TURNS_MAX];
	uint8_t bytes[BYTES_MAX];
};

static void tell(struct tale *tale, const char *framer, enum transport transport,
		 const char *const *words)
{
	struct script_dialog *dialog = &tale->dialog;
	struct err err;
	size_t len = 0;

	*tale = (struct tale){.proxy = {.name = "cache"}};
	tale->proxy.listen.transport = transport;
	assert_int_equal(framer_parse(&tale->proxy.framer, framer, &tale->arena, &err),
			 0);
	*dialog = (struct script_dialog){
		.proxy = &tale->proxy,
		.addrs = {.transport = transport},
		.turns = tale->turns,
		.bytes = tale->bytes,
	};
	for (size_t i = 0; words[i]; i++) {
		struct turn *turn = &tale->turns[dialog->num_turns++];
		bool client = words[i][0] == 'C' || words[i][0] == 'c';

		assert_true(dialog->num_turns <= TURNS_MAX);
		turn->side = client ? SIDE_REQUEST : SIDE_REPLY;
		turn->at_ns = (int64_t)(i + 1) * 1000000;
		turn->kind = TURN_END;
		if (words[i][1] == ':') {
			turn->kind = TURN_BYTES;
			turn->from = len;
			turn->len = strlen(words[i] + 2);
			assert_true(len + turn->len <= BYTES_MAX);
			memcpy(tale->bytes + len, words[i] + 2, turn->len);
			len += turn->len;
		}
	}
}

static void forget(struct tale *tale)
{
	framer_release(&tale->proxy.framer);
	arena_done(&tale->arena);
}

struct row {
	const char *name, *framer;
	enum transport transport;
	const char *recorded[8]; /* the server's are compared */
	const char *seen[6];
	/* equal content length class missing extra, then the first difference and the
	 * first grave one as class:k:kind. */
	const char *wanted;
};

static const struct row ROWS[] = {
	{"all equal",
	 "line",
	 TRANSPORT_TCP,
	 {"C:x\n", "S:+a\n+b\n", "s"},
	 {"+a\n+b\n"},
	 "2 0 0 0 0 0"},
	{"nothing recorded, nothing seen",
	 "line",
	 TRANSPORT_TCP,
	 {"C:x\n"},
	 {0},
	 "0 0 0 0 0 0"},
	{"another content",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b\n+c\n", "s"},
	 {"+a\n+x\n+y\n"},
	 "1 2 0 0 0 0 line:1:1"},
	{"another length",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b\n", "s"},
	 {"+aa\n+b\n"},
	 "1 0 1 0 0 0 line:0:2 line:0:2"},
	{"another class comes before length",
	 "line",
	 TRANSPORT_TCP,
	 {"S:OK\n", "s"},
	 {"ERR x\n"},
	 "0 0 0 1 0 0 OK:0:3 OK:0:3"},
	{"content first, then graver",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b\nOK\n", "s"},
	 {"+x\n+b\n+OK\n"},
	 "1 1 0 1 0 0 line:0:1 OK:0:3"},
	{"missing",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\nOK\n+c\n", "s"},
	 {"+a\n"},
	 "1 0 0 0 2 0 OK:0:4 OK:0:4"},
	{"extra",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n", "s"},
	 {"+a\n", "OK\n", "OK\n"},
	 "1 0 0 0 0 2 OK:0:5 OK:0:5"},
	{"ordinals count by class",
	 "line",
	 TRANSPORT_TCP,
	 {"S:OK\n+a\nOK\n+b\n", "s"},
	 {"OK\n+a\nOK\n+x\n"},
	 "3 1 0 0 0 0 line:1:1"},
	{"half a unit at both ends",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b", "s"},
	 {"+a\n+b"},
	 "2 0 0 0 0 0"},
	{"half a unit became whole",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b", "s"},
	 {"+a\n+b\n"},
	 "1 0 0 1 0 0 partial:0:3 partial:0:3"},
	{"the trace breaks off within a unit",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b"},
	 {"+a\n+bcd\n+e\n"},
	 "2 0 0 0 0 0"},
	{"it does, and its beginning differs",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+b"},
	 {"+a\n+xcd\n"},
	 "1 1 0 0 0 0 partial:0:1"},
	{"it does, and less has come",
	 "line",
	 TRANSPORT_TCP,
	 {"S:+a\n+bcd"},
	 {"+a\n+b"},
	 "1 0 1 0 0 0 partial:0:2 partial:0:2"},
	{"cells",
	 "raw cell=4",
	 TRANSPORT_TCP,
	 {"S:abcdef", "C:x", "S:gh", "s"},
	 {"a", "bcdxfgh"},
	 "1 1 0 0 0 0 raw:1:1"},
	{"datagrams are compared as they are",
	 "line",
	 TRANSPORT_UDP,
	 {"S:+a\n+b", "S:+c"},
	 {"+a\n+b", "+c"},
	 "2 0 0 0 0 0"},
	{"an empty datagram is one",
	 "raw",
	 TRANSPORT_UDP,
	 {"S:", "S:x"},
	 {"", "x"},
	 "2 0 0 0 0 0"},
	{"a lost datagram",
	 "raw",
	 TRANSPORT_UDP,
	 {"S:aa", "S:b"},
	 {"b"},
	 "0 0 1 0 1 0 raw:0:2 raw:0:2"},
};

static void put_finding(struct text *out, const struct compare_finding *finding)
{
	if (finding->kind != PLAYER_EQUAL) {
		text_format(out, " %s:%llu:%d", finding->class,
			    (unsigned long long)finding->k, (int)finding->kind);
	}
}

static void each_kind_of_difference_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct compare_counts counts;
		struct compare *compare;
		struct text got = {0};
		struct tale tale;

		tell(&tale, row->framer, row->transport, row->recorded);
		compare = compare_new(&tale.dialog, SIDE_REPLY);
		for (size_t j = 0; row->seen[j]; j++) {
			compare_feed(compare, span_str(row->seen[j]));
		}
		compare_end(compare);
		counts = compare_counts(compare);
		for (int kind = 0; kind < NUM_PLAYER_DIFFERENCE; kind++) {
			text_format(&got, kind ? " %llu" : "%llu",
				    (unsigned long long)counts.by_difference[kind]);
		}
		put_finding(&got, compare_first(compare));
		put_finding(&got, compare_grave(compare));
		if (strcmp(text_cstr(&got), row->wanted) != 0) {
			fail_msg("%s: %s", row->name, text_cstr(&got));
		}
		text_done(&got);
		compare_free(compare);
		forget(&tale);
	}
}

/* After each piece: up to which turn the client may go on. */
static size_t reached(const struct compare *compare, size_t num_turns)
{
	size_t turn = 0;

	while (turn <= num_turns && compare_reached(compare, turn)) {
		turn++;
	}
	return turn;
}

static void a_turn_needs_the_complete_units_before_it(void **state)
{
	static const char *const WORDS[] = {"C:q\n", "S:+a\n+b", "C:r\n", "S:\n",
					    "C:s\n", "S:+c\n+d", "C:t\n", NULL};
	struct compare *compare;
	struct tale tale;

	(void)state;
	tell(&tale, "line", TRANSPORT_TCP, WORDS);
	compare = compare_new(&tale.dialog, SIDE_REPLY);
	assert_int_equal(reached(compare, 7), 2); /* turn 2 needs one unit */
	assert_false(compare_feed(compare, span_str("+a")));
	assert_int_equal(reached(compare, 7), 2);
	assert_true(compare_feed(compare, span_str("\n")));
	assert_int_equal(reached(compare, 7), 4); /* turn 4 needs two */
	assert_int_equal(compare_recorded_ns(compare, 2), 2000000);
	assert_int_equal(compare_recorded_ns(compare, 4), 4000000);
	assert_true(compare_feed(compare, span_str("+b\n")));
	assert_int_equal(reached(compare, 7), 6);
	assert_true(compare_feed(compare, span_str("+c\n")));
	assert_int_equal(reached(compare, 7), 7); /* the end needs what is left */
	assert_false(compare_feed(compare, span_str("+d")));
	assert_int_equal(reached(compare, 7), 8);
	compare_free(compare);
	forget(&tale);
}

static void without_a_protocol_bytes_are_counted(void **state)
{
	static const char *const WORDS[] = {"C:q", "S:abc", "C:r", "S:de", "C:s", NULL};
	struct compare *compare;
	struct tale tale;

	(void)state;
	tell(&tale, "raw", TRANSPORT_TCP, WORDS);
	compare = compare_new(&tale.dialog, SIDE_REPLY);
	assert_int_equal(reached(compare, 5), 2);
	assert_true(compare_feed(compare, span_str("ab")));
	assert_int_equal(reached(compare, 5), 2);
	assert_true(compare_feed(compare, span_str("c")));
	assert_int_equal(reached(compare, 5), 4);
	assert_true(compare_feed(compare, span_str("de")));
	assert_int_equal(reached(compare, 5), 6);
	compare_free(compare);
	forget(&tale);
}

static void what_is_waived_is_not_waited_for_again(void **state)
{
	static const char *const WORDS[] = {"C:q\n", "S:+a\n", "C:r\n", "S:+b\n",
					    "C:s\n", "S:+c\n", NULL};
	struct compare *compare;
	struct tale tale;

	(void)state;
	tell(&tale, "line", TRANSPORT_TCP, WORDS);
	compare = compare_new(&tale.dialog, SIDE_REPLY);
	compare_waive(compare, 2);
	assert_int_equal(reached(compare, 6), 4);
	assert_true(compare_feed(compare, span_str("+b\n")));
	assert_int_equal(reached(compare, 6), 6);
	compare_free(compare);
	forget(&tale);
}

static void expected_and_seen_are_shown_from_where_they_differ(void **state)
{
	static const char *const WORDS[] = {
		"S:"
		"0123456789012345678901234567890123456789012345678901234567890\tx\\\"\n",
		"s", NULL};
	struct compare *compare;
	struct text got = {0};
	struct tale tale;

	(void)state;
	tell(&tale, "line", TRANSPORT_TCP, WORDS);
	compare = compare_new(&tale.dialog, SIDE_REPLY);
	compare_feed(compare, span_str("0123456789012345678901234567890123456789012345678"
				       "901234567890\001x\\\"\n"));
	compare_end(compare);
	compare_describe(compare_first(compare), "cache/10.0.0.1#2", &got);
	assert_string_equal(text_cstr(&got),
			    "  cache/10.0.0.1#2:reply:line:0: other content\n"
			    "    expected line, 66 bytes, from byte 49 on: "
			    "\"901234567890\\x09x\\\\\\\"\\x0a\"\n"
			    "    seen     line, 66 bytes, from byte 49 on: "
			    "\"901234567890\\x01x\\\\\\\"\\x0a\"\n");
	text_done(&got);
	compare_free(compare);
	forget(&tale);
}

static void a_dialog_is_told_by_how_it_begins(void **state)
{
	static const struct {
		const char *name, *framer;
		const char *recorded[4];
		const char *class, *first;
		uint64_t len;
	} KEYS[] = {
		{"a line", "line", {"C:GET a\nx", NULL}, "GET", "GET a\nx", 6},
		{"in two pieces", "line", {"C:GE", "C:T\n", NULL}, "GET", "GE", 4},
		{"behind a greeting",
		 "line",
		 {"S:hi\n", "C:PING\n", NULL},
		 "PING",
		 "PING\n",
		 5},
		{"half a line", "line", {"C:GE", "c", NULL}, "partial", "GE", 2},
		{"no protocol", "raw", {"C:abc", "C:def", NULL}, "raw", "abc", 3},
		{"a silent client", "line", {"S:hi\n", "c", NULL}, "", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		struct compare_key key;
		struct tale tale;

		tell(&tale, KEYS[i].framer, TRANSPORT_TCP, KEYS[i].recorded);
		compare_key_of(&tale.dialog, SIDE_REQUEST, &key);
		if (strcmp(key.class, KEYS[i].class) != 0 || key.len != KEYS[i].len ||
		    !span_is(key.first, KEYS[i].first)) {
			fail_msg("%s: %s, %llu", KEYS[i].name, key.class,
				 (unsigned long long)key.len);
		}
		forget(&tale);
	}
}

static void the_better_fit_wins(void **state)
{
	static const char *const RECORDED[] = {"C:GET a\nGET b\n", NULL};
	static const struct {
		const char *says;
		int fit;
	} SAYINGS[] = {
		{"GET a\nGET b\n", 4}, {"GET a\n", 4},	{"GET a\nGET c\n", 3},
		{"GET x\n", 2},	       {"GET xx\n", 1}, {"SET a\n", 0},
	};
	struct compare_key recorded;
	struct tale tale;

	(void)state;
	tell(&tale, "line", TRANSPORT_TCP, RECORDED);
	compare_key_of(&tale.dialog, SIDE_REQUEST, &recorded);
	for (size_t i = 0; i < sizeof(SAYINGS) / sizeof(SAYINGS[0]); i++) {
		struct compare_key seen = {.first = span_str(SAYINGS[i].says)};
		struct unitcut cut;

		unitcut_init(&cut, &tale.proxy.framer, false);
		unitcut_feed(&cut, seen.first, compare_key_unit, &seen);
		assert_int_equal(compare_key_fit(&recorded, &seen), SAYINGS[i].fit);
		unitcut_done(&cut);
	}
	forget(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_difference_is_found),
		cmocka_unit_test(a_turn_needs_the_complete_units_before_it),
		cmocka_unit_test(without_a_protocol_bytes_are_counted),
		cmocka_unit_test(what_is_waived_is_not_waited_for_again),
		cmocka_unit_test(expected_and_seen_are_shown_from_where_they_differ),
		cmocka_unit_test(a_dialog_is_told_by_how_it_begins),
		cmocka_unit_test(the_better_fit_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
