/* Whole files: read with a bound, written so that a reader sees all of it or nothing.
 *
 * For small files (rules, ready files, reports); traces and logs have their own readers
 * and writers. What is read belongs to the arena.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

/* The whole file, at most max_bytes (a longer one is ERR_LIMIT). Pipes are read to their
 * end. A NUL that is not counted stands behind the bytes. */
int file_read(const char *path, size_t max_bytes, struct arena *arena, struct span *out,
	      struct err *err);

/* Writes a temporary file beside `path` and renames it over `path`. Mode 0666 less the
 * umask. On error `path` is as it was and the temporary file is gone. */
int file_write(const char *path, struct span bytes, struct err *err);

#endif
