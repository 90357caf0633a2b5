#include "edge/source_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct log_partition {
	struct message *messages; /* keys and values owned */
	size_t count, capacity;
	int64_t committed; /* group offset; -1: none */
	char metadata[128];
};

struct memory_log {
	uint16_t topic_count;
	int32_t partition_count;
	struct log_partition *partitions; /* topic-major */
};

struct reading {
	int64_t next;
	bool is_started, is_held, end_is_told, is_unreadable;
};

struct source_memory {
	struct source base;
	struct memory_log *log;
	struct reading *readings; /* as the log's partitions */
	bool *is_ours, *is_leaving;
	bool is_confirmed, is_single;
	struct message *batch;
	size_t batch_capacity;
	struct source_event *events, *told;
	size_t event_count, event_capacity, told_capacity;
	bool is_down;
};

struct memory_log *memory_log_new(uint16_t topic_count, int32_t partition_count)
{
	struct memory_log *log = x_calloc(1, sizeof(*log));

	log->topic_count = topic_count;
	log->partition_count = partition_count;
	log->partitions =
		x_calloc((size_t)topic_count * (size_t)partition_count, sizeof(*log->partitions));
	for (size_t i = 0; i < (size_t)topic_count * (size_t)partition_count; i++)
		log->partitions[i].committed = -1;
	return log;
}

static size_t place_of(const struct memory_log *log, uint16_t topic, int32_t partition)
{
	return (size_t)topic * (size_t)log->partition_count + (size_t)partition;
}

void memory_log_free(struct memory_log *log)
{
	if (log == NULL)
		return;
	for (size_t i = 0; i < (size_t)log->topic_count * (size_t)log->partition_count; i++) {
		for (size_t m = 0; m < log->partitions[i].count; m++) {
			free((void *)(uintptr_t)log->partitions[i].messages[m].key.at);
			free((void *)(uintptr_t)log->partitions[i].messages[m].value.at);
		}
		free(log->partitions[i].messages);
	}
	free(log->partitions);
	free(log);
}

int64_t memory_log_append(struct memory_log *log, uint16_t topic, int32_t partition,
	struct slice key, struct slice value)
{
	struct log_partition *to = &log->partitions[place_of(log, topic, partition)];

	X_GROW(to->messages, to->count, to->capacity);
	to->messages[to->count] = (struct message){
		.topic = topic,
		.partition = partition,
		.offset = (int64_t)to->count,
		.key = { x_strndup(key.at, key.len), key.len },
		.value = { value.at != NULL ? x_strndup(value.at, value.len) : NULL, value.len },
	};
	return (int64_t)to->count++;
}

int64_t memory_log_end(const struct memory_log *log, uint16_t topic, int32_t partition)
{
	return (int64_t)log->partitions[place_of(log, topic, partition)].count;
}

static int32_t shard_of(const struct source_memory *memory, size_t place)
{
	return memory->is_single ? 0 : (int32_t)(place % (size_t)memory->log->partition_count);
}

static struct source_event *event_add(
	struct source_memory *memory, enum source_event_kind kind, int32_t shard)
{
	X_GROW(memory->events, memory->event_count, memory->event_capacity);
	struct source_event *event = &memory->events[memory->event_count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->shard = shard;
	event->partition = shard;
	return event;
}

static void event_add_at(struct source_memory *memory, enum source_event_kind kind, size_t place)
{
	struct source_event *event = event_add(memory, kind, shard_of(memory, place));

	event->topic = (uint16_t)(place / (size_t)memory->log->partition_count);
	event->partition = (int32_t)(place % (size_t)memory->log->partition_count);
}

void source_memory_assign(struct source *source, int32_t shard)
{
	struct source_memory *memory = (struct source_memory *)source;

	memory->is_ours[shard] = true;
	event_add(memory, SOURCE_ASSIGNED, shard);
}

void source_memory_revoke(struct source *source, int32_t shard, bool lost)
{
	struct source_memory *memory = (struct source_memory *)source;

	memory->is_ours[shard] = false;
	memory->is_leaving[shard] = true;
	for (size_t i = 0;
		i < (size_t)memory->log->topic_count * (size_t)memory->log->partition_count; i++)
		if (shard_of(memory, i) == shard)
			memory->readings[i].is_started = false;
	event_add(memory, lost ? SOURCE_LOST : SOURCE_REVOKED, shard);
}

bool source_memory_is_released(const struct source *source, int32_t shard)
{
	return !((const struct source_memory *)source)->is_leaving[shard];
}

void source_memory_set_confirmed(struct source *source, bool confirmed)
{
	((struct source_memory *)source)->is_confirmed = confirmed;
}

void source_memory_set_down(struct source *source, bool down)
{
	struct source_memory *memory = (struct source_memory *)source;

	if (memory->is_down == down)
		return;
	memory->is_down = down;
	event_add(memory, down ? SOURCE_BROKER_DOWN : SOURCE_BROKER_UP, 0);
}

void source_memory_set_unreadable(
	struct source *source, uint16_t topic, int32_t partition, bool unreadable)
{
	struct source_memory *memory = (struct source_memory *)source;

	memory->readings[place_of(memory->log, topic, partition)].is_unreadable = unreadable;
}

/* The messages of one partition into the batch; an end is told once per arrival at it. */
static size_t serve(struct source_memory *memory, size_t place, size_t batch_count, size_t max)
{
	struct log_partition *from = &memory->log->partitions[place];
	struct reading *reading = &memory->readings[place];
	size_t before = batch_count;

	if (!reading->is_started || reading->is_held || memory->is_down)
		return batch_count;
	if (reading->is_unreadable) {
		reading->end_is_told =
			false; /* when it can be read again, its end is found again */
		event_add_at(memory, SOURCE_UNREADABLE, place);
		return batch_count;
	}
	for (; reading->next < (int64_t)from->count && batch_count < max;
		reading->next++, batch_count++) {
		X_GROW(memory->batch, batch_count, memory->batch_capacity);
		memory->batch[batch_count] = from->messages[reading->next];
		reading->end_is_told = false;
	}
	if (batch_count == before && reading->next >= (int64_t)from->count &&
		!reading->end_is_told) {
		reading->end_is_told = true;
		event_add_at(memory, SOURCE_AT_END, place);
	}
	return batch_count;
}

static int memory_poll(
	struct source *source, int timeout_ms, size_t max, struct source_batch *ret_batch)
{
	struct source_memory *memory = (struct source_memory *)source;
	size_t count = 0;

	(void)timeout_ms;
	for (size_t i = 0;
		i < (size_t)memory->log->topic_count * (size_t)memory->log->partition_count; i++)
		count = serve(memory, i, count, max);
	struct source_event *given = memory->events;
	size_t given_count = memory->event_count, given_capacity = memory->event_capacity;
	memory->events = memory->told;
	memory->event_capacity = memory->told_capacity;
	memory->event_count = 0;
	memory->told = given;
	memory->told_capacity = given_capacity;
	*ret_batch = (struct source_batch){ memory->batch, count, given, given_count };
	return 0;
}

static int memory_start(
	struct source *source, int32_t shard, const struct source_position *positions, size_t count)
{
	struct source_memory *memory = (struct source_memory *)source;

	if (!memory->is_ours[shard])
		return 0;
	for (size_t i = 0; i < count; i++) {
		size_t place = place_of(memory->log, positions[i].topic, positions[i].partition);
		struct reading *reading = &memory->readings[place];
		int64_t end =
			memory_log_end(memory->log, positions[i].topic, positions[i].partition);

		if (positions[i].offset > end) {
			event_add_at(memory, SOURCE_OUT_OF_RANGE, place);
			continue;
		}
		reading->next = positions[i].offset == SOURCE_BEGINNING ? 0 : positions[i].offset;
		reading->is_started = true;
		reading->is_held = false;
		reading->end_is_told = false;
	}
	return 0;
}

static void memory_hold(struct source *source, uint16_t topic, int32_t partition, bool held)
{
	struct source_memory *memory = (struct source_memory *)source;

	memory->readings[place_of(memory->log, topic, partition)].is_held = held;
}

static void memory_released(struct source *source, int32_t shard)
{
	((struct source_memory *)source)->is_leaving[shard] = false;
}

static int memory_commit(struct source *source, int32_t shard,
	const struct source_position *positions, size_t count, const char *metadata)
{
	struct source_memory *memory = (struct source_memory *)source;

	(void)shard;
	for (size_t i = 0; i < count; i++) {
		struct log_partition *to = &memory->log->partitions[place_of(
			memory->log, positions[i].topic, positions[i].partition)];
		if (positions[i].offset < 0)
			continue;
		to->committed = positions[i].offset;
		snprintf(to->metadata, sizeof(to->metadata), "%s", metadata);
	}
	return 0;
}

static int memory_committed(struct source *source, int32_t shard, struct source_position *ret,
	size_t count, char *ret_metadata, size_t cap)
{
	struct source_memory *memory = (struct source_memory *)source;
	bool any = false;

	(void)shard;
	for (size_t i = 0; i < count; i++) {
		const struct log_partition *from = &memory->log->partitions[place_of(
			memory->log, ret[i].topic, ret[i].partition)];
		ret[i].offset = from->committed >= 0 ? from->committed : SOURCE_BEGINNING;
		if (from->committed >= 0) {
			any = true;
			snprintf(ret_metadata, cap, "%s", from->metadata);
		}
	}
	return any ? 0 : 1;
}

static bool memory_confirmed(struct source *source)
{
	const struct source_memory *memory = (const struct source_memory *)source;

	return memory->is_confirmed && !memory->is_down;
}

static void memory_free(struct source *source)
{
	struct source_memory *memory = (struct source_memory *)source;

	if (memory == NULL)
		return;
	free(memory->readings);
	free(memory->is_ours);
	free(memory->is_leaving);
	free(memory->batch);
	free(memory->events);
	free(memory->told);
	free(memory);
}

static const struct source_ops memory_ops = {
	.name = "memory",
	.poll = memory_poll,
	.start = memory_start,
	.hold = memory_hold,
	.released = memory_released,
	.commit = memory_commit,
	.committed = memory_committed,
	.confirmed = memory_confirmed,
	.free = memory_free,
};

static struct source *source_new(struct memory_log *log, const char *const *topics, bool is_single)
{
	struct source_memory *memory = x_calloc(1, sizeof(*memory));

	memory->base = (struct source){ &memory_ops, topics, log->topic_count,
		is_single ? 1 : log->partition_count };
	memory->is_single = is_single;
	memory->log = log;
	memory->readings = x_calloc(
		(size_t)log->topic_count * (size_t)log->partition_count, sizeof(*memory->readings));
	memory->is_ours = x_calloc((size_t)log->partition_count, sizeof(bool));
	memory->is_leaving = x_calloc((size_t)log->partition_count, sizeof(bool));
	memory->is_confirmed = true;
	return &memory->base;
}

struct source *source_memory_new(struct memory_log *log, const char *const *topics)
{
	return source_new(log, topics, false);
}

struct source *source_memory_new_single(struct memory_log *log, const char *const *topics)
{
	return source_new(log, topics, true);
}
