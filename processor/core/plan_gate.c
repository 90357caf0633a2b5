/*
 * plan_gate: what the conditions of several measures of a type have in common, such as `deal.is_won`, is asked once for all of them: an
 * event that they are not about costs one question, not one for each. Each measure is put behind that part of its `where` that most
 * others have too; measures_on has those of one gate side by side (plan_link.c).
 */
#include <string.h>

#include "base/xalloc.h"
#include "core/plan_inside.h"

static bool reads_element(const struct expr_node *e, struct slice each_name)
{
	if (e->kind == EXPR_PATH && each_name.len && slice_equal(e->path[0], each_name))
		return true;
	for (uint32_t i = 0; i < e->child_count; i++)
		if (reads_element(e->children[i], each_name))
			return true;
	return false;
}

void plan_gate_note(
	struct compiler *c, const struct plan_scope *scope, const struct expr_node *where)
{
	struct buffer _cleanup_buffer_ text;

	buffer_init(&text);
	if (where->kind == EXPR_BINARY && where->op == OP_AND) {
		plan_gate_note(c, scope, where->children[0]);
		plan_gate_note(c, scope, where->children[1]);
		return;
	}
	if (reads_element(where, scope->each_name))
		return;
	expr_print(where, &text);
	X_GROW(c->conditions, c->condition_count, c->condition_capacity);
	c->conditions[c->condition_count++] = (struct plan_condition){
		.measure = (uint16_t)c->plan->measure_count,
		.on = scope->on,
		.tree = where,
		.text = { arena_strndup(&c->scratch, (const char *)text.data, text.len), text.len },
	};
}

/* An opportunity's stock asks of every version of the record. */
static bool can_be_gated(const struct plan_measure *m)
{
	return !(m->stock && m->on == ENTITY_OPPORTUNITY);
}

static bool is_alike(const struct plan_condition *a, const struct plan_condition *b)
{
	return a->on == b->on && slice_equal(a->text, b->text);
}

static uint32_t count_alike(const struct compiler *c, const struct plan_condition *condition)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->condition_count; i++)
		count += is_alike(&c->conditions[i], condition) &&
			 can_be_gated(&c->plan->measures[c->conditions[i].measure]);
	return count;
}

/* The gate of a measure before that has the same condition, or a new one. 0, or 1 with the mistake set. */
static int gate_get(struct compiler *c, const struct plan_condition *const *best, uint32_t measure)
{
	static const struct definition_text nowhere = { { NULL, 0 }, 0 };
	struct plan_scope scope = { .c = c, .on = best[measure]->on };
	struct plan *plan = c->plan;

	for (uint32_t m = 0; m < measure; m++)
		if (best[m] && is_alike(best[m], best[measure])) {
			plan->measures[measure].gate = plan->measures[m].gate;
			return 0;
		}
	plan->measures[measure].gate = (int16_t)plan->gate_count;
	return plan_compile_tree(&scope, &nowhere, best[measure]->tree, VALUE_BOOL,
		&plan->gates[plan->gate_count++].where);
}

int plan_gates_choose(struct compiler *c)
{
	struct plan *plan = c->plan;
	uint32_t most[PLAN_MEASURES_MAX] = { 0 };
	const struct plan_condition *best[PLAN_MEASURES_MAX] = { NULL };

	for (uint32_t i = 0; i < c->condition_count; i++) {
		uint16_t m = c->conditions[i].measure;
		uint32_t count = count_alike(c, &c->conditions[i]);

		if (can_be_gated(&plan->measures[m]) && count > 1 && count > most[m]) {
			most[m] = count;
			best[m] = &c->conditions[i];
		}
	}
	plan->gates = arena_alloc(&plan->arena, (plan->measure_count + 1) * sizeof(*plan->gates));
	for (uint32_t m = 0; m < plan->measure_count; m++) {
		plan->measures[m].gate = -1;
		if (best[m] && gate_get(c, best, m))
			return 1;
	}
	return 0;
}
