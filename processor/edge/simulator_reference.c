/*
 * The reference streams of a floor: targets and spend of each month, rates of exchange twice a week, shifts of the call agents, and the
 * messages, visits and tickets of every day. Told in one or two images each; rare enough to be written by the names of their fields.
 */
#include <stdio.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "edge/simulator_inside.h"

enum { AGENTS = 3, SPEND_DAY = 3, OPENS_HOUR = 8 };
enum { DEAL_RUPIAH = 60000000 };

/* ---- days ----------------------------------------------------------------------------------------------- */

static int64_t opening_of(const struct sim_tenant *tenant, int64_t day)
{
	return zone_from_local(tenant->zone, day * SIM_DAY + OPENS_HOUR * SIM_HOUR);
}

static void plan_day(struct simulator *sim, uint32_t number, int64_t day)
{
	sim_plan(sim, number, SIM_DAILY, opening_of(&sim->tenants[number], day));
}

static void month_of(int64_t day, int64_t *ret_first, int64_t *ret_last)
{
	unsigned month, of_month;
	int year;

	civil_from_days(day, &year, &month, &of_month);
	*ret_first = day - of_month + 1;
	*ret_last = month == 12 ? days_from_civil(year + 1, 1, 1) - 1
				: days_from_civil(year, month + 1, 1) - 1;
}

/* ---- posting -------------------------------------------------------------------------------------------- */

static void post(struct simulator *sim, enum entity_type type, const struct sim_reference *what,
	uint32_t version, int64_t at_ms)
{
	struct sim_change change = { .type = type,
		.op = version == 1 ? EVENT_CREATE : EVENT_UPDATE,
		.actor = what->rep,
		.version = version,
		.occurred_ms = at_ms };

	change.reference = *what;
	sim_post(sim, &change);
}

static struct sim_reference reference_of(struct simulator *sim, uint32_t number)
{
	struct sim_tenant *tenant = &sim->tenants[number];

	return (struct sim_reference){ .tenant = (uint16_t)number,
		.rep = SIM_NOBODY,
		.team = SIM_NOBODY,
		.number = ++tenant->references };
}

/* ---- what the office plans ------------------------------------------------------------------------------- */

static void post_target(struct simulator *sim, uint32_t number, int64_t day, uint16_t team,
	uint16_t rep, unsigned sellers)
{
	struct sim_tenant *tenant = &sim->tenants[number];
	struct sim_reference target = reference_of(sim, number);
	double wins = sim->settings.leads_per_rep_day * 22 * 0.1;

	target.team = team;
	target.rep = rep;
	month_of(day, &target.first_day, &target.last_day);
	target.amount = (int64_t)(wins * sellers * DEAL_RUPIAH) / 1000000 * 1000000 + 1000000;
	post(sim, ENTITY_TARGET, &target, 1, sim->now_ms);
	/* One in ten is raised in mid-month, for the days that are left. */
	if (!rng_chance(&sim->rng, 0.1))
		return;
	target.amount += target.amount / 10;
	target.effective_day = target.first_day + 14;
	if (opening_of(tenant, target.effective_day) > sim->now_ms)
		post(sim, ENTITY_TARGET, &target, 2, opening_of(tenant, target.effective_day));
}

static void post_targets(struct simulator *sim, uint32_t number, int64_t day)
{
	const struct sim_tenant *tenant = &sim->tenants[number];

	post_target(sim, number, day, SIM_NOBODY, SIM_NOBODY, tenant->seller_count);
	for (uint16_t team = 0; team < tenant->team_count; team++)
		post_target(sim, number, day, team, SIM_NOBODY,
			tenant->seller_count / tenant->team_count + 1U);
	for (uint16_t i = 0; i < tenant->seller_count; i++)
		post_target(sim, number, day, SIM_NOBODY, tenant->sellers[i], 1);
}

/* Told on the third day, for the whole month; what sales costs has no channel. */
static void post_spend(struct simulator *sim, uint32_t number, int64_t day)
{
	unsigned sellers = sim->tenants[number].seller_count;

	for (unsigned source = 0; source <= sim_source_count; source++) {
		struct sim_reference spend = reference_of(sim, number);

		month_of(day, &spend.first_day, &spend.last_day);
		spend.choice = (uint8_t)source;
		spend.amount = source == sim_source_count
				       ? (int64_t)sellers * 9000000
				       : (int64_t)(2000000 + rng_below(&sim->rng, 8) * 1500000);
		post(sim, ENTITY_SPEND, &spend, 1, sim->now_ms);
	}
}

static void post_rate(struct simulator *sim, uint32_t number, int64_t day)
{
	struct sim_reference rate = reference_of(sim, number);

	rate.first_day = day;
	rate.at_ms = zone_from_local(sim->tenants[number].zone, day * SIM_DAY);
	rate.amount = SIM_USD_RUPIAH * RATE_SCALE +
		      (int64_t)rng_below(&sim->rng, 400) * RATE_SCALE - 200 * RATE_SCALE;
	post(sim, ENTITY_FX_RATE, &rate, 1, sim->now_ms);
	/* Where it matters the bank thinks better of it at times. */
	if (sim->settings.foreign <= 0 || sim->now_ms + SIM_HOUR >= sim->settings.to_ms ||
		!rng_chance(&sim->rng, sim->settings.corrections))
		return;
	rate.amount += RATE_SCALE * (int64_t)(1 + rng_below(&sim->rng, 50));
	post(sim, ENTITY_FX_RATE, &rate, 2, sim->now_ms + SIM_HOUR);
}

static void post_shift(struct simulator *sim, uint32_t number, uint16_t rep, uint8_t state,
	int64_t from_ms, int64_t hours)
{
	struct sim_reference shift = reference_of(sim, number);

	shift.rep = rep;
	shift.choice = state;
	shift.at_ms = from_ms;
	post(sim, ENTITY_AGENT_STATE, &shift, 1, from_ms);
	shift.done_ms = from_ms + hours * SIM_HOUR;
	post(sim, ENTITY_AGENT_STATE, &shift, 2, shift.done_ms);
}

static void post_shifts(struct simulator *sim, uint32_t number)
{
	enum { AVAILABLE = 1, BREAK = 4 };
	const struct sim_tenant *tenant = &sim->tenants[number];

	for (uint16_t i = 0; i < tenant->seller_count && i < AGENTS; i++) {
		post_shift(sim, number, tenant->sellers[i], AVAILABLE, sim->now_ms, 4);
		post_shift(sim, number, tenant->sellers[i], BREAK, sim->now_ms + 4 * SIM_HOUR, 1);
		post_shift(
			sim, number, tenant->sellers[i], AVAILABLE, sim->now_ms + 5 * SIM_HOUR, 4);
	}
}

static void plan_for(struct simulator *sim, uint32_t number, struct sim_local today)
{
	uint64_t before = sim->event_number;
	int64_t first, last;

	if (sim->settings.leads_per_rep_day < SIM_PLANS_FROM)
		return;
	month_of(today.day, &first, &last);
	if (today.day == first)
		post_targets(sim, number, today.day);
	if (today.day == first + SPEND_DAY - 1)
		post_spend(sim, number, today.day);
	if (today.weekday == SIM_MONDAY || today.weekday == SIM_THURSDAY)
		post_rate(sim, number, today.day);
	sim->counts.planned += sim->event_number - before;
}

static void begin_day(struct simulator *sim, uint32_t number)
{
	struct sim_local today = sim_local(sim->tenants[number].zone, sim->now_ms);
	uint64_t before;

	plan_for(sim, number, today);
	before = sim->event_number;
	if (today.weekday != SIM_SUNDAY && sim->settings.leads_per_rep_day >= SIM_SHIFTS_FROM)
		post_shifts(sim, number);
	sim->counts.shifts += sim->event_number - before;
	plan_day(sim, number, today.day + 1);
}

void sim_reference_open(struct simulator *sim, uint32_t number)
{
	struct sim_tenant *tenant = &sim->tenants[number];
	int64_t day = sim_local(tenant->zone, sim->now_ms).day, first, last;
	bool is_late = opening_of(tenant, day) <= sim->now_ms;
	uint64_t before = sim->event_number;

	month_of(day, &first, &last);
	if (sim->settings.leads_per_rep_day >= SIM_PLANS_FROM) {
		post_rate(sim, number, day);
		if (day != first || is_late)
			post_targets(sim, number, day);
	}
	sim->counts.planned += sim->event_number - before;
	plan_day(sim, number, is_late ? day + 1 : day);
	for (enum sim_step step = SIM_MESSAGE; step <= SIM_TICKET; step++)
		sim_plan(sim, number, step,
			sim_next_arrival(sim, tenant, tenant->leads_per_ms / 2, sim->now_ms));
}

/* ---- what the day brings --------------------------------------------------------------------------------- */

/* Of the last leads or customers. */
static void choose_whom(struct simulator *sim, struct sim_reference *what)
{
	struct sim_tenant *tenant = &sim->tenants[what->tenant];
	uint32_t recent =
		tenant->recent_count < SIM_RECENT_MAX ? tenant->recent_count : SIM_RECENT_MAX;

	if (recent > 0 && (tenant->leads == 0 || rng_chance(&sim->rng, 0.4)))
		what->account = tenant->recent[rng_below(&sim->rng, recent)].account;
	else if (tenant->leads > 0)
		what->lead = tenant->leads - (uint32_t)rng_below(&sim->rng,
						     tenant->leads < 40 ? tenant->leads : 40);
}

/* An answer, or a follow-up: promised first, done later or never. */
static void write_message(struct simulator *sim, uint32_t number)
{
	struct sim_reference message = reference_of(sim, number);
	struct rng *rng = &sim->rng;

	message.rep = sim_seller(sim, &sim->tenants[number]);
	message.choice = (uint8_t)(2 + rng_below(rng, 4)); /* EMAIL WHATSAPP CHAT SOCIAL */
	message.is_inbound = rng_chance(rng, 0.3);
	message.flag = !message.is_inbound && rng_chance(rng, 0.3);
	message.is_automated = !message.flag && rng_chance(rng, 0.15);
	choose_whom(sim, &message);
	if (!message.flag) {
		message.done_ms = sim->now_ms;
		post(sim, ENTITY_INTERACTION, &message, 1, sim->now_ms);
		return;
	}
	message.at_ms = sim->now_ms + sim_spread(rng, SIM_DAY);
	post(sim, ENTITY_INTERACTION, &message, 1, sim->now_ms);
	if (!rng_chance(rng, 0.85))
		return;
	message.done_ms = sim->now_ms + sim_spread(rng, 20 * SIM_HOUR);
	post(sim, ENTITY_INTERACTION, &message, 2, message.done_ms);
}

/* Captured off line half of the time: it comes when there is a network again. */
static void make_visit(struct simulator *sim, uint32_t number)
{
	struct sim_reference visit = reference_of(sim, number);

	visit.rep = sim_seller(sim, &sim->tenants[number]);
	visit.team = sim->tenants[number].reps[visit.rep].team;
	visit.flag = rng_chance(&sim->rng, 0.5);
	visit.amount = (int64_t)rng_below(&sim->rng, 4000) - 2000;
	visit.at_ms = sim->now_ms;
	visit.done_ms =
		sim->now_ms + (visit.flag ? sim_spread(&sim->rng, 2 * SIM_HOUR) : SIM_SECOND);
	choose_whom(sim, &visit);
	post(sim, ENTITY_VISIT, &visit, 1, visit.done_ms);
}

static void open_ticket(struct simulator *sim, uint32_t number)
{
	struct sim_reference ticket = reference_of(sim, number);
	struct rng *rng = &sim->rng;
	uint32_t version = 1;

	ticket.choice = (uint8_t)rng_below(rng, 3);
	ticket.at_ms = sim->now_ms;
	choose_whom(sim, &ticket);
	post(sim, ENTITY_TICKET, &ticket, version++, sim->now_ms);
	ticket.rep = sim_seller(sim, &sim->tenants[number]);
	ticket.first_ms = sim->now_ms + sim_spread(rng, SIM_HOUR);
	post(sim, ENTITY_TICKET, &ticket, version++, ticket.first_ms);
	if (!rng_chance(rng, 0.9))
		return;
	ticket.done_ms = ticket.first_ms + sim_spread(rng, 20 * SIM_HOUR);
	ticket.flag = rng_chance(rng, 0.08);
	ticket.amount = rng_chance(rng, 0.4) ? 1 + (int64_t)rng_below(rng, 5) : 0;
	post(sim, ENTITY_TICKET, &ticket, version, ticket.done_ms);
}

void sim_reference_step(struct simulator *sim, uint32_t number, enum sim_step step)
{
	/* How often, measured by the leads. */
	static const double share[] = {
		[SIM_MESSAGE] = 0.5, [SIM_VISIT] = 0.12, [SIM_TICKET] = 0.08
	};
	const struct sim_tenant *tenant = &sim->tenants[number];

	switch (step) {
	case SIM_MESSAGE:
		write_message(sim, number);
		break;
	case SIM_VISIT:
		make_visit(sim, number);
		break;
	case SIM_TICKET:
		open_ticket(sim, number);
		break;
	default:
		begin_day(sim, number);
		return;
	}
	sim_plan(sim, number, step,
		sim_next_arrival(sim, tenant, tenant->leads_per_ms * share[step], sim->now_ms));
}

/* ---- images --------------------------------------------------------------------------------------------- */

struct image {
	const struct sim_tenant *tenant;
	const struct sim_reference *what;
	struct arena *arena;
	struct event *event;
};

static void put_text(const struct image *m, const char *name, const char *text)
{
	if (text)
		*event_field(m->event, name) = (struct event_value){ .text = slice_of(text) };
}

static void put_number(const struct image *m, const char *name, int64_t number)
{
	*event_field(m->event, name) = (struct event_value){ .i = number };
}

static void put_time(const struct image *m, const char *name, int64_t ms)
{
	if (ms)
		put_number(m, name, ms);
}

static void put_number_id(const struct image *m, const char *name, char letter, uint32_t number)
{
	char text[16];

	if (!number)
		return;
	snprintf(text, sizeof(text), "%c-%u", letter, number);
	put_text(m, name, arena_strndup(m->arena, text, sizeof(text)));
}

static const char *rep_id(const struct image *m)
{
	return m->what->rep == SIM_NOBODY ? NULL : m->tenant->reps[m->what->rep].id;
}

static void put_symbol(const struct image *m, const char *name, unsigned symbol)
{
	int at = model_field_find(m->event->type, slice_of(name));

	put_text(m, name, model_table[m->event->type].fields[at].symbols[symbol]);
}

static void draw_target(const struct image *m)
{
	enum { COMPANY = 1, TEAM, REP, MONTH = 3 };
	const struct sim_reference *what = m->what;
	bool is_rep = what->rep != SIM_NOBODY, is_team = what->team != SIM_NOBODY;

	put_symbol(m, "scope_type", is_rep ? REP : is_team ? TEAM : COMPANY);
	put_text(m, "scope_id", is_rep ? rep_id(m) : is_team ? sim_city(what->team)->id : NULL);
	put_text(m, "metric", "won_revenue");
	put_symbol(m, "period", MONTH);
	put_number(m, "period_start", what->first_day);
	put_number(m, "period_end", what->last_day);
	put_number(m, "value", what->amount * DECIMAL_SCALE);
	put_text(m, "currency", "IDR");
	*event_field(m->event, "pacing_curve") =
		(struct event_value){ .list = arena_alloc(m->arena, sizeof(struct event_list)) };
	if (what->effective_day)
		put_number(m, "effective_from", what->effective_day);
}

static void draw_spend(const struct image *m)
{
	bool is_sales = m->what->choice == sim_source_count;

	put_text(m, "category", is_sales ? "sales" : "marketing");
	put_text(m, "channel", is_sales ? NULL : sim_sources[m->what->choice].id);
	put_text(m, "campaign_id", is_sales ? NULL : sim_sources[m->what->choice].campaign);
	put_number(m, "amount", m->what->amount * DECIMAL_SCALE);
	put_text(m, "currency", "IDR");
	put_number(m, "period_start", m->what->first_day);
	put_number(m, "period_end", m->what->last_day);
}

static void draw_rate(const struct image *m)
{
	put_text(m, "base", "USD");
	put_text(m, "quote", "IDR");
	put_number(m, "rate", m->what->amount);
	put_number(m, "valid_from", m->what->at_ms);
}

static void draw_interaction(const struct image *m)
{
	put_symbol(m, "channel", m->what->choice);
	put_symbol(m, "direction", m->what->is_inbound ? SIM_INBOUND : SIM_OUTBOUND);
	put_text(m, "rep_id", rep_id(m));
	put_number_id(m, "lead_id", 'L', m->what->lead);
	put_number_id(m, "account_id", 'A', m->what->account);
	put_number_id(m, "conversation_id", 'K', m->what->lead + m->what->account);
	put_number(m, "is_follow_up", m->what->flag);
	put_time(m, "due_at", m->what->at_ms);
	put_time(m, "completed_at", m->what->done_ms);
	put_number(m, "automated", m->what->is_automated);
}

/* Somewhere around Monas, a tenth of a degree apart for each team. */
static void draw_visit(const struct image *m)
{
	put_text(m, "rep_id", rep_id(m));
	put_number_id(m, "lead_id", 'L', m->what->lead);
	put_number_id(m, "account_id", 'A', m->what->account);
	put_number(m, "lat", -61754 + m->what->amount);
	put_number(m, "lon", 1068272 + 1000 * m->what->team - m->what->amount);
	put_number(m, "accuracy_m", 12 * DECIMAL_SCALE);
	put_number(m, "captured_at", m->what->at_ms);
	put_number(m, "uploaded_at", m->what->done_ms);
	put_number(m, "offline", m->what->flag);
}

static void draw_agent_state(const struct image *m)
{
	put_text(m, "rep_id", rep_id(m));
	put_symbol(m, "state", m->what->choice);
	put_number(m, "from", m->what->at_ms);
	put_time(m, "to", m->what->done_ms);
}

static void draw_ticket(const struct image *m)
{
	static const char *const channels[] = { "email", "whatsapp", "phone" };

	put_number(m, "opened_at", m->what->at_ms);
	put_time(m, "first_response_at", m->what->first_ms);
	put_time(m, "resolved_at", m->what->done_ms);
	put_number(m, "reopen_count", m->what->flag);
	put_text(m, "priority", m->what->choice == 0 ? "high" : "normal");
	put_time(m, "sla_due_at", m->what->at_ms + (m->what->choice == 0 ? 8 : 24) * SIM_HOUR);
	if (m->what->amount)
		put_number(m, "csat", m->what->amount * DECIMAL_SCALE);
	put_text(m, "channel", channels[m->what->choice]);
	put_text(m, "rep_id", rep_id(m));
	put_number_id(m, "account_id", 'A', m->what->account);
}

void sim_reference_draw(const struct simulator *sim, const struct sim_change *change,
	struct arena *arena, struct event *ret)
{
	static void (*const draw[ENTITY_TYPE_COUNT])(const struct image *) = {
		[ENTITY_TARGET] = draw_target,
		[ENTITY_SPEND] = draw_spend,
		[ENTITY_FX_RATE] = draw_rate,
		[ENTITY_INTERACTION] = draw_interaction,
		[ENTITY_VISIT] = draw_visit,
		[ENTITY_AGENT_STATE] = draw_agent_state,
		[ENTITY_TICKET] = draw_ticket,
	};
	const struct image m = { &sim->tenants[change->reference.tenant], &change->reference, arena,
		ret };

	draw[change->type](&m);
}
