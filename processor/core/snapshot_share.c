/*
 * snapshot_share: `min_share`. «Won so far, of the month's target» says nothing on the second of the month; until the least share of
 * the period has passed the value is kept back. That passes with time alone: so each look compares with the one before, and where it
 * has turned, by the share or by the period's end, all groups with such a window are looked at.
 *
 * Nothing of it is saved: after a restore all keys are looked at anyway, and the first look only takes note.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

static void find_in_grouping(struct snapshots *s, uint32_t grouping)
{
	const struct plan *plan = s->plan;
	uint64_t *windows = s->share_windows + (size_t)grouping * plan->share_count;

	for (uint32_t i = 0; i < s->groupings[grouping].slot_count; i++) {
		const struct snapshot_slot *slot = &s->groupings[grouping].slots[i];
		const uint16_t *shares = plan->metrics[slot->metric].windows[slot->place].shares;

		for (uint32_t row = 0; shares && row <= plan->param_tenant_count; row++)
			windows[shares[row]] |= slot->window;
	}
}

void snapshot_find_shares(struct snapshots *s)
{
	s->share_windows = x_calloc((size_t)s->plan->grouping_count * s->plan->share_count + 1,
		sizeof(*s->share_windows));
	for (uint32_t i = 0; i < s->plan->grouping_count; i++)
		find_in_grouping(s, i);
}

void snapshot_free_shares(struct snapshots *s)
{
	free(s->shares);
	free(s->share_windows);
}

/* Rounded up: at the first instant at which (T - start) / (end - start) is no less than the share. */
static struct period_share share_at(
	const struct plan_share *share, const struct calendar *calendar, int64_t clock_ms)
{
	int64_t start_ms = calendar_period_start(calendar, share->unit, clock_ms);
	struct period_share p = {
		.end_ms = calendar_period_end(calendar, share->unit, clock_ms),
	};

	p.from_ms = start_ms +
		    (share->least * (p.end_ms - start_ms) + DECIMAL_SCALE - 1) / DECIMAL_SCALE;
	p.is_early = clock_ms < p.from_ms;
	return p;
}

static void touch_windows(const struct collecting *c, uint32_t class, uint32_t share)
{
	for (uint32_t i = 0; i < group_count(c->view->groups); i++) {
		const struct group *g = group_at(c->view->groups, i);

		if (c->view->tenant_class[g->tenant] == class)
			group_dirty_push(c->view->groups, i,
				c->s->share_windows[(size_t)g->grouping * c->s->plan->share_count +
						    share],
				GROUP_PATIENT);
	}
}

static bool has_turned(const struct period_share *p, int64_t clock_ms)
{
	return clock_ms >= p->end_ms || p->is_early != (clock_ms < p->from_ms);
}

void snapshot_look_at_shares(struct collecting *c)
{
	const struct plan *plan = c->s->plan;
	bool is_first = !c->s->shares;

	if (!plan->share_count)
		return;
	if (is_first)
		c->s->shares = x_calloc(
			(size_t)c->view->class_count * plan->share_count, sizeof(*c->s->shares));
	for (uint32_t i = 0; i < c->view->class_count * plan->share_count; i++) {
		uint32_t class = i / plan->share_count, share = i % plan->share_count;
		struct period_share *p = &c->s->shares[i];
		bool was_early = p->is_early;

		if (!is_first && !has_turned(p, c->clock_ms))
			continue;
		*p = share_at(&plan->shares[share], &c->view->calendars[class], c->clock_ms);
		if (!is_first && p->is_early != was_early)
			touch_windows(c, class, share);
	}
}

bool snapshot_has_crossed(
	const struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	uint32_t count = s->shares ? view->class_count * s->plan->share_count : 0;

	for (uint32_t i = 0; i < count; i++)
		if (has_turned(&s->shares[i], clock_ms))
			return true;
	return false;
}

bool snapshot_is_early(
	const struct collecting *c, const struct plan_metric_window *w, uint32_t group)
{
	const struct plan *plan = c->s->plan;
	uint32_t tenant = group_at(c->view->groups, group)->tenant;

	if (!w->shares)
		return false;
	assert(c->s->shares);
	return c->s
		->shares[c->view->tenant_class[tenant] * plan->share_count +
			 w->shares[store_param_row(c->view->store, tenant)]]
		.is_early;
}
