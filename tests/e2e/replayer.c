/* replayer: replay_play() with its options as words, for tests.
 *
 *   replayer client|server TRACE RULES|- SEED|- ADDRESS|- SPEED WAIT_MS LOG|- READY|-
 *            [COMMAND...]
 */
#include "app/replay_play.h"

#include <stdio.h>
#include <stdlib.h>

static const char *word(char **argv, int i)
{
	return strcmp(argv[i], "-") == 0 ? NULL : argv[i];
}

int main(int argc, char **argv)
{
	struct replay_play_options options = {0};
	const char *rules;

	if (argc < 10) {
		fputs("usage: see tests/e2e/replayer.c\n", stderr);
		return 2;
	}
	rules = word(argv, 3);
	options.role = strcmp(argv[1], "server") == 0 ? PLAY_SERVER : PLAY_CLIENT;
	options.trace_path = argv[2];
	options.paths = &rules;
	options.num_paths = rules ? 1 : 0;
	options.seed_given = word(argv, 4) != NULL;
	options.seed = options.seed_given ? strtoull(argv[4], NULL, 10) : 0;
	options.address = word(argv, 5);
	options.speed = argv[6];
	options.wait_ns = strtoll(argv[7], NULL, 10) * 1000000;
	options.log_path = word(argv, 8);
	options.ready_path = word(argv, 9);
	options.command = argc > 10 ? argv + 10 : NULL;
	options.argv = argv;
	options.argc = 2;
	return replay_play(&options);
}
