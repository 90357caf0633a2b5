/*
 * hash: 64-bit hashes for tables and fingerprints.
 *
 * hash_bytes is xxHash's XXH3: keys come from outside, so tables give it a secret seed;
 * fingerprints that are stored use a fixed one. hash_u64 and hash_combine are bijective mixers, the
 * same on every machine.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint64_t hash_bytes(const void *bytes, size_t count, uint64_t seed);

/* The finalizer of splitmix64. */
static inline uint64_t hash_u64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Depends on the order of its arguments. */
static inline uint64_t hash_combine(uint64_t a, uint64_t b)
{
	return hash_u64(((a << 23) | (a >> 41)) ^ hash_u64(b));
}

/* Up to 8 bytes, little-endian. */
static inline uint64_t hash_word(const char *at, size_t count)
{
	uint64_t word = 0;

	memcpy(&word, at, count);
	return le64toh(word);
}

/* Up to 16 bytes as two words, which overlap. */
static inline void hash_words(const char *at, size_t count, uint64_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (count >= 8) {
		ret[0] = hash_word(at, 8);
		ret[1] = hash_word(at + count - 8, 8);
	} else if (count >= 4) {
		ret[0] = hash_word(at, 4);
		ret[1] = hash_word(at + count - 4, 4);
	} else if (count > 0) {
		ret[0] = (uint64_t)(uint8_t)at[0] | (uint64_t)(uint8_t)at[count / 2] << 8 |
			 (uint64_t)(uint8_t)at[count - 1] << 16;
	}
}

/*
 * hash_bytes for what is mostly a short id: inline, one multiplication of 64 by 64 bits, folded (as wyhash does). Not the same
 * numbers as hash_bytes.
 */
static inline uint64_t hash_text(const char *at, size_t count, uint64_t seed)
{
	uint64_t words[2];
	__extension__ unsigned __int128 product;

	if (count > 16)
		return hash_bytes(at, count, seed);
	hash_words(at, count, words);
	product = words[0] ^ seed ^ 0xa0761d6478bd642fu;
	product *= (words[1] ^ (seed << 32 | seed >> 32) ^ count ^ 0xe7037ed1a0b428dbu);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
