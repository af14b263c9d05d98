/* Packet traces in files that tcpdump, tshark and Wireshark read: pcap, nanoseconds since
 * the epoch.
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

enum { TRACE_PACKET_MAX = 262144 }; /* as libpcap's MAXIMUM_SNAPLEN */
enum { TRACE_ETHERNET = 1 };	    /* DLT_EN10MB */
/* The file's seconds have 32 bits; later times are written as this one. */
#define TRACE_AT_MAX_NS (UINT32_MAX * INT64_C(1000000000) + 999999999)

/* Creates the file, or empties it. dlt: what all frames begin with, as pcap_datalink()
 * tells it. NULL on error. */
struct trace *trace_create(const char *path, int dlt, struct err *err);
/* One frame of at most TRACE_PACKET_MAX bytes. at_ns: since the epoch, not negative.
 * wire_len: how long it was before a snapshot length cut it, at least packet.len. */
int trace_write(struct trace *trace, int64_t at_ns, struct span packet, uint32_t wire_len,
		struct err *err);
/* Hands everything written so far to the system. */
int trace_flush(struct trace *trace, struct err *err);
/* Flushes, closes and frees; the first error of them all. NULL is fine. */
int trace_close(struct trace *trace, struct err *err);

#endif
