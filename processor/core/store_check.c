/* The store's invariants, for tests: everything that is shown is computed once more from the registers and must be equal. */
#include <assert.h>

#include "core/store_inside.h"

static void check_children(const struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	uint32_t raw = 0;

	for (enum relation r = 0; r < RELATION_STORED_COUNT; r++) {
		uint32_t before = ENTITY_NONE, child;

		if (!store_uses(s, r) || relation_table[r].parent != node->entity.type)
			continue;
		child = node_heads(s, node)[s->head_place[r]];
		for (; child != ENTITY_NONE;
			child = node_links(s, store_node(s, child))[s->link_place[r]].next) {
			const struct store_node *c = store_node(s, child);

			assert(c->entity.type == relation_table[r].child);
			assert(c->entity.tenant == node->entity.tenant);
			assert(node_links(s, c)[s->link_place[r]].target == index);
			assert(node_links(s, c)[s->link_place[r]].prev == before);
			assert(slot_ref(s, &c->entity, (uint32_t)relation_table[r].slot) ==
				store_root(s, index));
			raw += relation_table[r].id_field != NULL;
			before = child;
		}
	}
	assert(raw == node->link_count);
}

/* It can be read to its end, holds nothing that is kept as a slot, and of an erased one nothing personal. */
static void check_cold(const struct store *s, const struct entity *e)
{
	struct cold_reader r =
		store_cold_reader((enum entity_type)e->type, store_cold_slice(e->cold), NULL);

	assert(!e->cold || (e->cold->len && e->has_image));
	while (store_cold_next(&r)) {
		assert(r.field == MODEL_FIELDS_MAX ||
			!store_keeps(s, (enum entity_type)e->type, (uint32_t)r.field));
		assert(!e->erased || (r.field < MODEL_FIELDS_MAX &&
					     !model_table[e->type].fields[r.field].personal));
	}
	assert(!r.in.bad);
}

static void check_node(struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	const struct entity *e = &node->entity;
	const struct store_layout *layout = &s->layout[e->type];
	uint32_t before = ENTITY_NONE, loser;
	bool cycle = false;

	assert(store_find_or_add(s, e->tenant, (enum entity_type)e->type, e->id) == index);
	assert(e->known == (e->registers || node->link_count));
	assert(store_resolve(s, index, &cycle) == store_root(s, index));
	assert(node->merge_target ==
		(e->registers ? registers_merge_target(e->registers) : ENTITY_NONE));
	for (loser = node->merge_head; loser != ENTITY_NONE;
		loser = store_node(s, loser)->merge_next) {
		assert(store_node(s, loser)->merge_target == index);
		assert(store_node(s, loser)->merge_prev == before);
		before = loser;
	}
	assert(!(e->present[0] & ~layout->kept[0]) && !(e->present[1] & ~layout->kept[1]));
	for (uint8_t i = 0; i < layout->count; i++)
		assert(slot_present(e, layout->slot[i]) || e->slots[i] == 0);
	check_cold(s, e);
	check_children(s, index);
}

static void check_gone(const struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	const struct entity *e = &node->entity;

	assert(!e->known && !e->registers && !e->ext && !e->cold && !e->present[0] &&
		!e->present[1]);
	assert(!node->link_count && node->merge_head == ENTITY_NONE &&
		node->merge_target == ENTITY_NONE);
	for (uint32_t i = 0; i < s->layout[e->type].count; i++)
		assert(!e->slots[i]);
	for (uint32_t i = 0; i < s->link_count[e->type]; i++)
		assert(node_links(s, node)[i].target == ENTITY_NONE);
	for (uint32_t i = 0; i < s->head_count[e->type]; i++)
		assert(node_heads(s, node)[i] == ENTITY_NONE);
}

void store_check(const struct store *constant)
{
	struct store *s =
		(struct store *)(uintptr_t)constant; /* what is computed again ends as it was */
	uint32_t count = s->count, gone = 0, hinted = 0;
	struct store_counters counters = s->counters;

	assert(!s->open);
	index_check(&s->index);
	for (uint32_t i = 0; i < count; i++) {
		if (store_node(s, i)->place == PLACE_TAKEN)
			check_node(s, i);
		else
			check_gone(s, i);
		gone += store_node(s, i)->place != PLACE_TAKEN;
		hinted += intern_hint(s->strings, store_node(s, i)->entity.id) == i + 1;
	}
	assert(gone == s->gone_count);
	store_rates_check(s);
	assert(index_count(&s->index) + hinted == store_live_count(s));
	store_change_begin(s);
	store_recompute(s);
	store_collect_affected(s);
	assert(!s->differs);
	assert(s->count == count);
	store_change_close(s);
	s->counters = counters;
}
