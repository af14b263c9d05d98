#include "codec/fragments.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

enum { SEGMENT_MAX = 65535 }; /* of IP's length fields */

/* Bytes of the segment. */
struct range {
	uint32_t from, to;
};

/* Where a frame's part of the segment is. */
struct part {
	size_t at; /* in the frame */
	struct range range;
};

/* A packet of which not all has come. */
struct pending {
	struct pending *next;
	struct ipaddr from, to;
	uint32_t id;
	/* In later fragments RFC 8200 lets it differ; none does that means well. */
	uint8_t protocol;
	int64_t since_ns;
	bool end_known;
	uint32_t end; /* of the segment, once the last fragment has come */
	struct range ranges[FRAGMENTS_FRAMES_MAX]; /* that have come; sorted, apart */
	size_t num_ranges;
	struct fragment_frame frames[FRAGMENTS_FRAMES_MAX];
	struct part parts[FRAGMENTS_FRAMES_MAX]; /* a frame's each */
	size_t num_frames;
	size_t held_bytes; /* of all frames */
	uint8_t *segment;  /* once it is whole */
};

struct pending_list { /* the oldest first */
	struct pending *first, **end;
	size_t num;
};

struct fragments {
	struct pending_list waiting;
	struct pending_list leaving; /* given up; to be taken by fragments_expire() */
	struct pending *handed_out;
};

static void list_append(struct pending_list *list, struct pending *pending)
{
	pending->next = NULL;
	*list->end = pending;
	list->end = &pending->next;
	list->num++;
}

static struct pending *list_take(struct pending_list *list, struct pending **link)
{
	struct pending *pending = *link;

	*link = pending->next;
	if (!pending->next) {
		list->end = link;
	}
	list->num--;
	return pending;
}

static void pending_free(struct pending *pending)
{
	if (pending) {
		for (size_t i = 0; i < pending->num_frames; i++) {
			free((void *)(uintptr_t)pending->frames[i].bytes.data);
		}
		free(pending->segment);
		free(pending);
	}
}

static void list_done(struct pending_list *list)
{
	while (list->first) {
		pending_free(list_take(list, &list->first));
	}
}

struct fragments *fragments_new(void)
{
	struct fragments *fragments = xcalloc(1, sizeof(*fragments));

	fragments->waiting.end = &fragments->waiting.first;
	fragments->leaving.end = &fragments->leaving.first;
	return fragments;
}

void fragments_free(struct fragments *fragments)
{
	if (fragments) {
		list_done(&fragments->waiting);
		list_done(&fragments->leaving);
		pending_free(fragments->handed_out);
		free(fragments);
	}
}

static void hand_out(struct fragments *fragments, struct pending *pending,
		     struct fragment_packet *out)
{
	fragments->handed_out = pending;
	*out = (struct fragment_packet){.frames = pending->frames,
					.num_frames = pending->num_frames};
	if (pending->segment) {
		out->segment = span_of(pending->segment, pending->end);
	}
}

static void take_back(struct fragments *fragments)
{
	pending_free(fragments->handed_out);
	fragments->handed_out = NULL;
}

static void give_up(struct fragments *fragments, struct pending **link)
{
	/* A caller who never asks for them loses the oldest. */
	if (fragments->leaving.num == FRAGMENTS_PACKETS_MAX) {
		pending_free(list_take(&fragments->leaving, &fragments->leaving.first));
	}
	list_append(&fragments->leaving, list_take(&fragments->waiting, link));
}

static bool has_waited(const struct pending *pending, int64_t now_ns)
{
	return now_ns > pending->since_ns &&
	       (uint64_t)now_ns - (uint64_t)pending->since_ns > FRAGMENTS_WAIT_NS;
}

static bool is_of(const struct pending *pending, const struct packet_view *view)
{
	size_t len = view->from.len_bytes;

	return pending->id == view->fragment.id &&
	       pending->protocol == view->fragment.protocol &&
	       pending->from.len_bytes == len &&
	       memcmp(pending->from.bytes, view->from.bytes, len) == 0 &&
	       memcmp(pending->to.bytes, view->to.bytes, len) == 0;
}

/* The packet that the fragment is a part of; a new one where there is none, or where that
 * takes no more or is too old. */
static struct pending **find(struct fragments *fragments, const struct packet_view *view,
			     size_t frame_len, int64_t at_ns)
{
	struct pending_list *waiting = &fragments->waiting;
	struct pending **link = &waiting->first;
	struct pending *pending;

	while (*link && !is_of(*link, view)) {
		link = &(*link)->next;
	}
	if (*link) {
		if ((*link)->num_frames < FRAGMENTS_FRAMES_MAX &&
		    (*link)->held_bytes + frame_len <= FRAGMENTS_BYTES_MAX &&
		    !has_waited(*link, at_ns)) {
			return link;
		}
		give_up(fragments, link);
	} else if (waiting->num == FRAGMENTS_PACKETS_MAX) {
		give_up(fragments, &waiting->first);
	}
	pending = xcalloc(1, sizeof(*pending));
	pending->from = view->from;
	pending->to = view->to;
	pending->id = view->fragment.id;
	pending->protocol = view->fragment.protocol;
	pending->since_ns = at_ns;
	link = waiting->end;
	list_append(waiting, pending);
	return link;
}

/* On its own, RFC 791 §3.2, 8200 §4.5. */
static bool makes_sense(const struct packet_view *view, struct range range)
{
	return view->payload.len == view->payload_len && range.from < range.to &&
	       range.to <= SEGMENT_MAX &&
	       (!view->fragment.more || (range.to - range.from) % 8 == 0);
}

/* With what has come of the packet. */
static bool agrees(const struct pending *pending, struct range range, bool more)
{
	uint32_t seen =
		pending->num_ranges > 0 ? pending->ranges[pending->num_ranges - 1].to : 0;

	if (pending->end_known) {
		return more ? range.to < pending->end : range.to == pending->end;
	}
	return more || range.to >= seen;
}

static void add_range(struct pending *pending, struct range range)
{
	struct range *ranges = pending->ranges;
	size_t first = 0, end;

	while (first < pending->num_ranges && ranges[first].to < range.from) {
		first++;
	}
	for (end = first; end < pending->num_ranges && ranges[end].from <= range.to;
	     end++) {
		range.from = ranges[end].from < range.from ? ranges[end].from
							   : range.from;
		range.to = ranges[end].to > range.to ? ranges[end].to : range.to;
	}
	/* The ranges [first, end) become one. */
	memmove(ranges + first + 1, ranges + end,
		(pending->num_ranges - end) * sizeof(*ranges));
	ranges[first] = range;
	pending->num_ranges = pending->num_ranges - (end - first) + 1;
}

static void add_frame(struct pending *pending, const struct packet_view *view,
		      struct span frame, uint32_t wire_len, int64_t at_ns,
		      struct range range)
{
	uint8_t *copy = xmalloc(frame.len);

	memcpy(copy, frame.data, frame.len);
	pending->frames[pending->num_frames] =
		(struct fragment_frame){.bytes = span_of(copy, frame.len),
					.at_ns = at_ns,
					.wire_len = wire_len};
	pending->parts[pending->num_frames] =
		(struct part){(size_t)(view->payload.data - frame.data), range};
	pending->num_frames++;
	pending->held_bytes += frame.len;
	add_range(pending, range);
	if (!view->fragment.more) {
		pending->end_known = true;
		pending->end = range.to;
	}
}

static bool is_whole(const struct pending *pending)
{
	return pending->end_known && pending->num_ranges == 1 &&
	       pending->ranges[0].from == 0 && pending->ranges[0].to == pending->end;
}

static void put_together(struct pending *pending)
{
	pending->segment = xmalloc(pending->end);
	/* The earlier ones last, so that theirs are the bytes that stay. */
	for (size_t i = pending->num_frames; i-- > 0;) {
		const struct part *part = &pending->parts[i];

		memcpy(pending->segment + part->range.from,
		       pending->frames[i].bytes.data + part->at,
		       part->range.to - part->range.from);
	}
}

enum fragment_result fragments_add(struct fragments *fragments,
				   const struct packet_view *view, struct span frame,
				   uint32_t wire_len, int64_t at_ns,
				   struct fragment_packet *out)
{
	struct range range = {view->fragment.offset,
			      view->fragment.offset + (uint32_t)view->payload_len};
	struct pending **link;

	assert(view->kind == PACKET_FRAGMENT);
	take_back(fragments);
	if (view->payload_len > SEGMENT_MAX || frame.len > FRAGMENTS_BYTES_MAX ||
	    !makes_sense(view, range)) {
		return FRAGMENT_BAD;
	}
	assert(view->payload.data >= frame.data &&
	       view->payload.data + view->payload.len <= frame.data + frame.len);
	link = find(fragments, view, frame.len, at_ns);
	if (!agrees(*link, range, view->fragment.more)) {
		return FRAGMENT_BAD;
	}
	add_frame(*link, view, frame, wire_len, at_ns, range);
	if (!is_whole(*link)) {
		return FRAGMENT_KEPT;
	}
	put_together(*link);
	hand_out(fragments, list_take(&fragments->waiting, link), out);
	return FRAGMENT_WHOLE;
}

bool fragments_expire(struct fragments *fragments, int64_t now_ns,
		      struct fragment_packet *out)
{
	struct pending **link = &fragments->waiting.first;

	take_back(fragments);
	if (fragments->leaving.first) {
		hand_out(fragments,
			 list_take(&fragments->leaving, &fragments->leaving.first), out);
		return true;
	}
	while (*link && now_ns != INT64_MAX && !has_waited(*link, now_ns)) {
		link = &(*link)->next;
	}
	if (!*link) {
		return false;
	}
	hand_out(fragments, list_take(&fragments->waiting, link), out);
	return true;
}
