/* plan_measure: measures, with `extends` resolved: what an extension does not say is its base's, and both `where` hold. */
#include <string.h>

#include "core/plan_inside.h"

enum { EXTENDS_MAX = 8 };

struct effective {
	const struct definition_measure *own;
	struct definition_text on, at, until, each, agg, value, scope;
	struct definition_pairs by;
	const struct definition_text *wheres[EXTENDS_MAX]; /* the measure's own first */
	uint32_t where_count;
};

static const struct definition_measure *measure_definition(
	const struct definitions *d, struct slice name)
{
	for (size_t i = 0; i < d->measure_count; i++)
		if (slice_equal(d->measures[i].name.text, name))
			return &d->measures[i];
	return NULL;
}

static const char *nearest_measure(struct compiler *c, struct slice wanted)
{
	const struct definitions *d = c->definitions;
	const char **names = arena_alloc(&c->scratch, (d->measure_count + 1) * sizeof(*names));

	for (size_t i = 0; i < d->measure_count; i++)
		names[i] = arena_strndup(
			&c->scratch, d->measures[i].name.text.at, d->measures[i].name.text.len);
	return plan_nearest(wanted, names, d->measure_count);
}

static void inherit(struct definition_text *to, const struct definition_text *from)
{
	if (!to->text.at)
		*to = *from;
}

static int resolve_extends(
	struct compiler *c, const struct definition_measure *own, struct effective *ret)
{
	const struct definition_measure *m = own;

	memset(ret, 0, sizeof(*ret));
	ret->own = own;
	for (int depth = 0;; depth++) {
		const char *near;

		inherit(&ret->on, &m->on);
		inherit(&ret->at, &m->at);
		inherit(&ret->until, &m->until);
		inherit(&ret->each, &m->each);
		inherit(&ret->agg, &m->agg);
		inherit(&ret->value, &m->value);
		inherit(&ret->scope, &m->scope);
		if (!ret->by.count)
			ret->by = m->by;
		if (m->where.text.at)
			ret->wheres[ret->where_count++] = &m->where;
		if (!m->extends.text.at)
			return 0;
		if (depth == EXTENDS_MAX - 1)
			return plan_fail(c, &own->extends,
				"measures extend each other in a circle, or too deeply");
		near = nearest_measure(c, m->extends.text);
		own = m;
		m = measure_definition(c->definitions, m->extends.text);
		if (!m)
			return plan_fail(c, &own->extends,
				"no measure is named «" SLICE_FMT "»%s%s%s",
				SLICE_ARG(own->extends.text), near ? "; the nearest is «" : "",
				near ? near : "", near ? "»" : "");
	}
}

static int compile_where(
	struct plan_scope *scope, const struct effective *e, struct expr_program **ret)
{
	struct compiler *c = scope->c;
	struct expr_node *both = NULL;

	*ret = NULL;
	for (uint32_t i = 0; i < e->where_count; i++) {
		struct expr_node *tree, *joined;
		struct expr_program *alone;

		/* Each alone first, so that a mistake is shown where it stands. */
		if (plan_parse(c, e->wheres[i], &tree) ||
			plan_compile_tree(scope, e->wheres[i], tree, VALUE_BOOL, &alone))
			return 1;
		plan_gate_note(c, scope, tree);
		if (!both) {
			both = tree;
			*ret = alone;
			continue;
		}
		joined = arena_alloc(&c->scratch, sizeof(*joined));
		joined->kind = EXPR_BINARY;
		joined->op = OP_AND;
		joined->children = arena_alloc(&c->scratch, 2 * sizeof(struct expr_node *));
		joined->children[0] = tree;
		joined->children[1] = both;
		joined->child_count = 2;
		both = joined;
		if (plan_compile_tree(scope, e->wheres[i], both, VALUE_BOOL, ret))
			return 1;
	}
	return 0;
}

static int fail_list(
	struct compiler *c, const struct effective *e, enum entity_type on, struct slice wanted)
{
	const char *names[ATTRIBUTE_SLOTS_MAX], *near;
	size_t count = 0;

	for (uint32_t slot = 0; slot < attribute_slot_count(on); slot++)
		if (attribute_describe(on, slot).type == VALUE_LIST)
			names[count++] = attribute_describe(on, slot).name;
	near = plan_nearest(wanted, names, count);
	return plan_fail(c, &e->each, "%s has no list named «" SLICE_FMT "»%s%s%s",
		model_table[on].name, SLICE_ARG(wanted), near ? "; the nearest is «" : "",
		near ? near : "", near ? "»" : "");
}

/* `each: v in opportunity.visits` */
static int parse_each(struct compiler *c, const struct effective *e, struct plan_scope *scope,
	struct plan_measure *m)
{
	struct slice text = e->each.text, rest, list;
	const char *in, *dot;
	struct attribute_info info;
	int slot = -1;

	m->each_slot = -1;
	if (!text.at)
		return 0;
	in = memmem(text.at, text.len, " in ", 4);
	if (!in)
		return plan_fail(c, &e->each, "`each` reads: name in entity.list");
	rest = slice_trim((struct slice){ in + 4, (size_t)(text.at + text.len - in - 4) });
	dot = rest.len ? memchr(rest.at, '.', rest.len) : NULL;
	if (!dot || !slice_is((struct slice){ rest.at, (size_t)(dot - rest.at) },
			    model_table[m->on].name))
		return plan_fail(c, &e->each,
			"`each` walks a list of the measure's own entity: %s.…",
			model_table[m->on].name);
	list = (struct slice){ dot + 1, (size_t)(rest.at + rest.len - dot - 1) };
	slot = attribute_find(m->on, list);
	if (slot >= 0)
		info = attribute_describe(m->on, (uint32_t)slot);
	if (slot < 0 || info.type != VALUE_LIST)
		return fail_list(c, e, m->on, list);
	m->each_slot = (int16_t)slot;
	text = slice_trim((struct slice){ text.at, (size_t)(in - text.at) });
	scope->each_name =
		(struct slice){ arena_strndup(&c->scratch, text.at, text.len), text.len };
	scope->each_list = info.list;
	return 0;
}

const char *const plan_agg_names[PLAN_AGGS] = { "count", "sum", "distinct", "percentile" };

static int agg_of(struct compiler *c, const struct effective *e, enum plan_agg *ret)
{
	const char *near;

	*ret = e->value.text.at ? AGG_SUM : AGG_COUNT;
	if (!e->agg.text.at)
		return 0;
	for (size_t i = 0; i < PLAN_AGGS; i++)
		if (slice_is(e->agg.text, plan_agg_names[i])) {
			*ret = (enum plan_agg)i;
			return 0;
		}
	near = plan_nearest(e->agg.text, plan_agg_names, PLAN_AGGS);
	return plan_fail(c, &e->agg, "`agg` is count, sum, distinct or percentile%s%s%s",
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

static int compile_value(
	struct plan_scope *scope, const struct effective *e, struct plan_measure *m)
{
	struct compiler *c = scope->c;
	enum value_type type;

	m->value_type = VALUE_INT;
	if (m->agg == AGG_COUNT) /* an extension may count what its base adds up */
		return 0;
	if (!e->value.text.at)
		return plan_fail(
			c, &e->own->name, "`agg: sum`, `distinct` and `percentile` want a `value`");
	if (plan_compile_text(scope, &e->value, VALUE_ANY, &m->value))
		return 1;
	type = expr_type(m->value);
	if (m->agg == AGG_DISTINCT)
		return type == VALUE_STRING || type == VALUE_REF || type == VALUE_INT
			       ? 0
			       : plan_fail(c, &e->value,
					 "`agg: distinct` counts strings, references or whole "
					 "numbers, not a %s",
					 value_type_name(type));
	m->value_type = type;
	if (type != VALUE_INT && type != VALUE_DECIMAL && type != VALUE_MONEY &&
		type != VALUE_DURATION)
		return plan_fail(c, &e->value, "a %s cannot be added up", value_type_name(type));
	return 0;
}

static int dim_get(struct compiler *c, const struct definition_text *name, uint8_t *ret)
{
	struct plan *plan = c->plan;

	for (uint32_t i = 0; i < plan->dim_count; i++)
		if (slice_is(name->text, plan->dims[i])) {
			*ret = (uint8_t)i;
			return 0;
		}
	if (plan->dim_count == PLAN_DIMS_MAX)
		return plan_fail(c, name, "more than %d dimensions", PLAN_DIMS_MAX);
	if (plan_check_name(c, name))
		return 1;
	plan->dims[plan->dim_count] = plan_strdup(c, name->text);
	*ret = (uint8_t)plan->dim_count++;
	return 0;
}

static int compile_by(struct plan_scope *scope, const struct effective *e, struct plan_measure *m)
{
	for (size_t i = 0; i < e->by.count; i++) {
		const struct definition_pair *pair = &e->by.items[i];

		if (i == PLAN_MEASURE_DIMS_MAX)
			return plan_fail(scope->c, &pair->key,
				"more than %d dimensions of one measure", PLAN_MEASURE_DIMS_MAX);
		if (dim_get(scope->c, &pair->key, &m->dims[i]) ||
			plan_compile_text(scope, &pair->value, VALUE_STRING, &m->by[i]))
			return 1;
		m->dim_count++;
	}
	return 0;
}

/*
 * S4: a child's measure that reads its parent's sum or count would be differenced for all children whenever one comes: quadratic.
 * A minimum seldom changes.
 */
static int check_reads(
	struct compiler *c, const struct definition_text *at, const struct expr_program *program)
{
	uint32_t count = 0;
	const uint32_t *codes = program ? expr_loads(program, &count) : NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct plan_load *load = &c->plan->loads[codes[i]];

		for (uint32_t k = 0; load->hop_count && k < c->plan->derived_count; k++) {
			const struct plan_derived *d = &c->plan->derived[k];

			if (d->parent == load->entity_type && d->slot == load->slot &&
				(d->kind == DERIVE_SUM || d->kind == DERIVE_COUNT))
				return plan_fail(c, at,
					"%s is a %s over children: read from another record it "
					"would be counted again for each of them; a min, max or "
					"first may be read",
					d->name, d->kind == DERIVE_SUM ? "sum" : "count");
		}
	}
	return 0;
}

static int check_all_reads(
	struct compiler *c, const struct effective *e, const struct plan_measure *m)
{
	if (check_reads(c, &e->at, m->at) || check_reads(c, &e->until, m->until) ||
		check_reads(c, &e->value, m->value) ||
		(m->where && check_reads(c, e->wheres[0], m->where)))
		return 1;
	for (uint8_t i = 0; i < m->dim_count; i++)
		if (check_reads(c, &e->by.items[i].value, m->by[i]))
			return 1;
	return 0;
}

static int compile_measure(
	struct compiler *c, const struct definition_measure *d, struct plan_measure *m)
{
	struct plan_scope scope = { .c = c };
	struct effective e;
	int on;

	if (resolve_extends(c, d, &e))
		return 1;
	m->name = plan_strdup(c, d->name.text);
	if (!e.on.text.at)
		return plan_fail(c, &d->name,
			"measure «%s» does not say `on`: which entity it counts", m->name);
	on = model_entity_find(e.on.text);
	if (on < 0)
		return plan_fail_entity(c, &e.on, e.on.text);
	m->on = scope.on = (enum entity_type)on;
	if (!e.at.text.at)
		return plan_fail(
			c, &d->name, "measure «%s» does not say `at`: the event's time", m->name);
	if (parse_each(c, &e, &scope, m) || agg_of(c, &e, &m->agg) ||
		plan_compile_text(&scope, &e.at, VALUE_TIME, &m->at) ||
		plan_compile_text(&scope, &e.until, VALUE_TIME, &m->until) ||
		compile_where(&scope, &e, &m->where) || compile_value(&scope, &e, m) ||
		plan_compile_text(&scope, &e.scope, VALUE_STRING, &m->scope) ||
		compile_by(&scope, &e, m) || check_all_reads(c, &e, m))
		return 1;
	m->stock = m->at_is_null = m->until != NULL;
	m->keeps_history = m->stock;
	return 0;
}

int plan_compile_measures(struct compiler *c)
{
	const struct definitions *d = c->definitions;
	struct plan *plan = c->plan;

	if (d->measure_count > PLAN_MEASURES_MAX)
		return plan_fail(c, &d->measures[PLAN_MEASURES_MAX].name, "more than %d measures",
			PLAN_MEASURES_MAX);
	/* They stay where they are when the metrics add wholes. */
	plan->measures =
		arena_alloc(&plan->arena, (PLAN_MEASURES_MAX + 1) * sizeof(*plan->measures));
	for (size_t i = 0; i < d->measure_count; i++) {
		plan->measures[i].index = (uint16_t)i;
		if (measure_definition(d, d->measures[i].name.text) != &d->measures[i])
			return plan_fail(
				c, &d->measures[i].name, "a measure of this name is defined above");
		if (plan_check_name(c, &d->measures[i].name))
			return 1;
		if (compile_measure(c, &d->measures[i], &plan->measures[i]))
			return 1;
		plan->measure_count++;
	}
	return plan_gates_choose(c);
}
