#include "io/trace.h"

#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_BYTES = 1 << 20 };
enum { NS_PER_S = 1000000000 };
static_assert(TRACE_ETHERNET == DLT_EN10MB, "trace.h must do without pcap.h");

struct trace {
	char *path; /* for messages */
	char *buffer;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	FILE *file;	/* the dumper's */
	struct err why; /* code ERR_OK: all went well so far */
};

static void trace_free(struct trace *trace)
{
	if (trace->pcap) {
		pcap_close(trace->pcap);
	}
	free(trace->buffer);
	free(trace->path);
	free(trace);
}

static FILE *open_buffered(struct trace *trace)
{
	FILE *file = fopen(trace->path, "we");

	if (file) {
		setvbuf(file, trace->buffer, _IOFBF, BUFFER_BYTES);
	}
	return file;
}

struct trace *trace_create(const char *path, int dlt, struct err *err)
{
	struct trace *trace = xcalloc(1, sizeof(*trace));

	trace->path = xstrdup(path);
	trace->buffer = xmalloc(BUFFER_BYTES);
	trace->file = open_buffered(trace);
	if (!trace->file) {
		err_set_errno(err, "can't create the capture %s", path);
		trace_free(trace);
		return NULL;
	}
	trace->pcap = pcap_open_dead_with_tstamp_precision(dlt, TRACE_PACKET_MAX,
							   PCAP_TSTAMP_PRECISION_NANO);
	if (!trace->pcap) {
		err_set(err, ERR_MEMORY, "no memory for the capture %s", path);
		fclose(trace->file);
		trace_free(trace);
		return NULL;
	}
	trace->dumper =
		pcap_dump_fopen(trace->pcap, trace->file); /* closes it on error */
	if (!trace->dumper) {
		err_set(err, ERR_SYSTEM, "can't write the capture %s: %s", path,
			pcap_geterr(trace->pcap));
		trace_free(trace);
		return NULL;
	}
	return trace;
}

/* The first error is kept, and answers every later call. */
static int status(const struct trace *trace, struct err *err)
{
	return trace->why.code == ERR_OK
		       ? 0
		       : err_set(err, trace->why.code, "%s", trace->why.text);
}

static int fail(struct trace *trace, struct err *err)
{
	err_set_errno(&trace->why, "can't write the capture %s", trace->path);
	return status(trace, err);
}

int trace_write(struct trace *trace, int64_t at_ns, struct span packet, uint32_t wire_len,
		struct err *err)
{
	int64_t shown_ns = at_ns < TRACE_AT_MAX_NS ? at_ns : TRACE_AT_MAX_NS;
	struct pcap_pkthdr head = {
		/* with nanosecond precision tv_usec counts nanoseconds */
		.ts = {.tv_sec = shown_ns / NS_PER_S, .tv_usec = shown_ns % NS_PER_S},
		.caplen = (bpf_u_int32)packet.len,
		.len = wire_len,
	};

	assert(at_ns >= 0);
	assert(packet.len <= TRACE_PACKET_MAX && wire_len >= packet.len);
	if (trace->why.code != ERR_OK) {
		return status(trace, err);
	}
	errno = 0;
	pcap_dump((u_char *)trace->dumper, &head, packet.data);
	return ferror(trace->file) ? fail(trace, err) : 0;
}

int trace_flush(struct trace *trace, struct err *err)
{
	if (trace->why.code != ERR_OK) {
		return status(trace, err);
	}
	return pcap_dump_flush(trace->dumper) != 0 ? fail(trace, err) : 0;
}

int trace_close(struct trace *trace, struct err *err)
{
	int rc;

	if (!trace) {
		return 0;
	}
	rc = trace_flush(trace, err);
	pcap_dump_close(trace->dumper);
	trace_free(trace);
	return rc;
}
