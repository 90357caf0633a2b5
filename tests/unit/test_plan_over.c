/*
 * over(m, 90d) and offset(m, 30d) from end to end: deals won in the last two months, changed, moved, lost, deleted, in any order, with restarts, while the
 * clock goes on by instants and by weeks; the model is the list of them, and what lies in the trailing time behind the window's end.
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
#include "core/shard_inside.h"
#include "sales_floor.h"

#define MEASURES                                                                       \
	"measures:\n"                                                                  \
	"  - {name: money, on: deal, at: deal.won_at, where: deal.status == \"WON\", " \
	"agg: sum, value: deal.amount, by: {rep: deal.owner_id}}\n"                    \
	"  - {name: wins, on: deal, at: deal.won_at, where: deal.status == \"WON\", "  \
	"agg: count}\n"                                                                \
	"  - {name: buyers, extends: wins, agg: distinct, value: deal.account_id}\n"   \
	"  - {name: open, on: deal, at: deal.created_at, until: deal.won_at, agg: count}\n"
#define DEFINITIONS                                                                         \
	MEASURES "metrics:\n"                                                               \
		 "  - {name: month, value: 'over(money, 30d)', windows: [today, 1h, "       \
		 "month_to_date, all], group_by: [[], [rep]]}\n"                            \
		 "  - {name: before, value: 'over(money, 30d, 10d)', windows: [today, 1h, " \
		 "month_to_date, all], group_by: [[], [rep]]}\n"                            \
		 "  - {name: both, value: 'over(money, 30d) - over(money, 1d)', windows: "  \
		 "[today]}\n"                                                               \
		 "  - {name: buyers, value: 'over(buyers, 10d)', windows: [today]}\n"       \
		 "  - {name: lagged, value: 'offset(money, 10d)', windows: [today, 24h, "   \
		 "month_to_date, all], group_by: [[], [rep]]}\n"                            \
		 "  - {name: ripe, value: 'over(wins, 30d)', basis: COHORT, mature: 2d, "   \
		 "windows: [24h]}\n"                                                        \
		 "  - {name: riper, value: 'over(wins, 30d, 5d)', basis: COHORT, mature: "  \
		 "2d, windows: [24h]}\n"

enum { DEALS = 14, REPS = 3, ACCOUNTS = 4, SEEDS = 12, STEPS = 100 };

static const char *const rep_names[REPS] = { "ana", "budi", "citra" };
static const int64_t DAY = 86400000, MINUTE = 60000, QUARTER = 900000;

struct deal {
	bool exists, is_lost, is_deleted;
	int rep, account;
	int64_t amount, version, won_ms;
};

struct model {
	struct rng rng;
	struct sales_floor floor;
	struct deal deals[DEALS];
	int64_t clock_ms;
};

/* ---- what happens --------------------------------------------------------------------------------------- */

static void send(struct model *m, int index)
{
	struct deal *d = &m->deals[index];
	char id[8], amount[24], account[8], won[TIME_TEXT_MAX], at[TIME_TEXT_MAX];
	struct event *e;

	snprintf(id, sizeof(id), "D%d", index);
	snprintf(amount, sizeof(amount), "%lld", (long long)d->amount);
	snprintf(account, sizeof(account), "A%d", d->account);
	time_format(d->won_ms, won);
	time_format(m->clock_ms, at);
	if (d->is_deleted) {
		floor_apply(&m->floor, event_make_op(&m->floor.arena, ENTITY_DEAL, EVENT_DELETE, id,
					       ++d->version, at));
		return;
	}
	e = event_make(&m->floor.arena, ENTITY_DEAL, id, ++d->version, at);
	event_set_all(e, "status", d->is_lost ? "CANCELLED" : "WON", "amount", amount, "currency",
		"IDR", "won_at", won, "owner_id", rep_names[d->rep], "account_id", account, NULL);
	floor_apply(&m->floor, e);
}

/* A change of one of them. Some are won at the very instants at which a trailing time begins, or ends. */
static void change(struct model *m)
{
	static const int64_t lengths[] = { 0, 1, 2, 10, 30, 32 };
	int index = (int)rng_below(&m->rng, DEALS);
	struct deal *d = &m->deals[index];

	if (!d->exists || rng_chance(&m->rng, 0.5))
		d->won_ms = m->clock_ms - (int64_t)rng_below(&m->rng, (uint64_t)(60 * DAY));
	if (rng_chance(&m->rng, 0.3))
		d->won_ms = m->clock_ms - m->clock_ms % QUARTER -
			    lengths[rng_below(&m->rng, 6)] * DAY - (int64_t)rng_below(&m->rng, 2);
	if (!d->exists || rng_chance(&m->rng, 0.5))
		d->amount = 1 + (int64_t)rng_below(&m->rng, 1000);
	if (!d->exists || rng_chance(&m->rng, 0.2)) {
		d->rep = (int)rng_below(&m->rng, REPS);
		d->account = (int)rng_below(&m->rng, ACCOUNTS);
	}
	d->is_lost = rng_chance(&m->rng, 0.15);
	d->is_deleted = d->exists && !d->is_deleted && rng_chance(&m->rng, 0.1);
	d->exists = true;
	send(m, index);
}

/* To the quarter of an hour, by an instant, or by a while. */
static void pass(struct model *m)
{
	char text[TIME_TEXT_MAX];

	switch (rng_below(&m->rng, 4)) {
	case 0:
		m->clock_ms += QUARTER - m->clock_ms % QUARTER;
		break;
	case 1:
		m->clock_ms += 1;
		break;
	case 2:
		m->clock_ms += 1 + (int64_t)rng_below(&m->rng, (uint64_t)(2 * MINUTE));
		break;
	default:
		m->clock_ms += 1 + (int64_t)rng_below(&m->rng, (uint64_t)(3 * DAY));
		break;
	}
	floor_advance(&m->floor, time_format(m->clock_ms, text));
}

/* ---- what must be said ---------------------------------------------------------------------------------- */

struct sums {
	int64_t money, wins, buyers;
};

/* Of [start, end), naively; rep < 0: of all. */
static struct sums sums_of(const struct model *m, int64_t start_ms, int64_t end_ms, int rep)
{
	bool seen[ACCOUNTS] = { false };
	struct sums sums = { 0 };

	for (int i = 0; i < DEALS; i++) {
		const struct deal *d = &m->deals[i];

		if (!d->exists || d->is_lost || d->is_deleted || d->won_ms < start_ms ||
			d->won_ms >= end_ms || (rep >= 0 && d->rep != rep))
			continue;
		sums.money += d->amount;
		sums.wins++;
		sums.buyers += !seen[d->account];
		seen[d->account] = true;
	}
	return sums;
}

static int64_t before(int64_t t_ms, int64_t grid_ms, int64_t days)
{
	return t_ms - t_ms % grid_ms - days * DAY;
}

static void expect(const struct model *m, const char *key, int64_t value)
{
	const struct board_record *r = floor_find(&m->floor, key);
	char at[TIME_TEXT_MAX];

	if (!r && !value)
		return;
	if (!r)
		fail_msg("nothing was said of %s", key);
	if (!r->record.value_decimal.is_set ||
		r->record.value_decimal.units != (i128)value * DECIMAL_SCALE)
		fail_msg("%s at %s: %g; wanted %lld", key, time_format(m->clock_ms, at),
			r->record.value.value, (long long)value);
}

/* Start of the local day, or month, in Jakarta, which has no summer time. */
static int64_t day_start(int64_t t_ms)
{
	const int64_t jakarta_ms = 7 * 3600000;

	return t_ms - (t_ms + jakarta_ms) % DAY;
}

static int64_t month_start(int64_t t_ms)
{
	const int64_t jakarta_ms = 7 * 3600000;
	char text[TIME_TEXT_MAX];
	int64_t day_ms = day_start(t_ms);

	/* «2026-01-06T…»: back to the first, day by day. */
	while (time_format(day_ms + jakarta_ms, text), strncmp(text + 8, "01", 2) != 0)
		day_ms -= DAY;
	return day_ms;
}

/* offset(money, 10d) of each window. */
static void check_lagged(struct model *m)
{
	const int64_t now = m->clock_ms, end = before(now, QUARTER, 10);
	const struct {
		const char *window;
		int64_t from, to;
	} cases[] = { { "today", day_start(now) - 10 * DAY, end },
		{ "month_to_date", month_start(now) - 10 * DAY, end },
		{ "24h", before(now, MINUTE, 11), before(now, MINUTE, 10) },
		{ "all", INT64_MIN, end } };

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		for (int rep = -1; rep < REPS; rep++) {
			char key[80];

			snprintf(key, sizeof(key), "acme/lagged/%s/%s/%s/IDR", cases[c].window,
				rep < 0 ? "" : "rep", rep < 0 ? "" : rep_names[rep]);
			expect(m, key, sums_of(m, cases[c].from, cases[c].to, rep).money);
		}
}

static void check(struct model *m)
{
	static const char *const windows[] = { "today", "1h", "month_to_date", "all" };
	int64_t now = m->clock_ms, month = before(now, QUARTER, 30);
	int64_t earlier = before(now, QUARTER, 40), ten_days_ago = before(now, QUARTER, 10);
	int64_t riper = sums_of(m, before(now, QUARTER, 37), before(now, MINUTE, 7), -1).wins;
	int64_t ripe = sums_of(m, before(now, QUARTER, 32), before(now, MINUTE, 2), -1).wins;

	floor_settle(&m->floor);
	for (int w = 0; w < 4; w++)
		for (int rep = -1; rep < REPS; rep++) {
			char key[80];

			snprintf(key, sizeof(key), "acme/month/%s/%s/%s/IDR", windows[w],
				rep < 0 ? "" : "rep", rep < 0 ? "" : rep_names[rep]);
			expect(m, key, sums_of(m, month, now, rep).money);
			snprintf(key, sizeof(key), "acme/before/%s/%s/%s/IDR", windows[w],
				rep < 0 ? "" : "rep", rep < 0 ? "" : rep_names[rep]);
			expect(m, key, sums_of(m, earlier, ten_days_ago, rep).money);
		}
	check_lagged(m);
	expect(m, "acme/both/today///IDR",
		sums_of(m, month, now, -1).money -
			sums_of(m, before(now, MINUTE, 1), now, -1).money);
	expect(m, "acme/buyers/today///", sums_of(m, before(now, QUARTER, 10), now, -1).buyers);
	expect(m, "acme/ripe/24h///", ripe);
	expect(m, "acme/riper/24h///", riper);
	shard_check(m->floor.shard);
	assert_int_equal(shard_audit(m->floor.shard, NULL, NULL), 0);
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
	floor_deinit(&m.floor);
}

static void what_trails_is_what_lies_in_it(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

/* ---- what is refused ------------------------------------------------------------------------------------ */

static void what_cannot_trail(void **state)
{
	static const struct {
		const char *metric, *says;
	} cases[] = {
		{ "value: 'over(open, 30d)', windows: [now]",
			"it wants a measure without `until`" },
		{ "value: 'over(win, 30d)', windows: [7d]", "the nearest is «wins»" },
		{ "value: 'over(wins, -30d)', windows: [7d]", "a time from 1m to 1100d" },
		{ "value: 'over(money, 30d) + wins', windows: [7d]", "a money and a int" },
		{ "value: 'over(wins, 30d)', windows: [7d], compare: previous",
			"such a metric has no comparison" },
		{ "value: 'over(wins, 30d) - previous(wins)', windows: [7d]",
			"beside them there is no previous()" },
		{ "value: 'over(wins, 30d, 36h)', windows: [7d]", "whole days earlier" },
		{ "value: 'offset(wins, 36h)', windows: [7d]", "whole days, at most 400d" },
		{ "value: 'offset(wins, lag)', windows: [7d]", "a param that is such a duration" },
		{ "value: 'offset(wins, wait)', windows: [7d]", "this param differs by tenant" },
		{ "value: 'over(wins, 30d, wait)', windows: [7d]", "this param differs by tenant" },
		{ "value: 'offset(open, 30d)', windows: [now]", "a measure without `until`" },
		{ "value: 'offset(wins, 30d)', windows: [7d], compare: previous_year",
			"such a metric has no comparison" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[1200], *mistake;

		snprintf(yaml, sizeof(yaml),
			MEASURES "params: {wait: 2d}\ntenants: {acme: {wait: 3d}}\n"
				 "metrics: [{name: g, %s}]\n",
			cases[i].metric);
		mistake = mistake_of(yaml);
		if (!strstr(mistake, cases[i].says))
			fail_msg("%s: %s", cases[i].metric, mistake);
		free(mistake);
	}
}

/* Two formulas that read a measure in 20 ways each, and a third that names both: it is told where it names the second. */
static void test_formulas_that_read_too_much(void **state)
{
	char text[4000], *mistake;
	size_t used = (size_t)snprintf(text, sizeof(text),
		"measures:\n  - {name: won, on: deal, at: deal.won_at, agg: count}\nmetrics:\n");

	(void)state;
	for (int metric = 0; metric < 2; metric++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			"  - {name: m%d, windows: [now], value: '0", metric);
		for (int day = 1; day <= 20; day++)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
				" + over(won, %dd)", metric * 20 + day);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "'}\n");
	}
	snprintf(text + used, sizeof(text) - used,
		"  - {name: both, windows: [now], value: m0 + m1}\n");
	mistake = mistake_of(text);
	assert_non_null(strstr(mistake, ":46: a formula reads measures in at most 32 ways\n"));
	assert_non_null(strstr(mistake, "^~\n"));
	free(mistake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_trails_is_what_lies_in_it),
		cmocka_unit_test(what_cannot_trail),
		cmocka_unit_test(test_formulas_that_read_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
