/*
 * Eviction (S26). What goes leaves its place, with its arrays, to the next entity of its type, but not before a checkpoint that says that
 * it went is confirmed: until then the place is kept as the note to be written. What it gave to a minimum of a parent is
 * remembered beside the raw parent, so that merges and a definition's other children treat it like any child.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/fact_frame.h"
#include "core/store_inside.h"

void store_evict_init(struct store *s)
{
	index_init(&s->fold_index);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		const struct model_entity *model = &model_table[type];

		if (!model->passing_field)
			continue;
		s->passing[type].slot =
			(uint8_t)attribute_slot((enum entity_type)type, model->passing_field);
		if (model->passing_symbol)
			s->passing[type].symbol =
				intern_add(s->strings, slice_of(model->passing_symbol));
	}
}

void store_evict_deinit(struct store *s)
{
	index_deinit(&s->fold_index);
	free(s->folds);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		free(s->free_nodes[type].items);
}

uint32_t store_evict_reuse(struct store *s, enum entity_type type)
{
	struct u32_list *places = &s->free_nodes[type];
	uint32_t index;

	if (!places->count)
		return ENTITY_NONE;
	index = places->items[--places->count];
	store_node(s, index)->place = PLACE_TAKEN;
	s->gone_count--;
	return index;
}

/* ---- what is remembered --------------------------------------------------------------------------------- */

struct fold_key {
	uint32_t parent, derived;
};

static uint64_t fold_hash(uint32_t parent, uint32_t derived)
{
	return hash_u64((uint64_t)parent << 32 | derived);
}

static bool fold_equal(const void *ctx, const void *wanted, uint32_t value)
{
	const struct store_fold *fold = &((const struct store *)ctx)->folds[value];
	const struct fold_key *key = wanted;

	return fold->parent == key->parent && fold->derived == key->derived;
}

static struct store_fold *find_fold(const struct store *s, uint32_t parent, uint32_t derived)
{
	const struct fold_key key = { parent, derived };
	uint32_t place;

	if (!s->fold_count || !index_find(&s->fold_index, fold_hash(parent, derived), fold_equal,
				      &key, s, &place))
		return NULL;
	return &s->folds[place];
}

bool store_fold_find(const struct store *s, uint32_t parent, uint32_t derived, int64_t *ret_value)
{
	const struct store_fold *fold = find_fold(s, parent, derived);

	if (fold)
		*ret_value = fold->value;
	return fold != NULL;
}

static void remember(struct store *s, uint32_t parent, uint32_t derived, int64_t value)
{
	struct store_fold *fold = find_fold(s, parent, derived);
	bool is_max = s->plan->derived[derived].kind == DERIVE_MAX;

	if (fold && (is_max ? value <= fold->value : value >= fold->value))
		return;
	if (!fold) {
		X_GROW(s->folds, s->fold_count, s->fold_cap);
		assert(s->folds);
		fold = &s->folds[s->fold_count];
		*fold = (struct store_fold){ .parent = parent, .derived = derived };
		index_insert(&s->fold_index, fold_hash(parent, derived), s->fold_count++);
	}
	fold->value = value;
	fold->dirty = true;
	s->folds_changed = true;
}

static void remember_all(struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);

	for (uint32_t i = 0; i < s->plan->derived_count; i++) {
		const struct plan_derived *d = &s->plan->derived[i];
		uint32_t parent;
		struct value value;

		if (d->child != node->entity.type || plan_derived_is_neighbour(d))
			continue;
		parent = node_links(s, node)[s->link_place[d->relation]].target;
		if (parent != ENTITY_NONE && store_derive_gives(s, i, index, &value))
			remember(s, parent, i, value.i);
	}
}

/* ---- going ---------------------------------------------------------------------------------------------- */

/* Whether every parent stays known without this child: what a child alone makes known would vanish with it. */
static bool parents_stay(const struct store *s, const struct store_node *node)
{
	for (uint32_t i = 0; i < s->link_count[node->entity.type]; i++) {
		uint32_t target = node_links(s, node)[i].target, shared = 0;

		if (target == ENTITY_NONE || store_node(s, target)->entity.registers)
			continue;
		for (uint32_t k = 0; k < s->link_count[node->entity.type]; k++)
			shared += node_links(s, node)[k].target == target;
		if (store_node(s, target)->link_count <= shared)
			return false;
	}
	return true;
}

/* Whether its image says that it is over, and nothing of a time that is not below. */
static bool image_has_passed(const struct store *s, const struct entity *e, int64_t before_ms)
{
	const struct model_entity *model = &model_table[e->type];
	const struct store_layout *layout = &s->layout[e->type];
	uint32_t slot = s->passing[e->type].slot, symbol = s->passing[e->type].symbol;
	bool over = symbol ? slot_string(s, e, slot) == symbol : slot_present(e, slot);
	struct cold_reader r;

	for (uint8_t i = 0; i < layout->field_count; i++)
		if (model->fields[layout->slot[i]].type == VALUE_TIME &&
			slot_present(e, layout->slot[i]) && e->slots[i] >= before_ms)
			return false;
	r = store_cold_reader((enum entity_type)e->type, store_cold_slice(e->cold), NULL);
	while (store_cold_next(&r) && r.field < MODEL_FIELDS_MAX) {
		if (model->fields[r.field].type == VALUE_TIME && r.value.i >= before_ms)
			return false;
		over |= (uint32_t)r.field == slot &&
			(!symbol || slice_is(r.value.text, model->passing_symbol));
	}
	return over;
}

bool store_can_evict(const struct store *s, uint32_t index, int64_t before_ms)
{
	const struct store_node *node = store_node(s, index);
	const struct entity *e = &node->entity;
	const struct registers *r = e->registers;

	if (!s->plan->passes[e->type] || !r || !r->has_image || !r->has_last || r->has_merge)
		return false;
	if (!entity_is_live(e) || e->erased || node->link_count || node->merge_head != ENTITY_NONE)
		return false;
	return r->last_key.occurred_at_ms < before_ms &&
	       registers_image_key(r)->occurred_at_ms < before_ms &&
	       image_has_passed(s, e, before_ms) && parents_stay(s, node) &&
	       store_next_is_first(s, index);
}

static void empty_node(struct store *s, uint32_t index)
{
	struct entity *e = &store_node(s, index)->entity;

	store_free_lists(s, e);
	store_end_registers(s, index);
	memset(e->slots, 0, s->layout[e->type].count * sizeof(*e->slots));
	*e = (struct entity){ .tenant = e->tenant,
		.id = e->id,
		.type = e->type,
		.merged_into = ENTITY_NONE,
		.slots = e->slots };
}

static void free_place(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);

	node->place = PLACE_FREE;
	u32_list_add(&s->free_nodes[node->entity.type], index);
}

/* Out of sight; its place stays until every checkpoint that may hold it has been told. */
static void leave(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);

	store_unindex(s, index);
	empty_node(s, index);
	node->place = PLACE_GONE;
	s->gone_count++;
	if (s->has_cut)
		store_mark_dirty(s, index);
	else
		free_place(s, index);
}

void store_evict(struct store *s, uint32_t index)
{
	enum entity_type type = (enum entity_type)store_node(s, index)->entity.type;

	assert(!s->open);
	remember_all(s, index);
	store_next_leave(s, index);
	for (enum relation r = 0; r < RELATION_STORED_COUNT; r++)
		if (store_uses(s, r) && relation_table[r].child == type)
			store_link_set(s, r, index, ENTITY_NONE);
	leave(s, index);
	s->counters.evicted++;
}

bool store_is_past(
	const struct store *s, uint32_t tenant, const struct event *event, int64_t before_ms)
{
	const struct model_entity *model = &model_table[event->type];
	uint32_t index;

	if (!s->plan->passes[event->type] || event->occurred_at_ms >= before_ms ||
		event->op == EVENT_ERASE || event->op == EVENT_MERGE)
		return false;
	for (size_t i = 0; i < model->field_count; i++)
		if (model->fields[i].type == VALUE_TIME && !event->fields[i].is_null &&
			event->fields[i].i >= before_ms)
			return false;
	index = store_find(s, tenant, event->type, event->entity_id);
	return index == ENTITY_NONE || !store_node(s, index)->entity.registers;
}

/* ---- checkpoint ----------------------------------------------------------------------------------------- */

static void write_folds(struct store *s, bool whole, struct buffer *out)
{
	for (uint32_t i = 0; i < s->fold_count; i++) {
		struct store_fold *fold = &s->folds[i];

		fold->saving |= fold->dirty;
		fold->dirty = false;
		if (!whole && !fold->saving)
			continue;
		store_write_name(&store_node(s, fold->parent)->entity, STORE_RECORD_FOLD, out);
		buffer_put_u64le(out, s->plan->derived[fold->derived].print);
		buffer_put_zigzag(out, fold->value);
	}
}

void store_evict_write(struct store *s, bool whole, struct buffer *out)
{
	s->has_cut = true;
	for (uint32_t i = 0; !whole && i < s->saving.count; i++) {
		const struct store_node *node = store_node(s, s->saving.items[i]);

		if (node->place == PLACE_GONE)
			store_write_name(&node->entity, STORE_RECORD_GONE, out);
	}
	if (whole || s->folds_changed)
		write_folds(s, whole, out);
}

void store_evict_saved(struct store *s)
{
	bool changed = false;

	for (uint32_t i = 0; i < s->saving.count; i++) {
		const struct store_node *node = store_node(s, s->saving.items[i]);

		if (node->place == PLACE_GONE && !node->dirty)
			free_place(s, s->saving.items[i]);
	}
	for (uint32_t i = 0; s->folds_changed && i < s->fold_count; i++) {
		s->folds[i].saving = false;
		changed |= s->folds[i].dirty;
	}
	s->folds_changed = changed;
}

/* As one that was only ever referred to; whether anything does shows when all is linked. */
void store_evict_read_gone(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);

	empty_node(s, index);
	node->entity.present[0] = s->zero_slots[node->entity.type][0];
	node->entity.present[1] = s->zero_slots[node->entity.type][1];
}

/* One of a definition that is no more is forgotten. */
void store_evict_read_fold(struct store *s, uint32_t index, struct reader *in)
{
	uint64_t print = reader_u64le(in);
	int64_t value = reader_zigzag(in);

	if (value == INT64_MIN)
		reader_fail(in);
	for (uint32_t i = 0; i < s->plan->derived_count && !in->bad; i++)
		if (s->plan->derived[i].print == print &&
			s->plan->derived[i].parent == store_node(s, index)->entity.type &&
			s->plan->passes[s->plan->derived[i].child])
			remember(s, index, i, value);
}

void store_evict_restored(struct store *s)
{
	for (uint32_t i = 0; i < s->fold_count; i++)
		s->folds[i].dirty = false;
	s->folds_changed = false;
	s->has_cut = true;
	for (uint32_t i = 0; i < s->count; i++) {
		struct store_node *node = store_node(s, i);

		if (!s->plan->passes[node->entity.type] || node->place != PLACE_TAKEN ||
			node->entity.known || node->merge_head != ENTITY_NONE)
			continue;
		store_unindex(s, i);
		empty_node(s, i);
		s->gone_count++;
		free_place(s, i);
	}
}
