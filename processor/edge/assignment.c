#include "edge/assignment.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"

enum { COMMITTED_RETRY_MS = 1000, METADATA_BYTES = 128 };

struct assignment {
	struct assignment_settings settings;
	struct assignment_shard *shards; /* [shard_count] */
	uint32_t shard_count;
	int32_t partitions;   /* of every topic, within a shard */
	struct counters past; /* of shards that are gone */
	uint64_t rebalances;
	int64_t wall_ms, monotone_ms; /* of the event or turn under way */
	int64_t suspected_ms;	      /* monotone: when wall was suspected last; INT64_MIN: never */
	int64_t skew_ms;	      /* wall minus the storage's clock, as it was told last … */
	int64_t skew_offset_ms;	      /* … and wall minus monotone then */
	bool knows_skew;
	bool is_ending, is_in_doubt;
};

/* ---- the lifecycle -------------------------------------------------------------------------------------- */

enum happening {
	ON_ASSIGNED,
	ON_REVOKED,
	ON_LOST,
	ON_ENDING,    /* the program ends */
	ON_RESTORED,  /* or nothing was stored */
	ON_STARTED,   /* the source reads */
	ON_CAUGHT_UP, /* S18 */
	ON_SAVED,     /* the last checkpoint is in, or was given up */
	ON_KEPT,      /* S24: nobody else had it meanwhile */
	ON_CHANGED,   /* S24: somebody had */
	ON_FENCED,    /* a newer epoch */
	ON_REFUSED,   /* assignment_stop */
	ON_EXPIRED,   /* kept, or fenced, for long enough */
};

static const char *const event_names[] = {
	"assigned",
	"revoked",
	"lost",
	"ending",
	"restored",
	"started",
	"caught_up",
	"saved",
	"kept",
	"changed",
	"fenced",
	"refused",
	"expired",
};

static const char *const state_names[ASSIGNMENT_STATE_COUNT] = {
	"none",
	"restoring",
	"starting",
	"catching_up",
	"serving",
	"revoking",
	"parked",
	"confirming",
	"fenced",
	"stopped",
};

typedef void (*effect_fn)(struct assignment *, struct assignment_shard *);

static void nothing(struct assignment *, struct assignment_shard *);
static void make(struct assignment *, struct assignment_shard *);
static void make_again(struct assignment *, struct assignment_shard *);
static void drop(struct assignment *, struct assignment_shard *);
static void release(struct assignment *, struct assignment_shard *);
static void begin_last_save(struct assignment *, struct assignment_shard *);
static void stop_reading(struct assignment *, struct assignment_shard *);

static const struct transition {
	enum assignment_state from;
	enum happening event;
	enum assignment_state to;
	effect_fn effect;
} transitions[] = {
	{ ASSIGNMENT_NONE, ON_ASSIGNED, ASSIGNMENT_RESTORING, make },
	{ ASSIGNMENT_NONE, ON_REVOKED, ASSIGNMENT_NONE, release },
	{ ASSIGNMENT_NONE, ON_LOST, ASSIGNMENT_NONE, release },
	{ ASSIGNMENT_NONE, ON_ENDING, ASSIGNMENT_NONE, nothing },
	{ ASSIGNMENT_RESTORING, ON_RESTORED, ASSIGNMENT_STARTING, nothing },
	{ ASSIGNMENT_RESTORING, ON_REFUSED, ASSIGNMENT_STOPPED, stop_reading },
	{ ASSIGNMENT_RESTORING, ON_REVOKED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_RESTORING, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_RESTORING, ON_ENDING, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STARTING, ON_STARTED, ASSIGNMENT_CATCHING_UP, nothing },
	{ ASSIGNMENT_STARTING, ON_REFUSED, ASSIGNMENT_STOPPED, stop_reading },
	{ ASSIGNMENT_STARTING, ON_REVOKED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STARTING, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STARTING, ON_ENDING, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_CATCHING_UP, ON_CAUGHT_UP, ASSIGNMENT_SERVING, nothing },
	{ ASSIGNMENT_CATCHING_UP, ON_REVOKED, ASSIGNMENT_REVOKING, begin_last_save },
	{ ASSIGNMENT_CATCHING_UP, ON_ENDING, ASSIGNMENT_REVOKING, begin_last_save },
	{ ASSIGNMENT_CATCHING_UP, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_CATCHING_UP, ON_FENCED, ASSIGNMENT_FENCED, stop_reading },
	{ ASSIGNMENT_CATCHING_UP, ON_REFUSED, ASSIGNMENT_STOPPED, stop_reading },
	{ ASSIGNMENT_SERVING, ON_REVOKED, ASSIGNMENT_REVOKING, begin_last_save },
	{ ASSIGNMENT_SERVING, ON_ENDING, ASSIGNMENT_REVOKING, begin_last_save },
	{ ASSIGNMENT_SERVING, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_SERVING, ON_FENCED, ASSIGNMENT_FENCED, stop_reading },
	{ ASSIGNMENT_SERVING, ON_REFUSED, ASSIGNMENT_STOPPED, stop_reading },
	{ ASSIGNMENT_REVOKING, ON_SAVED, ASSIGNMENT_PARKED, release },
	{ ASSIGNMENT_REVOKING, ON_FENCED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_REVOKING, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_REVOKING, ON_REVOKED, ASSIGNMENT_REVOKING, nothing },
	{ ASSIGNMENT_REVOKING, ON_ENDING, ASSIGNMENT_REVOKING, nothing },
	{ ASSIGNMENT_PARKED, ON_ASSIGNED, ASSIGNMENT_CONFIRMING, nothing },
	{ ASSIGNMENT_PARKED, ON_REVOKED, ASSIGNMENT_PARKED, release },
	{ ASSIGNMENT_PARKED, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_PARKED, ON_EXPIRED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_PARKED, ON_ENDING, ASSIGNMENT_PARKED, nothing },
	{ ASSIGNMENT_CONFIRMING, ON_KEPT, ASSIGNMENT_STARTING, nothing },
	{ ASSIGNMENT_CONFIRMING, ON_CHANGED, ASSIGNMENT_RESTORING, make_again },
	{ ASSIGNMENT_CONFIRMING, ON_REFUSED, ASSIGNMENT_STOPPED, stop_reading },
	{ ASSIGNMENT_CONFIRMING, ON_REVOKED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_CONFIRMING, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_CONFIRMING, ON_ENDING, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_FENCED, ON_EXPIRED, ASSIGNMENT_RESTORING, make },
	{ ASSIGNMENT_FENCED, ON_REVOKED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_FENCED, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_FENCED, ON_ENDING, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STOPPED, ON_REVOKED, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STOPPED, ON_LOST, ASSIGNMENT_NONE, drop },
	{ ASSIGNMENT_STOPPED, ON_ENDING, ASSIGNMENT_STOPPED, nothing },
};

static void happen(
	struct assignment *assignment, struct assignment_shard *shard, enum happening event)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		const struct transition *row = &transitions[i];

		if (row->from != shard->state || row->event != event)
			continue;
		if (row->to != row->from) {
			log_info("event=shard shard=%d from=%s to=%s because=%s", (int)shard->index,
				state_names[row->from], state_names[row->to], event_names[event]);
			shard->since_ms = assignment->monotone_ms;
		}
		shard->state = row->to;
		row->effect(assignment, shard);
		return;
	}
	assignment->past.unexpected++;
	log_warn("event=shard_unexpected shard=%d state=%s because=%s", (int)shard->index,
		state_names[shard->state], event_names[event]);
}

/* ---- effects -------------------------------------------------------------------------------------------- */

static void nothing(struct assignment *assignment, struct assignment_shard *shard)
{
	(void)assignment;
	(void)shard;
}

/* What is counted since the start: of one shard, added. */
static void add_totals(const struct assignment_shard *shard, struct counters *to)
{
	const struct shard_counters c = shard_counters(shard->shard);
	const struct checkpoint_status status = checkpoint_status(shard->checkpoint);

	to->dropped_facts += c.dropped_flow;
	to->lost_facts += c.facts_lost.null_value + c.facts_lost.overflow +
			  c.facts_lost.currency_mismatch + c.facts_lost.negative_duration +
			  c.facts_lost.split_overflow;
	to->unconverted_facts += c.facts_lost.fx_missing;
	to->ahead += shard->clock.ahead_count;
	to->folded_versions += c.store.versions_folded;
	to->evicted += c.store.evicted;
	to->groups_refused += c.groups_refused;
	to->checkpoints += status.written_count;
	to->checkpoints_failed += status.failed_count;
	to->checkpoints_skipped += status.skipped_count;
	to->checkpoint_bytes += status.bytes_written;
}

/* The memory goes; what was told to the source stays as it is. */
static void discard(struct assignment *assignment, struct assignment_shard *shard)
{
	if (shard->shard != NULL) {
		add_totals(shard, &assignment->past);
		clock_deinit(&shard->clock);
	}
	/* The checkpoint first: a job under way is waited for. */
	checkpoint_free(shard->checkpoint);
	shard->checkpoint = NULL;
	shard_free(shard->shard);
	shard->shard = NULL;
	for (uint32_t i = 0; i < shard->input_count; i++)
		backlog_deinit(&shard->inputs[i].backlog);
}

static void make(struct assignment *assignment, struct assignment_shard *shard)
{
	const struct assignment_settings *settings = &assignment->settings;

	assert(shard->shard == NULL && shard->checkpoint == NULL);
	shard->shard = shard_new(&settings->shard);
	shard->checkpoint = checkpoint_new(settings->writer, &settings->checkpoint, shard->index);
	clock_init(&shard->clock, &settings->clock, shard->input_count);
	shard->made_ms = assignment->monotone_ms;
	shard->tenants_checked = 0;
	shard->advance_to_ms = CLOCK_NONE;
	shard->is_first_start = false;
	shard->was_partial = false;
	shard->time_count = 0;
	shard->text[0] = '\0';
	for (uint32_t i = 0; i < shard->input_count; i++)
		shard->inputs[i].position.offset = SOURCE_BEGINNING;
}

static void make_again(struct assignment *assignment, struct assignment_shard *shard)
{
	discard(assignment, shard);
	make(assignment, shard);
}

static void release(struct assignment *assignment, struct assignment_shard *shard)
{
	for (uint32_t i = 0; shard->shard != NULL && i < shard->input_count; i++)
		clock_revoke(&shard->clock, i);
	if (!shard->is_leaving)
		return;
	shard->is_leaving = false;
	assignment->settings.source->ops->released(assignment->settings.source, shard->index);
}

static void drop(struct assignment *assignment, struct assignment_shard *shard)
{
	discard(assignment, shard);
	shard->text[0] = '\0';
	release(assignment, shard);
}

static void begin_last_save(struct assignment *assignment, struct assignment_shard *shard)
{
	(void)assignment;
	shard->has_last_cut = false;
	shard->saved_count = checkpoint_status(shard->checkpoint).written_count;
	/* What waits for a schema was not applied: whoever comes next reads it again. */
	for (uint32_t i = 0; i < shard->input_count; i++)
		backlog_deinit(&shard->inputs[i].backlog);
}

static void stop_reading(struct assignment *assignment, struct assignment_shard *shard)
{
	struct source *source = assignment->settings.source;

	discard(assignment, shard);
	for (uint32_t i = 0; i < shard->input_count; i++) {
		const struct source_position *at = &shard->inputs[i].position;

		shard->inputs[i].is_held = true;
		source->ops->hold(source, at->topic, at->partition, true);
	}
}

/* ---- life ----------------------------------------------------------------------------------------------- */

struct assignment *assignment_new(const struct assignment_settings *settings)
{
	struct assignment *assignment = x_calloc(1, sizeof(*assignment));
	uint16_t topics = settings->source->topic_count;

	assignment->settings = *settings;
	assignment->suspected_ms = INT64_MIN;
	assignment->shard_count = (uint32_t)settings->source->shard_count;
	assignment->partitions = settings->is_single ? settings->partition_count : 1;
	assignment->shards = x_calloc(assignment->shard_count, sizeof(*assignment->shards));
	for (uint32_t s = 0; s < assignment->shard_count; s++) {
		struct assignment_shard *shard = &assignment->shards[s];

		shard->index = (int32_t)s;
		shard->input_count = (uint32_t)topics * (uint32_t)assignment->partitions;
		shard->inputs = x_calloc(shard->input_count, sizeof(*shard->inputs));
		for (uint32_t i = 0; i < shard->input_count; i++) {
			int32_t number = (int32_t)(i % (uint32_t)assignment->partitions);

			shard->inputs[i].position = (struct source_position){
				.topic = (uint16_t)(i / (uint32_t)assignment->partitions),
				.partition = settings->is_single ? number : (int32_t)s,
				.offset = SOURCE_BEGINNING,
			};
		}
	}
	return assignment;
}

void assignment_free(struct assignment *assignment)
{
	if (assignment == NULL)
		return;
	for (uint32_t i = 0; i < assignment->shard_count; i++) {
		discard(assignment, &assignment->shards[i]);
		free(assignment->shards[i].inputs);
	}
	free(assignment->shards);
	free(assignment);
}

uint32_t assignment_count(const struct assignment *assignment)
{
	return assignment->shard_count;
}

struct assignment_shard *assignment_at(const struct assignment *assignment, uint32_t index)
{
	assert(index < assignment->shard_count);
	return &assignment->shards[index];
}

bool assignment_is_running(const struct assignment_shard *shard)
{
	return shard->state == ASSIGNMENT_CATCHING_UP || shard->state == ASSIGNMENT_SERVING;
}

struct assignment_shard *assignment_of(const struct assignment *assignment, uint16_t topic,
	int32_t partition, struct assignment_input **ret_input)
{
	bool is_single = assignment->settings.is_single;
	uint32_t index = is_single ? 0 : (uint32_t)partition;

	if (index >= assignment->shard_count || partition < 0 ||
		(is_single && partition >= assignment->partitions) ||
		topic >= assignment->settings.source->topic_count ||
		!assignment_is_running(&assignment->shards[index]))
		return NULL;
	*ret_input = &assignment->shards[index]
			      .inputs[(uint32_t)topic * (uint32_t)assignment->partitions +
				      (is_single ? (uint32_t)partition : 0)];
	return &assignment->shards[index];
}

uint32_t assignment_place(
	const struct assignment_shard *shard, const struct assignment_input *input)
{
	return (uint32_t)(input - shard->inputs);
}

const char *assignment_state_name(enum assignment_state state)
{
	return state_names[state];
}

static void stop(struct assignment *assignment, struct assignment_shard *shard)
{
	log_error("event=shard_stopped shard=%d detail=\"%s\"", (int)shard->index, shard->text);
	happen(assignment, shard, ON_REFUSED);
}

void assignment_stop(struct assignment *assignment, struct assignment_shard *shard,
	int64_t monotone_ms, const char *format, ...)
{
	va_list arguments;

	assignment->monotone_ms = monotone_ms;
	va_start(arguments, format);
	vsnprintf(shard->text, sizeof(shard->text), format, arguments);
	va_end(arguments);
	stop(assignment, shard);
}

/* ---- what the source says ------------------------------------------------------------------------------- */

void assignment_at_end(struct assignment_shard *shard, struct assignment_input *input)
{
	input->was_at_end = true;
	clock_at_end(&shard->clock, assignment_place(shard, input));
}

bool assignment_has_read_all(const struct assignment_shard *shard)
{
	for (uint32_t i = 0; i < shard->input_count; i++)
		if (!shard->inputs[i].was_at_end)
			return false;
	return !shard->clock.is_skewed;
}

static void take_partition(
	struct assignment *assignment, const struct source_event *event, int64_t wall_ms)
{
	struct assignment_input *input;
	struct assignment_shard *shard =
		assignment_of(assignment, event->topic, event->partition, &input);

	if (shard == NULL)
		return;
	if (event->kind == SOURCE_AT_END) {
		input->is_at_end = true;
		if (backlog_is_empty(&input->backlog))
			assignment_at_end(shard, input);
	} else if (event->kind == SOURCE_UNREADABLE) {
		clock_unreadable(&shard->clock, assignment_place(shard, input), wall_ms);
	} else if (event->kind == SOURCE_OUT_OF_RANGE) {
		snprintf(shard->text, sizeof(shard->text),
			"%s partition %d: offset %lld is not there any more; events between the "
			"checkpoint and the "
			"oldest retained one are lost. Remove the job's checkpoints and start with "
			"--rebuild to count "
			"what is retained, or bring the events back",
			assignment->settings.source->topics[event->topic], (int)event->partition,
			(long long)input->position.offset);
		stop(assignment, shard);
	}
}

void assignment_take(struct assignment *assignment, const struct source_event *event,
	int64_t wall_ms, int64_t monotone_ms)
{
	assignment->wall_ms = wall_ms;
	assignment->monotone_ms = monotone_ms;
	if (event->kind == SOURCE_AT_END || event->kind == SOURCE_UNREADABLE ||
		event->kind == SOURCE_OUT_OF_RANGE) {
		take_partition(assignment, event, wall_ms);
		return;
	}
	if (event->shard < 0 || (uint32_t)event->shard >= assignment->shard_count)
		return;
	struct assignment_shard *shard = &assignment->shards[event->shard];

	assignment->rebalances++;
	if (event->kind == SOURCE_ASSIGNED) {
		if (!assignment->is_ending)
			happen(assignment, shard, ON_ASSIGNED);
		return;
	}
	shard->is_leaving = true;
	happen(assignment, shard, event->kind == SOURCE_LOST ? ON_LOST : ON_REVOKED);
}

/* ---- restore and start ---------------------------------------------------------------------------------- */

static struct resume_inputs inputs_of(const struct assignment *assignment)
{
	const struct source *source = assignment->settings.source;

	return (struct resume_inputs){ source->topics, source->topic_count,
		assignment->partitions };
}

static struct source_position *positions_of(const struct assignment_shard *shard)
{
	struct source_position *positions = x_calloc(shard->input_count, sizeof(*positions));

	for (uint32_t i = 0; i < shard->input_count; i++)
		positions[i] = shard->inputs[i].position;
	return positions;
}

/* The positions and the clock that lie beside the restored state. */
static int take_restored(struct assignment *assignment, struct assignment_shard *shard,
	const struct checkpoint_restored *restored)
{
	const struct resume_inputs inputs = inputs_of(assignment);
	_cleanup_free_ struct source_position *positions = positions_of(shard);

	if (resume_restore(&inputs, restored->extra, restored->positions, restored->position_count,
		    positions, &shard->clock) != 0)
		return err_raise(-EBADMSG,
			"shard %d: the checkpoint's positions cannot be true; remove it and start "
			"with "
			"--rebuild",
			(int)shard->index);
	for (uint32_t i = 0; i < shard->input_count; i++)
		shard->inputs[i].position.offset = positions[i].offset;
	log_info("event=restored shard=%d epoch=%llu checkpoint=%llu entities=%llu",
		(int)shard->index, (unsigned long long)checkpoint_epoch(shard->checkpoint),
		(unsigned long long)checkpoint_status(shard->checkpoint).manifest_id,
		(unsigned long long)shard_counters(shard->shard).entities);
	if (restored->rebuilt)
		log_info("event=definitions_changed shard=%d detail=\"all totals were made anew "
			 "from the "
			 "entities\"",
			(int)shard->index);
	if (restored->calendars_changed)
		log_info("event=calendars_changed shard=%d detail=\"from a date ahead on: all "
			 "totals "
			 "were kept\"",
			(int)shard->index);
	return 0;
}

static int restore(struct assignment *assignment, struct assignment_shard *shard)
{
	struct checkpoint_restored restored;
	int answer = checkpoint_restore(
		shard->checkpoint, shard->shard, (int32_t)assignment->shard_count, &restored);

	if (answer == CHECKPOINT_PENDING)
		return 0;
	if (answer == CHECKPOINT_MISMATCH)
		return err_raise(-EINVAL, "%s", restored.text);
	if (answer < 0)
		return err_pass(answer);
	shard->is_first_start = answer == CHECKPOINT_EMPTY;
	if (answer == CHECKPOINT_RESTORED && take_restored(assignment, shard, &restored) != 0)
		return err_pass(-EBADMSG);
	happen(assignment, shard, ON_RESTORED);
	return 0;
}

/*
 * Nothing is stored: either this is the first start ever, or the storage was lost. Committed offsets tell which; starting
 * at zero beside them would publish numbers that are silently wrong. 0: begin at the beginning; 1: ask again later.
 */
static int choose_first_start(struct assignment *assignment, struct assignment_shard *shard)
{
	struct source *source = assignment->settings.source;
	_cleanup_free_ struct source_position *positions = positions_of(shard);
	char metadata[METADATA_BYTES] = "";

	if (assignment->settings.rebuild) {
		/* Where all that was known is lost, it was published nevertheless. */
		snapshots_doubt(shard_snapshots(shard->shard));
		return 0;
	}
	if (assignment->monotone_ms < shard->retry_ms)
		return 1;
	int answer = source->ops->committed(
		source, shard->index, positions, shard->input_count, metadata, sizeof(metadata));
	if (answer == 1)
		return 0;
	if (answer == -EAGAIN) {
		shard->retry_ms = assignment->monotone_ms + COMMITTED_RETRY_MS;
		snprintf(shard->text, sizeof(shard->text), "%s", err_message());
		return 1;
	}
	if (answer < 0)
		return err_pass(answer);
	return err_raise(-ENODATA,
		"shard %d has no checkpoint, but the group has committed offsets (%s): the state "
		"is lost, or this "
		"is another Redis or job name. Bring the state back, or start with --rebuild to "
		"count the events "
		"that are retained",
		(int)shard->index, metadata);
}

static int start(struct assignment *assignment, struct assignment_shard *shard)
{
	struct source *source = assignment->settings.source;

	if (shard->is_first_start) {
		int answer = choose_first_start(assignment, shard);

		if (answer != 0)
			return answer < 0 ? err_pass(answer) : 0;
		shard->is_first_start = false;
	}
	_cleanup_free_ struct source_position *positions = positions_of(shard);
	for (uint32_t i = 0; i < shard->input_count; i++) {
		clock_assign(&shard->clock, i);
		shard->inputs[i].is_held = false;
		shard->inputs[i].is_at_end = shard->inputs[i].was_at_end = false;
	}
	shard->text[0] = '\0';
	int code = source->ops->start(source, shard->index, positions, shard->input_count);
	if (code != 0)
		return err_pass(code);
	happen(assignment, shard, ON_STARTED);
	return 0;
}

static int confirm(struct assignment *assignment, struct assignment_shard *shard)
{
	const struct source_position *positions;
	size_t count;

	/* A step of the last checkpoint that outlasted the revocation. */
	checkpoint_turn(shard->checkpoint, publisher_settled(assignment->settings.publisher),
		assignment->monotone_ms, &positions, &count);
	int answer = checkpoint_confirm(
		shard->checkpoint, shard->shard, (int32_t)assignment->shard_count);
	if (answer < 0)
		return err_pass(answer);
	if (answer != CHECKPOINT_PENDING)
		happen(assignment, shard, answer == CHECKPOINT_KEPT ? ON_KEPT : ON_CHANGED);
	return 0;
}

/* ---- checkpoints ---------------------------------------------------------------------------------------- */

void assignment_cut(const struct assignment *assignment, struct assignment_shard *shard)
{
	const struct resume_inputs inputs = inputs_of(assignment);
	_cleanup_free_ struct source_position *positions = positions_of(shard);
	_cleanup_buffer_ struct buffer extra = { 0 };

	resume_save(&inputs, &shard->clock, &extra);
	const struct checkpoint_cut made = {
		.positions = positions,
		.position_count = shard->input_count,
		.extra = buffer_slice(&extra),
		.sink_sequence = publisher_sequence(assignment->settings.publisher),
	};
	checkpoint_begin(shard->checkpoint, shard->shard, &made, assignment->monotone_ms);
	shard->has_last_cut = shard->state == ASSIGNMENT_REVOKING;
}

void assignment_submit(struct assignment_shard *shard)
{
	checkpoint_submit(shard->checkpoint);
}

/* S8: the storage's clock beside ours, each time that it told it. */
static void compare_clocks(struct assignment *assignment, struct assignment_shard *shard)
{
	int64_t max_skew_ms = shard->clock.settings.max_skew_ms;
	const struct checkpoint_status status = checkpoint_status(shard->checkpoint);

	if (status.time_count == shard->time_count)
		return;
	shard->time_count = status.time_count;
	/* Asked before wall jumped, and noticed after: it says nothing of now. */
	if (status.asked_ms < assignment->suspected_ms)
		return;
	if (assignment->wall_ms - status.wall_ms > max_skew_ms ||
		status.wall_ms - assignment->wall_ms > max_skew_ms)
		return;
	bool was_skewed = shard->clock.is_skewed;
	clock_compare(&shard->clock, status.wall_ms, status.storage_ms);
	assignment->skew_ms = status.wall_ms - status.storage_ms;
	assignment->skew_offset_ms = status.wall_ms - status.asked_ms;
	assignment->knows_skew = true;
	if (shard->clock.is_skewed && !was_skewed)
		log_error("event=clock_skewed shard=%d wall_minus_redis_ms=%lld detail=\"the clock "
			  "is held until they agree\"",
			(int)shard->index, (long long)(status.wall_ms - status.storage_ms));
}

int64_t assignment_skew(const struct assignment *assignment, int64_t wall_offset_ms)
{
	return assignment->knows_skew
		       ? assignment->skew_ms + wall_offset_ms - assignment->skew_offset_ms
		       : 0;
}

void assignment_suspect_wall(struct assignment *assignment, int64_t monotone_ms)
{
	assignment->suspected_ms = monotone_ms;
	for (uint32_t i = 0; i < assignment->shard_count; i++)
		if (assignment->shards[i].shard != NULL)
			assignment->shards[i].clock.is_skewed = true;
}

bool assignment_save(struct assignment *assignment, struct assignment_shard *shard, int64_t wall_ms,
	int64_t monotone_ms)
{
	struct source *source = assignment->settings.source;
	struct publisher *publisher = assignment->settings.publisher;
	bool is_last = shard->state == ASSIGNMENT_REVOKING;
	const struct source_position *positions;
	size_t count;

	assignment->wall_ms = wall_ms;
	assignment->monotone_ms = monotone_ms;
	/*
	 * S21: swapped in when all that was produced before the cut is settled; offsets follow. With `exactly_once` (S23) this is
	 * where the outputs since the last cut, the offsets and the checkpoint's id would go into one transaction instead.
	 */
	if (checkpoint_turn(shard->checkpoint, publisher_settled(publisher), monotone_ms,
		    &positions, &count) == 1) {
		char metadata[METADATA_BYTES];

		checkpoint_metadata(shard->checkpoint, metadata, sizeof(metadata));
		source->ops->commit(source, shard->index, positions, count, metadata);
	}
	compare_clocks(assignment, shard);
	if (checkpoint_is_fenced(shard->checkpoint)) {
		snprintf(shard->text, sizeof(shard->text), "a newer owner has this shard");
		happen(assignment, shard, ON_FENCED);
		return false;
	}
	/* What was read while wall was wrong is not to be kept (S8). */
	if (shard->clock.is_skewed) {
		checkpoint_ask_time(shard->checkpoint, monotone_ms);
		return false;
	}
	/* Letters that wait were produced before this cut and have no sequence number yet; half an advance is no state. */
	if (publisher_is_blocked(publisher) || shard->advance_to_ms != CLOCK_NONE)
		return false;
	if (is_last && shard->has_last_cut)
		return false;
	return checkpoint_is_due(shard->checkpoint, monotone_ms, is_last);
}

/* S24: the last checkpoint first, but not for ever. */
static void finish_revocation(struct assignment *assignment, struct assignment_shard *shard)
{
	int64_t monotone_ms = assignment->monotone_ms;
	bool was_cut = shard->has_last_cut;

	if ((!was_cut || checkpoint_is_busy(shard->checkpoint)) &&
		assignment_save(assignment, shard, assignment->wall_ms, monotone_ms)) {
		assignment_cut(assignment, shard);
		assignment_submit(shard);
	}
	if (shard->state != ASSIGNMENT_REVOKING)
		return;
	const struct checkpoint_status status = checkpoint_status(shard->checkpoint);
	bool is_late = monotone_ms - shard->since_ms >= assignment->settings.revoke_ms;
	bool is_over = shard->has_last_cut && !checkpoint_is_busy(shard->checkpoint);

	if (is_over && status.written_count > shard->saved_count) {
		happen(assignment, shard, ON_SAVED);
	} else if (is_late || (is_over && status.storage_down)) {
		log_warn("event=last_checkpoint_missed shard=%d detail=\"the next owner replays "
			 "since the one before\"",
			(int)shard->index);
		happen(assignment, shard, ON_SAVED);
	} else if (is_over) {
		shard->has_last_cut = false; /* it failed (a whole one is wanted): once more */
	}
}

/* ---- the turn ------------------------------------------------------------------------------------------- */

static int turn_shard(
	struct assignment *assignment, struct assignment_shard *shard, int64_t wall_ms)
{
	int64_t passed_ms = assignment->monotone_ms - shard->since_ms;

	switch (shard->state) {
	case ASSIGNMENT_RESTORING:
		return restore(assignment, shard);
	case ASSIGNMENT_CONFIRMING:
		return confirm(assignment, shard);
	case ASSIGNMENT_STARTING:
		compare_clocks(assignment, shard);
		return start(assignment, shard);
	case ASSIGNMENT_CATCHING_UP:
		if (clock_is_caught_up(&shard->clock, wall_ms) &&
			shard->advance_to_ms == CLOCK_NONE)
			happen(assignment, shard, ON_CAUGHT_UP);
		return 0;
	case ASSIGNMENT_REVOKING:
		finish_revocation(assignment, shard);
		return 0;
	case ASSIGNMENT_PARKED:
		if (passed_ms >= assignment->settings.park_ms && !assignment->is_ending)
			happen(assignment, shard, ON_EXPIRED);
		return 0;
	case ASSIGNMENT_FENCED:
		/* Only a group that still counts us as the owner can end the contest; else the other one is right. */
		if (passed_ms >= assignment->settings.fenced_ms &&
			assignment->settings.source->ops->confirmed(assignment->settings.source))
			happen(assignment, shard, ON_EXPIRED);
		return 0;
	case ASSIGNMENT_NONE:
	case ASSIGNMENT_SERVING:
	case ASSIGNMENT_STOPPED:
	case ASSIGNMENT_STATE_COUNT:
		return 0;
	}
	return 0;
}

void assignment_set_doubt(struct assignment *assignment, bool is_in_doubt)
{
	assignment->is_in_doubt = is_in_doubt;
}

/* A shard that was given before the doubt may be another's by now: taking an epoch would fence its owner. */
static bool must_wait(const struct assignment *assignment, const struct assignment_shard *shard)
{
	return assignment->is_in_doubt &&
	       (shard->state == ASSIGNMENT_RESTORING || shard->state == ASSIGNMENT_CONFIRMING ||
		       shard->state == ASSIGNMENT_STARTING || shard->state == ASSIGNMENT_FENCED);
}

int assignment_turn(struct assignment *assignment, int64_t wall_ms, int64_t monotone_ms)
{
	assignment->wall_ms = wall_ms;
	assignment->monotone_ms = monotone_ms;
	for (uint32_t i = 0; i < assignment->shard_count; i++) {
		struct assignment_shard *shard = &assignment->shards[i];
		enum assignment_state before;

		/* As far as it gets without waiting: inline storage takes a shard from RESTORING to reading in one turn. */
		do {
			before = shard->state;
			int code = must_wait(assignment, shard)
					   ? 0
					   : turn_shard(assignment, shard, wall_ms);
			if (code < 0) {
				snprintf(shard->text, sizeof(shard->text), "%s", err_message());
				stop(assignment, shard);
				return err_pass(code);
			}
		} while (shard->state != before && !assignment_is_running(shard));
	}
	return 0;
}

void assignment_hold(struct assignment *assignment, struct assignment_shard *shard)
{
	struct source *source = assignment->settings.source;

	for (uint32_t i = 0; i < shard->input_count; i++) {
		struct assignment_input *input = &shard->inputs[i];
		bool held = !backlog_is_empty(&input->backlog) || clock_holds(&shard->clock, i);

		if (held == input->is_held)
			continue;
		input->is_held = held;
		source->ops->hold(source, input->position.topic, input->position.partition, held);
	}
}

void assignment_end(struct assignment *assignment, int64_t monotone_ms)
{
	if (assignment->is_ending)
		return;
	assignment->is_ending = true;
	assignment->monotone_ms = monotone_ms;
	for (uint32_t i = 0; i < assignment->shard_count; i++)
		happen(assignment, &assignment->shards[i], ON_ENDING);
}

bool assignment_is_ended(const struct assignment *assignment)
{
	for (uint32_t i = 0; i < assignment->shard_count; i++) {
		enum assignment_state state = assignment->shards[i].state;

		if (state != ASSIGNMENT_NONE && state != ASSIGNMENT_PARKED &&
			state != ASSIGNMENT_STOPPED)
			return false;
	}
	return assignment->is_ending;
}

/* ---- other definitions ---------------------------------------------------------------------------------- */

bool assignment_can_redefine(const struct assignment *assignment)
{
	for (uint32_t i = 0; i < assignment->shard_count; i++) {
		enum assignment_state state = assignment->shards[i].state;

		if (state == ASSIGNMENT_RESTORING || state == ASSIGNMENT_CONFIRMING ||
			state == ASSIGNMENT_REVOKING)
			return false;
	}
	return true;
}

void assignment_redefine(struct assignment_shard *shard, const struct plan *plan)
{
	if (shard->shard == NULL || shard->state == ASSIGNMENT_PARKED)
		return;
	shard->shard = shard_redefined(shard->shard, plan);
	checkpoint_redefine(shard->checkpoint, plan->fingerprint);
}

void assignment_redefined(
	struct assignment *assignment, const struct plan *plan, int64_t monotone_ms)
{
	assignment->monotone_ms = monotone_ms;
	assignment->settings.shard.plan = plan;
	assignment->settings.checkpoint.fingerprint = plan->fingerprint;
	for (uint32_t i = 0; i < assignment->shard_count; i++)
		if (assignment->shards[i].state == ASSIGNMENT_PARKED)
			happen(assignment, &assignment->shards[i], ON_EXPIRED);
	assignment->past.redefinitions++;
}

static void add_gauges(const struct assignment_shard *shard, int64_t wall_ms, int64_t monotone_ms,
	struct counters *to)
{
	const struct shard_counters c = shard_counters(shard->shard);
	int64_t saved_ms = checkpoint_status(shard->checkpoint).last_success_monotone_ms;
	int64_t clock_ms = shard_clock(shard->shard);
	uint64_t lag_ms =
		clock_ms == CLOCK_NONE || clock_ms > wall_ms ? 0 : (uint64_t)(wall_ms - clock_ms);
	/* Before the first one: since it began. */
	uint64_t age_ms = (uint64_t)(monotone_ms - (saved_ms != 0 ? saved_ms : shard->made_ms));

	to->entities += c.entities;
	to->groups += c.groups;
	to->cells += c.cells;
	to->pending += c.pending;
	to->ledger_entries += c.ledger_entries;
	to->state_bytes += c.bytes;
	to->shards += shard->state != ASSIGNMENT_PARKED;
	to->shards_serving += shard->state == ASSIGNMENT_SERVING;
	to->shards_settled += shard->state == ASSIGNMENT_SERVING && shard_is_idle(shard->shard);
	if (lag_ms > to->clock_lag_ms)
		to->clock_lag_ms = lag_ms;
	if (age_ms > to->checkpoint_age_ms)
		to->checkpoint_age_ms = age_ms;
}

void assignment_counters(const struct assignment *assignment, int64_t wall_ms, int64_t monotone_ms,
	struct counters *ret)
{
	*ret = assignment->past;
	ret->rebalances = assignment->rebalances;
	for (uint32_t i = 0; i < assignment->shard_count; i++) {
		if (assignment->shards[i].shard == NULL)
			continue;
		add_totals(&assignment->shards[i], ret);
		add_gauges(&assignment->shards[i], wall_ms, monotone_ms, ret);
	}
}
