/* codec_schema: the text of an Avro schema -> a tree of nodes, bounded in depth and size. Schemas can come from outside. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "edge/codec_inside.h"

enum { NAMED_MAX = 64 };

struct parsing {
	struct arena *arena;
	char *reason;
	struct { struct slice name; struct schema_node *node; } named[NAMED_MAX];
	uint32_t named_count;
};

static struct schema_node *parse(struct parsing *p, const json_t *json, int depth);

static struct schema_node *refuse(struct parsing *p, const char *reason)
{
	if (!*p->reason)
		snprintf(p->reason, CODEC_REASON_MAX, "schema: %s", reason);
	return NULL;
}

static struct schema_node *node_new(struct parsing *p, enum node_kind kind)
{
	struct schema_node *node = arena_alloc(p->arena, sizeof(*node));

	if (!node)
		return refuse(p, "too large");
	node->kind = kind;
	return node;
}

static struct slice copy(struct parsing *p, const char *text)
{
	return (struct slice){ arena_strndup(p->arena, text, strlen(text)), strlen(text) };
}

/* Names are compared without their namespaces. */
static struct slice short_name(struct parsing *p, const char *name)
{
	const char *dot = strrchr(name, '.');

	return copy(p, dot ? dot + 1 : name);
}

static struct schema_node *named(struct parsing *p, const char *name)
{
	struct slice wanted = short_name(p, name);

	for (uint32_t i = 0; i < p->named_count; i++)
		if (slice_equal(p->named[i].name, wanted))
			return p->named[i].node;
	return NULL;
}

static struct schema_node *parse_name(struct parsing *p, const char *name)
{
	static const struct { const char *name; enum node_kind kind; } primitives[] = {
		{ "null", NODE_NULL }, { "boolean", NODE_BOOL }, { "int", NODE_INT }, { "long", NODE_LONG }, { "float", NODE_FLOAT },
		{ "double", NODE_DOUBLE }, { "bytes", NODE_BYTES }, { "string", NODE_STRING },
	};
	struct schema_node *node;

	for (size_t i = 0; i < sizeof(primitives) / sizeof(primitives[0]); i++)
		if (!strcmp(name, primitives[i].name))
			return node_new(p, primitives[i].kind);
	node = named(p, name);
	return node ? node : refuse(p, "a type that is not defined");
}

static struct schema_node *begin_named(struct parsing *p, const json_t *json, enum node_kind kind)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	struct schema_node *node = node_new(p, kind);

	if (!name)
		return refuse(p, "a record, enum or fixed without a name");
	if (!node)
		return NULL;
	if (p->named_count == NAMED_MAX)
		return refuse(p, "too many named types");
	node->name = short_name(p, name);
	p->named[p->named_count].name = node->name;
	p->named[p->named_count++].node = node;
	return node;
}

static struct schema_node *parse_record(struct parsing *p, const json_t *json, int depth)
{
	const json_t *fields = json_object_get(json, "fields");
	struct schema_node *node = begin_named(p, json, NODE_RECORD);
	size_t count = json_array_size(fields);

	if (!node)
		return NULL;
	if (!json_is_array(fields) || count > CODEC_FIELDS_MAX)
		return refuse(p, "a record without fields, or with too many");
	node->names = arena_alloc(p->arena, (count + 1) * sizeof(*node->names));
	node->children = arena_alloc(p->arena, (count + 1) * sizeof(struct schema_node *));
	if (!node->names || !node->children)
		return refuse(p, "too large");
	for (size_t i = 0; i < count; i++) {
		const json_t *field = json_array_get(fields, i);
		const char *name = json_string_value(json_object_get(field, "name"));

		if (!name)
			return refuse(p, "a field without a name");
		node->names[i] = copy(p, name);
		node->children[i] = parse(p, json_object_get(field, "type"), depth + 1);
		if (!node->children[i])
			return NULL;
	}
	node->count = (uint32_t)count;
	return node;
}

static struct schema_node *parse_enum(struct parsing *p, const json_t *json)
{
	const json_t *symbols = json_object_get(json, "symbols");
	struct schema_node *node = begin_named(p, json, NODE_ENUM);
	size_t count = json_array_size(symbols);

	if (!node)
		return NULL;
	if (!count || count > CODEC_SYMBOLS_MAX)
		return refuse(p, "an enum without symbols, or with too many");
	node->names = arena_alloc(p->arena, count * sizeof(*node->names));
	if (!node->names)
		return refuse(p, "too large");
	for (size_t i = 0; i < count; i++) {
		const char *symbol = json_string_value(json_array_get(symbols, i));

		if (!symbol)
			return refuse(p, "a symbol that is no text");
		node->names[i] = copy(p, symbol);
	}
	node->count = (uint32_t)count;
	return node;
}

static struct schema_node *parse_fixed(struct parsing *p, const json_t *json)
{
	json_int_t size = json_integer_value(json_object_get(json, "size"));
	struct schema_node *node = begin_named(p, json, NODE_FIXED);

	if (!node)
		return NULL;
	if (size < 0 || size > 1 << 20)
		return refuse(p, "a fixed of an absurd size");
	node->size = (size_t)size;
	return node;
}

static struct schema_node *parse_items(struct parsing *p, const json_t *items, enum node_kind kind, int depth)
{
	struct schema_node *node = node_new(p, kind);

	if (!node)
		return NULL;
	node->children = arena_alloc(p->arena, sizeof(struct schema_node *));
	if (!node->children)
		return refuse(p, "too large");
	node->children[0] = parse(p, items, depth + 1);
	node->count = 1;
	return node->children[0] ? node : NULL;
}

static struct schema_node *parse_union(struct parsing *p, const json_t *json, int depth)
{
	struct schema_node *node = node_new(p, NODE_UNION);
	size_t count = json_array_size(json);

	if (!node)
		return NULL;
	if (!count || count > 32)
		return refuse(p, "a union without branches, or with too many");
	node->children = arena_alloc(p->arena, count * sizeof(struct schema_node *));
	if (!node->children)
		return refuse(p, "too large");
	for (size_t i = 0; i < count; i++) {
		node->children[i] = parse(p, json_array_get(json, i), depth + 1);
		if (!node->children[i])
			return NULL;
	}
	node->count = (uint32_t)count;
	return node;
}

static void read_logical(struct schema_node *node, const json_t *json)
{
	static const struct { const char *name; enum node_logical logical; } names[] = {
		{ "decimal", LOGICAL_DECIMAL }, { "timestamp-millis", LOGICAL_MILLIS }, { "local-timestamp-millis", LOGICAL_MILLIS },
		{ "timestamp-micros", LOGICAL_MICROS }, { "date", LOGICAL_DATE },
	};
	const char *logical = json_string_value(json_object_get(json, "logicalType"));
	json_int_t scale = json_integer_value(json_object_get(json, "scale"));

	for (size_t i = 0; logical && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(logical, names[i].name))
			node->logical = names[i].logical;
	node->scale = scale < 0 || scale > 38 ? 39 : (int)scale;
}

static struct schema_node *parse_object(struct parsing *p, const json_t *json, int depth)
{
	const json_t *type = json_object_get(json, "type");
	const char *name = json_string_value(type);
	struct schema_node *node;

	if (!name)
		return parse(p, type, depth + 1);
	if (!strcmp(name, "record") || !strcmp(name, "error"))
		return parse_record(p, json, depth);
	if (!strcmp(name, "enum"))
		return parse_enum(p, json);
	if (!strcmp(name, "array"))
		return parse_items(p, json_object_get(json, "items"), NODE_ARRAY, depth);
	if (!strcmp(name, "map"))
		return parse_items(p, json_object_get(json, "values"), NODE_MAP, depth);
	node = !strcmp(name, "fixed") ? parse_fixed(p, json) : parse_name(p, name);
	if (node)
		read_logical(node, json);
	return node;
}

static struct schema_node *parse(struct parsing *p, const json_t *json, int depth)
{
	if (depth > CODEC_DEPTH_MAX)
		return refuse(p, "nested too deeply");
	if (json_is_string(json))
		return parse_name(p, json_string_value(json));
	if (json_is_array(json))
		return parse_union(p, json, depth);
	if (json_is_object(json))
		return parse_object(p, json, depth);
	return refuse(p, "a type is missing");
}

struct schema_node *schema_node_parse(struct arena *arena, struct slice text, char ret_reason[CODEC_REASON_MAX])
{
	struct parsing p = { .arena = arena, .reason = ret_reason };
	json_error_t error;
	struct schema_node *node;
	json_t *json;

	ret_reason[0] = '\0';
	if (text.len > SCHEMA_BYTES_MAX)
		return refuse(&p, "too long");
	json = json_loadb(text.at, text.len, JSON_DECODE_ANY, &error);
	if (!json)
		return refuse(&p, "it is no JSON");
	node = parse(&p, json, 0);
	json_decref(json);
	return node;
}
