/* The decision log on disk: JSON lines, appended, each fault safe before its effect.
 *
 * Lines are gathered in memory. A line that tells of a fault makes the next
 * declog_commit() write all of them; planes commit before they send. Others reach the
 * file by declog_tick(), called at least every DECLOG_FLUSH_NS, so a killed run loses at
 * most that much of its passes and none of its faults. Space is reserved ahead
 * (fallocate) so that a full disk is known before a fault is decided, not after.
 *
 * The reader side is io/logread.h.
 */
#ifndef IO_DECLOG_H
#define IO_DECLOG_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define DECLOG_FLUSH_NS (100 * INT64_C(1000000))

struct declog;

/* Creates or truncates the file ("-" is standard output). NULL path: a log that keeps
 * nothing. */
int declog_open(const char *path, struct declog **out, struct err *err);
void declog_write(struct declog *log, struct span lines, bool fault);
/* Makes everything with a fault safe. 0, or a negative code once the log has failed (and
 * then always): err says why. */
int declog_commit(struct declog *log, struct err *err);
/* Writes what waits. Same result. */
int declog_tick(struct declog *log, struct err *err);
/* Do lines wait for the next tick? */
bool declog_waits(const struct declog *log);
bool declog_failed(const struct declog *log);
/* Flushes, gives unused reserved space back, closes, frees. */
int declog_close(struct declog *log, struct err *err);

#endif
