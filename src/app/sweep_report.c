#include "app/sweep_report.h"

#include "app/log_common.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

const struct sweep_report SWEEP_REPORTS[] = {
	{"junit", sweep_junit},
	{"tap", sweep_tap},
	{"json", sweep_json},
	{"markdown", sweep_markdown},
	{0},
};

void sweep_tail(const char *path, size_t max_bytes, struct text *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t start = out->len;
	struct stat stat;
	off_t from;
	ssize_t got;

	if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		if (fd >= 0) {
			close(fd);
		}
		return;
	}
	from = stat.st_size > (off_t)max_bytes ? stat.st_size - (off_t)max_bytes : 0;
	text_reserve(out, max_bytes);
	got = pread(fd, out->data + start, max_bytes, from);
	close(fd);
	if (got > 0) {
		const char *end;

		out->len += (size_t)got;
		out->data[out->len] = '\0';
		end = from ? memchr(out->data + start, '\n', (size_t)got) : NULL;
		if (end) {
			size_t cut = (size_t)(end + 1 - (out->data + start));

			memmove(out->data + start, end + 1, (size_t)got - cut);
			out->len -= cut;
			out->data[out->len] = '\0';
		}
	}
}

const char *sweep_last_line(struct text *text)
{
	char *begin;

	while (text->len && isspace((unsigned char)text->data[text->len - 1])) {
		text->data[--text->len] = '\0';
	}
	begin = text->len ? strrchr(text->data, '\n') : NULL;
	return begin ? begin + 1 : text_cstr(text);
}

void sweep_run_tail(const struct sweep *sweep, const struct sweep_run *run, size_t *num,
		    struct text *out)
{
	struct text path = {0};

	if (++*num <= SWEEP_TAILS_MAX) {
		text_format(&path, "%s/%llu/output.txt", sweep->options.out,
			    (unsigned long long)run->seed);
		sweep_tail(text_cstr(&path), SWEEP_TAIL_BYTES, out);
		text_done(&path);
	}
}

/* --- what went wrong --- */

const struct sweep_finding *sweep_run_finding(const struct sweep_run *run)
{
	const char *verdict = finding_kind_name(run->result.verdict);

	for (size_t i = 0; i < run->result.num_findings; i++) {
		if (strcmp(run->result.findings[i].kind, verdict) == 0) {
			return &run->result.findings[i];
		}
	}
	return NULL;
}

void sweep_run_why(const struct sweep_run *run, struct text *out)
{
	const struct sweep_finding *finding = sweep_run_finding(run);

	if (!finding || (!*finding->name && !*finding->text)) {
		text_format(out, "exit status %d", run->result.exit_code);
		return;
	}
	text_safe(out, finding->name);
	if (*finding->name && *finding->text) {
		text_str(out, ": ");
	}
	text_safe(out, finding->text);
}

void sweep_run_findings(const struct sweep_run *run, struct text *out)
{
	for (size_t i = 0; i < run->result.num_findings; i++) {
		const struct sweep_finding *finding = &run->result.findings[i];

		text_format(out, "%s: ", finding->kind);
		if (*finding->name) {
			text_format(out, "%s: ", finding->name);
		}
		text_str(out, finding->text);
		if (finding->at_ns > 0) {
			text_str(out, ", ");
			text_ns(out, finding->at_ns);
			text_str(out, " into the run");
		}
		text_byte(out, '\n');
	}
}

const struct sweep_rule *sweep_run_culprit(const struct sweep_run *run)
{
	const struct sweep_rule *found = NULL;

	for (size_t i = 0; i < run->result.num_rules; i++) {
		const struct sweep_rule *rule = &run->result.rules[i];

		if (rule->fired && (!found || rule->fired < found->fired)) {
			found = rule;
		}
	}
	return found;
}

/* --- the whole --- */

const char *sweep_canary_why(const struct sweep *sweep)
{
	switch (sweep->canary) {
	case CANARY_NONE:
		return NULL;
	case CANARY_ALIVE:
		return "the test fails when every connection is reset, as it should";
	case CANARY_DEAD:
		return "the test passes even when every connection is reset: it can't "
		       "fail, so that it passes says nothing";
	case CANARY_UNHEARD:
		return "the test passes without sending anything through the proxies: "
		       "no fault can reach it (does it use TURNCOAT_<PROXY>?)";
	}
	return NULL;
}

const char *sweep_stop_why(const struct sweep *sweep)
{
	switch (sweep->stop) {
	case STOP_NOT:
		return NULL;
	case STOP_FAILURES:
		return "enough have failed (--fail-fast, --max-failures)";
	case STOP_SIGNAL:
		return "stopped by a signal";
	case STOP_CANARY:
		return "the canary passed";
	}
	return NULL;
}

uint64_t sweep_not_run(const struct sweep *sweep)
{
	return sweep->num_runs - sweep->done;
}

double sweep_runs_a_minute(const struct sweep *sweep)
{
	return sweep->elapsed_ns > 0
		       ? (double)sweep->done * 60e9 / (double)sweep->elapsed_ns
		       : 0;
}

void sweep_put_rate(struct text *out, uint64_t part, uint64_t whole)
{
	if (whole == 0) {
		text_byte(out, '-');
		return;
	}
	text_format(out, "%.4g%%", 100.0 * (double)part / (double)whole);
}

/* --- command lines --- */

static bool shell_plain(const char *word)
{
	if (!*word) {
		return false;
	}
	for (; *word; word++) {
		if (!isalnum((unsigned char)*word) && !strchr("_@%+=:,./-", *word)) {
			return false;
		}
	}
	return true;
}

void text_shell(struct text *out, const char *word)
{
	if (shell_plain(word)) {
		text_str(out, word);
		return;
	}
	text_byte(out, '\'');
	for (; *word; word++) {
		text_str(out, *word == '\'' ? "'\\'" : "");
		text_byte(out, *word);
	}
	text_byte(out, '\'');
}

void sweep_put_command(const struct sweep *sweep, struct text *out)
{
	text_str(out, " --");
	for (char **word = sweep->options.command; *word; word++) {
		text_byte(out, ' ');
		text_shell(out, *word);
	}
}

/* A run that hangs would hang again without it. */
static void put_timeout(const struct sweep *sweep, struct text *out)
{
	if (sweep->options.timeout) {
		text_str(out, " --timeout ");
		text_shell(out, sweep->options.timeout);
	}
}

void sweep_put_run_again(const struct sweep *sweep, uint64_t seed, struct text *out)
{
	text_str(out, "turncoat run");
	for (size_t i = 0; i < sweep->options.num_paths; i++) {
		text_byte(out, ' ');
		text_shell(out, sweep->options.paths[i]);
	}
	text_format(out, " --seed %llu", (unsigned long long)seed);
	put_timeout(sweep, out);
	sweep_put_command(sweep, out);
}

static void put_on_log(const struct sweep *sweep, const char *verb, uint64_t seed,
		       struct text *out)
{
	struct text path = {0};

	text_format(&path, "%s/%llu/run.jsonl", sweep->options.out,
		    (unsigned long long)seed);
	text_format(out, "turncoat %s ", verb);
	text_shell(out, text_cstr(&path));
	put_timeout(sweep, out);
	sweep_put_command(sweep, out);
	text_done(&path);
}

void sweep_put_replay(const struct sweep *sweep, uint64_t seed, struct text *out)
{
	put_on_log(sweep, "replay", seed, out);
}

void sweep_put_shrink(const struct sweep *sweep, uint64_t seed, struct text *out)
{
	put_on_log(sweep, "shrink", seed, out);
}
