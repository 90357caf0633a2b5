#include "core/event.h"

#include <assert.h>
#include <endian.h>
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

enum { ID_TEXT_MAX = 512, PERIOD_DAYS_MAX = 1096 };
static const int64_t PAST_TENSE_SLACK_MS = 48 * INT64_C(3600000);
/* Years 1900 to 2300: what lies outside is a unit mistake (seconds, microseconds), not a time. */
static const int64_t TIME_MIN_MS = -INT64_C(2208988800000), TIME_MAX_MS = INT64_C(10413792000000);

bool event_time_is_sane(int64_t ms)
{
	return ms >= TIME_MIN_MS && ms <= TIME_MAX_MS;
}

/* ---- order ---------------------------------------------------------------------------------------------- */

/*
 * One step of the image's hash, once per field of every event: for a given hash no two values, and for a given value no two
 * hashes, end alike.
 */
static inline uint64_t hash_step(uint64_t hash, uint64_t value)
{
	hash = ((hash << 23 | hash >> 41) ^ value) * 0x9fb21c651e98df25u;
	return hash ^ hash >> 29;
}

static inline uint64_t hash_slice(uint64_t hash, struct slice text)
{
	uint64_t words[2];

	hash = hash_step(hash, text.len);
	if (text.len > 16)
		return hash_step(hash, hash_bytes(text.at, text.len, 0));
	hash_words(text.at, text.len, words);
	return hash_step(hash_step(hash, words[0]), words[1]);
}

/* What is null is not in it; the place of what is not, is. */
static uint64_t hash_values(uint64_t hash, const struct model_field *fields, size_t count,
	const struct event_value *values)
{
	for (size_t i = 0; i < count; i++) {
		const struct event_value *value = &values[i];

		if (value->is_null)
			continue;
		hash = hash_step(hash, i);
		if (fields[i].type == VALUE_STRING)
			hash = hash_slice(hash, value->text);
		else if (fields[i].type != VALUE_LIST)
			hash = hash_step(hash, (uint64_t)value->i);
		else
			for (size_t row = 0; value->list != NULL && row < value->list->count; row++)
				hash = hash_values(hash_step(hash, row), fields[i].list->fields,
					fields[i].list->field_count,
					value->list->cells + row * fields[i].list->field_count);
	}
	return hash;
}

static uint64_t image_hash(const struct event *event)
{
	const struct model_entity *model = &model_table[event->type];
	uint64_t hash = hash_slice((uint64_t)event->op, event->event_id), unordered = 0;

	hash = hash_step(hash, event->excluded);
	hash = hash_values(hash, model->fields, model->field_count, event->fields);
	for (size_t i = 0; i < event->merged_count; i++)
		hash = hash_slice(hash, event->merged_ids[i]);
	/* Maps have no order: their entries' hashes are added. */
	for (size_t i = 0; i < event->ext_count; i++)
		unordered +=
			hash_u64(hash_slice(hash_slice(7, event->ext[i].key), event->ext[i].value));
	return hash_u64(hash_step(hash, unordered));
}

/*
 * Eight hexadecimal digits at a time, each byte of the word one of them, the first in the lowest: false where one is none. No sum
 * of two bytes below 0x80 carries into the next one.
 */
static bool parse_digits(uint64_t word, uint8_t ret[4])
{
	const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
	uint64_t digit = word ^ ones * 0x30, letter = (word | ones * 0x20) ^ ones * 0x60, bytes;
	uint32_t four;
	uint64_t good = ~(digit + ones * 0x76) | (~(letter + ones * 0x79) & (letter + ones * 0x7f));

	if (word & high || (good & high) != high)
		return false;
	bytes = (word & ones * 0x0f) + (word >> 6 & ones) * 9;
	bytes = (bytes << 4 | bytes >> 8) & 0x00ff00ff00ff00ffu;
	bytes = (bytes | bytes >> 8) & 0x0000ffff0000ffffu;
	four = htole32((uint32_t)(bytes | bytes >> 16));
	memcpy(ret, &four, sizeof(four));
	return true;
}

static bool parse_uuid(struct slice text, uint8_t id[16])
{
	const char *at = text.at;

	if (text.len != 36 || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-')
		return false;
	return parse_digits(hash_word(at, 8), id) &&
	       parse_digits(hash_word(at + 9, 4) | hash_word(at + 14, 4) << 32, id + 4) &&
	       parse_digits(hash_word(at + 19, 4) | hash_word(at + 24, 4) << 32, id + 8) &&
	       parse_digits(hash_word(at + 28, 8), id + 12);
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

/* What is wrong with a text, if anything. */
static int explain_text(struct slice text, const char *name, bool required, char *ret_reason)
{
	if (required && text.len == 0)
		return BAD("%s is empty", name);
	if (text.len > ID_TEXT_MAX)
		return BAD("%s is %zu bytes long; %d are allowed", name, text.len, ID_TEXT_MAX);
	if (!utf8_valid(text.at != NULL ? text.at : "", text.len))
		return BAD("%s is not valid UTF-8", name);
	return 0;
}

static inline int check_text(struct slice text, const char *name, bool required, char *ret_reason)
{
	/* Nearly every text is a short one of ASCII. */
	if (text.len > 0 && text.len <= ID_TEXT_MAX && utf8_is_ascii(text.at, text.len))
		return 0;
	return explain_text(text, name, required, ret_reason);
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

/* A number in the type's units, as people write it. */
static const char *number_text(enum value_type type, int64_t i, char *text, size_t cap)
{
	if (type == VALUE_INT)
		snprintf(text, cap, "%" PRId64, i);
	else if (type == VALUE_RATE)
		decimal_format_rate(i, text, cap);
	else
		decimal_format(i, 0, text, cap);
	return text;
}

static int check_number(const struct model_field *field, int64_t i, char *ret_reason)
{
	char least[DECIMAL_TEXT_MAX], most[DECIMAL_TEXT_MAX];

	/* The one number that has no opposite: what is booked must be able to be taken back. */
	if (i == INT64_MIN)
		return BAD("%s is out of range", field->name);
	if (!field->has_range || (i >= field->least && i <= field->most))
		return 0;
	if (field->most == INT64_MAX)
		return BAD("%s is %s", field->name,
			field->least == 0 ? "negative" : "not more than 0");
	return BAD("%s is outside %s to %s", field->name,
		number_text(field->type, field->least, least, sizeof(least)),
		number_text(field->type, field->most, most, sizeof(most)));
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
	case VALUE_RATE:
	case VALUE_INT:
		return check_number(field, value->i, ret_reason);
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

static bool has_currency(const struct event *event)
{
	int at = model_table[event->type].currency_at;

	return at >= 0 && !event->fields[at].is_null && slice_trim(event->fields[at].text).len > 0;
}

static inline bool has_money(const struct model_field *field, const struct event_value *value)
{
	if (field->type == VALUE_LIST && value->list != NULL && value->list->count > 0)
		for (size_t i = 0; i < field->list->field_count; i++)
			if (field->list->fields[i].type == VALUE_MONEY)
				return true;
	return field->type == VALUE_MONEY;
}

/* A period that ends before it starts. */
static int check_period(const struct event *event, char *ret_reason)
{
	const struct model_entity *model = &model_table[event->type];

	if (model->first_day_at < 0)
		return 0;
	const struct event_value *first = &event->fields[model->first_day_at],
				 *last = &event->fields[model->last_day_at];

	if (!first->is_null && !last->is_null && last->i < first->i)
		return BAD("%s is before %s", model->fields[model->last_day_at].name,
			model->fields[model->first_day_at].name);
	if (!first->is_null && !last->is_null && last->i - first->i >= PERIOD_DAYS_MAX)
		return BAD("%s is more than %d days after %s",
			model->fields[model->last_day_at].name, PERIOD_DAYS_MAX - 1,
			model->fields[model->first_day_at].name);
	return 0;
}

/* What the event says of its fields. */
static int check_fields(const struct event *event, char *ret_reason)
{
	const struct model_entity *model = &model_table[event->type];

	for (size_t i = 0; i < model->field_count; i++) {
		if (event->fields[i].is_null)
			continue;
		if (check_value(event, &model->fields[i], &event->fields[i], ret_reason))
			return 1;
		/* Money of no currency could be added to anything. Lists' amounts are in the currency of their owner. */
		if (has_money(&model->fields[i], &event->fields[i]) && !has_currency(event))
			return BAD("%s without a currency", model->fields[i].name);
	}
	return check_period(event, ret_reason);
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
