/*
 * snapshot_keep: keys that must be there though no fact made them: the company of every tenant seen, every rep on the roster
 * (a silent rep shows zero), and all keys again within the refresh time.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "core/snapshot_inside.h"

static uint64_t all_windows(const struct plan *plan)
{
	return plan->window_count ? UINT64_MAX >> (64 - plan->window_count) : 0;
}

static void touch_tenant(const struct collecting *c, uint32_t tenant)
{
	for (uint32_t i = 0; i < group_count(c->view->groups); i++)
		if (group_at(c->view->groups, i)->tenant == tenant)
			group_dirty_push(c->view->groups, i, all_windows(c->view->plan));
}

/* A stream that delivers for the first time turns NO_DATA into numbers, everywhere in its tenant. */
static void look_at_tenants(struct collecting *c)
{
	const uint32_t none[PLAN_GROUP_DIMS_MAX] = { 0 };
	struct snapshots *s = c->s;

	while (s->tenants_seen < store_tenant_count(c->view->store)) {
		uint32_t tenant = s->tenants_seen;

		if (tenant == s->tenant_cap) {
			s->tenant_cap = s->tenant_cap ? s->tenant_cap * 2 : 16;
			s->streams = x_realloc_array(s->streams, s->tenant_cap, sizeof(*s->streams));
			s->currencies = x_realloc_array(s->currencies, s->tenant_cap, sizeof(*s->currencies));
		}
		s->streams[tenant] = 0;
		s->currencies[tenant] = 0;
		s->tenants_seen++;
		group_get(c->view->groups, tenant, 0, none);
	}
	for (uint32_t i = 0; i < s->tenants_seen; i++) {
		uint64_t streams = store_streams(c->view->store, i);
		const char *currency = c->view->tenant_currency[i];
		uint32_t id = currency ? intern_find(c->view->strings, slice_of(currency)) : 0;

		if (streams == s->streams[i] && id == s->currencies[i])
			continue;
		s->streams[i] = streams;
		s->currencies[i] = id;
		touch_tenant(c, i);
	}
}

/* ---- the roster ----------------------------------------------------------------------------------------- */

static bool slot_is_set(const struct entity *e, uint32_t slot)
{
	return e->present[slot >> 6] >> (slot & 63) & 1;
}

static bool is_on_roster(const struct snapshot_view *view, const struct entity *e, int64_t clock_ms)
{
	int64_t day = calendar_local_day(&view->calendars[view->tenant_class[e->tenant]], clock_ms);
	uint32_t from = attribute_slot(ENTITY_REP, "active_from"), to = attribute_slot(ENTITY_REP, "active_to");

	return entity_is_live(e) && e->has_image && slot_is_set(e, from) && e->slots[from] <= day &&
	       (!slot_is_set(e, to) || e->slots[to] >= day);
}

static void show_rep(struct collecting *c, const struct entity *e)
{
	const struct plan *plan = c->view->plan;

	for (uint32_t i = 0; i < plan->grouping_count; i++) {
		uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };

		/* A grouping by rep and something else has no row that the roster alone could name. */
		if (plan->groupings[i].roster_dim < 0 || plan->groupings[i].dim_count != 1)
			continue;
		dims[0] = e->id;
		group_get(c->view->groups, e->tenant, (uint16_t)i, dims);
	}
}

static void look_at_roster(struct collecting *c)
{
	struct snapshots *s = c->s;

	for (; s->entities_seen < store_count(c->view->store); s->entities_seen++) {
		if (store_entity(c->view->store, s->entities_seen)->type != ENTITY_REP)
			continue;
		X_GROW(s->reps, s->rep_count, s->rep_cap);
		s->reps[s->rep_count++] = s->entities_seen;
		s->roster_ms = INT64_MIN;
	}
	if (!c->everything && s->roster_ms != INT64_MIN && c->now_ms - s->roster_ms < s->settings.rank_interval_ms)
		return;
	s->roster_ms = c->now_ms;
	for (uint32_t i = 0; i < s->rep_count; i++) {
		const struct entity *e = store_entity(c->view->store, s->reps[i]);

		if (is_on_roster(c->view, e, c->clock_ms))
			show_rep(c, e);
	}
}

/* ---- refresh -------------------------------------------------------------------------------------------- */

/* So many groups a turn that all have been looked at within the refresh time; what is old enough is sent again. */
static void refresh(struct collecting *c)
{
	struct snapshots *s = c->s;
	uint32_t count = group_count(c->view->groups);
	int64_t passed_ms = c->now_ms - s->refresh_ms;
	uint64_t share;

	if (s->refresh_ms == INT64_MIN) {
		s->refresh_ms = c->now_ms;
		return;
	}
	if (!count || s->settings.refresh_ms <= 0)
		return;
	share = (uint64_t)passed_ms * count / (uint64_t)s->settings.refresh_ms;
	if (!share)
		return;
	s->refresh_ms = c->now_ms;
	for (uint64_t i = 0; i < share && i < count; i++) {
		s->refresh_next = s->refresh_next + 1 < count ? s->refresh_next + 1 : 0;
		group_dirty_push(c->view->groups, s->refresh_next, all_windows(c->view->plan));
	}
}

void snapshot_look_after(struct collecting *c)
{
	look_at_tenants(c);
	look_at_roster(c);
	for (; c->s->groups_seen < group_count(c->view->groups); c->s->groups_seen++)
		group_dirty_push(c->view->groups, c->s->groups_seen, all_windows(c->view->plan));
	refresh(c);
}
