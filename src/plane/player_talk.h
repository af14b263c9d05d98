/* Inside the player plane: a dialog while it is played, shared by player.c (what dialogs
 * share: their beginning, the queue, the sum), player_talk.c (one dialog's life) and
 * player_guest.c (who comes, and whose dialog it gets).
 *
 * Theory of operation: in player.c.
 */
#ifndef PLANE_PLAYER_TALK_H
#define PLANE_PLAYER_TALK_H

#include "codec/unitcut.h"
#include "plane/player_compare.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum {
	PLAYER_READ_BYTES = 64 * 1024, /* one read; a datagram is shorter */
	PLAYER_READS_A_TURN = 64,      /* datagrams, then others have their turn */
	PLAYER_REPORTS_MAX = 1000,     /* dialogs whose differences are kept, a kind */
};

enum talk_state {
	TALK_ARRIVED,	 /* PLAY_SERVER: what it says will tell which dialog it gets */
	TALK_CONNECTING, /* PLAY_CLIENT */
	TALK_OPEN,
	TALK_RESETTING, /* unsent bytes, then RST */
	TALK_CLOSING,	/* unsent bytes, then FIN, then the peer's end */
	TALK_DONE,	/* to be freed when the callback ends */
};

struct door;

struct talk {
	struct sched_node node; /* first: sched hands this back */
	struct talk *next, **back;
	struct talk *next_dirty, *next_done;
	struct player *player;
	struct door *door; /* PLAY_SERVER */
	const struct proxy *proxy;
	const struct script_dialog *dialog; /* NULL: ARRIVED */
	struct compare *compare;
	struct flow *flow;
	enum talk_state state;
	bool datagrams, dirty;
	const char *end; /* why it ends, for the log */

	int fd;		     /* a guest's datagrams travel through the door's */
	struct netaddr peer; /* a guest's */
	struct event read_event, write_event;
	bool reading;
	bool live_ended;   /* the live peer has closed its half, or is gone */
	bool live_reset;   /* the latter */
	bool trace_ends;   /* the trace has the live peer end */
	bool want_end;	   /* shut down for writing once nothing is unsent */
	bool shut;	   /* that was done */
	bool write_failed; /* the peer takes no more: what would go there is lost */
	/* Handed over by the flow and not yet sent; datagrams each behind its length. */
	struct text out;
	size_t out_from;

	size_t turn; /* the next one */
	/* This moment of the trace was at that time. */
	int64_t ref_trace_ns, ref_ns;
	bool awaited;		  /* the reference is already that of this turn */
	int64_t heard_ns;	  /* when the live peer last said something that counts */
	int64_t waiting_since_ns; /* INT64_MAX: not waiting */
	int64_t full_since_ns;	  /* the socket takes no more; INT64_MAX: it does */
	int64_t give_up_ns;	  /* CONNECTING, RESETTING, CLOSING, ARRIVED */

	/* ARRIVED */
	struct unitcut cut;
	struct text early;
	struct compare_key key; /* of the first unit, once class[0] */
};

/* A listening socket of PLAY_SERVER. */
struct door {
	struct player *player;
	const struct proxy *proxy;
	int fd; /* -1: none */
	struct event event;
	bool open, paused;
	bool noted; /* that no dialog is left */
	struct netaddr bound;
};

/* What is kept of a dialog with a difference. */
struct player_report {
	size_t index; /* of the dialog */
	char *lane;
	struct compare_finding first, grave;
};

struct player {
	struct live_plane plane; /* first */
	struct live *live;
	const struct script *script;
	struct player_options options;
	struct netaddr *addrs;
	struct sched sched;
	struct loop_timer *timer;
	struct talk *talks, *dirty, *done;
	uint64_t num_talks;
	struct door *doors; /* by proxy; NULL: PLAY_CLIENT */
	size_t next;	    /* PLAY_CLIENT: the dialog that begins next; PLAY_SERVER: all
			       before it are taken */
	bool *taken;	    /* PLAY_SERVER: by dialog */
	struct compare_key *keys;
	int64_t begun_ns; /* INT64_MAX: not yet */
	bool stopped, told;
	uint8_t *scratch;
	struct player_stats stats;
	struct player_report *reports;
	size_t num_reports, num_grave;
	char *failure;
};

static inline enum side player_side(const struct player *player) /* that is played */
{
	return player->options.role == PLAY_CLIENT ? SIDE_REQUEST : SIDE_REPLY;
}

static inline enum side player_live_side(const struct player *player)
{
	return side_other(player_side(player));
}

/* player.c */
/* Trace time to time: a duration at the player's speed. */
int64_t player_scale(const struct player *player, int64_t duration_ns);
/* The end of a callback: talks act on what they were handed, dialogs begin. */
void player_settle(struct player *player);
void player_mark_dirty(struct talk *talk);
/* Something failed: counted, and noted in the log. */
void player_failed(struct player *player, const struct proxy *proxy, const char *note,
		   const char *text);
void player_keep_report(struct player *player, const struct talk *talk);

/* player_talk.c */
struct talk *talk_new(struct player *player, const struct proxy *proxy);
void talk_connect(struct player *player, const struct script_dialog *dialog);
/* A guest's dialog is known: flow and comparison begin. False: the talk is over. */
bool talk_begin(struct talk *talk, const struct script_dialog *dialog);
/* Its descriptor is known: watches it. */
void talk_watch(struct talk *talk, int fd);
/* What can be done now; says when to look again. */
void talk_step(struct talk *talk);
void talk_at(struct talk *talk, int64_t due_ns);
void talk_hear(struct talk *talk, struct span bytes);
void talk_hear_end(struct talk *talk);
/* Sockets and flow go now, the struct when no caller can hold it any more. */
void talk_end(struct talk *talk, const char *end, bool reset);

/* player_guest.c */
int door_open(struct door *door, struct player *player, const struct proxy *proxy,
	      const struct netaddr *addr, struct err *err);
void door_close(struct door *door);
void door_accept_more(struct door *door); /* a place may have become free */
void guest_step(struct talk *talk);	  /* ARRIVED */
void guest_heard(struct talk *talk, struct span bytes);
void guest_ended(struct talk *talk);

#endif
