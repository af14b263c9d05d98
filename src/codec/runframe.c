#include "codec/runframe.h"

#include <assert.h>

static const char MAGIC[] = "turncoat/1 ";

static const char *const KINDS[] = {
	[RUNFRAME_HEADER] = "header",	    [RUNFRAME_OPEN] = "open",
	[RUNFRAME_CONNECTED] = "connected", [RUNFRAME_GONE] = "gone",
	[RUNFRAME_CLOSE] = "close",
};
static_assert(sizeof(KINDS) / sizeof(KINDS[0]) == NUM_RUNFRAME_KIND, "one word a kind");

static const char *const TRANSPORTS[] = {
	[TRANSPORT_TCP] = "tcp",
	[TRANSPORT_UDP] = "udp",
	[TRANSPORT_UNIX] = "unix",
};
static_assert(sizeof(TRANSPORTS) / sizeof(TRANSPORTS[0]) == NUM_TRANSPORT,
	      "one word a transport");

static bool printable(uint8_t byte)
{
	return byte > ' ' && byte < 0x7f;
}

/* --- writing --- */

static void put_word(struct text *out, const char *word)
{
	assert(*word && strlen(word) <= RUNFRAME_WORD_MAX);
	text_byte(out, ' ');
	for (; *word; word++) {
		assert(printable((uint8_t)*word));
		text_byte(out, *word);
	}
}

static void put_number(struct text *out, uint64_t number)
{
	text_byte(out, ' ');
	text_u64(out, number);
}

static void put_path(struct text *out, const struct runframe *frame)
{
	char addr[IPADDR_TEXT_MAX];

	assert(frame->from.len_bytes == frame->to.len_bytes);
	ipaddr_format(&frame->from, addr);
	put_word(out, addr);
	put_number(out, frame->from_port);
	ipaddr_format(&frame->to, addr);
	put_word(out, addr);
	put_number(out, frame->to_port);
}

void runframe_write(struct text *out, const struct runframe *frame)
{
	text_str(out, MAGIC);
	text_str(out, KINDS[frame->kind]);
	put_number(out, frame->kind == RUNFRAME_HEADER ? frame->piece : frame->flow);
	switch (frame->kind) {
	case RUNFRAME_HEADER:
		assert(frame->piece < frame->pieces);
		put_number(out, frame->pieces);
		break;
	case RUNFRAME_OPEN:
		put_word(out, TRANSPORTS[frame->transport]);
		put_word(out, frame->word);
		put_path(out, frame);
		break;
	case RUNFRAME_CONNECTED:
		put_path(out, frame);
		break;
	case RUNFRAME_GONE:
		break;
	case RUNFRAME_CLOSE:
		put_word(out, frame->word);
		break;
	case NUM_RUNFRAME_KIND:
		assert(false);
	}
	text_byte(out, '\n');
	if (frame->kind == RUNFRAME_HEADER) {
		assert(frame->bytes.len <= RUNFRAME_PIECE_MAX);
		text_bytes(out, frame->bytes.data, frame->bytes.len);
	}
}

/* --- reading --- */

/* What is left of the line. The first thing that is wrong with it makes it bad, and every
 * word after that empty. */
struct cursor {
	struct span rest;
	bool bad;
};

/* Up to a space, which is taken too, or the end: a space there is an empty last word. */
static struct span take_word(struct cursor *at)
{
	const uint8_t *space = at->rest.len ? memchr(at->rest.data, ' ', at->rest.len)
					    : NULL;
	size_t len = space ? (size_t)(space - at->rest.data) : at->rest.len;
	struct span word = span_sub(at->rest, 0, len);

	at->bad |= len == 0 || (space && len + 1 == at->rest.len);
	for (size_t i = 0; i < len; i++) {
		at->bad |= !printable(word.data[i]);
	}
	if (at->bad) {
		return (struct span){0};
	}
	at->rest = span_from(at->rest, space ? len + 1 : len);
	return word;
}

/* Decimal as text_u64() writes it: no zeros in front. */
static uint64_t take_number(struct cursor *at, uint64_t max)
{
	struct span word = take_word(at);
	uint64_t number = 0;

	at->bad |= word.len > 1 && word.data[0] == '0';
	for (size_t i = 0; i < word.len && !at->bad; i++) {
		unsigned digit = (unsigned)word.data[i] - '0';

		if (digit > 9 || number > (max - digit) / 10) {
			at->bad = true;
			return 0;
		}
		number = number * 10 + digit;
	}
	return number;
}

static unsigned take_one_of(struct cursor *at, const char *const *words, unsigned num)
{
	struct span word = take_word(at);

	for (unsigned i = 0; i < num; i++) {
		if (span_is(word, words[i])) {
			return i;
		}
	}
	at->bad = true;
	return 0;
}

/* As a string; out holds max + 1 bytes. */
static void take_text(struct cursor *at, char *out, size_t max)
{
	struct span word = take_word(at);

	if (word.len > max) {
		at->bad = true;
		return;
	}
	if (word.len) {
		memcpy(out, word.data, word.len);
	}
	out[word.len] = '\0';
}

static void take_addr(struct cursor *at, struct ipaddr *out)
{
	char text[IPADDR_TEXT_MAX] = "";

	take_text(at, text, sizeof(text) - 1);
	at->bad |= ipaddr_parse(text, out, NULL) < 0;
}

static void take_path(struct cursor *at, struct runframe *out)
{
	take_addr(at, &out->from);
	out->from_port = (uint16_t)take_number(at, UINT16_MAX);
	take_addr(at, &out->to);
	out->to_port = (uint16_t)take_number(at, UINT16_MAX);
	at->bad |= out->from.len_bytes != out->to.len_bytes;
}

/* Short frames are filled up with zeros on Ethernet. */
static bool all_zero(struct span span)
{
	for (size_t i = 0; i < span.len; i++) {
		if (span.data[i] != 0) {
			return false;
		}
	}
	return true;
}

bool runframe_read(struct span payload, struct runframe *out)
{
	const uint8_t *newline = payload.len ? memchr(payload.data, '\n', payload.len)
					     : NULL;
	size_t line_len = newline ? (size_t)(newline - payload.data) : 0;
	struct span line = span_sub(payload, 0, line_len);
	struct span behind = span_from(payload, line_len + 1);
	struct cursor at = {.rest = span_from(line, strlen(MAGIC))};

	*out = (struct runframe){0};
	if (!newline || !span_is(span_sub(line, 0, strlen(MAGIC)), MAGIC)) {
		return false;
	}
	out->kind = (enum runframe_kind)take_one_of(&at, KINDS, NUM_RUNFRAME_KIND);
	if (out->kind == RUNFRAME_HEADER) {
		out->piece = (uint32_t)take_number(&at, UINT32_MAX);
		out->pieces = (uint32_t)take_number(&at, UINT32_MAX);
		out->bytes = behind;
		return !at.bad && at.rest.len == 0 && out->piece < out->pieces &&
		       behind.len <= RUNFRAME_PIECE_MAX;
	}
	out->flow = take_number(&at, UINT64_MAX);
	if (out->kind == RUNFRAME_OPEN) {
		out->transport =
			(enum transport)take_one_of(&at, TRANSPORTS, NUM_TRANSPORT);
	}
	if (out->kind == RUNFRAME_OPEN || out->kind == RUNFRAME_CLOSE) {
		take_text(&at, out->word, RUNFRAME_WORD_MAX);
	}
	if (out->kind == RUNFRAME_OPEN || out->kind == RUNFRAME_CONNECTED) {
		take_path(&at, out);
	}
	return !at.bad && at.rest.len == 0 && all_zero(behind);
}
