#include "core/event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "base/utf8.h"

const char *const event_op_names[EVENT_OP_COUNT + 1] = {
	"UNKNOWN",
	"CREATE",
	"UPDATE",
	"DELETE",
	"UNDELETE",
	"MERGE",
	"SNAPSHOT",
	"ERASE",
	NULL,
};

enum { ID_TEXT_MAX = 512 };
static const int64_t PAST_TENSE_SLACK_MS = 48 * INT64_C(3600000);
/* Years 1900 to 2300: what lies outside is a unit mistake (seconds, microseconds), not a time. */
static const int64_t TIME_MIN_MS = -INT64_C(2208988800000), TIME_MAX_MS = INT64_C(10413792000000);

bool event_time_is_sane(int64_t ms)
{
	return ms >= TIME_MIN_MS && ms <= TIME_MAX_MS;
}

/* ---- order ---------------------------------------------------------------------------------------------- */

static uint64_t hash_slice(uint64_t hash, struct slice text)
{
	return hash_combine(hash, hash_bytes(text.at != NULL ? text.at : "", text.len, text.len));
}

static uint64_t hash_values(uint64_t hash, const struct model_field *fields, size_t count,
	const struct event_value *values)
{
	for (size_t i = 0; i < count; i++) {
		const struct event_value *value = &values[i];

		hash = hash_combine(hash, value->is_null ? 1 : 2);
		if (value->is_null)
			continue;
		if (fields[i].type == VALUE_STRING)
			hash = hash_slice(hash, value->text);
		else if (fields[i].type != VALUE_LIST)
			hash = hash_combine(hash, (uint64_t)value->i);
		else
			for (size_t row = 0; value->list != NULL && row < value->list->count; row++)
				hash = hash_values(hash_combine(hash, row), fields[i].list->fields,
					fields[i].list->field_count,
					value->list->cells + row * fields[i].list->field_count);
	}
	return hash;
}

static uint64_t image_hash(const struct event *event)
{
	const struct model_entity *model = &model_table[event->type];
	uint64_t hash = hash_slice((uint64_t)event->op, event->event_id), unordered = 0;

	hash = hash_combine(hash, event->excluded);
	hash = hash_values(hash, model->fields, model->field_count, event->fields);
	for (size_t i = 0; i < event->merged_count; i++)
		hash = hash_slice(hash, event->merged_ids[i]);
	/* Maps have no order: their entries' hashes are added. */
	for (size_t i = 0; i < event->ext_count; i++)
		unordered += hash_slice(hash_slice(7, event->ext[i].key), event->ext[i].value);
	return hash_combine(hash, unordered);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool parse_uuid(struct slice text, uint8_t id[16])
{
	size_t digits = 0;

	if (text.len != 36)
		return false;
	memset(id, 0, 16);
	for (size_t i = 0; i < text.len; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text.at[i] != '-')
				return false;
			continue;
		}
		int digit = hex_digit(text.at[i]);
		if (digit < 0)
			return false;
		id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
		digits++;
	}
	return true;
}

struct order_key event_order(const struct event *event)
{
	struct order_key key = {
		.source_version = event->source_version,
		.occurred_at_ms = event->occurred_at_ms,
		.op_rank = event->op == EVENT_DELETE	 ? 1
			   : event->op == EVENT_UNDELETE ? 2
							 : 0,
		.hash = image_hash(event),
	};

	if (!parse_uuid(event->event_id, key.id)) {
		memset(key.id, 0, sizeof(key.id));
		if (event->event_id.len > 0)
			memcpy(key.id, event->event_id.at,
				event->event_id.len < 16 ? event->event_id.len : 16);
	}
	return key;
}

int order_compare(const struct order_key *a, const struct order_key *b)
{
	if (a->source_version != b->source_version)
		return a->source_version < b->source_version ? -1 : 1;
	if (a->occurred_at_ms != b->occurred_at_ms)
		return a->occurred_at_ms < b->occurred_at_ms ? -1 : 1;
	if (a->op_rank != b->op_rank)
		return a->op_rank < b->op_rank ? -1 : 1;
	int order = memcmp(a->id, b->id, sizeof(a->id));
	if (order != 0)
		return order;
	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* ---- what can't be true ------------------------------------------------------------------------------------ */

#define BAD(...) (snprintf(ret_reason, EVENT_REASON_MAX, __VA_ARGS__), 1)

static int check_text(struct slice text, const char *name, bool required, char *ret_reason)
{
	if (required && text.len == 0)
		return BAD("%s is empty", name);
	if (text.len > ID_TEXT_MAX)
		return BAD("%s is %zu bytes long; %d are allowed", name, text.len, ID_TEXT_MAX);
	if (!utf8_valid(text.at != NULL ? text.at : "", text.len))
		return BAD("%s is not valid UTF-8", name);
	return 0;
}

static int check_time(
	const struct event *event, const struct model_field *field, int64_t ms, char *ret_reason)
{
	char text[TIME_TEXT_MAX], event_text[TIME_TEXT_MAX];

	if (!event_time_is_sane(ms))
		return BAD("%s is %" PRId64 ": not a time in milliseconds since 1970", field->name,
			ms);
	if (field->past_tense && ms > event->occurred_at_ms + PAST_TENSE_SLACK_MS)
		return BAD("%s is %s, more than 48 h after the event itself (%s)", field->name,
			time_format(ms, text), time_format(event->occurred_at_ms, event_text));
	return 0;
}

static int check_value(const struct event *event, const struct model_field *field,
	const struct event_value *value, char *ret_reason)
{
	if (value->is_null)
		return 0;
	switch (field->type) {
	case VALUE_STRING:
		return check_text(value->text, field->name, false, ret_reason);
	case VALUE_TIME:
		return check_time(event, field, value->i, ret_reason);
	case VALUE_DURATION:
		return value->i < 0 ? BAD("%s is negative", field->name) : 0;
	case VALUE_MONEY:
	case VALUE_DECIMAL:
	case VALUE_INT:
		/* The one number that has no opposite: what is booked must be able to be taken back. */
		return value->i == INT64_MIN ? BAD("%s is out of range", field->name) : 0;
	case VALUE_LIST:
		for (size_t i = 0;
			value->list != NULL && i < value->list->count * field->list->field_count;
			i++)
			if (check_value(event, &field->list->fields[i % field->list->field_count],
				    &value->list->cells[i], ret_reason))
				return 1;
		return 0;
	default:
		return 0;
	}
}

/*
 * Places of fields that validity asks for: no name is compared per event. test_event proves that they are the model's:
 * money without a currency, a probability and a split beyond all are refused.
 */
enum {
	OPPORTUNITY_CURRENCY = 11,
	OPPORTUNITY_PROBABILITY = 12,
	DEAL_CURRENCY = 8,
	DEAL_SPLITS = 22,
	SPLIT_PCT = 2,
};

static bool has_currency(const struct event *event)
{
	const struct event_value *currency = NULL;

	if (event->type == ENTITY_OPPORTUNITY)
		currency = &event->fields[OPPORTUNITY_CURRENCY];
	else if (event->type == ENTITY_DEAL)
		currency = &event->fields[DEAL_CURRENCY];
	return currency != NULL && !currency->is_null && slice_trim(currency->text).len > 0;
}

static bool has_money(const struct model_field *field, const struct event_value *value)
{
	if (value->is_null)
		return false;
	if (field->type == VALUE_LIST && value->list != NULL && value->list->count > 0)
		for (size_t i = 0; i < field->list->field_count; i++)
			if (field->list->fields[i].type == VALUE_MONEY)
				return true;
	return field->type == VALUE_MONEY;
}

static int check_opportunity(const struct event *event, char *ret_reason)
{
	const struct event_value *probability = &event->fields[OPPORTUNITY_PROBABILITY];

	if (!probability->is_null && (probability->i < 0 || probability->i > DECIMAL_SCALE))
		return BAD("probability is outside 0 to 1");
	return 0;
}

static int check_deal(const struct event *event, char *ret_reason)
{
	const struct event_value *splits = &event->fields[DEAL_SPLITS];
	size_t columns = model_table[ENTITY_DEAL].fields[DEAL_SPLITS].list->field_count;

	for (size_t row = 0; !splits->is_null && splits->list != NULL && row < splits->list->count;
		row++) {
		const struct event_value *cell = &splits->list->cells[row * columns + SPLIT_PCT];

		if (!cell->is_null && (cell->i < 0 || cell->i > 100 * DECIMAL_SCALE))
			return BAD("a split's credit_pct is outside 0 to 100");
	}
	return 0;
}

/* What the event says of its fields. */
static int check_fields(const struct event *event, char *ret_reason)
{
	const struct model_entity *model = &model_table[event->type];

	for (size_t i = 0; i < model->field_count; i++) {
		if (check_value(event, &model->fields[i], &event->fields[i], ret_reason))
			return 1;
		/* Money of no currency could be added to anything. Lists' amounts are in the currency of their owner. */
		if (has_money(&model->fields[i], &event->fields[i]) && !has_currency(event))
			return BAD("%s without a currency", model->fields[i].name);
	}
	if (event->type == ENTITY_OPPORTUNITY)
		return check_opportunity(event, ret_reason);
	return event->type == ENTITY_DEAL ? check_deal(event, ret_reason) : 0;
}

int event_validate(const struct event *event, char ret_reason[EVENT_REASON_MAX])
{
	if (check_text(event->tenant_id, "tenant_id", true, ret_reason) ||
		check_text(event->entity_id, "entity_id", true, ret_reason) ||
		check_text(event->event_id, "event_id", false, ret_reason))
		return 1;
	if (event->op == EVENT_UNKNOWN)
		return BAD("op is UNKNOWN");
	if (!event_time_is_sane(event->occurred_at_ms))
		return BAD("occurred_at is %" PRId64 ": not a time in milliseconds since 1970",
			event->occurred_at_ms);
	for (size_t i = 0; i < event->merged_count; i++)
		if (check_text(event->merged_ids[i], "merged_ids", true, ret_reason))
			return 1;
	for (size_t i = 0; i < event->ext_count; i++)
		if (check_text(event->ext[i].key, "a key of ext", true, ret_reason) ||
			check_text(event->ext[i].value, "a value of ext", false, ret_reason))
			return 1;
	return event->op != EVENT_DELETE && event_has_body(event) ? check_fields(event, ret_reason)
								  : 0;
}

/* ---- is there an image? ------------------------------------------------------------------------------------- */

/*
 * Whether a field says something. On the wire a required field of a record without a body holds what its type has for
 * blank: "", the enum's UNKNOWN, 0, false, no rows.
 */
static bool says_something(const struct model_field *field, const struct event_value *value)
{
	if (value->is_null)
		return false;
	if (field->type == VALUE_STRING)
		return value->text.len > 0 &&
		       !(field->symbols != NULL && slice_is(value->text, field->symbols[0]));
	if (field->type == VALUE_LIST)
		return value->list != NULL && value->list->count > 0;
	return !field->required || value->i != 0;
}

bool event_has_body(const struct event *event)
{
	const struct model_entity *model = &model_table[event->type];
	char reason[EVENT_REASON_MAX];
	bool says = false;

	switch (event->op) {
	case EVENT_CREATE:
	case EVENT_UPDATE:
	case EVENT_SNAPSHOT:
		return true;
	case EVENT_DELETE:
	case EVENT_UNDELETE:
	case EVENT_MERGE:
		for (size_t i = 0; !says && i < model->field_count; i++)
			says = says_something(&model->fields[i], &event->fields[i]);
		/* A deletion is believed whatever else it says; its image only if it can be true. */
		return says && (event->op != EVENT_DELETE || check_fields(event, reason) == 0);
	default:
		return false;
	}
}

/* ---- making one --------------------------------------------------------------------------------------------- */

void event_init(struct event *event, enum entity_type type, struct arena *arena)
{
	size_t count = model_table[type].field_count;

	memset(event, 0, sizeof(*event));
	event->type = type;
	event->fields = arena_alloc(arena, count * sizeof(*event->fields));
	assert(event->fields != NULL);
	for (size_t i = 0; i < count; i++)
		event->fields[i].is_null = true;
}

struct event_value *event_field(struct event *event, const char *name)
{
	int index = model_field_find(event->type, slice_of(name));

	assert(index >= 0);
	return &event->fields[index];
}
