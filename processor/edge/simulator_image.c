/*
 * A change becomes an event. Which place each field has in the model is looked up once, by name; after that nothing is
 * compared and nothing but the arena is allocated.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "edge/simulator_inside.h"

#define LEAD_FIELDS(X)                                                                          \
	X(LEAD, status)                                                                         \
	X(LEAD, qualification)                                                                  \
	X(LEAD, disqualify_reason)                                                              \
	X(LEAD, disqualified_at) X(LEAD, source_channel) X(LEAD, campaign_id) X(LEAD, owner_id) \
		X(LEAD, team_id) X(LEAD, created_at) X(LEAD, assigned_at)                       \
			X(LEAD, first_contact_at) X(LEAD, qualified_at) X(LEAD, converted_at)   \
				X(LEAD, opportunity_id) X(LEAD, account_id) X(LEAD, contact_id) \
					X(LEAD, score)
#define OPPORTUNITY_FIELDS_USED(X)                                                            \
	X(OPP, lead_id)                                                                       \
	X(OPP, account_id)                                                                    \
	X(OPP, contact_id)                                                                    \
	X(OPP, pipeline_id) X(OPP, stage_id) X(OPP, stage_name) X(OPP, stage_order)           \
		X(OPP, stage_entered_at) X(OPP, prev_stage_id) X(OPP, status) X(OPP, amount)  \
			X(OPP, currency) X(OPP, probability) X(OPP, owner_id) X(OPP, team_id) \
				X(OPP, created_at) X(OPP, expected_close) X(OPP, closed_at)   \
					X(OPP, won_at) X(OPP, lost_at) X(OPP, lost_reason)    \
						X(OPP, deal_type) X(OPP, product_family)      \
							X(OPP, source_channel) X(OPP, campaign_id)
#define DEAL_FIELDS_USED(X)                                                                        \
	X(DEAL, opportunity_id)                                                                    \
	X(DEAL, lead_id)                                                                           \
	X(DEAL, account_id)                                                                        \
	X(DEAL, contact_id) X(DEAL, status) X(DEAL, deal_type) X(DEAL, amount) X(                  \
		DEAL, list_amount) X(DEAL, currency) X(DEAL, margin_amount) X(DEAL, won_at)        \
		X(DEAL, lost_at) X(DEAL, cancelled_at) X(DEAL, refunded_at) X(DEAL, refund_amount) \
			X(DEAL, first_paid_at) X(DEAL, created_at) X(DEAL, owner_id)               \
				X(DEAL, owner_at_win_id) X(DEAL, team_id) X(DEAL, team_at_win_id)  \
					X(DEAL, source_channel) X(DEAL, splits) X(DEAL, items)
#define CALL_FIELDS(X)                                                                             \
	X(CALL, direction)                                                                         \
	X(CALL, state)                                                                             \
	X(CALL, disposition)                                                                       \
	X(CALL, channel) X(CALL, rep_id) X(CALL, team_id) X(CALL, queue_id) X(CALL, lead_id)       \
		X(CALL, opportunity_id) X(CALL, account_id) X(CALL, initiated_at)                  \
			X(CALL, queued_at) X(CALL, answered_at) X(CALL, ended_at) X(CALL, ring_ms) \
				X(CALL, queue_ms) X(CALL, talk_ms) X(CALL, hold_ms)                \
					X(CALL, wrap_ms) X(CALL, transferred) X(CALL, resolved)    \
						X(CALL, follow_up_due_at) X(CALL, customer_key)
#define REP_FIELDS(X) \
	X(REP, name)  \
	X(REP, role) X(REP, quota_carrying) X(REP, region) X(REP, active_from) X(REP, memberships)
#define ACCOUNT_FIELDS(X)          \
	X(ACCOUNT, status)         \
	X(ACCOUNT, customer_since) \
	X(ACCOUNT, owner_id) X(ACCOUNT, source_channel) X(ACCOUNT, segment) X(ACCOUNT, region)
#define ALL_FIELDS(X)              \
	LEAD_FIELDS(X)             \
	OPPORTUNITY_FIELDS_USED(X) \
	DEAL_FIELDS_USED(X) CALL_FIELDS(X) REP_FIELDS(X) ACCOUNT_FIELDS(X)

enum sim_field {
#define AS_ENUM(type, name) F_##type##_##name,
	ALL_FIELDS(AS_ENUM)
#undef AS_ENUM
		SIM_FIELD_COUNT,
};

static const struct {
	enum {
		LEAD = ENTITY_LEAD,
		OPP = ENTITY_OPPORTUNITY,
		DEAL = ENTITY_DEAL,
		CALL = ENTITY_CALL,
		REP = ENTITY_REP,
		ACCOUNT = ENTITY_ACCOUNT
	} type;
	const char *name;
} field_names[SIM_FIELD_COUNT] = {
#define AS_NAME(type, name) { type, #name },
	ALL_FIELDS(AS_NAME)
#undef AS_NAME
};

struct sim_fields {
	uint8_t at[SIM_FIELD_COUNT];
};

struct sim_fields *sim_fields_new(void)
{
	struct sim_fields *fields = x_calloc(1, sizeof(*fields));

	for (int i = 0; i < SIM_FIELD_COUNT; i++) {
		int at = model_field_find(
			(enum entity_type)field_names[i].type, slice_of(field_names[i].name));
		assert(at >= 0);
		fields->at[i] = (uint8_t)at;
	}
	return fields;
}

/* ---- amounts ------------------------------------------------------------------------------------------------------------- */

enum { FREIGHT_RUPIAH = 250000 };

static int64_t item_list_amount(const struct sim_funnel *f, unsigned item)
{
	return sim_products[f->items[item].product].price * f->items[item].quantity;
}

int64_t sim_item_amount(const struct sim_funnel *f, unsigned item)
{
	return item_list_amount(f, item) * (100 - f->discount_pct) / 100;
}

static int64_t sum_of(
	const struct sim_funnel *f, int64_t (*amount)(const struct sim_funnel *, unsigned))
{
	int64_t sum = f->has_freight ? FREIGHT_RUPIAH : 0;

	for (unsigned i = 0; i < f->item_count; i++)
		sum += amount(f, i);
	return sum;
}

int64_t sim_list_amount(const struct sim_funnel *f)
{
	return sum_of(f, item_list_amount);
}

int64_t sim_amount(const struct sim_funnel *f)
{
	return sum_of(f, sim_item_amount);
}

static int64_t margin_of(const struct sim_funnel *f)
{
	int64_t margin = 0;

	for (unsigned i = 0; i < f->item_count; i++)
		margin +=
			item_list_amount(f, i) *
			((int64_t)sim_products[f->items[i].product].margin_pct - f->discount_pct) /
			100;
	return margin;
}

/* ---- writing fields ------------------------------------------------------------------------------------------------------- */

struct writer {
	const struct simulator *sim;
	const struct sim_tenant *tenant;
	struct event *event;
	struct arena *arena;
};

static struct event_value *field(struct writer *w, enum sim_field which)
{
	struct event_value *value = &w->event->fields[w->sim->fields->at[which]];

	value->is_null = false;
	return value;
}

static void put_text(struct writer *w, enum sim_field which, const char *text)
{
	if (text != NULL)
		field(w, which)->text = slice_of(text);
}

static void put_int(struct writer *w, enum sim_field which, int64_t value)
{
	field(w, which)->i = value;
}

/* Drawn of its number, not of the dice: without dollars all is as it was. */
static bool is_in_dollars(const struct writer *w, const struct sim_funnel *f)
{
	double share = w->sim->settings.foreign;

	return share > 0 && (double)(hash_u64(f->lead * UINT64_C(2654435761)) % 10000) < share * 10000;
}

static int64_t money_of(const struct writer *w, const struct sim_funnel *f, int64_t rupiah)
{
	return rupiah * DECIMAL_SCALE / (is_in_dollars(w, f) ? SIM_USD_RUPIAH : 1);
}

static void put_money(
	struct writer *w, enum sim_field which, const struct sim_funnel *f, int64_t rupiah)
{
	put_int(w, which, money_of(w, f, rupiah));
}

static void put_currency(struct writer *w, enum sim_field which, const struct sim_funnel *f)
{
	put_text(w, which, is_in_dollars(w, f) ? "USD" : "IDR");
}

static void put_time(struct writer *w, enum sim_field which, int64_t ms)
{
	if (ms != 0)
		put_int(w, which, ms);
}

static void put_symbol(struct writer *w, enum sim_field which, unsigned symbol)
{
	const struct model_field *model =
		&model_table[w->event->type].fields[w->sim->fields->at[which]];

	put_text(w, which, model->symbols[symbol]);
}

/* «L-10000042». */
static struct slice id_text(struct arena *arena, char letter, uint64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	digits[--at] = '-';
	digits[--at] = letter;
	return (struct slice){ arena_strndup(arena, digits + at, sizeof(digits) - at),
		sizeof(digits) - at };
}

static void put_id(struct writer *w, enum sim_field which, char letter, uint64_t number)
{
	if (number != 0)
		field(w, which)->text = id_text(w->arena, letter, number);
}

static void put_rep(struct writer *w, enum sim_field which, uint16_t rep)
{
	if (rep != SIM_NOBODY)
		put_text(w, which, w->tenant->reps[rep].id);
}

/* Every second company's CRM knows no teams: there they come from the roster. */
static void put_team(struct writer *w, enum sim_field which, uint16_t team)
{
	bool knows_teams = (w->tenant - w->sim->tenants) % 2 == 0;

	if (knows_teams && team != SIM_NOBODY)
		put_text(w, which, sim_city(team)->id);
}

static struct event_value *put_list(struct writer *w, enum sim_field which, size_t rows)
{
	size_t columns =
		model_table[w->event->type].fields[w->sim->fields->at[which]].list->field_count;
	struct event_list *list = arena_alloc(w->arena, sizeof(*list));

	list->count = rows;
	list->cells = arena_alloc(w->arena, rows * columns * sizeof(*list->cells));
	field(w, which)->list = list;
	return list->cells;
}

static void put_ext(struct writer *w, struct slice key, const char *value)
{
	w->event->ext = arena_alloc(w->arena, sizeof(*w->event->ext));
	w->event->ext_count = 1;
	*w->event->ext = (struct event_ext){ key, slice_of(value) };
}

/* ---- the entities ----------------------------------------------------------------------------------------------------------- */

static void render_lead(struct writer *w, const struct sim_change *change)
{
	const struct sim_funnel *f = &change->funnel;
	static const char *const status[] = { "", "new", "contacted", "qualified", "unqualified",
		"nurture" };
	uint8_t qualification = change->is_twin ? SIM_NEW : f->qualification;

	w->event->excluded = f->lead_is_excluded && !change->is_twin;
	put_text(w, F_LEAD_status,
		f->converted != 0 && !change->is_twin ? "converted" : status[qualification]);
	put_symbol(w, F_LEAD_qualification, qualification);
	put_text(w, F_LEAD_source_channel, sim_sources[f->source].id);
	put_text(w, F_LEAD_campaign_id, sim_sources[f->source].campaign);
	put_rep(w, F_LEAD_owner_id, f->owner);
	put_team(w, F_LEAD_team_id, f->team);
	put_time(w, F_LEAD_created_at, change->is_twin ? f->twin_created : f->lead_created);
	put_ext(w, SLICE_LIT("kota"), sim_city(f->city)->name);
	put_id(w, F_LEAD_contact_id, 'K', change->is_twin ? f->twin : f->lead);
	if (change->op == EVENT_MERGE) {
		w->event->merged_ids = arena_alloc(w->arena, sizeof(*w->event->merged_ids));
		w->event->merged_ids[0] = id_text(w->arena, 'L', f->twin);
		w->event->merged_count = 1;
	}
	if (change->is_twin)
		return;
	if (f->disqualified != 0)
		put_text(w, F_LEAD_disqualify_reason, sim_bad_reasons[f->bad_reason]);
	put_time(w, F_LEAD_disqualified_at, f->disqualified);
	put_time(w, F_LEAD_assigned_at, f->assigned);
	put_time(w, F_LEAD_first_contact_at, f->contacted);
	put_time(w, F_LEAD_qualified_at, f->qualified);
	put_time(w, F_LEAD_converted_at, f->converted);
	put_id(w, F_LEAD_opportunity_id, 'O', f->opportunity);
	put_id(w, F_LEAD_account_id, 'A', f->account);
	put_int(w, F_LEAD_score, (int64_t)(hash_u64(f->lead) % 101) * DECIMAL_SCALE);
}

static void render_opportunity(struct writer *w, const struct sim_change *change)
{
	const struct sim_funnel *f = &change->funnel;
	const struct sim_stage *stage = &sim_stages[f->stage];

	w->event->excluded = f->deal_is_excluded;
	put_id(w, F_OPP_lead_id, 'L', f->lead);
	put_id(w, F_OPP_account_id, 'A', f->account);
	put_id(w, F_OPP_contact_id, 'K', f->lead);
	put_text(w, F_OPP_pipeline_id, SIM_PIPELINE);
	put_text(w, F_OPP_stage_id, stage->id);
	put_text(w, F_OPP_stage_name, stage->name);
	put_int(w, F_OPP_stage_order, stage->order);
	put_time(w, F_OPP_stage_entered_at, f->stage_entered);
	if (f->stage_before <= SIM_STAGE_LOST)
		put_text(w, F_OPP_prev_stage_id, sim_stages[f->stage_before].id);
	put_symbol(w, F_OPP_status, f->opportunity_status);
	put_money(w, F_OPP_amount, f, f->opportunity_status == SIM_WON ? sim_amount(f) : f->estimate);
	put_currency(w, F_OPP_currency, f);
	put_int(w, F_OPP_probability, stage->probability);
	put_rep(w, F_OPP_owner_id, f->owner);
	put_team(w, F_OPP_team_id, f->team);
	put_time(w, F_OPP_created_at, f->opportunity_created);
	put_int(w, F_OPP_expected_close, f->expected_close / SIM_DAY);
	put_time(w, F_OPP_closed_at, f->closed);
	put_time(w, F_OPP_won_at, f->opportunity_won);
	put_time(w, F_OPP_lost_at, f->opportunity_lost);
	if (f->opportunity_lost != 0)
		put_text(w, F_OPP_lost_reason, sim_lost_reasons[f->lost_reason]);
	put_symbol(w, F_OPP_deal_type, f->deal_type);
	put_text(w, F_OPP_product_family, sim_products[f->items[0].product].family);
	put_text(w, F_OPP_source_channel, sim_sources[f->source].id);
	put_text(w, F_OPP_campaign_id, sim_sources[f->source].campaign);
}

static void put_split(struct event_value *cells, const char *rep, const char *role, int64_t pct)
{
	cells[0].text = slice_of(rep);
	cells[1].text = slice_of(role);
	cells[2].i = pct * DECIMAL_SCALE;
}

static void render_splits(struct writer *w, const struct sim_funnel *f)
{
	bool is_shared = f->second != SIM_NOBODY && f->winner != SIM_NOBODY;
	struct event_value *cells = put_list(w, F_DEAL_splits,
		!is_shared	 ? 0
		: f->has_overlay ? 3
				 : 2);

	if (!is_shared)
		return;
	put_split(cells, w->tenant->reps[f->winner].id, "owner", f->split_pct);
	put_split(cells + 3, w->tenant->reps[f->second].id, "revenue", 100 - f->split_pct);
	if (f->has_overlay)
		put_split(cells + 6, w->tenant->reps[0].id, "overlay", 100);
}

static void render_items(struct writer *w, const struct sim_funnel *f)
{
	struct event_value *cells = put_list(w, F_DEAL_items, f->item_count);

	for (unsigned i = 0; i < f->item_count; i++, cells += 4) {
		const struct sim_product *product = &sim_products[f->items[i].product];
		cells[0].text = slice_of(product->id);
		cells[1].text = slice_of(product->family);
		cells[2].i = (int64_t)f->items[i].quantity * DECIMAL_SCALE;
		cells[3].i = money_of(w, f, sim_item_amount(f, i));
	}
}

static void render_deal(struct writer *w, const struct sim_change *change)
{
	const struct sim_funnel *f = &change->funnel;
	static const char *const payments[] = { "transfer", "kredit", "tunai" };
	bool is_won = f->deal_won != 0;

	w->event->excluded = f->deal_is_excluded;
	put_id(w, F_DEAL_opportunity_id, 'O', f->opportunity);
	if (f->deal % 2 == 0)
		put_id(w, F_DEAL_lead_id, 'L', f->lead);
	put_id(w, F_DEAL_account_id, 'A', f->account);
	put_id(w, F_DEAL_contact_id, 'K', f->lead);
	put_symbol(w, F_DEAL_status, f->deal_status);
	put_symbol(w, F_DEAL_deal_type, f->deal_type);
	put_money(w, F_DEAL_amount, f, is_won ? sim_amount(f) : f->estimate);
	put_money(w, F_DEAL_list_amount, f, sim_list_amount(f));
	put_currency(w, F_DEAL_currency, f);
	if (f->keeps_margin)
		put_money(w, F_DEAL_margin_amount, f, margin_of(f));
	put_time(w, F_DEAL_won_at, f->deal_won);
	if (f->deal_status == SIM_LOST)
		put_time(w, F_DEAL_lost_at, f->opportunity_lost);
	put_time(w, F_DEAL_cancelled_at, f->deal_cancelled);
	put_time(w, F_DEAL_refunded_at, f->deal_refunded);
	if (f->deal_refunded != 0)
		put_money(w, F_DEAL_refund_amount, f, f->refund);
	put_time(w, F_DEAL_first_paid_at, f->paid);
	put_time(w, F_DEAL_created_at, f->deal_created);
	put_rep(w, F_DEAL_owner_id, f->owner);
	put_team(w, F_DEAL_team_id, f->team);
	if (is_won && f->has_explicit_winner) {
		put_rep(w, F_DEAL_owner_at_win_id, f->winner);
		put_team(w, F_DEAL_team_at_win_id, f->winner_team);
	}
	if (f->deal % 3 != 0)
		put_text(w, F_DEAL_source_channel, sim_sources[f->source].id);
	put_ext(w, SLICE_LIT("metode_bayar"), payments[f->deal % 3]);
	render_splits(w, f);
	render_items(w, f);
}

static void render_call(struct writer *w, const struct sim_change *change)
{
	const struct sim_call *call = &change->call;
	bool is_ended = call->state == SIM_ENDED;

	put_symbol(w, F_CALL_direction, call->direction);
	put_symbol(w, F_CALL_state, call->state);
	put_symbol(w, F_CALL_disposition, call->disposition);
	put_text(w, F_CALL_channel, call->is_whatsapp ? "whatsapp" : "phone");
	put_rep(w, F_CALL_rep_id, call->rep);
	put_team(w, F_CALL_team_id, call->rep == SIM_NOBODY ? SIM_NOBODY : call->team);
	put_text(w, F_CALL_queue_id, call->queued != 0 ? "penjualan" : NULL);
	put_id(w, F_CALL_lead_id, 'L', call->lead);
	put_id(w, F_CALL_opportunity_id, 'O', call->opportunity);
	put_id(w, F_CALL_account_id, 'A', call->account);
	put_time(w, F_CALL_initiated_at, call->initiated);
	put_time(w, F_CALL_queued_at, call->queued);
	put_time(w, F_CALL_answered_at, call->answered);
	put_time(w, F_CALL_ended_at, call->ended);
	if (call->queued == 0)
		put_int(w, F_CALL_ring_ms, call->ring_ms);
	else if (is_ended || call->answered != 0)
		put_int(w, F_CALL_queue_ms, call->queue_ms);
	if (is_ended && call->answered != 0) {
		put_int(w, F_CALL_talk_ms, call->talk_ms);
		put_int(w, F_CALL_hold_ms, call->hold_ms);
		if (call->has_wrap)
			put_int(w, F_CALL_wrap_ms, call->wrap_ms);
	}
	put_int(w, F_CALL_transferred, 0);
	if (is_ended && call->asks_resolved)
		put_int(w, F_CALL_resolved, call->is_resolved);
	put_time(w, F_CALL_follow_up_due_at, call->follow_up);
	put_id(w, F_CALL_customer_key, 'h', hash_u64(call->customer));
}

static void render_rep(struct writer *w, const struct sim_change *change)
{
	const struct sim_rep *rep = &change->rep.was;
	bool has_moved = rep->team_before != SIM_NOBODY;
	char name[64];
	int length = snprintf(name, sizeof(name), "%s %s", rep->first, rep->last);
	struct event_value *cells = put_list(w, F_REP_memberships, has_moved ? 2 : 1);

	field(w, F_REP_name)->text =
		(struct slice){ arena_strndup(w->arena, name, (size_t)length), (size_t)length };
	put_text(w, F_REP_role, rep->is_manager ? "manager" : "sales");
	put_int(w, F_REP_quota_carrying, !rep->is_manager);
	put_text(w, F_REP_region, sim_city(rep->team)->region);
	put_int(w, F_REP_active_from, rep->active_from);
	cells[0].text = slice_of(sim_city(has_moved ? rep->team_before : rep->team)->id);
	cells[1].i = rep->active_from;
	cells[2].is_null = !has_moved;
	if (!has_moved)
		return;
	cells[2].i = rep->moved_on - 1;
	cells[3].text = slice_of(sim_city(rep->team)->id);
	cells[4].i = rep->moved_on;
	cells[5].is_null = true;
}

static void render_account(struct writer *w, const struct sim_change *change)
{
	const struct sim_funnel *f = &change->funnel;
	uint64_t luck = hash_u64(f->account);

	put_symbol(w, F_ACCOUNT_status, 1);
	/* One in twenty bought before this CRM was there. */
	if (luck % 20 == 0)
		put_int(w, F_ACCOUNT_customer_since,
			w->sim->settings.from_ms / SIM_DAY - 30 - (int64_t)(luck / 20 % 1000));
	put_rep(w, F_ACCOUNT_owner_id, f->owner);
	put_text(w, F_ACCOUNT_source_channel, sim_sources[f->source].id);
	put_text(w, F_ACCOUNT_segment,
		luck % 10 < 6	? "UMKM"
		: luck % 10 < 9 ? "menengah"
				: "korporat");
	put_text(w, F_ACCOUNT_region, sim_city(f->city)->region);
}

/* ---- the envelope --------------------------------------------------------------------------------------------------------------- */

/* A UUID out of seed and number: version and variant bits of a random one. */
static struct slice uuid(struct arena *arena, uint64_t seed, uint64_t number)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t high = hash_combine(seed, number), low = hash_u64(high ^ number);
	char text[36];
	unsigned nibble = 0;

	high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
	low = low >> 2 | UINT64_C(1) << 63;
	for (unsigned i = 0; i < sizeof(text); i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			text[i] = '-';
			continue;
		}
		uint64_t half = nibble < 16 ? high : low;
		text[i] = digits[half >> (60 - 4 * (nibble % 16)) & 15];
		nibble++;
	}
	return (struct slice){ arena_strndup(arena, text, sizeof(text)), sizeof(text) };
}

static struct slice entity_id(struct writer *w, const struct sim_change *change)
{
	switch (change->type) {
	case ENTITY_LEAD:
		return id_text(
			w->arena, 'L', change->is_twin ? change->funnel.twin : change->funnel.lead);
	case ENTITY_OPPORTUNITY:
		return id_text(w->arena, 'O', change->funnel.opportunity);
	case ENTITY_DEAL:
		return id_text(w->arena, 'D', change->funnel.deal);
	case ENTITY_CALL:
		return id_text(w->arena, 'C', change->call.number);
	case ENTITY_REP:
		return slice_of(w->tenant->reps[change->rep.rep].id);
	case ENTITY_ACCOUNT:
		return id_text(w->arena, 'A', change->funnel.account);
	default:
		return id_text(w->arena, 'R', change->reference.number);
	}
}

/* Without an image, what the wire demands is blank. */
static void fill_blanks(struct writer *w)
{
	const struct model_entity *model = &model_table[w->event->type];

	for (size_t i = 0; i < model->field_count; i++) {
		struct event_value *value = &w->event->fields[i];
		if (!value->is_null || !model->fields[i].required)
			continue;
		value->is_null = false;
		if (model->fields[i].type == VALUE_LIST)
			value->list = arena_alloc(w->arena, sizeof(*value->list));
		else if (model->fields[i].type == VALUE_STRING)
			value->text = slice_of(model->fields[i].symbols != NULL
						       ? model->fields[i].symbols[0]
						       : "");
	}
}

static uint16_t tenant_number(const struct sim_change *change)
{
	return change->type == ENTITY_CALL     ? change->call.tenant
	       : change->type == ENTITY_REP    ? change->rep.tenant
	       : change->type >= ENTITY_TARGET ? change->reference.tenant
					       : change->funnel.tenant;
}

void sim_render(const struct simulator *sim, const struct sim_change *change, int64_t arrival_ms,
	struct arena *arena, struct event *ret)
{
	static void (*const render[ENTITY_TYPE_COUNT])(
		struct writer *, const struct sim_change *) = {
		[ENTITY_LEAD] = render_lead,
		[ENTITY_OPPORTUNITY] = render_opportunity,
		[ENTITY_DEAL] = render_deal,
		[ENTITY_CALL] = render_call,
		[ENTITY_REP] = render_rep,
		[ENTITY_ACCOUNT] = render_account,
	};
	struct writer w = { sim, &sim->tenants[tenant_number(change)], ret, arena };

	event_init(ret, change->type, arena);
	ret->event_id = uuid(arena, sim->settings.seed, change->number);
	ret->tenant_id = slice_of(w.tenant->id);
	ret->entity_id = entity_id(&w, change);
	ret->source = change->type == ENTITY_CALL  ? SLICE_LIT("pabx:pusat")
		      : change->type == ENTITY_REP ? SLICE_LIT("hris:roster")
						   : slice_of(w.tenant->source);
	if (change->actor != SIM_NOBODY)
		ret->actor_id = slice_of(w.tenant->reps[change->actor].id);
	ret->op = change->op;
	ret->occurred_at_ms = change->occurred_ms;
	ret->ingested_at_ms = arrival_ms;
	ret->source_version = change->version;
	if (change->is_bare)
		fill_blanks(&w);
	else if (change->type >= ENTITY_TARGET)
		sim_reference_draw(sim, change, arena, ret);
	else
		render[change->type](&w, change);
}
