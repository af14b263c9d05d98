/* A trace's dialogs in memory, as scripts to be played: who said what, when.
 *
 * Built by reading the trace once. Owns everything; script_free() ends it. At most
 * SCRIPT_BYTES_MAX of payload: a longer trace is an error that says so.
 */
#ifndef PLANE_SCRIPT_H
#define PLANE_SCRIPT_H

#include "plane/dialogs.h"

#define SCRIPT_BYTES_MAX (INT64_C(1) << 30)

enum turn_kind { TURN_BYTES, TURN_END, TURN_RESET };

struct turn {
	enum turn_kind kind;
	enum side side;
	int64_t at_ns;	  /* since the first packet */
	size_t from, len; /* of the dialog's bytes; UDP: one datagram */
};

struct script_dialog {
	const struct proxy *proxy;
	struct flow_addrs addrs;
	int64_t opened_ns;
	struct turn *turns; /* in the order of time; adjacent bytes of a side are one turn
			       when they came at one time */
	size_t num_turns;
	const uint8_t *bytes;
	int64_t over_ns; /* the last word was said */
	/* Its client had closed, or was known to have; INT64_MAX: it never did. */
	int64_t client_closed_ns;
	bool midstream;
	uint64_t gap_bytes; /* missing in the trace; they are zeros in `bytes` */
};

struct script {
	struct script_dialog *dialogs; /* in the order of opening */
	size_t num_dialogs;
	struct dialogs_stats stats;
	char *broken; /* why the trace ended before its end; NULL: it did not */
};

int script_read(const char *path, const struct proxy *proxies, size_t num_proxies,
		struct script **out, struct err *err);
void script_free(struct script *script); /* NULL is fine */

#endif
