#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/slice.h"

static void test_equal_and_order(void **state)
{
	(void)state;
	assert_true(slice_equal((struct slice){ NULL, 0 }, SLICE_LIT("")));
	assert_true(slice_equal(slice_of(NULL), slice_of("")));
	assert_true(slice_is(SLICE_LIT("won"), "won"));
	assert_false(slice_is(SLICE_LIT("won"), "wo"));
	assert_false(slice_equal(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_true(slice_compare(SLICE_LIT("a"), SLICE_LIT("ab")) < 0);
	assert_true(slice_compare(SLICE_LIT("ab"), SLICE_LIT("a")) > 0);
	assert_true(slice_compare(SLICE_LIT("\x7f"), SLICE_LIT("\x80")) < 0);
	assert_int_equal(slice_compare(slice_of(NULL), SLICE_LIT("")), 0);
}

static void test_equal_at_every_length(void **state)
{
	char a[24] = { 0 }, b[24] = { 0 };

	(void)state;
	for (size_t length = 1; length <= sizeof(a); length++) {
		assert_true(slice_equal((struct slice){ a, length }, (struct slice){ b, length }));
		assert_false(
			slice_equal((struct slice){ a, length }, (struct slice){ b, length - 1 }));
		for (size_t i = 0; i < length; i++) {
			b[i] = 1;
			assert_false(slice_equal(
				(struct slice){ a, length }, (struct slice){ b, length }));
			b[i] = 0;
		}
	}
}

static void test_trim_and_prefix(void **state)
{
	(void)state;
	assert_true(slice_is(slice_trim(SLICE_LIT(" \t a b\r\n")), "a b"));
	assert_int_equal(slice_trim(SLICE_LIT(" \n ")).len, 0);
	assert_true(slice_starts_with(SLICE_LIT("crm.deal"), SLICE_LIT("crm.")));
	assert_true(slice_starts_with(SLICE_LIT("crm"), slice_of(NULL)));
	assert_false(slice_starts_with(SLICE_LIT("cr"), SLICE_LIT("crm")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_and_order),
		cmocka_unit_test(test_equal_at_every_length),
		cmocka_unit_test(test_trim_and_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
