/* One try after another, or several side by side, each as often as it takes. */
#include "app/shrink.h"

#include "app/log_common.h"
#include "app/shrink_outcome.h"
#include "codec/digest.h"
#include "io/clock.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- sets --- */

void shrink_set_copy(const struct shrink_set *from, struct shrink_set *to)
{
	struct shrink_set copy = {
		.which = xcalloc(from->num + 1, sizeof(*copy.which)),
		.deeds = xcalloc(from->num + 1, sizeof(*copy.deeds)),
		.num = from->num,
	};

	for (size_t i = 0; i < from->num; i++) {
		copy.which[i] = from->which[i];
		copy.deeds[i] = from->deeds[i];
	}
	shrink_set_done(to);
	*to = copy;
}

void shrink_set_done(struct shrink_set *set)
{
	free(set->which);
	free(set->deeds);
	*set = (struct shrink_set){0};
}

static void put_identities(const struct shrink *s, const struct shrink_set *set,
			   struct text *out)
{
	for (size_t i = 0; i < set->num; i++) {
		text_str(out, s->list.faults[set->which[i]].id);
		text_byte(out, '\n');
	}
}

static void put_rules(const struct shrink *s, const struct shrink_set *set,
		      struct text *out)
{
	struct text comment = {0};
	struct shrink_rules rules = {
		.files = json_object_get(logread_header(s->log->log), "files"),
		.seed = s->log->seed,
	};

	text_str(&comment, "Faults of ");
	text_safe(&comment, s->options->log_path);
	text_str(&comment, ", as turncoat shrink left them; no seed is needed.");
	rules.comment = text_cstr(&comment);
	shrink_rules_put(&rules, s->list.faults, set->which, set->deeds, set->num, out);
	text_done(&comment);
}

static void attempt_init(const struct shrink *s, const struct shrink_set *set,
			 struct attempt *out)
{
	*out = (struct attempt){.num_faults = set->num};
	if (s->as_rules) {
		out->kind = ATTEMPT_RULES;
		put_rules(s, set, &out->text);
	} else {
		out->kind = ATTEMPT_ONLY;
		put_identities(s, set, &out->text);
	}
	out->key = digest_of(span_of(out->text.data, out->text.len)) + out->kind;
}

/* --- the best so far --- */

static void write_file(struct shrink *s, const char *name, const struct text *text)
{
	struct text path = {0};

	text_format(&path, "%s/%s", s->options->out_dir, name);
	if (s->err.code == 0) {
		(void)file_write(text_cstr(&path), span_of(text->data, text->len),
				 &s->err);
	}
	text_done(&path);
}

void shrink_write_best(struct shrink *s)
{
	struct text text = {0};

	put_identities(s, &s->best, &text);
	write_file(s, "shrunk.faults", &text);
	text_clear(&text);
	if (s->all_known) {
		put_rules(s, &s->best, &text);
		write_file(s, "shrunk.ini", &text);
	}
	text_done(&text);
}

static void keep(struct shrink *s, const struct shrink_pool_result *result)
{
	struct text log = {0}, output = {0};

	text_format(&log, "%s/shrunk.jsonl", s->options->out_dir);
	text_format(&output, "%s/output.txt", s->options->out_dir);
	shrink_pool_keep(result, text_cstr(&log), text_cstr(&output));
	text_done(&log);
	text_done(&output);
}

void shrink_progress(struct shrink *s, const char *doing)
{
	bool terminal = isatty(STDERR_FILENO);

	if (s->options->quiet) {
		return;
	}
	fprintf(stderr, "%sturncoat: %s; %zu of %zu faults left; %ju runs, %.0f s%s",
		terminal ? "\r\033[K" : "", doing, s->best.num, s->list.num,
		(uintmax_t)shrink_pool_runs(s->pool),
		(double)(clock_monotonic_ns() - s->begin_ns) / 1e9, terminal ? "" : "\n");
}

/* --- counting --- */

static enum shrink_answer answer_of(const struct shrink *s, const char *outcome)
{
	if (shrink_outcome_passed(outcome)) {
		return SHRINK_PASS;
	}
	return s->wanted && strcmp(outcome, s->wanted) == 0 ? SHRINK_FAIL
							    : SHRINK_UNRESOLVED;
}

struct tally {
	uint64_t by_answer[SHRINK_UNKNOWN];
};

static struct tally tally_of(const struct shrink *s, uint64_t key)
{
	struct tally tally = {0};
	const char *outcome;

	for (size_t n = 0; (outcome = shrink_cache_get(s->cache, key, n)); n++) {
		tally.by_answer[answer_of(s, outcome)]++;
	}
	return tally;
}

static enum shrink_answer answer_by(const struct shrink *s, const struct tally *tally)
{
	if (tally->by_answer[SHRINK_FAIL] > 0) {
		return SHRINK_FAIL;
	}
	if (tally->by_answer[SHRINK_PASS] >= s->needed) {
		return SHRINK_PASS;
	}
	return tally->by_answer[SHRINK_UNRESOLVED] >= s->needed ? SHRINK_UNRESOLVED
								: SHRINK_UNKNOWN;
}

static bool over_budget(const struct shrink *s)
{
	return shrink_pool_runs(s->pool) >= s->options->max_runs ||
	       clock_monotonic_ns() - s->begin_ns >= s->options->max_ns;
}

static bool start(struct shrink *s, const struct attempt *attempt, size_t which)
{
	if (s->err.code || over_budget(s)) {
		return false;
	}
	return shrink_pool_start(s->pool, attempt, which, &s->err) == 0;
}

/* --- several sets, one of which fails --- */

struct tries {
	struct attempt *attempts;
	struct shrink_pool_result
		*kept; /* of the first failure of each; dir "" when none */
	enum shrink_answer *answers;
	size_t num;
};

/* How far it is known; num, or the first that fails. */
static size_t first_open(struct shrink *s, struct tries *t, bool *out_fails)
{
	*out_fails = false;
	for (size_t i = 0; i < t->num; i++) {
		struct tally tally = tally_of(s, t->attempts[i].key);

		t->answers[i] = answer_by(s, &tally);
		*out_fails = t->answers[i] == SHRINK_FAIL;
		if (*out_fails || t->answers[i] == SHRINK_UNKNOWN) {
			return i;
		}
	}
	return t->num;
}

/* The first that may need one more run than there are under way. */
static bool needs_run(struct shrink *s, const struct tries *t, size_t from, size_t *out)
{
	for (size_t i = from; i < t->num; i++) {
		struct tally tally = tally_of(s, t->attempts[i].key);
		enum shrink_answer answer = answer_by(s, &tally);

		if (answer == SHRINK_FAIL) {
			return false; /* those behind it do not count */
		}
		if (answer == SHRINK_UNKNOWN &&
		    tally.by_answer[SHRINK_PASS] + shrink_pool_running(s->pool, i) <
			    s->needed) {
			*out = i;
			return true;
		}
	}
	return false;
}

static void take(struct shrink *s, struct tries *t,
		 const struct shrink_pool_result *result)
{
	const struct attempt *attempt = &t->attempts[result->which];
	struct shrink_pool_result *kept = &t->kept[result->which];

	shrink_cache_add(s->cache, attempt->key, attempt->num_faults, result->outcome);
	if (answer_of(s, result->outcome) == SHRINK_FAIL && !kept->dir[0]) {
		*kept = *result;
	} else {
		shrink_pool_remove(result);
	}
}

static size_t play(struct shrink *s, struct tries *t)
{
	bool fails;

	for (;;) {
		size_t at = first_open(s, t, &fails), which;
		struct shrink_pool_result result;

		if (at == t->num || fails) {
			return at;
		}
		while (!shrink_pool_full(s->pool) && needs_run(s, t, at, &which) &&
		       start(s, &t->attempts[which], which)) {
		}
		if (!shrink_pool_wait(s->pool, &result)) {
			s->stopped = true;
			return t->num;
		}
		take(s, t, &result);
	}
}

size_t shrink_try(struct shrink *s, const struct shrink_set *sets, size_t num,
		  enum shrink_answer *out_answers)
{
	struct tries t = {
		.attempts = xcalloc(num, sizeof(*t.attempts)),
		.kept = xcalloc(num, sizeof(*t.kept)),
		.answers = out_answers,
		.num = num,
	};
	size_t winner = num;

	for (size_t i = 0; i < num; i++) {
		out_answers[i] = SHRINK_UNKNOWN;
		attempt_init(s, &sets[i], &t.attempts[i]);
	}
	if (!s->stopped) {
		winner = play(s, &t);
		shrink_pool_cancel(s->pool);
	}
	for (size_t i = 0; i < num; i++) {
		if (t.kept[i].dir[0] && i == winner) {
			keep(s, &t.kept[i]);
		} else if (t.kept[i].dir[0]) {
			shrink_pool_remove(&t.kept[i]);
		}
		text_done(&t.attempts[i].text);
	}
	if (winner < num) {
		shrink_set_copy(&sets[winner], &s->best);
		shrink_write_best(s);
	}
	free(t.attempts);
	free(t.kept);
	return winner;
}

/* --- one set, again and again --- */

static void count(struct shrink *s, const char *outcome, struct shrink_counts *counts)
{
	counts->runs++;
	switch (answer_of(s, outcome)) {
	case SHRINK_FAIL:
		counts->hits++;
		break;
	case SHRINK_UNRESOLVED:
		counts->unresolved++;
		break;
	case SHRINK_PASS:
	case SHRINK_UNKNOWN:
		break;
	}
}

struct shrink_counts shrink_repeat(struct shrink *s, const struct shrink_set *set,
				   unsigned num, bool fresh)
{
	struct shrink_counts counts = {0};
	struct shrink_pool_result result;
	struct attempt attempt;
	const char *outcome;

	attempt_init(s, set, &attempt);
	for (size_t n = 0; !fresh && n < num; n++) {
		outcome = shrink_cache_get(s->cache, attempt.key, n);
		if (!outcome) {
			break;
		}
		count(s, outcome, &counts);
	}
	while (counts.runs < num && !s->stopped) {
		while (!shrink_pool_full(s->pool) &&
		       counts.runs + shrink_pool_running(s->pool, 0) < num &&
		       start(s, &attempt, 0)) {
		}
		if (!shrink_pool_wait(s->pool, &result)) {
			s->stopped = true;
			break;
		}
		shrink_cache_add(s->cache, attempt.key, attempt.num_faults,
				 result.outcome);
		count(s, result.outcome, &counts);
		if (answer_of(s, result.outcome) == SHRINK_FAIL) {
			keep(s, &result);
		} else {
			shrink_pool_remove(&result);
		}
	}
	shrink_pool_cancel(s->pool);
	text_done(&attempt.text);
	return counts;
}

/* Which of the set's faults the log of a child has. */
static void pick_came(const struct shrink *s, const struct shrink_set *set,
		      const char *dir, struct shrink_set *out)
{
	struct text path = {0};
	struct replay_log *log = NULL;

	text_format(&path, "%s/run.jsonl", dir);
	shrink_set_copy(set, out);
	out->num = 0;
	if (replay_log_load(text_cstr(&path), REPLAY_FAIL, &log, NULL) != 0) {
		log = NULL;
	}
	for (size_t i = 0; log && i < set->num; i++) {
		const struct fault *fault = &s->list.faults[set->which[i]];
		const struct replay_lane *lane =
			replay_lane_find(log->replay, fault->lane);
		const struct replay_unit *unit =
			lane ? replay_unit_find(&lane->sides[fault->side], fault->class,
						fault->k)
			     : NULL;

		if (unit && unit->faulty) {
			out->which[out->num] = set->which[i];
			out->deeds[out->num++] = set->deeds[i];
		}
	}
	replay_log_free(log);
	text_done(&path);
}

bool shrink_came(struct shrink *s, const struct shrink_set *set, struct shrink_set *out)
{
	struct shrink_pool_result result;
	struct attempt attempt;
	const char *known;
	bool open = false;

	attempt_init(s, set, &attempt);
	known = shrink_cache_get(s->cache, attempt.key, 0);
	if ((!known || shrink_outcome_unresolved(known)) && start(s, &attempt, 0) &&
	    shrink_pool_wait(s->pool, &result)) {
		shrink_cache_add(s->cache, attempt.key, attempt.num_faults,
				 result.outcome);
		open = shrink_outcome_unresolved(result.outcome);
		if (open) {
			pick_came(s, set, result.dir, out);
			open = out->num > 0 && out->num < set->num;
		}
		shrink_pool_remove(&result);
	}
	text_done(&attempt.text);
	return open;
}

char *shrink_frequent_failure(const struct shrink *s, const struct shrink_set *set)
{
	const char *best = NULL, *outcome;
	struct attempt attempt;
	size_t most = 0;

	attempt_init(s, set, &attempt);
	for (size_t n = 0; (outcome = shrink_cache_get(s->cache, attempt.key, n)); n++) {
		const char *other;
		size_t num = 0;

		if (shrink_outcome_passed(outcome) ||
		    shrink_outcome_unresolved(outcome)) {
			continue;
		}
		for (size_t m = 0; (other = shrink_cache_get(s->cache, attempt.key, m));
		     m++) {
			num += strcmp(other, outcome) == 0;
		}
		if (num > most) {
			most = num;
			best = outcome;
		}
	}
	text_done(&attempt.text);
	return best ? xstrdup(best) : NULL;
}
