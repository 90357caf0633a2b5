/*
 * event_pile: decoded events in memory, packed, to be taken out again in the order of time: those without a time of their own
 * first, then by occurred_at, events of one instant in the order in which they were added.
 *
 * A replay wants every event that had happened at a moment, whichever file it is in and wherever it stands there, so all are
 * read before the first is applied. Packed they take about 60 bytes and the length of their texts; bytes_max bounds that.
 *
 * Numbered events (of a mapping) have no version, id and arrival time: the order gives them. source_version is the place in the
 * pile from 1, event_id a UUID of what the event is and its version, ingested_at its time. An undated event is at the time of the first dated one.
 */
#ifndef EDGE_EVENT_PILE_H
#define EDGE_EVENT_PILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "core/event.h"

struct pile_item;

struct pile_origin {
	uint32_t file;               /* the caller's number of a file */
	uint64_t line;               /* or number of a record; from 1 */
};

struct event_pile {
	struct arena arena;          /* the packed events; bounded */
	struct pile_item *items;     /* owned */
	size_t count, capacity;
	size_t bytes_max;
	int64_t first_ms;            /* time of the first dated event */
	int64_t last_ms;             /* of the last; both INT64_MIN: no dated events */
	struct buffer scratch;
	bool is_sorted;
};

void event_pile_init(struct event_pile *, size_t bytes_max);
void event_pile_deinit(struct event_pile *);
/* Copies the event. 0, or -ENOSPC (raised): bytes_max is reached. */
int event_pile_add(struct event_pile *, const struct event *, bool is_numbered, bool is_undated, struct pile_origin);
void event_pile_sort(struct event_pile *);
/* The event at a place of the order (sorted, asserted). Texts are borrowed from the pile, the rest and made ids from the arena. */
void event_pile_get(const struct event_pile *, size_t place, struct arena *, struct event *ret, struct pile_origin *ret_origin);
size_t event_pile_bytes(const struct event_pile *);

#endif
