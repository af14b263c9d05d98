/* The actions: one row each, in one table. A new action is one file and one row.
 *
 * An action reads a unit and its own drawn values, and adds to a decision; it sends
 * nothing, waits for nothing and knows no time. `do = NAME option=value …` is parsed by
 * the row's options; the same row feeds `check`, `help` and the manual's test.
 */
#ifndef CORE_ACTION_H
#define CORE_ACTION_H

#include "base/optrow.h"
#include "core/decision.h"
#include "core/prf.h"

enum action_trait {
	ACTION_TERMINAL = 1, /* later rules' effects no longer count */
	ACTION_WHOLE = 2,  /* needs the whole unit: a cell waits for its end or `hold` */
	ACTION_LENGTH = 4, /* may change the unit's length: `fixup` applies */
};

enum { ACTION_OPTIONS_MAX = 8 };

struct action {
	const struct action_row *row;
	unsigned index;				/* in its rule, from 0 */
	struct optval vals[ACTION_OPTIONS_MAX]; /* as row->options */
	void *prepared; /* the row's own, e.g. a compiled pattern */
};

/* What an action is handed: the unit, and draws that depend on nothing but identity. */
struct judgement {
	const struct rule *rule;
	const struct action *action;
	const struct unit *unit;
	const struct prf_key *key; /* the lane side's for this rule */
	struct decision *decision;
};

struct action_row {
	const char *name; /* one word, or two for a family: "mutate flip" */
	const char *help; /* one line */
	unsigned traits;
	const struct optrow *options; /* ends with a NULL name; never NULL */
	/* Checks options against each other, compiles patterns. NULL: nothing to do. */
	int (*prepare)(struct action *action, struct arena *arena, struct err *err);
	void (*release)(struct action *action); /* frees what prepare made; may be NULL */
	/* Draws, and adds an effect with what was drawn; edits that need bytes are made
	 * here. */
	void (*apply)(const struct judgement *j);
	/* What an effect's values, drawn now or logged, make of the decision. NULL: the
	 * action only edits. */
	void (*enact)(const struct action *action, const struct effect *effect,
		      struct decision *decision);
	/* What it does, to stand behind "it": "is delayed by 50ms ± 10ms (normal)". */
	void (*describe)(const struct action *action, struct text *out);
};

/* All rows, in the order of the manual; ends with NULL. */
extern const struct action_row *const ACTION_ROWS[];

/* "delay time=50ms": the row by its name, then its options. Errors name the nearest
 * action. */
int action_parse(struct action *out, const char *text, unsigned index,
		 struct arena *arena, struct err *err);
void action_release(struct action *action);

/* The action's parameter `param` (a fixed number per parameter of its file, below 256),
 * and for repeated draws the n-th of them. j = 0 is the rule's chance. */
uint64_t judgement_draw(const struct judgement *j, unsigned param, uint64_t n);

/* The rows, each from its own file. */
extern const struct action_row ACTION_DROP, ACTION_DELAY, ACTION_REORDER,
	ACTION_DUPLICATE, ACTION_FLIP, ACTION_SET, ACTION_REPLACE, ACTION_TRUNCATE,
	ACTION_EXTEND, ACTION_SPLICE, ACTION_RESET, ACTION_CLOSE;

#endif
