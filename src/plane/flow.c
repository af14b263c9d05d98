/* The flow's life: naming its lane, binding rules to it, feeding, the end. See flow.h. */
#include "plane/flow.h"

#include "base/json.h"

#include <assert.h>
#include <stdlib.h>

/* --- log lines about lanes --- */

static void put_at(struct text *line, int64_t at_ns)
{
	text_str(line, ",\"wall\":{\"at\":");
	text_i64(line, at_ns);
}

static void put_str(struct text *line, const char *key, const char *value)
{
	text_str(line, key);
	json_str(line, span_str(value));
}

static void log_open(struct flow *flow)
{
	struct engine *engine = flow->engine;
	struct text *line = &engine->line;
	char client[IPADDR_TEXT_MAX];
	uint64_t generation;

	ipaddr_format(&flow->addrs.client, client);
	text_str(line, "{\"epoch\":");
	text_u64(line, flow->epoch);
	generation =
		engine_use_for(engine, flow->sides[SIDE_REQUEST].script)->set->generation;
	if (generation > 1) {
		text_str(line, ",\"generation\":");
		text_u64(line, generation);
	}
	if (flow->weak) {
		text_str(line, ",\"identity\":\"weak\"");
	}
	put_str(line, ",\"lane\":", flow->lane->name);
	put_str(line, ",\"proxy\":", flow->proxy->name);
	text_str(line, ",\"type\":\"open\"");
	put_at(line, engine->now_ns);
	if (client[0]) {
		text_format(line, ",\"client\":\"%s%s%s:%u\"",
			    strchr(client, ':') ? "[" : "", client,
			    strchr(client, ':') ? "]" : "", flow->addrs.client_port);
	}
	text_str(line, "}}\n");
	engine_write(engine, false);
}

static void log_close(struct flow *flow, const char *end)
{
	struct engine *engine = flow->engine;
	struct text *line = &engine->line;
	const struct flow_side *request = &flow->sides[SIDE_REQUEST];
	const struct flow_side *reply = &flow->sides[SIDE_REPLY];

	put_str(line, "{\"end\":", end);
	if (flow->weak) {
		text_str(line, ",\"identity\":\"weak\"");
	}
	put_str(line, ",\"lane\":", flow->lane->name);
	text_str(line, ",\"reply\":");
	record_stats(line, &reply->stats, !reply->touched);
	text_str(line, ",\"request\":");
	record_stats(line, &request->stats, !request->touched);
	text_str(line, ",\"type\":\"close\"");
	put_at(line, engine->now_ns);
	text_str(line, "}}\n");
	engine_write(engine, false);
}

void flow_note(struct flow *flow, const struct flow_side *fs, const char *note,
	       const char *text)
{
	struct engine *engine = flow->engine;
	struct text *line = &engine->line;

	text_byte(line, '{');
	if (flow->lane) {
		put_str(line, "\"lane\":", flow->lane->name);
		text_byte(line, ',');
	}
	put_str(line, "\"note\":", note);
	put_str(line, ",\"proxy\":", flow->proxy->name);
	if (fs) {
		put_str(line, ",\"side\":", side_name(fs->side));
	}
	put_str(line, ",\"text\":", text);
	text_str(line, ",\"type\":\"note\"");
	if (fs && flow->lane) {
		text_str(line, ",\"unit\":");
		text_u64(line, flow->lane->sides[fs->side].units);
	}
	put_at(line, engine->now_ns);
	text_str(line, "}}\n");
	engine_write(engine, false);
}

static void log_rules(struct flow_side *fs)
{
	struct engine *engine = fs->flow->engine;
	struct text *line = &engine->line;

	text_str(line, "{\"generation\":");
	text_u64(line, fs->use->set->generation);
	put_str(line, ",\"lane\":", fs->flow->lane->name);
	put_str(line, ",\"side\":", side_name(fs->side));
	text_str(line, ",\"type\":\"rules\",\"unit\":");
	text_u64(line, fs->flow->lane->sides[fs->side].units);
	put_at(line, engine->now_ns);
	text_str(line, "}}\n");
	engine_write(engine, false);
}

/* --- rules --- */

static bool rule_applies(const struct rule *rule, const struct flow *flow)
{
	bool named = !rule->on;

	for (const char *const *on = rule->on; on && *on; on++) {
		named |= strcmp(*on, flow->proxy->name) == 0;
	}
	return named && (!rule->filter || flowfilter_match(rule->filter, &flow->addrs));
}

static void bind_side(struct flow_side *fs)
{
	struct flow *flow = fs->flow;
	struct ruleset_use *use = engine_use_for(flow->engine, fs->script);
	bool *applies = xcalloc(use->set->num_rules, sizeof(bool));

	for (size_t i = 0; i < use->set->num_rules; i++) {
		applies[i] = rule_applies(&use->set->rules[i], flow);
	}
	lane_bind(flow->lane, fs->side, use->set, applies, use->stats);
	free(applies);
	ruleset_use_hold(flow->engine, &flow->bound->use[fs->side], use);
	ruleset_use_hold(flow->engine, &fs->use, use);
}

void flow_side_update(struct flow_side *fs)
{
	struct flow *flow = fs->flow;
	struct ruleset_use *use;

	if (fs->script && fs->use &&
	    fs->use->set->generation == replay_generation(fs->script)) {
		return; /* with no look through all of them */
	}
	use = engine_use_for(flow->engine, fs->script);
	if (fs->use == use) {
		return;
	}
	if (flow->bound->use[fs->side] == use) {
		/* Another flow of the link has bound the lane anew. */
		ruleset_use_hold(flow->engine, &fs->use, use);
		return;
	}
	bind_side(fs);
	log_rules(fs);
}

/* --- naming the lane --- */

/* A client that has closed its half can't be taken for one that comes later. */
static void set_inactive(struct flow *flow)
{
	if (flow->client_ended_at == 0) {
		flow->client_ended_at = ++flow->engine->moments;
	}
	if (flow->active) {
		flow->active = false;
		flow->label->active--;
		flow->label->client_ended_at = flow->client_ended_at;
	}
}

/* Past that many lanes of one label, some do overlap: it is not worth asking each. */
enum { ASKED_CLIENTS_MAX = 8 };

static void ask_client(struct flow *flow)
{
	if (flow->active && flow->ops->client_gone && flow->ops->client_gone(flow->ctx)) {
		set_inactive(flow);
	}
}

/* A client's end may wait unread in its socket while the next one comes: asks those of
 * the label. */
static void ask_label_clients(const struct lane_label *label)
{
	struct flow *flow = label->flows;

	if (label->active == 0 || label->active > ASKED_CLIENTS_MAX) {
		return;
	}
	for (int num = 0; flow && num < ASKED_CLIENTS_MAX; num++) {
		ask_client(flow);
		flow = flow->next_of_label;
	}
}

/* There is no label yet: asks those that came last. */
static void ask_latest_clients(const struct engine *engine)
{
	struct flow *flow = engine->flows;

	for (int num = 0; flow && num < ASKED_CLIENTS_MAX; num++) {
		ask_client(flow);
		flow = flow->next;
	}
}

/* Was a lane of the label open while this flow was? */
static bool overlaps(const struct flow *flow)
{
	return flow->label->active > 0 || flow->label->client_ended_at > flow->born_at;
}

/* Two lanes of one label at one time: nobody can say which is which. */
static void mark_weak(struct flow *flow)
{
	struct engine *engine = flow->engine;

	flow->weak = true;
	engine->counts.weak_lanes++;
	if (flow->label->active > 1) {
		return; /* the others were marked when the second came */
	}
	for (struct flow *other = flow->label->flows; other;
	     other = other->next_of_label) {
		if (!other->weak &&
		    (other->active || other->client_ended_at > flow->born_at)) {
			other->weak = true;
			engine->counts.weak_lanes++;
		}
	}
}

static struct bound_lane *bound_lane_new(struct engine *engine, const char *name)
{
	struct bound_lane *bound = xcalloc(1, sizeof(*bound));

	lane_init(&bound->lane, name);
	if (engine->options.replay) {
		bound->script = replay_open(engine->options.replay, name);
	}
	return bound;
}

static void label_add(struct lane_label *label, struct flow *flow)
{
	flow->next_of_label = label->flows;
	flow->back_of_label = &label->flows;
	if (flow->next_of_label) {
		flow->next_of_label->back_of_label = &flow->next_of_label;
	}
	label->flows = flow;
}

static void label_remove(struct flow *flow)
{
	*flow->back_of_label = flow->next_of_label;
	if (flow->next_of_label) {
		flow->next_of_label->back_of_label = flow->back_of_label;
	}
}

/* Names the lane and opens it. False: strict refuses it. */
static bool open_lane(struct flow *flow, struct span label)
{
	struct engine *engine = flow->engine;
	char name[LANE_NAME_MAX + 32];
	struct text text = {0};

	sched_remove(&engine->sched, &flow->label_timer.node);
	flow->label = lanes_label(&engine->lanes, flow->proxy->name, label);
	if (!flow->proxy->label) {
		ask_label_clients(flow->label);
		flow->born_at = ++engine->moments;
	}
	if (overlaps(flow)) {
		if (engine->options.strict) {
			engine->counts.refused_lanes++;
			text_format(&text,
				    "%s: a second lane of this label while one is open",
				    flow->label->name);
			flow_note(flow, NULL, "weak-lane-refused", text_cstr(&text));
			text_done(&text);
			return false;
		}
		mark_weak(flow);
	}
	flow->epoch = 0;
	if (flow->proxy->lane_mode == LANE_LINK) {
		if (!flow->label->link) {
			flow->label->link = bound_lane_new(engine, flow->label->name);
		}
		flow->bound = flow->label->link;
		flow->epoch = flow->label->opened;
	} else {
		text_format(&text, "%s#%llu", flow->label->name,
			    (unsigned long long)flow->label->opened + 1);
		memcpy(name, text.data, text.len + 1);
		text_done(&text);
		flow->bound = bound_lane_new(engine, name);
	}
	flow->lane = &flow->bound->lane;
	flow->label->opened++;
	label_add(flow->label, flow);
	flow->label->active++;
	flow->active = true;
	engine->counts.lanes++;
	for (int side = 0; flow->bound->script && side < NUM_SIDE; side++) {
		flow->sides[side].script = &flow->bound->script->sides[side];
	}
	log_open(flow);
	for (int side = 0; side < NUM_SIDE; side++) {
		struct flow_side *fs = &flow->sides[side];

		bind_side(fs);
		fs->touched = lane_side_touched(flow->lane, fs->side) ||
			      !flow->proxy->passthrough || flow->proxy->watched;
	}
	return true;
}

static bool open_lane_by_source(struct flow *flow)
{
	char label[IPADDR_TEXT_MAX];

	ipaddr_format(&flow->addrs.client, label);
	return open_lane(flow, span_str(label[0] ? label : "unix"));
}

/* Group 1 of the label's pattern, or all of the match when it has no groups. */
static struct span label_found(const struct flow *flow, struct span unit)
{
	struct regex *regex = flow->proxy->label;

	return regex_group(regex, unit, regex_num_groups(regex) > 0 ? 1 : 0);
}

/* Reads the label from the first request unit, as far as it is there. */
static enum regex_stream find_label(struct flow *flow, struct span *out)
{
	struct flow_side *fs = &flow->sides[SIDE_REQUEST];
	struct regex *regex = flow->proxy->label;
	struct span front = span_of(fs->inbuf.data, fs->inbuf.len);
	size_t at, len = front.len;

	if (!flow->datagram && fs->raw) {
		/* Exactly so far, however much has come at once. */
		front = span_sub(front, 0, LABEL_SEARCH_MAX);
		if (!fs->ended && front.len < LABEL_SEARCH_MAX) {
			enum regex_stream result = regex_find_stream(regex, front);

			*out = result == REGEX_FOUND ? label_found(flow, front) : *out;
			return result;
		}
		len = front.len;
	}
	if (!flow->datagram && !fs->raw) {
		const struct framer *framer = &flow->proxy->framer;
		enum frame_result result =
			framer->row->cut(framer, &fs->frame, front, &len);

		if (result == FRAME_MORE && !fs->ended) {
			return REGEX_MORE;
		}
		if (result != FRAME_UNIT) {
			return REGEX_NONE;
		}
	}
	front = span_sub(front, 0, len);
	if (!regex_find(regex, front, 0, &at, &len)) {
		return REGEX_NONE;
	}
	*out = label_found(flow, front);
	return REGEX_FOUND;
}

static void feed(struct flow_side *fs, struct span bytes)
{
	if (fs->flow->datagram) {
		intake_datagram(fs, bytes);
	} else if (bytes.len) {
		intake_bytes(fs, bytes);
	}
}

/* The lane has its name: what was kept until then goes in, and replies may come. */
static void name_lane(struct flow *flow, struct span label, bool found)
{
	struct flow_side *fs = &flow->sides[SIDE_REQUEST];
	struct text kept = fs->inbuf;
	bool opened;

	fs->inbuf = (struct text){0};
	fs->frame = (struct frame_state){0};
	opened = found && label.len ? open_lane(flow, label) : open_lane_by_source(flow);
	if (!opened) {
		text_done(&kept);
		flow->cut = true;
		flow->ops->cut(flow->ctx, FLOW_CUT_REFUSE);
		return;
	}
	if (kept.data) { /* an empty datagram has come as well */
		feed(fs, span_of(kept.data, kept.len));
	}
	text_done(&kept);
	if (flow->sides[SIDE_REPLY].throttled && !flow->cut) {
		flow->sides[SIDE_REPLY].throttled = false;
		flow->ops->resume(flow->ctx, SIDE_REPLY);
	}
}

static void feed_unnamed(struct flow *flow, struct span bytes)
{
	struct flow_side *fs = &flow->sides[SIDE_REQUEST];
	struct span label = {0};
	enum regex_stream result;

	text_bytes(&fs->inbuf, bytes.data, bytes.len);
	result = find_label(flow, &label);
	if (result != REGEX_MORE) {
		name_lane(flow, label, result == REGEX_FOUND);
	}
}

void flow_label_timeout(struct flow *flow)
{
	flow_note(flow, NULL, "label-timeout",
		  "no label in the first unit in time: the lane is named by its source");
	name_lane(flow, (struct span){0}, false);
}

/* --- the flow --- */

struct flow *flow_new(struct engine *engine, const struct proxy *proxy,
		      const struct flow_addrs *addrs, const struct flow_ops *ops,
		      void *ctx, int64_t now_ns)
{
	struct flow *flow = xcalloc(1, sizeof(*flow));

	engine->now_ns = now_ns;
	flow->engine = engine;
	flow->proxy = proxy;
	flow->addrs = *addrs;
	flow->ops = ops;
	flow->ctx = ctx;
	flow->datagram = proxy->listen.transport == TRANSPORT_UDP;
	engine_timer_init(&flow->label_timer, TIMER_FLOW_LABEL);
	if (proxy->label) {
		ask_latest_clients(engine);
	}
	flow->born_at = ++engine->moments;
	for (int side = 0; side < NUM_SIDE; side++) {
		struct flow_side *fs = &flow->sides[side];

		fs->flow = flow;
		fs->side = (enum side)side;
		fs->raw = framer_is_raw(&proxy->framer);
		engine_timer_init(&fs->hold, TIMER_SIDE_HOLD);
		emit_init(fs);
	}
	if (proxy->label) {
		sched_add(&engine->sched, &flow->label_timer.node,
			  now_ns + proxy->label_wait_ns);
	} else if (!open_lane_by_source(flow)) {
		free(flow);
		return NULL;
	}
	flow->next = engine->flows;
	flow->back = &engine->flows;
	if (flow->next) {
		flow->next->back = &flow->next;
	}
	engine->flows = flow;
	return flow;
}

void flow_free(struct flow *flow, const char *end, int64_t now_ns)
{
	struct engine *engine;

	if (!flow) {
		return;
	}
	engine = flow->engine;
	engine->now_ns = now_ns;
	if (!flow->lane && !flow->cut) {
		(void)open_lane_by_source(flow);
	}
	sched_remove(&engine->sched, &flow->label_timer.node);
	for (int side = 0; side < NUM_SIDE; side++) {
		struct flow_side *fs = &flow->sides[side];

		if (flow->lane) {
			intake_abandon(fs);
		}
		text_done(&fs->inbuf);
		emit_discard(fs);
		side_stats_add(&engine->totals, &fs->stats);
		ruleset_use_hold(engine, &fs->use, NULL);
	}
	if (flow->lane) {
		log_close(flow, end);
		set_inactive(flow);
		label_remove(flow);
		if (flow->bound != flow->label->link) {
			turn_give_up_lane(engine, flow->bound->script);
			for (int side = 0; side < NUM_SIDE; side++) {
				ruleset_use_hold(engine, &flow->bound->use[side], NULL);
			}
			lane_done(&flow->bound->lane);
			free(flow->bound);
		}
	}
	*flow->back = flow->next;
	if (flow->next) {
		flow->next->back = flow->back;
	}
	free(flow);
}

bool flow_wants(struct flow *flow, enum side side)
{
	struct flow_side *fs = &flow->sides[side];

	if (!flow->lane) {
		fs->throttled = side == SIDE_REPLY;
		return side == SIDE_REQUEST;
	}
	if (flow->datagram || fs->waiting_bytes < flow->proxy->max_held_bytes) {
		return true;
	}
	fs->throttled = true;
	return false;
}

bool flow_passthrough(const struct flow *flow, enum side side)
{
	const struct flow_side *fs = &flow->sides[side];

	return flow->lane && !fs->touched && !fs->queued && !flow->cut;
}

void flow_passed(struct flow *flow, enum side side, uint64_t units, uint64_t bytes)
{
	struct side_stats *stats = &flow->sides[side].stats;

	stats->units_in += units;
	stats->units_out += units;
	stats->bytes_in += bytes;
	stats->bytes_out += bytes;
}

void flow_feed(struct flow *flow, enum side side, struct span bytes, int64_t now_ns)
{
	struct flow_side *fs = &flow->sides[side];

	flow->engine->now_ns = now_ns;
	if (flow->cut || fs->dead || fs->ended) {
		return;
	}
	if (flow->lane) {
		feed(fs, bytes);
		return;
	}
	if (side == SIDE_REQUEST) {
		feed_unnamed(flow, bytes);
		return;
	}
	name_lane(flow, (struct span){0}, false);
	if (!flow->cut) {
		feed(fs, bytes);
	}
}

void flow_end(struct flow *flow, enum side side, int64_t now_ns)
{
	struct flow_side *fs = &flow->sides[side];

	flow->engine->now_ns = now_ns;
	if (flow->cut || fs->ended) {
		return;
	}
	fs->ended = true;
	if (!flow->lane && side == SIDE_REQUEST) {
		struct span label = {0};
		bool found = find_label(flow, &label) == REGEX_FOUND;

		fs->ended = false;
		name_lane(flow, label, found);
		fs->ended = true;
	} else if (!flow->lane) {
		name_lane(flow, (struct span){0}, false);
	}
	if (side == SIDE_REQUEST) {
		set_inactive(flow);
	}
	if (!flow->cut) {
		intake_end(fs);
	}
}

void flow_note_gap(struct flow *flow, enum side side, uint64_t len, int64_t now_ns)
{
	struct text text = {0};

	flow->engine->now_ns = now_ns;
	text_u64(&text, len);
	text_str(&text, " bytes are not in the trace: zeros in their place");
	flow_note(flow, &flow->sides[side], "gap", text_cstr(&text));
	text_done(&text);
}

bool flow_pending(const struct flow *flow, enum side side)
{
	const struct flow_side *fs = &flow->sides[side];

	return fs->queued || fs->parked || fs->inbuf.len > fs->forwarded;
}

bool flow_take_fault(struct flow *flow)
{
	bool fault = flow->fault_commit > flow->engine->commits;

	flow->fault_commit = 0;
	return fault;
}

const char *flow_lane_name(const struct flow *flow)
{
	return flow->lane ? flow->lane->name : NULL;
}
