/*
 * raw BROKERS TOPIC…: reads all partitions of the topics from their beginning to their end, counts, and does nothing else: what
 * librdkafka can deliver, for the ratio that run is measured by. Prints "messages=… bytes=… seconds=… cpu=…".
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct counting {
	unsigned long long messages, bytes;
	int ends;
};

static void count(rd_kafka_message_t *message, void *opaque)
{
	struct counting *c = opaque;

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		c->ends++;
	} else if (!message->err) {
		c->messages++;
		c->bytes += message->len;
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
		fprintf(stderr, "raw: %s\n", error);
		exit(2);
	}
}

static rd_kafka_t *client(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];
	rd_kafka_t *kafka;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "group.id", "raw");
	set(conf, "enable.partition.eof", "true");
	set(conf, "check.crcs", "true");
	set(conf, "queued.min.messages", "1000000");
	set(conf, "queued.max.messages.kbytes", "65536");
	set(conf, "socket.nagle.disable", "true");
	kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!kafka) {
		fprintf(stderr, "raw: %s\n", error);
		exit(1);
	}
	rd_kafka_poll_set_consumer(kafka);
	return kafka;
}

static int partitions_of(
	rd_kafka_t *kafka, const char *topic, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int found = 0;

	if (!rd_kafka_metadata(kafka, 0, handle, &metadata, 10000)) {
		for (int p = 0; metadata->topic_cnt && p < metadata->topics[0].partition_cnt;
			p++, found++)
			rd_kafka_topic_partition_list_add(list, topic, p)->offset =
				RD_KAFKA_OFFSET_BEGINNING;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(handle);
	return found;
}

int main(int argc, char **argv)
{
	struct counting c = { 0 };
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
	rd_kafka_t *kafka;
	rd_kafka_queue_t *queue;
	double begun, burnt;

	if (argc < 3)
		return 2;
	kafka = client(argv[1]);
	for (int i = 2; i < argc; i++)
		partitions_of(kafka, argv[i], list);
	begun = now();
	burnt = cpu();
	rd_kafka_assign(kafka, list);
	queue = rd_kafka_queue_get_consumer(kafka);
	while (c.ends < list->cnt)
		rd_kafka_consume_callback_queue(queue, 100, count, &c);
	printf("messages=%llu bytes=%llu seconds=%.3f cpu=%.3f\n", c.messages, c.bytes,
		now() - begun, cpu() - burnt);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(kafka);
	rd_kafka_destroy(kafka);
	return 0;
}
