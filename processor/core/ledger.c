#include "core/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/edge.h"
#include "core/ledger_inside.h"

/* ---- buckets -------------------------------------------------------------------------------------------- */

uint32_t ledger_lower(const struct ledger *l, int64_t t_ms)
{
	uint32_t low = 0, high = l->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (l->nodes[middle]->bucket.start_ms < t_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ledger_node *ledger_node_insert(
	struct ledger *l, uint32_t place, enum ledger_tier tier, int64_t start_ms, int64_t end_ms)
{
	struct ledger_node *node = x_calloc(1, sizeof(*node));

	node->bucket.start_ms = start_ms;
	node->bucket.end_ms = end_ms;
	node->tier = (uint8_t)tier;
	X_GROW(l->nodes, l->count, l->capacity);
	memmove(l->nodes + place + 1, l->nodes + place,
		(l->count - place) * sizeof(struct ledger_node *));
	l->nodes[place] = node;
	l->count++;
	return node;
}

void ledger_node_drop(struct ledger *l, struct ledger_node *node)
{
	X_GROW(l->gone, l->gone_count, l->gone_capacity);
	l->gone[l->gone_count++].start_ms = node->bucket.start_ms;
	ledger_entries_free(l, node);
	free(node);
}

void ledger_entries_free(struct ledger *l, struct ledger_node *node)
{
	l->entry_count -= node->bucket.used;
	l->place_count -= node->bucket.capacity;
	free(node->bucket.entries);
	node->bucket.entries = NULL;
	node->bucket.used = node->bucket.capacity = 0;
}

static struct ledger_entry *entry_place(struct ledger_bucket *b, uint32_t cell)
{
	uint32_t place = (uint32_t)hash_u64(cell) & (b->capacity - 1);

	while (b->entries[place].cell != CELL_NONE && b->entries[place].cell != cell)
		place = (place + 1) & (b->capacity - 1);
	return &b->entries[place];
}

static void bucket_grow(struct ledger *l, struct ledger_bucket *b)
{
	struct ledger_entry *old = b->entries;
	uint32_t old_capacity = b->capacity;

	b->capacity = old_capacity ? old_capacity * 2 : 4;
	l->place_count += b->capacity - old_capacity;
	b->entries = x_malloc(b->capacity * sizeof(*b->entries));
	for (uint32_t i = 0; i < b->capacity; i++)
		b->entries[i] = (struct ledger_entry){ .cell = CELL_NONE };
	for (uint32_t i = 0; i < old_capacity; i++)
		if (old[i].cell != CELL_NONE)
			*entry_place(b, old[i].cell) = old[i];
	free(old);
}

void ledger_entry_add(
	struct ledger *l, struct ledger_node *node, uint32_t cell, i128 sum, int64_t count)
{
	struct ledger_bucket *b = &node->bucket;
	struct ledger_entry *entry;

	if (b->used * 4 >= b->capacity * 3)
		bucket_grow(l, b);
	entry = entry_place(b, cell);
	if (entry->cell == CELL_NONE) {
		entry->cell = cell;
		entry->measure = cell_at(l->groups, cell)->measure;
		b->used++;
		l->entry_count++;
	}
	entry->sum += sum;
	entry->count += count;
	node->mark = MARK_DIRTY;
}

/* ---- life ----------------------------------------------------------------------------------------------- */

struct ledger *ledger_new(
	const struct plan *plan, struct group_table *groups, const struct calendar *calendar)
{
	struct ledger *l = x_calloc(1, sizeof(*l));

	l->plan = plan;
	l->groups = groups;
	l->calendar = calendar;
	l->clock_ms = INT64_MIN;
	l->is_settled = true;
	l->days = x_calloc(1, sizeof(*l->days));
	l->positions = x_calloc(plan->edge_count + 1, sizeof(*l->positions));
	l->due_ms = x_calloc(plan->edge_count + 1, sizeof(*l->due_ms));
	for (uint32_t e = 0; e < plan->edge_count; e++)
		l->positions[e] = INT64_MIN;
	for (int tier = 0; tier < TIER_COUNT; tier++)
		l->bounds[tier] = INT64_MIN;
	l->past_ms = INT64_MIN;
	return l;
}

void ledger_empty(struct ledger *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		ledger_entries_free(l, l->nodes[i]);
		free(l->nodes[i]);
	}
	l->count = 0;
	ledger_entries_free(l, &l->opening);
	l->opening.mark = MARK_CLEAN;
	l->gone_count = l->gone_written = 0;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	ledger_empty(l);
	free(l->nodes);
	free(l->gone);
	free(l->positions);
	free(l->due_ms);
	free(l->days);
	free(l);
}

int64_t ledger_clock(const struct ledger *l)
{
	return l->clock_ms;
}

int64_t ledger_floor(const struct ledger *l)
{
	return l->bounds[TIER_DAY];
}

int64_t ledger_edge(const struct ledger *l, uint32_t edge)
{
	return plan_edge_is_now(&l->plan->edges[edge]) ? l->clock_ms : l->positions[edge];
}

uint64_t ledger_entries(const struct ledger *l)
{
	return l->entry_count;
}

uint64_t ledger_bytes(const struct ledger *l)
{
	enum { BLOCK_OVERHEAD = 16 }; /* of an allocation */

	return sizeof(*l) + l->capacity * sizeof(*l->nodes) + l->gone_capacity * sizeof(*l->gone) +
	       l->count * (sizeof(struct ledger_node) + 2 * BLOCK_OVERHEAD) +
	       l->place_count * sizeof(struct ledger_entry);
}

/* ---- bounds --------------------------------------------------------------------------------------------- */

/* The start of the day that every edge of days, but for one, and the horizon of closed periods has reached. */
static int64_t day_bound(
	const struct ledger *l, int64_t least_ms, int64_t clock_ms, uint16_t without_edge)
{
	int64_t horizon_ms = clock_ms - l->plan->horizon_ms;

	for (uint32_t e = 0; e < l->plan->edge_count; e++)
		if (e != without_edge && l->plan->edges[e].kind == EDGE_PERIOD &&
			l->positions[e] < least_ms)
			least_ms = l->positions[e];
	return edge_day_kept(l->days, l->calendar, horizon_ms < least_ms ? horizon_ms : least_ms)
		.start_ms;
}

/*
 * A time may be rolled up into a tier only when every edge of a finer tier has passed it: no edge ever stops inside a bucket.
 * The floor is a day's start, behind every edge and behind the horizon of closed periods; what is past is noted beside it.
 */
static void bounds_of(struct ledger *l, int64_t clock_ms, int64_t ret[TIER_COUNT])
{
	int64_t least = clock_ms;

	for (int tier = TIER_SECOND; tier < TIER_DAY; tier++) {
		for (uint32_t e = 0; e < l->plan->edge_count; e++) {
			const struct plan_edge *edge = &l->plan->edges[e];

			if (edge->kind == EDGE_NEG_INF || edge->kind == EDGE_NOW ||
				(int)edge_tier(edge) != tier)
				continue;
			if (l->positions[e] < least)
				least = l->positions[e];
		}
		least = edge_cell(edge_day_kept(l->days, l->calendar, least),
			tier_res_ms((enum ledger_tier)(tier + 1)), least)
				.start_ms;
		ret[tier] = least;
	}
	ret[TIER_DAY] = day_bound(l, least, clock_ms, UINT16_MAX);
	l->past_ms = day_bound(l, least, clock_ms, l->plan->kept_edge);
}

int64_t ledger_past(const struct ledger *l)
{
	return l->past_ms;
}

void ledger_stand_at(struct ledger *l, int64_t clock_ms)
{
	struct time_bounds day = edge_day_kept(l->days, l->calendar, clock_ms);

	for (uint32_t e = 0; e < l->plan->edge_count; e++) {
		l->positions[e] = plan_edge_position(l->plan, e, l->calendar, clock_ms);
		l->due_ms[e] = edge_due_ms(&l->plan->edges[e], day, clock_ms);
	}
	l->clock_ms = clock_ms;
	bounds_of(l, clock_ms, l->bounds);
	l->is_settled = true;
}

bool ledger_node_fits(const struct ledger *l, const struct ledger_node *node)
{
	const struct ledger_bucket *b = &node->bucket;
	struct time_bounds cell = edge_cell(edge_day_kept(l->days, l->calendar, b->start_ms),
		tier_res_ms((enum ledger_tier)node->tier), b->start_ms);

	if (cell.start_ms != b->start_ms || cell.end_ms != b->end_ms ||
		b->start_ms < l->bounds[node->tier])
		return false;
	if (node->tier > TIER_SECOND && b->end_ms > l->bounds[node->tier - 1])
		return false;
	for (uint32_t e = 0; e < l->plan->edge_count; e++)
		if (!plan_edge_is_now(&l->plan->edges[e]) && b->start_ms < l->positions[e] &&
			l->positions[e] < b->end_ms)
			return false;
	return true;
}

/* The cell of the tier that t belongs to now; t is at or above the floor. */
static struct time_bounds cell_of(const struct ledger *l, int64_t t_ms, enum ledger_tier *ret_tier)
{
	int tier = TIER_SECOND;

	while (tier < TIER_DAY && t_ms < l->bounds[tier])
		tier++;
	*ret_tier = (enum ledger_tier)tier;
	return edge_cell(edge_day_kept(l->days, l->calendar, t_ms),
		tier_res_ms((enum ledger_tier)tier), t_ms);
}

/* ---- booking -------------------------------------------------------------------------------------------- */

/*
 * While edges are on their way one of a span's may stand behind the other: then what lies between them was taken out by the one that
 * has passed and not yet put in by the other, and so is what comes now: [start < b] - [start < a] is 1, 0 or -1.
 */
void ledger_entry_count(struct ledger *l, uint32_t cell, int64_t start_ms, i128 sum, int64_t count)
{
	const struct plan_measure *m = &l->plan->measures[cell_at(l->groups, cell)->measure];
	struct plan_effect effects[PLAN_SPANS_MAX];
	uint16_t effect_count = 0;

	for (uint16_t place = 0; place < m->span_count; place++) {
		const struct plan_span *span = &l->plan->spans[m->spans[place]];
		bool before_a = l->plan->edges[span->a].kind != EDGE_NEG_INF &&
				start_ms < l->positions[span->a];
		bool before_b = plan_edge_is_now(&l->plan->edges[span->b]) ||
				start_ms < l->positions[span->b];

		if (before_a != before_b)
			effects[effect_count++] =
				(struct plan_effect){ .place = place, .sign = before_b ? 1 : -1 };
	}
	if (effect_count)
		cell_add_all(l->groups, cell, effects, effect_count, sum, count);
}

int ledger_add(struct ledger *l, uint32_t cell, int64_t at_ms, i128 sum, int64_t count)
{
	const struct plan_measure *m = &l->plan->measures[cell_at(l->groups, cell)->measure];
	struct time_bounds bounds;
	enum ledger_tier tier;
	uint32_t place;

	assert(l->clock_ms != INT64_MIN && at_ms <= l->clock_ms);
	if (at_ms < l->bounds[TIER_DAY]) {
		if (!m->keeps_history)
			return 1;
		ledger_entry_add(l, &l->opening, cell, sum, count);
		ledger_entry_count(l, cell, INT64_MIN, sum, count);
		return 0;
	}
	bounds = cell_of(l, at_ms, &tier);
	place = ledger_lower(l, bounds.start_ms);
	if (place == l->count || l->nodes[place]->bucket.start_ms != bounds.start_ms)
		ledger_node_insert(l, place, tier, bounds.start_ms, bounds.end_ms);
	ledger_entry_add(l, l->nodes[place], cell, sum, count);
	ledger_entry_count(l, cell, bounds.start_ms, sum, count);
	return 0;
}

/* ---- moving --------------------------------------------------------------------------------------------- */

static void pass_bucket(struct ledger *l, uint32_t edge, const struct ledger_bucket *b)
{
	const struct plan_effects *row = &l->plan->effects[(size_t)edge * l->plan->measure_count];

	for (uint32_t i = 0; i < b->capacity; i++) {
		const struct ledger_entry *entry = &b->entries[i];
		const struct plan_effects *effects;

		if (entry->cell == CELL_NONE || (!entry->count && !entry->sum))
			continue;
		effects = &row[entry->measure];
		if (effects->count)
			cell_add_all(l->groups, entry->cell, effects->items, effects->count,
				entry->sum, entry->count);
	}
}

static void spend(size_t *budget, size_t work)
{
	*budget -= *budget < work ? *budget : work;
}

/* False: the budget is used up; the edge stands before the next bucket that it has to pass. */
static bool move_edge(struct ledger *l, uint32_t edge, int64_t target_ms, size_t *budget)
{
	for (uint32_t i = ledger_lower(l, l->positions[edge]); i < l->count; i++) {
		struct ledger_bucket *b = &l->nodes[i]->bucket;

		if (b->start_ms >= target_ms)
			break;
		if (!*budget) {
			l->positions[edge] = b->start_ms;
			return false;
		}
		assert(b->end_ms <= target_ms || b->start_ms >= target_ms);
		pass_bucket(l, edge, b);
		spend(budget, b->used + 1u);
	}
	l->positions[edge] = target_ms;
	return true;
}

/* The nodes of [to, from) are taken out of the array. */
static void close_gap(struct ledger *l, uint32_t to, uint32_t from)
{
	if (to == from)
		return;
	memmove(l->nodes + to, l->nodes + from, (l->count - from) * sizeof(struct ledger_node *));
	l->count -= from - to;
}

/* Pours the entries of a finer bucket into the coarser one behind `kept`, which is made when the first one comes. */
static void pour(struct ledger *l, enum ledger_tier tier, struct ledger_node *from,
	struct time_bounds cell, uint32_t *kept)
{
	struct ledger_node *target = *kept ? l->nodes[*kept - 1] : NULL;

	for (uint32_t k = 0; k < from->bucket.capacity; k++) {
		const struct ledger_entry *entry = &from->bucket.entries[k];

		if (entry->cell == CELL_NONE || (!entry->count && !entry->sum))
			continue;
		if (!target || target->bucket.start_ms != cell.start_ms) {
			target = x_calloc(1, sizeof(*target));
			target->tier = (uint8_t)tier;
			target->bucket.start_ms = cell.start_ms;
			target->bucket.end_ms = cell.end_ms;
			l->nodes[(*kept)++] = target; /* not beyond `from`, which is taken out */
		}
		ledger_entry_add(l, target, entry->cell, entry->sum, entry->count);
	}
}

/* The part of a tier from its bound to `to` is poured into the tier above, cell by cell. False: the budget is used up. */
static bool roll_up(struct ledger *l, enum ledger_tier tier, int64_t to_ms, size_t *budget)
{
	uint32_t i = ledger_lower(l, l->bounds[tier]), last = ledger_lower(l, to_ms), kept = i;
	struct time_bounds cell = { INT64_MIN, INT64_MIN };

	for (; i < last; i++) {
		struct ledger_node *node = l->nodes[i];

		if (node->bucket.start_ms >= cell.end_ms) {
			int64_t start_ms = node->bucket.start_ms;

			cell = edge_cell(edge_day_kept(l->days, l->calendar, start_ms),
				tier_res_ms((enum ledger_tier)(tier + 1)), start_ms);
			if (!*budget) {
				to_ms = cell.start_ms;
				break;
			}
		}
		spend(budget, node->bucket.used + 1u);
		pour(l, (enum ledger_tier)(tier + 1), node, cell, &kept);
		ledger_node_drop(l, node);
	}
	close_gap(l, kept, i);
	l->bounds[tier] = to_ms;
	return i == last;
}

/* What is below the floor: stocks and `all` into the opening balance; flows are in no window any more. */
static bool fold_below(struct ledger *l, int64_t floor_ms, size_t *budget)
{
	uint32_t last = ledger_lower(l, floor_ms), i = 0;

	for (; i < last && *budget; i++) {
		const struct ledger_bucket *b = &l->nodes[i]->bucket;

		spend(budget, b->used + 1u);
		for (uint32_t k = 0; k < b->capacity; k++) {
			const struct ledger_entry *e = &b->entries[k];

			if (e->cell != CELL_NONE && (e->count || e->sum) &&
				l->plan->measures[e->measure].keeps_history)
				ledger_entry_add(l, &l->opening, e->cell, e->sum, e->count);
		}
		ledger_node_drop(l, l->nodes[i]);
	}
	l->bounds[TIER_DAY] = i < last ? l->nodes[i]->bucket.start_ms : floor_ms;
	close_gap(l, 0, i);
	return i == last;
}

/* Brings the tiers to where the edges let them be. The bounds say how far it got. */
static bool settle(struct ledger *l, size_t *budget)
{
	int64_t bounds[TIER_COUNT];

	if (l->is_settled)
		return true;
	bounds_of(l, l->clock_ms, bounds);
	for (int tier = TIER_SECOND; tier < TIER_DAY; tier++) {
		assert(bounds[tier] >= l->bounds[tier]);
		if (bounds[tier] > l->bounds[tier] &&
			!roll_up(l, (enum ledger_tier)tier, bounds[tier], budget))
			return false;
	}
	assert(bounds[TIER_DAY] >= l->bounds[TIER_DAY]);
	if (bounds[TIER_DAY] > l->bounds[TIER_DAY] && !fold_below(l, bounds[TIER_DAY], budget))
		return false;
	l->is_settled = true;
	return true;
}

static bool move_edges(struct ledger *l, int64_t clock_ms, size_t *budget)
{
	struct time_bounds day = edge_day_kept(l->days, l->calendar, clock_ms);

	for (uint32_t e = 0; e < l->plan->edge_count; e++) {
		if (clock_ms < l->due_ms[e])
			continue;
		if (!move_edge(l, e, plan_edge_position(l->plan, e, l->calendar, clock_ms), budget))
			return false;
		l->due_ms[e] = edge_due_ms(&l->plan->edges[e], day, clock_ms);
	}
	return true;
}

int ledger_advance(struct ledger *l, int64_t clock_ms, size_t *budget)
{
	assert(clock_ms >= l->clock_ms);
	if (l->clock_ms == INT64_MIN) {
		if (clock_ms != INT64_MIN)
			ledger_stand_at(l, clock_ms);
		return 0;
	}
	if (clock_ms > l->clock_ms) {
		if (!move_edges(l, clock_ms, budget))
			return 1;
		l->clock_ms = clock_ms;
		l->is_settled = false;
	}
	return settle(l, budget) ? 0 : 1;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static void visit_bucket(const struct ledger_bucket *b, ledger_visit_fn visit, void *ctx)
{
	for (uint32_t i = 0; i < b->capacity; i++)
		if (b->entries[i].cell != CELL_NONE && (b->entries[i].count || b->entries[i].sum))
			visit(ctx, b->entries[i].cell, b->entries[i].sum, b->entries[i].count);
}

void ledger_visit(
	const struct ledger *l, int64_t a_ms, int64_t b_ms, ledger_visit_fn visit, void *ctx)
{
	for (uint32_t i = ledger_lower(l, a_ms);
		i < l->count && l->nodes[i]->bucket.start_ms < b_ms; i++)
		visit_bucket(&l->nodes[i]->bucket, visit, ctx);
}

void ledger_visit_opening(const struct ledger *l, ledger_visit_fn visit, void *ctx)
{
	visit_bucket(&l->opening.bucket, visit, ctx);
}

struct recompute {
	struct ledger *ledger;
	int64_t start_ms;
};

static void recount(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	const struct recompute *r = ctx;

	ledger_entry_count(r->ledger, cell, r->start_ms, sum, count);
}

void ledger_recompute(struct ledger *l)
{
	struct recompute r = { .ledger = l, .start_ms = INT64_MIN };

	visit_bucket(&l->opening.bucket, recount, &r);
	for (uint32_t i = 0; i < l->count; i++) {
		r.start_ms = l->nodes[i]->bucket.start_ms;
		visit_bucket(&l->nodes[i]->bucket, recount, &r);
	}
}
