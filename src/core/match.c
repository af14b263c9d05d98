#include "core/match.h"

#include "base/quantity.h"
#include "base/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* Bounds for one match, far past what a sane pattern takes on a unit: a pattern that
 * would run away does not match instead of stopping the wire. */
enum {
	REGEX_MATCH_LIMIT = 1000000,
	REGEX_DEPTH_LIMIT = 100000,
	REGEX_HEAP_LIMIT_KIB = 16384,
};

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	uint32_t num_groups;
	bool anchored; /* can match at the subject's beginning only */
};

static int regex_options(const char *flags, uint32_t *out, struct err *err)
{
	*out = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	for (const char *f = flags; *f; f++) {
		switch (*f) {
		case 'i':
			*out |= PCRE2_CASELESS;
			break;
		case 's':
			*out |= PCRE2_DOTALL;
			break;
		case 'm':
			*out |= PCRE2_MULTILINE;
			break;
		case 'x':
			*out |= PCRE2_EXTENDED;
			break;
		default:
			return err_set(
				err, ERR_INPUT,
				"unknown flag '%c' behind the pattern; there are i, s, "
				"m and x",
				*f);
		}
	}
	return 0;
}

struct regex *regex_new(const char *pattern, const char *flags, struct err *err)
{
	struct regex *regex;
	uint32_t options;
	PCRE2_SIZE at;
	int code;

	if (regex_options(flags, &options, err) < 0) {
		return NULL;
	}
	regex = xcalloc(1, sizeof(*regex));
	regex->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options,
				    &code, &at, NULL);
	if (!regex->code) {
		PCRE2_UCHAR message[160];

		pcre2_get_error_message(code, message, sizeof(message));
		err_set(err, ERR_INPUT, "bad pattern /%s/: %s at character %zu", pattern,
			(const char *)message, (size_t)at + 1);
		free(regex);
		return NULL;
	}
	/* Where there is no JIT the interpreter gives the same matches, only later. */
#if REGEX_JIT /* configure --disable-jit: valgrind can't follow it */
	(void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
#endif
	regex->data = pcre2_match_data_create_from_pattern(regex->code, NULL);
	regex->context = pcre2_match_context_create(NULL);
	if (!regex->data || !regex->context) {
		err_set(err, ERR_MEMORY, "no memory for the pattern /%s/", pattern);
		regex_free(regex);
		return NULL;
	}
	pcre2_set_match_limit(regex->context, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(regex->context, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(regex->context, REGEX_HEAP_LIMIT_KIB);
	pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->num_groups);
	pcre2_pattern_info(regex->code, PCRE2_INFO_ALLOPTIONS, &options);
	regex->anchored = (options & PCRE2_ANCHORED) != 0;
	return regex;
}

void regex_free(struct regex *regex)
{
	if (regex) {
		pcre2_match_context_free(regex->context);
		pcre2_match_data_free(regex->data);
		pcre2_code_free(regex->code);
		free(regex);
	}
}

/* JIT's stack is small, and too small for (a|b)* on a long unit; the interpreter's heap
 * is not. */
static int run(struct regex *regex, const uint8_t *data, size_t len, size_t from,
	       uint32_t options)
{
	int code = pcre2_match(regex->code, data, len, from, options, regex->data,
			       regex->context);

	if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
		code = pcre2_match(regex->code, data, len, from, options | PCRE2_NO_JIT,
				   regex->data, regex->context);
	}
	return code;
}

bool regex_find(struct regex *regex, struct span bytes, size_t from, size_t *at,
		size_t *len)
{
	static const uint8_t nothing[1];
	const uint8_t *data = bytes.data ? bytes.data : nothing;
	const PCRE2_SIZE *where;

	if (from > bytes.len || run(regex, data, bytes.len, from, 0) < 0) {
		return false;
	}
	where = pcre2_get_ovector_pointer(regex->data);
	if (where[1] <
	    where[0]) { /* \K in a lookahead may put the start behind the end */
		return false;
	}
	*at = where[0];
	*len = where[1] - where[0];
	return true;
}

enum regex_stream regex_find_stream(struct regex *regex, struct span bytes)
{
	int code;

	if (bytes.len == 0) {
		return REGEX_MORE;
	}
	code = run(regex, bytes.data, bytes.len, 0, PCRE2_PARTIAL_HARD);
	if (code == PCRE2_ERROR_PARTIAL ||
	    (code == PCRE2_ERROR_NOMATCH && !regex->anchored)) {
		return REGEX_MORE;
	}
	return code < 0 ? REGEX_NONE : REGEX_FOUND;
}

struct span regex_group(const struct regex *regex, struct span bytes, unsigned n)
{
	const PCRE2_SIZE *where = pcre2_get_ovector_pointer(regex->data);

	if (n > regex->num_groups || where[2 * n] == PCRE2_UNSET ||
	    where[2 * n + 1] < where[2 * n]) {
		return span_of(NULL, 0);
	}
	return span_sub(bytes, where[2 * n], where[2 * n + 1] - where[2 * n]);
}

unsigned regex_num_groups(const struct regex *regex)
{
	return regex->num_groups;
}

int regex_group_number(const struct regex *regex, const char *name)
{
	int n = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);

	return n > 0 ? n : -1;
}

void match_init(struct match *match)
{
	*match = (struct match){
		.sides = {true, true},
		.len_max = UINT64_MAX,
		.k_max = UINT64_MAX,
	};
}

void match_done(struct match *match)
{
	regex_free(match->regex);
	match->regex = NULL;
}

bool match_needs_whole(const struct match *match)
{
	return match->regex || match->len_min > 0 || match->len_max != UINT64_MAX;
}

/* The last '*' takes as little as it can, and one byte more where the rest fails: that
 * is enough, as no earlier one could give the rest more to choose from. */
bool glob_match(const char *glob, const char *name)
{
	const char *behind_star = NULL, *taken = NULL;

	while (*name) {
		if (*glob == '*') {
			behind_star = ++glob;
			taken = name;
		} else if (*glob == '?' || *glob == *name) {
			glob++;
			name++;
		} else if (behind_star) {
			glob = behind_star;
			name = ++taken;
		} else {
			return false;
		}
	}
	while (*glob == '*') {
		glob++;
	}
	return !*glob;
}

static bool match_class(const struct match *match, const char *class)
{
	for (const char *const *glob = match->classes; *glob; glob++) {
		if (glob_match(*glob, class)) {
			return true;
		}
	}
	return false;
}

bool match_unit(const struct match *match, enum side side, const struct unit *unit)
{
	size_t at, len;

	if (!match->sides[side]) {
		return false;
	}
	if (unit->k < match->k_min || unit->k > match->k_max) {
		return false;
	}
	if (match->classes && !match_class(match, unit->class)) {
		return false;
	}
	if (!match_needs_whole(match)) {
		return true;
	}
	if (unit->bytes.len < match->len_min || unit->bytes.len > match->len_max) {
		return false;
	}
	if (!match->regex) {
		return true;
	}
	return regex_find(match->regex, unit->bytes, 0, &at, &len) !=
	       match->regex_negated;
}

int match_parse_classes(struct match *match, const char *text, struct arena *arena,
			struct err *err)
{
	size_t num = 0, stars = 0;
	const char **classes;
	const char *p = text;

	for (const char *q = text; *q; q++) {
		num += *q == '|' || *q == ',';
	}
	classes = arena_take_array(arena, num + 2, sizeof(*classes));
	num = 0;
	for (p += strspn(p, " \t"); *p; p += strspn(p, " \t")) {
		size_t len = strcspn(p, "|, \t");

		for (size_t i = stars = 0; i < len; i++) {
			stars += p[i] == '*';
		}
		if (len > CLASS_NAME_MAX || stars > 4) {
			return err_set(err, ERR_INPUT,
				       "class '%.*s' is too long: at most %d characters, "
				       "with at "
				       "most 4 '*'",
				       (int)len, p, CLASS_NAME_MAX);
		}
		if (len > 0) {
			classes[num++] = arena_copy_span(arena, span_of(p, len));
		}
		p += len;
		if (*p == ' ' || *p == '\t') {
			p += strspn(p, " \t");
			if (*p && *p != '|' && *p != ',') {
				return err_set(
					err, ERR_INPUT,
					"classes are separated by '|' or ',', as in "
					"\"GET|POST\"");
			}
		}
		p += *p != '\0';
	}
	if (num == 0) {
		return err_set(err, ERR_INPUT,
			       "no class given; write for example \"GET|POST\"");
	}
	classes[num] = NULL;
	match->classes = classes;
	return 0;
}

static int parse_length_bound(const char *from, size_t len, uint64_t *out,
			      struct err *err)
{
	char text[32];

	while (len && *from == ' ') {
		from++, len--;
	}
	while (len && from[len - 1] == ' ') {
		len--;
	}
	if (len == 0 || len >= sizeof(text)) {
		return err_set(err, ERR_INPUT, "a length is missing or too long");
	}
	memcpy(text, from, len);
	text[len] = '\0';
	return parse_size(text, out, err);
}

int match_parse_length(struct match *match, const char *text, struct err *err)
{
	uint64_t min = 0, max = UINT64_MAX;
	const char *dash = strchr(text, '-');
	int code;

	if (strncmp(text, ">=", 2) == 0) {
		code = parse_length_bound(text + 2, strlen(text + 2), &min, err);
	} else if (strncmp(text, "<=", 2) == 0) {
		code = parse_length_bound(text + 2, strlen(text + 2), &max, err);
	} else if (dash) {
		code = parse_length_bound(text, (size_t)(dash - text), &min, err);
		if (code == 0) {
			code = parse_length_bound(dash + 1, strlen(dash + 1), &max, err);
		}
	} else {
		code = parse_length_bound(text, strlen(text), &min, err);
		max = min;
	}
	if (code < 0) {
		return err_context(err,
				   "length \"%s\" (write 64, 10-200, >=100 or <=1KiB)",
				   text);
	}
	if (min > max) {
		return err_set(err, ERR_INPUT,
			       "length \"%s\": the first is above the second", text);
	}
	match->len_min = min;
	match->len_max = max;
	return 0;
}

int match_parse_k(struct match *match, const char *text, struct err *err)
{
	const char *dash = strchr(text, '-');
	char first[24];
	uint64_t min, max;
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	int code;

	if (len >= sizeof(first)) {
		len = sizeof(first) - 1; /* no ordinal has so many digits */
	}
	memcpy(first, text, len);
	first[len] = '\0';
	code = parse_u64(first, 0, INT64_MAX, &min, err);
	max = min;
	if (code == 0 && dash) {
		code = parse_u64(dash + 1, 0, INT64_MAX, &max, err);
	}
	if (code < 0) {
		return err_context(err, "\"%s\" (write 7 or 7-9)", text);
	}
	if (min > max) {
		return err_set(err, ERR_INPUT, "\"%s\": the first is above the second",
			       text);
	}
	match->k_min = min;
	match->k_max = max;
	return 0;
}
