#include "app/oracle.h"

#include "base/arena.h"
#include "base/quantity.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SHOWN_MAX = 200 };

void oracle_init(struct oracle *oracle, const struct oracle_spec *spec)
{
	*oracle = (struct oracle){
		.spec = spec,
		.next_ns = INT64_MAX,
		.kill_ns = INT64_MAX,
		.due_ns = INT64_MAX,
	};
}

static bool runs(const struct oracle *oracle)
{
	return oracle->process.pid != 0;
}

static void finish(struct oracle *oracle, bool broken)
{
	oracle->over = true;
	oracle->broken = broken;
	oracle->next_ns = INT64_MAX;
	oracle->due_ns = INT64_MAX;
}

/* --- lines --- */

bool oracle_hears(const struct oracle_spec *spec, const char *source)
{
	if (!spec->pattern) {
		return false;
	}
	for (const char *const *name = spec->on; name && *name; name++) {
		if (strcmp(*name, source) == 0) {
			return true;
		}
	}
	return !spec->on;
}

/* Goals count from the command's start, and on until their time is over. */
static bool listens(const struct oracle_spec *spec, enum oracle_phase phase)
{
	if (spec->goal) {
		return true;
	}
	return phase == ORACLE_BEFORE || phase == ORACLE_DURING ? spec->during
								: spec->after;
}

void oracle_line(struct oracle *oracle, enum oracle_phase phase, const char *source,
		 struct span line)
{
	const struct oracle_spec *spec = oracle->spec;
	size_t at, len;

	if (oracle->over || !listens(spec, phase) || !oracle_hears(spec, source) ||
	    !regex_find(spec->pattern, line, 0, &at, &len)) {
		return;
	}
	if (!spec->goal) {
		text_format(&oracle->why, "%s said: %.*s", source,
			    line.len > LINE_SHOWN_MAX ? LINE_SHOWN_MAX : (int)line.len,
			    (const char *)line.data);
	}
	finish(oracle, !spec->goal);
}

void oracle_source_ended(struct oracle *oracle, const char *source)
{
	const struct oracle_spec *spec = oracle->spec;

	if (spec->goal && !oracle->over && spec->on && spec->on[0] && !spec->on[1] &&
	    oracle_hears(spec, source)) {
		text_format(&oracle->why, "%s ended without a line that has %s", source,
			    spec->pattern_text);
		finish(oracle, true);
	}
}

/* --- commands --- */

void oracle_enter(struct oracle *oracle, enum oracle_phase phase, int64_t now_ns)
{
	const struct oracle_spec *spec = oracle->spec;

	if (oracle->over) {
		return;
	}
	switch (phase) {
	case ORACLE_BEFORE:
		break;
	case ORACLE_DURING:
		if (spec->goal && spec->pattern) {
			oracle->due_ns = now_ns + spec->within_ns;
		} else if (!spec->goal && spec->command && spec->during) {
			oracle->next_ns = now_ns + spec->every_ns;
		}
		break;
	case ORACLE_GOALS:
		oracle->next_ns = INT64_MAX;
		if (spec->goal && spec->command) {
			oracle->due_ns = now_ns + spec->within_ns;
			oracle->next_ns = now_ns;
		}
		break;
	case ORACLE_AFTER:
		if (!spec->goal && spec->command && spec->after) {
			oracle->next_ns = now_ns;
		}
		break;
	}
}

static int start(struct oracle *oracle, struct loop *loop, const char *dir,
		 struct err *err)
{
	const struct oracle_spec *spec = oracle->spec;
	struct arena arena = {0};
	struct output_options options = {
		.path = arena_format(&arena, "%s/%s.%s.log", dir, spec->name,
				     spec->goal ? "goal" : "invariant"),
		.append = oracle->num_looks > 1,
		.copy_fd = -1,
	};
	int fd, code;

	output_free(oracle->output);
	oracle->output = NULL;
	code = output_open(loop, &options, &oracle->output, &fd, err);
	if (code == 0) {
		code = process_start_shell(&oracle->process, spec->command, NULL, fd,
					   err);
		close(fd);
	}
	arena_done(&arena);
	return code;
}

static void start_look(struct oracle *oracle, enum oracle_phase phase, struct loop *loop,
		       const char *dir)
{
	int64_t now_ns = loop_now_ns(loop);
	struct err err = {0};

	oracle->next_ns = INT64_MAX;
	oracle->num_looks++;
	oracle->looked_after |= phase == ORACLE_AFTER;
	oracle->kill_ns = oracle->spec->goal ? oracle->due_ns
					     : now_ns + ORACLE_COMMAND_NS;
	text_clear(&oracle->why);
	if (start(oracle, loop, dir, &err) < 0) {
		text_str(&oracle->why, err.text);
		finish(oracle, true);
	}
}

/* "exit status 1: its last line" */
static void tell_end(struct oracle *oracle)
{
	const char *last = output_last(oracle->output);
	char how[64];

	process_describe(&oracle->process, how, sizeof(how));
	text_str(&oracle->why, how);
	if (*last) {
		text_format(&oracle->why, ": %s", last);
	}
}

static void take_result(struct oracle *oracle, enum oracle_phase phase, int64_t now_ns)
{
	const struct oracle_spec *spec = oracle->spec;
	bool fine = oracle->process.code == 0;

	output_drain(oracle->output);
	if (!fine && !oracle->why.len) {
		tell_end(oracle);
	}
	process_finish(&oracle->process);
	oracle->kill_ns = INT64_MAX;
	if (spec->goal ? fine : !fine) {
		finish(oracle, !spec->goal);
	} else if (spec->goal || phase == ORACLE_DURING) {
		oracle->next_ns = now_ns + spec->every_ns;
	}
}

/* The goal's time is over. */
static void miss(struct oracle *oracle)
{
	const struct oracle_spec *spec = oracle->spec;
	struct text why = {0};

	text_str(&why, "not within ");
	text_duration(&why, spec->within_ns);
	if (spec->pattern) {
		text_format(&why, ": no line has %s", spec->pattern_text);
	} else {
		text_format(&why, " (%u look%s): %s", oracle->num_looks,
			    oracle->num_looks == 1 ? "" : "s",
			    oracle->why.len ? text_cstr(&oracle->why) : "still running");
	}
	text_done(&oracle->why);
	oracle->why = why;
	process_finish(&oracle->process);
	finish(oracle, true);
}

void oracle_look(struct oracle *oracle, enum oracle_phase phase, struct loop *loop,
		 const char *dir)
{
	int64_t now_ns = loop_now_ns(loop);

	if (runs(oracle) && process_ended(&oracle->process)) {
		take_result(oracle, phase, now_ns);
	}
	if (oracle->over) {
		return;
	}
	if (now_ns >= oracle->due_ns) {
		miss(oracle);
	} else if (runs(oracle) && now_ns >= oracle->kill_ns) {
		text_clear(&oracle->why);
		text_str(&oracle->why, "still running after ");
		text_duration(&oracle->why, ORACLE_COMMAND_NS);
		process_signal(&oracle->process, SIGKILL);
		oracle->kill_ns = INT64_MAX;
	} else if (!runs(oracle) && now_ns >= oracle->next_ns) {
		start_look(oracle, phase, loop, dir);
	}
}

bool oracle_settled(const struct oracle *oracle, enum oracle_phase phase)
{
	const struct oracle_spec *spec = oracle->spec;

	if (oracle->over) {
		return true;
	}
	if (spec->goal) {
		return phase != ORACLE_GOALS;
	}
	return !runs(oracle) && (phase != ORACLE_AFTER || !spec->command ||
				 !spec->after || oracle->looked_after);
}

int64_t oracle_next_ns(const struct oracle *oracle)
{
	int64_t next_ns = oracle->next_ns;

	next_ns = oracle->due_ns < next_ns ? oracle->due_ns : next_ns;
	return oracle->kill_ns < next_ns ? oracle->kill_ns : next_ns;
}

void oracle_stop(struct oracle *oracle)
{
	process_finish(&oracle->process);
	oracle->next_ns = INT64_MAX;
	oracle->due_ns = INT64_MAX;
	oracle->kill_ns = INT64_MAX;
}

void oracle_done(struct oracle *oracle)
{
	process_finish(&oracle->process);
	output_free(oracle->output);
	oracle->output = NULL;
	text_done(&oracle->why);
}
