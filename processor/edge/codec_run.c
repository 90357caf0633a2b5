/*
 * codec_run: a plan over a body. Only bytes inside the body are read; every length, count and index is checked as 64 bits before it is
 * used; what is skipped is checked as well. The first thing that is wrong ends it, with the field's name in the reason.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "edge/codec_inside.h"

struct running {
	const uint8_t *at, *end;
	struct arena *arena;
	char *reason;
	uint32_t items_left;         /* of all arrays and maps that are skipped: bounds the work of empty items */
};

static bool bad(struct running *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool bad(struct running *r, const char *format, ...)
{
	va_list args;

	if (*r->reason)
		return false;
	va_start(args, format);
	vsnprintf(r->reason, CODEC_REASON_MAX, format, args);
	va_end(args);
	return false;
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

static inline bool read_long(struct running *r, int64_t *ret)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (r->at < r->end) {
		uint8_t byte = *r->at++;

		if (shift == 63 && byte > 1)
			return bad(r, "a number is longer than 64 bits");
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
			return true;
		}
		shift += 7;
		if (shift > 63)
			break;
	}
	return bad(r, r->at < r->end ? "a number is longer than 64 bits" : "the body ends inside a number");
}

static bool read_bytes(struct running *r, struct slice *ret)
{
	int64_t length = 0;

	if (!read_long(r, &length))
		return false;
	if (length < 0 || length > r->end - r->at)
		return bad(r, "a length of %lld where %lld bytes are left", (long long)length, (long long)(r->end - r->at));
	*ret = (struct slice){ (const char *)r->at, (size_t)length };
	r->at += length;
	return true;
}

static bool read_fixed(struct running *r, size_t size, struct slice *ret)
{
	if (size > (size_t)(r->end - r->at))
		return bad(r, "the body ends inside a value");
	*ret = (struct slice){ (const char *)r->at, size };
	r->at += size;
	return true;
}

static bool read_text(struct running *r, struct slice *ret)
{
	if (!read_bytes(r, ret))
		return false;
	return utf8_valid(ret->at, ret->len) || bad(r, "a text is not UTF-8");
}

static bool read_index(struct running *r, uint32_t count, uint32_t *ret)
{
	int64_t index = 0;

	if (!read_long(r, &index))
		return false;
	if (index < 0 || index >= count)
		return bad(r, "an index of %lld among %u", (long long)index, count);
	*ret = (uint32_t)index;
	return true;
}

/* The next block of an array or map: how many items; 0 at the end. A negative count is followed by the block's bytes. */
static bool read_block(struct running *r, uint32_t *ret)
{
	int64_t count = 0, bytes = 0;

	if (!read_long(r, &count))
		return false;
	if (count < 0) {
		if (!read_long(r, &bytes))
			return false;
		if (bytes < 0 || bytes > r->end - r->at || count == INT64_MIN)
			return bad(r, "a block of %lld bytes where %lld are left", (long long)bytes, (long long)(r->end - r->at));
		count = -count;
	}
	if (count > CODEC_ITEMS_MAX || (uint32_t)count > r->items_left)
		return bad(r, "more than %d items", CODEC_ITEMS_MAX);
	r->items_left -= (uint32_t)count;
	*ret = (uint32_t)count;
	return true;
}

/* ---- skipping ------------------------------------------------------------------------------------------- */

static bool skip(struct running *r, const struct schema_node *node);

static bool skip_items(struct running *r, const struct schema_node *node)
{
	struct slice key = { 0 };
	uint32_t count = 0;

	for (;;) {
		if (!read_block(r, &count))
			return false;
		if (!count)
			return true;
		for (uint32_t i = 0; i < count; i++)
			if ((node->kind == NODE_MAP && !read_bytes(r, &key)) || !skip(r, node->children[0]))
				return false;
	}
}

static bool skip(struct running *r, const struct schema_node *node)
{
	struct slice bytes = { 0 };
	uint32_t index = 0;
	int64_t number = 0;

	switch (node->kind) {
	case NODE_NULL: return true;
	case NODE_BOOL: return read_fixed(r, 1, &bytes);
	case NODE_INT:
	case NODE_LONG: return read_long(r, &number);
	case NODE_FLOAT: return read_fixed(r, 4, &bytes);
	case NODE_DOUBLE: return read_fixed(r, 8, &bytes);
	case NODE_FIXED: return read_fixed(r, node->size, &bytes);
	case NODE_BYTES:
	case NODE_STRING: return read_bytes(r, &bytes);
	case NODE_ENUM: return read_index(r, node->count, &index);
	case NODE_UNION: return read_index(r, node->count, &index) && skip(r, node->children[index]);
	case NODE_ARRAY:
	case NODE_MAP: return skip_items(r, node);
	case NODE_RECORD:
		for (uint32_t i = 0; i < node->count; i++)
			if (!skip(r, node->children[i]))
				return false;
		return true;
	}
	return false;
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* Through a union to the value; *ret NULL: it is null. */
static bool enter(struct running *r, const struct schema_node *node, const struct schema_node **ret)
{
	uint32_t index = 0;

	*ret = node;
	if (node->kind != NODE_UNION)
		return true;
	if (!read_index(r, node->count, &index))
		return false;
	*ret = node->children[index]->kind == NODE_NULL ? NULL : node->children[index];
	return true;
}

static bool rescale(struct running *r, i128 value, int scale, int64_t *ret)
{
	for (; scale < DECIMAL_DIGITS; scale++)
		if (i128_mul_overflow(value, 10, &value))
			return bad(r, "a decimal is too large");
	if (scale > DECIMAL_DIGITS) {
		i128 divisor = 1;

		for (; scale > DECIMAL_DIGITS; scale--)
			divisor *= 10;
		value = i128_div_half_even(value, divisor);
	}
	if (value > INT64_MAX || value < INT64_MIN)
		return bad(r, "a decimal is too large");
	*ret = (int64_t)value;
	return true;
}

static bool read_decimal(struct running *r, const struct schema_node *node, int64_t *ret)
{
	struct slice bytes = { 0 };
	i128 value;

	if (!(node->kind == NODE_FIXED ? read_fixed(r, node->size, &bytes) : read_bytes(r, &bytes)))
		return false;
	if (!i128_from_be_bytes((const uint8_t *)bytes.at, bytes.len, &value))
		return bad(r, "a decimal is too large");
	return rescale(r, value, node->scale, ret);
}

static bool read_number(struct running *r, const struct schema_node *node, enum value_type type, int64_t *ret)
{
	struct slice byte = { 0 };

	if (node->kind == NODE_BOOL) {
		if (!read_fixed(r, 1, &byte))
			return false;
		*ret = *byte.at != 0;
		return (uint8_t)*byte.at <= 1 || bad(r, "a truth value that is neither 0 nor 1");
	}
	if (node->kind == NODE_BYTES || node->kind == NODE_FIXED)
		return read_decimal(r, node, ret);
	if (!read_long(r, ret))
		return false;
	if (node->kind == NODE_INT && (*ret > INT32_MAX || *ret < INT32_MIN))
		return bad(r, "an int that is longer than 32 bits");
	if (node->logical == LOGICAL_MICROS)
		*ret = *ret / 1000 - (*ret % 1000 < 0);
	if (type == VALUE_DECIMAL || type == VALUE_MONEY)
		return rescale(r, *ret, 0, ret);
	return true;
}

static bool read_list(struct running *r, const struct codec_step *step, struct event_value *ret);

static bool read_value(struct running *r, const struct codec_step *step, struct event_value *ret)
{
	const struct schema_node *node;
	uint32_t index = 0;

	if (!enter(r, step->node, &node))
		return false;
	ret->is_null = !node;
	if (!node)
		return true;
	switch (step->field->type) {
	case VALUE_STRING:
		if (node->kind == NODE_ENUM) {
			if (!read_index(r, node->count, &index))
				return false;
			ret->text = step->symbols ? slice_of(step->field->symbols[step->symbols[index]]) : node->names[index];
			return true;
		}
		if (!read_text(r, &ret->text))
			return false;
		ret->is_null = !ret->text.len; /* blank is unknown */
		return true;
	case VALUE_LIST:
		return read_list(r, step, ret);
	default:
		return read_number(r, node, step->field->type, &ret->i);
	}
}

static bool read_row(struct running *r, const struct codec_columns *columns, struct event_value *cells)
{
	for (uint32_t i = 0; i < columns->width; i++)
		cells[i].is_null = true;
	for (uint32_t i = 0; i < columns->count; i++) {
		const struct codec_step *step = &columns->steps[i];

		if (step->target == TARGET_SKIP ? !skip(r, step->node) : !read_value(r, step, &cells[step->place]))
			return false;
	}
	return true;
}

static bool read_list(struct running *r, const struct codec_step *step, struct event_value *ret)
{
	const struct codec_columns *columns = step->columns;
	struct event_list *list = arena_alloc(r->arena, sizeof(*list));
	size_t capacity = 0;
	uint32_t count = 0;

	if (!list)
		return bad(r, "the event is too large");
	for (;;) {
		if (!read_block(r, &count))
			return false;
		if (!count)
			break;
		/* An item takes at least a byte per column that the writer has: what is left bounds what is made room for. */
		if (columns->count && count > (size_t)(r->end - r->at))
			return bad(r, "%u items where %lld bytes are left", count, (long long)(r->end - r->at));
		if (list->count + count > capacity) {
			struct event_value *cells;

			capacity = list->count + count > capacity * 2 ? list->count + count : capacity * 2;
			cells = arena_alloc(r->arena, capacity * columns->width * sizeof(*cells));
			if (!cells)
				return bad(r, "the event is too large");
			if (list->count)
				memcpy(cells, list->cells, list->count * columns->width * sizeof(*cells));
			list->cells = cells;
		}
		for (uint32_t i = 0; i < count; i++)
			if (!read_row(r, columns, list->cells + list->count++ * columns->width))
				return false;
	}
	ret->list = list;
	return true;
}

/* ---- the envelope --------------------------------------------------------------------------------------- */

static bool read_ids(struct running *r, struct event *event)
{
	uint32_t count = 0;

	for (;;) {
		struct slice *ids;

		if (!read_block(r, &count))
			return false;
		if (!count)
			return true;
		if (count > (size_t)(r->end - r->at))
			return bad(r, "%u items where %lld bytes are left", count, (long long)(r->end - r->at));
		ids = arena_alloc(r->arena, (event->merged_count + count) * sizeof(*ids));
		if (!ids)
			return bad(r, "the event is too large");
		if (event->merged_count)
			memcpy(ids, event->merged_ids, event->merged_count * sizeof(*ids));
		event->merged_ids = ids;
		for (uint32_t i = 0; i < count; i++)
			if (!read_text(r, &ids[event->merged_count++]))
				return false;
	}
}

static bool read_ext_value(struct running *r, const struct schema_node *node, struct slice *ret)
{
	*ret = (struct slice){ 0 };
	if (!enter(r, node, &node))
		return false;
	return !node || read_text(r, ret);
}

static bool read_ext(struct running *r, const struct schema_node *map, struct event *event)
{
	uint32_t count = 0;

	for (;;) {
		struct event_ext *ext;

		if (!read_block(r, &count))
			return false;
		if (!count)
			return true;
		if (count > (size_t)(r->end - r->at))
			return bad(r, "%u items where %lld bytes are left", count, (long long)(r->end - r->at));
		ext = arena_alloc(r->arena, (event->ext_count + count) * sizeof(*ext));
		if (!ext)
			return bad(r, "the event is too large");
		if (event->ext_count)
			memcpy(ext, event->ext, event->ext_count * sizeof(*ext));
		event->ext = ext;
		for (uint32_t i = 0; i < count; i++) {
			struct event_ext *pair = &ext[event->ext_count];

			if (!read_text(r, &pair->key) || !read_ext_value(r, map->children[0], &pair->value))
				return false;
			event->ext_count += pair->value.len > 0; /* a blank field is none */
		}
	}
}

static bool run_step(struct running *r, const struct codec_step *step, struct event *event)
{
	const struct schema_node *node;
	void *place = (char *)event + step->place;
	uint32_t index = 0;
	int64_t number = 0;

	if (step->target == TARGET_SKIP)
		return skip(r, step->node);
	if (step->target == TARGET_VALUE)
		return read_value(r, step, &event->fields[step->place]);
	if (!enter(r, step->node, &node) || !node)
		return !*r->reason;
	switch (step->target) {
	case TARGET_TEXT:
		return read_text(r, place);
	case TARGET_OP:
		if (!read_index(r, node->count, &index))
			return false;
		event->op = (enum event_op)step->symbols[index];
		return true;
	case TARGET_LONG:
		return read_number(r, node, VALUE_INT, place);
	case TARGET_BOOL:
		if (!read_number(r, node, VALUE_BOOL, &number))
			return false;
		*(bool *)place = number != 0;
		return true;
	case TARGET_IDS:
		return read_ids(r, event);
	default:
		return read_ext(r, node, event);
	}
}

enum codec_answer codec_plan_decode(const struct codec_plan *plan, struct slice body, size_t *ret_used, struct arena *arena,
	struct event *ret, char ret_reason[CODEC_REASON_MAX])
{
	struct running r = { .at = (const uint8_t *)body.at, .end = (const uint8_t *)body.at + body.len, .arena = arena,
		.reason = ret_reason, .items_left = CODEC_ITEMS_MAX };

	ret_reason[0] = '\0';
	event_init(ret, plan->type, arena);
	for (uint32_t i = 0; i < plan->record.count; i++) {
		if (run_step(&r, &plan->record.steps[i], ret))
			continue;
		return CODEC_BAD;
	}
	if (ret_used)
		*ret_used = (size_t)(r.at - (const uint8_t *)body.at);
	else if (r.at != r.end && !bad(&r, "%lld bytes are left over", (long long)(r.end - r.at)))
		return CODEC_BAD;
	return CODEC_OK;
}
