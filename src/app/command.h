/* The command under test: started, given its time, ended. Its outputs pass through us
 * only when somebody wants to see them.
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include "app/output.h"
#include "io/process.h"

#include <stdbool.h>
#include <stdint.h>

enum { NUM_COMMAND_OUTPUTS = 2 };

struct command {
	struct process process;
	struct output *outputs[NUM_COMMAND_OUTPUTS]; /* NULL: they are not ours */
	bool started;
	bool timed_out;
	int64_t timeout_at_ns; /* INT64_MAX: never */
	int64_t kill_at_ns;    /* it ignores the signal; INT64_MAX: it was told nothing */
};

struct command_options {
	char *const *argv;
	int64_t timeout_ns;   /* 0: none */
	const char *log_path; /* where its outputs are kept; NULL: they are left alone */
	void (*on_line)(void *ctx, struct span line);
	void *ctx;
};

void command_init(struct command *command);
int command_start(struct command *command, struct loop *loop,
		  const struct command_options *options, struct err *err);
bool command_runs(struct command *command);
/* TERM, and KILL after five seconds. */
void command_end(struct command *command, int64_t now_ns);
/* Does what is due by now; true: it has just run out of its time. */
bool command_look(struct command *command, int64_t now_ns);
int64_t command_next_ns(const struct command *command);
/* Takes what it has printed. */
void command_drain(struct command *command);
/* Kills what is left of it; its status stays. */
void command_finish(struct command *command);
void command_done(struct command *command);

#endif
