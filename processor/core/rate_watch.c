/*
 * Conversions by day: an index from (tenant, currency, day) to a chain of items, and one from the item itself, so that noting one costs
 * two searches whatever else is noted, and in whatever order years of history arrive. A rate holds for some days: its readers are the
 * chains of these, and of the first and last the items within.
 */
#include "core/rate_watch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/index.h"
#include "base/xalloc.h"

#define DAY_MS INT64_C(86400000)
#define NOTHING UINT32_MAX

struct watch_item {
	int64_t at_ms;
	uint32_t tenant, currency, entity;
	int32_t times;	     /* never 0, but in the free list */
	uint32_t prev, next; /* of its day; `next` chains the free ones too */
};

struct watch_day {
	int64_t day;
	uint32_t tenant, currency;
	uint32_t head;
};

struct rate_watch {
	struct watch_item *items; /* owned */
	uint32_t item_count, item_cap, free_head, used;
	struct watch_day *days; /* owned; one that has become empty stays */
	uint32_t day_count, day_cap;
	struct index item_index, day_index;
	int64_t day_least, day_most; /* of all that were ever noted */
};

struct rate_watch *rate_watch_new(void)
{
	struct rate_watch *w = x_calloc(1, sizeof(*w));

	index_init(&w->item_index);
	index_init(&w->day_index);
	w->free_head = NOTHING;
	w->day_least = INT64_MAX;
	w->day_most = INT64_MIN;
	return w;
}

void rate_watch_free(struct rate_watch *w)
{
	if (!w)
		return;
	index_deinit(&w->item_index);
	index_deinit(&w->day_index);
	free(w->items);
	free(w->days);
	free(w);
}

static int64_t day_of(int64_t at_ms)
{
	return at_ms / DAY_MS - (at_ms % DAY_MS < 0);
}

/* ---- days ----------------------------------------------------------------------------------------------- */

static uint64_t day_hash(uint32_t tenant, uint32_t currency, int64_t day)
{
	return hash_combine((uint64_t)tenant << 32 | currency, (uint64_t)day);
}

static bool is_day(const void *ctx, const void *wanted, uint32_t value)
{
	const struct watch_day *day = &((const struct rate_watch *)ctx)->days[value], *key = wanted;

	return day->day == key->day && day->tenant == key->tenant && day->currency == key->currency;
}

static uint32_t find_day(
	const struct rate_watch *w, uint32_t tenant, uint32_t currency, int64_t day)
{
	const struct watch_day key = { .day = day, .tenant = tenant, .currency = currency };
	uint32_t place;

	return index_find(&w->day_index, day_hash(tenant, currency, day), is_day, &key, w, &place)
		       ? place
		       : NOTHING;
}

static struct watch_day *get_day(
	struct rate_watch *w, uint32_t tenant, uint32_t currency, int64_t day)
{
	uint32_t place = find_day(w, tenant, currency, day);

	if (place != NOTHING)
		return &w->days[place];
	X_GROW(w->days, w->day_count, w->day_cap);
	w->days[w->day_count] = (struct watch_day){ day, tenant, currency, NOTHING };
	index_insert(&w->day_index, day_hash(tenant, currency, day), w->day_count);
	w->day_least = day < w->day_least ? day : w->day_least;
	w->day_most = day > w->day_most ? day : w->day_most;
	return &w->days[w->day_count++];
}

/* ---- items ---------------------------------------------------------------------------------------------- */

static uint64_t item_hash(const struct watch_item *item)
{
	return hash_combine(
		hash_combine((uint64_t)item->tenant << 32 | item->currency, (uint64_t)item->at_ms),
		item->entity);
}

static bool is_item(const void *ctx, const void *wanted, uint32_t value)
{
	const struct watch_item *item = &((const struct rate_watch *)ctx)->items[value],
				*key = wanted;

	return item->at_ms == key->at_ms && item->entity == key->entity &&
	       item->tenant == key->tenant && item->currency == key->currency;
}

static void add_item(struct rate_watch *w, const struct watch_item *key)
{
	struct watch_day *day = get_day(w, key->tenant, key->currency, day_of(key->at_ms));
	uint32_t place = w->free_head;

	if (place != NOTHING) {
		w->free_head = w->items[place].next;
	} else {
		X_GROW(w->items, w->item_count, w->item_cap);
		place = w->item_count++;
	}
	w->items[place] = *key;
	w->items[place].prev = NOTHING;
	w->items[place].next = day->head;
	if (day->head != NOTHING)
		w->items[day->head].prev = place;
	day->head = place;
	index_insert(&w->item_index, item_hash(key), place);
	w->used++;
}

static void drop_item(struct rate_watch *w, uint32_t place)
{
	struct watch_item *item = &w->items[place];

	index_remove(&w->item_index, item_hash(item), place);
	if (item->next != NOTHING)
		w->items[item->next].prev = item->prev;
	if (item->prev != NOTHING)
		w->items[item->prev].next = item->next;
	else
		get_day(w, item->tenant, item->currency, day_of(item->at_ms))->head = item->next;
	item->next = w->free_head;
	w->free_head = place;
	w->used--;
}

void rate_watch_count(struct rate_watch *w, uint32_t tenant, uint32_t currency, int64_t at_ms,
	uint32_t entity, int times)
{
	const struct watch_item key = { at_ms, tenant, currency, entity, times, NOTHING, NOTHING };
	uint32_t place;

	if (!times)
		return;
	if (!index_find(&w->item_index, item_hash(&key), is_item, &key, w, &place)) {
		add_item(w, &key);
		return;
	}
	w->items[place].times += times;
	if (!w->items[place].times)
		drop_item(w, place);
}

void rate_watch_visit(const struct rate_watch *w, uint32_t tenant, uint32_t currency,
	int64_t from_ms, int64_t to_ms, rate_watch_fn found, void *ctx)
{
	int64_t first = day_of(from_ms), last = day_of(to_ms);

	if (first < w->day_least)
		first = w->day_least;
	if (last > w->day_most)
		last = w->day_most;
	for (int64_t day = first; day <= last; day++) {
		uint32_t place = find_day(w, tenant, currency, day);

		if (place == NOTHING)
			continue;
		for (uint32_t i = w->days[place].head; i != NOTHING; i = w->items[i].next)
			if (w->items[i].at_ms >= from_ms && w->items[i].at_ms < to_ms)
				found(ctx, w->items[i].entity);
	}
}

size_t rate_watch_items(const struct rate_watch *w)
{
	return w->used;
}

size_t rate_watch_bytes(const struct rate_watch *w)
{
	return w->item_cap * sizeof(*w->items) + w->day_cap * sizeof(*w->days) +
	       index_bytes(&w->item_index) + index_bytes(&w->day_index);
}

void rate_watch_check(const struct rate_watch *w)
{
	size_t seen = 0;

	for (uint32_t i = 0; i < w->day_count; i++) {
		const struct watch_day *day = &w->days[i];
		uint32_t before = NOTHING;

		for (uint32_t k = day->head; k != NOTHING; k = w->items[k].next) {
			const struct watch_item *item = &w->items[k];
			uint32_t place;

			assert(item->prev == before && item->times != 0);
			assert(item->tenant == day->tenant && item->currency == day->currency &&
				day_of(item->at_ms) == day->day);
			assert(index_find(
				&w->item_index, item_hash(item), is_item, item, w, &place));
			assert(place == k);
			before = k;
			seen++;
		}
	}
	assert(seen == w->used && w->item_index.count == seen);
}
