#include "app/trial.h"

#include "io/guard.h"
#include "io/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KILL_AFTER_NS (INT64_C(5000) * 1000000)

enum trial_state {
	TRIAL_NEW,
	TRIAL_STARTING,
	TRIAL_RUNNING,
	TRIAL_JUDGING,
	TRIAL_STOPPING,
	TRIAL_OVER,
};

struct trial {
	struct trial_options options;
	struct loop *loop;
	struct findings *findings;
	enum trial_state state;
	struct loop_timer *timer;
	struct process command;
	bool has_command;
	bool told; /* a signal said that it shall end */
	bool timed_out;
	int64_t timeout_at_ns; /* INT64_MAX: never */
	int64_t kill_at_ns;    /* a command that ignores the signal */
};

static int64_t now_ns(const struct trial *trial)
{
	return loop_now_ns(trial->loop);
}

static void found(struct trial *trial, enum finding_kind kind, const char *name,
		  const char *why)
{
	const struct finding *finding =
		findings_add(trial->findings, kind, name, why, now_ns(trial));
	struct text text = {0};

	if (kind != FINDING_FAILED || !trial->options.quiet) {
		finding_describe(finding, &text);
		fputs(text_cstr(&text), stderr);
	}
	text_done(&text);
}

/* --- the command --- */

/* A command at a terminal stays in our group, or it could not read from it. */
static bool at_terminal(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static int start_command(struct trial *trial, struct err *err)
{
	struct process_options options = {
		.argv = trial->options.command,
		.in = -1,
		.out = -1,
		.err = -1,
		.own_group = !at_terminal(),
	};
	int code = process_start(&trial->command, &options, err);

	if (code == 0) {
		trial->has_command = true;
		if (trial->options.timeout_ns) {
			trial->timeout_at_ns = now_ns(trial) + trial->options.timeout_ns;
		}
	}
	return code;
}

static bool command_runs(struct trial *trial)
{
	return trial->has_command && !process_ended(&trial->command);
}

static void end_command(struct trial *trial)
{
	process_signal(&trial->command, SIGTERM);
	if (trial->kill_at_ns == INT64_MAX) {
		trial->kill_at_ns = now_ns(trial) + KILL_AFTER_NS;
	}
}

static void judge_command(struct trial *trial)
{
	char how[64];

	process_describe(&trial->command, how, sizeof(how));
	if (trial->timed_out) {
		return; /* that is why it ended */
	}
	if (trial->command.signal && !trial->told) {
		found(trial, FINDING_CRASH, "cmd", how);
	} else if (trial->command.code != 0) {
		found(trial, FINDING_FAILED, "cmd", how);
	}
}

static void watch_command(struct trial *trial)
{
	struct text why = {0};

	if (now_ns(trial) >= trial->timeout_at_ns) {
		trial->timeout_at_ns = INT64_MAX;
		trial->timed_out = true;
		text_str(&why, "still running after ");
		text_duration(&why, trial->options.timeout_ns);
		found(trial, FINDING_TIMEOUT, "cmd", text_cstr(&why));
		text_done(&why);
		end_command(trial);
	}
	if (now_ns(trial) >= trial->kill_at_ns) {
		process_signal(&trial->command, SIGKILL);
		trial->kill_at_ns = now_ns(trial) + KILL_AFTER_NS;
	}
}

/* --- the states --- */

static void fail_setup(struct trial *trial, const char *name, const struct err *err)
{
	found(trial, FINDING_SETUP, name, err->text);
	trial->state = TRIAL_STOPPING;
}

static void begin(struct trial *trial)
{
	struct err err = {0};

	if (trial->options.on_ready(trial->options.ctx, &err) < 0) {
		fail_setup(trial, "run", &err);
	} else if (trial->options.command && start_command(trial, &err) < 0) {
		fail_setup(trial, "cmd", &err);
	} else {
		trial->state = TRIAL_RUNNING;
	}
}

/* One look at the state that we are in; true: it is another one now. */
static bool look(struct trial *trial)
{
	enum trial_state before = trial->state;

	switch (trial->state) {
	case TRIAL_NEW:
	case TRIAL_OVER:
		break;
	case TRIAL_STARTING:
		begin(trial);
		break;
	case TRIAL_RUNNING:
		if (command_runs(trial)) {
			watch_command(trial);
		} else if (trial->has_command) {
			judge_command(trial);
			trial->state = trial->told ? TRIAL_STOPPING : TRIAL_JUDGING;
		}
		break;
	case TRIAL_JUDGING:
		trial->state = TRIAL_STOPPING;
		break;
	case TRIAL_STOPPING:
		process_finish(&trial->command);
		trial->state = TRIAL_OVER;
		break;
	}
	return trial->state != before;
}

static int64_t next_look_ns(const struct trial *trial)
{
	return trial->timeout_at_ns < trial->kill_at_ns ? trial->timeout_at_ns
							: trial->kill_at_ns;
}

void trial_step(struct trial *trial)
{
	if (trial->state == TRIAL_NEW || trial->state == TRIAL_OVER) {
		return;
	}
	while (look(trial)) {
	}
	loop_timer_set(trial->timer, next_look_ns(trial));
	if (trial->state == TRIAL_OVER) {
		loop_timer_set(trial->timer, INT64_MAX);
		trial->options.on_over(trial->options.ctx);
	}
}

static void on_timer(void *ctx)
{
	trial_step(ctx);
}

struct trial *trial_new(struct loop *loop, struct findings *findings,
			const struct trial_options *options)
{
	struct trial *trial = xcalloc(1, sizeof(*trial));

	trial->options = *options;
	trial->loop = loop;
	trial->findings = findings;
	trial->timeout_at_ns = INT64_MAX;
	trial->kill_at_ns = INT64_MAX;
	trial->timer = loop_timer_new(loop, on_timer, trial);
	return trial;
}

void trial_start(struct trial *trial)
{
	if (trial->options.command) {
		guard_start();
	}
	trial->state = TRIAL_STARTING;
	trial_step(trial);
}

void trial_terminate(struct trial *trial)
{
	if (trial->state == TRIAL_OVER) {
		return;
	}
	if (command_runs(trial)) {
		/* The command ends first; its exit status is ours. */
		if (trial->told) {
			process_signal(&trial->command, SIGKILL);
		}
		end_command(trial);
	} else {
		trial->state = TRIAL_STOPPING;
	}
	trial->told = true;
	trial_step(trial);
}

void trial_end(struct trial *trial)
{
	if (trial->state == TRIAL_RUNNING && !command_runs(trial)) {
		trial->state = TRIAL_STOPPING;
		trial_step(trial);
	}
}

bool trial_over(const struct trial *trial)
{
	return trial->state == TRIAL_OVER;
}

bool trial_has_command(const struct trial *trial)
{
	return trial->has_command;
}

int trial_command_code(const struct trial *trial)
{
	return trial->command.code;
}

void trial_finish(struct trial *trial)
{
	process_finish(&trial->command);
	trial->state = TRIAL_OVER;
	guard_stop();
}

void trial_free(struct trial *trial)
{
	if (trial) {
		trial_finish(trial);
		loop_timer_free(trial->timer);
		free(trial);
	}
}
