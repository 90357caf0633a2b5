#include "core/attribute.h"

#include <assert.h>
#include <stddef.h>

/*
 * Fields per type: attributes start right after them. The table of relations needs their slots as constants, so the
 * counts are written here once more; attribute_slot_count asserts, and a test proves, that they are the model's.
 */
enum attribute_first {
	LEAD_FIELDS = 17,
	OPPORTUNITY_FIELDS = 25,
	DEAL_FIELDS = 24,
	CALL_FIELDS = 24,
	REP_FIELDS = 7,
	ACCOUNT_FIELDS = 8,
	TARGET_FIELDS = 11,
	SPEND_FIELDS = 8,
	FX_RATE_FIELDS = 4,
	INTERACTION_FIELDS = 12,
	VISIT_FIELDS = 10,
	AGENT_STATE_FIELDS = 4,
	TICKET_FIELDS = 11,
};

enum lead_slot { LEAD_OPPORTUNITY = LEAD_FIELDS, LEAD_ACCOUNT, LEAD_OWNER, LEAD_SLOTS };
enum opportunity_slot {
	OPP_LEAD_BY_ID = OPPORTUNITY_FIELDS,
	OPP_LEAD,
	OPP_ACCOUNT,
	OPP_OWNER,
	OPP_CLOSER,
	OPP_CLOSE_OWNER_ID,
	OPP_CLOSE_TEAM_ID,
	OPP_CLOSE_AT,
	OPP_VISITS,
	OPP_VERSIONS,
	OPP_SLOTS
};
enum deal_slot {
	DEAL_OPPORTUNITY = DEAL_FIELDS,
	DEAL_LEAD_BY_ID,
	DEAL_LEAD,
	DEAL_ACCOUNT,
	DEAL_OWNER,
	DEAL_WINNER,
	DEAL_CUSTOMER_ID,
	DEAL_WIN_OWNER_ID,
	DEAL_WIN_TEAM_ID,
	DEAL_CREDIT,
	DEAL_SLOTS
};
enum call_slot { CALL_LEAD = CALL_FIELDS, CALL_OPPORTUNITY, CALL_ACCOUNT, CALL_REP, CALL_SLOTS };
enum account_slot { ACCOUNT_OWNER = ACCOUNT_FIELDS, ACCOUNT_SLOTS };
enum target_slot { TARGET_SLICES = TARGET_FIELDS, TARGET_SLOTS };
enum spend_slot { SPEND_DAYS = SPEND_FIELDS, SPEND_SLOTS };
enum interaction_slot {
	INTERACTION_LEAD = INTERACTION_FIELDS,
	INTERACTION_OPPORTUNITY,
	INTERACTION_ACCOUNT,
	INTERACTION_REP,
	INTERACTION_SLOTS
};
enum visit_slot {
	VISIT_LEAD = VISIT_FIELDS,
	VISIT_OPPORTUNITY,
	VISIT_ACCOUNT,
	VISIT_REP,
	VISIT_SLOTS
};
enum agent_state_slot { AGENT_STATE_REP = AGENT_STATE_FIELDS, AGENT_STATE_SLOTS };
enum ticket_slot { TICKET_ACCOUNT = TICKET_FIELDS, TICKET_REP, TICKET_SLOTS };

/* ---- lists ---------------------------------------------------------------------------------------------- */

static const struct model_field visit_fields[VISIT_COLUMNS] = {
	[VISIT_STAGE_ID] = { .name = "stage_id",
		.type = VALUE_STRING,
		.reference = -1,
		.required = true },
	[VISIT_PIPELINE_ID] = { .name = "pipeline_id", .type = VALUE_STRING, .reference = -1 },
	[VISIT_OWNER_ID] = { .name = "owner_id", .type = VALUE_STRING, .reference = ENTITY_REP },
	[VISIT_TEAM_ID] = { .name = "team_id", .type = VALUE_STRING, .reference = -1 },
	[VISIT_ENTERED_AT] = { .name = "entered_at",
		.type = VALUE_TIME,
		.reference = -1,
		.required = true },
	[VISIT_LEFT_AT] = { .name = "left_at", .type = VALUE_TIME, .reference = -1 },
	[VISIT_EXIT] = { .name = "exit", .type = VALUE_STRING, .reference = -1, .required = true },
};
static const struct model_list visits = { "visit", visit_fields, VISIT_COLUMNS };

static const struct model_field version_fields[VERSION_COLUMNS] = {
	[VERSION_FROM_AT] = { .name = "from_at",
		.type = VALUE_TIME,
		.reference = -1,
		.required = true },
	[VERSION_AMOUNT] = { .name = "amount",
		.type = VALUE_MONEY,
		.currency = "currency",
		.reference = -1 },
	[VERSION_PROBABILITY] = { .name = "probability", .type = VALUE_DECIMAL, .reference = -1 },
	[VERSION_OWNER_ID] = { .name = "owner_id", .type = VALUE_STRING, .reference = ENTITY_REP },
	[VERSION_TEAM_ID] = { .name = "team_id", .type = VALUE_STRING, .reference = -1 },
	[VERSION_STAGE_ID] = { .name = "stage_id", .type = VALUE_STRING, .reference = -1 },
	[VERSION_PIPELINE_ID] = { .name = "pipeline_id", .type = VALUE_STRING, .reference = -1 },
	[VERSION_CURRENCY] = { .name = "currency", .type = VALUE_STRING, .reference = -1 },
};
static const struct model_list versions = { "version", version_fields, VERSION_COLUMNS };

static const struct model_field credit_fields[CREDIT_COLUMNS] = {
	[CREDIT_REP_ID] = { .name = "rep_id", .type = VALUE_STRING, .reference = ENTITY_REP },
	[CREDIT_TEAM_ID] = { .name = "team_id", .type = VALUE_STRING, .reference = -1 },
	[CREDIT_AMOUNT] = { .name = "amount",
		.type = VALUE_MONEY,
		.reference = -1,
		.required = true },
	[CREDIT_SHARE] = { .name = "share",
		.type = VALUE_DECIMAL,
		.reference = -1,
		.required = true },
	[CREDIT_REFUND] = { .name = "refund", .type = VALUE_MONEY, .reference = -1 },
};
static const struct model_list credit = { "credit", credit_fields, CREDIT_COLUMNS };

static const struct model_field day_fields[DAY_COLUMNS] = {
	[DAY_DAY] = { .name = "day",
		.type = VALUE_INT,
		.reference = -1,
		.required = true,
		.is_date = true },
	[DAY_AMOUNT] = { .name = "amount", .type = VALUE_MONEY, .reference = -1 },
	[DAY_VALUE] = { .name = "value", .type = VALUE_DECIMAL, .reference = -1, .required = true },
	[DAY_WORKING] = { .name = "working", .type = VALUE_BOOL, .reference = -1, .required = true },
};
static const struct model_list days = { "day", day_fields, DAY_COLUMNS };

/* ---- attributes ----------------------------------------------------------------------------------------- */

#define REFERENCE(text, to)               \
	{                                 \
		text, VALUE_REF, to, NULL \
	}
#define PLAIN(text, type)            \
	{                            \
		text, type, -1, NULL \
	}
#define LIST(text, columns)                      \
	{                                        \
		text, VALUE_LIST, -1, &(columns) \
	}

static const struct attribute_info lead_attributes[] = {
	[LEAD_OPPORTUNITY - LEAD_FIELDS] = REFERENCE("opportunity", ENTITY_OPPORTUNITY),
	[LEAD_ACCOUNT - LEAD_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[LEAD_OWNER - LEAD_FIELDS] = REFERENCE("owner", ENTITY_REP),
};

static const struct attribute_info opportunity_attributes[] = {
	[OPP_LEAD_BY_ID - OPPORTUNITY_FIELDS] = REFERENCE("lead_by_id", ENTITY_LEAD),
	[OPP_LEAD - OPPORTUNITY_FIELDS] = REFERENCE("lead", ENTITY_LEAD),
	[OPP_ACCOUNT - OPPORTUNITY_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[OPP_OWNER - OPPORTUNITY_FIELDS] = REFERENCE("owner", ENTITY_REP),
	[OPP_CLOSER - OPPORTUNITY_FIELDS] = REFERENCE("closer", ENTITY_REP),
	[OPP_CLOSE_OWNER_ID - OPPORTUNITY_FIELDS] = PLAIN("close_owner_id", VALUE_STRING),
	[OPP_CLOSE_TEAM_ID - OPPORTUNITY_FIELDS] = PLAIN("close_team_id", VALUE_STRING),
	[OPP_CLOSE_AT - OPPORTUNITY_FIELDS] = PLAIN("close_at", VALUE_TIME),
	[OPP_VISITS - OPPORTUNITY_FIELDS] = LIST("visits", visits),
	[OPP_VERSIONS - OPPORTUNITY_FIELDS] = LIST("versions", versions),
};

static const struct attribute_info deal_attributes[] = {
	[DEAL_OPPORTUNITY - DEAL_FIELDS] = REFERENCE("opportunity", ENTITY_OPPORTUNITY),
	[DEAL_LEAD_BY_ID - DEAL_FIELDS] = REFERENCE("lead_by_id", ENTITY_LEAD),
	[DEAL_LEAD - DEAL_FIELDS] = REFERENCE("lead", ENTITY_LEAD),
	[DEAL_ACCOUNT - DEAL_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[DEAL_OWNER - DEAL_FIELDS] = REFERENCE("owner", ENTITY_REP),
	[DEAL_WINNER - DEAL_FIELDS] = REFERENCE("winner", ENTITY_REP),
	[DEAL_CUSTOMER_ID - DEAL_FIELDS] = PLAIN("customer_id", VALUE_STRING),
	[DEAL_WIN_OWNER_ID - DEAL_FIELDS] = PLAIN("win_owner_id", VALUE_STRING),
	[DEAL_WIN_TEAM_ID - DEAL_FIELDS] = PLAIN("win_team_id", VALUE_STRING),
	[DEAL_CREDIT - DEAL_FIELDS] = LIST("credit", credit),
};

static const struct attribute_info call_attributes[] = {
	[CALL_LEAD - CALL_FIELDS] = REFERENCE("lead", ENTITY_LEAD),
	[CALL_OPPORTUNITY - CALL_FIELDS] = REFERENCE("opportunity", ENTITY_OPPORTUNITY),
	[CALL_ACCOUNT - CALL_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[CALL_REP - CALL_FIELDS] = REFERENCE("rep", ENTITY_REP),
};

static const struct attribute_info account_attributes[] = {
	[ACCOUNT_OWNER - ACCOUNT_FIELDS] = REFERENCE("owner", ENTITY_REP),
};

static const struct attribute_info target_attributes[] = {
	[TARGET_SLICES - TARGET_FIELDS] = LIST("slices", days),
};

static const struct attribute_info spend_attributes[] = {
	[SPEND_DAYS - SPEND_FIELDS] = LIST("days", days),
};

static const struct attribute_info interaction_attributes[] = {
	[INTERACTION_LEAD - INTERACTION_FIELDS] = REFERENCE("lead", ENTITY_LEAD),
	[INTERACTION_OPPORTUNITY - INTERACTION_FIELDS] =
		REFERENCE("opportunity", ENTITY_OPPORTUNITY),
	[INTERACTION_ACCOUNT - INTERACTION_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[INTERACTION_REP - INTERACTION_FIELDS] = REFERENCE("rep", ENTITY_REP),
};

static const struct attribute_info visit_attributes[] = {
	[VISIT_LEAD - VISIT_FIELDS] = REFERENCE("lead", ENTITY_LEAD),
	[VISIT_OPPORTUNITY - VISIT_FIELDS] = REFERENCE("opportunity", ENTITY_OPPORTUNITY),
	[VISIT_ACCOUNT - VISIT_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[VISIT_REP - VISIT_FIELDS] = REFERENCE("rep", ENTITY_REP),
};

static const struct attribute_info agent_state_attributes[] = {
	[AGENT_STATE_REP - AGENT_STATE_FIELDS] = REFERENCE("rep", ENTITY_REP),
};

static const struct attribute_info ticket_attributes[] = {
	[TICKET_ACCOUNT - TICKET_FIELDS] = REFERENCE("account", ENTITY_ACCOUNT),
	[TICKET_REP - TICKET_FIELDS] = REFERENCE("rep", ENTITY_REP),
};

static const struct {
	const struct attribute_info *items;
	uint32_t first, end;
} attributes[ENTITY_TYPE_COUNT] = {
	[ENTITY_LEAD] = { lead_attributes, LEAD_FIELDS, LEAD_SLOTS },
	[ENTITY_OPPORTUNITY] = { opportunity_attributes, OPPORTUNITY_FIELDS, OPP_SLOTS },
	[ENTITY_DEAL] = { deal_attributes, DEAL_FIELDS, DEAL_SLOTS },
	[ENTITY_CALL] = { call_attributes, CALL_FIELDS, CALL_SLOTS },
	[ENTITY_REP] = { NULL, REP_FIELDS, REP_FIELDS },
	[ENTITY_ACCOUNT] = { account_attributes, ACCOUNT_FIELDS, ACCOUNT_SLOTS },
	[ENTITY_TARGET] = { target_attributes, TARGET_FIELDS, TARGET_SLOTS },
	[ENTITY_SPEND] = { spend_attributes, SPEND_FIELDS, SPEND_SLOTS },
	[ENTITY_FX_RATE] = { NULL, FX_RATE_FIELDS, FX_RATE_FIELDS },
	[ENTITY_INTERACTION] = { interaction_attributes, INTERACTION_FIELDS, INTERACTION_SLOTS },
	[ENTITY_VISIT] = { visit_attributes, VISIT_FIELDS, VISIT_SLOTS },
	[ENTITY_AGENT_STATE] = { agent_state_attributes, AGENT_STATE_FIELDS, AGENT_STATE_SLOTS },
	[ENTITY_TICKET] = { ticket_attributes, TICKET_FIELDS, TICKET_SLOTS },
};

uint32_t attribute_slot_count(enum entity_type type)
{
	assert(model_table[type].field_count == attributes[type].first);
	return attributes[type].end;
}

int attribute_find(enum entity_type type, struct slice name)
{
	int field = model_field_find(type, name);

	if (field >= 0)
		return field;
	for (uint32_t slot = attributes[type].first; slot < attributes[type].end; slot++)
		if (slice_is(name, attributes[type].items[slot - attributes[type].first].name))
			return (int)slot;
	return -1;
}

struct attribute_info attribute_describe(enum entity_type type, uint32_t slot)
{
	const struct model_field *field;

	assert(slot < attribute_slot_count(type));
	if (slot >= attributes[type].first)
		return attributes[type].items[slot - attributes[type].first];
	field = &model_table[type].fields[slot];
	return (struct attribute_info){ field->name, field->type, -1, field->list };
}

uint32_t attribute_slot(enum entity_type type, const char *name)
{
	int slot = attribute_find(type, slice_of(name));

	assert(slot >= 0);
	return (uint32_t)slot;
}

/* ---- relations ------------------------------------------------------------------------------------------ */

const struct relation_info relation_table[RELATION_COUNT] = {
	[RELATION_LEAD_OPPORTUNITY] = { "lead.opportunity_id", ENTITY_LEAD, ENTITY_OPPORTUNITY,
		LEAD_OPPORTUNITY, "opportunity_id" },
	[RELATION_LEAD_ACCOUNT] = { "lead.account", ENTITY_LEAD, ENTITY_ACCOUNT, LEAD_ACCOUNT,
		"account_id" },
	[RELATION_LEAD_OWNER] = { "lead.owner", ENTITY_LEAD, ENTITY_REP, LEAD_OWNER, "owner_id" },
	[RELATION_OPPORTUNITY_LEAD] = { "opportunity.lead_id", ENTITY_OPPORTUNITY, ENTITY_LEAD,
		OPP_LEAD_BY_ID, "lead_id" },
	[RELATION_OPPORTUNITY_ACCOUNT] = { "opportunity.account", ENTITY_OPPORTUNITY,
		ENTITY_ACCOUNT, OPP_ACCOUNT, "account_id" },
	[RELATION_OPPORTUNITY_OWNER] = { "opportunity.owner", ENTITY_OPPORTUNITY, ENTITY_REP,
		OPP_OWNER, "owner_id" },
	[RELATION_OPPORTUNITY_CLOSER] = { "opportunity.closer", ENTITY_OPPORTUNITY, ENTITY_REP,
		OPP_CLOSER, "close_owner_id" },
	[RELATION_DEAL_OPPORTUNITY] = { "deal.opportunity", ENTITY_DEAL, ENTITY_OPPORTUNITY,
		DEAL_OPPORTUNITY, "opportunity_id" },
	[RELATION_DEAL_LEAD] = { "deal.lead_id", ENTITY_DEAL, ENTITY_LEAD, DEAL_LEAD_BY_ID,
		"lead_id" },
	[RELATION_DEAL_ACCOUNT] = { "deal.account", ENTITY_DEAL, ENTITY_ACCOUNT, DEAL_ACCOUNT,
		"customer_id" },
	[RELATION_DEAL_OWNER] = { "deal.owner", ENTITY_DEAL, ENTITY_REP, DEAL_OWNER, "owner_id" },
	[RELATION_DEAL_WINNER] = { "deal.winner", ENTITY_DEAL, ENTITY_REP, DEAL_WINNER,
		"win_owner_id" },
	[RELATION_CALL_LEAD] = { "call.lead", ENTITY_CALL, ENTITY_LEAD, CALL_LEAD, "lead_id" },
	[RELATION_CALL_OPPORTUNITY] = { "call.opportunity", ENTITY_CALL, ENTITY_OPPORTUNITY,
		CALL_OPPORTUNITY, "opportunity_id" },
	[RELATION_CALL_ACCOUNT] = { "call.account", ENTITY_CALL, ENTITY_ACCOUNT, CALL_ACCOUNT,
		"account_id" },
	[RELATION_CALL_REP] = { "call.rep", ENTITY_CALL, ENTITY_REP, CALL_REP, "rep_id" },
	[RELATION_ACCOUNT_OWNER] = { "account.owner", ENTITY_ACCOUNT, ENTITY_REP, ACCOUNT_OWNER,
		"owner_id" },
	[RELATION_INTERACTION_LEAD] = { "interaction.lead", ENTITY_INTERACTION, ENTITY_LEAD,
		INTERACTION_LEAD, "lead_id" },
	[RELATION_INTERACTION_OPPORTUNITY] = { "interaction.opportunity", ENTITY_INTERACTION,
		ENTITY_OPPORTUNITY, INTERACTION_OPPORTUNITY, "opportunity_id" },
	[RELATION_INTERACTION_ACCOUNT] = { "interaction.account", ENTITY_INTERACTION,
		ENTITY_ACCOUNT, INTERACTION_ACCOUNT, "account_id" },
	[RELATION_INTERACTION_REP] = { "interaction.rep", ENTITY_INTERACTION, ENTITY_REP,
		INTERACTION_REP, "rep_id" },
	[RELATION_VISIT_LEAD] = { "visit.lead", ENTITY_VISIT, ENTITY_LEAD, VISIT_LEAD, "lead_id" },
	[RELATION_VISIT_OPPORTUNITY] = { "visit.opportunity", ENTITY_VISIT, ENTITY_OPPORTUNITY,
		VISIT_OPPORTUNITY, "opportunity_id" },
	[RELATION_VISIT_ACCOUNT] = { "visit.account", ENTITY_VISIT, ENTITY_ACCOUNT, VISIT_ACCOUNT,
		"account_id" },
	[RELATION_VISIT_REP] = { "visit.rep", ENTITY_VISIT, ENTITY_REP, VISIT_REP, "rep_id" },
	[RELATION_AGENT_STATE_REP] = { "agent_state.rep", ENTITY_AGENT_STATE, ENTITY_REP,
		AGENT_STATE_REP, "rep_id" },
	[RELATION_TICKET_ACCOUNT] = { "ticket.account", ENTITY_TICKET, ENTITY_ACCOUNT,
		TICKET_ACCOUNT, "account_id" },
	[RELATION_TICKET_REP] = { "ticket.rep", ENTITY_TICKET, ENTITY_REP, TICKET_REP, "rep_id" },
	[RELATION_OPPORTUNITY_PRIMARY_LEAD] = { "opportunity.lead", ENTITY_OPPORTUNITY, ENTITY_LEAD,
		OPP_LEAD, NULL },
	[RELATION_DEAL_PRIMARY_LEAD] = { "deal.lead", ENTITY_DEAL, ENTITY_LEAD, DEAL_LEAD, NULL },
	[RELATION_OPPORTUNITY_LEADS] = { "opportunity.leads", ENTITY_OPPORTUNITY, ENTITY_LEAD, -1,
		NULL },
};

/* `over:` may name a relation by its reference or by the id that it follows: deal.owner, deal.owner_id. */
static bool is_named_by_id(const struct relation_info *info, struct slice name)
{
	struct slice prefix = slice_of(model_table[info->child].name),
		     reference = slice_of(info->name);

	if (slice_starts_with(name, reference) &&
		slice_is(
			(struct slice){ name.at + reference.len, name.len - reference.len }, "_id"))
		return info->id_field != NULL;
	return info->id_field && slice_starts_with(name, prefix) && name.len > prefix.len + 1 &&
	       name.at[prefix.len] == '.' &&
	       slice_is((struct slice){ name.at + prefix.len + 1, name.len - prefix.len - 1 },
		       info->id_field);
}

int relation_find(struct slice name)
{
	for (int i = 0; i < RELATION_COUNT; i++)
		if (slice_is(name, relation_table[i].name))
			return i;
	for (int i = 0; i < RELATION_COUNT; i++)
		if (is_named_by_id(&relation_table[i], name))
			return i;
	return -1;
}
