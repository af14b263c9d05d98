#include "app/log_index.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* Names while reading: open addressing on their hash; ids count up. */
struct names {
	char **list;
	size_t num, cap;
	uint32_t *slots;  /* id + 1; 0: free */
	size_t num_slots; /* a power of 2 */
};

static uint64_t name_hash(const char *name)
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a, 64 bits */

	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * 1099511628211ULL;
	}
	return hash ^ hash >> 32;
}

static uint32_t *names_slot(const struct names *names, const char *name)
{
	size_t at = name_hash(name) & (names->num_slots - 1);

	while (names->slots[at] && strcmp(names->list[names->slots[at] - 1], name) != 0) {
		at = (at + 1) & (names->num_slots - 1);
	}
	return &names->slots[at];
}

static void names_grow(struct names *names)
{
	free(names->slots);
	names->num_slots = names->num_slots ? names->num_slots * 2 : 1024;
	names->slots = xcalloc(names->num_slots, sizeof(*names->slots));
	for (size_t i = 0; i < names->num; i++) {
		*names_slot(names, names->list[i]) = (uint32_t)i + 1;
	}
}

static uint32_t names_id(struct names *names, const char *name)
{
	uint32_t *slot;

	if (names->num * 2 >= names->num_slots) {
		names_grow(names);
	}
	slot = names_slot(names, name);
	if (*slot == 0) {
		if (names->num == names->cap) {
			names->cap = names->cap ? names->cap * 2 : 64;
			names->list = xrealloc(names->list, names->cap * sizeof(char *));
		}
		names->list[names->num++] = xstrdup(name);
		*slot = (uint32_t)names->num;
	}
	return *slot - 1;
}

static uint8_t section_of(enum log_type type)
{
	switch (type) {
	case LOG_RELOAD:
	case LOG_RELOAD_REFUSED:
		return 1;
	case LOG_SUMMARY:
		return 2;
	case LOG_OPEN:
	case LOG_RULES:
	case LOG_UNIT:
	case LOG_CELL_END:
	case LOG_LATE:
	case LOG_NOTE:
	case LOG_CLOSE:
	case LOG_SENT:
	case LOG_STALL:
	case LOG_OTHER:
	case NUM_LOG_TYPE:
		break;
	}
	return 0;
}

/* What a line without k is ordered by: connections, rule changes and notes of a unit. */
static uint64_t place_of(const struct log_line *line)
{
	const json_t *unit =
		json_object_get(line->json, line->type == LOG_OPEN ? "epoch" : "unit");

	if (line->class) {
		return line->k;
	}
	return json_is_integer(unit) ? (uint64_t)json_integer_value(unit) : 0;
}

static void index_add(struct log_index *index, struct names *names,
		      const struct log_line *line)
{
	if (index->num == index->cap) {
		index->cap = index->cap ? index->cap * 2 : 1024;
		index->entries =
			xrealloc(index->entries, index->cap * sizeof(*index->entries));
	}
	index->entries[index->num++] = (struct log_entry){
		.offset = line->offset,
		.k = place_of(line),
		.len_bytes = (uint32_t)line->raw.len,
		.lane = names_id(names, line->lane ? line->lane : ""),
		.class = names_id(names, line->class ? line->class : ""),
		.section = section_of(line->type),
		.side = line->has_side		 ? (uint8_t)line->side
			: line->type == LOG_OPEN ? SIDE_REQUEST
						 : NUM_SIDE,
		.type = (uint8_t)line->type,
	};
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Ids become ranks, so that sorting compares numbers. */
static void index_rank(struct log_index *index, struct names *names)
{
	uint32_t *ranks = xcalloc(names->num + 1, sizeof(*ranks));
	char **sorted = xcalloc(names->num + 1, sizeof(*sorted));

	if (names->num > 0) {
		memcpy(sorted, names->list, names->num * sizeof(*sorted));
		qsort(sorted, names->num, sizeof(*sorted), compare_names);
	}
	for (size_t i = 0; i < names->num; i++) {
		ranks[*names_slot(names, sorted[i]) - 1] = (uint32_t)i;
	}
	for (size_t i = 0; i < index->num; i++) {
		index->entries[i].lane = ranks[index->entries[i].lane];
		index->entries[i].class = ranks[index->entries[i].class];
	}
	index->names = sorted;
	index->num_names = names->num;
	free(ranks);
}

#define COMPARE(key)                             \
	if (x->key != y->key) {                  \
		return x->key < y->key ? -1 : 1; \
	}

static int compare_entries(const void *a, const void *b)
{
	const struct log_entry *x = a, *y = b;

	COMPARE(section)
	COMPARE(lane)
	COMPARE(side)
	COMPARE(type)
	COMPARE(class)
	COMPARE(k)
	COMPARE(offset)
	return 0;
}

int log_index_build(struct log_index *index, struct logread *log, struct err *err)
{
	struct names names = {0};
	struct log_line line;
	int code;

	*index = (struct log_index){0};
	names_id(&names, "");
	while ((code = logread_next(log, &line, err)) > 0) {
		if (line.type != LOG_SENT && line.type != LOG_STALL) {
			index_add(index, &names, &line);
		}
	}
	index_rank(index, &names);
	if (code == 0 && index->num > 0) {
		qsort(index->entries, index->num, sizeof(*index->entries),
		      compare_entries);
	}
	free(names.list);
	free(names.slots);
	if (code < 0) {
		log_index_done(index);
	}
	return code;
}

void log_index_done(struct log_index *index)
{
	for (size_t i = 0; i < index->num_names; i++) {
		free(index->names[i]);
	}
	free(index->names);
	free(index->entries);
	*index = (struct log_index){0};
}

const char *log_index_name(const struct log_index *index, uint32_t rank)
{
	return index->names[rank];
}
