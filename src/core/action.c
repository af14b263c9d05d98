#include "core/action.h"

#include "base/nearest.h"

#include <assert.h>

const struct action_row *const ACTION_ROWS[] = {
	&ACTION_DROP,	&ACTION_DELAY,	&ACTION_REORDER, &ACTION_DUPLICATE,
	&ACTION_FLIP,	&ACTION_SET,	&ACTION_REPLACE, &ACTION_TRUNCATE,
	&ACTION_EXTEND, &ACTION_SPLICE, &ACTION_RESET,	 &ACTION_CLOSE,
	NULL,
};

enum { ACTION_ROWS_MAX = 64 };

/* The row called `name`, or NULL. */
static const struct action_row *action_row(const char *name)
{
	for (const struct action_row *const *row = ACTION_ROWS; *row; row++) {
		if (strcmp((*row)->name, name) == 0) {
			return *row;
		}
	}
	return NULL;
}

static int unknown_action(const char *name, struct err *err)
{
	const char *names[ACTION_ROWS_MAX];
	const char *near;
	size_t num = 0;

	for (; ACTION_ROWS[num]; num++) {
		assert(num + 1 < ACTION_ROWS_MAX);
		names[num] = ACTION_ROWS[num]->name;
	}
	names[num] = NULL;
	near = nearest_name(name, names);
	return near ? err_set(err, ERR_INPUT, "unknown action '%s'; did you mean '%s'?",
			      name, near)
		    : err_set(err, ERR_INPUT,
			      "unknown action '%s'; `turncoat help actions` lists them",
			      name);
}

int action_parse(struct action *out, const char *text, unsigned index,
		 struct arena *arena, struct err *err)
{
	struct action action = {.index = index};
	const char *rest = text;
	const char *name = optrow_word(&rest, arena);
	const char *two_rest = rest;
	const char *second;

	if (!name) {
		return err_set(err, ERR_INPUT, "`do` names no action");
	}
	action.row = action_row(name);
	second = optrow_word(&two_rest, arena);
	if (!action.row && second && !strchr(second, '=')) {
		name = arena_format(arena, "%s %s", name, second);
		action.row = action_row(name);
		rest = two_rest;
	}
	if (!action.row) {
		return unknown_action(name, err);
	}
	assert(optrow_num(action.row->options) <= ACTION_OPTIONS_MAX);
	optrow_defaults(action.row->options, arena, action.vals);
	if (optrow_parse_list(action.row->options, rest, arena, action.vals, err) < 0 ||
	    (action.row->prepare && action.row->prepare(&action, arena, err) < 0)) {
		return err_context(err, "%s", action.row->name);
	}
	*out = action;
	return 0;
}

void action_release(struct action *action)
{
	if (action->row && action->row->release) {
		action->row->release(action);
	}
}

uint64_t judgement_draw(const struct judgement *j, unsigned param, uint64_t n)
{
	uint64_t which = (uint64_t)(j->action->index + 1) << 48 | (uint64_t)param << 40 |
			 n;

	assert(param < 256 && n < UINT64_C(1) << 40);
	return prf_draw(j->key, j->unit->class_hash, j->unit->k, which);
}
