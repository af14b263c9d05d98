/* Segments, acknowledgements, SYNs and FINs in any order: what is told moves forward
 * only, is what was sent as long as nothing contradicts it, and what waits stays bounded.
 *
 * Input: 4 bytes, the sequence number that all others are counted from; then records of 4
 * bytes:
 *	flags	of enum flag; the low bits are an enum step
 *	at	16 bits, signed; FLAG_FAR: times 4,096
 *	len	of the payload; FLAG_LONG: times 257
 */
#include "codec/reassembly.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step { STEP_SEGMENT, STEP_ACKED, STEP_SYN, STEP_FLUSH, NUM_STEP };

enum flag {
	FLAG_STEP = 0x03,
	FLAG_FIN = 0x04,
	FLAG_CUT = 0x08, /* half the payload is cut off */
	FLAG_FAR = 0x10,
	FLAG_LONG = 0x20,
	FLAG_OTHER = 0x40, /* other bytes than the stream's */
	FLAG_NEXT = 0x80,  /* counted from the byte that is told next */
};

enum { RECORD_BYTES = 4, RECORDS_MAX = 20000 };

struct stream {
	struct reassembly r;
	struct reassembly_stats stats;
	bool others;   /* were sent */
	bool begun;    /* something was told */
	uint32_t next; /* byte to be told */
	bool fin;
};

static uint8_t byte_at(uint32_t seq)
{
	return (uint8_t)(seq * 0x9e3779b1 >> 24);
}

static void move(struct stream *s, uint64_t len)
{
	assert(!s->fin && len > 0 && len <= 4 * (uint64_t)REASSEMBLY_AHEAD_MAX);
	if (!s->begun) {
		s->begun = true;
		s->next = s->r.next_seq - (uint32_t)len;
	}
	s->next += (uint32_t)len;
	assert(s->next == s->r.next_seq);
}

static void take_bytes(void *ctx, struct span bytes)
{
	struct stream *s = ctx;

	move(s, bytes.len);
	for (size_t i = 0; !s->others && i < bytes.len; i++) {
		assert(bytes.data[i] == byte_at(s->next - (uint32_t)(bytes.len - i)));
	}
}

static void take_gap(void *ctx, uint64_t len)
{
	move(ctx, len);
}

static void take_fin(void *ctx)
{
	struct stream *s = ctx;

	assert(!s->fin && s->r.fin_known && s->r.fin_seq == s->r.next_seq);
	s->fin = true;
}

static void give(struct stream *s, const uint8_t *record, uint32_t seq)
{
	size_t wire_len = (size_t)record[3] * (record[0] & FLAG_LONG ? 257 : 1);
	size_t len = record[0] & FLAG_CUT ? wire_len / 2 : wire_len;
	uint8_t *payload = malloc(len);

	for (size_t i = 0; i < len; i++) {
		payload[i] = byte_at(seq + (uint32_t)i);
		payload[i] ^= record[0] & FLAG_OTHER ? 1 : 0;
	}
	s->others |= (record[0] & FLAG_OTHER) != 0;
	reassembly_segment(&s->r, seq, span_of(payload, len), wire_len,
			   record[0] & FLAG_FIN);
	free(payload);
}

static void step(struct stream *s, const uint8_t *record, uint32_t base)
{
	int32_t at = (int16_t)(record[1] << 8 | record[2]);
	uint32_t seq = record[0] & FLAG_NEXT ? s->r.next_seq : base;

	seq += (uint32_t)(record[0] & FLAG_FAR ? at * 4096 : at);
	switch ((enum step)(record[0] & FLAG_STEP)) {
	case STEP_SEGMENT:
		give(s, record, seq);
		break;
	case STEP_ACKED:
		reassembly_acked(&s->r, seq);
		break;
	case STEP_SYN:
		reassembly_syn(&s->r, seq);
		break;
	case STEP_FLUSH:
		reassembly_flush(&s->r);
		assert(s->r.num_waiting == 0);
		break;
	case NUM_STEP:
		break;
	}
}

static void check_bounds(const struct stream *s)
{
	const struct reassembly *r = &s->r;

	assert(r->num_waiting <= REASSEMBLY_SEGMENTS_MAX);
	assert(r->held_bytes <= REASSEMBLY_HELD_MAX);
	assert(r->held_bytes >= r->num_waiting);
	assert((r->num_waiting == 0) == (r->held_bytes == 0));
	assert((r->num_waiting == 0) == (r->waiting == NULL));
	assert(r->ended == s->fin);
	assert(!r->ended || r->num_waiting == 0);
	assert(!s->begun || s->next == r->next_seq);
	assert(s->others || s->stats.conflicting_bytes == 0);
	assert((int32_t)(r->sent_seq - r->next_seq) >= 0);
	assert((int32_t)(r->seen_seq - r->next_seq) >= 0);
	assert((int32_t)(r->acked_seq - r->next_seq) >= 0);
	assert(!r->fin_known || (int32_t)(r->fin_seq - r->next_seq) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct reassembly_ops OPS = {take_bytes, take_gap, take_fin};
	struct stream s = {0};
	uint32_t base;

	if (size < 4) {
		return 0;
	}
	base = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
	       (uint32_t)data[2] << 8 | data[3];
	reassembly_init(&s.r, &OPS, &s, &s.stats);
	for (size_t i = 1; i <= RECORDS_MAX && RECORD_BYTES * (i + 1) <= size; i++) {
		step(&s, data + RECORD_BYTES * i, base);
		check_bounds(&s);
	}
	reassembly_flush(&s.r);
	check_bounds(&s);
	assert(s.r.num_waiting == 0 && (!s.r.fin_known || s.fin));
	reassembly_done(&s.r);
	return 0;
}
