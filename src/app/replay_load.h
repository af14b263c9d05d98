/* A decision log as what core/replay.h plays: read whole, checked line by line.
 *
 * What can't be replayed is an error that names the line: a rule, action or outcome that
 * this version does not know, edits that are no hex, an identity that is there twice. A
 * log of another abi is refused by io/logread.h. A torn last line is skipped.
 */
#ifndef APP_REPLAY_LOAD_H
#define APP_REPLAY_LOAD_H

#include "app/config.h"
#include "core/replay.h"
#include "io/logread.h"

/* Each keeps its rule set. */
enum { REPLAY_RELOADS_MAX = 10000 };

/* A line that SIGHUP left in the log. */
struct replay_reload {
	struct config *config; /* NULL: it was refused */
	char *why;
};

struct replay_log {
	char *path;
	struct logread *log;   /* at its end; for what must not overwrite it */
	struct config *config; /* the header's; replay_log_take_config() */
	struct replay_reload *reloads;
	size_t num_reloads;
	struct replay *replay;
	uint64_t seed;
};

int replay_log_load(const char *path, enum replay_policy policy, struct replay_log **out,
		    struct err *err);
/* The same with rules that the caller has, instead of those in the log's header. */
int replay_log_load_with(const char *path, enum replay_policy policy,
			 const struct ruleset *rules, struct replay_log **out,
			 struct err *err);
void replay_log_free(struct replay_log *log); /* NULL is fine */
/* The config, now the caller's. Its rules and actions must live as long as the replay. */
struct config *replay_log_take_config(struct replay_log *log);

/* Only these faults are to happen: identities (LANE:SIDE:CLASS:K) between commas or white
 * space, or @FILE with such; "none" leaves all out. One that the log has no fault for is
 * an error that names the nearest. */
int replay_log_select(struct replay_log *log, const char *ids, struct err *err);

#endif
