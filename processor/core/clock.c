#include "core/clock.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

static const int64_t CAUGHT_UP_MS = 60000;

void clock_init(
	struct clock *clock, const struct clock_settings *settings, uint32_t partition_count)
{
	*clock = (struct clock){
		.settings = *settings,
		.partitions = x_calloc(partition_count, sizeof(*clock->partitions)),
		.partition_count = partition_count,
		.now_ms = CLOCK_NONE,
		.newest_ms = CLOCK_NONE,
		.last_arrival_wall_ms = CLOCK_NONE,
	};
	for (uint32_t i = 0; i < partition_count; i++)
		clock->partitions[i] = (struct clock_partition){ .seen_ms = CLOCK_NONE,
			.unreadable_since_ms = CLOCK_NONE };
}

void clock_deinit(struct clock *clock)
{
	free(clock->partitions);
	*clock = (struct clock){ 0 };
}

void clock_assign(struct clock *clock, uint32_t partition)
{
	assert(partition < clock->partition_count);
	struct clock_partition *assigned = &clock->partitions[partition];

	assigned->is_assigned = true;
	assigned->is_at_end = assigned->is_given_up = false;
	assigned->unreadable_since_ms = CLOCK_NONE;
}

void clock_revoke(struct clock *clock, uint32_t partition)
{
	assert(partition < clock->partition_count);
	clock->partitions[partition].is_assigned = false;
}

void clock_saw(struct clock *clock, uint32_t partition, int64_t occurred_at_ms, int64_t wall_ms)
{
	assert(partition < clock->partition_count);
	struct clock_partition *seen = &clock->partitions[partition];
	int64_t believed_ms = occurred_at_ms < wall_ms ? occurred_at_ms : wall_ms;

	if (occurred_at_ms > wall_ms && occurred_at_ms - wall_ms > clock->settings.max_skew_ms)
		clock->ahead_count++;
	if (believed_ms > seen->seen_ms)
		seen->seen_ms = believed_ms;
	if (believed_ms > clock->newest_ms)
		clock->newest_ms = believed_ms;
	seen->is_at_end = seen->is_given_up = false;
	seen->unreadable_since_ms = CLOCK_NONE;
	clock->last_arrival_wall_ms = wall_ms;
}

void clock_at_end(struct clock *clock, uint32_t partition)
{
	assert(partition < clock->partition_count);
	struct clock_partition *read = &clock->partitions[partition];

	read->is_at_end = true;
	read->is_given_up = false;
	read->unreadable_since_ms = CLOCK_NONE;
}

void clock_unreadable(struct clock *clock, uint32_t partition, int64_t wall_ms)
{
	assert(partition < clock->partition_count);
	struct clock_partition *lost = &clock->partitions[partition];

	lost->is_at_end = false;
	if (lost->unreadable_since_ms == CLOCK_NONE)
		lost->unreadable_since_ms = wall_ms;
}

void clock_compare(struct clock *clock, int64_t wall_ms, int64_t redis_ms)
{
	int64_t difference_ms = wall_ms - redis_ms;

	clock->is_skewed = difference_ms > clock->settings.max_skew_ms ||
			   difference_ms < -clock->settings.max_skew_ms;
}

/* A partition that could not be read for so long no longer holds the others; what is published is PARTIAL then. */
static bool is_given_up(
	const struct clock *clock, const struct clock_partition *partition, int64_t wall_ms)
{
	return partition->unreadable_since_ms != CLOCK_NONE &&
	       wall_ms - partition->unreadable_since_ms >= clock->settings.unreadable_ms;
}

/* The least time over partitions that are behind; INT64_MAX: none is. CLOCK_NONE: one has shown nothing yet. */
static int64_t least_behind(struct clock *clock, int64_t wall_ms, bool *ret_partial)
{
	int64_t least_ms = INT64_MAX;

	*ret_partial = false;
	for (uint32_t i = 0; i < clock->partition_count; i++) {
		struct clock_partition *partition = &clock->partitions[i];

		if (!partition->is_assigned || partition->is_at_end)
			continue;
		partition->is_given_up = is_given_up(clock, partition, wall_ms);
		if (partition->is_given_up) {
			*ret_partial = true;
			continue;
		}
		if (partition->seen_ms < least_ms)
			least_ms = partition->seen_ms;
	}
	return least_ms;
}

static int64_t time_at_end(const struct clock *clock, int64_t wall_ms)
{
	bool is_near = wall_ms - clock->newest_ms <= clock->settings.near_wall_ms;
	bool is_quiet = wall_ms - clock->last_arrival_wall_ms >= clock->settings.idle_ms;

	return clock->settings.follow_wall && (is_near || is_quiet) ? wall_ms : clock->newest_ms;
}

int64_t clock_turn(struct clock *clock, int64_t wall_ms)
{
	bool is_partial;
	int64_t least_ms = least_behind(clock, wall_ms, &is_partial);

	clock->is_partial = is_partial;
	if (clock->last_arrival_wall_ms == CLOCK_NONE)
		clock->last_arrival_wall_ms = wall_ms;
	if (clock->newest_ms == CLOCK_NONE || clock->is_skewed)
		return clock->now_ms;
	int64_t target_ms = least_ms == INT64_MAX ? time_at_end(clock, wall_ms) : least_ms;
	if (target_ms > wall_ms)
		target_ms = wall_ms;
	if (target_ms > clock->now_ms)
		clock->now_ms = target_ms;
	return clock->now_ms;
}

bool clock_holds(const struct clock *clock, uint32_t partition)
{
	int64_t least_ms = INT64_MAX;

	assert(partition < clock->partition_count);
	for (uint32_t i = 0; i < clock->partition_count; i++) {
		const struct clock_partition *other = &clock->partitions[i];

		if (i == partition || !other->is_assigned || other->is_at_end || other->is_given_up)
			continue;
		if (other->seen_ms < least_ms)
			least_ms = other->seen_ms;
	}
	int64_t seen_ms = clock->partitions[partition].seen_ms;
	if (least_ms == INT64_MAX || seen_ms == CLOCK_NONE)
		return false;
	/* One that has shown nothing is about to: the others wait for its first message. */
	return least_ms == CLOCK_NONE || seen_ms - least_ms > clock->settings.alignment_ms;
}

bool clock_is_at_end(const struct clock *clock)
{
	for (uint32_t i = 0; i < clock->partition_count; i++)
		if (clock->partitions[i].is_assigned && !clock->partitions[i].is_at_end)
			return false;
	return true;
}

bool clock_is_caught_up(const struct clock *clock, int64_t wall_ms)
{
	return clock_is_at_end(clock) ||
	       (clock->now_ms != CLOCK_NONE && wall_ms - clock->now_ms <= CAUGHT_UP_MS);
}

void clock_save(const struct clock *clock, struct buffer *out)
{
	buffer_put_u64le(out, (uint64_t)clock->now_ms);
	buffer_put_u64le(out, (uint64_t)clock->newest_ms);
	buffer_put_varint(out, clock->partition_count);
	for (uint32_t i = 0; i < clock->partition_count; i++)
		buffer_put_u64le(out, (uint64_t)clock->partitions[i].seen_ms);
}

static bool is_time(int64_t ms)
{
	return ms == CLOCK_NONE || (ms >= -((int64_t)1 << 52) && ms <= (int64_t)1 << 52);
}

int clock_restore(struct clock *clock, struct slice bytes)
{
	struct reader reader = reader_of(bytes.at, bytes.len), checked;
	int64_t now_ms = (int64_t)reader_u64le(&reader), newest_ms = (int64_t)reader_u64le(&reader);
	uint64_t count = reader_varint(&reader);

	if (reader.bad || count != clock->partition_count || reader_left(&reader) != count * 8)
		return 1;
	if (!is_time(now_ms) || !is_time(newest_ms) ||
		(newest_ms == CLOCK_NONE && now_ms != CLOCK_NONE))
		return 1;
	checked = reader;
	for (uint32_t i = 0; i < clock->partition_count; i++) {
		int64_t seen_ms = (int64_t)reader_u64le(&checked);

		if (!is_time(seen_ms) || seen_ms > newest_ms)
			return 1;
	}
	for (uint32_t i = 0; i < clock->partition_count; i++)
		clock->partitions[i].seen_ms = (int64_t)reader_u64le(&reader);
	clock->now_ms = now_ms;
	clock->newest_ms = newest_ms;
	return 0;
}
