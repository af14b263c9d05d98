#include "app/config_build.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECONDS INT64_C(1000000)
#define SERVICE "service://"

enum {
	HOLD_RAW_MS = 100,
	HOLD_FRAMED_MS = 2000,
	IDLE_UDP_MS = 60000,
	MAX_FLOWS_STREAM = 65536,
	MAX_FLOWS_UDP = 4096,
};

bool config_proxy_is_stream(const struct proxy *proxy)
{
	return proxy->listen.transport != TRANSPORT_UDP;
}

static const char *transport_kind(const struct endpoint *endpoint)
{
	return endpoint->transport == TRANSPORT_UDP ? "datagrams" : "a stream";
}

/* "service://NAME" or "service://NAME/2" */
static int build_service(const struct section_vals *read, struct arena *arena,
			 struct proxy *out, struct err *err)
{
	const char *name = read->vals[PROXY_UPSTREAM].text + sizeof(SERVICE) - 1;
	const char *slash = strchr(name, '/');
	uint64_t port = 1;

	if (slash && parse_u64(slash + 1, 1, SERVICE_PORTS_MAX, &port, err)) {
		return section_context(read, PROXY_UPSTREAM, "upstream", err);
	}
	out->service = arena_copy_span(arena, span_of(name, slash ? (size_t)(slash - name)
								  : strlen(name)));
	out->service_port = (unsigned)port;
	out->upstream = (struct endpoint){
		.transport = out->listen.transport == TRANSPORT_UDP ? TRANSPORT_UDP
								    : TRANSPORT_TCP,
		.host = "127.0.0.1",
	};
	return 0;
}

void config_proxy_upstream(const struct proxy *proxy, char *out)
{
	if (!proxy->service) {
		endpoint_format(&proxy->upstream, out);
	} else if (proxy->service_port > 1) {
		snprintf(out, ENDPOINT_TEXT_MAX, SERVICE "%s/%u", proxy->service,
			 proxy->service_port);
	} else {
		snprintf(out, ENDPOINT_TEXT_MAX, SERVICE "%s", proxy->service);
	}
}

static int build_endpoints(const struct section_vals *read, struct arena *arena,
			   struct proxy *out, struct err *err)
{
	const struct ini_section *section = read->section;

	if (endpoint_parse(read->vals[PROXY_LISTEN].text, &out->listen, err)) {
		return section_context(read, PROXY_LISTEN, "listen", err);
	}
	if (strncmp(read->vals[PROXY_UPSTREAM].text, SERVICE, sizeof(SERVICE) - 1) == 0) {
		return build_service(read, arena, out, err);
	}
	if (endpoint_parse(read->vals[PROXY_UPSTREAM].text, &out->upstream, err)) {
		return section_context(read, PROXY_UPSTREAM, "upstream", err);
	}
	if ((out->listen.transport == TRANSPORT_UDP) !=
	    (out->upstream.transport == TRANSPORT_UDP)) {
		return config_fail(
			err, section->file, read->lines[PROXY_UPSTREAM],
			"[proxy %s] listens for %s, but its upstream takes %s: both "
			"must be udp://, or none",
			out->name, transport_kind(&out->listen),
			transport_kind(&out->upstream));
	}
	if (out->upstream.transport != TRANSPORT_UNIX && out->upstream.port == 0) {
		return config_fail(
			err, section->file, read->lines[PROXY_UPSTREAM],
			"upstream: port 0 is nowhere; only listen may have it");
	}
	return 0;
}

static int build_label(const struct section_vals *read, struct arena *arena,
		       struct proxy *out, struct err *err)
{
	static const struct optrow PATTERN = {.name = "label", .type = OPT_REGEX};
	const char *text = read->vals[PROXY_LABEL].text;
	struct optval val;

	if (strcmp(text, "source") == 0) {
		return 0;
	}
	if (*text != '/') {
		return config_fail(
			err, read->section->file, read->lines[PROXY_LABEL],
			"label: '%s' is neither source nor a pattern between slashes, "
			"such as /user=(\\w+)/",
			text);
	}
	if (optrow_parse(&PATTERN, text, arena, &val, err)) {
		err_context(err, "%s:%u", read->section->file, read->lines[PROXY_LABEL]);
		return ERR_INPUT;
	}
	out->label = regex_new(val.text, val.flags, err);
	if (!out->label) {
		return section_context(read, PROXY_LABEL, "label", err);
	}
	out->label_text = text;
	return 0;
}

/* Keys that a proxy of this transport would silently ignore are errors. */
static int check_transport_keys(const struct section_vals *read, bool udp,
				struct err *err)
{
	static const struct {
		int key;
		bool udp;
	} ROWS[] = {{PROXY_IDLE, true}, {PROXY_REPLIES, true}, {PROXY_CONNECT, false}};

	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		if (read->vals[ROWS[i].key].given && ROWS[i].udp != udp) {
			return config_fail(
				err, read->section->file, read->lines[ROWS[i].key],
				"%s is only for proxies of %s, and [proxy %s] is not",
				PROXY_KEYS[ROWS[i].key].name,
				ROWS[i].udp ? "datagrams" : "streams",
				read->section->name);
		}
	}
	return 0;
}

static void build_numbers(const struct optval *vals, bool udp, struct proxy *out)
{
	int64_t hold_ms = framer_is_raw(&out->framer) ? HOLD_RAW_MS : HOLD_FRAMED_MS;
	int64_t idle_ms = udp ? IDLE_UDP_MS : 0;
	int64_t max_flows = udp ? MAX_FLOWS_UDP : MAX_FLOWS_STREAM;

	out->lane_mode = (enum lane_mode)vals[PROXY_LANE].num;
	out->label_wait_ns = vals[PROXY_LABEL_WAIT].num;
	out->hold_ns = vals[PROXY_HOLD].given ? vals[PROXY_HOLD].num
					      : hold_ms * MILLISECONDS;
	out->idle_ns = vals[PROXY_IDLE].given ? vals[PROXY_IDLE].num
					      : idle_ms * MILLISECONDS;
	out->connect_ns = vals[PROXY_CONNECT].num;
	out->replies = (uint64_t)vals[PROXY_REPLIES].num;
	out->max_flows = (uint64_t)(vals[PROXY_MAX_FLOWS].given
					    ? vals[PROXY_MAX_FLOWS].num
					    : max_flows);
	out->max_held_bytes = (uint64_t)vals[PROXY_MAX_HELD].num;
	out->passthrough = vals[PROXY_PASSTHROUGH].num == PASSTHROUGH_AUTO;
}

int config_proxy_build(const struct ini_section *section, struct arena *arena,
		       struct proxy *out, struct err *err)
{
	struct proxy proxy = {
		.name = arena_copy_text(arena, section->name),
		.file = arena_copy_text(arena, section->file),
		.line = section->line,
	};
	struct section_vals read;
	int rc = section_read(section, PROXY_KEYS, arena, &read, err);
	bool udp;

	if (rc == 0) {
		rc = build_endpoints(&read, arena, &proxy, err);
	}
	if (rc) {
		return rc;
	}
	udp = proxy.listen.transport == TRANSPORT_UDP;
	rc = check_transport_keys(&read, udp, err);
	if (rc) {
		return rc;
	}
	if (framer_parse(&proxy.framer, read.vals[PROXY_FRAME].text, arena, err)) {
		return section_context(&read, PROXY_FRAME, "frame", err);
	}
	rc = build_label(&read, arena, &proxy, err);
	if (rc) {
		framer_release(&proxy.framer);
		return rc;
	}
	build_numbers(read.vals, udp, &proxy);
	*out = proxy;
	return 0;
}

void config_proxy_done(struct proxy *proxy)
{
	framer_release(&proxy->framer);
	regex_free(proxy->label);
	proxy->label = NULL;
}

/* Addresses, compared as written but for spelling: no look-ups, so a host's other names
 * and the machine's other addresses are not seen. */

static void host_canonical(const struct endpoint *endpoint, char *out)
{
	struct ipaddr ip;

	if (strcmp(endpoint->host, "localhost") == 0) {
		strcpy(out, "127.0.0.1");
	} else if (ipaddr_parse(endpoint->host, &ip, NULL) == 0) {
		ipaddr_format(&ip, out);
	} else {
		strcpy(out, endpoint->host);
	}
}

static bool is_everywhere(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* Would a connection to `to` arrive at `listen`? */
static bool endpoint_reaches(const struct endpoint *to, const struct endpoint *listen)
{
	char to_host[ENDPOINT_HOST_MAX], listen_host[ENDPOINT_HOST_MAX];

	if (to->transport != listen->transport || to->port != listen->port) {
		return false;
	}
	if (to->transport == TRANSPORT_UNIX) {
		return strcmp(to->host, listen->host) == 0;
	}
	host_canonical(to, to_host);
	host_canonical(listen, listen_host);
	if (listen->port == 0) {
		return false;
	}
	return strcmp(to_host, listen_host) == 0 ||
	       (is_everywhere(listen_host) &&
		(is_loopback(to_host) || is_everywhere(to_host)));
}

static int check_listens(const struct proxy *proxies, size_t num, struct err *err)
{
	for (size_t i = 0; i < num; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct proxy *a = &proxies[j], *b = &proxies[i];

			if (endpoint_reaches(&a->listen, &b->listen) ||
			    endpoint_reaches(&b->listen, &a->listen)) {
				char text[ENDPOINT_TEXT_MAX];

				endpoint_format(&b->listen, text);
				return config_fail(
					err, b->file, b->line,
					"[proxy %s] listens on %s, where [proxy %s] of "
					"%s:%u listens already",
					b->name, text, a->name, a->file, a->line);
			}
		}
	}
	return 0;
}

static int fail_cycle(const struct proxy *proxies, const size_t *behind, size_t start,
		      struct err *err)
{
	struct text path = {0};
	size_t at = start;
	int rc;

	do {
		text_format(&path, "%s -> ", proxies[at].name);
		at = behind[at];
	} while (at != start);
	rc = config_fail(
		err, proxies[start].file, proxies[start].line,
		"the proxies' upstreams form a cycle, which no byte would leave: %s%s",
		text_cstr(&path), proxies[start].name);
	text_done(&path);
	return rc;
}

size_t config_proxy_behind(const struct config *config, const struct proxy *proxy)
{
	size_t i = 0;

	while (i < config->num_proxies &&
	       !endpoint_reaches(&proxy->upstream, &config->proxies[i].listen)) {
		i++;
	}
	return i;
}

static int check_cycles(const struct proxy *proxies, size_t num, struct err *err)
{
	size_t *behind =
		xcalloc(num, sizeof(*behind)); /* whom the upstream is; num: no proxy */
	int rc = 0;

	for (size_t i = 0; i < num; i++) {
		size_t j = 0;

		while (j < num &&
		       !endpoint_reaches(&proxies[i].upstream, &proxies[j].listen)) {
			j++;
		}
		behind[i] = j;
	}
	for (size_t i = 0; rc == 0 && i < num; i++) {
		size_t at = behind[i];

		for (size_t steps = 0; at < num && at != i && steps < num; steps++) {
			at = behind[at];
		}
		if (at == i) {
			rc = fail_cycle(proxies, behind, i, err);
		}
	}
	free(behind);
	return rc;
}

/* As the ready file and the command's environment call it. */
static void variable_name(const char *name, struct text *out)
{
	text_clear(out);
	for (const char *p = name; *p; p++) {
		text_byte(out, isalnum((unsigned char)*p)
				       ? (char)toupper((unsigned char)*p)
				       : '_');
	}
}

/* A section that sets TURNCOAT_NAME and TURNCOAT_NAME_PORT, TURNCOAT_NAME_PORT2 ... */
struct namer {
	const char *kind, *name, *file;
	unsigned line, num_ports;
};

static struct namer *find_namers(const struct config *config, size_t *out_num)
{
	size_t num = config->num_proxies + config->num_services;
	struct namer *namers = xcalloc(num, sizeof(*namers));

	for (size_t i = 0; i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];

		namers[i] =
			(struct namer){"proxy", proxy->name, proxy->file, proxy->line, 1};
	}
	for (size_t i = 0; i < config->num_services; i++) {
		const struct service_spec *service = &config->services[i];

		namers[config->num_proxies + i] =
			(struct namer){"service", service->name, service->file,
				       service->line, service->num_ports};
	}
	*out_num = num;
	return namers;
}

/* Is `name` the variable of one of its ports? */
static bool is_port_of(const char *name, const struct namer *namer, struct text *variable)
{
	size_t len;

	variable_name(namer->name, variable);
	text_str(variable, "_PORT");
	len = variable->len;
	for (unsigned n = 1; n <= namer->num_ports; n++) {
		variable->len = len;
		variable->data[len] = '\0';
		if (n > 1) {
			text_u64(variable, n);
		}
		if (strcmp(name, variable->data) == 0) {
			return true;
		}
	}
	return false;
}

/* Two sections' TURNCOAT_NAME must differ, and from the other's TURNCOAT_NAME_PORT. */
static int check_variables(const struct config *config, struct err *err)
{
	struct text a = {0}, b = {0};
	size_t num;
	struct namer *namers = find_namers(config, &num);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < num; i++) {
		variable_name(namers[i].name, &a);
		for (size_t j = 0; rc == 0 && j < num; j++) {
			bool same;

			variable_name(namers[j].name, &b);
			same = i != j && strcmp(a.data, b.data) == 0;
			if (same || is_port_of(a.data, &namers[j], &b)) {
				rc = config_fail(err, namers[i].file, namers[i].line,
						 "[%s %s] and [%s %s] would both set the "
						 "variable TURNCOAT_%s: rename one",
						 namers[j].kind, namers[j].name,
						 namers[i].kind, namers[i].name, a.data);
			}
		}
	}
	free(namers);
	text_done(&a);
	text_done(&b);
	return rc;
}

int config_proxies_link(const struct config *config, struct err *err)
{
	int rc = check_listens(config->proxies, config->num_proxies, err);

	if (rc == 0) {
		rc = check_cycles(config->proxies, config->num_proxies, err);
	}
	if (rc == 0) {
		rc = check_variables(config, err);
	}
	return rc;
}
