/*
 * From an event's fields to slots, and back: strings interned, blank is null, lists as immutable blocks. What is not prepared as a slot goes
 * to the bytes beside (store_cold.c).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/model.h"
#include "core/store_inside.h"

/* ---- lists ---------------------------------------------------------------------------------------------- */

/* Every list of no rows; nobody owns it. */
static const struct list_cells no_rows;

struct list_cells *store_list_new(struct store *s, uint32_t count, uint32_t columns)
{
	size_t rows = count,
	       bytes = sizeof(struct list_cells) + rows * (1 + columns) * sizeof(int64_t);
	struct list_cells *list;

	assert(columns <= 64);
	if (!count)
		return (struct list_cells *)(uintptr_t)&no_rows;
	list = x_calloc(1, bytes);
	list->count = count;
	list->columns = columns;
	list->present = (uint64_t *)(list + 1);
	list->cells = (int64_t *)(list->present + count);
	s->list_bytes += bytes;
	return list;
}

struct list_cells *store_list_draft(struct store *s, uint32_t count, uint32_t columns)
{
	size_t rows = count;
	struct list_cells *list = arena_alloc(
		&s->trail_memory, sizeof(*list) + rows * (1 + columns) * sizeof(int64_t));

	list->count = count;
	list->columns = columns;
	list->present = (uint64_t *)(list + 1);
	list->cells = (int64_t *)(list->present + count);
	return list;
}

void store_list_free(struct store *s, const void *block)
{
	const struct list_cells *list = block;

	if (!list || list == &no_rows)
		return;
	s->list_bytes -=
		sizeof(*list) + (size_t)list->count * (1 + list->columns) * sizeof(int64_t);
	free((void *)(uintptr_t)block);
}

bool list_cells_equal(const struct list_cells *a, const struct list_cells *b)
{
	if (!a || !b)
		return a == b;
	return a->count == b->count && a->columns == b->columns &&
	       (!a->count || (!memcmp(a->present, b->present, a->count * sizeof(*a->present)) &&
				     !memcmp(a->cells, b->cells,
					     (size_t)a->count * a->columns * sizeof(*a->cells))));
}

void store_set_list(struct store *s, uint32_t index, uint32_t slot, struct list_cells *list)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct list_cells *before = slot_list(s, e, slot);

	if (before == list)
		return;
	assert(store_keeps(s, (enum entity_type)e->type, slot));
	if (list_cells_equal(before, list)) {
		store_list_free(s, list);
		return;
	}
	store_set(s, index, slot, list != NULL, (int64_t)(intptr_t)list);
	if (!before || before == &no_rows)
		return;
	s->list_bytes -=
		sizeof(*before) + (size_t)before->count * (1 + before->columns) * sizeof(int64_t);
	store_bury(s, before);
}

void store_set_list_draft(
	struct store *s, uint32_t index, uint32_t slot, const struct list_cells *draft)
{
	struct list_cells *list = NULL;

	if (draft && list_cells_equal(slot_list(s, &store_node(s, index)->entity, slot), draft))
		return;
	if (draft) {
		list = store_list_new(s, draft->count, draft->columns);
		if (draft->count)
			memcpy(list->present, draft->present,
				(size_t)draft->count * (1 + draft->columns) * sizeof(int64_t));
	}
	store_set_list(s, index, slot, list);
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

static uint32_t repeats(const struct store *s, const struct event *event, uint8_t field)
{
	uint32_t last = s->texts[event->type].last[field];

	return last && slice_equal(intern_text(s->strings, last), event->fields[field].text) ? last
											     : 0;
}

void store_recall_texts(struct store *s, const struct event *event)
{
	const struct store_texts *texts = &s->texts[event->type];

	for (uint8_t i = 0; i < texts->count; i++)
		if (!event->fields[texts->fields[i]].is_null)
			s->text_ids[texts->fields[i]] = repeats(s, event, texts->fields[i]);
}

/* ---- preparing ------------------------------------------------------------------------------------------ */

/* A value as a slot. False: the strings' limit. ret_present: blank texts are null. */
static bool cell_of(struct store *s, enum value_type type, const struct event_value *value,
	int64_t *ret_cell, bool *ret_present)
{
	uint32_t id;

	*ret_cell = 0;
	*ret_present = !value->is_null;
	if (value->is_null)
		return true;
	if (type != VALUE_STRING) {
		*ret_cell = value->i;
		return true;
	}
	*ret_present = !store_text_is_blank(value->text);
	if (!*ret_present)
		return true;
	id = intern_add(s->strings, value->text);
	*ret_cell = id;
	return id != 0;
}

/* NULL: the strings' limit. An empty list is a list of no rows, which is not null. */
static struct list_cells *list_of(
	struct store *s, const struct model_list *model, const struct event_list *values)
{
	uint32_t rows = values ? (uint32_t)values->count : 0;
	struct list_cells *list = store_list_new(s, rows, (uint32_t)model->field_count);

	for (uint32_t row = 0; row < rows; row++)
		for (uint32_t column = 0; column < list->columns; column++) {
			size_t at = (size_t)row * list->columns + column;
			bool present;

			if (!cell_of(s, model->fields[column].type, &values->cells[at],
				    &list->cells[at], &present)) {
				store_list_free(s, list);
				return NULL;
			}
			if (present)
				list->present[row] |= UINT64_C(1) << column;
		}
	return list;
}

static bool prepare_text(struct store *s, struct slice text, uint32_t slot, bool *ret_present)
{
	uint32_t id = s->text_ids[slot];

	*ret_present = !store_text_is_blank(text);
	if (!*ret_present)
		return true;
	if (!id)
		id = intern_add(s->strings, text);
	s->texts[s->image_type].last[slot] = id;
	s->image_slots[slot] = id;
	return id != 0;
}

static bool prepare_field(struct store *s, const struct model_field *field,
	const struct event_value *value, uint32_t slot)
{
	struct list_cells *list;
	bool present;

	if (field->type == VALUE_STRING) {
		if (!prepare_text(s, value->text, slot, &present))
			return false;
	} else if (field->type == VALUE_LIST) {
		list = list_of(s, field->list, value->list);
		if (!list)
			return false;
		s->image_slots[slot] = (int64_t)(intptr_t)list;
		present = true;
	} else if (!cell_of(s, field->type, value, &s->image_slots[slot], &present)) {
		return false;
	}
	/* A required time has no null on the wire: a source that does not know it sends 0, and no record is of 1970. */
	if (field->type == VALUE_TIME && field->required && !s->image_slots[slot])
		present = false;
	if (present)
		s->image_present |= UINT64_C(1) << slot;
	return true;
}

static bool ext_is_declared(const struct store *s, uint32_t key)
{
	for (uint32_t i = 0; key && i < s->ext_declared.count; i++)
		if (s->ext_declared.items[i] == key)
			return true;
	return false;
}

static int compare_entries(const void *a, const void *b)
{
	const struct event_ext *x = *(const struct event_ext *const *)a,
			       *y = *(const struct event_ext *const *)b;
	int order = slice_compare(x->key, y->key);

	return order ? order : slice_compare(x->value, y->value);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct ext_pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static size_t ext_bytes(const struct ext_cells *ext)
{
	return sizeof(*ext) + ext->count * sizeof(ext->pairs[0]);
}

void store_ext_free(struct store *s, const void *block)
{
	if (block)
		s->ext_bytes -= ext_bytes(block);
	free((void *)(uintptr_t)block);
}

/* Of exactly these pairs; NULL when there are none. */
static struct ext_cells *ext_new(struct store *s, const struct ext_pair *pairs, uint32_t count)
{
	struct ext_cells *ext;

	if (!count)
		return NULL;
	ext = x_malloc(sizeof(*ext) + count * sizeof(ext->pairs[0]));
	ext->count = count;
	memcpy(ext->pairs, pairs, count * sizeof(*pairs));
	qsort(ext->pairs, count, sizeof(ext->pairs[0]), compare_pairs);
	s->ext_bytes += ext_bytes(ext);
	return ext;
}

/* A key that comes twice (a map on the wire may) counts once, with its greatest value: maps have no order. */
static bool prepare_ext(struct store *s, const struct event *event, bool erased)
{
	const struct event_ext **sorted;
	struct ext_pair *pairs;
	uint32_t count = 0;

	if (!event->ext_count)
		return true;
	sorted = arena_alloc(&s->trail_memory, event->ext_count * sizeof(struct event_ext *));
	pairs = arena_alloc(&s->trail_memory, event->ext_count * sizeof(*pairs));
	for (size_t i = 0; i < event->ext_count; i++)
		sorted[i] = &event->ext[i];
	qsort(sorted, event->ext_count, sizeof(struct event_ext *), compare_entries);
	for (size_t i = 0; i < event->ext_count; i++) {
		const struct event_ext *entry = sorted[i];
		struct ext_pair pair;

		if (i + 1 < event->ext_count && slice_equal(entry->key, sorted[i + 1]->key))
			continue;
		pair.key = intern_find(s->strings, entry->key);
		if (store_text_is_blank(entry->value))
			continue;
		if (!ext_is_declared(s, pair.key)) {
			if (!erased)
				store_cold_put_ext(&s->image_cold, entry->key, entry->value);
			continue;
		}
		pair.value = intern_add(s->strings, entry->value);
		if (!pair.value)
			return false;
		pairs[count++] = pair;
	}
	s->image_ext = ext_new(s, pairs, count);
	return true;
}

/*
 * The customer of a deal is its account, else its contact (KPIS.md). It is kept beside the image, so that an ERASE of the
 * contact leaves the customer counted.
 */
static bool prepare_customer(struct store *s, const struct event *event)
{
	const struct event_value *account = &event->fields[s->slot.deal_account_id];
	const struct event_value *contact = &event->fields[s->slot.deal_contact_id];

	s->image_customer = 0;
	if (!account->is_null && !store_text_is_blank(account->text)) {
		s->image_customer = intern_add(s->strings, account->text);
	} else if (!contact->is_null && !store_text_is_blank(contact->text)) {
		buffer_reset(&s->scratch);
		buffer_put(&s->scratch, "contact:", 8);
		buffer_put(&s->scratch, contact->text.at, contact->text.len);
		s->image_customer = intern_add(s->strings, buffer_slice(&s->scratch));
	} else {
		return true;
	}
	return s->image_customer != 0;
}

static void forget_fields(struct store *s, uint64_t prepared)
{
	for (; prepared; prepared &= prepared - 1)
		s->image_slots[__builtin_ctzll(prepared)] = 0;
}

bool store_prepare_image(struct store *s, const struct event *event, bool erased)
{
	const struct model_entity *model = &model_table[event->type];
	const struct store_layout *layout = &s->layout[event->type];
	const struct event_value *values = event->fields;
	size_t count = model->field_count;

	forget_fields(s, layout->prepared);
	s->image_present = 0;
	s->image_ext = NULL;
	s->image_type = event->type;
	buffer_reset(&s->image_cold);
	for (uint32_t i = 0; i < count; i++) {
		const struct model_field *field;

		if (values[i].is_null)
			continue;
		field = &model->fields[i];
		if (erased && field->personal)
			continue;
		if (!(layout->kept[0] >> i & 1))
			store_cold_put_field(&s->image_cold, field, i, &values[i]);
		if ((layout->prepared >> i & 1) && !prepare_field(s, field, &values[i], i))
			return false;
	}
	if (event->ext_count && !prepare_ext(s, event, erased))
		return false;
	return event->type != ENTITY_DEAL || prepare_customer(s, event);
}

void store_drop_image(struct store *s)
{
	const struct model_entity *model = &model_table[s->image_type];

	for (uint32_t i = 0; i < model->field_count; i++)
		if (model->fields[i].type == VALUE_LIST && (s->image_present >> i & 1))
			store_list_free(s, (const void *)(intptr_t)s->image_slots[i]);
	s->image_present = 0;
	store_ext_free(s, s->image_ext);
	s->image_ext = NULL;
}

/* ---- taking --------------------------------------------------------------------------------------------- */

static bool ext_equal(const struct ext_cells *a, const struct ext_cells *b)
{
	if (!a || !b)
		return a == b;
	return a->count == b->count && !memcmp(a->pairs, b->pairs, a->count * sizeof(a->pairs[0]));
}

static void set_ext(struct store *s, uint32_t index, const struct ext_cells *ext)
{
	struct entity *e = &store_node(s, index)->entity;
	const struct ext_cells *before = e->ext;

	if (before == ext)
		return;
	if (ext_equal(before, ext)) {
		store_ext_free(s, ext);
		return;
	}
	store_touch(s, index);
	e->ext = ext;
	if (before)
		s->ext_bytes -= ext_bytes(before);
	store_bury(s, before);
}

/* The kept fields are the first places, and so are taken as one: after the lists, whose equal ones stay. */
static void take_fields(struct store *s, uint32_t index)
{
	const struct store_layout *layout = &s->layout[s->image_type];
	struct entity *e = &store_node(s, index)->entity;
	uint64_t fields = (UINT64_C(1) << model_table[s->image_type].field_count) - 1;
	uint64_t present = s->image_present & layout->kept[0];
	bool same = (e->present[0] & fields) == present;

	for (uint8_t i = 0; same && i < layout->field_count; i++)
		same = e->slots[i] == s->image_slots[layout->slot[i]];
	if (same)
		return;
	store_touch(s, index);
	for (uint8_t i = 0; i < layout->field_count; i++)
		e->slots[i] = s->image_slots[layout->slot[i]];
	e->present[0] = (e->present[0] & ~fields) | present;
}

void store_take_image(struct store *s, uint32_t index)
{
	const struct store_layout *layout = &s->layout[s->image_type];
	const struct model_entity *model = &model_table[s->image_type];
	const struct entity *e = &store_node(s, index)->entity;

	for (uint8_t i = 0; i < layout->field_count; i++) {
		uint32_t field = layout->slot[i];

		if (model->fields[field].type != VALUE_LIST)
			continue;
		store_set_list(s, index, field,
			s->image_present >> field & 1
				? (struct list_cells *)(intptr_t)s->image_slots[field]
				: NULL);
		s->image_slots[field] = e->slots[i];
	}
	take_fields(s, index);
	if (s->image_type == ENTITY_DEAL)
		store_set(s, index, s->slot.deal_customer_id, s->image_customer != 0,
			s->image_customer);
	set_ext(s, index, s->image_ext);
	store_cold_set(s, index, buffer_slice(&s->image_cold));
	s->image_present = 0;
	s->image_ext = NULL;
}

/* Every field that is kept, or only those that ERASE removes. */
static void clear_fields(struct store *s, uint32_t index, bool only_personal)
{
	enum entity_type type = (enum entity_type)store_node(s, index)->entity.type;
	const struct model_field *fields = model_table[type].fields;

	for (uint8_t i = 0; i < s->layout[type].field_count; i++) {
		uint32_t field = s->layout[type].slot[i];

		if (only_personal && !fields[field].personal)
			continue;
		if (fields[field].type == VALUE_LIST)
			store_set_list(s, index, field, NULL);
		else
			store_set(s, index, field, false, 0);
	}
}

void store_clear_image(struct store *s, uint32_t index)
{
	clear_fields(s, index, false);
	if (store_node(s, index)->entity.type == ENTITY_DEAL)
		store_set(s, index, s->slot.deal_customer_id, false, 0);
	set_ext(s, index, NULL);
	store_cold_set(s, index, (struct slice){ NULL, 0 });
}

/* All of ext that is kept apart is what definitions read, and that stays. */
void store_erase(struct store *s, uint32_t index)
{
	clear_fields(s, index, true);
	store_cold_erase(s, index);
}

/* ---- and back ------------------------------------------------------------------------------------------- */

static struct event_value value_of_cell(
	const struct store *s, enum value_type type, bool present, int64_t cell)
{
	struct event_value value = { .is_null = !present };

	if (present && type == VALUE_STRING)
		value.text = intern_text(s->strings, (uint32_t)cell);
	else
		value.i = cell;
	return value;
}

static struct event_list *list_as_event(const struct store *s, const struct model_list *model,
	const struct list_cells *list, struct arena *arena)
{
	struct event_list *out = arena_alloc(arena, sizeof(*out));

	out->count = list->count;
	out->cells = arena_alloc(arena, list->count * model->field_count * sizeof(*out->cells) + 1);
	for (uint32_t row = 0; row < list->count; row++)
		for (uint32_t i = 0; i < list->columns; i++) {
			size_t at = (size_t)row * list->columns + i;

			out->cells[at] = value_of_cell(s, model->fields[i].type,
				list->present[row] >> i & 1, list->cells[at]);
		}
	return out;
}

static void show_ext(const struct store *s, const struct entity *e, struct event *ret)
{
	for (uint32_t i = 0; e->ext && i < e->ext->count; i++)
		ret->ext[ret->ext_count++] =
			(struct event_ext){ intern_text(s->strings, e->ext->pairs[i].key),
				intern_text(s->strings, e->ext->pairs[i].value) };
}

static struct cold_reader cold_of(const struct entity *e, struct arena *arena)
{
	return store_cold_reader((enum entity_type)e->type, store_cold_slice(e->cold), arena);
}

bool store_image(const struct store *s, uint32_t index, struct arena *arena, struct event *ret)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct store_layout *layout = &s->layout[e->type];
	const struct model_field *fields = model_table[e->type].fields;
	struct cold_reader r = cold_of(e, NULL);
	size_t ext_count = e->ext ? e->ext->count : 0;

	assert(!s->open);
	if (!e->has_image)
		return false;
	event_init(ret, (enum entity_type)e->type, arena);
	ret->op = EVENT_SNAPSHOT;
	ret->tenant_id = intern_text(s->strings, s->tenants[e->tenant].id);
	ret->entity_id = intern_text(s->strings, e->id);
	ret->excluded = e->excluded;
	for (uint8_t i = 0; i < layout->field_count; i++) {
		uint32_t field = layout->slot[i];
		bool present = slot_present(e, field);

		ret->fields[field] = value_of_cell(s, fields[field].type, present, e->slots[i]);
		if (present && fields[field].type == VALUE_LIST)
			ret->fields[field] =
				(struct event_value){ .list = list_as_event(s, fields[field].list,
							      slot_list(s, e, field), arena) };
	}
	while (store_cold_next(&r))
		ext_count += r.field == MODEL_FIELDS_MAX;
	ret->ext = arena_alloc(arena, ext_count * sizeof(*ret->ext) + 1);
	show_ext(s, e, ret);
	for (r = cold_of(e, arena); store_cold_next(&r);)
		if (r.field == MODEL_FIELDS_MAX)
			ret->ext[ret->ext_count++] = (struct event_ext){ r.key, r.value.text };
		else
			ret->fields[r.field] = r.value;
	return true;
}
