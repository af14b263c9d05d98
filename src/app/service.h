/* A [service] section and what becomes of it in a run: a command that is started, waited
 * for until it is ready, watched, and stopped.
 *
 *	IDLE -> STARTING -> READY -> STOPPING -> GONE
 *	           |          |
 *	           +----------+--> FAILED (why is in the text)
 *
 * The caller asks service_look() at SIGCHLD and, while one is STARTING or STOPPING, every
 * few milliseconds. Failed ones are stopped as well, for what they have left behind.
 */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include "app/output.h"
#include "base/arena.h"
#include "core/match.h"
#include "io/probe.h"
#include "io/process.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SERVICE_PORTS_MAX = 16,
	SERVICE_PATH_MAX = 512, /* of ready = http */
};

enum ready_kind {
	READY_NONE, /* as soon as it is started */
	READY_TCP,  /* its first port takes a connection */
	READY_LINE, /* it has printed a line */
	READY_HTTP, /* its first port answers a request with 200 to 399 */
};

/* The section. Plain data in the config's arena, but the regex. */
struct service_spec {
	const char *name, *file;
	unsigned line;
	const char *command; /* for sh -c */
	unsigned num_ports;
	enum ready_kind ready;
	const char *ready_text;	  /* as written */
	const char *ready_path;	  /* READY_HTTP */
	struct regex *ready_line; /* READY_LINE */
	int64_t ready_wait_ns;
	int stop_signal;
	int64_t stop_wait_ns;
	bool may_exit;
};

enum service_state {
	SERVICE_IDLE,
	SERVICE_STARTING,
	SERVICE_READY,
	SERVICE_FAILED,
	SERVICE_STOPPING,
	SERVICE_GONE,
};

struct service {
	const struct service_spec *spec;
	uint16_t ports[SERVICE_PORTS_MAX];
	enum service_state state;
	struct process process;
	struct output *output; /* NULL before the start */
	struct probe probe;
	bool line_seen;
	bool was_ready;
	int64_t due_ns; /* STARTING: no longer than that; STOPPING: KILL then */
	struct text why;
	void (*on_line)(void *ctx, const char *source, struct span line);
	void *ctx;
};

/* dir: where its log goes, and its $DIR. */
int service_start(struct service *service, struct loop *loop, const char *dir,
		  struct err *err);
/* Has it become ready, died, ended? */
void service_look(struct service *service, int64_t now_ns);
void service_stop(struct service *service, int64_t now_ns);
/* At once. */
void service_kill(struct service *service);
void service_done(struct service *service);

#endif
