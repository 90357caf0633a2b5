/*
 * Compiling a plan: the writer's schema against the model. All that Avro calls schema resolution happens here, once per schema:
 *
 *      the writer's field      becomes
 *      known, by its name      a step that converts its type to the model's (int -> long -> decimal, bytes -> text, …)
 *      known, by an alias      the same: the built-in schema's aliases, and the writer's own for names that it gave up
 *      unknown                 a step that passes over it
 *      of a wrong type         a refused schema; in a union, a refused value
 *      missing                 the built-in schema's default, else null; of the envelope, a refused schema
 *      an unknown symbol       UNKNOWN
 *
 * What is more generous than Avro: a text where the model has an enum, an enum where it has a text, whole or floating numbers for
 * a decimal that is no money. What is refused although the bytes would fit: a long as money (units or cents?), a time without a zone.
 */
#include <stdio.h>
#include <string.h>

#include "base/asset.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/codec_inside.h"

static const struct model_field ids_fields[] = {
	{ .name = "id", .type = VALUE_STRING, .reference = -1 }
};
const struct model_list codec_ids = { "id", ids_fields, 1 };
static const struct model_field pair_fields[] = {
	{ .name = "key", .type = VALUE_STRING, .reference = -1 },
	{ .name = "value", .type = VALUE_STRING, .reference = -1 },
};
const struct model_list codec_pairs = { "pair", pair_fields, 2 };

/* Required here: a schema without it is refused. */
const struct model_field codec_envelope[ENVELOPE_COUNT] = {
	[ENVELOPE_EVENT_ID] = { .name = "event_id", .type = VALUE_STRING, .required = true },
	[ENVELOPE_TENANT_ID] = { .name = "tenant_id", .type = VALUE_STRING, .required = true },
	[ENVELOPE_ENTITY_ID] = { .name = "entity_id", .type = VALUE_STRING, .required = true },
	[ENVELOPE_OP] = { .name = "op",
		.type = VALUE_STRING,
		.required = true,
		.symbols = event_op_names },
	[ENVELOPE_OCCURRED_AT] = { .name = "occurred_at", .type = VALUE_TIME, .required = true },
	[ENVELOPE_INGESTED_AT] = { .name = "ingested_at", .type = VALUE_TIME },
	[ENVELOPE_SOURCE] = { .name = "source", .type = VALUE_STRING },
	[ENVELOPE_SOURCE_VERSION] = { .name = "source_version",
		.type = VALUE_INT,
		.required = true },
	[ENVELOPE_ACTOR_ID] = { .name = "actor_id", .type = VALUE_STRING },
	[ENVELOPE_MERGED_IDS] = { .name = "merged_ids", .type = VALUE_LIST, .list = &codec_ids },
	[ENVELOPE_EXCLUDED] = { .name = "excluded", .type = VALUE_BOOL },
	[ENVELOPE_EXT] = { .name = "ext", .type = VALUE_LIST, .list = &codec_pairs },
};

enum { WANTED_MAX = ENVELOPE_COUNT + MODEL_FIELDS_MAX, FIXED_BYTES_MAX = 1 << 30, SCALE_MAX = 30 };
/* Fields, branches and symbols of a plan: a short schema may name one long enum a thousand times. */
enum { ITEMS_MAX = 1 << 18 };

struct compiler {
	struct arena *memory;
	struct codec_names names;
	char *reason;
	size_t item_count;
};

/* A field that is looked for in the writer's record; its place here is its target. */
struct wanted {
	const struct model_field *field;
	json_t *built_in; /* the field in the built-in schema: aliases and default; borrowed */
	json_t *writer;	  /* the field in the writer's schema; NULL: missing */
	bool must_be;
};

#define REFUSE(c, ...) (snprintf((c)->reason, EVENT_REASON_MAX, __VA_ARGS__), false)

static bool store_type(struct compiler *, const struct model_field *, const struct codec_type *,
	struct codec_step *ret, bool *ret_fits);
static bool compile_record(struct compiler *, const struct codec_type *, struct wanted *,
	uint32_t wanted_count, struct codec_record *ret);

static void *piece(struct compiler *c, size_t count, size_t size)
{
	return arena_alloc(c->memory, count * size);
}

static bool afford(struct compiler *c, size_t count)
{
	if (count > ITEMS_MAX - c->item_count)
		return REFUSE(c, "the schema is too large");
	c->item_count += count;
	return true;
}

static const char *copy(struct compiler *c, const char *text)
{
	return arena_strndup(c->memory, text, strlen(text));
}

/* ---- passing over --------------------------------------------------------------------------------------- */

static bool skip_type(
	struct compiler *, json_t *type, const char *space, int depth, struct codec_step *ret);

static bool skip_record(
	struct compiler *c, struct codec_named *named, int depth, struct codec_step *ret)
{
	json_t *fields = json_object_get(named->definition, "fields"), *field;
	struct codec_step *steps;
	size_t i;

	if (named->passed) {
		/* One that is still being compiled stands inside itself. */
		bool is_empty = named->is_passed && named->passed->step_count == 0;

		*ret = (struct codec_step){ .kind = is_empty ? CODEC_NOTHING : CODEC_SKIP_RECORD,
			.of.record = named->passed };
		return true;
	}
	if (!afford(c, json_array_size(fields)))
		return false;
	struct codec_record *passed = piece(c, 1, sizeof(*passed));

	named->passed = passed;
	passed->steps = steps = piece(c, json_array_size(fields), sizeof(*steps));
	json_array_foreach(fields, i, field)
	{
		struct codec_step *step = &steps[passed->step_count];
		const char *name = json_string_value(json_object_get(field, "name"));

		if (!name || !codec_name_is_good(name))
			return REFUSE(c, "a field of the schema has no proper name");
		if (!skip_type(c, json_object_get(field, "type"), named->space, depth + 1, step))
			return false;
		step->name = copy(c, name);
		passed->step_count += step->kind != CODEC_NOTHING;
	}
	named->is_passed = true;
	*ret = (struct codec_step){ .kind = passed->step_count ? CODEC_SKIP_RECORD : CODEC_NOTHING,
		.of.record = passed };
	return true;
}

/* Arrays of items, and maps of a text and an item. */
static bool skip_many(
	struct compiler *c, const struct codec_type *type, int depth, struct codec_step *ret)
{
	bool is_map = type->wire == WIRE_MAP;
	struct codec_record *item = piece(c, 1, sizeof(*item));
	struct codec_step *steps = piece(c, 2, sizeof(*steps));

	if (is_map)
		steps[item->step_count++] = (struct codec_step){ .kind = CODEC_SKIP_TEXT };
	if (!skip_type(c, json_object_get(type->definition, is_map ? "values" : "items"),
		    type->space, depth + 1, &steps[item->step_count]))
		return false;
	item->step_count += steps[item->step_count].kind != CODEC_NOTHING;
	item->steps = steps;
	*ret = (struct codec_step){ .kind = CODEC_SKIP_ARRAY, .of.record = item };
	return true;
}

static bool skip_union(
	struct compiler *c, const struct codec_type *type, int depth, struct codec_step *ret)
{
	size_t count = json_array_size(type->definition);

	if (!afford(c, count))
		return false;
	struct codec_step *branches = piece(c, count, sizeof(*branches));

	for (size_t i = 0; i < count; i++)
		if (!skip_type(c, json_array_get(type->definition, i), type->space, depth + 1,
			    &branches[i]))
			return false;
	*ret = (struct codec_step){
		.kind = CODEC_SKIP_UNION, .size = count, .of.branches = branches
	};
	return true;
}

static bool fixed_size(struct compiler *c, const struct codec_type *type, uint64_t *ret)
{
	json_t *size = json_object_get(type->definition, "size");

	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
		json_integer_value(size) > FIXED_BYTES_MAX)
		return REFUSE(
			c, "the schema's fixed %.100s has no proper size", type->named->full_name);
	*ret = (uint64_t)json_integer_value(size);
	return true;
}

static bool skip_type(
	struct compiler *c, json_t *json, const char *space, int depth, struct codec_step *ret)
{
	struct codec_type type;
	uint64_t size;

	if (depth > CODEC_DEPTH_MAX)
		return REFUSE(c, "the schema's types are nested deeper than %d", CODEC_DEPTH_MAX);
	if (!codec_type_of(&c->names, json, space, &type))
		return false;
	switch (type.wire) {
	case WIRE_NULL:
		*ret = (struct codec_step){ .kind = CODEC_NOTHING };
		return true;
	case WIRE_BOOLEAN:
		*ret = (struct codec_step){ .kind = CODEC_SKIP_BYTES, .size = 1 };
		return true;
	case WIRE_FLOAT:
	case WIRE_DOUBLE:
		*ret = (struct codec_step){ .kind = CODEC_SKIP_BYTES,
			.size = type.wire == WIRE_FLOAT ? 4 : 8 };
		return true;
	case WIRE_INT:
	case WIRE_LONG:
		*ret = (struct codec_step){ .kind = CODEC_SKIP_NUMBER };
		return true;
	case WIRE_BYTES:
	case WIRE_STRING:
		*ret = (struct codec_step){ .kind = CODEC_SKIP_TEXT };
		return true;
	case WIRE_ENUM:
		size = json_array_size(json_object_get(type.definition, "symbols"));
		*ret = (struct codec_step){ .kind = CODEC_SKIP_SYMBOL, .size = size };
		return true;
	case WIRE_FIXED:
		if (!fixed_size(c, &type, &size))
			return false;
		*ret = (struct codec_step){ .kind = size ? CODEC_SKIP_BYTES : CODEC_NOTHING,
			.size = size };
		return true;
	case WIRE_RECORD:
		return skip_record(c, type.named, depth, ret);
	case WIRE_UNION:
		return skip_union(c, &type, depth, ret);
	default:
		return skip_many(c, &type, depth, ret);
	}
}

/* ---- storing: one type as one of the model's ------------------------------------------------------------ */

static bool take(struct codec_step *ret, enum codec_kind kind)
{
	ret->kind = (uint8_t)kind;
	return true;
}

static bool take_factor(
	struct codec_step *ret, enum codec_kind kind, enum codec_wire wire, uint64_t factor)
{
	ret->kind = (uint8_t)kind;
	ret->is_int = wire == WIRE_INT;
	ret->size = factor;
	return true;
}

/* The writer's symbols as values: the model's own texts where it has an enum, else copies. */
static bool store_symbols(struct compiler *c, const struct model_field *field,
	const struct codec_type *type, struct codec_step *ret)
{
	json_t *symbols = json_object_get(type->definition, "symbols");
	size_t count = json_array_size(symbols);

	if (!afford(c, count))
		return false;
	struct event_value *values = piece(c, count, sizeof(*values));

	for (size_t i = 0; i < count; i++) {
		const char *symbol = json_string_value(json_array_get(symbols, i));

		if (!symbol)
			return REFUSE(c, "the schema's enum %.100s has a symbol that is no text",
				type->named->full_name);
		if (!field->symbols) {
			values[i].text = slice_of(copy(c, symbol));
			continue;
		}
		for (int64_t known = 0; field->symbols[known]; known++)
			if (strcmp(field->symbols[known], symbol) == 0)
				values[i].i = known;
		values[i].text = slice_of(field->symbols[values[i].i]);
	}
	ret->size = count;
	ret->of.symbols = values;
	return take(ret, CODEC_SYMBOL);
}

static bool fits_text(
	const struct model_field *field, const struct codec_type *type, struct codec_step *ret)
{
	if (type->wire == WIRE_STRING && field->symbols) {
		ret->of.names = field->symbols;
		return take(ret, CODEC_TEXT_SYMBOL);
	}
	if (type->wire != WIRE_STRING && (type->wire != WIRE_BYTES || field->symbols ||
						 strcmp(codec_logical(type), "decimal") == 0))
		return false;
	return take(ret, CODEC_TEXT);
}

static bool is_whole(const struct codec_type *type)
{
	return type->wire == WIRE_INT || type->wire == WIRE_LONG;
}

/* A logical type that says that a whole number is something else than the field is. Unknown ones say nothing, as Avro has it. */
static bool is_foreign(const char *logical, const char *allowed)
{
	return strcmp(logical, allowed) != 0 &&
	       (strcmp(logical, "date") == 0 || strncmp(logical, "time-", 5) == 0 ||
		       strncmp(logical, "timestamp-", 10) == 0 ||
		       strncmp(logical, "local-timestamp-", 16) == 0);
}

static bool fits_time(const char *unit_of, const struct codec_type *type, struct codec_step *ret)
{
	const char *logical = codec_logical(type);
	size_t length = strlen(unit_of);

	if (!is_whole(type))
		return false;
	if (strncmp(logical, unit_of, length) == 0) {
		if (strcmp(logical + length, "micros") == 0)
			return take_factor(ret, CODEC_DIVIDE, type->wire, 1000);
		if (strcmp(logical + length, "nanos") == 0)
			return take_factor(ret, CODEC_DIVIDE, type->wire, 1000000);
		if (strcmp(logical + length, "millis") != 0)
			return false;
	} else if (is_foreign(logical, "")) {
		return false;
	}
	return take(ret, type->wire == WIRE_INT ? CODEC_INT : CODEC_LONG);
}

static bool fits_whole(
	const struct model_field *field, const struct codec_type *type, struct codec_step *ret)
{
	if (!is_whole(type) || is_foreign(codec_logical(type), field->is_date ? "date" : ""))
		return false;
	/* A long that is a date may as well be milliseconds. */
	if (field->is_date && type->wire == WIRE_LONG)
		return false;
	return take(ret, type->wire == WIRE_INT ? CODEC_INT : CODEC_LONG);
}

static bool store_decimal(struct compiler *c, const struct model_field *field,
	const struct codec_type *type, struct codec_step *ret, bool *ret_fits)
{
	json_t *scale = json_object_get(type->definition, "scale");
	json_int_t digits = json_integer_value(scale); /* 0 when it is missing */

	*ret_fits = false;
	if (type->wire == WIRE_BYTES || type->wire == WIRE_FIXED) {
		if (strcmp(codec_logical(type), "decimal") != 0 ||
			(scale && !json_is_integer(scale)) || digits < 0 || digits > SCALE_MAX)
			return true;
		ret->is_fixed = type->wire == WIRE_FIXED;
		if (ret->is_fixed && !fixed_size(c, type, &ret->size))
			return false;
		/* Digits beyond those of the type in hand are the same as beyond DECIMAL_DIGITS. */
		ret->scale = (int16_t)(field->type == VALUE_RATE
					       ? digits - (RATE_DIGITS - DECIMAL_DIGITS)
					       : digits);
		*ret_fits = take(ret, CODEC_DECIMAL);
	} else if (field->type == VALUE_DECIMAL && is_whole(type) &&
		   !is_foreign(codec_logical(type), "")) {
		*ret_fits = take_factor(ret, CODEC_TIMES, type->wire, DECIMAL_SCALE);
	} else if (field->type == VALUE_DECIMAL &&
		   (type->wire == WIRE_FLOAT || type->wire == WIRE_DOUBLE)) {
		*ret_fits = take(ret, type->wire == WIRE_FLOAT ? CODEC_FLOAT : CODEC_DOUBLE);
	}
	return true;
}

/* ---- storing: lists ------------------------------------------------------------------------------------- */

static json_t *built_in_field(json_t *record, const char *name)
{
	json_t *fields = json_object_get(record, "fields"), *field;
	size_t i;

	json_array_foreach(fields, i, field)
	{
		const char *found = json_string_value(json_object_get(field, "name"));

		if (found && strcmp(found, name) == 0)
			return field;
	}
	return NULL;
}

/* One text, or a text and another: what stands in merged_ids and ext. */
static bool store_texts(struct compiler *c, const struct model_list *list, json_t *last,
	const char *space, struct codec_record *row, bool *ret_fits)
{
	struct codec_step *steps = piece(c, list->field_count, sizeof(*steps));
	uint32_t at = (uint32_t)list->field_count - 1;
	struct codec_type type;

	if (!codec_type_of(&c->names, last, space, &type))
		return false;
	steps[0] = (struct codec_step){ .kind = CODEC_TEXT };
	steps[at] = (struct codec_step){ .target = (uint16_t)at };
	*row = (struct codec_record){ .steps = steps, .step_count = at + 1, .columns = at + 1 };
	return store_type(c, &list->fields[at], &type, &steps[at], ret_fits);
}

static bool store_rows(struct compiler *c, const struct model_field *field, json_t *built_in,
	const struct codec_type *type, struct codec_record *row)
{
	struct wanted wanted[MODEL_FIELDS_MAX] = { 0 };
	json_t *record = json_object_get(json_object_get(built_in, "type"), "items");

	for (size_t i = 0; i < field->list->field_count; i++) {
		wanted[i].field = &field->list->fields[i];
		wanted[i].built_in = built_in_field(record, field->list->fields[i].name);
	}
	return compile_record(c, type, wanted, (uint32_t)field->list->field_count, row);
}

/* The limit to its rows; CODEC_LIST_COUNT: none of its own. */
static uint64_t list_of(const struct model_field *field)
{
	uint64_t list = 0;

	while (list < CODEC_LIST_COUNT && strcmp(codec_list_names[list], field->name) != 0)
		list++;
	return list;
}

static bool store_list(struct compiler *c, const struct model_field *field, json_t *built_in,
	const struct codec_type *type, struct codec_step *ret, bool *ret_fits)
{
	struct codec_record *row = piece(c, 1, sizeof(*row));
	struct codec_type item;

	*ret_fits = false;
	ret->of.record = row;
	ret->size = list_of(field);
	take(ret, CODEC_LIST);
	if (type->wire != (field->list == &codec_pairs ? WIRE_MAP : WIRE_ARRAY))
		return true;
	if (field->list == &codec_pairs)
		return store_texts(c, field->list, json_object_get(type->definition, "values"),
			type->space, row, ret_fits);
	if (field->list == &codec_ids)
		return store_texts(c, field->list, json_object_get(type->definition, "items"),
			type->space, row, ret_fits);
	if (!codec_type_of(
		    &c->names, json_object_get(type->definition, "items"), type->space, &item))
		return false;
	if (item.wire != WIRE_RECORD)
		return true;
	*ret_fits = true;
	return store_rows(c, field, built_in, &item, row);
}

/* ---- storing: fields ------------------------------------------------------------------------------------ */

/* A union: null and one other in the step itself, anything else as branches; those that don't fit are refused when they come. */
static bool store_union(struct compiler *c, const struct wanted *wanted,
	const struct codec_type *type, struct codec_step *ret, bool *ret_fits)
{
	size_t count = json_array_size(type->definition), null_at = count;
	struct codec_type branch;

	*ret_fits = false;
	if (!afford(c, count))
		return false;
	struct codec_step *branches = piece(c, count, sizeof(*branches));

	for (size_t i = 0; i < count; i++) {
		bool fits = false;

		if (!codec_type_of(
			    &c->names, json_array_get(type->definition, i), type->space, &branch))
			return false;
		if (branch.wire == WIRE_UNION)
			return REFUSE(c, "%s: a union in a union", wanted->field->name);
		branches[i] = (struct codec_step){ .target = ret->target, .name = ret->name };
		if (branch.wire == WIRE_NULL) {
			branches[i].kind = CODEC_NULL;
			null_at = i;
			continue;
		}
		if (!(wanted->field->type == VALUE_LIST
				    ? store_list(c, wanted->field, wanted->built_in, &branch,
					      &branches[i], &fits)
				    : store_type(c, wanted->field, &branch, &branches[i], &fits)))
			return false;
		if (!fits)
			branches[i].kind = CODEC_REFUSE;
		*ret_fits = *ret_fits || fits;
	}
	if (count == 2 && null_at < 2 && *ret_fits) {
		*ret = branches[1 - null_at];
		ret->null_branch = (uint8_t)(1 + null_at);
		return true;
	}
	ret->size = count;
	ret->of.branches = branches;
	return take(ret, CODEC_UNION);
}

static bool store_type(struct compiler *c, const struct model_field *field,
	const struct codec_type *type, struct codec_step *ret, bool *ret_fits)
{
	struct wanted wanted = { .field = field };

	*ret_fits = false;
	if (type->wire == WIRE_UNION)
		return store_union(c, &wanted, type, ret, ret_fits);
	if (type->wire == WIRE_NULL) {
		*ret_fits = take(ret, CODEC_NULL);
		return true;
	}
	switch (field->type) {
	case VALUE_STRING:
		*ret_fits = true;
		if (type->wire == WIRE_ENUM)
			return store_symbols(c, field, type, ret);
		*ret_fits = fits_text(field, type, ret);
		return true;
	case VALUE_BOOL:
		*ret_fits = type->wire == WIRE_BOOLEAN && take(ret, CODEC_BOOL);
		return true;
	case VALUE_TIME:
		*ret_fits = fits_time("timestamp-", type, ret);
		return true;
	case VALUE_DURATION:
		*ret_fits = fits_time("time-", type, ret);
		return true;
	case VALUE_INT:
		*ret_fits = fits_whole(field, type, ret);
		return true;
	default:
		return store_decimal(c, field, type, ret, ret_fits);
	}
}

static bool store_field(struct compiler *c, const struct wanted *wanted, uint16_t target,
	const char *space, struct codec_step *ret)
{
	const struct model_field *field = wanted->field;
	struct codec_type type;
	bool fits;

	*ret = (struct codec_step){ .target = target, .name = field->name };
	if (!codec_type_of(&c->names, json_object_get(wanted->writer, "type"), space, &type))
		return false;
	bool good = type.wire == WIRE_UNION ? store_union(c, wanted, &type, ret, &fits)
		    : field->type == VALUE_LIST
			    ? store_list(c, field, wanted->built_in, &type, ret, &fits)
			    : store_type(c, field, &type, ret, &fits);

	if (!good || fits)
		return good;
	return REFUSE(c, "%s: the schema's %s%s%s can't be read as %s", field->name,
		codec_wire_names[type.wire], *codec_logical(&type) ? " " : "", codec_logical(&type),
		field->is_date ? "date" : value_type_name(field->type));
}

/* ---- a record ------------------------------------------------------------------------------------------- */

static bool has_alias(json_t *field, const char *name)
{
	json_t *aliases = json_object_get(field, "aliases"), *alias;
	size_t i;

	json_array_foreach(
		aliases, i, alias) if (json_is_string(alias) &&
				       strcmp(json_string_value(alias), name) == 0) return true;
	return false;
}

enum match { MATCH_NAME, MATCH_OUR_ALIAS, MATCH_THEIR_ALIAS };

/* Names first: an alias never takes a field away from one that bears the name. */
static bool find_writers(struct compiler *c, json_t *fields, enum match by, struct wanted *wanted,
	uint32_t wanted_count)
{
	json_t *field;
	size_t i;

	json_array_foreach(fields, i, field)
	{
		const char *name = json_string_value(json_object_get(field, "name"));
		bool is_taken = false;

		if (!name || !codec_name_is_good(name))
			return REFUSE(c, "a field of the schema has no proper name");
		for (uint32_t k = 0; k < wanted_count; k++)
			is_taken = is_taken || wanted[k].writer == field;
		for (uint32_t k = 0; !is_taken && k < wanted_count; k++) {
			const char *ours = wanted[k].field->name;

			if (!(by == MATCH_NAME		    ? strcmp(ours, name) == 0
				    : by == MATCH_OUR_ALIAS ? has_alias(wanted[k].built_in, name)
							    : has_alias(field, ours)))
				continue;
			if (wanted[k].writer && by == MATCH_NAME)
				return REFUSE(c, "the schema has the field %s twice", name);
			if (wanted[k].writer)
				continue;
			wanted[k].writer = field;
			is_taken = true;
		}
	}
	return true;
}

/* Our own schemas' defaults; a test compiles an empty record against each of them. */
static bool default_value(struct compiler *c, const struct wanted *wanted, struct event_value *ret)
{
	const struct model_field *field = wanted->field;
	json_t *value = json_object_get(wanted->built_in, "default");

	*ret = (struct event_value){ .is_null = !value || json_is_null(value) };
	if (ret->is_null)
		return true;
	if (field->type == VALUE_STRING && json_is_string(value)) {
		ret->text = slice_of(copy(c, json_string_value(value)));
		return true;
	}
	if (field->type == VALUE_LIST && json_array_size(value) == 0 &&
		json_object_size(value) == 0) {
		ret->list = piece(c, 1, sizeof(*ret->list));
		return true;
	}
	if (field->type != VALUE_BOOL && (!json_is_integer(value) || field->type == VALUE_DECIMAL ||
						 field->type == VALUE_MONEY))
		return REFUSE(c, "%s: the built-in schema's default can't be read", field->name);
	ret->i = field->type == VALUE_BOOL ? json_is_true(value) : json_integer_value(value);
	return true;
}

static bool compile_defaults(struct compiler *c, const struct wanted *wanted, uint32_t wanted_count,
	struct codec_record *ret)
{
	struct codec_default *defaults = piece(c, wanted_count, sizeof(*defaults));

	for (uint32_t i = 0; i < wanted_count; i++) {
		if (wanted[i].writer)
			continue;
		if (wanted[i].must_be)
			return REFUSE(c, "the schema has no field %s", wanted[i].field->name);
		defaults[ret->default_count].target = (uint16_t)i;
		if (!default_value(c, &wanted[i], &defaults[ret->default_count++].value))
			return false;
	}
	ret->defaults = defaults;
	return true;
}

static bool compile_record(struct compiler *c, const struct codec_type *type, struct wanted *wanted,
	uint32_t wanted_count, struct codec_record *ret)
{
	json_t *fields = json_object_get(type->definition, "fields"), *field;
	size_t i;

	if (!afford(c, json_array_size(fields)))
		return false;
	struct codec_step *steps = piece(c, json_array_size(fields), sizeof(*steps));

	*ret = (struct codec_record){ .steps = steps, .columns = wanted_count };
	for (enum match by = MATCH_NAME; by <= MATCH_THEIR_ALIAS; by++)
		if (!find_writers(c, fields, by, wanted, wanted_count))
			return false;
	json_array_foreach(fields, i, field)
	{
		struct codec_step *step = &steps[ret->step_count];
		uint32_t k = 0;

		while (k < wanted_count && wanted[k].writer != field)
			k++;
		if (k < wanted_count) {
			if (!store_field(c, &wanted[k], (uint16_t)k, type->space, step))
				return false;
		} else {
			if (!skip_type(c, json_object_get(field, "type"), type->space, 0, step))
				return false;
			step->name = copy(c, json_string_value(json_object_get(field, "name")));
		}
		ret->step_count += step->kind != CODEC_NOTHING;
	}
	return compile_defaults(c, wanted, wanted_count, ret);
}

/* ---- the plan ------------------------------------------------------------------------------------------- */

static void cleanup_json(json_t **place)
{
	json_decref(*place);
}

#define _cleanup_json_ __attribute__((cleanup(cleanup_json)))

static json_t *built_in_schema(enum entity_type type)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.avsc", model_table[type].name);
	const struct asset *asset = asset_find(name);

	return asset ? json_loadb((const char *)asset->data, asset->len, 0, NULL) : NULL;
}

/* By the record's name without its namespace. */
static bool find_entity(struct compiler *c, const struct codec_type *type, enum entity_type *ret)
{
	const char *dot = strrchr(type->named->full_name, '.');
	const char *name = dot ? dot + 1 : type->named->full_name;
	int found = model_entity_find(slice_of(name));

	if (found < 0)
		return REFUSE(c,
			"the schema's record %.60s is none of lead, opportunity, deal, call, rep, "
			"account",
			name);
	*ret = (enum entity_type)found;
	return true;
}

/* built_in NULL: the record's own. */
static bool compile_plan(
	struct compiler *c, json_t *schema, json_t *built_in, struct codec_plan *plan)
{
	_cleanup_json_ json_t *own = NULL;
	struct wanted wanted[WANTED_MAX] = { 0 };
	struct codec_step whole;
	struct codec_type type;

	if (!codec_names_collect(&c->names, schema) || !codec_type_of(&c->names, schema, "", &type))
		return false;
	if (type.wire != WIRE_RECORD)
		return REFUSE(
			c, "the schema is of a %s, not of a record", codec_wire_names[type.wire]);
	if (!find_entity(c, &type, &plan->type))
		return false;
	const struct model_entity *model = &model_table[plan->type];
	uint32_t count = ENVELOPE_COUNT + (uint32_t)model->field_count;

	if (!built_in) {
		own = built_in_schema(plan->type);
		built_in = own;
	}
	for (uint32_t i = 0; i < count; i++) {
		wanted[i].field = i < ENVELOPE_COUNT ? &codec_envelope[i]
						     : &model->fields[i - ENVELOPE_COUNT];
		wanted[i].built_in = built_in_field(built_in, wanted[i].field->name);
		wanted[i].must_be = i < ENVELOPE_COUNT && wanted[i].field->required;
	}
	if (!compile_record(c, &type, wanted, count, &plan->record) ||
		!skip_record(c, type.named, 0, &whole))
		return false;
	plan->whole = *whole.of.record;
	return true;
}

struct codec_plan *codec_plan_against(
	struct slice schema_json, json_t *built_in, char ret_reason[CODEC_REASON_MAX])
{
	json_error_t mistake;

	if (schema_json.len > SCHEMA_BYTES_MAX) {
		snprintf(ret_reason, CODEC_REASON_MAX, "the schema is longer than %d bytes",
			SCHEMA_BYTES_MAX);
		return NULL;
	}
	_cleanup_json_ json_t *schema = json_loadb(
		schema_json.at ? schema_json.at : "", schema_json.len, JSON_DECODE_ANY, &mistake);

	if (!schema) {
		snprintf(ret_reason, CODEC_REASON_MAX, "the schema is not JSON: %d:%d: %.100s",
			mistake.line, mistake.column, mistake.text);
		return NULL;
	}
	struct codec_plan *plan = x_calloc(1, sizeof(*plan));

	arena_init(&plan->memory, 0);
	struct compiler c = { &plan->memory, { .memory = &plan->memory, .reason = ret_reason },
		ret_reason, 0 };

	if (!compile_plan(&c, schema, built_in, plan)) {
		codec_plan_free(plan);
		return NULL;
	}
	return plan;
}

struct codec_plan *codec_plan_new(struct slice schema_json, char ret_reason[CODEC_REASON_MAX])
{
	return codec_plan_against(schema_json, NULL, ret_reason);
}

void codec_plan_free(struct codec_plan *plan)
{
	if (!plan)
		return;
	arena_deinit(&plan->memory);
	free(plan);
}

enum entity_type codec_plan_type(const struct codec_plan *plan)
{
	return plan->type;
}
