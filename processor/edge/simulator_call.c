/* Calls: dials with their outcomes, and what comes in through a queue. One call in three is told in several images. */
#include "base/hash.h"
#include "edge/simulator_inside.h"

static void post_image(
	struct simulator *sim, const struct sim_call *call, uint32_t version, int64_t at_ms)
{
	struct sim_change change = { .type = ENTITY_CALL,
		.op = version == 1 ? EVENT_CREATE : EVENT_UPDATE,
		.actor = call->rep,
		.version = version,
		.occurred_ms = at_ms };

	change.call = *call;
	sim_post(sim, &change);
}

/* The images of a call on its way, as far as its switchboard tells them, and the last one. */
static void tell(struct simulator *sim, const struct sim_call *call, bool is_detailed)
{
	uint32_t version = 0;
	int64_t told_ms = call->ended + (call->has_wrap ? call->wrap_ms : 0);

	if (is_detailed) {
		struct sim_call early = *call;
		early.disposition = 0;
		early.state = call->queued > 0 ? SIM_QUEUED : SIM_RINGING;
		early.answered = early.ended = early.follow_up = 0;
		early.asks_resolved = false;
		if (call->queued > 0)
			early.rep = SIM_NOBODY;
		post_image(
			sim, &early, ++version, call->queued > 0 ? call->queued : call->initiated);
		early.answered = call->answered;
		early.rep = call->rep;
		early.state = SIM_ANSWERED;
		if (call->answered > 0)
			post_image(sim, &early, ++version, call->answered);
	}
	post_image(sim, call, ++version, told_ms);
}

static void talk(struct rng *rng, struct sim_call *call, int64_t talk_ms)
{
	call->talk_ms = sim_spread(rng, talk_ms);
	call->hold_ms = rng_chance(rng, 0.2) ? sim_spread(rng, 25 * SIM_SECOND) : 0;
	call->has_wrap = rng_chance(rng, 0.9);
	call->wrap_ms = call->has_wrap ? sim_spread(rng, 35 * SIM_SECOND) : 0;
	call->ended = call->answered + call->talk_ms + call->hold_ms;
}

void sim_call_out(struct simulator *sim, const struct sim_funnel *f, bool reaches)
{
	static const struct {
		uint8_t disposition, weight;
	} misses[] = {
		{ SIM_NO_ANSWER, 55 },
		{ SIM_BUSY, 15 },
		{ SIM_VOICEMAIL, 12 },
		{ SIM_CALLBACK, 8 },
		{ SIM_FAILED, 6 },
		{ SIM_WRONG_NUMBER, 4 },
	};
	struct rng *rng = &sim->rng;
	struct sim_call call = { .tenant = f->tenant,
		.rep = f->owner,
		.team = f->team,
		.direction = SIM_OUTBOUND,
		.state = SIM_ENDED,
		.disposition = SIM_CONNECTED };

	call.number = ++sim_tenant_of(sim, f)->calls;
	call.lead = f->lead;
	call.opportunity = f->opportunity;
	call.account = f->account;
	call.customer = f->account != 0 ? f->account : (uint64_t)f->lead << 32;
	call.is_whatsapp = rng_chance(rng, 0.25);
	call.initiated = sim->now_ms;
	call.ring_ms = sim_spread(rng, 9 * SIM_SECOND);
	if (!reaches) {
		uint64_t roll = rng_below(rng, 100);
		unsigned i = 0;
		while (roll >= misses[i].weight)
			roll -= misses[i++].weight;
		call.disposition = misses[i].disposition;
	}
	bool is_answered =
		reaches || call.disposition == SIM_WRONG_NUMBER || call.disposition == SIM_CALLBACK;
	call.answered = is_answered ? call.initiated + call.ring_ms : 0;
	call.ended = call.initiated + call.ring_ms;
	if (is_answered)
		talk(rng, &call, reaches ? 170 * SIM_SECOND : 25 * SIM_SECOND);
	if (call.disposition == SIM_CALLBACK)
		call.follow_up = sim_office_time(
			sim, sim_tenant_of(sim, f), call.ended + sim_spread(rng, 5 * SIM_HOUR));
	tell(sim, &call, rng_chance(rng, 0.3));
}

void sim_call_in(struct simulator *sim, uint16_t number)
{
	struct rng *rng = &sim->rng;
	struct sim_tenant *tenant = &sim->tenants[number];
	struct sim_call call = { .tenant = number,
		.rep = SIM_NOBODY,
		.direction = SIM_INBOUND,
		.state = SIM_ENDED,
		.team = SIM_NOBODY };

	call.number = ++tenant->calls;
	call.initiated = sim->now_ms;
	call.queued = call.initiated + 2 * SIM_SECOND;
	call.queue_ms = sim_spread(rng, 11 * SIM_SECOND);
	call.customer = 1 + rng_u64(rng) % 100000;
	if (tenant->recent_count > 0 && rng_chance(rng, 0.6)) {
		uint32_t kept = tenant->recent_count < SIM_RECENT_MAX ? tenant->recent_count
								      : SIM_RECENT_MAX;
		call.account = tenant->recent[rng_below(rng, kept)].account;
		call.customer = call.account;
	}
	bool hangs_up = !sim_is_office_time(tenant->zone, sim->now_ms) ||
			rng_chance(rng, call.queue_ms > 30 * SIM_SECOND ? 0.35 : 0.04);
	if (hangs_up) {
		call.disposition =
			call.queue_ms < 5 * SIM_SECOND ? SIM_SHORT_ABANDON : SIM_ABANDONED;
		call.ended = call.queued + call.queue_ms;
	} else {
		call.disposition = SIM_CONNECTED;
		call.rep = sim_seller(sim, tenant);
		call.team = tenant->reps[call.rep].team;
		call.answered = call.queued + call.queue_ms;
		talk(rng, &call, 210 * SIM_SECOND);
		call.asks_resolved = rng_chance(rng, 0.7);
		call.is_resolved = rng_chance(rng, 0.82);
	}
	tell(sim, &call, rng_chance(rng, 0.3));
}
