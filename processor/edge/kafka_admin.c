#include "edge/kafka_admin.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/kafka_config.h"
#include "edge/sink_kafka.h"

enum { TOPICS_MAX = 64 };

struct topic_wanted {
	const char *name;
	int32_t partitions;
	const char *config[6]; /* name, value, … NULL */
};

static const char *const config_compacted[6] = {
	"cleanup.policy",
	"compact",
	"min.cleanable.dirty.ratio",
	"0.1",
	"segment.ms",
	"600000",
};
static const char *const config_kept[6] = { "cleanup.policy", "delete", "retention.ms", "-1",
	NULL };
static const char *const config_month[6] = { "cleanup.policy", "delete", "retention.ms",
	"2592000000", NULL };
/* A letter holds the original whole, however long the input topic allowed it to be. */
static const char *const config_letters[6] = {
	"cleanup.policy",
	"delete",
	"retention.ms",
	"2592000000",
	"max.message.bytes",
	"67174400",
};
static const char *const config_default[6] = { NULL };

static void wanted_add(struct topic_wanted *wanted, size_t *count, const char *name,
	int32_t partitions, const char *const *config)
{
	if (name == NULL || name[0] == '\0' || *count == TOPICS_MAX)
		return;
	struct topic_wanted *topic = &wanted[(*count)++];
	topic->name = name;
	topic->partitions = partitions;
	memcpy(topic->config, config, sizeof(topic->config));
}

static const struct rd_kafka_metadata_topic *topic_find(
	const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strcmp(metadata->topics[i].topic, name) == 0 &&
			metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
			metadata->topics[i].partition_cnt > 0)
			return &metadata->topics[i];
	return NULL;
}

static rd_kafka_NewTopic_t *topic_new(
	const struct settings *settings, const struct topic_wanted *wanted)
{
	char text[256];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(wanted->name, wanted->partitions,
		(int)settings->topic_replication, text, sizeof(text));

	for (size_t i = 0; topic != NULL && i + 1 < 6 && wanted->config[i] != NULL; i += 2)
		rd_kafka_NewTopic_set_config(topic, wanted->config[i], wanted->config[i + 1]);
	return topic;
}

static int creation_result(rd_kafka_event_t *event)
{
	size_t count;

	if (event == NULL)
		return err_raise(-EAGAIN, "kafka: creating topics timed out");
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_raise(
			-EAGAIN, "kafka: creating topics: %s", rd_kafka_event_error_string(event));
	const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
		rd_kafka_event_CreateTopics_result(event), &count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			log_info("event=topic_created topic=%s",
				rd_kafka_topic_result_name(results[i]));
		else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			return err_raise(-EINVAL, "kafka: topic %s can't be created: %s",
				rd_kafka_topic_result_name(results[i]),
				rd_kafka_topic_result_error_string(results[i]));
	}
	return 0;
}

static int create_topics(rd_kafka_t *client, const struct settings *settings,
	const struct topic_wanted *const *missing, size_t count, int timeout_ms)
{
	rd_kafka_NewTopic_t *topics[TOPICS_MAX];
	size_t made = 0;

	for (size_t i = 0; i < count; i++) {
		topics[made] = topic_new(settings, missing[i]);
		if (topics[made] == NULL)
			return err_raise(
				-EINVAL, "kafka: topic name \"%s\" is refused", missing[i]->name);
		made++;
	}
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_CreateTopics(client, topics, made, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
	int code = creation_result(event);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy_array(topics, made);
	return code == 0 ? 0 : err_pass(code);
}

/* All inputs must have one partition count, except in single mode. Missing ones count as the setting, or as what the others have. */
static int common_partitions(const struct rd_kafka_metadata *metadata,
	const struct settings *settings, const char *const *inputs, size_t input_count,
	bool is_single, int32_t *ret_counts)
{
	const char *first = NULL;
	int32_t count = (int32_t)settings->topic_partitions;

	for (size_t i = 0; i < input_count; i++) {
		const struct rd_kafka_metadata_topic *topic = topic_find(metadata, inputs[i]);
		if (topic == NULL)
			continue;
		if (first != NULL && topic->partition_cnt != count && !is_single)
			return err_raise(-EINVAL,
				"topic %s has %d partitions, %s has %d: a company's streams must "
				"lie in equal partitions; "
				"create %s anew with %d partitions, or run with sharding: single",
				inputs[i], topic->partition_cnt, first, (int)count, inputs[i],
				(int)count);
		first = inputs[i];
		count = topic->partition_cnt;
	}
	for (size_t i = 0; i < input_count; i++) {
		const struct rd_kafka_metadata_topic *topic = topic_find(metadata, inputs[i]);

		ret_counts[i] = topic != NULL ? topic->partition_cnt : count;
	}
	return 0;
}

static int prepare_with(rd_kafka_t *client, const struct settings *settings,
	const char *const *inputs, size_t input_count, const char *lock_topic, int timeout_ms,
	int32_t *ret_partition_counts)
{
	const struct rd_kafka_metadata *metadata;
	struct topic_wanted wanted[TOPICS_MAX];
	const struct topic_wanted *missing[TOPICS_MAX];
	size_t count = 0, missing_count = 0;

	rd_kafka_resp_err_t answer = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);
	if (answer != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_raise(-EAGAIN, "kafka at %s: %s", settings->kafka_brokers,
			rd_kafka_err2str(answer));
	/* Who only writes has no lock topic; what reads it may be single all the same. */
	bool is_single = lock_topic != NULL || strcmp(settings->sharding, "single") == 0;
	int code = common_partitions(
		metadata, settings, inputs, input_count, is_single, ret_partition_counts);
	for (size_t i = 0; code == 0 && i < input_count; i++)
		wanted_add(wanted, &count, inputs[i], ret_partition_counts[i], config_default);
	for (int i = 0; i < SINK_TOPIC_COUNT; i++) {
		const char *const *config = i == SINK_LATEST || i == SINK_ALERTS ? config_compacted
					    : i == SINK_HISTORY			 ? config_kept
					    : i == SINK_DLQ || i == SINK_LATE	 ? config_letters
										 : config_month;
		wanted_add(wanted, &count, sink_topic_name(settings, (enum sink_topic)i),
			code == 0 ? ret_partition_counts[0] : 1, config);
	}
	wanted_add(wanted, &count, lock_topic, 1, config_default);
	for (size_t i = 0; code == 0 && i < count; i++)
		if (topic_find(metadata, wanted[i].name) == NULL)
			missing[missing_count++] = &wanted[i];
	rd_kafka_metadata_destroy(metadata);
	if (code != 0)
		return err_pass(code);
	if (missing_count == 0)
		return 0;
	if (!settings->topic_create)
		return err_raise(-EINVAL,
			"kafka: topic %s is missing, and kafka.topic_create is off",
			missing[0]->name);
	code = create_topics(client, settings, missing, missing_count, timeout_ms);
	return code == 0 ? 0 : err_pass(code);
}

int kafka_admin_prepare(const struct settings *settings, const char *const *inputs,
	size_t input_count, const char *lock_topic, int timeout_ms, int32_t *ret_partition_counts)
{
	rd_kafka_conf_t *conf = kafka_config_admin(settings);
	char text[256];

	if (conf == NULL)
		return err_pass(-EINVAL);
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (client == NULL) {
		rd_kafka_conf_destroy(conf);
		return err_raise(-EINVAL, "kafka: %s", text);
	}
	int code = prepare_with(client, settings, inputs, input_count, lock_topic, timeout_ms,
		ret_partition_counts);
	rd_kafka_destroy(client);
	return code == 0 ? 0 : err_pass(code);
}
