/* Any bytes as a bundle: the reader either refuses them or hands out plain names and
 * bytes within its bounds, and keeps saying the same at the end.
 */
#include "io/bundle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t read_entry(struct bundle *bundle, struct err *err)
{
	struct span bytes;
	int64_t sum = 0;
	int code;

	while ((code = bundle_read(bundle, &bytes, err)) > 0) {
		assert(bytes.len > 0);
		sum += (int64_t)bytes.len + 0 * bytes.data[bytes.len - 1];
	}
	return code < 0 ? code : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	struct bundle *bundle = NULL;
	struct err err = {0};
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert(bundle_is_bundle(path) ==
	       (size >= 2 && data[0] == 0x1f && data[1] == 0x8b));
	if (bundle_open(path, &bundle, &err) == 0) {
		struct bundle_entry entry;
		int64_t sum = 0, more = 0;
		unsigned num = 0;
		int code;

		while (more >= 0 && (code = bundle_next(bundle, &entry, &err)) > 0) {
			assert(bundle_name_plain(entry.name));
			num++;
			more = num % 2 ? read_entry(bundle, &err) : 0;
			sum += more;
		}
		assert(num <= BUNDLE_ENTRIES_MAX && sum <= BUNDLE_BYTES_MAX);
		assert((more >= 0 && code == 0) || *err.text);
		bundle_close(bundle);
	} else {
		assert(*err.text);
	}
	close(fd);
	return 0;
}
