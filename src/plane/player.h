/* The player plane: one peer's part of a trace played to a live peer, over real sockets,
 * through the engine.
 *
 * PLAY_CLIENT plays the clients: each dialog connects to the proxy's upstream (the live
 * server), says what its client said, and waits for as many replies as the trace had
 * before each word. PLAY_SERVER listens where the proxy listens and plays the server to
 * who comes: a new connection gets the dialog whose first request is the one it sent,
 * else the next one. What the live peer says is held against the trace, unit by unit, as
 * it came (before any fault). The engine judges both sides, so faults apply as in a run,
 * on lanes named by the trace's client addresses.
 *
 * Theory of operation: in player.c.
 */
#ifndef PLANE_PLAYER_H
#define PLANE_PLAYER_H

#include "io/netaddr.h"
#include "plane/live.h"
#include "plane/script.h"

enum player_role { PLAY_CLIENT, PLAY_SERVER };

struct player_options {
	enum player_role role;
	/* Trace time passes so many times faster, in thousandths: 1000 as recorded, 0
	 * without any pause. */
	uint64_t speed_milli;
	int64_t wait_ns;   /* how long the live peer's next unit is waited for, or that
			    * it reads */
	uint64_t max_live; /* dialogs at one time */
	/* Where the live server is, or where to listen: by proxy index. */
	const struct netaddr *addrs;
	size_t num_addrs;
	/* All dialogs have been played. */
	void (*on_done)(void *ctx);
	void *ctx;
};

struct player;

/* The script outlives it. Listens (PLAY_SERVER; bound addresses go to out_bound[i]) or
 * begins to connect (PLAY_CLIENT). */
int player_open(struct live *live, const struct script *script,
		const struct player_options *options, struct netaddr *out_bound,
		struct player **out, struct err *err);
void player_stop(struct player *player); /* begins no more dialogs */
bool player_pending(const struct player *player);
/* Ends what is under way, in the log as `end`: what it has not said is missing. */
void player_end(struct player *player, const char *end);
void player_free(struct player *player, const char *end); /* NULL is fine */

enum player_difference {
	PLAYER_EQUAL,
	PLAYER_CONTENT, /* a note, no failure */
	PLAYER_LENGTH,
	PLAYER_CLASS,
	PLAYER_MISSING,
	PLAYER_EXTRA,
	NUM_PLAYER_DIFFERENCE,
};

struct player_stats {
	uint64_t dialogs, played, failed; /* failed: no connection, reset, stalled */
	uint64_t unreached;		  /* of failed: no connection came about */
	uint64_t surplus; /* connections that no dialog was left for; failed as well */
	uint64_t units_recorded, units_seen;
	uint64_t by_difference[NUM_PLAYER_DIFFERENCE];
	uint64_t timeouts; /* the live peer's unit did not come in time */
};
struct player_stats player_stats(const struct player *player);
/* What the first of the failed failed of; NULL: none did. */
const char *player_failure(const struct player *player);
/* The differences, the first of each dialog, as lines for people: identity, kind,
 * expected and seen side by side. At most `max` dialogs. */
void player_describe(const struct player *player, size_t max, struct text *out);

#endif
