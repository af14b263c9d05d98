/* The decision log's writer: batches, commits, and every way of running out of room.
 *
 * fallocate() and write() are defined here, in front of libc's, so that a full disk, a
 * partial write and an interrupted call happen when a test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/declog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULT "{\"fault\":1}\n"
#define PASS "{\"pass\":1}\n"
#define NOTE(reason) \
	"{\"note\":\"log-failed\",\"text\":\"" reason "\",\"type\":\"note\"}\n"

static struct {
	off_t disk_bytes;     /* room that can be reserved; -1: as the system says */
	int refusal;	      /* errno beyond it */
	size_t write_at_most; /* a write takes no more; 0: all */
	int interrupts;	      /* writes that fail with EINTR first */
	off_t writable_bytes; /* by writes to write_fd_min and up; -1: no bound */
	off_t reserved_max;   /* the highest end that was granted */
	unsigned num_writes;
} fake;

static char dir[] = "/tmp/test_declog.XXXXXX";
static char path[64];

int fallocate(int fd, int mode, off_t from, off_t len)
{
	if (fake.disk_bytes >= 0 && from + len > fake.disk_bytes) {
		errno = fake.refusal;
		return -1;
	}
	if (syscall(SYS_fallocate, fd, mode, from, len) != 0) {
		return -1;
	}
	fake.reserved_max = from + len;
	return 0;
}

ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t n;

	if (fd <= STDERR_FILENO) { /* the test's own report */
		return syscall(SYS_write, fd, data, len);
	}
	if (fake.interrupts > 0) {
		fake.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (fake.write_at_most && len > fake.write_at_most) {
		len = fake.write_at_most;
	}
	if (fake.writable_bytes >= 0) {
		off_t here = lseek(fd, 0, SEEK_CUR);

		if (here >= fake.writable_bytes) {
			errno = ENOSPC;
			return -1;
		}
		if ((off_t)len > fake.writable_bytes - here) {
			len = (size_t)(fake.writable_bytes - here);
		}
	}
	n = syscall(SYS_write, fd, data, len);
	fake.num_writes++;
	return n;
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.disk_bytes = -1;
	fake.writable_bytes = -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static int make_dir(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* The file as it is now, NUL-terminated; the caller frees. */
static char *slurp(size_t *out_len)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	char *data;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	data = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(fread(data, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	if (out_len) {
		*out_len = (size_t)st.st_size;
	}
	return data;
}

static void assert_file(const char *want)
{
	char *got = slurp(NULL);

	assert_string_equal(got, want);
	free(got);
}

static off_t file_len(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static struct declog *open_log(void)
{
	struct declog *log = NULL;
	struct err err = {0};

	if (declog_open(path, &log, &err) != 0) {
		fail_msg("%s", err.text);
	}
	return log;
}

static void put(struct declog *log, const char *line, bool fault)
{
	declog_write(log, span_str(line), fault);
}

static void a_fault_is_in_the_file_at_commit(void **state)
{
	struct declog *log = open_log();

	(void)state;
	put(log, PASS, false);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_int_equal(file_len(), 0);
	put(log, FAULT, true);
	assert_int_equal(file_len(), 0);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_file(PASS FAULT);
	assert_int_equal(declog_close(log, NULL), 0);
}

static void passes_are_in_the_file_at_tick(void **state)
{
	struct declog *log = open_log();

	(void)state;
	put(log, PASS, false);
	assert_int_equal(file_len(), 0);
	assert_int_equal(declog_tick(log, NULL), 0);
	assert_file(PASS);
	assert_int_equal(declog_tick(log, NULL), 0);
	assert_file(PASS);
	assert_int_equal(declog_close(log, NULL), 0);
}

static void close_writes_what_waits(void **state)
{
	struct declog *log = open_log();

	(void)state;
	put(log, PASS, false);
	assert_int_equal(declog_close(log, NULL), 0);
	assert_file(PASS);
}

static void many_passes_are_written_in_few_writes(void **state)
{
	struct declog *log = open_log();
	size_t total = 0;

	(void)state;
	while (total < 256 << 10) {
		put(log, PASS, false);
		total += strlen(PASS);
		if (total <= 64 << 10) {
			assert_int_equal(fake.num_writes, 0);
		}
	}
	assert_in_range(fake.num_writes, 1, 4);
	assert_int_equal(declog_close(log, NULL), 0);
	assert_int_equal(file_len(), total);
}

static void a_line_beyond_the_buffer_keeps_its_place(void **state)
{
	struct declog *log = open_log();
	size_t big = 1 << 20;
	char *line = malloc(big);
	size_t len;
	char *got;

	(void)state;
	memset(line, 'x', big);
	line[big - 1] = '\n';
	put(log, "{\"before\":1}\n", false);
	declog_write(log, span_of(line, big), true);
	put(log, "{\"after\":1}\n", false);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_int_equal(declog_close(log, NULL), 0);
	got = slurp(&len);
	assert_int_equal(len, 13 + big + 12);
	assert_memory_equal(got, "{\"before\":1}\nxxx", 16);
	assert_memory_equal(got + 13, line, big);
	assert_string_equal(got + 13 + big, "{\"after\":1}\n");
	free(got);
	free(line);
}

static void an_old_file_is_emptied(void **state)
{
	FILE *f = fopen(path, "w");
	struct declog *log;

	(void)state;
	fputs("old lines, longer than the new ones\n", f);
	fclose(f);
	log = open_log();
	put(log, PASS, false);
	assert_int_equal(declog_close(log, NULL), 0);
	assert_file(PASS);
}

static void no_path_keeps_nothing(void **state)
{
	struct declog *log = NULL;

	(void)state;
	assert_int_equal(declog_open(NULL, &log, NULL), 0);
	put(log, FAULT, true);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_int_equal(declog_tick(log, NULL), 0);
	assert_false(declog_failed(log));
	assert_int_equal(declog_close(log, NULL), 0);
	assert_int_equal(fake.num_writes, 0);
}

static void a_path_that_cannot_be_opened_is_named(void **state)
{
	struct declog *log = NULL;
	struct err err = {0};
	char wrong[96];

	(void)state;
	snprintf(wrong, sizeof(wrong), "%s/none/log", dir);
	assert_int_equal(declog_open(wrong, &log, &err), ERR_SYSTEM);
	assert_null(log);
	assert_non_null(strstr(err.text, wrong));
	assert_non_null(strstr(err.text, "No such file"));
}

static void close_gives_the_reserved_room_back(void **state)
{
	struct declog *log = open_log();
	struct stat st;

	(void)state;
	put(log, FAULT, true);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, strlen(FAULT));
	assert_int_equal(fake.reserved_max, 4 << 20);
	assert_true(st.st_blocks * 512 >= 4 << 20);
	assert_int_equal(declog_close(log, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 <= 64 << 10);
}

/* Writes faults of 4 KiB until a commit fails; returns how many bytes were handed over.
 */
static size_t fill_until_failure(struct declog *log, struct err *err)
{
	static char line[4096];
	size_t total = 0;

	memset(line, '7', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (total < 64 << 20) {
		declog_write(log, span_of(line, sizeof(line)), true);
		total += sizeof(line);
		if (declog_commit(log, err) != 0) {
			return total;
		}
	}
	fail_msg("never failed");
	return 0;
}

static void assert_ends_with_note(size_t total, const char *note)
{
	size_t len;
	char *got = slurp(&len);

	assert_int_equal(len, total + strlen(note));
	assert_string_equal(got + total, note);
	free(got);
}

static void the_end_of_space_is_known_before_it_comes(void **state)
{
	static const struct {
		int refusal;
		const char *text, *note;
	} rows[] = {
		{ENOSPC,
		 "log: no space left on device: ", NOTE("no space left on device")},
		{EDQUOT, "log: disk quota exceeded: ", NOTE("disk quota exceeded")},
		{EFBIG, "log: file too large: ", NOTE("file too large")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct declog *log;
		struct err err = {0}, again = {0};
		size_t total;

		setup(NULL);
		fake.disk_bytes = 9 << 20;
		fake.refusal = rows[i].refusal;
		log = open_log();
		total = fill_until_failure(log, &err);
		assert_memory_equal(err.text, rows[i].text, strlen(rows[i].text));
		assert_non_null(strstr(err.text, path));
		assert_true(declog_failed(log));
		/* All that was handed over is there, and 256 KiB are left but for a line.
		 */
		assert_true(total + (256 << 10) <= (9 << 20) + 4096);
		assert_true(total + (512 << 10) > 9 << 20);
		assert_ends_with_note(total, rows[i].note);
		/* From now on always, and nothing more is written. */
		put(log, FAULT, true);
		assert_int_equal(declog_commit(log, &again), err.code);
		assert_string_equal(again.text, err.text);
		assert_int_equal(declog_tick(log, NULL), err.code);
		assert_int_equal(declog_close(log, NULL), err.code);
		assert_ends_with_note(total, rows[i].note);
	}
}

static void a_batch_beyond_the_spare_room_is_left_out(void **state)
{
	struct declog *log;
	size_t big = 2 << 20;
	char *line = malloc(big);

	(void)state;
	memset(line, 'x', big);
	line[big - 1] = '\n';
	fake.disk_bytes = 1 << 20;
	fake.refusal = ENOSPC;
	log = open_log();
	put(log, FAULT, true);
	assert_int_equal(declog_commit(log, NULL), 0);
	declog_write(log, span_of(line, big), true);
	assert_int_not_equal(declog_commit(log, NULL), 0);
	declog_close(log, NULL);
	assert_file(FAULT NOTE("no space left on device"));
	free(line);
}

static void a_full_disk_is_refused_at_the_start(void **state)
{
	struct declog *log = NULL;
	struct err err = {0};

	(void)state;
	fake.disk_bytes = 100 << 10;
	fake.refusal = ENOSPC;
	assert_int_equal(declog_open(path, &log, &err), ERR_SYSTEM);
	assert_null(log);
	assert_non_null(strstr(err.text, "log: no space left"));
}

static void a_limit_on_file_sizes_is_a_full_disk(void **state)
{
	struct rlimit old, tight;
	struct declog *log;
	struct err err = {0};
	size_t total;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = 5 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	log = open_log();
	total = fill_until_failure(log, &err);
	declog_close(log, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.text, "log: file too large"));
	assert_true(total + (512 << 10) > 5 << 20);
	assert_ends_with_note(total, NOTE("file too large"));
}

static void without_reservation_a_failing_write_takes_its_batch_along(void **state)
{
	struct declog *log;
	struct err err = {0};
	char *got;
	size_t len;

	(void)state;
	fake.disk_bytes = 0;
	fake.refusal = EOPNOTSUPP;
	log = open_log();
	put(log, FAULT, true);
	assert_int_equal(declog_commit(log, &err), 0);
	/* Room for half of the next batch only; the note fits where the batch was. */
	fake.writable_bytes = (off_t)strlen(FAULT) + 150;
	for (int i = 0; i < 30; i++) {
		put(log, "{\"torn\":1}\n", i == 3);
	}
	assert_int_equal(declog_commit(log, &err), ERR_SYSTEM);
	assert_non_null(strstr(err.text, "log: no space left"));
	declog_close(log, NULL);
	got = slurp(&len);
	assert_string_equal(got, FAULT NOTE("no space left on device"));
	free(got);
}

static void partial_and_interrupted_writes_go_on(void **state)
{
	struct declog *log = open_log();

	(void)state;
	fake.write_at_most = 5;
	fake.interrupts = 3;
	put(log, FAULT FAULT PASS, true);
	assert_int_equal(declog_commit(log, NULL), 0);
	assert_int_equal(declog_close(log, NULL), 0);
	assert_int_equal(fake.interrupts, 0);
	assert_file(FAULT FAULT PASS);
}

static void a_full_device_fails_the_commit(void **state)
{
	struct declog *log = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(declog_open("/dev/full", &log, &err), 0);
	put(log, FAULT, true);
	assert_false(declog_failed(log));
	assert_int_equal(declog_commit(log, &err), ERR_SYSTEM);
	assert_string_equal(err.text, "log: no space left on device: /dev/full");
	assert_true(declog_failed(log));
	assert_int_equal(declog_close(log, NULL), ERR_SYSTEM);
}

/* Standard output is a pipe: `run` in a child, then all that came out of it. */
static size_t through_pipe(void (*run)(void), bool non_blocking, int *out_status)
{
	int ends[2];
	char chunk[4096];
	size_t total = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	if (non_blocking) {
		assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		run();
		_exit(9);
	}
	close(ends[1]);
	while ((n = read(ends[0], chunk, sizeof(chunk))) > 0) {
		total += (size_t)n;
	}
	close(ends[0]);
	assert_int_equal(waitpid(child, out_status, 0), child);
	return total;
}

enum { PIPE_LINES = 100000 };

static void log_to_stdout(void)
{
	struct declog *log = NULL;
	int bad = declog_open("-", &log, NULL);

	for (int i = 0; i < PIPE_LINES; i++) {
		put(log, FAULT, true);
		if (i % 1000 == 0) {
			bad |= declog_commit(log, NULL);
		}
	}
	bad |= declog_close(log, NULL);
	_exit(bad != 0);
}

static void a_pipe_gets_all_even_when_it_does_not_block(void **state)
{
	(void)state;
	for (int non_blocking = 0; non_blocking < 2; non_blocking++) {
		int status;

		assert_int_equal(through_pipe(log_to_stdout, non_blocking, &status),
				 PIPE_LINES * strlen(FAULT));
		assert_int_equal(status, 0);
	}
}

static void log_to_closed_stdout(void)
{
	int ends[2];
	struct declog *log = NULL;
	struct err err = {0};
	bool good;

	if (pipe(ends) != 0) {
		_exit(8);
	}
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	good = declog_open("-", &log, &err) == 0;
	put(log, FAULT, true);
	good = good && declog_commit(log, &err) == ERR_SYSTEM;
	good = good && strcmp(err.text, "log: broken pipe: standard output") == 0;
	_exit(good ? 0 : 1);
}

static void a_reader_that_went_away_fails_the_commit(void **state)
{
	int status;

	(void)state;
	assert_int_equal(through_pipe(log_to_closed_stdout, false, &status), 0);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fault_is_in_the_file_at_commit),
		TEST(passes_are_in_the_file_at_tick),
		TEST(close_writes_what_waits),
		TEST(many_passes_are_written_in_few_writes),
		TEST(a_line_beyond_the_buffer_keeps_its_place),
		TEST(an_old_file_is_emptied),
		TEST(no_path_keeps_nothing),
		TEST(a_path_that_cannot_be_opened_is_named),
		TEST(close_gives_the_reserved_room_back),
		TEST(the_end_of_space_is_known_before_it_comes),
		TEST(a_batch_beyond_the_spare_room_is_left_out),
		TEST(a_full_disk_is_refused_at_the_start),
		TEST(a_limit_on_file_sizes_is_a_full_disk),
		TEST(without_reservation_a_failing_write_takes_its_batch_along),
		TEST(partial_and_interrupted_writes_go_on),
		TEST(a_full_device_fails_the_commit),
		TEST(a_pipe_gets_all_even_when_it_does_not_block),
		TEST(a_reader_that_went_away_fails_the_commit),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
