#include "app/shrink_outcome.h"

#include "app/log_common.h"
#include "io/file.h"

#include <stdlib.h>

enum { RESULT_BYTES_MAX = 16 << 20 };

static const char PASSED[] = "passed";
static const char UNRESOLVED[] = "unresolved: ";

static bool has_kind(const json_t *findings, const char *kind)
{
	json_t *finding;
	size_t i;

	json_array_foreach((json_t *)findings, i, finding)
	{
		if (strcmp(json_text(finding, "kind", ""), kind) == 0) {
			return true;
		}
	}
	return false;
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Each kind and name once, in an order that does not hang on which came first. */
static void put_findings(const json_t *findings, struct text *out)
{
	size_t num = json_array_size(findings), i;
	char **words = xcalloc(num + 1, sizeof(*words));
	struct text word = {0};
	json_t *finding;

	json_array_foreach((json_t *)findings, i, finding)
	{
		text_clear(&word);
		text_format(&word, "%s:%s", json_text(finding, "kind", "?"),
			    json_text(finding, "name", "?"));
		words[i] = xstrdup(text_cstr(&word));
	}
	qsort(words, num, sizeof(*words), compare_texts);
	for (i = 0; i < num; i++) {
		if (i == 0 || strcmp(words[i], words[i - 1]) != 0) {
			text_byte(out, ' ');
			text_str(out, words[i]);
		}
	}
	for (i = 0; i < num; i++) {
		free(words[i]);
	}
	free(words);
	text_done(&word);
}

void shrink_outcome_put(const json_t *result, bool needs_all, struct text *out)
{
	const char *verdict = json_text(result, "verdict", NULL);
	const json_t *findings = json_object_get(result, "findings");

	if (!verdict) {
		text_format(out, "%sit left no result", UNRESOLVED);
	} else if (has_kind(findings, "setup")) {
		text_format(out, "%sit was not set up", UNRESOLVED);
	} else if (has_kind(findings, "diverged") ||
		   (needs_all && *json_text(result, "vacuous", ""))) {
		text_format(out, "%sthe unit of a fault did not come", UNRESOLVED);
	} else if (strcmp(verdict, PASSED) == 0 || strcmp(verdict, "vacuous") == 0) {
		text_str(out, PASSED);
	} else {
		text_str(out, verdict);
		put_findings(findings, out);
		if (strcmp(verdict, "failed") == 0) {
			text_format(out, ", exit status %lld",
				    (long long)json_i64(result, "exit", -1));
		}
	}
}

void shrink_outcome_read(const char *path, bool needs_all, struct text *out)
{
	struct arena arena = {0};
	json_t *result = NULL;
	json_error_t why;
	struct span text;

	if (file_read(path, RESULT_BYTES_MAX, &arena, &text, NULL) == 0) {
		result = json_loadb((const char *)text.data, text.len, 0, &why);
	}
	shrink_outcome_put(result, needs_all, out);
	json_decref(result);
	arena_done(&arena);
}

bool shrink_outcome_passed(const char *outcome)
{
	return strcmp(outcome, PASSED) == 0;
}

bool shrink_outcome_unresolved(const char *outcome)
{
	return strncmp(outcome, UNRESOLVED, sizeof(UNRESOLVED) - 1) == 0;
}
