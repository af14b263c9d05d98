#include "app/cli.h"
#include "app/run_parts.h"
#include "io/clock.h"
#include "io/file.h"
#include "plane/capture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>

#define TICK_NS (INT64_C(10) * 1000000)
#define CAPTURE_FLUSH_NS (INT64_C(1000) * 1000000)

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

static void on_tick(void *ctx)
{
	struct run *run = ctx;
	int64_t now_ns = loop_now_ns(run->loop);

	if (now_ns >= run->stop_at_ns || !run_proxies_pending(run)) {
		loop_stop(run->loop);
		return;
	}
	loop_timer_set(run->tick, now_ns + TICK_NS);
}

/* No new flows; what was decided already may still leave until the drain time is over. */
static void on_trial_over(void *ctx)
{
	struct run *run = ctx;
	int64_t now_ns = loop_now_ns(run->loop);

	run->stopping = true;
	run->stop_at_ns = now_ns + run->first->drain_ns;
	run_proxies_stop(run);
	/* Not at once: what has already arrived, ends above all, is to be seen first. */
	loop_timer_set(run->tick, now_ns + TICK_NS);
}

void run_stop(struct run *run)
{
	trial_end(run->trial);
}

static void on_terminate(void *ctx)
{
	struct run *run = ctx;

	if (run->stopping) {
		loop_stop(run->loop); /* asked twice: at once */
	} else {
		trial_terminate(run->trial);
	}
}

static void on_child(void *ctx)
{
	struct run *run = ctx;

	trial_step(run->trial);
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
	run->signals[2] = loop_signal_new(run->loop, SIGHUP, run_reload, run);
	run->signals[3] = loop_signal_new(run->loop, SIGCHLD, on_child, run);
}

static void unwatch_signals(struct run *run)
{
	for (size_t i = 0; i < sizeof(run->signals) / sizeof(run->signals[0]); i++) {
		loop_signal_free(run->signals[i]);
		run->signals[i] = NULL;
	}
}

static void forgive(int signal)
{
	(void)signal;
}

/* The log is whole, and a report may be slow: SIGTERM kills again. But not the first: the
 * run had just ended when it was asked to, and its exit status is to say how it went. */
static void heed_signals_again(struct run *run)
{
	struct sigaction once = {.sa_handler = forgive,
				 .sa_flags = (int)SA_RESETHAND | SA_RESTART};

	unwatch_signals(run);
	sigaction(SIGINT, &once, NULL);
	sigaction(SIGTERM, &once, NULL);
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

/* Every proxy listens: the log begins. */
static int begin_log(struct run *run, struct err *err)
{
	struct text text = {0};

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
	text_done(&text);
	return 0;
}

static void set_environment(const struct text *lines)
{
	char *copy = xstrdup(text_cstr(lines)), *rest;

	for (char *line = strtok_r(copy, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *equals = strchr(line, '=');

		*equals = '\0';
		setenv(line, equals + 1, 1);
	}
	free(copy);
}

/* Everything is there: say so to whoever waits. */
static int on_trial_ready(void *ctx, struct err *err)
{
	struct run *run = ctx;
	struct run_facts facts = run->facts;
	struct text text = {0};
	int code = 0;

	facts.config = run->first; /* the rules may have been read anew by now */
	if (run->options.ready_path) {
		report_ready_lines(&facts, &text);
		code = file_write(run->options.ready_path, span_of(text.data, text.len),
				  err);
	}
	text_done(&text);
	return code;
}

static void begin_trial(struct run *run)
{
	struct text text = {0};

	report_ready_lines(&run->facts, &text);
	text_format(&text, "TURNCOAT_RUN_SEED=%llu\n",
		    (unsigned long long)run->facts.seed);
	if (trial_dir(run->trial)) {
		text_format(&text, "TURNCOAT_RUN_DIR=%s\n", trial_dir(run->trial));
	}
	set_environment(&text);
	text_done(&text);
	trial_start(run->trial);
}

static int make_trial(struct run *run, struct err *err)
{
	struct trial_options options = {
		.command = run->options.command,
		.timeout_ns = run->options.timeout_ns,
		.dir = run->options.dir,
		.wants_dir = run->options.own_ports,
		.bare = run->options.stand_in != NULL,
		.quiet = run->options.quiet,
		.on_ready = on_trial_ready,
		.on_over = on_trial_over,
		.ctx = run,
	};

	if (trial_new(run->loop, run->first, &run->findings, &options, &run->trial, err) <
	    0) {
		return ERR_SYSTEM;
	}
	run->facts.trial = options.bare ? NULL : run->trial;
	return 0;
}

static void run_free(struct run *run)
{
	struct err err;

	run_proxies_free(run);
	trial_free(run->trial);
	if (run->loop) {
		live_done(&run->live);
		unwatch_signals(run);
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
	watches_done(&run->watches);
	findings_done(&run->findings);
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
		.watch = run->first->num_watches ? watches_unit : NULL,
		.watch_ctx = &run->watches,
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
	watches_init(&run->watches, run->first->watches, run->first->num_watches,
		     &run->findings);
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
	if (make_trial(run, err) < 0 || run_proxies_open(run, err) < 0) {
		return ERR_SYSTEM;
	}
	run->facts.bound = run->bound;
	watch_signals(run);
	if (begin_log(run, err) < 0) {
		return ERR_SYSTEM;
	}
	begin_trial(run);
	return 0;
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

static void take_rules(const struct run *run, struct run_result *out)
{
	const struct ruleset *rules = last_config(run)->rules;

	out->num_rules = rules->num_rules;
	out->rules = arena_take_array(&out->arena, rules->num_rules, sizeof(*out->rules));
	for (size_t i = 0; i < rules->num_rules; i++) {
		const struct rule *rule = &rules->rules[i];

		out->rules[i] = (struct rule_result){
			.name = arena_copy_text(&out->arena, rule->name),
			.file = arena_copy_text(&out->arena, rule->file),
			.line = rule->line,
			.chance = rule->chance,
			.stats = engine_rule_stats(run->engine, rule->name),
		};
	}
}

/* What is asked for when the run is gone. */
static void take_result(struct run *run, struct run_result *out)
{
	const struct config *config = run->first;
	struct text vacuous = {0};

	out->files =
		arena_take_array(&out->arena, config->num_files, sizeof(*out->files));
	out->num_files = config->num_files;
	for (size_t i = 0; i < config->num_files; i++) {
		out->files[i] = arena_copy_text(&out->arena, config->files[i].path);
	}
	if (run->options.command) {
		run_result_command(out, run->options.command);
	}
	if (run->facts.log_path) {
		out->log_path = arena_copy_text(&out->arena, run->facts.log_path);
	}
	take_rules(run, out);
	report_vacuous(run->config, run->engine, &vacuous);
	out->vacuous = arena_copy_text(&out->arena, text_cstr(&vacuous));
	text_done(&vacuous);
	out->counts = engine_counts(run->engine);
	out->totals = engine_totals(run->engine);
	out->order = engine_order_stats(run->engine);
	out->seed = run->facts.seed;
	out->duration_ns = loop_now_ns(run->loop);
	out->log_failed = run->live.log_failed && run->live.stop_on_log_error;
	out->has_command = trial_has_command(run->trial);
	out->command_code = trial_command_code(run->trial);
	out->findings = run->findings;
	run->findings = (struct findings){0};
}

static int finish_capture(struct run *run, struct err *err)
{
	int code = 0;

	if (run->trace) {
		capture_free(run->live.capture);
		run->live.capture = NULL;
		code = trace_close(run->trace, err);
		run->trace = NULL;
	}
	return code;
}

/* A rule that never fired is told only where nothing is worse; in a replay, or where one
 * side is played, it is not this run's doing. */
static void tell_verdict(struct run *run, struct run_result *result)
{
	bool judged = !run->options.replay && !run->options.stand_in &&
		      !run->options.allow_vacuous;
	enum finding_kind verdict = findings_gravest(&result->findings);

	if (verdict == NUM_FINDING && judged && *result->vacuous && !result->log_failed) {
		fprintf(stderr,
			"turncoat: vacuous (exit %d; --allow-vacuous): rules %s\n",
			EXIT_VACUOUS, result->vacuous);
		findings_add(&result->findings, FINDING_VACUOUS, "rules", result->vacuous,
			     result->duration_ns);
		verdict = FINDING_VACUOUS;
	}
	if (trial_keep_dir(run->trial, verdict == NUM_FINDING) && !run->options.quiet) {
		fprintf(stderr, "turncoat: outputs are in %s\n", trial_dir(run->trial));
	}
	if (result->has_command && !run->options.quiet && !run->options.replay) {
		fprintf(stderr, "turncoat: verdict: %s\n", finding_kind_name(verdict));
	}
}

int run_finish(struct run *run, struct run_result *out, struct err *err)
{
	struct text text = {0};
	int code = 0;

	trial_finish(run->trial);
	run_proxies_free(run);
	report_summary_line(last_config(run), run->engine, loop_now_ns(run->loop), &text);
	if (!run->live.log_failed) {
		declog_write(run->log, span_of(text.data, text.len), false);
		code = declog_close(run->log, err);
		run->log = NULL;
	}
	text_clear(&text);
	code = code < 0 ? code : finish_capture(run, err);
	watches_end(&run->watches, loop_now_ns(run->loop));
	take_result(run, out);
	heed_signals_again(run);
	report_finished(&run->facts, run->engine, &text);
	print(run, &text);
	tell_verdict(run, out);
	report_again(&run->facts, &text);
	print(run, &text);
	text_done(&text);
	run_free(run);
	return code;
}
