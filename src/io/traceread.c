/* Theory of operation
 *
 * libpcap reads the file, from a FILE of ours: so standard input works like any other,
 * and how far it has come can be asked. What is left to do is to keep promises that files
 * don't: pcapng's times can be any 64-bit number, pcap's are 32 bits that libpcap takes
 * for signed ones, and a packet may claim to have been shorter on the wire than in the
 * file.
 *
 * libpcap has one answer for a file that is cut and one that is garbage; both end the
 * trace (broken). Only what the system refuses, such as a disk that can't be read, is an
 * error.
 */
#include "io/traceread.h"

#include "base/arena.h"
#include "io/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20 };
enum { NS_PER_S = 1000000000 };
enum { PPM = 1000000 };
enum { PCAPNG_MAJOR = 1 }; /* pcap's version is 2 and above */

struct traceread {
	const char *name; /* for messages */
	char *path;
	char *buffer;
	FILE *file; /* standard input, or the pcap's own */
	pcap_t *pcap;
	char *broken;
	uint64_t packets;
	int64_t size_bytes; /* -1: not known */
};

static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static int64_t size_of(FILE *file)
{
	struct stat st;

	return fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
}

static int start(struct traceread *trace, struct err *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	trace->pcap = pcap_fopen_offline_with_tstamp_precision(trace->file,
							       PCAP_TSTAMP_PRECISION_NANO,
							       why);
	if (trace->pcap) {
		return 0;
	}
	if (ferror(trace->file)) {
		return err_set_errno(err, "%s: can't be read", trace->name);
	}
	return err_set(err, ERR_INPUT, "%s: not a pcap or pcapng trace: %s", trace->name,
		       trace->size_bytes == 0 ? "it is empty" : why);
}

int traceread_open(const char *path, struct traceread **out, struct err *err)
{
	FILE *file = is_stdin(path) ? stdin : fopen(path, "re");
	struct traceread *trace;
	int code;

	if (!file) {
		return err_set_errno(err, "%s: can't be opened", path);
	}
	trace = xcalloc(1, sizeof(*trace));
	trace->path = xstrdup(path);
	trace->name = is_stdin(path) ? "standard input" : trace->path;
	trace->file = file;
	trace->size_bytes = size_of(file);
	if (file != stdin) {
		trace->buffer = xmalloc(BUFFER_BYTES);
		setvbuf(file, trace->buffer, _IOFBF, BUFFER_BYTES);
	}
	errno = 0;
	code = start(trace, err);
	if (code < 0) {
		traceread_close(trace);
		return code;
	}
	*out = trace;
	return 0;
}

void traceread_close(struct traceread *trace)
{
	if (!trace) {
		return;
	}
	if (trace->pcap) {
		pcap_close(trace->pcap); /* and the file, if that is not stdin */
	} else if (trace->file != stdin) {
		fclose(trace->file);
	}
	free(trace->broken);
	free(trace->buffer);
	free(trace->path);
	free(trace);
}

int traceread_dlt(const struct traceread *trace)
{
	return pcap_datalink(trace->pcap);
}

const char *traceread_link_name(const struct traceread *trace)
{
	const char *name = pcap_datalink_val_to_name(pcap_datalink(trace->pcap));

	return name ? name : "one without a name";
}

static int64_t clamp(int64_t value, int64_t max)
{
	if (value < 0) {
		return 0;
	}
	return value < max ? value : max;
}

static int64_t time_of(const struct traceread *trace, const struct pcap_pkthdr *head)
{
	int64_t seconds = head->ts.tv_sec;

	if (pcap_major_version(trace->pcap) != PCAPNG_MAJOR) {
		seconds = (uint32_t)seconds;
	}
	/* With nanosecond precision tv_usec counts nanoseconds: below 2^42, whatever the
	 * file says. */
	return clamp(clamp(seconds, TRACEREAD_AT_MAX_NS / NS_PER_S) * NS_PER_S +
			     clamp(head->ts.tv_usec, INT64_C(1) << 42),
		     TRACEREAD_AT_MAX_NS);
}

int traceread_next(struct traceread *trace, struct trace_packet *out, struct err *err)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	int code;

	if (trace->broken) {
		return 0;
	}
	errno = 0;
	code = pcap_next_ex(trace->pcap, &head, &data);
	if (code == PCAP_ERROR_BREAK) {
		return 0;
	}
	if (code != 1 && ferror(trace->file)) {
		return err_set_errno(err, "%s: can't be read on behind packet %llu",
				     trace->name, (unsigned long long)trace->packets);
	}
	if (code != 1) {
		trace->broken = xstrdup(pcap_geterr(trace->pcap));
		return 0;
	}
	trace->packets++;
	/* Longer ones are of link types that nothing here writes. */
	out->bytes = span_sub(span_of(data, head->caplen), 0, TRACE_PACKET_MAX);
	out->wire_len = head->len > head->caplen ? head->len : head->caplen;
	out->at_ns = time_of(trace, head);
	return 1;
}

const char *traceread_broken(const struct traceread *trace)
{
	return trace->broken;
}

uint64_t traceread_packets(const struct traceread *trace)
{
	return trace->packets;
}

int64_t traceread_progress_ppm(const struct traceread *trace)
{
	int64_t at = trace->size_bytes > 0 ? ftello(trace->file) : -1;

	if (at < 0) {
		return -1;
	}
	if (at >= trace->size_bytes) {
		return PPM;
	}
	return trace->size_bytes > INT64_MAX / PPM ? at / (trace->size_bytes / PPM)
						   : at * PPM / trace->size_bytes;
}

static uint32_t read_magic(const char *path)
{
	uint8_t bytes[4] = {0};
	struct stat st;
	uint32_t magic = 0;
	int fd;

	/* What is read from a pipe is gone, and opening one may wait. */
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		if (read(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes)) {
			magic = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				(uint32_t)bytes[2] << 8 | bytes[3];
		}
		close(fd);
	}
	return magic;
}

/* draft-ietf-opsawg-pcap and -pcapng; libpcap's savefile.c. */
bool traceread_is_trace(const char *path)
{
	static const uint32_t MAGICS[] = {
		0xa1b2c3d4, 0xd4c3b2a1, /* microseconds */
		0xa1b23c4d, 0x4d3cb2a1, /* nanoseconds */
		0xa1b2cd34, 0x34cdb2a1, /* Alexey Kuznetzov's, of old Linux systems */
		0x0a0d0d0a,		/* pcapng */
	};
	uint32_t magic = is_stdin(path) ? 0 : read_magic(path);

	for (size_t i = 0; i < sizeof(MAGICS) / sizeof(MAGICS[0]); i++) {
		if (magic == MAGICS[i]) {
			return true;
		}
	}
	return false;
}
