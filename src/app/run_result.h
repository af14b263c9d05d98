/* How a run went, for programs: what --result writes. Plain data that owns its memory, as
 * it is told when the run is gone.
 */
#ifndef APP_RUN_RESULT_H
#define APP_RUN_RESULT_H

#include "app/findings.h"
#include "base/err.h"
#include "base/quantity.h"
#include "core/stats.h"
#include "plane/engine.h"

struct rule_result {
	const char *name, *file;
	unsigned line;
	struct chance chance;
	struct rule_stats stats;
};

struct run_result {
	struct arena arena;
	struct findings findings;
	const char **files; /* the rule files' names */
	size_t num_files;
	const char **command;	   /* ends with NULL; NULL: none */
	const char *log_path;	   /* NULL: none */
	struct rule_result *rules; /* in file order */
	size_t num_rules;
	struct engine_counts counts;
	struct side_stats totals;
	uint64_t seed;
	int64_t duration_ns;
	const char *vacuous; /* as report_vacuous() has it */
	bool log_failed;
	bool has_command;
	int command_code; /* its exit status, 128 + signal */
	struct order_stats order;
};

void run_result_done(struct run_result *result);
void run_result_command(struct run_result *result, char *const *command);
void run_result_files(struct run_result *result, const char *const *paths, size_t num);
/* The command's own exit status when that is not 0; else what the findings say. A set-up
 * that failed goes before. */
int run_result_exit_code(const struct run_result *result);
/* One JSON object with sorted keys, and the end of the line. */
void run_result_format(const struct run_result *result, int exit_code, struct text *out);
/* To the file, all at once; "-" is standard output. NULL path: nothing. */
int run_result_write(const struct run_result *result, int exit_code, const char *path,
		     struct err *err);

#endif
