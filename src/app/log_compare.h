/* Two logs' headers, or a line of each, held against each other: what differs, in words.
 *
 * It knows two trees, called A and B, without their wall-clock parts; which line of A
 * belongs to which one of B is up to the caller.
 */
#ifndef APP_LOG_COMPARE_H
#define APP_LOG_COMPARE_H

#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>

enum log_difference {
	LOG_SAME,
	LOG_CONTENT_DIFFERS, /* other bytes, of which the same was made */
	LOG_CLASS_DIFFERS,
	LOG_LENGTH_DIFFERS,
	LOG_DECISION_DIFFERS,
};

/* True when they differ, with a line of words for each difference. */
bool log_compare_headers(const json_t *a, const json_t *b, struct text *out);
/* The gravest difference, and words for it, without a newline at the end. */
enum log_difference log_compare_lines(const json_t *a, const json_t *b, struct text *why);

#endif
