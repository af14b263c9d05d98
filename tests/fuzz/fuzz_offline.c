/* Any bytes as a trace, through dialogs and engine under a fixed rule set: whatever it
 * is, what came in went out or is accounted for, and all flows end.
 */
#include "app/config.h"
#include "plane/offline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char RULES[] = "[proxy line]\n"
			    "listen = tcp://127.0.0.1:0\n"
			    "upstream = tcp://any:80\n"
			    "frame = line\n"
			    "[proxy raw]\n"
			    "listen = tcp://127.0.0.1:0\n"
			    "upstream = tcp://any:81\n"
			    "frame = raw cell=16\n"
			    "label = /id=(\\w)/\n"
			    "[proxy dgram]\n"
			    "listen = udp://127.0.0.1:0\n"
			    "upstream = udp://any:53\n"
			    "replies = 2\n"
			    "idle = 1s\n"
			    "[rule cut]\n"
			    "match = /x/\n"
			    "chance = 10%\n"
			    "on = line, raw\n"
			    "do = reset\n"
			    "[rule lose]\n"
			    "chance = 10%\n"
			    "do = drop\n"
			    "[rule slow]\n"
			    "chance = 30%\n"
			    "do = delay time=20ms jitter=10ms\n"
			    "[rule late]\n"
			    "on = dgram\n"
			    "chance = 20%\n"
			    "do = reorder gap=1\n"
			    "[rule flip]\n"
			    "chance = 20%\n"
			    "do = mutate flip bits=2\n";

static void keep_nothing(void *ctx, struct span lines, bool fault)
{
	(void)fault;
	assert(lines.len > 0 && lines.data[lines.len - 1] == '\n');
	*(uint64_t *)ctx += lines.len;
}

static struct config *rules_load(void)
{
	struct arena arena = {0};
	struct inifile file;
	struct config *config = NULL;
	struct err err = {0};

	if (inifile_parse("rules", span_str(RULES), &arena, &file, &err) < 0 ||
	    config_parse(&file, 1, &config, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	arena_done(&arena);
	config_bind_seed(config, 1);
	return config;
}

static void replay(struct traceread *trace, enum link_type link)
{
	uint64_t logged = 0;
	struct engine_sink sink = {keep_nothing, &logged};
	struct engine_options options = {0};
	struct config *config = rules_load();
	struct engine *engine = engine_new(config->rules, &sink, &options);
	struct err err = {0};
	struct trace *out = trace_create("/dev/null", traceread_dlt(trace), &err);
	struct offline *offline =
		offline_new(engine, link, config->proxies, config->num_proxies, out);
	struct trace_packet packet;
	struct side_stats totals;

	while (traceread_next(trace, &packet, &err) > 0) {
		offline_packet(offline, &packet);
	}
	offline_finish(offline);
	totals = engine_totals(engine);
	assert(side_stats_conserved(&totals));
	assert(offline_status(offline, &err) == 0);
	offline_free(offline);
	engine_free(engine);
	assert(trace_close(out, &err) == 0);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	struct traceread *trace;
	enum link_type link;
	struct err err = {0};
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (traceread_open(path, &trace, &err) == 0) {
		if (link_type_find(traceread_dlt(trace), &link)) {
			replay(trace, link);
		}
		traceread_close(trace);
	}
	close(fd);
	return 0;
}
