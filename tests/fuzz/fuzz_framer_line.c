/* The line framer: however the bytes are segmented, units and classes are the same (P2).
 *
 * Input: a byte for the seed of the segments, a byte for max (0: the default), then the
 * stream.
 */
#include "framer_segments.h"

enum { STREAM_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct framer framer;
	const char *text;
	struct cuts cuts;

	if (size < 2) {
		return 0;
	}
	text = data[1] ? arena_format(&arena, "line max=%u", data[1]) : "line";
	framer_require(framer_parse(&framer, text, &arena, NULL) == 0,
		       "the options are valid");
	cuts = framer_check_segments(&framer,
				     span_sub(span_of(data, size), 2, STREAM_MAX),
				     data[0]);
	for (size_t i = 0; i < cuts.num; i++) {
		framer_require(data[2 + cuts.cuts[i].end - 1] == '\n',
			       "a line ends in LF");
	}
	framer_cuts_done(&cuts);
	framer_release(&framer);
	arena_done(&arena);
	return 0;
}
