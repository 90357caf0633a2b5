/*
 * The trail. An entity is copied when it is first touched; the copy is its old side. Looking at the other side swaps the
 * public parts of the touched, slots by pointer, so that facts before and after are computed by the same code (S4).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/store_inside.h"

void u32_list_add(struct u32_list *list, uint32_t item)
{
	X_GROW(list->items, list->count, list->cap);
	list->items[list->count++] = item;
}

int store_compare_ids(const struct store *s, uint32_t a, uint32_t b)
{
	return slice_compare(intern_text(s->strings, store_node(s, a)->entity.id),
		intern_text(s->strings, store_node(s, b)->entity.id));
}

void store_touch(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);
	size_t bytes = s->layout[node->entity.type].count * sizeof(int64_t);
	struct store_touch *touch;

	if (!s->open || node->serial == s->serial)
		return;
	node->serial = s->serial;
	node->trail = s->touched_count;
	X_GROW(s->touched, s->touched_count, s->touched_cap);
	touch = &s->touched[s->touched_count++];
	touch->node = index;
	touch->other = node->entity;
	if (!bytes)
		return;
	touch->other.slots = arena_alloc_raw(&s->trail_memory, bytes);
	memcpy(touch->other.slots, node->entity.slots, bytes);
}

const struct entity *store_old(const struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);

	if (!s->open || node->serial != s->serial)
		return NULL;
	return &s->touched[node->trail].other;
}

void store_set(struct store *s, uint32_t index, uint32_t slot, bool present, int64_t value)
{
	struct entity *e = &store_node(s, index)->entity;
	uint64_t bit = UINT64_C(1) << (slot & 63);
	uint8_t place = s->layout[e->type].place[slot];

	if (!present)
		value = 0;
	if (place == STORE_NO_PLACE) /* nobody reads it */
		return;
	if (slot_present(e, slot) == present && e->slots[place] == value)
		return;
	store_touch(s, index);
	e->slots[place] = value;
	if (present)
		e->present[slot >> 6] |= bit;
	else
		e->present[slot >> 6] &= ~bit;
}

void store_set_known(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);
	bool known = node->entity.registers || node->link_count;

	if (node->entity.known == known)
		return;
	store_touch(s, index);
	node->entity.known = known;
}

uint32_t store_new_mark(struct store *s)
{
	return ++s->mark;
}

void store_merge_tree(struct store *s, uint32_t root, struct u32_list *out)
{
	uint32_t mark = store_new_mark(s);
	uint32_t done = out->count;

	if (store_node(s, root)->entity.merged_into != ENTITY_NONE)
		return;
	store_node(s, root)->mark = mark;
	u32_list_add(out, root);
	while (done < out->count) {
		uint32_t next = store_node(s, out->items[done++])->merge_head;

		for (; next != ENTITY_NONE; next = store_node(s, next)->merge_next) {
			if (store_node(s, next)->mark == mark)
				continue;
			store_node(s, next)->mark = mark;
			u32_list_add(out, next);
		}
	}
}

/* ---- who is affected ------------------------------------------------------------------------------------ */

static void add_affected(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);

	if (node->affected == s->serial || !s->plan->measures_on_count[node->entity.type])
		return;
	node->affected = s->serial;
	u32_list_add(&s->affected, index);
}

/* All whose reference, a raw or chosen link, leads to this one. */
static void add_linked(struct store *s, uint32_t target, enum relation relation)
{
	uint32_t link = s->link_place[relation], head = s->head_place[relation];

	s->found.count = 0;
	store_merge_tree(s, target, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		uint32_t child = node_heads(s, store_node(s, s->found.items[i]))[head];

		for (; child != ENTITY_NONE; child = node_links(s, store_node(s, child))[link].next)
			u32_list_add(&s->frontier, child);
	}
}

static void add_if_first(struct store *s, uint32_t parent, uint32_t slot, uint32_t child)
{
	if (parent != ENTITY_NONE && slot_ref(s, &store_node(s, parent)->entity, slot) == child)
		u32_list_add(&s->frontier, parent);
}

/* A derived reference leads from the parent to its first child: walked backwards through the child's own reference. */
static void add_parents_of_first(struct store *s, uint32_t child, const struct plan_derived *d)
{
	const struct entity *e = &store_node(s, child)->entity;
	uint32_t link = s->link_place[RELATION_LEAD_OPPORTUNITY];
	uint32_t head = s->head_place[RELATION_LEAD_OPPORTUNITY];

	if (d->relation < RELATION_STORED_COUNT) {
		add_if_first(s, slot_ref(s, e, (uint32_t)relation_table[d->relation].slot), d->slot,
			child);
		return;
	}
	s->found.count = 0;
	store_merge_tree(s, child, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		const struct store_node *node = store_node(s, s->found.items[i]);
		uint32_t lead = node_heads(s, node)[head];

		add_if_first(s, slot_ref(s, &node->entity, s->slot.opp_lead_by_id), d->slot, child);
		for (; lead != ENTITY_NONE; lead = node_links(s, store_node(s, lead))[link].next)
			add_if_first(s, store_root(s, lead), d->slot, child);
	}
}

static void add_referrers(struct store *s, uint32_t target, uint8_t type, uint8_t slot)
{
	int relation = s->relation_of_slot[type][slot];

	if (relation >= 0) {
		add_linked(s, target, (enum relation)relation);
		return;
	}
	for (uint32_t i = 0; i < s->plan->derived_count; i++) {
		const struct plan_derived *d = &s->plan->derived[i];

		if (d->kind == DERIVE_FIRST && d->parent == type && d->slot == slot)
			add_parents_of_first(s, target, d);
	}
}

/* The readers of one changed entity: its hops walked backwards, level by level, in one growing list. */
static void walk_back(struct store *s, uint32_t index, const struct plan_dependent *dependent)
{
	uint32_t from = 0, to;

	if (!s->plan->measures_on_count[dependent->reader])
		return;
	s->frontier.count = 0;
	u32_list_add(&s->frontier, index);
	for (uint8_t hop = dependent->hop_count; hop > 0; hop--) {
		to = s->frontier.count;
		for (; from < to; from++)
			add_referrers(s, s->frontier.items[from], dependent->hop_types[hop - 1],
				dependent->hops[hop - 1]);
	}
	for (; from < s->frontier.count; from++)
		add_affected(s, s->frontier.items[from]);
}

static bool differs(const struct store *s, const struct entity *a, const struct entity *b)
{
	size_t bytes = s->layout[a->type].count * sizeof(*a->slots);

	return a->present[0] != b->present[0] || a->present[1] != b->present[1] ||
	       a->ext != b->ext || a->has_image != b->has_image || a->deleted != b->deleted ||
	       a->excluded != b->excluded || a->erased != b->erased || a->known != b->known ||
	       a->merged_into != b->merged_into ||
	       (bytes && memcmp(a->slots, b->slots, bytes) != 0);
}

/* Bitmap of the slots that differ. */
static void find_changed_slots(const struct store *s, const struct entity *a,
	const struct entity *b, uint64_t ret_slots[2])
{
	const struct store_layout *layout = &s->layout[a->type];

	ret_slots[0] = a->present[0] ^ b->present[0];
	ret_slots[1] = a->present[1] ^ b->present[1];
	for (uint8_t i = 0; i < layout->count; i++)
		ret_slots[layout->slot[i] >> 6] |= (uint64_t)(a->slots[i] != b->slots[i])
						   << (layout->slot[i] & 63);
}

void store_collect_affected(struct store *s)
{
	s->affected.count = 0;
	s->differs = false;
	for (uint32_t i = 0; i < s->touched_count; i++) {
		uint32_t index = s->touched[i].node;
		const struct entity *e = &store_node(s, index)->entity;
		const struct u32_list *dependents = &s->dependents[e->type];
		bool ext = e->ext != s->touched[i].other.ext;
		uint64_t slots[2];

		/* What nobody reads makes a difference to the checkpoint, but to no fact. */
		s->differs |= e->cold != s->touched[i].other.cold;
		if (!differs(s, e, &s->touched[i].other))
			continue;
		s->differs = true;
		add_affected(s, index);
		if (!dependents->count)
			continue;
		find_changed_slots(s, e, &s->touched[i].other, slots);
		for (uint32_t k = 0; k < dependents->count; k++) {
			const struct plan_dependent *d = &s->plan->dependents[dependents->items[k]];

			if (ext || (d->slots[0] & slots[0]) || (d->slots[1] & slots[1]))
				walk_back(s, index, d);
		}
	}
}

/* ---- the life of a change ------------------------------------------------------------------------------- */

/* Numbers of changes and walks begin anew before they would come round to those that nodes still bear. */
static void renumber(struct store *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct store_node *node = store_node(s, i);

		node->serial = node->affected = node->mark = 0;
	}
	s->serial = s->mark = 0;
}

void store_change_begin(struct store *s)
{
	if (s->serial > INT32_MAX || s->mark > INT32_MAX)
		renumber(s);
	s->open = true;
	s->serial++;
	s->touched_count = 0;
}

void store_change_swap(struct store *s)
{
	assert(s->open);
	for (uint32_t i = 0; i < s->touched_count; i++) {
		struct store_touch *touch = &s->touched[i];
		struct entity *e = &store_node(s, touch->node)->entity;
		struct entity other = touch->other;

		touch->other = *e;
		*e = other;
	}
	s->old_side = !s->old_side;
}

bool store_change_shows_old(const struct store *s)
{
	return s->old_side;
}

static void free_grave(struct store *s, const struct store_grave *grave)
{
	if (grave->bytes)
		slab_free(&s->cold, grave->block, grave->bytes);
	else
		free(grave->block);
}

void store_bury_piece(struct store *s, const void *block, size_t bytes)
{
	const struct store_grave grave = { (void *)(uintptr_t)block, bytes };

	if (!block)
		return;
	if (!s->open) {
		free_grave(s, &grave);
		return;
	}
	X_GROW(s->graveyard, s->graveyard_count, s->graveyard_cap);
	s->graveyard[s->graveyard_count++] = grave;
}

void store_bury(struct store *s, const void *block)
{
	store_bury_piece(s, block, 0);
}

void store_change_close(struct store *s)
{
	assert(s->open && !s->old_side);
	for (uint32_t i = 0; i < s->graveyard_count; i++)
		free_grave(s, &s->graveyard[i]);
	s->graveyard_count = 0;
	s->touched_count = 0;
	arena_reset(&s->trail_memory);
	store_rates_close(s);
	s->open = false;
}
