/* kpi.latest, from the beginning and on, outside of any group: the board has nothing to commit and shares with nobody. */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "edge/kafka_config.h"
#include "edge/top.h"
#include "edge/wall.h"

enum { RETRY_MS = 500, METADATA_TIMEOUT_MS = 1000, PARTITIONS_MAX = 10000, PARTITIONS_SHARED = 16 };

struct top_feed {
	rd_kafka_t *client;	 /* owned */
	const char *topic;	 /* borrowed */
	int64_t retry_ms;	 /* wall: not before */
	int32_t partition_count; /* 0: not assigned yet */
	int32_t end_count;	 /* partitions whose end was seen once */
	bool *at_end;		 /* owned; [partition_count] */
	bool is_gone;		 /* no broker answers */
};

static void on_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
	struct top_feed *feed = context;

	(void)client;
	(void)reason;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		feed->is_gone = true;
}

/* The library writes to stderr by default, across the drawing. */
static void say_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	(void)level;
	(void)facility;
	(void)text;
}

static int configure(rd_kafka_conf_t *conf, const struct settings *settings)
{
	char group[512], text[256];
	int length = snprintf(group, sizeof(group), "%s-top", settings->job);
	const char *const wanted[][2] = {
		{ "group.id", length < (int)sizeof(group) ? group : "salespulse-top" },
		{ "auto.offset.reset", "earliest" },
		{ "enable.partition.eof", "true" },
		{ "topic.metadata.refresh.interval.ms", "30000" },
		{ "fetch.wait.max.ms", "100" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (rd_kafka_conf_set(conf, wanted[i][0], wanted[i][1], text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
			return err_raise(-22, "kafka.%s: %s", wanted[i][0], text);
	return 0;
}

struct top_feed *top_feed_new(const struct settings *settings)
{
	rd_kafka_conf_t *conf = kafka_config_consumer(settings, PARTITIONS_SHARED);
	char text[256];

	if (conf == NULL)
		return NULL;
	if (configure(conf, settings) != 0) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	struct top_feed *feed = x_calloc(1, sizeof(*feed));
	feed->topic = settings->topic_latest;
	rd_kafka_conf_set_opaque(conf, feed);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, say_nothing);
	feed->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (feed->client == NULL) {
		rd_kafka_conf_destroy(conf);
		free(feed);
		err_raise(-22, "kafka consumer: %s", text);
		return NULL;
	}
	rd_kafka_poll_set_consumer(feed->client);
	return feed;
}

void top_feed_free(struct top_feed *feed)
{
	if (feed == NULL)
		return;
	rd_kafka_assign(feed->client, NULL);
	rd_kafka_destroy_flags(feed->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(feed->at_end);
	free(feed);
}

static void assign_all(struct top_feed *feed, int32_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);

	for (int32_t i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, feed->topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_resp_err_t code = rd_kafka_assign(feed->client, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	feed->partition_count = count;
	feed->at_end = x_calloc((size_t)count, sizeof(*feed->at_end));
}

/* The topic may not be there yet, nor the broker: asked again twice a second. */
static void look_for_topic(struct top_feed *feed, int64_t now_ms)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic;

	if (now_ms < feed->retry_ms)
		return;
	feed->retry_ms = now_ms + RETRY_MS;
	topic = rd_kafka_topic_new(feed->client, feed->topic, NULL);
	if (topic == NULL)
		return;
	if (rd_kafka_metadata(feed->client, 0, topic, &metadata, METADATA_TIMEOUT_MS) ==
		RD_KAFKA_RESP_ERR_NO_ERROR) {
		feed->is_gone = false;
		if (metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0 &&
			metadata->topics[0].partition_cnt <= PARTITIONS_MAX)
			assign_all(feed, metadata->topics[0].partition_cnt);
		rd_kafka_metadata_destroy(metadata);
	} else {
		feed->is_gone = true;
	}
	rd_kafka_topic_destroy(topic);
}

static void take(
	struct top_feed *feed, struct top *top, const rd_kafka_message_t *message, int64_t now_ms)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		feed->is_gone = false;
		if (message->partition >= 0 && message->partition < feed->partition_count &&
			!feed->at_end[message->partition]) {
			feed->at_end[message->partition] = true;
			feed->end_count++;
		}
		return;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	feed->is_gone = false;
	top_take(top, (struct slice){ message->key, message->key_len },
		(struct slice){ message->payload, message->len }, now_ms);
}

void top_feed_poll(struct top_feed *feed, struct top *top, int timeout_ms, int64_t now_ms)
{
	struct wall wall = { .ops = &wall_real };
	int64_t begin_ms = wall_monotone_ms(&wall), left_ms = timeout_ms;

	if (feed->partition_count == 0)
		look_for_topic(feed, now_ms);
	do {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(feed->client, (int)left_ms);
		if (message != NULL) {
			take(feed, top, message, now_ms);
			rd_kafka_message_destroy(message);
		}
		left_ms = timeout_ms - (wall_monotone_ms(&wall) - begin_ms);
	} while (left_ms > 0);
}

enum top_feed_state top_feed_state(const struct top_feed *feed)
{
	if (feed->is_gone)
		return TOP_BROKER_GONE;
	return feed->partition_count > 0 && feed->end_count == feed->partition_count ? TOP_READING
										     : TOP_LOADING;
}
