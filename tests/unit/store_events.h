/*
 * store_events: random events for model tests: few ids, few times, few versions, so that everything meets everything: ties of
 * the order, children before their parents, merges in circles, corrections of what is long over.
 */
#ifndef TESTS_UNIT_STORE_EVENTS_H
#define TESTS_UNIT_STORE_EVENTS_H

#include "base/arena.h"
#include "base/rng.h"
#include "core/event.h"

/* One valid event; everything in the arena or static. */
struct event *random_event(struct arena *, struct rng *);
void shuffle_events(struct rng *, const struct event **events, size_t count);
/* SEED=… in the environment, else `fallback`; printed when a test fails. */
uint64_t test_seed(uint64_t fallback);

#endif
