#include <stdio.h>
#include <string.h>

#include "../unit/events.h"
#include "../unit/plans.h"
#include "sim.h"

static const char DEFINITIONS[] =
	"derive:\n"
	"  account.first_win: {min: deal.won_at, over: deal.account, where: 'deal.status == "
	"\"WON\"'}\n"
	"measures:\n"
	"  - {name: revenue, on: deal, each: c in deal.credit, at: deal.won_at, where: "
	"'deal.status == \"WON\"', agg: sum, value: c.amount, by: {rep: c.rep_id}}\n"
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: count, "
	"by: {rep: deal.owner_id}}\n"
	"  - {name: size, extends: wins, agg: percentile, value: deal.amount}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.closed_at, agg: count, by: {rep: opportunity.owner_id}}\n"
	"  - {name: pipeline, extends: open, agg: sum, value: opportunity.amount}\n"
	"  - {name: buyers, extends: wins, agg: distinct, value: deal.account_id}\n"
	"  - {name: customers, on: account, at: account.first_win, agg: count}\n"
	"  - {name: firsts, extends: wins, where: 'local_day(deal.won_at) == "
	"local_day(deal.account.first_win)'}\n"
	"  - {name: credit, extends: revenue}\n"
	"metrics:\n"
	"  - {name: revenue, value: revenue, windows: [1h, today, 7d], compare: previous_period, "
	"group_by: [[], [rep]]}\n"
	"  - {name: wins, value: wins, windows: [5m, 1h, month_to_date], group_by: [[], [rep]]}\n"
	"  - {name: average, value: revenue / wins, windows: [today], group_by: [[]]}\n"
	"  - {name: median, value: 'p50(size)', windows: [24h], group_by: [[]]}\n"
	"  - {name: open, value: open, group_by: [[], [rep]]}\n"
	"  - {name: pipeline, value: pipeline, group_by: [[]]}\n"
	"  - {name: rep_revenue, value: revenue, windows: [24h, today], group_by: [[rep]]}\n"
	"  - {name: rank, rank: rep_revenue}\n"
	"  - {name: customers, value: customers, windows: [24h, month_to_date], group_by: [[]]}\n"
	"  - {name: share, value: firsts / wins, windows: [today], compare: previous_period, "
	"group_by: [[], [rep]]}\n"
	"  - {name: buyers, value: buyers, windows: [24h, today], group_by: [[]]}\n"
	"  - {name: settled, value: revenue / wins, windows: [today], min_share: 0.4, group_by: "
	"[[], [rep]]}\n"
	"  - {name: whole, value: full(credit), windows: [today, month_to_date], group_by: [[], "
	"[rep]]}\n";

struct plan *sim_plan(void)
{
	return plan_of(DEFINITIONS);
}

/* Mostly now; late by minutes, hours, days or years; ahead by minutes or hours. */
static int64_t any_time(struct rng *rng, int64_t wall_ms)
{
	static const int64_t spans_ms[] = { 1000, 1000, 1000, 60000, 600000, 3600000, 86400000,
		10 * INT64_C(86400000), 900 * INT64_C(86400000) };
	int64_t away_ms = (int64_t)rng_below(rng, (uint64_t)PICK(rng, spans_ms));

	if (rng_chance(rng, 0.08))
		return wall_ms + away_ms % (3 * INT64_C(3600000));
	return wall_ms - away_ms;
}

static void fill_deal(struct arena *arena, struct event *event, struct rng *rng, int64_t wall_ms)
{
	static const char *const statuses[] = { "WON", "WON", "WON", "OPEN", "LOST", "CANCELLED" };
	static const char *const amounts[] = { "100", "250.50", "0.0001", "99.9999", "1000000" };
	static const char *const owners[] = { "ana", "budi", "citra" },
				 *const percents[] = { "33.3333", "50", "60" },
				 *const accounts[] = { "A1", "A2", "A3" };

	event_set_all(event, "status", PICK(rng, statuses), "amount", PICK(rng, amounts),
		"currency", event->source_version % 3 ? "IDR" : "USD", "owner_id",
		PICK(rng, owners), NULL);
	if (rng_below(rng, 4) > 0)
		event_set(event, "account_id", PICK(rng, accounts));
	if (rng_below(rng, 8) > 0)
		event_set_time(event, "won_at",
			rng_below(rng, 2) ? event->occurred_at_ms : any_time(rng, wall_ms));
	for (uint64_t i = rng_below(rng, 3); i > 0; i--)
		event_add_row(
			arena, event, "splits", PICK(rng, owners), "REVENUE", PICK(rng, percents));
}

static void fill_opportunity(struct event *event, struct rng *rng, int64_t wall_ms)
{
	static const char *const amounts[] = { "10", "20", "40.5" }, *const owners[] = { "ana",
		"budi" };
	bool is_closed = rng_below(rng, 3) == 0;

	event_set_all(event, "status", is_closed ? "LOST" : "OPEN", "amount", PICK(rng, amounts),
		"currency", "IDR", "owner_id", PICK(rng, owners), "pipeline_id", "sales",
		"stage_id", "new", NULL);
	event_set_time(
		event, "created_at", event->occurred_at_ms - (int64_t)rng_below(rng, 3600000));
	if (is_closed)
		event_set_time(event, "closed_at",
			rng_below(rng, 2) ? event->occurred_at_ms : any_time(rng, wall_ms));
}

/* One of the opportunities is a rate of exchange instead, at any time, and for a wrong pair at times (S16): drawn of what it would have been. */
static struct event *as_rate(struct arena *arena, const struct event *of)
{
	struct event *event = event_make_op(arena, ENTITY_FX_RATE, of->op,
		of->source_version % 2 ? "R1" : "R2", of->source_version, NULL);
	const struct event_value
		*from = &of->fields[model_field_find(ENTITY_OPPORTUNITY, SLICE_LIT("created_at"))],
		*rate = &of->fields[model_field_find(ENTITY_OPPORTUNITY, SLICE_LIT("amount"))];

	event->tenant_id = of->tenant_id;
	event->occurred_at_ms = event->ingested_at_ms = of->occurred_at_ms;
	if (of->op != EVENT_UPDATE)
		return event;
	event_set_all(event, "base", "USD", "quote", from->i % 5 ? "IDR" : "EUR", NULL);
	event_set_time(event, "valid_from", from->i);
	*event_field(event, "rate") = (struct event_value){ .i = rate->i * 12345 };
	return event;
}

struct event *sim_event(struct arena *arena, struct rng *rng, int64_t wall_ms)
{
	enum entity_type type = rng_below(rng, 3) ? ENTITY_DEAL : ENTITY_OPPORTUNITY;
	enum event_op op = rng_below(rng, 12)  ? EVENT_UPDATE
			   : rng_below(rng, 2) ? EVENT_DELETE
					       : EVENT_UNDELETE;
	char id[16];

	snprintf(id, sizeof(id), "%c%u", type == ENTITY_DEAL ? 'D' : 'O',
		(unsigned)rng_below(rng, 6));
	struct event *event = event_make_op(arena, type, op, arena_strndup(arena, id, strlen(id)),
		1 + (int64_t)rng_below(rng, 6), NULL);
	event->tenant_id = rng_below(rng, 4) ? SLICE_LIT("acme") : SLICE_LIT("beta");
	event->occurred_at_ms = event->ingested_at_ms = any_time(rng, wall_ms);
	if (op != EVENT_UPDATE)
		return type == ENTITY_OPPORTUNITY && id[1] == '5' ? as_rate(arena, event) : event;
	if (type == ENTITY_DEAL)
		fill_deal(arena, event, rng, wall_ms);
	else
		fill_opportunity(event, rng, wall_ms);
	return type == ENTITY_OPPORTUNITY && id[1] == '5' ? as_rate(arena, event) : event;
}
