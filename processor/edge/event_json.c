#include "edge/event_json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/timefmt.h"

enum { LINE_BYTES_MAX = 1 << 20 };

/* ---- reading -------------------------------------------------------------------------------------------- */

struct reading {
	struct arena *arena;
	char *reason;
	bool is_full; /* the arena: said at the end, what was read until then is whole */
};

static int refuse(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct reading *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->reason, EVENT_REASON_MAX, format, args);
	va_end(args);
	return 1;
}

static struct slice keep(struct reading *r, const char *text, size_t length)
{
	char *copy = arena_strndup(r->arena, text, length);

	r->is_full |= !copy;
	return (struct slice){ copy, copy ? length : 0 };
}

static struct slice text_of(struct reading *r, const json_t *json)
{
	return keep(r, json_string_value(json), json_string_length(json));
}

static struct slice borrowed(const json_t *json)
{
	return (struct slice){ json_string_value(json), json_string_length(json) };
}

/*
 * The parser keeps a double of a number with a point. Up to 15 digits come back from it as they stood in the text; a number
 * with more is refused, for nobody could say what it was. As a text it may have as many as a decimal has.
 */
static bool decimal_of(const json_t *json, int64_t *ret)
{
	char text[64];

	if (json_is_string(json))
		return decimal_parse(borrowed(json), ret);
	if (json_is_integer(json))
		return !__builtin_mul_overflow(
			(int64_t)json_integer_value(json), (int64_t)DECIMAL_SCALE, ret);
	if (!json_is_real(json))
		return false;
	double number = json_real_value(json);

	snprintf(text, sizeof(text), "%.15g", number);
	double back = strtod(text, NULL);

	return memcmp(&back, &number, sizeof(back)) == 0 && decimal_parse(slice_of(text), ret);
}

static bool time_value(const json_t *json, int64_t *ret)
{
	if (json_is_integer(json)) {
		*ret = json_integer_value(json);
		return true;
	}
	return json_is_string(json) && time_parse(borrowed(json), ret);
}

static bool date_value(const json_t *json, int64_t *ret)
{
	int32_t days;

	if (json_is_integer(json)) {
		*ret = json_integer_value(json);
		return *ret >= INT32_MIN && *ret <= INT32_MAX;
	}
	if (!json_is_string(json) || !date_parse(borrowed(json), &days))
		return false;
	*ret = days;
	return true;
}

static bool whole_value(const json_t *json, enum value_type type, int64_t *ret)
{
	if (json_is_integer(json)) {
		*ret = json_integer_value(json);
		return true;
	}
	return type == VALUE_DURATION && json_is_string(json) &&
	       duration_parse(borrowed(json), ret);
}

static int read_list(struct reading *r, const struct model_field *field, const json_t *json,
	struct event_value *ret);

static int read_text(struct reading *r, const struct model_field *field, const json_t *json,
	struct event_value *ret)
{
	if (!json_is_string(json))
		return refuse(r, "%s wants a text", field->name);
	ret->text = text_of(r, json);
	ret->is_null = !ret->text.len;
	if (field->symbols && !ret->is_null) {
		for (size_t i = 0; field->symbols[i]; i++)
			if (slice_is(ret->text, field->symbols[i]))
				return 0;
		ret->text = slice_of("UNKNOWN");
	}
	return 0;
}

static int read_value(struct reading *r, const struct model_field *field, const json_t *json,
	struct event_value *ret)
{
	ret->is_null = !json || json_is_null(json);
	if (ret->is_null)
		return 0;
	switch (field->type) {
	case VALUE_STRING:
		return read_text(r, field, json, ret);
	case VALUE_BOOL:
		ret->i = json_is_true(json);
		return json_is_boolean(json) ? 0 : refuse(r, "%s wants true or false", field->name);
	case VALUE_TIME:
		return time_value(json, &ret->i)
			       ? 0
			       : refuse(r, "%s wants a time like 2026-03-28T16:59:00Z",
					 field->name);
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		return decimal_of(json, &ret->i)
			       ? 0
			       : refuse(r,
					 "%s wants a number with at most four decimals, as a text "
					 "if it has more than 15 digits",
					 field->name);
	case VALUE_RATE:
		return json_is_string(json) && decimal_parse_rate(
						       slice_of(json_string_value(json)), &ret->i)
			       ? 0
			       : refuse(r,
					 "%s wants a text with a number of at most eight decimals",
					 field->name);
	case VALUE_LIST:
		return read_list(r, field, json, ret);
	default:
		if (field->is_date)
			return date_value(json, &ret->i)
				       ? 0
				       : refuse(r, "%s wants a date like 2026-03-28", field->name);
		return whole_value(json, field->type, &ret->i)
			       ? 0
			       : refuse(r, "%s wants a whole number", field->name);
	}
}

/* A name that nobody knows is a mistake, not a null: «amout» would be a deal without an amount. */
static int refuse_name(struct reading *r, const char *where, const char *name,
	const char *const *known, size_t count)
{
	const char *near = nearest_name(slice_of(name), known, count);

	return refuse(r, "%s has no field %.50s%s%s%s", where, name, near ? "; did you mean " : "",
		near ? near : "", near ? "?" : "");
}

static int check_columns(struct reading *r, const struct model_field *field, json_t *row)
{
	const char *names[MODEL_FIELDS_MAX], *key;
	json_t *value;

	for (size_t i = 0; i < field->list->field_count; i++)
		names[i] = field->list->fields[i].name;
	json_object_foreach(row, key, value) if (model_list_field_find(field->list, slice_of(key)) <
						 0) return refuse_name(r, field->name, key, names,
		field->list->field_count);
	return 0;
}

static int read_list(struct reading *r, const struct model_field *field, const json_t *json,
	struct event_value *ret)
{
	size_t count = json_array_size(json), width = field->list->field_count;

	if (!json_is_array(json))
		return refuse(r, "%s wants a list", field->name);
	ret->list = arena_alloc(r->arena, sizeof(*ret->list));
	struct event_value *cells = arena_alloc(r->arena, count * width * sizeof(*cells));

	if (!ret->list || !cells)
		return refuse(r, "%s: no room left in the batch", field->name);
	*ret->list = (struct event_list){ count, cells };
	for (size_t row = 0; row < count; row++) {
		json_t *object = json_array_get(json, row);

		if (!json_is_object(object))
			return refuse(r, "%s wants objects", field->name);
		if (check_columns(r, field, object))
			return 1;
		for (size_t column = 0; column < width; column++) {
			const struct model_field *of = &field->list->fields[column];

			if (read_value(r, of, json_object_get(object, of->name),
				    &cells[row * width + column]))
				return 1;
		}
	}
	return 0;
}

static int read_word(struct reading *r, const json_t *json, const char *name, struct slice *ret)
{
	const json_t *value = json_object_get(json, name);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return refuse(r, "%s wants a text", name);
	*ret = text_of(r, value);
	return 0;
}

static int read_moment(struct reading *r, const json_t *json, const char *name, int64_t *ret)
{
	const json_t *value = json_object_get(json, name);

	if (!value || json_is_null(value))
		return 0;
	return time_value(value, ret)
		       ? 0
		       : refuse(r, "%s wants a time like 2026-03-28T16:59:00Z", name);
}

static int read_op(struct reading *r, const json_t *json, struct event *e)
{
	const json_t *value = json_object_get(json, "op");

	e->op = EVENT_UPDATE;
	if (!value)
		return 0;
	for (int i = 0; i < EVENT_OP_COUNT; i++)
		if (json_is_string(value) && !strcmp(json_string_value(value), event_op_names[i])) {
			e->op = (enum event_op)i;
			return 0;
		}
	return refuse(r, "op is none of CREATE UPDATE DELETE UNDELETE MERGE SNAPSHOT ERASE");
}

static bool is_absent(const json_t *value)
{
	return !value || json_is_null(value);
}

static int read_ids(struct reading *r, const json_t *json, struct event *e)
{
	const json_t *ids = json_object_get(json, "merged_ids");
	size_t count = json_array_size(ids);

	if (!is_absent(ids) && !json_is_array(ids))
		return refuse(r, "merged_ids wants a list of texts");
	e->merged_ids = arena_alloc(r->arena, count * sizeof(*e->merged_ids));
	if (!e->merged_ids)
		return refuse(r, "merged_ids: no room left in the batch");
	for (size_t i = 0; i < count; i++) {
		const json_t *id = json_array_get(ids, i);

		if (!json_is_string(id))
			return refuse(r, "merged_ids wants texts");
		e->merged_ids[e->merged_count++] = text_of(r, id);
	}
	return 0;
}

static int read_ext(struct reading *r, json_t *json, struct event *e)
{
	json_t *ext = json_object_get(json, "ext"), *value;
	const char *key;

	if (!is_absent(ext) && !json_is_object(ext))
		return refuse(r, "ext wants an object of texts");
	e->ext = arena_alloc(r->arena, json_object_size(ext) * sizeof(*e->ext));
	if (!e->ext)
		return refuse(r, "ext: no room left in the batch");
	json_object_foreach(ext, key, value)
	{
		if (json_is_null(value))
			continue;
		if (!json_is_string(value))
			return refuse(r, "ext.%.60s wants a text", key);
		if (!json_string_length(value))
			continue;
		e->ext[e->ext_count].key = keep(r, key, strlen(key));
		e->ext[e->ext_count++].value = text_of(r, value);
	}
	return 0;
}

/* All that may stand in the object. */
static int check_names(struct reading *r, enum entity_type type, json_t *json)
{
	static const char *const envelope[] = { "type", "event_id", "tenant_id", "entity_id", "op",
		"occurred_at", "ingested_at", "source", "source_version", "actor_id", "merged_ids",
		"excluded", "ext" };
	enum { ENVELOPE = sizeof(envelope) / sizeof(envelope[0]) };
	const struct model_entity *model = &model_table[type];
	const char *names[ENVELOPE + MODEL_FIELDS_MAX], *key;
	size_t count = ENVELOPE;
	json_t *value;

	memcpy(names, envelope, sizeof(envelope));
	for (size_t i = 0; i < model->field_count; i++)
		names[count++] = model->fields[i].name;
	json_object_foreach(json, key, value)
	{
		size_t i = 0;

		while (i < count && strcmp(names[i], key))
			i++;
		if (i == count)
			return refuse_name(r, model->name, key, names, count);
	}
	return 0;
}

static int read_envelope(struct reading *r, json_t *json, struct event *e)
{
	const json_t *version = json_object_get(json, "source_version"),
		     *excluded = json_object_get(json, "excluded");

	if (!is_absent(version) && !json_is_integer(version))
		return refuse(r, "source_version wants a whole number");
	if (!is_absent(excluded) && !json_is_boolean(excluded))
		return refuse(r, "excluded wants true or false");
	e->source_version = json_integer_value(version);
	e->excluded = json_is_true(excluded);
	return read_word(r, json, "event_id", &e->event_id) ||
	       read_word(r, json, "tenant_id", &e->tenant_id) ||
	       read_word(r, json, "entity_id", &e->entity_id) ||
	       read_word(r, json, "source", &e->source) ||
	       read_word(r, json, "actor_id", &e->actor_id) || read_op(r, json, e) ||
	       read_moment(r, json, "occurred_at", &e->occurred_at_ms) ||
	       read_moment(r, json, "ingested_at", &e->ingested_at_ms) || read_ids(r, json, e) ||
	       read_ext(r, json, e);
}

static int read_object(struct reading *r, json_t *json, struct event *ret)
{
	const json_t *name = json_object_get(json, "type");
	int type = json_is_string(name) ? model_entity_find(slice_of(json_string_value(name))) : -1;

	if (type < 0)
		return refuse(r, "type is none of lead, opportunity, deal, call, rep, account");
	event_init(ret, (enum entity_type)type, r->arena);
	if (check_names(r, (enum entity_type)type, json) || read_envelope(r, json, ret))
		return 1;
	if (is_absent(json_object_get(json, "occurred_at")))
		return refuse(r, "occurred_at is missing");
	for (size_t i = 0; i < model_table[type].field_count; i++) {
		const struct model_field *field = &model_table[type].fields[i];

		if (read_value(r, field, json_object_get(json, field->name), &ret->fields[i]))
			return 1;
	}
	return r->is_full ? refuse(r, "no room left in the batch") : 0;
}

int event_json_read(struct slice line, struct arena *arena, struct event *ret,
	char ret_reason[EVENT_REASON_MAX])
{
	struct reading r = { .arena = arena, .reason = ret_reason };
	json_error_t error;
	json_t *json;
	int answer;

	ret_reason[0] = '\0';
	if (line.len > LINE_BYTES_MAX)
		return refuse(&r, "the line is longer than %d bytes", LINE_BYTES_MAX);
	json = json_loadb(line.at ? line.at : "", line.len, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return refuse(&r, "no JSON: %.100s", error.text);
	answer = json_is_object(json) ? read_object(&r, json, ret) : refuse(&r, "no JSON object");
	json_decref(json);
	return answer;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put_text(struct json *j, const char *name, struct slice text)
{
	if (!text.len)
		return;
	json_key(j, name);
	json_put_string(j, text);
}

/* What is no time at all (seconds for milliseconds) is written as the number that it is, so that it comes back. */
static void put_moment(struct json *j, int64_t ms)
{
	char text[TIME_TEXT_MAX];

	if (event_time_is_sane(ms))
		json_put_string(j, slice_of(time_format(ms, text)));
	else
		json_put_int(j, ms);
}

static void put_date(struct json *j, int64_t days)
{
	char text[TIME_TEXT_MAX];

	if (event_time_is_sane(days * 86400000))
		json_put_string(j, slice_of(date_format(days, text)));
	else
		json_put_int(j, days);
}

static void put_time(struct json *j, const char *name, int64_t ms)
{
	json_key(j, name);
	put_moment(j, ms);
}

static void put_value(
	struct json *j, const struct model_field *field, const struct event_value *value);

static void put_list(struct json *j, const struct model_list *list, const struct event_list *rows)
{
	json_begin_array(j);
	for (size_t row = 0; rows && row < rows->count; row++) {
		json_begin_object(j);
		for (size_t column = 0; column < list->field_count; column++)
			put_value(j, &list->fields[column],
				&rows->cells[row * list->field_count + column]);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_value(
	struct json *j, const struct model_field *field, const struct event_value *value)
{
	char text[DECIMAL_TEXT_MAX];

	if (value->is_null)
		return;
	json_key(j, field->name);
	switch (field->type) {
	case VALUE_STRING:
		json_put_string(j, value->text);
		break;
	case VALUE_BOOL:
		json_put_bool(j, value->i != 0);
		break;
	case VALUE_TIME:
		put_moment(j, value->i);
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		decimal_format(value->i, 0, text, sizeof(text));
		json_put_string(j, slice_of(text));
		break;
	case VALUE_RATE:
		decimal_format_rate(value->i, text, sizeof(text));
		json_put_string(j, slice_of(text));
		break;
	case VALUE_LIST:
		put_list(j, field->list, value->list);
		break;
	default:
		if (field->is_date)
			put_date(j, value->i);
		else
			json_put_int(j, value->i);
		break;
	}
}

static void put_envelope(struct json *j, const struct event *e)
{
	put_text(j, "type", slice_of(model_table[e->type].name));
	put_text(j, "event_id", e->event_id);
	put_text(j, "tenant_id", e->tenant_id);
	put_text(j, "entity_id", e->entity_id);
	put_text(j, "op", slice_of(event_op_names[e->op]));
	put_time(j, "occurred_at", e->occurred_at_ms);
	put_time(j, "ingested_at", e->ingested_at_ms);
	put_text(j, "source", e->source);
	json_key(j, "source_version");
	json_put_int(j, e->source_version);
	put_text(j, "actor_id", e->actor_id);
	if (e->merged_count) {
		json_key(j, "merged_ids");
		json_begin_array(j);
		for (size_t i = 0; i < e->merged_count; i++)
			json_put_string(j, e->merged_ids[i]);
		json_end_array(j);
	}
	if (e->excluded) {
		json_key(j, "excluded");
		json_put_bool(j, true);
	}
	if (!e->ext_count)
		return;
	json_key(j, "ext");
	json_begin_object(j);
	for (size_t i = 0; i < e->ext_count; i++) {
		json_key_slice(j, e->ext[i].key);
		json_put_string(j, e->ext[i].value);
	}
	json_end_object(j);
}

void event_json_write(const struct event *e, struct buffer *out)
{
	struct json j = json_of(out);

	json_begin_object(&j);
	put_envelope(&j, e);
	for (size_t i = 0; i < model_table[e->type].field_count; i++)
		put_value(&j, &model_table[e->type].fields[i], &e->fields[i]);
	json_end_object(&j);
	buffer_put_u8(out, '\n');
}
