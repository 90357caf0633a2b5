/*
 * full(m) from end to end: opportunities that are expected on days before and behind the clock, changed, put off, lost, deleted, in any
 * order, with restarts, over months; the model is the list of them, and what lies in the clock's period and in the one before.
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
#include "core/calendar.h"
#include "core/shard_inside.h"
#include "sales_floor.h"

#define DEFINITIONS                                                                           \
	"measures:\n"                                                                         \
	"  - {name: due, on: opportunity, at: day_start(opportunity.expected_close), where: " \
	"opportunity.status != \"LOST\", agg: sum, value: opportunity.amount, by: {rep: "     \
	"opportunity.owner_id}}\n"                                                            \
	"  - {name: buyers, extends: due, agg: distinct, value: opportunity.account_id}\n"    \
	"metrics:\n"                                                                          \
	"  - {name: due, value: full(due), windows: [today, week_to_date, month_to_date, "    \
	"quarter_to_date, year_to_date], group_by: [[], [rep]]}\n"                            \
	"  - {name: progress, value: due / full(due), windows: [month_to_date]}\n"            \
	"  - {name: buyers, value: full(buyers), windows: [month_to_date]}\n"                 \
	"  - {name: ahead, value: full(due) - due - previous(due), windows: [month_to_date]}\n"

enum { THINGS = 12, REPS = 3, ACCOUNTS = 3, SEEDS = 12, STEPS = 120 };

static const char *const rep_names[REPS] = { "ana", "budi", "citra" };
static const int64_t DAY = 86400000, QUARTER = 900000;

struct thing {
	bool exists, is_lost, is_deleted;
	int rep, account;
	int64_t amount, version;
	int64_t day; /* expected_close */
};

struct model {
	struct rng rng;
	struct sales_floor floor;
	struct thing things[THINGS];
	int64_t clock_ms;
};

static const struct calendar *calendar_of(const struct model *m)
{
	return &m->floor.calendars[0];
}

/* ---- what happens --------------------------------------------------------------------------------------- */

static void send(struct model *m, int index)
{
	struct thing *t = &m->things[index];
	char id[8], amount[24], day[TIME_TEXT_MAX], at[TIME_TEXT_MAX], account[8];
	struct event *e;

	snprintf(id, sizeof(id), "O%d", index);
	snprintf(amount, sizeof(amount), "%lld", (long long)t->amount);
	snprintf(account, sizeof(account), "A%d", t->account);
	time_format(t->day * DAY, day);
	day[10] = '\0';
	time_format(m->clock_ms, at);
	if (t->is_deleted) {
		e = event_make_op(
			&m->floor.arena, ENTITY_OPPORTUNITY, EVENT_DELETE, id, ++t->version, at);
		floor_apply(&m->floor, e);
		return;
	}
	e = event_make(&m->floor.arena, ENTITY_OPPORTUNITY, id, ++t->version, at);
	event_set_all(e, "status", t->is_lost ? "LOST" : "OPEN", "amount", amount, "currency",
		"IDR", "expected_close", day, "owner_id", rep_names[t->rep], "account_id", account,
		"created_at", "2026-01-05T03:00:00Z", NULL);
	floor_apply(&m->floor, e);
}

/* A change of one of them; half of the days lie ahead. */
static void change(struct model *m)
{
	int index = (int)rng_below(&m->rng, THINGS);
	struct thing *t = &m->things[index];
	int64_t today = calendar_local_day(calendar_of(m), m->clock_ms);

	if (!t->exists || rng_chance(&m->rng, 0.5))
		t->day = today - 45 + (int64_t)rng_below(&m->rng, 91);
	if (rng_chance(&m->rng, 0.2))
		t->day = today;
	if (!t->exists || rng_chance(&m->rng, 0.5))
		t->amount = 1 + (int64_t)rng_below(&m->rng, 1000);
	if (!t->exists || rng_chance(&m->rng, 0.2)) {
		t->rep = (int)rng_below(&m->rng, REPS);
		t->account = (int)rng_below(&m->rng, ACCOUNTS);
	}
	t->is_lost = rng_chance(&m->rng, 0.15);
	t->is_deleted = t->exists && !t->is_deleted && rng_chance(&m->rng, 0.1);
	t->exists = true;
	send(m, index);
}

/* By a while, or to the first instant of a day, or of a month. */
static void pass(struct model *m)
{
	const struct calendar *calendar = calendar_of(m);
	char text[TIME_TEXT_MAX];

	switch (rng_below(&m->rng, 4)) {
	case 0:
		m->clock_ms = calendar_period_end(calendar, CALENDAR_DAY, m->clock_ms);
		break;
	case 1:
		if (rng_chance(&m->rng, 0.2))
			m->clock_ms = calendar_period_end(calendar, CALENDAR_MONTH, m->clock_ms);
		break;
	default:
		m->clock_ms += 1 + (int64_t)rng_below(&m->rng, (uint64_t)(2 * DAY));
		break;
	}
	floor_advance(&m->floor, time_format(m->clock_ms, text));
}

/* ---- what must be said ---------------------------------------------------------------------------------- */

static bool lies_in(
	const struct model *m, const struct thing *t, enum calendar_unit unit, int64_t start_ms)
{
	int64_t at_ms = calendar_day_start(calendar_of(m), t->day);

	return t->exists && !t->is_lost && !t->is_deleted &&
	       calendar_period_start(calendar_of(m), unit, at_ms) == start_ms;
}

static int64_t sum_of(const struct model *m, enum calendar_unit unit, int64_t start_ms, int rep,
	int64_t before_ms)
{
	int64_t sum = 0;

	for (int i = 0; i < THINGS; i++) {
		const struct thing *t = &m->things[i];

		if (lies_in(m, t, unit, start_ms) && (rep < 0 || t->rep == rep) &&
			calendar_day_start(calendar_of(m), t->day) < before_ms)
			sum += t->amount;
	}
	return sum;
}

static int64_t buyers_of(const struct model *m, int64_t start_ms)
{
	bool seen[ACCOUNTS] = { false };
	int64_t count = 0;

	for (int i = 0; i < THINGS; i++)
		if (lies_in(m, &m->things[i], CALENDAR_MONTH, start_ms)) {
			count += !seen[m->things[i].account];
			seen[m->things[i].account] = true;
		}
	return count;
}

/* The last record of a key, and in it the value and what the period before had in all. */
static void expect(const struct model *m, const char *key, int64_t value, int64_t previous)
{
	const struct board_record *r = floor_find(&m->floor, key);
	char at[TIME_TEXT_MAX];

	if (!r && !value && !previous)
		return;
	if (!r)
		fail_msg("nothing was said of %s", key);
	if (!r->record.value_decimal.is_set ||
		r->record.value_decimal.units != (i128)value * DECIMAL_SCALE ||
		!r->record.previous_value.is_set ||
		(int64_t)r->record.previous_value.value != previous)
		fail_msg("%s at %s: %g, before %g; wanted %lld, before %lld", key,
			time_format(m->clock_ms, at), r->record.value.value,
			r->record.previous_value.value, (long long)value, (long long)previous);
}

static void check_due(const struct model *m)
{
	static const char *const windows[] = { "today", "week_to_date", "month_to_date",
		"quarter_to_date", "year_to_date" };

	for (int unit = 0; unit < CALENDAR_UNIT_COUNT; unit++)
		for (int rep = -1; rep < REPS; rep++) {
			enum calendar_unit u = (enum calendar_unit)unit;
			int64_t start_ms = calendar_period_start(calendar_of(m), u, m->clock_ms),
				before_ms =
					calendar_period_shift(calendar_of(m), u, m->clock_ms, -1);
			char key[80];

			snprintf(key, sizeof(key), "acme/due/%s/%s/%s/IDR", windows[unit],
				rep < 0 ? "" : "rep", rep < 0 ? "" : rep_names[rep]);
			expect(m, key, sum_of(m, u, start_ms, rep, INT64_MAX),
				sum_of(m, u, before_ms, rep, INT64_MAX));
		}
}

/* What is compared with as much of the period before is said as of the quarter of an hour at which that was looked at. */
static void check_ahead(const struct model *m, int64_t whole)
{
	const struct board_record *r = floor_find(&m->floor, "acme/ahead/month_to_date///IDR");
	int64_t quarter_ms = m->clock_ms - m->clock_ms % QUARTER;
	int64_t like_ms = calendar_like_elapsed(calendar_of(m), CALENDAR_MONTH, 1, quarter_ms);
	int64_t start_ms = calendar_period_start(calendar_of(m), CALENDAR_MONTH, m->clock_ms);
	int64_t before_ms = calendar_period_shift(calendar_of(m), CALENDAR_MONTH, m->clock_ms, -1);
	int64_t so_far = sum_of(m, CALENDAR_MONTH, start_ms, -1, quarter_ms),
		before = sum_of(m, CALENDAR_MONTH, before_ms, -1, like_ms);

	if (!r) {
		assert_true(!whole && !before);
		return;
	}
	assert_true(
		r->record.value_decimal.units == (i128)(whole - so_far - before) * DECIMAL_SCALE);
	assert_int_equal(r->record.window_end_ms % QUARTER, 0);
}

static void check(struct model *m)
{
	int64_t start_ms = calendar_period_start(calendar_of(m), CALENDAR_MONTH, m->clock_ms),
		before_ms = calendar_period_shift(calendar_of(m), CALENDAR_MONTH, m->clock_ms, -1),
		whole = sum_of(m, CALENDAR_MONTH, start_ms, -1, INT64_MAX);
	const struct board_record *r;

	floor_settle(&m->floor);
	check_due(m);
	expect(m, "acme/buyers/month_to_date///", buyers_of(m, start_ms), buyers_of(m, before_ms));
	r = floor_find(&m->floor, "acme/progress/month_to_date///IDR");
	if (whole) {
		assert_non_null(r);
		assert_true(r->record.denominator.units == (i128)whole * DECIMAL_SCALE);
		assert_true(
			r->record.numerator.units ==
			(i128)sum_of(m, CALENDAR_MONTH, start_ms, -1, m->clock_ms) * DECIMAL_SCALE);
	}
	check_ahead(m, whole);
	shard_check(m->floor.shard);
	assert_int_equal(shard_audit(m->floor.shard, NULL, NULL), 0);
}

/* The months that have closed are as long as the ledger reaches back what their facts say now: corrections restate them. */
static void check_closed(const struct model *m, int rep)
{
	for (int back = 2; back <= 3; back++) {
		int64_t start_ms =
			calendar_period_shift(calendar_of(m), CALENDAR_MONTH, m->clock_ms, -back);
		int64_t whole = sum_of(m, CALENDAR_MONTH, start_ms, rep, INT64_MAX);
		char key[80], date[TIME_TEXT_MAX];
		const struct board_record *r;

		time_format(calendar_local_day(calendar_of(m), start_ms) * DAY, date);
		date[10] = '\0';
		snprintf(key, sizeof(key), "acme/due/month/%s/%s/IDR@%s", rep < 0 ? "" : "rep",
			rep < 0 ? "" : rep_names[rep], date);
		r = floor_find(&m->floor, key);
		if (whole || r) {
			assert_non_null(r);
			assert_true(r->record.value_decimal.units == (i128)whole * DECIMAL_SCALE);
		}
	}
}

static void run(uint64_t seed)
{
	struct model m;

	memset(&m, 0, sizeof(m));
	rng_init(&m.rng, seed);
	floor_init(&m.floor, DEFINITIONS);
	m.clock_ms = ms_of("2026-01-06T03:00:00Z");
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int step = 0; step < STEPS; step++) {
		for (uint64_t i = rng_below(&m.rng, 4); i; i--)
			change(&m);
		if (rng_chance(&m.rng, 0.15))
			floor_restart(&m.floor, rng_chance(&m.rng, 0.3) || !m.floor.cut_count);
		pass(&m);
		if (rng_chance(&m.rng, 0.3))
			change(&m);
		check(&m);
	}
	for (int rep = -1; rep < REPS; rep++)
		check_closed(&m, rep);
	floor_deinit(&m.floor);
}

static void a_whole_period_is_what_lies_in_it(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

/* A fact whose own time is in reach is not late because the year that it lies in began beyond it. */
static void a_year_that_began_beyond_the_floor(void **state)
{
	struct model m;
	struct event *e;
	char reason[EVENT_REASON_MAX];

	(void)state;
	memset(&m, 0, sizeof(m));
	floor_init(&m.floor,
		"measures:\n  - {name: wins, on: deal, at: deal.won_at}\n"
		"metrics:\n  - {name: wins, value: full(wins), windows: [year_to_date], compare: "
		"none}\n  - {name: day, value: wins, windows: [today]}\n");
	floor_advance(&m.floor, "2026-11-30T03:00:00Z");
	e = event_make(&m.floor.arena, ENTITY_DEAL, "D1", 1, "2025-12-01T03:00:00Z");
	event_set_all(e, "status", "WON", "won_at", "2025-12-01T03:00:00Z", NULL);
	assert_int_equal(shard_apply(m.floor.shard, e, reason), SHARD_APPLIED);
	assert_int_equal(shard_counters(m.floor.shard).late, 0);
	e = event_make(&m.floor.arena, ENTITY_DEAL, "D2", 1, "2024-12-01T03:00:00Z");
	event_set_all(e, "status", "WON", "won_at", "2024-12-01T03:00:00Z", NULL);
	assert_int_equal(shard_apply(m.floor.shard, e, reason), SHARD_LATE);
	assert_int_equal(shard_audit(m.floor.shard, NULL, NULL), 0);
	floor_deinit(&m.floor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_period_is_what_lies_in_it),
		cmocka_unit_test(a_year_that_began_beyond_the_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
