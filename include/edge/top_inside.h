/*
 * top_inside: what the files top*.c share. A record is kept as it came and decoded when it is looked at.
 * Private to top*.c.
 */
#ifndef EDGE_TOP_INSIDE_H
#define EDGE_TOP_INSIDE_H

#include "base/index.h"
#include "edge/top.h"

struct top_record {
	char *key, *value;           /* owned */
	size_t key_length, value_length; /* value_length 0: a tombstone */
	int64_t revision;
};

struct top_tenant {
	char *name;                  /* owned */
	int64_t beat_ms, as_of_ms;   /* the last heartbeat came (wall), the newest value's time */
	double lag_s;                /* what the heartbeat said: the clock behind wall */
};

struct top {
	struct top_record *records;
	uint32_t count, capacity;
	struct index index;
	struct top_tenant *tenants;  /* sorted by name */
	uint32_t tenant_count, tenant_capacity;
};

/* Walks the records that have a value; cursor from 0. */
bool top_next(const struct top *, uint32_t *cursor, struct snapshot *ret);

#endif
