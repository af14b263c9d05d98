#include "app/findings.h"

#include <stdlib.h>

static const struct {
	const char *verdict;
	const char *noun; /* of what bears the name, for people */
} KINDS[] = {
	[FINDING_SETUP] = {"setup", ""},
	[FINDING_CRASH] = {"crash", ""},
	[FINDING_SAFETY] = {"safety", "invariant "},
	[FINDING_LIVENESS] = {"liveness", "goal "},
	[FINDING_TIMEOUT] = {"timeout", ""},
	[FINDING_FAILED] = {"failed", ""},
	[FINDING_DIVERGED] = {"diverged", ""},
	[FINDING_VACUOUS] = {"vacuous", ""},
	[NUM_FINDING] = {"passed", ""},
};
_Static_assert(sizeof(KINDS) / sizeof(KINDS[0]) == NUM_FINDING + 1, "a row a kind");

void findings_done(struct findings *findings)
{
	free(findings->list);
	arena_done(&findings->arena);
	*findings = (struct findings){0};
}

const struct finding *findings_add(struct findings *findings, enum finding_kind kind,
				   const char *name, const char *text, int64_t at_ns)
{
	struct finding *finding;

	if (findings->num == findings->cap) {
		findings->cap = findings->cap ? 2 * findings->cap : 8;
		findings->list =
			xrealloc(findings->list, findings->cap * sizeof(*findings->list));
	}
	finding = &findings->list[findings->num++];
	*finding = (struct finding){
		.kind = kind,
		.name = arena_copy_text(&findings->arena, name),
		.text = arena_copy_text(&findings->arena, text),
		.at_ns = at_ns,
	};
	return finding;
}

bool findings_have(const struct findings *findings, enum finding_kind kind)
{
	for (size_t i = 0; i < findings->num; i++) {
		if (findings->list[i].kind == kind) {
			return true;
		}
	}
	return false;
}

enum finding_kind findings_gravest(const struct findings *findings)
{
	enum finding_kind gravest = NUM_FINDING;

	for (size_t i = 0; i < findings->num; i++) {
		if (findings->list[i].kind < gravest) {
			gravest = findings->list[i].kind;
		}
	}
	return gravest;
}

const char *finding_kind_name(enum finding_kind kind)
{
	return KINDS[kind].verdict;
}

void finding_describe(const struct finding *finding, struct text *out)
{
	text_format(out, "turncoat: %s: %s%s: %s, %.1f s into the run\n",
		    KINDS[finding->kind].verdict, KINDS[finding->kind].noun,
		    finding->name, finding->text, (double)finding->at_ns / 1e9);
}
