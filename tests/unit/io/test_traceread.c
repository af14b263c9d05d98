/* Traces of every kind are read, and what is wrong with one is told: files are made byte
 * by byte, so that they can be wrong in every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "io/trace.h"
#include "io/traceread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define S_NS INT64_C(1000000000)

enum { MICRO = 0xa1b2c3d4, NANO = 0xa1b23c4d, KUZNETZOV = 0xa1b2cd34 };

static char dir[] = "/tmp/test_traceread.XXXXXX";
static char path[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/t.pcap", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* --- making files --- */

static void put16(struct text *file, bool big, uint16_t value)
{
	text_byte(file, (char)(big ? value >> 8 : value));
	text_byte(file, (char)(big ? value : value >> 8));
}

static void put32(struct text *file, bool big, uint32_t value)
{
	put16(file, big, (uint16_t)(big ? value >> 16 : value));
	put16(file, big, (uint16_t)(big ? value : value >> 16));
}

static void pcap_head(struct text *file, bool big, uint32_t magic, uint32_t snaplen,
		      uint32_t dlt)
{
	put32(file, big, magic);
	put16(file, big, 2);
	put16(file, big, 4);
	put32(file, big, 0);
	put32(file, big, 0);
	put32(file, big, snaplen);
	put32(file, big, dlt);
}

struct packet_row {
	uint32_t seconds, fraction;
	uint32_t len, wire_len;
};

static void pcap_packet(struct text *file, bool big, uint32_t magic,
			const struct packet_row *row)
{
	put32(file, big, row->seconds);
	put32(file, big, row->fraction);
	put32(file, big, row->len);
	put32(file, big, row->wire_len);
	if (magic == KUZNETZOV) {
		text_bytes(file, "\0\0\0\0\0\0\0", 8); /* interface, protocol, type */
	}
	for (uint32_t i = 0; i < row->len; i++) {
		text_byte(file, (char)i);
	}
}

static void pcapng_head(struct text *file, bool big, uint32_t snaplen)
{
	text_str(file, "\n\r\r\n"); /* section header */
	put32(file, big, 28);
	put32(file, big, 0x1a2b3c4d);
	put16(file, big, 1);
	put16(file, big, 0);
	put32(file, big, UINT32_MAX); /* length: not known */
	put32(file, big, UINT32_MAX);
	put32(file, big, 28);
	put32(file, big, 1); /* interface */
	put32(file, big, 32);
	put16(file, big, 1);
	put16(file, big, 0);
	put32(file, big, snaplen);
	put16(file, big, 9); /* if_tsresol: nanoseconds */
	put16(file, big, 1);
	text_bytes(file, "\x09\0\0", 4);
	put32(file, big, 0);
	put32(file, big, 32);
}

static void pcapng_packet(struct text *file, bool big, uint64_t at, uint32_t len,
			  uint32_t wire_len)
{
	uint32_t padded = (len + 3) / 4 * 4;

	put32(file, big, 6); /* enhanced packet */
	put32(file, big, 32 + padded);
	put32(file, big, 0);
	put32(file, big, (uint32_t)(at >> 32));
	put32(file, big, (uint32_t)at);
	put32(file, big, len);
	put32(file, big, wire_len);
	for (uint32_t i = 0; i < padded; i++) {
		text_byte(file, (char)i);
	}
	put32(file, big, 32 + padded);
}

static void save(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static struct traceread *open_saved(struct text *file)
{
	struct traceread *trace = NULL;
	struct err err = {0};

	save(file->data, file->len);
	text_clear(file);
	if (traceread_open(path, &trace, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return trace;
}

/* --- reading --- */

static void assert_packet(struct traceread *trace, int64_t at_ns, size_t len,
			  uint32_t wire_len)
{
	struct trace_packet packet;
	struct err err = {0};

	assert_int_equal(traceread_next(trace, &packet, &err), 1);
	assert_int_equal(packet.at_ns, at_ns);
	assert_int_equal(packet.bytes.len, len);
	assert_int_equal(packet.wire_len, wire_len);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(packet.bytes.data[i], (uint8_t)i);
	}
}

static void assert_end(struct traceread *trace, bool broken)
{
	struct trace_packet packet;
	struct err err = {0};

	for (int i = 0; i < 2; i++) { /* it stays the end */
		assert_int_equal(traceread_next(trace, &packet, &err), 0);
		assert_int_equal(traceread_broken(trace) != NULL, broken);
	}
	if (broken) {
		assert_true(traceread_broken(trace)[0] != '\0');
	}
}

static void every_kind_is_read(void **state)
{
	static const struct {
		const char *name;
		uint32_t magic; /* 0: pcapng */
		bool big;
	} ROWS[] = {
		{"microseconds", MICRO, false},
		{"microseconds, big endian", MICRO, true},
		{"nanoseconds", NANO, false},
		{"nanoseconds, big endian", NANO, true},
		{"Kuznetzov's", KUZNETZOV, false},
		{"Kuznetzov's, big endian", KUZNETZOV, true},
		{"pcapng", 0, false},
		{"pcapng, big endian", 0, true},
	};
	static const struct packet_row packets[] = {
		{1700000000, 123456, 60, 60},
		{1700000001, 0, 0, 0},
		{4000000000, 999999, 96, 1514}, /* past 2038, cut */
	};
	struct text file = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		int64_t unit = ROWS[i].magic == MICRO || ROWS[i].magic == KUZNETZOV ? 1000
										    : 1;
		struct traceread *trace;

		print_message("# %s\n", ROWS[i].name);
		if (ROWS[i].magic) {
			pcap_head(&file, ROWS[i].big, ROWS[i].magic, 96, 1);
		} else {
			pcapng_head(&file, ROWS[i].big, 96);
		}
		for (size_t j = 0; j < 3; j++) {
			const struct packet_row *row = &packets[j];

			if (ROWS[i].magic) {
				pcap_packet(&file, ROWS[i].big, ROWS[i].magic, row);
			} else {
				pcapng_packet(&file, ROWS[i].big,
					      row->seconds * (uint64_t)S_NS +
						      row->fraction,
					      row->len, row->wire_len);
			}
		}
		trace = open_saved(&file);
		assert_true(traceread_is_trace(path));
		assert_int_equal(traceread_dlt(trace), 1);
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(traceread_packets(trace), j);
			assert_packet(trace,
				      packets[j].seconds * S_NS +
					      packets[j].fraction * unit,
				      packets[j].len, packets[j].wire_len);
		}
		assert_end(trace, false);
		assert_int_equal(traceread_packets(trace), 3);
		traceread_close(trace);
	}
	text_done(&file);
}

static void times_stay_within_bounds(void **state)
{
	static const struct {
		uint64_t at; /* pcapng, nanoseconds */
		int64_t wanted;
	} ROWS[] = {
		{0, 0},
		{1, 1},
		{(uint64_t)TRACEREAD_AT_MAX_NS - 1, TRACEREAD_AT_MAX_NS - 1},
		{(uint64_t)TRACEREAD_AT_MAX_NS, TRACEREAD_AT_MAX_NS},
		{(uint64_t)TRACEREAD_AT_MAX_NS + 1, TRACEREAD_AT_MAX_NS},
		{INT64_MAX, TRACEREAD_AT_MAX_NS},
		{UINT64_MAX, TRACEREAD_AT_MAX_NS},
	};
	static const struct packet_row past_a_second = {1, 2000000000, 1, 1};
	static const struct packet_row negative = {1, 0x80000000, 1, 1};
	struct text file = {0};
	struct traceread *trace;
	struct trace_packet packet;

	(void)state;
	pcapng_head(&file, false, 0);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		pcapng_packet(&file, false, ROWS[i].at, 4, 4);
	}
	trace = open_saved(&file);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_packet(trace, ROWS[i].wanted, 4, 4);
	}
	assert_end(trace, false);
	traceread_close(trace);

	/* What is no fraction of a second is at least no nonsense afterwards. */
	pcap_head(&file, false, NANO, 65535, 1);
	pcap_packet(&file, false, NANO, &past_a_second);
	pcap_packet(&file, false, NANO, &negative);
	trace = open_saved(&file);
	assert_packet(trace, 3 * S_NS, 1, 1);
	assert_int_equal(traceread_next(trace, &packet, NULL), 1);
	assert_true(packet.at_ns >= 0 && packet.at_ns <= 4 * S_NS);
	assert_end(trace, false);
	traceread_close(trace);
	text_done(&file);
}

static void the_wire_is_never_shorter_than_the_file(void **state)
{
	static const struct packet_row lies = {1, 0, 60, 0};
	static const struct packet_row longer = {2, 0, 60, UINT32_MAX};
	struct text file = {0};
	struct traceread *trace;

	(void)state;
	pcap_head(&file, false, NANO, 65535, 1);
	pcap_packet(&file, false, NANO, &lies);
	pcap_packet(&file, false, NANO, &longer);
	trace = open_saved(&file);
	assert_packet(trace, S_NS, 60, 60);
	assert_packet(trace, 2 * S_NS, 60, UINT32_MAX);
	assert_end(trace, false);
	traceread_close(trace);
	text_done(&file);
}

static void a_packet_is_at_most_so_long(void **state)
{
	enum { ETHERNET = 1, DBUS = 231 }; /* the latter's packets may be huge */
	static const struct {
		const char *name;
		uint32_t dlt, len;
		size_t wanted; /* 0: the trace is broken there */
	} ROWS[] = {
		{"the longest", ETHERNET, TRACE_PACKET_MAX, TRACE_PACKET_MAX},
		{"one more", ETHERNET, TRACE_PACKET_MAX + 1, 0},
		{"one more where it may be", DBUS, TRACE_PACKET_MAX + 1,
		 TRACE_PACKET_MAX},
		{"far more", ETHERNET, 0x7fffffff, 0},
		{"all there is", ETHERNET, UINT32_MAX, 0},
	};
	struct text file = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct packet_row first = {1, 0, 60, 60};
		struct packet_row row = {2, 0, ROWS[i].len, ROWS[i].len};
		struct traceread *trace;

		print_message("# %s\n", ROWS[i].name);
		pcap_head(&file, false, NANO, UINT32_MAX, ROWS[i].dlt);
		pcap_packet(&file, false, NANO, &first);
		if (row.len > 1 << 20) {
			put32(&file, false, 2);
			put32(&file, false, 0);
			put32(&file, false, row.len);
			put32(&file, false, row.len);
			text_str(&file, "not that much");
		} else {
			pcap_packet(&file, false, NANO, &row);
		}
		trace = open_saved(&file);
		assert_packet(trace, S_NS, 60, 60);
		if (ROWS[i].wanted) {
			assert_packet(trace, 2 * S_NS, ROWS[i].wanted, ROWS[i].len);
		}
		assert_end(trace, !ROWS[i].wanted);
		traceread_close(trace);
	}
	text_done(&file);
}

/* Cut anywhere: an error, or the packets in front of the cut. */
static void assert_cuts(const struct text *whole, const size_t *ends, size_t num_ends)
{
	for (size_t len = 0; len <= whole->len; len++) {
		struct traceread *trace = NULL;
		struct err err = {0};
		size_t num = 0;

		save(whole->data, len);
		if (traceread_open(path, &trace, &err) < 0) {
			assert_true(len < ends[0]);
			assert_int_equal(err.code, ERR_INPUT);
			assert_ptr_equal(strstr(err.text, path), err.text);
			assert_non_null(
				strstr(err.text, ": not a pcap or pcapng trace: "));
			continue;
		}
		assert_true(len >= ends[0]);
		while (num + 1 < num_ends && ends[num + 1] <= len) {
			num++;
		}
		for (size_t i = 0; i < num; i++) {
			assert_packet(trace, (int64_t)i * S_NS, 10 * i, 10 * (uint32_t)i);
		}
		assert_end(trace, len != ends[num]);
		assert_int_equal(traceread_packets(trace), num);
		traceread_close(trace);
	}
}

enum { CUT_PACKETS = 4 };

static void a_pcap_that_is_cut(void **state)
{
	struct text file = {0};
	size_t ends[CUT_PACKETS + 1];

	(void)state;
	pcap_head(&file, false, NANO, 65535, 1);
	ends[0] = file.len;
	for (uint32_t i = 0; i < CUT_PACKETS; i++) {
		struct packet_row row = {i, 0, 10 * i, 10 * i};

		pcap_packet(&file, false, NANO, &row);
		ends[i + 1] = file.len;
	}
	assert_cuts(&file, ends, CUT_PACKETS + 1);
	text_done(&file);
}

static void a_pcapng_that_is_cut(void **state)
{
	struct text file = {0};
	size_t ends[CUT_PACKETS + 1];

	(void)state;
	pcapng_head(&file, true, 65535);
	ends[0] = file.len;
	for (uint32_t i = 0; i < CUT_PACKETS; i++) {
		pcapng_packet(&file, true, i * (uint64_t)S_NS, 10 * i, 10 * i);
		ends[i + 1] = file.len;
	}
	assert_cuts(&file, ends, CUT_PACKETS + 1);
	text_done(&file);
}

static void a_trace_that_turns_to_garbage(void **state)
{
	static const struct packet_row row = {1, 0, 60, 60};
	struct text file = {0};
	struct traceread *trace;

	(void)state;
	pcap_head(&file, false, NANO, 65535, 1);
	pcap_packet(&file, false, NANO, &row);
	for (int i = 0; i < 1000; i++) {
		text_str(&file, "garbage ");
	}
	trace = open_saved(&file);
	assert_packet(trace, S_NS, 60, 60);
	assert_end(trace, true);
	traceread_close(trace);

	pcapng_head(&file, false, 0);
	pcapng_packet(&file, false, 1, 60, 60);
	for (int i = 0; i < 1000; i++) {
		text_str(&file, "garbage ");
	}
	trace = open_saved(&file);
	assert_packet(trace, 1, 60, 60);
	assert_end(trace, true);
	traceread_close(trace);
	text_done(&file);
}

static void assert_refused(const char *name, enum err_code code, const char *why)
{
	struct traceread *trace = NULL;
	struct err err = {0};

	assert_int_equal(traceread_open(name, &trace, &err), code);
	assert_null(trace);
	assert_ptr_equal(strstr(err.text, name), err.text);
	if (!strstr(err.text, why)) {
		fail_msg("'%s' does not say '%s'", err.text, why);
	}
	assert_int_equal(traceread_open(name, &trace, NULL), code);
}

static void what_is_no_trace_is_refused(void **state)
{
	(void)state;
	save("", 0);
	assert_refused(path, ERR_INPUT, "not a pcap or pcapng trace: it is empty");
	save("{\"abi\":1}\n{\"type\":\"open\"}\n", 27);
	assert_refused(path, ERR_INPUT,
		       "not a pcap or pcapng trace: unknown file format");
	assert_refused("/nonexistent/t.pcap", ERR_SYSTEM, strerror(ENOENT));
	assert_refused(dir, ERR_SYSTEM, strerror(EISDIR));
	traceread_close(NULL);
}

static void is_trace_by_magic(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool wanted;
	} ROWS[] = {
		{"\xa1\xb2\xc3\xd4", 4, true}, {"\xd4\xc3\xb2\xa1", 4, true},
		{"\xa1\xb2\x3c\x4d", 4, true}, {"\x4d\x3c\xb2\xa1", 4, true},
		{"\xa1\xb2\xcd\x34", 4, true}, {"\x34\xcd\xb2\xa1", 4, true},
		{"\n\r\r\n", 4, true},	       {"\xd4\xc3\xb2\xa1 and more", 13, true},
		{"\xd4\xc3\xb2", 3, false},    {"", 0, false},
		{"{\"ab", 4, false},	       {"\n\r\r\r", 4, false},
		{"\0\0\0\0", 4, false},
	};
	char pipe_path[80];

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		save(ROWS[i].bytes, ROWS[i].len);
		assert_int_equal(traceread_is_trace(path), ROWS[i].wanted);
	}
	assert_false(traceread_is_trace("-"));
	assert_false(traceread_is_trace("/nonexistent/t.pcap"));
	assert_false(traceread_is_trace(dir));
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", dir);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	assert_false(traceread_is_trace(pipe_path)); /* and does not wait for a writer */
	unlink(pipe_path);
}

static void progress_grows_to_a_million(void **state)
{
	struct text file = {0};
	struct traceread *trace;
	struct trace_packet packet;
	int64_t last = 0;

	(void)state;
	pcap_head(&file, false, NANO, 65535, 1);
	for (uint32_t i = 0; i < 2000; i++) {
		struct packet_row row = {i, 0, 1400, 1400};

		pcap_packet(&file, false, NANO, &row);
	}
	trace = open_saved(&file);
	while (traceread_next(trace, &packet, NULL) == 1) {
		int64_t ppm = traceread_progress_ppm(trace);
		int64_t packets = (int64_t)traceread_packets(trace);

		assert_true(ppm >= last && ppm <= 1000000);
		assert_in_range(ppm, packets * 500 - 500, packets * 500 + 500);
		last = ppm;
	}
	assert_int_equal(last, 1000000);
	traceread_close(trace);
	text_done(&file);
}

/* As the last test: it takes standard input's place. */
static void standard_input_is_read(void **state)
{
	static const struct packet_row row = {1, 0, 60, 60};
	struct traceread *trace = NULL;
	struct text file = {0};
	struct err err = {0};
	int ends[2];

	(void)state;
	pcap_head(&file, false, NANO, 65535, 1);
	pcap_packet(&file, false, NANO, &row);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], file.data, file.len), file.len);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(traceread_open("-", &trace, &err), 0);
	assert_int_equal(traceread_progress_ppm(trace), -1);
	assert_packet(trace, S_NS, 60, 60);
	assert_end(trace, false);
	traceread_close(trace);

	assert_int_equal(traceread_open("-", &trace, &err), ERR_INPUT);
	assert_non_null(strstr(err.text, "standard input: not a pcap"));
	text_done(&file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(times_stay_within_bounds),
		cmocka_unit_test(the_wire_is_never_shorter_than_the_file),
		cmocka_unit_test(a_packet_is_at_most_so_long),
		cmocka_unit_test(a_pcap_that_is_cut),
		cmocka_unit_test(a_pcapng_that_is_cut),
		cmocka_unit_test(a_trace_that_turns_to_garbage),
		cmocka_unit_test(what_is_no_trace_is_refused),
		cmocka_unit_test(is_trace_by_magic),
		cmocka_unit_test(progress_grows_to_a_million),
		cmocka_unit_test(standard_input_is_read),
	};

	return cmocka_run_group_tests_name("traceread", tests, make_dir, remove_dir);
}
