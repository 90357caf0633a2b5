/* snapshot_rank: boards. One sort per board and rank interval; what changed among the first is sent (S20). */
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

static struct rank_board *board_of(struct snapshots *s, uint32_t tenant, uint16_t grouping)
{
	const struct board_key key = { tenant, grouping };
	uint64_t hash = hash_u64((uint64_t)tenant << 16 | grouping);
	uint32_t place;

	if (index_find(&s->board_index, hash, is_board, &key, s, &place))
		return &s->boards[place];
	X_GROW(s->boards, s->board_count, s->board_cap);
	s->boards[s->board_count] = (struct rank_board){ .tenant = tenant, .grouping = grouping };
	index_insert(&s->board_index, hash, s->board_count);
	return &s->boards[s->board_count++];
}

void snapshot_free_ranks(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->board_count; i++)
		free(s->boards[i].groups);
	free(s->boards);
	free(s->items);
	index_deinit(&s->board_index);
}

void snapshot_rank_touch(struct snapshots *s, const struct snapshot_view *view, uint32_t group, uint64_t windows)
{
	const struct group *g = group_at(view->groups, group);

	windows &= s->groupings[g->grouping].ranked;
	if (windows)
		board_of(s, g->tenant, g->grouping)->dirty |= windows;
}

/* The groups of a board are found once: they are made and never removed. */
static void gather(struct snapshots *s, const struct snapshot_view *view, struct rank_board *b)
{
	uint32_t from = b->count ? b->groups[b->count - 1] + 1 : 0;

	for (uint32_t i = from; i < group_count(view->groups); i++) {
		const struct group *g = group_at(view->groups, i);

		if (g->tenant != b->tenant || g->grouping != b->grouping)
			continue;
		X_GROW(b->groups, b->count, b->capacity);
		b->groups[b->count++] = i;
	}
	if (s->item_cap < b->count) {
		s->item_cap = b->count * 2;
		s->items = x_realloc_array(s->items, s->item_cap, sizeof(*s->items));
	}
}

/* Work that nobody did has no place on the board. */
static bool is_ranked(const struct snapshot_view *view, const struct group *g)
{
	const struct plan_grouping *grouping = &view->plan->groupings[g->grouping];

	for (uint8_t i = 0; i < grouping->dim_count; i++)
		if (g->dims[i] == view->plan->none_id)
			return false;
	return true;
}

static uint32_t fill_items(struct collecting *c, const struct rank_board *b, const struct plan_metric *ranked,
	const struct plan_metric_window *w)
{
	const struct totals_source source = { .view = c->view };
	uint32_t currency = ranked->money ? snapshot_currency_of(c->s, b->tenant) : 0, count = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		struct metric_value v;

		if (!is_ranked(c->view, group_at(c->view->groups, b->groups[i])) || !snapshot_has_stream(c->view, ranked, b->groups[i]))
			continue;
		v = snapshot_run(&source, ranked, w, ranked->reads_previous && w->cur ? w->cur : w->main, b->groups[i], currency, false);
		c->s->items[count++] = (struct metric_rank_item){ .exact = v.exact, .has_value = v.has_exact, .group = b->groups[i] };
	}
	return count;
}

static uint32_t slot_of(const struct snapshots *s, const struct rank_board *b, uint16_t metric, uint16_t place)
{
	const struct snapshot_grouping *g = &s->groupings[b->grouping];
	uint32_t slot = 0;

	while (slot < g->slot_count && (g->slots[slot].metric != metric || g->slots[slot].place != place))
		slot++;
	return slot;
}

/* False: refused. */
static bool offer_rank(struct collecting *c, const struct plan_metric *m, const struct plan_metric_window *w, uint32_t slot,
	const struct metric_rank_item *item, uint32_t ranked_count)
{
	struct published *p = &snapshot_slots(c->s, c->view->groups, item->group)[slot];
	bool is_published = p->generation == c->s->generation;
	int32_t top = (int32_t)c->s->settings.rank_top, rank = (int32_t)item->rank;
	struct snapshot r;
	uint64_t content;

	if (!c->everything && (rank == 0 || rank > top) && (p->rank == 0 || p->rank > top))
		return true;
	snapshot_describe(c->s, c->view, m, item->group,
		m->money ? snapshot_currency_of(c->s, group_at(c->view->groups, item->group)->tenant) : 0,
		slice_of(c->view->plan->windows[w->window].name), &r);
	r.window_start_ms = ledger_edge(snapshot_ledger(c->view, item->group), w->main_a);
	r.window_end_ms = ledger_edge(snapshot_ledger(c->view, item->group), w->main_b);
	r.rank = rank;
	r.rank_of = (int32_t)ranked_count;
	r.previous_rank = p->rank;
	r.sample_size = ranked_count;
	r.state = metric_state_name(rank ? METRIC_OK : METRIC_NO_DATA);
	if (rank) {
		r.value = (struct snapshot_double){ true, rank };
		r.value_decimal = (struct snapshot_number){ true, (i128)rank * DECIMAL_SCALE };
	}
	content = snapshot_content(&r);
	if (is_published && !c->everything && content == p->content && c->now_ms - p->sent_ms < c->s->settings.refresh_ms)
		return true;
	if (!snapshot_send(c, SNAPSHOT_LATEST, &r))
		return false;
	*p = (struct published){ content, snapshot_key_hash(&r), c->now_ms, c->s->generation, rank };
	return true;
}

static bool collect_board(struct collecting *c, struct rank_board *b, uint16_t metric, uint16_t place)
{
	const struct plan_metric *m = &c->view->plan->metrics[metric], *ranked = &c->view->plan->metrics[m->rank_of];
	const struct plan_metric_window *w = &m->windows[place];
	uint32_t slot = slot_of(c->s, b, metric, place), count, ranked_count = 0;

	count = fill_items(c, b, ranked, w);
	metric_rank(c->s->items, count);
	for (uint32_t i = 0; i < count; i++)
		ranked_count += c->s->items[i].rank != 0;
	for (uint32_t i = 0; i < count; i++)
		if (!offer_rank(c, m, w, slot, &c->s->items[i], ranked_count))
			return false;
	return true;
}

void snapshot_collect_ranks(struct collecting *c)
{
	struct snapshots *s = c->s;

	if (!c->everything && s->rank_ms != INT64_MIN && c->now_ms - s->rank_ms < s->settings.rank_interval_ms)
		return;
	s->rank_ms = c->now_ms;
	for (uint32_t i = 0; i < s->board_count && !c->refused; i++) {
		struct rank_board *b = &s->boards[i];
		const struct snapshot_grouping *g = &s->groupings[b->grouping];
		uint64_t again = 0;

		if (!b->dirty)
			continue;
		gather(s, c->view, b);
		for (uint32_t slot = 0; slot < g->slot_count; slot++) {
			const struct plan_metric *m = &c->view->plan->metrics[g->slots[slot].metric];
			uint64_t window = UINT64_C(1) << m->windows[g->slots[slot].place].window;

			if (m->rank_of < 0 || !(b->dirty & window))
				continue;
			if (c->refused || !collect_board(c, b, g->slots[slot].metric, g->slots[slot].place))
				again |= window;
		}
		b->dirty = again;
	}
}
