/*
 * From slots to facts. Per measure of the entity's type: where, at, value, by; once, or once per row of a list. A stock is
 * a pair, at its beginning and its end; an opportunity's stock follows the record's versions (S13): what changed of its
 * worth is taken back and given anew when it changed, so that a re-scoring at night restates no closed day.
 */
#include "core/fact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/event.h"
#include "core/expr.h"
#include "core/fact_frame.h"
#include "core/histogram.h"

struct fact_maker {
	const struct plan *plan; /* borrowed, as the three below */
	const struct store *store;
	struct intern *strings;
	struct maker_tenant {
		const struct calendar *calendar; /* NULL: not given yet */
		int64_t rate_max_age_ms;	 /* 0: however old */
		uint32_t currency;		 /* 0: nothing is converted */
	} * tenants;				 /* owned */
	uint32_t tenant_count;
	struct rate_watch *watch; /* borrowed; NULL: none */
	struct fact_set foreign;  /* of one run of a measure: what is to be converted together */
	bool has_foreign_reach
		[ENTITY_TYPE_COUNT]; /* a measure of the type reads money of another record */
	bool counting;		     /* the new side: what is lost is counted once */
	bool is_quiet;		     /* nothing is counted at all */
	struct fact_counters counters;
	uint8_t version_slots[VERSION_COLUMNS]; /* opportunity's slot of each column of a version */
	uint32_t versions_slot, won_at_slot;
	uint64_t overlay_set[2];
	int64_t overlay[ATTRIBUTE_SLOTS_MAX];
};

/* Its own money has the currency that its image says; that of others may be another. */
static void find_foreign_reach(struct fact_maker *m)
{
	for (uint32_t i = 0; i < m->plan->load_count; i++) {
		const struct plan_load *load = &m->plan->loads[i];

		if (load->currency_slot >= 0 && load->hop_count)
			memset(m->has_foreign_reach, true, sizeof(m->has_foreign_reach));
	}
}

struct fact_maker *fact_maker_new(
	const struct plan *plan, const struct store *store, struct intern *strings)
{
	static const char *const names[VERSION_COLUMNS] = {
		[VERSION_AMOUNT] = "amount",
		[VERSION_PROBABILITY] = "probability",
		[VERSION_OWNER_ID] = "owner_id",
		[VERSION_TEAM_ID] = "team_id",
		[VERSION_STAGE_ID] = "stage_id",
		[VERSION_PIPELINE_ID] = "pipeline_id",
		[VERSION_CURRENCY] = "currency",
	};
	struct fact_maker *m = x_calloc(1, sizeof(*m));

	m->plan = plan;
	m->store = store;
	m->strings = strings;
	m->versions_slot = attribute_slot(ENTITY_OPPORTUNITY, "versions");
	m->won_at_slot = attribute_slot(ENTITY_DEAL, "won_at");
	for (int i = 0; i < VERSION_COLUMNS; i++) {
		if (!names[i])
			continue;
		m->version_slots[i] = (uint8_t)attribute_slot(ENTITY_OPPORTUNITY, names[i]);
		m->overlay_set[m->version_slots[i] >> 6] |= UINT64_C(1)
							    << (m->version_slots[i] & 63);
	}
	find_foreign_reach(m);
	return m;
}

void fact_maker_free(struct fact_maker *m)
{
	if (!m)
		return;
	free(m->tenants);
	fact_set_deinit(&m->foreign);
	free(m);
}

static struct maker_tenant *tenant_of(struct fact_maker *m, uint32_t tenant)
{
	if (tenant >= m->tenant_count) {
		uint32_t count = tenant + 1 + tenant / 2;

		m->tenants = x_realloc_array(m->tenants, count, sizeof(*m->tenants));
		memset(m->tenants + m->tenant_count, 0,
			(count - m->tenant_count) * sizeof(*m->tenants));
		m->tenant_count = count;
	}
	return &m->tenants[tenant];
}

void fact_maker_tenant(struct fact_maker *m, uint32_t tenant, const struct calendar *calendar)
{
	tenant_of(m, tenant)->calendar = calendar;
}

void fact_maker_currency(
	struct fact_maker *m, uint32_t tenant, uint32_t currency, int64_t rate_max_age_ms)
{
	struct maker_tenant *t = tenant_of(m, tenant);

	t->currency = currency;
	t->rate_max_age_ms = rate_max_age_ms;
}

uint32_t fact_maker_currency_of(const struct fact_maker *m, uint32_t tenant)
{
	return tenant < m->tenant_count ? m->tenants[tenant].currency : 0;
}

void fact_maker_watch(struct fact_maker *m, struct rate_watch *watch)
{
	m->watch = watch;
}

void fact_maker_be_quiet(struct fact_maker *m, bool is_quiet)
{
	m->is_quiet = is_quiet;
}

struct fact_counters fact_maker_counters(const struct fact_maker *m)
{
	struct fact_counters counters = m->counters;

	counters.split_overflow = store_counters(m->store).splits_scaled;
	return counters;
}

/* ---- one fact ------------------------------------------------------------------------------------------- */

/* What one run of a measure works on. */
struct making {
	struct fact_maker *m;
	const struct plan_measure *measure;
	struct fact_frame frame;
	struct expr_frame expr;
	struct fact_set *out;
	uint32_t entity;
	uint32_t currency;  /* the company's; 0: nothing is converted */
	int64_t rate_at_ms; /* of the fact in hand: FACT_AT_EVER, there is no day for a rate */
};

static struct value run(struct making *k, const struct expr_program *program)
{
	struct value value;

	k->expr.overflow_count = 0;
	value = expr_run(program, &k->expr);
	if (k->m->counting)
		k->m->counters.overflow += k->expr.overflow_count;
	return value;
}

static bool scale(struct making *k, int64_t value, int64_t factor, int64_t *ret)
{
	if (!__builtin_mul_overflow(value, factor, ret) && *ret != INT64_MIN)
		return true;
	k->m->counters.overflow += k->m->counting;
	return false;
}

/*
 * A number in the ledger's units, 1/10,000; of durations 1/10,000 of a second. False: it does not fit, or is the one that
 * has no opposite: it could not be taken back.
 */
static bool in_units(struct making *k, struct value value, int64_t *ret)
{
	if (value.type == VALUE_INT || value.type == VALUE_BOOL)
		return scale(k, value.i, DECIMAL_SCALE, ret);
	if (value.type == VALUE_DURATION)
		return scale(k, value.i, DECIMAL_SCALE / 1000, ret);
	return scale(k, value.i, 1, ret);
}

/* ---- money of another currency (S16) -------------------------------------------------------------------- */

bool fact_maker_rate(const struct fact_maker *m, uint32_t tenant, uint32_t currency, int64_t at_ms,
	struct store_rate *ret)
{
	const struct maker_tenant *t = &m->tenants[tenant];

	return event_time_is_sane(at_ms) &&
	       store_rate(m->store, tenant, currency, t->currency, at_ms, ret) &&
	       (!t->rate_max_age_ms || at_ms - ret->from_ms <= t->rate_max_age_ms);
}

int64_t fact_maker_rate_time(const struct fact_maker *m, const struct entity *e, int64_t at_ms)
{
	int64_t won_at_ms;

	return e->type == ENTITY_DEAL && store_slot(m->store, e, m->won_at_slot, &won_at_ms)
		       ? won_at_ms
		       : at_ms;
}

static int64_t rate_time(const struct making *k, int64_t at_ms)
{
	return k->currency ? fact_maker_rate_time(k->m, k->frame.entity, at_ms) : at_ms;
}

/* Noted first: a rate that is not there may come yet. */
static bool find_rate(struct making *k, uint32_t currency, int64_t at_ms, int64_t *ret_rate)
{
	struct fact_maker *m = k->m;
	uint32_t tenant = k->frame.entity->tenant;
	struct store_rate rate;

	if (m->watch && event_time_is_sane(at_ms))
		rate_watch_count(
			m->watch, tenant, currency, at_ms, k->entity, m->counting ? 1 : -1);
	if (!fact_maker_rate(m, tenant, currency, at_ms, &rate))
		return false;
	*ret_rate = rate.rate;
	return true;
}

static bool fits(i128 amount)
{
	return amount <= INT64_MAX && amount > INT64_MIN;
}

static bool is_foreign(const struct making *k, uint32_t currency)
{
	return k->currency && currency && currency != k->currency;
}

/* By itself. What cannot be converted stays what it is. */
static struct value convert(struct making *k, struct value value)
{
	int64_t rate;
	i128 amount;

	if (!find_rate(k, value.currency, k->rate_at_ms, &rate)) {
		k->m->counters.fx_missing += k->m->counting;
		return value;
	}
	amount = i128_div_half_even((i128)value.i * rate, RATE_SCALE);
	if (!fits(amount)) {
		k->m->counters.overflow += k->m->counting;
		return value;
	}
	value.i = (int64_t)amount;
	value.currency = k->currency;
	return value;
}

/*
 * Facts of one time and currency together: rounded down each, and what the rounded whole has more goes one unit each to the largest
 * remainders, which wait in `sub` (a sum has none). There are as many remainders above 0 as units, as each is below 1. False: one does not fit.
 */
static bool divide(const struct making *k, struct fact *facts, size_t count, int64_t rate)
{
	i128 whole = 0, given = 0;

	for (size_t i = 0; i < count; i++) {
		i128 exact = (i128)facts[i].amount * rate;

		if (!fits(exact / RATE_SCALE))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		i128 exact = (i128)facts[i].amount * rate, rest = exact % RATE_SCALE;

		rest += rest < 0 ? RATE_SCALE : 0;
		facts[i].amount = (int64_t)((exact - rest) / RATE_SCALE);
		facts[i].sub = (uint64_t)rest;
		facts[i].currency = k->currency;
		given += facts[i].amount;
		whole += exact;
	}
	for (i128 left = i128_div_half_even(whole, RATE_SCALE) - given; left > 0; left--) {
		size_t best = 0;

		for (size_t i = 1; i < count; i++)
			if (facts[i].sub > facts[best].sub)
				best = i;
		facts[best].amount++;
		facts[best].sub = 0;
	}
	for (size_t i = 0; i < count; i++)
		facts[i].sub = 0;
	return true;
}

static void convert_together(struct making *k, struct fact *facts, size_t count)
{
	int64_t rate;

	if (!find_rate(k, facts->currency, rate_time(k, facts->at_ms), &rate))
		k->m->counters.fx_missing += k->m->counting ? count : 0;
	else if (!divide(k, facts, count, rate))
		k->m->counters.overflow += k->m->counting ? count : 0;
}

/* ---- its parts ------------------------------------------------------------------------------------------ */

/* The value in the ledger's units: false if it does not fit. */
static bool set_amount(struct making *k, struct value value, struct fact *fact)
{
	int64_t units;

	fact->amount = 1;
	switch (k->measure->agg) {
	case AGG_COUNT:
		return true;
	case AGG_DISTINCT:
		/* An entity's index is of this run only; its id stays. */
		fact->sub = value.type == VALUE_REF
				    ? store_entity(k->m->store, (uint32_t)value.i)->id
				    : (uint64_t)value.i;
		return true;
	case AGG_SUM:
		if (!in_units(k, value, &fact->amount))
			return false;
		break;
	case AGG_PERCENTILE:
		if (!in_units(k, value, &units))
			return false;
		fact->sub = (uint32_t)histogram_bin(units);
		break;
	}
	fact->currency = value.type == VALUE_MONEY ? value.currency : 0;
	return true;
}

/* Sums of a flow are converted when all of them are there (make_flow). */
static bool is_converted_alone(const struct plan_measure *measure)
{
	return measure->agg == AGG_PERCENTILE || (measure->agg == AGG_SUM && measure->stock);
}

/* Everything but the time, from the frame as it stands. False: no fact. */
static bool describe(struct making *k, struct fact *ret)
{
	const struct plan_measure *measure = k->measure;
	struct value value = { .type = VALUE_INT, .i = 1 };

	memset(ret, 0, sizeof(*ret));
	ret->tenant = k->frame.entity->tenant;
	ret->measure = measure->index;
	ret->count = 1;
	if (measure->value) {
		value = run(k, measure->value);
		if (value.is_null) {
			k->m->counters.null_value += k->m->counting;
			return false;
		}
		if (value.type == VALUE_MONEY && is_foreign(k, value.currency) &&
			is_converted_alone(measure))
			value = convert(k, value);
	}
	if (!set_amount(k, value, ret))
		return false;
	for (uint8_t i = 0; i < measure->dim_count; i++) {
		struct value by = run(k, measure->by[i]);

		ret->dims[i] = by.is_null ? k->m->plan->none_id : (uint32_t)by.i;
	}
	if (!measure->scope)
		return true;
	value = run(k, measure->scope);
	if (value.is_null)
		k->m->counters.null_value += k->m->counting;
	ret->scope = (uint32_t)value.i;
	return !value.is_null;
}

static bool holds(struct making *k)
{
	struct value value;

	if (!k->measure->where)
		return true;
	value = run(k, k->measure->where);
	return !value.is_null && value.i;
}

static void emit(struct making *k, const struct fact *fact, int64_t at_ms, int sign)
{
	struct fact *place;

	X_GROW(k->out->items, k->out->count, k->out->capacity);
	place = &k->out->items[k->out->count++];
	*place = *fact;
	place->at_ms = at_ms;
	if (sign < 0) {
		place->amount = -fact->amount;
		place->count = -fact->count;
	}
}

/* ---- stocks --------------------------------------------------------------------------------------------- */

/* The beginning and the end of a stock; false: it never is. */
static bool span_of(struct making *k, int64_t *ret_at_ms, int64_t *ret_until_ms)
{
	struct value at = run(k, k->measure->at), until = run(k, k->measure->until);

	if (at.is_null && !k->measure->at_is_null)
		return false;
	*ret_at_ms = at.is_null ? FACT_AT_EVER : at.i;
	*ret_until_ms = until.is_null ? INT64_MAX : until.i;
	if (*ret_until_ms < *ret_at_ms)
		k->m->counters.negative_duration += k->m->counting;
	return *ret_until_ms > *ret_at_ms;
}

static void make_stock(struct making *k)
{
	int64_t at_ms, until_ms;
	struct fact fact;

	if (!holds(k) || !span_of(k, &at_ms, &until_ms))
		return;
	k->rate_at_ms = rate_time(k, at_ms);
	if (!describe(k, &fact))
		return;
	emit(k, &fact, at_ms, 1);
	if (until_ms != INT64_MAX)
		emit(k, &fact, until_ms, -1);
}

static void show_version(struct making *k, const struct list_cells *versions, uint32_t row)
{
	struct fact_maker *m = k->m;

	k->frame.overlay_present[0] = k->frame.overlay_present[1] = 0;
	for (uint32_t column = 0; column < VERSION_COLUMNS; column++) {
		uint8_t slot = m->version_slots[column];

		if (column == VERSION_FROM_AT || !(versions->present[row] >> column & 1))
			continue;
		m->overlay[slot] = versions->cells[(size_t)row * versions->columns + column];
		k->frame.overlay_present[slot >> 6] |= UINT64_C(1) << (slot & 63);
	}
	k->frame.overlay = m->overlay;
}

static int64_t version_from(const struct list_cells *versions, uint32_t row)
{
	return versions->cells[(size_t)row * versions->columns + VERSION_FROM_AT];
}

static bool is_same_worth(const struct fact *a, const struct fact *b)
{
	return a->amount == b->amount && a->sub == b->sub && a->currency == b->currency &&
	       a->scope == b->scope && !memcmp(a->dims, b->dims, sizeof(a->dims));
}

/* The first version reaches back to `at`; of those before `at` only the last is seen; the last one lasts until `until`. */
static void make_versioned_stock(struct making *k, const struct list_cells *versions)
{
	int64_t at_ms, until_ms, from_ms;
	struct fact shown, next;
	bool is_shown = false, is_next;

	if (!span_of(k, &at_ms, &until_ms))
		return;
	k->rate_at_ms = rate_time(k, at_ms);
	for (uint32_t row = 0; row < versions->count; row++) {
		if (row + 1 < versions->count && version_from(versions, row + 1) <= at_ms)
			continue;
		from_ms = row == 0 || version_from(versions, row) < at_ms
				  ? at_ms
				  : version_from(versions, row);
		if (from_ms >= until_ms)
			break;
		show_version(k, versions, row);
		is_next = holds(k) && describe(k, &next);
		if (is_shown && is_next && is_same_worth(&shown, &next))
			continue;
		if (is_shown)
			emit(k, &shown, from_ms, -1);
		if (is_next)
			emit(k, &next, from_ms, 1);
		is_shown = is_next;
		shown = next;
	}
	k->frame.overlay = NULL;
	if (is_shown && until_ms != INT64_MAX)
		emit(k, &shown, until_ms, -1);
}

/* ---- all of an entity ----------------------------------------------------------------------------------- */

/* What full(m) reads: the same fact at the start of the periods that it lies in. Of a time that no calendar has there is none. */
static void emit_wholes(struct making *k, struct fact fact, int64_t at_ms)
{
	const struct plan_measure *measure = k->measure;

	for (uint16_t i = 0; i < measure->whole_count && event_time_is_sane(at_ms); i++) {
		const struct plan_measure *whole = &k->m->plan->measures[measure->wholes[i]];

		fact.measure = whole->index;
		emit(k, &fact, calendar_period_start(k->frame.calendar, whole->whole_unit, at_ms),
			1);
	}
}

static void make_flow(struct making *k)
{
	struct value at;
	struct fact fact;

	if (!holds(k))
		return;
	at = run(k, k->measure->at);
	if (at.is_null)
		return;
	k->rate_at_ms = rate_time(k, at.i);
	if (!describe(k, &fact))
		return;
	if (k->measure->agg == AGG_SUM && is_foreign(k, fact.currency)) {
		fact.at_ms = at.i;
		X_GROW(k->m->foreign.items, k->m->foreign.count, k->m->foreign.capacity);
		k->m->foreign.items[k->m->foreign.count++] = fact;
		return;
	}
	emit(k, &fact, at.i, 1);
	emit_wholes(k, fact, at.i);
}

/* Rows of one time and currency stand side by side: they are the parts of one whole. */
static void settle_foreign(struct making *k)
{
	struct fact_set *set = &k->m->foreign;

	for (size_t from = 0, to; from < set->count; from = to) {
		const struct fact *first = &set->items[from];

		for (to = from + 1; to < set->count && set->items[to].at_ms == first->at_ms &&
				    set->items[to].currency == first->currency;)
			to++;
		convert_together(k, &set->items[from], to - from);
		for (size_t i = from; i < to; i++) {
			emit(k, &set->items[i], set->items[i].at_ms, 1);
			emit_wholes(k, set->items[i], set->items[i].at_ms);
		}
	}
	fact_set_reset(set);
}

static const struct list_cells *list_in(const struct making *k, uint32_t slot)
{
	int64_t list = 0;

	store_slot(k->m->store, k->frame.entity, slot, &list);
	return (const struct list_cells *)(intptr_t)list;
}

static void make(struct making *k)
{
	const struct entity *e = k->frame.entity;
	const struct list_cells *list = NULL;

	if (k->measure->each_slot >= 0) {
		list = list_in(k, (uint32_t)k->measure->each_slot);
		k->frame.list = list;
		for (k->frame.row = 0; list && k->frame.row < list->count; k->frame.row++)
			if (k->measure->stock)
				make_stock(k);
			else
				make_flow(k);
		k->frame.list = NULL;
		k->frame.row = 0;
		return;
	}
	if (!k->measure->stock) {
		make_flow(k);
		return;
	}
	if (e->type == ENTITY_OPPORTUNITY)
		list = list_in(k, k->m->versions_slot);
	if (list && list->count)
		make_versioned_stock(k, list);
	else
		make_stock(k);
}

/* What overflows in it is counted where the measures ask. */
static bool is_open(struct making *k, const struct plan_gate *gate)
{
	struct value value = expr_run(gate->where, &k->expr);

	return !value.is_null && value.i;
}

static void make_all(struct making *k, enum entity_type type)
{
	const struct plan *plan = k->m->plan;
	int16_t gate = -1; /* those behind none come first */

	for (uint16_t i = 0; i < plan->measures_on_count[type];) {
		k->measure = &plan->measures[plan->measures_on[type][i]];
		if (k->measure->gate != gate) {
			gate = k->measure->gate;
			if (!is_open(k, &plan->gates[gate])) {
				i = plan->gates[gate].after;
				continue;
			}
		}
		make(k);
		if (k->m->foreign.count)
			settle_foreign(k);
		i++;
	}
}

void fact_maker_entity(struct fact_maker *m, uint32_t entity, struct fact_set *out)
{
	const struct entity *e = store_entity(m->store, entity);
	struct making k = { .m = m, .out = out };

	if (!entity_is_live(e))
		return;
	assert(e->tenant < m->tenant_count && m->tenants[e->tenant].calendar);
	m->counting = !m->is_quiet && !store_change_shows_old(m->store);
	k.entity = entity;
	k.currency = m->tenants[e->tenant].currency;
	k.frame.calendar = m->tenants[e->tenant].calendar;
	k.frame.store = m->store;
	k.frame.entity = e;
	k.frame.overlay_set[0] = m->overlay_set[0];
	k.frame.overlay_set[1] = m->overlay_set[1];
	k.expr.ctx = &k.frame;
	k.expr.load = store_frame_load;
	k.expr.strings = m->strings;
	make_all(&k, e->type);
}

/* Of an open opportunity also what it was before is worth something. */
static bool has_foreign_version(const struct fact_maker *m, const struct entity *e, uint32_t own)
{
	const struct list_cells *versions;
	int64_t list = 0;

	if (e->type != ENTITY_OPPORTUNITY || !store_slot(m->store, e, m->versions_slot, &list))
		return false;
	versions = (const struct list_cells *)(intptr_t)list;
	for (uint32_t row = 0; row < versions->count; row++)
		if (versions->present[row] >> VERSION_CURRENCY & 1 &&
			(uint32_t)versions->cells[(size_t)row * versions->columns +
						  VERSION_CURRENCY] != own)
			return true;
	return false;
}

bool fact_maker_is_foreign(const struct fact_maker *m, uint32_t entity)
{
	const struct entity *e = store_entity(m->store, entity);
	uint32_t own = fact_maker_currency_of(m, e->tenant);
	int at = model_table[e->type].currency_at;
	int64_t currency = 0;

	if (!own || !entity_is_live(e) || !m->plan->measures_on_count[e->type])
		return false;
	if (m->has_foreign_reach[e->type] || has_foreign_version(m, e, own))
		return true;
	return at >= 0 && store_slot(m->store, e, (uint32_t)at, &currency) &&
	       (uint32_t)currency != own;
}
