/*
 * `next`: for each live record its successor among those of the same key, by a value of theirs (call.next_at: the next inbound call of the
 * same customer). Per derived value and key a list sorted by (value, id); those for which `where` does not hold stand in it too, as they
 * have a successor, but are none. A change takes the record's old place away and gives it its new one; whoever stands before
 * either place, back to the nearest that is a successor itself, has its value set anew within the same event (S4). `previous` is the same
 * with the list the other way round.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/store_inside.h"

struct next_entry {
	int64_t value;
	uint32_t node;
	bool counts; /* it can be a successor */
};

struct next_list {
	uint32_t tenant, key; /* intern id */
	bool is_backwards;    /* DERIVE_PREVIOUS: the latest first */
	uint32_t count, capacity;
	struct next_entry *entries; /* owned; sorted by (value, id) */
};

struct store_next {
	struct next_list *lists; /* owned */
	uint32_t count, capacity;
	struct index index;
};

void store_next_init(struct store *s)
{
	s->nexts = x_calloc(s->plan->derived_count + 1, sizeof(*s->nexts));
}

static void clear(struct store *s, struct store_next *next)
{
	for (uint32_t i = 0; i < next->count; i++) {
		s->next_bytes -= next->lists[i].capacity * sizeof(struct next_entry);
		free(next->lists[i].entries);
	}
	next->count = 0;
	index_reset(&next->index);
}

void store_next_deinit(struct store *s)
{
	for (uint32_t i = 0; i < s->plan->derived_count; i++) {
		clear(s, &s->nexts[i]);
		free(s->nexts[i].lists);
		index_deinit(&s->nexts[i].index);
	}
	free(s->nexts);
}

/* ---- places --------------------------------------------------------------------------------------------- */

struct list_key {
	uint32_t tenant, key;
};

static bool is_list(const void *ctx, const void *wanted, uint32_t value)
{
	const struct next_list *list = &((const struct store_next *)ctx)->lists[value];
	const struct list_key *key = wanted;

	return list->tenant == key->tenant && list->key == key->key;
}

static struct next_list *list_of(
	const struct store *s, uint32_t derived, uint32_t tenant, uint32_t key)
{
	struct store_next *next = &s->nexts[derived];
	const struct list_key wanted = { tenant, key };
	uint64_t hash = hash_u64((uint64_t)tenant << 32 | key);
	uint32_t place;

	if (index_find(&next->index, hash, is_list, &wanted, next, &place))
		return &next->lists[place];
	X_GROW(next->lists, next->count, next->capacity);
	next->lists[next->count] = (struct next_list){ .tenant = tenant,
		.key = key,
		.is_backwards = s->plan->derived[derived].kind == DERIVE_PREVIOUS };
	index_insert(&next->index, hash, next->count);
	return &next->lists[next->count++];
}

static int compare(const struct store *s, const struct next_list *list, const struct next_entry *a,
	const struct next_entry *b)
{
	int order = a->value != b->value ? a->value < b->value ? -1 : 1
		    : a->node == b->node ? 0
					 : store_compare_ids(s, a->node, b->node);

	return list->is_backwards ? -order : order;
}

/* The first place that is not before the entry. */
static uint32_t lower(
	const struct store *s, const struct next_list *list, const struct next_entry *entry)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(s, list, &list->entries[middle], entry) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void put(
	struct store *s, struct next_list *list, uint32_t place, const struct next_entry *entry)
{
	s->next_bytes -= list->capacity * sizeof(*list->entries);
	X_GROW(list->entries, list->count, list->capacity);
	s->next_bytes += list->capacity * sizeof(*list->entries);
	memmove(list->entries + place + 1, list->entries + place,
		(list->count - place) * sizeof(*list->entries));
	list->entries[place] = *entry;
	list->count++;
}

/* ---- what a record gives -------------------------------------------------------------------------------- */

/* False: it is in no list. */
static bool entry_of(const struct store *s, const struct plan_derived *d, const struct entity *e,
	uint32_t node, struct next_entry *ret, uint32_t *ret_key)
{
	struct value value, key, holds = { .i = 1 };

	if (!entity_is_live(e))
		return false;
	value = store_run(s, d->value, e);
	key = store_run(s, d->key, e);
	if (value.is_null || key.is_null)
		return false;
	if (d->where)
		holds = store_run(s, d->where, e);
	*ret = (struct next_entry){ value.i, node, !holds.is_null && holds.i };
	*ret_key = (uint32_t)key.i;
	return true;
}

/* Sets the values of those before `place`, back to the nearest that is a successor itself. */
static void set_before(
	struct store *s, uint32_t derived, const struct next_list *list, uint32_t place)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	uint32_t after = place;
	bool has;

	while (after < list->count && !list->entries[after].counts)
		after++;
	has = after < list->count;
	while (place > 0) {
		const struct next_entry *entry = &list->entries[--place];

		store_set(s, entry->node, d->slot, has, has ? list->entries[after].value : 0);
		if (entry->counts)
			return;
	}
}

static void take_place(struct store *s, uint32_t derived, const struct next_entry *entry,
	uint32_t tenant, uint32_t key)
{
	struct next_list *list = list_of(s, derived, tenant, key);
	uint32_t place = lower(s, list, entry);

	assert(place < list->count && list->entries[place].node == entry->node);
	list->count--;
	memmove(list->entries + place, list->entries + place + 1,
		(list->count - place) * sizeof(*list->entries));
	store_set(s, entry->node, s->plan->derived[derived].slot, false, 0);
	set_before(s, derived, list, place);
}

static void give_place(struct store *s, uint32_t derived, const struct next_entry *entry,
	uint32_t tenant, uint32_t key)
{
	struct next_list *list = list_of(s, derived, tenant, key);
	uint32_t place = lower(s, list, entry);

	put(s, list, place, entry);
	if (entry->counts)
		set_before(s, derived, list, place);
	/* Its own: of the one after it, everything back to it. */
	while (++place < list->count && !list->entries[place].counts)
		;
	store_set(s, entry->node, s->plan->derived[derived].slot, place < list->count,
		place < list->count ? list->entries[place].value : 0);
}

void store_next_change(struct store *s, uint32_t derived, const struct store_touch *touch)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	const struct entity *now = &store_node(s, touch->node)->entity;
	struct next_entry before = { 0 }, after = { 0 };
	uint32_t before_key = 0, after_key = 0;
	bool was = entry_of(s, d, &touch->other, touch->node, &before, &before_key);
	bool is = entry_of(s, d, now, touch->node, &after, &after_key);

	if (was && is && before_key == after_key && before.value == after.value &&
		before.counts == after.counts)
		return;
	if (was)
		take_place(s, derived, &before, now->tenant, before_key);
	if (is)
		give_place(s, derived, &after, now->tenant, after_key);
}

/* ---- eviction (S26) ------------------------------------------------------------------------------------- */

static bool place_of(const struct store *s, uint32_t derived, uint32_t node, struct next_entry *ret,
	struct next_list **ret_list)
{
	const struct entity *e = &store_node(s, node)->entity;
	uint32_t key = 0;

	if (s->plan->derived[derived].kind != DERIVE_NEXT ||
		s->plan->derived[derived].child != e->type ||
		!entry_of(s, &s->plan->derived[derived], e, node, ret, &key))
		return false;
	*ret_list = list_of(s, derived, e->tenant, key);
	return true;
}

bool store_next_is_first(const struct store *s, uint32_t node)
{
	struct next_entry entry;
	struct next_list *list;

	for (uint32_t i = 0; i < s->plan->derived_count; i++)
		if (place_of(s, i, node, &entry, &list) && list->entries[0].node != node)
			return false;
	return true;
}

void store_next_leave(struct store *s, uint32_t node)
{
	struct next_entry entry;
	struct next_list *list;

	for (uint32_t i = 0; i < s->plan->derived_count; i++) {
		if (!place_of(s, i, node, &entry, &list))
			continue;
		assert(list->count && list->entries[0].node == node);
		memmove(list->entries, list->entries + 1, --list->count * sizeof(*list->entries));
		if (list->count)
			continue;
		s->next_bytes -= list->capacity * sizeof(*list->entries);
		free(list->entries);
		list->entries = NULL;
		list->capacity = 0;
	}
}

/* ---- from scratch --------------------------------------------------------------------------------------- */

struct sorting {
	const struct store *store;
	const struct next_list *list;
};

static int by_place(const void *a, const void *b, void *sorting)
{
	const struct sorting *of = sorting;

	return compare(of->store, of->list, a, b);
}

void store_next_recompute(struct store *s, uint32_t derived)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	struct store_next *next = &s->nexts[derived];

	clear(s, next);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct entity *e = &store_node(s, i)->entity;
		struct next_entry entry;
		struct next_list *list;
		uint32_t key;

		if (e->type != d->child || store_node(s, i)->place != PLACE_TAKEN)
			continue;
		if (!entry_of(s, d, e, i, &entry, &key)) {
			store_set(s, i, d->slot, false, 0);
			continue;
		}
		list = list_of(s, derived, e->tenant, key);
		put(s, list, list->count, &entry);
	}
	for (uint32_t i = 0; i < next->count; i++) {
		struct next_list *list = &next->lists[i];
		struct sorting of = { s, list };

		qsort_r(list->entries, list->count, sizeof(*list->entries), by_place, &of);
		for (uint32_t place = list->count; place > 0; place--)
			if (place == list->count || list->entries[place].counts)
				set_before(s, derived, list, place);
	}
}
