/*
 * crc32c: the CRC-32C (Castagnoli) checksum of what we store, with SSE 4.2 where the machine has
 * it, tables elsewhere. crc32c(crc32c(0, a), b) is the checksum of a followed by b. Check value of
 * "123456789": 0xe3069283.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* seed: 0 at the start, else the checksum so far. */
uint32_t crc32c(uint32_t seed, const void *bytes, size_t count);
/* The same without the machine's instruction; for tests. */
uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t count);

#endif
