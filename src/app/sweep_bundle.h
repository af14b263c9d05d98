/* Bundles (io/bundle.h) of a sweep's run, and what a replay takes out of one. */
#ifndef APP_SWEEP_BUNDLE_H
#define APP_SWEEP_BUNDLE_H

#include "app/sweep.h"

/* The run's folder, the rule files and a manifest, in one file. */
int sweep_bundle_write(const struct sweep *sweep, const struct sweep_run *run,
		       const char *path, struct err *err);

/* The log of the bundle in a new temporary file, which the caller unlinks; *out_path is
 * the caller's to free. */
int sweep_bundle_unpack_log(const char *path, char **out_path, struct err *err);

#endif
