/* Rule files as a flat list of entries, each with its file and line.
 *
 * The only file that includes <ini.h>. libinih 55 cuts section names at 49 characters and
 * lines at 199 and reads the tail as a new line, can't show repeated or empty sections,
 * and lets an indented line continue the value above; our own reader feeds it line by
 * line, counts, and turns each of these into an error with file and line. A backslash at
 * the end of a line continues the value on the next (joined by one space).
 */
#ifndef IO_INIFILE_H
#define IO_INIFILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

struct ini_entry {
	const char *key, *value;
	unsigned line;
};

struct ini_section {
	const char *kind; /* "proxy" of [proxy cache] */
	const char *name; /* "cache"; "" when there is none */
	const char *file;
	unsigned line;
	struct ini_entry *entries;
	size_t num_entries;
};

enum {
	INIFILE_BYTES_MAX = 1 << 20, /* a rule file's size */
	INIFILE_LINE_MAX = 198,	     /* a physical line, as libinih reads it */
};

struct inifile {
	const char *path;
	struct span text; /* the whole file as read: for the log's header */
	struct ini_section *sections;
	size_t num_sections;
};

/* Everything lives in the arena. Errors start with "file:line: ". */
int inifile_read(const char *path, struct arena *arena, struct inifile *out,
		 struct err *err);
/* The same from memory; path is only a name for messages. */
int inifile_parse(const char *path, struct span text, struct arena *arena,
		  struct inifile *out, struct err *err);

#endif
