#include "codec/framer.h"

#include "base/nearest.h"

#include <assert.h>

enum { FALLBACK_CELL_BYTES = 4096 };

const struct framer_row *const FRAMER_ROWS[] = {
	&FRAMER_RAW,
	&FRAMER_LINE,
	&FRAMER_LENGTH,
	NULL,
};

static const struct framer_row *row_find(const char *name)
{
	for (size_t i = 0; FRAMER_ROWS[i]; i++) {
		if (strcmp(FRAMER_ROWS[i]->name, name) == 0) {
			return FRAMER_ROWS[i];
		}
	}
	return NULL;
}

static int unknown_framer(const char *name, struct arena *arena, struct err *err)
{
	size_t num = sizeof(FRAMER_ROWS) / sizeof(FRAMER_ROWS[0]);
	const char **names = arena_take_array(arena, num, sizeof(*names));
	const char *near;
	const char *all = "";

	for (size_t i = 0; FRAMER_ROWS[i]; i++) {
		names[i] = FRAMER_ROWS[i]->name;
		all = arena_format(arena, "%s%s%s", all, i ? ", " : "", names[i]);
	}
	near = nearest_name(name, names);
	if (near) {
		return err_set(err, ERR_INPUT, "unknown framer '%s'; did you mean '%s'?",
			       name, near);
	}
	return err_set(err, ERR_INPUT, "unknown framer '%s' (framers: %s)", name, all);
}

int framer_parse(struct framer *out, const char *text, struct arena *arena,
		 struct err *err)
{
	struct framer framer = {0};
	const char *name = optrow_word(&text, arena);
	int rc;

	if (!name) {
		return err_set(err, ERR_INPUT, "a framer is missing, such as line");
	}
	framer.row = row_find(name);
	if (!framer.row) {
		return unknown_framer(name, arena, err);
	}
	assert(optrow_num(framer.row->options) <= FRAMER_OPTIONS_MAX);
	optrow_defaults(framer.row->options, arena, framer.vals);
	rc = optrow_parse_list(framer.row->options, text, arena, framer.vals, err);
	if (rc == 0) {
		rc = framer.row->prepare(&framer, arena, err);
	}
	if (rc != 0) {
		return err_context(err, "framer %s", name);
	}
	*out = framer;
	return 0;
}

void framer_release(struct framer *framer)
{
	if (framer->row && framer->row->release) {
		framer->row->release(framer);
	}
	*framer = (struct framer){0};
}

const struct optval *framer_opt(const struct framer *framer, const char *name)
{
	int i = optrow_find(framer->row->options, name);

	return i < 0 ? NULL : &framer->vals[i];
}

bool framer_is_raw(const struct framer *framer)
{
	return framer->row == &FRAMER_RAW;
}

size_t framer_cell_bytes(const struct framer *framer)
{
	return framer_is_raw(framer) ? framer->max_bytes : FALLBACK_CELL_BYTES;
}
