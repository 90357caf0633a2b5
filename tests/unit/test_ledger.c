/*
 * ledger: the model is a list of facts and a sum over [a, b) of it (S7). Facts come late, early, for ever, and are taken back; the
 * clock goes by steps from a millisecond to months, with small budgets; checkpoints are cut, lost, and restored at any moment.
 * After each step every running total equals the naive sum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/xalloc.h"
#include "core/edge.h"
#include "core/fact.h"
#include "core/histogram.h"
#include "core/ledger.h"
#include "plans.h"

static const int64_t MINUTE = 60000, HOUR = 3600000, DAY = 86400000;

static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id}}\n"
	"  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
	"  - {name: calls, on: call, at: call.initiated_at, by: {rep: call.rep_id}}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at, by: {rep: opportunity.owner_id}}\n"
	"  - {name: customers, extends: wins, agg: distinct, value: deal.customer_id}\n"
	"  - {name: spread, extends: wins, agg: percentile, value: deal.amount}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [1h, 24h, 7d, today, week_to_date, month_to_date, "
	"all], group_by: [[], [rep]]}\n"
	"  - {name: revenue, value: revenue, windows: [1h, 7d, today, month_to_date, "
	"year_to_date], group_by: [[rep]]}\n"
	"  - {name: calls, value: calls, windows: [1h, 30d], group_by: [[rep]]}\n"
	"  - {name: ripe, value: wins / calls, basis: COHORT, mature: 36h, windows: [1h, 7d], "
	"group_by: [[rep]]}\n"
	"  - {name: open, value: open, group_by: [[], [rep]]}\n"
	"  - {name: opening, value: opening(open), windows: [today, 24h], group_by: [[rep]]}\n"
	"  - {name: customers, value: customers, windows: [24h, week_to_date, all], group_by: "
	"[[]]}\n"
	"  - {name: spread, value: p50(spread), windows: [7d, today], group_by: [[]]}\n";

enum { FACTS_MAX = 4000, CELLS_MAX = 512, LOG_MAX = 256, TENANT = 0 };

struct model_fact {
	uint32_t cell;
	int64_t at_ms;
	i128 sum;
	int64_t count;
	bool is_waiting; /* at or after the ledger's clock: not booked yet */
	bool is_taken_back;
};

struct model {
	struct rng rng;
	const struct plan *plan;
	struct calendar calendar;
	struct group_table *groups;
	struct ledger *ledger;
	int64_t clock_ms;
	struct model_fact facts[FACTS_MAX];
	uint32_t fact_count;
	/* Checkpoints: a base and what was cut after it. */
	struct buffer log[LOG_MAX];
	uint32_t log_count, saved_groups, saved_cells;
};

/* ---- booking, as a shard does it -------------------------------------------------------------------------- */

static uint32_t random_cell(struct model *m)
{
	uint16_t measure = (uint16_t)rng_below(&m->rng, m->plan->measure_count);
	const struct plan_measure *pm = &m->plan->measures[measure];
	uint16_t grouping = pm->groupings[rng_below(&m->rng, pm->grouping_count)];
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 }, group;
	uint64_t sub = 0;

	if (m->plan->groupings[grouping].dim_count)
		dims[0] = 1 + (uint32_t)rng_below(&m->rng, 3);
	if (pm->agg == AGG_DISTINCT)
		sub = 1 + rng_below(&m->rng, 5);
	if (pm->agg == AGG_PERCENTILE)
		sub = (uint32_t)histogram_bin(((int64_t)rng_below(&m->rng, 9) - 3) * 1000);
	group = group_get(m->groups, TENANT, grouping, dims);
	return cell_get(m->groups, group, measure,
		pm->value_type == VALUE_MONEY && pm->agg == AGG_SUM ? 7 : 0, sub);
}

static void book(struct model *m, struct model_fact *f)
{
	bool keeps = m->plan->measures[cell_at(m->groups, f->cell)->measure].keeps_history;
	int64_t floor_ms = ledger_floor(m->ledger);

	assert_true(ledger_past(m->ledger) >= floor_ms);
	f->is_waiting = f->at_ms >= ledger_clock(m->ledger);
	if (!f->is_waiting)
		assert_int_equal(ledger_add(m->ledger, f->cell, f->at_ms, f->sum, f->count),
			!keeps && f->at_ms < floor_ms);
}

static void book_waiting(struct model *m)
{
	for (uint32_t i = 0; i < m->fact_count; i++)
		if (m->facts[i].is_waiting)
			book(m, &m->facts[i]);
}

/* Now and then exactly on a bound: of a grid, or where an edge stands. */
static int64_t random_time(struct model *m)
{
	static const int64_t reach_ms[] = { 5000, 600000, 2 * 3600000, 2 * 86400000LL,
		40 * 86400000LL, 900 * 86400000LL };
	int64_t reach = reach_ms[rng_below(&m->rng, 6)], t;

	if (rng_chance(&m->rng, 0.2)) {
		t = ledger_edge(m->ledger, (uint32_t)rng_below(&m->rng, m->plan->edge_count));
		if (t != INT64_MIN)
			return t - (int64_t)rng_below(&m->rng, 2);
	}
	t = m->clock_ms - (int64_t)rng_below(&m->rng, (uint64_t)reach);
	if (rng_chance(&m->rng, 0.1))
		t = m->clock_ms + (int64_t)rng_below(&m->rng, (uint64_t)reach);
	return rng_chance(&m->rng, 0.2) ? t / 900000 * 900000 : t;
}

static void add_fact(struct model *m)
{
	struct model_fact *f = &m->facts[m->fact_count];

	if (m->fact_count == FACTS_MAX)
		return;
	if (m->fact_count && rng_chance(&m->rng, 0.3)) { /* taken back: the same, negated, once */
		struct model_fact *old = &m->facts[rng_below(&m->rng, m->fact_count)];

		if (old->is_taken_back)
			return;
		old->is_taken_back = true;
		*f = *old;
		f->sum = -f->sum;
		f->count = -f->count;
		m->fact_count++;
		book(m, f);
		return;
	}
	f->cell = random_cell(m);
	f->at_ms = random_time(m);
	f->count = 1;
	f->sum = m->plan->measures[cell_at(m->groups, f->cell)->measure].agg == AGG_SUM
			 ? (i128)rng_below(&m->rng, 1000000) - 200000
			 : 1;
	if (m->plan->measures[cell_at(m->groups, f->cell)->measure].stock) {
		if (rng_chance(&m->rng, 0.1))
			f->at_ms = FACT_AT_EVER;
		if (rng_chance(&m->rng, 0.5))
			f->sum = f->count = -1;
	}
	m->fact_count++;
	book(m, f);
}

/* ---- the naive sums --------------------------------------------------------------------------------------- */

/* Where the edge stands, to be compared with where the ledger has it. */
static int64_t edge_at(const struct model *m, uint16_t edge)
{
	return plan_edge_position(m->plan, edge, &m->calendar, m->clock_ms);
}

static struct total naive_total(const struct model *m, uint32_t cell, const struct plan_span *span)
{
	int64_t a_ms = edge_at(m, span->a), b_ms = edge_at(m, span->b);
	struct total total = { 0 };

	for (uint32_t i = 0; i < m->fact_count; i++) {
		const struct model_fact *f = &m->facts[i];

		if (f->cell != cell || f->at_ms < a_ms || f->at_ms >= b_ms ||
			f->at_ms >= m->clock_ms)
			continue;
		total.sum += f->sum;
		total.count += f->count;
	}
	return total;
}

static void check_totals(const struct model *m)
{
	ledger_check(m->ledger);
	group_check(m->groups);
	for (uint32_t e = 2; e < m->plan->edge_count; e++)
		assert_int_equal(ledger_edge(m->ledger, e), edge_at(m, (uint16_t)e));
	assert_int_equal(ledger_edge(m->ledger, 1), m->clock_ms);
	for (uint32_t cell = 0; cell < cell_count(m->groups); cell++) {
		const struct cell *c = cell_at(m->groups, cell);
		const struct plan_measure *pm = &m->plan->measures[c->measure];

		for (uint16_t place = 0; place < pm->span_count; place++) {
			const struct plan_span *span = &m->plan->spans[pm->spans[place]];
			struct total want = naive_total(m, cell, span);

			if (c->totals[place].sum != want.sum ||
				c->totals[place].count != want.count)
				fail_msg("cell %u of %s, span %u: %lld (%lld facts), not %lld "
					 "(%lld)",
					cell, pm->name, pm->spans[place],
					(long long)c->totals[place].sum,
					(long long)c->totals[place].count, (long long)want.sum,
					(long long)want.count);
		}
	}
}

/* ---- checkpoints ------------------------------------------------------------------------------------------ */

static void drop_log(struct model *m)
{
	while (m->log_count)
		buffer_deinit(&m->log[--m->log_count]);
}

/* A cut; `arrives` false: it is lost on its way, and the next one has to hold what it held. */
static void cut(struct model *m, bool arrives)
{
	bool whole = !m->log_count || m->log_count == LOG_MAX || rng_chance(&m->rng, 0.1);
	struct buffer out;

	buffer_init(&out);
	group_save(m->groups, whole ? 0 : m->saved_groups, whole ? 0 : m->saved_cells, &out);
	ledger_save(m->ledger, whole, &out);
	if (!arrives) {
		buffer_deinit(&out);
		return;
	}
	if (whole)
		drop_log(m);
	m->log[m->log_count++] = out;
	m->saved_groups = group_count(m->groups);
	m->saved_cells = cell_count(m->groups);
	ledger_saved(m->ledger);
}

struct sums {
	struct total totals[CELLS_MAX];
	uint64_t entries;
};

static void sum_up(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	struct sums *s = ctx;

	assert_true(cell < CELLS_MAX);
	s->totals[cell].sum += sum;
	s->totals[cell].count += count;
	s->entries++;
}

static void compare_entries(
	const struct ledger *a, const struct ledger *b, int64_t from_ms, int64_t to_ms)
{
	static struct sums of_a, of_b;

	memset(&of_a, 0, sizeof(of_a));
	memset(&of_b, 0, sizeof(of_b));
	if (from_ms == INT64_MIN && to_ms == INT64_MIN) {
		ledger_visit_opening(a, sum_up, &of_a);
		ledger_visit_opening(b, sum_up, &of_b);
	} else {
		ledger_visit(a, from_ms, to_ms, sum_up, &of_a);
		ledger_visit(b, from_ms, to_ms, sum_up, &of_b);
	}
	assert_memory_equal(&of_a, &of_b, sizeof(of_a));
}

/* After a crash: what the log says, and nothing else, is the ledger. The cut was just made, so all must be equal. */
static void restart(struct model *m)
{
	struct group_table *groups =
		group_table_new(m->plan, (struct group_limits){ 100, CELLS_MAX });
	struct ledger *ledger = ledger_new(m->plan, groups, &m->calendar);

	for (uint32_t i = 0; i < m->log_count; i++) {
		struct reader in = reader_of(m->log[i].data, m->log[i].len);

		assert_int_equal(group_restore(groups, &in), 0);
		assert_int_equal(ledger_restore(ledger, &in), 0);
		assert_int_equal(reader_left(&in), 0);
		if (ledger_clock(ledger) != INT64_MIN)
			ledger_check(ledger);
	}
	ledger_recompute(ledger);
	assert_int_equal(ledger_clock(ledger), ledger_clock(m->ledger));
	assert_int_equal(ledger_floor(ledger), ledger_floor(m->ledger));
	assert_int_equal(ledger_entries(ledger), ledger_entries(m->ledger));
	assert_int_equal(cell_count(groups), cell_count(m->groups));
	compare_entries(ledger, m->ledger, INT64_MIN, INT64_MIN);
	compare_entries(ledger, m->ledger, INT64_MIN, INT64_MAX);
	compare_entries(ledger, m->ledger, m->clock_ms - 40 * DAY, m->clock_ms - HOUR);
	ledger_free(m->ledger);
	group_table_free(m->groups);
	m->groups = groups;
	m->ledger = ledger;
}

/* ---- the walk --------------------------------------------------------------------------------------------- */

static void disturb(struct model *m)
{
	if (rng_chance(&m->rng, 0.3))
		add_fact(m);
	if (rng_chance(&m->rng, 0.05))
		cut(m, rng_chance(&m->rng, 0.7));
	if (rng_chance(&m->rng, 0.03)) {
		cut(m, true);
		restart(m);
	}
}

static int64_t random_step(struct rng *rng)
{
	switch (rng_below(rng, 12)) {
	case 0:
		return 1 + (int64_t)rng_below(rng, 3);
	case 1:
		return (int64_t)rng_below(rng, (uint64_t)(45 * DAY));
	case 2:
		return (int64_t)rng_below(rng, (uint64_t)(2 * DAY));
	case 3:
	case 4:
		return (int64_t)rng_below(rng, (uint64_t)(3 * HOUR));
	default:
		return (int64_t)rng_below(rng, (uint64_t)(2 * MINUTE));
	}
}

static void advance(struct model *m)
{
	int64_t to_ms = m->clock_ms + random_step(&m->rng);
	size_t budget;

	if (rng_chance(&m->rng, 0.3)) /* exactly on a bound of a bucket */
		to_ms = (to_ms / 900000 + 1) * 900000;
	m->clock_ms = to_ms;
	for (;;) {
		budget = rng_chance(&m->rng, 0.5) ? 1 + (size_t)rng_below(&m->rng, 20) : 100000;
		if (!ledger_advance(m->ledger, m->clock_ms, &budget))
			break;
		assert_int_equal(budget, 0);
		ledger_check(m->ledger);
		disturb(m);
		if (rng_chance(&m->rng, 0.1)) /* T moves on before it was reached */
			m->clock_ms += (int64_t)rng_below(&m->rng, (uint64_t)HOUR);
	}
	assert_int_equal(ledger_clock(m->ledger), m->clock_ms);
	book_waiting(m);
}

/* S12: within the walk, which takes weeks, two changes of zone and of the week's start. */
static int64_t change_calendar(struct model *m, const struct zone to[2], struct zone spliced[2], int64_t start_ms)
{
	int32_t day = (int32_t)calendar_local_day(&m->calendar, start_ms);

	for (int i = 0; i < 2; i++) {
		struct calendar before = m->calendar;
		struct calendar_change change = { .from_day = day += 1 + (int32_t)rng_below(&m->rng, 6),
			.zone = &to[i], .week_start = 1 + (int)rng_below(&m->rng, 7) };

		assert_int_equal(calendar_change(&before, &change, &spliced[i], &m->calendar), 0);
	}
	return calendar_day_start(&m->calendar, day);
}

static void walk(uint64_t seed, const char *zone_name, const char *start, bool has_changes)
{
	struct model *m = x_calloc(1, sizeof(*m));
	struct plan *plan = plan_of(definitions);
	struct zone zone = zone_of(zone_name), spliced[2];
	const struct zone to[2] = { zone_of("America/St_Johns"), zone_of("Asia/Makassar") };
	int64_t changed_ms = INT64_MIN;
	size_t budget = 1;

	rng_init(&m->rng, seed);
	m->plan = plan;
	m->calendar = (struct calendar){ .zone = &zone, .week_start = 1 + (int)rng_below(&m->rng, 7), .fiscal_start_month = 1 };
	if (has_changes)
		changed_ms = change_calendar(m, to, spliced, ms_of(start));
	m->groups = group_table_new(plan, (struct group_limits){ 100, CELLS_MAX });
	m->ledger = ledger_new(plan, m->groups, &m->calendar);
	assert_int_equal(ledger_clock(m->ledger), INT64_MIN);
	cut(m, true); /* nothing yet */
	restart(m);
	m->clock_ms = ms_of(start);
	assert_int_equal(ledger_advance(m->ledger, m->clock_ms, &budget), 0);
	for (int i = 0; i < 300; i++) {
		for (uint64_t k = rng_below(&m->rng, 4); k > 0; k--)
			add_fact(m);
		advance(m);
		if (i % 4 == 0)
			check_totals(m);
		disturb(m);
	}
	advance(m);
	check_totals(m);
	assert_true(m->clock_ms > changed_ms + 86400000);
	drop_log(m);
	ledger_free(m->ledger);
	group_table_free(m->groups);
	for (int i = 0; i < 2; i++) {
		struct zone other = to[i];

		zone_deinit(&other);
		if (has_changes)
			zone_deinit(&spliced[i]);
	}
	zone_deinit(&zone);
	plan_free(plan);
	free(m);
}

static void test_model(void **state)
{
	static const struct {
		const char *zone, *start;
	} places[] = { { "Asia/Jakarta", "2026-02-27T16:59:59Z" },
		{ "Australia/Lord_Howe", "2026-04-04T10:00:00Z" },
		{ "Asia/Kathmandu", "2026-03-31T18:14:00Z" },
		{ "Europe/Berlin", "2026-03-28T22:00:00Z" },
		{ "Pacific/Apia", "2011-12-29T00:00:00Z" },
		{ "America/Sao_Paulo", "2018-02-16T00:00:00Z" },
		{ "Africa/Monrovia", "1971-12-30T00:00:00Z" } };

	(void)state;
	for (uint64_t seed = 1; seed <= 28; seed++) {
		print_message("seed %u %s\n", (unsigned)seed, places[seed % 7].zone);
		walk(seed, places[seed % 7].zone, places[seed % 7].start, seed > 14);
	}
}

/* ---- one by one ------------------------------------------------------------------------------------------- */

struct small {
	struct plan *plan;
	struct zone zone;
	struct calendar calendar;
	struct group_table *groups;
	struct ledger *ledger;
	uint32_t cell;
};

static void small_init(struct small *s, const char *yaml, const char *zone)
{
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };

	s->plan = plan_of(yaml);
	s->zone = zone_of(zone);
	s->calendar = (struct calendar){ .zone = &s->zone, .week_start = 1, .fiscal_start_month = 1 };
	s->groups = group_table_new(s->plan, (struct group_limits){ 20000, 20000 });
	s->ledger = ledger_new(s->plan, s->groups, &s->calendar);
	s->cell = cell_get(s->groups, group_get(s->groups, TENANT, 0, dims), 0, 0, 0);
}

static void small_deinit(struct small *s)
{
	ledger_free(s->ledger);
	group_table_free(s->groups);
	zone_deinit(&s->zone);
	plan_free(s->plan);
}

static size_t small_advance(struct small *s, int64_t clock_ms)
{
	size_t budget = 1000000000;

	assert_int_equal(ledger_advance(s->ledger, clock_ms, &budget), 0);
	ledger_check(s->ledger);
	return 1000000000 - budget;
}

/* The total of the plan's first metric in its n-th window. */
static int64_t small_total(struct small *s, uint16_t window)
{
	const struct plan_metric_window *w = &s->plan->metrics[0].windows[window];

	return (int64_t)group_total(s->groups, 0, 0, 0, w->main[0]).sum;
}

static int64_t small_previous(struct small *s, uint16_t window)
{
	const struct plan_metric_window *w = &s->plan->metrics[0].windows[window];

	return (int64_t)group_total(s->groups, 0, 0, 0, w->prev[0]).sum;
}

static const char flow[] =
	"measures: [{name: wins, on: deal, at: deal.won_at}]\n"
	"metrics: [{name: wins, value: wins, windows: [1h, today, month_to_date]}]\n";

/* S7: at T−L it is in, a millisecond before it is out; what is at T is not there yet. */
static void test_edge_at_a_bound(void **state)
{
	struct small s;
	int64_t t = ms_of("2026-03-10T10:00:00Z");

	(void)state;
	small_init(&s, flow, "UTC");
	small_advance(&s, t);
	ledger_add(s.ledger, s.cell, t - HOUR, 1, 1);
	ledger_add(s.ledger, s.cell, t - HOUR - 1, 10, 1);
	ledger_add(s.ledger, s.cell, t - 1, 100, 1);
	assert_int_equal(small_total(&s, 0), 101);
	assert_int_equal(small_previous(&s, 0), 10);
	small_advance(&s, t + 999);
	assert_int_equal(small_total(&s, 0), 101);
	small_advance(&s, t + 1000);
	assert_int_equal(small_total(&s, 0), 100);
	assert_int_equal(small_previous(&s, 0), 11);
	small_advance(&s, t + HOUR - 1);
	assert_int_equal(small_total(&s, 0), 100);
	small_advance(&s, t + HOUR);
	assert_int_equal(small_total(&s, 0), 0);
	assert_int_equal(small_previous(&s, 0), 101);
	small_deinit(&s);
}

/* S7: a closing on the first day without a time belongs to the month that begins, and to none before. */
static void test_first_of_the_month(void **state)
{
	struct small s;
	int64_t first = ms_of("2025-02-28T17:00:00Z"); /* 1 March, 00:00 in Jakarta */

	(void)state;
	small_init(&s, flow, "Asia/Jakarta");
	small_advance(&s, first + 1);
	ledger_add(s.ledger, s.cell, first, 1, 1);
	ledger_add(s.ledger, s.cell, first - 1, 10, 1);
	assert_int_equal(small_total(&s, 2), 1);
	assert_int_equal(small_total(&s, 1), 1);
	small_advance(&s, ms_of("2025-03-31T16:59:59.999Z"));
	assert_int_equal(small_total(&s, 2), 1);
	assert_int_equal(small_previous(&s, 2), 10);
	small_advance(&s, ms_of("2025-03-31T17:00:00Z"));
	assert_int_equal(small_total(&s, 2), 0);
	small_deinit(&s);
}

/* Nothing happens but time: a rolling window empties, to-date ones turn over at the tenant's midnight. */
static void test_falls_with_no_event(void **state)
{
	struct small s;
	int64_t t = ms_of("2026-03-10T16:30:00Z"); /* 23:30 in Jakarta */

	(void)state;
	small_init(&s, flow, "Asia/Jakarta");
	small_advance(&s, t);
	for (int i = 0; i < 60; i++)
		ledger_add(s.ledger, s.cell, t - i * MINUTE - 1, 1, 1);
	assert_int_equal(small_total(&s, 0), 60);
	for (int i = 0; i <= 60; i++) {
		small_advance(&s, t + i * MINUTE);
		assert_int_equal(small_total(&s, 0), 60 - i);
		assert_int_equal(small_total(&s, 1), i < 30 ? 60 : 0);
	}
	small_deinit(&s);
}

/* S13: the creation is beyond the horizon, its closing is not: 0, not −1. */
static void test_opening_balance(void **state)
{
	static const char stock[] = "measures: [{name: open, on: opportunity, at: "
				    "opportunity.created_at, until: opportunity.close_at}]\n"
				    "metrics: [{name: open, value: open}]\n";
	struct small s;
	int64_t t = ms_of("2026-03-10T00:00:00Z");

	(void)state;
	small_init(&s, stock, "UTC");
	small_advance(&s, t);
	assert_int_equal(ledger_add(s.ledger, s.cell, t - 2000 * DAY, 1, 1), 0);
	assert_int_equal(ledger_add(s.ledger, s.cell, FACT_AT_EVER, 1, 1), 0);
	assert_int_equal(ledger_add(s.ledger, s.cell, t - DAY, -1, -1), 0);
	assert_int_equal(small_total(&s, 0), 1);
	small_advance(&s, t + 1000 * DAY); /* all of it is below the floor */
	assert_int_equal(small_total(&s, 0), 1);
	assert_int_equal(ledger_entries(s.ledger), 1);
	ledger_add(s.ledger, s.cell, t, -1, -1);
	assert_int_equal(small_total(&s, 0), 0);
	small_deinit(&s);
}

static void test_below_the_floor_a_flow_is_dropped(void **state)
{
	struct small s;
	int64_t t = ms_of("2026-03-10T00:00:00Z");

	(void)state;
	small_init(&s, flow, "UTC");
	small_advance(&s, t);
	assert_int_equal(ledger_add(s.ledger, s.cell, ledger_floor(s.ledger), 1, 1), 0);
	assert_int_equal(ledger_add(s.ledger, s.cell, ledger_floor(s.ledger) - 1, 1, 1), 1);
	assert_int_equal(ledger_add(s.ledger, s.cell, FACT_AT_EVER, 1, 1), 1);
	assert_int_equal(ledger_entries(s.ledger), 1);
	small_deinit(&s);
}

static int64_t whole_total(const struct small *s, int16_t place)
{
	return (int64_t)cell_at(s->groups, s->cell)->totals[place].sum;
}

/* S9: what stands for a whole day is in it from its first instant on, and in the day before once that has ended. */
static void test_a_whole_day_begins_at_its_start(void **state)
{
	static const char whole[] = "measures: [{name: wins, on: deal, at: deal.won_at}]\n"
				    "metrics: [{name: wins, value: full(wins) + wins, windows: "
				    "[today]}]\n";
	const uint32_t none[PLAN_GROUP_DIMS_MAX] = { 0 };
	struct small s;
	int64_t t = ms_of("2026-03-10T00:00:00Z");
	const struct plan_metric_window *w;

	(void)state;
	small_init(&s, whole, "UTC");
	w = &s.plan->metrics[0].windows[0];
	s.cell = cell_get(s.groups, group_get(s.groups, TENANT, 0, none), w->measures[0], 0, 0);
	small_advance(&s, t);
	assert_int_equal(ledger_add(s.ledger, s.cell, t, 3, 1), 0);
	assert_int_equal(whole_total(&s, w->main[0]), 3);
	assert_int_equal(whole_total(&s, w->prev[0]), 0);
	small_advance(&s, t + 500);
	small_advance(&s, t + DAY - 1);
	assert_int_equal(whole_total(&s, w->main[0]), 3);
	small_advance(&s, t + DAY);
	assert_int_equal(whole_total(&s, w->main[0]), 0);
	assert_int_equal(whole_total(&s, w->prev[0]), 3);
	small_deinit(&s);
}

/* Tiers roll up: a day of one-second facts is, in the end, one bucket; nothing is lost on the way. */
static void test_tiers_roll_up(void **state)
{
	struct small s;
	int64_t t = ms_of("2026-03-10T00:00:00Z");
	uint64_t most = 0;

	(void)state;
	small_init(&s, flow, "UTC");
	small_advance(&s, t);
	for (int i = 1; i <= 1440; i++) {
		small_advance(&s, t + i * MINUTE);
		ledger_add(s.ledger, s.cell, t + i * MINUTE - 1, 1, 1);
		most = ledger_entries(s.ledger) > most ? ledger_entries(s.ledger) : most;
		assert_int_equal(small_total(&s, 2), i);
	}
	/* Two hours of seconds at most, then quarters of an hour. */
	assert_true(most < 130 + 96);
	small_advance(&s, t + 70 * DAY);
	assert_int_equal(ledger_entries(s.ledger), 1);
	small_advance(&s, t + 500 * DAY);
	assert_int_equal(ledger_entries(s.ledger), 0);
	small_deinit(&s);
}

/* What an advance costs follows what expires, not how many keys there are. */
static void test_cost_of_an_advance(void **state)
{
	size_t costs[2];

	(void)state;
	for (int run = 0; run < 2; run++) {
		int64_t t = ms_of("2026-03-10T12:00:00Z");
		struct small s;
		size_t cost = 0;

		small_init(&s,
			"measures: [{name: wins, on: deal, at: deal.won_at, by: {rep: "
			"deal.owner_id}}]\n"
			"metrics: [{name: wins, value: wins, windows: [1h, 7d, month_to_date], "
			"group_by: [[], [rep]]}]\n",
			"UTC");
		small_advance(&s, t);
		for (uint32_t rep = 1; rep <= (run ? 10000u : 10u); rep++) {
			uint32_t dims[PLAN_GROUP_DIMS_MAX] = { rep };
			uint32_t cell =
				cell_get(s.groups, group_get(s.groups, TENANT, 1, dims), 0, 0, 0);

			ledger_add(s.ledger, cell, t - 5 * DAY + (int64_t)rep % 3600 * 1000, 1, 1);
		}
		for (int i = 1; i <= 3000; i++) {
			cost += small_advance(&s, t + i * 1000);
			ledger_add(s.ledger, s.cell, t + i * 1000 - 1, 1, 1);
		}
		costs[run] = cost;
		small_deinit(&s);
	}
	assert_int_equal(costs[0], costs[1]);
	assert_true(costs[0] > 0 && costs[0] < 3000 * 20);
}

/* Bytes that cannot be true are refused: buckets off the grid, under the floor, over each other, of unknown cells, in the future. */
static void test_restore_refuses(void **state)
{
	struct rng rng;
	struct buffer out;
	struct small s;
	int64_t t = ms_of("2026-03-10T12:00:00Z");

	(void)state;
	rng_init(&rng, 41);
	small_init(&s, flow, "UTC");
	small_advance(&s, t);
	for (int i = 0; i < 50; i++)
		ledger_add(s.ledger, s.cell, t - (int64_t)rng_below(&rng, (uint64_t)(3 * DAY)) - 1,
			1, 1);
	buffer_init(&out);
	ledger_save(s.ledger, true, &out);
	for (int i = 0; i < 20000; i++) {
		uint8_t *bytes = x_malloc(out.len);
		size_t length = rng_chance(&rng, 0.2) ? (size_t)rng_below(&rng, out.len) : out.len;
		struct reader in = reader_of(bytes, length);
		struct ledger *l = ledger_new(s.plan, s.groups, &s.calendar);
		size_t budget = 1000;

		memcpy(bytes, out.data, out.len);
		for (uint64_t k = rng_below(&rng, 4); k > 0; k--)
			bytes[rng_below(&rng, out.len)] = (uint8_t)rng_u64(&rng);
		if (!ledger_restore(l, &in)) {
			ledger_check(l);
			ledger_advance(l, ledger_clock(l) + DAY, &budget);
			ledger_check(l);
		} else {
			assert_true(length < out.len || memcmp(bytes, out.data, out.len) != 0);
		}
		ledger_free(l);
		free(bytes);
	}
	buffer_deinit(&out);
	small_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_edge_at_a_bound),
		cmocka_unit_test(test_first_of_the_month),
		cmocka_unit_test(test_falls_with_no_event),
		cmocka_unit_test(test_opening_balance),
		cmocka_unit_test(test_below_the_floor_a_flow_is_dropped),
		cmocka_unit_test(test_a_whole_day_begins_at_its_start),
		cmocka_unit_test(test_tiers_roll_up),
		cmocka_unit_test(test_cost_of_an_advance),
		cmocka_unit_test(test_restore_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
