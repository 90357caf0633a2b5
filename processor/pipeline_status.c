/* What a pipeline says of itself: the counters, and /readyz's text. */
#include <inttypes.h>
#include <stdio.h>

#include "pipeline.h"
#include "pipeline_inside.h"

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static void print_inputs(const struct pipeline *p, const struct assignment_shard *shard,
	bool *ready, const char **why, struct buffer *out)
{
	for (uint32_t i = 0; i < shard->input_count; i++) {
		const struct assignment_input *input = &shard->inputs[i];

		if (backlog_is_empty(&input->backlog))
			continue;
		int64_t waited_ms = p->monotone_ms - input->backlog.since_ms;

		buffer_printf(out, "shard %d: %s partition %d waits %.0f s for a schema\n",
			(int)shard->index, p->seams.source->topics[input->position.topic],
			(int)input->position.partition, seconds(waited_ms));
		if (waited_ms >= p->settings.schema_wait_ms) {
			*ready = false;
			*why = "a schema is unknown";
		}
	}
}

static void print_shard(const struct pipeline *p, const struct assignment_shard *shard, bool *ready,
	const char **why, struct buffer *out)
{
	buffer_printf(out, "shard %d: %s", (int)shard->index, assignment_state_name(shard->state));
	if (shard->checkpoint != NULL) {
		const struct checkpoint_status status = checkpoint_status(shard->checkpoint);

		buffer_printf(out, " epoch=%" PRIu64, status.epoch);
		if (shard_clock(shard->shard) != CLOCK_NONE)
			buffer_printf(out, " clock_lag=%.1fs",
				seconds(p->wall_ms - shard_clock(shard->shard)));
		if (status.last_success_monotone_ms != 0)
			buffer_printf(out, " checkpoint_age=%.1fs",
				seconds(p->monotone_ms - status.last_success_monotone_ms));
		else
			buffer_printf(out, " checkpoint=none_yet");
		if (shard->clock.ahead_count > 0)
			buffer_printf(out, " ahead_of_wall=%" PRIu64, shard->clock.ahead_count);
		uint64_t refused = shard_counters(shard->shard).groups_refused;
		if (refused > 0)
			buffer_printf(out,
				" groups_refused=%" PRIu64 "(limits.groups, limits.cells)",
				refused);
		if (shard->clock.is_partial)
			buffer_printf(out, " partial");
		if (shard->clock.is_skewed) {
			buffer_printf(out, " clock_held");
			*ready = false;
			*why = "the clocks of this machine and of Redis differ";
		}
	}
	buffer_printf(out, "%s%s\n", shard->text[0] != '\0' ? ": " : "", shard->text);
	if (shard->state == ASSIGNMENT_PARKED)
		return;
	if (shard->state != ASSIGNMENT_SERVING) {
		*ready = false;
		*why = shard->state == ASSIGNMENT_STOPPED ? "a shard has stopped"
							  : "a shard is not caught up";
	}
	print_inputs(p, shard, ready, why, out);
}

static bool describe(const struct pipeline *p, const char **why, struct buffer *out)
{
	bool ready = true;
	uint32_t ours = 0;

	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		const struct assignment_shard *shard = assignment_at(p->assignment, i);

		if (shard->state == ASSIGNMENT_NONE)
			continue;
		ours += shard->state != ASSIGNMENT_PARKED;
		print_shard(p, shard, &ready, why, out);
	}
	/* Without a shard after a whole session this instance stands by, which is what it is for. */
	if (ours == 0 && p->monotone_ms - p->started_ms < p->settings.session_ms) {
		ready = false;
		*why = "waits for its shards";
	} else if (ours == 0) {
		buffer_printf(out, "no shard is ours: standing by\n");
	}
	if (p->storage_down_ms != PIPELINE_NEVER)
		buffer_printf(out, "redis: not reachable for %.0f s\n",
			seconds(p->monotone_ms - p->storage_down_ms));
	if (p->broker_down_ms != PIPELINE_NEVER)
		buffer_printf(out, "kafka: not reachable for %.0f s: %s\n",
			seconds(p->monotone_ms - p->broker_down_ms), p->broker_text);
	if (publisher_is_blocked(p->publisher))
		buffer_printf(out, "kafka: the producer is full, no messages are taken\n");
	if (p->is_unconfirmed) {
		ready = false;
		*why = "the group has not confirmed that the shards are ours";
	}
	if (p->is_ending) {
		ready = false;
		*why = "ending";
	}
	return ready;
}

static void count(const struct pipeline *p, struct counters *ret)
{
	const struct publisher_counters sent = publisher_counters(p->publisher);

	assignment_counters(p->assignment, p->wall_ms, p->monotone_ms, ret);
	for (uint32_t i = 0; i < assignment_count(p->assignment); i++) {
		const struct pipeline_lane *lane = &p->lanes[i];

		ret->events += lane->events;
		ret->duplicates += lane->duplicates;
		ret->late += lane->late;
		ret->dead_letters += lane->dead_letters;
		ret->messages += lane->messages;
		ret->message_bytes += lane->message_bytes;
		ret->unknown_schemas += lane->unknown_schemas;
	}
	ret->records = sent.records;
	ret->delivery_failures = sent.failures;
	ret->sink_full = sent.sink_full;
	ret->unsettled = p->seams.sink->last_sequence - publisher_settled(p->publisher);
}

bool pipeline_status(
	const struct pipeline *p, struct counters *ret_counters, struct buffer *ret_text)
{
	_cleanup_buffer_ struct buffer parts = { 0 };
	const char *why = "";
	bool ready = describe(p, &why, &parts);

	if (ready)
		buffer_printf(ret_text, "ready\n");
	else
		buffer_printf(ret_text, "not ready: %s\n", why);
	buffer_put(ret_text, parts.data, parts.len);
	count(p, ret_counters);
	return ready;
}
