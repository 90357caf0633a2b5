/*
 * source_kafka: the consumer group as a source. Eager `range` assignment with static membership; every partition has its own
 * queue, so that alignment is not serving a queue (S27). A revocation is completed only when every shard was released, so
 * that the last checkpoint comes first (S24). In `single` mode the group is joined on the lock topic's one
 * partition, and its owner reads all partitions of all topics as shard 0 (S25).
 *
 * A static member that the group replaced while a commit of its was under way is finished for librdkafka (FENCED_INSTANCE_ID): all shards
 * are told as lost, and when they are released another client joins. Three times in 20 sessions; then it has a twin, which is SOURCE_FATAL.
 */
#ifndef EDGE_SOURCE_KAFKA_H
#define EDGE_SOURCE_KAFKA_H

#include <stdint.h>

#include "edge/settings.h"
#include "edge/source.h"

struct source_kafka_settings {
	const struct settings *settings;     /* borrowed */
	const char *const *topics;           /* names, by index; borrowed */
	uint16_t topic_count;
	const int32_t *partition_counts;     /* by topic (kafka_admin_prepare found them); equal, except in single mode; copied */
	const char *lock_topic;              /* single mode; NULL: partition mode */
};

/* NULL: refused; err_message says why. */
struct source *source_kafka_new(const struct source_kafka_settings *);

#endif
