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
#include "base/xalloc.h"
#include "pipeline_inside.h"

enum {
	CONFIRM_RETRY_MS = 1000,
	EVENT_ARENA_BYTES_MAX = 256 << 20,
	MESSAGES_WORTH_SHARING = 64, /* fewer are done before another thread is awake */
	REVOKE_MS_MAX = 10000,
	HEARTBEAT_MS = 1000,
	MESSAGES_PER_TURN = 16384,
	ADVANCE_PER_TURN = 400000,
	THREADS_DEFAULT_MAX = 4,
	FINALS_MAX = 4000000,
	WALL_STEP_MS = 1000, /* less is no jump */
};

/* ---- life ----------------------------------------------------------------------------------------------- */

static uint32_t default_threads(void)
{
	uint32_t cores = pool_cores();

	return cores < THREADS_DEFAULT_MAX ? cores : THREADS_DEFAULT_MAX;
}

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
		.threads = settings->threads > 0 ? (uint32_t)settings->threads : default_threads(),
	};
}

static void open_workers(struct pipeline *p)
{
	uint32_t shards = (uint32_t)p->seams.source->shard_count;

	p->lanes = x_calloc(shards, sizeof(*p->lanes));
	p->pool = pool_new(p->settings.threads < shards ? p->settings.threads : shards);
	p->workers = x_calloc(pool_size(p->pool), sizeof(*p->workers));
	for (uint32_t i = 0; i < pool_size(p->pool); i++) {
		p->workers[i].codec = codec_new(
			p->seams.schemas, p->settings.wire_form, p->settings.message_bytes_max);
		codec_limit(p->workers[i].codec, &p->settings.limits);
		arena_init(&p->workers[i].arena, EVENT_ARENA_BYTES_MAX);
	}
}

static void close_workers(struct pipeline *p)
{
	for (uint32_t i = 0; i < pool_size(p->pool); i++) {
		codec_free(p->workers[i].codec);
		arena_deinit(&p->workers[i].arena);
	}
	free(p->workers);
	pool_free(p->pool);
	for (int32_t i = 0; i < p->seams.source->shard_count; i++)
		pipeline_lane_deinit(&p->lanes[i]);
	free(p->lanes);
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
	open_workers(p);
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
	close_workers(p);
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

/* One step of every shard, side by side if there is enough of it to be worth waking others up. */
static void each_shard(struct pipeline *p, pool_fn step, bool is_large)
{
	uint32_t count = assignment_count(p->assignment);

	if (is_large)
		pool_run(p->pool, step, p, count);
	for (uint32_t i = 0; !is_large && i < count; i++)
		step(p, 0, i);
}

/* What a step left to be done in a shard's name. */
static int settle(struct pipeline *p, struct assignment_shard *shard)
{
	struct pipeline_lane *lane = &p->lanes[shard->index];
	int code = 0;

	for (size_t i = 0; code == 0 && i < lane->letter_count; i++)
		code = publisher_letter(p->publisher, lane->letters[i].kind, shard->index,
			lane->letters[i].message, lane->letters[i].reason, p->wall_ms);
	lane->letter_count = 0;
	if (lane->is_to_stop)
		assignment_stop(p->assignment, shard, p->monotone_ms, "%s", lane->stop_text);
	lane->is_to_stop = false;
	return code < 0 ? err_pass(code) : 0;
}

static void share_out(struct pipeline *p, const struct source_batch *batch)
{
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++)
		p->lanes[i].arrival_count = 0;
	for (size_t i = 0; i < batch->message_count; i++) {
		const struct message *message = &batch->messages[i];
		struct assignment_input *input;
		const struct assignment_shard *shard =
			assignment_of(p->assignment, message->topic, message->partition, &input);

		if (shard == NULL)
			continue;
		struct pipeline_lane *lane = &p->lanes[shard->index];

		X_GROW(lane->arrivals, lane->arrival_count, lane->arrival_capacity);
		lane->arrivals[lane->arrival_count++] = (struct pipeline_arrival){ message, input };
	}
}

static void take_step(void *ctx, uint32_t worker, uint32_t shard)
{
	const struct pipeline *p = ctx;

	pipeline_lane_take(p, &p->workers[worker], shard);
}

static int take_messages(struct pipeline *p, const struct source_batch *batch)
{
	int code = 0;

	share_out(p, batch);
	each_shard(p, take_step, batch->message_count >= MESSAGES_WORTH_SHARING);
	for (uint32_t i = 0; code == 0 && i < assignment_count(p->assignment); i++)
		code = settle(p, assignment_at(p->assignment, i));
	return code < 0 ? err_pass(code) : 0;
}

static int retry_backlog(
	struct pipeline *p, struct assignment_shard *shard, struct assignment_input *input)
{
	const struct message *message;

	while ((message = backlog_first(&input->backlog)) != NULL) {
		bool is_unknown =
			pipeline_lane_decode(p, &p->workers[0], shard, input, message) == 1;
		int code = settle(p, shard);

		if (code < 0)
			return err_pass(code);
		if (!assignment_is_running(shard))
			return 0; /* stopped: its memory is gone, the backlog too */
		if (is_unknown) {
			pipeline_lane_defer(p, shard, input);
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

static void advance_step(void *ctx, uint32_t worker, uint32_t shard)
{
	(void)worker;
	pipeline_lane_advance(ctx, shard);
}

static void advance(struct pipeline *p, const struct source_batch *batch)
{
	each_shard(p, advance_step,
		batch->message_count >= MESSAGES_WORTH_SHARING || has_more_to_do(p));
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++)
		if (assignment_is_running(assignment_at(p->assignment, i)))
			assignment_hold(p->assignment, assignment_at(p->assignment, i));
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

static void cut_step(void *ctx, uint32_t worker, uint32_t shard)
{
	const struct pipeline *p = ctx;

	(void)worker;
	if (p->lanes[shard].is_cut_due)
		assignment_cut(p->assignment, assignment_at(p->assignment, shard));
}

/* Shards that came together are due together, and each copies all that has changed: side by side it holds the turn up less. */
static void save(struct pipeline *p)
{
	bool is_down = false;
	uint32_t due_count = 0;

	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		struct assignment_shard *shard = assignment_at(p->assignment, i);

		p->lanes[i].is_cut_due =
			assignment_is_running(shard) &&
			assignment_save(p->assignment, shard, p->wall_ms, p->monotone_ms);
		due_count += p->lanes[i].is_cut_due;
	}
	each_shard(p, cut_step, due_count > 1);
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		struct assignment_shard *shard = assignment_at(p->assignment, i);

		if (p->lanes[i].is_cut_due)
			assignment_submit(shard);
		if (shard->checkpoint != NULL)
			is_down |= checkpoint_status(shard->checkpoint).storage_down;
	}
	if (is_down && p->storage_down_ms == PIPELINE_NEVER)
		p->storage_down_ms = p->monotone_ms;
	else if (!is_down)
		p->storage_down_ms = PIPELINE_NEVER;
}

/* ---- other definitions ---------------------------------------------------------------------------------- */

void pipeline_redefine(struct pipeline *p, const struct plan *plan)
{
	assert(p->next_plan == NULL);
	p->next_plan = plan;
}

const struct plan *pipeline_plan(const struct pipeline *p)
{
	return p->settings.shard.plan;
}

static void redefine_step(void *ctx, uint32_t worker, uint32_t shard)
{
	const struct pipeline *p = ctx;

	(void)worker;
	assignment_redefine(assignment_at(p->assignment, shard), p->next_plan);
}

static void redefine(struct pipeline *p)
{
	int64_t begun_ms = wall_monotone_ms(p->seams.wall);

	if (p->next_plan == NULL || !assignment_can_redefine(p->assignment))
		return;
	each_shard(p, redefine_step, true);
	assignment_redefined(p->assignment, p->next_plan, p->monotone_ms);
	p->settings.shard.plan = p->next_plan;
	p->settings.checkpoint.fingerprint = p->next_plan->fingerprint;
	p->next_plan = NULL;
	log_info("event=redefined fingerprint=%016llx took_ms=%lld",
		(unsigned long long)p->settings.shard.plan->fingerprint,
		(long long)(wall_monotone_ms(p->seams.wall) - begun_ms));
}

/* ---- the turn ------------------------------------------------------------------------------------------- */

int pipeline_turn(struct pipeline *p, int wait_ms)
{
	struct source_batch batch;

	begin_turn(p);
	int code = poll_source(p, wait_ms, &batch);
	if (code == 0)
		code = take_messages(p, &batch);
	if (code == 0)
		code = retry_backlogs(p);
	if (code == 0)
		code = assignment_turn(p->assignment, p->wall_ms, p->monotone_ms);
	if (code < 0)
		return err_pass(code);
	advance(p, &batch);
	code = publish(p);
	save(p);
	redefine(p);
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
