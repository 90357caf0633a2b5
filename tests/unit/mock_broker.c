#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_broker.h"

void mock_broker_start(struct mock_broker *b, const char *const *flags)
{
	struct buffer message = { 0 };
	char *argv[16] = { (char *)(uintptr_t)"test" }, brokers[300], error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int argc = 1;

	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	b->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	assert_non_null(b->kafka);
	b->cluster = rd_kafka_mock_cluster_new(b->kafka, 1);
	assert_non_null(b->cluster);
	snprintf(brokers, sizeof(brokers), "--kafka.brokers=%s", rd_kafka_mock_cluster_bootstraps(b->cluster));
	argv[argc++] = brokers;
	while (flags && *flags)
		argv[argc++] = (char *)(uintptr_t)*flags++;
	if (settings_load(NULL, &argc, argv, &b->settings, &message))
		fail_msg("%s", buffer_text(&message));
	buffer_deinit(&message);
}

void mock_broker_stop(struct mock_broker *b)
{
	settings_free(b->settings);
	rd_kafka_mock_cluster_destroy(b->cluster);
	rd_kafka_destroy(b->kafka);
}

void mock_broker_topic(struct mock_broker *b, const char *topic, int partitions)
{
	assert_int_equal(rd_kafka_mock_topic_create(b->cluster, topic, partitions, 1), 0);
}
