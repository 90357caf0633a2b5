#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/slice.h"
#include "base/utf8.h"

/* Naive: the code point's bits, then the rules about them. */
static bool naive_valid(const uint8_t *at, size_t count)
{
	while (count) {
		size_t length = at[0] < 0x80	   ? 1
				: at[0] >> 5 == 6  ? 2
				: at[0] >> 4 == 14 ? 3
				: at[0] >> 3 == 30 ? 4
						   : 0;
		static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
		uint32_t point = length == 1 ? at[0] : at[0] & (0x7fu >> length);

		if (length == 0 || length > count)
			return false;
		for (size_t i = 1; i < length; i++) {
			if (at[i] >> 6 != 2)
				return false;
			point = point << 6 | (at[i] & 0x3f);
		}
		if (point < least[length] || point > 0x10ffff ||
			(point >= 0xd800 && point <= 0xdfff))
			return false;
		at += length;
		count -= length;
	}
	return true;
}

static void test_all_three_bytes(void **state)
{
	(void)state;
	for (uint32_t word = 0; word < 1u << 24; word += word & 0x800000 ? 1 : 97) {
		uint8_t bytes[3] = { (uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word };

		if (utf8_valid(bytes, 3) != naive_valid(bytes, 3))
			fail_msg("%06x", word);
	}
}

static void test_four_bytes_at_their_bounds(void **state)
{
	static const uint8_t tails[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff };

	(void)state;
	for (uint32_t lead = 0xe0; lead < 0x100; lead++)
		for (uint32_t i = 0; i < 512; i++) {
			uint8_t bytes[4] = { (uint8_t)lead, tails[i & 7], tails[i >> 3 & 7],
				tails[i >> 6] };

			if (utf8_valid(bytes, 4) != naive_valid(bytes, 4))
				fail_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2],
					bytes[3]);
		}
}

static void test_every_place_is_looked_at(void **state)
{
	char text[40];

	(void)state;
	for (size_t length = 0; length <= sizeof(text); length++) {
		memset(text, 'a', sizeof(text));
		assert_true(utf8_valid(text, length));
		for (size_t i = 0; i < length; i++) {
			text[i] = (char)0xff;
			assert_false(utf8_valid(text, length));
			text[i] = 'a';
		}
	}
	assert_true(utf8_valid("a\0b", 3));
	assert_true(utf8_valid(NULL, 0));
	assert_int_equal(utf8_character("\xe2\x9c\x93z", 4), 3);
	assert_int_equal(utf8_character("\xe2\x9c", 2), 0);
	assert_int_equal(utf8_character("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_three_bytes),
		cmocka_unit_test(test_four_bytes_at_their_bounds),
		cmocka_unit_test(test_every_place_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
