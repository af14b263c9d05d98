/* Theory of operation. next_seq is the byte that is told next. What has come of the bytes
 * behind it waits in a list sorted by sequence number, whose segments never overlap and
 * of which, between calls, none begins at next_seq: in front of the first is a hole. A
 * segment that fills it is told straight from the caller's buffer; only what waits is
 * copied. Distances are differences modulo 2^32, read as signed (RFC 9293 §3.4);
 * REASSEMBLY_AHEAD_MAX keeps all of them far below 2^31.
 *
 * The list's first segment points back to its last: segments come mostly in order even
 * behind a hole, so places are searched from there.
 */
#include "codec/reassembly.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

struct reassembly_segment {
	struct reassembly_segment *next; /* NULL: the last */
	struct reassembly_segment *prev; /* of the first: the last */
	uint32_t seq;
	size_t len; /* > 0 */
	uint8_t bytes[];
};

static void no_bytes(void *ctx, struct span bytes)
{
	(void)ctx;
	(void)bytes;
}

static void no_gap(void *ctx, uint64_t len)
{
	(void)ctx;
	(void)len;
}

static void no_fin(void *ctx)
{
	(void)ctx;
}

/* Of a stream that an op has called reassembly_done() on. */
static const struct reassembly_ops NO_OPS = {no_bytes, no_gap, no_fin};

/* How far `seq` lies behind `from` in the stream; negative: in front of it. */
static int32_t seq_ahead(uint32_t seq, uint32_t from)
{
	return (int32_t)(seq - from);
}

static uint32_t segment_end(const struct reassembly_segment *segment)
{
	return segment->seq + (uint32_t)segment->len;
}

static struct reassembly_segment *segment_last(const struct reassembly *r)
{
	return r->waiting ? r->waiting->prev : NULL;
}

/* Behind `prev`; NULL: in front of all. */
static void segment_insert(struct reassembly *r, struct reassembly_segment *prev,
			   struct reassembly_segment *segment)
{
	struct reassembly_segment *last = segment_last(r);

	segment->next = prev ? prev->next : r->waiting;
	segment->prev = prev;
	if (segment->next) {
		segment->next->prev = segment;
	} else {
		last = segment;
	}
	if (prev) {
		prev->next = segment;
	} else {
		r->waiting = segment;
	}
	r->waiting->prev = last;
	r->num_waiting++;
	r->held_bytes += segment->len;
}

static void segment_remove(struct reassembly *r, struct reassembly_segment *segment)
{
	struct reassembly_segment *last = segment_last(r);

	if (segment == last) {
		last = segment == r->waiting ? NULL : segment->prev;
	} else {
		segment->next->prev = segment->prev;
	}
	if (segment == r->waiting) {
		r->waiting = segment->next;
	} else {
		segment->prev->next = segment->next;
	}
	if (r->waiting) {
		r->waiting->prev = last;
	}
	r->num_waiting--;
	r->held_bytes -= segment->len;
}

/* The last segment that does not begin behind `seq`. */
static struct reassembly_segment *segment_find(const struct reassembly *r, uint32_t seq)
{
	struct reassembly_segment *segment = segment_last(r);

	while (segment && seq_ahead(segment->seq, seq) > 0) {
		segment = segment == r->waiting ? NULL : segment->prev;
	}
	return segment;
}

void reassembly_init(struct reassembly *r, const struct reassembly_ops *ops, void *ctx,
		     struct reassembly_stats *stats)
{
	*r = (struct reassembly){.ops = ops, .ctx = ctx, .stats = stats};
}

void reassembly_done(struct reassembly *r)
{
	while (r->waiting) {
		struct reassembly_segment *segment = r->waiting;

		segment_remove(r, segment);
		free(segment);
	}
	r->ops = &NO_OPS;
}

static void tell_bytes(struct reassembly *r, struct span bytes)
{
	r->next_seq += (uint32_t)bytes.len;
	r->ops->bytes(r->ctx, bytes);
}

static void tell_first(struct reassembly *r)
{
	struct reassembly_segment *segment = r->waiting;

	/* The op may end the stream, so the list lets go of it before. */
	segment_remove(r, segment);
	tell_bytes(r, span_of(segment->bytes, segment->len));
	free(segment);
}

/* What waits goes on as far as there is no hole. */
static void tell_waiting(struct reassembly *r)
{
	while (r->waiting && r->waiting->seq == r->next_seq) {
		tell_first(r);
	}
}

static void tell_gap(struct reassembly *r, uint32_t until)
{
	uint32_t len = until - r->next_seq;

	r->stats->gaps++;
	r->stats->gap_bytes += len;
	r->next_seq = until;
	r->ops->gap(r->ctx, len);
}

/* All in front of `until`, holes as gaps, and what then follows without a hole. */
static void tell_until(struct reassembly *r, uint32_t until)
{
	while (seq_ahead(until, r->next_seq) > 0) {
		uint32_t stop = until;

		if (r->waiting && seq_ahead(stop, r->waiting->seq) > 0) {
			stop = r->waiting->seq;
		}
		tell_gap(r, stop);
		tell_waiting(r);
	}
}

/* Neither may fall so far back that it seems to be ahead. */
static void keep_up(struct reassembly *r)
{
	if (seq_ahead(r->next_seq, r->seen_seq) > 0) {
		r->seen_seq = r->next_seq;
	}
	if (seq_ahead(r->next_seq, r->acked_seq) > 0) {
		r->acked_seq = r->next_seq;
	}
}

/* Holes that were acknowledged, as far as segments or a FIN reach. */
static void tell_acked(struct reassembly *r)
{
	uint32_t until = r->acked_seq;

	if (seq_ahead(until, r->seen_seq) > 0 &&
	    seq_ahead(until, r->next_seq) <= REASSEMBLY_EARLY_MAX) {
		until = r->seen_seq;
	}
	tell_until(r, until);
	keep_up(r);
}

static void tell_fin(struct reassembly *r)
{
	if (r->fin_known && !r->ended && r->next_seq == r->fin_seq) {
		r->ended = true;
		r->ops->fin(r->ctx);
	}
}

/* Bytes that came again: `old` as they are known. */
static void count_again(struct reassembly *r, const uint8_t *old, const uint8_t *again,
			size_t len)
{
	r->stats->retransmitted_bytes += len;
	if (memcmp(old, again, len) == 0) {
		return;
	}
	for (size_t i = 0; i < len; i++) {
		r->stats->conflicting_bytes += old[i] != again[i];
	}
}

static size_t min_len(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Bytes from next_seq on; those that wait already are told as they came first. */
static void take_in_order(struct reassembly *r, struct span bytes)
{
	while (bytes.len > 0) {
		struct reassembly_segment *first = r->waiting;
		size_t len = bytes.len;

		if (first && first->seq == r->next_seq) {
			len = min_len(len, first->len);
			count_again(r, first->bytes, bytes.data, len);
			tell_first(r);
		} else {
			if (first) {
				len = min_len(len, first->seq - r->next_seq);
			}
			tell_bytes(r, span_sub(bytes, 0, len));
		}
		bytes = span_from(bytes, len);
	}
	tell_waiting(r);
}

/* Bytes behind a hole, none of which the segments up to `prev` have. Segments that lie
 * wholly within are merged into the new one, so there is never more than one more. */
static void keep(struct reassembly *r, struct reassembly_segment *prev, uint32_t seq,
		 struct span bytes)
{
	struct reassembly_segment *segment = xmalloc(sizeof(*segment) + bytes.len);
	struct reassembly_segment *next;

	segment->seq = seq;
	segment->len = bytes.len;
	memcpy(segment->bytes, bytes.data, bytes.len);
	while ((next = prev ? prev->next : r->waiting) != NULL) {
		size_t at = next->seq - seq;

		if (at >= segment->len) {
			break;
		}
		if (next->len > segment->len - at) {
			count_again(r, next->bytes, segment->bytes + at,
				    segment->len - at);
			segment->len = at;
			break;
		}
		count_again(r, next->bytes, segment->bytes + at, next->len);
		memcpy(segment->bytes + at, next->bytes, next->len);
		segment_remove(r, next);
		free(next);
	}
	if (segment->len == 0) {
		free(segment);
		return;
	}
	if (segment->len < bytes.len) {
		/* held_bytes is to tell how much memory there is. */
		segment = xrealloc(segment, sizeof(*segment) + segment->len);
	}
	segment_insert(r, prev, segment);
}

static void take(struct reassembly *r, uint32_t seq, struct span bytes)
{
	while (bytes.len > 0) {
		struct reassembly_segment *prev;
		size_t len;

		if (seq_ahead(r->next_seq, seq) > 0) {
			len = min_len(bytes.len, r->next_seq - seq);
			r->stats->retransmitted_bytes += len;
			seq += (uint32_t)len;
			bytes = span_from(bytes, len);
			continue;
		}
		prev = segment_find(r, seq);
		if (prev && seq_ahead(segment_end(prev), seq) > 0) {
			size_t at = seq - prev->seq;

			len = min_len(bytes.len, prev->len - at);
			count_again(r, prev->bytes + at, bytes.data, len);
			seq += (uint32_t)len;
			bytes = span_from(bytes, len);
			continue;
		}
		if (seq == r->next_seq) {
			take_in_order(r, bytes);
			return;
		}
		if (r->num_waiting < REASSEMBLY_SEGMENTS_MAX &&
		    bytes.len <= REASSEMBLY_HELD_MAX - r->held_bytes) {
			keep(r, prev, seq, bytes);
			return;
		}
		/* Too much waits: the hole will not be filled any more. */
		tell_until(r, prev ? r->waiting->seq : seq);
	}
}

static void forget_behind_fin(struct reassembly *r)
{
	struct reassembly_segment *last;

	while ((last = segment_last(r)) != NULL &&
	       seq_ahead(segment_end(last), r->fin_seq) > 0) {
		size_t len = last->len;

		if (seq_ahead(r->fin_seq, last->seq) > 0) {
			last->len = r->fin_seq - last->seq;
			r->held_bytes -= len - last->len;
			return;
		}
		segment_remove(r, last);
		free(last);
	}
}

static void take_fin(struct reassembly *r, uint32_t seq)
{
	if (r->fin_known ? seq != r->fin_seq : seq_ahead(seq, r->next_seq) < 0) {
		r->stats->ignored++;
		return;
	}
	if (!r->fin_known) {
		r->fin_known = true;
		r->fin_seq = seq;
		r->sent_seq = seq;
		r->seen_seq = seq;
		forget_behind_fin(r);
	}
}

static void begin(struct reassembly *r, uint32_t seq)
{
	r->started = true;
	r->next_seq = seq;
	r->sent_seq = seq;
	r->seen_seq = seq;
	r->acked_seq = seq;
}

/* Is it near enough to next_seq to be of this stream? */
static bool is_near(const struct reassembly *r, uint32_t seq)
{
	int32_t ahead = seq_ahead(seq, r->next_seq);

	return ahead <= REASSEMBLY_AHEAD_MAX && ahead >= -REASSEMBLY_AHEAD_MAX;
}

void reassembly_syn(struct reassembly *r, uint32_t isn)
{
	if (!r->started) {
		begin(r, isn + 1);
	} else if (!is_near(r, isn + 1) || seq_ahead(isn + 1, r->next_seq) > 0) {
		r->stats->ignored++;
	}
}

void reassembly_segment(struct reassembly *r, uint32_t seq, struct span payload,
			size_t wire_len, bool fin)
{
	uint32_t end = seq + (uint32_t)wire_len;

	assert(payload.len <= wire_len);
	/* An acknowledgement. Nor does one begin a stream: a keep-alive's sequence number
	 * is that of a byte sent before. */
	if (wire_len == 0 && !fin) {
		return;
	}
	r->stats->segments++;
	if (!r->started) {
		begin(r, seq);
	}
	if (!is_near(r, seq) || wire_len > REASSEMBLY_AHEAD_MAX) {
		r->stats->ignored++;
		return;
	}
	if (fin) {
		take_fin(r, end);
	}
	if (r->fin_known && seq_ahead(end, r->fin_seq) > 0) {
		if (seq_ahead(seq, r->fin_seq) >= 0) {
			r->stats->ignored++;
			return;
		}
		end = r->fin_seq;
		payload = span_sub(payload, 0, end - seq);
	}
	if (seq_ahead(end, r->sent_seq) > 0) {
		r->sent_seq = end;
	}
	if (seq_ahead(end, r->seen_seq) > 0) {
		r->seen_seq = end;
	}
	r->stats->out_of_order += seq_ahead(seq, r->next_seq) > 0;
	take(r, seq, payload);
	tell_acked(r);
	tell_fin(r);
}

void reassembly_acked(struct reassembly *r, uint32_t ack)
{
	if (!r->started || !is_near(r, ack)) {
		return;
	}
	/* One more than is known to be sent: likely a FIN that the trace has lost, or has
	 * later. If it was a byte, what follows shows it. */
	if (ack == r->sent_seq + 1) {
		ack--;
	}
	if (r->fin_known && seq_ahead(ack, r->fin_seq) > 0) {
		return;
	}
	if (seq_ahead(ack, r->sent_seq) > 0) {
		r->sent_seq = ack;
	}
	if (seq_ahead(ack, r->acked_seq) > 0) {
		r->acked_seq = ack;
	}
	tell_acked(r);
	tell_fin(r);
}

void reassembly_flush(struct reassembly *r)
{
	if (r->started) {
		tell_until(r, r->sent_seq);
		keep_up(r);
		tell_fin(r);
	}
}
