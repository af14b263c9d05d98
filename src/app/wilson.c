#include "app/wilson.h"

#include <math.h>

/* The z below which so much of the normal distribution lies: halving finds it, as far as
 * a double tells. */
static double normal_quantile(double share)
{
	double low = -10, high = 10;

	for (int i = 0; i < 64; i++) {
		double middle = (low + high) / 2;

		if (0.5 * erfc(-middle / sqrt(2)) < share) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return (low + high) / 2;
}

struct interval wilson_interval(uint64_t hits, uint64_t runs, double confidence)
{
	double z = normal_quantile(0.5 + confidence / 2);
	double n = (double)runs, rate = runs ? (double)hits / n : 0;
	double middle, half;

	if (runs == 0) {
		return (struct interval){0, 1};
	}
	middle = (rate + z * z / (2 * n)) / (1 + z * z / n);
	half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n));
	return (struct interval){
		.low = hits == 0 ? 0 : fmax(0, middle - half),
		.high = hits == runs ? 1 : fmin(1, middle + half),
	};
}

unsigned wilson_repeats(double rate, double confidence)
{
	double unseen = 1 - rate;
	unsigned repeats = 1;

	while (unseen > 1 - confidence && repeats < WILSON_REPEATS_MAX) {
		unseen *= 1 - rate;
		repeats++;
	}
	return repeats;
}
