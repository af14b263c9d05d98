/* `log canon`: the log without wall-clock time, sorted by identity. Two equal runs give
 * equal bytes. */
#ifndef APP_LOG_CANON_H
#define APP_LOG_CANON_H

#include "io/logread.h"

#include <stdio.h>

/* Opened rereadable; what is written to `out` is up to the caller to check and flush. */
int log_canon(struct logread *log, FILE *out, struct err *err);

#endif
