/* What the verbs of `turncoat log` share: identities, and words for what a line tells.
 *
 * Names in a log come from peers (labels, classes, rule texts), so what is shown to a
 * person goes through text_safe(): no control character of theirs reaches the terminal.
 */
#ifndef APP_LOG_COMMON_H
#define APP_LOG_COMMON_H

#include "app/cli.h"
#include "app/config.h"
#include "base/err.h"
#include "base/text.h"
#include "core/stats.h"
#include "core/unit.h"
#include "io/logread.h"

#include <jansson.h>
#include <stdio.h>

/* --- the command line --- */

/* A verb's main: parses, and does it when there are min to max arguments (`wanted` says
 * them in words: "name one log"). Returns the exit code. */
int log_main(const struct verb *verb, int argc, char **argv, size_t min, size_t max,
	     const char *wanted,
	     int (*doing)(const struct verb *verb, const struct cli *cli));
/* Says on standard error that a log's last line was cut off, if it was. */
void log_warn_torn(const struct logread *log);
/* Flushes standard output: `code`, or EXIT_USAGE with a complaint when it can't. */
int log_finish(int code);

/* --- identities: <lane>:<side>:<class>:<k>, split from the right --- */

enum { LOG_LANE_MAX = 4096 };

struct identity {
	char lane[LOG_LANE_MAX + 1];
	enum side side;
	char class[CLASS_NAME_MAX + 1];
	uint64_t k;
};

int identity_parse(const char *text, struct identity *out, struct err *err);
void text_identity(struct text *out, const char *lane, enum side side, const char *class,
		   uint64_t k);
bool identity_is(const struct identity *id, const struct log_line *line);
/* Edits between two names (Levenshtein), at most `bound`. */
unsigned name_distance(const char *a, const char *b, unsigned bound);

/* --- words --- */

/* Control characters and the C1 set become \xHH. */
void text_safe(struct text *out, const char *str);
/* A duration to three significant digits: 51.2ms, 1.50s, 830us. */
void text_ns(struct text *out, int64_t ns);
/* "delayed 51.2ms by slow" */
void text_effect(struct text *out, const json_t *effect);
/* `at 3: 00 "." -> ff "."`, each side cut behind max_bytes. */
void text_edit(struct text *out, const json_t *edit, size_t max_bytes);

/* Values of an object; the fallback when missing or of another type. */
int64_t json_i64(const json_t *object, const char *key, int64_t fallback);
const char *json_text(const json_t *object, const char *key, const char *fallback);
/* Does the unit line tell of a fault: an effect, an edit, a verdict that is not pass? */
bool log_line_faulty(const json_t *line);
/* Is the lane of an open or close line weak: it overlapped another one of its label? */
bool log_line_weak(const json_t *line);

/* A line of our own writer up to its wall-clock part, so that a '}' completes it; nothing
 * when its form is not the plain one and bytes say nothing. */
struct span log_plain_part(struct span raw);

/* The configuration that a header's or reload's "files" hold; NULL when they can't be
 * read, and err says why. The caller frees it. */
struct config *log_config(const json_t *files, struct err *err);

/* STATS of a close line or summary. */
struct side_stats json_stats(const json_t *stats);

#endif
