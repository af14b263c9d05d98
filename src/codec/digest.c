#include "codec/digest.h"

#include "base/arena.h"

#include <stdlib.h>
#include <xxhash.h>

struct digest {
	XXH3_state_t *state; /* the library's: it wants 64-byte alignment */
};

uint64_t digest_of(struct span bytes)
{
	return XXH3_64bits(bytes.data, bytes.len);
}

struct digest *digest_new(void)
{
	struct digest *digest = xmalloc(sizeof(*digest));

	digest->state = XXH3_createState();
	if (!digest->state) {
		abort();
	}
	digest_restart(digest);
	return digest;
}

void digest_free(struct digest *digest)
{
	if (digest) {
		XXH3_freeState(digest->state);
		free(digest);
	}
}

/* Restarting and adding fail only for a NULL state. */
void digest_restart(struct digest *digest)
{
	(void)XXH3_64bits_reset(digest->state);
}

void digest_add(struct digest *digest, struct span bytes)
{
	if (bytes.len > 0) {
		(void)XXH3_64bits_update(digest->state, bytes.data, bytes.len);
	}
}

uint64_t digest_value(const struct digest *digest)
{
	return XXH3_64bits_digest(digest->state);
}
