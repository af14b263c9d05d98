#include "app/watch.h"

#include "base/quantity.h"
#include "codec/flowfilter.h"

#include <stdio.h>
#include <stdlib.h>

bool watch_is_on(const struct watch_spec *watch, const char *proxy)
{
	bool named = !watch->target.on;

	for (const char *const *on = watch->target.on; on && *on; on++) {
		named |= strcmp(*on, proxy) == 0;
	}
	return named;
}

void watches_init(struct watches *watches, const struct watch_spec *specs, size_t num,
		  struct findings *findings)
{
	*watches = (struct watches){
		.specs = specs,
		.num = num,
		.seen = xcalloc(num + 1, sizeof(uint64_t)),
		.findings = findings,
	};
}

void watches_done(struct watches *watches)
{
	free(watches->seen);
	text_done(&watches->note);
	*watches = (struct watches){0};
}

static bool is_about(const struct watch_spec *watch, const struct watched_unit *unit)
{
	const struct rule *target = &watch->target;

	return watch_is_on(watch, unit->proxy) &&
	       match_unit(&target->match, unit->side, unit->unit) &&
	       (!target->lane || glob_match(target->lane, unit->lane)) &&
	       (!target->filter || flowfilter_match(target->filter, unit->addrs));
}

/* To the findings, and to whoever reads along. */
static void found(struct watches *watches, enum finding_kind kind,
		  const struct watch_spec *watch, const char *why, int64_t at_ns)
{
	findings_add(watches->findings, kind, watch->target.name, why, at_ns);
	fprintf(stderr, "turncoat: %s: watch %s: %s, %.1f s into the run\n",
		finding_kind_name(kind), watch->target.name, why, (double)at_ns / 1e9);
}

static void put_identity(const struct watched_unit *unit, struct text *out)
{
	text_format(out, "%s:%s:%s:%llu", unit->lane, side_name(unit->side),
		    unit->unit->class, (unsigned long long)unit->unit->k);
}

static void detected(struct watches *watches, size_t i, const struct watched_unit *unit)
{
	const struct watch_spec *watch = &watches->specs[i];
	struct text *note = &watches->note;

	text_str(note, note->len ? ", " : "");
	text_str(note, watch->target.name);
	if (watches->seen[i] == watch->more_than + 1) {
		struct text why = {0};

		put_identity(unit, &why);
		text_str(&why, watch->more_than ? " is one too many" : " was seen");
		found(watches, FINDING_SAFETY, watch, text_cstr(&why), unit->at_ns);
		text_done(&why);
	}
}

const char *watches_unit(void *ctx, const struct watched_unit *unit)
{
	struct watches *watches = ctx;

	text_clear(&watches->note);
	for (size_t i = 0; i < watches->num; i++) {
		const struct watch_spec *watch = &watches->specs[i];

		if (!is_about(watch, unit)) {
			continue;
		}
		watches->seen[i]++;
		if (watch->expect == WATCH_NONE && watches->seen[i] > watch->more_than) {
			detected(watches, i, unit);
		}
	}
	return watches->note.len ? text_cstr(&watches->note) : NULL;
}

void watches_end(struct watches *watches, int64_t at_ns)
{
	for (size_t i = 0; i < watches->num; i++) {
		const struct watch_spec *watch = &watches->specs[i];
		struct text why = {0};

		if (watch->expect != WATCH_SOME || watches->seen[i] > watch->more_than) {
			continue;
		}
		text_format(&why, "%llu such units came, more than %llu were expected",
			    (unsigned long long)watches->seen[i],
			    (unsigned long long)watch->more_than);
		found(watches, FINDING_LIVENESS, watch, text_cstr(&why), at_ns);
		text_done(&why);
	}
}

void watch_describe(const struct watch_spec *watch, struct text *out)
{
	const struct rule *target = &watch->target;

	text_format(out, "watch %s (%s:%u): ", target->name, target->file, target->line);
	if (watch->expect == WATCH_NONE && watch->more_than == 0) {
		text_str(out, "no ");
	} else {
		text_format(out, "%s %llu times a ",
			    watch->expect == WATCH_NONE ? "at most" : "more than",
			    (unsigned long long)watch->more_than);
	}
	rule_describe_units(target, out);
	text_str(out, " comes\n");
}
