#include "io/bundle.h"

#include "base/arena.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 65536, TAR_BLOCK_BYTES = 10240 };

bool bundle_name_plain(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > BUNDLE_NAME_MAX || name[len - 1] == '/') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		bool first = i == 0 || name[i - 1] == '/';

		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || name[i] == '\\' ||
		    (first && (name[i] == '.' || name[i] == '/'))) {
			return false;
		}
	}
	return true;
}

static int archive_error(struct archive *archive, const char *what, const char *path,
			 struct err *err)
{
	const char *why = archive_error_string(archive);

	return err_set(err, ERR_INPUT, "can't %s %s: %s", what, path,
		       why ? why : "unknown error");
}

/* --- writing --- */

struct bundle_writer {
	struct archive *archive;
	char *path, *temporary;
	int fd;
};

static void writer_free(struct bundle_writer *writer)
{
	archive_write_free(writer->archive);
	if (writer->fd >= 0) {
		close(writer->fd);
	}
	free(writer->path);
	free(writer->temporary);
	free(writer);
}

int bundle_create(const char *path, struct bundle_writer **out, struct err *err)
{
	struct bundle_writer *writer = xcalloc(1, sizeof(*writer));
	struct text name = {0};

	text_format(&name, "%s.XXXXXX", path);
	writer->path = xstrdup(path);
	writer->temporary = xstrdup(text_cstr(&name));
	text_done(&name);
	writer->fd = mkostemp(writer->temporary, O_CLOEXEC);
	if (writer->fd < 0) {
		err_set_errno(err, "can't create a file beside %s", path);
		writer_free(writer);
		return ERR_SYSTEM;
	}
	writer->archive = archive_write_new();
	if (!writer->archive || archive_write_add_filter_gzip(writer->archive) < 0 ||
	    archive_write_set_filter_option(writer->archive, "gzip", "timestamp", NULL) <
		    0 ||
	    archive_write_set_format_pax_restricted(writer->archive) < 0 ||
	    archive_write_open_fd(writer->archive, writer->fd) < 0) {
		err_set(err, ERR_SYSTEM, "can't write archives");
		unlink(writer->temporary);
		writer_free(writer);
		return ERR_SYSTEM;
	}
	*out = writer;
	return 0;
}

static int begin_entry(struct bundle_writer *writer, const char *name, int64_t size,
		       struct err *err)
{
	struct archive_entry *entry;
	int code;

	if (!bundle_name_plain(name)) {
		return err_set(err, ERR_INPUT, "'%s' can't stand in a bundle", name);
	}
	entry = archive_entry_new();
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, size);
	/* The same run gives the same bytes, at any time. */
	archive_entry_set_mtime(entry, 0, 0);
	code = archive_write_header(writer->archive, entry);
	archive_entry_free(entry);
	return code < 0 ? archive_error(writer->archive, "write", writer->path, err) : 0;
}

static int put_bytes(struct bundle_writer *writer, struct span bytes, struct err *err)
{
	if (bytes.len && archive_write_data(writer->archive, bytes.data, bytes.len) !=
				 (la_ssize_t)bytes.len) {
		return archive_error(writer->archive, "write", writer->path, err);
	}
	return 0;
}

int bundle_add(struct bundle_writer *writer, const char *name, struct span bytes,
	       struct err *err)
{
	int code = begin_entry(writer, name, (int64_t)bytes.len, err);

	return code < 0 ? code : put_bytes(writer, bytes, err);
}

int bundle_add_file(struct bundle_writer *writer, const char *name, const char *path,
		    struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t block[BLOCK_BYTES];
	struct stat stat;
	int64_t left;
	int code;

	if (fd < 0 || fstat(fd, &stat) < 0) {
		err_set_errno(err, "can't read %s", path);
		if (fd >= 0) {
			close(fd);
		}
		return ERR_SYSTEM;
	}
	code = S_ISREG(stat.st_mode) ? begin_entry(writer, name, stat.st_size, err)
				     : err_set(err, ERR_INPUT, "%s is no file", path);
	/* It may still grow or shrink: what fstat() said goes, and zeros fill it up. */
	for (left = stat.st_size; code == 0 && left > 0;) {
		size_t want = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
		ssize_t got = read(fd, block, want);

		if (got < 0 && errno != EINTR) {
			code = err_set_errno(err, "can't read %s", path);
		} else if (got == 0) {
			break;
		} else if (got > 0) {
			code = put_bytes(writer, span_of(block, (size_t)got), err);
			left -= got;
		}
	}
	close(fd);
	return code;
}

int bundle_writer_close(struct bundle_writer *writer, bool keep, struct err *err)
{
	int code = 0;

	if (archive_write_close(writer->archive) < 0 && keep) {
		code = archive_error(writer->archive, "write", writer->path, err);
	}
	if (keep && code == 0) {
		mode_t mask = umask(0);

		umask(mask);
		if (fchmod(writer->fd, 0666 & ~mask) < 0 ||
		    rename(writer->temporary, writer->path) < 0) {
			code = err_set_errno(err, "can't rename a file to %s",
					     writer->path);
		}
	}
	if (!keep || code < 0) {
		unlink(writer->temporary);
	}
	writer_free(writer);
	return code;
}

/* --- reading --- */

struct bundle {
	struct archive *archive;
	char *path;
	unsigned num_entries;
	int64_t bytes; /* handed out, of all entries */
	bool within;   /* an entry that is not read to its end */
	uint8_t block[BLOCK_BYTES];
};

bool bundle_is_bundle(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t magic[2];
	struct stat stat;
	bool is = false;

	if (fd >= 0) {
		/* RFC 1952, section 2.3.1: ID1, ID2. */
		is = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
		     read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
		     magic[0] == 0x1f && magic[1] == 0x8b;
		close(fd);
	}
	return is;
}

int bundle_open(const char *path, struct bundle **out, struct err *err)
{
	struct bundle *bundle = xcalloc(1, sizeof(*bundle));
	int code = 0;

	bundle->path = xstrdup(path);
	bundle->archive = archive_read_new();
	if (!bundle->archive || archive_read_support_filter_gzip(bundle->archive) < 0 ||
	    archive_read_support_format_tar(bundle->archive) < 0) {
		code = err_set(err, ERR_SYSTEM, "can't read archives");
	} else if (archive_read_open_filename(bundle->archive, path, TAR_BLOCK_BYTES) <
		   0) {
		code = archive_error(bundle->archive, "read", path, err);
	}
	if (code < 0) {
		bundle_close(bundle);
		return code;
	}
	*out = bundle;
	return 0;
}

/* Through bundle_read(), so that what is skipped counts as well. */
static int skip_rest(struct bundle *bundle, struct err *err)
{
	struct span bytes;
	int code = 0;

	while (bundle->within && (code = bundle_read(bundle, &bytes, err)) > 0) {
	}
	return code;
}

int bundle_next(struct bundle *bundle, struct bundle_entry *out, struct err *err)
{
	struct archive_entry *entry;
	const char *name;
	int code = skip_rest(bundle, err);

	if (code < 0) {
		return code;
	}
	code = archive_read_next_header(bundle->archive, &entry);
	if (code == ARCHIVE_EOF) {
		return 0;
	}
	if (code < ARCHIVE_OK) {
		return archive_error(bundle->archive, "read", bundle->path, err);
	}
	if (++bundle->num_entries > BUNDLE_ENTRIES_MAX) {
		return err_set(err, ERR_LIMIT, "%s has more than %d files", bundle->path,
			       BUNDLE_ENTRIES_MAX);
	}
	name = archive_entry_pathname(entry);
	if (!name || !bundle_name_plain(name) ||
	    archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) {
		return err_set(err, ERR_INPUT,
			       "%s is no bundle: its entry %u is no plain file with a "
			       "plain name",
			       bundle->path, bundle->num_entries);
	}
	out->name = name;
	out->size = archive_entry_size(entry);
	bundle->within = true;
	return 1;
}

int bundle_read(struct bundle *bundle, struct span *out, struct err *err)
{
	la_ssize_t got;

	if (!bundle->within) {
		return 0;
	}
	got = archive_read_data(bundle->archive, bundle->block, sizeof(bundle->block));
	if (got < 0) {
		return archive_error(bundle->archive, "read", bundle->path, err);
	}
	bundle->bytes += got;
	if (bundle->bytes > BUNDLE_BYTES_MAX) {
		return err_set(err, ERR_LIMIT, "%s unpacks to more than %lld bytes",
			       bundle->path, (long long)BUNDLE_BYTES_MAX);
	}
	bundle->within = got > 0;
	*out = span_of(bundle->block, (size_t)got);
	return got > 0;
}

void bundle_close(struct bundle *bundle)
{
	if (bundle) {
		archive_read_free(bundle->archive);
		free(bundle->path);
		free(bundle);
	}
}
