/*
 * The loop. pipeline_turn is the whole program in the order of its data; everything above it is one of its steps, from the
 * top down in the order in which they run.
 */
#include "pipeline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/kafka_partition.h"
#include "pipeline_inside.h"

enum {
	SCHEMA_RETRY_MS = 1000,
	CONFIRM_RETRY_MS = 1000,
	EVENT_ARENA_BYTES_MAX = 256 << 20,
	REVOKE_MS_MAX = 10000,
	HEARTBEAT_MS = 1000,
	MESSAGES_PER_TURN = 8192,
	ADVANCE_PER_TURN = 400000,
	FINALS_MAX = 4000000,
	WALL_STEP_MS = 1000, /* less is no jump */
};

/* ---- life ----------------------------------------------------------------------------------------------- */

void pipeline_settings_from(const struct settings *settings, struct pipeline_settings *ret)
{
	*ret = (struct pipeline_settings){
		.shard = {
			.tenants = &settings->tenants,
			.store = { (uint32_t)settings->entities_max, (size_t)settings->strings_bytes_max },
			.groups = { (uint32_t)settings->groups_max, (uint32_t)settings->cells_max },
			.snapshots = {
				.publish_interval_ms = settings->publish_interval_ms,
				.refresh_ms = settings->publish_refresh_ms,
				.rank_interval_ms = 2000,
				.restate_interval_ms = settings->publish_restate_ms,
				.rank_top = 50,
				.finals_max = FINALS_MAX,
			},
			.pending_max = (uint32_t)settings->pending_max,
			.ledger_bytes_max = (uint64_t)settings->ledger_bytes_max,
		},
		.clock = {
			.follow_wall = strcmp(settings->clock, "wall") == 0,
			.alignment_ms = settings->alignment_ms,
			.max_skew_ms = settings->max_skew_ms,
			.near_wall_ms = 600000,
			.idle_ms = 30000,
			.unreadable_ms = 60000,
		},
		.checkpoint = {
			.interval_ms = settings->checkpoint_interval_ms,
			.segment_bytes_max = (uint32_t)settings->checkpoint_segment_bytes,
			.fold_ratio = 1.0,
			.compress = true,
		},
		.wire_form = strcmp(settings->wire_form, "framed") == 0 ? CODEC_FRAMED :
			strcmp(settings->wire_form, "bare") == 0 ? CODEC_BARE : CODEC_AUTO,
		.message_bytes_max = (size_t)settings->message_bytes_max,
		.limits = {
			.rows = {
				[CODEC_SPLITS] = (uint32_t)settings->splits_max,
				[CODEC_ITEMS] = (uint32_t)settings->items_max,
				[CODEC_MEMBERSHIPS] = (uint32_t)settings->memberships_max,
				[CODEC_PACING_CURVE] = (uint32_t)settings->pacing_curve_max,
				[CODEC_MERGED_IDS] = (uint32_t)settings->merged_ids_max,
				[CODEC_EXT] = (uint32_t)settings->ext_max,
			},
			.text_bytes = (uint32_t)settings->text_bytes_max,
			.foreign = (uint32_t)settings->foreign_values_max,
		},
		.is_single = strcmp(settings->sharding, "single") == 0,
		.rebuild = settings->rebuild,
		.session_ms = settings->kafka_session_ms,
		.schema_wait_ms = settings->schema_wait_ms,
		.publish_budget = settings->publish_budget,
		.messages_per_turn = MESSAGES_PER_TURN,
		.advance_per_turn = ADVANCE_PER_TURN,
	};
}

struct pipeline *pipeline_new(
	const struct pipeline_settings *settings, const struct pipeline_seams *seams)
{
	struct pipeline *p = x_calloc(1, sizeof(*p));
	const struct publisher_settings publisher = {
		.shard_count = seams->source->shard_count,
		.budget_per_s = settings->publish_budget,
		.heartbeat_ms = HEARTBEAT_MS,
		.topics = seams->source->topics,
	};

	p->settings = *settings;
	p->settings.checkpoint.wall = seams->wall;
	p->settings.checkpoint.fingerprint = settings->shard.plan->fingerprint;
	p->seams = *seams;
	p->broker_down_ms = p->storage_down_ms = PIPELINE_NEVER;
	p->publisher = publisher_new(&publisher, seams->sink);
	p->codec = codec_new(seams->schemas, settings->wire_form, settings->message_bytes_max);
	codec_limit(p->codec, &settings->limits);
	arena_init(&p->arena, EVENT_ARENA_BYTES_MAX);
	const struct assignment_settings assignment = {
		.source = seams->source,
		.writer = seams->writer,
		.publisher = p->publisher,
		.shard = settings->shard,
		.clock = settings->clock,
		.checkpoint = p->settings.checkpoint,
		.partition_count = settings->partition_count,
		.is_single = settings->is_single,
		.rebuild = settings->rebuild,
		.revoke_ms = settings->session_ms / 2 < REVOKE_MS_MAX ? settings->session_ms / 2
								      : REVOKE_MS_MAX,
		.park_ms = settings->session_ms,
		.fenced_ms = settings->session_ms,
	};
	p->assignment = assignment_new(&assignment);
	/* A process that is stopped before its first turn may have lost its session as well. */
	p->started_ms = p->monotone_ms = p->confirm_ms = wall_monotone_ms(seams->wall);
	return p;
}

void pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	assignment_free(p->assignment);
	publisher_free(p->publisher);
	codec_free(p->codec);
	arena_deinit(&p->arena);
	free(p);
}

const struct assignment *pipeline_assignment(const struct pipeline *p)
{
	return p->assignment;
}

/* ---- what time it is, and whether we are still the owner ------------------------------------------------- */

static bool is_beyond(int64_t ms, int64_t most_ms)
{
	return ms > most_ms || ms < -most_ms;
}

/*
 * Small steps add up: all are measured against one offset, that of the start or the last suspicion, and against what the storage said.
 * Said once: a wall that stays where it is suspected is for the storage to judge.
 */
static void watch_wall(struct pipeline *p)
{
	int64_t offset_ms = p->wall_ms - p->monotone_ms, jump_ms = offset_ms - p->wall_offset_ms;
	int64_t most_ms = p->settings.clock.max_skew_ms;

	if (!p->has_turned)
		p->wall_offset_ms = offset_ms;
	else if (is_beyond(jump_ms, most_ms) ||
		 (is_beyond(jump_ms, WALL_STEP_MS) &&
			 is_beyond(assignment_skew(p->assignment, offset_ms), most_ms))) {
		log_warn("event=wall_jumped by_ms=%lld detail=\"clocks are held until Redis's "
			 "clock agrees\"",
			(long long)jump_ms);
		assignment_suspect_wall(p->assignment, p->monotone_ms);
		p->wall_offset_ms = offset_ms;
	}
}

/* S19: after a turn, or a silence of the brokers, longer than half a session, somebody else may have our shards. */
static void watch_ownership(struct pipeline *p, int64_t turn_ms)
{
	int64_t half_ms = p->settings.session_ms / 2;
	bool is_cut_off =
		p->broker_down_ms != PIPELINE_NEVER && p->monotone_ms - p->broker_down_ms > half_ms;

	if ((turn_ms > half_ms || is_cut_off) && !p->is_unconfirmed) {
		log_warn("event=ownership_in_doubt detail=\"nothing is published until the group "
			 "confirms\"");
		p->is_unconfirmed = true;
	}
	if (p->is_unconfirmed && !is_cut_off && p->monotone_ms >= p->confirm_ms) {
		p->is_unconfirmed = !p->seams.source->ops->confirmed(p->seams.source);
		p->confirm_ms = p->monotone_ms + CONFIRM_RETRY_MS;
	}
	publisher_set_open(p->publisher, !p->is_unconfirmed);
	assignment_set_doubt(p->assignment, p->is_unconfirmed);
}

static void begin_turn(struct pipeline *p)
{
	int64_t before_ms = p->monotone_ms;

	p->wall_ms = wall_now_ms(p->seams.wall);
	p->monotone_ms = wall_monotone_ms(p->seams.wall);
	watch_wall(p);
	watch_ownership(p, p->monotone_ms - before_ms);
	p->has_turned = true;
}

/* Letters that a full sink refused come first; and what a stale owner reads is for nothing. */
static size_t messages_wanted(const struct pipeline *p)
{
	if (p->is_ending || p->is_unconfirmed || publisher_is_blocked(p->publisher))
		return 0;
	return p->settings.messages_per_turn;
}

static bool has_more_to_do(const struct pipeline *p)
{
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++)
		if (assignment_at(p->assignment, i)->advance_to_ms != CLOCK_NONE &&
			assignment_is_running(assignment_at(p->assignment, i)))
			return true;
	return false;
}

/* ---- poll ----------------------------------------------------------------------------------------------- */

static int take_event(struct pipeline *p, const struct source_event *event)
{
	switch (event->kind) {
	case SOURCE_FATAL:
		return err_raise(-EIO, "%s", event->text);
	case SOURCE_BROKER_DOWN:
		p->broker_down_ms = p->monotone_ms;
		snprintf(p->broker_text, sizeof(p->broker_text), "%s", event->text);
		log_warn("event=broker_down detail=\"%s\"", event->text);
		return 0;
	case SOURCE_BROKER_UP:
		p->broker_down_ms = PIPELINE_NEVER;
		log_info("event=broker_up");
		return 0;
	case SOURCE_ASSIGNED:
	case SOURCE_REVOKED:
	case SOURCE_LOST:
	case SOURCE_AT_END:
	case SOURCE_UNREADABLE:
	case SOURCE_OUT_OF_RANGE:
		assignment_take(p->assignment, event, p->wall_ms, p->monotone_ms);
		return 0;
	}
	return 0;
}

static int poll_source(struct pipeline *p, int wait_ms, struct source_batch *ret_batch)
{
	int64_t before_ms = p->monotone_ms;
	int code = p->seams.source->ops->poll(
		p->seams.source, has_more_to_do(p) ? 0 : wait_ms, messages_wanted(p), ret_batch);

	/* The wait was no work, and endangers no session; being stopped in it does. */
	p->wall_ms = wall_now_ms(p->seams.wall);
	p->monotone_ms = wall_monotone_ms(p->seams.wall);
	watch_ownership(p, p->monotone_ms - before_ms - wait_ms);
	for (size_t i = 0; code == 0 && i < ret_batch->event_count; i++)
		code = take_event(p, &ret_batch->events[i]);
	return code < 0 ? err_pass(code) : 0;
}

/* ---- decode and apply ----------------------------------------------------------------------------------- */

static int send_letter(struct pipeline *p, enum publisher_letter kind,
	const struct assignment_shard *shard, const struct message *message, const char *reason)
{
	int code = publisher_letter(p->publisher, kind, shard->index, message, reason, p->wall_ms);

	*(kind == PUBLISHER_DEAD ? &p->counters.dead_letters : &p->counters.late) += 1;
	return code < 0 ? err_pass(code) : 0;
}

/* S25: once per tenant and shard: one company in two partitions would be two companies with half the numbers each. */
static void check_tenants(struct pipeline *p, struct assignment_shard *shard, uint16_t topic)
{
	int32_t count = p->settings.partition_count;

	for (; shard->shard != NULL && shard->tenants_checked < shard_tenant_count(shard->shard);
		shard->tenants_checked++) {
		struct slice tenant = shard_tenant(shard->shard, shard->tenants_checked);
		int32_t right = kafka_partition_of(tenant, count);

		if (p->settings.is_single || right == shard->index)
			continue;
		assignment_stop(p->assignment, shard, p->monotone_ms,
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

static int apply(struct pipeline *p, struct assignment_shard *shard, struct assignment_input *input,
	const struct message *message, const struct event *event)
{
	char reason[EVENT_REASON_MAX] = "", horizon[TIME_TEXT_MAX];
	enum shard_answer answer = shard_apply(shard->shard, event, reason);
	int code = 0;

	if (answer == SHARD_FULL) {
		assignment_stop(p->assignment, shard, p->monotone_ms,
			"a limit is reached (limits.* in the settings) at %s partition %d offset "
			"%lld: nothing was dropped; raise it "
			"and start again",
			p->seams.source->topics[message->topic], (int)message->partition,
			(long long)message->offset);
		return 0;
	}
	if (answer == SHARD_BAD)
		return err_pass(send_letter(p, PUBLISHER_DEAD, shard, message, reason));
	clock_saw(&shard->clock, assignment_place(shard, input), event->occurred_at_ms, p->wall_ms);
	*(answer == SHARD_DUPLICATE ? &p->counters.duplicates : &p->counters.events) += 1;
	if (answer == SHARD_LATE) {
		snprintf(reason, sizeof(reason), "facts beyond the horizon of %s",
			duration_format(p->settings.shard.plan->horizon_ms, horizon));
		code = send_letter(p, PUBLISHER_LATE, shard, message, reason);
	}
	check_tenants(p, shard, message->topic);
	return code < 0 ? err_pass(code) : 0;
}

/* 0 done; 1: its schema is not known yet, nothing was changed; negative errno. */
static int take_decoded(struct pipeline *p, struct assignment_shard *shard,
	struct assignment_input *input, const struct message *message)
{
	char reason[CODEC_REASON_MAX] = "";
	struct event event;
	int code = 0;

	arena_reset(&p->arena);
	switch (codec_decode_event(p->codec, p->settings.topic_types[message->topic],
		message->value, &p->arena, &event, reason)) {
	case CODEC_UNKNOWN_SCHEMA:
		snprintf(shard->text, sizeof(shard->text), "%s partition %d offset %lld: %s",
			p->seams.source->topics[message->topic], (int)message->partition,
			(long long)message->offset, reason);
		return 1;
	case CODEC_BAD:
		code = send_letter(p, PUBLISHER_DEAD, shard, message, reason);
		break;
	case CODEC_OK:
		code = apply(p, shard, input, message, &event);
		break;
	}
	if (assignment_is_running(shard))
		input->position.offset = message->offset + 1;
	return code < 0 ? err_pass(code) : 0;
}

static void begin_backlog(struct pipeline *p, struct assignment_shard *shard,
	struct assignment_input *input, const struct message *message)
{
	backlog_add(&input->backlog, message);
	input->backlog.since_ms = p->monotone_ms;
	input->backlog.retry_ms = p->monotone_ms + SCHEMA_RETRY_MS;
	p->counters.unknown_schemas++;
	clock_unreadable(&shard->clock, assignment_place(shard, input), p->wall_ms);
	log_warn("event=unknown_schema shard=%d detail=\"%s\"", (int)shard->index, shard->text);
}

static int take_message(struct pipeline *p, const struct message *message)
{
	struct assignment_input *input;
	struct assignment_shard *shard =
		assignment_of(p->assignment, message->topic, message->partition, &input);

	/* Of a shard that was stopped or taken away in this batch, or once more what was applied. */
	if (shard == NULL || message->offset < input->position.offset)
		return 0;
	p->counters.messages++;
	p->counters.message_bytes += message->key.len + message->value.len;
	input->is_at_end = false;
	if (!backlog_is_empty(&input->backlog)) {
		backlog_add(&input->backlog, message);
		return 0;
	}
	int code = take_decoded(p, shard, input, message);
	if (code == 1)
		begin_backlog(p, shard, input, message);
	return code < 0 ? err_pass(code) : 0;
}

static int retry_backlog(
	struct pipeline *p, struct assignment_shard *shard, struct assignment_input *input)
{
	const struct message *message;

	while ((message = backlog_first(&input->backlog)) != NULL) {
		int code = take_decoded(p, shard, input, message);

		if (code < 0)
			return err_pass(code);
		if (!assignment_is_running(shard))
			return 0; /* stopped: its memory is gone, the backlog too */
		if (code == 1) {
			input->backlog.retry_ms = p->monotone_ms + SCHEMA_RETRY_MS;
			clock_unreadable(&shard->clock, assignment_place(shard, input), p->wall_ms);
			return 0;
		}
		backlog_pop(&input->backlog);
	}
	log_info("event=schema_known shard=%d topic=%s partition=%d", (int)shard->index,
		p->seams.source->topics[input->position.topic], (int)input->position.partition);
	shard->text[0] = '\0';
	if (input->is_at_end)
		assignment_at_end(shard, input);
	return 0;
}

static int retry_backlogs(struct pipeline *p)
{
	for (uint32_t s = 0; s < assignment_count(p->assignment); s++) {
		struct assignment_shard *shard = assignment_at(p->assignment, s);

		for (uint32_t i = 0; assignment_is_running(shard) && i < shard->input_count; i++) {
			struct backlog *backlog = &shard->inputs[i].backlog;

			if (backlog_is_empty(backlog) || p->monotone_ms < backlog->retry_ms ||
				p->is_unconfirmed || publisher_is_blocked(p->publisher))
				continue;
			int code = retry_backlog(p, shard, &shard->inputs[i]);
			if (code < 0)
				return err_pass(code);
		}
	}
	return 0;
}

/* ---- time ----------------------------------------------------------------------------------------------- */

static void advance_shard(struct pipeline *p, struct assignment_shard *shard)
{
	int64_t to_ms = shard->advance_to_ms;

	/* A clock that the shard has not reached yet is reached first: bounded work per turn, polling goes on. */
	if (to_ms == CLOCK_NONE)
		to_ms = clock_turn(&shard->clock, p->wall_ms);
	if (to_ms == CLOCK_NONE || to_ms < shard_clock(shard->shard))
		return;
	bool is_unfinished = shard_advance(shard->shard, to_ms, p->settings.advance_per_turn) != 0;
	shard->advance_to_ms = is_unfinished ? to_ms : CLOCK_NONE;
}

static void advance(struct pipeline *p)
{
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		struct assignment_shard *shard = assignment_at(p->assignment, i);
		bool must_finish =
			shard->state == ASSIGNMENT_REVOKING && shard->advance_to_ms != CLOCK_NONE;

		if (assignment_is_running(shard) || must_finish)
			advance_shard(p, shard);
		if (assignment_is_running(shard))
			assignment_hold(p->assignment, shard);
	}
}

/* ---- publish and save ----------------------------------------------------------------------------------- */

static struct shard *memory_of(void *ctx, int32_t index)
{
	const struct pipeline *p = ctx;

	return index >= 0 && (uint32_t)index < assignment_count(p->assignment)
		       ? assignment_at(p->assignment, (uint32_t)index)->shard
		       : NULL;
}

static int publish(struct pipeline *p)
{
	int code = publisher_turn(p->publisher, memory_of, p);

	for (uint32_t i = 0; code == 0 && i < assignment_count(p->assignment); i++) {
		struct assignment_shard *shard = assignment_at(p->assignment, i);

		if (!assignment_is_running(shard) || shard_clock(shard->shard) == CLOCK_NONE)
			continue;
		/* S8: what was published while an input was given up, or before, carries the other state. */
		if (shard->was_partial != shard->clock.is_partial)
			shard_forget_published(shard->shard);
		shard->was_partial = shard->clock.is_partial;
		const struct publisher_moment moment = {
			.wall_ms = p->wall_ms,
			.monotone_ms = p->monotone_ms,
			.clock_ms = shard_clock(shard->shard),
			.epoch = checkpoint_epoch(shard->checkpoint),
			.is_serving = shard->state == ASSIGNMENT_SERVING,
			.is_partial = shard->clock.is_partial,
			.has_read_all = assignment_has_read_all(shard),
		};
		code = publisher_snapshots(p->publisher, shard->index, shard->shard, &moment);
	}
	return code < 0 ? err_pass(code) : 0;
}

static void save(struct pipeline *p)
{
	bool is_down = false;

	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		struct assignment_shard *shard = assignment_at(p->assignment, i);

		if (assignment_is_running(shard) &&
			assignment_save(p->assignment, shard, p->wall_ms, p->monotone_ms)) {
			assignment_cut(p->assignment, shard);
			assignment_submit(shard);
		}
		if (shard->checkpoint != NULL)
			is_down |= checkpoint_status(shard->checkpoint).storage_down;
	}
	if (is_down && p->storage_down_ms == PIPELINE_NEVER)
		p->storage_down_ms = p->monotone_ms;
	else if (!is_down)
		p->storage_down_ms = PIPELINE_NEVER;
}

/* ---- the turn ------------------------------------------------------------------------------------------- */

int pipeline_turn(struct pipeline *p, int wait_ms)
{
	struct source_batch batch;

	begin_turn(p);
	int code = poll_source(p, wait_ms, &batch);
	for (size_t i = 0; code == 0 && i < batch.message_count; i++)
		code = take_message(p, &batch.messages[i]);
	if (code == 0)
		code = retry_backlogs(p);
	if (code == 0)
		code = assignment_turn(p->assignment, p->wall_ms, p->monotone_ms);
	if (code < 0)
		return err_pass(code);
	advance(p);
	code = publish(p);
	save(p);
	return code < 0 ? err_pass(code) : 0;
}

void pipeline_end(struct pipeline *p)
{
	p->is_ending = true;
	assignment_end(p->assignment, p->monotone_ms);
}

bool pipeline_is_ended(const struct pipeline *p)
{
	return p->is_ending && assignment_is_ended(p->assignment) &&
	       !publisher_is_blocked(p->publisher) &&
	       publisher_settled(p->publisher) >= p->seams.sink->last_sequence;
}
