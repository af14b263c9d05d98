/* The event loop: libevent, precise timers, signals, and the run's clock.
 *
 * Everybody but the planes (which watch many descriptors and use events of their own on
 * loop_base()) goes through this. Callbacks run one at a time on the thread that called
 * loop_run().
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_signal;
struct loop_reader;
struct event_base;

typedef void loop_callback(void *ctx);

int loop_new(struct loop **out, struct err *err);
void loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Nanoseconds since loop_new(), monotonic. */
int64_t loop_now_ns(const struct loop *loop);
void loop_run(struct loop *loop);
/* loop_run() returns after the callback under way. */
void loop_stop(struct loop *loop);

/* A timer that is armed for one time, on loop_now_ns()'s clock; INT64_MAX disarms it. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_callback *callback, void *ctx);
void loop_timer_set(struct loop_timer *timer, int64_t due_ns);
void loop_timer_free(struct loop_timer *timer);

struct loop_signal *loop_signal_new(struct loop *loop, int signal,
				    loop_callback *callback, void *ctx);
void loop_signal_free(struct loop_signal *signal);

/* Calls back while the descriptor has bytes, or its end, to be read. The descriptor stays
 * the caller's and must be open until loop_reader_free(). */
struct loop_reader *loop_reader_new(struct loop *loop, int fd, loop_callback *callback,
				    void *ctx);
void loop_reader_pause(struct loop_reader *reader, bool pause);
void loop_reader_free(struct loop_reader *reader);

#endif
