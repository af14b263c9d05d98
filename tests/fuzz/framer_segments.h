/* Cuts one stream by a framer as if it had come in segments, and remembers what was cut.
 * By promise P2 two ways of segmenting give the same cuts. For fuzzers and unit tests.
 *
 * Every front that the framer sees, and every unit it is asked to name, lies flush
 * against the end of a heap block, so that a sanitizer notices the first byte read behind
 * it.
 */
#ifndef FUZZ_FRAMER_SEGMENTS_H
#define FUZZ_FRAMER_SEGMENTS_H

#include "codec/framer.h"

#include <stdio.h>
#include <stdlib.h>

struct cut {
	size_t end; /* in the stream */
	char class[33];
};

struct cuts {
	struct cut *cuts; /* framer_cuts_done() frees them */
	size_t num, cap;
	enum frame_result last; /* FRAME_MORE: the stream ended; FRAME_BAD */
};

/* What a framer must never do: the program ends. */
static inline void framer_require(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "framer: %s\n", what);
		abort();
	}
}

static inline uint8_t *framer_flush_copy(struct span span)
{
	uint8_t *copy = malloc(span.len ? span.len : 1);

	framer_require(copy != NULL, "no memory");
	if (span.len > 0) {
		memcpy(copy, span.data, span.len);
	}
	return copy;
}

static inline void framer_cuts_done(struct cuts *cuts)
{
	free(cuts->cuts);
	*cuts = (struct cuts){0};
}

static inline void framer_add_cut(struct cuts *cuts, const struct framer *framer,
				  struct span unit, size_t end)
{
	char scratch[64];
	uint8_t *copy = framer_flush_copy(unit);
	struct span class =
		framer->row->class_of(framer, span_of(copy, unit.len), scratch);
	struct cut cut = {.end = end};

	framer_require(class.len >= 1 && class.len <= 32, "a class has 1 to 32 bytes");
	for (size_t i = 0; i < class.len; i++) {
		framer_require(
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789_.-",
			       class.data[i]) &&
				class.data[i],
			"a class is of [A-Za-z0-9_.-]");
	}
	memcpy(cut.class, class.data, class.len);
	free(copy);
	if (cuts->num == cuts->cap) {
		cuts->cap = 2 * cuts->cap + 16;
		cuts->cuts = realloc(cuts->cuts, cuts->cap * sizeof(*cuts->cuts));
		framer_require(cuts->cuts != NULL, "no memory");
	}
	cuts->cuts[cuts->num++] = cut;
}

/* Cuts stream[*at..arrived) as far as it goes; returns the last answer. */
static inline enum frame_result framer_cut_arrived(struct cuts *cuts,
						   const struct framer *framer,
						   struct frame_state *state,
						   struct span stream, size_t arrived,
						   size_t *at)
{
	for (;;) {
		struct span front = span_sub(stream, *at, arrived - *at);
		uint8_t *copy = framer_flush_copy(front);
		size_t len = 0;
		enum frame_result result =
			framer->row->cut(framer, state, span_of(copy, front.len), &len);

		free(copy);
		switch (result) {
		case FRAME_UNIT:
			framer_require(len >= 1 && len <= front.len,
				       "a unit lies in its front");
			framer_require(len <= framer->max_bytes,
				       "a unit is at most max long");
			framer_add_cut(cuts, framer, span_sub(front, 0, len), *at + len);
			*at += len;
			break;
		case FRAME_MORE:
			framer_require(len == 0 || len > front.len, "more needs more");
			return result;
		case FRAME_BAD:
			return result;
		}
	}
}

static inline uint32_t framer_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* longest 0: all bytes come at once; else segments of 1..longest bytes, drawn from seed.
 */
static inline struct cuts framer_cut_segments(const struct framer *framer,
					      struct span stream, size_t longest,
					      uint64_t seed)
{
	struct frame_state state = {0};
	struct cuts cuts = {.last = FRAME_MORE};
	size_t at = 0, arrived = 0;

	while (arrived < stream.len && cuts.last != FRAME_BAD) {
		size_t segment = stream.len;

		if (longest > 0) {
			segment = 1 + framer_random(&seed) % longest;
		}
		arrived += segment < stream.len - arrived ? segment
							  : stream.len - arrived;
		cuts.last =
			framer_cut_arrived(&cuts, framer, &state, stream, arrived, &at);
	}
	return cuts;
}

static inline bool framer_cuts_equal(const struct cuts *a, const struct cuts *b)
{
	if (a->num != b->num || a->last != b->last) {
		return false;
	}
	for (size_t i = 0; i < a->num; i++) {
		if (a->cuts[i].end != b->cuts[i].end ||
		    strcmp(a->cuts[i].class, b->cuts[i].class) != 0) {
			return false;
		}
	}
	return true;
}

/* P2 for one stream: at once, byte by byte, and in random segments. Returns the cuts. */
static inline struct cuts framer_check_segments(const struct framer *framer,
						struct span stream, uint64_t seed)
{
	static const size_t LONGEST[] = {1, 3, 17, 200};
	struct cuts whole = framer_cut_segments(framer, stream, 0, 0);

	for (size_t i = 0; i < sizeof(LONGEST) / sizeof(LONGEST[0]); i++) {
		struct cuts cuts =
			framer_cut_segments(framer, stream, LONGEST[i], seed + i);

		framer_require(framer_cuts_equal(&whole, &cuts),
			       "segmentation changed the cuts");
		framer_cuts_done(&cuts);
	}
	return whole;
}

#endif
