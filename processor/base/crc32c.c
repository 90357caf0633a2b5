#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAVE_INSTRUCTION 1
#endif

/* Reflected Castagnoli polynomial. */
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[byte] = crc;
	}
}

uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint32_t crc = ~seed;

	pthread_once(&table_once, fill_table);
	for (size_t i = 0; i < count; i++)
		crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
	return ~crc;
}

#ifdef HAVE_INSTRUCTION
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t seed, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint64_t crc = ~seed;

	for (; count >= 8; at += 8, count -= 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		crc = _mm_crc32_u64(crc, word);
	}
	for (; count; at++, count--)
		crc = _mm_crc32_u8((uint32_t)crc, *at);
	return ~(uint32_t)crc;
}
#endif

uint32_t crc32c(uint32_t seed, const void *bytes, size_t count)
{
#ifdef HAVE_INSTRUCTION
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(seed, bytes, count);
#endif
	return crc32c_portable(seed, bytes, count);
}
