#include "base/nearest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST_NAME_MAX = 64 };

/* Optimal string alignment: insert, delete, replace, swap of neighbours, each for 1. */
static unsigned name_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NEAREST_NAME_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *here = rows[2];

	for (size_t j = 0; j <= b_len; j++) {
		above[j] = (unsigned)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		here[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);
			unsigned best = above[j - 1] + (x != y);

			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = here[j - 1] + 1 < best ? here[j - 1] + 1 : best;
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]) &&
			    before[j - 2] + 1 < best) {
				best = before[j - 2] + 1;
			}
			here[j] = best;
		}
		before = above;
		above = here;
		here = spare;
	}
	return above[b_len];
}

const char *nearest_name(const char *wrong, const char *const *names)
{
	size_t len = strlen(wrong);
	/* One more than may be; and a name of which nothing is left is not near. */
	unsigned best = (unsigned)(len < 2 ? len : (len + 2) / 3 + 1);
	const char *nearest = NULL;

	if (len == 0 || len > NEAREST_NAME_MAX) {
		return NULL;
	}
	for (; *names; names++) {
		size_t name_len = strlen(*names);

		if (name_len && name_len <= NEAREST_NAME_MAX) {
			unsigned distance = name_distance(wrong, len, *names, name_len);

			if (distance < best) {
				best = distance;
				nearest = *names;
			}
		}
	}
	return nearest;
}
