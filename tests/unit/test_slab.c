/* slab: pieces do not overlap, keep their bytes, are used again by size, and the count of bytes is of those that are out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/slab.h"
#include "base/rng.h"

enum { PIECES = 600, STEPS = 30000 };

struct piece {
	unsigned char *at;
	size_t bytes;
	unsigned char fill;
};

static void assert_filled(const struct piece *piece)
{
	for (size_t i = 0; i < piece->bytes; i++)
		assert_int_equal(piece->at[i], piece->fill);
}

static size_t any_size(struct rng *r)
{
	return 1 + (size_t)rng_below(r, rng_below(r, 20) ? 100 : 2 * SLAB_PIECE_MAX);
}

static void test_pieces_keep_their_bytes(void **state)
{
	struct piece pieces[PIECES] = { { NULL, 0, 0 } };
	struct slab slab;
	struct rng r;

	(void)state;
	rng_init(&r, 11);
	slab_init(&slab);
	for (int step = 0; step < STEPS; step++) {
		struct piece *piece = &pieces[rng_below(&r, PIECES)];

		if (piece->at) {
			assert_filled(piece);
			slab_free(&slab, piece->at, piece->bytes);
			piece->at = NULL;
			continue;
		}
		piece->bytes = any_size(&r);
		piece->fill = (unsigned char)rng_below(&r, 256);
		piece->at = slab_alloc(&slab, piece->bytes);
		assert_int_equal((uintptr_t)piece->at % SLAB_GRAIN, 0);
		memset(piece->at, piece->fill, piece->bytes);
	}
	for (int i = 0; i < PIECES; i++) {
		if (!pieces[i].at)
			continue;
		assert_filled(&pieces[i]);
		slab_free(&slab, pieces[i].at, pieces[i].bytes);
	}
	assert_int_equal(slab_used_bytes(&slab), 0);
	slab_deinit(&slab);
}

static void test_what_is_freed_is_the_next_of_its_size(void **state)
{
	struct slab slab;
	void *a, *b;

	(void)state;
	slab_init(&slab);
	a = slab_alloc(&slab, 33);
	b = slab_alloc(&slab, 41);
	assert_int_equal(slab_used_bytes(&slab), 40 + 48);
	slab_free(&slab, NULL, 8);
	slab_free(&slab, a, 33);
	assert_int_equal(slab_used_bytes(&slab), 48);
	assert_ptr_not_equal(slab_alloc(&slab, 24), a);
	assert_ptr_equal(slab_alloc(&slab, 40), a); /* the same when it is rounded */
	slab_free(&slab, b, 41);
	slab_deinit(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_keep_their_bytes),
		cmocka_unit_test(test_what_is_freed_is_the_next_of_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
