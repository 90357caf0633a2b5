/* plan_window: the windows' names, and the edges and spans that they stand on. */
#include <stdio.h>
#include <string.h>

#include "core/plan_inside.h"

uint16_t plan_edge_get(struct compiler *c, struct plan_edge edge)
{
	struct plan *plan = c->plan;

	for (uint32_t i = 0; i < plan->edge_count; i++) {
		const struct plan_edge *e = &plan->edges[i];

		if (e->kind == edge.kind && e->unit == edge.unit && e->back == edge.back &&
			e->shift_ms == edge.shift_ms && e->res_ms == edge.res_ms)
			return (uint16_t)i;
	}
	if (plan->edge_count == PLAN_EDGES_MAX)
		return UINT16_MAX;
	plan->edges[plan->edge_count] = edge;
	return (uint16_t)plan->edge_count++;
}

uint16_t plan_span_get(struct compiler *c, uint16_t a, uint16_t b)
{
	struct plan *plan = c->plan;

	for (uint32_t i = 0; i < plan->span_count; i++)
		if (plan->spans[i].a == a && plan->spans[i].b == b)
			return (uint16_t)i;
	if (plan->span_count == PLAN_SPANS_MAX || a == UINT16_MAX || b == UINT16_MAX)
		return UINT16_MAX;
	plan->spans[plan->span_count] = (struct plan_span){ a, b };
	return (uint16_t)plan->span_count++;
}

static const struct {
	const char *name, *closed;
	enum calendar_unit unit;
} to_date[] = {
	{ "today", "day", CALENDAR_DAY },
	{ "week_to_date", "week", CALENDAR_WEEK },
	{ "month_to_date", "month", CALENDAR_MONTH },
	{ "quarter_to_date", "quarter", CALENDAR_QUARTER },
	{ "year_to_date", "year", CALENDAR_YEAR },
};
enum { TO_DATE_COUNT = sizeof(to_date) / sizeof(to_date[0]) };

int64_t plan_rolling_res(int64_t length_ms)
{
	int64_t step_ms = length_ms / 720;

	if (step_ms >= 900000)
		return 900000;
	if (step_ms >= 60000)
		return 60000;
	return 1000;
}

static bool window_describe(struct slice name, int64_t mature_ms, struct plan_window *ret)
{
	*ret = (struct plan_window){ .kind = WINDOW_ROLLING };
	for (int i = 0; i < TO_DATE_COUNT; i++)
		if (slice_is(name, to_date[i].name)) {
			*ret = (struct plan_window){ .kind = WINDOW_TO_DATE,
				.unit = to_date[i].unit,
				.closed_name = to_date[i].closed };
			return true;
		}
	if (slice_is(name, "now") || slice_is(name, "all")) {
		ret->kind = slice_is(name, "now") ? WINDOW_NOW : WINDOW_ALL;
		return true;
	}
	if (!plan_duration(name, &ret->length_ms) || ret->length_ms < PLAN_ROLLING_MIN_MS ||
		ret->length_ms > PLAN_ROLLING_MAX_MS)
		return false;
	ret->shift_ms = mature_ms;
	ret->res_ms = plan_rolling_res(ret->length_ms);
	return true;
}

int plan_window_get(
	struct compiler *c, struct slice name, int64_t mature_ms, const struct definition_text *at)
{
	static const char *const names[] = { "today", "week_to_date", "month_to_date",
		"quarter_to_date", "year_to_date", "all", "now", "1h", "24h", "7d", "30d", "90d",
		"365d" };
	struct plan *plan = c->plan;
	struct plan_window window;

	if (!window_describe(name, mature_ms, &window)) {
		const char *near = plan_nearest(name, names, sizeof(names) / sizeof(names[0]));

		plan_fail(c, at,
			"a window is a length from 1m to 1100d (7d, 24h) or today, week_to_date, "
			"month_to_date, "
			"quarter_to_date, year_to_date, all, now%s%s%s",
			near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
		return -1;
	}
	for (uint32_t i = 0; i < plan->window_count; i++)
		if (slice_is(name, plan->windows[i].name) &&
			plan->windows[i].shift_ms == window.shift_ms)
			return (int)i;
	if (plan->window_count == PLAN_WINDOWS_MAX) {
		plan_fail(c, at, "more than %d different windows", PLAN_WINDOWS_MAX);
		return -1;
	}
	window.name = plan_strdup(c, name);
	plan->windows[plan->window_count] = window;
	return (int)plan->window_count++;
}

int16_t plan_measure_span(struct compiler *c, uint16_t measure, uint16_t span)
{
	struct plan_measure *m = &c->plan->measures[measure];

	if (span == UINT16_MAX)
		return -1;
	if (!m->spans)
		m->spans = arena_alloc(&c->plan->arena, PLAN_SPANS_MAX * sizeof(*m->spans));
	for (uint16_t i = 0; i < m->span_count; i++)
		if (m->spans[i] == span)
			return (int16_t)i;
	if (c->plan->edges[c->plan->spans[span].a].kind == EDGE_NEG_INF)
		m->keeps_history = true;
	m->spans[m->span_count] = span;
	return (int16_t)m->span_count++;
}
