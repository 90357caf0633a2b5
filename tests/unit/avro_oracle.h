/*
 * avro_oracle: avro-c as the other opinion on what bytes mean. It encodes our events by any schema that has their fields, and
 * fills fields that the model doesn't know with random values.
 */
#ifndef TESTS_UNIT_AVRO_ORACLE_H
#define TESTS_UNIT_AVRO_ORACLE_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "core/event.h"

/* Appends. The schema defines every name where it is used. */
void oracle_encode(json_t *schema, const struct event *, struct rng *, struct buffer *out);

/*
 * Another writer's schema for events like this one: fields reordered, dropped, renamed with an alias, added, of other types.
 * *expected becomes what a reader should see; it begins as a copy of the event and shares its memory. The answer is the caller's.
 */
json_t *oracle_evolve(json_t *built_in, struct event *expected, struct arena *, struct rng *);

#endif
