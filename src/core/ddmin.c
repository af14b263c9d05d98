#include "core/ddmin.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void cut_in_parts(struct ddmin *dd, size_t parts)
{
	dd->parts = parts;
	for (size_t i = 0; i <= parts; i++) {
		dd->starts[i] = i * dd->num / parts;
	}
	dd->complements = false;
	dd->first = 0;
	dd->tried = 0;
}

/* No single item is left to try without: none alone is the empty set, which passes. */
static void restart(struct ddmin *dd)
{
	dd->done = dd->num <= 1;
	if (!dd->done) {
		cut_in_parts(dd, 2);
	}
}

void ddmin_init(struct ddmin *dd, size_t num)
{
	assert(num >= 1 && num <= DDMIN_ITEMS_MAX);
	*dd = (struct ddmin){
		.set = xcalloc(num, sizeof(*dd->set)),
		.num = num,
		.total = num,
		.starts = xcalloc(num + 1, sizeof(*dd->starts)),
		.out = xcalloc(num, sizeof(*dd->out)),
	};
	for (size_t i = 0; i < num; i++) {
		dd->set[i] = i;
	}
	restart(dd);
}

void ddmin_done(struct ddmin *dd)
{
	for (size_t i = 0; i < dd->num_passed; i++) {
		free(dd->passed[i]);
	}
	free(dd->passed);
	free(dd->set);
	free(dd->starts);
	free(dd->out);
	*dd = (struct ddmin){0};
}

/* One part alone, or all but it. */
static size_t put_subset(struct ddmin *dd, bool complement, size_t part)
{
	size_t num = 0;

	for (size_t i = 0; i < dd->num; i++) {
		bool within = i >= dd->starts[part] && i < dd->starts[part + 1];

		if (within != complement) {
			dd->out[num++] = dd->set[i];
		}
	}
	return num;
}

/* --- what passed --- */

static void remember_passed(struct ddmin *dd, const size_t *items, size_t num)
{
	unsigned char *bits = xcalloc(dd->total / 8 + 1, 1);

	for (size_t i = 0; i < num; i++) {
		bits[items[i] / 8] |= (unsigned char)(1U << items[i] % 8);
	}
	if (dd->num_passed == dd->cap_passed) {
		dd->cap_passed = dd->cap_passed ? 2 * dd->cap_passed : 16;
		dd->passed = xrealloc(dd->passed, dd->cap_passed * sizeof(*dd->passed));
	}
	dd->passed[dd->num_passed++] = bits;
}

static bool is_within(const unsigned char *bits, const size_t *items, size_t num)
{
	for (size_t i = 0; i < num; i++) {
		if (!(bits[items[i] / 8] >> items[i] % 8 & 1)) {
			return false;
		}
	}
	return true;
}

static bool passes_surely(const struct ddmin *dd, const size_t *items, size_t num)
{
	for (size_t i = 0; !dd->last && i < dd->num_passed; i++) {
		if (is_within(dd->passed[i], items, num)) {
			return true;
		}
	}
	return false;
}

/* --- the rounds --- */

/* The subset at this place of the rest of the round; false: the round is over by then. */
static bool put_place(struct ddmin *dd, size_t place, size_t *out_num)
{
	bool complement = dd->complements;
	size_t at = dd->tried + place;

	if (!complement && at >= dd->parts && dd->parts > 2) {
		complement = true;
		at -= dd->parts;
	}
	if (at >= dd->parts) {
		return false;
	}
	*out_num = put_subset(dd, complement, (dd->first + at) % dd->parts);
	return true;
}

bool ddmin_ahead(struct ddmin *dd, size_t n, const size_t **out, size_t *out_num)
{
	size_t num;

	for (size_t place = 0; !dd->done && put_place(dd, place, &num); place++) {
		if (!passes_surely(dd, dd->out, num) && n-- == 0) {
			*out = dd->out;
			*out_num = num;
			return true;
		}
	}
	return false;
}

bool ddmin_next(struct ddmin *dd, const size_t **out, size_t *out_num)
{
	return ddmin_ahead(dd, 0, out, out_num);
}

/* Goes on with one part alone. */
static void reduce_to_part(struct ddmin *dd, size_t part)
{
	size_t from = dd->starts[part];

	dd->num = dd->starts[part + 1] - from;
	memmove(dd->set, dd->set + from, dd->num * sizeof(*dd->set));
	restart(dd);
}

/* Goes on without the part. The others stay as they are cut: alone they were tested. */
static void reduce_by_part(struct ddmin *dd, size_t part)
{
	size_t from = dd->starts[part], to = dd->starts[part + 1];

	memmove(dd->set + from, dd->set + to, (dd->num - to) * sizeof(*dd->set));
	dd->num -= to - from;
	for (size_t i = part; i < dd->parts; i++) {
		dd->starts[i] = dd->starts[i + 1] - (to - from);
	}
	dd->parts--;
	dd->first = part % dd->parts;
	dd->tried = 0;
	dd->done = dd->num <= 1;
}

static void next_round(struct ddmin *dd)
{
	if (dd->last) {
		dd->done = true;
	} else if (dd->parts == dd->num) {
		cut_in_parts(dd, dd->num);
		dd->last = true;
		dd->complements = true;
	} else {
		cut_in_parts(dd, 2 * dd->parts < dd->num ? 2 * dd->parts : dd->num);
	}
}

/* One that did not fail is behind us. */
static void go_on(struct ddmin *dd)
{
	/* Of two parts each is all but the other. */
	bool halves = dd->parts == 2 && !dd->last;

	if (dd->tried < dd->parts && !(halves && dd->complements)) {
		return;
	}
	if (dd->complements || halves) {
		next_round(dd);
	} else {
		dd->complements = true;
		dd->tried = 0;
	}
}

/* To the next one that needs a test. */
static void skip_sure_ones(struct ddmin *dd)
{
	size_t num;

	while (!dd->done && put_place(dd, 0, &num) && passes_surely(dd, dd->out, num)) {
		dd->tried++;
		go_on(dd);
	}
}

void ddmin_tell(struct ddmin *dd, enum ddmin_answer answer)
{
	size_t part = (dd->first + dd->tried) % dd->parts, num;
	bool there = !dd->done && put_place(dd, 0, &num);

	assert(there);
	switch (answer) {
	case DDMIN_FAIL:
		if (dd->complements) {
			reduce_by_part(dd, part);
		} else {
			reduce_to_part(dd, part);
		}
		break;
	case DDMIN_PASS:
		remember_passed(dd, dd->out, num);
		dd->tried++;
		break;
	case DDMIN_UNRESOLVED:
		dd->tried++;
		break;
	}
	if (!dd->done) {
		go_on(dd);
	}
	skip_sure_ones(dd);
}
