#include "io/loop.h"

#include "base/arena.h"
#include "io/clock.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct loop {
	struct event_base *base;
	int64_t start_ns;
};

/* A timerfd of its own: libevent's timers are either late by milliseconds (its clock is
 * coarse) or cost a timerfd_settime() each turn of the loop (precise timers). */
struct loop_timer {
	struct loop *loop;
	struct event *event;
	int fd;
	loop_callback *callback;
	void *ctx;
	int64_t due_ns;
};

struct loop_signal {
	struct event *event;
	loop_callback *callback;
	void *ctx;
};

struct loop_reader {
	struct event *event;
	loop_callback *callback;
	void *ctx;
};

int loop_new(struct loop **out, struct err *err)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->base = event_base_new();
	if (!loop->base) {
		free(loop);
		return err_set_errno(err, "can't start the event loop");
	}
	loop->start_ns = clock_monotonic_ns();
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (loop) {
		event_base_free(loop->base);
		free(loop);
	}
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

int64_t loop_now_ns(const struct loop *loop)
{
	return clock_monotonic_ns() - loop->start_ns;
}

void loop_run(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

static void timer_fired(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_timer *timer = ctx;
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof(times)) != (ssize_t)sizeof(times)) {
		return; /* set anew between the wake-up and now */
	}
	timer->due_ns = INT64_MAX;
	timer->callback(timer->ctx);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_callback *callback, void *ctx)
{
	struct loop_timer *timer = xcalloc(1, sizeof(*timer));

	timer->loop = loop;
	timer->callback = callback;
	timer->ctx = ctx;
	timer->due_ns = INT64_MAX;
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timer->fd < 0) {
		abort();
	}
	timer->event = event_new(loop->base, timer->fd, EV_READ | EV_PERSIST, timer_fired,
				 timer);
	if (!timer->event || event_add(timer->event, NULL) < 0) {
		abort();
	}
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t due_ns)
{
	struct itimerspec spec = {0};

	if (due_ns == timer->due_ns) {
		return;
	}
	timer->due_ns = due_ns;
	if (due_ns != INT64_MAX) {
		int64_t at_ns = due_ns + timer->loop->start_ns;

		/* A time of 0 would disarm it; what is past fires at once. */
		at_ns = at_ns > 0 ? at_ns : 1;
		spec.it_value.tv_sec = at_ns / 1000000000;
		spec.it_value.tv_nsec = at_ns % 1000000000;
	}
	(void)timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer) {
		event_free(timer->event);
		close(timer->fd);
		free(timer);
	}
}

static void signal_fired(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_signal *signal = ctx;

	(void)fd;
	(void)what;
	signal->callback(signal->ctx);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signal,
				    loop_callback *callback, void *ctx)
{
	struct loop_signal *watch = xcalloc(1, sizeof(*watch));

	watch->callback = callback;
	watch->ctx = ctx;
	watch->event = evsignal_new(loop->base, signal, signal_fired, watch);
	if (!watch->event || evsignal_add(watch->event, NULL) < 0) {
		abort();
	}
	return watch;
}

void loop_signal_free(struct loop_signal *signal)
{
	if (signal) {
		event_free(signal->event);
		free(signal);
	}
}

static void reader_fired(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_reader *reader = ctx;

	(void)fd;
	(void)what;
	reader->callback(reader->ctx);
}

struct loop_reader *loop_reader_new(struct loop *loop, int fd, loop_callback *callback,
				    void *ctx)
{
	struct loop_reader *reader = xcalloc(1, sizeof(*reader));

	reader->callback = callback;
	reader->ctx = ctx;
	reader->event =
		event_new(loop->base, fd, EV_READ | EV_PERSIST, reader_fired, reader);
	if (!reader->event || event_add(reader->event, NULL) < 0) {
		abort();
	}
	return reader;
}

void loop_reader_pause(struct loop_reader *reader, bool pause)
{
	if (pause) {
		(void)event_del(reader->event);
	} else {
		(void)event_add(reader->event, NULL);
	}
}

void loop_reader_free(struct loop_reader *reader)
{
	if (reader) {
		event_free(reader->event);
		free(reader);
	}
}
