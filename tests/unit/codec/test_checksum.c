/* The Internet checksum: published examples, odd lengths, and sums taken in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/checksum.h"

static uint16_t checksum_of(const void *data, size_t len)
{
	return checksum_finish(checksum_add(0, span_of(data, len)));
}

/* RFC 1071 §3: the sum is ddf2. */
static void rfc_1071_example(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(checksum_of(bytes, sizeof(bytes)), 0xffff ^ 0xddf2);
}

static void ipv4_header_and_its_own_checksum(void **state)
{
	uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
			    0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

	(void)state;
	assert_int_equal(checksum_of(header, sizeof(header)), 0xb861);
	header[10] = 0xb8;
	header[11] = 0x61;
	assert_int_equal(checksum_of(header, sizeof(header)), 0);
}

static void odd_length_is_padded_behind(void **state)
{
	static const uint8_t bytes[] = {0x12, 0x34, 0x56};

	(void)state;
	assert_int_equal(checksum_of(bytes, 3), 0xffff ^ (0x1234 + 0x5600));
	assert_int_equal(checksum_of(bytes, 1), 0xffff ^ 0x1200);
	assert_int_equal(checksum_of(bytes, 0), 0xffff);
}

/* As the RFC writes it, 16 bits at a time. */
static uint16_t slow_checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void any_length_in_one_or_two_pieces(void **state)
{
	uint8_t bytes[97];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(255 - i * i % 7);
	}
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint16_t wanted = slow_checksum(bytes, len);

		assert_int_equal(checksum_of(bytes, len), wanted);
		for (size_t cut = 0; cut <= len; cut += 2) {
			uint64_t sum = checksum_add(0, span_of(bytes, cut));

			sum = checksum_add(sum, span_of(bytes + cut, len - cut));
			assert_int_equal(checksum_finish(sum), wanted);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_1071_example),
		cmocka_unit_test(ipv4_header_and_its_own_checksum),
		cmocka_unit_test(odd_length_is_padded_behind),
		cmocka_unit_test(any_length_in_one_or_two_pieces),
	};

	return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
