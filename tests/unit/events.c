#include "events.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/timefmt.h"

int64_t time_of(const char *text)
{
	int64_t ms;
	int32_t days;

	if (time_parse(slice_of(text), &ms))
		return ms;
	if (!date_parse(slice_of(text), &days)) {
		fprintf(stderr, "time_of: \"%s\" is neither a time nor a date\n", text);
		assert(0);
	}
	return days * INT64_C(86400000);
}

int64_t money_of(const char *text)
{
	int64_t units;

	if (!decimal_parse(slice_of(text), &units)) {
		fprintf(stderr, "money_of: \"%s\" is no decimal\n", text);
		assert(0);
	}
	return units;
}

/* ---- one event ------------------------------------------------------------------------------------------ */

struct event *event_make_op(struct arena *arena, enum entity_type type, enum event_op op,
	const char *id, int64_t version, const char *occurred_at)
{
	const struct model_entity *model = &model_table[type];
	struct event *e = arena_alloc(arena, sizeof(*e));
	char name[96];
	int length = snprintf(name, sizeof(name), "%s-%lld", id, (long long)version);

	assert(length > 0 && (size_t)length < sizeof(name));
	event_init(e, type, arena);
	e->op = op;
	e->tenant_id = slice_of("acme");
	e->source = slice_of("test");
	e->entity_id = slice_of(id);
	e->event_id = (struct slice){ arena_strndup(arena, name, (size_t)length), (size_t)length };
	e->source_version = version;
	e->occurred_at_ms =
		occurred_at ? time_of(occurred_at) : time_of("2026-03-01") + version * 60000;
	e->ingested_at_ms = e->occurred_at_ms;
	for (size_t i = 0; i < model->field_count; i++)
		if (model->fields[i].type == VALUE_LIST && model->fields[i].required &&
			(op == EVENT_CREATE || op == EVENT_UPDATE || op == EVENT_SNAPSHOT ||
				op == EVENT_MERGE)) {
			e->fields[i].is_null = false;
			e->fields[i].list = arena_alloc(arena, sizeof(*e->fields[i].list));
		}
	return e;
}

struct event *event_make(struct arena *arena, enum entity_type type, const char *id,
	int64_t version, const char *occurred_at)
{
	return event_make_op(arena, type, EVENT_UPDATE, id, version, occurred_at);
}

/* ---- values --------------------------------------------------------------------------------------------- */

static const struct model_field *model_of(const struct event *e, const char *field)
{
	int index = model_field_find(e->type, slice_of(field));

	if (index < 0) {
		fprintf(stderr, "%s has no field %s\n", model_table[e->type].name, field);
		assert(0);
	}
	return &model_table[e->type].fields[index];
}

static int64_t integer_of(const char *text)
{
	int64_t units = money_of(text);

	assert(units % DECIMAL_SCALE == 0);
	return units / DECIMAL_SCALE;
}

static int64_t rate_of(const char *text)
{
	int64_t rate = 0;
	bool good = decimal_parse_rate(slice_of(text), &rate);

	assert(good);
	(void)good;
	return rate;
}

static void read_value(struct event_value *value, const struct model_field *field, const char *text)
{
	int32_t days;

	*value = (struct event_value){ .is_null = !text };
	if (!text)
		return;
	switch (field->type) {
	case VALUE_STRING:
		value->text = slice_of(text);
		break;
	case VALUE_MONEY:
	case VALUE_DECIMAL:
		value->i = money_of(text);
		break;
	case VALUE_RATE:
		value->i = rate_of(text);
		break;
	case VALUE_TIME:
		value->i = time_of(text);
		break;
	case VALUE_BOOL:
		assert(!strcmp(text, "true") || !strcmp(text, "false"));
		value->i = text[0] == 't';
		break;
	case VALUE_DURATION:
		if (!duration_parse(slice_of(text), &value->i))
			value->i = integer_of(text);
		break;
	default:
		assert(field->type == VALUE_INT);
		if (field->is_date && date_parse(slice_of(text), &days))
			value->i = days;
		else
			value->i = integer_of(text);
	}
}

void event_set(struct event *e, const char *field, const char *text)
{
	read_value(event_field(e, field), model_of(e, field), text);
}

void event_set_all(struct event *e, ...)
{
	const char *field, *text;
	va_list list;

	va_start(list, e);
	while ((field = va_arg(list, const char *))) {
		text = va_arg(list, const char *);
		event_set(e, field, text);
	}
	va_end(list);
}

static struct event_value *field_of_type(struct event *e, const char *field, unsigned types)
{
	const struct model_field *model = model_of(e, field);
	struct event_value *value = event_field(e, field);

	assert(types >> model->type & 1);
	*value = (struct event_value){ .is_null = false };
	return value;
}

void event_set_null(struct event *e, const char *field)
{
	model_of(e, field);
	*event_field(e, field) = (struct event_value){ .is_null = true };
}

void event_set_text(struct event *e, const char *field, const char *text)
{
	field_of_type(e, field, 1u << VALUE_STRING)->text = slice_of(text);
}

void event_set_time(struct event *e, const char *field, int64_t ms)
{
	field_of_type(e, field, 1u << VALUE_TIME)->i = ms;
}

void event_set_int(struct event *e, const char *field, int64_t value)
{
	field_of_type(e, field, 1u << VALUE_INT | 1u << VALUE_DURATION)->i = value;
}

void event_set_bool(struct event *e, const char *field, bool value)
{
	field_of_type(e, field, 1u << VALUE_BOOL)->i = value;
}

void event_set_decimal(struct event *e, const char *field, int64_t units)
{
	field_of_type(e, field, 1u << VALUE_DECIMAL)->i = units;
}

void event_set_money(struct event *e, const char *field, int64_t units, const char *currency)
{
	field_of_type(e, field, 1u << VALUE_MONEY)->i = units;
	if (currency)
		event_set_text(e, model_of(e, field)->currency, currency);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

/* A copy with room for `count` items: what was there before stays in the arena unused. */
static void *extend(struct arena *arena, const void *items, size_t used, size_t bytes)
{
	void *copy = arena_alloc(arena, bytes);

	assert(copy);
	if (used)
		memcpy(copy, items, used);
	return copy;
}

void event_add_cells(
	struct arena *arena, struct event *e, const char *field, const char *const *texts)
{
	const struct model_field *model = model_of(e, field);
	struct event_value *value = event_field(e, field);
	size_t columns = model->list ? model->list->field_count : 0,
	       row_bytes = columns * sizeof(struct event_value);
	struct event_value *cells;

	assert(model->type == VALUE_LIST);
	if (value->is_null || !value->list)
		*value = (struct event_value){ .list = arena_alloc(arena, sizeof(*value->list)) };
	cells = extend(arena, value->list->cells, value->list->count * row_bytes,
		(value->list->count + 1) * row_bytes);
	for (size_t i = 0; i < columns; i++)
		read_value(&cells[value->list->count * columns + i], &model->list->fields[i],
			texts[i]);
	value->list->cells = cells;
	value->list->count++;
}

void event_add_ext(struct arena *arena, struct event *e, const char *key, const char *value)
{
	size_t used = e->ext_count * sizeof(*e->ext);

	e->ext = extend(arena, e->ext, used, used + sizeof(*e->ext));
	e->ext[e->ext_count++] = (struct event_ext){ slice_of(key), slice_of(value) };
}

void event_add_merged(struct arena *arena, struct event *e, const char *id)
{
	size_t used = e->merged_count * sizeof(*e->merged_ids);

	e->merged_ids = extend(arena, e->merged_ids, used, used + sizeof(*e->merged_ids));
	e->merged_ids[e->merged_count++] = slice_of(id);
}
