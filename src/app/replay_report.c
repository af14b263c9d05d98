#include "app/replay_report.h"

#include "app/log_common.h"

enum { OTHERS_SHOWN = 9, NOT_APPLIED_SHOWN = 10 };

static void put_expected_id(const struct replay_side *side, struct text *out)
{
	const struct replay_divergence *first = &side->first;

	if (first->expected) {
		text_identity(out, side->lane->name, side->side, first->expected->class,
			      first->expected->k);
	} else {
		text_identity(out, side->lane->name, side->side, first->class, first->k);
	}
}

static void put_row(struct text *out, const char *name, const char *expected,
		    const char *seen)
{
	text_format(out, "  %-10s %-34s %s\n", name, expected, seen);
}

static const char *hex(uint64_t digest, struct text *out)
{
	text_clear(out);
	text_hex64(out, digest);
	return text_cstr(out);
}

static const char *bytes(uint64_t len, struct text *out)
{
	text_clear(out);
	text_format(out, "%ju bytes", (uintmax_t)len);
	return text_cstr(out);
}

static const char *unit(const char *class, uint64_t k, struct text *out)
{
	text_clear(out);
	text_safe(out, class);
	text_format(out, ":%ju", (uintmax_t)k);
	return text_cstr(out);
}

static void put_table(const struct replay_divergence *first, struct text *out)
{
	const struct replay_unit *e = first->expected;
	bool seen = first->difference != REPLAY_MISSING;
	struct text a = {0}, b = {0};

	put_row(out, "", "expected", "seen");
	put_row(out, "unit", e ? unit(e->class, e->k, &a) : "none: the lane side ended",
		seen ? unit(first->class, first->k, &b) : "none came");
	put_row(out, "length", e && e->digest_known ? bytes(e->len_bytes, &a) : "-",
		seen ? bytes(first->len_bytes, &b) : "-");
	put_row(out, "digest", e && e->digest_known ? hex(e->digest, &a) : "-",
		seen ? hex(first->digest, &b) : "-");
	text_done(&a);
	text_done(&b);
}

static void put_lane_state(const struct replay_side *side, struct text *out)
{
	if (!side->lane->opened) {
		text_str(out, "  the lane was never opened this time\n");
	}
}

static void put_diverged(const struct replay_log *log, const struct replay_result *result,
			 struct text *out)
{
	const struct replay_side *side = replay_next_diverged(log->replay, NULL);
	uint64_t shown = 1;

	if (side) {
		text_str(out, "turncoat: replay diverged at ");
		put_expected_id(side, out);
		text_format(out, " (%s; line %ju of ",
			    replay_difference_name(side->first.difference),
			    (uintmax_t)side->first.line);
		text_safe(out, log->path);
		text_str(out, ")\n");
		put_table(&side->first, out);
		put_lane_state(side, out);
	} else {
		text_str(out, "turncoat: replay diverged: other lanes\n");
	}
	while (side && shown <= OTHERS_SHOWN &&
	       (side = replay_next_diverged(log->replay, side)) != NULL) {
		shown++;
		text_str(out, "  then ");
		put_expected_id(side, out);
		text_format(out, " (%s)\n",
			    replay_difference_name(side->first.difference));
	}
	if (result->diverged_sides > shown) {
		text_format(out, "  and %ju more lane sides\n",
			    (uintmax_t)(result->diverged_sides - shown));
	}
}

static void put_extra_lanes(const struct replay *replay, struct text *out)
{
	if (replay->extra_lanes) {
		text_format(out, "  %ju lane%s not in the log%s, first ",
			    (uintmax_t)replay->extra_lanes,
			    replay->extra_lanes == 1 ? "" : "s",
			    replay->cut_off ? ", which was cut off" : "");
		text_safe(out, replay->extra_lane);
		text_byte(out, '\n');
	}
}

static void put_count(struct text *out, uint64_t count, const char *what)
{
	if (count) {
		text_format(out, ", %ju %s", (uintmax_t)count, what);
	}
}

static void put_counts(const struct replay_result *r, struct text *out)
{
	text_format(out, "%ju of %ju units came as logged", (uintmax_t)r->same,
		    (uintmax_t)r->expected);
	put_count(out, r->counts[REPLAY_CONTENT], "of them with other content");
	put_count(out, r->counts[REPLAY_LENGTH], "of another length");
	put_count(out, r->counts[REPLAY_CLASS], "of another class");
	put_count(out, r->counts[REPLAY_MISSING], "missing");
	put_count(out, r->counts[REPLAY_EXTRA], "extra");
	put_count(out, r->raced, "on their way when a lane was cut");
	put_count(out, r->unrecorded, "behind the end of the log");
	text_format(out, "; %ju of %ju faults applied\n", (uintmax_t)r->faults_seen,
		    (uintmax_t)r->faults);
}

/* Faults that were asked for, whose units did not come. */
static void put_not_applied(const struct replay *replay, struct text *out)
{
	unsigned shown = 0;

	for (const struct replay_lane *lane = replay->lanes; lane;
	     lane = lane->next_added) {
		for (int s = 0; s < NUM_SIDE; s++) {
			for (size_t i = 0; i < lane->sides[s].num_units; i++) {
				const struct replay_unit *u = lane->sides[s].units[i];

				if (!u->faulty || u->masked || u->seen ||
				    shown++ >= NOT_APPLIED_SHOWN) {
					continue;
				}
				text_str(out, "  not applied, its unit did not come: ");
				text_identity(out, lane->name, (enum side)s, u->class,
					      u->k);
				text_byte(out, '\n');
			}
		}
	}
}

void replay_report(const struct replay_log *log, const struct replay_result *result,
		   struct text *out)
{
	if (log->replay->selected) {
		/* Without the other faults the peers do other things: no divergence. */
		text_format(out, "turncoat: replay of %ju of %ju faults: ",
			    (uintmax_t)result->faults,
			    (uintmax_t)log->replay->num_faults);
		put_counts(result, out);
		put_not_applied(log->replay, out);
		return;
	}
	if (result->verdict == REPLAY_DIVERGED) {
		put_diverged(log, result, out);
		text_str(out, "  ");
	} else {
		text_format(out, "turncoat: replay %s: ",
			    replay_verdict_name(result->verdict));
	}
	put_counts(result, out);
	put_extra_lanes(log->replay, out);
}

void replay_report_order(const struct order_stats *order, struct text *out)
{
	uint64_t ppm = order->places ? order->kept * 1000000 / order->places : 1000000;

	text_format(out,
		    "turncoat: order: %ju of %ju positions kept (%ju.%02ju%%), %ju "
		    "late, %ju stalls",
		    (uintmax_t)order->kept, (uintmax_t)order->places,
		    (uintmax_t)ppm / 10000, (uintmax_t)ppm % 10000 / 100,
		    (uintmax_t)order->late, (uintmax_t)order->stalls);
	text_str(out, "; added wait: mean ");
	text_ns(out, order->kept + order->late
			     ? order->wait_ns / (int64_t)(order->kept + order->late)
			     : 0);
	text_str(out, ", longest ");
	text_ns(out, order->wait_max_ns);
	text_format(out, " (%ju units waited)\n", (uintmax_t)order->waited);
}
