/*
 * Merges (S2). Every entity has at most one raw merge edge: its register's. The edges form trees, or a cycle with trees;
 * a cycle drops its oldest edge, whose source is then the root of all. Since all that reach one node share its root, a
 * changed edge concerns only what reaches its source, whatever the edge was before.
 */
#include <assert.h>
#include <string.h>

#include "core/store_inside.h"

static const struct registers *registers_of(const struct store *s, uint32_t index)
{
	return store_node(s, index)->entity.registers;
}

/* The older of two edges, by key, then by the id of its source: one event cannot tie with itself. */
static bool is_older(const struct store *s, uint32_t a, uint32_t b)
{
	int order = merge_key_compare(
		&registers_of(s, a)->more->merge_key, &registers_of(s, b)->more->merge_key);

	return order ? order < 0 : store_compare_ids(s, a, b) < 0;
}

uint32_t store_resolve(struct store *s, uint32_t index, bool *ret_cycle)
{
	uint32_t mark = store_new_mark(s);
	uint32_t oldest, next;

	while (store_node(s, index)->merge_target != ENTITY_NONE) {
		if (store_node(s, index)->mark == mark)
			break;
		store_node(s, index)->mark = mark;
		index = store_node(s, index)->merge_target;
	}
	if (store_node(s, index)->merge_target == ENTITY_NONE)
		return index;
	*ret_cycle = true;
	oldest = index;
	for (next = store_node(s, index)->merge_target; next != index;
		next = store_node(s, next)->merge_target)
		if (is_older(s, next, oldest))
			oldest = next;
	return oldest;
}

void store_merge_link(struct store *s, uint32_t loser, uint32_t target)
{
	struct store_node *node = store_node(s, loser);

	if (node->merge_target == target)
		return;
	if (node->merge_target != ENTITY_NONE) {
		if (node->merge_prev != ENTITY_NONE)
			store_node(s, node->merge_prev)->merge_next = node->merge_next;
		else
			store_node(s, node->merge_target)->merge_head = node->merge_next;
		if (node->merge_next != ENTITY_NONE)
			store_node(s, node->merge_next)->merge_prev = node->merge_prev;
	}
	node->merge_target = target;
	node->merge_prev = node->merge_next = ENTITY_NONE;
	if (target == ENTITY_NONE)
		return;
	node->merge_next = store_node(s, target)->merge_head;
	if (node->merge_next != ENTITY_NONE)
		store_node(s, node->merge_next)->merge_prev = loser;
	store_node(s, target)->merge_head = loser;
}

/* All that reach the node by raw edges, itself first. */
static void collect_reaching(struct store *s, uint32_t index, struct u32_list *out)
{
	uint32_t mark = store_new_mark(s);

	out->count = 0;
	store_node(s, index)->mark = mark;
	u32_list_add(out, index);
	for (uint32_t done = 0; done < out->count; done++) {
		uint32_t next = store_node(s, out->items[done])->merge_head;

		for (; next != ENTITY_NONE; next = store_node(s, next)->merge_next) {
			if (store_node(s, next)->mark == mark)
				continue;
			store_node(s, next)->mark = mark;
			u32_list_add(out, next);
		}
	}
}

static void set_roots(struct store *s, uint32_t index)
{
	bool cycle = false;
	uint32_t root = store_resolve(s, index, &cycle);

	s->counters.merge_cycles += cycle;
	collect_reaching(s, index, &s->stack);
	/* All roots first: re-referencing reads the root of a child's target. */
	for (uint32_t i = 0; i < s->stack.count; i++) {
		struct store_node *node = store_node(s, s->stack.items[i]);
		uint32_t into = s->stack.items[i] == root ? ENTITY_NONE : root;

		if (node->entity.merged_into == into)
			continue;
		store_touch(s, s->stack.items[i]);
		node->entity.merged_into = into;
		store_children_rereference(s, s->stack.items[i]);
	}
}

bool store_merge(struct store *s, uint32_t loser, uint32_t target, const struct merge_key *key)
{
	struct registers *r = store_node(s, loser)->entity.registers;
	uint32_t known;
	size_t before;

	if (loser == target)
		return false;
	if (!r) {
		store_touch(s, loser);
		r = store_begin_registers(s, loser);
		store_set_known(s, loser);
	}
	known = registers_merge_target(r);
	if (r->has_merge && !merge_key_compare(key, &r->more->merge_key) && known != target) {
		/* Equal keys of different events: the greater id wins, an UNDELETE over all. */
		if (known == ENTITY_NONE)
			return false;
		if (target != ENTITY_NONE && store_compare_ids(s, target, known) < 0)
			return false;
	}
	before = registers_bytes(r);
	if (!registers_put_merge(r, key, target))
		return false;
	s->register_bytes += registers_bytes(r) - before;
	store_mark_dirty(s, loser);
	if (store_node(s, loser)->merge_target != target) {
		store_merge_link(s, loser, target);
		set_roots(s, loser);
	} else if (target != ENTITY_NONE) {
		set_roots(s, loser); /* a newer key can move the drop of a cycle to another edge */
	}
	return true;
}
