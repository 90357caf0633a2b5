/*
 * store_world: a store with its definitions, tenants and fact maker, for tests: events in; what it shows, as canonical text.
 *
 * Every world_apply checks the whole store, swaps the sides as a shard does, and adds the difference of facts to a sum of
 * all differences. Texts name entities by their ids, never by indexes: two worlds are equal if their texts are.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "core/calendar.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/plan.h"
#include "core/store.h"


struct world {
	struct arena arena;               /* for the test's events */
	struct plan *plan;                /* borrowed when is_shared */
	bool is_shared, checks;           /* checks: store_check after each event (the default) */
	struct intern strings;
	struct store *store;
	struct fact_maker *maker;
	struct zone zone;                 /* UTC */
	struct calendar calendar;
	struct fact_set old_facts, new_facts, deltas;
	struct fact *sums;                /* of all differences, by key; owned */
	size_t sum_count, sum_capacity;
	uint32_t tenant;                  /* "acme" */
};

/* A plan from YAML; a mistake in it fails the test with its explanation. */
struct plan *world_plan(const char *yaml);
/* yaml NULL: world_definitions. */
void world_init(struct world *, const char *yaml);
/* On a plan that others use too. */
void world_init_shared(struct world *, struct plan *, struct store_limits);
void world_deinit(struct world *);
/* Another store on the same plan, for restoring into: same strings in the same order, same tenants. */
void world_init_twin(struct world *, const struct world *of);

enum store_answer world_apply(struct world *, const struct event *);
/* Asserts that it changed something. */
void world_change(struct world *, const struct event *);

/* All entities that are known, sorted, with every slot that is not null. */
void world_print(const struct world *, struct buffer *out);
/* All facts now, merged, sorted: «measure at currency sub dims amount count». */
void world_print_facts(struct world *, struct buffer *out);
/* The sum of all differences so far, in the same form. */
void world_print_sums(const struct world *, struct buffer *out);
/* Asserts that differences add up to the facts now. */
void world_check_sums(struct world *);

/* One slot by name, "deal D1 win_owner_id", as world_print shows it; "null" if it is. Valid until the next call. */
const char *world_slot(struct world *, enum entity_type, const char *id, const char *slot);
bool world_is_live(const struct world *, enum entity_type, const char *id);
/* Sum of one measure over all facts; with dims ("ana") only those with this text among their dims; NULL: all. In 1/10,000. */
int64_t world_total(struct world *, const char *measure, const char *dim);
/* The same of those booked before `ms`. */
int64_t world_total_before(struct world *, const char *measure, const char *dim, int64_t ms);
int64_t world_count(struct world *, const char *measure, const char *dim);

/* Lines of a text, sorted. */
void text_sort_lines(struct buffer *);
void assert_texts_equal(struct buffer *a, struct buffer *b, const char *what);

extern const char world_definitions[];

#endif
