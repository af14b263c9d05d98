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

bool ddmin_ahead(struct ddmin *dd, size_t n, const size_t **out, size_t *out_num)
{
	bool complement = dd->complements;
	size_t at = dd->tried;

	if (dd->done || n >= 2 * dd->parts) {
		return false;
	}
	at += n;
	if (!complement && at >= dd->parts && dd->parts > 2) {
		complement = true;
		at -= dd->parts;
	}
	if (at >= dd->parts) {
		return false; /* in the next round */
	}
	*out_num = put_subset(dd, complement, (dd->first + at) % dd->parts);
	*out = dd->out;
	return true;
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
}

static void next_round(struct ddmin *dd)
{
	if (dd->parts == dd->num) {
		dd->done = true;
		return;
	}
	cut_in_parts(dd, 2 * dd->parts < dd->num ? 2 * dd->parts : dd->num);
}

void ddmin_tell(struct ddmin *dd, enum ddmin_answer answer)
{
	size_t part = (dd->first + dd->tried) % dd->parts;

	assert(!dd->done);
	if (answer == DDMIN_FAIL) {
		if (!dd->complements) {
			reduce_to_part(dd, part);
			return;
		}
		reduce_by_part(dd, part);
	} else {
		dd->tried++;
	}
	/* Of two parts each is all but the other. */
	if (dd->complements ? dd->tried == dd->parts || dd->parts == 2
			    : dd->tried == dd->parts && dd->parts == 2) {
		next_round(dd);
	} else if (!dd->complements && dd->tried == dd->parts) {
		dd->complements = true;
		dd->tried = 0;
	}
}
