/* A small world for tests of the engine: rules from a few lines of text, proxies, a
 * manual clock, a sink that keeps the log, and wires that keep what left each side.
 *
 * It knows nothing of cmocka: what a test got wrong itself ends the program with a
 * message. A world owns everything in it; world_done() frees all wires that are still
 * open. */
#ifndef PLANE_WORLD_H
#define PLANE_WORLD_H

#include "base/text.h"
#include "plane/engine.h"

#include <stdio.h>

/* --- random numbers: xorshift64*, so that a case can be made again from its seed --- */

struct rng {
	uint64_t state;
};

struct rng rng_new(uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t n); /* 0 .. n - 1 */
uint64_t rng_between(struct rng *rng, uint64_t least, uint64_t most);
bool rng_odds(struct rng *rng, uint64_t num, uint64_t den);
void rng_shuffle(struct rng *rng, size_t *indices, size_t num);

/* --- rules ---
 *
 * As in rule files, without what a config adds: "[name]" begins a rule, then one "key =
 * value" a line; on, side, class, length, match, chance, skip, count, every, burst,
 * until, do. */
struct ruleset *rules_new(const char *text, uint64_t seed);
void rules_free(struct ruleset *set); /* asserts that nobody refers to it */

/* --- the world --- */

enum { WORLD_PROXIES_MAX = 4 };

struct world {
	struct arena arena;
	struct ruleset *set; /* the first one; owned, as is each of world_reload() */
	bool set_borrowed;   /* not owned, then */
	struct ruleset *more[8];
	size_t num_more;
	struct engine *engine;
	struct text log;
	bool fault_seen; /* the sink was told of one */
	struct proxy proxies[WORLD_PROXIES_MAX];
	size_t num_proxies;
	struct wire *wires;
	int64_t now_ns;
};

/* What became of one flow: its plane and both peers. */
struct wire {
	struct wire *next;
	struct world *world;
	struct flow *flow; /* NULL: refused, or freed */
	bool datagram;
	/* Per side what left it. Datagrams have their length in front, four digits. */
	struct text out[NUM_SIDE];
	size_t taken[NUM_SIDE]; /* by wire_out() */
	uint64_t sends[NUM_SIDE], bytes[NUM_SIDE];
	unsigned ends[NUM_SIDE], resumes[NUM_SIDE];
	unsigned cuts;
	enum flow_cut cut;
};

void world_init(struct world *world, const char *rules, uint64_t seed);
void world_init_strict(struct world *world, const char *rules, uint64_t seed);
/* With rules and proxies that are somebody else's and outlive the world. */
void world_init_with(struct world *world, struct ruleset *set, bool strict);
void world_init_as(struct world *world, struct ruleset *set,
		   const struct engine_options *options);
void world_done(struct world *world);
/* A TCP proxy; fields can be changed before its first flow. hold is a day, so that no
 * incomplete unit is late unless a test says so. */
struct proxy *world_proxy(struct world *world, const char *name, const char *frame);
void world_label(struct proxy *proxy, const char *pattern);
void world_reload(struct world *world, const char *rules, uint64_t seed);
void world_advance(struct world *world, int64_t by_ns);
/* Past everything that can be waiting. */
void world_drain(struct world *world);

struct wire *wire_open(struct world *world, const struct proxy *proxy, const char *source,
		       uint16_t port);
void wire_feed(struct wire *wire, enum side side, struct span bytes);
void wire_say(struct wire *wire, enum side side, const char *text);
void wire_end(struct wire *wire, enum side side);
void wire_free(struct wire *wire, const char *why);
/* What left since the last call; valid until bytes leave again. */
const char *wire_out(struct wire *wire, enum side side);

/* --- logs --- */

/* The log as `log canon` orders it, near enough to compare two: lines without "wall",
 * without sent lines, sorted. */
void log_canonical(const char *log, struct text *out);
/* A side's counters in the close line of a lane; false when there is no such line. */
bool log_side_stats(const char *log, const char *lane, enum side side,
		    struct side_stats *out);
/* How many lines contain all of the given texts (ends with NULL). */
size_t log_count(const char *log, const char *const *texts);
#define LOG_COUNT(world, ...) \
	log_count(text_cstr(&(world)->log), (const char *const[]){__VA_ARGS__, NULL})
/* Shows on standard error where two canonical logs part. */
void log_show_difference(const char *left, const char *right);

#define MS(n) ((int64_t)(n)*1000000)

#endif
