/* Which seeds a sweep runs: lists as "1-100,200", and this machine's share of them. */
#ifndef APP_SWEEP_SEEDS_H
#define APP_SWEEP_SEEDS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
	SWEEP_SEEDS_MAX = 1000000, /* in one sweep, after sharding */
	SWEEP_SHARDS_MAX = 100000,
};

struct sweep_shard {
	uint64_t index, num; /* 1 <= index <= num */
};

/* "I/N": the I-th of N shares. */
int sweep_shard_parse(const char *text, struct sweep_shard *out, struct err *err);

/* The shard's seeds, in the order of the list: those at its positions index - 1,
 * index - 1 + num, … so that shares differ by one seed at most, and together are the
 * list. A seed that is there twice is an error. *out is the caller's to free; it may be
 * empty when there are more shards than seeds. */
int sweep_seeds_parse(const char *list, struct sweep_shard shard, uint64_t **out,
		      size_t *out_num, struct err *err);

#endif
