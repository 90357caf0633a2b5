/*
 * kafka_config: librdkafka configurations from the settings: what the program needs first, then the operator's own
 * kafka.* properties (TLS, SASL …), which win. Values are never logged.
 */
#ifndef EDGE_KAFKA_CONFIG_H
#define EDGE_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "edge/kafka_partition.h"
#include "edge/settings.h"

/* Owned by the caller until a client takes it. NULL: a property was refused; err_message says which and why. */
/* partition_total: how many partitions share the bound on fetched bytes. */
rd_kafka_conf_t *kafka_config_consumer(const struct settings *, size_t partition_total);
rd_kafka_conf_t *kafka_config_producer(const struct settings *);
rd_kafka_conf_t *kafka_config_admin(const struct settings *);

#endif
