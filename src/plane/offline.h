/* The trace plane: a trace's dialogs through the engine, under a virtual clock.
 *
 * The same engine as live, so the same decisions; the clock is the packets' time, so all
 * of it is a function of trace, rules and seed, on any machine. What leaves the engine is
 * written as the wire would have looked behind a turncoat between the peers: their
 * addresses, link headers and first sequence numbers, segments no longer than theirs, one
 * packet where one packet came, delayed ones at their time. Frames of no dialog are
 * copied. Bytes that the trace has lost (gaps) are judged as zeros and noted in the log,
 * up to OFFLINE_GAP_MAX; past that the dialog ends as "gap".
 */
#ifndef PLANE_OFFLINE_H
#define PLANE_OFFLINE_H

#include "plane/dialogs.h"
#include "plane/engine.h"
#include "plane/face.h"

enum {
	OFFLINE_GAP_MAX = 1 << 20,
	/* Bytes of all flows that came while the engine wanted none; the flow that would
	 * exceed it ends as "overflow". */
	OFFLINE_KEPT_MAX = 256 << 20,
};

struct offline;

/* out: NULL, no packets are written. Engine, proxies and out outlive it. */
struct offline *offline_new(struct engine *engine, enum link_type link,
			    const struct proxy *proxies, size_t num_proxies,
			    struct trace *out);
/* Flows must have been ended by offline_finish(). NULL is fine. */
void offline_free(struct offline *offline);
void offline_packet(struct offline *offline, const struct trace_packet *packet);
/* The trace is over: what is due later still leaves, then every flow ends. */
void offline_finish(struct offline *offline);
/* 0, or why no more packets could be written. */
int offline_status(const struct offline *offline, struct err *err);
struct dialogs_stats offline_stats(const struct offline *offline);
size_t offline_strangers(const struct offline *offline,
			 struct dialogs_stranger out[DIALOGS_STRANGERS_MAX]);
int64_t offline_start_ns(const struct offline *offline); /* see dialogs_start_ns() */
int64_t offline_now_ns(const struct offline *offline);	 /* since the first packet */

#endif
