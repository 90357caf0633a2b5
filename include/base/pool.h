/*
 * pool: a few threads that share pieces of work and meet again: fork and join.
 *
 * Invariant: between two calls of pool_run no thread of the pool touches anything; what the caller wrote before a call the
 * pieces see, and what the pieces wrote the caller sees behind it. Each piece is run once, by one thread, start to end.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdint.h>

struct pool;

/* Piece `index` of the work, on thread `worker` (below pool_size, 0 is the caller): no two pieces run on one at a time. */
typedef void (*pool_fn)(void *ctx, uint32_t worker, uint32_t index);

enum { POOL_SIZE_MAX = 64 };

/*
 * size: threads, the caller's own among them, at most POOL_SIZE_MAX. 0 and 1: none is made, pieces run on the caller's thread in
 * their order. What the system refuses to make is done without. Used by one thread.
 */
struct pool *pool_new(uint32_t size);
void pool_free(struct pool *);
uint32_t pool_size(const struct pool *);

/* Runs pieces 0 … count - 1, in any order, and returns when all are done. */
void pool_run(struct pool *, pool_fn, void *ctx, uint32_t count);

/* The cores that this process may use, at least 1. */
uint32_t pool_cores(void);

#endif
