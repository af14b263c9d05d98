/* turncoat log diff: where two runs part, lane by lane.
 *
 * Theory of operation
 *
 * Both logs are indexed and walked lane by lane. Within a lane side the units stand in
 * the order in which the peers sent them, which is that of the log; the n-th of A is held
 * against the n-th of B, as replay does. Other lines of a side (cell ends, late ones,
 * notes, totals) are held against each other by identity, after the units.
 *
 * A lane side's first difference is told. When that is content alone (the bytes differ,
 * and nothing that was decided), the search goes on for the first one that is more.
 */
#include "app/log_common.h"
#include "app/log_compare.h"
#include "app/log_index.h"
#include "app/verbs.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

const struct optrow LOG_DIFF_OPTIONS[] = {
	{
		.name = "all",
		.type = OPT_BOOL,
		.help = "all lanes that differ, not the first 20 only",
	},
	{0},
};

enum { LANES_SHOWN = 20 };

struct half {
	const char *path;
	struct logread *log;
	struct log_index index;
	char *buffer;
	size_t cap;
};

struct diff {
	struct half a, b;
	bool all;
	uint64_t lanes, lanes_different;
	bool header_differs, rest_differs; /* rest: what belongs to no lane */
	struct text told;		   /* about the lane at hand */
};

/* Entries [from, to) of one half's index. */
struct range {
	size_t from, to;
};

static size_t range_len(struct range range)
{
	return range.to - range.from;
}

static void diff_headers(struct diff *diff)
{
	json_t *a = logread_header(diff->a.log), *b = logread_header(diff->b.log);
	struct text told = {0};

	json_object_del(a, "wall");
	json_object_del(b, "wall");
	diff->header_differs = log_compare_headers(a, b, &told);
	fputs(text_cstr(&told), stdout);
	text_done(&told);
}

/* --- lines --- */

static int load_raw(struct half *half, const struct log_entry *entry, struct span *out,
		    struct err *err)
{
	int code = logread_again_raw(half->log, entry->offset, entry->len_bytes,
				     &half->buffer, &half->cap, err);

	*out = span_of(half->buffer, entry->len_bytes);
	return code;
}

static int load(struct half *half, const struct log_entry *entry, json_t **out,
		struct err *err)
{
	int code = logread_again(half->log, entry->offset, entry->len_bytes,
				 &half->buffer, &half->cap, out, err);

	if (code == 0) {
		json_object_del(*out, "wall");
	}
	return code;
}

static int compare_lines(struct diff *diff, const struct log_entry *a,
			 const struct log_entry *b, enum log_difference *out,
			 struct text *why, struct err *err)
{
	struct span raw_a, raw_b;
	json_t *tree_a = NULL, *tree_b = NULL;
	int code;

	*out = LOG_SAME;
	code = load_raw(&diff->a, a, &raw_a, err);
	code = code ? code : load_raw(&diff->b, b, &raw_b, err);
	if (code != 0) {
		return code;
	}
	raw_a = log_plain_part(raw_a);
	raw_b = log_plain_part(raw_b);
	if (raw_a.len > 0 && span_eq(raw_a, raw_b)) {
		return 0;
	}
	code = load(&diff->a, a, &tree_a, err);
	code = code ? code : load(&diff->b, b, &tree_b, err);
	if (code == 0) {
		*out = log_compare_lines(tree_a, tree_b, why);
	}
	json_decref(tree_a);
	json_decref(tree_b);
	return code;
}

/* --- lane sides --- */

static void tell(struct diff *diff, const char *lane, unsigned side, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

static void tell(struct diff *diff, const char *lane, unsigned side, const char *format,
		 ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (*lane) {
		text_safe(&diff->told, lane);
	} else {
		text_str(&diff->told, "outside lanes");
	}
	if (side < NUM_SIDE) {
		text_byte(&diff->told, ' ');
		text_str(&diff->told, side_name((enum side)side));
	}
	text_str(&diff->told, ": ");
	text_str(&diff->told, what);
}

static void put_unit_name(struct text *out, const struct half *half,
			  const struct log_entry *entry)
{
	text_clear(out);
	text_safe(out, log_index_name(&half->index, entry->class));
	text_format(out, ":%ju", (uintmax_t)entry->k);
}

static void tell_unpaired(struct diff *diff, const char *lane, unsigned side, size_t nth,
			  size_t num_a, size_t num_b, const struct log_entry *entry)
{
	const struct half *has = num_a > num_b ? &diff->a : &diff->b;
	struct text name = {0};

	put_unit_name(&name, has, entry);
	tell(diff, lane, side, "unit %zu (%s) %s: A has %zu units, B has %zu\n", nth,
	     text_cstr(&name), num_a > num_b ? "missing in B" : "extra in B", num_a,
	     num_b);
	text_done(&name);
}

/* The units of a lane side, in the order of the log. */
static int diff_units(struct diff *diff, const char *lane, unsigned side, struct range a,
		      struct range b, bool *out_differs, struct err *err)
{
	size_t num_a = range_len(a), num_b = range_len(b), contents = 0;
	struct text why = {0}, name = {0}, first = {0};
	int code = 0;

	for (size_t n = 0; code == 0 && !*out_differs && n < num_a && n < num_b; n++) {
		const struct log_entry *ea = &diff->a.index.entries[a.from + n];
		enum log_difference kind;

		text_clear(&why);
		code = compare_lines(diff, ea, &diff->b.index.entries[b.from + n], &kind,
				     &why, err);
		if (code != 0 || kind == LOG_SAME) {
			continue;
		}
		put_unit_name(&name, &diff->a, ea);
		if (kind == LOG_CONTENT_DIFFERS) {
			if (contents++ == 0) {
				text_format(&first, "unit %zu (%s) %s", n,
					    text_cstr(&name), text_cstr(&why));
			}
			continue;
		}
		*out_differs = true;
		tell(diff, lane, side, "unit %zu (%s) ", n, text_cstr(&name));
		text_str(&diff->told, text_cstr(&why));
		text_byte(&diff->told, '\n');
	}
	if (code == 0 && !*out_differs && num_a != num_b) {
		size_t n = num_a < num_b ? num_a : num_b;

		*out_differs = true;
		tell_unpaired(diff, lane, side, n, num_a, num_b,
			      num_a > num_b ? &diff->a.index.entries[a.from + n]
					    : &diff->b.index.entries[b.from + n]);
	}
	if (code == 0 && contents > 0) {
		*out_differs = true;
		tell(diff, lane, side, "%s", text_cstr(&first));
		if (contents > 1) {
			text_format(&diff->told, ", and %zu more units of other content",
				    contents - 1);
		}
		text_byte(&diff->told, '\n');
	}
	text_done(&why);
	text_done(&name);
	text_done(&first);
	return code;
}

static const char *type_words(unsigned type)
{
	static const char *const words[] = {
		[LOG_OPEN] = "opening",	      [LOG_RULES] = "change of rules",
		[LOG_UNIT] = "unit",	      [LOG_CELL_END] = "cell's end",
		[LOG_LATE] = "late sending",  [LOG_NOTE] = "note",
		[LOG_CLOSE] = "close totals", [LOG_SENT] = "sending",
		[LOG_RELOAD] = "reload",      [LOG_RELOAD_REFUSED] = "refused reload",
		[LOG_STALL] = "stall",	      [LOG_SUMMARY] = "summary",
		[LOG_OTHER] = "unknown line",
	};
	_Static_assert(sizeof(words) / sizeof(words[0]) == NUM_LOG_TYPE, "words a type");

	return words[type];
}

static int compare_keys(const struct diff *diff, const struct log_entry *a,
			const struct log_entry *b)
{
	int classes;

	if (a->type != b->type) {
		return a->type < b->type ? -1 : 1;
	}
	classes = strcmp(log_index_name(&diff->a.index, a->class),
			 log_index_name(&diff->b.index, b->class));
	if (classes != 0) {
		return classes;
	}
	return a->k < b->k ? -1 : a->k > b->k;
}

/* Everything of a lane side but its units, by identity. */
static int diff_others(struct diff *diff, const char *lane, unsigned side, struct range a,
		       struct range b, bool *out_differs, struct err *err)
{
	const struct log_entry *ea = diff->a.index.entries, *eb = diff->b.index.entries;
	struct text why = {0}, name = {0};
	int code = 0;

	while (code == 0 && !*out_differs && (a.from < a.to || b.from < b.to)) {
		int order = a.from == a.to ? 1
			    : b.from == b.to
				    ? -1
				    : compare_keys(diff, &ea[a.from], &eb[b.from]);
		const struct log_entry *entry = order <= 0 ? &ea[a.from] : &eb[b.from];
		enum log_difference kind = LOG_DECISION_DIFFERS;

		put_unit_name(&name, order <= 0 ? &diff->a : &diff->b, entry);
		if (order == 0) {
			text_clear(&why);
			code = compare_lines(diff, &ea[a.from], &eb[b.from], &kind, &why,
					     err);
		} else {
			text_clear(&why);
			text_str(&why, order < 0 ? "missing in B" : "extra in B");
		}
		if (code == 0 && kind != LOG_SAME) {
			*out_differs = true;
			tell(diff, lane, side, "%s", type_words(entry->type));
			if (entry->type == LOG_CELL_END || entry->type == LOG_LATE) {
				text_format(&diff->told, " (%s)", text_cstr(&name));
			}
			text_format(&diff->told, " %s\n", text_cstr(&why));
		}
		a.from += order <= 0;
		b.from += order >= 0;
	}
	text_done(&why);
	text_done(&name);
	return code;
}

/* The entries at the front of `range` that are of that side. */
static struct range take_side(const struct log_index *index, struct range *range,
			      unsigned side)
{
	struct range out = {range->from, range->from};

	while (out.to < range->to && index->entries[out.to].side == side) {
		out.to++;
	}
	range->from = out.to;
	return out;
}

static int compare_offsets(const void *a, const void *b)
{
	const struct log_entry *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Splits a side's entries in units, sorted as in the log, and what is around them. */
static struct range split_units(struct log_index *index, struct range side,
				struct range *before, struct range *after)
{
	struct range units = side;

	while (units.from < side.to && index->entries[units.from].type < LOG_UNIT) {
		units.from++;
	}
	units.to = units.from;
	while (units.to < side.to && index->entries[units.to].type == LOG_UNIT) {
		units.to++;
	}
	if (range_len(units) > 1) {
		qsort(index->entries + units.from, range_len(units),
		      sizeof(struct log_entry), compare_offsets);
	}
	*before = (struct range){side.from, units.from};
	*after = (struct range){units.to, side.to};
	return units;
}

static int diff_side(struct diff *diff, const char *lane, unsigned side, struct range a,
		     struct range b, bool *out_differs, struct err *err)
{
	struct range before_a, after_a, before_b, after_b;
	struct range units_a = split_units(&diff->a.index, a, &before_a, &after_a);
	struct range units_b = split_units(&diff->b.index, b, &before_b, &after_b);
	bool differs = false;
	int code = diff_others(diff, lane, side, before_a, before_b, &differs, err);

	if (code == 0 && !differs) {
		code = diff_units(diff, lane, side, units_a, units_b, &differs, err);
	}
	if (code == 0 && !differs) {
		code = diff_others(diff, lane, side, after_a, after_b, &differs, err);
	}
	*out_differs |= differs;
	return code;
}

static size_t count_units(const struct log_index *index, struct range range)
{
	size_t num = 0;

	for (size_t i = range.from; i < range.to; i++) {
		num += index->entries[i].type == LOG_UNIT;
	}
	return num;
}

static int diff_lane(struct diff *diff, const char *lane, struct range a, struct range b,
		     struct err *err)
{
	bool differs = false;
	int code = 0;

	text_clear(&diff->told);
	if (*lane && (range_len(a) == 0 || range_len(b) == 0)) {
		const struct half *has = range_len(a) ? &diff->a : &diff->b;

		differs = true;
		tell(diff, lane, NUM_SIDE, "only in %s (%zu units)\n",
		     range_len(a) ? "A" : "B",
		     count_units(&has->index, range_len(a) ? a : b));
	} else {
		for (unsigned side = 0; code == 0 && side <= NUM_SIDE; side++) {
			struct range side_a = take_side(&diff->a.index, &a, side);
			struct range side_b = take_side(&diff->b.index, &b, side);

			if (side == NUM_SIDE && differs) {
				break; /* totals follow from what was told already */
			}
			code = diff_side(diff, lane, side, side_a, side_b, &differs, err);
		}
	}
	if (*lane) {
		diff->lanes++;
		diff->lanes_different += differs;
	} else {
		diff->rest_differs |= differs;
	}
	if (differs && (diff->all || diff->lanes_different <= LANES_SHOWN)) {
		fputs(text_cstr(&diff->told), stdout);
	}
	return code;
}

/* The entries from `from` on that share section and lane with the first. */
static struct range next_lane(const struct log_index *index, size_t from)
{
	struct range range = {from, from};

	while (range.to < index->num &&
	       index->entries[range.to].section == index->entries[from].section &&
	       index->entries[range.to].lane == index->entries[from].lane) {
		range.to++;
	}
	return range;
}

static int order_lanes(const struct diff *diff, struct range a, struct range b)
{
	const struct log_entry *ea, *eb;

	if (range_len(a) == 0 || range_len(b) == 0) {
		return range_len(a) == 0 ? 1 : -1;
	}
	ea = &diff->a.index.entries[a.from];
	eb = &diff->b.index.entries[b.from];
	if (ea->section != eb->section) {
		return ea->section < eb->section ? -1 : 1;
	}
	return strcmp(log_index_name(&diff->a.index, ea->lane),
		      log_index_name(&diff->b.index, eb->lane));
}

static int diff_lanes(struct diff *diff, struct err *err)
{
	struct range a = next_lane(&diff->a.index, 0), b = next_lane(&diff->b.index, 0);
	int code = 0;

	while (code == 0 && (range_len(a) > 0 || range_len(b) > 0)) {
		int order = order_lanes(diff, a, b);
		const struct half *has = order <= 0 ? &diff->a : &diff->b;
		const struct log_entry *entry =
			&has->index.entries[order <= 0 ? a.from : b.from];
		struct range none = {0, 0};

		if (entry->section == 2 &&
		    (diff->lanes_different > 0 || diff->rest_differs)) {
			break; /* the summary only repeats it */
		}
		code = diff_lane(diff, log_index_name(&has->index, entry->lane),
				 order <= 0 ? a : none, order >= 0 ? b : none, err);
		if (order <= 0) {
			a = next_lane(&diff->a.index, a.to);
		}
		if (order >= 0) {
			b = next_lane(&diff->b.index, b.to);
		}
	}
	return code;
}

/* --- the command --- */

static int half_open(struct half *half, const char *path, struct err *err)
{
	int code;

	half->path = path;
	code = logread_open(path, true, &half->log, err);
	if (code == 0) {
		code = log_index_build(&half->index, half->log, err);
	}
	if (code == 0) {
		log_warn_torn(half->log);
	}
	return code;
}

static void half_done(struct half *half)
{
	log_index_done(&half->index);
	logread_close(half->log);
	free(half->buffer);
}

static int conclude(const struct diff *diff)
{
	bool differ = diff->header_differs || diff->rest_differs ||
		      diff->lanes_different > 0;

	if (!diff->all && diff->lanes_different > LANES_SHOWN) {
		printf("and %ju more lanes that differ (--all shows them)\n",
		       (uintmax_t)(diff->lanes_different - LANES_SHOWN));
	}
	if (diff->lanes_different > 0) {
		printf("%ju of %ju lanes differ\n", (uintmax_t)diff->lanes_different,
		       (uintmax_t)diff->lanes);
	} else if (differ) {
		printf("%ju lanes, none differs\n", (uintmax_t)diff->lanes);
	} else {
		printf("equal: %ju lanes\n", (uintmax_t)diff->lanes);
	}
	return log_finish(differ ? EXIT_DIFFERENT : 0);
}

static int run(const char *path_a, const char *path_b, bool all)
{
	struct diff diff = {.all = all};
	struct err err = {0};
	int code;

	code = half_open(&diff.a, path_a, &err);
	code = code ? code : half_open(&diff.b, path_b, &err);
	if (code == 0) {
		diff_headers(&diff);
		code = diff_lanes(&diff, &err);
	}
	code = code ? cli_complain("log", "%s", err.text) : conclude(&diff);
	half_done(&diff.a);
	half_done(&diff.b);
	text_done(&diff.told);
	return code;
}

static int diff_logs(const struct verb *verb, const struct cli *cli)
{
	return run(cli->args[0], cli->args[1], cli_opt(verb, cli, "all")->num != 0);
}

int cmd_log_diff(const struct verb *verb, int argc, char **argv)
{
	return log_main(verb, argc, argv, 2, 2, "name two logs", diff_logs);
}
