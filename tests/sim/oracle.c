/* The slow and simple answer: every event once, in order, in a fresh shard that was never stopped, at the same clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/kafka_partition.h"
#include "sim.h"

enum { DAYS_BEFORE = 40, HOUR_MS = 3600000 };

struct comparison {
	struct sim *sim;
	int64_t from_ms; /* closed periods from here on; what is older depends on where a run has begun */
	bool *is_right; /* [key id] */
};

static bool is_nothing(const struct snapshot *snapshot)
{
	return !snapshot->value.is_set ||
	       (!(snapshot->value.value > 0) && !(snapshot->value.value < 0));
}

static bool numbers_equal(struct snapshot_number a, struct snapshot_number b)
{
	return a.is_set == b.is_set && (!a.is_set || a.units == b.units);
}

static bool doubles_equal(struct snapshot_double a, struct snapshot_double b)
{
	return a.is_set == b.is_set &&
	       (!a.is_set || memcmp(&a.value, &b.value, sizeof(a.value)) == 0);
}

static const char *difference(const struct snapshot *a, const struct snapshot *b)
{
	if (!doubles_equal(a->value, b->value) ||
		!numbers_equal(a->value_decimal, b->value_decimal))
		return "value";
	if (!numbers_equal(a->numerator, b->numerator))
		return "numerator";
	if (!numbers_equal(a->denominator, b->denominator))
		return "denominator";
	if (strcmp(a->state, b->state) != 0)
		return "state";
	if (!doubles_equal(a->previous_value, b->previous_value))
		return "previous value";
	if (!doubles_equal(a->change_pct, b->change_pct))
		return "change";
	if (a->rank != b->rank || a->rank_of != b->rank_of)
		return "rank";
	return NULL;
}

static void say_difference(
	const char *what, const struct snapshot *published, const struct snapshot *right)
{
	sim_fail("%s of " SLICE_FMT " " SLICE_FMT " [" SLICE_FMT "] of " SLICE_FMT
		 ": published %f %s (previous %f, rank %d, revision %lld, as of %lld), the oracle "
		 "has %f %s (previous %f, rank %d)",
		what, SLICE_ARG(right->metric), SLICE_ARG(right->window),
		SLICE_ARG(right->group_key), SLICE_ARG(right->tenant_id),
		published->value.is_set ? published->value.value : -0.5, published->state,
		published->previous_value.value, published->rank, (long long)published->revision,
		(long long)published->as_of_ms, right->value.is_set ? right->value.value : -0.5,
		right->state, right->previous_value.value, right->rank);
}

static bool compare(void *ctx, enum snapshot_topic where, const struct snapshot *record)
{
	struct comparison *comparison = ctx;
	const struct sim_topic *topic = &comparison->sim->topic;
	_cleanup_buffer_ struct buffer key = { 0 }, value = { 0 };
	struct snapshot right, published;

	if (where == SNAPSHOT_HISTORY && record->window_start_ms < comparison->from_ms)
		return true;
	buffer_put_u8(&key, where == SNAPSHOT_LATEST ? SINK_LATEST : SINK_HISTORY);
	codec_encode_snapshot_key(record, &key);
	codec_encode_snapshot(record, &value);
	if (codec_decode_snapshot(buffer_slice(&value), &right) != 0)
		sim_fail("the oracle's record cannot be read");
	uint32_t id = intern_find(&topic->keys, buffer_slice(&key));
	if (id == 0) {
		if (!is_nothing(&right))
			sim_fail("never published: " SLICE_FMT " " SLICE_FMT " [" SLICE_FMT
				 "] of " SLICE_FMT " from %lld, the oracle has %f",
				SLICE_ARG(right.metric), SLICE_ARG(right.window),
				SLICE_ARG(right.group_key), SLICE_ARG(right.tenant_id),
				(long long)right.window_start_ms, right.value.value);
		return true;
	}
	codec_decode_snapshot(topic->records[topic->last[id] - 1].value, &published);
	const char *what = difference(&published, &right);
	if (what != NULL)
		say_difference(what, &published, &right);
	comparison->is_right[id] = true;
	return true;
}

/* What the oracle never heard of must say nothing: a group that only a since corrected image had. */
static void check_rest(const struct comparison *comparison, int32_t shard)
{
	const struct sim *sim = comparison->sim;

	for (uint32_t id = 1; id <= intern_count(&sim->topic.keys); id++) {
		struct snapshot published;
		uint32_t last = id < sim->topic.last_capacity ? sim->topic.last[id] : 0;

		if (last == 0 || comparison->is_right[id])
			continue;
		codec_decode_snapshot(sim->topic.records[last - 1].value, &published);
		if (slice_is(published.metric, "heartbeat") || is_nothing(&published) ||
			(published.is_final && published.window_start_ms < comparison->from_ms) ||
			kafka_partition_of(published.tenant_id, sim->rig.partition_count) != shard)
			continue;
		sim_fail("published " SLICE_FMT " " SLICE_FMT " [" SLICE_FMT "] of " SLICE_FMT
			 " from %lld: %f (revision %lld, as of %lld), the oracle has nothing",
			SLICE_ARG(published.metric), SLICE_ARG(published.window),
			SLICE_ARG(published.group_key), SLICE_ARG(published.tenant_id),
			(long long)published.window_start_ms, published.value.value,
			(long long)published.revision, (long long)published.as_of_ms);
	}
}

static bool nowhere(void *ctx, enum snapshot_topic where, const struct snapshot *record)
{
	(void)ctx, (void)where, (void)record;
	return true;
}

static void advance(struct shard *shard, int64_t clock_ms)
{
	while (shard_advance(shard, clock_ms, 100000) != 0)
		continue;
}

void sim_oracle_compare(struct sim *sim, int32_t index, int64_t clock_ms)
{
	_cleanup_free_ bool *is_right = x_calloc(intern_count(&sim->topic.keys) + 1, sizeof(bool));
	int64_t from_ms = clock_ms == CLOCK_NONE ? 0 : clock_ms - DAYS_BEFORE * INT64_C(86400000);
	struct comparison comparison = { sim, from_ms, is_right };
	struct shard *shard = shard_new(&sim->rig.settings.shard);
	char reason[EVENT_REASON_MAX];

	for (size_t i = 0; i < sim->event_count; i++)
		if (kafka_partition_of(sim->events[i]->tenant_id, sim->rig.partition_count) ==
			index)
			shard_apply(shard, sim->events[i], reason);
	if (clock_ms != CLOCK_NONE) {
		/* From long before, so that it closes every day that a run can have closed. */
		advance(shard, from_ms);
		shard_collect(shard, 0, true, 100000, nowhere, NULL);
		advance(shard, clock_ms);
		shard_collect(shard, HOUR_MS, true, 100000, compare, &comparison);
		for (int64_t now_ms = 2 * HOUR_MS; !shard_is_idle(shard); now_ms += HOUR_MS)
			shard_collect(shard, now_ms, false, 100000, compare, &comparison);
	}
	check_rest(&comparison, index);
	shard_free(shard);
}
