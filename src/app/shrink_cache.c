#include "app/shrink_cache.h"

#include "app/log_common.h"
#include "base/arena.h"
#include "base/json.h"
#include "io/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CACHE_BYTES_MAX = 256 << 20 };

struct entry {
	uint64_t key;
	const char *outcome;
};

struct shrink_cache {
	struct arena arena;
	struct entry *entries; /* in the order they came */
	size_t num, cap;
	int fd;
	struct err err;
};

static void remember(struct shrink_cache *cache, uint64_t key, const char *outcome)
{
	if (cache->num == cache->cap) {
		cache->cap = cache->cap ? 2 * cache->cap : 64;
		cache->entries =
			xrealloc(cache->entries, cache->cap * sizeof(*cache->entries));
	}
	cache->entries[cache->num++] = (struct entry){
		.key = key,
		.outcome = arena_copy_text(&cache->arena, outcome),
	};
}

static void read_entry(struct shrink_cache *cache, const char *line, size_t len)
{
	json_error_t why;
	json_t *json = json_loadb(line, len, 0, &why);
	const char *outcome = json_text(json, "outcome", NULL);
	const char *key = json_text(json, "key", "");
	char *end;
	uint64_t number = strtoull(key, &end, 16);

	/* A torn last line is a run that is done again. */
	if (outcome && strlen(key) == 16 && !*end) {
		remember(cache, number, outcome);
	}
	json_decref(json);
}

/* Whether the file's first line is ours; then its entries are taken. */
static bool read_file(struct shrink_cache *cache, struct span text, const char *about)
{
	size_t about_len = strlen(about);
	bool ours = false;

	for (size_t number = 0; text.len > 0; number++) {
		const uint8_t *newline = memchr(text.data, '\n', text.len);
		size_t len = newline ? (size_t)(newline - text.data) : text.len;

		if (number == 0) {
			ours = newline && len == about_len &&
			       memcmp(text.data, about, len) == 0;
		}
		if (!ours) {
			return false;
		}
		if (number > 0) {
			read_entry(cache, (const char *)text.data, len);
		}
		text = span_from(text, len + (newline != NULL));
	}
	return ours;
}

static void write_line(struct shrink_cache *cache, const struct text *line)
{
	ssize_t written = cache->err.code ? 0 : write(cache->fd, line->data, line->len);

	if (!cache->err.code && written != (ssize_t)line->len) {
		err_set_errno(&cache->err, "can't write to the file of tries");
	}
}

int shrink_cache_open(const char *path, const char *about, struct shrink_cache **out,
		      size_t *out_known, struct err *err)
{
	struct shrink_cache *cache = xcalloc(1, sizeof(*cache));
	struct arena arena = {0};
	struct text line = {0};
	struct span text;
	struct err none;
	bool ours = file_read(path, CACHE_BYTES_MAX, &arena, &text, &none) == 0 &&
		    read_file(cache, text, about);

	arena_done(&arena);
	cache->fd = open(path,
			 O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (ours ? 0 : O_TRUNC),
			 0666);
	if (cache->fd < 0) {
		err_set_errno(err, "can't open %s", path);
		shrink_cache_close(cache);
		return ERR_SYSTEM;
	}
	/* Ends a line that was torn. */
	text_format(&line, "%s\n", ours ? "" : about);
	write_line(cache, &line);
	text_done(&line);
	*out = cache;
	*out_known = cache->num;
	return 0;
}

void shrink_cache_close(struct shrink_cache *cache)
{
	if (!cache) {
		return;
	}
	if (cache->fd >= 0) {
		close(cache->fd);
	}
	free(cache->entries);
	arena_done(&cache->arena);
	free(cache);
}

void shrink_cache_add(struct shrink_cache *cache, uint64_t key, size_t num_faults,
		      const char *outcome)
{
	struct text line = {0};

	remember(cache, key, outcome);
	text_format(&line, "{\"faults\":%zu,\"key\":\"", num_faults);
	text_hex64(&line, key);
	text_str(&line, "\",\"outcome\":");
	json_str(&line, span_str(outcome));
	text_str(&line, "}\n");
	write_line(cache, &line);
	text_done(&line);
}

const char *shrink_cache_get(const struct shrink_cache *cache, uint64_t key, size_t n)
{
	for (size_t i = 0; i < cache->num; i++) {
		if (cache->entries[i].key == key && n-- == 0) {
			return cache->entries[i].outcome;
		}
	}
	return NULL;
}

bool shrink_cache_failed(const struct shrink_cache *cache, struct err *err)
{
	if (cache->err.code) {
		*err = cache->err;
	}
	return cache->err.code != 0;
}
