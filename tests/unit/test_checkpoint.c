/* The life of a checkpoint over the storage in memory: cut, settle, swap, restore, fence, rebase, a storage that is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/checkpoint.h"
#include "edge/checkpoint_job.h"
#include "edge/storage_memory.h"
#include "events.h"
#include "plans.h"

struct world {
	struct plan *plan;
	struct zone zone;
	struct calendar calendar;
	struct tenant_book book;
	struct shard_settings shard_settings;
	int64_t seconds, monotone_ms;
	struct storage *storage;
	struct checkpoint_writer *writer;
	struct arena arena;
};

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->plan = plan_of("measures:\n  - {name: wins, on: deal, at: deal.won_at, agg: count}\nmetrics:\n  - {name: wins, value: wins, windows: [all, today]}\n");
	w->zone = zone_of("Asia/Jakarta");
	w->calendar = (struct calendar){ .zone = &w->zone, .week_start = 1, .fiscal_start_month = 1 };
	w->book = (struct tenant_book){ .calendars = &w->calendar, .calendar_count = 1 };
	w->shard_settings = (struct shard_settings){ .plan = w->plan, .tenants = &w->book, .store = { 10000, 1 << 20 }, .groups = { 100, 100 },
		.snapshots = { .publish_interval_ms = 250, .refresh_ms = 600000, .finals_max = 100 }, .pending_max = 1000 };
	w->seconds = 1700000000;
	w->monotone_ms = 1000;
	w->storage = storage_memory_new(&w->seconds);
	w->writer = checkpoint_writer_inline(w->storage);
	arena_init(&w->arena, 0);
}

static void end(struct world *w)
{
	checkpoint_writer_free(w->writer);
	w->storage->ops->free(w->storage);
	plan_free(w->plan);
	zone_deinit(&w->zone);
	arena_deinit(&w->arena);
}

static struct checkpoint *owner(struct world *w, uint64_t writer_id)
{
	return checkpoint_new(w->writer, &(struct checkpoint_settings){ .interval_ms = 5000, .segment_bytes_max = 1 << 20, .fold_ratio = 1,
		.compress = true, .writer_id = writer_id, .fingerprint = w->plan->fingerprint }, 0);
}

static int restore(struct checkpoint *c, struct shard *shard, struct checkpoint_restored *ret)
{
	int answer;

	do
		answer = checkpoint_restore(c, shard, 1, ret);
	while (answer == CHECKPOINT_PENDING);
	return answer;
}

static void win(struct world *w, struct shard *shard, const char *id)
{
	struct event *e = event_make(&w->arena, ENTITY_DEAL, id, 1, "2026-03-02T02:00:00Z");
	char reason[EVENT_REASON_MAX];

	event_set_all(e, "status", "WON", "amount", "1", "currency", "IDR", "won_at", "2026-03-02T02:00:00Z", "owner_id", "ana", NULL);
	assert_int_equal(shard_apply(shard, e, reason), SHARD_APPLIED);
}

/* A whole checkpoint; answers what checkpoint_turn said in the end: 1 when it was swapped in. */
static int write(struct world *w, struct checkpoint *c, struct shard *shard, int64_t offset)
{
	const struct source_position at = { 0, 0, offset };
	const struct checkpoint_cut cut = { .positions = &at, .position_count = 1, .extra = SLICE_LIT("clock"), .sink_sequence = 5 };
	const struct source_position *positions;
	size_t count;
	int swapped = 0;

	w->monotone_ms += 10000;
	if (!checkpoint_is_due(c, w->monotone_ms, false))
		return -1;
	checkpoint_begin(c, shard, &cut, w->monotone_ms);
	checkpoint_submit(c);
	for (int i = 0; i < 10 && !swapped; i++) /* S21: not before all that was produced is acknowledged */
		assert_int_equal(checkpoint_turn(c, 4, w->monotone_ms, &positions, &count), 0);
	for (int i = 0; i < 10 && !swapped; i++)
		swapped = checkpoint_turn(c, 5, w->monotone_ms, &positions, &count);
	if (swapped)
		assert_int_equal(positions[0].offset, offset);
	return swapped;
}

static void comes_back(void **state)
{
	struct world w;
	struct checkpoint_restored r;

	(void)state;
	begin(&w);
	struct checkpoint *c = owner(&w, 1);
	struct shard *shard = shard_new(&w.shard_settings);

	assert_int_equal(restore(c, shard, &r), CHECKPOINT_EMPTY);
	for (int i = 0; i < 5; i++) {
		char id[16];

		snprintf(id, sizeof(id), "D%d", i);
		win(&w, shard, id);
		shard_advance(shard, time_of("2026-03-02T03:00:00Z") + i * 1000, SIZE_MAX / 2);
		assert_int_equal(write(&w, c, shard, 10 + i), 1);
	}
	checkpoint_free(c);
	shard_free(shard);
	c = owner(&w, 2);
	shard = shard_new(&w.shard_settings);
	assert_int_equal(restore(c, shard, &r), CHECKPOINT_RESTORED);
	assert_int_equal(r.positions[0].offset, 14);
	assert_true(slice_is(r.extra, "clock"));
	assert_false(r.rebuilt);
	assert_int_equal(shard_counters(shard).entities, 5);
	assert_int_equal(shard_audit(shard, NULL, NULL), 0);
	checkpoint_free(c);
	shard_free(shard);
	end(&w);
}

static void an_old_owner_is_fenced(void **state)
{
	struct world w;
	struct checkpoint_restored r;

	(void)state;
	begin(&w);
	struct checkpoint *zombie = owner(&w, 1), *heir = owner(&w, 2);
	struct shard *old = shard_new(&w.shard_settings), *fresh = shard_new(&w.shard_settings);

	restore(zombie, old, &r);
	win(&w, old, "D1");
	shard_advance(old, time_of("2026-03-02T03:00:00Z"), SIZE_MAX / 2);
	assert_int_equal(write(&w, zombie, old, 3), 1);
	assert_int_equal(restore(heir, fresh, &r), CHECKPOINT_RESTORED);
	assert_true(checkpoint_epoch(heir) > checkpoint_epoch(zombie));
	win(&w, old, "D2");
	assert_int_equal(write(&w, zombie, old, 4), 0);
	assert_true(checkpoint_is_fenced(zombie));
	win(&w, fresh, "D3");
	assert_int_equal(write(&w, heir, fresh, 5), 1);
	checkpoint_free(zombie);
	checkpoint_free(heir);
	shard_free(old);
	shard_free(fresh);
	end(&w);
}

static void a_lost_base_is_written_anew(void **state)
{
	struct world w;
	struct checkpoint_restored r;

	(void)state;
	begin(&w);
	struct checkpoint *c = owner(&w, 1);
	struct shard *shard = shard_new(&w.shard_settings);

	restore(c, shard, &r);
	win(&w, shard, "D1");
	shard_advance(shard, time_of("2026-03-02T03:00:00Z"), SIZE_MAX / 2);
	assert_int_equal(write(&w, c, shard, 1), 1);
	storage_memory_clear(w.storage); /* a failover that lost everything */
	win(&w, shard, "D2");
	for (int i = 0; i < 6 && write(&w, c, shard, 2 + i) != 1; i++)
		;
	checkpoint_free(c);
	shard_free(shard);
	c = owner(&w, 2);
	shard = shard_new(&w.shard_settings);
	assert_int_equal(restore(c, shard, &r), CHECKPOINT_RESTORED);
	assert_int_equal(shard_counters(shard).entities, 2);
	checkpoint_free(c);
	shard_free(shard);
	end(&w);
}

static void an_absent_storage_is_waited_for(void **state)
{
	struct world w;
	struct checkpoint_restored r;

	(void)state;
	begin(&w);
	struct checkpoint *c = owner(&w, 1);
	struct shard *shard = shard_new(&w.shard_settings);

	restore(c, shard, &r);
	win(&w, shard, "D1");
	shard_advance(shard, time_of("2026-03-02T03:00:00Z"), SIZE_MAX / 2);
	storage_memory_fail_next(w.storage, 1000);
	assert_true(write(&w, c, shard, 1) != 1);
	assert_true(checkpoint_status(c).storage_down);
	assert_true(checkpoint_status(c).failed_count > 0);
	storage_memory_fail_next(w.storage, 0);
	int swapped = 0;

	for (int i = 0; i < 10 && swapped != 1; i++)
		swapped = write(&w, c, shard, 9);
	assert_int_equal(swapped, 1);
	assert_false(checkpoint_status(c).storage_down);
	checkpoint_free(c);
	shard_free(shard);
	end(&w);
}

static void read_without_taking_the_epoch(void **state)
{
	struct world w;
	struct checkpoint_restored r;
	struct checkpoint_job job;

	(void)state;
	begin(&w);
	struct checkpoint *c = owner(&w, 1);
	struct shard *shard = shard_new(&w.shard_settings);

	restore(c, shard, &r);
	win(&w, shard, "D1");
	shard_advance(shard, time_of("2026-03-02T03:00:00Z"), SIZE_MAX / 2);
	assert_int_equal(write(&w, c, shard, 1), 1);
	checkpoint_job_init(&job, JOB_RESTORE, 0);
	assert_int_equal(checkpoint_job_read(&job, w.storage), 0);
	assert_true(job.found);
	assert_int_equal(job.cut_count, 1);
	checkpoint_job_deinit(&job);
	win(&w, shard, "D2");
	assert_int_equal(write(&w, c, shard, 2), 1); /* the owner was not disturbed */
	checkpoint_free(c);
	shard_free(shard);
	end(&w);
}

static size_t stored_cuts(struct world *w)
{
	struct checkpoint_job job;
	size_t count;

	checkpoint_job_init(&job, JOB_RESTORE, 0);
	assert_int_equal(checkpoint_job_read(&job, w->storage), 0);
	count = job.cut_count;
	checkpoint_job_deinit(&job);
	return count;
}

/* S12: the settings get a change that lies ahead: nothing is made anew, and the first cut under them is whole. */
static void a_change_of_the_calendar_ahead_keeps_it(void **state)
{
	const struct calendar_change sunday = { .from_day = 20600, .week_start = 7 }; /* 2026-05-27 */
	struct world w;
	struct checkpoint_restored r;

	(void)state;
	begin(&w);
	for (int i = 0; i < 3; i++) {
		struct checkpoint *c = owner(&w, (uint64_t)i + 1);
		struct shard *shard = shard_new(&w.shard_settings);
		char id[16];

		assert_int_equal(restore(c, shard, &r), i ? CHECKPOINT_RESTORED : CHECKPOINT_EMPTY);
		if (i) {
			assert_false(r.rebuilt);
			assert_int_equal(r.calendars_changed, i == 1);
		}
		for (int k = 0; k < 2; k++) {
			snprintf(id, sizeof(id), "D%d-%d", i, k);
			win(&w, shard, id);
			shard_advance(shard, time_of("2026-03-02T03:00:00Z") + (i * 2 + k) * 1000, SIZE_MAX / 2);
			assert_int_equal(write(&w, c, shard, 10 * i + k), 1);
			if (i < 2)
				assert_int_equal(stored_cuts(&w), 1 + k);
		}
		assert_int_equal(shard_audit(shard, NULL, NULL), 0);
		assert_int_equal(shard_counters(shard).entities, 2 * (i + 1));
		checkpoint_free(c);
		shard_free(shard);
		if (i == 0) {
			struct calendar before = w.calendar;

			assert_int_equal(calendar_change(&before, &sunday, NULL, &w.calendar), 0);
		}
	}
	end(&w);
}

static int count_entities(void *ctx, int32_t index, struct shard *shard, bool rebuilt)
{
	int *counts = ctx;

	assert_false(rebuilt);
	counts[0]++;
	counts[1] = index;
	counts[2] = shard ? (int)shard_counters(shard).entities : -1;
	return counts[3];
}

static void others_look_at_it(void **state)
{
	struct world w;
	struct checkpoint_restored r;
	int counts[4] = { 0, -1, 0, 0 };

	(void)state;
	begin(&w);
	assert_int_equal(checkpoint_walk(w.storage, &w.shard_settings, -1, count_entities, counts), 0);
	assert_int_equal(counts[0], 0);
	struct checkpoint *c = owner(&w, 1);
	struct shard *shard = shard_new(&w.shard_settings);

	restore(c, shard, &r);
	win(&w, shard, "D1");
	shard_advance(shard, time_of("2026-03-02T03:00:00Z"), SIZE_MAX / 2);
	assert_int_equal(write(&w, c, shard, 3), 1);
	assert_int_equal(checkpoint_walk(w.storage, &w.shard_settings, 7, count_entities, counts), 0);
	assert_int_equal(counts[0], 0);
	counts[3] = 5;
	assert_int_equal(checkpoint_walk(w.storage, &w.shard_settings, -1, count_entities, counts), 5);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 0);
	assert_int_equal(counts[2], 1);
	/* Its owner goes on. */
	win(&w, shard, "D2");
	assert_int_equal(write(&w, c, shard, 4), 1);
	checkpoint_free(c);
	shard_free(shard);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(comes_back), cmocka_unit_test(a_change_of_the_calendar_ahead_keeps_it),
		cmocka_unit_test(an_old_owner_is_fenced),
		cmocka_unit_test(a_lost_base_is_written_anew), cmocka_unit_test(an_absent_storage_is_waited_for),
		cmocka_unit_test(read_without_taking_the_epoch), cmocka_unit_test(others_look_at_it) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
