#include "core/model.h"

#include "base/decimal.h"

static const char *const lead_qualification[] = { "UNKNOWN", "NEW", "WORKING", "GOOD", "BAD", "RECYCLED", NULL };
static const char *const opportunity_status[] = { "UNKNOWN", "OPEN", "WON", "LOST", NULL };
static const char *const deal_status[] = { "UNKNOWN", "OPEN", "WON", "LOST", "CANCELLED", "REFUNDED", NULL };
static const char *const deal_type[] = { "UNKNOWN", "NEW_BUSINESS", "UPSELL", "CROSS_SELL", "RENEWAL", NULL };
static const char *const call_direction[] = { "UNKNOWN", "INBOUND", "OUTBOUND", "INTERNAL", NULL };
static const char *const call_state[] = { "UNKNOWN", "INITIATED", "RINGING", "QUEUED", "ANSWERED", "ENDED", NULL };
static const char *const call_disposition[] = { "UNKNOWN", "CONNECTED", "NO_ANSWER", "BUSY", "VOICEMAIL", "FAILED",
	"ABANDONED", "SHORT_ABANDON", "WRONG_NUMBER", "CALLBACK", NULL };
static const char *const target_scope[] = { "UNKNOWN", "COMPANY", "TEAM", "REP", NULL };
static const char *const target_period[] = { "UNKNOWN", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", NULL };
static const char *const interaction_channel[] = { "UNKNOWN", "CALL", "EMAIL", "WHATSAPP", "CHAT", "SOCIAL", "MEETING", "VISIT",
	"NOTE", NULL };
static const char *const agent_states[] = { "UNKNOWN", "AVAILABLE", "ON_CALL", "WRAP", "BREAK", "OFFLINE", NULL };
static const char *const account_status[] = { "UNKNOWN", "ACTIVE", "CHURNED", NULL };

/* The kinds of fields; what a field adds to its kind follows as designated members. */
#define FIELD(field_name, value_type, ...) { .name = field_name, .type = value_type, .reference = -1, __VA_ARGS__ }
#define TEXT(name, ...) FIELD(name, VALUE_STRING, __VA_ARGS__)
#define REFERENCE(field_name, to) { .name = field_name, .type = VALUE_STRING, .reference = to }
#define REQUIRED_REFERENCE(field_name, to) \
	{ .name = field_name, .type = VALUE_STRING, .reference = to, .required = true }
#define ENUM(name, of) FIELD(name, VALUE_STRING, .required = true, .symbols = of)
#define TIME(name, ...) FIELD(name, VALUE_TIME, __VA_ARGS__)
#define PAST(name) FIELD(name, VALUE_TIME, .past_tense = true)
#define DATE(name, ...) FIELD(name, VALUE_INT, .is_date = true, __VA_ARGS__)
#define MONEY(name, ...) FIELD(name, VALUE_MONEY, .currency = "currency", __VA_ARGS__)
#define REQUIRED .required = true
#define RANGE(from, to) .has_range = true, .least = from, .most = to
#define NOT_NEGATIVE RANGE(0, INT64_MAX)
#define PERSONAL .personal = true

static const struct model_field lead_fields[] = {
	TEXT("status", REQUIRED), ENUM("qualification", lead_qualification), TEXT("disqualify_reason", PERSONAL),
	PAST("disqualified_at"), TEXT("source_channel", .required = false), TEXT("campaign_id", .required = false),
	REFERENCE("owner_id", ENTITY_REP), TEXT("team_id", .required = false), TIME("created_at", REQUIRED),
	TIME("assigned_at", .required = false), PAST("first_contact_at"), PAST("qualified_at"), PAST("converted_at"),
	REFERENCE("opportunity_id", ENTITY_OPPORTUNITY), REFERENCE("account_id", ENTITY_ACCOUNT),
	TEXT("contact_id", PERSONAL), FIELD("score", VALUE_DECIMAL, .required = false),
};

static const struct model_field opportunity_fields[] = {
	REFERENCE("lead_id", ENTITY_LEAD), REFERENCE("account_id", ENTITY_ACCOUNT), TEXT("contact_id", PERSONAL),
	TEXT("pipeline_id", REQUIRED), TEXT("stage_id", REQUIRED), TEXT("stage_name", .required = false),
	FIELD("stage_order", VALUE_INT, REQUIRED), TIME("stage_entered_at", REQUIRED),
	TEXT("prev_stage_id", .required = false), ENUM("status", opportunity_status), MONEY("amount", .required = false),
	TEXT("currency", .required = false), FIELD("probability", VALUE_DECIMAL, RANGE(0, DECIMAL_SCALE)),
	REFERENCE("owner_id", ENTITY_REP), TEXT("team_id", .required = false), TIME("created_at", .required = false),
	DATE("expected_close", .required = false), PAST("closed_at"), PAST("won_at"), PAST("lost_at"),
	TEXT("lost_reason", PERSONAL), ENUM("deal_type", deal_type), TEXT("product_family", .required = false),
	TEXT("source_channel", .required = false), TEXT("campaign_id", .required = false),
};

static const struct model_field split_fields[] = {
	TEXT("rep_id", REQUIRED), TEXT("role", .required = false), FIELD("credit_pct", VALUE_DECIMAL, REQUIRED, RANGE(0, 100 * DECIMAL_SCALE)),
};
static const struct model_list splits = { "split", split_fields, sizeof(split_fields) / sizeof(split_fields[0]) };

static const struct model_field item_fields[] = {
	TEXT("product_id", REQUIRED), TEXT("family", .required = false), FIELD("quantity", VALUE_DECIMAL, REQUIRED),
	{ .name = "amount", .type = VALUE_MONEY, .reference = -1, .required = true },
};
static const struct model_list items = { "item", item_fields, sizeof(item_fields) / sizeof(item_fields[0]) };

static const struct model_field deal_fields[] = {
	REFERENCE("opportunity_id", ENTITY_OPPORTUNITY), REFERENCE("lead_id", ENTITY_LEAD),
	REFERENCE("account_id", ENTITY_ACCOUNT), TEXT("contact_id", PERSONAL), ENUM("status", deal_status),
	ENUM("deal_type", deal_type), MONEY("amount", REQUIRED), MONEY("list_amount", .required = false),
	TEXT("currency", REQUIRED), MONEY("margin_amount", .required = false), PAST("won_at"), PAST("lost_at"),
	PAST("cancelled_at"), PAST("refunded_at"), MONEY("refund_amount", .required = false), PAST("first_paid_at"),
	TIME("created_at", .required = false), REQUIRED_REFERENCE("owner_id", ENTITY_REP),
	REFERENCE("owner_at_win_id", ENTITY_REP), TEXT("team_id", .required = false), TEXT("team_at_win_id", .required = false),
	TEXT("source_channel", .required = false), FIELD("splits", VALUE_LIST, .required = true, .list = &splits),
	FIELD("items", VALUE_LIST, .required = true, .list = &items),
};

static const struct model_field call_fields[] = {
	TEXT("parent_call_id", .required = false), ENUM("direction", call_direction), ENUM("state", call_state),
	ENUM("disposition", call_disposition), TEXT("channel", REQUIRED), REFERENCE("rep_id", ENTITY_REP),
	TEXT("team_id", .required = false), TEXT("queue_id", .required = false), REFERENCE("lead_id", ENTITY_LEAD),
	REFERENCE("opportunity_id", ENTITY_OPPORTUNITY), REFERENCE("account_id", ENTITY_ACCOUNT),
	TIME("initiated_at", REQUIRED), PAST("queued_at"), PAST("answered_at"), PAST("ended_at"),
	FIELD("ring_ms", VALUE_DURATION, .required = false), FIELD("queue_ms", VALUE_DURATION, .required = false),
	FIELD("talk_ms", VALUE_DURATION, .required = false), FIELD("hold_ms", VALUE_DURATION, .required = false),
	FIELD("wrap_ms", VALUE_DURATION, .required = false), FIELD("transferred", VALUE_BOOL, REQUIRED),
	FIELD("resolved", VALUE_BOOL, .required = false), TIME("follow_up_due_at", .required = false),
	TEXT("customer_key", PERSONAL),
};

static const struct model_field membership_fields[] = {
	TEXT("team_id", REQUIRED), DATE("from", REQUIRED), DATE("to", .required = false),
};
static const struct model_list memberships = { "membership", membership_fields,
	sizeof(membership_fields) / sizeof(membership_fields[0]) };

static const struct model_field rep_fields[] = {
	TEXT("name", REQUIRED, PERSONAL), TEXT("role", .required = false), FIELD("quota_carrying", VALUE_BOOL, REQUIRED),
	TEXT("region", .required = false), DATE("active_from", REQUIRED), DATE("active_to", .required = false),
	FIELD("memberships", VALUE_LIST, .required = true, .list = &memberships),
};

static const struct model_field account_fields[] = {
	ENUM("status", account_status), DATE("customer_since", .required = false), PAST("churned_at"), PAST("reactivated_at"),
	REFERENCE("owner_id", ENTITY_REP), TEXT("source_channel", .required = false), TEXT("segment", .required = false),
	TEXT("region", .required = false),
};

/* One image a revision: which days a value is good for follows from effective_from, its own and the next one's. */
static const struct model_field pacing_fields[] = { FIELD("share", VALUE_DECIMAL, REQUIRED, RANGE(0, DECIMAL_SCALE)) };
static const struct model_list pacing = { "pacing", pacing_fields, sizeof(pacing_fields) / sizeof(pacing_fields[0]) };

static const struct model_field target_fields[] = {
	ENUM("scope_type", target_scope), TEXT("scope_id", .required = false), TEXT("metric", REQUIRED),
	ENUM("period", target_period), DATE("period_start", REQUIRED), DATE("period_end", REQUIRED),
	FIELD("value", VALUE_DECIMAL, REQUIRED, NOT_NEGATIVE), TEXT("currency", .required = false),
	FIELD("pacing_curve", VALUE_LIST, .required = true, .list = &pacing), DATE("effective_from", .required = false),
	FIELD("ramp_factor", VALUE_DECIMAL, NOT_NEGATIVE),
};

static const struct model_field spend_fields[] = {
	TEXT("category", REQUIRED), TEXT("channel", .required = false), TEXT("campaign_id", .required = false),
	TEXT("team_id", .required = false), MONEY("amount", REQUIRED, NOT_NEGATIVE), TEXT("currency", REQUIRED),
	DATE("period_start", REQUIRED), DATE("period_end", REQUIRED),
};

static const struct model_field fx_rate_fields[] = {
	TEXT("base", REQUIRED), TEXT("quote", REQUIRED), FIELD("rate", VALUE_RATE, REQUIRED, RANGE(1, INT64_MAX)),
	TIME("valid_from", REQUIRED),
};

static const struct model_field interaction_fields[] = {
	ENUM("channel", interaction_channel), ENUM("direction", call_direction), REFERENCE("rep_id", ENTITY_REP),
	REFERENCE("lead_id", ENTITY_LEAD), REFERENCE("opportunity_id", ENTITY_OPPORTUNITY),
	REFERENCE("account_id", ENTITY_ACCOUNT), TEXT("contact_id", PERSONAL), TEXT("conversation_id", PERSONAL),
	FIELD("is_follow_up", VALUE_BOOL, REQUIRED), TIME("due_at", .required = false), PAST("completed_at"),
	FIELD("automated", VALUE_BOOL, REQUIRED),
};

/* Degrees are kept to 1/10,000: 11 m. */
static const struct model_field field_visit_fields[] = {
	REQUIRED_REFERENCE("rep_id", ENTITY_REP), REFERENCE("account_id", ENTITY_ACCOUNT), REFERENCE("lead_id", ENTITY_LEAD),
	REFERENCE("opportunity_id", ENTITY_OPPORTUNITY),
	FIELD("lat", VALUE_DECIMAL, REQUIRED, PERSONAL, RANGE(-90 * DECIMAL_SCALE, 90 * DECIMAL_SCALE)),
	FIELD("lon", VALUE_DECIMAL, REQUIRED, PERSONAL, RANGE(-180 * DECIMAL_SCALE, 180 * DECIMAL_SCALE)),
	FIELD("accuracy_m", VALUE_DECIMAL, NOT_NEGATIVE), TIME("captured_at", REQUIRED, .past_tense = true),
	TIME("uploaded_at", REQUIRED), FIELD("offline", VALUE_BOOL, REQUIRED),
};

static const struct model_field agent_state_fields[] = {
	REQUIRED_REFERENCE("rep_id", ENTITY_REP), ENUM("state", agent_states), TIME("from", REQUIRED), TIME("to", .required = false),
};

static const struct model_field ticket_fields[] = {
	TIME("opened_at", REQUIRED), PAST("first_response_at"), PAST("resolved_at"), FIELD("reopen_count", VALUE_INT, REQUIRED, NOT_NEGATIVE),
	TEXT("priority", .required = false), TIME("sla_due_at", .required = false), FIELD("csat", VALUE_DECIMAL, .required = false),
	TEXT("channel", REQUIRED), REFERENCE("rep_id", ENTITY_REP), TEXT("team_id", .required = false),
	REFERENCE("account_id", ENTITY_ACCOUNT),
};

#define FIELDS(of) of, sizeof(of) / sizeof((of)[0])
#define STAYS NULL, NULL
#define NO_PERIOD -1, -1
const struct model_entity model_table[ENTITY_TYPE_COUNT] = {
	[ENTITY_LEAD] = { "lead", "crm.lead", FIELDS(lead_fields), STAYS, -1, false, NO_PERIOD },
	[ENTITY_OPPORTUNITY] = { "opportunity", "crm.opportunity", FIELDS(opportunity_fields), STAYS, 11, false, NO_PERIOD },
	[ENTITY_DEAL] = { "deal", "crm.deal", FIELDS(deal_fields), STAYS, 8, false, NO_PERIOD },
	[ENTITY_CALL] = { "call", "crm.call", FIELDS(call_fields), "state", "ENDED", -1, false, NO_PERIOD },
	[ENTITY_REP] = { "rep", "crm.rep", FIELDS(rep_fields), STAYS, -1, false, NO_PERIOD },
	[ENTITY_ACCOUNT] = { "account", "crm.account", FIELDS(account_fields), STAYS, -1, true, NO_PERIOD },
	[ENTITY_TARGET] = { "target", "crm.target", FIELDS(target_fields), STAYS, 7, true, 4, 5 },
	[ENTITY_SPEND] = { "spend", "fin.spend", FIELDS(spend_fields), STAYS, 5, true, 6, 7 },
	[ENTITY_FX_RATE] = { "fx_rate", "fin.fx_rate", FIELDS(fx_rate_fields), STAYS, -1, true, NO_PERIOD },
	[ENTITY_INTERACTION] = { "interaction", "crm.interaction", FIELDS(interaction_fields), "completed_at", NULL, -1, true, NO_PERIOD },
	[ENTITY_VISIT] = { "visit", "field.visit", FIELDS(field_visit_fields), "captured_at", NULL, -1, true, NO_PERIOD },
	[ENTITY_AGENT_STATE] = { "agent_state", "crm.agent_state", FIELDS(agent_state_fields), "to", NULL, -1, true, NO_PERIOD },
	[ENTITY_TICKET] = { "ticket", "crm.ticket", FIELDS(ticket_fields), STAYS, -1, true, NO_PERIOD },
};

int model_entity_find(struct slice name)
{
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		if (slice_is(name, model_table[i].name))
			return i;
	return -1;
}

static int field_find(const struct model_field *fields, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, fields[i].name))
			return (int)i;
	return -1;
}

int model_field_find(enum entity_type type, struct slice name)
{
	return field_find(model_table[type].fields, model_table[type].field_count, name);
}

int model_list_field_find(const struct model_list *list, struct slice name)
{
	return field_find(list->fields, list->field_count, name);
}
