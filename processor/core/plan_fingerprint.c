/*
 * plan_fingerprint: what a plan means, as one number (S15). It is taken from what was compiled, not from the text: comments, blanks,
 * brackets, labels, the order of a map, the name of a measure or of a param change nothing; another bound, condition, field, window
 * or grouping does, and so does whatever a checkpoint refers to by its place (the order of measures, metrics and groupings).
 *
 * Fields and constants are named, not numbered: a field that a new version of the program adds elsewhere changes nothing.
 */
#include <string.h>

#include "base/hash.h"
#include "core/expr_program.h"
#include "core/plan_inside.h"

enum {
	MEANING = 1
}; /* raised when the same definitions come to mean something else in a new version of the program */

struct printing {
	const struct compiler *c;
	const struct plan *plan;
	struct buffer out;
};

static void put_number(struct printing *p, int64_t number)
{
	buffer_put_zigzag(&p->out, number);
}

static void put_text(struct printing *p, const char *text)
{
	buffer_put_slice(&p->out, slice_of(text));
}

static void put_slot(struct printing *p, enum entity_type type, uint32_t slot)
{
	uint32_t built_in = attribute_slot_count(type);

	if (slot < built_in)
		put_text(p, attribute_describe(type, slot).name);
	else
		put_number(p, slot - built_in); /* derived values are described in their order */
}

static enum entity_type type_behind(const struct plan *plan, enum entity_type type, uint8_t slot)
{
	if (slot < attribute_slot_count(type))
		return (enum entity_type)attribute_describe(type, slot).reference;
	for (uint32_t i = 0; i < plan->derived_count; i++)
		if (plan->derived[i].parent == type && plan->derived[i].slot == slot)
			return plan->derived[i].child;
	return type;
}

static void put_constant(struct printing *p, const struct value *value)
{
	put_number(p, value->type);
	put_number(p, value->is_null);
	if (value->type == VALUE_STRING && !value->is_null)
		buffer_put_slice(&p->out, intern_text(&p->plan->strings, (uint32_t)value->i));
	else
		put_number(p, value->i);
}

static void put_load(struct printing *p, enum entity_type type, const struct plan_load *load)
{
	put_number(p, load->type);
	if (load->param) {
		const struct plan_param *param = &p->plan->params[load->param - 1];

		for (uint32_t i = 0; i <= p->plan->param_tenant_count; i++)
			put_constant(p, &param->values[i]);
		return;
	}
	for (uint8_t i = 0; i < load->hop_count; i++) {
		put_slot(p, type, load->hops[i]);
		type = type_behind(p->plan, type, load->hops[i]);
	}
	put_number(p, load->element_field);
	if (load->slot >= 0)
		put_slot(p, type, (uint32_t)load->slot);
	buffer_put_slice(&p->out, intern_text(&p->plan->strings, load->ext_key));
	if (load->currency_slot >= 0 && load->element_field < 0)
		put_slot(p, type, (uint32_t)load->currency_slot);
}

/* A map of the params says what it maps, in no order; `_: keep` is what is done anyway. */
static uint64_t print_map(const struct definition_pairs *map)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < map->count; k++) {
		struct slice key = map->items[k].key.text, value = map->items[k].value.text;

		if (!slice_is(key, "_") || !slice_is(value, "keep"))
			sum += hash_bytes(value.at, value.len, hash_bytes(key.at, key.len, 1));
	}
	return sum;
}

/* Tenants' own maps, in the order in which they are written: a later one of the same tenant counts. */
static void put_own_maps(struct printing *p, const char *name)
{
	const struct definitions *d = p->c->definitions;

	for (size_t i = 0; i < d->override_count; i++) {
		const struct definition_override *o = &d->overrides[i];

		if (!slice_is(o->param.name.text, name))
			continue;
		buffer_put_slice(&p->out, o->tenant.text);
		put_number(p, (int64_t)print_map(&o->param.map));
	}
}

static void put_function(struct printing *p, const struct expr_function *function)
{
	const struct definitions *d = p->c->definitions;

	for (size_t i = 0; i < d->param_count; i++) {
		const struct definition_param *param = &d->params[i];

		if (param->kind != PARAM_MAP || !slice_is(param->name.text, function->name))
			continue;
		put_number(p, (int64_t)print_map(&param->map));
		put_own_maps(p, function->name);
		return;
	}
	put_text(p, function->name);
}

static void put_program(struct printing *p, enum entity_type on, const struct expr_program *program)
{
	put_number(p, program ? (int64_t)program->code_count : -1);
	for (uint32_t i = 0; program && i < program->code_count; i++) {
		const struct instruction *ins = &program->code[i];

		put_number(p, ins->op);
		put_number(p, ins->type);
		switch (ins->op) {
		case INS_CONSTANT:
			put_constant(p, &program->constants[ins->a]);
			break;
		case INS_LOAD:
			put_load(p, on, &p->plan->loads[ins->a]);
			break;
		case INS_IN:
			put_number(p, ins->b);
			for (uint32_t k = 0; k < ins->b; k++)
				put_constant(p, &program->constants[ins->a + k]);
			break;
		case INS_CALL:
			put_function(p, program->functions[ins->a]);
			put_number(p, ins->b);
			break;
		default:
			put_number(p, ins->a);
			put_number(p, ins->b);
			break;
		}
	}
}

static void put_derived(struct printing *p, const struct plan_derived *d)
{
	put_number(p, d->parent);
	put_text(p, plan_derived_is_neighbour(d) ? "next" : relation_table[d->relation].name);
	put_number(p, d->kind);
	put_number(p, d->type);
	put_program(p, d->child, d->value);
	put_program(p, d->child, d->where);
	put_program(p, d->child, d->by);
	if (plan_derived_is_neighbour(d))
		put_program(p, d->child, d->key);
}

static void put_measure(struct printing *p, const struct plan_measure *m)
{
	put_text(p, model_table[m->on].name);
	put_number(p, m->agg);
	put_number(p, m->value_type);
	put_text(p, m->each_slot < 0 ? "" : attribute_describe(m->on, (uint32_t)m->each_slot).name);
	put_program(p, m->on, m->at);
	put_program(p, m->on, m->until);
	put_program(p, m->on, m->scope);
	put_program(p, m->on, m->where);
	put_program(p, m->on, m->value);
	for (uint8_t i = 0; i < m->dim_count; i++) {
		put_text(p, p->plan->dims[m->dims[i]]);
		put_program(p, m->on, m->by[i]);
	}
	put_number(p, m->span_count);
	for (uint16_t i = 0; i < m->span_count; i++) {
		put_number(p, p->plan->spans[m->spans[i]].a);
		put_number(p, p->plan->spans[m->spans[i]].b);
	}
	if (!m->is_whole)
		return;
	put_text(p, "whole");
	put_number(p, m->whole_of);
	put_number(p, m->whole_unit);
}

static void put_edge(struct printing *p, const struct plan_edge *edge)
{
	put_number(p, edge->kind);
	put_number(p, edge->unit);
	put_number(p, edge->back);
	put_number(p, edge->shift_ms);
	put_number(p, edge->res_ms);
}

/* Nothing where none is asked for: what was saved before there were any stays good. */
static void put_shares(struct printing *p, const struct plan_metric_window *w)
{
	for (uint32_t i = 0; w->shares && i <= p->plan->param_tenant_count; i++) {
		put_text(p, "min_share");
		put_number(p, p->plan->shares[w->shares[i]].least);
	}
}

static void put_metric(struct printing *p, const struct plan_metric *m)
{
	if (m->is_dense)
		put_text(p, "dense");
	put_text(p, m->name);
	put_number(p, m->basis);
	put_number(p, m->unit);
	put_number(p, m->mature_ms);
	put_number(p, m->min_sample);
	put_number(p, m->rank_of);
	if (m->program)
		metric_print(m->program, &p->out);
	for (uint16_t i = 0; i < m->input_count; i++) {
		put_number(p, m->inputs[i].measure);
		put_number(p, m->inputs[i].read);
		put_number(p, m->inputs[i].quantile_bp);
		put_number(p, m->inputs[i].empty_is_null);
		if (m->inputs[i].over_ms)
			put_number(p, m->inputs[i].over_ms);
		if (m->inputs[i].lag_ms)
			put_number(p, m->inputs[i].lag_ms);
	}
	for (uint16_t i = 0; i < m->window_count; i++) {
		put_text(p, p->plan->windows[m->windows[i].window].name);
		put_number(p, m->windows[i].main_a);
		put_number(p, m->windows[i].main_b);
		put_number(p, m->windows[i].prev_a);
		put_number(p, m->windows[i].prev_b);
		put_shares(p, &m->windows[i]);
	}
	for (uint8_t i = 0; i < m->grouping_count; i++)
		put_text(p, p->plan->groupings[m->groupings[i]].name);
}

uint64_t plan_fingerprint(const struct compiler *c)
{
	struct printing p = { .c = c, .plan = c->plan };
	const struct plan *plan = c->plan;
	uint64_t print;

	buffer_init(&p.out);
	put_number(&p, MEANING);
	put_number(&p, plan->grace_ms);
	put_number(&p, plan->horizon_ms);
	for (uint32_t i = 0; i < plan->param_tenant_count && plan->param_count; i++)
		put_text(&p, plan->param_tenants[i]);
	for (uint32_t i = 0; i < plan->derived_count; i++) {
		size_t start = p.out.len;

		put_derived(&p, &plan->derived[i]);
		c->plan->derived[i].print =
			hash_bytes(p.out.data + start, p.out.len - start, MEANING);
	}
	for (uint32_t i = 0; i < plan->edge_count; i++)
		put_edge(&p, &plan->edges[i]);
	for (uint32_t i = 0; i < plan->grouping_count; i++)
		put_text(&p, plan->groupings[i].name);
	for (uint32_t i = 0; i < plan->measure_count; i++)
		put_measure(&p, &plan->measures[i]);
	for (uint32_t i = 0; i < plan->metric_count; i++)
		put_metric(&p, &plan->metrics[i]);
	print = hash_bytes(p.out.data, p.out.len, 1);
	buffer_deinit(&p.out);
	return print;
}
