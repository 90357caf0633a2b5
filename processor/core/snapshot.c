#include "core/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

/* ---- the layout of slots -------------------------------------------------------------------------------- */

static uint64_t measures_of(const struct plan_metric *m, const struct plan_metric_window *w)
{
	uint64_t measures = 0;

	for (uint16_t i = 0; i < m->input_count; i++)
		measures |= UINT64_C(1) << (w->measures[i] & 63);
	return measures || m->rank_of >= 0 ? measures
					   : UINT64_MAX; /* a constant is told by whatever comes */
}

/* A value that is read at the comparison's resolution ends where that one's current side ends. */
static uint16_t end_edge_of(
	const struct plan *plan, const struct plan_metric *m, const struct plan_metric_window *w)
{
	for (uint16_t i = 0; m->reads_previous && w->cur && i < m->input_count; i++)
		if (m->inputs[i].read != INPUT_PREVIOUS && m->inputs[i].read != INPUT_OPENING &&
			m->inputs[i].read != INPUT_FULL && w->cur[i] >= 0)
			return plan->spans[plan->measures[w->measures[i]].spans[w->cur[i]]].b;
	return w->main_b;
}

static bool is_ranked_in(const struct plan *plan, const struct plan_grouping *pg, uint16_t metric)
{
	for (uint16_t i = 0; i < pg->metric_count; i++)
		if (plan->metrics[pg->metrics[i]].rank_of == (int16_t)metric)
			return true;
	return false;
}

static void lay_out_slots(struct snapshots *s, uint32_t grouping)
{
	const struct plan *plan = s->plan;
	const struct plan_grouping *pg = &plan->groupings[grouping];
	struct snapshot_grouping *g = &s->groupings[grouping];
	uint32_t count = 0;

	for (uint16_t i = 0; i < pg->metric_count; i++)
		count += plan->metrics[pg->metrics[i]].window_count;
	g->slots = x_calloc(count + 1, sizeof(*g->slots));
	g->first_slot = x_malloc((plan->metric_count + 1) * sizeof(*g->first_slot));
	memset(g->first_slot, 0xff, (plan->metric_count + 1) * sizeof(*g->first_slot));
	for (uint16_t i = 0; i < pg->metric_count; i++) {
		const struct plan_metric *m = &plan->metrics[pg->metrics[i]];

		g->first_slot[m->index] = g->slot_count;
		g->has_ranks |= m->rank_of >= 0;
		for (uint16_t w = 0; w < m->window_count; w++)
			g->slots[g->slot_count++] = (struct snapshot_slot){
				.metric = m->index,
				.place = w,
				.end_edge = end_edge_of(plan, m, &m->windows[w]),
				.is_ranked = is_ranked_in(plan, pg, m->index),
				.window = UINT64_C(1) << m->windows[w].window,
				.measures = measures_of(m, &m->windows[w]),
			};
	}
}

/* ---- life ----------------------------------------------------------------------------------------------- */

struct snapshots *snapshots_new(const struct plan *plan, struct snapshot_settings settings)
{
	struct snapshots *s = x_calloc(1, sizeof(*s));

	s->plan = plan;
	s->settings = settings;
	s->roster_ms = s->refresh_groups.until_ms = s->refresh_foreign.until_ms = s->rank_ms =
		s->restated_ms = s->forget_ms = INT64_MIN;
	s->roster_turn = 1;
	index_init(&s->foreign_index);
	index_init(&s->stage_index);
	index_init(&s->board_index);
	index_init(&s->final_index);
	buffer_init(&s->key_text);
	for (uint32_t i = 0; i < plan->grouping_count; i++)
		lay_out_slots(s, i);
	for (uint32_t i = 0; i < plan->dim_count; i++)
		s->has_stages |= !strcmp(plan->dims[i], "stage");
	snapshot_find_closers(s);
	snapshot_find_shares(s);
	return s;
}

void snapshots_free(struct snapshots *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->group_cap; i++) {
		free(s->groups[i].slots);
		free(s->groups[i].currencies);
	}
	for (uint32_t i = 0; i < s->plan->grouping_count; i++) {
		free(s->groupings[i].slots);
		free(s->groupings[i].first_slot);
	}
	snapshot_free_kept(s);
	snapshot_free_shares(s);
	snapshot_free_ranks(s);
	snapshot_free_closed(s);
	index_deinit(&s->foreign_index);
	buffer_deinit(&s->key_text);
	free(s->groups);
	free(s->foreign);
	free(s->forgotten);
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
		c->refused = c->is_full = true;
		return false;
	}
	c->s->revision++;
	c->count++;
	return true;
}

/* ---- what was published --------------------------------------------------------------------------------- */

struct snapshot_group *snapshot_group_of(struct snapshots *s, uint32_t group)
{
	if (group >= s->group_cap) {
		uint32_t cap = s->group_cap ? s->group_cap : 256;

		while (cap <= group)
			cap *= 2;
		s->groups = x_realloc_array(s->groups, cap, sizeof(*s->groups));
		memset(s->groups + s->group_cap, 0, (cap - s->group_cap) * sizeof(*s->groups));
		s->group_cap = cap;
	}
	return &s->groups[group];
}

/* Whether somebody else may have said of it who knows what. */
static bool is_unknown(const struct snapshots *s, uint32_t group)
{
	return group < s->unknown_below || group < s->doubted_below;
}

struct published *snapshot_slots(
	struct snapshots *s, const struct group_table *groups, uint32_t group)
{
	struct snapshot_group *g = snapshot_group_of(s, group);
	uint32_t count = s->groupings[group_at(groups, group)->grouping].slot_count;

	if (!g->slots) {
		g->slots = x_calloc(count + 1, sizeof(*g->slots));
		for (uint32_t i = 0; i < count && is_unknown(s, group); i++)
			g->slots[i].content = CONTENT_AGAIN;
	}
	return g->slots;
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

static struct published *foreign_slot(
	struct snapshots *s, uint32_t group, uint32_t slot, uint32_t currency)
{
	const struct foreign_key key = { group, slot, currency };
	uint64_t hash = hash_combine((uint64_t)group << 32 | slot, currency);
	uint32_t place;

	if (index_find(&s->foreign_index, hash, is_foreign, &key, s, &place))
		return &s->foreign[place].published;
	X_GROW(s->foreign, s->foreign_count, s->foreign_cap);
	s->foreign[s->foreign_count] = (struct foreign){ group, slot, currency, { 0 } };
	if (is_unknown(s, group))
		s->foreign[s->foreign_count].published.content = CONTENT_AGAIN;
	index_insert(&s->foreign_index, hash, s->foreign_count);
	return &s->foreign[s->foreign_count++].published;
}

struct published *snapshot_published(struct snapshots *s, const struct group_table *groups,
	uint32_t group, uint32_t slot, uint32_t index, uint32_t currency)
{
	return index ? foreign_slot(s, group, slot, currency)
		     : &snapshot_slots(s, groups, group)[slot];
}

uint32_t snapshot_class(const struct snapshot_view *view, uint32_t group)
{
	return view->tenant_class[group_at(view->groups, group)->tenant];
}

struct ledger *snapshot_ledger(const struct snapshot_view *view, uint32_t group)
{
	return view->ledgers[snapshot_class(view, group)];
}

void snapshot_touch(const struct snapshot_view *view, uint32_t group)
{
	if (view->plan->window_count)
		group_dirty_push(view->groups, group, UINT64_MAX >> (64 - view->plan->window_count),
			GROUP_PATIENT);
}

/* ---- what is to be sent again --------------------------------------------------------------------------- */

static void forget_slot(struct published *p)
{
	if (p->content != CONTENT_NEVER)
		p->content |= CONTENT_AGAIN;
}

void snapshot_forget_slots(
	struct snapshots *s, const struct group_table *groups, uint32_t group, bool ranks)
{
	const struct snapshot_grouping *sg = &s->groupings[group_at(groups, group)->grouping];
	struct published *slots = snapshot_slots(s, groups, group);

	for (uint32_t i = 0; i < sg->slot_count; i++)
		if ((s->plan->metrics[sg->slots[i].metric].rank_of >= 0) == ranks)
			forget_slot(&slots[i]);
}

void snapshots_forget_published(struct snapshots *s)
{
	s->must_touch_all = true;
	/* Those of kpi.history are out for sure once the second cut after them was made. */
	for (uint32_t i = 0; i < s->final_count; i++)
		if (s->finals[i].cut + 2 > s->cut)
			snapshot_final_forget(s, &s->finals[i]);
}

void snapshots_forget_key(struct snapshots *s, uint64_t key_hash)
{
	struct final_value *final = snapshot_final_find(s, key_hash);

	if (final) {
		snapshot_final_forget(s, final);
		return;
	}
	X_GROW(s->forgotten, s->forgotten_count, s->forgotten_cap);
	s->forgotten[s->forgotten_count++] = key_hash;
	if (s->forgotten_count < SNAPSHOT_FORGOTTEN_MAX)
		return;
	s->forgotten_count = 0;
	snapshots_forget_published(s);
}

static int compare_hashes(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static bool is_forgotten(const struct snapshots *s, const struct snapshot_view *view,
	uint32_t group, uint32_t slot, uint32_t currency)
{
	const struct snapshot_slot *of =
		&s->groupings[group_at(view->groups, group)->grouping].slots[slot];
	const struct plan_metric *m = &view->plan->metrics[of->metric];
	struct snapshot record;
	uint64_t key;

	snapshot_describe_key((struct snapshots *)(uintptr_t)s, view, group, m,
		view->plan->windows[m->windows[of->place].window].name, currency, &record);
	key = snapshot_key_hash(&record);
	return bsearch(&key, s->forgotten, s->forgotten_count, sizeof(key), compare_hashes) != NULL;
}

void snapshot_forget_key(struct collecting *c, struct published *p, uint32_t group, uint32_t slot)
{
	const struct group *g = group_at(c->view->groups, group);
	const struct snapshot_slot *of = &c->s->groupings[g->grouping].slots[slot];

	forget_slot(p);
	if (c->view->plan->metrics[of->metric].rank_of >= 0)
		snapshot_board(c->s, g->tenant, g->grouping)->dirty |= of->window;
	else
		snapshot_touch(c->view, group);
}

static void forget_in_group(struct collecting *c, uint32_t group)
{
	struct snapshots *s = c->s;
	const struct group *g = group_at(c->view->groups, group);
	const struct snapshot_grouping *sg = &s->groupings[g->grouping];
	struct published *slots = s->groups[group].slots;

	for (uint32_t i = 0; slots && i < sg->slot_count; i++) {
		const struct plan_metric *m = &c->view->plan->metrics[sg->slots[i].metric];
		uint32_t currencies[SNAPSHOT_CURRENCIES_MAX] = { 0 };

		if (slots[i].content <= CONTENT_AGAIN)
			continue;
		if (m->rank_of >= 0)
			snapshot_board_currencies(c, m, g->tenant, currencies);
		else
			snapshot_currencies(c, m, group, currencies);
		if (is_forgotten(s, c->view, group, i, currencies[0]))
			snapshot_forget_key(c, &slots[i], group, i);
	}
}

/* One walk for all records that failed meanwhile, at most one a second: a broker that was away fails thousands at once. */
static void forget_failed(struct collecting *c)
{
	struct snapshots *s = c->s;

	if (!s->forgotten_count || (s->forget_ms != INT64_MIN && c->now_ms - s->forget_ms < 1000))
		return;
	s->forget_ms = c->now_ms;
	qsort(s->forgotten, s->forgotten_count, sizeof(*s->forgotten), compare_hashes);
	for (uint32_t g = 0; g < s->groups_seen; g++)
		forget_in_group(c, g);
	for (uint32_t i = 0; i < s->foreign_count; i++) {
		struct foreign *f = &s->foreign[i];

		if (f->published.content > CONTENT_AGAIN &&
			is_forgotten(s, c->view, f->group, f->slot, f->currency))
			snapshot_forget_key(c, &f->published, f->group, f->slot);
	}
	s->forgotten_count = 0;
}

/* ---- one key -------------------------------------------------------------------------------------------- */

static bool is_too_early(const struct collecting *c, const struct published *p)
{
	return !c->everything && p->content && !(p->content & CONTENT_AGAIN) &&
	       (uint32_t)c->now_ms - p->sent_ms < (uint64_t)c->s->settings.publish_interval_ms;
}

static bool is_nothing(const struct outcome *o)
{
	return !o->value.sample_size && !o->value.exact && !o->value.numerator &&
	       o->previous.value == 0;
}

/* Emits one key if it is worth it. False: it has to be looked at again. */
static bool offer(struct collecting *c, uint32_t group, const struct snapshot_slot *slot,
	uint32_t currency, struct published *p, bool is_further)
{
	const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
	const struct plan_window *window = &c->view->plan->windows[m->windows[slot->place].window];
	struct snapshot record;
	struct outcome o;
	uint64_t content;

	if (is_too_early(c, p))
		return false;
	snapshot_compute(c, group, slot, currency, &o);
	if (is_further && p->content == CONTENT_NEVER && is_nothing(&o))
		return true; /* a currency that this window has never seen */
	content = snapshot_content(&o, window->kind == WINDOW_TO_DATE, currency);
	if (content == p->content && !c->everything)
		return true;
	snapshot_describe_key(c->s, c->view, group, m, window->name, currency, &record);
	snapshot_describe(c->s, c->view, group, m, &o, &record);
	if (!snapshot_send(c, SNAPSHOT_LATEST, &record))
		return false;
	if (slot->is_ranked && content != (p->content & ~(uint64_t)CONTENT_AGAIN)) {
		const struct group *g = group_at(c->view->groups, group);

		snapshot_board(c->s, g->tenant, g->grouping)->dirty |= slot->window;
	}
	p->content = content;
	p->sent_ms = (uint32_t)c->now_ms;
	return true;
}

/* A slot in all its currencies. */
static bool offer_slot(struct collecting *c, uint32_t group, uint32_t index)
{
	const struct snapshot_slot *slot =
		&c->s->groupings[group_at(c->view->groups, group)->grouping].slots[index];
	bool done = true;
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX], count;

	count = snapshot_currencies(c, &c->view->plan->metrics[slot->metric], group, currencies);
	c->work += count;
	for (uint32_t i = 0; i < count; i++) {
		struct published *p =
			snapshot_published(c->s, c->view->groups, group, index, i, currencies[i]);

		done &= offer(c, group, slot, currencies[i], p, i > 0);
	}
	return done;
}

/* ---- dirty groups --------------------------------------------------------------------------------------- */

static void collect_group(struct collecting *c, uint32_t group, enum group_urgency urgency)
{
	struct group *g = group_at(c->view->groups, group);
	const struct snapshot_grouping *sg = &c->s->groupings[g->grouping];
	uint64_t dirty = g->dirty, touched = g->touched, again = 0, again_touched = 0;

	g->dirty = g->touched = 0;
	for (uint32_t i = 0; i < sg->slot_count; i++) {
		const struct snapshot_slot *slot = &sg->slots[i];

		if (!(dirty & slot->window) || !(touched & slot->measures))
			continue;
		if (c->refused || !offer_slot(c, group, i)) {
			again |= slot->window;
			again_touched |= slot->measures;
		}
	}
	group_dirty_keep(c->view->groups, group, again, again_touched, urgency);
}

/* S20: those that an event made dirty first; each once, for what has to wait is queued again behind. */
static void collect_dirty(struct collecting *c, enum group_urgency urgency)
{
	for (uint32_t left = group_dirty_count(c->view->groups, urgency);
		left && !c->refused && c->work < SNAPSHOT_WORK_MAX; left--) {
		uint32_t group = group_dirty_pop(c->view->groups, urgency);

		if (group == GROUP_NONE)
			break;
		collect_group(c, group, urgency);
	}
}

/* ---- everything ----------------------------------------------------------------------------------------- */

static int compare_groups(const void *left, const void *right, void *ctx)
{
	const struct snapshot_view *view = ctx;
	const struct group *a = group_at(view->groups, *(const uint32_t *)left),
			   *b = group_at(view->groups, *(const uint32_t *)right);
	int order =
		slice_compare(intern_text(view->strings, store_tenant_id(view->store, a->tenant)),
			intern_text(view->strings, store_tenant_id(view->store, b->tenant)));

	if (!order)
		order = (a->grouping > b->grouping) - (a->grouping < b->grouping);
	for (uint32_t i = 0; !order && i < PLAN_GROUP_DIMS_MAX; i++)
		if (a->dims[i] != b->dims[i])
			order = slice_compare(intern_text(view->strings, a->dims[i]),
				intern_text(view->strings, b->dims[i]));
	return order;
}

/* The groups of one grouping, in a metric's window. */
static void show_slot(struct collecting *c, uint32_t metric, uint16_t place, const uint32_t *groups,
	uint32_t count)
{
	uint32_t first =
		c->s->groupings[group_at(c->view->groups, groups[0])->grouping].first_slot[metric];

	if (first == UINT32_MAX)
		return;
	if (c->view->plan->metrics[metric].rank_of >= 0) {
		snapshot_show_board(c, first + place, groups, count);
		return;
	}
	for (uint32_t i = 0; i < count && !c->refused; i++)
		offer_slot(c, groups[i], first + place);
}

/* One order: metric, window, grouping, group. `groups` are one tenant's, sorted by grouping. */
static void show_tenant(struct collecting *c, const uint32_t *groups, uint32_t count)
{
	const struct plan *plan = c->view->plan;

	for (uint32_t m = 0; m < plan->metric_count; m++) {
		for (uint16_t w = 0; w < plan->metrics[m].window_count; w++) {
			uint32_t first = 0;

			for (uint32_t i = 1; i <= count; i++) {
				if (i < count &&
					group_at(c->view->groups, groups[i])->grouping ==
						group_at(c->view->groups, groups[first])->grouping)
					continue;
				show_slot(c, m, w, groups + first, i - first);
				first = i;
			}
		}
	}
}

static void show_everything(struct collecting *c)
{
	uint32_t count = group_count(c->view->groups), first = 0;
	uint32_t *order = x_calloc(count + 1, sizeof(*order));

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	if (count)
		qsort_r(order, count, sizeof(*order), compare_groups, (void *)(uintptr_t)c->view);
	for (uint32_t i = 1; i <= count; i++) {
		if (i < count && group_at(c->view->groups, order[i])->tenant ==
					 group_at(c->view->groups, order[first])->tenant)
			continue;
		show_tenant(c, order + first, i - first);
		first = i;
	}
	free(order);
}

uint32_t snapshots_collect(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms,
	int64_t now_ms, bool everything, uint32_t budget, snapshot_emit_fn emit, void *ctx)
{
	struct collecting c = { .s = s,
		.view = view,
		.clock_ms = clock_ms,
		.now_ms = now_ms,
		.everything = everything,
		.budget = budget,
		.emit = emit,
		.ctx = ctx };
	bool was_cut;

	snapshot_look_after(&c);
	forget_failed(&c);
	if (everything) {
		show_everything(&c);
		return c.count;
	}
	/* A quarter is kept for what time has done, or a busy day would hide it until the evening. */
	if (group_dirty_count(view->groups, GROUP_PATIENT))
		c.budget = budget - budget / 4;
	collect_dirty(&c, GROUP_URGENT);
	was_cut = c.refused;
	c.budget = budget;
	c.refused = c.is_full;
	snapshot_collect_ranks(&c);
	collect_dirty(&c, GROUP_PATIENT);
	if (was_cut)
		collect_dirty(&c, GROUP_URGENT);
	return c.count;
}
