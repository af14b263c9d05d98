/* What judges a run: invariants, which must hold, and goals, which must be reached. Each
 * looks by a command's exit status or for a line of the outputs.
 *
 * An invariant is over with the first time that it does not hold, a goal with the first
 * time that it is reached, so each gives at most one finding. The caller tells when the
 * command under test has begun and ended and asks oracle_look(); lines are handed to all
 * oracles by oracle_line().
 */
#ifndef APP_ORACLE_H
#define APP_ORACLE_H

#include "app/findings.h"
#include "app/output.h"
#include "core/match.h"
#include "io/process.h"

#include <stdbool.h>
#include <stdint.h>

/* How long a command of an invariant may take. */
#define ORACLE_COMMAND_NS (INT64_C(60) * 1000000000)

/* The name that `on` has for the command under test. */
#define ORACLE_COMMAND_NAME "cmd"

/* An [invariant] or [goal] section. Plain data in the config's arena, but the regex. */
struct oracle_spec {
	const char *name, *file;
	unsigned line;
	bool goal;	     /* else an invariant */
	const char *command; /* for sh -c; NULL: a pattern instead */
	struct regex *pattern;
	const char *pattern_text;
	const char *const *on; /* whose outputs; ends with NULL; NULL: all */
	bool during, after;    /* invariants: while the command runs, when it has ended */
	int64_t every_ns;
	int64_t within_ns; /* goals */
};

enum oracle_phase {
	ORACLE_BEFORE, /* the command has not begun */
	ORACLE_DURING,
	ORACLE_GOALS, /* it has ended: goals get their time */
	ORACLE_AFTER, /* then the invariants are looked at */
};

struct oracle {
	const struct oracle_spec *spec;
	struct process process;
	struct output *output; /* of the command's last start */
	bool over;	       /* nothing more to look for in this run */
	bool broken;	       /* over with a finding */
	bool looked_after;     /* the look at the end has been begun */
	unsigned num_looks;
	int64_t next_ns; /* the command's next start; INT64_MAX: none */
	int64_t kill_ns; /* the command under way */
	int64_t due_ns;	 /* goals: reached by then; INT64_MAX: not known yet */
	struct text why;
};

void oracle_init(struct oracle *oracle, const struct oracle_spec *spec);
/* The phase has just begun. */
void oracle_enter(struct oracle *oracle, enum oracle_phase phase, int64_t now_ns);
/* A line of that source's output. */
void oracle_line(struct oracle *oracle, enum oracle_phase phase, const char *source,
		 struct span line);
/* That source prints nothing more. */
void oracle_source_ended(struct oracle *oracle, const char *source);
/* Starts commands whose time has come and takes the results of those that ended. */
void oracle_look(struct oracle *oracle, enum oracle_phase phase, struct loop *loop,
		 const char *dir);
/* Is there nothing left to wait for in this phase? */
bool oracle_settled(const struct oracle *oracle, enum oracle_phase phase);
/* When oracle_look() has something to do, but for the end of a process. */
int64_t oracle_next_ns(const struct oracle *oracle);
/* Does it listen to that source? */
bool oracle_hears(const struct oracle_spec *spec, const char *source);
/* Ends what runs. */
void oracle_stop(struct oracle *oracle);
void oracle_done(struct oracle *oracle);

#endif
