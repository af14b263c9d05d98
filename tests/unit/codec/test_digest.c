/* Digests: the published value of nothing, and streaming equals one-shot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/digest.h"

enum { LEN = 3000 };

static void fill(uint8_t *bytes)
{
	uint32_t x = 1;

	for (size_t i = 0; i < LEN; i++) {
		x = x * 1103515245 + 12345;
		bytes[i] = (uint8_t)(x >> 16);
	}
}

static void known_values(void **state)
{
	(void)state;
	/* xxHash's own sanity test: XXH3_64bits of nothing, seed 0 */
	assert_true(digest_of(span_of(NULL, 0)) == 0x2d06800538d394c2u);
	/* what `xxhsum -H3` prints */
	assert_true(digest_of(span_str("abc")) == 0x78af5f94892f3950u);
}

static void streaming_equals_one_shot(void **state)
{
	static const size_t STEPS[] = {1, 7, 64, 255, 256, 257, 1024, LEN};
	struct digest *digest = digest_new();
	uint8_t bytes[LEN];

	(void)state;
	fill(bytes);
	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
		digest_restart(digest);
		for (size_t at = 0; at < LEN; at += STEPS[i]) {
			digest_add(digest, span_sub(span_of(bytes, LEN), at, STEPS[i]));
			digest_add(digest, span_of(NULL, 0));
		}
		assert_true(digest_value(digest) == digest_of(span_of(bytes, LEN)));
	}
	digest_free(digest);
	digest_free(NULL);
}

static void fresh_and_restarted_are_of_nothing(void **state)
{
	struct digest *digest = digest_new();
	uint64_t nothing = digest_of(span_of(NULL, 0));

	(void)state;
	assert_true(digest_value(digest) == nothing);
	digest_add(digest, span_str("x"));
	assert_true(digest_value(digest) != nothing);
	digest_restart(digest);
	assert_true(digest_value(digest) == nothing);
	digest_free(digest);
}

static void value_can_be_asked_on_the_way(void **state)
{
	struct digest *digest = digest_new();

	(void)state;
	digest_add(digest, span_str("ab"));
	assert_true(digest_value(digest) == digest_of(span_str("ab")));
	digest_add(digest, span_str("c"));
	assert_true(digest_value(digest) == digest_of(span_str("abc")));
	digest_free(digest);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(streaming_equals_one_shot),
		cmocka_unit_test(fresh_and_restarted_are_of_nothing),
		cmocka_unit_test(value_can_be_asked_on_the_way),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
