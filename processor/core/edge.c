#include "core/edge.h"

#include <assert.h>

int64_t tier_res_ms(enum ledger_tier tier)
{
	static const int64_t res_ms[TIER_COUNT] = {
		[TIER_SECOND] = 1000,
		[TIER_MINUTE] = 60000,
		[TIER_QUARTER_HOUR] = 900000,
		[TIER_DAY] = 0,
	};

	return res_ms[tier];
}

static int64_t floor_to(int64_t t_ms, int64_t res_ms)
{
	int64_t rest = t_ms % res_ms;

	return t_ms - (rest < 0 ? rest + res_ms : rest);
}

struct time_bounds edge_day(const struct calendar *calendar, int64_t t_ms)
{
	struct time_bounds day = {
		.start_ms = calendar_period_start(calendar, CALENDAR_DAY, t_ms),
		.end_ms = calendar_period_end(calendar, CALENDAR_DAY, t_ms),
	};

	assert(day.start_ms <= t_ms && t_ms < day.end_ms);
	return day;
}

struct time_bounds edge_day_kept(
	struct edge_days *days, const struct calendar *calendar, int64_t t_ms)
{
	enum { COUNT = sizeof(days->kept) / sizeof(days->kept[0]) };

	for (uint32_t i = 0; i < COUNT; i++)
		if (days->kept[i].start_ms <= t_ms && t_ms < days->kept[i].end_ms)
			return days->kept[i];
	days->kept[days->next] = edge_day(calendar, t_ms);
	days->next = (days->next + 1) % COUNT;
	return days->kept[(days->next + COUNT - 1) % COUNT];
}

struct time_bounds edge_cell(struct time_bounds day, int64_t res_ms, int64_t t_ms)
{
	struct time_bounds cell;

	assert(day.start_ms <= t_ms && t_ms < day.end_ms);
	if (!res_ms)
		return day;
	cell.start_ms = floor_to(t_ms, res_ms);
	cell.end_ms = cell.start_ms + res_ms;
	if (cell.start_ms < day.start_ms)
		cell.start_ms = day.start_ms;
	if (cell.end_ms > day.end_ms)
		cell.end_ms = day.end_ms;
	return cell;
}

enum ledger_tier edge_tier(const struct plan_edge *edge)
{
	if (edge->kind != EDGE_ROLL && edge->kind != EDGE_LIKE)
		return TIER_DAY;
	assert(edge->res_ms > 0);
	for (int tier = TIER_QUARTER_HOUR; tier > TIER_SECOND; tier--) {
		int64_t res_ms = tier_res_ms((enum ledger_tier)tier);

		if (edge->res_ms % res_ms == 0 && edge->shift_ms % res_ms == 0)
			return (enum ledger_tier)tier;
	}
	return TIER_SECOND;
}

/* A rolling edge without a shift lies on the cut grid: «today until the last quarter» must not end before today began. */
static bool follows_days(const struct plan_edge *edge)
{
	return edge->kind == EDGE_LIKE || (edge->kind == EDGE_ROLL && edge->shift_ms == 0);
}

int64_t edge_due_ms(const struct plan_edge *edge, struct time_bounds day, int64_t clock_ms)
{
	switch (edge->kind) {
	case EDGE_NEG_INF:
	case EDGE_NOW:
		return INT64_MAX;
	case EDGE_PERIOD:
		return day.end_ms;
	case EDGE_ROLL:
	case EDGE_LIKE:
		break;
	}
	if (follows_days(edge))
		return edge_cell(day, edge->res_ms, clock_ms).end_ms;
	return floor_to(clock_ms, edge->res_ms) + edge->res_ms;
}

static int64_t like_position(
	const struct plan_edge *edge, const struct calendar *calendar, int64_t clock_ms)
{
	int64_t now_ms = edge_cell(edge_day(calendar, clock_ms), edge->res_ms, clock_ms).start_ms;
	int64_t like_ms = calendar_like_elapsed(calendar, edge->unit, edge->back, now_ms);

	/* Where the zone's offset changed by less than a quarter of an hour the matching instant is off the grid. */
	return edge_cell(edge_day(calendar, like_ms), tier_res_ms(edge_tier(edge)), like_ms)
		.start_ms;
}

static int64_t period_position(
	const struct plan_edge *edge, const struct calendar *calendar, int64_t clock_ms)
{
	enum { DAY_MS = 86400000 };
	int64_t start_ms = calendar_period_shift(calendar, edge->unit, clock_ms, -edge->back);

	if (edge->shift_ms == 0)
		return start_ms;
	return calendar_day_start(
		calendar, calendar_local_day(calendar, start_ms) - edge->shift_ms / DAY_MS);
}

int64_t plan_edge_position(
	const struct plan *plan, uint32_t index, const struct calendar *calendar, int64_t clock_ms)
{
	const struct plan_edge *edge = &plan->edges[index];

	assert(index < plan->edge_count);
	switch (edge->kind) {
	case EDGE_NEG_INF:
		return INT64_MIN;
	case EDGE_NOW:
		return clock_ms;
	case EDGE_PERIOD:
		return period_position(edge, calendar, clock_ms);
	case EDGE_LIKE:
		return like_position(edge, calendar, clock_ms);
	case EDGE_ROLL:
		break;
	}
	if (follows_days(edge) && edge->res_ms > 1000) /* every day begins at a whole second */
		return edge_cell(edge_day(calendar, clock_ms), edge->res_ms, clock_ms).start_ms;
	/* A shift that is no whole second is rounded to the ledger's finest grid. */
	return floor_to(floor_to(clock_ms, edge->res_ms) - edge->shift_ms, 1000);
}
