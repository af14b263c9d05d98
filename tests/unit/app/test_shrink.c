/* What shrinking stands on: faults read from a log, written as rules that do the same to
 * the same units without the seed; outcomes; and tries that are remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/shrink_cache.h"
#include "app/shrink_fault.h"
#include "app/shrink_outcome.h"
#include "app/shrink_rules.h"
#include "base/quantity.h"
#include "log_maker.h"

#define PROXY "[proxy cache]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"
#define LANE "cache/127.0.0.1#1"
#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/test_shrink.XXXXXX";

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

/* --- edits --- */

/* "1:62>58 2:>7a": each on what the ones before left. */
static size_t parse_edits(const char *text, struct edit *edits, uint8_t *bytes)
{
	size_t num = 0, at = 0;

	while (*text) {
		char old[64] = "", new[64] = "", *end;
		struct edit *edit = &edits[num++];

		edit->at = strtoull(text, &end, 10);
		text = end + 1;
		memcpy(old, text, strcspn(text, ">"));
		text += strcspn(text, ">") + 1;
		memcpy(new, text, strcspn(text, " "));
		text += strcspn(text, " ");
		text += *text == ' ';
		edit->old_from = at;
		edit->old_len = 0;
		if (*old) {
			parse_hex(old, bytes + at, 32, &edit->old_len, NULL);
		}
		at += edit->old_len;
		edit->new_from = at;
		edit->new_len = 0;
		if (*new) {
			parse_hex(new, bytes + at, 32, &edit->new_len, NULL);
		}
		at += edit->new_len;
	}
	return num;
}

static void edits_are_changes_of_what_came_in(void **state)
{
	static const struct {
		const char *name;
		uint64_t unit_bytes;
		const char *edits, *changes; /* NULL: they don't fit */
	} ROWS[] = {
		{"none", 4, "", ""},
		{"one byte", 4, "1:62>58", "1:62>58"},
		{"bytes that stay equal are left out", 4, "0:616263>615863", "1:62>58"},
		{"two bytes are two changes", 4, "0:6162>5859", "0:61>58 1:62>59"},
		{"one byte twice", 4, "1:62>58 1:58>59", "1:62>59"},
		{"there and back", 4, "1:62>58 1:58>62", ""},
		{"a growth", 4, "2:>7a7a", "2:>7a7a"},
		{"a growth at the end", 4, "4:>7a", "4:>7a"},
		{"a loss", 4, "1:6263>", "1:6263>"},
		{"all of it lost", 2, "0:6162>", "0:6162>"},
		{"equal ends are cut off", 6, "0:613d31>613d3030", "2:31>3030"},
		{"what comes behind a growth moves back", 6, "0:61>7a7a 4:64>58",
		 "0:61>7a7a 3:64>58"},
		{"a loss of what was put in", 4, "1:>7a7a7a 2:7a>", "1:>7a7a"},
		{"a loss across what was put in", 4, "1:>7a 0:617a62>", "0:6162>"},
		{"put in where bytes are gone", 4, "1:62> 1:>58", "1:62>58"},
		{"past the end", 2, "3:>7a", NULL},
		{"more gone than there is", 2, "1:6263>", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct edit edits[8];
		uint8_t bytes[256];
		struct arena arena = {0};
		struct deed deed = {0};
		struct text got = {0};
		size_t num = parse_edits(ROWS[i].edits, edits, bytes);
		bool fits = changes_of_edits(edits, num, bytes, ROWS[i].unit_bytes,
					     &arena, &deed);

		for (size_t c = 0; c < deed.num_changes; c++) {
			const struct change *change = &deed.changes[c];

			text_format(&got, "%s%ju:", c ? " " : "", (uintmax_t)change->at);
			text_hex(&got, change->old);
			text_byte(&got, '>');
			text_hex(&got, change->new);
		}
		if (fits != (ROWS[i].changes != NULL) ||
		    (fits && strcmp(text_cstr(&got), ROWS[i].changes) != 0)) {
			fail_msg("%s: %s %s", ROWS[i].name,
				 fits ? "fits" : "does not fit", text_cstr(&got));
		}
		text_done(&got);
		arena_done(&arena);
	}
}

/* --- rules --- */

static void make_log(const char *ini, uint64_t seed)
{
	static const char *const UNITS[] = {"GET key-0123456789\r\n", "a=1 bc=23 d=4567",
					    "x", ""};
	struct log_maker m;

	maker_header(&m, ini, seed);
	maker_open(&m, LANE);
	for (unsigned i = 0; i < 60; i++) {
		maker_unit(&m, i % 3 ? SIDE_REQUEST : SIDE_REPLY, i % 2 ? "GET" : "a.b-C",
			   UNITS[i % NUM(UNITS)]);
	}
	maker_close(&m);
	maker_write(&m, path);
	maker_done(&m);
}

static struct replay_log *read_faults(struct fault_list *out)
{
	struct replay_log *log;
	struct err err = {0};

	if (replay_log_load(path, REPLAY_FAIL, &log, &err) != 0) {
		fail_msg("%s", err.text);
	}
	fault_list_read(log->replay, out);
	return log;
}

static void put_rules(const struct replay_log *log, const struct fault_list *list,
		      struct text *out)
{
	struct shrink_rules rules = {
		.files = json_object_get(logread_header(log->log), "files"),
		.seed = log->seed,
		.comment = "what is left",
	};
	size_t *which = xcalloc(list->num + 1, sizeof(*which));
	struct deed *deeds = xcalloc(list->num + 1, sizeof(*deeds));

	for (size_t i = 0; i < list->num; i++) {
		which[i] = i;
		deeds[i] = list->faults[i].deed;
		assert_true(list->faults[i].known);
	}
	shrink_rules_put(&rules, list->faults, which, deeds, list->num, out);
	free(which);
	free(deeds);
}

/* All that is done to all units, but for what does nothing. */
static void put_deeds(const struct fault_list *list, struct text *out)
{
	struct text deed = {0};

	for (size_t i = 0; i < list->num; i++) {
		const struct fault *fault = &list->faults[i];

		text_clear(&deed);
		deed_describe(&fault->deed, &deed);
		if (strcmp(text_cstr(&deed), "nothing changed") == 0) {
			continue;
		}
		text_format(out, "%s %s, %lld ns, %ju copies, hold %lld:", fault->id,
			    text_cstr(&deed), (long long)fault->deed.delay_ns,
			    (uintmax_t)fault->deed.copies,
			    (long long)fault->deed.hold_ns);
		for (size_t c = 0; c < fault->deed.num_changes; c++) {
			text_format(out, " %ju:", (uintmax_t)fault->deed.changes[c].at);
			text_hex(out, fault->deed.changes[c].old);
			text_byte(out, '>');
			text_hex(out, fault->deed.changes[c].new);
		}
		text_byte(out, '\n');
	}
	text_done(&deed);
}

static void rules_do_what_the_log_did_without_its_seed(void **state)
{
	static const char *const ROWS[] = {
		"do = drop\n",
		"do = delay time=5ms jitter=3ms distribution=normal\n",
		"do = delay time=50min\ndo = delay time=50min\n",
		"do = duplicate copies=3 gap=2 hold=3s\n",
		"do = duplicate copies=90\ndo = duplicate copies=90\n",
		"do = reorder gap=4 hold=1500us\n",
		"do = mutate flip bits=9\n",
		"do = mutate flip bits=3 at=5 len=4\ndo = delay time=3ms\n",
		"do = mutate set at=3 text=\"abcdef\"\n",
		"do = mutate truncate by=3 fixup=none\n",
		"do = mutate truncate to=0\n",
		"do = mutate extend by=300 fill=random\n",
		"do = mutate extend by=9000 fill=random\n",
		"do = mutate replace pattern=/\\d+/ with=\"<$0$0>\" all=yes\n",
		"do = mutate replace pattern=/=/ with=\"\" all=yes\n"
		"do = mutate flip bits=5\ndo = mutate extend by=2\n",
		"do = mutate splice at=2 remove=1 bytes=\"7a7a 7a\"\n",
		"do = mutate flip bits=2\ndo = reset at=4\n",
		"do = close at=2\n",
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		struct fault_list list;
		struct text ini = {0}, rules = {0}, wanted = {0}, got = {0};
		struct replay_log *log;

		text_format(&ini,
			    "[turncoat]\nlog = elsewhere.jsonl\n" PROXY
			    "[rule r]\nchance = 40%%\n%s",
			    ROWS[i]);
		make_log(text_cstr(&ini), 42);
		log = read_faults(&list);
		assert_true(list.num > 5);
		put_rules(log, &list, &rules);
		put_deeds(&list, &wanted);
		fault_list_done(&list);
		replay_log_free(log);
		assert_null(strstr(text_cstr(&rules), "elsewhere"));
		assert_non_null(strstr(text_cstr(&rules), "seed = 42\n"));
		make_log(text_cstr(&rules), 7);
		log = read_faults(&list);
		put_deeds(&list, &got);
		fault_list_done(&list);
		replay_log_free(log);
		if (strcmp(text_cstr(&got), text_cstr(&wanted)) != 0) {
			fail_msg("%s: wanted\n%.400s\ngot\n%.400s\nof\n%.2000s", ROWS[i],
				 text_cstr(&wanted), text_cstr(&got), text_cstr(&rules));
		}
		text_done(&ini);
		text_done(&rules);
		text_done(&wanted);
		text_done(&got);
	}
}

static void all_but_the_rules_is_copied(void **state)
{
	static const char INI[] =
		"; a remark\n[turncoat]\nseed = 9\ndrain = 3s\nlog = \\\n  x.jsonl\n"
		"[rule a]\nchance = 90%\ndo = delay time=5ms \\\n  jitter=1ms\n" PROXY
		"frame = line ; lines\n[rule b]\ndo = drop\n";
	struct text rules = {0};
	struct fault_list list;
	struct replay_log *log;

	(void)state;
	make_log(INI, 42);
	log = read_faults(&list);
	list.num = 0;
	put_rules(log, &list, &rules);
	assert_string_equal(text_cstr(&rules),
			    "; what is left\n; a remark\n[turncoat]\nseed = 42\n"
			    "drain = 3s\n" PROXY "frame = line ; lines\n");
	fault_list_done(&list);
	replay_log_free(log);
	text_done(&rules);
}

/* --- outcomes --- */

static void an_outcome_tells_failures_apart(void **state)
{
	static const struct {
		const char *result;
		bool needs_all;
		const char *outcome;
	} ROWS[] = {
		{"{\"verdict\":\"passed\",\"findings\":[],\"vacuous\":\"\"}", true,
		 "passed"},
		{"{\"verdict\":\"failed\",\"exit\":7,\"findings\":[{\"kind\":\"failed\","
		 "\"name\":\"cmd\",\"at\":5,\"text\":\"exit status 7\"}]}",
		 false, "failed failed:cmd, exit status 7"},
		{"{\"verdict\":\"safety\",\"exit\":1,\"findings\":["
		 "{\"kind\":\"safety\",\"name\":\"b\"},{\"kind\":\"liveness\",\"name\":"
		 "\"g\"},{\"kind\":\"safety\",\"name\":\"a\"},{\"kind\":\"safety\","
		 "\"name\":\"b\"}]}",
		 false, "safety liveness:g safety:a safety:b"},
		{"{\"verdict\":\"failed\",\"exit\":1,\"findings\":["
		 "{\"kind\":\"failed\",\"name\":\"cmd\"},{\"kind\":\"diverged\","
		 "\"name\":\"replay\"}]}",
		 false, "unresolved: the unit of a fault did not come"},
		{"{\"verdict\":\"passed\",\"findings\":[],\"vacuous\":\"never fired: "
		 "fault-1\"}",
		 true, "unresolved: the unit of a fault did not come"},
		{"{\"verdict\":\"passed\",\"findings\":[],\"vacuous\":\"never fired: "
		 "x\"}",
		 false, "passed"},
		{"{\"verdict\":\"vacuous\",\"findings\":[{\"kind\":\"vacuous\","
		 "\"name\":\"x\"}],\"vacuous\":\"never matched: x\"}",
		 false, "passed"},
		{"{\"verdict\":\"setup\",\"findings\":[{\"kind\":\"setup\",\"name\":"
		 "\"run\"}]}",
		 false, "unresolved: it was not set up"},
		{"{}", false, "unresolved: it left no result"},
		{"[]", false, "unresolved: it left no result"},
	};

	(void)state;
	for (size_t i = 0; i < NUM(ROWS); i++) {
		json_t *result = json_loads(ROWS[i].result, 0, NULL);
		struct text outcome = {0};

		assert_non_null(result);
		shrink_outcome_put(result, ROWS[i].needs_all, &outcome);
		assert_string_equal(text_cstr(&outcome), ROWS[i].outcome);
		assert_int_equal(shrink_outcome_unresolved(text_cstr(&outcome)),
				 strncmp(ROWS[i].outcome, "unresolved", 10) == 0);
		assert_int_equal(shrink_outcome_passed(text_cstr(&outcome)),
				 strcmp(ROWS[i].outcome, "passed") == 0);
		text_done(&outcome);
		json_decref(result);
	}
}

/* --- tries --- */

static struct shrink_cache *cache_open(const char *about, size_t wanted_known)
{
	struct shrink_cache *cache;
	struct err err = {0};
	size_t known;

	if (shrink_cache_open(path, about, &cache, &known, &err) != 0) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(known, wanted_known);
	return cache;
}

static void tries_are_remembered_across_an_interrupt(void **state)
{
	struct shrink_cache *cache;
	struct err err;
	FILE *file;

	(void)state;
	assert_int_equal(truncate(path, 0), 0);
	cache = cache_open("{\"log\":\"a\"}", 0);
	shrink_cache_add(cache, 1, 3, "passed");
	shrink_cache_add(cache, 2, 3, "failed \"x\"");
	shrink_cache_add(cache, 1, 3, "unresolved: why");
	shrink_cache_close(cache);
	/* As a run leaves it that was killed while it wrote. */
	file = fopen(path, "a");
	fputs("{\"faults\":3,\"key\":\"00000", file);
	fclose(file);
	cache = cache_open("{\"log\":\"a\"}", 3);
	assert_string_equal(shrink_cache_get(cache, 1, 0), "passed");
	assert_string_equal(shrink_cache_get(cache, 1, 1), "unresolved: why");
	assert_null(shrink_cache_get(cache, 1, 2));
	assert_string_equal(shrink_cache_get(cache, 2, 0), "failed \"x\"");
	assert_null(shrink_cache_get(cache, 3, 0));
	shrink_cache_add(cache, 4, 1, "passed");
	assert_false(shrink_cache_failed(cache, &err));
	shrink_cache_close(cache);
	cache = cache_open("{\"log\":\"a\"}", 4);
	shrink_cache_close(cache);
	/* Another log or command: nothing of it counts. */
	cache = cache_open("{\"log\":\"b\"}", 0);
	assert_null(shrink_cache_get(cache, 1, 0));
	shrink_cache_close(cache);
	cache = cache_open("{\"log\":\"a\"}", 0);
	shrink_cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_changes_of_what_came_in),
		cmocka_unit_test(rules_do_what_the_log_did_without_its_seed),
		cmocka_unit_test(all_but_the_rules_is_copied),
		cmocka_unit_test(an_outcome_tells_failures_apart),
		cmocka_unit_test(tries_are_remembered_across_an_interrupt),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
