/*
 * shard_evict: calls and other passing records go when they are over and everything about them is in no window any more (S26): below the
 * floor, which here is ledger_past. It rises once a local day; a walk over the store follows it in small steps, so that no turn is long.
 * What a walk misses, because it changed behind it, the next one finds.
 */
#include <assert.h>

#include "core/shard_inside.h"

enum { STEP_PLACES = 2048, STEP_FACTS = 256 };

static int64_t floor_of(const struct shard *s, uint32_t tenant)
{
	const struct ledger *ledger = s->ledgers[s->tenant_class[tenant]];

	return s->clock_ms == INT64_MIN ? INT64_MIN : ledger_past(ledger);
}

static int64_t highest_floor(const struct shard *s)
{
	int64_t highest = INT64_MIN;

	for (uint32_t i = 0; i < s->class_count; i++)
		if (ledger_past(s->ledgers[i]) > highest)
			highest = ledger_past(s->ledgers[i]);
	return highest;
}

/* The two cancel, whenever they were. */
static bool are_opposite(const struct fact *a, const struct fact *b)
{
	if (a->measure != b->measure || a->currency != b->currency || a->sub != b->sub ||
		a->count != -b->count || a->amount != -b->amount)
		return false;
	for (uint8_t i = 0; i < PLAN_MEASURE_DIMS_MAX; i++)
		if (a->dims[i] != b->dims[i])
			return false;
	return true;
}

/* A measure that keeps history counts it for ever, unless it left again what it entered. */
static bool leaves_nothing(struct fact_set *facts)
{
	for (size_t i = 0; i < facts->count; i++) {
		struct fact *f = &facts->items[i];
		size_t k = i + 1;

		if (!f->count && !f->amount)
			continue;
		while (k < facts->count && !are_opposite(f, &facts->items[k]))
			k++;
		if (k == facts->count)
			return false;
		facts->items[k].count = facts->items[k].amount = 0;
	}
	return true;
}

/* All facts below the floor, where flows are in no window any more; and nothing of it in an opening balance. */
static bool is_past(struct shard *s, uint32_t entity, int64_t floor_ms)
{
	size_t kept = 0;

	fact_set_reset(&s->new_facts);
	fact_maker_entity(s->maker, entity, &s->new_facts);
	for (size_t i = 0; i < s->new_facts.count; i++) {
		const struct fact f = s->new_facts.items[i];

		if (f.at_ms >= floor_ms)
			return false;
		if (s->plan->measures[f.measure].keeps_history)
			s->new_facts.items[kept++] = f;
	}
	s->new_facts.count = kept;
	return leaves_nothing(&s->new_facts);
}

void shard_evict(struct shard *s)
{
	uint32_t count = store_count(s->store), end;
	size_t facts = 0;

	if (s->eviction.next >= count && highest_floor(s) > s->eviction.floor_ms) {
		s->eviction.next = 0;
		s->eviction.floor_ms = highest_floor(s);
	}
	end = count - s->eviction.next > STEP_PLACES ? s->eviction.next + STEP_PLACES : count;
	for (; s->eviction.next < end && facts < STEP_FACTS; s->eviction.next++) {
		uint32_t i = s->eviction.next;
		int64_t floor_ms;

		if (!s->plan->passes[store_entity(s->store, i)->type])
			continue;
		floor_ms = floor_of(s, store_entity(s->store, i)->tenant);
		if (!store_can_evict(s->store, i, floor_ms))
			continue;
		facts++;
		if (is_past(s, i, floor_ms))
			store_evict(s->store, i);
	}
}

bool shard_is_past(const struct shard *s, uint32_t tenant, const struct event *event)
{
	return s->clock_ms != INT64_MIN && s->plan->passes[event->type] &&
	       store_is_past(s->store, tenant, event, floor_of(s, tenant));
}
