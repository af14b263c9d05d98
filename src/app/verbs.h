/* The verbs' main functions and options, one cmd_* file each (log_* for those of `log`);
 * app/verbs.c has their rows. */
#ifndef APP_VERBS_H
#define APP_VERBS_H

#include "app/cli.h"

int cmd_run(const struct verb *verb, int argc, char **argv);
int cmd_test(const struct verb *verb, int argc, char **argv);
int cmd_replay(const struct verb *verb, int argc, char **argv);
int cmd_shrink(const struct verb *verb, int argc, char **argv);
int cmd_check(const struct verb *verb, int argc, char **argv);
int cmd_log_show(const struct verb *verb, int argc, char **argv);
int cmd_log_canon(const struct verb *verb, int argc, char **argv);
int cmd_log_diff(const struct verb *verb, int argc, char **argv);
int cmd_log_stats(const struct verb *verb, int argc, char **argv);
int cmd_log_explain(const struct verb *verb, int argc, char **argv);
int cmd_help(const struct verb *verb, int argc, char **argv);
int cmd_version(const struct verb *verb, int argc, char **argv);

extern const struct optrow RUN_OPTIONS[];
extern const struct optrow TEST_OPTIONS[];
extern const struct optrow REPLAY_OPTIONS[];
extern const struct optrow SHRINK_OPTIONS[];
extern const struct optrow LOG_SHOW_OPTIONS[];
extern const struct optrow LOG_CANON_OPTIONS[];
extern const struct optrow LOG_DIFF_OPTIONS[];

#endif
