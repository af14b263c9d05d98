#include "io/clock.h"

#include <stdio.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t clock_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void clock_format(int64_t realtime_ns, char *out)
{
	time_t seconds = (time_t)(realtime_ns / SECOND_NS);
	char date[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_TEXT_MAX, "%s.%06ldZ", date,
		 (long)(realtime_ns % SECOND_NS / 1000));
}
