/* turncoat help: everything from the tables that also feed the parsers. */
#include "app/config.h"
#include "app/verbs.h"
#include "codec/framer.h"
#include "core/action.h"

#include <stdio.h>

struct key_table {
	const char *section;
	const struct optrow *rows;
};

static const struct key_table KEY_TABLES[] = {
	{"[turncoat]", TURNCOAT_KEYS},	      {"[service NAME]", SERVICE_KEYS},
	{"[proxy NAME]", PROXY_KEYS},	      {"[rule NAME]", RULE_KEYS},
	{"[invariant NAME]", INVARIANT_KEYS}, {"[goal NAME]", GOAL_KEYS},
	{"[watch NAME]", WATCH_KEYS},
};

static void put_rows(const struct optrow *rows)
{
	struct text text = {0};

	for (const struct optrow *row = rows; row->name; row++) {
		text_clear(&text);
		optrow_describe(row, &text);
		printf("    %s\n", text_cstr(&text));
	}
	text_done(&text);
}

static void help_verbs(void)
{
	printf("turncoat " PACKAGE_VERSION ": makes honest services lie\n\nverbs:\n");
	for (const struct verb *verb = VERBS; verb->name; verb++) {
		printf("  %-12s %s\n", verb->name, verb->help);
	}
	printf("\nturncoat help VERB      its options\n"
	       "turncoat help actions   what `do =` takes\n"
	       "turncoat help framers   what `frame =` takes\n"
	       "turncoat help keys      every key of a rule file\n"
	       "turncoat help NAME      one action, framer or key\n\n"
	       "exit codes: 0 passed; 1 the command failed or logs differ; 2 usage, rule "
	       "or "
	       "set-up error;\n"
	       "            3 vacuous: a rule never matched or fired; `run -- CMD` gives "
	       "CMD's "
	       "own\n");
}

static void help_action(const struct action_row *row)
{
	printf("  %s: %s\n", row->name, row->help);
	put_rows(row->options);
}

static void help_framer(const struct framer_row *row)
{
	printf("  %s: %s\n", row->name, row->help);
	put_rows(row->options);
}

static void help_actions(void)
{
	for (const struct action_row *const *row = ACTION_ROWS; *row; row++) {
		help_action(*row);
	}
}

static void help_framers(void)
{
	for (const struct framer_row *const *row = FRAMER_ROWS; *row; row++) {
		help_framer(*row);
	}
}

static void help_keys(void)
{
	for (size_t i = 0; i < sizeof(KEY_TABLES) / sizeof(KEY_TABLES[0]); i++) {
		printf("  %s\n", KEY_TABLES[i].section);
		put_rows(KEY_TABLES[i].rows);
	}
}

/* Whatever is called so: several things may be. */
static bool help_name(const char *name)
{
	bool found = false;

	for (const struct action_row *const *row = ACTION_ROWS; *row; row++) {
		const char *last = strrchr((*row)->name, ' ');

		if (strcmp((*row)->name, name) == 0 ||
		    (last && strcmp(last + 1, name) == 0)) {
			help_action(*row);
			found = true;
		}
	}
	for (const struct framer_row *const *row = FRAMER_ROWS; *row; row++) {
		if (strcmp((*row)->name, name) == 0) {
			help_framer(*row);
			found = true;
		}
	}
	for (size_t i = 0; i < sizeof(KEY_TABLES) / sizeof(KEY_TABLES[0]); i++) {
		int at = optrow_find(KEY_TABLES[i].rows, name);

		if (at >= 0) {
			const struct optrow one[] = {KEY_TABLES[i].rows[at], {0}};

			printf("  %s\n", KEY_TABLES[i].section);
			put_rows(one);
			found = true;
		}
	}
	return found;
}

static int help_about(int argc, char **argv)
{
	struct text name = {0};
	const struct verb *verb;
	int words;
	bool found = true;

	for (int i = 0; i < argc; i++) {
		text_format(&name, "%s%s", i ? " " : "", argv[i]);
	}
	verb = cli_find_verb(argc, argv, &words);
	if (verb) {
		cli_print_help(verb, stdout);
	} else if (cli_print_family(text_cstr(&name), stdout)) {
		found = true;
	} else if (strcmp(text_cstr(&name), "actions") == 0) {
		help_actions();
	} else if (strcmp(text_cstr(&name), "framers") == 0) {
		help_framers();
	} else if (strcmp(text_cstr(&name), "keys") == 0) {
		help_keys();
	} else {
		found = help_name(text_cstr(&name));
	}
	if (!found) {
		cli_complain("help",
			     "nothing is called '%s'; there are the verbs, actions, "
			     "framers and keys",
			     text_cstr(&name));
	}
	text_done(&name);
	return found ? EXIT_PASSED : EXIT_USAGE;
}

int cmd_help(const struct verb *verb, int argc, char **argv)
{
	(void)verb;
	if (argc <= 1) {
		help_verbs();
		return EXIT_PASSED;
	}
	return help_about(argc - 1, argv + 1);
}

int cmd_version(const struct verb *verb, int argc, char **argv)
{
	(void)verb;
	(void)argc;
	(void)argv;
	printf("turncoat " PACKAGE_VERSION "\n");
	return EXIT_PASSED;
}
