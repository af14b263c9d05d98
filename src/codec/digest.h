/* Content digests of units: XXH3, 64 bits (Yann Collet, xxHash 0.8 specification), for
 * noticing that bytes differ, not for security. Streaming and one-shot give the same
 * value.
 */
#ifndef CODEC_DIGEST_H
#define CODEC_DIGEST_H

#include "base/span.h"

struct digest; /* a streaming state; digest_new()'s caller frees it */

uint64_t digest_of(struct span bytes);
struct digest *digest_new(void);
void digest_free(struct digest *digest);
void digest_restart(struct digest *digest);
void digest_add(struct digest *digest, struct span bytes);
uint64_t digest_value(const struct digest *digest);

#endif
