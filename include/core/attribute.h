/*
 * attribute: what every entity has beside the fields of its stream: references to other entities, and values
 * read from its registers (S2, S3). They live in the entity's slots right after the model's fields, and are
 * named in definitions like fields (`deal.account.first_won_at`, `each: c in deal.credit`).
 *
 * Slot layout of a type:  [0, model field_count) fields  |  built-in attributes (this table)  |  derived values.
 */
#ifndef CORE_ATTRIBUTE_H
#define CORE_ATTRIBUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/model.h"
#include "core/value.h"

enum attribute_limit { ATTRIBUTE_SLOTS_MAX = 128 };

/*
 * A relation is a set of raw links from a child to a parent. Most are one reference field; the unions follow
 * KPIS.md: the lead link is the union of lead.opportunity_id, opportunity.lead_id and deal.lead_id.
 * Raw links are kept at the raw target; a merged loser's links count as the winner's.
 */
enum relation {
	RELATION_LEAD_OPPORTUNITY,   /* lead.opportunity_id -> opportunity */
	RELATION_LEAD_ACCOUNT,
	RELATION_LEAD_OWNER,         /* lead.owner_id -> rep */
	RELATION_OPPORTUNITY_LEAD,   /* opportunity.lead_id -> lead */
	RELATION_OPPORTUNITY_ACCOUNT,
	RELATION_OPPORTUNITY_OWNER,
	RELATION_OPPORTUNITY_CLOSER, /* close_owner_id -> rep */
	RELATION_DEAL_OPPORTUNITY,
	RELATION_DEAL_LEAD,          /* deal.lead_id -> lead */
	RELATION_DEAL_ACCOUNT,       /* customer: account_id, else the account "contact:"<contact_id> */
	RELATION_DEAL_OWNER,
	RELATION_DEAL_WINNER,        /* win_owner_id -> rep */
	RELATION_CALL_LEAD,
	RELATION_CALL_OPPORTUNITY,
	RELATION_CALL_ACCOUNT,
	RELATION_CALL_REP,
	RELATION_ACCOUNT_OWNER,
	RELATION_INTERACTION_LEAD,
	RELATION_INTERACTION_OPPORTUNITY,
	RELATION_INTERACTION_ACCOUNT,
	RELATION_INTERACTION_REP,
	RELATION_VISIT_LEAD,
	RELATION_VISIT_OPPORTUNITY,
	RELATION_VISIT_ACCOUNT,
	RELATION_VISIT_REP,
	RELATION_AGENT_STATE_REP,
	RELATION_TICKET_ACCOUNT,
	RELATION_TICKET_REP,
	RELATION_OPPORTUNITY_PRIMARY_LEAD, /* chosen: opportunity.lead, the earliest created (then id) of the linked leads */
	RELATION_DEAL_PRIMARY_LEAD,  /* chosen: deal.lead = deal.lead_id, else its opportunity's primary lead */
	RELATION_STORED_COUNT,
	/* unions, for `over:` in definitions; walked through the stored ones */
	RELATION_OPPORTUNITY_LEADS = RELATION_STORED_COUNT, /* opportunity -> lead: OPPORTUNITY_LEAD and reversed LEAD_OPPORTUNITY */
	RELATION_COUNT,
};

struct relation_info {
	const char *name;           /* as in `over:`: "opportunity.lead_id", "deal.account", "opportunity.leads" … */
	enum entity_type child, parent;
	int16_t slot;               /* attribute slot of the child that holds the resolved reference; -1 for unions */
	const char *id_field;       /* field or attribute with the id that the raw link follows; NULL: chosen, unions */
};
extern const struct relation_info relation_table[RELATION_COUNT];

/* Columns of the lists that are attributes. */
enum attribute_visit { VISIT_STAGE_ID, VISIT_PIPELINE_ID, VISIT_OWNER_ID, VISIT_TEAM_ID, VISIT_ENTERED_AT, VISIT_LEFT_AT,
	VISIT_EXIT, VISIT_COLUMNS };
enum attribute_version { VERSION_FROM_AT, VERSION_AMOUNT, VERSION_PROBABILITY, VERSION_OWNER_ID, VERSION_TEAM_ID,
	VERSION_STAGE_ID, VERSION_PIPELINE_ID, VERSION_CURRENCY, VERSION_COLUMNS };
enum attribute_day { DAY_DAY, DAY_AMOUNT, DAY_VALUE, DAY_WORKING, DAY_COLUMNS };
enum attribute_credit { CREDIT_REP_ID, CREDIT_TEAM_ID, CREDIT_AMOUNT, CREDIT_SHARE, CREDIT_REFUND,
	CREDIT_COLUMNS };

/* Built-in attributes, one enumerator per slot and type; the slot is the value itself. */
struct attribute_info {
	const char *name;           /* "account", "win_owner_id", "credit" */
	enum value_type type;       /* REF, STRING, LIST … */
	int8_t reference;           /* entity type of a REF, else -1 */
	const struct model_list *list; /* columns of a LIST */
};

/* Count of built-in slots: fields and attributes of a type. Derived slots follow. */
uint32_t attribute_slot_count(enum entity_type);
/* The slot named `name` (field or attribute), or -1. */
int attribute_find(enum entity_type, struct slice name);
/* Describes any built-in slot, model fields included. */
struct attribute_info attribute_describe(enum entity_type, uint32_t slot);
/* Slot of an attribute of C's own use; programmer error (assert) if absent. */
uint32_t attribute_slot(enum entity_type, const char *name);
/* Relation named as in `over:`, or -1. */
int relation_find(struct slice name);

/*
 * The attributes, by type:
 *  lead:        opportunity account owner (REF)
 *  opportunity: lead_by_id lead account owner closer (REF) · close_owner_id close_team_id (STRING: owner and team
 *               when it closed: S2 `wins`) · close_at (TIME: won_at, else lost_at, else closed_at; null while open) ·
 *               visits (LIST: stage_id pipeline_id owner_id team_id entered_at left_at exit) ·
 *               versions (LIST, S13: from_at amount probability owner_id team_id stage_id pipeline_id
 *               currency; not for definitions)
 *  deal:        opportunity lead_by_id lead account owner winner (REF) · customer_id win_owner_id win_team_id (STRING) ·
 *               credit (LIST: rep_id team_id amount share refund; largest remainder: amounts sum to the deal's, shares to 1,
 *               refunds to the deal's refund_amount; the currency is the deal's; null without an amount)
 *               customer_id: account_id, else "contact:" contact_id; an ERASE leaves it, so that customers stay counted
 *  call:        lead opportunity account rep (REF)
 *  account:     owner (REF)
 *  interaction, visit: lead opportunity account rep (REF) · agent_state: rep (REF) · ticket: account rep (REF)
 *  target:      slices, spend: days (LIST: day amount value; one row a day of the period, adding up to the whole exactly; amount: the value
 *               as money, null without a currency. store_days.c)
 *  rep, fx_rate: none
 */

#endif
