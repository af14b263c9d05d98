#include "base/quantity.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

struct unit_row {
	const char *name;
	uint64_t scale;
};

/* Largest first, as text_duration() tries them. */
static const struct unit_row TIME_UNITS[] = {
	{"h", UINT64_C(3600000000000)},
	{"min", UINT64_C(60000000000)},
	{"s", 1000000000},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
	{NULL, 0},
};

static const struct unit_row SIZE_UNITS[] = {
	{"GiB", 1 << 30}, {"MiB", 1 << 20},   {"KiB", 1 << 10},
	{"B", 1},	  {"GB", 1000000000}, {"MB", 1000000},
	{"KB", 1000},	  {"kB", 1000},	      {NULL, 0},
};
enum { SIZE_UNITS_BINARY = 4 }; /* the ones text_size() writes */

void text_duration(struct text *text, int64_t duration_ns)
{
	const struct unit_row *unit = TIME_UNITS;
	uint64_t ns = duration_ns < 0 ? -(uint64_t)duration_ns : (uint64_t)duration_ns;

	if (ns == 0) {
		text_str(text, "0ms");
		return;
	}
	if (duration_ns < 0) {
		text_byte(text, '-');
	}
	while (ns % unit->scale) {
		unit++;
	}
	text_u64(text, ns / unit->scale);
	text_str(text, unit->name);
}

void text_size(struct text *text, uint64_t size_bytes)
{
	for (int i = 0; i < SIZE_UNITS_BINARY; i++) {
		const struct unit_row *unit = &SIZE_UNITS[i];

		if (size_bytes % unit->scale == 0 && (size_bytes || unit->scale == 1)) {
			text_u64(text, size_bytes / unit->scale);
			text_str(text, unit->name);
			return;
		}
	}
}

/* Reads digits; *out stops growing at UINT64_MAX and then *out_over is true. Returns what
 * stands behind them; NULL when there is no digit. */
static const char *read_digits(const char *p, uint64_t *out, bool *out_over)
{
	uint64_t value = 0;
	bool over = false;

	if (!isdigit((unsigned char)*p)) {
		return NULL;
	}
	for (; isdigit((unsigned char)*p); p++) {
		over |= __builtin_mul_overflow(value, 10, &value);
		over |= __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	}
	*out = over ? UINT64_MAX : value;
	*out_over = over;
	return p;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out,
	      struct err *err)
{
	uint64_t value;
	bool over;
	const char *end = read_digits(text, &value, &over);

	if (!end || *end) {
		return err_set(err, ERR_INPUT, "'%s' is not a whole number%s", text,
			       *text == '-' ? " from 0 on" : "");
	}
	if (over || value < min || value > max) {
		if (max == UINT64_MAX || max == INT64_MAX) {
			return err_set(err, ERR_INPUT, "%s is %s", text,
				       value < min ? "too small" : "too large");
		}
		return err_set(err, ERR_INPUT, "%s is not within %llu..%llu", text,
			       (unsigned long long)min, (unsigned long long)max);
	}
	*out = value;
	return 0;
}

/* A decimal number with a unit behind it: value = mantissa / 10^decimals. */
struct quantity {
	uint64_t mantissa;
	unsigned decimals;
	const char *unit; /* what stands behind the number, in the text read */
};

enum { DECIMALS_MAX = 9 };

static int quantity_read(const char *text, struct quantity *out, struct err *err)
{
	uint64_t whole, rest = 0;
	bool over, over_rest = false;
	const char *p = read_digits(text, &whole, &over);

	*out = (struct quantity){0};
	if (!p) {
		return err_set(err, ERR_INPUT, "'%s' does not begin with a number%s",
			       text, *text == '-' ? " (it can't be negative)" : "");
	}
	if (*p == '.') {
		const char *first = p + 1;

		p = read_digits(first, &rest, &over_rest);
		if (!p) {
			return err_set(err, ERR_INPUT,
				       "'%s' has no digit behind its point", text);
		}
		if (p - first > DECIMALS_MAX) {
			return err_set(err, ERR_INPUT, "'%s' has more than %d decimals",
				       text, DECIMALS_MAX);
		}
		out->decimals = (unsigned)(p - first);
	}
	for (unsigned i = 0; i < out->decimals; i++) {
		over |= __builtin_mul_overflow(whole, 10, &whole);
	}
	over |= __builtin_add_overflow(whole, rest, &whole);
	if (over) {
		return err_set(err, ERR_INPUT, "'%s' is too large", text);
	}
	out->mantissa = whole;
	out->unit = p;
	return 0;
}

/* mantissa / 10^decimals * scale, when it is a whole number up to INT64_MAX. */
static int quantity_scale(const struct quantity *quantity, uint64_t scale,
			  const char *text, const char *finest, uint64_t *out,
			  struct err *err)
{
	unsigned __int128 value = (unsigned __int128)quantity->mantissa * scale;

	for (unsigned i = 0; i < quantity->decimals; i++) {
		if (value % 10) {
			return err_set(err, ERR_INPUT, "'%s' is finer than a %s", text,
				       finest);
		}
		value /= 10;
	}
	if (value > INT64_MAX) {
		return err_set(err, ERR_INPUT, "'%s' is too large", text);
	}
	*out = (uint64_t)value;
	return 0;
}

static const struct unit_row *unit_find(const struct unit_row *rows, const char *name)
{
	for (; rows->name; rows++) {
		if (strcmp(rows->name, name) == 0) {
			return rows;
		}
	}
	return NULL;
}

int parse_duration(const char *text, int64_t *out_ns, struct err *err)
{
	struct quantity quantity;
	const struct unit_row *unit;
	uint64_t ns = 0;
	int rc = quantity_read(text, &quantity, err);

	if (rc) {
		return rc;
	}
	if (!*quantity.unit) {
		return err_set(
			err, ERR_INPUT,
			"'%s' has no unit: write %sms or %ss (ns, us, ms, s, min, h)",
			text, text, text);
	}
	unit = unit_find(TIME_UNITS, quantity.unit);
	if (!unit) {
		return err_set(
			err, ERR_INPUT,
			"'%s' ends in the unknown unit '%s': use ns, us, ms, s, min or h",
			text, quantity.unit);
	}
	rc = quantity_scale(&quantity, unit->scale, text, "nanosecond", &ns, err);
	if (rc == 0) {
		*out_ns = (int64_t)ns;
	}
	return rc;
}

int parse_size(const char *text, uint64_t *out_bytes, struct err *err)
{
	struct quantity quantity;
	const struct unit_row *unit;
	int rc = quantity_read(text, &quantity, err);

	if (rc) {
		return rc;
	}
	unit = unit_find(SIZE_UNITS, *quantity.unit ? quantity.unit : "B");
	if (!unit) {
		return err_set(err, ERR_INPUT,
			       "'%s' ends in the unknown unit '%s': use B, KB, KiB, MB, "
			       "MiB, GB or GiB",
			       text, quantity.unit);
	}
	return quantity_scale(&quantity, unit->scale, text, "byte", out_bytes, err);
}

enum {
	PPM = 1000000,
	PPM_PER_PERCENT = PPM / 100,
};

/* "N in M", with single spaces. False when the text is not of this form at all. */
static bool chance_read_in(const char *text, struct chance *out, bool *out_over)
{
	bool over_num, over_den;
	const char *p = read_digits(text, &out->num, &over_num);

	if (!p || strncmp(p, " in ", 4) != 0) {
		return false;
	}
	p = read_digits(p + 4, &out->den, &over_den);
	if (!p) {
		return false;
	}
	*out_over = over_num || over_den;
	return !*p;
}

int parse_chance(const char *text, struct chance *out, struct err *err)
{
	struct chance chance = {0, 1};
	struct quantity quantity;
	bool over = false;
	int rc;

	if (chance_read_in(text, &chance, &over)) {
		if (over || chance.den > INT64_MAX) {
			return err_set(err, ERR_INPUT, "'%s' is too large", text);
		}
		if (chance.den == 0) {
			return err_set(err, ERR_INPUT, "'%s' divides by zero", text);
		}
		if (chance.num > chance.den) {
			return err_set(err, ERR_INPUT, "'%s' is more than 100%%", text);
		}
		*out = chance;
		return 0;
	}
	rc = quantity_read(text, &quantity, err);
	if (rc) {
		return rc;
	}
	chance.den = PPM;
	if (!*quantity.unit) {
		return err_set(err, ERR_INPUT,
			       "'%s' is a bare number: write a percentage such as 5%%, "
			       "parts such as 500ppm, or 1 in 20",
			       text);
	}
	if (strcmp(quantity.unit, "%") == 0) {
		rc = quantity_scale(&quantity, PPM_PER_PERCENT, text, "part in a million",
				    &chance.num, err);
	} else if (strcmp(quantity.unit, "ppm") == 0) {
		rc = quantity_scale(&quantity, 1, text, "part in a million", &chance.num,
				    err);
	} else {
		return err_set(err, ERR_INPUT,
			       "'%s' is not a chance: write 5%%, 500ppm or 1 in 20",
			       text);
	}
	if (rc) {
		return rc;
	}
	if (chance.num > chance.den) {
		return err_set(err, ERR_INPUT, "'%s' is more than 100%%", text);
	}
	*out = chance;
	return 0;
}

void text_chance(struct text *text, struct chance chance)
{
	unsigned rest, digits = 4;

	if (chance.den != PPM) {
		text_u64(text, chance.num);
		text_str(text, " in ");
		text_u64(text, chance.den);
		return;
	}
	text_u64(text, chance.num / PPM_PER_PERCENT);
	rest = (unsigned)(chance.num % PPM_PER_PERCENT);
	if (rest) {
		while (rest % 10 == 0) {
			rest /= 10;
			digits--;
		}
		text_format(text, ".%0*u", (int)digits, rest);
	}
	text_byte(text, '%');
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

int parse_hex(const char *text, uint8_t *out, size_t max_bytes, size_t *out_len,
	      struct err *err)
{
	const char *p = text;
	size_t len = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		p += 2;
	}
	if (!*p) {
		return err_set(err, ERR_INPUT, "there are no hex digits in '%s'", text);
	}
	while (*p) {
		int high = hex_digit(p[0]);
		int low = high < 0 ? -1 : hex_digit(p[1]);

		if (high < 0) {
			return err_set(err, ERR_INPUT,
				       "'%c' is not a hex digit: write bytes as 1f2e, "
				       "0x1f2e or 1f:2e",
				       isprint((unsigned char)*p) ? *p : '?');
		}
		if (low < 0) {
			return err_set(
				err, ERR_INPUT,
				"'%s' has half a byte: write two hex digits a byte",
				text);
		}
		if (len == max_bytes) {
			return err_set(err, ERR_INPUT, "more than %zu bytes of hex",
				       max_bytes);
		}
		out[len++] = (uint8_t)(high << 4 | low);
		p += 2;
		if ((*p == ' ' || *p == ':') && p[1]) {
			p++;
		}
	}
	*out_len = len;
	return 0;
}
