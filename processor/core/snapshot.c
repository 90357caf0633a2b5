#include "core/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

/* ---- life ----------------------------------------------------------------------------------------------- */

static void lay_out_slots(struct snapshots *s, uint32_t grouping)
{
	const struct plan *plan = s->plan;
	struct snapshot_grouping *g = &s->groupings[grouping];
	const struct plan_grouping *pg = &plan->groupings[grouping];

	for (uint16_t i = 0; i < pg->metric_count; i++)
		g->slot_count += plan->metrics[pg->metrics[i]].window_count;
	g->slots = x_calloc(g->slot_count + 1, sizeof(*g->slots));
	g->slot_count = 0;
	for (uint16_t i = 0; i < pg->metric_count; i++) {
		const struct plan_metric *m = &plan->metrics[pg->metrics[i]];

		for (uint16_t w = 0; w < m->window_count; w++) {
			g->slots[g->slot_count++] = (struct snapshot_slot){ pg->metrics[i], w };
			if (m->rank_of >= 0)
				g->ranked |= UINT64_C(1) << m->windows[w].window;
		}
	}
}

static void find_closed(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->plan->metric_count; i++) {
		const struct plan_metric *m = &s->plan->metrics[i];
		uint32_t k = 0;

		for (uint16_t w = 0; w < m->window_count; w++)
			if (s->plan->windows[m->windows[w].window].closed_name)
				s->units |= (uint8_t)(1u << s->plan->windows[m->windows[w].window].unit);
		while (k < s->mature_count && s->matures_ms[k] != m->mature_ms)
			k++;
		/* Definitions with more maturities than this close with the longest of the last place. */
		if (k == s->mature_count && s->mature_count < SNAPSHOT_MATURES_MAX)
			s->matures_ms[s->mature_count++] = m->mature_ms;
		else if (k == SNAPSHOT_MATURES_MAX && s->matures_ms[k - 1] < m->mature_ms)
			s->matures_ms[k - 1] = m->mature_ms;
	}
}

struct snapshots *snapshots_new(const struct plan *plan, struct snapshot_settings settings)
{
	struct snapshots *s = x_calloc(1, sizeof(*s));

	s->plan = plan;
	s->settings = settings;
	s->generation = 1;
	s->roster_ms = s->refresh_ms = s->rank_ms = s->restated_ms = INT64_MIN;
	index_init(&s->foreign_index);
	index_init(&s->board_index);
	index_init(&s->due_index);
	index_init(&s->final_index);
	index_init(&s->forget_index);
	buffer_init(&s->key_text);
	for (uint32_t i = 0; i < plan->grouping_count; i++)
		lay_out_slots(s, i);
	find_closed(s);
	return s;
}

void snapshots_free(struct snapshots *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->published_count; i++)
		free(s->published[i]);
	for (uint32_t i = 0; i < s->plan->grouping_count; i++)
		free(s->groupings[i].slots);
	snapshot_free_ranks(s);
	index_deinit(&s->foreign_index);
	index_deinit(&s->due_index);
	index_deinit(&s->final_index);
	index_deinit(&s->forget_index);
	buffer_deinit(&s->key_text);
	free(s->published);
	free(s->foreign);
	free(s->streams);
	free(s->currencies);
	free(s->reps);
	free(s->forgotten);
	free(s->closed_until_ms);
	free(s->due);
	free(s->finals);
	free(s);
}

/* ---- revisions ------------------------------------------------------------------------------------------ */

void snapshots_raise_revision(struct snapshots *s, int64_t at_least)
{
	if (s->revision < at_least - 1)
		s->revision = at_least - 1;
}

int64_t snapshots_revision(const struct snapshots *s)
{
	return s->revision;
}

bool snapshot_send(struct collecting *c, enum snapshot_topic topic, struct snapshot *record)
{
	if (c->count >= c->budget)
		c->refused = true;
	if (c->refused)
		return false;
	record->revision = c->s->revision + 1;
	record->as_of_ms = record->published_at_ms = c->clock_ms;
	if (!c->emit(c->ctx, topic, record)) {
		c->refused = true;
		return false;
	}
	c->s->revision++;
	c->count++;
	return true;
}

/* ---- what was published --------------------------------------------------------------------------------- */

struct published *snapshot_slots(struct snapshots *s, const struct group_table *groups, uint32_t group)
{
	if (group >= s->published_count) {
		while (group >= s->published_cap) {
			uint32_t cap = s->published_cap ? s->published_cap * 2 : 256;

			s->published = x_realloc_array(s->published, cap, sizeof(struct published *));
			memset(s->published + s->published_cap, 0, (cap - s->published_cap) * sizeof(struct published *));
			s->published_cap = cap;
		}
		s->published_count = group + 1;
	}
	if (!s->published[group])
		s->published[group] = x_calloc(s->groupings[group_at(groups, group)->grouping].slot_count + 1,
			sizeof(struct published));
	return s->published[group];
}

struct foreign_key {
	uint32_t group, slot, currency;
};

static bool is_foreign(const void *ctx, const void *wanted, uint32_t value)
{
	const struct foreign *f = &((const struct snapshots *)ctx)->foreign[value];
	const struct foreign_key *key = wanted;

	return f->group == key->group && f->slot == key->slot && f->currency == key->currency;
}

static struct published *foreign_slot(struct snapshots *s, uint32_t group, uint32_t slot, uint32_t currency)
{
	const struct foreign_key key = { group, slot, currency };
	uint64_t hash = hash_combine((uint64_t)group << 32 | slot, currency);
	uint32_t place;

	if (index_find(&s->foreign_index, hash, is_foreign, &key, s, &place))
		return &s->foreign[place].published;
	X_GROW(s->foreign, s->foreign_count, s->foreign_cap);
	s->foreign[s->foreign_count] = (struct foreign){ group, slot, currency, { 0 } };
	index_insert(&s->foreign_index, hash, s->foreign_count);
	return &s->foreign[s->foreign_count++].published;
}

void snapshots_forget_published(struct snapshots *s)
{
	s->generation++;
}

void snapshots_forget_key(struct snapshots *s, uint64_t key_hash)
{
	X_GROW(s->forgotten, s->forgotten_count, s->forgotten_cap);
	s->forgotten[s->forgotten_count++] = key_hash;
}

static bool is_forgotten(const void *ctx, const void *wanted, uint32_t value)
{
	return ((const struct snapshots *)ctx)->forgotten[value] == *(const uint64_t *)wanted;
}

static void forget_slot(struct snapshots *s, const struct snapshot_view *view, struct published *p, uint32_t group)
{
	uint32_t place;

	if (!p->generation || !index_find(&s->forget_index, p->key, is_forgotten, &p->key, s, &place))
		return;
	p->generation = 0;
	group_dirty_push(view->groups, group, UINT64_MAX >> (64 - view->plan->window_count));
}

/* One walk for all records that failed since the last turn: a broker that was away fails thousands at once. */
static void forget_failed(struct snapshots *s, const struct snapshot_view *view)
{
	if (!s->forgotten_count)
		return;
	index_reset(&s->forget_index);
	for (uint32_t i = 0; i < s->forgotten_count; i++)
		index_insert(&s->forget_index, s->forgotten[i], i);
	for (uint32_t g = 0; g < s->published_count; g++)
		for (uint32_t i = 0; s->published[g] && i < s->groupings[group_at(view->groups, g)->grouping].slot_count; i++)
			forget_slot(s, view, &s->published[g][i], g);
	for (uint32_t i = 0; i < s->foreign_count; i++)
		forget_slot(s, view, &s->foreign[i].published, s->foreign[i].group);
	s->forgotten_count = 0;
}

/* ---- one key -------------------------------------------------------------------------------------------- */

struct ledger *snapshot_ledger(const struct snapshot_view *view, uint32_t group)
{
	return view->ledgers[view->tenant_class[group_at(view->groups, group)->tenant]];
}

static void put_interval(const struct collecting *c, const struct plan_metric_window *w, uint32_t group, struct snapshot *record)
{
	const struct ledger *ledger = snapshot_ledger(c->view, group);

	record->window_start_ms = ledger_edge(ledger, w->main_a);
	record->window_end_ms = ledger_edge(ledger, w->main_b);
	if (c->view->plan->windows[w->window].kind == WINDOW_NOW)
		record->window_start_ms = record->window_end_ms;
}

static void compute(const struct collecting *c, const struct plan_metric *m, const struct plan_metric_window *w, uint32_t group,
	uint32_t currency, bool is_foreign_currency, struct snapshot *record)
{
	const struct totals_source source = { .view = c->view };
	const struct plan_window *window = &c->view->plan->windows[w->window];
	struct metric_value value;

	if (!snapshot_has_stream(c->view, m, group)) {
		value = (struct metric_value){ .state = METRIC_NO_DATA };
		snapshot_put_value(&value, record);
		return;
	}
	value = snapshot_run(&source, m, w, m->reads_previous && w->cur ? w->cur : w->main, group, currency, false);
	if (value.state == METRIC_OK && m->basis == BASIS_COHORT && m->mature_ms && window->kind == WINDOW_TO_DATE)
		value.state = METRIC_PARTIAL;
	if (is_foreign_currency && value.state == METRIC_OK)
		value.state = METRIC_FX_MISSING;
	snapshot_put_value(&value, record);
	if (w->prev && !m->reads_previous) {
		struct metric_value current = snapshot_run(&source, m, w, w->cur, group, currency, false);
		struct metric_value previous = snapshot_run(&source, m, w, w->prev, group, currency, true);

		snapshot_put_previous(&current, &previous, record);
	}
}

/* Emits one key if it is worth it. False: it has to be looked at again. */
static bool offer(struct collecting *c, uint32_t group, uint32_t slot, uint32_t currency, bool is_foreign_currency)
{
	const struct snapshot_slot *place = &c->s->groupings[group_at(c->view->groups, group)->grouping].slots[slot];
	const struct plan_metric *m = &c->view->plan->metrics[place->metric];
	const struct plan_metric_window *w = &m->windows[place->place];
	struct published *p = is_foreign_currency ? foreign_slot(c->s, group, slot, currency)
						  : &snapshot_slots(c->s, c->view->groups, group)[slot];
	bool is_published = p->generation == c->s->generation;
	struct snapshot record;
	uint64_t content;

	if (is_published && !c->everything && c->now_ms - p->sent_ms < c->s->settings.publish_interval_ms)
		return false;
	snapshot_describe(c->s, c->view, m, group, currency, slice_of(c->view->plan->windows[w->window].name), &record);
	put_interval(c, w, group, &record);
	compute(c, m, w, group, currency, is_foreign_currency, &record);
	if (is_foreign_currency && !p->generation && !record.sample_size)
		return true; /* a currency that this window has never seen */
	content = snapshot_content(&record);
	if (is_published && !c->everything && content == p->content && c->now_ms - p->sent_ms < c->s->settings.refresh_ms)
		return true;
	if (!snapshot_send(c, SNAPSHOT_LATEST, &record))
		return false;
	*p = (struct published){ content, snapshot_key_hash(&record), c->now_ms, c->s->generation, p->rank };
	return true;
}

/* A slot in all its currencies. */
static bool offer_slot(struct collecting *c, uint32_t group, uint32_t slot)
{
	const struct plan_metric *m = &c->view->plan->metrics[c->s->groupings[group_at(c->view->groups, group)->grouping].slots[slot].metric];
	uint32_t own = snapshot_currency_of(c->s, group_at(c->view->groups, group)->tenant);
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX], count;
	bool done;

	if (!m->money)
		return offer(c, group, slot, 0, false);
	done = offer(c, group, slot, own, false);
	count = snapshot_currencies(c->view, m, group, currencies);
	for (uint32_t i = 0; i < count; i++)
		if (currencies[i] != own)
			done &= offer(c, group, slot, currencies[i], true);
	return done;
}

/* ---- all of kpi.latest ---------------------------------------------------------------------------------- */

static void collect_group(struct collecting *c, uint32_t group)
{
	struct group *g = group_at(c->view->groups, group);
	const struct snapshot_grouping *sg = &c->s->groupings[g->grouping];
	uint64_t dirty = g->dirty, again = 0;

	g->dirty = 0;
	snapshot_rank_touch(c->s, c->view, group, dirty);
	for (uint32_t slot = 0; slot < sg->slot_count; slot++) {
		const struct plan_metric *m = &c->view->plan->metrics[sg->slots[slot].metric];
		uint64_t window = UINT64_C(1) << m->windows[sg->slots[slot].place].window;

		if (m->rank_of >= 0 || !(dirty & window) || (again & window && c->refused))
			continue;
		if (c->refused || !offer_slot(c, group, slot))
			again |= window;
	}
	if (again)
		group_dirty_push(c->view->groups, group, again);
}

struct order_of {
	const struct snapshot_view *view;
};

static int compare_groups(const void *left, const void *right, void *ctx)
{
	const struct snapshot_view *view = ctx;
	const struct group *a = group_at(view->groups, *(const uint32_t *)left), *b = group_at(view->groups, *(const uint32_t *)right);
	int order = slice_compare(intern_text(view->strings, store_tenant_id(view->store, a->tenant)),
		intern_text(view->strings, store_tenant_id(view->store, b->tenant)));

	if (!order)
		order = (a->grouping > b->grouping) - (a->grouping < b->grouping);
	for (uint32_t i = 0; !order && i < PLAN_GROUP_DIMS_MAX; i++)
		if (a->dims[i] != b->dims[i])
			order = slice_compare(intern_text(view->strings, a->dims[i]), intern_text(view->strings, b->dims[i]));
	return order;
}

/* Every live key in one order: tenant, metric, window, grouping, group. `order` is sorted by tenant, grouping, group. */
static void collect_tenant(struct collecting *c, const uint32_t *order, uint32_t count)
{
	const struct plan *plan = c->view->plan;

	for (uint32_t m = 0; m < plan->metric_count; m++) {
		for (uint16_t w = 0; w < plan->metrics[m].window_count && plan->metrics[m].rank_of < 0; w++) {
			for (uint32_t i = 0; i < count && !c->refused; i++) {
				const struct snapshot_grouping *sg = &c->s->groupings[group_at(c->view->groups, order[i])->grouping];

				for (uint32_t slot = 0; slot < sg->slot_count; slot++)
					if (sg->slots[slot].metric == m && sg->slots[slot].place == w)
						offer_slot(c, order[i], slot);
			}
		}
	}
}

static void collect_everything(struct collecting *c)
{
	uint32_t count = group_count(c->view->groups), first = 0;
	uint32_t *order = x_calloc(count + 1, sizeof(*order));

	for (uint32_t i = 0; i < count; i++) {
		order[i] = i;
		snapshot_rank_touch(c->s, c->view, i, UINT64_MAX);
	}
	if (count)
		qsort_r(order, count, sizeof(*order), compare_groups, (void *)(uintptr_t)c->view);
	for (uint32_t i = 1; i <= count; i++) {
		if (i < count && group_at(c->view->groups, order[i])->tenant == group_at(c->view->groups, order[first])->tenant)
			continue;
		collect_tenant(c, order + first, i - first);
		first = i;
	}
	free(order);
}

uint32_t snapshots_collect(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms, int64_t now_ms, bool everything,
	uint32_t budget, snapshot_emit_fn emit, void *ctx)
{
	struct collecting c = { .s = s, .view = view, .clock_ms = clock_ms, .now_ms = now_ms, .everything = everything, .budget = budget,
		.emit = emit, .ctx = ctx };

	snapshot_look_after(&c);
	forget_failed(s, view);
	if (everything)
		collect_everything(&c);
	else
		for (uint32_t left = group_dirty_count(view->groups); left && !c.refused; left--)
			collect_group(&c, group_dirty_pop(view->groups));
	snapshot_collect_ranks(&c);
	return c.count;
}
