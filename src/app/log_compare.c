#include "app/log_compare.h"

#include "app/log_common.h"

#include <string.h>

enum { EDIT_BYTES_SHOWN = 16 };

/* --- headers --- */

static void put_line(struct text *out, const char *from)
{
	struct text line = {0};

	text_bytes(&line, from, strcspn(from, "\n"));
	text_safe(out, text_cstr(&line));
	text_done(&line);
}

/* The lines at which two texts begin to differ. */
static void put_text_difference(struct text *out, const char *name, const char *a,
				const char *b)
{
	unsigned line = 1;

	for (;;) {
		size_t na = strcspn(a, "\n"), nb = strcspn(b, "\n");

		if (na != nb || memcmp(a, b, na) != 0 || a[na] != b[nb] || !a[na]) {
			break;
		}
		line++;
		a += na + 1;
		b += nb + 1;
	}
	text_str(out, "rule file ");
	text_safe(out, name);
	text_format(out, " differs from line %u on: \"", line);
	put_line(out, a);
	text_str(out, "\" in A, \"");
	put_line(out, b);
	text_str(out, "\" in B\n");
}

static const json_t *find_file(const json_t *files, const char *name)
{
	size_t i;
	json_t *file;

	json_array_foreach((json_t *)files, i, file)
	{
		if (strcmp(json_text(file, "name", ""), name) == 0) {
			return file;
		}
	}
	return NULL;
}

static void put_only(struct text *out, const char *name, const char *where)
{
	text_str(out, "rule file ");
	text_safe(out, name);
	text_format(out, ": only in %s\n", where);
}

static void put_files(struct text *out, const json_t *a, const json_t *b)
{
	size_t i;
	json_t *file;

	json_array_foreach((json_t *)a, i, file)
	{
		const char *name = json_text(file, "name", "");
		const json_t *other = find_file(b, name);

		if (!other) {
			put_only(out, name, "A");
		} else if (!json_equal(file, other)) {
			put_text_difference(out, name, json_text(file, "text", ""),
					    json_text(other, "text", ""));
		}
	}
	json_array_foreach((json_t *)b, i, file)
	{
		const char *name = json_text(file, "name", "");

		if (!find_file(a, name)) {
			put_only(out, name, "B");
		}
	}
}

bool log_compare_headers(const json_t *a, const json_t *b, struct text *out)
{
	int64_t seed_a = json_i64(a, "seed", 0), seed_b = json_i64(b, "seed", 0);
	const char *key;
	json_t *value;

	if (json_equal(a, b)) {
		return false;
	}
	if (seed_a != seed_b) {
		text_format(out, "seed: %jd in A, %jd in B\n", (intmax_t)seed_a,
			    (intmax_t)seed_b);
	}
	put_files(out, json_object_get(a, "files"), json_object_get(b, "files"));
	json_object_foreach((json_t *)a, key, value)
	{
		if (strcmp(key, "files") != 0 && strcmp(key, "seed") != 0 &&
		    !json_equal(value, json_object_get(b, key))) {
			text_str(out, "header: \"");
			text_safe(out, key);
			text_str(out, "\" differs\n");
		}
	}
	json_object_foreach((json_t *)b, key, value)
	{
		if (!json_object_get(a, key)) {
			text_str(out, "header: \"");
			text_safe(out, key);
			text_str(out, "\" is only in B\n");
		}
	}
	return true;
}

/* --- lines --- */

static bool same_value(const json_t *a, const json_t *b, const char *key)
{
	const json_t *in_a = json_object_get(a, key), *in_b = json_object_get(b, key);

	return in_a == in_b || json_equal(in_a, in_b); /* the former: it is in neither */
}

/* The keys whose values are not the same. */
static void put_keys(struct text *out, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)a, key, value)
	{
		if (!same_value(a, b, key)) {
			text_byte(out, ' ');
			text_safe(out, key);
		}
	}
	json_object_foreach((json_t *)b, key, value)
	{
		if (!json_object_get(a, key)) {
			text_byte(out, ' ');
			text_safe(out, key);
		}
	}
}

/* The line without what follows from its bytes, when those are others than the other's.
 * Edits follow from them when there are as many. A new tree. */
static json_t *without_content(const json_t *line, const json_t *other)
{
	json_t *copy = json_copy((json_t *)line);

	if (!same_value(line, other, "digest") &&
	    json_array_size(json_object_get(line, "edits")) ==
		    json_array_size(json_object_get(other, "edits"))) {
		json_object_del(copy, "digest");
		json_object_del(copy, "edits");
	}
	return copy;
}

/* What the log says of one unit. */
static void put_decision(struct text *out, const char *which, const json_t *line)
{
	size_t i;
	json_t *effect, *outcome;
	const char *rule;
	bool any = false;

	text_format(out, "\n    %s: ", which);
	json_array_foreach(json_object_get(line, "effects"), i, effect)
	{
		text_str(out, any ? "; " : "");
		text_effect(out, effect);
		any = true;
	}
	json_array_foreach(json_object_get(line, "edits"), i, effect)
	{
		text_str(out, any ? "; " : "");
		text_edit(out, effect, EDIT_BYTES_SHOWN);
		any = true;
	}
	text_safe(out, any ? "" : json_text(line, "verdict", "passed"));
	any = false;
	json_object_foreach(json_object_get(line, "rules"), rule, outcome)
	{
		text_str(out, any ? ", " : " [");
		text_safe(out, rule);
		text_str(out, ": ");
		text_safe(out,
			  json_is_string(outcome) ? json_string_value(outcome) : "?");
		any = true;
	}
	text_str(out, any ? "]" : "");
}

static enum log_difference compare_decisions(const json_t *a, const json_t *b,
					     struct text *why)
{
	json_t *rest_a = without_content(a, b), *rest_b = without_content(b, a);
	enum log_difference difference = LOG_CONTENT_DIFFERS;

	if (json_equal(rest_a, rest_b)) {
		text_str(why, "content: digest ");
		text_safe(why, json_text(a, "digest", "none"));
		text_str(why, " in A, ");
		text_safe(why, json_text(b, "digest", "none"));
		text_str(why, " in B");
	} else {
		difference = LOG_DECISION_DIFFERS;
		text_str(why, "decision:");
		put_keys(why, rest_a, rest_b);
		text_str(why, " differ");
		if (strcmp(json_text(a, "type", ""), "unit") == 0) {
			put_decision(why, "A", a);
			put_decision(why, "B", b);
		}
	}
	json_decref(rest_a);
	json_decref(rest_b);
	return difference;
}

enum log_difference log_compare_lines(const json_t *a, const json_t *b, struct text *why)
{
	if (json_equal(a, b)) {
		return LOG_SAME;
	}
	if (!same_value(a, b, "class")) {
		text_str(why, "class: ");
		text_safe(why, json_text(a, "class", ""));
		text_str(why, " in A, ");
		text_safe(why, json_text(b, "class", ""));
		text_str(why, " in B");
		return LOG_CLASS_DIFFERS;
	}
	if (!same_value(a, b, "len")) {
		text_format(why, "length: %lld in A, %lld in B",
			    (long long)json_i64(a, "len", -1),
			    (long long)json_i64(b, "len", -1));
		return LOG_LENGTH_DIFFERS;
	}
	return compare_decisions(a, b, why);
}
