#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"

enum { PIECES = 400 };

/* Model: random pieces between resets; each keeps what was written into it and overlaps no other.
 */
static void test_pieces_keep_their_bytes(void **state)
{
	struct arena arena;
	struct rng rng;
	uint8_t *pieces[PIECES];
	size_t sizes[PIECES];

	(void)state;
	print_message("seed 11\n");
	rng_init(&rng, 11);
	arena_init(&arena, 0);
	for (int round = 0; round < 30; round++) {
		for (size_t i = 0; i < PIECES; i++) {
			sizes[i] = rng_chance(&rng, 0.02) ? rng_below(&rng, 60000)
							  : rng_below(&rng, 200);
			pieces[i] = arena_alloc(&arena, sizes[i]);
			assert_non_null(pieces[i]);
			assert_int_equal((uintptr_t)pieces[i] % 16, 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(pieces[i][j], 0);
			memset(pieces[i], (int)(i % 251) + 1, sizes[i]);
		}
		for (size_t i = 0; i < PIECES; i++)
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(pieces[i][j], i % 251 + 1);
		arena_reset(&arena);
		assert_int_equal(arena_used_bytes(&arena), 0);
	}
	arena_deinit(&arena);
}

/* Only the last piece gives something back, and what it gives back is given out again. */
static void test_the_last_piece_shrinks(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	uint8_t *first = arena_alloc(&arena, 64), *last = arena_alloc_raw(&arena, 1000);

	memset(last, 7, 40);
	arena_shrink(&arena, first, 64, 16);
	assert_int_equal(arena_used_bytes(&arena), 64 + 1008);
	arena_shrink(&arena, last, 1000, 40);
	assert_int_equal(arena_used_bytes(&arena), 64 + 48);
	uint8_t *next = arena_alloc(&arena, 8);

	assert_ptr_equal(next, last + 48);
	assert_int_equal(last[39], 7);
	assert_int_equal(next[0], 0);
	arena_shrink(&arena, last, 40, 0); /* no longer the last one */
	assert_int_equal(arena_used_bytes(&arena), 64 + 48 + 16);
	arena_deinit(&arena);
}

static void test_reset_keeps_blocks(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	void *first = arena_alloc(&arena, 100);

	arena_alloc(&arena, 100000);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 100), first);
	arena_deinit(&arena);
}

static void test_limit(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 64);
	assert_non_null(arena_alloc(&arena, 1));
	assert_non_null(arena_alloc(&arena, 40));
	assert_int_equal(arena_used_bytes(&arena), 64);
	assert_null(arena_alloc(&arena, 0));
	assert_null(arena_alloc(&arena, SIZE_MAX - 3));
	assert_null(arena_strndup(&arena, "x", 1));
	arena_reset(&arena);
	assert_string_equal(arena_strndup(&arena, "xyz", 2), "xy");
	assert_null(arena_strndup(&arena, "", SIZE_MAX));
	arena_deinit(&arena);
}

static void test_empty_pieces_are_distinct(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
	arena_deinit(&arena);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_keep_their_bytes),
		cmocka_unit_test(test_the_last_piece_shrinks),
		cmocka_unit_test(test_reset_keeps_blocks),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_empty_pieces_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
