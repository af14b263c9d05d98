/* How one seed's run went: what its child process wrote with `run --result`.
 *
 * The file comes from a process that may have been killed, so it is read with bounds and
 * checked; one that is missing or makes no sense is a verdict as well: set-up.
 */
#ifndef APP_SWEEP_RESULT_H
#define APP_SWEEP_RESULT_H

#include "app/findings.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/quantity.h"

/* A verdict is the gravest finding's kind; NUM_FINDING: passed. */
enum { NUM_VERDICTS = NUM_FINDING + 1 };

/* Vacuity is judged over all seeds, so it fails none. */
bool sweep_verdict_fails(enum finding_kind verdict);

struct sweep_finding {
	const char *kind, *name, *text; /* never NULL */
	int64_t at_ns;			/* into the run */
};

struct sweep_rule {
	const char *name, *file;
	unsigned line;
	uint64_t considered, matched, fired;
};

enum {
	SWEEP_RESULT_BYTES_MAX = 4 << 20,
	SWEEP_FINDINGS_MAX = 1000, /* more are left out */
};

/* All text is in the arena. A zeroed one is ready. */
struct sweep_result {
	struct arena arena;
	enum finding_kind verdict;
	int exit_code; /* of the child */
	double seconds;
	struct sweep_finding *findings;
	size_t num_findings;
	struct sweep_rule *rules;
	size_t num_rules;
	uint64_t lanes, units_in;
};

int sweep_result_read(const char *path, uint64_t seed, struct sweep_result *out,
		      struct err *err);
/* There is none: the child's own end, which stands for it. */
void sweep_result_none(struct sweep_result *out, int exit_code, const char *why);
void sweep_result_done(struct sweep_result *result);

#endif
