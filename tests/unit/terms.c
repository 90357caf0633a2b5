#include "terms.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/nearest.h"
#include "base/timefmt.h"

struct terms_variable terms_variables[TERMS_COUNT] = {
	{ "i", VALUE_INT, { 0 } },
	{ "j", VALUE_INT, { 0 } },
	{ "d", VALUE_DECIMAL, { 0 } },
	{ "e", VALUE_DECIMAL, { 0 } },
	{ "m", VALUE_MONEY, { 0 } },
	{ "n", VALUE_MONEY, { 0 } },
	{ "t", VALUE_TIME, { 0 } },
	{ "u", VALUE_DURATION, { 0 } },
	{ "w", VALUE_DURATION, { 0 } },
	{ "s", VALUE_STRING, { 0 } },
	{ "z", VALUE_STRING, { 0 } },
	{ "b", VALUE_BOOL, { 0 } },
	{ "c", VALUE_BOOL, { 0 } },
	{ "r", VALUE_REF, { 0 } },
	{ "l", VALUE_LIST, { 0 } },
	{ "deal.amount", VALUE_MONEY, { 0 } },
	{ "deal.won_at", VALUE_TIME, { 0 } },
};
struct intern terms_strings;
struct arena terms_arena;
const struct expr_node *terms_named;

static void join(const struct slice *path, size_t count, char *buf, size_t cap)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < cap; i++)
		used += (size_t)snprintf(
			buf + used, cap - used, "%s" SLICE_FMT, i ? "." : "", SLICE_ARG(path[i]));
}

static int resolve(void *ctx, const struct slice *path, size_t count, struct expr_ref *ret)
{
	char name[128];

	(void)ctx;
	join(path, count, name, sizeof(name));
	for (uint32_t i = 0; i < TERMS_COUNT; i++)
		if (!strcmp(terms_variables[i].name, name)) {
			*ret = (struct expr_ref){ terms_variables[i].type, 0, i };
			return 0;
		}
	return 1;
}

static const char *suggest(void *ctx, const struct slice *path, size_t count, size_t *ret_bad)
{
	static const char *const fields[] = { "amount", "won_at" };
	static const char *const entities[] = { "deal" };

	(void)ctx;
	*ret_bad = count > 1 && slice_is(path[0], "deal");
	return *ret_bad ? nearest_name(path[1], fields, 2) : nearest_name(path[0], entities, 1);
}

static const struct expr_node *expand(void *ctx, const struct slice *path, size_t count)
{
	(void)ctx;
	return count == 1 && slice_is(path[0], "twice") ? terms_named : NULL;
}

static struct value load(void *ctx, uint32_t code)
{
	(void)ctx;
	return terms_variables[code].value;
}

static struct expr_env env_of(void)
{
	return (struct expr_env){
		.resolve = resolve, .suggest = suggest, .expand = expand, .strings = &terms_strings
	};
}

int terms_setup(void **state)
{
	(void)state;
	intern_init(&terms_strings, 1, 0);
	arena_init(&terms_arena, 0);
	return 0;
}

int terms_teardown(void **state)
{
	(void)state;
	intern_deinit(&terms_strings);
	arena_deinit(&terms_arena);
	terms_named = NULL;
	return 0;
}

int terms_compile(const char *text, enum value_type wanted, struct expr_program **ret,
	struct expr_error *ret_error)
{
	struct expr_env env = env_of();
	struct expr_node *tree;

	return expr_parse(&terms_arena, slice_of(text), &tree, ret_error) ||
	       expr_compile(&terms_arena, tree, &env, wanted, ret, ret_error);
}

struct value terms_run(const struct expr_program *program, uint64_t *ret_overflows)
{
	struct expr_frame frame = { .load = load, .strings = &terms_strings };
	struct value value = expr_run(program, &frame);

	*ret_overflows = frame.overflow_count;
	return value;
}

void terms_show(const struct expr_program *program, struct value value, char *buf, size_t cap)
{
	char text[DECIMAL_TEXT_MAX + TIME_TEXT_MAX];

	if (value.is_null) {
		snprintf(buf, cap, "null");
		return;
	}
	switch (expr_type(program)) {
	case VALUE_BOOL:
		snprintf(buf, cap, "%s", value.i ? "true" : "false");
		break;
	case VALUE_INT:
		snprintf(buf, cap, "%lld", (long long)value.i);
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		decimal_format(value.i, 1, text, sizeof(text));
		if (value.currency)
			snprintf(buf, cap, "%s " SLICE_FMT, text,
				SLICE_ARG(intern_text(&terms_strings, value.currency)));
		else
			snprintf(buf, cap, "%s", text);
		break;
	case VALUE_TIME:
		snprintf(buf, cap, "%s", time_format(value.i, text));
		break;
	case VALUE_DURATION:
		snprintf(buf, cap, "%s", duration_format(value.i, text));
		break;
	case VALUE_STRING:
		snprintf(buf, cap, "'" SLICE_FMT "'",
			SLICE_ARG(intern_text(&terms_strings, (uint32_t)value.i)));
		break;
	default:
		snprintf(buf, cap, "?");
		break;
	}
}

static void set(const char *name, bool is_null, int64_t i, const char *currency)
{
	for (uint32_t k = 0; k < TERMS_COUNT; k++)
		if (!strcmp(terms_variables[k].name, name)) {
			terms_variables[k].value = (struct value){
				.i = i, .type = (uint8_t)terms_variables[k].type, .is_null = is_null
			};
			if (currency)
				terms_variables[k].value.currency =
					intern_add(&terms_strings, slice_of(currency));
		}
}

void terms_set(void)
{
	set("i", false, 7, NULL);
	set("j", true, 0, NULL);
	set("d", false, 25000, NULL);
	set("e", true, 0, NULL);
	set("m", false, 1000000, "IDR");
	set("n", false, 20000, "USD");
	set("t", false, 1774700000000, NULL);
	set("u", false, 90000, NULL);
	set("w", true, 0, NULL);
	set("s", false, intern_add(&terms_strings, SLICE_LIT("Jaya É")), NULL);
	set("z", true, 0, NULL);
	set("b", false, 1, NULL);
	set("c", true, 0, NULL);
	set("r", true, 0, NULL);
	set("l", true, 0, NULL);
	set("deal.amount", false, 500000, "IDR");
	set("deal.won_at", true, 0, NULL);
}
