#include "codec/checksum.h"

#include <arpa/inet.h>

uint64_t checksum_add(uint64_t sum, struct span bytes)
{
	const uint8_t *at = bytes.data;
	size_t left = bytes.len;
	uint64_t both, other = 0;
	uint32_t word;
	uint16_t half;

	/* 32 bits a step: 2^16 = 1 modulo 2^16 - 1, so wider words sum to the same. In
	 * two sums, so that no addition waits for the one before. */
	for (; left >= sizeof(both); left -= sizeof(both), at += sizeof(both)) {
		memcpy(&both, at, sizeof(both));
		sum += both & UINT32_MAX;
		other += both >> 32;
	}
	sum += other;
	if (left >= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
		left -= sizeof(word);
		at += sizeof(word);
	}
	if (left >= sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		sum += half;
		left -= sizeof(half);
		at += sizeof(half);
	}
	if (left > 0) {
		half = 0;
		memcpy(&half, at, 1); /* padded by a zero byte behind */
		sum += half;
	}
	return sum;
}

uint16_t checksum_finish(uint64_t sum)
{
	while (sum >> 16 != 0) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return ntohs((uint16_t)~sum);
}
