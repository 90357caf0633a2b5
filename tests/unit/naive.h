/*
 * naive: what a store must show after a set of events, worked out from all of them at once by the words of SEMANTICS.md
 * and KPIS.md: no registers, no indexes, no differences; every question goes through all events again.
 *
 * It shares with the program only the order of two events (event_order, proved in test_event) and the histogram's bins.
 */
#ifndef TESTS_UNIT_NAIVE_H
#define TESTS_UNIT_NAIVE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/decimal.h"
#include "core/event.h"

struct naive_thing {
	struct slice tenant, id;
	enum entity_type type;
	const struct event *image;        /* NULL: known by reference, or by ops without a body */
	bool has_event, is_referred, deleted, excluded, erased;
	struct naive_thing *edge;         /* merged into, as the greatest MERGE says */
	struct order_key edge_key;
	struct naive_thing *root;         /* itself, or what it is merged into in the end */
};

struct naive {
	struct arena *arena;
	const struct event *const *events;
	size_t event_count;
	struct naive_thing *things[4096]; /* in the arena */
	size_t thing_count;
};

struct naive_number {
	bool is_null;
	int64_t i;
};

struct naive_row {                        /* of visits, versions, credit */
	struct slice rep, team, stage, pipeline, exit, currency;
	struct naive_number from, left, amount, probability, share, refund;
};

struct naive_rows {
	struct naive_row items[256];
	size_t count;
};

struct naive *naive_new(struct arena *, const struct event *const *events, size_t count);
/* As world_print and world_print_facts print it, with world_definitions. */
void naive_print(struct naive *, struct buffer *out);
void naive_print_facts(struct naive *, struct buffer *out);

/* ---- between naive*.c ---- */
bool naive_is_live(const struct naive_thing *);
/* A text field of the image; empty: null. NULL thing: null. */
struct slice naive_text(const struct naive_thing *, const char *field);
struct naive_number naive_number(const struct naive_thing *, const char *field);
struct slice naive_ext(const struct naive_thing *, const char *key);
/* Where a reference leads now; NULL: nowhere. Names as in attribute.h, chosen leads too. */
struct naive_thing *naive_ref(struct naive *, const struct naive_thing *, const char *name);
struct slice naive_customer(const struct naive_thing *deal);
struct naive_number naive_close_at(const struct naive_thing *opportunity);
void naive_closer(struct naive *, const struct naive_thing *, struct slice *ret_owner, struct slice *ret_team);
void naive_winner(struct naive *, const struct naive_thing *, struct slice *ret_owner, struct slice *ret_team);
void naive_visits(struct naive *, const struct naive_thing *, struct naive_rows *);
void naive_versions(struct naive *, const struct naive_thing *, struct naive_rows *);
void naive_credit(struct naive *, const struct naive_thing *, struct naive_rows *);
/* Derived values of world_definitions, by their names without the entity. */
struct naive_number naive_derived(struct naive *, const struct naive_thing *, const char *name);
struct naive_thing *naive_derived_ref(struct naive *, const struct naive_thing *, const char *name);
struct slice naive_derived_text(struct naive *, const struct naive_thing *, const char *name);

#endif
