/* value: names of types, and the two ways to make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/value.h"

static void test_every_type_has_its_own_name(void **state)
{
	(void)state;
	for (enum value_type a = VALUE_NULL; a <= VALUE_ANY; a++)
		for (enum value_type b = VALUE_NULL; b < a; b++)
			assert_true(strcmp(value_type_name(a), value_type_name(b)) != 0);
	assert_string_equal(value_type_name(VALUE_NULL), "null");
	assert_string_equal(value_type_name(VALUE_MONEY), "money");
	assert_string_equal(value_type_name(VALUE_RATE), "rate");
	assert_string_equal(value_type_name(VALUE_ANY), "any");
	assert_string_equal(value_type_name(VALUE_ANY), "any");
}

static void test_making_one(void **state)
{
	struct value null = value_null(VALUE_TIME), seven = value_of(VALUE_INT, 7);

	(void)state;
	assert_true(null.is_null);
	assert_int_equal(null.type, VALUE_TIME);
	assert_int_equal(null.i, 0);
	assert_false(seven.is_null);
	assert_int_equal(seven.type, VALUE_INT);
	assert_int_equal(seven.i, 7);
	assert_int_equal(seven.currency, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_has_its_own_name),
		cmocka_unit_test(test_making_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
