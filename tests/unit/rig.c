#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/kafka_partition.h"
#include "events.h"
#include "plans.h"

static const char DEFINITIONS[] =
	"measures:\n"
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: sum, "
	"value: deal.amount, by: {rep: deal.owner_id}}\n"
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: count, "
	"by: {rep: deal.owner_id}}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.closed_at, agg: count, by: {rep: opportunity.owner_id}}\n"
	"metrics:\n"
	"  - {name: revenue, value: revenue, windows: [1h, today], group_by: [[], [rep]]}\n"
	"  - {name: wins, value: wins, windows: [1h, today], group_by: [[]]}\n"
	"  - {name: open, value: open, group_by: [[]]}\n";

static const char *const topics[] = { "crm.opportunity", "crm.deal", "fin.fx_rate" };
static const enum entity_type topic_types[] = { ENTITY_OPPORTUNITY, ENTITY_DEAL, ENTITY_FX_RATE };

void rig_init(struct rig *rig, int32_t partition_count)
{
	log_set_level(LOG_LEVEL_NONE);
	memset(rig, 0, sizeof(*rig));
	rig->plan = plan_of(DEFINITIONS);
	rig->zone = zone_of("Asia/Jakarta");
	rig->calendar = (struct calendar){ .zone = &rig->zone, .week_start = 1, .fiscal_start_month = 1 };
	rig->book = (struct tenant_book){
		.calendars = &rig->calendar, .calendar_count = 1, .fallback = { .currency = "IDR" }
	};
	rig->schemas = schema_store_new(NULL);
	rig->partition_count = partition_count;
	rig->log = memory_log_new(3, partition_count);
	rig->wall = (struct wall){ &wall_manual, ms_of("2026-03-02T03:00:00Z"), 1000000 };
	rig->storage_seconds = rig->wall.manual_now_ms / 1000;
	rig->storage = storage_memory_new(&rig->storage_seconds);
	arena_init(&rig->arena, 0);
	rig->settings = (struct pipeline_settings){
		.shard = { .plan = rig->plan,
			.tenants = &rig->book,
			.store = { 10000, 1 << 20 },
			.groups = { 1000, 10000 },
			.snapshots = snapshot_settings_usual(10000),
			.hash_seed = 1,
			.pending_max = 1000 },
		.clock = { .follow_wall = true,
			.alignment_ms = 600000,
			.max_skew_ms = 300000,
			.near_wall_ms = 600000,
			.idle_ms = 30000,
			.unreadable_ms = 60000 },
		.checkpoint = { .interval_ms = 5000,
			.segment_bytes_max = 65536,
			.fold_ratio = 1.0,
			.compress = true,
			.writer_id = 7 },
		.wire_form = CODEC_AUTO,
		.topic_types = topic_types,
		.message_bytes_max = 1 << 20,
		.partition_count = partition_count,
		.session_ms = 30000,
		.schema_wait_ms = 30000,
		.publish_budget = 20000,
		.messages_per_turn = 1000,
		.advance_per_turn = 100000,
	};
}

void rig_crash(struct rig *rig, int n)
{
	struct rig_node *node = &rig->nodes[n];

	pipeline_free(node->pipeline);
	node->pipeline = NULL;
	if (node->source != NULL)
		node->source->ops->free(node->source);
	node->source = NULL;
	checkpoint_writer_free(node->writer);
	node->writer = NULL;
}

void rig_deinit(struct rig *rig)
{
	for (int n = 0; n < RIG_NODES; n++) {
		rig_crash(rig, n);
		if (rig->nodes[n].sink != NULL)
			rig->nodes[n].sink->ops->free(rig->nodes[n].sink);
	}
	rig->storage->ops->free(rig->storage);
	memory_log_free(rig->log);
	schema_store_free(rig->schemas);
	plan_free(rig->plan);
	zone_deinit(&rig->zone);
	arena_deinit(&rig->arena);
}

void rig_start(struct rig *rig, int n)
{
	struct rig_node *node = &rig->nodes[n];

	assert_null(node->pipeline);
	node->source = rig->settings.is_single ? source_memory_new_single(rig->log, topics)
					       : source_memory_new(rig->log, topics);
	node->writer = rig->has_threads ? checkpoint_writer_thread(rig->storage)
					: checkpoint_writer_inline(rig->storage);
	if (node->sink == NULL)
		node->sink = sink_memory_new();
	const struct pipeline_seams seams = { node->source, node->writer, node->sink, &rig->wall,
		rig->schemas };
	rig->settings.checkpoint.writer_id++;
	node->pipeline = pipeline_new(&rig->settings, &seams);
}

void rig_assign(struct rig *rig, int node, int32_t shard)
{
	source_memory_assign(rig->nodes[node].source, shard);
}

void rig_real_time(struct rig *rig)
{
	rig->has_threads = true;
	rig->wall.ops = &wall_real;
	rig->wall.manual_now_ms = wall_now_ms(&rig->wall);
	rig->storage_seconds = rig->wall.manual_now_ms / 1000;
}

void rig_pass(struct rig *rig, int64_t ms)
{
	if (rig->has_threads) {
		usleep((useconds_t)ms * 1000);
		return;
	}
	rig->wall.manual_now_ms += ms;
	rig->wall.manual_monotone_ms += ms;
	rig->storage_seconds = rig->wall.manual_now_ms / 1000;
}

int rig_turn(struct rig *rig, int node)
{
	return pipeline_turn(rig->nodes[node].pipeline, 0);
}

void rig_run(struct rig *rig, int node, int seconds)
{
	for (int i = 0; i < seconds * 4; i++) {
		assert_int_equal(rig_turn(rig, node), 0);
		rig_pass(rig, 250);
	}
	assert_int_equal(rig_turn(rig, node), 0);
}

struct assignment_shard *rig_shard(struct rig *rig, int node, int32_t shard)
{
	return assignment_at(pipeline_assignment(rig->nodes[node].pipeline), (uint32_t)shard);
}

enum assignment_state rig_state(struct rig *rig, int node)
{
	return rig_shard(rig, node, 0)->state;
}

void rig_serve(struct rig *rig, int node)
{
	rig_start(rig, node);
	rig_assign(rig, node, 0);
	for (int i = 0; i < 20 && rig_state(rig, node) != ASSIGNMENT_SERVING; i++) {
		assert_int_equal(rig_turn(rig, node), 0);
		rig_pass(rig, 50);
	}
	assert_int_equal(rig_state(rig, node), ASSIGNMENT_SERVING);
}

void rig_append(struct rig *rig, const struct event *event)
{
	_cleanup_buffer_ struct buffer bytes = { 0 };

	codec_encode_event(event, &bytes);
	memory_log_append(rig->log,
		event->type == ENTITY_DEAL	? RIG_DEAL
		: event->type == ENTITY_FX_RATE ? RIG_RATE
						: RIG_OPPORTUNITY,
		kafka_partition_of(event->tenant_id, rig->partition_count), event->tenant_id,
		buffer_slice(&bytes));
}

void rig_won(struct rig *rig, const char *id, int64_t version, const char *amount)
{
	struct event *event = event_make(&rig->arena, ENTITY_DEAL, id, version, NULL);

	event->occurred_at_ms = event->ingested_at_ms = rig->wall.manual_now_ms;
	event_set_all(event, "status", "WON", "amount", amount, "currency", "IDR", "owner_id",
		"ana", NULL);
	event_set_time(event, "won_at", rig->wall.manual_now_ms);
	rig_append(rig, event);
}

static void look_at(const struct sink_memory_record *record, const char *metric, const char *window,
	struct rig_value *value)
{
	struct snapshot snapshot;

	if (record->topic != SINK_LATEST || record->value.at == NULL)
		return;
	assert_int_equal(codec_decode_snapshot(record->value, &snapshot), 0);
	if (!slice_is(snapshot.metric, metric) || !slice_is(snapshot.window, window) ||
		snapshot.group_key.len > 0)
		return;
	value->count++;
	if (snapshot.revision <= value->revision)
		return;
	value->revision = snapshot.revision;
	value->has_value = snapshot.value.is_set;
	value->value = snapshot.value.value;
	value->window_start_ms = snapshot.window_start_ms;
	value->as_of_ms = snapshot.as_of_ms;
	value->published_at_ms = snapshot.published_at_ms;
	snprintf(value->state, sizeof(value->state), "%s", snapshot.state);
}

struct rig_value rig_latest(struct rig *rig, const char *metric, const char *window)
{
	struct rig_value value = { 0 };

	for (int n = 0; n < RIG_NODES; n++)
		for (size_t i = 0;
			rig->nodes[n].sink != NULL && i < sink_memory_count(rig->nodes[n].sink);
			i++)
			look_at(sink_memory_at(rig->nodes[n].sink, i), metric, window, &value);
	return value;
}

size_t rig_count(struct rig *rig, int node, enum sink_topic topic)
{
	const struct sink *sink = rig->nodes[node].sink;
	size_t count = 0;

	for (size_t i = 0; i < sink_memory_count(sink); i++)
		count += sink_memory_at(sink, i)->topic == topic;
	return count;
}

static void check_against_before(const struct sink *sink, size_t at)
{
	const struct sink_memory_record *record = sink_memory_at(sink, at);
	struct snapshot mine, before;

	assert_int_equal(codec_decode_snapshot(record->value, &mine), 0);
	for (size_t i = at; i-- > 0;) {
		const struct sink_memory_record *other = sink_memory_at(sink, i);

		if (other->topic != record->topic || !slice_equal(other->key, record->key))
			continue;
		assert_int_equal(codec_decode_snapshot(other->value, &before), 0);
		assert_true(mine.revision > before.revision);
		return;
	}
}

void rig_check_revisions(struct rig *rig)
{
	for (int n = 0; n < RIG_NODES; n++)
		for (size_t i = 0;
			rig->nodes[n].sink != NULL && i < sink_memory_count(rig->nodes[n].sink);
			i++) {
			enum sink_topic topic = sink_memory_at(rig->nodes[n].sink, i)->topic;

			if (topic == SINK_LATEST || topic == SINK_HISTORY)
				check_against_before(rig->nodes[n].sink, i);
		}
}

void rig_expect(struct rig *rig, const char *metric, const char *window, double expected)
{
	const struct rig_value value = rig_latest(rig, metric, window);

	if (!value.has_value || value.value != expected)
		fail_msg("%s %s: %f wanted, %f (%s, %d records) found", metric, window, expected,
			value.value, value.state, value.count);
}
