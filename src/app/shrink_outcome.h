/* What a child's result says, in one line: "passed"; "unresolved: …", when it does not
 * tell; or how it failed, the signature by which failures are told apart: the verdict,
 * then each finding's kind and name, such as "safety safety:no-double-charge". */
#ifndef APP_SHRINK_OUTCOME_H
#define APP_SHRINK_OUTCOME_H

#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>

/* needs_all: a rule that never fired leaves it unresolved. NULL result: unresolved. */
void shrink_outcome_put(const json_t *result, bool needs_all, struct text *out);
/* The same of a file. */
void shrink_outcome_read(const char *path, bool needs_all, struct text *out);

bool shrink_outcome_passed(const char *outcome);
bool shrink_outcome_unresolved(const char *outcome);

#endif
