#include "app/output.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_NS (INT64_C(10) * 1000000)

enum {
	CHUNK_BYTES = 4096, /* a pipe that is writable takes so many without waiting */
	TAIL_LINE_MAX = 300,
	COPY_WAIT_MS = 5000, /* for a reader of ours, at the end */
};

struct output {
	struct output_options options;
	struct loop *loop;
	struct loop_reader *reader;
	struct loop_timer *retry;
	int fd;	     /* the pipe; -1: ended */
	int file_fd; /* -1: none */
	size_t file_bytes;
	struct text line;		     /* not yet ended */
	struct text tail[OUTPUT_TAIL_LINES]; /* a ring */
	size_t num_lines;		     /* not empty ones, ever */
};

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno != EINTR) {
			return; /* a full disk, a reader that is gone: not our errors */
		}
		data += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
}

/* --- lines --- */

static void take_line(struct output *output)
{
	struct text *line = &output->line;
	struct text *kept = &output->tail[output->num_lines % OUTPUT_TAIL_LINES];

	if (line->len && line->data[line->len - 1] == '\r') {
		line->data[--line->len] = '\0';
	}
	if (line->len) {
		text_clear(kept);
		text_bytes(kept, line->data,
			   line->len < TAIL_LINE_MAX ? line->len : TAIL_LINE_MAX);
		output->num_lines++;
	}
	if (output->options.on_line) {
		output->options.on_line(output->options.ctx,
					span_of(line->data, line->len));
	}
	text_clear(line);
}

static void take_bytes(struct output *output, const char *data, size_t len)
{
	struct text *line = &output->line;

	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n') {
			text_byte(line, data[i]);
		}
		if (data[i] == '\n' || line->len == OUTPUT_LINE_MAX) {
			take_line(output);
		}
	}
}

static void take(struct output *output, const char *data, size_t len)
{
	if (output->file_fd >= 0 && output->file_bytes < OUTPUT_FILE_MAX) {
		write_all(output->file_fd, data, len);
		output->file_bytes += len;
	}
	if (output->options.copy_fd >= 0) {
		write_all(output->options.copy_fd, data, len);
	}
	take_bytes(output, data, len);
}

/* --- reading --- */

static void end(struct output *output)
{
	if (output->line.len) {
		take_line(output);
	}
	loop_reader_pause(output->reader, true);
	close(output->fd);
	output->fd = -1;
}

/* Would a copy be taken now? Whoever reads our output must not hold up the proxies. */
static bool copy_ready(const struct output *output, int wait_ms)
{
	struct pollfd poll_fd = {.fd = output->options.copy_fd, .events = POLLOUT};

	return poll_fd.fd < 0 || poll(&poll_fd, 1, wait_ms) != 0;
}

/* False: nothing is there now. */
static bool read_some(struct output *output)
{
	char chunk[CHUNK_BYTES];
	ssize_t got;

	do {
		got = read(output->fd, chunk, sizeof(chunk));
	} while (got < 0 && errno == EINTR);
	if (got > 0) {
		take(output, chunk, (size_t)got);
	} else if (got == 0 || errno != EAGAIN) {
		end(output);
	}
	return got > 0;
}

static void on_readable(void *ctx)
{
	struct output *output = ctx;

	if (copy_ready(output, 0)) {
		(void)read_some(output);
	} else {
		loop_reader_pause(output->reader, true);
		loop_timer_set(output->retry, loop_now_ns(output->loop) + RETRY_NS);
	}
}

static void on_retry(void *ctx)
{
	struct output *output = ctx;

	if (output->fd >= 0) {
		loop_reader_pause(output->reader, false);
	}
}

void output_drain(struct output *output)
{
	/* Others may hold the other end and go on writing; a pipe's worth is enough. */
	for (size_t taken = 0; output->fd >= 0 && taken < 1 << 20; taken += CHUNK_BYTES) {
		if (!copy_ready(output, COPY_WAIT_MS) || !read_some(output)) {
			break;
		}
	}
	if (output->line.len) {
		take_line(output);
	}
}

static int open_file(struct output *output, struct err *err)
{
	const char *path = output->options.path;
	int how = output->options.append ? 0 : O_TRUNC;

	output->file_fd = -1;
	if (!path) {
		return 0;
	}
	output->file_fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | how, 0666);
	return output->file_fd < 0 ? err_set_errno(err, "can't write %s", path) : 0;
}

int output_open(struct loop *loop, const struct output_options *options,
		struct output **out, int *out_fd, struct err *err)
{
	struct output *output = xcalloc(1, sizeof(*output));
	int fds[2];

	output->options = *options;
	output->loop = loop;
	output->fd = -1;
	if (open_file(output, err) < 0) {
		output_free(output);
		return ERR_SYSTEM;
	}
	if (pipe2(fds, O_CLOEXEC) < 0) {
		output_free(output);
		return err_set_errno(err, "can't make a pipe");
	}
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	output->fd = fds[0];
	output->reader = loop_reader_new(loop, output->fd, on_readable, output);
	output->retry = loop_timer_new(loop, on_retry, output);
	*out = output;
	*out_fd = fds[1];
	return 0;
}

bool output_ended(const struct output *output)
{
	return output->fd < 0;
}

const char *output_last(const struct output *output)
{
	if (!output || output->num_lines == 0) {
		return "";
	}
	return text_cstr(&output->tail[(output->num_lines - 1) % OUTPUT_TAIL_LINES]);
}

void output_tail(const struct output *output, const char *before, struct text *out)
{
	size_t from = output->num_lines > OUTPUT_TAIL_LINES
			      ? output->num_lines - OUTPUT_TAIL_LINES
			      : 0;

	for (size_t i = from; i < output->num_lines; i++) {
		text_format(out, "%s%s\n", before,
			    text_cstr(&output->tail[i % OUTPUT_TAIL_LINES]));
	}
}

void output_free(struct output *output)
{
	if (!output) {
		return;
	}
	loop_reader_free(output->reader);
	loop_timer_free(output->retry);
	if (output->fd >= 0) {
		close(output->fd);
	}
	if (output->file_fd >= 0) {
		close(output->file_fd);
	}
	text_done(&output->line);
	for (size_t i = 0; i < OUTPUT_TAIL_LINES; i++) {
		text_done(&output->tail[i]);
	}
	free(output);
}
