/* Packet traces in files that tcpdump, tshark and Wireshark read: pcap, Ethernet frames,
 * nanoseconds since the epoch.
 *
 * Packets gather in a large buffer, so a file that is read while it grows ends in the
 * middle of a packet, but for right after trace_flush(). What the system refuses (a full
 * disk) may therefore be told only by a later call. The first error stays: every later
 * call but trace_close() returns it again and writes nothing.
 */
#ifndef IO_TRACE_H
#define IO_TRACE_H

#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

struct trace; /* trace_close()'s caller has its last use */

enum { TRACE_PACKET_MAX = 262144 };

/* Creates the file, or empties it. NULL on error. */
struct trace *trace_create(const char *path, struct err *err);
/* One frame of at most TRACE_PACKET_MAX bytes. at_ns: since the epoch, not negative. */
int trace_write(struct trace *trace, int64_t at_ns, struct span packet, struct err *err);
/* Hands everything written so far to the system. */
int trace_flush(struct trace *trace, struct err *err);
/* Flushes, closes and frees; the first error of them all. NULL is fine. */
int trace_close(struct trace *trace, struct err *err);

#endif
