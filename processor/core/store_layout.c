/*
 * Which slots of a type are kept: what definitions read, and what the store itself makes that from. Everything else of an image is
 * bytes (store_cold.c). An entity's block has room for exactly what its type keeps.
 */
#include <assert.h>
#include <string.h>

#include "core/model.h"
#include "core/store_inside.h"

static void keep(struct store *s, enum entity_type type, uint32_t slot)
{
	s->layout[type].kept[slot >> 6] |= UINT64_C(1) << (slot & 63);
}

static bool is_kept(const struct store *s, enum entity_type type, uint32_t slot)
{
	return s->layout[type].kept[slot >> 6] >> (slot & 63) & 1;
}

static void keep_all(struct store *s, enum entity_type type, const uint8_t *slots, size_t count)
{
	for (size_t i = 0; i < count; i++)
		keep(s, type, slots[i]);
}

#define KEEP(s, type, ...)                                  \
	keep_all(s, type, (const uint8_t[]){ __VA_ARGS__ }, \
		sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void keep_what_is_read(struct store *s)
{
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		uint32_t slot = attribute_slot_count((enum entity_type)type);

		memcpy(s->layout[type].kept, s->plan->slots_read[type],
			sizeof(s->layout[type].kept));
		for (; slot < s->plan->slot_count[type]; slot++) /* derived ones */
			keep(s, (enum entity_type)type, slot);
	}
	for (int r = 0; r < RELATION_STORED_COUNT; r++) {
		const struct relation_info *info = &relation_table[r];

		if (!store_uses(s, (enum relation)r))
			continue;
		keep(s, info->child, (uint32_t)info->slot);
		if (info->id_field)
			keep(s, info->child, attribute_slot(info->child, info->id_field));
	}
	if (store_uses(s, RELATION_OPPORTUNITY_PRIMARY_LEAD))
		keep(s, ENTITY_LEAD, s->slot.lead_created_at);
}

/* As store_attributes.c and store_credit.c make one out of others. */
static void keep_what_it_is_made_from(struct store *s)
{
	const struct store_slots *slot = &s->slot;

	if (is_kept(s, ENTITY_OPPORTUNITY, slot->opp_visits))
		KEEP(s, ENTITY_OPPORTUNITY, slot->opp_close_at, slot->opp_status);
	if (is_kept(s, ENTITY_OPPORTUNITY, slot->opp_close_owner_id))
		KEEP(s, ENTITY_OPPORTUNITY, slot->opp_close_at, slot->opp_owner_id);
	if (is_kept(s, ENTITY_OPPORTUNITY, slot->opp_close_team_id))
		KEEP(s, ENTITY_OPPORTUNITY, slot->opp_close_at);
	if (is_kept(s, ENTITY_OPPORTUNITY, slot->opp_close_at))
		KEEP(s, ENTITY_OPPORTUNITY, slot->opp_status, slot->opp_won_at, slot->opp_lost_at,
			slot->opp_closed_at);
	if (is_kept(s, ENTITY_DEAL, slot->deal_credit))
		KEEP(s, ENTITY_DEAL, slot->deal_amount, slot->deal_refund_amount, slot->deal_splits,
			slot->deal_win_owner_id, slot->deal_win_team_id);
	if (is_kept(s, ENTITY_DEAL, slot->deal_win_owner_id))
		KEEP(s, ENTITY_DEAL, slot->deal_won_at, slot->deal_owner_at_win_id,
			slot->deal_owner_id);
	if (is_kept(s, ENTITY_DEAL, slot->deal_win_team_id))
		KEEP(s, ENTITY_DEAL, slot->deal_won_at, slot->deal_team_at_win_id);
	if (is_kept(s, ENTITY_SPEND, slot->spend_days))
		KEEP(s, ENTITY_SPEND, slot->spend_amount, slot->spend_period_start,
			slot->spend_period_end);
	if (is_kept(s, ENTITY_TARGET, slot->target_slices))
		KEEP(s, ENTITY_TARGET, slot->target_currency, slot->target_period_start,
			slot->target_period_end, slot->target_pacing_curve);
	/* What facts are converted with, whatever is defined. */
	KEEP(s, ENTITY_FX_RATE, slot->fx_base, slot->fx_quote, slot->fx_rate, slot->fx_valid_from);
	/* Not to be had from an image that was erased. */
	KEEP(s, ENTITY_DEAL, slot->deal_customer_id);
}

static void prepare(struct store *s, enum entity_type type, const uint8_t *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		s->layout[type].prepared |= UINT64_C(1) << fields[i];
}

/* What registers are fed with (store_feed_sets). */
static void prepare_what_is_fed(struct store *s)
{
	const struct store_slots *slot = &s->slot;
	const uint8_t opportunity[] = { slot->opp_stage_id, slot->opp_stage_entered_at,
		slot->opp_owner_id, slot->opp_team_id, slot->opp_pipeline_id, slot->opp_stage_order,
		slot->opp_status, slot->opp_amount, slot->opp_probability, slot->opp_currency,
		slot->opp_won_at, slot->opp_lost_at, slot->opp_closed_at };
	const uint8_t target[] = { slot->target_value, slot->target_effective_from,
		slot->target_ramp_factor };
	const uint8_t deal[] = { slot->deal_won_at, slot->deal_owner_id, slot->deal_team_id };

	prepare(s, ENTITY_OPPORTUNITY, opportunity, sizeof(opportunity));
	prepare(s, ENTITY_DEAL, deal, sizeof(deal));
	prepare(s, ENTITY_TARGET, target, sizeof(target));
}

static void give_places(struct store *s, enum entity_type type)
{
	struct store_layout *layout = &s->layout[type];
	uint32_t fields = (uint32_t)model_table[type].field_count;
	size_t at = sizeof(struct registers);

	memset(layout->place, STORE_NO_PLACE, sizeof(layout->place));
	for (uint32_t slot = 0; slot < s->plan->slot_count[type]; slot++) {
		if (!is_kept(s, type, slot))
			continue;
		layout->slot[layout->count] = (uint8_t)slot;
		layout->place[slot] = layout->count++;
		if (slot < fields)
			layout->field_count = layout->count;
	}
	layout->prepared |= layout->kept[0] & ((UINT64_C(1) << fields) - 1);
	layout->sets_at = (uint16_t)at;
	if (store_has_sets(type))
		at += sizeof(struct registers_sets);
	layout->slots_at = (uint16_t)at;
	at += layout->count * sizeof(int64_t);
	layout->links_at = (uint16_t)at;
	at += s->link_count[type] * sizeof(struct store_link);
	layout->heads_at = (uint16_t)at;
	layout->bytes = (uint16_t)(at + s->head_count[type] * sizeof(uint32_t));
}

void store_layout_init(struct store *s)
{
	_Static_assert(MODEL_FIELDS_MAX < 64, "fields fit one word of a bitmap");
	keep_what_is_read(s);
	keep_what_it_is_made_from(s);
	prepare_what_is_fed(s);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		give_places(s, (enum entity_type)type);
}
