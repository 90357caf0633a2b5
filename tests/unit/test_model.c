/* The model is what the schemas say: every field in its order, with its type, its null, its symbols and its columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/asset.h"
#include "core/event.h"
#include "core/model.h"

static json_t *schema_of(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.avsc", name);
	const struct asset *asset = asset_find(file);

	assert_non_null(asset);
	json_t *schema = json_loadb((const char *)asset->data, asset->len, 0, NULL);

	assert_non_null(schema);
	return schema;
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The primitive that a type rests on, and its logicalType. */
static const char *primitive_of(json_t *type)
{
	return json_is_string(type) ? json_string_value(type) : text_at(type, "type");
}

static void check_type(const char *where, json_t *type, const char *primitive, const char *logical)
{
	if (strcmp(primitive_of(type), primitive) != 0 ||
		strcmp(text_at(type, "logicalType"), logical) != 0)
		fail_msg("%s is %s %s in the schema, not %s %s", where, primitive_of(type),
			text_at(type, "logicalType"), primitive, logical);
}

static void check_symbols(const char *where, json_t *type, const char *const *symbols)
{
	json_t *list = json_object_get(type, "symbols");
	size_t count = 0;

	check_type(where, type, "enum", "");
	assert_string_equal(text_at(type, "default"), "UNKNOWN");
	for (; symbols[count]; count++) {
		const char *symbol = json_string_value(json_array_get(list, count));

		if (!symbol || strcmp(symbol, symbols[count]) != 0)
			fail_msg("%s: symbol %zu is %s in the schema, not %s", where, count,
				symbol ? symbol : "missing", symbols[count]);
	}
	assert_int_equal(json_array_size(list), count);
	assert_string_equal(symbols[0], "UNKNOWN");
}

static void check_decimal(const char *where, json_t *type, enum value_type kind)
{
	check_type(where, type, "bytes", "decimal");
	assert_int_equal(
		json_integer_value(json_object_get(type, "scale")), kind == VALUE_RATE ? 8 : 4);
	json_int_t precision = json_integer_value(json_object_get(type, "precision"));

	assert_true(precision <= 18 && (kind == VALUE_DECIMAL || precision == 18));
}

static void check_fields(const char *where, json_t *list, size_t skip,
	const struct model_field *fields, size_t count);

static void check_value(const char *where, json_t *type, const struct model_field *field)
{
	switch (field->type) {
	case VALUE_STRING:
		if (field->symbols)
			check_symbols(where, type, field->symbols);
		else
			check_type(where, type, "string", "");
		break;
	case VALUE_BOOL:
		check_type(where, type, "boolean", "");
		break;
	case VALUE_INT:
		check_type(where, type, "int", field->is_date ? "date" : "");
		break;
	case VALUE_TIME:
		check_type(where, type, "long", "timestamp-millis");
		break;
	case VALUE_DURATION:
		check_type(where, type, "long", "");
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
	case VALUE_RATE:
		check_decimal(where, type, field->type);
		break;
	case VALUE_LIST: {
		json_t *record = json_object_get(type, "items");

		check_type(where, type, "array", "");
		assert_string_equal(text_at(record, "name"), field->list->record);
		check_fields(where, json_object_get(record, "fields"), 0, field->list->fields,
			field->list->field_count);
		break;
	}
	default:
		fail_msg("%s has a type that no schema can have", where);
	}
}

static void check_field(const char *record, json_t *node, const struct model_field *field)
{
	char where[128];
	json_t *type = json_object_get(node, "type");

	snprintf(where, sizeof(where), "%s.%s", record, field->name);
	if (strcmp(text_at(node, "name"), field->name) != 0)
		fail_msg("%s stands where the schema has %s", where, text_at(node, "name"));
	if (field->required != !json_is_array(type))
		fail_msg("%s: the model and the schema differ in whether it may be null", where);
	if (json_is_array(type)) {
		assert_int_equal(json_array_size(type), 2);
		assert_string_equal(json_string_value(json_array_get(type, 0)), "null");
		assert_true(json_is_null(json_object_get(node, "default")));
		type = json_array_get(type, 1);
	}
	check_value(where, type, field);
}

static void check_fields(const char *where, json_t *list, size_t skip,
	const struct model_field *fields, size_t count)
{
	if (json_array_size(list) != skip + count)
		fail_msg("%s: %zu fields in the schema, %zu in the model", where,
			json_array_size(list) - skip, count);
	for (size_t i = 0; i < count; i++)
		check_field(where, json_array_get(list, skip + i), &fields[i]);
}

/* name, primitive or "enum" …, logicalType, nullable */
static const struct {
	const char *name, *primitive, *logical;
	bool nullable;
} envelope[] = {
	{ "event_id", "string", "", false },
	{ "tenant_id", "string", "", false },
	{ "entity_id", "string", "", false },
	{ "op", "enum", "", false },
	{ "occurred_at", "long", "timestamp-millis", false },
	{ "ingested_at", "long", "timestamp-millis", false },
	{ "source", "string", "", false },
	{ "source_version", "long", "", false },
	{ "actor_id", "string", "", true },
	{ "merged_ids", "array", "", false },
	{ "excluded", "boolean", "", false },
	{ "ext", "map", "", false },
};

static void check_envelope(json_t *fields)
{
	for (size_t i = 0; i < sizeof(envelope) / sizeof(envelope[0]); i++) {
		json_t *node = json_array_get(fields, i), *type = json_object_get(node, "type");

		assert_string_equal(text_at(node, "name"), envelope[i].name);
		assert_int_equal(json_is_array(type), envelope[i].nullable);
		if (envelope[i].nullable)
			type = json_array_get(type, 1);
		check_type(envelope[i].name, type, envelope[i].primitive, envelope[i].logical);
	}
	check_symbols("op", json_object_get(json_array_get(fields, 3), "type"), event_op_names);
}

static void test_model_equals_the_schemas(void **state)
{
	(void)state;
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		json_t *schema = schema_of(model_table[i].name);
		json_t *fields = json_object_get(schema, "fields");

		assert_string_equal(text_at(schema, "type"), "record");
		assert_string_equal(text_at(schema, "name"), model_table[i].name);
		assert_string_equal(text_at(schema, "namespace"), "salespulse");
		check_envelope(fields);
		check_fields(model_table[i].name, fields, sizeof(envelope) / sizeof(envelope[0]),
			model_table[i].fields, model_table[i].field_count);
		assert_true(model_table[i].field_count <= MODEL_FIELDS_MAX);
		json_decref(schema);
	}
}

static void test_names_are_found(void **state)
{
	(void)state;
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		assert_int_equal(model_entity_find(slice_of(model_table[i].name)), i);
		for (size_t k = 0; k < model_table[i].field_count; k++)
			assert_int_equal(model_field_find((enum entity_type)i,
						 slice_of(model_table[i].fields[k].name)),
				k);
	}
	assert_int_equal(model_entity_find(SLICE_LIT("Deal")), -1);
	assert_int_equal(model_entity_find(SLICE_LIT("deal_")), -1);
	assert_int_equal(model_field_find(ENTITY_DEAL, SLICE_LIT("stage_id")), -1);
	const struct model_field *splits =
		&model_table[ENTITY_DEAL]
			 .fields[model_field_find(ENTITY_DEAL, SLICE_LIT("splits"))];

	assert_int_equal(model_list_field_find(splits->list, SLICE_LIT("credit_pct")), 2);
	assert_int_equal(model_list_field_find(splits->list, SLICE_LIT("amount")), -1);
}

/* Money knows its currency, and references name what they refer to. */
static void test_fields_fit_together(void **state)
{
	(void)state;
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		for (size_t k = 0; k < model_table[i].field_count; k++) {
			const struct model_field *field = &model_table[i].fields[k];

			if (field->type == VALUE_MONEY)
				assert_int_equal(model_field_find((enum entity_type)i,
							 slice_of(field->currency)),
					model_table[i].currency_at);
			assert_true(!field->has_range || field->least < field->most);
			assert_true(field->reference >= -1 && field->reference < ENTITY_TYPE_COUNT);
			assert_true(field->reference < 0 || field->type == VALUE_STRING);
			assert_true(!field->symbols || field->required);
			assert_int_equal(field->type == VALUE_LIST, field->list != NULL);
		}
	}
}

/* What validity asks for by its place is what it takes it for. */
static void test_places_are_what_they_are_taken_for(void **state)
{
	(void)state;
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		const struct model_entity *model = &model_table[i];
		enum entity_type type = (enum entity_type)i;
		int first = model_field_find(type, SLICE_LIT("period_start"));

		assert_int_equal(model->currency_at, model_field_find(type, SLICE_LIT("currency")));
		assert_int_equal(model->first_day_at, first);
		assert_int_equal(
			model->last_day_at, model_field_find(type, SLICE_LIT("period_end")));
		if (first >= 0)
			assert_true(model->fields[first].is_date &&
				    model->fields[model->last_day_at].is_date);
		if (model->passing_field)
			assert_true(model_field_find(type, slice_of(model->passing_field)) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_equals_the_schemas),
		cmocka_unit_test(test_names_are_found),
		cmocka_unit_test(test_fields_fit_together),
		cmocka_unit_test(test_places_are_what_they_are_taken_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
