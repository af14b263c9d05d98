#include "app/trial.h"

#include "app/command.h"
#include "base/quantity.h"
#include "io/dir.h"
#include "io/guard.h"
#include "io/ports.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS (INT64_C(10) * 1000000)

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
	const struct config *config;
	struct findings *findings;
	enum trial_state state;
	enum oracle_phase phase;
	struct loop_timer *timer;
	struct arena arena;
	const char *dir; /* NULL: none */
	bool dir_is_ours;
	struct ports *ports;
	struct service *services; /* as in the config, or none */
	size_t num_services;
	size_t num_started;	/* of them; they are stopped from there backwards */
	struct oracle *oracles; /* as in the config, or none */
	size_t num_oracles;
	struct command command;
	bool told; /* a signal said that it shall end */
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
	for (size_t i = 0; i < trial->num_oracles; i++) {
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
	for (size_t i = 0; i < trial->num_oracles; i++) {
		oracle_enter(&trial->oracles[i], phase, now_ns(trial));
	}
}

static void look_at_oracles(struct trial *trial)
{
	for (size_t i = 0; i < trial->num_oracles; i++) {
		oracle_look(&trial->oracles[i], trial->phase, trial->loop, trial->dir);
	}
	take_findings(trial);
}

static bool oracles_settled(const struct trial *trial)
{
	for (size_t i = 0; i < trial->num_oracles; i++) {
		if (!oracle_settled(&trial->oracles[i], trial->phase)) {
			return false;
		}
	}
	return true;
}

static void on_line(void *ctx, const char *source, struct span line)
{
	struct trial *trial = ctx;

	for (size_t i = 0; i < trial->num_oracles; i++) {
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
		if (trial->num_started == trial->num_services) {
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

/* Only then do its outputs pass through us. */
static bool wants_outputs(const struct trial *trial)
{
	bool wanted = trial->options.dir != NULL;

	for (size_t i = 0; i < trial->num_oracles; i++) {
		wanted |= oracle_hears(&trial->config->oracles[i], ORACLE_COMMAND_NAME);
	}
	return wanted;
}

static int start_command(struct trial *trial, struct err *err)
{
	struct command_options options = {
		.argv = trial->options.command,
		.timeout_ns = trial->options.timeout_ns,
		.on_line = on_command_line,
		.ctx = trial,
	};

	if (wants_outputs(trial)) {
		options.log_path = arena_format(&trial->arena, "%s/%s.log", trial->dir,
						ORACLE_COMMAND_NAME);
	}
	return command_start(&trial->command, trial->loop, &options, err);
}

static void judge_command(struct trial *trial)
{
	const struct process *process = &trial->command.process;
	char how[64];

	process_describe(process, how, sizeof(how));
	if (trial->command.timed_out) {
		return; /* that is why it ended */
	}
	/* ^C at a terminal goes to both of us. */
	if (process->signal && !trial->told &&
	    (process->own_group || process->signal != SIGINT)) {
		found(trial, FINDING_CRASH, ORACLE_COMMAND_NAME, how);
	} else if (process->code != 0) {
		found(trial, FINDING_FAILED, ORACLE_COMMAND_NAME, how);
	}
}

static void drain_outputs(struct trial *trial)
{
	command_drain(&trial->command);
	for (size_t i = 0; i < trial->num_started; i++) {
		if (trial->services[i].output) {
			output_drain(trial->services[i].output);
		}
	}
}

/* A signal ended what was to be judged: that must not pass for having passed. */
static void judge_interruption(struct trial *trial)
{
	if (trial->options.command && !trial->command.started) {
		found(trial, FINDING_SETUP, "run",
		      "told to end before the command was started");
	} else if (trial->command.started && trial->num_oracles) {
		found(trial, FINDING_FAILED, "run",
		      "told to end before goals and invariants were looked at");
	}
}

/* What it and the services have said by then still belongs to the time it ran. */
static void take_end_of_command(struct trial *trial)
{
	drain_outputs(trial);
	judge_command(trial);
	if (trial->told) {
		judge_interruption(trial);
		trial->state = TRIAL_STOPPING;
		return;
	}
	trial->state = TRIAL_JUDGING;
	for (size_t i = 0; i < trial->num_oracles; i++) {
		oracle_source_ended(&trial->oracles[i], ORACLE_COMMAND_NAME);
	}
	enter(trial, ORACLE_GOALS);
}

static void watch_command(struct trial *trial)
{
	struct text why = {0};

	if (command_look(&trial->command, now_ns(trial))) {
		text_str(&why, "still running after ");
		text_duration(&why, trial->options.timeout_ns);
		found(trial, FINDING_TIMEOUT, ORACLE_COMMAND_NAME, text_cstr(&why));
		text_done(&why);
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
	if (command_runs(&trial->command)) {
		watch_command(trial);
	} else if (trial->command.started) {
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
	for (size_t i = 0; i < trial->num_oracles; i++) {
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
	int64_t next_ns = command_next_ns(&trial->command);

	if (trial->state != TRIAL_RUNNING) {
		return now_ns(trial) + LOOK_NS;
	}
	for (size_t i = 0; i < trial->num_oracles; i++) {
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
	size_t num = trial->num_services;

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
	if (trial->options.command || trial->options.wants_dir || trial->num_services ||
	    trial->num_oracles) {
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
	command_init(&trial->command);
	trial->timer = loop_timer_new(loop, on_timer, trial);
	if (!options->bare) {
		trial->num_services = config->num_services;
		trial->num_oracles = config->num_oracles;
	}
	trial->oracles = xcalloc(trial->num_oracles, sizeof(*trial->oracles));
	for (size_t i = 0; i < trial->num_oracles; i++) {
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
	if (trial->options.command || trial->num_services) {
		guard_start();
		process_adopt();
	}
	trial->state = TRIAL_STARTING;
	trial_step(trial);
}

/* Asked twice: nobody is asked any more. */
static void kill_all(struct trial *trial)
{
	process_signal(&trial->command.process, SIGKILL);
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
	if (trial->state == TRIAL_RUNNING && command_runs(&trial->command)) {
		/* The command ends first; its exit status is ours. */
		command_end(&trial->command, now_ns(trial));
	} else if (trial->state != TRIAL_STOPPING) {
		drain_outputs(trial);
		judge_interruption(trial);
		trial->state = TRIAL_STOPPING;
	}
	trial_step(trial);
}

void trial_end(struct trial *trial)
{
	if (trial->state == TRIAL_RUNNING && !command_runs(&trial->command)) {
		trial->state = TRIAL_STOPPING;
		trial_step(trial);
	}
}

bool trial_has_command(const struct trial *trial)
{
	return trial->command.started;
}

int trial_command_code(const struct trial *trial)
{
	return trial->command.process.code;
}

void trial_finish(struct trial *trial)
{
	command_finish(&trial->command);
	for (size_t i = 0; i < trial->num_oracles; i++) {
		oracle_stop(&trial->oracles[i]);
	}
	for (size_t i = 0; trial->services && i < trial->num_services; i++) {
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
	for (size_t i = 0; i < trial->num_oracles; i++) {
		oracle_done(&trial->oracles[i]);
	}
	for (size_t i = 0; trial->services && i < trial->num_services; i++) {
		service_done(&trial->services[i]);
	}
	command_done(&trial->command);
	loop_timer_free(trial->timer);
	ports_free(trial->ports);
	free(trial->services);
	free(trial->oracles);
	arena_done(&trial->arena);
	free(trial);
}
