/*
 * snapshot_rank: boards. One sort per board and rank interval; what changed among the first is sent (S20). Who dropped out of
 * them is sent once more. The previous rank is the one that the same board had in the comparison's window: it needs no memory, so
 * that it is the same after a restart and in any order of arrival.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

struct board_key {
	uint32_t tenant;
	uint16_t grouping;
};

static bool is_board(const void *ctx, const void *wanted, uint32_t value)
{
	const struct rank_board *b = &((const struct snapshots *)ctx)->boards[value];
	const struct board_key *key = wanted;

	return b->tenant == key->tenant && b->grouping == key->grouping;
}

struct rank_board *snapshot_board(struct snapshots *s, uint32_t tenant, uint16_t grouping)
{
	const struct board_key key = { tenant, grouping };
	uint64_t hash = hash_u64((uint64_t)tenant << 16 | grouping);
	uint32_t place;

	if (index_find(&s->board_index, hash, is_board, &key, s, &place))
		return &s->boards[place];
	X_GROW(s->boards, s->board_count, s->board_cap);
	s->boards[s->board_count] = (struct rank_board){
		.tenant = tenant, .grouping = grouping, .refreshed_ms = INT64_MIN
	};
	index_insert(&s->board_index, hash, s->board_count);
	return &s->boards[s->board_count++];
}

void snapshot_free_ranks(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->board_count; i++)
		free(s->boards[i].groups);
	free(s->boards);
	free(s->items);
	free(s->places);
	index_deinit(&s->board_index);
}

/* Work that nobody did has no place on the board. */
static bool has_all_dims(const struct snapshots *s, const struct group *g)
{
	for (uint8_t i = 0; i < s->plan->groupings[g->grouping].dim_count; i++)
		if (g->dims[i] == s->plan->none_id)
			return false;
	return true;
}

void snapshot_board_join(struct snapshots *s, const struct group *g, uint32_t group)
{
	struct rank_board *b;

	if (!has_all_dims(s, g))
		return;
	b = snapshot_board(s, g->tenant, g->grouping);
	assert(!b->count || b->groups[b->count - 1] < group);
	X_GROW(b->groups, b->count, b->capacity);
	b->groups[b->count++] = group;
	if (s->item_cap >= b->count)
		return;
	s->item_cap = b->count * 2;
	s->items = x_realloc_array(s->items, s->item_cap, sizeof(*s->items));
	s->places = x_realloc_array(s->places, s->item_cap, sizeof(*s->places));
}

/* ---- ranking -------------------------------------------------------------------------------------------- */

/* Who left the roster and did nothing in the window is not among the ranked. */
static bool takes_part(const struct collecting *c, const struct rank_board *b, uint32_t group,
	const struct metric_value *v, const struct closed_sums *sums)
{
	if (!v->has_exact)
		return false;
	if (v->sample_size || v->exact)
		return true;
	if (sums)
		return false; /* the roster of a past day is not known */
	return c->view->plan->groupings[b->grouping].roster_dim < 0 ||
	       c->s->groups[group].roster_turn == c->s->roster_turn;
}

static void fill_items(const struct collecting *c, const struct rank_board *b,
	const struct plan_metric *ranked, const struct plan_metric_window *w, uint32_t currency,
	const struct totals_source *source)
{
	const int16_t *places = ranked->reads_previous && w->cur ? w->cur : w->main;

	if (source->of_previous)
		places = w->prev;
	for (uint32_t i = 0; i < b->count; i++) {
		struct metric_value v = { 0 };

		if (snapshot_has_stream(c->view, ranked, b->groups[i]))
			v = snapshot_run(source, ranked, w, source->sums ? NULL : places,
				b->groups[i], currency);
		if (!source->sums && snapshot_is_early(c, w, b->groups[i]))
			metric_withhold(&v);
		c->s->items[i] = (struct metric_rank_item){
			.exact = v.exact,
			.has_value = takes_part(c, b, b->groups[i], &v, source->sums),
			.group = b->groups[i],
		};
	}
}

static uint32_t member_of(const struct rank_board *b, uint32_t group)
{
	uint32_t low = 0, high = b->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (b->groups[middle] < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t snapshot_rank_board(const struct collecting *c, const struct rank_board *b,
	const struct snapshot_slot *slot, uint32_t currency, const struct closed_sums *sums)
{
	const struct plan_metric *rank = &c->view->plan->metrics[slot->metric];
	const struct plan_metric *ranked = &c->view->plan->metrics[rank->rank_of];
	const struct plan_metric_window *w = &ranked->windows[slot->place];
	struct totals_source source = { .view = c->view, .sums = sums };
	uint32_t count = 0;

	fill_items(c, b, ranked, w, currency, &source);
	metric_rank(c->s->items, b->count, rank->is_dense);
	for (uint32_t i = 0; i < b->count; i++) {
		c->s->places[member_of(b, c->s->items[i].group)] =
			(struct rank_place){ c->s->items[i].rank, 0 };
		count += c->s->items[i].rank != 0;
	}
	if (ranked->reads_previous || (sums ? !sums->has_previous : !w->prev))
		return count;
	source.of_previous = true;
	fill_items(c, b, ranked, w, currency, &source);
	metric_rank(c->s->items, b->count, rank->is_dense);
	for (uint32_t i = 0; i < b->count; i++)
		c->s->places[member_of(b, c->s->items[i].group)].previous = c->s->items[i].rank;
	return count;
}

/* ---- kpi.latest ----------------------------------------------------------------------------------------- */

struct outcome snapshot_rank_outcome(const struct rank_place *place, uint32_t ranked_count)
{
	struct outcome o = {
		.rank = place->rank, .rank_of = ranked_count, .previous_rank = place->previous
	};

	o.value.state = METRIC_NO_DATA;
	o.value.sample_size = ranked_count;
	if (place->rank) {
		o.value.state = METRIC_OK;
		o.value.has_value = o.value.has_exact = true;
		o.value.value = place->rank;
		o.value.exact = (i128)place->rank * DECIMAL_SCALE;
	}
	if (place->previous)
		o.previous = (struct snapshot_double){ true, place->previous };
	return o;
}

static bool is_in_top(const struct snapshots *s, int64_t rank)
{
	return rank > 0 && rank <= (int64_t)s->settings.rank_top;
}

/* Who is or was among the first, and who has no place any more. */
static bool is_worth_saying(const struct collecting *c, const struct published *p, uint32_t rank)
{
	return c->everything || p->content & CONTENT_AGAIN || is_in_top(c->s, rank) ||
	       is_in_top(c->s, p->rank) || (!rank && p->content != CONTENT_NEVER);
}

/* False: refused. */
static bool offer_rank(struct collecting *c, const struct snapshot_slot *slot, struct published *p,
	uint32_t group, uint32_t currency, const struct rank_place *place, uint32_t ranked_count)
{
	const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
	const struct plan_window *window = &c->view->plan->windows[m->windows[slot->place].window];
	struct outcome o = snapshot_rank_outcome(place, ranked_count);
	struct snapshot record;
	uint64_t content;

	if (!is_worth_saying(c, p, place->rank))
		return true;
	snapshot_put_interval(c, group, slot, &o);
	content = snapshot_content(&o, window->kind == WINDOW_TO_DATE, currency);
	if (content == p->content && !c->everything)
		return true;
	snapshot_describe_key(c->s, c->view, group, m, window->name, currency, &record);
	snapshot_describe(c->s, c->view, group, m, &o, &record);
	if (!snapshot_send(c, SNAPSHOT_LATEST, &record))
		return false;
	*p = (struct published){ content, (uint32_t)c->now_ms, (int32_t)place->rank };
	return true;
}

static bool collect_board(struct collecting *c, const struct rank_board *b, uint32_t index)
{
	const struct snapshot_slot *slot = &c->s->groupings[b->grouping].slots[index];
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX];
	uint32_t count = snapshot_board_currencies(
		c, &c->view->plan->metrics[slot->metric], b->tenant, currencies);

	for (uint32_t k = 0; k < count; k++) {
		uint32_t ranked_count = snapshot_rank_board(c, b, slot, currencies[k], NULL);

		for (uint32_t i = 0; i < b->count; i++) {
			struct published *p = snapshot_published(
				c->s, c->view->groups, b->groups[i], index, k, currencies[k]);

			if (!offer_rank(c, slot, p, b->groups[i], currencies[k], &c->s->places[i],
				    ranked_count))
				return false;
		}
	}
	return true;
}

/* A whole board at a time: its rows are sorted once for all of them. */
static void refresh_board(struct collecting *c, struct rank_board *b)
{
	int64_t refresh_ms = c->s->settings.refresh_ms;

	if (b->refreshed_ms == INT64_MIN)
		b->refreshed_ms = c->now_ms;
	if (refresh_ms <= 0 || c->now_ms - b->refreshed_ms < refresh_ms)
		return;
	b->refreshed_ms = c->now_ms;
	b->dirty = UINT64_MAX;
	for (uint32_t i = 0; i < b->count; i++)
		snapshot_forget_slots(c->s, c->view->groups, b->groups[i], true);
}

void snapshot_collect_ranks(struct collecting *c)
{
	struct snapshots *s = c->s;

	if (s->rank_ms != INT64_MIN && c->now_ms - s->rank_ms < s->settings.rank_interval_ms)
		return;
	s->rank_ms = c->now_ms;
	for (uint32_t i = 0; i < s->board_count && !c->refused; i++) {
		struct rank_board *b = &s->boards[i];
		const struct snapshot_grouping *g = &s->groupings[b->grouping];
		uint64_t again = 0;

		refresh_board(c, b);
		for (uint32_t slot = 0; b->dirty && slot < g->slot_count; slot++) {
			if (s->plan->metrics[g->slots[slot].metric].rank_of < 0 ||
				!(b->dirty & g->slots[slot].window))
				continue;
			if (c->refused || !collect_board(c, b, slot))
				again |= g->slots[slot].window;
		}
		b->dirty = again;
	}
}

void snapshot_show_board(
	struct collecting *c, uint32_t index, const uint32_t *groups, uint32_t count)
{
	const struct group *g = group_at(c->view->groups, groups[0]);
	const struct rank_board *b = snapshot_board(c->s, g->tenant, g->grouping);
	const struct snapshot_slot *slot = &c->s->groupings[b->grouping].slots[index];
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX];
	uint32_t currency_count = snapshot_board_currencies(
		c, &c->view->plan->metrics[slot->metric], b->tenant, currencies);

	for (uint32_t k = 0; k < currency_count; k++) {
		uint32_t ranked_count = snapshot_rank_board(c, b, slot, currencies[k], NULL);

		for (uint32_t i = 0; i < count; i++) {
			struct published *p = snapshot_published(
				c->s, c->view->groups, groups[i], index, k, currencies[k]);
			uint32_t member = member_of(b, groups[i]);

			if (member == b->count || b->groups[member] != groups[i])
				continue; /* «(none)» */
			if (!offer_rank(c, slot, p, groups[i], currencies[k], &c->s->places[member],
				    ranked_count))
				return;
		}
	}
}
