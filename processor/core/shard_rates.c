/*
 * Several currencies (S16): a changed rate reaches the records whose money was, or could not be, converted in the time that it holds. Facts
 * before and after are made of them like of any other affected record, so the books say what they would say had the rate come first.
 *
 * A checkpoint says into which currencies its money was converted and how old rates could be. Under others the totals are made anew from the
 * records; so they are where a checkpoint of a version that converted nothing has rates.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "core/shard_inside.h"

static void add_reached(void *ctx, uint32_t entity)
{
	struct shard_reached *r = ctx;

	X_GROW(r->items, r->count, r->capacity);
	r->items[r->count++] = entity;
}

static int compare_entities(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void keep_once(struct shard_reached *r)
{
	size_t kept = 0;

	if (r->count)
		qsort(r->items, r->count, sizeof(*r->items), compare_entities);
	for (size_t i = 0; i < r->count; i++)
		if (!kept || r->items[kept - 1] != r->items[i])
			r->items[kept++] = r->items[i];
	r->count = kept;
}

/* An older rate than the settings allow converts nothing, whether it is this one or that before it. */
static int64_t end_of(const struct shard *s, const struct store_rate_change *change)
{
	int64_t age_ms = s->settings.tenants->rate_max_age_ms, end_ms;

	if (!age_ms || __builtin_add_overflow(change->from_ms, age_ms + 1, &end_ms) ||
		end_ms > change->to_ms)
		return change->to_ms;
	return end_ms;
}

struct store_change shard_reach(struct shard *s, uint32_t tenant, const struct store_change *change)
{
	struct store_change all = *change;

	s->reached.count = 0;
	for (size_t i = 0; i < change->affected_count; i++)
		add_reached(&s->reached, change->affected[i]);
	for (size_t i = 0; i < change->rate_count; i++)
		if (change->rates[i].quote == s->tenants[tenant].currency_id)
			rate_watch_visit(s->watch, tenant, change->rates[i].base,
				change->rates[i].from_ms, end_of(s, &change->rates[i]), add_reached,
				&s->reached);
	keep_once(&s->reached);
	all.affected = s->reached.items;
	all.affected_count = s->reached.count;
	return all;
}

/* ---- doubt ---------------------------------------------------------------------------------------------- */

static void add_nothing(struct shard *s, const struct fact *of, uint32_t currency)
{
	struct fact *fact;

	X_GROW(s->deltas.items, s->deltas.count, s->deltas.capacity);
	fact = &s->deltas.items[s->deltas.count++];
	*fact = *of;
	fact->amount = fact->count = 0;
	fact->currency = currency;
}

/* Of the side that shows. A percentile's bin in the company's currency depends on the rate: it has none that could be named. */
static void add_twins_of(struct shard *s, uint32_t entity)
{
	uint32_t tenant = store_entity(s->store, entity)->tenant;
	uint32_t own = s->tenants[tenant].currency_id;
	int64_t age_ms = s->settings.tenants->rate_max_age_ms;

	if (!fact_maker_is_foreign(s->maker, entity))
		return;
	fact_set_reset(&s->old_facts);
	fact_maker_currency(s->maker, tenant, 0, age_ms);
	fact_maker_entity(s->maker, entity, &s->old_facts);
	fact_maker_currency(s->maker, tenant, own, age_ms);
	for (size_t i = 0; i < s->old_facts.count; i++) {
		const struct fact *fact = &s->old_facts.items[i];

		if (!fact->currency || fact->currency == own)
			continue;
		add_nothing(s, fact, fact->currency);
		add_nothing(s, fact, own);
	}
}

void shard_add_twins(struct shard *s, const struct store_change *change)
{
	for (size_t i = 0; i < change->affected_count; i++)
		add_twins_of(s, change->affected[i]);
	store_change_swap(s->store);
	for (size_t i = 0; i < change->affected_count; i++)
		add_twins_of(s, change->affected[i]);
	store_change_swap(s->store);
}

/* ---- restore -------------------------------------------------------------------------------------------- */

static void watch_into(struct shard *s, struct rate_watch *watch)
{
	fact_maker_watch(s->maker, watch);
	for (uint32_t i = 0; i < store_count(s->store); i++) {
		if (!fact_maker_is_foreign(s->maker, i))
			continue;
		fact_set_reset(&s->new_facts);
		fact_maker_entity(s->maker, i, &s->new_facts);
	}
	fact_maker_watch(s->maker, NULL);
}

void shard_watch_all(struct shard *s)
{
	rate_watch_free(s->watch);
	s->watch = rate_watch_new();
	watch_into(s, s->watch);
}

void shard_rates_save(const struct shard *s, struct buffer *out)
{
	buffer_put_zigzag(out, s->settings.tenants->rate_max_age_ms);
	buffer_put_varint(out, s->tenant_count);
	for (uint32_t i = 0; i < s->tenant_count; i++)
		buffer_put_varint(out, s->tenants[i].currency_id);
}

int shard_rates_restore(struct shard *s, struct reader *in)
{
	int64_t age_ms = reader_zigzag(in);
	uint64_t count = reader_varint(in);

	s->rates_agree = age_ms == s->settings.tenants->rate_max_age_ms;
	if (count != s->tenant_count)
		return 1;
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		uint64_t id = reader_varint(in);

		if (in->bad || id > s->string_map_count)
			return 1;
		s->rates_agree &= (id ? s->string_map[id] : 0) == s->tenants[i].currency_id;
	}
	return in->bad;
}

/* ---- checking ------------------------------------------------------------------------------------------- */

void shard_rates_check(const struct shard *constant)
{
	struct shard *s = (struct shard *)(uintptr_t)constant; /* facts are made, and forgotten */
	struct rate_watch *again = rate_watch_new();

	rate_watch_check(s->watch);
	watch_into(s, again);
	assert(rate_watch_items(again) == rate_watch_items(s->watch));
	rate_watch_free(again);
}
