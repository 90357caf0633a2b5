#include "edge/kafka_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

enum {
	QUEUED_MESSAGES_MIN = 1000000,
	SESSION_MARGIN_MS = 1000,
	MESSAGE_TIMEOUT_MIN_MS = 1000,
	QUEUE_BYTES_MIN = 512 * 1024,
	LETTER_BYTES_MAX = 67174400
};

static int set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		return err_raise(-EINVAL, "kafka.%s: %s", name, text);
	return 0;
}

static int set_number(rd_kafka_conf_t *conf, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return set(conf, name, text);
}

static void log_from_library(
	const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	/* Disconnections and retries are told by our own events, once; the library repeats them without end. */
	if (level <= 3 && strcmp(facility, "FAIL") != 0 && strcmp(facility, "ERROR") != 0)
		log_warn("event=kafka facility=%s detail=\"%s\"", facility, text);
}

static int set_properties(rd_kafka_conf_t *conf, const struct settings *settings)
{
	for (size_t i = 0; i < settings->kafka_property_count; i++) {
		int code = set(conf, settings->kafka_properties[i].name,
			settings->kafka_properties[i].value);
		if (code != 0)
			return err_pass(code);
	}
	return 0;
}

static rd_kafka_conf_t *config_common(const struct settings *settings)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (set(conf, "bootstrap.servers", settings->kafka_brokers) != 0 ||
		set(conf, "client.id", settings->job) != 0 ||
		set(conf, "socket.nagle.disable", "true") != 0 ||
		set_number(conf, "reconnect.backoff.max.ms", 2000) != 0) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, log_from_library);
	return conf;
}

static rd_kafka_conf_t *finish(rd_kafka_conf_t *conf, const struct settings *settings, int code)
{
	if (code == 0)
		code = set_properties(conf, settings);
	if (code != 0) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	return conf;
}

rd_kafka_conf_t *kafka_config_consumer(const struct settings *settings, size_t partition_total)
{
	rd_kafka_conf_t *conf = config_common(settings);
	char instance[160], host[80] = "host";

	if (conf == NULL)
		return NULL;
	gethostname(host, sizeof(host) - 1);
	if (settings->kafka_instance_id[0] != '\0')
		snprintf(instance, sizeof(instance), "%s", settings->kafka_instance_id);
	else
		snprintf(instance, sizeof(instance), "%s-%s", settings->job, host);
	const char *const fixed[][2] = {
		{ "group.id", settings->job },
		{ "group.instance.id", instance },
		{ "partition.assignment.strategy", "range" },
		{ "enable.auto.commit", "false" },
		{ "enable.auto.offset.store", "false" },
		{ "auto.offset.reset", "error" },
		{ "check.crcs", "true" },
		{ "enable.partition.eof", "true" },
		{ "isolation.level", "read_committed" },
		{ "fetch.error.backoff.ms", "100" },
		/* One request at a time is under way to a broker: while the queues of busy partitions are full it asks only for idle ones,
		 * and nobody is served until it comes back. */
		{ "fetch.wait.max.ms", "10" },
		{ "allow.auto.create.topics", "false" },
	};
	int code = 0;
	for (size_t i = 0; code == 0 && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		code = set(conf, fixed[i][0], fixed[i][1]);
	if (code == 0)
		code = set_number(conf, "session.timeout.ms", settings->kafka_session_ms);
	if (code == 0)
		code = set_number(conf, "heartbeat.interval.ms", settings->kafka_session_ms / 10);
	if (code == 0)
		code = set_number(conf, "max.poll.interval.ms",
			settings->kafka_session_ms > 300000 ? settings->kafka_session_ms : 300000);
	/* Above queued.min.messages a fetch thread may sleep a second: bytes are the real bound. With a queue of its own for every
	 * partition, the library counts per partition. */
	int64_t queue_bytes =
		settings->kafka_queue_bytes / (int64_t)(partition_total > 0 ? partition_total : 1);
	if (code == 0)
		code = set_number(conf, "queued.min.messages", QUEUED_MESSAGES_MIN);
	if (code == 0)
		code = set_number(conf, "queued.max.messages.kbytes",
			queue_bytes > QUEUE_BYTES_MIN ? queue_bytes / 1024
						      : QUEUE_BYTES_MIN / 1024);
	return finish(conf, settings, code);
}

rd_kafka_conf_t *kafka_config_producer(const struct settings *settings)
{
	rd_kafka_conf_t *conf = config_common(settings);

	if (conf == NULL)
		return NULL;
	/* S19: what is still queued when the session ends must never be appended by a stale owner. */
	int64_t timeout_ms = settings->kafka_session_ms - SESSION_MARGIN_MS;
	if (timeout_ms < MESSAGE_TIMEOUT_MIN_MS)
		timeout_ms = settings->kafka_session_ms / 2;
	int code = set(conf, "enable.idempotence", "true");
	if (code == 0)
		code = set(conf, "compression.codec", settings->publish_compression);
	if (code == 0)
		code = set(conf, "partitioner", "murmur2_random");
	if (code == 0)
		code = set_number(conf, "message.timeout.ms", timeout_ms);
	if (code == 0)
		code = set_number(conf, "linger.ms", 5);
	if (code == 0)
		code = set_number(conf, "queue.buffering.max.messages", 200000);
	if (code == 0)
		code = set_number(conf, "message.max.bytes", LETTER_BYTES_MAX);
	return finish(conf, settings, code);
}

rd_kafka_conf_t *kafka_config_admin(const struct settings *settings)
{
	rd_kafka_conf_t *conf = config_common(settings);

	return conf == NULL ? NULL : finish(conf, settings, 0);
}
