/* shard_pending: facts whose time has not come, as a binary heap by time. */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "core/shard_inside.h"

enum { TIDY_MIN = 4096 };

static bool is_before(const struct pending_fact *a, const struct pending_fact *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->cell < b->cell;
}

static void swap(struct pending_fact *a, struct pending_fact *b)
{
	struct pending_fact c = *a;

	*a = *b;
	*b = c;
}

void pending_push(struct pending_heap *h, const struct pending_fact *fact)
{
	uint32_t i;

	/* A record that is corrected again and again would fill the heap with pairs that cancel. */
	if (h->count >= h->tidy_at) {
		pending_tidy(h);
		h->tidy_at = h->count < TIDY_MIN / 2 ? TIDY_MIN : h->count * 2;
	}
	X_GROW(h->items, h->count, h->capacity);
	i = h->count++;
	h->items[i] = *fact;
	while (i && is_before(&h->items[i], &h->items[(i - 1) / 2])) {
		swap(&h->items[i], &h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

struct pending_fact pending_pop(struct pending_heap *h)
{
	struct pending_fact least = h->items[0];
	uint32_t i = 0;

	assert(h->count);
	h->items[0] = h->items[--h->count];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= h->count)
			return least;
		if (child + 1 < h->count && is_before(&h->items[child + 1], &h->items[child]))
			child++;
		if (!is_before(&h->items[child], &h->items[i]))
			return least;
		swap(&h->items[child], &h->items[i]);
		i = child;
	}
}

static int compare(const void *left, const void *right)
{
	const struct pending_fact *a = left, *b = right;

	return is_before(a, b) ? -1 : is_before(b, a);
}

void pending_tidy(struct pending_heap *h)
{
	uint32_t kept = 0;

	if (!h->count)
		return;
	qsort(h->items, h->count, sizeof(*h->items), compare);
	for (uint32_t i = 0; i < h->count; i++) {
		struct pending_fact *last = kept ? &h->items[kept - 1] : NULL;

		if (last && last->due_ms == h->items[i].due_ms && last->cell == h->items[i].cell) {
			last->sum += h->items[i].sum;
			last->count += h->items[i].count;
			continue;
		}
		if (last && !last->sum && !last->count && !h->keeps_nothings)
			kept--;
		h->items[kept++] = h->items[i];
	}
	if (!h->items[kept - 1].sum && !h->items[kept - 1].count && !h->keeps_nothings)
		kept--;
	h->count = kept;
}
