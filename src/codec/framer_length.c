/* length: binary protocols whose messages carry their length in a fixed place.
 *
 *	unit length = field + adjust
 *
 * The field is `size` bytes, unsigned, `at` bytes behind the message's start. `adjust` is
 * by default at + size: the field counts what follows it. It is 0 when the field counts
 * the whole message, and 1 in PostgreSQL's messages (at=1 size=4), whose field counts
 * itself but not the type byte before it. A length that leaves out the field itself, or
 * is above `max`, is not this protocol; so is known as soon as the field is there.
 *
 * The class is the `class-size` bytes at `class-at`, read in `endian`, as hex: "0x51".
 * Without class-at, and for messages that end before those bytes do, it is "message".
 */
#include "codec/framer.h"

#include <assert.h>

enum {
	OPTION_AT,
	OPTION_SIZE,
	OPTION_ENDIAN,
	OPTION_ADJUST,
	OPTION_MAX,
	OPTION_CLASS_AT,
	OPTION_CLASS_SIZE,
};

enum { AT_MAX = 65535 };

static const char *const SIZE_NAMES[] = {"1", "2", "3", "4", "8", NULL};
static const uint8_t SIZES[] = {1, 2, 3, 4, 8};
static const char *const CLASS_SIZE_NAMES[] = {"1", "2", "4", NULL};
static const uint8_t CLASS_SIZES[] = {1, 2, 4};
static const char *const ENDIAN_NAMES[] = {"big", "little", NULL};
enum { ENDIAN_BIG, ENDIAN_LITTLE };

_Static_assert(sizeof(SIZE_NAMES) / sizeof(SIZE_NAMES[0]) == sizeof(SIZES) + 1,
	       "a name each");
_Static_assert(sizeof(CLASS_SIZE_NAMES) / sizeof(CLASS_SIZE_NAMES[0]) ==
		       sizeof(CLASS_SIZES) + 1,
	       "a name each");

static const struct optrow OPTIONS[] = {
	[OPTION_AT] = {.name = "at",
		       .type = OPT_COUNT,
		       .min = 0,
		       .max = AT_MAX,
		       .fallback = "0",
		       .help = "bytes before the length field"},
	[OPTION_SIZE] = {.name = "size",
			 .type = OPT_CHOICE,
			 .choices = SIZE_NAMES,
			 .fallback = "4",
			 .help = "bytes of the length field"},
	[OPTION_ENDIAN] = {.name = "endian",
			   .type = OPT_CHOICE,
			   .choices = ENDIAN_NAMES,
			   .fallback = "big",
			   .help = "byte order of the length field and the class"},
	[OPTION_ADJUST] =
		{.name = "adjust",
		 .type = OPT_SIGNED,
		 .min = -(1 << 30),
		 .max = 1 << 30,
		 .help = "message length minus field; without it at + size: the field "
			 "counts what follows it"},
	[OPTION_MAX] = {.name = "max",
			.type = OPT_SIZE,
			.min = 1,
			.max = 1 << 30,
			.fallback = "16MiB",
			.help = "the longest message; a longer one is not this protocol"},
	[OPTION_CLASS_AT] =
		{.name = "class-at",
		 .type = OPT_COUNT,
		 .min = 0,
		 .max = AT_MAX,
		 .help = "bytes before the message type; without it every class is "
			 "\"message\""},
	[OPTION_CLASS_SIZE] =
		{.name = "class-size",
		 .type = OPT_CHOICE,
		 .choices = CLASS_SIZE_NAMES,
		 .fallback = "1",
		 .help = "bytes of the message type; the class is their hex, as in "
			 "0x51"},
	{0},
};

/* What the options mean, worked out once. */
struct length_layout {
	size_t at, size;
	bool little;
	int64_t adjust;
	bool has_class;
	size_t class_at, class_size;
};

static int length_prepare(struct framer *framer, struct arena *arena, struct err *err)
{
	const struct optval *vals = framer->vals;
	struct length_layout *layout = arena_take(arena, sizeof(*layout));

	layout->at = (size_t)vals[OPTION_AT].num;
	layout->size = SIZES[vals[OPTION_SIZE].num];
	layout->little = vals[OPTION_ENDIAN].num == ENDIAN_LITTLE;
	layout->adjust = vals[OPTION_ADJUST].present
				 ? vals[OPTION_ADJUST].num
				 : (int64_t)(layout->at + layout->size);
	layout->has_class = vals[OPTION_CLASS_AT].present;
	layout->class_at = (size_t)vals[OPTION_CLASS_AT].num;
	layout->class_size = CLASS_SIZES[vals[OPTION_CLASS_SIZE].num];
	framer->max_bytes = (size_t)vals[OPTION_MAX].num;
	framer->prepared = layout;
	if (vals[OPTION_CLASS_SIZE].given && !layout->has_class) {
		return err_set(err, ERR_INPUT, "class-size needs class-at");
	}
	if (framer->max_bytes < layout->at + layout->size) {
		return err_set(
			err, ERR_INPUT,
			"max=%zu is less than the %zu bytes up to the end of the field",
			framer->max_bytes, layout->at + layout->size);
	}
	if (layout->has_class &&
	    framer->max_bytes < layout->class_at + layout->class_size) {
		return err_set(
			err, ERR_INPUT,
			"max=%zu is less than the %zu bytes up to the end of the class",
			framer->max_bytes, layout->class_at + layout->class_size);
	}
	return 0;
}

static uint64_t read_number(const uint8_t *from, size_t size, bool little)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++) {
		number = number << 8 | from[little ? size - 1 - i : i];
	}
	return number;
}

static void write_number(uint8_t *to, size_t size, bool little, uint64_t number)
{
	for (size_t i = 0; i < size; i++) {
		to[little ? i : size - 1 - i] = (uint8_t)(number >> 8 * i);
	}
}

static enum frame_result length_cut(const struct framer *framer,
				    struct frame_state *state, struct span front,
				    size_t *out_len)
{
	const struct length_layout *layout = framer->prepared;
	size_t head = layout->at + layout->size;
	uint64_t field;
	int64_t len;

	(void)state;
	*out_len = 0;
	if (front.len < head) {
		*out_len = head;
		return FRAME_MORE;
	}
	field = read_number(front.data + layout->at, layout->size, layout->little);
	/* |adjust| and max are at most 2^30: a field above 2^32 is too long in any case,
	 * and below it the sum can't overflow. */
	if (field > UINT32_MAX) {
		return FRAME_BAD;
	}
	len = (int64_t)field + layout->adjust;
	if (len < (int64_t)head || len > (int64_t)framer->max_bytes) {
		return FRAME_BAD;
	}
	*out_len = (size_t)len;
	return front.len < (size_t)len ? FRAME_MORE : FRAME_UNIT;
}

static struct span length_class(const struct framer *framer, struct span unit,
				char *scratch)
{
	static const char digits[] = "0123456789abcdef";
	const struct length_layout *layout = framer->prepared;
	uint64_t type;
	size_t len = 2;

	if (!layout->has_class || unit.len < layout->class_at + layout->class_size) {
		return span_str("message");
	}
	type = read_number(unit.data + layout->class_at, layout->class_size,
			   layout->little);
	scratch[0] = '0';
	scratch[1] = 'x';
	for (size_t i = 2 * layout->class_size; i-- > 0;) {
		scratch[len++] = digits[type >> 4 * i & 0xf];
	}
	return span_of(scratch, len);
}

static bool length_fix(const struct framer *framer, uint8_t *unit, size_t unit_len)
{
	const struct length_layout *layout = framer->prepared;
	int64_t field;

	/* Edits are bounded far below this, so that the subtraction can't overflow. */
	assert(unit_len <= INT64_MAX / 2);
	field = (int64_t)unit_len - layout->adjust;
	if (unit_len < layout->at + layout->size || field < 0) {
		return false;
	}
	if (layout->size < 8 && (uint64_t)field >> 8 * layout->size != 0) {
		return false;
	}
	write_number(unit + layout->at, layout->size, layout->little, (uint64_t)field);
	return true;
}

const struct framer_row FRAMER_LENGTH = {
	.name = "length",
	.help = "messages that carry their length; class: the type's hex digits, or "
		"\"message\"",
	.options = OPTIONS,
	.prepare = length_prepare,
	.cut = length_cut,
	.class_of = length_class,
	.fix_length = length_fix,
};
