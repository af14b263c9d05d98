/* The manual pages and the tables say the same: every verb, option, exit code, section
 * key, action, framer, log line type and outcome of the tables is in its page, as the
 * tables have it, and the pages' marked sections have nothing else.
 *
 * Marked are the sections below. In them, a `.Ss` names a row of a table, and each `.It`
 * that begins with Ic, Cm or Fl is an item; lists of other kinds are prose. An item's
 * line is made from the option's row, so that name, value, range and default can't drift:
 *
 *	.It Fl -seed Ns = Ns Ar N			a verb's option
 *	.It Ic drain No = Ar TIME Pq 0ms..24h, ...	a key of a section
 *	.It Cm time Ns = Ns Ar TIME Pq required, ...	an action's or framer's option
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/config.h"
#include "app/verbs.h"
#include "codec/framer.h"
#include "core/action.h"
#include "core/decision.h"
#include "core/schedule.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 1 << 20, LINES_MAX = 8192 };

/* A heading or item of a marked section. */
struct item {
	const char *section, *subsection; /* subsection: "" above the first */
	const char *line;		  /* as in the page; NULL: the .Ss itself */
	bool claimed;
};

struct page {
	struct arena arena;
	const char *name;
	struct item *items;
	size_t num_items;
	struct text wrong; /* a line each */
};

#define ACTIONS "ACTIONS AND THEIR OPTIONS"
#define FRAMERS "FRAMERS AND THEIR OPTIONS"

static const char *const MARKED[] = {
	"VERBS",    "EXIT STATUS", "LINE TYPES", "OUTCOMES",
	"SECTIONS", ACTIONS,	   FRAMERS,	 NULL,
};

/* --- reading --- */

/* The text behind a macro that begins the line, or NULL. */
static const char *behind(const char *line, const char *macro)
{
	size_t len = strlen(macro);

	return strncmp(line, macro, len) == 0 ? line + len : NULL;
}

static bool is_marked(const char *section)
{
	for (const char *const *name = MARKED; *name; name++) {
		if (strcmp(*name, section) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_item(const char *line)
{
	return behind(line, ".It Ic ") || behind(line, ".It Cm ") ||
	       behind(line, ".It Fl ");
}

static void page_take(struct page *page, const char *section, const char *subsection,
		      const char *line)
{
	assert_in_range(page->num_items, 0, LINES_MAX - 1);
	page->items[page->num_items++] = (struct item){section, subsection, line, false};
}

static void page_parse(struct page *page, const char *name, struct span text)
{
	char *rest = arena_copy_span(&page->arena, text);
	const char *section = "", *subsection = "";
	char *line;

	page->name = name;
	page->items = arena_take_array(&page->arena, LINES_MAX, sizeof(*page->items));
	while ((line = strsep(&rest, "\n"))) {
		if (behind(line, ".Sh ")) {
			section = behind(line, ".Sh ");
			subsection = "";
		} else if (behind(line, ".Ss ")) {
			subsection = behind(line, ".Ss ");
			if (is_marked(section)) {
				page_take(page, section, subsection, NULL);
			}
		} else if (is_marked(section) && is_item(line)) {
			page_take(page, section, subsection, line);
		}
	}
}

static struct span page_text(const char *name, struct arena *arena)
{
	const char *top = getenv("top_srcdir");
	struct span text = {0};
	struct err err = {0};

	file_read(arena_format(arena, "%s/contrib/man/%s", top ? top : ".", name),
		  PAGE_BYTES_MAX, arena, &text, &err);
	assert_string_equal(err.text, "");
	return text;
}

static void page_done(struct page *page)
{
	text_done(&page->wrong);
	arena_done(&page->arena);
}

/* --- holding against --- */

/* The page must have this; line NULL: the heading. */
static void claim(struct page *page, const char *section, const char *subsection,
		  const char *line)
{
	for (size_t i = 0; i < page->num_items; i++) {
		struct item *item = &page->items[i];

		if (!item->claimed && strcmp(item->section, section) == 0 &&
		    strcmp(item->subsection, subsection) == 0 && !item->line == !line &&
		    (!line || strcmp(item->line, line) == 0)) {
			item->claimed = true;
			return;
		}
	}
	text_format(&page->wrong, "%s: %s: %s lacks: %s\n", page->name, section,
		    subsection, line ? line : "the heading");
}

static void name_unclaimed(struct page *page)
{
	for (size_t i = 0; i < page->num_items; i++) {
		const struct item *item = &page->items[i];

		if (!item->claimed) {
			text_format(&page->wrong, "%s: %s: nothing is called: %s %s\n",
				    page->name, item->section, item->subsection,
				    item->line ? item->line : "(the heading)");
		}
	}
}

/* "time=TIME (required, 0ms..1h)  how long" of the row's help: the value, and what is in
 * the parentheses. */
static void describe(const struct optrow *row, struct arena *arena,
		     const char **out_value, const char **out_limits)
{
	struct text text = {0};
	char *value, *end;

	optrow_describe(row, &text);
	value = arena_copy_text(arena, text_cstr(&text) + strlen(row->name) + 1);
	text_done(&text);
	end = strstr(value, "  ");
	assert_non_null(end);
	*end = '\0';
	*out_value = value;
	*out_limits = NULL;
	end = strstr(value, " (");
	if (end) {
		*end = '\0';
		*out_limits = end + 2;
		end[strlen(end + 2) + 1] = '\0'; /* the closing one */
	}
}

static void claim_rows(struct page *page, const char *section, const char *subsection,
		       const char *macro, const char *equals, const struct optrow *rows)
{
	for (const struct optrow *row = rows; row->name; row++) {
		const char *value, *limits;

		describe(row, &page->arena, &value, &limits);
		claim(page, section, subsection,
		      arena_format(&page->arena, ".It %s %s %s Ar %s%s%s", macro,
				   row->name, equals, value, limits ? " Pq " : "",
				   limits ? limits : ""));
	}
}

static void claim_verb(struct page *page, const struct verb *verb)
{
	claim(page, "VERBS", verb->name, NULL);
	for (const struct optrow *row = verb->options; row->name; row++) {
		const char *value, *limits;

		describe(row, &page->arena, &value, &limits);
		claim(page, "VERBS", verb->name,
		      row->type == OPT_BOOL
			      ? arena_format(&page->arena, ".It Fl -%s", row->name)
			      : arena_format(&page->arena, ".It Fl -%s Ns = Ns Ar %s",
					     row->name, value));
	}
}

/* Has the enum this code? The compiler tells when it grows. */
static bool is_exit_code(int code)
{
	switch ((enum exit_code)code) {
	case EXIT_PASSED:
	case EXIT_CMD_FAILED:
	case EXIT_USAGE:
	case EXIT_VACUOUS:
	case EXIT_DIVERGED:
	case EXIT_SKIP:
		return true;
	}
	return false;
}

static const char *const LINE_TYPES[] = {
	"header", "open",  "unit",  "cell-end", "sent",		  "stall",   "late",
	"note",	  "rules", "close", "reload",	"reload-refused", "summary", NULL,
};

static void hold_program_page(struct page *page)
{
	for (const struct verb *verb = VERBS; verb->name; verb++) {
		claim_verb(page, verb);
	}
	for (int code = 0; code < 256; code++) {
		if (is_exit_code(code)) {
			claim(page, "EXIT STATUS", "",
			      arena_format(&page->arena, ".It Ic %d", code));
		}
	}
	for (const char *const *type = LINE_TYPES; *type; type++) {
		claim(page, "LINE TYPES", "",
		      arena_format(&page->arena, ".It Cm %s", *type));
	}
	for (int outcome = 0; outcome < NUM_OUTCOME; outcome++) {
		claim(page, "OUTCOMES", "",
		      arena_format(&page->arena, ".It Cm %s",
				   outcome_name((enum outcome)outcome)));
	}
	name_unclaimed(page);
}

static void hold_rules_page(struct page *page)
{
	static const struct {
		const char *title;
		const struct optrow *rows;
	} SECTIONS[] = {
		{"Section turncoat", TURNCOAT_KEYS},
		{"Section service NAME", SERVICE_KEYS},
		{"Section proxy NAME", PROXY_KEYS},
		{"Section rule NAME", RULE_KEYS},
		{"Section invariant NAME", INVARIANT_KEYS},
		{"Section goal NAME", GOAL_KEYS},
		{"Section watch NAME", WATCH_KEYS},
	};

	for (size_t i = 0; i < sizeof(SECTIONS) / sizeof(SECTIONS[0]); i++) {
		claim(page, "SECTIONS", SECTIONS[i].title, NULL);
		claim_rows(page, "SECTIONS", SECTIONS[i].title, "Ic",
			   "No =", SECTIONS[i].rows);
	}
	for (const struct action_row *const *row = ACTION_ROWS; *row; row++) {
		claim(page, ACTIONS, (*row)->name, NULL);
		claim_rows(page, ACTIONS, (*row)->name, "Cm", "Ns = Ns", (*row)->options);
	}
	for (const struct framer_row *const *row = FRAMER_ROWS; *row; row++) {
		claim(page, FRAMERS, (*row)->name, NULL);
		claim_rows(page, FRAMERS, (*row)->name, "Cm", "Ns = Ns", (*row)->options);
	}
	name_unclaimed(page);
}

/* --- tests --- */

struct row {
	const char *page;
	void (*hold)(struct page *page);
};

static const struct row PROGRAM = {"turncoat.1", hold_program_page};
static const struct row RULES = {"turncoat.ini.5", hold_rules_page};

/* What is wrong with the page when its first `old` reads `new`; NULL old: as it is. */
static char *complaints(const struct row *row, const char *old, const char *new)
{
	struct page page = {0};
	struct span text = page_text(row->page, &page.arena);
	struct text edited = {0};
	const char *found = old ? strstr((const char *)text.data, old) : NULL;
	char *wrong;

	if (old) {
		size_t at;

		assert_non_null(found);
		at = (size_t)(found - (const char *)text.data);
		text_bytes(&edited, text.data, at);
		text_str(&edited, new);
		text_bytes(&edited, found + strlen(old), text.len - at - strlen(old));
		text = span_of(edited.data, edited.len);
	}
	page_parse(&page, row->page, text);
	row->hold(&page);
	wrong = strdup(text_cstr(&page.wrong));
	text_done(&edited);
	page_done(&page);
	return wrong;
}

static void check_page(const struct row *row)
{
	char *wrong = complaints(row, NULL, NULL);
	bool fine = !*wrong;

	fputs(wrong, stderr);
	free(wrong);
	assert_true(fine);
}

static void check_finds(const struct row *row, const char *old, const char *new,
			const char *complaint)
{
	char *wrong = complaints(row, old, new);

	if (!strstr(wrong, complaint)) {
		assert_string_equal(wrong, complaint);
	}
	free(wrong);
}

static void the_program_page_has_what_the_tables_have(void **state)
{
	(void)state;
	check_page(&PROGRAM);
}

static void the_rules_page_has_what_the_tables_have(void **state)
{
	(void)state;
	check_page(&RULES);
}

static void what_is_missing_is_found(void **state)
{
	(void)state;
	check_finds(&PROGRAM, ".Ss check\n", "", "VERBS: check lacks: the heading");
	check_finds(&PROGRAM, ".It Fl -strict\n", "", "run lacks: .It Fl -strict");
	check_finds(&PROGRAM, ".It Ic 3\n", "", "lacks: .It Ic 3");
	check_finds(&PROGRAM, ".It Cm cell-end\n", "", "lacks: .It Cm cell-end");
	check_finds(&PROGRAM, ".It Cm shadowed\n", "", "lacks: .It Cm shadowed");
	check_finds(&RULES, ".It Ic drain", ".It Sy drain",
		    "Section turncoat lacks: .It Ic drain No = Ar TIME Pq 0ms..24h, "
		    "default 2s");
	check_finds(&RULES, ".It Cm copies", ".It Sy copies",
		    "duplicate lacks: .It Cm copies");
	check_finds(&RULES, ".Ss line\n", "", FRAMERS ": line lacks: the heading");
}

static void what_is_not_there_is_found(void **state)
{
	(void)state;
	check_finds(&PROGRAM, ".Ss check\n", ".Ss check\n.It Fl -fast\n",
		    "nothing is called: check .It Fl -fast");
	check_finds(&PROGRAM, ".Ss check\n", ".Ss chess\n.Ss check\n",
		    "nothing is called: chess (the heading)");
	check_finds(&PROGRAM, ".It Ic 3\n", ".It Ic 3\n.It Ic 5\n",
		    "nothing is called:  .It Ic 5");
	check_finds(&RULES, ".Ss drop\n", ".Ss drop\n.It Cm often Ns = Ns Ar N\n",
		    "nothing is called: drop .It Cm often");
	check_finds(&RULES, ".Ss raw\n", ".Ss raw\n.It Cm cell Ns = Ns Ar BYTES\n",
		    "nothing is called: raw .It Cm cell");
}

static void a_default_or_range_that_differs_is_found(void **state)
{
	(void)state;
	check_finds(&RULES, "default 2s", "default 3s", "lacks: .It Ic drain");
	check_finds(&RULES, ".It Cm bits Ns = Ns Ar N Pq 1..4096",
		    ".It Cm bits Ns = Ns Ar N Pq 1..4097",
		    "mutate flip lacks: .It Cm bits");
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(the_program_page_has_what_the_tables_have),
		cmocka_unit_test(the_rules_page_has_what_the_tables_have),
		cmocka_unit_test(what_is_missing_is_found),
		cmocka_unit_test(what_is_not_there_is_found),
		cmocka_unit_test(a_default_or_range_that_differs_is_found),
	};

	return cmocka_run_group_tests_name("manual", TESTS, NULL, NULL);
}
