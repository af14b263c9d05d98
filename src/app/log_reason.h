/* Why a rule did what it did to a unit, in words.
 *
 * Draws are not in a log; they are computed again from the seed, as core/prf.h defines
 * them, and held against the outcome that the log has. So the rule must be bound to the
 * log's seed (config_bind_seed).
 */
#ifndef APP_LOG_REASON_H
#define APP_LOG_REASON_H

#include "app/log_case.h"

/* Of a rule that matched. False when the log does not agree with its seed and files. */
bool text_reason(struct text *out, const struct log_case *c, const struct config *config,
		 const struct rule *rule, enum outcome outcome);
/* Of a rule that did not, on a lane of that proxy. */
void text_no_match(struct text *out, const struct log_case *c, const struct rule *rule,
		   const char *proxy);
/* 1st, 2nd, 3rd, 4th, 11th, 21st */
void text_ordinal(struct text *out, uint64_t n);

#endif
