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
		child = node->heads[s->head_place[r]];
		for (; child != ENTITY_NONE;
			child = store_node(s, child)->links[s->link_place[r]].next) {
			const struct store_node *c = store_node(s, child);

			assert(c->entity.type == relation_table[r].child);
			assert(c->entity.tenant == node->entity.tenant);
			assert(c->links[s->link_place[r]].target == index);
			assert(c->links[s->link_place[r]].prev == before);
			assert(slot_ref(&c->entity, (uint32_t)relation_table[r].slot) ==
				store_root(s, index));
			raw += relation_table[r].id_field != NULL;
			before = child;
		}
	}
	assert(raw == node->link_count);
}

static void check_node(struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	const struct entity *e = &node->entity;
	uint32_t slots = s->plan->slot_count[e->type], before = ENTITY_NONE, loser;
	bool cycle = false;

	assert(store_find_or_add(s, e->tenant, (enum entity_type)e->type, e->id) == index);
	assert(e->known == (e->registers || node->link_count));
	assert(store_resolve(s, index, &cycle) == store_root(s, index));
	assert(node->merge_target == (e->registers ? e->registers->merge_target : ENTITY_NONE));
	for (loser = node->merge_head; loser != ENTITY_NONE;
		loser = store_node(s, loser)->merge_next) {
		assert(store_node(s, loser)->merge_target == index);
		assert(store_node(s, loser)->merge_prev == before);
		before = loser;
	}
	for (uint32_t i = 0; i < slots; i++)
		assert(slot_present(e, i) || e->slots[i] == 0);
	check_children(s, index);
}

static void check_gone(const struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	const struct entity *e = &node->entity;

	assert(!e->known && !e->registers && !e->ext && !e->present[0] && !e->present[1]);
	assert(!node->link_count && node->merge_head == ENTITY_NONE &&
		node->merge_target == ENTITY_NONE);
	for (uint32_t i = 0; i < s->plan->slot_count[e->type]; i++)
		assert(!e->slots[i]);
	for (uint32_t i = 0; i < s->link_count[e->type]; i++)
		assert(node->links[i].target == ENTITY_NONE);
	for (uint32_t i = 0; i < s->head_count[e->type]; i++)
		assert(node->heads[i] == ENTITY_NONE);
}

void store_check(const struct store *constant)
{
	struct store *s =
		(struct store *)(uintptr_t)constant; /* what is computed again ends as it was */
	uint32_t count = s->count, gone = 0;
	struct store_counters counters = s->counters;

	assert(!s->open);
	index_check(&s->index);
	assert(index_count(&s->index) == store_live_count(s));
	for (uint32_t i = 0; i < count; i++) {
		if (store_node(s, i)->place == PLACE_TAKEN)
			check_node(s, i);
		else
			check_gone(s, i);
		gone += store_node(s, i)->place != PLACE_TAKEN;
	}
	assert(gone == s->gone_count);
	store_change_begin(s);
	store_recompute(s);
	store_collect_affected(s);
	assert(!s->differs);
	assert(s->count == count);
	store_change_close(s);
	s->counters = counters;
}
