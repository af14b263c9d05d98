/* Who is who: the dialogs by the addresses of their packets, and by last use. */
#include "plane/dialogs_table.h"
#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

/* --- by address --- */

static uint64_t hash_peer(const struct ipaddr *addr, uint16_t port)
{
	/* Spread, not secrecy: the number of dialogs is bounded. */
	uint64_t hash = 1469598103934665603ULL; /* FNV-1a */

	for (int i = 0; i < addr->len_bytes; i++) {
		hash = (hash ^ addr->bytes[i]) * 1099511628211ULL;
	}
	hash = (hash ^ (port >> 8)) * 1099511628211ULL;
	hash = (hash ^ (port & 0xff)) * 1099511628211ULL;
	return hash ^ hash >> 29;
}

/* The same for both directions. */
static size_t bucket_of(const struct packet_path *path, bool datagrams)
{
	uint64_t hash = hash_peer(&path->from, path->from_port) +
			hash_peer(&path->to, path->to_port);

	hash *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(hash >> 32 ^ datagrams) & (DIALOGS_BUCKETS - 1);
}

static bool same_addr(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->len_bytes == b->len_bytes &&
	       memcmp(a->bytes, b->bytes, a->len_bytes) == 0;
}

static bool same_path(const struct packet_path *a, const struct packet_path *b)
{
	return a->from_port == b->from_port && a->to_port == b->to_port &&
	       same_addr(&a->from, &b->from) && same_addr(&a->to, &b->to);
}

struct entry_node *table_find(struct dialogs *dialogs, const struct packet_view *view,
			      bool *out_from_opener)
{
	const struct packet_path there = {view->from, view->to, view->from_port,
					  view->to_port};
	const struct packet_path back = {view->to, view->from, view->to_port,
					 view->from_port};
	bool datagrams = view->kind == PACKET_UDP;
	struct entry_node *node = dialogs->buckets[bucket_of(&there, datagrams)];

	for (; node; node = node->next) {
		if (node->datagrams != datagrams) {
			continue;
		}
		if (same_path(&node->path, &there) || same_path(&node->path, &back)) {
			*out_from_opener = same_path(&node->path, &there);
			return node;
		}
	}
	return NULL;
}

void entry_link(struct entry *entry, enum entry_face face, const struct packet_path *path,
		bool datagrams)
{
	struct entry_node *node = &entry->nodes[face];
	struct entry_node **bucket = &entry->dialogs->buckets[bucket_of(path, datagrams)];

	assert(!node->linked);
	node->entry = entry;
	node->path = *path;
	node->datagrams = datagrams;
	node->linked = true;
	/* In front: the newest of equal ones is found. */
	node->next = *bucket;
	*bucket = node;
}

static void node_unlink(struct entry_node *node)
{
	struct entry_node **at;

	if (!node->linked) {
		return;
	}
	at = &node->entry->dialogs->buckets[bucket_of(&node->path, node->datagrams)];
	while (*at != node) {
		at = &(*at)->next;
	}
	*at = node->next;
	node->linked = false;
}

/* --- by the run's number --- */

static struct entry **run_bucket(const struct dialogs *dialogs, uint64_t flow)
{
	return &dialogs->runs[(size_t)flow & (DIALOGS_BUCKETS - 1)];
}

struct entry *table_run_find(const struct dialogs *dialogs, uint64_t flow)
{
	struct entry *entry = *run_bucket(dialogs, flow);

	while (entry && entry->run_flow != flow) {
		entry = entry->next_run;
	}
	return entry;
}

void entry_run_link(struct entry *entry, uint64_t flow)
{
	struct entry **bucket = run_bucket(entry->dialogs, flow);

	entry->dialog.from_run = true;
	entry->run_flow = flow;
	entry->next_run = *bucket;
	*bucket = entry;
}

static void run_unlink(struct entry *entry)
{
	struct entry **at = run_bucket(entry->dialogs, entry->run_flow);

	while (*at != entry) {
		at = &(*at)->next_run;
	}
	*at = entry->next_run;
}

/* --- by last use --- */

static void list_remove(struct entry *entry)
{
	struct entry_list *list = &entry->dialogs->lists[entry->state];

	*(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
}

static void list_append(struct entry *entry)
{
	struct entry_list *list = &entry->dialogs->lists[entry->state];

	entry->older = list->newest;
	entry->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = entry;
	list->newest = entry;
}

void entry_used(struct entry *entry)
{
	entry->used_ns = entry->dialogs->now_ns;
	if (entry->newer) {
		list_remove(entry);
		list_append(entry);
	}
}

/* --- streams --- */

static void on_bytes(void *ctx, struct span bytes)
{
	struct entry_stream *stream = ctx;
	struct dialogs *dialogs = stream->entry->dialogs;

	if (entry_told(stream->entry)) {
		dialogs->ops->bytes(dialogs->ctx, &stream->entry->dialog, stream->side,
				    bytes, dialogs->now_ns);
	}
}

static void on_gap(void *ctx, uint64_t len)
{
	struct entry_stream *stream = ctx;
	struct dialogs *dialogs = stream->entry->dialogs;

	if (entry_told(stream->entry)) {
		dialogs->ops->gap(dialogs->ctx, &stream->entry->dialog, stream->side, len,
				  dialogs->now_ns);
	}
}

static void on_fin(void *ctx)
{
	struct entry_stream *stream = ctx;
	struct dialogs *dialogs = stream->entry->dialogs;

	stream->ended = true;
	if (entry_told(stream->entry)) {
		dialogs->ops->end(dialogs->ctx, &stream->entry->dialog, stream->side,
				  dialogs->now_ns);
	}
}

static const struct reassembly_ops STREAM_OPS = {on_bytes, on_gap, on_fin};

static size_t held_by(const struct entry_stream *stream)
{
	return stream->tcp.held_bytes + stream->tcp.num_waiting * DIALOGS_SEGMENT_COST;
}

/* The stream holds another amount than it did. */
static void count_held(struct entry_stream *stream, size_t before)
{
	struct dialogs *dialogs = stream->entry->dialogs;

	dialogs->held_bytes -= before;
	dialogs->held_bytes += held_by(stream);
}

static void stream_flush(struct entry_stream *stream)
{
	size_t before = held_by(stream);

	reassembly_flush(&stream->tcp);
	count_held(stream, before);
}

static void stream_done(struct entry_stream *stream)
{
	size_t before = held_by(stream);

	reassembly_done(&stream->tcp);
	stream->entry->dialogs->held_bytes -= before;
	reassembly_init(&stream->tcp, &STREAM_OPS, stream,
			&stream->entry->dialogs->stats.tcp);
}

void stream_segment(struct entry_stream *stream, uint32_t seq,
		    const struct packet_view *view, bool fin)
{
	size_t before = held_by(stream);

	reassembly_segment(&stream->tcp, seq, view->payload, view->payload_len, fin);
	count_held(stream, before);
	if (stream->entry->dialogs->held_bytes > DIALOGS_HELD_MAX) {
		stream_flush(stream);
	}
}

void stream_acked(struct entry_stream *stream, uint32_t ack)
{
	size_t before = held_by(stream);

	reassembly_acked(&stream->tcp, ack);
	count_held(stream, before);
}

/* --- an entry's life --- */

static void make_room(struct dialogs *dialogs)
{
	struct entry *entry = dialogs->lists[ENTRY_CLOSED].oldest;

	if (dialogs->num_closed >= DIALOGS_CLOSED_MAX) {
		entry_forget(entry);
		return;
	}
	if (dialogs->num_entries < DIALOGS_MAX) {
		return;
	}
	if (!entry) {
		uint64_t serial;

		entry = dialogs->lists[ENTRY_OPEN].oldest;
		serial = entry->dialog.serial;
		dialogs->stats.evicted++;
		entry_close(entry, "evicted");
		/* A connection's entry is still there, to swallow its packets. */
		entry = dialogs->lists[ENTRY_CLOSED].oldest;
		if (!entry || entry->dialog.serial != serial) {
			return;
		}
	}
	entry_forget(entry);
}

struct entry *entry_new(struct dialogs *dialogs, const struct proxy *proxy)
{
	struct entry *entry;

	make_room(dialogs);
	entry = xcalloc(1, sizeof(*entry));
	entry->dialogs = dialogs;
	entry->dialog.proxy = proxy;
	entry->dialog.serial = dialogs->stats.dialogs++;
	for (int side = 0; side < NUM_SIDE; side++) {
		struct entry_stream *stream = &entry->streams[side];

		stream->entry = entry;
		stream->side = (enum side)side;
		reassembly_init(&stream->tcp, &STREAM_OPS, stream, &dialogs->stats.tcp);
	}
	sched_node_init(&entry->idle);
	entry->used_ns = dialogs->now_ns;
	list_append(entry);
	dialogs->num_entries++;
	return entry;
}

void entry_forget(struct entry *entry)
{
	struct dialogs *dialogs = entry->dialogs;

	for (int side = 0; side < NUM_SIDE; side++) {
		stream_done(&entry->streams[side]);
	}
	for (int face = 0; face < NUM_ENTRY_FACE; face++) {
		node_unlink(&entry->nodes[face]);
	}
	if (entry->dialog.from_run) {
		run_unlink(entry);
	}
	sched_remove(&dialogs->idle, &entry->idle);
	list_remove(entry);
	dialogs->num_closed -= entry->state == ENTRY_CLOSED;
	dialogs->num_entries--;
	free(entry);
}

void entry_bury(struct entry *entry)
{
	bool datagrams = entry->nodes[FACE_OF_CLIENT].datagrams;

	if (!entry->dialog.from_run && datagrams) {
		entry_forget(entry);
		return;
	}
	for (int side = 0; side < NUM_SIDE; side++) {
		stream_done(&entry->streams[side]);
	}
	sched_remove(&entry->dialogs->idle, &entry->idle);
	if (entry->state == ENTRY_OPEN) {
		list_remove(entry);
		entry->state = ENTRY_CLOSED;
		list_append(entry);
		entry->dialogs->num_closed++;
	}
}

void entry_enter(struct entry *entry)
{
	assert(!entry->dialogs->current);
	entry->dialogs->current = entry;
}

bool entry_leave(struct entry *entry)
{
	assert(entry->dialogs->current == entry);
	entry->dialogs->current = NULL;
	if (entry->dropped) {
		entry_bury(entry);
		return false;
	}
	return true;
}

void entry_flush(struct entry *entry)
{
	for (int side = 0; side < NUM_SIDE; side++) {
		stream_flush(&entry->streams[side]);
	}
}

void entry_close(struct entry *entry, const char *end)
{
	struct dialogs *dialogs = entry->dialogs;

	entry_enter(entry);
	entry_flush(entry);
	if (!entry_leave(entry)) {
		return;
	}
	dialogs->ops->close(dialogs->ctx, &entry->dialog, end, dialogs->now_ns);
	entry_bury(entry);
}

void dialogs_drop(struct dialogs *dialogs, struct dialog *dialog)
{
	struct entry *entry = (struct entry *)dialog;

	assert(entry_told(entry));
	entry->dropped = true;
	if (dialogs->current != entry) {
		entry_bury(entry);
	}
}
