/* What a worker does with one shard: decode and apply its messages, move its time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/kafka_partition.h"
#include "pipeline.h"
#include "pipeline_inside.h"

enum { SCHEMA_RETRY_MS = 1000 };

void pipeline_lane_deinit(struct pipeline_lane *lane)
{
	free(lane->arrivals);
	free(lane->letters);
}

static struct pipeline_lane *lane_of(const struct pipeline *p, const struct assignment_shard *shard)
{
	return &p->lanes[shard->index];
}

/* ---- what has to wait for the others --------------------------------------------------------------------- */

static void add_letter(struct pipeline_lane *lane, enum publisher_letter kind,
	const struct message *message, const char *reason)
{
	X_GROW(lane->letters, lane->letter_count, lane->letter_capacity);
	struct pipeline_letter *letter = &lane->letters[lane->letter_count++];

	letter->kind = kind;
	letter->message = message;
	snprintf(letter->reason, sizeof(letter->reason), "%s", reason);
	*(kind == PUBLISHER_DEAD ? &lane->dead_letters : &lane->late) += 1;
}

static void stop(struct pipeline_lane *lane, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void stop(struct pipeline_lane *lane, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(lane->stop_text, sizeof(lane->stop_text), format, arguments);
	va_end(arguments);
	lane->is_to_stop = true;
}

/* ---- decode and apply ------------------------------------------------------------------------------------ */

/* S25: once per tenant and shard: one company in two partitions would be two companies with half the numbers each. */
static void check_tenants(const struct pipeline *p, struct assignment_shard *shard, uint16_t topic)
{
	int32_t count = p->settings.partition_count;

	for (; shard->tenants_checked < shard_tenant_count(shard->shard);
		shard->tenants_checked++) {
		struct slice tenant = shard_tenant(shard->shard, shard->tenants_checked);
		int32_t right = kafka_partition_of(tenant, count);

		if (p->settings.is_single || right == shard->index)
			continue;
		stop(lane_of(p, shard),
			"tenant \"" SLICE_FMT "\" was found in partition %d of %s and belongs in "
			"%d of %d: produce with the key "
			"tenant_id and partitioner=murmur2_random (Java's default), and write the "
			"topic anew, or run with "
			"sharding: single",
			SLICE_ARG(tenant), (int)shard->index, p->seams.source->topics[topic],
			(int)right, (int)count);
		return;
	}
}

static void apply(const struct pipeline *p, struct assignment_shard *shard,
	const struct assignment_input *input, const struct message *message,
	const struct event *event)
{
	struct pipeline_lane *lane = lane_of(p, shard);
	char reason[EVENT_REASON_MAX] = "", horizon[TIME_TEXT_MAX];
	enum shard_answer answer = shard_apply(shard->shard, event, reason);

	if (answer == SHARD_FULL) {
		stop(lane,
			"a limit is reached (limits.* in the settings) at %s partition %d offset "
			"%lld: nothing was dropped; raise it "
			"and start again",
			p->seams.source->topics[message->topic], (int)message->partition,
			(long long)message->offset);
		return;
	}
	if (answer == SHARD_BAD) {
		add_letter(lane, PUBLISHER_DEAD, message, reason);
		return;
	}
	clock_saw(&shard->clock, assignment_place(shard, input), event->occurred_at_ms, p->wall_ms);
	*(answer == SHARD_DUPLICATE ? &lane->duplicates : &lane->events) += 1;
	if (answer == SHARD_LATE) {
		snprintf(reason, sizeof(reason), "facts beyond the horizon of %s",
			duration_format(p->settings.shard.plan->horizon_ms, horizon));
		add_letter(lane, PUBLISHER_LATE, message, reason);
	}
	check_tenants(p, shard, message->topic);
}

struct decoded {
	enum codec_answer answer;
	struct event event; /* CODEC_OK: its memory is the worker's arena */
	char reason[CODEC_REASON_MAX];
};

static void decode(const struct pipeline *p, struct pipeline_worker *worker,
	const struct message *message, struct decoded *ret)
{
	ret->reason[0] = '\0';
	ret->answer = codec_decode_event(worker->codec, p->settings.topic_types[message->topic],
		message->value, &worker->arena, &ret->event, ret->reason);
}

/* What becomes of a message. 1: its schema is unknown, nothing was changed. */
static int deal_with(const struct pipeline *p, struct assignment_shard *shard,
	struct assignment_input *input, const struct message *message,
	const struct decoded *decoded)
{
	switch (decoded->answer) {
	case CODEC_UNKNOWN_SCHEMA:
		snprintf(shard->text, sizeof(shard->text), "%s partition %d offset %lld: %s",
			p->seams.source->topics[message->topic], (int)message->partition,
			(long long)message->offset, decoded->reason);
		return 1;
	case CODEC_BAD:
		add_letter(lane_of(p, shard), PUBLISHER_DEAD, message, decoded->reason);
		break;
	case CODEC_OK:
		apply(p, shard, input, message, &decoded->event);
		break;
	}
	if (!lane_of(p, shard)->is_to_stop)
		input->position.offset = message->offset + 1;
	return 0;
}

int pipeline_lane_decode(const struct pipeline *p, struct pipeline_worker *worker,
	struct assignment_shard *shard, struct assignment_input *input,
	const struct message *message)
{
	struct decoded decoded;

	arena_reset(&worker->arena);
	decode(p, worker, message, &decoded);
	return deal_with(p, shard, input, message, &decoded);
}

void pipeline_lane_defer(
	const struct pipeline *p, struct assignment_shard *shard, struct assignment_input *input)
{
	input->backlog.retry_ms = p->monotone_ms + SCHEMA_RETRY_MS;
	clock_unreadable(&shard->clock, assignment_place(shard, input), p->wall_ms);
}

static void begin_backlog(const struct pipeline *p, struct assignment_shard *shard,
	struct assignment_input *input, const struct message *message)
{
	backlog_add(&input->backlog, message);
	input->backlog.since_ms = p->monotone_ms;
	lane_of(p, shard)->unknown_schemas++;
	pipeline_lane_defer(p, shard, input);
	log_warn("event=unknown_schema shard=%d detail=\"%s\"", (int)shard->index, shard->text);
}

/* Behind one that waits for its schema all of its partition wait. */
static void take_message(const struct pipeline *p, struct assignment_shard *shard,
	const struct pipeline_arrival *arrival, const struct decoded *decoded)
{
	const struct message *message = arrival->message;
	struct assignment_input *input = arrival->input;
	struct pipeline_lane *lane = lane_of(p, shard);

	/* Once more what was applied. */
	if (message->offset < input->position.offset)
		return;
	lane->messages++;
	lane->message_bytes += message->key.len + message->value.len;
	input->is_at_end = false;
	if (!backlog_is_empty(&input->backlog))
		backlog_add(&input->backlog, message);
	else if (deal_with(p, shard, input, message, decoded) == 1)
		begin_backlog(p, shard, input, message);
}

void pipeline_lane_take(
	const struct pipeline *p, struct pipeline_worker *worker, uint32_t shard_index)
{
	struct assignment_shard *shard = assignment_at(p->assignment, shard_index);
	const struct pipeline_lane *lane = &p->lanes[shard_index];
	struct decoded ahead[STORE_EXPECT_MAX];
	const struct event *events[STORE_EXPECT_MAX];

	/* Some are decoded before the first of them is applied: the memory of one comes while another is worked on. */
	for (size_t from = 0, count; from < lane->arrival_count && !lane->is_to_stop;
		from += count) {
		count = lane->arrival_count - from;
		if (count > STORE_EXPECT_MAX)
			count = STORE_EXPECT_MAX;
		size_t good = 0;
		arena_reset(&worker->arena);
		for (size_t i = 0; i < count; i++) {
			decode(p, worker, lane->arrivals[from + i].message, &ahead[i]);
			if (ahead[i].answer == CODEC_OK)
				events[good++] = &ahead[i].event;
		}
		shard_expect(shard->shard, events, good);
		for (size_t i = 0; i < count && !lane->is_to_stop; i++)
			take_message(p, shard, &lane->arrivals[from + i], &ahead[i]);
	}
}

/* ---- time ------------------------------------------------------------------------------------------------ */

void pipeline_lane_advance(const struct pipeline *p, uint32_t shard_index)
{
	struct assignment_shard *shard = assignment_at(p->assignment, shard_index);
	bool must_finish =
		shard->state == ASSIGNMENT_REVOKING && shard->advance_to_ms != CLOCK_NONE;
	int64_t to_ms = shard->advance_to_ms;

	if (!assignment_is_running(shard) && !must_finish)
		return;
	/* A clock that the shard has not reached yet is reached first: bounded work per turn, polling goes on. */
	if (to_ms == CLOCK_NONE)
		to_ms = clock_turn(&shard->clock, p->wall_ms);
	if (to_ms == CLOCK_NONE || to_ms < shard_clock(shard->shard))
		return;
	bool is_unfinished = shard_advance(shard->shard, to_ms, p->settings.advance_per_turn) != 0;
	shard->advance_to_ms = is_unfinished ? to_ms : CLOCK_NONE;
}
