#include "core/group.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/group_inside.h"
#include "core/histogram.h"

/* ---- the windows that a total is dirty for ---- */

static void windows_of_places(uint64_t *windows, const struct plan_metric_window *w,
	const int16_t *places, uint32_t input)
{
	if (places && places[input] >= 0)
		windows[places[input]] |= (uint64_t)1 << w->window;
}

static void windows_of_metric(const struct plan_metric *metric, uint16_t measure, uint64_t *windows)
{
	for (uint32_t i = 0; i < metric->input_count; i++) {
		for (uint32_t k = 0; k < metric->window_count; k++) {
			const struct plan_metric_window *w = &metric->windows[k];

			if (w->measures[i] != measure)
				continue;
			windows_of_places(windows, w, w->main, i);
			windows_of_places(windows, w, w->cur, i);
			windows_of_places(windows, w, w->prev, i);
		}
	}
}

static void windows_of_grouping(struct group_table *t, uint32_t grouping)
{
	const struct plan_grouping *g = &t->plan->groupings[grouping];

	for (uint32_t i = 0; i < g->measure_count; i++) {
		uint16_t measure = g->measures[i];
		uint64_t *windows = arena_alloc(
			&t->memory, t->plan->measures[measure].span_count * sizeof(*windows));

		for (uint32_t k = 0; k < g->metric_count; k++)
			windows_of_metric(&t->plan->metrics[g->metrics[k]], measure, windows);
		t->windows[grouping * t->plan->measure_count + measure] = windows;
	}
}

/* ---- life ---- */

struct group_table *group_table_new(const struct plan *plan, struct group_limits limits)
{
	struct group_table *t = x_calloc(1, sizeof(*t));

	t->plan = plan;
	t->limits = limits;
	arena_init(&t->memory, 0);
	index_init(&t->groups);
	index_init(&t->cells);
	t->windows = x_calloc(
		(size_t)plan->grouping_count * plan->measure_count + 1, sizeof(*t->windows));
	for (uint32_t i = 0; i < plan->grouping_count; i++)
		windows_of_grouping(t, i);
	return t;
}

void group_table_free(struct group_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->group_chunk_count; i++)
		free(t->group_chunks[i]);
	for (uint32_t i = 0; i < t->cell_chunk_count; i++)
		free(t->cell_chunks[i]);
	free(t->group_chunks);
	free(t->cell_chunks);
	free(t->windows);
	for (int i = 0; i < GROUP_URGENCY_COUNT; i++)
		free(t->queues[i].items);
	index_deinit(&t->groups);
	index_deinit(&t->cells);
	arena_deinit(&t->memory);
	free(t);
}

/* ---- groups ---- */

struct group_key {
	uint32_t tenant;
	uint16_t grouping;
	uint32_t dims[PLAN_GROUP_DIMS_MAX];
};

static struct group_key group_key(
	const struct plan *plan, uint32_t tenant, uint16_t grouping, const uint32_t *dims)
{
	struct group_key key = { .tenant = tenant, .grouping = grouping };

	assert(grouping < plan->grouping_count);
	for (uint32_t i = 0; i < plan->groupings[grouping].dim_count; i++)
		key.dims[i] = dims[i];
	return key;
}

static uint64_t group_hash(const struct group_key *key)
{
	uint64_t h = hash_u64((uint64_t)key->tenant << 16 | key->grouping);

	h = hash_u64(h ^ ((uint64_t)key->dims[0] << 32 | key->dims[1]));
	return hash_u64(h ^ key->dims[2]);
}
_Static_assert(PLAN_GROUP_DIMS_MAX == 3, "group_hash reads three dimensions");

static bool group_equal(const void *ctx, const void *key_, uint32_t value)
{
	const struct group_key *key = key_;
	const struct group *g = &group_node(ctx, value)->group;

	return g->tenant == key->tenant && g->grouping == key->grouping &&
	       !memcmp(g->dims, key->dims, sizeof(g->dims));
}

uint32_t group_find(
	const struct group_table *t, uint32_t tenant, uint16_t grouping, const uint32_t *dims)
{
	struct group_key key = group_key(t->plan, tenant, grouping, dims);
	uint32_t found;

	return index_find(&t->groups, group_hash(&key), group_equal, &key, t, &found) ? found
										      : GROUP_NONE;
}

static void group_make_live(
	struct group_table *t, struct group_node *node, const struct plan_grouping *grouping)
{
	for (uint32_t i = 0; i < grouping->measure_count; i++) {
		const struct plan_measure *m = &t->plan->measures[grouping->measures[i]];

		if (measure_has_subs(m))
			node->live[i] =
				arena_alloc(&t->memory, m->span_count * sizeof(struct total));
	}
}

uint32_t group_append(
	struct group_table *t, uint32_t tenant, uint16_t grouping, const uint32_t *dims)
{
	struct group_key key = group_key(t->plan, tenant, grouping, dims);
	const struct plan_grouping *g = &t->plan->groupings[grouping];
	uint32_t index = t->group_count;
	struct group_node *node;

	if (index >> GROUP_CHUNK_BITS == t->group_chunk_count) {
		X_GROW(t->group_chunks, t->group_chunk_count, t->group_chunk_cap);
		t->group_chunks[t->group_chunk_count++] =
			x_calloc_written((size_t)1 << GROUP_CHUNK_BITS, sizeof(*node));
	}
	node = group_node(t, index);
	node->group.tenant = tenant;
	node->group.grouping = grouping;
	memcpy(node->group.dims, key.dims, sizeof(key.dims));
	node->group.cells = arena_alloc(&t->memory, g->measure_count * sizeof(*node->group.cells));
	for (uint32_t i = 0; i < g->measure_count; i++)
		node->group.cells[i] = CELL_NONE;
	node->live = arena_alloc(&t->memory, g->measure_count * sizeof(*node->live));
	group_make_live(t, node, g);
	index_insert(&t->groups, group_hash(&key), index);
	t->group_count++;
	return index;
}

uint32_t group_get(struct group_table *t, uint32_t tenant, uint16_t grouping, const uint32_t *dims)
{
	uint32_t found = group_find(t, tenant, grouping, dims);

	if (found != GROUP_NONE)
		return found;
	if (t->group_count >= t->limits.groups_max || t->group_count == GROUP_NONE) {
		t->refused++;
		return GROUP_NONE;
	}
	return group_append(t, tenant, grouping, dims);
}

/* ---- cells ---- */

struct cell_key {
	uint32_t group, currency;
	uint64_t sub;
	uint16_t measure;
};

static uint64_t cell_hash(const struct cell_key *key)
{
	uint64_t h = hash_u64((uint64_t)key->group << 16 | key->measure);

	return hash_u64(hash_u64(h ^ key->sub) ^ key->currency);
}

static bool cell_equal(const void *ctx, const void *key_, uint32_t value)
{
	const struct cell_key *key = key_;
	const struct cell *c = &cell_node(ctx, value)->cell;

	return c->group == key->group && c->measure == key->measure &&
	       c->currency == key->currency && c->sub == key->sub;
}

uint32_t cell_find(const struct group_table *t, uint32_t group, uint16_t measure, uint32_t currency,
	uint64_t sub)
{
	const struct group *g = &group_node(t, group)->group;
	uint16_t place = group_measure_place(t, g, measure);
	struct cell_key key = {
		.group = group, .currency = currency, .sub = sub, .measure = measure
	};
	uint32_t found;

	assert(place != UINT16_MAX);
	if (measure_has_subs(&t->plan->measures[measure]))
		return index_find(&t->cells, cell_hash(&key), cell_equal, &key, t, &found)
			       ? found
			       : CELL_NONE;
	found = g->cells[place];
	while (found != CELL_NONE) { /* one per currency: a walk of a step or two */
		const struct cell *c = &cell_node(t, found)->cell;

		if (c->currency == currency && c->sub == sub)
			break;
		found = c->next;
	}
	return found;
}

/* Whether `a` stands before `b` in a chain. Bins are sorted, so that a quantile is one walk; distinct values come in front. */
static bool cell_before(const struct plan_measure *m, const struct cell *a, const struct cell *b)
{
	if (m->agg == AGG_DISTINCT)
		return false;
	return m->agg != AGG_PERCENTILE || (int32_t)(uint32_t)a->sub <= (int32_t)(uint32_t)b->sub;
}

static void cell_link(struct group_table *t, uint32_t *chain, uint32_t index)
{
	struct cell *c = &cell_node(t, index)->cell;
	const struct plan_measure *m = &t->plan->measures[c->measure];

	while (*chain != CELL_NONE && cell_before(m, &cell_node(t, *chain)->cell, c))
		chain = &cell_node(t, *chain)->cell.next;
	c->next = *chain;
	*chain = index;
}

uint32_t cell_append(
	struct group_table *t, uint32_t group, uint16_t measure, uint32_t currency, uint64_t sub)
{
	struct group_node *g = group_node(t, group);
	const struct plan_measure *m = &t->plan->measures[measure];
	uint16_t place = group_measure_place(t, &g->group, measure);
	struct cell_key key = {
		.group = group, .currency = currency, .sub = sub, .measure = measure
	};
	uint32_t index = t->cell_count;
	struct cell_node *node;

	if (index >> CELL_CHUNK_BITS == t->cell_chunk_count) {
		X_GROW(t->cell_chunks, t->cell_chunk_count, t->cell_chunk_cap);
		t->cell_chunks[t->cell_chunk_count++] =
			x_calloc_written((size_t)1 << CELL_CHUNK_BITS, sizeof(*node));
	}
	node = cell_node(t, index);
	node->cell = (struct cell){
		.group = group, .measure = measure, .currency = currency, .sub = sub
	};
	node->cell.totals = arena_alloc(&t->memory, m->span_count * sizeof(struct total));
	node->windows = t->windows[g->group.grouping * t->plan->measure_count + measure];
	node->touches = UINT64_C(1) << (measure & 63);
	node->live = currency ? NULL : g->live[place];
	node->group = g;
	t->cell_count++;
	cell_link(t, &g->group.cells[place], index);
	if (measure_has_subs(m))
		index_insert(&t->cells, cell_hash(&key), index);
	return index;
}

uint32_t cell_get(
	struct group_table *t, uint32_t group, uint16_t measure, uint32_t currency, uint64_t sub)
{
	uint32_t found;

	if (group == GROUP_NONE)
		return CELL_NONE;
	found = cell_find(t, group, measure, currency, sub);
	if (found != CELL_NONE)
		return found;
	if (t->cell_count >= t->limits.cells_max || t->cell_count == CELL_NONE) {
		t->refused++;
		return CELL_NONE;
	}
	return cell_append(t, group, measure, currency, sub);
}

uint32_t group_count(const struct group_table *t)
{
	return t->group_count;
}

uint32_t cell_count(const struct group_table *t)
{
	return t->cell_count;
}

struct group *group_at(const struct group_table *t, uint32_t index)
{
	assert(index < t->group_count);
	return &group_node(t, index)->group;
}

struct cell *cell_at(const struct group_table *t, uint32_t index)
{
	assert(index < t->cell_count);
	return &cell_node(t, index)->cell;
}

uint64_t group_refused(const struct group_table *t)
{
	return t->refused;
}

/* ---- dirty groups ---- */

static void queue_grow(struct group_queue *q)
{
	uint32_t capacity = q->capacity ? q->capacity * 2 : 64;
	uint32_t *items = x_malloc(capacity * sizeof(*items));

	for (uint32_t i = 0; i < q->count; i++)
		items[i] = q->items[(q->first + i) & (q->capacity - 1)];
	free(q->items);
	q->items = items;
	q->capacity = capacity;
	q->first = 0;
}

/* Who waits for an urgent change need not wait twice. */
static bool must_queue(const struct group *g, enum group_urgency urgency)
{
	return urgency == GROUP_PATIENT ? !g->queued : !(g->queued >> GROUP_URGENT & 1);
}

static void queue_push(
	struct group_table *t, struct group *g, uint32_t index, enum group_urgency urgency)
{
	struct group_queue *q = &t->queues[urgency];

	if (q->count == q->capacity)
		queue_grow(q);
	q->items[(q->first + q->count++) & (q->capacity - 1)] = index;
	g->queued |= (uint8_t)(1u << urgency);
}

void group_set_urgency(struct group_table *t, enum group_urgency urgency)
{
	t->urgency = urgency;
}

uint32_t group_dirty_pop(struct group_table *t, enum group_urgency urgency)
{
	struct group_queue *q = &t->queues[urgency];

	while (q->count) {
		uint32_t index = q->items[q->first];
		struct group *g = &group_node(t, index)->group;

		q->first = (q->first + 1) & (q->capacity - 1);
		q->count--;
		g->queued &= (uint8_t) ~(1u << urgency);
		if (g->dirty) /* else it was urgent meanwhile, and is done with */
			return index;
	}
	return GROUP_NONE;
}

void group_dirty_push(
	struct group_table *t, uint32_t group, uint64_t windows, enum group_urgency urgency)
{
	group_dirty_keep(t, group, windows, UINT64_MAX, urgency);
}

void group_dirty_keep(struct group_table *t, uint32_t group, uint64_t windows, uint64_t touched,
	enum group_urgency urgency)
{
	struct group *g = group_at(t, group);

	if (!windows)
		return;
	g->dirty |= windows;
	g->touched |= touched;
	if (must_queue(g, urgency))
		queue_push(t, g, group, urgency);
}

uint32_t group_dirty_count(const struct group_table *t, enum group_urgency urgency)
{
	return t->queues[urgency].count;
}

/* ---- totals ---- */

static void live_add(struct total *live, int64_t before, int64_t after)
{
	live->sum += (after > 0) - (before > 0);
	live->count += after - before;
}

void cell_add_all(struct group_table *t, uint32_t cell, const struct plan_effect *effects,
	uint16_t effect_count, i128 sum, int64_t count)
{
	struct cell_node *c = cell_node(t, cell);
	struct group *g = &c->group->group;
	uint64_t windows = 0;

	assert(cell < t->cell_count);
	for (uint16_t i = 0; i < effect_count; i++) {
		uint16_t place = effects[i].place;
		struct total *total = &c->cell.totals[place];
		int64_t facts = effects[i].sign < 0 ? -count : count;

		assert(place < t->plan->measures[c->cell.measure].span_count);
		if (c->live)
			live_add(&c->live[place], total->count, total->count + facts);
		total->sum += effects[i].sign < 0 ? -sum : sum;
		total->count += facts;
		windows |= c->windows[place];
	}
	if (!windows)
		return;
	g->dirty |= windows;
	g->touched |= c->touches;
	if (must_queue(g, t->urgency))
		queue_push(t, g, c->cell.group, t->urgency);
}

void cell_add(struct group_table *t, uint32_t cell, uint16_t place, i128 sum, int64_t count)
{
	const struct plan_effect effect = { .place = place, .sign = 1 };

	cell_add_all(t, cell, &effect, 1, sum, count);
}

/* First cell of a chain, CELL_NONE if the grouping lacks the measure. */
static uint32_t chain_first(
	const struct group_table *t, const struct group_node *g, uint16_t measure)
{
	uint16_t place = group_measure_place(t, &g->group, measure);

	return place == UINT16_MAX ? CELL_NONE : g->group.cells[place];
}

static struct total chain_total(const struct group_table *t, uint32_t cell, uint32_t currency,
	uint16_t place, bool distinct)
{
	struct total total = { 0 };

	while (cell != CELL_NONE) {
		const struct cell *c = &cell_node(t, cell)->cell;

		if (c->currency == currency) {
			total.sum += distinct ? c->totals[place].count > 0 : c->totals[place].sum;
			total.count += c->totals[place].count;
		}
		cell = c->next;
	}
	return total;
}

struct total group_total(const struct group_table *t, uint32_t group, uint16_t measure,
	uint32_t currency, int16_t place)
{
	const struct group_node *g = group_node(t, group);
	bool distinct = t->plan->measures[measure].agg == AGG_DISTINCT;
	uint32_t first = chain_first(t, g, measure);

	if (place < 0 || first == CELL_NONE)
		return (struct total){ 0 };
	assert(group < t->group_count && place < t->plan->measures[measure].span_count);
	if (distinct && !currency) /* thousands of values, one answer */
		return g->live[group_measure_place(t, &g->group, measure)][place];
	return chain_total(t, first, currency, (uint16_t)place, distinct);
}

/* How many of a cell's facts are in the place, if it is of this currency. */
static int64_t count_of(const struct cell *c, uint32_t currency, uint16_t place)
{
	return c->currency == currency && c->totals[place].count > 0 ? c->totals[place].count : 0;
}

bool group_quantile(const struct group_table *t, uint32_t group, uint16_t measure,
	uint32_t currency, int16_t place, uint32_t q_bp, int64_t *ret)
{
	uint32_t first = chain_first(t, group_node(t, group), measure);
	int64_t total = 0, left;

	assert(t->plan->measures[measure].agg == AGG_PERCENTILE);
	if (place < 0)
		return false;
	for (uint32_t i = first; i != CELL_NONE; i = cell_node(t, i)->cell.next)
		total += count_of(&cell_node(t, i)->cell, currency, (uint16_t)place);
	if (total == 0)
		return false;
	left = histogram_rank(total, q_bp);
	for (uint32_t i = first; i != CELL_NONE; i = cell_node(t, i)->cell.next) {
		const struct cell *c = &cell_node(t, i)->cell;

		left -= count_of(c, currency, (uint16_t)place);
		if (left <= 0) {
			*ret = histogram_value((int32_t)(uint32_t)c->sub);
			return true;
		}
	}
	assert(false && "the ranks end before the total");
	return false;
}

void group_totals_clear(struct group_table *t)
{
	for (uint32_t i = 0; i < t->cell_count; i++) {
		const struct cell_node *c = cell_node(t, i);
		size_t bytes = t->plan->measures[c->cell.measure].span_count * sizeof(struct total);

		memset(c->cell.totals, 0, bytes);
		if (c->live)
			memset(c->live, 0, bytes);
	}
}

size_t group_bytes(const struct group_table *t)
{
	return arena_used_bytes(&t->memory) + index_bytes(&t->groups) + index_bytes(&t->cells) +
	       ((size_t)t->group_chunk_count << GROUP_CHUNK_BITS) * sizeof(struct group_node) +
	       ((size_t)t->cell_chunk_count << CELL_CHUNK_BITS) * sizeof(struct cell_node) +
	       ((size_t)t->queues[GROUP_URGENT].capacity + t->queues[GROUP_PATIENT].capacity) *
		       sizeof(uint32_t);
}
