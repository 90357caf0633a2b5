/*
 * Rates of exchange (S16): per pair of currencies a list sorted by (valid_from, id), made from the live records of the stream and so in no
 * checkpoint. Of two for one instant the one with the greater id counts: which came last would depend on arrival.
 *
 * While a change is open both of its sides stand in the lists: what was taken away is seen from the old side only, what is new from the
 * new one, so that the facts of each side find the rates of their side (S4). A record gives one rate or none, so most changes
 * are of one place; what it means is said as spans of time in which money may convert otherwise.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/store_inside.h"

enum rate_side { SIDE_OLD = 1, SIDE_NEW = 2, SIDE_BOTH = 3 };

struct rate_entry {
	int64_t from_ms, rate;
	uint32_t node;
	uint8_t sides; /* enum rate_side */
};

struct rate_list {
	uint32_t tenant, base, quote; /* intern ids */
	uint32_t count, capacity;
	struct rate_entry *entries; /* owned */
	bool open;		    /* some of it is of one side only */
};

struct store_rates {
	struct rate_list *lists; /* owned */
	uint32_t count, capacity, entry_count;
	struct index index;
	struct store_rate_change *changes; /* owned: of the open change */
	uint32_t change_count, change_cap;
	bool has_sides; /* some list is open */
};

void store_rates_init(struct store *s)
{
	s->rates = x_calloc(1, sizeof(*s->rates));
	index_init(&s->rates->index);
}

void store_rates_deinit(struct store *s)
{
	for (uint32_t i = 0; i < s->rates->count; i++)
		free(s->rates->lists[i].entries);
	free(s->rates->lists);
	free(s->rates->changes);
	index_deinit(&s->rates->index);
	free(s->rates);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static uint64_t pair_hash(uint32_t tenant, uint32_t base, uint32_t quote)
{
	return hash_combine((uint64_t)base << 32 | quote, tenant);
}

static bool is_pair(const void *ctx, const void *wanted, uint32_t value)
{
	const struct rate_list *list = &((const struct store_rates *)ctx)->lists[value];
	const struct rate_list *key = wanted;

	return list->tenant == key->tenant && list->base == key->base && list->quote == key->quote;
}

static struct rate_list *find_list(
	const struct store_rates *rates, uint32_t tenant, uint32_t base, uint32_t quote)
{
	const struct rate_list key = { .tenant = tenant, .base = base, .quote = quote };
	uint32_t place;

	if (!index_find(
		    &rates->index, pair_hash(tenant, base, quote), is_pair, &key, rates, &place))
		return NULL;
	return &rates->lists[place];
}

static struct rate_list *get_list(
	struct store_rates *rates, uint32_t tenant, uint32_t base, uint32_t quote)
{
	struct rate_list *list = find_list(rates, tenant, base, quote);

	if (list)
		return list;
	X_GROW(rates->lists, rates->count, rates->capacity);
	rates->lists[rates->count] =
		(struct rate_list){ .tenant = tenant, .base = base, .quote = quote };
	index_insert(&rates->index, pair_hash(tenant, base, quote), rates->count);
	return &rates->lists[rates->count++];
}

/* The first place behind all rates that hold from this instant or before. */
static uint32_t behind(const struct rate_list *list, int64_t at_ms)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (list->entries[middle].from_ms <= at_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct store *s, struct rate_list *list, const struct rate_entry *entry)
{
	uint32_t place = behind(list, entry->from_ms);

	while (place && list->entries[place - 1].from_ms == entry->from_ms &&
		store_compare_ids(s, list->entries[place - 1].node, entry->node) > 0)
		place--;
	X_GROW(list->entries, list->count, list->capacity);
	memmove(list->entries + place + 1, list->entries + place,
		(list->count - place) * sizeof(*list->entries));
	list->entries[place] = *entry;
	list->count++;
	s->rates->entry_count++;
}

/* ---- what a record gives -------------------------------------------------------------------------------- */

struct rate_said {
	uint32_t base, quote;
	int64_t from_ms, rate;
};

/* False: it gives none. */
static bool said_by(const struct store *s, const struct entity *e, struct rate_said *ret)
{
	if (!entity_is_live(e) || !slot_present(e, s->slot.fx_base) ||
		!slot_present(e, s->slot.fx_quote) || !slot_present(e, s->slot.fx_rate) ||
		!slot_present(e, s->slot.fx_valid_from))
		return false;
	*ret = (struct rate_said){ slot_string(s, e, s->slot.fx_base),
		slot_string(s, e, s->slot.fx_quote), slot_cell(s, e, s->slot.fx_valid_from),
		slot_cell(s, e, s->slot.fx_rate) };
	return true;
}

/* From the entry's instant to the next one that this side sees: its whole effect. */
static void add_change(struct store *s, const struct rate_list *list, uint32_t place, int side)
{
	struct store_rates *rates = s->rates;
	struct store_rate_change change = { list->base, list->quote, list->entries[place].from_ms,
		INT64_MAX };

	for (uint32_t i = place + 1; i < list->count && change.to_ms == INT64_MAX; i++)
		if (list->entries[i].sides & side)
			change.to_ms = list->entries[i].from_ms;
	if (change.to_ms == change.from_ms)
		return;
	X_GROW(rates->changes, rates->change_count, rates->change_cap);
	rates->changes[rates->change_count++] = change;
}

static void take_back(struct store *s, uint32_t tenant, const struct rate_said *was, uint32_t node)
{
	struct rate_list *list = find_list(s->rates, tenant, was->base, was->quote);
	uint32_t place;

	assert(list);
	for (place = behind(list, was->from_ms); place > 0; place--)
		if (list->entries[place - 1].node == node &&
			list->entries[place - 1].from_ms == was->from_ms)
			break;
	assert(place > 0);
	list->entries[place - 1].sides = SIDE_OLD;
	list->open = s->rates->has_sides = true;
	add_change(s, list, place - 1, SIDE_OLD);
}

static void give(struct store *s, uint32_t tenant, const struct rate_said *is, uint32_t node)
{
	struct rate_list *list = get_list(s->rates, tenant, is->base, is->quote);
	const struct rate_entry entry = { is->from_ms, is->rate, node, SIDE_NEW };
	uint32_t place;

	insert(s, list, &entry);
	list->open = s->rates->has_sides = true;
	for (place = behind(list, is->from_ms); list->entries[place - 1].node != node ||
						list->entries[place - 1].sides != SIDE_NEW;)
		place--;
	add_change(s, list, place - 1, SIDE_NEW);
}

void store_rates_change(struct store *s, struct store_change *ret_change)
{
	s->rates->change_count = 0;
	for (uint32_t i = 0; i < s->touched_count; i++) {
		const struct store_touch *touch = &s->touched[i];
		const struct entity *now = &store_node(s, touch->node)->entity;
		struct rate_said was = { 0 }, is = { 0 };
		bool had, has;

		if (now->type != ENTITY_FX_RATE)
			continue;
		had = said_by(s, &touch->other, &was);
		has = said_by(s, now, &is);
		if (had == has && was.base == is.base && was.quote == is.quote &&
			was.from_ms == is.from_ms && was.rate == is.rate)
			continue;
		if (had)
			take_back(s, now->tenant, &was, touch->node);
		if (has)
			give(s, now->tenant, &is, touch->node);
	}
	ret_change->rates = s->rates->changes;
	ret_change->rate_count = s->rates->change_count;
}

void store_rates_close(struct store *s)
{
	struct store_rates *rates = s->rates;

	for (uint32_t i = 0; rates->has_sides && i < rates->count; i++) {
		struct rate_list *list = &rates->lists[i];
		uint32_t kept = 0;

		for (uint32_t k = 0; list->open && k < list->count; k++) {
			if (list->entries[k].sides == SIDE_OLD)
				continue;
			list->entries[kept] = list->entries[k];
			list->entries[kept++].sides = SIDE_BOTH;
		}
		if (list->open) {
			rates->entry_count -= list->count - kept;
			list->count = kept;
		}
		list->open = false;
	}
	rates->has_sides = false;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

bool store_rate(const struct store *s, uint32_t tenant, uint32_t base, uint32_t quote,
	int64_t at_ms, struct store_rate *ret)
{
	const struct rate_list *list = find_list(s->rates, tenant, base, quote);
	int side = s->old_side ? SIDE_OLD : SIDE_NEW;

	if (!list)
		return false;
	for (uint32_t place = behind(list, at_ms); place > 0; place--) {
		const struct rate_entry *entry = &list->entries[place - 1];

		if (!(entry->sides & side))
			continue;
		*ret = (struct store_rate){ entry->rate, entry->from_ms };
		return true;
	}
	return false;
}

bool store_has_rates(const struct store *s)
{
	return s->rates->entry_count > 0;
}

size_t store_rates_bytes(const struct store *s)
{
	size_t bytes = s->rates->capacity * sizeof(*s->rates->lists);

	for (uint32_t i = 0; i < s->rates->count; i++)
		bytes += s->rates->lists[i].capacity * sizeof(*s->rates->lists->entries);
	return bytes;
}

/* ---- from scratch --------------------------------------------------------------------------------------- */

void store_rates_recompute(struct store *s)
{
	for (uint32_t i = 0; i < s->rates->count; i++)
		s->rates->lists[i].count = 0;
	s->rates->entry_count = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct entity *e = &store_node(s, i)->entity;
		struct rate_said said;

		if (e->type != ENTITY_FX_RATE || !said_by(s, e, &said))
			continue;
		insert(s, get_list(s->rates, e->tenant, said.base, said.quote),
			&(struct rate_entry){ said.from_ms, said.rate, i, SIDE_BOTH });
	}
}

void store_rates_check(const struct store *s)
{
	uint32_t count = 0, live = 0;
	struct rate_said said;

	for (uint32_t i = 0; i < s->rates->count; i++) {
		const struct rate_list *list = &s->rates->lists[i];

		for (uint32_t k = 0; k < list->count; k++) {
			const struct rate_entry *e = &list->entries[k];

			assert(e->sides == SIDE_BOTH &&
				said_by(s, &store_node(s, e->node)->entity, &said));
			assert(said.base == list->base && said.quote == list->quote &&
				said.from_ms == e->from_ms && said.rate == e->rate);
			assert(!k || e[-1].from_ms < e->from_ms ||
				(e[-1].from_ms == e->from_ms &&
					store_compare_ids(s, e[-1].node, e->node) < 0));
			count++;
		}
	}
	for (uint32_t i = 0; i < s->count; i++)
		live += store_node(s, i)->entity.type == ENTITY_FX_RATE &&
			said_by(s, &store_node(s, i)->entity, &said);
	assert(count == live && count == s->rates->entry_count);
}
