/* registers: joins that commute, associate and are idempotent, limits decided by the members themselves, and their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/hash.h"
#include "core/registers.h"
#include "store_events.h"

enum { STRINGS = 40 };

static struct order_key key_of(int64_t version, int64_t at_ms, uint64_t hash)
{
	return (struct order_key){
		.source_version = version, .occurred_at_ms = at_ms, .hash = hash
	};
}

static struct order_key any_key(struct rng *r, uint64_t spread)
{
	struct order_key key = key_of(
		(int64_t)rng_below(r, spread), (int64_t)rng_below(r, 3) * 1000, rng_below(r, 2));

	key.op_rank = (uint8_t)rng_below(r, 3);
	key.id[0] = (uint8_t)rng_below(r, 2);
	return key;
}

static void strings_init(struct intern *in)
{
	char text[8];

	intern_init(in, 1, 0);
	for (int i = 0; i < STRINGS; i++) {
		snprintf(text, sizeof(text), "s%d",
			(i * 7) % STRINGS); /* ids are not in the order of texts */
		intern_add(in, slice_of(text));
	}
}

/* ---- single registers ----------------------------------------------------------------------------------- */

static void test_image_is_a_maximum(void **state)
{
	struct registers *r = registers_new();
	struct order_key a = key_of(1, 0, 0), b = key_of(2, 0, 0);

	(void)state;
	assert_int_equal(registers_image_order(NULL, &a), REGISTERS_NEWER);
	assert_int_equal(registers_image_order(r, &a), REGISTERS_NEWER);
	assert_true(registers_put_image(r, &b, true));
	assert_int_equal(registers_image_order(r, &a), REGISTERS_OLDER);
	assert_int_equal(registers_image_order(r, &b), REGISTERS_SAME);
	assert_false(registers_put_image(r, &a, false));
	assert_false(registers_put_image(r, &b, false));
	assert_true(r->excluded);
	registers_free(r);
	registers_free(NULL);
}

static void test_last_and_erased(void **state)
{
	struct registers *r = registers_new();
	struct order_key a = key_of(1, 0, 0), b = key_of(2, 0, 0);

	(void)state;
	assert_true(registers_put_last(r, &a, true));
	assert_true(r->last_is_delete);
	assert_true(registers_put_last(r, &b, false));
	assert_false(r->last_is_delete);
	assert_false(registers_put_last(r, &a, true));
	assert_false(r->last_is_delete);
	assert_true(registers_put_erased(r));
	assert_false(registers_put_erased(r));
	assert_true(r->erased);
	registers_free(r);
}

/* By when it happened, then the event; the version of one entity says nothing of another. */
static void test_merges_have_an_order_of_their_own(void **state)
{
	struct registers *r = registers_new();
	struct order_key old = key_of(9, 1000, 0), new = key_of(1, 2000, 0);
	struct merge_key a = merge_key_of(&old), b = merge_key_of(&new), c = b;

	(void)state;
	assert_true(merge_key_compare(&a, &b) < 0);
	assert_true(merge_key_compare(&b, &a) > 0);
	assert_int_equal(merge_key_compare(&b, &c), 0);
	c.id[15] = 1;
	assert_true(merge_key_compare(&b, &c) < 0);
	assert_true(registers_put_merge(r, &b, 5));
	assert_false(registers_put_merge(r, &a, 6));
	assert_false(registers_put_merge(r, &b, 5));
	assert_true(registers_put_merge(r, &b, 7));
	assert_true(registers_put_merge(r, &c, UINT32_MAX));
	assert_int_equal(registers_merge_target(r), UINT32_MAX);
	registers_free(r);
}

/* ---- sets: any order, any repetition -------------------------------------------------------------------- */

struct member {
	struct register_stage stage;
	struct register_closing closing;
	struct register_version version;
};

static struct member any_member(struct rng *r, uint64_t spread)
{
	struct order_key key = any_key(r, spread);
	uint32_t owner = 1 + (uint32_t)(hash_u64(key.hash + (uint64_t)key.source_version) %
					STRINGS); /* a function of the image */
	struct member m = {
		.stage = { .stage_id = 1 + (uint32_t)rng_below(r, STRINGS),
			.entered_at_ms = (int64_t)rng_below(r, spread) * 1000 },
		.closing = { .at_ms = (int64_t)rng_below(r, spread) * 1000, .least = key },
		.version = { .key = key, .amount = (int64_t)owner * 10000, .has_amount = true },
	};

	m.stage.least = m.stage.greatest = key;
	m.stage.owner_id = m.stage.pipeline_id = m.closing.owner_id = m.version.owner_id = owner;
	return m;
}

static void put(struct registers *r, const struct intern *in, const struct member *m)
{
	bool folded;

	registers_put_stage(r, &m->stage, in, &folded);
	registers_put_closing(r, &m->closing);
	registers_put_version(r, &m->version, &folded);
}

static void assert_registers_equal(const struct registers *a, const struct registers *b)
{
	struct buffer x, y;

	buffer_init(&x);
	buffer_init(&y);
	registers_write(a, &x);
	registers_write(b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buffer_deinit(&x);
	buffer_deinit(&y);
}

static void check_any_order(struct rng *r, const struct intern *in, size_t count, uint64_t spread)
{
	struct member *members = calloc(count, sizeof(*members));
	struct registers *wanted = registers_new();

	/* One image has one key: members of equal keys are equal. */
	for (size_t i = 0; i < count; i++) {
		members[i] = any_member(r, spread);
		for (size_t k = 0; k < i; k++)
			if (!order_compare(&members[k].version.key, &members[i].version.key))
				members[i] = members[k];
		put(wanted, in, &members[i]);
	}
	for (int round = 0; round < 6; round++) {
		struct registers *other = registers_new();

		for (size_t i = count; i > 1; i--) {
			size_t k = rng_below(r, i);
			struct member swap = members[i - 1];

			members[i - 1] = members[k];
			members[k] = swap;
		}
		for (size_t i = 0; i < count + count / 2; i++)
			put(other, in, &members[i < count ? i : rng_below(r, count)]);
		assert_registers_equal(wanted, other);
		registers_free(other);
	}
	registers_free(wanted);
	free(members);
}

static void test_sets_do_not_depend_on_order(void **state)
{
	struct intern in;
	struct rng r;

	(void)state;
	strings_init(&in);
	rng_init(&r, test_seed(7));
	for (int i = 0; i < 60; i++)
		check_any_order(&r, &in, 12, 4);
	for (int i = 0; i < 12; i++)
		check_any_order(&r, &in, 600, 500); /* far beyond the limits */
	intern_deinit(&in);
}

/* ---- limits --------------------------------------------------------------------------------------------- */

static void test_the_latest_closings_stay(void **state)
{
	struct registers *r = registers_new();

	(void)state;
	for (int64_t i = 0; i < 2 * REGISTERS_CLOSINGS_MAX; i++) {
		/* Every second from the end, then the rest. */
		int64_t at =
			i < REGISTERS_CLOSINGS_MAX ? 2 * i : 2 * (i - REGISTERS_CLOSINGS_MAX) + 1;
		struct register_closing c = { .at_ms = at, .least = key_of(at, 0, 0) };

		registers_put_closing(r, &c);
	}
	assert_int_equal(r->sets->closing_count, REGISTERS_CLOSINGS_MAX);
	assert_null(registers_closing_at(r, REGISTERS_CLOSINGS_MAX - 1));
	for (int64_t at = REGISTERS_CLOSINGS_MAX; at < 2 * REGISTERS_CLOSINGS_MAX; at++)
		assert_int_equal(registers_closing_at(r, at)->at_ms, at);
	registers_free(r);
}

/* S2: «at most 64, then the oldest fold; counted». */
static void test_the_greatest_versions_stay(void **state)
{
	struct registers *r = registers_new();
	int folded_count = 0;

	(void)state;
	for (int64_t i = 0; i < 100; i++) {
		struct register_version v = { .key = key_of(100 - i, 0, 0) };
		bool folded = false;

		assert_int_equal(registers_put_version(r, &v, &folded), i < REGISTERS_VERSIONS_MAX);
		folded_count += folded;
	}
	assert_int_equal(folded_count, 100 - REGISTERS_VERSIONS_MAX);
	assert_int_equal(r->sets->version_count, REGISTERS_VERSIONS_MAX);
	assert_int_equal(r->sets->versions[0].key.source_version, 100 - REGISTERS_VERSIONS_MAX + 1);
	registers_free(r);
}

static void test_the_latest_stages_stay(void **state)
{
	struct registers *r = registers_new();
	struct intern in;
	bool folded = false;

	(void)state;
	strings_init(&in);
	for (int64_t i = 0; i < 2 * REGISTERS_STAGES_MAX; i++) {
		struct register_stage s = { .stage_id = 1 + (uint32_t)(i % 3),
			.entered_at_ms = i * 1000 };

		s.least = s.greatest = key_of(1000 - i, 0, 0); /* the order of images is another */
		registers_put_stage(r, &s, &in, &folded);
		assert_int_equal(folded, i >= REGISTERS_STAGES_MAX);
	}
	assert_int_equal(r->sets->stage_count, REGISTERS_STAGES_MAX);
	for (uint16_t i = 0; i < r->sets->stage_count; i++)
		assert_true(r->sets->stages[i].entered_at_ms >= REGISTERS_STAGES_MAX * 1000);
	/* One that is there is joined, full or not. */
	struct register_stage again = r->sets->stages[0];
	again.least = again.greatest = key_of(0, 0, 0);
	assert_true(registers_put_stage(r, &again, &in, &folded));
	assert_int_equal(r->sets->stage_count, REGISTERS_STAGES_MAX);
	registers_free(r);
	intern_deinit(&in);
}

/* S2: owner and team at the *lowest* key that bears the time. */
static void test_the_least_key_gives_the_owner(void **state)
{
	struct registers *r = registers_new();
	struct register_closing budi = { .at_ms = 5, .least = key_of(5, 0, 0), .owner_id = 2 };
	struct register_closing ana = { .at_ms = 5, .least = key_of(4, 0, 0), .owner_id = 1 };

	(void)state;
	assert_true(registers_put_closing(r, &budi));
	assert_true(registers_put_closing(r, &ana));
	assert_false(registers_put_closing(r, &budi));
	assert_int_equal(registers_closing_at(r, 5)->owner_id, 1);
	assert_null(registers_closing_at(r, 4));
	registers_free(r);
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

static struct registers *any_registers(struct rng *r, const struct intern *in)
{
	struct registers *made = registers_new();
	struct order_key key = any_key(r, 50);
	struct merge_key merge = merge_key_of(&key);

	for (uint64_t i = 2 + rng_below(r, 40); i > 0; i--) {
		struct member m = any_member(r, 50);

		/* Each its own key: one image makes one entry. */
		m.version.key.hash = m.stage.least.hash = m.stage.greatest.hash =
			m.closing.least.hash = i;
		key = m.version.key;
		registers_put_image(made, &key, rng_below(r, 2));
		put(made, in, &m);
	}
	registers_put_last(made, &key, rng_below(r, 2));
	if (rng_below(r, 2))
		registers_put_merge(made, &merge, 3);
	if (rng_below(r, 2))
		registers_put_erased(made);
	return made;
}

static void test_bytes_there_and_back(void **state)
{
	struct string_map all = { .count = STRINGS };
	struct intern in;
	struct rng r;

	(void)state;
	strings_init(&in);
	rng_init(&r, test_seed(11));
	for (int i = 0; i < 100; i++) {
		struct registers *a = any_registers(&r, &in), *b = registers_new();
		struct buffer bytes;
		struct reader reader;

		buffer_init(&bytes);
		registers_write(a, &bytes);
		reader = reader_of(bytes.data, bytes.len);
		assert_true(registers_read(b, &reader, &all));
		assert_int_equal(reader_left(&reader), 0);
		if (a->has_merge)
			registers_set_merge_target(
				b, registers_merge_target(a)); /* the store's to write */
		assert_registers_equal(a, b);
		assert_true(registers_bytes(b) >= b->sets->stage_count * sizeof(*b->sets->stages) +
						b->sets->closing_count * sizeof(*b->sets->closings) +
						b->sets->version_count * sizeof(*b->sets->versions));
		registers_free(a);
		registers_free(b);
		buffer_deinit(&bytes);
	}
	intern_deinit(&in);
}

/* Of one kind each, all with their own keys: always taken. */
static struct registers *clean_registers(void)
{
	struct registers *r = registers_new();
	struct intern in;
	bool folded;

	strings_init(&in);
	for (int64_t i = 1; i <= 5; i++) {
		struct order_key key = key_of(i, i * 1000, 7);
		struct register_stage stage = { .stage_id = (uint32_t)i,
			.entered_at_ms = i,
			.least = key,
			.greatest = key,
			.owner_id = 3 };
		struct register_closing closing = { .at_ms = i, .least = key, .team_id = 4 };
		struct register_version version = { .key = key,
			.amount = i,
			.has_amount = true,
			.probability = 5000,
			.has_probability = true,
			.currency = 9,
			.stage_id = 8,
			.pipeline_id = 7,
			.team_id = 6,
			.owner_id = 5 };
		struct merge_key merge = merge_key_of(&key);

		registers_put_image(r, &key, true);
		registers_put_last(r, &key, false);
		registers_put_merge(r, &merge, 1);
		registers_put_stage(r, &stage, &in, &folded);
		registers_put_closing(r, &closing);
		registers_put_version(r, &version, &folded);
	}
	intern_deinit(&in);
	return r;
}

static bool read_back(const struct buffer *bytes, size_t length, const struct string_map *map,
	struct registers **ret)
{
	struct reader reader = reader_of(bytes->data, length);

	*ret = registers_new();
	return registers_read(*ret, &reader, map) && !reader_left(&reader);
}

static void test_every_truncation_is_refused(void **state)
{
	struct string_map all = { .count = STRINGS };
	struct registers *r = clean_registers(), *back;
	struct buffer bytes;

	(void)state;
	buffer_init(&bytes);
	registers_write(r, &bytes);
	assert_true(read_back(&bytes, bytes.len, &all, &back));
	assert_registers_equal(r, back);
	registers_free(back);
	for (size_t length = 0; length < bytes.len; length++) {
		assert_false(read_back(&bytes, length, &all, &back));
		registers_free(back);
	}
	buffer_deinit(&bytes);
	registers_free(r);
}

static void assert_refused(struct registers *r, const struct string_map *map)
{
	struct registers *back;
	struct buffer bytes;

	buffer_init(&bytes);
	registers_write(r, &bytes);
	assert_false(read_back(&bytes, bytes.len, map, &back));
	registers_free(back);
	buffer_deinit(&bytes);
	registers_free(r);
}

static void test_what_cannot_be_true_is_refused(void **state)
{
	struct string_map all = { .count = STRINGS }, few = { .count = 8 };
	struct registers *r;

	(void)state;
	assert_refused(clean_registers(), &few); /* a string that was never given out */
	r = clean_registers();
	r->sets->stages[1] = r->sets->stages[0]; /* one entry twice */
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->stages[2].greatest = r->sets->stages[0].greatest; /* unsorted */
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->stages[0].stage_id = 0;
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->stages[0].least = r->sets->stages[4].greatest;
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->closings[3].at_ms = r->sets->closings[2].at_ms;
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->versions[3].key = r->sets->versions[4].key;
	assert_refused(r, &all);
	r = clean_registers();
	r->sets->versions[0].amount = INT64_MIN;
	assert_refused(r, &all);
	r = clean_registers();
	r->last_key.op_rank = 3; /* the image's too */
	assert_refused(r, &all);
	r = clean_registers();
	r->last_key.occurred_at_ms = INT64_MAX;
	assert_refused(r, &all);
	r = clean_registers();
	r->has_last = false; /* the image's key is that of nothing */
	assert_refused(r, &all);
	r = clean_registers();
	r->has_image = r->image_is_last = r->excluded = false; /* stages of no image */
	assert_refused(r, &all);
	r = clean_registers();
	r->has_last = r->image_is_last = false;
	r->last_is_delete = true;
	assert_refused(r, &all);
}

static void test_string_map(void **state)
{
	static const uint32_t ids[] = { 0, 30, 10, 20 };
	struct string_map map = { .map = ids, .count = 3 };
	struct registers *r = registers_new(), *back;
	struct register_closing c = {
		.at_ms = 1, .least = key_of(1, 0, 0), .owner_id = 1, .team_id = 3
	};
	struct buffer bytes;

	(void)state;
	registers_put_image(r, &c.least, false);
	registers_put_closing(r, &c);
	buffer_init(&bytes);
	registers_write(r, &bytes);
	assert_true(read_back(&bytes, bytes.len, &map, &back));
	assert_int_equal(back->sets->closings[0].owner_id, 30);
	assert_int_equal(back->sets->closings[0].team_id, 20);
	registers_free(back);
	registers_free(r);
	buffer_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_is_a_maximum),
		cmocka_unit_test(test_last_and_erased),
		cmocka_unit_test(test_merges_have_an_order_of_their_own),
		cmocka_unit_test(test_sets_do_not_depend_on_order),
		cmocka_unit_test(test_the_latest_closings_stay),
		cmocka_unit_test(test_the_greatest_versions_stay),
		cmocka_unit_test(test_the_latest_stages_stay),
		cmocka_unit_test(test_the_least_key_gives_the_owner),
		cmocka_unit_test(test_bytes_there_and_back),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_what_cannot_be_true_is_refused),
		cmocka_unit_test(test_string_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
