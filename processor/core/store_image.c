/* From an event's fields to slots: strings interned, blank is null, lists as immutable blocks. */
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
	struct list_cells *before =
		slot_present(e, slot) ? (struct list_cells *)(intptr_t)e->slots[slot] : NULL;

	if (before == list)
		return;
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
	const struct entity *e = &store_node(s, index)->entity;
	struct list_cells *list = NULL;

	if (draft && slot_present(e, slot) &&
		list_cells_equal((const struct list_cells *)(intptr_t)e->slots[slot], draft))
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

/* «Unknown or blank is null» (EVENTS.md): a text of nothing but space says nothing, and is no key of a giant customer (S5). */
static inline bool is_blank(struct slice text)
{
	return !text.len || ((unsigned char)text.at[0] <= ' ' && !slice_trim(text).len);
}

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
	*ret_present = !is_blank(value->text);
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

	*ret_present = !is_blank(text);
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
		s->image_present[slot >> 6] |= UINT64_C(1) << (slot & 63);
	return true;
}

static bool ext_is_declared(const struct store *s, uint32_t key)
{
	for (uint32_t i = 0; i < s->ext_declared.count; i++)
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
		pair.key = intern_add(s->strings, entry->key);
		if (!pair.key)
			return false;
		if (is_blank(entry->value) || (erased && !ext_is_declared(s, pair.key)))
			continue;
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
	if (!account->is_null && !is_blank(account->text)) {
		s->image_customer = intern_add(s->strings, account->text);
	} else if (!contact->is_null && !is_blank(contact->text)) {
		buffer_reset(&s->scratch);
		buffer_put(&s->scratch, "contact:", 8);
		buffer_put(&s->scratch, contact->text.at, contact->text.len);
		s->image_customer = intern_add(s->strings, buffer_slice(&s->scratch));
	} else {
		return true;
	}
	return s->image_customer != 0;
}

bool store_prepare_image(struct store *s, const struct event *event, bool erased)
{
	const struct model_entity *model = &model_table[event->type];

	memset(s->image_slots, 0, model->field_count * sizeof(*s->image_slots));
	s->image_present[0] = s->image_present[1] = 0;
	s->image_ext = NULL;
	s->image_type = event->type;
	for (uint32_t i = 0; i < model->field_count; i++) {
		if (event->fields[i].is_null || (erased && model->fields[i].personal))
			continue;
		if (!prepare_field(s, &model->fields[i], &event->fields[i], i))
			return false;
	}
	if (!prepare_ext(s, event, erased))
		return false;
	return event->type != ENTITY_DEAL || prepare_customer(s, event);
}

void store_drop_image(struct store *s)
{
	const struct model_entity *model = &model_table[s->image_type];

	for (uint32_t i = 0; i < model->field_count; i++)
		if (model->fields[i].type == VALUE_LIST &&
			(s->image_present[i >> 6] >> (i & 63) & 1))
			store_list_free(s, (const void *)(intptr_t)s->image_slots[i]);
	s->image_present[0] = s->image_present[1] = 0;
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

bool store_set_ext(struct store *s, uint32_t index, const struct event *event)
{
	s->image_ext = NULL;
	if (!prepare_ext(s, event, false))
		return false;
	set_ext(s, index, s->image_ext);
	s->image_ext = NULL;
	return true;
}

/* The fields' own bits of a word of the presence map. */
static uint64_t field_bits(size_t field_count, uint32_t word)
{
	size_t count = field_count < 64 * word ? 0 : field_count - 64 * word;

	return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* The model's fields are the first slots, and so are taken as one block: after the lists, whose equal ones stay. */
static void take_fields(struct store *s, uint32_t index)
{
	const struct model_entity *model = &model_table[s->image_type];
	struct entity *e = &store_node(s, index)->entity;
	size_t bytes = model->field_count * sizeof(*e->slots);
	bool same = !memcmp(e->slots, s->image_slots, bytes);

	for (uint32_t word = 0; word < 2; word++)
		same = same && (e->present[word] & field_bits(model->field_count, word)) ==
				       s->image_present[word];
	if (same)
		return;
	store_touch(s, index);
	memcpy(e->slots, s->image_slots, bytes);
	for (uint32_t word = 0; word < 2; word++)
		e->present[word] = (e->present[word] & ~field_bits(model->field_count, word)) |
				   s->image_present[word];
}

void store_take_image(struct store *s, uint32_t index)
{
	const struct model_entity *model = &model_table[s->image_type];
	const struct entity *e = &store_node(s, index)->entity;

	for (uint32_t i = 0; i < model->field_count; i++) {
		if (model->fields[i].type != VALUE_LIST)
			continue;
		bool present = s->image_present[i >> 6] >> (i & 63) & 1;

		store_set_list(s, index, i,
			present ? (struct list_cells *)(intptr_t)s->image_slots[i] : NULL);
		s->image_slots[i] = e->slots[i];
	}
	take_fields(s, index);
	if (s->image_type == ENTITY_DEAL)
		store_set(s, index, s->slot.deal_customer_id, s->image_customer != 0,
			s->image_customer);
	set_ext(s, index, s->image_ext);
	s->image_present[0] = s->image_present[1] = 0;
	s->image_ext = NULL;
}

void store_erase(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct model_entity *model = &model_table[e->type];
	struct ext_pair *kept;
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->field_count; i++) {
		if (!model->fields[i].personal)
			continue;
		if (model->fields[i].type == VALUE_LIST)
			store_set_list(s, index, i, NULL);
		else
			store_set(s, index, i, false, 0);
	}
	if (!e->ext)
		return;
	kept = arena_alloc(&s->trail_memory, e->ext->count * sizeof(*kept));
	for (uint32_t i = 0; i < e->ext->count; i++)
		if (ext_is_declared(s, e->ext->pairs[i].key))
			kept[count++] = e->ext->pairs[i];
	if (count < e->ext->count)
		set_ext(s, index, ext_new(s, kept, count));
}
