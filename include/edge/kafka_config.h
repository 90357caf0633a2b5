/*
 * kafka_config: librdkafka configurations from the settings: what the program needs first, then the operator's own
 * kafka.* properties (TLS, SASL …), which win. Values are never logged. Also the partitioner of Java producers.
 */
#ifndef EDGE_KAFKA_CONFIG_H
#define EDGE_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "base/slice.h"
#include "edge/settings.h"

/* Owned by the caller until a client takes it. NULL: a property was refused; err_message says which and why. */
rd_kafka_conf_t *kafka_config_consumer(const struct settings *);
rd_kafka_conf_t *kafka_config_producer(const struct settings *);
rd_kafka_conf_t *kafka_config_admin(const struct settings *);

/* The partition that Java's default partitioner gives a key (murmur2, sign bit cleared). count > 0. */
int32_t kafka_partition_of(struct slice key, int32_t count);

#endif
