/* Inside the datagram plane: its sessions, shared by dgram.c (their life, and what
 * arrives) and dgram_out.c (what leaves).
 */
#ifndef PLANE_DGRAM_SESSION_H
#define PLANE_DGRAM_SESSION_H

#include "plane/dgram.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>

enum {
	DGRAM_BATCH = 64,	 /* datagrams a system call */
	DGRAM_BYTES_MAX = 65536, /* more than UDP can carry */
	DGRAM_READS_A_TURN = 16, /* batches, then others have their turn */
	DGRAM_BUCKETS = 4096,	 /* a power of two */
};

struct session {
	struct session *next_in_bucket;
	struct session *older, *newer; /* by last use */
	struct session *next_done, *next_marked;
	struct dgram *dgram;
	struct flow *flow; /* NULL: ended, to be freed */
	struct capture_flow *capture;
	struct netaddr client;
	int fd; /* connected to the upstream */
	bool unreachable_noted;
	const char *end; /* not NULL: to be ended, in dgram->marked */
	uint64_t replies;
	int64_t used_ns;
	struct event event;
};

/* A datagram that leaves. */
struct outgoing {
	struct session *session;
	enum side side;
	const uint8_t *data; /* NULL: at `from` in dgram->copies */
	size_t from, len;
};

struct dgram {
	struct live_plane plane; /* first */
	struct live *live;
	const struct proxy *proxy;
	struct netaddr listen, upstream;
	struct flow_addrs addrs;
	int fd;
	bool accepting;
	struct event event;
	struct loop_timer *idle;
	struct session *buckets[DGRAM_BUCKETS];
	struct session *oldest, *newest, *done, *marked;
	uint64_t num_sessions;
	uint64_t lost; /* datagrams that the kernel would not take */
	int segments_refused;
	/* A batch being read. */
	uint8_t *buffers; /* DGRAM_BATCH of DGRAM_BYTES_MAX */
	struct mmsghdr in[DGRAM_BATCH];
	struct iovec in_iov[DGRAM_BATCH];
	struct sockaddr_storage in_from[DGRAM_BATCH];
	/* What leaves. */
	struct outgoing *out;
	int num_out, out_room;
	struct text copies;
};

extern const struct flow_ops DGRAM_FLOW_OPS;

/* dgram_out.c */
/* Sends what was gathered; the log must be committed. */
void dgram_send_out(struct dgram *dgram);
void dgram_note_lost(struct dgram *dgram, int error);
void dgram_note_unreachable(struct session *session);

#endif
