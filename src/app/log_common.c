#include "app/log_common.h"

#include "base/arena.h"
#include "base/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int log_main(const struct verb *verb, int argc, char **argv, size_t min, size_t max,
	     const char *wanted,
	     int (*doing)(const struct verb *verb, const struct cli *cli))
{
	struct cli cli;
	int code = EXIT_USAGE;

	switch (cli_parse(verb, argc, argv, &cli)) {
	case CLI_GO:
		if (cli.num_args < min || cli.num_args > max || cli.command) {
			cli_complain(verb->name, "%s; see turncoat %s --help", wanted,
				     verb->name);
		} else {
			code = doing(verb, &cli);
		}
		break;
	case CLI_DONE:
		code = log_finish(EXIT_PASSED);
		break;
	case CLI_BAD:
		break;
	}
	cli_done(&cli);
	return code;
}

void log_warn_torn(const struct logread *log)
{
	uint64_t line = logread_torn_line(log);

	if (line) {
		cli_complain("log",
			     "%s:%ju: the last line is cut off, as a killed run leaves "
			     "it; skipped",
			     logread_name(log), (uintmax_t)line);
	}
}

int log_finish(int code)
{
	if (fflush(stdout) != 0) {
		return cli_complain("log", "cannot write: %s", strerror(errno));
	}
	if (ferror(stdout)) {
		return cli_complain("log", "cannot write to standard output");
	}
	return code;
}

/* Cuts the text behind the last ':' off; NULL when there is none. */
static char *cut_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (colon) {
		*colon = '\0';
		colon++;
	}
	return colon;
}

int identity_parse(const char *text, struct identity *out, struct err *err)
{
	char *copy, *side, *class, *k;
	int code = ERR_INPUT;

	*out = (struct identity){0};
	if (strlen(text) >= LOG_LANE_MAX) {
		return err_set(err, ERR_INPUT, "an identity of more than %d bytes",
			       LOG_LANE_MAX);
	}
	copy = out->lane;
	memcpy(copy, text, strlen(text) + 1);
	k = cut_last(copy);
	class = k ? cut_last(copy) : NULL;
	side = class ? cut_last(copy) : NULL;
	if (!side || !*copy || !*class) {
		return err_set(err, ERR_INPUT,
			       "'%s' is no identity: write LANE:SIDE:CLASS:K, as in "
			       "cache/127.0.0.1#1:request:raw:0",
			       text);
	}
	if (strcmp(side, "request") == 0 || strcmp(side, "reply") == 0) {
		out->side = strcmp(side, "reply") == 0 ? SIDE_REPLY : SIDE_REQUEST;
		code = 0;
	}
	if (code != 0) {
		return err_set(err, ERR_INPUT,
			       "'%s': the side is request or reply, not '%s'", text,
			       side);
	}
	if (strlen(class) > CLASS_NAME_MAX) {
		return err_set(err, ERR_INPUT, "'%s': a class has at most %d bytes", text,
			       CLASS_NAME_MAX);
	}
	snprintf(out->class, sizeof(out->class), "%s", class);
	code = parse_u64(k, 0, INT64_MAX, &out->k, err);
	return code == 0 ? 0 : err_context(err, "'%s': k", text);
}

void text_identity(struct text *out, const char *lane, enum side side, const char *class,
		   uint64_t k)
{
	text_safe(out, lane);
	text_byte(out, ':');
	text_str(out, side_name(side));
	text_byte(out, ':');
	text_safe(out, class);
	text_byte(out, ':');
	text_u64(out, k);
}

bool identity_is(const struct identity *id, const struct log_line *line)
{
	return line->lane && line->class && line->has_side && id->k == line->k &&
	       id->side == line->side && strcmp(id->class, line->class) == 0 &&
	       strcmp(id->lane, line->lane) == 0;
}

unsigned name_distance(const char *a, const char *b, unsigned bound)
{
	enum { NAME_MAX_COMPARED = 512 };
	unsigned row[NAME_MAX_COMPARED + 1];
	size_t na = strnlen(a, NAME_MAX_COMPARED), nb = strnlen(b, NAME_MAX_COMPARED);

	if ((na > nb ? na - nb : nb - na) >= bound) {
		return bound;
	}
	for (size_t j = 0; j <= nb; j++) {
		row[j] = (unsigned)j;
	}
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best) {
				best = row[j] + 1;
			}
			if (row[j - 1] + 1 < best) {
				best = row[j - 1] + 1;
			}
			row[j] = best;
		}
	}
	return row[nb] < bound ? row[nb] : bound;
}

void text_safe(struct text *out, const char *str)
{
	const unsigned char *p = (const unsigned char *)str;

	for (; *p; p++) {
		bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (*p < ' ' || *p == 0x7f || c1) {
			text_format(out, "\\x%02x", c1 ? p[1] : p[0]);
			p += c1;
		} else {
			text_byte(out, (char)*p);
		}
	}
}

void text_ns(struct text *out, int64_t ns)
{
	static const struct {
		int64_t from_ns;
		const char *unit;
	} units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};
	double value;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].from_ns) {
			continue;
		}
		value = (double)ns / (double)units[i].from_ns;
		text_format(out, "%.*f%s",
			    value < 9.995   ? 2
			    : value < 99.95 ? 1
					    : 0,
			    value, units[i].unit);
		return;
	}
	text_i64(out, ns);
	text_str(out, ns ? "ns" : "s");
}

int64_t json_i64(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

const char *json_text(const json_t *object, const char *key, const char *fallback)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : fallback;
}

bool log_line_weak(const json_t *line)
{
	return strcmp(json_text(line, "identity", ""), "weak") == 0;
}

bool log_line_faulty(const json_t *line)
{
	return json_array_size(json_object_get(line, "effects")) > 0 ||
	       json_array_size(json_object_get(line, "edits")) > 0 ||
	       strcmp(json_text(line, "verdict", "pass"), "pass") != 0;
}

/* All values, whatever they are called: for actions that have no phrase of their own. */
static void put_values(struct text *out, const json_t *effect)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)effect, key, value)
	{
		if (!json_is_integer(value)) {
			continue;
		}
		text_byte(out, ' ');
		text_safe(out, key);
		text_byte(out, '=');
		text_i64(out, json_integer_value(value));
	}
}

static void put_plural(struct text *out, int64_t n, const char *what)
{
	text_i64(out, n);
	text_byte(out, ' ');
	text_str(out, what);
	text_str(out, n == 1 ? "" : "s");
}

static void put_action(struct text *out, const char *name, const json_t *effect)
{
	if (strcmp(name, "drop") == 0) {
		text_str(out, "dropped");
	} else if (strcmp(name, "delay") == 0) {
		text_str(out, "delayed ");
		text_ns(out, json_i64(effect, "ns", 0));
	} else if (strcmp(name, "reorder") == 0) {
		text_str(out, "put behind ");
		put_plural(out, json_i64(effect, "gap", 0), "unit");
	} else if (strcmp(name, "duplicate") == 0) {
		text_str(out, "sent ");
		put_plural(out, json_i64(effect, "copies", 0), "more time");
		if (json_i64(effect, "gap", 0) > 0) {
			text_str(out, " behind ");
			put_plural(out, json_i64(effect, "gap", 0), "unit");
		}
	} else if (strncmp(name, "mutate ", 7) == 0) {
		text_str(out, "mutated (");
		text_safe(out, name + 7);
		text_byte(out, ')');
		put_values(out, effect);
	} else if (strcmp(name, "reset") == 0 || strcmp(name, "close") == 0) {
		text_str(out, *name == 'r' ? "reset" : "closed");
		text_str(out, " at byte ");
		text_i64(out, json_i64(effect, "at", 0));
	} else {
		text_safe(out, name);
		put_values(out, effect);
	}
}

void text_effect(struct text *out, const json_t *effect)
{
	put_action(out, json_text(effect, "do", "?"), effect);
	text_str(out, " by ");
	text_safe(out, json_text(effect, "rule", "?"));
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* `41420a "AB."`, of at most max_bytes; `nothing` for none. */
static void put_hex(struct text *out, const char *hex, size_t max_bytes)
{
	size_t len = strspn(hex, "0123456789abcdefABCDEF") / 2;
	size_t shown = len < max_bytes ? len : max_bytes;

	if (len == 0) {
		text_str(out, "nothing");
		return;
	}
	text_bytes(out, hex, shown * 2);
	text_str(out, shown < len ? "... \"" : " \"");
	for (size_t i = 0; i < shown; i++) {
		int byte = hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]);

		text_byte(out,
			  byte >= ' ' && byte < 0x7f && byte != '"' ? (char)byte : '.');
	}
	text_byte(out, '"');
	if (shown < len) {
		text_format(out, " (%zu bytes)", len);
	}
}

void text_edit(struct text *out, const json_t *edit, size_t max_bytes)
{
	text_str(out, "at ");
	text_i64(out, json_i64(edit, "at", 0));
	text_str(out, ": ");
	put_hex(out, json_text(edit, "old", ""), max_bytes);
	text_str(out, " -> ");
	put_hex(out, json_text(edit, "new", ""), max_bytes);
}

struct span log_plain_part(struct span raw)
{
	static const char wall[] = ",\"wall\":{";
	const uint8_t *at = NULL, *end = raw.data + raw.len;

	for (const uint8_t *p = end; p > raw.data && (size_t)(end - p) < 512; p--) {
		if ((size_t)(end - p) >= sizeof(wall) - 1 &&
		    memcmp(p, wall, sizeof(wall) - 1) == 0) {
			at = p;
			break;
		}
	}
	if (!at) {
		return span_of(NULL, 0);
	}
	for (const uint8_t *p = at + sizeof(wall) - 1; p < end; p++) {
		bool closing = p + 2 >= end;

		if (*p == '{' || (*p == '}') != closing) {
			return span_of(NULL, 0);
		}
	}
	return span_of(raw.data, (size_t)(at - raw.data));
}

struct config *log_config(const json_t *files, struct err *err)
{
	size_t num = json_array_size(files);
	struct inifile *inifiles = xcalloc(num + 1, sizeof(*inifiles));
	struct config *config = NULL;
	struct arena arena = {0};
	int code = 0;

	for (size_t i = 0; code == 0 && i < num; i++) {
		const json_t *file = json_array_get(files, i);
		const json_t *text = json_object_get(file, "text");

		code = inifile_parse(json_text(file, "name", "?"),
				     span_of(json_string_value(text),
					     json_string_length(text)),
				     &arena, &inifiles[i], err);
	}
	if (code != 0 || config_parse(inifiles, num, &config, err) != 0) {
		config = NULL;
	}
	arena_done(&arena);
	free(inifiles);
	return config;
}

struct side_stats json_stats(const json_t *stats)
{
	const struct {
		const char *name;
		size_t at;
	} rows[] = {
#define ROW(name) {#name, offsetof(struct side_stats, name)}
		ROW(units_in),	    ROW(units_injected), ROW(units_copies),
		ROW(units_out),	    ROW(units_dropped),	 ROW(units_held),
		ROW(bytes_in),	    ROW(bytes_injected), ROW(bytes_copies),
		ROW(bytes_grown),   ROW(bytes_shrunk),	 ROW(bytes_out),
		ROW(bytes_dropped), ROW(bytes_held),
#undef ROW
	};
	struct side_stats out = {0};

	_Static_assert(sizeof(rows) / sizeof(rows[0]) * sizeof(uint64_t) == sizeof(out),
		       "a row a counter");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = json_i64(stats, rows[i].name, 0);

		memcpy((char *)&out + rows[i].at, &(uint64_t){(uint64_t)value},
		       sizeof(uint64_t));
	}
	return out;
}
