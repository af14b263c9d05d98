/* The length framer: however the bytes are segmented, units and classes are the same
 * (P2); and a length that it mends is the length that it reads.
 *
 * Input: seed of the segments, at, choices (size, endian, class size), adjust as a signed
 * byte
 * (-128: the default), max in units of 8 bytes (0: the default), class-at (255: none), a
 * byte for a new length; then the stream.
 */
#include "framer_segments.h"

enum { STREAM_MAX = 4096, HEAD_BYTES = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *options_text(const uint8_t *data, struct arena *arena)
{
	static const unsigned SIZES[] = {1, 2, 3, 4, 8}, CLASS_SIZES[] = {1, 2, 4};
	const char *text = arena_format(arena, "length at=%u size=%u endian=%s",
					data[1] % 32, SIZES[data[2] % 5],
					data[2] & 0x80 ? "little" : "big");
	int adjust = (int8_t)data[3];

	if (adjust != -128) {
		text = arena_format(arena, "%s adjust=%d", text, adjust);
	}
	if (data[4] != 0) {
		text = arena_format(arena, "%s max=%u", text, data[4] * 8);
	}
	if (data[5] != 255) {
		text = arena_format(arena, "%s class-at=%u class-size=%u", text,
				    data[5] % 64, CLASS_SIZES[data[2] / 5 % 3]);
	}
	return text;
}

/* Gives a unit another length by fix_length; the framer must then cut just that. */
static void check_fix(const struct framer *framer, struct span unit, size_t new_len)
{
	struct frame_state state = {0};
	uint8_t *changed = calloc(1, new_len ? new_len : 1);
	size_t len = 0;

	framer_require(changed != NULL, "no memory");
	memcpy(changed, unit.data, unit.len < new_len ? unit.len : new_len);
	if (framer->row->fix_length(framer, changed, new_len)) {
		enum frame_result result =
			framer->row->cut(framer, &state, span_of(changed, new_len), &len);

		if (new_len <= framer->max_bytes) {
			framer_require(result == FRAME_UNIT && len == new_len,
				       "mended length");
		} else {
			framer_require(result == FRAME_BAD, "mended, but above max");
		}
	}
	free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct framer framer;
	struct span stream;
	struct cuts cuts;

	if (size < HEAD_BYTES) {
		return 0;
	}
	if (framer_parse(&framer, options_text(data, &arena), &arena, NULL) != 0) {
		arena_done(&arena); /* max is less than the head */
		return 0;
	}
	stream = span_sub(span_of(data, size), HEAD_BYTES, STREAM_MAX);
	cuts = framer_check_segments(&framer, stream, data[0]);
	for (size_t i = 0, from = 0; i < cuts.num; from = cuts.cuts[i++].end) {
		check_fix(&framer, span_sub(stream, from, cuts.cuts[i].end - from),
			  data[6]);
	}
	framer_cuts_done(&cuts);
	framer_release(&framer);
	arena_done(&arena);
	return 0;
}
