/*
 * expr: the subset of CEL by tables of what it says and what it refuses (with places and nearest names), and a model: random typed
 * expressions, computed by a walk over the test's own tree and by the compiled program, over values with nulls and extremes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/decimal.h"
#include "base/nearest.h"
#include "base/rng.h"
#include "base/timefmt.h"
#include "core/expr.h"
#include "core/expr_program.h"
#include "terms.h"

/* ---- what it says ------------------------------------------------------------------------------------------ */

static const struct {
	const char *text, *result;
} table[] = {
	/* precedence and association */
	{ "1 + 2 * 3", "7" },
	{ "(1 + 2) * 3", "9" },
	{ "10 - 3 - 2", "5" },
	{ "2 * 3 % 4", "2" },
	{ "-i + 8", "1" },
	{ "1 + 2 == 3 && 4 > 3", "true" },
	{ "true || false && false", "true" },
	{ "(true || false) && false", "false" },
	{ "!true || true", "true" },
	{ "!(true || true)", "false" },
	{ "false ? 1 : true ? 2 : 3", "2" },
	{ "1 < 2 ? \"a\" + \"b\" : \"c\"", "'ab'" },
	{ "- - 5", "5" },
	{ "!!b", "true" },
	{ "8 / 2 / 2", "2.0" },
	/* ints, decimals, rounding half to even */
	{ "7 / 2", "3.5" },
	{ "1 / 3", "0.3333" },
	{ "2 / 3", "0.6667" },
	{ "1 / 0", "null" },
	{ "i % 0", "null" },
	{ "-7 % 3", "-1" },
	{ "7 % -3", "1" },
	{ "0.5 * 0.0001", "0.0" },
	{ "1.5 * 0.0001", "0.0002" },
	{ "2.5 * 0.0001", "0.0002" },
	{ "-1.5 * 0.0001", "-0.0002" },
	{ "1 + 0.5", "1.5" },
	{ "1.0 == 1", "true" },
	{ "2 > 1.5", "true" },
	{ "d / 0.0", "null" },
	{ "round(2.5)", "2.0" },
	{ "round(3.5)", "4.0" },
	{ "round(-2.5)", "-2.0" },
	{ "floor(-0.5)", "-1.0" },
	{ "ceil(-0.5)", "0.0" },
	{ "ceil(1.0001)", "2.0" },
	{ "ceil(922337203685477.5)", "null" },
	{ "floor(-922337203685477.5)", "null" },
	{ "abs(-3)", "3" },
	{ "int(2.9)", "2" },
	{ "int(-2.9)", "-2" },
	{ "int(\"12\")", "12" },
	{ "int(\"12.5\")", "null" },
	{ "decimal(\"1.25\")", "1.25" },
	{ "decimal(\"1,25\")", "null" },
	{ "decimal(7)", "7.0" },
	{ "decimal(m)", "100.0" },
	{ "int(true)", "1" },
	{ "922337203685477 + 0", "922337203685477" },
	/* overflow is null */
	{ "922337203685477 * 922337203685477", "null" },
	{ "922337203685477 * 100000 + 1.0", "null" },
	{ "922337203685477 + 0.9", "null" },
	/* money */
	{ "m + deal.amount", "150.0 IDR" },
	{ "m - deal.amount * 2", "0.0 IDR" },
	{ "m * 0.1", "10.0 IDR" },
	{ "0.1 * m", "10.0 IDR" },
	{ "m / 3", "33.3333 IDR" },
	{ "m / 1.5", "66.6667 IDR" },
	{ "m / deal.amount", "2.0" },
	{ "m + n", "null" },
	{ "m == n", "false" },
	{ "m == n * 50", "false" },
	{ "m != n * 50", "true" },
	{ "m < n", "null" },
	{ "m > deal.amount", "true" },
	{ "m > 0", "true" },
	{ "0 >= m", "false" },
	{ "-m", "-100.0 IDR" },
	{ "greatest(m, deal.amount)", "100.0 IDR" },
	{ "least(m, n)", "null" },
	/* time and durations */
	{ "t + 1d - t", "1d" },
	{ "t - 90s < t", "true" },
	{ "1h + 30m", "90m" },
	{ "u * 2", "3m" },
	{ "2 * u", "3m" },
	{ "u * 1.5", "135s" },
	{ "0.5 * u", "45s" },
	{ "u / 2", "45s" },
	{ "u / 1.5", "1m" },
	{ "90m / 1h", "1.5" },
	{ "days(36h)", "1.5" },
	{ "hours(90m)", "1.5" },
	{ "seconds(u)", "90.0" },
	{ "-1h + 2h", "1h" },
	{ "1w == 7d", "true" },
	{ "250ms * 4", "1s" },
	{ "t + 100000000d", "null" },
	{ "time(\"2026-03-01T00:00:00+07:00\")", "2026-02-28T17:00:00Z" },
	{ "time(\"2026-03-01\")", "null" },
	{ "duration(\"90s\") == u", "true" },
	{ "deal.won_at - t <= 30d", "null" },
	{ "round(1500ms)", "2s" },
	{ "round(2500ms)", "2s" },
	/* text, unicode, escapes */
	{ "\"a\" + 'b'", "'ab'" },
	{ "'it\\'s'", "'it's'" },
	{ "\"q\\\"\\\\\"", "'q\"\\'" },
	{ "\"é\" == 'é'", "true" },
	{ "size(s)", "6" },
	{ "size(\"日本\")", "2" },
	{ "lower(\"ABÉ\")", "'abÉ'" },
	{ "upper(s)", "'JAYA É'" },
	{ "trim(\" \\t a b\\n\")", "'a b'" },
	{ "startsWith(s, \"Jaya\")", "true" },
	{ "startsWith(\"\", \"a\")", "false" },
	{ "contains(s, \"É\")", "true" },
	{ "contains(s, \"\")", "true" },
	{ "\"B\" < \"a\"", "true" },
	{ "\"a\" < \"ab\"", "true" },
	{ "\"ab\" >= \"ab\"", "true" },
	{ "string(1.50)", "'1.5'" },
	{ "string(t)", "'2026-03-28T12:13:20Z'" },
	{ "string(90m)", "'90m'" },
	{ "string(b)", "'true'" },
	{ "string(-7)", "'-7'" },
	/* in */
	{ "\"a\" in [\"b\", \"a\"]", "true" },
	{ "i in [1, 7]", "true" },
	{ "i in [-7, -1]", "false" },
	{ "-i in [-7]", "true" },
	{ "d in [2.5, 1]", "true" },
	{ "u in [90s]", "true" },
	{ "z in [\"a\"]", "null" },
	{ "i in []", "false" },
	{ "\"in\" == \"in\"", "true" },
	/* null: == and != treat it as a value; arithmetic and order give null */
	{ "j == null", "true" },
	{ "i == null", "false" },
	{ "null == null", "true" },
	{ "j != null", "false" },
	{ "j == 7", "false" },
	{ "j != 7", "true" },
	{ "j + 1", "null" },
	{ "j < 1", "null" },
	{ "-j", "null" },
	{ "z + \"a\"", "null" },
	{ "abs(j)", "null" },
	{ "size(z)", "null" },
	{ "days(w)", "null" },
	{ "lower(z)", "null" },
	{ "z < \"a\"", "null" },
	{ "e * 2", "null" },
	{ "coalesce(j, i, 1)", "7" },
	{ "coalesce(j, 2.5)", "2.5" },
	{ "coalesce(z, \"(none)\")", "'(none)'" },
	{ "coalesce(j, j)", "null" },
	{ "coalesce(null, 3)", "3" },
	{ "least(j, 3, i)", "3" },
	{ "max(j, 3, i)", "7" },
	{ "min(2, 1.5)", "1.5" },
	{ "r == null", "true" },
	/* absorption: an answer that does not depend on the null is an answer */
	{ "false && c", "false" },
	{ "c && false", "false" },
	{ "true || c", "true" },
	{ "c || true", "true" },
	{ "true && c", "null" },
	{ "c && true", "null" },
	{ "false || c", "null" },
	{ "c || c", "null" },
	{ "!c", "null" },
	{ "c ? 1 : 2", "null" },
	{ "j < 1 || b", "true" },
	{ "b ? j : 2", "null" },
	{ "b ? null : 2.5", "null" },
	{ "!b ? null : 2.5", "2.5" },
	{ "b ? 1 : 2.5", "1.0" },
	{ "!b ? 1.5 : 2", "2.0" },
	{ "null && false", "false" },
	/* blanks are nothing */
	{ " 1\t+\n2 ", "3" },
	{ "i in[7]", "true" },
};

static void test_table(void **state)
{
	(void)state;
	terms_set();
	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
		struct expr_program *program;
		struct expr_error error;
		uint64_t overflows;
		char shown[256];

		if (terms_compile(table[k].text, VALUE_ANY, &program, &error))
			fail_msg("%s: %zu+%zu: %s", table[k].text, error.offset, error.len,
				error.message);
		terms_show(program, terms_run(program, &overflows), shown, sizeof(shown));
		if (strcmp(shown, table[k].result) != 0)
			fail_msg("%s: %s, not %s", table[k].text, shown, table[k].result);
	}
}

static void test_overflows_are_counted(void **state)
{
	static const struct {
		const char *text;
		uint64_t count;
	} cases[] = { { "i * 2", 0 }, { "922337203685477 * 922337203685477", 1 },
		{ "t + 100000000d", 1 }, { "1 / 0", 0 },
		{ "922337203685477 * 922337203685477 + 922337203685477 * 922337203685477", 2 },
		{ "922337203685477 + 0.9", 1 }, { "922337203685477 * 100 + 0.5", 1 } };

	(void)state;
	terms_set();
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct expr_program *program;
		struct expr_error error;
		uint64_t overflows;

		assert_int_equal(terms_compile(cases[k].text, VALUE_ANY, &program, &error), 0);
		terms_run(program, &overflows);
		if (overflows != cases[k].count)
			fail_msg("%s: %u overflows", cases[k].text, (unsigned)overflows);
	}
}

/* ---- what it refuses ---------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	size_t offset, length;
	const char *says;
} refusals[] = {
	{ "", 0, 1, "missing at the end" },
	{ "1 +", 3, 1, "missing at the end" },
	{ "1 2", 2, 1, "operator is missing" },
	{ "(1 + 2", 6, 1, "closing )" },
	{ "[1, 2", 5, 1, "closing ]" },
	{ "\"abc", 0, 4, "closing quote" },
	{ "\"a\\x\"", 2, 2, "escapes are" },
	{ "a = 1", 2, 1, "== is" },
	{ "b & c", 2, 1, "written twice" },
	{ "b | c", 2, 1, "written twice" },
	{ "{1: 2}", 0, 1, "map literals" },
	{ "i $ 1", 2, 1, "means nothing" },
	{ "1.23456", 0, 7, "at most 14 digits" },
	{ "5y", 0, 2, "a duration is" },
	{ "1.5h", 0, 4, "a duration is" },
	{ "b ? 1", 5, 1, "a : is missing" },
	{ "deal.", 5, 1, "name is missing" },
	{ "s.size()", 0, 6, "written f(x)" },
	{ "l[0]", 1, 1, "indexes" },
	{ "has(deal.amount)", 0, 3, "macro" },
	{ "deal.amont > 0", 5, 5, "did you mean \"amount\"" },
	{ "1 + 2 > deal.wonat", 13, 5, "did you mean \"won_at\"" },
	{ "dael.amount", 0, 4, "did you mean \"deal\"" },
	{ "i + unknown_name", 4, 12, "unknown name" },
	{ "colaesce(i, 1)", 0, 8, "did you mean \"coalesce\"" },
	{ "abs()", 0, 5, "takes 1 to 1 arguments, not 0" },
	{ "abs(1, 2)", 0, 9, "takes 1 to 1 arguments, not 2" },
	{ "abs(\"a\")", 0, 8, "it takes a number, not a string" },
	{ "size(1)", 0, 7, "it takes a string" },
	{ "startsWith(s, 1)", 0, 16, "it takes a string" },
	{ "coalesce(i, s)", 0, 14, "one type" },
	{ "least(s, s)", 0, 11, "no least or greatest" },
	{ "decimal(u)", 0, 10, "a text or a number, not a duration" },
	{ "int(t)", 0, 6, "a text or a number" },
	{ "days(i)", 0, 7, "takes a duration" },
	{ "string(l)", 0, 9, "has no text" },
	{ "i + s", 0, 5, "+ is not defined between a int and a string" },
	{ "t + t", 0, 5, "not defined" },
	{ "m * m", 0, 5, "not defined" },
	{ "m + 1", 0, 5, "not defined" },
	{ "t * 2", 0, 5, "not defined" },
	{ "d % 2", 0, 5, "not defined" },
	{ "1h % 2", 0, 6, "not defined" },
	{ "i == s", 0, 6, "a number in a text is read by decimal" },
	{ "s > 1", 0, 5, "stands in quotes" },
	{ "m > 1", 0, 5, "compares a money" },
	{ "b < c", 0, 5, "needs an order" },
	{ "l < l", 0, 5, "needs an order" },
	{ "i && b", 0, 1, "takes conditions; this is a int" },
	{ "b || s", 5, 1, "takes conditions; this is a string" },
	{ "!i", 0, 2, "takes a condition" },
	{ "-s", 0, 2, "takes a number" },
	{ "i ? 1 : 2", 0, 1, "stands a condition" },
	{ "b ? 1 : \"a\"", 0, 11, "two sides of :" },
	{ "i in 7", 5, 1, "a list of constants" },
	{ "i in [j]", 5, 3, "constants only" },
	{ "i in [\"a\"]", 5, 5, "the list has a string" },
	{ "[1, 2]", 0, 6, "only right of `in`" },
	{ "a.b.c.d.e.f.g.h.k", 16, 1, "at most 8 parts" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(refusals) / sizeof(refusals[0]); k++) {
		struct expr_program *program;
		struct expr_error error;

		if (!terms_compile(refusals[k].text, VALUE_ANY, &program, &error))
			fail_msg("%s: taken", refusals[k].text);
		if (!strstr(error.message, refusals[k].says))
			fail_msg("%s: «%s», not «%s»", refusals[k].text, error.message,
				refusals[k].says);
		if (error.offset != refusals[k].offset || error.len != refusals[k].length)
			fail_msg("%s: at %zu+%zu, not %zu+%zu", refusals[k].text, error.offset,
				error.len, refusals[k].offset, refusals[k].length);
	}
}

static void test_wanted_type(void **state)
{
	struct expr_program *program;
	struct expr_error error;
	uint64_t overflows;

	(void)state;
	terms_set();
	assert_int_equal(terms_compile("i", VALUE_TIME, &program, &error), 1);
	assert_non_null(strstr(error.message, "a time is wanted here, this is a int"));
	assert_int_equal(terms_compile("i", VALUE_DECIMAL, &program, &error), 0);
	assert_int_equal(expr_type(program), VALUE_DECIMAL);
	assert_int_equal(terms_run(program, &overflows).i, 70000);
	assert_int_equal(terms_compile("null", VALUE_TIME, &program, &error), 0);
	assert_int_equal(expr_type(program), VALUE_TIME);
	assert_true(terms_run(program, &overflows).is_null);
}

/* What is nested or long beyond all reason is refused, whatever the form: no stack and no memory runs out. */
static void test_depth(void **state)
{
	static const char *const forms[] = { "(", "!", "-", "[", "b ? ", "abs(", "1 + (", "b && (",
		"[[" };
	static const char *const links[] = { " + 1", " && b", " == 1", " * 2" };
	struct expr_program *program;
	struct expr_error error;
	char text[40000];

	(void)state;
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		text[0] = '\0';
		for (size_t i = 0, used = 0; used + 20 < sizeof(text); i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", forms[f]);
		assert_int_equal(terms_compile(text, VALUE_ANY, &program, &error), 1);
		assert_non_null(strstr(error.message, "too deeply"));
	}
	for (size_t f = 0; f < sizeof(links) / sizeof(links[0]); f++) {
		snprintf(text, sizeof(text), "1");
		for (size_t used = 1; used + 20 < sizeof(text);)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", links[f]);
		assert_int_equal(terms_compile(text, VALUE_ANY, &program, &error), 1);
	}
	snprintf(text, sizeof(text), "1");
	for (size_t used = 1, i = 0; i < 40; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " + 1");
	assert_int_equal(terms_compile(text, VALUE_ANY, &program, &error), 0);
}

/* A name for an expression: computed in place; one that stands for itself ends; one that doubles is refused before it is huge. */
static void test_names_for_expressions(void **state)
{
	struct expr_program *program;
	struct expr_error error;
	struct expr_node *tree;
	uint64_t overflows;

	(void)state;
	terms_set();
	assert_int_equal(expr_parse(&terms_arena, SLICE_LIT("i + i"), &tree, &error), 0);
	terms_named = tree;
	assert_int_equal(terms_compile("twice * 2", VALUE_ANY, &program, &error), 0);
	assert_int_equal(terms_run(program, &overflows).i, 28);
	assert_int_equal(expr_parse(&terms_arena, SLICE_LIT("[1, 14]"), &tree, &error), 0);
	terms_named = tree;
	assert_int_equal(terms_compile("i + i in twice", VALUE_ANY, &program, &error), 0);
	assert_int_equal(terms_run(program, &overflows).i, 1);
	assert_int_equal(expr_parse(&terms_arena, SLICE_LIT("twice + twice"), &tree, &error), 0);
	terms_named = tree;
	assert_int_equal(terms_compile("1 + twice", VALUE_ANY, &program, &error), 1);
	assert_int_equal(error.offset, 4);
	assert_int_equal(error.len, 5);
}

static void test_loads(void **state)
{
	struct expr_program *program;
	struct expr_error error;
	const uint32_t *codes;
	uint32_t count;

	(void)state;
	assert_int_equal(
		terms_compile("i + i * i > 2 ? deal.amount : m", VALUE_ANY, &program, &error), 0);
	codes = expr_loads(program, &count);
	assert_int_equal(count, 3);
	assert_string_equal(terms_variables[codes[0]].name, "i");
	assert_string_equal(terms_variables[codes[1]].name, "deal.amount");
	assert_string_equal(terms_variables[codes[2]].name, "m");
}

/* ---- the canonical text ------------------------------------------------------------------------------------- */

static void print(const char *text, char *buf, size_t cap)
{
	struct buffer _cleanup_buffer_ out;
	struct expr_error error;
	struct expr_node *tree;

	buffer_init(&out);
	if (expr_parse(&terms_arena, slice_of(text), &tree, &error))
		fail_msg("%s: %s", text, error.message);
	expr_print(tree, &out);
	snprintf(buf, cap, "%s", buffer_text(&out));
}

static void test_canonical_text(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "a+b*c", "(a + (b * c))" },
		{ "a - b - c", "((a - b) - c)" },
		{ "!a&&b", "(!a && b)" },
		{ "x in ['p',\"q\"]", "(x in [\"p\", \"q\"])" },
		{ "f( a ,b )", "f(a, b)" },
		{ "a?b:c?d:e", "(a ? b : (c ? d : e))" },
		{ "60m", "1h" },
		{ "1.50", "1.5" },
		{ "-5", "-5" },
		{ "'it\\'s \\\\ \\\" \\n'", "\"it's \\\\ \\\" \\n\"" },
		{ "null", "null" },
		{ "a . b", "a.b" },
	};
	char shown[256], again[256];

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		print(cases[k].text, shown, sizeof(shown));
		assert_string_equal(shown, cases[k].canonical);
		print(shown, again, sizeof(again));
		assert_string_equal(again, shown);
	}
}

/* ---- the model ---------------------------------------------------------------------------------------------- */

enum { TEXT_CAP = 3000 };

struct model {
	struct rng rng;
	char text[TEXT_CAP * 4];
	size_t length;
};

struct answer {
	bool is_null;
	int64_t i;
	uint32_t currency;
	char text[512];
};

static void put(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct model *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	m->length +=
		(size_t)vsnprintf(m->text + m->length, sizeof(m->text) - m->length, format, args);
	va_end(args);
	assert_true(m->length < sizeof(m->text));
}

static struct answer null_answer(void)
{
	return (struct answer){ .is_null = true };
}

static struct answer number(i128 wide, uint32_t currency)
{
	if (wide > INT64_MAX || wide < INT64_MIN)
		return null_answer();
	return (struct answer){ .i = (int64_t)wide, .currency = currency };
}

static struct answer instant(i128 wide)
{
	return wide > (i128)1 << 52 || wide < -((i128)1 << 52) ? null_answer() : number(wide, 0);
}

/* Written out: away from the quotient towards the nearer, at the middle towards the even one. */
static i128 divide(i128 a, i128 b)
{
	i128 quotient = a / b, rest = a % b, size = rest < 0 ? -rest : rest, half = b < 0 ? -b : b;
	int away = (a < 0) == (b < 0) ? 1 : -1;

	if (2 * size > half || (2 * size == half && quotient % 2 != 0))
		quotient += away;
	return quotient;
}

static struct answer variable_answer(struct model *m, const char *name)
{
	struct answer a = { 0 };

	put(m, "%s", name);
	for (uint32_t k = 0; k < TERMS_COUNT; k++)
		if (!strcmp(terms_variables[k].name, name)) {
			a.is_null = terms_variables[k].value.is_null;
			a.i = terms_variables[k].value.i;
			a.currency = terms_variables[k].value.currency;
			if (terms_variables[k].type == VALUE_STRING && !a.is_null)
				snprintf(a.text, sizeof(a.text), SLICE_FMT,
					SLICE_ARG(intern_text(&terms_strings, (uint32_t)a.i)));
		}
	return a;
}

static struct answer make(struct model *m, enum value_type type, int depth);

static struct answer literal(struct model *m, enum value_type type)
{
	struct answer a = { 0 };

	switch (type) {
	case VALUE_BOOL:
		a.i = (int64_t)rng_below(&m->rng, 2);
		put(m, "%s", a.i ? "true" : "false");
		break;
	case VALUE_INT:
		a.i = rng_chance(&m->rng, 0.1) ? 922337203685477
					       : (int64_t)rng_below(&m->rng, 20) - 5;
		put(m, "%lld", (long long)a.i);
		break;
	case VALUE_DECIMAL:
		a.i = ((int64_t)rng_below(&m->rng, 20) - 5) * 10000 +
		      (int64_t)rng_below(&m->rng, 10) * 1000;
		put(m, "%s%lld.%lld", a.i < 0 ? "-" : "", (long long)(llabs(a.i) / 10000),
			(long long)(llabs(a.i) % 10000 / 1000));
		break;
	case VALUE_DURATION:
		a.i = (int64_t)rng_below(&m->rng, 100) * 60000;
		put(m, "%lldm", (long long)(a.i / 60000));
		break;
	case VALUE_STRING:
		a.text[0] = (char)('a' + rng_below(&m->rng, 3));
		put(m, "'%s'", a.text);
		break;
	default:
		return variable_answer(m, type == VALUE_TIME ? "t" : "m");
	}
	return a;
}

static struct answer leaf(struct model *m, enum value_type type)
{
	static const char *const names[VALUE_ANY][2] = {
		[VALUE_BOOL] = { "b", "c" },
		[VALUE_INT] = { "i", "j" },
		[VALUE_DECIMAL] = { "d", "e" },
		[VALUE_MONEY] = { "m", "n" },
		[VALUE_TIME] = { "t", "deal.won_at" },
		[VALUE_DURATION] = { "u", "w" },
		[VALUE_STRING] = { "s", "z" },
	};

	return rng_chance(&m->rng, 0.4) ? literal(m, type)
					: variable_answer(m, names[type][rng_below(&m->rng, 2)]);
}

/* A decimal, or an int that becomes one. */
static struct answer widened(struct model *m, int depth)
{
	struct answer a;

	if (rng_chance(&m->rng, 0.7))
		return make(m, VALUE_DECIMAL, depth);
	a = make(m, VALUE_INT, depth);
	return a.is_null ? a : number((i128)a.i * 10000, 0);
}

static struct answer logic(struct model *m, int depth)
{
	bool is_and = rng_chance(&m->rng, 0.5);
	struct answer a, b;

	put(m, "(");
	a = make(m, VALUE_BOOL, depth);
	put(m, is_and ? " && " : " || ");
	b = make(m, VALUE_BOOL, depth);
	put(m, ")");
	if ((!a.is_null && a.i == !is_and) || (!b.is_null && b.i == !is_and))
		return (struct answer){ .i = !is_and };
	return a.is_null || b.is_null ? null_answer() : (struct answer){ .i = is_and };
}

static struct answer comparison(struct model *m, int depth)
{
	static const char *const signs[] = { "==", "!=", "<", "<=", ">", ">=" };
	static const enum value_type types[] = { VALUE_INT, VALUE_DECIMAL, VALUE_MONEY, VALUE_TIME,
		VALUE_DURATION, VALUE_STRING };
	enum value_type type = types[rng_below(&m->rng, 6)];
	uint64_t sign = rng_below(&m->rng, 6);
	struct answer a, b;
	int order;
	bool is_mixed;

	put(m, "(");
	a = make(m, type, depth);
	put(m, " %s ", signs[sign]);
	b = type == VALUE_DECIMAL ? widened(m, depth) : make(m, type, depth);
	put(m, ")");
	is_mixed = type == VALUE_MONEY && a.currency != b.currency;
	order = type == VALUE_STRING ? strcmp(a.text, b.text) : (a.i > b.i) - (a.i < b.i);
	if (sign < 2) {
		bool is_equal =
			a.is_null || b.is_null ? a.is_null && b.is_null : order == 0 && !is_mixed;

		return (struct answer){ .i = is_equal == (sign == 0) };
	}
	if (a.is_null || b.is_null || is_mixed)
		return null_answer();
	return (struct answer){ .i = sign == 2	 ? order < 0
				     : sign == 3 ? order <= 0
				     : sign == 4 ? order > 0
						 : order >= 0 };
}

static struct answer membership(struct model *m, int depth)
{
	struct answer a;
	bool is_in = false;

	put(m, "(");
	a = make(m, VALUE_INT, depth);
	put(m, " in [");
	for (uint64_t k = rng_below(&m->rng, 4); k > 0; k--) {
		int64_t item = (int64_t)rng_below(&m->rng, 12) - 4;

		put(m, "%lld%s", (long long)item, k > 1 ? ", " : "");
		is_in |= item == a.i;
	}
	put(m, "])");
	return a.is_null ? a : (struct answer){ .i = is_in };
}

static struct answer ternary(struct model *m, enum value_type type, int depth)
{
	struct answer condition, yes, no;

	put(m, "(");
	condition = make(m, VALUE_BOOL, depth);
	put(m, " ? ");
	yes = make(m, type, depth);
	put(m, " : ");
	no = type == VALUE_DECIMAL ? widened(m, depth) : make(m, type, depth);
	put(m, ")");
	return condition.is_null ? condition : condition.i ? yes : no;
}

static struct answer coalesced(struct model *m, enum value_type type, int depth)
{
	struct answer a, b;

	put(m, "coalesce(");
	a = make(m, type, depth);
	put(m, ", ");
	b = type == VALUE_DECIMAL ? widened(m, depth) : make(m, type, depth);
	put(m, ")");
	return a.is_null ? b : a;
}

static struct answer negated(struct model *m, enum value_type type, int depth)
{
	struct answer a;

	put(m, type == VALUE_BOOL ? "!" : "(-");
	a = make(m, type, depth);
	put(m, type == VALUE_BOOL ? "" : ")");
	if (a.is_null)
		return a;
	return type == VALUE_BOOL ? (struct answer){ .i = !a.i } : number(-(i128)a.i, a.currency);
}

/* left op right, by the types' rules: the result from the two whole numbers, wide. */
struct rule {
	enum value_type result, left, right;
	char op;
	enum { SUM, PRODUCT, PRODUCT_SCALED, QUOTIENT, QUOTIENT_SCALED, REST } how;
};

static const struct rule rules[] = {
	{ VALUE_INT, VALUE_INT, VALUE_INT, '+', SUM },
	{ VALUE_INT, VALUE_INT, VALUE_INT, '-', SUM },
	{ VALUE_INT, VALUE_INT, VALUE_INT, '*', PRODUCT },
	{ VALUE_INT, VALUE_INT, VALUE_INT, '%', REST },
	{ VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, '+', SUM },
	{ VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, '-', SUM },
	{ VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, '*', PRODUCT_SCALED },
	{ VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, '/', QUOTIENT_SCALED },
	{ VALUE_DECIMAL, VALUE_INT, VALUE_INT, '/', QUOTIENT_SCALED },
	{ VALUE_DECIMAL, VALUE_MONEY, VALUE_MONEY, '/', QUOTIENT_SCALED },
	{ VALUE_DECIMAL, VALUE_DURATION, VALUE_DURATION, '/', QUOTIENT_SCALED },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_MONEY, '+', SUM },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_MONEY, '-', SUM },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_DECIMAL, '*', PRODUCT_SCALED },
	{ VALUE_MONEY, VALUE_DECIMAL, VALUE_MONEY, '*', PRODUCT_SCALED },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_INT, '*', PRODUCT },
	{ VALUE_MONEY, VALUE_INT, VALUE_MONEY, '*', PRODUCT },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_DECIMAL, '/', QUOTIENT_SCALED },
	{ VALUE_MONEY, VALUE_MONEY, VALUE_INT, '/', QUOTIENT },
	{ VALUE_TIME, VALUE_TIME, VALUE_DURATION, '+', SUM },
	{ VALUE_TIME, VALUE_DURATION, VALUE_TIME, '+', SUM },
	{ VALUE_TIME, VALUE_TIME, VALUE_DURATION, '-', SUM },
	{ VALUE_DURATION, VALUE_TIME, VALUE_TIME, '-', SUM },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_DURATION, '+', SUM },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_DURATION, '-', SUM },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_INT, '*', PRODUCT },
	{ VALUE_DURATION, VALUE_INT, VALUE_DURATION, '*', PRODUCT },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_DECIMAL, '*', PRODUCT_SCALED },
	{ VALUE_DURATION, VALUE_DECIMAL, VALUE_DURATION, '*', PRODUCT_SCALED },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_INT, '/', QUOTIENT },
	{ VALUE_DURATION, VALUE_DURATION, VALUE_DECIMAL, '/', QUOTIENT_SCALED },
};
enum { RULE_COUNT = sizeof(rules) / sizeof(rules[0]) };

static struct answer arithmetic(struct model *m, enum value_type type, int depth)
{
	const struct rule *rule;
	struct answer a, b;
	uint32_t currency;
	i128 wide;

	do
		rule = &rules[rng_below(&m->rng, RULE_COUNT)];
	while (rule->result != type);
	put(m, "(");
	a = make(m, rule->left, depth);
	put(m, " %c ", rule->op);
	b = rule->left == VALUE_DECIMAL && rule->right == VALUE_DECIMAL
		    ? widened(m, depth)
		    : make(m, rule->right, depth);
	put(m, ")");
	currency = type == VALUE_MONEY ? a.currency | b.currency : 0;
	if (a.is_null || b.is_null ||
		(rule->left == VALUE_MONEY && rule->right == VALUE_MONEY &&
			a.currency != b.currency))
		return null_answer();
	if ((rule->op == '/' || rule->op == '%') && b.i == 0)
		return null_answer();
	switch (rule->how) {
	case SUM:
		wide = rule->op == '+' ? (i128)a.i + b.i : (i128)a.i - b.i;
		break;
	case PRODUCT:
		wide = (i128)a.i * b.i;
		break;
	case PRODUCT_SCALED:
		wide = divide((i128)a.i * b.i, 10000);
		break;
	case QUOTIENT:
		wide = divide(a.i, b.i);
		break;
	case QUOTIENT_SCALED:
		wide = divide((i128)a.i * 10000, b.i);
		break;
	default:
		wide = (i128)a.i % b.i;
		break;
	}
	return type == VALUE_TIME ? instant(wide) : number(wide, currency);
}

static struct answer concatenation(struct model *m, int depth)
{
	struct answer a, b, sum = { 0 };

	put(m, "(");
	a = make(m, VALUE_STRING, depth);
	put(m, " + ");
	b = make(m, VALUE_STRING, depth);
	put(m, ")");
	if (a.is_null || b.is_null || strlen(a.text) + strlen(b.text) >= sizeof(sum.text))
		return null_answer();
	snprintf(sum.text, sizeof(sum.text), "%s", a.text);
	snprintf(sum.text + strlen(a.text), sizeof(sum.text) - strlen(a.text), "%s", b.text);
	return sum;
}

static struct answer make(struct model *m, enum value_type type, int depth)
{
	if (depth == 0 || m->length > TEXT_CAP || rng_chance(&m->rng, 0.15))
		return leaf(m, type);
	depth--;
	switch (rng_below(&m->rng, 8)) {
	case 0:
		return ternary(m, type, depth);
	case 1:
		return coalesced(m, type, depth);
	case 2:
		if (type != VALUE_TIME && type != VALUE_STRING)
			return negated(m, type, depth);
		break;
	case 3:
		if (type == VALUE_BOOL)
			return membership(m, depth);
		break;
	default:
		break;
	}
	if (type == VALUE_BOOL)
		return rng_chance(&m->rng, 0.5) ? logic(m, depth) : comparison(m, depth);
	return type == VALUE_STRING ? concatenation(m, depth) : arithmetic(m, type, depth);
}

static void random_values(struct rng *rng)
{
	static const int64_t extremes[] = { INT64_MAX, INT64_MIN, 0, -1, 1, INT64_MAX / 10000,
		4503599627370496 };

	for (uint32_t k = 0; k < TERMS_COUNT; k++) {
		struct value *v = &terms_variables[k].value;

		*v = (struct value){ .type = (uint8_t)terms_variables[k].type,
			.is_null = rng_chance(rng, 0.15) };
		v->i = (int64_t)rng_below(rng, 200000) - 50000;
		if (rng_chance(rng, 0.1))
			v->i = extremes[rng_below(rng, 7)];
		if (terms_variables[k].type == VALUE_TIME)
			v->i = 1774700000000 + (int64_t)rng_below(rng, 1000000000);
		if (terms_variables[k].type == VALUE_BOOL)
			v->i &= 1;
		if (terms_variables[k].type == VALUE_MONEY)
			v->currency = intern_add(&terms_strings,
				rng_chance(rng, 0.7) ? SLICE_LIT("IDR") : SLICE_LIT("USD"));
		if (terms_variables[k].type == VALUE_STRING)
			v->i = intern_add(&terms_strings,
				rng_chance(rng, 0.5) ? SLICE_LIT("a") : SLICE_LIT("bc"));
		if (v->is_null)
			v->i = 0;
		if (v->is_null)
			v->currency = 0;
	}
}

static void check_answer(
	const struct model *m, const struct expr_program *program, struct answer want)
{
	uint64_t overflows;
	struct value got = terms_run(program, &overflows);
	bool is_same = got.is_null == want.is_null;

	if (is_same && !got.is_null) {
		if (expr_type(program) == VALUE_STRING)
			is_same = slice_is(intern_text(&terms_strings, (uint32_t)got.i), want.text);
		else
			is_same = got.i == want.i && got.currency == want.currency;
	}
	if (!is_same)
		fail_msg("%s\n%s %lld, not %s %lld", m->text, got.is_null ? "null" : "",
			(long long)got.i, want.is_null ? "null" : "", (long long)want.i);
}

static void test_model(void **state)
{
	static const enum value_type types[] = { VALUE_BOOL, VALUE_INT, VALUE_DECIMAL, VALUE_MONEY,
		VALUE_TIME, VALUE_DURATION, VALUE_STRING };
	static struct model m;
	int nulls = 0;

	(void)state;
	rng_init(&m.rng, 61);
	for (int k = 0; k < 20000; k++) {
		enum value_type type = types[rng_below(&m.rng, 7)];
		struct expr_program *program;
		struct expr_error error;
		struct answer want;
		char canonical[TEXT_CAP * 8];

		arena_reset(&terms_arena);
		random_values(&m.rng);
		m.length = 0;
		m.text[0] = '\0';
		want = make(&m, type, 1 + (int)rng_below(&m.rng, 5));
		nulls += want.is_null;
		if (terms_compile(m.text, type, &program, &error))
			fail_msg("%s\nat %zu: %s", m.text, error.offset, error.message);
		assert_int_equal(expr_type(program), type);
		check_answer(&m, program, want);
		/* The canonical text says the same. */
		print(m.text, canonical, sizeof(canonical));
		if (terms_compile(canonical, type, &program, &error))
			fail_msg("%s\n%s", canonical, error.message);
		check_answer(&m, program, want);
	}
	assert_true(nulls > 2000 && nulls < 16000);
}

/* Bytes that are no expression: never more than a mistake with a place inside the text. */
static void test_noise(void **state)
{
	static const char *const pieces[] = { "i", "deal", ".", "amount", "(", ")", "[", "]", ",",
		"?", ":", "+", "-", "*", "/", "%", "&&", "||", "==", "<", "in", "1", "2.5", "3d",
		"\"a\"", "'", "\\", "null", "true", "coalesce", " ", "!", "twice", "s", "\xc3" };
	struct rng rng;

	(void)state;
	terms_set();
	rng_init(&rng, 62);
	for (int k = 0; k < 30000; k++) {
		struct expr_program *program;
		struct expr_error error = { 0 };
		char text[300] = "";
		uint64_t overflows;

		arena_reset(&terms_arena);
		for (uint64_t n = rng_below(&rng, 14), used = 0; n > 0; n--)
			used += (uint64_t)snprintf(text + used, sizeof(text) - used, "%s",
				pieces[rng_below(&rng, 35)]);
		if (terms_compile(text, VALUE_ANY, &program, &error)) {
			assert_true(error.offset <= strlen(text) && error.message[0]);
			assert_true(error.offset + error.len <= strlen(text) + 2);
		} else {
			terms_run(program, &overflows);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(
			test_overflows_are_counted, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_wanted_type, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_depth, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(
			test_names_for_expressions, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_loads, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_canonical_text, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_model, terms_setup, terms_teardown),
		cmocka_unit_test_setup_teardown(test_noise, terms_setup, terms_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
