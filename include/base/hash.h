/*
 * hash: 64-bit hashes for tables and fingerprints.
 *
 * hash_bytes is xxHash's XXH3: keys come from outside, so tables give it a secret seed;
 * fingerprints that are stored use a fixed one. hash_u64 and hash_combine are bijective mixers, the
 * same on every machine.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

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

#endif
