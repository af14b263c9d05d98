#include "core/record.h"

#include "base/json.h"

/* A key with its quotes and colon, and the comma before it. */
#define KEY(out, literal) text_bytes(out, literal, sizeof(literal) - 1)

static void put_wall(struct text *out, const struct record_unit *r)
{
	KEY(out, ",\"wall\":{\"at\":");
	text_i64(out, r->at_ns);
	if (r->due_ns != r->at_ns) {
		KEY(out, ",\"due\":");
		text_i64(out, r->due_ns);
	}
	if (r->number != UINT64_MAX) {
		KEY(out, ",\"n\":");
		text_u64(out, r->number);
	}
	KEY(out, "}}\n");
}

static void put_edits(struct text *out, const struct decision *d)
{
	const char *bytes = d->edit_bytes.data;

	KEY(out, ",\"edits\":[");
	for (size_t i = 0; i < d->num_edits; i++) {
		const struct edit *edit = &d->edits[i];

		text_str(out, i ? ",{\"at\":" : "{\"at\":");
		text_u64(out, edit->at);
		KEY(out, ",\"new\":");
		json_hex(out, span_of(bytes + edit->new_from, edit->new_len));
		KEY(out, ",\"old\":");
		json_hex(out, span_of(bytes + edit->old_from, edit->old_len));
		text_byte(out, '}');
	}
	text_byte(out, ']');
}

/* "do" and "rule" take their places among the values' names. */
static void put_effect(struct text *out, const struct effect *effect)
{
	bool put[EFFECT_VALUES_MAX] = {false};
	bool put_do = false, put_rule = false;
	size_t num = effect->num_values + 2;

	for (size_t i = 0; i < num; i++) {
		const char *least = !put_do ? "do" : !put_rule ? "rule" : NULL;
		int which = -1;

		for (unsigned v = 0; v < effect->num_values; v++) {
			if (!put[v] &&
			    (!least || strcmp(effect->values[v].name, least) < 0)) {
				least = effect->values[v].name;
				which = (int)v;
			}
		}
		text_byte(out, i ? ',' : '{');
		json_str(out, span_str(least));
		text_byte(out, ':');
		if (which >= 0) {
			put[which] = true;
			text_i64(out, effect->values[which].value);
		} else if (!put_do) {
			put_do = true;
			json_str(out, span_str(effect->action->row->name));
		} else {
			put_rule = true;
			json_str(out, span_str(effect->rule->name));
		}
	}
	text_byte(out, '}');
}

static void put_effects(struct text *out, const struct decision *d)
{
	KEY(out, ",\"effects\":[");
	for (size_t i = 0; i < d->num_effects; i++) {
		if (i) {
			text_byte(out, ',');
		}
		put_effect(out, &d->effects[i]);
	}
	text_byte(out, ']');
}

/* By name: rule names are unique in a set, so the next one is the least above the last.
 * */
static void put_rules(struct text *out, const struct decision *d)
{
	const char *last = NULL;

	KEY(out, ",\"rules\":{");
	for (size_t n = 0; n < d->num_outcomes; n++) {
		const struct rule_outcome *next = NULL;

		for (size_t i = 0; i < d->num_outcomes; i++) {
			const struct rule_outcome *o = &d->outcomes[i];

			if ((!last || strcmp(o->rule->name, last) > 0) &&
			    (!next || strcmp(o->rule->name, next->rule->name) < 0)) {
				next = o;
			}
		}
		if (last) {
			text_byte(out, ',');
		}
		last = next->rule->name;
		json_str(out, span_str(last));
		KEY(out, ":\"");
		text_str(out, outcome_name(next->outcome));
		text_byte(out, '"');
	}
	text_byte(out, '}');
}

static void put_digest(struct text *out, const struct record_unit *r)
{
	if (r->digest_known) {
		KEY(out, ",\"digest\":\"");
		text_hex64(out, r->digest);
		text_byte(out, '"');
	}
}

static void put_identity(struct text *out, const char *lane, uint64_t k)
{
	KEY(out, ",\"k\":");
	text_u64(out, k);
	KEY(out, ",\"lane\":");
	json_str(out, span_str(lane));
}

static void put_side(struct text *out, enum side side, const char *type)
{
	KEY(out, ",\"side\":\"");
	text_str(out, side_name(side));
	KEY(out, "\",\"type\":\"");
	text_str(out, type);
	text_byte(out, '"');
}

static void put_class(struct text *out, const char *class)
{
	KEY(out, "{\"class\":\"");
	text_str(out, class);
	text_byte(out, '"');
}

void record_unit(struct text *out, const struct record_unit *r)
{
	const struct decision *d = r->decision;
	bool cut = d && (d->verdict == VERDICT_RESET || d->verdict == VERDICT_CLOSE);

	text_reserve(out, 320);
	put_class(out, r->unit->class);
	if (cut) {
		KEY(out, ",\"cut_at\":");
		text_u64(out, d->cut_at);
	}
	put_digest(out, r);
	if (d && d->num_edits) {
		put_edits(out, d);
	}
	if (d && d->num_effects) {
		put_effects(out, d);
	}
	if (d && d->fixup) {
		KEY(out, ",\"fixup\":");
		json_str(out, span_str(d->fixup));
	}
	put_identity(out, r->lane, r->unit->k);
	if (r->late == RECORD_LATE) {
		KEY(out, ",\"late\":true");
	}
	if (r->digest_known) {
		KEY(out, ",\"len\":");
		text_u64(out, r->len_bytes);
	}
	if (d && d->num_outcomes) {
		put_rules(out, d);
	}
	put_side(out, r->side, "unit");
	if (d && d->verdict != VERDICT_PASS) {
		KEY(out, ",\"verdict\":\"");
		text_str(out, verdict_name(d->verdict));
		text_byte(out, '"');
	}
	put_wall(out, r);
}

void record_cell_end(struct text *out, const struct record_unit *r)
{
	put_class(out, r->unit->class);
	put_digest(out, r);
	if (r->decision && r->decision->num_edits) {
		put_edits(out, r->decision);
	}
	put_identity(out, r->lane, r->unit->k);
	KEY(out, ",\"len\":");
	text_u64(out, r->len_bytes);
	put_side(out, r->side, "cell-end");
	put_wall(out, r);
}

void record_sent(struct text *out, const char *lane, enum side side, const char *class,
		 uint64_t k, int64_t sent_ns, uint64_t number)
{
	put_class(out, class);
	put_identity(out, lane, k);
	put_side(out, side, "sent");
	KEY(out, ",\"wall\":{\"n\":");
	text_u64(out, number);
	KEY(out, ",\"sent\":");
	text_i64(out, sent_ns);
	KEY(out, "}}\n");
}

void record_late(struct text *out, const char *lane, enum side side, const char *class,
		 uint64_t k, uint64_t inside_bytes, int64_t at_ns)
{
	put_class(out, class);
	if (inside_bytes) {
		KEY(out, ",\"inside\":");
		text_u64(out, inside_bytes);
	}
	put_identity(out, lane, k);
	put_side(out, side, "late");
	KEY(out, ",\"wall\":{\"at\":");
	text_i64(out, at_ns);
	KEY(out, "}}\n");
}

void record_stall(struct text *out, const char *lane, enum side side, const char *class,
		  uint64_t k, int64_t at_ns, int64_t waited_ns)
{
	put_class(out, class);
	put_identity(out, lane, k);
	put_side(out, side, "stall");
	KEY(out, ",\"wall\":{\"at\":");
	text_i64(out, at_ns);
	KEY(out, ",\"waited\":");
	text_i64(out, waited_ns);
	KEY(out, "}}\n");
}

static void put_comma(struct text *out)
{
	if (out->data[out->len - 1] != '{') {
		text_byte(out, ',');
	}
}

static void put_stat(struct text *out, const char *key, uint64_t value)
{
	if (value) {
		put_comma(out);
		text_str(out, key);
		text_u64(out, value);
	}
}

void record_stats(struct text *out, const struct side_stats *s, bool passthrough)
{
	text_byte(out, '{');
	put_stat(out, "\"bytes_copies\":", s->bytes_copies);
	put_stat(out, "\"bytes_dropped\":", s->bytes_dropped);
	put_stat(out, "\"bytes_grown\":", s->bytes_grown);
	put_stat(out, "\"bytes_held\":", s->bytes_held);
	put_stat(out, "\"bytes_in\":", s->bytes_in);
	put_stat(out, "\"bytes_injected\":", s->bytes_injected);
	put_stat(out, "\"bytes_out\":", s->bytes_out);
	put_stat(out, "\"bytes_shrunk\":", s->bytes_shrunk);
	if (passthrough) {
		put_comma(out);
		KEY(out, "\"passthrough\":true");
	}
	put_stat(out, "\"units_copies\":", s->units_copies);
	put_stat(out, "\"units_dropped\":", s->units_dropped);
	put_stat(out, "\"units_held\":", s->units_held);
	put_stat(out, "\"units_in\":", s->units_in);
	put_stat(out, "\"units_injected\":", s->units_injected);
	put_stat(out, "\"units_out\":", s->units_out);
	text_byte(out, '}');
}
