#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

static unsigned bits_set(uint64_t x)
{
	return (unsigned)__builtin_popcountll(x);
}

/* Written to checkpoints as fingerprints: these must never change. */
static void test_known_values(void **state)
{
	(void)state;
	assert_true(hash_u64(0) == 0xe220a8397b1dcdafu); /* splitmix64's first number from seed 0 */
	assert_true(hash_bytes("", 0, 0) == 0x2d06800538d394c2u); /* XXH3's published value */
	assert_true(hash_bytes("", 0, 1) != hash_bytes("", 0, 2));
	assert_true(hash_bytes("deal", 4, 1) != hash_bytes("lead", 4, 1));
}

/* Each input bit changes about half of the output bits. */
static void test_every_bit_counts(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		unsigned mixed = 0, first = 0, second = 0;

		for (uint64_t i = 0; i < 64; i++) {
			uint64_t changed = i ^ (uint64_t)1 << bit;

			mixed += bits_set(hash_u64(i) ^ hash_u64(changed));
			first += bits_set(hash_combine(i, 5) ^ hash_combine(changed, 5));
			second += bits_set(hash_combine(5, i) ^ hash_combine(5, changed));
		}
		assert_in_range(mixed, 64 * 28, 64 * 36);
		assert_in_range(first, 64 * 28, 64 * 36);
		assert_in_range(second, 64 * 28, 64 * 36);
	}
	assert_true(hash_combine(1, 2) != hash_combine(2, 1));
}

/* Of texts of every length: each byte decides, and so does the length. */
static void test_texts(void **state)
{
	char text[40] = { 0 }, other[40];

	(void)state;
	assert_true(hash_text(NULL, 0, 1) == hash_text("", 0, 1));
	for (size_t length = 1; length <= sizeof(text); length++) {
		assert_true(hash_text(text, length, 1) != hash_text(text, length - 1, 1));
		assert_true(hash_text(text, length, 1) != hash_text(text, length, 2));
		for (size_t i = 0; i < length; i++) {
			memcpy(other, text, sizeof(text));
			other[i] = 'x';
			assert_true(hash_text(text, length, 1) != hash_text(other, length, 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
