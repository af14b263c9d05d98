/* Reads packet traces: pcap and pcapng, as libpcap does, micro- or nanoseconds, from a
 * file or standard input ("-").
 *
 * Constant memory in the trace's size. A trace that breaks off, or is damaged further on,
 * is read up to there: the end is then marked by traceread_broken(). Errors start with
 * the path.
 */
#ifndef IO_TRACEREAD_H
#define IO_TRACEREAD_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct traceread;

struct trace_packet {
	/* Captured, at most TRACE_PACKET_MAX (io/trace.h); valid until the next call. */
	struct span bytes;
	uint32_t wire_len; /* >= bytes.len */
	/* Since the epoch as the file says, but never below 0 or above
	 * TRACEREAD_AT_MAX_NS. */
	int64_t at_ns;
};

#define TRACEREAD_AT_MAX_NS (INT64_C(1) << 62)

int traceread_open(const char *path, struct traceread **out, struct err *err);
void traceread_close(struct traceread *trace); /* NULL is fine */

int traceread_dlt(const struct traceread *trace); /* as pcap_datalink() */
/* That number's name, for messages. */
const char *traceread_link_name(const struct traceread *trace);
/* 1: a packet; 0: the end, or where the trace breaks off; negative: an error. */
int traceread_next(struct traceread *trace, struct trace_packet *out, struct err *err);
/* Why the trace ended before its end; NULL: it did not. */
const char *traceread_broken(const struct traceread *trace);
uint64_t traceread_packets(const struct traceread *trace); /* handed out so far */
/* Parts per million of the file that are read; -1 when its size is not known. */
int64_t traceread_progress_ppm(const struct traceread *trace);

/* Is the file a packet trace, by its magic number? A file that can't be read is none, nor
 * is a pipe, as asking it would use up its first bytes. */
bool traceread_is_trace(const char *path);

#endif
