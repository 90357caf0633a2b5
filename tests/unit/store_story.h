/*
 * store_story: a few events that are tried in every order, and with every event twice: the answer must always be the same.
 */
#ifndef TESTS_UNIT_STORE_STORY_H
#define TESTS_UNIT_STORE_STORY_H

#include "events.h"
#include "store_world.h"

#define AT1 "2026-03-01T10:00:00Z"
#define AT2 "2026-03-02T10:00:00Z"
#define AT3 "2026-03-03T10:00:00Z"
#define AT4 "2026-03-04T10:00:00Z"

struct story {
	struct arena arena;
	struct plan *plan;               /* of world_definitions */
	struct event *events[8];         /* of the test in hand */
	size_t count;
};

/* cmocka's group setup: *state is a story. */
int story_setup(void **state);
int story_teardown(void **state);

/* Each adds an event to the story. */
struct event *tell(struct story *, enum entity_type, enum event_op, const char *id, int64_t version, const char *at);
struct event *update(struct story *, enum entity_type, const char *id, int64_t version, const char *at);
/* A deal of 100 IDR that is WON at `won_at` by `owner`. */
struct event *won(struct story *, const char *id, int64_t version, const char *at, const char *won_at, const char *owner);
struct event *merge(struct story *, enum entity_type, const char *winner, const char *loser, int64_t version, const char *at);
/* A lead that was created `at`, its source channel its id. */
struct event *lead(struct story *, const char *id, int64_t version, const char *at);
/* Ends the story: in all orders. */
void in_any_order(struct story *, void (*check)(struct world *));

#define SLOT(type, id, slot, wanted) \
	assert_string_equal(world_slot(w, ENTITY_##type, id, slot), wanted)
#define LIVE(type, id) assert_true(world_is_live(w, ENTITY_##type, id))
#define NOT_LIVE(type, id) assert_false(world_is_live(w, ENTITY_##type, id))
#define TOTAL(measure, dim, wanted) assert_int_equal(world_total(w, measure, dim), money_of(wanted))
#define COUNT(measure, dim, wanted) assert_int_equal(world_count(w, measure, dim), wanted)


#endif
