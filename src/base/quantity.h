/* Quantities as people write them, in both directions: numbers with units, chances, bytes
 * as hex digits.
 *
 * The readers are strict: they take the whole string, so trailing junk is an error, as is
 * a number without its unit.
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include "base/err.h"
#include "base/text.h"

/* A probability as an exact fraction, 0 <= num <= den, den >= 1. */
struct chance {
	uint64_t num, den;
};

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out,
	      struct err *err);
/* "50ms": ns, us, ms, s, min, h; decimals allowed ("1.5s"); result in nanoseconds. "0"
 * needs a unit as well. */
int parse_duration(const char *text, int64_t *out_ns, struct err *err);
/* "64KiB", "100B", "1MB": B, kB, KB, KiB, MB, MiB, GB, GiB; a bare number is bytes. At
 * most 2^63 - 1. */
int parse_size(const char *text, uint64_t *out_bytes, struct err *err);
/* "5%", "0.25%" (at most 4 decimals), "500ppm", "1 in 20". A bare number is an error.
 * Percent and ppm always have the denominator 1,000,000, so equal chances draw alike. */
int parse_chance(const char *text, struct chance *out, struct err *err);
void text_chance(struct text *text, struct chance chance); /* as parse_chance reads it */
/* "0x1f", "1f 2e", "de:ad": an even number of digits; at most max_bytes. */
int parse_hex(const char *text, uint8_t *out, size_t max_bytes, size_t *out_len,
	      struct err *err);

/* A duration in its largest exact unit: 0ms, 1500us, 50ms, 2s, 5min, 1h. */
void text_duration(struct text *text, int64_t duration_ns);
/* A size in its largest exact unit: 100B, 4KiB, 1460B, 16MiB. */
void text_size(struct text *text, uint64_t size_bytes);

#endif
