#include "app/shrink_rules.h"

#include "app/config.h"
#include "app/log_common.h"
#include "base/quantity.h"

enum {
	HEX_LINE_BYTES =
		60, /* of an edit, as digits: INIFILE_LINE_MAX has room for them */
	HEX_VALUE_MAX = 4096, /* what `bytes` takes */
	LANE_SHOWN_MAX =
		80,	  /* of each end of a lane's name that is too long for a line */
	ACTIONS_MAX = 60, /* of a rule, which may have 64 */
	COPIES_MAX = 100,
	GAP_MAX = 10000,
};
#define DELAY_MAX_NS (INT64_C(3600) * 1000000000)
#define HOLD_MAX_NS DELAY_MAX_NS

/* --- what is copied --- */

static bool is_key(struct span line, const char *key)
{
	size_t len = strlen(key);

	while (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) {
		line = span_from(line, 1);
	}
	if (line.len <= len || memcmp(line.data, key, len) != 0) {
		return false;
	}
	line = span_from(line, len);
	while (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) {
		line = span_from(line, 1);
	}
	return line.len && (line.data[0] == '=' || line.data[0] == ':');
}

static bool is_section(struct span line, const char *kind)
{
	size_t len = strlen(kind);

	while (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) {
		line = span_from(line, 1);
	}
	if (!line.len || line.data[0] != '[') {
		return false;
	}
	line = span_from(line, 1);
	while (line.len && (line.data[0] == ' ' || line.data[0] == '\t')) {
		line = span_from(line, 1);
	}
	return line.len > len && memcmp(line.data, kind, len) == 0 &&
	       (line.data[len] == ']' || line.data[len] == ' ' || line.data[len] == '\t');
}

static bool ends_in(struct span line, char last)
{
	while (line.len &&
	       (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t' ||
		line.data[line.len - 1] == '\r')) {
		line.len--;
	}
	return line.len && line.data[line.len - 1] == (uint8_t)last;
}

/* All but the rules, and but what is not to be repeated of [turncoat]. */
static void put_file(struct span text, uint64_t seed, bool *seed_put, struct text *out)
{
	bool in_rule = false, in_run = false, left_out = false, continues = false;

	while (text.len > 0) {
		const uint8_t *newline = memchr(text.data, '\n', text.len);
		size_t len = newline ? (size_t)(newline - text.data) : text.len;
		struct span line = span_sub(text, 0, len);

		text = span_from(text, len + (newline != NULL));
		if (!continues && line.len && is_section(line, "rule")) {
			in_rule = true;
		} else if (!continues && line.len && line.data[0] == '[') {
			in_rule = false;
			in_run = is_section(line, "turncoat");
		}
		if (!continues) {
			left_out = in_rule || (in_run && (is_key(line, "seed") ||
							  is_key(line, "log")));
		}
		continues = ends_in(line, '\\');
		if (left_out) {
			continue;
		}
		text_bytes(out, line.data, line.len);
		text_byte(out, '\n');
		if (in_run && !*seed_put && is_section(line, "turncoat")) {
			text_format(out, "seed = %ju\n", (uintmax_t)seed);
			*seed_put = true;
		}
	}
}

/* --- a fault --- */

struct rule_writer {
	struct text *out;
	const struct fault *fault;
	size_t nth;	  /* of the faults, from 1 */
	unsigned rules;	  /* of this fault so far */
	unsigned actions; /* of this rule so far */
};

static void put_lane(const char *lane, struct text *out)
{
	size_t len = strlen(lane);

	text_str(out, "lane = ");
	if (len <= 2 * LANE_SHOWN_MAX) {
		text_str(out, lane);
	} else {
		text_bytes(out, lane, LANE_SHOWN_MAX);
		text_byte(out, '*');
		text_str(out, lane + len - LANE_SHOWN_MAX);
	}
	text_byte(out, '\n');
}

static void begin_rule(struct rule_writer *w)
{
	const struct fault *fault = w->fault;

	w->rules++;
	w->actions = 0;
	text_format(w->out, "\n[rule fault-%zu", w->nth);
	if (w->rules > 1) {
		text_format(w->out, ".%u", w->rules);
	}
	text_str(w->out, "]\n");
	put_lane(fault->lane, w->out);
	text_format(w->out, "side = %s\nclass = %s\nk = %ju\n", side_name(fault->side),
		    fault->class, (uintmax_t)fault->k);
}

/* A rule has only so many actions; the unit's next rule goes on. */
static void begin_action(struct rule_writer *w)
{
	if (w->rules == 0 || w->actions == ACTIONS_MAX) {
		begin_rule(w);
	}
	w->actions++;
	text_str(w->out, "do = ");
}

static void put_hex(struct text *out, struct span bytes)
{
	text_str(out, " bytes=\"");
	while (bytes.len > HEX_LINE_BYTES) {
		text_hex(out, span_sub(bytes, 0, HEX_LINE_BYTES));
		text_str(out, " \\\n     ");
		bytes = span_from(bytes, HEX_LINE_BYTES);
	}
	text_hex(out, bytes);
	text_byte(out, '"');
}

static void put_splice(struct rule_writer *w, const struct change *change, bool mend)
{
	struct span new = change->new;
	uint64_t at = change->at, remove = change->old.len;

	do {
		struct span now = span_sub(new, 0, HEX_VALUE_MAX);

		begin_action(w);
		text_format(w->out, "mutate splice at=%ju", (uintmax_t)at);
		if (remove) {
			text_format(w->out, " remove=%ju", (uintmax_t)remove);
		}
		text_format(w->out, " fixup=%s", mend ? "length" : "none");
		if (now.len) {
			put_hex(w->out, now);
		}
		text_byte(w->out, '\n');
		at += now.len;
		remove = 0;
		new = span_from(new, now.len);
	} while (new.len > 0);
}

/* Bytes side by side, each changed into another, that stand in one action. */
static void put_set(struct rule_writer *w, const struct change *changes, size_t num)
{
	struct text bytes = {0};

	for (size_t i = 0; i < num; i++) {
		text_bytes(&bytes, changes[i].new.data, changes[i].new.len);
	}
	begin_action(w);
	text_format(w->out, "mutate set at=%ju", (uintmax_t)changes->at);
	put_hex(w->out, span_of(bytes.data, bytes.len));
	text_byte(w->out, '\n');
	text_done(&bytes);
}

static void put_changes(struct rule_writer *w, const struct deed *deed)
{
	bool same_length = true;

	for (size_t i = 0; i < deed->num_changes; i++) {
		const struct change *c = &deed->changes[i];

		same_length &= c->old.len == c->new.len;
	}
	/* From the back, so that no offset moves. */
	for (size_t i = deed->num_changes; !same_length && i > 0; i--) {
		put_splice(w, &deed->changes[i - 1], deed->mend);
	}
	for (size_t i = 0, num; same_length && i < deed->num_changes; i += num) {
		const struct change *c = &deed->changes[i];
		size_t len = c->new.len;

		for (num = 1; i + num < deed->num_changes && c[num].at == c->at + len &&
			      len + c[num].new.len <= HEX_VALUE_MAX;
		     num++) {
			len += c[num].new.len;
		}
		put_set(w, c, num);
	}
}

static void put_count(struct rule_writer *w, const char *action, const char *option,
		      uint64_t value, uint64_t max, uint64_t gap, int64_t hold_ns)
{
	while (value > 0) {
		uint64_t now = value < max ? value : max;

		begin_action(w);
		text_format(w->out, "%s %s=%ju", action, option, (uintmax_t)now);
		if (gap) {
			text_format(w->out, " gap=%ju", (uintmax_t)gap);
		}
		text_str(w->out, " hold=");
		text_duration(w->out, hold_ns);
		text_byte(w->out, '\n');
		value -= now;
	}
}

static void put_times(struct rule_writer *w, const struct deed *deed)
{
	int64_t hold_ns = deed->hold_ns > 0 ? deed->hold_ns : 1;

	if (hold_ns > HOLD_MAX_NS) {
		hold_ns = HOLD_MAX_NS;
	}
	for (int64_t left_ns = deed->delay_ns; left_ns > 0; left_ns -= DELAY_MAX_NS) {
		begin_action(w);
		text_str(w->out, "delay time=");
		text_duration(w->out, left_ns < DELAY_MAX_NS ? left_ns : DELAY_MAX_NS);
		text_byte(w->out, '\n');
	}
	put_count(w, "reorder", "gap", deed->reorder_gap, GAP_MAX, 0, hold_ns);
	put_count(w, "duplicate", "copies", deed->copies, COPIES_MAX, deed->copies_gap,
		  hold_ns);
}

static void put_fault(struct rule_writer *w, const struct deed *deed)
{
	put_changes(w, deed);
	put_times(w, deed);
	switch (deed->verdict) {
	case VERDICT_PASS:
	case NUM_VERDICT:
		break;
	case VERDICT_DROP:
		begin_action(w);
		text_str(w->out, "drop\n");
		break;
	case VERDICT_RESET:
	case VERDICT_CLOSE:
		begin_action(w);
		text_format(w->out, "%s at=%ju\n", verdict_name(deed->verdict),
			    (uintmax_t)deed->cut_at);
		break;
	}
}

void shrink_rules_put(const struct shrink_rules *rules, const struct fault *faults,
		      const size_t *which, const struct deed *deeds, size_t num,
		      struct text *out)
{
	struct text files = {0};
	bool seed_put = false;
	json_t *file;
	size_t i;

	json_array_foreach((json_t *)rules->files, i, file)
	{
		put_file(span_str(json_text(file, "text", "")), rules->seed, &seed_put,
			 &files);
	}
	if (rules->comment) {
		text_format(out, "; %s\n", rules->comment);
	}
	if (!seed_put) {
		text_format(out, "[turncoat]\nseed = %ju\n\n", (uintmax_t)rules->seed);
	}
	text_str(out, text_cstr(&files));
	text_done(&files);
	for (i = 0; i < num; i++) {
		struct rule_writer writer = {
			.out = out,
			.fault = &faults[which[i]],
			.nth = i + 1,
		};

		put_fault(&writer, &deeds[i]);
	}
}

int shrink_rules_check(const char *path, struct err *err)
{
	struct config *config = NULL;
	int code = config_load(&path, 1, &config, err);

	config_free(config);
	return code;
}
