#include "edge/resume.h"

#include <stdlib.h>

#include "base/xalloc.h"

enum { TOPICS_MAX = 256, PARTITIONS_MAX = 65536 };

void resume_save(const struct resume_inputs *inputs, const struct clock *clock, struct buffer *out)
{
	buffer_put_varint(out, inputs->topic_count);
	buffer_put_varint(out, (uint64_t)inputs->partitions);
	for (uint16_t i = 0; i < inputs->topic_count; i++)
		buffer_put_slice(out, slice_of(inputs->topics[i]));
	clock_save(clock, out);
}

static int topic_find(const struct resume_inputs *inputs, struct slice name)
{
	for (uint16_t i = 0; i < inputs->topic_count; i++)
		if (slice_is(name, inputs->topics[i]))
			return i;
	return -1;
}

/* What the clock had seen of the old places, at the new ones. */
static int restore_clock(const struct resume_inputs *inputs, struct reader *in,
	const int *new_topic, uint32_t old_topics, uint32_t old_partitions, struct clock *clock)
{
	struct clock old;

	clock_init(&old, &clock->settings, old_topics * old_partitions);
	int answer = clock_restore(&old, reader_bytes(in, reader_left(in)));
	if (answer == 0) {
		clock->now_ms = old.now_ms;
		clock->newest_ms = old.newest_ms;
		for (uint32_t topic = 0; topic < old_topics; topic++) {
			for (uint32_t p = 0; p < old_partitions; p++) {
				if (new_topic[topic] < 0 || p >= (uint32_t)inputs->partitions)
					continue;
				uint32_t place =
					(uint32_t)new_topic[topic] * (uint32_t)inputs->partitions +
					p;
				clock->partitions[place].seen_ms =
					old.partitions[topic * old_partitions + p].seen_ms;
			}
		}
	}
	clock_deinit(&old);
	return answer;
}

static void restore_positions(const struct resume_inputs *inputs, const int *new_topic,
	uint32_t old_topics, const struct source_position *saved, size_t saved_count,
	struct source_position *positions)
{
	size_t count = (size_t)inputs->topic_count * (size_t)inputs->partitions;

	for (size_t i = 0; i < count; i++)
		positions[i].offset = SOURCE_BEGINNING;
	for (size_t s = 0; s < saved_count; s++) {
		if (saved[s].topic >= old_topics || new_topic[saved[s].topic] < 0)
			continue;
		for (size_t i = 0; i < count; i++)
			if (positions[i].topic == new_topic[saved[s].topic] &&
				positions[i].partition == saved[s].partition)
				positions[i].offset = saved[s].offset;
	}
}

int resume_restore(const struct resume_inputs *inputs, struct slice extra,
	const struct source_position *saved, size_t saved_count, struct source_position *positions,
	struct clock *clock)
{
	struct reader in = reader_of(extra.at, extra.len);
	uint64_t old_topics = reader_varint(&in), old_partitions = reader_varint(&in);
	int new_topic[TOPICS_MAX];

	if (in.bad || old_topics == 0 || old_topics > TOPICS_MAX || old_partitions == 0 ||
		old_partitions > PARTITIONS_MAX)
		return 1;
	for (uint64_t i = 0; i < old_topics; i++)
		new_topic[i] = topic_find(inputs, reader_slice(&in));
	/* The clock has eight bytes of each place: more places than that are a lie, not worth the memory. */
	if (in.bad || old_topics * old_partitions > reader_left(&in) / 8 ||
		restore_clock(inputs, &in, new_topic, (uint32_t)old_topics,
			(uint32_t)old_partitions, clock) != 0)
		return 1;
	restore_positions(inputs, new_topic, (uint32_t)old_topics, saved, saved_count, positions);
	return 0;
}
