/* raw: no protocol known. The plane cuts cells by counting; here are only name and
 * options. */
#include "codec/framer.h"

enum { OPTION_CELL };

static const struct optrow OPTIONS[] = {
	[OPTION_CELL] = {.name = "cell",
			 .type = OPT_SIZE,
			 .min = 1,
			 .max = 16 << 20,
			 .fallback = "4KiB",
			 .help = "how many bytes of the stream are one unit"},
	{0},
};

static int raw_prepare(struct framer *framer, struct arena *arena, struct err *err)
{
	(void)arena;
	(void)err;
	framer->max_bytes = (size_t)framer->vals[OPTION_CELL].num;
	return 0;
}

static struct span raw_class(const struct framer *framer, struct span unit, char *scratch)
{
	(void)framer;
	(void)unit;
	(void)scratch;
	return span_str("raw");
}

const struct framer_row FRAMER_RAW = {
	.name = "raw",
	.help = "no protocol: cells of a fixed number of bytes, class \"raw\"",
	.options = OPTIONS,
	.prepare = raw_prepare,
	.class_of = raw_class,
};
