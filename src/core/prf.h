/* The keyed pseudo-random function that every decision is drawn from.
 *
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; vectors
 * in the authors' reference code). There is no generator and so no state: a draw is a
 * pure function of the run's seed and of what is judged,
 *
 *   draw(j) = PRF(seed; rule name, lane, side, class, k, j)
 *
 * computed in three steps, so that a unit costs 24 hashed bytes whatever the names'
 * lengths:
 *   rule key = derive(seed key, rule name)          once a rule set
 *   lane key = derive(rule key, lane name + side)   once a lane side and rule
 *   draw(j)  = siphash(lane key; H(class), k, j)    each little-endian 64 bits
 * Changing any of this moves decisions: raise TURNCOAT_ABI in core/record.h.
 */
#ifndef CORE_PRF_H
#define CORE_PRF_H

#include "base/quantity.h"
#include "base/span.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct prf_key {
	uint64_t k0, k1; /* the 128-bit key's halves, little-endian as in the paper */
};

uint64_t prf_siphash24(const struct prf_key *key, const void *data, size_t len);

struct prf_key prf_key_from_seed(uint64_t seed);
/* A key that depends on all of `name` and on the domain `tag`. */
struct prf_key prf_key_derive(const struct prf_key *key, uint64_t tag, struct span name);
/* The hash of a class name, the same in every run. */
uint64_t prf_hash_name(struct span name);

uint64_t prf_draw(const struct prf_key *key, uint64_t class_hash, uint64_t k, uint64_t j);

/* A draw scaled to [0, n) by multiply-shift: bias below n / 2^64. n >= 1. */
uint64_t prf_below(uint64_t draw, uint64_t n);
/* True with probability num/den exactly as the draw is uniform: prf_below(draw, den) <
 * num. */
bool prf_chance(uint64_t draw, struct chance chance);

#endif
