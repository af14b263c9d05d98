/* Reads a decision log, one line at a time, from a file or standard input.
 *
 * Constant memory in the log's size: one line and its JSON tree live at a time, and a
 * line is at most LOGREAD_LINE_MAX bytes. What comes out is checked: the first line is a
 * header of our abi, every other line is an object whose identity keys are there and of
 * the right type. All errors start with "file:line: ". It knows nothing of what lines
 * mean, and does not print.
 *
 * The reader owns what it hands out: a line lives until the next call, the header until
 * close.
 */
#ifndef IO_LOGREAD_H
#define IO_LOGREAD_H

#include "base/err.h"
#include "base/span.h"
#include "core/unit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOGREAD_LINE_MAX = 64 << 20 };

/* In the order in which `log canon` has them within a lane side, then those without a
 * lane. */
enum log_type {
	LOG_OPEN,
	LOG_RULES,
	LOG_UNIT,
	LOG_CELL_END,
	LOG_LATE,
	LOG_NOTE,
	LOG_CLOSE,
	LOG_SENT,
	LOG_STALL,
	LOG_RELOAD,
	LOG_RELOAD_REFUSED,
	LOG_SUMMARY,
	LOG_OTHER, /* a type that this version does not know */
	NUM_LOG_TYPE,
};

struct log_line {
	json_t *json;	 /* an object with a "type" */
	struct span raw; /* without its newline */
	uint64_t number; /* in the file, from 1 */
	uint64_t offset; /* of raw in the file */
	enum log_type type;
	const char *lane; /* NULL: none */
	bool has_side;
	enum side side;	   /* when has_side */
	const char *class; /* NULL: none */
	uint64_t k;	   /* with a class */
};

struct logread;

/* "-" is standard input. rereadable: logread_again() will be used; what can't seek is
 * copied to a temporary file first. */
int logread_open(const char *path, bool rereadable, struct logread **out,
		 struct err *err);
void logread_close(struct logread *log); /* NULL is fine */

const char *logread_name(const struct logread *log); /* for messages */
json_t *logread_header(const struct logread *log);
uint64_t logread_seed(const struct logread *log);

/* 1: a line; 0: the end; negative: an error, from which there is no going on. */
int logread_next(struct logread *log, struct log_line *out, struct err *err);
/* The number of a last line that is cut off, as a killed run leaves it (it is skipped);
 * 0: none. Known when logread_next() has answered 0. */
uint64_t logread_torn_line(const struct logread *log);

/* A line handed out before, by its offset and length: a new reference, for the caller to
 * json_decref(). *buffer is a growing scratch of *cap bytes, the caller's to free(). */
int logread_again(const struct logread *log, uint64_t offset, size_t len, char **buffer,
		  size_t *cap, json_t **out, struct err *err);
/* Its bytes only, in *buffer. */
int logread_again_raw(const struct logread *log, uint64_t offset, size_t len,
		      char **buffer, size_t *cap, struct err *err);

/* Is it the same file? For outputs that must not overwrite their input. */
bool logread_is_file(const struct logread *log, int fd);

#endif
