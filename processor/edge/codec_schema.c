/* The types of a schema: which names it defines, and what a type in it means. The text comes from outside, so every walk is bounded. */
#include <stdio.h>
#include <string.h>

#include "edge/codec_inside.h"

const char *const codec_wire_names[WIRE_UNION + 1] = {
	"null",
	"boolean",
	"int",
	"long",
	"float",
	"double",
	"bytes",
	"string",
	"record",
	"enum",
	"fixed",
	"array",
	"map",
	"union",
};

#define REFUSE(names, ...) (snprintf((names)->reason, EVENT_REASON_MAX, __VA_ARGS__), false)

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool codec_name_is_good(const char *name)
{
	size_t length = 0;

	for (bool begins = true; name[length]; length++) {
		char c = name[length];

		if (length == CODEC_NAME_BYTES_MAX ||
			!(is_letter(c) || (!begins && ((c >= '0' && c <= '9') || c == '.'))))
			return false;
		begins = c == '.';
	}
	return length > 0 && name[length - 1] != '.';
}

static struct codec_named *find_full_name(const struct codec_names *names, const char *full_name)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].full_name, full_name) == 0)
			return &names->items[i];
	return NULL;
}

enum { FULL_NAME_BYTES = 2 * CODEC_NAME_BYTES_MAX + 2 };

static const char *join(const char *space, const char *name, char text[FULL_NAME_BYTES])
{
	snprintf(text, FULL_NAME_BYTES, "%s%s%s", space, *space ? "." : "", name);
	return text;
}

/* "a.b.name" has the namespace a.b; else the definition's own; else that of what it stands in. */
static bool add_name(struct codec_names *names, json_t *definition, enum codec_wire wire,
	const char *space, const char **ret_space)
{
	const char *name = json_string_value(json_object_get(definition, "name"));
	const char *own = json_string_value(json_object_get(definition, "namespace"));
	char text[FULL_NAME_BYTES];

	if (!name || !codec_name_is_good(name) || (own && *own && !codec_name_is_good(own)))
		return REFUSE(names, "the schema has a type without a proper name");
	const char *dot = strrchr(name, '.');

	if (dot)
		space = arena_strndup(names->memory, name, (size_t)(dot - name));
	else if (own)
		space = arena_strndup(names->memory, own, strlen(own));
	const char *full_name = join(dot ? "" : space, name, text);

	if (find_full_name(names, full_name))
		return REFUSE(names, "the schema defines %.100s twice", full_name);
	if (names->count == CODEC_NAMES_MAX)
		return REFUSE(names, "the schema defines more than %d names", CODEC_NAMES_MAX);
	names->items[names->count++] = (struct codec_named){
		.full_name = arena_strndup(names->memory, full_name, strlen(full_name)),
		.space = space,
		.definition = definition,
		.wire = wire,
	};
	*ret_space = space;
	return true;
}

static int wire_find(const char *name)
{
	for (int i = 0; i <= WIRE_UNION; i++)
		if (strcmp(name, codec_wire_names[i]) == 0 && i != WIRE_UNION)
			return i;
	return -1;
}

static bool collect(struct codec_names *names, json_t *type, const char *space, int depth);

static bool collect_fields(
	struct codec_names *names, json_t *definition, const char *space, int depth)
{
	json_t *fields = json_object_get(definition, "fields"), *field;
	size_t i;

	if (!json_is_array(fields))
		return REFUSE(names, "a record of the schema has no fields");
	json_array_foreach(fields, i, field) if (!collect(names, json_object_get(field, "type"),
							 space, depth + 1)) return false;
	return true;
}

static bool collect(struct codec_names *names, json_t *type, const char *space, int depth)
{
	json_t *inner = json_object_get(type, "type"), *branch;
	size_t i;

	if (depth > CODEC_DEPTH_MAX)
		return REFUSE(
			names, "the schema's types are nested deeper than %d", CODEC_DEPTH_MAX);
	if (json_is_array(type)) {
		json_array_foreach(type, i,
			branch) if (!collect(names, branch, space, depth + 1)) return false;
		return true;
	}
	if (!json_is_object(type))
		return true;
	if (!json_is_string(inner))
		return collect(names, inner, space, depth + 1);
	int wire = wire_find(json_string_value(inner));

	if (wire == WIRE_RECORD)
		return add_name(names, type, WIRE_RECORD, space, &space) &&
		       collect_fields(names, type, space, depth);
	if (wire == WIRE_ENUM || wire == WIRE_FIXED)
		return add_name(names, type, (enum codec_wire)wire, space, &space);
	if (wire == WIRE_ARRAY)
		return collect(names, json_object_get(type, "items"), space, depth + 1);
	if (wire == WIRE_MAP)
		return collect(names, json_object_get(type, "values"), space, depth + 1);
	return true;
}

bool codec_names_collect(struct codec_names *names, json_t *schema)
{
	names->items = arena_alloc(names->memory, CODEC_NAMES_MAX * sizeof(*names->items));
	names->count = 0;
	return collect(names, schema, "", 0);
}

static struct codec_named *find_reference(
	struct codec_names *names, const char *name, const char *space)
{
	struct codec_named *found = NULL;
	char text[FULL_NAME_BYTES];

	if (!codec_name_is_good(name))
		return NULL;
	if (!strchr(name, '.') && *space)
		found = find_full_name(names, join(space, name, text));
	return found ? found : find_full_name(names, name);
}

bool codec_type_of(
	struct codec_names *names, json_t *type, const char *space, struct codec_type *ret)
{
	json_t *definition = NULL;

	for (int depth = 0; json_is_object(type) && depth <= CODEC_DEPTH_MAX; depth++) {
		definition = type;
		type = json_object_get(type, "type");
	}
	if (json_is_array(type)) {
		*ret = (struct codec_type){ WIRE_UNION, type, space, NULL };
		return true;
	}
	const char *name = json_string_value(type);
	int wire = name ? wire_find(name) : -1;

	if (!name)
		return REFUSE(names, "the schema has something else where a type should be");
	if (wire >= 0 && (wire < WIRE_RECORD || (wire >= WIRE_ARRAY && definition))) {
		*ret = (struct codec_type){ (enum codec_wire)wire, definition, space, NULL };
		return true;
	}
	if (wire >= 0 && definition && json_is_string(json_object_get(definition, "name"))) {
		for (uint32_t i = 0; i < names->count; i++)
			if (names->items[i].definition == definition) {
				*ret = (struct codec_type){ (enum codec_wire)wire, definition,
					names->items[i].space, &names->items[i] };
				return true;
			}
	}
	struct codec_named *named = find_reference(names, name, space);

	if (!named)
		return REFUSE(names, "the schema doesn't say what %.100s is", name);
	*ret = (struct codec_type){ named->wire, named->definition, named->space, named };
	return true;
}

const char *codec_logical(const struct codec_type *type)
{
	const char *logical = json_string_value(json_object_get(type->definition, "logicalType"));

	return logical ? logical : "";
}
