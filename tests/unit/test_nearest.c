#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/nearest.h"

static const char *const names[] = { "win_rate", "won_revenue", "won_deals", "dials", "run",
	"average_purchase_value" };

static void expect(const char *wanted, const char *expected)
{
	const char *found = nearest_name(slice_of(wanted), names, sizeof(names) / sizeof(names[0]));

	if (expected ? !found || strcmp(found, expected) : found != NULL)
		fail_msg("%s: %s", wanted, found ? found : "nothing");
}

static void test_names(void **state)
{
	(void)state;
	expect("win_rate", "win_rate");
	expect("winrate", "win_rate");
	expect("wni_rate", "win_rate");
	expect("WON_DEALS", "won_deals");
	expect("won_deal", "won_deals");
	expect("dails", "dials");
	expect("rn", "run");
	expect("averge_purchse_valu", "average_purchase_value");
	expect("zzz", NULL);
	expect("", NULL);
	expect("x", NULL);
	expect("completely_different_thing", NULL);
	expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	       "aaaaaaa",
		NULL);
	assert_null(nearest_name(SLICE_LIT("run"), NULL, 0));
	static const char *const alike[] = { "won_feals", "won_deals", "won_meals", "won_deale" };

	/* The smallest distance, and the first of those. */
	assert_string_equal(nearest_name(SLICE_LIT("won_deal"), alike, 4), "won_deals");
}

static void test_distance(void **state)
{
	static const char *const words[] = { "", "a", "ab", "ba", "abc", "acb", "kitten",
		"sitting" };

	(void)state;
	assert_int_equal(nearest_distance(SLICE_LIT("kitten"), SLICE_LIT("sitting")), 3);
	assert_int_equal(nearest_distance(SLICE_LIT("ab"), SLICE_LIT("ba")), 1);
	assert_int_equal(nearest_distance(SLICE_LIT(""), SLICE_LIT("abc")), 3);
	assert_int_equal(nearest_distance(slice_of(NULL), slice_of(NULL)), 0);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < 8; j++)
			assert_int_equal(nearest_distance(slice_of(words[i]), slice_of(words[j])),
				nearest_distance(slice_of(words[j]), slice_of(words[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
