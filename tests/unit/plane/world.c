#include "world.h"

#include "base/optrow.h"
#include "base/quantity.h"

#include <stdlib.h>

static _Noreturn void die(const char *what, const char *detail)
{
	fprintf(stderr, "world: %s: %s\n", what, detail);
	abort();
}

/* --- random numbers --- */

struct rng rng_new(uint64_t seed)
{
	struct rng rng = {seed * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL};

	if (rng.state == 0) {
		rng.state = 1;
	}
	for (int i = 0; i < 4; i++) {
		rng_next(&rng);
	}
	return rng;
}

uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1dULL;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return (rng_next(rng) >> 16) % n;
}

uint64_t rng_between(struct rng *rng, uint64_t least, uint64_t most)
{
	return least + rng_below(rng, most - least + 1);
}

bool rng_odds(struct rng *rng, uint64_t num, uint64_t den)
{
	return rng_below(rng, den) < num;
}

void rng_shuffle(struct rng *rng, size_t *indices, size_t num)
{
	for (size_t i = num; i > 1; i--) {
		size_t other = rng_below(rng, i);
		size_t kept = indices[i - 1];

		indices[i - 1] = indices[other];
		indices[other] = kept;
	}
}

/* --- rules --- */

enum { RULES_MAX = 64, RULE_ACTIONS_MAX = 8 };

static uint64_t number(const char *text)
{
	struct err err;
	uint64_t value;

	if (parse_u64(text, 0, UINT64_MAX, &value, &err) < 0) {
		die(text, err.text);
	}
	return value;
}

static void set_regex(struct rule *rule, const char *text, struct arena *arena)
{
	static const struct optrow row = {.name = "match", .type = OPT_REGEX, .help = ""};
	struct optval val;
	struct err err;

	rule->match_text = arena_copy_text(arena, text);
	rule->match.regex_negated = text[0] == '!';
	if (optrow_parse(&row, text + (text[0] == '!'), arena, &val, &err) < 0) {
		die(text, err.text);
	}
	rule->match.regex = regex_new(val.text, val.flags, &err);
	if (!rule->match.regex) {
		die(text, err.text);
	}
}

static void add_action(struct rule *rule, const char *text, struct arena *arena)
{
	struct err err;

	if (!rule->actions) {
		rule->actions =
			arena_take_array(arena, RULE_ACTIONS_MAX, sizeof(*rule->actions));
	}
	if (rule->num_actions == RULE_ACTIONS_MAX) {
		die(text, "too many actions");
	}
	if (action_parse(&rule->actions[rule->num_actions], text, rule->num_actions,
			 arena, &err) < 0) {
		die(text, err.text);
	}
	rule->num_actions++;
}

static void set_on(struct rule *rule, const char *name, struct arena *arena)
{
	const char **on = arena_take_array(arena, 2, sizeof(*on));

	on[0] = arena_copy_text(arena, name);
	rule->on = on;
}

static void set_until(struct rule *rule, const char *text)
{
	struct err err;

	if (parse_u64(text, 0, UINT64_MAX, &rule->schedule.until, &err) < 0 &&
	    parse_duration(text, &rule->schedule.until_ns, &err) < 0) {
		die(text, err.text);
	}
}

static void set_key(struct rule *rule, const char *key, const char *value,
		    struct arena *arena)
{
	struct err err = {.text = "no such key"};
	int code = 0;

	if (strcmp(key, "do") == 0) {
		add_action(rule, value, arena);
	} else if (strcmp(key, "on") == 0) {
		set_on(rule, value, arena);
	} else if (strcmp(key, "side") == 0) {
		rule->match.sides[SIDE_REQUEST] = strcmp(value, "reply") != 0;
		rule->match.sides[SIDE_REPLY] = strcmp(value, "request") != 0;
	} else if (strcmp(key, "class") == 0) {
		code = match_parse_classes(&rule->match, value, arena, &err);
	} else if (strcmp(key, "lane") == 0) {
		rule->lane = arena_copy_text(arena, value);
	} else if (strcmp(key, "k") == 0) {
		code = match_parse_k(&rule->match, value, &err);
	} else if (strcmp(key, "length") == 0) {
		code = match_parse_length(&rule->match, value, &err);
	} else if (strcmp(key, "match") == 0) {
		set_regex(rule, value, arena);
	} else if (strcmp(key, "chance") == 0) {
		code = parse_chance(value, &rule->chance, &err);
	} else if (strcmp(key, "skip") == 0) {
		rule->schedule.skip = number(value);
	} else if (strcmp(key, "count") == 0) {
		rule->schedule.count = number(value);
	} else if (strcmp(key, "every") == 0) {
		rule->schedule.every = number(value);
	} else if (strcmp(key, "burst") == 0) {
		rule->schedule.burst = number(value);
	} else if (strcmp(key, "until") == 0) {
		set_until(rule, value);
	} else {
		code = -1;
	}
	if (code < 0) {
		die(key, err.text);
	}
}

static void rules_line(struct ruleset *set, char *line)
{
	struct rule *rule;
	char *value;

	if (line[0] == '[') {
		if (set->num_rules == RULES_MAX) {
			die(line, "too many rules");
		}
		rule = &set->rules[set->num_rules];
		*rule = (struct rule){.index = (unsigned)set->num_rules++};
		rule->name = arena_copy_span(&set->arena,
					     span_of(line + 1, strcspn(line + 1, "]")));
		rule->chance = (struct chance){1, 1};
		match_init(&rule->match);
		schedule_init(&rule->schedule);
		return;
	}
	value = strstr(line, " = ");
	if (!value || set->num_rules == 0) {
		die(line, "neither [name] nor key = value");
	}
	*value = '\0';
	set_key(&set->rules[set->num_rules - 1], line, value + 3, &set->arena);
}

struct ruleset *rules_new(const char *text, uint64_t seed)
{
	struct ruleset *set = xcalloc(1, sizeof(*set));
	char *copy = xstrdup(text);
	char *next = copy;
	char *line;

	set->seed = seed;
	set->generation = 1;
	set->rules = arena_take_array(&set->arena, RULES_MAX, sizeof(*set->rules));
	while ((line = strsep(&next, "\n")) != NULL) {
		if (line[0]) {
			rules_line(set, line);
		}
	}
	for (size_t i = 0; i < set->num_rules; i++) {
		rule_bind_seed(&set->rules[i], seed);
		rule_finish(&set->rules[i]);
	}
	free(copy);
	return set;
}

void rules_free(struct ruleset *set)
{
	if (set->refs != 0) {
		die("rule set", "somebody still refers to it");
	}
	ruleset_done(set);
	free(set);
}

/* --- the world --- */

static void keep_lines(void *ctx, struct span lines, bool fault)
{
	struct world *world = ctx;

	text_bytes(&world->log, lines.data, lines.len);
	world->fault_seen |= fault;
}

void world_init_as(struct world *world, struct ruleset *set,
		   const struct engine_options *options)
{
	*world = (struct world){.set = set, .set_borrowed = true};
	world->engine =
		engine_new(set, &(struct engine_sink){.write = keep_lines, .ctx = world},
			   options);
}

void world_init_with(struct world *world, struct ruleset *set, bool strict)
{
	world_init_as(world, set, &(struct engine_options){.strict = strict});
}

void world_init(struct world *world, const char *rules, uint64_t seed)
{
	world_init_with(world, rules_new(rules, seed), false);
	world->set_borrowed = false;
}

void world_init_strict(struct world *world, const char *rules, uint64_t seed)
{
	world_init_with(world, rules_new(rules, seed), true);
	world->set_borrowed = false;
}

void world_done(struct world *world)
{
	while (world->wires) {
		struct wire *wire = world->wires;

		world->wires = wire->next;
		wire_free(wire, "shutdown");
		text_done(&wire->out[SIDE_REQUEST]);
		text_done(&wire->out[SIDE_REPLY]);
		free(wire);
	}
	engine_free(world->engine);
	if (!world->set_borrowed) {
		rules_free(world->set);
	}
	for (size_t i = 0; i < world->num_more; i++) {
		rules_free(world->more[i]);
	}
	for (size_t i = 0; i < world->num_proxies; i++) {
		framer_release(&world->proxies[i].framer);
		regex_free(world->proxies[i].label);
	}
	text_done(&world->log);
	arena_done(&world->arena);
}

struct proxy *world_proxy(struct world *world, const char *name, const char *frame)
{
	struct proxy *proxy = &world->proxies[world->num_proxies];
	struct err err;

	if (world->num_proxies == WORLD_PROXIES_MAX) {
		die(name, "too many proxies");
	}
	*proxy = (struct proxy){
		.name = name,
		.index = (unsigned)world->num_proxies++,
		.label_wait_ns = MS(1000),
		.hold_ns = MS(86400 * 1000LL),
		.max_held_bytes = 16 << 20,
	};
	if (framer_parse(&proxy->framer, frame, &world->arena, &err) < 0) {
		die(frame, err.text);
	}
	return proxy;
}

void world_label(struct proxy *proxy, const char *pattern)
{
	struct err err;

	proxy->label_text = pattern;
	proxy->label = regex_new(pattern, "", &err);
	if (!proxy->label) {
		die(pattern, err.text);
	}
}

void world_reload(struct world *world, const char *rules, uint64_t seed)
{
	struct ruleset *set = rules_new(rules, seed);

	if (world->num_more == sizeof(world->more) / sizeof(world->more[0])) {
		die("reload", "too often");
	}
	set->generation = 2 + world->num_more;
	world->more[world->num_more++] = set;
	engine_set_rules(world->engine, set);
}

void world_advance(struct world *world, int64_t by_ns)
{
	world->now_ns += by_ns;
	engine_advance(world->engine, world->now_ns);
}

void world_drain(struct world *world)
{
	world_advance(world, MS(1000LL * 86400 * 365));
}

/* --- wires --- */

static void on_send(void *ctx, enum side side, struct span bytes)
{
	struct wire *wire = ctx;

	if (wire->datagram) {
		text_format(&wire->out[side], "%04zu", bytes.len);
	}
	text_bytes(&wire->out[side], bytes.data, bytes.len);
	wire->sends[side]++;
	wire->bytes[side] += bytes.len;
	if (wire->ends[side]) {
		die("send", "bytes behind the end");
	}
	if (wire->cuts) {
		die("send", "bytes behind the cut");
	}
}

static void on_end(void *ctx, enum side side)
{
	struct wire *wire = ctx;

	wire->ends[side]++;
	if (wire->cuts || wire->ends[side] > 1) {
		die("end", "behind the end");
	}
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct wire *wire = ctx;

	wire->cut = how;
	if (wire->cuts++) {
		die("cut", "twice");
	}
}

static void on_resume(void *ctx, enum side side)
{
	struct wire *wire = ctx;

	wire->resumes[side]++;
}

static const struct flow_ops OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_resume,
};

struct wire *wire_open(struct world *world, const struct proxy *proxy, const char *source,
		       uint16_t port)
{
	struct wire *wire = xcalloc(1, sizeof(*wire));
	struct flow_addrs addrs = {
		.transport = proxy->listen.transport,
		.client_port = port,
		.server_port = 7,
	};
	struct err err;

	if (source[0] && (ipaddr_parse(source, &addrs.client, &err) < 0 ||
			  ipaddr_parse("127.0.0.1", &addrs.server, &err) < 0)) {
		die(source, err.text);
	}
	wire->world = world;
	wire->datagram = proxy->listen.transport == TRANSPORT_UDP;
	wire->next = world->wires;
	world->wires = wire;
	wire->flow = flow_new(world->engine, proxy, &addrs, &OPS, wire, world->now_ns);
	return wire;
}

void wire_feed(struct wire *wire, enum side side, struct span bytes)
{
	/* A copy that ends where its memory ends, so that reading past it is seen. */
	uint8_t *copy = xmalloc(bytes.len ? bytes.len : 1);

	if (bytes.len) {
		memcpy(copy, bytes.data, bytes.len);
	}
	if (wire->flow) {
		flow_feed(wire->flow, side, span_of(copy, bytes.len),
			  wire->world->now_ns);
	}
	free(copy);
}

void wire_say(struct wire *wire, enum side side, const char *text)
{
	wire_feed(wire, side, span_str(text));
}

void wire_end(struct wire *wire, enum side side)
{
	if (wire->flow) {
		flow_end(wire->flow, side, wire->world->now_ns);
	}
}

void wire_free(struct wire *wire, const char *why)
{
	flow_free(wire->flow, why, wire->world->now_ns);
	wire->flow = NULL;
}

const char *wire_out(struct wire *wire, enum side side)
{
	const char *since = text_cstr(&wire->out[side]) + wire->taken[side];

	wire->taken[side] = wire->out[side].len;
	return since;
}

/* --- logs --- */

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

void log_canonical(const char *log, struct text *out)
{
	char *copy = xstrdup(log);
	char *next = copy;
	char **lines = NULL;
	char *line;
	size_t num = 0;

	while ((line = strsep(&next, "\n")) != NULL) {
		char *wall = strstr(line, ",\"wall\":{");

		if (!line[0] || strstr(line, "\"type\":\"sent\"") ||
		    strstr(line, "\"type\":\"stall\"")) {
			continue;
		}
		if (!wall) {
			die("a line without wall", line);
		}
		memcpy(wall, "}", 2);
		if ((num & (num - 1)) == 0) {
			lines = xrealloc(lines, (num ? 2 * num : 1) * sizeof(*lines));
		}
		lines[num++] = line;
	}
	if (num) {
		qsort(lines, num, sizeof(*lines), compare_lines);
	}
	for (size_t i = 0; i < num; i++) {
		text_str(out, lines[i]);
		text_byte(out, '\n');
	}
	free(lines);
	free(copy);
}

static uint64_t counter(const char *from, const char *to, const char *name)
{
	const char *at = strstr(from, name);

	return at && at < to ? strtoull(at + strlen(name), NULL, 10) : 0;
}

bool log_side_stats(const char *log, const char *lane, enum side side,
		    struct side_stats *out)
{
	struct text wanted = {0};
	const char *from, *to = NULL;

	text_format(&wanted, "\"lane\":\"%s\",\"reply\":{", lane);
	from = strstr(log, text_cstr(&wanted));
	text_done(&wanted);
	if (from) {
		from = strstr(from, side == SIDE_REPLY ? "\"reply\":{" : "\"request\":{");
		to = from ? strchr(from, '}') : NULL;
	}
	if (!to) {
		return false;
	}
	*out = (struct side_stats){
		.units_in = counter(from, to, "\"units_in\":"),
		.units_injected = counter(from, to, "\"units_injected\":"),
		.units_copies = counter(from, to, "\"units_copies\":"),
		.units_out = counter(from, to, "\"units_out\":"),
		.units_dropped = counter(from, to, "\"units_dropped\":"),
		.units_held = counter(from, to, "\"units_held\":"),
		.bytes_in = counter(from, to, "\"bytes_in\":"),
		.bytes_injected = counter(from, to, "\"bytes_injected\":"),
		.bytes_copies = counter(from, to, "\"bytes_copies\":"),
		.bytes_grown = counter(from, to, "\"bytes_grown\":"),
		.bytes_shrunk = counter(from, to, "\"bytes_shrunk\":"),
		.bytes_out = counter(from, to, "\"bytes_out\":"),
		.bytes_dropped = counter(from, to, "\"bytes_dropped\":"),
		.bytes_held = counter(from, to, "\"bytes_held\":"),
	};
	return true;
}

static bool line_has(const char *line, size_t len, const char *text)
{
	return memmem(line, len, text, strlen(text)) != NULL;
}

size_t log_count(const char *log, const char *const *texts)
{
	size_t num = 0;

	while (*log) {
		size_t len = strcspn(log, "\n");
		bool all = true;

		for (const char *const *text = texts; *text; text++) {
			all = all && line_has(log, len, *text);
		}
		num += all;
		log += len + (log[len] == '\n');
	}
	return num;
}

void log_show_difference(const char *left, const char *right)
{
	while (*left && *left == *right) {
		size_t len = strcspn(left, "\n");

		if (strncmp(left, right, len + 1) != 0) {
			break;
		}
		left += len + (left[len] == '\n');
		right += len + (right[len] == '\n');
	}
	fprintf(stderr, "one:   %.*s\nother: %.*s\n", (int)strcspn(left, "\n"), left,
		(int)strcspn(right, "\n"), right);
}
