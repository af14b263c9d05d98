/* P3: adding, removing or reordering rules moves no other rule's draws: it matches,
 * fires and draws on the same units as before, though what it fires on may have been
 * ended by another rule now. Over random cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cases.h"

#include <stdlib.h>

enum { NUM_CASES = 1500, BLOCKS_MAX = 16, UNITS_MAX = 8000 };

static unsigned long num_compared, num_fired, num_drawn;

/* The case's rules in another order, some gone, some new ones among them. */
static void other_rules(const struct random_case *c, struct text *out)
{
	static const char *const NEW[] = {"", "x", "yx", "xyz"};
	struct rng rng = rng_new(c->seed ^ 0xabcdef);
	struct text all = {0};
	const char *blocks[BLOCKS_MAX];
	size_t order[BLOCKS_MAX];
	size_t num = 0;

	text_str(&all, text_cstr(&c->rules));
	case_rules(&rng, &(struct case_wish){0}, NEW[rng_below(&rng, 4)], &all);
	for (const char *at = strchr(text_cstr(&all), '['); at; num++) {
		const char *next = strstr(at, "\n[");

		blocks[num] = at;
		order[num] = num;
		at = next ? next + 1 : NULL;
	}
	rng_shuffle(&rng, order, num);
	for (size_t i = 0; i < num; i++) {
		const char *block = blocks[order[i]];
		const char *end = strstr(block, "\n[");

		if (!rng_odds(&rng, 1, 4)) {
			text_bytes(out, block,
				   end ? (size_t)(end + 1 - block) : strlen(block));
		}
	}
	text_done(&all);
}

struct unit_line {
	char identity[128];
	const char *line;
	size_t len;
};

struct unit_lines {
	struct unit_line *lines;
	size_t num;
};

static int compare_identities(const void *left, const void *right)
{
	const struct unit_line *a = left, *b = right;

	return strcmp(a->identity, b->identity);
}

static void copy_value(const char *line, size_t len, const char *key, char *out,
		       size_t cap)
{
	const char *at = memmem(line, len, key, strlen(key));
	size_t num = 0;

	assert_non_null(at);
	at += strlen(key);
	while (at[num] != ',' && at[num] != '}' && num + 1 < cap) {
		out[num] = at[num];
		num++;
	}
	out[num] = '\0';
}

static struct unit_lines unit_lines(const struct result *result)
{
	struct unit_lines all = {calloc(UNITS_MAX, sizeof(struct unit_line)), 0};
	const char *line = text_cstr(&result->canon);

	for (; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");
		char class[40], k[24], lane[48], side[16];
		struct unit_line *unit;

		if (!memmem(line, len, "\"type\":\"unit\"", 13)) {
			continue;
		}
		assert_true(all.num < UNITS_MAX);
		unit = &all.lines[all.num++];
		copy_value(line, len, "{\"class\":", class, sizeof(class));
		copy_value(line, len, "\"k\":", k, sizeof(k));
		copy_value(line, len, "\"lane\":", lane, sizeof(lane));
		copy_value(line, len, "\"side\":", side, sizeof(side));
		snprintf(unit->identity, sizeof(unit->identity), "%s %s %s %s", lane,
			 side, class, k);
		unit->line = line;
		unit->len = len;
	}
	qsort(all.lines, all.num, sizeof(*all.lines), compare_identities);
	return all;
}

/* "fired", "chance", … of a rule of that letter; "-" when it did not match. */
static void outcome_of(const struct unit_line *unit, char name, char *out, size_t cap)
{
	const char *rules = memmem(unit->line, unit->len, "\"rules\":{", 9);
	char key[8];

	snprintf(key, sizeof(key), "\"%c\":", name);
	snprintf(out, cap, "-");
	if (rules) {
		const char *end = strchr(rules, '}');

		if (memmem(rules, (size_t)(end - rules), key, 4)) {
			copy_value(rules, (size_t)(end - rules), key, out, cap);
		}
	}
}

/* The rule's effects, one after the other. */
static void effects_of(const struct unit_line *unit, char name, char *out, size_t cap)
{
	const char *at = memmem(unit->line, unit->len, "\"effects\":[", 11);
	char key[16];
	size_t num = 0;

	snprintf(key, sizeof(key), "\"rule\":\"%c\"", name);
	at = at ? at + 11 : NULL;
	while (at && *at == '{') {
		size_t len = strcspn(at, "}") + 1;

		if (memmem(at, len, key, strlen(key)) && num + len < cap) {
			memcpy(out + num, at, len);
			num += len;
		}
		at += len + (at[len] == ',');
	}
	out[num] = '\0';
}

static bool fires(const char *outcome)
{
	return strcmp(outcome, "\"fired\"") == 0 || strcmp(outcome, "\"shadowed\"") == 0;
}

static bool rule_alike(const struct unit_line *a, const struct unit_line *b, char name)
{
	char one[32], other[32], effects_one[512], effects_other[512];

	outcome_of(a, name, one, sizeof(one));
	outcome_of(b, name, other, sizeof(other));
	num_compared++;
	num_fired += fires(one);
	if (fires(one) ? !fires(other) : strcmp(one, other) != 0) {
		fprintf(stderr, "rule %c at %s: %s and %s\n", name, a->identity, one,
			other);
		return false;
	}
	if (strcmp(one, "\"fired\"") == 0 && strcmp(other, "\"fired\"") == 0) {
		effects_of(a, name, effects_one, sizeof(effects_one));
		effects_of(b, name, effects_other, sizeof(effects_other));
		num_drawn++;
		if (!effects_one[0] || strcmp(effects_one, effects_other) != 0) {
			fprintf(stderr, "rule %c at %s: %s and %s\n", name, a->identity,
				effects_one, effects_other);
			return false;
		}
	}
	return true;
}

static bool has_rule(const char *rules, char name)
{
	char head[8];

	snprintf(head, sizeof(head), "[%c]\n", name);
	return strstr(rules, head) != NULL;
}

static bool all_alike(const struct random_case *c, const char *others,
		      const struct result *a, const struct result *b)
{
	struct unit_lines left = unit_lines(a), right = unit_lines(b);
	size_t i = 0, j = 0;
	bool same = true;

	/* A cut ends a lane for one of them only: compare what both have. */
	while (same && i < left.num && j < right.num) {
		int order = compare_identities(&left.lines[i], &right.lines[j]);

		for (char name = 'a'; same && order == 0 && name <= 'z'; name++) {
			if (has_rule(text_cstr(&c->rules), name) &&
			    has_rule(others, name)) {
				same = rule_alike(&left.lines[i], &right.lines[j], name);
			}
		}
		i += order <= 0;
		j += order >= 0;
	}
	free(left.lines);
	free(right.lines);
	return same;
}

static bool independence_holds(const struct random_case *c)
{
	struct text others = {0};
	struct result a, b;
	bool same;

	other_rules(c, &others);
	case_play(c, &(struct way){.seed = 1}, &a);
	case_play(c, &(struct way){.seed = 1, .rules = text_cstr(&others)}, &b);
	same = all_alike(c, text_cstr(&others), &a, &b);
	if (!same) {
		fprintf(stderr, "the other rules:\n%s", text_cstr(&others));
	}
	result_done(&a);
	result_done(&b);
	text_done(&others);
	return same;
}

static void other_rules_move_no_rules_draws(void **state)
{
	(void)state;
	assert_true(cases_hold("P3", 700000, NUM_CASES,
			       &(struct case_wish){.always_eof = true,
						   .labels_by_source = true,
						   .never_passthrough = true},
			       independence_holds));
	if (!getenv("TURNCOAT_CASE")) {
		assert_true(num_compared > 10000 && num_fired > 2000 && num_drawn > 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_rules_move_no_rules_draws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
