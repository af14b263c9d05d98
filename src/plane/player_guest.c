/* PLAY_SERVER: who comes, and whose dialog it gets. See player.c. */
#include "plane/player_talk.h"

#include "base/arena.h"
#include "io/socket.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64 };

/* --- whose dialog --- */

static bool is_free(const struct player *player, size_t i, const struct proxy *proxy)
{
	return !player->taken[i] && player->script->dialogs[i].proxy == proxy;
}

/* The next dialog of the proxy that nobody plays; num_dialogs: none is left. */
static size_t next_free(struct player *player, const struct proxy *proxy)
{
	size_t num = player->script->num_dialogs, i;

	while (player->next < num && player->taken[player->next]) {
		player->next++;
	}
	for (i = player->next; i < num && !is_free(player, i, proxy); i++) {
	}
	return i;
}

/* The first of those that fit what the guest said best. */
static size_t choose(struct player *player, struct talk *talk)
{
	size_t num = player->script->num_dialogs;
	size_t found = next_free(player, talk->proxy);
	int best = 0;

	talk->key.first = span_of(talk->early.data, talk->early.len);

	for (size_t i = found; i < num && talk->key.class[0] && best < COMPARE_FIT_MAX;
	     i++) {
		int how = is_free(player, i, talk->proxy)
				  ? compare_key_fit(&player->keys[i], &talk->key)
				  : 0;

		if (how > best) {
			best = how;
			found = i;
		}
	}
	return found;
}

static void none_left(struct door *door)
{
	door->player->stats.surplus++;
	if (!door->noted) {
		door->noted = true;
		player_failed(door->player, door->proxy, "no-dialog-left",
			      "more connections came than the trace has");
	} else {
		door->player->stats.failed++;
	}
}

/* The guest gets its dialog, and all it has said is said there. */
static void seat(struct talk *talk)
{
	struct player *player = talk->player;
	size_t i = choose(player, talk);
	struct text early = talk->early;

	if (i == player->script->num_dialogs) {
		none_left(talk->door);
		talk_end(talk, "no-dialog-left", true);
		return;
	}
	talk->early = (struct text){0};
	player->taken[i] = true;
	if (talk_begin(talk, &player->script->dialogs[i])) {
		if (early.len || (early.data && talk->datagrams)) {
			talk_hear(talk, span_of(early.data, early.len));
		}
		if (talk->live_ended) {
			talk_hear_end(talk);
		}
		player_mark_dirty(talk);
	}
	text_done(&early);
}

/* --- what a guest says first --- */

void guest_heard(struct talk *talk, struct span bytes)
{
	text_reserve(&talk->early, bytes.len); /* an empty datagram is one as well */
	text_bytes(&talk->early, bytes.data, bytes.len);
	if (!talk->cut.raw) {
		unitcut_feed(&talk->cut, bytes, compare_key_unit, &talk->key);
	}
	if (talk->cut.raw && !talk->key.class[0]) {
		compare_key_unit(&talk->key, span_of(talk->early.data, talk->early.len),
				 span_str("raw"));
		talk->key.raw = true;
	}
	if (talk->key.class[0]) {
		seat(talk);
	}
}

void guest_ended(struct talk *talk)
{
	if (talk->early.len == 0) {
		/* A look whether anybody listens: that is no dialog, unless the trace has
		 * just that. */
		size_t i = next_free(talk->player, talk->proxy);

		if (i == talk->player->script->num_dialogs ||
		    talk->player->keys[i].class[0]) {
			talk_end(talk, "eof", false);
			return;
		}
	}
	unitcut_end(&talk->cut, compare_key_unit, &talk->key);
	seat(talk);
}

void guest_step(struct talk *talk)
{
	if (live_now_ns(talk->player->live) >= talk->give_up_ns) {
		seat(talk);
	} else {
		talk_at(talk, talk->give_up_ns);
	}
}

static struct talk *guest_new(struct door *door, const struct netaddr *peer, int fd)
{
	struct player *player = door->player;
	struct talk *talk = talk_new(player, door->proxy);
	size_t i = next_free(player, door->proxy);

	talk->door = door;
	talk->peer = *peer;
	talk->state = TALK_ARRIVED;
	talk->give_up_ns = live_now_ns(player->live) + player->options.wait_ns;
	unitcut_init(&talk->cut, &door->proxy->framer, talk->datagrams);
	talk_watch(talk, fd);
	if (i < player->script->num_dialogs && !talk->datagrams) {
		const struct script_dialog *dialog = &player->script->dialogs[i];

		talk->reading = true;
		event_add(&talk->read_event, NULL);
		talk_at(talk, talk->give_up_ns);
		if (dialog->num_turns && dialog->turns[0].side == SIDE_REPLY) {
			seat(talk); /* the server speaks first */
		}
	}
	return talk;
}

/* --- doors --- */

void door_accept_more(struct door *door)
{
	if (door->open && door->paused &&
	    door->player->num_talks < door->player->options.max_live) {
		door->paused = false;
		event_add(&door->event, NULL);
	}
}

static void pause_door(struct door *door)
{
	door->paused = true;
	event_del(&door->event);
}

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
	struct door *door = ctx;
	struct player *player = door->player;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN && !door->paused; i++) {
		struct netaddr peer = {.len = sizeof(peer.addr)};
		int accepted;

		if (player->num_talks >= player->options.max_live) {
			pause_door(door); /* others wait in the backlog */
			break;
		}
		accepted = accept4(fd, (struct sockaddr *)&peer.addr, &peer.len,
				   SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted < 0 && errno != EINTR && errno != ECONNABORTED) {
			if (errno != EAGAIN && errno != EWOULDBLOCK &&
			    player->num_talks > 0) {
				pause_door(door); /* descriptors: until one is closed */
			}
			break;
		}
		if (accepted >= 0 &&
		    next_free(player, door->proxy) == player->script->num_dialogs) {
			none_left(door);
			close(accepted);
		} else if (accepted >= 0) {
			(void)guest_new(door, &peer, accepted);
		}
	}
	player_settle(player);
}

static struct talk *guest_find(const struct door *door, const struct netaddr *peer)
{
	struct talk *talk = door->player->talks;

	while (talk && (talk->door != door || talk->peer.len != peer->len ||
			memcmp(&talk->peer.addr, &peer->addr, peer->len) != 0)) {
		talk = talk->next;
	}
	return talk;
}

static void on_datagram(evutil_socket_t fd, short what, void *ctx)
{
	struct door *door = ctx;
	struct player *player = door->player;

	(void)what;
	for (int i = 0; i < PLAYER_READS_A_TURN; i++) {
		struct netaddr peer = {.len = sizeof(peer.addr)};
		struct talk *talk;
		ssize_t n = recvfrom(fd, player->scratch, PLAYER_READ_BYTES, 0,
				     (struct sockaddr *)&peer.addr, &peer.len);

		if (n < 0) {
			break;
		}
		talk = guest_find(door, &peer);
		if (!talk && player->num_talks >= player->options.max_live) {
			continue; /* lost, as datagrams are */
		}
		if (!talk &&
		    next_free(player, door->proxy) == player->script->num_dialogs) {
			none_left(door);
			continue;
		}
		talk = talk ? talk : guest_new(door, &peer, fd);
		talk_hear(talk, span_of(player->scratch, (size_t)n));
		player_mark_dirty(talk);
	}
	player_settle(player);
}

int door_open(struct door *door, struct player *player, const struct proxy *proxy,
	      const struct netaddr *addr, struct err *err)
{
	bool datagrams = proxy->listen.transport == TRANSPORT_UDP;
	int fd = datagrams ? socket_listen_dgram(addr, &door->bound, err)
			   : socket_listen_stream(addr, &door->bound, err);

	if (fd < 0) {
		return fd;
	}
	door->player = player;
	door->proxy = proxy;
	door->fd = fd;
	door->open = true;
	event_assign(&door->event, loop_base(player->live->loop), fd,
		     EV_READ | EV_PERSIST, datagrams ? on_datagram : on_accept, door);
	event_add(&door->event, NULL);
	return 0;
}

void door_close(struct door *door)
{
	if (!door->open) {
		return;
	}
	door->open = false;
	event_del(&door->event);
	/* Datagrams that are under way still leave through it: player_free() closes. */
	if (door->proxy->listen.transport != TRANSPORT_UDP) {
		close(door->fd);
		door->fd = -1;
		if (door->bound.addr.ss_family == AF_UNIX) {
			unlink(((const struct sockaddr_un *)&door->bound.addr)->sun_path);
		}
	}
}
