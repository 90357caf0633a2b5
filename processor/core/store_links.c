/*
 * Raw links, references, chosen leads (S3). A link is kept at the id that the record names; a reference is where that id
 * leads now. The chosen lead of an opportunity is the best of all leads that either side links, and a deal's is its own
 * or its opportunity's; choices are recomputed from the trail, never remembered.
 */
#include <assert.h>
#include <string.h>

#include "core/store_inside.h"

static bool is_chosen(enum relation relation)
{
	return relation == RELATION_OPPORTUNITY_PRIMARY_LEAD ||
	       relation == RELATION_DEAL_PRIMARY_LEAD;
}

static void unlink_child(struct store *s, enum relation relation, struct store_link *link)
{
	struct store_node *target = store_node(s, link->target);
	uint32_t place = s->link_place[relation];

	if (link->prev != ENTITY_NONE)
		node_links(s, store_node(s, link->prev))[place].next = link->next;
	else
		node_heads(s, target)[s->head_place[relation]] = link->next;
	if (link->next != ENTITY_NONE)
		node_links(s, store_node(s, link->next))[place].prev = link->prev;
}

void store_link_set(struct store *s, enum relation relation, uint32_t child, uint32_t target)
{
	uint32_t place = s->link_place[relation], *head;
	struct store_link *link = &node_links(s, store_node(s, child))[place];
	uint32_t before = link->target;

	if (before == target)
		return;
	if (before != ENTITY_NONE)
		unlink_child(s, relation, link);
	*link = (struct store_link){ .target = target, .prev = ENTITY_NONE, .next = ENTITY_NONE };
	if (target != ENTITY_NONE) {
		head = &node_heads(s, store_node(s, target))[s->head_place[relation]];
		link->next = *head;
		if (*head != ENTITY_NONE)
			node_links(s, store_node(s, *head))[place].prev = child;
		*head = child;
	}
	if (is_chosen(relation))
		return;
	if (target != ENTITY_NONE) {
		store_node(s, target)->link_count++;
		store_set_known(s, target);
	}
	if (before != ENTITY_NONE) {
		store_node(s, before)->link_count--;
		store_set_known(s, before);
	}
}

/* What names the same id as before is linked already, and its reference follows the target's merges by itself. */
void store_relink(struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	uint32_t type = node->entity.type;

	for (uint8_t i = 0; i < s->named_count[type]; i++) {
		enum relation r = (enum relation)s->named[type][i];
		struct store_link *link = &node_links(s, node)[s->link_place[r]];
		uint32_t id = slot_string(s, &node->entity, (uint32_t)s->link_field[r]);
		uint32_t target = ENTITY_NONE;

		if (id == link->id)
			continue;
		if (id)
			target = store_find_or_add(
				s, node->entity.tenant, relation_table[r].parent, id);
		store_link_set(s, r, index, target);
		link->id = id;
		store_set(s, index, (uint32_t)relation_table[r].slot, target != ENTITY_NONE,
			target == ENTITY_NONE ? 0 : store_root(s, target));
	}
}

void store_children_rereference(struct store *s, uint32_t index)
{
	const struct store_node *node = store_node(s, index);
	uint32_t root = store_root(s, index);

	for (enum relation r = 0; r < RELATION_STORED_COUNT; r++) {
		uint32_t child;

		if (!store_uses(s, r) || relation_table[r].parent != node->entity.type ||
			is_chosen(r))
			continue;
		child = node_heads(s, node)[s->head_place[r]];
		for (; child != ENTITY_NONE;
			child = node_links(s, store_node(s, child))[s->link_place[r]].next)
			store_set(s, child, (uint32_t)relation_table[r].slot, true, root);
	}
}

/* ---- chosen leads --------------------------------------------------------------------------------------- */

/* Whether lead a goes before lead b: live ones first, then the earliest created, then by id. */
static bool lead_goes_before(const struct store *s, uint32_t a, uint32_t b)
{
	const struct entity *x = &store_node(s, a)->entity, *y = &store_node(s, b)->entity;
	bool x_dated = slot_present(x, s->slot.lead_created_at),
	     y_dated = slot_present(y, s->slot.lead_created_at);

	if (entity_is_live(x) != entity_is_live(y))
		return entity_is_live(x);
	if (x_dated != y_dated)
		return x_dated;
	if (slot_cell(s, x, s->slot.lead_created_at) != slot_cell(s, y, s->slot.lead_created_at))
		return slot_cell(s, x, s->slot.lead_created_at) <
		       slot_cell(s, y, s->slot.lead_created_at);
	return slice_compare(intern_text(s->strings, x->id), intern_text(s->strings, y->id)) < 0;
}

static void consider_lead(const struct store *s, uint32_t lead, uint32_t *best)
{
	if (lead == ENTITY_NONE || lead == *best)
		return;
	if (*best == ENTITY_NONE || lead_goes_before(s, lead, *best))
		*best = lead;
}

static uint32_t chosen_of_opportunity(struct store *s, uint32_t index)
{
	uint32_t link = s->link_place[RELATION_LEAD_OPPORTUNITY], best = ENTITY_NONE;
	uint32_t head = s->head_place[RELATION_LEAD_OPPORTUNITY];

	s->found.count = 0;
	store_merge_tree(s, index, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		const struct store_node *node = store_node(s, s->found.items[i]);
		uint32_t lead = node_heads(s, node)[head];

		consider_lead(s, slot_ref(s, &node->entity, s->slot.opp_lead_by_id), &best);
		for (; lead != ENTITY_NONE; lead = node_links(s, store_node(s, lead))[link].next)
			consider_lead(s, store_root(s, lead), &best);
	}
	return best;
}

void store_choose_of_opportunity(struct store *s, uint32_t index)
{
	uint32_t lead = chosen_of_opportunity(s, index);

	store_link_set(s, RELATION_OPPORTUNITY_PRIMARY_LEAD, index, lead);
	store_set(s, index, s->slot.opp_lead, lead != ENTITY_NONE, lead == ENTITY_NONE ? 0 : lead);
}

static uint32_t chosen_of_deal(const struct store *s, uint32_t index)
{
	const struct entity *deal = &store_node(s, index)->entity;
	uint32_t lead = slot_ref(s, deal, s->slot.deal_lead_by_id), opportunity;

	if (deal->merged_into != ENTITY_NONE)
		return ENTITY_NONE;
	if (lead != ENTITY_NONE)
		return lead;
	opportunity = slot_ref(s, deal, s->slot.deal_opportunity);
	if (opportunity == ENTITY_NONE)
		return ENTITY_NONE;
	return slot_ref(s, &store_node(s, opportunity)->entity, s->slot.opp_lead);
}

/* Marks an opportunity, and where it is merged into, to be chosen for again. */
static void want_choice(struct store *s, uint32_t opportunity, uint32_t mark)
{
	struct store_node *node;

	if (opportunity == ENTITY_NONE)
		return;
	node = store_node(s, opportunity);
	if (node->mark == mark)
		return;
	node->mark = mark;
	u32_list_add(&s->frontier, opportunity);
}

/* The lead is a candidate of every opportunity that it, or one merged into it, is linked with from either side. */
static void want_choices_of_lead(struct store *s, uint32_t lead)
{
	uint32_t link = s->link_place[RELATION_OPPORTUNITY_LEAD];
	uint32_t head = s->head_place[RELATION_OPPORTUNITY_LEAD];

	s->found.count = 0;
	store_merge_tree(s, lead, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		const struct store_node *node = store_node(s, s->found.items[i]);
		uint32_t opportunity = node_heads(s, node)[head];

		u32_list_add(&s->parents, slot_ref(s, &node->entity, s->slot.lead_opportunity));
		for (; opportunity != ENTITY_NONE;
			opportunity = node_links(s, store_node(s, opportunity))[link].next)
			u32_list_add(&s->parents, store_root(s, opportunity));
	}
}

/* Into s->parents, with repetitions: whose choice the touched lead may change. */
static void collect_of_lead(
	struct store *s, const struct entity *now, const struct entity *old, uint32_t index)
{
	u32_list_add(&s->parents, slot_ref(s, old, s->slot.lead_opportunity));
	u32_list_add(&s->parents, slot_ref(s, now, s->slot.lead_opportunity));
	if (entity_is_live(now) != entity_is_live(old) ||
		slot_present(now, s->slot.lead_created_at) !=
			slot_present(old, s->slot.lead_created_at) ||
		slot_cell(s, now, s->slot.lead_created_at) !=
			slot_cell(s, old, s->slot.lead_created_at))
		want_choices_of_lead(s, index);
}

static void choose_of_opportunities(struct store *s)
{
	uint32_t mark;

	s->parents.count = 0;
	for (uint32_t i = 0; i < s->touched_count; i++) {
		const struct entity *old = &s->touched[i].other;
		uint32_t index = s->touched[i].node;
		const struct entity *now = &store_node(s, index)->entity;

		if (now->type == ENTITY_LEAD)
			collect_of_lead(s, now, old, index);
		if (now->type != ENTITY_OPPORTUNITY)
			continue;
		u32_list_add(&s->parents, index);
		u32_list_add(&s->parents, old->merged_into);
		u32_list_add(&s->parents, now->merged_into);
	}
	mark = store_new_mark(s);
	s->frontier.count = 0;
	for (uint32_t i = 0; i < s->parents.count; i++)
		want_choice(s, s->parents.items[i], mark);
	for (uint32_t i = 0; i < s->frontier.count; i++)
		store_choose_of_opportunity(s, s->frontier.items[i]);
}

void store_choose_of_deal(struct store *s, uint32_t index)
{
	uint32_t lead = chosen_of_deal(s, index);

	store_link_set(s, RELATION_DEAL_PRIMARY_LEAD, index, lead);
	store_set(s, index, s->slot.deal_lead, lead != ENTITY_NONE, lead == ENTITY_NONE ? 0 : lead);
}

static void choose_of_deals_below(struct store *s, uint32_t opportunity)
{
	uint32_t link = s->link_place[RELATION_DEAL_OPPORTUNITY];
	uint32_t head = s->head_place[RELATION_DEAL_OPPORTUNITY];

	s->found.count = 0;
	store_merge_tree(s, opportunity, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		uint32_t deal = node_heads(s, store_node(s, s->found.items[i]))[head];

		for (; deal != ENTITY_NONE; deal = node_links(s, store_node(s, deal))[link].next)
			store_choose_of_deal(s, deal);
	}
}

void store_choose_leads(struct store *s)
{
	uint32_t count;

	if (!store_uses(s, RELATION_OPPORTUNITY_PRIMARY_LEAD))
		return;
	choose_of_opportunities(s);
	if (!store_uses(s, RELATION_DEAL_PRIMARY_LEAD))
		return;
	count = s->touched_count; /* deals that are touched below are chosen for at once */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = s->touched[i].node;
		const struct entity *now = &store_node(s, index)->entity;

		if (now->type == ENTITY_DEAL)
			store_choose_of_deal(s, index);
		else if (now->type == ENTITY_OPPORTUNITY &&
			 slot_ref(s, now, s->slot.opp_lead) !=
				 slot_ref(s, &s->touched[i].other, s->slot.opp_lead))
			choose_of_deals_below(s, index);
	}
}
