/* What people put right afterwards, and what makes KPIs hard: every way of it that EVENTS.md and SEMANTICS.md name. */
#include "edge/simulator_inside.h"

struct chance_of {
	enum sim_step step;
	unsigned weight;
	int64_t median_ms;
};

static const struct chance_of lead_chances[] = {
	{ SIM_TWIN, 40, 20 * SIM_MINUTE },
	{ SIM_EXCLUDE, 15, 3 * SIM_HOUR },
	{ SIM_DELETE_LEAD, 15, SIM_DAY },
	{ SIM_HAND_OVER, 15, 5 * SIM_HOUR },
	{ SIM_ERASE, 15, 20 * SIM_DAY },
	{ SIM_STEP_COUNT, 0, 0 },
};
static const struct chance_of opportunity_chances[] = {
	{ SIM_HAND_OVER, 70, 2 * SIM_DAY },
	{ SIM_DELETE_LEAD, 30, 4 * SIM_DAY },
	{ SIM_STEP_COUNT, 0, 0 },
};
static const struct chance_of win_chances[] = {
	{ SIM_FIX_AMOUNT, 25, SIM_DAY },
	{ SIM_REOPEN, 15, 3 * SIM_DAY },
	{ SIM_FIX_OWNER, 18, 2 * SIM_DAY },
	{ SIM_FIX_WON_AT, 12, SIM_DAY },
	{ SIM_FIX_SPLIT, 12, SIM_DAY },
	{ SIM_DELETE_DEAL, 12, 2 * SIM_DAY },
	{ SIM_EXCLUDE_DEAL, 6, SIM_DAY },
	{ SIM_STEP_COUNT, 0, 0 },
};

static void correct(struct simulator *sim, uint32_t place, const struct chance_of *chances)
{
	unsigned all = 0;

	if (!rng_chance(&sim->rng, sim->settings.corrections))
		return;
	for (const struct chance_of *c = chances; c->weight > 0; c++)
		all += c->weight;
	uint64_t roll = rng_below(&sim->rng, all);
	while (roll >= chances->weight)
		roll -= (chances++)->weight;
	sim_plan(
		sim, place, chances->step, sim->now_ms + sim_spread(&sim->rng, chances->median_ms));
}

void sim_correct_lead(struct simulator *sim, uint32_t place)
{
	correct(sim, place, lead_chances);
}

void sim_correct_opportunity(struct simulator *sim, uint32_t place)
{
	correct(sim, place, opportunity_chances);
}

void sim_correct_win(struct simulator *sim, uint32_t place)
{
	correct(sim, place, win_chances);
}

/* ---- leads -------------------------------------------------------------------------------------------------------------- */

static void enter_twice(struct simulator *sim, uint32_t place, struct sim_funnel *f)
{
	f->twin = ++sim_tenant_of(sim, f)->leads;
	f->twin_created = sim->now_ms;
	sim_change_twin(sim, f, EVENT_CREATE);
	sim_plan(sim, place, SIM_MERGE, sim->now_ms + sim_spread(&sim->rng, 6 * SIM_HOUR));
}

static void merge(struct simulator *sim, uint32_t place, struct sim_funnel *f)
{
	if (f->lead_is_deleted)
		return;
	sim_change_lead(sim, f, EVENT_MERGE, false);
	if (rng_chance(&sim->rng, 0.15))
		sim_plan(sim, place, SIM_UNMERGE, sim->now_ms + sim_spread(&sim->rng, SIM_DAY));
}

static void exclude_lead(struct simulator *sim, struct sim_funnel *f)
{
	if (f->opportunity != 0)
		return;
	f->lead_is_excluded = f->is_over = true;
	sim_change_lead(sim, f, EVENT_UPDATE, false);
}

/* Some come back. What has become an opportunity goes on without its lead. */
static void delete_lead(struct simulator *sim, uint32_t place, struct sim_funnel *f)
{
	if (f->lead == 0 || f->lead_is_deleted)
		return;
	f->lead_is_deleted = true;
	sim_change_lead(sim, f, EVENT_DELETE, rng_chance(&sim->rng, 0.5));
	if (rng_chance(&sim->rng, 0.6)) {
		f->paused_until = sim->now_ms + sim_spread(&sim->rng, 9 * SIM_HOUR);
		sim_plan(sim, place, SIM_UNDELETE_LEAD, f->paused_until);
	} else if (f->opportunity == 0) {
		f->is_over = true;
	}
}

static void undelete_lead(struct simulator *sim, struct sim_funnel *f)
{
	f->paused_until = 0;
	sim_change_lead(sim, f, EVENT_UNDELETE, false);
	f->lead_is_deleted = false;
}

static bool give_to_another(struct simulator *sim, struct sim_funnel *f)
{
	const struct sim_tenant *tenant = sim_tenant_of(sim, f);
	uint16_t other = sim_seller(sim, tenant);

	if (other == f->owner)
		return false;
	f->owner = other;
	f->team = tenant->reps[other].team;
	f->chance = tenant->reps[other].skill;
	return true;
}

/* Before the win: whatever is open goes to somebody else. */
static void hand_over(struct simulator *sim, struct sim_funnel *f)
{
	if (f->owner == SIM_NOBODY || f->closed != 0 || !give_to_another(sim, f))
		return;
	sim_change_lead(sim, f, EVENT_UPDATE, false);
	if (f->opportunity != 0)
		sim_change_opportunity(sim, f, EVENT_UPDATE);
	if (f->deal != 0)
		sim_change_deal(sim, f, EVENT_UPDATE, false);
}

/* ---- wins ----------------------------------------------------------------------------------------------------------------- */

static void fix_amount(struct simulator *sim, struct sim_funnel *f)
{
	if (rng_chance(&sim->rng, 0.5))
		f->discount_pct = (uint8_t)rng_below(&sim->rng, 20);
	else
		f->items[0].quantity =
			(uint8_t)(1 + rng_below(&sim->rng,
					      sim_products[f->items[0].product].quantity_max));
	sim_change_deal(sim, f, EVENT_UPDATE, false);
	sim_change_opportunity(sim, f, EVENT_UPDATE);
}

static void reopen(struct simulator *sim, uint32_t place, struct sim_funnel *f)
{
	f->stage_before = f->stage;
	f->stage = SIM_STAGE_COUNT - 1;
	f->stage_entered = sim->now_ms;
	f->opportunity_status = f->deal_status = SIM_OPEN;
	f->opportunity_won = f->closed = f->deal_won = f->paid = 0;
	f->winner = f->second = SIM_NOBODY;
	sim_change_opportunity(sim, f, EVENT_UPDATE);
	sim_change_deal(sim, f, EVENT_UPDATE, false);
	sim_funnel_stay(sim, place);
}

/* After the win: the customer's new keeper; the win stays whose it was. */
static void fix_owner(struct simulator *sim, struct sim_funnel *f)
{
	if (!give_to_another(sim, f))
		return;
	sim_change_opportunity(sim, f, EVENT_UPDATE);
	sim_change_deal(sim, f, EVENT_UPDATE, false);
}

static void fix_won_at(struct simulator *sim, struct sim_funnel *f)
{
	int64_t at_ms = f->deal_won - (1 + (int64_t)rng_below(&sim->rng, 5)) * SIM_DAY,
		least = f->opportunity_created + SIM_HOUR;

	if (at_ms < least)
		at_ms = least;
	if (at_ms >= f->deal_won)
		return;
	f->deal_won = f->opportunity_won = f->closed = at_ms;
	sim_change_deal(sim, f, EVENT_UPDATE, false);
	sim_change_opportunity(sim, f, EVENT_UPDATE);
}

static void fix_split(struct simulator *sim, struct sim_funnel *f)
{
	uint16_t other = sim_seller(sim, sim_tenant_of(sim, f));

	f->second = other == f->winner ? SIM_NOBODY : other;
	f->split_pct = (uint8_t)(40 + 10 * rng_below(&sim->rng, 5));
	sim_change_deal(sim, f, EVENT_UPDATE, false);
}

static void delete_deal(struct simulator *sim, uint32_t place, struct sim_funnel *f)
{
	sim_change_deal(sim, f, EVENT_DELETE, rng_chance(&sim->rng, 0.5));
	if (rng_chance(&sim->rng, 0.65)) {
		f->paused_until = sim->now_ms + sim_spread(&sim->rng, 8 * SIM_HOUR);
		sim_plan(sim, place, SIM_UNDELETE_DEAL, f->paused_until);
	} else {
		f->is_over = true;
	}
}

static void exclude_deal(struct simulator *sim, struct sim_funnel *f)
{
	f->deal_is_excluded = f->is_over = true;
	sim_change_deal(sim, f, EVENT_UPDATE, false);
	sim_change_opportunity(sim, f, EVENT_UPDATE);
}

static void undelete_deal(struct simulator *sim, struct sim_funnel *f)
{
	f->paused_until = 0;
	sim_change_deal(sim, f, EVENT_UNDELETE, false);
}

static void win_step(
	struct simulator *sim, uint32_t place, struct sim_funnel *f, enum sim_step step)
{
	if (f->deal_status != SIM_WON)
		return;
	switch (step) {
	case SIM_FIX_AMOUNT:
		fix_amount(sim, f);
		break;
	case SIM_REOPEN:
		reopen(sim, place, f);
		break;
	case SIM_FIX_OWNER:
		fix_owner(sim, f);
		break;
	case SIM_FIX_WON_AT:
		fix_won_at(sim, f);
		break;
	case SIM_FIX_SPLIT:
		fix_split(sim, f);
		break;
	case SIM_DELETE_DEAL:
		delete_deal(sim, place, f);
		break;
	case SIM_UNDELETE_DEAL:
		undelete_deal(sim, f);
		break;
	default:
		exclude_deal(sim, f);
		break;
	}
}

void sim_correction_step(struct simulator *sim, uint32_t place, enum sim_step step)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);
	uint64_t events = sim->event_number;

	switch (step) {
	case SIM_TWIN:
		enter_twice(sim, place, f);
		break;
	case SIM_MERGE:
		merge(sim, place, f);
		break;
	case SIM_UNMERGE:
		sim_change_twin(sim, f, EVENT_UNDELETE);
		break;
	case SIM_EXCLUDE:
		exclude_lead(sim, f);
		break;
	case SIM_DELETE_LEAD:
		delete_lead(sim, place, f);
		break;
	case SIM_UNDELETE_LEAD:
		undelete_lead(sim, f);
		break;
	case SIM_ERASE:
		sim_change_lead(sim, f, EVENT_ERASE, true);
		break;
	case SIM_HAND_OVER:
		hand_over(sim, f);
		break;
	default:
		win_step(sim, place, f, step);
		break;
	}
	sim->counts.corrected += sim->event_number > events;
}

/* A seller moves to another team, from today on. */
void sim_roster_change(struct simulator *sim, uint16_t number)
{
	struct sim_tenant *tenant = &sim->tenants[number];
	uint16_t rep = sim_seller(sim, tenant);
	struct sim_rep *who = &tenant->reps[rep];

	if (!rng_chance(&sim->rng, 20 * sim->settings.corrections) || tenant->team_count < 2 ||
		who->team_before != SIM_NOBODY)
		return;
	who->team_before = who->team;
	who->team = (uint16_t)((who->team + 1 + rng_below(&sim->rng, tenant->team_count - 1U)) %
			       tenant->team_count);
	who->moved_on = (int32_t)(zone_to_local(tenant->zone, sim->now_ms) / SIM_DAY);
	sim_change_rep(sim, number, rep, EVENT_UPDATE);
}
