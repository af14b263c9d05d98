#include "plane/lanes.h"

#include "base/arena.h"

#include <stdlib.h>

void lanes_done(struct lanes *lanes)
{
	for (size_t i = 0; i < lanes->num_buckets; i++) {
		struct lane_label *entry = lanes->buckets[i];

		while (entry) {
			struct lane_label *next = entry->next;

			if (entry->link) {
				lane_done(&entry->link->lane);
				free(entry->link);
			}
			free(entry);
			entry = next;
		}
	}
	free(lanes->buckets);
	*lanes = (struct lanes){0};
}

static size_t bucket_of(const struct lanes *lanes, const char *name)
{
	return (size_t)prf_hash_name(span_str(name)) & (lanes->num_buckets - 1);
}

static void rehash(struct lanes *lanes)
{
	struct lanes old = *lanes;

	lanes->num_buckets = old.num_buckets ? 2 * old.num_buckets : 64;
	lanes->buckets = xcalloc(lanes->num_buckets, sizeof(struct lane_label *));
	for (size_t i = 0; i < old.num_buckets; i++) {
		struct lane_label *entry = old.buckets[i];

		while (entry) {
			struct lane_label *next = entry->next;
			size_t at = bucket_of(lanes, entry->name);

			entry->next = lanes->buckets[at];
			lanes->buckets[at] = entry;
			entry = next;
		}
	}
	free(old.buckets);
}

static bool label_byte_fine(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("_.:@-", c));
}

struct lane_label *lanes_label(struct lanes *lanes, const char *proxy, struct span label)
{
	char name[LANE_NAME_MAX + 1];
	size_t len = strlen(proxy), at;
	struct lane_label *entry;

	if (lanes->num >= LANE_LABELS_MAX) {
		label = span_str("other");
	}
	if (len > LANE_NAME_MAX - LABEL_MAX - 32) {
		len = LANE_NAME_MAX - LABEL_MAX - 32;
	}
	memcpy(name, proxy, len);
	name[len++] = '/';
	for (size_t i = 0; i < label.len && i < LABEL_MAX; i++) {
		name[len++] = label_byte_fine(label.data[i]) ? (char)label.data[i] : '_';
	}
	name[len] = '\0';
	if (lanes->num >= lanes->num_buckets) {
		rehash(lanes);
	}
	at = bucket_of(lanes, name);
	for (entry = lanes->buckets[at]; entry; entry = entry->next) {
		if (strcmp(entry->name, name) == 0) {
			return entry;
		}
	}
	entry = xcalloc(1, sizeof(*entry) + len + 1);
	memcpy(entry->name, name, len + 1);
	entry->next = lanes->buckets[at];
	lanes->buckets[at] = entry;
	lanes->num++;
	return entry;
}
