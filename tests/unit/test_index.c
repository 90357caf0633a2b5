#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "base/hash.h"
#include "base/index.h"
#include "base/rng.h"

enum { KEYS = 3000, STEPS = 60000 };

struct model {
	bool present[KEYS];
	unsigned hash_bits; /* few bits: many keys share a hash */
	size_t count;
};

static uint64_t hash_of(const struct model *m, uint32_t key)
{
	return m->hash_bits == 64 ? hash_u64(key)
				  : hash_u64(key) & (((uint64_t)1 << m->hash_bits) - 1);
}

static bool equal(const void *ctx, const void *key, uint32_t value)
{
	const struct model *m = ctx;

	assert_true(
		hash_of(m, value) == hash_of(m, *(const uint32_t *)key) || hash_of(m, value) <= 1);
	return *(const uint32_t *)key == value;
}

static void expect(const struct index *ix, const struct model *m, uint32_t key)
{
	uint32_t value = UINT32_MAX;
	bool found = index_find(ix, hash_of(m, key), equal, &key, m, &value);

	assert_int_equal(found, m->present[key]);
	assert_int_equal(value, found ? key : UINT32_MAX);
}

/* Model: random inserts, removals and searches against an array of flags. */
static void run_model(unsigned hash_bits, uint32_t keys, uint64_t seed)
{
	struct model m = { .hash_bits = hash_bits };
	struct index ix;
	struct rng rng;

	print_message("seed %d, %u bits\n", (int)seed, hash_bits);
	rng_init(&rng, seed);
	index_init(&ix);
	for (int step = 0; step < STEPS; step++) {
		uint32_t key = (uint32_t)rng_below(&rng, keys);
		bool fills = step / (STEPS / 6) % 2 == 0; /* grows and shrinks in turn */

		if (rng_chance(&rng, fills ? 0.7 : 0.3) && !m.present[key]) {
			index_insert(&ix, hash_of(&m, key), key);
			m.present[key] = true;
			m.count++;
		} else {
			assert_int_equal(index_remove(&ix, hash_of(&m, key), key), m.present[key]);
			m.count -= m.present[key];
			m.present[key] = false;
		}
		assert_int_equal(index_count(&ix), m.count);
		expect(&ix, &m, (uint32_t)rng_below(&rng, keys));
		if (step % 1000 == 0)
			index_check(&ix);
	}
	for (uint32_t key = 0; key < keys; key++)
		expect(&ix, &m, key);
	index_deinit(&ix);
}

static void test_model(void **state)
{
	(void)state;
	run_model(64, KEYS, 41);
	run_model(64, 11, 42);
}

static void test_model_with_shared_hashes(void **state)
{
	(void)state;
	run_model(6, 300, 43);
	run_model(1, 20, 44); /* hashes 0 and 1 are kept as the same */
}

static void test_reserve_and_reset(void **state)
{
	struct model m = { .hash_bits = 64 };
	struct index ix;

	(void)state;
	index_init(&ix);
	assert_int_equal(index_bytes(&ix), 0);
	expect(&ix, &m, 3);
	assert_false(index_remove(&ix, 1, 1));
	index_reset(&ix);
	index_reserve(&ix, 1000);
	size_t bytes = index_bytes(&ix);

	for (uint32_t key = 0; key < 1000; key++)
		index_insert(&ix, hash_of(&m, key), key);
	assert_int_equal(index_bytes(&ix), bytes);
	index_check(&ix);
	index_reset(&ix);
	assert_int_equal(index_count(&ix), 0);
	expect(&ix, &m, 3);
	index_deinit(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_with_shared_hashes),
		cmocka_unit_test(test_reserve_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
