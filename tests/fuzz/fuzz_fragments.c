/* Fragments of any kind and order: every frame that is kept comes back once, what is
 * whole has the bytes that came first, and the table stays within its bounds.
 *
 * Input: records of 4 bytes and a payload, each a fragment:
 *	flags	of enum flag; the low bits are the id
 *	offset	in units of 8 bytes; FLAG_FAR: 32 times as much
 *	len	of the payload that follows, cut to what is there
 *	time	seconds since the one before
 */
#include "codec/fragments.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum flag {
	FLAG_ID = 0x07,
	FLAG_LAST = 0x08,
	FLAG_FAR = 0x10,
	FLAG_CUT = 0x20, /* the snapshot length has cut a byte */
	FLAG_EXPIRE = 0x40,
	FLAG_LONG = 0x80, /* the payload 32 times */
};

enum { RECORD_BYTES = 4, IPV4_BYTES = 20, FRAME_MAX = IPV4_BYTES + 255 * 32 };

struct table {
	struct fragments *fragments;
	size_t num_kept, num_back;
	int64_t now_ns;
};

static void read_frame(struct span frame, struct packet_view *view)
{
	packet_view_read(LINK_RAW, frame, view);
	assert(view->kind == PACKET_FRAGMENT);
}

static struct span make_frame(const uint8_t *record, struct span payload, uint8_t *out)
{
	size_t len = IPV4_BYTES;
	uint16_t offset = record[1];

	for (size_t i = 0; i < (record[0] & FLAG_LONG ? 32 : 1); i++) {
		if (payload.len > 0) {
			memcpy(out + len, payload.data, payload.len);
		}
		len += payload.len;
	}
	offset = record[0] & FLAG_FAR ? (uint16_t)(offset * 32) : offset;
	memset(out, 0, IPV4_BYTES);
	out[0] = 0x45;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[5] = record[0] & FLAG_ID;
	out[6] = (uint8_t)(offset >> 8);
	out[7] = (uint8_t)offset;
	/* The first is no fragment if it is the last as well. */
	if (!(record[0] & FLAG_LAST) || offset == 0) {
		out[6] |= 0x20;
	}
	return span_of(out, len - (record[0] & FLAG_CUT && len > IPV4_BYTES));
}

static void check_packet(struct table *table, const struct fragment_packet *packet)
{
	size_t bytes = 0;
	uint8_t *come = calloc(1, packet->segment.len + 1);

	assert(packet->num_frames > 0 && packet->num_frames <= FRAGMENTS_FRAMES_MAX);
	table->num_back += packet->num_frames;
	for (size_t i = 0; i < packet->num_frames; i++) {
		struct packet_view view;

		bytes += packet->frames[i].bytes.len;
		assert(packet->frames[i].wire_len == packet->frames[i].bytes.len);
		assert(packet->frames[i].at_ns <= table->now_ns);
		read_frame(packet->frames[i].bytes, &view);
		for (size_t j = 0; packet->segment.len > 0 && j < view.payload.len; j++) {
			size_t at = view.fragment.offset + j;

			assert(at < packet->segment.len);
			assert(come[at] ||
			       packet->segment.data[at] == view.payload.data[j]);
			come[at] = 1;
		}
	}
	assert(bytes <= FRAGMENTS_BYTES_MAX);
	assert(memchr(come, 0, packet->segment.len) == NULL);
	free(come);
}

static void expire(struct table *table, int64_t now_ns)
{
	struct fragment_packet packet;

	while (fragments_expire(table->fragments, now_ns, &packet)) {
		assert(packet.segment.len == 0);
		check_packet(table, &packet);
	}
}

static void add(struct table *table, const uint8_t *record, struct span payload)
{
	static uint8_t scratch[FRAME_MAX];
	struct span made = make_frame(record, payload, scratch);
	uint8_t *frame = malloc(made.len);
	struct fragment_packet packet;
	struct packet_view view;

	memcpy(frame, made.data, made.len);
	read_frame(span_of(frame, made.len), &view);
	table->now_ns += record[3] * INT64_C(1000000000);
	if (record[0] & FLAG_EXPIRE) {
		expire(table, table->now_ns);
	}
	switch (fragments_add(table->fragments, &view, span_of(frame, made.len),
			      (uint32_t)made.len, table->now_ns, &packet)) {
	case FRAGMENT_KEPT:
		table->num_kept++;
		break;
	case FRAGMENT_WHOLE:
		table->num_kept++;
		assert(packet.segment.len > 0 && packet.segment.len <= 65535);
		check_packet(table, &packet);
		break;
	case FRAGMENT_BAD:
		break;
	}
	free(frame);
	/* What had to give way. */
	expire(table, INT64_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table table = {.fragments = fragments_new()};

	while (size > RECORD_BYTES) {
		struct span payload =
			span_sub(span_of(data, size), RECORD_BYTES, data[2]);

		add(&table, data, payload);
		data += RECORD_BYTES + payload.len;
		size -= RECORD_BYTES + payload.len;
	}
	expire(&table, INT64_MAX);
	assert(table.num_back == table.num_kept);
	fragments_free(table.fragments);
	return 0;
}
