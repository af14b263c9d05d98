#include "app/replay_trace.h"

#include "app/cli.h"
#include "app/log_common.h"
#include "app/progress.h"
#include "app/run_report.h"
#include "core/record.h"
#include "io/declog.h"
#include "io/trace.h"
#include "plane/offline.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	/* Lines reach the file this often; no fault can outrun them, for none is real. */
	TICK_BYTES = 1 << 20,
	TICK_PACKETS = 4096,
};

struct rerun {
	const struct replay_trace_options *options;
	struct run_facts facts;
	struct config *config;
	struct declog *log;
	size_t unwritten_bytes; /* of log lines, at least */
	struct engine *engine;
	struct traceread *trace;
	struct trace *out;
	struct offline *offline;
	struct progress progress;
};

/* --- rules and seed --- */

static int parse_header(struct rerun *rerun, const struct text *header, bool *out_seed,
			struct err *err)
{
	const char *path = rerun->options->trace_path;
	json_t *json = json_loadb(header->data, header->len, 0, NULL);
	int64_t seed = json_i64(json, "seed", -1);
	int code = 0;

	if (!json_is_object(json) || json_i64(json, "abi", -1) != TURNCOAT_ABI ||
	    seed < 0) {
		json_decref(json);
		return err_set(err, ERR_INPUT,
			       "%s: the run's header in it is not of this version", path);
	}
	*out_seed = true;
	rerun->facts.seed = (uint64_t)seed;
	if (rerun->options->num_rules == 0) {
		rerun->config = log_config(json_object_get(json, "files"), err);
		rerun->facts.own_rules = true;
		code = rerun->config ? 0 : err_context(err, "%s", path);
	}
	json_decref(json);
	return code;
}

/* What a capture of ours says of its run; the seed stands until another is given. */
static int load_own(struct rerun *rerun, bool *out_seed, struct err *err)
{
	const char *path = rerun->options->trace_path;
	struct text header = {0};
	int code = 0;

	/* Standard input can't be read twice. */
	if (strcmp(path, "-") != 0) {
		code = dialogs_run_header(path, &header, err);
	}
	if (code == 0 && header.len) {
		code = parse_header(rerun, &header, out_seed, err);
	}
	text_done(&header);
	return code;
}

static int load_rules(struct rerun *rerun, struct err *err)
{
	const struct replay_trace_options *options = rerun->options;
	bool seed_known = false;

	if (load_own(rerun, &seed_known, err) < 0) {
		return ERR_INPUT;
	}
	if (options->num_rules > 0 &&
	    config_load(options->rules, options->num_rules, &rerun->config, err) < 0) {
		return ERR_INPUT;
	}
	if (!rerun->config) {
		return err_set(err, ERR_INPUT,
			       "%s brings no rules along, as captures of `turncoat run` "
			       "do: give --rules FILE.ini",
			       options->trace_path);
	}
	if (options->seed_given) {
		rerun->facts.seed = options->seed;
	} else if (!seed_known && rerun->config->seed_given) {
		rerun->facts.seed = rerun->config->seed;
	} else if (!seed_known) {
		return err_set(err, ERR_INPUT,
			       "give --seed N: neither %s nor its rules have one, and a "
			       "replay draws none",
			       options->trace_path);
	}
	config_bind_seed(rerun->config, rerun->facts.seed);
	rerun->facts.config = rerun->config;
	return 0;
}

/* --- set-up --- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int check_outputs(const struct replay_trace_options *options, struct err *err)
{
	const char *const outputs[] = {options->out_path, options->log_path};

	for (int i = 0; i < 2; i++) {
		if (outputs[i] && strcmp(outputs[i], "-") != 0 &&
		    same_file(options->trace_path, outputs[i])) {
			return err_set(err, ERR_INPUT,
				       "%s is what is read: it can't be written as well",
				       outputs[i]);
		}
	}
	return 0;
}

static void sink_write(void *ctx, struct span lines, bool fault)
{
	struct rerun *rerun = ctx;

	(void)fault;
	declog_write(rerun->log, lines, false);
	rerun->unwritten_bytes += lines.len;
}

static int open_trace(struct rerun *rerun, enum link_type *out_link, struct err *err)
{
	const struct replay_trace_options *options = rerun->options;

	if (traceread_open(options->trace_path, &rerun->trace, err) < 0) {
		return ERR_INPUT;
	}
	if (!link_type_find(traceread_dlt(rerun->trace), out_link)) {
		return err_set(err, ERR_INPUT,
			       "%s: its link type, %s, is not read: Ethernet, Linux "
			       "cooked, loopback and raw IP are",
			       options->trace_path, traceread_link_name(rerun->trace));
	}
	return 0;
}

static int rerun_open(struct rerun *rerun, struct err *err)
{
	const struct replay_trace_options *options = rerun->options;
	struct engine_options engine_options = {.strict = options->strict};
	struct engine_sink sink = {sink_write, rerun};
	enum link_type link;

	if (open_trace(rerun, &link, err) < 0 || load_rules(rerun, err) < 0 ||
	    check_outputs(options, err) < 0) {
		return ERR_INPUT;
	}
	if (declog_open(options->log_path, &rerun->log, err) < 0) {
		return err_context(err, "log");
	}
	if (options->out_path) {
		rerun->out =
			trace_create(options->out_path, traceread_dlt(rerun->trace), err);
		if (!rerun->out) {
			return ERR_SYSTEM;
		}
	}
	rerun->engine = engine_new(rerun->config->rules, &sink, &engine_options);
	rerun->offline = offline_new(rerun->engine, link, rerun->config->proxies,
				     rerun->config->num_proxies, rerun->out);
	return 0;
}

static void rerun_free(struct rerun *rerun)
{
	struct err err;

	offline_free(rerun->offline);
	engine_free(rerun->engine);
	(void)trace_close(rerun->out, &err);
	if (rerun->log) {
		(void)declog_close(rerun->log, &err);
	}
	traceread_close(rerun->trace);
	config_free(rerun->config);
}

/* --- the replay --- */

/* A lost log line or packet makes the whole worthless, so the first one ends it. */
static int look_at_outputs(struct rerun *rerun, struct err *err)
{
	rerun->unwritten_bytes = 0;
	if (declog_tick(rerun->log, err) < 0) {
		return ERR_SYSTEM;
	}
	return offline_status(rerun->offline, err);
}

static void write_line(struct rerun *rerun, struct text *line)
{
	declog_write(rerun->log, span_of(line->data, line->len), false);
	text_clear(line);
}

/* The log's header has the time of the first packet, so that comes first. */
static void write_header(struct rerun *rerun, int64_t start_ns)
{
	struct text line = {0};

	rerun->facts.start_realtime_ns = start_ns;
	report_header_line(&rerun->facts, &line);
	write_line(rerun, &line);
	text_done(&line);
}

static int read_packets(struct rerun *rerun, struct err *err)
{
	struct trace_packet packet;
	uint64_t num = 0;
	int code;

	while ((code = traceread_next(rerun->trace, &packet, err)) > 0) {
		if (num == 0) {
			write_header(rerun, packet.at_ns);
		}
		offline_packet(rerun->offline, &packet);
		if (progress_packet(&rerun->progress)) {
			progress_show(&rerun->progress,
				      traceread_progress_ppm(rerun->trace));
		}
		if ((++num % TICK_PACKETS == 0 || rerun->unwritten_bytes >= TICK_BYTES) &&
		    look_at_outputs(rerun, err) < 0) {
			return ERR_SYSTEM;
		}
	}
	if (num == 0) {
		write_header(rerun, 0);
	}
	return code;
}

static int finish_outputs(struct rerun *rerun, struct err *err)
{
	struct text line = {0};
	int code = look_at_outputs(rerun, err);

	report_summary_line(rerun->config, rerun->engine, offline_now_ns(rerun->offline),
			    &line);
	write_line(rerun, &line);
	text_done(&line);
	if (code == 0) {
		code = declog_close(rerun->log, err);
		rerun->log = NULL;
	}
	if (code == 0) {
		code = trace_close(rerun->out, err);
		rerun->out = NULL;
	}
	return code;
}

/* --- for people --- */

static void put_count(struct text *out, uint64_t num, const char *what)
{
	if (num) {
		text_format(out, ", %llu %s", (unsigned long long)num, what);
	}
}

static void report_trace(const struct rerun *rerun, struct text *out)
{
	struct dialogs_stats stats = offline_stats(rerun->offline);

	text_format(out, "turncoat: trace: %llu packets, %llu dialogs",
		    (unsigned long long)stats.packets, (unsigned long long)stats.dialogs);
	put_count(out, stats.other, "packets of no proxy");
	put_count(out, stats.midstream, "dialogs begun before it");
	put_count(out, stats.evicted, "dialogs too many at one time");
	put_count(out, stats.tcp.gaps, "gaps");
	put_count(out, stats.tcp.gap_bytes, "bytes missing in them");
	put_count(out, stats.tcp.retransmitted_bytes, "bytes retransmitted");
	put_count(out, stats.tcp.conflicting_bytes, "of them with other content");
	put_count(out, stats.damaged, "packets damaged");
	put_count(out, stats.cut, "packets cut");
	put_count(out, stats.fragments_lost, "packets with fragments missing");
	put_count(out, stats.backwards, "times that run backwards");
	text_byte(out, '\n');
}

/* No packet was of any proxy: what there was instead. */
static void report_strangers(const struct rerun *rerun, struct text *out)
{
	struct dialogs_stranger strangers[DIALOGS_STRANGERS_MAX];
	size_t num = offline_strangers(rerun->offline, strangers);
	struct dialogs_stats stats = offline_stats(rerun->offline);
	char host[IPADDR_TEXT_MAX];

	if (stats.dialogs > 0 || stats.packets == 0) {
		return;
	}
	text_str(out, "turncoat: no packet is of any proxy");
	for (size_t i = 0; i < num; i++) {
		bool udp = strangers[i].transport == TRANSPORT_UDP;

		ipaddr_format(&strangers[i].addr, host);
		text_str(out, i ? ", " : "; its servers, for `upstream`: ");
		text_format(out, strchr(host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
			    udp ? "udp" : "tcp", host, strangers[i].port);
	}
	text_byte(out, '\n');
}

static void report(struct rerun *rerun)
{
	const struct replay_trace_options *options = rerun->options;
	const char *broken = traceread_broken(rerun->trace);
	struct text text = {0};

	if (broken) {
		text_format(&text,
			    "turncoat: warning: %s breaks off: %s; what stands before "
			    "was replayed\n",
			    options->trace_path, broken);
	}
	report_trace(rerun, &text);
	report_strangers(rerun, &text);
	report_finished(&rerun->facts, rerun->engine, &text);
	report_again(&rerun->facts, &text);
	if (!options->quiet) {
		fputs(text_cstr(&text), stderr);
	}
	text_done(&text);
}

static int verdict(const struct rerun *rerun)
{
	struct text vacuous = {0};
	int code = EXIT_PASSED;

	report_vacuous(rerun->config, rerun->engine, &vacuous);
	if (vacuous.len && !rerun->options->allow_vacuous) {
		cli_complain("replay", "vacuous (exit %d; --allow-vacuous): rules %s",
			     EXIT_VACUOUS, text_cstr(&vacuous));
		code = EXIT_VACUOUS;
	}
	text_done(&vacuous);
	return code;
}

int replay_trace(const struct replay_trace_options *options)
{
	struct rerun rerun = {.options = options};
	struct err err = {0};
	int code;

	rerun.facts.trace_path = options->trace_path;
	rerun.facts.log_path = options->log_path;
	progress_init(&rerun.progress, options->trace_path, options->quiet);
	code = rerun_open(&rerun, &err);
	if (code == 0) {
		code = read_packets(&rerun, &err);
		progress_done(&rerun.progress);
		offline_finish(rerun.offline);
	}
	if (code == 0) {
		code = finish_outputs(&rerun, &err);
	}
	if (code == 0) {
		report(&rerun);
		code = verdict(&rerun);
	} else {
		code = cli_complain("replay", "%s", err.text);
	}
	rerun_free(&rerun);
	return code;
}
