#include "io/file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 16384 };

/* Appends until the end of the file or until there are more than max_bytes. */
static int read_all(int fd, size_t max_bytes, struct text *out)
{
	while (out->len <= max_bytes) {
		ssize_t got;

		text_reserve(out, READ_BYTES);
		got = read(fd, out->data + out->len, READ_BYTES);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return (int)got;
		}
		out->len += (size_t)got;
	}
	return 0;
}

int file_read(const char *path, size_t max_bytes, struct arena *arena, struct span *out,
	      struct err *err)
{
	struct text text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0) {
		return err_set_errno(err, "can't open %s", path);
	}
	if (read_all(fd, max_bytes, &text) < 0) {
		rc = err_set_errno(err, "can't read %s", path);
	} else if (text.len > max_bytes) {
		rc = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path,
			     max_bytes);
	} else {
		struct span all = span_of(text.data, text.len);

		*out = span_of(arena_copy_span(arena, all), all.len);
	}
	close(fd);
	text_done(&text);
	return rc;
}

static int write_all(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t put = write(fd, bytes.data, bytes.len);

		if (put < 0 && errno != EINTR) {
			return -1;
		}
		bytes = span_from(bytes, put > 0 ? (size_t)put : 0);
	}
	return 0;
}

static mode_t current_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

int file_write(const char *path, struct span bytes, struct err *err)
{
	struct text temporary = {0};
	int fd;
	int rc = 0;

	text_str(&temporary, path);
	text_str(&temporary, ".XXXXXX");
	fd = mkostemp(temporary.data, O_CLOEXEC);
	if (fd < 0) {
		rc = err_set_errno(err, "can't create a file beside %s", path);
		text_done(&temporary);
		return rc;
	}
	if (write_all(fd, bytes) < 0 || fchmod(fd, 0666 & ~current_umask()) < 0) {
		rc = err_set_errno(err, "can't write %s", path);
	}
	/* A full disk may only tell now. */
	if (close(fd) < 0 && rc == 0) {
		rc = err_set_errno(err, "can't write %s", path);
	}
	if (rc == 0 && rename(temporary.data, path) < 0) {
		rc = err_set_errno(err, "can't rename a file to %s", path);
	}
	if (rc) {
		unlink(temporary.data);
	}
	text_done(&temporary);
	return rc;
}
