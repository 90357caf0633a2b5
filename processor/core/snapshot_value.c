/* snapshot_value: totals -> inputs -> value, and what of it is worth a record. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/histogram.h"
#include "core/snapshot_inside.h"

/* ---- sums per cell -------------------------------------------------------------------------------------- */

static uint32_t tally_place(const struct tally *t, uint32_t cell)
{
	uint32_t place = (uint32_t)hash_u64(cell) & (t->capacity - 1);

	while (t->cells[place] != CELL_NONE && t->cells[place] != cell)
		place = (place + 1) & (t->capacity - 1);
	return place;
}

static void tally_grow(struct tally *t)
{
	const struct tally old = *t;

	t->capacity = old.capacity ? old.capacity * 2 : 256;
	t->cells = x_malloc(t->capacity * sizeof(*t->cells));
	t->totals = x_calloc(t->capacity, sizeof(*t->totals));
	memset(t->cells, 0xff, t->capacity * sizeof(*t->cells));
	for (uint32_t i = 0; i < old.capacity; i++) {
		uint32_t place;

		if (old.cells[i] == CELL_NONE)
			continue;
		place = tally_place(t, old.cells[i]);
		t->cells[place] = old.cells[i];
		t->totals[place] = old.totals[i];
	}
	free(old.cells);
	free(old.totals);
}

void tally_add(struct tally *t, uint32_t cell, i128 sum, int64_t count)
{
	uint32_t place;

	if (t->used * 4 >= t->capacity * 3)
		tally_grow(t);
	place = tally_place(t, cell);
	t->used += t->cells[place] == CELL_NONE;
	t->cells[place] = cell;
	t->totals[place].sum += sum;
	t->totals[place].count += count;
}

struct total tally_get(const struct tally *t, uint32_t cell)
{
	uint32_t place;

	if (!t->used)
		return (struct total){ 0 };
	place = tally_place(t, cell);
	return t->cells[place] == CELL_NONE ? (struct total){ 0 } : t->totals[place];
}

/* ---- inputs of closed periods --------------------------------------------------------------------------- */

/* An input, and the measure that is read for it in this window. */
struct reading {
	const struct plan_input *input;
	const struct plan_measure *measure;
};

static struct reading reading_of(const struct totals_source *source, const struct plan_metric *m,
	const struct plan_metric_window *w, uint16_t input)
{
	return (struct reading){ &m->inputs[input],
		&source->view->plan->measures[w->measures[input]] };
}

static struct total add(struct total a, struct total b, int sign)
{
	return (struct total){ .sum = a.sum + sign * b.sum, .count = a.count + sign * b.count };
}

/* A cell's part in an input: flows are what is inside, stocks all up to the end, openings all up to the start. */
static struct total closed_cell(
	const struct totals_source *source, const struct reading *r, uint32_t cell)
{
	const struct closed_sums *sums = source->sums;
	bool is_stock = r->measure->stock;
	struct total before = { 0 };

	if (is_stock || r->input->read == INPUT_OPENING)
		before = tally_get(&sums->before, cell);
	if (r->input->read == INPUT_OPENING)
		return source->of_previous ? add(before, tally_get(&sums->previous, cell), -1)
					   : before;
	if (source->of_previous || r->input->read == INPUT_PREVIOUS)
		return is_stock ? before : tally_get(&sums->previous, cell);
	return add(before, tally_get(&sums->inside, cell), 1);
}

static uint32_t chain_of(const struct snapshot_view *view, uint32_t group, uint16_t measure)
{
	const struct group *g = group_at(view->groups, group);

	return g->cells[view->plan->groupings[g->grouping].measure_place[measure]];
}

static struct total closed_total(const struct totals_source *source, const struct reading *r,
	uint32_t group, uint32_t currency)
{
	const struct plan_measure *m = r->measure;
	struct total all = { 0 };

	for (uint32_t i = chain_of(source->view, group, m->index); i != CELL_NONE;) {
		const struct cell *c = cell_at(source->view->groups, i);

		if (c->currency == currency) {
			struct total total = closed_cell(source, r, i);

			all.count += total.count;
			all.sum += m->agg == AGG_DISTINCT ? total.count > 0 : total.sum;
		}
		i = c->next;
	}
	return all;
}

static int64_t closed_count(const struct totals_source *source, const struct reading *r,
	uint32_t cell, uint32_t currency)
{
	int64_t count;

	if (cell_at(source->view->groups, cell)->currency != currency)
		return 0;
	count = closed_cell(source, r, cell).count;
	return count > 0 ? count : 0;
}

static bool closed_quantile(const struct totals_source *source, const struct reading *r,
	uint32_t group, uint32_t currency, int64_t *ret)
{
	uint32_t first = chain_of(source->view, group, r->measure->index);
	int64_t total = 0, left;

	for (uint32_t i = first; i != CELL_NONE; i = cell_at(source->view->groups, i)->next)
		total += closed_count(source, r, i, currency);
	if (!total)
		return false;
	left = histogram_rank(total, r->input->quantile_bp);
	for (uint32_t i = first; i != CELL_NONE; i = cell_at(source->view->groups, i)->next) {
		left -= closed_count(source, r, i, currency);
		if (left > 0)
			continue;
		*ret = histogram_value((int32_t)(uint32_t)cell_at(source->view->groups, i)->sub);
		return true;
	}
	return false;
}

/* ---- inputs --------------------------------------------------------------------------------------------- */

static struct total total_of(const struct totals_source *source, const struct reading *r,
	int16_t place, uint32_t group, uint32_t currency)
{
	if (source->sums)
		return closed_total(source, r, group, currency);
	return group_total(source->view->groups, group, r->measure->index, currency, place);
}

static bool quantile_of(const struct totals_source *source, const struct reading *r, int16_t place,
	uint32_t group, uint32_t currency, int64_t *ret)
{
	if (source->sums)
		return closed_quantile(source, r, group, currency, ret);
	return group_quantile(source->view->groups, group, r->measure->index, currency, place,
		r->input->quantile_bp, ret);
}

/* Only money is kept apart by currency. */
static uint32_t currency_of(const struct reading *r, uint32_t currency)
{
	return r->measure->value_type == VALUE_MONEY ? currency : 0;
}

static struct metric_input read_input(const struct totals_source *source, const struct reading *r,
	int16_t place, uint32_t group, uint32_t currency)
{
	struct metric_input in = { 0 };
	struct total total;
	int64_t value;

	currency = currency_of(r, currency);
	total = total_of(source, r, place, group, currency);
	in.count = total.count;
	if (r->input->read == INPUT_QUANTILE) {
		in.is_null = !quantile_of(source, r, place, group, currency, &value);
		in.sum = in.is_null ? 0 : value; /* histograms are in the ledger's units */
		return in;
	}
	in.sum = r->measure->agg == AGG_SUM ? total.sum : total.sum * DECIMAL_SCALE;
	if (r->input->read == INPUT_SAMPLES)
		in.sum = (i128)total.count * DECIMAL_SCALE;
	in.is_null = r->input->empty_is_null && !total.count;
	if (r->input->read == INPUT_PREVIOUS && source->sums)
		in.is_null |= !source->sums->has_previous;
	else if (r->input->read == INPUT_PREVIOUS)
		in.is_null |= place < 0; /* a window without a comparison */
	return in;
}

static int16_t place_of(const struct plan_metric *m, const struct plan_metric_window *w,
	const int16_t *places, uint16_t input)
{
	if (m->inputs[input].read == INPUT_PREVIOUS)
		return w->prev ? w->prev[input] : -1;
	return places ? places[input] : -1;
}

struct metric_value snapshot_run(const struct totals_source *source, const struct plan_metric *m,
	const struct plan_metric_window *w, const int16_t *places, uint32_t group,
	uint32_t currency)
{
	struct metric_input inputs[SNAPSHOT_INPUTS_MAX];

	for (uint16_t i = 0; i < m->input_count; i++) {
		const struct reading r = reading_of(source, m, w, i);

		inputs[i] = read_input(source, &r, place_of(m, w, places, i), group, currency);
	}
	return metric_run(m->program, inputs, m->min_sample);
}

static bool has_money(const struct totals_source *source, const struct plan_metric *m,
	const struct plan_metric_window *w, const int16_t *places, uint32_t group,
	uint32_t currency)
{
	for (uint16_t i = 0; i < m->input_count; i++) {
		const struct reading r = reading_of(source, m, w, i);
		struct total total;

		if (r.measure->value_type != VALUE_MONEY)
			continue;
		total = total_of(source, &r, place_of(m, w, places, i), group, currency);
		if (total.count || total.sum)
			return true;
	}
	return false;
}

bool snapshot_lacks_money(const struct collecting *c, const struct totals_source *source,
	const struct plan_metric *m, const struct plan_metric_window *w, const int16_t *places,
	uint32_t group, uint32_t currency)
{
	const struct snapshot_group *g = &c->s->groups[group];
	uint32_t own = c->s->tenants[group_at(c->view->groups, group)->tenant].currency;

	for (uint16_t i = 0; m->money && own && currency == own && i < g->currency_count; i++)
		if (g->currencies[i] != own &&
			has_money(source, m, w, places, group, g->currencies[i]))
			return true;
	return false;
}

bool snapshot_is_unconverted(const struct collecting *c, const struct totals_source *source,
	const struct plan_metric *m, const struct plan_metric_window *w, const int16_t *places,
	uint32_t group, uint32_t currency)
{
	uint32_t own = c->s->tenants[group_at(c->view->groups, group)->tenant].currency;

	if (!m->money || !own)
		return false;
	return currency == own ? snapshot_lacks_money(c, source, m, w, places, group, currency)
			       : has_money(source, m, w, places, group, currency);
}

bool snapshot_is_nonzero(const struct totals_source *source, const struct plan_metric *m,
	const struct plan_metric_window *w, uint32_t group, uint32_t currency)
{
	bool adds_up = false;

	/* Who was on the roster when a period began makes no result of that period. */
	for (uint16_t i = 0; i < m->input_count; i++)
		adds_up |= m->inputs[i].read != INPUT_OPENING;
	for (uint16_t i = 0; i < m->input_count; i++) {
		const struct reading r = reading_of(source, m, w, i);
		struct total total;

		if (adds_up && r.input->read == INPUT_OPENING)
			continue;
		total = total_of(source, &r, -1, group, currency_of(&r, currency));
		if (total.count || total.sum)
			return true;
	}
	return false;
}

bool snapshot_has_stream(
	const struct snapshot_view *view, const struct plan_metric *m, uint32_t group)
{
	return (m->streams & ~store_streams(view->store, group_at(view->groups, group)->tenant)) ==
	       0;
}

/* ---- one slot as it stands ------------------------------------------------------------------------------ */

void snapshot_compare(
	struct outcome *o, const struct metric_value *current, const struct metric_value *previous)
{
	double base = previous->value < 0 ? -previous->value : previous->value;

	if (!previous->has_value)
		return;
	o->previous = (struct snapshot_double){ true, previous->value };
	if (current->has_value && base > 0)
		o->change_pct = (struct snapshot_double){ true,
			(current->value - previous->value) / base * 100 };
}

void snapshot_put_interval(const struct collecting *c, uint32_t group,
	const struct snapshot_slot *slot, struct outcome *o)
{
	const struct plan_metric_window *w =
		&c->view->plan->metrics[slot->metric].windows[slot->place];
	const struct ledger *ledger = snapshot_ledger(c->view, group);

	o->end_ms = ledger_edge(ledger, slot->end_edge);
	o->start_ms = c->view->plan->windows[w->window].kind == WINDOW_NOW
			      ? o->end_ms
			      : ledger_edge(ledger, w->main_a);
}

/* Cohorts whose window reaches to now are not ripe; a rolling one is shifted back by its maturity. */
static bool is_partial(const struct plan_metric *m, const struct plan_window *window)
{
	return m->basis == BASIS_COHORT &&
	       (window->kind == WINDOW_TO_DATE || window->kind == WINDOW_ALL);
}

void snapshot_compute(const struct collecting *c, uint32_t group, const struct snapshot_slot *slot,
	uint32_t currency, struct outcome *o)
{
	const struct totals_source source = { .view = c->view };
	const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
	const struct plan_metric_window *w = &m->windows[slot->place];
	const int16_t *places;
	bool early;

	memset(o, 0, sizeof(*o));
	snapshot_put_interval(c, group, slot, o);
	if (!snapshot_has_stream(c->view, m, group)) {
		o->value.state = METRIC_NO_DATA;
		return;
	}
	places = m->reads_previous && w->cur ? w->cur : w->main;
	o->value = snapshot_run(&source, m, w, places, group, currency);
	early = snapshot_is_early(c, w, group);
	if (early)
		metric_withhold(&o->value);
	if (o->value.state == METRIC_OK && is_partial(m, &c->view->plan->windows[w->window]))
		o->value.state = METRIC_PARTIAL;
	if ((o->value.state == METRIC_OK || o->value.state == METRIC_PARTIAL) &&
		snapshot_is_unconverted(c, &source, m, w, places, group, currency))
		o->value.state = METRIC_FX_MISSING;
	if (w->prev && !m->reads_previous && !early &&
		!snapshot_lacks_money(c, &source, m, w, w->cur, group, currency) &&
		!snapshot_lacks_money(c, &source, m, w, w->prev, group, currency)) {
		struct metric_value current = snapshot_run(&source, m, w, w->cur, group, currency);
		struct metric_value previous =
			snapshot_run(&source, m, w, w->prev, group, currency);

		snapshot_compare(o, &current, &previous);
	}
}

/* ---- what is worth a record ----------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, i128 units)
{
	return hash_combine(hash_combine(hash, (uint64_t)units), (uint64_t)(units >> 64));
}

static uint64_t mix_double(uint64_t hash, bool is_set, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return is_set ? hash_combine(hash, bits) : hash_u64(hash);
}

uint64_t snapshot_content(const struct outcome *o, bool start, uint32_t currency)
{
	const struct metric_value *v = &o->value;
	uint64_t hash = hash_combine(
		(uint64_t)v->state << 8 | (uint64_t)v->has_exact << 1 | v->has_parts, currency);

	if (v->has_exact)
		hash = mix(hash, v->exact);
	else
		hash = mix_double(hash, v->has_value, v->value);
	if (v->has_parts)
		hash = mix(mix(hash, v->numerator), v->denominator);
	hash = hash_combine(hash, (uint64_t)v->sample_size);
	hash = mix_double(hash, o->previous.is_set, o->previous.value);
	hash = mix_double(hash, o->change_pct.is_set, o->change_pct.value);
	if (o->rank || o->rank_of)
		hash = hash_combine(
			hash_combine(hash, (uint64_t)o->rank << 32 | o->rank_of), o->previous_rank);
	if (start) /* a day that begins with the value of the day before is another day */
		hash = hash_combine(hash, (uint64_t)o->start_ms);
	hash &= ~(uint64_t)CONTENT_AGAIN;
	return hash ? hash : 2;
}
