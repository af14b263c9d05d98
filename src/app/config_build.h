/* Between the files that build a config: sections read against their key tables, and
 * errors that say file and line. Nobody else includes this.
 */
#ifndef APP_CONFIG_BUILD_H
#define APP_CONFIG_BUILD_H

#include "app/config.h"

/* Indices into the key tables. */
enum {
	TURNCOAT_SEED,
	TURNCOAT_LOG,
	TURNCOAT_ON_LOG_ERROR,
	TURNCOAT_DRAIN,
	NUM_TURNCOAT_KEYS,
};

enum {
	PROXY_LISTEN,
	PROXY_UPSTREAM,
	PROXY_FRAME,
	PROXY_LANE,
	PROXY_LABEL,
	PROXY_LABEL_WAIT,
	PROXY_HOLD,
	PROXY_IDLE,
	PROXY_CONNECT,
	PROXY_REPLIES,
	PROXY_MAX_FLOWS,
	PROXY_MAX_HELD,
	PROXY_PASSTHROUGH,
	NUM_PROXY_KEYS,
};

enum {
	RULE_ON,
	RULE_SIDE,
	RULE_CLASS,
	RULE_LENGTH,
	RULE_FILTER,
	RULE_LANE,
	RULE_K,
	RULE_MATCH,
	RULE_CHANCE,
	RULE_SKIP,
	RULE_COUNT,
	RULE_EVERY,
	RULE_BURST,
	RULE_UNTIL,
	RULE_DO,
	RULE_ENABLED,
	NUM_RULE_KEYS,
};

enum {
	SERVICE_COMMAND,
	SERVICE_PORTS,
	SERVICE_READY_HOW,
	SERVICE_READY_WAIT,
	SERVICE_STOP,
	SERVICE_STOP_WAIT,
	SERVICE_MAY_EXIT,
	NUM_SERVICE_KEYS,
};

/* The first ones are RULE_ON to RULE_MATCH: which units are meant. */
enum {
	WATCH_EXPECT = RULE_MATCH + 1,
	WATCH_MORE_THAN,
	NUM_WATCH_KEYS,
};

enum {
	INVARIANT_COMMAND,
	INVARIANT_NEVER,
	INVARIANT_ON,
	INVARIANT_WHEN,
	INVARIANT_EVERY,
	NUM_INVARIANT_KEYS,
};

enum {
	GOAL_COMMAND,
	GOAL_EXPECT,
	GOAL_ON,
	GOAL_WITHIN,
	GOAL_EVERY,
	NUM_GOAL_KEYS,
};

enum {
	KEYS_MAX = 16, /* of any table */
	RULE_ACTIONS_MAX = 64,
	NAME_MAX_BYTES = 40, /* of a proxy or rule */
};
_Static_assert((int)NUM_TURNCOAT_KEYS <= KEYS_MAX && (int)NUM_PROXY_KEYS <= KEYS_MAX &&
		       (int)NUM_RULE_KEYS <= KEYS_MAX &&
		       (int)NUM_SERVICE_KEYS <= KEYS_MAX &&
		       (int)NUM_INVARIANT_KEYS <= KEYS_MAX &&
		       (int)NUM_WATCH_KEYS <= KEYS_MAX && (int)NUM_GOAL_KEYS <= KEYS_MAX,
	       "values have room");

/* What the choices of `passthrough`, `side` and `when` mean, by index. */
enum { PASSTHROUGH_NEVER, PASSTHROUGH_AUTO };
enum { SIDES_REQUEST, SIDES_REPLY, SIDES_BOTH };
enum { WHEN_DURING, WHEN_AFTER, WHEN_BOTH };

/* A section's values; those not given have their defaults, and the section's own line. */
struct section_vals {
	const struct ini_section *section;
	struct optval vals[KEYS_MAX];
	unsigned lines[KEYS_MAX];
};

/* Several keys of a row may be given only when its name is "do"; the last value is kept.
 * Text lives in the arena. */
int section_read(const struct ini_section *section, const struct optrow *rows,
		 struct arena *arena, struct section_vals *out, struct err *err);

/* What is wrong at a line: "file:line: …". */
int config_fail(struct err *err, const char *file, unsigned line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Puts "file:line: key: " in front of an error about that key's value; returns its code.
 */
int section_context(const struct section_vals *read, int key, const char *name,
		    struct err *err);

/* The proxy's plain data, except its index. On success the caller releases its framer and
 * label with config_proxy_done(). */
int config_proxy_build(const struct ini_section *section, struct arena *arena,
		       struct proxy *out, struct err *err);
void config_proxy_done(struct proxy *proxy);
/* What no single section can tell: addresses, names and variables taken twice, cycles,
 * services that nobody declares. */
int config_proxies_link(const struct config *config, struct err *err);

/* On success the caller releases it with config_service_done(). */
int config_service_build(const struct ini_section *section, struct arena *arena,
			 struct service_spec *out, struct err *err);
void config_service_done(struct service_spec *service);
int config_services_link(const struct config *config, struct err *err);

/* An [invariant] or [goal]. `on` may name the services of the NULL-terminated list. On
 * success the caller releases it with config_oracle_done(). */
int config_oracle_build(const struct ini_section *section, bool goal,
			const char *const *service_names, struct arena *arena,
			struct oracle_spec *out, struct err *err);
void config_oracle_done(struct oracle_spec *oracle);

/* The rule, all of it in `arena`, the rule set's. `on` may name the proxies of the
 * NULL-terminated list. *out_enabled false: the caller shall drop it. On success the
 * caller releases it with config_rule_done(). */
int config_rule_build(const struct ini_section *section, const char *const *proxy_names,
		      struct arena *arena, struct rule *out, bool *out_enabled,
		      struct err *err);
void config_rule_done(struct rule *rule);
/* The units that a section is about, from its keys RULE_ON to RULE_MATCH: to on, match,
 * lane and filter of a rule that match_init() has been called for. */
int config_target_build(const struct section_vals *read, const char *const *proxy_names,
			struct arena *arena, struct rule *rule, struct err *err);
/* On success the caller ends out->target by config_rule_done(). */
int config_watch_build(const struct ini_section *section, const char *const *proxy_names,
		       struct arena *arena, struct watch_spec *out, struct err *err);

#endif
