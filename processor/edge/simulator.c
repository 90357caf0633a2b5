#include "edge/simulator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/simulator_inside.h"

enum {
	OPEN_DEFAULT_MAX = 2000000,
	LATE_DAYS_SHARE_PCT = 10,
	LATE_HOURS_SHARE_PCT = 30,
	LETTERS_MAX = 1 << 20
};
/* A trial long enough for the share of long-lived funnels to settle, short enough to take no time. */
enum { TRIAL_LEADS = 4000 };

/* ---- what happens, and the way of what has happened -------------------------------------------------------------- */

void sim_plan(struct simulator *sim, uint32_t place, enum sim_step step, int64_t at_ms)
{
	if (step >= SIM_FUNNEL_STEPS)
		((struct sim_place *)sim->places.items)[place].steps++;
	sim_queue_push(&sim->agenda, at_ms, place, step);
}

struct sim_funnel *sim_funnel_at(struct simulator *sim, uint32_t place)
{
	return &((struct sim_place *)sim->places.items)[place].funnel;
}

/* How long a late event is under way: minutes for most, days for one in ten (a phone that was off line, a sync that failed). */
static int64_t delay_of_late(struct rng *rng)
{
	uint64_t kind = rng_below(rng, 100);

	if (kind < LATE_DAYS_SHARE_PCT)
		return sim_spread(rng, SIM_DAY);
	return sim_spread(rng,
		kind < LATE_DAYS_SHARE_PCT + LATE_HOURS_SHARE_PCT ? 3 * SIM_HOUR : 8 * SIM_MINUTE);
}

static void send_letter(
	struct simulator *sim, const struct sim_change *change, int64_t arrival_ms, bool is_second)
{
	uint32_t letter = sim_slots_take(&sim->letters);

	((struct sim_change *)sim->letters.items)[letter] = *change;
	sim_queue_push(&sim->mail, arrival_ms, letter, is_second);
}

void sim_post(struct simulator *sim, struct sim_change *change)
{
	struct rng *rng = &sim->rng;

	/* The agenda ends at to_ms; only the later images of a call that began before can lie beyond. */
	if (change->occurred_ms >= sim->settings.to_ms)
		return;
	change->number = ++sim->event_number;
	int64_t arrival_ms = change->occurred_ms + 100 + sim_spread(rng, 400);
	bool has_room = sim->mail.count < LETTERS_MAX;
	if (rng_chance(rng, sim->settings.late) && has_room) {
		arrival_ms += delay_of_late(rng);
		sim->counts.late++;
	}
	send_letter(sim, change, arrival_ms, false);
	if (rng_chance(rng, sim->settings.duplicates) && has_room)
		send_letter(sim, change,
			arrival_ms + sim_spread(rng,
					     rng_chance(rng, 0.8) ? 5 * SIM_SECOND : 2 * SIM_HOUR),
			true);
}

/* ---- changes of the entities ----------------------------------------------------------------------------------------- */

static void post_funnel(struct simulator *sim, const struct sim_funnel *f, enum entity_type type,
	enum event_op op, uint32_t version, bool is_bare, bool is_twin)
{
	struct sim_change change = { .type = type,
		.op = op,
		.is_bare = is_bare,
		.is_twin = is_twin,
		.actor = f->owner,
		.version = version,
		.occurred_ms = sim->now_ms };

	change.funnel = *f;
	sim_post(sim, &change);
}

/* A deleted lead stays as it is: an UPDATE would bring it back, and its system sends none. */
void sim_change_lead(struct simulator *sim, struct sim_funnel *f, enum event_op op, bool is_bare)
{
	if (f->lead == 0 || (f->lead_is_deleted && op != EVENT_UNDELETE && op != EVENT_DELETE))
		return;
	post_funnel(sim, f, ENTITY_LEAD, op, ++f->lead_version, is_bare, false);
}

void sim_change_twin(struct simulator *sim, struct sim_funnel *f, enum event_op op)
{
	post_funnel(sim, f, ENTITY_LEAD, op, ++f->twin_version, false, true);
}

void sim_change_opportunity(struct simulator *sim, struct sim_funnel *f, enum event_op op)
{
	post_funnel(sim, f, ENTITY_OPPORTUNITY, op, ++f->opportunity_version, false, false);
}

void sim_change_deal(struct simulator *sim, struct sim_funnel *f, enum event_op op, bool is_bare)
{
	post_funnel(sim, f, ENTITY_DEAL, op, ++f->deal_version, is_bare, false);
}

void sim_change_account(struct simulator *sim, struct sim_funnel *f, enum event_op op)
{
	post_funnel(sim, f, ENTITY_ACCOUNT, op, ++f->account_version, false, false);
}

void sim_change_rep(struct simulator *sim, uint16_t tenant, uint16_t rep, enum event_op op)
{
	struct sim_rep *who = &sim->tenants[tenant].reps[rep];
	struct sim_change change = { .type = ENTITY_REP,
		.op = op,
		.actor = SIM_NOBODY,
		.version = ++who->version,
		.occurred_ms = sim->now_ms };

	change.rep.tenant = tenant;
	change.rep.rep = rep;
	change.rep.was = *who;
	sim_post(sim, &change);
}

/* ---- the agenda --------------------------------------------------------------------------------------------------------- */

static void tenant_step(struct simulator *sim, uint32_t number, enum sim_step step)
{
	struct sim_tenant *tenant = &sim->tenants[number];

	switch (step) {
	case SIM_ARRIVAL:
		sim_funnel_begin(sim, (uint16_t)number);
		sim_plan(sim, number, step,
			sim_next_arrival(sim, tenant, tenant->leads_per_ms, sim->now_ms));
		break;
	case SIM_INBOUND_CALL:
		sim_call_in(sim, (uint16_t)number);
		sim_plan(sim, number, step,
			sim_next_arrival(sim, tenant, tenant->calls_per_ms, sim->now_ms));
		break;
	case SIM_DAILY:
	case SIM_MESSAGE:
	case SIM_VISIT:
	case SIM_TICKET:
		sim_reference_step(sim, number, step);
		break;
	default:
		sim_roster_change(sim, (uint16_t)number);
		sim_plan(sim, number, step,
			sim->now_ms + sim_wait(&sim->rng, 12.0 * (double)SIM_DAY));
		break;
	}
}

static bool is_undeletion(enum sim_step step)
{
	return step == SIM_UNDELETE_LEAD || step == SIM_UNDELETE_DEAL;
}

static void funnel_step(struct simulator *sim, uint32_t place, enum sim_step step)
{
	struct sim_funnel *f = sim_funnel_at(sim, place);

	if (f->is_over) {
		/* Nothing more; what is left on the agenda goes by. */
	} else if (f->paused_until > sim->now_ms && !is_undeletion(step)) {
		sim_plan(sim, place, step, f->paused_until + sim_spread(&sim->rng, 5 * SIM_MINUTE));
	} else if (step >= SIM_CORRECTIONS) {
		sim_correction_step(sim, place, step);
	} else {
		sim_funnel_step(sim, place, step);
	}
	struct sim_place *done = &((struct sim_place *)sim->places.items)[place];
	if (--done->steps == 0) {
		sim_slots_give(&sim->places, place);
		sim->open_count--;
	}
}

/* One entry of the agenda. False: there is none before to_ms. */
static bool live_on(struct simulator *sim)
{
	if (sim->agenda.count == 0)
		return false;
	struct sim_entry next = sim_queue_pop(&sim->agenda);
	if (next.at_ms >= sim->settings.to_ms) {
		sim->agenda.count = 0;
		return false;
	}
	assert(next.at_ms >= sim->now_ms);
	sim->now_ms = next.at_ms;
	if (next.what < SIM_FUNNEL_STEPS)
		tenant_step(sim, next.item, (enum sim_step)next.what);
	else
		funnel_step(sim, next.item, (enum sim_step)next.what);
	return true;
}

bool simulator_next(struct simulator *sim, struct arena *arena, struct event *ret)
{
	/* Whatever is still to occur arrives after it occurred: a letter that is due before it is the next. */
	while (sim->mail.count == 0 ||
		(sim->agenda.count > 0 &&
			sim->mail.entries[0].at_ms > sim->agenda.entries[0].at_ms))
		if (!live_on(sim) && sim->mail.count == 0)
			return false;
	struct sim_entry first = sim_queue_pop(&sim->mail);
	sim_render(sim, &((struct sim_change *)sim->letters.items)[first.item], first.at_ms, arena,
		ret);
	sim_slots_give(&sim->letters, first.item);
	sim->counts.events++;
	sim->counts.duplicates += first.what;
	return true;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------ */

static void open_tenant(struct simulator *sim, uint32_t number)
{
	struct sim_tenant *tenant = &sim->tenants[number];

	sim_tenant_init(tenant, number, &sim->settings);
	for (uint16_t rep = 0; rep < tenant->rep_count; rep++)
		sim_change_rep(sim, (uint16_t)number, rep, EVENT_CREATE);
	if (tenant->leads_per_ms <= 0)
		return;
	sim_plan(sim, number, SIM_ARRIVAL,
		sim_next_arrival(sim, tenant, tenant->leads_per_ms, sim->now_ms));
	sim_plan(sim, number, SIM_INBOUND_CALL,
		sim_next_arrival(sim, tenant, tenant->calls_per_ms, sim->now_ms));
	sim_plan(
		sim, number, SIM_ROSTER, sim->now_ms + sim_wait(&sim->rng, 12.0 * (double)SIM_DAY));
	sim_reference_open(sim, number);
}

struct simulator *simulator_new(const struct simulator_settings *settings)
{
	assert(settings->tenants >= 1 && settings->tenants <= SIMULATOR_TENANTS_MAX);
	assert(settings->reps >= 2 && settings->reps <= SIMULATOR_REPS_MAX &&
		settings->book != NULL);
	struct simulator *sim = x_calloc(1, sizeof(*sim));

	sim->settings = *settings;
	if (sim->settings.open_max == 0)
		sim->settings.open_max = OPEN_DEFAULT_MAX;
	sim->fields = sim_fields_new();
	sim->places.size = sizeof(struct sim_place);
	sim->letters.size = sizeof(struct sim_change);
	sim->now_ms = settings->from_ms;
	rng_init(&sim->rng, settings->seed);
	sim->tenants = x_calloc(settings->tenants, sizeof(*sim->tenants));
	for (uint32_t i = 0; i < settings->tenants; i++)
		open_tenant(sim, i);
	return sim;
}

void simulator_free(struct simulator *sim)
{
	if (sim == NULL)
		return;
	for (uint32_t i = 0; i < sim->settings.tenants; i++)
		sim_tenant_deinit(&sim->tenants[i]);
	free(sim->tenants);
	free(sim->fields);
	sim_queue_deinit(&sim->agenda);
	sim_queue_deinit(&sim->mail);
	sim_slots_deinit(&sim->places);
	sim_slots_deinit(&sim->letters);
	free(sim);
}

struct simulator_counts simulator_counts(const struct simulator *sim)
{
	return sim->counts;
}

const char *simulator_tenant_id(const struct simulator *sim, uint32_t number)
{
	assert(number < sim->settings.tenants);
	return sim->tenants[number].id;
}

bool simulator_is_open(const struct simulator *sim, int64_t at_ms)
{
	return sim_is_office_time(sim->tenants[0].zone, at_ms);
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

double simulator_density_for(const struct simulator_settings *settings, uint64_t events)
{
	struct simulator_settings trial = *settings;
	struct arena arena;
	struct event event;

	/* One tenant and as many leads as a trial needs, over the whole time: what is still open at its end is then in proportion. */
	double days = (double)(settings->to_ms - settings->from_ms) / (double)SIM_DAY;
	trial.tenants = 1;
	trial.leads_per_rep_day = TRIAL_LEADS / ((double)settings->reps * (days < 1 ? 1 : days));
	struct simulator *sim = simulator_new(&trial);
	arena_init(&arena, 0);
	while (simulator_next(sim, &arena, &event))
		arena_reset(&arena);
	/* Rosters do not grow with the density; plans and shifts begin with one, and then don't either. */
	double roster = (double)settings->reps, plans = (double)sim->counts.planned,
	       shifts = (double)sim->counts.shifts;
	double per_density =
		((double)sim->counts.events - roster - plans - shifts) / trial.leads_per_rep_day;
	simulator_free(sim);
	arena_deinit(&arena);
	double wanted = (double)events / settings->tenants - roster;
	if (wanted <= 0 || per_density <= 0)
		return 0;
	if ((wanted - plans - shifts) / per_density >= SIM_SHIFTS_FROM)
		return (wanted - plans - shifts) / per_density;
	/* Between the two there are gaps, in which the lesser density is answered. */
	if ((wanted - plans) / per_density >= SIM_PLANS_FROM)
		return lesser((wanted - plans) / per_density, SIM_SHIFTS_FROM * 0.999);
	return lesser(wanted / per_density, SIM_PLANS_FROM * 0.999);
}
