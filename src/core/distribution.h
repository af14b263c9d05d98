/* Delay distributions in integers, as netem has them (iproute2, tc-netem(8)): a table of
 * quantiles in 1/8192 of the spread, indexed by a draw.
 *
 *   uniform       mean - spread .. mean + spread
 *   normal        inverse normal cumulative distribution at (i + 1/2) / 1024
 *   pareto        Pareto with shape 3, moved to mean 0 and scaled to deviation 1:
 *                 ((1 - u)^(-1/3) - 3/2) / (sqrt(3)/2), cut at 4 deviations (16 bits)
 *   paretonormal  normal/4 + pareto*3/4, quantile by quantile
 */
#ifndef CORE_DISTRIBUTION_H
#define CORE_DISTRIBUTION_H

#include <stdint.h>

enum distribution {
	DISTRIBUTION_UNIFORM,
	DISTRIBUTION_NORMAL,
	DISTRIBUTION_PARETO,
	DISTRIBUTION_PARETONORMAL,
	NUM_DISTRIBUTION,
};

enum {
	DISTRIBUTION_QUANTILES = 1024,
	DISTRIBUTION_SCALE = 8192,
};

/* The table; NULL for uniform, which needs none. */
const int16_t *distribution_quantiles(enum distribution distribution);

/* One value >= 0; mean and spread >= 0, in any unit, each below 2^62. */
int64_t distribution_sample(enum distribution distribution, uint64_t draw, int64_t mean,
			    int64_t spread);

#endif
