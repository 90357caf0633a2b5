/*
 * rng: repeatable random numbers: the same seed gives the same numbers on every machine. Not for
 * secrets. xoshiro256** by Blackman and Vigna, its state filled by splitmix64.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* 0 .. n-1, each equally likely; n > 0 (asserted). */
uint64_t rng_below(struct rng *r, uint64_t n);
/* [0, 1), multiples of 2^-53. */
double rng_unit(struct rng *r);
/* True with this probability; never for <= 0, always for >= 1. */
bool rng_chance(struct rng *r, double probability);

#endif
