#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "sim.h"

void sim_topic_init(struct sim_topic *topic)
{
	*topic = (struct sim_topic){ 0 };
	intern_init(&topic->keys, 1, 0);
}

void sim_topic_deinit(struct sim_topic *topic)
{
	for (size_t i = 0; i < topic->count; i++)
		free((void *)(uintptr_t)topic->records[i].value.at);
	free(topic->records);
	free(topic->last);
	intern_deinit(&topic->keys);
}

static void check_revision(
	const struct sim_topic *topic, uint32_t last, const struct snapshot *snapshot)
{
	const struct sim_record *before;

	if (last == 0)
		return;
	before = &topic->records[last - 1];
	if (snapshot->revision <= before->revision)
		sim_fail("revision does not rise: " SLICE_FMT " " SLICE_FMT " [" SLICE_FMT
			 "] %lld after %lld: a stale record stays",
			SLICE_ARG(snapshot->metric), SLICE_ARG(snapshot->window),
			SLICE_ARG(snapshot->group_key), (long long)snapshot->revision,
			(long long)before->revision);
}

static void append_snapshot(struct sim_topic *topic, const struct sink_memory_record *record)
{
	_cleanup_buffer_ struct buffer key = { 0 };
	struct snapshot snapshot;

	buffer_put_u8(&key, (uint8_t)record->topic);
	buffer_put(&key, record->key.at, record->key.len);
	uint32_t id = intern_add(&topic->keys, buffer_slice(&key));
	while (id >= topic->last_capacity) {
		uint32_t before = topic->last_capacity;
		X_GROW(topic->last, topic->last_capacity, topic->last_capacity);
		memset(topic->last + before, 0,
			(topic->last_capacity - before) * sizeof(*topic->last));
	}
	if (record->value.at == NULL)
		sim_fail("a tombstone, though no definition changed");
	if (codec_decode_snapshot(record->value, &snapshot) != 0)
		sim_fail("a published record cannot be read");
	check_revision(topic, topic->last[id], &snapshot);
	X_GROW(topic->records, topic->count, topic->capacity);
	topic->records[topic->count++] = (struct sim_record){ record->topic, id,
		{ x_strndup(record->value.at, record->value.len), record->value.len },
		snapshot.revision };
	topic->last[id] = (uint32_t)topic->count;
}

/* As the simulation makes it; events that can't be true are dead letters, too. */
static bool is_garbage(struct slice value)
{
	return value.len > 7 && memcmp(value.at, "garbage", 7) == 0;
}

void sim_topic_append(struct sim_topic *topic, const struct sink_memory_record *record)
{
	if (record->topic == SINK_LATEST || record->topic == SINK_HISTORY) {
		append_snapshot(topic, record);
	} else if (record->topic == SINK_DLQ && is_garbage(record->value)) {
		/* Said again after a restart is right; what counts is that each was said. */
		uint32_t before = intern_count(&topic->keys);

		intern_add(&topic->keys, record->value);
		topic->letters += intern_count(&topic->keys) > before;
	}
}

/* ---- boards ---------------------------------------------------------------------------------------------- */

static void board_take(const struct sim_topic *topic, uint32_t *board, size_t index)
{
	const struct sim_record *record = &topic->records[index];
	uint32_t *mine = &board[record->key];

	if (*mine == 0 || topic->records[*mine - 1].revision < record->revision)
		*mine = (uint32_t)index + 1;
}

/* What the broker still has of [0, end): the last record of each key before `compacted`, all after it. */
static void board_read(const struct sim_topic *topic, uint32_t *board, size_t compacted, size_t end)
{
	_cleanup_free_ bool *is_gone = x_calloc(topic->count + 1, sizeof(bool));
	_cleanup_free_ uint32_t *newer = x_calloc(intern_count(&topic->keys) + 1, sizeof(*newer));

	for (size_t i = compacted; i-- > 0;) {
		is_gone[i] = newer[topic->records[i].key] != 0;
		newer[topic->records[i].key] = 1;
	}
	for (size_t i = 0; i < end; i++)
		if (!is_gone[i])
			board_take(topic, board, i);
}

void sim_topic_check_boards(const struct sim_topic *topic, struct rng *rng)
{
	size_t keys = intern_count(&topic->keys) + 1;
	_cleanup_free_ uint32_t *first = x_calloc(keys, sizeof(*first));
	_cleanup_free_ uint32_t *late = x_calloc(keys, sizeof(*late));
	_cleanup_free_ uint32_t *again = x_calloc(keys, sizeof(*again));

	for (size_t i = 0; i < topic->count; i++)
		board_take(topic, first, i);
	board_read(topic, late, topic->count, topic->count);
	/* It saw a part, was away, and reads what compaction has left. */
	for (size_t i = 0, until = rng_below(rng, topic->count + 1); i < until; i++)
		board_take(topic, again, i);
	board_read(topic, again, rng_below(rng, topic->count + 1), topic->count);
	for (size_t i = 0; i < keys; i++)
		if (first[i] != late[i] || first[i] != again[i] ||
			(i < topic->last_capacity && first[i] != topic->last[i]))
			sim_fail("boards differ in key %zu: record %u from the start, %u late, %u "
				 "reconnected",
				i, first[i], late[i], again[i]);
}
