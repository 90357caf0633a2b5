/*
 * Checkpoint records: what cannot be computed again, that is registers and the newest image. References, children,
 * choices and derived values come back by computing. Ids are written, never indexes: an index depends on arrival.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/model.h"
#include "core/store_inside.h"

enum record_kind { RECORD_TENANTS = 'T', RECORD_ENTITY = 'E' };

/* ---- writing -------------------------------------------------------------------------------------------- */

static void write_cell(enum value_type type, int64_t cell, struct buffer *out)
{
	if (type == VALUE_STRING)
		buffer_put_varint(out, (uint64_t)cell);
	else
		buffer_put_zigzag(out, cell);
}

static void write_list(
	const struct list_cells *list, const struct model_list *model, struct buffer *out)
{
	buffer_put_varint(out, list->count);
	buffer_put_varint(out, list->columns);
	for (uint32_t row = 0; row < list->count; row++) {
		buffer_put_varint(out, list->present[row]);
		for (uint32_t column = 0; column < list->columns; column++)
			if (list->present[row] >> column & 1)
				write_cell(model->fields[column].type,
					list->cells[(size_t)row * list->columns + column], out);
	}
}

static void write_image(const struct store *s, const struct entity *e, struct buffer *out)
{
	const struct model_entity *model = &model_table[e->type];
	const struct store_layout *layout = &s->layout[e->type];

	buffer_put_varint(out, model->field_count);
	buffer_put_varint(out, e->present[0] & ((UINT64_C(1) << model->field_count) - 1));
	for (uint8_t i = 0; i < layout->field_count; i++) {
		const struct model_field *field = &model->fields[layout->slot[i]];

		if (!slot_present(e, layout->slot[i]))
			continue;
		if (field->type == VALUE_LIST)
			write_list(
				(const struct list_cells *)(intptr_t)e->slots[i], field->list, out);
		else
			write_cell(field->type, e->slots[i], out);
	}
	if (e->type == ENTITY_DEAL)
		buffer_put_varint(out, slot_string(s, e, s->slot.deal_customer_id));
	buffer_put_varint(out, e->ext ? e->ext->count : 0);
	for (uint32_t i = 0; e->ext && i < e->ext->count; i++) {
		buffer_put_varint(out, e->ext->pairs[i].key);
		buffer_put_varint(out, e->ext->pairs[i].value);
	}
	buffer_put_slice(out, store_cold_slice(e->cold));
}

void store_write_name(const struct entity *e, uint8_t kind, struct buffer *out)
{
	buffer_put_u8(out, kind);
	buffer_put_varint(out, e->tenant);
	buffer_put_u8(out, e->type);
	buffer_put_varint(out, e->id);
}

static void write_entity(const struct store *s, uint32_t index, struct buffer *out)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct registers *r = e->registers;

	store_write_name(e, RECORD_ENTITY, out);
	registers_write(r, out);
	if (r->has_merge)
		buffer_put_varint(
			out, registers_merge_target(r) == ENTITY_NONE
				     ? 0
				     : store_node(s, registers_merge_target(r))->entity.id);
	if (r->has_image)
		write_image(s, e, out);
}

static void write_tenants(const struct store *s, struct buffer *out)
{
	buffer_put_u8(out, RECORD_TENANTS);
	buffer_put_varint(out, s->tenant_count);
	for (uint32_t i = 0; i < s->tenant_count; i++)
		buffer_put_u64le(out, s->tenants[i].streams);
}

/* What an unconfirmed cut wrote is changed still; then all that is changed becomes this cut's. */
static void begin_cut(struct store *s, bool whole)
{
	struct u32_list written = s->saving;

	for (uint32_t i = 0; i < written.count; i++) {
		store_node(s, written.items[i])->saving = false;
		store_mark_dirty(s, written.items[i]);
	}
	for (uint32_t i = 0; whole && i < s->count; i++)
		if (store_node(s, i)->entity.registers)
			store_mark_dirty(s, i);
	written.count = 0;
	s->saving = s->dirty;
	s->dirty = written;
	for (uint32_t i = 0; i < s->saving.count; i++) {
		store_node(s, s->saving.items[i])->dirty = false;
		store_node(s, s->saving.items[i])->saving = true;
	}
}

size_t store_save(
	struct store *s, bool whole, struct buffer *out, size_t bytes_max, uint32_t *cursor)
{
	size_t start = out->len, written = 0;

	assert(!s->open);
	if (*cursor == 0) {
		begin_cut(s, whole);
		write_tenants(s, out);
		store_evict_write(s, whole, out);
	}
	while (*cursor < s->saving.count && (!written || out->len - start < bytes_max)) {
		uint32_t index = s->saving.items[(*cursor)++];

		if (!store_node(s, index)->entity.registers)
			continue; /* it went; another may have its place, known by reference only */
		write_entity(s, index, out);
		written++;
	}
	if (*cursor >= s->saving.count)
		*cursor = UINT32_MAX;
	return written;
}

void store_saved(struct store *s)
{
	store_evict_saved(s);
	for (uint32_t i = 0; i < s->saving.count; i++)
		store_node(s, s->saving.items[i])->saving = false;
	s->saving.count = 0;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

void store_restore_strings(struct store *s, const uint32_t *map, uint32_t count)
{
	s->restore_map = (struct string_map){ .map = map, .count = count };
}

/* What was kept as slots when it was written. Its texts need not be searched for again. */
static void read_fields(
	struct store *s, const struct string_map *strings, struct event *event, struct reader *in)
{
	const struct model_entity *model = &model_table[event->type];
	const struct store_texts_in texts = { s->strings, strings };
	uint64_t count = reader_varint(in), present = reader_varint(in);

	memset(s->text_ids, 0, sizeof(s->text_ids));
	if (count > model->field_count || (count < 64 && present >> count))
		reader_fail(in);
	for (uint32_t i = 0; i < model->field_count && !in->bad; i++) {
		const struct model_field *field = &model->fields[i];

		if (!(present >> i & 1))
			continue;
		if (field->type == VALUE_LIST)
			event->fields[i] = (struct event_value){
				.list = store_read_list(in, field->list, &texts, &s->trail_memory)
			};
		else
			event->fields[i] = store_read_value(in, field->type, &texts);
		if (field->type == VALUE_STRING)
			s->text_ids[i] = (uint32_t)event->fields[i].i;
	}
}

/* Those that definitions read when it was written, and room for as many more as the bytes behind can hold. */
static void read_ext(
	struct store *s, const struct string_map *strings, struct event *event, struct reader *in)
{
	uint64_t count = reader_varint(in);

	if (count > reader_left(in))
		reader_fail(in);
	if (in->bad)
		return;
	event->ext = arena_alloc(&s->trail_memory, (size_t)count * sizeof(*event->ext));
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		event->ext[i].key = intern_text(s->strings, string_map_read(strings, in));
		event->ext[i].value = intern_text(s->strings, string_map_read(strings, in));
		if (!event->ext[i].key.len || !event->ext[i].value.len)
			reader_fail(in);
	}
	event->ext_count = (size_t)count;
}

/* The bytes beside: other definitions may read what those of then did not. */
static void read_cold(struct store *s, struct event *event, struct reader *in)
{
	struct slice bytes = reader_slice(in);
	struct cold_reader r = store_cold_reader(event->type, bytes, NULL);
	size_t count = event->ext_count;
	struct event_ext *ext;

	while (store_cold_next(&r))
		count += r.field == MODEL_FIELDS_MAX;
	if (r.in.bad)
		reader_fail(in);
	if (in->bad)
		return;
	ext = arena_alloc(&s->trail_memory, count * sizeof(*ext));
	if (event->ext_count)
		memcpy(ext, event->ext, event->ext_count * sizeof(*ext));
	event->ext = ext;
	for (r = store_cold_reader(event->type, bytes, &s->trail_memory); store_cold_next(&r);)
		if (r.field == MODEL_FIELDS_MAX)
			ext[event->ext_count++] = (struct event_ext){ r.key, r.value.text };
		else if (event->fields[r.field].is_null)
			event->fields[r.field] = r.value;
		else
			reader_fail(in); /* it can't be kept twice */
}

/* An image is taken as an event's is. What these definitions keep as slots, those of then may have kept as bytes, and the other way round. */
static void read_image(
	struct store *s, const struct string_map *strings, uint32_t index, struct reader *in)
{
	enum entity_type type = (enum entity_type)store_node(s, index)->entity.type;
	uint32_t customer = 0;
	struct event event;

	event_init(&event, type, &s->trail_memory);
	read_fields(s, strings, &event, in);
	if (type == ENTITY_DEAL)
		customer = string_map_read(strings, in);
	read_ext(s, strings, &event, in);
	read_cold(s, &event, in);
	if (!in->bad && !store_prepare_image(s, &event, false)) {
		store_drop_image(s);
		reader_fail(in);
	}
	if (!in->bad)
		store_take_image(s, index);
	if (!in->bad && type == ENTITY_DEAL) /* it outlives an ERASE of what it was made from */
		store_set(s, index, s->slot.deal_customer_id, customer != 0, customer);
	arena_reset(&s->trail_memory);
}

/* Limits do not stop a restore: what was too much shows as STORE_FULL at the next event. */
static uint32_t read_name(struct store *s, const struct string_map *strings, struct reader *in)
{
	uint64_t tenant = reader_varint(in);
	uint8_t type = reader_u8(in);
	uint32_t id = string_map_read(strings, in);

	if (tenant >= s->tenant_count || type >= ENTITY_TYPE_COUNT || !id)
		reader_fail(in);
	return in->bad ? ENTITY_NONE
		       : store_find_or_add(s, (uint32_t)tenant, (enum entity_type)type, id);
}

static void read_entity(struct store *s, const struct string_map *strings, struct reader *in)
{
	uint32_t index = read_name(s, strings, in), target = 0;
	struct registers *r;
	struct entity *e;

	if (index == ENTITY_NONE)
		return;
	e = &store_node(s, index)->entity;
	store_end_registers(s, index);
	r = store_begin_registers(s, index);
	registers_read(r, in, strings);
	s->register_bytes += registers_bytes(r);
	if (r->has_merge)
		target = string_map_read(strings, in);
	if (target)
		registers_set_merge_target(
			r, store_find_or_add(s, e->tenant, (enum entity_type)e->type, target));
	if (registers_merge_target(r) == index)
		reader_fail(in);
	if (r->has_image && !in->bad)
		read_image(s, strings, index, in);
	else
		store_clear_image(s, index);
}

static void read_evicted(
	struct store *s, const struct string_map *strings, uint8_t kind, struct reader *in)
{
	uint32_t index = read_name(s, strings, in);

	if (index == ENTITY_NONE)
		return;
	if (kind == STORE_RECORD_GONE)
		store_evict_read_gone(s, index);
	else
		store_evict_read_fold(s, index, in);
}

static void read_tenants(struct store *s, struct reader *in)
{
	uint64_t count = reader_varint(in);

	if (count > s->tenant_count)
		reader_fail(in);
	for (uint64_t i = 0; i < count && !in->bad; i++)
		s->tenants[i].streams = reader_u64le(in) & ((UINT64_C(1) << ENTITY_TYPE_COUNT) - 1);
}

int store_restore(struct store *s, struct reader *in)
{
	struct string_map strings = s->restore_map;

	assert(!s->open);
	if (!strings.map)
		strings.count = intern_count(s->strings);
	while (reader_left(in) && !in->bad) {
		uint8_t kind = reader_u8(in);

		if (kind == RECORD_TENANTS)
			read_tenants(s, in);
		else if (kind == RECORD_ENTITY)
			read_entity(s, &strings, in);
		else if (kind == STORE_RECORD_GONE || kind == STORE_RECORD_FOLD)
			read_evicted(s, &strings, kind, in);
		else
			reader_fail(in);
	}
	return in->bad ? 1 : 0;
}

/* ---- computing again ------------------------------------------------------------------------------------ */

static void restore_merges(struct store *s)
{
	bool cycle = false;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct registers *r = store_node(s, i)->entity.registers;

		store_merge_link(s, i, r ? registers_merge_target(r) : ENTITY_NONE);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t root = store_resolve(s, i, &cycle);

		store_node(s, i)->entity.merged_into = root == i ? ENTITY_NONE : root;
	}
}

static void restore_choices(struct store *s)
{
	bool opportunities = store_uses(s, RELATION_OPPORTUNITY_PRIMARY_LEAD);
	bool deals = store_uses(s, RELATION_DEAL_PRIMARY_LEAD);

	for (uint32_t i = 0; opportunities && i < s->count; i++)
		if (store_node(s, i)->entity.type == ENTITY_OPPORTUNITY)
			store_choose_of_opportunity(s, i);
	for (uint32_t i = 0; deals && i < s->count; i++)
		if (store_node(s, i)->entity.type == ENTITY_DEAL)
			store_choose_of_deal(s, i);
}

void store_recompute(struct store *s)
{
	uint32_t count = s->count; /* entities known by reference only join behind */

	restore_merges(s);
	for (uint32_t i = 0; i < count; i++) {
		if (!store_node(s, i)->entity.registers)
			continue;
		store_show_registers(s, i);
		store_relink(s, i);
		if (!s->open)
			arena_reset(&s->trail_memory);
	}
	restore_choices(s);
	for (uint32_t derived = 0; derived < s->plan->derived_count; derived++) {
		if (plan_derived_is_neighbour(&s->plan->derived[derived])) {
			store_next_recompute(s, derived);
			continue;
		}
		for (uint32_t i = 0; i < s->count; i++)
			if (store_node(s, i)->entity.type == s->plan->derived[derived].parent &&
				store_node(s, i)->place == PLACE_TAKEN)
				store_derive_put(s, derived, i, store_derive_scan(s, derived, i));
	}
}

void store_restored(struct store *s)
{
	assert(!s->open);
	store_recompute(s);
	store_evict_restored(s);
	store_rates_recompute(s);
	arena_reset(&s->trail_memory);
	s->restore_map = (struct string_map){ .map = NULL };
}
