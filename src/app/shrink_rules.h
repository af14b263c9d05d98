/* Faults as a rule file that needs no seed: what the original files say of proxies,
 * services and oracles, and a rule for each fault that matches its unit and no other,
 * with everything that was drawn written out. */
#ifndef APP_SHRINK_RULES_H
#define APP_SHRINK_RULES_H

#include "app/shrink_fault.h"

#include <jansson.h>

struct shrink_rules {
	const json_t *files; /* of the log's header */
	uint64_t seed;	     /* for TURNCOAT_RUN_SEED only */
	const char *comment; /* one line for people; NULL: none */
};

/* deeds[i] is done to the unit of faults[which[i]]. */
void shrink_rules_put(const struct shrink_rules *rules, const struct fault *faults,
		      const size_t *which, const struct deed *deeds, size_t num,
		      struct text *out);
/* Does the file read as a rule file? (It may have become too long for one.) */
int shrink_rules_check(const char *path, struct err *err);

#endif
