/* Any bytes as a trace: the reader either refuses them or hands out packets that keep its
 * promises, and what it hands out can be written and reads the same again.
 */
#include "codec/checksum.h"
#include "io/trace.h"
#include "io/traceread.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_BYTES = 64 };

static int make_file(const char *name, struct span bytes, char path[PATH_BYTES])
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes.data, bytes.len) != (ssize_t)bytes.len) {
		abort();
	}
	snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_packet(struct traceread *trace, const struct trace_packet *packet)
{
	int64_t ppm = traceread_progress_ppm(trace);

	assert(packet->bytes.len <= TRACE_PACKET_MAX);
	assert(packet->wire_len >= packet->bytes.len);
	assert(packet->at_ns >= 0 && packet->at_ns <= TRACEREAD_AT_MAX_NS);
	assert(ppm >= 0 && ppm <= 1000000);
	(void)checksum_add(0, packet->bytes); /* a sanitizer sees whether it may read */
}

static uint64_t copy(struct traceread *trace, struct trace *out)
{
	struct trace_packet packet;
	struct err err = {0};
	uint64_t num = 0;
	int code, again;

	while ((code = traceread_next(trace, &packet, &err)) > 0) {
		check_packet(trace, &packet);
		if (out) {
			code = trace_write(out, packet.at_ns, packet.bytes,
					   packet.wire_len, &err);
			assert(code == 0);
		}
		num++;
		assert(traceread_packets(trace) == num);
	}
	assert(code == 0 || (err.code == code && *err.text));
	again = traceread_next(trace, &packet, &err);
	assert(again == code);
	assert(!traceread_broken(trace) || *traceread_broken(trace));
	return num;
}

static void check_copy(const char *path, int dlt, uint64_t num)
{
	struct traceread *again = NULL;
	struct err err = {0};
	uint64_t num_again;
	int code = traceread_open(path, &again, &err);

	assert(code == 0);
	assert(traceread_dlt(again) == dlt);
	num_again = copy(again, NULL);
	assert(num_again == num);
	assert(!traceread_broken(again));
	traceread_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct traceread *trace = NULL;
	struct err err = {0};
	char in_path[PATH_BYTES], out_path[PATH_BYTES];
	int in = make_file("in", span_of(data, size), in_path);
	int out = make_file("out", (struct span){0}, out_path);

	if (traceread_open(in_path, &trace, &err) == 0) {
		int dlt = traceread_dlt(trace);
		/* Not every link type has a number in files. */
		struct trace *written = trace_create(out_path, dlt, &err);
		uint64_t num = copy(trace, written);

		assert(traceread_is_trace(in_path));
		if (written) {
			int code = trace_close(written, &err);

			assert(code == 0);
			check_copy(out_path, dlt, num);
		}
		traceread_close(trace);
	} else {
		assert(*err.text);
	}
	close(in);
	close(out);
	return 0;
}
