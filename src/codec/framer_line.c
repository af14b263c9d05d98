/* line: text protocols. A unit is the bytes up to and including '\n'; a '\r' in front of
 * it is part of the unit. Its class is the line's first word, from its very first byte to
 * a space, tab, '\r' or '\n', if that is 1..32 of [A-Za-z0-9_.-], else "line".
 */
#include "codec/framer.h"

enum { OPTION_MAX };
enum { WORD_MAX = 32 }; /* a class name's bytes */

static const struct optrow OPTIONS[] = {
	[OPTION_MAX] = {.name = "max",
			.type = OPT_SIZE,
			.min = 1,
			.max = 16 << 20,
			.fallback = "64KiB",
			.help = "the longest line, its end included; a longer one is not "
				"a line"},
	{0},
};

static int line_prepare(struct framer *framer, struct arena *arena, struct err *err)
{
	(void)arena;
	(void)err;
	framer->max_bytes = (size_t)framer->vals[OPTION_MAX].num;
	return 0;
}

static enum frame_result line_cut(const struct framer *framer, struct frame_state *state,
				  struct span front, size_t *out_len)
{
	/* Only the first max bytes count, so that a late '\n' is as bad as none yet. */
	struct span window = span_sub(front, 0, framer->max_bytes);
	struct span unseen = span_from(window, state->scanned);
	const uint8_t *end = unseen.len ? memchr(unseen.data, '\n', unseen.len) : NULL;

	*out_len = 0;
	if (end) {
		state->scanned = 0;
		*out_len = (size_t)(end - window.data) + 1;
		return FRAME_UNIT;
	}
	if (window.len == framer->max_bytes) {
		state->scanned = 0;
		return FRAME_BAD;
	}
	state->scanned = window.len;
	return FRAME_MORE;
}

static bool is_word_byte(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

static bool is_word_end(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct span line_class(const struct framer *framer, struct span unit,
			      char *scratch)
{
	size_t len = 0;

	(void)framer;
	(void)scratch;
	while (len < unit.len && len <= WORD_MAX && is_word_byte(unit.data[len])) {
		len++;
	}
	if (len == 0 || len > WORD_MAX ||
	    (len < unit.len && !is_word_end(unit.data[len]))) {
		return span_str("line");
	}
	return span_sub(unit, 0, len);
}

const struct framer_row FRAMER_LINE = {
	.name = "line",
	.help = "lines that end in LF or CR LF; class: the first word, else \"line\"",
	.options = OPTIONS,
	.prepare = line_prepare,
	.cut = line_cut,
	.class_of = line_class,
};
