#include "edge/sink_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"

struct sink_memory {
	struct sink base;
	struct sink_memory_record *records;
	size_t count, capacity;
	uint64_t settled;
	size_t next_failure; /* failures are looked for from here */
	uint32_t refusing;
	bool is_automatic;
};

static struct slice copy_of(struct slice slice)
{
	if (slice.at == NULL)
		return slice;
	return (struct slice){ x_strndup(slice.at, slice.len), slice.len };
}

static char *headers_of(const char *const *texts)
{
	_cleanup_buffer_ struct buffer joined = { 0 };

	for (; texts != NULL && texts[0] != NULL; texts += 2)
		buffer_printf(&joined, "%s=%s\n", texts[0], texts[1]);
	return x_strdup(buffer_text(&joined));
}

static int memory_send(struct sink *sink, const struct sink_record *record, uint64_t *ret_sequence)
{
	struct sink_memory *memory = (struct sink_memory *)sink;

	if (memory->refusing > 0) {
		memory->refusing--;
		return SINK_FULL;
	}
	X_GROW(memory->records, memory->count, memory->capacity);
	memory->records[memory->count++] = (struct sink_memory_record){
		.topic = record->topic,
		.shard = record->shard,
		.key = copy_of(record->key),
		.value = copy_of(record->value),
		.headers = headers_of(record->headers),
		.cookie = record->cookie,
		.sequence = ++sink->last_sequence,
	};
	*ret_sequence = sink->last_sequence;
	if (memory->is_automatic)
		memory->settled = sink->last_sequence;
	return SINK_SENT;
}

static size_t memory_poll(struct sink *sink, int timeout_ms, struct sink_failure *ret, size_t max)
{
	struct sink_memory *memory = (struct sink_memory *)sink;
	size_t count = 0;

	(void)timeout_ms;
	for (; memory->next_failure < memory->count && count < max; memory->next_failure++) {
		const struct sink_memory_record *record = &memory->records[memory->next_failure];
		if (record->sequence > memory->settled)
			break;
		if (record->has_failed)
			ret[count++] = (struct sink_failure){ record->shard, record->topic,
				record->cookie };
	}
	return count;
}

static uint64_t memory_settled(struct sink *sink)
{
	return ((struct sink_memory *)sink)->settled;
}

static int memory_flush(struct sink *sink, int timeout_ms)
{
	(void)timeout_ms;
	return ((struct sink_memory *)sink)->settled < sink->last_sequence;
}

static void memory_free(struct sink *sink)
{
	struct sink_memory *memory = (struct sink_memory *)sink;

	if (memory == NULL)
		return;
	for (size_t i = 0; i < memory->count; i++) {
		free((void *)(uintptr_t)memory->records[i].key.at);
		free((void *)(uintptr_t)memory->records[i].value.at);
		free(memory->records[i].headers);
	}
	free(memory->records);
	free(memory);
}

size_t sink_memory_count(const struct sink *sink)
{
	return ((const struct sink_memory *)sink)->count;
}

const struct sink_memory_record *sink_memory_at(const struct sink *sink, size_t index)
{
	return &((const struct sink_memory *)sink)->records[index];
}

void sink_memory_set_automatic(struct sink *sink, bool automatic)
{
	((struct sink_memory *)sink)->is_automatic = automatic;
}

void sink_memory_settle_some(struct sink *sink, uint64_t count, bool acknowledge)
{
	struct sink_memory *memory = (struct sink_memory *)sink;
	uint64_t until = memory->settled + count;

	if (until > sink->last_sequence)
		until = sink->last_sequence;
	for (size_t i = 0; i < memory->count && !acknowledge; i++)
		if (memory->records[i].sequence > memory->settled &&
			memory->records[i].sequence <= until)
			memory->records[i].has_failed = memory->records[i].topic == SINK_LATEST;
	memory->settled = until;
}

void sink_memory_settle(struct sink *sink, bool acknowledge)
{
	sink_memory_settle_some(sink, sink->last_sequence, acknowledge);
}

void sink_memory_refuse_next(struct sink *sink, uint32_t count)
{
	((struct sink_memory *)sink)->refusing = count;
}

static const struct sink_ops memory_ops = {
	.name = "memory",
	.send = memory_send,
	.poll = memory_poll,
	.settled = memory_settled,
	.flush = memory_flush,
	.free = memory_free,
};

struct sink *sink_memory_new(void)
{
	struct sink_memory *memory = x_calloc(1, sizeof(*memory));

	memory->base.ops = &memory_ops;
	memory->is_automatic = true;
	return &memory->base;
}
