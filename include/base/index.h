/*
 * index: an open-addressing hash index from a 64-bit hash to a uint32 value.
 *
 * The caller owns the items; a value is usually their place in an array. The full hash is kept
 * beside the value, so growing needs no callback and `equal` is called only when 64 bits agree.
 * Linear probing, at most 3/4 full, removal by shifting back (no grave marks, so searches stay
 * short however often items come and go). Several items may share one hash.
 */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index {
	uint64_t *hashes; /* owned; 0 = free place (a hash of 0 is kept as 1) */
	uint32_t *values; /* owned */
	size_t count;
	size_t capacity; /* 0 or a power of two */
	unsigned shift;	 /* 64 - log2(capacity) */
};

/* Is `value` (the caller's item) the one that `key` means? ctx is what index_find was given. */
typedef bool (*index_equal_fn)(const void *ctx, const void *key, uint32_t value);

/* Takes no memory until the first insert. */
void index_init(struct index *ix);
void index_deinit(struct index *ix);
/* Forgets all, keeps the memory. */
void index_reset(struct index *ix);
/* Room for `count` items without growing on the way. */
void index_reserve(struct index *ix, size_t count);
/* False: absent, ret_value untouched. ret_value may be NULL. */
bool index_find(const struct index *ix, uint64_t hash, index_equal_fn equal, const void *key,
	const void *ctx, uint32_t *ret_value);
/* The caller knows that the item is absent. */
void index_insert(struct index *ix, uint64_t hash, uint32_t value);
/* False: this pair of hash and value is not there. */
bool index_remove(struct index *ix, uint64_t hash, uint32_t value);
size_t index_count(const struct index *ix);
/* Memory held now. */
size_t index_bytes(const struct index *ix);
/* Aborts unless every entry is reachable from its home and the counts agree. For tests. */
void index_check(const struct index *ix);

#endif
