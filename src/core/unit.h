/* What is judged: a framed message, a datagram, or a cell of an unframed stream.
 *
 * A unit never is what one read() returned. Its identity is (lane, side, class, k);
 * everything else here describes it. The bytes belong to the caller and live for one
 * call.
 */
#ifndef CORE_UNIT_H
#define CORE_UNIT_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum side {
	SIDE_REQUEST, /* client to server */
	SIDE_REPLY,   /* server to client */
	NUM_SIDE,
};

const char *side_name(enum side side); /* "request", "reply" */
static inline enum side side_other(enum side side)
{
	return side == SIDE_REQUEST ? SIDE_REPLY : SIDE_REQUEST;
}

enum { CLASS_NAME_MAX = 32 }; /* bytes, without the NUL */

struct unit {
	struct span bytes; /* all of it when `whole`; else empty */
	bool whole;	   /* false: a cell judged at its first byte */
	/* What positions are drawn in: the nominal cell size for cells, whole or not, so
	 * that neither segmentation nor another rule moves a draw; the length for all
	 * others. */
	uint64_t extent_bytes;
	const char *class; /* 1..CLASS_NAME_MAX bytes of [A-Za-z0-9_.-] */
	uint64_t class_hash;
	uint64_t k; /* ordinal in lane, side and class, from 0 */
	/* Log-exact input, only read by rules that `check` calls log-exact: time since
	 * the run began. */
	int64_t run_ns;
};

#endif
