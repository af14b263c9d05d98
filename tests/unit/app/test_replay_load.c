/* Which logs can't be replayed, and what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/replay_load.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILES                                                                          \
	"\"files\":[{\"name\":\"r.ini\",\"text\":\"[proxy p]\\nlisten = "              \
	"tcp://127.0.0.1:0\\nupstream = tcp://127.0.0.1:1\\n[rule slow]\\ndo = delay " \
	"time=1ms\\ndo = delay time=2ms\\n\"}]"
#define UNIT                                                                           \
	"{\"class\":\"a\",\"digest\":\"0123456789abcdef\",\"k\":0,\"lane\":\"p/x#1\"," \
	"\"len\":3,\"side\":\"request\",\"type\":\"unit\""
#define DELAY "{\"do\":\"delay\",\"ns\":1000,\"rule\":\"slow\"}"
#define RULES                                                                           \
	"{\"generation\":1,\"lane\":\"p/x#1\",\"side\":\"request\",\"type\":\"rules\"," \
	"\"unit\":"

static const struct {
	const char *name;
	const char *lines; /* behind the header */
	const char *error; /* NULL: it is fine */
} ROWS[] = {
	{"a unit", UNIT "}\n", NULL},
	{"a unit twice", UNIT "}\n" UNIT "}\n", "is there already"},
	{"as many effects as actions",
	 UNIT ",\"effects\":[" DELAY "," DELAY "],\"rules\":{\"slow\":\"fired\"}}\n",
	 NULL},
	{"more effects than actions",
	 UNIT ",\"effects\":[" DELAY "," DELAY "," DELAY "]}\n",
	 "more effects than the rules have actions"},
	{"no effects but numbers", UNIT ",\"effects\":[1,2]}\n", "the rule '' is not"},
	{"an effect of an action that the rule has not",
	 UNIT ",\"effects\":[{\"do\":\"drop\",\"rule\":\"slow\"}]}\n", "does no 'drop'"},
	{"more values than effects have",
	 UNIT ",\"effects\":[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"do\":\"delay\",\"e\":5,"
	      "\"rule\":\"slow\"}]}\n",
	 "more than 4 values"},
	{"rules that change in order", RULES "3}\n" RULES "3}\n" RULES "4}\n", NULL},
	{"rules that change in front", RULES "3}\n" RULES "2}\n", "in front of the one"},
	{"a generation that no file has",
	 "{\"generation\":9,\"lane\":\"p/x#1\",\"side\":\"request\",\"type\":\"rules\","
	 "\"unit\":0}\n" UNIT ",\"rules\":{\"slow\":\"fired\"}}\n",
	 "no rule files are known"},
	{"a delivery number like no log has", UNIT ",\"wall\":{\"n\":2}}\n",
	 "delivery number 2"},
	{"a digest of another length",
	 "{\"class\":\"a\",\"digest\":\"0\",\"k\":0,\"lane\":\"p/"
	 "x#1\",\"len\":3,\"side\":"
	 "\"request\",\"type\":\"unit\"}\n",
	 "is damaged"},
	{"edits that are no hex",
	 UNIT ",\"edits\":[{\"at\":0,\"new\":\"0\",\"old\":\"00\"}],\"rules\":{}}\n",
	 "is not hex"},
	{"an edit nowhere",
	 UNIT ",\"edits\":[{\"new\":\"00\",\"old\":\"00\"}],\"rules\":{}}\n",
	 "without an offset"},
	{"numbers of the wrong types",
	 UNIT ",\"effects\":{},\"edits\":7,\"fixup\":[],\"late\":1,\"rules\":[],"
	      "\"verdict\":{},\"wall\":{\"n\":\"7\"}}\n",
	 NULL},
	{"a line about no unit",
	 "{\"class\":\"a\",\"inside\":1,\"k\":0,\"lane\":\"p/x#1\",\"side\":\"request\","
	 "\"type\":\"late\"}\n",
	 "did not come"},
	{"a reload without files", "{\"type\":\"reload\"}\n", "can't be read"},
};

static void logs_are_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		int fd = memfd_create("log", MFD_CLOEXEC);
		struct replay_log *log = NULL;
		struct text text = {0};
		struct err err = {0};
		char path[64];
		int code;

		text_str(&text, "{\"abi\":1," FILES ",\"seed\":1,\"type\":\"header\"}\n");
		text_str(&text, ROWS[i].lines);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len) {
			abort();
		}
		code = replay_log_load(path, REPLAY_FAIL, &log, &err);
		if ((code != 0) != (ROWS[i].error != NULL) ||
		    (code != 0 && !strstr(err.text, ROWS[i].error))) {
			fail_msg("%s: %s", ROWS[i].name,
				 code != 0 ? err.text : "no error");
		}
		replay_log_free(log);
		text_done(&text);
		close(fd);
	}
}

/* Nothing of a file reaches a terminal as it is. */
static void control_characters_of_rule_files_are_shown_as_digits(void **state)
{
	static const char HEADER[] =
		"{\"abi\":1,\"files\":[{\"name\":\"r.ini\",\"text\":\"[proxy p]\\nlisten "
		"= "
		"tcp://127.0.0.1:0\\nupstream = tcp://127.0.0.1:1\\n[rule a]\\ndo = "
		"drop\\nside = a\\tb\"}],\"seed\":1,\"type\":\"header\"}\n";
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct replay_log *log;
	struct err err = {0};
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(write(fd, HEADER, sizeof(HEADER) - 1), sizeof(HEADER) - 1);
	assert_int_not_equal(replay_log_load(path, REPLAY_FAIL, &log, &err), 0);
	assert_non_null(strstr(err.text, "\\x09"));
	assert_null(strchr(err.text, '\t'));
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_are_taken_or_refused),
		cmocka_unit_test(control_characters_of_rule_files_are_shown_as_digits),
	};

	return cmocka_run_group_tests_name("replay_load", tests, NULL, NULL);
}
