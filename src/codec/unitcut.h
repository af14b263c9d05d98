/* Cuts one direction of a conversation into units as the engine does, but outside it: for
 * whoever compares what two peers said.
 *
 * Units are a function of the bytes alone, never of how they were fed. Streams without a
 * protocol, and those that turn out to be another one, are cut into cells. Memory: an
 * incomplete unit, so at most the framer's longest.
 */
#ifndef CODEC_UNITCUT_H
#define CODEC_UNITCUT_H

#include "base/text.h"
#include "codec/framer.h"

struct unitcut {
	const struct framer *framer; /* the caller's, outlives this */
	bool datagrams;		     /* each feed is one unit, empty ones too */
	bool raw;		     /* cells: by configuration, or fallen back */
	struct frame_state frame;
	struct text waiting; /* of the unit that is under way */
};

/* Both spans live for the call. `class` is the framer's word; "raw" for cells. */
typedef void unitcut_callback(void *ctx, struct span unit, struct span class);

void unitcut_init(struct unitcut *cut, const struct framer *framer, bool datagrams);
void unitcut_done(struct unitcut *cut);
void unitcut_feed(struct unitcut *cut, struct span bytes, unitcut_callback *callback,
		  void *ctx);
/* No more will come: what is left of a framed stream is a unit of class "partial", of
 * cells a shorter cell. */
void unitcut_end(struct unitcut *cut, unitcut_callback *callback, void *ctx);

#endif
