/* How sure one can be of a rate after so many runs. Pure arithmetic. */
#ifndef APP_WILSON_H
#define APP_WILSON_H

#include <stdint.h>

struct interval {
	double low, high; /* 0..1 */
};

/* The score interval of E. B. Wilson (1927) for a rate of which `hits` of `runs` are
 * known; confidence is two-sided, 0.5..0.999999. No runs: 0 to 1. */
struct interval wilson_interval(uint64_t hits, uint64_t runs, double confidence);

enum { WILSON_REPEATS_MAX = 1000 };

/* So many runs show what happens at this rate at least once, with that confidence; at
 * most WILSON_REPEATS_MAX. */
unsigned wilson_repeats(double rate, double confidence);

#endif
