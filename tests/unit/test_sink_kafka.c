/* The producer against the built-in cluster: what is sent is settled, lies where murmur2 says, and carries its headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/kafka_partition.h"
#include "edge/sink_kafka.h"
#include "mock_broker.h"

static void records_arrive(void **state)
{
	static const char *const headers[] = { "reason", "a length of 7", NULL };
	struct mock_broker b;
	struct sink *s;
	uint64_t sequence = 0;

	(void)state;
	mock_broker_start(&b, NULL);
	mock_broker_topic(&b, "kpi.dlq", 4);
	mock_broker_topic(&b, "kpi.latest", 4);
	s = sink_kafka_new(b.settings);
	assert_non_null(s);
	for (int i = 0; i < 100; i++) {
		const struct sink_record record = { .topic = i % 2 ? SINK_DLQ : SINK_LATEST, .key = SLICE_LIT("key"), .value = SLICE_LIT("value"),
			.partition_key = SLICE_LIT("acme"), .headers = i % 2 ? headers : NULL };

		assert_int_equal(s->ops->send(s, &record, &sequence), SINK_SENT);
		assert_int_equal(sequence, (uint64_t)i + 1);
	}
	assert_int_equal(s->ops->flush(s, 20000), 0);
	assert_int_equal(s->ops->settled(s), 100);
	s->ops->free(s);
	mock_broker_stop(&b);
}

static void read_back(struct mock_broker *b, int32_t partition, size_t *ret_count, char *ret_header)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	char error[256];
	rd_kafka_t *consumer;
	bool at_end = false;

	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(b->cluster), NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "reader", NULL, 0);
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	rd_kafka_topic_partition_list_add(list, "kpi.dlq", partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, list);
	while (!at_end) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 100);
		rd_kafka_headers_t *headers;
		const void *value;
		size_t size;

		if (!m)
			continue;
		at_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		*ret_count += !m->err;
		if (!m->err && !rd_kafka_message_headers(m, &headers) && !rd_kafka_header_get_last(headers, "reason", &value, &size))
			snprintf(ret_header, 64, "%.*s", (int)size, (const char *)value);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
}

static void where_java_would_put_them(void **state)
{
	static const char *const headers[] = { "reason", "a length of 7", NULL };
	struct mock_broker b;
	const struct sink_record record = { .topic = SINK_DLQ, .key = SLICE_LIT("other"), .value = SLICE_LIT("v"), .partition_key = SLICE_LIT("acme"),
		.headers = headers };
	struct sink *s;
	uint64_t sequence;
	size_t count = 0;
	char header[64] = "";

	(void)state;
	mock_broker_start(&b, NULL);
	mock_broker_topic(&b, "kpi.dlq", 4);
	s = sink_kafka_new(b.settings);
	assert_int_equal(s->ops->send(s, &record, &sequence), SINK_SENT);
	assert_int_equal(s->ops->flush(s, 20000), 0);
	read_back(&b, kafka_partition_of(SLICE_LIT("acme"), 4), &count, header);
	assert_int_equal(count, 1);
	assert_string_equal(header, "a length of 7");
	s->ops->free(s);
	mock_broker_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(records_arrive), cmocka_unit_test(where_java_would_put_them) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
