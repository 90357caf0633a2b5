#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/crc32c.h"
#include "base/rng.h"

/* RFC 3720, appendix B.4. */
static void test_published_values(void **state)
{
	uint8_t bytes[32] = { 0 };

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43u);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283u);
}

static void test_instruction_equals_table_and_parts_equal_whole(void **state)
{
	uint8_t bytes[300];
	struct rng rng;

	(void)state;
	print_message("seed 61\n");
	rng_init(&rng, 61);
	for (int round = 0; round < 500; round++) {
		size_t length = rng_below(&rng, sizeof(bytes) + 1),
		       cut = rng_below(&rng, length + 1);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)rng_u64(&rng);
		uint32_t whole = crc32c(0, bytes, length);

		assert_int_equal(crc32c_portable(0, bytes, length), whole);
		assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, length - cut), whole);
		if (length) {
			bytes[rng_below(&rng, length)] ^= (uint8_t)(1u << rng_below(&rng, 8));
			assert_int_not_equal(crc32c(0, bytes, length), whole);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_values),
		cmocka_unit_test(test_instruction_equals_table_and_parts_equal_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
