/* `replay` of a packet trace to a live peer: a run whose plane is the player.
 *
 * It reads the trace, opens a run with the player in place of listeners, and says how the
 * live peer's words compare with the recorded ones.
 */
#ifndef APP_REPLAY_PLAY_H
#define APP_REPLAY_PLAY_H

#include "plane/player.h"

struct replay_play_options {
	const char *trace_path;
	/* Rule files: they name proxies and framers, and need have no rule. None: the
	 * trace is a capture of ours and has them. */
	const char *const *paths;
	size_t num_paths;
	bool seed_given; /* else the capture's, the files', or drawn */
	uint64_t seed;
	enum player_role role;
	/* HOST:PORT, or a path for a Unix socket: where the live server is, or where to
	 * listen. For traces that use one proxy. NULL: each proxy's upstream, or listen.
	 */
	const char *address;
	const char *speed; /* as replay_speed_parse() has it; NULL: as recorded */
	int64_t wait_ns;   /* for each unit of the live peer */
	const char *log_path;
	const char *ready_path;
	bool strict;
	bool quiet;
	char **command; /* with PLAY_SERVER: the live client; NULL: none */
	char *const *argv;
	int argc;
};

/* The exit code. Errors are told on standard error. */
int replay_play(const struct replay_play_options *options);

/* "1", "0.5", "10x", "max", in thousandths; max is 0. */
int replay_speed_parse(const char *text, uint64_t *out_milli, struct err *err);

#endif
