/*
 * group: the model is flat lists that are searched from the front. Groups, cells, totals, distinct counts, quantiles, currencies
 * and the queue of dirty groups are compared after random work; limits, save and restore whole and in parts, bytes that cannot be.
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
#include "core/group.h"
#include "core/histogram.h"
#include "plans.h"

static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id, team: deal.team_id, "
	"source: deal.source_channel}}\n"
	"  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
	"  - {name: customers, extends: wins, agg: distinct, value: deal.customer_id}\n"
	"  - {name: spread, extends: wins, agg: percentile, value: deal.amount}\n"
	"  - {name: calls, on: call, at: call.initiated_at, by: {rep: call.rep_id}}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [1h, today, all], group_by: [[], [rep], [rep, "
	"team, source]]}\n"
	"  - {name: revenue, value: revenue, windows: [7d], group_by: [[], [team, rep]]}\n"
	"  - {name: customers, value: customers, windows: [today, all], compare: none, group_by: "
	"[[], [rep]]}\n"
	"  - {name: spread, value: p90(spread), windows: [7d, today], group_by: [[rep]]}\n"
	"  - {name: calls, value: wins / calls, windows: [1h], group_by: [[rep]]}\n"
	"  - {name: pace, value: wins / full(wins), windows: [today, month_to_date], group_by: "
	"[[], [rep]]}\n";

enum { GROUPS_MAX = 300, CELLS_MAX = 1500 };

struct model_cell {
	uint32_t group, currency;
	uint16_t measure;
	uint64_t sub;
	struct total totals[16];
};

struct model {
	struct rng rng;
	struct plan *plan;
	struct group_table *table;
	struct {
		uint32_t tenant, dims[3];
		uint16_t grouping;
		uint64_t dirty, touched;
		bool queued[GROUP_URGENCY_COUNT];
	} groups[GROUPS_MAX];
	uint32_t group_count;
	struct model_cell cells[CELLS_MAX];
	uint32_t cell_count;
	struct {
		uint32_t items[GROUPS_MAX], count;
	} queues[GROUP_URGENCY_COUNT];
	enum group_urgency urgency;
};

static void model_init(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	rng_init(&m->rng, seed);
	m->plan = plan_of(definitions);
	m->table = group_table_new(m->plan, (struct group_limits){ GROUPS_MAX, CELLS_MAX });
}

static void model_deinit(struct model *m)
{
	group_table_free(m->table);
	plan_free(m->plan);
}

/* ---- groups and cells ------------------------------------------------------------------------------------- */

static uint32_t random_group(struct model *m)
{
	uint16_t grouping = (uint16_t)rng_below(&m->rng, m->plan->grouping_count);
	uint32_t tenant = (uint32_t)rng_below(&m->rng, 2), dims[3] = { 0 }, i, got;

	for (uint8_t k = 0; k < m->plan->groupings[grouping].dim_count; k++)
		dims[k] = 1 + (uint32_t)rng_below(&m->rng, 4);
	for (i = 0; i < m->group_count; i++)
		if (m->groups[i].tenant == tenant && m->groups[i].grouping == grouping &&
			!memcmp(m->groups[i].dims, dims, sizeof(dims)))
			break;
	assert_int_equal(
		group_find(m->table, tenant, grouping, dims), i < m->group_count ? i : GROUP_NONE);
	got = group_get(m->table, tenant, grouping, dims);
	if (i == GROUPS_MAX) {
		assert_int_equal(got, GROUP_NONE);
		return 0;
	}
	assert_int_equal(got, i);
	if (i == m->group_count) {
		m->group_count++;
		m->groups[i].tenant = tenant;
		m->groups[i].grouping = grouping;
		memcpy(m->groups[i].dims, dims, sizeof(dims));
	}
	return i;
}

static uint64_t random_sub(struct model *m, uint16_t measure)
{
	switch (m->plan->measures[measure].agg) {
	case AGG_DISTINCT:
		return 1 + rng_below(&m->rng, 12);
	case AGG_PERCENTILE:
		return (uint32_t)histogram_bin((int64_t)rng_below(&m->rng, 30) * 7000 - 40000);
	default:
		return 0;
	}
}

/* CELL_NONE when the limit is hit. */
static uint32_t random_cell(struct model *m)
{
	uint32_t group = random_group(m), currency = 0, i, got;
	const struct plan_grouping *g = &m->plan->groupings[m->groups[group].grouping];
	uint16_t measure = g->measures[rng_below(&m->rng, g->measure_count)];
	uint64_t sub = random_sub(m, measure);

	if (m->plan->measures[measure].agg == AGG_SUM ||
		m->plan->measures[measure].agg == AGG_PERCENTILE)
		currency = 20 + (uint32_t)rng_below(&m->rng, 3);
	for (i = 0; i < m->cell_count; i++)
		if (m->cells[i].group == group && m->cells[i].measure == measure &&
			m->cells[i].currency == currency && m->cells[i].sub == sub)
			break;
	got = cell_get(m->table, group, measure, currency, sub);
	if (i == CELLS_MAX) {
		assert_int_equal(got, CELL_NONE);
		return CELL_NONE;
	}
	assert_int_equal(got, i);
	if (i == m->cell_count)
		m->cells[m->cell_count++] = (struct model_cell){
			.group = group, .currency = currency, .measure = measure, .sub = sub
		};
	return i;
}

/* ---- totals and dirt -------------------------------------------------------------------------------------- */

static bool reads(const struct plan_metric *metric, const struct plan_metric_window *w,
	uint16_t measure, uint16_t place)
{
	for (uint16_t i = 0; i < metric->input_count; i++)
		if (w->measures[i] == measure &&
			(w->main[i] == place || (w->cur && w->cur[i] == place) ||
				(w->prev && w->prev[i] == place)))
			return true;
	return false;
}

static uint64_t naive_windows(
	const struct model *m, uint16_t grouping, uint16_t measure, uint16_t place)
{
	uint64_t windows = 0;

	for (uint32_t i = 0; i < m->plan->metric_count; i++) {
		const struct plan_metric *metric = &m->plan->metrics[i];

		if (!memchr(metric->groupings, grouping, metric->grouping_count))
			continue;
		for (uint16_t k = 0; k < metric->window_count; k++)
			if (reads(metric, &metric->windows[k], measure, place))
				windows |= (uint64_t)1 << metric->windows[k].window;
	}
	return windows;
}

/* An urgent change puts its group among the urgent ones, even if it waits among the patient; not the other way round. */
static void become_dirty(struct model *m, uint32_t group, uint64_t windows, uint64_t touched)
{
	bool *queued = m->groups[group].queued;

	if (!windows)
		return;
	m->groups[group].dirty |= windows;
	m->groups[group].touched |= touched;
	if (queued[GROUP_URGENT] || (m->urgency == GROUP_PATIENT && queued[GROUP_PATIENT]))
		return;
	queued[m->urgency] = true;
	m->queues[m->urgency].items[m->queues[m->urgency].count++] = group;
}

static void add_random(struct model *m)
{
	uint32_t cell = random_cell(m);
	struct model_cell *c = &m->cells[cell];
	uint16_t place;
	int64_t count, sum;

	if (cell == CELL_NONE)
		return;
	place = (uint16_t)rng_below(&m->rng, m->plan->measures[c->measure].span_count);
	count = (int64_t)rng_below(&m->rng, 4) - 1;
	sum = m->plan->measures[c->measure].agg == AGG_SUM ? (int64_t)rng_below(&m->rng, 2000) - 500
							   : count;
	cell_add(m->table, cell, place, sum, count);
	c->totals[place].sum += sum;
	c->totals[place].count += count;
	become_dirty(m, c->group, naive_windows(m, m->groups[c->group].grouping, c->measure, place),
		(uint64_t)1 << c->measure % 64);
	m->urgency = (enum group_urgency)rng_below(&m->rng, GROUP_URGENCY_COUNT);
	group_set_urgency(m->table, m->urgency);
}

/* The next of a queue that is still dirty, or NONE. */
static uint32_t naive_pop(struct model *m, enum group_urgency urgency)
{
	while (m->queues[urgency].count) {
		uint32_t group = m->queues[urgency].items[0];

		memmove(m->queues[urgency].items, m->queues[urgency].items + 1,
			--m->queues[urgency].count * sizeof(uint32_t));
		m->groups[group].queued[urgency] = false;
		if (m->groups[group].dirty)
			return group;
	}
	return GROUP_NONE;
}

static void pop_some(struct model *m)
{
	for (uint64_t k = rng_below(&m->rng, 8); k > 0; k--) {
		enum group_urgency urgency =
			(enum group_urgency)rng_below(&m->rng, GROUP_URGENCY_COUNT);
		uint32_t group = group_dirty_pop(m->table, urgency);

		assert_int_equal(group, naive_pop(m, urgency));
		if (group == GROUP_NONE)
			continue;
		assert_true(group_at(m->table, group)->dirty == m->groups[group].dirty);
		assert_true(group_at(m->table, group)->touched == m->groups[group].touched);
		group_at(m->table, group)->dirty = m->groups[group].dirty = 0;
		group_at(m->table, group)->touched = m->groups[group].touched = 0;
		if (rng_below(&m->rng, 4))
			continue;
		group_dirty_keep(m->table, group, 2, 4, m->urgency);
		become_dirty(m, group, 2, 4);
	}
}

static int compare_values(const void *a_, const void *b_)
{
	int64_t a = *(const int64_t *)a_, b = *(const int64_t *)b_;

	return (a > b) - (a < b);
}

/* All values written out and sorted. */
static void check_quantile(
	const struct model *m, uint32_t group, uint16_t measure, uint32_t currency, int16_t place)
{
	static int64_t values[20000];
	size_t count = 0;
	int64_t got = 0;

	for (uint32_t i = 0; i < m->cell_count; i++)
		if (m->cells[i].group == group && m->cells[i].measure == measure &&
			m->cells[i].currency == currency)
			for (int64_t k = 0; k < m->cells[i].totals[place].count; k++)
				values[count++] =
					histogram_value((int32_t)(uint32_t)m->cells[i].sub);
	assert_int_equal(
		group_quantile(m->table, group, measure, currency, place, 9000, &got), count > 0);
	if (!count)
		return;
	qsort(values, count, sizeof(values[0]), compare_values);
	assert_int_equal(got, values[(count * 9000 + 9999) / 10000 - 1]);
}

static void check_measure(const struct model *m, uint32_t group, uint16_t measure, uint16_t place)
{
	bool distinct = m->plan->measures[measure].agg == AGG_DISTINCT;

	for (uint32_t currency = 0; currency < 24; currency++) {
		struct total want = { 0 }, total;

		for (uint32_t i = 0; i < m->cell_count; i++) {
			const struct model_cell *c = &m->cells[i];

			if (c->group != group || c->measure != measure || c->currency != currency)
				continue;
			want.sum += distinct ? c->totals[place].count > 0 : c->totals[place].sum;
			want.count += c->totals[place].count;
		}
		total = group_total(m->table, group, measure, currency, (int16_t)place);
		assert_true(total.sum == want.sum && total.count == want.count);
		if (m->plan->measures[measure].agg == AGG_PERCENTILE)
			check_quantile(m, group, measure, currency, (int16_t)place);
		if (currency == 0)
			currency = 19;
	}
}

static void check_all(const struct model *m)
{
	group_check(m->table);
	assert_int_equal(group_count(m->table), m->group_count);
	assert_int_equal(cell_count(m->table), m->cell_count);
	for (int i = 0; i < GROUP_URGENCY_COUNT; i++)
		assert_int_equal(
			group_dirty_count(m->table, (enum group_urgency)i), m->queues[i].count);
	for (uint32_t g = 0; g < m->group_count; g++) {
		const struct plan_grouping *grouping = &m->plan->groupings[m->groups[g].grouping];

		for (uint16_t k = 0; k < grouping->measure_count; k++)
			for (uint16_t place = 0;
				place < m->plan->measures[grouping->measures[k]].span_count;
				place++)
				check_measure(m, g, grouping->measures[k], place);
		for (uint16_t measure = 0; measure < m->plan->measure_count; measure++)
			if (grouping->measure_place[measure] == UINT16_MAX)
				assert_int_equal(group_total(m->table, g, measure, 0, 0).count, 0);
	}
}

static void test_model(void **state)
{
	struct model *m = x_malloc(sizeof(*m));

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		print_message("seed %u\n", (unsigned)seed);
		model_init(m, seed);
		for (int i = 0; i < 6000; i++) {
			add_random(m);
			if (rng_chance(&m->rng, 0.1))
				pop_some(m);
			if (i % 1500 == 20)
				check_all(m);
		}
		check_all(m);
		assert_true(group_refused(m->table) > 0 || m->cell_count < CELLS_MAX);
		assert_true(group_bytes(m->table) > m->cell_count * sizeof(struct cell));
		model_deinit(m);
	}
	free(m);
}

/* ---- limits ----------------------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
	struct plan *plan = plan_of(definitions);
	struct group_table *t = group_table_new(plan, (struct group_limits){ 2, 3 });
	uint32_t dims[3] = { 0 };

	(void)state;
	assert_int_equal(group_get(t, 0, 0, dims), 0);
	assert_int_equal(group_get(t, 1, 0, dims), 1);
	assert_int_equal(group_get(t, 2, 0, dims), GROUP_NONE);
	assert_int_equal(group_get(t, 0, 0, dims), 0); /* what is there is found */
	assert_int_equal(cell_get(t, GROUP_NONE, 0, 0, 0), CELL_NONE);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(cell_get(t, i % 2, 1, 10 + i, 0), i);
	assert_int_equal(cell_get(t, 0, 0, 0, 0), CELL_NONE);
	assert_int_equal(cell_get(t, 0, 1, 10, 0), 0);
	assert_int_equal(group_refused(t), 2);
	assert_int_equal(group_total(t, 0, 1, 10, -1).count, 0); /* no such place */
	group_check(t);
	group_table_free(t);
	plan_free(plan);
}

/* ---- save and restore ------------------------------------------------------------------------------------- */

static void check_same(const struct model *m, const struct group_table *restored)
{
	assert_int_equal(group_count(restored), m->group_count);
	assert_int_equal(cell_count(restored), m->cell_count);
	for (uint32_t i = 0; i < m->group_count; i++) {
		assert_int_equal(group_at(restored, i)->tenant, m->groups[i].tenant);
		assert_int_equal(group_at(restored, i)->grouping, m->groups[i].grouping);
		assert_memory_equal(
			group_at(restored, i)->dims, m->groups[i].dims, sizeof(m->groups[i].dims));
	}
	for (uint32_t i = 0; i < m->cell_count; i++) {
		const struct cell *c = cell_at(restored, i);

		assert_int_equal(c->group, m->cells[i].group);
		assert_int_equal(c->measure, m->cells[i].measure);
		assert_int_equal(c->currency, m->cells[i].currency);
		assert_true(c->sub == m->cells[i].sub);
		assert_int_equal(c->totals[0].count, 0);
	}
	group_check(restored);
}

static void test_save_in_parts(void **state)
{
	struct model *m = x_malloc(sizeof(*m));

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct group_table *restored;
		struct buffer _cleanup_buffer_ out;
		uint32_t groups = 0, cells = 0;

		buffer_init(&out);
		model_init(m, 100 + seed);
		/* Limits do not stop a restore: a smaller limit must not lose what was there. */
		restored = group_table_new(m->plan, (struct group_limits){ 1, 1 });
		for (int part = 0; part < 12; part++) {
			struct reader in;

			for (uint64_t k = rng_below(&m->rng, 60); k > 0; k--)
				add_random(m);
			buffer_reset(&out);
			group_save(m->table, groups, cells, &out);
			in = reader_of(out.data, out.len);
			assert_int_equal(group_restore(restored, &in), 0);
			assert_int_equal(reader_left(&in), 0);
			check_same(m, restored);
			if (rng_chance(&m->rng,
				    0.7)) { /* else: the next part overlaps this one, and agrees */
				groups = m->group_count;
				cells = m->cell_count;
			}
		}
		group_table_free(restored);
		model_deinit(m);
	}
	free(m);
}

static void test_totals_clear(void **state)
{
	struct model *m = x_malloc(sizeof(*m));

	(void)state;
	model_init(m, 7);
	for (int i = 0; i < 500; i++)
		add_random(m);
	group_totals_clear(m->table);
	for (uint32_t i = 0; i < m->cell_count; i++)
		memset(m->cells[i].totals, 0, sizeof(m->cells[i].totals));
	check_all(m);
	for (int i = 0; i < 500; i++)
		add_random(m);
	check_all(m);
	model_deinit(m);
	free(m);
}

static void test_restore_refuses(void **state)
{
	struct model *m = x_malloc(sizeof(*m));
	struct buffer _cleanup_buffer_ out;
	int refused = 0;

	(void)state;
	buffer_init(&out);
	model_init(m, 8);
	for (int i = 0; i < 60; i++)
		add_random(m);
	group_save(m->table, 0, 0, &out);
	for (int i = 0; i < 5000; i++) {
		struct group_table *t = group_table_new(m->plan, (struct group_limits){ 10, 10 });
		size_t length =
			rng_chance(&m->rng, 0.2) ? (size_t)rng_below(&m->rng, out.len) : out.len;
		uint8_t *bytes = x_malloc(out.len);
		struct reader in = reader_of(bytes, length);
		int64_t value;

		memcpy(bytes, out.data, out.len);
		for (uint64_t k = 1 + rng_below(&m->rng, 3); k > 0; k--)
			bytes[rng_below(&m->rng, out.len)] = (uint8_t)rng_u64(&m->rng);
		if (group_restore(t, &in)) {
			refused++;
		} else {
			group_check(t);
			for (uint32_t c = 0; c < cell_count(t); c++)
				cell_add(t, c, 0, 1, 1);
			for (uint32_t g = 0; g < group_count(t); g++)
				group_quantile(t, g, 3, 0, 0, 5000, &value);
			group_check(t);
		}
		group_table_free(t);
		free(bytes);
	}
	assert_true(refused > 2000);
	model_deinit(m);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_save_in_parts),
		cmocka_unit_test(test_totals_clear),
		cmocka_unit_test(test_restore_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
