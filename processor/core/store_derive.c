/*
 * Derived values (S3): a parent's minimum, sum … over its live children now. Each changed child takes its old
 * contribution back and gives its new one; only where that does not settle it (the best one left or got worse, a sum
 * does not fit, money of two currencies) the parent's children are read again. Values are worked out in the plan's order,
 * in which none needs a later one.
 */
#include <assert.h>
#include <string.h>

#include "base/decimal.h"
#include "base/xalloc.h"
#include "core/expr.h"
#include "core/fact_frame.h"
#include "core/store_inside.h"

struct contribution {
	bool counts; /* live, `where` holds, value and order are not null */
	struct value value, by;
};

static void add_read(struct store *s, struct store_reads *reads, const struct expr_program *program)
{
	const uint32_t *codes;
	uint32_t count;

	if (!program)
		return;
	codes = expr_loads(program, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct plan_load *load = &s->plan->loads[codes[i]];

		assert(load->hop_count == 0 &&
			load->element_field < 0); /* of the child's own slots only */
		if (load->ext_key)
			reads->ext = true;
		if (load->slot >= 0)
			reads->slots[load->slot >> 6] |= UINT64_C(1) << (load->slot & 63);
		if (load->currency_slot >= 0)
			reads->slots[load->currency_slot >> 6] |= UINT64_C(1)
								  << (load->currency_slot & 63);
	}
}

void store_derive_init(struct store *s)
{
	s->reads = x_calloc(s->plan->derived_count + 1, sizeof(*s->reads));
	for (uint32_t i = 0; i < s->plan->derived_count; i++) {
		const struct plan_derived *d = &s->plan->derived[i];
		int16_t slot = -1;

		add_read(s, &s->reads[i], d->value);
		add_read(s, &s->reads[i], d->where);
		add_read(s, &s->reads[i], d->by);
		add_read(s, &s->reads[i], d->key);
		if (plan_derived_is_neighbour(d))
			continue;
		slot = relation_table[d->relation].slot;
		assert(d->kind != DERIVE_FIRST ||
			!d->value); /* the first is the child itself, read on along its fields */
		assert(relation_table[d->relation].child == d->child &&
			relation_table[d->relation].parent == d->parent);
		if (slot >= 0)
			s->reads[i].slots[slot >> 6] |= UINT64_C(1) << (slot & 63);
		if (d->kind == DERIVE_COUNT || d->kind == DERIVE_SUM)
			s->zero_slots[d->parent][d->slot >> 6] |= UINT64_C(1) << (d->slot & 63);
	}
}

struct value store_run(
	const struct store *s, const struct expr_program *program, const struct entity *e)
{
	struct fact_frame frame = { .store = s, .entity = e };
	struct expr_frame expr = { .ctx = &frame, .load = store_frame_load, .strings = s->strings };

	return expr_run(program, &expr);
}

static struct contribution contribute(
	const struct store *s, const struct plan_derived *d, const struct entity *e)
{
	struct contribution c = { .counts = false };

	if (!entity_is_live(e))
		return c;
	if (d->where) {
		struct value holds = store_run(s, d->where, e);

		if (holds.is_null || !holds.i)
			return c;
	}
	if (d->value) {
		c.value = store_run(s, d->value, e);
		if (c.value.is_null && d->kind != DERIVE_COUNT && d->kind != DERIVE_FIRST)
			return c;
	}
	if (d->kind == DERIVE_FIRST) {
		c.by = store_run(s, d->by, e);
		if (c.by.is_null)
			return c;
	}
	c.counts = true;
	return c;
}

static int compare_values(const struct store *s, struct value a, struct value b)
{
	if (a.type == VALUE_STRING)
		return slice_compare(intern_text(s->strings, (uint32_t)a.i),
			intern_text(s->strings, (uint32_t)b.i));
	return (a.i > b.i) - (a.i < b.i);
}

/* ---- from scratch --------------------------------------------------------------------------------------- */

struct scan {
	struct store *store;
	const struct plan_derived *d;
	i128 sum;
	uint64_t count;
	struct value best; /* minimum, maximum; of FIRST its order */
	uint32_t first;
	bool mixed; /* money of more than one currency */
};

static void scan_value(struct scan *scan, struct value value, uint32_t child)
{
	const struct store *s = scan->store;
	int order;

	scan->count++;
	scan->sum += value.i;
	if (scan->count == 1) {
		scan->best = value;
		scan->first = child;
		return;
	}
	scan->mixed = scan->mixed || value.currency != scan->best.currency;
	order = compare_values(s, value, scan->best);
	if (scan->d->kind == DERIVE_FIRST && order == 0)
		order = store_compare_ids(s, child, scan->first);
	if (scan->d->kind == DERIVE_MAX ? order > 0 : order < 0) {
		scan->best = value;
		scan->first = child;
	}
}

static void scan_child(struct scan *scan, uint32_t child)
{
	struct contribution c =
		contribute(scan->store, scan->d, &store_node(scan->store, child)->entity);

	if (c.counts)
		scan_value(scan, scan->d->kind == DERIVE_FIRST ? c.by : c.value, child);
}

/* What children gave that were evicted since (S26). */
static void scan_remembered(struct scan *scan, uint32_t parent)
{
	uint32_t derived = (uint32_t)(scan->d - scan->store->plan->derived);
	struct value value = { .type = (uint8_t)scan->d->type };

	if (store_fold_find(scan->store, parent, derived, &value.i))
		scan_value(scan, value, ENTITY_NONE);
}

bool store_derive_gives(
	const struct store *s, uint32_t derived, uint32_t child, struct value *ret_value)
{
	struct contribution c =
		contribute(s, &s->plan->derived[derived], &store_node(s, child)->entity);

	*ret_value = c.value;
	return c.counts;
}

static void scan_children(struct scan *scan, uint32_t parent, enum relation relation)
{
	struct store *s = scan->store;
	uint32_t link = s->link_place[relation], head = s->head_place[relation];

	s->found.count = 0;
	store_merge_tree(s, parent, &s->found);
	for (uint32_t i = 0; i < s->found.count; i++) {
		uint32_t child = node_heads(s, store_node(s, s->found.items[i]))[head];

		for (; child != ENTITY_NONE; child = node_links(s, store_node(s, child))[link].next)
			scan_child(scan, child);
		scan_remembered(scan, s->found.items[i]);
	}
}

/* Opportunities that a lead is linked with, from either side, each once. */
static void scan_opportunities(struct scan *scan, uint32_t lead)
{
	struct store *s = scan->store;
	uint32_t link = s->link_place[RELATION_OPPORTUNITY_LEAD], tree_count;
	uint32_t head = s->head_place[RELATION_OPPORTUNITY_LEAD];
	uint32_t mark;

	s->found.count = 0;
	store_merge_tree(s, lead, &s->found);
	tree_count = s->found.count;
	for (uint32_t i = 0; i < tree_count; i++) {
		const struct store_node *node = store_node(s, s->found.items[i]);
		uint32_t opportunity = slot_ref(s, &node->entity, s->slot.lead_opportunity);

		if (opportunity != ENTITY_NONE)
			u32_list_add(&s->found, opportunity);
		opportunity = node_heads(s, node)[head];
		for (; opportunity != ENTITY_NONE;
			opportunity = node_links(s, store_node(s, opportunity))[link].next)
			u32_list_add(&s->found, store_root(s, opportunity));
	}
	mark = store_new_mark(s);
	for (uint32_t i = tree_count; i < s->found.count; i++) {
		struct store_node *node = store_node(s, s->found.items[i]);

		if (node->mark == mark)
			continue;
		node->mark = mark;
		scan_child(scan, s->found.items[i]);
	}
}

struct value store_derive_scan(struct store *s, uint32_t derived, uint32_t parent)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	struct scan scan = { .store = s, .d = d, .first = ENTITY_NONE };
	struct value value = { .type = (uint8_t)d->type };

	if (d->relation == RELATION_OPPORTUNITY_LEADS)
		scan_opportunities(&scan, parent);
	else
		scan_children(&scan, parent, d->relation);
	switch (d->kind) {
	case DERIVE_COUNT:
		value.i = (int64_t)scan.count;
		break;
	case DERIVE_SUM:
		value.is_null = scan.mixed || scan.sum > INT64_MAX || scan.sum < INT64_MIN;
		value.i = value.is_null ? 0 : (int64_t)scan.sum;
		break;
	case DERIVE_FIRST:
		value.is_null = !scan.count;
		value.i = scan.first;
		break;
	default:
		value.is_null = !scan.count || scan.mixed;
		value.i = scan.best.i;
	}
	return value;
}

void store_derive_put(struct store *s, uint32_t derived, uint32_t parent, struct value value)
{
	store_set(s, parent, s->plan->derived[derived].slot, !value.is_null, value.i);
}

/* ---- from the trail ------------------------------------------------------------------------------------- */

static void want_scan(struct store *s, uint32_t parent, uint32_t mark)
{
	struct store_node *node;

	if (parent == ENTITY_NONE)
		return;
	node = store_node(s, parent);
	if (node->mark == mark)
		return;
	node->mark = mark;
	u32_list_add(&s->parents, parent);
}

static bool reads_differ(const struct store *s, const struct store_reads *reads,
	const struct entity *a, const struct entity *b)
{
	if (entity_is_live(a) != entity_is_live(b) || (reads->ext && a->ext != b->ext))
		return true;
	for (uint32_t word = 0; word < 2; word++) {
		uint64_t bits = reads->slots[word];

		if ((a->present[word] ^ b->present[word]) & bits)
			return true;
		for (; bits; bits &= bits - 1) {
			uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);

			if (slot_cell(s, a, slot) != slot_cell(s, b, slot))
				return true;
		}
	}
	return false;
}

/* Adds `sign` times the contribution to a count or sum; false: only a scan can tell. */
static bool add_up(
	struct store *s, uint32_t derived, uint32_t parent, const struct contribution *c, int sign)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	const struct entity *e = &store_node(s, parent)->entity;
	i128 sum;

	if (!c->counts)
		return true;
	if (d->kind == DERIVE_SUM && (d->type == VALUE_MONEY || !slot_present(e, d->slot)))
		return false;
	sum = (i128)slot_cell(s, e, d->slot) +
	      sign * (i128)(d->kind == DERIVE_COUNT ? 1 : c->value.i);
	if (sum > INT64_MAX || sum < INT64_MIN)
		return false;
	store_set(s, parent, d->slot, true, (int64_t)sum);
	return true;
}

/* The child takes its old value back: false if it may have been the best. */
static bool take_back(const struct store *s, uint32_t derived, uint32_t parent,
	const struct contribution *old, uint32_t child)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	const struct entity *e = &store_node(s, parent)->entity;

	if (!old->counts)
		return true;
	if (d->type == VALUE_MONEY)
		return false;
	if (d->kind == DERIVE_FIRST)
		return slot_ref(s, e, d->slot) != child;
	return slot_present(e, d->slot) && slot_cell(s, e, d->slot) != old->value.i;
}

/* The child offers its new value: false if a scan must tell. */
static bool offer(struct store *s, uint32_t derived, uint32_t parent,
	const struct contribution *now, uint32_t child)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	const struct entity *e = &store_node(s, parent)->entity;
	struct value best = { .type = now->value.type, .i = slot_cell(s, e, d->slot) };
	struct contribution first;
	uint32_t other;
	int order;

	if (!now->counts)
		return true;
	if (d->type == VALUE_MONEY)
		return false;
	if (d->kind != DERIVE_FIRST) {
		order = slot_present(e, d->slot) ? compare_values(s, now->value, best) : 0;
		if (!slot_present(e, d->slot) || (d->kind == DERIVE_MAX ? order > 0 : order < 0))
			store_set(s, parent, d->slot, true, now->value.i);
		return true;
	}
	other = slot_ref(s, e, d->slot);
	if (other != ENTITY_NONE && store_old(s, other))
		return false; /* the first one is itself changing: who is second is unknown */
	if (other != ENTITY_NONE) {
		first = contribute(s, d, &store_node(s, other)->entity);
		order = compare_values(s, now->by, first.by);
		if (order > 0 || (order == 0 && store_compare_ids(s, child, other) > 0))
			return true;
	}
	store_set(s, parent, d->slot, true, child);
	return true;
}

/* Whether the same parent's best can only have improved by this child's change. */
static bool only_better(const struct store *s, const struct plan_derived *d,
	const struct contribution *old, const struct contribution *now)
{
	struct value a = d->kind == DERIVE_FIRST ? now->by : now->value;
	struct value b = d->kind == DERIVE_FIRST ? old->by : old->value;
	int order;

	if (!old->counts || !now->counts || d->type == VALUE_MONEY || d->kind == DERIVE_FIRST)
		return false;
	order = compare_values(s, a, b);
	return d->kind == DERIVE_MAX ? order >= 0 : order <= 0;
}

static bool contributions_equal(
	const struct plan_derived *d, const struct contribution *a, const struct contribution *b)
{
	if (a->counts != b->counts)
		return false;
	if (!a->counts || d->kind == DERIVE_COUNT)
		return true;
	if (d->kind == DERIVE_FIRST)
		return a->by.i == b->by.i;
	return a->value.i == b->value.i && a->value.currency == b->value.currency;
}

static void derive_child(
	struct store *s, uint32_t derived, const struct store_touch *touch, uint32_t mark)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	uint32_t child = touch->node, slot = (uint32_t)relation_table[d->relation].slot;
	const struct entity *old = &touch->other, *now = &store_node(s, child)->entity;
	uint32_t from = slot_ref(s, old, slot), to = slot_ref(s, now, slot);
	struct contribution a = { .counts = false }, b = { .counts = false };

	if (from != ENTITY_NONE)
		a = contribute(s, d, old);
	if (to != ENTITY_NONE)
		b = contribute(s, d, now);
	if (from == to && contributions_equal(d, &a, &b))
		return;
	if (d->kind == DERIVE_COUNT || d->kind == DERIVE_SUM) {
		if (a.counts && !add_up(s, derived, from, &a, -1))
			want_scan(s, from, mark);
		if (b.counts && !add_up(s, derived, to, &b, 1))
			want_scan(s, to, mark);
		return;
	}
	if (a.counts && !(from == to && only_better(s, d, &a, &b)) &&
		!take_back(s, derived, from, &a, child))
		want_scan(s, from, mark);
	if (b.counts && !offer(s, derived, to, &b, child))
		want_scan(s, to, mark);
}

static void want_scan_root(struct store *s, uint32_t parent, uint32_t mark)
{
	if (parent == ENTITY_NONE)
		return;
	want_scan(s, parent, mark);
	want_scan(s, store_root(s, parent), mark);
}

/* The union of links has no one slot to compare: every lead that a touched end may concern is read again. */
static void derive_union_of(struct store *s, const struct store_touch *touch, uint32_t mark)
{
	const struct entity *now = &store_node(s, touch->node)->entity;
	uint32_t link = s->link_place[RELATION_LEAD_OPPORTUNITY];
	uint32_t head = s->head_place[RELATION_LEAD_OPPORTUNITY];

	if (now->type == ENTITY_LEAD) {
		want_scan_root(s, touch->node, mark);
		if (touch->other.merged_into != ENTITY_NONE)
			want_scan_root(s, touch->other.merged_into, mark);
	}
	if (now->type != ENTITY_OPPORTUNITY)
		return;
	want_scan_root(s, slot_ref(s, &touch->other, s->slot.opp_lead_by_id), mark);
	want_scan_root(s, slot_ref(s, now, s->slot.opp_lead_by_id), mark);
	/* Its members' links; members that came or went by a merge are touched themselves. */
	s->stack.count = 0;
	u32_list_add(&s->stack, touch->node);
	for (uint32_t i = 0; i < s->stack.count; i++) {
		const struct store_node *node = store_node(s, s->stack.items[i]);
		uint32_t lead = node_heads(s, node)[head], loser = node->merge_head;

		want_scan_root(s, slot_ref(s, &node->entity, s->slot.opp_lead_by_id), mark);
		for (; lead != ENTITY_NONE; lead = node_links(s, store_node(s, lead))[link].next)
			want_scan_root(s, lead, mark);
		for (; loser != ENTITY_NONE; loser = store_node(s, loser)->merge_next)
			if (loser != touch->node && s->stack.count < s->count)
				u32_list_add(&s->stack, loser);
	}
}

/* What a merged parent remembers goes with it, though no child of it is touched (S26). */
static void derive_remembered(
	struct store *s, uint32_t derived, const struct store_touch *touch, uint32_t mark)
{
	uint32_t now = store_node(s, touch->node)->entity.merged_into;
	int64_t value;

	if (now == touch->other.merged_into || !store_fold_find(s, touch->node, derived, &value))
		return;
	want_scan(s,
		touch->other.merged_into == ENTITY_NONE ? touch->node : touch->other.merged_into,
		mark);
	want_scan(s, now == ENTITY_NONE ? touch->node : now, mark);
}

static void derive_one(struct store *s, uint32_t derived)
{
	const struct plan_derived *d = &s->plan->derived[derived];
	bool is_next = plan_derived_is_neighbour(d);
	bool is_union = !is_next && d->relation >= RELATION_STORED_COUNT;
	uint32_t mark = store_new_mark(s);

	s->parents.count = 0;
	for (uint32_t i = 0; i < s->touched_count; i++) {
		/* By value: what is set here may touch a parent, and so move the trail. */
		struct store_touch touch = s->touched[i];

		if (is_union)
			derive_union_of(s, &touch, mark);
		else if (store_node(s, touch.node)->entity.type == d->child &&
			 reads_differ(s, &s->reads[derived], &touch.other,
				 &store_node(s, touch.node)->entity))
			is_next ? store_next_change(s, derived, &touch)
				: derive_child(s, derived, &touch, mark);
		else if (!is_next && s->fold_count &&
			 store_node(s, touch.node)->entity.type == d->parent)
			derive_remembered(s, derived, &touch, mark);
	}
	for (uint32_t i = 0; i < s->parents.count; i++)
		store_derive_put(s, derived, s->parents.items[i],
			store_derive_scan(s, derived, s->parents.items[i]));
}

void store_derive(struct store *s)
{
	for (uint32_t i = 0; i < s->plan->derived_count; i++)
		derive_one(s, i);
}
