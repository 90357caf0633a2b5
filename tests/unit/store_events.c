#include "store_events.h"

#include <stdlib.h>

#include "events.h"

static const char *const
	leads[] = { "L1", "L2", "L3", "L4" },
	*const opportunities[] = { "O1", "O2", "O3" }, *const deals[] = { "D1", "D2", "D3", "D4" },
	*const calls[] = { "C1", "C2" }, *const reps[] = { "ana", "budi", "citra" },
	*const accounts[] = { "A1", "A2", "contact:K1" }, *const references[] = { "X1", "X2" };
static const char *const contacts[] = { "K1", "K2" }, *const teams[] = { "north", "south" },
			 *const channels[] = { "web", "fair", "ads" },
			 *const stages[] = { "new", "demo", "offer" },
			 *const pipelines[] = { "sales", "sales", "sales", "renewals" },
			 *const currencies[] = { "IDR", "IDR", "IDR", "USD" },
			 *const segments[] = { "SMB", "ENT" },
			 *const regions[] = { "java", "bali" },
			 *const amounts[] = { "100", "200", "0", "99.9999", "0.0001", "1000000" },
			 *const roles[] = { "REVENUE", "OVERLAY", "PRIMARY" },
			 *const percents[] = { "33.3333", "50", "60", "100", "12.5" };
/* Real event ids repeat; some are UUIDs. */
static const char *const event_ids[] = { "e1", "e2", "e3", "0b5c1f6e-8a10-4d0e-9a53-7f2f9a4e1c01",
	"0b5c1f6e-8a10-4d0e-9a53-7f2f9a4e1c02" };

#define PICK(rng, of) (of)[rng_below((rng), sizeof(of) / sizeof((of)[0]))]

static int64_t any_time(struct rng *r)
{
	return time_of("2026-03-01") + (int64_t)rng_below(r, 10) * 3600000 * 3;
}

/* Null, blank, or one of them: `nulls` of 8 are null. */
#define MAY(e, r, field, of, nulls)                           \
	do {                                                  \
		uint64_t may_ = rng_below((r), 16);           \
		if (may_ >= 2u * (nulls))                     \
			event_set((e), (field), PICK(r, of)); \
		else if (may_ == 0)                           \
			event_set((e), (field), "");          \
	} while (0)

static void may_time(struct event *e, struct rng *r, const char *field, unsigned nulls)
{
	if (rng_below(r, 8) >= nulls)
		event_set_time(e, field, any_time(r));
}

static void fill_lead(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "status", "open", "qualification", "GOOD", NULL);
	event_set_time(e, "created_at", any_time(r));
	MAY(e, r, "owner_id", reps, 2);
	MAY(e, r, "source_channel", channels, 2);
	MAY(e, r, "opportunity_id", opportunities, 4);
	MAY(e, r, "account_id", accounts, 3);
	MAY(e, r, "contact_id", contacts, 3);
}

static void fill_opportunity(struct arena *a, struct event *e, struct rng *r)
{
	static const char *const statuses[] = { "OPEN", "OPEN", "OPEN", "WON", "LOST", "UNKNOWN" };
	static const char *const orders[] = { "1", "2", "3" }, *const probabilities[] = { "0.1",
		"0.3333", "1", "0.5" };

	(void)a;
	event_set(e, "status", PICK(r, statuses));
	event_set(e, "deal_type", "NEW_BUSINESS");
	event_set(e, "stage_id", PICK(r, stages));
	event_set(e, "pipeline_id", PICK(r, pipelines));
	event_set(e, "stage_order", PICK(r, orders));
	event_set_time(e, "stage_entered_at", any_time(r));
	MAY(e, r, "lead_id", leads, 3);
	MAY(e, r, "account_id", accounts, 3);
	MAY(e, r, "owner_id", reps, 1);
	MAY(e, r, "team_id", teams, 3);
	MAY(e, r, "source_channel", channels, 4);
	may_time(e, r, "created_at", 1);
	may_time(e, r, "won_at", 4);
	may_time(e, r, "lost_at", 5);
	may_time(e, r, "closed_at", 5);
	if (rng_below(r, 4)) {
		event_set(e, "amount", PICK(r, amounts));
		event_set(e, "currency", PICK(r, currencies));
		if (rng_below(r, 4))
			event_set(e, "probability", PICK(r, probabilities));
	}
}

static void fill_deal(struct arena *a, struct event *e, struct rng *r)
{
	static const char *const statuses[] = { "OPEN", "WON", "WON", "WON", "LOST", "CANCELLED",
		"REFUNDED" };

	event_set(e, "status", PICK(r, statuses));
	event_set(e, "deal_type", "UPSELL");
	event_set(e, "amount", PICK(r, amounts));
	event_set(e, "currency", PICK(r, currencies));
	if (rng_below(r, 5) == 0)
		event_field(e, "amount")->i *= -1;
	MAY(e, r, "opportunity_id", opportunities, 3);
	MAY(e, r, "lead_id", leads, 5);
	MAY(e, r, "account_id", accounts, 3);
	MAY(e, r, "contact_id", contacts, 4);
	MAY(e, r, "owner_id", reps, 1);
	MAY(e, r, "owner_at_win_id", reps, 6);
	MAY(e, r, "team_id", teams, 3);
	MAY(e, r, "team_at_win_id", teams, 6);
	MAY(e, r, "source_channel", channels, 5);
	may_time(e, r, "won_at", 2);
	may_time(e, r, "created_at", 3);
	may_time(e, r, "refunded_at", 4);
	if (rng_below(r, 2))
		event_set(e, "refund_amount", PICK(r, amounts));
	for (uint64_t i = rng_below(r, 4); i > 0; i--)
		event_add_row(a, e, "splits", rng_below(r, 6) ? PICK(r, reps) : NULL,
			rng_below(r, 4) ? PICK(r, roles) : NULL, PICK(r, percents));
	if (rng_below(r, 3) == 0)
		event_add_row(a, e, "items", "P1", NULL, "2", PICK(r, amounts));
}

static void fill_call(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "direction", "OUTBOUND", "state", "ENDED", "disposition", "CONNECTED",
		"channel", "phone", "transferred", "false", NULL);
	event_set_time(e, "initiated_at", any_time(r));
	MAY(e, r, "rep_id", reps, 1);
	MAY(e, r, "lead_id", leads, 3);
	MAY(e, r, "opportunity_id", opportunities, 3);
	MAY(e, r, "account_id", accounts, 3);
	MAY(e, r, "customer_key", contacts, 4);
	if (rng_below(r, 3))
		event_set_int(e, "talk_ms", (int64_t)rng_below(r, 5) * 1500);
}

static void fill_rep(struct arena *a, struct event *e, struct rng *r)
{
	event_set_all(e, "name", rng_below(r, 2) ? "Ana S." : "B.", "quota_carrying", "true",
		"active_from", "2026-01-01", NULL);
	MAY(e, r, "region", regions, 2);
	if (rng_below(r, 2))
		event_add_row(a, e, "memberships", PICK(r, teams), "2026-01-01", NULL);
}

static void fill_account(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set(e, "status", "ACTIVE");
	MAY(e, r, "owner_id", reps, 2);
	MAY(e, r, "segment", segments, 1);
	MAY(e, r, "source_channel", channels, 4);
}

static void fill_target(struct arena *a, struct event *e, struct rng *r)
{
	event_set_all(e, "scope_type", "REP", "metric", "won_revenue", "period", "MONTH",
		"period_start", "2026-03-01", "period_end", "2026-03-31", NULL);
	event_set(e, "value", PICK(r, amounts));
	MAY(e, r, "scope_id", reps, 2);
	MAY(e, r, "currency", currencies, 4);
	if (rng_below(r, 3) == 0)
		event_add_row(a, e, "pacing_curve", "0.5");
}

static void fill_spend(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "category", "marketing", "currency", "IDR", "period_start", "2026-03-01",
		"period_end", "2026-03-31", NULL);
	event_set(e, "amount", PICK(r, amounts));
	MAY(e, r, "channel", channels, 3);
	MAY(e, r, "team_id", teams, 4);
}

static void fill_rate(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "base", "USD", "quote", "IDR", "rate",
		rng_below(r, 2) ? "16250.5" : "16300.00000001", NULL);
	event_set_time(e, "valid_from", any_time(r));
}

static void fill_interaction(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "channel", "WHATSAPP", "direction", "OUTBOUND", "is_follow_up", "true",
		"automated", "false", NULL);
	may_time(e, r, "due_at", 3);
	may_time(e, r, "completed_at", 3);
	MAY(e, r, "rep_id", reps, 2);
	MAY(e, r, "lead_id", leads, 3);
	MAY(e, r, "opportunity_id", opportunities, 3);
	MAY(e, r, "account_id", accounts, 3);
	MAY(e, r, "conversation_id", contacts, 4);
}

static void fill_visit(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "lat", "-6.1754", "lon", "106.8272", "accuracy_m", "8.5", "offline",
		"true", NULL);
	event_set_time(e, "captured_at", any_time(r));
	event_set_time(e, "uploaded_at", any_time(r));
	MAY(e, r, "rep_id", reps, 1);
	MAY(e, r, "lead_id", leads, 3);
	MAY(e, r, "opportunity_id", opportunities, 3);
	MAY(e, r, "account_id", accounts, 3);
}

static void fill_agent_state(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set(e, "state", "AVAILABLE");
	event_set_time(e, "from", any_time(r));
	may_time(e, r, "to", 3);
	MAY(e, r, "rep_id", reps, 1);
}

static void fill_ticket(struct arena *a, struct event *e, struct rng *r)
{
	(void)a;
	event_set_all(e, "channel", "email", "reopen_count", "1", NULL);
	event_set_time(e, "opened_at", any_time(r));
	may_time(e, r, "resolved_at", 3);
	MAY(e, r, "rep_id", reps, 2);
	MAY(e, r, "team_id", teams, 3);
	MAY(e, r, "account_id", accounts, 3);
}

static const struct {
	const char *const *ids;
	size_t id_count;
	void (*fill)(struct arena *, struct event *, struct rng *);
} kinds[ENTITY_TYPE_COUNT] = {
	[ENTITY_LEAD] = { leads, 4, fill_lead },
	[ENTITY_OPPORTUNITY] = { opportunities, 3, fill_opportunity },
	[ENTITY_DEAL] = { deals, 4, fill_deal },
	[ENTITY_CALL] = { calls, 2, fill_call },
	[ENTITY_REP] = { reps, 3, fill_rep },
	[ENTITY_ACCOUNT] = { accounts, 3, fill_account },
	[ENTITY_TARGET] = { references, 2, fill_target },
	[ENTITY_SPEND] = { references, 2, fill_spend },
	[ENTITY_FX_RATE] = { references, 2, fill_rate },
	[ENTITY_INTERACTION] = { references, 2, fill_interaction },
	[ENTITY_VISIT] = { references, 2, fill_visit },
	[ENTITY_AGENT_STATE] = { references, 2, fill_agent_state },
	[ENTITY_TICKET] = { references, 2, fill_ticket },
};

static enum event_op any_op(struct rng *r)
{
	static const enum event_op ops[] = { EVENT_UPDATE, EVENT_UPDATE, EVENT_UPDATE, EVENT_UPDATE,
		EVENT_UPDATE, EVENT_CREATE, EVENT_SNAPSHOT, EVENT_DELETE, EVENT_DELETE,
		EVENT_UNDELETE, EVENT_MERGE, EVENT_MERGE, EVENT_ERASE };

	return rng_below(r, 40) ? PICK(r, ops) : EVENT_ERASE;
}

static bool wants_body(enum event_op op, struct rng *r)
{
	return op == EVENT_CREATE || op == EVENT_UPDATE || op == EVENT_SNAPSHOT ||
	       (op != EVENT_ERASE && rng_below(r, 2));
}

struct event *random_event(struct arena *arena, struct rng *r)
{
	static const enum entity_type types[] = { ENTITY_LEAD, ENTITY_OPPORTUNITY,
		ENTITY_OPPORTUNITY, ENTITY_DEAL, ENTITY_DEAL, ENTITY_CALL, ENTITY_REP,
		ENTITY_ACCOUNT };
	enum entity_type type =
		rng_below(r, 8) ? PICK(r, types)
				: (enum entity_type)(ENTITY_TARGET + rng_below(r, ENTITY_TYPE_COUNT - ENTITY_TARGET));
	enum event_op op = any_op(r);
	struct event *e =
		event_make_op(arena, type, op, kinds[type].ids[rng_below(r, kinds[type].id_count)],
			1 + (int64_t)rng_below(r, 4), NULL);

	e->event_id = slice_of(PICK(r, event_ids));
	e->occurred_at_ms = any_time(r);
	if (rng_below(r, 12) == 0)
		e->tenant_id = SLICE_LIT("beta");
	if (op == EVENT_MERGE)
		for (uint64_t i = 1 + rng_below(r, 2); i > 0; i--)
			event_add_merged(
				arena, e, kinds[type].ids[rng_below(r, kinds[type].id_count)]);
	if (!wants_body(op, r))
		return e;
	kinds[type].fill(arena, e, r);
	e->excluded = rng_below(r, 12) == 0;
	if (op == EVENT_DELETE && (type == ENTITY_OPPORTUNITY || type == ENTITY_DEAL) &&
		rng_below(r, 3) == 0)
		event_set_time(e, "won_at",
			e->occurred_at_ms + 49 * INT64_C(3600000)); /* a body that can't be true */
	if (rng_below(r, 3) == 0)
		event_add_ext(arena, e, "campaign", PICK(r, channels));
	if (rng_below(r, 3) == 0)
		event_add_ext(arena, e, "note", PICK(r, segments));
	return e;
}

void shuffle_events(struct rng *r, const struct event **events, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t k = rng_below(r, i);
		const struct event *swap = events[i - 1];

		events[i - 1] = events[k];
		events[k] = swap;
	}
}

uint64_t test_seed(uint64_t fallback)
{
	const char *text = getenv("SEED");

	return text ? strtoull(text, NULL, 10) : fallback;
}
