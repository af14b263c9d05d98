/* `log stats`: totals that are known from how the log was made, with and without a
 * summary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "log_maker.h"

#define PROXY "[proxy cache]\nlisten = tcp://127.0.0.1:0\nupstream = tcp://127.0.0.1:1\n"
#define SUMMARY                                                                \
	"{\"rules\":{\"slow\":{\"considered\":11,\"fired\":4,\"matched\":4}}," \
	"\"totals\":{},"                                                       \
	"\"type\":\"summary\"}\n"
#define WEAK_OPEN(lane) \
	"{\"epoch\":0,\"identity\":\"weak\",\"lane\":\"" lane "\",\"type\":\"open\"}\n"
#define WEAK_CLOSE(lane)                                          \
	"{\"end\":\"eof\",\"identity\":\"weak\",\"lane\":\"" lane \
	"\",\"type\":\"close\"}\n"

static char path[] = "/tmp/test_log_stats.XXXXXX";
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

/* One lane: 4 requests of 9 bytes delayed by 1 to 4 ms, 3 replies of 4 bytes, one of them
 * lost. */
static void make(struct log_maker *m)
{
	maker_header(m,
		     PROXY "[rule slow]\nside = request\ndo = delay time=1ms\n"
			   "[rule lose]\nside = reply\nskip = 2\ndo = drop\n"
			   "[rule never]\nclass = NONE\nchance = 5%\ndo = drop\n",
		     42);
	maker_open(m, "cache/a#1");
	for (unsigned i = 0; i < 4; i++) {
		maker_unit(m, SIDE_REQUEST, "GET", "GET key\r\n");
	}
	for (unsigned i = 0; i < 3; i++) {
		maker_unit(m, SIDE_REPLY, "ok", "+OK\n");
	}
}

static void stats(const struct log_maker *m, unsigned times)
{
	const char *argv[] = {"log", "stats", path, times > 1 ? path : NULL, NULL};

	maker_write(m, path);
	said_by(argv, &said);
}

static void assert_says(const char *part)
{
	if (!strstr(said.out, part)) {
		fail_msg("no '%s' in:\n%s", part, said.out);
	}
}

static void totals_are_those_of_the_run(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m);
	maker_close(&m);
	text_str(&m.text, SUMMARY);
	stats(&m, 1);
	assert_int_equal(said.code, 0);
	/* SIDE LANES UNITS-IN UNITS-OUT DROPPED HELD COPIES BYTES-IN BYTES-OUT */
	assert_says("cache            request       1          4          4          0   "
		    "       0          0         36         36\n");
	assert_says("cache            reply         1          3          2          1   "
		    "       0          0         12          8\n");
	/* RULE CONSIDERED MATCHED FIRED SHADOWED RATE */
	assert_says("slow                             11          4          4          "
		    "0  100% (4 of 4), configured 100%\n");
	assert_says("never                             0          0          0          "
		    "0  no draw, configured 5%\n");
	assert_says("delay                             4\n");
	assert_says("drop                              1\n");
	assert_says("delays: min 1.00ms, median 1.00ms, max 1.00ms\n");
	assert_says("conservation: holds in all 2 lane sides that were closed\n");
	maker_done(&m);
}

static void several_logs_add_up(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m);
	maker_close(&m);
	text_str(&m.text, SUMMARY);
	stats(&m, 2);
	assert_int_equal(said.code, 0);
	assert_says("cache            reply         2          6          4          2   "
		    "       0          0         24         16\n");
	assert_says("slow                             22          8          8          "
		    "0  100% (8 of 8), configured 100%\n");
	maker_done(&m);
}

static void a_killed_run_is_told_from_its_units(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m);
	text_str(&m.text, "{\"class\":\"GET\",\"dig");
	stats(&m, 1);
	assert_int_equal(said.code, 0);
	assert_says("no summary: the run was killed or goes on\n");
	assert_non_null(strstr(said.err, "the last line is cut off"));
	assert_says("cache            request       1          4          0          0   "
		    "       0          0         36          0\n");
	assert_says("still open at the end: 1 lanes");
	assert_says("slow                              -          4          4          "
		    "0  100% (4 of 4)");
	assert_says("conservation: no lane was closed, so nothing can be checked\n");
	lane_done(&m.lane);
	maker_done(&m);
}

static void lost_bytes_are_a_violation(void **state)
{
	struct log_maker m;
	char *out;

	(void)state;
	make(&m);
	maker_close(&m);
	out = strstr(m.text.data, "\"bytes_out\":36");
	assert_non_null(out);
	memcpy(out, "\"bytes_out\":35", 14);
	stats(&m, 1);
	assert_int_equal(said.code, 1);
	assert_says("conservation: VIOLATED in 1 of 2 lane sides\n  cache/a#1 request: ");
	maker_done(&m);
}

static void notes_come_most_frequent_first(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m);
	maker_close(&m);
	text_str(&m.text, "{\"note\":\"rare\",\"type\":\"note\"}\n"
			  "{\"note\":\"often\",\"type\":\"note\"}\n"
			  "{\"note\":\"often\",\"type\":\"note\"}\n");
	stats(&m, 1);
	assert_says("notes: often 2, rare 1\n");
	maker_done(&m);
}

/* Who is overlapped later is weak too, which only its close line can tell. */
static void weak_lanes_are_counted_once(void **state)
{
	struct log_maker m;

	(void)state;
	make(&m);
	text_str(&m.text, WEAK_OPEN("cache/a#2") WEAK_CLOSE("cache/a#2"));
	text_str(&m.text, WEAK_CLOSE("cache/a#1"));
	stats(&m, 1);
	assert_says("cache            weak lanes: 2\n");
	lane_done(&m.lane);
	maker_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_those_of_the_run),
		cmocka_unit_test(several_logs_add_up),
		cmocka_unit_test(a_killed_run_is_told_from_its_units),
		cmocka_unit_test(lost_bytes_are_a_violation),
		cmocka_unit_test(notes_come_most_frequent_first),
		cmocka_unit_test(weak_lanes_are_counted_once),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
