#include "app/trial.h"

#include "io/dir.h"
#include "io/guard.h"
#include "io/ports.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILL_AFTER_NS (INT64_C(5000) * 1000000)
#define LOOK_NS (INT64_C(10) * 1000000)

enum trial_state {
	TRIAL_NEW,
	TRIAL_STARTING,
	TRIAL_RUNNING,
	TRIAL_JUDGING,
	TRIAL_STOPPING,
	TRIAL_OVER,
};

enum { NUM_COMMAND_OUTPUTS = 2 };

struct trial {
	struct trial_options options;
	struct loop *loop;
	const struct config *config;
	struct findings *findings;
	enum trial_state state;
	enum oracle_phase phase;
	struct loop_timer *timer;
	struct arena arena;
	const char *dir; /* NULL: none */
	bool dir_is_ours;
	struct ports *ports;
	struct service *services; /* as in the config */
	size_t num_started;	  /* of them; they are stopped from there backwards */
	struct oracle *oracles;	  /* as in the config */
	struct process command;
	struct output *outputs[NUM_COMMAND_OUTPUTS]; /* the command's; NULL: not ours */
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

/* --- oracles --- */

static void take_findings(struct trial *trial)
{
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		struct oracle *oracle = &trial->oracles[i];

		if (oracle->broken) {
			oracle->broken = false;
			found(trial,
			      oracle->spec->goal ? FINDING_LIVENESS : FINDING_SAFETY,
			      oracle->spec->name, text_cstr(&oracle->why));
		}
	}
}

static void enter(struct trial *trial, enum oracle_phase phase)
{
	trial->phase = phase;
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_enter(&trial->oracles[i], phase, now_ns(trial));
	}
}

static void look_at_oracles(struct trial *trial)
{
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_look(&trial->oracles[i], trial->phase, trial->loop, trial->dir);
	}
	take_findings(trial);
}

static bool oracles_settled(const struct trial *trial)
{
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		if (!oracle_settled(&trial->oracles[i], trial->phase)) {
			return false;
		}
	}
	return true;
}

static void on_line(void *ctx, const char *source, struct span line)
{
	struct trial *trial = ctx;

	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_line(&trial->oracles[i], trial->phase, source, line);
	}
	take_findings(trial);
}

static void on_command_line(void *ctx, struct span line)
{
	on_line(ctx, ORACLE_COMMAND_NAME, line);
}

/* --- services --- */

static void fail_setup(struct trial *trial, const char *name, const char *why)
{
	found(trial, FINDING_SETUP, name, why);
	trial->state = TRIAL_STOPPING;
}

static void tell_tail(const struct service *service)
{
	struct text text = {0};

	output_tail(service->output, "  | ", &text);
	fputs(text_cstr(&text), stderr);
	text_done(&text);
}

static void tell_ready(const struct trial *trial, const struct service *service)
{
	if (trial->options.quiet) {
		return;
	}
	fprintf(stderr, "turncoat: %s is ready", service->spec->name);
	for (unsigned i = 0; i < service->spec->num_ports; i++) {
		fprintf(stderr, "%s %u",
			i			       ? ","
			: service->spec->num_ports > 1 ? ", ports"
						       : ", port",
			service->ports[i]);
	}
	fputc('\n', stderr);
}

/* Services that were started: whether they still are as they should be. */
static void watch_services(struct trial *trial)
{
	for (size_t i = 0; i < trial->num_started; i++) {
		struct service *service = &trial->services[i];
		enum service_state before = service->state;

		service_look(service, now_ns(trial));
		if (service->state == before) {
			continue;
		}
		if (service->state == SERVICE_READY) {
			tell_ready(trial, service);
		} else if (service->state == SERVICE_FAILED && service->was_ready) {
			found(trial, FINDING_CRASH, service->spec->name,
			      text_cstr(&service->why));
		} else if (service->state == SERVICE_FAILED) {
			fail_setup(trial, service->spec->name, text_cstr(&service->why));
			tell_tail(service);
		}
	}
}

/* True once all are ready. */
static bool start_services(struct trial *trial)
{
	struct err err = {0};

	for (;;) {
		watch_services(trial);
		if (trial->state != TRIAL_STARTING ||
		    (trial->num_started &&
		     trial->services[trial->num_started - 1].state == SERVICE_STARTING)) {
			return false;
		}
		if (trial->num_started == trial->config->num_services) {
			return true;
		}
		if (service_start(&trial->services[trial->num_started++], trial->loop,
				  trial->dir, &err) < 0) {
			fail_setup(trial,
				   trial->services[trial->num_started - 1].spec->name,
				   err.text);
			return false;
		}
	}
}

/* The last one first, each once the one behind it is gone. True once all are. */
static bool stop_services(struct trial *trial)
{
	for (size_t i = trial->num_started; i-- > 0;) {
		struct service *service = &trial->services[i];

		service_stop(service, now_ns(trial));
		service_look(service, now_ns(trial));
		if (service->state != SERVICE_GONE) {
			return false;
		}
	}
	return true;
}

/* --- the command --- */

/* A command at a terminal stays in our group, or it could not read from it. */
static bool at_terminal(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Only then do its outputs pass through us. */
static bool wants_outputs(const struct trial *trial)
{
	bool wanted = trial->options.dir != NULL;

	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		wanted |= oracle_hears(&trial->config->oracles[i], ORACLE_COMMAND_NAME);
	}
	return wanted;
}

static int open_outputs(struct trial *trial, int *out_fds, struct err *err)
{
	static const int OURS[NUM_COMMAND_OUTPUTS] = {STDOUT_FILENO, STDERR_FILENO};

	for (int i = 0; wants_outputs(trial) && i < NUM_COMMAND_OUTPUTS; i++) {
		struct output_options options = {
			.path = arena_format(&trial->arena, "%s/%s.log", trial->dir,
					     ORACLE_COMMAND_NAME),
			.append = i > 0,
			.copy_fd = OURS[i],
			.on_line = on_command_line,
			.ctx = trial,
		};

		if (output_open(trial->loop, &options, &trial->outputs[i], &out_fds[i],
				err) < 0) {
			return ERR_SYSTEM;
		}
	}
	return 0;
}

static int start_command(struct trial *trial, struct err *err)
{
	int fds[NUM_COMMAND_OUTPUTS] = {-1, -1};
	int code = open_outputs(trial, fds, err);

	if (code == 0) {
		struct process_options options = {
			.argv = trial->options.command,
			.in = -1,
			.out = fds[0],
			.err = fds[1],
			.own_group = !at_terminal(),
		};

		code = process_start(&trial->command, &options, err);
	}
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
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
		found(trial, FINDING_CRASH, ORACLE_COMMAND_NAME, how);
	} else if (trial->command.code != 0) {
		found(trial, FINDING_FAILED, ORACLE_COMMAND_NAME, how);
	}
}

static void drain_outputs(struct trial *trial)
{
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		if (trial->outputs[i]) {
			output_drain(trial->outputs[i]);
		}
	}
	for (size_t i = 0; i < trial->num_started; i++) {
		if (trial->services[i].output) {
			output_drain(trial->services[i].output);
		}
	}
}

/* What it and the services have said by then still belongs to the time it ran. */
static void take_end_of_command(struct trial *trial)
{
	trial->timeout_at_ns = INT64_MAX;
	trial->kill_at_ns = INT64_MAX;
	drain_outputs(trial);
	judge_command(trial);
	if (trial->told) {
		trial->state = TRIAL_STOPPING;
		return;
	}
	trial->state = TRIAL_JUDGING;
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_source_ended(&trial->oracles[i], ORACLE_COMMAND_NAME);
	}
	enter(trial, ORACLE_GOALS);
}

static void watch_command(struct trial *trial)
{
	struct text why = {0};

	if (now_ns(trial) >= trial->timeout_at_ns) {
		trial->timeout_at_ns = INT64_MAX;
		trial->timed_out = true;
		text_str(&why, "still running after ");
		text_duration(&why, trial->options.timeout_ns);
		found(trial, FINDING_TIMEOUT, ORACLE_COMMAND_NAME, text_cstr(&why));
		text_done(&why);
		end_command(trial);
	}
	if (now_ns(trial) >= trial->kill_at_ns) {
		process_signal(&trial->command, SIGKILL);
		trial->kill_at_ns = now_ns(trial) + KILL_AFTER_NS;
	}
}

/* --- the states --- */

static void begin_running(struct trial *trial)
{
	struct err err = {0};

	if (trial->options.on_ready(trial->options.ctx, &err) < 0) {
		fail_setup(trial, "run", err.text);
	} else if (trial->options.command && start_command(trial, &err) < 0) {
		fail_setup(trial, ORACLE_COMMAND_NAME, err.text);
	} else {
		trial->state = TRIAL_RUNNING;
		enter(trial, ORACLE_DURING);
	}
}

static void look_at_running(struct trial *trial)
{
	watch_services(trial);
	look_at_oracles(trial);
	if (command_runs(trial)) {
		watch_command(trial);
	} else if (trial->has_command) {
		take_end_of_command(trial);
	}
}

static void look_at_judging(struct trial *trial)
{
	watch_services(trial);
	look_at_oracles(trial);
	if (!oracles_settled(trial)) {
		return;
	}
	if (trial->phase == ORACLE_GOALS) {
		enter(trial, ORACLE_AFTER);
		look_at_oracles(trial);
	} else {
		trial->state = TRIAL_STOPPING;
	}
}

static void look_at_stopping(struct trial *trial)
{
	trial->phase = ORACLE_AFTER;
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_stop(&trial->oracles[i]);
	}
	if (stop_services(trial)) {
		trial_finish(trial);
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
		if (start_services(trial)) {
			begin_running(trial);
		}
		break;
	case TRIAL_RUNNING:
		look_at_running(trial);
		break;
	case TRIAL_JUDGING:
		look_at_judging(trial);
		break;
	case TRIAL_STOPPING:
		look_at_stopping(trial);
		break;
	}
	return trial->state != before;
}

static int64_t next_look_ns(const struct trial *trial)
{
	int64_t next_ns = trial->timeout_at_ns < trial->kill_at_ns ? trial->timeout_at_ns
								   : trial->kill_at_ns;

	if (trial->state != TRIAL_RUNNING) {
		return now_ns(trial) + LOOK_NS;
	}
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		int64_t at_ns = oracle_next_ns(&trial->oracles[i]);

		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	return next_ns;
}

void trial_step(struct trial *trial)
{
	if (trial->state == TRIAL_NEW || trial->state == TRIAL_OVER) {
		return;
	}
	while (look(trial)) {
	}
	if (trial->state == TRIAL_OVER) {
		loop_timer_set(trial->timer, INT64_MAX);
		trial->options.on_over(trial->options.ctx);
	} else {
		loop_timer_set(trial->timer, next_look_ns(trial));
	}
}

static void on_timer(void *ctx)
{
	trial_step(ctx);
}

/* --- the trial --- */

/* FNV-1a: the same name asks for the same port in every run. */
static uint64_t port_hint(const char *name, unsigned n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + n;

	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	}
	return hash % 65521;
}

static int make_services(struct trial *trial, struct err *err)
{
	size_t num = trial->config->num_services;

	trial->services = xcalloc(num, sizeof(*trial->services));
	for (size_t i = 0; i < num; i++) {
		struct service *service = &trial->services[i];

		service->spec = &trial->config->services[i];
		service->on_line = on_line;
		service->ctx = trial;
		for (unsigned n = 0; n < service->spec->num_ports; n++) {
			if (!trial->ports) {
				trial->ports = ports_new();
			}
			if (ports_take(trial->ports, port_hint(service->spec->name, n),
				       &service->ports[n], err) < 0) {
				return ERR_LIMIT;
			}
		}
	}
	return 0;
}

static int make_dir(struct trial *trial, struct err *err)
{
	if (trial->options.dir) {
		trial->dir = dir_make(trial->options.dir, &trial->arena, err);
		return trial->dir ? 0 : ERR_SYSTEM;
	}
	if (trial->options.command || trial->config->num_services ||
	    trial->config->num_oracles) {
		trial->dir = dir_temporary(&trial->arena, err);
		trial->dir_is_ours = true;
		return trial->dir ? 0 : ERR_SYSTEM;
	}
	return 0;
}

int trial_new(struct loop *loop, const struct config *config, struct findings *findings,
	      const struct trial_options *options, struct trial **out, struct err *err)
{
	struct trial *trial = xcalloc(1, sizeof(*trial));

	trial->options = *options;
	trial->loop = loop;
	trial->config = config;
	trial->findings = findings;
	trial->timeout_at_ns = INT64_MAX;
	trial->kill_at_ns = INT64_MAX;
	trial->timer = loop_timer_new(loop, on_timer, trial);
	trial->oracles = xcalloc(config->num_oracles, sizeof(*trial->oracles));
	for (size_t i = 0; i < config->num_oracles; i++) {
		oracle_init(&trial->oracles[i], &config->oracles[i]);
	}
	if (make_services(trial, err) < 0 || make_dir(trial, err) < 0) {
		trial_free(trial);
		return ERR_SYSTEM;
	}
	*out = trial;
	return 0;
}

uint16_t trial_port(const struct trial *trial, size_t service, unsigned n)
{
	return trial->services[service].ports[n];
}

const char *trial_dir(const struct trial *trial)
{
	return trial->dir;
}

bool trial_keep_dir(struct trial *trial, bool passed)
{
	if (!trial->dir || !trial->dir_is_ours) {
		return false;
	}
	if (passed) {
		dir_remove(trial->dir);
		return false;
	}
	return rmdir(trial->dir) < 0;
}

void trial_start(struct trial *trial)
{
	if (trial->options.command || trial->config->num_services) {
		guard_start();
		process_adopt();
	}
	trial->state = TRIAL_STARTING;
	trial_step(trial);
}

/* Asked twice: nobody is asked any more. */
static void kill_all(struct trial *trial)
{
	process_signal(&trial->command, SIGKILL);
	for (size_t i = 0; i < trial->num_started; i++) {
		service_kill(&trial->services[i]);
	}
}

void trial_terminate(struct trial *trial)
{
	if (trial->state == TRIAL_OVER) {
		return;
	}
	if (trial->told) {
		kill_all(trial);
	}
	trial->told = true;
	if (trial->state == TRIAL_RUNNING && command_runs(trial)) {
		/* The command ends first; its exit status is ours. */
		end_command(trial);
	} else if (trial->state != TRIAL_STOPPING) {
		drain_outputs(trial);
		trial->state = TRIAL_STOPPING;
	}
	trial_step(trial);
}

void trial_end(struct trial *trial)
{
	if (trial->state == TRIAL_RUNNING && !command_runs(trial)) {
		trial->state = TRIAL_STOPPING;
		trial_step(trial);
	}
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
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_stop(&trial->oracles[i]);
	}
	for (size_t i = 0; trial->services && i < trial->config->num_services; i++) {
		process_finish(&trial->services[i].process);
	}
	if (trial->state != TRIAL_NEW && trial->state != TRIAL_OVER) {
		guard_stop();
		process_end_adopted();
	}
	trial->state = TRIAL_OVER;
}

void trial_free(struct trial *trial)
{
	if (!trial) {
		return;
	}
	trial_finish(trial);
	for (size_t i = 0; i < trial->config->num_oracles; i++) {
		oracle_done(&trial->oracles[i]);
	}
	for (size_t i = 0; trial->services && i < trial->config->num_services; i++) {
		service_done(&trial->services[i]);
	}
	for (int i = 0; i < NUM_COMMAND_OUTPUTS; i++) {
		output_free(trial->outputs[i]);
	}
	loop_timer_free(trial->timer);
	ports_free(trial->ports);
	free(trial->services);
	free(trial->oracles);
	arena_done(&trial->arena);
	free(trial);
}
