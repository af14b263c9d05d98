/* What a process prints: read from a pipe as it comes, copied to a file and perhaps to
 * our own output, and cut in lines for whoever wants them.
 *
 * A line is handed over without its end; what is longer than OUTPUT_LINE_MAX comes in
 * pieces. The file gets at most OUTPUT_FILE_MAX bytes.
 */
#ifndef APP_OUTPUT_H
#define APP_OUTPUT_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"
#include "io/loop.h"

#include <stdbool.h>

enum {
	OUTPUT_LINE_MAX = 65536,
	OUTPUT_FILE_MAX = 256 << 20,
	OUTPUT_TAIL_LINES = 10, /* kept for messages */
};

struct output;

struct output_options {
	const char *path; /* NULL: no file */
	bool append;	  /* to what is there already */
	int copy_fd;	  /* ours, of the same bytes; -1: none */
	/* Must not free the output. */
	void (*on_line)(void *ctx, struct span line);
	void *ctx;
};

/* *out_fd is the end for the process, closed by the caller once that has started. */
int output_open(struct loop *loop, const struct output_options *options,
		struct output **out, int *out_fd, struct err *err);
/* Takes what is there already; to be called when the process has ended. The last line
 * then counts though it has no end. */
void output_drain(struct output *output);
/* Has nobody the other end any more, and all been taken? */
bool output_ended(const struct output *output);
/* The last line that was not empty; "" when there is none. */
const char *output_last(const struct output *output);
/* The last lines, each behind `before`. */
void output_tail(const struct output *output, const char *before, struct text *out);
void output_free(struct output *output); /* NULL is fine */

#endif
