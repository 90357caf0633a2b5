#include "edge/event_pile.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/xalloc.h"

/* Undated events sort as INT64_MIN. */
struct pile_item {
	int64_t at_ms;
	const uint8_t *bytes; /* borrowed from the arena */
	uint32_t length;
	uint32_t sequence;
};

enum item_flag { ITEM_NUMBERED = 1, ITEM_UNDATED = 2, ITEM_EXCLUDED = 4 };

void event_pile_init(struct event_pile *p, size_t bytes_max)
{
	memset(p, 0, sizeof(*p));
	arena_init(&p->arena, bytes_max);
	buffer_init(&p->scratch);
	p->bytes_max = bytes_max;
	p->first_ms = p->last_ms = INT64_MIN;
}

void event_pile_deinit(struct event_pile *p)
{
	arena_deinit(&p->arena);
	buffer_deinit(&p->scratch);
	free(p->items);
	memset(p, 0, sizeof(*p));
}

size_t event_pile_bytes(const struct event_pile *p)
{
	return arena_used_bytes(&p->arena) + p->capacity * sizeof(*p->items);
}

/* ---- packing --------------------------------------------------------------------------------------- */

static bool is_text(const struct model_field *field)
{
	return field->type == VALUE_STRING;
}

/* Each value that is not null: its field + 1, then text, rows, or number; 0 ends. */
static void pack_values(struct buffer *out, const struct model_field *fields, size_t count,
	const struct event_value *values)
{
	for (size_t i = 0; i < count; i++) {
		const struct event_value *value = &values[i];

		if (value->is_null)
			continue;
		buffer_put_u8(out, (uint8_t)(i + 1));
		if (is_text(&fields[i])) {
			buffer_put_slice(out, value->text);
		} else if (fields[i].type != VALUE_LIST) {
			buffer_put_zigzag(out, value->i);
		} else {
			const struct model_list *list = fields[i].list;

			buffer_put_varint(out, value->list ? value->list->count : 0);
			for (size_t row = 0; value->list && row < value->list->count; row++)
				pack_values(out, list->fields, list->field_count,
					value->list->cells + row * list->field_count);
		}
	}
	buffer_put_u8(out, 0);
}

static void pack(
	struct buffer *out, const struct event *e, uint8_t flags, struct pile_origin origin)
{
	const struct model_entity *model = &model_table[e->type];

	buffer_put_u8(out, (uint8_t)e->type);
	buffer_put_u8(out, (uint8_t)e->op);
	buffer_put_u8(out, flags);
	buffer_put_varint(out, origin.file);
	buffer_put_varint(out, origin.line);
	buffer_put_zigzag(out, e->occurred_at_ms);
	buffer_put_zigzag(out, e->ingested_at_ms);
	buffer_put_zigzag(out, e->source_version);
	buffer_put_slice(out, e->event_id);
	buffer_put_slice(out, e->tenant_id);
	buffer_put_slice(out, e->entity_id);
	buffer_put_slice(out, e->source);
	buffer_put_slice(out, e->actor_id);
	buffer_put_varint(out, e->merged_count);
	for (size_t i = 0; i < e->merged_count; i++)
		buffer_put_slice(out, e->merged_ids[i]);
	buffer_put_varint(out, e->ext_count);
	for (size_t i = 0; i < e->ext_count; i++) {
		buffer_put_slice(out, e->ext[i].key);
		buffer_put_slice(out, e->ext[i].value);
	}
	pack_values(out, model->fields, model->field_count, e->fields);
}

int event_pile_add(struct event_pile *p, const struct event *e, bool is_numbered, bool is_undated,
	struct pile_origin origin)
{
	uint8_t *bytes;
	uint8_t flags =
		(uint8_t)((is_numbered ? ITEM_NUMBERED : 0) | (is_undated ? ITEM_UNDATED : 0) |
			  (e->excluded ? ITEM_EXCLUDED : 0));

	buffer_reset(&p->scratch);
	pack(&p->scratch, e, flags, origin);
	bytes = p->count < UINT32_MAX ? arena_alloc(&p->arena, p->scratch.len) : NULL;
	if (!bytes || (p->bytes_max && event_pile_bytes(p) > p->bytes_max))
		return err_raise(-ENOSPC,
			"the events of these files take more than %zu MiB of memory; "
			"replay fewer files at once, or raise --memory",
			p->bytes_max >> 20);
	memcpy(bytes, p->scratch.data, p->scratch.len);
	X_GROW(p->items, p->count, p->capacity);
	p->items[p->count] = (struct pile_item){ is_undated ? INT64_MIN : e->occurred_at_ms, bytes,
		(uint32_t)p->scratch.len, (uint32_t)p->count };
	p->count++;
	p->is_sorted = false;
	if (is_undated)
		return 0;
	if (p->first_ms == INT64_MIN || e->occurred_at_ms < p->first_ms)
		p->first_ms = e->occurred_at_ms;
	if (e->occurred_at_ms > p->last_ms)
		p->last_ms = e->occurred_at_ms;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct pile_item *a = left, *b = right;

	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

void event_pile_sort(struct event_pile *p)
{
	if (p->count)
		qsort(p->items, p->count, sizeof(*p->items), compare);
	p->is_sorted = true;
}

/* ---- unpacking ------------------------------------------------------------------------------------- */

static void unpack_values(struct reader *r, const struct model_field *fields, size_t count,
	struct event_value *values, struct arena *arena)
{
	for (size_t i = 0; i < count; i++)
		values[i].is_null = true;
	for (size_t i = reader_u8(r); i; i = reader_u8(r)) {
		const struct model_field *field = &fields[i - 1];
		struct event_value *value = &values[i - 1];

		value->is_null = false;
		if (is_text(field)) {
			value->text = reader_slice(r);
		} else if (field->type != VALUE_LIST) {
			value->i = reader_zigzag(r);
		} else {
			size_t columns = field->list->field_count;

			value->list = arena_alloc(arena, sizeof(*value->list));
			value->list->count = reader_varint(r);
			value->list->cells = arena_alloc(arena,
				(value->list->count + 1) * columns * sizeof(*value->list->cells));
			for (size_t row = 0; row < value->list->count; row++)
				unpack_values(r, field->list->fields, columns,
					value->list->cells + row * columns, arena);
		}
	}
}

static uint8_t unpack(
	struct reader *r, struct arena *arena, struct event *e, struct pile_origin *origin)
{
	enum entity_type type = (enum entity_type)reader_u8(r);
	uint8_t op = reader_u8(r), flags = reader_u8(r);

	event_init(e, type, arena);
	e->op = (enum event_op)op;
	e->excluded = flags & ITEM_EXCLUDED;
	origin->file = (uint32_t)reader_varint(r);
	origin->line = reader_varint(r);
	e->occurred_at_ms = reader_zigzag(r);
	e->ingested_at_ms = reader_zigzag(r);
	e->source_version = reader_zigzag(r);
	e->event_id = reader_slice(r);
	e->tenant_id = reader_slice(r);
	e->entity_id = reader_slice(r);
	e->source = reader_slice(r);
	e->actor_id = reader_slice(r);
	e->merged_count = reader_varint(r);
	e->merged_ids = arena_alloc(arena, (e->merged_count + 1) * sizeof(*e->merged_ids));
	for (size_t i = 0; i < e->merged_count; i++)
		e->merged_ids[i] = reader_slice(r);
	e->ext_count = reader_varint(r);
	e->ext = arena_alloc(arena, (e->ext_count + 1) * sizeof(*e->ext));
	for (size_t i = 0; i < e->ext_count; i++) {
		e->ext[i].key = reader_slice(r);
		e->ext[i].value = reader_slice(r);
	}
	unpack_values(r, model_table[type].fields, model_table[type].field_count, e->fields, arena);
	return flags;
}

/* A UUID (version 8: of the maker's own kind) of the entity and the version. */
static struct slice make_id(const struct event *e, struct arena *arena)
{
	char text[40];
	uint64_t high = hash_combine(hash_bytes(e->tenant_id.at, e->tenant_id.len, 1),
		hash_bytes(e->entity_id.at, e->entity_id.len, 2));
	uint64_t low =
		hash_combine(high, hash_combine((uint64_t)e->type, (uint64_t)e->source_version));

	high = hash_combine(low, hash_bytes(e->source.at, e->source.len, 3));
	high = (high & ~UINT64_C(0xf000)) | 0x8000;
	low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	snprintf(text, sizeof(text),
		"%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, high >> 32,
		high >> 16 & 0xffff, high & 0xffff, low >> 48, low & UINT64_C(0xffffffffffff));
	return (struct slice){ arena_strndup(arena, text, 36), 36 };
}

void event_pile_get(const struct event_pile *p, size_t place, struct arena *arena,
	struct event *ret, struct pile_origin *ret_origin)
{
	assert(p->is_sorted && place < p->count);
	const struct pile_item *item = &p->items[place];
	struct reader r = reader_of(item->bytes, item->length);
	uint8_t flags = unpack(&r, arena, ret, ret_origin);

	assert(!r.bad && reader_left(&r) == 0);
	if (flags & ITEM_UNDATED)
		ret->occurred_at_ms = p->first_ms == INT64_MIN ? 0 : p->first_ms;
	if (!(flags & ITEM_NUMBERED))
		return;
	ret->source_version = (int64_t)place + 1;
	ret->ingested_at_ms = ret->occurred_at_ms;
	ret->event_id = make_id(ret, arena);
}
