/*
 * snapshot_keep: keys that must be there though no fact made them: the company of every tenant seen, every rep on the roster
 * (a silent rep shows zero), and all keys again within the refresh time. And what records say beside numbers: currencies, labels.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/snapshot_inside.h"

enum { STAGES_PER_LOOK = 4096 };

void snapshot_free_kept(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->tenants_seen; i++)
		free(s->tenants[i].seen);
	free(s->tenants);
	free(s->reps);
	free(s->stages);
	index_deinit(&s->stage_index);
}

/* ---- tenants -------------------------------------------------------------------------------------------- */

static void touch_tenant(const struct collecting *c, uint32_t tenant)
{
	for (uint32_t i = 0; i < group_count(c->view->groups); i++)
		if (group_at(c->view->groups, i)->tenant == tenant)
			snapshot_touch(c->view, i);
}

static void meet_tenants(struct collecting *c)
{
	const uint32_t none[PLAN_GROUP_DIMS_MAX] = { 0 };
	struct snapshots *s = c->s;

	for (; s->tenants_seen < store_tenant_count(c->view->store); s->tenants_seen++) {
		const char *currency = c->view->tenant_currency[s->tenants_seen];

		X_GROW(s->tenants, s->tenants_seen, s->tenant_cap);
		s->tenants[s->tenants_seen] = (struct snapshot_tenant){
			.currency =
				currency ? intern_find(c->view->strings, slice_of(currency)) : 0,
		};
		assert(!currency || s->tenants[s->tenants_seen].currency);
		group_get(c->view->groups, s->tenants_seen, 0, none);
	}
}

/* A stream that delivers for the first time turns NO_DATA into numbers, everywhere in its tenant. */
static void look_at_streams(struct collecting *c)
{
	for (uint32_t i = 0; i < c->s->tenants_seen; i++) {
		uint64_t streams = store_streams(c->view->store, i);

		if (streams == c->s->tenants[i].streams)
			continue;
		c->s->tenants[i].streams = streams;
		touch_tenant(c, i);
	}
}

/* ---- groups and their currencies ------------------------------------------------------------------------- */

static bool add_once(uint32_t **list, uint16_t *count, uint16_t *cap, uint32_t currency)
{
	for (uint16_t i = 0; i < *count; i++)
		if ((*list)[i] == currency)
			return false;
	if (*count == UINT16_MAX)
		return false;
	X_GROW(*list, *count, *cap);
	(*list)[(*count)++] = currency;
	return true;
}

static void meet_groups(struct collecting *c)
{
	struct snapshots *s = c->s;

	for (; s->groups_seen < group_count(c->view->groups); s->groups_seen++) {
		const struct group *g = group_at(c->view->groups, s->groups_seen);

		snapshot_group_of(s, s->groups_seen);
		if (s->groupings[g->grouping].has_ranks)
			snapshot_board_join(s, g, s->groups_seen);
		snapshot_touch(c->view, s->groups_seen);
	}
}

/* Money in a currency that its group has not had: a cell of its own. */
static void meet_cells(struct collecting *c)
{
	struct snapshots *s = c->s;

	for (; s->cells_seen < cell_count(c->view->groups); s->cells_seen++) {
		const struct cell *cell = cell_at(c->view->groups, s->cells_seen);
		struct snapshot_group *g = &s->groups[cell->group];
		struct snapshot_tenant *t =
			&s->tenants[group_at(c->view->groups, cell->group)->tenant];

		if (c->view->plan->measures[cell->measure].value_type != VALUE_MONEY)
			continue;
		if (!add_once(&g->currencies, &g->currency_count, &g->currency_cap, cell->currency))
			continue;
		snapshot_touch(c->view, cell->group);
		if (add_once(&t->seen, &t->seen_count, &t->seen_cap, cell->currency) &&
			!t->currency)
			touch_tenant(c, group_at(c->view->groups, cell->group)->tenant);
	}
}

/* ---- the roster ----------------------------------------------------------------------------------------- */

struct roster_slots {
	uint32_t name, from, to, memberships;
};

static struct roster_slots roster_slots(void)
{
	return (struct roster_slots){ attribute_slot(ENTITY_REP, "name"),
		attribute_slot(ENTITY_REP, "active_from"), attribute_slot(ENTITY_REP, "active_to"),
		attribute_slot(ENTITY_REP, "memberships") };
}

/* What is in a slot, 0 without a value. plan_link.c has all of these read. */
static int64_t slot_value(const struct snapshot_view *view, const struct entity *e, uint32_t slot)
{
	int64_t value = 0;

	store_slot(view->store, e, slot, &value);
	return value;
}

static bool is_on_roster(const struct snapshot_view *view, const struct entity *e,
	const struct roster_slots *slot, int64_t day)
{
	int64_t from, to;

	return entity_is_live(e) && e->has_image && store_slot(view->store, e, slot->from, &from) &&
	       from <= day && (!store_slot(view->store, e, slot->to, &to) || to >= day);
}

/* One row of the roster; `rename`: its records bear an old name. */
static void show_rep(struct collecting *c, const struct snapshot_rep *rep, uint16_t grouping,
	const uint32_t *dims, bool rename, bool turn)
{
	struct snapshots *s = c->s;
	const struct entity *e = store_entity(c->view->store, rep->entity);
	uint32_t group = rep->is_on ? group_get(c->view->groups, e->tenant, grouping, dims)
				    : group_find(c->view->groups, e->tenant, grouping, dims);

	if (group == GROUP_NONE)
		return;
	meet_groups(c);
	if (rep->is_on)
		s->groups[group].roster_turn = s->roster_turn;
	if (turn && s->groupings[grouping].has_ranks)
		snapshot_board(s, e->tenant, grouping)->dirty = UINT64_MAX;
	if (!rename)
		return;
	snapshot_forget_slots(s, c->view->groups, group, false);
	snapshot_forget_slots(s, c->view->groups, group, true);
	snapshot_touch(c->view, group);
	if (s->groupings[grouping].has_ranks)
		snapshot_board(s, e->tenant, grouping)->dirty = UINT64_MAX;
}

/* The teams that a rep is in today. */
static void show_in_teams(struct collecting *c, const struct snapshot_rep *rep, uint16_t grouping,
	const struct roster_slots *slot, int64_t day, bool rename, bool turn)
{
	enum { TEAM, FROM, TO };
	const struct entity *e = store_entity(c->view->store, rep->entity);
	const struct list_cells *list;
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };

	list = (const struct list_cells *)(uintptr_t)slot_value(c->view, e, slot->memberships);
	for (uint32_t row = 0; list && row < list->count; row++) {
		const int64_t *cells = list->cells + (size_t)row * list->columns;
		uint64_t present = list->present[row];

		if (!(present >> TEAM & 1) || (present >> FROM & 1 && cells[FROM] > day) ||
			(present >> TO & 1 && cells[TO] < day))
			continue;
		for (uint8_t i = 0; i < 2; i++)
			dims[i] = i == c->view->plan->groupings[grouping].roster_dim
					  ? e->id
					  : (uint32_t)cells[TEAM];
		show_rep(c, rep, grouping, dims, rename, turn);
	}
}

/* A rep's rows: by itself, and in its teams. A grouping with something else beside has no row that the roster could name. */
static void look_at_rep(
	struct collecting *c, struct snapshot_rep *rep, const struct roster_slots *slot)
{
	const struct plan *plan = c->view->plan;
	const struct entity *e = store_entity(c->view->store, rep->entity);
	int64_t day = calendar_local_day(
		&c->view->calendars[c->view->tenant_class[e->tenant]], c->clock_ms);
	uint32_t name = (uint32_t)slot_value(c->view, e, slot->name);
	bool is_on = is_on_roster(c->view, e, slot, day), rename = name != rep->name,
	     turn = is_on != rep->is_on;

	rep->is_on = is_on;
	rep->name = name;
	if (!is_on && !rename && !turn)
		return;
	for (uint32_t i = 0; i < plan->grouping_count; i++) {
		const struct plan_grouping *g = &plan->groupings[i];

		if (g->roster_dim < 0)
			continue;
		if (g->dim_count == 1)
			show_rep(c, rep, (uint16_t)i, &e->id, rename, turn);
		else if (g->dim_count == 2 &&
			 !strcmp(plan->dims[g->dims[1 - g->roster_dim]], "team"))
			show_in_teams(c, rep, (uint16_t)i, slot, day, rename, turn);
	}
}

static void look_at_roster(struct collecting *c)
{
	const struct roster_slots slots = roster_slots();
	struct snapshots *s = c->s;

	s->roster_turn++;
	for (uint32_t i = 0; i < s->rep_count; i++)
		look_at_rep(c, &s->reps[i], &slots);
}

struct slice snapshot_rep_label(const struct snapshot_view *view, uint32_t tenant, uint32_t id)
{
	uint32_t rep = store_find(view->store, tenant, ENTITY_REP, intern_text(view->strings, id)),
		 name;

	if (rep == ENTITY_NONE)
		return (struct slice){ 0 };
	name = (uint32_t)slot_value(view, store_entity(view->store, rep), roster_slots().name);
	return name ? intern_text(view->strings, name) : (struct slice){ 0 };
}

/* ---- stages --------------------------------------------------------------------------------------------- */

struct stage_key {
	uint32_t tenant, stage;
};

static uint64_t stage_hash(uint32_t tenant, uint32_t stage)
{
	return hash_u64((uint64_t)tenant << 32 | stage);
}

static bool is_stage(const void *ctx, const void *wanted, uint32_t value)
{
	const struct stage_name *n = &((const struct snapshots *)ctx)->stages[value];
	const struct stage_key *key = wanted;

	return n->tenant == key->tenant && n->stage == key->stage;
}

static void learn_stage(
	struct snapshots *s, uint32_t tenant, uint32_t stage, uint32_t name, int64_t entered_ms)
{
	const struct stage_key key = { tenant, stage };
	uint32_t place;

	if (!stage)
		return;
	if (!index_find(&s->stage_index, stage_hash(tenant, stage), is_stage, &key, s, &place)) {
		X_GROW(s->stages, s->stage_count, s->stage_cap);
		s->stages[s->stage_count] = (struct stage_name){ tenant, stage, name, entered_ms };
		index_insert(&s->stage_index, stage_hash(tenant, stage), s->stage_count++);
	} else if (s->stages[place].entered_ms <= entered_ms) {
		s->stages[place].name = name;
		s->stages[place].entered_ms = entered_ms;
	}
}

struct stage_slots {
	uint32_t pipeline, stage, name, entered_at;
};

static void learn_from(struct snapshots *s, const struct snapshot_view *view,
	const struct entity *e, const struct stage_slots *slot)
{
	int64_t name, entered_ms = INT64_MIN, pipeline;
	struct slice text;
	uint32_t stage;

	if (e->type != ENTITY_OPPORTUNITY || !store_slot(view->store, e, slot->name, &name))
		return;
	stage = (uint32_t)slot_value(view, e, slot->stage);
	if (!stage)
		return;
	store_slot(view->store, e, slot->entered_at, &entered_ms);
	learn_stage(s, e->tenant, stage, (uint32_t)name, entered_ms);
	if (!store_slot(view->store, e, slot->pipeline, &pipeline))
		return;
	buffer_reset(&s->key_text);
	text = intern_text(view->strings, (uint32_t)pipeline);
	buffer_put(&s->key_text, text.at, text.len);
	buffer_put_u8(&s->key_text, '/');
	text = intern_text(view->strings, stage);
	buffer_put(&s->key_text, text.at, text.len);
	learn_stage(s, e->tenant, intern_find(view->strings, buffer_slice(&s->key_text)),
		(uint32_t)name, entered_ms);
}

/* Some opportunities a look, round and round: names of stages change once in a while. */
static void look_at_stages(struct collecting *c)
{
	const struct stage_slots slots = { attribute_slot(ENTITY_OPPORTUNITY, "pipeline_id"),
		attribute_slot(ENTITY_OPPORTUNITY, "stage_id"),
		attribute_slot(ENTITY_OPPORTUNITY, "stage_name"),
		attribute_slot(ENTITY_OPPORTUNITY, "stage_entered_at") };
	uint32_t count = store_count(c->view->store),
		 looks = c->everything || count < STAGES_PER_LOOK ? count : STAGES_PER_LOOK;

	for (uint32_t i = 0; c->s->has_stages && i < looks; i++) {
		c->s->stage_next = c->s->stage_next + 1 < count ? c->s->stage_next + 1 : 0;
		learn_from(c->s, c->view, store_entity(c->view->store, c->s->stage_next), &slots);
	}
}

struct slice snapshot_stage_label(const struct snapshots *s, const struct snapshot_view *view,
	uint32_t tenant, uint32_t stage)
{
	const struct stage_key key = { tenant, stage };
	uint32_t place;

	if (!index_find(&s->stage_index, stage_hash(tenant, stage), is_stage, &key, s, &place))
		return (struct slice){ 0 };
	return intern_text(view->strings, s->stages[place].name);
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

/* So many of a list a turn that all have been looked at within the refresh time. */
static uint64_t share_of(
	const struct collecting *c, struct snapshot_refresh *refresh, uint32_t count)
{
	uint64_t span_ms = (uint64_t)c->s->settings.refresh_ms, share;

	if (refresh->until_ms == INT64_MIN)
		refresh->until_ms = c->now_ms;
	if (!count || c->s->settings.refresh_ms <= 0) {
		refresh->until_ms = c->now_ms;
		return 0;
	}
	share = (uint64_t)(c->now_ms - refresh->until_ms) * count / span_ms;
	/* The part of one that is left over counts for the next turn. */
	refresh->until_ms += (int64_t)(share * span_ms / count);
	return share < count ? share : count;
}

static uint32_t next_of(struct snapshot_refresh *refresh, uint32_t count)
{
	refresh->next = refresh->next + 1 < count ? refresh->next + 1 : 0;
	return refresh->next;
}

static void refresh(struct collecting *c)
{
	struct snapshots *s = c->s;

	for (uint64_t i = share_of(c, &s->refresh_groups, s->groups_seen); i; i--) {
		uint32_t group = next_of(&s->refresh_groups, s->groups_seen);

		snapshot_forget_slots(s, c->view->groups, group, false);
		snapshot_touch(c->view, group);
	}
	for (uint64_t i = share_of(c, &s->refresh_foreign, s->foreign_count); i; i--) {
		struct foreign *f = &s->foreign[next_of(&s->refresh_foreign, s->foreign_count)];

		snapshot_forget_key(c, &f->published, f->group, f->slot);
	}
}

/* Memory that was kept while somebody else may have had the shard: what it has never said itself may have been said. */
static void doubt_slots(struct collecting *c, uint32_t group)
{
	struct snapshots *s = c->s;
	uint32_t count = s->groupings[group_at(c->view->groups, group)->grouping].slot_count;
	struct published *slots = snapshot_slots(s, c->view->groups, group);

	for (uint32_t i = 0; i < count; i++)
		slots[i].content |= CONTENT_AGAIN;
}

static void touch_all(struct collecting *c)
{
	struct snapshots *s = c->s;
	bool is_in_doubt = snapshots_is_in_doubt(s);

	s->must_touch_all = false;
	s->unknown_below = s->groups_seen;
	for (uint32_t i = 0; i < s->groups_seen; i++) {
		if (is_in_doubt) {
			doubt_slots(c, i);
		} else {
			snapshot_forget_slots(s, c->view->groups, i, false);
			snapshot_forget_slots(s, c->view->groups, i, true);
		}
		snapshot_touch(c->view, i);
	}
	for (uint32_t i = 0; i < s->foreign_count; i++)
		if (is_in_doubt || s->foreign[i].published.content != CONTENT_NEVER)
			s->foreign[i].published.content |= CONTENT_AGAIN;
	for (uint32_t i = 0; i < s->board_count; i++)
		s->boards[i].dirty = UINT64_MAX;
}

void snapshot_look_after(struct collecting *c)
{
	struct snapshots *s = c->s;
	bool looks = c->everything || s->roster_ms == INT64_MIN ||
		     c->now_ms - s->roster_ms >= s->settings.rank_interval_ms;

	meet_tenants(c);
	look_at_streams(c);
	meet_groups(c);
	meet_cells(c);
	for (; s->entities_seen < store_count(c->view->store); s->entities_seen++) {
		if (store_entity(c->view->store, s->entities_seen)->type != ENTITY_REP)
			continue;
		X_GROW(s->reps, s->rep_count, s->rep_cap);
		s->reps[s->rep_count++] = (struct snapshot_rep){ .entity = s->entities_seen };
		looks = true;
	}
	if (looks) {
		s->roster_ms = c->now_ms;
		look_at_roster(c);
		look_at_stages(c);
	}
	if (s->doubted_below == UINT32_MAX && s->doubt != DOUBT_READING)
		s->doubted_below = s->groups_seen;
	if (s->must_touch_all)
		touch_all(c);
	snapshot_look_at_shares(c);
	refresh(c);
}
