#include "edge/source_kafka.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/kafka_config.h"
#include "edge/wall.h"

enum {
	COMMITTED_TIMEOUT_MS = 5000,
	CONFIRM_TIMEOUT_MS = 3000,
	SHARES_PER_POLL = 16,
	PING_POLLS = 16,
	HEARD_CALLS = 4,
	PING_TIMEOUT_MS = 100,
	FENCED_MAX = 3, /* in FENCED_SESSIONS: who is fenced more often has a twin */
	FENCED_SESSIONS = 20
};
static const size_t BATCH_BYTES_MAX = (size_t)256 << 20;

struct partition {
	uint16_t topic;
	int32_t number;
	rd_kafka_queue_t *queue; /* its own; forwarding cut before it is assigned */
	int64_t next_offset;	 /* to read */
	bool is_started, is_held;
	bool end_is_due; /* an end was seen behind messages of this batch: told with the next one */
	bool has_messages; /* in the batch under construction */
};

struct source_kafka {
	struct source base;
	rd_kafka_conf_t *conf; /* of every client */
	rd_kafka_t *client;
	const char *lock_topic;	      /* NULL: partition mode */
	int wake_fd;		      /* written by the library when a queue fills */
	int32_t partition_count;      /* the greatest of all topics */
	int32_t *partition_counts;    /* by topic; owned */
	struct partition *partitions; /* topic_count * partition_count, topic-major */
	size_t partition_total, next_served;
	bool *is_ours;	  /* per shard: assigned, and not yet released */
	bool *is_leaving; /* per shard: revoked or lost, and not yet released */
	bool is_revoking; /* the revocation waits for the last release */
	bool is_fenced;	  /* this client can do nothing more: another follows when all shards are released */
	int64_t session_ms, fenced_ms[FENCED_MAX]; /* when, monotone; the oldest is overwritten */
	uint32_t fenced_count;
	bool is_down;
	uint32_t polls_down;  /* while it is down */
	uint32_t heard_count; /* of kafka_confirmed */
	struct arena arena;   /* messages of the current batch */
	struct message *messages;
	size_t message_count, message_capacity;
	struct source_event *events,
		*told; /* collected for the next poll; given out by the last one */
	size_t event_count, event_capacity, told_capacity;
	rd_kafka_topic_partition_list_t *last_commit; /* for confirmed() */
};

static struct source_event *event_add(
	struct source_kafka *kafka, enum source_event_kind kind, int32_t shard)
{
	X_GROW(kafka->events, kafka->event_count, kafka->event_capacity);
	struct source_event *event = &kafka->events[kafka->event_count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->shard = shard;
	return event;
}

static bool is_single(const struct source_kafka *kafka)
{
	return kafka->lock_topic != NULL;
}

static int32_t shard_of(const struct source_kafka *kafka, const struct partition *partition)
{
	return is_single(kafka) ? 0 : partition->number;
}

static struct partition *partition_at(struct source_kafka *kafka, uint16_t topic, int32_t number)
{
	return &kafka->partitions[(size_t)topic * (size_t)kafka->partition_count + (size_t)number];
}

static struct partition *partition_find(
	struct source_kafka *kafka, const char *topic, int32_t number)
{
	for (uint16_t i = 0; i < kafka->base.topic_count; i++)
		if (strcmp(kafka->base.topics[i], topic) == 0 && number >= 0 &&
			number < kafka->partition_counts[i])
			return partition_at(kafka, i, number);
	return NULL;
}

/* ---- assignment ----------------------------------------------------------------------------------------- */

/*
 * The library asserts when an assignment follows another whose partitions have not stopped yet: each is stopped twice. Its main
 * thread serves one queue in order, so a question asked behind the stops is answered behind them, and a second one behind
 * what they answered.
 */
static void await_stops(struct source_kafka *kafka)
{
	for (int i = 0; i < 2; i++) {
		rd_kafka_topic_partition_list_t *list = NULL;

		if (rd_kafka_assignment(kafka->client, &list) == RD_KAFKA_RESP_ERR_NO_ERROR)
			rd_kafka_topic_partition_list_destroy(list);
	}
}

static void assign_started(struct source_kafka *kafka)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)kafka->partition_total + 1);

	for (size_t i = 0; i < kafka->partition_total; i++) {
		const struct partition *partition = &kafka->partitions[i];
		if (!partition->is_started)
			continue;
		rd_kafka_topic_partition_list_add(
			list, kafka->base.topics[partition->topic], partition->number)
			->offset = partition->next_offset == SOURCE_BEGINNING
					   ? RD_KAFKA_OFFSET_BEGINNING
					   : partition->next_offset;
	}
	await_stops(kafka);
	rd_kafka_resp_err_t code = rd_kafka_assign(kafka->client, list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		snprintf(event_add(kafka, SOURCE_FATAL, -1)->text, sizeof(kafka->events->text),
			"assign: %s", rd_kafka_err2str(code));
	rd_kafka_topic_partition_list_destroy(list);
}

static void tell_assigned(struct source_kafka *kafka, const rd_kafka_topic_partition_list_t *list)
{
	int32_t shards = kafka->base.shard_count;
	uint16_t *topics_of = x_calloc((size_t)shards, sizeof(*topics_of));

	for (int i = 0; i < list->cnt; i++) {
		if (is_single(kafka) && strcmp(list->elems[i].topic, kafka->lock_topic) == 0)
			topics_of[0] = kafka->base.topic_count;
		else if (!is_single(kafka) && partition_find(kafka, list->elems[i].topic,
						      list->elems[i].partition) != NULL)
			topics_of[list->elems[i].partition]++;
	}
	for (int32_t shard = 0; shard < shards; shard++) {
		if (topics_of[shard] == kafka->base.topic_count) {
			kafka->is_ours[shard] = true;
			event_add(kafka, SOURCE_ASSIGNED, shard);
		} else if (topics_of[shard] > 0) {
			snprintf(event_add(kafka, SOURCE_FATAL, shard)->text,
				sizeof(kafka->events->text),
				"partition %d was assigned for %u of %u topics: all members of the "
				"group must read the same topics, "
				"with the same partition count",
				(int)shard, topics_of[shard], kafka->base.topic_count);
		}
	}
	free(topics_of);
}

static void shard_stop(struct source_kafka *kafka, int32_t shard)
{
	for (size_t i = 0; i < kafka->partition_total; i++) {
		if (shard_of(kafka, &kafka->partitions[i]) != shard)
			continue;
		kafka->partitions[i].is_started = false;
		kafka->partitions[i].is_held = false;
		kafka->partitions[i].end_is_due = false;
	}
}

static bool is_any_leaving(const struct source_kafka *kafka)
{
	for (int32_t shard = 0; shard < kafka->base.shard_count; shard++)
		if (kafka->is_leaving[shard])
			return true;
	return false;
}

static void complete_revocation(struct source_kafka *kafka)
{
	if (is_any_leaving(kafka))
		return;
	kafka->is_revoking = false;
	await_stops(kafka);
	rd_kafka_assign(kafka->client, NULL);
}

/*
 * A member that was thrown out must not commit again while it joins anew: with static membership its old id is taken for
 * another consumer's, and the library fails for ever (FENCED_INSTANCE_ID).
 */
static void forget_last_commit(struct source_kafka *kafka)
{
	if (kafka->last_commit != NULL)
		rd_kafka_topic_partition_list_destroy(kafka->last_commit);
	kafka->last_commit = NULL;
}

static void tell_gone(struct source_kafka *kafka, enum source_event_kind kind)
{
	kafka->heard_count = 0;
	forget_last_commit(kafka);
	for (int32_t shard = 0; shard < kafka->base.shard_count; shard++) {
		if (!kafka->is_ours[shard])
			continue;
		kafka->is_ours[shard] = false;
		kafka->is_leaving[shard] = true;
		shard_stop(kafka, shard);
		event_add(kafka, kind, shard);
	}
}

static void tell_revoked(struct source_kafka *kafka)
{
	kafka->is_revoking = true;
	tell_gone(kafka,
		rd_kafka_assignment_lost(kafka->client) != 0 ? SOURCE_LOST : SOURCE_REVOKED);
	complete_revocation(kafka);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *list, void *context)
{
	struct source_kafka *kafka = context;

	(void)client;
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		tell_assigned(kafka, list);
		assign_started(kafka); /* none yet: reading begins with source_start */
	} else {
		tell_revoked(kafka);
	}
}

/*
 * A commit that was under way when the group threw us out names the member that we were: the coordinator takes it for a twin's, and
 * the library's client is finished. That is not a twin, and a new client joins as after a new start. Two processes with one
 * instance id fence each other for as long as both live: then it is for the operator.
 */
static bool is_twin(struct source_kafka *kafka)
{
	struct wall wall = { .ops = &wall_real };
	int64_t now_ms = wall_monotone_ms(&wall),
		*oldest_ms = &kafka->fenced_ms[kafka->fenced_count % FENCED_MAX];
	bool is_often = kafka->fenced_count >= FENCED_MAX &&
			now_ms - *oldest_ms < FENCED_SESSIONS * kafka->session_ms;

	*oldest_ms = now_ms;
	kafka->fenced_count++;
	return is_often;
}

static void tell_fatal(struct source_kafka *kafka)
{
	char text[160];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka->client, text, sizeof(text));

	if (kafka->is_fenced)
		return; /* known */
	if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && !is_twin(kafka)) {
		log_warn("event=fenced_by_group detail=\"%s: joins it anew\"", text);
		kafka->is_fenced = true;
		tell_gone(kafka, SOURCE_LOST);
		return;
	}
	if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
		snprintf(text, sizeof(text),
			"again and again: each process wants a kafka.instance_id of its own");
	snprintf(event_add(kafka, SOURCE_FATAL, -1)->text, sizeof(kafka->events->text), "%s: %s",
		rd_kafka_err2name(code), text);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
	struct source_kafka *kafka = context;

	(void)client;
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		tell_fatal(kafka);
	else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !kafka->is_down) {
		kafka->is_down = true;
		snprintf(event_add(kafka, SOURCE_BROKER_DOWN, -1)->text,
			sizeof(kafka->events->text), "%s", reason);
	}
}

/* Metadata of the topics that are known already: a question to any broker. */
static bool broker_answers(struct source_kafka *kafka, int timeout_ms)
{
	const struct rd_kafka_metadata *metadata;

	if (rd_kafka_metadata(kafka->client, 0, NULL, &metadata, timeout_ms) !=
		RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	rd_kafka_metadata_destroy(metadata);
	return true;
}

/* ---- messages ------------------------------------------------------------------------------------------- */

static void on_queue_filled(rd_kafka_t *client, void *context)
{
	const struct source_kafka *kafka = context;
	const uint64_t one = 1;

	(void)client;
	/* A full counter means that the wake-up is already due. */
	ssize_t written = write(kafka->wake_fd, &one, sizeof(one));
	(void)written;
}

static struct slice copy_bytes(struct source_kafka *kafka, const void *bytes, size_t length)
{
	char *copy = arena_alloc_raw(&kafka->arena, length);

	if (bytes == NULL || copy == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(copy, bytes, length);
	return (struct slice){ copy, length };
}

static void take_error(
	struct source_kafka *kafka, struct partition *partition, const rd_kafka_message_t *raw)
{
	enum source_event_kind kind = SOURCE_UNREADABLE;

	if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (partition->has_messages) {
			partition->end_is_due = true;
			return;
		}
		kind = SOURCE_AT_END;
	} else if (raw->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
		   raw->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
		kind = SOURCE_OUT_OF_RANGE;
	}
	struct source_event *event = event_add(kafka, kind, shard_of(kafka, partition));
	event->topic = partition->topic;
	event->partition = partition->number;
	if (kind != SOURCE_AT_END)
		snprintf(event->text, sizeof(event->text), "%s", rd_kafka_message_errstr(raw));
}

static void take_message(
	struct source_kafka *kafka, struct partition *partition, const rd_kafka_message_t *raw)
{
	/* What the library still had from before a new start is not ours to see again. */
	if (!partition->is_started ||
		(partition->next_offset >= 0 && raw->offset < partition->next_offset))
		return;
	X_GROW(kafka->messages, kafka->message_count, kafka->message_capacity);
	kafka->messages[kafka->message_count++] = (struct message){
		.topic = partition->topic,
		.partition = partition->number,
		.offset = raw->offset,
		.timestamp_ms = rd_kafka_message_timestamp(raw, NULL),
		.key = copy_bytes(kafka, raw->key, raw->key_len),
		.value = copy_bytes(kafka, raw->payload, raw->len),
	};
	partition->next_offset = raw->offset + 1;
	partition->has_messages = true;
	partition->end_is_due = false;
}

struct serving {
	struct source_kafka *kafka;
	struct partition *partition;
	size_t left; /* of its share */
};

static void on_message(rd_kafka_message_t *raw, void *context)
{
	struct serving *serving = context;

	if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		take_error(serving->kafka, serving->partition, raw);
	else
		take_message(serving->kafka, serving->partition, raw);
	/* The rest goes back to the head of its queue. */
	if (--serving->left == 0)
		rd_kafka_yield(serving->kafka->client);
}

/* Serves the group's own queue: rebalances and errors come as callbacks from here. */
static void serve_group(struct source_kafka *kafka)
{
	rd_kafka_message_t *raw;

	while ((raw = rd_kafka_consumer_poll(kafka->client, 0)) != NULL) {
		struct partition *partition =
			raw->rkt != NULL ? partition_find(kafka, rd_kafka_topic_name(raw->rkt),
						   raw->partition)
					 : NULL;

		if (partition != NULL && raw->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_message(kafka, partition, raw);
		else if (partition != NULL)
			take_error(kafka, partition, raw);
		else if (raw->err == RD_KAFKA_RESP_ERR__FATAL)
			tell_fatal(kafka);
		else if (raw->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
			log_warn("event=max_poll_exceeded detail=\"%s\"",
				rd_kafka_message_errstr(raw));
		rd_kafka_message_destroy(raw);
	}
}

/*
 * A share of each partition in turn, and again, until there is enough: the library fetches by partition, and a queue that was
 * emptied at once would fill a batch with one shard's messages, for one thread, an hour ahead of all others.
 */
static void serve_partitions(struct source_kafka *kafka, size_t max)
{
	size_t idle = 0; /* partitions in a row that had nothing */

	while (idle < kafka->partition_total && kafka->message_count < max) {
		struct partition *partition =
			&kafka->partitions[kafka->next_served++ % kafka->partition_total];
		struct serving serving = { kafka, partition, max / SHARES_PER_POLL + 1 };
		size_t before = kafka->message_count;

		if (partition->is_started && !partition->is_held)
			rd_kafka_consume_callback_queue(partition->queue, 0, on_message, &serving);
		idle = kafka->message_count > before ? 0 : idle + 1;
	}
}

static void tell_due_ends(struct source_kafka *kafka)
{
	for (size_t i = 0; i < kafka->partition_total; i++) {
		struct partition *partition = &kafka->partitions[i];

		partition->has_messages = false;
		if (!partition->end_is_due)
			continue;
		partition->end_is_due = false;
		struct source_event *event =
			event_add(kafka, SOURCE_AT_END, shard_of(kafka, partition));
		event->topic = partition->topic;
		event->partition = partition->number;
	}
}

/* ---- the client ------------------------------------------------------------------------------------------- */

/* Each partition's own queue, with forwarding cut before the first assignment: the library then leaves it cut. */
static void open_queues(struct source_kafka *kafka)
{
	for (uint16_t topic = 0; topic < kafka->base.topic_count; topic++) {
		for (int32_t number = 0; number < kafka->partition_count; number++) {
			struct partition *partition = partition_at(kafka, topic, number);

			partition->topic = topic;
			partition->number = number;
			if (number >= kafka->partition_counts[topic])
				continue;
			partition->queue = rd_kafka_queue_get_partition(
				kafka->client, kafka->base.topics[topic], number);
			rd_kafka_queue_forward(partition->queue, NULL);
			rd_kafka_queue_cb_event_enable(partition->queue, on_queue_filled, kafka);
		}
	}
	rd_kafka_queue_t *group = rd_kafka_queue_get_consumer(kafka->client);
	rd_kafka_queue_cb_event_enable(group, on_queue_filled, kafka);
	rd_kafka_queue_destroy(group);
}

static int subscribe(struct source_kafka *kafka)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(kafka->base.topic_count + 1);

	if (is_single(kafka))
		rd_kafka_topic_partition_list_add(list, kafka->lock_topic, RD_KAFKA_PARTITION_UA);
	for (uint16_t i = 0; !is_single(kafka) && i < kafka->base.topic_count; i++)
		rd_kafka_topic_partition_list_add(
			list, kafka->base.topics[i], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(kafka->client, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : err_raise(-EIO, "subscribe: %s", rd_kafka_err2str(code));
}

static void close_queues(struct source_kafka *kafka)
{
	for (size_t i = 0; i < kafka->partition_total; i++) {
		if (kafka->partitions[i].queue == NULL)
			continue;
		rd_kafka_queue_cb_event_enable(kafka->partitions[i].queue, NULL, NULL);
		rd_kafka_queue_destroy(kafka->partitions[i].queue);
		kafka->partitions[i].queue = NULL;
	}
}

static int open_client(struct source_kafka *kafka)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->conf);

	kafka->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (kafka->client == NULL) {
		rd_kafka_conf_destroy(conf);
		return err_raise(-EINVAL, "kafka consumer: %s", text);
	}
	rd_kafka_poll_set_consumer(kafka->client);
	open_queues(kafka);
	return subscribe(kafka);
}

static int join_anew(struct source_kafka *kafka)
{
	close_queues(kafka);
	/* It is no member any more, and has nothing to say to the group. */
	rd_kafka_destroy_flags(kafka->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	kafka->client = NULL;
	kafka->is_fenced = kafka->is_revoking = false;
	return open_client(kafka);
}

/* ---- poll ------------------------------------------------------------------------------------------------- */

static void wait_for_queues(struct source_kafka *kafka, int timeout_ms)
{
	struct pollfd waiting = { .fd = kafka->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&waiting, 1, timeout_ms) > 0) {
		ssize_t length = read(kafka->wake_fd, &count, sizeof(count));
		(void)length;
	}
}

static int kafka_poll(
	struct source *source, int timeout_ms, size_t max, struct source_batch *ret_batch)
{
	struct source_kafka *kafka = (struct source_kafka *)source;

	arena_reset(&kafka->arena);
	kafka->message_count = 0;
	/* The settings were good for the client before: no mistake of theirs. */
	if (kafka->is_fenced && !is_any_leaving(kafka) && join_anew(kafka) != 0)
		return err_pass(-EIO);
	tell_due_ends(kafka);
	serve_group(kafka);
	serve_partitions(kafka, max);
	if (kafka->message_count == 0 && kafka->event_count == 0 && timeout_ms > 0) {
		wait_for_queues(kafka, timeout_ms);
		serve_group(kafka);
		serve_partitions(kafka, max);
	}
	if (kafka->is_down &&
		(kafka->message_count > 0 || (++kafka->polls_down % PING_POLLS == 0 &&
						     broker_answers(kafka, PING_TIMEOUT_MS)))) {
		kafka->is_down = false;
		event_add(kafka, SOURCE_BROKER_UP, -1);
	}
	struct source_event *given = kafka->events;
	size_t given_count = kafka->event_count, given_capacity = kafka->event_capacity;
	kafka->events = kafka->told;
	kafka->event_capacity = kafka->told_capacity;
	kafka->event_count = 0;
	kafka->told = given;
	kafka->told_capacity = given_capacity;
	*ret_batch =
		(struct source_batch){ kafka->messages, kafka->message_count, given, given_count };
	return 0;
}

/* ---- the rest of the interface ---------------------------------------------------------------------------- */

static int kafka_start(
	struct source *source, int32_t shard, const struct source_position *positions, size_t count)
{
	struct source_kafka *kafka = (struct source_kafka *)source;

	if (!kafka->is_ours[shard])
		return 0; /* revoked meanwhile: the event is on its way */
	for (size_t i = 0; i < count; i++) {
		if (positions[i].topic >= kafka->base.topic_count || positions[i].partition < 0 ||
			positions[i].partition >= kafka->partition_count)
			return err_raise(-EINVAL,
				"position of topic %u partition %d: no such partition",
				positions[i].topic, (int)positions[i].partition);
		struct partition *partition =
			partition_at(kafka, positions[i].topic, positions[i].partition);
		if (positions[i].partition >= kafka->partition_counts[positions[i].topic]) {
			/* Single mode: this topic has fewer than another. There is nothing, and that's its end. */
			struct source_event *event = event_add(kafka, SOURCE_AT_END, shard);
			event->topic = positions[i].topic;
			event->partition = positions[i].partition;
			continue;
		}
		partition->next_offset = positions[i].offset;
		partition->is_started = true;
		partition->is_held = false;
	}
	assign_started(kafka);
	return 0;
}

static void kafka_hold(struct source *source, uint16_t topic, int32_t number, bool held)
{
	struct source_kafka *kafka = (struct source_kafka *)source;
	struct partition *partition = partition_at(kafka, topic, number);

	if (partition->is_held && !held)
		on_queue_filled(kafka->client,
			kafka); /* what waited there must not wait for the next arrival */
	partition->is_held = held;
}

static void kafka_released(struct source *source, int32_t shard)
{
	struct source_kafka *kafka = (struct source_kafka *)source;

	kafka->is_leaving[shard] = false;
	if (kafka->is_revoking)
		complete_revocation(kafka);
}

static int kafka_commit(struct source *source, int32_t shard,
	const struct source_position *positions, size_t count, const char *metadata)
{
	struct source_kafka *kafka = (struct source_kafka *)source;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);

	for (size_t i = 0; i < count; i++) {
		if (positions[i].offset < 0)
			continue;
		rd_kafka_topic_partition_t *element = rd_kafka_topic_partition_list_add(
			list, kafka->base.topics[positions[i].topic], positions[i].partition);
		element->offset = positions[i].offset;
		element->metadata = x_strdup(metadata);
		element->metadata_size = strlen(metadata);
	}
	/* What waits for a broker that is away would come after the session that it is for. */
	bool is_sent = list->cnt > 0 && !kafka->is_down && !kafka->is_fenced;
	rd_kafka_resp_err_t code = is_sent ? rd_kafka_commit(kafka->client, list, 1)
					   : RD_KAFKA_RESP_ERR_NO_ERROR;
	forget_last_commit(kafka);
	/* What is committed in a revocation is no question for later. */
	if (kafka->is_ours[shard])
		kafka->last_commit = list;
	else
		rd_kafka_topic_partition_list_destroy(list);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}

static int kafka_committed(struct source *source, int32_t shard, struct source_position *ret,
	size_t count, char *ret_metadata, size_t cap)
{
	struct source_kafka *kafka = (struct source_kafka *)source;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);
	bool any = false;

	(void)shard;
	for (size_t i = 0; i < count; i++)
		if (ret[i].partition < kafka->partition_counts[ret[i].topic])
			rd_kafka_topic_partition_list_add(
				list, kafka->base.topics[ret[i].topic], ret[i].partition);
	rd_kafka_resp_err_t code = rd_kafka_committed(kafka->client, list, COMMITTED_TIMEOUT_MS);
	for (size_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
		const rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_find(
			list, kafka->base.topics[ret[i].topic], ret[i].partition);

		ret[i].offset =
			found != NULL && found->offset >= 0 ? found->offset : SOURCE_BEGINNING;
		if (ret[i].offset >= 0) {
			any = true;
			snprintf(ret_metadata, cap, "%.*s", (int)found->metadata_size,
				found->metadata != NULL ? (const char *)found->metadata : "");
		}
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return err_raise(-EAGAIN, "committed offsets: %s", rd_kafka_err2str(code));
	return any ? 0 : 1;
}

/*
 * With nothing to commit yet the question can't be asked: a broker must have answered several calls in a row, over which a
 * heartbeat brings the news if there is any.
 */
static bool has_heard(struct source_kafka *kafka)
{
	kafka->heard_count = broker_answers(kafka, CONFIRM_TIMEOUT_MS) ? kafka->heard_count + 1 : 0;
	if (kafka->heard_count < HEARD_CALLS)
		return false;
	kafka->heard_count = 0;
	return true;
}

/*
 * S19: after a turn that took too long, the group is asked: a commit of what is committed already names our member
 * and generation, and a coordinator that has given our partitions away refuses it.
 */
static bool kafka_confirmed(struct source *source)
{
	struct source_kafka *kafka = (struct source_kafka *)source;

	serve_group(kafka);
	if (kafka->is_fenced || rd_kafka_assignment_lost(kafka->client))
		return false;
	if (kafka->last_commit == NULL || kafka->last_commit->cnt == 0)
		return has_heard(kafka);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->client);
	bool is_confirmed = false;
	if (rd_kafka_commit_queue(kafka->client, kafka->last_commit, queue, NULL, NULL) ==
		RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CONFIRM_TIMEOUT_MS);

		is_confirmed =
			event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (event != NULL)
			rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	return is_confirmed;
}

static void kafka_free(struct source *source)
{
	struct source_kafka *kafka = (struct source_kafka *)source;

	if (kafka == NULL)
		return;
	close_queues(kafka);
	forget_last_commit(kafka);
	if (kafka->client != NULL) {
		/* Nobody is left to release a shard: whatever the closing revokes is let go at once. */
		memset(kafka->is_ours, 0, (size_t)kafka->base.shard_count * sizeof(bool));
		memset(kafka->is_leaving, 0, (size_t)kafka->base.shard_count * sizeof(bool));
		if (kafka->is_revoking)
			complete_revocation(kafka);
		rd_kafka_consumer_close(kafka->client);
		rd_kafka_destroy(kafka->client);
	}
	rd_kafka_conf_destroy(kafka->conf);
	close(kafka->wake_fd);
	arena_deinit(&kafka->arena);
	free(kafka->messages);
	free(kafka->events);
	free(kafka->told);
	free(kafka->partitions);
	free(kafka->partition_counts);
	free(kafka->is_ours);
	free(kafka->is_leaving);
	free(kafka);
}

static const struct source_ops kafka_ops = {
	.name = "kafka",
	.poll = kafka_poll,
	.start = kafka_start,
	.hold = kafka_hold,
	.released = kafka_released,
	.commit = kafka_commit,
	.committed = kafka_committed,
	.confirmed = kafka_confirmed,
	.free = kafka_free,
};

struct source *source_kafka_new(const struct source_kafka_settings *settings)
{
	size_t total = 0;

	for (uint16_t i = 0; i < settings->topic_count; i++)
		total += (size_t)settings->partition_counts[i];
	rd_kafka_conf_t *conf = kafka_config_consumer(settings->settings, total);
	if (conf == NULL)
		return NULL;
	struct source_kafka *kafka = x_calloc(1, sizeof(*kafka));
	kafka->partition_counts = x_calloc(settings->topic_count, sizeof(*kafka->partition_counts));
	for (uint16_t i = 0; i < settings->topic_count; i++) {
		kafka->partition_counts[i] = settings->partition_counts[i];
		if (settings->partition_counts[i] > kafka->partition_count)
			kafka->partition_count = settings->partition_counts[i];
	}
	kafka->base = (struct source){ &kafka_ops, settings->topics, settings->topic_count,
		settings->lock_topic != NULL ? 1 : kafka->partition_count };
	kafka->lock_topic = settings->lock_topic;
	kafka->partition_total = (size_t)settings->topic_count * (size_t)kafka->partition_count;
	kafka->partitions = x_calloc(kafka->partition_total, sizeof(*kafka->partitions));
	kafka->is_ours = x_calloc((size_t)kafka->base.shard_count, sizeof(bool));
	kafka->is_leaving = x_calloc((size_t)kafka->base.shard_count, sizeof(bool));
	kafka->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	arena_init(&kafka->arena, BATCH_BYTES_MAX);
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_error_cb(conf, on_error);
	kafka->conf = conf;
	kafka->session_ms = settings->settings->kafka_session_ms;
	if (open_client(kafka) != 0) {
		kafka_free(&kafka->base);
		return NULL;
	}
	return &kafka->base;
}
