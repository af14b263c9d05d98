/* Traces: what is written is read back by libpcap, and what the system refuses is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/trace.h"

#include <errno.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_trace.XXXXXX";
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

static pcap_t *open_again(void)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path,
							       PCAP_TSTAMP_PRECISION_NANO,
							       text);

	if (!pcap) {
		fail_msg("%s", text);
	}
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	return pcap;
}

static void packets_come_back(void **state)
{
	static const struct {
		int64_t at_ns;
		size_t len;
	} ROWS[] = {
		{0, 1},
		{999999999, 60},
		{1000000000, 0},
		{1792533600123456789, 1514},
		{1792533600123456789, TRACE_PACKET_MAX},
		{4294967295999999999, 7},
	};
	enum { NUM = sizeof(ROWS) / sizeof(ROWS[0]) };
	struct trace *trace = trace_create(path, TRACE_ETHERNET, NULL);
	uint8_t *bytes = malloc(TRACE_PACKET_MAX);
	struct pcap_pkthdr *head;
	const u_char *data;
	pcap_t *pcap;

	(void)state;
	assert_non_null(trace);
	for (size_t i = 0; i < NUM; i++) {
		memset(bytes, (int)(i + 1), ROWS[i].len);
		assert_int_equal(trace_write(trace, ROWS[i].at_ns,
					     span_of(bytes, ROWS[i].len),
					     (uint32_t)ROWS[i].len, NULL),
				 0);
	}
	assert_int_equal(trace_close(trace, NULL), 0);

	pcap = open_again();
	assert_true(pcap_snapshot(pcap) >= TRACE_PACKET_MAX);
	for (size_t i = 0; i < NUM; i++) {
		assert_int_equal(pcap_next_ex(pcap, &head, &data), 1);
		/* the file's seconds are 32 bits wide, unsigned */
		assert_int_equal((uint32_t)head->ts.tv_sec, ROWS[i].at_ns / 1000000000);
		assert_int_equal(head->ts.tv_usec, ROWS[i].at_ns % 1000000000);
		assert_int_equal(head->caplen, ROWS[i].len);
		assert_int_equal(head->len, ROWS[i].len);
		memset(bytes, (int)(i + 1), ROWS[i].len);
		assert_memory_equal(data, bytes, ROWS[i].len);
	}
	assert_int_equal(pcap_next_ex(pcap, &head, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
	free(bytes);
}

static void a_packet_that_was_cut_stays_one(void **state)
{
	struct trace *trace = trace_create(path, TRACE_ETHERNET, NULL);
	static const struct {
		size_t len;
		uint32_t wire_len;
	} ROWS[] = {{96, 96}, {96, 97}, {0, 1514}, {96, UINT32_MAX}};
	struct pcap_pkthdr *head;
	const u_char *data;
	uint8_t bytes[96] = {0};
	pcap_t *pcap;

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(trace_write(trace, 1, span_of(bytes, ROWS[i].len),
					     ROWS[i].wire_len, NULL),
				 0);
	}
	assert_int_equal(trace_close(trace, NULL), 0);
	pcap = open_again();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(pcap_next_ex(pcap, &head, &data), 1);
		assert_int_equal(head->caplen, ROWS[i].len);
		assert_int_equal(head->len, ROWS[i].wire_len);
	}
	pcap_close(pcap);
}

static void times_past_the_last_are_the_last(void **state)
{
	static const int64_t ROWS[] = {TRACE_AT_MAX_NS, TRACE_AT_MAX_NS + 1, INT64_MAX};
	struct trace *trace = trace_create(path, TRACE_ETHERNET, NULL);
	struct pcap_pkthdr *head;
	const u_char *data;
	pcap_t *pcap;

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(trace_write(trace, ROWS[i], span_str("x"), 1, NULL), 0);
	}
	assert_int_equal(trace_close(trace, NULL), 0);
	pcap = open_again();
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_int_equal(pcap_next_ex(pcap, &head, &data), 1);
		assert_int_equal((uint32_t)head->ts.tv_sec, UINT32_MAX);
		assert_int_equal(head->ts.tv_usec, 999999999);
	}
	pcap_close(pcap);
}

/* DLT_RAW's number in files is another one (LINKTYPE_RAW, 101). */
static void any_link_type_is_kept(void **state)
{
	static const int ROWS[] = {DLT_EN10MB,	  DLT_NULL,	  DLT_RAW,
				   DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_LOOP};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char why[PCAP_ERRBUF_SIZE];
		pcap_t *pcap;

		assert_int_equal(trace_close(trace_create(path, ROWS[i], NULL), NULL), 0);
		pcap = pcap_open_offline(path, why);
		assert_non_null(pcap);
		assert_int_equal(pcap_datalink(pcap), ROWS[i]);
		pcap_close(pcap);
	}
}

static off_t file_bytes(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void an_older_file_is_replaced(void **state)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	FILE *file = fopen(path, "w");
	pcap_t *pcap;

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 1000; i++) {
		fputs("something else", file);
	}
	fclose(file);
	assert_int_equal(trace_close(trace_create(path, TRACE_ETHERNET, NULL), NULL), 0);
	assert_int_equal(file_bytes(), 24);
	pcap = open_again();
	assert_int_equal(pcap_next_ex(pcap, &head, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void flush_hands_over_whole_packets(void **state)
{
	struct trace *trace = trace_create(path, TRACE_ETHERNET, NULL);
	uint8_t bytes[100] = {0};

	(void)state;
	assert_int_equal(trace_write(trace, 1, span_of(bytes, 100), 100, NULL), 0);
	assert_int_equal(file_bytes(), 0); /* a write a packet would be dear */
	assert_int_equal(trace_flush(trace, NULL), 0);
	assert_int_equal(file_bytes(), 24 + 16 + 100);
	assert_int_equal(trace_write(trace, 2, span_of(bytes, 50), 50, NULL), 0);
	assert_int_equal(trace_close(trace, NULL), 0);
	assert_int_equal(file_bytes(), 24 + 16 + 100 + 16 + 50);
}

static void a_file_that_cannot_be_made(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(trace_create("/nonexistent/t.pcap", TRACE_ETHERNET, &err));
	assert_int_equal(err.code, ERR_SYSTEM);
	assert_non_null(strstr(err.text, "/nonexistent/t.pcap"));
	assert_non_null(strstr(err.text, strerror(ENOENT)));
	assert_null(trace_create(dir, TRACE_ETHERNET, &err));
	assert_non_null(strstr(err.text, strerror(EISDIR)));
	assert_null(trace_create(dir, TRACE_ETHERNET, NULL));
	assert_int_equal(trace_close(NULL, &err), 0);
}

static void assert_full(int rc, const struct err *err)
{
	assert_int_equal(rc, ERR_SYSTEM);
	assert_int_equal(err->code, ERR_SYSTEM);
	assert_non_null(strstr(err->text, "/dev/full"));
	assert_non_null(strstr(err->text, strerror(ENOSPC)));
}

static void a_full_disk_is_told_by_flush(void **state)
{
	struct trace *trace = trace_create("/dev/full", TRACE_ETHERNET, NULL);
	struct err err = {0};

	(void)state;
	assert_non_null(trace);
	assert_int_equal(trace_write(trace, 1, span_str("x"), 1, NULL),
			 0); /* in the buffer */
	assert_full(trace_flush(trace, &err), &err);
	err = (struct err){0};
	assert_full(trace_flush(trace, &err), &err);
	err = (struct err){0};
	assert_full(trace_write(trace, 1, span_str("x"), 1, &err), &err);
	err = (struct err){0};
	assert_full(trace_close(trace, &err), &err);
}

static void a_full_disk_is_told_by_write_once_the_buffer_is_full(void **state)
{
	struct trace *trace = trace_create("/dev/full", TRACE_ETHERNET, NULL);
	uint8_t *bytes = calloc(1, TRACE_PACKET_MAX);
	struct err err = {0};
	int rc = 0;

	(void)state;
	for (int i = 0; i < 16 && rc == 0; i++) {
		rc = trace_write(trace, i, span_of(bytes, TRACE_PACKET_MAX),
				 TRACE_PACKET_MAX, &err);
	}
	assert_full(rc, &err);
	assert_full(trace_close(trace, &err), &err);
	free(bytes);
}

static void a_full_disk_is_told_by_close(void **state)
{
	struct err err = {0};

	(void)state;
	assert_full(trace_close(trace_create("/dev/full", TRACE_ETHERNET, NULL), &err),
		    &err);
	assert_int_equal(trace_close(trace_create("/dev/full", TRACE_ETHERNET, NULL),
				     NULL),
			 ERR_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_back),
		cmocka_unit_test(a_packet_that_was_cut_stays_one),
		cmocka_unit_test(times_past_the_last_are_the_last),
		cmocka_unit_test(any_link_type_is_kept),
		cmocka_unit_test(an_older_file_is_replaced),
		cmocka_unit_test(flush_hands_over_whole_packets),
		cmocka_unit_test(a_file_that_cannot_be_made),
		cmocka_unit_test(a_full_disk_is_told_by_flush),
		cmocka_unit_test(a_full_disk_is_told_by_write_once_the_buffer_is_full),
		cmocka_unit_test(a_full_disk_is_told_by_close),
	};

	return cmocka_run_group_tests_name("trace", tests, make_dir, remove_dir);
}
