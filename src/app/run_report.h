/* What a run says of itself: the log's header, reload and summary lines, the ready file,
 * and the lines on stderr. Formatting only; app/run.c decides when.
 */
#ifndef APP_RUN_REPORT_H
#define APP_RUN_REPORT_H

#include "app/config.h"
#include "app/run.h"
#include "app/trial.h"
#include "io/netaddr.h"

struct run_facts {
	const struct config *config;
	/* A run on the wire has both; NULL in a trace's replay. */
	const struct run_options *options;
	const struct netaddr *bound; /* by proxy */
	const struct trial *trial;   /* whose services have ports; NULL: none */
	const char *trace_path;	     /* what is replayed; NULL: nothing is */
	bool own_rules;		     /* the trace brought the rules along */
	uint64_t seed;
	int64_t start_realtime_ns;
	const char *log_path;
};

void report_header_line(const struct run_facts *facts, struct text *out);
void report_reload_line(const struct config *config, int64_t at_ns, struct text *out);
void report_refused_line(const char *why, int64_t at_ns, struct text *out);
void report_summary_line(const struct config *config, const struct engine *engine,
			 int64_t at_ns, struct text *out);

/* TURNCOAT_<PROXY> and TURNCOAT_<PROXY>_PORT: name and value of each, as "NAME=value"
 * lines. */
void report_ready_lines(const struct run_facts *facts, struct text *out);

/* For people. */
void report_started(const struct run_facts *facts, struct text *out);
void report_finished(const struct run_facts *facts, const struct engine *engine,
		     struct text *out);
/* The line that says how to repeat it; nothing for the replay of a log. */
void report_again(const struct run_facts *facts, struct text *out);
/* "never matched: a, b; never fired: c" or nothing. */
void report_vacuous(const struct config *config, const struct engine *engine,
		    struct text *out);

#endif
