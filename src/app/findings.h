/* What was found wrong in a run, in the order of finding, and the verdict: the gravest of
 * it. The list owns its texts.
 */
#ifndef APP_FINDINGS_H
#define APP_FINDINGS_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* The gravest first. */
enum finding_kind {
	FINDING_SETUP,	  /* a service never became ready, no port … */
	FINDING_CRASH,	  /* a service died, or a signal ended the command */
	FINDING_SAFETY,	  /* an invariant broke */
	FINDING_LIVENESS, /* a goal was not reached */
	FINDING_TIMEOUT,  /* of the command */
	FINDING_FAILED,	  /* the command's exit status */
	FINDING_DIVERGED, /* a replay went another way */
	FINDING_VACUOUS,  /* a rule never matched or never fired */
	NUM_FINDING,
};

struct finding {
	enum finding_kind kind;
	const char *name; /* whose: the invariant's, the service's, cmd … */
	const char *text; /* why */
	int64_t at_ns;	  /* since the start of the run */
};

/* Each invariant, goal, watch and service is in it at most once, so the config bounds
 * it. */
struct findings {
	struct arena arena;
	struct finding *list;
	size_t num, cap;
};

/* A zeroed struct is ready. */
void findings_done(struct findings *findings);
const struct finding *findings_add(struct findings *findings, enum finding_kind kind,
				   const char *name, const char *text, int64_t at_ns);
bool findings_have(const struct findings *findings, enum finding_kind kind);
/* The gravest kind; NUM_FINDING when there is none. */
enum finding_kind findings_gravest(const struct findings *findings);
/* "safety", and "passed" for NUM_FINDING. */
const char *finding_kind_name(enum finding_kind kind);
/* "turncoat: safety: invariant x: why, 1.2 s into the run" and the end of the line. */
void finding_describe(const struct finding *finding, struct text *out);

#endif
