/*
 * feed EVENTS TENANTS TEAMS REPS --kafka.brokers=… [settings]: sends the funnel's events to the input topics, which it makes when they
 * are missing: keyed by tenant, murmur2, lz4. Prints how many, and the mean size of a value.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "edge/codec.h"
#include "edge/kafka_admin.h"
#include "edge/kafka_config.h"
#include "edge/settings.h"
#include "funnel.h"

static rd_kafka_t *open_producer(const struct settings *s)
{
	const char *topics[] = { s->topic_lead, s->topic_opportunity, s->topic_deal,
		s->topic_call };
	int32_t partitions[4];
	char error[256];

	if (kafka_admin_prepare(s, topics, 4, NULL, 15000, partitions))
		return NULL;
	rd_kafka_conf_t *conf = kafka_config_producer(s);

	if (!conf)
		return NULL;
	rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
	rd_kafka_conf_set(conf, "compression.type", "lz4", NULL, 0);
	rd_kafka_conf_set(conf, "message.timeout.ms", "120000", NULL, 0);
	rd_kafka_conf_set(conf, "linger.ms", "50", NULL, 0);
	return rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
}

static int send_event(
	rd_kafka_t *kafka, const char *topic, const struct event *e, const struct buffer *bytes)
{
	rd_kafka_resp_err_t code;

	do {
		code = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic),
			RD_KAFKA_V_KEY(e->tenant_id.at, e->tenant_id.len),
			RD_KAFKA_V_VALUE(bytes->data, bytes->len),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
		rd_kafka_poll(kafka, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
	} while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	return code != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int feed(rd_kafka_t *kafka, const struct settings *s, struct funnel *f)
{
	const char *const topics[ENTITY_TYPE_COUNT] = { [ENTITY_LEAD] = s->topic_lead,
		[ENTITY_OPPORTUNITY] = s->topic_opportunity,
		[ENTITY_DEAL] = s->topic_deal,
		[ENTITY_CALL] = s->topic_call };
	struct buffer bytes;
	struct event e;
	uint64_t total = 0;
	int failed = 0;

	buffer_init(&bytes);
	while (!failed && funnel_next(f, &e)) {
		buffer_reset(&bytes);
		codec_encode_event(&e, &bytes);
		total += bytes.len;
		failed = send_event(kafka, topics[e.type], &e, &bytes);
	}
	buffer_deinit(&bytes);
	failed |= rd_kafka_flush(kafka, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR;
	printf("events=%llu value_bytes=%.0f\n", (unsigned long long)f->made,
		(double)total / (double)(f->made ? f->made : 1));
	return failed;
}

int main(int argc, char **argv)
{
	struct settings *settings;
	struct buffer message;
	struct funnel f;

	buffer_init(&message);
	if (settings_load(NULL, &argc, argv, &settings, &message) || argc < 5) {
		fprintf(stderr, "feed: %.*s\n", (int)message.len, (const char *)message.data);
		return 2;
	}
	rd_kafka_t *kafka = open_producer(settings);

	if (!kafka) {
		fprintf(stderr, "feed: %s\n", err_message());
		return 1;
	}
	funnel_init(&f, strtoull(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
		(uint32_t)strtoul(argv[3], NULL, 10), (uint32_t)strtoul(argv[4], NULL, 10));
	int failed = feed(kafka, settings, &f);

	funnel_deinit(&f);
	rd_kafka_destroy(kafka);
	settings_free(settings);
	buffer_deinit(&message);
	return failed;
}
