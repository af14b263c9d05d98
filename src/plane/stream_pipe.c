/* Splice pipes, kept for reuse: to make one for each connection costs more than splicing
 * saves, and each holds two descriptors.
 */
#include "plane/stream_conn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct splice_pipe *stream_pipe_take(struct stream *stream)
{
	struct splice_pipe *pipe = stream->pipes;
	int fds[2];

	if (pipe) {
		stream->pipes = pipe->next_free;
		stream->num_pipes--;
		return pipe;
	}
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		return NULL;
	}
	/* Fewer bytes also work: the limit for ordinary users may be lower. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, STREAM_PIPE_BYTES);
	pipe = xcalloc(1, sizeof(*pipe));
	pipe->out = fds[0];
	pipe->in = fds[1];
	return pipe;
}

static void pipe_close(struct splice_pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
}

void stream_pipe_give(struct stream *stream, struct splice_pipe *pipe)
{
	if (pipe->len > 0 || stream->num_pipes >= STREAM_PIPES_MAX) {
		pipe_close(pipe);
		return;
	}
	pipe->next_free = stream->pipes;
	stream->pipes = pipe;
	stream->num_pipes++;
}

void stream_pipes_free(struct stream *stream)
{
	while (stream->pipes) {
		struct splice_pipe *next = stream->pipes->next_free;

		pipe_close(stream->pipes);
		stream->pipes = next;
	}
	stream->num_pipes = 0;
}
