#include "app/log_canon.h"

#include "app/log_common.h"
#include "app/log_index.h"
#include "app/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct optrow LOG_CANON_OPTIONS[] = {
	{
		.name = "output",
		.type = OPT_TEXT,
		.metavar = "FILE",
		.help = "write there instead of to standard output",
	},
	{0},
};

static int put_line(json_t *json, FILE *out, struct err *err)
{
	json_object_del(json, "wall");
	if (json_dumpf(json, out, JSON_COMPACT | JSON_SORT_KEYS) != 0 ||
	    fputc('\n', out) == EOF) {
		return err_set_errno(err, "cannot write");
	}
	return 0;
}

enum { SCAN_DEPTH_MAX = 8 };

/* Is a line that is cut before its wall-clock part what jansson would write of it:
 * compact, keys sorted, whole numbers, plain ASCII? It is valid JSON, so only its form is
 * looked at. */
static bool is_canonical(struct span part)
{
	struct span keys[SCAN_DEPTH_MAX + 1] = {{NULL, 0}}; /* the last at each depth */
	const uint8_t *p = part.data, *end = part.data + part.len;
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '{' || *p == '[') {
			if (++depth > SCAN_DEPTH_MAX) {
				return false;
			}
			keys[depth] = span_of(NULL, 0);
		} else if (*p == '}' || *p == ']') {
			depth--;
		} else if (*p == '"') {
			const uint8_t *start = ++p;
			struct span key;
			int order;

			while (p < end && *p != '"') {
				if (*p < ' ' || *p >= 0x7f || *p == '\\') {
					return false;
				}
				p++;
			}
			key = span_of(start, (size_t)(p - start));
			if (p + 1 >= end || p[1] != ':') {
				continue;
			}
			order = keys[depth].len ? memcmp(keys[depth].data, key.data,
							 keys[depth].len < key.len
								 ? keys[depth].len
								 : key.len)
						: -1;
			if (order > 0 || (order == 0 && keys[depth].len >= key.len)) {
				return false;
			}
			keys[depth] = key;
		} else if ((*p == '-' && p + 1 < end && p[1] == '0') || *p <= ' ' ||
			   *p == '.' || *p == 'E' || *p == '+' ||
			   (*p == 'e' && p[-1] >= '0' && p[-1] <= '9')) {
			return false;
		}
	}
	return depth == 1;
}

static int put_entry(struct logread *log, const struct log_entry *entry, char **buffer,
		     size_t *cap, FILE *out, struct err *err)
{
	json_t *json = NULL;
	struct span part;
	int code =
		logread_again_raw(log, entry->offset, entry->len_bytes, buffer, cap, err);

	if (code != 0) {
		return code;
	}
	part = log_plain_part(span_of(*buffer, entry->len_bytes));
	if (part.len > 0 && is_canonical(part)) {
		if (fwrite(part.data, 1, part.len, out) != part.len ||
		    fputs("}\n", out) == EOF) {
			return err_set_errno(err, "cannot write");
		}
		return 0;
	}
	code = logread_again(log, entry->offset, entry->len_bytes, buffer, cap, &json,
			     err);
	if (code == 0) {
		code = put_line(json, out, err);
	}
	json_decref(json);
	return code;
}

int log_canon(struct logread *log, FILE *out, struct err *err)
{
	struct log_index index;
	char *buffer = NULL;
	size_t cap = 0;
	int code;

	code = log_index_build(&index, log, err);
	if (code < 0) {
		return code;
	}
	code = put_line(logread_header(log), out, err);
	for (size_t i = 0; code == 0 && i < index.num; i++) {
		code = put_entry(log, &index.entries[i], &buffer, &cap, out, err);
	}
	free(buffer);
	log_index_done(&index);
	return code;
}

static FILE *open_output(const char *path, const struct logread *log)
{
	FILE *out;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0) {
		cli_complain("log", "cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	if (logread_is_file(log, fd)) {
		cli_complain("log", "%s would overwrite the log itself", path);
		close(fd);
		return NULL;
	}
	if (ftruncate(fd, 0) != 0 && errno != EINVAL) {
		cli_complain("log", "cannot empty %s: %s", path, strerror(errno));
		close(fd);
		return NULL;
	}
	out = fdopen(fd, "w");
	if (!out) {
		cli_complain("log", "cannot open %s: %s", path, strerror(errno));
		close(fd);
	}
	return out;
}

static int run(const char *path, const char *output)
{
	struct logread *log = NULL;
	struct err err = {0};
	FILE *out = stdout;
	int code = 0;

	if (logread_open(path, true, &log, &err) != 0) {
		return cli_complain("log", "%s", err.text);
	}
	if (output && strcmp(output, "-") != 0) {
		out = open_output(output, log);
	}
	if (!out) {
		code = EXIT_USAGE;
		goto close;
	}
	if (log_canon(log, out, &err) != 0) {
		code = cli_complain("log", "%s", err.text);
	}
	log_warn_torn(log);
	if (out == stdout) {
		code = code ? code : log_finish(0);
	} else if (fclose(out) != 0 && code == 0) {
		code = cli_complain("log", "cannot write %s: %s", output,
				    strerror(errno));
	}
close:
	logread_close(log);
	return code;
}

static int canon_log(const struct verb *verb, const struct cli *cli)
{
	return run(cli->args[0], cli_opt(verb, cli, "output")->text);
}

int cmd_log_canon(const struct verb *verb, int argc, char **argv)
{
	return log_main(verb, argc, argv, 1, 1, "name one log", canon_log);
}
