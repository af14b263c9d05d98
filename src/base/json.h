/* JSON written straight into a struct text, fast and without a tree. Readers use jansson
 * (app, io); this is only for lines written once a unit.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/text.h"

/* A JSON string with its quotes. Each byte that is not part of valid UTF-8 is written as
 * U+FFFD, control characters as \n, \r, \t or \u00XX, so the line is always valid JSON
 * (RFC 8259). */
void json_str(struct text *text, struct span str);

/* Bytes as a JSON string of lower-case hex digits: for edits, which must be exact. */
void json_hex(struct text *text, struct span bytes);

#endif
