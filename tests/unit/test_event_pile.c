#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "edge/event_pile.h"

static struct event deal(struct arena *arena, const char *id, int64_t at_ms)
{
	struct event e;

	event_init(&e, ENTITY_DEAL, arena);
	e.tenant_id = SLICE_LIT("acme");
	e.entity_id = slice_of(id);
	e.source = SLICE_LIT("csv");
	e.op = EVENT_UPDATE;
	e.occurred_at_ms = at_ms;
	return e;
}

static void test_order_is_of_time_then_of_arrival(void **state)
{
	static const struct {
		const char *id;
		int64_t at_ms;
		bool undated;
	} in[] = { { "late", 300, false }, { "b", 200, false }, { "roster", 0, true },
		{ "c", 200, false }, { "early", 100, false }, { "other", 0, true } };
	static const char *const expected[] = { "roster", "other", "early", "b", "c", "late" };
	struct arena _cleanup_arena_ arena;
	struct event_pile pile;

	(void)state;
	arena_init(&arena, 0);
	event_pile_init(&pile, 0);
	for (size_t i = 0; i < 6; i++) {
		struct event e = deal(&arena, in[i].id, in[i].at_ms);

		assert_int_equal(event_pile_add(&pile, &e, true, in[i].undated,
					 (struct pile_origin){ 3, i + 1 }),
			0);
	}
	event_pile_sort(&pile);
	assert_int_equal(pile.first_ms, 100);
	assert_int_equal(pile.last_ms, 300);
	for (size_t i = 0; i < 6; i++) {
		struct event e;
		struct pile_origin origin;

		event_pile_get(&pile, i, &arena, &e, &origin);
		assert_true(slice_is(e.entity_id, expected[i]));
		assert_int_equal(e.source_version, i + 1);
		assert_int_equal(e.ingested_at_ms, e.occurred_at_ms);
		assert_int_equal(origin.file, 3);
		if (i < 2)
			assert_int_equal(e.occurred_at_ms, 100);
	}
	event_pile_deinit(&pile);
}

static void test_made_ids_are_uuids_and_the_same_again(void **state)
{
	char ids[2][3][37] = { 0 };

	(void)state;
	for (size_t run = 0; run < 2; run++) {
		struct arena _cleanup_arena_ arena;
		struct event_pile pile;

		arena_init(&arena, 0);
		event_pile_init(&pile, 0);
		for (size_t i = 0; i < 3; i++) {
			struct event e = deal(&arena, i == 1 ? "y" : "x", (int64_t)i);

			event_pile_add(&pile, &e, true, false, (struct pile_origin){ 0, 0 });
		}
		event_pile_sort(&pile);
		for (size_t i = 0; i < 3; i++) {
			struct event e;
			struct pile_origin origin;

			event_pile_get(&pile, i, &arena, &e, &origin);
			assert_int_equal(e.event_id.len, 36);
			memcpy(ids[run][i], e.event_id.at, 36);
			assert_int_equal(ids[run][i][14], '8');
			assert_non_null(strchr("89ab", ids[run][i][19]));
		}
		event_pile_deinit(&pile);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(ids[0][i], ids[1][i]);
		assert_string_not_equal(ids[0][i], ids[0][(i + 1) % 3]);
	}
}

static struct slice some_text(struct rng *rng, struct arena *arena)
{
	char text[40];
	size_t length = rng_below(rng, sizeof(text));

	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + rng_below(rng, 26));
	return (struct slice){ arena_strndup(arena, text, length), length };
}

static void some_values(struct rng *rng, struct arena *arena, const struct model_field *fields,
	size_t count, struct event_value *values)
{
	for (size_t i = 0; i < count; i++) {
		values[i] = (struct event_value){ .is_null = rng_chance(rng, 0.4) };
		if (values[i].is_null)
			continue;
		if (fields[i].type == VALUE_STRING) {
			values[i].text = some_text(rng, arena);
		} else if (fields[i].type == VALUE_LIST) {
			const struct model_list *list = fields[i].list;

			values[i].list = arena_alloc(arena, sizeof(*values[i].list));
			values[i].list->count = rng_below(rng, 4);
			values[i].list->cells = arena_alloc(
				arena, 4 * list->field_count * sizeof(struct event_value));
			for (size_t row = 0; row < values[i].list->count; row++)
				some_values(rng, arena, list->fields, list->field_count,
					values[i].list->cells + row * list->field_count);
		} else {
			values[i].i = (int64_t)rng_u64(rng);
		}
	}
}

static void some_envelope(struct rng *rng, struct arena *arena, struct event *e)
{
	e->op = (enum event_op)rng_below(rng, EVENT_OP_COUNT);
	e->excluded = rng_chance(rng, 0.5);
	e->event_id = some_text(rng, arena);
	e->tenant_id = some_text(rng, arena);
	e->entity_id = some_text(rng, arena);
	e->occurred_at_ms = (int64_t)rng_below(rng, 1000);
	e->ingested_at_ms = (int64_t)rng_u64(rng);
	e->source_version = (int64_t)rng_u64(rng);
	e->merged_count = rng_below(rng, 3);
	e->merged_ids = arena_alloc(arena, 3 * sizeof(*e->merged_ids));
	for (size_t i = 0; i < e->merged_count; i++)
		e->merged_ids[i] = some_text(rng, arena);
	e->ext_count = rng_below(rng, 3);
	e->ext = arena_alloc(arena, 3 * sizeof(*e->ext));
	for (size_t i = 0; i < e->ext_count; i++)
		e->ext[i] = (struct event_ext){ some_text(rng, arena), some_text(rng, arena) };
}

/* The order key has a hash of the whole image: two events with the same key are the same. */
static void test_nothing_is_lost(void **state)
{
	enum { COUNT = 500 };
	struct arena _cleanup_arena_ arena;
	struct order_key keys[COUNT];
	struct event_pile pile;
	struct rng rng;

	(void)state;
	arena_init(&arena, 0);
	event_pile_init(&pile, 0);
	rng_init(&rng, 11);
	for (size_t i = 0; i < COUNT; i++) {
		struct event e;

		event_init(&e, (enum entity_type)rng_below(&rng, ENTITY_TYPE_COUNT), &arena);
		some_envelope(&rng, &arena, &e);
		some_values(&rng, &arena, model_table[e.type].fields,
			model_table[e.type].field_count, e.fields);
		keys[i] = event_order(&e);
		assert_int_equal(
			event_pile_add(&pile, &e, false, false, (struct pile_origin){ 0, i }), 0);
	}
	event_pile_sort(&pile);
	for (size_t i = 0; i < COUNT; i++) {
		struct event e;
		struct pile_origin origin;

		event_pile_get(&pile, i, &arena, &e, &origin);
		struct order_key key = event_order(&e);

		assert_int_equal(order_compare(&key, &keys[origin.line]), 0);
		assert_int_equal(key.hash, keys[origin.line].hash);
	}
	event_pile_deinit(&pile);
}

static void test_the_limit_is_said(void **state)
{
	struct arena _cleanup_arena_ arena;
	struct event_pile pile;
	int r = 0;

	(void)state;
	arena_init(&arena, 0);
	event_pile_init(&pile, 100000);
	for (int i = 0; i < 100000 && !r; i++) {
		struct event e = deal(&arena, "x", i);

		r = event_pile_add(&pile, &e, true, false, (struct pile_origin){ 0, 0 });
	}
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(err_message(), "memory"));
	assert_true(pile.count > 100);
	event_pile_deinit(&pile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_of_time_then_of_arrival),
		cmocka_unit_test(test_made_ids_are_uuids_and_the_same_again),
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_the_limit_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
