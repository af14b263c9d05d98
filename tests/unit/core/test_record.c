/* Log lines, byte for byte: sorted keys, what is left out, and what is escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "judge.h"

#include "core/record.h"

static struct rule *add(struct judge *j, const char *name, const char *action)
{
	struct rule *rule = judge_rule(j, name);
	struct err err;

	if (judge_action(j, rule, action, &err) < 0) {
		fail_msg("%s: %s", action, err.text);
	}
	return rule;
}

static struct record_unit record_of(const struct judge *j, enum side side)
{
	return (struct record_unit){
		.lane = j->lane.name,
		.side = side,
		.unit = &j->unit,
		.len_bytes = j->unit.bytes.len,
		.digest = 0x123,
		.digest_known = true,
		.decision = &j->decision,
		.at_ns = 5,
		.due_ns = 5,
		.number = UINT64_MAX,
	};
}

static void check(const struct record_unit *record, const char *wanted)
{
	struct text text = {0};

	record_unit(&text, record);
	assert_string_equal(text_cstr(&text), wanted);
	text_done(&text);
}

static void a_pass_has_no_optional_keys(void **state)
{
	struct judge j;
	struct record_unit record;

	(void)state;
	judge_init(&j, "cache/127.0.0.1#1");
	judge_bind(&j);
	judge_whole(&j, SIDE_REQUEST, "GET", span_str("GET a\n"));
	record = record_of(&j, SIDE_REQUEST);
	record.number = 17;
	check(&record, "{\"class\":\"GET\",\"digest\":\"0000000000000123\",\"k\":0,"
		       "\"lane\":\"cache/127.0.0.1#1\",\"len\":6,\"side\":\"request\","
		       "\"type\":\"unit\",\"wall\":{\"at\":5,\"n\":17}}\n");
	record.decision = NULL;
	record.late = RECORD_LATE;
	record.number = UINT64_MAX;
	record.due_ns = 7;
	check(&record,
	      "{\"class\":\"GET\",\"digest\":\"0000000000000123\",\"k\":0,"
	      "\"lane\":\"cache/127.0.0.1#1\",\"late\":true,\"len\":6,"
	      "\"side\":\"request\",\"type\":\"unit\",\"wall\":{\"at\":5,\"due\":7}}\n");
	judge_done(&j);
}

static void a_fault_has_all_of_its_keys_sorted(void **state)
{
	struct judge j;
	struct record_unit record;

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "zero", "mutate set at=1 bytes=ff00");
	add(&j, "dup", "duplicate copies=2 gap=1");
	add(&j, "kill", "reset at=3");
	add(&j, "also", "drop");
	judge_bind(&j);
	judge_whole(&j, SIDE_REPLY, "A", span_str("abc"));
	j.decision.fixup = "none";
	record = record_of(&j, SIDE_REPLY);
	record.late = RECORD_LATE;
	record.due_ns = 9;
	check(&record,
	      "{\"class\":\"A\",\"cut_at\":3,\"digest\":\"0000000000000123\","
	      "\"edits\":[{\"at\":1,\"new\":\"ff\",\"old\":\"62\"},"
	      "{\"at\":2,\"new\":\"00\",\"old\":\"63\"}],"
	      "\"effects\":[{\"do\":\"mutate set\",\"rule\":\"zero\"},"
	      "{\"copies\":2,\"do\":\"duplicate\",\"gap\":1,\"rule\":\"dup\"},"
	      "{\"at\":3,\"do\":\"reset\",\"rule\":\"kill\"}],\"fixup\":\"none\",\"k\":0,"
	      "\"lane\":\"p/a#1\",\"late\":true,\"len\":3,"
	      "\"rules\":{\"also\":\"shadowed\",\"dup\":\"fired\",\"kill\":\"fired\","
	      "\"zero\":\"fired\"},\"side\":\"reply\",\"type\":\"unit\",\"verdict\":"
	      "\"reset\","
	      "\"wall\":{\"at\":5,\"due\":9}}\n");
	judge_done(&j);
}

static void names_are_escaped(void **state)
{
	struct judge j;
	struct record_unit record;

	(void)state;
	judge_init(&j, "p/\"x\"#1");
	add(&j, "a\"b\\c\n", "drop");
	judge_bind(&j);
	judge_whole(&j, SIDE_REQUEST, "", span_str(""));
	record = record_of(&j, SIDE_REQUEST);
	check(&record,
	      "{\"class\":\"raw\",\"digest\":\"0000000000000123\","
	      "\"effects\":[{\"do\":\"drop\",\"rule\":\"a\\\"b\\\\c\\n\"}],\"k\":0,"
	      "\"lane\":\"p/\\\"x\\\"#1\",\"len\":0,"
	      "\"rules\":{\"a\\\"b\\\\c\\n\":\"fired\"},\"side\":\"request\","
	      "\"type\":\"unit\",\"verdict\":\"drop\",\"wall\":{\"at\":5}}\n");
	judge_done(&j);
}

static void a_cell_tells_its_beginning_and_its_end(void **state)
{
	struct judge j;
	struct record_unit record;
	struct text text = {0};
	uint8_t bytes[] = "abcd";

	(void)state;
	judge_init(&j, "p/a#1");
	add(&j, "set", "mutate set at=2 text=\"X\"");
	judge_bind(&j);
	judge_cell(&j, SIDE_REQUEST, 4);
	record = record_of(&j, SIDE_REQUEST);
	record.digest_known = false;
	check(&record,
	      "{\"class\":\"raw\",\"effects\":[{\"do\":\"mutate set\",\"rule\":\"set\"}],"
	      "\"k\":0,\"lane\":\"p/a#1\",\"rules\":{\"set\":\"fired\"},"
	      "\"side\":\"request\",\"type\":\"unit\",\"wall\":{\"at\":5}}\n");
	decision_patch_bytes(&j.decision, 0, bytes, 4);
	record.digest_known = true;
	record.len_bytes = 4;
	record.number = 3;
	record_cell_end(&text, &record);
	assert_string_equal(
		text_cstr(&text),
		"{\"class\":\"raw\",\"digest\":\"0000000000000123\","
		"\"edits\":[{\"at\":2,\"new\":\"58\",\"old\":\"63\"}],\"k\":0,"
		"\"lane\":\"p/a#1\",\"len\":4,\"side\":\"request\","
		"\"type\":\"cell-end\",\"wall\":{\"at\":5,\"n\":3}}\n");
	text_done(&text);
	judge_done(&j);
}

static void leaving_and_being_late_are_lines_of_their_own(void **state)
{
	struct text text = {0};

	(void)state;
	record_sent(&text, "p/a#1", SIDE_REPLY, "A", 4, 100, 18);
	assert_string_equal(
		text_cstr(&text),
		"{\"class\":\"A\",\"k\":4,\"lane\":\"p/a#1\",\"side\":\"reply\","
		"\"type\":\"sent\",\"wall\":{\"n\":18,\"sent\":100}}\n");
	text_clear(&text);
	record_late(&text, "p/a#1", SIDE_REQUEST, "A", 4, 0, 100);
	assert_string_equal(
		text_cstr(&text),
		"{\"class\":\"A\",\"k\":4,\"lane\":\"p/a#1\",\"side\":\"request\","
		"\"type\":\"late\",\"wall\":{\"at\":100}}\n");
	text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pass_has_no_optional_keys),
		cmocka_unit_test(a_fault_has_all_of_its_keys_sorted),
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(a_cell_tells_its_beginning_and_its_end),
		cmocka_unit_test(leaving_and_being_late_are_lines_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
