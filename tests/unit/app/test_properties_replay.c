/* P4, P6, P10, P11: what a log says is what happens again. Over random cases, each played
 * once by rules and seed, then from its log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../plane/cases.h"
#include "app/replay_load.h"
#include "base/arena.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NUM_CASES = 1000, SEED = 42 };

/* A log in memory as a file, with the header that a world leaves out. */
static int log_file(const struct text *lines, char path[64])
{
	static const char HEADER[] = "{\"abi\":1,\"files\":[],\"seed\":42,\"type\":"
				     "\"header\",\"version\":\"0.1.0\"}\n";
	int fd = memfd_create("log", MFD_CLOEXEC);

	if (fd < 0 || write(fd, HEADER, sizeof(HEADER) - 1) < 0 ||
	    (lines->len && write(fd, lines->data, lines->len) < 0)) {
		abort();
	}
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static struct replay_log *load(const struct text *lines, const struct ruleset *set,
			       enum replay_policy policy)
{
	struct replay_log *log = NULL;
	struct err err = {0};
	char path[64];
	int fd = log_file(lines, path);

	if (replay_log_load_with(path, policy, set, &log, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	close(fd);
	return log;
}

/* A case, played by its rules, and again from the log of that. */
struct twice {
	struct ruleset *set;
	struct result first, again;
	struct replay_log *log;
	struct replay_result how;
};

static void twice_first(struct twice *t, const struct random_case *c, struct way way,
			enum replay_policy policy)
{
	*t = (struct twice){.set = rules_new(text_cstr(&c->rules), SEED)};
	way.set = t->set;
	case_play(c, &way, &t->first);
	t->log = load(&t->first.log, t->set, policy);
}

static void twice_again(struct twice *t, const struct random_case *c, struct way way)
{
	way.set = t->set;
	way.replay = t->log->replay;
	case_play(c, &way, &t->again);
	t->how = replay_finish(t->log->replay);
}

static void twice_done(struct twice *t)
{
	result_done(&t->first);
	result_done(&t->again);
	replay_log_free(t->log);
	rules_free(t->set);
}

/* --- P10 --- */

static bool replays_as(const struct random_case *c, struct way first, struct way again,
		       bool output_too)
{
	struct twice t;
	bool same;

	twice_first(&t, c, first, REPLAY_FAIL);
	twice_again(&t, c, again);
	same = results_alike(c, &t.first, &t.again, output_too);
	if (same &&
	    (t.how.verdict != REPLAY_EXACT || t.how.faults != t.how.faults_seen)) {
		fprintf(stderr, "replay %s, %llu of %llu faults\n",
			replay_verdict_name(t.how.verdict),
			(unsigned long long)t.how.faults_seen,
			(unsigned long long)t.how.faults);
		same = false;
	}
	twice_done(&t);
	return same;
}

static bool self_replay_holds(const struct random_case *c)
{
	struct way way = {
		.segments = SEGMENTS_RANDOM,
		.interleaved = true,
		.seed = c->seed,
		.step_ns = MS(6),
	};

	return replays_as(c, way, way, true);
}

/* Other reads, other times, another interleaving of lanes. Delayed datagrams overtake
 * each other by the clock. */
static bool other_timing_holds(const struct random_case *c)
{
	return replays_as(c,
			  (struct way){.segments = SEGMENTS_RANDOM,
				       .interleaved = true,
				       .seed = c->seed,
				       .step_ns = MS(6)},
			  (struct way){.segments = SEGMENTS_RANDOM,
				       .interleaved = true,
				       .seed = c->seed + 1,
				       .step_ns = c->seed % 3 ? MS(6) : MS(1)},
			  !c->datagram);
}

static void a_log_and_the_same_input_give_the_same_log_and_bytes(void **state)
{
	(void)state;
	assert_true(cases_hold("P10", 500000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true},
			       self_replay_holds));
}

static void what_ran_out_of_time_does_so_again(void **state)
{
	(void)state;
	assert_true(
		cases_hold("P10 late", 510000, NUM_CASES,
			   &(struct case_wish){.labels_by_source = true, .late = true},
			   self_replay_holds));
}

static void other_reads_and_times_change_no_replayed_decision(void **state)
{
	(void)state;
	assert_true(cases_hold("P10 timing", 520000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true,
						   .no_cuts = true,
						   .always_eof = true,
						   .late = true},
			       other_timing_holds));
}

/* --- P4 --- */

struct picked {
	struct text ids;
	uint64_t num;
};

static void pick_half(const struct replay *replay, struct rng *rng, struct picked *out)
{
	*out = (struct picked){0};
	for (const struct replay_lane *lane = replay->lanes; lane;
	     lane = lane->next_added) {
		for (int s = 0; s < NUM_SIDE; s++) {
			for (size_t i = 0; i < lane->sides[s].num_units; i++) {
				const struct replay_unit *u = lane->sides[s].units[i];

				if (u->faulty && rng_odds(rng, 1, 2)) {
					text_format(&out->ids, "%s:%s:%s:%llu ",
						    lane->name, side_name((enum side)s),
						    u->class, (unsigned long long)u->k);
					out->num++;
				}
			}
		}
	}
}

/* A cut that is left out this time no longer ends the last unit of a side where it did.
 * */
static bool may_be_longer(const struct replay_lane *lane, enum side side,
			  const struct replay_unit *unit)
{
	return lane->ragged && unit->place + 1 == lane->sides[side].num_units;
}

/* Every unit of this log has the effects that the selection says, and edits as logged. */
static bool applied_exactly(const struct replay *asked, const struct replay *got)
{
	for (const struct replay_lane *lane = got->lanes; lane; lane = lane->next_added) {
		const struct replay_lane *other = replay_lane_find(asked, lane->name);

		for (int s = 0; s < NUM_SIDE; s++) {
			for (size_t i = 0; i < lane->sides[s].num_units; i++) {
				const struct replay_unit *u = lane->sides[s].units[i];
				const struct replay_unit *e =
					other ? replay_unit_find(&other->sides[s],
								 u->class, u->k)
					      : NULL;
				bool wanted = e && e->faulty && !e->masked;

				if (u->faulty != wanted ||
				    (wanted &&
				     ((u->digest != e->digest &&
				       !may_be_longer(other, (enum side)s, e)) ||
				      u->said->num_effects != e->said->num_effects ||
				      u->said->num_edits != e->said->num_edits))) {
					fprintf(stderr, "%s %s %s:%llu: %s\n", lane->name,
						side_name((enum side)s), u->class,
						(unsigned long long)u->k,
						wanted ? "not as asked"
						       : "not asked for");
					return false;
				}
			}
		}
	}
	return true;
}

static bool subset_holds(const struct random_case *c)
{
	struct way way = {.segments = SEGMENTS_RANDOM, .seed = c->seed};
	struct rng rng = rng_new(c->seed);
	struct twice t;
	struct picked picked;
	struct replay_log *again;
	struct err err;
	bool holds;

	twice_first(&t, c, way, REPLAY_FAIL);
	pick_half(t.log->replay, &rng, &picked);
	if (replay_log_select(t.log, text_cstr(&picked.ids), &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return false;
	}
	twice_again(&t, c, way);
	again = load(&t.again.log, t.set, REPLAY_FAIL);
	holds = applied_exactly(t.log->replay, again->replay) &&
		t.how.faults == picked.num && t.how.faults_seen == picked.num;
	if (!holds) {
		fprintf(stderr, "asked for %llu: %s; %llu seen\n",
			(unsigned long long)picked.num, text_cstr(&picked.ids),
			(unsigned long long)t.how.faults_seen);
	}
	replay_log_free(again);
	text_done(&picked.ids);
	twice_done(&t);
	return holds;
}

static void a_subset_of_the_faults_is_applied_exactly(void **state)
{
	(void)state;
	assert_true(cases_hold("P4", 530000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true},
			       subset_holds));
}

/* --- the recorded order --- */

struct delivery {
	const char *lane;
	enum side side;
	const struct replay_unit *unit;
};

/* Who left, by delivery number. Copies that left with their unit have no number of their
 * own, unless they had to wait: of each unit only as many count as the other log has. */
static size_t deliveries(const struct replay *log, const struct replay *other,
			 struct delivery **out)
{
	struct delivery *all = xcalloc((size_t)log->num_numbers + 1, sizeof(*all));
	size_t num = 0;

	for (const struct replay_lane *lane = log->lanes; lane; lane = lane->next_added) {
		const struct replay_lane *twin = replay_lane_find(other, lane->name);

		for (int s = 0; twin && s < NUM_SIDE; s++) {
			for (size_t i = 0; i < lane->sides[s].num_units; i++) {
				const struct replay_unit *u = lane->sides[s].units[i];
				const struct replay_unit *v =
					replay_unit_find(&twin->sides[s], u->class, u->k);

				for (size_t n = 0;
				     v && n < u->num_numbers && n < v->num_numbers; n++) {
					all[u->numbers[n]] =
						(struct delivery){lane->name,
								  (enum side)s, u};
				}
			}
		}
	}
	for (size_t i = 0; i < log->num_numbers; i++) {
		if (all[i].unit) {
			all[num++] = all[i];
		}
	}
	*out = all;
	return num;
}

static bool same_order(const struct replay *first, const struct replay *again)
{
	struct delivery *a, *b;
	size_t num_a = deliveries(first, again, &a), num_b = deliveries(again, first, &b);
	bool same = num_a == num_b;

	for (size_t i = 0; same && i < num_a; i++) {
		same = strcmp(a[i].lane, b[i].lane) == 0 && a[i].side == b[i].side &&
		       strcmp(a[i].unit->class, b[i].unit->class) == 0 &&
		       a[i].unit->k == b[i].unit->k;
		if (!same) {
			fprintf(stderr, "delivery %zu: %s %s:%llu, then %s %s:%llu\n", i,
				a[i].lane, a[i].unit->class,
				(unsigned long long)a[i].unit->k, b[i].lane,
				b[i].unit->class, (unsigned long long)b[i].unit->k);
		}
	}
	free(a);
	free(b);
	return same;
}

static bool order_holds(const struct random_case *c)
{
	struct way first = {.segments = SEGMENTS_RANDOM,
			    .interleaved = true,
			    .seed = c->seed,
			    .step_ns = MS(6)};
	struct way again = first;
	struct replay_log *again_log;
	struct twice t;
	bool holds;

	again.seed++;
	again.order = true;
	twice_first(&t, c, first, REPLAY_FAIL);
	twice_again(&t, c, again);
	again_log = load(&t.again.log, t.set, REPLAY_FAIL);
	holds = same_order(t.log->replay, again_log->replay) &&
		results_alike(c, &t.first, &t.again, false);
	replay_log_free(again_log);
	twice_done(&t);
	return holds;
}

/* Whatever the interleaving this time, units leave in the recorded order. */
static void the_recorded_order_is_enforced_across_lanes(void **state)
{
	(void)state;
	assert_true(cases_hold("order", 550000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true,
						   .no_cuts = true,
						   .always_eof = true},
			       order_holds));
}

/* --- P6 --- */

enum { MESSAGES_MAX = 40 };

/* Whole messages of one client, over a link that reconnects now and then. */
static void play_link(struct ruleset *set, struct replay *replay, uint64_t seed,
		      uint64_t reconnects_seed, struct text *out_log)
{
	struct rng rng = rng_new(seed), cuts = rng_new(reconnects_seed);
	struct wire *wire = NULL;
	struct world world;
	struct proxy *proxy;

	world_init_as(&world, set, &(struct engine_options){.replay = replay});
	proxy = world_proxy(&world, "p", "line");
	proxy->lane_mode = LANE_LINK;
	proxy->passthrough = false;
	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		enum side side = (enum side)rng_below(&rng, NUM_SIDE);
		char line[64];

		snprintf(line, sizeof(line), "%s %llu\r\n",
			 rng_odds(&rng, 1, 2) ? "GET" : "aPUT",
			 (unsigned long long)rng_below(&rng, 1000));
		if (!wire || rng_odds(&cuts, 1, 6)) {
			if (wire) {
				wire_end(wire, SIDE_REQUEST);
				wire_end(wire, SIDE_REPLY);
				wire_free(wire, "eof");
			}
			wire = wire_open(&world, proxy, "10.0.0.1", 1000);
		}
		wire_say(wire, side, line);
	}
	wire_free(wire, "eof");
	text_bytes(out_log, world.log.data, world.log.len);
	world_done(&world);
}

/* The units' lines, in the order of the log. */
static void unit_lines(const struct text *log, struct text *out)
{
	struct text canon = {0};
	char *line, *rest;

	log_canonical(text_cstr(log), &canon);
	for (line = strtok_r(canon.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, "\"type\":\"unit\"")) {
			text_format(out, "%s\n", line);
		}
	}
	text_done(&canon);
}

static bool reconnects_hold(uint64_t seed)
{
	struct rng rng = rng_new(seed);
	struct text rules = {0}, logs[3] = {{0}}, units[3] = {{0}};
	struct ruleset *set;
	struct replay_log *replay;
	bool holds;

	case_rules(&rng, &(struct case_wish){.no_cuts = true}, "abc", &rules);
	set = rules_new(text_cstr(&rules), SEED);
	play_link(set, NULL, seed, seed + 1, &logs[0]);
	play_link(set, NULL, seed, seed + 2, &logs[1]);
	replay = load(&logs[0], set, REPLAY_FAIL);
	play_link(set, replay->replay, seed, seed + 3, &logs[2]);
	for (int i = 0; i < 3; i++) {
		unit_lines(&logs[i], &units[i]);
	}
	holds = text_same(&units[0], &units[1]) && text_same(&units[0], &units[2]) &&
		replay_finish(replay->replay).verdict == REPLAY_EXACT;
	if (!holds) {
		log_show_difference(text_cstr(&units[0]),
				    text_cstr(text_same(&units[0], &units[1])
						      ? &units[2]
						      : &units[1]));
		fprintf(stderr, "P6 fails with seed %llu, rules:\n%s",
			(unsigned long long)seed, text_cstr(&rules));
	}
	replay_log_free(replay);
	rules_free(set);
	text_done(&rules);
	for (int i = 0; i < 3; i++) {
		text_done(&logs[i]);
		text_done(&units[i]);
	}
	return holds;
}

static void a_link_decides_alike_wherever_it_reconnects(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < NUM_CASES; i++) {
		assert_true(reconnects_hold(560000 + 10 * i));
	}
}

/* --- P11 --- */

/* The first unit of the first op of a side is another one in the changed case: the
 * divergence is there, or, where the framer sees no difference, nowhere. */
static bool divergence_holds(const struct random_case *c)
{
	struct random_case *other = xmalloc(sizeof(*other));
	struct rng rng = rng_new(c->seed);
	struct twice t;
	struct case_lane *lane;
	struct case_op *op;
	const struct replay_side *side;
	bool holds = true;

	*other = *c;
	for (size_t i = 0; i < c->num_lanes; i++) { /* spans into its own data */
		for (size_t k = 0; k < c->lanes[i].num_ops; k++) {
			size_t at = (size_t)(c->lanes[i].ops[k].bytes.data -
					     (const uint8_t *)c->lanes[i].data);

			if (c->lanes[i].ops[k].kind == CASE_FEED) {
				other->lanes[i].ops[k].bytes.data =
					(const uint8_t *)other->lanes[i].data + at;
			}
		}
	}
	lane = &other->lanes[rng_below(&rng, c->num_lanes)];
	op = &lane->ops[rng_below(&rng, lane->num_ops)];
	op->bytes.len = 0; /* these bytes do not come */
	twice_first(&t, c, (struct way){0}, REPLAY_FAIL);
	twice_again(&t, other, (struct way){0});
	side = replay_next_diverged(t.log->replay, NULL);
	if (t.how.verdict == REPLAY_DIVERGED) {
		/* It is on the lane that was changed, on the side that was; without cuts
		 * sides can't touch each other. */
		char name[24];

		snprintf(name, sizeof(name), "p/%s#1", lane->source);
		holds = side && strcmp(side->lane->name, name) == 0 &&
			side->side == op->side;
	} else {
		holds = !side && text_same(&t.first.canon, &t.again.canon) ==
					 (t.how.verdict == REPLAY_EXACT);
	}
	if (!holds) {
		fprintf(stderr, "%s at %s %s, expected on %s %s\n",
			replay_verdict_name(t.how.verdict),
			side ? side->lane->name : "none",
			side ? side_name(side->side) : "", lane->source,
			side_name(op->side));
	}
	twice_done(&t);
	free(other);
	return holds;
}

static void a_divergence_is_found_where_it_is(void **state)
{
	(void)state;
	assert_true(cases_hold("P11", 540000, NUM_CASES,
			       &(struct case_wish){.labels_by_source = true,
						   .streams_only = true,
						   .no_cuts = true,
						   .always_eof = true,
						   .never_passthrough = true},
			       divergence_holds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_and_the_same_input_give_the_same_log_and_bytes),
		cmocka_unit_test(what_ran_out_of_time_does_so_again),
		cmocka_unit_test(other_reads_and_times_change_no_replayed_decision),
		cmocka_unit_test(a_subset_of_the_faults_is_applied_exactly),
		cmocka_unit_test(the_recorded_order_is_enforced_across_lanes),
		cmocka_unit_test(a_link_decides_alike_wherever_it_reconnects),
		cmocka_unit_test(a_divergence_is_found_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
