/* From packets to dialogs. See dialogs_table.h for the theory of operation. */
#include "base/arena.h"
#include "plane/dialogs_table.h"

#include <assert.h>
#include <stdlib.h>

struct dialogs *dialogs_new(enum link_type link, const struct proxy *proxies,
			    size_t num_proxies, const struct dialogs_ops *ops, void *ctx)
{
	struct dialogs *dialogs = xcalloc(1, sizeof(*dialogs));

	dialogs->link = link;
	dialogs->proxies = proxies;
	dialogs->num_proxies = num_proxies;
	dialogs->ops = ops;
	dialogs->ctx = ctx;
	dialogs->fragments = fragments_new();
	proxy_hosts_init(dialogs);
	return dialogs;
}

void dialogs_free(struct dialogs *dialogs)
{
	if (!dialogs) {
		return;
	}
	for (int state = 0; state < NUM_ENTRY_STATE; state++) {
		while (dialogs->lists[state].oldest) {
			entry_forget(dialogs->lists[state].oldest);
		}
	}
	sched_done(&dialogs->idle);
	fragments_free(dialogs->fragments);
	text_done(&dialogs->kept.bytes);
	free(dialogs->runs);
	free(dialogs->hosts);
	free(dialogs);
}

struct dialogs_stats dialogs_stats(const struct dialogs *dialogs)
{
	return dialogs->stats;
}

int64_t dialogs_start_ns(const struct dialogs *dialogs)
{
	return dialogs->start_ns;
}

/* --- opening --- */

/* What writers of packets need to know of a peer; from every packet of the client's face.
 */
static void note_peer(struct entry *entry, const struct packet_view *view, enum side side)
{
	struct dialog *dialog = &entry->dialog;
	struct entry_stream *stream = &entry->streams[side];
	size_t longest = view->payload_len > view->tcp.mss ? view->payload_len
							   : view->tcp.mss;

	if (dialog->link_len[side] == 0 && view->link.len <= PACKET_LINK_MAX &&
	    view->link.len > 0) {
		memcpy(dialog->link[side], view->link.data, view->link.len);
		dialog->link_len[side] = view->link.len;
	}
	if (view->kind != PACKET_TCP) {
		return;
	}
	if (!stream->seq_known) {
		stream->seq_known = true;
		dialog->first_seq[side] = view->tcp.seq;
	}
	if (longest > dialog->segment_max[side]) {
		dialog->segment_max[side] = (uint32_t)longest;
	}
}

/* Begun in the middle, a peer's numbers are known from what the other has acknowledged.
 */
static void note_midstream(struct entry *entry, const struct packet_view *view,
			   enum side side)
{
	enum side other = side_other(side);

	entry->dialog.midstream = true;
	entry->dialogs->stats.midstream++;
	if (view->kind == PACKET_TCP && (view->tcp.flags & PACKET_ACK)) {
		entry->streams[other].seq_known = true;
		entry->dialog.first_seq[other] = view->tcp.ack;
	}
}

bool entry_tell_open(struct entry *entry)
{
	struct dialogs *dialogs = entry->dialogs;

	entry_enter(entry);
	dialogs->ops->open(dialogs->ctx, &entry->dialog, dialogs->now_ns);
	return entry_leave(entry);
}

static void watch_idle(struct entry *entry)
{
	int64_t idle_ns = entry->dialog.proxy->idle_ns;

	if (idle_ns > 0 && idle_ns < INT64_MAX - entry->used_ns) {
		sched_add(&entry->dialogs->idle, &entry->idle, entry->used_ns + idle_ns);
	}
}

/* The packet is the first of a dialog, if a proxy's. NULL: nobody's, or dropped at once.
 */
static struct entry_node *open_dialog(struct dialogs *dialogs,
				      const struct packet_view *view, bool *out_ours)
{
	bool datagrams = view->kind == PACKET_UDP, to_server;
	const struct proxy *proxy = proxy_find(dialogs, view, &to_server);
	struct packet_path path = {view->from, view->to, view->from_port, view->to_port};
	struct entry *entry;

	*out_ours = proxy != NULL;
	if (!proxy) {
		return NULL;
	}
	if (!to_server) {
		path = (struct packet_path){view->to, view->from, view->to_port,
					    view->from_port};
	}
	entry = entry_new(dialogs, proxy);
	entry->dialog.path = path;
	entry->dialog.addrs = (struct flow_addrs){
		.transport = datagrams ? TRANSPORT_UDP : TRANSPORT_TCP,
		.client = ipaddr_unmapped(&path.from),
		.server = ipaddr_unmapped(&path.to),
		.client_port = path.from_port,
		.server_port = path.to_port,
	};
	entry_link(entry, FACE_OF_CLIENT, &path, datagrams);
	if (datagrams ? !to_server : !(view->tcp.flags & PACKET_SYN) || !to_server) {
		note_midstream(entry, view, to_server ? SIDE_REQUEST : SIDE_REPLY);
	}
	note_peer(entry, view, to_server ? SIDE_REQUEST : SIDE_REPLY);
	if (datagrams) {
		watch_idle(entry);
	}
	return entry_tell_open(entry) ? &entry->nodes[FACE_OF_CLIENT] : NULL;
}

/* --- TCP --- */

/* Which stream is told of a face's packets from that peer; NULL: they are passed over. */
static struct entry_stream *stream_of(const struct entry_node *node, bool from_opener)
{
	struct entry *entry = node->entry;
	bool client_face = node == &entry->nodes[FACE_OF_CLIENT];

	if (entry->dialog.from_run && client_face != from_opener) {
		return NULL;
	}
	return &entry->streams[from_opener ? SIDE_REQUEST : SIDE_REPLY];
}

static void tell_syn(struct entry_node *node, const struct packet_view *view,
		     bool from_opener)
{
	struct entry *entry = node->entry;
	struct dialogs *dialogs = entry->dialogs;
	enum side side = from_opener ? SIDE_REQUEST : SIDE_REPLY;
	struct entry_stream *told = stream_of(node, from_opener);

	if (told) {
		reassembly_syn(&told->tcp, view->tcp.seq);
	}
	if (node != &entry->nodes[FACE_OF_CLIENT] || entry->streams[side].syn_seen) {
		return;
	}
	entry->streams[side].syn_seen = true;
	entry->streams[side].isn = view->tcp.seq;
	if (dialogs->ops->syn && entry_told(entry)) {
		dialogs->ops->syn(dialogs->ctx, &entry->dialog, side, dialogs->now_ns);
	}
}

static void tell_ack(struct entry_node *node, bool from_opener)
{
	struct entry *entry = node->entry;
	struct dialogs *dialogs = entry->dialogs;

	if (node == &entry->nodes[FACE_OF_CLIENT] && dialogs->ops->ack &&
	    entry_told(entry)) {
		dialogs->ops->ack(dialogs->ctx, &entry->dialog,
				  from_opener ? SIDE_REQUEST : SIDE_REPLY,
				  dialogs->now_ns);
	}
}

static void tell_segment(struct entry_node *node, const struct packet_view *view,
			 bool from_opener)
{
	uint8_t flags = view->tcp.flags;
	bool syn = flags & PACKET_SYN, fin = flags & PACKET_FIN;
	struct entry_stream *sent = stream_of(node, from_opener);
	struct entry_stream *acked = stream_of(node, !from_opener);

	if (syn) {
		tell_syn(node, view, from_opener);
	}
	if (acked && (flags & PACKET_ACK)) {
		stream_acked(acked, view->tcp.ack);
	}
	if (sent && !(flags & PACKET_RST) &&
	    (view->payload_len > 0 || fin || !sent->tcp.started)) {
		/* A SYN takes a number, RFC 9293 §3.4. */
		stream_segment(sent, view->tcp.seq + syn, view, fin);
	}
	if (view->payload_len == 0 && !syn && !fin && !(flags & PACKET_RST) &&
	    (flags & PACKET_ACK)) {
		tell_ack(node, from_opener);
	}
}

static void feed_tcp(struct entry_node *node, const struct packet_view *view,
		     bool from_opener)
{
	struct entry *entry = node->entry;

	if (node == &entry->nodes[FACE_OF_CLIENT]) {
		note_peer(entry, view, from_opener ? SIDE_REQUEST : SIDE_REPLY);
	}
	entry_enter(entry);
	tell_segment(node, view, from_opener);
	if (!entry_leave(entry) || entry->dialog.from_run) {
		return; /* a run's own frame tells the end */
	}
	if (view->tcp.flags & PACKET_RST) {
		entry_close(entry, from_opener ? "client-reset" : "server-reset");
	} else if (entry->streams[SIDE_REQUEST].ended &&
		   entry->streams[SIDE_REPLY].ended) {
		entry_close(entry, "eof");
	}
}

/* A SYN that is no copy of the dialog's own: its ports are used again. */
static bool is_new_connection(const struct entry *entry, const struct packet_view *view,
			      bool from_opener)
{
	const struct entry_stream *stream =
		&entry->streams[from_opener ? SIDE_REQUEST : SIDE_REPLY];
	bool same = stream->syn_seen && stream->isn == view->tcp.seq;

	return (view->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN && !same &&
	       (from_opener || entry->state == ENTRY_CLOSED);
}

static bool take_tcp(struct dialogs *dialogs, const struct packet_view *view)
{
	uint8_t flags = view->tcp.flags;
	bool from_opener, ours = true;
	struct entry_node *node = table_find(dialogs, view, &from_opener);

	if (node && !dialogs->run && is_new_connection(node->entry, view, from_opener)) {
		struct entry *old = node->entry;

		if (old->state == ENTRY_OPEN) {
			/* Its client has let go of it unseen. */
			entry_close(old, "client-reset");
		}
		entry_forget(old);
		node = NULL;
	}
	if (!node && !dialogs->run && !(flags & PACKET_RST)) {
		node = open_dialog(dialogs, view, &ours);
		if (!ours && (flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN) {
			dialogs->stats.other_flows_seen++;
			stranger_note(dialogs, view);
		}
		if (!node) {
			return ours;
		}
		from_opener = memcmp(&node->path.from, &view->from, sizeof(view->from)) ==
				      0 &&
			      node->path.from_port == view->from_port;
	}
	if (!node) {
		return false;
	}
	entry_used(node->entry);
	if (node->entry->state == ENTRY_OPEN) {
		feed_tcp(node, view, from_opener);
	}
	return true;
}

/* --- UDP --- */

static void end_session(struct entry *entry, const char *end)
{
	struct dialogs *dialogs = entry->dialogs;

	if (!dialogs->ops->keep ||
	    !dialogs->ops->keep(dialogs->ctx, &entry->dialog, end)) {
		entry_close(entry, end);
	}
}

static void feed_udp(struct entry_node *node, const struct packet_view *view,
		     bool from_opener)
{
	struct entry *entry = node->entry;
	struct dialogs *dialogs = entry->dialogs;
	struct entry_stream *stream = stream_of(node, from_opener);
	struct span bytes = view->payload;

	if (node == &entry->nodes[FACE_OF_CLIENT]) {
		note_peer(entry, view, from_opener ? SIDE_REQUEST : SIDE_REPLY);
	}
	if (!stream) {
		return;
	}
	if (bytes.len < view->payload_len &&
	    view->payload_len <= sizeof(dialogs->padded)) {
		/* What the snapshot length has cut is zeros, as is a gap of a stream. */
		memset(dialogs->padded, 0, view->payload_len);
		if (bytes.len) {
			memcpy(dialogs->padded, bytes.data, bytes.len);
		}
		bytes = span_of(dialogs->padded, view->payload_len);
	}
	entry_enter(entry);
	dialogs->ops->bytes(dialogs->ctx, &entry->dialog, stream->side, bytes,
			    dialogs->now_ns);
	if (!entry_leave(entry) || entry->dialog.from_run ||
	    stream->side == SIDE_REQUEST) {
		return;
	}
	if (++entry->replies == entry->dialog.proxy->replies) {
		end_session(entry, "replies");
	}
}

static bool take_udp(struct dialogs *dialogs, const struct packet_view *view)
{
	bool from_opener, ours = true;
	struct entry_node *node = table_find(dialogs, view, &from_opener);

	if (!node && !dialogs->run) {
		node = open_dialog(dialogs, view, &ours);
		if (!ours && view->to_port < view->from_port) {
			stranger_note(dialogs, view);
		}
		if (!node) {
			return ours;
		}
		from_opener = memcmp(&node->path.from, &view->from, sizeof(view->from)) ==
				      0 &&
			      node->path.from_port == view->from_port;
	}
	if (!node) {
		return false;
	}
	entry_used(node->entry);
	if (node->entry->state == ENTRY_OPEN) {
		feed_udp(node, view, from_opener);
	}
	return true;
}

int64_t dialogs_next_due(const struct dialogs *dialogs)
{
	return sched_next_due(&dialogs->idle);
}

void dialogs_advance(struct dialogs *dialogs, int64_t now_ns)
{
	struct sched_node *node;

	while ((node = sched_take(&dialogs->idle, now_ns)) != NULL) {
		struct entry *entry =
			(struct entry *)((char *)node - offsetof(struct entry, idle));
		int64_t idle_ns = entry->dialog.proxy->idle_ns;

		/* Looked at when it could first have become idle, not at each use. */
		if (entry->used_ns + idle_ns > node->due_ns) {
			sched_add(&dialogs->idle, node, entry->used_ns + idle_ns);
			continue;
		}
		if (node->due_ns > dialogs->now_ns) {
			dialogs->now_ns = node->due_ns;
		}
		if (dialogs->ops->keep &&
		    dialogs->ops->keep(dialogs->ctx, &entry->dialog, "idle")) {
			entry_used(entry);
			watch_idle(entry);
		} else {
			entry_close(entry, "idle");
		}
	}
	if (now_ns > dialogs->now_ns) {
		dialogs->now_ns = now_ns;
	}
}

/* --- frames --- */

static void tell_other(struct dialogs *dialogs, struct span frame, uint32_t wire_len,
		       int64_t at_ns)
{
	dialogs->stats.other++;
	if (dialogs->ops->other) {
		dialogs->ops->other(dialogs->ctx, frame, wire_len, at_ns);
	}
}

static void tell_fragments(struct dialogs *dialogs, const struct fragment_packet *packet)
{
	for (size_t i = 0; i < packet->num_frames; i++) {
		const struct fragment_frame *frame = &packet->frames[i];

		tell_other(dialogs, frame->bytes, frame->wire_len, frame->at_ns);
	}
}

static void expire_fragments(struct dialogs *dialogs, int64_t now_ns)
{
	struct fragment_packet lost;

	while (fragments_expire(dialogs->fragments, now_ns, &lost)) {
		dialogs->stats.fragments_lost++;
		tell_fragments(dialogs, &lost);
	}
}

static bool take_ip(struct dialogs *dialogs, const struct packet_view *view)
{
	switch (view->kind) {
	case PACKET_TCP:
	case PACKET_UDP:
		if (view->payload.len < view->payload_len) {
			dialogs->stats.cut++;
		}
		return view->kind == PACKET_TCP ? take_tcp(dialogs, view)
						: take_udp(dialogs, view);
	case PACKET_DAMAGED:
		dialogs->stats.damaged++;
		break;
	case PACKET_OTHER:
	case PACKET_FRAGMENT:
		break;
	}
	return false;
}

/* True: it is of a dialog, or kept for its other parts. */
static bool take_fragment(struct dialogs *dialogs, struct packet_view *view,
			  const struct trace_packet *packet)
{
	struct fragment_packet whole;

	switch (fragments_add(dialogs->fragments, view, packet->bytes, packet->wire_len,
			      packet->at_ns, &whole)) {
	case FRAGMENT_KEPT:
		return true;
	case FRAGMENT_BAD:
		dialogs->stats.damaged++;
		return false;
	case FRAGMENT_WHOLE:
		break;
	}
	packet_view_reassembled(view, whole.segment);
	if (!take_ip(dialogs, view)) {
		tell_fragments(dialogs, &whole);
	}
	return true;
}

/* at_ns: as the ops are told it. */
static void take_frame(struct dialogs *dialogs, const struct trace_packet *packet,
		       int64_t at_ns)
{
	struct packet_view view;
	struct runframe frame;
	bool taken;

	dialogs_advance(dialogs, at_ns);
	if (dialogs->run && runframe_find(dialogs->link, packet->bytes, &frame)) {
		run_frame(dialogs, &frame);
		return;
	}
	expire_fragments(dialogs, dialogs->start_ns + at_ns);
	packet_view_read(dialogs->link, packet->bytes, &view);
	taken = view.kind == PACKET_FRAGMENT ? take_fragment(dialogs, &view, packet)
					     : take_ip(dialogs, &view);
	if (!taken) {
		tell_other(dialogs, packet->bytes, packet->wire_len, packet->at_ns);
	}
}

static void take_kept(struct dialogs *dialogs)
{
	if (dialogs->kept.there) {
		dialogs->kept.there = false;
		take_frame(dialogs, &dialogs->kept.packet, dialogs->kept.at_ns);
	}
}

/* What a run knew when a packet came stands behind it. */
static void look_ahead(struct dialogs *dialogs, const struct trace_packet *packet,
		       int64_t at_ns)
{
	struct kept_packet *kept = &dialogs->kept;
	struct runframe frame;

	if (runframe_find(dialogs->link, packet->bytes, &frame) &&
	    frame.kind == RUNFRAME_GONE) {
		run_frame(dialogs, &frame);
		return;
	}
	take_kept(dialogs);
	text_clear(&kept->bytes);
	text_bytes(&kept->bytes, packet->bytes.data, packet->bytes.len);
	kept->packet = *packet;
	kept->packet.bytes = span_of(kept->bytes.data, kept->bytes.len);
	kept->at_ns = at_ns;
	kept->there = true;
}

static void start(struct dialogs *dialogs, const struct trace_packet *packet)
{
	if (!dialogs->started) {
		dialogs->started = true;
		dialogs->start_ns = packet->at_ns;
	}
}

/* Never back; times of a trace are such that this can't overflow. */
static int64_t told_time(const struct dialogs *dialogs, const struct trace_packet *packet)
{
	int64_t at_ns = packet->at_ns - dialogs->start_ns;

	return at_ns > dialogs->seen_ns ? at_ns : dialogs->seen_ns;
}

int64_t dialogs_time(struct dialogs *dialogs, const struct trace_packet *packet)
{
	if (dialogs->kept.there) {
		return dialogs->kept.at_ns;
	}
	if (!packet) {
		return dialogs->seen_ns;
	}
	start(dialogs, packet);
	return told_time(dialogs, packet);
}

void dialogs_packet(struct dialogs *dialogs, const struct trace_packet *packet)
{
	struct runframe frame;
	int64_t at_ns;

	start(dialogs, packet);
	if (dialogs->stats.packets == 0 &&
	    runframe_find(dialogs->link, packet->bytes, &frame) &&
	    frame.kind == RUNFRAME_HEADER) {
		dialogs->run = true;
		dialogs->runs = xcalloc(DIALOGS_BUCKETS, sizeof(struct entry *));
	}
	dialogs->stats.packets++;
	dialogs->stats.bytes += packet->bytes.len;
	dialogs->stats.backwards += packet->at_ns < dialogs->last_at_ns;
	dialogs->last_at_ns = packet->at_ns;
	at_ns = told_time(dialogs, packet);
	dialogs->seen_ns = at_ns;
	if (dialogs->run) {
		look_ahead(dialogs, packet, at_ns);
	} else {
		take_frame(dialogs, packet, at_ns);
	}
}

void dialogs_flush(struct dialogs *dialogs)
{
	struct entry *entry, *next;

	take_kept(dialogs);
	expire_fragments(dialogs, INT64_MAX);
	for (entry = dialogs->lists[ENTRY_OPEN].oldest; entry; entry = next) {
		next = entry->newer;
		entry_enter(entry);
		entry_flush(entry);
		if (entry_leave(entry) && !entry->dialog.from_run &&
		    entry->streams[SIDE_REQUEST].ended &&
		    entry->streams[SIDE_REPLY].ended) {
			entry_close(entry, "eof");
		}
	}
}

void dialogs_finish(struct dialogs *dialogs)
{
	dialogs_flush(dialogs);
	while (dialogs->lists[ENTRY_OPEN].oldest) {
		entry_close(dialogs->lists[ENTRY_OPEN].oldest, "trace-end");
	}
}
