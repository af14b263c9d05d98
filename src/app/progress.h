/* How far a long reading has come: a line on a terminal that is written over, and erased
 * at the end. Anywhere else, and when told to be quiet, nothing.
 */
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *path; /* what is read; the caller's */
	bool on;
	bool shown;
	uint64_t calls;
	int64_t next_ns; /* not before */
};

void progress_init(struct progress *progress, const char *path, bool quiet);
/* To be called at every packet: looks at the clock now and then. True: it is time for
 * progress_show(). */
bool progress_packet(struct progress *progress);
/* ppm: of the whole; -1 when that is not known. */
void progress_show(struct progress *progress, int64_t ppm);
void progress_done(struct progress *progress);

#endif
