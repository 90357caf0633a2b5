/*
 * index: an open-addressing hash index from a 64-bit hash to a uint32 value.
 *
 * The caller owns the items; a value is usually their place in an array. 32 bits of the hash are kept
 * beside the value, so growing needs no callback, `equal` is called only when these agree, and a search
 * mostly costs one cache line.
 * Linear probing, at most 3/4 full, removal by shifting back (no grave marks, so searches stay
 * short however often items come and go). Several items may share one hash.
 */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_place {
	uint32_t tag; /* 32 bits of the hash, which decide the home too; 0 = a free place */
	uint32_t value;
};

struct index {
	struct index_place *places; /* owned */
	size_t count;
	size_t capacity; /* 0 or a power of two, at most 2^32 */
	unsigned shift;	 /* 32 - log2(capacity) */
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

/* Fibonacci hashing: the upper bits of the product depend on all bits of the hash, so a poor one
 * does no great harm. */
static inline uint32_t index_tag(uint64_t hash)
{
	uint32_t tag = (uint32_t)((hash * 0x9e3779b97f4a7c15u) >> 32);

	return tag ? tag : 1;
}

/* False: absent, ret_value untouched. ret_value may be NULL. Inline, so that `equal` is too: this
 * is what an event does most. */
static inline bool index_find(const struct index *ix, uint64_t hash, index_equal_fn equal,
	const void *key, const void *ctx, uint32_t *ret_value)
{
	uint32_t tag = index_tag(hash);

	if (ix->count == 0)
		return false;
	for (size_t at = tag >> ix->shift; ix->places[at].tag; at = (at + 1) & (ix->capacity - 1)) {
		if (ix->places[at].tag != tag || !equal(ctx, key, ix->places[at].value))
			continue;
		if (ret_value)
			*ret_value = ix->places[at].value;
		return true;
	}
	return false;
}

/*
 * For a search that is known some time before it is made: first brings the item's home nearer, then, when that has arrived, names the first
 * value of this tag, whose item is most likely the one; 0: none.
 */
static inline void index_expect(const struct index *ix, uint64_t hash)
{
	if (ix->count)
		__builtin_prefetch(&ix->places[index_tag(hash) >> ix->shift]);
}

static inline uint32_t index_guess(const struct index *ix, uint64_t hash)
{
	uint32_t tag = index_tag(hash);
	size_t at = tag >> ix->shift;

	if (!ix->count)
		return 0;
	while (ix->places[at].tag && ix->places[at].tag != tag)
		at = (at + 1) & (ix->capacity - 1);
	return ix->places[at].tag ? ix->places[at].value : 0;
}

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
