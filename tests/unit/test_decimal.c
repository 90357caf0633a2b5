#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/rng.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int64_t units;
	} cases[] = {
		{ "0", true, 0 },
		{ "123.45", true, 1234500 },
		{ "-0.5", true, -5000 },
		{ "+7", true, 70000 },
		{ ".5", true, 5000 },
		{ "5.", true, 50000 },
		{ "0.0001", true, 1 },
		{ "1.23450000", true, 12345 },
		{ "00012", true, 120000 },
		{ "922337203685477.5807", true, INT64_MAX },
		{ "-922337203685477.5808", true, INT64_MIN },
		{ "922337203685477.5808", false, 0 },
		{ "-922337203685477.5809", false, 0 },
		{ "0.00001", false, 0 },
		{ "1.23451", false, 0 },
		{ "", false, 0 },
		{ ".", false, 0 },
		{ "-", false, 0 },
		{ "+.", false, 0 },
		{ "1.2.3", false, 0 },
		{ "1e3", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1,000", false, 0 },
		{ "--1", false, 0 },
		{ "0x10", false, 0 },
		{ "99999999999999999999999999999999999999999999999999", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t units = 77;
		bool good = decimal_parse(slice_of(cases[i].text), &units);

		if (good != cases[i].good || units != (good ? cases[i].units : 77))
			fail_msg("%s: %d %lld", cases[i].text, good, (long long)units);
	}
	int64_t units;

	assert_false(decimal_parse((struct slice){ NULL, 0 }, &units));
	assert_false(decimal_parse(SLICE_LIT("1\0"), &units));
}

static void expect_text(i128 units, int digits_min, const char *expected)
{
	char text[DECIMAL_TEXT_MAX];

	assert_int_equal(decimal_format(units, digits_min, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
}

static void test_format(void **state)
{
	char text[4];

	(void)state;
	expect_text(0, 0, "0");
	expect_text(0, 2, "0.00");
	expect_text(-1, 0, "-0.0001");
	expect_text(1234500, 0, "123.45");
	expect_text(1234500, 2, "123.45");
	expect_text(1234000, 2, "123.40");
	expect_text(1230000, 4, "123.0000");
	expect_text(100000, 0, "10");
	expect_text(I128_MAX, 0, "17014118346046923173168730371588410.5727");
	expect_text(I128_MIN, 0, "-17014118346046923173168730371588410.5728");
	assert_int_equal(decimal_format(1234500, 0, text, sizeof(text)), 6);
	assert_string_equal(text, "123");
	assert_int_equal(decimal_format(5, 0, NULL, 0), 6);
}

static void test_rates_have_eight_digits(void **state)
{
	char text[DECIMAL_TEXT_MAX];
	int64_t rate;

	(void)state;
	assert_true(decimal_parse_rate(SLICE_LIT("0.00006123"), &rate));
	assert_int_equal(rate, 6123);
	assert_int_equal(decimal_format_rate(rate, text, sizeof(text)), 10);
	assert_string_equal(text, "0.00006123");
	assert_true(decimal_parse_rate(SLICE_LIT("16250.50"), &rate));
	assert_int_equal(rate, INT64_C(1625050000000));
	decimal_format_rate(rate, text, sizeof(text));
	assert_string_equal(text, "16250.5");
	assert_false(decimal_parse_rate(SLICE_LIT("0.000061234"), &rate));
	assert_false(decimal_parse_rate(SLICE_LIT("92233720369"), &rate));
	assert_int_equal(rate, INT64_C(1625050000000));
}

/* Model: text and back, for numbers of every size. */
static void test_round_trip(void **state)
{
	struct rng rng;

	(void)state;
	print_message("seed 31\n");
	rng_init(&rng, 31);
	for (int i = 0; i < 20000; i++) {
		char text[DECIMAL_TEXT_MAX];
		i128 back, units = (i128)(((u128)rng_u64(&rng) << 64 | rng_u64(&rng)) >>
					  rng_below(&rng, 128));

		if (rng_chance(&rng, 0.5))
			units = -units;
		size_t length = decimal_format(units, (int)rng_below(&rng, 5), text, sizeof(text));

		assert_true(decimal_parse_i128((struct slice){ text, length }, &back));
		assert_true(back == units);
	}
}

/* Model of division: the definition, on numbers small enough for it. */
static void test_div_half_even_is_its_definition(void **state)
{
	(void)state;
	for (int n = -60; n <= 60; n++) {
		for (int d = -9; d <= 9; d++) {
			if (d == 0)
				continue;
			int best = 0, best_error = 1 << 20;

			for (int q = -61; q <= 61; q++) {
				int error = abs(n - q * d);

				if (error < best_error || (error == best_error && q % 2 == 0)) {
					best = q;
					best_error = error;
				}
			}
			assert_int_equal((int)i128_div_half_even(n, d), best);
		}
	}
	assert_true(i128_div_half_even(I128_MIN, 1) == I128_MIN);
	assert_true(i128_div_half_even(I128_MIN, -1) == I128_MAX);
	assert_true(i128_div_half_even(I128_MAX, I128_MIN) == -1);
	assert_true(
		i128_div_half_even(I128_MAX / 2 + 1, I128_MIN) == 0); /* exactly -1/2: to even */
	assert_true(i128_div_half_even(I128_MAX, I128_MAX) == 1);
}

/* Model of multiplication: the compiler's own 128 bits where the factors are small, bounds where
 * they are not. */
static void test_overflow(void **state)
{
	struct rng rng;
	i128 result = 5, half = (i128)1 << 64;

	(void)state;
	print_message("seed 32\n");
	rng_init(&rng, 32);
	for (int i = 0; i < 20000; i++) {
		int64_t a = (int64_t)(rng_u64(&rng) >> rng_below(&rng, 64)),
			b = (int64_t)rng_u64(&rng);

		assert_false(i128_mul_overflow(a, b, &result));
		assert_true(b == 0 || (result / b == a && result % b == 0));
	}
	result = 5;
	assert_true(i128_mul_overflow(half, half / 2, &result));
	assert_true(i128_mul_overflow(I128_MIN, -1, &result));
	assert_true(i128_add_overflow(I128_MAX, 1, &result));
	assert_true(result == 5);
	assert_false(i128_mul_overflow(half, -half / 2, &result));
	assert_true(result == I128_MIN);
	assert_false(i128_mul_overflow(0, I128_MIN, &result));
	assert_true(result == 0);
	assert_false(i128_add_overflow(I128_MAX, -1, &result));
	assert_true(result == I128_MAX - 1);
}

static void test_mul_and_div(void **state)
{
	int64_t result = 9;

	(void)state;
	assert_true(decimal_mul(25000, 15000, &result)); /* 2.5 * 1.5 */
	assert_int_equal(result, 37500);
	assert_true(decimal_mul(5000, 1, &result)); /* 0.00005: half, to even */
	assert_int_equal(result, 0);
	assert_true(decimal_mul(15000, 1, &result)); /* 0.00015 */
	assert_int_equal(result, 2);
	assert_true(decimal_mul(-15000, 1, &result));
	assert_int_equal(result, -2);
	assert_false(decimal_mul(INT64_MAX, 20000, &result));
	assert_true(decimal_div(10000, 30000, &result));
	assert_int_equal(result, 3333);
	assert_true(decimal_div(-20000, 30000, &result));
	assert_int_equal(result, -6667);
	assert_false(decimal_div(1, 0, &result));
	assert_false(decimal_div(INT64_MAX, 1, &result));
	assert_int_equal(result, -6667);
	assert_true(decimal_to_double(12345) > 1.23449 && decimal_to_double(12345) < 1.23451);
}

static void test_avro_bytes(void **state)
{
	static const struct {
		int64_t value;
		size_t length;
		uint8_t bytes[3];
	} cases[] = {
		{ 0, 1, { 0 } },
		{ 127, 1, { 0x7f } },
		{ 128, 2, { 0, 0x80 } },
		{ -128, 1, { 0x80 } },
		{ -129, 2, { 0xff, 0x7f } },
		{ -1, 1, { 0xff } },
		{ 256, 2, { 1, 0 } },
		{ 65535, 3, { 0, 0xff, 0xff } },
	};
	uint8_t out[16], longer[20];
	i128 back;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(i128_to_be_bytes(cases[i].value, out), cases[i].length);
		assert_memory_equal(out, cases[i].bytes, cases[i].length);
		assert_true(i128_from_be_bytes(cases[i].bytes, cases[i].length, &back));
		assert_true(back == cases[i].value);
	}
	assert_true(i128_from_be_bytes(NULL, 0, &back));
	assert_true(back == 0);
	memset(longer, 0xff, sizeof(longer));
	assert_true(i128_from_be_bytes(longer, sizeof(longer), &back));
	assert_true(back == -1);
	longer[4] = 0x7f; /* the sign of the 16 bytes is no longer that of the number */
	assert_false(i128_from_be_bytes(longer, sizeof(longer), &back));
	longer[0] = 1;
	assert_false(i128_from_be_bytes(longer, sizeof(longer), &back));
	assert_int_equal(i128_to_be_bytes(I128_MIN, out), 16);
	assert_true(i128_from_be_bytes(out, 16, &back) && back == I128_MIN);
	assert_int_equal(i128_to_be_bytes(I128_MAX, out), 16);
	assert_true(i128_from_be_bytes(out, 16, &back) && back == I128_MAX);
}

static void test_avro_bytes_round_trip(void **state)
{
	struct rng rng;

	(void)state;
	print_message("seed 33\n");
	rng_init(&rng, 33);
	for (int i = 0; i < 20000; i++) {
		i128 back, value = (i128)(((u128)rng_u64(&rng) << 64 | rng_u64(&rng)) >>
					  rng_below(&rng, 128));
		uint8_t out[16];

		if (rng_chance(&rng, 0.5))
			value = -value;
		size_t length = i128_to_be_bytes(value, out);

		assert_true(i128_from_be_bytes(out, length, &back));
		assert_true(back == value);
		if (length > 1) /* shortest: without its first byte it is another number */
			assert_true(
				!i128_from_be_bytes(out + 1, length - 1, &back) || back != value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_rates_have_eight_digits),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_div_half_even_is_its_definition),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_mul_and_div),
		cmocka_unit_test(test_avro_bytes),
		cmocka_unit_test(test_avro_bytes_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
