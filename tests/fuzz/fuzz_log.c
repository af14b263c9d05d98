/* Any bytes as a log: the reader either refuses them or hands out lines that keep its
 * promises, and the words for a line end and hold no control characters.
 */
#include "app/log_common.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(struct text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		assert((unsigned char)text->data[i] >= ' ' && text->data[i] != 0x7f);
	}
	text_clear(text);
}

static void check_identity(const struct log_line *line, struct text *text)
{
	struct identity id;
	struct err err;

	text_clear(text);
	text_str(text, line->lane);
	text_format(text, ":%s:%s:%ju", side_name(line->side), line->class,
		    (uintmax_t)line->k);
	if (strchr(line->class, ':') || !*line->class || !*line->lane) {
		return; /* no writer of ours makes these */
	}
	if (identity_parse(text_cstr(text), &id, &err) == 0) {
		assert(identity_is(&id, line));
	}
}

static void check_line(const struct log_line *line, struct text *text)
{
	size_t i;
	json_t *value;

	assert(json_is_object(line->json));
	if (line->type == LOG_UNIT || line->type == LOG_CELL_END) {
		assert(line->lane && line->class && line->has_side);
		check_identity(line, text);
	}
	text_clear(text);
	json_array_foreach(json_object_get(line->json, "effects"), i, value)
	{
		text_effect(text, value);
		check_words(text);
	}
	json_array_foreach(json_object_get(line->json, "edits"), i, value)
	{
		text_edit(text, value, 16);
		check_words(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct logread *log = NULL;
	struct text text = {0};
	struct log_line line;
	struct err err = {0};
	char path[64];
	uint64_t last = 1;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (logread_open(path, true, &log, &err) == 0) {
		int code;

		while ((code = logread_next(log, &line, &err)) > 0) {
			assert(line.number == last + 1);
			assert(line.offset + line.raw.len <= size);
			assert(memcmp(line.raw.data, data + line.offset, line.raw.len) ==
			       0);
			last = line.number;
			check_line(&line, &text);
		}
		assert(code == 0 || (err.code == code && *err.text));
		logread_close(log);
	} else {
		assert(*err.text);
	}
	text_done(&text);
	close(fd);
	return 0;
}
