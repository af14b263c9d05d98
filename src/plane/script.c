#include "plane/script.h"

#include "base/arena.h"
#include "io/traceread.h"

#include <stdlib.h>

/* Bytes that the trace has lost stand as zeros, so far; past it the dialog ends. */
enum { SCRIPT_GAP_MAX = 1 << 20 };

/* A dialog that is being read; on dialog->user. */
struct draft {
	struct draft *next;
	const struct proxy *proxy;
	struct flow_addrs addrs;
	int64_t opened_ns;
	bool datagrams, midstream;
	uint64_t gap_bytes;
	struct text bytes;
	int64_t client_closed_ns; /* INT64_MAX: nothing is known of that */
	struct turn *turns;
	size_t num_turns, cap_turns;
};

struct reading {
	struct dialogs *dialogs;
	struct draft *first, **last; /* in the order of opening */
	size_t num_drafts;
	int64_t bytes; /* of all drafts */
	bool full;
};

/* --- what the dialogs tell --- */

/* Is there room for so many bytes more? A turn's own is counted with it. */
static bool has_room(struct reading *reading, uint64_t len)
{
	if (!reading->full && len < (uint64_t)(SCRIPT_BYTES_MAX - reading->bytes)) {
		reading->bytes += (int64_t)(len + sizeof(struct turn));
		reading->full = reading->bytes > SCRIPT_BYTES_MAX;
	} else {
		reading->full = true;
	}
	return !reading->full;
}

static void on_open(void *ctx, struct dialog *dialog, int64_t at_ns)
{
	struct reading *reading = ctx;
	struct draft *draft = xcalloc(1, sizeof(*draft));

	(void)has_room(reading, sizeof(*draft));
	draft->proxy = dialog->proxy;
	draft->addrs = dialog->addrs;
	draft->opened_ns = at_ns;
	draft->client_closed_ns = INT64_MAX;
	draft->datagrams = dialog->addrs.transport == TRANSPORT_UDP;
	draft->midstream = dialog->midstream;
	*reading->last = draft;
	reading->last = &draft->next;
	reading->num_drafts++;
	dialog->user = draft;
}

static struct turn *add_turn(struct draft *draft, const struct turn *turn)
{
	if (draft->num_turns == draft->cap_turns) {
		draft->cap_turns = 2 * draft->cap_turns + 4;
		draft->turns =
			xrealloc(draft->turns, draft->cap_turns * sizeof(*draft->turns));
	}
	draft->turns[draft->num_turns] = *turn;
	return &draft->turns[draft->num_turns++];
}

/* The turn that bytes said now belong to. */
static struct turn *turn_for(struct draft *draft, enum side side, int64_t at_ns)
{
	struct turn *last = draft->num_turns ? &draft->turns[draft->num_turns - 1] : NULL;

	if (last && !draft->datagrams && last->kind == TURN_BYTES && last->side == side &&
	    last->at_ns == at_ns) {
		return last;
	}
	return add_turn(draft, &(struct turn){.kind = TURN_BYTES,
					      .side = side,
					      .at_ns = at_ns,
					      .from = draft->bytes.len});
}

static void on_bytes(void *ctx, struct dialog *dialog, enum side side, struct span bytes,
		     int64_t at_ns)
{
	struct draft *draft = dialog->user;

	if ((bytes.len || draft->datagrams) && has_room(ctx, bytes.len)) {
		turn_for(draft, side, at_ns)->len += bytes.len;
		text_bytes(&draft->bytes, bytes.data, bytes.len);
	}
}

static void on_gap(void *ctx, struct dialog *dialog, enum side side, uint64_t len,
		   int64_t at_ns)
{
	struct reading *reading = ctx;
	struct draft *draft = dialog->user;

	draft->gap_bytes += len;
	if (draft->gap_bytes < len || draft->gap_bytes > SCRIPT_GAP_MAX) {
		dialogs_drop(reading->dialogs, dialog);
		return;
	}
	if (has_room(reading, len)) {
		struct text *bytes = &draft->bytes;

		turn_for(draft, side, at_ns)->len += (size_t)len;
		text_reserve(bytes, (size_t)len);
		memset(bytes->data + bytes->len, 0, (size_t)len + 1);
		bytes->len += (size_t)len;
	}
}

static void client_closed(struct draft *draft, int64_t at_ns)
{
	if (at_ns < draft->client_closed_ns) {
		draft->client_closed_ns = at_ns;
	}
}

static void on_end(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns)
{
	(void)ctx;
	add_turn(dialog->user,
		 &(struct turn){.kind = TURN_END, .side = side, .at_ns = at_ns});
	if (side == SIDE_REQUEST) {
		client_closed(dialog->user, at_ns);
	}
}

static void on_gone(void *ctx, struct dialog *dialog, int64_t at_ns)
{
	(void)ctx;
	client_closed(dialog->user, at_ns);
}

static void on_close(void *ctx, struct dialog *dialog, const char *end, int64_t at_ns)
{
	struct turn turn = {.kind = TURN_RESET, .at_ns = at_ns};

	(void)ctx;
	if (strcmp(end, "client-reset") == 0) {
		turn.side = SIDE_REQUEST;
	} else if (strcmp(end, "server-reset") == 0) {
		turn.side = SIDE_REPLY;
	} else {
		return;
	}
	add_turn(dialog->user, &turn);
	client_closed(dialog->user, at_ns);
}

static const struct dialogs_ops OPS = {
	.open = on_open,
	.bytes = on_bytes,
	.gap = on_gap,
	.end = on_end,
	.gone = on_gone,
	.close = on_close,
};

/* --- the script --- */

static void move_draft(struct draft *draft, struct script_dialog *out)
{
	int64_t over_ns = draft->num_turns ? draft->turns[draft->num_turns - 1].at_ns
					   : draft->opened_ns;

	*out = (struct script_dialog){
		.proxy = draft->proxy,
		.addrs = draft->addrs,
		.opened_ns = draft->opened_ns,
		.over_ns = over_ns,
		.client_closed_ns = draft->client_closed_ns,
		.turns = draft->turns,
		.num_turns = draft->num_turns,
		.bytes = (const uint8_t *)draft->bytes.data,
		.midstream = draft->midstream,
		.gap_bytes = draft->gap_bytes,
	};
	free(draft);
}

/* Hands the drafts over, or frees them. */
static struct script *script_of(struct reading *reading, bool keep)
{
	struct script *script = xcalloc(1, sizeof(*script));
	struct draft *draft = reading->first;

	script->dialogs = xcalloc(reading->num_drafts + 1, sizeof(*script->dialogs));
	while (draft) {
		struct draft *next = draft->next;

		move_draft(draft, &script->dialogs[script->num_dialogs++]);
		draft = next;
	}
	if (!keep) {
		script_free(script);
		return NULL;
	}
	script->stats = dialogs_stats(reading->dialogs);
	return script;
}

static int read_packets(struct reading *reading, struct traceread *trace,
			const char *path, struct err *err)
{
	struct trace_packet packet;
	int code;

	while ((code = traceread_next(trace, &packet, err)) > 0) {
		dialogs_packet(reading->dialogs, &packet);
		if (reading->full) {
			break;
		}
	}
	if (code >= 0 && !reading->full) {
		dialogs_finish(reading->dialogs);
	}
	if (code >= 0 && reading->full) {
		return err_set(err, ERR_LIMIT,
			       "%s: more than %lld MiB of conversations: too much to be "
			       "played at once; cut the trace (editcap -c)",
			       path, (long long)(SCRIPT_BYTES_MAX >> 20));
	}
	return code;
}

int script_read(const char *path, const struct proxy *proxies, size_t num_proxies,
		struct script **out, struct err *err)
{
	struct reading reading = {.last = &reading.first};
	struct traceread *trace;
	struct script *script;
	enum link_type link;
	int code = traceread_open(path, &trace, err);

	if (code < 0) {
		return code;
	}
	if (!link_type_find(traceread_dlt(trace), &link)) {
		code = err_set(err, ERR_INPUT, "%s: link type %d is not read here", path,
			       traceread_dlt(trace));
		traceread_close(trace);
		return code;
	}
	reading.dialogs = dialogs_new(link, proxies, num_proxies, &OPS, &reading);
	code = read_packets(&reading, trace, path, err);
	script = script_of(&reading, code >= 0);
	if (script && traceread_broken(trace)) {
		script->broken = xstrdup(traceread_broken(trace));
	}
	dialogs_free(reading.dialogs);
	traceread_close(trace);
	if (!script) {
		return code;
	}
	*out = script;
	return 0;
}

void script_free(struct script *script)
{
	if (!script) {
		return;
	}
	for (size_t i = 0; i < script->num_dialogs; i++) {
		free(script->dialogs[i].turns);
		/* From a draft's text: malloc'd, and handed over with the dialog. */
		free((void *)(uintptr_t)script->dialogs[i].bytes);
	}
	free(script->dialogs);
	free(script->broken);
	free(script);
}
