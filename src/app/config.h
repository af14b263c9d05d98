/* A run's configuration, built from rule files: proxies, rules, services, oracles, and
 * the [turncoat] section.
 *
 * config_load() reads, checks and links everything or says what is wrong, where, and what
 * name was probably meant. The config owns its arena, regexes and filters; the rule set
 * is handed to the engine, which counts references. The same tables of keys feed parser,
 * `check`, `help` and the manual's test.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "app/oracle.h"
#include "app/service.h"
#include "app/watch.h"
#include "base/optrow.h"
#include "core/rule.h"
#include "io/inifile.h"
#include "plane/proxy.h"

enum on_log_error {
	LOG_ERROR_STOP, /* the run ends with exit code 2 */
	LOG_ERROR_PASS, /* nothing is judged any more; bytes pass */
};

struct config {
	struct arena arena;
	struct inifile *files; /* path and text of each; sections are gone */
	size_t num_files;
	struct proxy *proxies;
	size_t num_proxies;
	struct service_spec *services; /* in file order, as they are started */
	size_t num_services;
	struct oracle_spec *oracles; /* invariants and goals, in file order */
	size_t num_oracles;
	struct watch_spec *watches;
	size_t num_watches;
	struct ruleset *rules; /* one reference, the config's */
	bool seed_given;
	uint64_t seed;	      /* valid when seed_given */
	const char *log_path; /* NULL: none named in the files */
	enum on_log_error on_log_error;
	int64_t drain_ns; /* how long a stop waits for queued bytes */
};

/* The key tables: sections [turncoat], [service NAME], [proxy NAME], [rule NAME],
 * [invariant NAME], [goal NAME], [watch NAME]. */
extern const struct optrow TURNCOAT_KEYS[], SERVICE_KEYS[], PROXY_KEYS[], RULE_KEYS[];
extern const struct optrow INVARIANT_KEYS[], GOAL_KEYS[], WATCH_KEYS[];

enum {
	CONFIG_PROXIES_MAX = 1024,
	CONFIG_RULES_MAX = 1024,
	CONFIG_SERVICES_MAX = 256,
	CONFIG_ORACLES_MAX = 256, /* invariants, and goals, and watches */
	CONFIG_PROBLEMS_MAX = 20, /* what config_check() tells at once */
};

int config_load(const char *const *paths, size_t num_paths, struct config **out,
		struct err *err);
/* The same from text already in memory (a log's header, a test); names are for messages.
 */
int config_parse(const struct inifile *files, size_t num_files, struct config **out,
		 struct err *err);
/* As config_load(), but goes on behind an error: `problems` gets a line for each, at most
 * CONFIG_PROBLEMS_MAX. */
int config_check(const char *const *paths, size_t num_paths, struct config **out,
		 struct text *problems);
/* Fixes the seed: every rule's key. Call once, before the first lane. */
void config_bind_seed(struct config *config, uint64_t seed);
void config_free(struct config *config);
/* Frees a rule set whose last reference is gone, filters included. */
void config_ruleset_free(struct ruleset *set);

/* Do units of this proxy travel in a stream, so that losing some breaks its promise? */
bool config_proxy_is_stream(const struct proxy *proxy);

/* Where the proxy connects to, as its rule file has it; `out` holds ENDPOINT_TEXT_MAX
 * bytes. */
void config_proxy_upstream(const struct proxy *proxy, char *out);
/* The proxy that another one's upstream is; config->num_proxies: none of these. */
size_t config_proxy_behind(const struct config *config, const struct proxy *proxy);

/* Seeds are 0 .. 2^63 - 1, so that a JSON integer holds them. */
int config_parse_seed(const char *text, uint64_t *out, struct err *err);

#endif
