/* A [proxy] section as the planes use it. Plain data: app/config.h builds it in its arena
 * and keeps it as long as the run lasts.
 */
#ifndef PLANE_PROXY_H
#define PLANE_PROXY_H

#include "base/ipaddr.h"
#include "codec/framer.h"
#include "core/match.h"

enum lane_mode {
	LANE_CONNECTION, /* a lane is a connection or UDP session */
	LANE_LINK, /* a lane is the whole link; counting goes on across reconnects */
};

struct proxy {
	const char *name;
	const char *file; /* where it stands, for messages */
	unsigned line;
	unsigned index; /* in file order */
	/* Of an upstream that is a service, host and port are the run's to fill in. */
	struct endpoint listen, upstream;
	const char *service;   /* the upstream's name; NULL: it is an address */
	unsigned service_port; /* which one of its ports, from 1 */
	struct framer framer;
	enum lane_mode lane_mode;
	/* Group 1 (or all) on the first request unit; NULL: the source address. */
	struct regex *label;
	const char *label_text;
	int64_t label_wait_ns; /* how long a lane may stay unnamed */
	int64_t hold_ns;       /* how long an incomplete unit waits for its rest */
	int64_t idle_ns;       /* UDP: a session without datagrams ends; TCP: 0, never */
	int64_t connect_ns;    /* TCP: how long connecting upstream may take */
	uint64_t replies;   /* UDP: the session ends after so many replies; 0: no bound */
	uint64_t max_flows; /* connections or sessions at one time */
	/* A lane side's delayed and parked bytes; then back-pressure. */
	uint64_t max_held_bytes;
	bool watched;	  /* units are looked at whole, whatever the rules need */
	bool passthrough; /* may a lane side that no rule touches bypass judging */
};

#endif
