/* Inside the dialogs: what dialogs.c (packets), dialogs_run.c (a run's own frames),
 * dialogs_table.c (who is who) and dialogs_proxy.c (whose it is) share.
 *
 * Theory of operation. An entry is a dialog from its first packet until it is forgotten:
 *
 *   state    meaning                             who leaves it
 *   OPEN     what its packets say is told        both ends, a reset, idle, close frame
 *   CLOSED   its packets are swallowed           a SYN that opens anew, its close frame,
 *                                                the table being full
 *
 * An entry is found by the addresses of a face: from the peer that opened to the one that
 * accepted, and back. A dialog of a trace has one face; one of a capture of ours has two
 * once it is connected, and of each only the stream that came into the proxy is told.
 *
 * The consumer may drop a dialog while one of its packets is told. The entry then stays
 * whole until the packet is done with: see entry_enter().
 */
#ifndef PLANE_DIALOGS_TABLE_H
#define PLANE_DIALOGS_TABLE_H

#include "codec/fragments.h"
#include "codec/runframe.h"
#include "core/sched.h"
#include "plane/dialogs.h"

enum {
	DIALOGS_BUCKETS = 65536, /* a power of two */
	/* Of what waits behind holes, in all streams: then the one that grows gives up
	 * its hole. */
	DIALOGS_HELD_MAX = 256 << 20,
	/* Closed connections that still swallow late packets; the longest unused are
	 * forgotten. */
	DIALOGS_CLOSED_MAX = 8192,
	DIALOGS_SEGMENT_COST = 128, /* a waiting segment's memory besides its bytes */
};

enum entry_state { ENTRY_OPEN, ENTRY_CLOSED, NUM_ENTRY_STATE };
enum entry_face { FACE_OF_CLIENT, FACE_OF_SERVER, NUM_ENTRY_FACE };

struct entry_node {
	struct entry_node *next; /* in its bucket */
	struct entry *entry;
	bool linked;
	bool datagrams;
	struct packet_path path; /* from opener to acceptor */
};

struct entry_stream {
	struct entry *entry;
	enum side side;
	bool syn_seen, ended;
	bool seq_known;
	uint32_t isn; /* of the SYN, once seen */
	struct reassembly tcp;
};

struct entry {
	struct dialog dialog; /* first */
	struct dialogs *dialogs;
	enum entry_state state;
	bool dropped;		     /* the consumer has ended it */
	struct entry *older, *newer; /* in its state's list, by last use */
	struct entry_node nodes[NUM_ENTRY_FACE];
	struct entry_stream streams[NUM_SIDE];
	struct sched_node idle; /* UDP: looks whether it is, see dialogs_advance() */
	int64_t used_ns;
	uint64_t replies;
	struct entry *next_run; /* in its bucket of runs[] */
	uint64_t run_flow;
};

struct entry_list {
	struct entry *oldest, *newest;
};

/* A proxy's endpoints, ready to be compared. */
enum host_kind {
	HOST_ANY,      /* a name, 0.0.0.0, :: */
	HOST_LOOPBACK, /* localhost */
	HOST_ADDRESS,
	HOST_NEVER, /* not of this transport, or no port */
};

struct host {
	enum host_kind kind;
	struct ipaddr addr;
	uint16_t port;
};

struct proxy_hosts {
	struct host upstream, listen;
};

/* A packet kept for a look ahead. */
struct kept_packet {
	bool there;
	int64_t at_ns; /* as told to the ops */
	struct trace_packet packet;
	struct text bytes;
};

struct dialogs {
	enum link_type link;
	const struct proxy *proxies;
	size_t num_proxies;
	struct proxy_hosts *hosts; /* by proxy */
	uint8_t ports[65536 / 8];  /* which ports any proxy has */
	const struct dialogs_ops *ops;
	void *ctx;
	struct dialogs_stats stats;
	struct dialogs_stranger strangers[DIALOGS_STRANGERS_MAX];
	size_t num_strangers;
	bool started;
	bool run; /* a capture of ours */
	int64_t start_ns, now_ns;
	int64_t seen_ns;    /* of the packet that came last, as the ops are told it */
	int64_t last_at_ns; /* and as it was */
	struct kept_packet kept;
	struct entry_node *buckets[DIALOGS_BUCKETS];
	struct entry **runs; /* DIALOGS_BUCKETS, by flow; NULL: not a capture of ours */
	struct entry_list lists[NUM_ENTRY_STATE];
	size_t num_entries, num_closed;
	struct entry *current; /* is being told */
	size_t held_bytes;
	struct sched idle;
	struct fragments *fragments;
	uint8_t padded[65536]; /* a datagram that the snapshot length has cut */
};

/* --- dialogs_table.c --- */

/* The face that the packet travels on; NULL: of no dialog. */
struct entry_node *table_find(struct dialogs *dialogs, const struct packet_view *view,
			      bool *out_from_opener);
/* A new open entry; it is not linked to any address yet. Makes room for itself. */
struct entry *entry_new(struct dialogs *dialogs, const struct proxy *proxy);
void entry_link(struct entry *entry, enum entry_face face, const struct packet_path *path,
		bool datagrams);
void entry_used(struct entry *entry);
/* Unlinks and frees. */
void entry_forget(struct entry *entry);
/* Nothing more is told of it. Swallows what comes, or is forgotten when nothing can. */
void entry_bury(struct entry *entry);
/* Between the two the entry stays, whatever the consumer does. False: it has become
 * closed, and may be gone. */
void entry_enter(struct entry *entry);
bool entry_leave(struct entry *entry);
/* Tells what waits, then its end, and buries it. */
void entry_close(struct entry *entry, const char *end);
void entry_flush(struct entry *entry);
/* The peer's bytes of a stream, as reassembly takes them, under the bound of all. */
void stream_segment(struct entry_stream *stream, uint32_t seq,
		    const struct packet_view *view, bool fin);
void stream_acked(struct entry_stream *stream, uint32_t ack);
struct entry *table_run_find(const struct dialogs *dialogs, uint64_t flow);
void entry_run_link(struct entry *entry, uint64_t flow);

static inline bool entry_told(const struct entry *entry)
{
	return entry->state == ENTRY_OPEN && !entry->dropped;
}

/* --- dialogs_proxy.c --- */

void proxy_hosts_init(struct dialogs *dialogs);
/* IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) becomes IPv4. */
struct ipaddr ipaddr_unmapped(const struct ipaddr *addr);
/* Whose packet is it? *out_to_server: which way it travels. NULL: nobody's. */
const struct proxy *proxy_find(const struct dialogs *dialogs,
			       const struct packet_view *view, bool *out_to_server);
/* A packet to a server of no proxy. */
void stranger_note(struct dialogs *dialogs, const struct packet_view *view);

/* --- dialogs_run.c --- */

/* Is the frame one of a run's own? */
bool runframe_find(enum link_type link, struct span frame, struct runframe *out);
void run_frame(struct dialogs *dialogs, const struct runframe *frame);

/* --- dialogs.c --- */

/* Opens: the consumer is told. False: it dropped the dialog at once. */
bool entry_tell_open(struct entry *entry);

#endif
