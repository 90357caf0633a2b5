/* edge: grids and positions in zones with odd offsets; due times; the model walks the clock in small steps over transitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/rng.h"
#include "core/edge.h"
#include "plans.h"

static const int64_t HOUR = 3600000, DAY = 86400000;

static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id}}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [1h, 24h, 7d, 30d, 90d, today, week_to_date, "
	"month_to_date, quarter_to_date, year_to_date, all]}\n"
	"  - {name: ripe, value: wins, basis: COHORT, mature: 36h, windows: [1h, 7d]}\n"
	"  - {name: odd, value: wins, basis: COHORT, mature: 1500ms, windows: [1h]}\n";

static const char *const zones[] = { "Asia/Jakarta", "Asia/Kathmandu", "Australia/Lord_Howe",
	"Europe/Berlin", "Pacific/Apia", "America/Sao_Paulo", "Africa/Monrovia", "America/St_Johns",
	"UTC" };
enum { ZONE_COUNT = sizeof(zones) / sizeof(zones[0]) };

static int64_t floor_to(int64_t t_ms, int64_t res_ms)
{
	int64_t down = t_ms / res_ms * res_ms;

	return down > t_ms ? down - res_ms : down;
}

/* A bound of a grid: a multiple, or the start of a local day. */
static bool is_on_grid(const struct calendar *c, int64_t res_ms, int64_t t_ms)
{
	return (res_ms && t_ms % res_ms == 0) ||
	       calendar_period_start(c, CALENDAR_DAY, t_ms) == t_ms;
}

static void check_cells(const struct calendar *c, int64_t t_ms)
{
	struct edge_days kept_days = { .next = 0 };
	struct time_bounds day = edge_day(c, t_ms), coarser = day;

	/* What is remembered is of one calendar; asked twice, the second time it is there already. */
	for (int i = 0; i < 2; i++) {
		struct time_bounds kept = edge_day_kept(&kept_days, c, t_ms + i);

		assert_true(kept.start_ms <= t_ms + i && t_ms + i < kept.end_ms);
		if (!i)
			assert_memory_equal(&kept, &day, sizeof(day));
	}
	assert_int_equal(day.start_ms, calendar_period_start(c, CALENDAR_DAY, t_ms));
	assert_int_equal(day.end_ms, calendar_period_end(c, CALENDAR_DAY, t_ms));
	for (int tier = TIER_DAY; tier >= TIER_SECOND; tier--) {
		int64_t res_ms = tier_res_ms((enum ledger_tier)tier);
		struct time_bounds cell = edge_cell(day, res_ms, t_ms);

		assert_true(cell.start_ms <= t_ms && t_ms < cell.end_ms);
		assert_true(
			is_on_grid(c, res_ms, cell.start_ms) && is_on_grid(c, res_ms, cell.end_ms));
		assert_true(!res_ms || cell.end_ms - cell.start_ms <= res_ms);
		assert_true(cell.start_ms >= coarser.start_ms && cell.end_ms <= coarser.end_ms);
		coarser = cell;
	}
}

static int64_t naive_position(const struct plan_edge *e, const struct calendar *c, int64_t clock_ms)
{
	int64_t floor_ms = e->res_ms ? floor_to(clock_ms, e->res_ms) : clock_ms, like_ms, day_ms;

	switch (e->kind) {
	case EDGE_NEG_INF:
		return INT64_MIN;
	case EDGE_NOW:
		return clock_ms;
	case EDGE_PERIOD:
		return calendar_period_shift(c, e->unit, clock_ms, -e->back);
	case EDGE_ROLL:
		if (e->shift_ms)
			return floor_to(floor_ms - e->shift_ms, 1000);
		break;
	case EDGE_LIKE:
		break;
	}
	day_ms = calendar_period_start(c, CALENDAR_DAY, clock_ms);
	if (floor_ms < day_ms)
		floor_ms = day_ms;
	if (e->kind == EDGE_ROLL)
		return floor_ms;
	like_ms = calendar_like_elapsed(c, e->unit, e->back, floor_ms);
	day_ms = calendar_period_start(c, CALENDAR_DAY, like_ms);
	return floor_to(like_ms, 900000) > day_ms ? floor_to(like_ms, 900000) : day_ms;
}

/* One edge at a clock: where the naive one stands, on its tier's grid, and there until it is due. */
static void check_edge(
	const struct plan *plan, uint32_t e, const struct calendar *c, int64_t clock_ms)
{
	const struct plan_edge *edge = &plan->edges[e];
	int64_t at_ms = plan_edge_position(plan, e, c, clock_ms),
		due_ms = edge_due_ms(edge, edge_day(c, clock_ms), clock_ms);

	assert_int_equal(at_ms, naive_position(edge, c, clock_ms));
	if (edge->kind == EDGE_NEG_INF || edge->kind == EDGE_NOW)
		return;
	/* A day may have 25 hours, and that of a change up to 49. */
	assert_true(at_ms <= clock_ms && due_ms > clock_ms &&
		    due_ms <= clock_ms + (c->weeks.count ? 50 : 26) * HOUR);
	assert_true(is_on_grid(c, tier_res_ms(edge_tier(edge)), at_ms));
	assert_int_equal(plan_edge_position(plan, e, c, due_ms - 1), at_ms);
	assert_true(plan_edge_position(plan, e, c, due_ms) >= at_ms);
}

static void check_walk(
	struct rng *rng, const struct plan *plan, const struct calendar *c, int64_t near_ms)
{
	int64_t clock_ms =
		ms_of("1968-01-01T00:00:00Z") + (int64_t)rng_below(rng, (uint64_t)(60 * 365 * DAY));
	int64_t before_ms[PLAN_EDGES_MAX];

	if (c->zone->count && rng_chance(rng, 0.7))
		clock_ms = c->zone->transitions[rng_below(rng, c->zone->count)].at_ms - 30 * HOUR;
	if (near_ms != INT64_MIN)
		clock_ms = near_ms - 30 * HOUR - (int64_t)rng_below(rng, (uint64_t)(40 * DAY));
	for (uint32_t e = 0; e < plan->edge_count; e++)
		before_ms[e] = INT64_MIN;
	for (int i = 0; i < 60; i++) {
		check_cells(c, clock_ms);
		for (uint32_t e = 0; e < plan->edge_count; e++) {
			int64_t at_ms = plan_edge_position(plan, e, c, clock_ms);

			check_edge(plan, e, c, clock_ms);
			assert_true(at_ms >= before_ms[e]);
			before_ms[e] = at_ms;
		}
		clock_ms += (int64_t)rng_below(
			rng, (uint64_t)(rng_chance(rng, 0.1) ? 40 * DAY : 2 * HOUR));
		if (rng_chance(rng, 0.3)) /* on a bound, and on the millisecond before it */
			clock_ms = edge_cell(edge_day(c, clock_ms), 900000, clock_ms).end_ms -
				   (int64_t)rng_below(rng, 2);
	}
}

static void test_edges_walk(void **state)
{
	struct plan *plan = plan_of(definitions);
	struct rng rng;

	(void)state;
	rng_init(&rng, 31);
	for (int i = 0; i < ZONE_COUNT; i++) {
		struct zone zone = zone_of(zones[i]);

		for (int k = 0; k < 12; k++) {
			struct calendar c = { .zone = &zone,
				.week_start = 1 + (int)rng_below(&rng, 7),
				.fiscal_start_month = 1 + (int)rng_below(&rng, 12) };

			check_walk(&rng, plan, &c, INT64_MIN);
		}
		zone_deinit(&zone);
	}
	plan_free(plan);
}

/* S12: over a change of the zone and of the week's start the grids, edges and due times are sound all the same. */
static void test_edges_walk_over_changes(void **state)
{
	struct plan *plan = plan_of(definitions);
	struct zone loaded[ZONE_COUNT];
	struct rng rng;

	(void)state;
	rng_init(&rng, 32);
	for (int i = 0; i < ZONE_COUNT; i++)
		loaded[i] = zone_of(zones[i]);
	for (int k = 0; k < 150; k++) {
		struct calendar before = { .zone = &loaded[rng_below(&rng, ZONE_COUNT)],
			.week_start = 1 + (int)rng_below(&rng, 6),
			.fiscal_start_month = 1 + (int)rng_below(&rng, 12) },
				c;
		struct calendar_change change = { .from_day = (int32_t)rng_below(&rng, 25000),
			.zone = &loaded[rng_below(&rng, ZONE_COUNT)],
			.week_start = 7,
			.fiscal_start_month = 1 + (int)rng_below(&rng, 12) };
		struct zone spliced;

		assert_int_equal(calendar_change(&before, &change, &spliced, &c), 0);
		check_walk(&rng, plan, &c, calendar_day_start(&c, change.from_day));
		zone_deinit(&spliced);
	}
	for (int i = 0; i < ZONE_COUNT; i++)
		zone_deinit(&loaded[i]);
	plan_free(plan);
}

/* S7 and the words of the language: where each window begins at one instant, written out. */
static void test_windows_written_out(void **state)
{
	static const struct {
		const char *window, *start, *previous, *previous_end;
	} want[] = {
		{ "1h", "2026-03-31T03:10:07Z", "2026-03-31T02:10:07Z", "2026-03-31T03:10:07Z" },
		{ "24h", "2026-03-30T04:10:00Z", "2026-03-29T04:10:00Z", "2026-03-30T04:10:00Z" },
		{ "7d", "2026-03-24T04:10:00Z", "2026-03-17T04:10:00Z", "2026-03-24T04:10:00Z" },
		{ "30d", "2026-03-01T04:00:00Z", "2026-01-30T04:00:00Z", "2026-03-01T04:00:00Z" },
		{ "90d", "2025-12-31T04:00:00Z", "2025-10-02T04:00:00Z", "2025-12-31T04:00:00Z" },
		{ "today", "2026-03-30T17:00:00Z", "2026-03-29T17:00:00Z", "2026-03-30T04:00:00Z" },
		{ "week_to_date", "2026-03-29T17:00:00Z", "2026-03-22T17:00:00Z",
			"2026-03-24T04:00:00Z" },
		{ "month_to_date", "2026-02-28T17:00:00Z", "2026-01-31T17:00:00Z",
			"2026-02-28T17:00:00Z" },
		{ "quarter_to_date", "2025-12-31T17:00:00Z", "2025-09-30T17:00:00Z",
			"2025-12-31T04:00:00Z" },
		{ "year_to_date", "2025-12-31T17:00:00Z", "2024-12-31T17:00:00Z",
			"2025-03-31T04:00:00Z" },
	};
	struct plan *plan = plan_of(definitions);
	struct zone zone = zone_of("Asia/Jakarta");
	struct calendar c = { .zone = &zone, .week_start = 1, .fiscal_start_month = 1 };
	int64_t clock_ms = ms_of("2026-03-31T04:10:07.5Z"); /* 11:10 in Jakarta */
	const struct plan_metric *m = &plan->metrics[0];

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct plan_metric_window *w = &m->windows[i];

		assert_string_equal(plan->windows[w->window].name, want[i].window);
		assert_int_equal(
			plan_edge_position(plan, w->main_a, &c, clock_ms), ms_of(want[i].start));
		assert_int_equal(plan_edge_position(plan, w->main_b, &c, clock_ms), clock_ms);
		assert_int_equal(
			plan_edge_position(plan, w->prev_a, &c, clock_ms), ms_of(want[i].previous));
		assert_int_equal(plan_edge_position(plan, w->prev_b, &c, clock_ms),
			ms_of(want[i].previous_end));
	}
	assert_int_equal(plan_edge_position(plan, m->windows[10].main_a, &c, clock_ms), INT64_MIN);
	zone_deinit(&zone);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges_walk),
		cmocka_unit_test(test_edges_walk_over_changes),
		cmocka_unit_test(test_windows_written_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
