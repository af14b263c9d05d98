#include "app/cli.h"

#include "base/nearest.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_complain(const char *verb, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "turncoat: %s%s", verb ? verb : "", verb ? ": " : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

const struct optval *cli_opt(const struct verb *verb, const struct cli *cli,
			     const char *name)
{
	int at = optrow_find(verb->options, name);

	assert(at >= 0);
	return &cli->vals[at];
}

const char *cli_text(const struct verb *verb, const struct cli *cli, const char *name)
{
	const struct optval *val = cli_opt(verb, cli, name);

	return val->given ? val->text : NULL;
}

bool cli_flag(const struct verb *verb, const struct cli *cli, const char *name)
{
	return cli_opt(verb, cli, name)->num != 0;
}

bool cli_opt_here(const struct verb *verb, const struct cli *cli, const char *name)
{
	const struct optval *val = cli_opt(verb, cli, name);

	return val->given && !cli->from_environment[val - cli->vals];
}

/* What people type without looking; every other option has its name only. */
static const struct short_form {
	char letter;
	const char *name;
} SHORT_FORMS[] = {
	{'o', "output"},
	{'q', "quiet"},
};

enum { NUM_SHORT_FORMS = sizeof(SHORT_FORMS) / sizeof(SHORT_FORMS[0]) };

/* The option that "-o" and the like stand for; NULL: none. */
static const char *long_form(const char *word)
{
	for (size_t i = 0; i < NUM_SHORT_FORMS; i++) {
		if (word[1] == SHORT_FORMS[i].letter && !word[2]) {
			return SHORT_FORMS[i].name;
		}
	}
	return NULL;
}

void cli_print_help(const struct verb *verb, FILE *to)
{
	struct text text = {0};

	fprintf(to, "usage: turncoat %s %s\n\n%s\n", verb->name, verb->usage, verb->help);
	if (verb->more) {
		fprintf(to, "\n%s\n", verb->more);
	}
	if (verb->options[0].name) {
		fputs("\noptions (each also as TURNCOAT_NAME in the environment):\n", to);
	}
	for (const struct optrow *row = verb->options; row->name; row++) {
		text_clear(&text);
		for (size_t i = 0; i < NUM_SHORT_FORMS; i++) {
			if (strcmp(SHORT_FORMS[i].name, row->name) == 0) {
				text_format(&text, "-%c, ", SHORT_FORMS[i].letter);
			}
		}
		text_str(&text, "--");
		if (row->type == OPT_BOOL) {
			text_format(&text, "%s  %s", row->name, row->help);
		} else {
			optrow_describe(row, &text);
		}
		fprintf(to, "  %s\n", text_cstr(&text));
	}
	text_done(&text);
}

/* "show" of "log show" with "log"; NULL when the verb's name does not begin so. */
static const char *behind_word(const struct verb *verb, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(verb->name, word, len) != 0 || verb->name[len] != ' ') {
		return NULL;
	}
	return verb->name + len + 1;
}

bool cli_print_family(const char *word, FILE *to)
{
	bool any = false;

	for (const struct verb *verb = VERBS; verb->name; verb++) {
		if (!behind_word(verb, word)) {
			continue;
		}
		if (!any) {
			fprintf(to, "usage: turncoat %s VERB ...\n\n", word);
			any = true;
		}
		fprintf(to, "  %-12s %s\n", verb->name, verb->help);
	}
	if (any) {
		fprintf(to, "\nturncoat %s VERB --help shows a verb's options.\n", word);
	}
	return any;
}

/* "log-format" is TURNCOAT_LOG_FORMAT. */
static const char *environment_of(const struct optrow *row, struct arena *arena)
{
	char *name = arena_format(arena, "TURNCOAT_%s", row->name);

	for (char *c = name; *c; c++) {
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	}
	return getenv(name);
}

static int read_environment(const struct verb *verb, struct cli *cli, struct err *err)
{
	for (size_t i = 0; verb->options[i].name; i++) {
		const struct optrow *row = &verb->options[i];
		const char *value = environment_of(row, &cli->arena);

		if (value && *value &&
		    optrow_parse(row, value, &cli->arena, &cli->vals[i], err) < 0) {
			return err_context(err, "in the environment");
		}
		cli->from_environment[i] = value && *value;
	}
	return 0;
}

static int unknown_option(const struct verb *verb, const char *name, struct err *err)
{
	const char *names[CLI_OPTIONS_MAX + 2];
	const char *near;
	size_t num = 0;

	for (; verb->options[num].name; num++) {
		names[num] = verb->options[num].name;
	}
	names[num++] = "help";
	names[num] = NULL;
	near = nearest_name(name, names);
	return near ? err_set(err, ERR_INPUT, "no option --%s; did you mean --%s?", name,
			      near)
		    : err_set(err, ERR_INPUT, "no option --%s; see turncoat %s --help",
			      name, verb->name);
}

/* `value` may be NULL: then it is the word behind argv[*at], or "yes" for a switch. */
static int take_option(const struct verb *verb, const char *name, const char *value,
		       int argc, char **argv, int *at, struct cli *cli, struct err *err)
{
	int index = optrow_find(verb->options, name);
	const struct optrow *row;

	if (index < 0) {
		return unknown_option(verb, name, err);
	}
	row = &verb->options[index];
	cli->from_environment[index] = false;
	if (!value && row->type == OPT_BOOL) {
		value = "yes";
	} else if (!value) {
		if (*at + 1 >= argc) {
			return err_set(err, ERR_INPUT, "--%s needs a value", name);
		}
		value = argv[++*at];
	}
	return optrow_parse(row, value, &cli->arena, &cli->vals[index], err);
}

/* "--name", "--name=value", "--name value", "-o" or "-o value" at argv[*at]. */
static int read_option(const struct verb *verb, int argc, char **argv, int *at,
		       struct cli *cli, struct err *err)
{
	const char *word = argv[*at];
	const char *name, *equals;

	if (word[1] != '-') {
		name = long_form(word);
		if (!name || optrow_find(verb->options, name) < 0) {
			return err_set(err, ERR_INPUT,
				       "no option %s; see turncoat %s --help", word,
				       verb->name);
		}
		return take_option(verb, name, NULL, argc, argv, at, cli, err);
	}
	name = word + 2;
	equals = strchr(name, '=');
	if (equals) {
		name = arena_copy_span(&cli->arena,
				       span_of(name, (size_t)(equals - name)));
	}
	return take_option(verb, name, equals ? equals + 1 : NULL, argc, argv, at, cli,
			   err);
}

static int read_words(const struct verb *verb, int argc, char **argv, struct cli *cli,
		      struct err *err)
{
	cli->args = arena_take_array(&cli->arena, (size_t)argc + 1, sizeof(*cli->args));
	for (int at = 1; at < argc; at++) {
		if (strcmp(argv[at], "--") == 0) {
			cli->command = &argv[at + 1];
			break;
		}
		if (argv[at][0] != '-' || !argv[at][1]) {
			cli->args[cli->num_args++] = argv[at];
		} else if (read_option(verb, argc, argv, &at, cli, err) < 0) {
			return ERR_INPUT;
		}
	}
	return 0;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int at = 1; at < argc && strcmp(argv[at], "--") != 0; at++) {
		if (is_help(argv[at])) {
			return true;
		}
	}
	return false;
}

enum cli_result cli_parse(const struct verb *verb, int argc, char **argv, struct cli *out)
{
	struct err err = {0};

	*out = (struct cli){.argc = argc, .argv = argv};
	assert(optrow_num(verb->options) <= CLI_OPTIONS_MAX);
	if (asks_for_help(argc, argv)) {
		cli_print_help(verb, stdout);
		return CLI_DONE;
	}
	optrow_defaults(verb->options, &out->arena, out->vals);
	if (read_environment(verb, out, &err) < 0 ||
	    read_words(verb, argc, argv, out, &err) < 0) {
		cli_complain(verb->name, "%s", err.text);
		return CLI_BAD;
	}
	return CLI_GO;
}

void cli_done(struct cli *cli)
{
	arena_done(&cli->arena);
}

int cli_do(const struct verb *verb, int argc, char **argv,
	   int (*doing)(const struct verb *verb, struct cli *cli))
{
	struct cli cli;
	int code = EXIT_PASSED;

	switch (cli_parse(verb, argc, argv, &cli)) {
	case CLI_GO:
		code = doing(verb, &cli);
		break;
	case CLI_DONE:
		break;
	case CLI_BAD:
		code = EXIT_USAGE;
		break;
	}
	cli_done(&cli);
	return code;
}

const struct verb *cli_find_verb(int argc, char **argv, int *out_words)
{
	const struct verb *found = NULL;

	*out_words = 0;
	for (const struct verb *verb = VERBS; verb->name; verb++) {
		size_t first = strcspn(verb->name, " ");

		if (argc < 1 || strlen(argv[0]) != first ||
		    strncmp(verb->name, argv[0], first) != 0) {
			continue;
		}
		if (!verb->name[first]) {
			found = verb;
			*out_words = 1;
		} else if (argc >= 2 && strcmp(verb->name + first + 1, argv[1]) == 0) {
			*out_words = 2;
			return verb;
		}
	}
	return found;
}

/* The verbs' names, or what stands in them behind `word`. */
static const char *nearest_verb(const char *wrong, const char *word, struct arena *arena)
{
	size_t num = 0, max = 1;
	const char **names;

	for (const struct verb *verb = VERBS; verb->name; verb++) {
		max += 2;
	}
	names = arena_take_array(arena, max, sizeof(*names));
	for (const struct verb *verb = VERBS; verb->name; verb++) {
		const char *name = word ? behind_word(verb, word) : verb->name;

		if (name) {
			names[num++] = name;
		}
		if (!word && strchr(name, ' ')) { /* a family counts as a name */
			names[num++] =
				arena_copy_span(arena, span_of(name, strcspn(name, " ")));
		}
	}
	names[num] = NULL;
	return nearest_name(wrong, names);
}

static int unknown_verb(const char *wrong)
{
	struct arena arena = {0};
	const char *near = nearest_verb(wrong, NULL, &arena);

	if (near) {
		cli_complain(NULL, "no verb '%s'; did you mean 'turncoat %s'?", wrong,
			     near);
	} else {
		cli_complain(NULL, "no verb '%s'; `turncoat help` lists them", wrong);
	}
	arena_done(&arena);
	return EXIT_USAGE;
}

/* The first word only begins verbs, and the second one is none of theirs. */
static int unknown_member(const char *word, const char *wrong)
{
	struct arena arena = {0};
	const char *near = nearest_verb(wrong, word, &arena);

	if (near) {
		cli_complain(NULL, "no verb '%s %s'; did you mean 'turncoat %s %s'?",
			     word, wrong, word, near);
	} else {
		cli_complain(NULL, "no verb '%s %s'; `turncoat %s --help` lists them",
			     word, wrong, word);
	}
	arena_done(&arena);
	return EXIT_USAGE;
}

/* Words that no verb begins with: help about verbs, or a complaint. */
static int no_verb(int argc, char **argv)
{
	const struct verb *verb = VERBS;

	while (verb->name && !behind_word(verb, argv[0])) {
		verb++;
	}
	if (!verb->name) {
		return unknown_verb(argv[0]);
	}
	if (argc >= 2 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) {
		cli_print_family(argv[0], stdout);
		return EXIT_PASSED;
	}
	if (argc >= 2) {
		return unknown_member(argv[0], argv[1]);
	}
	cli_complain(argv[0], "name a verb");
	cli_print_family(argv[0], stderr);
	return EXIT_USAGE;
}

int cli_main(int argc, char **argv)
{
	const struct verb *verb;
	int words;

	argv++;
	argc--;
	if (argc > 0 && is_help(argv[0])) {
		argv[0] = "help";
	} else if (argc > 0 && strcmp(argv[0], "--version") == 0) {
		argv[0] = "version";
	}
	if (argc == 0) {
		fputs("usage: turncoat VERB ...; `turncoat help` lists the verbs\n",
		      stderr);
		return EXIT_USAGE;
	}
	verb = cli_find_verb(argc, argv, &words);
	if (!verb) {
		return no_verb(argc, argv);
	}
	return verb->main(verb, argc - words + 1, argv + words - 1);
}
