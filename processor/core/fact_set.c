/* Sets of facts, and their difference. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/fact.h"

void fact_set_init(struct fact_set *set)
{
	*set = (struct fact_set){ .items = NULL };
}

void fact_set_deinit(struct fact_set *set)
{
	free(set->items);
	*set = (struct fact_set){ .items = NULL };
}

void fact_set_reset(struct fact_set *set)
{
	set->count = 0;
}

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

/* Order by key: everything but how much and how many. */
static int compare_keys(const struct fact *a, const struct fact *b)
{
	COMPARE(a->measure, b->measure);
	COMPARE(a->at_ms, b->at_ms);
	COMPARE(a->tenant, b->tenant);
	COMPARE(a->currency, b->currency);
	COMPARE(a->sub, b->sub);
	COMPARE(a->scope, b->scope);
	return memcmp(a->dims, b->dims, sizeof(a->dims));
}

static bool is_equal(const struct fact *a, const struct fact *b)
{
	return a->amount == b->amount && a->count == b->count && !compare_keys(a, b);
}

static void swap(struct fact *a, struct fact *b)
{
	struct fact c = *a;

	*a = *b;
	*b = c;
}

/* Heap sort: in place, no memory, no bad case. The few facts of one event go by insertion. */
static void sift_down(struct fact *items, size_t root, size_t count)
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= count)
			return;
		if (child + 1 < count && compare_keys(&items[child], &items[child + 1]) < 0)
			child++;
		if (compare_keys(&items[root], &items[child]) >= 0)
			return;
		swap(&items[root], &items[child]);
		root = child;
	}
}

static void sort(struct fact *items, size_t count)
{
	if (count <= 12) {
		for (size_t i = 1; i < count; i++)
			for (size_t k = i; k > 0 && compare_keys(&items[k - 1], &items[k]) > 0; k--)
				swap(&items[k - 1], &items[k]);
		return;
	}
	for (size_t i = count / 2; i > 0; i--)
		sift_down(items, i - 1, count);
	for (size_t end = count - 1; end > 0; end--) {
		swap(&items[0], &items[end]);
		sift_down(items, 0, end);
	}
}

static void append(struct fact_set *out, const struct fact *fact, int sign)
{
	struct fact *place;

	X_GROW(out->items, out->count, out->capacity);
	place = &out->items[out->count++];
	*place = *fact;
	if (sign < 0) {
		place->amount =
			-fact->amount; /* no fact has the amount that has no opposite (fact.c) */
		place->count = -fact->count;
	}
}

/* Sums of one key become one fact; a sum that does not fit stays in two; what is nothing goes. */
static size_t merge(struct fact *items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t sum;

		if (kept && !compare_keys(&items[kept - 1], &items[i]) &&
			!__builtin_add_overflow(items[kept - 1].amount, items[i].amount, &sum)) {
			items[kept - 1].amount = sum;
			items[kept - 1].count += items[i].count;
			continue;
		}
		if (kept && !items[kept - 1].amount && !items[kept - 1].count)
			kept--;
		items[kept++] = items[i];
	}
	if (kept && !items[kept - 1].amount && !items[kept - 1].count)
		kept--;
	return kept;
}

void fact_difference(struct fact_set *old_facts, struct fact_set *new_facts, struct fact_set *out)
{
	size_t first = 0, old_end = old_facts->count, new_end = new_facts->count,
	       start = out->count;

	/* Most facts of an event are as they were and in their places: both ends cancel without sorting. */
	while (first < old_end && first < new_end &&
		is_equal(&old_facts->items[first], &new_facts->items[first]))
		first++;
	while (old_end > first && new_end > first &&
		is_equal(&old_facts->items[old_end - 1], &new_facts->items[new_end - 1])) {
		old_end--;
		new_end--;
	}
	for (size_t i = first; i < old_end; i++)
		append(out, &old_facts->items[i], -1);
	for (size_t i = first; i < new_end; i++)
		append(out, &new_facts->items[i], 1);
	if (out->count == start)
		return;
	sort(out->items + start, out->count - start);
	out->count = start + merge(out->items + start, out->count - start);
}
