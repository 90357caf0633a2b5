#include "edge/publisher.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/codec.h"

enum {
	FAILURES_PER_POLL = 256,
	HEADER_TEXTS = 13,
	TRUNCATED_BYTES = 64 * 1024,
	REVISION_EPOCH_SHIFT = 30, /* S17 */
};

struct letter {
	enum publisher_letter kind;
	int32_t shard;
	uint16_t topic;
	int32_t partition;
	int64_t offset, wall_ms;
	struct slice key, value; /* owned while it waits */
	char reason[EVENT_REASON_MAX];
};

struct shard_pace {
	int64_t tokens_milli; /* records that may go out now, in thousandths */
	int64_t filled_ms;    /* monotone: when they were counted last; INT64_MIN: never */
	int64_t heartbeat_ms; /* monotone: when the next one is due */
	uint64_t heartbeat_epoch;
	int64_t heartbeat_count; /* in this epoch */
};

struct publisher {
	struct publisher_settings settings;
	struct sink *sink;
	struct shard_pace *paces; /* [shard_count] */
	struct publisher_counters counters;
	bool is_closed;
	struct letter *waiting; /* from `first` on */
	size_t first, count, capacity;
	struct buffer key, value; /* of the record under construction */
};

struct publisher *publisher_new(const struct publisher_settings *settings, struct sink *sink)
{
	struct publisher *publisher = x_calloc(1, sizeof(*publisher));

	publisher->settings = *settings;
	publisher->sink = sink;
	publisher->paces = x_calloc((size_t)settings->shard_count, sizeof(*publisher->paces));
	for (int32_t i = 0; i < settings->shard_count; i++)
		publisher->paces[i] =
			(struct shard_pace){ .filled_ms = INT64_MIN, .heartbeat_ms = INT64_MIN };
	buffer_init(&publisher->key);
	buffer_init(&publisher->value);
	return publisher;
}

static void letter_deinit(struct letter *letter)
{
	free((void *)(uintptr_t)letter->key.at);
	free((void *)(uintptr_t)letter->value.at);
}

void publisher_free(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	for (size_t i = publisher->first; i < publisher->count; i++)
		letter_deinit(&publisher->waiting[i]);
	free(publisher->waiting);
	free(publisher->paces);
	buffer_deinit(&publisher->key);
	buffer_deinit(&publisher->value);
	free(publisher);
}

void publisher_set_open(struct publisher *publisher, bool open)
{
	publisher->is_closed = !open;
}

/* SINK_SENT, SINK_FULL or negative errno. */
static int send_record(struct publisher *publisher, const struct sink_record *record)
{
	uint64_t sequence;

	if (publisher->is_closed)
		return SINK_FULL;
	int answer = publisher->sink->ops->send(publisher->sink, record, &sequence);
	if (answer == SINK_SENT)
		publisher->counters.records++;
	else if (answer == SINK_FULL)
		publisher->counters.sink_full++;
	return answer < 0 ? err_pass(answer) : answer;
}

/* ---- letters -------------------------------------------------------------------------------------------- */

struct letter_headers {
	char topic[16], partition[16], offset[24], time[TIME_TEXT_MAX], bytes[24];
	const char *texts[HEADER_TEXTS];
};

static void make_headers(const struct publisher *publisher, const struct letter *letter,
	bool is_truncated, struct letter_headers *ret)
{
	size_t n = 0;

	snprintf(ret->topic, sizeof(ret->topic), "%u", letter->topic);
	snprintf(ret->partition, sizeof(ret->partition), "%d", (int)letter->partition);
	snprintf(ret->offset, sizeof(ret->offset), "%" PRId64, letter->offset);
	time_format(letter->wall_ms, ret->time);
	ret->texts[n++] = "reason";
	ret->texts[n++] = letter->reason;
	ret->texts[n++] = "topic";
	ret->texts[n++] = publisher->settings.topics != NULL
				  ? publisher->settings.topics[letter->topic]
				  : ret->topic;
	ret->texts[n++] = "partition";
	ret->texts[n++] = ret->partition;
	ret->texts[n++] = "offset";
	ret->texts[n++] = ret->offset;
	ret->texts[n++] = "error_time";
	ret->texts[n++] = ret->time;
	if (is_truncated) {
		snprintf(ret->bytes, sizeof(ret->bytes), "%zu", letter->value.len);
		ret->texts[n++] = "truncated_from_bytes";
		ret->texts[n++] = ret->bytes;
	}
	ret->texts[n] = NULL;
}

static int send_letter(struct publisher *publisher, const struct letter *letter)
{
	struct letter_headers headers;
	struct sink_record record = {
		.topic = letter->kind == PUBLISHER_DEAD ? SINK_DLQ : SINK_LATE,
		.shard = letter->shard,
		.key = letter->key,
		.value = letter->value,
		.partition_key = letter->key,
		.headers = headers.texts,
	};

	make_headers(publisher, letter, false, &headers);
	int answer = send_record(publisher, &record);
	if (answer == -EMSGSIZE && record.value.len > TRUNCATED_BYTES) {
		/* More than the producer may send at all: its beginning, and where the whole is, beat stopping for ever. */
		record.value.len = TRUNCATED_BYTES;
		make_headers(publisher, letter, true, &headers);
		answer = send_record(publisher, &record);
		publisher->counters.truncated += answer == SINK_SENT;
	}
	publisher->counters.letters += answer == SINK_SENT;
	return answer < 0 ? err_pass(answer) : answer;
}

static struct slice copy_of(struct slice slice)
{
	return slice.at == NULL ? slice
				: (struct slice){ x_strndup(slice.at, slice.len), slice.len };
}

int publisher_letter(struct publisher *publisher, enum publisher_letter kind, int32_t shard_index,
	const struct message *message, const char *reason, int64_t wall_ms)
{
	struct letter letter = {
		.kind = kind,
		.shard = shard_index,
		.topic = message->topic,
		.partition = message->partition,
		.offset = message->offset,
		.wall_ms = wall_ms,
		.key = message->key,
		.value = message->value,
	};
	int answer = SINK_FULL;

	snprintf(letter.reason, sizeof(letter.reason), "%s", reason);
	/* In order: behind those that wait. */
	if (!publisher_is_blocked(publisher))
		answer = send_letter(publisher, &letter);
	if (answer == SINK_FULL) {
		letter.key = copy_of(letter.key);
		letter.value = copy_of(letter.value);
		X_GROW(publisher->waiting, publisher->count, publisher->capacity);
		publisher->waiting[publisher->count++] = letter;
	}
	return answer < 0 ? err_pass(answer) : 0;
}

static int send_waiting(struct publisher *publisher)
{
	while (publisher->first < publisher->count) {
		struct letter *letter = &publisher->waiting[publisher->first];
		int answer = send_letter(publisher, letter);

		if (answer != SINK_SENT)
			return answer < 0 ? err_pass(answer) : 0;
		letter_deinit(letter);
		publisher->first++;
	}
	publisher->first = publisher->count = 0;
	return 0;
}

bool publisher_is_blocked(const struct publisher *publisher)
{
	return publisher->first < publisher->count;
}

/* ---- delivery reports ----------------------------------------------------------------------------------- */

int publisher_turn(
	struct publisher *publisher, struct shard *(*shard_of)(void *, int32_t), void *ctx)
{
	struct sink_failure failures[FAILURES_PER_POLL];
	size_t count;

	do {
		count = publisher->sink->ops->poll(publisher->sink, 0, failures, FAILURES_PER_POLL);
		for (size_t i = 0; i < count; i++) {
			int32_t from = failures[i].shard;

			publisher->counters.failures++;
			/* A shard of -1: more failed than the sink could keep, of whichever shard. */
			for (int32_t s = from < 0 ? 0 : from;
				s < (from < 0 ? publisher->settings.shard_count : from + 1); s++) {
				struct shard *shard = shard_of(ctx, s);

				if (shard != NULL && from >= 0)
					snapshots_forget_key(
						shard_snapshots(shard), failures[i].cookie);
				else if (shard != NULL)
					shard_forget_published(shard);
			}
		}
	} while (count == FAILURES_PER_POLL);
	int code = send_waiting(publisher);
	return code < 0 ? err_pass(code) : 0;
}

/* ---- snapshots ------------------------------------------------------------------------------------------ */

struct emission {
	struct publisher *publisher;
	const struct publisher_moment *moment;
	int32_t shard;
	int error;
};

static int send_snapshot(
	const struct emission *emission, enum snapshot_topic topic, const struct snapshot *snapshot)
{
	struct publisher *publisher = emission->publisher;

	buffer_reset(&publisher->key);
	buffer_reset(&publisher->value);
	codec_encode_snapshot_key(snapshot, &publisher->key);
	codec_encode_snapshot(snapshot, &publisher->value);
	const struct sink_record record = {
		.topic = topic == SNAPSHOT_HISTORY ? SINK_HISTORY : SINK_LATEST,
		.shard = emission->shard,
		.key = buffer_slice(&publisher->key),
		.value = buffer_slice(&publisher->value),
		.partition_key = snapshot->tenant_id,
		.cookie = snapshot_key_hash(snapshot),
	};
	int answer = send_record(publisher, &record);
	return answer < 0 ? err_pass(answer) : answer;
}

static bool emit(void *ctx, enum snapshot_topic topic, const struct snapshot *snapshot)
{
	struct emission *emission = ctx;
	struct snapshot record = *snapshot;

	if (topic == SNAPSHOT_LATEST && !emission->moment->is_serving)
		return false;
	/* While an input is given up nothing is final. */
	if (topic == SNAPSHOT_HISTORY && emission->moment->is_partial)
		return false;
	record.published_at_ms = emission->moment->wall_ms;
	if (emission->moment->is_partial && strcmp(record.state, "OK") == 0)
		record.state = "PARTIAL";
	int answer = send_snapshot(emission, topic, &record);
	if (answer < 0)
		emission->error = answer;
	return answer == SINK_SENT;
}

/* What the shard may send now: a bucket that fills with the budget and holds a second's worth. */
static uint32_t budget_of(struct publisher *publisher, struct shard_pace *pace, int64_t monotone_ms)
{
	int64_t most = publisher->settings.budget_per_s * 1000;
	int64_t passed_ms = pace->filled_ms == INT64_MIN ? 1000 : monotone_ms - pace->filled_ms;

	if (passed_ms > 1000)
		passed_ms = 1000;
	pace->tokens_milli += passed_ms * publisher->settings.budget_per_s;
	if (pace->tokens_milli > most)
		pace->tokens_milli = most;
	pace->filled_ms = monotone_ms;
	return (uint32_t)(pace->tokens_milli / 1000);
}

static struct snapshot heartbeat_of(
	struct slice tenant_id, const struct publisher_moment *moment, int64_t revision)
{
	int64_t lag_ms =
		moment->wall_ms > moment->clock_ms ? moment->wall_ms - moment->clock_ms : 0;
	const struct snapshot_number seconds = { true, (i128)lag_ms * 10 };

	return (struct snapshot){
		.tenant_id = tenant_id,
		.metric = SLICE_LIT("heartbeat"),
		.window = SLICE_LIT("now"),
		.group_by = SLICE_LIT(""),
		.group_key = SLICE_LIT(""),
		.currency = SLICE_LIT(""),
		.unit = "SECONDS",
		.value = { true, (double)lag_ms / 1000 },
		.value_decimal = seconds,
		.numerator = seconds,
		.state = "OK",
		.basis = "STOCK",
		.window_start_ms = moment->clock_ms,
		.window_end_ms = moment->clock_ms,
		.as_of_ms = moment->clock_ms,
		.published_at_ms = moment->wall_ms,
		.revision = revision,
	};
}

/* Its revision is of the epoch, as every other's, but counted apart: a shard's own numbers need not wait for it. */
static void send_heartbeats(struct emission *emission, struct shard_pace *pace, struct shard *shard)
{
	const struct publisher_moment *moment = emission->moment;

	if (moment->monotone_ms < pace->heartbeat_ms)
		return;
	pace->heartbeat_ms = moment->monotone_ms + emission->publisher->settings.heartbeat_ms;
	if (pace->heartbeat_epoch != moment->epoch) {
		pace->heartbeat_epoch = moment->epoch;
		pace->heartbeat_count = 0;
	}
	pace->heartbeat_count++;
	int64_t revision = (int64_t)(moment->epoch << REVISION_EPOCH_SHIFT) + pace->heartbeat_count;
	for (uint32_t i = 0; i < shard_tenant_count(shard) && emission->error == 0; i++) {
		const struct snapshot record =
			heartbeat_of(shard_tenant(shard, i), moment, revision);
		int answer = send_snapshot(emission, SNAPSHOT_LATEST, &record);

		if (answer == SINK_FULL)
			return; /* the next second has one again */
		if (answer < 0)
			emission->error = answer;
	}
}

int publisher_snapshots(struct publisher *publisher, int32_t shard_index, struct shard *shard,
	const struct publisher_moment *moment)
{
	struct shard_pace *pace = &publisher->paces[shard_index];
	struct emission emission = { publisher, moment, shard_index, 0 };

	assert(shard_index >= 0 && shard_index < publisher->settings.shard_count);
	if (publisher->is_closed)
		return 0;
	if (moment->is_serving && moment->has_read_all)
		snapshots_caught_up(shard_snapshots(shard));
	uint32_t budget = budget_of(publisher, pace, moment->monotone_ms);
	if (budget > 0)
		pace->tokens_milli -= (int64_t)shard_collect(shard, moment->monotone_ms, false,
					      budget, emit, &emission) *
				      1000;
	if (moment->is_serving && emission.error == 0)
		send_heartbeats(&emission, pace, shard);
	return emission.error != 0 ? err_pass(emission.error) : 0;
}

/* ---- the rest ------------------------------------------------------------------------------------------- */

uint64_t publisher_sequence(const struct publisher *publisher)
{
	assert(!publisher_is_blocked(publisher));
	return publisher->sink->last_sequence;
}

uint64_t publisher_settled(const struct publisher *publisher)
{
	return publisher->sink->ops->settled(publisher->sink);
}

int publisher_flush(struct publisher *publisher, int timeout_ms)
{
	return publisher->sink->ops->flush(publisher->sink, timeout_ms);
}

struct publisher_counters publisher_counters(const struct publisher *publisher)
{
	return publisher->counters;
}
