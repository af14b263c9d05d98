#include "app/sweep_seeds.h"

#include "app/config.h"
#include "base/arena.h"
#include "base/quantity.h"

#include <stdlib.h>
#include <string.h>

enum { RANGES_MAX = 10000 };

struct range {
	uint64_t first, last; /* both of them are in it */
};

int sweep_shard_parse(const char *text, struct sweep_shard *out, struct err *err)
{
	const char *slash = strchr(text, '/');
	struct arena arena = {0};
	struct sweep_shard shard;
	int code = ERR_INPUT;

	if (slash && parse_u64(arena_copy_span(&arena, span_of(text, slash - text)), 1,
			       SWEEP_SHARDS_MAX, &shard.index, err) == 0) {
		code = parse_u64(slash + 1, 1, SWEEP_SHARDS_MAX, &shard.num, err);
	}
	arena_done(&arena);
	if (code < 0) {
		return err_set(err, ERR_INPUT,
			       "'%s' is no share: write I/N, such as 2/8 for the second "
			       "of eight",
			       text);
	}
	if (shard.index > shard.num) {
		return err_set(err, ERR_INPUT, "'%s': there are only %llu shares", text,
			       (unsigned long long)shard.num);
	}
	*out = shard;
	return 0;
}

/* "7" or "7-9". */
static int parse_range(const char *word, struct range *out, struct err *err)
{
	const char *dash = strchr(word, '-');
	struct arena arena = {0};
	const char *first = word;
	int code;

	if (dash) {
		first = arena_copy_span(&arena, span_of(word, (size_t)(dash - word)));
	}
	code = config_parse_seed(first, &out->first, err);
	out->last = out->first;
	if (code == 0 && dash) {
		code = config_parse_seed(dash + 1, &out->last, err);
	}
	arena_done(&arena);
	if (code == 0 && out->last < out->first) {
		return err_set(err, ERR_INPUT, "'%s' ends before it begins", word);
	}
	return code;
}

static int parse_ranges(char *list, struct range *ranges, size_t *out_num,
			struct err *err)
{
	char *word;

	*out_num = 0;
	while ((word = strsep(&list, ","))) {
		if (*out_num == RANGES_MAX) {
			return err_set(err, ERR_LIMIT, "more than %d ranges", RANGES_MAX);
		}
		if (parse_range(word, &ranges[(*out_num)++], err) < 0) {
			return ERR_INPUT;
		}
	}
	return 0;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static int refuse_twice(const struct range *ranges, size_t num, struct arena *arena,
			struct err *err)
{
	struct range *sorted = arena_take_array(arena, num, sizeof(*sorted));

	memcpy(sorted, ranges, num * sizeof(*sorted));
	qsort(sorted, num, sizeof(*sorted), compare_ranges);
	for (size_t i = 1; i < num; i++) {
		if (sorted[i].first <= sorted[i - 1].last) {
			return err_set(err, ERR_INPUT, "seed %llu is there twice",
				       (unsigned long long)sorted[i].first);
		}
	}
	return 0;
}

/* How many of the `num` positions from `from` on are the shard's. */
static uint64_t share_of(uint64_t from, uint64_t num, struct sweep_shard shard)
{
	uint64_t end = from + num;

	/* Of positions 0..n-1, those p with p % shard.num == index - 1. */
	return (end + shard.num - shard.index) / shard.num -
	       (from + shard.num - shard.index) / shard.num;
}

static int take_shard(const struct range *ranges, size_t num, struct sweep_shard shard,
		      uint64_t **out, size_t *out_num, struct err *err)
{
	uint64_t at = 0, total = 0;
	size_t filled = 0;

	for (size_t i = 0; i < num; i++) {
		uint64_t len = ranges[i].last - ranges[i].first + 1;

		/* Seeds are below 2^63 and no two ranges overlap, so this can't wrap. */
		total += share_of(at, len, shard);
		at += len;
	}
	if (total > SWEEP_SEEDS_MAX) {
		return err_set(err, ERR_LIMIT, "%llu seeds; at most %d fit in one sweep",
			       (unsigned long long)total, SWEEP_SEEDS_MAX);
	}
	*out = xcalloc(total + 1, sizeof(**out));
	at = 0;
	for (size_t i = 0; i < num; i++) {
		uint64_t len = ranges[i].last - ranges[i].first + 1;
		uint64_t want = shard.index - 1;
		uint64_t skip = (want + shard.num - at % shard.num) % shard.num;

		for (uint64_t off = skip; off < len; off += shard.num) {
			(*out)[filled++] = ranges[i].first + off;
		}
		at += len;
	}
	*out_num = filled;
	return 0;
}

int sweep_seeds_parse(const char *list, struct sweep_shard shard, uint64_t **out,
		      size_t *out_num, struct err *err)
{
	struct arena arena = {0};
	struct range *ranges = arena_take_array(&arena, RANGES_MAX, sizeof(*ranges));
	size_t num;
	int code = parse_ranges(arena_copy_text(&arena, list), ranges, &num, err);

	if (code == 0) {
		code = refuse_twice(ranges, num, &arena, err);
	}
	if (code == 0) {
		code = take_shard(ranges, num, shard, out, out_num, err);
	}
	arena_done(&arena);
	return code;
}
