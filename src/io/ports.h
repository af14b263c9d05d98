/* Free ports on 127.0.0.1 for services that a run starts: taken so that neither another
 * run of ours nor an outgoing connection gets them before the service does.
 *
 * They come from outside the range that the kernel gives to outgoing connections (but
 * where it leaves us too few). A port that one run has taken, others see as taken: each
 * holds a lock, a name in the abstract namespace of Unix sockets, until ports_free().
 */
#ifndef IO_PORTS_H
#define IO_PORTS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct ports;

struct ports *ports_new(void);
/* A port that nobody uses, for TCP and UDP. The same hint gives the same port while that
 * is free, so that runs are alike. */
int ports_take(struct ports *ports, uint64_t hint, uint16_t *out, struct err *err);
void ports_free(struct ports *ports); /* NULL is fine */

#endif
