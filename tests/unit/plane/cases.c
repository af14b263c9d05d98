#include "cases.h"

#include <stdlib.h>

/* --- rules --- */

static const char *const REGEXES[] = {"/a/",	    "/^[a-m]/",	   "!/b/",   "/A.B/is",
				      "/\\r?\\n$/", "/([ab])\\1/", "!/^G/i", "/x*$/"};
static const char *const CLASSES[] = {"raw",	 "GET|SET",   "G*",	 "*E?", "line",
				      "message", "0x61|0x62", "partial", "*",	"PUT"};
static const char *const LENGTHS[] = {"1", "2-9", ">=5", "<=12", "0-3", "10-4096"};
static const char *const CHANCES[] = {"100%", "50%", "25%", "1 in 3", "10%", "0%"};
static const char *const DISTRIBUTIONS[] = {"uniform", "normal", "pareto",
					    "paretonormal"};
static const char *const FIXUPS[] = {"length", "none"};

#define PICK(rng, table) ((table)[rng_below(rng, sizeof(table) / sizeof((table)[0]))])

static void put_mutate(struct rng *rng, struct text *out)
{
	unsigned long long at = rng_below(rng, 12);

	switch (rng_below(rng, 8)) {
	case 0:
		text_format(out, "do = mutate flip bits=%llu\n",
			    (unsigned long long)rng_between(rng, 1, 9));
		break;
	case 1:
		text_format(out, "do = mutate flip bits=%llu at=%llu len=%llu\n",
			    (unsigned long long)rng_between(rng, 1, 40), at,
			    (unsigned long long)rng_between(rng, 1, 12));
		break;
	case 2:
		text_format(out, "do = mutate set at=%llu text=\"zap\"\n", at);
		break;
	case 3:
		text_format(out,
			    "do = mutate replace pattern=/(a+)|([bG])/ with=\"<$2$1>\" "
			    "all=%s "
			    "fixup=%s\n",
			    rng_odds(rng, 1, 2) ? "yes" : "no", PICK(rng, FIXUPS));
		break;
	case 4:
		text_format(out, "do = mutate truncate to=%llu fixup=%s\n", at,
			    PICK(rng, FIXUPS));
		break;
	case 5:
		text_format(out, "do = mutate truncate by=%llu fixup=%s\n", at + 1,
			    PICK(rng, FIXUPS));
		break;
	case 6:
		text_format(out, "do = mutate extend by=%llu fill=%s fixup=%s\n", at + 1,
			    rng_odds(rng, 1, 2) ? "random" : "7a30", PICK(rng, FIXUPS));
		break;
	case 7:
		text_format(out,
			    "do = mutate splice at=%llu remove=%llu bytes=%s fixup=%s\n",
			    at, (unsigned long long)rng_below(rng, 4),
			    rng_odds(rng, 1, 2) ? "00" : "7a6170", PICK(rng, FIXUPS));
		break;
	}
}

struct allowed {
	bool cuts, delays, only_delays;
	const char *hold;
};

static void put_action(struct rng *rng, const struct allowed *allowed, struct text *out)
{
	unsigned long long which = rng_below(rng, 12);

	if (allowed->only_delays || (which < 2 && allowed->delays)) {
		text_format(out, "do = delay time=%llums jitter=%llums distribution=%s\n",
			    (unsigned long long)rng_between(rng, 0, 40),
			    (unsigned long long)rng_between(rng, 0, 40),
			    PICK(rng, DISTRIBUTIONS));
	} else if (which < 3) {
		text_str(out, "do = drop\n");
	} else if (which < 5) {
		text_format(out, "do = reorder gap=%llu hold=%s\n",
			    (unsigned long long)rng_between(rng, 1, 3), allowed->hold);
	} else if (which < 7) {
		text_format(out, "do = duplicate copies=%llu gap=%llu hold=%s\n",
			    (unsigned long long)rng_between(rng, 1, 2),
			    (unsigned long long)rng_below(rng, 3), allowed->hold);
	} else if (which < 8 && allowed->cuts) {
		text_format(out, "do = %s at=%llu\n",
			    rng_odds(rng, 1, 2) ? "reset" : "close",
			    (unsigned long long)rng_below(rng, 20));
	} else {
		put_mutate(rng, out);
	}
}

static void put_schedule(struct rng *rng, struct text *out)
{
	static const char *const KEYS[] = {"skip", "count", "every", "burst", "until"};

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		if (rng_odds(rng, 1, 6)) {
			text_format(out, "%s = %llu\n", KEYS[i],
				    (unsigned long long)rng_between(rng, 1, 5));
		}
	}
}

static void put_rule(struct rng *rng, const struct allowed *allowed, char name,
		     struct text *out)
{
	static const char *const SIDES[] = {"request", "reply", "both"};
	uint64_t num = rng_between(rng, 1, 2);

	text_format(out, "[%c]\nside = %s\n", name, PICK(rng, SIDES));
	if (rng_odds(rng, 1, 4)) {
		text_format(out, "class = %s\n", PICK(rng, CLASSES));
	}
	if (rng_odds(rng, 1, 6)) {
		text_format(out, "k = %llu-%llu\n", (unsigned long long)rng_below(rng, 3),
			    (unsigned long long)rng_between(rng, 3, 9));
	}
	if (rng_odds(rng, 1, 6)) {
		text_format(out, "length = %s\n", PICK(rng, LENGTHS));
	}
	if (rng_odds(rng, 1, 5)) {
		text_format(out, "match = %s\n", PICK(rng, REGEXES));
	}
	text_format(out, "chance = %s\n", PICK(rng, CHANCES));
	put_schedule(rng, out);
	for (uint64_t i = 0; i < num; i++) {
		put_action(rng, allowed, out);
	}
}

void case_rules(struct rng *rng, const struct case_wish *wish, const char *names,
		struct text *out)
{
	struct allowed allowed = {
		.cuts = !wish->no_cuts && rng_odds(rng, 1, 2),
		.delays = rng_odds(rng, 1, 2),
		.only_delays = wish->no_actions_but_delay,
		.hold = wish->late ? "12ms" : "1h",
	};

	if (wish->cuts_or_delays && allowed.cuts) {
		allowed.delays = false;
	}
	for (const char *name = names; *name; name++) {
		put_rule(rng, &allowed, *name, out);
	}
}

/* --- what the peers say --- */

static size_t put_raw(struct rng *rng, char *out)
{
	static const char ALPHABET[] = "abAB\nG x\r";
	size_t len = rng_odds(rng, 1, 12) ? rng_between(rng, 1, 120)
					  : rng_between(rng, 1, 20);

	for (size_t i = 0; i < len; i++) {
		out[i] = rng_odds(rng, 1, 10) ? (char)rng_below(rng, 256)
					      : ALPHABET[rng_below(rng, 9)];
	}
	return len;
}

static size_t put_line(struct rng *rng, char *out)
{
	static const char *const WORDS[] = {"GET", "SET", "PUT", "+OK", "", "a", "\xff"};
	const char *word = PICK(rng, WORDS);
	size_t len = strlen(word);

	memcpy(out, word, len);
	if (rng_odds(rng, 3, 4)) {
		out[len++] = ' ';
		for (size_t more = rng_below(rng, 12); more > 0; more--) {
			out[len++] = (char)('a' + rng_below(rng, 4));
		}
	}
	if (rng_odds(rng, 1, 2)) {
		out[len++] = '\r';
	}
	out[len++] = '\n';
	return len;
}

/* A message of "length at=0 size=2 class-at=2 max=64". */
static size_t put_message(struct rng *rng, char *out)
{
	size_t len = rng_between(rng, 2, 20);

	if (rng_odds(rng, 1, 60)) {
		len = 80; /* above max: not this protocol from here on */
	}
	out[0] = 0;
	out[1] = (char)(len - 2);
	for (size_t i = 2; i < len; i++) {
		out[i] = (char)('a' + rng_below(rng, 4));
	}
	return len;
}

static size_t put_bytes(struct rng *rng, const struct random_case *c, char *out)
{
	size_t len = 0;

	for (uint64_t num = rng_between(rng, 1, c->datagram ? 1 : 3); num > 0; num--) {
		if (c->frame[1] == 'i' && !rng_odds(rng, 1, 60)) {
			len += put_line(rng, out + len);
		} else if (c->frame[1] == 'e' && !rng_odds(rng, 1, 60)) {
			len += put_message(rng, out + len);
		} else {
			len += put_raw(rng, out + len);
		}
	}
	if (!c->datagram && c->frame[0] == 'l' && rng_odds(rng, 1, 60)) {
		/* No line or message: falls back to cells, and goes past one. */
		size_t bulk = rng_between(rng, 3000, 6000);

		memset(out + len, 'b', bulk);
		len += bulk;
	}
	return len;
}

static void add_op(struct case_lane *lane, struct case_op op)
{
	if (lane->num_ops < CASE_OPS_MAX) {
		lane->ops[lane->num_ops++] = op;
	}
}

enum { OP_BYTES_MAX = 8192, OPS_BEFORE_END_MAX = CASE_OPS_MAX - 2 };

static void make_lane(struct rng *rng, const struct random_case *c,
		      struct case_lane *lane, const struct case_wish *wish)
{
	size_t num = rng_between(rng, 1, rng_odds(rng, 1, 4) ? OPS_BEFORE_END_MAX : 9);
	uint64_t one_sided = rng_below(rng, 3);

	for (size_t i = 0; i < num && lane->data_len < sizeof(lane->data) - OP_BYTES_MAX;
	     i++) {
		char *at = lane->data + lane->data_len;
		size_t len;
		enum side side = one_sided == 0 ? SIDE_REQUEST
						: (enum side)rng_below(rng, 2);

		if (c->datagram && rng_odds(rng, 1, 20)) {
			len = 0; /* there are empty datagrams */
		} else {
			len = put_bytes(rng, c, at);
		}
		/* With a label replies come last: before the lane has its name its plane
		 * would not read them. */
		if (c->label && i < num / 2) {
			side = SIDE_REQUEST;
		} else if (c->label) {
			side = SIDE_REPLY;
		}
		lane->data_len += len;
		add_op(lane, (struct case_op){CASE_FEED, side, span_of(at, len)});
	}
	lane->end = wish->always_eof ? CASE_EOF
				     : (enum case_end)rng_below(rng, NUM_CASE_END);
	if (lane->end == CASE_EOF && !c->datagram) {
		add_op(lane, (struct case_op){.kind = CASE_END, .side = SIDE_REQUEST});
		add_op(lane, (struct case_op){.kind = CASE_END, .side = SIDE_REPLY});
	}
}

static void make_frame(struct rng *rng, struct random_case *c)
{
	switch (rng_below(rng, 4)) {
	case 0:
	case 1:
		snprintf(c->frame, sizeof(c->frame), "raw cell=%llu",
			 (unsigned long long)rng_between(rng, 1, 40));
		break;
	case 2:
		snprintf(c->frame, sizeof(c->frame), "line max=%llu",
			 (unsigned long long)(rng_odds(rng, 1, 4) ? 16 : 400));
		break;
	case 3:
		snprintf(c->frame, sizeof(c->frame),
			 "length at=0 size=2 class-at=2 max=64");
		break;
	}
}

struct random_case *case_new(uint64_t seed, const struct case_wish *wish)
{
	static const char *const NAMES[] = {"", "a", "ab", "ba", "abc", "dcab", "eabdc"};
	struct random_case *c = xcalloc(1, sizeof(*c));
	struct rng rng = rng_new(seed);

	c->seed = seed;
	make_frame(&rng, c);
	c->datagram = !wish->streams_only && rng_odds(&rng, 1, 4);
	if (wish->labels_by_pattern ||
	    (!wish->labels_by_source && rng_odds(&rng, 1, 6))) {
		c->label = rng_odds(&rng, 1, 2) ? "([A-Z]+) [a-d]" : "^.(.)";
	}
	c->hold_ns = wish->late ? MS(15) : 0;
	c->passthrough = !wish->never_passthrough && rng_odds(&rng, 1, 2);
	case_rules(&rng, wish, PICK(&rng, NAMES), &c->rules);
	c->num_lanes = rng_between(&rng, 1, CASE_LANES_MAX);
	for (size_t i = 0; i < c->num_lanes; i++) {
		unsigned host = (unsigned)i + 1;

		if (wish->shared_labels && rng_odds(&rng, 1, 3)) {
			host = 1;
		}
		snprintf(c->lanes[i].source, sizeof(c->lanes[i].source), "10.0.0.%u",
			 host);
		make_lane(&rng, c, &c->lanes[i], wish);
	}
	return c;
}

void case_free(struct random_case *c)
{
	text_done(&c->rules);
	free(c);
}

void case_print(const struct random_case *c)
{
	fprintf(stderr, "case %llu: frame = %s, %s, label %s, %zu lanes, rules:\n%s",
		(unsigned long long)c->seed, c->frame, c->datagram ? "udp" : "tcp",
		c->label ? c->label : "by source", c->num_lanes, text_cstr(&c->rules));
}

/* --- playing --- */

struct player {
	const struct random_case *c;
	const struct way *way;
	struct result *result;
	struct world world;
	struct proxy *proxy;
	struct rng rng;
	struct wire *wires[CASE_LANES_MAX];
	size_t next_op[CASE_LANES_MAX];
};

static void tick(struct player *p)
{
	if (p->way->step_ns) {
		world_advance(&p->world,
			      (int64_t)rng_below(&p->rng, (uint64_t)p->way->step_ns));
	}
}

static void open_lane(struct player *p, size_t lane)
{
	if (!p->wires[lane]) {
		tick(p);
		p->wires[lane] = wire_open(&p->world, p->proxy, p->c->lanes[lane].source,
					   (uint16_t)rng_between(&p->rng, 1024, 65535));
	}
}

static void note_lane(struct player *p, size_t lane)
{
	const char *name = p->wires[lane]->flow ? flow_lane_name(p->wires[lane]->flow)
						: NULL;

	if (name) {
		snprintf(p->result->lanes[lane], sizeof(p->result->lanes[lane]), "%s",
			 name);
	}
}

static void feed_pieces(struct player *p, size_t lane, enum side side, struct span bytes)
{
	while (bytes.len) {
		size_t len = bytes.len;

		if (p->way->segments == SEGMENTS_BYTES) {
			len = 1;
		} else if (p->way->segments == SEGMENTS_RANDOM) {
			len = rng_odds(&p->rng, 1, 5) ? bytes.len
						      : rng_between(&p->rng, 1, 30);
		}
		tick(p);
		wire_feed(p->wires[lane], side, span_sub(bytes, 0, len));
		bytes = span_from(bytes, len);
	}
}

/* The operation's bytes, and when reads coalesce those of the ones behind it. */
static struct span op_bytes(struct player *p, size_t lane)
{
	const struct case_lane *script = &p->c->lanes[lane];
	const struct case_op *op = &script->ops[p->next_op[lane]++];
	struct span bytes = op->bytes;

	while (p->way->segments == SEGMENTS_COALESCED && !p->c->datagram &&
	       p->next_op[lane] < script->num_ops) {
		const struct case_op *next = &script->ops[p->next_op[lane]];

		if (next->kind != CASE_FEED || next->side != op->side) {
			break;
		}
		bytes.len +=
			next->bytes.len; /* they stand behind each other in the data */
		p->next_op[lane]++;
	}
	return bytes;
}

/* One operation of a lane; false when it has none left. */
static bool step(struct player *p, size_t lane)
{
	const struct case_lane *script = &p->c->lanes[lane];
	const struct case_op *op = &script->ops[p->next_op[lane]];
	struct span bytes;

	if (p->next_op[lane] == script->num_ops) {
		return false;
	}
	open_lane(p, lane);
	if (op->kind == CASE_END) {
		p->next_op[lane]++;
		tick(p);
		wire_end(p->wires[lane], op->side);
	} else {
		bytes = op_bytes(p, lane);
		p->result->bytes_fed[lane][op->side] += bytes.len;
		if (p->c->datagram) {
			tick(p);
			wire_feed(p->wires[lane], op->side, bytes);
		} else {
			feed_pieces(p, lane, op->side, bytes);
		}
	}
	note_lane(p, lane);
	if (p->next_op[lane] == script->num_ops && script->end == CASE_ABANDON) {
		wire_free(p->wires[lane], "abandoned");
	}
	return true;
}

static void play_interleaved(struct player *p)
{
	size_t left = p->c->num_lanes;
	size_t lanes[CASE_LANES_MAX];

	for (size_t i = 0; i < left; i++) {
		lanes[i] = i;
	}
	while (left > 0) {
		size_t at = rng_below(&p->rng, left);

		if (!step(p, lanes[at])) {
			lanes[at] = lanes[--left];
		}
	}
}

static void open_shuffled(struct player *p)
{
	size_t lanes[CASE_LANES_MAX];

	for (size_t i = 0; i < p->c->num_lanes; i++) {
		lanes[i] = i;
	}
	rng_shuffle(&p->rng, lanes, p->c->num_lanes);
	for (size_t i = 0; i < p->c->num_lanes; i++) {
		open_lane(p, lanes[i]);
	}
}

static void collect(struct player *p)
{
	struct result *result = p->result;

	for (size_t lane = 0; lane < p->c->num_lanes; lane++) {
		struct wire *wire = p->wires[lane];

		note_lane(p, lane);
		wire_free(wire, "eof");
		for (int side = 0; side < NUM_SIDE; side++) {
			struct text *out = &result->out[lane][side];

			text_bytes(out, wire->out[side].data, wire->out[side].len);
			text_format(out, "|ends %u, cuts %u %d", wire->ends[side],
				    wire->cuts, (int)wire->cut);
			result->bytes_left[lane][side] = wire->bytes[side];
			result->sends[lane][side] = wire->sends[side];
		}
	}
	result->totals = engine_totals(p->world.engine);
	text_bytes(&result->log, p->world.log.data, p->world.log.len);
	log_canonical(text_cstr(&result->log), &result->canon);
	for (size_t lane = 0; lane < p->c->num_lanes; lane++) {
		char key[96];

		snprintf(key, sizeof(key), "\"lane\":\"%s\"", result->lanes[lane]);
		result->weak[lane] =
			log_count(text_cstr(&result->log),
				  (const char *const[]){key, "\"type\":\"close\"",
							"\"identity\":\"weak\"", NULL}) >
			0;
	}
}

void case_play(const struct random_case *c, const struct way *way, struct result *out)
{
	struct player p = {
		.c = c,
		.way = way,
		.result = out,
		.rng = rng_new(way->seed),
	};

	*out = (struct result){0};
	if (way->set) {
		world_init_as(&p.world, way->set,
			      &(struct engine_options){
				      .replay = way->replay,
				      .order = way->order,
				      .order_wait_ns = MS(1000),
			      });
	} else {
		world_init(&p.world, way->rules ? way->rules : text_cstr(&c->rules), 42);
	}
	p.proxy = world_proxy(&p.world, "p", c->frame);
	p.proxy->label_wait_ns = MS(86400 * 1000LL);
	p.proxy->passthrough = c->passthrough;
	if (c->hold_ns) {
		p.proxy->hold_ns = c->hold_ns;
	}
	if (c->datagram) {
		p.proxy->listen.transport = TRANSPORT_UDP;
	}
	if (c->label) {
		world_label(p.proxy, c->label);
	}
	if (way->accept_shuffled) {
		open_shuffled(&p);
	}
	if (way->interleaved) {
		play_interleaved(&p);
	} else {
		for (size_t lane = 0; lane < c->num_lanes; lane++) {
			while (step(&p, lane)) {
			}
		}
	}
	/* Half an hour: past all delays, before any hold. */
	world_advance(&p.world, MS(1800 * 1000LL));
	collect(&p);
	world_done(&p.world);
}

void result_done(struct result *result)
{
	text_done(&result->log);
	text_done(&result->canon);
	for (size_t lane = 0; lane < CASE_LANES_MAX; lane++) {
		text_done(&result->out[lane][SIDE_REQUEST]);
		text_done(&result->out[lane][SIDE_REPLY]);
	}
}

bool text_same(const struct text *a, const struct text *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool same_output(const struct random_case *c, const struct result *a,
			const struct result *b)
{
	for (size_t lane = 0; lane < c->num_lanes; lane++) {
		for (int side = 0; side < NUM_SIDE; side++) {
			const struct text *left = &a->out[lane][side];
			const struct text *right = &b->out[lane][side];

			if (!text_same(left, right)) {
				fprintf(stderr,
					"lane %zu %s: one \"%.300s\", other \"%.300s\"\n",
					lane, side_name((enum side)side), text_cstr(left),
					text_cstr(right));
				return false;
			}
		}
	}
	return true;
}

static bool same_log(const struct result *a, const struct result *b)
{
	if (text_same(&a->canon, &b->canon)) {
		return true;
	}
	log_show_difference(text_cstr(&a->canon), text_cstr(&b->canon));
	return false;
}

bool results_alike(const struct random_case *c, const struct result *one,
		   const struct result *other, bool output_too)
{
	return same_log(one, other) && (!output_too || same_output(c, one, other));
}

bool ways_alike(const struct random_case *c, const struct way *ways, size_t num_ways,
		bool output_too)
{
	struct result first, other;
	bool same = true;

	case_play(c, &ways[0], &first);
	for (size_t i = 1; same && i < num_ways; i++) {
		case_play(c, &ways[i], &other);
		same = results_alike(c, &first, &other, output_too);
		if (!same) {
			fprintf(stderr, "(way %zu against way 0)\n", i);
		}
		result_done(&other);
	}
	result_done(&first);
	return same;
}

bool cases_hold(const char *property, uint64_t first_seed, unsigned num,
		const struct case_wish *wish, bool (*holds)(const struct random_case *c))
{
	const char *alone = getenv("TURNCOAT_CASE");

	if (alone) {
		first_seed = strtoull(alone, NULL, 10);
		num = 1;
	}
	for (unsigned i = 0; i < num; i++) {
		struct random_case *c = case_new(first_seed + i, wish);
		bool fine = holds(c);

		if (!fine) {
			fprintf(stderr, "%s fails; TURNCOAT_CASE=%llu plays it alone\n",
				property, (unsigned long long)c->seed);
			case_print(c);
		}
		case_free(c);
		if (!fine) {
			return false;
		}
	}
	return true;
}
