#include "base/optrow.h"

#include "base/nearest.h"
#include "base/quantity.h"

#include <assert.h>
#include <string.h>

size_t optrow_num(const struct optrow *rows)
{
	size_t num = 0;

	while (rows[num].name) {
		num++;
	}
	return num;
}

int optrow_find(const struct optrow *rows, const char *name)
{
	for (int i = 0; rows[i].name; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}

/* Words: split at spaces, except within "…" or /…/ that begin a word (behind a '!' as
 * well) or its value. */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* p stands on an opening '"' or '/': behind its closing one, or NULL when there is none.
 * A backslash takes the next character along. */
static const char *skip_enclosed(const char *p)
{
	char closing = *p++;

	for (; *p; p++) {
		if (*p == closing) {
			return p + 1;
		}
		if (*p == '\\' && p[1]) {
			p++;
		}
	}
	return NULL;
}

/* The end of the word at p. A quote or slash that nothing closes encloses nothing, as
 * parsing the value will tell; *unclosed becomes the first such. */
static const char *word_end(const char *p, char *unclosed)
{
	const char *start = p;
	bool may_open = true, seen_equals = false;

	while (*p && !is_space(*p)) {
		const char *closed = NULL;

		if (may_open && (*p == '"' || *p == '/')) {
			closed = skip_enclosed(p);
			if (!closed && !*unclosed) {
				*unclosed = *p;
			}
		}
		may_open = (*p == '=' && !seen_equals) || (*p == '!' && p == start);
		seen_equals |= *p == '=';
		p = closed ? closed : p + 1;
	}
	return p;
}

static const char *skip_space(const char *p)
{
	while (is_space(*p)) {
		p++;
	}
	return p;
}

char optrow_unclosed(const char *list)
{
	char unclosed = '\0';

	while (*(list = skip_space(list))) {
		list = word_end(list, &unclosed);
	}
	return unclosed;
}

const char *optrow_word(const char **list, struct arena *arena)
{
	const char *start = skip_space(*list);
	const char *end;
	char unclosed = '\0';

	*list = start;
	if (!*start) {
		return NULL;
	}
	end = word_end(start, &unclosed);
	*list = skip_space(end);
	return arena_copy_span(arena, span_of(start, (size_t)(end - start)));
}

/* Values */

/* How many bytes \xHH, \n and the like take in the text, and which byte they stand for.
 * 0: not an escape. */
static size_t escape_read(const char *p, uint8_t *out)
{
	static const char LETTERS[] = "\"\\nrt0";
	static const char BYTES[] = "\"\\\n\r\t";
	const char *letter = p[1] ? strchr(LETTERS, p[1]) : NULL;
	char digits[3];
	size_t len;

	if (letter) {
		*out = (uint8_t)BYTES[letter - LETTERS]; /* for '0' the NUL of BYTES */
		return 2;
	}
	if (p[1] != 'x' || !p[2] || !p[3]) {
		return 0;
	}
	memcpy(digits, p + 2, 2);
	digits[2] = '\0';
	return parse_hex(digits, out, 1, &len, NULL) == 0 && len == 1 ? 4 : 0;
}

/* "…" with its escapes to bytes, which may hold NUL. */
static int unquote(const char *value, struct arena *arena, struct span *out,
		   struct err *err)
{
	uint8_t *bytes = arena_take(arena, strlen(value) + 1);
	const char *p = value + 1;
	size_t len = 0;

	while (*p && *p != '"') {
		size_t taken = 1;

		bytes[len] = (uint8_t)*p;
		if (*p == '\\') {
			taken = escape_read(p, &bytes[len]);
			if (!taken) {
				return err_set(err, ERR_INPUT,
					       "'\\%.1s' is no escape: use \\\" \\\\ \\n "
					       "\\r \\t \\0 or \\xHH",
					       p + 1);
			}
		}
		len++;
		p += taken;
	}
	if (!*p) {
		return err_set(err, ERR_INPUT, "%s has no closing quote", value);
	}
	if (p[1]) {
		return err_set(err, ERR_INPUT,
			       "there is text behind the closing quote: %s", p + 1);
	}
	bytes[len] = '\0';
	*out = span_of(bytes, len);
	return 0;
}

static int parse_regex(const char *value, struct arena *arena, struct optval *out,
		       struct err *err)
{
	const char *end = *value == '/' ? skip_enclosed(value) : NULL;

	if (!end) {
		return err_set(err, ERR_INPUT,
			       "'%s' is not a pattern between slashes, such as /^GET/i",
			       value);
	}
	if (end - value == 2) {
		return err_set(err, ERR_INPUT, "the pattern // is empty");
	}
	if (end[strspn(end, "ismx")]) {
		return err_set(
			err, ERR_INPUT,
			"'%s' behind the pattern: only the flags i, s, m, x may stand "
			"there (a slash within is written \\/)",
			end);
	}
	out->text = arena_copy_span(arena, span_of(value + 1, (size_t)(end - value - 2)));
	out->bytes = span_str(out->text);
	out->flags = arena_copy_text(arena, end);
	return 0;
}

static int parse_choice(const struct optrow *row, const char *value, struct optval *out,
			struct err *err)
{
	struct text all = {0};
	const char *near = nearest_name(value, row->choices);
	int rc;

	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], value) == 0) {
			out->num = i;
			text_done(&all);
			return 0;
		}
		text_str(&all, i ? ", " : "");
		text_str(&all, row->choices[i]);
	}
	if (near) {
		rc = err_set(err, ERR_INPUT,
			     "unknown choice '%s'; did you mean '%s'? (choices: %s)",
			     value, near, text_cstr(&all));
	} else {
		rc = err_set(err, ERR_INPUT, "unknown choice '%s' (choices: %s)", value,
			     text_cstr(&all));
	}
	text_done(&all);
	return rc;
}

static int parse_bool(const char *value, struct optval *out, struct err *err)
{
	static const char *const WORDS[] = {"no",  "yes", "false", "true",
					    "off", "on",  "0",	   "1"};

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
		if (strcmp(value, WORDS[i]) == 0) {
			out->num = i % 2;
			return 0;
		}
	}
	return err_set(err, ERR_INPUT, "'%s' is neither yes nor no", value);
}

static int parse_signed(const char *value, struct optval *out, struct err *err)
{
	bool negative = *value == '-';
	const char *digits = value + (negative || *value == '+');
	uint64_t magnitude;

	if (parse_u64(digits, 0, INT64_MAX, &magnitude, NULL)) {
		return err_set(err, ERR_INPUT, "'%s' is not a whole number", value);
	}
	out->num = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}

static int parse_hex_bytes(const char *value, struct arena *arena, struct optval *out,
			   struct err *err)
{
	size_t max = strlen(value) / 2 + 1;
	uint8_t *bytes = arena_take(arena, max);
	size_t len;
	int rc = parse_hex(value, bytes, max, &len, err);

	if (rc == 0) {
		out->bytes = span_of(bytes, len);
	}
	return rc;
}

/* Bounds. min == max == 0 is none at all; max below min is none above. */

static bool has_bounds(const struct optrow *row)
{
	/* That a text must not be empty goes without saying. */
	return row->max || row->min < 0 || row->min > (row->type == OPT_TEXT);
}

static bool has_maximum(const struct optrow *row)
{
	return has_bounds(row) && row->max >= row->min && row->max != INT64_MAX;
}

static void format_number(enum opt_type type, int64_t num, struct text *out)
{
	if (type == OPT_TIME) {
		text_duration(out, num);
	} else if (type == OPT_SIZE || type == OPT_TEXT || type == OPT_HEX) {
		text_size(out, (uint64_t)num);
	} else {
		text_i64(out, num);
	}
}

static void format_bounds(const struct optrow *row, struct text *out)
{
	if (has_maximum(row)) {
		format_number(row->type, row->min, out);
		text_str(out, "..");
		format_number(row->type, row->max, out);
	} else {
		text_str(out, "at least ");
		format_number(row->type, row->min, out);
	}
}

static int check_bounds(const struct optrow *row, int64_t num, const char *value,
			struct err *err)
{
	bool text = row->type == OPT_TEXT || row->type == OPT_HEX;
	struct text range = {0};
	int rc;

	if (!has_bounds(row) ||
	    (num >= row->min && (!has_maximum(row) || num <= row->max))) {
		return 0;
	}
	format_bounds(row, &range);
	if (text) {
		rc = err_set(err, ERR_INPUT, "%lld bytes long, but it must be %s",
			     (long long)num, text_cstr(&range));
	} else {
		rc = err_set(err, ERR_INPUT, "%s is out of range: %s", value,
			     text_cstr(&range));
	}
	text_done(&range);
	return rc;
}

static int parse_plain(const struct optrow *row, const char *value, struct arena *arena,
		       struct optval *val, struct err *err)
{
	uint64_t num = 0;
	int rc = 0;

	switch (row->type) {
	case OPT_COUNT:
		rc = parse_u64(value, 0, INT64_MAX, &num, err);
		val->num = (int64_t)num;
		break;
	case OPT_SIZE:
		rc = parse_size(value, &num, err);
		val->num = (int64_t)num;
		break;
	case OPT_SIGNED:
		rc = parse_signed(value, val, err);
		break;
	case OPT_TIME:
		rc = parse_duration(value, &val->num, err);
		break;
	case OPT_CHANCE:
		return parse_chance(value, &val->chance, err);
	case OPT_CHOICE:
		return parse_choice(row, value, val, err);
	case OPT_BOOL:
		return parse_bool(value, val, err);
	case OPT_TEXT:
		num = val->bytes.len;
		break;
	case OPT_HEX:
		rc = parse_hex_bytes(value, arena, val, err);
		num = val->bytes.len;
		break;
	case OPT_REGEX:
		return parse_regex(value, arena, val, err);
	case NUM_OPT:
		assert(!"a type");
	}
	if (rc) {
		return rc;
	}
	if (row->type == OPT_TEXT || row->type == OPT_HEX) {
		return check_bounds(row, (int64_t)num, value, err);
	}
	return check_bounds(row, val->num, value, err);
}

int optrow_parse(const struct optrow *row, const char *value, struct arena *arena,
		 struct optval *out, struct err *err)
{
	struct optval val = {.given = true, .present = true, .flags = ""};
	int rc = 0;

	if (*value == '"') {
		rc = unquote(value, arena, &val.bytes, err);
		val.text = (const char *)val.bytes.data;
	} else {
		val.text = arena_copy_text(arena, value);
		val.bytes = span_str(val.text);
	}
	if (rc == 0 && !*value) {
		rc = err_set(err, ERR_INPUT,
			     "the value is empty (\"\" is the empty text)");
	}
	if (rc == 0) {
		rc = parse_plain(row, val.text, arena, &val, err);
	}
	if (rc) {
		err_context(err, "%s", row->name);
		return rc;
	}
	*out = val;
	return 0;
}

void optrow_defaults(const struct optrow *rows, struct arena *arena, struct optval *vals)
{
	for (size_t i = 0; rows[i].name; i++) {
		vals[i] = (struct optval){.flags = ""};
		if (rows[i].fallback) {
			int rc = optrow_parse(&rows[i], rows[i].fallback, arena, &vals[i],
					      NULL);

			assert(rc == 0);
			(void)rc;
			vals[i].given = false;
		}
	}
}

static int unknown_option(const struct optrow *rows, const char *name,
			  struct arena *arena, struct err *err)
{
	size_t num = optrow_num(rows);
	const char **names = arena_take_array(arena, num + 1, sizeof(*names));
	const char *near;
	struct text all = {0};
	int rc;

	for (size_t i = 0; i < num; i++) {
		names[i] = rows[i].name;
		text_str(&all, i ? ", " : "");
		text_str(&all, rows[i].name);
	}
	near = nearest_name(name, names);
	if (near) {
		rc = err_set(err, ERR_INPUT, "unknown option '%s'; did you mean '%s'?",
			     name, near);
	} else if (num) {
		rc = err_set(err, ERR_INPUT, "unknown option '%s' (options: %s)", name,
			     text_cstr(&all));
	} else {
		rc = err_set(err, ERR_INPUT, "unknown option '%s': it takes no options",
			     name);
	}
	text_done(&all);
	return rc;
}

static int parse_word(const struct optrow *rows, char *word, struct arena *arena,
		      struct optval *vals, struct err *err)
{
	char *equals = strchr(word, '=');
	const char *value = equals ? equals + 1 : "yes";
	int i;

	if (equals) {
		*equals = '\0';
	}
	i = optrow_find(rows, word);
	if (i < 0) {
		return unknown_option(rows, word, arena, err);
	}
	if (!equals && rows[i].type != OPT_BOOL) {
		return err_set(err, ERR_INPUT, "%s has no value: write %s=%s", word, word,
			       optrow_metavar(&rows[i], arena));
	}
	if (vals[i].given) {
		return err_set(err, ERR_INPUT, "%s is given twice", word);
	}
	return optrow_parse(&rows[i], value, arena, &vals[i], err);
}

int optrow_parse_list(const struct optrow *rows, const char *list, struct arena *arena,
		      struct optval *vals, struct err *err)
{
	const char *word;

	while ((word = optrow_word(&list, arena))) {
		int rc = parse_word(rows, arena_copy_text(arena, word), arena, vals, err);

		if (rc) {
			return rc;
		}
	}
	for (size_t i = 0; rows[i].name; i++) {
		if (rows[i].required && !vals[i].given) {
			return err_set(err, ERR_INPUT, "%s is missing: write %s=%s",
				       rows[i].name, rows[i].name,
				       optrow_metavar(&rows[i], arena));
		}
	}
	return 0;
}

/* Help */

static void format_choices(const struct optrow *row, struct text *out)
{
	for (int i = 0; row->choices[i]; i++) {
		text_str(out, i ? "|" : "");
		text_str(out, row->choices[i]);
	}
}

const char *optrow_metavar(const struct optrow *row, struct arena *arena)
{
	static const char *const BY_TYPE[] = {
		[OPT_COUNT] = "N",	 [OPT_SIGNED] = "N",	  [OPT_SIZE] = "BYTES",
		[OPT_TIME] = "TIME",	 [OPT_CHANCE] = "CHANCE", [OPT_CHOICE] = NULL,
		[OPT_BOOL] = "yes|no",	 [OPT_TEXT] = "TEXT",	  [OPT_HEX] = "HEX",
		[OPT_REGEX] = "/REGEX/",
	};
	struct text choices = {0};
	const char *copy;

	_Static_assert(sizeof(BY_TYPE) / sizeof(BY_TYPE[0]) == NUM_OPT,
		       "a metavar a type");
	if (row->metavar) {
		return row->metavar;
	}
	if (row->type != OPT_CHOICE) {
		return BY_TYPE[row->type];
	}
	format_choices(row, &choices);
	copy = arena_copy_text(arena, text_cstr(&choices));
	text_done(&choices);
	return copy;
}

void optrow_describe(const struct optrow *row, struct text *out)
{
	struct arena arena = {0};
	const char *comma = "";

	text_format(out, "%s=%s", row->name, optrow_metavar(row, &arena));
	arena_done(&arena);
	if (has_bounds(row) || row->fallback || row->required) {
		text_str(out, " (");
		if (row->required) {
			text_str(out, "required");
			comma = ", ";
		}
		if (has_bounds(row)) {
			text_str(out, comma);
			format_bounds(row, out);
			comma = ", ";
		}
		if (row->fallback) {
			text_format(out, "%sdefault %s", comma, row->fallback);
		}
		text_byte(out, ')');
	}
	text_str(out, "  ");
	text_str(out, row->help);
}
