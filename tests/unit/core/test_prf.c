/* The pseudo-random function: published vectors, and what draws must not have in
 * common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/prf.h"

/* SipHash-2-4 of the messages 00, 00 01, … (the n-th has n bytes) under the key 00 …
 * 0f, as the authors publish them; here as little-endian numbers. */
static const uint64_t VECTORS[64] = {
	0x726fdb47dd0e0e31ULL, 0x74f839c593dc67fdULL, 0x0d6c8009d9a94f5aULL,
	0x85676696d7fb7e2dULL, 0xcf2794e0277187b7ULL, 0x18765564cd99a68dULL,
	0xcbc9466e58fee3ceULL, 0xab0200f58b01d137ULL, 0x93f5f5799a932462ULL,
	0x9e0082df0ba9e4b0ULL, 0x7a5dbbc594ddb9f3ULL, 0xf4b32f46226bada7ULL,
	0x751e8fbc860ee5fbULL, 0x14ea5627c0843d90ULL, 0xf723ca908e7af2eeULL,
	0xa129ca6149be45e5ULL, 0x3f2acc7f57c29bdbULL, 0x699ae9f52cbe4794ULL,
	0x4bc1b3f0968dd39cULL, 0xbb6dc91da77961bdULL, 0xbed65cf21aa2ee98ULL,
	0xd0f2cbb02e3b67c7ULL, 0x93536795e3a33e88ULL, 0xa80c038ccd5ccec8ULL,
	0xb8ad50c6f649af94ULL, 0xbce192de8a85b8eaULL, 0x17d835b85bbb15f3ULL,
	0x2f2e6163076bcfadULL, 0xde4daaaca71dc9a5ULL, 0xa6a2506687956571ULL,
	0xad87a3535c49ef28ULL, 0x32d892fad841c342ULL, 0x7127512f72f27cceULL,
	0xa7f32346f95978e3ULL, 0x12e0b01abb051238ULL, 0x15e034d40fa197aeULL,
	0x314dffbe0815a3b4ULL, 0x027990f029623981ULL, 0xcadcd4e59ef40c4dULL,
	0x9abfd8766a33735cULL, 0x0e3ea96b5304a7d0ULL, 0xad0c42d6fc585992ULL,
	0x187306c89bc215a9ULL, 0xd4a60abcf3792b95ULL, 0xf935451de4f21df2ULL,
	0xa9538f0419755787ULL, 0xdb9acddff56ca510ULL, 0xd06c98cd5c0975ebULL,
	0xe612a3cb9ecba951ULL, 0xc766e62cfcadaf96ULL, 0xee64435a9752fe72ULL,
	0xa192d576b245165aULL, 0x0a8787bf8ecb74b2ULL, 0x81b3e73d20b49b6fULL,
	0x7fa8220ba3b2eceaULL, 0x245731c13ca42499ULL, 0xb78dbfaf3a8d83bdULL,
	0xea1ad565322a1a0bULL, 0x60e61c23a3795013ULL, 0x6606d7e446282b93ULL,
	0x6ca4ecb15c5f91e1ULL, 0x9f626da15c9625f3ULL, 0xe51b38608ef25f57ULL,
	0x958a324ceb064572ULL,
};

static void siphash_gives_the_published_vectors(void **state)
{
	static const struct prf_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	uint8_t message[64];

	(void)state;
	for (size_t len = 0; len < 64; len++) {
		message[len] = (uint8_t)len;
		assert_int_equal(prf_siphash24(&key, message, len), VECTORS[len]);
	}
}

static void a_draw_is_siphash_of_class_k_and_j(void **state)
{
	static const struct prf_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

	(void)state;
	/* The vector of 24 bytes: three words in a row. */
	assert_int_equal(prf_draw(&key, 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL,
				  0x1716151413121110ULL),
			 VECTORS[24]);
}

static void keys_depend_on_seed_tag_and_all_of_the_name(void **state)
{
	struct prf_key keys[8];
	struct prf_key seed = prf_key_from_seed(1);
	size_t num = 0;

	(void)state;
	keys[num++] = seed;
	keys[num++] = prf_key_from_seed(2);
	keys[num++] = prf_key_derive(&seed, 1, span_str("a"));
	keys[num++] = prf_key_derive(&seed, 2, span_str("a"));
	keys[num++] = prf_key_derive(&seed, 1, span_str("b"));
	keys[num++] = prf_key_derive(&seed, 1, span_str(""));
	keys[num++] = prf_key_derive(&seed, 1, span_of("a\0", 2));
	keys[num++] = prf_key_derive(&keys[2], 1, span_str("a"));
	for (size_t i = 0; i < num; i++) {
		assert_int_not_equal(keys[i].k0, keys[i].k1);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(keys[i].k0, keys[j].k0);
			assert_int_not_equal(keys[i].k1, keys[j].k1);
		}
	}
}

/* These values are the abi: when they change, so do all decisions of all logs. */
static void derived_values_stay_what_they_are(void **state)
{
	struct prf_key seed = prf_key_from_seed(42);
	struct prf_key rule = prf_key_derive(&seed, 0x454c5552, span_str("slow"));
	struct prf_key lane = prf_key_derive(&rule, 1, span_str("cache/127.0.0.1#1"));

	(void)state;
	assert_int_equal(prf_hash_name(span_str("raw")), 0x8f67f285f47c4454ULL);
	assert_int_equal(prf_draw(&lane, prf_hash_name(span_str("raw")), 0, 0),
			 0xf3fd4fd7b98b9f36ULL);
	assert_int_equal(prf_draw(&lane, prf_hash_name(span_str("raw")), 7, 1),
			 0x9bc703cb4a468c97ULL);
}

static void below_scales_and_keeps_the_ends(void **state)
{
	(void)state;
	assert_int_equal(prf_below(0, 10), 0);
	assert_int_equal(prf_below(UINT64_MAX, 10), 9);
	assert_int_equal(prf_below(UINT64_MAX, 1), 0);
	assert_int_equal(prf_below(1ULL << 63, 10), 5);
	assert_int_equal(prf_below((1ULL << 63) - 1, 10), 4);
	assert_int_equal(prf_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
}

static void chances_hit_as_often_as_they_say(void **state)
{
	static const struct chance chances[] = {{0, 1}, {1, 1}, {50000, 1000000}, {1, 3}};
	struct prf_key key = prf_key_from_seed(5);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const uint64_t tries = 200000;
		uint64_t wanted = tries * chances[i].num / chances[i].den, hits = 0;

		for (uint64_t k = 0; k < tries; k++) {
			hits += prf_chance(prf_draw(&key, i, k, 0), chances[i]);
		}
		/* Four deviations of the binomial: below 4 * sqrt(200000 / 4) = 895. */
		assert_in_range(hits, wanted > 895 ? wanted - 895 : wanted,
				wanted + (wanted && wanted < tries ? 895 : 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_gives_the_published_vectors),
		cmocka_unit_test(a_draw_is_siphash_of_class_k_and_j),
		cmocka_unit_test(keys_depend_on_seed_tag_and_all_of_the_name),
		cmocka_unit_test(derived_values_stay_what_they_are),
		cmocka_unit_test(below_scales_and_keeps_the_ends),
		cmocka_unit_test(chances_hit_as_often_as_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
