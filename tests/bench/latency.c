/*
 * latency RATE SECONDS [WARM_UP] --kafka.brokers=… [settings]: from an event to the snapshot that shows it, beside a load of RATE events a second. Open loop: when an
 * event is to be sent is fixed beforehand, and its latency counts from that moment, whether or not the sender, the broker or `run` kept up, so a
 * stall counts for every event that it delayed (no coordinated omission).
 *
 * The load is the funnel's events in wall time (its hours shortened to seconds, so that after a warm-up all steps are there). The probes are won
 * deals of 1.0000 in companies of their own: a company's revenue then says how many of its deals are in it, and so which. `busy`: one company that wins
 * 50 times a second, so that its key changes more often than publish.interval lets it be said; `quiet`: 100 companies of which
 * each wins every two seconds. Sender and reader are threads of this process: one clock.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/kafka_admin.h"
#include "edge/kafka_config.h"
#include "edge/settings.h"
#include "funnel.h"
#include "rig.h"

enum {
	QUIET_COUNT = 100,
	COMPANY_COUNT = QUIET_COUNT + 1, /* the busy one is the last */
	QUIET_EVERY_MS = 2000,
	BUSY_EVERY_MS = 20,
	HURRY = 1000, /* three hours are 11 s */
	WARM_UP_SECONDS = 25,
	PATIENCE_MS = 30000,
};

/* Of one company: when its deals are due (ms of a real clock), and how many are seen. */
struct company {
	double first_ms, every_ms;
	uint32_t count, sent;
	atomic_uint seen;
	double *latency_ms; /* [count] */
};

struct bench {
	struct settings *settings;
	rd_kafka_t *producer, *consumer;
	struct company companies[COMPANY_COUNT];
	uint64_t sent, load_sent;
	double late_ms; /* how far the sender fell behind, at worst */
	atomic_bool is_over;
	struct arena arena;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double due_ms(const struct company *c, uint32_t number)
{
	return c->first_ms + (double)number * c->every_ms;
}

/* ---- the sender ------------------------------------------------------------------------------------------ */

static void send_event(struct bench *b, const struct event *e)
{
	const char *const topics[ENTITY_TYPE_COUNT] = { [ENTITY_LEAD] = b->settings->topic_lead,
		[ENTITY_OPPORTUNITY] = b->settings->topic_opportunity,
		[ENTITY_DEAL] = b->settings->topic_deal,
		[ENTITY_CALL] = b->settings->topic_call };
	_cleanup_buffer_ struct buffer bytes = { 0 };
	rd_kafka_resp_err_t code;

	codec_encode_event(e, &bytes);
	do {
		code = rd_kafka_producev(b->producer, RD_KAFKA_V_TOPIC(topics[e->type]),
			RD_KAFKA_V_KEY(e->tenant_id.at, e->tenant_id.len),
			RD_KAFKA_V_VALUE(bytes.data, bytes.len),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(b->producer, 1);
	} while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		fprintf(stderr, "latency: %s\n", rd_kafka_err2str(code));
	b->sent++;
}

static void send_probe(struct bench *b, int place)
{
	struct company *c = &b->companies[place];
	char tenant[24], id[40];
	int64_t at_ms = (int64_t)due_ms(c, c->sent);
	struct event e;

	arena_reset(&b->arena);
	event_init(&e, ENTITY_DEAL, &b->arena);
	snprintf(tenant, sizeof(tenant), "probe-%03d", place);
	snprintf(id, sizeof(id), "P%d-%" PRIu32, place, c->sent++);
	e.op = EVENT_CREATE;
	e.tenant_id = slice_of(tenant);
	e.entity_id = e.event_id = slice_of(id);
	e.source = slice_of("probe");
	e.occurred_at_ms = e.ingested_at_ms = at_ms;
	*event_field(&e, "owner_id") = (struct event_value){ .text = slice_of("r") };
	*event_field(&e, "status") = (struct event_value){ .text = slice_of("WON") };
	*event_field(&e, "currency") = (struct event_value){ .text = slice_of("IDR") };
	*event_field(&e, "amount") = (struct event_value){ .i = DECIMAL_SCALE };
	*event_field(&e, "won_at") = (struct event_value){ .i = at_ms };
	send_event(b, &e);
}

static void send_due_probes(struct bench *b, double now)
{
	for (int i = 0; i < COMPANY_COUNT; i++)
		while (b->companies[i].sent < b->companies[i].count &&
			due_ms(&b->companies[i], b->companies[i].sent) <= now)
			send_probe(b, i);
}

static bool probes_are_left(const struct bench *b)
{
	for (int i = 0; i < COMPANY_COUNT; i++)
		if (b->companies[i].sent < b->companies[i].count)
			return true;
	return false;
}

static void send_all(struct bench *b, struct funnel *f)
{
	bool has_load = true, is_pending = false;
	double probed = 0;
	struct event e;

	while (has_load || probes_are_left(b)) {
		double now = now_ms();

		if (now - probed >= 0.5) {
			send_due_probes(b, now);
			rd_kafka_poll(b->producer, 0);
			probed = now;
		}
		if (has_load && !is_pending)
			is_pending = has_load = funnel_next(f, &e);
		if (!is_pending || (double)e.occurred_at_ms > now) {
			usleep(300);
			continue;
		}
		if (now - (double)e.occurred_at_ms > b->late_ms)
			b->late_ms = now - (double)e.occurred_at_ms;
		send_event(b, &e);
		b->load_sent++;
		is_pending = false;
	}
	rd_kafka_flush(b->producer, 10000);
}

/* ---- the reader ------------------------------------------------------------------------------------------ */

static void take(rd_kafka_message_t *message, void *opaque)
{
	struct bench *b = opaque;
	struct snapshot s;
	char number[24];

	/* Nearly all are the load's: the key tells. */
	if (message->err || !message->len ||
		!memmem(message->key, message->key_len, "probe-", strlen("probe-")) ||
		codec_decode_snapshot((struct slice){ message->payload, message->len }, &s) != 0 ||
		!slice_is(s.metric, "revenue") || !slice_is(s.window, "24h") || s.group_key.len ||
		!s.value.is_set || s.tenant_id.len >= sizeof(number))
		return;
	memcpy(number, s.tenant_id.at, s.tenant_id.len);
	number[s.tenant_id.len] = '\0';
	unsigned long place = strtoul(number + strlen("probe-"), NULL, 10);

	if (place >= COMPANY_COUNT)
		return;
	struct company *c = &b->companies[place];
	int64_t wins = (int64_t)s.value.value;
	double now = now_ms();

	for (; c->seen < wins && c->seen < c->count; c->seen++)
		c->latency_ms[c->seen] = now - due_ms(c, c->seen);
}

static void *read_all(void *opaque)
{
	struct bench *b = opaque;
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(b->consumer);

	while (!b->is_over)
		rd_kafka_consume_callback_queue(queue, 50, take, b);
	rd_kafka_queue_destroy(queue);
	return NULL;
}

/* From the end on: nothing of a probe is there yet. False: it can't be. */
static bool assign_latest(struct bench *b)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(b->consumer, b->settings->topic_latest, NULL);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
	const struct rd_kafka_metadata *metadata;

	if (!rd_kafka_metadata(b->consumer, 0, topic, &metadata, 10000)) {
		for (int p = 0; metadata->topic_cnt && p < metadata->topics[0].partition_cnt; p++)
			rd_kafka_topic_partition_list_add(list, b->settings->topic_latest, p)
				->offset = RD_KAFKA_OFFSET_END;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(topic);
	bool is_good = list->cnt > 0 && !rd_kafka_assign(b->consumer, list);

	rd_kafka_topic_partition_list_destroy(list);
	return is_good;
}

/* ---- both ------------------------------------------------------------------------------------------------ */

static rd_kafka_t *open_client(
	rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *const (*wanted)[2])
{
	char error[256] = "";
	rd_kafka_t *client = NULL;

	for (; conf && (*wanted)[0]; wanted++)
		if (rd_kafka_conf_set(conf, (*wanted)[0], (*wanted)[1], error, sizeof(error)) !=
			RD_KAFKA_CONF_OK)
			conf = NULL;
	if (conf)
		client = rd_kafka_new(type, conf, error, sizeof(error));
	if (!client)
		fprintf(stderr, "latency: %s %s\n", error, err_message());
	return client;
}

static bool open_clients(struct bench *b)
{
	static const char *const sends[][2] = { { "partitioner", "murmur2_random" },
		{ "compression.type", "lz4" }, { "linger.ms", "1" }, { NULL, NULL } };
	static const char *const reads[][2] = { { "group.id", "latency" },
		{ "fetch.wait.max.ms", "100" }, { "queued.min.messages", "100000" },
		{ NULL, NULL } };
	const char *topics[] = { b->settings->topic_lead, b->settings->topic_opportunity,
		b->settings->topic_deal, b->settings->topic_call };
	int32_t partitions[4];

	if (kafka_admin_prepare(b->settings, topics, 4, NULL, 15000, partitions)) {
		fprintf(stderr, "latency: %s\n", err_message());
		return false;
	}
	b->producer = open_client(RD_KAFKA_PRODUCER, kafka_config_producer(b->settings), sends);
	b->consumer = open_client(RD_KAFKA_CONSUMER, kafka_config_consumer(b->settings, 16), reads);
	if (!b->producer || !b->consumer)
		return false;
	rd_kafka_poll_set_consumer(b->consumer);
	return assign_latest(b);
}

/* Each company begins at another moment, so that the quiet ones are spread evenly over their two seconds. */
static void plan_probes(struct bench *b, double start_ms, uint32_t seconds)
{
	for (int i = 0; i < COMPANY_COUNT; i++) {
		struct company *c = &b->companies[i];
		bool is_busy = i == QUIET_COUNT;

		c->every_ms = is_busy ? BUSY_EVERY_MS : QUIET_EVERY_MS;
		c->first_ms = start_ms + (is_busy ? 0 : i * 1.37 * QUIET_EVERY_MS / QUIET_COUNT);
		c->count = (uint32_t)(seconds * 1000 / c->every_ms);
		c->latency_ms = x_calloc(c->count, sizeof(*c->latency_ms));
	}
}

static void report(struct bench *b, const char *title, int from, int to)
{
	size_t count = 0, wanted = 0;
	double *all;

	for (int i = from; i < to; i++)
		wanted += b->companies[i].count;
	all = x_calloc(wanted + 1, sizeof(*all));
	for (int i = from; i < to; i++)
		for (uint32_t n = 0; n < b->companies[i].seen; n++)
			all[count++] = b->companies[i].latency_ms[n];
	(void)rig_median(all, count);
	if (count)
		printf("%s p50 %.0f ms, p99 %.0f ms, greatest %.0f ms (%zu of %zu seen)", title,
			all[(count - 1) / 2], all[(count - 1) * 99 / 100], all[count - 1], count,
			wanted);
	else
		printf("%s: none of %zu seen", title, wanted);
	free(all);
}

static bool all_seen(const struct bench *b)
{
	for (int i = 0; i < COMPANY_COUNT; i++)
		if (b->companies[i].seen < b->companies[i].count)
			return false;
	return true;
}

static void measure(struct bench *b, uint64_t rate, uint32_t seconds, uint32_t warm_up)
{
	double start = now_ms() + 200, measured = start + warm_up * 1000.0;
	double last = measured + seconds * 1000.0;
	pthread_t reader;
	struct funnel f;

	funnel_init(&f, rate * (warm_up + seconds), 200, 10, 20);
	f.from_ms = (int64_t)start;
	f.length_ms = ((int64_t)warm_up + seconds) * 1000;
	f.hurry = HURRY;
	arena_init(&b->arena, 0);
	plan_probes(b, measured, seconds);
	pthread_create(&reader, NULL, read_all, b);
	send_all(b, &f);
	double spent = now_ms() - start;

	while (!all_seen(b) && now_ms() < last + PATIENCE_MS)
		usleep(20000);
	b->is_over = true;
	pthread_join(reader, NULL);
	report(b, "quiet key", 0, QUIET_COUNT);
	report(b, "; busy key", QUIET_COUNT, COMPANY_COUNT);
	printf("; offered %.0f/s, sender at worst %.0f ms late\n",
		(double)b->load_sent * 1e3 / spent, b->late_ms);
	funnel_deinit(&f);
	arena_deinit(&b->arena);
}

int main(int argc, char **argv)
{
	struct bench *b = x_calloc(1, sizeof(*b));
	_cleanup_buffer_ struct buffer message = { 0 };

	if (settings_load(NULL, &argc, argv, &b->settings, &message) || argc < 3) {
		fprintf(stderr, "latency: %.*s\n", (int)message.len, (const char *)message.data);
		return 2;
	}
	if (!open_clients(b))
		return 1;
	measure(b, strtoull(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
		argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : WARM_UP_SECONDS);
	rd_kafka_destroy(b->producer);
	rd_kafka_destroy_flags(b->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	for (int i = 0; i < COMPANY_COUNT; i++)
		free(b->companies[i].latency_ms);
	settings_free(b->settings);
	free(b);
	return 0;
}
