/* The consumer group against the built-in cluster: shards are told, positions are ours, the ends are told, commits come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/source_kafka.h"
#include "mock_broker.h"

static const char *const topics[] = { "crm.lead", "crm.deal" };

static void produce(struct mock_broker *b, const char *topic, int32_t partition, int count)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];
	rd_kafka_t *producer;

	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(b->cluster), NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	for (int i = 0; i < count; i++)
		assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY("k", 1),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)"value", 5), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END), 0);
	assert_int_equal(rd_kafka_flush(producer, 20000), 0);
	rd_kafka_destroy(producer);
}

struct seen {
	size_t messages, ends;
	size_t of[2]; /* by partition */
	bool assigned[2];
};

static void turn(struct source *s, struct seen *seen, size_t max)
{
	struct source_batch batch;

	assert_int_equal(s->ops->poll(s, 100, max, &batch), 0);
	for (size_t i = 0; i < batch.event_count; i++) {
		const struct source_event *e = &batch.events[i];

		seen->ends += e->kind == SOURCE_AT_END;
		if (e->kind == SOURCE_ASSIGNED) {
			const struct source_position from[] = { { 0, e->shard, SOURCE_BEGINNING }, { 1, e->shard, 2 } };

			seen->assigned[e->shard] = true;
			assert_int_equal(s->ops->start(s, e->shard, from, 2), 0);
		}
	}
	for (size_t i = 0; i < batch.message_count; i++) {
		assert_true(slice_is(batch.messages[i].value, "value"));
		assert_true(batch.messages[i].topic == 0 || batch.messages[i].offset >= 2);
		seen->of[batch.messages[i].partition]++;
	}
	seen->messages += batch.message_count;
}

static void reads_its_shards(void **state)
{
	static const char *const flags[] = { "--job=reads", NULL };
	static const int32_t counts[] = { 2, 2 };
	const struct source_position at = { 0, 0, 10 };
	struct source_position back = { 0, 0, 0 };
	struct mock_broker b;
	struct source *s;
	struct seen seen = { 0 };
	char metadata[128] = "";
	bool confirmed = false;

	(void)state;
	mock_broker_start(&b, flags);
	mock_broker_topic(&b, "crm.lead", 2);
	mock_broker_topic(&b, "crm.deal", 2);
	produce(&b, "crm.lead", 0, 10);
	produce(&b, "crm.deal", 1, 5);
	s = source_kafka_new(&(struct source_kafka_settings){ .settings = b.settings, .topics = topics, .topic_count = 2, .partition_counts = counts });
	assert_non_null(s);
	for (int i = 0; i < 300 && (seen.messages < 13 || seen.ends < 4); i++)
		turn(s, &seen, 1000);
	assert_true(seen.assigned[0] && seen.assigned[1]);
	assert_int_equal(seen.messages, 13); /* ten leads, and three deals: from offset 2 on */
	/* With nothing committed a broker has to answer a few times in a row; with a commit one question is enough. */
	assert_false(s->ops->confirmed(s));
	for (int i = 0; i < 3; i++)
		confirmed = s->ops->confirmed(s);
	assert_true(confirmed);
	assert_int_equal(s->ops->commit(s, 0, &at, 1, "epoch=7;checkpoint=9"), 0);
	for (int i = 0; i < 5; i++)
		turn(s, &seen, 1000);
	assert_int_equal(s->ops->committed(s, 0, &back, 1, metadata, sizeof(metadata)), 0);
	assert_int_equal(back.offset, 10);
	assert_string_equal(metadata, "epoch=7;checkpoint=9");
	assert_true(s->ops->confirmed(s));
	s->ops->free(s);
	mock_broker_stop(&b);
}

/* What the library has fetched of one partition does not fill a batch while another one has messages too. */
static void a_batch_is_of_all_partitions(void **state)
{
	enum { MESSAGES = 400, MAX = 64, SHARE = MAX / 16 + 1 };
	static const char *const flags[] = { "--job=shares", NULL };
	static const int32_t counts[] = { 2, 2 };
	struct mock_broker b;
	struct seen seen = { 0 };
	size_t even_batches = 0;

	(void)state;
	mock_broker_start(&b, flags);
	mock_broker_topic(&b, "crm.lead", 2);
	mock_broker_topic(&b, "crm.deal", 2);
	for (int32_t partition = 0; partition < 2; partition++) {
		produce(&b, "crm.lead", partition, MESSAGES);
		produce(&b, "crm.deal", partition, 2); /* `turn` begins behind them */
	}
	struct source *s = source_kafka_new(&(struct source_kafka_settings){
		.settings = b.settings, .topics = topics, .topic_count = 2, .partition_counts = counts });
	assert_non_null(s);
	/* Both are fetched meanwhile. */
	for (int i = 0; i < 300 && !(seen.assigned[0] && seen.assigned[1]); i++)
		turn(s, &seen, 0);
	for (int i = 0; i < 10; i++)
		turn(s, &seen, 0);
	assert_int_equal(seen.messages, 0);
	for (int i = 0; i < 300 && seen.messages < (size_t)2 * MESSAGES; i++) {
		memset(seen.of, 0, sizeof(seen.of));
		turn(s, &seen, MAX);
		assert_true(seen.of[0] + seen.of[1] < MAX + SHARE);
		even_batches += seen.of[0] >= MAX / 4 && seen.of[1] >= MAX / 4;
	}
	assert_int_equal(seen.messages, 2 * MESSAGES);
	assert_true(even_batches > 0);
	s->ops->free(s);
	mock_broker_stop(&b);
}

enum { OFFSET_COMMIT = 8 /* its number in Kafka's protocol */ };

/* The next commit is answered as one that a member made which the group has replaced. */
static void be_fenced(struct mock_broker *b, struct source *s)
{
	const struct source_position at = { 0, 0, 10 };

	rd_kafka_mock_push_request_errors(b->cluster, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	s->ops->commit(s, 0, &at, 1, "epoch=7;checkpoint=9");
}

/*
 * A commit that outlives its session is no reason to die: all is lost, and another client joins. That the new one reads, and that who has a
 * twin ends, is asked of a real broker (test_bad_start.sh): the built-in one knows no static members.
 */
static void who_is_fenced_has_lost_all_and_goes_on(void **state)
{
	static const char *const flags[] = { "--job=fenced", NULL };
	static const int32_t counts[] = { 2, 2 };
	struct mock_broker b;
	struct source_batch batch;
	struct seen seen = { 0 };
	size_t lost = 0;

	(void)state;
	mock_broker_start(&b, flags);
	mock_broker_topic(&b, "crm.lead", 2);
	mock_broker_topic(&b, "crm.deal", 2);
	struct source *s = source_kafka_new(&(struct source_kafka_settings){
		.settings = b.settings, .topics = topics, .topic_count = 2, .partition_counts = counts });
	assert_non_null(s);
	for (int i = 0; i < 300 && !(seen.assigned[0] && seen.assigned[1]); i++)
		turn(s, &seen, 1000);
	be_fenced(&b, s);
	for (int i = 0; i < 200 && lost < 2; i++) {
		assert_int_equal(s->ops->poll(s, 50, 1000, &batch), 0);
		for (size_t e = 0; e < batch.event_count; e++) {
			lost += batch.events[e].kind == SOURCE_LOST;
			assert_int_not_equal(batch.events[e].kind, SOURCE_FATAL);
		}
	}
	assert_int_equal(lost, 2);
	assert_false(s->ops->confirmed(s)); /* until it has joined again */
	s->ops->released(s, 0);
	s->ops->released(s, 1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(s->ops->poll(s, 50, 1000, &batch), 0);
		for (size_t e = 0; e < batch.event_count; e++)
			assert_int_not_equal(batch.events[e].kind, SOURCE_FATAL);
	}
	s->ops->free(s);
	mock_broker_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_its_shards),
		cmocka_unit_test(a_batch_is_of_all_partitions),
		cmocka_unit_test(who_is_fenced_has_lost_all_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
