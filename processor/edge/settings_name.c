/* settings_name: which names there are: the table's, and those of librdkafka's properties. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/xalloc.h"
#include "edge/settings_inside.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { NAMES_MAX = 1024 };

/*
 * Properties that decide what is counted, or who may write, are the program's: it would be wrong with another value. Others
 * have a setting, and two names for one thing would leave open which of them holds.
 */
static const struct {
	const char *property, *instead; /* instead NULL: the program sets it */
} reserved[] = {
	{ "bootstrap.servers", "kafka.brokers" },
	{ "metadata.broker.list", "kafka.brokers" },
	{ "group.id", "job" },
	{ "group.instance.id", "kafka.instance_id" },
	{ "session.timeout.ms", "kafka.session_timeout" },
	{ "message.timeout.ms", "kafka.session_timeout" },
	{ "delivery.timeout.ms", "kafka.session_timeout" },
	{ "queued.max.messages.kbytes", "kafka.queue_bytes" },
	{ "message.max.bytes", "kafka.message_bytes_max" },
	{ "compression.codec", "publish.compression" },
	{ "compression.type", "publish.compression" },
	{ "enable.auto.commit", NULL },
	{ "auto.commit.enable", NULL },
	{ "enable.auto.offset.store", NULL },
	{ "auto.offset.reset", NULL },
	{ "partition.assignment.strategy", NULL },
	{ "enable.partition.eof", NULL },
	{ "isolation.level", NULL },
	{ "enable.idempotence", NULL },
	{ "transactional.id", NULL },
	{ "partitioner", NULL },
	{ "acks", NULL },
	{ "request.required.acks", NULL },
};

/* ---- the table's ---------------------------------------------------------------------------- */

static bool name_is(struct slice given, const char *name, bool environment)
{
	if (given.len != strlen(name))
		return false;
	for (size_t i = 0; i < given.len; i++)
		if (given.at[i] != (environment && name[i] == '.' ? '_' : name[i]))
			return false;
	return true;
}

int settings_row_find(struct slice name, bool environment)
{
	for (int id = 0; id < (int)SETTING_COUNT; id++)
		if (name_is(name, settings_rows[id].name, environment))
			return id;
	return -1;
}

bool settings_is_section(struct slice name)
{
	for (size_t id = 0; id < SETTING_COUNT; id++) {
		struct slice row = slice_of(settings_rows[id].name);

		if (row.len > name.len && slice_starts_with(row, name) && row.at[name.len] == '.')
			return true;
	}
	return slice_is(name, "kafka.properties") || slice_starts_with(name, SLICE_LIT("kafka."));
}

/* ---- librdkafka's --------------------------------------------------------------------------- */

bool settings_property_is_known(const char *property)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];
	size_t size = 0;
	/* get knows the global ones without touching them; only set looks at the topics' too. */
	bool known = rd_kafka_conf_get(conf, property, NULL, &size) == RD_KAFKA_CONF_OK ||
		     rd_kafka_conf_set(conf, property, "", reason, sizeof(reason)) !=
			     RD_KAFKA_CONF_UNKNOWN;

	rd_kafka_conf_destroy(conf);
	return known;
}

int settings_property_check(
	const char *property, const char *value, bool hidden, struct buffer *ret_reason)
{
	char reason[512];
	rd_kafka_conf_t *conf;
	rd_kafka_conf_res_t answer;

	for (size_t i = 0; i < COUNT_OF(reserved); i++)
		if (strcmp(property, reserved[i].property) == 0) {
			buffer_printf(ret_reason, "kafka.%s %s%s", property,
				reserved[i].instead ? "is said by the setting "
						    : "is the program's own and cannot be set",
				reserved[i].instead ? reserved[i].instead : "");
			return 1;
		}
	conf = rd_kafka_conf_new();
	answer = rd_kafka_conf_set(conf, property, value, reason, sizeof(reason));
	rd_kafka_conf_destroy(conf);
	if (answer == RD_KAFKA_CONF_OK)
		return 0;
	/* The library's reason quotes the value. */
	buffer_printf(ret_reason, "kafka.%s: %s", property,
		hidden ? "librdkafka refuses this value" : reason);
	return 1;
}

/* ---- the nearest ---------------------------------------------------------------------------- */

struct names {
	struct arena *arena;
	const char *items[NAMES_MAX];
	size_t count;
	bool environment;
};

static void add_name(struct names *names, const char *prefix, const char *name)
{
	char text[NEAREST_NAME_MAX + 1];
	int length = snprintf(text, sizeof(text), "%s%s", prefix, name);

	if (length < 0 || (size_t)length >= sizeof(text) || names->count == NAMES_MAX)
		return;
	for (char *at = text; names->environment && *at; at++)
		*at = *at == '.' ? '_' : *at;
	names->items[names->count++] = arena_strndup(names->arena, text, (size_t)length);
}

static void add_dump(struct names *names, const char **dump, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		bool is_reserved = false;

		for (size_t k = 0; k < COUNT_OF(reserved); k++)
			is_reserved = is_reserved || strcmp(dump[i], reserved[k].property) == 0;
		/* With underscores: functions and pointers of programs. */
		if (!is_reserved && !strchr(dump[i], '_'))
			add_name(names, "kafka.", dump[i]);
	}
	rd_kafka_conf_dump_free(dump, count);
}

/* A dump leaves out what has no value yet, secrets first of all. */
static const char *const valueless[] = { "sasl.username", "sasl.password", "ssl.key.location",
	"ssl.key.password", "ssl.key.pem", "ssl.certificate.location", "ssl.certificate.pem",
	"ssl.ca.location", "ssl.ca.pem", "ssl.crl.location", "ssl.keystore.location",
	"ssl.keystore.password", "ssl.cipher.suites", "ssl.curves.list", "ssl.sigalgs.list",
	"sasl.kerberos.keytab", "sasl.oauthbearer.config", "sasl.oauthbearer.client.id",
	"sasl.oauthbearer.client.secret", "sasl.oauthbearer.token.endpoint.url",
	"sasl.oauthbearer.scope", "sasl.oauthbearer.extensions", "client.rack", "sasl.mechanism",
	"debug" };

static void add_properties(struct names *names)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();
	size_t count = 0;
	const char **dump = rd_kafka_conf_dump(conf, &count);

	add_dump(names, dump, count);
	dump = rd_kafka_topic_conf_dump(topic, &count);
	add_dump(names, dump, count);
	for (size_t i = 0; i < COUNT_OF(valueless); i++)
		add_name(names, "kafka.", valueless[i]);
	rd_kafka_topic_conf_destroy(topic);
	rd_kafka_conf_destroy(conf);
}

const char *settings_nearest_in(struct arena *arena, struct slice name, bool environment)
{
	struct names *names = x_calloc(1, sizeof(*names));
	const char *near;

	names->arena = arena;
	names->environment = environment;
	for (size_t id = 0; id < SETTING_COUNT; id++)
		add_name(names, "", settings_rows[id].name);
	if (!environment) {
		add_name(names, "", "tenants");
		add_name(names, "", "calendar_changes");
	}
	if (slice_starts_with(name, environment ? SLICE_LIT("kafka_") : SLICE_LIT("kafka.")))
		add_properties(names);
	near = nearest_name(name, names->items, names->count);
	free(names);
	return near;
}

const char *settings_nearest(struct slice name)
{
	static _Thread_local char kept[NEAREST_NAME_MAX + 1];
	struct arena _cleanup_arena_ arena;
	const char *near;

	arena_init(&arena, 0);
	near = settings_nearest_in(&arena, name, false);
	if (!near || strcmp(near, "tenants") == 0 || strcmp(near, "calendar_changes") == 0)
		return NULL;
	snprintf(kept, sizeof(kept), "%s", near);
	return kept;
}
