#include "core/prf.h"

#include "base/quantity.h"

#include <assert.h>

static inline uint64_t rotl(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	       (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
	       (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline struct sip sip_start(const struct prf_key *key)
{
	return (struct sip){
		key->k0 ^ 0x736f6d6570736575ULL,
		key->k1 ^ 0x646f72616e646f6dULL,
		key->k0 ^ 0x6c7967656e657261ULL,
		key->k1 ^ 0x7465646279746573ULL,
	};
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

static inline uint64_t sip_finish(struct sip *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t prf_siphash24(const struct prf_key *key, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct sip s = sip_start(key);
	uint64_t last = (uint64_t)len << 56;
	size_t whole = len / 8, rest = len % 8;

	for (size_t i = 0; i < whole; i++, p += 8) {
		sip_word(&s, load_le64(p));
	}
	for (size_t i = 0; i < rest; i++) {
		last |= (uint64_t)p[i] << (8 * i);
	}
	sip_word(&s, last);
	return sip_finish(&s);
}

/* Keys for the fixed uses: any constants do, as long as they never change within an abi.
 * */
static const struct prf_key SEED_DOMAIN = {0x7475726e636f6174ULL, 0x2f736565642f7631ULL};
static const struct prf_key NAME_DOMAIN = {0x7475726e636f6174ULL, 0x2f6e616d652f7631ULL};

static void store_le64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++) {
		p[i] = (uint8_t)(value >> (8 * i));
	}
}

struct prf_key prf_key_from_seed(uint64_t seed)
{
	uint8_t bytes[9];
	struct prf_key key;

	store_le64(bytes, seed);
	bytes[8] = 0;
	key.k0 = prf_siphash24(&SEED_DOMAIN, bytes, sizeof(bytes));
	bytes[8] = 1;
	key.k1 = prf_siphash24(&SEED_DOMAIN, bytes, sizeof(bytes));
	return key;
}

struct prf_key prf_key_derive(const struct prf_key *key, uint64_t tag, struct span name)
{
	/* Both halves from the same input under two keys, so no input can make them
	 * equal. */
	struct prf_key other = {key->k0 ^ 0x5c5c5c5c5c5c5c5cULL, key->k1 ^ tag};
	struct prf_key tagged = {key->k0, key->k1 ^ tag};

	return (struct prf_key){
		prf_siphash24(&tagged, name.data, name.len),
		prf_siphash24(&other, name.data, name.len),
	};
}

uint64_t prf_hash_name(struct span name)
{
	return prf_siphash24(&NAME_DOMAIN, name.data, name.len);
}

uint64_t prf_draw(const struct prf_key *key, uint64_t class_hash, uint64_t k, uint64_t j)
{
	/* prf_siphash24() over the 24 bytes, without storing them first. */
	struct sip s = sip_start(key);

	sip_word(&s, class_hash);
	sip_word(&s, k);
	sip_word(&s, j);
	sip_word(&s, 24ULL << 56);
	return sip_finish(&s);
}

uint64_t prf_below(uint64_t draw, uint64_t n)
{
	assert(n >= 1);
	return (uint64_t)(((unsigned __int128)draw * n) >> 64);
}

bool prf_chance(uint64_t draw, struct chance chance)
{
	return prf_below(draw, chance.den) < chance.num;
}
