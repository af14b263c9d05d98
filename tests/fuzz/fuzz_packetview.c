/* Any bytes as a frame: nothing outside it is read, and no view points there.
 *
 * Input: a byte for the link type, then the frame.
 */
#include "codec/packetview.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct span part, struct span whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.len <= whole.len &&
		(size_t)(part.data - whole.data) <= whole.len - part.len);
}

static void check_view(const struct packet_view *view, struct span payload_of)
{
	assert(lies_within(view->payload, payload_of));
	assert(view->payload.len <= view->payload_len);
	switch (view->kind) {
	case PACKET_OTHER:
	case PACKET_DAMAGED:
		assert(view->payload_len == 0);
		break;
	case PACKET_TCP:
	case PACKET_UDP:
	case PACKET_FRAGMENT:
		assert(view->from.len_bytes == 4 || view->from.len_bytes == 16);
		assert(view->from.len_bytes == view->to.len_bytes);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_view view;
	struct span frame;

	if (size == 0) {
		return 0;
	}
	frame = span_from(span_of(data, size), 1);
	packet_view_read(data[0] % NUM_LINK_TYPE, frame, &view);
	assert(view.link.len <= PACKET_LINK_MAX);
	assert(lies_within(view.link, frame) && lies_within(view.network, frame));
	assert(view.link.len + view.network.len <= frame.len);
	check_view(&view, view.network);
	if (view.kind == PACKET_FRAGMENT) {
		assert(view.fragment.offset <= 65528 && view.fragment.offset % 8 == 0);
		assert(view.fragment.offset > 0 || view.fragment.more);
		/* As if the rest of the frame were all of the packet. */
		packet_view_reassembled(&view, view.payload);
		assert(view.kind != PACKET_FRAGMENT);
		check_view(&view, view.network);
	}
	return 0;
}
