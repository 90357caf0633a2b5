/* The way of a lead: assigned, called, qualified, an opportunity that goes through stages, won or lost, paid, bought again. */
#include <string.h>

#include "edge/simulator_inside.h"

enum { ATTEMPTS_MAX = 5 };

uint16_t sim_seller(struct simulator *sim, const struct sim_tenant *tenant)
{
	return tenant->sellers[rng_below(&sim->rng, tenant->seller_count)];
}

static void give_to(struct simulator *sim, struct sim_funnel *f, uint16_t rep)
{
	const struct sim_rep *who = &sim_tenant_of(sim, f)->reps[rep];

	f->owner = rep;
	f->team = who->team;
	f->chance = who->skill;
}

static void plan_in_office(
	struct simulator *sim, uint32_t place, enum sim_step step, int64_t median_ms)
{
	const struct sim_tenant *tenant = sim_tenant_of(sim, sim_funnel_at(sim, place));

	sim_plan(sim, place, step,
		sim_office_time(sim, tenant, sim->now_ms + sim_spread(&sim->rng, median_ms)));
}

static uint8_t pick_source(struct simulator *sim, bool is_day)
{
	unsigned all = 0, i = 0;

	for (unsigned k = 0; k < sim_source_count; k++)
		all += is_day ? sim_sources[k].weight_day : sim_sources[k].weight_night;
	uint64_t roll = rng_below(&sim->rng, all);
	for (;; i++) {
		unsigned weight = is_day ? sim_sources[i].weight_day : sim_sources[i].weight_night;
		if (roll < weight)
			return (uint8_t)i;
		roll -= weight;
	}
}

static uint32_t take_place(struct simulator *sim, uint16_t tenant)
{
	uint32_t place = sim_slots_take(&sim->places);
	struct sim_place *fresh = &((struct sim_place *)sim->places.items)[place];

	memset(fresh, 0, sizeof(*fresh));
	fresh->funnel.tenant = tenant;
	fresh->funnel.owner = fresh->funnel.team = fresh->funnel.second = fresh->funnel.winner =
		SIM_NOBODY;
	sim->open_count++;
	return place;
}

void sim_funnel_begin(struct simulator *sim, uint16_t number)
{
	struct sim_tenant *tenant = &sim->tenants[number];

	if (sim->open_count >= sim->settings.open_max) {
		sim->counts.not_begun++;
		return;
	}
	uint32_t place = take_place(sim, number);
	struct sim_funnel *f = sim_funnel_at(sim, place);
	f->lead = ++tenant->leads;
	f->lead_created = sim->now_ms;
	f->qualification = SIM_NEW;
	f->source = pick_source(sim, sim_is_office_time(tenant->zone, sim->now_ms));
	f->city = (uint8_t)rng_below(&sim->rng, SIM_TEAMS_MAX);
	f->attempts_max = (uint8_t)(2 + rng_below(&sim->rng, ATTEMPTS_MAX - 1));
	bool is_assigned = rng_chance(&sim->rng, 0.4);
	if (is_assigned) {
		give_to(sim, f, sim_seller(sim, tenant));
		f->assigned = sim->now_ms;
	}
	sim->counts.leads++;
	sim_change_lead(sim, f, EVENT_CREATE, false);
	if (is_assigned)
		plan_in_office(sim, place, SIM_ATTEMPT, 12 * SIM_MINUTE);
	else
		sim_plan(sim, place, SIM_ASSIGN,
			sim->now_ms + sim_spread(&sim->rng, 6 * SIM_MINUTE));
	sim_correct_lead(sim, place);
}

static void assign(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	if (f->owner == SIM_NOBODY) {
		give_to(sim, f, sim_seller(sim, sim_tenant_of(sim, f)));
		f->assigned = sim->now_ms;
		sim_change_lead(sim, f, EVENT_UPDATE, false);
	}
	plan_in_office(sim, place, SIM_ATTEMPT, 12 * SIM_MINUTE);
}

static void attempt(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);
	bool reaches = rng_chance(&sim->rng, 0.5);

	f->attempts++;
	sim_call_out(sim, f, reaches);
	if (reaches) {
		f->contacted = sim->now_ms;
		f->qualification = SIM_WORKING;
		plan_in_office(sim, place, SIM_QUALIFY, 4 * SIM_HOUR);
	} else if (f->attempts < f->attempts_max) {
		plan_in_office(sim, place, SIM_ATTEMPT, 7 * SIM_HOUR);
		return;
	} else {
		f->qualification = SIM_RECYCLED;
	}
	sim_change_lead(sim, f, EVENT_UPDATE, false);
}

static void qualify(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	if (rng_chance(&sim->rng, sim_sources[f->source].good)) {
		f->qualification = SIM_GOOD;
		f->qualified = sim->now_ms;
		plan_in_office(sim, place, SIM_OPPORTUNITY, 3 * SIM_HOUR);
	} else {
		f->qualification = SIM_BAD;
		f->disqualified = sim->now_ms;
		f->bad_reason = (uint8_t)rng_below(&sim->rng, sim_bad_reason_count);
	}
	sim_change_lead(sim, f, EVENT_UPDATE, false);
}

/* ---- opportunities -------------------------------------------------------------------------------------------------- */

static void pick_items(struct simulator *sim, struct sim_funnel *f)
{
	unsigned all = 0;

	for (unsigned k = 0; k < sim_product_count; k++)
		all += sim_products[k].weight;
	f->item_count =
		(uint8_t)(1 +
			  (rng_chance(&sim->rng, 0.45) ? rng_below(&sim->rng, SIM_ITEMS_MAX) : 0));
	for (unsigned i = 0; i < f->item_count; i++) {
		uint64_t roll = rng_below(&sim->rng, all);
		uint8_t product = 0;
		while (roll >= sim_products[product].weight)
			roll -= sim_products[product++].weight;
		f->items[i].product = product;
		f->items[i].quantity =
			(uint8_t)(1 + rng_below(&sim->rng, sim_products[product].quantity_max));
	}
	f->discount_pct = rng_chance(&sim->rng, 0.55) ? (uint8_t)(1 + rng_below(&sim->rng, 15)) : 0;
	f->has_freight = rng_chance(&sim->rng, 0.05);
	f->keeps_margin = rng_chance(&sim->rng, 0.8);
}

static int64_t estimate_of(struct simulator *sim, const struct sim_funnel *f)
{
	int64_t pct = 80 + (int64_t)rng_below(&sim->rng, 46);

	return sim_list_amount(f) * pct / 100 / 100000 * 100000 + 100000;
}

void sim_funnel_stay(struct simulator *sim, uint32_t place)
{
	const struct sim_funnel *f = sim_funnel_at(sim, place);
	int64_t stay_ms = sim_stages[f->stage].stay_ms;
	bool is_offered = f->stage == 2;

	plan_in_office(sim, place, SIM_ADVANCE, stay_ms);
	if (rng_chance(&sim->rng, 0.55))
		plan_in_office(sim, place, SIM_TALK, stay_ms / 3);
	if (is_offered && rng_chance(&sim->rng, 0.5))
		plan_in_office(sim, place, SIM_REVISE, stay_ms / 3);
}

static void open_opportunity(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	f->opportunity = ++sim_tenant_of(sim, f)->opportunities;
	f->opportunity_status = SIM_OPEN;
	f->opportunity_created = f->stage_entered = sim->now_ms;
	f->stage = 0;
	f->stage_before = SIM_STAGE_LOST + 1;
	pick_items(sim, f);
	f->estimate = estimate_of(sim, f);
	f->expected_close = sim->now_ms + sim_spread(&sim->rng, 12 * SIM_DAY);
	sim_change_opportunity(sim, f, EVENT_CREATE);
	sim_correct_opportunity(sim, place);
	sim_funnel_stay(sim, place);
}

static void convert(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);
	struct sim_tenant *tenant = sim_tenant_of(sim, f);

	f->deal_type = SIM_NEW_BUSINESS;
	if (tenant->recent_count > 0 && rng_chance(&sim->rng, 0.12)) {
		uint32_t kept = tenant->recent_count < SIM_RECENT_MAX ? tenant->recent_count
								      : SIM_RECENT_MAX;
		f->account = tenant->recent[rng_below(&sim->rng, kept)].account;
		f->deal_type = SIM_CROSS_SELL;
	} else {
		f->account = ++tenant->accounts;
		sim_change_account(sim, f, EVENT_CREATE);
	}
	f->converted = sim->now_ms;
	open_opportunity(sim, place);
	sim_change_lead(sim, f, EVENT_UPDATE, false);
}

static void enter_stage(struct simulator *sim, uint32_t place, uint8_t stage)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	f->stage_before = f->stage;
	f->stage = stage;
	f->stage_entered = sim->now_ms;
	sim_change_opportunity(sim, f, EVENT_UPDATE);
	if (stage == SIM_STAGE_COUNT - 1 && f->deal == 0 && rng_chance(&sim->rng, 0.3)) {
		f->deal = ++sim_tenant_of(sim, f)->deals;
		f->deal_created = sim->now_ms;
		f->deal_status = SIM_OPEN;
		sim_change_deal(sim, f, EVENT_CREATE, false);
	}
	sim_funnel_stay(sim, place);
}

static void advance(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);
	double chance = sim_stages[f->stage].advance * (0.5 + 0.5 * f->chance);

	if (f->opportunity_status != SIM_OPEN)
		return;
	if (f->stage > 0 && rng_chance(&sim->rng, 0.05))
		enter_stage(sim, place, (uint8_t)(f->stage - 1));
	else if (!rng_chance(&sim->rng, chance > 0.95 ? 0.95 : chance))
		rng_chance(&sim->rng, 0.2) ? sim_funnel_stay(sim, place)
					   : sim_funnel_lose(sim, place);
	else if (f->stage == SIM_STAGE_COUNT - 1)
		sim_funnel_win(sim, place);
	else
		enter_stage(sim, place,
			(uint8_t)(f->stage +
				  (f->stage < 2 && rng_chance(&sim->rng, 0.06) ? 2 : 1)));
}

static void share_credit(struct simulator *sim, struct sim_funnel *f)
{
	f->second = SIM_NOBODY;
	if (!rng_chance(&sim->rng, 0.22))
		return;
	uint16_t other = sim_seller(sim, sim_tenant_of(sim, f));
	if (other == f->owner)
		return;
	f->second = other;
	f->split_pct = (uint8_t)(50 + 5 * rng_below(&sim->rng, 8));
	f->has_overlay = rng_chance(&sim->rng, 0.2);
}

static void remember_customer(struct sim_tenant *tenant, const struct sim_funnel *f)
{
	tenant->recent[tenant->recent_count++ % SIM_RECENT_MAX] =
		(struct sim_customer){ f->account, f->owner };
}

void sim_funnel_win(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);
	bool is_new_deal = f->deal == 0;

	share_credit(sim, f);
	f->stage_before = f->stage;
	f->stage = SIM_STAGE_WON;
	f->opportunity_status = f->deal_status = SIM_WON;
	f->stage_entered = f->opportunity_won = f->closed = f->deal_won = sim->now_ms;
	f->winner = f->owner;
	f->winner_team = f->team;
	f->has_explicit_winner = rng_chance(&sim->rng, 0.5);
	if (is_new_deal) {
		f->deal = ++sim_tenant_of(sim, f)->deals;
		f->deal_created = sim->now_ms;
	}
	sim->counts.won++;
	sim_change_opportunity(sim, f, EVENT_UPDATE);
	sim_change_deal(sim, f, is_new_deal ? EVENT_CREATE : EVENT_UPDATE, false);
	if (f->deal_type == SIM_NEW_BUSINESS && f->account_version == 1)
		sim_change_account(sim, f, EVENT_UPDATE);
	remember_customer(sim_tenant_of(sim, f), f);
	if (rng_chance(&sim->rng, 0.75))
		plan_in_office(sim, place, SIM_PAYMENT, 6 * SIM_DAY);
	if (rng_chance(&sim->rng, 0.025))
		plan_in_office(sim, place, SIM_REFUND, 9 * SIM_DAY);
	if (rng_chance(&sim->rng, 0.3))
		plan_in_office(sim, place, SIM_REPEAT, 15 * SIM_DAY);
	sim_correct_win(sim, place);
}

void sim_funnel_lose(struct simulator *sim, uint32_t place)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	f->stage_before = f->stage;
	f->stage = SIM_STAGE_LOST;
	f->opportunity_status = SIM_LOST;
	f->stage_entered = f->opportunity_lost = f->closed = sim->now_ms;
	f->lost_reason = (uint8_t)rng_below(&sim->rng, sim_lost_reason_count);
	sim_change_opportunity(sim, f, EVENT_UPDATE);
	if (f->deal_status == SIM_OPEN) {
		f->deal_status = SIM_LOST;
		sim_change_deal(sim, f, EVENT_UPDATE, false);
	}
}

/* ---- after the win ---------------------------------------------------------------------------------------------------- */

static void refund(struct simulator *sim, struct sim_funnel *f)
{
	if (rng_chance(&sim->rng, 0.7)) {
		f->deal_status = SIM_REFUNDED;
		f->deal_refunded = sim->now_ms;
		f->refund = sim_amount(f) * (30 + 10 * (int64_t)rng_below(&sim->rng, 8)) / 100;
	} else {
		f->deal_status = SIM_CANCELLED;
		f->deal_cancelled = sim->now_ms;
	}
	sim_change_deal(sim, f, EVENT_UPDATE, false);
}

/* The same customer once more, in a funnel of its own: the old one may still be corrected. */
static void buy_again(struct simulator *sim, uint32_t old_place)
{
	if (sim->open_count >= sim->settings.open_max) {
		sim->counts.not_begun++;
		return;
	}
	uint32_t place = take_place(sim, sim_funnel_at(sim, old_place)->tenant);
	const struct sim_funnel *old = sim_funnel_at(sim, old_place);
	struct sim_funnel *f = sim_funnel_at(sim, place);
	uint64_t kind = rng_below(&sim->rng, 10);

	f->account = old->account;
	f->account_version = old->account_version + 1;
	f->source = old->source;
	f->city = old->city;
	f->deal_type = kind < 4 ? SIM_UPSELL : kind < 7 ? SIM_CROSS_SELL : SIM_RENEWAL;
	give_to(sim, f, old->owner);
	open_opportunity(sim, place);
}

void sim_funnel_step(struct simulator *sim, uint32_t place, enum sim_step step)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	switch (step) {
	case SIM_ASSIGN:
		assign(sim, place);
		break;
	case SIM_ATTEMPT:
		attempt(sim, place);
		break;
	case SIM_QUALIFY:
		qualify(sim, place);
		break;
	case SIM_OPPORTUNITY:
		convert(sim, place);
		break;
	case SIM_ADVANCE:
		advance(sim, place);
		break;
	case SIM_TALK:
		if (f->opportunity_status == SIM_OPEN)
			sim_call_out(sim, f, rng_chance(&sim->rng, 0.7));
		break;
	case SIM_REVISE:
		if (f->opportunity_status == SIM_OPEN) {
			f->estimate = estimate_of(sim, f);
			sim_change_opportunity(sim, f, EVENT_UPDATE);
		}
		break;
	case SIM_PAYMENT:
		if (f->deal_status == SIM_WON) {
			f->paid = sim->now_ms;
			sim_change_deal(sim, f, EVENT_UPDATE, false);
		}
		break;
	case SIM_REFUND:
		if (f->deal_status == SIM_WON)
			refund(sim, f);
		break;
	default:
		if (f->deal_status == SIM_WON)
			buy_again(sim, place);
		break;
	}
}
