/* Theory of operation
 *
 * Lines gather in one fixed buffer and leave it by write(2) in whole batches: at a commit
 * with a fault waiting, at a tick, or when enough passes have gathered. A batch is all
 * there or not at all: what a failing write left of it in a regular file is cut off
 * again.
 *
 * In a regular file of our own, room is reserved ahead of the file's end without changing
 * its size, so that writing into it can't run out of space. After every batch at least
 * SPARE_BYTES of room remain. When the next reservation is refused, that spare room takes
 * the batch that asked and the note that ends the log; then the log has failed, for good.
 * Where nothing can be reserved (pipes, devices, some file systems), the failing write
 * itself is the signal.
 *
 * The process' own limit on file sizes (RLIMIT_FSIZE) does not show in a reservation that
 * keeps the size, and writing past it would raise SIGXFSZ: it is asked for and counts as
 * a full disk.
 */
#include "io/declog.h"

#include "base/arena.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 256 << 10,
	GATHER_BYTES = 128 << 10, /* passes are written when so much has gathered */
	RESERVE_BYTES = 4 << 20,
	SPARE_BYTES =
		256 << 10, /* room that is left when we learn that there is no more */
	NOTE_BYTES_MAX = 512,
};

struct declog {
	char *path;   /* for messages */
	int fd;	      /* -1: keeps nothing */
	bool own;     /* opened, so closed, here */
	bool regular; /* ours and a regular file: can be cut */
	bool reserves;
	uint64_t length;       /* written; all of it whole lines */
	uint64_t reserved_end; /* when reserves */
	char *buffer;
	size_t len;
	bool fault_waits;
	bool failed;
	struct err why; /* when failed */
};

/* The errno's sentence as the middle of one. */
static const char *reason_text(int number, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s", strerror(number));
	out[0] = (char)tolower((unsigned char)out[0]);
	return out;
}

static void log_fail(struct declog *log, int number)
{
	char reason[128];

	log->failed = true;
	log->fault_waits = false;
	log->len = 0;
	err_set(&log->why, ERR_SYSTEM, "log: %s: %s",
		reason_text(number, reason, sizeof(reason)), log->path);
}

static int log_result(const struct declog *log, struct err *err)
{
	if (!log->failed) {
		return 0;
	}
	if (err) {
		*err = log->why;
	}
	return log->why.code;
}

/* All of it, or the errno of why not. */
static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n == 0) {
			return EIO;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			if (poll(&p, 1, -1) < 0 && errno != EINTR) {
				return errno;
			}
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

/* One batch of whole lines; after a failure nothing of it is left where that can be had.
 */
static int log_put(struct declog *log, const char *data, size_t len)
{
	int number = write_all(log->fd, data, len);

	if (number == 0) {
		log->length += len;
	} else if (log->regular && ftruncate(log->fd, (off_t)log->length) == 0) {
		lseek(log->fd, (off_t)log->length, SEEK_SET);
	}
	return number;
}

static void log_put_note(struct declog *log, int number)
{
	char reason[128], note[NOTE_BYTES_MAX];
	int len =
		snprintf(note, sizeof(note),
			 "{\"note\":\"log-failed\",\"text\":\"%s\",\"type\":\"note\"}\n",
			 reason_text(number, reason, sizeof(reason)));

	assert(len > 0 && (size_t)len < sizeof(note));
	if (log->regular) { /* elsewhere it might stick to half a line */
		log_put(log, note, (size_t)len);
	}
}

static bool reserve_unsupported(int number)
{
	return number == EOPNOTSUPP || number == ENOSYS || number == EINVAL ||
	       number == ENODEV || number == ESPIPE || number == EPERM;
}

static int reserve_until(struct declog *log, uint64_t end)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    end > limit.rlim_cur) {
		return EFBIG;
	}
	for (;;) {
		if (fallocate(log->fd, FALLOC_FL_KEEP_SIZE, (off_t)log->reserved_end,
			      (off_t)(end - log->reserved_end)) == 0) {
			log->reserved_end = end;
			return 0;
		}
		if (errno != EINTR) {
			return errno;
		}
	}
}

/* Sees to it that a batch of that length and the spare room fit. 0 or the errno. */
static int log_reserve(struct declog *log, size_t batch_bytes)
{
	uint64_t need = log->length + batch_bytes + SPARE_BYTES;
	int number;

	if (!log->reserves || need <= log->reserved_end) {
		return 0;
	}
	/* The last of a small disk is taken in smaller steps. */
	for (uint64_t step = RESERVE_BYTES; step >= SPARE_BYTES; step /= 2) {
		if (log->reserved_end + step < need) {
			break;
		}
		number = reserve_until(log, log->reserved_end + step);
		if (number == 0) {
			return 0;
		}
		if (reserve_unsupported(number)) {
			log->reserves = false;
			return 0;
		}
	}
	number = reserve_until(log, need);
	if (reserve_unsupported(number)) {
		log->reserves = false;
		return 0;
	}
	return number;
}

/* Writes a batch, and notices the end of the space one batch before it hurts. */
static void log_put_batch(struct declog *log, const char *data, size_t len)
{
	int full = log_reserve(log, len);
	int number = 0;

	if (full == 0 || log->length + len + NOTE_BYTES_MAX <= log->reserved_end) {
		number = log_put(log, data, len);
	}
	if (full != 0 || number != 0) {
		log_put_note(log, full ? full : number);
		log_fail(log, full ? full : number);
	}
}

static void log_flush(struct declog *log)
{
	size_t len = log->len;

	log->len = 0;
	log->fault_waits = false;
	if (len > 0) {
		log_put_batch(log, log->buffer, len);
	}
}

static int open_file(struct declog *log, struct err *err)
{
	struct stat st;
	int number;
	char reason[128];

	log->own = true;
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (log->fd < 0) {
		return err_set(err, ERR_SYSTEM, "log: cannot open %s: %s", log->path,
			       strerror(errno));
	}
	log->regular = fstat(log->fd, &st) == 0 && S_ISREG(st.st_mode);
	log->reserves = log->regular;
	number = log_reserve(log, 0);
	if (number != 0) {
		return err_set(err, ERR_SYSTEM, "log: %s: %s",
			       reason_text(number, reason, sizeof(reason)), log->path);
	}
	return 0;
}

int declog_open(const char *path, struct declog **out, struct err *err)
{
	struct declog *log = xcalloc(1, sizeof(*log));
	int code = 0;

	log->fd = -1;
	if (!path) {
		*out = log;
		return 0;
	}
	log->buffer = xmalloc(BUFFER_BYTES);
	if (strcmp(path, "-") == 0) {
		/* Others may write there too: never reserved, never cut. */
		log->path = xstrdup("standard output");
		log->fd = STDOUT_FILENO;
	} else {
		log->path = xstrdup(path);
		code = open_file(log, err);
	}
	if (code != 0) {
		declog_close(log, NULL);
		return code;
	}
	*out = log;
	return 0;
}

void declog_write(struct declog *log, struct span lines, bool fault)
{
	assert(lines.len == 0 || lines.data[lines.len - 1] == '\n');
	if (log->fd < 0 || log->failed || lines.len == 0) {
		return;
	}
	if (lines.len > BUFFER_BYTES - log->len) {
		log_flush(log);
		if (log->failed) {
			return;
		}
	}
	if (lines.len > BUFFER_BYTES) {
		log_put_batch(log, (const char *)lines.data, lines.len);
		return;
	}
	memcpy(log->buffer + log->len, lines.data, lines.len);
	log->len += lines.len;
	log->fault_waits |= fault;
	if (log->len >= GATHER_BYTES) {
		log_flush(log);
	}
}

int declog_commit(struct declog *log, struct err *err)
{
	if (log->fault_waits) {
		log_flush(log);
	}
	return log_result(log, err);
}

int declog_tick(struct declog *log, struct err *err)
{
	log_flush(log);
	return log_result(log, err);
}

bool declog_waits(const struct declog *log)
{
	return log->len > 0;
}

bool declog_failed(const struct declog *log)
{
	return log->failed;
}

int declog_close(struct declog *log, struct err *err)
{
	int code, error = 0;

	if (!log) {
		return 0;
	}
	if (log->fd >= 0) {
		log_flush(log);
	}
	if (log->reserved_end > log->length) {
		error = ftruncate(log->fd, (off_t)log->length) == 0 ? 0 : errno;
	}
	if (log->own && log->fd >= 0 && close(log->fd) != 0 && errno != EINTR) {
		error = errno;
	}
	if (error && !log->failed) {
		log_fail(log, error);
	}
	code = log_result(log, err);
	free(log->buffer);
	free(log->path);
	free(log);
	return code;
}
