/*
 * What an entity says beside its fields, out of its own registers (S2, S13): owner and team when it closed, stage visits,
 * versions. Each is a pure function of slots and registers, so it can be worked out again at any time.
 */
#include <assert.h>
#include <string.h>

#include "core/store_inside.h"

/* ---- when it closed ------------------------------------------------------------------------------------- */

/* What a time of closing is made from. */
struct close {
	uint32_t status;
	struct {
		bool present;
		int64_t ms;
	} won, lost, closed;
};

/* When the opportunity closed: won_at for a win, lost_at for a loss, else closed_at (KPIS.md). False while it is open. */
static bool close_time(const struct store *s, const struct close *c, int64_t *ret_at_ms)
{
	if (c->status == s->word.open)
		return false;
	if (c->won.present && c->status != s->word.lost)
		*ret_at_ms = c->won.ms;
	else if (c->lost.present && c->status != s->word.won)
		*ret_at_ms = c->lost.ms;
	else if (c->closed.present)
		*ret_at_ms = c->closed.ms;
	else
		return false;
	return true;
}

static bool close_time_of(const struct store *s, const struct entity *e, int64_t *ret_at_ms)
{
	const struct store_slots *slot = &s->slot;
	const struct close c = { slot_string(s, e, slot->opp_status),
		{ slot_present(e, slot->opp_won_at), slot_cell(s, e, slot->opp_won_at) },
		{ slot_present(e, slot->opp_lost_at), slot_cell(s, e, slot->opp_lost_at) },
		{ slot_present(e, slot->opp_closed_at), slot_cell(s, e, slot->opp_closed_at) } };

	return close_time(s, &c, ret_at_ms);
}

/* ---- the prepared image --------------------------------------------------------------------------------- */

static bool image_has(const struct store *s, uint8_t field)
{
	return s->image_present >> field & 1;
}

static uint32_t image_string(const struct store *s, uint8_t field)
{
	return (uint32_t)s->image_slots[field];
}

static bool close_time_of_image(const struct store *s, int64_t *ret_at_ms)
{
	const struct store_slots *slot = &s->slot;
	const struct close c = { image_string(s, slot->opp_status),
		{ image_has(s, slot->opp_won_at), s->image_slots[slot->opp_won_at] },
		{ image_has(s, slot->opp_lost_at), s->image_slots[slot->opp_lost_at] },
		{ image_has(s, slot->opp_closed_at), s->image_slots[slot->opp_closed_at] } };

	return close_time(s, &c, ret_at_ms);
}

/* ---- feeding the sets ----------------------------------------------------------------------------------- */

static bool feed_stage(struct store *s, struct registers *r, const struct order_key *key)
{
	struct register_stage stage = {
		.stage_id = image_string(s, s->slot.opp_stage_id), .least = *key, .greatest = *key
	};
	bool folded = false, changed;

	if (!stage.stage_id || !image_has(s, s->slot.opp_stage_entered_at))
		return false;
	stage.entered_at_ms = s->image_slots[s->slot.opp_stage_entered_at];
	stage.owner_id = image_string(s, s->slot.opp_owner_id);
	stage.team_id = image_string(s, s->slot.opp_team_id);
	stage.pipeline_id = image_string(s, s->slot.opp_pipeline_id);
	stage.has_order = image_has(s, s->slot.opp_stage_order);
	stage.stage_order = s->image_slots[s->slot.opp_stage_order];
	changed = registers_put_stage(r, &stage, s->strings, &folded);
	s->counters.stages_folded += folded;
	return changed;
}

static bool feed_version(struct store *s, struct registers *r, const struct order_key *key)
{
	struct register_version v = { .key = *key };
	bool folded = false, changed;

	if (image_string(s, s->slot.opp_status) != s->word.open)
		return false;
	v.has_amount = image_has(s, s->slot.opp_amount);
	v.has_probability = image_has(s, s->slot.opp_probability);
	v.amount = s->image_slots[s->slot.opp_amount];
	v.probability = s->image_slots[s->slot.opp_probability];
	v.currency = image_string(s, s->slot.opp_currency);
	v.owner_id = image_string(s, s->slot.opp_owner_id);
	v.team_id = image_string(s, s->slot.opp_team_id);
	v.stage_id = image_string(s, s->slot.opp_stage_id);
	v.pipeline_id = image_string(s, s->slot.opp_pipeline_id);
	changed = registers_put_version(r, &v, &folded);
	s->counters.versions_folded += folded;
	return changed;
}

static bool feed_closing(struct store *s, struct registers *r, const struct order_key *key,
	int64_t at_ms, uint8_t owner_field, uint8_t team_field)
{
	struct register_closing closing = { .at_ms = at_ms, .least = *key };

	closing.owner_id = image_string(s, owner_field);
	closing.team_id = image_string(s, team_field);
	return registers_put_closing(r, &closing);
}

/* What was said of a target, and from which day on. */
static bool feed_target(struct store *s, struct registers *r, const struct order_key *key)
{
	struct register_version v = { .key = *key };
	bool folded = false, changed;

	v.has_amount = image_has(s, s->slot.target_value);
	v.has_probability = image_has(s, s->slot.target_ramp_factor);
	v.has_from_day = image_has(s, s->slot.target_effective_from);
	v.amount = s->image_slots[s->slot.target_value];
	v.probability = s->image_slots[s->slot.target_ramp_factor];
	v.from_day = (int32_t)s->image_slots[s->slot.target_effective_from];
	changed = registers_put_version(r, &v, &folded);
	s->counters.versions_folded += folded;
	return changed;
}

bool store_feed_sets(struct store *s, uint32_t index, const struct order_key *key)
{
	struct registers *r = store_node(s, index)->entity.registers;
	bool changed = false;
	int64_t at_ms;

	if (s->image_type == ENTITY_OPPORTUNITY) {
		changed |= feed_stage(s, r, key);
		changed |= feed_version(s, r, key);
		if (close_time_of_image(s, &at_ms))
			changed |= feed_closing(
				s, r, key, at_ms, s->slot.opp_owner_id, s->slot.opp_team_id);
	} else if (s->image_type == ENTITY_DEAL && image_has(s, s->slot.deal_won_at)) {
		changed |= feed_closing(s, r, key, s->image_slots[s->slot.deal_won_at],
			s->slot.deal_owner_id, s->slot.deal_team_id);
	} else if (s->image_type == ENTITY_TARGET) {
		changed |= feed_target(s, r, key);
	}
	return changed;
}

/* ---- visits --------------------------------------------------------------------------------------------- */

static void cell_set(
	struct list_cells *list, uint32_t row, uint32_t column, bool present, int64_t value)
{
	if (!present)
		return;
	list->present[row] |= UINT64_C(1) << column;
	list->cells[(size_t)row * list->columns + column] = value;
}

static void cell_set_string(struct list_cells *list, uint32_t row, uint32_t column, uint32_t id)
{
	cell_set(list, row, column, id != 0, id);
}

static bool is_same_stage(const struct register_stage *a, const struct register_stage *b)
{
	return a->stage_id == b->stage_id && a->pipeline_id == b->pipeline_id;
}

/* How one visit ended in the next. Orders that are unknown or equal are no step back. */
static uint32_t exit_to(
	const struct store *s, const struct register_stage *from, const struct register_stage *to)
{
	if (from->pipeline_id != to->pipeline_id)
		return s->word.moved_pipeline;
	if (from->has_order && to->has_order && to->stage_order < from->stage_order)
		return s->word.back;
	return s->word.advanced;
}

static void visit_end(const struct store *s, const struct entity *e, struct list_cells *list,
	uint32_t row, int64_t entered_at_ms)
{
	uint32_t status = slot_string(s, e, s->slot.opp_status);
	bool closed = status == s->word.won || status == s->word.lost;
	int64_t left_at_ms = slot_cell(s, e, s->slot.opp_close_at);

	if (closed && slot_present(e, s->slot.opp_close_at))
		cell_set(list, row, VISIT_LEFT_AT, true,
			left_at_ms > entered_at_ms ? left_at_ms : entered_at_ms);
	cell_set_string(list, row, VISIT_EXIT, closed ? status : s->word.open);
}

/*
 * «Closed Won» and «Lost» are how an opportunity ended, not where it was: a stage that it was never OPEN in, entered when it
 * closed or later. Otherwise whoever lost would have advanced to «Lost».
 */
static bool is_end(const struct registers_sets *r, const struct register_stage *stage)
{
	if (!r->closing_count || r->closings[0].at_ms > stage->entered_at_ms)
		return false;
	for (uint16_t i = 0; i < r->version_count; i++)
		if (r->versions[i].stage_id == stage->stage_id &&
			r->versions[i].pipeline_id == stage->pipeline_id)
			return false;
	return true;
}

/*
 * The entries that are visits, in `ret`. The register is sorted by the greatest key, so the last one is the newest image's.
 * An entry that the same stage follows directly was corrected by it.
 */
static uint16_t visited_of(
	const struct registers_sets *r, const struct register_stage *ret[REGISTERS_STAGES_MAX])
{
	uint16_t count = 0;

	for (uint16_t i = 0; i < r->stage_count && i < REGISTERS_STAGES_MAX; i++) {
		if (is_end(r, &r->stages[i]))
			continue;
		if (count && is_same_stage(ret[count - 1], &r->stages[i]))
			count--;
		ret[count++] = &r->stages[i];
	}
	return count;
}

/* A visit that was entered after the next one (a mis-click undone) lasts 0 ms. */
static struct list_cells *visits_of(struct store *s, const struct entity *e)
{
	const struct register_stage *visited[REGISTERS_STAGES_MAX], *next;
	uint16_t count = visited_of(e->registers->sets, visited);
	struct list_cells *list;

	if (!count)
		return NULL;
	list = store_list_draft(s, count, VISIT_COLUMNS);
	for (uint16_t row = 0; row < count; row++) {
		const struct register_stage *stage = visited[row];

		cell_set_string(list, row, VISIT_STAGE_ID, stage->stage_id);
		cell_set_string(list, row, VISIT_PIPELINE_ID, stage->pipeline_id);
		cell_set_string(list, row, VISIT_OWNER_ID, stage->owner_id);
		cell_set_string(list, row, VISIT_TEAM_ID, stage->team_id);
		cell_set(list, row, VISIT_ENTERED_AT, true, stage->entered_at_ms);
		if (row + 1 == count) {
			visit_end(s, e, list, row, stage->entered_at_ms);
			continue;
		}
		next = visited[row + 1];
		cell_set(list, row, VISIT_LEFT_AT, true,
			next->entered_at_ms > stage->entered_at_ms ? next->entered_at_ms
								   : stage->entered_at_ms);
		cell_set_string(list, row, VISIT_EXIT, exit_to(s, stage, next));
	}
	return list;
}

/* ---- versions ------------------------------------------------------------------------------------------- */

/*
 * Sorted by key, each from the greatest occurred_at so far: an image that is newer by its version, but said to have
 * happened earlier, replaces at once. Of those from one instant the last stays, so the last row is the newest OPEN image.
 */
static struct list_cells *versions_of(struct store *s, const struct registers *r)
{
	struct list_cells *list;
	int64_t from_ms = INT64_MIN;
	uint32_t rows = 0;

	for (uint16_t i = 0; i < r->sets->version_count; i++) {
		rows += !i || r->sets->versions[i].key.occurred_at_ms > from_ms;
		if (!i || r->sets->versions[i].key.occurred_at_ms > from_ms)
			from_ms = r->sets->versions[i].key.occurred_at_ms;
	}
	if (!rows)
		return NULL;
	list = store_list_draft(s, rows, VERSION_COLUMNS);
	rows = 0;
	for (uint16_t i = 0; i < r->sets->version_count; i++) {
		const struct register_version *v = &r->sets->versions[i];
		uint32_t row;

		rows += !i || v->key.occurred_at_ms > from_ms;
		if (!i || v->key.occurred_at_ms > from_ms)
			from_ms = v->key.occurred_at_ms;
		row = rows - 1;
		memset(&list->cells[(size_t)row * VERSION_COLUMNS], 0,
			VERSION_COLUMNS * sizeof(int64_t));
		list->present[row] = 0;
		cell_set(list, row, VERSION_FROM_AT, true, from_ms);
		cell_set(list, row, VERSION_AMOUNT, v->has_amount, v->amount);
		cell_set(list, row, VERSION_PROBABILITY, v->has_probability, v->probability);
		cell_set_string(list, row, VERSION_OWNER_ID, v->owner_id);
		cell_set_string(list, row, VERSION_TEAM_ID, v->team_id);
		cell_set_string(list, row, VERSION_STAGE_ID, v->stage_id);
		cell_set_string(list, row, VERSION_PIPELINE_ID, v->pipeline_id);
		cell_set_string(list, row, VERSION_CURRENCY, v->currency);
	}
	return list;
}

/* ---- all of a type -------------------------------------------------------------------------------------- */

static void set_string(struct store *s, uint32_t index, uint32_t slot, uint32_t id)
{
	store_set(s, index, slot, id != 0, id);
}

/* Lists cost something to make: those that no definition looks at are not made. */
static bool is_read(const struct store *s, const struct entity *e, uint32_t slot)
{
	return s->plan->slots_read[e->type][slot >> 6] >> (slot & 63) & 1;
}

static void attributes_of_opportunity(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct register_closing *closing = NULL;
	int64_t at_ms = 0;
	bool closed = close_time_of(s, e, &at_ms);
	uint32_t owner = 0;

	if (closed) {
		closing = registers_closing_at(e->registers, at_ms);
		owner = closing && closing->owner_id ? closing->owner_id
						     : slot_string(s, e, s->slot.opp_owner_id);
	}
	store_set(s, index, s->slot.opp_close_at, closed, at_ms);
	set_string(s, index, s->slot.opp_close_owner_id, owner);
	set_string(s, index, s->slot.opp_close_team_id, closing ? closing->team_id : 0);
	if (is_read(s, e, s->slot.opp_visits))
		store_set_list_draft(s, index, s->slot.opp_visits, visits_of(s, e));
	if (is_read(s, e, s->slot.opp_versions))
		store_set_list_draft(s, index, s->slot.opp_versions, versions_of(s, e->registers));
}

static void attributes_of_deal(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct register_closing *closing = NULL;
	uint32_t owner = slot_string(s, e, s->slot.deal_owner_at_win_id),
		 team = slot_string(s, e, s->slot.deal_team_at_win_id);

	if (slot_present(e, s->slot.deal_won_at))
		closing = registers_closing_at(e->registers, slot_cell(s, e, s->slot.deal_won_at));
	if (!owner && closing)
		owner = closing->owner_id;
	if (!owner)
		owner = slot_string(s, e, s->slot.deal_owner_id);
	if (!team && closing)
		team = closing->team_id;
	set_string(s, index, s->slot.deal_win_owner_id, owner);
	set_string(s, index, s->slot.deal_win_team_id, team);
	if (is_read(s, e, s->slot.deal_credit))
		store_set_list_draft(s, index, s->slot.deal_credit, store_credit(s, e));
}

void store_own_attributes(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;

	if (e->type == ENTITY_OPPORTUNITY)
		attributes_of_opportunity(s, index);
	else if (e->type == ENTITY_DEAL)
		attributes_of_deal(s, index);
	else if (e->type == ENTITY_SPEND && is_read(s, e, s->slot.spend_days))
		store_set_list_draft(s, index, s->slot.spend_days, store_spend_days(s, e));
	else if (e->type == ENTITY_TARGET && is_read(s, e, s->slot.target_slices))
		store_set_list_draft(s, index, s->slot.target_slices, store_target_slices(s, e));
}
