/*
 * mock_broker: librdkafka's built-in cluster on a real port, and settings that point to it, for tests of the Kafka rooms. What it can't
 * do (transactions, read_committed, retention) the system tests ask of a real broker.
 */
#ifndef TESTS_UNIT_MOCK_BROKER_H
#define TESTS_UNIT_MOCK_BROKER_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "edge/settings.h"

struct mock_broker {
	rd_kafka_t *kafka;
	rd_kafka_mock_cluster_t *cluster;
	struct settings *settings;   /* kafka.brokers is the cluster; `flags` of mock_broker_start win */
};

/* flags: further settings ("--job=x"), up to NULL. */
void mock_broker_start(struct mock_broker *, const char *const *flags);
void mock_broker_stop(struct mock_broker *);
void mock_broker_topic(struct mock_broker *, const char *topic, int partitions);

#endif
