/*
 * any_event: events with random, valid values in every field, and whether two events say the same. Nullable fields are null
 * now and then; texts are now and then empty, not ASCII, or long.
 */
#ifndef TESTS_UNIT_ANY_EVENT_H
#define TESTS_UNIT_ANY_EVENT_H

#include "base/arena.h"
#include "base/rng.h"
#include "core/event.h"

/* All of it is in the arena. */
struct event *codec_any_event(struct rng *, struct arena *, enum entity_type);
struct slice any_text(struct rng *, struct arena *);
/* Fails the test, naming the field, unless both say the same. A null list and an empty one differ. */
void assert_events_equal(const struct event *a, const struct event *b);
void assert_values_equal(const struct model_field *, const struct event_value *a, const struct event_value *b);

#endif
