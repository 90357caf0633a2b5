/*
 * Expressions against the columns of the files at hand. What a name may mean, the nearest first: the value of an `each`, a
 * `let` above, a column; and with a point: first.x, previous.x and since.x of a fold, start.x and end.x of a pair, x.index and x.count
 * of an each. first(x), previous(x), since(x) and col("Any Name") are those paths in other words, so that they are checked here too.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "edge/mapping_inside.h"

struct slice mapping_identifier(struct arena *arena, struct slice column)
{
	char *text = arena_alloc(arena, column.len + 2);
	size_t count = 0;

	if (column.len && column.at[0] >= '0' && column.at[0] <= '9')
		text[count++] = '_';
	for (size_t i = 0; i < column.len; i++) {
		char c = column.at[i];
		bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_';

		if (fits)
			text[count++] = c;
		else if (count && text[count - 1] != '_')
			text[count++] = '_';
	}
	while (count > 1 && text[count - 1] == '_')
		count--;
	return (struct slice){ text, count };
}

/* ---- names ----------------------------------------------------------------------------------------- */

static int column_find(const struct mapping_scope *scope, struct slice name)
{
	for (size_t i = 0; i < scope->column_count; i++)
		if (slice_equal(scope->columns[i], name))
			return (int)i;
	for (size_t i = 0; i < scope->column_count; i++)
		if (slice_equal(scope->identifiers[i], name))
			return (int)i;
	return -1;
}

static int resolve_column(
	struct mapping_scope *scope, struct slice name, uint32_t kind, struct expr_ref *ret)
{
	int column = column_find(scope, name);

	if (column < 0)
		return 1;
	scope->is_used[column] = true;
	*ret = (struct expr_ref){ VALUE_STRING, 0, kind | (uint32_t)column };
	return 0;
}

static int resolve_one(struct mapping_scope *scope, struct slice name, struct expr_ref *ret)
{
	for (int level = 1; level >= 0; level--) {
		if (scope->each[level] && slice_equal(scope->each[level]->name, name)) {
			*ret = (struct expr_ref){ VALUE_STRING, 0, CODE_EACH | (uint32_t)level };
			return 0;
		}
	}
	for (size_t i = scope->let_limit; i-- > 0;) {
		const struct mapping_let *let = &scope->rows->lets[i];

		if (slice_equal(let->name, name)) {
			*ret = (struct expr_ref){ expr_type(let->expr.program), 0,
				CODE_LET | (uint32_t)i };
			return 0;
		}
	}
	return resolve_column(scope, name, CODE_CELL, ret);
}

static int resolve_two(struct mapping_scope *scope, const struct slice *path, struct expr_ref *ret)
{
	for (int level = 1; level >= 0; level--) {
		bool is_index = slice_is(path[1], "index");

		if (scope->each[level] && slice_equal(scope->each[level]->name, path[0]) &&
			(is_index || slice_is(path[1], "count"))) {
			*ret = (struct expr_ref){ VALUE_INT, 0,
				(is_index ? CODE_EACH_INDEX : CODE_EACH_COUNT) | (uint32_t)level };
			return 0;
		}
	}
	if (scope->rows->fold.is_set && slice_is(path[0], "first"))
		return resolve_column(scope, path[1], CODE_FIRST, ret);
	if (scope->rows->fold.is_set && slice_is(path[0], "previous"))
		return resolve_column(scope, path[1], CODE_PREVIOUS, ret);
	if (scope->rows->fold.is_set && slice_is(path[0], "since"))
		return resolve_column(scope, path[1], CODE_SINCE, ret);
	if (scope->rows->pair.is_set && slice_is(path[0], "start"))
		return resolve_column(scope, path[1], CODE_START, ret);
	if (scope->rows->pair.is_set && slice_is(path[0], "end"))
		return resolve_column(scope, path[1], CODE_END, ret);
	return 1;
}

static int resolve(void *ctx, const struct slice *path, size_t count, struct expr_ref *ret)
{
	return count == 1   ? resolve_one(ctx, path[0], ret)
	       : count == 2 ? resolve_two(ctx, path, ret)
			    : 1;
}

static const char *suggest(void *ctx, const struct slice *path, size_t count, size_t *ret_bad_index)
{
	const struct mapping_scope *scope = ctx;
	struct arena *arena = &scope->mapping->programs;
	const char **names =
		arena_alloc(arena, (scope->column_count + scope->let_limit + 1) * sizeof(*names));
	size_t name_count = 0;

	*ret_bad_index = count - 1;
	for (size_t i = 0; i < scope->column_count; i++)
		names[name_count++] =
			arena_strndup(arena, scope->identifiers[i].at, scope->identifiers[i].len);
	for (size_t i = 0; i < scope->let_limit; i++)
		names[name_count++] = arena_strndup(
			arena, scope->rows->lets[i].name.at, scope->rows->lets[i].name.len);
	return nearest_name(path[count - 1], names, name_count);
}

/* ---- calls that name things: checked, and some made paths ------------------------------------------- */

static int fail(const struct expr_node *at, struct expr_error *error, const char *what,
	struct slice name, const char *near)
{
	error->offset = at->offset;
	error->len = at->length;
	snprintf(error->message, sizeof(error->message), "there is no %s «%.*s»%s%s%s", what,
		(int)(name.len < 100 ? name.len : 100), name.at ? name.at : "",
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	return 1;
}

static int wrong(const struct expr_node *at, struct expr_error *error, const char *message)
{
	error->offset = at->offset;
	error->len = at->length;
	snprintf(error->message, sizeof(error->message), "%s", message);
	return 1;
}

static bool is_text(const struct expr_node *node)
{
	return node->kind == EXPR_LITERAL && node->literal.type == VALUE_STRING &&
	       !node->literal.is_null;
}

static int check_map(
	const struct mapping *m, const struct expr_node *call, struct expr_error *error)
{
	const char *names[128];
	size_t count = 0;

	if (call->child_count != 2 || !is_text(call->children[0]))
		return wrong(call, error, "map reads map(\"name of the map\", value)");
	for (size_t i = 0; i < m->map_count; i++) {
		struct slice name = intern_text(&m->strings, m->maps[i].name);

		if (slice_equal(name, call->children[0]->text))
			return 0;
		if (count < 128)
			names[count++] = name.at;
	}
	return fail(call->children[0], error, "map", call->children[0]->text,
		nearest_name(call->children[0]->text, names, count));
}

static int check_lookup_column(struct mapping *m, const struct mapping_lookup *lookup,
	const struct expr_node *column, struct expr_error *error)
{
	const char **names =
		arena_alloc(&m->programs, (lookup->columns.count + 1) * sizeof(*names));

	for (size_t i = 0; i < lookup->columns.count; i++) {
		if (slice_equal(lookup->columns.items[i], column->text))
			return 0;
		names[i] = arena_strndup(
			&m->programs, lookup->columns.items[i].at, lookup->columns.items[i].len);
	}
	return fail(column, error, "column", column->text,
		nearest_name(column->text, names, lookup->columns.count));
}

static int check_lookup(struct mapping *m, const struct expr_node *call, struct expr_error *error)
{
	const char *names[128];
	size_t count = 0;

	if (call->child_count != 3 || !is_text(call->children[0]) || !is_text(call->children[2]))
		return wrong(call, error,
			"lookup reads lookup(\"name of the lookup\", key, \"column\")");
	for (size_t i = 0; i < m->lookup_count; i++) {
		if (slice_equal(m->lookups[i].name, call->children[0]->text))
			return check_lookup_column(m, &m->lookups[i], call->children[2], error);
		if (count < 128)
			names[count++] = intern_text(&m->strings, m->lookups[i].name_id).at;
	}
	return fail(call->children[0], error, "lookup", call->children[0]->text,
		nearest_name(call->children[0]->text, names, count));
}

static void become_path(
	struct arena *arena, struct expr_node *node, const char *first, struct slice name)
{
	node->kind = EXPR_PATH;
	node->path = arena_alloc(arena, 2 * sizeof(*node->path));
	node->path_count = 0;
	if (first)
		node->path[node->path_count++] = slice_of(first);
	node->path[node->path_count++] = name;
	node->child_count = 0;
}

/* The functions of a fold: each is a path of its own name. NULL: another one. */
static const char *fold_function(struct slice name)
{
	static const char *const names[] = { "first", "previous", "since" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return names[i];
	return NULL;
}

static int rewrite_fold_call(struct mapping_scope *scope, struct expr_node *node,
	const char *function, struct expr_error *error)
{
	const struct expr_node *child = node->child_count ? node->children[0] : NULL;

	if (!scope->rows->fold.is_set)
		return wrong(node, error, "this wants `fold`: rows that are changes of one entity");
	if (strcmp(function, "since") == 0 && !scope->rows->fold.at.text.at)
		return wrong(
			node, error, "this wants `at` in the fold: when a row's change was made");
	if (node->child_count != 1 || child->kind != EXPR_PATH || child->path_count != 1)
		return wrong(node, error, "it takes the name of a column");
	become_path(&scope->mapping->programs, node, function, child->path[0]);
	return 0;
}

static int rewrite_call(
	struct mapping_scope *scope, struct expr_node *node, struct expr_error *error)
{
	const char *of_fold = fold_function(node->text);

	if (of_fold)
		return rewrite_fold_call(scope, node, of_fold, error);
	if (slice_is(node->text, "map"))
		return check_map(scope->mapping, node, error);
	if (slice_is(node->text, "lookup"))
		return check_lookup(scope->mapping, node, error);
	if (!slice_is(node->text, "col"))
		return 0;
	if (node->child_count != 1 || !is_text(node->children[0]))
		return wrong(node, error, "col reads col(\"Name of a Column\")");
	become_path(&scope->mapping->programs, node, NULL, node->children[0]->text);
	return 0;
}

static int rewrite(struct mapping_scope *scope, struct expr_node *node, struct expr_error *error)
{
	for (uint32_t i = 0; i < node->child_count; i++)
		if (rewrite(scope, node->children[i], error))
			return 1;
	return node->kind == EXPR_CALL ? rewrite_call(scope, node, error) : 0;
}

/* ---- one expression -------------------------------------------------------------------------------- */

/* What a place wants, beside the types of values. */
enum wish {
	WISH_ANY,
	WISH_TEXT,
	WISH_BOOL,
	WISH_INT,
	WISH_DECIMAL,
	WISH_TIME,
	WISH_DATE,
	WISH_DURATION,
	WISH_RATE
};

static const struct {
	const char *name, *from_text; /* the function that makes it of a text */
	enum value_type type;
} wishes[] = {
	[WISH_ANY] = { "value", NULL, VALUE_ANY },
	[WISH_TEXT] = { "text", NULL, VALUE_STRING },
	[WISH_BOOL] = { "condition", "bool", VALUE_BOOL },
	[WISH_INT] = { "whole number", "int", VALUE_INT },
	[WISH_DECIMAL] = { "number", "decimal", VALUE_DECIMAL },
	[WISH_TIME] = { "time", "date", VALUE_TIME },
	[WISH_DATE] = { "date", "date", VALUE_INT },
	[WISH_DURATION] = { "duration", "dur", VALUE_DURATION },
	[WISH_RATE] = { "rate", "rate", VALUE_RATE },
};

static struct expr_node *wrapped(struct arena *arena, struct expr_node *node, const char *function)
{
	struct expr_node *call = arena_alloc(arena, sizeof(*call));

	call->kind = EXPR_CALL;
	call->offset = node->offset;
	call->length = node->length;
	call->text = slice_of(function);
	call->children = arena_alloc(arena, sizeof(*call->children));
	call->children[0] = node;
	call->child_count = 1;
	return call;
}

/* The node as the place wants it: a text is read by the formats of its file. NULL: it does not fit. */
static struct expr_node *converted(
	struct arena *arena, struct expr_node *node, enum value_type type, enum wish wish)
{
	bool is_number = type == VALUE_INT || type == VALUE_DECIMAL;

	if (wish == WISH_DATE) {
		if (type == VALUE_STRING)
			node = wrapped(arena, node, "date");
		return type == VALUE_STRING || type == VALUE_TIME
			       ? wrapped(arena, node, "local_day")
			       : NULL;
	}
	if (type == VALUE_STRING && wishes[wish].from_text)
		return wrapped(arena, node, wishes[wish].from_text);
	if (wish == WISH_RATE && is_number)
		return wrapped(arena, node, "rate");
	if (wish == WISH_TEXT && (is_number || type == VALUE_BOOL))
		return wrapped(arena, node, "string");
	if (wish == WISH_DURATION && type == VALUE_INT)
		return wrapped(arena, node, "milliseconds");
	if (wish == WISH_INT && type == VALUE_DECIMAL)
		return wrapped(arena, node, "int");
	return wish == WISH_DECIMAL && type == VALUE_INT ? node : NULL;
}

static int explain(struct mapping_scope *scope, const struct mapping_expr *expr,
	const struct expr_error *error)
{
	yaml_explain(&scope->mapping->yaml, expr->place, error->offset, error->len, error->message,
		scope->explanation);
	return 1;
}

static int compile_expr(struct mapping_scope *scope, struct mapping_expr *expr, enum wish wish)
{
	struct arena *arena = &scope->mapping->programs;
	struct expr_env env = { scope, resolve, suggest, NULL, &scope->mapping->strings,
		mapping_functions, mapping_function_count };
	struct expr_error error = { 0, 1, "" };
	struct expr_node *node;

	expr->program = NULL;
	if (!expr->text.at)
		return 0;
	if (expr_parse(arena, expr->text, &node, &error) || rewrite(scope, node, &error) ||
		expr_compile(arena, node, &env, VALUE_ANY, &expr->program, &error))
		return explain(scope, expr, &error);

	enum value_type type = expr_type(expr->program);

	if (type == wishes[wish].type || wish == WISH_ANY || type == VALUE_NULL)
		return 0;
	node = converted(arena, node, type, wish);
	if (!node) {
		snprintf(error.message, sizeof(error.message), "a %s is wanted here, this is a %s",
			wishes[wish].name, value_type_name(type));
		error.len = expr->text.len;
		return explain(scope, expr, &error);
	}
	return expr_compile(arena, node, &env, wishes[wish].type, &expr->program, &error)
		       ? explain(scope, expr, &error)
		       : 0;
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static enum wish wish_of(const struct model_field *field)
{
	switch (field->type) {
	case VALUE_BOOL:
		return WISH_BOOL;
	case VALUE_INT:
		return field->is_date ? WISH_DATE : WISH_INT;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		return WISH_DECIMAL;
	case VALUE_RATE:
		return WISH_RATE;
	case VALUE_TIME:
		return WISH_TIME;
	case VALUE_DURATION:
		return WISH_DURATION;
	default:
		return WISH_TEXT;
	}
}

static int compile_fields(struct mapping_scope *scope, struct mapping_fields *fields,
	const struct model_field *model);

static int compile_list(
	struct mapping_scope *scope, struct mapping_list *list, const struct model_list *model)
{
	int r = 0;

	if (list->each.name.at && compile_expr(scope, &list->each.of, WISH_TEXT))
		return 1;
	scope->each[1] = list->each.name.at ? &list->each : NULL;
	for (size_t i = 0; i < list->row_count && !r; i++)
		r = compile_fields(scope, &list->rows[i], model->fields);
	scope->each[1] = NULL;
	return r;
}

static int compile_fields(
	struct mapping_scope *scope, struct mapping_fields *fields, const struct model_field *model)
{
	for (size_t i = 0; i < fields->count; i++) {
		struct mapping_field *field = &fields->items[i];

		assert(model || (field->index < 0 && !field->list));
		if (field->list ? compile_list(scope, field->list, model[field->index].list)
				: compile_expr(scope, &field->expr,
					  field->index < 0 ? WISH_TEXT
							   : wish_of(&model[field->index])))
			return 1;
	}
	return 0;
}

static int compile_emit(struct mapping_scope *scope, struct mapping_emit *emit)
{
	const struct mapping_each *each = emit->each.name.at	      ? &emit->each
					  : scope->rows->each.name.at ? &scope->rows->each
								      : NULL;

	if (emit->each.name.at && compile_expr(scope, &emit->each.of, WISH_TEXT))
		return 1;
	scope->each[0] = each;
	if (compile_expr(scope, &emit->when, WISH_BOOL) ||
		compile_expr(scope, &emit->id, WISH_TEXT) ||
		compile_expr(scope, &emit->at, WISH_TIME) ||
		compile_expr(scope, &emit->op, WISH_TEXT) ||
		compile_expr(scope, &emit->excluded, WISH_BOOL) ||
		compile_expr(scope, &emit->merged_id, WISH_TEXT) ||
		compile_expr(scope, &emit->tenant, WISH_TEXT))
		return 1;
	int r = compile_fields(scope, &emit->set, model_table[emit->type].fields) ||
		compile_fields(scope, &emit->ext, NULL);
	scope->each[0] = NULL;
	return r;
}

/* The events' expressions may stand in several places (YAML's anchors): each place has its own copy of the node. */
int mapping_compile(struct mapping_scope *scope)
{
	struct mapping_rows *rows = scope->rows;

	scope->each[0] = scope->each[1] = NULL;
	scope->let_limit = 0;
	if (rows->each.name.at && compile_expr(scope, &rows->each.of, WISH_TEXT))
		return 1;
	/* A let may use the value of an each of the whole entry. */
	scope->each[0] = rows->each.name.at ? &rows->each : NULL;
	for (; scope->let_limit < rows->let_count; scope->let_limit++)
		if (compile_expr(scope, &rows->lets[scope->let_limit].expr, WISH_ANY))
			return 1;
	scope->each[0] = NULL;
	if (compile_expr(scope, &rows->where, WISH_BOOL) ||
		compile_expr(scope, &rows->fold.by, WISH_TEXT) ||
		compile_expr(scope, &rows->fold.at, WISH_TEXT) ||
		compile_expr(scope, &rows->fold.field, WISH_TEXT) ||
		compile_expr(scope, &rows->fold.value, WISH_TEXT) ||
		compile_expr(scope, &rows->pair.by, WISH_TEXT) ||
		compile_expr(scope, &rows->pair.start, WISH_BOOL) ||
		compile_expr(scope, &rows->pair.end, WISH_BOOL))
		return 1;
	for (size_t i = 0; i < rows->order_count; i++)
		if (compile_expr(scope, &rows->orders[i], WISH_ANY))
			return 1;
	for (size_t i = 0; i < rows->emit_count; i++)
		if (compile_emit(scope, &rows->emits[i]))
			return 1;
	return 0;
}
