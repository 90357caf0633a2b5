#include "avro_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <avro.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

enum { BODY_BYTES_MAX = 1 << 20, FIXED_BYTES = 16 };

#define GOOD(call) assert_int_equal((call), 0)

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- fields that nobody knows --------------------------------------------------------------------------- */

static void fill_any(avro_value_t *value, struct rng *rng);

static void fill_many(avro_value_t *value, struct rng *rng, bool is_map)
{
	static const char *const keys[] = { "a", "bb", "ccc" };
	avro_value_t item;

	for (uint64_t i = 0, count = rng_below(rng, 4); i < count; i++) {
		if (is_map)
			GOOD(avro_value_add(value, keys[i], &item, NULL, NULL));
		else
			GOOD(avro_value_append(value, &item, NULL));
		fill_any(&item, rng);
	}
}

static void fill_union(avro_value_t *value, struct rng *rng)
{
	size_t count = avro_schema_union_size(avro_value_get_schema(value));
	avro_value_t branch;

	/* The first one, null, is chosen more often: a record in a record stays far from the allowed depth. */
	GOOD(avro_value_set_branch(
		value, rng_chance(rng, 0.4) ? 0 : (int)rng_below(rng, count), &branch));
	fill_any(&branch, rng);
}

static void fill_record(avro_value_t *value, struct rng *rng)
{
	size_t count = 0;
	avro_value_t field;

	GOOD(avro_value_get_size(value, &count));
	for (size_t i = 0; i < count; i++) {
		GOOD(avro_value_get_by_index(value, i, &field, NULL));
		fill_any(&field, rng);
	}
}

static void fill_any(avro_value_t *value, struct rng *rng)
{
	char bytes[] = "some bytes that nobody reads";
	avro_schema_t schema = avro_value_get_schema(value);

	switch (avro_value_get_type(value)) {
	case AVRO_NULL:
		GOOD(avro_value_set_null(value));
		break;
	case AVRO_BOOLEAN:
		GOOD(avro_value_set_boolean(value, rng_chance(rng, 0.5)));
		break;
	case AVRO_INT32:
		GOOD(avro_value_set_int(value, (int32_t)rng_u64(rng)));
		break;
	case AVRO_INT64:
		GOOD(avro_value_set_long(value, (int64_t)rng_u64(rng)));
		break;
	case AVRO_FLOAT:
		GOOD(avro_value_set_float(value, (float)rng_unit(rng)));
		break;
	case AVRO_DOUBLE:
		GOOD(avro_value_set_double(value, rng_unit(rng)));
		break;
	case AVRO_BYTES:
		GOOD(avro_value_set_bytes(value, bytes, rng_below(rng, sizeof(bytes))));
		break;
	case AVRO_STRING:
		GOOD(avro_value_set_string(value, bytes + rng_below(rng, sizeof(bytes))));
		break;
	case AVRO_FIXED:
		GOOD(avro_value_set_fixed(value, bytes, (size_t)avro_schema_fixed_size(schema)));
		break;
	case AVRO_ENUM:
		GOOD(avro_value_set_enum(value,
			(int)rng_below(rng, (uint64_t)avro_schema_enum_number_of_symbols(schema))));
		break;
	case AVRO_ARRAY:
	case AVRO_MAP:
		fill_many(value, rng, avro_value_get_type(value) == AVRO_MAP);
		break;
	case AVRO_UNION:
		fill_union(value, rng);
		break;
	default:
		fill_record(value, rng);
		break;
	}
}

/* ---- fields of the model -------------------------------------------------------------------------------- */

static void fill_row(avro_value_t *value, json_t *record, const struct model_list *list,
	const struct event_value *cells, struct rng *rng);

static void fill_text(avro_value_t *value, struct slice text)
{
	char copy[2048];

	assert_true(text.len < sizeof(copy));
	memcpy(copy, text.at ? text.at : "", text.len);
	copy[text.len] = '\0';
	switch (avro_value_get_type(value)) {
	case AVRO_STRING:
		GOOD(avro_value_set_string_len(value, copy, text.len + 1));
		break;
	case AVRO_BYTES:
		GOOD(avro_value_set_bytes(value, copy, text.len));
		break;
	default: {
		int symbol = avro_schema_enum_get_by_name(avro_value_get_schema(value), copy);

		/* The symbol was taken away for one that we can't know. */
		if (symbol < 0)
			symbol = avro_schema_enum_get_by_name(
				avro_value_get_schema(value), "BRAND_NEW");
		assert_true(symbol >= 0);
		GOOD(avro_value_set_enum(value, symbol));
		break;
	}
	}
}

/* Units of so many digits. */
static void fill_decimal(avro_value_t *value, json_t *type, int digits, int64_t units)
{
	json_int_t scale = json_integer_value(json_object_get(type, "scale"));
	uint8_t bytes[16], fixed[FIXED_BYTES];
	i128 number = units;

	if (avro_value_get_type(value) == AVRO_DOUBLE) {
		GOOD(avro_value_set_double(value, (double)units / DECIMAL_SCALE));
		return;
	}
	for (; scale > digits; scale--)
		number *= 10;
	size_t length = i128_to_be_bytes(number, bytes);

	if (avro_value_get_type(value) == AVRO_BYTES) {
		GOOD(avro_value_set_bytes(value, bytes, length));
		return;
	}
	memset(fixed, number < 0 ? 0xff : 0, sizeof(fixed));
	memcpy(fixed + sizeof(fixed) - length, bytes, length);
	GOOD(avro_value_set_fixed(value, fixed, sizeof(fixed)));
}

static void fill_number(avro_value_t *value, json_t *type, int64_t number, struct rng *rng)
{
	if (strcmp(text_at(type, "logicalType"), "timestamp-micros") == 0)
		number = number * 1000 + (int64_t)rng_below(rng, 1000);
	if (avro_value_get_type(value) == AVRO_INT32)
		GOOD(avro_value_set_int(value, (int32_t)number));
	else
		GOOD(avro_value_set_long(value, number));
}

static void fill_value(avro_value_t *value, json_t *type, const struct model_field *field,
	const struct event_value *from, struct rng *rng)
{
	avro_value_t inner;

	if (avro_value_get_type(value) == AVRO_UNION) {
		size_t branch = 0;

		while (from->is_null !=
			(json_is_string(json_array_get(type, branch)) &&
				strcmp(json_string_value(json_array_get(type, branch)), "null") ==
					0))
			branch++;
		GOOD(avro_value_set_branch(value, (int)branch, &inner));
		fill_value(&inner, json_array_get(type, branch), field, from, rng);
		return;
	}
	if (from->is_null) {
		GOOD(avro_value_set_null(value));
		return;
	}
	switch (field->type) {
	case VALUE_STRING:
		fill_text(value, from->text);
		break;
	case VALUE_BOOL:
		GOOD(avro_value_set_boolean(value, (int)from->i));
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		fill_decimal(value, type, DECIMAL_DIGITS, from->i);
		break;
	case VALUE_RATE:
		fill_decimal(value, type, RATE_DIGITS, from->i);
		break;
	case VALUE_LIST:
		for (size_t i = 0; i < from->list->count; i++) {
			GOOD(avro_value_append(value, &inner, NULL));
			fill_row(&inner, json_object_get(type, "items"), field->list,
				from->list->cells + i * field->list->field_count, rng);
		}
		break;
	default:
		fill_number(value, type, from->i, rng);
		break;
	}
}

/* The name that the model knows: an alias if there is one. */
static struct slice known_name(json_t *field)
{
	const char *alias = json_string_value(json_array_get(json_object_get(field, "aliases"), 0));

	return slice_of(alias ? alias : text_at(field, "name"));
}

static void fill_row(avro_value_t *value, json_t *record, const struct model_list *list,
	const struct event_value *cells, struct rng *rng)
{
	json_t *field;
	size_t i;
	avro_value_t inner;

	json_array_foreach(json_object_get(record, "fields"), i, field)
	{
		int known = model_list_field_find(list, known_name(field));

		GOOD(avro_value_get_by_index(value, i, &inner, NULL));
		if (known < 0)
			fill_any(&inner, rng);
		else
			fill_value(&inner, json_object_get(field, "type"), &list->fields[known],
				&cells[known], rng);
	}
}

/* ---- the envelope --------------------------------------------------------------------------------------- */

static const struct model_field text_field = { .name = "text", .type = VALUE_STRING };
static const struct model_field number_field = { .name = "number", .type = VALUE_INT };
static const struct model_field bool_field = { .name = "bool", .type = VALUE_BOOL };

static void fill_ids(avro_value_t *value, const struct event *event)
{
	avro_value_t item;

	for (size_t i = 0; i < event->merged_count; i++) {
		GOOD(avro_value_append(value, &item, NULL));
		fill_text(&item, event->merged_ids[i]);
	}
}

static void fill_ext(avro_value_t *value, const struct event *event)
{
	avro_value_t item;

	for (size_t i = 0; i < event->ext_count; i++) {
		char key[64];

		assert_true(event->ext[i].key.len < sizeof(key));
		memcpy(key, event->ext[i].key.at, event->ext[i].key.len);
		key[event->ext[i].key.len] = '\0';
		GOOD(avro_value_add(value, key, &item, NULL, NULL));
		fill_text(&item, event->ext[i].value);
	}
}

/* False: it is none of the envelope's. */
static bool fill_envelope(avro_value_t *value, json_t *type, struct slice name,
	const struct event *event, struct rng *rng)
{
	const struct {
		const char *name;
		const struct model_field *field;
		struct event_value value;
	} fields[] = {
		{ "event_id", &text_field, { .text = event->event_id } },
		{ "tenant_id", &text_field, { .text = event->tenant_id } },
		{ "entity_id", &text_field, { .text = event->entity_id } },
		{ "source", &text_field, { .text = event->source } },
		{ "actor_id", &text_field,
			{ .text = event->actor_id, .is_null = !event->actor_id.at } },
		{ "op", &text_field, { .text = slice_of(event_op_names[event->op]) } },
		{ "occurred_at", &number_field, { .i = event->occurred_at_ms } },
		{ "ingested_at", &number_field, { .i = event->ingested_at_ms } },
		{ "source_version", &number_field, { .i = event->source_version } },
		{ "excluded", &bool_field, { .i = event->excluded } },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!slice_is(name, fields[i].name))
			continue;
		fill_value(value, type, fields[i].field, &fields[i].value, rng);
		return true;
	}
	if (slice_is(name, "merged_ids"))
		fill_ids(value, event);
	else if (slice_is(name, "ext"))
		fill_ext(value, event);
	else
		return false;
	return true;
}

void oracle_encode(json_t *schema, const struct event *event, struct rng *rng, struct buffer *out)
{
	char *text = json_dumps(schema, JSON_COMPACT);
	avro_schema_t avro;
	avro_value_t value, inner;
	json_t *field;
	size_t i;

	if (avro_schema_from_json_length(text, strlen(text), &avro) != 0)
		fail_msg("%s: %s", avro_strerror(), text);
	avro_value_iface_t *class = avro_generic_class_from_schema(avro);

	GOOD(avro_generic_value_new(class, &value));
	json_array_foreach(json_object_get(schema, "fields"), i, field)
	{
		struct slice name = known_name(field);
		json_t *type = json_object_get(field, "type");
		int known = model_field_find(event->type, name);

		GOOD(avro_value_get_by_index(&value, i, &inner, NULL));
		if (known >= 0)
			fill_value(&inner, type, &model_table[event->type].fields[known],
				&event->fields[known], rng);
		else if (!fill_envelope(&inner, type, name, event, rng))
			fill_any(&inner, rng);
	}
	char *at = (char *)buffer_reserve(out, BODY_BYTES_MAX);
	avro_writer_t writer = avro_writer_memory(at, BODY_BYTES_MAX);

	GOOD(avro_value_write(writer, &value));
	out->len += (size_t)avro_writer_tell(writer);
	avro_writer_free(writer);
	avro_value_decref(&value);
	avro_value_iface_decref(class);
	avro_schema_decref(avro);
	free(text);
}

/* ---- another writer's schema ---------------------------------------------------------------------------- */

static void shuffle(json_t *list, struct rng *rng)
{
	for (size_t i = json_array_size(list); i > 1; i--) {
		size_t k = rng_below(rng, i);
		json_t *a = json_incref(json_array_get(list, i - 1));
		json_t *b = json_incref(json_array_get(list, k));

		json_array_set_new(list, i - 1, b);
		json_array_set_new(list, k, a);
	}
}

static void add_extra_fields(json_t *fields, struct rng *rng)
{
	static const char *const types[] = {
		"\"null\"",
		"\"boolean\"",
		"\"float\"",
		"\"bytes\"",
		"[\"null\",\"string\",\"double\"]",
		"{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":[\"int\",\"null\"]}}",
		"{\"type\":\"fixed\",\"name\":\"x_fixed\",\"size\":5}",
		"{\"type\":\"enum\",\"name\":\"x_enum\",\"symbols\":[\"P\",\"Q\"]}",
		("{\"type\":\"record\",\"name\":\"x_record\",\"fields\":[{\"name\":\"a\",\"type\":"
		 "\"int\"},"
		 "{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"x_record\"]}}]"
		 "}"),
		"{\"type\":\"map\",\"values\":{\"type\":\"record\",\"name\":\"x_empty\",\"fields\":"
		"[]}}",
		"{\"type\":\"array\",\"items\":\"null\"}",
	};
	char name[16] = "x0";

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (rng_chance(rng, 0.7))
			continue;
		name[1] = (char)('a' + i);
		json_array_append_new(fields, json_pack("{s:s, s:o}", "name", name, "type",
						      json_loads(types[i], JSON_DECODE_ANY, NULL)));
	}
}

static json_t *logical(const char *type, const char *name)
{
	return json_pack("{s:s, s:s}", "type", type, "logicalType", name);
}

static json_t *other_decimal(const struct model_field *field, const struct event_value *value,
	const char *unique, struct rng *rng)
{
	int digits = field->type == VALUE_RATE ? RATE_DIGITS : DECIMAL_DIGITS;

	if (rng_chance(rng, 0.4))
		return json_pack("{s:s, s:s, s:i, s:s, s:i, s:i}", "type", "fixed", "name", unique,
			"size", FIXED_BYTES, "logicalType", "decimal", "precision", 30, "scale",
			digits);
	/* What a double holds to the fourth digit. */
	if (field->type == VALUE_DECIMAL && value->i < (int64_t)1 << 45 &&
		value->i > -((int64_t)1 << 45))
		return json_string("double");
	return json_pack("{s:s, s:s, s:i, s:i}", "type", "bytes", "logicalType", "decimal",
		"precision", 30, "scale", digits + 2);
}

/* The symbols the other way round, some more, and perhaps without the one that is used. */
static json_t *other_enum(
	json_t *type, const struct model_field *field, struct event_value *value, struct rng *rng)
{
	json_t *copy = json_deep_copy(type), *symbols = json_object_get(copy, "symbols");

	if (rng_chance(rng, 0.3)) {
		json_decref(copy);
		return json_string("string");
	}
	if (rng_chance(rng, 0.3)) {
		for (size_t i = json_array_size(symbols); i > 0; i--)
			if (slice_is(
				    value->text, json_string_value(json_array_get(symbols, i - 1))))
				json_array_remove(symbols, i - 1);
		value->text = slice_of(field->symbols[0]);
	}
	json_array_append_new(symbols, json_string("BRAND_NEW"));
	json_array_append_new(symbols, json_string("SECOND_NEW"));
	shuffle(symbols, rng);
	json_object_set_new(copy, "default", json_string("SECOND_NEW"));
	return copy;
}

/* Another type that the same value can be written as; NULL: as it is. */
static json_t *other_type(json_t *type, const struct model_field *field, struct event_value *value,
	const char *unique, struct rng *rng)
{
	switch (field->type) {
	case VALUE_STRING:
		return field->symbols ? other_enum(type, field, value, rng) : json_string("bytes");
	case VALUE_TIME:
		return logical("long", "timestamp-micros");
	case VALUE_INT:
		return field->is_date ? NULL : json_string("long");
	case VALUE_DURATION:
		return value->i <= INT32_MAX ? json_string("int") : NULL;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
	case VALUE_RATE:
		return other_decimal(field, value, unique, rng);
	default:
		return NULL;
	}
}

static void evolve_list(
	json_t *type, const struct model_list *list, struct event_list *rows, struct rng *rng)
{
	json_t *fields = json_object_get(json_object_get(type, "items"), "fields");

	/* A column that is gone is null in all rows. */
	if (rng_chance(rng, 0.3)) {
		size_t gone = rng_below(rng, json_array_size(fields));

		json_array_remove(fields, gone);
		for (size_t i = 0; i < rows->count; i++)
			rows->cells[i * list->field_count + gone] =
				(struct event_value){ .is_null = true };
	}
	json_array_append_new(fields, json_pack("{s:s, s:s}", "name", "more", "type", "double"));
	shuffle(fields, rng);
}

static struct event_list *copy_rows(
	const struct event_list *rows, size_t columns, struct arena *arena)
{
	struct event_list *copy = arena_alloc(arena, sizeof(*copy));

	copy->count = rows->count;
	copy->cells = arena_alloc(arena, rows->count * columns * sizeof(*copy->cells));
	if (rows->count)
		memcpy(copy->cells, rows->cells, rows->count * columns * sizeof(*copy->cells));
	return copy;
}

static void evolve_field(json_t *field, const struct model_field *model, struct event_value *value,
	struct arena *arena, struct rng *rng)
{
	json_t *type = json_object_get(field, "type");
	char unique[64] = "f_";

	strncat(unique, model->name, sizeof(unique) - 3);
	if (json_is_array(type))
		type = json_array_get(type, 1);
	json_t *other = json_deep_copy(type);

	if (model->type == VALUE_LIST && !value->is_null) {
		value->list = copy_rows(value->list, model->list->field_count, arena);
		evolve_list(other, model->list, value->list, rng);
	} else if (!value->is_null && rng_chance(rng, 0.5)) {
		json_t *changed = other_type(type, model, value, unique, rng);

		if (changed) {
			json_decref(other);
			other = changed;
		}
	}
	if (value->is_null || rng_chance(rng, 0.5))
		other = rng_chance(rng, 0.5) ? json_pack("[s, o]", "null", other)
					     : json_pack("[o, s]", other, "null");
	json_object_set_new(field, "type", other);
	if (rng_chance(rng, 0.1)) {
		json_object_set_new(field, "aliases", json_pack("[s]", model->name));
		json_object_set_new(field, "name", json_string(unique));
	}
}

/* What the reader sees of a field that the writer doesn't have. */
static struct event_value missing_value(
	json_t *built_in, const struct model_field *field, struct arena *arena)
{
	json_t *value = json_object_get(built_in, "default");

	if (field->type == VALUE_LIST)
		return (struct event_value){ .list = arena_alloc(
						     arena, sizeof(struct event_list)) };
	if (field->type == VALUE_BOOL && json_is_boolean(value))
		return (struct event_value){ .i = json_is_true(value) };
	if (field->type == VALUE_INT && json_is_integer(value))
		return (struct event_value){ .i = json_integer_value(value) };
	return (struct event_value){ .is_null = true };
}

static void drop_envelope(struct slice name, struct event *expected)
{
	if (slice_is(name, "ext"))
		expected->ext_count = 0;
	else if (slice_is(name, "merged_ids"))
		expected->merged_count = 0;
	else if (slice_is(name, "excluded"))
		expected->excluded = false;
	else if (slice_is(name, "ingested_at"))
		expected->ingested_at_ms = 0;
	else if (slice_is(name, "source"))
		expected->source = SLICE_LIT("");
	else
		expected->actor_id = (struct slice){ NULL, 0 };
}

static bool may_be_dropped(struct slice name)
{
	static const char *const names[] = { "ext", "merged_ids", "excluded", "ingested_at",
		"source", "actor_id" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

json_t *oracle_evolve(
	json_t *built_in, struct event *expected, struct arena *arena, struct rng *rng)
{
	json_t *schema = json_deep_copy(built_in), *fields = json_object_get(schema, "fields");
	const struct model_entity *model = &model_table[expected->type];
	struct event_value *values = arena_alloc(arena, model->field_count * sizeof(*values));

	memcpy(values, expected->fields, model->field_count * sizeof(*values));
	expected->fields = values;
	for (size_t i = json_array_size(fields); i > 0; i--) {
		json_t *field = json_array_get(fields, i - 1);
		struct slice name = slice_of(text_at(field, "name"));
		int known = model_field_find(expected->type, name);
		bool drop = rng_chance(rng, 0.1);

		if (known >= 0 && drop)
			values[known] = missing_value(field, &model->fields[known], arena);
		else if (known >= 0)
			evolve_field(field, &model->fields[known], &values[known], arena, rng);
		else if (drop && may_be_dropped(name))
			drop_envelope(name, expected);
		else
			continue;
		if (drop)
			json_array_remove(fields, i - 1);
	}
	add_extra_fields(fields, rng);
	shuffle(fields, rng);
	return schema;
}
