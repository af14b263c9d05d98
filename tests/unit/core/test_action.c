/* Each action: what it makes of a unit, and what its options refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "judge.h"

#include <stdlib.h>

/* The only rule's action on one unit; its decision lives until the next call. */
static struct judge bench;

static const struct decision *act(const char *action, const char *bytes)
{
	struct err err;

	judge_init(&bench, "p/a#1");
	if (judge_action(&bench, judge_rule(&bench, "r"), action, &err) < 0) {
		fail_msg("%s: %s", action, err.text);
	}
	judge_bind(&bench);
	return judge_whole(&bench, SIDE_REQUEST, "A", span_str(bytes));
}

static int64_t value(const struct decision *d, const char *name)
{
	assert_int_equal(d->num_effects, 1);
	for (unsigned i = 0; i < d->effects[0].num_values; i++) {
		if (strcmp(d->effects[0].values[i].name, name) == 0) {
			return d->effects[0].values[i].value;
		}
	}
	fail_msg("no value %s", name);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_done(&bench);
	return 0;
}

/* --- what leaves a unit's bytes alone --- */

static void drop_drops(void **state)
{
	const struct decision *d = act("drop", "x");

	(void)state;
	assert_int_equal(d->verdict, VERDICT_DROP);
	assert_int_equal(d->effects[0].num_values, 0);
}

static void delay_without_jitter_is_exact(void **state)
{
	const struct decision *d = act("delay time=50ms", "x");

	(void)state;
	assert_int_equal(d->delay_ns, 50000000);
	assert_int_equal(value(d, "ns"), 50000000);
}

static void jitter_spreads_and_is_the_logged_value(void **state)
{
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	act("delay time=50ms jitter=10ms", "x");
	for (int i = 0; i < 1000; i++) {
		const struct decision *d =
			judge_whole(&bench, SIDE_REPLY, "A", span_str("x"));

		assert_int_equal(d->delay_ns, value(d, "ns"));
		assert_in_range(d->delay_ns, 40000000, 60000000);
		least = d->delay_ns < least ? d->delay_ns : least;
		most = d->delay_ns > most ? d->delay_ns : most;
	}
	assert_true(least < 40200000 && most > 59800000);
}

static void reorder_says_how_many_go_first(void **state)
{
	const struct decision *d = act("reorder gap=3 hold=20ms", "x");

	(void)state;
	assert_int_equal(d->reorder_gap, 3);
	assert_int_equal(d->hold_ns, 20000000);
	assert_int_equal(value(d, "gap"), 3);
}

static void duplicate_says_how_many_and_how_far(void **state)
{
	const struct decision *d = act("duplicate copies=2 gap=4", "x");

	(void)state;
	assert_int_equal(d->copies, 2);
	assert_int_equal(d->copies_gap, 4);
	assert_int_equal(d->hold_ns, 100000000);
	assert_int_equal(value(d, "copies"), 2);
	assert_int_equal(value(d, "gap"), 4);
}

static void reset_and_close_cut_at_an_offset(void **state)
{
	const struct decision *d = act("reset at=7", "x");

	(void)state;
	assert_int_equal(d->verdict, VERDICT_RESET);
	assert_int_equal(d->cut_at, 7);
	assert_int_equal(value(d, "at"), 7);
	judge_done(&bench);
	d = act("close", "x");
	assert_int_equal(d->verdict, VERDICT_CLOSE);
	assert_int_equal(d->cut_at, 0);
}

/* --- edits --- */

static void edits_are_as_the_rows_say(void **state)
{
	static const struct {
		const char *action, *bytes, *wanted;
		/* at:old>new at:old>new …, bytes as hex */
		const char *edits;
	} ROWS[] = {
		{"mutate set at=1 text=\"XY\"", "abcd", "aXYd", "1:62>58 2:63>59"},
		{"mutate set at=1 bytes=62:58", "abcd", "abXd", "2:63>58"},
		{"mutate set at=3 text=\"XY\"", "abcd", "abcX", "3:64>58"},
		{"mutate set at=4 text=\"X\"", "abcd", "abcd", ""},
		{"mutate truncate to=1", "abcd", "a", "1:626364>"},
		{"mutate truncate to=0", "abcd", "", "0:61626364>"},
		{"mutate truncate to=4", "abcd", "abcd", ""},
		{"mutate truncate to=9", "abcd", "abcd", ""},
		{"mutate truncate by=1", "abcd", "abc", "3:64>"},
		{"mutate truncate by=9", "abcd", "", "0:61626364>"},
		{"mutate extend by=3", "ab", "ab\0\0\0", "2:>000000"},
		{"mutate extend by=3 fill=0x7a30", "ab", "abz0z", "2:>7a307a"},
		{"mutate splice at=1 remove=2 bytes=585958", "abcd", "aXYXd",
		 "1:6263>585958"},
		{"mutate splice at=0 bytes=58", "ab", "Xab", "0:>58"},
		{"mutate splice at=2 bytes=58", "ab", "abX", "2:>58"},
		{"mutate splice at=1 remove=9", "abcd", "a", "1:626364>"},
		{"mutate splice at=2 remove=1", "ab", "ab", ""},
		{"mutate splice at=3 remove=1 bytes=58", "ab", "ab", ""},
		{"mutate splice at=0 remove=1 bytes=58", "", "X", "0:>58"},
		{"mutate replace pattern=/b/ with=\"XX\"", "abab", "aXXab", "1:62>5858"},
		{"mutate replace pattern=/b/ with=\"\" all=yes", "abab", "aa",
		 "1:62> 2:62>"},
		{"mutate replace pattern=/(a)(b)/ with=\"$2$1$$$0\"", "xab", "xba$ab",
		 "1:6162>6261246162"},
		{"mutate replace pattern=/(?<k>[a-z]+)=\\d+/ with=\"${k}=0\" all=yes",
		 "a=1 bc=23", "a=0 bc=0", "0:613d31>613d30 4:62633d3233>62633d30"},
		{"mutate replace pattern=/(a)|(b)/ with=\"<$2>\"", "a", "<>",
		 "0:61>3c3e"},
		{"mutate replace pattern=/x*/ with=\"-\" all=yes", "ab", "-a-b-",
		 "0:>2d 2:>2d 4:>2d"},
		{"mutate replace pattern=/^/ with=\"-\" all=yes", "", "-", "0:>2d"},
		{"mutate replace pattern=/B/i with=\"x\"", "abc", "axc", "1:62>78"},
		{"mutate replace pattern=/b/ with=\"b\"", "abc", "abc", "1:62>62"},
		{"mutate replace pattern=/z/ with=\"b\"", "abc", "abc", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct decision *d = act(ROWS[i].action, ROWS[i].bytes);
		struct span got = decision_bytes(d, bench.unit.bytes);
		struct text edits = {0};

		for (size_t e = 0; e < d->num_edits; e++) {
			const struct edit *edit = &d->edits[e];

			text_format(&edits, "%s%llu:", e ? " " : "",
				    (unsigned long long)edit->at);
			text_hex(&edits, span_of(d->edit_bytes.data + edit->old_from,
						 edit->old_len));
			text_byte(&edits, '>');
			text_hex(&edits, span_of(d->edit_bytes.data + edit->new_from,
						 edit->new_len));
		}
		if (strcmp(text_cstr(&edits), ROWS[i].edits) != 0 ||
		    strncmp((const char *)got.data, ROWS[i].wanted, got.len) != 0 ||
		    got.len < strlen(ROWS[i].wanted)) {
			fail_msg("%s: \"%.*s\", %s", ROWS[i].action, (int)got.len,
				 (const char *)got.data, text_cstr(&edits));
		}
		text_done(&edits);
		judge_done(&bench);
	}
	act("drop", "x");
}

static unsigned bits_between(struct span a, struct span b)
{
	unsigned bits = 0;

	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < a.len; i++) {
		bits += (unsigned)__builtin_popcount(a.data[i] ^ b.data[i]);
	}
	return bits;
}

static void a_flip_changes_drawn_bits_within_its_window(void **state)
{
	static const char bytes[] = "0123456789abcdef";

	(void)state;
	act("mutate flip bits=1 at=4 len=8", bytes);
	for (int i = 0; i < 500; i++) {
		const struct decision *d =
			judge_whole(&bench, SIDE_REQUEST, "A", span_str(bytes));

		assert_int_equal(d->num_edits, 1);
		assert_in_range(d->edits[0].at, 4, 11);
		assert_int_equal(bits_between(decision_bytes(d, span_str(bytes)),
					      span_str(bytes)),
				 1);
	}
}

static void flips_reach_every_bit(void **state)
{
	uint8_t seen[2] = {0, 0};

	(void)state;
	act("mutate flip", "..");
	for (int i = 0; i < 500; i++) {
		struct span got = decision_bytes(judge_whole(&bench, SIDE_REQUEST, "A",
							     span_str("..")),
						 span_str(".."));

		seen[0] |= got.data[0] ^ '.';
		seen[1] |= got.data[1] ^ '.';
	}
	assert_int_equal(seen[0], 0xff);
	assert_int_equal(seen[1], 0xff);
}

static void a_flip_past_the_end_changes_nothing(void **state)
{
	const struct decision *d = act("mutate flip bits=5 at=4", "abcd");

	(void)state;
	assert_int_equal(d->num_effects, 1);
	assert_int_equal(d->num_edits, 0);
	d = judge_whole(&bench, SIDE_REQUEST, "A", span_of(NULL, 0));
	assert_int_equal(d->num_edits, 0);
}

static void random_fill_is_drawn_and_the_same_again(void **state)
{
	char first[9] = {0};
	struct span got;

	(void)state;
	got = decision_bytes(act("mutate extend by=8 fill=random", ""), span_of(NULL, 0));
	assert_int_equal(got.len, 8);
	memcpy(first, got.data, 8);
	judge_done(&bench);
	got = decision_bytes(act("mutate extend by=8 fill=random", ""), span_of(NULL, 0));
	assert_memory_equal(first, got.data, 8);
	got = decision_bytes(judge_whole(&bench, SIDE_REQUEST, "A", span_str("")),
			     span_of(NULL, 0));
	assert_memory_not_equal(first, got.data, 8);
}

static void later_edits_see_earlier_ones(void **state)
{
	struct err err;
	const struct decision *d;

	(void)state;
	judge_init(&bench, "p/a#1");
	judge_rule(&bench, "r");
	judge_action(&bench, &bench.rules[0],
		     "mutate replace pattern=/a/ with=\"bb\" all=yes", &err);
	judge_action(&bench, &bench.rules[0], "mutate truncate by=1", &err);
	judge_action(&bench, &bench.rules[0], "mutate set at=0 text=\"X\"", &err);
	judge_action(&bench, &bench.rules[0], "mutate extend by=1 fill=2e", &err);
	judge_bind(&bench);
	d = judge_whole(&bench, SIDE_REQUEST, "A", span_str("aa"));
	assert_true(span_is(decision_bytes(d, span_str("aa")), "Xbb."));
	assert_int_equal(d->num_edits, 5);
	assert_int_equal(d->edits[1].at, 2); /* where it stood when it was made */
}

/* --- cells judged at their first byte --- */

/* A flip on a cell gives what it gives on the same bytes at hand, in pieces of any
 * size. */
static void a_cells_patches_are_a_whole_units_edits(void **state)
{
	static const char bytes[] = "abcdefghijklmnopqrst";
	const size_t len = sizeof(bytes) - 1;

	(void)state;
	for (size_t piece = 1; piece <= len; piece++) {
		struct judge cell;
		struct decision *d;
		struct err err;
		uint8_t got[sizeof(bytes)];
		struct span wanted =
			decision_bytes(act("mutate flip bits=7", bytes), span_str(bytes));

		judge_init(&cell, "p/a#1");
		judge_action(&cell, judge_rule(&cell, "r"), "mutate flip bits=7", &err);
		judge_bind(&cell);
		/* The same class, so the same draws. */
		cell.unit = (struct unit){.extent_bytes = len};
		decide_identify(&cell.lane, SIDE_REQUEST, span_str("A"), &cell.unit);
		decide_fire(&cell.lane, SIDE_REQUEST, &cell.unit, &cell.decision);
		decide_apply(&cell.unit, &cell.decision);
		d = &cell.decision;
		memcpy(got, bytes, sizeof(bytes));
		for (size_t from = 0; from < len; from += piece) {
			size_t part = len - from < piece ? len - from : piece;
			size_t before = d->num_edits;

			decision_patch_bytes(d, from, got + from, part);
			assert_true(d->num_edits == before ||
				    decision_patches_any(d, from, part));
		}
		assert_memory_equal(got, wanted.data, len);
		for (size_t e = 1; e < d->num_edits; e++) {
			assert_true(d->edits[e - 1].at <= d->edits[e].at);
		}
		judge_done(&cell);
		judge_done(&bench);
	}
	act("drop", "x");
}

/* --- parsing --- */

static void bad_actions_are_refused_with_a_hint(void **state)
{
	static const struct {
		const char *text, *hint;
	} ROWS[] = {
		{"", "names no action"},
		{"dropp", "did you mean 'drop'"},
		{"mutate", "unknown action 'mutate'"},
		{"mutate flop", "did you mean 'mutate flip'"},
		{"explode now=yes", "turncoat help actions"},
		{"drop now=yes", "now"},
		{"delay", "time"},
		{"delay time=50", "time"},
		{"delay time=1ms time=2ms", "time"},
		{"delay time=2h", "time"},
		{"delay time=1ms distribution=gauss", "gauss"},
		{"reorder gap=0", "gap"},
		{"duplicate copies=101", "copies"},
		{"mutate flip bits=0", "bits"},
		{"mutate set at=0", "either bytes= or text="},
		{"mutate set at=0 bytes=00 text=a", "either bytes= or text="},
		{"mutate set bytes=00", "at"},
		{"mutate set at=0 bytes=0", "bytes"},
		{"mutate truncate", "either to= or by="},
		{"mutate truncate to=1 by=1", "either to= or by="},
		{"mutate extend by=1 fill=xyz", "zero, random or hex"},
		{"mutate splice at=1", "changes nothing"},
		{"mutate splice at=1 remove=0", "changes nothing"},
		{"mutate splice remove=1", "at"},
		{"mutate splice at=1 bytes=5", "half a byte"},
		{"mutate replace pattern=/a/", "with"},
		{"mutate replace pattern=/(/ with=a", "bad pattern"},
		{"mutate replace pattern=/(a)/ with=\"$2\"", "only 1 groups"},
		{"mutate replace pattern=/a/ with=\"${x}\"", "no group called 'x'"},
		{"mutate replace pattern=/(?<x>a)/ with=\"${x\"", "group"},
		{"mutate replace pattern=/a/ with=\"$\"", "$$ for a dollar"},
		{"mutate replace pattern=/a/q with=b", "q"},
		{"reset at=-1", "at"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct action action = {0};
		struct err err = {0};

		if (action_parse(&action, ROWS[i].text, 0, &arena, &err) == 0) {
			fail_msg("\"%s\" was taken", ROWS[i].text);
		}
		if (!strstr(err.text, ROWS[i].hint)) {
			fail_msg("\"%s\": %s", ROWS[i].text, err.text);
		}
		assert_null(action.row);
		arena_done(&arena);
	}
	act("drop", "x");
}

static void every_action_describes_itself(void **state)
{
	static const struct {
		const char *action, *wanted;
	} ROWS[] = {
		{"drop", "is dropped"},
		{"delay time=50ms", "is delayed by 50ms"},
		{"delay time=50ms jitter=5ms distribution=pareto",
		 "is delayed by 50ms +- 5ms (pareto)"},
		{"reorder", "lets the next unit go first"},
		{"reorder gap=3", "lets the next 3 units go first"},
		{"duplicate", "is sent again once"},
		{"duplicate copies=2 gap=1",
		 "is sent again 2 times behind the next 1 unit"},
		{"mutate flip", "has 1 bit flipped"},
		{"mutate flip bits=2 at=4", "has 2 bits flipped from its byte 4 on"},
		{"mutate flip at=4 len=2", "has 1 bit flipped in its bytes 4 to 5"},
		{"mutate set at=3 text=\"ab\"", "has 2 bytes set at offset 3"},
		{"mutate replace pattern=/a/ with=\"b\"",
		 "has the first /a/ replaced by \"b\""},
		{"mutate truncate to=3", "is cut to 3 bytes"},
		{"mutate truncate by=3", "loses its last 3 bytes"},
		{"mutate extend by=3", "grows by 3 bytes (zero)"},
		{"mutate splice at=4 remove=2 bytes=616263",
		 "has 2 of its bytes replaced by 3 others at offset 4"},
		{"reset", "resets the connection (RST to both peers)"},
		{"close at=3",
		 "closes the connection (FIN to both peers) behind byte 3 of it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct text text = {0};

		act(ROWS[i].action, "x");
		bench.actions[0][0].row->describe(&bench.actions[0][0], &text);
		assert_string_equal(text_cstr(&text), ROWS[i].wanted);
		text_done(&text);
		judge_done(&bench);
	}
	act("drop", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(drop_drops, teardown),
		cmocka_unit_test_teardown(delay_without_jitter_is_exact, teardown),
		cmocka_unit_test_teardown(jitter_spreads_and_is_the_logged_value,
					  teardown),
		cmocka_unit_test_teardown(reorder_says_how_many_go_first, teardown),
		cmocka_unit_test_teardown(duplicate_says_how_many_and_how_far, teardown),
		cmocka_unit_test_teardown(reset_and_close_cut_at_an_offset, teardown),
		cmocka_unit_test_teardown(edits_are_as_the_rows_say, teardown),
		cmocka_unit_test_teardown(a_flip_changes_drawn_bits_within_its_window,
					  teardown),
		cmocka_unit_test_teardown(flips_reach_every_bit, teardown),
		cmocka_unit_test_teardown(a_flip_past_the_end_changes_nothing, teardown),
		cmocka_unit_test_teardown(random_fill_is_drawn_and_the_same_again,
					  teardown),
		cmocka_unit_test_teardown(later_edits_see_earlier_ones, teardown),
		cmocka_unit_test_teardown(a_cells_patches_are_a_whole_units_edits,
					  teardown),
		cmocka_unit_test_teardown(bad_actions_are_refused_with_a_hint, teardown),
		cmocka_unit_test_teardown(every_action_describes_itself, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
