/* Each fault weaker, as long as it still fails: parts of what it does left out, fewer
 * changed bytes, shorter delays, fewer copies, smaller gaps, a delay instead of a loss.
 *
 * Deeds are values: a weaker one is a copy whose changes, where they differ, live in the
 * list's arena.
 */
#include "app/shrink.h"

#include "core/ddmin.h"

#include <stdlib.h>

#define MS_NS INT64_C(1000000)
#define DELAY_FOR_DROP_NS (INT64_C(1000) * MS_NS)

/* Does it still fail with this deed of the best's i-th fault? Then that is the best. */
static bool try_deed(struct shrink *s, size_t i, const struct deed *deed)
{
	struct shrink_set set = {0};
	enum shrink_answer answer;
	bool fails;

	if (s->stopped) {
		return false;
	}
	shrink_set_copy(&s->best, &set);
	set.deeds[i] = *deed;
	fails = shrink_try(s, &set, 1, &answer) == 0;
	shrink_set_done(&set);
	if (fails) {
		shrink_progress(s, "weakening");
	}
	return fails;
}

static bool does_something(const struct deed *deed)
{
	return deed->num_changes || deed->delay_ns || deed->reorder_gap || deed->copies ||
	       deed->verdict != VERDICT_PASS;
}

/* --- whole parts --- */

static void without_changes(struct deed *deed)
{
	deed->num_changes = 0;
}

static void without_delay(struct deed *deed)
{
	deed->delay_ns = 0;
}

static void without_reorder(struct deed *deed)
{
	deed->reorder_gap = 0;
}

static void without_copies(struct deed *deed)
{
	deed->copies = 0;
}

static void without_end(struct deed *deed)
{
	deed->verdict = VERDICT_PASS;
}

static void delayed_not_lost(struct deed *deed)
{
	if (deed->verdict == VERDICT_DROP && deed->delay_ns < DELAY_FOR_DROP_NS) {
		deed->verdict = VERDICT_PASS;
		deed->delay_ns = DELAY_FOR_DROP_NS;
	}
}

static bool same_deed(const struct deed *a, const struct deed *b)
{
	return a->num_changes == b->num_changes && a->delay_ns == b->delay_ns &&
	       a->reorder_gap == b->reorder_gap && a->copies == b->copies &&
	       a->verdict == b->verdict;
}

static void try_without_parts(struct shrink *s, size_t i)
{
	static void (*const WEAKER[])(struct deed *) = {
		without_changes, without_delay, without_reorder,
		without_copies,	 without_end,	delayed_not_lost,
	};

	for (size_t w = 0; w < sizeof(WEAKER) / sizeof(WEAKER[0]); w++) {
		struct deed deed = s->best.deeds[i];

		WEAKER[w](&deed);
		if (!same_deed(&deed, &s->best.deeds[i]) && does_something(&deed)) {
			(void)try_deed(s, i, &deed);
		}
	}
}

/* --- numbers --- */

/* Half, in whole milliseconds as long as there are some, so that it reads well. */
static int64_t half_of_ns(int64_t ns)
{
	ns /= 2;
	return ns > MS_NS ? ns / MS_NS * MS_NS : ns;
}

static void try_shorter(struct shrink *s, size_t i)
{
	struct deed deed = s->best.deeds[i];

	while (deed.delay_ns >= MS_NS) {
		deed.delay_ns = half_of_ns(deed.delay_ns);
		if (!try_deed(s, i, &deed)) {
			break;
		}
	}
}

enum number { NUMBER_COPIES, NUMBER_COPIES_GAP, NUMBER_GAP, NUM_NUMBER };

static uint64_t *number_of(struct deed *deed, enum number which)
{
	switch (which) {
	case NUMBER_COPIES:
		return &deed->copies;
	case NUMBER_COPIES_GAP:
		return &deed->copies_gap;
	case NUMBER_GAP:
	case NUM_NUMBER:
		break;
	}
	return &deed->reorder_gap;
}

static void try_fewer(struct shrink *s, size_t i, enum number which)
{
	uint64_t least = which == NUMBER_COPIES_GAP ? 0 : 1;
	struct deed deed = s->best.deeds[i];
	uint64_t *number = number_of(&deed, which);

	while (*number > least) {
		*number = *number / 2 > least ? *number / 2 : least;
		if (!try_deed(s, i, &deed)) {
			break;
		}
	}
}

/* --- bytes --- */

static void pick_changes(struct shrink *s, const struct deed *from, const size_t *picked,
			 size_t num, struct deed *out)
{
	*out = *from;
	out->num_changes = num;
	out->changes = arena_take_array(&s->list.arena, num, sizeof(*out->changes));
	for (size_t i = 0; i < num; i++) {
		out->changes[i] = from->changes[picked[i]];
	}
}

static void try_fewer_changes(struct shrink *s, size_t i)
{
	struct deed all = s->best.deeds[i];
	const size_t *picked;
	struct ddmin dd;
	size_t num;

	if (all.num_changes < 2) {
		return;
	}
	ddmin_init(&dd, all.num_changes);
	while (!s->stopped && ddmin_next(&dd, &picked, &num)) {
		struct deed deed;

		pick_changes(s, &all, picked, num, &deed);
		ddmin_tell(&dd, try_deed(s, i, &deed) ? DDMIN_FAIL : DDMIN_PASS);
	}
	ddmin_done(&dd);
}

/* Of bytes put in, the front half; of bytes taken out, as well. */
static bool halve_change(struct change *change, bool added)
{
	struct span *span = added ? &change->new : &change->old;
	size_t other = added ? change->old.len : change->new.len;

	if (span->len == 0 || (span->len == 1 && other == 0) ||
	    change->old.len == change->new.len) {
		return false;
	}
	span->len /= 2;
	return true;
}

static void try_shorter_changes(struct shrink *s, size_t i)
{
	for (size_t c = 0; c < s->best.deeds[i].num_changes; c++) {
		for (int added = 0; added <= 1; added++) {
			for (bool fails = true; fails && !s->stopped;) {
				struct deed deed = s->best.deeds[i];

				deed.changes = arena_take_array(&s->list.arena,
								deed.num_changes,
								sizeof(*deed.changes));
				memcpy(deed.changes, s->best.deeds[i].changes,
				       deed.num_changes * sizeof(*deed.changes));
				fails = halve_change(&deed.changes[c], added) &&
					try_deed(s, i, &deed);
			}
		}
	}
}

void shrink_weaken(struct shrink *s)
{
	for (size_t i = 0; i < s->best.num && !s->stopped; i++) {
		try_without_parts(s, i);
		try_fewer_changes(s, i);
		try_shorter_changes(s, i);
		try_shorter(s, i);
		for (int number = 0; number < NUM_NUMBER; number++) {
			try_fewer(s, i, (enum number)number);
		}
	}
}
