/* The clocks. Decisions never read them; due times and the wall-clock part of the log do.
 * */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_monotonic_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_realtime_ns(void);  /* since 1970, CLOCK_REALTIME */

enum { CLOCK_TEXT_MAX = 40 };
/* RFC 3339 with microseconds, UTC: 2026-11-20T22:56:00.123456Z. out holds CLOCK_TEXT_MAX.
 * */
void clock_format(int64_t realtime_ns, char *out);

#endif
