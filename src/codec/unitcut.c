#include "codec/unitcut.h"

#include <assert.h>

void unitcut_init(struct unitcut *cut, const struct framer *framer, bool datagrams)
{
	*cut = (struct unitcut){
		.framer = framer,
		.datagrams = datagrams,
		.raw = !datagrams && framer_is_raw(framer),
	};
}

void unitcut_done(struct unitcut *cut)
{
	text_done(&cut->waiting);
}

static void hand_on(const struct unitcut *cut, struct span unit,
		    unitcut_callback *callback, void *ctx)
{
	char scratch[64];

	callback(ctx, unit,
		 cut->raw ? span_str("raw")
			  : cut->framer->row->class_of(cut->framer, unit, scratch));
}

/* Cuts what is at the front as far as it goes; how many bytes that took. *out_bad: the
 * rest is no unit of this framer. */
static size_t take_frames(struct unitcut *cut, struct span front,
			  unitcut_callback *callback, void *ctx, bool *out_bad)
{
	size_t at = 0;

	*out_bad = false;
	while (at < front.len) {
		size_t len = 0;
		enum frame_result result = cut->framer->row->cut(cut->framer, &cut->frame,
								 span_from(front, at),
								 &len);

		if (result != FRAME_UNIT) {
			*out_bad = result == FRAME_BAD;
			break;
		}
		assert(len >= 1 && len <= front.len - at);
		cut->frame.scanned = 0;
		hand_on(cut, span_sub(front, at, len), callback, ctx);
		at += len;
	}
	return at;
}

static size_t take_cells(const struct unitcut *cut, struct span front,
			 unitcut_callback *callback, void *ctx)
{
	size_t cell = framer_cell_bytes(cut->framer);
	size_t at = 0;

	for (; front.len - at >= cell; at += cell) {
		hand_on(cut, span_sub(front, at, cell), callback, ctx);
	}
	return at;
}

static size_t take(struct unitcut *cut, struct span front, unitcut_callback *callback,
		   void *ctx)
{
	size_t at = 0;

	if (!cut->raw) {
		bool bad;

		at = take_frames(cut, front, callback, ctx, &bad);
		cut->raw = bad;
	}
	if (cut->raw) {
		at += take_cells(cut, span_from(front, at), callback, ctx);
	}
	return at;
}

void unitcut_feed(struct unitcut *cut, struct span bytes, unitcut_callback *callback,
		  void *ctx)
{
	struct text *waiting = &cut->waiting;
	size_t used;

	if (cut->datagrams) {
		hand_on(cut, bytes, callback, ctx);
		return;
	}
	if (waiting->len == 0) {
		used = take(cut, bytes, callback, ctx);
		bytes = span_from(bytes, used);
		if (bytes.len) {
			text_bytes(waiting, bytes.data, bytes.len);
		}
		return;
	}
	text_bytes(waiting, bytes.data, bytes.len);
	used = take(cut, span_of(waiting->data, waiting->len), callback, ctx);
	if (used == waiting->len) {
		text_done(waiting);
	} else if (used) {
		memmove(waiting->data, waiting->data + used, waiting->len - used);
		waiting->len -= used;
	}
}

void unitcut_end(struct unitcut *cut, unitcut_callback *callback, void *ctx)
{
	struct span rest = span_of(cut->waiting.data, cut->waiting.len);

	if (rest.len) {
		callback(ctx, rest, span_str(cut->raw ? "raw" : "partial"));
	}
	text_done(&cut->waiting);
}
