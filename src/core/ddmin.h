/* Delta debugging: which few of n items does it take to fail?
 *
 * The algorithm ddmin of Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input" (IEEE TSE 28(2), 2002), turned inside out: it hands out the
 * next subset to test and takes the answer, and so knows nothing of how one tests. What
 * was handed out before may come again; to remember answers is the caller's business.
 *
 * All items together fail and none of them passes: the caller has seen to both. The
 * result fails, and with any single item left out it does not (it is 1-minimal). Where
 * failing is monotone (more items never mend it) no subset of the result fails. An
 * unresolved test is no failure, so its subset is never taken.
 *
 * A set that is part of one that passed is taken to pass without a test, as it does where
 * failing is monotone. Whether it was is not left to faith: at the end each item is tried
 * without by a test of its own.
 *
 * It takes at most n*n + 4n tests, and about 2 log2(n) when one item alone fails. The
 * caller owns the struct; ddmin_done() frees what it holds.
 */
#ifndef CORE_DDMIN_H
#define CORE_DDMIN_H

#include <stdbool.h>
#include <stddef.h>

enum ddmin_answer {
	DDMIN_PASS,
	DDMIN_FAIL,	  /* as all items together do */
	DDMIN_UNRESOLVED, /* neither, or not to be known */
};

enum { DDMIN_ITEMS_MAX = 1 << 20 };

struct ddmin {
	size_t *set; /* fails: indices of items, ascending */
	size_t num;
	size_t *starts; /* of its parts; starts[parts] = num */
	size_t parts;
	/* Within a round each part is tested alone, then all but each one. */
	bool complements;
	size_t first; /* the part that the round began with */
	size_t tried; /* so many of this half of the round did not fail */
	bool last;    /* each item's own test, at the end */
	bool done;
	size_t total;		/* of ddmin_init() */
	unsigned char **passed; /* sets, as bits */
	size_t num_passed, cap_passed;
	size_t *out;
};

/* 1 <= num <= DDMIN_ITEMS_MAX. */
void ddmin_init(struct ddmin *dd, size_t num);
void ddmin_done(struct ddmin *dd);

/* The next subset to test: its indices, ascending, valid until the next call on dd. Asked
 * again before ddmin_tell(), it is the same. False: there is none, dd->set is the result.
 */
bool ddmin_next(struct ddmin *dd, const size_t **out, size_t *out_num);
/* The subset that comes as the n-th after the next one if none until then fails. False:
 * that is not known yet. */
bool ddmin_ahead(struct ddmin *dd, size_t n, const size_t **out, size_t *out_num);
/* How the one of ddmin_next() went. */
void ddmin_tell(struct ddmin *dd, enum ddmin_answer answer);

#endif
