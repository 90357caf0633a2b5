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
	free(ix->places);
	index_init(ix);
}

void index_reset(struct index *ix)
{
	if (ix->capacity)
		memset(ix->places, 0, ix->capacity * sizeof(*ix->places));
	ix->count = 0;
}

static void place(struct index *ix, struct index_place item)
{
	size_t at = item.tag >> ix->shift;

	while (ix->places[at].tag)
		at = (at + 1) & (ix->capacity - 1);
	ix->places[at] = item;
}

static void grow_to(struct index *ix, size_t capacity)
{
	struct index old = *ix;

	ix->places = x_calloc_written(capacity, sizeof(*ix->places));
	ix->capacity = capacity;
	ix->shift = 32 - (unsigned)__builtin_ctzll(capacity);
	for (size_t i = 0; i < old.capacity; i++)
		if (old.places[i].tag)
			place(ix, old.places[i]);
	free(old.places);
}

void index_reserve(struct index *ix, size_t count)
{
	size_t capacity = ix->capacity ? ix->capacity : CAPACITY_MIN;

	assert(count <= UINT32_MAX / 2);
	while (count > capacity / 4 * 3)
		capacity *= 2;
	if (capacity > ix->capacity)
		grow_to(ix, capacity);
}

void index_insert(struct index *ix, uint64_t hash, uint32_t value)
{
	index_reserve(ix, ix->count + 1);
	place(ix, (struct index_place){ index_tag(hash), value });
	ix->count++;
}

/* Empties the place `hole` and moves later entries of the run back, so that each stays reachable
 * from its home. */
static void close_hole(struct index *ix, size_t hole)
{
	size_t mask = ix->capacity - 1;

	for (size_t at = (hole + 1) & mask; ix->places[at].tag; at = (at + 1) & mask) {
		/* May move only if its home is not between the hole and where it is now. */
		size_t from_home = (at - (ix->places[at].tag >> ix->shift)) & mask;

		if (from_home < ((at - hole) & mask))
			continue;
		ix->places[hole] = ix->places[at];
		hole = at;
	}
	ix->places[hole].tag = 0;
}

bool index_remove(struct index *ix, uint64_t hash, uint32_t value)
{
	uint32_t tag = index_tag(hash);

	if (ix->count == 0)
		return false;
	for (size_t at = tag >> ix->shift; ix->places[at].tag; at = (at + 1) & (ix->capacity - 1)) {
		if (ix->places[at].tag != tag || ix->places[at].value != value)
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
	return ix->capacity * sizeof(*ix->places);
}

void index_check(const struct index *ix)
{
	size_t seen = 0;

	for (size_t i = 0; i < ix->capacity; i++) {
		if (!ix->places[i].tag)
			continue;
		seen++;
		for (size_t at = ix->places[i].tag >> ix->shift; at != i;
			at = (at + 1) & (ix->capacity - 1))
			assert(ix->places[at].tag);
	}
	assert(seen == ix->count);
	assert(ix->count <= ix->capacity / 4 * 3);
}
