/*
 * snapshot_closed: finals and restatements of closed periods, as one set of (period, group) that are due (S14).
 *
 * A period closes when the clock passes its end + grace (+ mature, for cohorts): every group with a fact in it or in the period
 * before becomes due. A fact booked later in a closed period makes its group due again. At most once a minute, and at once when
 * a period has just closed, all that is due is computed from the buckets: one walk over them per period.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

/* ---- what is due ---------------------------------------------------------------------------------------- */

uint32_t snapshot_mature_index(const struct snapshots *s, int64_t mature_ms)
{
	uint32_t k = 0;

	while (k + 1 < s->mature_count && s->matures_ms[k] != mature_ms)
		k++;
	return k;
}

struct due_key {
	int64_t start_ms;
	uint32_t group;
	uint8_t unit;
};

static bool is_due(const void *ctx, const void *wanted, uint32_t value)
{
	const struct closed_due *d = &((const struct snapshots *)ctx)->due[value];
	const struct due_key *key = wanted;

	return d->start_ms == key->start_ms && d->group == key->group && d->unit == key->unit;
}

void snapshot_due_add(struct snapshots *s, enum calendar_unit unit, int64_t start_ms, uint32_t group, uint8_t matures)
{
	const struct due_key key = { start_ms, group, (uint8_t)unit };
	uint64_t hash = hash_combine((uint64_t)start_ms, (uint64_t)group << 8 | (uint64_t)unit);
	uint32_t place;

	s->due_dirty = true;
	if (index_find(&s->due_index, hash, is_due, &key, s, &place)) {
		s->due[place].matures |= matures;
		return;
	}
	X_GROW(s->due, s->due_count, s->due_cap);
	s->due[s->due_count] = (struct closed_due){ start_ms, group, (uint8_t)unit, matures };
	index_insert(&s->due_index, hash, s->due_count++);
}

static void begin(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < store_tenant_count(view->store); i++)
		if (view->tenant_class[i] >= count)
			count = view->tenant_class[i] + 1;
	if (count > s->class_count) {
		s->closed_until_ms = x_realloc_array(s->closed_until_ms, count, sizeof(*s->closed_until_ms));
		for (uint32_t c = s->class_count; c < count; c++)
			for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
				for (uint32_t k = 0; k < SNAPSHOT_MATURES_MAX; k++)
					s->closed_until_ms[c][u][k] = INT64_MIN;
		s->class_count = count;
	}
	for (uint32_t c = 0; c < s->class_count; c++)
		for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
			for (uint32_t k = 0; k < s->mature_count; k++)
				if (s->closed_until_ms[c][u][k] == INT64_MIN)
					s->closed_until_ms[c][u][k] = calendar_period_start(&view->calendars[c], (enum calendar_unit)u,
						clock_ms);
}

void snapshots_begin(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	begin(s, view, clock_ms);
}

void snapshots_booked(struct snapshots *s, const struct snapshot_view *view, uint32_t group, int64_t at_ms)
{
	uint32_t class = view->tenant_class[group_at(view->groups, group)->tenant];

	if (at_ms == INT64_MIN || class >= s->class_count)
		return;
	for (int u = 0; u < CALENDAR_UNIT_COUNT; u++) {
		int64_t start_ms;
		uint8_t matures = 0;

		if (!(s->units >> u & 1))
			continue;
		start_ms = calendar_period_start(&view->calendars[class], (enum calendar_unit)u, at_ms);
		for (uint32_t k = 0; k < s->mature_count; k++)
			if (start_ms < s->closed_until_ms[class][u][k])
				matures |= (uint8_t)(1u << k);
		if (matures)
			snapshot_due_add(s, (enum calendar_unit)u, start_ms, group, matures);
	}
}

/* ---- finals --------------------------------------------------------------------------------------------- */

struct final_key {
	int64_t start_ms;
	uint32_t group, currency;
	uint16_t metric;
	uint8_t unit;
};

static uint64_t final_hash(const struct final_key *key)
{
	return hash_combine(hash_combine((uint64_t)key->start_ms, (uint64_t)key->group << 32 | key->currency),
		(uint64_t)key->metric << 8 | key->unit);
}

static bool is_final_of(const void *ctx, const void *wanted, uint32_t value)
{
	const struct final_value *f = &((const struct snapshots *)ctx)->finals[value];
	const struct final_key *key = wanted;

	return f->start_ms == key->start_ms && f->group == key->group && f->currency == key->currency && f->metric == key->metric &&
	       f->unit == key->unit;
}

struct final_value *snapshot_final_get(struct snapshots *s, uint16_t metric, uint8_t unit, int64_t start_ms, uint32_t group,
	uint32_t currency, bool make)
{
	const struct final_key key = { start_ms, group, currency, metric, unit };
	uint32_t place;

	if (index_find(&s->final_index, final_hash(&key), is_final_of, &key, s, &place))
		return &s->finals[place];
	if (!make || (s->settings.finals_max && s->final_count >= s->settings.finals_max))
		return NULL;
	X_GROW(s->finals, s->final_count, s->final_cap);
	s->finals[s->final_count] = (struct final_value){ .start_ms = start_ms, .group = group, .currency = currency, .metric = metric,
		.unit = unit };
	index_insert(&s->final_index, final_hash(&key), s->final_count);
	return &s->finals[s->final_count++];
}

/* Finals of periods that no fact can reach any more are forgotten; looked at once a day of the clock. */
static void prune_finals(struct collecting *c)
{
	struct snapshots *s = c->s;
	uint32_t kept = 0;

	if (s->pruned_ms && c->clock_ms - s->pruned_ms < 86400000)
		return;
	s->pruned_ms = c->clock_ms;
	for (uint32_t i = 0; i < s->final_count; i++)
		if (s->finals[i].start_ms >= ledger_floor(snapshot_ledger(c->view, s->finals[i].group)))
			s->finals[kept++] = s->finals[i];
	if (kept == s->final_count)
		return;
	s->final_count = kept;
	index_reset(&s->final_index);
	for (uint32_t i = 0; i < kept; i++) {
		const struct final_value *f = &s->finals[i];

		index_insert(&s->final_index, final_hash(&(struct final_key){ f->start_ms, f->group, f->currency, f->metric, f->unit }), i);
	}
}

/* ---- closing -------------------------------------------------------------------------------------------- */

struct closing {
	struct snapshots *s;
	const struct snapshot_view *view;
	enum calendar_unit unit;
	int64_t start_ms;
	uint8_t matures;
};

static void mark_due(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	const struct closing *k = ctx;

	(void)sum;
	(void)count;
	snapshot_due_add(k->s, k->unit, k->start_ms, cell_at(k->view->groups, cell)->group, k->matures);
}

/* Groups with a fact in the period or in the one before: others were zero and stay so. */
static void close_period(struct snapshots *s, const struct snapshot_view *view, uint32_t class, enum calendar_unit unit, int64_t start_ms,
	int64_t end_ms, uint32_t mature)
{
	struct closing k = { s, view, unit, start_ms, (uint8_t)(1u << mature) };

	ledger_visit(view->ledgers[class], calendar_period_shift(&view->calendars[class], unit, start_ms, -1), end_ms, mark_due, &k);
	s->has_new_period = true;
}

static void close_periods(struct collecting *c, uint32_t class, enum calendar_unit unit, uint32_t mature)
{
	int64_t *until_ms = &c->s->closed_until_ms[class][unit][mature];
	int64_t delay_ms = c->view->plan->grace_ms + c->s->matures_ms[mature];

	for (;;) {
		int64_t end_ms = calendar_period_end(&c->view->calendars[class], unit, *until_ms);

		if (c->clock_ms < end_ms + delay_ms)
			return;
		close_period(c->s, c->view, class, unit, *until_ms, end_ms, mature);
		*until_ms = end_ms;
	}
}

/* ---- one period ----------------------------------------------------------------------------------------- */

struct summing {
	struct total *totals;
};

static void add_sum(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	struct summing *s = ctx;

	s->totals[cell].sum += sum;
	s->totals[cell].count += count;
}

static void sum_span(const struct ledger *ledger, int64_t from_ms, int64_t to_ms, bool opening, struct total *totals)
{
	struct summing s = { totals };

	if (opening)
		ledger_visit_opening(ledger, add_sum, &s);
	ledger_visit(ledger, from_ms, to_ms, add_sum, &s);
}

static struct closed_sums sum_period(const struct collecting *c, uint32_t class, enum calendar_unit unit, int64_t start_ms)
{
	const struct calendar *calendar = &c->view->calendars[class];
	const struct ledger *ledger = c->view->ledgers[class];
	int64_t prev_ms = calendar_period_shift(calendar, unit, start_ms, -1);
	size_t cells = cell_count(c->view->groups);
	struct closed_sums sums = { .inside = x_calloc(cells + 1, sizeof(struct total)), .prev = x_calloc(cells + 1, sizeof(struct total)),
		.before = x_calloc(cells + 1, sizeof(struct total)), .before_prev = x_calloc(cells + 1, sizeof(struct total)) };

	sum_span(ledger, start_ms, calendar_period_end(calendar, unit, start_ms), false, sums.inside);
	sum_span(ledger, prev_ms, start_ms, false, sums.prev);
	sum_span(ledger, INT64_MIN, prev_ms, true, sums.before_prev);
	for (size_t i = 0; i < cells; i++) {
		sums.before[i].sum = sums.before_prev[i].sum + sums.prev[i].sum;
		sums.before[i].count = sums.before_prev[i].count + sums.prev[i].count;
	}
	return sums;
}

static void free_sums(struct closed_sums *sums)
{
	free(sums->inside);
	free(sums->prev);
	free(sums->before);
	free(sums->before_prev);
}

struct period {
	const struct closed_sums *sums;
	enum calendar_unit unit;
	int64_t start_ms, end_ms;
	bool has_prev;               /* the period before is within the ledger */
};

/* False: refused. */
static bool offer_final(struct collecting *c, const struct period *p, const struct plan_metric *m, const struct plan_metric_window *w,
	uint32_t group, uint32_t currency, bool is_foreign)
{
	const struct totals_source source = { .view = c->view, .sums = p->sums };
	struct final_value *final = snapshot_final_get(c->s, m->index, (uint8_t)p->unit, p->start_ms, group, currency, false);
	struct metric_value v = snapshot_run(&source, m, NULL, NULL, group, currency, false), previous;
	struct snapshot r;
	uint64_t content;

	if (!snapshot_has_stream(c->view, m, group))
		return true;
	if (is_foreign && v.state == METRIC_OK)
		v.state = METRIC_FX_MISSING;
	previous = p->has_prev && !m->reads_previous ? snapshot_run(&source, m, NULL, NULL, group, currency, true)
						      : (struct metric_value){ .state = METRIC_NO_DATA };
	/* Nothing then and nothing before: no key. One that was published stays a key. */
	if (!final && !v.sample_size && !previous.sample_size)
		return true;
	snapshot_describe(c->s, c->view, m, group, currency, slice_of(c->view->plan->windows[w->window].closed_name), &r);
	snapshot_put_value(&v, &r);
	snapshot_put_previous(&v, &previous, &r);
	r.is_history = r.is_final = true;
	r.window_start_ms = p->start_ms;
	r.window_end_ms = p->end_ms;
	content = snapshot_content(&r);
	if (final && final->content == content)
		return true;
	if (final && final->has_first)
		r.first_final_value = (struct snapshot_number){ true, final->first };
	else if (!final)
		r.first_final_value = r.value_decimal;
	if (!snapshot_send(c, SNAPSHOT_HISTORY, &r))
		return false;
	if (!final) {
		final = snapshot_final_get(c->s, m->index, (uint8_t)p->unit, p->start_ms, group, currency, true);
		if (!final)
			return true; /* the limit: without a first value, and sent again if it is due again */
		final->has_first = v.has_exact;
		final->first = v.exact;
	}
	final->content = content;
	final->dirty = true;
	return true;
}

static bool offer_metric(struct collecting *c, const struct period *p, const struct plan_metric *m, const struct plan_metric_window *w,
	uint32_t group)
{
	uint32_t own = snapshot_currency_of(c->s, group_at(c->view->groups, group)->tenant);
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX], count;

	if (!m->money)
		return offer_final(c, p, m, w, group, 0, false);
	if (!offer_final(c, p, m, w, group, own, false))
		return false;
	count = snapshot_currencies(c->view, m, group, currencies);
	for (uint32_t i = 0; i < count; i++)
		if (currencies[i] != own && !offer_final(c, p, m, w, group, currencies[i], true))
			return false;
	return true;
}

static bool offer_group(struct collecting *c, const struct period *p, const struct closed_due *due)
{
	const struct snapshot_grouping *g = &c->s->groupings[group_at(c->view->groups, due->group)->grouping];

	for (uint32_t slot = 0; slot < g->slot_count; slot++) {
		const struct plan_metric *m = &c->view->plan->metrics[g->slots[slot].metric];
		const struct plan_metric_window *w = &m->windows[g->slots[slot].place];
		const struct plan_window *window = &c->view->plan->windows[w->window];

		if (!window->closed_name || window->unit != p->unit || m->rank_of >= 0 ||
			!(due->matures >> snapshot_mature_index(c->s, m->mature_ms) & 1))
			continue;
		if (!offer_metric(c, p, m, w, due->group))
			return false;
	}
	return true;
}

/* ---- all that is due ------------------------------------------------------------------------------------ */

static int compare_due(const void *left, const void *right, void *ctx)
{
	const struct closed_due *a = left, *b = right;
	const struct snapshot_view *view = ctx;
	uint32_t class_a = view->tenant_class[group_at(view->groups, a->group)->tenant];
	uint32_t class_b = view->tenant_class[group_at(view->groups, b->group)->tenant];

	if (class_a != class_b)
		return class_a < class_b ? -1 : 1;
	if (a->start_ms != b->start_ms)
		return a->start_ms < b->start_ms ? -1 : 1;
	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return (a->group > b->group) - (a->group < b->group);
}

static void index_due(struct snapshots *s)
{
	index_reset(&s->due_index);
	for (uint32_t i = 0; i < s->due_count; i++) {
		const struct closed_due *d = &s->due[i];

		index_insert(&s->due_index, hash_combine((uint64_t)d->start_ms, (uint64_t)d->group << 8 | d->unit), i);
	}
}

/* The run of due groups of one period that begins at `first`; answers the first behind those that were sent. */
static uint32_t settle_period(struct collecting *c, uint32_t first)
{
	const struct closed_due *head = &c->s->due[first];
	uint32_t class = c->view->tenant_class[group_at(c->view->groups, head->group)->tenant], i = first;
	const struct calendar *calendar = &c->view->calendars[class];
	enum calendar_unit unit = (enum calendar_unit)head->unit;
	int64_t floor_ms = ledger_floor(c->view->ledgers[class]), start_ms = head->start_ms;
	bool is_gone = start_ms < floor_ms;
	struct closed_sums sums = { 0 };
	struct period p = { .sums = &sums, .unit = unit, .start_ms = start_ms, .end_ms = calendar_period_end(calendar, unit, start_ms),
		.has_prev = calendar_period_shift(calendar, unit, start_ms, -1) >= floor_ms };

	if (!is_gone)
		sums = sum_period(c, class, unit, start_ms);
	for (; i < c->s->due_count; i++) {
		const struct closed_due *d = &c->s->due[i];

		if (d->start_ms != start_ms || d->unit != unit || c->view->tenant_class[group_at(c->view->groups, d->group)->tenant] != class)
			break;
		if (!is_gone && !offer_group(c, &p, d))
			break;
	}
	free_sums(&sums);
	return i;
}

static void settle_due(struct collecting *c)
{
	struct snapshots *s = c->s;
	uint32_t done = 0;

	qsort_r(s->due, s->due_count, sizeof(*s->due), compare_due, (void *)(uintptr_t)c->view);
	while (done < s->due_count && !c->refused)
		done = settle_period(c, done);
	memmove(s->due, s->due + done, (s->due_count - done) * sizeof(*s->due));
	s->due_count -= done;
	s->due_dirty = true;
	index_due(s);
}

uint32_t snapshots_collect_closed(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms, int64_t now_ms, uint32_t budget,
	snapshot_emit_fn emit, void *ctx)
{
	struct collecting c = { .s = s, .view = view, .clock_ms = clock_ms, .now_ms = now_ms, .budget = budget, .emit = emit, .ctx = ctx };

	snapshot_look_after(&c);
	begin(s, view, clock_ms);
	for (uint32_t class = 0; class < s->class_count; class++)
		for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
			for (uint32_t k = 0; (s->units >> u & 1) && k < s->mature_count; k++)
				close_periods(&c, class, (enum calendar_unit)u, k);
	prune_finals(&c);
	if (!s->due_count)
		return 0;
	if (!s->has_new_period && s->restated_ms != INT64_MIN && now_ms - s->restated_ms < s->settings.restate_interval_ms)
		return 0;
	settle_due(&c);
	s->has_new_period = c.refused;
	s->restated_ms = now_ms;
	return c.count;
}

bool snapshots_is_idle(const struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	for (uint32_t i = 0; i < s->board_count; i++)
		if (s->boards[i].dirty)
			return false;
	(void)clock_ms;
	return !s->due_count && !s->forgotten_count && !group_dirty_count(view->groups) &&
	       s->groups_seen == group_count(view->groups) && s->tenants_seen == store_tenant_count(view->store);
}
