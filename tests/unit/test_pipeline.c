/* The pipeline over its in-memory seams: starts, crashes, hand-overs, zombies, and everything that must not be lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/timefmt.h"
#include "edge/codec.h"
#include "events.h"
#include "plans.h"
#include "rig.h"

/* ---- starting ------------------------------------------------------------------------------------------- */

static void test_first_start(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100.50");
	rig_won(&rig, "D2", 1, "200");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 300.5);
	rig_expect(&rig, "wins", "1h", 2);
	/* The checkpoint's positions are the group's offsets; the record was stamped with wall time. */
	rig_run(&rig, 0, 6);
	struct source_position committed[2] = { { RIG_OPPORTUNITY, 0, 0 }, { RIG_DEAL, 0, 0 } };
	char metadata[128] = "";
	struct source *source = rig.nodes[0].source;
	assert_int_equal(
		source->ops->committed(source, 0, committed, 2, metadata, sizeof(metadata)), 0);
	assert_int_equal(committed[1].offset, 2);
	assert_non_null(strstr(metadata, "epoch="));
	assert_true(rig_latest(&rig, "wins", "1h").published_at_ms > ms_of("2026-03-02T03:00:00Z"));
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

static void test_nothing_is_published_before_it_is_caught_up(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	/* Two hours of events, read ten at a time: kpi.latest waits until the end is near. */
	for (int i = 0; i < 100; i++) {
		char id[16];

		snprintf(id, sizeof(id), "D%d", i);
		rig_won(&rig, id, 1, "1");
		rig_pass(&rig, 120000);
	}
	rig.settings.messages_per_turn = 10;
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(rig_turn(&rig, 0), 0);
		assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_CATCHING_UP);
		assert_int_equal(rig_count(&rig, 0, SINK_LATEST), 0);
	}
	rig_run(&rig, 0, 5);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	rig_expect(&rig, "wins", "today", 100);
	rig_deinit(&rig);
}

static void test_empty_storage_beside_offsets_is_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	rig_crash(&rig, 0);
	storage_memory_clear(rig.storage);
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	assert_int_equal(rig_turn(&rig, 0), -ENODATA);
	assert_non_null(strstr(err_message(), "--rebuild"));
	rig_crash(&rig, 0);
	/* The clear choice. The revisions still rise. */
	rig_pass(&rig, 1000);
	rig.settings.rebuild = true;
	rig_serve(&rig, 0);
	rig_won(&rig, "D2", 1, "1");
	rig_run(&rig, 0, 3);
	rig_expect(&rig, "revenue", "today", 101);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* The last value on kpi.history of a rep's revenue, whichever day; -1: none. */
static double closed_revenue(struct rig *rig, const char *rep)
{
	double value = -1;
	int64_t revision = 0;

	for (int n = 0; n < RIG_NODES; n++) {
		const struct sink *sink = rig->nodes[n].sink;

		for (size_t i = 0; sink != NULL && i < sink_memory_count(sink); i++) {
			const struct sink_memory_record *record = sink_memory_at(sink, i);
			struct snapshot snapshot;

			if (record->topic != SINK_HISTORY)
				continue;
			assert_int_equal(codec_decode_snapshot(record->value, &snapshot), 0);
			if (!slice_is(snapshot.metric, "revenue") ||
				!slice_is(snapshot.group_key, rep) || snapshot.revision < revision)
				continue;
			revision = snapshot.revision;
			value = snapshot.value.is_set ? snapshot.value.value : 0;
		}
	}
	return value;
}

static void append_win(struct rig *rig, const char *id, int64_t version, const char *rep)
{
	struct event *e = event_make(&rig->arena, ENTITY_DEAL, id, version, "2026-03-02T03:00:00Z");

	event_set_all(e, "status", "WON", "amount", "100", "currency", "IDR", "won_at",
		"2026-03-02T03:00:00Z", "owner_id", rep, NULL);
	rig_append(rig, e);
}

/*
 * The state is lost, the topic is not: what the lost process said of a closed day is said anew where reading all in one go adds up to
 * nothing there, and so nothing would be said.
 */
static void test_rebuild_leaves_nothing_stale(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	append_win(&rig, "D1", 1, "ana");
	rig_serve(&rig, 0);
	rig_pass(&rig, 20 * 3600000);
	rig_run(&rig, 0, 60);
	assert_true(closed_revenue(&rig, "ana") == 100);
	rig_crash(&rig, 0);
	storage_memory_clear(rig.storage);
	append_win(&rig, "D1", 2, "budi");
	rig.settings.rebuild = true;
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 120);
	assert_true(closed_revenue(&rig, "budi") == 100);
	assert_true(closed_revenue(&rig, "ana") == 0);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* The same where the one before died ahead of its first checkpoint: all that is left of it is its epoch. */
static void test_owner_without_a_checkpoint_is_doubted(void **state)
{
	for (int had_owner = 0; had_owner < 2; had_owner++) {
		struct rig rig;
		uint64_t epoch;
		int32_t count;

		(void)state;
		rig_init(&rig, 1);
		if (had_owner)
			assert_int_equal(
				rig.storage->ops->take_epoch(rig.storage, 0, 1, &epoch, &count),
				STORAGE_OK);
		append_win(&rig, "D1", 1, "ana");
		append_win(&rig, "D1", 2, "budi");
		rig_pass(&rig, 20 * 3600000);
		rig_serve(&rig, 0);
		rig_run(&rig, 0, 120);
		assert_true(closed_revenue(&rig, "budi") == 100);
		/* Nobody can have said anything before a first start: nothing is taken back. */
		assert_true(closed_revenue(&rig, "ana") == (had_owner ? 0 : -1));
		rig_deinit(&rig);
	}
}

/* S25: the count is fixed at the first start. */
static void test_another_partition_count_is_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_crash(&rig, 0);
	memory_log_free(rig.log);
	rig.log = memory_log_new(2, 2);
	rig.partition_count = rig.settings.partition_count = 2;
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	assert_int_equal(rig_turn(&rig, 0), -EINVAL);
	assert_non_null(strstr(err_message(), "job"));
	rig_deinit(&rig);
}

static void test_offset_that_is_gone_stops_the_shard(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	rig_crash(&rig, 0);
	memory_log_free(rig.log);
	rig.log = memory_log_new(2, 1);
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 1);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_STOPPED);
	assert_non_null(strstr(rig_shard(&rig, 0, 0)->text, "--rebuild"));
	rig_deinit(&rig);
}

/* ---- crashes -------------------------------------------------------------------------------------------- */

/* A crash between any two turns, and a start after it: the same last values as without one, and revisions rise. */
static void test_crash_at_any_point(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 11);
	for (int round = 0; round < 25; round++) {
		struct rig rig;
		double revenue = 0;

		rig_init(&rig, 1);
		rig.settings.checkpoint.interval_ms = 500;
		rig_serve(&rig, 0);
		for (int step = 0; step < 40; step++) {
			char id[16], amount[16];
			int deal = (int)rng_below(&rng, 8);

			snprintf(id, sizeof(id), "D%d-%d", deal, step);
			snprintf(amount, sizeof(amount), "%d", step + 1);
			rig_won(&rig, id, step + 1, amount);
			revenue += step + 1;
			/* Acknowledgements that come late, or never. */
			sink_memory_set_automatic(rig.nodes[0].sink, rng_chance(&rng, 0.7));
			assert_int_equal(rig_turn(&rig, 0), 0);
			rig_pass(&rig, (int64_t)rng_below(&rng, 400));
			if (rng_chance(&rng, 0.3))
				sink_memory_settle(rig.nodes[0].sink, rng_chance(&rng, 0.5));
			if (rng_chance(&rng, 0.15)) {
				rig_crash(&rig, 0);
				rig_serve(&rig, 0);
			}
		}
		sink_memory_set_automatic(rig.nodes[0].sink, true);
		sink_memory_settle(rig.nodes[0].sink, true);
		rig_run(&rig, 0, 4);
		rig_expect(&rig, "revenue", "today", revenue);
		rig_expect(&rig, "wins", "1h", 40);
		rig_check_revisions(&rig);
		rig_deinit(&rig);
	}
}

static void test_duplicates_change_nothing(void **state)
{
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	rig_init(&rig, 1);
	struct event *event = event_make(&rig.arena, ENTITY_DEAL, "D1", 3, "2026-03-02T02:59:00Z");
	event_set_all(event, "status", "WON", "amount", "70", "currency", "IDR", "owner_id", "ana",
		"won_at", "2026-03-02T02:59:00Z", NULL);
	for (int i = 0; i < 3; i++)
		rig_append(&rig, event);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 70);
	pipeline_status(rig.nodes[0].pipeline, &counters, &text);
	assert_int_equal(counters.events, 1);
	assert_int_equal(counters.duplicates, 2);
	assert_int_equal(counters.messages, 3);
	rig_deinit(&rig);
}

/* S21: nothing is swapped in while a record that was produced before the cut may still be lost. */
static void test_manifest_waits_for_acknowledgement(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_start(&rig, 0);
	sink_memory_set_automatic(rig.nodes[0].sink, false);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 20);
	const struct checkpoint *checkpoint = rig_shard(&rig, 0, 0)->checkpoint;
	/* The very first cut was made before anything was produced; nothing was swapped in since. */
	uint64_t before = checkpoint_status(checkpoint).written_count;
	assert_true(before <= 1);
	assert_int_equal(checkpoint_status(checkpoint).state, CHECKPOINT_WRITTEN);
	sink_memory_set_automatic(rig.nodes[0].sink, true);
	sink_memory_settle(rig.nodes[0].sink, true);
	rig_run(&rig, 0, 1);
	assert_true(checkpoint_status(checkpoint).written_count > before);
	rig_deinit(&rig);
}

/* A failed delivery makes its key dirty again, though nothing new happened. */
static void test_failed_delivery_is_sent_again(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_start(&rig, 0);
	sink_memory_set_automatic(rig.nodes[0].sink, false);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 2);
	const struct rig_value first = rig_latest(&rig, "revenue", "today");
	assert_int_equal(first.count, 1);
	sink_memory_settle(rig.nodes[0].sink, false);
	rig_run(&rig, 0, 2);
	const struct rig_value again = rig_latest(&rig, "revenue", "today");
	assert_int_equal(again.count, 2);
	assert_true(again.revision > first.revision);
	rig_deinit(&rig);
}

/* ---- owners --------------------------------------------------------------------------------------------- */

static void test_zombie_is_fenced(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	/* The group gives the shard to another, and the first one does not hear of it. */
	rig_pass(&rig, 1000);
	rig_serve(&rig, 1);
	source_memory_set_confirmed(rig.nodes[0].source, false);
	rig_run(&rig, 1, 2);
	/* Its next checkpoint finds the newer epoch. */
	rig_run(&rig, 0, 6);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_FENCED);
	size_t published = sink_memory_count(rig.nodes[0].sink);
	rig_won(&rig, "D2", 1, "11");
	rig_run(&rig, 0, 60);
	assert_int_equal(sink_memory_count(rig.nodes[0].sink), published);
	rig_run(&rig, 1, 7);
	rig_expect(&rig, "revenue", "today", 111);
	assert_int_equal(rig_state(&rig, 1), ASSIGNMENT_SERVING);
	assert_true(checkpoint_status(rig_shard(&rig, 1, 0)->checkpoint).written_count > 1);
	rig_deinit(&rig);
}

/* S19: after a turn longer than half the session nothing goes out until the group has confirmed. */
static void test_long_turn_publishes_nothing_unconfirmed(void **state)
{
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	size_t before = sink_memory_count(rig.nodes[0].sink);
	rig_won(&rig, "D2", 1, "100");
	source_memory_set_confirmed(rig.nodes[0].source, false);
	rig_pass(&rig, 16000);
	rig_run(&rig, 0, 3);
	assert_int_equal(sink_memory_count(rig.nodes[0].sink), before);
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	source_memory_set_confirmed(rig.nodes[0].source, true);
	rig_run(&rig, 0, 3);
	rig_expect(&rig, "revenue", "today", 200);
	rig_deinit(&rig);
}

static void take_away(struct rig *rig, int node, bool lost)
{
	source_memory_revoke(rig->nodes[node].source, 0, lost);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rig_turn(rig, node), 0);
		rig_pass(rig, 50);
	}
	assert_true(source_memory_is_released(rig->nodes[node].source, 0));
}

/* S24: a checkpoint first, then the release; the next owner goes on where the first one was. */
static void test_revoked_shard_is_handed_over(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	rig_won(&rig, "D1", 1, "100");
	rig_run(&rig, 0, 1);
	take_away(&rig, 0, false);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_PARKED);
	rig_serve(&rig, 1);
	const struct assignment_input *deals = &rig_shard(&rig, 1, 0)->inputs[RIG_DEAL];
	assert_int_equal(deals->position.offset, 1);
	assert_int_equal(shard_counters(rig_shard(&rig, 1, 0)->shard).entities,
		shard_counters(rig_shard(&rig, 0, 0)->shard).entities);
	rig_run(&rig, 1, 3);
	rig_expect(&rig, "revenue", "today", 100);
	/* Back again: somebody had it meanwhile, so the memory is not believed. */
	take_away(&rig, 1, false);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 2);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	assert_true(checkpoint_epoch(rig_shard(&rig, 0, 0)->checkpoint) >
		    checkpoint_epoch(rig_shard(&rig, 1, 0)->checkpoint));
	rig_deinit(&rig);
}

static void test_unchanged_epoch_keeps_memory(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	const struct shard *memory = rig_shard(&rig, 0, 0)->shard;
	uint64_t epoch = checkpoint_epoch(rig_shard(&rig, 0, 0)->checkpoint);
	take_away(&rig, 0, false);
	rig_assign(&rig, 0, 0);
	rig_won(&rig, "D2", 1, "1");
	rig_run(&rig, 0, 3);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	assert_ptr_equal(rig_shard(&rig, 0, 0)->shard, memory);
	/* A new one nevertheless: whom a fail-over made forgotten may have had one between. */
	assert_true(checkpoint_epoch(rig_shard(&rig, 0, 0)->checkpoint) > epoch);
	rig_expect(&rig, "revenue", "today", 101);
	rig_check_revisions(&rig);
	/* Not for ever: a shard that stays away is forgotten. */
	take_away(&rig, 0, false);
	rig_run(&rig, 0, 31);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_NONE);
	rig_deinit(&rig);
}

/* D1 as rig_won has it, at a time of its own. */
static void correct(struct rig *rig, int64_t version, const char *amount, int64_t won_at_ms)
{
	struct event *event = event_make(&rig->arena, ENTITY_DEAL, "D1", version, NULL);

	event->occurred_at_ms = event->ingested_at_ms = won_at_ms;
	event_set_all(event, "status", "WON", "amount", amount, "currency", "IDR", "owner_id",
		"ana", NULL);
	event_set_time(event, "won_at", won_at_ms);
	rig_append(rig, event);
}

/*
 * S18, S24: a fail-over made the owner between forgotten. What is read again adds up to what was published before, and is not what the
 * board shows.
 */
static void test_kept_memory_publishes_anew(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	int64_t won_at_ms = rig.wall.manual_now_ms;
	correct(&rig, 1, "100", won_at_ms);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	const struct shard *memory = rig_shard(&rig, 0, 0)->shard;
	take_away(&rig, 0, false);
	correct(&rig, 2, "50", won_at_ms);
	rig_serve(&rig, 1);
	rig_run(&rig, 1, 2);
	rig_expect(&rig, "revenue", "today", 50);
	uint64_t forgotten = checkpoint_epoch(rig_shard(&rig, 1, 0)->checkpoint);
	rig_crash(&rig, 1);
	storage_memory_roll_back(rig.storage, 0);
	rig_pass(&rig, 1000);
	correct(&rig, 3, "100", won_at_ms);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 3);
	assert_ptr_equal(rig_shard(&rig, 0, 0)->shard, memory);
	assert_true(checkpoint_epoch(rig_shard(&rig, 0, 0)->checkpoint) > forgotten);
	rig_expect(&rig, "revenue", "today", 100);
	rig_deinit(&rig);
}

static void test_lost_shard_is_discarded(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	uint32_t segments = storage_memory_segment_count(rig.storage);
	rig_won(&rig, "D1", 1, "100");
	rig_run(&rig, 0, 1);
	take_away(&rig, 0, true);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_NONE);
	assert_int_equal(storage_memory_segment_count(rig.storage), segments);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 100);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* A storage that is away does not keep the partition from its next owner for ever. */
static void test_revocation_is_bounded(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	/* An acknowledgement that never comes. */
	sink_memory_set_automatic(rig.nodes[0].sink, false);
	rig_won(&rig, "D1", 1, "100");
	rig_run(&rig, 0, 1);
	source_memory_revoke(rig.nodes[0].source, 0, false);
	rig_run(&rig, 0, 5);
	assert_false(source_memory_is_released(rig.nodes[0].source, 0));
	rig_run(&rig, 0, 6);
	assert_true(source_memory_is_released(rig.nodes[0].source, 0));
	rig_deinit(&rig);
}

static void test_end_saves_everything(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 6);
	rig_won(&rig, "D1", 1, "100");
	rig_run(&rig, 0, 1);
	pipeline_end(rig.nodes[0].pipeline);
	for (int i = 0; i < 10 && !pipeline_is_ended(rig.nodes[0].pipeline); i++)
		assert_int_equal(rig_turn(&rig, 0), 0);
	assert_true(pipeline_is_ended(rig.nodes[0].pipeline));
	rig_crash(&rig, 0);
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	assert_int_equal(rig_turn(&rig, 0), 0);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, 1);
	rig_deinit(&rig);
}

/* ---- storage that is away ------------------------------------------------------------------------------- */

static void test_absent_storage(void **state)
{
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	/* From the start: polling goes on, nothing is guessed. */
	storage_memory_fail_next(rig.storage, 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_turn(&rig, 0), 0);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_RESTORING);
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "redis: not reachable"));
	rig_run(&rig, 0, 6);
	rig_expect(&rig, "revenue", "today", 100);
	/* In the middle: values go on, checkpoints are skipped, and a whole one follows. */
	storage_memory_fail_next(rig.storage, 1000000);
	rig_won(&rig, "D2", 1, "10");
	rig_run(&rig, 0, 22);
	rig_expect(&rig, "revenue", "today", 110);
	buffer_reset(&text);
	assert_true(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "redis: not reachable"));
	assert_true(counters.checkpoints_skipped > 0);
	assert_true(counters.checkpoint_age_ms >= 20000);
	storage_memory_fail_next(rig.storage, 0);
	rig_run(&rig, 0, 12);
	rig_crash(&rig, 0);
	rig_serve(&rig, 0);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, 2);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 110);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* A write whose answer was lost, a failover that forgot the newest checkpoint: a whole one follows. */
static void test_forgetful_storage(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "1");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 12);
	storage_memory_roll_back(rig.storage, 0);
	rig_won(&rig, "D2", 1, "2");
	rig_run(&rig, 0, 12);
	assert_true(checkpoint_status(rig_shard(&rig, 0, 0)->checkpoint).rebase_count >= 1);
	storage_memory_lose_answers(rig.storage, 3);
	rig_won(&rig, "D3", 1, "4");
	rig_run(&rig, 0, 18);
	rig_crash(&rig, 0);
	rig_serve(&rig, 0);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, 3);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 7);
	rig_deinit(&rig);
}

/* ---- the writer's thread -------------------------------------------------------------------------------- */

static void pass_until(struct rig *rig, enum assignment_state state)
{
	for (int i = 0; i < 500 && rig_state(rig, 0) != state; i++) {
		assert_int_equal(rig_turn(rig, 0), 0);
		rig_pass(rig, 5);
	}
	assert_int_equal(rig_state(rig, 0), state);
}

static void test_checkpoints_by_a_thread(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_real_time(&rig);
	rig.settings.checkpoint.interval_ms = 20;
	rig_won(&rig, "D1", 1, "100");
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	pass_until(&rig, ASSIGNMENT_SERVING);
	const struct checkpoint *checkpoint = rig_shard(&rig, 0, 0)->checkpoint;
	for (int i = 0; i < 500 && checkpoint_status(checkpoint).written_count < 3; i++) {
		assert_int_equal(rig_turn(&rig, 0), 0);
		rig_pass(&rig, 5);
	}
	assert_true(checkpoint_status(checkpoint).written_count >= 3);
	source_memory_revoke(rig.nodes[0].source, 0, false);
	pass_until(&rig, ASSIGNMENT_PARKED);
	rig_crash(&rig, 0);
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	pass_until(&rig, ASSIGNMENT_SERVING);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, 1);
	rig_deinit(&rig);
}

/* One shard's restore waits for the storage; another that is taken away meanwhile does not wait behind it. */
static void test_absent_storage_holds_no_turn(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 2);
	rig_real_time(&rig);
	storage_memory_fail_next(rig.storage, 1000000);
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	rig_assign(&rig, 0, 1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rig_turn(&rig, 0), 0);
		rig_pass(&rig, 5);
	}
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_RESTORING);
	int64_t before_ms = wall_monotone_ms(&rig.wall);
	for (int32_t shard = 1; shard >= 0; shard--) {
		source_memory_revoke(rig.nodes[0].source, shard, false);
		assert_int_equal(rig_turn(&rig, 0), 0);
		assert_true(source_memory_is_released(rig.nodes[0].source, shard));
	}
	assert_true(wall_monotone_ms(&rig.wall) - before_ms < 2000);
	rig_deinit(&rig);
}

/* ---- bad input ------------------------------------------------------------------------------------------ */

static void test_dead_letter_is_whole(void **state)
{
	static const char bytes[] = "\x04\xff\xff\xff\xff\x0f";
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	memory_log_append(rig.log, RIG_DEAL, 0, SLICE_LIT("acme"),
		(struct slice){ bytes, sizeof(bytes) - 1 });
	memory_log_append(rig.log, RIG_DEAL, 0, SLICE_LIT("acme"), (struct slice){ NULL, 0 });
	/* S9: won two days and more after its own event. */
	struct event *event = event_make(&rig.arena, ENTITY_DEAL, "D9", 1, "2026-03-01T00:00:00Z");
	event_set_all(event, "status", "WON", "amount", "70", "currency", "IDR", "owner_id", "ana",
		"won_at", "2026-03-05T00:00:00Z", NULL);
	rig_append(&rig, event);
	rig_won(&rig, "D2", 1, "1");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 101);
	assert_int_equal(rig_count(&rig, 0, SINK_DLQ), 3);
	const struct sink_memory_record *letter = NULL;
	for (size_t i = sink_memory_count(rig.nodes[0].sink); i-- > 0;)
		if (sink_memory_at(rig.nodes[0].sink, i)->topic == SINK_DLQ)
			letter = sink_memory_at(rig.nodes[0].sink, i);
	assert_int_equal(letter->value.len, sizeof(bytes) - 1);
	assert_memory_equal(letter->value.at, bytes, sizeof(bytes) - 1);
	assert_true(slice_is(letter->key, "acme"));
	assert_non_null(strstr(letter->headers,
		"topic=crm.deal\npartition=0\noffset=1\nerror_time=2026-03-02T03:00:"));
	assert_int_equal(strncmp(letter->headers, "reason=", 7), 0);
	assert_true(letter->headers[7] != '\n');
	pipeline_status(rig.nodes[0].pipeline, &counters, &text);
	assert_int_equal(counters.dead_letters, 3);
	assert_int_equal(counters.events, 2);
	rig_deinit(&rig);
}

static void test_late_event(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	struct event *event = event_make(&rig.arena, ENTITY_DEAL, "OLD", 1, "2019-03-01T00:00:00Z");
	event_set_all(event, "status", "WON", "amount", "70", "currency", "IDR", "owner_id", "ana",
		"won_at", "2019-03-01T00:00:00Z", NULL);
	rig_append(&rig, event);
	rig_run(&rig, 0, 2);
	assert_int_equal(rig_count(&rig, 0, SINK_LATE), 1);
	assert_int_equal(rig_count(&rig, 0, SINK_DLQ), 0);
	rig_expect(&rig, "revenue", "today", 100);
	rig_deinit(&rig);
}

static void write_schema(const char *folder, const char *name)
{
	const struct asset *schema = asset_find("deal.avsc");
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(schema->data, 1, schema->len, file), schema->len);
	fclose(file);
}

static void append_framed(struct rig *rig, uint32_t schema_id, const char *id)
{
	_cleanup_buffer_ struct buffer bytes = { 0 };
	struct event *event = event_make(&rig->arena, ENTITY_DEAL, id, 1, "2026-03-02T02:59:00Z");

	event_set_all(event, "status", "WON", "amount", "5", "currency", "IDR", "owner_id", "ana",
		"won_at", "2026-03-02T02:59:00Z", NULL);
	codec_put_frame(schema_id, &bytes);
	codec_encode_event(event, &bytes);
	memory_log_append(rig->log, RIG_DEAL, 0, SLICE_LIT("acme"), buffer_slice(&bytes));
}

/* Nothing passes it, nothing is lost, the rest goes on; with the schema it goes on too. */
static void test_unknown_schema_waits(void **state)
{
	char folder[] = "/tmp/salespulse-test-XXXXXX", path[300];
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	assert_non_null(mkdtemp(folder));
	write_schema(folder, "7-deal.avsc");
	rig_init(&rig, 1);
	schema_store_free(rig.schemas);
	rig.schemas = schema_store_new(folder);
	append_framed(&rig, 7, "D1");
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 1);
	append_framed(&rig, 99, "D2");
	append_framed(&rig, 7, "D3");
	rig_run(&rig, 0, 5);
	const struct assignment_input *deals = &rig_shard(&rig, 0, 0)->inputs[RIG_DEAL];
	assert_int_equal(deals->position.offset, 1);
	assert_true(deals->is_held);
	assert_true(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "waits 5 s for a schema"));
	assert_non_null(strstr(buffer_text(&text), "99"));
	assert_int_equal(counters.unknown_schemas, 1);
	rig_run(&rig, 0, 30);
	buffer_reset(&text);
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_int_equal(rig_count(&rig, 0, SINK_DLQ), 0);
	rig_expect(&rig, "wins", "today", 1);
	/* The store looks into its folder once a second of its own. */
	write_schema(folder, "99-deal.avsc");
	usleep(1100000);
	append_framed(&rig, 7, "D4");
	rig_run(&rig, 0, 3);
	rig_expect(&rig, "wins", "today", 4);
	assert_int_equal(deals->position.offset, 4);
	assert_false(deals->is_held);
	buffer_reset(&text);
	assert_true(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	rig_deinit(&rig);
	for (int id = 7; id <= 99; id += 92) {
		snprintf(path, sizeof(path), "%s/%d-deal.avsc", folder, id);
		remove(path);
	}
	rmdir(folder);
}

/* S25: half of a company in each of two shards would be two companies. */
static void test_tenant_in_the_wrong_partition(void **state)
{
	struct rig rig;
	_cleanup_buffer_ struct buffer bytes = { 0 }, text = { 0 };
	struct counters counters;

	(void)state;
	rig_init(&rig, 2);
	struct event *event = event_make(&rig.arena, ENTITY_DEAL, "D1", 1, "2026-03-02T02:59:00Z");
	event_set_all(event, "status", "WON", "amount", "5", "currency", "IDR", "owner_id", "ana",
		"won_at", "2026-03-02T02:59:00Z", NULL);
	codec_encode_event(event, &bytes);
	/* "acme" belongs in one of the two: it is put into the other. */
	rig_append(&rig, event);
	int32_t wrong = memory_log_end(rig.log, RIG_DEAL, 0) == 1 ? 1 : 0;
	memory_log_append(rig.log, RIG_DEAL, wrong, SLICE_LIT("acme"), buffer_slice(&bytes));
	rig_start(&rig, 0);
	rig_assign(&rig, 0, 0);
	rig_assign(&rig, 0, 1);
	rig_run(&rig, 0, 2);
	assert_int_equal(rig_shard(&rig, 0, wrong)->state, ASSIGNMENT_STOPPED);
	assert_non_null(strstr(rig_shard(&rig, 0, wrong)->text, "murmur2_random"));
	assert_int_equal(rig_shard(&rig, 0, 1 - wrong)->state, ASSIGNMENT_SERVING);
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	rig_deinit(&rig);
}

/* `single`: one shard has all partitions, and a tenant may lie anywhere. */
static void test_single_mode(void **state)
{
	struct rig rig;
	_cleanup_buffer_ struct buffer bytes = { 0 };

	(void)state;
	rig_init(&rig, 3);
	rig.settings.is_single = true;
	for (int32_t partition = 0; partition < 3; partition++) {
		char id[16];

		snprintf(id, sizeof(id), "D%d", (int)partition);
		struct event *event =
			event_make(&rig.arena, ENTITY_DEAL, id, 1, "2026-03-02T02:59:00Z");
		event_set_all(event, "status", "WON", "amount", "5", "currency", "IDR", "owner_id",
			"ana", "won_at", "2026-03-02T02:59:00Z", NULL);
		buffer_reset(&bytes);
		codec_encode_event(event, &bytes);
		memory_log_append(
			rig.log, RIG_DEAL, partition, SLICE_LIT("acme"), buffer_slice(&bytes));
	}
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 7);
	rig_expect(&rig, "revenue", "today", 15);
	rig_crash(&rig, 0);
	rig_serve(&rig, 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(
			rig_shard(&rig, 0, 0)->inputs[3 * RIG_DEAL + i].position.offset, 1);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "revenue", "today", 15);
	rig_deinit(&rig);
}

static void test_limit_stops_the_shard(void **state)
{
	struct rig rig;
	_cleanup_buffer_ struct buffer text = { 0 };
	struct counters counters;

	(void)state;
	rig_init(&rig, 1);
	rig.settings.shard.store.entities_max = 4;
	rig_serve(&rig, 0);
	for (int i = 0; i < 8; i++) {
		char id[16];

		snprintf(id, sizeof(id), "D%d", i);
		rig_won(&rig, id, 1, "1");
	}
	rig_run(&rig, 0, 2);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_STOPPED);
	assert_false(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "limits."));
	/* With more room it goes on from its last checkpoint, and nothing was lost. */
	rig_crash(&rig, 0);
	rig.settings.shard.store.entities_max = 100;
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "wins", "today", 8);
	rig_deinit(&rig);
}

/* ---- a full sink ---------------------------------------------------------------------------------------- */

/* So many reps that there is no room for a group of each: seen in a counter, and what was there before, and the company, stay right. */
static void test_flood_of_groups(void **state)
{
	enum { REPS = 3000, GROUPS = 500 };
	struct buffer _cleanup_buffer_ text = { 0 };
	struct counters counters;
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig.settings.shard.groups = (struct group_limits){ GROUPS, 10000 };
	rig.settings.shard.pending_max = 100000;
	rig_won(&rig, "D0", 1, "1"); /* ana's */
	for (int i = 1; i <= REPS; i++) {
		char id[16], rep[16];

		snprintf(id, sizeof(id), "D%d", i);
		snprintf(rep, sizeof(rep), "rep%d", i);
		append_win(&rig, id, 1, rep);
	}
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 10);
	assert_true(pipeline_status(rig.nodes[0].pipeline, &counters, &text));
	assert_non_null(strstr(buffer_text(&text), "groups_refused="));
	assert_true(counters.groups <= GROUPS);
	assert_true(counters.groups_refused >= REPS - GROUPS);
	assert_int_equal(counters.dead_letters, 0);
	rig_expect(&rig, "wins", "today", REPS + 1);
	rig_expect(&rig, "revenue", "today", 100.0 * REPS + 1);
	/* It goes on: for the rep that was there, after a crash, and when a deal of a refused one changes hands. */
	rig_crash(&rig, 0);
	rig_serve(&rig, 0);
	rig_won(&rig, "D0", 2, "11");
	append_win(&rig, "D2999", 2, "ana");
	rig_run(&rig, 0, 10);
	rig_expect(&rig, "wins", "today", REPS + 1);
	rig_expect(&rig, "revenue", "today", 100.0 * REPS + 11);
	rig_pass(&rig, 20 * 3600000);
	rig_run(&rig, 0, 120);
	assert_true(closed_revenue(&rig, "ana") == 111);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

static void test_full_sink(void **state)
{
	struct rig rig;
	struct counters counters;
	_cleanup_buffer_ struct buffer text = { 0 };

	(void)state;
	rig_init(&rig, 1);
	rig_serve(&rig, 0);
	rig_run(&rig, 0, 1);
	memory_log_append(rig.log, RIG_DEAL, 0, SLICE_LIT("acme"), SLICE_LIT("bad one"));
	memory_log_append(rig.log, RIG_DEAL, 0, SLICE_LIT("acme"), SLICE_LIT("bad two"));
	rig_won(&rig, "D1", 1, "1");
	sink_memory_refuse_next(rig.nodes[0].sink, 1000000);
	assert_int_equal(rig_turn(&rig, 0), 0);
	/* The letters wait, and nothing more is taken; no checkpoint is made past them. */
	int64_t at = rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset;
	uint64_t written = checkpoint_status(rig_shard(&rig, 0, 0)->checkpoint).written_count;
	assert_int_equal(at, 3);
	rig_won(&rig, "D2", 1, "2");
	rig_run(&rig, 0, 12);
	assert_int_equal(rig_shard(&rig, 0, 0)->inputs[RIG_DEAL].position.offset, at);
	assert_int_equal(
		checkpoint_status(rig_shard(&rig, 0, 0)->checkpoint).written_count, written);
	pipeline_status(rig.nodes[0].pipeline, &counters, &text);
	assert_true(counters.sink_full > 0);
	assert_non_null(strstr(buffer_text(&text), "producer is full"));
	sink_memory_refuse_next(rig.nodes[0].sink, 0);
	rig_run(&rig, 0, 3);
	assert_int_equal(rig_count(&rig, 0, SINK_DLQ), 2);
	rig_expect(&rig, "revenue", "today", 3);
	rig_deinit(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_start),
		cmocka_unit_test(test_nothing_is_published_before_it_is_caught_up),
		cmocka_unit_test(test_empty_storage_beside_offsets_is_refused),
		cmocka_unit_test(test_rebuild_leaves_nothing_stale),
		cmocka_unit_test(test_owner_without_a_checkpoint_is_doubted),
		cmocka_unit_test(test_another_partition_count_is_refused),
		cmocka_unit_test(test_offset_that_is_gone_stops_the_shard),
		cmocka_unit_test(test_crash_at_any_point),
		cmocka_unit_test(test_duplicates_change_nothing),
		cmocka_unit_test(test_manifest_waits_for_acknowledgement),
		cmocka_unit_test(test_failed_delivery_is_sent_again),
		cmocka_unit_test(test_zombie_is_fenced),
		cmocka_unit_test(test_long_turn_publishes_nothing_unconfirmed),
		cmocka_unit_test(test_revoked_shard_is_handed_over),
		cmocka_unit_test(test_unchanged_epoch_keeps_memory),
		cmocka_unit_test(test_kept_memory_publishes_anew),
		cmocka_unit_test(test_lost_shard_is_discarded),
		cmocka_unit_test(test_revocation_is_bounded),
		cmocka_unit_test(test_end_saves_everything),
		cmocka_unit_test(test_absent_storage),
		cmocka_unit_test(test_forgetful_storage),
		cmocka_unit_test(test_checkpoints_by_a_thread),
		cmocka_unit_test(test_absent_storage_holds_no_turn),
		cmocka_unit_test(test_dead_letter_is_whole),
		cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_unknown_schema_waits),
		cmocka_unit_test(test_tenant_in_the_wrong_partition),
		cmocka_unit_test(test_single_mode),
		cmocka_unit_test(test_limit_stops_the_shard),
		cmocka_unit_test(test_flood_of_groups),
		cmocka_unit_test(test_full_sink),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
