#include "app/config_build.h"

#include "base/nearest.h"

#include <string.h>

static int service_context(const struct section_vals *read, int key, struct err *err)
{
	return section_context(read, key, SERVICE_KEYS[key].name, err);
}

static int build_line(const struct section_vals *read, const char *pattern,
		      struct arena *arena, struct service_spec *out, struct err *err)
{
	static const struct optrow PATTERN = {.name = "line", .type = OPT_REGEX};
	struct optval val;

	if (optrow_parse(&PATTERN, pattern, arena, &val, err)) {
		return service_context(read, SERVICE_READY_HOW, err);
	}
	out->ready_line = regex_new(val.text, val.flags, err);
	return out->ready_line ? 0 : service_context(read, SERVICE_READY_HOW, err);
}

/* What a request line and a log can hold. */
static bool path_is_fine(const char *path)
{
	if (*path != '/' || strlen(path) > SERVICE_PATH_MAX) {
		return false;
	}
	for (; *path; path++) {
		if (*path <= ' ' || *path > '~') {
			return false;
		}
	}
	return true;
}

static int build_http(const struct section_vals *read, const char *path,
		      struct service_spec *out, struct err *err)
{
	if (!path_is_fine(path)) {
		return config_fail(
			err, read->section->file, read->lines[SERVICE_READY_HOW],
			"ready: '%s' is no path of at most %d characters, such "
			"as http /health",
			path, SERVICE_PATH_MAX);
	}
	out->ready_path = path;
	return 0;
}

/* "tcp", "line /x/", "http /path", "none" */
static int build_ready(const struct section_vals *read, struct arena *arena,
		       struct service_spec *out, struct err *err)
{
	static const char *const KINDS[] = {[READY_NONE] = "none",
					    [READY_TCP] = "tcp",
					    [READY_LINE] = "line",
					    [READY_HTTP] = "http",
					    NULL};
	const struct optval *val = &read->vals[SERVICE_READY_HOW];
	const char *text = val->present ? val->text : out->num_ports ? "tcp" : "none";
	const char *behind = text + strcspn(text, " \t");
	unsigned line = read->lines[SERVICE_READY_HOW];
	int kind = 0;

	while (KINDS[kind] && (strlen(KINDS[kind]) != (size_t)(behind - text) ||
			       strncmp(KINDS[kind], text, strlen(KINDS[kind])) != 0)) {
		kind++;
	}
	behind += strspn(behind, " \t");
	if (!KINDS[kind] || (*behind && kind != READY_LINE && kind != READY_HTTP)) {
		return config_fail(err, read->section->file, line,
				   "ready: '%s' is none of tcp, line /REGEX/, http /PATH "
				   "and none",
				   text);
	}
	if ((kind == READY_TCP || kind == READY_HTTP) && out->num_ports == 0) {
		return config_fail(err, read->section->file, line,
				   "ready: %s needs a port, but [service %s] has ports = "
				   "0",
				   KINDS[kind], out->name);
	}
	out->ready = (enum ready_kind)kind;
	out->ready_text = text;
	if (kind == READY_LINE) {
		return build_line(read, behind, arena, out, err);
	}
	return kind == READY_HTTP ? build_http(read, behind, out, err) : 0;
}

int config_service_build(const struct ini_section *section, struct arena *arena,
			 struct service_spec *out, struct err *err)
{
	struct service_spec service = {
		.name = arena_copy_text(arena, section->name),
		.file = arena_copy_text(arena, section->file),
		.line = section->line,
	};
	struct section_vals read;
	int rc = section_read(section, SERVICE_KEYS, arena, &read, err);

	if (rc) {
		return rc;
	}
	service.command = read.vals[SERVICE_COMMAND].text;
	service.num_ports = (unsigned)read.vals[SERVICE_PORTS].num;
	service.ready_wait_ns = read.vals[SERVICE_READY_WAIT].num;
	service.stop_signal = signal_number(read.vals[SERVICE_STOP].text);
	service.stop_wait_ns = read.vals[SERVICE_STOP_WAIT].num;
	service.may_exit = read.vals[SERVICE_MAY_EXIT].num;
	if (!service.stop_signal) {
		return config_fail(err, section->file, read.lines[SERVICE_STOP],
				   "stop: '%s' is no signal, such as TERM, INT or QUIT",
				   read.vals[SERVICE_STOP].text);
	}
	rc = build_ready(&read, arena, &service, err);
	if (rc == 0) {
		*out = service;
	}
	return rc;
}

void config_service_done(struct service_spec *service)
{
	regex_free(service->ready_line);
	service->ready_line = NULL;
}

static const struct service_spec *find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->num_services; i++) {
		if (strcmp(config->services[i].name, name) == 0) {
			return &config->services[i];
		}
	}
	return NULL;
}

static int fail_nobody(const struct config *config, const struct proxy *proxy,
		       struct err *err)
{
	const char *names[CONFIG_SERVICES_MAX + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < config->num_services; i++) {
		names[i] = config->services[i].name;
	}
	near = nearest_name(proxy->service, names);
	return config_fail(err, proxy->file, proxy->line,
			   "[proxy %s]: upstream: there is no [service %s]%s%s%s",
			   proxy->name, proxy->service, near ? "; did you mean '" : "",
			   near ? near : "", near ? "'?" : "");
}

int config_services_link(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->num_services; i++) {
		const struct service_spec *service = &config->services[i];

		if (strcmp(service->name, ORACLE_COMMAND_NAME) == 0) {
			return config_fail(err, service->file, service->line,
					   "no service may be called '%s': that is the "
					   "command under test",
					   service->name);
		}
	}
	for (size_t i = 0; i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];
		const struct service_spec *service =
			proxy->service ? find(config, proxy->service) : NULL;

		if (proxy->service && !service) {
			return fail_nobody(config, proxy, err);
		}
		if (service && proxy->service_port > service->num_ports) {
			return config_fail(err, proxy->file, proxy->line,
					   "[proxy %s]: upstream: port %u of [service "
					   "%s], which has ports = %u",
					   proxy->name, proxy->service_port,
					   service->name, service->num_ports);
		}
	}
	return 0;
}
