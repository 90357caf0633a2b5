/* The pipeline and time: windows that fall, heartbeats, streams that wait for each other, a wall that is wrong, an input that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "events.h"
#include "plans.h"
#include "rig.h"

static void test_window_falls_with_no_event(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "wins", "1h", 1);
	for (int i = 0; i < 70; i++) {
		rig_pass(&rig, 60000 - 1000);
		source_memory_set_confirmed(rig.nodes[0].source, true);
		rig_run(&rig, 0, 1);
	}
	rig_expect(&rig, "wins", "1h", 0);
	rig_expect(&rig, "wins", "today", 1);
	/* 10:00 in Jakarta; fourteen hours later it is the next day. */
	for (int i = 0; i < 14 * 6; i++) {
		rig_pass(&rig, 600000 - 1000);
		rig_run(&rig, 0, 1);
	}
	rig_expect(&rig, "wins", "today", 0);
	assert_true(rig_count(&rig, 0, SINK_HISTORY) > 0);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

static void test_heartbeat(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 10);
	const struct rig_value before = rig_latest(&rig, "heartbeat", "now");
	assert_in_range(before.count, 9, 12);
	assert_string_equal(before.state, "OK");
	rig_crash(&rig, 0);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	assert_true(rig_latest(&rig, "heartbeat", "now").revision > before.revision);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* S27: a partition that is ahead of another waits; the other catches up first. */
static void test_alignment(void **state)
{
	struct rig rig;
	bool was_held = false;

	(void)state;
	rig_init(&rig, 1);
	/* Deals run over five hours; an opportunity lies at the end of each: in separate streams. */
	for (int i = 0; i < 300; i++) {
		char id[16], at[TIME_TEXT_MAX];

		snprintf(id, sizeof(id), "D%d", i);
		struct event *event = event_make(&rig.arena, ENTITY_DEAL, id, 1,
			time_format(ms_of("2026-03-01T00:00:00Z") + i * 60000, at));
		rig_append(&rig, event);
		snprintf(id, sizeof(id), "O%d", i);
		struct event *other = event_make(&rig.arena, ENTITY_OPPORTUNITY, id, 1,
			time_format(ms_of("2026-03-01T00:00:00Z") + i * 60000, at));
		rig_append(&rig, other);
	}
	rig.settings.messages_per_turn = 50; /* the first topic's partition is served first */
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	for (int i = 0; i < 40 && rig_state(&rig, 0) != ASSIGNMENT_SERVING; i++) {
		assert_int_equal(rig_turn(&rig, 0), 0);
		const struct assignment_shard *shard = rig_shard(&rig, 0, 0);
		was_held |= shard->inputs[RIG_OPPORTUNITY].is_held;
		int64_t lead =
			shard->clock.partitions[0].seen_ms - shard->clock.partitions[1].seen_ms;
		if (shard->clock.partitions[1].seen_ms != CLOCK_NONE &&
			!shard->clock.partitions[1].is_at_end)
			assert_true(lead <= 600000 + 50 * 60000);
	}
	assert_true(was_held);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, 300);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_OPPORTUNITY].position.offset, 300);
	rig_deinit(&rig);
}

/* S8: a wrong year is neither believed nor checkpointed; one that Redis confirms is. */
static void test_wall_that_jumps(void **state)
{
	struct rig rig;
	_cleanup_buffer_ struct buffer text = { 0 };
	struct counters counters;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 7);
	int64_t clock_ms = shard_clock(rig_shard(&rig, 0, 0)->shard),
		right_ms = rig.wall.manual_now_ms;
	const struct checkpoint *checkpoint = rig_shard(&rig, 0, 0)->checkpoint;
	uint64_t written = checkpoint_status(checkpoint).written_count;
	rig.wall.manual_now_ms += INT64_C(366) * 86400000;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(rig_turn(&rig, 0), 0);
		rig.wall.manual_now_ms += 1000;
		rig.wall.manual_monotone_ms += 1000;
		rig.storage_seconds++;
	}
	assert_true(shard_clock(rig_shard(&rig, 0, 0)->shard) - clock_ms < 2000);
	assert_true(
		checkpoint_status(checkpoint).written_count <= written + 1); /* one was under way */
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "clock_held"));
	rig.wall.manual_now_ms = right_ms + 40000;
	rig_run(&rig, 0, 12);
	assert_true(shard_clock(rig_shard(&rig, 0, 0)->shard) > right_ms + 45000);
	/* A machine that slept: wall and Redis agree. */
	rig_pass(&rig, 0);
	rig.wall.manual_now_ms += 7200000;
	rig.storage_seconds = rig.wall.manual_now_ms / 1000;
	rig_run(&rig, 0, 12);
	rig_expect(&rig, "wins", "1h", 0);
	rig_deinit(&rig);
}

/* An input that can't be read is given up after a minute; what is published meanwhile says so. */
static void test_unreadable_partition_is_partial(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	source_memory_set_unreadable(rig.nodes[0].source, RIG_OPPORTUNITY, 0, true);
	rig_run(&rig, 0, 40);
	assert_string_equal(rig_latest(&rig, "revenue", "today").state, "OK");
	rig_run(&rig, 0, 30);
	assert_string_equal(rig_latest(&rig, "revenue", "today").state, "PARTIAL");
	rig_expect(&rig, "revenue", "today", 100);
	source_memory_set_unreadable(rig.nodes[0].source, RIG_OPPORTUNITY, 0, false);
	struct event *event =
		event_make(&rig.arena, ENTITY_OPPORTUNITY, "O1", 1, "2026-03-02T03:01:00Z");
	rig_append(&rig, event);
	rig_run(&rig, 0, 5);
	assert_string_equal(rig_latest(&rig, "revenue", "today").state, "OK");
	rig_deinit(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_falls_with_no_event),
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_wall_that_jumps),
		cmocka_unit_test(test_unreadable_partition_is_partial),
	};

	return cmocka_run_group_tests_name("pipeline_time", tests, NULL, NULL);
}
