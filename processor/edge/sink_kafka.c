#include "edge/sink_kafka.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/kafka_config.h"

enum { FAILURES_MAX = 4096, FLUSH_STEP_MS = 50, TRUNCATED_BYTES = 64 * 1024 };

/* Which records are settled: bit per sequence in a ring that begins behind the watermark. */
struct watermark {
	uint8_t *is_settled; /* [capacity], a power of two */
	size_t capacity;
	uint64_t below; /* everything up to and including this is settled */
};

struct in_flight { /* the opaque of a message */
	uint64_t sequence, cookie;
	int32_t shard;
	enum sink_topic topic;
};

struct sink_kafka {
	struct sink base;
	rd_kafka_t *client;
	const struct settings *settings;
	rd_kafka_topic_t *topics[SINK_TOPIC_COUNT];
	int32_t partitions[SINK_TOPIC_COUNT];
	struct watermark watermark;
	struct sink_failure failures[FAILURES_MAX];
	size_t failure_count;
	uint64_t failures_lost; /* more than fit: everything is sent again then */
};

const char *sink_topic_name(const struct settings *settings, enum sink_topic topic)
{
	const char *const names[SINK_TOPIC_COUNT] = {
		[SINK_LATEST] = settings->topic_latest,
		[SINK_HISTORY] = settings->topic_history,
		[SINK_ALERTS] = settings->topic_alerts,
		[SINK_MOMENTS] = settings->topic_moments,
		[SINK_LATE] = settings->topic_late,
		[SINK_DLQ] = settings->topic_dlq,
	};

	return names[topic];
}

static void watermark_reserve(struct watermark *mark, uint64_t sequence)
{
	if (sequence - mark->below <= mark->capacity)
		return;
	size_t capacity = mark->capacity > 0 ? mark->capacity * 2 : 1024;
	uint8_t *grown = x_calloc(capacity, 1);
	for (uint64_t s = mark->below + 1; s <= mark->below + mark->capacity; s++)
		grown[s & (capacity - 1)] = mark->is_settled[s & (mark->capacity - 1)];
	free(mark->is_settled);
	mark->is_settled = grown;
	mark->capacity = capacity;
}

static void watermark_settle(struct watermark *mark, uint64_t sequence)
{
	mark->is_settled[sequence & (mark->capacity - 1)] = 1;
	while (mark->is_settled[(mark->below + 1) & (mark->capacity - 1)]) {
		mark->below++;
		mark->is_settled[mark->below & (mark->capacity - 1)] = 0;
	}
}

static bool must_arrive(enum sink_topic topic)
{
	return topic != SINK_LATEST;
}

/* What a broker refuses for its bytes it refuses for ever; all else may pass. */
static bool can_arrive(rd_kafka_resp_err_t code)
{
	return code != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
	       code != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
	       code != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
	       code != RD_KAFKA_RESP_ERR_INVALID_MSG && code != RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* The topic takes no record of this length: somebody else made it. Its beginning may still arrive, and says how long it was. */
static bool can_be_cut(const rd_kafka_message_t *message)
{
	return message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
	       message->len > TRUNCATED_BYTES;
}

/* The same bytes once more, or their beginning. False: it could not even be queued. */
static bool send_again(
	struct sink_kafka *kafka, const rd_kafka_message_t *message, struct in_flight *flight)
{
	size_t length = can_be_cut(message) ? TRUNCATED_BYTES : message->len;
	rd_kafka_headers_t *headers = NULL, *copy = NULL;

	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		copy = rd_kafka_headers_copy(headers);
	if (length < message->len) {
		char text[24];

		snprintf(text, sizeof(text), "%zu", message->len);
		copy = copy != NULL ? copy : rd_kafka_headers_new(1);
		rd_kafka_header_add(copy, "truncated_from_bytes", -1, text, -1);
		log_warn("event=record_truncated topic=%s bytes=%zu detail=\"the topic's "
			 "max.message.bytes is smaller\"",
			sink_topic_name(kafka->settings, flight->topic), message->len);
	}
	rd_kafka_resp_err_t code = rd_kafka_producev(kafka->client, RD_KAFKA_V_RKT(message->rkt),
		RD_KAFKA_V_PARTITION(message->partition),
		RD_KAFKA_V_KEY(message->key, message->key_len),
		RD_KAFKA_V_VALUE(message->payload, length),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(copy),
		RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_END);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && copy != NULL)
		rd_kafka_headers_destroy(copy);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
	struct sink_kafka *kafka = context;
	struct in_flight *flight = message->_private;

	(void)client;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		if ((can_arrive(message->err) || can_be_cut(message)) &&
			must_arrive(flight->topic) && send_again(kafka, message, flight))
			return;
		if (must_arrive(flight->topic))
			log_error("event=record_lost topic=%s detail=\"%s\"",
				sink_topic_name(kafka->settings, flight->topic),
				rd_kafka_err2str(message->err));
		if (kafka->failure_count < FAILURES_MAX)
			kafka->failures[kafka->failure_count++] =
				(struct sink_failure){ flight->shard, flight->topic,
					flight->cookie };
		else
			kafka->failures_lost++;
	}
	watermark_settle(&kafka->watermark, flight->sequence);
	free(flight);
}

static rd_kafka_headers_t *headers_of(const char *const *texts)
{
	if (texts == NULL)
		return NULL;
	rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
	for (; texts[0] != NULL; texts += 2)
		rd_kafka_header_add(headers, texts[0], -1, texts[1], -1);
	return headers;
}

/* Where the record goes: the tenant's partition, as Java's producers would choose it. */
static int32_t partition_of(struct sink_kafka *kafka, const struct sink_record *record)
{
	int32_t *count = &kafka->partitions[record->topic];

	if (*count == 0) {
		const struct rd_kafka_metadata *metadata;
		if (rd_kafka_metadata(kafka->client, 0, kafka->topics[record->topic], &metadata,
			    1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
			return RD_KAFKA_PARTITION_UA;
		if (metadata->topic_cnt == 1)
			*count = metadata->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(metadata);
	}
	if (*count <= 0 || record->partition_key.at == NULL)
		return RD_KAFKA_PARTITION_UA;
	return kafka_partition_of(record->partition_key, *count);
}

static int kafka_send(struct sink *sink, const struct sink_record *record, uint64_t *ret_sequence)
{
	struct sink_kafka *kafka = (struct sink_kafka *)sink;
	struct in_flight *flight = x_malloc(sizeof(*flight));
	uint64_t sequence = sink->last_sequence + 1;
	rd_kafka_headers_t *headers = headers_of(record->headers);

	*flight = (struct in_flight){ sequence, record->cookie, record->shard, record->topic };
	watermark_reserve(&kafka->watermark, sequence);
	kafka->watermark.is_settled[sequence & (kafka->watermark.capacity - 1)] = 0;
	rd_kafka_resp_err_t code =
		rd_kafka_producev(kafka->client, RD_KAFKA_V_RKT(kafka->topics[record->topic]),
			RD_KAFKA_V_PARTITION(partition_of(kafka, record)),
			RD_KAFKA_V_KEY(record->key.at, record->key.len),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.at, record->value.len),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
			RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		sink->last_sequence = sequence;
		*ret_sequence = sequence;
		return SINK_SENT;
	}
	free(flight);
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return SINK_FULL;
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return err_raise(-EMSGSIZE, "produce to %s: a record of %zu bytes is too long",
			sink_topic_name(kafka->settings, record->topic), record->value.len);
	return err_raise(-EIO, "produce to %s: %s", sink_topic_name(kafka->settings, record->topic),
		rd_kafka_err2str(code));
}

static size_t kafka_poll(struct sink *sink, int timeout_ms, struct sink_failure *ret, size_t max)
{
	struct sink_kafka *kafka = (struct sink_kafka *)sink;

	rd_kafka_poll(kafka->client, timeout_ms);
	size_t count = kafka->failure_count < max ? kafka->failure_count : max;
	memcpy(ret, kafka->failures, count * sizeof(*ret));
	memmove(kafka->failures, kafka->failures + count,
		(kafka->failure_count - count) * sizeof(*ret));
	kafka->failure_count -= count;
	if (kafka->failures_lost > 0 && kafka->failure_count < FAILURES_MAX) {
		/* A failure without a cookie: the shard forgets what it published, and sends every key again. */
		kafka->failures[kafka->failure_count++] =
			(struct sink_failure){ -1, SINK_LATEST, 0 };
		kafka->failures_lost = 0;
	}
	return count;
}

static uint64_t kafka_settled(struct sink *sink)
{
	return ((struct sink_kafka *)sink)->watermark.below;
}

static int kafka_flush(struct sink *sink, int timeout_ms)
{
	struct sink_kafka *kafka = (struct sink_kafka *)sink;

	for (int waited_ms = 0; kafka->watermark.below < sink->last_sequence;
		waited_ms += FLUSH_STEP_MS) {
		if (waited_ms >= timeout_ms)
			return 1;
		rd_kafka_flush(kafka->client, FLUSH_STEP_MS);
	}
	return 0;
}

static void kafka_free(struct sink *sink)
{
	struct sink_kafka *kafka = (struct sink_kafka *)sink;

	if (kafka == NULL)
		return;
	if (kafka->client != NULL) {
		rd_kafka_purge(kafka->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(kafka->client, 1000);
	}
	for (int i = 0; i < SINK_TOPIC_COUNT; i++)
		if (kafka->topics[i] != NULL)
			rd_kafka_topic_destroy(kafka->topics[i]);
	if (kafka->client != NULL)
		rd_kafka_destroy(kafka->client);
	free(kafka->watermark.is_settled);
	free(kafka);
}

static const struct sink_ops kafka_ops = {
	.name = "kafka",
	.send = kafka_send,
	.poll = kafka_poll,
	.settled = kafka_settled,
	.flush = kafka_flush,
	.free = kafka_free,
};

struct sink *sink_kafka_new(const struct settings *settings)
{
	rd_kafka_conf_t *conf = kafka_config_producer(settings);
	char text[256];

	if (conf == NULL)
		return NULL;
	struct sink_kafka *kafka = x_calloc(1, sizeof(*kafka));
	kafka->base.ops = &kafka_ops;
	kafka->settings = settings;
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	kafka->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (kafka->client == NULL) {
		rd_kafka_conf_destroy(conf);
		err_raise(-EINVAL, "kafka producer: %s", text);
		kafka_free(&kafka->base);
		return NULL;
	}
	for (int i = 0; i < SINK_TOPIC_COUNT; i++)
		kafka->topics[i] = rd_kafka_topic_new(
			kafka->client, sink_topic_name(settings, (enum sink_topic)i), NULL);
	return &kafka->base;
}
