/* plan_link: the tables that only the whole plan gives: groupings, effects of edges, dependents. */
#include <string.h>

#include "base/xalloc.h"
#include "core/plan_inside.h"

#define DAY_MS INT64_C(86400000)

static void link_grouping(struct compiler *c, uint32_t index)
{
	struct plan *plan = c->plan;
	struct plan_grouping *g = &plan->groupings[index];

	g->measures = arena_alloc(&plan->arena, (plan->measure_count + 1) * sizeof(*g->measures));
	g->measure_place =
		arena_alloc(&plan->arena, (plan->measure_count + 1) * sizeof(*g->measure_place));
	g->metrics = arena_alloc(&plan->arena, (plan->metric_count + 1) * sizeof(*g->metrics));
	for (uint32_t m = 0; m < plan->measure_count; m++) {
		g->measure_place[m] = UINT16_MAX;
		if (!(c->measure_groupings[m] >> index & 1))
			continue;
		g->measure_place[m] = g->measure_count;
		g->measures[g->measure_count++] = (uint16_t)m;
		plan->measures[m].groupings[plan->measures[m].grouping_count++] = (uint8_t)index;
	}
	for (uint32_t m = 0; m < plan->metric_count; m++)
		if (memchr(plan->metrics[m].groupings, (int)index, plan->metrics[m].grouping_count))
			g->metrics[g->metric_count++] = (uint16_t)m;
}

static void add_effect(
	struct plan *plan, uint16_t edge, const struct plan_measure *m, uint16_t place, int8_t sign)
{
	struct plan_effects *e = &plan->effects[(size_t)edge * plan->measure_count + m->index];

	if (plan->edges[edge].kind == EDGE_NEG_INF || plan->edges[edge].kind == EDGE_NOW)
		return;
	if (!e->items)
		e->items = arena_alloc(&plan->arena, 2u * m->span_count * sizeof(*e->items));
	e->items[e->count++] = (struct plan_effect){ place, sign };
}

static void link_effects(struct plan *plan)
{
	plan->effects = arena_alloc(&plan->arena,
		((size_t)plan->edge_count * plan->measure_count + 1) * sizeof(*plan->effects));
	for (uint32_t i = 0; i < plan->measure_count; i++) {
		const struct plan_measure *m = &plan->measures[i];

		for (uint16_t place = 0; place < m->span_count; place++) {
			add_effect(plan, plan->spans[m->spans[place]].a, m, place, -1);
			add_effect(plan, plan->spans[m->spans[place]].b, m, place, 1);
		}
	}
}

/* The type that a reference of this type leads to: built in, or derived. */
static enum entity_type type_behind(const struct plan *plan, enum entity_type type, uint8_t slot)
{
	if (slot < attribute_slot_count(type))
		return (enum entity_type)attribute_describe(type, slot).reference;
	for (uint32_t k = 0; k < plan->derived_count; k++)
		if (plan->derived[k].parent == type && plan->derived[k].slot == slot)
			return plan->derived[k].child;
	return type;
}

/* One reader of one slot: merged with another slot of the same way. */
static void add_dependent(struct compiler *c, enum entity_type reader, const struct plan_load *load,
	uint8_t hops, enum entity_type of, int16_t slot)
{
	struct plan *plan = c->plan;
	struct plan_dependent d = { .of = of, .reader = reader, .hop_count = hops };
	enum entity_type type = reader;

	for (uint8_t i = 0; i < hops; i++) {
		d.hops[i] = load->hops[i];
		d.hop_types[i] = (uint8_t)type;
		type = type_behind(plan, type, load->hops[i]);
	}
	d.of = hops ? type : of;
	for (uint32_t i = 0; i < plan->dependent_count; i++) {
		struct plan_dependent *old = &plan->dependents[i];

		if (old->of == d.of && old->reader == reader && old->hop_count == hops &&
			!memcmp(old->hops, d.hops, sizeof(d.hops))) {
			if (slot >= 0)
				old->slots[slot >> 6] |= UINT64_C(1) << (slot & 63);
			return;
		}
	}
	if (slot >= 0)
		d.slots[slot >> 6] |= UINT64_C(1) << (slot & 63);
	X_GROW(plan->dependents, plan->dependent_count, c->dependent_capacity);
	plan->dependents[plan->dependent_count++] = d;
}

/* ---- what is read --------------------------------------------------------------------------------------- */

static void read_slot(struct plan *plan, enum entity_type type, int slot)
{
	if (slot < 0)
		return;
	plan->slots_read[type][slot >> 6] |= UINT64_C(1) << (slot & 63);
	for (int r = 0; r < RELATION_STORED_COUNT; r++)
		if (relation_table[r].child == type && relation_table[r].slot == slot)
			plan->relations_used |= UINT32_C(1) << r;
}

static void read_load(struct plan *plan, enum entity_type type, const struct plan_load *load)
{
	for (uint8_t i = 0; i < load->hop_count; i++) {
		read_slot(plan, type, load->hops[i]);
		type = type_behind(plan, type, load->hops[i]);
	}
	if (load->element_field >= 0 && !load->currency_of_owner)
		return;
	if (load->element_field < 0)
		read_slot(plan, type, load->slot);
	read_slot(plan, type, load->currency_slot);
	/* Its money is converted at the rate of the day of the win. */
	if (load->type == VALUE_MONEY && type == ENTITY_DEAL)
		read_slot(plan, type, attribute_find(ENTITY_DEAL, SLICE_LIT("won_at")));
}

static void read_program(
	struct plan *plan, const struct expr_program *program, enum entity_type type)
{
	uint32_t count = 0;
	const uint32_t *codes = program ? expr_loads(program, &count) : NULL;

	for (uint32_t i = 0; i < count; i++)
		read_load(plan, type, &plan->loads[codes[i]]);
}

static bool is_used(const struct plan *plan, enum relation r)
{
	return plan->relations_used >> r & 1;
}

static void use(struct plan *plan, enum relation r)
{
	plan->relations_used |= UINT32_C(1) << r;
}

/*
 * A relation is used where a program goes along it, a derived value is worked out over it, or its parents have facts of their own, which
 * they have from the moment that something refers to them (S5). Chosen leads are chosen from the links on both sides.
 */
static void link_relations(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->derived_count; i++) {
		const struct plan_derived *d = &plan->derived[i];

		read_program(plan, d->value, d->child);
		read_program(plan, d->where, d->child);
		read_program(plan, d->by, d->child);
		read_program(plan, d->key, d->child);
		if (plan_derived_is_neighbour(d))
			continue;
		if (d->relation < RELATION_STORED_COUNT) {
			use(plan, d->relation);
			continue;
		}
		use(plan, RELATION_OPPORTUNITY_LEAD);
		use(plan, RELATION_LEAD_OPPORTUNITY);
	}
	for (enum relation r = 0; r < RELATION_STORED_COUNT; r++)
		if (plan->measures_on_count[relation_table[r].parent])
			use(plan, r);
	if (is_used(plan, RELATION_DEAL_PRIMARY_LEAD)) {
		use(plan, RELATION_DEAL_LEAD);
		use(plan, RELATION_DEAL_OPPORTUNITY);
		use(plan, RELATION_OPPORTUNITY_PRIMARY_LEAD);
	}
	if (is_used(plan, RELATION_OPPORTUNITY_PRIMARY_LEAD)) {
		use(plan, RELATION_OPPORTUNITY_LEAD);
		use(plan, RELATION_LEAD_OPPORTUNITY);
	}
}

static void link_program(
	struct compiler *c, const struct expr_program *program, enum entity_type reader)
{
	uint32_t count;
	const uint32_t *codes;

	if (!program)
		return;
	read_program(c->plan, program, reader);
	codes = expr_loads(program, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct plan_load *load = &c->plan->loads[codes[i]];

		for (uint8_t hop = 1; hop < load->hop_count; hop++)
			add_dependent(c, reader, load, hop, reader, load->hops[hop]);
		if (load->hop_count) {
			add_dependent(c, reader, load, load->hop_count, reader, load->slot);
			if (load->currency_slot >= 0 && load->element_field < 0)
				add_dependent(c, reader, load, load->hop_count, reader,
					load->currency_slot);
		}
	}
}

/* Those behind one gate side by side, in front of them those behind none. A whole's facts are made with those that it is made of. */
static void line_up(struct plan *plan, int16_t gate)
{
	for (uint32_t i = 0; i < plan->measure_count; i++) {
		const struct plan_measure *m = &plan->measures[i];

		if (m->is_whole || m->gate != gate)
			continue;
		if (!plan->measures_on[m->on])
			plan->measures_on[m->on] =
				arena_alloc(&plan->arena, plan->measure_count * sizeof(uint16_t));
		plan->measures_on[m->on][plan->measures_on_count[m->on]++] = m->index;
		if (gate >= 0)
			plan->gates[gate].after = plan->measures_on_count[m->on];
	}
}

static void link_measures(struct compiler *c)
{
	struct plan *plan = c->plan;

	for (int16_t gate = -1; gate < (int)plan->gate_count; gate++)
		line_up(plan, gate);
	for (uint32_t i = 0; i < plan->measure_count; i++) {
		const struct plan_measure *m = &plan->measures[i];

		if (m->is_whole)
			continue;
		read_slot(plan, m->on, m->each_slot);
		if (m->stock && m->on == ENTITY_OPPORTUNITY)
			read_slot(plan, m->on, (int)attribute_slot(m->on, "versions"));
		link_program(c, m->at, m->on);
		link_program(c, m->until, m->on);
		link_program(c, m->scope, m->on);
		link_program(c, m->where, m->on);
		link_program(c, m->value, m->on);
		for (uint8_t k = 0; k < m->dim_count; k++)
			link_program(c, m->by[k], m->on);
	}
}

/*
 * A minimum or maximum can be remembered without its children; what adds up or leads to a child can't be. Of those that follow each
 * other the first goes first: nobody has it as its successor, but the second has it as the one before.
 */
static bool can_be_remembered(const struct plan_derived *d)
{
	if (d->kind == DERIVE_NEXT)
		return true;
	return (d->kind == DERIVE_MIN || d->kind == DERIVE_MAX) && d->type != VALUE_MONEY &&
	       d->type != VALUE_STRING && d->relation < RELATION_STORED_COUNT;
}

static void link_passing(struct plan *plan)
{
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		plan->passes[type] = model_table[type].passing_field != NULL;
	for (uint32_t i = 0; i < plan->derived_count; i++) {
		const struct plan_derived *d = &plan->derived[i];

		if (!plan->passes[d->child] || can_be_remembered(d))
			continue;
		plan->passes[d->child] = false;
		plan->kept_by[d->child] = d->name;
	}
}

/* What snapshots show beside values: who is on the roster, names of reps and stages. */
static void link_labels(struct plan *plan)
{
	static const char *const of_rep[] = { "name", "active_from", "active_to", "memberships" };
	static const char *const of_stage[] = { "pipeline_id", "stage_id", "stage_name",
		"stage_entered_at" };

	for (size_t i = 0; i < sizeof(of_rep) / sizeof(of_rep[0]); i++)
		read_slot(plan, ENTITY_REP, (int)attribute_slot(ENTITY_REP, of_rep[i]));
	for (uint32_t dim = 0; dim < plan->dim_count; dim++)
		for (size_t i = 0; i < sizeof(of_stage) / sizeof(of_stage[0]) &&
				   !strcmp(plan->dims[dim], "stage");
			i++)
			read_slot(plan, ENTITY_OPPORTUNITY,
				(int)attribute_slot(ENTITY_OPPORTUNITY, of_stage[i]));
}

void plan_link(struct compiler *c)
{
	struct plan *plan = c->plan;

	for (uint32_t i = 0; i < plan->grouping_count; i++)
		link_grouping(c, i);
	link_effects(plan);
	link_measures(c);
	link_passing(plan);
	link_relations(plan);
	link_labels(plan);
	/* Closed periods are kept open for corrections for four hundred days: last year's month can still be restated. */
	plan->horizon_ms = 400 * DAY_MS + plan->grace_ms;
	for (uint32_t i = 0; i < plan->metric_count; i++)
		if (plan->metrics[i].mature_ms + 400 * DAY_MS + plan->grace_ms > plan->horizon_ms)
			plan->horizon_ms =
				plan->metrics[i].mature_ms + 400 * DAY_MS + plan->grace_ms;
}
