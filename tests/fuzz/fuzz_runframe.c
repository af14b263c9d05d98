/* Any bytes as a run frame: what reads is written to something that reads the same. */
#include "codec/runframe.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct runframe *a, const struct runframe *b)
{
	assert(a->kind == b->kind && a->flow == b->flow);
	assert(a->piece == b->piece && a->pieces == b->pieces);
	assert(span_eq(a->bytes, b->bytes));
	assert(a->transport == b->transport);
	assert(strcmp(a->word, b->word) == 0);
	assert(a->from.len_bytes == b->from.len_bytes);
	assert(memcmp(a->from.bytes, b->from.bytes, a->from.len_bytes) == 0);
	assert(a->to.len_bytes == b->to.len_bytes);
	assert(memcmp(a->to.bytes, b->to.bytes, a->to.len_bytes) == 0);
	assert(a->from_port == b->from_port && a->to_port == b->to_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runframe frame, again;
	struct text text = {0};
	bool reads;

	if (!runframe_read(span_of(data, size), &frame)) {
		return 0;
	}
	runframe_write(&text, &frame);
	reads = runframe_read(span_of(text.data, text.len), &again);
	assert(reads);
	check_same(&frame, &again);
	text_done(&text);
	return 0;
}
