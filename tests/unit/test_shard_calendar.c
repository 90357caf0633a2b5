/*
 * shard_calendar: a restart under settings that change a calendar (S12). The one that restarts is held against one that
 * had the later settings from the start: the same events and clocks must say the same on kpi.latest and kpi.history.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/shard.h"
#include "core/shard_inside.h"
#include "edge/definition_file.h"
#include "events.h"
#include "settings_text.h"

/* `active` begins and ends at midnights that lie ahead, so the calendar puts them; `of_the_day` asks it for a date. */
static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', by: {rep: "
	"deal.owner_id}}\n"
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: sum, "
	"value: deal.amount, by: {rep: deal.owner_id}}\n"
	"  - {name: active, on: rep, at: day_start(rep.active_from), until: "
	"day_start(rep.active_to + 1)}\n"
	"  - {name: starts, on: rep, at: day_start(rep.active_from)}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [24h, 30d, today, week_to_date, month_to_date, "
	"quarter_to_date, year_to_date, all], "
	"group_by: [[], [rep]], compare: previous_period}\n"
	"  - {name: revenue, value: revenue, windows: [7d, today, week_to_date, month_to_date], "
	"group_by: [[]], compare: previous_period}\n"
	"  - {name: active, value: active, group_by: [[]]}\n"
	"  - {name: starts, value: starts, windows: [today, week_to_date, month_to_date], "
	"group_by: [[]]}\n";

enum { RECORDS_MAX = 16384, TENANTS = 5 };
static const char *const tenants[TENANTS] = { "acme", "bolt", "cato", "dune", "else" };

struct record {
	uint64_t key;
	i128 value;
	bool is_set;
};

struct said { /* the last value of each key */
	struct record items[RECORDS_MAX];
	size_t count;
};

struct world {
	struct plan *plan;
	struct settings *settings;
	struct shard *shard;
	struct arena arena;
	struct buffer cuts[8];
	size_t cut_count;
	struct said history, latest;
	int64_t turn_ms;
};

/* ---- a world ---------------------------------------------------------------------------------------------- */

static struct shard *new_shard(const struct world *w)
{
	const struct shard_settings settings = { .plan = w->plan,
		.tenants = &w->settings->tenants,
		.store = { 10000, 1 << 20 },
		.groups = { 1000, 10000 },
		.snapshots = snapshot_settings_usual(100000),
		.hash_seed = 5,
		.pending_max = 100000 };

	return shard_new(&settings);
}

static struct world *world_new(const char *yaml)
{
	struct world *w = x_calloc(1, sizeof(*w));
	struct buffer _cleanup_buffer_ explanation;

	buffer_init(&explanation);
	arena_init(&w->arena, 0);
	if (definition_text_plan("test", slice_of(definitions), &w->plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	w->settings = settings_of(yaml);
	w->shard = new_shard(w);
	return w;
}

static void world_free(struct world *w)
{
	for (size_t i = 0; i < w->cut_count; i++)
		buffer_deinit(&w->cuts[i]);
	shard_free(w->shard);
	settings_free(w->settings);
	plan_free(w->plan);
	arena_deinit(&w->arena);
	free(w);
}

/* ---- what is said ---------------------------------------------------------------------------------------- */

static void put(struct said *said, const struct snapshot *s)
{
	uint64_t key = snapshot_key_hash(s);
	size_t i = 0;

	while (i < said->count && said->items[i].key != key)
		i++;
	assert_true(i < RECORDS_MAX);
	said->count += i == said->count;
	said->items[i] = (struct record){ key, s->value_decimal.units, s->value_decimal.is_set };
}

static bool take(void *ctx, enum snapshot_topic topic, const struct snapshot *record)
{
	struct world *w = ctx;

	put(topic == SNAPSHOT_HISTORY ? &w->history : &w->latest, record);
	return true;
}

static void assert_same(const struct said *a, const struct said *b)
{
	for (size_t i = 0; i < a->count; i++) {
		size_t k = 0;

		while (k < b->count && b->items[k].key != a->items[i].key)
			k++;
		/* What is not said is nothing. */
		assert_true(k < b->count ? b->items[k].is_set == a->items[i].is_set &&
						   b->items[k].value == a->items[i].value
					 : !a->items[i].is_set || !a->items[i].value);
	}
}

static uint64_t differences(struct world *w)
{
	return shard_audit(w->shard, NULL, NULL);
}

/* ---- what happens ---------------------------------------------------------------------------------------- */

static void win(struct world *w, const char *tenant, int number, int64_t at_ms, int amount)
{
	char reason[EVENT_REASON_MAX], id[16], text[TIME_TEXT_MAX], money[16];
	struct event *e;

	snprintf(id, sizeof(id), "D%d", number);
	snprintf(money, sizeof(money), "%d", amount);
	time_format(at_ms, text);
	e = event_make(&w->arena, ENTITY_DEAL, id, amount, text);
	e->tenant_id = slice_of(tenant);
	event_set_all(e, "status", "WON", "amount", money, "currency", "IDR", "won_at", text,
		"owner_id", number % 2 ? "ana" : "budi", NULL);
	assert_int_not_equal(shard_apply(w->shard, e, reason), SHARD_BAD);
}

static void join(struct world *w, const char *tenant, const char *rep, int version, const char *now,
	const char *from, const char *to)
{
	char reason[EVENT_REASON_MAX];
	struct event *e = event_make(&w->arena, ENTITY_REP, rep, version, now);

	e->tenant_id = slice_of(tenant);
	event_set_all(e, "name", rep, "role", "sales", "quota_carrying", "true", "active_from",
		from, "active_to", to, NULL);
	assert_in_range(shard_apply(w->shard, e, reason), SHARD_APPLIED, SHARD_DUPLICATE);
}

static void advance(struct world *w, int64_t clock_ms)
{
	while (shard_advance(w->shard, clock_ms, 50))
		;
	for (int i = 0; i < 3; i++) {
		w->turn_ms += 61000;
		shard_collect(w->shard, w->turn_ms, false, UINT32_MAX, take, w);
	}
	shard_check(w->shard);
}

static void cut(struct world *w, bool whole)
{
	if (whole)
		while (w->cut_count)
			buffer_deinit(&w->cuts[--w->cut_count]);
	buffer_init(&w->cuts[w->cut_count]);
	shard_save(w->shard, whole, &w->cuts[w->cut_count++]);
	shard_saved(w->shard);
}

/* The facts that wait, each at its time. */
static void assert_same_pending(struct shard *a, struct shard *b)
{
	pending_tidy(&a->pending);
	pending_tidy(&b->pending);
	assert_int_equal(a->pending.count, b->pending.count);
	for (uint32_t i = 0; i < a->pending.count; i++)
		assert_int_equal(a->pending.items[i].at_ms, b->pending.items[i].at_ms);
}

/* What was kept is what would have been made anew from the entities. */
static void assert_as_made_anew(struct world *w)
{
	struct shard *anew = new_shard(w);

	for (size_t i = 0; i < w->cut_count; i++)
		assert_int_equal(shard_restore(anew, w->cuts[i].data, w->cuts[i].len), 0);
	anew->must_rebuild = true;
	assert_int_equal(shard_restored(anew), 1);
	assert_same_pending(w->shard, anew);
	shard_free(anew);
}

/* Comes up again from its cuts, with other settings unless `yaml` is NULL; answers what shard_restored did. */
static int restart(struct world *w, const char *yaml)
{
	struct settings *before = w->settings;
	int64_t clock_ms = shard_clock(w->shard),
		revision = snapshots_revision(shard_snapshots(w->shard));
	int answer;

	shard_free(w->shard);
	if (yaml)
		w->settings = settings_of(yaml);
	w->shard = new_shard(w);
	for (size_t i = 0; i < w->cut_count; i++)
		assert_int_equal(shard_restore(w->shard, w->cuts[i].data, w->cuts[i].len), 0);
	answer = shard_restored(w->shard);
	if (yaml)
		settings_free(before);
	snapshots_raise_revision(shard_snapshots(w->shard), revision + 1);
	assert_int_equal(shard_clock(w->shard), clock_ms);
	shard_check(w->shard);
	return answer;
}

/* A delta that no entity stands behind: whoever makes totals anew from the entities loses it. */
static void mark(struct world *w, int64_t at_ms)
{
	struct fact extra = { .at_ms = at_ms, .amount = 1, .count = 1 };

	extra.measure = (uint16_t)plan_measure_find(w->plan, SLICE_LIT("wins"));
	extra.dims[0] = w->plan->none_id;
	assert_true(shard_book(w->shard, &extra));
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

#define STAYS "zone: Asia/Jakarta\ntenants:\n  acme: {}\n  cato: {zone: Europe/Berlin}\n"
#define MOVES                                                                                    \
	"zone: Asia/Jakarta\ntenants:\n"                                                         \
	"  acme: {calendar_changes: [{from: 2026-07-01, zone: Asia/Makassar, week_start: 7}]}\n" \
	"  cato: {zone: Europe/Berlin}\n"

/* The same story for whoever is told it. `part` 0: before the restart; 1: behind it, over the change and a month beyond. */
static void story(struct world *w, int part)
{
	struct rng rng;

	rng_init(&rng, (uint64_t)part + 9);
	if (!part) {
		join(w, "acme", "ana", 1, "2026-06-10T00:00:00Z", "2026-05-01", "2026-07-03");
		join(w, "acme", "budi", 1, "2026-06-10T00:00:00Z", "2026-07-02", NULL);
		join(w, "bolt", "caca", 1, "2026-06-10T00:00:00Z", "2026-07-02", "2026-07-03");
	}
	for (int day = part ? 1 : -20; day < (part ? 33 : 1); day++) {
		int64_t start_ms = time_of("2026-06-28T00:00:00Z") + day * INT64_C(86400000);

		for (int i = 0; i < 6; i++) {
			int64_t at_ms = start_ms + (int64_t)rng_below(&rng, 96) * 900000;

			/* Some are late, some wait for their time. */
			if (rng_chance(&rng, 0.2))
				at_ms -= (int64_t)rng_below(&rng, 4 * 86400000);
			win(w, tenants[i % 3], day * 10 + i, at_ms, 10 + i);
		}
		advance(w, start_ms + 43200000);
	}
	if (part)
		join(w, "acme", "ana", 2, "2026-07-20T00:00:00Z", "2026-05-01", "2026-08-15");
}

static void a_change_ahead_keeps_the_state(void **state)
{
	struct world *w = world_new(STAYS), *always = world_new(MOVES);

	(void)state;
	story(w, 0);
	story(always, 0);
	mark(w, shard_clock(w->shard) - 3600000);
	assert_int_equal(differences(w), 2);
	cut(w, true);
	/* Acme leaves the class that it shared with bolt, and cato's gets another number: nothing is made anew. */
	assert_int_equal(restart(w, MOVES), 2);
	assert_int_equal(differences(w), 2);
	assert_int_equal(w->settings->tenants.calendar_count, 3);
	cut(w, true);
	assert_int_equal(restart(w, NULL), 0);
	assert_int_equal(differences(w), 2);
	story(w, 1);
	story(always, 1);
	assert_int_equal(differences(w), 2);
	assert_int_equal(differences(always), 0);
	world_free(w);
	world_free(always);
}

static void what_is_said_is_what_always_was_so(void **state)
{
	struct world *w = world_new(STAYS), *always = world_new(MOVES);

	(void)state;
	story(w, 0);
	story(always, 0);
	cut(w, true);
	advance(w, shard_clock(w->shard) + 60000);
	advance(always, shard_clock(always->shard) + 60000);
	cut(w, false);
	assert_int_equal(restart(w, MOVES), 2);
	assert_int_equal(differences(w), 0);
	/* What was to come at Jakarta's midnight is taken back, and comes at Makassar's. */
	assert_same_pending(w->shard, always->shard);
	cut(w, true);
	story(w, 1);
	story(always, 1);
	cut(w, false);
	assert_int_equal(restart(w, NULL), 0);
	assert_int_equal(differences(w), 0);
	w->latest.count = always->latest.count = 0;
	shard_collect(w->shard, w->turn_ms + 61000, true, UINT32_MAX, take, w);
	shard_collect(always->shard, w->turn_ms + 61000, true, UINT32_MAX, take, always);
	assert_true(w->latest.count > 50 && w->history.count > 500);
	assert_same(&w->latest, &always->latest);
	assert_same(&always->latest, &w->latest);
	assert_same(&w->history, &always->history);
	assert_same(&always->history, &w->history);
	world_free(w);
	world_free(always);
}

static void a_change_in_the_past_is_made_anew(void **state)
{
	static const char *const others[] = {
		"zone: Asia/Jakarta\ntenants:\n  acme: {zone: Asia/Makassar}\n  cato: {zone: "
		"Europe/Berlin}\n",
		"zone: Asia/Jakarta\ntenants:\n  acme: {calendar_changes: [{from: 2026-06-20, "
		"zone: Asia/Makassar}]}\n"
		"  cato: {zone: Europe/Berlin}\n",
		"zone: Asia/Jakarta\ntenants:\n  acme: {week_start: 7}\n  cato: {zone: "
		"Europe/Berlin}\n",
		/* On Sunday the 28th at noon a week from the 28th on has begun already. */
		"zone: Asia/Jakarta\ncalendar_changes: [{from: 2026-06-28, week_start: "
		"7}]\ntenants:\n"
		"  cato: {zone: Europe/Berlin}\n",
		/* Cato comes to those of Jakarta. */
		"zone: Asia/Jakarta\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct world *w = world_new(STAYS), *always = world_new(others[i]);

		story(w, 0);
		story(always, 0);
		mark(w, shard_clock(w->shard) - 3600000);
		cut(w, true);
		assert_int_equal(restart(w, others[i]), 1);
		assert_int_equal(differences(w), 0);
		w->latest.count = always->latest.count = 0;
		shard_collect(w->shard, w->turn_ms + 61000, true, UINT32_MAX, take, w);
		shard_collect(always->shard, w->turn_ms + 61000, true, UINT32_MAX, take, always);
		assert_same(&w->latest, &always->latest);
		assert_same(&always->latest, &w->latest);
		world_free(w);
		world_free(always);
	}
}

/* ---- any settings, any clock ----------------------------------------------------------------------------- */

static void put_random_changes(
	struct rng *rng, struct buffer *yaml, int32_t first_day, uint64_t span)
{
	static const char *const zones[] = { "Asia/Jakarta", "Asia/Makassar", "Asia/Tokyo",
		"Europe/Berlin", "America/New_York", "Pacific/Apia" };
	int32_t day = first_day;

	buffer_put_text(yaml, "calendar_changes: [");
	for (uint64_t i = 0, count = rng_below(rng, 3); i < count; i++) {
		char date[TIME_TEXT_MAX];

		day += 1 + (int32_t)rng_below(rng, span);
		buffer_printf(yaml, "%s{from: %s, %s: ", i ? ", " : "", date_format(day, date),
			i % 2 ? "week_start" : "zone");
		if (i % 2)
			buffer_printf(yaml, "%d}", 1 + (int)rng_below(rng, 7));
		else
			buffer_printf(yaml, "%s}", zones[rng_below(rng, 6)]);
	}
	buffer_put_text(yaml, "]");
}

static char *random_settings(struct rng *rng, int32_t first_day, uint64_t span)
{
	struct buffer yaml;
	char *text;

	buffer_init(&yaml);
	buffer_put_text(&yaml, "zone: Asia/Jakarta\n");
	put_random_changes(rng, &yaml, first_day, span);
	buffer_put_text(&yaml, "\ntenants:\n  dune: {zone: Asia/Tokyo}\n");
	for (int i = 0; i < 3; i++)
		if (rng_chance(rng, 0.6)) {
			buffer_printf(&yaml, "  %s: {", tenants[i]);
			put_random_changes(rng, &yaml, first_day, span);
			buffer_put_text(&yaml, "}\n");
		}
	text = x_strdup(buffer_text(&yaml));
	buffer_deinit(&yaml);
	return text;
}

static void random_events(struct rng *rng, struct world *w, int *number)
{
	int64_t clock_ms = shard_clock(w->shard);

	for (int i = 0; i < 10; i++) {
		int64_t at_ms = clock_ms - 20 * INT64_C(86400000) +
				(int64_t)rng_below(rng, 22 * INT64_C(86400000));

		win(w, tenants[rng_below(rng, TENANTS)], (int)rng_below(rng, 40), at_ms, ++*number);
	}
	for (int i = 0; i < 3; i++) {
		char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], now[TIME_TEXT_MAX], id[8];
		int64_t day = clock_ms / 86400000 - 5 + (int64_t)rng_below(rng, 15);

		snprintf(id, sizeof(id), "r%d", (int)rng_below(rng, 6));
		join(w, tenants[rng_below(rng, TENANTS)], id, ++*number, time_format(clock_ms, now),
			date_format(day, from), date_format(day + (int64_t)rng_below(rng, 9), to));
	}
}

static void any_settings_after_any_others(void **state)
{
	struct rng rng;
	int kept = 0, rebuilt = 0;

	(void)state;
	rng_init(&rng, 77);
	for (int round = 0; round < 40; round++) {
		int64_t clock_ms =
			time_of("2026-06-01T00:00:00Z") + (int64_t)rng_below(&rng, 86400000);
		int32_t today = (int32_t)(clock_ms / 86400000);
		char *yaml = random_settings(&rng, today - 3, 10);
		struct world *w = world_new(yaml);
		int number = 0, answer = 0;

		advance(w, clock_ms);
		for (int turn = 0; turn < 6; turn++) {
			free(yaml);
			yaml = NULL;
			random_events(&rng, w, &number);
			clock_ms += (int64_t)rng_below(&rng, 3 * INT64_C(86400000));
			advance(w, clock_ms);
			cut(w, answer || turn == 0 || rng_chance(&rng, 0.3));
			today = (int32_t)(clock_ms / 86400000);
			/* Mostly what was, with other words for what lies ahead. */
			if (rng_chance(&rng, 0.7))
				yaml = random_settings(
					&rng, rng_chance(&rng, 0.7) ? today + 1 : today - 9, 10);
			answer = restart(w, yaml);
			kept += answer == 2;
			rebuilt += answer == 1;
			assert_int_equal(differences(w), 0);
			assert_as_made_anew(w);
			if (!yaml)
				assert_int_equal(answer, 0);
		}
		free(yaml);
		world_free(w);
	}
	assert_true(kept > 20 && rebuilt > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_ahead_keeps_the_state),
		cmocka_unit_test(what_is_said_is_what_always_was_so),
		cmocka_unit_test(a_change_in_the_past_is_made_anew),
		cmocka_unit_test(any_settings_after_any_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
