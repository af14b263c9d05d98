/* What the live planes share: the engine driven by a real clock, and the commit before
 * bytes leave.
 *
 * A plane's callback goes: read, feed the engine, live_commit(), write, live_settle().
 * When the engine's next due time comes, live advances it and then asks each plane to
 * flush what that produced. Planes register once and stay until live_free().
 */
#ifndef PLANE_LIVE_H
#define PLANE_LIVE_H

#include "io/declog.h"
#include "io/loop.h"
#include "plane/engine.h"

#include <stdbool.h>

struct capture;

struct live {
	struct loop *loop;
	struct engine *engine;
	struct declog *log;
	struct capture *capture; /* NULL: none */
	struct loop_timer *due, *flush;
	struct live_plane *planes;
	bool flush_due; /* the flush timer runs */
	bool log_failed;
	bool stop_on_log_error;
	struct err log_error;
	/* Called once when the log fails and the policy is to stop. */
	void (*on_fatal)(void *ctx);
	void *fatal_ctx;
};

struct live_plane {
	struct live_plane *next;
	/* Writes what the engine has handed out since the last flush; the log is
	 * committed. */
	void (*flush)(struct live_plane *plane);
	/* The log failed under on-log-error = pass: flows with a fault that is not safe
	 * in the log are ended, so that no fault goes unlogged. */
	void (*cut_uncommitted)(struct live_plane *plane);
};

void live_init(struct live *live, struct loop *loop, struct engine *engine,
	       struct declog *log);
void live_done(struct live *live);
void live_add(struct live *live, struct live_plane *plane);
void live_remove(struct live *live, struct live_plane *plane);
/* A note line about a proxy: what happened outside any decision. */
void live_note(struct live *live, const char *proxy, const char *note, const char *text);

int64_t live_now_ns(const struct live *live);
/* Makes logged faults safe. False: nothing may be sent any more (the run stops). */
bool live_commit(struct live *live);
/* At the end of a callback: the engine's next due time sets the timer. */
void live_settle(struct live *live);

#endif
