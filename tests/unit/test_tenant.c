/* tenant: who is named has their own settings, everyone else the fallback's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/tenant.h"

static void test_the_named_and_the_others(void **state)
{
	static const struct tenant_settings named[] = {
		{ .tenant_id = "acme", .calendar = 1, .currency = "IDR" },
		{ .tenant_id = "acme-2", .calendar = 2, .currency = NULL },
	};
	struct tenant_book book = { .tenants = named,
		.tenant_count = 2,
		.fallback = { .calendar = 0, .currency = "USD" } };

	(void)state;
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("acme")), &named[0]);
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("acme-2")), &named[1]);
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("acm")), &book.fallback);
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("acme-")), &book.fallback);
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("ACME")), &book.fallback);
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("")), &book.fallback);
	/* Ids come from messages: a NUL in one does not end it. */
	assert_ptr_equal(tenant_book_find(&book, (struct slice){ "acme\0x", 6 }), &book.fallback);
}

static void test_an_empty_book(void **state)
{
	struct tenant_book book = { .fallback = { .currency = "IDR" } };

	(void)state;
	assert_ptr_equal(tenant_book_find(&book, SLICE_LIT("anyone")), &book.fallback);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_named_and_the_others),
		cmocka_unit_test(test_an_empty_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
