#include "app/progress.h"

#include "io/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL_NS (INT64_C(100) * 1000000)

enum {
	PACKETS_A_LOOK = 1024,
	NUMBER_MAX = 32, /* 18,446,744,073,709,551,615 */
	PATH_SHOWN_MAX = 60,
};

void progress_init(struct progress *progress, const char *path, bool quiet)
{
	*progress = (struct progress){.path = path, .on = !quiet && isatty(2)};
}

/* With a comma every three digits. */
static void format_number(uint64_t number, char *out)
{
	char digits[NUMBER_MAX];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0) {
			*out++ = ',';
		}
		*out++ = digits[i];
	}
	*out = '\0';
}

void progress_show(struct progress *progress, int64_t ppm)
{
	char packets[NUMBER_MAX + 1];
	char percent[8] = "";
	size_t len = strlen(progress->path);
	const char *path = progress->path;

	if (len > PATH_SHOWN_MAX) {
		path += len - PATH_SHOWN_MAX;
	}
	if (ppm >= 0) {
		snprintf(percent, sizeof(percent), "  %d%%",
			 (int)(ppm > 1000000 ? 100 : ppm / 10000));
	}
	format_number(progress->calls, packets);
	fprintf(stderr, "\rreading %s%s  %s packets\033[K", path, percent, packets);
	fflush(stderr);
	progress->shown = true;
}

bool progress_packet(struct progress *progress)
{
	int64_t now_ns;

	if (++progress->calls % PACKETS_A_LOOK || !progress->on) {
		return false;
	}
	now_ns = clock_monotonic_ns();
	if (now_ns < progress->next_ns) {
		return false;
	}
	progress->next_ns = now_ns + INTERVAL_NS;
	return true;
}

void progress_done(struct progress *progress)
{
	if (progress->shown) {
		fprintf(stderr, "\r\033[K");
		fflush(stderr);
		progress->shown = false;
	}
}
