/* A bundle: all that belongs to one run in one file, a tar archive under gzip, so that it
 * can be sent to somebody else and replayed there.
 *
 * Bundles come from anywhere, so the reader takes only plain files with plain relative
 * names, and never unpacks more than the bounds below, whatever the archive says of
 * itself. It writes nowhere by itself: the caller decides where an entry's bytes go.
 */
#ifndef IO_BUNDLE_H
#define IO_BUNDLE_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	BUNDLE_ENTRIES_MAX = 1000,
	BUNDLE_NAME_MAX = 255, /* bytes */
};

/* Unpacked, of all entries together. */
#define BUNDLE_BYTES_MAX (INT64_C(1) << 30)

/* "a.txt" or "dir/a.txt": no part is empty or begins with a dot; no control characters,
 * no backslash. */
bool bundle_name_plain(const char *name);

/* --- writing --- */

struct bundle_writer;

/* A file beside `path`, which takes its name in bundle_writer_close(). */
int bundle_create(const char *path, struct bundle_writer **out, struct err *err);
int bundle_add(struct bundle_writer *writer, const char *name, struct span bytes,
	       struct err *err);
/* The file as it is now. */
int bundle_add_file(struct bundle_writer *writer, const char *name, const char *path,
		    struct err *err);
/* Frees in any case. With `keep` false, or on an error, nothing is left of it. */
int bundle_writer_close(struct bundle_writer *writer, bool keep, struct err *err);

/* --- reading --- */

struct bundle;

struct bundle_entry {
	const char *name; /* plain; valid until the next one */
	int64_t size;	  /* as the archive has it, bytes */
};

/* Has the file gzip's magic number? A file that can't be read has none, nor has a pipe,
 * as asking it would use up its first bytes. */
bool bundle_is_bundle(const char *path);
int bundle_open(const char *path, struct bundle **out, struct err *err);
/* 1: an entry; 0: the end; negative: no bundle, or beyond the bounds. */
int bundle_next(struct bundle *bundle, struct bundle_entry *out, struct err *err);
/* The next bytes of the entry, valid until the next call; 1: some; 0: its end. */
int bundle_read(struct bundle *bundle, struct span *out, struct err *err);
void bundle_close(struct bundle *bundle); /* NULL is fine */

#endif
