/* `log explain`: for logs that the real code decided, every draw told is the one that
 * decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log_maker.h"

#define PROXY "[proxy cache]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"
#define LANE "cache/127.0.0.1#1"

static char path[] = "/tmp/test_log_explain.XXXXXX";
static struct said said;

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

/* A log of one lane with so many requests of "GET", made under the rules. */
static void make(struct log_maker *m, const char *ini, unsigned num)
{
	maker_header(m, ini, 42);
	maker_open(m, LANE);
	for (unsigned i = 0; i < num; i++) {
		maker_unit(m, SIDE_REQUEST, "GET", "GET key\r\n");
	}
	maker_close(m);
	maker_write(m, path);
}

static const char *explain(const char *id)
{
	const char *argv[] = {"log", "explain", id, path, NULL};

	said_by(argv, &said);
	return said.out;
}

static const char *explain_nth(unsigned k)
{
	char id[128];

	snprintf(id, sizeof(id), LANE ":request:GET:%u", k);
	return explain(id);
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		fail_msg("no '%s' in:\n%s", part, text);
	}
}

/* The outcome logged for a rule at the k-th unit. */
static bool fired_at(const struct log_maker *m, const char *rule, unsigned k)
{
	char place[64], outcome[64];
	const char *line, *end;

	snprintf(place, sizeof(place), "\"k\":%u,", k);
	snprintf(outcome, sizeof(outcome), "\"%s\":\"fired\"", rule);
	line = strstr(m->text.data, place);
	assert_non_null(line);
	end = strchr(line, '\n');
	line = strstr(line, outcome);
	return line && line < end;
}

static void draws_agree_with_what_was_decided(void **state)
{
	struct log_maker m;
	unsigned won = 0;

	(void)state;
	make(&m, PROXY "[rule slow]\nchance = 30%\ndo = delay time=5ms\n", 60);
	for (unsigned k = 0; k < 60; k++) {
		const char *text = explain_nth(k);
		bool fired = fired_at(&m, "slow", k);
		const char *draw = strstr(text, "the draw 0.");

		assert_int_equal(said.code, 0);
		assert_non_null(draw);
		assert_true((strtod(draw + strlen("the draw "), NULL) < 0.3) == fired);
		assert_says(text, fired ? "slow: fired, won because the draw"
					: "slow: chance, lost because the draw");
		assert_says(text,
			    fired ? " was below 0.3 (30%)" : " was not below 0.3 (30%)");
		assert_null(strstr(text, "DOES NOT AGREE"));
		won += fired;
	}
	assert_in_range(won, 1, 59);
	maker_done(&m);
}

static void another_seed_does_not_agree(void **state)
{
	struct log_maker m;
	unsigned disagreeing = 0;
	char *seed;

	(void)state;
	make(&m, PROXY "[rule slow]\nchance = 50%\ndo = delay time=5ms\n", 40);
	seed = strstr(m.text.data, "\"seed\":42");
	assert_non_null(seed);
	memcpy(seed, "\"seed\":43", 9);
	maker_write(&m, path);
	for (unsigned k = 0; k < 40; k++) {
		disagreeing += strstr(explain_nth(k), "THE LOG DOES NOT AGREE") != NULL;
	}
	assert_in_range(disagreeing, 5, 35);
	maker_done(&m);
}

static void every_outcome_is_explained(void **state)
{
	static const struct {
		const char *rule;
		unsigned k;
		const char *says;
	} rows[] = {
		{"skip = 2", 1,
		 "r: skip, skip = 2: it was the 2nd unit of its lane side that the rule "
		 "matched"},
		{"skip = 1\nevery = 3", 2,
		 "r: every, every = 3 takes each 3rd, counted "
		 "behind the 1 skipped: it was the 3rd unit"},
		{"count = 2", 4,
		 "r: count, count = 2: it had fired 2 times in this lane side"},
		{"until = 3", 3, "r: until, until = 3: it was the 4th unit"},
		{"until = 2ms", 4, "r: until, until = 2ms: it came 4.00ms into the run"},
		{"chance = 100%", 0, "r: fired, chance is 100%, so always"},
		{"chance = 0%", 0, "r: did not match, its chance is 0%"},
		{"side = reply", 0, "r: did not match, it is about the reply side"},
		{"class = PUT", 0, "r: did not match, the class is another"},
		{"lane = cache/127.0.0.1#2", 0,
		 "r: did not match, the lane is another: lane = cache/127.0.0.1#2"},
		{"lane = cache/*", 0, "r: fired, chance is 100%, so always"},
		{"k = 3", 2, "r: did not match, k is another: k = 3"},
		{"k = 1-3", 4, "r: did not match, k is another: k = 1-3"},
		{"k = 3", 3, "r: fired, chance is 100%, so always"},
		{"length = 10-20", 0,
		 "r: did not match, the length 9 is outside 10 to 20"},
		{"match = /^PUT/", 0,
		 "r: did not match, its bytes are others: match = /^PUT/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log_maker m;
		char ini[512];

		snprintf(ini, sizeof(ini), "%s[rule r]\n%s\ndo = delay time=5ms\n", PROXY,
			 rows[i].rule);
		make(&m, ini, 6);
		assert_says(explain_nth(rows[i].k), rows[i].says);
		assert_int_equal(said.code, 0);
		maker_done(&m);
	}
}

static void a_shadowed_rule_names_who_ended_the_unit(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m, PROXY "[rule lose]\ndo = drop\n[rule slow]\ndo = delay time=5ms\n", 1);
	assert_says(explain_nth(0),
		    "slow: shadowed, chance is 100%, so always; but lose had ended");
	assert_says(said.out, "effects:\n  dropped by lose\n");
	assert_says(said.out, "verdict: drop\n");
	maker_done(&m);
}

static void a_burst_fires_without_winning(void **state)
{
	struct log_maker m;
	unsigned in_burst = 0;

	(void)state;
	make(&m, PROXY "[rule r]\nchance = 10%\nburst = 8\ndo = delay time=5ms\n", 80);
	for (unsigned k = 0; k < 80; k++) {
		in_burst += strstr(explain_nth(k), "in a burst of 8") != NULL;
		assert_null(strstr(said.out, "DOES NOT AGREE"));
	}
	assert_true(in_burst > 0);
	maker_done(&m);
}

static void edits_are_told_as_hex_and_text(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m, PROXY "[rule r]\ndo = mutate set at=4 text=\"K\"\n", 1);
	assert_says(explain_nth(0),
		    "edits, in their order:\n  at 4: 6b \"k\" -> 4b \"K\"\n");
	maker_done(&m);
}

static void log_and_identity_may_change_places(void **state)
{
	const char *argv[] = {"log", "explain", path, LANE ":request:GET:0", NULL};
	struct log_maker m;

	(void)state;
	make(&m, PROXY, 1);
	said_by(argv, &said);
	assert_int_equal(said.code, 0);
	assert_says(said.out, LANE ":request:GET:0\n  seed 42, line 3 of ");
	maker_done(&m);
}

static void a_lane_that_was_overlapped_is_weak(void **state)
{
	const char *argv[] = {"log", "show", path, NULL};
	struct log_maker m;

	(void)state;
	make(&m, PROXY, 1);
	assert_null(strstr(explain_nth(0), "weak"));
	text_str(&m.text, "{\"end\":\"eof\",\"identity\":\"weak\",\"lane\":\"" LANE
			  "\",\"type\":\"close\"}\n");
	maker_write(&m, path);
	assert_says(explain_nth(0), "proxy cache, weak lane: ");
	said_by(argv, &said);
	assert_says(said.out, "closed: eof, weak");
	maker_done(&m);
}

static void a_wrong_identity_gets_the_nearest(void **state)
{
	static const struct {
		const char *id, *says;
	} rows[] = {
		{LANE ":request:GET:9", "; the nearest: " LANE ":request:GET:4, "},
		{LANE ":reply:GET:1", "; the nearest: " LANE ":request:GET:1, "},
		{LANE ":request:GTE:2", "; the nearest: " LANE ":request:GET:2, "},
		{"cach/127.0.0.1#1:request:GET:0",
		 "; the nearest: " LANE ":request:GET:0, "},
		{"nonsense", "'nonsense' is no identity"},
		{LANE ":up:GET:0", "the side is request or reply, not 'up'"},
		{LANE ":request:GET:x", ": k: "},
		{LANE ":request:GET:-1", ": k: "},
	};
	struct log_maker m;

	(void)state;
	make(&m, PROXY, 5);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		explain(rows[i].id);
		assert_int_equal(said.code, 2);
		assert_string_equal(said.out, "");
		assert_says(said.err, "turncoat: log");
		assert_says(said.err, rows[i].says);
	}
	maker_done(&m);
}

static void rule_files_that_cannot_be_read_cost_only_the_draws(void **state)
{
	struct log_maker m;
	char *word;

	(void)state;
	make(&m, PROXY "[rule slow]\ndo = delay time=5ms\n", 1);
	word = strstr(m.text.data, "do = delay");
	assert_non_null(word);
	memcpy(word, "do = dealy", 10);
	maker_write(&m, path);
	assert_says(explain_nth(0), "draws can't be told");
	assert_int_equal(said.code, 0);
	assert_says(said.out, "  slow: fired\n");
	assert_says(said.out, "  delayed 5.00ms by slow, ns = 5000000\n");
	maker_done(&m);
}

static void a_reload_changes_the_rules_from_its_unit_on(void **state)
{
	struct log_maker m;

	(void)state;
	maker_header(&m, PROXY "[rule r]\nchance = 0%\ndo = drop\n", 42);
	maker_open(&m, LANE);
	maker_unit(&m, SIDE_REQUEST, "GET", "x");
	text_str(&m.text, "{\"files\":[{\"name\":\"new.ini\",\"text\":");
	json_str(&m.text, span_str(PROXY "[rule other]\nside = reply\ndo = drop\n"));
	text_str(&m.text, "}],\"generation\":2,\"type\":\"reload\",\"wall\":{\"at\":1}}\n"
			  "{\"generation\":2,\"lane\":\"" LANE
			  "\",\"side\":\"request\",\"type\":\"rules\",\"unit\":1}\n");
	maker_unit(&m, SIDE_REQUEST, "GET", "x");
	maker_close(&m);
	maker_write(&m, path);
	assert_says(explain_nth(0), "rules, in their order:\n  r: did not match");
	assert_says(explain_nth(1), "generation 2:\n  other: did not match");
	maker_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_agree_with_what_was_decided),
		cmocka_unit_test(another_seed_does_not_agree),
		cmocka_unit_test(every_outcome_is_explained),
		cmocka_unit_test(a_shadowed_rule_names_who_ended_the_unit),
		cmocka_unit_test(a_burst_fires_without_winning),
		cmocka_unit_test(edits_are_told_as_hex_and_text),
		cmocka_unit_test(log_and_identity_may_change_places),
		cmocka_unit_test(a_lane_that_was_overlapped_is_weak),
		cmocka_unit_test(a_wrong_identity_gets_the_nearest),
		cmocka_unit_test(rule_files_that_cannot_be_read_cost_only_the_draws),
		cmocka_unit_test(a_reload_changes_the_rules_from_its_unit_on),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
