/* `log diff` and `log canon`: equal runs are equal however their lines fell; each kind of
 * difference is found and named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log_maker.h"

#define HEADER                                                                           \
	"{\"abi\":1,\"files\":[{\"name\":\"r.ini\",\"text\":\"a\\nb\\n\"}],\"seed\":42," \
	"\"type\":\"header\",\"wall\":{\"pid\":1,\"start\":\"x\"}}\n"
#define UNIT(lane, side, class, k, len, digest, more, at)                                \
	"{\"class\":\"" class "\",\"digest\":\"" digest "\"" more ",\"k\":" #k           \
			      ",\"lane\":\"" lane "\",\"len\":" #len ",\"side\":\"" side \
			      "\",\"type\":\"unit\",\"wall\":{\"at\":" #at ",\"n\":" #at \
			      "}}\n"
#define OPEN(lane, at)                                    \
	"{\"epoch\":0,\"lane\":\"" lane                   \
	"\",\"proxy\":\"p\",\"type\":\"open\",\"wall\":{" \
	"\"at\":" #at ",\"client\":\"[::1]:" #at "\"}}\n"
#define SENT                                     \
	"{\"class\":\"c\",\"k\":0,\"lane\":\"p/" \
	"a#1\",\"side\":\"reply\",\"type\":\"sent\"}\n"
#define DELAY(ns) ",\"effects\":[{\"do\":\"delay\",\"ns\":" #ns ",\"rule\":\"slow\"}]"

static char path_a[] = "/tmp/test_log_diff_a.XXXXXX";
static char path_b[] = "/tmp/test_log_diff_b.XXXXXX";
static struct said said;

static int make_files(void **state)
{
	int a = mkstemp(path_a), b = mkstemp(path_b);

	(void)state;
	return a < 0 || b < 0 || close(a) != 0 || close(b) != 0 ? -1 : 0;
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(path_a) | unlink(path_b);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const char *diff(const char *a, const char *b)
{
	const char *argv[] = {"log", "diff", path_a, path_b, NULL};

	put(path_a, a);
	put(path_b, b);
	said_by(argv, &said);
	return said.out;
}

static char *canon(const char *text)
{
	const char *argv[] = {"log", "canon", path_a, NULL};

	put(path_a, text);
	said_by(argv, &said);
	assert_int_equal(said.code, 0);
	return strdup(said.out);
}

#define A_OPEN OPEN("p/a#1", 1)
#define B_OPEN OPEN("p/b#1", 2)
#define A_REQ0 UNIT("p/a#1", "request", "c", 0, 5, "00", DELAY(7), 3)
#define A_REQ1 UNIT("p/a#1", "request", "c", 1, 5, "01", "", 5)
#define A_REP0 UNIT("p/a#1", "reply", "c", 0, 5, "02", "", 6)
#define B_REQ0 UNIT("p/b#1", "request", "c", 0, 5, "03", "", 7)
#define BASE HEADER A_OPEN B_OPEN A_REQ0 A_REQ1 A_REP0 B_REQ0

static void interleaving_and_times_do_not_count(void **state)
{
	static const char other[] =
		HEADER B_OPEN UNIT("p/b#1", "request", "c", 0, 5, "03", "", 77)
			A_OPEN A_REP0 SENT A_REQ0 UNIT("p/a#1", "request", "c", 1, 5,
						       "01", "", 99);
	char *a = canon(BASE), *b = canon(other);

	(void)state;
	assert_string_equal(a, b);
	assert_null(strstr(a, "wall"));
	free(a);
	free(b);
	assert_string_equal(diff(BASE, other), "equal: 2 lanes\n");
	assert_int_equal(said.code, 0);
}

static void canon_sorts_by_lane_side_type_class_and_k(void **state)
{
	char *text =
		canon(HEADER
		      "{\"type\":\"summary\"}\n"
		      "{\"generation\":2,\"files\":[],\"type\":\"reload\"}\n"
		      "{\"lane\":\"p/a#1\",\"type\":\"close\"}\n"
		      "{\"class\":\"x\",\"k\":10,\"lane\":\"p/a#1\",\"side\":\"request\","
		      "\"type\":\"unit\"}\n"
		      "{\"class\":\"x\",\"k\":9,\"lane\":\"p/a#1\",\"side\":\"request\","
		      "\"type\":\"unit\"}\n"
		      "{\"class\":\"x\",\"k\":9,\"lane\":\"p/a#1\",\"side\":\"request\","
		      "\"type\":\"cell-end\"}\n"
		      "{\"class\":\"b\",\"k\":2,\"lane\":\"p/a#1\",\"side\":\"reply\","
		      "\"type\":\"unit\"}\n"
		      "{\"lane\":\"p/a#1\",\"type\":\"open\"}\n"
		      "{\"wall\":{},\"type\":\"open\",\"lane\":\"o/a#1\"}\n");
	static const char want[] =
		"{\"abi\":1,\"files\":[{\"name\":\"r.ini\",\"text\":\"a\\nb\\n\"}],"
		"\"seed\":42,\"type\":\"header\"}\n"
		"{\"lane\":\"o/a#1\",\"type\":\"open\"}\n"
		"{\"lane\":\"p/a#1\",\"type\":\"open\"}\n"
		"{\"class\":\"x\",\"k\":9,\"lane\":\"p/a#1\",\"side\":\"request\","
		"\"type\":\"unit\"}\n"
		"{\"class\":\"x\",\"k\":10,\"lane\":\"p/a#1\",\"side\":\"request\","
		"\"type\":\"unit\"}\n"
		"{\"class\":\"x\",\"k\":9,\"lane\":\"p/a#1\",\"side\":\"request\","
		"\"type\":\"cell-end\"}\n"
		"{\"class\":\"b\",\"k\":2,\"lane\":\"p/a#1\",\"side\":\"reply\","
		"\"type\":\"unit\"}\n"
		"{\"lane\":\"p/a#1\",\"type\":\"close\"}\n"
		"{\"files\":[],\"generation\":2,\"type\":\"reload\"}\n"
		"{\"type\":\"summary\"}\n";

	(void)state;
	assert_string_equal(text, want);
	free(text);
}

/* The same content in another form (spaces, key order) has the same canonical bytes. */
static void canon_does_not_depend_on_the_writer(void **state)
{
	char *a = canon(HEADER A_REQ0);
	char *b = canon(
		HEADER
		"{ \"wall\": {\"at\": 9}, \"type\": \"unit\", \"side\": \"request\", "
		"\"len\": 5, \"lane\": \"p\\/a#1\", \"k\": 0, "
		"\"digest\": \"\\u0030\\u0030\", \"class\": \"c\", \"effects\": "
		"[{\"rule\": \"slow\", \"ns\": 7, "
		"\"do\": \"delay\"}]}\n");

	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void each_kind_of_difference_is_named(void **state)
{
	static const struct {
		const char *name, *other, *says;
	} rows[] = {
		{"missing", HEADER A_OPEN B_OPEN A_REQ0 A_REP0 B_REQ0,
		 "p/a#1 request: unit 1 (c:1) missing in B: A has 2 units, B has 1\n"
		 "1 of 2 lanes differ\n"},
		{"extra", BASE UNIT("p/b#1", "request", "d", 0, 5, "03", "", 8),
		 "p/b#1 request: unit 1 (d:0) extra in B: A has 1 units, B has 2\n"},
		{"class",
		 HEADER A_OPEN B_OPEN A_REQ0 UNIT("p/a#1", "request", "d", 0, 5, "01", "",
						  5) A_REP0 B_REQ0,
		 "p/a#1 request: unit 1 (c:1) class: c in A, d in B\n"},
		{"length",
		 HEADER A_OPEN B_OPEN A_REQ0 A_REQ1 UNIT("p/a#1", "reply", "c", 0, 6,
							 "02", "", 6) B_REQ0,
		 "p/a#1 reply: unit 0 (c:0) length: 5 in A, 6 in B\n"},
		{"content",
		 HEADER A_OPEN B_OPEN A_REQ0 A_REQ1 UNIT("p/a#1", "reply", "c", 0, 5,
							 "ff", "", 6) B_REQ0,
		 "p/a#1 reply: unit 0 (c:0) content: digest 02 in A, ff in B\n"},
		{"decision",
		 HEADER A_OPEN B_OPEN UNIT("p/a#1", "request", "c", 0, 5, "00", DELAY(8),
					   3) A_REQ1 A_REP0 B_REQ0,
		 "p/a#1 request: unit 0 (c:0) decision: effects differ\n"
		 "    A: delayed 7ns by slow\n    B: delayed 8ns by slow\n"},
		{"a decision behind content",
		 HEADER A_OPEN B_OPEN UNIT("p/a#1", "request", "c", 0, 5, "f0", DELAY(7),
					   3) UNIT("p/a#1", "request", "c", 1, 5, "01",
						   DELAY(9), 3) A_REP0 B_REQ0,
		 "p/a#1 request: unit 1 (c:1) decision: effects differ\n"
		 "    A: passed\n    B: delayed 9ns by slow\n"
		 "p/a#1 request: unit 0 (c:0) content: digest 00 in A, f0 in B\n"},
		{"lane", HEADER A_OPEN A_REQ0 A_REQ1 A_REP0,
		 "p/b#1: only in A (1 units)\n"},
		{"late",
		 BASE "{\"class\":\"c\",\"k\":0,\"lane\":\"p/b#1\",\"side\":\"request\","
		      "\"type\":\"late\"}\n",
		 "p/b#1 request: late sending (c:0) extra in B\n"},
		{"totals", BASE "{\"lane\":\"p/b#1\",\"type\":\"close\"}\n",
		 "p/b#1: close totals extra in B\n"},
		{"summary", BASE "{\"type\":\"summary\"}\n",
		 "outside lanes: summary extra in B\n2 lanes, none differs\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = diff(BASE, rows[i].other);

		if (strncmp(text, rows[i].says, strlen(rows[i].says)) != 0) {
			fail_msg("%s: does not begin with:\n%sbut is:\n%s", rows[i].name,
				 rows[i].says, text);
		}
		assert_int_equal(said.code, 1);
	}
}

static void seeds_and_rule_files_are_said_first(void **state)
{
	static const char other[] =
		"{\"abi\":1,\"files\":[{\"name\":\"r.ini\",\"text\":\"a\\nc\\n\"},"
		"{\"name\":\"s.ini\",\"text\":\"\"}],\"seed\":43,"
		"\"type\":\"header\"}\n" A_OPEN;

	(void)state;
	assert_string_equal(
		diff(HEADER A_OPEN, other),
		"seed: 42 in A, 43 in B\n"
		"rule file r.ini differs from line 2 on: \"b\" in A, \"c\" in B\n"
		"rule file s.ini: only in B\n"
		"1 lanes, none differs\n");
	assert_int_equal(said.code, 1);
}

static void many_lanes_are_counted_not_told(void **state)
{
	struct text a = {0}, b = {0};

	(void)state;
	text_str(&a, HEADER);
	text_str(&b, HEADER);
	for (int i = 0; i < 25; i++) {
		text_format(&a, "{\"lane\":\"p/x#%02d\",\"type\":\"open\"}\n", i);
	}
	diff(text_cstr(&a), text_cstr(&b));
	assert_int_equal(said.code, 1);
	assert_non_null(strstr(said.out, "p/x#19: only in A"));
	assert_null(strstr(said.out, "p/x#20: only in A"));
	assert_non_null(strstr(said.out,
			       "and 5 more lanes that differ (--all shows them)\n"
			       "25 of 25 lanes differ\n"));
	text_done(&a);
	text_done(&b);
}

static void a_log_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	diff(BASE, HEADER "garbage\n");
	assert_int_equal(said.code, 2);
	assert_string_equal(said.out, "");
	assert_non_null(strstr(said.err, "turncoat: log: "));
	assert_non_null(strstr(said.err, ":2: not JSON"));
}

static void canon_does_not_overwrite_its_log(void **state)
{
	const char *argv[] = {"log", "canon", path_a, "-o", path_a, NULL};
	char *before;

	(void)state;
	put(path_a, BASE);
	said_by(argv, &said);
	assert_int_equal(said.code, 2);
	assert_non_null(strstr(said.err, "would overwrite the log itself"));
	before = canon(BASE);
	argv[4] = path_b;
	said_by(argv, &said);
	assert_int_equal(said.code, 0);
	assert_string_equal(said.out, "");
	argv[2] = path_b;
	argv[3] = NULL;
	said_by(argv, &said);
	assert_string_equal(said.out, before);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interleaving_and_times_do_not_count),
		cmocka_unit_test(canon_sorts_by_lane_side_type_class_and_k),
		cmocka_unit_test(canon_does_not_depend_on_the_writer),
		cmocka_unit_test(each_kind_of_difference_is_named),
		cmocka_unit_test(seeds_and_rule_files_are_said_first),
		cmocka_unit_test(many_lanes_are_counted_not_told),
		cmocka_unit_test(a_log_that_cannot_be_read_is_an_error),
		cmocka_unit_test(canon_does_not_overwrite_its_log),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
