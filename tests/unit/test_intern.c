#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/rng.h"

enum { STRINGS = 4000, STEPS = 40000, TEXT_MAX = 32 };

static struct slice make_text(uint32_t number, char *buf)
{
	int length = snprintf(buf, TEXT_MAX, "rep-%u", number % 7 ? number : number * 1000003u);

	if (number % 5 == 0)
		buf[3] = '\0'; /* any byte may be inside */
	return number ? (struct slice){ buf, (size_t)length } : (struct slice){ NULL, 0 };
}

/* Model: the first string is 1, each new one the next, an old one what it was. */
static void test_model(void **state)
{
	uint32_t ids[STRINGS] = { 0 }, next = 1;
	struct slice firsts[STRINGS] = { { NULL, 0 } };
	struct intern in;
	struct rng rng;
	char text[TEXT_MAX];

	(void)state;
	print_message("seed 51\n");
	rng_init(&rng, 51);
	intern_init(&in, rng_u64(&rng), 0);
	for (int step = 0; step < STEPS; step++) {
		uint32_t number = (uint32_t)rng_below(&rng, STRINGS);
		struct slice s = make_text(number, text);

		assert_int_equal(intern_find(&in, s), ids[number]);
		if (rng_chance(&rng, 0.5))
			continue;
		uint32_t id = intern_add(&in, s);

		assert_int_equal(id, ids[number] ? ids[number] : next++);
		if (!ids[number])
			firsts[number] = intern_text(&in, id);
		ids[number] = id;
		assert_true(slice_equal(intern_text(&in, id), s));
		assert_int_equal(intern_count(&in), next - 1);
	}
	for (uint32_t i = 0; i < STRINGS; i++) {
		if (!ids[i])
			continue;
		assert_ptr_equal(intern_text(&in, ids[i]).at, firsts[i].at); /* never moved */
		assert_int_equal(firsts[i].at[firsts[i].len], '\0');
	}
	intern_deinit(&in);
}

static void test_none_and_empty(void **state)
{
	struct intern in;

	(void)state;
	intern_init(&in, 1, 0);
	assert_int_equal(intern_text(&in, 0).len, 0);
	assert_int_equal(intern_find(&in, SLICE_LIT("")), 0);
	assert_int_equal(intern_add(&in, SLICE_LIT("")), 1);
	assert_int_equal(intern_add(&in, slice_of(NULL)), 1);
	assert_int_equal(intern_find(&in, SLICE_LIT("")), 1);
	assert_int_equal(intern_bytes(&in), 1 + INTERN_ENTRY_BYTES);
	intern_deinit(&in);
}

static void test_limit_depends_on_contents_only(void **state)
{
	struct intern in;

	(void)state;
	intern_init(&in, 1, 2 * (INTERN_ENTRY_BYTES + 4));
	assert_int_equal(intern_add(&in, SLICE_LIT("abc")), 1);
	assert_int_equal(intern_add(&in, SLICE_LIT("abcd")), 0);
	assert_int_equal(intern_find(&in, SLICE_LIT("abcd")), 0);
	assert_int_equal(intern_add(&in, SLICE_LIT("xyz")), 2);
	assert_int_equal(intern_add(&in, SLICE_LIT("")), 0);
	assert_int_equal(intern_add(&in, SLICE_LIT("abc")), 1); /* an old one is always known */
	assert_int_equal(intern_bytes(&in), 2 * (INTERN_ENTRY_BYTES + 4));
	intern_deinit(&in);
}

static void test_large_texts(void **state)
{
	enum { LARGE = 200000 };
	char *large = malloc(LARGE);
	struct intern in;

	(void)state;
	intern_init(&in, 1, 0);
	memset(large, 'z', LARGE);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(intern_add(&in, (struct slice){ large, LARGE - i }), 2 * i + 1);
		assert_int_equal(intern_add(&in, (struct slice){ large, i + 1 }), 2 * i + 2);
	}
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(slice_equal(
			intern_text(&in, 2 * i + 1), (struct slice){ large, LARGE - i }));
		assert_true(
			slice_equal(intern_text(&in, 2 * i + 2), (struct slice){ large, i + 1 }));
	}
	intern_deinit(&in);
	free(large);
}

/* Short texts lie in the entry, longer ones elsewhere; a hint lies beside either. */
static void test_short_long_and_hints(void **state)
{
	char text[INTERN_SHORT_MAX + 3];
	struct intern in;

	(void)state;
	intern_init(&in, 1, 0);
	memset(text, 'a', sizeof(text));
	for (uint32_t i = 1; i <= sizeof(text); i++) {
		assert_int_equal(intern_add(&in, (struct slice){ text, i }), i);
		assert_int_equal(intern_hint(&in, i), 0);
		intern_set_hint(&in, i, 1000 + i);
	}
	for (uint32_t i = 1; i <= sizeof(text); i++) {
		struct slice got = intern_text(&in, i);

		assert_true(slice_equal(got, (struct slice){ text, i }));
		assert_int_equal(got.at[got.len], 0);
		assert_int_equal(intern_hint(&in, i), 1000 + i);
	}
	intern_deinit(&in);
}

/* What is guessed of texts that will be searched for: the id of each that is there; what is absent gets none, or another's. */
static void test_what_is_expected(void **state)
{
	char texts[2 * INTERN_EXPECT_MAX][8];
	struct slice expected[INTERN_EXPECT_MAX];
	uint32_t ids[INTERN_EXPECT_MAX];
	struct intern in;

	(void)state;
	intern_init(&in, 1, 0);
	intern_expect(&in, expected, 0, ids);
	for (uint32_t i = 0; i < 2 * INTERN_EXPECT_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "x%u", i);
		if (i % 2)
			intern_add(&in, slice_of(texts[i]));
	}
	for (uint32_t half = 0; half < 2; half++) {
		for (uint32_t i = 0; i < INTERN_EXPECT_MAX; i++)
			expected[i] = slice_of(texts[half * INTERN_EXPECT_MAX + i]);
		intern_expect(&in, expected, INTERN_EXPECT_MAX, ids);
		for (uint32_t i = 0; i < INTERN_EXPECT_MAX; i++)
			if (i % 2)
				assert_int_equal(ids[i], intern_find(&in, expected[i]));
			else
				assert_true(!ids[i] || !slice_equal(intern_text(&in, ids[i]),
							       expected[i]));
	}
	intern_deinit(&in);
}

/* In two steps, as in one. */
static void test_find_then_add(void **state)
{
	struct slice text = slice_of("abc");
	struct intern in;
	uint64_t hash;

	(void)state;
	intern_init(&in, 7, 60);
	hash = intern_hash(&in, text);
	assert_int_equal(intern_find_hashed(&in, text, hash), 0);
	assert_int_equal(intern_add_absent(&in, text, hash), 1);
	assert_int_equal(intern_find_hashed(&in, text, hash), 1);
	assert_int_equal(intern_add(&in, text), 1);
	assert_int_equal(intern_add_absent(&in, slice_of("def"), intern_hash(&in, slice_of("def"))),
		0); /* the limit */
	intern_deinit(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_none_and_empty),
		cmocka_unit_test(test_limit_depends_on_contents_only),
		cmocka_unit_test(test_large_texts),
		cmocka_unit_test(test_short_long_and_hints),
		cmocka_unit_test(test_what_is_expected),
		cmocka_unit_test(test_find_then_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
