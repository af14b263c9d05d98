/* The player: what the dialogs under way share. See player_talk.h for the pieces.
 *
 * Theory of operation. A talk is a dialog of the script while it is played. One peer of
 * it is virtual: what it says are the script's turns, fed to the flow as if they had been
 * read from a socket, and what is said to it is dropped where the flow hands it out. The
 * other peer is live, behind a real socket.
 *
 *   state       meaning                                     who leaves it
 *   ARRIVED     PLAY_SERVER: no dialog was chosen yet       first unit, its end, timeout
 *   CONNECTING  PLAY_CLIENT: connect() under way            connect event, timeout
 *   OPEN        turns are said, words are heard             all turns done, reset, cut,
 *                                                           a peer that reads nothing
 *   RESETTING   a decision or turn: unsent bytes, then RST  all is sent, timeout
 *   CLOSING     likewise, then FIN                          the peer's end, timeout
 *   DONE        to be freed when the callback ends          player_settle()
 *
 * A turn goes out when, in this order: the one in front of it is sent; the live peer has
 * said as much as the trace has of it by then, or was waited for long enough; the turn is
 * due; and the flow takes more bytes. talk_step() looks at all of it anew each time that
 * something happens to the talk, and says when to look again: all talks wait in one queue
 * behind one timer.
 *
 * Dialogs begin at their recorded time, but none before those are over that were over
 * when it began in the trace: so what one connection leaves behind is there for the next
 * at any speed, and lanes of one label get their numbers in the trace's order.
 */
#include "plane/player_talk.h"

#include "base/arena.h"

#include <stdlib.h>
#include <unistd.h>

/* --- time --- */

int64_t player_scale(const struct player *player, int64_t duration_ns)
{
	const int64_t most_ns = INT64_MAX / 2000; /* 53 days */

	if (player->options.speed_milli == 0 || duration_ns <= 0) {
		return 0;
	}
	if (duration_ns > most_ns) {
		duration_ns = most_ns;
	}
	return duration_ns * 1000 / (int64_t)player->options.speed_milli;
}

/* --- what went wrong, and what was found --- */

void player_failed(struct player *player, const struct proxy *proxy, const char *note,
		   const char *text)
{
	player->stats.failed++;
	live_note(player->live, proxy->name, note, text);
	if (!player->failure) {
		struct text failure = {0};

		text_format(&failure, "%s: %s: %s", proxy->name, note, text);
		player->failure = xstrdup(text_cstr(&failure));
		text_done(&failure);
	}
}

void player_keep_report(struct player *player, const struct talk *talk)
{
	const struct compare_finding *first = compare_first(talk->compare);
	const struct compare_finding *grave = compare_grave(talk->compare);
	size_t num_notes = player->num_reports - player->num_grave;
	const char *lane = flow_lane_name(talk->flow);

	if (first->kind == PLAYER_EQUAL ||
	    (grave->kind == PLAYER_EQUAL ? num_notes : player->num_grave) >=
		    PLAYER_REPORTS_MAX) {
		return;
	}
	player->num_grave += grave->kind != PLAYER_EQUAL;
	player->reports = xrealloc(player->reports,
				   (player->num_reports + 1) * sizeof(*player->reports));
	player->reports[player->num_reports++] = (struct player_report){
		.index = (size_t)(talk->dialog - player->script->dialogs),
		.lane = xstrdup(lane ? lane : talk->proxy->name),
		.first = *first,
		.grave = *grave,
	};
}

static int compare_reports(const void *left, const void *right)
{
	const struct player_report *const *a = left, *const *b = right;
	bool a_grave = (*a)->grave.kind != PLAYER_EQUAL;
	bool b_grave = (*b)->grave.kind != PLAYER_EQUAL;

	if (a_grave != b_grave) {
		return a_grave ? -1 : 1;
	}
	return (*a)->index < (*b)->index ? -1 : (*a)->index > (*b)->index;
}

static void describe(const struct player_report *report, struct text *out)
{
	const struct compare_finding *first = &report->first, *grave = &report->grave;

	compare_describe(first, report->lane, out);
	if (grave->kind != PLAYER_EQUAL && first->kind == PLAYER_CONTENT) {
		compare_describe(grave, report->lane, out);
	}
}

/* Those with graver differences first, then in the trace's order. */
void player_describe(const struct player *player, size_t max, struct text *out)
{
	size_t num = player->num_reports;
	const struct player_report **sorted = xcalloc(num + 1, sizeof(*sorted));

	for (size_t i = 0; i < num; i++) {
		sorted[i] = &player->reports[i];
	}
	qsort(sorted, num, sizeof(*sorted), compare_reports);
	for (size_t i = 0; i < num && i < max; i++) {
		describe(sorted[i], out);
	}
	free(sorted);
}

/* --- dialogs begin --- */

static int64_t begins_ns(const struct player *player, size_t index)
{
	const struct script_dialog *dialogs = player->script->dialogs;

	return player->begun_ns +
	       player_scale(player, dialogs[index].opened_ns - dialogs[0].opened_ns);
}

/* Has the trace's client nothing more to say, nor its end? */
static bool client_done(const struct talk *talk)
{
	for (size_t i = talk->turn; i < talk->dialog->num_turns; i++) {
		if (talk->dialog->turns[i].side == SIDE_REQUEST) {
			return false;
		}
	}
	return true;
}

/* Is one still played that was over in the trace when this one began, or whose client had
 * closed then and has not yet? Their lanes may have one label. */
static bool must_follow(const struct player *player, const struct script_dialog *dialog)
{
	for (const struct talk *talk = player->talks; talk; talk = talk->next) {
		if (talk->dialog->over_ns <= dialog->opened_ns ||
		    (talk->dialog->client_closed_ns <= dialog->opened_ns &&
		     !client_done(talk))) {
			return true;
		}
	}
	return false;
}

/* When the next one is to begin; INT64_MAX: not before another talk ends, or never. */
static int64_t next_begin(const struct player *player)
{
	const struct script *script = player->script;

	if (player->options.role != PLAY_CLIENT || player->stopped ||
	    player->begun_ns == INT64_MAX || player->next == script->num_dialogs ||
	    player->num_talks >= player->options.max_live ||
	    must_follow(player, &script->dialogs[player->next])) {
		return INT64_MAX;
	}
	return begins_ns(player, player->next);
}

static void begin_dialogs(struct player *player)
{
	while (next_begin(player) <= live_now_ns(player->live)) {
		talk_connect(player, &player->script->dialogs[player->next++]);
	}
}

/* --- the end of a callback --- */

void player_mark_dirty(struct talk *talk)
{
	if (!talk->dirty) {
		talk->dirty = true;
		talk->next_dirty = talk->player->dirty;
		talk->player->dirty = talk;
	}
}

static void step_dirty(struct player *player)
{
	while (player->dirty) {
		struct talk *talk = player->dirty;

		player->dirty = talk->next_dirty;
		talk->dirty = false;
		talk_step(talk);
	}
}

static void free_done(struct player *player)
{
	while (player->done) {
		struct talk *next = player->done->next_done;

		free(player->done);
		player->done = next;
	}
}

static bool all_begun(const struct player *player)
{
	size_t i = player->next;

	while (player->taken && i < player->script->num_dialogs && player->taken[i]) {
		i++;
	}
	return i == player->script->num_dialogs;
}

static void tell_when_done(struct player *player)
{
	if (!player->told && player->begun_ns != INT64_MAX && player->num_talks == 0 &&
	    all_begun(player)) {
		player->told = true;
		player->options.on_done(player->options.ctx);
	}
}

static void set_timer(struct player *player)
{
	int64_t begin_ns = next_begin(player);
	int64_t due_ns = sched_next_due(&player->sched);

	if (player->begun_ns != INT64_MAX) {
		loop_timer_set(player->timer, due_ns < begin_ns ? due_ns : begin_ns);
	}
}

static void act(struct player *player)
{
	do {
		step_dirty(player);
		free_done(player);
		begin_dialogs(player);
	} while (player->dirty || player->done);
	for (size_t i = 0; player->doors && i < player->options.num_addrs; i++) {
		door_accept_more(&player->doors[i]);
	}
	set_timer(player);
	tell_when_done(player);
}

void player_settle(struct player *player)
{
	act(player);
	live_settle(player->live);
}

static void on_timer(void *ctx)
{
	struct player *player = ctx;
	int64_t now_ns = live_now_ns(player->live);
	struct sched_node *node;

	if (player->begun_ns == INT64_MAX) {
		player->begun_ns = now_ns;
	}
	while ((node = sched_take(&player->sched, now_ns)) != NULL) {
		talk_step((struct talk *)node);
	}
	player_settle(player);
}

static void plane_flush(struct live_plane *plane)
{
	act((struct player *)plane);
}

static void plane_cut_uncommitted(struct live_plane *plane)
{
	struct player *player = (struct player *)plane;

	for (struct talk *talk = player->talks; talk;) {
		struct talk *next = talk->next;

		if (talk->flow && flow_take_fault(talk->flow)) {
			talk_end(talk, "log-failed", true);
		}
		talk = next;
	}
}

/* --- the player --- */

static int open_doors(struct player *player, const struct proxy *const *proxies,
		      struct netaddr *out_bound, struct err *err)
{
	size_t num = player->options.num_addrs;

	player->doors = xcalloc(num, sizeof(*player->doors));
	for (size_t i = 0; i < num; i++) {
		int code = 0;

		player->doors[i].fd = -1;
		if (proxies[i]) {
			code = door_open(&player->doors[i], player, proxies[i],
					 &player->addrs[i], err);
		}
		if (code < 0) {
			return err_context(err, "proxy %s", proxies[i]->name);
		}
		out_bound[i] = player->doors[i].bound;
	}
	return 0;
}

/* PLAY_SERVER: what the trace's clients say first, and the proxies that have any. */
static int prepare_server(struct player *player, struct netaddr *out_bound,
			  struct err *err)
{
	const struct script *script = player->script;
	const struct proxy **proxies =
		xcalloc(player->options.num_addrs + 1, sizeof(struct proxy *));
	int code;

	player->taken = xcalloc(script->num_dialogs + 1, sizeof(*player->taken));
	player->keys = xcalloc(script->num_dialogs + 1, sizeof(*player->keys));
	for (size_t i = 0; i < script->num_dialogs; i++) {
		const struct script_dialog *dialog = &script->dialogs[i];

		compare_key_of(dialog, SIDE_REQUEST, &player->keys[i]);
		proxies[dialog->proxy->index] = dialog->proxy;
	}
	code = open_doors(player, proxies, out_bound, err);
	free(proxies);
	return code;
}

int player_open(struct live *live, const struct script *script,
		const struct player_options *options, struct netaddr *out_bound,
		struct player **out, struct err *err)
{
	struct player *player = xcalloc(1, sizeof(*player));
	size_t num = options->num_addrs;
	int code = 0;

	player->plane.flush = plane_flush;
	player->plane.cut_uncommitted = plane_cut_uncommitted;
	player->live = live;
	player->script = script;
	player->options = *options;
	player->addrs = xcalloc(num + 1, sizeof(*player->addrs));
	memcpy(player->addrs, options->addrs, num * sizeof(*player->addrs));
	player->begun_ns = INT64_MAX;
	player->scratch = xmalloc(PLAYER_READ_BYTES);
	player->stats.dialogs = script->num_dialogs;
	player->timer = loop_timer_new(live->loop, on_timer, player);
	live_add(live, &player->plane);
	if (options->role == PLAY_SERVER) {
		code = prepare_server(player, out_bound, err);
	} else {
		memcpy(out_bound, player->addrs, num * sizeof(*out_bound));
	}
	if (code < 0) {
		player_free(player, "shutdown");
		return code;
	}
	/* From the loop: whoever opened us has yet to write the log's header. */
	loop_timer_set(player->timer, live_now_ns(live));
	*out = player;
	return 0;
}

void player_stop(struct player *player)
{
	player->stopped = true;
	for (size_t i = 0; player->doors && i < player->options.num_addrs; i++) {
		door_close(&player->doors[i]);
	}
}

bool player_pending(const struct player *player)
{
	for (const struct talk *talk = player->talks; talk; talk = talk->next) {
		if (talk->live_ended || talk->out.len > talk->out_from ||
		    (talk->flow && (flow_pending(talk->flow, SIDE_REQUEST) ||
				    flow_pending(talk->flow, SIDE_REPLY)))) {
			return true;
		}
	}
	return false;
}

void player_end(struct player *player, const char *end)
{
	player_stop(player);
	player->told = true;
	while (player->talks) {
		talk_end(player->talks, end, false);
	}
	step_dirty(player);
	free_done(player);
}

void player_free(struct player *player, const char *end)
{
	if (!player) {
		return;
	}
	player_end(player, end);
	for (size_t i = 0; player->doors && i < player->options.num_addrs; i++) {
		if (player->doors[i].fd >= 0) {
			close(player->doors[i].fd);
		}
	}
	for (size_t i = 0; i < player->num_reports; i++) {
		free(player->reports[i].lane);
	}
	live_remove(player->live, &player->plane);
	loop_timer_free(player->timer);
	sched_done(&player->sched);
	free(player->reports);
	free(player->failure);
	free(player->doors);
	free(player->taken);
	free(player->keys);
	free(player->addrs);
	free(player->scratch);
	free(player);
}

struct player_stats player_stats(const struct player *player)
{
	return player->stats;
}

const char *player_failure(const struct player *player)
{
	return player->failure;
}
