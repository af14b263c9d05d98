/* Logs for tests, made by the real deciding and recording code from a rule file and units
 * that the test names; only the planes are played. One lane at a time. Everything ends up
 * in a text, which the test may change before it writes it out.
 */
#ifndef TESTS_UNIT_APP_LOG_MAKER_H
#define TESTS_UNIT_APP_LOG_MAKER_H

#include "app/cli.h"
#include "app/config.h"
#include "base/json.h"
#include "codec/digest.h"
#include "core/decide.h"
#include "core/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct log_maker {
	struct text text;
	struct config *config;
	struct lane lane;
	struct side_stats sides[NUM_SIDE];
	struct decision decision;
	int64_t now_ns;
	uint64_t number;
};

static inline void maker_header(struct log_maker *m, const char *ini, uint64_t seed)
{
	struct arena arena = {0};
	struct inifile file;
	struct err err = {0};

	*m = (struct log_maker){0};
	if (inifile_parse("rules.ini", span_str(ini), &arena, &file, &err) != 0 ||
	    config_parse(&file, 1, &m->config, &err) != 0) {
		fprintf(stderr, "log_maker: %s\n", err.text);
		abort();
	}
	arena_done(&arena);
	config_bind_seed(m->config, seed);
	text_str(&m->text, "{\"abi\":1,\"files\":[{\"name\":\"rules.ini\",\"text\":");
	json_str(&m->text, span_str(ini));
	text_str(&m->text,
		 "}],\"proxies\":{\"cache\":{\"frame\":\"raw\",\"listen\":"
		 "\"tcp://127.0.0.1:0\",\"upstream\":\"tcp://127.0.0.1:6379\"}},"
		 "\"seed\":");
	text_u64(&m->text, seed);
	text_str(&m->text,
		 ",\"type\":\"header\",\"version\":\"0.1.0\",\"wall\":{\"argv\":["
		 "\"turncoat\",\"run\"],\"bound\":{\"cache\":\"127.0.0.1:40001\"},"
		 "\"pid\":1,\"start\":\"2026-11-20T22:00:00.000000Z\"}}\n");
	m->now_ns = 1000;
}

static inline void maker_open(struct log_maker *m, const char *lane)
{
	lane_init(&m->lane, lane);
	lane_bind(&m->lane, SIDE_REQUEST, m->config->rules, NULL, NULL);
	lane_bind(&m->lane, SIDE_REPLY, m->config->rules, NULL, NULL);
	memset(m->sides, 0, sizeof(m->sides));
	text_str(&m->text, "{\"epoch\":0,\"lane\":");
	json_str(&m->text, span_str(lane));
	text_str(&m->text, ",\"proxy\":\"cache\",\"type\":\"open\",\"wall\":{\"at\":");
	text_i64(&m->text, m->now_ns);
	text_str(&m->text, ",\"client\":\"127.0.0.1:51234\"}}\n");
}

static inline void maker_account(struct log_maker *m, enum side side, size_t len)
{
	const struct decision *d = &m->decision;
	struct side_stats *s = &m->sides[side];
	size_t out = d->rewritten ? d->bytes.len : len;

	s->units_in++;
	s->bytes_in += len;
	if (d->verdict != VERDICT_PASS) {
		s->units_dropped++;
		s->bytes_dropped += len;
		return;
	}
	s->units_copies += d->copies;
	s->bytes_copies += d->copies * out;
	s->units_out += 1 + d->copies;
	s->bytes_out += (1 + d->copies) * out;
	s->bytes_grown += out > len ? out - len : 0;
	s->bytes_shrunk += out < len ? len - out : 0;
}

/* One whole unit; its line, and a `sent` line when it was delayed. */
static inline void maker_unit(struct log_maker *m, enum side side, const char *class,
			      const char *bytes)
{
	struct unit unit = {
		.bytes = span_str(bytes),
		.whole = true,
		.extent_bytes = strlen(bytes),
		.run_ns = m->now_ns,
	};
	struct record_unit record = {
		.lane = m->lane.name,
		.side = side,
		.unit = &unit,
		.len_bytes = unit.bytes.len,
		.digest = digest_of(unit.bytes),
		.digest_known = true,
		.decision = &m->decision,
		.at_ns = m->now_ns,
	};

	decide_identify(&m->lane, side, span_str(class), &unit);
	decide_fire(&m->lane, side, &unit, &m->decision);
	decide_apply(&unit, &m->decision);
	maker_account(m, side, unit.bytes.len);
	record.due_ns = m->now_ns + m->decision.delay_ns;
	record.number = m->decision.delay_ns ? UINT64_MAX : m->number++;
	record_unit(&m->text, &record);
	if (m->decision.delay_ns) {
		record_sent(&m->text, m->lane.name, side, unit.class, unit.k,
			    record.due_ns, m->number++);
	}
	m->now_ns += 1000000;
}

static inline void maker_put_stats(struct text *out, const struct side_stats *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"bytes_copies", s->bytes_copies}, {"bytes_dropped", s->bytes_dropped},
		{"bytes_grown", s->bytes_grown},   {"bytes_in", s->bytes_in},
		{"bytes_out", s->bytes_out},	   {"bytes_shrunk", s->bytes_shrunk},
		{"units_copies", s->units_copies}, {"units_dropped", s->units_dropped},
		{"units_in", s->units_in},	   {"units_out", s->units_out},
	};
	bool any = false;

	text_byte(out, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].value) {
			text_format(out, "%s\"%s\":%ju", any ? "," : "", rows[i].name,
				    (uintmax_t)rows[i].value);
			any = true;
		}
	}
	text_byte(out, '}');
}

static inline void maker_close(struct log_maker *m)
{
	text_str(&m->text, "{\"end\":\"eof\",\"lane\":");
	json_str(&m->text, span_str(m->lane.name));
	text_str(&m->text, ",\"reply\":");
	maker_put_stats(&m->text, &m->sides[SIDE_REPLY]);
	text_str(&m->text, ",\"request\":");
	maker_put_stats(&m->text, &m->sides[SIDE_REQUEST]);
	text_format(&m->text, ",\"type\":\"close\",\"wall\":{\"at\":%jd}}\n",
		    (intmax_t)m->now_ns);
	lane_done(&m->lane);
}

static inline void maker_done(struct log_maker *m)
{
	decision_done(&m->decision);
	config_free(m->config);
	text_done(&m->text);
}

/* What is there so far as a file; asserts that it can be written. */
static inline void maker_write(const struct log_maker *m, const char *path)
{
	FILE *f = fopen(path, "w");

	assert(f && fwrite(m->text.data, 1, m->text.len, f) == m->text.len);
	assert(fclose(f) == 0);
}

/* --- what a verb says --- */

struct said {
	int code;
	char out[16384], err[4096]; /* NUL-terminated */
};

static inline void said_read(FILE *file, char *out, size_t cap)
{
	size_t len;

	rewind(file);
	len = fread(out, 1, cap - 1, file);
	out[len] = '\0';
	fclose(file);
}

/* Runs turncoat with its standard output and error caught. args ends with NULL. */
static inline void said_by(const char *const *args, struct said *said)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO);
	char *argv[16] = {"turncoat"};
	int argc = 1;

	assert(out && err && old_out >= 0 && old_err >= 0);
	for (; args[argc - 1]; argc++) {
		assert(argc < 15);
		argv[argc] = (char *)args[argc - 1];
	}
	fflush(stdout);
	fflush(stderr);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	said->code = cli_main(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_err, STDERR_FILENO);
	close(old_out);
	close(old_err);
	said_read(out, said->out, sizeof(said->out));
	said_read(err, said->err, sizeof(said->err));
}

#endif
