/* histogram: bins against the definition, the promised error over all bounds and many random values, quantiles against sorting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/decimal.h"
#include "base/rng.h"
#include "core/histogram.h"

/* |bin's value - value| <= 1 % of |value|, in integers. */
static void check_error(int64_t value)
{
	int32_t bin = histogram_bin(value);
	i128 distance = (i128)histogram_value(bin) - value;
	i128 size = value < 0 ? -(i128)value : value;

	if (distance < 0)
		distance = -distance;
	if (distance * 100 > size)
		fail_msg("%lld: bin %d stands for %lld", (long long)value, bin, (long long)histogram_value(bin));
	assert_int_equal(histogram_bin(histogram_value(bin)), bin);
}

static void test_small_values_are_all_right(void **state)
{
	(void)state;
	for (int64_t v = -300000; v <= 300000; v++) {
		check_error(v);
		if (v > -300000)
			assert_true(histogram_bin(v - 1) <= histogram_bin(v));
	}
	assert_int_equal(histogram_bin(0), 0);
	assert_int_equal(histogram_value(0), 0);
}

/* Every bin has its first and last value here: the error is greatest at a bin's ends. */
static void test_every_bin_holds_its_error(void **state)
{
	int64_t first = 1;
	int32_t bin = 1;

	(void)state;
	while (first > 0) {
		int64_t low = first, high = INT64_MAX;

		assert_int_equal(histogram_bin(first), bin);
		while (low < high) { /* the last value of this bin */
			int64_t middle = low + (high - low) / 2 + 1;

			if (histogram_bin(middle) == bin)
				low = middle;
			else
				high = middle - 1;
		}
		check_error(first);
		check_error(low);
		check_error(-first);
		check_error(-low);
		if (low == INT64_MAX)
			break;
		first = low + 1;
		bin++;
	}
	assert_int_equal(bin, HISTOGRAM_BIN_MAX - 1);
	assert_int_equal(histogram_bin(INT64_MIN), -HISTOGRAM_BIN_MAX);
	assert_true(histogram_value(-HISTOGRAM_BIN_MAX) == INT64_MIN);
}

static void test_random_values(void **state)
{
	const uint64_t seed = 20261124;
	struct rng rng;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_init(&rng, seed);
	for (int i = 0; i < 3000000; i++) {
		int64_t v = (int64_t)(rng_u64(&rng) >> rng_below(&rng, 64));
		int64_t w = (int64_t)(rng_u64(&rng) >> rng_below(&rng, 64));

		if (rng_chance(&rng, 0.5) && v != INT64_MIN)
			v = -v;
		check_error(v);
		if (v < w)
			assert_true(histogram_bin(v) <= histogram_bin(w));
	}
}

/* The bins of a few values, so that a changed table is seen: a checkpoint holds bins. */
static void test_golden_bins(void **state)
{
	static const struct { int64_t value; int32_t bin; } golden[] = {
		{ 1, 1 }, { 127, 127 }, { 128, 128 }, { 129, 128 }, { 8191, 511 }, { 8192, 512 }, { 16384, 547 },
		{ 1000000, 754 }, { 86400000, 979 }, { -86400000, -979 }, { INT64_MAX, 2261 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++)
		assert_int_equal(histogram_bin(golden[i].value), golden[i].bin);
}

static int compare_values(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int compare_bins(const void *a, const void *b)
{
	const struct histogram_bin_count *x = a, *y = b;

	return (x->bin > y->bin) - (x->bin < y->bin);
}

static void check_quantiles(int64_t *values, uint32_t count, struct histogram_bin_count *bins)
{
	static const uint32_t at_bp[] = { 0, 1, 1000, 2500, 5000, 9000, 9900, 9999, 10000 };

	for (uint32_t i = 0; i < count; i++)
		bins[i] = (struct histogram_bin_count){ histogram_bin(values[i]), 1 };
	bins[count] = (struct histogram_bin_count){ 7, 0 };  /* an emptied bin and one that went wrong are passed over */
	bins[count + 1] = (struct histogram_bin_count){ 9, -3 };
	qsort(bins, count + 2, sizeof(*bins), compare_bins);
	qsort(values, count, sizeof(*values), compare_values);
	for (size_t i = 0; i < sizeof(at_bp) / sizeof(*at_bp); i++) {
		uint64_t rank = ((uint64_t)at_bp[i] * count + 9999) / 10000;
		int64_t exact = values[rank < 1 ? 0 : rank - 1];

		assert_true(histogram_quantile(bins, count + 2, count, at_bp[i]) == histogram_value(histogram_bin(exact)));
	}
}

static void test_quantiles_against_sorting(void **state)
{
	enum { COUNT_MAX = 400 };
	static int64_t values[COUNT_MAX];
	static struct histogram_bin_count bins[COUNT_MAX + 2];
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (int round = 0; round < 200; round++) {
		uint32_t count = 1 + (uint32_t)rng_below(&rng, COUNT_MAX);

		for (uint32_t i = 0; i < count; i++)
			values[i] = (int64_t)rng_below(&rng, 1u << 30) - (1 << 27);
		check_quantiles(values, count, bins);
	}
}

static void test_rank(void **state)
{
	(void)state;
	assert_int_equal(histogram_rank(1, 0), 1);
	assert_int_equal(histogram_rank(4, 5000), 2);
	assert_int_equal(histogram_rank(5, 5000), 3);
	assert_int_equal(histogram_rank(10, 9000), 9);
	assert_int_equal(histogram_rank(INT64_MAX, 10000), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_values_are_all_right),
		cmocka_unit_test(test_every_bin_holds_its_error),
		cmocka_unit_test(test_random_values),
		cmocka_unit_test(test_golden_bins),
		cmocka_unit_test(test_quantiles_against_sorting),
		cmocka_unit_test(test_rank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
