/*
 * store, fact: the model test. Random events in random orders, some of them twice: what is shown and what is counted is the
 * same whatever the order, equals what naive.c works out from the rules, and differences add up to it at every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/rng.h"
#include "edge/definition_file.h"
#include "naive.h"
#include "store_events.h"
#include "store_world.h"

enum { EVENTS_MAX = 48 };

struct shown {
	struct buffer entities, facts;
};

static void shown_init(struct shown *s)
{
	buffer_init(&s->entities);
	buffer_init(&s->facts);
}

static void shown_deinit(struct shown *s)
{
	buffer_deinit(&s->entities);
	buffer_deinit(&s->facts);
}

static void look(struct world *w, struct shown *s)
{
	world_print(w, &s->entities);
	world_print_facts(w, &s->facts);
}

static void assert_shown_equal(struct shown *a, struct shown *b, const char *what)
{
	assert_texts_equal(&a->entities, &b->entities, what);
	assert_texts_equal(&a->facts, &b->facts, what);
}

static void work_out(
	struct arena *arena, const struct event **events, size_t count, struct shown *s)
{
	struct naive *n = naive_new(arena, events, count);

	naive_print(n, &s->entities);
	naive_print_facts(n, &s->facts);
}

/* Every prefix against the naive model, and its differences against its facts. */
static void check_prefixes(
	struct plan *plan, const struct event **events, size_t count, size_t every)
{
	struct arena arena;
	struct world w;

	arena_init(&arena, 0);
	world_init_shared(&w, plan, (struct store_limits){ .entities_max = 10000 });
	for (size_t i = 0; i < count; i++) {
		struct shown naive, store;

		world_apply(&w, events[i]);
		world_check_sums(&w);
		if (i % every && i + 1 < count)
			continue;
		shown_init(&naive);
		shown_init(&store);
		work_out(&arena, events, i + 1, &naive);
		look(&w, &store);
		assert_shown_equal(&naive, &store, "naive (-) and store (+)");
		shown_deinit(&naive);
		shown_deinit(&store);
		arena_reset(&arena);
	}
	world_deinit(&w);
	arena_deinit(&arena);
}

/* The same events in another order, each once or more often: the same end. */
static void check_order(struct plan *plan, struct rng *r, const struct event **events, size_t count,
	struct shown *wanted)
{
	const struct event *shuffled[3 * EVENTS_MAX];
	size_t total = count;
	struct shown store;
	struct world w;

	memcpy(shuffled, events, count * sizeof(*events));
	while (total < 3 * EVENTS_MAX && rng_below(r, 8))
		shuffled[total++] = events[rng_below(r, count)];
	shuffle_events(r, shuffled, total);
	world_init_shared(&w, plan, (struct store_limits){ .entities_max = 10000 });
	w.checks = false;
	for (size_t i = 0; i < total; i++)
		world_apply(&w, shuffled[i]);
	store_check(w.store);
	world_check_sums(&w);
	shown_init(&store);
	look(&w, &store);
	assert_shown_equal(wanted, &store, "one order (-) and another (+)");
	shown_deinit(&store);
	world_deinit(&w);
}

/* Events of one run: the same entity types and ids meet often. */
static void run(struct plan *plan, uint64_t seed, size_t count, size_t orders, size_t every)
{
	const struct event *events[EVENTS_MAX];
	struct arena arena;
	struct shown wanted;
	struct rng r;

	fprintf(stderr, "# SEED=%llu\n", (unsigned long long)seed);
	rng_init(&r, seed);
	arena_init(&arena, 0);
	for (size_t i = 0; i < count; i++)
		events[i] = random_event(&arena, &r);
	check_prefixes(plan, events, count, every);
	shown_init(&wanted);
	work_out(&arena, events, count, &wanted);
	for (size_t i = 0; i < orders; i++)
		check_order(plan, &r, events, count, &wanted);
	shown_deinit(&wanted);
	arena_deinit(&arena);
}

static void test_small_worlds(void **state)
{
	for (uint64_t i = 0; i < 300; i++)
		run(*state, test_seed(1000) + i, 10, 3, 1);
}

static void test_large_worlds(void **state)
{
	for (uint64_t i = 0; i < 60; i++)
		run(*state, test_seed(2000) + i, EVENTS_MAX, 4, 5);
}

/* The definitions that ship: no naive model knows them, but order and differences must hold for them as well. */
static void test_shipped_definitions(void **state)
{
	const struct event *events[EVENTS_MAX];
	_cleanup_buffer_ struct buffer explanation;
	struct plan *plan = NULL;
	struct arena arena;
	struct rng r;

	(void)state;
	buffer_init(&explanation);
	if (definition_file_plan(NULL, &plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	arena_init(&arena, 0);
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct shown wanted;
		struct world w;

		rng_init(&r, test_seed(3000) + seed);
		world_init_shared(&w, plan, (struct store_limits){ .entities_max = 10000 });
		for (size_t i = 0; i < EVENTS_MAX; i++) {
			events[i] = random_event(&arena, &r);
			world_apply(&w, events[i]);
			world_check_sums(&w);
		}
		shown_init(&wanted);
		look(&w, &wanted);
		for (int i = 0; i < 3; i++)
			check_order(plan, &r, events, EVENTS_MAX, &wanted);
		shown_deinit(&wanted);
		world_deinit(&w);
		arena_reset(&arena);
	}
	arena_deinit(&arena);
	plan_free(plan);
}

static int setup(void **state)
{
	*state = world_plan(world_definitions);
	return 0;
}

static int teardown(void **state)
{
	plan_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_worlds),
		cmocka_unit_test(test_large_worlds),
		cmocka_unit_test(test_shipped_definitions),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
