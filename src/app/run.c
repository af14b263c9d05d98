#include "app/run.h"

#include "app/child.h"
#include "app/run_report.h"
#include "io/clock.h"
#include "io/declog.h"
#include "io/file.h"
#include "io/loop.h"
#include "io/trace.h"
#include "plane/capture.h"
#include "plane/dgram.h"
#include "plane/live.h"
#include "plane/stream.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>

#define TICK_NS (INT64_C(10) * 1000000)
#define CAPTURE_FLUSH_NS (INT64_C(1000) * 1000000)
#define KILL_AFTER_NS (INT64_C(5000) * 1000000)

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
	struct child child;
	bool has_child, stopping, capture_failed;
	int64_t stop_at_ns; /* drained or not */
	int64_t kill_at_ns; /* a command that ignores the signal */
};

/* --- set-up --- */

/* Every connection takes two descriptors; the soft limit is often 1,024. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int draw_seed(uint64_t *out, struct err *err)
{
	uint32_t seed;

	/* 32 bits: short enough to be typed from a CI log. */
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		return err_set_errno(err, "can't draw a seed");
	}
	*out = seed;
	return 0;
}

static int open_proxies(struct run *run, struct err *err)
{
	struct config *config = run->first;

	run->streams = xcalloc(config->num_proxies, sizeof(struct stream *));
	run->dgrams = xcalloc(config->num_proxies, sizeof(struct dgram *));
	run->bound = xcalloc(config->num_proxies, sizeof(*run->bound));
	if (run->stand_in) {
		return run->stand_in->open(run->stand_in->ctx, run, &run->live,
					   run->bound, err);
	}
	for (size_t i = 0; i < config->num_proxies; i++) {
		const struct proxy *proxy = &config->proxies[i];
		struct netaddr listen, upstream;
		int code;

		if (netaddr_resolve(&proxy->listen, &listen, err) < 0 ||
		    netaddr_resolve(&proxy->upstream, &upstream, err) < 0) {
			return err_context(err, "%s:%u: [proxy %s]", proxy->file,
					   proxy->line, proxy->name);
		}
		code = proxy->listen.transport == TRANSPORT_UDP
			       ? dgram_open(&run->live, proxy, &listen, &upstream,
					    &run->dgrams[i], &run->bound[i], err)
			       : stream_open(&run->live, proxy, &listen, &upstream,
					     &run->streams[i], &run->bound[i], err);
		if (code < 0) {
			return err_context(err, "%s:%u: [proxy %s]", proxy->file,
					   proxy->line, proxy->name);
		}
	}
	return 0;
}

static int open_capture(struct run *run, struct err *err)
{
	struct capture_options options = {
		.start_ns = run->facts.start_realtime_ns,
		.first_seq = (uint32_t)run->facts.seed,
	};

	if (!run->options.capture_path) {
		return 0;
	}
	run->trace = trace_create(run->options.capture_path, TRACE_ETHERNET, err);
	if (!run->trace) {
		return ERR_SYSTEM;
	}
	run->live.capture = capture_new(run->trace, &options);
	return 0;
}

static void sink_write(void *ctx, struct span lines, bool fault)
{
	declog_write(ctx, lines, fault);
}

static void print(const struct run *run, struct text *text)
{
	if (!run->options.quiet) {
		fputs(text_cstr(text), stderr);
	}
	text_clear(text);
}

/* --- stopping --- */

static bool pending(const struct run *run)
{
	for (size_t i = 0; i < run->first->num_proxies; i++) {
		if ((run->streams[i] && stream_pending(run->streams[i])) ||
		    (run->dgrams[i] && dgram_pending(run->dgrams[i]))) {
			return true;
		}
	}
	return run->stand_in && run->stand_in->pending(run->stand_in->ctx);
}

static void on_tick(void *ctx)
{
	struct run *run = ctx;
	int64_t now_ns = loop_now_ns(run->loop);

	if (run->has_child && run->child.pid) {
		if (now_ns >= run->kill_at_ns) {
			child_signal(&run->child, SIGKILL);
		}
	} else if (now_ns >= run->stop_at_ns || !pending(run)) {
		loop_stop(run->loop);
		return;
	}
	loop_timer_set(run->tick, now_ns + TICK_NS);
}

/* No new flows; what was decided already may still leave until the drain time is over. */
static void begin_stop(struct run *run)
{
	int64_t now_ns = loop_now_ns(run->loop);

	run->stopping = true;
	run->stop_at_ns = now_ns + run->first->drain_ns;
	run->kill_at_ns = now_ns + KILL_AFTER_NS;
	for (size_t i = 0; i < run->first->num_proxies; i++) {
		if (run->streams[i]) {
			stream_stop_accepting(run->streams[i]);
		}
		if (run->dgrams[i]) {
			dgram_stop_accepting(run->dgrams[i]);
		}
	}
	if (run->stand_in) {
		run->stand_in->stop(run->stand_in->ctx);
	}
	/* Not at once: what has already arrived, ends above all, is to be seen first. */
	loop_timer_set(run->tick, now_ns + TICK_NS);
}

void run_stop(struct run *run)
{
	if (!run->stopping && !(run->has_child && run->child.pid)) {
		begin_stop(run);
	}
}

static void on_terminate(void *ctx)
{
	struct run *run = ctx;

	if (run->has_child && run->child.pid) {
		/* The command ends first; its exit status is ours. */
		child_signal(&run->child, SIGTERM);
		if (!run->stopping) {
			run->stopping = true;
			run->stop_at_ns = INT64_MAX;
			run->kill_at_ns = loop_now_ns(run->loop) + KILL_AFTER_NS;
			loop_timer_set(run->tick, run->kill_at_ns);
		}
		return;
	}
	if (run->stopping) {
		loop_stop(run->loop); /* asked twice: at once */
	} else {
		begin_stop(run);
	}
}

static void on_child(void *ctx)
{
	struct run *run = ctx;

	if (run->has_child && child_reap(&run->child)) {
		begin_stop(run);
	}
}

static void on_log_failed(void *ctx)
{
	struct run *run = ctx;

	if (run->live.stop_on_log_error) {
		fprintf(stderr,
			"turncoat: %s\nturncoat: stopping: a fault that is not logged "
			"must not happen (on-log-error = stop)\n",
			run->live.log_error.text);
		loop_stop(run->loop);
	} else {
		fprintf(stderr,
			"turncoat: %s\nturncoat: no more faults from here on: bytes pass "
			"unjudged and unlogged (on-log-error = pass)\n",
			run->live.log_error.text);
	}
}

/* --- reloading --- */

static void free_unused_configs(struct run *run)
{
	struct old_config **at = &run->old;

	while (*at) {
		struct old_config *old = *at;

		/* One reference is the config's own. */
		if (old->config->rules->refs > 1 || old->config == run->first) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		config_free(old->config);
		free(old);
	}
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->transport == b->transport && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

static bool same_framer(const struct framer *a, const struct framer *b)
{
	if (a->row != b->row) {
		return false;
	}
	for (size_t i = 0; a->row->options[i].name; i++) {
		if (a->vals[i].present != b->vals[i].present ||
		    (a->vals[i].present &&
		     strcmp(a->vals[i].text, b->vals[i].text) != 0)) {
			return false;
		}
	}
	return true;
}

static bool same_proxies(const struct config *a, const struct config *b)
{
	if (a->num_proxies != b->num_proxies) {
		return false;
	}
	for (size_t i = 0; i < a->num_proxies; i++) {
		const struct proxy *p = &a->proxies[i], *q = &b->proxies[i];

		if (strcmp(p->name, q->name) != 0 ||
		    !same_endpoint(&p->listen, &q->listen) ||
		    !same_endpoint(&p->upstream, &q->upstream) ||
		    !same_framer(&p->framer, &q->framer)) {
			return false;
		}
	}
	return true;
}

static void use_config(struct run *run, struct config *config)
{
	struct old_config *old = xcalloc(1, sizeof(*old));
	size_t passing;

	config->rules->generation = run->config->rules->generation + 1;
	config_bind_seed(config, run->facts.seed);
	passing = engine_set_rules(run->engine, config->rules);
	old->config = run->config;
	old->next = run->old;
	run->old = old;
	run->config = config;
	run->facts.config = config;
	fprintf(stderr, "turncoat: reloaded, generation %llu: %zu rule%s\n",
		(unsigned long long)config->rules->generation, config->rules->num_rules,
		config->rules->num_rules == 1 ? "" : "s");
	if (passing) {
		fprintf(stderr,
			"turncoat: %zu sides of open lanes had no rule and pass until "
			"they "
			"reconnect (passthrough = never judges from the start)\n",
			passing);
	}
	if (!same_proxies(run->first, config)) {
		fprintf(stderr,
			"turncoat: proxies can't change while running: only the rules "
			"were taken\n");
	}
}

static void on_reload(void *ctx)
{
	struct run *run = ctx;
	struct text line = {0};
	struct config *config;
	struct err err = {0};
	int64_t now_ns = loop_now_ns(run->loop);

	if (run->options.replay) {
		fputs("turncoat: a replay takes its rules from its log: nothing was "
		      "reloaded\n",
		      stderr);
		return;
	}
	if (config_load(run->options.paths, run->options.num_paths, &config, &err) < 0) {
		fprintf(stderr, "turncoat: reload refused, the old rules stay: %s\n",
			err.text);
		report_refused_line(err.text, now_ns, &line);
	} else {
		use_config(run, config);
		report_reload_line(config, now_ns, &line);
		free_unused_configs(run);
	}
	declog_write(run->log, span_of(line.data, line.len), false);
	live_settle(&run->live);
	text_done(&line);
}

static void on_capture_flush(void *ctx)
{
	struct run *run = ctx;
	struct err err = {0};

	if (!run->capture_failed && (trace_flush(run->trace, &err) < 0 ||
				     capture_status(run->live.capture, &err) < 0)) {
		run->capture_failed = true;
		fprintf(stderr, "turncoat: the capture ends here: %s\n", err.text);
	}
	loop_timer_set(run->capture_flush, loop_now_ns(run->loop) + CAPTURE_FLUSH_NS);
}

/* --- the run --- */

static void watch_signals(struct run *run)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* writing past the file size limit is EFBIG instead */
	/* What stands again when the loop lets go of them: one more signal must not kill
	 * a run that is writing the end of its log. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	run->signals[0] = loop_signal_new(run->loop, SIGINT, on_terminate, run);
	run->signals[1] = loop_signal_new(run->loop, SIGTERM, on_terminate, run);
	run->signals[2] = loop_signal_new(run->loop, SIGHUP, on_reload, run);
	run->signals[3] = loop_signal_new(run->loop, SIGCHLD, on_child, run);
}

/* A replay's log has them where `log canon` puts them, wherever they were. */
static void put_reloads(struct run *run, struct text *text)
{
	const struct replay_log *replay = run->options.replay;

	for (size_t i = 0; replay && i < replay->num_reloads; i++) {
		if (replay->reloads[i].config) {
			report_reload_line(replay->reloads[i].config, 0, text);
		} else {
			report_refused_line(replay->reloads[i].why, 0, text);
		}
		declog_write(run->log, span_of(text->data, text->len), false);
		text_clear(text);
	}
}

/* Everything listens: say so to whoever waits. */
static int announce(struct run *run, struct err *err)
{
	struct text text = {0};
	char *line, *rest;
	int code = 0;

	report_header_line(&run->facts, &text);
	declog_write(run->log, span_of(text.data, text.len), true);
	if (run->live.capture) {
		capture_header(run->live.capture, span_of(text.data, text.len), 0);
	}
	text_clear(&text);
	put_reloads(run, &text);
	if (declog_commit(run->log, err) < 0) {
		text_done(&text);
		return ERR_SYSTEM;
	}
	report_started(&run->facts, &text);
	if (run->stand_in) {
		run->stand_in->started(run->stand_in->ctx, &text);
	}
	print(run, &text);
	report_ready_lines(&run->facts, &text);
	if (run->options.ready_path) {
		code = file_write(run->options.ready_path, span_of(text.data, text.len),
				  err);
	}
	if (code == 0 && run->options.command) {
		for (line = strtok_r(text.data, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			char *equals = strchr(line, '=');

			*equals = '\0';
			setenv(line, equals + 1, 1);
		}
		run->has_child = true;
		code = child_start(&run->child, run->options.command, err);
	}
	text_done(&text);
	return code;
}

static void free_planes(struct run *run)
{
	for (size_t i = 0; run->streams && i < run->first->num_proxies; i++) {
		stream_free(run->streams[i], "shutdown");
		dgram_free(run->dgrams[i], "shutdown");
		run->streams[i] = NULL;
		run->dgrams[i] = NULL;
	}
	if (run->stand_in && run->streams) {
		run->stand_in->free(run->stand_in->ctx, "shutdown");
		run->stand_in = NULL;
	}
}

static void run_free(struct run *run)
{
	struct err err;

	free_planes(run);
	if (run->loop) {
		live_done(&run->live);
		for (size_t i = 0; i < sizeof(run->signals) / sizeof(run->signals[0]);
		     i++) {
			loop_signal_free(run->signals[i]);
		}
		loop_timer_free(run->tick);
		loop_timer_free(run->capture_flush);
	}
	engine_free(run->engine);
	capture_free(run->live.capture);
	(void)trace_close(run->trace, &err);
	if (run->log) {
		(void)declog_close(run->log, &err);
	}
	loop_free(run->loop);
	while (run->old) {
		struct old_config *next = run->old->next;

		if (run->old->config != run->first) {
			config_free(run->old->config);
		}
		free(run->old);
		run->old = next;
	}
	if (run->config != run->first) {
		config_free(run->config);
	}
	config_free(run->first);
	free(run->streams);
	free(run->dgrams);
	free(run->bound);
	free(run);
}

/* What SIGHUP did in the run that is replayed. */
static void add_generations(struct run *run)
{
	const struct replay_log *replay = run->options.replay;

	for (size_t i = 0; replay && i < replay->num_reloads; i++) {
		if (replay->reloads[i].config) {
			engine_add_generation(run->engine,
					      replay->reloads[i].config->rules);
		}
	}
}

static int run_open(struct run *run, struct err *err)
{
	struct engine_sink sink = {.write = sink_write};
	struct engine_options engine_options = {
		.strict = run->options.strict,
		.replay = run->options.replay ? run->options.replay->replay : NULL,
		.order = run->options.order,
		.order_wait_ns = run->options.order_wait_ns,
	};

	raise_descriptor_limit();
	if (loop_new(&run->loop, err) < 0) {
		return ERR_SYSTEM;
	}
	if (declog_open(run->facts.log_path, &run->log, err) < 0) {
		return err_context(err, "log");
	}
	sink.ctx = run->log;
	run->engine = engine_new(run->first->rules, &sink, &engine_options);
	add_generations(run);
	live_init(&run->live, run->loop, run->engine, run->log);
	run->live.stop_on_log_error = run->first->on_log_error == LOG_ERROR_STOP;
	run->live.on_fatal = on_log_failed;
	run->live.fatal_ctx = run;
	run->tick = loop_timer_new(run->loop, on_tick, run);
	run->facts.start_realtime_ns = clock_realtime_ns();
	if (open_capture(run, err) < 0) {
		return err_context(err, "capture");
	}
	if (run->trace) {
		run->capture_flush = loop_timer_new(run->loop, on_capture_flush, run);
		loop_timer_set(run->capture_flush, CAPTURE_FLUSH_NS);
	}
	if (open_proxies(run, err) < 0) {
		return ERR_SYSTEM;
	}
	run->facts.bound = run->bound;
	watch_signals(run);
	return announce(run, err);
}

int run_start(struct config *config, const struct run_options *options, struct run **out,
	      struct err *err)
{
	struct run *run = xcalloc(1, sizeof(*run));
	int code = 0;

	run->first = config;
	run->config = config;
	run->options = *options;
	run->stand_in = options->stand_in;
	run->facts.config = config;
	run->facts.options = &run->options;
	/* The log that a config names may be the one that is replayed. */
	run->facts.log_path = options->log_path || options->replay ? options->log_path
								   : config->log_path;
	if (options->seed_given) {
		run->facts.seed = options->seed;
	} else if (config->seed_given) {
		run->facts.seed = config->seed;
	} else {
		code = draw_seed(&run->facts.seed, err);
	}
	config_bind_seed(config, run->facts.seed);
	if (code == 0) {
		code = run_open(run, err);
	}
	if (code < 0) {
		run_free(run);
		return code;
	}
	*out = run;
	return 0;
}

void run_loop(struct run *run)
{
	loop_run(run->loop);
}

struct run_outcome run_outcome(const struct run *run)
{
	return (struct run_outcome){
		.log_failed = run->live.log_failed && run->live.stop_on_log_error,
		.has_command = run->has_child,
		.command_code = run->has_child ? child_exit_code(&run->child) : 0,
		.order = engine_order_stats(run->engine),
	};
}

/* Whose rules are in force at the end; of a replay, those of its log's end. */
static const struct config *last_config(const struct run *run)
{
	const struct replay_log *replay = run->options.replay;
	const struct config *last = run->config;

	for (size_t i = 0; replay && i < replay->num_reloads; i++) {
		if (replay->reloads[i].config) {
			last = replay->reloads[i].config;
		}
	}
	return last;
}

int run_finish(struct run *run, struct text *out_vacuous, struct err *err)
{
	struct text text = {0};
	int code = 0;

	if (run->child.pid) {
		child_signal(&run->child, SIGKILL);
	}
	free_planes(run);
	report_summary_line(last_config(run), run->engine, loop_now_ns(run->loop), &text);
	if (!run->live.log_failed) {
		declog_write(run->log, span_of(text.data, text.len), false);
		code = declog_close(run->log, err);
		run->log = NULL;
	}
	text_clear(&text);
	if (run->trace) {
		struct err trace_err = {0};

		capture_free(run->live.capture);
		run->live.capture = NULL;
		if (trace_close(run->trace, &trace_err) < 0 && code == 0) {
			*err = trace_err;
			code = ERR_SYSTEM;
		}
		run->trace = NULL;
	}
	report_finished(&run->facts, run->engine, &text);
	print(run, &text);
	report_vacuous(run->config, run->engine, out_vacuous);
	text_done(&text);
	run_free(run);
	return code;
}
