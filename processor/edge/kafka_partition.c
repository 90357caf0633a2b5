#include "edge/kafka_partition.h"

#include <stddef.h>

/* Murmur2 as Kafka's Java client computes it: seed 0x9747b28c, little-endian words. */
static uint32_t murmur2(const uint8_t *bytes, size_t length)
{
	const uint32_t m = 0x5bd1e995;
	uint32_t h = 0x9747b28c ^ (uint32_t)length;
	size_t at = 0;

	for (; length - at >= 4; at += 4) {
		uint32_t k = (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8 |
			     (uint32_t)bytes[at + 2] << 16 | (uint32_t)bytes[at + 3] << 24;
		k *= m;
		k ^= k >> 24;
		k *= m;
		h = (h * m) ^ k;
	}
	switch (length - at) {
	case 3:
		h ^= (uint32_t)bytes[at + 2] << 16;
		/* fall through */
	case 2:
		h ^= (uint32_t)bytes[at + 1] << 8;
		/* fall through */
	case 1:
		h ^= bytes[at];
		h *= m;
		break;
	default:
		break;
	}
	h ^= h >> 13;
	h *= m;
	return h ^ h >> 15;
}

int32_t kafka_partition_of(struct slice key, int32_t count)
{
	return (int32_t)((murmur2((const uint8_t *)key.at, key.len) & 0x7fffffff) %
			 (uint32_t)count);
}
