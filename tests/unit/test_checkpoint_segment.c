/* Segments: what was written comes back; any bit changed is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "edge/checkpoint_segment.h"

static void fill(struct buffer *raw, size_t count, bool random)
{
	struct rng rng;

	rng_init(&rng, 5);
	for (size_t i = 0; i < count; i++)
		buffer_put_u8(raw, random ? (uint8_t)rng_below(&rng, 256) : (uint8_t)(i / 100));
}

static void comes_back(void **state)
{
	const size_t sizes[] = { 0, 1, 100, 70000, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int kind = 0; kind < 4; kind++) {
			struct buffer raw = { 0 }, stored = { 0 }, back = { 0 };
			uint64_t print = 0;

			fill(&raw, sizes[i], kind & 1);
			checkpoint_segment_write(buffer_slice(&raw), 99, kind & 2, &stored);
			assert_int_equal(checkpoint_segment_read(buffer_slice(&stored), &print, &back), 0);
			assert_int_equal(print, 99);
			assert_true(slice_equal(buffer_slice(&raw), buffer_slice(&back)));
			if ((kind & 2) && !(kind & 1) && sizes[i] > 1000)
				assert_true(stored.len < raw.len / 4);
			buffer_deinit(&raw);
			buffer_deinit(&stored);
			buffer_deinit(&back);
		}
}

static void any_change_is_noticed(void **state)
{
	(void)state;
	for (int compress = 0; compress < 2; compress++) {
		struct buffer raw = { 0 }, stored = { 0 }, back = { 0 };
		uint64_t print = 7;

		fill(&raw, 3000, false);
		checkpoint_segment_write(buffer_slice(&raw), 1, compress, &stored);
		for (size_t length = 0; length < stored.len; length++)
			assert_int_equal(checkpoint_segment_read((struct slice){ (const char *)stored.data, length }, &print, &back), 1);
		for (size_t place = 0; place < stored.len; place++) {
			uint8_t was = stored.data[place];

			stored.data[place] ^= (uint8_t)(1 << place % 8);
			assert_int_equal(checkpoint_segment_read(buffer_slice(&stored), &print, &back), 1);
			stored.data[place] = was;
		}
		assert_int_equal(back.len, 0);
		buffer_deinit(&raw);
		buffer_deinit(&stored);
		buffer_deinit(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(comes_back), cmocka_unit_test(any_change_is_noticed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
