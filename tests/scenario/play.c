/* play: plays text scenarios against the engine, with a manual clock: `play FILE.scn...`.
 *
 * TAP, one test a file. A scenario begins with what it shows, as comments; then come
 *
 *	rules			a rule file's text, up to the next section
 *	rules NAME		another one, for `reload NAME`
 *	strict			weak lanes are refused
 *	steps			one a line:
 *
 *	open C PROXY from ADDR:PORT	a connection (or UDP session) called C
 *	C > "bytes"		bytes of a request arrive; "…" * 3 says them three times
 *	C < "bytes"		bytes of a reply; \r \n \t \0 \" \\ \xHH
 *	end C >			the client has sent its last; C <: the server
 *	close C WORD		both are gone; WORD is for the log: eof, reset, …
 *	advance 50ms		the clock moves, and what is due leaves
 *	reload NAME
 *	stop-faults
 *	expect C > "bytes" "…"	exactly this left towards the server since the last
 *				expect; of a UDP session, one string a datagram
 *	expect C > nothing
 *	expect nothing		nothing left anywhere
 *	expect end C >		the server was told that no more will come
 *	expect cut C reset|close|refuse
 *	expect wants C > yes|no	may more be read from the client?
 *	expect resume C >	it may again, and was not before
 *	expect due 50ms|never	when the clock is next needed, from now
 *	expect lane C NAME
 *	expect log {…}		a line of the log, as `log canon` shows it
 *	expect log TEXT		… or a part of one
 *	expect no log TEXT
 *
 * What left and no `expect` read is an error at the end, as are counters that don't add
 * up.
 */
#include "app/config.h"
#include "base/quantity.h"

#include "../unit/plane/world.h"

#include <ctype.h>
#include <stdlib.h>

enum { BLOCKS_MAX = 8, PEERS_MAX = 16, WORDS_MAX = 64 };

struct block {
	char name[32];
	struct text ini;
	struct config *config;
};

struct peer {
	char name[16];
	struct wire *wire;
	uint64_t sends_seen[NUM_SIDE];
	unsigned ends_seen[NUM_SIDE], resumes_seen[NUM_SIDE], cuts_seen;
};

/* One word of a step: a quoted one is bytes. */
struct word {
	struct text bytes;
	bool quoted;
};

struct play {
	const char *path;
	unsigned line;
	bool failed, strict, started;
	struct block blocks[BLOCKS_MAX];
	size_t num_blocks;
	struct world world;
	struct peer peers[PEERS_MAX];
	size_t num_peers;
	struct word words[WORDS_MAX];
	size_t num_words;
	const char *rest[WORDS_MAX]; /* of the line, from that word on */
};

__attribute__((format(printf, 2, 3))) static void fail(struct play *p, const char *format,
						       ...)
{
	va_list args;

	printf("# %s:%u: ", p->path, p->line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	p->failed = true;
}

/* --- words --- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The character behind a backslash; *at moves behind it. */
static bool read_escape(const char **at, char *out)
{
	static const char from[] = "rnt0\"\\", to[] = "\r\n\t\0\"\\";
	const char *found = **at ? strchr(from, **at) : NULL;

	if (found) {
		*out = to[found - from];
		(*at)++;
		return true;
	}
	if (**at == 'x' && hex_digit((*at)[1]) >= 0 && hex_digit((*at)[2]) >= 0) {
		*out = (char)(hex_digit((*at)[1]) * 16 + hex_digit((*at)[2]));
		*at += 3;
		return true;
	}
	return false;
}

static bool read_quoted(struct play *p, const char **at, struct text *out)
{
	char c;

	text_reserve(out, 1);
	for ((*at)++; **at && **at != '"';) {
		c = *(*at)++;
		if (c == '\\' && !read_escape(at, &c)) {
			fail(p, "unknown escape in a string");
			return false;
		}
		text_byte(out, c);
	}
	if (**at != '"') {
		fail(p, "a string without its closing quote");
		return false;
	}
	(*at)++;
	return true;
}

/* "…" * 3: the word before the star, so many times. */
static bool repeat_word(struct play *p)
{
	struct word *times = &p->words[p->num_words - 1];
	struct word *what = &p->words[p->num_words - 3];
	long num = strtol(text_cstr(&times->bytes), NULL, 10);
	size_t len = what->bytes.len;

	if (num < 1 || num > 100000) {
		fail(p, "how many times?");
		return false;
	}
	for (long i = 1; i < num; i++) {
		text_reserve(&what->bytes, len);
		text_bytes(&what->bytes, what->bytes.data, len);
	}
	text_done(&p->words[p->num_words - 2].bytes);
	text_done(&times->bytes);
	p->num_words -= 2;
	return true;
}

static bool split(struct play *p, const char *line)
{
	const char *at = line;

	for (;;) {
		struct word *word = &p->words[p->num_words];

		at += strspn(at, " \t");
		if (!*at) {
			return true;
		}
		if (p->num_words == WORDS_MAX) {
			fail(p, "too many words");
			return false;
		}
		*word = (struct word){.quoted = *at == '"'};
		p->rest[p->num_words++] = at;
		if (word->quoted) {
			if (!read_quoted(p, &at, &word->bytes)) {
				return false;
			}
		} else {
			size_t len = strcspn(at, " \t");

			text_bytes(&word->bytes, at, len);
			at += len;
		}
		if (p->num_words >= 3 && p->words[p->num_words - 3].quoted &&
		    strcmp(text_cstr(&p->words[p->num_words - 2].bytes), "*") == 0 &&
		    !repeat_word(p)) {
			return false;
		}
	}
}

static void forget_words(struct play *p)
{
	for (size_t i = 0; i < p->num_words; i++) {
		text_done(&p->words[i].bytes);
	}
	p->num_words = 0;
}

static const char *word(const struct play *p, size_t n)
{
	return n < p->num_words ? text_cstr(&p->words[n].bytes) : "";
}

static bool is(const struct play *p, size_t n, const char *text)
{
	return n < p->num_words && !p->words[n].quoted && strcmp(word(p, n), text) == 0;
}

static bool read_side(struct play *p, size_t n, enum side *out)
{
	if (!is(p, n, ">") && !is(p, n, "<")) {
		fail(p, "write > (towards the server) or < (towards the client)");
		return false;
	}
	*out = is(p, n, ">") ? SIDE_REQUEST : SIDE_REPLY;
	return true;
}

static struct peer *find_peer(struct play *p, size_t n)
{
	for (size_t i = 0; i < p->num_peers; i++) {
		if (strcmp(p->peers[i].name, word(p, n)) == 0) {
			return &p->peers[i];
		}
	}
	fail(p, "no connection is called '%s'", word(p, n));
	return NULL;
}

/* --- what tests of bytes show --- */

static void show(struct text *out, struct span bytes)
{
	text_byte(out, '"');
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t c = bytes.data[i];

		if (c == '\r' || c == '\n') {
			text_str(out, c == '\r' ? "\\r" : "\\n");
		} else if (c < ' ' || c > '~' || c == '"' || c == '\\') {
			text_format(out, "\\x%02x", c);
		} else {
			text_byte(out, (char)c);
		}
	}
	text_byte(out, '"');
}

static struct span unread(const struct peer *peer, enum side side)
{
	const struct wire *wire = peer->wire;

	return span_from(span_of(wire->out[side].data, wire->out[side].len),
			 wire->taken[side]);
}

static void compare(struct play *p, struct peer *peer, enum side side, struct span wanted)
{
	struct span got = unread(peer, side);
	struct text text = {0};

	if (!span_eq(got, wanted)) {
		text_str(&text, "wanted ");
		show(&text, wanted);
		text_str(&text, ", got ");
		show(&text, got);
		fail(p, "%s %s", text_cstr(&text),
		     peer->wire->datagram ? "(datagrams with their lengths in front)"
					  : "");
		text_done(&text);
	}
	(void)wire_out(peer->wire, side);
}

static bool something_left(struct play *p)
{
	bool any = false;

	for (size_t i = 0; i < p->num_peers; i++) {
		struct peer *peer = &p->peers[i];

		for (int side = 0; side < NUM_SIDE; side++) {
			if (unread(peer, (enum side)side).len) {
				compare(p, peer, (enum side)side, span_of(NULL, 0));
				any = true;
			}
			if (peer->wire->ends[side] != peer->ends_seen[side]) {
				fail(p, "%s: an end of %ss that nothing expected",
				     peer->name, side_name((enum side)side));
				peer->ends_seen[side] = peer->wire->ends[side];
				any = true;
			}
		}
		if (peer->wire->cuts != peer->cuts_seen) {
			fail(p, "%s: a cut that nothing expected", peer->name);
			peer->cuts_seen = peer->wire->cuts;
			any = true;
		}
	}
	return any;
}

/* --- expectations --- */

static void expect_bytes(struct play *p)
{
	struct peer *peer = find_peer(p, 1);
	struct text wanted = {0};
	enum side side;

	if (!peer || !read_side(p, 2, &side)) {
		return;
	}
	for (size_t n = 3; n < p->num_words && !is(p, 3, "nothing"); n++) {
		struct text *bytes = &p->words[n].bytes;

		if (!p->words[n].quoted) {
			fail(p, "strings stand in quotes");
		}
		if (peer->wire->datagram) {
			text_format(&wanted, "%04zu", bytes->len);
		}
		text_bytes(&wanted, bytes->data, bytes->len);
	}
	if (p->num_words < 4) {
		fail(p, "expect what?");
	}
	compare(p, peer, side, span_of(wanted.data, wanted.len));
	text_done(&wanted);
}

static void expect_end(struct play *p)
{
	struct peer *peer = find_peer(p, 2);
	enum side side;

	if (peer && read_side(p, 3, &side)) {
		if (peer->wire->ends[side] == peer->ends_seen[side]) {
			fail(p, "no end of %ss", side_name(side));
		}
		peer->ends_seen[side] = peer->wire->ends[side];
	}
}

static void expect_cut(struct play *p)
{
	static const char *const HOW[] = {"reset", "close", "refuse"};
	struct peer *peer = find_peer(p, 2);

	if (!peer) {
		return;
	}
	if (is(p, 3, "refuse") && !peer->wire->flow && peer->wire->cuts == 0) {
		return; /* never opened */
	}
	if (peer->wire->cuts == peer->cuts_seen) {
		fail(p, "no cut");
	} else if (strcmp(HOW[peer->wire->cut], word(p, 3)) != 0) {
		fail(p, "a cut, but by %s", HOW[peer->wire->cut]);
	}
	peer->cuts_seen = peer->wire->cuts;
}

static void expect_wants(struct play *p)
{
	struct peer *peer = find_peer(p, 2);
	enum side side;

	if (peer && read_side(p, 3, &side) &&
	    flow_wants(peer->wire->flow, side) != is(p, 4, "yes")) {
		fail(p, "it is the other way round");
	}
}

static void expect_resume(struct play *p)
{
	struct peer *peer = find_peer(p, 2);
	enum side side;

	if (peer && read_side(p, 3, &side)) {
		if (peer->wire->resumes[side] == peer->resumes_seen[side]) {
			fail(p, "no resume");
		}
		peer->resumes_seen[side] = peer->wire->resumes[side];
	}
}

static void expect_due(struct play *p)
{
	int64_t due_ns = engine_next_due(p->world.engine);
	struct text text = {0};

	if (due_ns == INT64_MAX) {
		text_str(&text, "never");
	} else {
		text_duration(&text, due_ns - p->world.now_ns);
	}
	if (strcmp(text_cstr(&text), word(p, 2)) != 0) {
		fail(p, "due: %s", text_cstr(&text));
	}
	text_done(&text);
}

static void expect_lane(struct play *p)
{
	struct peer *peer = find_peer(p, 2);
	const char *name = peer ? flow_lane_name(peer->wire->flow) : NULL;

	if (peer && strcmp(name ? name : "none", word(p, 3)) != 0) {
		fail(p, "the lane is called %s", name ? name : "none");
	}
}

static bool log_has(struct play *p, const char *text)
{
	struct text canon = {0}, line = {0};
	bool found;

	log_canonical(text_cstr(&p->world.log), &canon);
	/* A whole line when it looks like one. */
	text_format(&line, text[0] == '{' ? "\n%s\n" : "%s", text);
	found = strstr(text_cstr(&canon), text_cstr(&line) + (line.data[0] == '\n')) !=
		NULL;
	if (found && text[0] == '{') {
		const char *at = strstr(text_cstr(&canon), text);

		found = at == canon.data || at[-1] == '\n';
	}
	text_done(&canon);
	text_done(&line);
	return found;
}

static void show_log(struct play *p)
{
	struct text canon = {0};
	char *next, *line;

	log_canonical(text_cstr(&p->world.log), &canon);
	next = canon.data;
	while (next && (line = strsep(&next, "\n")) != NULL) {
		if (*line) {
			printf("#   %s\n", line);
		}
	}
	text_done(&canon);
}

static void expect_log(struct play *p, bool wanted, const char *text)
{
	if (!*text) {
		fail(p, "expect which line?");
	} else if (log_has(p, text) != wanted) {
		fail(p, "the log has %s such line; it is:", wanted ? "no" : "a");
		show_log(p);
	}
}

static void expect(struct play *p)
{
	static const struct {
		const char *word;
		void (*check)(struct play *p);
	} KINDS[] = {
		{"end", expect_end},	   {"cut", expect_cut}, {"wants", expect_wants},
		{"resume", expect_resume}, {"due", expect_due}, {"lane", expect_lane},
	};

	if (is(p, 1, "log")) {
		expect_log(p, true, p->num_words > 2 ? p->rest[2] : "");
		return;
	}
	if (is(p, 1, "no") && is(p, 2, "log")) {
		expect_log(p, false, p->num_words > 3 ? p->rest[3] : "");
		return;
	}
	if (is(p, 1, "nothing")) {
		(void)something_left(p);
		return;
	}
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		if (is(p, 1, KINDS[i].word)) {
			KINDS[i].check(p);
			return;
		}
	}
	expect_bytes(p);
}

/* --- steps --- */

static struct config *find_config(struct play *p, const char *name)
{
	for (size_t i = 0; i < p->num_blocks; i++) {
		if (strcmp(p->blocks[i].name, name) == 0) {
			return p->blocks[i].config;
		}
	}
	fail(p, "no rules are called '%s'", name);
	return NULL;
}

static const struct proxy *find_proxy(struct play *p, const char *name)
{
	const struct config *config = p->blocks[0].config;

	for (size_t i = 0; i < config->num_proxies; i++) {
		if (strcmp(config->proxies[i].name, name) == 0) {
			return &config->proxies[i];
		}
	}
	fail(p, "no proxy is called '%s'", name);
	return NULL;
}

static void do_open(struct play *p)
{
	const struct proxy *proxy = find_proxy(p, word(p, 2));
	char address[64] = "";
	const char *colon = strrchr(word(p, 4), ':');
	struct peer *peer = &p->peers[p->num_peers];

	if (!proxy) {
		return;
	}
	if (p->num_peers == PEERS_MAX || !is(p, 3, "from") || !colon) {
		fail(p, "write: open C PROXY from ADDR:PORT");
		return;
	}
	snprintf(address, sizeof(address), "%.*s", (int)(colon - word(p, 4)), word(p, 4));
	*peer = (struct peer){0};
	snprintf(peer->name, sizeof(peer->name), "%s", word(p, 1));
	peer->wire = wire_open(&p->world, proxy, address,
			       (uint16_t)strtoul(colon + 1, NULL, 10));
	p->num_peers++;
}

static void do_end(struct play *p)
{
	struct peer *peer = find_peer(p, 1);
	enum side side;

	if (peer && read_side(p, 2, &side)) {
		wire_end(peer->wire, side);
	}
}

static void do_close(struct play *p)
{
	struct peer *peer = find_peer(p, 1);

	if (peer) {
		wire_free(peer->wire, p->num_words > 2 ? word(p, 2) : "eof");
	}
}

static void do_advance(struct play *p)
{
	struct err err;
	int64_t by_ns;

	if (parse_duration(word(p, 1), &by_ns, &err) < 0) {
		fail(p, "%s", err.text);
		return;
	}
	world_advance(&p->world, by_ns);
}

static void do_reload(struct play *p)
{
	struct config *config = find_config(p, word(p, 1));

	if (config) {
		engine_set_rules(p->world.engine, config->rules);
	}
}

static void do_stop_faults(struct play *p)
{
	engine_stop_faults(p->world.engine);
}

static void say(struct play *p)
{
	struct peer *peer = find_peer(p, 0);
	enum side side;

	if (!peer || !read_side(p, 1, &side)) {
		return;
	}
	if (p->num_words != 3 || !p->words[2].quoted) {
		fail(p, "write: C > \"bytes\"");
		return;
	}
	wire_feed(peer->wire, side,
		  span_of(p->words[2].bytes.data, p->words[2].bytes.len));
}

static void step(struct play *p)
{
	static const struct {
		const char *word;
		void (*play)(struct play *p);
	} STEPS[] = {
		{"open", do_open},     {"end", do_end},
		{"close", do_close},   {"advance", do_advance},
		{"reload", do_reload}, {"stop-faults", do_stop_faults},
		{"expect", expect},
	};

	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		if (is(p, 0, STEPS[i].word)) {
			STEPS[i].play(p);
			return;
		}
	}
	say(p);
}

/* --- files --- */

static bool load(struct play *p, struct block *block, uint64_t generation)
{
	struct arena arena = {0};
	struct inifile file;
	struct err err;
	bool fine = inifile_parse(p->path, span_of(block->ini.data, block->ini.len),
				  &arena, &file, &err) == 0 &&
		    config_parse(&file, 1, &block->config, &err) == 0;

	if (fine) {
		config_bind_seed(block->config, block->config->seed);
		block->config->rules->generation = generation;
	} else {
		fail(p, "%s", err.text);
	}
	arena_done(&arena);
	return fine;
}

static bool begin(struct play *p)
{
	if (p->num_blocks == 0) {
		fail(p, "no rules before the steps");
		return false;
	}
	for (size_t i = 0; i < p->num_blocks; i++) {
		if (!load(p, &p->blocks[i], i + 1)) {
			return false;
		}
	}
	world_init_with(&p->world, p->blocks[0].config->rules, p->strict);
	p->started = true;
	return true;
}

/* A section's first line: true when it is one. */
static bool section(struct play *p, const char *line)
{
	char name[32] = "";

	if (strcmp(line, "strict") == 0) {
		p->strict = true;
		return true;
	}
	if (strcmp(line, "rules") == 0 || sscanf(line, "rules %31s", name) == 1) {
		if (p->num_blocks == BLOCKS_MAX) {
			fail(p, "too many rules");
			return true;
		}
		snprintf(p->blocks[p->num_blocks++].name, sizeof(name), "%s", name);
		/* Errors name the scenario's line. */
		for (unsigned i = 0; i < p->line; i++) {
			text_byte(&p->blocks[p->num_blocks - 1].ini, '\n');
		}
		return true;
	}
	return false;
}

static void play_line(struct play *p, const char *line)
{
	if (p->started) {
		const char *at = line + strspn(line, " \t");

		if (*at && *at != '#' && split(p, at)) {
			step(p);
		}
		forget_words(p);
		return;
	}
	if (strcmp(line, "steps") == 0) {
		if (!begin(p)) {
			p->failed = true;
		}
		return;
	}
	if (section(p, line)) {
		return;
	}
	if (p->num_blocks > 0) {
		text_str(&p->blocks[p->num_blocks - 1].ini, line);
		text_byte(&p->blocks[p->num_blocks - 1].ini, '\n');
	} else if (*line && *line != '#') {
		fail(p, "a comment or a section begins a scenario");
	}
}

static void finish(struct play *p)
{
	if (p->started) {
		struct side_stats totals;

		(void)something_left(p);
		for (size_t i = 0; i < p->num_peers; i++) {
			wire_free(p->peers[i].wire, "shutdown");
		}
		totals = engine_totals(p->world.engine);
		if (!side_stats_conserved(&totals)) {
			fail(p, "in + injected + copies is not out + dropped + held");
		}
		world_done(&p->world);
	} else if (!p->failed) {
		fail(p, "no steps");
	}
	for (size_t i = 0; i < p->num_blocks; i++) {
		config_free(p->blocks[i].config);
		text_done(&p->blocks[i].ini);
	}
}

static bool play_file(const char *path)
{
	struct play *p = xcalloc(1, sizeof(*p));
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool fine;

	p->path = path;
	if (!file) {
		fail(p, "cannot open it");
		free(p);
		return false;
	}
	while (!p->failed && (len = getline(&line, &cap, file)) != -1) {
		p->line++;
		if (len > 0 && line[len - 1] == '\n') {
			line[len - 1] = '\0';
		}
		play_line(p, line);
	}
	finish(p);
	free(line);
	fclose(file);
	fine = !p->failed;
	free(p);
	return fine;
}

int main(int argc, char **argv)
{
	bool all = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');
		bool fine = play_file(argv[i]);

		printf("%sok %d - %s\n", fine ? "" : "not ", i,
		       slash ? slash + 1 : argv[i]);
		all = all && fine;
	}
	return argc < 2 || !all;
}
