/* Framers cut a lane side's byte stream into units and name each unit's class.
 *
 * One row each in FRAMER_ROWS. A framer owns no socket and no buffer: it is shown the
 * bytes at the front of the stream that are not yet cut, and says how long the first unit
 * is. Its answer is a function of those bytes alone, never of how reads fell (P2): for
 * any prefix it must say MORE until the answer is certain, and then always the same.
 *
 * `raw` is not cut here: the plane counts cells, and the row's `cut` is NULL. It is a row
 * so that it is named and documented like the others.
 *
 * A framer's option values and what `prepared` points to live in the arena given to
 * framer_parse(), unless the row has a `release`.
 */
#ifndef CODEC_FRAMER_H
#define CODEC_FRAMER_H

#include "base/optrow.h"
#include "base/span.h"

enum frame_result {
	FRAME_UNIT, /* *out_len bytes are one unit; 1 <= *out_len <= max */
	FRAME_MORE, /* can't tell yet; *out_len, when not 0, is how many bytes are needed
		       at least */
	FRAME_BAD, /* not this protocol, or longer than max: the side goes on as raw cells
		    */
};

enum { FRAMER_OPTIONS_MAX = 12 };

struct framer {
	const struct framer_row *row;
	struct optval vals[FRAMER_OPTIONS_MAX]; /* as row->options */
	size_t max_bytes;			/* longest unit */
	void *prepared;
};

/* What a framer may remember along one lane side between units (e.g. "in the body").
 * Zeroed at the start. Also `scanned`: bytes at the front already searched in vain; the
 * framer sets it and zeroes it with each FRAME_UNIT or FRAME_BAD, so whoever takes bytes
 * off the front without such an answer must zero it. */
struct frame_state {
	size_t scanned;
	uint64_t words[2]; /* the framer's own */
};

struct framer_row {
	const char *name;
	const char *help;
	const struct optrow *options; /* fewer than FRAMER_OPTIONS_MAX */
	/* Checks the options against each other; sets max_bytes and `prepared`. */
	int (*prepare)(struct framer *framer, struct arena *arena, struct err *err);
	void (*release)(struct framer *framer);
	/* NULL for raw only. `front` is the stream from the end of the last unit on; from
	 * call to call it grows at its end, and shrinks only by units cut. */
	enum frame_result (*cut)(const struct framer *framer, struct frame_state *state,
				 struct span front, size_t *out_len);
	/* The unit's class, 1..32 bytes; may point into `unit` or into *scratch (64
	 * bytes). */
	struct span (*class_of)(const struct framer *framer, struct span unit,
				char *scratch);
	/* Mends length fields inside `unit` (in place) after an edit changed its length
	 * to unit_len. False: the field can't hold the length, or the unit has become too
	 * short to have one; nothing was written then. NULL: the protocol has no length
	 * field. */
	bool (*fix_length)(const struct framer *framer, uint8_t *unit, size_t unit_len);
};

extern const struct framer_row *const FRAMER_ROWS[]; /* ends with NULL */
extern const struct framer_row FRAMER_RAW, FRAMER_LINE, FRAMER_LENGTH;

/* "raw cell=64KiB", "line", "length at=0 size=4": errors name the nearest framer. On
 * success the caller ends *out by framer_release(). */
int framer_parse(struct framer *out, const char *text, struct arena *arena,
		 struct err *err);
void framer_release(struct framer *framer);
/* NULL: the framer has no option of that name. */
const struct optval *framer_opt(const struct framer *framer, const char *name);
bool framer_is_raw(const struct framer *framer);
/* The cell size, also for framers other than raw: what a side falls back to. */
size_t framer_cell_bytes(const struct framer *framer);

#endif
