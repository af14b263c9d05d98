#include "app/command.h"

#include <signal.h>
#include <unistd.h>

#define KILL_AFTER_NS (INT64_C(5000) * 1000000)

void command_init(struct command *command)
{
	*command = (struct command){
		.timeout_at_ns = INT64_MAX,
		.kill_at_ns = INT64_MAX,
	};
}

/* A command at a terminal stays in our group, or it could not read from it. */
static bool at_terminal(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Both outputs go to one file. */
static int open_outputs(struct command *command, struct loop *loop,
			const struct command_options *options, int *out_fds,
			struct err *err)
{
	static const int OURS[NUM_COMMAND_OUTPUTS] = {STDOUT_FILENO, STDERR_FILENO};

	for (int i = 0; options->log_path && i < NUM_COMMAND_OUTPUTS; i++) {
		struct output_options output = {
			.path = options->log_path,
			.append = i > 0,
			.copy_fd = OURS[i],
			.on_line = options->on_line,
			.ctx = options->ctx,
		};

		if (output_open(loop, &output, &command->outputs[i], &out_fds[i], err) <
		    0) {
			return ERR_SYSTEM;
		}
	}
	return 0;
}

int command_start(struct command *command, struct loop *loop,
		  const struct command_options *options, struct err *err)
{
	int fds[NUM_COMMAND_OUTPUTS] = {-1, -1};
	int code = open_outputs(command, loop, options, fds, err);

	if (code == 0) {
		struct process_options process = {
			.argv = options->argv,
			.in = -1,
			.out = fds[0],
			.err = fds[1],
			.own_group = !at_terminal(),
		};

		code = process_start(&command->process, &process, err);
	}
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	command->started = code == 0;
	if (code == 0 && options->timeout_ns) {
		command->timeout_at_ns = loop_now_ns(loop) + options->timeout_ns;
	}
	return code;
}

bool command_runs(struct command *command)
{
	return command->started && !process_ended(&command->process);
}

void command_end(struct command *command, int64_t now_ns)
{
	process_signal(&command->process, SIGTERM);
	if (command->kill_at_ns == INT64_MAX) {
		command->kill_at_ns = now_ns + KILL_AFTER_NS;
	}
}

bool command_look(struct command *command, int64_t now_ns)
{
	if (now_ns >= command->kill_at_ns) {
		process_signal(&command->process, SIGKILL);
		command->kill_at_ns = now_ns + KILL_AFTER_NS;
	}
	if (now_ns < command->timeout_at_ns) {
		return false;
	}
	command->timeout_at_ns = INT64_MAX;
	command->timed_out = true;
	command_end(command, now_ns);
	return true;
}

int64_t command_next_ns(const struct command *command)
{
	return command->timeout_at_ns < command->kill_at_ns ? command->timeout_at_ns
							    : command->kill_at_ns;
}

void command_drain(struct command *command)
{
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		if (command->outputs[i]) {
			output_drain(command->outputs[i]);
		}
	}
}

void command_finish(struct command *command)
{
	process_finish(&command->process);
}

void command_done(struct command *command)
{
	process_finish(&command->process);
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		output_free(command->outputs[i]);
		command->outputs[i] = NULL;
	}
}
