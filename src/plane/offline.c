/* Theory of operation
 *
 * The clock is that of the packets. In front of each one all that is due before happens
 * in the order of time: what the engine holds, and sessions that become idle. Then the
 * packet is told, its bytes go through the engine, and what leaves is written at once.
 *
 * A flow begins and ends with its dialog, but for two cases. A dialog whose both peers
 * are done ends as "eof" only when all of it has left, as in a run; until then its flow
 * lingers on its own. A flow that a rule cut, or that the trace no longer tells of, ends
 * first: the rest of its dialog is swallowed. Nothing is freed inside an engine's or
 * dialogs' callback of its own: flows that have something to do are queued, and settle()
 * sees to them.
 *
 * Under back-pressure, and for replies while a lane has no name, a run leaves bytes
 * unread. Here they are kept in front of the engine, OFFLINE_KEPT_MAX in all.
 */
#include "plane/offline.h"

#include "base/arena.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

#define DRAIN_MAX_NS (INT64_C(3600) * 1000000000) /* virtual time past the last packet */

enum {
	GATHER_BYTES = 256 * 1024,   /* then they are written */
	KEPT_FEED_BYTES = 64 * 1024, /* then the engine is asked whether it wants more */
	GAP_FEED_BYTES = 4096,
};

/* A sequence number for a peer that the trace has none of: far from the other's. */
static const uint32_t SEQ_APART = 0x4f1bbcdc;

/* Bytes that came, and that the engine does not want yet. */
struct kept_bytes {
	struct text bytes;
	size_t from;
	bool end; /* the sender's end came behind them */
};

struct offline_flow {
	struct offline_flow *next, **back; /* in offline->flows */
	struct offline_flow *next_todo;
	struct offline *offline;
	struct dialog *dialog; /* NULL: over; the flow lingers */
	struct flow *flow;
	bool queued; /* in offline->todo */
	bool datagrams, from_run;
	bool left_end[NUM_SIDE]; /* the end has left */
	bool lingers;
	const char *end; /* the log's word; not NULL: to be ended */
	const struct proxy *proxy;
	uint64_t replies;
	struct kept_bytes kept[NUM_SIDE];
	bool face_open;
	struct face face;
};

struct offline {
	struct engine *engine;
	struct dialogs *dialogs;
	enum link_type link;
	int64_t now_ns;
	struct offline_flow *flows, *todo;
	size_t kept_bytes;
	/* What one packet's units leave as goes on in one packet. */
	struct {
		struct offline_flow *flow; /* NULL: nothing is gathered */
		enum side side;
		struct text bytes;
	} gathered;
	struct face_writer writer;
};

/* --- packets --- */

static enum face_peer sender_of(enum side side)
{
	return side == SIDE_REQUEST ? FACE_OPENER : FACE_ACCEPTOR;
}

/* From the other's header: on Ethernet the other way, else as it is. */
static size_t mirror_link(enum link_type link, const uint8_t *from, size_t len,
			  uint8_t *out)
{
	memcpy(out, from, len);
	if (link == LINK_ETHERNET && len >= 12) {
		memcpy(out, from + 6, 6);
		memcpy(out + 6, from, 6);
	}
	return len;
}

static void set_link(struct offline_flow *f, enum side side)
{
	static const uint8_t nobody[6] = {0};
	const struct dialog *dialog = f->dialog;
	struct face_end *end = &f->face.ends[sender_of(side)];
	enum side other = side_other(side);

	_Static_assert((int)FACE_LINK_MAX >= (int)PACKET_LINK_MAX, "every link header");
	if (dialog->link_len[side]) {
		end->link_len = dialog->link_len[side];
		memcpy(end->link, dialog->link[side], end->link_len);
	} else if (dialog->link_len[other]) {
		end->link_len = mirror_link(f->offline->link, dialog->link[other],
					    dialog->link_len[other], end->link);
	} else if (f->offline->link == LINK_ETHERNET) {
		end->link_len =
			packet_ether(end->link, nobody, nobody, &f->face.path.from);
	}
}

/* The face as far as the trace has told of it: a peer's numbers can change until it has
 * sent its first packet. False: no packets are written. */
static bool face_ready(struct offline_flow *f)
{
	struct face *face = &f->face;
	const struct dialog *dialog = f->dialog;

	if (!f->offline->writer.trace) {
		return false;
	}
	if (!dialog) {
		return f->face_open;
	}
	for (int side = 0; side < NUM_SIDE; side++) {
		struct face_end *end = &face->ends[sender_of((enum side)side)];
		uint32_t first = dialog->first_seq[side];

		set_link(f, (enum side)side);
		if (dialog->segment_max[side]) {
			end->segment_max = dialog->segment_max[side] < FACE_SEGMENT_MAX
						   ? dialog->segment_max[side]
						   : FACE_SEGMENT_MAX;
		}
		if (!end->sent_syn && first) {
			end->next_seq = first;
		} else if (!end->sent_syn) {
			end->next_seq = dialog->first_seq[side_other((enum side)side)] +
					SEQ_APART;
		}
	}
	if (!f->face_open) {
		f->face_open = true;
		face->writer = &f->offline->writer;
		face->path = dialog->path;
		face->datagrams = f->datagrams;
		face->midstream = dialog->midstream;
		face_open(face);
	}
	return true;
}

/* --- what the engine asks for --- */

static void queue(struct offline_flow *f)
{
	if (!f->queued) {
		f->queued = true;
		f->next_todo = f->offline->todo;
		f->offline->todo = f;
	}
}

static void mark_end(struct offline_flow *f, const char *end)
{
	if (!f->end) {
		f->end = end;
		queue(f);
	}
}

static void write_gathered(struct offline *offline)
{
	struct offline_flow *f = offline->gathered.flow;
	struct text *bytes = &offline->gathered.bytes;

	if (f && face_ready(f)) {
		face_send(&f->face, sender_of(offline->gathered.side),
			  span_of(bytes->data, bytes->len), offline->now_ns);
	}
	offline->gathered.flow = NULL;
	text_clear(bytes);
}

static void gather(struct offline_flow *f, enum side side, struct span bytes)
{
	struct offline *offline = f->offline;

	if (offline->gathered.flow != f || offline->gathered.side != side ||
	    offline->gathered.bytes.len >= GATHER_BYTES) {
		write_gathered(offline);
	}
	offline->gathered.flow = f;
	offline->gathered.side = side;
	text_bytes(&offline->gathered.bytes, bytes.data, bytes.len);
}

static void on_send(void *ctx, enum side side, struct span bytes)
{
	struct offline_flow *f = ctx;

	if (!f->offline->writer.trace) {
		/* Nobody reads them. */
	} else if (!f->datagrams) {
		gather(f, side, bytes);
	} else if (face_ready(f)) {
		face_send(&f->face, sender_of(side), bytes, f->offline->now_ns);
	}
	/* In a capture of ours the run's frames say when. */
	if (f->datagrams && !f->from_run && side == SIDE_REPLY &&
	    ++f->replies == f->proxy->replies) {
		mark_end(f, "replies");
	}
}

static void on_end(void *ctx, enum side side)
{
	struct offline_flow *f = ctx;

	write_gathered(f->offline);
	f->left_end[side] = true;
	if (!f->datagrams && face_ready(f)) {
		face_fin(&f->face, sender_of(side), f->offline->now_ns);
	}
	if (f->lingers && f->left_end[side_other(side)]) {
		mark_end(f, "eof");
	}
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct offline_flow *f = ctx;
	int64_t now_ns = f->offline->now_ns;

	write_gathered(f->offline);
	if (!f->datagrams && face_ready(f)) {
		if (how == FLOW_CUT_CLOSE) {
			face_fin(&f->face, FACE_OPENER, now_ns);
			face_fin(&f->face, FACE_ACCEPTOR, now_ns);
		} else {
			face_reset(&f->face, FACE_OPENER, true, now_ns);
		}
	}
	switch (how) {
	case FLOW_CUT_RESET:
		mark_end(f, "rule-reset");
		break;
	case FLOW_CUT_CLOSE:
		mark_end(f, "rule-close");
		break;
	case FLOW_CUT_REFUSE:
		mark_end(f, "refused");
		break;
	}
}

static void on_resume(void *ctx, enum side side)
{
	(void)side;
	queue(ctx);
}

static bool on_client_gone(void *ctx)
{
	const struct offline_flow *f = ctx;

	return f->dialog && f->dialog->client_gone;
}

static const struct flow_ops FLOW_OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_resume,
	.client_gone = on_client_gone,
};

/* --- flows --- */

static void flow_finish(struct offline_flow *f)
{
	struct offline *offline = f->offline;

	if (f->left_end[SIDE_REQUEST] && f->left_end[SIDE_REPLY] && face_ready(f)) {
		/* The last end is acknowledged behind the dialog's. */
		face_ack(&f->face, FACE_OPENER, offline->now_ns);
		face_ack(&f->face, FACE_ACCEPTOR, offline->now_ns);
	}
	flow_free(f->flow, f->end, offline->now_ns);
	if (f->dialog) {
		f->dialog->user = NULL;
		dialogs_drop(offline->dialogs, f->dialog);
	}
	for (int side = 0; side < NUM_SIDE; side++) {
		offline->kept_bytes -= f->kept[side].bytes.len;
		text_done(&f->kept[side].bytes);
	}
	*f->back = f->next;
	if (f->next) {
		f->next->back = f->back;
	}
	free(f);
}

static void feed_kept(struct offline_flow *f, enum side side)
{
	struct kept_bytes *kept = &f->kept[side];
	int64_t now_ns = f->offline->now_ns;

	while (!f->end && kept->from < kept->bytes.len && flow_wants(f->flow, side)) {
		struct span all = span_of(kept->bytes.data, kept->bytes.len);
		struct span some = span_sub(all, kept->from, KEPT_FEED_BYTES);

		kept->from += some.len;
		flow_feed(f->flow, side, some, now_ns);
	}
	if (f->end || kept->from < kept->bytes.len) {
		return;
	}
	f->offline->kept_bytes -= kept->bytes.len;
	text_done(&kept->bytes);
	kept->from = 0;
	if (kept->end && flow_wants(f->flow, side)) {
		kept->end = false;
		flow_end(f->flow, side, now_ns);
	}
}

/* Behind every call of the engine: what left is written, and flows that have something to
 * do, and are in no call, do it. */
static void settle(struct offline *offline)
{
	write_gathered(offline);
	while (offline->todo) {
		struct offline_flow *f = offline->todo;

		offline->todo = f->next_todo;
		f->queued = false;
		for (int side = 0; !f->end && side < NUM_SIDE; side++) {
			feed_kept(f, (enum side)side);
			write_gathered(offline);
		}
		if (f->end && f->queued) {
			continue; /* its turn comes */
		}
		if (f->end) {
			flow_finish(f);
		}
	}
}

static void keep_bytes(struct offline_flow *f, enum side side, struct span bytes)
{
	struct offline *offline = f->offline;

	if (bytes.len > OFFLINE_KEPT_MAX - offline->kept_bytes) {
		mark_end(f, "overflow");
		return;
	}
	text_bytes(&f->kept[side].bytes, bytes.data, bytes.len);
	offline->kept_bytes += bytes.len;
}

static bool goes_in(struct offline_flow *f, enum side side)
{
	return f->datagrams ||
	       (f->kept[side].bytes.len == 0 && flow_wants(f->flow, side));
}

static void take_bytes(struct offline_flow *f, enum side side, struct span bytes)
{
	if (goes_in(f, side)) {
		flow_feed(f->flow, side, bytes, f->offline->now_ns);
	} else {
		keep_bytes(f, side, bytes);
	}
}

/* --- what the dialogs tell --- */

static void told_open(void *ctx, struct dialog *dialog, int64_t at_ns)
{
	struct offline *offline = ctx;
	struct offline_flow *f = xcalloc(1, sizeof(*f));

	offline->now_ns = at_ns;
	f->offline = offline;
	f->dialog = dialog;
	f->proxy = dialog->proxy;
	f->datagrams = dialog->addrs.transport == TRANSPORT_UDP;
	f->from_run = dialog->from_run;
	f->flow = flow_new(offline->engine, dialog->proxy, &dialog->addrs, &FLOW_OPS, f,
			   at_ns);
	if (!f->flow) {
		free(f);
		dialogs_drop(offline->dialogs, dialog);
		return;
	}
	dialog->user = f;
	f->next = offline->flows;
	f->back = &offline->flows;
	if (f->next) {
		f->next->back = &f->next;
	}
	offline->flows = f;
}

/* The dialog's flow, at its time. NULL: it has none any more. */
static struct offline_flow *flow_at(struct offline *offline, const struct dialog *dialog,
				    int64_t at_ns)
{
	offline->now_ns = at_ns;
	return dialog->user;
}

static void told_syn(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns)
{
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (f && !dialog->midstream && face_ready(f)) {
		face_syn(&f->face, sender_of(side), at_ns);
	}
}

static void told_ack(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns)
{
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (f && face_ready(f)) {
		face_ack(&f->face, sender_of(side), at_ns);
	}
}

static void told_bytes(void *ctx, struct dialog *dialog, enum side side,
		       struct span bytes, int64_t at_ns)
{
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (f) {
		take_bytes(f, side, bytes);
		settle(ctx);
	}
}

static void told_gap(void *ctx, struct dialog *dialog, enum side side, uint64_t len,
		     int64_t at_ns)
{
	static const uint8_t zeros[GAP_FEED_BYTES];
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (!f) {
		return;
	}
	flow_note_gap(f->flow, side, len, at_ns);
	if (len > OFFLINE_GAP_MAX) {
		mark_end(f, "gap");
	}
	while (len > 0 && !f->end) {
		uint64_t some = len < sizeof(zeros) ? len : sizeof(zeros);

		take_bytes(f, side, span_of(zeros, some));
		len -= some;
	}
	settle(ctx);
}

static void told_end(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns)
{
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (!f) {
		return;
	}
	if (goes_in(f, side)) {
		flow_end(f->flow, side, at_ns);
	} else {
		f->kept[side].end = true;
	}
	settle(ctx);
}

static void reset_face(struct offline_flow *f, const char *end)
{
	if (f->datagrams || !face_ready(f)) {
		return;
	}
	if (strcmp(end, "client-reset") == 0) {
		face_reset(&f->face, FACE_OPENER, false, f->offline->now_ns);
	} else if (strcmp(end, "server-reset") == 0) {
		face_reset(&f->face, FACE_ACCEPTOR, false, f->offline->now_ns);
	}
}

static void told_close(void *ctx, struct dialog *dialog, const char *end, int64_t at_ns)
{
	struct offline_flow *f = flow_at(ctx, dialog, at_ns);

	if (!f) {
		return;
	}
	reset_face(f, end);
	dialog->user = NULL;
	f->dialog = NULL;
	assert(!f->end && !f->queued);
	if (strcmp(end, "eof") == 0 &&
	    !(f->left_end[SIDE_REQUEST] && f->left_end[SIDE_REPLY])) {
		f->lingers = true;
		return;
	}
	f->end = end;
	flow_finish(f);
}

static bool told_keep(void *ctx, struct dialog *dialog, const char *end)
{
	const struct offline_flow *f = dialog->user;

	(void)ctx;
	if (!f) {
		return false;
	}
	/* Replies count where they leave: see on_send(). */
	return strcmp(end, "replies") == 0 || flow_pending(f->flow, SIDE_REQUEST) ||
	       flow_pending(f->flow, SIDE_REPLY);
}

static void told_other(void *ctx, struct span frame, uint32_t wire_len, int64_t at_ns)
{
	struct offline *offline = ctx;
	struct face_writer *writer = &offline->writer;

	if (writer->trace && writer->why.code == ERR_OK) {
		trace_write(writer->trace, at_ns, frame, wire_len, &writer->why);
	}
}

static const struct dialogs_ops DIALOGS_OPS = {
	.open = told_open,
	.syn = told_syn,
	.bytes = told_bytes,
	.gap = told_gap,
	.ack = told_ack,
	.end = told_end,
	.close = told_close,
	.keep = told_keep,
	.other = told_other,
};

/* --- the whole --- */

struct offline *offline_new(struct engine *engine, enum link_type link,
			    const struct proxy *proxies, size_t num_proxies,
			    struct trace *out)
{
	struct offline *offline = xcalloc(1, sizeof(*offline));

	offline->engine = engine;
	offline->link = link;
	offline->writer.trace = out;
	offline->dialogs = dialogs_new(link, proxies, num_proxies, &DIALOGS_OPS, offline);
	return offline;
}

void offline_free(struct offline *offline)
{
	if (offline) {
		assert(!offline->flows);
		dialogs_free(offline->dialogs);
		text_done(&offline->gathered.bytes);
		free(offline);
	}
}

/* All that is due by then, in the order of time; at one time the engine is first. */
static void advance_to(struct offline *offline, int64_t until_ns)
{
	for (;;) {
		int64_t engine_due_ns = engine_next_due(offline->engine);
		int64_t dialogs_due_ns = dialogs_next_due(offline->dialogs);
		bool engine_first = engine_due_ns <= dialogs_due_ns;
		int64_t due_ns = engine_first ? engine_due_ns : dialogs_due_ns;

		if (due_ns > until_ns) {
			break;
		}
		if (due_ns > offline->now_ns) {
			offline->now_ns = due_ns;
		}
		if (engine_first) {
			engine_advance(offline->engine, offline->now_ns);
		} else {
			dialogs_advance(offline->dialogs, offline->now_ns);
		}
		settle(offline);
	}
	if (until_ns > offline->now_ns) {
		offline->now_ns = until_ns;
	}
}

void offline_packet(struct offline *offline, const struct trace_packet *packet)
{
	advance_to(offline, dialogs_time(offline->dialogs, packet));
	offline->writer.start_ns = dialogs_start_ns(offline->dialogs);
	dialogs_packet(offline->dialogs, packet);
}

void offline_finish(struct offline *offline)
{
	int64_t due_ns, last_ns;

	advance_to(offline, dialogs_time(offline->dialogs, NULL));
	dialogs_flush(offline->dialogs);
	last_ns = offline->now_ns + DRAIN_MAX_NS;
	while ((due_ns = engine_next_due(offline->engine)) <= last_ns) {
		advance_to(offline, due_ns);
	}
	dialogs_finish(offline->dialogs);
	while (offline->flows) {
		/* Lingering, but for longer than is waited for. */
		offline->flows->end = "trace-end";
		flow_finish(offline->flows);
	}
}

int offline_status(const struct offline *offline, struct err *err)
{
	const struct err *why = &offline->writer.why;

	return why->code == ERR_OK ? 0 : err_set(err, why->code, "%s", why->text);
}

struct dialogs_stats offline_stats(const struct offline *offline)
{
	return dialogs_stats(offline->dialogs);
}

size_t offline_strangers(const struct offline *offline,
			 struct dialogs_stranger out[DIALOGS_STRANGERS_MAX])
{
	return dialogs_strangers(offline->dialogs, out);
}

int64_t offline_start_ns(const struct offline *offline)
{
	return dialogs_start_ns(offline->dialogs);
}

int64_t offline_now_ns(const struct offline *offline)
{
	return offline->now_ns;
}
