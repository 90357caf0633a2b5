/*
 * plan_param: params, and what a tenant has of its own (`tenants: {acme: {channel: {…}, answer_within: 20s}}`). A param that no tenant
 * changes is a constant; one that some do is read by the entity's tenant. A map is a function; each tenant may have its own whole map.
 */
#include <stdio.h>
#include <string.h>

#include "core/fact_frame.h"
#include "core/plan_inside.h"
#include "core/store.h"

/* ---- maps: channel(lead.source_channel) ----------------------------------------------------------------- */

struct text_map {
	uint32_t count;
	uint32_t *from, *to; /* intern ids */
	uint32_t fallback;   /* of `_`: an id, 0 = null */
	bool keeps;	     /* `_: keep`, or no `_` */
};

struct map_rows {
	bool is_one;	       /* no tenant has its own */
	struct text_map *rows; /* [1 + param_tenant_count] */
};

static enum value_type check_map(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] == VALUE_STRING || types[0] == VALUE_NULL)
		return VALUE_STRING;
	snprintf(message, cap, "a map takes a string");
	return VALUE_NULL;
}

static struct value run_map(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	const struct map_rows *maps = user;
	const struct fact_frame *facts = frame->ctx;
	const struct text_map *map = maps->rows;

	(void)count;
	if (args[0].is_null)
		return args[0];
	if (!maps->is_one)
		map += store_param_row(facts->store, facts->entity->tenant);
	for (uint32_t i = 0; i < map->count; i++)
		if (map->from[i] == (uint32_t)args[0].i)
			return value_of(VALUE_STRING, map->to[i]);
	if (map->keeps)
		return args[0];
	return map->fallback ? value_of(VALUE_STRING, map->fallback) : value_null(VALUE_STRING);
}

static struct text_map map_of(struct compiler *c, const struct definition_pairs *pairs)
{
	struct text_map map = { .keeps = true };

	map.from = arena_alloc(&c->plan->arena, (pairs->count + 1) * sizeof(*map.from));
	map.to = arena_alloc(&c->plan->arena, (pairs->count + 1) * sizeof(*map.to));
	for (size_t i = 0; i < pairs->count; i++) {
		const struct definition_pair *pair = &pairs->items[i];

		if (slice_is(pair->key.text, "_")) {
			map.keeps = slice_is(pair->value.text, "keep");
			if (!map.keeps && !slice_is(pair->value.text, "null"))
				map.fallback = intern_add(&c->plan->strings, pair->value.text);
			continue;
		}
		map.from[map.count] = intern_add(&c->plan->strings, pair->key.text);
		map.to[map.count++] = intern_add(&c->plan->strings, pair->value.text);
	}
	return map;
}

/* ---- tenants' own --------------------------------------------------------------------------------------- */

/* What this tenant says of this param, the last word of several; NULL: nothing. */
static const struct definition_param *own_param(
	const struct compiler *c, const char *tenant, struct slice name)
{
	const struct definitions *d = c->definitions;

	for (size_t i = d->override_count; i > 0; i--) {
		const struct definition_override *o = &d->overrides[i - 1];

		if (slice_is(o->tenant.text, tenant) && slice_equal(o->param.name.text, name))
			return &o->param;
	}
	return NULL;
}

static bool is_changed(const struct compiler *c, struct slice name)
{
	for (size_t i = 0; i < c->definitions->override_count; i++)
		if (slice_equal(c->definitions->overrides[i].param.name.text, name))
			return true;
	return false;
}

static const char *kind_name(unsigned kind)
{
	return kind == PARAM_SCALAR ? "one value" : kind == PARAM_LIST ? "a list" : "a map";
}

/* An override names a param that there is, of its kind; a list is a constant of the definitions' text. */
static int check_override(struct compiler *c, const struct definition_override *o)
{
	const struct definitions *d = c->definitions;
	const char **names = arena_alloc(&c->scratch, (d->param_count + 1) * sizeof(*names));
	const char *near;

	for (size_t i = 0; i < d->param_count; i++) {
		const struct definition_param *p = &d->params[i];

		names[i] = arena_strndup(&c->scratch, p->name.text.at, p->name.text.len);
		if (!slice_equal(p->name.text, o->param.name.text))
			continue;
		if (p->kind != o->param.kind)
			return plan_fail(c, &o->param.name, "this param is %s, not %s",
				kind_name((unsigned)p->kind), kind_name((unsigned)o->param.kind));
		if (p->kind == PARAM_LIST)
			return plan_fail(c, &o->param.name,
				"a list is the same for all tenants; one value or a map can "
				"differ");
		return 0;
	}
	near = plan_nearest(o->param.name.text, names, d->param_count);
	return plan_fail(c, &o->param.name, "there is no param of this name%s%s%s",
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

static int find_tenants(struct compiler *c)
{
	const struct definitions *d = c->definitions;
	struct plan *plan = c->plan;

	plan->param_tenants =
		arena_alloc(&plan->arena, (d->override_count + 1) * sizeof(*plan->param_tenants));
	for (size_t i = 0; i < d->override_count; i++) {
		const struct definition_override *o = &d->overrides[i];
		uint32_t k = 0;

		if (check_override(c, o))
			return 1;
		while (k < plan->param_tenant_count &&
			!slice_is(o->tenant.text, plan->param_tenants[k]))
			k++;
		if (k == plan->param_tenant_count)
			plan->param_tenants[plan->param_tenant_count++] =
				plan_strdup(c, o->tenant.text);
	}
	return 0;
}

uint32_t plan_param_row(const struct plan *plan, struct slice tenant_id)
{
	for (uint32_t i = 0; i < plan->param_tenant_count; i++)
		if (slice_is(tenant_id, plan->param_tenants[i]))
			return i + 1;
	return 0;
}

static void add_map(struct compiler *c, const struct definition_param *p)
{
	const struct plan *plan = c->plan;
	struct map_rows *maps = arena_alloc(&c->plan->arena, sizeof(*maps));

	maps->is_one = !is_changed(c, p->name.text);
	maps->rows =
		arena_alloc(&c->plan->arena, (plan->param_tenant_count + 1) * sizeof(*maps->rows));
	maps->rows[0] = map_of(c, &p->map);
	for (uint32_t i = 0; i < plan->param_tenant_count && !maps->is_one; i++) {
		const struct definition_param *own =
			own_param(c, plan->param_tenants[i], p->name.text);

		maps->rows[i + 1] = own ? map_of(c, &own->map) : maps->rows[0];
	}
	c->functions[c->function_count++] = (struct expr_function){ plan_strdup(c, p->name.text), 1,
		1, check_map, run_map, maps };
}

/* ---- values --------------------------------------------------------------------------------------------- */

static struct expr_node *text_node(struct compiler *c, struct slice text)
{
	struct expr_node *node = arena_alloc(&c->scratch, sizeof(*node));

	memset(node, 0, sizeof(*node));
	node->kind = EXPR_LITERAL;
	node->literal.type = VALUE_STRING;
	node->text = text;
	return node;
}

static struct expr_node *list_node(struct compiler *c, const struct definition_list *list)
{
	struct expr_node *node = arena_alloc(&c->scratch, sizeof(*node));

	memset(node, 0, sizeof(*node));
	node->kind = EXPR_LIST;
	node->children = arena_alloc(&c->scratch, (list->count + 1) * sizeof(struct expr_node *));
	for (size_t i = 0; i < list->count; i++)
		node->children[node->child_count++] = text_node(c, list->items[i].text);
	return node;
}

/* A bare word is a string. */
static int parse_value(
	struct compiler *c, const struct definition_text *text, struct expr_node **ret)
{
	if (plan_parse(c, text, ret))
		return 1;
	if ((*ret)->kind == EXPR_PATH)
		*ret = text_node(c, text->text);
	return 0;
}

static struct value constant_of(struct compiler *c, const struct expr_node *node)
{
	struct value value = node->literal;

	if (value.type == VALUE_STRING)
		value.i = intern_add(&c->plan->strings, node->text);
	return value;
}

/* A whole number is taken where others have decimals. */
static int own_value(struct compiler *c, const struct definition_text *at,
	const struct expr_node *usual, const struct expr_node *own, struct value *ret)
{
	if (usual->kind != EXPR_LITERAL || own->kind != EXPR_LITERAL)
		return plan_fail(
			c, at, "a value that differs by tenant is a constant: 30d, 0.5, \"text\"");
	*ret = constant_of(c, own);
	if (ret->type == VALUE_INT && usual->literal.type == VALUE_DECIMAL)
		*ret = value_of(VALUE_DECIMAL, ret->i * DECIMAL_SCALE);
	if (ret->type == usual->literal.type)
		return 0;
	return plan_fail(c, at, "this param is %s, not %s", value_type_name(usual->literal.type),
		value_type_name(ret->type));
}

static int add_changed(
	struct compiler *c, const struct definition_param *p, const struct expr_node *usual)
{
	struct plan *plan = c->plan;
	struct plan_param *param = &plan->params[plan->param_count++];

	param->name = plan_strdup(c, p->name.text);
	param->values =
		arena_alloc(&plan->arena, (plan->param_tenant_count + 1) * sizeof(*param->values));
	if (own_value(c, &p->value, usual, usual, &param->values[0]))
		return 1;
	for (uint32_t i = 0; i < plan->param_tenant_count; i++) {
		const struct definition_param *own =
			own_param(c, plan->param_tenants[i], p->name.text);
		struct expr_node *tree;

		param->values[i + 1] = param->values[0];
		if (own && (parse_value(c, &own->value, &tree) ||
				   own_value(c, &own->value, usual, tree, &param->values[i + 1])))
			return 1;
	}
	return 0;
}

void plan_add_named(
	struct compiler *c, struct slice entity, struct slice name, const struct expr_node *tree)
{
	struct plan_named *n = &c->named[c->named_count++];

	n->entity = entity;
	n->name = (struct slice){ arena_strndup(&c->scratch, name.at, name.len), name.len };
	n->tree = tree;
}

int plan_compile_params(struct compiler *c)
{
	const struct definitions *d = c->definitions;

	c->named = arena_alloc(
		&c->scratch, (d->param_count + d->derive_count + 1) * sizeof(*c->named));
	c->plan->params =
		arena_alloc(&c->plan->arena, (d->param_count + 1) * sizeof(*c->plan->params));
	if (find_tenants(c))
		return 1;
	for (size_t i = 0; i < d->param_count; i++) {
		const struct definition_param *p = &d->params[i];
		struct expr_node *tree;

		if (p->kind == PARAM_MAP) {
			add_map(c, p);
			continue;
		}
		if (p->kind == PARAM_LIST)
			tree = list_node(c, &p->list);
		else if (parse_value(c, &p->value, &tree))
			return 1;
		if (!is_changed(c, p->name.text))
			plan_add_named(c, (struct slice){ 0 }, p->name.text, tree);
		else if (add_changed(c, p, tree))
			return 1;
	}
	return 0;
}

int plan_param_find(const struct plan *plan, struct slice name)
{
	for (uint32_t i = 0; i < plan->param_count; i++)
		if (slice_is(name, plan->params[i].name))
			return (int)i;
	return -1;
}
