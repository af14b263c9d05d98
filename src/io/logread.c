#include "io/logread.h"

#include "base/arena.h"
#include "core/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_BUFFER_BYTES = 64 << 10 };

struct logread {
	char *name;
	int fd;
	bool own;
	char *buffer;
	size_t cap, from, to; /* bytes [from, to) are read and not yet handed out */
	uint64_t offset;      /* of buffer[from] in the file */
	uint64_t line;	      /* number of the line handed out last */
	bool at_end;
	uint64_t torn_line;
	json_t *json; /* of the line handed out last */
	json_t *header;
	uint64_t seed;
};

/* What a line of each type must have. */
static const struct {
	const char *name;
	bool lane, side, unit;
} TYPES[] = {
	[LOG_OPEN] = {"open", true, false, false},
	[LOG_RULES] = {"rules", true, true, false},
	[LOG_UNIT] = {"unit", true, true, true},
	[LOG_CELL_END] = {"cell-end", true, true, true},
	[LOG_LATE] = {"late", true, true, true},
	[LOG_NOTE] = {"note", false, false, false},
	[LOG_CLOSE] = {"close", true, false, false},
	[LOG_SENT] = {"sent", true, true, true},
	[LOG_STALL] = {"stall", true, true, true},
	[LOG_RELOAD] = {"reload", false, false, false},
	[LOG_RELOAD_REFUSED] = {"reload-refused", false, false, false},
	[LOG_SUMMARY] = {"summary", false, false, false},
	[LOG_OTHER] = {NULL, false, false, false},
};
_Static_assert(sizeof(TYPES) / sizeof(TYPES[0]) == NUM_LOG_TYPE, "a row a type");

static int line_error(const struct logread *log, struct err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int line_error(const struct logread *log, struct err *err, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	for (char *p = what; *p; p++) { /* jansson quotes what it stumbles on */
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = '?';
		}
	}
	return err_set(err, ERR_INPUT, "%s:%ju: %s", log->name, (uintmax_t)log->line,
		       what);
}

/* One more read into the buffer. */
static int fill(struct logread *log, struct err *err)
{
	ssize_t n;

	if (log->from > 0) {
		memmove(log->buffer, log->buffer + log->from, log->to - log->from);
		log->to -= log->from;
		log->from = 0;
	}
	if (log->to == log->cap) {
		if (log->cap > LOGREAD_LINE_MAX) {
			log->line++;
			return line_error(log, err, "a line longer than %d MiB",
					  LOGREAD_LINE_MAX >> 20);
		}
		log->cap *= 2;
		log->buffer = xrealloc(log->buffer, log->cap);
	}
	do {
		n = read(log->fd, log->buffer + log->to, log->cap - log->to);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return err_set_errno(err, "%s", log->name);
	}
	log->at_end = n == 0;
	log->to += (size_t)n;
	return 0;
}

/* The next line's bytes: 1, 0 at the end, or negative. *out_whole: it had its newline. */
static int next_raw(struct logread *log, struct span *out, uint64_t *out_offset,
		    bool *out_whole, struct err *err)
{
	size_t scanned = 0, len;
	const char *newline;
	int code;

	for (;;) {
		size_t there = log->to - log->from;

		newline = there > scanned ? memchr(log->buffer + log->from + scanned,
						   '\n', there - scanned)
					  : NULL;
		if (newline || log->at_end) {
			break;
		}
		scanned = there;
		code = fill(log, err);
		if (code != 0) {
			return code;
		}
	}
	len = newline ? (size_t)(newline - log->buffer) - log->from : log->to - log->from;
	if (len == 0 && !newline) {
		return 0;
	}
	log->line++;
	if (len > LOGREAD_LINE_MAX) {
		return line_error(log, err, "a line longer than %d MiB",
				  LOGREAD_LINE_MAX >> 20);
	}
	*out = span_of(log->buffer + log->from, len);
	*out_offset = log->offset;
	*out_whole = newline != NULL;
	log->from += len + (newline != NULL);
	log->offset += len + (newline != NULL);
	return 1;
}

static json_t *parse_line(const struct logread *log, struct span raw, struct err *err)
{
	json_error_t why;
	const uint8_t *nul = raw.len ? memchr(raw.data, 0, raw.len) : NULL;
	json_t *json;

	if (nul) {
		line_error(log, err, "a NUL byte in column %td: not a log, or damaged",
			   nul - raw.data + 1);
		return NULL;
	}
	if (raw.len == 0) {
		line_error(log, err, "an empty line");
		return NULL;
	}
	json = json_loadb((const char *)raw.data, raw.len,
			  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
			  &why);
	if (!json) {
		line_error(log, err, "not JSON: %s (column %d)", why.text, why.column);
	} else if (!json_is_object(json)) {
		line_error(log, err, "not a JSON object");
		json_decref(json);
		json = NULL;
	}
	return json;
}

static int check_files(const struct logread *log, const json_t *files, struct err *err)
{
	size_t i;
	json_t *file;

	if (!json_is_array(files)) {
		return line_error(log, err, "the header has no \"files\"");
	}
	json_array_foreach((json_t *)files, i, file)
	{
		if (!json_is_string(json_object_get(file, "name")) ||
		    !json_is_string(json_object_get(file, "text"))) {
			return line_error(
				log, err,
				"a file in \"files\" without \"name\" or \"text\"");
		}
	}
	return 0;
}

static int check_header(struct logread *log, struct err *err)
{
	const char *type = json_string_value(json_object_get(log->header, "type"));
	const json_t *abi = json_object_get(log->header, "abi");
	const json_t *seed = json_object_get(log->header, "seed");
	const char *version = json_string_value(json_object_get(log->header, "version"));

	if (!type || strcmp(type, "header") != 0) {
		return line_error(log, err,
				  "a log begins with a header line, this is %s%s",
				  type ? "a line of type " : "none", type ? type : "");
	}
	if (!json_is_integer(abi)) {
		return line_error(log, err, "the header has no \"abi\"");
	}
	if (json_integer_value(abi) != TURNCOAT_ABI) {
		return line_error(
			log, err,
			"the log has abi %lld%s%s%s, this turncoat reads abi %d only: "
			"decisions differ between them",
			(long long)json_integer_value(abi),
			version ? " (written by version " : "", version ? version : "",
			version ? ")" : "", TURNCOAT_ABI);
	}
	if (!json_is_integer(seed) || json_integer_value(seed) < 0) {
		return line_error(log, err, "the header has no \"seed\"");
	}
	log->seed = (uint64_t)json_integer_value(seed);
	return check_files(log, json_object_get(log->header, "files"), err);
}

static int read_header(struct logread *log, struct err *err)
{
	struct span raw;
	uint64_t offset;
	bool whole;
	int code = next_raw(log, &raw, &offset, &whole, err);

	if (code < 0) {
		return code;
	}
	if (code == 0) {
		return err_set(err, ERR_INPUT,
			       "%s:1: empty: a log begins with a header line", log->name);
	}
	log->header = parse_line(log, raw, err);
	if (!log->header) {
		return whole ? ERR_INPUT : err_context(err, "no whole header line");
	}
	return check_header(log, err);
}

/* Copies what is left of fd to an unlinked file, and reads that from its start. */
static int spool(struct logread *log, struct err *err)
{
	FILE *copy = tmpfile();
	int code = 0;

	if (!copy) {
		return err_set_errno(err, "%s: cannot make a temporary file", log->name);
	}
	while (code == 0 && !log->at_end) {
		code = fill(log, err);
		if (code == 0 && log->to > 0 &&
		    fwrite(log->buffer, 1, log->to, copy) != log->to) {
			code = err_set_errno(err, "%s: cannot write a temporary file",
					     log->name);
		}
		log->to = 0;
	}
	if (code == 0 && fflush(copy) != 0) {
		code = err_set_errno(err, "%s: cannot write a temporary file", log->name);
	}
	if (code == 0) {
		int fd = fcntl(fileno(copy), F_DUPFD_CLOEXEC, 3);

		if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
			code = err_set_errno(err, "%s: temporary file", log->name);
		}
		if (log->own) {
			close(log->fd);
		}
		log->fd = fd;
		log->own = fd >= 0;
		log->at_end = false;
	}
	fclose(copy);
	return code;
}

int logread_open(const char *path, bool rereadable, struct logread **out, struct err *err)
{
	struct logread *log = xcalloc(1, sizeof(*log));
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat st;
	int code = 0;

	log->name = xstrdup(is_stdin ? "stdin" : path);
	log->own = !is_stdin;
	log->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	log->cap = FIRST_BUFFER_BYTES;
	log->buffer = xmalloc(log->cap);
	if (log->fd < 0) {
		code = err_set_errno(err, "%s", path);
	} else if (rereadable && (fstat(log->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
				  lseek(log->fd, 0, SEEK_CUR) != 0)) {
		code = spool(log, err);
	}
	if (code == 0) {
		code = read_header(log, err);
	}
	if (code != 0) {
		logread_close(log);
		return code;
	}
	*out = log;
	return 0;
}

void logread_close(struct logread *log)
{
	if (!log) {
		return;
	}
	json_decref(log->json);
	json_decref(log->header);
	if (log->own && log->fd >= 0) {
		close(log->fd);
	}
	free(log->buffer);
	free(log->name);
	free(log);
}

const char *logread_name(const struct logread *log)
{
	return log->name;
}

json_t *logread_header(const struct logread *log)
{
	return log->header;
}

uint64_t logread_seed(const struct logread *log)
{
	return log->seed;
}

uint64_t logread_torn_line(const struct logread *log)
{
	return log->torn_line;
}

static bool read_side(const json_t *json, struct log_line *line)
{
	const char *side = json_string_value(json_object_get(json, "side"));

	line->has_side = true;
	if (side && strcmp(side, "request") == 0) {
		line->side = SIDE_REQUEST;
	} else if (side && strcmp(side, "reply") == 0) {
		line->side = SIDE_REPLY;
	} else {
		line->has_side = false;
	}
	return line->has_side || !json_object_get(json, "side");
}

static int check_line(const struct logread *log, struct log_line *line, struct err *err)
{
	const json_t *json = line->json;
	const char *type = json_string_value(json_object_get(json, "type"));
	const json_t *k = json_object_get(json, "k");

	if (!type) {
		return line_error(log, err, "a line without a \"type\"");
	}
	if (strcmp(type, "header") == 0) {
		return line_error(log, err,
				  "a second header: give several logs one by one");
	}
	for (line->type = 0; line->type < LOG_OTHER; line->type++) {
		if (strcmp(TYPES[line->type].name, type) == 0) {
			break;
		}
	}
	line->lane = json_string_value(json_object_get(json, "lane"));
	line->class = json_string_value(json_object_get(json, "class"));
	line->k = json_is_integer(k) ? (uint64_t)json_integer_value(k) : 0;
	if (!read_side(json, line)) {
		return line_error(log, err, "\"side\" is neither request nor reply");
	}
	if (TYPES[line->type].lane && !line->lane) {
		return line_error(log, err, "a line of type %s without a \"lane\"", type);
	}
	if (TYPES[line->type].side && !line->has_side) {
		return line_error(log, err, "a line of type %s without a \"side\"", type);
	}
	if (TYPES[line->type].unit && !line->class) {
		return line_error(log, err, "a line of type %s without a \"class\"",
				  type);
	}
	if (TYPES[line->type].unit &&
	    (!json_is_integer(k) || json_integer_value(k) < 0)) {
		return line_error(log, err, "a line of type %s without a \"k\"", type);
	}
	return 0;
}

int logread_next(struct logread *log, struct log_line *out, struct err *err)
{
	struct log_line line = {0};
	bool whole;
	int code = next_raw(log, &line.raw, &line.offset, &whole, err);

	json_decref(log->json);
	log->json = NULL;
	if (code <= 0) {
		return code;
	}
	log->json = parse_line(log, line.raw, err);
	if (!log->json) {
		if (whole) {
			return ERR_INPUT;
		}
		log->torn_line = log->line;
		return 0;
	}
	line.json = log->json;
	line.number = log->line;
	code = check_line(log, &line, err);
	if (code != 0) {
		return code;
	}
	*out = line;
	return 1;
}

int logread_again_raw(const struct logread *log, uint64_t offset, size_t len,
		      char **buffer, size_t *cap, struct err *err)
{
	size_t done = 0;

	if (*cap < len) {
		*cap = len + len / 2;
		*buffer = xrealloc(*buffer, *cap);
	}
	while (done < len) {
		ssize_t n = pread(log->fd, *buffer + done, len - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_set_errno(err, "%s", log->name);
		}
		if (n == 0) {
			return err_set(err, ERR_INPUT,
				       "%s: became shorter while it was read", log->name);
		}
		done += (size_t)n;
	}
	return 0;
}

int logread_again(const struct logread *log, uint64_t offset, size_t len, char **buffer,
		  size_t *cap, json_t **out, struct err *err)
{
	int code = logread_again_raw(log, offset, len, buffer, cap, err);

	if (code != 0) {
		return code;
	}
	*out = json_loadb(*buffer, len, JSON_ALLOW_NUL, NULL);
	if (!*out) {
		return err_set(err, ERR_INPUT, "%s: changed while it was read",
			       log->name);
	}
	return 0;
}

bool logread_is_file(const struct logread *log, int fd)
{
	struct stat a, b;

	return fstat(log->fd, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}
