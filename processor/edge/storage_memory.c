#include "edge/storage_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"

struct memory_segment {
	int32_t shard;
	char *name;
	struct buffer bytes;
};

struct memory_manifest {
	uint64_t id;	/* 0: none */
	uint64_t epoch; /* the stored one when it was swapped in */
	struct buffer bytes;
};

struct memory_shard {
	int32_t shard, partition_count;
	uint64_t epoch;
	struct memory_manifest manifests[2]; /* newest first */
};

struct storage_memory {
	struct storage base;
	const int64_t *clock_seconds;
	struct memory_segment *segments;
	size_t segment_count, segment_capacity;
	struct memory_shard *shards;
	size_t shard_count, shard_capacity;
	uint32_t passing, failing, losing;
};

static struct memory_shard *shard_of(struct storage_memory *memory, int32_t shard)
{
	for (size_t i = 0; i < memory->shard_count; i++)
		if (memory->shards[i].shard == shard)
			return &memory->shards[i];
	X_GROW(memory->shards, memory->shard_count, memory->shard_capacity);
	struct memory_shard *fresh = &memory->shards[memory->shard_count++];
	memset(fresh, 0, sizeof(*fresh));
	fresh->shard = shard;
	buffer_init(&fresh->manifests[0].bytes);
	buffer_init(&fresh->manifests[1].bytes);
	return fresh;
}

/* Whether this call is to fail before it does anything. */
static bool fails_now(struct storage_memory *memory)
{
	if (memory->passing > 0) {
		memory->passing--;
		return false;
	}
	if (memory->failing == 0)
		return false;
	memory->failing--;
	return true;
}

/* Whether this call's answer is lost after it took effect. */
static int answer_of(struct storage_memory *memory, int answer)
{
	if (memory->losing == 0)
		return answer;
	memory->losing--;
	return err_raise(-EAGAIN, "memory storage: the answer was lost");
}

static int memory_take_epoch(struct storage *storage, int32_t shard, int32_t partition_count,
	uint64_t *ret_epoch, int32_t *ret_partition_count)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	struct memory_shard *state = shard_of(memory, shard);
	uint64_t now = (uint64_t)*memory->clock_seconds;

	state->epoch = state->epoch + 1 > now ? state->epoch + 1 : now;
	if (state->partition_count == 0)
		state->partition_count = partition_count;
	*ret_epoch = state->epoch;
	*ret_partition_count = state->partition_count;
	return answer_of(memory, STORAGE_OK);
}

static int memory_read_epoch(struct storage *storage, int32_t shard, uint64_t *ret_epoch)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	const struct memory_shard *state = shard_of(memory, shard);
	if (state->epoch == 0)
		return STORAGE_ABSENT;
	*ret_epoch = state->epoch;
	return answer_of(memory, STORAGE_OK);
}

static int memory_read_manifest(
	struct storage *storage, int32_t shard, uint32_t index, struct buffer *ret)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	struct memory_shard *state = shard_of(memory, shard);
	if (index > 1 || state->manifests[index].id == 0)
		return STORAGE_ABSENT;
	buffer_put(ret, state->manifests[index].bytes.data, state->manifests[index].bytes.len);
	return answer_of(memory, STORAGE_OK);
}

static struct memory_segment *segment_find(
	const struct storage_memory *memory, int32_t shard, struct slice name)
{
	for (size_t i = 0; i < memory->segment_count; i++)
		if (memory->segments[i].shard == shard && slice_is(name, memory->segments[i].name))
			return &memory->segments[i];
	return NULL;
}

static int memory_read_segment(
	struct storage *storage, int32_t shard, struct slice name, struct buffer *ret)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	const struct memory_segment *segment = segment_find(memory, shard, name);
	if (segment == NULL)
		return STORAGE_ABSENT;
	buffer_put(ret, segment->bytes.data, segment->bytes.len);
	return answer_of(memory, STORAGE_OK);
}

static int memory_write_segment(
	struct storage *storage, int32_t shard, const struct storage_segment *written)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	struct memory_segment *segment = segment_find(memory, shard, written->name);
	if (segment == NULL) {
		X_GROW(memory->segments, memory->segment_count, memory->segment_capacity);
		segment = &memory->segments[memory->segment_count++];
		segment->shard = shard;
		segment->name = x_strndup(written->name.at, written->name.len);
		buffer_init(&segment->bytes);
	}
	buffer_reset(&segment->bytes);
	buffer_put(&segment->bytes, written->bytes.at, written->bytes.len);
	return answer_of(memory, STORAGE_OK);
}

static int memory_swap_manifest(struct storage *storage, int32_t shard, uint64_t epoch,
	uint64_t predecessor, uint64_t id, struct slice manifest, const struct slice *segment_names,
	const uint64_t *segment_lengths, size_t segment_count)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	struct memory_shard *state = shard_of(memory, shard);
	if (state->epoch > epoch)
		return answer_of(memory, STORAGE_FENCED);
	state->epoch = epoch;
	if (state->manifests[0].id != predecessor)
		return answer_of(memory, STORAGE_REBASE);
	for (size_t i = 0; i < segment_count; i++) {
		const struct memory_segment *segment =
			segment_find(memory, shard, segment_names[i]);
		if (segment == NULL || segment->bytes.len != segment_lengths[i])
			return answer_of(memory, STORAGE_REBASE);
	}
	struct memory_manifest oldest = state->manifests[1];
	state->manifests[1] = state->manifests[0];
	state->manifests[0] = oldest;
	state->manifests[0].id = id;
	state->manifests[0].epoch = epoch;
	buffer_reset(&state->manifests[0].bytes);
	buffer_put(&state->manifests[0].bytes, manifest.at, manifest.len);
	return answer_of(memory, STORAGE_OK);
}

static void segment_remove(struct storage_memory *memory, size_t index)
{
	free(memory->segments[index].name);
	buffer_deinit(&memory->segments[index].bytes);
	memory->segments[index] = memory->segments[--memory->segment_count];
}

static bool is_kept(const char *name, const struct slice *keep, size_t keep_count)
{
	for (size_t i = 0; i < keep_count; i++)
		if (slice_is(keep[i], name))
			return true;
	return false;
}

static int memory_sweep(struct storage *storage, int32_t shard, uint64_t epoch,
	const struct slice *keep, size_t keep_count, uint64_t *ret_deleted)
{
	struct storage_memory *memory = (struct storage_memory *)storage;
	uint64_t deleted = 0;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	for (size_t i = memory->segment_count; i-- > 0;) {
		const struct memory_segment *segment = &memory->segments[i];
		if (segment->shard == shard && strtoull(segment->name, NULL, 10) <= epoch &&
			!is_kept(segment->name, keep, keep_count)) {
			segment_remove(memory, i);
			deleted++;
		}
	}
	*ret_deleted = deleted;
	return answer_of(memory, STORAGE_OK);
}

static int memory_server_time(struct storage *storage, int64_t *ret_ms)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (fails_now(memory))
		return err_raise(-EAGAIN, "memory storage: not reachable");
	*ret_ms = *memory->clock_seconds * 1000;
	return STORAGE_OK;
}

static int memory_list(struct storage *storage, uint32_t n, int32_t *ret_shard)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	for (size_t i = 0; i < memory->shard_count; i++) {
		if (memory->shards[i].manifests[0].id == 0 || n-- > 0)
			continue;
		*ret_shard = memory->shards[i].shard;
		return STORAGE_OK;
	}
	return STORAGE_ABSENT;
}

void storage_memory_clear(struct storage *storage)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	while (memory->segment_count > 0)
		segment_remove(memory, memory->segment_count - 1);
	for (size_t i = 0; i < memory->shard_count; i++) {
		buffer_deinit(&memory->shards[i].manifests[0].bytes);
		buffer_deinit(&memory->shards[i].manifests[1].bytes);
	}
	memory->shard_count = 0;
}

static void memory_free(struct storage *storage)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (memory == NULL)
		return;
	storage_memory_clear(storage);
	free(memory->segments);
	free(memory->shards);
	free(memory);
}

void storage_memory_fail_next(struct storage *storage, uint32_t count)
{
	((struct storage_memory *)storage)->failing = count;
}

void storage_memory_fail_after(struct storage *storage, uint32_t passing, uint32_t count)
{
	((struct storage_memory *)storage)->passing = passing;
	((struct storage_memory *)storage)->failing = count;
}

void storage_memory_lose_answers(struct storage *storage, uint32_t count)
{
	((struct storage_memory *)storage)->losing = count;
}

void storage_memory_roll_back(struct storage *storage, int32_t shard)
{
	struct memory_shard *state = shard_of((struct storage_memory *)storage, shard);
	struct memory_manifest newest = state->manifests[0];

	state->manifests[0] = state->manifests[1];
	state->manifests[1] = newest;
	state->manifests[1].id = 0;
	/* The replica had not heard of later owners either. */
	state->epoch = state->manifests[0].id != 0 ? state->manifests[0].epoch : 0;
}

int storage_memory_drop_segment(struct storage *storage, uint32_t n)
{
	struct storage_memory *memory = (struct storage_memory *)storage;

	if (n >= memory->segment_count)
		return 0;
	segment_remove(memory, n);
	return 1;
}

uint32_t storage_memory_segment_count(const struct storage *storage)
{
	return (uint32_t)((const struct storage_memory *)storage)->segment_count;
}

static const struct storage_ops memory_ops = {
	.name = "memory",
	.take_epoch = memory_take_epoch,
	.read_epoch = memory_read_epoch,
	.read_manifest = memory_read_manifest,
	.read_segment = memory_read_segment,
	.write_segment = memory_write_segment,
	.swap_manifest = memory_swap_manifest,
	.sweep = memory_sweep,
	.server_time = memory_server_time,
	.list = memory_list,
	.free = memory_free,
};

struct storage *storage_memory_new(const int64_t *clock_seconds)
{
	struct storage_memory *memory = x_calloc(1, sizeof(*memory));

	memory->base.ops = &memory_ops;
	memory->clock_seconds = clock_seconds;
	return &memory->base;
}
