#include "store_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct event *tell(struct story *s, enum entity_type type, enum event_op op, const char *id,
	int64_t version, const char *at)
{
	struct event *e = event_make_op(&s->arena, type, op, id, version, at);

	assert_true(s->count < 8);
	s->events[s->count++] = e;
	return e;
}

struct event *update(
	struct story *s, enum entity_type type, const char *id, int64_t version, const char *at)
{
	return tell(s, type, EVENT_UPDATE, id, version, at);
}

/* A deal that is WON at `won_at` by `owner`. */
struct event *won(struct story *s, const char *id, int64_t version, const char *at,
	const char *won_at, const char *owner)
{
	struct event *e = update(s, ENTITY_DEAL, id, version, at);

	event_set_all(e, "status", "WON", "amount", "100", "currency", "IDR", "won_at", won_at,
		"owner_id", owner, NULL);
	return e;
}

struct event *merge(struct story *s, enum entity_type type, const char *winner, const char *loser,
	int64_t version, const char *at)
{
	struct event *e = tell(s, type, EVENT_MERGE, winner, version, at);

	event_add_merged(&s->arena, e, loser);
	return e;
}

static void try_order(
	struct story *s, const size_t *order, bool twice, void (*check)(struct world *))
{
	struct world w;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	for (size_t i = 0; i < s->count; i++) {
		world_apply(&w, s->events[order[i]]);
		if (twice)
			assert_int_equal(world_apply(&w, s->events[order[i]]), STORE_UNCHANGED);
	}
	world_check_sums(&w);
	check(&w);
	world_deinit(&w);
}

static void permute(struct story *s, size_t *order, size_t fixed, void (*check)(struct world *))
{
	if (fixed == s->count) {
		try_order(s, order, false, check);
		try_order(s, order, true, check);
		return;
	}
	for (size_t i = fixed; i < s->count; i++) {
		size_t first = order[fixed], other = order[i];

		order[fixed] = other;
		order[i] = first;
		permute(s, order, fixed + 1, check);
		order[fixed] = first;
		order[i] = other;
	}
}

/* Ends the story: in all orders. */
void in_any_order(struct story *s, void (*check)(struct world *))
{
	size_t order[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	assert_true(s->count <= 5);
	permute(s, order, 0, check);
	arena_reset(&s->arena);
	s->count = 0;
}

struct event *lead(struct story *s, const char *id, int64_t version, const char *at)
{
	struct event *e = update(s, ENTITY_LEAD, id, version, at);

	event_set_all(e, "status", "open", "created_at", at, "source_channel", id, NULL);
	return e;
}

int story_setup(void **state)
{
	struct story *s = calloc(1, sizeof(*s));

	arena_init(&s->arena, 0);
	s->plan = world_plan(world_definitions);
	*state = s;
	return 0;
}

int story_teardown(void **state)
{
	struct story *s = *state;

	arena_deinit(&s->arena);
	plan_free(s->plan);
	free(s);
	return 0;
}
