/* Random cases for the property tests: rules, proxies, and what peers say, all from one
 * seed.
 *
 * A case is played in different ways (order of lanes, cuts of the bytes, times), and
 * what came of two ways is compared. A failing case's seed is printed;
 * TURNCOAT_CASE=SEED plays it alone. */
#ifndef PLANE_CASES_H
#define PLANE_CASES_H

#include "world.h"

enum { CASE_LANES_MAX = 4, CASE_OPS_MAX = 24 };

/* What a property needs its cases to be like. */
struct case_wish {
	bool streams_only;
	bool no_cuts;	     /* neither reset nor close */
	bool cuts_or_delays; /* never both: a delayed cut meets bytes at some time */
	bool no_actions_but_delay;
	bool shared_labels;	/* some lanes share one: they come out weak */
	bool labels_by_pattern; /* always, not only now and then */
	bool labels_by_source;	/* always */
	bool always_eof;
	bool never_passthrough;
	bool late; /* holds are short, so that time runs out on some units */
};

enum case_op_kind { CASE_FEED, CASE_END };

struct case_op {
	enum case_op_kind kind;
	enum side side;
	struct span bytes; /* in the case's data */
};

enum case_end { CASE_EOF, CASE_ABANDON, NUM_CASE_END };

struct case_lane {
	char source[24];
	struct case_op ops[CASE_OPS_MAX];
	size_t num_ops;
	enum case_end end;
	char data[24 * 1024];
	size_t data_len;
};

struct random_case {
	uint64_t seed;
	struct text rules;
	char frame[80];
	const char *label; /* pattern; NULL: by source */
	bool datagram, passthrough;
	int64_t hold_ns; /* 0: none runs out */
	struct case_lane lanes[CASE_LANES_MAX];
	size_t num_lanes;
};

struct random_case *case_new(uint64_t seed, const struct case_wish *wish);
void case_free(struct random_case *c);
void case_print(const struct random_case *c);
/* Rules alone: "[a]\nside = …". `names` are the letters that rules are called by, in
 * order. */
void case_rules(struct rng *rng, const struct case_wish *wish, const char *names,
		struct text *out);

enum segments {
	SEGMENTS_AS_WRITTEN,
	SEGMENTS_BYTES,
	SEGMENTS_RANDOM,
	SEGMENTS_COALESCED
};

struct way {
	enum segments segments;
	bool interleaved;     /* lanes take turns at random; else one after the other */
	bool accept_shuffled; /* all flows are opened first, in random order */
	uint64_t seed;	      /* of turns, cuts and times */
	int64_t step_ns;      /* the clock moves by up to this between operations */
	const char *rules;    /* instead of the case's own; NULL: those */
	struct ruleset *set;  /* likewise; not owned */
	struct replay *replay;
	bool order;
};

struct result {
	struct text log, canon;
	struct text out[CASE_LANES_MAX][NUM_SIDE];
	uint64_t bytes_fed[CASE_LANES_MAX][NUM_SIDE];
	uint64_t bytes_left[CASE_LANES_MAX][NUM_SIDE], sends[CASE_LANES_MAX][NUM_SIDE];
	bool refused, weak[CASE_LANES_MAX];
	char lanes[CASE_LANES_MAX][64]; /* names; "" when it has none */
	struct side_stats totals;
};

void case_play(const struct random_case *c, const struct way *way, struct result *out);
void result_done(struct result *result);

bool text_same(const struct text *a, const struct text *b);
/* Do all ways give the first one's canonical log and, if asked, its bytes? Tells where
 * not. */
bool ways_alike(const struct random_case *c, const struct way *ways, size_t num_ways,
		bool output_too);
bool results_alike(const struct random_case *c, const struct result *one,
		   const struct result *other, bool output_too);

/* Plays num cases, or only TURNCOAT_CASE; false as soon as `holds` says so, then with
 * the case printed. */
bool cases_hold(const char *property, uint64_t first_seed, unsigned num,
		const struct case_wish *wish, bool (*holds)(const struct random_case *c));

#endif
