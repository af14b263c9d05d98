/* [watch NAME]: detections on the wire. A watch looks at units as they come in, changes
 * none of them, and says what it saw: of units that must not be there, a finding at once,
 * with the identity of the one that was too many; of units that must, one at the end when
 * they did not come.
 *
 * Whole units only: messages, datagrams, and on an unframed stream whole cells, for which
 * its proxy gathers them.
 */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "app/findings.h"
#include "core/rule.h"
#include "plane/engine.h"

enum watch_expect { WATCH_NONE, WATCH_SOME };

struct watch_spec {
	/* Its name, place, on, match, lane and filter; the rest is not used. */
	struct rule target;
	enum watch_expect expect;
	uint64_t more_than; /* so many units are none yet */
};

struct watches {
	const struct watch_spec *specs;
	uint64_t *seen; /* by spec */
	size_t num;
	struct findings *findings;
	struct text note; /* of the call under way */
};

/* Does it look at units of that proxy? */
bool watch_is_on(const struct watch_spec *watch, const char *proxy);
/* Specs and findings outlive it. */
void watches_init(struct watches *watches, const struct watch_spec *specs, size_t num,
		  struct findings *findings);
void watches_done(struct watches *watches);
/* For the engine: its ctx is the struct watches. */
const char *watches_unit(void *ctx, const struct watched_unit *unit);
/* The run is over: what did not come is found missing. */
void watches_end(struct watches *watches, int64_t at_ns);
/* "watch x (file:3): no reply of class error comes" and the end of the line. */
void watch_describe(const struct watch_spec *watch, struct text *out);

#endif
