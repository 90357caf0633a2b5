#include "base/index.h"

#include <assert.h>
#include <string.h>

#include "base/xalloc.h"

enum { CAPACITY_MIN = 16 };

void index_init(struct index *ix)
{
	*ix = (struct index){ 0 };
}

void index_deinit(struct index *ix)
{
	free(ix->hashes);
	free(ix->values);
	index_init(ix);
}

void index_reset(struct index *ix)
{
	if (ix->capacity)
		memset(ix->hashes, 0, ix->capacity * sizeof(*ix->hashes));
	ix->count = 0;
}

static uint64_t kept_hash(uint64_t hash)
{
	return hash ? hash : 1;
}

/* Fibonacci hashing: the upper bits of the product depend on all bits of the hash, so a poor one
 * does no great harm. */
static size_t home_of(const struct index *ix, uint64_t hash)
{
	return (size_t)((hash * 0x9e3779b97f4a7c15u) >> ix->shift);
}

static void place(struct index *ix, uint64_t hash, uint32_t value)
{
	size_t at = home_of(ix, hash);

	while (ix->hashes[at])
		at = (at + 1) & (ix->capacity - 1);
	ix->hashes[at] = hash;
	ix->values[at] = value;
}

static void grow_to(struct index *ix, size_t capacity)
{
	struct index old = *ix;

	ix->hashes = x_calloc(capacity, sizeof(*ix->hashes));
	ix->values = x_calloc(capacity, sizeof(*ix->values));
	ix->capacity = capacity;
	ix->shift = 64 - (unsigned)__builtin_ctzll(capacity);
	for (size_t i = 0; i < old.capacity; i++)
		if (old.hashes[i])
			place(ix, old.hashes[i], old.values[i]);
	free(old.hashes);
	free(old.values);
}

void index_reserve(struct index *ix, size_t count)
{
	size_t capacity = ix->capacity ? ix->capacity : CAPACITY_MIN;

	assert(count <= SIZE_MAX / 8);
	while (count > capacity / 4 * 3)
		capacity *= 2;
	if (capacity > ix->capacity)
		grow_to(ix, capacity);
}

bool index_find(const struct index *ix, uint64_t hash, index_equal_fn equal, const void *key,
	const void *ctx, uint32_t *ret_value)
{
	if (ix->count == 0)
		return false;
	hash = kept_hash(hash);
	for (size_t at = home_of(ix, hash); ix->hashes[at]; at = (at + 1) & (ix->capacity - 1)) {
		if (ix->hashes[at] != hash || !equal(ctx, key, ix->values[at]))
			continue;
		if (ret_value)
			*ret_value = ix->values[at];
		return true;
	}
	return false;
}

void index_insert(struct index *ix, uint64_t hash, uint32_t value)
{
	index_reserve(ix, ix->count + 1);
	place(ix, kept_hash(hash), value);
	ix->count++;
}

/* Empties the place `hole` and moves later entries of the run back, so that each stays reachable
 * from its home. */
static void close_hole(struct index *ix, size_t hole)
{
	size_t mask = ix->capacity - 1;

	for (size_t at = (hole + 1) & mask; ix->hashes[at]; at = (at + 1) & mask) {
		/* May move only if its home is not between the hole and where it is now. */
		size_t from_home = (at - home_of(ix, ix->hashes[at])) & mask;

		if (from_home < ((at - hole) & mask))
			continue;
		ix->hashes[hole] = ix->hashes[at];
		ix->values[hole] = ix->values[at];
		hole = at;
	}
	ix->hashes[hole] = 0;
}

bool index_remove(struct index *ix, uint64_t hash, uint32_t value)
{
	if (ix->count == 0)
		return false;
	hash = kept_hash(hash);
	for (size_t at = home_of(ix, hash); ix->hashes[at]; at = (at + 1) & (ix->capacity - 1)) {
		if (ix->hashes[at] != hash || ix->values[at] != value)
			continue;
		close_hole(ix, at);
		ix->count--;
		return true;
	}
	return false;
}

size_t index_count(const struct index *ix)
{
	return ix->count;
}

size_t index_bytes(const struct index *ix)
{
	return ix->capacity * (sizeof(*ix->hashes) + sizeof(*ix->values));
}

void index_check(const struct index *ix)
{
	size_t seen = 0;

	for (size_t i = 0; i < ix->capacity; i++) {
		if (!ix->hashes[i])
			continue;
		seen++;
		for (size_t at = home_of(ix, ix->hashes[i]); at != i;
			at = (at + 1) & (ix->capacity - 1))
			assert(ix->hashes[at]);
	}
	assert(seen == ix->count);
	assert(ix->count <= ix->capacity / 4 * 3);
}
