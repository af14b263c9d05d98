/* turncoat log stats: what one or several runs did, in totals.
 *
 * Theory of operation
 *
 * Logs are read once, line by line. Totals of a lane come from its `close` line. A lane
 * without one (the run was killed, or is still going on) counts with what its unit lines
 * say came in, so each open lane remembers that until it closes. Rules, actions, delays
 * and notes are counted from the lines themselves, so they need no summary; only
 * `considered` does.
 */
#include "app/log_common.h"
#include "app/verbs.h"
#include "base/arena.h"
#include "base/quantity.h"

#include <stdlib.h>
#include <string.h>

enum { NOTES_SHOWN = 10, VIOLATIONS_SHOWN = 5 };

/* A name and its counters; tables of them are hashed by name. */
struct row {
	char *name;
	struct row *next;
	/* proxies */
	uint64_t lanes, open_lanes, weak;
	struct side_stats sides[NUM_SIDE];
	/* lanes */
	struct row *proxy;
	bool is_open, is_weak;
	uint64_t units[NUM_SIDE],
		bytes[NUM_SIDE]; /* since it was opened, of unit lines */
	/* rules */
	uint64_t considered, matched, outcomes[NUM_OUTCOME];
	struct chance chance;
	bool chance_known, chance_varies, bursts;
	/* actions, notes */
	uint64_t count;
};

struct table {
	struct row **slots;
	size_t num_slots, num;
	struct row **order; /* by appearance */
	size_t cap;
};

struct stats {
	struct table proxies, lanes, rules, actions, notes;
	int64_t *delays_ns;
	size_t num_delays, cap_delays;
	uint64_t logs, logs_without_summary, late, reloads;
	uint64_t sides_checked, violations;
	struct text violation_text;
};

static uint64_t hash_of(const char *name)
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a, 64 bits */

	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * 1099511628211ULL;
	}
	return hash ^ hash >> 32;
}

static void table_grow(struct table *table)
{
	table->num_slots = table->num_slots ? table->num_slots * 2 : 64;
	free(table->slots);
	table->slots = xcalloc(table->num_slots, sizeof(struct row *));
	for (size_t i = 0; i < table->num; i++) {
		size_t at = hash_of(table->order[i]->name) & (table->num_slots - 1);

		table->order[i]->next = table->slots[at];
		table->slots[at] = table->order[i];
	}
}

static struct row *table_row(struct table *table, const char *name)
{
	struct row *row;
	size_t at;

	if (table->num >= table->num_slots) {
		table_grow(table);
	}
	at = hash_of(name) & (table->num_slots - 1);
	for (row = table->slots[at]; row; row = row->next) {
		if (strcmp(row->name, name) == 0) {
			return row;
		}
	}
	row = xcalloc(1, sizeof(*row));
	row->name = xstrdup(name);
	row->next = table->slots[at];
	table->slots[at] = row;
	if (table->num == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->order = xrealloc(table->order, table->cap * sizeof(struct row *));
	}
	table->order[table->num++] = row;
	return row;
}

static void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->num; i++) {
		free(table->order[i]->name);
		free(table->order[i]);
	}
	free(table->slots);
	free(table->order);
	*table = (struct table){0};
}

/* --- reading --- */

static enum outcome outcome_of(const json_t *word)
{
	const char *text = json_is_string(word) ? json_string_value(word) : "";
	int outcome = 0;

	while (outcome < NUM_OUTCOME &&
	       strcmp(text, outcome_name((enum outcome)outcome)) != 0) {
		outcome++;
	}
	return (enum outcome)outcome;
}

/* The configured chances; a log whose rule files can't be read has none to compare. */
static void read_rule_files(struct stats *stats, const json_t *files)
{
	struct config *config = log_config(files, NULL);

	for (size_t i = 0; config && i < config->rules->num_rules; i++) {
		const struct rule *rule = &config->rules->rules[i];
		struct row *row = table_row(&stats->rules, rule->name);

		row->chance_varies |= row->chance_known &&
				      (row->chance.num != rule->chance.num ||
				       row->chance.den != rule->chance.den);
		row->bursts |= rule->schedule.burst > 1;
		row->chance = rule->chance;
		row->chance_known = true;
	}
	config_free(config);
}

static struct row *proxy_of(struct stats *stats, const struct log_line *line)
{
	const char *proxy = json_text(line->json, "proxy", NULL);
	struct row *row;
	char *name;

	if (proxy) {
		return table_row(&stats->proxies, proxy);
	}
	/* A lane is called <proxy>/<label>#<nth>. */
	name = xstrdup(line->lane);
	name[strcspn(name, "/")] = '\0';
	row = table_row(&stats->proxies, name);
	free(name);
	return row;
}

static struct row *lane_of(struct stats *stats, const struct log_line *line)
{
	struct row *lane = table_row(&stats->lanes, line->lane);

	if (!lane->proxy) {
		lane->proxy = proxy_of(stats, line);
		lane->proxy->lanes++;
	}
	return lane;
}

/* A lane that another one overlaps is weak from then on; its close line says so too. */
static void mark_weak(struct row *lane, const struct log_line *line)
{
	if (log_line_weak(line->json) && !lane->is_weak) {
		lane->is_weak = true;
		lane->proxy->weak++;
	}
}

static void add_delay(struct stats *stats, int64_t ns)
{
	if (stats->num_delays == stats->cap_delays) {
		stats->cap_delays = stats->cap_delays ? stats->cap_delays * 2 : 256;
		stats->delays_ns =
			xrealloc(stats->delays_ns, stats->cap_delays * sizeof(int64_t));
	}
	stats->delays_ns[stats->num_delays++] = ns;
}

static void count_unit(struct stats *stats, const struct log_line *line)
{
	struct row *lane = lane_of(stats, line);
	const char *name;
	json_t *value;
	size_t i;

	lane->is_open = true;
	lane->units[line->side]++;
	lane->bytes[line->side] += (uint64_t)json_i64(line->json, "len", 0);
	json_object_foreach(json_object_get(line->json, "rules"), name, value)
	{
		struct row *rule = table_row(&stats->rules, name);
		enum outcome outcome = outcome_of(value);

		rule->matched++;
		if (outcome < NUM_OUTCOME) {
			rule->outcomes[outcome]++;
		}
	}
	json_array_foreach(json_object_get(line->json, "effects"), i, value)
	{
		const char *action = json_text(value, "do", "?");

		table_row(&stats->actions, action)->count++;
		if (strcmp(action, "delay") == 0) {
			add_delay(stats, json_i64(value, "ns", 0));
		}
	}
}

static void tell_violation(struct stats *stats, const struct log_line *line,
			   enum side side, const struct side_stats *s)
{
	struct text *out = &stats->violation_text;

	if (stats->violations++ >= VIOLATIONS_SHOWN) {
		return;
	}
	text_str(out, "  ");
	text_safe(out, line->lane);
	text_format(out,
		    " %s: units %ju in + %ju injected + %ju copies, %ju out + %ju "
		    "dropped + %ju held; bytes %ju in + %ju injected + %ju copies + %ju "
		    "grown, %ju out + %ju dropped + %ju held + %ju shrunk\n",
		    side_name(side), (uintmax_t)s->units_in, (uintmax_t)s->units_injected,
		    (uintmax_t)s->units_copies, (uintmax_t)s->units_out,
		    (uintmax_t)s->units_dropped, (uintmax_t)s->units_held,
		    (uintmax_t)s->bytes_in, (uintmax_t)s->bytes_injected,
		    (uintmax_t)s->bytes_copies, (uintmax_t)s->bytes_grown,
		    (uintmax_t)s->bytes_out, (uintmax_t)s->bytes_dropped,
		    (uintmax_t)s->bytes_held, (uintmax_t)s->bytes_shrunk);
}

static void count_close(struct stats *stats, const struct log_line *line)
{
	struct row *lane = lane_of(stats, line);

	for (int side = 0; side < NUM_SIDE; side++) {
		const json_t *json =
			json_object_get(line->json, side_name((enum side)side));
		struct side_stats s = json_stats(json);

		side_stats_add(&lane->proxy->sides[side], &s);
		lane->units[side] = lane->bytes[side] = 0;
		stats->sides_checked++;
		if (!side_stats_conserved(&s)) {
			tell_violation(stats, line, (enum side)side, &s);
		}
	}
	mark_weak(lane, line);
	lane->is_open = false;
}

static void count_summary(struct stats *stats, const struct log_line *line)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(line->json, "rules"), name, value)
	{
		table_row(&stats->rules, name)->considered +=
			(uint64_t)json_i64(value, "considered", 0);
	}
}

static void count_line(struct stats *stats, const struct log_line *line, bool *summary)
{
	struct row *lane;

	switch (line->type) {
	case LOG_OPEN:
		lane = lane_of(stats, line);
		lane->is_open = true;
		mark_weak(lane, line);
		break;
	case LOG_UNIT:
		count_unit(stats, line);
		break;
	case LOG_CELL_END:
		lane = lane_of(stats, line);
		lane->bytes[line->side] += (uint64_t)json_i64(line->json, "len", 0);
		break;
	case LOG_LATE:
		stats->late++;
		break;
	case LOG_NOTE:
		table_row(&stats->notes, json_text(line->json, "note", "?"))->count++;
		break;
	case LOG_CLOSE:
		count_close(stats, line);
		break;
	case LOG_RELOAD:
		stats->reloads++;
		read_rule_files(stats, json_object_get(line->json, "files"));
		break;
	case LOG_SUMMARY:
		*summary = true;
		count_summary(stats, line);
		break;
	case LOG_RULES:
	case LOG_SENT:
	case LOG_STALL:
	case LOG_RELOAD_REFUSED:
	case LOG_OTHER:
	case NUM_LOG_TYPE:
		break;
	}
}

/* Lanes that never closed count with what is known of them. */
static void settle_lanes(struct stats *stats)
{
	for (size_t i = 0; i < stats->lanes.num; i++) {
		struct row *lane = stats->lanes.order[i];

		lane->proxy->open_lanes += lane->is_open;
		for (int side = 0; side < NUM_SIDE; side++) {
			lane->proxy->sides[side].units_in += lane->units[side];
			lane->proxy->sides[side].bytes_in += lane->bytes[side];
		}
	}
	table_clear(&stats->lanes);
}

static int read_log(struct stats *stats, const char *path, struct err *err)
{
	struct logread *log = NULL;
	struct log_line line;
	bool summary = false;
	int code = logread_open(path, false, &log, err);

	if (code != 0) {
		return code;
	}
	read_rule_files(stats, json_object_get(logread_header(log), "files"));
	while ((code = logread_next(log, &line, err)) > 0) {
		count_line(stats, &line, &summary);
	}
	if (code == 0) {
		settle_lanes(stats);
		stats->logs++;
		stats->logs_without_summary += !summary;
		printf("%s: seed %ju%s\n", path, (uintmax_t)logread_seed(log),
		       summary ? "" : ", no summary: the run was killed or goes on");
		log_warn_torn(log);
	}
	logread_close(log);
	return code;
}

/* --- telling --- */

static const char *safe(struct text *text, const char *name)
{
	text_clear(text);
	text_safe(text, name);
	return text_cstr(text);
}

static void print_proxies(const struct stats *stats, struct text *part)
{
	static const char *const heads[] = {"UNITS-IN", "UNITS-OUT", "DROPPED",	 "HELD",
					    "COPIES",	"BYTES-IN",  "BYTES-OUT"};

	printf("\n%-16s %-7s %7s", "PROXY", "SIDE", "LANES");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		printf(" %10s", heads[i]);
	}
	putchar('\n');
	for (size_t i = 0; i < stats->proxies.num; i++) {
		const struct row *proxy = stats->proxies.order[i];

		for (int side = 0; side < NUM_SIDE; side++) {
			const struct side_stats *s = &proxy->sides[side];

			printf("%-16s %-7s %7ju %10ju %10ju %10ju %10ju %10ju %10ju "
			       "%10ju\n",
			       safe(part, proxy->name), side_name((enum side)side),
			       (uintmax_t)proxy->lanes, (uintmax_t)s->units_in,
			       (uintmax_t)s->units_out, (uintmax_t)s->units_dropped,
			       (uintmax_t)s->units_held, (uintmax_t)s->units_copies,
			       (uintmax_t)s->bytes_in, (uintmax_t)s->bytes_out);
		}
		if (proxy->weak) {
			printf("%-16s weak lanes: %ju\n", safe(part, proxy->name),
			       (uintmax_t)proxy->weak);
		}
		if (proxy->open_lanes) {
			printf("%-16s still open at the end: %ju lanes (only what came "
			       "in is known)\n",
			       safe(part, proxy->name), (uintmax_t)proxy->open_lanes);
		}
	}
}

/* Of the units that came as far as the draw, how many won. */
static void print_rate(const struct row *rule)
{
	uint64_t won = rule->outcomes[OUTCOME_FIRED] + rule->outcomes[OUTCOME_SHADOWED] +
		       rule->outcomes[OUTCOME_MASKED];
	uint64_t drew = won + rule->outcomes[OUTCOME_CHANCE];
	struct text configured = {0};

	if (rule->chance_known && !rule->chance_varies) {
		text_chance(&configured, rule->chance);
	} else {
		text_str(&configured, rule->chance_varies ? "several" : "unknown");
	}
	if (drew == 0) {
		printf("no draw, configured %s", text_cstr(&configured));
	} else {
		printf("%.4g%% (%ju of %ju), configured %s",
		       100.0 * (double)won / (double)drew, (uintmax_t)won,
		       (uintmax_t)drew, text_cstr(&configured));
	}
	puts(rule->bursts ? " before bursts" : "");
	text_done(&configured);
}

static void print_rules(const struct stats *stats, struct text *part)
{
	if (stats->rules.num == 0) {
		return;
	}
	printf("\n%-24s %10s %10s %10s %10s  %s\n", "RULE", "CONSIDERED", "MATCHED",
	       "FIRED", "SHADOWED", "RATE");
	for (size_t i = 0; i < stats->rules.num; i++) {
		const struct row *rule = stats->rules.order[i];

		printf("%-24s ", safe(part, rule->name));
		if (stats->logs_without_summary) {
			printf("%10s ", "-");
		} else {
			printf("%10ju ", (uintmax_t)rule->considered);
		}
		printf("%10ju %10ju %10ju  ", (uintmax_t)rule->matched,
		       (uintmax_t)rule->outcomes[OUTCOME_FIRED],
		       (uintmax_t)rule->outcomes[OUTCOME_SHADOWED]);
		print_rate(rule);
	}
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_actions(struct stats *stats, struct text *part)
{
	size_t num = stats->num_delays;

	if (stats->actions.num == 0) {
		return;
	}
	printf("\n%-24s %10s\n", "ACTION", "COUNT");
	for (size_t i = 0; i < stats->actions.num; i++) {
		printf("%-24s %10ju\n", safe(part, stats->actions.order[i]->name),
		       (uintmax_t)stats->actions.order[i]->count);
	}
	if (num > 0) {
		qsort(stats->delays_ns, num, sizeof(int64_t), compare_ns);
		text_clear(part);
		text_str(part, "delays: min ");
		text_ns(part, stats->delays_ns[0]);
		text_str(part, ", median ");
		text_ns(part, stats->delays_ns[(num - 1) / 2]);
		text_str(part, ", max ");
		text_ns(part, stats->delays_ns[num - 1]);
		puts(text_cstr(part));
	}
}

static int compare_counts(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;

	return x->count != y->count ? (x->count < y->count ? 1 : -1)
				    : strcmp(x->name, y->name);
}

static void print_notes(struct stats *stats, struct text *part)
{
	size_t num = stats->notes.num;

	if (stats->late) {
		printf("late: %ju units were sent before their successors came\n",
		       (uintmax_t)stats->late);
	}
	if (stats->reloads) {
		printf("reloads: %ju\n", (uintmax_t)stats->reloads);
	}
	if (num > 0) {
		qsort(stats->notes.order, num, sizeof(struct row *), compare_counts);
	}
	for (size_t i = 0; i < num && i < NOTES_SHOWN; i++) {
		printf("%s%s %ju",
		       i ? ", " : "notes: ", safe(part, stats->notes.order[i]->name),
		       (uintmax_t)stats->notes.order[i]->count);
	}
	if (num > NOTES_SHOWN) {
		printf(", and %zu other kinds", num - NOTES_SHOWN);
	}
	fputs(num ? "\n" : "", stdout);
}

static void print_conservation(const struct stats *stats)
{
	if (stats->sides_checked == 0) {
		puts("\nconservation: no lane was closed, so nothing can be checked");
	} else if (stats->violations == 0) {
		printf("\nconservation: holds in all %ju lane sides that were closed\n",
		       (uintmax_t)stats->sides_checked);
	} else {
		printf("\nconservation: VIOLATED in %ju of %ju lane sides\n%s",
		       (uintmax_t)stats->violations, (uintmax_t)stats->sides_checked,
		       text_cstr(&stats->violation_text));
	}
}

static int run(const char *const *paths, size_t num)
{
	struct stats stats = {0};
	struct text part = {0};
	struct err err = {0};
	int code = 0;

	for (size_t i = 0; code == 0 && i < num; i++) {
		code = read_log(&stats, paths[i], &err);
	}
	if (code != 0) {
		code = cli_complain("log", "%s", err.text);
	} else {
		print_proxies(&stats, &part);
		print_rules(&stats, &part);
		print_actions(&stats, &part);
		print_conservation(&stats);
		print_notes(&stats, &part);
		code = log_finish(stats.violations ? EXIT_DIFFERENT : 0);
	}
	table_clear(&stats.proxies);
	table_clear(&stats.lanes);
	table_clear(&stats.rules);
	table_clear(&stats.actions);
	table_clear(&stats.notes);
	text_done(&stats.violation_text);
	text_done(&part);
	free(stats.delays_ns);
	return code;
}

static int tell_stats(const struct verb *verb, const struct cli *cli)
{
	(void)verb;
	return run(cli->args, cli->num_args);
}

int cmd_log_stats(const struct verb *verb, int argc, char **argv)
{
	return log_main(verb, argc, argv, 1, SIZE_MAX, "name one log or more",
			tell_stats);
}
