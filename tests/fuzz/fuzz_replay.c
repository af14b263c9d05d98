/* Any bytes as a log to replay: it is refused with a reason, or played, whatever it says
 * and whatever comes: all that comes in goes out, is dropped or is held (P9).
 *
 * Bytes that begin with no header get one. What comes is as far as the log's lanes: each
 * is opened once, and both peers say the bytes of the log itself, in pieces.
 */
#include "app/log_common.h"
#include "app/replay_load.h"
#include "plane/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LANES_MAX = 4, SAID_MAX = 2000, STEP_NS = 7000000, LONG_NS = 2000000000 };

static const char HEADER[] =
	"{\"abi\":1,\"files\":[{\"name\":\"r.ini\",\"text\":\"[proxy p]\\nlisten = "
	"tcp://127.0.0.1:0\\nupstream = tcp://127.0.0.1:1\\nframe = line max=300B\\nhold "
	"= "
	"10ms\\n[proxy c]\\nlisten = tcp://127.0.0.1:0\\nupstream = "
	"tcp://127.0.0.1:1\\nframe = raw cell=16\\nhold = 10ms\\n[proxy u]\\nlisten = "
	"udp://127.0.0.1:0\\nupstream = udp://127.0.0.1:1\\n[rule d]\\nmatch = "
	"/a/\\nchance = 50%\\ndo = delay time=1ms\\ndo = duplicate copies=2 "
	"gap=1\\n[rule e]\\nchance = 50%\\ndo = mutate flip bits=3\\ndo = mutate replace "
	"pattern=/e/ with=xyz all=yes\\n[rule r]\\nchance = 5%\\ndo = reorder "
	"gap=2\\n[rule x]\\nchance = 1%\\ndo = drop\\n[rule y]\\nchance = 1%\\ndo = "
	"reset "
	"at=3\"}],\"seed\":1,\"type\":\"header\"}\n";

static int log_file(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	size_t header = sizeof(HEADER) - 1;

	if (size >= 7 && memcmp(data, "{\"abi\":", 7) == 0) {
		header = 0;
	}
	if (fd < 0 || write(fd, HEADER, header) != (ssize_t)header ||
	    write(fd, data, size) != (ssize_t)size) {
		abort();
	}
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* --- the world around the engine --- */

struct end {
	bool ended[NUM_SIDE], cut;
};

static void on_lines(void *ctx, struct span lines, bool fault)
{
	(void)fault;
	*(uint64_t *)ctx += lines.len;
}

static void on_send(void *ctx, enum side side, struct span bytes)
{
	const struct end *end = ctx;

	(void)bytes;
	assert(!end->cut && !end->ended[side]);
}

static void on_end(void *ctx, enum side side)
{
	struct end *end = ctx;

	assert(!end->cut && !end->ended[side]);
	end->ended[side] = true;
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct end *end = ctx;

	(void)how;
	assert(!end->cut);
	end->cut = true;
}

static void on_resume(void *ctx, enum side side)
{
	(void)ctx;
	(void)side;
}

static const struct flow_ops OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_resume,
};

/* PROXY/ADDRESS#N; false: no proxy of ours. */
static const struct proxy *lane_of(const struct config *config, const char *lane,
				   struct flow_addrs *out)
{
	const char *slash = strchr(lane, '/'), *hash = strrchr(lane, '#');
	char address[IPADDR_TEXT_MAX];
	struct err err;
	size_t len = slash && hash > slash ? (size_t)(hash - slash) - 1 : 0;

	*out = (struct flow_addrs){.client_port = 1000, .server_port = 80};
	if (len == 0 || len >= sizeof(address)) {
		return NULL;
	}
	memcpy(address, slash + 1, len);
	address[len] = '\0';
	(void)ipaddr_parse(address, &out->client, &err);
	for (size_t i = 0; i < config->num_proxies; i++) {
		const char *name = config->proxies[i].name;

		if (strlen(name) == (size_t)(slash - lane) &&
		    memcmp(name, lane, strlen(name)) == 0) {
			return &config->proxies[i];
		}
	}
	return NULL;
}

static void say(struct engine *engine, const struct proxy *proxy,
		const struct flow_addrs *addrs, struct span bytes, int64_t *now_ns)
{
	struct end end = {0};
	struct flow *flow = flow_new(engine, proxy, addrs, &OPS, &end, *now_ns);
	size_t piece = 1 + bytes.len % 61;

	for (size_t at = 0; flow && at < bytes.len; at += piece) {
		enum side side = at / piece % 3 == 2 ? SIDE_REPLY : SIDE_REQUEST;

		if (flow_wants(flow, side)) {
			flow_feed(flow, side, span_sub(bytes, at, piece), *now_ns);
		}
		if (at / piece % 7 == 6) {
			*now_ns += STEP_NS;
			engine_advance(engine, *now_ns);
		}
	}
	if (flow && bytes.len % 2 && proxy->listen.transport == TRANSPORT_TCP) {
		flow_end(flow, SIDE_REQUEST, *now_ns);
		flow_end(flow, SIDE_REPLY, *now_ns);
		*now_ns += LONG_NS;
		engine_advance(engine, *now_ns);
	}
	flow_free(flow, "eof", *now_ns);
}

static void play(struct replay_log *log, bool order, struct span bytes)
{
	uint64_t written = 0;
	struct engine_sink sink = {on_lines, &written};
	struct engine_options options = {
		.replay = log->replay,
		.order = order,
		.order_wait_ns = 3 * STEP_NS,
	};
	struct engine *engine = engine_new(log->config->rules, &sink, &options);
	struct side_stats all;
	int64_t now_ns = 0;
	unsigned num = 0;

	for (size_t i = 0; i < log->num_reloads; i++) {
		if (log->reloads[i].config) {
			engine_add_generation(engine, log->reloads[i].config->rules);
		}
	}
	for (const struct replay_lane *lane = log->replay->lanes; lane && num < LANES_MAX;
	     lane = lane->next_added) {
		struct flow_addrs addrs;
		const struct proxy *proxy = lane_of(log->config, lane->name, &addrs);

		if (proxy) {
			say(engine, proxy, &addrs, bytes, &now_ns);
			num++;
		}
	}
	all = engine_totals(engine);
	assert(all.units_in + all.units_injected + all.units_copies ==
	       all.units_out + all.units_dropped + all.units_held);
	assert(all.bytes_in + all.bytes_injected + all.bytes_copies + all.bytes_grown ==
	       all.bytes_out + all.bytes_dropped + all.bytes_held + all.bytes_shrunk);
	engine_free(engine);
	(void)replay_finish(log->replay);
}

/* What may be picked: the first fault, none, or the bytes themselves. */
static void pick(struct replay_log *log, const uint8_t *data, size_t size)
{
	struct text ids = {0};
	struct err err = {0};

	if (size % 4 == 1) {
		text_str(&ids, "none");
	} else if (size % 4 == 2) {
		text_bytes(&ids, data, size);
		for (size_t i = 0; i < ids.len; i++) {
			ids.data[i] = ids.data[i] && (i || ids.data[i] != '@')
					      ? ids.data[i]
					      : ' ';
		}
	}
	for (const struct replay_lane *lane = log->replay->lanes; size % 4 == 3 && lane;
	     lane = lane->next_added) {
		const struct replay_side *side = &lane->sides[SIDE_REQUEST];

		if (side->num_units && side->units[0]->faulty) {
			text_format(&ids, "%s:request:%s:%llu,", lane->name,
				    side->units[0]->class,
				    (unsigned long long)side->units[0]->k);
		}
	}
	if (ids.len && replay_log_select(log, text_cstr(&ids), &err) != 0) {
		assert(*err.text);
	}
	text_done(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = log_file(data, size, path);
	enum replay_policy policy = size % 3 ? REPLAY_FAIL : REPLAY_FOLLOW;
	struct replay_log *log = NULL;
	struct err err = {0};
	int code = replay_log_load(path, policy, &log, &err);

	close(fd);
	if (code == 0) {
		pick(log, data, size);
		play(log, size % 5 == 0, span_sub(span_of(data, size), 0, SAID_MAX));
		replay_log_free(log);
	} else {
		assert(*err.text);
		for (const char *p = err.text; *p; p++) {
			assert((unsigned char)*p >= ' ' && *p != 0x7f);
		}
	}
	return 0;
}
