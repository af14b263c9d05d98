/* Captures of ours: a run's own frames say which packets belong together. */
#include "io/logread.h"
#include "plane/dialogs_table.h"

enum { ETHERNET_BYTES = 14 };

bool runframe_find(enum link_type link, struct span frame, struct runframe *out)
{
	if (link != LINK_ETHERNET || frame.len < ETHERNET_BYTES ||
	    frame.data[12] != RUNFRAME_ETHERTYPE >> 8 ||
	    frame.data[13] != (RUNFRAME_ETHERTYPE & 0xff)) {
		return false;
	}
	return runframe_read(span_from(frame, ETHERNET_BYTES), out);
}

/* NULL: the rule files have none of that name for such flows. */
static const struct proxy *proxy_named(const struct dialogs *dialogs,
				       const struct runframe *frame)
{
	for (size_t i = 0; i < dialogs->num_proxies; i++) {
		const struct proxy *proxy = &dialogs->proxies[i];

		if (strcmp(proxy->name, frame->word) == 0 &&
		    (proxy->listen.transport == TRANSPORT_UDP) ==
			    (frame->transport == TRANSPORT_UDP)) {
			return proxy;
		}
	}
	return NULL;
}

static void run_open(struct dialogs *dialogs, const struct runframe *frame)
{
	struct packet_path path = {frame->from, frame->to, frame->from_port,
				   frame->to_port};
	const struct proxy *proxy = proxy_named(dialogs, frame);
	struct entry *entry;

	if (!proxy || table_run_find(dialogs, frame->flow)) {
		return; /* its packets are nobody's */
	}
	entry = entry_new(dialogs, proxy);
	entry_run_link(entry, frame->flow);
	entry->dialog.path = path;
	entry->dialog.addrs.transport = frame->transport;
	if (frame->transport != TRANSPORT_UNIX) {
		entry->dialog.addrs = (struct flow_addrs){
			.transport = frame->transport,
			.client = ipaddr_unmapped(&path.from),
			.server = ipaddr_unmapped(&path.to),
			.client_port = path.from_port,
			.server_port = path.to_port,
		};
	}
	entry_link(entry, FACE_OF_CLIENT, &path, frame->transport == TRANSPORT_UDP);
	(void)entry_tell_open(entry);
}

static void run_connected(struct entry *entry, const struct runframe *frame)
{
	struct packet_path path = {frame->from, frame->to, frame->from_port,
				   frame->to_port};

	if (!entry->nodes[FACE_OF_SERVER].linked) {
		entry_link(entry, FACE_OF_SERVER, &path,
			   entry->nodes[FACE_OF_CLIENT].datagrams);
	}
}

void run_frame(struct dialogs *dialogs, const struct runframe *frame)
{
	struct entry *entry = NULL;

	if (frame->kind == RUNFRAME_OPEN) {
		run_open(dialogs, frame);
	} else if (frame->kind != RUNFRAME_HEADER) {
		entry = table_run_find(dialogs, frame->flow);
	}
	if (!entry) {
		return;
	}
	switch (frame->kind) {
	case RUNFRAME_CONNECTED:
		run_connected(entry, frame);
		break;
	case RUNFRAME_GONE:
		entry->dialog.client_gone = true;
		if (dialogs->ops->gone && entry_told(entry)) {
			dialogs->ops->gone(dialogs->ctx, &entry->dialog, dialogs->now_ns);
		}
		break;
	case RUNFRAME_CLOSE:
		if (entry->state == ENTRY_OPEN) {
			entry_close(entry, frame->word);
		}
		entry_forget(entry);
		break;
	case RUNFRAME_HEADER:
	case RUNFRAME_OPEN:
	case NUM_RUNFRAME_KIND:
		break;
	}
}

/* --- the run's header --- */

static int read_pieces(struct traceread *trace, enum link_type link, struct text *out,
		       struct err *err)
{
	struct trace_packet packet;
	struct runframe frame;
	uint32_t piece = 0;
	int code;

	while ((code = traceread_next(trace, &packet, err)) > 0) {
		if (!runframe_find(link, packet.bytes, &frame) ||
		    frame.kind != RUNFRAME_HEADER || frame.piece != piece) {
			break;
		}
		text_bytes(out, frame.bytes.data, frame.bytes.len);
		if (out->len > LOGREAD_LINE_MAX) {
			return err_set(err, ERR_LIMIT,
				       "the run's header in it is too "
				       "long");
		}
		if (++piece == frame.pieces) {
			return 0;
		}
	}
	if (code < 0 || piece == 0) {
		return code < 0 ? code : 0; /* none of ours */
	}
	return err_set(err, ERR_INPUT, "the run's header in it is not whole");
}

int dialogs_run_header(const char *path, struct text *out, struct err *err)
{
	struct traceread *trace;
	enum link_type link;
	int code = traceread_open(path, &trace, err);

	text_clear(out);
	if (code < 0) {
		return code;
	}
	if (link_type_find(traceread_dlt(trace), &link)) {
		code = read_pieces(trace, link, out, err);
		if (code < 0) {
			err_context(err, "%s", path);
		}
	}
	traceread_close(trace);
	return code;
}
