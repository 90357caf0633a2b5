/* The shard: an event's way to a published value, its limits, its checkpoint, and that the trial balance notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/shard.h"
#include "core/shard_inside.h"
#include "edge/definition_file.h"
#include "edge/zone_file.h"
#include "events.h"

#define DEFINITIONS                                                                                                                  \
	"measures:\n"                                                                                                                \
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: sum, value: deal.amount, by: {rep: deal.owner_id}}\n" \
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: count, by: {rep: deal.owner_id}}\n"        \
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: opportunity.closed_at, agg: count, by: {rep: opportunity.owner_id}}\n" \
	"metrics:\n"                                                                                                                 \
	"  - {name: revenue, value: revenue, windows: [24h, today, month_to_date], group_by: [[], [rep]]}\n"                         \
	"  - {name: average, value: revenue / wins, windows: [today], group_by: [[], [rep]]}\n"                                      \
	"  - {name: open, value: open, group_by: [[]]}\n"

struct world {
	struct plan *plan;
	struct zone zone;
	struct calendar calendar;
	struct tenant_book book;
	struct shard_settings settings;
	struct shard *shard;
	struct arena arena;
	uint64_t records, latest, history;
	int64_t revision;
	bool refuse;
};

static void world_init(struct world *w)
{
	struct buffer _cleanup_buffer_ explanation;
	char message[256];

	memset(w, 0, sizeof(*w));
	buffer_init(&explanation);
	arena_init(&w->arena, 0);
	if (definition_text_plan("test", slice_of(DEFINITIONS), &w->plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	assert_int_equal(zone_file_load("Asia/Jakarta", &w->zone, message, sizeof(message)), 0);
	w->calendar = (struct calendar){ .zone = &w->zone, .week_start = 1, .fiscal_start_month = 1 };
	w->book = (struct tenant_book){ .calendars = &w->calendar, .calendar_count = 1, .fallback = { .currency = "IDR" } };
	w->settings = (struct shard_settings){ .plan = w->plan, .tenants = &w->book, .store = { 10000, 1 << 20 }, .groups = { 1000, 10000 },
		.snapshots = snapshot_settings_usual(10000),
		.hash_seed = 1, .pending_max = 100 };
	w->shard = shard_new(&w->settings);
}

static void world_deinit(struct world *w)
{
	shard_free(w->shard);
	plan_free(w->plan);
	zone_deinit(&w->zone);
	arena_deinit(&w->arena);
}

static bool take(void *ctx, enum snapshot_topic topic, const struct snapshot *record)
{
	struct world *w = ctx;

	if (w->refuse)
		return false;
	assert_true(record->revision > w->revision);
	w->revision = record->revision;
	w->records++;
	w->latest += topic == SNAPSHOT_LATEST;
	w->history += topic == SNAPSHOT_HISTORY;
	return true;
}

static enum shard_answer win(struct world *w, const char *id, int64_t version, const char *at, const char *won_at, const char *amount)
{
	struct event *e = event_make(&w->arena, ENTITY_DEAL, id, version, at);
	char reason[EVENT_REASON_MAX];

	event_set_all(e, "status", "WON", "amount", amount, "currency", "IDR", "won_at", won_at, "owner_id", "ana", NULL);
	return shard_apply(w->shard, e, reason);
}

static void advance(struct world *w, const char *clock)
{
	while (shard_advance(w->shard, time_of(clock), 3))
		;
}

static uint64_t differences(struct world *w)
{
	return shard_audit(w->shard, NULL, NULL);
}

static void facts_wait_for_their_time(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T03:00:00Z", "10"), SHARD_APPLIED);
	assert_int_equal(shard_counters(w.shard).pending, 4);
	advance(&w, "2026-03-02T02:30:00Z");
	assert_int_equal(shard_counters(w.shard).pending, 4);
	shard_check(w.shard);
	advance(&w, "2026-03-02T03:00:00Z");
	assert_int_equal(shard_counters(w.shard).pending, 4); /* a fact at T waits */
	advance(&w, "2026-03-02T03:00:01Z");
	assert_int_equal(shard_counters(w.shard).pending, 0);
	assert_int_equal(shard_counters(w.shard).ledger_entries, 4);
	shard_check(w.shard);
	assert_int_equal(differences(&w), 0);
	world_deinit(&w);
}

static void answers_say_what_became_of_an_event(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10"), SHARD_APPLIED);
	advance(&w, "2026-03-02T02:00:00Z");
	assert_int_equal(win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10"), SHARD_DUPLICATE);
	assert_int_equal(win(&w, "D2", 1, "2026-03-02T02:00:00Z", "2026-03-09T01:00:00Z", "10"), SHARD_BAD);
	assert_int_equal(win(&w, "D3", 1, "2026-03-02T02:00:00Z", "2019-03-02T01:00:00Z", "10"), SHARD_LATE);
	assert_int_equal(shard_counters(w.shard).late, 1);
	assert_int_equal(shard_counters(w.shard).bad, 1);
	assert_int_equal(shard_counters(w.shard).duplicates, 1);
	assert_int_equal(differences(&w), 0);
	world_deinit(&w);
}

static void a_limit_refuses_and_changes_nothing(void **state)
{
	struct world w;
	char id[16];
	int applied = 0;

	(void)state;
	world_init(&w);
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "D%d", i);
		if (win(&w, id, 1, "2026-03-02T02:00:00Z", "2026-03-03T03:00:00Z", "10") != SHARD_APPLIED)
			break;
		applied++;
	}
	assert_int_equal(applied, 25); /* four facts each: the hundredth pending fact is the limit */
	assert_int_equal(shard_counters(w.shard).entities, 25); /* and not the rep they name, at whom no definition looks */
	assert_int_equal(win(&w, "D999", 1, "2026-03-02T02:00:00Z", "2026-03-03T03:00:00Z", "10"), SHARD_FULL);
	assert_int_equal(shard_counters(w.shard).entities, 25);
	world_deinit(&w);
}

static void restored(struct world *w, const struct buffer *cuts, size_t count, bool rebuilt)
{
	struct shard *old = w->shard;

	w->shard = shard_new(&w->settings);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(shard_restore(w->shard, cuts[i].data, cuts[i].len), 0);
	assert_int_equal(shard_restored(w->shard), rebuilt);
	shard_check(w->shard);
	assert_int_equal(shard_clock(w->shard), shard_clock(old));
	assert_int_equal(shard_counters(w->shard).ledger_entries, shard_counters(old).ledger_entries);
	assert_int_equal(shard_counters(w->shard).pending, shard_counters(old).pending);
	assert_int_equal(differences(w), 0);
	shard_free(old);
}

static void a_checkpoint_brings_it_back(void **state)
{
	struct world w;
	struct buffer cuts[8];
	char id[16], at[32];
	struct rng rng;

	(void)state;
	world_init(&w);
	rng_init(&rng, 7);
	for (int cut = 0; cut < 8; cut++) {
		for (int i = 0; i < 15; i++) {
			snprintf(id, sizeof(id), "D%d", (int)rng_below(&rng, 30));
			snprintf(at, sizeof(at), "2026-03-%02dT%02d:00:00Z", 1 + cut, (int)rng_below(&rng, 24));
			win(&w, id, cut * 100 + i, at, at, "10.5");
		}
		snprintf(at, sizeof(at), "2026-03-%02dT12:00:00Z", 1 + cut);
		advance(&w, at);
		shard_collect(w.shard, cut * 100000, false, UINT32_MAX, take, &w);
		buffer_init(&cuts[cut]);
		shard_save(w.shard, cut == 0, &cuts[cut]);
		shard_saved(w.shard);
		restored(&w, cuts, (size_t)cut + 1, false);
	}
	for (int cut = 0; cut < 8; cut++)
		buffer_deinit(&cuts[cut]);
	world_deinit(&w);
}

/* Any truncation, and any byte changed: refused, or something that can be freed; never a crash. */
static void hostile_checkpoints_are_survived(void **state)
{
	struct world w;
	struct buffer cut;
	struct rng rng;
	int refused = 0;

	(void)state;
	world_init(&w);
	rng_init(&rng, 3);
	win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10");
	win(&w, "D2", 1, "2026-03-02T02:00:00Z", "2026-03-02T05:00:00Z", "10");
	advance(&w, "2026-03-03T20:00:00Z");
	shard_collect(w.shard, 0, false, UINT32_MAX, take, &w);
	buffer_init(&cut);
	shard_save(w.shard, true, &cut);
	for (size_t length = 0; length < cut.len; length++) {
		struct shard *s = shard_new(&w.settings);

		refused += shard_restore(s, cut.data, length);
		shard_free(s);
	}
	assert_true(refused > (int)cut.len / 2);
	for (int i = 0; i < 2000; i++) {
		struct shard *s = shard_new(&w.settings);
		size_t place = rng_below(&rng, cut.len);
		uint8_t was = cut.data[place];

		cut.data[place] = (uint8_t)rng_below(&rng, 256);
		if (!shard_restore(s, cut.data, cut.len))
			refused++;
		shard_free(s);
		cut.data[place] = was;
	}
	buffer_deinit(&cut);
	world_deinit(&w);
}

static void the_trial_balance_notices(void **state)
{
	struct world w;
	struct fact extra;

	(void)state;
	world_init(&w);
	win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10");
	advance(&w, "2026-03-02T04:00:00Z");
	assert_int_equal(differences(&w), 0);
	memset(&extra, 0, sizeof(extra));
	extra.at_ms = time_of("2026-03-02T02:30:00Z");
	extra.amount = extra.count = 1;
	extra.measure = (uint16_t)plan_measure_find(w.plan, SLICE_LIT("wins"));
	extra.dims[0] = w.plan->none_id;
	assert_true(shard_book(w.shard, &extra)); /* books that no entity stands behind */
	assert_int_equal(differences(&w), 2); /* the company's and the nameless rep's */
	extra.at_ms = time_of("2026-03-09T02:30:00Z");
	assert_true(shard_book(w.shard, &extra));
	assert_int_equal(differences(&w), 4); /* pending ones too */
	world_deinit(&w);
}

static void a_full_sink_loses_nothing(void **state)
{
	struct world w;
	uint64_t first;

	(void)state;
	world_init(&w);
	win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10");
	advance(&w, "2026-03-02T04:00:00Z");
	w.refuse = true;
	assert_int_equal(shard_collect(w.shard, 1000, false, UINT32_MAX, take, &w), 0);
	w.refuse = false;
	assert_int_equal(shard_collect(w.shard, 2000, false, 3, take, &w), 3); /* a budget likewise */
	shard_collect(w.shard, 3000, false, UINT32_MAX, take, &w);
	shard_collect(w.shard, 4000, false, UINT32_MAX, take, &w);
	first = w.records;
	assert_int_equal(first, 9); /* revenue 3 windows and average 1, company and rep; open, company */
	assert_true(shard_is_idle(w.shard));
	shard_collect(w.shard, 9000, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, first); /* nothing changed, nothing is said */
	win(&w, "D1", 2, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "11");
	shard_collect(w.shard, 9100, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, first + 8);
	world_deinit(&w);
}

static void a_key_has_its_pace(void **state)
{
	struct world w;
	uint64_t before;

	(void)state;
	world_init(&w);
	advance(&w, "2026-03-02T00:00:00Z");
	win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-01T20:00:00Z", "10");
	shard_collect(w.shard, 1000, false, UINT32_MAX, take, &w);
	before = w.records;
	for (int i = 0; i < 20; i++) {
		win(&w, "D1", 2 + i, "2026-03-02T02:00:00Z", "2026-03-01T20:00:00Z", i % 2 ? "10" : "12");
		shard_collect(w.shard, 1000 + i * 10, false, UINT32_MAX, take, &w);
	}
	assert_int_equal(w.records, before); /* within 250 ms nothing again */
	assert_false(shard_is_idle(w.shard));
	win(&w, "D1", 40, "2026-03-02T02:00:00Z", "2026-03-01T20:00:00Z", "13");
	shard_collect(w.shard, 1251, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, before + 8);
	world_deinit(&w);
}

static void undelivered_keys_are_sent_again(void **state)
{
	struct world w;
	uint64_t before;

	(void)state;
	world_init(&w);
	win(&w, "D1", 1, "2026-03-02T02:00:00Z", "2026-03-02T01:00:00Z", "10");
	advance(&w, "2026-03-02T04:00:00Z");
	shard_collect(w.shard, 1000, false, UINT32_MAX, take, &w);
	before = w.records;
	snapshots_forget_key(shard_snapshots(w.shard), snapshot_key_hash(&(struct snapshot){ .tenant_id = SLICE_INIT("acme"),
		.metric = SLICE_INIT("revenue"), .window = SLICE_INIT("today"), .group_by = SLICE_INIT("rep"), .group_key = SLICE_INIT("ana"),
		.currency = SLICE_INIT("IDR") }));
	shard_collect(w.shard, 2000, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, before + 1);
	snapshots_forget_published(shard_snapshots(w.shard));
	shard_collect(w.shard, 3000, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, before + 1 + 9);
	shard_collect(w.shard, 700000, false, UINT32_MAX, take, &w);
	assert_int_equal(w.records, before + 1 + 18); /* everything again within the refresh time */
	world_deinit(&w);
}

/* Corrections that come while the clock is on its way over midnight: edges that cross each other must not lose or double them. */
static void events_between_two_halves_of_an_advance(void **state)
{
	/* The last quarter before midnight in Jakarta is where the edges cross. */
	static const char *const times[6] = { "02:30", "06:30", "10:30", "14:30", "16:50", "22:30" };
	char id[16], at[32];

	(void)state;
	for (size_t budget = 1; budget < 40; budget++) {
		struct world w;
		int64_t target;
		int moved = 1, turn = 0;

		world_init(&w);
		for (int i = 0; i < 12; i++) {
			snprintf(id, sizeof(id), "D%d", i);
			snprintf(at, sizeof(at), "2026-03-%02dT%s:00Z", 1 + i / 6, times[i % 6]);
			win(&w, id, 1, at, at, "10");
		}
		advance(&w, "2026-03-02T16:59:59Z");
		target = time_of("2026-03-02T17:00:01Z"); /* midnight in Jakarta */
		while (moved) {
			moved = shard_advance(w.shard, target, budget);
			win(&w, "D4", 2 + turn, "2026-03-01T16:50:00Z", "2026-03-01T16:50:00Z", turn % 2 ? "11" : "7");
			turn++;
		}
		shard_check(w.shard);
		assert_int_equal(differences(&w), 0);
		world_deinit(&w);
	}
}

static void pending_is_a_queue_by_time(void **state)
{
	struct pending_heap h = { 0 };
	struct rng rng;
	int64_t last = INT64_MIN, sums[64] = { 0 };

	(void)state;
	rng_init(&rng, 11);
	for (int i = 0; i < 20000; i++) {
		struct pending_fact p = { .at_ms = (int64_t)rng_below(&rng, 64), .cell = (uint32_t)rng_below(&rng, 4), .sum = (int)rng_below(&rng, 9) - 4,
			.count = 1 };

		p.due_ms = p.at_ms + 1;
		sums[p.at_ms] += (int64_t)p.sum;
		pending_push(&h, &p);
	}
	assert_true(h.count <= 2 * 4096); /* equal ones were merged on the way */
	while (h.count) {
		struct pending_fact p = pending_pop(&h);

		assert_true(p.at_ms >= last);
		last = p.at_ms;
		sums[p.at_ms] -= (int64_t)p.sum;
	}
	for (int i = 0; i < 64; i++)
		assert_int_equal(sums[i], 0);
	free(h.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_wait_for_their_time), cmocka_unit_test(answers_say_what_became_of_an_event),
		cmocka_unit_test(a_limit_refuses_and_changes_nothing), cmocka_unit_test(a_checkpoint_brings_it_back),
		cmocka_unit_test(hostile_checkpoints_are_survived), cmocka_unit_test(the_trial_balance_notices),
		cmocka_unit_test(a_full_sink_loses_nothing), cmocka_unit_test(a_key_has_its_pace),
		cmocka_unit_test(undelivered_keys_are_sent_again),
		cmocka_unit_test(events_between_two_halves_of_an_advance), cmocka_unit_test(pending_is_a_queue_by_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
