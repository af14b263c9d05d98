#include "app/service.h"

#include "base/quantity.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENV_MAX = SERVICE_PORTS_MAX + 2 };

static void on_line(void *ctx, struct span line)
{
	struct service *service = ctx;
	size_t at, len;

	if (service->spec->ready == READY_LINE && !service->line_seen) {
		service->line_seen =
			regex_find(service->spec->ready_line, line, 0, &at, &len);
	}
	service->on_line(service->ctx, service->spec->name, line);
}

/* $PORT, $PORT2, ..., $DIR */
static void make_environment(const struct service *service, const char *dir,
			     struct arena *arena, const char **env)
{
	size_t num = 0;

	env[num++] = arena_format(arena, "DIR=%s", dir);
	for (unsigned i = 0; i < service->spec->num_ports; i++) {
		env[num++] =
			i ? arena_format(arena, "PORT%u=%u", i + 1, service->ports[i])
			  : arena_format(arena, "PORT=%u", service->ports[i]);
	}
	env[num] = NULL;
}

int service_start(struct service *service, struct loop *loop, const char *dir,
		  struct err *err)
{
	const struct service_spec *spec = service->spec;
	const char *env[ENV_MAX];
	struct arena arena = {0};
	struct output_options options = {
		.path = arena_format(&arena, "%s/%s.log", dir, spec->name),
		.copy_fd = -1,
		.on_line = on_line,
		.ctx = service,
	};
	int fd, code;

	make_environment(service, dir, &arena, env);
	code = output_open(loop, &options, &service->output, &fd, err);
	if (code == 0) {
		code = process_start_shell(&service->process, spec->command, env, fd,
					   err);
		close(fd);
	}
	if (code == 0) {
		service->state = SERVICE_STARTING;
		service->due_ns = loop_now_ns(loop) + spec->ready_wait_ns;
		probe_init(&service->probe, service->ports[0],
			   spec->ready == READY_HTTP ? spec->ready_path : NULL);
	}
	arena_done(&arena);
	return code;
}

/* --- looking --- */

static void fail(struct service *service)
{
	service->state = SERVICE_FAILED;
	probe_done(&service->probe);
}

static bool is_ready(struct service *service, int64_t now_ns)
{
	switch (service->spec->ready) {
	case READY_NONE:
		return true;
	case READY_LINE:
		return service->line_seen;
	case READY_TCP:
	case READY_HTTP:
		break;
	}
	return probe_look(&service->probe, now_ns);
}

/* "killed by SIGSEGV; its last line: ..." */
static void tell_end(struct service *service)
{
	const char *last = output_last(service->output);
	char how[64];

	process_describe(&service->process, how, sizeof(how));
	text_str(&service->why, how);
	if (*last) {
		text_format(&service->why, "; its last line: %s", last);
	}
}

static void look_at_starting(struct service *service, int64_t now_ns)
{
	bool ended = process_ended(&service->process);

	if (ended) {
		output_drain(service->output);
	}
	/* One that did what it was for and ended, as it may, was ready too. */
	if (ended && !(service->spec->may_exit && service->spec->ready == READY_LINE &&
		       service->line_seen)) {
		text_str(&service->why, "it ended before it was ready: ");
		tell_end(service);
		fail(service);
	} else if (is_ready(service, now_ns)) {
		probe_done(&service->probe);
		service->was_ready = true;
		service->state = SERVICE_READY;
	} else if (now_ns >= service->due_ns) {
		text_str(&service->why, "not ready after ");
		text_duration(&service->why, service->spec->ready_wait_ns);
		text_format(&service->why, " (ready = %s)", service->spec->ready_text);
		fail(service);
	}
}

static void look_at_stopping(struct service *service, int64_t now_ns)
{
	if (process_group_ended(&service->process)) {
		output_drain(service->output);
		process_finish(&service->process);
		service->state = SERVICE_GONE;
	} else if (now_ns >= service->due_ns) {
		process_signal(&service->process, SIGKILL);
	}
}

void service_look(struct service *service, int64_t now_ns)
{
	switch (service->state) {
	case SERVICE_IDLE:
	case SERVICE_FAILED:
	case SERVICE_GONE:
		break;
	case SERVICE_STARTING:
		look_at_starting(service, now_ns);
		break;
	case SERVICE_READY:
		if (!service->spec->may_exit && process_ended(&service->process)) {
			output_drain(service->output);
			tell_end(service);
			fail(service);
		}
		break;
	case SERVICE_STOPPING:
		look_at_stopping(service, now_ns);
		break;
	}
}

/* --- the end --- */

void service_stop(struct service *service, int64_t now_ns)
{
	if (service->state == SERVICE_IDLE || service->state == SERVICE_GONE) {
		service->state = SERVICE_GONE;
		return;
	}
	if (service->state == SERVICE_STOPPING) {
		return;
	}
	probe_done(&service->probe);
	process_signal(&service->process, service->spec->stop_signal);
	service->state = SERVICE_STOPPING;
	service->due_ns = now_ns + service->spec->stop_wait_ns;
}

void service_kill(struct service *service)
{
	process_signal(&service->process, SIGKILL);
}

void service_done(struct service *service)
{
	probe_done(&service->probe);
	process_finish(&service->process);
	output_free(service->output);
	service->output = NULL;
	text_done(&service->why);
}
