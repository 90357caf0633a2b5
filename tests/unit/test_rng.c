#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

/* Repeatable for ever: seeds in tests and simulations are worth nothing otherwise. First numbers of
 * xoshiro256** from splitmix64(42). */
static void test_same_numbers_everywhere(void **state)
{
	struct rng a, b;

	(void)state;
	rng_init(&a, 42);
	rng_init(&b, 42);
	assert_true(rng_u64(&a) == 0x15780b2e0c2ec716u);
	assert_true(rng_u64(&a) == 0x6104d9866d113a7eu);
	rng_u64(&b);
	rng_u64(&b);
	for (int i = 0; i < 100; i++)
		assert_true(rng_u64(&a) == rng_u64(&b));
}

static void test_below_is_even(void **state)
{
	unsigned seen[7] = { 0 };
	struct rng r;

	(void)state;
	rng_init(&r, 91);
	for (int i = 0; i < 70000; i++) {
		uint64_t value = rng_below(&r, 7);

		assert_true(value < 7);
		seen[value]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	/* Of four numbers this range has room for three: the plain product would hit every third twice as often. */
	unsigned thirds = 0;

	for (int i = 0; i < 30000; i++)
		thirds += rng_below(&r, (uint64_t)3 << 62) % 3 == 0;
	assert_in_range(thirds, 9500, 10500);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rng_below(&r, 1), 0);
		assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
	}
}

static void test_unit_and_chance(void **state)
{
	unsigned hits = 0;
	double sum = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 92);
	for (int i = 0; i < 20000; i++) {
		double x = rng_unit(&r);

		assert_true(x >= 0 && x < 1);
		sum += x;
		hits += rng_chance(&r, 0.25);
		assert_false(rng_chance(&r, 0));
		assert_true(rng_chance(&r, 1));
	}
	assert_in_range((int)(sum / 200), 48, 51);
	assert_in_range(hits, 4700, 5300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_numbers_everywhere),
		cmocka_unit_test(test_below_is_even),
		cmocka_unit_test(test_unit_and_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
