#include "plane/live.h"

#include "base/json.h"

static void log_trouble(struct live *live)
{
	if (live->log_failed) {
		return;
	}
	live->log_failed = true;
	if (live->stop_on_log_error) {
		live->on_fatal(live->fatal_ctx);
		return;
	}
	engine_stop_faults(live->engine);
	for (struct live_plane *plane = live->planes; plane; plane = plane->next) {
		plane->cut_uncommitted(plane);
	}
	live->on_fatal(live->fatal_ctx);
}

bool live_commit(struct live *live)
{
	if (!live->log_failed) {
		if (declog_commit(live->log, &live->log_error) < 0) {
			log_trouble(live);
		} else {
			engine_committed(live->engine);
		}
	}
	return !live->log_failed || !live->stop_on_log_error;
}

static void flush_planes(struct live *live)
{
	if (!live_commit(live)) {
		return;
	}
	for (struct live_plane *plane = live->planes; plane; plane = plane->next) {
		plane->flush(plane);
	}
}

static void on_due(void *ctx)
{
	struct live *live = ctx;

	engine_advance(live->engine, live_now_ns(live));
	flush_planes(live);
	live_settle(live);
}

static void on_flush(void *ctx)
{
	struct live *live = ctx;

	if (!live->log_failed && declog_tick(live->log, &live->log_error) < 0) {
		log_trouble(live);
	}
	live->flush_due = false;
}

void live_init(struct live *live, struct loop *loop, struct engine *engine,
	       struct declog *log)
{
	*live = (struct live){.loop = loop, .engine = engine, .log = log};
	live->due = loop_timer_new(loop, on_due, live);
	live->flush = loop_timer_new(loop, on_flush, live);
}

void live_done(struct live *live)
{
	loop_timer_free(live->due);
	loop_timer_free(live->flush);
}

void live_add(struct live *live, struct live_plane *plane)
{
	plane->next = live->planes;
	live->planes = plane;
}

void live_remove(struct live *live, struct live_plane *plane)
{
	struct live_plane **at = &live->planes;

	while (*at && *at != plane) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = plane->next;
	}
}

void live_note(struct live *live, const char *proxy, const char *note, const char *text)
{
	struct text line = {0};

	text_str(&line, "{\"note\":");
	json_str(&line, span_str(note));
	text_str(&line, ",\"proxy\":");
	json_str(&line, span_str(proxy));
	text_str(&line, ",\"text\":");
	json_str(&line, span_str(text));
	text_str(&line, ",\"type\":\"note\",\"wall\":{\"at\":");
	text_i64(&line, live_now_ns(live));
	text_str(&line, "}}\n");
	declog_write(live->log, span_of(line.data, line.len), false);
	text_done(&line);
}

int64_t live_now_ns(const struct live *live)
{
	return loop_now_ns(live->loop);
}

void live_settle(struct live *live)
{
	loop_timer_set(live->due, engine_next_due(live->engine));
	if (!live->flush_due && declog_waits(live->log)) {
		live->flush_due = true;
		loop_timer_set(live->flush, live_now_ns(live) + DECLOG_FLUSH_NS);
	}
}
