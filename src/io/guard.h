/* Who ends a run's processes when the run itself is killed with SIGKILL: a small process
 * of its own that waits at a pipe whose other end only the run holds. When that closes,
 * it kills every process group that it was told of.
 *
 * One per program. Without it (no more processes, say) all works but this.
 */
#ifndef IO_GUARD_H
#define IO_GUARD_H

#include <sys/types.h>

/* Before the program has opened what the guard shall not keep open. */
void guard_start(void);
/* No-ops while there is no guard. */
void guard_add(pid_t group);
void guard_remove(pid_t group);
void guard_stop(void);

#endif
