/* Snapshots of kpi.history: finals, restatements, what outlives a restart; and that neither topic depends on the order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/xalloc.h"
#include "core/shard_inside.h"
#include "core/snapshot_inside.h"
#include "sales_floor.h"

#define MEASURES                                                                                   \
	"measures:\n"                                                                              \
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', value: "  \
	"deal.amount, by: {rep: deal.owner_id}}\n"                                                 \
	"  - {name: wins, extends: revenue, agg: count}\n"                                         \
	"  - {name: spread, extends: revenue, agg: percentile}\n"                                  \
	"  - {name: buyers, extends: revenue, agg: distinct, value: deal.account_id}\n"            \
	"  - {name: leads, on: lead, at: lead.created_at, agg: count, by: {rep: lead.owner_id}}\n" \
	"  - {name: good, extends: leads, where: 'lead.qualification == \"GOOD\"'}\n"              \
	"  - {name: reps, on: rep, at: day_start(rep.active_from), until: "                        \
	"day_start(rep.active_to + 1), where: rep.quota_carrying, agg: count}\n"
#define METRICS                                                                                \
	"metrics:\n"                                                                           \
	"  - {name: revenue, value: revenue, windows: [today, month_to_date], group_by: [[], " \
	"[rep]]}\n"                                                                            \
	"  - {name: rank, rank: revenue}\n"                                                    \
	"  - {name: per_rep, value: revenue / opening(reps), windows: [today]}\n"              \
	"  - {name: growth, value: revenue - previous(revenue), windows: [today, 24h]}\n"      \
	"  - {name: median, value: p50(spread), windows: [week_to_date]}\n"                    \
	"  - {name: buyers, value: buyers, windows: [today], group_by: [[], [rep]]}\n"         \
	"  - {name: quality, value: good / leads, unit: percent, basis: COHORT, mature: 2d, "  \
	"windows: [today], group_by: [[], [rep]]}\n"                                           \
	"  - {name: roster, value: reps, windows: [today]}\n"
#define DEFINITIONS MEASURES METRICS

static void lead(struct sales_floor *f, const char *id, int64_t version, const char *created_at,
	const char *qualification)
{
	struct event *e = event_make(&f->arena, ENTITY_LEAD, id, version, created_at);

	event_set_all(e, "status", "OPEN", "created_at", created_at, "qualification", qualification,
		"owner_id", "ana", NULL);
	floor_apply(f, e);
}

static void rep(struct sales_floor *f, const char *id, const char *from)
{
	struct event *e = event_make(&f->arena, ENTITY_REP, id, 1, "2026-03-01T00:00:00Z");

	event_set_all(e, "name", id, "quota_carrying", "true", "active_from", from, NULL);
	floor_apply(f, e);
}

/* ---- finals --------------------------------------------------------------------------------------------- */

static void a_day_closes_after_its_grace(void **state)
{
	struct sales_floor f;
	const struct snapshot *r;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	lead(&f, "L1", 1, "2026-03-02T01:00:00Z", "GOOD");
	floor_at(&f, "2026-03-02T17:59:59Z");
	assert_int_equal(f.history, 0);
	floor_at(&f, "2026-03-02T18:00:00Z");
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-02", "10", "OK");
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-03-02", "10", "OK");
	floor_expect(&f, "acme/rank/day/rep/ana/IDR@2026-03-02", "1", "OK");
	r = &floor_find(&f, "acme/revenue/day///IDR@2026-03-02")->record;
	assert_true(r->is_final && r->is_history &&
		    r->window_start_ms == ms_of("2026-03-01T17:00:00Z") &&
		    r->window_end_ms == ms_of("2026-03-02T17:00:00Z"));
	assert_true(
		r->first_final_value.is_set && r->first_final_value.units == 10 * DECIMAL_SCALE);
	assert_true(
		r->previous_value.is_set && r->previous_value.value == 0 && !r->change_pct.is_set);
	floor_absent(&f, "acme/quality/day///@2026-03-02"); /* a cohort ripens first */
	floor_absent(&f, "acme/revenue/month///IDR@2026-03-01");
	floor_at(&f, "2026-03-04T17:59:00Z");
	floor_absent(&f, "acme/quality/day///@2026-03-02");
	floor_at(&f, "2026-03-04T18:00:00Z");
	floor_expect(&f, "acme/quality/day///@2026-03-02", "100", "OK");
	floor_at(&f, "2026-03-31T18:00:00Z");
	floor_expect(&f, "acme/revenue/month///IDR@2026-03-01", "10", "OK");
	floor_deinit(&f);
}

static void zero_follows_only_what_was_not(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D2", 1, "2026-03-03T01:00:00Z", "budi", "5", NULL);
	for (int day = 2; day <= 6; day++) {
		char clock[32];

		snprintf(clock, sizeof(clock), "2026-03-%02dT18:00:00Z", day % 100);
		floor_at(&f, clock);
	}
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-03-03", "0", "OK");
	assert_true(floor_find(&f, "acme/revenue/day/rep/ana/IDR@2026-03-03")
			    ->record.change_pct.value == -100);
	floor_absent(&f, "acme/revenue/day/rep/ana/IDR@2026-03-04");
	floor_absent(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02");
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-04", "0", "OK");
	floor_absent(&f, "acme/revenue/day///IDR@2026-03-05");
	floor_absent(&f,
		"acme/rank/day/rep/ana/IDR@2026-03-03"); /* nobody who did nothing is ranked in the past */
	floor_expect(&f, "acme/rank/day/rep/budi/IDR@2026-03-03", "1", "OK");
	floor_expect(&f, "acme/growth/day///IDR@2026-03-03", "-5", "OK");
	floor_deinit(&f);
}

static void what_closed_before_the_first_clock(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-10T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-10T02:00:00Z");
	assert_int_equal(f.history, 0); /* no finals for times before the data */
	floor_win(&f, "D2", 1, "2026-02-05T01:00:00Z", "ana", "7", NULL); /* an initial import */
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-02-05", "7", "OK");
	floor_expect(&f, "acme/revenue/month///IDR@2026-02-01", "7", "OK");
	floor_expect(&f, "acme/rank/month/rep/ana/IDR@2026-02-01", "1", "OK");
	assert_true(floor_find(&f, "acme/revenue/month///IDR@2026-02-01")->record.is_final);
	floor_deinit(&f);
}

/* ---- restatements --------------------------------------------------------------------------------------- */

static void a_correction_is_said_once_a_minute(void **state)
{
	struct sales_floor f;
	const char *key = "acme/revenue/day/rep/ana/IDR@2026-03-02";
	uint32_t history;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-03T01:00:00Z");
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_turn(&f, 61000, UINT32_MAX);
	floor_expect(&f, key, "8", "OK");
	assert_true(floor_find(&f, key)->record.first_final_value.units == 10 * DECIMAL_SCALE);
	floor_win(&f, "D1", 3, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	assert_false(shard_is_idle(f.shard));
	floor_turn(&f, 30000, UINT32_MAX);
	floor_expect(&f, key, "8", "OK");
	floor_win(&f, "D1", 4, "2026-03-02T01:00:00Z", "ana", "7", NULL);
	floor_turn(&f, 30000, UINT32_MAX);
	floor_expect(&f, key, "7", "OK");
	assert_int_equal(floor_find(&f, key)->sent, 3);
	assert_true(floor_find(&f, key)->record.first_final_value.units == 10 * DECIMAL_SCALE);
	/* There and back is no restatement; nor is a fact that only touches others. */
	history = f.history;
	floor_win(&f, "D1", 5, "2026-03-02T01:00:00Z", "ana", "6", NULL);
	floor_win(&f, "D1", 6, "2026-03-02T01:00:00Z", "ana", "7", NULL);
	floor_settle(&f);
	assert_int_equal(f.history, history);
	floor_deinit(&f);
}

static void the_day_after_compares_with_what_is_true(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D2", 1, "2026-03-03T01:00:00Z", "ana", "15", NULL);
	floor_at(&f, "2026-03-03T18:00:00Z");
	assert_true(
		floor_find(&f, "acme/revenue/day///IDR@2026-03-03")->record.change_pct.value == 50);
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "5", NULL);
	floor_settle(&f);
	assert_true(floor_find(&f, "acme/revenue/day///IDR@2026-03-03")->record.change_pct.value ==
		    200);
	floor_expect(&f, "acme/growth/day///IDR@2026-03-03", "10", "OK");
	floor_deinit(&f);
}

static void an_opening_changes_all_days_behind_it(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	rep(&f, "ana", "2026-01-01");
	for (int day = 2; day <= 5; day++) {
		char clock[32], id[16];

		snprintf(clock, sizeof(clock), "2026-03-%02dT01:00:00Z", day % 100);
		snprintf(id, sizeof(id), "D%d", day % 100);
		floor_win(&f, id, 1, clock, "ana", "12", NULL);
		floor_at(&f, clock);
	}
	floor_at(&f, "2026-03-06T01:00:00Z");
	floor_expect(&f, "acme/per_rep/day///IDR@2026-03-02", "12", "OK");
	floor_expect(&f, "acme/per_rep/day///IDR@2026-03-05", "12", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-05", "1", "OK");
	rep(&f, "budi", "2026-03-04"); /* heard of two days late: he was there when the 5th began */
	floor_settle(&f);
	floor_expect(&f, "acme/per_rep/day///IDR@2026-03-04", "12", "OK");
	floor_expect(&f, "acme/per_rep/day///IDR@2026-03-05", "6", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-03", "1", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-04", "2", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-05", "2", "OK");
	floor_at(&f, "2026-03-07T01:00:00Z");
	floor_expect(&f, "acme/roster/day///@2026-03-06", "2", "OK"); /* a stock without an event */
	floor_deinit(&f);
}

static void ranks_are_restated_for_all(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "9", NULL);
	floor_at(&f, "2026-03-03T01:00:00Z");
	floor_expect(&f, "acme/rank/day/rep/ana/IDR@2026-03-02", "1", "OK");
	floor_win(&f, "D3", 1, "2026-03-02T01:00:00Z", "budi", "9", NULL);
	floor_settle(&f);
	floor_expect(&f, "acme/rank/day/rep/ana/IDR@2026-03-02", "2",
		"OK"); /* though nothing of her own changed */
	assert_true(floor_find(&f, "acme/rank/day/rep/ana/IDR@2026-03-02")
			    ->record.first_final_value.units == DECIMAL_SCALE);
	floor_deinit(&f);
}

/* ---- the sink ------------------------------------------------------------------------------------------- */

static void win_thirty(struct sales_floor *f)
{
	for (int i = 0; i < 30; i++) {
		char id[16];

		snprintf(id, sizeof(id), "r%d", i % 10);
		floor_win(
			f, id, 1 + i / 10, "2026-03-02T01:00:00Z", id, "10", i % 3 ? NULL : "USD");
	}
	floor_at(f, "2026-03-02T17:00:00Z");
	assert_int_equal(f->history, 0);
	floor_advance(f, "2026-03-02T18:00:00Z");
}

static void a_full_sink_goes_on_where_it_was(void **state)
{
	struct sales_floor f, whole;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_init(&whole, DEFINITIONS);
	win_thirty(&whole);
	floor_settle(&whole);
	win_thirty(&f);
	for (int i = 0; i < 200 && f.history < whole.history; i++) {
		f.refuse_after = i % 3 == 0 ? 0 : 2;
		floor_turn(&f, 300, 5);
		if (i == 7 || i == 15) { /* in the middle of the period */
			assert_in_range(f.history, 1, whole.history - 1);
			floor_restart(&f, i == 7);
		}
	}
	f.refuse_after = UINT32_MAX;
	floor_settle(&f);
	assert_int_equal(f.history, whole.history);
	for (uint32_t i = 0; i < whole.count; i++) {
		const struct board_record *r = floor_find(&f, whole.records[i].key);

		if (!whole.records[i].record.is_history)
			continue;
		assert_non_null(r);
		assert_int_equal(r->sent, 1);
		assert_true(r->content == whole.records[i].content);
	}
	floor_deinit(&whole);
	floor_deinit(&f);
}

static uint64_t key_of_day(const char *metric)
{
	return snapshot_key_hash(&(struct snapshot){ .tenant_id = SLICE_INIT("acme"),
		.metric = slice_of(metric),
		.window = SLICE_INIT("day"),
		.group_by = SLICE_INIT(""),
		.group_key = SLICE_INIT(""),
		.currency = SLICE_INIT("IDR"),
		.is_history = true,
		.window_start_ms = ms_of("2026-03-01T17:00:00Z") });
}

static void an_undelivered_final_is_sent_again(void **state)
{
	struct sales_floor f;
	uint32_t history;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	history = f.history;
	snapshots_forget_key(shard_snapshots(f.shard), key_of_day("revenue"));
	assert_false(shard_is_idle(f.shard));
	floor_settle(&f);
	assert_int_equal(f.history, history + 1);
	assert_int_equal(floor_find(&f, "acme/revenue/day///IDR@2026-03-02")->sent, 2);
	assert_true(floor_find(&f, "acme/revenue/day///IDR@2026-03-02")
			    ->record.first_final_value.units == 10 * DECIMAL_SCALE);
	/* When nobody knows which failed: all that no confirmed checkpoint is known to be behind. */
	snapshots_forget_published(shard_snapshots(f.shard));
	floor_settle(&f);
	assert_int_equal(f.history, 2 * history + 1);
	for (int i = 0; i < 2; i++) {
		struct buffer _cleanup_buffer_ cut;

		buffer_init(&cut);
		shard_save(f.shard, false, &cut);
		shard_saved(f.shard);
	}
	snapshots_forget_published(shard_snapshots(f.shard));
	floor_settle(&f);
	assert_int_equal(f.history, 2 * history + 1);
	floor_deinit(&f);
}

static void the_limit_forgets_the_oldest(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	f.settings.snapshots.finals_max = 40;
	shard_free(f.shard);
	f.shard = shard_new(&f.settings);
	for (int day = 2; day <= 20; day++) {
		char clock[32], id[16];

		snprintf(clock, sizeof(clock), "2026-03-%02dT01:00:00Z", day % 100);
		snprintf(id, sizeof(id), "D%d", day % 100);
		floor_win(&f, id, 1, clock, "ana", "10", NULL);
		floor_at(&f, clock);
		if (day % 5 == 0)
			floor_restart(&f, day % 10 == 0);
	}
	floor_at(&f, "2026-03-21T01:00:00Z");
	floor_win(&f, "D20", 2, "2026-03-20T01:00:00Z", "ana", "11", NULL);
	floor_win(&f, "D2", 2, "2026-03-02T01:00:00Z", "ana", "11", NULL);
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-20", "11", "OK");
	assert_true(floor_find(&f, "acme/revenue/day///IDR@2026-03-20")
			    ->record.first_final_value.units == 10 * DECIMAL_SCALE);
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-02", "11",
		"OK"); /* right, but its first value is forgotten */
	assert_int_equal(index_count(&shard_snapshots(f.shard)->final_index), 40);
	floor_deinit(&f);
}

/* ---- restarts ------------------------------------------------------------------------------------------- */

static void a_restart_changes_nothing_in_the_past(void **state)
{
	struct sales_floor f;
	const char *key = "acme/revenue/day/rep/ana/IDR@2026-03-02";
	uint32_t history;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_restart(&f, true);
	history = f.history;
	floor_settle(&f);
	assert_int_equal(f.history, history);
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_restart(&f, false); /* booked, not said yet */
	floor_restart(&f, false);
	floor_settle(&f);
	floor_expect(&f, key, "8", "OK");
	assert_true(floor_find(&f, key)->record.first_final_value.units == 10 * DECIMAL_SCALE);
	floor_restart(&f, false);
	floor_win(
		&f, "D1", 3, "2026-03-02T01:00:00Z", "ana", "6", NULL); /* before the first turn */
	floor_settle(&f);
	floor_expect(&f, key, "6", "OK");
	floor_win(&f, "D2", 1, "2026-03-03T01:00:00Z", "ana", "5", NULL);
	floor_at(&f, "2026-03-03T02:00:00Z");
	rep(&f, "ana",
		"2026-02-28"); /* a change of all days behind it, that has to survive as well */
	floor_restart(&f, false);
	floor_restart(&f, false);
	floor_at(&f, "2026-03-07T02:00:00Z"); /* days that passed while nobody was there */
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-03-03", "5", "OK");
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-03-04", "0", "OK");
	floor_absent(&f, "acme/revenue/day/rep/ana/IDR@2026-03-05");
	floor_expect(&f, "acme/roster/day///@2026-02-28", "1", "OK");
	floor_expect(&f, "acme/per_rep/day///IDR@2026-03-02", "6", "OK");
	floor_deinit(&f);
}

/* What a dead process said after its last checkpoint is on the topic, and nobody remembers it. */
static void a_crash_leaves_nothing_stale(void **state)
{
	struct sales_floor f;
	const char *key = "acme/revenue/day/rep/ana/IDR@2026-03-02",
		   *other = "acme/revenue/day/rep/budi/IDR@2026-03-02";
	uint32_t history;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_cut(&f, true);
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_win(&f, "D9", 1, "2026-03-02T01:00:00Z", "budi", "3", NULL);
	floor_settle(&f);
	floor_expect(&f, key, "8", "OK");
	floor_expect(&f, other, "3", "OK");
	floor_crash(&f);
	history = f.history;
	floor_settle(&f);
	assert_int_equal(f.history, history); /* what no event touches is not said again */
	/* All is read again, and more, before the next turn: it adds up to what the checkpoint said. */
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_win(&f, "D9", 1, "2026-03-02T01:00:00Z", "budi", "3", NULL);
	floor_win(&f, "D1", 3, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D9", 2, "2026-03-02T01:00:00Z", "budi", "0", NULL);
	floor_win(&f, "D9", 3, "2026-03-03T01:00:00Z", "budi", "3", NULL);
	floor_settle(&f);
	floor_expect(&f, key, "10", "OK");
	floor_expect(&f, other, "0", "OK");
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-02", "10", "OK");
	assert_true(floor_find(&f, key)->record.first_final_value.units == 10 * DECIMAL_SCALE);
	/* Once is enough. */
	snapshots_caught_up(shard_snapshots(f.shard));
	floor_win(&f, "D1", 4, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	floor_settle(&f);
	history = f.history;
	floor_win(&f, "D1", 5, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_win(&f, "D1", 6, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	floor_win(&f, "D8", 1, "2026-03-02T01:00:00Z", "citra", "3", NULL);
	floor_win(&f, "D8", 2, "2026-03-03T01:00:00Z", "citra", "3", NULL);
	floor_settle(&f);
	assert_int_equal(f.history, history);
	floor_absent(&f, "acme/revenue/day/rep/citra/IDR@2026-03-02");
	floor_deinit(&f);
}

/* The same where the day itself closed after the checkpoint. */
static void a_day_closed_by_the_dead_is_closed_anew(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_cut(&f, true);
	floor_win(&f, "D2", 1, "2026-03-02T03:00:00Z", "budi", "3", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "3", "OK");
	floor_crash(&f);
	floor_win(&f, "D2", 1, "2026-03-02T03:00:00Z", "budi", "3", NULL);
	floor_win(&f, "D2", 2, "2026-03-04T03:00:00Z", "budi", "3", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "0", "OK");
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-02", "10", "OK");
	floor_deinit(&f);
}

/* Taken back again while the day is open for us: the dead process had closed it in between. What was never anything stays unsaid. */
static void what_came_and_went_on_an_open_day_is_said(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_cut(&f, true);
	floor_win(&f, "D2", 1, "2026-03-02T01:30:00Z", "budi", "3", NULL);
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "3", "OK");
	floor_crash(&f);
	floor_win(&f, "D2", 1, "2026-03-02T01:30:00Z", "budi", "3", NULL);
	floor_win(&f, "D2", 2, "2026-03-04T03:00:00Z", "budi", "3", NULL);
	floor_at(&f, "2026-03-02T04:00:00Z");
	floor_at(&f, "2026-03-02T19:00:00Z");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "0", "OK");
	floor_expect(&f, "acme/revenue/day///IDR@2026-03-02", "10", "OK");
	floor_absent(&f, "acme/open/day/rep/budi/@2026-03-02");
	floor_deinit(&f);
}

/* A stock that is nothing again, days after; and one more crash before what is in doubt was said. */
static void doubt_reaches_stocks(bool crashes_again)
{
	struct sales_floor f;
	struct event *gone;

	floor_init(&f, DEFINITIONS);
	rep(&f, "ana", "2026-03-01");
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_cut(&f, true);
	gone = event_make_op(&f.arena, ENTITY_REP, EVENT_DELETE, "ana", 2, "2026-03-06T02:00:00Z");
	floor_win(&f, "D2", 1, "2026-03-02T01:30:00Z", "budi", "3", NULL);
	floor_at(&f, "2026-03-05T19:00:00Z");
	floor_expect(&f, "acme/roster/day///@2026-03-05", "1", "OK");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "3", "OK");
	assert_true(floor_find(&f, "acme/revenue/day/rep/budi/IDR@2026-03-03")
			    ->record.previous_value.value > 0);
	floor_crash(&f);
	floor_win(&f, "D2", 1, "2026-03-02T01:30:00Z", "budi", "3", NULL);
	floor_win(&f, "D2", 2, "2026-03-06T03:00:00Z", "budi", "3", NULL);
	floor_apply(&f, gone);
	floor_at(&f, "2026-03-02T04:00:00Z");
	if (crashes_again) {
		floor_cut(&f, false);
		floor_crash(&f);
	}
	floor_at(&f, "2026-03-05T19:00:00Z");
	floor_expect(&f, "acme/revenue/day/rep/budi/IDR@2026-03-02", "0", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-03", "0", "OK");
	floor_expect(&f, "acme/roster/day///@2026-03-05", "0", "OK");
	assert_true(floor_find(&f, "acme/revenue/day/rep/budi/IDR@2026-03-03")
			    ->record.previous_value.value <= 0);
	floor_deinit(&f);
}

static void doubt_reaches_what_a_stock_was(void **state)
{
	(void)state;
	doubt_reaches_stocks(false);
}

static void doubt_outlives_a_crash(void **state)
{
	(void)state;
	doubt_reaches_stocks(true);
}

static void finals_outlive_definitions(void **state)
{
	static const char other[] =
		"measures:\n"
		"  - {name: zero, on: deal, at: deal.won_at, where: 'deal.status == \"LOST\"', "
		"agg: count, by: {rep: deal.owner_id}}\n"
		"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', "
		"value: deal.amount, by: {team: deal.team_id, rep: deal.owner_id}}\n"
		"  - {name: wins, extends: revenue, agg: count}\n"
		"metrics:\n"
		"  - {name: wins, value: wins, windows: [today], group_by: [[], [team]]}\n"
		"  - {name: revenue, value: revenue, windows: [today], group_by: [[], [rep]]}\n";
	struct sales_floor f;
	struct plan *before;
	uint32_t sent;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-03T01:00:00Z");
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	floor_settle(&f);
	sent = floor_find(&f, "acme/revenue/day/rep/ana/IDR@2026-03-02")->sent;
	before = f.plan;
	f.plan = plan_of(other);
	floor_restart(&f, true);
	plan_free(before);
	floor_settle(&f);
	floor_expect(
		&f, "acme/wins/day///@2026-03-02", "1", "OK"); /* of a new metric: the past too */
	assert_int_equal(floor_find(&f, "acme/revenue/day/rep/ana/IDR@2026-03-02")->sent, sent);
	floor_win(&f, "D1", 3, "2026-03-02T01:00:00Z", "ana", "6", NULL);
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/day/rep/ana/IDR@2026-03-02", "6", "OK");
	assert_true(floor_find(&f, "acme/revenue/day/rep/ana/IDR@2026-03-02")
			    ->record.first_final_value.units == 10 * DECIMAL_SCALE);
	floor_deinit(&f);
}

static void impossible_bytes_are_refused(void **state)
{
	struct buffer _cleanup_buffer_ saved;
	struct sales_floor f;
	struct rng rng;
	int refused = 0;

	(void)state;
	buffer_init(&saved);
	rng_init(&rng, 77);
	floor_init(&f, DEFINITIONS);
	rep(&f, "ana", "2026-01-01");
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-03T01:00:00Z");
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "8", NULL);
	rep(&f, "budi", "2026-02-01");
	snapshots_save(shard_snapshots(f.shard), true, &saved);
	for (int i = 0; i < 3000; i++) {
		uint8_t *bytes = x_malloc(saved.len);
		size_t length = i % 3 ? saved.len : rng_below(&rng, saved.len);
		struct snapshots *s = snapshots_new(f.plan, f.settings.snapshots);
		struct reader in = reader_of(bytes, length);

		memcpy(bytes, saved.data, saved.len);
		for (uint64_t k = i % 3 ? 1 + rng_below(&rng, 3) : 0; k; k--)
			bytes[rng_below(&rng, length)] = (uint8_t)rng_u64(&rng);
		refused += snapshots_restore(s, &in);
		snapshots_begin(s,
			&(struct snapshot_view){ .plan = f.plan,
				.groups = f.shard->groups,
				.calendars = f.calendars,
				.class_count = 2 },
			shard_clock(f.shard));
		snapshots_free(s);
		free(bytes);
	}
	assert_true(refused > 900);
	floor_deinit(&f);
}

/* What is noted of groups takes memory by the greatest number: one that no group has is not noted. */
static void a_group_that_is_not_there_costs_nothing(void **state)
{
	struct sales_floor f;
	struct snapshots *s;
	struct snapshot_view view;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-03T01:00:00Z");
	view = (struct snapshot_view){ .plan = f.plan,
		.groups = f.shard->groups,
		.calendars = f.calendars,
		.class_count = 2 };
	for (int since = 0; since < 2; since++) {
		struct restored_due due = { .start_ms = ms_of("2026-03-01T17:00:00Z"),
			.is_since = since };
		const struct closing *closing;
		uint32_t words = 0;

		s = snapshots_new(f.plan, f.settings.snapshots);
		due.group = GROUP_NONE - 1;
		snapshot_restored_add(s, &due);
		due.group = group_count(f.shard->groups);
		snapshot_restored_add(s, &due);
		snapshots_begin(s, &view, shard_clock(f.shard));
		closing = snapshot_closing(s, 0, 0);
		for (uint32_t i = 0; i < closing->count; i++)
			words += closing->periods[i].words;
		assert_int_equal(words + closing->since_count, 0);
		due.group--;
		snapshot_restored_add(s, &due);
		snapshots_begin(s, &view, shard_clock(f.shard));
		assert_true(since ? closing->has_since : closing->due_periods == 1);
		snapshots_free(s);
	}
	floor_deinit(&f);
}

/* ---- S10 ------------------------------------------------------------------------------------------------ */

enum { EVENTS = 120 };

static struct event *random_event(struct sales_floor *f, struct rng *rng, int number)
{
	static const char *const reps[] = { "ana", "budi", "citra", "dewi" }, *const amounts[] = {
		"10", "25.50", "0", "100"
	};
	char *id = x_malloc(16), *at = arena_alloc(&f->arena, 32), *version_id;
	struct event *e;

	snprintf(id, 16, "%c%d", number % 5 == 4 ? 'L' : 'D', (int)rng_below(rng, 40));
	version_id = arena_strndup(&f->arena, id, strlen(id));
	free(id);
	snprintf(at, 32, "2026-03-%02dT%02d:%02d:00Z", 2 + (int)rng_below(rng, 9),
		(int)rng_below(rng, 24), (int)rng_below(rng, 60));
	e = event_make(&f->arena, number % 5 == 4 ? ENTITY_LEAD : ENTITY_DEAL, version_id,
		1 + number, "2026-03-12T00:00:00Z");
	if (number % 5 == 4) {
		event_set_all(e, "status", "OPEN", "created_at", at, "qualification",
			rng_below(rng, 2) ? "GOOD" : "BAD", "owner_id", reps[rng_below(rng, 4)],
			NULL);
		return e;
	}
	event_set_all(e, "status", rng_below(rng, 5) ? "WON" : "LOST", "amount",
		amounts[rng_below(rng, 4)], "currency", rng_below(rng, 6) ? "IDR" : "USD", "won_at",
		at, "owner_id", reps[rng_below(rng, 4)], "account_id", reps[rng_below(rng, 4)],
		NULL);
	if (rng_below(rng, 4) == 0)
		e->tenant_id = SLICE_LIT("bolt");
	return e;
}

static void play(struct sales_floor *f, struct event **events, uint64_t seed)
{
	struct rng rng;
	bool done[EVENTS] = { false };

	rng_init(&rng, seed);
	for (int hour = 0; hour < 11 * 24; hour += 5) {
		char clock[32];

		snprintf(clock, sizeof(clock), "2026-03-%02dT%02d:00:00Z", 2 + hour / 24 % 90,
			hour % 24);
		for (int k = 0; k < EVENTS; k++) {
			int i = seed ? (int)rng_below(&rng, EVENTS) : k;

			if (done[i] || (seed && rng_below(&rng, 25)))
				continue;
			floor_apply(f, events[i]);
			done[i] = true;
		}
		floor_advance(f, clock);
		if (!seed) {
			floor_settle(f);
			continue;
		}
		f->refuse_after = rng_below(&rng, 3) ? UINT32_MAX : (uint32_t)rng_below(&rng, 30);
		floor_turn(f, (int64_t)rng_below(&rng, 70000), (uint32_t)rng_below(&rng, 60));
		if (rng_below(&rng, 6) == 0)
			floor_restart(f, rng_below(&rng, 4) == 0);
	}
	f->refuse_after = UINT32_MAX;
	for (int i = 0; i < EVENTS; i++)
		if (!done[i])
			floor_apply(f, events[i]);
	floor_at(f, "2026-03-14T05:00:00Z");
}

/* A key that was published once and is nothing now, and one that never was, say the same. */
static bool says_nothing(const struct board_record *r)
{
	return !r || (r->record.value_decimal.units == 0 && !r->record.numerator.units &&
			     !r->record.denominator.units);
}

static void compare(const struct sales_floor *a, const struct sales_floor *b, uint64_t seed)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct board_record *x = &a->records[i], *y = floor_find(b, x->key);

		if (y ? x->content == y->content : says_nothing(x))
			continue;
		fail_msg("seed %llu: %s is %s %.4f n=%lld previous %.4f change %.4f here, %s %.4f "
			 "n=%lld previous %.4f change %.4f there",
			(unsigned long long)seed, x->key, x->record.state, x->record.value.value,
			(long long)x->record.sample_size, x->record.previous_value.value,
			x->record.change_pct.value, y ? y->record.state : "nothing",
			y ? y->record.value.value : 0, y ? (long long)y->record.sample_size : 0,
			y ? y->record.previous_value.value : 0, y ? y->record.change_pct.value : 0);
	}
}

static void the_last_record_depends_on_nothing_but_the_facts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct sales_floor plain, torn;
		struct event *events[EVENTS];
		struct rng rng;

		floor_init(&plain, DEFINITIONS);
		floor_init(&torn, DEFINITIONS);
		rng_init(&rng, seed);
		for (int i = 0; i < EVENTS; i++)
			events[i] = random_event(&plain, &rng, i);
		play(&plain, events, 0);
		play(&torn, events, seed);
		assert_true(plain.history > 50);
		compare(&plain, &torn, seed);
		compare(&torn, &plain, seed);
		floor_deinit(&torn);
		floor_deinit(&plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_closes_after_its_grace),
		cmocka_unit_test(zero_follows_only_what_was_not),
		cmocka_unit_test(what_closed_before_the_first_clock),
		cmocka_unit_test(a_correction_is_said_once_a_minute),
		cmocka_unit_test(the_day_after_compares_with_what_is_true),
		cmocka_unit_test(an_opening_changes_all_days_behind_it),
		cmocka_unit_test(ranks_are_restated_for_all),
		cmocka_unit_test(a_full_sink_goes_on_where_it_was),
		cmocka_unit_test(an_undelivered_final_is_sent_again),
		cmocka_unit_test(the_limit_forgets_the_oldest),
		cmocka_unit_test(a_restart_changes_nothing_in_the_past),
		cmocka_unit_test(a_crash_leaves_nothing_stale),
		cmocka_unit_test(a_day_closed_by_the_dead_is_closed_anew),
		cmocka_unit_test(what_came_and_went_on_an_open_day_is_said),
		cmocka_unit_test(doubt_reaches_what_a_stock_was),
		cmocka_unit_test(doubt_outlives_a_crash),
		cmocka_unit_test(finals_outlive_definitions),
		cmocka_unit_test(impossible_bytes_are_refused),
		cmocka_unit_test(a_group_that_is_not_there_costs_nothing),
		cmocka_unit_test(the_last_record_depends_on_nothing_but_the_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
