/*
 * Any text as an expression: a mistake with a place inside the text, or a program that runs over nulls and extremes, and whose
 * canonical text is itself an expression that computes the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/nearest.h"
#include "core/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	enum value_type type;
} variables[] = { { "i", VALUE_INT }, { "d", VALUE_DECIMAL }, { "m", VALUE_MONEY },
	{ "t", VALUE_TIME }, { "u", VALUE_DURATION }, { "s", VALUE_STRING }, { "b", VALUE_BOOL },
	{ "r", VALUE_REF }, { "l", VALUE_LIST } };
enum { VARIABLE_COUNT = sizeof(variables) / sizeof(variables[0]) };

struct world {
	struct intern strings;
	struct arena arena;
	const struct expr_node *self; /* what the name `self` stands for: the expression itself */
	uint32_t round;
};

static int resolve(void *ctx, const struct slice *path, size_t count, struct expr_ref *ret)
{
	(void)ctx;
	for (uint32_t i = 0; i < VARIABLE_COUNT && count == 1; i++)
		if (slice_is(path[0], variables[i].name)) {
			*ret = (struct expr_ref){ variables[i].type, 0, i };
			return 0;
		}
	return 1;
}

static const char *suggest(void *ctx, const struct slice *path, size_t count, size_t *ret_bad)
{
	static const char *const names[] = { "deal", "amount" };

	(void)ctx;
	*ret_bad = count - 1;
	return nearest_name(path[count - 1], names, 2);
}

static const struct expr_node *expand(void *ctx, const struct slice *path, size_t count)
{
	const struct world *w = ctx;

	return count == 1 && slice_is(path[0], "self") ? w->self : NULL;
}

static struct value load(void *ctx, uint32_t code)
{
	static const int64_t values[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 10000, 86400000 };
	const struct world *w = ctx;
	struct value v = { .type = (uint8_t)variables[code].type };

	if (w->round == 0 || v.type == VALUE_LIST || v.type == VALUE_REF)
		return value_null(variables[code].type);
	v.i = values[(w->round + code) % 7];
	if (v.type == VALUE_STRING)
		v.i = 1 + (int64_t)((w->round + code) % 2);
	if (v.type == VALUE_TIME)
		v.i = 1774700000000 + w->round;
	if (v.type == VALUE_BOOL)
		v.i &= 1;
	v.currency = v.type == VALUE_MONEY ? 1 : 0;
	return v;
}

static struct value run(struct world *w, const struct expr_program *program)
{
	struct expr_frame frame = { .ctx = w, .load = load, .strings = &w->strings };

	return expr_run(program, &frame);
}

static void check_canonical(struct world *w, const struct expr_env *env,
	const struct expr_node *tree, const struct expr_program *program)
{
	struct buffer first, second;
	struct expr_program *again;
	struct expr_error error;
	struct expr_node *parsed;

	buffer_init(&first);
	buffer_init(&second);
	expr_print(tree, &first);
	if (expr_parse(&w->arena, buffer_slice(&first), &parsed, &error)) {
		assert(strstr(error.message,
			"too deeply")); /* every pair is bracketed: what was on the verge is beyond it */
	} else {
		expr_print(parsed, &second);
		assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
		if (!expr_compile(&w->arena, parsed, env, VALUE_ANY, &again, &error)) {
			assert(expr_type(again) == expr_type(program));
			for (w->round = 0; w->round < 4; w->round++) {
				struct value a = run(w, program), b = run(w, again);

				assert(a.is_null == b.is_null &&
					(a.is_null || (a.i == b.i && a.currency == b.currency)));
			}
		}
	}
	buffer_deinit(&first);
	buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct world w = { .round = 0 };
	struct expr_env env = { .ctx = &w,
		.resolve = resolve,
		.suggest = suggest,
		.expand = expand,
		.strings = &w.strings };
	struct expr_program *program;
	struct expr_error error = { 0 };
	struct expr_node *tree;

	intern_init(&w.strings, 1, 1 << 20);
	arena_init(&w.arena, 0);
	intern_add(&w.strings, SLICE_LIT("IDR"));
	intern_add(&w.strings, SLICE_LIT("Jaya"));
	if (expr_parse(&w.arena, text, &tree, &error)) {
		assert(error.offset <= size && error.message[0]);
	} else {
		w.self = tree;
		if (expr_compile(&w.arena, tree, &env, VALUE_ANY, &program, &error))
			assert(error.offset <= size && error.message[0]);
		else
			check_canonical(&w, &env, tree, program);
	}
	arena_deinit(&w.arena);
	intern_deinit(&w.strings);
	return 0;
}
