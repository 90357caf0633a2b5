/*
 * source: where events come from: batches of raw messages with their positions, and what changes in the assignment.
 * Implementations: source_kafka (consumer group, eager, static membership), source_memory (an in-memory log with
 * partitions and a group, for tests and the simulation). Pulled at our pace; no work in library callbacks.
 *
 * Partition i of *all* topics is one unit: «shard i» (ARCHITECTURE 7); assignment is told by shard.
 */
#ifndef EDGE_SOURCE_H
#define EDGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/message.h"

enum source_event_kind {
	SOURCE_ASSIGNED,      /* shard: give positions by source_start for each topic, else nothing is read */
	SOURCE_REVOKED,       /* shard: still ours until source_released: checkpoint now (S24) */
	SOURCE_LOST,          /* shard: not ours any more: discard, write nothing */
	SOURCE_AT_END,        /* topic, shard: all that is there has been given; a new message ends this state */
	SOURCE_UNREADABLE,    /* topic, shard: reading fails for now (leader gone …) */
	SOURCE_OUT_OF_RANGE,  /* topic, shard: the position given no longer exists: stop with a choice (S24) */
	SOURCE_FATAL,         /* text says what; nothing can be read any more */
	SOURCE_BROKER_DOWN, SOURCE_BROKER_UP, /* for /readyz and the log */
};

struct source_event {
	enum source_event_kind kind;
	uint16_t topic;
	int32_t shard;
	int32_t partition;               /* of AT_END, UNREADABLE, OUT_OF_RANGE */
	char text[192];
};

struct source_batch {
	const struct message *messages;  size_t message_count;
	const struct source_event *events; size_t event_count;   /* to be handled before the messages */
};

struct source_position {
	uint16_t topic;
	int32_t partition;               /* equal to the shard, except in `single` mode, where shard 0 has them all */
	int64_t offset;                  /* the next to read; SOURCE_BEGINNING: the oldest there is */
};
#define SOURCE_BEGINNING (-2)

struct source;

struct source_ops {
	const char *name;
	/* At most `max` messages; waits up to timeout_ms for the first. 0, or negative errno. Valid until the next poll. */
	int (*poll)(struct source *, int timeout_ms, size_t max, struct source_batch *ret_batch);
	/* Positions for an assigned shard; reading begins there. */
	int (*start)(struct source *, int32_t shard, const struct source_position *, size_t count);
	/* S27: while held, a partition's queue is not served; its fetched messages stay. */
	void (*hold)(struct source *, uint16_t topic, int32_t partition, bool held);
	/* The revoked or lost shard has been dealt with. */
	void (*released)(struct source *, int32_t shard);
	/* Committed group offsets and metadata (id of the checkpoint, epoch), asynchronous; best effort. */
	int (*commit)(struct source *, int32_t shard, const struct source_position *, size_t count, const char *metadata);
	/* The committed offset metadata of a shard: what an empty Redis is compared with. 1: none committed. */
	int (*committed)(struct source *, int32_t shard, struct source_position *ret, size_t count, char *ret_metadata, size_t cap);
	/* True when the group still counts us as the owner (S19). May need several calls before it can be told: ask again, a second later. */
	bool (*confirmed)(struct source *);
	void (*free)(struct source *);
};

struct source {
	const struct source_ops *ops;
	const char *const *topics;       /* names, by index */
	uint16_t topic_count;
	int32_t shard_count;             /* partitions of every topic; known after the first poll */
};

#endif
