/* Between the files of a run: the run itself, its proxies, and how its rules are read
 * anew. Nobody else includes this.
 */
#ifndef APP_RUN_PARTS_H
#define APP_RUN_PARTS_H

#include "app/findings.h"
#include "app/run.h"
#include "app/run_report.h"
#include "app/trial.h"
#include "io/declog.h"
#include "io/loop.h"
#include "io/trace.h"
#include "plane/dgram.h"
#include "plane/live.h"
#include "plane/stream.h"

/* A config whose rules may still be in use by lanes. */
struct old_config {
	struct old_config *next;
	struct config *config;
};

struct run {
	struct config *first;  /* has the proxies */
	struct config *config; /* has the current rules; may be `first` */
	struct old_config *old;
	struct run_options options;
	struct run_facts facts;
	struct loop *loop;
	struct engine *engine;
	struct declog *log;
	struct trace *trace;
	struct live live;
	const struct run_stand_in *stand_in; /* NULL: none, or freed */
	struct stream **streams; /* by proxy; NULL where it is a datagram one */
	struct dgram **dgrams;
	struct netaddr *bound;
	struct loop_signal *signals[4];
	struct loop_timer *tick; /* while stopping */
	struct loop_timer *capture_flush;
	struct findings findings;
	struct watches watches;
	struct trial *trial;
	bool stopping, capture_failed;
	int64_t stop_at_ns; /* drained or not */
};

/* The listeners, or what stands in for them. */
int run_proxies_open(struct run *run, struct err *err);
void run_proxies_stop(struct run *run);		 /* no new flows */
bool run_proxies_pending(const struct run *run); /* do bytes wait to leave? */
void run_proxies_free(struct run *run); /* ends all flows; a second time is fine */

/* SIGHUP: the rule files again, if they are right. */
void run_reload(void *ctx);

#endif
