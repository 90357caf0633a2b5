/*
 * source_memory: an in-memory log with partitions, and a consumer of it, without a network. The log outlives its consumers,
 * so that a crash is freeing the consumer and making another. For tests and the simulation; single-threaded.
 */
#ifndef EDGE_SOURCE_MEMORY_H
#define EDGE_SOURCE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/source.h"

struct memory_log;

struct memory_log *memory_log_new(uint16_t topic_count, int32_t partition_count);
void memory_log_free(struct memory_log *);
/* Appends a message (copied); answers its offset. */
int64_t memory_log_append(struct memory_log *, uint16_t topic, int32_t partition, struct slice key, struct slice value);
int64_t memory_log_end(const struct memory_log *, uint16_t topic, int32_t partition);

/* A consumer of the log; owns nothing at first. The log is borrowed. */
struct source *source_memory_new(struct memory_log *, const char *const *topics);
/* The same for `single` mode: shard 0 has all partitions. */
struct source *source_memory_new_single(struct memory_log *, const char *const *topics);
/* Gives or takes shards; told with the next poll. lost: as when the session ended. */
void source_memory_assign(struct source *, int32_t shard);
void source_memory_revoke(struct source *, int32_t shard, bool lost);
/* Whether a revoked shard has been released. */
bool source_memory_is_released(const struct source *, int32_t shard);
/* What confirmed() answers (true at first). */
void source_memory_set_confirmed(struct source *, bool);
/* No broker can be reached: nothing is read, confirmed or released, and both ends of it are told. */
void source_memory_set_down(struct source *, bool down);
/* A partition that can't be read: told as SOURCE_UNREADABLE at each poll until it is readable again. */
void source_memory_set_unreadable(struct source *, uint16_t topic, int32_t partition, bool);

#endif
