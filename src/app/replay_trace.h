/* A trace replayed offline: its dialogs judged under rules and a seed, without a wire.
 *
 * The same trace, rules and seed give the same log and the same packets, byte for byte,
 * on any machine. A capture of ours brings rules and seed along.
 */
#ifndef APP_REPLAY_TRACE_H
#define APP_REPLAY_TRACE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_trace_options {
	const char *trace_path; /* "-" is standard input */
	const char *const *rules;
	size_t num_rules; /* 0: those that the trace brings along */
	bool seed_given;  /* false: the trace's own, else the rule file's; never drawn */
	uint64_t seed;
	/* NULL: none. The rule files' own `log` is that of their runs, and is left alone.
	 */
	const char *log_path;
	const char *out_path; /* the packets as they would have been; NULL: none */
	bool strict;
	bool allow_vacuous;
	bool quiet; /* only errors on stderr */
};

/* Says what it does and what went wrong on stderr; returns the exit code. */
int replay_trace(const struct replay_trace_options *options);

#endif
