/*
 * storage_memory: the storage seam without a network, with the faults that a real one can have. Used by unit tests, by
 * scenarios and by the simulation. Single-threaded.
 */
#ifndef EDGE_STORAGE_MEMORY_H
#define EDGE_STORAGE_MEMORY_H

#include <stdint.h>

#include "edge/storage.h"

/* The epoch is max(stored + 1, *clock_seconds); clock_seconds is borrowed. */
struct storage *storage_memory_new(const int64_t *clock_seconds);

/* The next `count` calls answer -EAGAIN and change nothing. */
void storage_memory_fail_next(struct storage *, uint32_t count);
/* The same after so many that go well: between two steps of one checkpoint. */
void storage_memory_fail_after(struct storage *, uint32_t passing, uint32_t count);
/* As fail_next, but a write among them takes effect although its answer is lost. */
void storage_memory_lose_answers(struct storage *, uint32_t count);
/* Makes the previous manifest of a shard the current one again, with the epoch of then: a failover to a replica that lagged. */
void storage_memory_roll_back(struct storage *, int32_t shard);
/* Forgets everything. */
void storage_memory_clear(struct storage *);
/* Drops the n-th segment of all, in the order of writing; answers whether there was one. */
int storage_memory_drop_segment(struct storage *, uint32_t n);
uint32_t storage_memory_segment_count(const struct storage *);

#endif
