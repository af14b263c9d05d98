/* The command line: verbs and their options, each a row, read by one parser.
 *
 * Every option may also be given as an environment variable, TURNCOAT_ with its name in
 * capitals and '_' for '-'; the command line wins. Exit codes are the same for all verbs.
 */
#ifndef APP_CLI_H
#define APP_CLI_H

#include "base/optrow.h"

#include <stdio.h>

enum exit_code {
	EXIT_PASSED = 0,
	EXIT_CMD_FAILED = 1, /* the command failed, or something else was found wrong */
	EXIT_DIFFERENT = 1,  /* logs differ, or their totals do not add up */
	EXIT_USAGE = 2,	     /* usage, rule or set-up error */
	EXIT_VACUOUS = 3,    /* a rule never matched or never fired */
	EXIT_DIVERGED = 4,   /* a replay went another way */
	EXIT_SKIP = 125,     /* as git bisect run has it */
};

struct verb {
	const char *name; /* "run", "log show" */
	const char
		*usage;	  /* what stands behind the name: "FILE.ini... [-- CMD ARG...]" */
	const char *help; /* one line */
	const char *more; /* what --help says besides, in lines; NULL: nothing */
	const struct optrow *options; /* never NULL; all verbs know --help besides */
	/* argv[0] is the verb's last word. Returns the exit code. */
	int (*main)(const struct verb *verb, int argc, char **argv);
};

/* All verbs, in the order of the manual; ends with a NULL name. */
extern const struct verb VERBS[];

enum { CLI_OPTIONS_MAX = 24 };

struct cli {
	struct arena arena;
	struct optval vals[CLI_OPTIONS_MAX]; /* as verb->options */
	bool from_environment[CLI_OPTIONS_MAX];
	const char **args; /* neither options nor behind "--" */
	size_t num_args;
	char **command; /* behind "--", NULL-terminated; NULL: no "--" */
	int argc;	/* as the verb was called */
	char **argv;
};

enum cli_result {
	CLI_GO,	  /* parsed: do it */
	CLI_DONE, /* --help was printed: exit 0 */
	CLI_BAD,  /* the error was printed: exit EXIT_USAGE */
};

/* Reads argv and the environment against the verb's rows. cli_done() always frees. */
enum cli_result cli_parse(const struct verb *verb, int argc, char **argv,
			  struct cli *out);
void cli_done(struct cli *cli);
/* The value of the named option; asserts that the verb has it. */
const struct optval *cli_opt(const struct verb *verb, const struct cli *cli,
			     const char *name);

/* Its text; NULL when it was not given. */
const char *cli_text(const struct verb *verb, const struct cli *cli, const char *name);
/* A switch's state. */
bool cli_flag(const struct verb *verb, const struct cli *cli, const char *name);
/* A verb's main: parses, and does it. Returns the exit code. */
int cli_do(const struct verb *verb, int argc, char **argv,
	   int (*doing)(const struct verb *verb, struct cli *cli));
/* Was it given on the command line itself? */
bool cli_opt_here(const struct verb *verb, const struct cli *cli, const char *name);

void cli_print_help(const struct verb *verb, FILE *to);
/* The verbs that begin with this word, "log show" with "log"; false: none does. */
bool cli_print_family(const char *word, FILE *to);
/* "turncoat: <verb>: <message>" on stderr; returns EXIT_USAGE. */
int cli_complain(const char *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The verb that these words begin with, and how many words; NULL when there is none. */
const struct verb *cli_find_verb(int argc, char **argv, int *out_words);

/* Dispatches argv of the whole program. */
int cli_main(int argc, char **argv);

#endif
