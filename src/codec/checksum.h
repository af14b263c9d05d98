/* The Internet checksum (RFC 1071), as IPv4, TCP and UDP use it.
 *
 * A sum is built up over one or more pieces; every piece but the last has an even length.
 * The sum is in the machine's byte order, as RFC 1071 §2(B) allows: only
 * checksum_finish() looks.
 */
#ifndef CODEC_CHECKSUM_H
#define CODEC_CHECKSUM_H

#include "base/span.h"

/* Start with sum 0. 2^18 pieces of 64 KiB fit without overflow. */
uint64_t checksum_add(uint64_t sum, struct span bytes);
/* The checksum as a host number, to be stored in network order. Over bytes that hold a
 * right checksum it is 0. */
uint16_t checksum_finish(uint64_t sum);

#endif
