/* A process that a run starts and waits for, with all that it starts in turn.
 *
 * With `own_group` it leads a process group: signals go to all of that, and
 * process_finish() leaves nobody behind but those who left the group. The kernel kills
 * the process when its parent dies (io/guard.h does the same for its group). The caller
 * owns the struct and asks process_ended() at each SIGCHLD.
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid;  /* 0: none, or finished */
	bool ended; /* and not finished yet: its number is still its own */
	bool own_group;
	int code;   /* once ended: its exit status, or 128 + the signal's number */
	int signal; /* once ended: the signal that ended it; 0: it exited */
};

struct process_options {
	char *const *argv; /* argv[0] is looked up in PATH; ends with NULL */
	const char *const
		*env;	  /* "NAME=value" besides our own; ends with NULL; or NULL */
	int in, out, err; /* what become 0, 1 and 2; -1: as ours */
	bool own_group;
};

int process_start(struct process *process, const struct process_options *options,
		  struct err *err);
/* "/bin/sh -c COMMAND" in a group of its own, with standard input from /dev/null and both
 * outputs to `out`. */
int process_start_shell(struct process *process, const char *command,
			const char *const *env, int out, struct err *err);
/* True once it has ended. Never waits. */
bool process_ended(struct process *process);
/* To all of its group. No-op once finished. */
void process_signal(const struct process *process, int signal);
/* Has all of its group ended? Asked once it has been told to end: its number may then be
 * somebody else's. */
bool process_group_ended(struct process *process);
/* Kills what is left of it and waits. */
void process_finish(struct process *process);
/* "exit status 3", "killed by SIGSEGV"; for one that has ended. */
void process_describe(const struct process *process, char *out, size_t len_bytes);

/* From here on, whoever loses its parent becomes our child. */
void process_adopt(void);
/* Kills and waits for all that have been adopted, and theirs. */
void process_end_adopted(void);

/* "TERM", "SIGTERM" or "15"; 0 when there is no such signal. */
int signal_number(const char *name);
/* "TERM"; "?" when it has no name. */
const char *signal_name(int signal);

#endif
