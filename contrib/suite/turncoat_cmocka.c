/* A seed sweep in a cmocka suite: one test a seed.
 *
 *   cc turncoat_cmocka.c -o turncoat_cmocka -lcmocka
 *   CHAOS_RULES=chaos.ini CHAOS_COMMAND=./run-tests ./turncoat_cmocka
 *
 * Set SEED_FIRST and SEED_NUM to the seeds that your suite has time for. A failing seed's
 * folder is left in $CHAOS_OUT (./turncoat-out), with log, result and outputs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	SEED_FIRST = 1,
	SEED_NUM = 5,
	PATH_BYTES = 4096,
};

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && value[0] ? value : fallback;
}

/* turncoat's exit status: 0 when the run passed. */
static int run_seed(int number)
{
	const char *out = setting("CHAOS_OUT", "turncoat-out");
	char dir[PATH_BYTES], log[PATH_BYTES + 16], result[PATH_BYTES + 16], seed[16];
	int status;
	pid_t pid;

	snprintf(seed, sizeof(seed), "%d", number);
	snprintf(dir, sizeof(dir), "%s/%d", out, number);
	snprintf(log, sizeof(log), "%s/run.jsonl", dir);
	snprintf(result, sizeof(result), "%s/result.json", dir);
	(void)mkdir(out, 0777); /* turncoat tells when they are not there */
	(void)mkdir(dir, 0777);
	pid = fork();
	if (pid == 0) {
		execlp(setting("TURNCOAT", "turncoat"), "turncoat", "run",
		       setting("CHAOS_RULES", "chaos.ini"), "--seed", seed, "--own-ports",
		       "--allow-vacuous", "--timeout", "60s", "--dir", dir, "--log", log,
		       "--result", result, "--", "sh", "-c",
		       setting("CHAOS_COMMAND", "./run-tests"), (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_seed(void **state)
{
	int seed = *(int *)*state;

	if (run_seed(seed) != 0) {
		fail_msg("seed %d: see %s/%d/result.json", seed,
			 setting("CHAOS_OUT", "turncoat-out"), seed);
	}
}

int main(void)
{
	static struct CMUnitTest tests[SEED_NUM];
	static char names[SEED_NUM][32];
	static int seeds[SEED_NUM];

	for (int i = 0; i < SEED_NUM; i++) {
		seeds[i] = SEED_FIRST + i;
		snprintf(names[i], sizeof(names[i]), "seed %d", seeds[i]);
		tests[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = test_seed,
			.initial_state = &seeds[i],
		};
	}
	return cmocka_run_group_tests_name("chaos", tests, NULL, NULL);
}
