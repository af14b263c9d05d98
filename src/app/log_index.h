/* Where each line of a log is, in canonical order: 32 bytes a line instead of a tree, so
 * that logs of several hundred MB can be sorted and compared. Lines are read again when
 * their bytes are needed.
 *
 * The index owns its memory and reads through the log, which its caller keeps open.
 */
#ifndef APP_LOG_INDEX_H
#define APP_LOG_INDEX_H

#include "io/logread.h"

struct log_entry {
	uint64_t offset, k;
	uint32_t len_bytes;
	uint32_t lane, class; /* rank of the name among all names; see log_index_name() */
	uint8_t section;      /* 0 lanes and notes, 1 reloads, 2 the summary */
	uint8_t side;	      /* NUM_SIDE: none; `open` counts as request */
	uint8_t type;	      /* enum log_type */
};

struct log_index {
	struct log_entry *entries;
	size_t num, cap;
	char **names; /* sorted; the first is "", for none */
	size_t num_names;
};

/* Reads the log to its end. `sent` and `stall` lines are left out. The order: header
 * aside, lanes by name, in each request, reply, rest; in these by type as in enum
 * log_type, class, k and place. Then reloads, then the summary. */
int log_index_build(struct log_index *index, struct logread *log, struct err *err);
void log_index_done(struct log_index *index);
const char *log_index_name(const struct log_index *index, uint32_t rank);

#endif
