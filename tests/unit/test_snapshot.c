/* Snapshots of kpi.latest: what is worth a record, when, in which order; states, currencies, the roster, boards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"
#include "core/shard_inside.h"
#include "sales_floor.h"

#define DEFINITIONS                                                                                \
	"measures:\n"                                                                              \
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', value: "  \
	"deal.amount, by: {rep: deal.owner_id, team: deal.team_id}}\n"                             \
	"  - {name: wins, extends: revenue, agg: count}\n"                                         \
	"  - {name: spread, extends: revenue, agg: percentile}\n"                                  \
	"  - {name: leads, on: lead, at: lead.created_at, agg: count, by: {rep: lead.owner_id}}\n" \
	"  - {name: good, extends: leads, where: 'lead.qualification == \"GOOD\"'}\n"              \
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "                    \
	"opportunity.closed_at, agg: count, by: {stage: 'opportunity.pipeline_id + \"/\" + "       \
	"opportunity.stage_id'}}\n"                                                                \
	"metrics:\n"                                                                               \
	"  - {name: revenue, value: revenue, windows: [1h, today], group_by: [[], [rep], [team, "  \
	"rep]]}\n"                                                                                 \
	"  - {name: rank, rank: revenue}\n"                                                        \
	"  - {name: average, value: revenue / samples(revenue), windows: [today], group_by: [[], " \
	"[rep]]}\n"                                                                                \
	"  - {name: median, value: p50(spread), windows: [today]}\n"                               \
	"  - {name: growth, value: (revenue - previous(revenue)) / previous(revenue), unit: "      \
	"percent, windows: [today]}\n"                                                             \
	"  - {name: quality, value: good / leads, unit: percent, min_sample: 2, windows: "         \
	"[today]}\n"                                                                               \
	"  - {name: ripe, value: good / leads, unit: percent, basis: COHORT, mature: 7d, "         \
	"windows: [today, 7d]}\n"                                                                  \
	"  - {name: day, value: good / leads, min_share: 0.25, windows: [today], group_by: [[], "  \
	"[rep]]}\n"                                                                                \
	"  - {name: open, value: open, group_by: [[], [stage]]}\n"

static void rep(struct sales_floor *f, const char *id, int64_t version, const char *name,
	const char *team, const char *to)
{
	struct event *e = event_make(&f->arena, ENTITY_REP, id, version, "2026-01-01T00:00:00Z");

	event_set_all(e, "name", name, "quota_carrying", "true", "active_from", "2026-01-01",
		"active_to", to, NULL);
	if (team)
		event_add_row(&f->arena, e, "memberships", team, "2026-01-01", NULL);
	floor_apply(f, e);
}

static void lead(
	struct sales_floor *f, const char *id, const char *created_at, const char *qualification)
{
	struct event *e = event_make(&f->arena, ENTITY_LEAD, id, 1, created_at);

	event_set_all(e, "status", "OPEN", "created_at", created_at, "qualification", qualification,
		NULL);
	floor_apply(f, e);
}

static void bolt_win(struct sales_floor *f, const char *id, const char *won_at, const char *rep_id,
	const char *amount, const char *currency)
{
	struct event *e = event_make(&f->arena, ENTITY_DEAL, id, 1, won_at);

	e->tenant_id = SLICE_LIT("bolt");
	event_set_all(e, "status", "WON", "amount", amount, "currency", currency, "won_at", won_at,
		"owner_id", rep_id, NULL);
	floor_apply(f, e);
}

/* ---- worth a record ------------------------------------------------------------------------------------- */

static void only_changes_are_said(void **state)
{
	struct sales_floor f;
	uint32_t sent;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "acme/revenue/today///IDR", "10", "OK");
	floor_expect(&f, "acme/revenue/today/rep/ana/IDR", "10", "OK");
	f.settings.snapshots.refresh_ms = 0;
	sent = f.sent;
	floor_advance(&f, "2026-03-02T02:00:01Z");
	assert_int_equal(floor_turn(&f, 1, UINT32_MAX), 0); /* as_of is no change */
	floor_win(&f, "D2", 1, "2026-03-02T01:30:00Z", "ana", "0", NULL);
	floor_turn(&f, 1000, UINT32_MAX);
	assert_true(f.sent > sent); /* one more fact: the average moves, and n of the sums */
	assert_int_equal(floor_find(&f, "acme/revenue/today///IDR")->record.sample_size, 2);
	floor_expect(&f, "acme/average/today/rep/ana/IDR", "5", "OK");
	sent = floor_find(&f, "acme/quality/today///")->sent;
	floor_win(&f, "D3", 1, "2026-03-02T01:40:00Z", "ana", "3", NULL);
	floor_turn(&f, 1000, UINT32_MAX);
	assert_int_equal(floor_find(&f, "acme/quality/today///")->sent,
		sent); /* what reads no deals is not looked at */
	floor_deinit(&f);
}

static void a_key_has_its_pace(void **state)
{
	struct sales_floor f;
	const char *key = "acme/revenue/today/rep/ana/IDR";
	uint32_t sent;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_advance(&f, "2026-03-02T02:00:00Z");
	floor_turn(&f, 100000, UINT32_MAX);
	sent = floor_find(&f, key)->sent;
	floor_win(&f, "D1", 2, "2026-03-02T01:00:00Z", "ana", "11", NULL);
	floor_turn(&f, 100, UINT32_MAX);
	floor_turn(&f, 149, UINT32_MAX);
	assert_int_equal(floor_find(&f, key)->sent, sent);
	assert_false(shard_is_idle(f.shard));
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "1", NULL);
	floor_turn(&f, 0, UINT32_MAX);
	floor_expect(&f, "acme/revenue/today/rep/budi/IDR", "1",
		"OK"); /* the first record of a key need not wait */
	floor_turn(&f, 1, UINT32_MAX);
	floor_expect(&f, key, "11", "OK");
	assert_int_equal(floor_find(&f, key)->sent, sent + 1);
	/* There and back within the interval is no change. */
	floor_win(&f, "D1", 3, "2026-03-02T01:00:00Z", "ana", "12", NULL);
	floor_turn(&f, 10, UINT32_MAX);
	floor_win(&f, "D1", 4, "2026-03-02T01:00:00Z", "ana", "11", NULL);
	floor_turn(&f, 1000, UINT32_MAX);
	assert_int_equal(floor_find(&f, key)->sent, sent + 1);
	floor_deinit(&f);
}

static void a_full_sink_loses_nothing(void **state)
{
	struct sales_floor whole, f;

	(void)state;
	floor_init(&whole, DEFINITIONS);
	floor_init(&f, DEFINITIONS);
	for (int i = 0; i < 20; i++) {
		const char *const reps[] = { "ana", "budi", "citra", "dewi" };
		char id[16];

		snprintf(id, sizeof(id), "D%d", i);
		floor_win(&whole, id, 1, "2026-03-02T01:00:00Z", reps[i % 4], "10", NULL);
		floor_win(&f, id, 1, "2026-03-02T01:00:00Z", reps[i % 4], "10", NULL);
	}
	floor_at(&whole, "2026-03-02T02:00:00Z");
	floor_advance(&f, "2026-03-02T02:00:00Z");
	for (int i = 0; i < 200 && !shard_is_idle(f.shard); i++) {
		int64_t revision = f.revision;

		if (i % 2)
			f.refuse_after = 1;		   /* the sink is full, */
		assert_true(floor_turn(&f, 3000, 3) <= 3); /* or the budget is used up */
		assert_int_equal(snapshots_revision(shard_snapshots(f.shard)), f.revision);
		assert_true(f.revision - revision <= 3);
		f.refuse_after = UINT32_MAX;
	}
	assert_true(shard_is_idle(f.shard));
	assert_int_equal(f.count, whole.count);
	for (uint32_t i = 0; i < whole.count; i++) {
		const struct board_record *r = floor_find(&f, whole.records[i].key);

		assert_non_null(r);
		assert_true(r->content == whole.records[i].content);
	}
	floor_deinit(&whole);
	floor_deinit(&f);
}

/* What a share of the day keeps back is said when it has passed, and kept back again from midnight: time alone does it. */
static void a_share_passes_without_events(void **state)
{
	struct sales_floor f;
	const char *key = "acme/day/today///";
	uint32_t sent;

	(void)state;
	floor_init(&f, DEFINITIONS);
	f.settings.snapshots.refresh_ms = 0;
	shard_free(f.shard);
	f.shard = shard_new(&f.settings);
	lead(&f, "L0", "2026-03-01T10:00:00Z", "GOOD");
	lead(&f, "L1", "2026-03-01T18:00:00Z", "GOOD");
	floor_at(&f, "2026-03-01T22:59:59.999Z"); /* 06:00 in Jakarta is a quarter of the day */
	floor_expect(&f, key, "-", "LOW_SAMPLE");
	assert_true(floor_find(&f, key)->record.numerator.is_set &&
		    floor_find(&f, key)->record.denominator.units == 10000);
	assert_false(floor_find(&f, key)->record.previous_value.is_set);
	assert_true(shard_is_idle(f.shard));
	sent = f.sent;
	floor_advance(&f, "2026-03-01T23:00:00Z");
	assert_false(shard_is_idle(f.shard));
	floor_settle(&f);
	floor_expect(&f, key, "1", "OK");
	floor_expect(&f, "acme/day/today/rep/(none)/", "1", "OK");
	assert_int_equal(f.sent, sent + 2); /* nothing else has changed */
	floor_restart(&f, true);
	floor_at(&f, "2026-03-02T16:59:59Z");
	floor_expect(&f, key, "1", "OK");
	lead(&f, "L2", "2026-03-02T17:00:00Z", "GOOD");
	floor_at(&f, "2026-03-02T17:00:01Z");
	floor_expect(&f, key, "-", "LOW_SAMPLE");
	floor_restart(&f, true);
	floor_expect(&f, key, "-", "LOW_SAMPLE");
	floor_at(&f,
		"2026-03-02T23:00:00Z"); /* the first look of this process is this one, or the one before */
	floor_expect(&f, key, "1", "OK");
	floor_deinit(&f);
}

/* S20: time takes a thousand reps' revenue out of the hour while one deal is won. */
static void events_come_before_decay(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	for (int i = 0; i < 300; i++) {
		char id[16], rep_id[16];

		snprintf(id, sizeof(id), "D%d", i);
		snprintf(rep_id, sizeof(rep_id), "r%d", i);
		floor_win(&f, id, 1, "2026-03-02T01:00:00Z", rep_id, "10", NULL);
	}
	floor_at(&f, "2026-03-02T01:30:00Z");
	floor_advance(&f, "2026-03-02T02:30:00Z"); /* all leave the hour */
	floor_win(&f, "DX", 1, "2026-03-02T02:10:00Z", "eka", "77", NULL);
	assert_int_equal(floor_turn(&f, 1000, 40), 40);
	floor_expect(&f, "acme/revenue/1h/rep/eka/IDR", "77", "OK");
	floor_expect(&f, "acme/revenue/1h///IDR", "77", "OK");
	assert_false(shard_is_idle(f.shard));
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/1h/rep/r299/IDR", "0", "OK");
	floor_deinit(&f);
}

/* But not instead of it. */
static void decay_comes_in_the_end(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	for (int i = 0; i < 50; i++) {
		char id[16], rep_id[16];

		snprintf(id, sizeof(id), "D%d", i);
		snprintf(rep_id, sizeof(rep_id), "r%d", i);
		floor_win(&f, id, 1, "2026-03-02T01:00:00Z", rep_id, "10", NULL);
	}
	floor_at(&f, "2026-03-02T01:30:00Z");
	floor_advance(&f, "2026-03-02T02:30:00Z");
	for (int turn = 0; turn < 100; turn++) {
		for (int i = 0; i < 10; i++) { /* more than the budget, every turn */
			char id[16], rep_id[16];

			snprintf(id, sizeof(id), "X%d", i);
			snprintf(rep_id, sizeof(rep_id), "x%d", i);
			floor_win(&f, id, turn + 1, "2026-03-02T02:10:00Z", rep_id,
				turn % 2 ? "1" : "2", NULL);
		}
		assert_int_equal(floor_turn(&f, 250, 12), 12);
	}
	floor_expect(&f, "acme/revenue/1h/rep/r49/IDR", "0", "OK");
	floor_deinit(&f);
}

static void revisions_rise(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	assert_int_equal(snapshots_revision(shard_snapshots(f.shard)), 0);
	snapshots_raise_revision(shard_snapshots(f.shard), (int64_t)7 << 30);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_advance(&f, "2026-03-02T02:00:00Z");
	assert_int_equal(floor_turn(&f, 1000, 1), 1);
	assert_true(f.revision == (int64_t)7 << 30);
	snapshots_raise_revision(shard_snapshots(f.shard), 5); /* never back */
	assert_int_equal(floor_turn(&f, 1000, 1), 1);
	assert_true(f.revision == ((int64_t)7 << 30) + 1);
	floor_deinit(&f);
}

static bool collect_keys(void *ctx, enum snapshot_topic topic, const struct snapshot *r)
{
	if (topic == SNAPSHOT_LATEST)
		buffer_printf(ctx,
			SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "\n",
			SLICE_ARG(r->tenant_id), SLICE_ARG(r->metric), SLICE_ARG(r->window),
			SLICE_ARG(r->group_by), SLICE_ARG(r->group_key));
	return true;
}

static void everything_in_order(void **state)
{
	struct buffer _cleanup_buffer_ first, again;
	struct sales_floor f;

	(void)state;
	buffer_init(&first);
	buffer_init(&again);
	floor_init(&f, DEFINITIONS);
	bolt_win(&f, "B1", "2026-03-02T01:00:00Z", "zoe", "3",
		"EUR"); /* the tenants come in this order, and are told in another */
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "10", NULL);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_advance(&f, "2026-03-02T02:00:00Z");
	shard_collect(f.shard, 5, true, UINT32_MAX, collect_keys, &first);
	shard_collect(f.shard, 6, true, UINT32_MAX, collect_keys, &again);
	assert_int_equal(first.len, again.len); /* whatever was said before */
	assert_memory_equal(first.data, again.data, first.len);
	assert_true(slice_starts_with(buffer_slice(&first),
		SLICE_LIT("acme/revenue/1h//\nacme/revenue/1h/rep/ana\nacme/revenue/1h/rep/"
			  "budi\nacme/revenue/1h/team,rep/(none),ana\n"
			  "acme/revenue/1h/team,rep/(none),budi\nacme/revenue/today//\nacme/"
			  "revenue/today/rep/ana\n")));
	assert_non_null(strstr(buffer_text(&first),
		"acme/rank/today/rep/budi\nacme/average/today//\nacme/average/today/rep/ana\n"));
	assert_non_null(strstr(buffer_text(&first), "acme/open/now//\nbolt/revenue/1h//\n"));
	assert_null(strstr(
		buffer_text(&first), "acme/rank/1h/team,rep")); /* nobody's team has no board */
	floor_deinit(&f);
}

static void all_again_within_the_refresh_time(void **state)
{
	struct sales_floor f;
	uint32_t before[256], most = 0;

	(void)state;
	floor_init(&f, DEFINITIONS);
	for (int i = 0; i < 6; i++) {
		char id[16];

		snprintf(id, sizeof(id), "D%d", i);
		floor_win(&f, id, 1, "2026-03-02T01:00:00Z", id, "10", i % 2 ? "USD" : NULL);
	}
	floor_at(&f, "2026-03-02T02:00:00Z");
	assert_true(f.count <= 256);
	for (uint32_t i = 0; i < f.count; i++)
		before[i] = f.records[i].sent;
	for (int i = 0; i < 61; i++) {
		uint32_t sent = floor_turn(&f, 10000, UINT32_MAX);

		most = sent > most ? sent : most;
	}
	for (uint32_t i = 0; i < f.count; i++)
		if (f.records[i].sent == before[i])
			fail_msg("%s was not said again", f.records[i].key);
	assert_true(most < f.count); /* not all at once */
	floor_deinit(&f);
}

static void undelivered_records_are_sent_again(void **state)
{
	struct sales_floor f;
	struct snapshot key = { .tenant_id = SLICE_LIT("acme"),
		.metric = SLICE_LIT("revenue"),
		.window = SLICE_LIT("today"),
		.group_by = SLICE_LIT("team,rep"),
		.group_key = SLICE_LIT("(none),a\\,b"),
		.currency = SLICE_LIT("USD") };
	uint32_t sent;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "a,b", "10", "USD");
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	sent = f.sent;
	snapshots_forget_key(shard_snapshots(f.shard), snapshot_key_hash(&key));
	assert_false(shard_is_idle(f.shard));
	floor_turn(&f, 1000, UINT32_MAX);
	assert_int_equal(f.sent, sent + 1);
	assert_int_equal(floor_find(&f, "acme/revenue/today/team,rep/(none),a\\,b/USD")->sent, 2);
	key = (struct snapshot){ .tenant_id = SLICE_LIT("acme"),
		.metric = SLICE_LIT("rank"),
		.window = SLICE_LIT("1h"),
		.group_by = SLICE_LIT("rep"),
		.group_key = SLICE_LIT("ana"),
		.currency = SLICE_LIT("IDR") };
	snapshots_forget_key(shard_snapshots(f.shard), snapshot_key_hash(&key));
	snapshots_forget_key(shard_snapshots(f.shard), 12345); /* nobody's */
	floor_turn(&f, 3000, UINT32_MAX);
	assert_int_equal(f.sent, sent + 2);
	snapshots_forget_published(shard_snapshots(f.shard));
	floor_turn(&f, 3000, UINT32_MAX);
	assert_int_equal(f.sent, sent + 2 + f.count); /* every live key once */
	floor_deinit(&f);
}

/* ---- values and states ---------------------------------------------------------------------------------- */

static void nothing_is_zero_once_its_stream_delivers(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	lead(&f, "L1", "2026-03-01T01:00:00Z", "GOOD");
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(
		&f, "acme/revenue/today///IDR", "-", "NO_DATA"); /* no deal was ever heard of */
	floor_expect(&f, "acme/quality/today///", "-", "ZERO_DENOMINATOR");
	floor_expect(&f, "acme/ripe/today///", "-", "ZERO_DENOMINATOR");
	lead(&f, "L2", "2026-03-02T01:00:00Z", "BAD");
	floor_win(&f, "D1", 1, "2026-02-01T01:00:00Z", "ana", "5", NULL);
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/today///IDR", "0", "OK");
	floor_expect(&f, "acme/quality/today///", "-", "LOW_SAMPLE");
	assert_true(
		floor_find(&f, "acme/quality/today///")->record.denominator.units == DECIMAL_SCALE);
	floor_expect(&f, "acme/ripe/today///", "0", "PARTIAL");
	floor_expect(&f, "acme/growth/today///IDR", "-", "NO_BASE");
	floor_expect(&f, "acme/average/today///IDR", "-", "ZERO_DENOMINATOR");
	floor_at(&f, "2026-03-10T02:00:00Z");
	floor_expect(&f, "acme/ripe/7d///", "50", "OK"); /* shifted back by seven days */
	floor_deinit(&f);
}

static void intervals_are_exact(void **state)
{
	struct sales_floor f;
	const struct snapshot *r;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D0", 1, "2026-03-01T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "15", NULL);
	floor_at(&f, "2026-03-02T02:10:07Z");
	r = &floor_find(&f, "acme/revenue/today///IDR")->record;
	assert_true(r->window_start_ms == ms_of("2026-03-01T17:00:00Z") &&
		    r->window_end_ms == ms_of("2026-03-02T02:10:07Z"));
	assert_true(r->previous_value.is_set && r->previous_value.value == 10 &&
		    r->change_pct.value == 50);
	assert_true(r->as_of_ms == ms_of("2026-03-02T02:10:07Z"));
	r = &floor_find(&f, "acme/growth/today///IDR")
		     ->record; /* both sides to the last quarter of an hour */
	assert_true(r->window_end_ms == ms_of("2026-03-02T02:00:00Z"));
	assert_true(r->value_decimal.units == 50 * DECIMAL_SCALE && !r->previous_value.is_set);
	r = &floor_find(&f, "acme/open/now///")->record;
	assert_true(r->window_start_ms == ms_of("2026-03-02T02:10:07Z") &&
		    r->window_start_ms == r->window_end_ms);
	assert_string_equal(r->basis, "STOCK");
	floor_deinit(&f);
}

static void the_comparison_follows_when_time_passes(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D0", 1, "2026-03-01T01:00:00Z", "ana", "10", NULL);
	floor_win(&f, "D1", 1, "2026-03-02T02:05:00Z", "ana", "15", NULL);
	floor_at(&f, "2026-03-02T02:10:00Z");
	/* Today is 15, but today until the last quarter of an hour was 0. */
	floor_expect(&f, "acme/revenue/today///IDR", "15", "OK");
	assert_true(floor_find(&f, "acme/revenue/today///IDR")->record.change_pct.value == -100);
	floor_at(&f, "2026-03-02T02:15:00Z");
	assert_true(floor_find(&f, "acme/revenue/today///IDR")->record.change_pct.value == 50);
	floor_deinit(&f);
}

static void unlike_currencies_stand_apart(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_absent(&f, "acme/revenue/today///USD");
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "ana", "4", "USD");
	floor_win(&f, "D3", 1, "2026-03-02T01:00:00Z", "ana", "8", "USD");
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/today///IDR", "10", "FX_MISSING"); /* the dollars are not in it */
	floor_expect(&f, "acme/revenue/today///USD", "12", "FX_MISSING");
	floor_expect(&f, "acme/average/today/rep/ana/USD", "6", "FX_MISSING");
	floor_expect(&f, "acme/average/today/rep/ana/IDR", "10", "FX_MISSING"); /* its own facts only */
	assert_true(floor_find(&f, "acme/median/today///IDR")->record.value.value > 9.8);
	assert_true(floor_find(&f, "acme/median/today///USD")->record.value.value < 4.1);
	assert_int_equal(floor_find(&f, "acme/median/today///USD")->record.sample_size, 2);
	floor_at(&f,
		"2026-03-02T18:00:00Z"); /* what was published once turns to zero, it does not stay */
	floor_expect(&f, "acme/revenue/today///USD", "0", "OK");
	floor_expect(&f, "acme/revenue/today///IDR", "0", "OK");
	floor_deinit(&f);
}

static void without_a_reporting_currency_each_is_one(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	bolt_win(&f, "B1", "2026-03-02T01:00:00Z", "zoe", "3", "EUR");
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "bolt/revenue/today/rep/zoe/EUR", "3", "OK");
	floor_absent(&f, "bolt/revenue/today///");
	bolt_win(&f, "B2", "2026-03-02T01:00:00Z", "max", "5", "CHF");
	floor_settle(&f);
	floor_expect(&f, "bolt/revenue/today///EUR", "3", "OK");
	floor_expect(&f, "bolt/revenue/today///CHF", "5", "OK");
	floor_absent(&f, "bolt/revenue/today/rep/zoe/CHF");
	floor_expect(&f, "bolt/rank/today/rep/max/CHF", "1", "OK"); /* a board in each */
	floor_expect(&f, "bolt/rank/today/rep/zoe/EUR", "1", "OK");
	floor_deinit(&f);
}

/* ---- the roster and its labels -------------------------------------------------------------------------- */

static void who_is_on_the_roster_is_shown(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	rep(&f, "ana", 1, "Ana", "north", NULL);
	rep(&f, "budi", 1, "Budi", NULL, NULL);
	rep(&f, "gone", 1, "Gone", NULL, "2026-02-01");
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "10", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "acme/revenue/today/rep/budi/IDR", "0", "OK");
	floor_expect(&f, "acme/revenue/today/team,rep/north,ana/IDR", "0",
		"OK"); /* the deal names no team */
	floor_absent(&f, "acme/revenue/today/rep/gone/IDR");
	assert_string_equal(floor_find(&f, "acme/revenue/today/rep/budi/IDR")->label, "Budi");
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "2", "OK");
	assert_int_equal(floor_find(&f, "acme/rank/today/rep/budi/IDR")->record.rank_of, 2);
	rep(&f, "budi", 2, "Budi Santoso", NULL, NULL);
	floor_turn(&f, 3000, UINT32_MAX);
	assert_string_equal(
		floor_find(&f, "acme/revenue/today/rep/budi/IDR")->label, "Budi Santoso");
	rep(&f, "budi", 3, "Budi Santoso", NULL, "2026-03-01");
	floor_turn(&f, 3000, UINT32_MAX);
	floor_expect(&f, "acme/revenue/today/rep/budi/IDR", "0", "OK"); /* it stays as it was */
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "-",
		"NO_DATA"); /* but is not among the ranked any more */
	assert_int_equal(floor_find(&f, "acme/rank/today/rep/ana/IDR")->record.rank_of, 1);
	floor_deinit(&f);
}

static void a_roster_day_begins_at_local_midnight(void **state)
{
	struct sales_floor f;
	struct event *e;

	(void)state;
	floor_init(&f, DEFINITIONS);
	e = event_make(&f.arena, ENTITY_REP, "new", 1, "2026-03-01T00:00:00Z");
	event_set_all(
		e, "name", "New", "quota_carrying", "true", "active_from", "2026-03-03", NULL);
	floor_apply(&f, e);
	floor_at(&f, "2026-03-02T16:59:00Z");
	floor_absent(&f, "acme/revenue/today/rep/new/IDR");
	floor_at(&f, "2026-03-02T17:00:00Z");
	assert_non_null(floor_find(&f, "acme/revenue/today/rep/new/IDR"));
	floor_deinit(&f);
}

static void stages_have_names(void **state)
{
	struct sales_floor f;
	struct event *e;

	(void)state;
	floor_init(&f, DEFINITIONS);
	e = event_make(&f.arena, ENTITY_OPPORTUNITY, "O1", 1, "2026-03-02T01:00:00Z");
	event_set_all(e, "pipeline_id", "main", "stage_id", "s2", "stage_name", "Offer sent",
		"stage_order", "2", "stage_entered_at", "2026-03-02T01:00:00Z", "status", "OPEN",
		"created_at", "2026-03-02T01:00:00Z", NULL);
	floor_apply(&f, e);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "acme/open/now/stage/main/s2/", "1", "OK");
	assert_string_equal(floor_find(&f, "acme/open/now/stage/main/s2/")->label, "Offer sent");
	floor_deinit(&f);
}

/* ---- boards --------------------------------------------------------------------------------------------- */

static void ranks_share_places(void **state)
{
	struct sales_floor f;
	const struct snapshot *r;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "P1", 1, "2026-03-01T01:00:00Z", "dewi", "70", NULL);
	floor_win(&f, "P2", 1, "2026-03-01T01:00:00Z", "ana", "7", NULL);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "5", NULL);
	floor_win(&f, "D3", 1, "2026-03-02T01:00:00Z", "citra", "5", NULL);
	floor_win(&f, "D4", 1, "2026-03-02T01:00:00Z", "dewi", "1", NULL);
	floor_win(&f, "D5", 1, "2026-03-02T01:00:00Z", "ana", "100",
		"USD"); /* not on the same board */
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "acme/rank/today/rep/ana/IDR", "1", "OK");
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "2", "OK");
	floor_expect(&f, "acme/rank/today/rep/citra/IDR", "2", "OK");
	floor_expect(&f, "acme/rank/today/rep/dewi/IDR", "4", "OK");
	r = &floor_find(&f, "acme/rank/today/rep/dewi/IDR")->record;
	assert_true(r->rank == 4 && r->rank_of == 4 &&
		    r->previous_rank == 1); /* it led yesterday, to the same hour */
	assert_int_equal(floor_find(&f, "acme/rank/today/rep/ana/IDR")->record.previous_rank, 2);
	assert_int_equal(floor_find(&f, "acme/rank/today/rep/budi/IDR")->record.previous_rank, 0);
	floor_absent(&f, "acme/rank/today/team,rep/(none),ana/IDR");
	floor_deinit(&f);
}

static void boards_are_sorted_at_their_pace(void **state)
{
	struct sales_floor f;
	const char *key = "acme/rank/today/rep/ana/IDR";

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "5", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_turn(&f, 5000, UINT32_MAX);
	floor_win(&f, "D3", 1, "2026-03-02T01:00:00Z", "budi", "5", NULL);
	floor_turn(&f, 1000, UINT32_MAX);
	floor_expect(&f, "acme/revenue/today/rep/budi/IDR", "10", "OK");
	floor_expect(&f, key, "1", "OK");
	floor_turn(&f, 1000, UINT32_MAX);
	floor_expect(&f, key, "2", "OK");
	floor_deinit(&f);
}

static void only_the_top_is_said(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	f.settings.snapshots.rank_top = 2;
	shard_free(f.shard);
	f.shard = shard_new(&f.settings);
	floor_win(&f, "D1", 1, "2026-03-02T01:00:00Z", "ana", "9", NULL);
	floor_win(&f, "D2", 1, "2026-03-02T01:00:00Z", "budi", "5", NULL);
	floor_win(&f, "D3", 1, "2026-03-02T01:00:00Z", "citra", "3", NULL);
	floor_at(&f, "2026-03-02T02:00:00Z");
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "2", "OK");
	floor_absent(&f, "acme/rank/today/rep/citra/IDR");
	floor_win(&f, "D4", 1, "2026-03-02T01:00:00Z", "citra", "10", NULL);
	floor_settle(&f);
	floor_expect(&f, "acme/rank/today/rep/citra/IDR", "1", "OK");
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "3", "OK"); /* once, that it is out */
	floor_clear(&f);
	floor_win(&f, "D5", 1, "2026-03-02T01:00:00Z", "dewi", "8", NULL);
	floor_settle(&f);
	floor_absent(&f, "acme/rank/today/rep/budi/IDR"); /* 4 now, which nobody sees */
	floor_restart(&f, true);
	floor_settle(&f);
	floor_expect(&f, "acme/rank/today/rep/budi/IDR", "4",
		"OK"); /* who knows what was said before: once all of them */
	floor_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_changes_are_said),
		cmocka_unit_test(a_key_has_its_pace),
		cmocka_unit_test(a_full_sink_loses_nothing),
		cmocka_unit_test(a_share_passes_without_events),
		cmocka_unit_test(events_come_before_decay),
		cmocka_unit_test(decay_comes_in_the_end),
		cmocka_unit_test(revisions_rise),
		cmocka_unit_test(everything_in_order),
		cmocka_unit_test(all_again_within_the_refresh_time),
		cmocka_unit_test(undelivered_records_are_sent_again),
		cmocka_unit_test(nothing_is_zero_once_its_stream_delivers),
		cmocka_unit_test(intervals_are_exact),
		cmocka_unit_test(the_comparison_follows_when_time_passes),
		cmocka_unit_test(unlike_currencies_stand_apart),
		cmocka_unit_test(without_a_reporting_currency_each_is_one),
		cmocka_unit_test(who_is_on_the_roster_is_shown),
		cmocka_unit_test(a_roster_day_begins_at_local_midnight),
		cmocka_unit_test(stages_have_names),
		cmocka_unit_test(ranks_share_places),
		cmocka_unit_test(boards_are_sorted_at_their_pace),
		cmocka_unit_test(only_the_top_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
