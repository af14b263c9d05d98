#include "app/replay_play.h"

#include "app/log_common.h"
#include "app/run.h"
#include "base/arena.h"
#include "base/quantity.h"

#include <stdlib.h>

enum {
	DIALOGS_AT_ONCE = 1000,
	DIFFERENCES_SHOWN = 10,
};

struct play {
	const struct replay_play_options *options;
	struct config *config; /* the run's, once that has begun */
	struct script *script;
	struct netaddr *addrs; /* by proxy */
	struct player_options player_options;
	struct run *run;
	struct player *player;
	/* Kept when the player ends. */
	struct player_stats stats;
	struct text described, failure;
};

/* --- what to play --- */

int replay_speed_parse(const char *text, uint64_t *out_milli, struct err *err)
{
	uint64_t milli = 0, unit = 1000;
	const char *at = text;
	bool digits = false;

	if (strcmp(text, "max") == 0) {
		*out_milli = 0;
		return 0;
	}
	for (; *at >= '0' && *at <= '9' && milli <= 1000000000; at++, digits = true) {
		milli = milli * 10 + (uint64_t)(*at - '0') * 1000;
	}
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9' && unit > 1; at++, digits = true) {
			unit /= 10;
			milli += (uint64_t)(*at - '0') * unit;
		}
	}
	at += *at == 'x';
	if (*at || !digits || milli == 0 || milli > 1000000000) {
		return err_set(err, ERR_INPUT,
			       "'%s' is no speed: 1, 0.5, 10x (at most 1000000, three "
			       "decimals) or max",
			       text);
	}
	*out_milli = milli;
	return 0;
}

/* The header of a capture of ours: its rule files and its seed. *out_config: NULL when
 * `wanted` is false or the trace is none. */
static int read_header(const char *path, bool wanted, struct config **out_config,
		       bool *out_seed_given, uint64_t *out_seed, struct err *err)
{
	struct text line = {0};
	json_error_t why;
	json_t *header;
	int code = dialogs_run_header(path, &line, err);

	*out_config = NULL;
	if (code < 0 || line.len == 0) {
		text_done(&line);
		return code;
	}
	header = json_loadb(line.data, line.len, 0, &why);
	text_done(&line);
	if (!header) {
		return err_set(err, ERR_INPUT, "%s: the header of its run is damaged: %s",
			       path, why.text);
	}
	if (json_is_integer(json_object_get(header, "seed"))) {
		*out_seed = (uint64_t)json_i64(header, "seed", 0);
		*out_seed_given = true;
	}
	if (wanted) {
		*out_config = log_config(json_object_get(header, "files"), err);
		code = *out_config ? 0 : err_context(err, "%s", path);
	}
	json_decref(header);
	return code;
}

static int load_config(struct play *play, struct run_options *run, struct err *err)
{
	const struct replay_play_options *options = play->options;
	bool from_stdin = strcmp(options->trace_path, "-") == 0; /* read only once */
	uint64_t seed = 0;
	bool seed_given = false;
	int code = 0;

	if (!from_stdin) {
		code = read_header(options->trace_path, options->num_paths == 0,
				   &play->config, &seed_given, &seed, err);
	}
	if (code == 0 && options->num_paths > 0) {
		code = config_load(options->paths, options->num_paths, &play->config,
				   err);
	}
	if (code == 0 && !play->config) {
		return err_set(err, ERR_INPUT,
			       "%s was not captured by turncoat: name a rule file whose "
			       "[proxy] sections say what is in it",
			       options->trace_path);
	}
	if (code == 0) {
		play->config->log_path = NULL; /* that of their runs: left alone */
	}
	run->seed_given = options->seed_given || seed_given;
	run->seed = options->seed_given ? options->seed : seed;
	return code;
}

static const char *scheme_of(const struct proxy *proxy)
{
	switch (proxy->listen.transport) {
	case TRANSPORT_UDP:
		return "udp://";
	case TRANSPORT_UNIX:
	case TRANSPORT_TCP:
	case NUM_TRANSPORT:
		break;
	}
	return "tcp://";
}

static int given_endpoint(const struct proxy *proxy, const char *address,
			  struct endpoint *out, struct err *err)
{
	struct text text = {0};
	int code;

	text_format(&text, "%s%s", address[0] == '/' ? "unix://" : scheme_of(proxy),
		    address);
	code = endpoint_parse(text_cstr(&text), out, err);
	text_done(&text);
	return code;
}

/* The peers of the proxies that the trace uses. */
static int find_addresses(struct play *play, struct err *err)
{
	const struct replay_play_options *options = play->options;
	const struct proxy *first = play->script->dialogs[0].proxy;

	play->addrs = xcalloc(play->config->num_proxies, sizeof(*play->addrs));
	for (size_t i = 0; i < play->script->num_dialogs; i++) {
		const struct proxy *proxy = play->script->dialogs[i].proxy;
		struct netaddr *addr = &play->addrs[proxy->index];
		struct endpoint endpoint = options->role == PLAY_CLIENT ? proxy->upstream
									: proxy->listen;
		int code = 0;

		if (options->address && proxy != first) {
			return err_set(err, ERR_INPUT,
				       "%s: one address for two proxies, %s and %s, that "
				       "the trace uses",
				       options->address, first->name, proxy->name);
		}
		if (addr->len) {
			continue;
		}
		if (proxy->service && options->role == PLAY_CLIENT && !options->address) {
			return err_set(err, ERR_INPUT,
				       "%s:%u: [proxy %s]: its upstream is a service, "
				       "which nobody starts here: name --to HOST:PORT",
				       proxy->file, proxy->line, proxy->name);
		}
		if (options->address) {
			code = given_endpoint(proxy, options->address, &endpoint, err);
		}
		if (code < 0 || netaddr_resolve(&endpoint, addr, err) < 0) {
			return err_context(err, "%s:%u: [proxy %s]", proxy->file,
					   proxy->line, proxy->name);
		}
	}
	return 0;
}

static int load(struct play *play, struct run_options *run, struct err *err)
{
	const struct replay_play_options *options = play->options;

	if (replay_speed_parse(options->speed ? options->speed : "1",
			       &play->player_options.speed_milli, err) < 0) {
		return ERR_INPUT;
	}
	if (load_config(play, run, err) < 0 ||
	    script_read(options->trace_path, play->config->proxies,
			play->config->num_proxies, &play->script, err) < 0) {
		return ERR_INPUT;
	}
	if (play->script->num_dialogs == 0) {
		struct dialogs_stats stats = play->script->stats;

		return err_set(
			err, ERR_INPUT,
			"%s: none of its %llu packets belongs to a proxy of the "
			"rule files (their listen and upstream addresses say which "
			"do)",
			options->trace_path, (unsigned long long)stats.packets);
	}
	return find_addresses(play, err);
}

/* --- in the run --- */

static void on_done(void *ctx)
{
	struct play *play = ctx;

	run_stop(play->run);
}

static int stand_in_open(void *ctx, struct run *run, struct live *live,
			 struct netaddr *out_bound, struct err *err)
{
	struct play *play = ctx;

	play->run = run;
	return player_open(live, play->script, &play->player_options, out_bound,
			   &play->player, err);
}

static void stand_in_started(void *ctx, struct text *out)
{
	const struct play *play = ctx;
	const struct script *script = play->script;
	bool client = play->options->role == PLAY_CLIENT;
	uint64_t gaps = 0, midstream = 0;

	for (size_t i = 0; i < script->num_dialogs; i++) {
		gaps += script->dialogs[i].gap_bytes > 0;
		midstream += script->dialogs[i].midstream;
	}
	text_format(out, "turncoat: plays the %s of %llu dialogs in %s\n",
		    client ? "clients" : "servers",
		    (unsigned long long)script->num_dialogs, play->options->trace_path);
	if (script->broken) {
		text_format(out, "turncoat: the trace breaks off: %s\n", script->broken);
	}
	if (gaps || midstream) {
		text_format(out,
			    "turncoat: the trace lacks bytes of %llu dialogs and the "
			    "beginning of %llu\n",
			    (unsigned long long)gaps, (unsigned long long)midstream);
	}
}

static void stand_in_stop(void *ctx)
{
	player_stop(((struct play *)ctx)->player);
}

static bool stand_in_pending(void *ctx)
{
	return player_pending(((struct play *)ctx)->player);
}

static void stand_in_free(void *ctx, const char *end)
{
	struct play *play = ctx;

	if (!play->player) {
		return;
	}
	player_end(play->player, end);
	play->stats = player_stats(play->player);
	player_describe(play->player, DIFFERENCES_SHOWN, &play->described);
	if (player_failure(play->player)) {
		text_str(&play->failure, player_failure(play->player));
	}
	player_free(play->player, end);
	play->player = NULL;
}

/* --- the verdict --- */

static bool has_diverged(const struct player_stats *stats)
{
	bool diverged = stats->played < stats->dialogs || stats->failed > 0;

	for (int i = PLAYER_LENGTH; i < NUM_PLAYER_DIFFERENCE; i++) {
		diverged |= stats->by_difference[i] > 0;
	}
	return diverged;
}

static void put_result(const struct play *play, struct text *out)
{
	const struct player_stats *stats = &play->stats;
	const uint64_t *by = stats->by_difference;

	text_format(out, "turncoat: %llu of %llu dialogs played, %llu failed",
		    (unsigned long long)stats->played, (unsigned long long)stats->dialogs,
		    (unsigned long long)stats->failed);
	if (play->failure.len) {
		text_format(out, " (%s)", text_cstr(&play->failure));
	}
	text_format(out,
		    "; %llu units recorded, %llu seen, %llu timeouts\n"
		    "turncoat: %llu equal, %llu of other content, %llu of another "
		    "length, %llu of another class, %llu missing, %llu extra\n",
		    (unsigned long long)stats->units_recorded,
		    (unsigned long long)stats->units_seen,
		    (unsigned long long)stats->timeouts,
		    (unsigned long long)by[PLAYER_EQUAL],
		    (unsigned long long)by[PLAYER_CONTENT],
		    (unsigned long long)by[PLAYER_LENGTH],
		    (unsigned long long)by[PLAYER_CLASS],
		    (unsigned long long)by[PLAYER_MISSING],
		    (unsigned long long)by[PLAYER_EXTRA]);
	text_str(out, text_cstr(&play->described));
	if (stats->played < stats->dialogs) {
		text_format(out,
			    "turncoat: %llu dialogs of the trace were not played (exit "
			    "%d)\n",
			    (unsigned long long)(stats->dialogs - stats->played),
			    EXIT_DIVERGED);
	} else if (has_diverged(stats)) {
		text_format(out,
			    "turncoat: the live peer's words differ from the trace's "
			    "(exit %d)\n",
			    EXIT_DIVERGED);
	}
}

static int exit_code(const struct play *play, const struct run_result *result)
{
	const struct player_stats *stats = &play->stats;

	if (result->log_failed || findings_have(&result->findings, FINDING_SETUP)) {
		return EXIT_USAGE;
	}
	if (stats->failed > 0 && stats->unreached == stats->failed &&
	    stats->played == 0) {
		return cli_complain("replay", "no connection at all: %s",
				    text_cstr(&play->failure));
	}
	return has_diverged(stats) ? EXIT_DIVERGED : run_result_exit_code(result);
}

static int verdict(struct play *play)
{
	struct run_result result = {0};
	struct text text = {0};
	struct err err = {0};
	int code;

	if (run_finish(play->run, &result, &err) < 0) {
		run_result_done(&result);
		return cli_complain("replay", "%s", err.text);
	}
	if (!play->options->quiet || has_diverged(&play->stats)) {
		put_result(play, &text);
		fputs(text_cstr(&text), stderr);
	}
	text_done(&text);
	code = exit_code(play, &result);
	run_result_done(&result);
	return code;
}

/* The command line without its seed, which is told apart. */
static void put_again(const struct replay_play_options *options, struct text *out)
{
	text_str(out, "turncoat");
	for (int i = 0; i < options->argc; i++) {
		const char *word = options->argv[i];

		if (strcmp(word, "--seed") == 0) {
			i++;
		} else if (strcmp(word, "--") == 0) {
			break;
		} else if (strncmp(word, "--seed=", 7) != 0) {
			text_format(out, " %s", word);
		}
	}
}

int replay_play(const struct replay_play_options *options)
{
	struct play play = {
		.options = options,
		.player_options = {.role = options->role,
				   .wait_ns = options->wait_ns,
				   .max_live = DIALOGS_AT_ONCE,
				   .on_done = on_done,
				   .ctx = &play},
	};
	const struct run_stand_in stand_in = {
		.open = stand_in_open,
		.started = stand_in_started,
		.stop = stand_in_stop,
		.pending = stand_in_pending,
		.free = stand_in_free,
		.ctx = &play,
	};
	struct text again = {0};
	struct run_options run = {
		.paths = options->paths,
		.num_paths = options->num_paths,
		.log_path = options->log_path,
		.ready_path = options->ready_path,
		.strict = options->strict,
		.quiet = options->quiet,
		.command = options->command,
		.argv = options->argv,
		.argc = options->argc,
		.stand_in = &stand_in,
	};
	struct err err = {0};
	int code;

	put_again(options, &again);
	run.again = text_cstr(&again);
	if (load(&play, &run, &err) < 0) {
		config_free(play.config);
		code = cli_complain("replay", "%s", err.text);
	} else {
		play.player_options.addrs = play.addrs;
		play.player_options.num_addrs = play.config->num_proxies;
		if (run_start(play.config, &run, &play.run, &err) < 0) {
			code = cli_complain("replay", "%s", err.text);
		} else {
			run_loop(play.run);
			code = verdict(&play);
		}
	}
	script_free(play.script);
	free(play.addrs);
	text_done(&again);
	text_done(&play.described);
	text_done(&play.failure);
	return code;
}
