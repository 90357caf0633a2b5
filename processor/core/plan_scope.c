/* plan_scope: names in expressions over entities: paths along references, columns of `each`, params, functions. */
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/plan_inside.h"

struct found_slot {
	int slot;
	enum value_type type;
	int8_t reference;
	const struct model_list *list;
	int16_t currency_slot;
};

static const struct plan_name *derived_find(
	const struct compiler *c, enum entity_type type, struct slice name)
{
	for (uint32_t i = 0; i < c->name_count; i++)
		if (c->names[i].type == type && slice_equal(c->names[i].name, name))
			return &c->names[i];
	return NULL;
}

static int16_t currency_slot_of(enum entity_type type, int slot)
{
	const char *currency;

	if ((size_t)slot >= model_table[type].field_count ||
		model_table[type].fields[slot].type != VALUE_MONEY)
		return -1;
	currency = model_table[type].fields[slot].currency;
	return (int16_t)attribute_find(type, slice_of(currency ? currency : "currency"));
}

static bool slot_find(
	const struct compiler *c, enum entity_type type, struct slice name, struct found_slot *ret)
{
	int slot = attribute_find(type, name);
	const struct plan_name *derived;
	struct attribute_info info;

	if (slot >= 0) {
		info = attribute_describe(type, (uint32_t)slot);
		*ret = (struct found_slot){ slot, info.type, info.reference, info.list,
			currency_slot_of(type, slot) };
		return true;
	}
	derived = derived_find(c, type, name);
	if (!derived)
		return false;
	*ret = (struct found_slot){ derived->slot, derived->value_type, derived->reference, NULL,
		derived->currency_slot };
	return true;
}

static uint32_t load_get(struct compiler *c, const struct plan_load *load)
{
	struct plan *plan = c->plan;

	for (uint32_t i = 0; i < plan->load_count; i++)
		if (!memcmp(&plan->loads[i], load, sizeof(*load)))
			return i;
	X_GROW(plan->loads, plan->load_count, c->load_capacity);
	plan->loads[plan->load_count] = *load;
	return plan->load_count++;
}

static void load_init(struct plan_load *load)
{
	memset(load, 0, sizeof(*load)); /* compared byte by byte */
	load->slot = -1;
	load->element_field = -1;
	load->currency_slot = -1;
}

static int resolve_element(
	struct plan_scope *scope, const struct slice *path, size_t count, struct expr_ref *ret)
{
	struct plan_load load;
	int column;

	if (count != 2)
		return 1;
	column = model_list_field_find(scope->each_list, path[1]);
	if (column < 0)
		return 1;
	load_init(&load);
	load.type = scope->each_list->fields[column].type;
	load.element_field = (int16_t)column;
	load.entity_type = (uint8_t)scope->on;
	if (load.type == VALUE_MONEY) {
		load.currency_of_owner = true;
		load.currency_slot = (int16_t)attribute_find(scope->on, SLICE_LIT("currency"));
	}
	*ret = (struct expr_ref){ load.type, 0, load_get(scope->c, &load) };
	return 0;
}

static int resolve_ext(
	struct plan_scope *scope, struct plan_load *load, struct slice key, struct expr_ref *ret)
{
	load->type = VALUE_STRING;
	load->ext_key = intern_add(&scope->c->plan->strings, key);
	*ret = (struct expr_ref){ VALUE_STRING, 0, load_get(scope->c, load) };
	return 0;
}

/* How far a path leads: 0 all the way; else *ret_bad is the part that is unknown, in an entity of *ret_type. */
static int walk(struct plan_scope *scope, const struct slice *path, size_t count,
	struct expr_ref *ret, size_t *ret_bad, enum entity_type *ret_type)
{
	enum entity_type type = scope->on;
	struct plan_load load;
	struct found_slot found;

	load_init(&load);
	*ret_type = type;
	*ret_bad = 0;
	if (count < 2 || !slice_is(path[0], model_table[type].name))
		return 1;
	for (size_t i = 1; i < count; i++) {
		*ret_bad = i;
		*ret_type = type;
		load.entity_type = (uint8_t)type;
		if (slice_is(path[i], "ext") && i + 2 == count)
			return resolve_ext(scope, &load, path[i + 1], ret);
		if (!slot_find(scope->c, type, path[i], &found))
			return 1;
		if (i + 1 == count)
			break;
		if (found.type != VALUE_REF || load.hop_count == PLAN_PATH_HOPS_MAX ||
			scope->own_only)
			return 1;
		load.hops[load.hop_count++] = (uint8_t)found.slot;
		type = (enum entity_type)found.reference;
	}
	load.type = found.type;
	load.slot = (int16_t)found.slot;
	load.currency_slot = found.currency_slot;
	*ret = (struct expr_ref){ found.type,
		found.type == VALUE_REF ? (uint32_t)found.reference : 0,
		load_get(scope->c, &load) };
	return 0;
}

static int resolve_param(struct plan_scope *scope, struct slice name, struct expr_ref *ret)
{
	int param = plan_param_find(scope->c->plan, name);
	struct plan_load load;

	if (param < 0)
		return 1;
	load_init(&load);
	load.type = (enum value_type)scope->c->plan->params[param].values[0].type;
	load.param = (uint16_t)(param + 1);
	*ret = (struct expr_ref){ load.type, 0, load_get(scope->c, &load) };
	return 0;
}

static int scope_resolve(void *ctx, const struct slice *path, size_t count, struct expr_ref *ret)
{
	struct plan_scope *scope = ctx;
	enum entity_type type;
	size_t bad;

	if (scope->each_name.at && count && slice_equal(path[0], scope->each_name))
		return resolve_element(scope, path, count, ret);
	if (count == 1 && !resolve_param(scope, path[0], ret))
		return 0;
	return walk(scope, path, count, ret, &bad, &type);
}

static const char *nearest_slot(
	const struct compiler *c, enum entity_type type, struct slice wanted)
{
	const char *names[ATTRIBUTE_SLOTS_MAX + PLAN_DERIVED_MAX];
	size_t count = 0;

	for (uint32_t slot = 0; slot < attribute_slot_count(type); slot++)
		names[count++] = attribute_describe(type, slot).name;
	for (uint32_t i = 0; i < c->name_count; i++)
		if (c->names[i].type == type)
			names[count++] = c->names[i].name.at;
	return plan_nearest(wanted, names, count);
}

static const char *nearest_first(struct plan_scope *scope, struct slice wanted)
{
	const char *names[66];
	size_t count = 0;

	names[count++] = model_table[scope->on].name;
	if (scope->each_name.at)
		names[count++] = scope->each_name.at;
	for (uint32_t i = 0; i < scope->c->named_count && count < 66; i++)
		if (!scope->c->named[i].entity.len)
			names[count++] = scope->c->named[i].name.at;
	return plan_nearest(wanted, names, count);
}

static const char *scope_suggest(void *ctx, const struct slice *path, size_t count, size_t *ret_bad)
{
	struct plan_scope *scope = ctx;
	enum entity_type type;
	struct expr_ref ref;
	const char *near;

	*ret_bad = 0;
	if (scope->each_name.at && slice_equal(path[0], scope->each_name)) {
		const char *names[MODEL_FIELDS_MAX];

		for (size_t i = 0; i < scope->each_list->field_count; i++)
			names[i] = scope->each_list->fields[i].name;
		*ret_bad = count > 1;
		return count > 1 ? plan_nearest(path[1], names, scope->each_list->field_count)
				 : NULL;
	}
	if (!walk(scope, path, count, &ref, ret_bad, &type))
		return NULL;
	near = *ret_bad == 0 ? nearest_first(scope, path[0])
			     : nearest_slot(scope->c, type, path[*ret_bad]);
	return near && slice_is(path[*ret_bad], near)
		       ? NULL
		       : near; /* it is there, but leads no further */
}

const struct expr_node *plan_named_find(
	const struct compiler *c, const struct slice *path, size_t count)
{
	for (uint32_t i = 0; i < c->named_count; i++) {
		const struct plan_named *n = &c->named[i];

		if (!n->entity.len ? count == 1 && slice_equal(path[0], n->name)
				   : count == 2 && slice_equal(path[0], n->entity) &&
					     slice_equal(path[1], n->name))
			return n->tree;
	}
	return NULL;
}

static const struct expr_node *scope_expand(void *ctx, const struct slice *path, size_t count)
{
	const struct plan_scope *scope = ctx;

	return plan_named_find(scope->c, path, count);
}

/* ---- words of enumerations ------------------------------------------------------------------------------- */

/* The words that a field may hold, NULL-terminated; NULL when it may hold any. */
static const char *const *symbols_of(struct plan_scope *scope, const struct expr_node *node)
{
	const struct expr_node *named;
	const struct plan_load *load;
	struct expr_ref ref;

	for (int depth = 0; node->kind == EXPR_PATH && depth < EXPR_DEPTH_MAX; depth++) {
		named = scope_expand(scope, node->path, node->path_count);
		if (!named)
			break;
		node = named;
	}
	if (node->kind != EXPR_PATH || scope_resolve(scope, node->path, node->path_count, &ref))
		return NULL;
	load = &scope->c->plan->loads[ref.code];
	if (load->element_field >= 0)
		return scope->each_list->fields[load->element_field].symbols;
	if (load->slot < 0 || (size_t)load->slot >= model_table[load->entity_type].field_count)
		return NULL;
	return model_table[load->entity_type].fields[load->slot].symbols;
}

/* A word that the field can never hold would make a KPI of zeros. `shown`: where the mistake is shown. */
static int check_word(struct plan_scope *scope, const struct definition_text *at,
	const char *const *symbols, const struct expr_node *word, const struct expr_node *shown)
{
	size_t count = 0;
	const char *near;

	if (word->kind != EXPR_LITERAL || word->literal.is_null ||
		word->literal.type != VALUE_STRING)
		return 0;
	for (; symbols[count]; count++)
		if (slice_is(word->text, symbols[count]))
			return 0;
	near = plan_nearest(word->text, symbols, count);
	plan_fail(scope->c, at, "this field is never \"" SLICE_FMT "\"%s%s%s",
		SLICE_ARG(word->text), near ? "; did you mean \"" : "", near ? near : "",
		near ? "\"?" : "");
	scope->c->mistake->offset = (uint32_t)shown->offset;
	scope->c->mistake->length = (uint32_t)shown->length;
	return 1;
}

static int check_list(struct plan_scope *scope, const struct definition_text *at,
	const char *const *symbols, const struct expr_node *list)
{
	const struct expr_node *named =
		list->kind == EXPR_PATH ? scope_expand(scope, list->path, list->path_count) : NULL;
	const struct expr_node *items = named ? named : list;

	for (uint32_t i = 0; i < items->child_count; i++)
		if (check_word(scope, at, symbols, items->children[i],
			    named ? list : items->children[i]))
			return 1;
	return 0;
}

static int check_symbols(
	struct plan_scope *scope, const struct definition_text *at, const struct expr_node *tree)
{
	const char *const *symbols;

	if (tree->kind == EXPR_BINARY && (tree->op == OP_EQUAL || tree->op == OP_NOT_EQUAL))
		for (int side = 0; side < 2; side++) {
			symbols = symbols_of(scope, tree->children[side]);
			if (symbols && check_word(scope, at, symbols, tree->children[!side],
					       tree->children[!side]))
				return 1;
		}
	if (tree->kind == EXPR_BINARY && tree->op == OP_IN) {
		symbols = symbols_of(scope, tree->children[0]);
		if (symbols && check_list(scope, at, symbols, tree->children[1]))
			return 1;
	}
	for (uint32_t i = 0; i < tree->child_count; i++)
		if (check_symbols(scope, at, tree->children[i]))
			return 1;
	return 0;
}

int plan_compile_tree(struct plan_scope *scope, const struct definition_text *at,
	const struct expr_node *tree, enum value_type wanted, struct expr_program **ret)
{
	struct compiler *c = scope->c;
	struct expr_env env = { .ctx = scope,
		.resolve = scope_resolve,
		.suggest = scope_suggest,
		.expand = scope_expand,
		.strings = &c->plan->strings,
		.functions = c->functions,
		.function_count = c->function_count };
	struct expr_error error;

	if (!expr_compile(&c->plan->arena, tree, &env, wanted, ret, &error))
		return check_symbols(scope, at, tree);
	plan_fail(c, at, "%s%s", error.message,
		scope->own_only && strstr(error.message, "there is no \"") &&
				!strstr(error.message, "did you mean")
			? " (a derived value reads its child's own fields)"
			: "");
	c->mistake->offset = (uint32_t)error.offset;
	c->mistake->length = (uint32_t)error.len;
	return 1;
}

int plan_compile_text(struct plan_scope *scope, const struct definition_text *text,
	enum value_type wanted, struct expr_program **ret)
{
	struct expr_node *tree;

	*ret = NULL;
	if (!text->text.at)
		return 0;
	return plan_parse(scope->c, text, &tree) ||
	       plan_compile_tree(scope, text, tree, wanted, ret);
}
