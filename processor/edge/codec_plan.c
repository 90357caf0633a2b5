/*
 * codec_plan: a writer's record resolved against the model: what the model has and the writer has not stays null, what only the
 * writer has is skipped, symbols that are unknown become UNKNOWN. A recursive type can't be resolved and is refused by its depth.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/codec_inside.h"

struct planning {
	struct codec_plan *plan;
	char *reason;
};

static bool refuse(struct planning *p, struct slice field, const char *reason)
{
	if (!*p->reason)
		snprintf(p->reason, CODEC_REASON_MAX, "schema: %.*s: %s", (int)(field.len > 60 ? 60 : field.len), field.at, reason);
	return false;
}

/* The one branch that is not null; NULL: there is none, or more than one. */
static const struct schema_node *value_branch(const struct schema_node *node)
{
	const struct schema_node *found = NULL;

	if (node->kind != NODE_UNION)
		return node->kind == NODE_NULL ? NULL : node;
	for (uint32_t i = 0; i < node->count; i++) {
		if (node->children[i]->kind == NODE_NULL)
			continue;
		if (found)
			return NULL;
		found = node->children[i];
	}
	return found && found->kind != NODE_UNION ? found : NULL;
}

static bool is_depth_bounded(const struct schema_node *node, int depth)
{
	if (depth > CODEC_DEPTH_MAX)
		return false;
	if (node->kind == NODE_ENUM)
		return true;
	for (uint32_t i = 0; i < node->count; i++)
		if (!is_depth_bounded(node->children[i], depth + 1))
			return false;
	return true;
}

static bool is_integer(const struct schema_node *node)
{
	return node->kind == NODE_INT || node->kind == NODE_LONG;
}

static bool fits(const struct schema_node *node, enum value_type type)
{
	switch (type) {
	case VALUE_STRING:
		return node->kind == NODE_STRING || node->kind == NODE_ENUM;
	case VALUE_BOOL:
		return node->kind == NODE_BOOL;
	case VALUE_INT:
	case VALUE_DURATION:
	case VALUE_TIME:
		return is_integer(node);
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		return is_integer(node) || ((node->kind == NODE_BYTES || node->kind == NODE_FIXED) && node->logical == LOGICAL_DECIMAL &&
						   node->scale <= 38);
	case VALUE_LIST:
		return node->kind == NODE_ARRAY && node->children[0]->kind == NODE_RECORD;
	default:
		return false;
	}
}

static const int16_t *map_symbols(struct planning *p, const struct schema_node *node, const char *const *symbols)
{
	int16_t *map = arena_alloc(&p->plan->arena, (node->count + 1) * sizeof(*map));

	for (uint32_t i = 0; i < node->count; i++) {
		map[i] = 0; /* UNKNOWN stands first */
		for (int16_t k = 0; symbols[k]; k++)
			if (slice_is(node->names[i], symbols[k]))
				map[i] = k;
	}
	return map;
}

static struct codec_columns *plan_columns(struct planning *p, const struct schema_node *record, const struct model_list *list);

static bool plan_value(struct planning *p, struct codec_step *step, struct slice name, const struct schema_node *node,
	const struct model_field *field, uint16_t place)
{
	const struct schema_node *value = value_branch(node);

	if (!value || !fits(value, field->type))
		return refuse(p, name, "its type does not fit");
	*step = (struct codec_step){ .target = TARGET_VALUE, .place = place, .node = node, .field = field };
	if (value->kind == NODE_ENUM && field->symbols)
		step->symbols = map_symbols(p, value, field->symbols);
	if (field->type == VALUE_LIST) {
		step->columns = plan_columns(p, value->children[0], field->list);
		return step->columns != NULL;
	}
	return true;
}

static struct codec_columns *plan_columns(struct planning *p, const struct schema_node *record, const struct model_list *list)
{
	struct codec_columns *columns = arena_alloc(&p->plan->arena, sizeof(*columns));

	columns->steps = arena_alloc(&p->plan->arena, (record->count + 1) * sizeof(*columns->steps));
	columns->count = record->count;
	columns->width = (uint32_t)list->field_count;
	for (uint32_t i = 0; i < record->count; i++) {
		int column = model_list_field_find(list, record->names[i]);

		columns->steps[i] = (struct codec_step){ .target = TARGET_SKIP, .node = record->children[i] };
		if (column >= 0 && !plan_value(p, &columns->steps[i], record->names[i], record->children[i], &list->fields[column],
					   (uint16_t)column))
			return NULL;
	}
	return columns;
}

static const struct { const char *name; enum target_kind target; size_t offset; bool required; } envelope[] = {
	{ "event_id", TARGET_TEXT, offsetof(struct event, event_id), true },
	{ "tenant_id", TARGET_TEXT, offsetof(struct event, tenant_id), true },
	{ "entity_id", TARGET_TEXT, offsetof(struct event, entity_id), true },
	{ "op", TARGET_OP, offsetof(struct event, op), true },
	{ "occurred_at", TARGET_LONG, offsetof(struct event, occurred_at_ms), true },
	{ "ingested_at", TARGET_LONG, offsetof(struct event, ingested_at_ms), false },
	{ "source", TARGET_TEXT, offsetof(struct event, source), false },
	{ "source_version", TARGET_LONG, offsetof(struct event, source_version), true },
	{ "actor_id", TARGET_TEXT, offsetof(struct event, actor_id), false },
	{ "merged_ids", TARGET_IDS, 0, false },
	{ "excluded", TARGET_BOOL, offsetof(struct event, excluded), false },
	{ "ext", TARGET_EXT, 0, false },
};
enum { ENVELOPE_COUNT = sizeof(envelope) / sizeof(envelope[0]) };

static bool envelope_fits(const struct schema_node *node, enum target_kind target)
{
	const struct schema_node *value = value_branch(node);

	if (!value)
		return false;
	switch (target) {
	case TARGET_TEXT: return value->kind == NODE_STRING;
	case TARGET_OP: return value->kind == NODE_ENUM;
	case TARGET_LONG: return is_integer(value);
	case TARGET_BOOL: return value->kind == NODE_BOOL;
	case TARGET_IDS: return value->kind == NODE_ARRAY && value->children[0]->kind == NODE_STRING;
	case TARGET_EXT: return value->kind == NODE_MAP && value_branch(value->children[0]) && value_branch(value->children[0])->kind == NODE_STRING;
	default: return false;
	}
}

static bool plan_envelope(struct planning *p, struct codec_step *step, struct slice name, const struct schema_node *node, bool *seen)
{
	for (size_t i = 0; i < ENVELOPE_COUNT; i++) {
		if (!slice_is(name, envelope[i].name))
			continue;
		if (!envelope_fits(node, envelope[i].target))
			return refuse(p, name, "its type does not fit");
		seen[i] = true;
		*step = (struct codec_step){ .target = envelope[i].target, .place = (uint16_t)envelope[i].offset, .node = node };
		if (step->target == TARGET_OP)
			step->symbols = map_symbols(p, value_branch(node), event_op_names);
		return true;
	}
	return true;
}

static bool plan_record(struct planning *p, const struct schema_node *record)
{
	struct codec_columns *columns = &p->plan->record;
	bool seen[ENVELOPE_COUNT] = { false };

	columns->steps = arena_alloc(&p->plan->arena, (record->count + 1) * sizeof(*columns->steps));
	columns->count = record->count;
	for (uint32_t i = 0; i < record->count; i++) {
		const struct schema_node *node = record->children[i];
		int field = model_field_find(p->plan->type, record->names[i]);

		columns->steps[i] = (struct codec_step){ .target = TARGET_SKIP, .node = node };
		if (!plan_envelope(p, &columns->steps[i], record->names[i], node, seen))
			return false;
		if (field >= 0 && !plan_value(p, &columns->steps[i], record->names[i], node, &model_table[p->plan->type].fields[field],
					  (uint16_t)field))
			return false;
	}
	for (size_t i = 0; i < ENVELOPE_COUNT; i++)
		if (envelope[i].required && !seen[i])
			return refuse(p, slice_of(envelope[i].name), "the envelope needs this field");
	return true;
}

struct codec_plan *codec_plan_new(struct slice schema_json, char ret_reason[CODEC_REASON_MAX])
{
	struct codec_plan *plan = x_calloc(1, sizeof(*plan));
	struct planning p = { .plan = plan, .reason = ret_reason };
	const struct schema_node *record;
	int type = -1;

	arena_init(&plan->arena, 16 << 20);
	record = schema_node_parse(&plan->arena, schema_json, ret_reason);
	if (record && (record->kind != NODE_RECORD || (type = model_entity_find(record->name)) < 0))
		refuse(&p, record->kind == NODE_RECORD ? record->name : SLICE_LIT("it"), "it is no record of an event stream");
	if (record && type >= 0 && !is_depth_bounded(record, 0))
		refuse(&p, record->name, "nested too deeply");
	if (record && type >= 0 && !*ret_reason) {
		plan->type = (enum entity_type)type;
		if (plan_record(&p, record))
			return plan;
	}
	codec_plan_free(plan);
	return NULL;
}

void codec_plan_free(struct codec_plan *plan)
{
	if (!plan)
		return;
	arena_deinit(&plan->arena);
	free(plan);
}

enum entity_type codec_plan_type(const struct codec_plan *plan)
{
	return plan->type;
}
