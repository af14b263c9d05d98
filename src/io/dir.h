/* Directories: made with those above them, temporary ones, and removed with all that is
 * in them.
 */
#ifndef IO_DIR_H
#define IO_DIR_H

#include "base/arena.h"
#include "base/err.h"

/* The absolute path of `path`, which is made if it is missing; in the arena. */
const char *dir_make(const char *path, struct arena *arena, struct err *err);
/* A new one below TMPDIR, or /tmp. */
const char *dir_temporary(struct arena *arena, struct err *err);
/* Symbolic links are removed, not followed. What can't be removed stays. */
void dir_remove(const char *path);

#endif
