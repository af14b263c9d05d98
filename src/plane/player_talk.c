/* A dialog while it is played. See player.c for the theory of operation. */
#include "plane/player_talk.h"

#include "base/arena.h"
#include "io/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINGER_NS (INT64_C(2000) * 1000000)   /* RESETTING and CLOSING, at most */
#define STALL_MIN_NS (INT64_C(100) * 1000000) /* a socket may be full so long, at least */
#define RESET_LOOK_NS (INT64_C(1) * 1000000)  /* is all sent now? */

static int64_t now_of(const struct talk *talk)
{
	return live_now_ns(talk->player->live);
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

static bool has_unsent(const struct talk *talk)
{
	return talk->out.len > talk->out_from;
}

void talk_at(struct talk *talk, int64_t due_ns)
{
	sched_remove(&talk->player->sched, &talk->node);
	if (due_ns < INT64_MAX) {
		sched_add(&talk->player->sched, &talk->node, due_ns);
	}
}

/* --- the end --- */

/* Was it played as it should have been? */
static bool went_well(const struct talk *talk)
{
	return talk->state == TALK_OPEN || talk->state == TALK_RESETTING ||
	       talk->state == TALK_CLOSING;
}

static void count_talk(struct talk *talk)
{
	struct player_stats *stats = &talk->player->stats;
	struct compare_counts counts;

	compare_end(talk->compare);
	counts = compare_counts(talk->compare);
	stats->units_recorded += counts.recorded;
	stats->units_seen += counts.seen;
	for (int i = 0; i < NUM_PLAYER_DIFFERENCE; i++) {
		stats->by_difference[i] += counts.by_difference[i];
	}
	player_keep_report(talk->player, talk);
}

static void close_socket(struct talk *talk, bool reset)
{
	event_del(&talk->write_event);
	if (talk->reading) {
		event_del(&talk->read_event);
	}
	if (talk->fd >= 0 && !(talk->datagrams && talk->door)) {
		if (reset) {
			socket_set_reset(talk->fd);
		}
		close(talk->fd);
	}
	talk->fd = -1;
}

void talk_end(struct talk *talk, const char *end, bool reset)
{
	struct player *player = talk->player;

	if (talk->state == TALK_DONE) {
		return;
	}
	if (talk->compare && went_well(talk)) {
		count_talk(talk);
	}
	talk->state = TALK_DONE;
	sched_remove(&player->sched, &talk->node);
	if (talk->fd >= 0) {
		close_socket(talk, reset);
	}
	flow_free(talk->flow, end, now_of(talk));
	talk->flow = NULL;
	compare_free(talk->compare);
	talk->compare = NULL;
	unitcut_done(&talk->cut);
	text_done(&talk->early);
	text_done(&talk->out);
	talk->out_from = 0;
	*talk->back = talk->next;
	if (talk->next) {
		talk->next->back = talk->back;
	}
	player->num_talks--;
	talk->next_done = player->done;
	player->done = talk;
}

/* All was played. */
static void finish(struct talk *talk)
{
	if (talk->live_reset && !talk->trace_ends &&
	    !compare_reached(talk->compare, talk->dialog->num_turns)) {
		player_failed(
			talk->player, talk->proxy, "peer-reset",
			"the live peer reset a connection that the trace has whole");
	} else {
		talk->player->stats.played++;
	}
	talk_end(talk, talk->live_ended || talk->shut ? "eof" : "played", false);
}

/* --- writing --- */

static void write_failed(struct talk *talk)
{
	talk->write_failed = true;
	text_done(&talk->out);
	talk->out_from = 0;
}

/* Writes one piece; how much is done with. 0: no more now. */
static size_t write_some(struct talk *talk)
{
	const char *data = talk->out.data + talk->out_from;
	size_t len = talk->out.len - talk->out_from, head = 0;
	ssize_t n;

	if (talk->datagrams) {
		uint32_t datagram;

		memcpy(&datagram, data, sizeof(datagram));
		head = sizeof(datagram);
		len = datagram;
	}
	do {
		n = sendto(talk->fd, data + head, len, MSG_NOSIGNAL,
			   talk->datagrams && talk->door
				   ? (const struct sockaddr *)&talk->peer.addr
				   : NULL,
			   talk->datagrams && talk->door ? talk->peer.len : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && would_block(errno)) {
		return 0;
	}
	if (talk->datagrams) {
		return head + len; /* sent, or lost as datagrams are */
	}
	if (n < 0) {
		write_failed(talk);
		return 0;
	}
	return (size_t)n;
}

/* Writes what was handed over, then the end. True: nothing is left. */
static bool flush(struct talk *talk)
{
	if (!live_commit(talk->player->live) || talk->state == TALK_DONE) {
		return false; /* nothing may leave unlogged */
	}
	if (talk->write_failed) {
		write_failed(talk);
	}
	while (has_unsent(talk)) {
		size_t n = write_some(talk);

		if (n == 0 && !talk->write_failed) {
			if (talk->full_since_ns == INT64_MAX) {
				talk->full_since_ns = now_of(talk);
			}
			event_add(&talk->write_event, NULL);
			return false;
		}
		talk->out_from += n;
		talk->full_since_ns = INT64_MAX;
	}
	text_done(&talk->out);
	talk->out_from = 0;
	if (talk->want_end && !talk->shut) {
		talk->shut = true;
		if (!talk->write_failed) {
			shutdown(talk->fd, SHUT_WR);
		}
	}
	return true;
}

/* --- what the flow asks for --- */

static void on_send(void *ctx, enum side side, struct span bytes)
{
	struct talk *talk = ctx;
	uint32_t len = (uint32_t)bytes.len;

	player_mark_dirty(talk);
	/* The other side's bytes have arrived: that peer is the trace. */
	if (side == player_side(talk->player) && !talk->write_failed) {
		if (talk->datagrams) {
			text_bytes(&talk->out, &len, sizeof(len));
		}
		text_bytes(&talk->out, bytes.data, bytes.len);
	}
}

static void on_end(void *ctx, enum side side)
{
	struct talk *talk = ctx;

	player_mark_dirty(talk);
	talk->want_end |= side == player_side(talk->player);
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct talk *talk = ctx;

	switch (how) {
	case FLOW_CUT_RESET:
		talk->state = TALK_RESETTING;
		talk->end = "rule-reset";
		break;
	case FLOW_CUT_CLOSE:
		talk->state = TALK_CLOSING;
		talk->end = "rule-close";
		break;
	case FLOW_CUT_REFUSE:
		talk->state = TALK_RESETTING;
		talk->end = "refused";
		break;
	}
	talk->give_up_ns = now_of(talk) + LINGER_NS;
	player_mark_dirty(talk);
}

static void on_resume(void *ctx, enum side side)
{
	(void)side;
	player_mark_dirty(ctx);
}

static bool client_gone(void *ctx)
{
	const struct talk *talk = ctx;
	struct pollfd poll_client = {.fd = talk->fd, .events = POLLRDHUP};

	if (!talk->door || talk->datagrams) {
		return false; /* a client of the trace: its end has been told */
	}
	return talk->live_ended || talk->fd < 0 ||
	       (poll(&poll_client, 1, 0) == 1 &&
		(poll_client.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

static const struct flow_ops FLOW_OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_resume,
	.client_gone = client_gone,
};

/* --- reading --- */

void talk_hear(struct talk *talk, struct span bytes)
{
	int64_t now_ns = now_of(talk);

	if (talk->state == TALK_ARRIVED) {
		guest_heard(talk, bytes);
		return;
	}
	if (talk->state != TALK_OPEN) {
		return;
	}
	if (compare_feed(talk->compare, bytes)) {
		talk->heard_ns = now_ns;
	}
	flow_feed(talk->flow, player_live_side(talk->player), bytes, now_ns);
}

void talk_hear_end(struct talk *talk)
{
	talk->live_ended = true;
	if (talk->reading) {
		talk->reading = false;
		event_del(&talk->read_event);
	}
	if (talk->state == TALK_ARRIVED) {
		guest_ended(talk);
	} else if (talk->state == TALK_OPEN) {
		flow_end(talk->flow, player_live_side(talk->player), now_of(talk));
	}
}

static void refused(struct talk *talk, int error)
{
	char address[NETADDR_TEXT_MAX], text[256];

	netaddr_format(&talk->player->addrs[talk->proxy->index], address);
	snprintf(text, sizeof(text), "%s: %s", address, strerror(error));
	talk->player->stats.unreached++;
	player_failed(talk->player, talk->proxy, "connect-failed", text);
	talk->state = TALK_CONNECTING; /* nothing to be compared with */
	talk_end(talk, "connect-failed", true);
}

/* False: no more can be read now. */
static bool read_some(struct talk *talk)
{
	uint8_t *scratch = talk->player->scratch;
	ssize_t n;

	if (talk->state == TALK_OPEN &&
	    !flow_wants(talk->flow, player_live_side(talk->player))) {
		talk->reading = false; /* until on_resume() */
		event_del(&talk->read_event);
		return false;
	}
	do {
		n = recv(talk->fd, scratch, PLAYER_READ_BYTES, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0 || (n == 0 && talk->datagrams)) {
		talk_hear(talk, span_of(scratch, (size_t)n));
		return talk->datagrams;
	}
	if (n < 0 && would_block(errno)) {
		return false;
	}
	if (!talk->datagrams) {
		talk->live_reset = n < 0;
		talk_hear_end(talk);
	} else if (errno == ECONNREFUSED && compare_counts(talk->compare).seen == 0) {
		refused(talk, errno);
	}
	return false;
}

static void on_read(evutil_socket_t fd, short what, void *ctx)
{
	struct talk *talk = ctx;
	struct player *player = talk->player;

	(void)fd;
	(void)what;
	for (int i = 0; i < PLAYER_READS_A_TURN && read_some(talk); i++) {
		if (talk->state == TALK_DONE) {
			break;
		}
	}
	player_mark_dirty(talk);
	player_settle(player);
}

/* Reads again once the flow takes more. */
static void read_more(struct talk *talk)
{
	if (!talk->reading && !talk->live_ended && !(talk->datagrams && talk->door) &&
	    (talk->state != TALK_OPEN ||
	     flow_wants(talk->flow, player_live_side(talk->player)))) {
		talk->reading = true;
		event_add(&talk->read_event, NULL);
	}
}

/* --- turns --- */

/* Is a word of the live peer still awaited before the next turn? */
static bool must_wait(struct talk *talk, int64_t now_ns)
{
	const struct player_options *options = &talk->player->options;
	enum side side = player_side(talk->player);
	int64_t since_ns;

	if (talk->live_ended || compare_reached(talk->compare, talk->turn)) {
		return false;
	}
	if (flow_pending(talk->flow, side) || has_unsent(talk)) {
		talk_at(talk, INT64_MAX); /* it has yet to be asked */
		return true;
	}
	if (talk->waiting_since_ns == INT64_MAX) {
		talk->waiting_since_ns = now_ns;
	}
	since_ns = talk->heard_ns > talk->waiting_since_ns ? talk->heard_ns
							   : talk->waiting_since_ns;
	if (now_ns - since_ns < options->wait_ns) {
		talk_at(talk, since_ns + options->wait_ns);
		return true;
	}
	talk->player->stats.timeouts++;
	compare_waive(talk->compare, talk->turn);
	talk->heard_ns = now_ns;
	return false;
}

/* When the next turn is due. What the recorded peer took to answer is not waited again:
 * behind an answer the trace's time goes on from when the live one came. */
static int64_t turn_due(struct talk *talk)
{
	const struct turn *turn = &talk->dialog->turns[talk->turn];
	int64_t recorded_ns = compare_recorded_ns(talk->compare, talk->turn);

	if (!talk->awaited) {
		talk->awaited = true;
		if (recorded_ns > talk->ref_trace_ns && !talk->live_ended) {
			talk->ref_trace_ns = recorded_ns;
			talk->ref_ns = talk->heard_ns > talk->ref_ns ? talk->heard_ns
								     : talk->ref_ns;
		}
	}
	return talk->ref_ns +
	       player_scale(talk->player, turn->at_ns - talk->ref_trace_ns);
}

static void say(struct talk *talk, const struct turn *turn, int64_t now_ns)
{
	enum side side = player_side(talk->player);

	switch (turn->kind) {
	case TURN_BYTES:
		flow_feed(talk->flow, side,
			  span_of(talk->dialog->bytes + turn->from, turn->len), now_ns);
		break;
	case TURN_END:
		flow_end(talk->flow, side, now_ns);
		break;
	case TURN_RESET:
		talk->state = TALK_RESETTING;
		talk->end = side == SIDE_REQUEST ? "client-reset" : "server-reset";
		talk->give_up_ns = now_ns + LINGER_NS;
		break;
	}
}

static void next_turn(struct talk *talk)
{
	talk->turn++;
	talk->awaited = false;
	talk->waiting_since_ns = INT64_MAX;
}

/* The socket is full: a peer that neither reads nor says anything that counts is given up
 * in the end, or it would be waited for without one. */
static void wait_for_room(struct talk *talk, int64_t now_ns)
{
	int64_t wait_ns = talk->player->options.wait_ns;
	int64_t since_ns = talk->heard_ns > talk->full_since_ns ? talk->heard_ns
								: talk->full_since_ns;
	struct text text = {0};

	wait_ns = wait_ns > STALL_MIN_NS ? wait_ns : STALL_MIN_NS;
	if (now_ns - since_ns < wait_ns) {
		talk_at(talk, since_ns + wait_ns);
		return;
	}
	text_format(&text, "the live peer took no more: %zu bytes are unsent",
		    talk->out.len - talk->out_from);
	player_failed(talk->player, talk->proxy, "peer-stalled", text_cstr(&text));
	text_done(&text);
	talk_end(talk, "peer-stalled", true);
}

/* All turns are done: waits for the rest of what was recorded. */
static void finish_when_over(struct talk *talk, int64_t now_ns)
{
	bool pending = flow_pending(talk->flow, SIDE_REQUEST) ||
		       flow_pending(talk->flow, SIDE_REPLY);

	if (must_wait(talk, now_ns)) {
		return;
	}
	if (pending) {
		talk_at(talk, INT64_MAX);
		return;
	}
	if (talk->trace_ends && !talk->live_ended) {
		if (talk->waiting_since_ns == INT64_MAX) {
			talk->waiting_since_ns = now_ns;
		}
		if (now_ns - talk->waiting_since_ns < talk->player->options.wait_ns) {
			talk_at(talk,
				talk->waiting_since_ns + talk->player->options.wait_ns);
			return;
		}
	}
	finish(talk);
}

static void play(struct talk *talk)
{
	const struct script_dialog *dialog = talk->dialog;
	enum side side = player_side(talk->player);

	while (flush(talk) && talk->state == TALK_OPEN) {
		const struct turn *turn = &dialog->turns[talk->turn];
		int64_t now_ns = now_of(talk);

		if (talk->turn == dialog->num_turns) {
			finish_when_over(talk, now_ns);
			return;
		}
		if (turn->side != side) {
			next_turn(talk);
			continue;
		}
		if (must_wait(talk, now_ns)) {
			return;
		}
		if (turn_due(talk) > now_ns) {
			talk_at(talk, turn_due(talk));
			return;
		}
		if (turn->kind == TURN_BYTES && !flow_wants(talk->flow, side)) {
			talk_at(talk, INT64_MAX);
			return;
		}
		next_turn(talk);
		say(talk, turn, now_ns);
	}
	if (talk->state == TALK_OPEN && talk->full_since_ns < INT64_MAX) {
		wait_for_room(talk, now_of(talk));
	}
}

/* --- cuts --- */

static void step_resetting(struct talk *talk)
{
	int unsent = 0;

	if (!flush(talk) && talk->state == TALK_DONE) {
		return;
	}
	/* Unix sockets don't know the call, and deliver at once. */
	if (now_of(talk) < talk->give_up_ns &&
	    (has_unsent(talk) ||
	     (!talk->write_failed && !talk->datagrams &&
	      ioctl(talk->fd, SIOCOUTQNSD, &unsent) == 0 && unsent > 0))) {
		talk_at(talk, now_of(talk) + RESET_LOOK_NS);
		return;
	}
	talk->player->stats.played++;
	talk_end(talk, talk->end, true);
}

static void step_closing(struct talk *talk)
{
	talk->want_end = !talk->datagrams;
	if (!flush(talk) && talk->state == TALK_DONE) {
		return;
	}
	read_more(talk);
	if (now_of(talk) < talk->give_up_ns && !talk->live_ended && !talk->datagrams) {
		talk_at(talk, talk->give_up_ns);
		return;
	}
	talk->player->stats.played++;
	talk_end(talk, talk->end, false);
}

void talk_step(struct talk *talk)
{
	switch (talk->state) {
	case TALK_ARRIVED:
		guest_step(talk);
		break;
	case TALK_CONNECTING:
		if (now_of(talk) >= talk->give_up_ns) {
			refused(talk, ETIMEDOUT);
		}
		break;
	case TALK_OPEN:
		read_more(talk);
		play(talk);
		if (talk->state == TALK_RESETTING || talk->state == TALK_CLOSING) {
			player_mark_dirty(talk);
		}
		break;
	case TALK_RESETTING:
		step_resetting(talk);
		break;
	case TALK_CLOSING:
		step_closing(talk);
		break;
	case TALK_DONE:
		break;
	}
}

/* --- the beginning --- */

struct talk *talk_new(struct player *player, const struct proxy *proxy)
{
	struct talk *talk = xcalloc(1, sizeof(*talk));

	sched_node_init(&talk->node);
	talk->player = player;
	talk->proxy = proxy;
	talk->datagrams = proxy->listen.transport == TRANSPORT_UDP;
	talk->fd = -1;
	talk->waiting_since_ns = talk->full_since_ns = INT64_MAX;
	talk->next = player->talks;
	talk->back = &player->talks;
	if (talk->next) {
		talk->next->back = &talk->next;
	}
	player->talks = talk;
	player->num_talks++;
	return talk;
}

bool talk_begin(struct talk *talk, const struct script_dialog *dialog)
{
	struct player *player = talk->player;
	enum side live_side = player_live_side(player);

	talk->dialog = dialog;
	talk->ref_trace_ns = dialog->opened_ns;
	talk->ref_ns = talk->heard_ns = now_of(talk);
	for (size_t i = 0; i < dialog->num_turns; i++) {
		talk->trace_ends |= dialog->turns[i].kind != TURN_BYTES &&
				    dialog->turns[i].side == live_side;
	}
	talk->compare = compare_new(dialog, live_side);
	talk->flow = flow_new(player->live->engine, talk->proxy, &dialog->addrs,
			      &FLOW_OPS, talk, now_of(talk));
	if (!talk->flow) {
		player_failed(player, talk->proxy, "refused",
			      "the lane is weak: it overlaps another of its label");
		talk->state = TALK_CONNECTING; /* nothing to be compared with */
		talk_end(talk, "refused", true);
		return false;
	}
	talk->state = TALK_OPEN;
	return true;
}

static void on_write(evutil_socket_t fd, short what, void *ctx)
{
	struct talk *talk = ctx;
	struct player *player = talk->player;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	if (talk->state == TALK_CONNECTING) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
			error = errno;
		}
		if (error) {
			refused(talk, error);
		} else {
			talk->state = TALK_OPEN;
			talk->ref_ns = talk->heard_ns = now_of(talk);
		}
	}
	player_mark_dirty(talk);
	player_settle(player);
}

void talk_watch(struct talk *talk, int fd)
{
	struct event_base *base = loop_base(talk->player->live->loop);

	talk->fd = fd;
	event_assign(&talk->read_event, base, fd, EV_READ | EV_PERSIST, on_read, talk);
	event_assign(&talk->write_event, base, fd, EV_WRITE, on_write, talk);
}

void talk_connect(struct player *player, const struct script_dialog *dialog)
{
	const struct proxy *proxy = dialog->proxy;
	const struct netaddr *addr = &player->addrs[proxy->index];
	struct talk *talk = talk_new(player, proxy);
	int fd;

	if (!talk_begin(talk, dialog)) {
		return;
	}
	fd = talk->datagrams ? socket_connect_dgram(addr) : socket_connect_stream(addr);
	if (fd < 0) {
		refused(talk, errno);
		return;
	}
	talk_watch(talk, fd);
	if (talk->datagrams) {
		player_mark_dirty(talk);
		return;
	}
	talk->state = TALK_CONNECTING;
	talk->give_up_ns = now_of(talk) + proxy->connect_ns;
	talk_at(talk, talk->give_up_ns);
	event_add(&talk->write_event, NULL);
}
