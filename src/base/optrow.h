/* One row an option: the same const table feeds the parser, `check`, --help and the
 * manual.
 *
 * Actions, framers, rule keys, proxy keys and command-line options all describe what they
 * take as rows of this kind. A row says type, unit, range, default and one line of help;
 * parsing a value against it yields a struct optval. Text in an optval lives in the arena
 * that was given.
 */
#ifndef BASE_OPTROW_H
#define BASE_OPTROW_H

#include "base/arena.h"
#include "base/err.h"
#include "base/quantity.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum opt_type {
	OPT_COUNT,  /* a whole number without unit, min..max */
	OPT_SIGNED, /* a whole number that may be negative, min..max */
	OPT_SIZE,   /* bytes, parse_size(), min..max */
	OPT_TIME,   /* nanoseconds, parse_duration(), min..max */
	OPT_CHANCE, /* parse_chance() */
	OPT_CHOICE, /* one of `choices`; num is its index */
	OPT_BOOL,   /* yes/no, true/false, on/off, 1/0 */
	OPT_TEXT,   /* any text; at least min, at most max bytes when max is not 0 */
	OPT_HEX,    /* bytes as hex digits */
	OPT_REGEX,  /* /…/ with optional flags i, s, m, x behind; text is what stands
		       within */
	NUM_OPT,
};

struct optrow {
	const char *name;
	enum opt_type type;
	const char *const *choices; /* OPT_CHOICE: NULL-terminated */
	int64_t min, max;     /* in the type's unit; both 0: no bound but the type's */
	const char *fallback; /* the default as the user would write it; NULL: none */
	bool required;
	const char *metavar; /* how help shows the value: TIME, N, FILE…; NULL: by type */
	const char *help;    /* one line, no full stop */
};

struct optval {
	bool given;	      /* by the user, not by the row's default */
	bool present;	      /* given, or the row has a default */
	int64_t num;	      /* COUNT, SIGNED, SIZE, TIME, CHOICE (index), BOOL */
	struct chance chance; /* CHANCE */
	const char *text;     /* TEXT, REGEX: NUL-terminated; every type: as written */
	struct span bytes;    /* HEX, TEXT, REGEX (the pattern) */
	const char *flags; /* REGEX: the letters behind the closing slash, "" if none */
};

/* A table of rows ends with a row whose name is NULL. */
size_t optrow_num(const struct optrow *rows);
/* Index of the row with that name, or -1. */
int optrow_find(const struct optrow *rows, const char *name);

/* One value against one row. Errors name the option, what it wants and an example. */
int optrow_parse(const struct optrow *row, const char *value, struct arena *arena,
		 struct optval *out, struct err *err);

/* Fills vals[] (as many as rows) with the defaults. Asserts that each default parses. */
void optrow_defaults(const struct optrow *rows, struct arena *arena, struct optval *vals);

/* Splits "time=50ms jitter=10ms pattern=/a b/ text=\"x y\"" into words at spaces outside
 * quotes and slashes, and parses each `name=value` against the rows (a bare name is
 * `name=yes` for an OPT_BOOL). vals[] must hold the defaults already. Errors: unknown
 * option (with the nearest valid name), given twice, required but missing, bad value.
 * Quoted text takes the escapes
 * \" \\ \n \r \t \0 \xHH; a regex keeps its backslashes. */
int optrow_parse_list(const struct optrow *rows, const char *list, struct arena *arena,
		      struct optval *vals, struct err *err);

/* The first word of *list (by the same rules), copied to the arena, and *list moved
 * behind it and its spaces; NULL at the end. */
const char *optrow_word(const char **list, struct arena *arena);

/* The first quote or slash in the list that encloses by the same rules but that nothing
 * closes; NUL when there is none. */
char optrow_unclosed(const char *list);

/* A usage line for the row: "time=TIME (1ms..1h, default 50ms)  help". */
void optrow_describe(const struct optrow *row, struct text *out);
/* What a value of the row looks like: TIME, N, BYTES, CHANCE, a|b|c, yes|no, TEXT, HEX,
 * /REGEX/. */
const char *optrow_metavar(const struct optrow *row, struct arena *arena);

#endif
