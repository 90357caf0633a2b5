/*
 * What the subset of CEL makes of the language's own constructs, by the sections of its specification, in our words: what CEL gives, and what
 * is given here. Where the two differ the reason is one of a few, and stands in the row; what is not in the subset is refused by the
 * construct's name. An error of CEL is null here (LANGUAGE.md), which && and || absorb as CEL absorbs errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "terms.h"

#define SAME NULL
#define REFUSED "refused: "
/* Why it differs. */
#define ERROR_IS_NULL "an error is null"
#define RATIO "ints divide to a decimal: a ratio of counts is no whole number"
#define ONE_NUMBER "one exact decimal type with four places, ints are taken where it is wanted"
#define SMALLER "numbers have at most 14 digits before the point"
#define NULL_PASSES "null passes through"

static const struct {
	const char *text, *cel, *ours, *why;
} table[] = {
	/* ---- literals ---- */
	{ "42", "42", SAME, NULL },
	{ "-42", "-42", SAME, NULL },
	{ "0", "0", SAME, NULL },
	{ "true", "true", SAME, NULL },
	{ "false", "false", SAME, NULL },
	{ "null", "null", SAME, NULL },
	{ "1.5", "1.5", SAME, NULL },
	{ "-0.25", "-0.25", SAME, NULL },
	{ "'a'", "'a'", SAME, NULL },
	{ "\"a\"", "'a'", SAME, NULL },
	{ "''", "''", SAME, NULL },
	{ "'it\\'s'", "'it's'", SAME, NULL },
	{ "\"\\\\\"", "'\\'", SAME, NULL },
	{ "'\\n' == '\\n'", "true", SAME, NULL },
	{ "'\xc3\xa9'", "'\xc3\xa9'", SAME, NULL },
	{ "9223372036854775807", "9223372036854775807", REFUSED "at most 14 digits", SMALLER },
	{ "0x1F", "31", REFUSED "hexadecimal numbers", NULL },
	{ "42u", "42", REFUSED "unsigned numbers", NULL },
	{ "1e3", "1000.0", REFUSED "numbers with an exponent", NULL },
	{ ".5", "0.5", REFUSED "a digit in front of the point", NULL },
	{ "b'abc'", "bytes", REFUSED "bytes", NULL },
	{ "r'\\n'", "'\\n'", REFUSED "raw texts", NULL },
	{ "R\"\\n\"", "'\\n'", REFUSED "raw texts", NULL },
	{ "'''a'''", "'a'", REFUSED "texts in three quotes", NULL },
	{ "\"\"\"a\"\"\"", "'a'", REFUSED "texts in three quotes", NULL },
	{ "'\\x41'", "'A'", REFUSED "escapes are", NULL },
	{ "'\\u00e9'", "'\xc3\xa9'", REFUSED "escapes are", NULL },
	{ "'\\101'", "'A'", REFUSED "escapes are", NULL },
	{ "[1, 2]", "list", REFUSED "`in`", NULL },
	{ "{'a': 1}", "map", REFUSED "map literals", NULL },
	{ "1 // one", "1", REFUSED "comments", NULL },
	/* ---- equality ---- */
	{ "1 == 1", "true", SAME, NULL },
	{ "1 == 2", "false", SAME, NULL },
	{ "1 != 2", "true", SAME, NULL },
	{ "1 == 1.0", "true", SAME, NULL },
	{ "1.5 == 1", "false", SAME, NULL },
	{ "'a' == 'a'", "true", SAME, NULL },
	{ "'a' == 'A'", "false", SAME, NULL },
	{ "'a' != 'b'", "true", SAME, NULL },
	{ "true == true", "true", SAME, NULL },
	{ "true != false", "true", SAME, NULL },
	{ "null == null", "true", SAME, NULL },
	{ "null != null", "false", SAME, NULL },
	{ "1 == null", "false", SAME, NULL },
	{ "'a' != null", "true", SAME, NULL },
	{ "1 == '1'", "false", REFUSED "compares a int with a string", "types are checked beforehand" },
	{ "[1] == [1]", "true", REFUSED "`in`", NULL },
	{ "1 = 1", "error", REFUSED "== is", NULL },
	/* ---- order ---- */
	{ "1 < 2", "true", SAME, NULL },
	{ "2 < 1", "false", SAME, NULL },
	{ "1 <= 1", "true", SAME, NULL },
	{ "2 > 1", "true", SAME, NULL },
	{ "1 >= 2", "false", SAME, NULL },
	{ "1 < 1.5", "true", SAME, NULL },
	{ "1.5 <= 1.5", "true", SAME, NULL },
	{ "-1 < 0", "true", SAME, NULL },
	{ "'a' < 'b'", "true", SAME, NULL },
	{ "'a' < 'ab'", "true", SAME, NULL },
	{ "'B' < 'a'", "true", SAME, NULL },
	{ "'a' >= 'a'", "true", SAME, NULL },
	{ "1 < 2 == true", "true", SAME, NULL },
	{ "false < true", "true", REFUSED "bool", "what is true is no more than what is false" },
	{ "1 < '2'", "error", REFUSED "compares a int with a string", NULL },
	{ "1 < null", "error", "null", NULL_PASSES },
	/* ---- logic ---- */
	{ "true && true", "true", SAME, NULL },
	{ "true && false", "false", SAME, NULL },
	{ "false || true", "true", SAME, NULL },
	{ "false || false", "false", SAME, NULL },
	{ "!true", "false", SAME, NULL },
	{ "!!true", "true", SAME, NULL },
	{ "!(1 == 2)", "true", SAME, NULL },
	{ "true || false && false", "true", SAME, NULL },
	{ "true ? 1 : 2", "1", SAME, NULL },
	{ "false ? 1 : 2", "2", SAME, NULL },
	{ "false ? 1 : true ? 2 : 3", "2", SAME, NULL },
	{ "false ? 1 / 0 : 2.0", "2.0", SAME, NULL },
	{ "true ? 2.0 : 1 / 0", "2.0", SAME, NULL },
	{ "true ? 1 : 'a'", "1", REFUSED "", "types are checked beforehand" },
	{ "1 && true", "error", REFUSED "", NULL },
	{ "!1", "error", REFUSED "", NULL },
	{ "1 ? 2 : 3", "error", REFUSED "", NULL },
	/* errors are absorbed from both sides */
	{ "false && 1 / 0 > 1", "false", SAME, NULL },
	{ "1 / 0 > 1 && false", "false", SAME, NULL },
	{ "true || 1 / 0 > 1", "true", SAME, NULL },
	{ "1 / 0 > 1 || true", "true", SAME, NULL },
	{ "true && 1 / 0 > 1", "error", "null", ERROR_IS_NULL },
	{ "1 / 0 > 1 && true", "error", "null", ERROR_IS_NULL },
	{ "false || 1 / 0 > 1", "error", "null", ERROR_IS_NULL },
	{ "1 / 0 > 1 || false", "error", "null", ERROR_IS_NULL },
	{ "1 / 0 > 1 ? 1 : 2", "error", "null", ERROR_IS_NULL },
	{ "!(1 / 0 > 1)", "error", "null", ERROR_IS_NULL },
	/* ---- whole numbers ---- */
	{ "1 + 2", "3", SAME, NULL },
	{ "1 - 2", "-1", SAME, NULL },
	{ "3 * 4", "12", SAME, NULL },
	{ "-(3)", "-3", SAME, NULL },
	{ "- -3", "3", SAME, NULL },
	{ "2 + 3 * 4", "14", SAME, NULL },
	{ "(2 + 3) * 4", "20", SAME, NULL },
	{ "10 - 3 - 2", "5", SAME, NULL },
	{ "43 % 5", "3", SAME, NULL },
	{ "-43 % 5", "-3", SAME, NULL },
	{ "43 % -5", "3", SAME, NULL },
	{ "6 / 2", "3", "3.0", RATIO },
	{ "7 / 2", "3", "3.5", RATIO },
	{ "-7 / 2", "-3", "-3.5", RATIO },
	{ "1 / 0", "error", "null", ERROR_IS_NULL },
	{ "1 % 0", "error", "null", ERROR_IS_NULL },
	{ "99999999999999 * 99999999999999", "error", "null", ERROR_IS_NULL },
	{ "-99999999999999 * 99999999999999", "error", "null", ERROR_IS_NULL },
	{ "1 + null", "error", "null", NULL_PASSES },
	{ "1 + 'a'", "error", REFUSED "", NULL },
	{ "1 + true", "error", REFUSED "", NULL },
	/* ---- doubles are decimals here ---- */
	{ "1.5 + 1.5", "3.0", SAME, NULL },
	{ "1.0 / 4.0", "0.25", SAME, NULL },
	{ "0.1 + 0.2 == 0.3", "false", "true", ONE_NUMBER },
	{ "1.0 / 3.0", "0.3333333333333333", "0.3333", ONE_NUMBER },
	{ "1 + 1.5", "error", "2.5", ONE_NUMBER },
	{ "1.0 / 0.0", "infinity", "null", ONE_NUMBER },
	{ "-(1.5)", "-1.5", SAME, NULL },
	{ "1.5 * 2.0", "3.0", SAME, NULL },
	/* ---- texts ---- */
	{ "'a' + 'b'", "'ab'", SAME, NULL },
	{ "'' + 'b'", "'b'", SAME, NULL },
	{ "size('')", "0", SAME, NULL },
	{ "size('abc')", "3", SAME, NULL },
	{ "size('\xc3\xa9\xc3\xa9')", "2", SAME, NULL },
	{ "'abc'.size()", "3", REFUSED "size(x, …)", NULL },
	{ "'abc'.startsWith('a')", "true", REFUSED "startsWith(x, …)", NULL },
	{ "startsWith('abc', 'ab')", "true", SAME, NULL },
	{ "startsWith('abc', 'b')", "false", SAME, NULL },
	{ "contains('abc', 'bc')", "true", SAME, NULL },
	{ "contains('abc', '')", "true", SAME, NULL },
	{ "'abc'.endsWith('c')", "true", REFUSED "", NULL },
	{ "endsWith('abc', 'c')", "true", REFUSED "function", NULL },
	{ "'abc'.matches('a.c')", "true", REFUSED "", NULL },
	{ "matches('abc', 'a.c')", "true", REFUSED "regular expressions", NULL },
	{ "'a' * 2", "error", REFUSED "", NULL },
	{ "-'a'", "error", REFUSED "", NULL },
	/* ---- in, indexing, lists and maps ---- */
	{ "1 in [1, 2]", "true", SAME, NULL },
	{ "3 in [1, 2]", "false", SAME, NULL },
	{ "1 in []", "false", SAME, NULL },
	{ "'a' in ['b', 'a']", "true", SAME, NULL },
	{ "1.5 in [1.5]", "true", SAME, NULL },
	{ "!(1 in [2])", "true", SAME, NULL },
	{ "null in ['a']", "false", "null", NULL_PASSES },
	{ "'a' in 'abc'", "error", REFUSED "", NULL },
	{ "'k' in {'k': 1}", "true", REFUSED "map literals", NULL },
	{ "1 in [1 + 0]", "true", REFUSED "", "the list is of constants" },
	{ "[1, 2][0]", "1", REFUSED "indexes", NULL },
	{ "[1] + [2]", "list", REFUSED "", NULL },
	{ "size([1, 2])", "2", REFUSED "", NULL },
	{ "{'a': 1}['a']", "1", REFUSED "map literals", NULL },
	{ "{'a': 1}.a", "1", REFUSED "map literals", NULL },
	/* ---- macros ---- */
	{ "has(a.b)", "bool", REFUSED "macro has(): x != null", NULL },
	{ "all([1], x, x > 0)", "true", REFUSED "macro all()", NULL },
	{ "exists([1], x, x > 0)", "true", REFUSED "macro exists()", NULL },
	{ "exists_one([1], x, x > 0)", "true", REFUSED "macro exists_one()", NULL },
	{ "filter([1], x, x > 0)", "list", REFUSED "macro filter()", NULL },
	{ "map([1], x, x + 1)", "list", REFUSED "macro map()", NULL },
	{ "[1, 2].all(x, x > 0)", "true", REFUSED "macro all()", NULL },
	{ "[1, 2].exists(x, x > 1)", "true", REFUSED "macro exists()", NULL },
	{ "[1, 2].map(x, x * 2)", "list", REFUSED "macro map()", NULL },
	/* ---- conversions and types ---- */
	{ "int('12')", "12", SAME, NULL },
	{ "int('a')", "error", "null", ERROR_IS_NULL },
	{ "int(2.9)", "2", SAME, NULL },
	{ "int(-2.9)", "-2", SAME, NULL },
	{ "string(12)", "'12'", SAME, NULL },
	{ "string(true)", "'true'", SAME, NULL },
	{ "string(1.5)", "'1.5'", SAME, NULL },
	{ "double('1.5')", "1.5", REFUSED "decimal(x)", NULL },
	{ "double(1)", "1.0", REFUSED "decimal(x)", NULL },
	{ "uint(1)", "1", REFUSED "unsigned numbers", NULL },
	{ "bytes('a')", "bytes", REFUSED "bytes", NULL },
	{ "bool('true')", "true", REFUSED "function", NULL },
	{ "type(1)", "int", REFUSED "macro type()", NULL },
	{ "dyn(1)", "1", REFUSED "macro dyn()", NULL },
	{ "int(1) == 1", "true", SAME, NULL },
	/* ---- times and durations ---- */
	{ "timestamp('2026-03-01T00:00:00Z')", "2026-03-01T00:00:00Z", REFUSED "time(x)", NULL },
	{ "time('2026-03-01T00:00:00Z') < time('2026-03-02T00:00:00Z')", "true", SAME, NULL },
	{ "time('2026-03-01T00:00:00Z') + duration('1h')", "2026-03-01T01:00:00Z", SAME, NULL },
	{ "time('2026-03-02T00:00:00Z') - time('2026-03-01T00:00:00Z') == duration('24h')", "true", SAME, NULL },
	{ "time('2026-03-01T00:00:00Z') - duration('1h')", "2026-02-28T23:00:00Z", SAME, NULL },
	{ "time('2026-03-01T07:00:00+07:00')", "2026-03-01T00:00:00Z", SAME, NULL },
	{ "time('yesterday')", "error", "null", ERROR_IS_NULL },
	{ "duration('90s') == 90s", "true", SAME, NULL },
	{ "duration('1h') > duration('30m')", "true", SAME, NULL },
	{ "duration('1h') + duration('30m') == duration('90m')", "true", SAME, NULL },
	{ "duration('x')", "error", "null", ERROR_IS_NULL },
	{ "time('2026-03-01T00:00:00Z').getFullYear()", "2026", REFUSED "", NULL },
	{ "time('2026-03-01T00:00:00Z') + time('2026-03-01T00:00:00Z')", "error", REFUSED "", NULL },
	{ "duration('1h') * duration('1h')", "error", REFUSED "", NULL },
	/* ---- names and syntax ---- */
	{ "nobody", "error", REFUSED "nobody", NULL },
	{ "a.b.c", "error", REFUSED "a", NULL },
	{ "a.", "error", REFUSED "a name is missing behind the point", NULL },
	{ ".a", "name", REFUSED "", NULL },
	{ "f(1)", "error", REFUSED "function", NULL },
	{ "1 +", "error", REFUSED "", NULL },
	{ "(1", "error", REFUSED "a closing ) is missing here", NULL },
	{ "1)", "error", REFUSED "", NULL },
	{ "1 2", "error", REFUSED "", NULL },
	{ "true & false", "error", REFUSED "&& and || are written twice", NULL },
	{ "1 ?", "error", REFUSED "", NULL },
	{ "'a", "error", REFUSED "no closing quote", NULL },
	{ "", "error", REFUSED "", NULL },
};

/* What an expression gives, or "refused: " and why. */
static void outcome(const char *text, char *buf, size_t cap)
{
	struct expr_program *program;
	struct expr_error error;
	uint64_t overflows;

	if (terms_compile(text, VALUE_ANY, &program, &error)) {
		assert_true(error.offset <= strlen(text));
		assert_true(error.message[0] != '\0');
		snprintf(buf, cap, REFUSED "%s", error.message);
	} else {
		terms_show(program, terms_run(program, &overflows), buf, cap);
	}
}

static bool fits(const char *wanted, const char *got)
{
	size_t prefix = strlen(REFUSED);

	if (!strncmp(wanted, REFUSED, prefix))
		return !strncmp(got, REFUSED, prefix) && strstr(got, wanted + prefix);
	return !strcmp(wanted, got);
}

static void test_sections(void **state)
{
	int failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char got[400];

		outcome(table[i].text, got, sizeof(got));
		if (fits(table[i].ours ? table[i].ours : table[i].cel, got))
			continue;
		print_error("%s: %s; wanted %s%s%s\n", table[i].text, got, table[i].ours ? table[i].ours : table[i].cel,
			table[i].why ? ", as " : "", table[i].why ? table[i].why : "");
		failures++;
	}
	assert_int_equal(failures, 0);
}

/* A value that is not CEL's has its reason in the row. */
static void test_differences_have_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].ours && strncmp(table[i].ours, REFUSED, strlen(REFUSED)) != 0)
			assert_non_null(table[i].why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sections, terms_setup, terms_teardown),
		cmocka_unit_test(test_differences_have_reasons),
	};

	return cmocka_run_group_tests_name("cel", tests, NULL, NULL);
}
