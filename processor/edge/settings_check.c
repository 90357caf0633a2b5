/* settings_check: what no single value shows: names of topics, addresses, and what must differ. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/settings_inside.h"

enum { TOPIC_NAME_MAX = 249, JOB_NAME_MAX = 100, PORT_MAX = 65535 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_in(const struct settings *s, enum settings_id id)
{
	return *(const char *const *)(const void *)((const char *)s + settings_rows[id].offset);
}

static const char *text_of(const struct settings_loader *l, enum settings_id id)
{
	return text_in(l->settings, id);
}

static int complain(struct settings_loader *l, enum settings_id id, const char *wants)
{
	const struct settings_where *where = &l->kept->where[id];

	if (where->hidden)
		return settings_complain(l, where, "%s %s", settings_rows[id].name, wants);
	return settings_complain(
		l, where, "%s %s, not «%s»", settings_rows[id].name, wants, text_of(l, id));
}

static bool is_kafka_name(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       strlen(name) &&
	       name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* ---- topics --------------------------------------------------------------------------------- */

/* Of the inputs by entity type, then of the outputs. */
static const enum settings_id topics[] = {
	[ENTITY_LEAD] = SETTING_ID_topic_lead,
	[ENTITY_OPPORTUNITY] = SETTING_ID_topic_opportunity,
	[ENTITY_DEAL] = SETTING_ID_topic_deal,
	[ENTITY_CALL] = SETTING_ID_topic_call,
	[ENTITY_REP] = SETTING_ID_topic_rep,
	[ENTITY_ACCOUNT] = SETTING_ID_topic_account,
	[ENTITY_TARGET] = SETTING_ID_topic_target,
	[ENTITY_SPEND] = SETTING_ID_topic_spend,
	[ENTITY_FX_RATE] = SETTING_ID_topic_fx_rate,
	[ENTITY_INTERACTION] = SETTING_ID_topic_interaction,
	[ENTITY_VISIT] = SETTING_ID_topic_visit,
	[ENTITY_AGENT_STATE] = SETTING_ID_topic_agent_state,
	[ENTITY_TICKET] = SETTING_ID_topic_ticket,
	SETTING_ID_topic_latest,
	SETTING_ID_topic_history,
	SETTING_ID_topic_alerts,
	SETTING_ID_topic_moments,
	SETTING_ID_topic_late,
	SETTING_ID_topic_dlq,
	SETTING_ID_lock_topic,
};

/* The one of two that the operator said, and of two said the later: there the mistake is shown. */
static enum settings_id later_of(
	const struct settings_loader *l, enum settings_id a, enum settings_id b)
{
	const struct settings_where *wa = &l->kept->where[a], *wb = &l->kept->where[b];

	if (wa->origin != wb->origin)
		return wa->origin > wb->origin ? a : b;
	return wa->place.line > wb->place.line ? a : b;
}

const char *settings_topic(const struct settings *s, enum entity_type type)
{
	return text_in(s, topics[type]);
}

/* A company may not have this stream. */
static bool is_optional(size_t topic)
{
	return topic < ENTITY_TYPE_COUNT && model_table[topic].is_optional;
}

static int check_topics(struct settings_loader *l)
{
	for (size_t i = 0; i < COUNT_OF(topics); i++) {
		const char *name = text_of(l, topics[i]);

		if (name[0] == '\0' && is_optional(i))
			continue;
		if (!is_kafka_name(name) || strlen(name) > TOPIC_NAME_MAX)
			return complain(l, topics[i],
				"wants a topic's name: at most 249 of a-z A-Z 0-9 . _ -");
		for (size_t k = 0; k < i; k++)
			if (strcmp(name, text_of(l, topics[k])) == 0) {
				enum settings_id later = later_of(l, topics[k], topics[i]);

				return settings_complain(l, &l->kept->where[later],
					"%s and %s are the same topic, %s",
					settings_rows[topics[k]].name,
					settings_rows[topics[i]].name, name);
			}
	}
	return 0;
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* "host:port", "[::1]:port"; the host may be missing when `any` (http.address: ":9464"). */
static bool is_address(const char *text, size_t length, bool any, bool port_wanted)
{
	size_t colon = length, port = 0;

	while (colon > 0 && text[colon - 1] != ':' && text[colon - 1] != ']')
		colon--;
	if (colon == 0 || text[colon - 1] == ']')
		return length > 0 && !port_wanted && !memchr(text, ' ', length);
	if (colon == 1 && !any)
		return false;
	if (colon == length || length - colon > 5 || memchr(text, ' ', length))
		return false;
	for (size_t i = colon; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (size_t)(text[i] - '0');
	}
	return port <= PORT_MAX;
}

static int check_brokers(struct settings_loader *l)
{
	const char *at = l->settings->kafka_brokers;

	for (;;) {
		size_t length = strcspn(at, ",");
		struct slice one = slice_trim((struct slice){ at, length });
		const char *scheme = one.len ? memmem(one.at, one.len, "://", 3) : NULL;

		if (scheme)
			one = (struct slice){ scheme + 3, one.len - (size_t)(scheme + 3 - one.at) };
		if (!is_address(one.at, one.len, false, false))
			return complain(l, SETTING_ID_kafka_brokers,
				"wants host:port, several with commas");
		if (at[length] == '\0')
			return 0;
		at += length + 1;
	}
}

static int check_addresses(struct settings_loader *l)
{
	const struct settings *s = l->settings;

	if (check_brokers(l))
		return 1;
	if (strncmp(s->redis_address, "unix:", 5) == 0
			? s->redis_address[5] == '\0'
			: !is_address(s->redis_address, strlen(s->redis_address), false, true))
		return complain(l, SETTING_ID_redis_address, "wants host:port or unix:/path");
	if (s->http_address[0] != '\0' &&
		!is_address(s->http_address, strlen(s->http_address), true, true))
		return complain(l, SETTING_ID_http_address, "wants host:port, or \"\" for none");
	return 0;
}

/* ---- all ------------------------------------------------------------------------------------ */

/* The checkpoints' keys hold the job between braces and colons. */
static int check_job(struct settings_loader *l)
{
	if (!is_kafka_name(l->settings->job) || strlen(l->settings->job) > JOB_NAME_MAX)
		return complain(
			l, SETTING_ID_job, "wants a name: at most 100 of a-z A-Z 0-9 . _ -");
	return 0;
}

int settings_check_all(struct settings_loader *l)
{
	const struct settings *s = l->settings;

	if (check_job(l))
		return 1;
	if (s->lock_topic[0] == '\0') {
		struct buffer _cleanup_buffer_ derived;

		buffer_init(&derived);
		buffer_printf(&derived, "%s.lock", s->job);
		l->settings->lock_topic = settings_keep(l, buffer_slice(&derived));
	}
	if (check_topics(l) || check_addresses(l))
		return 1;
	if (s->publish_refresh_ms < s->publish_interval_ms)
		return settings_complain(l,
			&l->kept->where[later_of(
				l, SETTING_ID_publish_refresh_ms, SETTING_ID_publish_interval_ms)],
			"publish.refresh is shorter than publish.interval");
	return 0;
}
