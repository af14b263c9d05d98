#include "app/shrink.h"

#include "app/cli.h"
#include "app/log_common.h"
#include "app/shrink_outcome.h"
#include "base/json.h"
#include "codec/digest.h"
#include "core/ddmin.h"
#include "io/clock.h"
#include "io/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BASE_RUNS = 5,	      /* of all faults, when they agree */
	BASE_RUNS_FLAKY = 20, /* when they do not */
	BASE_RUNS_NEVER = 10, /* when none fails */
	LEAVE_OUT_ROUNDS = 8,
	VERIFY_RUNS = 5,
	VERIFY_RUNS_FLAKY = 20,
	FAULTS_SHOWN = 20,
	LOG_BYTES_MAX = 1 << 30,
};

static void say(const struct shrink *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct shrink *s, const char *format, ...)
{
	char line[2048];
	va_list args;

	if (s->options->quiet) {
		return;
	}
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "%sturncoat: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "",
		line);
}

static void say_rate(const struct shrink *s, const char *what, uint64_t hits,
		     uint64_t runs)
{
	struct interval i = wilson_interval(hits, runs, s->options->confidence);

	say(s, "%s: failed in %ju of %ju runs (%.6g%%: %.0f%% to %.0f%%)", what,
	    (uintmax_t)hits, (uintmax_t)runs, 100 * s->options->confidence, 100 * i.low,
	    100 * i.high);
}

/* --- set-up --- */

/* Which log and which command the cache is of. */
static int put_about(const struct shrink_options *options, struct text *out,
		     struct err *err)
{
	struct arena arena = {0};
	struct span bytes;
	int code = file_read(options->log_path, LOG_BYTES_MAX, &arena, &bytes, err);

	if (code == 0) {
		text_str(out, "{\"command\":[");
		for (char **word = options->command; *word; word++) {
			text_str(out, word == options->command ? "" : ",");
			json_str(out, span_str(*word));
		}
		text_str(out, "],\"log\":\"");
		text_hex64(out, digest_of(bytes));
		text_str(out, "\"}");
	}
	arena_done(&arena);
	return code;
}

static int open_out(struct shrink *s, struct err *err)
{
	const struct shrink_options *o = s->options;
	struct shrink_pool_options pool = {
		.log_path = o->log_path,
		.command = o->command,
		.jobs = o->jobs,
		.timeout = o->timeout,
	};
	struct text about = {0}, path = {0};
	size_t known = 0;
	int code = put_about(o, &about, err);

	if (code == 0 && mkdir(o->out_dir, 0777) < 0 && errno != EEXIST) {
		code = err_set_errno(err, "can't make %s", o->out_dir);
	}
	if (code == 0) {
		text_format(&path, "%s/shrink-cache.jsonl", o->out_dir);
		code = shrink_cache_open(text_cstr(&path), text_cstr(&about), &s->cache,
					 &known, err);
	}
	if (code == 0) {
		/* Lives as long as the list. */
		pool.dir = arena_format(&s->list.arena, "%s/tries", o->out_dir);
		code = shrink_pool_new(&pool, &s->pool, err);
	}
	if (code == 0 && known > 0) {
		say(s, "%zu runs are known from before: %s", known, text_cstr(&path));
	}
	text_done(&about);
	text_done(&path);
	return code;
}

static void best_is_all(struct shrink *s)
{
	struct shrink_set all = {
		.which = xcalloc(s->list.num, sizeof(*all.which)),
		.deeds = xcalloc(s->list.num, sizeof(*all.deeds)),
		.num = s->list.num,
	};

	s->all_known = true;
	for (size_t i = 0; i < s->list.num; i++) {
		all.which[i] = i;
		all.deeds[i] = s->list.faults[i].deed;
		s->all_known &= s->list.faults[i].known;
	}
	s->best = all;
}

static int load(struct shrink *s, struct err *err)
{
	int code = replay_log_load(s->options->log_path, REPLAY_FAIL, &s->log, err);

	if (code != 0) {
		return code;
	}
	log_warn_torn(s->log->log);
	fault_list_read(s->log->replay, &s->list);
	if (s->list.num == 0) {
		return err_set(err, ERR_INPUT, "%s has no faults", s->options->log_path);
	}
	if (s->list.num > DDMIN_ITEMS_MAX) {
		return err_set(err, ERR_LIMIT, "%s has more than %d faults",
			       s->options->log_path, DDMIN_ITEMS_MAX);
	}
	best_is_all(s);
	return open_out(s, err);
}

/* --- the phases --- */

/* The failure that the run was, if its result lies beside its log. */
static char *original_failure(const struct shrink *s)
{
	const char *path = s->options->log_path, *slash = strrchr(path, '/');
	struct text file = {0}, outcome = {0};
	char *wanted = NULL;

	text_format(&file, "%.*sresult.json", slash ? (int)(slash - path + 1) : 0, path);
	shrink_outcome_read(text_cstr(&file), false, &outcome);
	if (!shrink_outcome_passed(text_cstr(&outcome)) &&
	    !shrink_outcome_unresolved(text_cstr(&outcome))) {
		wanted = xstrdup(text_cstr(&outcome));
		say(s, "looking for the failure of %s: %s", text_cstr(&file), wanted);
	}
	text_done(&file);
	text_done(&outcome);
	return wanted;
}

/* Why the runs did not fail as wanted, if they have it in common. */
static void complain_never(const struct shrink *s, const struct shrink_counts *counts)
{
	struct interval i = wilson_interval(0, counts->runs, s->options->confidence);

	cli_complain("shrink",
		     "it did not fail%s%s in %ju replays with all %zu faults (%ju "
		     "unresolved; %.6g%%: at most %.0f%% of runs do)",
		     s->wanted ? " as " : "", s->wanted ? s->wanted : "",
		     (uintmax_t)counts->runs, s->list.num, (uintmax_t)counts->unresolved,
		     100 * s->options->confidence, 100 * i.high);
}

/* Where timing decides which units come, a replay of all faults may always lack some.
 * Those had no part in what it did, so it begins with the rest. */
static void leave_out_lost(struct shrink *s)
{
	struct shrink_set came = {0};
	size_t all = s->best.num;

	for (int round = 0; round < LEAVE_OUT_ROUNDS; round++) {
		if (!shrink_came(s, &s->best, &came)) {
			break;
		}
		shrink_set_copy(&came, &s->best);
	}
	if (s->best.num < all) {
		say(s,
		    "the units of %zu faults did not come in a replay: it begins "
		    "without them",
		    all - s->best.num);
	}
	shrink_set_done(&came);
}

/* All faults: how does it fail, and how often? False: it does not. */
static bool measure(struct shrink *s)
{
	struct shrink_set all = {0};
	struct shrink_counts counts;
	unsigned num = BASE_RUNS;

	s->wanted = original_failure(s);
	leave_out_lost(s);
	shrink_set_copy(&s->best, &all);
	for (;;) {
		counts = shrink_repeat(s, &all, num, false);
		if (!s->wanted) {
			s->wanted = shrink_frequent_failure(s, &all);
			counts = shrink_repeat(s, &all, num, false); /* from the cache */
		}
		if (s->stopped || counts.hits == num ||
		    num == (counts.hits ? BASE_RUNS_FLAKY : BASE_RUNS_NEVER) ||
		    num == BASE_RUNS_FLAKY) {
			break;
		}
		num = counts.hits ? BASE_RUNS_FLAKY : BASE_RUNS_NEVER;
	}
	shrink_set_done(&all);
	if (counts.hits == 0) {
		if (!s->stopped) {
			complain_never(s, &counts);
		}
		return false;
	}
	s->hits = counts.hits;
	s->runs = counts.runs;
	s->needed =
		wilson_repeats((double)s->hits / (double)s->runs, s->options->confidence);
	say_rate(s, "all faults", s->hits, s->runs);
	say(s, "the failure: %s", s->wanted);
	if (s->needed > 1) {
		say(s, "each try is repeated up to %u times", s->needed);
	}
	return true;
}

/* Without any fault it must not fail, or faults are not why. */
static bool fails_by_itself(struct shrink *s)
{
	struct shrink_set none = {0};
	struct shrink_counts counts = shrink_repeat(s, &none, s->needed, false);

	if (counts.hits > 0) {
		cli_complain("shrink", "it fails without any fault as well: %s",
			     s->wanted);
	}
	return counts.hits > 0;
}

static void pick_set(const struct shrink_set *from, const size_t *picked, size_t num,
		     struct shrink_set *out)
{
	shrink_set_done(out);
	out->which = xcalloc(num, sizeof(*out->which));
	out->deeds = xcalloc(num, sizeof(*out->deeds));
	out->num = num;
	for (size_t i = 0; i < num; i++) {
		out->which[i] = from->which[picked[i]];
		out->deeds[i] = from->deeds[picked[i]];
	}
}

/* One step of ddmin: what comes next, and with several jobs what may come then. */
static bool step(struct shrink *s, struct ddmin *dd, const struct shrink_set *all)
{
	static const enum ddmin_answer ANSWERS[] = {
		[SHRINK_PASS] = DDMIN_PASS,
		[SHRINK_FAIL] = DDMIN_FAIL,
		[SHRINK_UNRESOLVED] = DDMIN_UNRESOLVED,
	};
	struct shrink_set sets[POOL_JOBS_MAX] = {0};
	enum shrink_answer answers[POOL_JOBS_MAX];
	const size_t *picked;
	size_t num = 0, len;

	while (num < s->options->jobs && ddmin_ahead(dd, num, &picked, &len)) {
		pick_set(all, picked, len, &sets[num++]);
	}
	if (num > 0) {
		(void)shrink_try(s, sets, num, answers);
	}
	for (size_t i = 0; i < num; i++) {
		if (answers[i] != SHRINK_UNKNOWN) {
			ddmin_tell(dd, ANSWERS[answers[i]]);
		}
		shrink_set_done(&sets[i]);
		if (answers[i] == SHRINK_UNKNOWN || answers[i] == SHRINK_FAIL) {
			num = i + 1;
			for (size_t j = num; j < POOL_JOBS_MAX; j++) {
				shrink_set_done(&sets[j]);
			}
		}
	}
	return num > 0 && !s->stopped;
}

/* Fewer faults; the best is 1-minimal then, unless stopped. */
static void minimise(struct shrink *s)
{
	struct shrink_set all = {0};
	struct ddmin dd;
	size_t last = s->best.num;

	shrink_set_copy(&s->best, &all);
	ddmin_init(&dd, all.num);
	while (!s->stopped && step(s, &dd, &all)) {
		if (s->best.num < last || isatty(STDERR_FILENO)) {
			shrink_progress(s, "shrinking");
			last = s->best.num;
		}
	}
	ddmin_done(&dd);
	shrink_set_done(&all);
}

/* The best as rules, which needs neither log nor draws. False: it does not fail so. */
static bool write_as_rules(struct shrink *s)
{
	struct shrink_set set = {0};
	enum shrink_answer answer;
	struct text path = {0};
	struct err err;
	bool fails;

	s->all_known = true;
	for (size_t i = 0; i < s->best.num; i++) {
		s->all_known &= s->list.faults[s->best.which[i]].known;
	}
	if (!s->all_known) {
		say(s, "what was done is not all in the log: no rule file is written");
		return false;
	}
	shrink_write_best(s);
	text_format(&path, "%s/shrunk.ini", s->options->out_dir);
	if (s->err.code == 0 && shrink_rules_check(text_cstr(&path), &err) < 0) {
		say(s, "the faults don't fit into a rule file: %s", err.text);
		text_done(&path);
		return false;
	}
	text_done(&path);
	s->as_rules = true;
	shrink_set_copy(&s->best, &set);
	fails = shrink_try(s, &set, 1, &answer) == 0;
	shrink_set_done(&set);
	if (!fails && !s->stopped) {
		say(s, "as rules they do not fail so (what timing did in the log, only a "
		       "replay repeats)");
	}
	s->as_rules = fails;
	return fails;
}

/* The best again: still so often? True: as often as all. */
static bool verify(struct shrink *s)
{
	bool flaky = s->hits < s->runs;
	struct shrink_counts counts;

	if (s->stopped) {
		return false;
	}
	counts =
		shrink_repeat(s, &s->best, flaky ? VERIFY_RUNS_FLAKY : VERIFY_RUNS, true);
	if (counts.runs > 0) {
		say_rate(s, "what is left", counts.hits, counts.runs);
	}
	if (!flaky && counts.hits < counts.runs) {
		/* It was taken for one that always fails. */
		s->hits = counts.hits + BASE_RUNS;
		s->runs = counts.runs + BASE_RUNS;
		return false;
	}
	return counts.hits > 0;
}

/* --- the end --- */

static bool word_plain(const char *word)
{
	for (const char *c = word; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("_@%+=:,./-", *c)) {
			return false;
		}
	}
	return *word;
}

static void put_quoted(const char *word, struct text *out)
{
	if (word_plain(word)) {
		text_str(out, word);
		return;
	}
	text_byte(out, '\'');
	for (const char *c = word; *c; c++) {
		if (*c == '\'') {
			text_str(out, "'\\''");
		} else {
			text_byte(out, *c);
		}
	}
	text_byte(out, '\'');
}

static void put_again(const struct shrink *s, struct text *out)
{
	struct text path = {0};

	if (s->as_rules) {
		text_str(out, "turncoat run ");
		text_format(&path, "%s/shrunk.ini", s->options->out_dir);
		put_quoted(text_cstr(&path), out);
	} else {
		text_str(out, "turncoat replay ");
		put_quoted(s->options->log_path, out);
		text_str(out, " --only ");
		text_format(&path, "@%s/shrunk.faults", s->options->out_dir);
		put_quoted(text_cstr(&path), out);
	}
	text_done(&path);
	if (s->options->timeout) {
		text_format(out, " --timeout %s", s->options->timeout);
	}
	text_str(out, " --");
	for (char **word = s->options->command; *word; word++) {
		text_byte(out, ' ');
		put_quoted(*word, out);
	}
}

/* Results for people and scripts alike: standard output. */
static void report(struct shrink *s, bool minimal)
{
	struct text line = {0};

	text_format(&line, "%zu of %zu faults still fail (%s) after %ju runs, %.1f s%s\n",
		    s->best.num, s->list.num, s->wanted,
		    (uintmax_t)shrink_pool_runs(s->pool),
		    (double)(clock_monotonic_ns() - s->begin_ns) / 1e9,
		    minimal ? "; none of them can be left out" : "");
	for (size_t i = 0; i < s->best.num && i < FAULTS_SHOWN; i++) {
		text_format(&line, "  %s  ", s->list.faults[s->best.which[i]].id);
		deed_describe(&s->best.deeds[i], &line);
		text_byte(&line, '\n');
	}
	if (s->best.num > FAULTS_SHOWN) {
		text_format(&line, "  and %zu more, in %s/shrunk.faults\n",
			    s->best.num - FAULTS_SHOWN, s->options->out_dir);
	}
	text_str(&line, "again: ");
	put_again(s, &line);
	text_byte(&line, '\n');
	fputs(text_cstr(&line), stdout);
	fflush(stdout);
	text_done(&line);
}

static int run_phases(struct shrink *s)
{
	bool minimal;

	say(s, "shrinking the %zu faults of %s", s->list.num, s->options->log_path);
	if (!measure(s) || fails_by_itself(s)) {
		return EXIT_CMD_FAILED;
	}
	shrink_write_best(s);
	minimise(s);
	if (!s->stopped && write_as_rules(s)) {
		shrink_weaken(s);
	}
	if (!verify(s) && !s->stopped) {
		s->needed = wilson_repeats((double)s->hits / (double)s->runs,
					   s->options->confidence);
		say(s, "it fails only now and then: once more, each try up to %u times",
		    s->needed);
		minimise(s);
		if (s->as_rules) {
			shrink_weaken(s);
		}
		(void)verify(s);
	}
	minimal = !s->stopped;
	report(s, minimal);
	if (!minimal && s->err.code == 0) {
		cli_complain("shrink",
			     "%s before it was the minimum; the same command "
			     "goes on from here",
			     shrink_pool_interrupted(s->pool) ? "interrupted"
							      : "the budget ran out");
	}
	return minimal ? EXIT_PASSED : EXIT_CMD_FAILED;
}

int shrink(const struct shrink_options *options)
{
	struct shrink s = {
		.options = options,
		.begin_ns = clock_monotonic_ns(),
		.needed = 1,
	};
	int code = EXIT_USAGE;

	if (load(&s, &s.err) == 0) {
		code = run_phases(&s);
		if (s.err.code == 0) {
			(void)shrink_cache_failed(s.cache, &s.err);
		}
	}
	if (s.err.code) {
		code = cli_complain("shrink", "%s", s.err.text);
	}
	shrink_pool_free(s.pool);
	shrink_cache_close(s.cache);
	shrink_set_done(&s.best);
	fault_list_done(&s.list);
	replay_log_free(s.log);
	free(s.wanted);
	return code;
}
