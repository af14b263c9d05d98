/* The folders of a sweep: OUT, and within it one a run, which is emptied before it is
 * used again. Only a folder that has turncoat's mark in it is ever emptied.
 */
#ifndef APP_SWEEP_FOLDER_H
#define APP_SWEEP_FOLDER_H

#include "base/err.h"

/* The mark: a file of this name within. */
#define SWEEP_FOLDER_MARK ".turncoat"

/* The folder and those above it, where they are missing. */
int sweep_folder_above(const char *path, struct err *err);
/* A new or emptied folder with the mark in it. */
int sweep_folder_make(const char *path, struct err *err);

#endif
